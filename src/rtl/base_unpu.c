/* Look-ups in tables made inside the array: conventional LUT, UNPU (Lee et al., ISSCC 2018) and the
 * two steps from it to the LUT tensor core that keep the tables inside.
 *
 * As in the LUT array a column decodes its weights once for all rows to a line per entry, and an
 * element is AND-OR of its row's entries: so the ladder's steps differ in nothing but what they
 * are named after.
 *   LUT_CONV    2^k entries of +-1 sums, all planes alike
 *   UNPU        2^k subset sums; the last plane's are negated
 *   UNPU_HALF   2^(k-1) entries; a code without the top bit is complemented and the entry negated
 *   UNPU_REMAP  the same with the codes complemented offline */
#include "rtl/base.h"
#include "rtl/lut.h"

#include <stdio.h>

/* <name>_col: col_o = {negative: a bit per table (half tables), lines: a bit per entry}. */
static void put_column(nap_base *b, unsigned entries, bool half)
{
    const nap_core *const c = b->c;
    nap_buf *const out = &b->r->text;
    const unsigned d = c->depth, k = c->k, index = half ? k - 1 : k;
    const nap_vvar vars[] = {{"name", c->name, 0},
                             {"whigh", NULL, b->w_col - 1},
                             {"phigh", NULL, b->shift - (b->shift > 0)},
                             {"high", NULL, b->col - 1},
                             {"d", NULL, d},
                             {"k", NULL, k},
                             {"top", NULL, k - 1},
                             {"index", NULL, index},
                             {"ihigh", NULL, index - (index > 0)},
                             {"e", NULL, entries},
                             {"lines", NULL, d * entries},
                             {0}};
    nap_v_put(out,
              "\n"
              "// Weights of one column in one plane: the entry of each table.\n"
              "module @name@_col (\n"
              "  input  [@whigh@:0] w_i,\n",
              vars);
    if (b->shift > 0) nap_v_put(out, "  input  [@phigh@:0] plane_i,\n", vars);
    nap_v_put(out, "  output [@high@:0] col_o\n);\n", vars);
    nap_base_put_pick(b, d * k);
    nap_v_put(out,
              "\n"
              "  genvar d;\n"
              "  generate\n"
              "    for (d = 0; d < @d@; d = d + 1) begin : gen_table\n",
              vars);
    if (c->method == NAP_METHOD_UNPU_HALF) {
        nap_v_put(out, "      wire negative = ~plane[d*@k@+@top@];\n", vars);
        if (index > 0)
            nap_v_put(out,
                      "      wire [@ihigh@:0] entry = plane[d*@k@ +: @index@] ^ "
                      "{@index@{negative}};\n",
                      vars);
    } else {
        if (half) nap_v_put(out, "      wire negative = plane[d*@k@+@top@];\n", vars);
        if (index > 0)
            nap_v_put(out, "      wire [@ihigh@:0] entry = plane[d*@k@ +: @index@];\n", vars);
    }
    nap_v_put(out,
              index > 0 ? "      assign col_o[d*@e@ +: @e@] = @e@'d1 << entry;\n"
                        : "      assign col_o[d] = 1'b1;\n",
              vars);
    if (half) nap_v_put(out, "      assign col_o[@lines@+d] = negative;\n", vars);
    nap_buf_puts(out, "    end\n  endgenerate\nendmodule\n");
}

static void put_element_head(nap_base *b)
{
    const nap_vvar vars[] = {{"name", b->c->name, 0},
                             {"rhigh", NULL, b->row - 1},
                             {"chigh", NULL, b->col - 1},
                             {"thigh", NULL, b->term - 1},
                             {"negate", b->pe_negate ? "  input  negate_i,\n" : "", 0},
                             {0}};
    nap_v_put(&b->r->text,
              "\n"
              "// Look-ups of one output, summed.\n"
              "module @name@_pe (\n"
              "  input  [@rhigh@:0] row_i,\n"
              "  input  [@chigh@:0] col_i,\n"
              "@negate@"
              "  output [@thigh@:0] term_o\n"
              ");\n",
              vars);
}

/* "wire [bits-1:0] entry<d>" of every table. */
static void put_entries(nap_base *b, unsigned entries, unsigned bits)
{
    nap_buf *const out = &b->r->text;
    for (unsigned d = 0; d < b->c->depth; d++) {
        nap_buf_printf(out, "  wire [%u:0] entry%u =", bits - 1, d);
        for (unsigned j = 0; j < entries; j++) {
            const unsigned at = d * entries + j;
            nap_buf_printf(out, "%s({%u{col_i[%u]}} & row_i[%u:%u])",
                           j == 0 ? "\n    " : " |\n    ", bits, at, (at + 1) * bits - 1,
                           at * bits);
        }
        nap_buf_puts(out, ";\n");
    }
}

static void put_element_int(nap_base *b, unsigned entries, unsigned bits, bool half)
{
    const unsigned depth = b->c->depth, width = bits + nap_v_log2(depth), lines = depth * entries;
    nap_buf *const out = &b->r->text;
    nap_heap *const h = nap_heap_new(width);
    put_element_head(b);
    put_entries(b, entries, bits);
    for (unsigned d = 0; d < depth; d++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%s%u", half ? "term" : "entry", d);
        if (half)
            nap_buf_printf(out, "  wire [%u:0] %s = entry%u ^ {%u{col_i[%u]}};\n", bits - 1, name,
                           d, bits, lines + d);
        nap_heap_signed(h, name, 0, bits, 0);
        if (half && d + 1 < depth) nap_heap_bit(h, 0, 0, "col_i[%u]", lines + d);
    }
    nap_heap_emit(h, "h", out);
    if (half)
        nap_buf_printf(out, "\n  assign term_o = {h_sum, col_i[%u]};\n", lines + depth - 1);
    else if (b->pe_negate)
        nap_buf_printf(out, "\n  assign term_o = {h_sum ^ {%u{negate_i}}, negate_i};\n", width);
    else
        nap_buf_puts(out, "\n  assign term_o = h_sum;\n");
    nap_buf_puts(out, "endmodule\n");
}

/* Numbers, one of each table, for the adders. */
static void put_element_float(nap_base *b, unsigned entries, unsigned bits, bool half)
{
    const unsigned depth = b->c->depth, lines = depth * entries;
    nap_buf *const out = &b->r->text;
    put_element_head(b);
    put_entries(b, entries, bits);
    for (unsigned d = 0; d < depth; d++) {
        const unsigned low = d * bits, high = low + bits - 1;
        if (half)
            nap_buf_printf(out,
                           "  assign term_o[%u:%u] = {entry%u[%u] ^ col_i[%u], entry%u[%u:0]};\n",
                           high, low, d, bits - 1, lines + d, d, bits - 2);
        else
            nap_buf_printf(out, "  assign term_o[%u:%u] = entry%u;\n", high, low, d);
    }
    nap_buf_puts(out, "endmodule\n");
}

static bool has_half_tables(const nap_core *c)
{
    return c->method == NAP_METHOD_UNPU_HALF || c->method == NAP_METHOD_UNPU_REMAP;
}

void nap_base_look_up_int(nap_base *b)
{
    const nap_core *const c = b->c;
    const unsigned entries = nap_core_entries(c), bits = nap_core_entry_bits(c);
    const bool half = has_half_tables(c), minus = c->method == NAP_METHOD_UNPU && b->planes > 1;
    b->row = c->depth * entries * bits;
    b->row_units = c->depth;
    b->row_part = NAP_PART_PRE;
    b->row_single = b->pe_negate = minus;
    b->col = c->depth * (entries + half);
    b->carries = half || minus;
    b->adds_plane = b->planes > 1;
    b->term = bits + nap_v_log2(c->depth) + b->carries;
    nap_base_table(b);
    put_column(b, entries, half);
    put_element_int(b, entries, bits, half);
    nap_base_add_module(b);
}

/* The entries are binary16; what scales and adds them is the LUT array's. */
void nap_base_look_up_float(nap_base *b)
{
    const nap_core *const c = b->c;
    const bool half = has_half_tables(c);
    nap_lutgeo g;
    nap_lut_geometry(c, &g);
    b->row = c->depth * g.entries * g.scaled_bits;
    b->unscaled = g.scales ? c->depth * g.entries * g.entry_bits : 0;
    b->row_units = c->depth;
    b->row_part = NAP_PART_PRE;
    b->col = c->depth * (g.entries + half);
    b->adds_plane = g.adds_plane;
    b->term = g.term_bits;
    nap_base_table(b);
    if (g.scales) nap_lut_emit_scale(&g, b->r);
    put_column(b, g.entries, half);
    put_element_float(b, g.entries, g.scaled_bits, half);
    nap_lut_emit_add(&g, b->r);
}
