//: what      a block of accumulators changes only where one of its two writers names it, then to that value
//: design    name = f;m = 2;n = 2;k = 2;wbits = 2;bus_bytes = 8;mem_latency = 2;a_regs = 2;t_regs = 2;w_regs = 2;c_regs = 2;s_regs = 2
//: unit      core
//: inside    @P@_creg
//: depth     6
//: induction 2
  reg past_q = 1'b0;
  always @(posedge clk_i) past_q <= 1'b1;
  wire mine = mem_we_i & (mem_reg_i == id_i), sum = mma_we_i & (mma_reg_i == id_i);
  always @(posedge clk_i) if (past_q) begin
    if ($past(sum)) assert (value_o == $past(mma_data_i));
    else if (!$past(mine)) assert (value_o == $past(value_o));
    else begin
      // the other beat rests
      if ($past(mem_beat_i) == 1'd0)
        assert (value_o == {$past(value_o[127:64]), $past(mem_data_i)});
      else assert (value_o == {$past(mem_data_i), $past(value_o[63:0])});
    end
    cover ($past(mine) & ~$past(sum) & (value_o != $past(value_o)));
  end
