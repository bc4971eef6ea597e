//: what      ternary: three weights of -1, 0, 1 in one cycle equal the definition, for any activations
//: design    name = f;m = 1;n = 1;wtype = ternary;acc = s16;bus_bytes = 8
//: unit      lut
//: top       claim
//: depth     1
//: induction 0
module claim (
  input [23:0] a_i,
  input [2:0]  zero_i,   // weight i is 0
  input [2:0]  minus_i,  // otherwise -1
  input [15:0] c_i
);
  wire signed [5:0] t0 = zero_i[0] ? 6'sd0 : minus_i[0] ? -6'sd1 : 6'sd1;
  wire signed [5:0] t1 = zero_i[1] ? 6'sd0 : minus_i[1] ? -6'sd1 : 6'sd1;
  wire signed [5:0] t2 = zero_i[2] ? 6'sd0 : minus_i[2] ? -6'sd1 : 6'sd1;
  wire signed [5:0] v = 6'sd9 * t2 + 6'sd3 * t1 + t0;
  wire signed [5:0] index = v < 0 ? -v : v;
  wire [139:0] t;
  wire [31:0]  s;
  wire [15:0]  c_o;
  @N@_precompute u_pre (.a_i(a_i), .group_i(1'b0), .t_o(t), .s_o(s));
  @N@_grid u_grid (
    .x_i(t), .w_i({v < 0, index[3:0]}), .plane_i(3'd0), .last_i(3'd0), .c_i(c_i), .c_o(c_o));
  wire [15:0] a0 = {{8{a_i[7]}}, a_i[7:0]}, a1 = {{8{a_i[15]}}, a_i[15:8]};
  wire [15:0] a2 = {{8{a_i[23]}}, a_i[23:16]};
  always @* begin
    assert (c_o == c_i + (zero_i[0] ? 16'd0 : minus_i[0] ? -a0 : a0)
                   + (zero_i[1] ? 16'd0 : minus_i[1] ? -a1 : a1)
                   + (zero_i[2] ? 16'd0 : minus_i[2] ? -a2 : a2));
    cover (c_o == 16'd384 && c_i == 16'd0);
  end
endmodule
