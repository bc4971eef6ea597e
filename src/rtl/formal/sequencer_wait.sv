//: what      a wait ends only when none of its units is occupied, and halt when none is; then at once
//: design    name = f;m = 1;n = 2;k = 2;wbits = 2;bus_bytes = 8;mem_latency = 2;a_regs = 2;t_regs = 2;w_regs = 2;c_regs = 2;s_regs = 2
//: unit      core
//: inside    @P@_sequencer
//: cut       sum
//: depth     12
//: induction 2
  reg past_q = 1'b0;
  always @(posedge clk_i) past_q <= 1'b1;
  always @* begin
    assume (rst_ni == past_q);
    assume (mem_i + pre_i + lmma_i + zero_i + wait_i + halt_i + mov_i + add_i + loop_i + end_i <= 1);
  end
  always @(posedge clk_i) if (past_q && $past(rst_ni)) begin
    if ($past(run & legal_i & wait_i)) begin
      assert ((pc_q != $past(pc_q)) == (($past(mask_i) & $past(busy_i)) == 3'd0));
      cover (pc_q != $past(pc_q) && $past(mask_i) == 3'd5 && $past(busy_i) == 3'd2);
      cover (pc_q == $past(pc_q));
    end
    if ($past(run & legal_i & halt_i)) begin
      assert (done_o == ($past(busy_i) == 3'd0));
      cover (done_o);
    end
    if (done_o && !$past(done_o)) assert ($past(run & halt_i & legal_i));
  end
