/* The array gives the CPU engine's results: for every block format of GGUF, array steps give the
 * integer sums of kernel.h's contract ("isum"), and with its float epilogue the bits of the
 * reference kernel. */
#include "cmocka_all.h"
#include "designs.h"

#include "base/alloc.h"
#include "base/half.h"
#include "base/rng.h"
#include "kernel/kernel.h"
#include "lutcore/array.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 64, COLS = 512, TOKENS = 2 };

/* How a format's codes reach an array. */
typedef struct mapping {
    nap_core core;
    unsigned bits;
    int zero;      /* Z of (C + (2^b - 1 - 2 Z) S) / 2 */
    bool wide;     /* the element table's values themselves, plus 128, in eight planes */
    bool straight; /* the steps' sum is isum itself */
} mapping;

typedef struct problem {
    const nap_format *f;
    uint8_t *source;
    size_t row_bytes;
    void *act;
    size_t act_bytes;
    float expected[TOKENS * ROWS];
} problem;

static float some_scale(nap_rng *r, bool power_of_two)
{
    if (power_of_two) return ldexpf(1, (int)nap_rng_below(r, 30) - 20);
    if (nap_rng_below(r, 16) == 0) return nap_rng_below(r, 2) ? -0.0f : 0x1p-24f;
    return (float)((int)nap_rng_below(r, 2047) - 1023) * 0x1p-14f; /* exact in binary16 */
}

/* Random blocks; ternary: codes 0, 1, 2 only. */
static void fill_blocks(problem *p, nap_rng *r, bool ternary)
{
    uint8_t *bytes = p->source;
    for (size_t n = 0; n < (size_t)ROWS * COLS / p->f->block; n++, bytes += p->f->block_bytes) {
        nap_block b;
        for (unsigned i = 0; i < p->f->block_bytes; i++) bytes[i] = (uint8_t)nap_rng_next(r);
        nap_format_split(p->f, bytes, &b);
        b.d = some_scale(r, strcmp(p->f->name, "MXFP4") == 0);
        b.dmin = p->f->has_min ? some_scale(r, false) : 0;
        for (unsigned i = 0; ternary && i < p->f->block; i++) b.code[i] %= 3;
        nap_format_join(p->f, &b, bytes);
    }
}

static void run_reference(problem *p)
{
    nap_matrix m;
    nap_error e;
    if (nap_matrix_init(&m, p->f, ROWS, COLS, NAP_TIER_REF, &e) != NAP_OK) fail_msg("%s", e.text);
    m.data = nap_alloc_aligned(m.bytes);
    void *const scratch = nap_alloc_aligned(NAP_MATMUL_SCRATCH);
    nap_matrix_pack(&m, 0, ROWS, p->source);
    const nap_matmul_args args = {.w = &m,
                                  .act = p->act,
                                  .act_stride = p->act_bytes,
                                  .tokens = TOKENS,
                                  .out = p->expected,
                                  .out_stride = ROWS,
                                  .row_end = ROWS,
                                  .scratch = scratch};
    m.kernel->decode(&args);
    nap_free(m.data);
    nap_free(scratch);
}

static void problem_init(problem *p, const nap_format *f, nap_rng *r, bool ternary)
{
    uint64_t row_bytes;
    nap_kernel_set set;
    float x[COLS];
    assert_true(nap_format_bytes(f, COLS, &row_bytes));
    *p = (problem){.f = f, .row_bytes = row_bytes, .act_bytes = nap_act_bytes(NAP_ACT_Q8, COLS)};
    p->source = malloc(ROWS * p->row_bytes);
    p->act = nap_alloc_aligned(TOKENS * p->act_bytes);
    assert_true(p->source && p->act);
    nap_kernel_set_init(&set, NAP_TIER_REF);
    for (size_t t = 0; t < TOKENS; t++) {
        for (size_t i = 0; i < COLS; i++) {
            x[i] = (float)(nap_rng_double(r) * 4 - 2);
            if (t == 1 && i / 32 % 3 == 0) x[i] = i % 2 ? 3 : -3; /* extremes, +-127 */
            if (t == 1 && i / 32 % 3 == 1) x[i] = 0;
        }
        set.prepare[NAP_ACT_Q8](x, COLS, (char *)p->act + t * p->act_bytes);
    }
    fill_blocks(p, r, ternary);
    run_reference(p);
}

static void problem_free(problem *p)
{
    free(p->source);
    nap_free(p->act);
}

/* ------------------------------------------------------------------ the array's sums */

static uint16_t code_of(const problem *p, const mapping *map, unsigned code)
{
    if (map->wide) return (uint16_t)(nap_format_elem(p->f, code) + 128);
    if (map->core.method == NAP_METHOD_MAC) return (uint16_t)(nap_format_elem(p->f, code) & 0xff);
    if (map->core.method == NAP_METHOD_ADD && map->bits > 1)
        return (uint16_t)(code ^ 1u << (map->bits - 1)); /* offset to two's complement */
    return (uint16_t)code;
}

/* isum of every row and token for the `count` elements from `first` on. */
static void group_sums(const problem *p, const mapping *map, const nap_block *blocks, size_t first,
                       unsigned count, int32_t isum[TOKENS * ROWS])
{
    const nap_core *const c = &map->core;
    const unsigned kd = nap_core_kdim(c);
    static uint16_t q[ROWS * 40], a[TOKENS * 40];
    uint8_t ai[256], ti[2048], wi[8192];
    uint32_t acc[TOKENS * ROWS] = {0};
    int32_t sum[TOKENS] = {0};
    for (unsigned done = 0; done < count; done += kd) {
        const unsigned valid = count - done < kd ? count - done : kd;
        for (unsigned k = 0; k < valid; k++) {
            const size_t at = first + done + k;
            for (size_t t = 0; t < TOKENS; t++)
                a[t * 40 + k] =
                    (uint8_t)nap_act_q8_view((char *)p->act + t * p->act_bytes, COLS).q[at];
            for (size_t n = 0; n < ROWS; n++)
                q[n * 40 + k] = code_of(p, map, blocks[n].code[at % p->f->block]);
        }
        nap_pack_a(c, a, 40, TOKENS, valid, NULL, ai);
        nap_pack_w(c, map->bits, q, 40, ROWS, valid, 0, wi);
        if (c->method == NAP_METHOD_LUT) {
            nap_precompute(c, ai, ti, sum);
            nap_array_step(c, map->bits, ti, wi, acc);
            continue;
        }
        for (size_t t = 0; t < TOKENS; t++)
            for (unsigned k = 0; k < valid; k++) sum[t] += (int8_t)a[t * 40 + k];
        nap_array_step(c, map->bits, ai, wi, acc);
    }
    for (size_t i = 0; i < TOKENS * ROWS; i++) {
        const int32_t row = sum[i / ROWS], v = (int32_t)acc[i];
        const int32_t offset = (1 << (map->bits - 1)) - map->zero; /* ADD: q = w + 2^(b-1) */
        isum[i] = map->straight ? v
                  : c->method == NAP_METHOD_ADD
                      ? v + offset * row
                      : (v + ((1 << map->bits) - 1 - 2 * map->zero) * row) / 2;
    }
}

static void blocks_at(const problem *p, size_t first, nap_block blocks[ROWS])
{
    for (size_t n = 0; n < ROWS; n++)
        nap_format_split(p->f,
                         p->source + n * p->row_bytes + first / p->f->block * p->f->block_bytes,
                         &blocks[n]);
}

/* kernel.h, nap_matmul_args, written out. */
static void expect_equal(const problem *p, const mapping *map)
{
    static nap_block blocks[ROWS];
    const unsigned group = p->f->group < 32 ? p->f->group : 32;
    float acc[TOKENS * ROWS] = {0};
    for (size_t first = 0; first < COLS; first += group) {
        int32_t isum[TOKENS * ROWS];
        if (first % p->f->block == 0) blocks_at(p, first, blocks);
        group_sums(p, map, blocks, first, group, isum);
        for (size_t i = 0; i < TOKENS * ROWS; i++) {
            const nap_block *const b = &blocks[i % ROWS];
            const unsigned g = (unsigned)(first % p->f->block / p->f->group);
            const nap_act_q8 x = nap_act_q8_view((char *)p->act + i / ROWS * p->act_bytes, COLS);
            int32_t plain = 0; /* the definition */
            for (unsigned k = 0; k < group; k++)
                plain += nap_format_elem(p->f, b->code[(first + k) % p->f->block]) * x.q[first + k];
            assert_int_equal(isum[i], plain);
            const size_t block = first / 32;
            const float scale = p->f->int_scales ? b->d * (float)b->sc[g] : b->d;
            acc[i] = fmaf((float)isum[i], scale * x.d[block], acc[i]);
            if (!p->f->has_min) continue;
            const float min = p->f->int_scales ? b->dmin * (float)b->mn[g] : b->dmin;
            const float s = group == 32 ? x.s[block] : x.d[block] * (float)x.sum[first / 16];
            acc[i] = fmaf(min, s, acc[i]);
        }
    }
    for (size_t i = 0; i < TOKENS * ROWS; i++)
        if (nap_f32_bits(acc[i]) != nap_f32_bits(p->expected[i]))
            fail_msg("%s on %s, row %zu: %a, expected %a", p->f->name,
                     nap_method_name(map->core.method), i % ROWS, (double)acc[i],
                     (double)p->expected[i]);
}

/* ------------------------------------------------------------------ tests */

static mapping map_by(const nap_format *f, nap_method method)
{
    const bool lut = method == NAP_METHOD_LUT || method == NAP_METHOD_LUT_CONV;
    mapping map = {.bits = f->bits, .zero = f->zero};
    map.wide = f->table && f->bits > 1;
    if (map.wide) map.bits = 8, map.zero = 128;
    if (method == NAP_METHOD_MAC) map.bits = 8, map.straight = true, map.wide = false;
    if (f->bits == 1) map.straight = true; /* -1 and +1 are what one plane means */
    map.core = design_int(method, TOKENS, ROWS, lut ? 4 : 1, lut ? 1 : 4, NAP_ACT_S8, map.bits,
                          NAP_ACC_S24);
    if (map.wide && method == NAP_METHOD_ADD) map.wide = false, map.bits = 0;
    return map;
}

static void every_block_format_equals_the_reference_kernel(void **state)
{
    (void)state;
    static const nap_method methods[] = {NAP_METHOD_LUT, NAP_METHOD_LUT_CONV, NAP_METHOD_ADD,
                                         NAP_METHOD_MAC};
    nap_rng r;
    nap_rng_seed(&r, 40);
    unsigned formats = 0;
    for (size_t i = 0; i < nap_format_count(); i++) {
        const nap_format *const f = nap_format_at(i);
        if (f->kind != NAP_FORMAT_BLOCK) continue;
        problem p;
        problem_init(&p, f, &r, false);
        for (unsigned k = 0; k < sizeof methods / sizeof *methods; k++) {
            const mapping map = map_by(f, methods[k]);
            if (map.bits > 0) expect_equal(&p, &map);
        }
        problem_free(&p);
        formats++;
    }
    assert_true(formats >= 17);
}

static void ternary_design_takes_ternary_formats(void **state)
{
    (void)state;
    nap_rng r;
    nap_rng_seed(&r, 41);
    const char *const names[] = {"TQ1_0", "TQ2_0", "Q2_0"};
    for (unsigned i = 0; i < 3; i++) {
        problem p;
        problem_init(&p, nap_format_by_name(names[i]), &r, true);
        mapping map = {.bits = 1, .straight = true};
        map.core = design_int(NAP_METHOD_LUT, TOKENS, ROWS, 3, 2, NAP_ACT_S8, 1, NAP_ACC_S24);
        map.core.wtype = NAP_W_TERNARY;
        expect_equal(&p, &map);
        problem_free(&p);
    }
}

/* MXFP4's element table is twice the value, and so is what an FP4 design sums. */
static void fp4_design_takes_mxfp4(void **state)
{
    (void)state;
    nap_rng r;
    nap_rng_seed(&r, 42);
    problem p;
    problem_init(&p, nap_format_by_name("MXFP4"), &r, false);
    mapping map = {.bits = 5, .zero = 16};
    map.core = design_int(NAP_METHOD_LUT, TOKENS, ROWS, 4, 2, NAP_ACT_S8, 5, NAP_ACC_S24);
    map.core.wtype = NAP_W_E2M1;
    expect_equal(&p, &map);
    problem_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_block_format_equals_the_reference_kernel),
        cmocka_unit_test(ternary_design_takes_ternary_formats),
        cmocka_unit_test(fp4_design_takes_mxfp4),
    };
    return cmocka_run_group_tests_name("lutcore/array_engine", tests, NULL, NULL);
}
