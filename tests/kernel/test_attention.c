/* Every attention row of the kernel table against the ref row, bit for bit; the ref row against
 * float64; and what the engine builds on: how a prompt is cut into calls and items, and in which
 * order they run, changes nothing.
 *
 * Cache cells outside a query's range hold NaNs, pages wholly outside are NULL, and all buffers end
 * at an unmapped page. */
#include "cmocka_all.h"
#include "guarded.h"
#include "same.h"

#include "base/half.h"
#include "base/rng.h"
#include "kernel/kernel.h"

#include <math.h>
#include <stdio.h>

typedef enum fill { FILL_USUAL, FILL_LARGE, FILL_SPECIAL, FILL_COUNT } fill;

static float some_float(nap_rng *r, fill how)
{
    static const float special[] = {0.0f,     -0.0f,     INFINITY, -INFINITY, NAN,
                                    1e-45f,   -1e-45f,   1e-38f,   3.4e38f,   -3.4e38f,
                                    65504.0f, -65504.0f, 6e-8f,    -6e-8f,    1e-6f};
    const float usual = (float)(nap_rng_double(r) * 4 - 2);
    if (how == FILL_LARGE) return usual * 1000;
    if (how == FILL_SPECIAL && nap_rng_below(r, 50) == 0) {
        return special[nap_rng_below(r, sizeof special / sizeof special[0])];
    }
    return usual;
}

/* ------------------------------------------------------------------ one problem */

enum { MAX_PAGES = 2100 };

/* A cache with everything that the queries of `args` may see, and nothing else. */
typedef struct problem {
    nap_attention_args args;
    guarded q, out;
    size_t out_count;
    float *k, *v; /* as stored, before rounding to binary16: [position][kv head][element] */
    guarded pages[2][MAX_PAGES];
    const uint16_t *k_pages[MAX_PAGES], *v_pages[MAX_PAGES];
} problem;

static void problem_init(problem *p, nap_attention_args args, fill how, nap_rng *r)
{
    const nap_kernel *const store = nap_kernel_find(NAP_KOP_KV_STORE, NAP_ACT_F32, NAP_TIER_REF);
    memset(p, 0, sizeof *p);
    nap_attention_args *const a = &p->args;
    *a = args;
    const size_t end = a->pos + a->tokens;
    const size_t begin = a->window != 0 && a->pos + 1 > a->window ? a->pos + 1 - a->window : 0;
    const size_t k_row = a->kv_heads * a->head_dim_k, v_row = a->kv_heads * a->head_dim_v;
    p->k = malloc(end * k_row * sizeof(float));
    p->v = malloc(end * v_row * sizeof(float));
    assert_true(p->k && p->v && end <= (size_t)MAX_PAGES * NAP_KV_PAGE);
    for (size_t i = 0; i < end * k_row; i++) p->k[i] = some_float(r, how);
    for (size_t i = 0; i < end * v_row; i++) p->v[i] = some_float(r, how);
    for (size_t i = begin; i < end; i++) {
        const size_t n = i / NAP_KV_PAGE;
        if (!p->k_pages[n]) {
            for (size_t which = 0; which < 2; which++) {
                const size_t bytes = NAP_KV_PAGE * (which ? v_row : k_row) * sizeof(uint16_t);
                p->pages[which][n] = guarded_new(bytes, sizeof(uint16_t));
                memset(p->pages[which][n].data, 0x7f, bytes); /* 0x7f7f is a NaN */
            }
            p->k_pages[n] = p->pages[0][n].data;
            p->v_pages[n] = p->pages[1][n].data;
        }
        store->fn.kv_store(p->pages[0][n].data, p->pages[1][n].data, i % NAP_KV_PAGE, a->kv_heads,
                           a->head_dim_k, a->head_dim_v, p->k + i * k_row, p->v + i * v_row);
    }
    a->k_pages = p->k_pages;
    a->v_pages = p->v_pages;
    a->q_stride = a->heads * a->head_dim_k + nap_rng_below(r, 3);
    a->out_stride = a->heads * a->head_dim_v + nap_rng_below(r, 3);
    const size_t q_count = (a->tokens - 1) * a->q_stride + a->heads * a->head_dim_k;
    p->out_count = (a->tokens - 1) * a->out_stride + a->heads * a->head_dim_v;
    p->q = guarded_new(q_count * sizeof(float), sizeof(float));
    p->out = guarded_new(p->out_count * sizeof(float), sizeof(float));
    for (size_t i = 0; i < q_count; i++) ((float *)p->q.data)[i] = some_float(r, how);
    a->q = p->q.data;
    a->out = p->out.data;
}

static void problem_free(problem *p)
{
    for (size_t i = 0; i < MAX_PAGES; i++) {
        guarded_free(&p->pages[0][i]);
        guarded_free(&p->pages[1][i]);
    }
    guarded_free(&p->q);
    guarded_free(&p->out);
    free(p->k);
    free(p->v);
}

/* Runs all items, each with scratch full of NaNs, forwards or backwards. */
static void run_items(const nap_kernel *k, nap_attention_args a, bool backwards)
{
    const size_t items = nap_attention_items(&a);
    const size_t bytes = nap_attention_scratch(&a) * sizeof(float);
    guarded scratch = guarded_new(bytes, 64);
    a.scratch = scratch.data;
    for (size_t i = 0; i < items; i++) {
        memset(a.scratch, 0xff, bytes);
        k->fn.attention(&a, backwards ? items - 1 - i : i);
    }
    guarded_free(&scratch);
}

/* The result of all tokens, in a buffer of its own; gaps between tokens hold a mark. */
static float *result(const problem *p, const nap_kernel *k, size_t split_heads, bool backwards)
{
    for (size_t i = 0; i < p->out_count; i++) p->args.out[i] = -12345.0f;
    nap_attention_args a = p->args;
    a.split_heads = split_heads;
    run_items(k, a, backwards);
    float *const copy = malloc(p->out_count * sizeof(float));
    assert_non_null(copy);
    memcpy(copy, a.out, p->out_count * sizeof(float));
    return copy;
}

static void expect_same(const problem *p, const nap_kernel *k, const char *what, float *got,
                        const float *want)
{
    const size_t i = first_difference(got, want, p->out_count);
    const nap_attention_args *const a = &p->args;
    if (i < p->out_count) {
        fail_msg("%s, %s: %zu tokens at %zu, heads %zu/%zu of %zu, %zu, window %zu, softcap %g: "
                 "token %zu element %zu is %a, expected %a",
                 k->name, what, a->tokens, a->pos, a->heads, a->kv_heads, a->head_dim_k,
                 a->head_dim_v, a->window, (double)a->softcap, i / a->out_stride, i % a->out_stride,
                 (double)got[i], (double)want[i]);
    }
    free(got);
}

static const nap_kernel *ref_row(void)
{
    return nap_kernel_find(NAP_KOP_ATTENTION, NAP_ACT_F32, NAP_TIER_REF);
}

static nap_attention_args random_args(nap_rng *r)
{
    static const size_t dims[] = {16, 32, 48, 64, 80, 96, 128, 256};
    const size_t kv_heads = 1 + nap_rng_below(r, 3), group = 1 + nap_rng_below(r, 9);
    nap_attention_args a = {.pos = nap_rng_below(r, 4) ? nap_rng_below(r, 300) : 0,
                            .tokens = 1 + nap_rng_below(r, 40),
                            .heads = kv_heads * group,
                            .kv_heads = kv_heads,
                            .split_heads = 1,
                            .scale = (float)nap_rng_double(r)};
    a.head_dim_k = nap_rng_below(r, 2) ? dims[nap_rng_below(r, 8)] : 1 + nap_rng_below(r, 80);
    a.head_dim_v = nap_rng_below(r, 2) ? a.head_dim_k : 1 + nap_rng_below(r, 130);
    if (nap_rng_below(r, 2)) a.window = 1 + nap_rng_below(r, nap_rng_below(r, 2) ? 10 : 150);
    if (nap_rng_below(r, 2)) a.softcap = 20;
    return a;
}

/* ------------------------------------------------------------------ the tests */

static void try_problem(const nap_kernel *k, nap_attention_args args, fill how, nap_rng *r)
{
    problem p;
    problem_init(&p, args, how, r);
    float *const want = result(&p, ref_row(), 1, false);
    const size_t split = 1 + nap_rng_below(r, (uint32_t)(args.heads / args.kv_heads + 1));
    expect_same(&p, k, "one item a head", result(&p, k, 1, false), want);
    expect_same(&p, k, "split heads, backwards", result(&p, k, split, true), want);
    free(want);
    problem_free(&p);
}

static void test_row(void **state)
{
    const nap_kernel *const k = *state;
    if (!nap_tier_available(k->tier)) skip();
    nap_rng r;
    nap_rng_seed(&r, 1);
    for (size_t i = 0; i < 60; i++) {
        try_problem(k, random_args(&r), (fill)nap_rng_below(&r, FILL_COUNT), &r);
    }
    /* More heads than one item takes; the two real models; contexts that need smaller items. */
    const nap_attention_args shapes[] = {
        {.pos = 5, .tokens = 3, .heads = 71, .kv_heads = 1, .head_dim_k = 64, .head_dim_v = 64},
        {.pos = 0, .tokens = 100, .heads = 9, .kv_heads = 3, .head_dim_k = 64, .head_dim_v = 64},
        {.pos = 505,
         .tokens = 20,
         .heads = 4,
         .kv_heads = 1,
         .head_dim_k = 256,
         .head_dim_v = 256,
         .window = 512},
        {.pos = 12000, .tokens = 10, .heads = 3, .kv_heads = 1, .head_dim_k = 16, .head_dim_v = 16},
        {.pos = 131000, .tokens = 3, .heads = 2, .kv_heads = 1, .head_dim_k = 4, .head_dim_v = 4},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        nap_attention_args a = shapes[i];
        a.scale = 1 / sqrtf((float)a.head_dim_k);
        try_problem(k, a, FILL_USUAL, &r);
    }
}

/* One call with all tokens gives what calls with fewer give. */
static void test_chunks(void **state)
{
    (void)state;
    static const size_t chunks[] = {1, 7, 16, 33};
    nap_rng r;
    nap_rng_seed(&r, 2);
    for (size_t i = 0; i < nap_kernel_count(); i++) {
        const nap_kernel *const k = nap_kernel_at(i);
        if (k->op != NAP_KOP_ATTENTION || !nap_tier_available(k->tier)) continue;
        for (size_t n = 0; n < 4; n++) {
            nap_attention_args args = random_args(&r);
            args.tokens = 40;
            problem p;
            problem_init(&p, args, FILL_USUAL, &r);
            float *const want = result(&p, k, 1, false);
            for (size_t c = 0; c < sizeof chunks / sizeof chunks[0]; c++) {
                float *const got = malloc(p.out_count * sizeof(float));
                assert_non_null(got);
                for (size_t j = 0; j < p.out_count; j++) got[j] = -12345.0f;
                for (size_t t = 0; t < args.tokens; t += chunks[c]) {
                    nap_attention_args a = p.args;
                    a.pos += t;
                    a.tokens = args.tokens - t < chunks[c] ? args.tokens - t : chunks[c];
                    a.q += t * a.q_stride;
                    a.out = got + t * a.out_stride;
                    run_items(k, a, false);
                }
                expect_same(&p, k, "in chunks", got, want);
            }
            free(want);
            problem_free(&p);
        }
    }
}

/* What the definition says, in float64, from the same binary16 keys and values. */
static double expected64(const problem *p, size_t t, size_t h, size_t e)
{
    const nap_attention_args *const a = &p->args;
    const size_t j = h / (a->heads / a->kv_heads), at = a->pos + t;
    const size_t begin = a->window != 0 && at + 1 > a->window ? at + 1 - a->window : 0;
    const float *const q = a->q + t * a->q_stride + h * a->head_dim_k;
    double sum = 0, total = 0, max = -INFINITY;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = begin; i <= at; i++) {
            const float *const k = p->k + (i * a->kv_heads + j) * a->head_dim_k;
            double s = 0;
            for (size_t n = 0; n < a->head_dim_k; n++) {
                s += (double)q[n] * nap_f16_to_f32(nap_f32_to_f16(k[n]));
            }
            s *= a->scale;
            if (a->softcap > 0) s = a->softcap * tanh(s / a->softcap);
            if (pass == 0) {
                max = s > max ? s : max;
                continue;
            }
            const float v = p->v[(i * a->kv_heads + j) * a->head_dim_v + e];
            total += exp(s - max);
            sum += exp(s - max) * nap_f16_to_f32(nap_f32_to_f16(v));
        }
    }
    return sum / total;
}

static void test_ref_exact(void **state)
{
    (void)state;
    nap_rng r;
    nap_rng_seed(&r, 3);
    double worst = 0;
    for (size_t n = 0; n < 12; n++) {
        nap_attention_args args = random_args(&r);
        args.scale /= sqrtf((float)args.head_dim_k);
        args.tokens = 1 + args.tokens / 8;
        problem p;
        problem_init(&p, args, FILL_USUAL, &r);
        float *const got = result(&p, ref_row(), 1, false);
        for (size_t t = 0; t < args.tokens; t++) {
            for (size_t h = 0; h < args.heads; h++) {
                const size_t e = nap_rng_below(&r, (uint32_t)args.head_dim_v);
                const double want = expected64(&p, t, h, e);
                const double error =
                    fabs(got[t * p.args.out_stride + h * args.head_dim_v + e] - want);
                if (!(error <= worst)) worst = error;
            }
        }
        free(got);
        problem_free(&p);
    }
    print_message("values of at most 2: at most %.2g from float64\n", worst);
    assert_true(worst <= 1e-6);
}

int main(void)
{
    enum { MAX_TESTS = 16 };
    static struct CMUnitTest tests[MAX_TESTS];
    size_t n = 0;
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_ref_exact);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_chunks);
    for (size_t i = 0; i < nap_kernel_count() && n < MAX_TESTS; i++) {
        const nap_kernel *const k = nap_kernel_at(i);
        if (k->op != NAP_KOP_ATTENTION || k->tier == NAP_TIER_REF) continue;
        tests[n++] = (struct CMUnitTest){k->name, test_row, NULL, NULL, (void *)k};
    }
    return _cmocka_run_group_tests("attention", tests, n, NULL, NULL);
}
