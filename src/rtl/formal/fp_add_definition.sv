//: what      the floating-point adder (4 exponent, 2 mantissa bits) equals exact addition rounded once, all operands
//: design    name = f;m = 1;n = 1;k = 2;wbits = 1;bus_bytes = 8
//: unit      fp_add 4 2
//: top       claim
//: depth     1
//: induction 0
module claim (input [6:0] a_i, input [6:0] b_i);
  wire [6:0] y, z;
  @FPADD@ u_ab (.a_i(a_i), .b_i(b_i), .y_o(y));
  @FPADD@ u_ba (.a_i(b_i), .b_i(a_i), .y_o(z));

  // a finite number as a multiple of the smallest subnormal
  function signed [19:0] fixed(input [6:0] x);
    reg [19:0] m;
    begin
      m = {17'd0, x[5:2] != 4'd0, x[1:0]} << (x[5:2] == 4'd0 ? 4'd0 : x[5:2] - 4'd1);
      fixed = x[6] ? -m : m;
    end
  endfunction
  // the nearest representable magnitude, ties to even
  function [5:0] round(input [19:0] m);
    integer i;
    reg [4:0] e;      // the significand of three bits is m / 2^e
    reg [19:0] q, rest, half;
    begin
      e = 5'd0;
      for (i = 1; i < 17; i = i + 1)
        if ((m >> i) >= 20'd4) e = i;
      q = m >> e;
      rest = m - (q << e);
      half = e == 5'd0 ? 20'd1 : 20'd1 << (e - 5'd1);
      if (rest > half | (rest == half & q[0])) q = q + 20'd1;
      // a carry out of the significand counts in the exponent: 8 is 4, one exponent up
      if (m >= 20'd4) round = ({1'b0, e} << 2) + q[5:0];
      else round = q[5:0];
      if (e > 5'd14 | round > 6'b111100) round = 6'b111100;
    end
  endfunction

  wire nan_a = (a_i[5:2] == 4'd15) & (a_i[1:0] != 2'd0), inf_a = (a_i[5:0] == 6'b111100);
  wire nan_b = (b_i[5:2] == 4'd15) & (b_i[1:0] != 2'd0), inf_b = (b_i[5:0] == 6'b111100);
  wire signed [19:0] sum = fixed(a_i) + fixed(b_i);
  wire [19:0] magnitude = sum < 0 ? -sum : sum;
  always @* begin
    assert (y == z);                                                     // commutes
    if (nan_a | nan_b | (inf_a & inf_b & (a_i[6] != b_i[6]))) assert (y == 7'b0111110);
    else if (inf_a) assert (y == a_i);
    else if (inf_b) assert (y == b_i);
    else if (magnitude == 20'd0) assert (y == {a_i[6] & b_i[6], 6'd0});  // x + -x is +0
    else assert (y == {sum < 0, round(magnitude)});
    if (!(nan_a | nan_b) & (b_i[5:0] == 6'd0) & (a_i[5:0] != 6'd0)) assert (y == a_i);  // x + 0
    cover (y == 7'b0111100 & ~inf_a & ~inf_b);                           // overflow
    cover (y == 7'b0000001 & a_i[5:2] != 4'd0);                          // into the subnormals
  end
endmodule
