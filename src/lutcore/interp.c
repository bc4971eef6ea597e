/* Issue, clock and statistics of a core that runs LMMA instructions (isa.h, "Time"). The values
 * are interp_regs.c's: a program that passed nap_program_check separates units by waits, so that
 * each instruction may take effect when it issues. */
#include "lutcore/interp.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"
#include "lutcore/interp_regs.h"

unsigned nap_linst_unit(const nap_linst *i)
{
    switch (i->op) {
    case NAP_L_LDA:
    case NAP_L_LDT:
    case NAP_L_LDW:
    case NAP_L_LDC:
    case NAP_L_LDS:
    case NAP_L_STT:
    case NAP_L_STC:
    case NAP_L_STS:
    case NAP_L_STO:
        return NAP_UNIT_MEM;
    case NAP_L_PRE:
        return NAP_UNIT_PRE;
    case NAP_L_ZEROC:
    case NAP_L_ZEROS:
    case NAP_L_LMMA:
        return NAP_UNIT_MMA;
    default:
        return 0;
    }
}

size_t nap_linst_bytes(const nap_core *c, const nap_linst *i)
{
    switch (i->op) {
    case NAP_L_LDA:
        return nap_frag_bytes(c, NAP_FRAG_A, c->wbits);
    case NAP_L_LDT:
    case NAP_L_STT:
        return nap_frag_bytes(c, NAP_FRAG_T, c->wbits);
    case NAP_L_LDW:
        return nap_frag_bytes(c, NAP_FRAG_W, nap_wt_planes(i->wt));
    case NAP_L_LDC:
    case NAP_L_STC:
    case NAP_L_STO:
        return nap_frag_bytes(c, NAP_FRAG_C, c->wbits);
    case NAP_L_LDS:
    case NAP_L_STS:
        return nap_frag_bytes(c, NAP_FRAG_S, c->wbits);
    default:
        return 0;
    }
}

static bool is_load(nap_lop op)
{
    return op >= NAP_L_LDA && op <= NAP_L_LDS;
}

static uint64_t lmma_steps(const nap_linst *i)
{
    return 1ull << (i->mi + i->nj + i->kl);
}

uint64_t nap_linst_cycles(const nap_core *c, const nap_linst *i)
{
    const uint64_t beats = nap_linst_bytes(c, i) / c->bus_bytes;
    const uint64_t groups = (uint64_t)c->m * c->depth;
    switch (nap_linst_unit(i)) {
    case NAP_UNIT_MEM:
        if (is_load(i->op)) return c->mem_latency + beats;
        return beats + (i->op == NAP_L_STO);
    case NAP_UNIT_PRE:
        return (groups + c->pre_units - 1) / c->pre_units;
    case NAP_UNIT_MMA:
        if (i->op != NAP_L_LMMA) return 1;
        return lmma_steps(i) * nap_core_planes(c, nap_wt_planes(i->wt));
    default:
        return 0;
    }
}

/* ------------------------------------------------------------------ the clock */

enum { MEM, PRE, MMA, UNITS };

typedef struct unit {
    uint64_t ready; /* first cycle in which an instruction for it may issue */
    uint64_t idle;  /* first cycle from which on it is not occupied */
    uint64_t busy;  /* occupied cycles so far */
    uint64_t stall; /* cycles nothing issued because of it */
} unit;

typedef struct loop {
    size_t start; /* first instruction of the body */
    uint32_t left;
} loop;

typedef struct machine {
    const nap_core *core;
    const nap_linst *inst;
    size_t count, pc;
    uint8_t *memory;
    size_t bytes;
    uint64_t now; /* first cycle in which the next instruction can issue */
    unit unit[UNITS];
    uint32_t x[NAP_L_XREGS];
    loop loops[NAP_L_LOOPS];
    unsigned depth;
    nap_regs regs;
    nap_lutstat stat;
} machine;

static unsigned unit_index(unsigned mask)
{
    return mask == NAP_UNIT_MEM ? MEM : mask == NAP_UNIT_PRE ? PRE : MMA;
}

/* Issues in cycle max(now, ready); occupies the unit for T cycles from the next one on. */
static void issue(machine *s, const nap_linst *i)
{
    unit *const u = &s->unit[unit_index(nap_linst_unit(i))];
    const bool drains = i->op == NAP_L_ZEROC || i->op == NAP_L_ZEROS;
    uint64_t from = u->ready;
    /* zero writes what the pipeline still holds: it follows the last occupied cycle. */
    if (drains && u->idle > 0 && u->idle - 1 > from) from = u->idle - 1;
    if (from > s->now) {
        u->stall += from - s->now;
        s->now = from;
    }
    const uint64_t cycles = nap_linst_cycles(s->core, i);
    const uint64_t after = i->op == NAP_L_LMMA ? s->core->pipeline - 1 : 0;
    const uint64_t begin = s->now + 1, end = begin + cycles + after;
    u->busy += end - (u->idle > begin ? u->idle : begin);
    u->ready = s->now + cycles;
    u->idle = end;
    s->now++;
}

/* Completes in the first cycle in which none of the units is occupied. */
static void wait_for(machine *s, unsigned mask)
{
    unit *last = NULL;
    for (unsigned i = 0; i < UNITS; i++) {
        unit *const u = &s->unit[i];
        if (mask >> i & 1 && u->idle > s->now && (!last || u->idle > last->idle)) last = u;
    }
    if (last) {
        last->stall += last->idle - s->now;
        s->now = last->idle;
    }
    s->now++;
}

/* ------------------------------------------------------------------ checks */

static nap_status fault(const machine *s, nap_status code, nap_error *e, const char *what)
{
    return nap_fail(e, code, NAP_NO_OFFSET, "LMMA program: instruction %zu: %s", s->pc, what);
}

static bool below(unsigned reg, unsigned more, unsigned count)
{
    return reg + more < count;
}

static bool planes_fit(const nap_core *c, unsigned wt)
{
    if (c->wtype == NAP_W_TERNARY) return wt == NAP_L_WT_TERNARY;
    if (c->wtype == NAP_W_E2M1) return wt == NAP_L_WT_E2M1;
    if (wt == 0 || wt > c->wbits) return false;
    const bool fixed = c->method == NAP_METHOD_MAC || c->method == NAP_METHOD_MAC_NATIVE;
    return !fixed || wt == c->wbits;
}

static bool lmma_fits(const nap_core *c, const nap_linst *i)
{
    if (i->mi > 3 || i->nj > 3 || i->kl > 3) return false;
    const unsigned ni = 1u << i->mi, nj = 1u << i->nj, nl = 1u << i->kl;
    const bool lut = c->method == NAP_METHOD_LUT;
    return planes_fit(c, i->wt) && i->a_operand == !lut && below(i->rd, ni * nj - 1, c->c_regs) &&
           below(i->rw, nj * nl - 1, c->w_regs) &&
           below(i->rt, ni * nl - 1, lut ? c->t_regs : c->a_regs) &&
           (i->rs == i->rd || i->rs == NAP_L_REG_NONE);
}

/* Can the design run this instruction at all? Keeps a program that was never checked from reaching
 * outside the registers. */
static bool fits(const nap_core *c, const nap_linst *i)
{
    const bool lut = c->method == NAP_METHOD_LUT;
    switch (i->op) {
    case NAP_L_MOV:
        return i->xd < NAP_L_XREGS;
    case NAP_L_ADD:
        return i->xd < NAP_L_XREGS && i->xb < NAP_L_XREGS;
    case NAP_L_LOOP:
        return i->imm != 0;
    case NAP_L_LDA:
        return i->xb < NAP_L_XREGS && i->rd < c->a_regs;
    case NAP_L_LDT:
        return i->xb < NAP_L_XREGS && lut && i->rd < c->t_regs;
    case NAP_L_LDW:
        return i->xb < NAP_L_XREGS && i->rd < c->w_regs && planes_fit(c, i->wt);
    case NAP_L_LDC:
        return i->xb < NAP_L_XREGS && i->rd < c->c_regs;
    case NAP_L_LDS:
        return i->xb < NAP_L_XREGS && i->rd < c->s_regs;
    case NAP_L_STT:
        return i->xb < NAP_L_XREGS && lut && i->rs < c->t_regs;
    case NAP_L_STC:
        return i->xb < NAP_L_XREGS && i->rs < c->c_regs;
    case NAP_L_STS:
        return i->xb < NAP_L_XREGS && i->rs < c->s_regs;
    case NAP_L_STO:
        return i->xb < NAP_L_XREGS && i->rs < c->c_regs && i->rt < c->s_regs && i->wt >= 1 &&
               i->wt <= 8;
    case NAP_L_ZEROC:
        return i->rd < c->c_regs;
    case NAP_L_ZEROS:
        return i->rd < c->s_regs;
    case NAP_L_PRE:
        return lut && i->rd < c->t_regs && i->rs < c->a_regs &&
               (i->rt < c->s_regs || i->rt == NAP_L_REG_NONE);
    case NAP_L_LMMA:
        return lmma_fits(c, i);
    default:
        return i->op < NAP_L_COUNT;
    }
}

/* ------------------------------------------------------------------ instructions */

static void count_bytes(machine *s, const nap_linst *i, uint64_t bytes)
{
    nap_lutstat *const t = &s->stat;
    uint64_t *kind = &t->bytes_c;
    if (i->op == NAP_L_LDA) kind = &t->bytes_a;
    if (i->op == NAP_L_LDT || i->op == NAP_L_STT) kind = &t->bytes_t;
    if (i->op == NAP_L_LDW) kind = &t->bytes_w;
    if (i->op == NAP_L_LDS || i->op == NAP_L_STS) kind = &t->bytes_s;
    *kind += bytes;
    *(is_load(i->op) ? &t->bytes_read : &t->bytes_written) += bytes;
}

static nap_status move(machine *s, const nap_linst *i, nap_error *e)
{
    const uint32_t at = s->x[i->xb] + (uint32_t)i->imm;
    const size_t bytes = nap_linst_bytes(s->core, i);
    if (at % s->core->bus_bytes != 0)
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "LMMA program: instruction %zu: address %u is not a multiple of %u bytes",
                        s->pc, at, s->core->bus_bytes);
    if (!nap_range_ok(at, bytes, s->bytes))
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "LMMA program: instruction %zu: %zu bytes at address %u end beyond the "
                        "memory of %zu bytes",
                        s->pc, bytes, at, s->bytes);
    issue(s, i);
    count_bytes(s, i, bytes);
    if (is_load(i->op)) {
        nap_regs_load(&s->regs, i, s->memory + at);
    } else {
        nap_regs_store(&s->regs, i, s->memory + at);
    }
    return NAP_OK;
}

static void multiply(machine *s, const nap_linst *i)
{
    const nap_core *const c = s->core;
    const uint64_t steps = lmma_steps(i), outputs = (uint64_t)c->m * c->n;
    issue(s, i);
    s->stat.steps += steps;
    s->stat.macs += steps * outputs * nap_core_kdim(c);
    if (nap_core_entries(c) > 0)
        s->stat.lookups += steps * outputs * c->depth * nap_core_planes(c, nap_wt_planes(i->wt));
    nap_regs_lmma(&s->regs, i);
}

static nap_status begin_loop(machine *s, const nap_linst *i, nap_error *e)
{
    if (s->depth == NAP_L_LOOPS) return fault(s, NAP_ERR_ARGUMENT, e, "loops nest deeper than 4");
    s->loops[s->depth++] = (loop){s->pc + 1, (uint32_t)i->imm};
    s->now++;
    return NAP_OK;
}

static nap_status end_loop(machine *s, nap_error *e)
{
    if (s->depth == 0) return fault(s, NAP_ERR_ARGUMENT, e, "end without a loop");
    loop *const l = &s->loops[s->depth - 1];
    s->now++;
    if (--l->left > 0) {
        s->pc = l->start - 1; /* the caller steps on */
    } else {
        s->depth--;
    }
    return NAP_OK;
}

static nap_status execute(machine *s, const nap_linst *i, nap_error *e)
{
    switch (i->op) {
    case NAP_L_MOV:
    case NAP_L_ADD:
        if (i->xd != 0) s->x[i->xd] = (uint32_t)i->imm + (i->op == NAP_L_ADD ? s->x[i->xb] : 0);
        s->now++;
        return NAP_OK;
    case NAP_L_LOOP:
        return begin_loop(s, i, e);
    case NAP_L_END:
        return end_loop(s, e);
    case NAP_L_ZEROC:
    case NAP_L_ZEROS:
        issue(s, i);
        nap_regs_zero(&s->regs, i);
        return NAP_OK;
    case NAP_L_PRE:
        issue(s, i);
        nap_regs_pre(&s->regs, i);
        s->stat.tables += (uint64_t)s->core->m * s->core->depth;
        return NAP_OK;
    case NAP_L_LMMA:
        multiply(s, i);
        return NAP_OK;
    case NAP_L_WAIT:
        wait_for(s, i->mask);
        return NAP_OK;
    case NAP_L_HALT:
        wait_for(s, NAP_UNIT_MEM | NAP_UNIT_PRE | NAP_UNIT_MMA);
        return NAP_OK;
    case NAP_L_NOP:
        s->now++;
        return NAP_OK;
    default:
        return move(s, i, e);
    }
}

static nap_status run(machine *s, uint64_t most, nap_error *e)
{
    for (;; s->pc++) {
        if (s->pc >= s->count)
            return fault(s, NAP_ERR_ARGUMENT, e, "the program ends without halt");
        if (s->stat.instructions == most)
            return nap_fail(e, NAP_ERR_LIMIT, NAP_NO_OFFSET,
                            "LMMA program: instruction %zu: no halt within %llu instructions",
                            s->pc, (unsigned long long)most);
        const nap_linst *const i = &s->inst[s->pc];
        if (!fits(s->core, i))
            return fault(s, NAP_ERR_ARGUMENT, e, "the design cannot run it; check the program");
        NAP_TRY(execute(s, i, e));
        s->stat.instructions++;
        if (i->op == NAP_L_HALT) return NAP_OK;
    }
}

static void finish(machine *s, nap_lutstat *stat)
{
    nap_lutstat *const t = &s->stat;
    t->cycles = s->now;
    t->stall_mem = s->unit[MEM].stall;
    t->stall_pre = s->unit[PRE].stall;
    t->stall_mma = s->unit[MMA].stall;
    t->busy_mem = s->unit[MEM].busy;
    t->busy_pre = s->unit[PRE].busy;
    t->busy_mma = s->unit[MMA].busy;
    if (stat) *stat = *t;
}

nap_status nap_linst_run(const nap_linst *inst, size_t count, const nap_core *c, uint8_t *memory,
                         size_t bytes, const nap_lrun *how, nap_lutstat *stat, nap_error *e)
{
    machine s = {.core = c, .inst = inst, .count = count, .memory = memory, .bytes = bytes};
    NAP_TRY(nap_regs_init(&s.regs, c, !how || !how->by_steps, e));
    const nap_status status =
        run(&s, how && how->max_instructions ? how->max_instructions : 1ull << 40, e);
    if (status == NAP_OK) finish(&s, stat);
    nap_regs_free(&s.regs);
    return status;
}

nap_status nap_lmma_run(const nap_program *p, const nap_core *c, uint8_t *memory, size_t bytes,
                        uint64_t max_instructions, nap_lutstat *stat, nap_error *e)
{
    const nap_lrun how = {.max_instructions = max_instructions};
    nap_linst *const inst = nap_calloc(p->count, sizeof *inst);
    if (!inst) return nap_fail_memory(e, p->count * sizeof *inst, "the program");
    nap_status status = NAP_OK;
    for (size_t i = 0; status == NAP_OK && i < p->count; i++)
        status = nap_linst_decode(p->word[i], i, &inst[i], e);
    if (status == NAP_OK) status = nap_linst_run(inst, p->count, c, memory, bytes, &how, stat, e);
    nap_free(inst);
    return status;
}
