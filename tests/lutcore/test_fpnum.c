/* Soft float against the machine's binary32, and against a rounding that shares nothing with it:
 * the nearest value of a table of all values of a small format. */
#include "cmocka_all.h"

#include "base/half.h"
#include "base/rng.h"
#include "lutcore/array.h"
#include "lutcore/fpnum.h"

#include <math.h>

typedef __int128 wide;

static const nap_fpfmt *const small_formats[] = {&nap_fp_e4m3, &nap_fp_e5m2, &nap_fp_f16};

/* ------------------------------------------------------------------ an independent rounding */

/* Magnitudes of the non-negative finite codes, which ascend with the code. */
typedef struct values {
    double v[32768];
    unsigned count;
    double limit; /* from here on a magnitude is too large: half a step beyond the largest */
    uint32_t sign, overflow, nan;
} values;

static void values_make(values *t, unsigned which)
{
    static const uint32_t overflow[] = {0x7f, 0x7c, 0x7c00}, nan[] = {0x7f, 0x7e, 0x7e00};
    static const uint32_t finite[] = {0x7f, 0x7c, 0x7c00};
    const int bias[] = {7, 15, 15}, man[] = {3, 2, 10};
    *t = (values){.count = finite[which], .overflow = overflow[which], .nan = nan[which]};
    t->sign = which == 2 ? 0x8000 : 0x80;
    for (unsigned i = 0; i <= t->count; i++) {
        const int field = (int)(i >> man[which]), frac = (int)(i & ((1u << man[which]) - 1));
        const double unit = ldexp(1, (field ? field : 1) - bias[which] - man[which]);
        const double v = unit * (frac + (field ? 1 << man[which] : 0));
        if (i < t->count) t->v[i] = v;
        if (i == t->count) t->limit = (t->v[i - 1] + v) / 2;
    }
}

/* x, exact, to nearest; ties to the even code. zero_sign: the sign of an exact zero. */
static uint32_t nearest(const values *t, double x, bool zero_neg)
{
    if (isnan(x)) return t->nan;
    const uint32_t sign = (x == 0 ? zero_neg : x < 0) ? t->sign : 0;
    const double m = fabs(x);
    /* A tie at the limit is between the largest code, odd or even, and the next one. */
    if (m > t->limit || (m == t->limit && (t->count - 1) % 2 == 1))
        return t->overflow == t->nan ? t->nan : sign | t->overflow;
    unsigned low = 0, high = t->count - 1; /* v[low] <= m */
    if (m >= t->v[high]) return sign | high;
    while (high - low > 1) {
        const unsigned mid = (low + high) / 2;
        if (t->v[mid] <= m) {
            low = mid;
        } else {
            high = mid;
        }
    }
    const double below = m - t->v[low], above = t->v[high] - m;
    if (below == above) return sign | (low % 2 ? high : low);
    return sign | (below < above ? low : high);
}

static double value_in(const values *t, uint32_t code)
{
    const uint32_t m = code & ~t->sign;
    const double v = m < t->count ? t->v[m] : m == t->overflow && m != t->nan ? INFINITY : NAN;
    return code & t->sign ? -v : v;
}

static values table;

static void expect(const char *what, uint32_t got, uint32_t want, uint32_t a, uint32_t b)
{
    if (got != want) fail_msg("%s(%#x, %#x): %#x, expected %#x", what, a, b, got, want);
}

static void small_pair(unsigned which, uint32_t a, uint32_t b)
{
    const nap_fpfmt f = *small_formats[which];
    const double x = value_in(&table, a), y = value_in(&table, b);
    const bool na = a & table.sign, nb = b & table.sign;
    expect("add", nap_fp_add(f, a, b), nearest(&table, x + y, na && nb), a, b);
    expect("mul", nap_fp_mul(f, a, b), nearest(&table, x * y, na != nb), a, b);
}

static void small_code(unsigned which, uint32_t a)
{
    const nap_fpfmt f = *small_formats[which];
    const double x = value_in(&table, a);
    const double v = nap_fp_value(f, a);
    assert_true(isnan(x) ? isnan(v) : v == x && !signbit(v) == !signbit(x));
    for (unsigned s = 0; s < 16; s++)
        expect("scale2", nap_fp_scale2(f, a, s), nearest(&table, ldexp(x, (int)s), a & table.sign),
               a, s);
    for (int e = -40; e <= 40; e++) {
        const uint32_t wide16 = nap_fp_convert(f, nap_fp_f16, a);
        const double r = isnan(x) ? 0 : rint(ldexp(x, -e));
        const int32_t want = r > 127 ? 127 : r < -127 ? -127 : (int32_t)r;
        assert_int_equal(nap_fp_to_int8(wide16, e), want);
    }
    /* Widening is exact and narrowing takes it back. */
    const uint32_t f32 = nap_fp_convert(f, nap_fp_f32, a),
                   back = nap_fp_convert(nap_fp_f32, f, f32);
    const float want = (float)x;
    expect("to f32", f32, isnan(x) ? 0x7fc00000 : nap_f32_bits(want), a, 0);
    expect("and back", back, isnan(x) ? table.nan : a, a, 0);
    expect("from", nap_fp_from(f, x), isnan(x) ? table.nan : a, a, 0);
}

static void every_code_and_pair_of_small_formats(void **state)
{
    (void)state;
    for (unsigned which = 0; which < 2; which++) {
        values_make(&table, which);
        for (uint32_t a = 0; a < 256; a++) {
            small_code(which, a);
            for (uint32_t b = 0; b < 256; b++) small_pair(which, a, b);
        }
    }
    values_make(&table, 2);
    for (uint32_t a = 0; a < 65536; a++) small_code(2, a);
}

/* Bit patterns near the edges of the format more often than chance would have it. */
static uint32_t some_bits(nap_rng *r, unsigned exp, unsigned man)
{
    const uint32_t sign = nap_rng_below(r, 2) << (exp + man), most = (1u << exp) - 1;
    uint32_t frac = (uint32_t)nap_rng_next(r) & ((1u << man) - 1),
             field = nap_rng_below(r, most + 1);
    switch (nap_rng_below(r, 8)) {
    case 0:
        field = nap_rng_below(r, 3);
        break;
    case 1:
        field = most - nap_rng_below(r, 3);
        break;
    case 2:
        frac = nap_rng_below(r, 2) ? 0 : (1u << man) - 1;
        break;
    case 3:
        field = nap_rng_below(r, 2) * most;
        frac = 0;
        break;
    default:
        break;
    }
    return sign | field << man | frac;
}

static void many_pairs_of_binary16(void **state)
{
    (void)state;
    nap_rng r;
    nap_rng_seed(&r, 16);
    values_make(&table, 2);
    for (int i = 0; i < 500000; i++) {
        const uint32_t a = some_bits(&r, 5, 10);
        const uint32_t near = (a & 0x7fff) + nap_rng_below(&r, 0x1800) - 0xc00;
        small_pair(2, a, i % 2 ? some_bits(&r, 5, 10) : (near & 0x7fff) | (~a & 0x8000));
    }
}

static uint32_t canonical(float v)
{
    return isnan(v) ? 0x7fc00000 : nap_f32_bits(v);
}

static void binary32_equals_the_machine(void **state)
{
    (void)state;
    nap_rng r;
    nap_rng_seed(&r, 32);
    for (int i = 0; i < 1000000; i++) {
        const uint32_t a = some_bits(&r, 8, 23);
        uint32_t b = some_bits(&r, 8, 23);
        if (i % 2) b = (b & 0x807fffff) | ((a + (nap_rng_below(&r, 64) << 23)) & 0x7f800000);
        const float x = nap_bits_f32(a), y = nap_bits_f32(b);
        expect("add", nap_fp_add(nap_fp_f32, a, b), canonical(x + y), a, b);
        expect("mul", nap_fp_mul(nap_fp_f32, a, b), canonical(x * y), a, b);
        const unsigned s = i % 9;
        expect("scale2", nap_fp_scale2(nap_fp_f32, a, s), canonical(ldexpf(x, (int)s)), a, s);
        const uint16_t half = nap_f32_to_f16(x);
        expect("to f16", nap_fp_convert(nap_fp_f32, nap_fp_f16, a), isnan(x) ? 0x7e00 : half, a, 0);
        const int32_t n = (int32_t)nap_rng_next(&r) >> nap_rng_below(&r, 32);
        expect("from int", nap_fp_from_int(nap_fp_f32, n), nap_f32_bits((float)n), (uint32_t)n, 0);
        const double d = x * 1.000000059604644775390625 + y * 0x1p-30;
        expect("from", nap_fp_from(nap_fp_f32, d), canonical((float)d), a, b);
    }
}

/* ------------------------------------------------------------------ fused sums */

/* The rule of array.h, "The fused rule", in fixed point with 60 fraction bits. */
enum { POINT = 60 };

typedef struct reference {
    wide v[65];
    int x[65];
    size_t n;
} reference;

static int exponent(nap_fpfmt f, uint32_t bits)
{
    const int field = (int)(bits >> f.man & ((1u << f.exp) - 1));
    return (field ? field : 1) - ((1 << (f.exp - 1)) - 1);
}

static wide fixed(double v)
{
    return (wide)ldexp(v, 40) * (1 << (POINT - 40)); /* values here are multiples of 2^-40 */
}

static wide floor_to(wide v, int unit)
{
    const int drop = unit + POINT;
    return drop > 0 ? (v >> drop) * ((wide)1 << drop) : v;
}

static wide reference_sum(const reference *r, unsigned man)
{
    bool any = false;
    int top = 0;
    for (size_t i = 0; i < r->n; i++) {
        if (r->v[i] == 0) continue;
        if (!any || r->x[i] > top) top = r->x[i];
        any = true;
    }
    wide sum = 0;
    for (size_t i = 0; i < r->n; i++)
        sum += floor_to(r->v[i], top - (int)man - (man == 10 ? 8 : 3));
    return sum;
}

/* Nearest binary16 of an exact fixed-point number, by search. */
static uint32_t nearest_fixed(const values *t, wide v)
{
    const wide m = v < 0 ? -v : v;
    const uint32_t sign = v < 0 ? t->sign : 0;
    if (m >= fixed(t->limit)) return sign | t->overflow; /* the largest code is odd */
    unsigned low = 0, high = t->count;
    while (high - low > 1) {
        const unsigned mid = (low + high) / 2;
        if (fixed(t->v[mid]) <= m) {
            low = mid;
        } else {
            high = mid;
        }
    }
    if (high == t->count) return sign | low;
    const wide below = m - fixed(t->v[low]), above = fixed(t->v[high]) - m;
    if (below == above) return sign | (low % 2 ? high : low);
    return sign | (below < above ? low : high);
}

static uint32_t round_fixed(nap_fpfmt out, wide v)
{
    if (out.man == 10) return nearest_fixed(&table, v);
    return nap_f32_bits(ldexpf((float)v, -POINT)); /* the compiler's conversion rounds correctly */
}

/* Finite operands with exponents that keep products above 2^-40 and below 2^60. */
static uint32_t finite_f16(nap_rng *r)
{
    if (nap_rng_below(r, 12) == 0) return nap_rng_below(r, 2) << 15;
    return (nap_rng_below(r, 2) << 15) | ((5 + nap_rng_below(r, 20)) << 10) |
           nap_rng_below(r, 1024);
}

static void fused_sums_follow_the_rule(void **state)
{
    (void)state;
    nap_rng r;
    nap_rng_seed(&r, 5);
    values_make(&table, 2);
    for (int i = 0; i < 200000; i++) {
        const nap_fpfmt out = i % 2 ? nap_fp_f32 : nap_fp_f16;
        const size_t n = 1 + nap_rng_below(&r, i % 16 == 0 ? 64 : 8);
        const unsigned p = nap_rng_below(&r, 4), kind = nap_rng_below(&r, 3);
        uint32_t a[64], b[64];
        int32_t w[64];
        uint32_t acc = finite_f16(&r);
        reference ref = {.n = n + 1};
        ref.v[n] = fixed(nap_fp_value(nap_fp_f16, acc));
        acc = nap_fp_convert(nap_fp_f16, out, acc);
        ref.x[n] = exponent(out, acc);
        for (size_t k = 0; k < n; k++) {
            a[k] = finite_f16(&r);
            b[k] = finite_f16(&r);
            w[k] = (int32_t)nap_rng_below(&r, 256) - 128;
            double v = nap_fp_value(nap_fp_f16, a[k]);
            ref.x[k] = exponent(nap_fp_f16, a[k]);
            if (kind == 0) v *= nap_fp_value(nap_fp_f16, b[k]);
            if (kind == 0) ref.x[k] += exponent(nap_fp_f16, b[k]);
            if (kind == 1) v *= w[k];
            if (kind != 1) v = ldexp(v, (int)p);
            if (kind != 1) ref.x[k] += (int)p;
            ref.v[k] = fixed(v);
        }
        const uint32_t got =
            kind == 1 ? nap_fp_fused_int(nap_fp_f16, out, acc, a, w, n)
                      : nap_fp_fused(nap_fp_f16, out, acc, a, kind == 0 ? b : NULL, n, p);
        const uint32_t want = round_fixed(out, reference_sum(&ref, out.man));
        expect(kind == 0   ? "fused products"
               : kind == 1 ? "fused integers"
                           : "fused terms",
               got, want, acc, a[0]);
    }
}

static void fused_specials(void **state)
{
    (void)state;
    const nap_fpfmt h = nap_fp_f16, s = nap_fp_f32;
    const uint32_t inf = 0x7c00, ninf = 0xfc00, nan = 0x7e00, one = 0x3c00, zero = 0,
                   nzero = 0x8000;
    uint32_t a[2] = {one, inf}, b[2] = {one, one};
    int32_t w[2] = {1, 0};
    expect("inf", nap_fp_fused(h, s, 0, a, NULL, 2, 1), 0x7f800000, 0, 0);
    expect("acc inf", nap_fp_fused(h, h, ninf, a, NULL, 1, 1), ninf, 0, 0);
    expect("inf - inf", nap_fp_fused(h, h, ninf, a, NULL, 2, 1), nan, 0, 0);
    expect("acc nan", nap_fp_fused(h, s, 0xffc12345, a, NULL, 1, 0), 0x7fc00000, 0, 0);
    expect("inf * 0 integer", nap_fp_fused_int(h, s, 0, a, w, 2), 0x7fc00000, 0, 0);
    w[1] = -3;
    expect("inf * -3", nap_fp_fused_int(h, s, 0, a, w, 2), 0xff800000, 0, 0);
    b[1] = zero;
    expect("inf * 0", nap_fp_fused(h, s, 0, a, b, 2, 0), 0x7fc00000, 0, 0);
    a[0] = a[1] = nzero;
    expect("zeros", nap_fp_fused(h, h, nzero, a, NULL, 2, 0), zero, 0, 0);
    a[0] = 0x7bff;
    expect("overflow", nap_fp_fused(h, h, 0, a, NULL, 1, 1), inf, 0, 0);
    a[0] = one, a[1] = one | nzero;
    expect("cancels to +0", nap_fp_fused(h, h, nzero, a, NULL, 2, 0), zero, 0, 0);
    /* However small, a negative operand truncates to one unit below: 2^(0 - 23 - 3). */
    expect("floor", nap_fp_fused(h, s, 0x8d800000, a, NULL, 2, 0), 0xb2800000, 0, 0);
    expect("floor", nap_fp_fused(h, s, 0x0d800000, a, NULL, 2, 0), 0, 0, 0);
    /* A zero times a large number takes no part in the alignment. */
    a[0] = zero, b[0] = 0x7bff, a[1] = 0x0001, b[1] = one;
    expect("zero product", nap_fp_fused(h, h, 0, a, b, 2, 0), 0x0001, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_and_pair_of_small_formats),
        cmocka_unit_test(many_pairs_of_binary16),
        cmocka_unit_test(binary32_equals_the_machine),
        cmocka_unit_test(fused_sums_follow_the_rule),
        cmocka_unit_test(fused_specials),
    };
    return cmocka_run_group_tests_name("lutcore/fpnum", tests, NULL, NULL);
}
