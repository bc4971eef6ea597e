/* The cycle simulator: one SM's thread blocks, event by event.
 *
 * All SMs run the same plan on equal shares of L2 and DRAM, so the one with the most thread blocks
 * sets the time; it is played in full. Per block: `stages` buffers in shared memory are filled
 * through L2 and DRAM; at each tk step a barrier waits for the buffer and for all warps; each warp
 * fetches the fragments of its next k step (double buffered) through the shared memory port while
 * its pipe works, and its LMMAs go to the pipe of its core, in order. A buffer is free again when
 * every warp has begun the last k step that it feeds. After the last LMMA the result is stored
 * through L2; the slot then takes the next block. Results stay dirty in L2 (half of it at most) and
 * go to DRAM when no read waits. Pipes, shared memory port, L2 and DRAM are
 * servers with one queue each, served in the order of requests (time, then sequence number), which
 * makes the run deterministic.
 *
 * The pipe is busy step cycles per warp k step: LMMA occupancy as the instruction set states it
 * (isa.h), over the arrays of a core, and over mma_efficiency. */
#include "lutcore/sim_plan.h"

#include "base/alloc.h"
#include "base/error.h"

#include <math.h>

typedef enum event_kind {
    EV_READY, /* a tile is in shared memory */
    EV_OPEN,  /* barrier passed: the warps may fetch */
    EV_FRAG,  /* a warp's fragments are in registers */
    EV_BEGIN, /* a warp's LMMAs start on the pipe */
    EV_DRAIN, /* a warp's last LMMAs are done */
    EV_FREE   /* the result is stored: the slot is free */
} event_kind;

typedef struct event {
    double time;
    uint64_t seq;
    event_kind kind;
    unsigned slot, warp;
} event;

typedef struct slot {
    uint64_t iter;             /* tk step that is open or waited for */
    uint64_t loaded, arrived;  /* tiles asked for, and tiles in shared memory */
    unsigned at_barrier, done; /* warps */
    double barrier;            /* when all warps had arrived */
    bool barrier_full, last;   /* last: runs in the last, partial wave */
    unsigned *kstep;           /* of each warp, within the tk step */
} slot;

typedef struct sm {
    const nap_simop *o;
    const nap_simplan *x;
    event *heap;
    size_t events, cap;
    uint64_t seq, given, blocks; /* blocks: this SM's share; given: started */
    slot *slots;
    double *pipe; /* when each core's pipe is free */
    double smem, l2, dram, end;
    double dirty; /* cycles of DRAM writes not yet done */
} sm;

static bool before(const event *a, const event *b)
{
    return a->time < b->time || (a->time == b->time && a->seq < b->seq);
}

static void push(sm *s, double time, event_kind kind, unsigned slot_index, unsigned warp)
{
    size_t i = s->events++;
    const event v = {time, s->seq++, kind, slot_index, warp};
    while (i > 0 && before(&v, &s->heap[(i - 1) / 2])) {
        s->heap[i] = s->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    s->heap[i] = v;
}

static event pop(sm *s)
{
    const event top = s->heap[0], v = s->heap[--s->events];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= s->events) break;
        if (child + 1 < s->events && before(&s->heap[child + 1], &s->heap[child])) child++;
        if (!before(&s->heap[child], &v)) break;
        s->heap[i] = s->heap[child];
        i = child;
    }
    s->heap[i] = v;
    return top;
}

/* One queue: starts when free, takes `service`, returns the end. */
static double serve(double *free_at, double now, double service)
{
    *free_at = fmax(*free_at, now) + service;
    return *free_at;
}

static double active(const sm *s, const slot *b)
{
    return b->last ? s->x->rest_active : s->o->machine->sms;
}

/* DRAM's idle time up to now has gone to writes. */
static void write_back(sm *s, double now)
{
    const double free_for = fmax(0, now - s->dram);
    s->dirty -= fmin(s->dirty, free_for);
    s->dram += free_for;
}

/* A read goes before writes, but for what L2 cannot hold of them. */
static double serve_read(sm *s, double now, double service, double n)
{
    const nap_machine *m = s->o->machine;
    const double most = m->l2_mib * 1048576 / 2 / n / nap_share_dram(m, n);
    write_back(s, now);
    const double excess = fmax(0, s->dirty - most);
    s->dirty -= excess;
    return serve(&s->dram, now, excess + service);
}

static void load(sm *s, unsigned index, double now)
{
    const nap_machine *m = s->o->machine;
    slot *b = &s->slots[index];
    if (b->loaded == s->x->iters) return;
    b->loaded++;
    const double n = active(s, b);
    double there = serve(&s->l2, now, s->x->tile / nap_share_l2(m, n)) + m->l2_latency;
    if (s->x->miss > 0) {
        const double read = serve_read(s, now, s->x->miss / nap_share_dram(m, n), n);
        there = fmax(there, read + m->dram_latency);
    }
    /* The write into shared memory queues when the bytes arrive; asked for now, it would hold the
     * port from others for the latency. */
    push(s, there, EV_READY, index, 0);
}

static void start(sm *s, unsigned index, double now)
{
    slot *b = &s->slots[index];
    b->iter = b->loaded = b->arrived = 0;
    b->done = 0;
    b->at_barrier = s->x->warps;
    b->barrier_full = true;
    b->barrier = now + s->o->machine->barrier_latency;
    b->last = s->given >= s->x->full * s->x->p.ctas;
    s->given++;
    for (unsigned i = 0; i < s->x->p.stages; i++) load(s, index, now);
}

/* The barrier before tk step b->iter opens when all warps are there and its tile is. */
static void try_open(sm *s, unsigned index, double now)
{
    slot *b = &s->slots[index];
    if (!b->barrier_full || b->arrived <= b->iter) return;
    b->barrier_full = false;
    b->at_barrier = 0;
    push(s, fmax(now, b->barrier), EV_OPEN, index, 0);
}

static void fetch(sm *s, unsigned index, unsigned warp, double now)
{
    const nap_machine *m = s->o->machine;
    const double end = serve(&s->smem, now, s->x->frag / m->smem_bytes_per_cycle);
    push(s, end + m->smem_latency, EV_FRAG, index, warp);
}

static void on_ready(sm *s, unsigned index, double now, bool written)
{
    slot *b = &s->slots[index];
    if (!written) {
        const double bytes = s->x->tile_smem;
        const double end = serve(&s->smem, now, bytes / s->o->machine->smem_bytes_per_cycle);
        push(s, end, EV_READY, index, 1);
        return;
    }
    b->arrived++;
    try_open(s, index, now);
}

static void on_begin(sm *s, unsigned index, unsigned warp, double now)
{
    const nap_machine *m = s->o->machine;
    slot *b = &s->slots[index];
    if (++b->kstep[warp] < s->x->ksteps) {
        fetch(s, index, warp, now);
        return;
    }
    b->kstep[warp] = 0;
    if (b->iter + 1 == s->x->iters) {
        push(s, now + s->x->step, EV_DRAIN, index, warp);
        return;
    }
    if (++b->at_barrier < s->x->warps) return;
    b->barrier_full = true;
    b->barrier = now + m->barrier_latency;
    b->iter++;
    load(s, index, now);
    try_open(s, index, now);
}

static void on_drain(sm *s, unsigned index, double now)
{
    const nap_machine *m = s->o->machine;
    slot *b = &s->slots[index];
    if (++b->done < s->x->warps) return;
    const double n = active(s, b);
    const double stored = serve(&s->l2, now, s->x->out / nap_share_l2(m, n));
    const double written = s->x->dram_write / (double)s->x->grid;
    write_back(s, now);
    s->dirty += written / nap_share_dram(m, n);
    push(s, stored, EV_FREE, index, 0);
}

static void step(sm *s)
{
    const event v = pop(s);
    const nap_simplan *x = s->x;
    double *pipe;
    s->end = fmax(s->end, v.time);
    switch (v.kind) {
    case EV_READY:
        on_ready(s, v.slot, v.time, v.warp == 1);
        break;
    case EV_OPEN:
        for (unsigned w = 0; w < x->warps; w++) fetch(s, v.slot, w, v.time);
        break;
    case EV_FRAG:
        pipe = &s->pipe[v.warp % s->o->machine->cores_per_sm];
        push(s, serve(pipe, v.time, x->step) - x->step, EV_BEGIN, v.slot, v.warp);
        break;
    case EV_BEGIN:
        on_begin(s, v.slot, v.warp, v.time);
        break;
    case EV_DRAIN:
        on_drain(s, v.slot, v.time);
        break;
    case EV_FREE:
        if (s->given < s->blocks) start(s, v.slot, v.time);
        break;
    }
}

static void play(sm *s)
{
    const unsigned ctas = s->x->p.ctas;
    for (unsigned i = 0; i < ctas && s->given < s->blocks; i++) start(s, i, 0);
    while (s->events > 0) step(s);
    write_back(s, s->end);
    s->end = fmax(s->end, s->dram) + s->dirty;
}

/* More events than this are an hour's work: the tile simulator is the tool for such layers. */
#define EVENTS_MAX 2e9

static nap_status cycle_plan(const nap_simop *o, const nap_simplan *x, double *cycles, nap_error *e)
{
    const nap_machine *m = o->machine;
    const unsigned ctas = x->p.ctas;
    const uint64_t blocks = x->full * ctas + x->rest_sm;
    const double events = (double)blocks * (double)x->iters * (2.0 + 2.0 * x->ksteps * x->warps);
    if (events > EVENTS_MAX)
        return nap_fail(e, NAP_ERR_LIMIT, NAP_NO_OFFSET,
                        "simulated %s: found %.3g events, expected at most %.3g: use the tile "
                        "simulator",
                        o->layer->name, events, EVENTS_MAX);
    sm s = {.o = o, .x = x, .blocks = blocks};
    /* At most one event per warp, and per buffer of each slot, plus the slot's own. */
    s.cap = (size_t)ctas * (x->warps + x->p.stages + 2);
    s.heap = nap_calloc(s.cap, sizeof *s.heap);
    s.slots = nap_calloc(ctas, sizeof *s.slots);
    s.pipe = nap_calloc(m->cores_per_sm, sizeof *s.pipe);
    unsigned *ksteps = nap_calloc((size_t)ctas * x->warps, sizeof *ksteps);
    nap_status status = NAP_OK;
    if (s.heap == NULL || s.slots == NULL || s.pipe == NULL || ksteps == NULL) {
        status = nap_fail_memory(e, s.cap * sizeof *s.heap, "the events of an SM");
    } else {
        for (unsigned i = 0; i < ctas; i++) s.slots[i].kstep = ksteps + (size_t)i * x->warps;
        play(&s);
        *cycles = nap_launch_cycles(m) + s.end;
    }
    nap_free(ksteps);
    nap_free(s.pipe);
    nap_free(s.slots);
    nap_free(s.heap);
    return status;
}

/* Element-wise: each SM streams chunks, as many outstanding as its threads hold in registers. */
static double cycle_elem(const nap_machine *m, const nap_simelem *x, const char **bound)
{
    enum { OUTSTANDING = 8, CHUNK = 4096, CHUNKS_MAX = 1 << 20 }; /* 2048 threads of 16 bytes */
    const double tile = nap_elem_time(m, x, bound);
    if (!x->kernel) return tile;
    const double bytes = x->read + x->write;
    double chunks = ceil(bytes / CHUNK / m->sms);
    chunks = fmin(fmax(chunks, 1), CHUNKS_MAX);
    const double parts = chunks * m->sms, share = nap_share_dram(m, m->sms) * x->efficiency;
    const double read = x->read / parts / share, write = x->write / parts / share;
    const double ops = x->ops / parts / m->vector_ops_per_cycle;
    const double through_l2 = bytes / parts / nap_share_l2(m, m->sms);
    double window[OUTSTANDING] = {0}, dram = 0, lanes = 0, l2 = 0, end = 0;
    for (unsigned i = 0; i < (unsigned)chunks; i++) {
        double *const slot_free = &window[i % OUTSTANDING];
        const double asked = *slot_free;
        const double there = fmax(serve(&dram, asked, read) + m->dram_latency,
                                  serve(&l2, asked, through_l2) + m->l2_latency);
        const double computed = serve(&lanes, there, ops);
        *slot_free = computed;
        end = fmax(end, fmax(computed, serve(&dram, asked, write)));
    }
    return fmax(tile, nap_launch_cycles(m) + end);
}

nap_status nap_sim_cycle_layer(const nap_machine *m, const nap_layer *l, nap_precompute_mode pre,
                               const nap_tileplan *plan, nap_simrow *out, nap_error *e)
{
    const char *bound;
    nap_simelem elem;
    if (nap_sim_on_lanes(m, l, plan, &elem)) {
        const double cycles = cycle_elem(m, &elem, &bound);
        return nap_simrow_element(m, l->name, l->count, &elem, cycles, bound, out, e);
    }
    nap_simop o;
    nap_simplan x;
    double cycles = 0;
    NAP_TRY(nap_sim_plan(m, l, pre, plan, &o, &x, e));
    NAP_TRY(cycle_plan(&o, &x, &cycles, e));
    const double tile = nap_tile_time(&o, &x, &bound);
    if (cycles < tile * (1 - 1e-9))
        return nap_fail(e, NAP_ERR_INTERNAL, NAP_NO_OFFSET,
                        "simulated %s: found %.9g cycles, expected at least the tile bound %.9g",
                        l->name, cycles, tile);
    return nap_simrow_product(&o, &x, cycles, bound, out, e);
}

nap_status nap_sim_cycle(const nap_machine *m, const nap_layers *l, nap_precompute_mode pre,
                         nap_simout *out, nap_error *e)
{
    NAP_TRY(nap_sim_layers(m, l, pre, nap_sim_cycle_layer, cycle_elem, out, e));
    out->detail = true;
    return NAP_OK;
}
