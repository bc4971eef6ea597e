/* A plan's program. Every operand streams through steps of l fragments of K:
 *
 *   two buffers:  slot t issues lmma(t), then what makes the operands of t + 1 (and, where tables
 *                 are made, loads the activations of t + 2), then waits for all of it;
 *   one buffer:   slot t loads, makes and multiplies one after another.
 *
 * With overlap, a tile's results leave among the slots of the next tile, which then has the other
 * half of the accumulators.
 *
 * The slots that look alike become a loop over pairs of them, so that buffers alternate by name.
 * Around them: loops over groups of K, column tiles and row tiles, four levels at most. Pointers
 * move with the loops; everything within a tile is an offset.
 *   x1 activations or tables   x2 weights   x3 results   x4 row sums   x5 starting values
 * In the phase that stores tables, x2 points to the tables. */
#include "lutcore/compile_plan.h"

#include "base/alloc.h"
#include "base/error.h"

enum { XA = 1, XW, XO, XS, XI };

typedef struct emitter {
    const nap_lplan *p;
    nap_lcode *out;
    bool failed;
    /* the stream being emitted */
    nap_lsource source;
    bool weights, multiply, keep_tables; /* keep_tables: store the tables to memory */
    unsigned tm, tn, l, buffers;
    size_t kb;     /* fragments of a row's K in one group */
    size_t row;    /* fragments from one row block's operand to the next */
    size_t column; /* the same for weights */
    size_t base;   /* fragments of K that the pointers have moved */
    /* the tile: its first accumulator and row sum, and results of the tile before that are yet to
     * be stored */
    unsigned c_at, s_at;
    struct {
        unsigned c_at, s_at, next, count, columns;
        int64_t advance; /* of x3, after the last */
    } pending;
} emitter;

static void put(emitter *x, nap_linst i)
{
    nap_lcode *o = x->out;
    if (o->count == o->cap) {
        const size_t cap = o->cap > 0 ? 2 * o->cap : 256;
        nap_linst *grown = nap_realloc(o->v, cap, sizeof *grown);
        if (grown == NULL) {
            x->failed = true;
            return;
        }
        o->v = grown;
        o->cap = cap;
    }
    o->v[o->count++] = i;
}

static void put_wait(emitter *x, unsigned mask)
{
    if (mask != 0) put(x, (nap_linst){.op = NAP_L_WAIT, .mask = (uint8_t)mask});
}

/* x += delta, in 32 bits. */
static void advance(emitter *x, unsigned reg, int64_t delta)
{
    if (delta != 0)
        put(x, (nap_linst){
                   .op = NAP_L_ADD, .xd = (uint8_t)reg, .xb = (uint8_t)reg, .imm = (int32_t)delta});
}

static void load(emitter *x, nap_lop op, unsigned reg, unsigned xb, size_t at)
{
    put(x, (nap_linst){.op = op,
                       .rd = (uint8_t)reg,
                       .xb = (uint8_t)xb,
                       .imm = (int32_t)at,
                       .wt = op == NAP_L_LDW ? x->p->wt : 0});
}

static void begin_loop(emitter *x, size_t count)
{
    if (count > 1) put(x, (nap_linst){.op = NAP_L_LOOP, .imm = (int32_t)count});
}

static void end_loop(emitter *x, size_t count)
{
    if (count > 1) put(x, (nap_linst){.op = NAP_L_END});
}

/* ---- steps: full ones of l fragments, then the rest in falling powers of two */

typedef struct step {
    size_t first; /* fragment of K */
    unsigned l;
} step;

static size_t full_steps(const emitter *x)
{
    return x->kb / x->l;
}

static size_t step_count(const emitter *x)
{
    return full_steps(x) + (size_t)__builtin_popcountll(x->kb % x->l);
}

static step step_at(const emitter *x, size_t t)
{
    const size_t full = full_steps(x);
    if (t < full) return (step){t * x->l, x->l};
    size_t first = full * x->l, rest = x->kb % x->l;
    for (;; t--) {
        const unsigned l = 1u << (63 - __builtin_clzll(rest));
        if (t == full) return (step){first, l};
        first += l;
        rest -= l;
    }
}

static unsigned log2_of(unsigned v)
{
    return (unsigned)__builtin_ctz(v);
}

/* First register of step t's operands: buffers alternate; kept ones lie one after another. */
static unsigned operand_reg(const emitter *x, size_t t)
{
    if (x->source == NAP_LSRC_KEPT) return (unsigned)(x->tm * step_at(x, t).first);
    return (unsigned)(t % x->buffers) * x->tm * x->l;
}

static unsigned weight_reg(const emitter *x, size_t t)
{
    return (unsigned)(t % x->buffers) * x->tn * x->l;
}

/* ---- what a slot does; each returns the units it used */

static unsigned load_operand(emitter *x, size_t t)
{
    const nap_lplan *p = x->p;
    const step s = step_at(x, t);
    const bool ready = x->source == NAP_LSRC_TABLES;
    const uint32_t bytes = ready ? p->ft : p->fa;
    const unsigned reg = (unsigned)(t % x->buffers) * x->tm * x->l;
    for (unsigned r = 0; r < x->tm; r++)
        for (unsigned h = 0; h < s.l; h++)
            load(x, ready ? NAP_L_LDT : NAP_L_LDA, reg + r * s.l + h, XA,
                 (r * x->row + s.first + h - x->base) * bytes);
    return NAP_UNIT_MEM;
}

static unsigned load_weights(emitter *x, size_t t)
{
    const step s = step_at(x, t);
    for (unsigned q = 0; q < x->tn; q++)
        for (unsigned h = 0; h < s.l; h++)
            load(x, NAP_L_LDW, weight_reg(x, t) + q * s.l + h, XW,
                 (q * x->column + s.first + h - x->base) * x->p->fw);
    return NAP_UNIT_MEM;
}

/* from: first a register of the step; to: first t register. */
static unsigned make_tables(emitter *x, size_t t, unsigned from, unsigned to)
{
    const step s = step_at(x, t);
    for (unsigned r = 0; r < x->tm; r++)
        for (unsigned h = 0; h < s.l; h++)
            put(x,
                (nap_linst){.op = NAP_L_PRE,
                            .rd = (uint8_t)(to + r * s.l + h),
                            .rs = (uint8_t)(from + r * s.l + h),
                            .rt = x->p->finish ? (uint8_t)(x->s_at + r) : (uint8_t)NAP_L_REG_NONE});
    return NAP_UNIT_PRE;
}

static unsigned make_step(emitter *x, size_t t)
{
    const unsigned from = (unsigned)(t % x->buffers) * x->tm * x->l;
    return make_tables(x, t, from, operand_reg(x, t));
}

static unsigned multiply(emitter *x, size_t t)
{
    const nap_core *c = x->p->core;
    const step s = step_at(x, t);
    const bool fresh = t == 0 && !x->p->offset;
    put(x, (nap_linst){.op = NAP_L_LMMA,
                       .rd = (uint8_t)x->c_at,
                       .rs = (uint8_t)(fresh ? NAP_L_REG_NONE : x->c_at),
                       .rt = (uint8_t)operand_reg(x, t),
                       .rw = (uint8_t)weight_reg(x, t),
                       .wt = x->p->wt,
                       .mi = (uint8_t)log2_of(x->tm),
                       .nj = (uint8_t)log2_of(x->tn),
                       .kl = (uint8_t)log2_of(s.l),
                       .m = (uint8_t)c->m,
                       .n = (uint16_t)c->n,
                       .kd = (uint16_t)nap_core_kdim(c),
                       .a_operand = !x->p->tables,
                       .ad = nap_core_ladt(c),
                       .acc = c->acc,
                       .out = c->acc});
    return NAP_UNIT_MMA;
}

static unsigned store_tables(emitter *x, size_t t)
{
    const step s = step_at(x, t);
    for (unsigned h = 0; h < s.l; h++)
        put(x, (nap_linst){.op = NAP_L_STT,
                           .rs = (uint8_t)(operand_reg(x, t) + h),
                           .xb = XW,
                           .imm = (int32_t)((s.first + h - x->base) * x->p->ft)});
    return NAP_UNIT_MEM;
}

/* Stores up to `most` of the results that are waiting; the units used. */
static unsigned drain(emitter *x, unsigned most)
{
    const nap_lplan *p = x->p;
    if (x->pending.next == x->pending.count) return 0;
    for (; most > 0 && x->pending.next < x->pending.count; most--, x->pending.next++) {
        const unsigned i = x->pending.next, r = i / x->pending.columns, q = i % x->pending.columns;
        put(x, (nap_linst){.op = p->finish ? NAP_L_STO : NAP_L_STC,
                           .rs = (uint8_t)(x->pending.c_at + i),
                           .rt = p->finish ? (uint8_t)(x->pending.s_at + r) : 0,
                           .xb = XO,
                           .imm = (int32_t)((r * p->nb + q) * p->fc),
                           .zp = p->finish ? (int16_t)p->zero : 0,
                           .wt = p->finish ? p->wt : 0});
    }
    if (x->pending.next == x->pending.count) advance(x, XO, x->pending.advance);
    return NAP_UNIT_MEM;
}

/* ---- slots */

static bool loads_operand(const emitter *x)
{
    return x->source != NAP_LSRC_KEPT;
}

/* How many steps ahead of its lmma a step's first load is. */
static size_t lead(const emitter *x)
{
    return x->buffers == 1 ? 0 : x->source == NAP_LSRC_MAKE ? 2 : 1;
}

static void move_pointers(emitter *x, size_t fragments)
{
    const nap_lplan *p = x->p;
    if (loads_operand(x))
        advance(x, XA, (int64_t)fragments * (x->source == NAP_LSRC_TABLES ? p->ft : p->fa));
    if (x->weights) advance(x, XW, (int64_t)fragments * p->fw);
    if (x->keep_tables) advance(x, XW, (int64_t)fragments * p->ft);
}

static void slot_single(emitter *x, size_t t)
{
    unsigned used = 0;
    if (loads_operand(x)) used |= load_operand(x, t);
    if (x->weights) used |= load_weights(x, t);
    put_wait(x, used);
    if (x->source == NAP_LSRC_MAKE) put_wait(x, make_step(x, t));
    if (x->multiply) put_wait(x, multiply(x, t));
    if (x->keep_tables) put_wait(x, store_tables(x, t));
}

/* Slots -lead .. steps - 1; moved: fragments that the pointers move within it. */
static void slot(emitter *x, ptrdiff_t t, size_t moved, unsigned stores)
{
    const ptrdiff_t steps = (ptrdiff_t)step_count(x);
    const bool make = x->source == NAP_LSRC_MAKE;
    const ptrdiff_t next = t + 1, after = t + (ptrdiff_t)lead(x);
    unsigned used = 0;
    if (t >= 0 && x->multiply) used |= multiply(x, (size_t)t);
    if (make && next >= 0 && next < steps) used |= make_step(x, (size_t)next);
    if (t >= 0 && x->keep_tables) used |= store_tables(x, (size_t)t);
    if (x->weights && next >= 0 && next < steps) used |= load_weights(x, (size_t)next);
    if (loads_operand(x) && after < steps) used |= load_operand(x, (size_t)after);
    used |= drain(x, stores);
    if (moved > 0) move_pointers(x, moved);
    put_wait(x, used);
}

/* Row sums start at zero. Nothing may still read them: the caller has waited for MEM. */
static void clear_sums(emitter *x)
{
    for (unsigned r = 0; r < x->tm; r++)
        put(x, (nap_linst){.op = NAP_L_ZEROS, .rd = (uint8_t)(x->s_at + r)});
    put_wait(x, NAP_UNIT_MMA);
}

static void slots_of(emitter *x)
{
    const size_t steps = step_count(x), full = full_steps(x), ahead = lead(x);
    /* alike: from 1 on, as long as all that a slot touches are full steps */
    const size_t per = x->buffers, last = full > ahead ? full - ahead : 0;
    size_t alike = x->source != NAP_LSRC_KEPT && last > 1 ? (last - 1) / per : 0;
    if (alike < 2) alike = 0;
    /* The tile before leaves with the first slots: a loop's cannot differ from each other. */
    const unsigned waiting = x->pending.count - x->pending.next;
    const unsigned share = alike > 0 ? waiting : (unsigned)((waiting + steps - 1) / steps);
    size_t t = 0;
    while (t < steps) {
        if (t == 1 && alike > 0) {
            const size_t moved = per * x->l;
            begin_loop(x, alike);
            for (size_t i = 0; i < per; i++) {
                if (per == 1) {
                    slot_single(x, t);
                    move_pointers(x, moved);
                } else {
                    slot(x, (ptrdiff_t)(t + i), i + 1 == per ? moved : 0, 0);
                }
            }
            end_loop(x, alike);
            x->base += alike * moved;
            t += alike * per;
            continue;
        }
        if (x->buffers == 1)
            slot_single(x, t);
        else
            slot(x, (ptrdiff_t)t, 0, share);
        t++;
    }
}

/* One group of K for one tile. MEM may still be busy with what the caller issued; the other units
 * are idle, before and after. */
static void stream(emitter *x)
{
    const bool sums = x->source == NAP_LSRC_MAKE && x->p->finish;
    x->base = 0;
    if (x->buffers == 1) {
        put_wait(x, NAP_UNIT_MEM);
        if (sums) clear_sums(x);
    } else {
        if (lead(x) == 2) slot(x, -2, 0, 0);
        if (sums) clear_sums(x); /* that slot's wait was for MEM */
        slot(x, -1, 0, 0);
    }
    slots_of(x);
}

/* ---- tiles */

typedef struct tiling {
    unsigned size[8];
    size_t count[8];
    unsigned n;
} tiling;

/* `blocks` in tiles of `tile`, the rest in falling powers of two. */
static tiling tile_by(size_t blocks, unsigned tile)
{
    tiling t = {0};
    for (unsigned size = tile; size > 0; size /= 2) {
        if (blocks / size == 0) continue;
        t.size[t.n] = size;
        t.count[t.n++] = blocks / size;
        blocks %= size;
    }
    return t;
}

/* The tile's results are ready: they leave at once, or with overlap during the next tile; then x3
 * moves on. */
static void results_ready(emitter *x, int64_t move)
{
    x->pending.c_at = x->c_at;
    x->pending.s_at = x->s_at;
    x->pending.next = 0;
    x->pending.columns = x->tn;
    x->pending.count = x->tm * x->tn;
    x->pending.advance = move;
    if (!x->p->overlap) drain(x, x->pending.count);
}

/* Row sums come from memory where no table is made in the same loop. */
static bool loads_sums(const emitter *x)
{
    return x->p->finish && x->source != NAP_LSRC_MAKE &&
           !(x->source == NAP_LSRC_KEPT && x->p->tables);
}

static void load_sums(emitter *x)
{
    if (!loads_sums(x)) return;
    for (unsigned r = 0; r < x->tm; r++)
        load(x, NAP_L_LDS, x->s_at + r, XS, r * x->p->groups * x->p->fs);
}

/* A tile's accumulators, where they do not start at zero. */
static void load_starts(emitter *x)
{
    if (!x->p->offset) return;
    for (unsigned r = 0; r < x->tm; r++)
        for (unsigned q = 0; q < x->tn; q++)
            load(x, NAP_L_LDC, x->c_at + r * x->tn + q, XI, r * x->p->groups * x->p->fc);
}

static int64_t operand_bytes(const emitter *x)
{
    return x->source == NAP_LSRC_TABLES ? x->p->ft : x->p->fa;
}

/* Accumulators and row sums of a tile: with overlap, two sets in turn. */
static void use_set(emitter *x, unsigned set)
{
    x->c_at = set * x->tm * x->tn;
    x->s_at = x->source == NAP_LSRC_KEPT ? 0 : set * x->tm;
}

/* `count` tiles one after another; `tile` ends with results_ready(). With overlap each tile's
 * results leave during the next, so the loop takes tiles in pairs and the first stands before it.
 */
static void repeat_tiles(emitter *x, size_t count, void (*tile)(emitter *x))
{
    const size_t pairs = (count - 1) / 2;
    use_set(x, 0);
    if (!x->p->overlap) {
        begin_loop(x, count);
        tile(x);
        end_loop(x, count);
        return;
    }
    tile(x);
    if (pairs > 0) {
        begin_loop(x, pairs);
        use_set(x, 1);
        tile(x);
        use_set(x, 0);
        tile(x);
        end_loop(x, pairs);
    }
    if (count % 2 == 0) {
        use_set(x, 1);
        tile(x);
    }
    drain(x, x->pending.count);
}

/* One group of one tile, operands streaming; the pointers move to the next group. */
static void group_tile(emitter *x)
{
    const nap_lplan *p = x->p;
    load_sums(x);
    load_starts(x);
    stream(x);
    results_ready(x, (int64_t)(p->mb * p->nb) * p->fc);
    const int64_t left = (int64_t)(p->kb - x->base);
    advance(x, XA, left * operand_bytes(x));
    advance(x, XW, left * p->fw);
    if (loads_sums(x)) advance(x, XS, p->fs);
    if (p->offset) advance(x, XI, p->fc);
}

/* One tile where there is one group: the pointers move to the next column tile. */
static void whole_tile(emitter *x)
{
    const nap_lplan *p = x->p;
    const int64_t kb = (int64_t)p->kb;
    load_sums(x);
    load_starts(x);
    stream(x);
    results_ready(x, x->tn * (int64_t)p->fc);
    advance(x, XA, -(int64_t)x->base * operand_bytes(x));
    advance(x, XW, (x->tn * kb - (int64_t)x->base) * p->fw);
}

/* Column tiles of one row tile, operands streaming: pointers end where the next row tile's begin.
 */
static void streamed_row_tile(emitter *x)
{
    const nap_lplan *p = x->p;
    const int64_t g = (int64_t)p->groups, kt = g * (int64_t)p->kb;
    const tiling cols = tile_by(p->nb, p->tn);
    for (unsigned i = 0; i < cols.n; i++) {
        x->tn = cols.size[i];
        if (g == 1) {
            repeat_tiles(x, cols.count[i], whole_tile);
            continue;
        }
        begin_loop(x, cols.count[i]);
        repeat_tiles(x, p->groups, group_tile);
        advance(x, XA, -kt * operand_bytes(x));
        advance(x, XW, (int64_t)(x->tn - 1) * kt * p->fw);
        advance(x, XO, x->tn * (int64_t)p->fc - g * (int64_t)(p->mb * p->nb) * p->fc);
        if (loads_sums(x)) advance(x, XS, -g * p->fs);
        if (p->offset) advance(x, XI, -g * p->fc);
        end_loop(x, cols.count[i]);
    }
    advance(x, XA, x->tm * kt * operand_bytes(x));
    advance(x, XW, -(int64_t)p->nb * kt * p->fw);
    advance(x, XO, (int64_t)((x->tm - 1) * p->nb) * p->fc);
    if (loads_sums(x)) advance(x, XS, (int64_t)(x->tm * p->groups) * p->fs);
    if (p->offset) advance(x, XI, (int64_t)(x->tm * p->groups) * p->fc);
}

/* Loads a row tile's operands of one group into registers, making tables of them. */
static void keep_operands(emitter *x)
{
    const nap_lplan *p = x->p;
    const size_t steps = step_count(x);
    x->base = 0;
    use_set(x, 0);
    put_wait(x, NAP_UNIT_MEM);
    if (!x->p->tables) {
        for (size_t t = 0; t < steps; t++) {
            const step s = step_at(x, t);
            for (unsigned r = 0; r < x->tm; r++)
                for (unsigned h = 0; h < s.l; h++)
                    load(x, NAP_L_LDA, operand_reg(x, t) + r * s.l + h, XA,
                         (r * x->row + s.first + h) * p->fa);
        }
        load_sums(x);
        return;
    }
    if (p->finish) clear_sums(x);
    const unsigned regs = p->core->a_regs;
    unsigned used = 0;
    for (size_t t = 0; t < steps; t++) {
        const step s = step_at(x, t);
        for (unsigned r = 0; r < x->tm; r++)
            for (unsigned h = 0; h < s.l; h++, used++) {
                const unsigned a = used % regs;
                if (used > 0 && a == 0) put_wait(x, NAP_UNIT_PRE);
                load(x, NAP_L_LDA, a, XA, (r * x->row + s.first + h) * p->fa);
                put_wait(x, NAP_UNIT_MEM);
                put(x, (nap_linst){.op = NAP_L_PRE,
                                   .rd = (uint8_t)(operand_reg(x, t) + r * s.l + h),
                                   .rs = (uint8_t)a,
                                   .rt = p->finish ? (uint8_t)r : (uint8_t)NAP_L_REG_NONE});
            }
    }
    put_wait(x, NAP_UNIT_PRE);
}

static void kept_tile(emitter *x)
{
    const nap_lplan *p = x->p;
    load_starts(x);
    stream(x);
    results_ready(x, x->tn * (int64_t)p->fc);
    advance(x, XW, x->tn * (int64_t)(p->groups * p->kb) * p->fw);
}

static void kept_row_tile(emitter *x)
{
    const nap_lplan *p = x->p;
    const int64_t kt = (int64_t)(p->groups * p->kb), kb = (int64_t)p->kb;
    const tiling cols = tile_by(p->nb, p->tn);
    begin_loop(x, p->groups);
    keep_operands(x);
    for (unsigned i = 0; i < cols.n; i++) {
        x->tn = cols.size[i];
        repeat_tiles(x, cols.count[i], kept_tile);
    }
    advance(x, XA, kb * p->fa);
    advance(x, XW, (kb - (int64_t)p->nb * kt) * p->fw);
    advance(x, XO, (int64_t)((p->mb - 1) * p->nb) * p->fc);
    if (loads_sums(x)) advance(x, XS, p->fs);
    if (p->offset) advance(x, XI, p->fc);
    end_loop(x, p->groups);
    const int64_t g = (int64_t)p->groups;
    advance(x, XA, (x->tm - 1) * kt * p->fa);
    advance(x, XW, -kt * p->fw);
    advance(x, XO, (int64_t)(x->tm * p->nb) * p->fc - g * (int64_t)(p->mb * p->nb) * p->fc);
    if (loads_sums(x)) advance(x, XS, (int64_t)(x->tm - 1) * g * p->fs);
    if (p->offset) advance(x, XI, (int64_t)(x->tm - 1) * g * p->fc);
}

static void set_pointer(emitter *x, unsigned reg, uint32_t at)
{
    put(x, (nap_linst){.op = NAP_L_MOV, .xd = (uint8_t)reg, .imm = (int32_t)at});
}

/* First phase of NAP_LSRC_TABLES: every activation fragment's table to memory, row sums too. */
static void tables_to_memory(emitter *x)
{
    const nap_lplan *p = x->p;
    x->source = NAP_LSRC_MAKE;
    x->keep_tables = true;
    x->weights = x->multiply = false;
    x->tm = 1;
    x->tn = 0;
    x->l = p->chunk;
    x->buffers = p->chunk_buffers;
    const size_t streams = p->mb * p->groups;
    set_pointer(x, XA, p->a_at);
    set_pointer(x, XW, p->t_at);
    if (p->finish) set_pointer(x, XS, p->s_at);
    begin_loop(x, streams);
    stream(x);
    if (p->finish) put(x, (nap_linst){.op = NAP_L_STS, .rs = 0, .xb = XS});
    const int64_t left = (int64_t)(p->kb - x->base);
    advance(x, XA, left * p->fa);
    advance(x, XW, left * p->ft);
    if (p->finish) advance(x, XS, p->fs);
    end_loop(x, streams);
    put_wait(x, NAP_UNIT_MEM);
}

nap_status nap_lplan_emit(const nap_lplan *p, nap_lcode *out, nap_error *e)
{
    emitter x = {.p = p, .out = out, .kb = p->kb};
    out->count = 0;
    x.row = x.column = p->groups * p->kb;
    if (p->source == NAP_LSRC_TABLES) tables_to_memory(&x);
    x.source = p->source;
    x.keep_tables = false;
    x.weights = x.multiply = true;
    x.l = p->l;
    x.buffers = p->buffers;
    set_pointer(&x, XA, p->source == NAP_LSRC_TABLES ? p->t_at : p->a_at);
    set_pointer(&x, XW, p->w_at);
    set_pointer(&x, XO, p->out_at);
    if (loads_sums(&x)) set_pointer(&x, XS, p->s_at);
    if (p->offset) set_pointer(&x, XI, p->start_at);
    const tiling rows = tile_by(p->mb, p->tm);
    for (unsigned i = 0; i < rows.n; i++) {
        x.tm = rows.size[i];
        begin_loop(&x, rows.count[i]);
        if (p->source == NAP_LSRC_KEPT)
            kept_row_tile(&x);
        else
            streamed_row_tile(&x);
        end_loop(&x, rows.count[i]);
    }
    put(&x, (nap_linst){.op = NAP_L_HALT});
    return x.failed ? nap_fail_memory(e, out->cap * sizeof *out->v, "a program") : NAP_OK;
}
