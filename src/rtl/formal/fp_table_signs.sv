//: what      a floating-point look-up flips the sign bit and nothing else: term(~w) = -term(w), then C + term rounds once
//: design    name = f;m = 1;n = 1;k = 2;wbits = 1;act = f16;acc = f16;bus_bytes = 8
//: unit      lut
//: top       claim
//: depth     1
//: induction 0
module claim (input [31:0] t_i, input [1:0] bits_i);
  wire [1:0]  w = {~bits_i[1], bits_i[1] ? bits_i[0] : ~bits_i[0]};
  wire [1:0]  v = {bits_i[1], bits_i[1] ? bits_i[0] : ~bits_i[0]};
  wire [15:0] entry = t_i[{bits_i[1] ? bits_i[0] : ~bits_i[0], 4'd0} +: 16];
  wire [15:0] plus, minus;
  // -0 as C leaves every term as it is
  @N@_grid u_p (.x_i(t_i), .w_i(w), .plane_i(3'd0), .last_i(3'd0), .c_i(16'h8000), .c_o(plus));
  @N@_grid u_m (.x_i(t_i), .w_i(v), .plane_i(3'd0), .last_i(3'd0), .c_i(16'h8000), .c_o(minus));
  wire nan = (entry[14:10] == 5'd31) & (entry[9:0] != 10'd0);
  always @* begin
    if (nan) assert ((plus == 16'h7e00) & (minus == 16'h7e00));
    else begin
      assert (plus == {entry[15] ^ w[1], entry[14:0]});
      assert (minus == {entry[15] ^ v[1], entry[14:0]});
    end
    cover (plus == 16'hfc00);
    cover (plus == 16'h0001);
  end
endmodule
