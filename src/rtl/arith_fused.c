/* One alignment, one rounding: the fused rule of lutcore/array.h as a module.
 *
 * Every operand is a sign, a significand and an exponent, biased so that the lowest possible is 1
 * and 0 says "value zero, takes no part". All are shifted to the largest exponent; what falls off a
 * negative operand is truncated toward minus infinity: ~(s >> d), plus 1 if nothing fell off. The
 * ones enter the sum as its carries. */
#include "rtl/arith.h"

#include <stdio.h>

typedef struct fused {
    const nap_rtl_fused *f;
    unsigned frac, sig; /* of a term: fraction bits and all bits of its significand */
    int term, acc;      /* added to the exponent fields' sums, so that the lowest is 1 or more */
    unsigned exp;       /* bits of an aligned exponent */
    unsigned field;     /* bits of a term's exponent field, or sum of two */
    unsigned below;     /* places below the binary point of the aligned frame */
    unsigned frame;     /* bits of an aligned magnitude */
    unsigned sum;       /* bits of the sum, sign included */
    unsigned term_bits; /* of one term in terms_i */
} fused;

static int bias_of(nap_rtl_fp f)
{
    return (1 << (f.exp - 1)) - 1;
}

static int top_field(nap_rtl_fp f)
{
    return (1 << f.exp) - (f.finite_only ? 1 : 2);
}

static void measure(const nap_rtl_fused *f, fused *m)
{
    const bool product = f->term == NAP_RTL_TERM_PRODUCT;
    const int factors = product ? 2 : 1, in = factors * bias_of(f->in), out = bias_of(f->out);
    const unsigned width = 1 + f->in.exp + f->in.man;
    m->f = f;
    m->frac = (unsigned)factors * f->in.man;
    m->sig = (unsigned)factors * (f->in.man + 1);
    m->term_bits = (unsigned)factors * width;
    if (f->term == NAP_RTL_TERM_INTEGER) {
        m->sig += f->int_bits - 1;
        m->term_bits += f->int_bits;
    }
    /* One bias for both; the lowest sum of two fields is 2. */
    const int common = in - (factors - 1) > out ? in - (factors - 1) : out;
    m->term = common - in;
    m->acc = common - out;
    const int shift = (1 << f->shift_bits) - 1, acc_most = top_field(f->out) + m->acc,
              term_most = factors * top_field(f->in) + m->term + shift;
    m->exp = nap_v_log2((unsigned)(term_most > acc_most ? term_most : acc_most) + 1);
    m->field = product ? f->in.exp + 1 : f->in.exp;
    m->below = f->out.man + nap_fused_guard(f->out.man);
    m->frame = m->below + m->sig - m->frac;
    m->sum = m->frame + nap_v_log2(f->n + 1) + 1;
}

static unsigned constant(int v, unsigned bits)
{
    return (unsigned)v & ((1u << bits) - 1);
}

/* Wires <p>_*: fields of number `v`, bits from `at`: sign, exp (lowest 1), sig, special, nan. */
static void put_fields(nap_buf *b, nap_rtl_fp f, const char *p, const char *v, unsigned at)
{
    const unsigned exp = at + f.man, sign = exp + f.exp;
    const nap_vvar vars[] = {{"p", p, 0},
                             {"v", v, 0},
                             {"at", NULL, at},
                             {"fh", NULL, exp - 1},
                             {"e", NULL, exp},
                             {"e1", NULL, exp + 1},
                             {"eh", NULL, sign - 1},
                             {"sign", NULL, sign},
                             {"man", NULL, f.man},
                             {"exph", NULL, f.exp - 1},
                             {0}};
    nap_v_put(b,
              "  wire @p@_normal = |@v@[@eh@:@e@];\n"
              "  wire [@man@:0] @p@_sig = {@p@_normal, @v@[@fh@:@at@]};\n"
              "  wire [@exph@:0] @p@_field = {@v@[@eh@:@e1@], @v@[@e@] | ~@p@_normal};\n",
              vars);
    nap_v_put(b,
              f.finite_only ? "  wire @p@_nan = &@v@[@eh@:@at@];\n"
                            : "  wire @p@_special = &@v@[@eh@:@e@];\n"
                              "  wire @p@_nan = @p@_special & (|@v@[@fh@:@at@]);\n"
                              "  wire @p@_inf = @p@_special & ~@p@_nan;\n",
              vars);
}

/* Wires t<i>_*: neg, mag, x (its exponent field; 0: value zero), nan, inf of term i. */
static void put_term(nap_buf *b, const fused *m, unsigned i)
{
    const nap_rtl_fused *f = m->f;
    const unsigned at = i * m->term_bits, width = 1 + f->in.exp + f->in.man;
    char a[16], c[16], t[16];
    (void)snprintf(a, sizeof a, "a%u", i);
    (void)snprintf(c, sizeof c, "b%u", i);
    (void)snprintf(t, sizeof t, "t%u", i);
    nap_buf_printf(b, "\n  // Term %u.\n", i);
    put_fields(b, f->in, a, "terms_i", at);
    const nap_vvar vars[] = {{"a", a, 0},
                             {"b", c, 0},
                             {"t", t, 0},
                             {"as", NULL, at + width - 1},
                             {"bs", NULL, at + 2 * width - 1},
                             {"wl", NULL, at + width},
                             {"wh", NULL, at + width + f->int_bits - 1},
                             {"bh", NULL, f->int_bits - 1},
                             {"b1", NULL, f->int_bits - 1},
                             {"bits", NULL, f->int_bits},
                             {"mh", NULL, m->sig - 1},
                             {"half", NULL, m->sig / 2},
                             {"apad", NULL, m->sig - f->in.man - 1},
                             {"wpad", NULL, m->sig - f->int_bits},
                             {"xh", NULL, m->field - 1},
                             {"field", NULL, m->field},
                             {0}};
    if (f->term == NAP_RTL_TERM_PRODUCT) {
        put_fields(b, f->in, c, "terms_i", at + width);
        nap_v_put(b,
                  "  wire @t@_neg = terms_i[@as@] ^ terms_i[@bs@];\n"
                  "  wire [@mh@:0] @t@_mag = {@half@'d0, @a@_sig} * {@half@'d0, @b@_sig};\n"
                  "  wire [@xh@:0] @t@_field = {1'b0, @a@_field} + {1'b0, @b@_field};\n",
                  vars);
    } else if (f->term == NAP_RTL_TERM_INTEGER) {
        nap_v_put(b,
                  "  wire [@bh@:0] @b@_int = terms_i[@wh@:@wl@];\n"
                  "  wire [@bh@:0] @b@_abs = (@b@_int ^ {@bits@{@b@_int[@b1@]}}) + {@b1@'d0, "
                  "@b@_int[@b1@]};\n"
                  "  wire @t@_neg = terms_i[@as@] ^ @b@_int[@b1@];\n"
                  "  wire [@mh@:0] @t@_mag = {@apad@'d0, @a@_sig} * {@wpad@'d0, @b@_abs};\n"
                  "  wire [@xh@:0] @t@_field = @a@_field;\n",
                  vars);
    } else {
        nap_v_put(b,
                  "  wire @t@_neg = terms_i[@as@];\n"
                  "  wire [@mh@:0] @t@_mag = @a@_sig;\n"
                  "  wire [@xh@:0] @t@_field = @a@_field;\n",
                  vars);
    }
    nap_v_put(b, "  wire [@xh@:0] @t@_x = @t@_field & {@field@{|@t@_mag}};\n", vars);
    const bool infinities = !f->in.finite_only;
    if (f->term == NAP_RTL_TERM_PRODUCT)
        nap_v_put(b,
                  infinities ? "  wire @t@_nan = @a@_nan | @b@_nan | (@a@_inf & ~(|@b@_sig))\n"
                               "    | (@b@_inf & ~(|@a@_sig));\n"
                               "  wire @t@_inf = @a@_inf | @b@_inf;\n"
                             : "  wire @t@_nan = @a@_nan | @b@_nan;\n",
                  vars);
    else if (f->term == NAP_RTL_TERM_INTEGER)
        nap_v_put(b,
                  infinities ? "  wire @t@_nan = @a@_nan | (@a@_inf & ~(|@b@_int));\n"
                               "  wire @t@_inf = @a@_inf;\n"
                             : "  wire @t@_nan = @a@_nan;\n",
                  vars);
    else
        nap_v_put(b,
                  infinities ? "  wire @t@_nan = @a@_nan;\n"
                               "  wire @t@_inf = @a@_inf;\n"
                             : "  wire @t@_nan = @a@_nan;\n",
                  vars);
}

/* Wires <p>_v, <p>_carry: the operand in the common frame, ones' complement if negative. `frac` and
 * `sig` are its magnitude's bits; its exponent has `exp` bits and is `top` less than the largest.
 */
static void put_align(nap_buf *b, const fused *m, const char *p, const char *top, unsigned exp,
                      unsigned frac, unsigned sig)
{
    const unsigned up = m->below > frac ? m->below - frac : 0,
                   drop = frac > m->below ? frac - m->below : 0, bits = sig + up,
                   kept = bits - drop;
    char wide[24];
    (void)snprintf(wide, sizeof wide, "%s_wide", p);
    if (m->exp > exp)
        nap_buf_printf(b, "  wire [%u:0] %s_far = %s - {%u'd0, %s_x};\n", m->exp - 1, p, top,
                       m->exp - exp, p);
    else
        nap_buf_printf(b, "  wire [%u:0] %s_far = %s - %s_x;\n", m->exp - 1, p, top, p);
    if (up > 0)
        nap_buf_printf(b, "  wire [%u:0] %s = {%s_mag, %u'd0};\n", bits - 1, wide, p, up);
    else
        nap_buf_printf(b, "  wire [%u:0] %s = %s_mag;\n", bits - 1, wide, p);
    char far[24];
    (void)snprintf(far, sizeof far, "%s_far", p);
    nap_v_shift_sticky(b, wide, bits, far, m->exp);
    nap_buf_printf(b, "  wire %s_carry = %s_neg & ~%s_t", p, p, wide);
    if (drop > 0) nap_buf_printf(b, " & ~(|%s_r[%u:0])", wide, drop - 1);
    nap_buf_printf(b, ";\n  wire [%u:0] %s_v = {", m->sum - 1, p);
    nap_buf_printf(b, "%u'd0, %s_r[%u:%u]} ^ {%u{%s_neg}};\n", m->sum - kept, wide, bits - 1, drop,
                   m->sum, p);
}

/* The largest exponent: of the terms' fields by a tree; then, in the common bias, of that and the
 * accumulator's. Distances of terms are counted between fields too: t_top - field. */
static void put_largest(nap_buf *b, const fused *m)
{
    const nap_rtl_fused *f = m->f;
    unsigned n = f->n, level = 0;
    for (unsigned i = 0; i < n; i++)
        nap_buf_printf(b, "  wire [%u:0] x0_%u = t%u_x;\n", m->field - 1, i, i);
    for (; n > 1; n = (n + 1) / 2, level++) {
        for (unsigned i = 0; i < n / 2; i++)
            nap_buf_printf(b, "  wire [%u:0] x%u_%u = x%u_%u > x%u_%u ? x%u_%u : x%u_%u;\n",
                           m->field - 1, level + 1, i, level, 2 * i, level, 2 * i + 1, level, 2 * i,
                           level, 2 * i + 1);
        if (n % 2)
            nap_buf_printf(b, "  wire [%u:0] x%u_%u = x%u_%u;\n", m->field - 1, level + 1, n / 2,
                           level, n - 1);
    }
    const nap_vvar vars[] = {{"xh", NULL, m->exp - 1},
                             {"exp", NULL, m->exp},
                             {"level", NULL, level},
                             {"pad", NULL, m->exp - m->field},
                             {"spad", NULL, m->exp - f->shift_bits},
                             {"bias", NULL, constant(m->term, m->exp)},
                             {0}};
    nap_v_put(b, "  wire [@xh@:0] t_bias = @exp@'d@bias@", vars);
    if (f->shift_bits > 0) nap_v_put(b, " + {@spad@'d0, shift_i}", vars);
    nap_v_put(b,
              m->exp > m->field ? ";\n  wire [@xh@:0] t_max = ({@pad@'d0, x@level@_0} + t_bias)"
                                : ";\n  wire [@xh@:0] t_max = (x@level@_0 + t_bias)",
              vars);
    nap_v_put(b,
              " & {@exp@{|x@level@_0}};\n"
              "  wire [@xh@:0] x_max = c_x > t_max ? c_x : t_max;\n"
              "  wire [@xh@:0] t_top = x_max - t_bias;\n",
              vars);
}

static void put_specials(nap_buf *b, const fused *m)
{
    const bool infinities = !m->f->in.finite_only;
    nap_buf_puts(b, "\n  wire plus_inf = (c_inf & ~c_neg)");
    for (unsigned i = 0; infinities && i < m->f->n; i++)
        nap_buf_printf(b, " | (t%u_inf & ~t%u_neg)", i, i);
    nap_buf_puts(b, ";\n  wire minus_inf = (c_inf & c_neg)");
    for (unsigned i = 0; infinities && i < m->f->n; i++)
        nap_buf_printf(b, " | (t%u_inf & t%u_neg)", i, i);
    nap_buf_puts(b, ";\n  wire nan = (plus_inf & minus_inf) | c_nan");
    for (unsigned i = 0; i < m->f->n; i++) nap_buf_printf(b, " | t%u_nan", i);
    nap_buf_puts(b, ";\n");
}

/* From the sum to a number: sign and magnitude, normalise, round. */
static void put_result(nap_buf *b, const fused *m)
{
    const nap_rtl_fp out = m->f->out;
    /* Exponent field of the leading place, less one: x_max + lead. Zeros above make room where it
     * may be negative: x_max is 1 or more. */
    int lead = -m->acc + (int)m->sum - 3 - (int)m->below;
    const unsigned room = lead < -1 ? (unsigned)(-1 - lead) : 0;
    lead += (int)room;
    const unsigned wide = m->sum - 1 + room, keep = out.man + 1, lz = nap_v_log2(wide);
    const unsigned most = (1u << m->exp) + (unsigned)(lead > 0 ? lead : 0) + 1;
    unsigned ew = nap_v_log2(most + 1);
    if (ew < out.exp + 1) ew = out.exp + 1;
    if (ew < lz + 1) ew = lz + 1;
    char pad[24] = "";
    if (room > 0) (void)snprintf(pad, sizeof pad, "%u'd0, ", room);
    const nap_vvar vars[] = {{"sum", NULL, m->sum},
                             {"sumh", NULL, m->sum - 1},
                             {"magh", NULL, m->sum - 2},
                             {"sum1", NULL, m->sum - 1},
                             {"pad", pad, 0},
                             {"wh", NULL, wide - 1},
                             {"wh1", NULL, wide - 2},
                             {"ew", NULL, ew},
                             {"eh", NULL, ew - 1},
                             {"xpad", NULL, ew - m->exp},
                             {"lead", NULL, constant(lead, ew)},
                             {"lzpad", NULL, ew - lz},
                             {"guard", NULL, wide - keep - 1},
                             {"rest", NULL, wide - keep - 2},
                             {"lsb", NULL, wide - keep},
                             {"yh", NULL, ew + out.man - 1},
                             {"man", NULL, out.man},
                             {"mh", NULL, out.man - 1},
                             {"exp", NULL, out.exp},
                             {"mag", NULL, out.exp + out.man - 1},
                             {"max", NULL, (1u << out.exp) - 1},
                             {0}};
    nap_v_put(b,
              "\n"
              "  // Sign and magnitude.\n"
              "  wire negative = total[@sumh@];\n"
              "  wire [@magh@:0] magnitude = (total[@magh@:0] ^ {@sum1@{negative}})\n"
              "    + {@magh@'d0, negative};\n"
              "  wire [@wh@:0] place = {@pad@magnitude};\n"
              "\n"
              "  // Normalise; the marker stops at the lowest exponent.\n"
              "  wire [@eh@:0] lead = {@xpad@'d0, x_max} + @ew@'d@lead@;\n"
              "  wire [@wh@:0] marked = place | ({1'b1, @wh@'d0} >> lead);\n",
              vars);
    nap_v_leading_zeros(b, "marked", "marked", wide);
    nap_v_put(b,
              "  wire [@wh@:0] norm = place << marked_lz;\n"
              "  wire [@eh@:0] exp = (lead - {@lzpad@'d0, marked_lz}) & {@ew@{norm[@wh@]}};\n"
              "\n"
              "  // Round; the hidden bit counts one in the exponent.\n"
              "  wire up = norm[@guard@] & (norm[@lsb@] | (|norm[@rest@:0]));\n"
              "  wire [@yh@:0] packed_y = {exp, norm[@wh1@:@lsb@]}\n"
              "    + {@eh@'d0, norm[@wh@], @mh@'d0, up};\n"
              "  wire special = nan | plus_inf | minus_inf;\n"
              "  wire infinite = packed_y[@yh@:@man@] >= @ew@'d@max@;\n"
              "  wire sign = ~nan & (special ? minus_inf : negative);\n"
              "  assign y_o = special | infinite\n"
              "    ? {sign, {@exp@{1'b1}}, nan, @mh@'d0}\n"
              "    : {sign, packed_y[@mag@:0]};\n"
              "endmodule\n",
              vars);
}

const char *nap_rtl_fp_fused(nap_rtl *r, const nap_rtl_fused *f, char name[96])
{
    static const char *const kinds[] = {"value", "product", "integer"};
    (void)snprintf(name, 96, "nap_fp_fused_%s%u_e%um%u%s_e%um%u_n%u_s%u", kinds[f->term],
                   f->term == NAP_RTL_TERM_INTEGER ? f->int_bits : 0, f->in.exp, f->in.man,
                   f->in.finite_only ? "fn" : "", f->out.exp, f->out.man, f->n, f->shift_bits);
    if (nap_rtl_has_module(r, name)) return name;
    fused m;
    measure(f, &m);
    nap_buf *b = &r->text;
    const nap_vvar vars[] = {{"name", name, 0},
                             {"n", NULL, f->n},
                             {"oh", NULL, f->out.exp + f->out.man},
                             {"th", NULL, f->n * m.term_bits - 1},
                             {"sh", NULL, f->shift_bits - (f->shift_bits > 0)},
                             {"mh", NULL, f->out.man},
                             {"exp", NULL, m.exp},
                             {"xh", NULL, m.exp - 1},
                             {"xpad", NULL, m.exp - f->out.exp},
                             {"bias", NULL, constant(m.acc, m.exp)},
                             {"sumh", NULL, m.sum - 1},
                             {0}};
    nap_v_put(b,
              "\n"
              "// y = acc + the sum of @n@ terms: aligned once to the largest exponent, three bits "
              "below\n"
              "// the last place, truncated toward minus infinity, added exactly, rounded once.\n"
              "module @name@ (\n"
              "  input  [@oh@:0] acc_i,\n"
              "  input  [@th@:0] terms_i,\n",
              vars);
    if (f->shift_bits > 0) nap_v_put(b, "  input  [@sh@:0] shift_i,\n", vars);
    nap_v_put(b, "  output [@oh@:0] y_o\n);\n  // Accumulator.\n", vars);
    put_fields(b, f->out, "c", "acc_i", 0);
    nap_v_put(b,
              "  wire c_neg = acc_i[@oh@];\n"
              "  wire [@mh@:0] c_mag = c_sig;\n",
              vars);
    if (m.exp > f->out.exp)
        nap_v_put(b, "  wire [@xh@:0] c_x = ({@xpad@'d0, c_field} + @exp@'d@bias@)", vars);
    else
        nap_v_put(b, "  wire [@xh@:0] c_x = (c_field + @exp@'d@bias@)", vars);
    nap_v_put(b, " & {@exp@{|c_sig}};\n", vars);
    for (unsigned i = 0; i < f->n; i++) put_term(b, &m, i);
    nap_buf_puts(b, "\n  // Largest exponent.\n");
    put_largest(b, &m);
    nap_buf_puts(b, "\n  // Alignment.\n");
    put_align(b, &m, "c", "x_max", m.exp, f->out.man, f->out.man + 1);
    for (unsigned i = 0; i < f->n; i++) {
        char p[16];
        (void)snprintf(p, sizeof p, "t%u", i);
        put_align(b, &m, p, "t_top", m.field, m.frac, m.sig);
    }
    nap_v_put(b, "  wire [@sumh@:0] total = c_v", vars);
    for (unsigned i = 0; i < f->n; i++) nap_buf_printf(b, " + t%u_v", i);
    nap_v_put(b, "\n    + {@sumh@'d0, c_carry}", vars);
    for (unsigned i = 0; i < f->n; i++) nap_buf_printf(b, " + {%u'd0, t%u_carry}", m.sum - 1, i);
    nap_buf_puts(b, ";\n");
    put_specials(b, &m);
    put_result(b, &m);
    return name;
}
