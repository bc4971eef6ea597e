/* The compiler against the definition: random products on designs of every method with integer
 * sums, register-starved ones too. Each program passes the checker, gives the definition's bits on
 * the interpreter, and takes the cycles that were predicted. */
#include "cmocka_all.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "lutcore/compile_plan.h"
#include "lutcore/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct problem {
    nap_lgemm g;
    int8_t *a;
    uint8_t *w;
} problem;

static unsigned below(nap_rng *r, unsigned n)
{
    return (unsigned)(nap_rng_next(r) % n);
}

static void fill(problem *p, nap_rng *r)
{
    p->a = malloc(p->g.m * p->g.k);
    p->w = malloc(p->g.n * p->g.k);
    const unsigned codes = p->g.pm1 && p->g.bits == 2 ? 3 : 1u << p->g.bits;
    const unsigned extreme = below(r, 4);
    for (size_t i = 0; i < p->g.m * p->g.k; i++)
        p->a[i] = extreme == 0 ? -128 : (int8_t)(int)(nap_rng_next(r) & 0xff);
    for (size_t i = 0; i < p->g.n * p->g.k; i++)
        p->w[i] = (uint8_t)(extreme == 1 ? codes - 1 : below(r, codes));
    p->g.a = p->a;
    p->g.w = p->w;
}

static void release(problem *p)
{
    free(p->a);
    free(p->w);
}

static void show(const nap_core *c, const nap_lgemm *g, const char *what)
{
    fail_msg("%s: %s m %u n %u k %u depth %u wbits %u regs %u %u %u %u %u: M %zu N %zu K %zu bits "
             "%u zero %d pm1 %d group %zu",
             what, nap_method_name(c->method), c->m, c->n, c->k, c->depth, c->wbits, c->a_regs,
             c->t_regs, c->w_regs, c->c_regs, c->s_regs, g->m, g->n, g->k, g->bits, g->zero, g->pm1,
             g->group);
}

/* NAP_OK if it ran and agreed; else the compiler's refusal. */
static nap_status agree(const nap_core *c, const nap_lgemm *g, const nap_lwant *want_plan,
                        nap_error *e)
{
    nap_lcompiled x;
    const nap_status status = nap_lgemm_compile_as(g, c, want_plan, &x, e);
    if (status != NAP_OK) return status;
    const size_t count = g->m * g->n * (g->group > 0 ? g->k / g->group : 1);
    int32_t *want = malloc(count * 4), *got = malloc(count * 4);
    nap_lutstat stat;
    if (nap_program_check(&x.program, c, x.bytes, "compiled", e) != NAP_OK) show(c, g, e->text);
    if (nap_lmma_run(&x.program, c, x.memory, x.bytes, 0, &stat, e) != NAP_OK) show(c, g, e->text);
    nap_lgemm_ref(g, want);
    nap_lgemm_result(g, c, &x, x.memory, got);
    if (memcmp(want, got, count * 4) != 0) show(c, g, "results differ");
    if (stat.cycles != x.predicted_cycles) {
        char text[80];
        snprintf(text, sizeof text, "%llu cycles, predicted %llu", (unsigned long long)stat.cycles,
                 (unsigned long long)x.predicted_cycles);
        show(c, g, text);
    }
    free(want);
    free(got);
    nap_lcompiled_free(&x);
    return NAP_OK;
}

static nap_core random_core(nap_rng *r)
{
    static const nap_method methods[] = {
        NAP_METHOD_LUT,       NAP_METHOD_LUT_CONV,   NAP_METHOD_UNPU, NAP_METHOD_ADD,
        NAP_METHOD_MAC,       NAP_METHOD_MAC_NATIVE, NAP_METHOD_LUT,  NAP_METHOD_LUT,
        NAP_METHOD_UNPU_HALF, NAP_METHOD_UNPU_REMAP};
    nap_core c = nap_core_default();
    c.method = methods[below(r, sizeof methods / sizeof *methods)];
    c.m = 1 + below(r, 4);
    c.n = 1 + below(r, 12);
    c.depth = 1 + below(r, 3);
    const bool tables = c.method <= NAP_METHOD_UNPU || c.method >= NAP_METHOD_UNPU_HALF;
    c.k = tables ? 1 + below(r, 6) : 1;
    c.wbits = 1 + below(r, c.method == NAP_METHOD_MAC_NATIVE ? 4 : 8);
    if (c.method == NAP_METHOD_LUT && below(r, 5) == 0) {
        c.wtype = NAP_W_TERNARY;
        c.k = 3;
        c.wbits = 1;
    }
    c.act = below(r, 4) == 0 ? NAP_ACT_S16 : NAP_ACT_S8;
    c.acc = below(r, 4) == 0 ? NAP_ACC_S24 : NAP_ACC_S32;
    c.pipeline = 1 + below(r, 2);
    c.pre_units = 1 + below(r, c.m * c.depth);
    const unsigned most = below(r, 3) == 0 ? 2 : 20;
    c.a_regs = 1 + below(r, most);
    c.t_regs = 1 + below(r, most);
    c.w_regs = 1 + below(r, most);
    c.c_regs = 1 + below(r, most);
    c.s_regs = 1 + below(r, most);
    c.bus_bytes = 8u << below(r, 4);
    c.mem_latency = 1 + below(r, 12);
    return c;
}

static problem random_problem(nap_rng *r, const nap_core *c)
{
    const unsigned size = below(r, 8) == 0 ? 200 : 24;
    problem p = {.g = {.m = 1 + below(r, size), .n = 1 + below(r, size)}};
    p.g.bits = 1 + below(r, c->wbits);
    if (c->wtype == NAP_W_TERNARY) p.g.bits = 1 + below(r, 2);
    p.g.pm1 = p.g.bits <= 2 && below(r, 3) == 0;
    p.g.zero = below(r, 2) == 0 ? (int)below(r, 1u << p.g.bits) : (int)below(r, 768) - 256;
    if (c->wtype == NAP_W_TERNARY && p.g.bits == 2) p.g.pm1 = true;
    if (c->wtype == NAP_W_TERNARY) p.g.zero = (int)below(r, 2);
    if (below(r, 3) == 0) {
        p.g.group = 1 + below(r, 40);
        p.g.k = p.g.group * (1 + below(r, 5));
    } else {
        p.g.k = 1 + below(r, size);
    }
    fill(&p, r);
    return p;
}

static void random_products(void **state)
{
    (void)state;
    nap_rng r;
    nap_rng_seed(&r, 20260);
    nap_error e = {0};
    const nap_lwant any = {0};
    unsigned ran = 0, refused = 0;
    for (unsigned i = 0; i < 3000; i++) {
        const nap_core c = random_core(&r);
        if (nap_core_check(&c, "random", &e) != NAP_OK) fail_msg("%s", e.text);
        problem p = random_problem(&r, &c);
        if (agree(&c, &p.g, &any, &e) == NAP_OK)
            ran++;
        else
            refused++;
        release(&p);
    }
    print_message("%u products agree, %u refused\n", ran, refused);
    assert_true(ran > 2300);
}

/* A power of two up to 8 and to `most`. */
static unsigned power_within(nap_rng *r, size_t most)
{
    unsigned v = 1u << below(r, 4);
    while (v > most) v /= 2;
    return v;
}

/* Every kind of plan is right, not only the one that wins. */
static void every_plan(void **state)
{
    (void)state;
    nap_rng r;
    nap_rng_seed(&r, 11);
    nap_error e = {0};
    unsigned ran[5] = {0}, buffers[3] = {0};
    for (unsigned i = 0; i < 6000; i++) {
        nap_core c = random_core(&r);
        if (below(&r, 2) == 0) c.a_regs = c.t_regs = c.w_regs = c.c_regs = c.s_regs = 62;
        problem p = random_problem(&r, &c);
        const unsigned kd = nap_core_kdim(&c);
        const size_t k = p.g.group > 0 ? p.g.group : p.g.k;
        const nap_lwant want = {.tm = power_within(&r, (p.g.m + c.m - 1) / c.m),
                                .tn = power_within(&r, (p.g.n + c.n - 1) / c.n),
                                .l = power_within(&r, (k + kd - 1) / kd),
                                .buffers = 1 + below(&r, 2),
                                .overlap = 1 + below(&r, 2),
                                .source =
                                    1 + (c.method != NAP_METHOD_LUT ? NAP_LSRC_ACTS + below(&r, 2)
                                         : below(&r, 3) < 2         ? below(&r, 2)
                                                                    : (unsigned)NAP_LSRC_KEPT)};
        if (p.g.m * p.g.n * p.g.k < 40000 && agree(&c, &p.g, &want, &e) == NAP_OK) {
            ran[want.source]++;
            buffers[want.buffers]++;
        }
        release(&p);
    }
    print_message("plans: made %u, stored %u, loaded %u, kept %u; one buffer %u, two %u\n", ran[1],
                  ran[2], ran[3], ran[4], buffers[1], buffers[2]);
    for (unsigned s = 1; s <= 4; s++) assert_true(ran[s] > 100);
    assert_true(buffers[1] > 500 && buffers[2] > 500);
}

static void refuses(const nap_core *c, const nap_lgemm *g, nap_status code, const char *says)
{
    nap_lcompiled x;
    nap_error e = {0};
    if (nap_lgemm_compile(g, c, &x, &e) == NAP_OK) fail_msg("compiled, expected \"%s\"", says);
    assert_string_equal(e.text, says);
    assert_int_equal(e.code, code);
    assert_null(x.memory);
    assert_null(x.program.word);
}

static void refusals(void **state)
{
    (void)state;
    static int8_t a[4 * 300];
    static uint8_t w[4 * 300];
    nap_core c = nap_core_default();
    nap_lgemm g = {.m = 2, .n = 3, .k = 4, .bits = 2, .a = a, .w = w};
    memset(a, -128, sizeof a);
    w[7] = 4;
    refuses(&c, &g, NAP_ERR_ARGUMENT, "W: row 1, column 3: found code 4, expected 0 to 3");
    w[7] = 3;
    g.pm1 = true;
    refuses(&c, &g, NAP_ERR_ARGUMENT, "W: row 1, column 3: found code 3, expected 0 to 2");
    g.bits = 3;
    refuses(&c, &g, NAP_ERR_ARGUMENT,
            "product: bits: found 3, expected 1 (codes -1, +1) or 2 "
            "(ternary) with pm1");
    g.pm1 = false;
    g.m = 0;
    refuses(&c, &g, NAP_ERR_ARGUMENT, "product: shape: found 0, expected M, N and K of at least 1");
    g.m = 2;
    g.zero = 512;
    refuses(&c, &g, NAP_ERR_ARGUMENT, "product: zero: found 512, expected -256 to 511");
    g.zero = 0;
    g.group = 3;
    refuses(&c, &g, NAP_ERR_ARGUMENT, "product: group: found 3, expected a divisor of K");
    g.group = 0;
    g.bits = 5;
    refuses(&c, &g, NAP_ERR_UNSUPPORTED,
            "design lut_m2n64k4_s8 (method lut, wtype bits, wbits 4) cannot multiply codes of 5 "
            "bits: too many planes, expected at most its wbits");
    g.bits = 4;
    g.k = 300;
    c.acc = NAP_ACC_S16;
    refuses(&c, &g, NAP_ERR_LIMIT,
            "design lut_m2n64k4_s8: accumulator s16 holds sums up to 32767, but this product's can "
            "reach 576000; use a design with acc = s32");
    c.acc = NAP_ACC_S32;
    c.method = NAP_METHOD_UNPU_REMAP;
    refuses(&c, &g, NAP_ERR_UNSUPPORTED,
            "design lut_m2n64k4_s8 (method unpu_remap, wtype bits, wbits 4) cannot multiply codes "
            "of 4 bits: its sums are of 2q - (2^b - 1), and it has no sto");
    c.method = NAP_METHOD_MAC_NATIVE;
    c.k = 1;
    c.wbits = 2;
    refuses(&c, &g, NAP_ERR_UNSUPPORTED,
            "design lut_m2n64k4_s8 (method mac_native, wtype bits, wbits 2) cannot multiply codes "
            "of 4 bits: too many bits, expected at most its wbits");
    c.k = 4;
    c.wbits = 4;
    c.method = NAP_METHOD_LUT;
    c.acc = NAP_ACC_F32;
    c.act = NAP_ACT_F16;
    refuses(
        &c, &g, NAP_ERR_UNSUPPORTED,
        "design lut_m2n64k4_s8: found act f16, expected s8 or s16 for an exact integer product");
}

/* The widest sums that are accepted are still right. */
static void sums_at_the_limit(void **state)
{
    (void)state;
    nap_core c = nap_core_default();
    nap_error e = {0};
    const nap_lwant any = {0};
    const size_t k = 32767 / (128 * 15);
    int8_t *a = malloc(k);
    uint8_t *w = malloc(k);
    memset(a, -128, k);
    memset(w, 15, k);
    c.acc = NAP_ACC_S16;
    const nap_lgemm g = {.m = 1, .n = 1, .k = k, .bits = 4, .a = a, .w = w};
    if (agree(&c, &g, &any, &e) != NAP_OK) fail_msg("%s", e.text);
    free(a);
    free(w);
}

/* Any allocation may fail: an error, and nothing lost. */
static void out_of_memory(void **state)
{
    (void)state;
    static const int8_t a[6] = {1, 2, 3, 4, 5, 6};
    static const uint8_t w[6] = {0, 1, 2, 3, 1, 2};
    const nap_lgemm g = {.m = 2, .n = 2, .k = 3, .bits = 2, .a = a, .w = w};
    const nap_core c = nap_core_default();
    for (long n = 0; n < 10000; n++) {
        nap_lcompiled x;
        nap_error e;
        nap_alloc_fail_at(n, true);
        const nap_status status = nap_lgemm_compile(&g, &c, &x, &e);
        nap_alloc_fail_at(-1, false);
        if (status == NAP_OK) {
            nap_lcompiled_free(&x);
            assert_true(n > 3);
            return;
        }
        assert_int_equal(status, NAP_ERR_MEMORY);
        assert_null(x.memory);
    }
    fail_msg("never enough memory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_products), cmocka_unit_test(every_plan),
        cmocka_unit_test(refusals),        cmocka_unit_test(sums_at_the_limit),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests_name("compile", tests, NULL, NULL);
}
