/* The leaves of the LUT grid.
 *
 * Look-up. A decoder per column makes one line per entry, all rows share it; a PE is then AND-OR of
 * its row's entries, cheaper in standard cells than a tree of multiplexers.
 *
 * Integer terms. -T is ~T + 1: a PE inverts by XOR and hands the 1 on as a carry, which costs no
 * adder: with several tables, the carries of all but the last enter the adders that sum them; the
 * last one enters the accumulating adder. There the plane's factor is a shift of log2(planes)
 * stages whose vacated places take the carry too: (~T << p | 2^p - 1) + 1 = -(T << p). The contract
 * C += v * 2^p lets planes come in any order; the alternative, most significant plane first with
 * acc = 2 * acc + v, would need a second register and adder per output, as C must not be doubled.
 *
 * Floating-point terms. The factor 2^p is an addition to the exponent, done once per table and
 * shared by all columns; zeros stay zeros and subnormals are normalised there (lut_scale). */
#include "rtl/lut.h"

#include <stdio.h>

/* A tree of two-way choices by the bits of plane_i, as an expression: w<plane>. */
static void put_choice(nap_buf *b, unsigned first, unsigned count, unsigned planes)
{
    if (count == 1) {
        nap_buf_printf(b, "w%u", first);
        return;
    }
    const unsigned half = count / 2;
    if (first + half >= planes) {
        put_choice(b, first, half, planes);
        return;
    }
    nap_buf_printf(b, "(plane_i[%u] ? ", nap_v_log2(count) - 1);
    put_choice(b, first + half, half, planes);
    nap_buf_puts(b, " : ");
    put_choice(b, first, half, planes);
    nap_buf_puts(b, ")");
}

void nap_lut_emit_decode(const nap_lutgeo *g, nap_rtl *r)
{
    const unsigned d = g->core->depth, e = g->entries, k = g->code_bits;
    nap_buf *b = &r->text;
    const nap_vvar vars[] = {{"name", g->core->name, 0},
                             {"whigh", NULL, g->planes * d * k - 1},
                             {"plane", NULL, g->shift_bits - (g->shift_bits > 0)},
                             {"dhigh", NULL, d - 1},
                             {"sel", NULL, d * e - 1},
                             {"codes", NULL, d * k - 1},
                             {"k", NULL, k},
                             {"depth", NULL, d},
                             {"sign", NULL, k - 1},
                             {"e", NULL, e},
                             {"index", NULL, k - 1},
                             {0}};
    nap_v_put(b,
              "\n"
              "// Weights of one column in one plane: sign and entry of each table.\n"
              "module @name@_decode (\n"
              "  input  [@whigh@:0] w_i,\n",
              vars);
    if (g->shift_bits > 0) nap_v_put(b, "  input  [@plane@:0] plane_i,\n", vars);
    if (e > 1) nap_v_put(b, "  output [@sel@:0] sel_o,\n", vars);
    nap_v_put(b, "  output [@dhigh@:0] neg_o\n);\n", vars);
    for (unsigned p = 0; p < g->planes && g->planes > 1; p++)
        nap_buf_printf(b, "  wire [%u:0] w%u = w_i[%u:%u];\n", d * k - 1, p, (p + 1) * d * k - 1,
                       p * d * k);
    nap_v_put(b, "  wire [@codes@:0] w = ", vars);
    if (g->planes > 1)
        put_choice(b, 0, 1u << g->shift_bits, g->planes);
    else
        nap_buf_puts(b, "w_i");
    nap_v_put(b,
              ";\n"
              "\n"
              "  genvar d;\n"
              "  generate\n"
              "    for (d = 0; d < @depth@; d = d + 1) begin : gen_table\n"
              "      assign neg_o[d] = w[d*@k@+@sign@];\n",
              vars);
    if (e > 1)
        nap_v_put(b, "      assign sel_o[d*@e@ +: @e@] = @e@'d1 << w[d*@k@ +: @index@];\n", vars);
    nap_buf_puts(b, "    end\n  endgenerate\nendmodule\n");
}

static void put_lookup(const nap_lutgeo *g, nap_rtl *r)
{
    const unsigned d = g->core->depth, e = g->entries,
                   bits = g->scales ? g->scaled_bits : g->entry_bits;
    nap_buf *b = &r->text;
    for (unsigned i = 0; i < d; i++) {
        if (e == 1) {
            nap_buf_printf(b, "  wire [%u:0] entry%u = t_i[%u:%u];\n", bits - 1, i,
                           (i + 1) * bits - 1, i * bits);
            continue;
        }
        nap_buf_printf(b, "  wire [%u:0] entry%u =\n", bits - 1, i);
        for (unsigned j = 0; j < e; j++) {
            const unsigned at = i * e + j;
            nap_buf_printf(b, "    ({%u{sel_i[%u]}} & t_i[%u:%u])%s\n", bits, at,
                           (at + 1) * bits - 1, at * bits, j + 1 < e ? " |" : ";");
        }
    }
}

/* Sum of the depth's terms in pairs; every adder but the accumulating one takes one carry. */
static void put_int_sum(const nap_lutgeo *g, nap_rtl *r)
{
    const unsigned d = g->core->depth;
    nap_buf *b = &r->text;
    for (unsigned i = 0; i < d; i++)
        nap_buf_printf(b, "  wire [%u:0] s0_%u = entry%u ^ {%u{neg_i[%u]}};\n", g->entry_bits - 1,
                       i, i, g->entry_bits, i);
    unsigned level = 0, carry = 0, width = g->entry_bits;
    for (unsigned n = d; n > 1; n /= 2, level++, width++)
        for (unsigned i = 0; i < n / 2; i++, carry++)
            nap_buf_printf(b,
                           "  wire [%u:0] s%u_%u = {s%u_%u[%u], s%u_%u} + {s%u_%u[%u], s%u_%u} + "
                           "{%u'd0, neg_i[%u]};\n",
                           width, level + 1, i, level, 2 * i, width - 1, level, 2 * i, level,
                           2 * i + 1, width - 1, level, 2 * i + 1, width, carry);
    nap_buf_printf(b, "\n  assign term_o = {s%u_0, neg_i[%u]};\n", level, d - 1);
}

void nap_lut_emit_pe(const nap_lutgeo *g, nap_rtl *r)
{
    const unsigned d = g->core->depth, e = g->entries,
                   bits = g->scales ? g->scaled_bits : g->entry_bits;
    nap_buf *b = &r->text;
    const bool integer = g->sum == NAP_LUTSUM_INT;
    const nap_vvar vars[] = {{"name", g->core->name, 0},
                             {"thigh", NULL, d * e * bits - 1},
                             {"sel", NULL, d * e - 1},
                             {"dhigh", NULL, d - 1},
                             {"term", NULL, g->term_bits - 1},
                             {"what", integer ? "sum" : "value", 0},
                             {0}};
    nap_v_put(b, "\n// Look-up and sign of one output.", vars);
    if (integer)
        nap_v_put(b,
                  " The term is term_o[@term@:1] + term_o[0]: the last negated entry's\n"
                  "// 1 is added by the accumulating adder.\n",
                  vars);
    else
        nap_buf_puts(b, "\n");
    nap_v_put(b,
              "module @name@_pe (\n"
              "  input  [@thigh@:0] t_i,\n",
              vars);
    if (e > 1) nap_v_put(b, "  input  [@sel@:0] sel_i,\n", vars);
    nap_v_put(b,
              "  input  [@dhigh@:0] neg_i,\n"
              "  output [@term@:0] term_o\n"
              ");\n",
              vars);
    put_lookup(g, r);
    if (integer) {
        put_int_sum(g, r);
    } else {
        nap_buf_puts(b, "\n");
        for (unsigned i = 0; i < d; i++)
            nap_buf_printf(b,
                           "  assign term_o[%u:%u] = {entry%u[%u] ^ neg_i[%u], entry%u[%u:0]};\n",
                           (i + 1) * bits - 1, i * bits, i, bits - 1, i, i, bits - 2);
    }
    nap_buf_puts(b, "endmodule\n");
}

/* The accumulating adder of integers. */
static void put_add_int(const nap_lutgeo *g, nap_rtl *r)
{
    const unsigned acc = g->acc_bits;
    nap_buf *b = &r->text;
    unsigned width = g->term_bits - 1, max = 0;
    nap_buf_printf(b, "  wire [%u:0] v0 = term_i[%u:1];\n", width - 1, g->term_bits - 1);
    for (unsigned s = 0; s < g->shift_bits; s++) {
        const unsigned by = 1u << s;
        unsigned next = max + by;
        if (next > g->planes - 1) next = g->planes - 1;
        const unsigned grown = width + next - max, extend = grown - width;
        /* Shifting by `by` fills `by` places; where all planes need fewer bits than that, the
         * places above are never reached. */
        nap_buf_printf(b, "  wire [%u:0] v%u = plane_i[%u] ? {", grown - 1, s + 1, s);
        nap_buf_printf(b, "v%u[%u:0], {%u{term_i[0]}}} : {{%u{v%u[%u]}}, v%u};\n", s,
                       grown - by - 1, by, extend, s, width - 1, s);
        width = grown;
        max = next;
    }
    if (width < acc)
        nap_buf_printf(b, "\n  assign c_o = c_i + {{%u{v%u[%u]}}, v%u} + {%u'd0, term_i[0]};\n",
                       acc - width, g->shift_bits, width - 1, g->shift_bits, acc - 1);
    else
        nap_buf_printf(b, "\n  assign c_o = c_i + v%u[%u:0] + {%u'd0, term_i[0]};\n", g->shift_bits,
                       acc - 1, acc - 1);
    if (width > acc)
        nap_buf_printf(b, "  wire unused_high = &{1'b0, v%u[%u:%u]};\n", g->shift_bits, width - 1,
                       acc);
}

void nap_lut_emit_add(const nap_lutgeo *g, nap_rtl *r)
{
    nap_buf *b = &r->text;
    const nap_vvar vars[] = {{"name", g->core->name, 0},
                             {"chigh", NULL, g->acc_bits - 1},
                             {"term", NULL, g->term_bits - 1},
                             {"plane", NULL, g->shift_bits - (g->shift_bits > 0)},
                             {0}};
    nap_v_put(b,
              "\n"
              "// Adds one output's terms to its accumulator.\n"
              "module @name@_add (\n"
              "  input  [@chigh@:0] c_i,\n"
              "  input  [@term@:0] term_i,\n",
              vars);
    if (g->adds_plane) nap_v_put(b, "  input  [@plane@:0] plane_i,\n", vars);
    nap_v_put(b, "  output [@chigh@:0] c_o\n);\n", vars);
    if (g->sum == NAP_LUTSUM_INT) put_add_int(g, r);
    nap_buf_puts(b, "endmodule\n");
}
