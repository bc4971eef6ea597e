/* Floating point in integers, for any field widths up to binary32's.
 *
 * A finite number is unpacked to an integer significand and a power of two; results are computed
 * exactly (additions to 32 bits below the last place) and rounded once, in round_to(). */
#include "lutcore/fpnum.h"

#include "lutcore/array.h"

#include <math.h>

const nap_fpfmt nap_fp_f16 = {5, 10, false};
const nap_fpfmt nap_fp_f32 = {8, 23, false};
const nap_fpfmt nap_fp_e4m3 = {4, 3, true};
const nap_fpfmt nap_fp_e5m2 = {5, 2, false};

/* Bits an alignment keeps below the larger operand of an addition. What falls off is less than
 * 2^-8 of a last place away from a number of the format, so that it can't decide a rounding. */
enum { ALIGN = 32 };

typedef enum kind { FINITE, INFINITE, NOT_A_NUMBER } kind;

typedef struct number {
    kind kind;
    bool neg;
    uint64_t sig; /* the magnitude is sig * 2^exp */
    int exp;
} number;

static int bias_of(nap_fpfmt f)
{
    return (1 << (f.exp - 1)) - 1;
}

static uint32_t field_max(nap_fpfmt f)
{
    return (1u << f.exp) - 1;
}

static uint32_t sign_bit(nap_fpfmt f, bool neg)
{
    return (uint32_t)neg << (f.exp + f.man);
}

static uint32_t quiet_nan(nap_fpfmt f)
{
    const uint32_t frac = f.finite_only ? (1u << f.man) - 1 : 1u << (f.man - 1);
    return field_max(f) << f.man | frac;
}

/* E4M3 has no infinity: what is too large becomes NaN there, as OCP FP8 says of conversions that
 * do not saturate. */
static uint32_t infinity(nap_fpfmt f, bool neg)
{
    return f.finite_only ? quiet_nan(f) : sign_bit(f, neg) | field_max(f) << f.man;
}

static number unpack(nap_fpfmt f, uint32_t a)
{
    const uint32_t frac = a & ((1u << f.man) - 1), field = a >> f.man & field_max(f);
    number x = {FINITE, a >> (f.exp + f.man) & 1, frac, 1 - bias_of(f) - (int)f.man};
    if (field == field_max(f) && (!f.finite_only || frac == (1u << f.man) - 1)) {
        x.kind = f.finite_only || frac ? NOT_A_NUMBER : INFINITE;
    } else if (field) {
        x.sig |= 1u << f.man;
        x.exp += (int)field - 1;
    }
    return x;
}

/* v / 2^shift to nearest, ties to even. */
static uint64_t shift_round(uint64_t v, int shift)
{
    if (shift > 64) return 0;
    const uint64_t whole = shift == 64 ? 0 : v >> shift;
    const uint64_t rest = v << (64 - shift), half = 1ull << 63;
    return whole + (rest > half || (rest == half && (whole & 1)));
}

static uint32_t round_to(nap_fpfmt f, bool neg, uint64_t sig, int exp)
{
    if (sig == 0) return sign_bit(f, neg);
    const int top = 63 - __builtin_clzll(sig) + exp; /* exponent of the leading bit */
    int last = top - (int)f.man;                     /* exponent of the last place kept */
    const int lowest = 1 - bias_of(f) - (int)f.man;
    if (last < lowest) last = lowest;
    const int shift = last - exp;
    sig = shift > 0 ? shift_round(sig, shift) : sig << -shift;
    if (sig >> (f.man + 1)) { /* rounding carried into a new place */
        sig >>= 1;
        last++;
    }
    if (sig >> f.man == 0) return sign_bit(f, neg) | (uint32_t)sig; /* subnormal */
    const int field = last - lowest + 1, most = (int)field_max(f) - (f.finite_only ? 0 : 1);
    if (field > most) return infinity(f, neg);
    const uint32_t bits = (uint32_t)field << f.man | ((uint32_t)sig & ((1u << f.man) - 1));
    return f.finite_only && bits == quiet_nan(f) ? bits : sign_bit(f, neg) | bits;
}

uint32_t nap_fp_add(nap_fpfmt f, uint32_t a, uint32_t b)
{
    number x = unpack(f, a), y = unpack(f, b);
    if (x.kind == NOT_A_NUMBER || y.kind == NOT_A_NUMBER) return quiet_nan(f);
    if (x.kind == INFINITE || y.kind == INFINITE) {
        if (x.kind == y.kind && x.neg != y.neg) return quiet_nan(f);
        return infinity(f, x.kind == INFINITE ? x.neg : y.neg);
    }
    if (x.exp < y.exp) {
        const number t = x;
        x = y;
        y = t;
    }
    const int apart = x.exp - y.exp;
    const uint64_t big = x.sig << ALIGN, small = y.sig << ALIGN >> (apart < 63 ? apart : 63);
    const int exp = x.exp - ALIGN;
    if (x.neg == y.neg) return round_to(f, x.neg, big + small, exp);
    if (big == small) return 0;
    if (big > small) return round_to(f, x.neg, big - small, exp);
    return round_to(f, y.neg, small - big, exp);
}

uint32_t nap_fp_mul(nap_fpfmt f, uint32_t a, uint32_t b)
{
    const number x = unpack(f, a), y = unpack(f, b);
    const bool neg = x.neg != y.neg;
    if (x.kind == NOT_A_NUMBER || y.kind == NOT_A_NUMBER) return quiet_nan(f);
    if (x.kind == INFINITE || y.kind == INFINITE) {
        const bool zero = (x.kind == FINITE && x.sig == 0) || (y.kind == FINITE && y.sig == 0);
        return zero ? quiet_nan(f) : infinity(f, neg);
    }
    return round_to(f, neg, x.sig * y.sig, x.exp + y.exp);
}

uint32_t nap_fp_scale2(nap_fpfmt f, uint32_t a, unsigned shift)
{
    const number x = unpack(f, a);
    if (x.kind == NOT_A_NUMBER) return quiet_nan(f);
    if (x.kind == INFINITE) return infinity(f, x.neg);
    return round_to(f, x.neg, x.sig, x.exp + (int)shift);
}

uint32_t nap_fp_convert(nap_fpfmt from, nap_fpfmt to, uint32_t a)
{
    const number x = unpack(from, a);
    if (x.kind == NOT_A_NUMBER) return quiet_nan(to);
    if (x.kind == INFINITE) return infinity(to, x.neg);
    return round_to(to, x.neg, x.sig, x.exp);
}

uint32_t nap_fp_from_int(nap_fpfmt f, int32_t v)
{
    return round_to(f, v < 0, v < 0 ? -(uint64_t)v : (uint64_t)v, 0);
}

int32_t nap_fp_to_int8(uint32_t f16, int e)
{
    const number x = unpack(nap_fp_f16, f16);
    if (x.kind == NOT_A_NUMBER) return 0;
    uint64_t v = 127;
    const int shift = e - x.exp;
    if (x.kind == FINITE && shift > 0) {
        v = shift_round(x.sig, shift);
    } else if (x.kind == FINITE && -shift < 8) {
        v = x.sig << -shift;
    } else if (x.kind == FINITE && x.sig == 0) {
        v = 0;
    }
    if (v > 127) v = 127;
    return x.neg ? -(int32_t)v : (int32_t)v;
}

double nap_fp_value(nap_fpfmt f, uint32_t a)
{
    const number x = unpack(f, a);
    if (x.kind == NOT_A_NUMBER) return NAN;
    const double v = x.kind == INFINITE ? INFINITY : ldexp((double)x.sig, x.exp);
    return x.neg ? -v : v;
}

uint32_t nap_fp_from(nap_fpfmt f, double v)
{
    if (isnan(v)) return quiet_nan(f);
    if (isinf(v)) return infinity(f, v < 0);
    int exp;
    const double m = frexp(fabs(v), &exp); /* in [1/2, 1), or zero */
    return round_to(f, signbit(v) != 0, (uint64_t)ldexp(m, 53), exp - 53);
}

/* ------------------------------------------------------------------ one alignment */

/* An operand of a fused sum: v * 2^(x - frac), x its exponent as array.h counts it. */
typedef struct operand {
    int64_t v;
    int x, frac;
} operand;

/* What a running fused sum knows before the alignment. */
typedef struct specials {
    bool nan, inf[2]; /* by sign */
} specials;

static operand operand_of(nap_fpfmt f, number n)
{
    const int64_t v = (int64_t)n.sig;
    return (operand){n.neg ? -v : v, n.exp + (int)f.man, (int)f.man};
}

static void note(specials *s, const number *n)
{
    if (n->kind == NOT_A_NUMBER) s->nan = true;
    if (n->kind == INFINITE) s->inf[n->neg] = true;
}

/* The product of two numbers. An infinity that meets a zero is NaN. */
static operand product_of(nap_fpfmt f, number a, number b, specials *s)
{
    if (a.kind == FINITE && b.kind == FINITE) {
        const operand x = operand_of(f, a), y = operand_of(f, b);
        return (operand){x.v * y.v, x.x + y.x, x.frac + y.frac};
    }
    const bool zero = (a.kind == FINITE && a.sig == 0) || (b.kind == FINITE && b.sig == 0);
    if (a.kind == NOT_A_NUMBER || b.kind == NOT_A_NUMBER || zero) {
        s->nan = true;
    } else {
        s->inf[a.neg != b.neg] = true;
    }
    return (operand){0, 0, 0};
}

typedef struct factors {
    nap_fpfmt in;
    const uint32_t *a, *b; /* b or w or neither */
    const int32_t *w;
    unsigned p;
} factors;

static operand term_at(const factors *t, size_t i, specials *s)
{
    const number a = unpack(t->in, t->a[i]);
    operand o;
    if (t->b) {
        o = product_of(t->in, a, unpack(t->in, t->b[i]), s);
    } else if (t->w) {
        const int32_t w = t->w[i];
        if (a.kind == FINITE) {
            o = operand_of(t->in, a);
            o.v *= w;
        } else {
            const number integer = {FINITE, w < 0, (uint64_t)(w < 0 ? -(int64_t)w : w), 0};
            o = product_of(t->in, a, integer, s);
        }
    } else {
        note(s, &a);
        o = a.kind == FINITE ? operand_of(t->in, a) : (operand){0, 0, 0};
    }
    o.x += (int)t->p;
    return o;
}

/* o in units of 2^unit, bits below truncated toward minus infinity. */
static int64_t align(operand o, int unit)
{
    const int shift = o.x - o.frac - unit;
    if (shift >= 0) return (int64_t)((uint64_t)o.v << shift);
    if (shift < -62) return o.v < 0 ? -1 : 0;
    return o.v >> -shift;
}

static uint32_t fused(nap_fpfmt out, uint32_t acc, const factors *t, size_t n)
{
    specials s = {false, {false, false}};
    const number c = unpack(out, acc);
    note(&s, &c);
    const operand oc = c.kind == FINITE ? operand_of(out, c) : (operand){0, 0, 0};
    int top = oc.x;
    bool any = oc.v != 0;
    for (size_t i = 0; i < n; i++) {
        const operand o = term_at(t, i, &s);
        if (o.v != 0 && (!any || o.x > top)) top = o.x;
        any |= o.v != 0;
    }
    if (s.nan || (s.inf[0] && s.inf[1])) return quiet_nan(out);
    if (s.inf[0] || s.inf[1]) return infinity(out, s.inf[1]);
    if (!any) return 0;
    const int unit = top - (int)(out.man + nap_fused_guard(out.man));
    int64_t sum = oc.v ? align(oc, unit) : 0;
    for (size_t i = 0; i < n; i++) {
        const operand o = term_at(t, i, &s);
        if (o.v) sum += align(o, unit);
    }
    return round_to(out, sum < 0, sum < 0 ? -(uint64_t)sum : (uint64_t)sum, unit);
}

uint32_t nap_fp_fused(nap_fpfmt in, nap_fpfmt out, uint32_t acc, const uint32_t *a,
                      const uint32_t *b, size_t n, unsigned p)
{
    const factors t = {in, a, b, NULL, p};
    return fused(out, acc, &t, n);
}

uint32_t nap_fp_fused_int(nap_fpfmt in, nap_fpfmt out, uint32_t acc, const uint32_t *a,
                          const int32_t *w, size_t n)
{
    const factors t = {in, a, NULL, w, 0};
    return fused(out, acc, &t, n);
}
