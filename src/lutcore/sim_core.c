/* The core model of the cycle simulator: one core, clocked cycle by cycle, without values.
 *
 * Each unit counts down the cycles it still works and the cycles it is still occupied (the LMMA
 * pipeline outlasts its work). In every cycle the front end issues its instruction if the unit lets
 * it, or waits; stretches in which nothing can change are skipped. Only the occupancy of an
 * instruction, nap_linst_cycles(), is shared with the interpreter, which reckons in intervals
 * instead: that both agree with the RTL is a test of each. */
#include "lutcore/sim.h"

#include "base/alloc.h"
#include "base/error.h"
#include "lutcore/array.h"

enum { UNITS = 3, MMA = 2 }; /* by the bits of NAP_UNIT_... */

typedef struct unit {
    uint64_t work;     /* cycles of work left, counted at the start of the current cycle */
    uint64_t occupied; /* the same for `wait`: work, and what the pipeline still holds */
} unit;

typedef struct core {
    const nap_core *design;
    uint64_t cycle; /* the current one; the first is 0 */
    unit unit[UNITS];
    uint64_t stall[UNITS], busy[UNITS];
    nap_lutstat stat;
} core;

static void tick(core *s, uint64_t cycles)
{
    for (unsigned i = 0; i < UNITS; i++) {
        unit *const u = &s->unit[i];
        s->busy[i] += u->occupied < cycles ? u->occupied : cycles;
        u->work -= u->work < cycles ? u->work : cycles;
        u->occupied -= u->occupied < cycles ? u->occupied : cycles;
    }
    s->cycle += cycles;
}

static void idle(core *s, unsigned because, uint64_t cycles)
{
    s->stall[because] += cycles;
    tick(s, cycles);
}

/* An instruction may enter in the last cycle of work of the one before; `zero` only in the last
 * cycle in which the pipeline holds anything. */
static void enter(core *s, const nap_linst *i)
{
    const unsigned index = (unsigned)__builtin_ctz(nap_linst_unit(i));
    unit *const u = &s->unit[index];
    const bool drains = i->op == NAP_L_ZEROC || i->op == NAP_L_ZEROS;
    const uint64_t left = drains && u->occupied > u->work ? u->occupied : u->work;
    if (left > 1) idle(s, index, left - 1);
    tick(s, 1);
    u->work = nap_linst_cycles(s->design, i);
    const uint64_t held = u->work + (i->op == NAP_L_LMMA ? s->design->pipeline - 1 : 0);
    if (held > u->occupied) u->occupied = held;
}

static void wait_for(core *s, unsigned mask)
{
    unsigned last = UNITS;
    for (unsigned i = 0; i < UNITS; i++) {
        const bool waits = (mask >> i & 1) != 0 && s->unit[i].occupied > 0;
        if (waits && (last == UNITS || s->unit[i].occupied > s->unit[last].occupied)) last = i;
    }
    if (last < UNITS) idle(s, last, s->unit[last].occupied);
    tick(s, 1);
}

static void count(core *s, const nap_linst *i)
{
    nap_lutstat *const t = &s->stat;
    const nap_core *const c = s->design;
    const uint64_t bytes = nap_linst_bytes(c, i), outputs = (uint64_t)c->m * c->n;
    const bool reads = i->op >= NAP_L_LDA && i->op <= NAP_L_LDS;
    *(reads ? &t->bytes_read : &t->bytes_written) += bytes;
    switch (i->op) {
    case NAP_L_LDA:
        t->bytes_a += bytes;
        break;
    case NAP_L_LDT:
    case NAP_L_STT:
        t->bytes_t += bytes;
        break;
    case NAP_L_LDW:
        t->bytes_w += bytes;
        break;
    case NAP_L_LDS:
    case NAP_L_STS:
        t->bytes_s += bytes;
        break;
    case NAP_L_PRE:
        t->tables += (uint64_t)c->m * c->depth;
        break;
    case NAP_L_LMMA: {
        const uint64_t steps = UINT64_C(1) << (i->mi + i->nj + i->kl);
        const unsigned planes = (unsigned)(nap_linst_cycles(c, i) / steps);
        t->steps += steps;
        t->macs += steps * outputs * nap_core_kdim(c);
        if (nap_core_entries(c) > 0) t->lookups += steps * outputs * c->depth * planes;
        break;
    }
    default:
        t->bytes_c += bytes;
    }
}

typedef struct level {
    size_t body;
    uint32_t left;
} level;

static nap_status fault(size_t pc, const char *what, nap_error *e)
{
    return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET, "LMMA program: instruction %zu: %s", pc,
                    what);
}

static nap_status clock_program(core *s, const nap_linst *inst, size_t n, uint64_t most,
                                nap_error *e)
{
    level loops[NAP_L_LOOPS];
    unsigned depth = 0;
    for (size_t pc = 0; pc < n; pc++) {
        const nap_linst *const i = &inst[pc];
        if (s->stat.instructions++ == most)
            return nap_fail(e, NAP_ERR_LIMIT, NAP_NO_OFFSET,
                            "LMMA program: instruction %zu: no halt within %llu instructions", pc,
                            (unsigned long long)most);
        if (i->op == NAP_L_WAIT || i->op == NAP_L_HALT) {
            wait_for(s, i->op == NAP_L_HALT ? (1u << UNITS) - 1 : i->mask);
            if (i->op == NAP_L_HALT) return NAP_OK;
            continue;
        }
        if (nap_linst_unit(i) != 0) {
            enter(s, i);
            count(s, i);
            continue;
        }
        tick(s, 1);
        if (i->op == NAP_L_LOOP) {
            if (depth == NAP_L_LOOPS) return fault(pc, "loops nest deeper than 4", e);
            loops[depth++] = (level){pc, (uint32_t)i->imm};
        } else if (i->op == NAP_L_END) {
            if (depth == 0) return fault(pc, "end without a loop", e);
            if (--loops[depth - 1].left > 0)
                pc = loops[depth - 1].body; /* the loop's step is to the instruction after */
            else
                depth--;
        }
    }
    return fault(n, "the program ends without halt", e);
}

nap_status nap_sim_core(const nap_program *p, const nap_core *c, uint64_t max_instructions,
                        nap_lutstat *stat, nap_error *e)
{
    nap_linst *const inst = nap_calloc(p->count, sizeof *inst);
    if (inst == NULL) return nap_fail_memory(e, p->count * sizeof *inst, "a program");
    core s = {.design = c};
    nap_status status = NAP_OK;
    for (size_t i = 0; status == NAP_OK && i < p->count; i++)
        status = nap_linst_decode(p->word[i], i, &inst[i], e);
    const uint64_t most = max_instructions > 0 ? max_instructions : UINT64_C(1) << 40;
    if (status == NAP_OK) status = clock_program(&s, inst, p->count, most, e);
    if (status == NAP_OK) {
        *stat = s.stat;
        stat->cycles = s.cycle;
        stat->stall_mem = s.stall[0], stat->stall_pre = s.stall[1], stat->stall_mma = s.stall[2];
        stat->busy_mem = s.busy[0], stat->busy_pre = s.busy[1], stat->busy_mma = s.busy[MMA];
    }
    nap_free(inst);
    return status;
}
