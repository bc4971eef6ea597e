/* Every vector row of the kernel table against its ref row, bit for bit, and the ref rows against
 * float64.
 *
 * The tests are generated from the table: a new row is tested without a line here. Lengths cover
 * all remainders, inputs all classes of floats, and all buffers end at an unmapped page. */
#include "cmocka_all.h"
#include "guarded.h"
#include "same.h"

#include "base/half.h"
#include "base/rng.h"
#include "kernel/kernel.h"
#include "kernel/mathf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ------------------------------------------------------------------ inputs */

typedef enum fill {
    FILL_USUAL,    /* of the size that activations have */
    FILL_WIDE,     /* all magnitudes that can be squared */
    FILL_ANY,      /* any bits at all */
    FILL_EXTREMES, /* mostly usual, some special */
    FILL_TINY,     /* denormals and the like */
    FILL_COUNT
} fill;

static float some_float(nap_rng *r, fill how)
{
    static const float special[] = {0.0f,      -0.0f,    INFINITY,   -INFINITY,   NAN,
                                    1e-45f,    -1e-45f,  0x1p-126f,  -0x1p-127f,  3.4e38f,
                                    -3.4e38f,  88.72f,   88.73f,     -87.34f,     -103.97f,
                                    -103.98f,  0.625f,   -0.625f,    0.62499994f, 65504.0f,
                                    65519.99f, 65520.0f, 5.9604e-8f, 2.98e-8f,    1.0f};
    const float usual = (float)(nap_rng_double(r) * 8 - 4);
    switch (how) {
    case FILL_USUAL:
        break;
    case FILL_WIDE:
        return ldexpf(usual, (int)nap_rng_below(r, 100) - 50);
    case FILL_ANY:
        return nap_bits_f32((uint32_t)nap_rng_next(r));
    case FILL_TINY:
        return ldexpf(usual, -120 - (int)nap_rng_below(r, 30));
    default:
        if (nap_rng_below(r, 8) == 0) {
            return special[nap_rng_below(r, sizeof special / sizeof special[0])];
        }
        break;
    }
    return usual;
}

/* `count` floats that end at an unmapped page. */
static guarded floats(nap_rng *r, size_t count, fill how)
{
    const guarded g = guarded_new(count * sizeof(float), sizeof(float));
    for (size_t i = 0; i < count; i++) ((float *)g.data)[i] = some_float(r, how);
    return g;
}

static guarded copy_of(const guarded *from, size_t count)
{
    const guarded g = guarded_new(count * sizeof(float), sizeof(float));
    memcpy(g.data, from->data, count * sizeof(float));
    return g;
}

static void expect_same(const nap_kernel *k, const guarded *got, const guarded *want, size_t n,
                        const char *what, size_t detail)
{
    const float *a = got->data, *b = want->data;
    const size_t i = first_difference(a, b, n);
    if (i < n) {
        fail_msg("%s, %s %zu: element %zu of %zu is %a, expected %a", k->name, what, detail, i, n,
                 (double)a[i], (double)b[i]);
    }
}

static const nap_kernel *ref_of(const nap_kernel *k)
{
    return nap_kernel_find(k->op, k->act, NAP_TIER_REF);
}

/* All lengths from 1 to 70, then some that real models have or that are awkward. */
static size_t length_at(size_t i)
{
    static const size_t more[] = {127, 128, 129, 255, 576, 640, 1000, 1536, 2048, 4099};
    if (i < 70) return i + 1;
    return i - 70 < sizeof more / sizeof more[0] ? more[i - 70] : 0;
}

/* ------------------------------------------------------------------ one op each */

static void try_rmsnorm(const nap_kernel *k, nap_rng *r, size_t n, fill how)
{
    guarded x = floats(r, n, how), w = floats(r, n, how);
    guarded got = floats(r, n, FILL_USUAL), want = floats(r, n, FILL_USUAL);
    for (int weights = 0; weights < 2; weights++) {
        const float *const wp = weights ? w.data : NULL;
        k->fn.rmsnorm(x.data, wp, got.data, n, 1e-5f);
        ref_of(k)->fn.rmsnorm(x.data, wp, want.data, n, 1e-5f);
        expect_same(k, &got, &want, n, "fill", how);
    }
    k->fn.rmsnorm(x.data, w.data, x.data, n, 1e-5f);
    expect_same(k, &x, &want, n, "in place, fill", how);
    guarded_free(&x);
    guarded_free(&w);
    guarded_free(&got);
    guarded_free(&want);
}

static void try_rope(const nap_kernel *k, nap_rng *r, size_t n, fill how)
{
    const size_t rot = 2 * n > 300 ? 300 : 2 * n;
    const size_t head_dim = rot + nap_rng_below(r, 5), heads = 1 + nap_rng_below(r, 4);
    guarded cs = floats(r, rot, how == FILL_USUAL ? FILL_USUAL : how);
    for (int neox = 0; neox < 2; neox++) {
        guarded x = floats(r, heads * head_dim, how), want = copy_of(&x, heads * head_dim);
        k->fn.rope(x.data, heads, head_dim, rot, cs.data, neox);
        ref_of(k)->fn.rope(want.data, heads, head_dim, rot, cs.data, neox);
        expect_same(k, &x, &want, heads * head_dim, neox ? "neox, rot" : "adjacent, rot", rot);
        guarded_free(&x);
        guarded_free(&want);
    }
    guarded_free(&cs);
}

static void try_glu(const nap_kernel *k, nap_rng *r, size_t n, fill how)
{
    for (nap_glu kind = NAP_GLU_SILU; kind <= NAP_GLU_RELU2; kind++) {
        guarded gate = floats(r, n, how), up = floats(r, n, how);
        guarded got = floats(r, n, FILL_USUAL), want = floats(r, n, FILL_USUAL);
        k->fn.glu(kind, gate.data, NULL, got.data, n);
        ref_of(k)->fn.glu(kind, gate.data, NULL, want.data, n);
        expect_same(k, &got, &want, n, "activation", kind);
        k->fn.glu(kind, gate.data, up.data, got.data, n);
        ref_of(k)->fn.glu(kind, gate.data, up.data, want.data, n);
        expect_same(k, &got, &want, n, "gated activation", kind);
        guarded gate2 = copy_of(&gate, n);
        k->fn.glu(kind, gate2.data, up.data, gate2.data, n);
        expect_same(k, &gate2, &want, n, "into the gate", kind);
        k->fn.glu(kind, gate.data, up.data, up.data, n);
        expect_same(k, &up, &want, n, "into up", kind);
        guarded_free(&gate);
        guarded_free(&gate2);
        guarded_free(&up);
        guarded_free(&got);
        guarded_free(&want);
    }
}

static void try_in_place(const nap_kernel *k, nap_rng *r, size_t n, fill how)
{
    const nap_kernel *const ref = ref_of(k);
    guarded x = floats(r, n, how), y = floats(r, n, how), want = copy_of(&x, n);
    const float s = some_float(r, how);
    if (k->op == NAP_KOP_ADD) {
        k->fn.add(x.data, y.data, n);
        ref->fn.add(want.data, y.data, n);
    } else if (k->op == NAP_KOP_SCALE) {
        k->fn.scale(x.data, s, n);
        ref->fn.scale(want.data, s, n);
    } else {
        const float cap = how == FILL_TINY ? 0x1p-120f : 30.0f;
        k->fn.softcap(x.data, cap, n);
        ref->fn.softcap(want.data, cap, n);
    }
    expect_same(k, &x, &want, n, "fill", how);
    guarded_free(&x);
    guarded_free(&y);
    guarded_free(&want);
}

static void try_kv_store(const nap_kernel *k, nap_rng *r, size_t n, fill how)
{
    const size_t dk = n > 300 ? 300 : n, dv = 1 + nap_rng_below(r, 80);
    const size_t heads = 1 + nap_rng_below(r, 3), index = nap_rng_below(r, NAP_KV_PAGE);
    const size_t kn = heads * NAP_KV_PAGE * dk, vn = heads * NAP_KV_PAGE * dv;
    guarded kf = floats(r, heads * dk, how), vf = floats(r, heads * dv, how);
    guarded page[4];
    for (size_t i = 0; i < 4; i++) {
        const size_t bytes = (i % 2 ? vn : kn) * sizeof(uint16_t);
        page[i] = guarded_new(bytes, sizeof(uint16_t));
        memset(page[i].data, 0xee, bytes); /* cells of other positions must stay */
    }
    k->fn.kv_store(page[0].data, page[1].data, index, heads, dk, dv, kf.data, vf.data);
    ref_of(k)->fn.kv_store(page[2].data, page[3].data, index, heads, dk, dv, kf.data, vf.data);
    for (size_t which = 0; which < 2; which++) {
        const uint16_t *const got = page[which].data, *const want = page[which + 2].data;
        for (size_t i = 0; i < (which ? vn : kn); i++) {
            const bool nans = isnan(nap_f16_to_f32(got[i])) && isnan(nap_f16_to_f32(want[i]));
            if (got[i] != want[i] && !nans) {
                fail_msg("%s: %zu heads of %zu, %zu, position %zu: %s cell %zu is %#x, expected "
                         "%#x",
                         k->name, heads, dk, dv, index, which ? "value" : "key", i, got[i],
                         want[i]);
            }
        }
    }
    guarded_free(&kf);
    guarded_free(&vf);
    for (size_t i = 0; i < 4; i++) guarded_free(&page[i]);
}

static void try_prepare(const nap_kernel *k, nap_rng *r, size_t n, fill how)
{
    const size_t cols = 32 * (n > 80 ? 80 : n), bytes = nap_act_bytes(k->act, cols);
    guarded x = floats(r, cols, how);
    if (how == FILL_EXTREMES) { /* leave some blocks whole, make some constant */
        for (size_t b = 0; b < cols / 32; b++) {
            float *const p = (float *)x.data + 32 * b;
            const float c = some_float(r, nap_rng_below(r, 2) ? FILL_EXTREMES : FILL_ANY);
            const uint32_t choice = nap_rng_below(r, 3);
            for (size_t i = 0; i < 32 && choice != 0; i++) p[i] = i % 2 && choice == 2 ? -c : c;
        }
    }
    guarded got = guarded_new(bytes, 64), want = guarded_new(bytes, 64);
    k->fn.prepare(x.data, cols, got.data);
    ref_of(k)->fn.prepare(x.data, cols, want.data);
    const nap_act_q8 g = nap_act_q8_view(got.data, cols), w = nap_act_q8_view(want.data, cols);
    for (size_t b = 0; b < cols / 32; b++) {
        if (memcmp(g.q + 32 * b, w.q + 32 * b, 32) != 0 ||
            memcmp(g.sum + 2 * b, w.sum + 2 * b, 8) != 0 ||
            first_difference(g.d + b, w.d + b, 1) == 0 ||
            first_difference(g.s + b, w.s + b, 1) == 0) {
            fail_msg("%s: block %zu of %zu, fill %d: d %a s %a, expected d %a s %a", k->name, b,
                     cols / 32, how, (double)g.d[b], (double)g.s[b], (double)w.d[b],
                     (double)w.s[b]);
        }
    }
    guarded_free(&x);
    guarded_free(&got);
    guarded_free(&want);
}

static void try_row(const nap_kernel *k, nap_rng *r, size_t n, fill how)
{
    switch (k->op) {
    case NAP_KOP_PREPARE:
        try_prepare(k, r, n, how);
        break;
    case NAP_KOP_RMSNORM:
        try_rmsnorm(k, r, n, how);
        break;
    case NAP_KOP_ROPE:
        try_rope(k, r, n, how);
        break;
    case NAP_KOP_GLU:
        try_glu(k, r, n, how);
        break;
    case NAP_KOP_KV_STORE:
        try_kv_store(k, r, n, how);
        break;
    default:
        try_in_place(k, r, n, how);
        break;
    }
}

static void test_row(void **state)
{
    const nap_kernel *const k = *state;
    if (!nap_tier_available(k->tier)) skip();
    nap_rng r;
    nap_rng_seed(&r, k->op);
    for (size_t i = 0; length_at(i) != 0; i++) {
        for (fill how = FILL_USUAL; how < FILL_COUNT; how++) try_row(k, &r, length_at(i), how);
    }
}

/* ------------------------------------------------------------------ ref against float64 */

/* |got - want| in units of the last place of a float of want's size. */
static double ulps(float got, double want)
{
    if (isnan(want)) return isnan(got) ? 0 : INFINITY;
    if ((double)got == want || (isinf(got) && fabs(want) > 0x1.ffffffp127)) return 0;
    int e;
    frexp(want, &e);
    return fabs((double)got - want) / ldexp(1, (e < -125 ? -125 : e) - 24);
}

static double silu64(double x)
{
    return x / (1 + exp(-x));
}

static double gelu64(double x)
{
    return 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
}

/* A function of one float, its float64 twin, the floats it is tried on and the bound. */
typedef struct scalar {
    const char *name;
    float (*f)(float);
    double (*f64)(double);
    float limit;     /* |x| up to this */
    double max_ulps; /* of the result ... */
    double absolute; /* ... plus this */
} scalar;

static const scalar scalars[] = {
    {"exp", nap_ref_exp, exp, 200, 0.9, 0},
    {"tanh", nap_ref_tanh, tanh, 1e30f, 1.4, 0},
    {"silu", nap_ref_silu, silu64, 85, 2.5, 0},
    /* 1 + tanh cancels in float64, too, so only where it does not; below, x e^2u is tiny */
    {"gelu", nap_ref_gelu, gelu64, 3, 12, 0},
    {"gelu", nap_ref_gelu, gelu64, 1e4f, 9, 4e-8},
};

static void test_scalar(void **state)
{
    const scalar *const s = *state;
    double worst = 0;
    float at = 0;
    for (uint32_t bits = 0; bits < nap_f32_bits(s->limit); bits += 997) {
        for (int sign = 0; sign < 2; sign++) {
            const float x = sign ? -nap_bits_f32(bits) : nap_bits_f32(bits);
            const float got = s->f(x);
            const double want = s->f64(x);
            if (fabs((double)got - want) <= s->absolute) continue;
            const double u = ulps(got, want);
            if (!(u <= worst)) {
                worst = u;
                at = x;
            }
        }
    }
    print_message("%s, |x| <= %g: at most %.3f ulp, at %a\n", s->name, (double)s->limit, worst,
                  (double)at);
    assert_true(worst <= s->max_ulps);
}

static void test_special_values(void **state)
{
    (void)state;
    assert_true(nap_ref_exp(0.0f) == 1.0f && nap_ref_exp(-0.0f) == 1.0f);
    assert_true(nap_ref_exp(-INFINITY) == 0.0f && nap_ref_exp(-1e30f) == 0.0f);
    assert_true(nap_ref_exp(-104.0f) == 0.0f && nap_ref_exp(-103.0f) == 0x1p-149f);
    assert_true(isinf(nap_ref_exp(88.73f)) && isinf(nap_ref_exp(INFINITY)));
    assert_true(isfinite(nap_ref_exp(88.7228f)));
    assert_true(isnan(nap_ref_exp(NAN)) && isnan(nap_ref_tanh(NAN)));
    assert_true(nap_ref_tanh(INFINITY) == 1.0f && nap_ref_tanh(-INFINITY) == -1.0f);
    assert_true(nap_ref_tanh(-0.0f) == 0.0f && signbit(nap_ref_tanh(-0.0f)));
    for (nap_glu kind = NAP_GLU_SILU; kind <= NAP_GLU_RELU2; kind++) {
        assert_true(isnan(nap_ref_act(kind, NAN)));
        assert_true(nap_ref_act(kind, 0.0f) == 0.0f);
        assert_true(nap_ref_act(kind, -1e30f) == 0.0f);
        assert_true(nap_ref_act(kind, INFINITY) == INFINITY);
    }
}

static void test_ref_vectors(void **state)
{
    (void)state;
    nap_kernel_set set;
    nap_kernel_set_init(&set, NAP_TIER_REF);
    const nap_kernel_set *const s = &set;
    nap_rng r;
    nap_rng_seed(&r, 9);
    enum { N = 1537 };
    guarded x = floats(&r, N, FILL_WIDE), w = floats(&r, N, FILL_USUAL);
    guarded out = floats(&r, N, FILL_USUAL);
    const float *const xp = x.data, *const wp = w.data, *const op = out.data;
    double mean = 0;
    for (size_t i = 0; i < N; i++) mean += (double)xp[i] * xp[i] / N;
    s->rmsnorm(xp, wp, out.data, N, 1e-6f);
    for (size_t i = 0; i < N; i++) {
        /* the sum rounds N / 16 + 4 times, the rest a few times more */
        const double want = xp[i] / sqrt(mean + 1e-6) * wp[i];
        assert_true(fabs(op[i] - want) <= 55 * 0x1p-24 * fabs(want));
    }
    /* A rotation: (cos, sin) turns (a, b) by the angle. */
    const float angle = 0.7f, cs[2] = {cosf(angle), sinf(angle)};
    for (int neox = 0; neox < 2; neox++) {
        float v[8] = {1, 2, 3, 4, 5, 6, 7, 8};
        s->rope(v, 2, 4, 2, cs, neox);
        for (size_t h = 0; h < 2; h++) {
            const double a = 1 + 4.0 * (double)h, b = a + 1;
            assert_true(fabs(v[4 * h] - (a * cos(0.7) - b * sin(0.7))) < 1e-5);
            assert_true(fabs(v[4 * h + 1] - (a * sin(0.7) + b * cos(0.7))) < 1e-5);
            assert_true(v[4 * h + 2] == (float)(a + 2) && v[4 * h + 3] == (float)(a + 3));
        }
    }
    float q[4] = {1, 2, 3, 4};
    const float quarter[4] = {0, 1, 1, 0}; /* pair 0 by 90 degrees, pair 1 not at all */
    s->rope(q, 1, 4, 4, quarter, true);
    assert_true(q[0] == -3 && q[1] == 2 && q[2] == 1 && q[3] == 4);
    s->rope(q, 1, 4, 4, quarter, false);
    assert_true(q[0] == -2 && q[1] == -3 && q[2] == 1 && q[3] == 4);
    guarded_free(&x);
    guarded_free(&w);
    guarded_free(&out);
}

static void test_ref_prepare(void **state)
{
    (void)state;
    nap_rng r;
    nap_rng_seed(&r, 11);
    enum { COLS = 320 };
    const nap_kernel *const k = nap_kernel_find(NAP_KOP_PREPARE, NAP_ACT_Q8, NAP_TIER_REF);
    guarded x = floats(&r, COLS, FILL_USUAL), act = guarded_new(nap_act_bytes(k->act, COLS), 64);
    float *const xp = x.data;
    memset(xp, 0, 32 * sizeof *xp);
    xp[40] = NAN;
    xp[70] = -INFINITY;
    k->fn.prepare(xp, COLS, act.data);
    const nap_act_q8 v = nap_act_q8_view(act.data, COLS);
    assert_true(v.d[0] == 0 && v.s[0] == 0 && isnan(v.d[1]) && isnan(v.d[2]));
    for (size_t b = 0; b < COLS / 32; b++) {
        int sum[2] = {0, 0}, top = 0;
        for (size_t i = 0; i < 32; i++) {
            const int q = v.q[32 * b + i];
            sum[i / 16] += q;
            if (abs(q) > top) top = abs(q);
            const float got = v.d[b] * (float)q;
            assert_true(b == 1 || b == 2 || fabsf(got - xp[32 * b + i]) <= 0.50001f * v.d[b]);
        }
        assert_int_equal(top, b < 3 ? 0 : 127);
        assert_int_equal(sum[0], v.sum[2 * b]);
        assert_int_equal(sum[1], v.sum[2 * b + 1]);
    }
    guarded_free(&x);
    guarded_free(&act);
}

/* ggml's forms against their definition: scales, range, sums, and what a block must not lose. */
static void test_ref_prepare_ggml(void **state)
{
    (void)state;
    nap_rng r;
    nap_rng_seed(&r, 12);
    enum { COLS = 1024 };
    guarded x = floats(&r, COLS, FILL_USUAL);
    guarded fine = guarded_new(nap_act_bytes(NAP_ACT_Q8, COLS), 64),
            act = guarded_new(nap_act_bytes(NAP_ACT_Q8_K, COLS), 64);
    float *const xp = x.data;
    memset(xp, 0, 256 * sizeof *xp);
    xp[300] = NAN;
    xp[600] = -1000; /* the largest of its 256: becomes -127 with a positive scale */
    xp[1000] = 1000; /* -127 again, with a negative one */
    nap_kernel_find(NAP_KOP_PREPARE, NAP_ACT_Q8, NAP_TIER_REF)->fn.prepare(xp, COLS, fine.data);
    nap_kernel_find(NAP_KOP_PREPARE, NAP_ACT_Q8_1, NAP_TIER_REF)->fn.prepare(xp, COLS, act.data);
    const nap_act_q8 f = nap_act_q8_view(fine.data, COLS), v = nap_act_q8_view(act.data, COLS);
    assert_true(memcmp(f.q, v.q, COLS) == 0);
    assert_true(memcmp(f.sum, v.sum, COLS / 16 * sizeof *f.sum) == 0);
    for (size_t b = 0; b < COLS / 32; b++) {
        if (b == 300 / 32) {
            assert_true(isnan(v.d[b]) && isnan(v.s[b]));
            continue;
        }
        assert_true(fabsf(v.d[b] - f.d[b]) <= 0x1p-11f * f.d[b]);
        assert_true(fabsf(v.s[b] - f.s[b]) <= 0x1p-11f * fabsf(f.s[b]));
        assert_true(nap_f16_to_f32(nap_f32_to_f16(v.d[b])) == v.d[b]);
        assert_true(nap_f16_to_f32(nap_f32_to_f16(v.s[b])) == v.s[b]);
    }
    nap_kernel_find(NAP_KOP_PREPARE, NAP_ACT_Q8_K, NAP_TIER_REF)->fn.prepare(xp, COLS, act.data);
    for (size_t b = 0; b < COLS / 32; b++) {
        assert_true(b % 8 == 0 || v.d[b] == v.d[b - 1] || isnan(v.d[b]));
        int sum[2] = {0, 0};
        for (size_t i = 0; i < 32; i++) {
            const float got = v.d[b] * (float)v.q[32 * b + i];
            sum[i / 16] += v.q[32 * b + i];
            assert_true(b / 8 == 1 || fabsf(got - xp[32 * b + i]) <= 0.50001f * fabsf(v.d[b]));
        }
        assert_int_equal(sum[0], v.sum[2 * b]);
        assert_int_equal(sum[1], v.sum[2 * b + 1]);
        assert_true(b / 8 == 1 || v.s[b] == v.d[b] * (float)(sum[0] + sum[1]));
    }
    assert_true(v.d[0] == 0 && isnan(v.d[8]));
    assert_true(v.q[600] == -127 && v.d[16] > 0 && v.q[1000] == -127 && v.d[24] < 0);
    guarded_free(&x);
    guarded_free(&fine);
    guarded_free(&act);
}

/* Emulated machines say which tier they must end up with. */
static void test_tier(void **state)
{
    (void)state;
    const char *const tier = getenv("NAPIER_EXPECT_TIER");
    if (!tier) skip();
    print_message("%s\n", nap_cpu_describe());
    assert_true(strcmp(nap_tier_name(nap_cpu_tier()), tier) == 0);
}

/* The same bits on all machines: a hash of results that was taken on one of them. */
static void test_portable(void **state)
{
    (void)state;
    uint32_t hash = 2166136261u; /* FNV-1a, a word at a time */
    for (uint32_t bits = 0; bits < 0x7f800000u; bits += 21013) {
        for (int sign = 0; sign < 2; sign++) {
            const float x = sign ? -nap_bits_f32(bits) : nap_bits_f32(bits);
            const float y[4] = {nap_ref_exp(x), nap_ref_tanh(x), nap_ref_silu(x), nap_ref_gelu(x)};
            for (size_t i = 0; i < 4; i++) hash = (hash ^ nap_f32_bits(y[i])) * 16777619u;
        }
    }
    if (hash != 0xe0de87a3u) fail_msg("hash is %#x", hash);
}

int main(void)
{
    enum { MAX_TESTS = 128 };
    static struct CMUnitTest tests[MAX_TESTS];
    size_t n = 0;
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_tier);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_portable);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_special_values);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_ref_vectors);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_ref_prepare);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_ref_prepare_ggml);
    for (size_t i = 0; i < sizeof scalars / sizeof scalars[0]; i++) {
        tests[n++] =
            (struct CMUnitTest){scalars[i].name, test_scalar, NULL, NULL, (void *)&scalars[i]};
    }
    for (size_t i = 0; i < nap_kernel_count() && n < MAX_TESTS; i++) {
        const nap_kernel *const k = nap_kernel_at(i);
        if (k->op == NAP_KOP_MATMUL || k->op == NAP_KOP_ATTENTION || k->tier == NAP_TIER_REF) {
            continue;
        }
        tests[n++] = (struct CMUnitTest){k->name, test_row, NULL, NULL, (void *)k};
    }
    return _cmocka_run_group_tests("vectors", tests, n, NULL, NULL);
}
