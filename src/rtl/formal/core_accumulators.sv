//: what      accumulators are written only by a step or zero of MMA, or a load of MEM, while that unit is occupied
//: design    name = f;m = 1;n = 2;k = 2;wbits = 2;bus_bytes = 8;mem_latency = 2;a_regs = 2;t_regs = 2;w_regs = 2;c_regs = 2;s_regs = 2
//: unit      core
//: inside    @P@
//: cut       u_sequencer.sum u_sequencer.again u_sequencer.depth_q legal
//: depth     8
//: induction 3
  reg past_q = 1'b0;
  always @(posedge clk_i) past_q <= 1'b1;
  always @* begin
    assume (rst_ni == past_q);
    if (rst_ni) begin
      if (c_we) assert (mma_busy);
      if (load != 5'd0) assert (mem_busy & ~mem_we_o);
      if (c_zero & c_we) assert (~s_zero);
      cover (c_we & c_zero);
      cover (c_we & ~c_zero & load[3]);
    end
  end
