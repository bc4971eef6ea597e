// Small modules of the kinds that arrays are made of, to compare synthesis recipes on.

// Signed 8 x 8 multiply, added to 32 bits.
module mac8 (
  input signed [7:0] a_i,
  input signed [7:0] b_i,
  input signed [31:0] c_i,
  output signed [31:0] y_o
);
  assign y_o = c_i + a_i * b_i;
endmodule

// Eight such products, added up.
module dot8 (
  input [63:0] a_i,
  input [63:0] b_i,
  input signed [31:0] c_i,
  output signed [31:0] y_o
);
  wire signed [15:0] p [0:7];
  genvar i;
  generate
    for (i = 0; i < 8; i = i + 1) begin : gen_product
      assign p[i] = $signed(a_i[8*i +: 8]) * $signed(b_i[8*i +: 8]);
    end
  endgenerate
  assign y_o = c_i + p[0] + p[1] + p[2] + p[3] + p[4] + p[5] + p[6] + p[7];
endmodule

// Unsigned 11 x 11: the significands of two binary16 numbers.
module mul11 (
  input [10:0] a_i,
  input [10:0] b_i,
  output [21:0] y_o
);
  assign y_o = a_i * b_i;
endmodule

// One look-up of eight entries, its sign, the plane's factor, and the accumulator.
module lut_pe (
  input clk_i,
  input [79:0] t_i,
  input [3:0] w_i,
  input [1:0] plane_i,
  input step_i,
  output [31:0] c_o
);
  reg [9:0] v;
  always @* begin
    case (w_i[2:0])
      3'd0: v = t_i[9:0];
      3'd1: v = t_i[19:10];
      3'd2: v = t_i[29:20];
      3'd3: v = t_i[39:30];
      3'd4: v = t_i[49:40];
      3'd5: v = t_i[59:50];
      3'd6: v = t_i[69:60];
      default: v = t_i[79:70];
    endcase
  end
  wire signed [10:0] term = ({v[9], v} ^ {11{w_i[3]}}) + w_i[3];
  wire signed [31:0] wide = term;
  reg [31:0] c_q;
  always @(posedge clk_i) if (step_i) c_q <= c_q + (wide << plane_i);
  assign c_o = c_q;
endmodule

// Sixteen bits, eight to one.
module mux8 (
  input [127:0] t_i,
  input [2:0] j_i,
  output [15:0] y_o
);
  assign y_o = t_i[j_i*16 +: 16];
endmodule

// An adder of binary16 numbers (finite ones).
module fp_add (
  input [15:0] a_i,
  input [15:0] b_i,
  output [15:0] y_o
);
  wire swap = b_i[14:0] > a_i[14:0];
  wire [15:0] x = swap ? b_i : a_i;
  wire [15:0] z = swap ? a_i : b_i;
  wire [4:0] ex = (x[14:10] == 5'd0) ? 5'd1 : x[14:10];
  wire [4:0] ez = (z[14:10] == 5'd0) ? 5'd1 : z[14:10];
  wire [10:0] fx = {x[14:10] != 5'd0, x[9:0]};
  wire [10:0] fz = {z[14:10] != 5'd0, z[9:0]};
  wire [4:0] d = ex - ez;
  wire [26:0] shifted = {fz, 16'b0} >> d;
  wire [13:0] aligned = {shifted[26:14], |shifted[13:0]};
  wire subtract = x[15] ^ z[15];
  wire [14:0] s = subtract ? {1'b0, fx, 3'b0} - aligned : {1'b0, fx, 3'b0} + aligned;
  reg [3:0] zeros;
  integer i;
  always @* begin
    zeros = 4'd15;
    for (i = 0; i < 15; i = i + 1) if (s[i]) zeros = 14 - i;
  end
  wire [5:0] e0 = {1'b0, ex} + 6'd1;
  wire [5:0] shift = (zeros < e0) ? {2'b0, zeros} : e0 - 6'd1;
  wire [14:0] n = s << shift;
  wire [5:0] e1 = n[14] ? e0 - shift : 6'd0;
  wire up = n[3] & (|n[2:0] | n[4]);
  wire [15:0] r = {e1, n[13:4]} + up;
  assign y_o = (s == 15'd0) ? 16'd0 : (r[15:10] >= 6'd31) ? {x[15], 15'h7c00} : {x[15], r[14:0]};
endmodule
