/* Products on one core by every clock there is: closed form, roofline of the compiled program, the
 * compiler's prediction, the core model, the interpreter, the Verilog. */
#ifndef NAP_TESTS_RTL_SIM_RTL_H
#define NAP_TESTS_RTL_SIM_RTL_H

#include "cmocka_all.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/process.h"
#include "lutcore/array.h"
#include "lutcore/compile.h"
#include "lutcore/config.h"
#include "lutcore/sim.h"
#include "rtl/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *source_file(const char *rest)
{
    static char path[4096];
    const char *root = getenv("NAPIER_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/%s", root != NULL ? root : ".", rest);
    return path;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

typedef struct product {
    unsigned m, n, k, bits;
} product;

/* Operands do not change the clock, but wrong results would hide behind zeros. */
static void fill(int8_t *a, size_t na, uint8_t *w, size_t nw, unsigned bits)
{
    for (size_t i = 0; i < na; i++) a[i] = (int8_t)(i * 37 + i / 7);
    for (size_t i = 0; i < nw; i++) w[i] = (uint8_t)((i * 11 + i / 5) & ((1u << bits) - 1));
}

static void product_row(const nap_core *c, const char *config, const product *x, nap_buf *csv)
{
    const size_t na = (size_t)x->m * x->k, nw = (size_t)x->n * x->k;
    int8_t *a = malloc(na);
    uint8_t *w = malloc(nw);
    assert_true(a != NULL && w != NULL);
    fill(a, na, w, nw, x->bits);
    const nap_lgemm g = {
        .m = x->m, .n = x->n, .k = x->k, .bits = x->bits, .zero = 1, .a = a, .w = w};
    nap_lcompiled p;
    nap_lutstat model, interp, rtl;
    nap_error e = {0};
    if (nap_lgemm_compile(&g, c, &p, &e) != NAP_OK) fail_msg("%s", e.text);
    uint8_t *memory = malloc(p.bytes);
    assert_non_null(memory);
    memcpy(memory, p.memory, p.bytes);
    if (nap_sim_core(&p.program, c, 0, &model, &e) != NAP_OK ||
        nap_lmma_run(&p.program, c, p.memory, p.bytes, 0, &interp, &e) != NAP_OK ||
        nap_rtl_run(c, NAP_RTL_VERILATOR, &p.program, memory, p.bytes, 10 * interp.cycles, NULL,
                    NULL, &rtl, &e) != NAP_OK)
        fail_msg("%s: %s", config, e.text);
    assert_memory_equal(memory, p.memory, p.bytes);
    const uint64_t kd = nap_core_kdim(c), planes = nap_core_planes(c, x->bits);
    const uint64_t steps =
        (uint64_t)((x->m + c->m - 1) / c->m) * ((x->n + c->n - 1) / c->n) * ((x->k + kd - 1) / kd);
    const uint64_t weights = (nw * x->bits + 7) / 8, outputs = 4 * (uint64_t)x->m * x->n;
    const uint64_t closed = larger(steps * planes, (na + weights + outputs) / c->bus_bytes);
    const uint64_t tile =
        larger(closed, larger(model.busy_mma, larger(model.busy_mem, model.busy_pre)));
    nap_buf_printf(csv, "%s,%u,%u,%u,%u,%llu,%llu,%llu,%llu,%llu,%llu\n", config, x->m, x->n, x->k,
                   x->bits, (unsigned long long)closed, (unsigned long long)tile,
                   (unsigned long long)p.predicted_cycles, (unsigned long long)model.cycles,
                   (unsigned long long)interp.cycles, (unsigned long long)rtl.cycles);
    assert_true(closed <= tile && tile <= model.cycles);
    assert_int_equal(p.predicted_cycles, rtl.cycles);
    assert_int_equal(model.cycles, rtl.cycles);
    assert_int_equal(interp.cycles, rtl.cycles);
    free(memory);
    nap_lcompiled_free(&p);
    free(w);
    free(a);
}

static const char core_header[] =
    "core,m,n,k,bits,closed_cycles,tile_cycles,compiler_cycles,cycle_cycles,interpreter_cycles,"
    "rtl_cycles\n";

static void product_rows(const char *config, const product *x, size_t count, nap_buf *csv)
{
    nap_core c;
    nap_error e = {0};
    char name[160];
    snprintf(name, sizeof name, "configs/%s.cfg", config);
    if (nap_core_load(source_file(name), &c, &e) != NAP_OK) fail_msg("%s", e.text);
    for (size_t i = 0; i < count; i++) product_row(&c, config, &x[i], csv);
}

static bool have_verilator(void)
{
    if (nap_process_exists("verilator")) return true;
    print_message("SKIPPED: verilator is not installed\n");
    return false;
}

#endif
