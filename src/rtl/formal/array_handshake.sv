//: what      the array: a step of P planes is not ready for P - 1 cycles, and done_o comes P + pipeline cycles after it
//: design    name = f;m = 1;n = 1;k = 2;wbits = 4;acc = s16;pipeline = 2;bus_bytes = 8
//: unit      array
//: inside    @N@_ctrl
//: depth     14
//: induction 2
  reg past_q = 1'b0;
  reg [3:0] wait_q = 4'd0;      // cycles until ready
  reg [6:0] due_q = 7'd0;       // bit i: done_o in i cycles
  always @(posedge clk_i) past_q <= 1'b1;
  wire taken = step_i & ready_o;
  always @(posedge clk_i) begin
    wait_q <= ~rst_ni ? 4'd0 : taken ? planes_i - 4'd1 : wait_q != 0 ? wait_q - 4'd1 : 4'd0;
    due_q <= ~rst_ni ? 7'd0 : (due_q >> 1) | (taken ? 7'd1 << (planes_i + 1) : 7'd0);
  end
  always @* begin
    assume (rst_ni == past_q);
    assume ((planes_i >= 4'd1) & (planes_i <= 4'd4));
    if (rst_ni) begin
      assert (ready_o == (wait_q == 4'd0));
      assert (done_o == due_q[0]);
      // the states that can be reached
      assert (finish_q == due_q[1]);
      assert (due_q[6:2] == (busy_q ? 5'd1 << wait_q : 5'd0));
      assert (last_q <= 3'd3);
      if (busy_q) assert ((plane_q <= last_q) & (wait_q == {1'b0, last_q} - {1'b0, plane_q}));
      else assert (wait_q == 4'd0);
      cover (done_o & ~ready_o);
      cover (taken & (planes_i == 4'd3) & done_o);
    end
  end
