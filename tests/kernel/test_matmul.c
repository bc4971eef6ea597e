/* Every matmul row of the kernel table, with every format it takes, against the ref rows.
 *
 * The tests are generated from the table: a new row is tested without a line here. Results have to
 * be equal bit for bit. The ref row itself is held to a float64 computation, and packing to
 * nap_format_decode. All buffers end at an unmapped page. */
#include "cmocka_all.h"
#include "guarded.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "base/threads.h"
#include "kernel/kernel.h"

#include <math.h>
#include <stdio.h>

enum { MARK = 0x7fa5a5a5 }; /* a NaN that no kernel makes: what may not be written */

/* ------------------------------------------------------------------ inputs */

typedef enum fill { FILL_RANDOM, FILL_LOW, FILL_HIGH, FILL_MIX } fill;

static float some_scale(nap_rng *r, bool power_of_two)
{
    static const float odd[] = {0.0f, -0.0f, 0x1p-24f, -0x1p-24f, 0x1p-14f, 512.0f, -3.5f};
    if (power_of_two) {
        return nap_rng_below(r, 16) == 0 ? 0x1p-128f : ldexpf(1, (int)nap_rng_below(r, 30) - 20);
    }
    if (nap_rng_below(r, 8) == 0) return odd[nap_rng_below(r, 7)];
    return (float)((int)nap_rng_below(r, 2047) - 1023) * 0x1p-14f; /* exact in binary16 */
}

/* Blocks with any codes and group scales that the format can hold, and chosen outer scales. */
static void fill_blocks(nap_rng *r, const nap_format *f, uint8_t *bytes, size_t blocks, fill how)
{
    static const uint8_t extremes[] = {0x00, 0xff, 0x80, 0x7f};
    for (size_t n = 0; n < blocks; n++, bytes += f->block_bytes) {
        for (unsigned i = 0; i < f->block_bytes; i++) bytes[i] = (uint8_t)nap_rng_next(r);
        fill h = how == FILL_MIX ? (fill)nap_rng_below(r, 3) : how;
        if (h != FILL_RANDOM) {
            memset(bytes, extremes[2 * nap_rng_below(r, 2) + (h == FILL_HIGH)], f->block_bytes);
        }
        nap_block b;
        nap_format_split(f, bytes, &b);
        b.d = some_scale(r, strcmp(f->name, "MXFP4") == 0);
        b.dmin = f->has_min ? some_scale(r, false) : 0;
        nap_format_join(f, &b, bytes);
    }
}

static void fill_plain(nap_rng *r, const nap_format *f, uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++, bytes += f->block_bytes) {
        const float v = (float)((int)nap_rng_below(r, 4001) - 2000) * 0x1p-7f;
        const double wide = v;
        for (unsigned j = 0; j < f->block_bytes; j++) bytes[j] = (uint8_t)nap_rng_next(r);
        if (strcmp(f->name, "F16") == 0) bytes[1] &= 0xbf; /* neither infinite nor NaN */
        if (strcmp(f->name, "BF16") == 0) bytes[1] = (uint8_t)((bytes[1] & 0x80) | 0x3f);
        if (strcmp(f->name, "F32") == 0) memcpy(bytes, &v, 4);
        if (strcmp(f->name, "F64") == 0) memcpy(bytes, &wide, 8);
    }
}

static void fill_act(nap_rng *r, nap_act_form form, void *act, size_t cols, fill how)
{
    if (form == NAP_ACT_F32) {
        float *x = act;
        for (size_t i = 0; i < cols; i++) x[i] = (float)(nap_rng_double(r) * 4 - 2);
        return;
    }
    const nap_act_q8 v = nap_act_q8_view(act, cols);
    int8_t *q = (int8_t *)v.q;
    for (size_t b = 0; b < cols / 32; b++) {
        const fill h = how == FILL_MIX ? (fill)nap_rng_below(r, 3) : how;
        int32_t sum[2] = {0, 0};
        for (size_t i = 0; i < 32; i++) {
            const int any = (int)nap_rng_below(r, 255) - 127;
            q[32 * b + i] = (int8_t)(h == FILL_RANDOM ? any : h == FILL_LOW ? -127 : 127);
            sum[i / 16] += q[32 * b + i];
        }
        ((float *)v.d)[b] = nap_rng_below(r, 16) == 0 ? 0 : (float)nap_rng_double(r) * 0.1f;
        ((float *)v.s)[b] = v.d[b] * (float)(sum[0] + sum[1]);
        memcpy((int32_t *)v.sum + 2 * b, sum, sizeof sum);
    }
}

/* ------------------------------------------------------------------ one problem */

typedef struct problem {
    const nap_format *f;
    size_t rows, cols, tokens, row_bytes, act_bytes, out_stride;
    guarded source, act, out, expected, scratch;
    nap_matrix m, ref; /* packed for the kernel under test and for the ref row */
    guarded data, ref_data;
} problem;

static void pack(nap_matrix *m, guarded *data, const uint8_t *source, size_t row_bytes)
{
    *data = guarded_new(m->bytes, 64);
    m->data = data->data;
    memset(m->data, 0xee, m->bytes);
    const size_t first = m->rows > 20 ? 16 : 0; /* in two pieces where there are two tiles */
    if (first) nap_matrix_pack(m, 0, first, source);
    nap_matrix_pack(m, first, m->rows - first, source + first * row_bytes);
}

static void problem_init(problem *p, const nap_kernel *k, const nap_format *f, size_t rows,
                         size_t cols, size_t tokens, fill how, nap_rng *r)
{
    uint64_t row_bytes;
    assert_true(nap_format_bytes(f, cols, &row_bytes));
    *p = (problem){.f = f, .rows = rows, .cols = cols, .tokens = tokens, .row_bytes = row_bytes};
    p->source = guarded_new(rows * p->row_bytes, 1);
    if (f->kind == NAP_FORMAT_BLOCK) {
        fill_blocks(r, f, p->source.data, rows * cols / f->block, how);
    } else {
        fill_plain(r, f, p->source.data, rows * cols);
    }
    nap_error e;
    assert_int_equal(nap_matrix_init(&p->m, f, rows, cols, k->tier, &e), NAP_OK);
    p->m.kernel = k;
    assert_int_equal(nap_matrix_init(&p->ref, f, rows, cols, NAP_TIER_REF, &e), NAP_OK);
    pack(&p->m, &p->data, p->source.data, p->row_bytes);
    pack(&p->ref, &p->ref_data, p->source.data, p->row_bytes);

    p->act_bytes = nap_act_bytes(k->act, cols);
    p->act = guarded_new(tokens * p->act_bytes, 64);
    for (size_t t = 0; t < tokens; t++) {
        fill_act(r, k->act, (char *)p->act.data + t * p->act_bytes, cols, how);
    }
    p->out_stride = rows + nap_rng_below(r, 3);
    p->out = guarded_new(((tokens - 1) * p->out_stride + rows) * sizeof(float), 4);
    p->expected = guarded_new(((tokens - 1) * p->out_stride + rows) * sizeof(float), 4);
    p->scratch = guarded_new(NAP_MATMUL_SCRATCH, 64);
}

static void problem_free(problem *p)
{
    guarded_free(&p->source);
    guarded_free(&p->act);
    guarded_free(&p->out);
    guarded_free(&p->expected);
    guarded_free(&p->scratch);
    guarded_free(&p->data);
    guarded_free(&p->ref_data);
}

static nap_matmul_args problem_args(const problem *p, const nap_matrix *w, void *out)
{
    return (nap_matmul_args){.w = w,
                             .act = p->act.data,
                             .act_stride = p->act_bytes,
                             .tokens = p->tokens,
                             .out = out,
                             .out_stride = p->out_stride,
                             .row_end = p->rows,
                             .scratch = p->scratch.data};
}

static void mark(const problem *p, void *out)
{
    const int32_t m = MARK;
    char *bytes = out;
    for (size_t i = 0; i < (p->tokens - 1) * p->out_stride + p->rows; i++) {
        memcpy(bytes + 4 * i, &m, 4);
    }
}

static void expect_same(const problem *p, const nap_kernel *k, const char *phase)
{
    const size_t n = (p->tokens - 1) * p->out_stride + p->rows;
    if (memcmp(p->out.data, p->expected.data, n * sizeof(float)) == 0) return;
    const float *out = p->out.data, *expected = p->expected.data;
    for (size_t i = 0; i < n; i++) {
        if (memcmp(out + i, expected + i, 4) != 0) {
            fail_msg("%s %s, %s, %zu x %zu, %zu tokens: token %zu row %zu is %a, expected %a",
                     k->name, phase, p->f->name, p->rows, p->cols, p->tokens, i / p->out_stride,
                     i % p->out_stride, (double)out[i], (double)expected[i]);
        }
    }
}

static void run_ref(const problem *p, size_t row_begin, size_t row_end)
{
    nap_matmul_args a = problem_args(p, &p->ref, p->expected.data);
    a.row_begin = row_begin;
    a.row_end = row_end;
    p->ref.kernel->decode(&a);
}

static void check(const problem *p, const nap_kernel *k, size_t row_begin, size_t row_end)
{
    mark(p, p->expected.data);
    run_ref(p, row_begin, row_end);
    nap_matmul_args a = problem_args(p, &p->m, p->out.data);
    a.row_begin = row_begin;
    a.row_end = row_end;
    mark(p, p->out.data);
    memset(p->scratch.data, 0xff, NAP_MATMUL_SCRATCH); /* NaN wherever it is read before written */
    k->decode(&a);
    expect_same(p, k, "decode");
    mark(p, p->out.data);
    memset(p->scratch.data, 0xff, NAP_MATMUL_SCRATCH);
    k->prefill(&a);
    expect_same(p, k, "prefill");
}

/* ------------------------------------------------------------------ the tests */

static void try_problem(const nap_kernel *k, const nap_format *f, size_t rows, size_t cols,
                        size_t tokens, fill how, nap_rng *r)
{
    problem p;
    problem_init(&p, k, f, rows, cols, tokens, how, r);
    check(&p, k, 0, rows);
    if (rows > 16) {
        check(&p, k, 0, 16);
        check(&p, k, 16, rows);
    }
    problem_free(&p);
}

static void test_format(const nap_kernel *k, const nap_format *f, nap_rng *r)
{
    const size_t block = f->block;
    for (size_t rows = 1; rows <= 33; rows++) { /* all remainders, up to two tiles and one row */
        try_problem(k, f, rows, block * (1 + nap_rng_below(r, 5)), 1 + nap_rng_below(r, 4),
                    FILL_MIX, r);
    }
    for (size_t tokens = 1; tokens <= 17; tokens++) {
        try_problem(k, f, 1 + nap_rng_below(r, 40), block * (1 + nap_rng_below(r, 5)), tokens,
                    FILL_MIX, r);
    }
    try_problem(k, f, 48, 5 * block, 64, FILL_RANDOM, r);
    try_problem(k, f, 37, block * (2048 / block), 64, FILL_MIX, r); /* wider than one K chunk */
    try_problem(k, f, 16, block * (1 + 1300 / block), 200, FILL_MIX, r); /* more than one chunk */
    for (fill how = FILL_LOW; how <= FILL_HIGH; how++) {
        try_problem(k, f, 32, block * (1024 / block), 3, how, r);
        try_problem(k, f, 32, block * (1024 / block), 9, how, r);
    }
}

static void test_row(void **state)
{
    const nap_kernel *k = *state;
    if (!nap_tier_available(k->tier)) skip();
    size_t formats = 0;
    for (size_t i = 0; i < nap_format_count(); i++) {
        const nap_format *f = nap_format_at(i);
        if (!k->layout->accepts(f, 256)) continue;
        nap_rng r;
        nap_rng_seed(&r, 1000 + i);
        test_format(k, f, &r);
        formats++;
    }
    assert_true(formats > 0);
}

typedef struct threaded {
    const problem *p;
    nap_matmul_fn fn;
    uint8_t *scratch;
} threaded;

static void threaded_part(void *ctx, int part, int parts)
{
    const threaded *t = ctx;
    nap_matmul_args a = problem_args(t->p, &t->p->m, t->p->out.data);
    a.scratch = t->scratch + (size_t)part * NAP_MATMUL_SCRATCH;
    nap_split(t->p->rows, NAP_ROW_TILE, part, parts, &a.row_begin, &a.row_end);
    if (a.row_begin < a.row_end) t->fn(&a);
}

static void test_threads(void **state)
{
    (void)state;
    static const int counts[] = {1, 2, 3, 7};
    nap_rng r;
    nap_rng_seed(&r, 7);
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        nap_pool *pool = NULL;
        assert_int_equal(nap_pool_create(&pool, counts[c], NULL), NAP_OK);
        uint8_t *scratch = nap_alloc_aligned((size_t)counts[c] * NAP_MATMUL_SCRATCH);
        assert_non_null(scratch);
        for (size_t i = 0; i < nap_kernel_count(); i++) {
            const nap_kernel *k = nap_kernel_at(i);
            if (k->op != NAP_KOP_MATMUL || !nap_tier_available(k->tier)) continue;
            for (size_t n = 0; n < nap_format_count(); n++) {
                const nap_format *f = nap_format_at(n);
                if (!k->layout->accepts(f, 256)) continue;
                problem p;
                problem_init(&p, k, f, 101, 256, 10, FILL_RANDOM, &r);
                mark(&p, p.expected.data);
                run_ref(&p, 0, p.rows);
                threaded t = {&p, k->decode, scratch};
                mark(&p, p.out.data);
                nap_pool_run(pool, threaded_part, &t);
                expect_same(&p, k, "decode, threads");
                t.fn = k->prefill;
                mark(&p, p.out.data);
                nap_pool_run(pool, threaded_part, &t);
                expect_same(&p, k, "prefill, threads");
                problem_free(&p);
            }
        }
        nap_free(scratch);
        nap_pool_destroy(pool);
    }
}

/* Packing loses nothing: a row comes back as the very floats that the format decodes to. */
static void test_pack_row(void **state)
{
    (void)state;
    nap_rng r;
    nap_rng_seed(&r, 3);
    for (size_t i = 0; i < nap_format_count(); i++) {
        const nap_format *f = nap_format_at(i);
        const nap_kernel *k = nap_kernel_matmul(f, 512, NAP_TIER_REF);
        assert_non_null(k);
        problem p;
        problem_init(&p, k, f, 37, 512, 1, FILL_MIX, &r);
        guarded got = guarded_new(p.cols * sizeof(float), 4);
        guarded want = guarded_new(p.cols * sizeof(float), 4);
        for (size_t row = 0; row < p.rows; row++) {
            nap_matrix_row(&p.m, row, got.data);
            nap_format_decode(f, (const uint8_t *)p.source.data + row * p.row_bytes, p.cols,
                              want.data);
            if (memcmp(got.data, want.data, p.cols * sizeof(float)) != 0) {
                fail_msg("%s: row %zu differs after packing", f->name, row);
            }
        }
        guarded_free(&got);
        guarded_free(&want);
        problem_free(&p);
    }
}

/* Ref against float64: each float operation rounds once, so the error of n of them is below
 * n * 2^-24 of the sum of magnitudes. */
static void test_ref_exact(void **state)
{
    (void)state;
    nap_rng r;
    nap_rng_seed(&r, 5);
    for (size_t i = 0; i < nap_format_count(); i++) {
        const nap_format *f = nap_format_at(i);
        const nap_kernel *k = nap_kernel_matmul(f, 1024, NAP_TIER_REF);
        problem p;
        problem_init(&p, k, f, 19, 1024, 3, FILL_RANDOM, &r);
        run_ref(&p, 0, p.rows);
        float *w = nap_alloc(p.cols * sizeof(float));
        assert_non_null(w);
        for (size_t row = 0; row < p.rows; row++) {
            nap_format_decode(f, (const uint8_t *)p.source.data + row * p.row_bytes, p.cols, w);
            for (size_t t = 0; t < p.tokens; t++) {
                const void *act = (const char *)p.act.data + t * p.act_bytes;
                double sum = 0, magnitude = 0;
                for (size_t c = 0; c < p.cols; c++) {
                    double x;
                    if (k->act == NAP_ACT_F32) {
                        x = ((const float *)act)[c];
                    } else {
                        const nap_act_q8 v = nap_act_q8_view(act, p.cols);
                        x = (double)v.d[c / 32] * v.q[c];
                    }
                    sum += (double)w[c] * x;
                    magnitude += fabs((double)w[c] * x);
                }
                const double got = ((const float *)p.expected.data)[t * p.out_stride + row];
                /* Where minima cancel the codes, the parts are larger than their sum. */
                const double parts = f->has_min ? 40 : 2;
                if (!(fabs(got - sum) <= parts * 1024 * 0x1p-24 * magnitude + 1e-30)) {
                    fail_msg("%s: row %zu token %zu: %g, float64 says %g", f->name, row, t, got,
                             sum);
                }
            }
        }
        nap_free(w);
        problem_free(&p);
    }
}

static void test_init_refuses(void **state)
{
    (void)state;
    const nap_format *q4k = nap_format_by_name("Q4_K");
    nap_matrix m;
    nap_error e;
    assert_int_equal(nap_matrix_init(&m, q4k, 16, 576, NAP_TIER_REF, &e), NAP_ERR_UNSUPPORTED);
    assert_non_null(strstr(e.text, "Q4_K"));
    assert_non_null(strstr(e.text, "576"));
    assert_int_equal(nap_matrix_init(&m, q4k, SIZE_MAX / 2, (size_t)1 << 40, NAP_TIER_REF, &e),
                     NAP_ERR_UNSUPPORTED);
    for (size_t i = 0; i < nap_format_count(); i++) { /* every format has a home on every tier */
        for (int tier = 0; tier < NAP_TIER_COUNT; tier++) {
            if (!nap_tier_available((nap_tier)tier)) continue;
            const nap_kernel *k = nap_kernel_matmul(nap_format_at(i), 256, (nap_tier)tier);
            assert_non_null(k);
        }
    }
}

int main(void)
{
    enum { MAX_TESTS = 256 };
    static struct CMUnitTest tests[MAX_TESTS];
    size_t n = 0;
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_pack_row);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_ref_exact);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_init_refuses);
    for (size_t i = 0; i < nap_kernel_count() && n < MAX_TESTS - 1; i++) {
        const nap_kernel *k = nap_kernel_at(i);
        if (k->op != NAP_KOP_MATMUL || k->tier == NAP_TIER_REF) continue;
        tests[n++] = (struct CMUnitTest){k->name, test_row, NULL, NULL, (void *)k};
    }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_threads);
    return _cmocka_run_group_tests("matmul", tests, n, NULL, NULL);
}
