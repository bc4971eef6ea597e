/* The program in the order of execution, without executing it: every address that a memory
 * instruction can have, and registers that two units touch without a wait between.
 *
 * Addresses. An address register changes only by mov and add, so whatever a stretch of program does
 * to all eight is a map "xD = xS + offset" (mov: S is x0), and maps compose. A loop's body is such
 * a map f; as its sources lead from one of eight registers to another, f's powers repeat their
 * sources after a tail of t iterations with a period p. From then on every register is, at each
 * place of the period, affine in the number of periods gone. So t + p walks of the body with
 * registers of the form  constant + sum over enclosing loops of stride * q,  0 <= q < trips,  meet
 * every address exactly, in time that does not depend on the loop's count. The usual loop has
 * t = p = 1.
 *
 * Hazards. What is pending on a unit since the last wait for it is a pair of register sets (read,
 * written). Each instruction only adds to its unit's sets, a wait empties some: walking a body
 * twice meets all that flows from its end to its beginning, and t is at least 1. */
#include "lutcore/check.h"

#include "base/alloc.h"
#include "base/error.h"

#include <string.h>

enum { UNITS = 3 };

/* xD = x[src] + off, modulo 2^32 */
typedef struct map {
    uint8_t src[NAP_L_XREGS];
    uint32_t off[NAP_L_XREGS];
} map;

/* constant + sum of stride[d] * q[d] over the loops around */
typedef struct affine {
    uint32_t constant, stride[NAP_L_LOOPS];
} affine;

typedef struct pending {
    nap_laccess set;
    uint32_t reader[NAP_LFILE_COUNT][NAP_L_REGS_MAX], writer[NAP_LFILE_COUNT][NAP_L_REGS_MAX];
} pending;

typedef struct walk {
    const nap_lcheck *k;
    map *body; /* of the loop at each index */
    affine x[NAP_L_XREGS];
    uint32_t trips[NAP_L_LOOPS]; /* 0: that loop is walked iteration by iteration */
    pending unit[UNITS];
    uint64_t defined[NAP_LFILE_COUNT];
    uint8_t weight_type[NAP_L_REGS_MAX];
    uint64_t fuel;
} walk;

static const map identity = {{0, 1, 2, 3, 4, 5, 6, 7}, {0}};

/* `first`, then `second`. x0 keeps source 0 and offset 0 in every map. */
static map compose(const map *first, const map *second)
{
    map r;
    for (unsigned i = 0; i < NAP_L_XREGS; i++) {
        r.src[i] = first->src[second->src[i]];
        r.off[i] = first->off[second->src[i]] + second->off[i];
    }
    return r;
}

static map power(map f, uint32_t n)
{
    map r = identity;
    for (; n > 0; n >>= 1) {
        if ((n & 1) != 0) r = compose(&r, &f);
        f = compose(&f, &f);
    }
    return r;
}

static map step_map(const nap_linst *i)
{
    map r = identity;
    if (i->xd != 0 && (i->op == NAP_L_MOV || i->op == NAP_L_ADD)) {
        r.src[i->xd] = i->xb; /* mov: 0 */
        r.off[i->xd] = (uint32_t)i->imm;
    }
    return r;
}

/* The map of every loop's body, inner loops first. */
static void summarise(const nap_lcheck *k, map *body)
{
    map outer[NAP_L_LOOPS], now = identity;
    unsigned depth = 0;
    for (size_t n = 0; n < k->p->count; n++) {
        const nap_linst *i = &k->inst[n];
        if (i->op == NAP_L_LOOP) {
            outer[depth++] = now;
            now = identity;
        } else if (i->op == NAP_L_END) {
            const uint32_t loop = k->partner[n];
            body[loop] = now;
            const map all = power(now, (uint32_t)k->inst[loop].imm);
            now = compose(&outer[--depth], &all);
        } else {
            const map one = step_map(i);
            now = compose(&now, &one);
        }
    }
}

static void apply(affine x[NAP_L_XREGS], const map *f)
{
    affine old[NAP_L_XREGS];
    memcpy(old, x, sizeof old);
    for (unsigned i = 0; i < NAP_L_XREGS; i++) {
        x[i] = old[f->src[i]];
        x[i].constant += f->off[i];
    }
}

/* ---- addresses */

static nap_status check_address(const walk *w, size_t index)
{
    const nap_lcheck *k = w->k;
    const nap_linst *i = &k->inst[index];
    const affine *x = &w->x[i->xb];
    const uint32_t bus = k->core->bus_bytes, constant = x->constant + (uint32_t)i->imm;
    int64_t low = constant, high = constant;
    for (unsigned d = 0; d < NAP_L_LOOPS; d++) {
        if (w->trips[d] < 2 || x->stride[d] == 0) continue;
        if (x->stride[d] % bus != 0)
            return nap_lcheck_fail(k, index,
                                   "address: found 0x%x and, in the next round, %ld bytes on, "
                                   "expected multiples of %u",
                                   constant, (long)(int32_t)x->stride[d], bus);
        const int64_t limit = (int64_t)1 << 40;
        int64_t far = (int64_t)(int32_t)x->stride[d] * (w->trips[d] - 1);
        far = far > limit ? limit : far < -limit ? -limit : far;
        *(far < 0 ? &low : &high) += far;
    }
    if (constant % bus != 0)
        return nap_lcheck_fail(k, index, "address: found 0x%x, expected a multiple of %u", constant,
                               bus);
    const uint64_t space = (uint64_t)1 << 32, bytes = nap_linst_bytes(k->core, i);
    const uint64_t memory = k->memory == 0 || k->memory > space ? space : k->memory;
    if (low >= 0 && (uint64_t)high + bytes <= memory) return NAP_OK;
    if (low == high)
        return nap_lcheck_fail(k, index,
                               "address: found bytes %llu to %llu, expected 0 to %llu of memory",
                               (unsigned long long)low, (unsigned long long)low + bytes - 1,
                               (unsigned long long)memory - 1);
    return nap_lcheck_fail(k, index,
                           "address: found bytes %lld to %lld over the loops, expected 0 to %llu "
                           "of memory",
                           (long long)low, (long long)high + (long long)bytes - 1,
                           (unsigned long long)memory - 1);
}

/* ---- hazards */

static nap_status breach(const walk *w, size_t index, unsigned file, uint64_t regs, bool writes,
                         unsigned unit, bool other_writes)
{
    const unsigned reg = (unsigned)__builtin_ctzll(regs);
    const pending *p = &w->unit[unit];
    const size_t other = (other_writes ? p->writer : p->reader)[file][reg];
    char place[40], text[NAP_L_TEXT_MAX];
    nap_lcheck_place(w->k, other, place);
    nap_linst_text(&w->k->inst[other], text);
    return nap_lcheck_fail(w->k, index,
                           "%s %c%u, which '%s' (%s) may still %s, expected 'wait %s' between",
                           writes ? "writes" : "reads", nap_lfile_letter((nap_lfile)file), reg,
                           text, place, other_writes ? "write" : "read", nap_lunit_names[unit]);
}

static nap_status check_hazards(const walk *w, size_t index, const nap_laccess *a, unsigned own)
{
    for (unsigned u = 0; u < UNITS; u++) {
        if (u == own) continue;
        const nap_laccess *p = &w->unit[u].set;
        for (unsigned f = 0; f < NAP_LFILE_COUNT; f++) {
            const uint64_t raw = a->read[f] & p->write[f], waw = a->write[f] & p->write[f],
                           war = a->write[f] & p->read[f];
            if (raw != 0) return breach(w, index, f, raw, false, u, true);
            if (waw != 0) return breach(w, index, f, waw, true, u, true);
            if (war != 0) return breach(w, index, f, war, true, u, false);
        }
    }
    return NAP_OK;
}

static void note(uint32_t who[NAP_L_REGS_MAX], uint64_t regs, size_t index)
{
    for (; regs != 0; regs &= regs - 1) who[__builtin_ctzll(regs)] = (uint32_t)index;
}

static nap_status check_weights(const walk *w, size_t index, const nap_linst *i)
{
    for (unsigned r = i->rw; r < i->rw + (1u << (i->nj + i->kl)); r++) {
        if (w->weight_type[r] == i->wt) continue;
        char found[8], want[8];
        nap_lwt_text(w->weight_type[r], found);
        nap_lwt_text(i->wt, want);
        return nap_lcheck_fail(w->k, index, "weight type: found w%u loaded as %s, expected %s", r,
                               found, want);
    }
    return NAP_OK;
}

static nap_status unit_step(walk *w, size_t index, const nap_linst *i)
{
    const unsigned own = (unsigned)__builtin_ctz(nap_lops[i->op].unit);
    nap_laccess a;
    nap_linst_access(i, &a);
    for (unsigned f = 0; f < NAP_LFILE_COUNT; f++) {
        const uint64_t unknown = a.read[f] & ~w->defined[f];
        if (unknown != 0)
            return nap_lcheck_fail(w->k, index, "reads %c%d, which nothing has written",
                                   nap_lfile_letter((nap_lfile)f), __builtin_ctzll(unknown));
    }
    NAP_TRY(check_hazards(w, index, &a, own));
    if (i->op == NAP_L_LMMA) NAP_TRY(check_weights(w, index, i));
    if (i->op == NAP_L_LDW) w->weight_type[i->rd] = i->wt;
    pending *p = &w->unit[own];
    for (unsigned f = 0; f < NAP_LFILE_COUNT; f++) {
        p->set.read[f] |= a.read[f];
        p->set.write[f] |= a.write[f];
        note(p->reader[f], a.read[f], index);
        note(p->writer[f], a.write[f], index);
        w->defined[f] |= a.write[f];
    }
    return NAP_OK;
}

/* ---- the walk */

static nap_status walk_loop(walk *w, size_t loop, unsigned depth);

static nap_status walk_range(walk *w, size_t first, size_t end, unsigned depth)
{
    const nap_lcheck *k = w->k;
    for (size_t n = first; n < end; n++) {
        const nap_linst *i = &k->inst[n];
        if (w->fuel-- == 0)
            return nap_lcheck_fail_as(k, NAP_ERR_LIMIT, n,
                                      "address registers change places in the loops around in "
                                      "more ways than are followed");
        if (i->op == NAP_L_LOOP) {
            NAP_TRY(walk_loop(w, n, depth));
            n = k->partner[n];
        } else if (i->op == NAP_L_WAIT) {
            for (unsigned u = 0; u < UNITS; u++)
                if ((i->mask >> u & 1) != 0) w->unit[u].set = (nap_laccess){0};
        } else if (nap_lops[i->op].unit != 0) {
            NAP_TRY(unit_step(w, n, i));
            if (nap_lops[i->op].unit == NAP_UNIT_MEM) NAP_TRY(check_address(w, n));
        } else {
            const map one = step_map(i);
            apply(w->x, &one);
        }
    }
    return NAP_OK;
}

/* Least t >= 1 and p >= 1 with equal sources of f^t and f^(t + p). Sources are a function on eight
 * registers: t is at most 8 and p at most 15 (3 * 5). */
static void tail_and_period(const map *f, unsigned *t, unsigned *p)
{
    map at[24];
    at[0] = identity;
    for (unsigned n = 1;; n++) {
        at[n] = compose(&at[n - 1], f);
        for (unsigned m = 1; m < n; m++) {
            if (memcmp(at[m].src, at[n].src, sizeof at[m].src) != 0) continue;
            *t = m;
            *p = n - m;
            return;
        }
    }
}

static nap_status walk_loop(walk *w, size_t loop, unsigned depth)
{
    const map *f = &w->body[loop];
    const size_t first = loop + 1, end = w->k->partner[loop];
    const uint32_t count = (uint32_t)w->k->inst[loop].imm;
    affine entry[NAP_L_XREGS];
    memcpy(entry, w->x, sizeof entry);
    unsigned t, p;
    tail_and_period(f, &t, &p);
    const uint32_t plain = count <= t + p ? count : t;
    for (uint32_t n = 0; n < plain; n++) NAP_TRY(walk_range(w, first, end, depth + 1));
    for (unsigned r = 0; plain < count && r < p; r++) {
        /* iterations t + r, t + r + p, ...: one period adds the same to a register every time */
        const map until = power(*f, t + r), period = power(*f, p);
        memcpy(w->x, entry, sizeof entry);
        apply(w->x, &until);
        for (unsigned i = 0; i < NAP_L_XREGS; i++) w->x[i].stride[depth] = period.off[until.src[i]];
        w->trips[depth] = (count - t - r - 1) / p + 1;
        NAP_TRY(walk_range(w, first, end, depth + 1));
        w->trips[depth] = 0;
    }
    const map all = power(*f, count);
    memcpy(w->x, entry, sizeof entry);
    apply(w->x, &all);
    return NAP_OK;
}

nap_status nap_lcheck_walk(const nap_lcheck *k)
{
    walk *w = nap_calloc(1, sizeof *w);
    map *body = nap_calloc(k->p->count, sizeof *body);
    nap_status s;
    if (w == NULL || body == NULL) {
        s = nap_fail_memory(k->e, k->p->count * sizeof *body, k->name);
    } else {
        w->k = k;
        w->body = body;
        /* four nested ordinary loops take 16 walks of the innermost body */
        w->fuel = (uint64_t)k->p->count * 32 + ((uint64_t)1 << 22);
        summarise(k, body);
        s = walk_range(w, 0, k->p->count, 0);
    }
    nap_free(w);
    nap_free(body);
    return s;
}
