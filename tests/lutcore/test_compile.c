/* The compiler against the definition: random products on designs of every method with integer
 * sums, register-starved ones too. Each program passes the checker, gives the definition's bits on
 * the interpreter, and takes the cycles that were predicted. */
#include "cmocka_all.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "lutcore/compile.h"
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
static nap_status agree(const nap_core *c, const nap_lgemm *g, nap_error *e)
{
    nap_lcompiled x;
    const nap_status status = nap_lgemm_compile(g, c, &x, e);
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
    static const nap_method methods[] = {NAP_METHOD_LUT, NAP_METHOD_LUT_CONV, NAP_METHOD_UNPU,
                                         NAP_METHOD_ADD, NAP_METHOD_MAC,      NAP_METHOD_MAC_NATIVE,
                                         NAP_METHOD_LUT, NAP_METHOD_LUT};
    nap_core c = nap_core_default();
    c.method = methods[below(r, sizeof methods / sizeof *methods)];
    c.m = 1 + below(r, 4);
    c.n = 1 + below(r, 12);
    c.depth = 1 + below(r, 3);
    const bool tables = c.method <= NAP_METHOD_UNPU;
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

static void random_products(void **state)
{
    (void)state;
    nap_rng r;
    nap_rng_seed(&r, 20260);
    nap_error e = {0};
    unsigned ran = 0, refused = 0;
    for (unsigned i = 0; i < 1500; i++) {
        const nap_core c = random_core(&r);
        if (nap_core_check(&c, "random", &e) != NAP_OK) fail_msg("%s", e.text);
        const unsigned size = below(&r, 8) == 0 ? 100 : 24;
        problem p = {.g = {.m = 1 + below(&r, size), .n = 1 + below(&r, size)}};
        p.g.bits = 1 + below(&r, c.wbits);
        if (c.wtype == NAP_W_TERNARY) p.g.bits = 1 + below(&r, 2);
        p.g.pm1 = p.g.bits <= 2 && below(&r, 3) == 0;
        p.g.zero = below(&r, 2) == 0 ? (int)below(&r, 1u << p.g.bits) : (int)below(&r, 768) - 256;
        if (c.wtype == NAP_W_TERNARY && p.g.bits == 2) p.g.pm1 = true;
        if (c.wtype == NAP_W_TERNARY) p.g.zero = (int)below(&r, 2);
        if (below(&r, 3) == 0) {
            p.g.group = 1 + below(&r, 40);
            p.g.k = p.g.group * (1 + below(&r, 5));
        } else {
            p.g.k = 1 + below(&r, 2 * size);
        }
        fill(&p, &r);
        if (agree(&c, &p.g, &e) == NAP_OK)
            ran++;
        else
            refused++;
        release(&p);
    }
    print_message("%u products agree, %u refused\n", ran, refused);
    assert_true(ran > 1200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_products)};
    return cmocka_run_group_tests_name("compile", tests, NULL, NULL);
}
