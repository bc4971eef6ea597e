//: what      every word is at most one instruction; an illegal one is none that the core would run
//: design    name = f;m = 1;n = 2;k = 2;wbits = 2;bus_bytes = 8;mem_latency = 2;a_regs = 2;t_regs = 2;w_regs = 2;c_regs = 2;s_regs = 2
//: unit      core
//: inside    @P@_decode
//: depth     1
//: induction 0
  always @* begin
    assert (halt_o + mov_o + add_o + loop_o + end_o + wait_o + mem_o + pre_o + lmma_o + zero_o <= 1);
    if (legal_o & mem_o) assert (file_o <= 3'd4);
    if (legal_o & sto_o) assert (store_o & (file_o == 3'd3));
    if (legal_o & loop_o) assert (imm_o != 32'd0);
    if (legal_o & lmma_o) begin
      // blocks lie within the register files
      assert ({2'd0, inst_i[10:5]} + ({5'd0, rows_o} + 8'd1) * ({5'd0, cols_o} + 8'd1) <= 8'd2);
      assert (planes_o >= 4'd1 && planes_o <= 4'd2);
    end
    if (&inst_i) assert (~legal_o);
    cover (legal_o & lmma_o & (rows_o == 3'd1));
    cover (legal_o & sto_o & (scale_o == 11'h7ff));
  end
