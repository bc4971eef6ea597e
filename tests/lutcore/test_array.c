/* Fragments, tables and integer steps against plain sums. */
#include "cmocka_all.h"
#include "designs.h"

#include "base/rng.h"
#include "lutcore/array.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ one step, checked */

/* One step of a design on codes and activations, with room for all that designs here have. */
typedef struct step {
    nap_core core;
    unsigned wbits;
    uint16_t a[64 * 256], q[256 * 256];
    uint8_t ai[1 << 16], ti[1 << 18], wi[1 << 18];
    uint32_t acc[1024];
    int32_t sum[64];
} step;

static step *step_new(void)
{
    step *s = calloc(1, sizeof *s);
    assert_non_null(s);
    return s;
}

static void step_run(step *s)
{
    const nap_core *const c = &s->core;
    const unsigned kd = nap_core_kdim(c);
    assert_true(nap_frag_bytes(c, NAP_FRAG_A, s->wbits) <= sizeof s->ai);
    assert_true(nap_frag_bytes(c, NAP_FRAG_W, s->wbits) <= sizeof s->wi);
    nap_pack_a(c, s->a, kd, c->m, kd, NULL, s->ai);
    nap_pack_w(c, s->wbits, s->q, kd, c->n, kd, 0, s->wi);
    if (c->method == NAP_METHOD_LUT) {
        assert_true(nap_frag_bytes(c, NAP_FRAG_T, s->wbits) <= sizeof s->ti);
        memset(s->sum, 0, sizeof s->sum);
        nap_precompute(c, s->ai, s->ti, s->sum);
        nap_array_step(c, s->wbits, s->ti, s->wi, s->acc);
    } else {
        nap_array_step(c, s->wbits, s->ai, s->wi, s->acc);
    }
}

static int32_t act_value(const nap_core *c, uint16_t bits)
{
    return c->act == NAP_ACT_S8 ? (int8_t)bits : (int16_t)bits;
}

/* What a code is worth in the sums of a step (array.h, "Weights"). */
static int64_t code_value(const nap_core *c, unsigned wbits, unsigned q)
{
    const int64_t half = 1 << (wbits - 1);
    if (c->wtype == NAP_W_TERNARY) return (int64_t)q - 1;
    if (c->wtype == NAP_W_E2M1) return 2 * (nap_e2m1_twice(q) + 16) - 31;
    switch (c->method) {
    case NAP_METHOD_MAC:
        return act_value(c, (uint16_t)q);
    case NAP_METHOD_ADD:
    case NAP_METHOD_UNPU:
    case NAP_METHOD_MAC_NATIVE:
        if (wbits == 1) return 2 * (int64_t)q - 1;
        return (int64_t)q < half ? (int64_t)q : (int64_t)q - 2 * half;
    default:
        return 2 * (int64_t)q - (2 * half - 1);
    }
}

static uint32_t wrapped(const nap_core *c, int64_t v)
{
    const unsigned bits = nap_acc_bits(c->acc);
    const int64_t low = v & ((1ll << bits) - 1);
    return (uint32_t)(low >> (bits - 1) & 1 ? low - (1ll << bits) : low);
}

/* Runs the step and compares with sums over a and the codes, from the accumulators before. */
static void step_check(step *s)
{
    const nap_core *const c = &s->core;
    const unsigned kd = nap_core_kdim(c);
    uint32_t before[1024];
    memcpy(before, s->acc, sizeof before);
    step_run(s);
    for (unsigned m = 0; m < c->m; m++) {
        int64_t rows = 0;
        for (unsigned kk = 0; kk < kd; kk++) rows += act_value(c, s->a[m * kd + kk]);
        if (c->method == NAP_METHOD_LUT) assert_int_equal(s->sum[m], rows);
        for (unsigned n = 0; n < c->n; n++) {
            int64_t want = (int32_t)before[m * c->n + n];
            for (unsigned kk = 0; kk < kd; kk++)
                want +=
                    act_value(c, s->a[m * kd + kk]) * code_value(c, s->wbits, s->q[n * kd + kk]);
            const uint32_t got = s->acc[m * c->n + n];
            if (got != wrapped(c, want))
                fail_msg("%s m%u n%u k%u depth %u %s w%u %s: (%u, %u) is %d, expected %d",
                         nap_method_name(c->method), c->m, c->n, c->k, c->depth,
                         nap_act_name(c->act), s->wbits, nap_acc_name(c->acc), m, n, (int)got,
                         (int)wrapped(c, want));
        }
    }
}

static uint16_t some_act(nap_rng *r, nap_act act)
{
    static const uint16_t edge8[] = {0x80, 0x7f, 0, 0xff}, edge16[] = {0x8000, 0x7fff, 0, 0xffff};
    if (nap_rng_below(r, 4) == 0)
        return act == NAP_ACT_S8 ? edge8[nap_rng_below(r, 4)] : edge16[nap_rng_below(r, 4)];
    return (uint16_t)nap_rng_next(r) & (act == NAP_ACT_S8 ? 0xff : 0xffff);
}

static unsigned code_limit(const nap_core *c, unsigned wbits)
{
    if (c->wtype == NAP_W_TERNARY) return 3;
    if (c->wtype == NAP_W_E2M1) return 16;
    if (c->method == NAP_METHOD_MAC) return 1u << nap_act_bits(c->act);
    return 1u << wbits;
}

static void step_random(step *s, nap_rng *r)
{
    const nap_core *const c = &s->core;
    const unsigned kd = nap_core_kdim(c);
    for (unsigned i = 0; i < c->m * kd; i++) s->a[i] = some_act(r, c->act);
    for (unsigned i = 0; i < c->n * kd; i++)
        s->q[i] = (uint16_t)nap_rng_below(r, code_limit(c, s->wbits));
    for (unsigned i = 0; i < c->m * c->n; i++) s->acc[i] = wrapped(c, (int32_t)nap_rng_next(r));
}

/* ------------------------------------------------------------------ tests */

static void fields_round_trip(void **state)
{
    (void)state;
    nap_rng r;
    nap_rng_seed(&r, 1);
    for (int i = 0; i < 100000; i++) {
        uint8_t image[24], before[24];
        for (unsigned k = 0; k < sizeof image; k++) image[k] = (uint8_t)nap_rng_next(&r);
        memcpy(before, image, sizeof image);
        const unsigned width = 1 + nap_rng_below(&r, 64), bit = nap_rng_below(&r, 192 - width + 1);
        const uint64_t v = nap_rng_next(&r), mask = width == 64 ? ~0ull : (1ull << width) - 1;
        nap_bits_put(image, bit, width, v);
        assert_true(nap_bits_get(image, bit, width) == (v & mask));
        for (unsigned b = 0; b < 192; b++)
            if (b < bit || b >= bit + width)
                assert_int_equal(image[b / 8] >> b % 8 & 1, before[b / 8] >> b % 8 & 1);
    }
}

/* Every q and Z: the reinterpreted code, its planes of +-1, and the finished result. */
static void reinterpretation_is_exact(void **state)
{
    (void)state;
    for (int b = 1; b <= 8; b++) {
        for (int q = 0; q < 1 << b; q++) {
            const int reinterpreted = 2 * q - ((1 << b) - 1);
            int planes = 0;
            for (int p = 0; p < b; p++) planes += (1 << p) * (2 * (q >> p & 1) - 1);
            assert_int_equal(planes, reinterpreted);
            for (int z = 0; z < 1 << b; z++) {
                /* s (q - z) = s/2 (q' - z'), z' = 2 z + 1 - 2^b, for any activation a */
                assert_int_equal(2 * (q - z), reinterpreted - (2 * z + 1 - (1 << b)));
                for (int a = -128; a <= 127; a += 15) {
                    const int c = a * reinterpreted, twice = c + ((1 << b) - 1 - 2 * z) * a;
                    assert_int_equal(twice % 2, 0);
                    assert_int_equal(twice / 2, a * (q - z));
                }
            }
        }
    }
}

/* One group of four elements: every pattern of codes, at several activations. */
static void every_pattern_of_one_group(void **state)
{
    (void)state;
    static const int acts[][4] = {{1, 10, 100, -128},     {-128, -128, -128, -128},
                                  {127, 127, 127, 127},   {0, 0, 0, 0},
                                  {-128, 127, -128, 127}, {3, -5, 7, -11}};
    nap_rng r;
    nap_rng_seed(&r, 2);
    for (unsigned b = 1; b <= 4; b++) {
        step *const s = step_new();
        s->core = design_int(NAP_METHOD_LUT, 6, 64, 4, 1, NAP_ACT_S8, b, NAP_ACC_S32);
        s->wbits = b;
        for (unsigned m = 0; m < 6; m++)
            for (unsigned i = 0; i < 4; i++) s->a[4 * m + i] = (uint16_t)(acts[m][i] & 0xff);
        const unsigned patterns = 1u << (4 * b), steps = patterns < 4096 ? patterns : 4096;
        for (unsigned first = 0; first < steps; first += 64) {
            for (unsigned n = 0; n < 64; n++) {
                const unsigned all = patterns > 4096 ? nap_rng_below(&r, patterns) : first + n;
                for (unsigned i = 0; i < 4; i++)
                    s->q[4 * n + i] = (uint16_t)(all >> (b * i) & ((1u << b) - 1));
            }
            memset(s->acc, 0, sizeof s->acc);
            step_check(s);
            for (unsigned m = 0; m < 6; m++) {
                for (unsigned n = 0; n < 64; n++) {
                    for (int z = 0; z < 1 << b; z++) {
                        int want = 0;
                        for (unsigned i = 0; i < 4; i++) want += acts[m][i] * (s->q[4 * n + i] - z);
                        const int twice =
                            (int32_t)s->acc[64 * m + n] + ((1 << b) - 1 - 2 * z) * s->sum[m];
                        assert_int_equal(twice, 2 * want);
                    }
                }
            }
        }
        free(s);
    }
}

static void every_ternary_triple(void **state)
{
    (void)state;
    step *const s = step_new();
    s->core = design_int(NAP_METHOD_LUT, 4, 32, 3, 1, NAP_ACT_S8, 1, NAP_ACC_S32);
    s->core.wtype = NAP_W_TERNARY;
    s->wbits = 1;
    static const int acts[4][3] = {{1, 10, 100}, {-128, -128, -128}, {127, -128, -128}, {0, -1, 5}};
    for (unsigned i = 0; i < 12; i++) s->a[i] = (uint16_t)(acts[i / 3][i % 3] & 0xff);
    bool seen[32] = {false};
    for (unsigned n = 0; n < 27; n++) {
        const unsigned t0 = n % 3, t1 = n / 3 % 3, t2 = n / 9;
        s->q[3 * n] = (uint16_t)t0;
        s->q[3 * n + 1] = (uint16_t)t1;
        s->q[3 * n + 2] = (uint16_t)t2;
        const unsigned field = nap_remap_ternary((int)t2 - 1, (int)t1 - 1, (int)t0 - 1);
        assert_true(field < 32 && (field & 15) < NAP_TERNARY_ENTRIES && !seen[field]);
        seen[field] = true;
    }
    step_check(s);
    free(s);
}

static void every_fp4_code(void **state)
{
    (void)state;
    static const double value[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
    for (unsigned q = 0; q < 16; q++)
        assert_true(nap_e2m1_twice(q) == (q & 8 ? -2 : 2) * value[q & 7]);
    for (int conventional = 0; conventional < 2; conventional++) {
        step *const s = step_new();
        s->core = design_int(conventional ? NAP_METHOD_LUT_CONV : NAP_METHOD_LUT, 3, 16, 4, 2,
                             NAP_ACT_S8, 5, NAP_ACC_S32);
        s->core.wtype = NAP_W_E2M1;
        s->wbits = 5;
        nap_rng r;
        nap_rng_seed(&r, 4);
        for (int i = 0; i < 50; i++) {
            step_random(s, &r);
            for (unsigned n = 0; n < 16; n++) s->q[8 * n + (unsigned)i % 8] = (uint16_t)n;
            memset(s->acc, 0, sizeof s->acc);
            step_check(s);
            for (unsigned m = 0; m < 3 && !conventional; m++) {
                for (unsigned n = 0; n < 16; n++) {
                    int want = 0; /* sum of a times twice the value: (C - S) / 2 */
                    for (unsigned k = 0; k < 8; k++)
                        want += (int8_t)s->a[8 * m + k] * nap_e2m1_twice(s->q[8 * n + k]);
                    assert_int_equal((int32_t)s->acc[16 * m + n] - s->sum[m], 2 * want);
                }
            }
        }
        free(s);
    }
}

/* Every entry of every table at every corner of the activations' range fits, and is exact. */
static void exact_entries_never_overflow(void **state)
{
    (void)state;
    static const int lows[] = {-128, -32768};
    for (unsigned act = 0; act < 2; act++) {
        for (unsigned k = 1; k <= 8; k++) {
            for (unsigned ternary = 0; ternary < (k == 3 ? 2u : 1u); ternary++) {
                nap_core c = design_int(NAP_METHOD_LUT, 1, 1, k, 1, act ? NAP_ACT_S16 : NAP_ACT_S8,
                                        1, NAP_ACC_S32);
                if (ternary) c.wtype = NAP_W_TERNARY;
                const unsigned entries = nap_core_entries(&c), bits = nap_core_entry_bits(&c);
                for (unsigned corner = 0; corner < 1u << k; corner++) {
                    int x[8];
                    uint16_t raw[8];
                    for (unsigned i = 0; i < k; i++) {
                        x[i] = corner >> i & 1 ? lows[act] : -lows[act] - 1;
                        raw[i] = (uint16_t)x[i] & (act ? 0xffff : 0xff);
                    }
                    uint8_t a[64], t[1024];
                    nap_pack_a(&c, raw, k, 1, k, NULL, a);
                    nap_precompute(&c, a, t, NULL);
                    for (unsigned j = 0; j < entries; j++) {
                        int want = 0, rest = (int)j;
                        for (unsigned i = 0; i < k; i++) {
                            if (ternary) {
                                const int digit = (rest + 1) % 3 - 1;
                                want += digit * x[i];
                                rest = (rest - digit) / 3;
                            } else {
                                want += i == k - 1 || (j >> i & 1) ? x[i] : -x[i];
                            }
                        }
                        const int64_t raw_entry =
                            (int64_t)(nap_bits_get(t, j * bits, bits) << (64 - bits));
                        assert_int_equal(raw_entry >> (64 - bits), want);
                    }
                }
            }
        }
    }
}

/* Sizes by hand. */
static void fragments_have_their_sizes(void **state)
{
    (void)state;
    nap_core c = design_int(NAP_METHOD_LUT, 2, 64, 4, 1, NAP_ACT_S8, 4, NAP_ACC_S24);
    assert_int_equal(nap_frag_bits(&c, NAP_FRAG_A, 4), 2 * 4 * 8);
    assert_int_equal(nap_frag_bits(&c, NAP_FRAG_T, 4), 2 * 8 * 10);
    assert_int_equal(nap_frag_bits(&c, NAP_FRAG_W, 3), 3 * 64 * 4);
    assert_int_equal(nap_frag_bits(&c, NAP_FRAG_C, 4), 2 * 64 * 32);
    assert_int_equal(nap_frag_bits(&c, NAP_FRAG_S, 4), 2 * 32);
    assert_int_equal(nap_frag_bytes(&c, NAP_FRAG_A, 4), 32);
    assert_int_equal(nap_frag_bytes(&c, NAP_FRAG_T, 4), 32);
    assert_int_equal(nap_frag_bytes(&c, NAP_FRAG_W, 3), 96);
    c.bus_bytes = 8;
    assert_int_equal(nap_frag_bytes(&c, NAP_FRAG_T, 4), 24);
    c.act = NAP_ACT_F16;
    assert_int_equal(nap_frag_bits(&c, NAP_FRAG_T, 4), 2 * 8 * 16);
    c.table = NAP_TABLE_S8;
    assert_int_equal(nap_frag_bits(&c, NAP_FRAG_A, 4), 2 * 4 * 16 + 2 * 8);
    assert_int_equal(nap_frag_bits(&c, NAP_FRAG_T, 4), 2 * 8 * 8);
    c = design_int(NAP_METHOD_LUT, 2, 64, 3, 2, NAP_ACT_S16, 1, NAP_ACC_S32);
    c.wtype = NAP_W_TERNARY;
    assert_int_equal(nap_frag_bits(&c, NAP_FRAG_T, 1), 2 * 2 * 14 * 18);
    assert_int_equal(nap_frag_bits(&c, NAP_FRAG_W, 1), 2 * 64 * 5);
    assert_int_equal(nap_core_planes(&c, 1), 1);
    c = design_int(NAP_METHOD_MAC, 2, 8, 1, 16, NAP_ACT_S16, 4, NAP_ACC_S32);
    assert_int_equal(nap_frag_bits(&c, NAP_FRAG_W, 4), 8 * 16 * 16);
    c.method = NAP_METHOD_MAC_NATIVE;
    assert_int_equal(nap_frag_bits(&c, NAP_FRAG_W, 4), 8 * 16 * 4);
    assert_int_equal(nap_core_planes(&c, 4), 1);
    assert_int_equal(nap_core_entries(&c), 0);
    /* Full tables have entries of one bit more: minus four times the lowest activation. */
    c = design_int(NAP_METHOD_LUT_CONV, 2, 8, 4, 1, NAP_ACT_S8, 4, NAP_ACC_S32);
    assert_int_equal(nap_core_entries(&c), 16);
    assert_int_equal(nap_core_entry_bits(&c), 11);
    c.method = NAP_METHOD_UNPU_HALF;
    assert_int_equal(nap_core_entries(&c), 8);
    assert_int_equal(nap_core_entry_bits(&c), 10);
}

static nap_core random_design(nap_rng *r)
{
    nap_core c = design_random(r, 5, 20, 8, 6);
    if (c.method == NAP_METHOD_LUT && nap_rng_below(r, 4) == 0) {
        c.wtype = NAP_W_TERNARY;
        c.k = 3;
        c.wbits = 1;
    } else if ((c.method == NAP_METHOD_LUT || c.method == NAP_METHOD_LUT_CONV) &&
               nap_rng_below(r, 4) == 0) {
        c.wtype = NAP_W_E2M1;
        c.wbits = 5;
    }
    return c;
}

/* Designs of every method, accumulators of every width that wrap. */
static void random_designs_equal_plain_sums(void **state)
{
    (void)state;
    nap_rng r;
    nap_rng_seed(&r, 3);
    step *const s = step_new();
    for (int i = 0; i < 3000; i++) {
        s->core = random_design(&r);
        const bool fixed = s->core.wtype != NAP_W_BITS || s->core.method == NAP_METHOD_MAC ||
                           s->core.method == NAP_METHOD_MAC_NATIVE;
        s->wbits = fixed ? s->core.wbits : 1 + nap_rng_below(&r, s->core.wbits);
        step_random(s, &r);
        step_check(s);
        step_check(s); /* and once more onto the result */
    }
    free(s);
}

static void padding_packs_as_zero(void **state)
{
    (void)state;
    nap_core c = design_int(NAP_METHOD_LUT, 2, 8, 4, 2, NAP_ACT_S8, 2, NAP_ACC_S32);
    uint16_t a[2 * 8], q[8 * 8];
    uint8_t ai[64], wi[64], full[64], cut[64];
    for (unsigned i = 0; i < 16; i++) a[i] = 0x81;
    for (unsigned i = 0; i < 64; i++) q[i] = (uint16_t)(i * 7 % 4);
    memset(ai, 0xee, sizeof ai);
    nap_pack_a(&c, a, 8, 1, 5, NULL, ai);
    for (unsigned i = 0; i < 32; i++) assert_int_equal(ai[i], i < 5 ? 0x81 : 0);
    assert_int_equal(ai[32], 0xee); /* one beat of 32 bytes, nothing beyond */
    nap_pack_w(&c, 2, q, 8, 3, 6, 1, wi);
    for (unsigned n = 0; n < 8; n++)
        for (unsigned k = 0; k < 8; k++)
            full[n * 8 + k] = (uint8_t)(n < 3 && k < 6 ? q[n * 8 + k] : 1);
    uint16_t padded[64];
    for (unsigned i = 0; i < 64; i++) padded[i] = full[i];
    memset(cut, 0, sizeof cut);
    nap_pack_w(&c, 2, padded, 8, 8, 8, 0, cut);
    assert_memory_equal(wi, cut, nap_frag_bytes(&c, NAP_FRAG_W, 2));
}

static void accumulators_round_trip(void **state)
{
    (void)state;
    nap_rng r;
    nap_rng_seed(&r, 6);
    for (unsigned acc = 0; acc < NAP_ACC_COUNT; acc++) {
        nap_core c = design_int(NAP_METHOD_LUT, 3, 7, 4, 1, NAP_ACT_S8, 2, (nap_acc)acc);
        uint32_t v[21], back[21];
        uint8_t image[128];
        for (unsigned i = 0; i < 21; i++) {
            v[i] = (uint32_t)nap_rng_next(&r);
            if (!nap_acc_is_float(c.acc)) v[i] = wrapped(&c, (int32_t)v[i]);
            if (c.acc == NAP_ACC_F16) v[i] &= 0xffff;
        }
        nap_cfrag_pack(&c, v, image);
        nap_cfrag_unpack(&c, image, back);
        assert_memory_equal(v, back, sizeof v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_round_trip),
        cmocka_unit_test(fragments_have_their_sizes),
        cmocka_unit_test(reinterpretation_is_exact),
        cmocka_unit_test(every_pattern_of_one_group),
        cmocka_unit_test(every_ternary_triple),
        cmocka_unit_test(every_fp4_code),
        cmocka_unit_test(exact_entries_never_overflow),
        cmocka_unit_test(random_designs_equal_plain_sums),
        cmocka_unit_test(padding_packs_as_zero),
        cmocka_unit_test(accumulators_round_trip),
    };
    return cmocka_run_group_tests_name("lutcore/array", tests, NULL, NULL);
}
