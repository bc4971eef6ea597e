/* Random legal LMMA programs for co-simulation: every instruction, every block shape that fits the
 * register files, loops up to four deep, addresses by every address register. Waits are put where
 * units would collide, and now and then where they would not. What nap_program_check() refuses is
 * thrown away (a hazard around a loop's end), so the survivors are legal by the library's own
 * judgement. */
#ifndef RANDOM_PROGRAM_H
#define RANDOM_PROGRAM_H

#include "base/alloc.h"
#include "base/rng.h"
#include "lutcore/array.h"
#include "lutcore/interp.h"
#include "lutcore/isa_table.h"

#include <string.h>

enum { UNITS = 3, ALL_UNITS = 7 };

typedef struct generator {
    nap_rng rng;
    const nap_core *core;
    nap_program *out;
    size_t bytes;   /* of memory */
    size_t weights; /* memory below this holds weight fragments and is never stored to */
    uint64_t defined[NAP_LFILE_COUNT];
    uint8_t planes[NAP_L_REGS_MAX + 1]; /* of the fragment in each w register */
    uint64_t reads[UNITS][NAP_LFILE_COUNT], writes[UNITS][NAP_LFILE_COUNT];
    uint32_t x[NAP_L_XREGS];    /* lowest value while this code runs */
    uint32_t grow[NAP_L_XREGS]; /* and how much more it may be */
    bool failed;
} generator;

static unsigned roll(generator *g, unsigned n)
{
    return nap_rng_below(&g->rng, n);
}

static uint64_t span(unsigned first, unsigned count)
{
    return (((uint64_t)1 << count) - 1) << first;
}

static unsigned files_regs(const nap_core *c, nap_lfile f)
{
    const unsigned n[] = {c->a_regs, c->t_regs, c->w_regs, c->c_regs, c->s_regs};
    return n[f];
}

static inline void put(generator *g, const nap_linst *i)
{
    const uint64_t word = nap_linst_encode(i);
    if (word == NAP_L_ILLEGAL || !nap_program_add(g->out, word, 0)) g->failed = true;
}

static inline void put_wait(generator *g, unsigned mask)
{
    const nap_linst i = {.op = NAP_L_WAIT, .mask = (uint8_t)mask};
    put(g, &i);
    for (unsigned u = 0; u < UNITS; u++)
        if (mask >> u & 1) {
            memset(g->reads[u], 0, sizeof g->reads[u]);
            memset(g->writes[u], 0, sizeof g->writes[u]);
        }
}

/* Declares what the next instruction, of `unit`, touches; waits first if another unit is at it. */
typedef struct touch {
    uint64_t read[NAP_LFILE_COUNT], write[NAP_LFILE_COUNT];
} touch;

static inline void put_unit(generator *g, unsigned unit, const touch *t, const nap_linst *i)
{
    unsigned mask = 0;
    for (unsigned u = 0; u < UNITS; u++)
        for (unsigned f = 0; f < NAP_LFILE_COUNT; f++)
            if (u != unit && ((g->writes[u][f] & (t->read[f] | t->write[f])) != 0 ||
                              (g->reads[u][f] & t->write[f]) != 0))
                mask |= 1u << u;
    if (roll(g, 8) == 0) mask |= 1 + roll(g, 7);
    if (mask != 0) put_wait(g, mask);
    put(g, i);
    for (unsigned f = 0; f < NAP_LFILE_COUNT; f++) {
        g->reads[unit][f] |= t->read[f];
        g->writes[unit][f] |= t->write[f];
        g->defined[f] |= t->write[f];
    }
}

static unsigned pick_planes(generator *g)
{
    const nap_core *c = g->core;
    if (c->method == NAP_METHOD_MAC || c->method == NAP_METHOD_MAC_NATIVE) return c->wbits;
    return 1 + roll(g, c->wbits);
}

static uint8_t weight_type(const nap_core *c, unsigned planes)
{
    if (c->wtype == NAP_W_TERNARY) return NAP_L_WT_TERNARY;
    return c->wtype == NAP_W_E2M1 ? NAP_L_WT_E2M1 : (uint8_t)planes;
}

/* Some [xB + imm] for `bytes` bytes, valid for every value xB may have here. */
static inline bool address(generator *g, size_t from, size_t to, size_t bytes, nap_linst *i)
{
    const unsigned x = roll(g, NAP_L_XREGS);
    const uint32_t bus = g->core->bus_bytes;
    if (to < from + bytes + g->grow[x]) return false;
    const size_t room = (to - from - bytes - g->grow[x]) / bus;
    const uint32_t at = (uint32_t)(from + (size_t)roll(g, (uint32_t)room + 1) * bus);
    i->xb = (uint8_t)x;
    i->imm = (int32_t)(at - g->x[x]);
    return true;
}

static inline void put_load(generator *g, nap_lfile f, unsigned reg, unsigned planes)
{
    static const nap_lop ops[] = {NAP_L_LDA, NAP_L_LDT, NAP_L_LDW, NAP_L_LDC, NAP_L_LDS};
    static const nap_frag frags[] = {NAP_FRAG_A, NAP_FRAG_T, NAP_FRAG_W, NAP_FRAG_C, NAP_FRAG_S};
    const nap_core *c = g->core;
    nap_linst i = {.op = ops[f], .rd = (uint8_t)reg};
    if (f == NAP_LFILE_W) i.wt = weight_type(c, planes);
    const size_t bytes = nap_frag_bytes(c, frags[f], f == NAP_LFILE_W ? planes : c->wbits);
    /* a ternary index past the table means nothing: such weights come from their own region */
    const bool own = f == NAP_LFILE_W && c->wtype == NAP_W_TERNARY;
    const bool found = own ? address(g, 0, bytes, bytes, &i) : address(g, 0, g->bytes, bytes, &i);
    if (!found) {
        i.xb = 0;
        i.imm = 0;
    }
    touch t = {{0}, {0}};
    t.write[f] = span(reg, 1);
    put_unit(g, 0, &t, &i);
    if (f == NAP_LFILE_W) g->planes[reg] = (uint8_t)planes;
}

static inline bool has_sums(const nap_core *c)
{
    return !nap_act_is_float(c->act);
}

static inline bool is_lut(const nap_core *c)
{
    return c->method == NAP_METHOD_LUT;
}

static inline void put_pre(generator *g, unsigned reg)
{
    const unsigned a = roll(g, g->core->a_regs), s = roll(g, g->core->s_regs);
    const bool sums = has_sums(g->core) && roll(g, 2) == 0;
    if ((g->defined[NAP_LFILE_A] >> a & 1) == 0) put_load(g, NAP_LFILE_A, a, 1);
    if (sums && (g->defined[NAP_LFILE_S] >> s & 1) == 0) put_load(g, NAP_LFILE_S, s, 1);
    const nap_linst i = {.op = NAP_L_PRE,
                         .rd = (uint8_t)reg,
                         .rs = (uint8_t)a,
                         .rt = sums ? (uint8_t)s : NAP_L_REG_NONE};
    touch t = {{0}, {0}};
    t.read[NAP_LFILE_A] = span(a, 1);
    t.write[NAP_LFILE_T] = span(reg, 1);
    if (sums) t.read[NAP_LFILE_S] = t.write[NAP_LFILE_S] = span(s, 1);
    put_unit(g, 1, &t, &i);
}

static inline void put_zero(generator *g, nap_lfile f, unsigned reg)
{
    const nap_linst i = {.op = f == NAP_LFILE_C ? NAP_L_ZEROC : NAP_L_ZEROS, .rd = (uint8_t)reg};
    touch t = {{0}, {0}};
    t.write[f] = span(reg, 1);
    put_unit(g, 2, &t, &i);
}

static inline void define(generator *g, nap_lfile f, unsigned first, unsigned count,
                          unsigned planes)
{
    for (unsigned r = first; r < first + count; r++) {
        const bool there = g->defined[f] >> r & 1;
        if (there && (f != NAP_LFILE_W || g->planes[r] == planes)) continue;
        if (f == NAP_LFILE_T && roll(g, 2) == 0)
            put_pre(g, r);
        else if ((f == NAP_LFILE_C || f == NAP_LFILE_S) && roll(g, 2) == 0)
            put_zero(g, f, r);
        else
            put_load(g, f, r, planes);
    }
}

static inline void put_lmma(generator *g)
{
    const nap_core *c = g->core;
    const nap_lfile x = is_lut(c) ? NAP_LFILE_T : NAP_LFILE_A;
    unsigned mi, nj, kl;
    do {
        mi = roll(g, 4);
        nj = roll(g, 4);
        kl = roll(g, 4);
    } while (1u << (mi + nj) > c->c_regs || 1u << (mi + kl) > files_regs(c, x) ||
             1u << (nj + kl) > c->w_regs);
    const unsigned cs = 1u << (mi + nj), xs = 1u << (mi + kl), ws = 1u << (nj + kl);
    const unsigned rd = roll(g, c->c_regs - cs + 1), rt = roll(g, files_regs(c, x) - xs + 1),
                   rw = roll(g, c->w_regs - ws + 1), planes = pick_planes(g);
    const bool from_zero = roll(g, 3) == 0;
    define(g, x, rt, xs, 1);
    define(g, NAP_LFILE_W, rw, ws, planes);
    if (!from_zero) define(g, NAP_LFILE_C, rd, cs, 1);
    const nap_linst i = {.op = NAP_L_LMMA,
                         .rd = (uint8_t)rd,
                         .rt = (uint8_t)rt,
                         .rw = (uint8_t)rw,
                         .rs = from_zero ? NAP_L_REG_NONE : (uint8_t)rd,
                         .mi = (uint8_t)mi,
                         .nj = (uint8_t)nj,
                         .kl = (uint8_t)kl,
                         .wt = weight_type(c, planes),
                         .m = (uint8_t)c->m,
                         .n = (uint16_t)c->n,
                         .kd = (uint16_t)nap_core_kdim(c),
                         .a_operand = !is_lut(c),
                         .ad = nap_core_ladt(c),
                         .acc = c->acc,
                         .out = c->acc};
    touch t = {{0}, {0}};
    t.read[x] = span(rt, xs);
    t.read[NAP_LFILE_W] = span(rw, ws);
    t.write[NAP_LFILE_C] = span(rd, cs);
    if (!from_zero) t.read[NAP_LFILE_C] = span(rd, cs);
    put_unit(g, 2, &t, &i);
}

static inline bool has_sto(const nap_core *c)
{
    return has_sums(c) && c->wtype != NAP_W_TERNARY &&
           (is_lut(c) || c->method == NAP_METHOD_LUT_CONV || c->method == NAP_METHOD_UNPU_HALF ||
            c->method == NAP_METHOD_UNPU_REMAP);
}

static inline void put_store(generator *g)
{
    const nap_core *c = g->core;
    const unsigned kind = roll(g, 4);
    const nap_lfile f = kind == 0 && is_lut(c)     ? NAP_LFILE_T
                        : kind == 1 && has_sums(c) ? NAP_LFILE_S
                                                   : NAP_LFILE_C;
    const unsigned reg = roll(g, files_regs(c, f)), s = roll(g, c->s_regs);
    const bool sto = f == NAP_LFILE_C && has_sto(c) && roll(g, 2) == 0;
    const nap_frag frag = f == NAP_LFILE_T   ? NAP_FRAG_T
                          : f == NAP_LFILE_S ? NAP_FRAG_S
                                             : NAP_FRAG_C;
    define(g, f, reg, 1, 1);
    if (sto) define(g, NAP_LFILE_S, s, 1, 1);
    nap_linst i = {.op = f == NAP_LFILE_T   ? NAP_L_STT
                         : f == NAP_LFILE_S ? NAP_L_STS
                                            : NAP_L_STC,
                   .rs = (uint8_t)reg};
    if (sto) {
        i.op = NAP_L_STO;
        i.rt = (uint8_t)s;
        i.zp = (int16_t)((int)roll(g, 768) - 256);
        i.wt = (uint8_t)(c->wtype == NAP_W_E2M1 ? 5 : 1 + roll(g, c->wbits));
    }
    if (!address(g, g->weights, g->bytes, nap_frag_bytes(c, frag, c->wbits), &i)) return;
    touch t = {{0}, {0}};
    t.read[f] = span(reg, 1);
    if (sto) t.read[NAP_LFILE_S] = span(s, 1);
    put_unit(g, 0, &t, &i);
}

static inline void put_move(generator *g, unsigned free_x)
{
    nap_linst i = {.op = NAP_L_MOV, .xd = (uint8_t)(free_x + roll(g, NAP_L_XREGS - free_x))};
    const uint32_t value = roll(g, 64) * g->core->bus_bytes;
    if (roll(g, 2) == 0) {
        i.imm = (int32_t)value;
    } else {
        i.op = NAP_L_ADD;
        i.xb = (uint8_t)roll(g, NAP_L_XREGS);
        if (g->grow[i.xb] != 0) i.xb = 0;
        i.imm = (int32_t)(value - g->x[i.xb]);
    }
    put(g, &i);
    if (i.xd != 0) {
        g->x[i.xd] = value;
        g->grow[i.xd] = 0;
    }
}

static inline void put_any(generator *g, unsigned free_x)
{
    const nap_core *c = g->core;
    switch (roll(g, 12)) {
    case 0: {
        const nap_linst nop = {.op = NAP_L_NOP};
        put(g, &nop);
        break;
    }
    case 1:
        put_move(g, free_x);
        break;
    case 2: {
        const nap_lfile f = (nap_lfile)roll(g, NAP_LFILE_COUNT);
        if ((f == NAP_LFILE_T && !is_lut(c)) || (f == NAP_LFILE_S && !has_sums(c))) break;
        put_load(g, f, roll(g, files_regs(c, f)), pick_planes(g));
        break;
    }
    case 3:
        if (is_lut(c)) put_pre(g, roll(g, c->t_regs));
        break;
    case 4:
        if (has_sums(c)) put_zero(g, NAP_LFILE_S, roll(g, c->s_regs));
        break;
    case 5:
        put_zero(g, NAP_LFILE_C, roll(g, c->c_regs));
        break;
    case 6:
    case 7:
        put_store(g);
        break;
    case 8:
        put_wait(g, 1 + roll(g, 7));
        break;
    default:
        put_lmma(g);
        break;
    }
}

/* A block of instructions; loops inside use x1, x2, .. as their own counters of addresses. */
static inline void put_block(generator *g, unsigned depth, unsigned length)
{
    for (unsigned n = 0; n < length && !g->failed; n++) {
        if (depth == NAP_L_LOOPS || roll(g, 7) != 0) {
            put_any(g, depth + 1);
            continue;
        }
        const uint32_t count = 1 + roll(g, 3), stride = g->core->bus_bytes * roll(g, 3);
        const unsigned x = depth + 1;
        const nap_linst begin = {.op = NAP_L_MOV, .xd = (uint8_t)x, .imm = (int32_t)(8 * stride)};
        const nap_linst loop = {.op = NAP_L_LOOP, .imm = (int32_t)count};
        const nap_linst step = {
            .op = NAP_L_ADD, .xd = (uint8_t)x, .xb = (uint8_t)x, .imm = (int32_t)stride};
        const nap_linst end = {.op = NAP_L_END};
        put(g, &begin);
        g->x[x] = 8 * stride;
        g->grow[x] = count * stride;
        /* registers above belong to the body, which may move them: from zero in every pass */
        for (unsigned i = x + 1; i < NAP_L_XREGS; i++) g->x[i] = g->grow[i] = 0;
        const bool careful = roll(g, 4) != 0;
        put(g, &loop);
        for (unsigned i = x + 1; i < NAP_L_XREGS; i++) {
            const nap_linst zero = {.op = NAP_L_MOV, .xd = (uint8_t)i};
            put(g, &zero);
        }
        put_block(g, depth + 1, 1 + roll(g, 5));
        if (careful) put_wait(g, ALL_UNITS);
        put(g, &step);
        put(g, &end);
        g->x[x] += count * stride;
        g->grow[x] = 0;
    }
}

/* Appends a program to `out` (empty); false if this one is not legal: try the next seed. */
static inline bool random_program(const nap_core *c, uint64_t seed, unsigned length, size_t bytes,
                                  nap_program *out)
{
    generator g = {.core = c, .out = out, .bytes = bytes};
    nap_rng_seed(&g.rng, seed);
    if (c->wtype == NAP_W_TERNARY) g.weights = nap_frag_bytes(c, NAP_FRAG_W, 1);
    put_block(&g, 0, length);
    for (unsigned i = 0; i < 3; i++) put_store(&g);
    const nap_linst halt = {.op = NAP_L_HALT};
    put(&g, &halt);
    return !g.failed && nap_program_check(out, c, bytes, "random", NULL) == NAP_OK;
}

/* Random memory; what lies below `weights` is a legal ternary fragment. */
static inline void random_memory(const nap_core *c, uint64_t seed, uint8_t *memory, size_t bytes)
{
    nap_rng rng;
    nap_rng_seed(&rng, seed ^ 0x6d656d6f7279ull);
    for (size_t i = 0; i < bytes; i++) memory[i] = (uint8_t)nap_rng_next(&rng);
    if (c->wtype != NAP_W_TERNARY) return;
    memset(memory, 0, nap_frag_bytes(c, NAP_FRAG_W, 1));
    for (size_t n = 0; n < (size_t)c->depth * c->n; n++) {
        const unsigned index = nap_rng_below(&rng, 14), sign = nap_rng_below(&rng, 2);
        nap_bits_put(memory, n * 5, 5, sign << 4 | index);
    }
}

#endif
