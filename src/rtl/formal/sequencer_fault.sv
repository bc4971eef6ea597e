//: what      a fault stops the core: fault_o stays, nothing issues, the counter stands until a start
//: design    name = f;m = 1;n = 2;k = 2;wbits = 2;bus_bytes = 8;mem_latency = 2;a_regs = 2;t_regs = 2;w_regs = 2;c_regs = 2;s_regs = 2
//: unit      core
//: inside    @P@_sequencer
//: depth     10
//: induction 2
  reg past_q = 1'b0;
  always @(posedge clk_i) past_q <= 1'b1;
  always @* assume (rst_ni == past_q);
  always @(posedge clk_i) if (past_q && $past(rst_ni)) begin
    if ($past(run & ~legal_i)) assert (fault_o);
    if ($past(run & legal_i & mem_i & ~loop_i & ~end_i) && $past(addr_o[2:0]) != 3'd0)
      assert (fault_o);
    if ($past(fault_o & ~start_i)) begin
      assert (fault_o & ~done_o & (pc_q == $past(pc_q)));
      assert (!(issue_mem_o | issue_pre_o | issue_lmma_o | issue_zero_o));
    end
    assert (!(fault_o & done_o));
    cover (fault_o && $past(fault_o) && $past(legal_i));
  end
