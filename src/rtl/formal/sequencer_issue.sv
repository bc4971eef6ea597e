//: what      an instruction issues only to a unit that is ready, at most one in a cycle
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
    // a word is one instruction
    assume (mem_i + pre_i + lmma_i + zero_i + wait_i + halt_i + mov_i + add_i + loop_i + end_i <= 1);
    if (rst_ni) begin
      assert (!issue_mem_o | mem_ready_i);
      assert (!issue_pre_o | pre_ready_i);
      assert (!issue_lmma_o | lmma_ready_i);
      assert (!issue_zero_o | zero_ready_i);
      assert (issue_mem_o + issue_pre_o + issue_lmma_o + issue_zero_o <= 1);
      assert (!(issue_mem_o | issue_pre_o | issue_lmma_o | issue_zero_o) | (run & legal_i));
      cover (issue_mem_o);
      cover (issue_zero_o);
    end
  end
