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

/* The expansion of a scaled entry (6 exponent bits, all normal) to binary32: wires alone but for
 * zero and the specials. Biases: 31 and 127, so the exponent grows by 96. */
static void put_expand(nap_buf *b, unsigned i)
{
    const nap_vvar vars[] = {{"i", NULL, i},
                             {"s", NULL, i * 17 + 16},
                             {"e", NULL, i * 17 + 15},
                             {"e1", NULL, i * 17 + 14},
                             {"e0", NULL, i * 17 + 10},
                             {"m", NULL, i * 17 + 9},
                             {"m0", NULL, i * 17},
                             {0}};
    nap_v_put(b,
              "  wire [7:0] exp@i@ = {8{|term_i[@e@:@e0@]}} & {term_i[@e@], ~term_i[@e@],\n"
              "    ~term_i[@e@], term_i[@e1@:@e0@]} | {8{&term_i[@e@:@e0@]}};\n"
              "  wire [31:0] term@i@ = {term_i[@s@], exp@i@, term_i[@m@:@m0@], 13'd0};\n",
              vars);
}

/* One adder after the other, table by table. */
static void put_add_discrete(const nap_lutgeo *g, nap_rtl *r, const char *adder)
{
    const bool wide = g->core->acc == NAP_ACC_F32;
    const unsigned d = g->core->depth, high = g->acc_bits - 1;
    nap_buf *b = &r->text;
    for (unsigned i = 0; i < d; i++) {
        if (wide)
            put_expand(b, i);
        else
            nap_buf_printf(b, "  wire [%u:0] term%u = term_i[%u:%u];\n", high, i,
                           (i + 1) * g->scaled_bits - 1, i * g->scaled_bits);
    }
    for (unsigned i = 0; i + 1 < d; i++) nap_buf_printf(b, "  wire [%u:0] sum%u;\n", high, i);
    nap_buf_puts(b, "\n");
    for (unsigned i = 0; i < d; i++) {
        char from[16] = "c_i", to[16] = "c_o";
        if (i > 0) (void)snprintf(from, sizeof from, "sum%u", i - 1);
        if (i + 1 < d) (void)snprintf(to, sizeof to, "sum%u", i);
        nap_buf_printf(b, "  %s u_add%u (.a_i(%s), .b_i(term%u), .y_o(%s));\n", adder, i, from, i,
                       to);
    }
}

void nap_lut_emit_add(const nap_lutgeo *g, nap_rtl *r)
{
    static const nap_rtl_fp half = {5, 10, false}, single = {8, 23, false};
    const nap_rtl_fp out = g->core->acc == NAP_ACC_F32 ? single : half;
    nap_buf *b = &r->text;
    char unit[96] = "";
    if (g->sum == NAP_LUTSUM_DISCRETE) nap_rtl_fp_add(r, out, unit);
    if (g->sum == NAP_LUTSUM_FUSED) {
        const nap_rtl_fused f = {.in = half,
                                 .out = out,
                                 .n = g->core->depth,
                                 .term = NAP_RTL_TERM_VALUE,
                                 .shift_bits = g->shift_bits};
        nap_rtl_fp_fused(r, &f, unit);
    }
    const nap_vvar vars[] = {{"name", g->core->name, 0},
                             {"chigh", NULL, g->acc_bits - 1},
                             {"term", NULL, g->term_bits - 1},
                             {"plane", NULL, g->shift_bits - (g->shift_bits > 0)},
                             {"unit", unit, 0},
                             {"shift", g->shift_bits > 0 ? " .shift_i(plane_i)," : "", 0},
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
    if (g->sum == NAP_LUTSUM_INT)
        put_add_int(g, r);
    else if (g->sum == NAP_LUTSUM_DISCRETE)
        put_add_discrete(g, r, unit);
    else
        nap_v_put(b, "  @unit@ u_fused (.acc_i(c_i), .terms_i(term_i),@shift@ .y_o(c_o));\n", vars);
    nap_buf_puts(b, "endmodule\n");
}

void nap_lut_emit_scale(const nap_lutgeo *g, nap_rtl *r)
{
    static const nap_rtl_fp half = {5, 10, false}, wide = {6, 10, false};
    const bool widens = g->scaled_bits > g->entry_bits;
    nap_buf *b = &r->text;
    char unit[96];
    if (widens)
        nap_rtl_fp_widen(r, half, wide, unit);
    else
        nap_rtl_fp_scale2(r, half, g->shift_bits, unit);
    const nap_vvar vars[] = {{"name", g->core->name, 0},
                             {"e", NULL, g->entries},
                             {"unit", unit, 0},
                             {"thigh", NULL, g->entries * g->entry_bits - 1},
                             {"shigh", NULL, g->entries * g->scaled_bits - 1},
                             {"plane", NULL, g->shift_bits - (g->shift_bits > 0)},
                             {"pad", NULL, 6 - g->shift_bits},
                             {"shift", NULL, g->shift_bits},
                             {0}};
    nap_v_put(b,
              "\n"
              "// The entries of one table, times 2^plane.\n"
              "module @name@_scale (\n"
              "  input  [@thigh@:0] t_i,\n",
              vars);
    if (g->shift_bits > 0) nap_v_put(b, "  input  [@plane@:0] plane_i,\n", vars);
    nap_v_put(b,
              "  output [@shigh@:0] t_o\n"
              ");\n"
              "  genvar j;\n"
              "  generate\n"
              "    for (j = 0; j < @e@; j = j + 1) begin : gen_entry\n",
              vars);
    if (!widens) {
        nap_v_put(b,
                  "      @unit@ u_scale (\n"
                  "        .a_i(t_i[j*16 +: 16]), .shift_i(plane_i), .y_o(t_o[j*16 +: 16]));\n",
                  vars);
    } else if (g->shift_bits == 0) {
        nap_v_put(b, "      @unit@ u_widen (.a_i(t_i[j*16 +: 16]), .y_o(t_o[j*17 +: 17]));\n",
                  vars);
    } else {
        nap_v_put(b,
                  "      wire [16:0] entry;\n"
                  "      @unit@ u_widen (.a_i(t_i[j*16 +: 16]), .y_o(entry));\n"
                  "      // Every finite value but zero is normal here, and 2^7 times it too.\n"
                  "      wire finite = |entry[15:10] & ~(&entry[15:10]);\n"
                  "      wire [5:0] exp = entry[15:10] + {@pad@'d0, plane_i & {@shift@{finite}}};\n"
                  "      assign t_o[j*17 +: 17] = {entry[16], exp, entry[9:0]};\n",
                  vars);
    }
    nap_buf_puts(b, "    end\n  endgenerate\nendmodule\n");
}
