/* Control of PRE and MMA: which registers, group of tables, plane and accumulators each cycle uses.
 * Both follow the manual's times: a unit is busy for exactly T cycles and is ready for the next
 * instruction in its last one. */
#include "rtl/core.h"

static const char pre_head[] =
    "// PRE: a group of table generators a cycle, @GROUPS@ cycle(s) for a fragment.\n"
    "module @P@_pre_control (\n"
    "  input  wire        clk_i,\n"
    "  input  wire        rst_ni,\n"
    "  input  wire        issue_i,\n"
    "  input  wire [5:0]  a_i,\n"
    "  input  wire [5:0]  t_i,\n";

static const char pre_sum_ports[] = "  input  wire [5:0]  s_i,\n"
                                    "  output wire [5:0]  s_reg_o,\n"
                                    "  output wire        sum_we_o,\n";

static const char pre_text[] = "  output wire        ready_o,\n"
                               "  output wire        busy_o,\n"
                               "  output wire [5:0]  a_reg_o,\n"
                               "  output wire [5:0]  t_reg_o,\n"
                               "  output wire [@G-1@:0] group_o\n"
                               ");\n"
                               "  reg        busy_q;\n"
                               "  reg [5:0]  a_q;\n"
                               "  reg [5:0]  t_q;\n"
                               "  reg [@G-1@:0] group_q;\n"
                               "  wire       last = group_q == @GLAST@;\n"
                               "\n"
                               "  assign ready_o = ~busy_q | last;\n"
                               "  assign busy_o = busy_q;\n"
                               "  assign a_reg_o = a_q;\n"
                               "  assign t_reg_o = t_q;\n"
                               "  assign group_o = group_q;\n"
                               "\n"
                               "  always @(posedge clk_i or negedge rst_ni) begin\n"
                               "    if (!rst_ni) busy_q <= 1'b0;\n"
                               "    else busy_q <= issue_i | (busy_q & ~last);\n"
                               "  end\n"
                               "\n"
                               "  always @(posedge clk_i) begin\n"
                               "    if (issue_i) begin\n"
                               "      a_q <= a_i;\n"
                               "      t_q <= t_i;\n"
                               "      group_q <= @G0@;\n"
                               "    end else if (busy_q) begin\n"
                               "      group_q <= group_q + @G1@;\n"
                               "    end\n"
                               "  end\n";

static const char pre_sums[] = "\n"
                               "  // row sums: s_i of 63 is none\n"
                               "  reg [5:0] s_q;\n"
                               "  assign s_reg_o = s_q;\n"
                               "  assign sum_we_o = busy_q & ~&s_q;\n"
                               "  always @(posedge clk_i) begin\n"
                               "    if (issue_i) s_q <= s_i;\n"
                               "  end\n";

void nap_core_pre_control(const nap_coregeo *g, const nap_tvars *t, nap_rtl *out)
{
    nap_tvars v = *t;
    nap_tvar_uint(&v, "GROUPS", g->groups);
    nap_tvar_sized(&v, "G0", g->group_bits, 0);
    nap_tvar_sized(&v, "G1", g->group_bits, 1);
    nap_tvar_sized(&v, "GLAST", g->group_bits, g->groups - 1);
    nap_expand(&out->text, pre_head, &v);
    if (g->sums) nap_expand(&out->text, pre_sum_ports, &v);
    nap_expand(&out->text, pre_text, &v);
    if (g->sums) nap_expand(&out->text, pre_sums, &v);
    nap_buf_puts(&out->text, "endmodule\n\n");
}

static const char mma_head[] =
    "// MMA: walks the steps of an lmma, K fastest, then columns, then rows, the planes of each\n"
    "// step in order; zero takes one cycle.\n"
    "module @P@_mma_control (\n"
    "  input  wire        clk_i,\n"
    "  input  wire        rst_ni,\n"
    "  input  wire        issue_lmma_i,\n"
    "  input  wire        issue_zero_i,\n";

static const char mma_zero_ports[] = "  input  wire        zero_s_i,     // zero: of a row sum\n"
                                     "  output wire        s_zero_o,\n"
                                     "  output wire [5:0]  s_reg_o,\n";
static const char mma_plane_port[] = "  input  wire [2:0]  last_plane_i,\n";

static const char mma_ports[] =
    "  input  wire [5:0]  c_i,\n"
    "  input  wire [5:0]  x_i,\n"
    "  input  wire [5:0]  w_i,\n"
    "  input  wire        from_zero_i,  // D = X x W, not added to D\n"
    "  input  wire [2:0]  rows_i,       // multiples of the array's shape, less one\n"
    "  input  wire [2:0]  cols_i,\n"
    "  input  wire [2:0]  deep_i,\n"
    "  output wire        lmma_ready_o,\n"
    "  output wire        zero_ready_o,\n"
    "  output wire        busy_o,\n"
    "  // operands of this cycle\n"
    "  output wire [5:0]  x_reg_o,\n"
    "  output wire [5:0]  w_reg_o,\n"
    "  output wire [2:0]  plane_o,\n"
    "  output wire [2:0]  last_plane_o,\n"
    "  // accumulation of this cycle\n"
    "  output wire [5:0]  c_reg_o,\n"
    "  output wire        c_we_o,\n"
    "  output wire        c_keep_o,     // add to the accumulators; otherwise to zero\n"
    "  output wire        c_zero_o      // write zeros\n"
    ");\n"
    "  reg        step_q;       // a step is in the array\n"
    "  reg        zero_q;\n"
    "  reg        from_zero_q;\n"
    "  reg [2:0]  rows_q;\n"
    "  reg [2:0]  cols_q;\n"
    "  reg [2:0]  deep_q;\n"
    "  reg [2:0]  row_q;\n"
    "  reg [2:0]  col_q;\n"
    "  reg [2:0]  k_q;\n"
    "  reg [5:0]  c_q;\n"
    "  reg [5:0]  x_q;\n"
    "  reg [5:0]  w_q;\n"
    "  reg [5:0]  x_row_q;      // first X register of the row block\n"
    "  reg [5:0]  w_first_q;\n"
    "\n";

static const char mma_text[] = "\n"
                               "  wire k_last = step_end & (k_q == deep_q);\n"
                               "  wire col_last = k_last & (col_q == cols_q);\n"
                               "  wire last = col_last & (row_q == rows_q);\n"
                               "\n"
                               "  always @(posedge clk_i or negedge rst_ni) begin\n"
                               "    if (!rst_ni) begin\n"
                               "      step_q <= 1'b0;\n"
                               "      zero_q <= 1'b0;\n"
                               "    end else begin\n"
                               "      step_q <= issue_lmma_i | (step_q & ~last);\n"
                               "      zero_q <= issue_zero_i;\n"
                               "    end\n"
                               "  end\n"
                               "\n"
                               "  always @(posedge clk_i) begin\n"
                               "    if (issue_lmma_i | issue_zero_i) begin\n"
                               "      from_zero_q <= from_zero_i;\n"
                               "      rows_q <= rows_i;\n"
                               "      cols_q <= cols_i;\n"
                               "      deep_q <= deep_i;\n"
                               "      row_q <= 3'd0;\n"
                               "      col_q <= 3'd0;\n"
                               "      k_q <= 3'd0;\n"
                               "      c_q <= c_i;\n"
                               "      x_q <= x_i;\n"
                               "      w_q <= w_i;\n"
                               "      x_row_q <= x_i;\n"
                               "      w_first_q <= w_i;\n"
                               "    end else if (step_q & step_end) begin\n"
                               "      k_q <= k_last ? 3'd0 : k_q + 3'd1;\n"
                               "      x_q <= k_last & ~col_last ? x_row_q : x_q + 6'd1;\n"
                               "      w_q <= col_last ? w_first_q : w_q + 6'd1;\n"
                               "      if (k_last) begin\n"
                               "        c_q <= c_q + 6'd1;\n"
                               "        col_q <= col_last ? 3'd0 : col_q + 3'd1;\n"
                               "      end\n"
                               "      if (col_last) begin\n"
                               "        row_q <= row_q + 3'd1;\n"
                               "        x_row_q <= x_q + 6'd1;\n"
                               "      end\n"
                               "    end\n"
                               "  end\n"
                               "\n"
                               "  wire add = ~(from_zero_q & (k_q == 3'd0) & plane_first);\n"
                               "  assign lmma_ready_o = ~step_q | last;\n"
                               "  assign x_reg_o = x_q;\n"
                               "  assign w_reg_o = w_q;\n";

static const char one_plane[] = "  wire       step_end = 1'b1;\n"
                                "  wire       plane_first = 1'b1;\n"
                                "  assign plane_o = 3'd0;\n"
                                "  assign last_plane_o = 3'd0;\n";
static const char fixed_planes[] = "  reg [2:0]  plane_q;\n"
                                   "  wire       step_end = plane_q == 3'd@PLAST@;\n"
                                   "  wire       plane_first = plane_q == 3'd0;\n"
                                   "  assign plane_o = plane_q;\n"
                                   "  assign last_plane_o = 3'd@PLAST@;\n"
                                   "  always @(posedge clk_i) begin\n"
                                   "    if (issue_lmma_i | step_end) plane_q <= 3'd0;\n"
                                   "    else if (step_q) plane_q <= plane_q + 3'd1;\n"
                                   "  end\n";
static const char counted_planes[] = "  reg [2:0]  plane_q;\n"
                                     "  reg [2:0]  last_plane_q;\n"
                                     "  wire       step_end = plane_q == last_plane_q;\n"
                                     "  wire       plane_first = plane_q == 3'd0;\n"
                                     "  assign plane_o = plane_q;\n"
                                     "  assign last_plane_o = last_plane_q;\n"
                                     "  always @(posedge clk_i) begin\n"
                                     "    if (issue_lmma_i) last_plane_q <= last_plane_i;\n"
                                     "    if (issue_lmma_i | step_end) plane_q <= 3'd0;\n"
                                     "    else if (step_q) plane_q <= plane_q + 3'd1;\n"
                                     "  end\n";

static const char one_stage[] = "  assign zero_ready_o = lmma_ready_o;\n"
                                "  assign busy_o = step_q | zero_q;\n"
                                "  assign c_reg_o = c_q;\n"
                                "  assign c_keep_o = add;\n"
                                "  assign c_we_o = step_q | @ZEROC@;\n"
                                "  assign c_zero_o = zero_q;\n";
static const char two_stages[] =
    "\n"
    "  // the array registers its terms: the accumulation is a cycle later\n"
    "  reg        add_step_q;\n"
    "  reg        add_q;\n"
    "  reg [5:0]  add_c_q;\n"
    "  always @(posedge clk_i or negedge rst_ni) begin\n"
    "    if (!rst_ni) add_step_q <= 1'b0;\n"
    "    else add_step_q <= step_q;\n"
    "  end\n"
    "  always @(posedge clk_i) begin\n"
    "    add_q <= add;\n"
    "    add_c_q <= c_q;\n"
    "  end\n"
    "  assign zero_ready_o = ~step_q;\n"
    "  assign busy_o = step_q | zero_q | add_step_q;\n"
    "  assign c_reg_o = zero_q ? c_q : add_c_q;\n"
    "  assign c_keep_o = add_q;\n"
    "  assign c_we_o = add_step_q | @ZEROC@;\n"
    "  assign c_zero_o = zero_q;\n";
static const char zero_sums[] = "\n"
                                "  // zero of a row sum, otherwise of accumulators\n"
                                "  reg zero_s_q;\n"
                                "  always @(posedge clk_i) begin\n"
                                "    if (issue_zero_i) zero_s_q <= zero_s_i;\n"
                                "  end\n"
                                "  assign s_zero_o = zero_q & zero_s_q;\n"
                                "  assign s_reg_o = c_q;\n";

void nap_core_mma_control(const nap_coregeo *g, const nap_tvars *t, nap_rtl *out)
{
    nap_tvars v = *t;
    nap_buf *b = &out->text;
    nap_tvar_text(&v, "ZEROC", g->sums ? "(zero_q & ~zero_s_q)" : "zero_q");
    nap_tvar_uint(&v, "PLAST", g->planes - 1);
    nap_expand(b, mma_head, &v);
    if (g->sums) nap_expand(b, mma_zero_ports, &v);
    if (g->planes_vary) nap_expand(b, mma_plane_port, &v);
    nap_expand(b, mma_ports, &v);
    nap_expand(b, g->planes == 1 ? one_plane : g->planes_vary ? counted_planes : fixed_planes, &v);
    nap_expand(b, mma_text, &v);
    nap_expand(b, g->core->pipeline == 1 ? one_stage : two_stages, &v);
    if (g->sums) nap_expand(b, zero_sums, &v);
    nap_buf_puts(b, "endmodule\n\n");
}
