/* The grids of the methods that the LUT array is compared with: wiring, planes, integer adder.
 * Ports: rtl.h; arithmetic: array.h; units: base.h. */
#include "rtl/base.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

void nap_base_unit(nap_base *b, const char *unit, nap_part part, uint64_t count)
{
    char name[96];
    (void)snprintf(name, sizeof name, "%s_%s", b->c->name, unit);
    if (!nap_rtl_add_unit(b->r, name, part, count)) b->r->text.failed = true;
}

/* Does a unit want to know more of the plane than its number? */
static bool plans(const nap_base *b)
{
    return b->pe_negate || b->row_single || b->col_control;
}

static void put_plan(nap_base *b)
{
    const nap_vvar vars[] = {{"name", b->c->name, 0},
                             {"high", NULL, b->shift - 1},
                             {"single",
                              !b->fills       ? ""
                              : b->shift == 1 ? " | single"
                              : b->shift == 2 ? " | {1'b0, single}"
                                              : " | {2'b0, single}",
                              0},
                             {0}};
    nap_buf *const out = &b->r->text;
    nap_v_put(out,
              "\n"
              "// What a plane counts: the last of several is negative, one alone is of -1 and 1.\n"
              "module @name@_plan (\n"
              "  input  [2:0] plane_i,\n"
              "  input  [2:0] last_i,\n",
              vars);
    if (b->adds_plane) nap_v_put(out, "  output [@high@:0] shift_o,\n", vars);
    nap_v_put(out,
              "  output negate_o,\n"
              "  output single_o\n"
              ");\n"
              "  wire single = last_i == 3'd0;\n"
              "\n"
              "  assign negate_o = (plane_i == last_i) & ~single;\n"
              "  assign single_o = single;\n",
              vars);
    if (b->adds_plane) nap_v_put(out, "  assign shift_o  = plane_i[@high@:0]@single@;\n", vars);
    nap_buf_puts(out, "endmodule\n");
}

/* A register of every cycle. */
static void put_register(nap_base *b, const char *unit, const char *what, unsigned bits)
{
    const nap_vvar vars[] = {{"name", b->c->name, 0},
                             {"unit", unit, 0},
                             {"what", what, 0},
                             {"high", NULL, bits - 1},
                             {0}};
    nap_v_put(&b->r->text,
              "\n"
              "// @what@\n"
              "module @name@_@unit@ (\n"
              "  input  clk_i,\n"
              "  input  [@high@:0] d_i,\n"
              "  output [@high@:0] q_o\n"
              ");\n"
              "  reg [@high@:0] data_q;\n"
              "\n"
              "  always @(posedge clk_i) data_q <= d_i;\n"
              "\n"
              "  assign q_o = data_q;\n"
              "endmodule\n",
              vars);
}

void nap_base_pick_module(nap_base *b)
{
    const unsigned bits = b->w_col / b->planes;
    nap_buf *const out = &b->r->text;
    const nap_vvar vars[] = {{"name", b->c->name, 0},
                             {"whigh", NULL, b->w_col - 1},
                             {"shigh", NULL, b->shift - 1},
                             {"high", NULL, bits - 1},
                             {0}};
    nap_v_put(out,
              "\n"
              "// One plane of a column's weights.\n"
              "module @name@_col (\n"
              "  input  [@whigh@:0] w_i,\n"
              "  input  [@shigh@:0] plane_i,\n"
              "  output [@high@:0] col_o\n"
              ");\n",
              vars);
    nap_base_put_pick(b, bits);
    nap_buf_puts(out, "\n  assign col_o = plane;\nendmodule\n");
}

void nap_base_put_pick(nap_base *b, unsigned bits)
{
    nap_buf *const out = &b->r->text;
    if (b->planes == 1) {
        nap_buf_printf(out, "  wire [%u:0] plane = w_i;\n", bits - 1);
        return;
    }
    /* A tree of two-way choices; a number above the last plane's never comes. */
    for (unsigned p = 0; p < b->planes; p++)
        nap_buf_printf(out, "  wire [%u:0] p0_%u = w_i[%u:%u];\n", bits - 1, p, (p + 1) * bits - 1,
                       p * bits);
    unsigned n = b->planes, level = 0;
    for (; n > 1; n = (n + 1) / 2, level++)
        for (unsigned i = 0; i < (n + 1) / 2; i++)
            if (2 * i + 1 < n)
                nap_buf_printf(out, "  wire [%u:0] p%u_%u = plane_i[%u] ? p%u_%u : p%u_%u;\n",
                               bits - 1, level + 1, i, level, level, 2 * i + 1, level, 2 * i);
            else
                nap_buf_printf(out, "  wire [%u:0] p%u_%u = p%u_%u;\n", bits - 1, level + 1, i,
                               level, 2 * i);
    nap_buf_printf(out, "  wire [%u:0] plane = p%u_0;\n", bits - 1, level);
}

void nap_base_add_module(nap_base *b)
{
    const unsigned acc = b->acc;
    nap_buf *const out = &b->r->text;
    unsigned width = b->term - b->carries, max = 0;
    nap_buf_printf(out,
                   "\n"
                   "// Adds an output's term to its accumulator.\n"
                   "module %s_add (\n"
                   "  input  [%u:0] c_i,\n"
                   "  input  [%u:0] term_i,\n",
                   b->c->name, acc - 1, b->term - 1);
    if (b->adds_plane) nap_buf_printf(out, "  input  [%u:0] plane_i,\n", b->shift - 1);
    if (b->fills) nap_buf_puts(out, "  input  fill_i,\n");
    nap_buf_printf(out, "  output [%u:0] c_o\n);\n", acc - 1);
    if (b->carries) nap_buf_puts(out, "  wire carry = term_i[0];\n");
    if (b->adds_plane)
        nap_buf_printf(out, "  wire fill = %s;\n",
                       b->fills     ? "fill_i"
                       : b->carries ? "carry"
                                    : "1'b0");
    nap_buf_printf(out, "  wire [%u:0] v0 = term_i[%u:%u];\n", width - 1, b->term - 1,
                   (unsigned)b->carries);
    unsigned level = 0;
    for (; b->adds_plane && level < b->shift; level++) {
        const unsigned by = 1u << level, last = b->planes - 1,
                       next = max + by < last ? max + by : last, grown = width + next - max;
        /* Where all planes together shift by less than max + by, the places above are not
         * reached: the value there is its sign. */
        nap_buf_printf(out,
                       "  wire [%u:0] v%u = plane_i[%u] ? {v%u[%u:0], {%u{fill}}} : ", grown - 1,
                       level + 1, level, level, grown - by - 1, by);
        nap_buf_printf(out, "{{%u{v%u[%u]}}, v%u};\n", next - max, level, width - 1, level);
        width = grown;
        max = next;
    }
    nap_buf_puts(out, "\n  assign c_o = c_i + ");
    if (width < acc)
        nap_buf_printf(out, "{{%u{v%u[%u]}}, v%u}", acc - width, level, width - 1, level);
    else
        nap_buf_printf(out, "v%u[%u:0]", level, acc - 1);
    if (b->carries) nap_buf_printf(out, " + {%u'd0, carry}", acc - 1);
    nap_buf_puts(out, ";\n");
    if (width > acc)
        nap_buf_printf(out, "  wire unused_high = &{1'b0, v%u[%u:%u]};\n", level, width - 1, acc);
    nap_buf_puts(out, "endmodule\n");
}

/* The ports of an element and the adder behind it. */
static void put_outputs(nap_base *b)
{
    const nap_core *const c = b->c;
    nap_buf *const out = &b->r->text;
    const unsigned col = b->col > 0 ? b->col : b->w_col;
    nap_buf_printf(out,
                   "    for (m = 0; m < %u; m = m + 1) begin : gen_out_row\n"
                   "      for (n = 0; n < %u; n = n + 1) begin : gen_out\n",
                   c->m, c->n);
    if (b->term > 0) nap_buf_printf(out, "        wire [%u:0] term;\n", b->term - 1);
    if (b->term > 0 && b->staged) nap_buf_printf(out, "        wire [%u:0] term_q;\n", b->term - 1);
    nap_buf_printf(out, "        %s_pe u_pe (\n          ", c->name);
    if (b->pe_x)
        nap_buf_printf(out, ".x_i(%s[m*%u +: %u]), ", b->cut_operands ? "x" : "x_i", b->x_row,
                       b->x_row);
    if (b->row > 0) nap_buf_printf(out, ".row_i(row[m*%u +: %u]), ", b->row, b->row);
    nap_buf_printf(out, ".col_i(col[n*%u +: %u]),%s\n          ", col, col,
                   b->pe_negate ? " .negate_i(negate)," : "");
    if (b->term == 0) {
        nap_buf_printf(out,
                       ".c_i(c_i[(m*%u+n)*%u +: %u]),\n"
                       "          .c_o(c_o[(m*%u+n)*%u +: %u]));\n",
                       c->n, b->acc, b->acc, c->n, b->acc, b->acc);
    } else {
        nap_buf_puts(out, ".term_o(term));\n");
        if (b->staged)
            nap_buf_printf(out,
                           "        %s_stage u_stage (\n"
                           "          .clk_i(clk_i), .d_i(term), .q_o(term_q));\n",
                           c->name);
        nap_buf_printf(out,
                       "        %s_add u_add (\n"
                       "          .c_i(c_i[(m*%u+n)*%u +: %u]), .term_i(%s)%s%s,\n"
                       "          .c_o(c_o[(m*%u+n)*%u +: %u]));\n",
                       c->name, c->n, b->acc, b->acc, b->staged ? "term_q" : "term",
                       b->adds_plane ? ", .plane_i(shift)" : "", b->fills ? ", .fill_i(fill)" : "",
                       c->n, b->acc, b->acc);
    }
    nap_buf_puts(out, "      end\n    end\n");
}

static void put_columns(nap_base *b)
{
    const nap_core *const c = b->c;
    nap_buf *const out = &b->r->text;
    const unsigned col = b->col > 0 ? b->col : b->w_col, groups = b->w_col / b->group;
    nap_buf_printf(out,
                   "    for (n = 0; n < %u; n = n + 1) begin : gen_column\n"
                   "      wire [%u:0] w;\n"
                   "      for (g = 0; g < %u; g = g + 1) begin : gen_group\n"
                   "        assign w[g*%u +: %u] = w_i[(g*%u+n)*%u +: %u];\n"
                   "      end\n",
                   c->n, b->w_col - 1, groups, b->group, b->group, c->n, b->group, b->group);
    if (b->col > 0)
        nap_buf_printf(out,
                       "      %s_col u_col (\n"
                       "        .w_i(w)%s%s,\n"
                       "        .col_o(col[n*%u +: %u]));\n",
                       c->name, b->shift > 0 ? ", .plane_i(plane)" : "",
                       b->col_control ? ", .negate_i(negate), .single_i(single)" : "", col, col);
    else if (b->cut_operands)
        nap_buf_printf(out,
                       "      %s_wstage u_stage (\n"
                       "        .clk_i(clk_i), .d_i(w), .q_o(col[n*%u +: %u]));\n",
                       c->name, col, col);
    else
        nap_buf_printf(out, "      assign col[n*%u +: %u] = w;\n", col, col);
    nap_buf_puts(out, "    end\n");
}

static void put_rows(nap_base *b)
{
    nap_buf *const out = &b->r->text;
    const unsigned units = b->row_units, x = b->x_row / units, y = b->row / units,
                   t = b->unscaled / units;
    if (b->cut_operands)
        nap_buf_printf(out,
                       "    for (m = 0; m < %u; m = m + 1) begin : gen_x\n"
                       "      %s_xstage u_stage (\n"
                       "        .clk_i(clk_i), .d_i(x_i[m*%u +: %u]), .q_o(x[m*%u +: %u]));\n"
                       "    end\n",
                       b->c->m, b->c->name, b->x_row, b->x_row, b->x_row, b->x_row);
    if (b->row == 0) return;
    nap_buf_printf(out, "    for (m = 0; m < %u; m = m + 1) begin : gen_row\n", b->c->m * units);
    if (t > 0) nap_buf_printf(out, "      wire [%u:0] unscaled;\n", t - 1);
    nap_buf_printf(out,
                   "      %s_row u_row (\n"
                   "        .x_i(x_i[m*%u +: %u])%s%s%s,\n",
                   b->c->name, x, x, b->row_plane ? ", .plane_i(plane)" : "",
                   b->row_negate ? ", .negate_i(negate)" : "",
                   b->row_single ? ", .single_i(single)" : "");
    if (t > 0)
        nap_buf_printf(out,
                       "        .row_o(unscaled));\n"
                       "      %s_scale u_scale (\n"
                       "        .t_i(unscaled)%s, .t_o(row[m*%u +: %u]));\n",
                       b->c->name, b->shift > 0 ? ", .plane_i(plane)" : "", y, y);
    else
        nap_buf_printf(out, "        .row_o(row[m*%u +: %u]));\n", y, y);
    nap_buf_puts(out, "    end\n");
}

/* The wires plane, negate, single, fill and shift, as far as there are such. */
static void put_plane_wires(nap_base *b, const nap_vvar *vars)
{
    nap_buf *const out = &b->r->text;
    if (b->shift == 0) {
        nap_buf_puts(out, "  wire unused_plane = &{1'b0, plane_i, last_i};\n");
        return;
    }
    nap_v_put(out, "  wire [@shigh@:0] plane = plane_i[@shigh@:0];\n", vars);
    if (plans(b)) {
        nap_buf_puts(out, "  wire negate, single;\n");
        if (b->adds_plane) nap_v_put(out, "  wire [@shigh@:0] planned;\n", vars);
        nap_v_put(out,
                  "  @name@_plan u_plan (\n"
                  "    .plane_i(plane_i), .last_i(last_i), .negate_o(negate), .single_o(single)",
                  vars);
        nap_buf_puts(out, b->adds_plane ? ",\n    .shift_o(planned));\n" : ");\n");
        if (!b->row_single && !b->col_control)
            nap_buf_puts(out, "  wire unused_single = single;\n");
    } else if (b->shift < 3) {
        nap_v_put(out, "  wire unused_plane = &{1'b0, last_i, plane_i[2:@shift@]};\n", vars);
    } else {
        nap_buf_puts(out, "  wire unused_plane = &{1'b0, last_i};\n");
    }
    if (!b->adds_plane) return;
    const char *const shift = plans(b) ? "planned" : "plane";
    if (b->staged)
        nap_buf_printf(out,
                       "  wire [%u:0] shift;\n"
                       "%s"
                       "  %s_delay u_delay (\n"
                       "    .clk_i(clk_i), .d_i({%s%s}), .q_o({%sshift}));\n",
                       b->shift - 1, b->fills ? "  wire fill;\n" : "", b->c->name,
                       b->fills ? "negate, " : "", shift, b->fills ? "fill, " : "");
    else
        nap_buf_printf(out, "  wire [%u:0] shift = %s;\n%s", b->shift - 1, shift,
                       b->fills ? "  wire fill = negate;\n" : "");
}

static void put_grid(nap_base *b)
{
    const nap_core *const c = b->c;
    nap_buf *const out = &b->r->text;
    const unsigned col = b->col > 0 ? b->col : b->w_col;
    const nap_vvar vars[] = {{"name", c->name, 0},
                             {"m", NULL, c->m},
                             {"n", NULL, c->n},
                             {"xhigh", NULL, c->m * b->x_row - 1},
                             {"whigh", NULL, c->n * b->w_col - 1},
                             {"chigh", NULL, c->m * c->n * b->acc - 1},
                             {"colhigh", NULL, c->n * col - 1},
                             {"rowhigh", NULL, c->m * b->row - (b->row > 0)},
                             {"shigh", NULL, b->shift - (b->shift > 0)},
                             {"clk", b->staged ? "  input  clk_i,\n" : "", 0},
                             {"shift", NULL, b->shift},
                             {0}};
    nap_v_put(out,
              "\n"
              "// All terms and sums of one plane: @m@ rows x @n@ columns.\n"
              "module @name@_grid (\n"
              "@clk@"
              "  input  [@xhigh@:0] x_i,\n"
              "  input  [@whigh@:0] w_i,\n"
              "  input  [2:0] plane_i,\n"
              "  input  [2:0] last_i,\n"
              "  input  [@chigh@:0] c_i,\n"
              "  output [@chigh@:0] c_o\n"
              ");\n"
              "  wire [@colhigh@:0] col;\n",
              vars);
    if (b->row > 0) nap_v_put(out, "  wire [@rowhigh@:0] row;\n", vars);
    if (b->cut_operands) nap_v_put(out, "  wire [@xhigh@:0] x;\n", vars);
    put_plane_wires(b, vars);
    nap_buf_printf(out, "\n  genvar m, n, g;\n  generate\n");
    put_columns(b);
    put_rows(b);
    put_outputs(b);
    nap_buf_puts(out, "  endgenerate\nendmodule\n");
}

static void put_family(nap_base *b)
{
    const bool integer = nap_core_int_acc(b->c);
    switch (b->c->method) {
    case NAP_METHOD_MAC:
    case NAP_METHOD_MAC_NATIVE:
        (integer ? nap_base_mac_int : nap_base_mac_float)(b);
        break;
    case NAP_METHOD_ADD:
        (integer ? nap_base_add_int : nap_base_add_float)(b);
        break;
    default:
        (integer ? nap_base_look_up_int : nap_base_look_up_float)(b);
        break;
    }
}

/* The registers of a second stage, and every unit's count. */
static void put_rest(nap_base *b)
{
    const uint64_t m = b->c->m, n = b->c->n, cells = m * n;
    if (b->row > 0) nap_base_unit(b, "row", b->row_part, m * b->row_units);
    if (b->unscaled > 0) nap_base_unit(b, "scale", NAP_PART_PE, m * b->row_units);
    if (b->col > 0) nap_base_unit(b, "col", b->col_part, n);
    nap_base_unit(b, "pe", NAP_PART_PE, cells);
    if (b->term > 0) nap_base_unit(b, "add", NAP_PART_ACC, cells);
    if (b->term > 0 && b->staged) {
        put_register(b, "stage", "Between an output's term and its accumulation.", b->term);
        nap_base_unit(b, "stage", NAP_PART_PE, cells);
    }
    if (b->cut_operands) {
        put_register(b, "xstage", "A row's activations, one cycle later.", b->x_row);
        put_register(b, "wstage", "A column's weights, one cycle later.", b->w_col);
        nap_base_unit(b, "xstage", NAP_PART_PE, m);
        nap_base_unit(b, "wstage", NAP_PART_PE, n);
    }
    if (b->staged && b->adds_plane) {
        put_register(b, "delay", "What the adders need of the plane, one cycle later.",
                     b->shift + b->fills);
        nap_base_unit(b, "delay", NAP_PART_CONTROL, 1);
    }
    if (plans(b)) {
        put_plan(b);
        nap_base_unit(b, "plan", NAP_PART_CONTROL, 1);
    }
}

nap_status nap_rtl_grid_baseline(const nap_core *c, nap_rtl *out, nap_error *e)
{
    nap_base b = {.c = c,
                  .r = out,
                  .act = nap_act_bits(c->act),
                  .planes = nap_core_planes(c, c->wbits),
                  .acc = nap_acc_bits(c->acc),
                  .x_row = (unsigned)nap_frag_bits(c, NAP_FRAG_A, c->wbits) / c->m,
                  .w_col = (unsigned)nap_frag_bits(c, NAP_FRAG_W, c->wbits) / c->n,
                  .staged = c->pipeline == 2,
                  .row_units = 1,
                  .row_part = NAP_PART_PE,
                  .col_part = NAP_PART_CONTROL};
    b.shift = nap_v_log2(b.planes);
    b.group = c->method == NAP_METHOD_MAC          ? b.act
              : c->method == NAP_METHOD_MAC_NATIVE ? c->wbits
                                                   : c->k;
    put_family(&b);
    put_rest(&b);
    put_grid(&b);
    return nap_v_done(out, e);
}
