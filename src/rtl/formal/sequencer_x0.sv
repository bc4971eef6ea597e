//: what      address registers: x0 reads as zero, the others hold what mov and add last gave them
//: design    name = f;m = 1;n = 2;k = 2;wbits = 2;bus_bytes = 8;mem_latency = 2;a_regs = 2;t_regs = 2;w_regs = 2;c_regs = 2;s_regs = 2
//: unit      core
//: inside    @P@_sequencer
//: depth     10
//: induction 2
  reg past_q = 1'b0;
  always @(posedge clk_i) past_q <= 1'b1;
  always @* begin
    assume (rst_ni == past_q);
    assume (mem_i + pre_i + lmma_i + zero_i + wait_i + halt_i + mov_i + add_i + loop_i + end_i <= 1);
  end
  (* anyconst *) reg [2:0] which;
  reg [31:0] value_q = 32'd0;  // of the register watched
  always @(posedge clk_i) begin
    if (~rst_ni | (start_i & ~run)) value_q <= 32'd0;
    else if (issue & mov_i & (xd_i == which)) value_q <= which == 3'd0 ? 32'd0 : imm_i;
    else if (issue & add_i & (xd_i == which)) value_q <= which == 3'd0 ? 32'd0 : addr_o;
  end
  always @* if (rst_ni) begin
    if (which == 3'd0) assert (value_q == 32'd0);
    assert (x[{which, 5'd0} +: 32] == value_q);
    if (xb_i == which) assert (addr_o == value_q + imm_i);
    cover (which == 3'd5 && value_q == 32'd40);
  end
