//: what      an lmma walks i*j*l steps times planes, K fastest, on the registers that the manual names (i, j, l of 1, 2)
//: design    name = f;m = 1;n = 2;k = 2;wbits = 2;bus_bytes = 8;mem_latency = 2;a_regs = 2;t_regs = 2;w_regs = 2;c_regs = 2;s_regs = 2
//: unit      core
//: inside    @P@_mma_control
//: depth     8
//: induction 2
  reg past_q = 1'b0;
  reg [5:0] c0_q, x0_q, w0_q;
  reg [4:0] left_q;        // cycles of the lmma to come, this one included
  always @(posedge clk_i) past_q <= 1'b1;
  always @(posedge clk_i) begin
    if (issue_lmma_i) begin
      c0_q <= c_i;
      x0_q <= x_i;
      w0_q <= w_i;
      left_q <= 5'd1 << (rows_i[0] + cols_i[0] + deep_i[0] + last_plane_i[0] + 3'd0);
    end else if (step_q) begin
      left_q <= left_q - 5'd1;
    end
  end
  // what is still to do, from the innermost count outwards
  wire [1:0] planes_left = {1'b0, last_plane_q[0]} - {1'b0, plane_q[0]};
  wire [2:0] deep_left = {2'd0, deep_q[0] & ~k_q[0]} << last_plane_q[0];
  wire [3:0] cols_left = ({3'd0, cols_q[0] & ~col_q[0]} << last_plane_q[0]) << deep_q[0];
  wire [4:0] rows_left = (({4'd0, rows_q[0] & ~row_q[0]} << last_plane_q[0]) << deep_q[0])
                         << cols_q[0];
  always @* begin
    assume (rst_ni == past_q);
    assume (!issue_lmma_i | (lmma_ready_o & ~issue_zero_i));
    assume (!issue_zero_i | zero_ready_o);
    assume ((rows_i <= 3'd1) & (cols_i <= 3'd1) & (deep_i <= 3'd1) & (last_plane_i <= 3'd1));
    if (rst_ni & step_q) begin
      assert ((rows_q <= 3'd1) & (cols_q <= 3'd1) & (deep_q <= 3'd1) & (last_plane_q <= 3'd1));
      assert ((row_q <= rows_q) & (col_q <= cols_q) & (k_q <= deep_q) & (plane_q <= last_plane_q));
      assert (c_reg_o == c0_q + (row_q[0] ? 6'd1 + cols_q[0] : 6'd0) + col_q[0]);
      assert (x_reg_o == x0_q + (row_q[0] ? 6'd1 + deep_q[0] : 6'd0) + k_q[0]);
      assert (w_reg_o == w0_q + (col_q[0] ? 6'd1 + deep_q[0] : 6'd0) + k_q[0]);
      assert (x_row_q == x0_q + (row_q[0] ? 6'd1 + deep_q[0] : 6'd0));
      assert (w_first_q == w0_q);
      assert (left_q == 5'd1 + planes_left + deep_left + cols_left + rows_left);
      assert (c_we_o & ~c_zero_o);
      assert (c_keep_o == !(from_zero_q & (k_q == 3'd0) & (plane_q == 3'd0)));
      assert (lmma_ready_o == (left_q == 5'd1));
      cover (lmma_ready_o & row_q[0] & k_q[0]);
      cover (col_q[0] & plane_q[0] & c_keep_o);
    end
    if (rst_ni & ~step_q) assert (lmma_ready_o);
  end
