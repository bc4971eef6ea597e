/* Floating-point modules: adder, multiplier, scaling, widening. The same bits as lutcore/fpnum.h.
 *
 * All are single-path and compact. A result is normalised by a count of leading zeros; where it may
 * be subnormal, a marker bit at the place where the exponent would reach its lowest value bounds
 * the count, so that no comparison with the exponent is needed. The hidden bit is added into the
 * exponent together with the rounding, which makes the steps from subnormal to normal, from one
 * binade to the next and to infinity come out by carry. */
#include "rtl/arith.h"

#include <stdio.h>

static unsigned bias_of(nap_rtl_fp f)
{
    return (1u << (f.exp - 1)) - 1;
}

unsigned nap_v_leading_zeros(nap_buf *b, const char *z, const char *v, unsigned bits)
{
    const unsigned n = nap_v_log2(bits), whole = 1u << n;
    /* A window halves at each step. Bit 0 of a window never decides anything. */
    nap_buf_printf(b, "  wire [%u:1] %s_w%u = ", whole - 1, z, n);
    if (whole > bits)
        nap_buf_printf(b, whole - bits > 1 ? "{%s, %u'd0};\n" : "%s;\n", v, whole - bits - 1);
    else
        nap_buf_printf(b, "%s[%u:1];\n  wire unused_%s = %s[0];\n", v, bits - 1, z, v);
    for (unsigned i = n; i-- > 0;) {
        const unsigned half = 1u << i;
        nap_buf_printf(b, "  wire %s_lz%u = ~|%s_w%u[%u:%u];\n", z, i, z, i + 1, 2 * half - 1,
                       half);
        if (i > 0)
            nap_buf_printf(b, "  wire [%u:1] %s_w%u = %s_lz%u ? %s_w%u[%u:1] : %s_w%u[%u:%u];\n",
                           half - 1, z, i, z, i, z, i + 1, half - 1, z, i + 1, 2 * half - 1,
                           half + 1);
    }
    nap_buf_printf(b, "  wire [%u:0] %s_lz = {", n - 1, z);
    for (unsigned i = n; i-- > 0;) nap_buf_printf(b, "%s_lz%u%s", z, i, i > 0 ? ", " : "};\n");
    return n;
}

void nap_v_shift_sticky(nap_buf *b, const char *v, unsigned bits, const char *by, unsigned by_bits)
{
    const unsigned all = nap_v_log2(bits), stages = all < by_bits ? all : by_bits;
    char from[64];
    (void)snprintf(from, sizeof from, "%s", v);
    for (unsigned i = 0; i < stages; i++) {
        const unsigned d = 1u << i;
        nap_buf_printf(b, "  wire [%u:0] %s_r%u = %s[%u] ? {%u'd0, %s[%u:%u]} : %s;\n", bits - 1, v,
                       i, by, i, d, from, bits - 1, d, from);
        nap_buf_printf(b, "  wire %s_t%u = %s[%u] & (|%s[%u:0]);\n", v, i, by, i, from, d - 1);
        (void)snprintf(from, sizeof from, "%s_r%u", v, i);
    }
    if (by_bits > stages) {
        nap_buf_printf(b, "  wire %s_far = |%s[%u:%u];\n", v, by, by_bits - 1, stages);
        nap_buf_printf(b, "  wire [%u:0] %s_r = %s & {%u{~%s_far}};\n", bits - 1, v, from, bits, v);
        nap_buf_printf(b, "  wire %s_t = (%s_far & (|%s))", v, v, v);
    } else {
        nap_buf_printf(b, "  wire [%u:0] %s_r = %s;\n", bits - 1, v, from);
        nap_buf_printf(b, "  wire %s_t = 1'b0", v);
    }
    for (unsigned i = 0; i < stages; i++) nap_buf_printf(b, " | %s_t%u", v, i);
    nap_buf_puts(b, ";\n");
}

const char *nap_rtl_fp_add(nap_rtl *r, nap_rtl_fp f, char name[96])
{
    (void)snprintf(name, 96, "nap_fp_add_e%um%u", f.exp, f.man);
    if (nap_rtl_has_module(r, name)) return name;
    const unsigned wide = f.man + 5; /* carry, significand, guard, round, sticky */
    nap_buf *b = &r->text;
    const nap_vvar vars[] = {{"name", name, 0},
                             {"exp", NULL, f.exp},
                             {"man", NULL, f.man},
                             {"top", NULL, f.exp + f.man},
                             {"mag", NULL, f.exp + f.man - 1},
                             {"mh", NULL, f.man - 1},
                             {"eh", NULL, f.exp - 1},
                             {"eh1", NULL, f.exp - 2},
                             {"e1", NULL, f.man + 1},
                             {"grs", NULL, f.man + 2},
                             {"wide", NULL, wide},
                             {"wh", NULL, wide - 1},
                             {"wh1", NULL, wide - 2},
                             {"lz", NULL, nap_v_log2(wide)},
                             {"lzpad", NULL, f.exp - nap_v_log2(wide)},
                             {"nan0", NULL, f.man - 1},
                             {0}};
    nap_v_put(b,
              "\n"
              "// y = a + b to nearest even, @exp@ exponent and @man@ fraction bits.\n"
              "module @name@ (\n"
              "  input  [@top@:0] a_i,\n"
              "  input  [@top@:0] b_i,\n"
              "  output [@top@:0] y_o\n"
              ");\n"
              "  // x is the larger magnitude, z the lesser.\n"
              "  wire swap = a_i[@mag@:0] < b_i[@mag@:0];\n"
              "  wire [@top@:0] x = swap ? b_i : a_i;\n"
              "  wire [@top@:0] z = swap ? a_i : b_i;\n"
              "  wire differ = x[@top@] ^ z[@top@];\n"
              "  wire x_normal = |x[@mag@:@man@];\n"
              "  wire z_normal = |z[@mag@:@man@];\n"
              "  wire [@eh@:0] x_exp = {x[@mag@:@e1@], x[@man@] | ~x_normal};\n"
              "  wire [@eh@:0] z_exp = {z[@mag@:@e1@], z[@man@] | ~z_normal};\n"
              "  wire [@eh@:0] apart = x_exp - z_exp;\n"
              "\n"
              "  // Align, keeping guard, round and a sticky bit.\n"
              "  wire [@grs@:0] less = {z_normal, z[@mh@:0], 2'b00};\n",
              vars);
    nap_v_shift_sticky(b, "less", f.man + 3, "apart", f.exp);
    nap_v_put(b,
              "  wire [@wh@:0] sum = {1'b0, x_normal, x[@mh@:0], 3'b000}\n"
              "    + ({1'b0, less_r, less_t} ^ {@wide@{differ}}) + {@wh@'d0, differ};\n"
              "\n"
              "  // Normalise; the marker stops at the lowest exponent.\n"
              "  wire [@wh@:0] marked = sum | ({1'b1, @wh@'d0} >> x_exp);\n",
              vars);
    nap_v_leading_zeros(b, "marked", "marked", wide);
    nap_v_put(b,
              "  wire [@wh@:0] norm = sum << marked_lz;\n"
              "  wire [@eh@:0] exp = x_exp - {@lzpad@'d0, marked_lz};\n"
              "  wire [@eh@:0] exp_masked = exp & {@exp@{norm[@wh@]}};\n"
              "\n"
              "  // Round; the hidden bit counts one in the exponent.\n"
              "  wire up = norm[3] & (norm[4] | (|norm[2:0]));\n"
              "  wire [@mag@:0] packed_y = {exp_masked, norm[@wh1@:4]}\n"
              "    + {@eh@'d0, norm[@wh@], @mh@'d0, up};\n"
              "  wire infinite = &packed_y[@mag@:@man@];\n"
              "  wire sign = x[@top@] & ~(differ & ~(|sum));\n"
              "\n"
              "  // Infinities and NaNs are the larger magnitude.\n"
              "  wire special = &x[@mag@:@man@];\n"
              "  wire nan = (|x[@mh@:0]) | (differ & (&z[@mag@:@man@]));\n"
              "  assign y_o = special\n"
              "    ? {x[@top@] & ~nan, {@exp@{1'b1}}, nan, @nan0@'d0}\n"
              "    : {sign, packed_y[@mag@:@man@], packed_y[@mh@:0] & {@man@{~infinite}}};\n"
              "endmodule\n",
              vars);
    return name;
}

const char *nap_rtl_fp_scale2(nap_rtl *r, nap_rtl_fp f, unsigned bits, char name[96])
{
    (void)snprintf(name, 96, "nap_fp_scale_e%um%u_s%u", f.exp, f.man, bits);
    if (nap_rtl_has_module(r, name)) return name;
    nap_buf *b = &r->text;
    /* A subnormal is shifted left until it is normal, but by `shift` at most: only so many leading
     * places matter. */
    const unsigned most = (1u << bits) - 1, window = (most < f.man ? most : f.man) + 1,
                   lz = nap_v_log2(window);
    const nap_vvar vars[] = {{"name", name, 0},
                             {"exp", NULL, f.exp},
                             {"man", NULL, f.man},
                             {"top", NULL, f.exp + f.man},
                             {"mag", NULL, f.exp + f.man - 1},
                             {"mh", NULL, f.man - 1},
                             {"eh", NULL, f.exp - 1},
                             {"sh", NULL, bits - 1},
                             {"spad", NULL, f.exp + 1 - bits},
                             {"window", NULL, window},
                             {"winh", NULL, window - 1},
                             {"winlow", NULL, f.man + 1 - window},
                             {"lzpad", NULL, f.exp - lz},
                             {"spad0", NULL, f.exp - bits},
                             {"nan0", NULL, f.man - 1},
                             {0}};
    nap_v_put(b,
              "\n"
              "// y = a * 2^shift, @exp@ exponent and @man@ fraction bits.\n"
              "module @name@ (\n"
              "  input  [@top@:0] a_i,\n"
              "  input  [@sh@:0] shift_i,\n"
              "  output [@top@:0] y_o\n"
              ");\n"
              "  // Normal: the exponent grows.\n"
              "  wire [@exp@:0] grown = {1'b0, a_i[@mag@:@man@]} + {@spad@'d0, shift_i};\n"
              "  wire infinite = grown[@exp@] | (&grown[@eh@:0]);\n"
              "\n"
              "  // Subnormal: shifted until it is normal, by shift at most.\n"
              "  wire [@man@:0] sub = {1'b0, a_i[@mh@:0]};\n"
              "  wire [@winh@:0] marked = sub[@man@:@winlow@] | ({1'b1, @winh@'d0} >> shift_i);\n",
              vars);
    nap_v_leading_zeros(b, "marked", "marked", window);
    nap_v_put(b,
              "  wire [@man@:0] norm = sub << marked_lz;\n"
              "  wire [@eh@:0] rest = {@spad0@'d0, shift_i} - {@lzpad@'d0, marked_lz};\n"
              "  wire [@eh@:0] exp = (rest + @exp@'d1) & {@exp@{norm[@man@]}};\n"
              "\n"
              "  wire special = &a_i[@mag@:@man@];\n"
              "  wire normal = |a_i[@mag@:@man@];\n"
              "  wire nan = special & (|a_i[@mh@:0]);\n"
              "  assign y_o = special | (normal & infinite)\n"
              "    ? {a_i[@top@] & ~nan, {@exp@{1'b1}}, nan, @nan0@'d0}\n"
              "    : normal ? {a_i[@top@], grown[@eh@:0], a_i[@mh@:0]}\n"
              "             : {a_i[@top@], exp, norm[@mh@:0]};\n"
              "endmodule\n",
              vars);
    return name;
}

const char *nap_rtl_fp_widen(nap_rtl *r, nap_rtl_fp from, nap_rtl_fp to, char name[96])
{
    (void)snprintf(name, 96, "nap_fp_widen_e%um%u%s_e%um%u", from.exp, from.man,
                   from.finite_only ? "fn" : "", to.exp, to.man);
    if (nap_rtl_has_module(r, name)) return name;
    nap_buf *b = &r->text;
    const bool rebias = to.exp > from.exp;
    const unsigned shift = bias_of(to) - bias_of(from);
    char pad[24] = "";
    if (to.man > from.man) (void)snprintf(pad, sizeof pad, ", %u'd0", to.man - from.man);
    const nap_vvar vars[] = {{"name", name, 0},
                             {"fexp", NULL, from.exp},
                             {"fman", NULL, from.man},
                             {"texp", NULL, to.exp},
                             {"tman", NULL, to.man},
                             {"ftop", NULL, from.exp + from.man},
                             {"fmag", NULL, from.exp + from.man - 1},
                             {"ttop", NULL, to.exp + to.man},
                             {"mh", NULL, from.man - 1},
                             {"eh", NULL, to.exp - 1},
                             {"grow", NULL, to.exp - from.exp},
                             {"shift", NULL, shift},
                             {"lzpad", NULL, to.exp - nap_v_log2(from.man)},
                             {"nan0", NULL, to.man - 1},
                             {"pad", pad, 0},
                             {0}};
    nap_v_put(b,
              "\n"
              "// The same number with @texp@ exponent and @tman@ fraction bits.\n"
              "module @name@ (\n"
              "  input  [@ftop@:0] a_i,\n"
              "  output [@ttop@:0] y_o\n"
              ");\n",
              vars);
    nap_v_put(b,
              from.finite_only ? "  wire special = &a_i[@fmag@:0];\n"
                                 "  wire nan = special;\n"
                               : "  wire special = &a_i[@fmag@:@fman@];\n"
                                 "  wire nan = special & (|a_i[@mh@:0]);\n",
              vars);
    if (rebias) {
        nap_v_put(b,
                  "  wire normal = |a_i[@fmag@:@fman@];\n"
                  "  wire nonzero = |a_i[@fmag@:0];\n"
                  "\n"
                  "  // Subnormal: the leading one becomes the hidden bit.\n"
                  "  wire [@mh@:0] frac = a_i[@mh@:0];\n",
                  vars);
        nap_v_leading_zeros(b, "frac", "frac", from.man);
        nap_v_put(b,
                  "  wire [@mh@:0] norm = frac << frac_lz << 1;\n"
                  "  wire [@eh@:0] exp = normal ? {@grow@'d0, a_i[@fmag@:@fman@]} + "
                  "@texp@'d@shift@\n"
                  "                             : @texp@'d@shift@ - {@lzpad@'d0, frac_lz};\n"
                  "  assign y_o = special\n"
                  "    ? {a_i[@ftop@] & ~nan, {@texp@{1'b1}}, nan, @nan0@'d0}\n"
                  "    : {a_i[@ftop@], exp & {@texp@{nonzero}}, (normal ? frac : norm)@pad@};\n"
                  "endmodule\n",
                  vars);
    } else {
        nap_v_put(b,
                  "  assign y_o = special\n"
                  "    ? {a_i[@ftop@] & ~nan, {@texp@{1'b1}}, nan, @nan0@'d0}\n"
                  "    : {a_i@pad@};\n"
                  "endmodule\n",
                  vars);
    }
    return name;
}

const char *nap_rtl_fp_mul(nap_rtl *r, nap_rtl_fp in, nap_rtl_fp out, char name[96])
{
    (void)snprintf(name, 96, "nap_fp_mul_e%um%u_e%um%u", in.exp, in.man, out.exp, out.man);
    if (nap_rtl_has_module(r, name)) return name;
    nap_buf *b = &r->text;
    /* The product's leading place has the exponent field (sum of the fields) + lead + 1. Where that
     * may be below 1, zeros above the product make room, so that normalising is a left shift in
     * every case. The lowest sum of fields is 2. */
    const unsigned product = 2 * in.man + 2, keep = out.man + 1;
    int lead = (int)bias_of(out) - 2 * (int)bias_of(in);
    const unsigned room = lead < -2 ? (unsigned)(-2 - lead) : 0;
    lead += (int)room;
    /* Below the kept places at least a guard and a sticky bit, so that rounding has one form. */
    const unsigned place = product + room, pad = place < keep + 2 ? keep + 2 - place : 0,
                   wide = place + pad, lz = nap_v_log2(wide);
    const int most = 2 * ((1 << in.exp) - 2) + lead;
    unsigned ew = nap_v_log2((unsigned)most + 2);
    if (ew < out.exp) ew = out.exp;
    if (ew < lz + 1) ew = lz + 1;
    char overflow[64] = "1'b0";
    if (most + 1 >= (1 << out.exp) - 1)
        (void)snprintf(overflow, sizeof overflow, "packed_y[%u:%u] >= %u'd%u", ew + out.man - 1,
                       out.man, ew, (1u << out.exp) - 1);
    const bool bounded = lead + 2 < (int)place - 1;
    const nap_vvar vars[] = {{"name", name, 0},
                             {"iexp", NULL, in.exp},
                             {"iman", NULL, in.man},
                             {"itop", NULL, in.exp + in.man},
                             {"imag", NULL, in.exp + in.man - 1},
                             {"ie1", NULL, in.man + 1},
                             {"imh", NULL, in.man - 1},
                             {"oexp", NULL, out.exp},
                             {"oman", NULL, out.man},
                             {"otop", NULL, out.exp + out.man},
                             {"omag", NULL, out.exp + out.man - 1},
                             {"omh", NULL, out.man - 1},
                             {"ph", NULL, product - 1},
                             {"keep", NULL, in.man + 1},
                             {"wh", NULL, wide - 1},
                             {"wh1", NULL, wide - 2},
                             {"guard", NULL, wide - keep - 1},
                             {"rest", NULL, wide - keep - 2},
                             {"lsb", NULL, wide - keep},
                             {"ew", NULL, ew},
                             {"eh", NULL, ew - 1},
                             {"epad", NULL, ew - in.exp},
                             {"base", NULL, (unsigned)lead & ((1u << ew) - 1)},
                             {"lzpad", NULL, ew - lz},
                             {"counted", bounded ? "marked" : "frame", 0},
                             {"overflow", overflow, 0},
                             {"yh", NULL, ew + out.man - 1},
                             {"nan0", NULL, out.man - 1},
                             {0}};
    nap_v_put(
        b,
        "\n"
        "// y = a * b: @iexp@ exponent and @iman@ fraction bits to @oexp@ and @oman@, to nearest "
        "even.\n"
        "module @name@ (\n"
        "  input  [@itop@:0] a_i,\n"
        "  input  [@itop@:0] b_i,\n"
        "  output [@otop@:0] y_o\n"
        ");\n"
        "  wire a_normal = |a_i[@imag@:@iman@];\n"
        "  wire b_normal = |b_i[@imag@:@iman@];\n"
        "  wire [@imag@:@iman@] a_exp = {a_i[@imag@:@ie1@], a_i[@iman@] | ~a_normal};\n"
        "  wire [@imag@:@iman@] b_exp = {b_i[@imag@:@ie1@], b_i[@iman@] | ~b_normal};\n"
        "  wire [@ph@:0] product = {@keep@'d0, a_normal, a_i[@imh@:0]}\n"
        "    * {@keep@'d0, b_normal, b_i[@imh@:0]};\n"
        "  // The exponent of the product's leading place, less one.\n"
        "  wire [@eh@:0] lead = {@epad@'d0, a_exp} + {@epad@'d0, b_exp} + @ew@'d@base@;\n",
        vars);
    nap_buf_printf(b, "  wire [%u:0] frame = {", wide - 1);
    if (room > 0) nap_buf_printf(b, "%u'd0, ", room);
    nap_buf_puts(b, "product");
    if (pad > 0) nap_buf_printf(b, ", %u'd0", pad);
    nap_buf_puts(b, "};\n");
    if (bounded)
        nap_buf_printf(b, "  wire [%u:0] marked = frame | ({1'b1, %u'd0} >> lead);\n", wide - 1,
                       wide - 1);
    const char *const counted = bounded ? "marked" : "frame";
    nap_v_leading_zeros(b, counted, counted, wide);
    nap_v_put(b,
              "  wire [@wh@:0] norm = frame << @counted@_lz;\n"
              "  wire [@eh@:0] exp = (lead - {@lzpad@'d0, @counted@_lz}) & {@ew@{norm[@wh@]}};\n"
              "  wire up = norm[@guard@] & (norm[@lsb@] | (|norm[@rest@:0]));\n"
              "  wire [@yh@:0] packed_y = {exp, norm[@wh1@:@lsb@]}\n"
              "    + {@eh@'d0, norm[@wh@], @omh@'d0, up};\n"
              "  wire infinite = @overflow@;\n"
              "\n"
              "  wire a_special = &a_i[@imag@:@iman@];\n"
              "  wire b_special = &b_i[@imag@:@iman@];\n"
              "  wire special = a_special | b_special;\n"
              "  wire nan = (a_special & (|a_i[@imh@:0])) | (b_special & (|b_i[@imh@:0]))\n"
              "    | (special & (~(|a_i[@imag@:0]) | ~(|b_i[@imag@:0])));\n"
              "  wire sign = (a_i[@itop@] ^ b_i[@itop@]) & ~nan;\n"
              "  assign y_o = special | infinite\n"
              "    ? {sign, {@oexp@{1'b1}}, nan, @nan0@'d0}\n"
              "    : {sign, packed_y[@omag@:0]};\n"
              "endmodule\n",
              vars);
    return name;
}
