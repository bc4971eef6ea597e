//: what      loops: never more than four open, overflow and underflow fault, every body runs its count
//: design    name = f;m = 1;n = 2;k = 2;wbits = 2;bus_bytes = 8;mem_latency = 2;a_regs = 2;t_regs = 2;w_regs = 2;c_regs = 2;s_regs = 2
//: unit      core
//: inside    @P@_sequencer
//: cut       sum
//: depth     9
//: induction 2
  reg past_q = 1'b0;
  always @(posedge clk_i) past_q <= 1'b1;
  always @* begin
    assume (rst_ni == past_q);
    assume (mem_i + pre_i + lmma_i + zero_i + wait_i + halt_i + mov_i + add_i + loop_i + end_i <= 1);
    assume (!loop_i | (imm_i != 32'd0) | ~legal_i);  // the decoder refuses a count of zero
  end
  // any one level of nesting, watched from outside
  (* anyconst *) reg [2:0] level;
  reg [31:0] body_q, left_q;
  wire [2:0] below = depth_q - level;  // entries above it in the stack
  always @* assume ((level >= 3'd1) & (level <= 3'd4));
  always @(posedge clk_i) begin
    if (issue & loop_i & (depth_q == level - 3'd1)) begin
      body_q <= pc_q + 32'd1;
      left_q <= imm_i;
    end else if (issue & end_i & (depth_q == level)) begin
      left_q <= left_q - 32'd1;
    end
  end
  always @* if (rst_ni) begin
    assert (depth_q <= 3'd4);
    if (depth_q >= level) begin
      assert (loop_pc_q[{below[1:0], 5'd0} +: 32] == body_q);
      assert (loop_count_q[{below[1:0], 5'd0} +: 32] == left_q);
      assert (left_q != 32'd0);
    end
  end
  always @(posedge clk_i) if (past_q && $past(rst_ni)) begin
    if ($past(issue & end_i & (depth_q == level))) begin
      assert (pc_q == ($past(left_q) == 32'd1 ? $past(pc_q) + 32'd1 : $past(body_q)));
      assert ((depth_q == level) == ($past(left_q) != 32'd1));
      cover (level == 3'd2 && $past(left_q) == 32'd1);
      cover (level == 3'd1 && pc_q == $past(body_q));
    end
    if ($past(run & loop_i & (depth_q == 3'd4))) assert (fault_o);
    if ($past(run & end_i & (depth_q == 3'd0))) assert (fault_o);
    cover (fault_o && $past(depth_q == 3'd4) && $past(legal_i));
  end
