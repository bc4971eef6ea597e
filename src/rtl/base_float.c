/* Multiply-accumulate and bit-serial arrays in floating point (array.h states the arithmetic).
 *
 * What depends on one operand alone is done once per row or column: E4M3's encoding becomes one
 * with IEEE specials, subnormals become normal numbers where the wider format allows it, an integer
 * weight becomes a number, ADD's factor 2^p is added to the exponents. Numbers travel in the
 * narrowest format that holds them; elements append zeros, which the synthesis sees as constants.
 *
 * discrete: products and a tree of rounding adders; the accumulating adder is a unit of its own.
 * fused: one alignment of all products and the accumulator. A product as it leaves the multiplier
 * is no number of any format, so with two stages the register of the MAC arrays lies before the
 * elements; that of ADD holds the selected activations. */
#include "rtl/base.h"

#include <stdio.h>

static const nap_rtl_fp single = {8, 23, false}, half = {5, 10, false};

static nap_rtl_fp format_of(nap_act act)
{
    switch (act) {
    case NAP_ACT_E4M3:
        return (nap_rtl_fp){4, 3, true};
    case NAP_ACT_E5M2:
        return (nap_rtl_fp){5, 2, false};
    default:
        return half;
    }
}

static unsigned bits_of(nap_rtl_fp f)
{
    return 1 + f.exp + f.man;
}

static nap_rtl_fp acc_format(const nap_base *b)
{
    return b->c->acc == NAP_ACC_F32 ? single : half;
}

/* The format of factors: IEEE specials, 5 exponent bits. */
static nap_rtl_fp factor_format(const nap_base *b)
{
    return (nap_rtl_fp){5, format_of(b->c->act).man, false};
}

/* The format of ADD's terms: 2^7 times an activation is a normal number of 6 exponent bits; where
 * sums are binary16 it has to overflow as binary16 does. */
static nap_rtl_fp term_format(const nap_base *b)
{
    return (nap_rtl_fp){b->c->acc == NAP_ACC_F32 ? 6 : 5, format_of(b->c->act).man, false};
}

/* "wire [..] <to> = ..." of the accumulator's format from `at` on of `from`, in ADD's format. */
static void put_expanded(nap_base *b, unsigned i, const char *from)
{
    const nap_rtl_fp f = term_format(b), out = acc_format(b);
    nap_buf *const text = &b->r->text;
    const unsigned pad = out.man - f.man, e = f.man + f.exp - 1;
    char zeros[16] = "";
    if (pad > 0) (void)snprintf(zeros, sizeof zeros, ", %u'd0", pad);
    if (f.exp == out.exp) {
        nap_buf_printf(text, "  wire [%u:0] l0_%u = {%s%u%s};\n", b->acc - 1, i, from, i, zeros);
        return;
    }
    /* 6 to 8 exponent bits, all numbers normal: the biases differ by 96. */
    nap_buf_printf(text,
                   "  wire [7:0] exp%u = {8{|%s%u[%u:%u]}} & {%s%u[%u], ~%s%u[%u], ~%s%u[%u], "
                   "%s%u[%u:%u]}\n    | {8{&%s%u[%u:%u]}};\n",
                   i, from, i, e, f.man, from, i, e, from, i, e, from, i, e, from, i, e - 1, f.man,
                   from, i, e, f.man);
    nap_buf_printf(text, "  wire [31:0] l0_%u = {%s%u[%u], exp%u, %s%u[%u:0]%s};\n", i, from, i,
                   e + 1, i, from, i, f.man - 1, zeros);
}

/* l0_0 .. l0_<n-1> added in pairs, pairs of pairs, an odd one passing up; assigned to term_o. */
static void put_pairs(nap_base *b, const char *adder)
{
    nap_buf *const out = &b->r->text;
    unsigned level = 0;
    for (unsigned n = b->c->depth; n > 1; n = (n + 1) / 2, level++) {
        for (unsigned i = 0; i < n / 2; i++)
            nap_buf_printf(out,
                           "  wire [%u:0] l%u_%u;\n"
                           "  %s u_add%u_%u (.a_i(l%u_%u), .b_i(l%u_%u), .y_o(l%u_%u));\n",
                           b->acc - 1, level + 1, i, adder, level, i, level, 2 * i, level,
                           2 * i + 1, level + 1, i);
        if (n % 2)
            nap_buf_printf(out, "  wire [%u:0] l%u_%u = l%u_%u;\n", b->acc - 1, level + 1, n / 2,
                           level, n - 1);
    }
    nap_buf_printf(out, "  assign term_o = l%u_0;\nendmodule\n", level);
}

/* <name>_add: one rounding adder. */
static void put_adder(nap_base *b)
{
    char adder[96];
    nap_rtl_fp_add(b->r, acc_format(b), adder);
    const nap_vvar vars[] = {
        {"name", b->c->name, 0}, {"adder", adder, 0}, {"high", NULL, b->acc - 1}, {0}};
    nap_v_put(&b->r->text,
              "\n"
              "// Adds an output's term to its accumulator.\n"
              "module @name@_add (\n"
              "  input  [@high@:0] c_i,\n"
              "  input  [@high@:0] term_i,\n"
              "  output [@high@:0] c_o\n"
              ");\n"
              "  @adder@ u_add (.a_i(c_i), .b_i(term_i), .y_o(c_o));\n"
              "endmodule\n",
              vars);
}

/* ------------------------------------------------------------------ multiply-accumulate */

/* <name>_row and, for a uniform MAC, <name>_col: E4M3 with IEEE specials. */
static void put_widened(nap_base *b, bool weights)
{
    char unit[96];
    nap_rtl_fp_widen(b->r, format_of(b->c->act), factor_format(b), unit);
    const nap_vvar vars[] = {{"name", b->c->name, 0},
                             {"unit", unit, 0},
                             {"what", weights ? "weights" : "activations", 0},
                             {"which", weights ? "col" : "row", 0},
                             {"in", weights ? "w_i" : "x_i", 0},
                             {"d", NULL, b->c->depth},
                             {"act", NULL, b->act},
                             {"bits", NULL, bits_of(factor_format(b))},
                             {"ihigh", NULL, b->c->depth * b->act - 1},
                             {"ohigh", NULL, b->c->depth * bits_of(factor_format(b)) - 1},
                             {0}};
    nap_v_put(&b->r->text,
              "\n"
              "// A @which@'s @what@ as factors.\n"
              "module @name@_@which@ (\n"
              "  input  [@ihigh@:0] @in@,\n"
              "  output [@ohigh@:0] @which@_o\n"
              ");\n"
              "  genvar d;\n"
              "  generate\n"
              "    for (d = 0; d < @d@; d = d + 1) begin : gen_factor\n"
              "      @unit@ u_widen (\n"
              "        .a_i(@in@[d*@act@ +: @act@]), .y_o(@which@_o[d*@bits@ +: @bits@]));\n"
              "    end\n"
              "  endgenerate\n"
              "endmodule\n",
              vars);
}

/* <name>_col of integer weights: 6 bits each, {negative, not zero, floor(log2 |w|), the two bits
 * below the leading one}. */
enum { WEIGHT_BITS = 6 };
static void put_weights(nap_base *b)
{
    const unsigned bits = b->c->wbits;
    nap_buf *const out = &b->r->text;
    nap_buf_printf(out,
                   "\n"
                   "// A column's integer weights as numbers.\n"
                   "module %s_col (\n"
                   "  input  [%u:0] w_i,\n"
                   "  output [%u:0] col_o\n"
                   ");\n",
                   b->c->name, b->w_col - 1, b->col - 1);
    for (unsigned d = 0; d < b->c->depth; d++) {
        const unsigned at = d * bits;
        nap_buf_printf(out,
                       "  wire n%u = w_i[%u];\n"
                       "  wire [3:0] m%u = {{%u{n%u}}, w_i[%u:%u]} ^ {4{n%u}};\n"
                       "  wire [3:0] a%u = m%u + {3'd0, n%u};\n",
                       d, at + bits - 1, d, 5 - bits, d, at + bits - 2, at, d, d, d, d);
        nap_buf_printf(out,
                       "  wire [1:0] e%u = {a%u[3] | a%u[2], a%u[3] | (~a%u[2] & a%u[1])};\n"
                       "  wire [1:0] f%u = a%u[3] ? a%u[2:1] : a%u[2] ? a%u[1:0] : {a%u[1] & "
                       "a%u[0], 1'b0};\n"
                       "  assign col_o[%u:%u] = {n%u, |a%u, e%u, f%u};\n",
                       d, d, d, d, d, d, d, d, d, d, d, d, d, d * WEIGHT_BITS + WEIGHT_BITS - 1,
                       d * WEIGHT_BITS, d, d, d, d);
    }
    nap_buf_puts(out, "endmodule\n");
}

static void put_products(nap_base *b, const char *source)
{
    const nap_rtl_fp f = factor_format(b);
    const unsigned bits = bits_of(f);
    const bool native = b->c->method == NAP_METHOD_MAC_NATIVE;
    char mul[96], adder[96];
    nap_rtl_fp_mul(b->r, f, acc_format(b), mul);
    nap_rtl_fp_add(b->r, acc_format(b), adder);
    nap_buf *const out = &b->r->text;
    nap_buf_printf(out,
                   "\n"
                   "// Products of one output, summed in pairs.\n"
                   "module %s_pe (\n"
                   "  input  [%u:0] %s,\n"
                   "  input  [%u:0] col_i,\n"
                   "  output [%u:0] term_o\n"
                   ");\n",
                   b->c->name, b->c->depth * bits - 1, source, (b->col > 0 ? b->col : b->w_col) - 1,
                   b->acc - 1);
    for (unsigned d = 0; d < b->c->depth; d++) {
        if (native) {
            const unsigned at = d * WEIGHT_BITS;
            nap_buf_printf(out,
                           "  wire [%u:0] w%u = {col_i[%u], {5{col_i[%u]}} & (5'd15 + {3'd0, "
                           "col_i[%u:%u]}), col_i[%u:%u]",
                           bits - 1, d, at + 5, at + 4, at + 3, at + 2, at + 1, at);
            if (f.man > 2) nap_buf_printf(out, ", %u'd0", f.man - 2);
            nap_buf_puts(out, "};\n");
        } else {
            nap_buf_printf(out, "  wire [%u:0] w%u = col_i[%u:%u];\n", bits - 1, d,
                           (d + 1) * bits - 1, d * bits);
        }
        nap_buf_printf(out,
                       "  wire [%u:0] l0_%u;\n"
                       "  %s u_mul%u (.a_i(%s[%u:%u]), .b_i(w%u), .y_o(l0_%u));\n",
                       b->acc - 1, d, mul, d, source, (d + 1) * bits - 1, d * bits, d, d);
    }
    put_pairs(b, adder);
}

static void put_fused_mac(nap_base *b)
{
    const bool native = b->c->method == NAP_METHOD_MAC_NATIVE;
    const unsigned weight = native ? b->c->wbits : b->act, high = b->acc - 1;
    const nap_rtl_fused f = {.in = format_of(b->c->act),
                             .out = acc_format(b),
                             .n = b->c->depth,
                             .term = native ? NAP_RTL_TERM_INTEGER : NAP_RTL_TERM_PRODUCT,
                             .int_bits = native ? weight : 0};
    char unit[96];
    nap_rtl_fp_fused(b->r, &f, unit);
    nap_buf *const out = &b->r->text;
    nap_buf_printf(out,
                   "\n"
                   "// Products and accumulator of one output, aligned once.\n"
                   "module %s_pe (\n"
                   "  input  [%u:0] x_i,\n"
                   "  input  [%u:0] col_i,\n"
                   "  input  [%u:0] c_i,\n"
                   "  output [%u:0] c_o\n"
                   ");\n"
                   "  wire [%u:0] terms = {\n",
                   b->c->name, b->x_row - 1, b->w_col - 1, high, high, b->x_row + b->w_col - 1);
    for (unsigned d = b->c->depth; d-- > 0;)
        nap_buf_printf(out, "    col_i[%u:%u], x_i[%u:%u]%s\n", (d + 1) * weight - 1, d * weight,
                       (d + 1) * b->act - 1, d * b->act, d > 0 ? "," : "};");
    nap_buf_printf(out, "  %s u_fused (.acc_i(c_i), .terms_i(terms), .y_o(c_o));\nendmodule\n",
                   unit);
}

void nap_base_mac_float(nap_base *b)
{
    const nap_core *const c = b->c;
    const bool native = c->method == NAP_METHOD_MAC_NATIVE, widens = c->act == NAP_ACT_E4M3;
    if (native && c->wbits == 1) {
        nap_base_add_float(b);
        return;
    }
    if (c->fpsum == NAP_FPSUM_FUSED) {
        b->pe_x = true;
        b->cut_operands = b->staged;
        put_fused_mac(b);
        return;
    }
    const unsigned bits = bits_of(factor_format(b));
    b->term = b->acc;
    b->pe_x = !widens;
    if (widens) {
        b->row = c->depth * bits;
        put_widened(b, false);
    }
    if (native) {
        b->col = c->depth * WEIGHT_BITS;
        b->col_part = NAP_PART_PE;
        put_weights(b);
    } else if (widens) {
        b->col = c->depth * bits;
        b->col_part = NAP_PART_PE;
        put_widened(b, true);
    }
    put_products(b, widens ? "row_i" : "x_i");
    put_adder(b);
}

/* ------------------------------------------------------------------ bit-serial */

/* <name>_col: per activation {flip its sign, take it}. */
static void put_choices(nap_base *b)
{
    const unsigned d = b->c->depth;
    const nap_vvar vars[] = {{"name", b->c->name, 0},
                             {"whigh", NULL, b->w_col - 1},
                             {"phigh", NULL, b->shift - 1},
                             {"d", NULL, d},
                             {"dh", NULL, d - 1},
                             {"high", NULL, 2 * d - 1},
                             {0}};
    nap_v_put(&b->r->text,
              "\n"
              "// One plane of a column's weights: which activations count, and which negative.\n"
              "module @name@_col (\n"
              "  input  [@whigh@:0] w_i,\n"
              "  input  [@phigh@:0] plane_i,\n"
              "  input  negate_i,\n"
              "  input  single_i,\n"
              "  output [@high@:0] col_o\n"
              ");\n",
              vars);
    nap_base_put_pick(b, d);
    nap_v_put(&b->r->text,
              "  assign col_o[@dh@:0] = plane | {@d@{single_i}};\n"
              "  assign col_o[@high@:@d@] = single_i ? ~plane : {@d@{negate_i}};\n"
              "endmodule\n",
              vars);
}

/* <name>_row: one activation in the terms' format, times 2^plane. */
static void put_scaled(nap_base *b)
{
    const nap_rtl_fp from = format_of(b->c->act), to = term_format(b);
    const bool widens = from.exp != to.exp;
    const unsigned bits = bits_of(to), e = to.man + to.exp - 1;
    char widen[96] = "", scale[96] = "";
    if (widens) nap_rtl_fp_widen(b->r, from, to, widen);
    if (b->shift > 0 && to.exp == 5) nap_rtl_fp_scale2(b->r, to, b->shift, scale);
    nap_buf *const out = &b->r->text;
    nap_buf_printf(out,
                   "\n"
                   "// One activation, times 2^plane.\n"
                   "module %s_row (\n"
                   "  input  [%u:0] x_i,\n",
                   b->c->name, b->act - 1);
    if (b->shift > 0) nap_buf_printf(out, "  input  [%u:0] plane_i,\n", b->shift - 1);
    nap_buf_printf(out,
                   "  output [%u:0] row_o\n"
                   ");\n"
                   "  wire [%u:0] x;\n",
                   bits - 1, bits - 1);
    if (widens)
        nap_buf_printf(out, "  %s u_widen (.a_i(x_i), .y_o(x));\n", widen);
    else
        nap_buf_puts(out, "  assign x = x_i;\n");
    if (b->shift == 0)
        nap_buf_puts(out, "  assign row_o = x;\n");
    else if (to.exp == 5)
        nap_buf_printf(out, "  %s u_scale (.a_i(x), .shift_i(plane_i), .y_o(row_o));\n", scale);
    else
        nap_buf_printf(out,
                       "  // Every finite value but zero is normal here, and 2^7 times it too.\n"
                       "  wire finite = (|x[%u:%u]) & ~(&x[%u:%u]);\n"
                       "  assign row_o = {x[%u], x[%u:%u] + {%u'd0, plane_i & {%u{finite}}}, "
                       "x[%u:0]};\n",
                       e, to.man, e, to.man, e + 1, e, to.man, 6 - b->shift, b->shift, to.man - 1);
    nap_buf_puts(out, "endmodule\n");
}

/* <name>_pe: the chosen activations, summed in pairs (discrete) or side by side (fused). */
static void put_chosen(nap_base *b, unsigned bits, bool fused)
{
    const unsigned depth = b->c->depth;
    char adder[96];
    if (!fused) nap_rtl_fp_add(b->r, acc_format(b), adder);
    nap_buf *const out = &b->r->text;
    const char *const source = b->pe_x ? "x_i" : "row_i";
    nap_buf_printf(out,
                   "\n"
                   "// Chosen activations of one output%s.\n"
                   "module %s_pe (\n"
                   "  input  [%u:0] %s,\n"
                   "  input  [%u:0] col_i,\n"
                   "  output [%u:0] term_o\n"
                   ");\n",
                   fused ? "" : ", summed in pairs", b->c->name, depth * bits - 1, source,
                   (b->col > 0 ? b->col : b->w_col) - 1, b->term - 1);
    for (unsigned d = 0; d < depth; d++) {
        const unsigned at = d * bits, sign = at + bits - 1;
        if (b->col > 0)
            nap_buf_printf(out,
                           "  wire [%u:0] a%u = {%s[%u] ^ col_i[%u], %s[%u:%u]} & "
                           "{%u{col_i[%u]}};\n",
                           bits - 1, d, source, sign, depth + d, source, sign - 1, at, bits, d);
        else
            nap_buf_printf(out, "  wire [%u:0] a%u = {%s[%u] ^ ~col_i[%u], %s[%u:%u]};\n", bits - 1,
                           d, source, sign, d, source, sign - 1, at);
        if (fused)
            nap_buf_printf(out, "  assign term_o[%u:%u] = a%u;\n", sign, at, d);
        else
            put_expanded(b, d, "a");
    }
    if (fused)
        nap_buf_puts(out, "endmodule\n");
    else
        put_pairs(b, adder);
}

static void put_fused_add(nap_base *b)
{
    const nap_rtl_fused f = {.in = format_of(b->c->act),
                             .out = acc_format(b),
                             .n = b->c->depth,
                             .term = NAP_RTL_TERM_VALUE,
                             .shift_bits = b->shift};
    char unit[96];
    nap_rtl_fp_fused(b->r, &f, unit);
    const nap_vvar vars[] = {{"name", b->c->name, 0},
                             {"unit", unit, 0},
                             {"high", NULL, b->acc - 1},
                             {"term", NULL, b->term - 1},
                             {"phigh", NULL, b->shift - (b->shift > 0)},
                             {0}};
    nap_v_put(&b->r->text,
              "\n"
              "// Adds an output's terms to its accumulator.\n"
              "module @name@_add (\n"
              "  input  [@high@:0] c_i,\n"
              "  input  [@term@:0] term_i,\n",
              vars);
    if (b->shift > 0) nap_v_put(&b->r->text, "  input  [@phigh@:0] plane_i,\n", vars);
    nap_v_put(&b->r->text,
              "  output [@high@:0] c_o\n"
              ");\n"
              "  @unit@ u_fused (.acc_i(c_i), .terms_i(term_i),",
              vars);
    if (b->shift > 0) nap_buf_puts(&b->r->text, " .shift_i(plane_i),");
    nap_buf_puts(&b->r->text, " .y_o(c_o));\nendmodule\n");
}

void nap_base_add_float(nap_base *b)
{
    const nap_core *const c = b->c;
    const bool fused = c->fpsum == NAP_FPSUM_FUSED, serial = b->shift > 0;
    const nap_rtl_fp f = term_format(b);
    const bool scales = !fused && (serial || f.exp != format_of(c->act).exp);
    const unsigned bits = scales ? bits_of(f) : b->act;
    b->pe_x = !scales;
    if (serial) {
        b->col = 2 * c->depth;
        b->col_control = true;
        put_choices(b);
    }
    if (scales) {
        b->row = c->depth * bits;
        b->row_units = c->depth;
        b->row_plane = serial;
        put_scaled(b);
    }
    b->term = fused ? c->depth * bits : b->acc;
    b->adds_plane = fused && serial;
    put_chosen(b, bits, fused);
    if (fused)
        put_fused_add(b);
    else
        put_adder(b);
}
