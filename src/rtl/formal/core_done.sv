//: what      done_o means that every unit is idle and stays so
//: design    name = f;m = 1;n = 2;k = 2;wbits = 2;bus_bytes = 8;mem_latency = 2;a_regs = 2;t_regs = 2;w_regs = 2;c_regs = 2;s_regs = 2
//: unit      core
//: inside    @P@
//: cut       u_sequencer.sum u_sequencer.again u_sequencer.depth_q legal
//: depth     9
//: induction 3
  reg past_q = 1'b0;
  always @(posedge clk_i) past_q <= 1'b1;
  always @* begin
    assume (rst_ni == past_q);
    if (rst_ni & done_o) begin
      assert (~mem_busy & ~pre_busy & ~mma_busy & ~mem_req_o & ~c_we & (load == 5'd0));
    end
    cover (done_o);
  end
