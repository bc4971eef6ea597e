/* The simulators: invariants on random machines and layers, determinism, monotonicity, bad
 * machines, and the core model against the interpreter, cycle for cycle. */
#include "cmocka_all.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "lutcore/compile.h"
#include "lutcore/sim.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t seed = 0x5117;

static uint64_t any(uint64_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (seed >> 33) % below;
}

static unsigned one_of(const unsigned *v, size_t n)
{
    return v[any(n)];
}
#define PICK(...)                                                                                  \
    one_of((const unsigned[]){__VA_ARGS__}, sizeof((const unsigned[]){__VA_ARGS__}) / 4)

static nap_machine any_machine(void)
{
    nap_machine m = nap_machine_default();
    m.sms = PICK(1, 2, 7, 82, 108, 132);
    m.cores_per_sm = PICK(1, 2, 4);
    m.core_macs = PICK(64, 256, 1024);
    m.lut = any(2) == 1;
    m.act_bits = m.lut ? 8 : PICK(8, 16);
    m.wbits = m.lut ? PICK(1, 2, 4) : m.act_bits;
    m.array_scale = PICK(1, 2, 4, 8);
    m.regs_scale = PICK(1, 2, 4, 8);
    m.smem_kib = PICK(64, 100, 164, 228);
    m.l2_mib = PICK(1, 6, 40);
    m.dram_gbs = PICK(50, 936, 1555, 3350);
    m.l2_latency = PICK(0, 187, 500);
    m.dram_latency = m.l2_latency + PICK(0, 200, 1000);
    m.mma_efficiency = any(2) == 1 ? 1 : 0.85;
    m.launch_us = any(2) == 1 ? 0 : 1.5;
    return m;
}

static nap_layer any_layer(const nap_machine *m)
{
    nap_layer l = {.name = "any", .batch = 1, .count = 1 + any(3), .inputs = (unsigned)any(3)};
    l.kind = (nap_lkind)any(3);
    l.m = 1 + any(any(2) == 1 ? 20 : 1500);
    l.n = 1 + any(any(2) == 1 ? 100 : 3000);
    l.k = 1 + any(l.kind == NAP_LAYER_ELEMENT ? 20 : 2000);
    l.wbits = l.kind == NAP_LAYER_MPGEMM ? (m->lut ? PICK(1, 2, 3, 4, 8, 16) : m->wbits) : 16;
    l.act_bits = l.kind == NAP_LAYER_MPGEMM ? m->act_bits : 16;
    if (l.kind == NAP_LAYER_GEMM) l.batch = 1 + any(40);
    l.fuses = any(2) == 1;
    return l;
}

/* The simulators assert their own invariants; a breach is an error here. */
static void bounds_hold_on_random_work(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 400; i++) {
        const nap_machine m = any_machine();
        const nap_layer l = any_layer(&m);
        const nap_precompute_mode pre = (nap_precompute_mode)any(3);
        nap_simrow t, c;
        nap_error e = {0};
        const nap_status a = nap_sim_tile_layer(&m, &l, pre, NULL, &t, &e);
        if (a != NAP_OK) fail_msg("%u: %s", i, e.text);
        const nap_status b = nap_sim_cycle_layer(&m, &l, pre, NULL, &c, &e);
        if (b != NAP_OK) fail_msg("%u: %s", i, e.text);
        assert_true(nap_sim_closed(&m, &l) <= t.cycles * (1 + 1e-9));
        assert_true(t.cycles <= c.cycles * (1 + 1e-9));
        assert_memory_equal(&t.plan, &c.plan, sizeof t.plan);
        assert_true(t.energy_j > 0 && t.mapping > 0 && t.mapping <= 1);
        assert_true(c.stall_cycles >= 0);
    }
}

static void compare_runs(const nap_machine *m, bool detail)
{
    nap_layers l;
    nap_simout o[2];
    nap_buf text[2] = {{0}, {0}};
    nap_error e;
    assert_int_equal(nap_shape_layers(nap_shape_find("bitnet-3b"), 4, 64, false, 2, 8, &l, &e),
                     NAP_OK);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal((detail ? nap_sim_cycle : nap_sim_tile)(m, &l, NAP_PRE_FUSED, &o[i], &e),
                         NAP_OK);
        assert_true(nap_simout_csv(&o[i], &text[i]));
    }
    assert_string_equal(text[0].data, text[1].data);
    double cycles = 0, energy = 0;
    for (size_t i = 0; i < o->rows; i++) {
        cycles += o->row[i].cycles * (double)o->row[i].count;
        energy += o->row[i].energy_j * (double)o->row[i].count;
    }
    assert_true(fabs(cycles - o->cycles) <= 1e-9 * cycles);
    assert_true(fabs(energy - o->energy_j) <= 1e-9 * energy);
    assert_true(o->detail == detail);
    for (unsigned i = 0; i < 2; i++) {
        nap_simout_free(&o[i]);
        nap_buf_free(&text[i]);
    }
    nap_layers_free(&l);
}

static void runs_repeat_to_the_byte(void **state)
{
    (void)state;
    nap_machine m = nap_machine_default();
    m.lut = true;
    m.wbits = 2;
    m.act_bits = 8;
    compare_runs(&m, false);
    compare_runs(&m, true);
}

static double tile_cycles(const nap_machine *m, const nap_layer *l)
{
    nap_simrow r;
    nap_error e = {0};
    if (nap_sim_tile_layer(m, l, NAP_PRE_FUSED, NULL, &r, &e) != NAP_OK) fail_msg("%s", e.text);
    return r.cycles;
}

static void expect_no_slower(const nap_machine *less, const nap_machine *more, const nap_layer *l,
                             const char *what)
{
    const double a = tile_cycles(less, l), b = tile_cycles(more, l);
    if (b > a * (1 + 1e-9)) fail_msg("more %s: %.1f cycles, were %.1f", what, b, a);
}

/* More of anything is never slower: the search may always keep its plan. */
static void more_is_never_slower(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 60; i++) {
        const nap_machine m = any_machine();
        nap_layer l = any_layer(&m);
        l.kind = NAP_LAYER_MPGEMM;
        nap_machine x = m;
        x.dram_gbs *= 2;
        expect_no_slower(&m, &x, &l, "DRAM bandwidth");
        x = m;
        x.l2_bytes_per_cycle *= 2, x.l2_total_per_cycle *= 2;
        expect_no_slower(&m, &x, &l, "L2 bandwidth");
        x = m;
        x.smem_bytes_per_cycle *= 2;
        expect_no_slower(&m, &x, &l, "shared memory bandwidth");
        x = m;
        x.reg_bytes_per_cycle *= 2;
        expect_no_slower(&m, &x, &l, "register bandwidth");
        x = m;
        x.regs_scale *= 2;
        expect_no_slower(&m, &x, &l, "registers");
        x = m;
        x.smem_kib *= 2;
        expect_no_slower(&m, &x, &l, "shared memory");
        x = m;
        x.l2_mib *= 2;
        expect_no_slower(&m, &x, &l, "L2");
        x = m;
        x.array_scale *= 2;
        expect_no_slower(&m, &x, &l, "arrays");
    }
}

/* The cycle simulator plays queues, in which more speed can reorder requests: with the plan held,
 * more bandwidth costs no more than that, five per cent. */
static void more_bandwidth_by_cycles(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 60; i++) {
        const nap_machine m = any_machine();
        nap_layer l = any_layer(&m);
        l.kind = NAP_LAYER_MPGEMM;
        nap_simrow plan, a, b;
        nap_error e = {0};
        nap_machine x = m;
        x.dram_gbs *= 2;
        x.smem_bytes_per_cycle *= 2;
        assert_int_equal(nap_sim_tile_layer(&m, &l, NAP_PRE_FUSED, NULL, &plan, &e), NAP_OK);
        assert_int_equal(nap_sim_cycle_layer(&m, &l, NAP_PRE_FUSED, &plan.plan, &a, &e), NAP_OK);
        assert_int_equal(nap_sim_cycle_layer(&x, &l, NAP_PRE_FUSED, &plan.plan, &b, &e), NAP_OK);
        if (b.cycles > 1.05 * a.cycles) fail_msg("%.0f cycles, were %.0f", b.cycles, a.cycles);
    }
}

/* At one weight bit more the LUT array takes a plane more; tables are charged where asked. */
static void bits_and_precompute_cost(void **state)
{
    (void)state;
    nap_machine m = nap_machine_default();
    m.lut = true;
    m.wbits = 2;
    m.act_bits = 8;
    nap_layer l = {.name = "l",
                   .m = 4096,
                   .n = 8192,
                   .k = 8192,
                   .act_bits = 8,
                   .batch = 1,
                   .count = 1,
                   .fuses = true};
    double before = 0;
    for (l.wbits = 1; l.wbits <= 8; l.wbits++) {
        const double now = tile_cycles(&m, &l);
        if (l.wbits > 1) {
            const double ratio = now / before, planes = l.wbits / (l.wbits - 1.0);
            assert_true(fabs(ratio / planes - 1) < 0.1);
        }
        before = now;
    }
    l.wbits = 2;
    nap_layers layers = {.v = &l, .count = 1};
    double ms[3];
    size_t rows[3];
    for (unsigned pre = 0; pre < 3; pre++) {
        nap_simout o;
        nap_error e;
        assert_int_equal(nap_sim_tile(&m, &layers, (nap_precompute_mode)pre, &o, &e), NAP_OK);
        ms[pre] = o.ms;
        rows[pre] = o.rows;
        nap_simout_free(&o);
    }
    assert_true(ms[NAP_PRE_NONE] < ms[NAP_PRE_FUSED] && ms[NAP_PRE_FUSED] < ms[NAP_PRE_SEPARATE]);
    assert_true(rows[0] == 1 && rows[1] == 2 && rows[2] == 2);
}

/* Arrays beyond what the registers' ports feed are no faster. */
static void registers_feed_the_arrays(void **state)
{
    (void)state;
    nap_machine m = nap_machine_default();
    m.lut = true;
    m.wbits = 2;
    m.act_bits = 8;
    m.smem_bytes_per_cycle = 4096;
    m.l2_bytes_per_cycle = m.l2_total_per_cycle = m.dram_gbs = 1e6;
    const nap_layer l = {.name = "l",
                         .m = 4096,
                         .n = 8192,
                         .k = 8192,
                         .wbits = 2,
                         .act_bits = 8,
                         .batch = 1,
                         .count = 1,
                         .fuses = true};
    m.array_scale = 8;
    const double eight = tile_cycles(&m, &l);
    m.array_scale = 32;
    const double more = tile_cycles(&m, &l);
    m.reg_bytes_per_cycle *= 4;
    const double fed = tile_cycles(&m, &l);
    assert_true(more > 0.8 * eight && fed < 0.5 * more);
}

static void plans_must_fit(void **state)
{
    (void)state;
    nap_machine m = nap_machine_default();
    const nap_layer l = {.name = "gemm",
                         .m = 256,
                         .n = 256,
                         .k = 256,
                         .wbits = 16,
                         .act_bits = 16,
                         .batch = 1,
                         .count = 1};
    static const struct {
        nap_tileplan p;
        const char *says;
    } bad[] = {
        {{128, 128, 32, 64, 64, 1, 1}, "stages"},
        {{100, 128, 32, 64, 64, 2, 1}, "multiples"},
        {{512, 512, 32, 128, 128, 2, 1}, "register bytes"},
        {{128, 128, 512, 64, 64, 4, 1}, "shared memory bytes"},
        {{1024, 1024, 32, 16, 16, 2, 1}, "warps"},
        {{128, 128, 32, 64, 64, 2, 17}, "register bytes"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        nap_simrow r;
        nap_error e = {0};
        assert_int_equal(nap_sim_tile_layer(&m, &l, NAP_PRE_NONE, &bad[i].p, &r, &e),
                         NAP_ERR_ARGUMENT);
        if (strstr(e.text, bad[i].says) == NULL || strstr(e.text, "gemm") == NULL)
            fail_msg("case %zu: %s", i, e.text);
    }
    m.regs_kib = 1;
    nap_simrow r;
    nap_error e = {0};
    assert_int_equal(nap_sim_tile_layer(&m, &l, NAP_PRE_NONE, NULL, &r, &e), NAP_ERR_ARGUMENT);
    assert_non_null(strstr(e.text, "no tile fits"));
}

static nap_status read_machine(const char *text, nap_machine *m, nap_error *e)
{
    nap_config c;
    nap_status s = nap_config_parse(text, strlen(text), "m.cfg", &c, e);
    if (s != NAP_OK) return s;
    s = nap_machine_read(&c, m, e);
    nap_config_free(&c);
    return s;
}

/* All that a machine has to state, cores aside, a line each. */
#define STATED                                                                                     \
    "[machine]\nsms = 108\ncores_per_sm = 4\nclock_ghz = 1.41\ncore_macs = 256\ngemm_macs = 256\n" \
    "act_bits = 16\nwbits = 16\nregs_kib = 256\nsmem_kib = 164\nl2_mib = 40\n"                     \
    "smem_bytes_per_cycle = 128\nl2_bytes_per_cycle = 64\nl2_total_per_cycle = 5120\n"             \
    "dram_gbs = 1555\n"

static void bad_machines_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says[3];
    } bad[] = {
        {"[core]\nm = 2\n", {"m.cfg", "[machine]"}},
        {"[machine]\nsms = 0\n", {"m.cfg:2", "sms", "'0'"}},
        {"[machine]\nclock_ghz = fast\n", {"m.cfg:2", "clock_ghz", "'fast'"}},
        {"[machine]\ncores = tpu\n", {"cores", "'tpu'", "lut"}},
        {"[machine]\nsrc_mac = guessed\n", {"src_mac", "'guessed'", "assumed"}},
        {"[machine]\nwarp_size = 32\n", {"m.cfg:2", "warp_size", "configs/a100.cfg"}},
        {STATED "cores = lut\n", {"m.cfg:8: [machine] wbits", "found 16", "1 to 8"}},
        {STATED "cores = mac\ndram_latency = 10\n",
         {"m.cfg:17: [machine] dram_latency", "found 10", "at least l2_latency"}},
        {STATED "cores = mac\nl2_latency = 9999\n",
         {"[machine] dram_latency (left out: the default)", "found 400"}},
        {"[machine]\nl2_bytes_per_cycle = 64\nl2_total_per_cycle = 8\nsms = 1\ncores_per_sm = 1\n"
         "clock_ghz = 1\ncores = mac\ncore_macs = 1\ngemm_macs = 1\nact_bits = 8\nwbits = 8\n"
         "regs_kib = 1\nsmem_kib = 1\nl2_mib = 1\nsmem_bytes_per_cycle = 1\ndram_gbs = 1\n",
         {"m.cfg:3: [machine] l2_total_per_cycle", "found 8", "at least l2_bytes_per_cycle"}},
        {STATED, {"m.cfg: [machine] cores: found none", "mac or lut", "no default"}},
        {"[machine]\nmma_efficiency = 1.5\n", {"mma_efficiency", "'1.5'"}},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        nap_machine m;
        nap_error e = {0};
        const nap_status s = read_machine(bad[i].text, &m, &e);
        if (s != NAP_ERR_FORMAT) fail_msg("case %zu: %s %s", i, nap_status_name(s), e.text);
        for (unsigned w = 0; w < 3 && bad[i].says[w] != NULL; w++)
            if (strstr(e.text, bad[i].says[w]) == NULL)
                fail_msg("case %zu: '%s' is not in: %s", i, bad[i].says[w], e.text);
    }
}

/* Without any of the lines that say what the machine is, it is none; with them it is one. */
static void machines_state_themselves(void **state)
{
    (void)state;
    static const char all[] = STATED "cores = mac\n";
    const char *first = strchr(all, '\n') + 1;
    nap_machine m;
    nap_error e = {0};
    if (read_machine(all, &m, &e) != NAP_OK) fail_msg("%s", e.text);
    for (const char *at = first; *at != '\0'; at = strchr(at, '\n') + 1) {
        char text[sizeof all], key[64];
        const char *next = strchr(at, '\n') + 1;
        snprintf(text, sizeof text, "%.*s%s", (int)(at - all), all, next);
        snprintf(key, sizeof key, "[machine] %.*s: found none, expected ", (int)strcspn(at, " "),
                 at);
        if (read_machine(text, &m, &e) != NAP_ERR_FORMAT) fail_msg("accepted without %s", key);
        if (strstr(e.text, key) == NULL) fail_msg("'%s' is not in: %s", key, e.text);
    }
}

static const char *config(const char *name)
{
    static char path[4096];
    const char *root = getenv("NAPIER_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/configs/%s.cfg", root != NULL ? root : ".", name);
    return path;
}

/* The defaults are configs/a100.cfg; the others load and differ where their names say. */
static void shipped_machines_load(void **state)
{
    (void)state;
    static const char *const names[] = {"a100-int8",   "a100-lut-1x",    "a100-lut-2x",
                                        "a100-lut-4x", "a100-lut-8x",    "a100-lut-4x-w1",
                                        "rtx3090",     "rtx3090-lut-4x", "h100",
                                        "h100-lut-4x", "h100-lut-8x"};
    nap_machine m;
    const nap_machine standard = nap_machine_default();
    nap_error e = {0};
    if (nap_machine_load(config("a100"), &m, &e) != NAP_OK) fail_msg("%s", e.text);
    assert_memory_equal(&m, &standard, sizeof m);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (nap_machine_load(config(names[i]), &m, &e) != NAP_OK) fail_msg("%s", e.text);
        assert_int_equal(m.lut, strstr(names[i], "lut") != NULL);
        const char *x = strstr(names[i], "lut-");
        if (x != NULL) assert_int_equal(m.array_scale, x[4] - '0');
        assert_true(m.lut ? nap_machine_extra_regs_mm2(&m) > 0 : m.regs_scale == 1);
    }
}

/* ---- the core model */

static void same_clock(const nap_lutstat *a, const nap_lutstat *b, const char *what)
{
    const uint64_t *x = (const uint64_t *)a, *y = (const uint64_t *)b;
    for (size_t i = 0; i < sizeof *a / sizeof *x; i++)
        if (x[i] != y[i])
            fail_msg("%s: statistic %zu: core model %llu, interpreter %llu", what, i,
                     (unsigned long long)x[i], (unsigned long long)y[i]);
}

static void both_clocks(const nap_program *p, const nap_core *c, uint8_t *memory, size_t bytes,
                        const char *what, nap_lutstat *out)
{
    nap_lutstat model, interp;
    nap_error e = {0};
    if (nap_sim_core(p, c, 0, &model, &e) != NAP_OK) fail_msg("%s: %s", what, e.text);
    if (nap_lmma_run(p, c, memory, bytes, 0, &interp, &e) != NAP_OK)
        fail_msg("%s: %s", what, e.text);
    same_clock(&model, &interp, what);
    *out = model;
}

/* Every instruction alone, twice, and before a wait, zero and halt: with each pipeline depth. */
static void single_instructions_agree(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "nop",
        "mov x1, 64",
        "add x2, x1, 8",
        "lda a0, [x0 + 0]",
        "ldt t0, [x0 + 64]",
        "ldw.w2 w0, [x0 + 0]",
        "ldw.w4 w1, [x0 + 0]",
        "ldc c0, [x0 + 0]",
        "lds s0, [x0 + 0]",
        "stt [x0 + 0], t0",
        "stc [x0 + 0], c0",
        "sts [x0 + 0], s0",
        "sto.w2 [x0 + 0], c0, s0, 1",
        "zero c0",
        "zero s0",
        "pre t0, a0, s0",
        "lmma.m2n64k4.s8.w1.s32.s32 c0, t0, w0, zero",
        "lmma.m2n64k4.s8.w4.s32.s32 c0, t0, w0, c0",
        "lmma.m2x2n64k4x2.s8.w2.s32.s32 c0, t0, w0, c0",
        "wait mem+mma",
    };
    enum { LINES = sizeof lines / sizeof *lines, MEMORY = 4096 };
    static uint8_t memory[MEMORY];
    for (unsigned pipeline = 1; pipeline <= 2; pipeline++)
        for (unsigned i = 0; i < LINES; i++)
            for (unsigned j = 0; j < LINES; j++) {
                nap_core c = nap_core_default();
                nap_program p;
                nap_error e = {0};
                nap_lutstat s;
                char text[512];
                c.pipeline = pipeline;
                snprintf(text, sizeof text, "%s\n%s\nloop 3\n%s\nend\nhalt\n", lines[i], lines[j],
                         lines[i]);
                if (nap_lmma_assemble(text, strlen(text), "t", &p, &e) != NAP_OK)
                    fail_msg("%s", e.text);
                both_clocks(&p, &c, memory, sizeof memory, text, &s);
                nap_program_free(&p);
            }
}

static nap_core core_of(unsigned kind)
{
    nap_core c = nap_core_default();
    switch (kind) {
    case 1:
        c.pipeline = 3 - c.pipeline;
        c.pre_units = 1;
        break;
    case 2:
        c.m = 4, c.n = 16, c.bus_bytes = 8, c.mem_latency = 31;
        break;
    case 3:
        c.depth = 2, c.n = 32;
        break;
    case 4:
        c.method = NAP_METHOD_MAC_NATIVE, c.m = 8, c.n = 4, c.k = 1, c.depth = 16, c.wbits = 2;
        break;
    default:
        break;
    }
    return c;
}

/* Compiled products: core model, interpreter and the compiler's prediction are one number, and no
 * less than work over peak. */
static void compiled_products_agree(void **state)
{
    (void)state;
    static const unsigned shapes[][3] = {{1, 1, 1},    {2, 64, 4},    {3, 65, 5},
                                         {5, 200, 33}, {16, 128, 64}, {7, 130, 257}};
    for (unsigned kind = 0; kind < 5; kind++)
        for (unsigned i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            const unsigned m = shapes[i][0], n = shapes[i][1], k = shapes[i][2];
            const nap_core c = core_of(kind);
            int8_t *a = calloc((size_t)m * k, 1);
            uint8_t *w = calloc((size_t)n * k, 1);
            assert_true(a != NULL && w != NULL);
            const nap_lgemm g = {.m = m, .n = n, .k = k, .bits = 2, .zero = 1, .a = a, .w = w};
            nap_lcompiled x;
            nap_lutstat s;
            nap_error e = {0};
            char what[96];
            snprintf(what, sizeof what, "core %u, %ux%ux%u", kind, m, n, k);
            if (nap_lgemm_compile(&g, &c, &x, &e) != NAP_OK) fail_msg("%s: %s", what, e.text);
            both_clocks(&x.program, &c, x.memory, x.bytes, what, &s);
            assert_int_equal(s.cycles, x.predicted_cycles);
            const uint64_t planes = c.method == NAP_METHOD_LUT ? 2 : 1;
            assert_true(s.cycles >= s.steps * planes);
            assert_true(s.macs >= (uint64_t)m * n * k);
            nap_lcompiled_free(&x);
            free(w);
            free(a);
        }
}

static void endless_programs_end(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        nap_status status;
    } bad[] = {{"loop 4000000000\nnop\nend\nhalt\n", NAP_ERR_LIMIT}, {"nop\n", NAP_ERR_ARGUMENT}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const nap_core c = nap_core_default();
        nap_program p;
        nap_lutstat s;
        nap_error e = {0};
        assert_int_equal(nap_lmma_assemble(bad[i].text, strlen(bad[i].text), "t", &p, &e), NAP_OK);
        assert_int_equal(nap_sim_core(&p, &c, 1000, &s, &e), bad[i].status);
        nap_program_free(&p);
    }
}

static void no_memory_is_no_crash(void **state)
{
    (void)state;
    nap_machine m = nap_machine_default();
    nap_layer l[2] = {{.name = "a",
                       .m = 64,
                       .n = 64,
                       .k = 64,
                       .wbits = 16,
                       .act_bits = 16,
                       .batch = 1,
                       .count = 1,
                       .fuses = true}};
    l[1] = l[0];
    nap_layers layers = {.v = l, .count = 2};
    for (long n = 0;; n++) {
        nap_simout o;
        nap_error e = {0};
        nap_alloc_fail_at(n, false);
        const nap_status s = nap_sim_cycle(&m, &layers, NAP_PRE_SEPARATE, &o, &e);
        nap_alloc_fail_at(-1, false);
        if (s == NAP_OK) {
            nap_simout_free(&o);
            assert_true(n > 8);
            return;
        }
        assert_int_equal(s, NAP_ERR_MEMORY);
        assert_null(o.row);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_hold_on_random_work), cmocka_unit_test(runs_repeat_to_the_byte),
        cmocka_unit_test(more_is_never_slower),       cmocka_unit_test(more_bandwidth_by_cycles),
        cmocka_unit_test(bits_and_precompute_cost),   cmocka_unit_test(plans_must_fit),
        cmocka_unit_test(registers_feed_the_arrays),  cmocka_unit_test(bad_machines_are_refused),
        cmocka_unit_test(machines_state_themselves),  cmocka_unit_test(shipped_machines_load),
        cmocka_unit_test(single_instructions_agree),  cmocka_unit_test(compiled_products_agree),
        cmocka_unit_test(endless_programs_end),       cmocka_unit_test(no_memory_is_no_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
