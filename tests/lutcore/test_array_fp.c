/* Floating-point tables and steps against the machine's own float, one rounding at a time.
 *
 * A sum or product of binary16 numbers computed in binary32 and rounded to binary16 is rounded
 * correctly (24 >= 2 * 11 + 2 bits), so that the machine's arithmetic with base/half.h is an
 * independent judge of every discrete rule; the fused rule's sums are test_fpnum.c's business, and
 * here it is judged where it has to agree with an exact sum. */
#include "cmocka_all.h"
#include "designs.h"

#include "base/half.h"
#include "base/rng.h"
#include "lutcore/array.h"
#include "lutcore/fpnum.h"

#include <math.h>
#include <string.h>

static uint32_t f16(float v)
{
    return isnan(v) ? 0x7e00 : nap_f32_to_f16(v);
}

static uint32_t f32(float v)
{
    return isnan(v) ? 0x7fc00000 : nap_f32_bits(v);
}

static float from16(uint32_t h)
{
    return nap_f16_to_f32((uint16_t)h);
}

static uint32_t add16(uint32_t a, uint32_t b)
{
    return f16(from16(a) + from16(b));
}

/* ------------------------------------------------------------------ operands */

/* Activations: every kind of number, the special ones seldom enough that sums stay of interest. */
static uint16_t some_float(nap_rng *r, nap_act act, bool tame)
{
    if (act != NAP_ACT_F16) {
        const uint16_t any = (uint16_t)(nap_rng_next(r) & 0xff);
        const bool special = act == NAP_ACT_E4M3 ? (any & 0x7f) == 0x7f : (any & 0x7c) == 0x7c;
        return special && (tame || nap_rng_below(r, 4)) ? any & 0x83 : any;
    }
    const uint16_t sign = (uint16_t)(nap_rng_below(r, 2) << 15);
    switch (nap_rng_below(r, tame ? 8 : 10)) {
    case 0:
        return sign;
    case 1:
        return (uint16_t)(sign | nap_rng_below(r, 1024)); /* subnormal */
    case 8:
        return (uint16_t)(sign | 0x7800 | nap_rng_below(r, 1024)); /* near overflow */
    case 9:
        if (nap_rng_below(r, 8)) return (uint16_t)(sign | nap_rng_below(r, 0x7c00));
        return (uint16_t)(sign | 0x7c00 | (nap_rng_below(r, 2) << 9)); /* infinity or NaN */
    default:
        return (uint16_t)(sign | ((8 + nap_rng_below(r, 12)) << 10) | nap_rng_below(r, 1024));
    }
}

static uint32_t widened(nap_act act, uint32_t v)
{
    const nap_fpfmt in = act == NAP_ACT_E4M3 ? nap_fp_e4m3 : nap_fp_e5m2;
    return act == NAP_ACT_F16 ? v : f16((float)nap_fp_value(in, v));
}

typedef struct step {
    nap_core core;
    uint16_t a[4 * 64], q[16 * 64];
    int8_t e[4];
    uint8_t ai[1024], ti[16384], wi[8192];
    uint32_t acc[64], want[64];
} step;

static void step_pack(step *s)
{
    const nap_core *const c = &s->core;
    const unsigned kd = nap_core_kdim(c);
    nap_pack_a(c, s->a, kd, c->m, kd, s->e, s->ai);
    nap_pack_w(c, c->wbits, s->q, kd, c->n, kd, 0, s->wi);
}

/* ------------------------------------------------------------------ tables */

static uint32_t flip(uint32_t v, bool minus)
{
    return minus ? v ^ 0x8000 : v;
}

/* T[j] of the trees of array.h, written out. y_i carry their signs. */
static uint32_t tree(const uint32_t *y, unsigned k)
{
    switch (k) {
    case 1:
        return y[0];
    case 2:
        return add16(y[1], y[0]);
    case 3:
        return add16(add16(y[2], y[1]), y[0]);
    case 4:
        return add16(add16(y[3], y[2]), add16(y[1], y[0]));
    case 5:
        return add16(add16(add16(y[4], y[3]), y[2]), add16(y[1], y[0]));
    default: /* 8 */
        return add16(add16(add16(y[7], y[6]), add16(y[5], y[4])),
                     add16(add16(y[3], y[2]), add16(y[1], y[0])));
    }
}

static uint32_t entry(const nap_core *c, const uint32_t *x, unsigned j)
{
    uint32_t y[8];
    if (c->wtype == NAP_W_TERNARY) {
        static const int8_t digits[14][3] = {{0, 0, 0},  {0, 0, 1},   {0, 1, -1}, {0, 1, 0},
                                             {0, 1, 1},  {1, -1, -1}, {1, -1, 0}, {1, -1, 1},
                                             {1, 0, -1}, {1, 0, 0},   {1, 0, 1},  {1, 1, -1},
                                             {1, 1, 0},  {1, 1, 1}}; /* t2 t1 t0 */
        uint32_t sum = 0;
        bool any = false;
        for (unsigned i = 0; i < 3; i++) {
            const int t = digits[j][i];
            if (t == 0) continue;
            const uint32_t v = flip(x[2 - i], t < 0);
            sum = any ? add16(sum, v) : v;
            any = true;
        }
        return sum;
    }
    for (unsigned i = 0; i < c->k; i++) {
        const bool plus = (c->method == NAP_METHOD_LUT && i == c->k - 1) || (j >> i & 1);
        y[i] = flip(x[i], !plus);
    }
    return tree(y, c->k);
}

static void tables_round_each_addition(void **state)
{
    (void)state;
    static const unsigned ks[] = {1, 2, 3, 4, 5, 8, 3};
    nap_rng r;
    nap_rng_seed(&r, 20);
    for (unsigned act = NAP_ACT_E4M3; act <= NAP_ACT_F16; act++) {
        for (unsigned shape = 0; shape < 7; shape++) {
            for (int i = 0; i < 600; i++) {
                step s = {.core = design_int(NAP_METHOD_LUT, 2, 1, ks[shape], 2, (nap_act)act, 1,
                                             NAP_ACC_F32)};
                if (shape == 6) s.core.wtype = NAP_W_TERNARY;
                s.core.table = i % 3 == 2 ? NAP_TABLE_S8 : NAP_TABLE_EXACT;
                const unsigned kd = nap_core_kdim(&s.core), entries = nap_core_entries(&s.core);
                for (unsigned k = 0; k < 2 * kd; k++) s.a[k] = some_float(&r, s.core.act, i % 2);
                for (unsigned m = 0; m < 2; m++) s.e[m] = (int8_t)(nap_rng_below(&r, 20) - 12);
                step_pack(&s);
                nap_precompute(&s.core, s.ai, s.ti, NULL);
                for (unsigned t = 0; t < 4 * entries; t++) {
                    const unsigned m = t / entries / 2, d = t / entries % 2, j = t % entries;
                    uint32_t x[8];
                    for (unsigned k = 0; k < s.core.k; k++)
                        x[k] = widened(s.core.act, s.a[m * kd + d * s.core.k + k]);
                    uint32_t want = entry(&s.core, x, j);
                    if (s.core.table == NAP_TABLE_S8) {
                        const double v = rint(ldexp(from16(want), -s.e[m]));
                        want = isnan(v) ? 0 : (uint32_t)(int)fmax(-127, fmin(127, v)) & 0xff;
                    }
                    const unsigned bits = nap_core_entry_bits(&s.core);
                    assert_int_equal(nap_bits_get(s.ti, (size_t)t * bits, bits), want);
                }
            }
        }
    }
}

/* ------------------------------------------------------------------ discrete steps */

static float acc_value(const nap_core *c, uint32_t v)
{
    return c->acc == NAP_ACC_F16 ? from16(v) : nap_bits_f32(v);
}

static uint32_t acc_bits(const nap_core *c, float v)
{
    return c->acc == NAP_ACC_F16 ? f16(v) : f32(v);
}

static uint32_t add_acc(const nap_core *c, uint32_t a, uint32_t b)
{
    return acc_bits(c, acc_value(c, a) + acc_value(c, b));
}

/* One output by the discrete rules, from the codes. */
static uint32_t discrete(const step *s, unsigned m, unsigned n, uint32_t acc)
{
    const nap_core *const c = &s->core;
    const unsigned kd = nap_core_kdim(c), k = c->k;
    const unsigned planes = nap_core_planes(c, c->wbits);
    const bool tables = c->method == NAP_METHOD_LUT || c->method == NAP_METHOD_LUT_CONV;
    for (unsigned p = 0; p < planes; p++) {
        uint32_t term[16] = {0};
        for (unsigned d = 0; d < c->depth; d++) {
            const uint16_t *const a = s->a + m * kd + d * k, *const q = s->q + n * kd + d * k;
            uint32_t x[8];
            for (unsigned i = 0; i < k; i++) x[i] = widened(c->act, a[i]);
            if (tables && c->wtype == NAP_W_TERNARY) {
                int v = 9 * ((int)q[2] - 1) + 3 * ((int)q[1] - 1) + (int)q[0] - 1;
                const uint32_t t = entry(c, x, (unsigned)(v < 0 ? -v : v));
                term[d] = acc_bits(c, from16(flip(t, v < 0)));
            } else if (tables) {
                unsigned j = 0;
                for (unsigned i = 0; i < k; i++) {
                    const unsigned code =
                        c->wtype == NAP_W_E2M1 ? (unsigned)(nap_e2m1_twice(q[i]) + 16) : q[i];
                    j |= (code >> p & 1) << i;
                }
                const bool minus = c->method == NAP_METHOD_LUT && !(j >> (k - 1) & 1);
                const uint32_t t = entry(c, x, (minus ? ~j : j) & ((1u << k) - 1));
                term[d] = acc_bits(c, ldexpf(from16(flip(t, minus)), (int)p));
            } else if (c->method == NAP_METHOD_ADD) {
                const bool bit = q[0] >> p & 1, top = c->wbits > 1 && p == c->wbits - 1;
                const bool minus = c->wbits == 1 ? !bit : top;
                term[d] = !bit && c->wbits > 1
                              ? 0
                              : acc_bits(c, ldexpf(from16(flip(x[0], minus)), (int)p));
            } else if (c->method == NAP_METHOD_MAC) {
                const float w = from16(widened(c->act, q[0]));
                term[d] = acc_bits(c, from16(x[0]) * w);
            } else {
                const int half = 1 << (c->wbits - 1);
                const int w = c->wbits == 1 ? 2 * q[0] - 1 : (q[0] ^ half) - half;
                term[d] = acc_bits(c, from16(x[0]) * (float)w);
            }
        }
        if (tables) {
            for (unsigned d = 0; d < c->depth; d++) acc = add_acc(c, acc, term[d]);
            continue;
        }
        switch (c->depth) { /* in pairs */
        case 4:
            term[0] = add_acc(c, add_acc(c, term[0], term[1]), add_acc(c, term[2], term[3]));
            break;
        case 3:
            term[0] = add_acc(c, add_acc(c, term[0], term[1]), term[2]);
            break;
        case 2:
            term[0] = add_acc(c, term[0], term[1]);
            break;
        default:
            break;
        }
        acc = add_acc(c, acc, term[0]);
    }
    return acc;
}

static nap_core random_design(nap_rng *r)
{
    static const nap_method methods[] = {NAP_METHOD_LUT, NAP_METHOD_LUT_CONV, NAP_METHOD_ADD,
                                         NAP_METHOD_MAC, NAP_METHOD_MAC_NATIVE};
    static const unsigned ks[] = {1, 2, 3, 4, 4, 5};
    const nap_method method = methods[nap_rng_below(r, 5)];
    const bool tables = method == NAP_METHOD_LUT || method == NAP_METHOD_LUT_CONV;
    nap_core c =
        design_int(method, 2, 8, tables ? ks[nap_rng_below(r, 6)] : 1, 1 + nap_rng_below(r, 4),
                   (nap_act)(NAP_ACT_E4M3 + nap_rng_below(r, 3)), 1 + nap_rng_below(r, 5),
                   nap_rng_below(r, 2) ? NAP_ACC_F16 : NAP_ACC_F32);
    if (tables && nap_rng_below(r, 5) == 0) c.wtype = NAP_W_E2M1, c.wbits = 5;
    if (method == NAP_METHOD_LUT && nap_rng_below(r, 5) == 0)
        c.wtype = NAP_W_TERNARY, c.wbits = 1, c.k = 3;
    return c;
}

static void step_random(step *s, nap_rng *r, bool tame)
{
    const nap_core *const c = &s->core;
    const unsigned kd = nap_core_kdim(c);
    for (unsigned i = 0; i < c->m * kd; i++) s->a[i] = some_float(r, c->act, tame);
    for (unsigned i = 0; i < c->n * kd; i++) {
        const unsigned most = c->wtype == NAP_W_TERNARY ? 3 : 1u << (c->wtype ? 4 : c->wbits);
        s->q[i] = c->method == NAP_METHOD_MAC ? some_float(r, c->act, tame)
                                              : (uint16_t)nap_rng_below(r, most);
    }
    for (unsigned i = 0; i < c->m * c->n; i++) {
        const uint32_t v = some_float(r, NAP_ACT_F16, tame);
        s->acc[i] = c->acc == NAP_ACC_F16 ? v : f32(from16(v) * 1.0001f);
    }
    step_pack(s);
    if (c->method == NAP_METHOD_LUT) nap_precompute(c, s->ai, s->ti, NULL);
}

static void step_run(step *s)
{
    const uint8_t *const x = s->core.method == NAP_METHOD_LUT ? s->ti : s->ai;
    nap_array_step(&s->core, s->core.wbits, x, s->wi, s->acc);
}

static void discrete_steps_round_each_addition(void **state)
{
    (void)state;
    nap_rng r;
    nap_rng_seed(&r, 21);
    for (int i = 0; i < 6000; i++) {
        step s = {.core = random_design(&r)};
        step_random(&s, &r, i % 2);
        for (unsigned o = 0; o < 16; o++) s.want[o] = discrete(&s, o / 8, o % 8, s.acc[o]);
        step_run(&s);
        for (unsigned o = 0; o < 16; o++)
            if (s.acc[o] != s.want[o])
                fail_msg("%s k%u depth %u %s w%u %s: output %u is %#x, expected %#x",
                         nap_method_name(s.core.method), s.core.k, s.core.depth,
                         nap_act_name(s.core.act), s.core.wbits, nap_acc_name(s.core.acc), o,
                         s.acc[o], s.want[o]);
    }
}

/* ------------------------------------------------------------------ fused steps */

/* Small integers: every sum is exact in binary32, whatever the order and the alignment. */
static void fused_steps_are_exact_where_discrete_ones_are(void **state)
{
    (void)state;
    nap_rng r;
    nap_rng_seed(&r, 22);
    for (int i = 0; i < 3000; i++) {
        step s = {.core = random_design(&r)};
        s.core.acc = NAP_ACC_F32;
        const nap_fpfmt in = s.core.act == NAP_ACT_F16    ? nap_fp_f16
                             : s.core.act == NAP_ACT_E4M3 ? nap_fp_e4m3
                                                          : nap_fp_e5m2;
        step_random(&s, &r, true);
        for (unsigned k = 0; k < s.core.m * nap_core_kdim(&s.core); k++)
            s.a[k] = (uint16_t)nap_fp_from_int(in, (int)nap_rng_below(&r, 9) - 4);
        for (unsigned k = 0; s.core.method == NAP_METHOD_MAC && k < 8 * s.core.depth; k++)
            s.q[k] = (uint16_t)nap_fp_from_int(in, (int)nap_rng_below(&r, 9) - 4);
        for (unsigned o = 0; o < 16; o++)
            s.acc[o] = nap_fp_from_int(nap_fp_f32, (int)nap_rng_below(&r, 2001) - 1000);
        step_pack(&s);
        if (s.core.method == NAP_METHOD_LUT) nap_precompute(&s.core, s.ai, s.ti, NULL);
        step twin = s;
        s.core.fpsum = NAP_FPSUM_FUSED;
        step_run(&s);
        step_run(&twin);
        for (unsigned o = 0; o < 16; o++)
            assert_true(nap_bits_f32(s.acc[o]) == nap_bits_f32(twin.acc[o]));
    }
}

/* With one term, exact before the sum, a fused step rounds as a discrete one unless the alignment
 * cuts bits: within one unit in the last place, and NaN and infinity where that has them. (E4M3
 * terms may cut more: their subnormals align by an exponent up to 3 above their own.) */
static void fused_steps_stay_near_discrete_ones(void **state)
{
    (void)state;
    nap_rng r;
    nap_rng_seed(&r, 23);
    for (int i = 0; i < 4000; i++) {
        step s = {.core = random_design(&r)};
        s.core.depth = 1;
        s.core.wbits = s.core.wtype == NAP_W_E2M1 ? 5 : 1;
        s.core.method = s.core.wtype == NAP_W_BITS ? s.core.method : NAP_METHOD_LUT;
        step_random(&s, &r, false);
        step twin = s;
        const bool exact =
            s.core.method != NAP_METHOD_MAC && s.core.method != NAP_METHOD_MAC_NATIVE;
        if (s.core.method == NAP_METHOD_ADD && s.core.act == NAP_ACT_E4M3) continue;
        if (!exact || nap_core_planes(&s.core, s.core.wbits) > 1) continue;
        s.core.fpsum = NAP_FPSUM_FUSED;
        step_run(&s);
        step_run(&twin);
        for (unsigned o = 0; o < 16; o++) {
            const float a = acc_value(&s.core, s.acc[o]), b = acc_value(&s.core, twin.acc[o]);
            assert_true(isnan(a) == isnan(b));
            if (a == b || isnan(a)) continue;
            const int64_t gap = (int64_t)(s.acc[o] & 0x7fffffff) - (twin.acc[o] & 0x7fffffff);
            if (gap > 1 || gap < -1)
                fail_msg("%s: %a and %a", nap_method_name(s.core.method), (double)a, (double)b);
        }
    }
}

/* ------------------------------------------------------------------ corners by hand */

static void corners(void **state)
{
    (void)state;
    step s = {.core = design_int(NAP_METHOD_LUT, 1, 2, 1, 1, NAP_ACT_F16, 4, NAP_ACC_F16)};
    const uint16_t codes[] = {15, 0}; /* +15, -15 */
    const struct {
        uint16_t a;
        uint32_t acc, plus, minus;
    } cases[] = {
        {0x0001, 0, 0x000f, 0x800f},      /* subnormals stay: 15 * 2^-24 */
        {0x0000, 0x8000, 0, 0x8000},      /* zeros keep their sign */
        {0x8000, 0x8000, 0x8000, 0},      /* and -0 + +0 is +0 */
        {0x7000, 0, 0x7c00, 0xfc00},      /* 8192 * 15 overflows */
        {0x7c00, 0, 0x7c00, 0xfc00},      /* infinity stays */
        {0x7c00, 0xfc00, 0x7e00, 0xfc00}, /* infinities of both signs */
        {0x7d55, 0, 0x7e00, 0x7e00},      /* NaN becomes the quiet one */
        {0x03ff, 0, 0x0ffe - 1, 0x8ffd},  /* 15 * 1023 * 2^-24, rounded below */
    };
    for (unsigned i = 0; i + 1 < sizeof cases / sizeof *cases; i++) {
        s.a[0] = cases[i].a;
        memcpy(s.q, codes, sizeof codes);
        s.acc[0] = s.acc[1] = cases[i].acc;
        step_pack(&s);
        nap_precompute(&s.core, s.ai, s.ti, NULL);
        step_run(&s);
        assert_int_equal(s.acc[0], cases[i].plus);
        assert_int_equal(s.acc[1], cases[i].minus);
    }
}

static void prealigned_integers_hold_the_values(void **state)
{
    (void)state;
    nap_rng r;
    nap_rng_seed(&r, 24);
    for (int i = 0; i < 20000; i++) {
        const nap_act act = (nap_act)(NAP_ACT_E4M3 + nap_rng_below(&r, 3));
        const nap_fpfmt f = act == NAP_ACT_F16    ? nap_fp_f16
                            : act == NAP_ACT_E4M3 ? nap_fp_e4m3
                                                  : nap_fp_e5m2;
        const unsigned bits = 2 + nap_rng_below(&r, 15), count = 1 + nap_rng_below(&r, 16);
        uint16_t x[16];
        int16_t q[16];
        int e;
        double most = 0;
        for (unsigned k = 0; k < count; k++) {
            x[k] = some_float(&r, act, true);
            if (i % 32 == 0) x[k] &= (uint16_t)(1u << (f.exp + f.man)); /* zeros only */
            most = fmax(most, fabs(nap_fp_value(f, x[k])));
        }
        nap_prealign(act, x, count, bits, q, &e);
        const double limit = ldexp(1, (int)bits - 1);
        if (most == 0) assert_int_equal(e, 0);
        if (most > 0) assert_true(ldexp(most, -e) < limit && ldexp(most, -e) >= limit / 2);
        for (unsigned k = 0; k < count; k++)
            assert_true(q[k] == floor(ldexp(nap_fp_value(f, x[k]), -e)));
    }
    const uint16_t special[] = {0x7c00, 0x7e00, 0xfc00, 0x3c00};
    int16_t q[4];
    int e;
    nap_prealign(NAP_ACT_F16, special, 4, 12, q, &e);
    assert_int_equal(e, 15 - 10);
    assert_int_equal(q[0], 2047);
    assert_int_equal(q[1], 0);
    assert_int_equal(q[2], -2047);
    assert_int_equal(q[3], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_round_each_addition),
        cmocka_unit_test(discrete_steps_round_each_addition),
        cmocka_unit_test(fused_steps_are_exact_where_discrete_ones_are),
        cmocka_unit_test(fused_steps_stay_near_discrete_ones),
        cmocka_unit_test(corners),
        cmocka_unit_test(prealigned_integers_hold_the_values),
    };
    return cmocka_run_group_tests_name("lutcore/array_fp", tests, NULL, NULL);
}
