//: what      one plane of look-ups equals the definition: C + 2^p * sum of +-a, any activations, weights, C
//: design    name = f;m = 1;n = 1;k = 3;wbits = 2;acc = s16;bus_bytes = 8
//: unit      lut
//: top       claim
//: depth     1
//: induction 0
module claim (
  input [23:0] a_i,
  input [2:0]  plane_bits_i,
  input        p_i,
  input [15:0] c_i
);
  // the remap that is done offline (paper, Eq. 6; lutcore/array.h)
  wire [2:0]  w = {~plane_bits_i[2], plane_bits_i[2] ? plane_bits_i[1:0] : ~plane_bits_i[1:0]};
  wire [39:0] t;
  wire [31:0] s;
  wire [15:0] c_o;
  @N@_precompute u_pre (.a_i(a_i), .group_i(1'b0), .t_o(t), .s_o(s));
  @N@_grid u_grid (
    .x_i(t), .w_i(p_i ? {w, 3'd0} : {3'd0, w}), .plane_i({2'd0, p_i}), .last_i(3'd1), .c_i(c_i),
    .c_o(c_o));
  wire [15:0] a0 = {{8{a_i[7]}}, a_i[7:0]}, a1 = {{8{a_i[15]}}, a_i[15:8]};
  wire [15:0] a2 = {{8{a_i[23]}}, a_i[23:16]};
  wire [15:0] dot = (plane_bits_i[0] ? a0 : -a0) + (plane_bits_i[1] ? a1 : -a1)
                    + (plane_bits_i[2] ? a2 : -a2);
  always @* begin
    assert (c_o == c_i + (p_i ? {dot[14:0], 1'b0} : dot));
    cover (dot == 16'd384);  // three times -128, all signs minus
  end
endmodule
