/* The interpreter: its clock against a count of single cycles, its fast path against the array's
 * specification, its statistics and refusals by hand. */
#include "cmocka_all.h"
#include "designs.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "lutcore/array.h"
#include "lutcore/interp.h"

#include <stdlib.h>
#include <string.h>

enum { MEMORY = 1 << 18, INSTS = 256 };

typedef struct bench {
    nap_core core;
    nap_linst inst[INSTS];
    size_t count;
    uint8_t memory[MEMORY];
    nap_lutstat stat;
} bench;

static bench *bench_new(nap_core core)
{
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->core = core;
    return b;
}

static void put(bench *b, nap_linst i)
{
    assert_true(b->count < INSTS);
    b->inst[b->count++] = i;
}

static void put_wait(bench *b, uint8_t mask)
{
    put(b, (nap_linst){.op = NAP_L_WAIT, .mask = mask});
}

static nap_status run_with(bench *b, const nap_lrun *how, nap_error *e)
{
    return nap_linst_run(b->inst, b->count, &b->core, b->memory, MEMORY, how, &b->stat, e);
}

static void run(bench *b)
{
    nap_error e;
    if (run_with(b, NULL, &e) != NAP_OK) fail_msg("%s", e.text);
}

static nap_linst lmma(const nap_core *c, unsigned rd, unsigned rt, unsigned rw, bool from_zero,
                      unsigned wt)
{
    return (nap_linst){.op = NAP_L_LMMA,
                       .rd = (uint8_t)rd,
                       .rt = (uint8_t)rt,
                       .rw = (uint8_t)rw,
                       .rs = from_zero ? NAP_L_REG_NONE : (uint8_t)rd,
                       .wt = (uint8_t)wt,
                       .a_operand = c->method != NAP_METHOD_LUT};
}

static unsigned weight_type(const nap_core *c, unsigned planes)
{
    return c->wtype == NAP_W_TERNARY ? NAP_L_WT_TERNARY
           : c->wtype == NAP_W_E2M1  ? NAP_L_WT_E2M1
                                     : planes;
}

/* ------------------------------------------------------------------ values */

/* A product of 2 x 64 by 64 x 8, through memory, with zero point, and its statistics. */
static void runs_a_product(void **state)
{
    (void)state;
    const nap_core core = design_int(NAP_METHOD_LUT, 2, 64, 4, 1, NAP_ACT_S8, 4, NAP_ACC_S32);
    bench *const b = bench_new(core);
    nap_rng r;
    nap_rng_seed(&r, 1);
    uint16_t a[2 * 8], q[64 * 8];
    for (unsigned i = 0; i < 16; i++) a[i] = (uint16_t)(nap_rng_next(&r) & 0xff);
    for (unsigned i = 0; i < 512; i++) q[i] = (uint16_t)nap_rng_below(&r, 8);
    const size_t wb = nap_frag_bytes(&core, NAP_FRAG_W, 3);
    assert_int_equal(wb, 96);
    for (unsigned h = 0; h < 2; h++) {
        nap_pack_a(&core, a + 4 * h, 8, 2, 4, NULL, b->memory + 32 * h);
        nap_pack_w(&core, 3, q + 4 * h, 8, 64, 4, 0, b->memory + 1024 + wb * h);
    }
    const uint8_t mem = NAP_UNIT_MEM, pre = NAP_UNIT_PRE, mma = NAP_UNIT_MMA;
    put(b, (nap_linst){.op = NAP_L_MOV, .xd = 1, .imm = 1024});                 /* 0 */
    put(b, (nap_linst){.op = NAP_L_ZEROS, .rd = 2});                            /* 1 */
    put(b, (nap_linst){.op = NAP_L_LDA, .rd = 0});                              /* 2..11 */
    put(b, (nap_linst){.op = NAP_L_LDA, .rd = 1, .imm = 32});                   /* 11 */
    put(b, (nap_linst){.op = NAP_L_LDW, .rd = 4, .xb = 1, .wt = 3});            /* 20 */
    put(b, (nap_linst){.op = NAP_L_LDW, .rd = 5, .xb = 1, .imm = 96, .wt = 3}); /* 31 */
    put_wait(b, mem | mma);                                                     /* 43 */
    put(b, (nap_linst){.op = NAP_L_PRE, .rd = 6, .rs = 0, .rt = 2});            /* 44: 2 */
    put(b, (nap_linst){.op = NAP_L_PRE, .rd = 7, .rs = 1, .rt = 2});            /* 46 */
    put_wait(b, pre);                                                           /* 49 */
    nap_linst mul = lmma(&core, 3, 6, 4, true, 3);
    mul.kl = 1;
    put(b, mul);      /* 50: 6 */
    put_wait(b, mma); /* 57 */
    put(b, (nap_linst){.op = NAP_L_STO, .xb = 1, .imm = 1024, .rs = 3, .rt = 2, .wt = 3, .zp = 5});
    put(b, (nap_linst){.op = NAP_L_STC, .xb = 1, .imm = 2048, .rs = 3}); /* 58: 17, 75: 16 */
    put(b, (nap_linst){.op = NAP_L_HALT});                               /* 92 */
    run(b);
    for (unsigned m = 0; m < 2; m++) {
        for (unsigned n = 0; n < 64; n++) {
            int finished = 0, plain = 0;
            for (unsigned k = 0; k < 8; k++) {
                finished += (int8_t)a[8 * m + k] * (q[8 * n + k] - 5);
                plain += (int8_t)a[8 * m + k] * (2 * q[8 * n + k] - 7);
            }
            const size_t bit = 32 * (64 * m + n);
            assert_int_equal((int32_t)nap_bits_get(b->memory + 2048, bit, 32), finished);
            assert_int_equal((int32_t)nap_bits_get(b->memory + 3072, bit, 32), plain);
        }
    }
    const nap_lutstat want = {.cycles = 93,
                              .instructions = 15,
                              .stall_mem = 8 + 8 + 10 + 11 + 16 + 16,
                              .stall_pre = 1 + 2,
                              .stall_mma = 6,
                              .busy_mem = 9 + 9 + 11 + 11 + 17 + 16,
                              .busy_pre = 4,
                              .busy_mma = 7,
                              .steps = 2,
                              .lookups = 2 * 3 * 128,
                              .macs = 2 * 128 * 4,
                              .tables = 4,
                              .bytes_a = 64,
                              .bytes_w = 192,
                              .bytes_c = 1024,
                              .bytes_read = 256,
                              .bytes_written = 1024};
    assert_memory_equal(&b->stat, &want, sizeof want);
    free(b);
}

/* Blocks of 2 x 2 x 2 steps on consecutive registers, from zero and onto what is there. */
static void runs_blocks_in_order(void **state)
{
    (void)state;
    enum { M = 4, N = 16, K = 8 };
    for (int from_zero = 0; from_zero < 2; from_zero++) {
        bench *const b =
            bench_new(design_int(NAP_METHOD_LUT_CONV, 2, 8, 4, 1, NAP_ACT_S8, 2, NAP_ACC_S32));
        nap_rng r;
        nap_rng_seed(&r, 2);
        uint16_t a[M * K], q[N * K];
        for (unsigned i = 0; i < M * K; i++) a[i] = (uint16_t)(nap_rng_next(&r) & 0xff);
        for (unsigned i = 0; i < N * K; i++) q[i] = (uint16_t)nap_rng_below(&r, 4);
        for (unsigned i = 0; i < 4; i++) {
            const size_t outer = i / 2, h = i % 2; /* registers r * l + h and q * l + h */
            nap_pack_a(&b->core, a + outer * 2 * K + 4 * h, K, 2, 4, NULL, b->memory + 32 * i);
            nap_pack_w(&b->core, 2, q + outer * 8 * K + 4 * h, K, 8, 4, 0,
                       b->memory + 256 + 32 * i);
            for (unsigned n = 0; n < 16; n++)
                nap_bits_put(b->memory + 512 + 64 * i, 32 * n, 32, 1000 * i + n);
            put(b, (nap_linst){.op = NAP_L_LDA, .rd = (uint8_t)(1 + i), .imm = (int)(32 * i)});
            put(b,
                (nap_linst){
                    .op = NAP_L_LDW, .rd = (uint8_t)(2 + i), .imm = (int)(256 + 32 * i), .wt = 2});
            put(b,
                (nap_linst){.op = NAP_L_LDC, .rd = (uint8_t)(3 + i), .imm = (int)(512 + 64 * i)});
        }
        put_wait(b, NAP_UNIT_MEM);
        nap_linst mul = lmma(&b->core, 3, 1, 2, from_zero, 2);
        mul.mi = mul.nj = mul.kl = 1;
        put(b, mul);
        put_wait(b, NAP_UNIT_MMA);
        for (unsigned i = 0; i < 4; i++)
            put(b,
                (nap_linst){.op = NAP_L_STC, .rs = (uint8_t)(3 + i), .imm = (int)(1024 + 64 * i)});
        put(b, (nap_linst){.op = NAP_L_HALT});
        run(b);
        assert_int_equal(b->stat.busy_mma, 8 * 2);
        for (unsigned m = 0; m < M; m++) {
            for (unsigned n = 0; n < N; n++) {
                const unsigned block = m / 2 * 2 + n / 8, at = m % 2 * 8 + n % 8;
                int want = from_zero ? 0 : (int)(1000 * block + at);
                for (unsigned k = 0; k < K; k++)
                    want += (int8_t)a[m * K + k] * (2 * q[n * K + k] - 3);
                assert_int_equal((int32_t)nap_bits_get(b->memory + 1024 + 64 * block, 32 * at, 32),
                                 want);
            }
        }
        free(b);
    }
}

/* Loops nest, counters run, x0 stays zero: a table of products of loop counters. */
static void loops_and_addresses(void **state)
{
    (void)state;
    bench *const b = bench_new(design_int(NAP_METHOD_MAC, 1, 8, 1, 1, NAP_ACT_S8, 8, NAP_ACC_S32));
    for (unsigned i = 0; i < 32; i++) b->memory[i] = 1;
    put(b, (nap_linst){.op = NAP_L_LDA, .rd = 0});
    put(b, (nap_linst){.op = NAP_L_LDW, .rd = 0, .imm = 0, .wt = 8});
    put(b, (nap_linst){.op = NAP_L_ZEROC, .rd = 0});
    put_wait(b, 7);
    put(b, (nap_linst){.op = NAP_L_MOV, .xd = 0, .imm = 96});
    put(b, (nap_linst){.op = NAP_L_ADD, .xd = 3, .xb = 0, .imm = 64});
    put(b, (nap_linst){.op = NAP_L_LOOP, .imm = 5});
    put(b, (nap_linst){.op = NAP_L_LOOP, .imm = 3});
    put(b, lmma(&b->core, 0, 0, 0, false, 8));
    put(b, (nap_linst){.op = NAP_L_END});
    put_wait(b, NAP_UNIT_MMA);
    put(b, (nap_linst){.op = NAP_L_STC, .xb = 3, .rs = 0});
    put(b, (nap_linst){.op = NAP_L_ADD, .xd = 3, .xb = 3, .imm = 32});
    put_wait(b, NAP_UNIT_MEM);
    put(b, (nap_linst){.op = NAP_L_END});
    put(b, (nap_linst){.op = NAP_L_HALT});
    run(b);
    for (unsigned i = 0; i < 5; i++)
        for (unsigned n = 0; n < 8; n++)
            assert_int_equal(nap_bits_get(b->memory + 64 + 32 * i, 32 * n, 32), 3 * (i + 1));
    assert_int_equal(b->stat.instructions, 7 + 5 * (1 + 3 * 2 + 5) + 1);
    assert_int_equal(b->stat.steps, 15);
    assert_int_equal(b->stat.lookups, 0);
    free(b);
}

static nap_core random_design(nap_rng *r)
{
    nap_core c = design_random(r, 3, 9, 5, 3);
    if (c.method == NAP_METHOD_LUT && nap_rng_below(r, 4) == 0)
        c.wtype = NAP_W_TERNARY, c.wbits = 1, c.k = 3;
    if (c.method == NAP_METHOD_LUT && nap_rng_below(r, 4) == 0) c.wtype = NAP_W_E2M1, c.wbits = 5;
    if (c.method == NAP_METHOD_LUT && nap_rng_below(r, 4) == 0) c.act = NAP_ACT_F16;
    if (c.act == NAP_ACT_F16 && nap_rng_below(r, 2)) c.table = NAP_TABLE_S8;
    if (c.act == NAP_ACT_F16 && c.table == NAP_TABLE_EXACT) c.acc = NAP_ACC_F32;
    c.pipeline = 1 + nap_rng_below(r, 2);
    c.pre_units = 1 + nap_rng_below(r, c.m * c.depth);
    c.bus_bytes = 8u << nap_rng_below(r, 4);
    c.mem_latency = nap_rng_below(r, 20);
    return c;
}

static uint8_t reg_below(nap_rng *r, unsigned count)
{
    return (uint8_t)nap_rng_below(r, count);
}

/* Any instruction that the design can run, addresses anywhere. */
static nap_linst random_inst(const nap_core *c, nap_rng *r)
{
    const bool lut = c->method == NAP_METHOD_LUT;
    const bool fixed = c->method == NAP_METHOD_MAC || c->method == NAP_METHOD_MAC_NATIVE;
    const unsigned planes = fixed ? c->wbits : 1 + nap_rng_below(r, c->wbits);
    nap_linst i = {.imm = (int32_t)(nap_rng_below(r, MEMORY / 2) & ~(c->bus_bytes - 1))};
    i.rd = reg_below(r, 8);
    i.rs = reg_below(r, 8);
    i.wt = (uint8_t)weight_type(c, planes);
    switch (nap_rng_below(r, 12)) {
    case 0:
        i.op = lut ? NAP_L_LDT : NAP_L_LDA;
        return i;
    case 1:
    case 2:
        i.op = NAP_L_LDW;
        return i;
    case 3:
        i.op = nap_rng_below(r, 2) ? NAP_L_LDC : NAP_L_LDS;
        return i;
    case 4:
        i.op = nap_rng_below(r, 2) ? NAP_L_STC : lut ? NAP_L_STT : NAP_L_STS;
        return i;
    case 5:
        i.op = NAP_L_STO;
        i.rt = reg_below(r, 8);
        i.wt = (uint8_t)planes;
        i.zp = (int16_t)(nap_rng_below(r, 768) - 256);
        return i;
    case 6:
        i = (nap_linst){.op = nap_rng_below(r, 2) ? NAP_L_ZEROC : NAP_L_ZEROS, .rd = i.rd};
        return i;
    case 7:
        if (!lut) return (nap_linst){.op = NAP_L_NOP};
        i.op = NAP_L_PRE;
        i.rt = nap_rng_below(r, 2) ? reg_below(r, 8) : NAP_L_REG_NONE;
        return i;
    case 8:
        return (nap_linst){.op = NAP_L_WAIT, .mask = (uint8_t)(1 + nap_rng_below(r, 7))};
    default:
        i = lmma(c, reg_below(r, 5), reg_below(r, 5), reg_below(r, 5), nap_rng_below(r, 2),
                 weight_type(c, planes));
        switch (nap_rng_below(r, 5)) { /* at most four registers of a kind, from 0..4 on */
        case 0:
            i.mi = 1, i.nj = 1;
            break;
        case 1:
            i.mi = 1, i.kl = 1;
            break;
        case 2:
            i.kl = 2;
            break;
        case 3:
            i.nj = 1, i.kl = 1;
            break;
        default:
            break;
        }
        return i;
    }
}

static void random_program(bench *b, nap_rng *r)
{
    for (unsigned i = 0; i < MEMORY; i++) b->memory[i] = (uint8_t)nap_rng_next(r);
    put(b, (nap_linst){.op = NAP_L_LOOP, .imm = (int32_t)(1 + nap_rng_below(r, 3))});
    for (unsigned i = 0; i < 60; i++) put(b, random_inst(&b->core, r));
    put(b, (nap_linst){.op = NAP_L_END});
    put(b, (nap_linst){.op = NAP_L_HALT});
}

static void fast_path_equals_array_steps(void **state)
{
    (void)state;
    nap_rng r;
    nap_rng_seed(&r, 7);
    uint8_t *const before = malloc(MEMORY), *const fast = malloc(MEMORY);
    for (int i = 0; i < 150; i++) {
        bench *const b = bench_new(random_design(&r));
        nap_error e;
        random_program(b, &r);
        memcpy(before, b->memory, MEMORY);
        run(b);
        const nap_lutstat stat = b->stat;
        memcpy(fast, b->memory, MEMORY);
        memcpy(b->memory, before, MEMORY);
        const nap_lrun how = {.by_steps = true};
        if (run_with(b, &how, &e) != NAP_OK) fail_msg("%s", e.text);
        assert_memory_equal(&stat, &b->stat, sizeof stat);
        if (memcmp(fast, b->memory, MEMORY) != 0)
            fail_msg("%s %s w%u", nap_method_name(b->core.method), nap_act_name(b->core.act),
                     b->core.wbits);
        free(b);
    }
    free(before);
    free(fast);
}

/* ------------------------------------------------------------------ clock */

/* isa.h's "Time", one cycle after the other. */
typedef struct ticker {
    uint64_t end[3];  /* last occupied cycle, of what came before cycle 0: none */
    uint64_t next[3]; /* first cycle in which another may issue */
    uint64_t busy[3], stall[3];
    bool ever[3];
} ticker;

static bool occupied(const ticker *t, unsigned u, uint64_t cycle)
{
    return t->ever[u] && cycle <= t->end[u];
}

static int unit_of(const nap_linst *i)
{
    if (i->op == NAP_L_PRE) return 1;
    if (i->op == NAP_L_LMMA || i->op == NAP_L_ZEROC || i->op == NAP_L_ZEROS) return 2;
    return i->op >= NAP_L_LDA && i->op <= NAP_L_STO ? 0 : -1;
}

static uint64_t occupies(const nap_core *c, const nap_linst *i)
{
    const size_t bytes =
        i->op == NAP_L_LDA                         ? nap_frag_bytes(c, NAP_FRAG_A, 0)
        : i->op == NAP_L_LDT || i->op == NAP_L_STT ? nap_frag_bytes(c, NAP_FRAG_T, 0)
        : i->op == NAP_L_LDS || i->op == NAP_L_STS ? nap_frag_bytes(c, NAP_FRAG_S, 0)
        : i->op != NAP_L_LDW                       ? nap_frag_bytes(c, NAP_FRAG_C, 0)
                             : nap_frag_bytes(c, NAP_FRAG_W, i->wt == NAP_L_WT_E2M1 ? 5 : i->wt);
    const uint64_t beats = (bytes + c->bus_bytes - 1) / c->bus_bytes;
    const unsigned planes = i->wt == NAP_L_WT_TERNARY ? 1 : i->wt == NAP_L_WT_E2M1 ? 5 : i->wt;
    const bool single = c->method == NAP_METHOD_MAC || c->method == NAP_METHOD_MAC_NATIVE;
    switch (i->op) {
    case NAP_L_PRE:
        return (c->m * c->depth + c->pre_units - 1) / c->pre_units;
    case NAP_L_LMMA:
        return (1u << i->mi << i->nj << i->kl) * (single ? 1 : planes);
    case NAP_L_ZEROC:
    case NAP_L_ZEROS:
        return 1;
    case NAP_L_STO:
        return 1 + beats;
    case NAP_L_STT:
    case NAP_L_STC:
    case NAP_L_STS:
        return beats;
    default:
        return c->mem_latency + beats;
    }
}

/* Can the instruction issue (or a wait complete) in this cycle? If not, *why is the unit. */
static bool may_issue(const ticker *t, const nap_linst *i, uint64_t cycle, int *why)
{
    const int u = unit_of(i);
    if (u >= 0) {
        const bool drains = i->op == NAP_L_ZEROC || i->op == NAP_L_ZEROS;
        *why = u;
        return cycle >= t->next[u] && !(drains && occupied(t, (unsigned)u, cycle + 1));
    }
    const unsigned mask = i->op == NAP_L_HALT ? 7 : i->op == NAP_L_WAIT ? i->mask : 0;
    *why = -1;
    for (int k = 0; k < 3; k++)
        if (mask >> k & 1 && occupied(t, (unsigned)k, cycle) &&
            (*why < 0 || t->end[k] > t->end[*why]))
            *why = k;
    return *why < 0;
}

/* What an instruction adds to the statistics, from isa.h and interp.h. */
static void count_work(const nap_core *c, const nap_linst *i, nap_lutstat *out)
{
    const uint64_t cycles = occupies(c, i), outputs = (uint64_t)c->m * c->n;
    const bool tables = c->method != NAP_METHOD_ADD && c->method != NAP_METHOD_MAC &&
                        c->method != NAP_METHOD_MAC_NATIVE;
    const bool load = i->op >= NAP_L_LDA && i->op <= NAP_L_LDS;
    const uint64_t beats = load ? cycles - c->mem_latency : cycles - (i->op == NAP_L_STO);
    const uint64_t steps = 1u << i->mi << i->nj << i->kl;
    uint64_t *kind = NULL;
    switch (i->op) {
    case NAP_L_LDA:
        kind = &out->bytes_a;
        break;
    case NAP_L_LDT:
    case NAP_L_STT:
        kind = &out->bytes_t;
        break;
    case NAP_L_LDW:
        kind = &out->bytes_w;
        break;
    case NAP_L_LDC:
    case NAP_L_STC:
    case NAP_L_STO:
        kind = &out->bytes_c;
        break;
    case NAP_L_LDS:
    case NAP_L_STS:
        kind = &out->bytes_s;
        break;
    case NAP_L_PRE:
        out->tables += (uint64_t)c->m * c->depth;
        break;
    case NAP_L_LMMA:
        out->steps += steps;
        out->macs += steps * outputs * c->k * c->depth;
        out->lookups += tables ? cycles * outputs * c->depth : 0; /* a plane each cycle */
        break;
    default:
        break;
    }
    if (!kind) return;
    *kind += beats * c->bus_bytes;
    *(load ? &out->bytes_read : &out->bytes_written) += beats * c->bus_bytes;
}

static void tick_through(const bench *b, nap_lutstat *out)
{
    ticker t = {0};
    uint64_t cycle = 0;
    size_t pc = 0, start = 0;
    int32_t left = 0;
    for (;; cycle++) {
        int why;
        const nap_linst *const i = &b->inst[pc];
        for (unsigned u = 0; u < 3; u++) t.busy[u] += occupied(&t, u, cycle);
        if (!may_issue(&t, i, cycle, &why)) {
            t.stall[why]++;
            continue;
        }
        const int u = unit_of(i);
        if (u >= 0) {
            const uint64_t cycles = occupies(&b->core, i);
            t.next[u] = cycle + cycles;
            t.end[u] = cycle + cycles + (i->op == NAP_L_LMMA ? b->core.pipeline - 1 : 0);
            t.ever[u] = true;
            count_work(&b->core, i, out);
        }
        out->instructions++;
        if (i->op == NAP_L_HALT) break;
        if (i->op == NAP_L_LOOP) start = pc + 1, left = i->imm;
        pc = i->op == NAP_L_END && --left > 0 ? start : pc + 1;
    }
    out->cycles = cycle + 1;
    out->stall_mem = t.stall[0], out->stall_pre = t.stall[1], out->stall_mma = t.stall[2];
    out->busy_mem = t.busy[0], out->busy_pre = t.busy[1], out->busy_mma = t.busy[2];
}

static void clock_equals_single_cycles(void **state)
{
    (void)state;
    nap_rng r;
    nap_rng_seed(&r, 8);
    for (int i = 0; i < 300; i++) {
        bench *const b = bench_new(random_design(&r));
        nap_lutstat want = {0};
        random_program(b, &r);
        run(b);
        tick_through(b, &want);
        assert_int_equal(b->stat.cycles, want.cycles);
        assert_memory_equal(&b->stat, &want, sizeof want);
        assert_int_equal(want.cycles,
                         want.instructions + want.stall_mem + want.stall_pre + want.stall_mma);
        free(b);
    }
}

static void halt_alone_takes_one_cycle(void **state)
{
    (void)state;
    bench *const b = bench_new(design_int(NAP_METHOD_LUT, 2, 8, 4, 1, NAP_ACT_S8, 2, NAP_ACC_S32));
    put(b, (nap_linst){.op = NAP_L_HALT});
    run(b);
    assert_int_equal(b->stat.cycles, 1);
    free(b);
}

/* ------------------------------------------------------------------ refusals */

static void expect_refusal(bench *b, nap_status code, const char *words)
{
    nap_error e = {.text = ""};
    const nap_lrun how = {.max_instructions = 1000};
    assert_int_equal(run_with(b, &how, &e), code);
    if (!strstr(e.text, words)) fail_msg("'%s' lacks '%s'", e.text, words);
    b->count = 0;
}

static void refuses_what_it_cannot_run(void **state)
{
    (void)state;
    bench *const b = bench_new(design_int(NAP_METHOD_LUT, 2, 8, 4, 1, NAP_ACT_S8, 2, NAP_ACC_S32));
    const nap_linst halt = {.op = NAP_L_HALT}, nop = {.op = NAP_L_NOP};
    put(b, nop);
    expect_refusal(b, NAP_ERR_ARGUMENT, "instruction 1: the program ends without halt");
    put(b, (nap_linst){.op = NAP_L_LDA, .imm = MEMORY});
    put(b, halt);
    expect_refusal(b, NAP_ERR_ARGUMENT, "instruction 0: 32 bytes at address 262144");
    put(b, (nap_linst){.op = NAP_L_LDA, .imm = -32});
    put(b, halt);
    expect_refusal(b, NAP_ERR_ARGUMENT, "at address 4294967264");
    put(b, nop);
    put(b, (nap_linst){.op = NAP_L_STC, .imm = 24});
    put(b, halt);
    expect_refusal(b, NAP_ERR_ARGUMENT, "instruction 1: address 24 is not a multiple of 32");
    put(b, (nap_linst){.op = NAP_L_LOOP, .imm = 2000});
    put(b, (nap_linst){.op = NAP_L_END});
    put(b, halt);
    expect_refusal(b, NAP_ERR_LIMIT, "within 1000 instructions");
    put(b, (nap_linst){.op = NAP_L_END});
    expect_refusal(b, NAP_ERR_ARGUMENT, "end without a loop");
    for (int i = 0; i < 5; i++) put(b, (nap_linst){.op = NAP_L_LOOP, .imm = 1});
    expect_refusal(b, NAP_ERR_ARGUMENT, "instruction 4: loops nest deeper");
    put(b, lmma(&b->core, 0, 8, 0, false, 2));
    expect_refusal(b, NAP_ERR_ARGUMENT, "instruction 0: the design cannot run it");
    put(b, lmma(&b->core, 0, 0, 0, false, 3));
    expect_refusal(b, NAP_ERR_ARGUMENT, "instruction 0: the design cannot run it");
    nap_linst other = lmma(&b->core, 0, 0, 0, false, 2);
    other.a_operand = true;
    put(b, other);
    expect_refusal(b, NAP_ERR_ARGUMENT, "instruction 0: the design cannot run it");
    put(b, (nap_linst){.op = NAP_L_LDW, .rd = 0, .wt = 9});
    expect_refusal(b, NAP_ERR_ARGUMENT, "instruction 0: the design cannot run it");
    free(b);
}

/* Instructions nobody checked, fields at random: an error or a result, never a step outside of
 * registers or memory (which the sanitizers would see). */
static void survives_any_instructions(void **state)
{
    (void)state;
    nap_rng r;
    nap_rng_seed(&r, 11);
    unsigned ran = 0, refused = 0;
    for (int i = 0; i < 4000; i++) {
        bench *const b = bench_new(random_design(&r));
        b->core.s_regs = b->core.w_regs = 1 + nap_rng_below(&r, 4);
        for (unsigned k = 0; k < 12; k++) {
            uint8_t raw[sizeof(nap_linst)];
            for (unsigned n = 0; n < sizeof raw; n++)
                raw[n] = (uint8_t)(nap_rng_next(&r) >> nap_rng_below(&r, 8));
            nap_linst any = {.op = (nap_lop)(raw[0] % NAP_L_COUNT),
                             .rd = raw[1] % 11,
                             .rs = raw[2] % 5 ? raw[1] % 11 : NAP_L_REG_NONE,
                             .rt = raw[3] % 11,
                             .rw = raw[4] % 11,
                             .xd = raw[5] % 9,
                             .xb = raw[6] % 9,
                             .imm = (raw[7] * 1024 + raw[8]) & ~(raw[9] & 63),
                             .zp = raw[10],
                             .mask = raw[11],
                             .wt = raw[12] % 11,
                             .mi = raw[13] % 4,
                             .nj = raw[14] % 5,
                             .kl = raw[15] % 4,
                             .a_operand = b->core.method != NAP_METHOD_LUT};
            put(b, nap_rng_below(&r, 4) ? random_inst(&b->core, &r) : any);
        }
        put(b, (nap_linst){.op = NAP_L_HALT});
        const nap_lrun how = {.max_instructions = 500, .by_steps = i % 2};
        nap_error e;
        *(run_with(b, &how, &e) == NAP_OK ? &ran : &refused) += 1;
        free(b);
    }
    assert_true(ran > 100 && refused > 100);
}

/* Encoded words run like the instructions they encode. */
static void runs_words(void **state)
{
    (void)state;
    const nap_core core = design_int(NAP_METHOD_LUT, 2, 8, 4, 1, NAP_ACT_S8, 2, NAP_ACC_S32);
    const nap_linst inst[] = {{.op = NAP_L_LDC, .rd = 1},
                              {.op = NAP_L_WAIT, .mask = NAP_UNIT_MEM},
                              {.op = NAP_L_STC, .rs = 1, .imm = 128},
                              {.op = NAP_L_HALT}};
    nap_program p = {0};
    uint8_t memory[256];
    nap_lutstat stat;
    nap_error e;
    for (unsigned i = 0; i < 256; i++) memory[i] = (uint8_t)(i * i);
    for (unsigned i = 0; i < 4; i++)
        assert_true(nap_program_add(&p, nap_linst_encode(&inst[i]), 0));
    if (nap_lmma_run(&p, &core, memory, sizeof memory, 0, &stat, &e) != NAP_OK)
        fail_msg("%s", e.text);
    assert_memory_equal(memory, memory + 128, 64);
    assert_int_equal(memory[192], 192 * 192 % 256);
    assert_int_equal(stat.bytes_c, 128);
    p.word[1] = UINT64_MAX;
    assert_int_equal(nap_lmma_run(&p, &core, memory, sizeof memory, 0, NULL, &e), NAP_ERR_FORMAT);
    nap_program_free(&p);
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    const nap_core core = design_int(NAP_METHOD_LUT, 2, 8, 4, 1, NAP_ACT_S8, 2, NAP_ACC_S32);
    const nap_linst halt = {.op = NAP_L_HALT};
    nap_program p = {0};
    assert_true(nap_program_add(&p, nap_linst_encode(&halt), 0));
    bool done = false;
    for (long n = 0; !done; n++) {
        uint8_t memory[32];
        nap_error e;
        assert_true(n < 100);
        nap_alloc_fail_at(n, false);
        const nap_status status = nap_lmma_run(&p, &core, memory, sizeof memory, 0, NULL, &e);
        nap_alloc_fail_at(-1, false);
        done = status == NAP_OK;
        if (!done) assert_int_equal(status, NAP_ERR_MEMORY);
        if (done) assert_true(n > 5);
    }
    nap_program_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_a_product),
        cmocka_unit_test(runs_blocks_in_order),
        cmocka_unit_test(loops_and_addresses),
        cmocka_unit_test(fast_path_equals_array_steps),
        cmocka_unit_test(clock_equals_single_cycles),
        cmocka_unit_test(halt_alone_takes_one_cycle),
        cmocka_unit_test(refuses_what_it_cannot_run),
        cmocka_unit_test(survives_any_instructions),
        cmocka_unit_test(runs_words),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests_name("lutcore/interp", tests, NULL, NULL);
}
