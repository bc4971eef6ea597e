/* The clock of isa.h on a program without data, for the compiler's choice of tiles. A loop's
 * iterations differ only until the units' state at its end repeats; from then on every further
 * iteration takes the same time and is multiplied out, so that the cost grows with the program
 * and not with the matrix. */
#include "lutcore/compile_plan.h"

typedef struct unit_clock {
    uint64_t next; /* earliest issue of its next instruction */
    uint64_t idle; /* first cycle in which it is not occupied */
} unit_clock;

enum { UNITS = 3 }; /* by the bits of NAP_UNIT_... */

typedef struct state {
    uint64_t at; /* earliest cycle of the next issue */
    unit_clock u[UNITS];
} state;

/* How far the units reach beyond the present: all that the future depends on. */
typedef struct shape {
    uint64_t next[UNITS], idle[UNITS];
} shape;

static shape shape_of(const state *s)
{
    shape r;
    for (unsigned i = 0; i < UNITS; i++) {
        r.next[i] = s->u[i].next > s->at ? s->u[i].next - s->at : 0;
        r.idle[i] = s->u[i].idle > s->at ? s->u[i].idle - s->at : 0;
    }
    return r;
}

static bool same_shape(const shape *a, const shape *b)
{
    for (unsigned i = 0; i < UNITS; i++)
        if (a->next[i] != b->next[i] || a->idle[i] != b->idle[i]) return false;
    return true;
}

typedef struct loop_record {
    size_t body;   /* index of the first instruction of the body */
    uint64_t left; /* iterations after this one */
    uint64_t began;
    shape before; /* at the end of the iteration before */
    bool known;
} loop_record;

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void issue(state *s, const nap_linst *i, const nap_core *c)
{
    if (i->op == NAP_L_WAIT) {
        for (unsigned u = 0; u < UNITS; u++)
            if (i->mask >> u & 1) s->at = later(s->at, s->u[u].idle);
        s->at++;
        return;
    }
    const unsigned unit = nap_linst_unit(i);
    if (unit != 0) {
        const uint64_t t = nap_linst_cycles(c, i);
        unit_clock *u = &s->u[__builtin_ctz(unit)];
        const bool drains = i->op == NAP_L_ZEROC || i->op == NAP_L_ZEROS;
        s->at = later(s->at, drains ? later(u->next, u->idle > 0 ? u->idle - 1 : 0) : u->next);
        u->next = s->at + t;
        u->idle =
            later(u->idle, s->at + t + 1 + (i->op == NAP_L_LMMA ? (uint64_t)c->pipeline - 1 : 0));
    }
    s->at++;
}

/* Moves everything `by` cycles on. */
static void skip(state *s, uint64_t by)
{
    s->at += by;
    for (unsigned u = 0; u < UNITS; u++) {
        s->u[u].next += by;
        s->u[u].idle += by;
    }
}

uint64_t nap_lcode_cycles(const nap_lcode *code, const nap_core *c)
{
    state s = {0};
    loop_record loops[NAP_L_LOOPS];
    unsigned depth = 0;
    for (size_t pc = 0; pc < code->count; pc++) {
        const nap_linst *i = &code->v[pc];
        if (i->op == NAP_L_HALT) {
            for (unsigned u = 0; u < UNITS; u++) s.at = later(s.at, s.u[u].idle);
            return s.at + 1;
        }
        issue(&s, i, c);
        if (i->op == NAP_L_LOOP && depth < NAP_L_LOOPS)
            loops[depth++] = (loop_record){
                .body = pc + 1, .left = (uint32_t)i->imm - (uint64_t)1, .began = s.at};
        if (i->op != NAP_L_END || depth == 0) continue;
        loop_record *l = &loops[depth - 1];
        if (l->left > 0) {
            const shape now = shape_of(&s);
            if (l->known && same_shape(&now, &l->before)) {
                skip(&s, l->left * (s.at - l->began));
                l->left = 0;
            } else {
                l->before = now;
                l->known = true;
                l->began = s.at;
            }
        }
        if (l->left == 0) {
            depth--;
        } else {
            l->left--;
            pc = l->body - 1;
        }
    }
    return s.at;
}
