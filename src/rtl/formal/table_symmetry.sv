//: what      odd symmetry: complementing the weight bits negates the term, for any table at all
//: design    name = f;m = 1;n = 1;k = 4;wbits = 1;bus_bytes = 8
//: unit      lut
//: top       claim
//: depth     1
//: induction 0
module claim (input [79:0] t_i, input [3:0] bits_i);
  wire [3:0] not_bits = ~bits_i;
  wire [3:0] w = {~bits_i[3], bits_i[3] ? bits_i[2:0] : ~bits_i[2:0]};
  wire [3:0] v = {~not_bits[3], not_bits[3] ? not_bits[2:0] : ~not_bits[2:0]};
  wire [31:0] plus, minus;
  @N@_grid u_plus (.x_i(t_i), .w_i(w), .plane_i(3'd0), .last_i(3'd0), .c_i(32'd0), .c_o(plus));
  @N@_grid u_minus (.x_i(t_i), .w_i(v), .plane_i(3'd0), .last_i(3'd0), .c_i(32'd0), .c_o(minus));
  always @* begin
    assert (plus + minus == 32'd0);
    cover (plus == 32'd511);
  end
endmodule
