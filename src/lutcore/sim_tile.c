/* The tile simulator: interacting rooflines, and the search for the tile.
 *
 * Seen as an accelerator made of rooflines (the NVAS view; paper, section 4.4), an SM that runs a
 * plan is bound by the largest of: its LMMA pipes' work, its shared memory port, its share of L2
 * and DRAM, and the chain of latencies inside one thread block slot. Each is a lower bound of what
 * the cycle simulator plays, so that tile <= cycle holds for the same plan by construction. */
#include "lutcore/sim_plan.h"

#include <math.h>

typedef struct limit {
    double cycles;
    const char *name;
} limit;

static void raise(limit *l, double cycles, const char *name)
{
    if (cycles > l->cycles) *l = (limit){cycles, name};
}

/* One thread block, `active` SMs sharing L2 and DRAM, alone in its slot: bounds from its own use of
 * each resource, in cycles from its first request. */
typedef struct block {
    double arrival, lead; /* to the first tile's arrival from L2, to the first LMMA */
    double drain;         /* to the end of the last one */
    double tail;          /* the store after it */
    double after;         /* from a tile's arrival from L2 to the end of the LMMAs on it */
    double pipes, smem, loads, reads; /* busy cycles of pipe, port, L2 (loads) and DRAM (reads) */
    double writes;                    /* of DRAM, later */
} block;

static block one_block(const nap_simop *o, const nap_simplan *x, double active)
{
    const nap_machine *m = o->machine;
    const double l2 = nap_share_l2(m, active), dram = nap_share_dram(m, active);
    const double port = m->smem_bytes_per_cycle, iters = (double)x->iters, ksteps = x->ksteps;
    const double fill = x->tile_smem / port, frag = x->frag / port;
    const double fetch = frag + m->smem_latency;
    block b = {.tail = x->out / l2,
               .pipes = iters * ksteps * x->warps_per_core * x->step,
               .smem = iters * (fill + ksteps * x->warps * frag),
               .loads = iters * x->tile / l2,
               .reads = iters * x->miss / dram,
               .writes = x->dram_write / (double)x->grid / dram};
    double arrival = x->tile / l2 + m->l2_latency;
    if (x->miss > 0) arrival = fmax(arrival, x->miss / dram + m->dram_latency);
    b.arrival = arrival;
    const double load = arrival + fill;
    b.lead = load + fetch;
    /* A tk step of the warp that the shared memory port serves last, from the barrier's opening to
     * the start of its last k step; a buffer is asked for again then. */
    const double inner = x->warps * frag + m->smem_latency + (ksteps - 1) * fmax(fetch, x->step);
    b.after = fill + inner + x->step;
    const double steps = load + iters * inner + (iters - 1) * m->barrier_latency + x->step;
    const double turns = floor((iters - 1) / x->p.stages);
    const double buffers = load + turns * (inner + load) + inner + x->step;
    b.drain = fmax(b.lead + b.pipes, fmax(steps, buffers));
    b.drain = fmax(b.drain, b.loads + m->l2_latency + b.after);
    if (x->miss > 0) b.drain = fmax(b.drain, b.reads + m->dram_latency + b.after);
    b.drain = fmax(b.drain, arrival + b.smem + m->smem_latency + x->step);
    return b;
}

/* The busiest SM: `full` waves of ctas blocks, then rest_sm more. All blocks' work on each resource
 * lies before the last drain, with what it takes a last tile to get from there to its end. */
double nap_tile_time(const nap_simop *o, const nap_simplan *x, const char **bound)
{
    const nap_machine *m = o->machine;
    const double full = (double)x->full, many = full * x->p.ctas, few = x->rest_sm;
    const block whole = one_block(o, x, m->sms);
    const block rest = x->rest > 0 ? one_block(o, x, x->rest_active) : whole;
    const block *first = x->full > 0 ? &whole : &rest;
    const double tail = fmin(x->full > 0 ? whole.tail : rest.tail, rest.tail);
    const double writes = fmin(x->full > 0 ? whole.writes : rest.writes, rest.writes);
    const double last = fmax(tail, writes);
    const double pipes = (many + few) * whole.pipes, smem = (many + few) * whole.smem;
    const double loads = many * whole.loads + few * rest.loads;
    const double stores = many * whole.tail + few * rest.tail;
    const double reads = many * whole.reads + few * rest.reads;
    const double written = many * whole.writes + few * rest.writes;

    limit most = {first->lead + pipes + last, "compute"};
    raise(&most, first->arrival + smem + m->smem_latency + x->step + last, "smem");
    raise(&most, fmax(loads + stores, loads + m->l2_latency + first->after + last), "l2");
    const double read_end = x->miss > 0 ? reads + m->dram_latency + first->after : 0;
    raise(&most, fmax(reads + written, read_end + last), "dram");
    /* Nothing is written before the first block has drained. */
    raise(&most, fmin(first->drain, rest.drain) + written, "dram");
    const double chain =
        full * (whole.drain + whole.tail) + (x->rest > 0 ? rest.drain + rest.tail : 0);
    raise(&most, chain + fmax(0, last - tail), "latency");
    /* The chain of a slot is compute where its pipes fill it. */
    const double own = full * whole.pipes + (x->rest > 0 ? rest.pipes : 0);
    if (most.cycles > first->lead + pipes + last && own > 0.8 * chain) most.name = "compute";
    *bound = most.name;
    return nap_launch_cycles(m) + most.cycles;
}

/* Takes the better plan; equal ones by fewer bytes from L2, then the first found: the search's
 * order is fixed, so the result is too. */
static void consider(const nap_simop *o, const nap_tileplan *p, nap_simplan *best, double *cycles)
{
    nap_simplan x;
    const char *bound;
    if (!nap_simplan_make(&x, o, p, NULL)) return;
    const double t = nap_tile_time(o, &x, &bound);
    const double l2 = x.tile * (double)x.iters * (double)x.grid;
    const double best_l2 = best->tile * (double)best->iters * (double)best->grid;
    if (t < *cycles || (t == *cycles && l2 < best_l2)) *cycles = t, *best = x;
}

/* Warp tiles x arrangements x depth x stages x blocks: a few thousand plans. */
static void search_warps(const nap_simop *o, unsigned wm, unsigned wn, nap_simplan *best,
                         double *cycles)
{
    static const unsigned stages[] = {2, 3, 4, 6};
    const unsigned cores = o->machine->cores_per_sm;
    for (unsigned warps = cores; warps <= 2 * cores && warps <= 16; warps *= 2)
        for (unsigned down = 1; down <= warps; down++) {
            if (warps % down != 0) continue;
            for (unsigned deep = 1; deep <= 8; deep *= 2)
                for (unsigned s = 0; s < sizeof stages / sizeof *stages; s++)
                    for (unsigned ctas = 1; ctas <= 4; ctas++) {
                        const nap_tileplan p = {.tm = wm * down,
                                                .tn = wn * (warps / down),
                                                .tk = o->kstep * deep,
                                                .wm = wm,
                                                .wn = wn,
                                                .stages = stages[s],
                                                .ctas = ctas};
                        consider(o, &p, best, cycles);
                    }
        }
}

bool nap_tile_search(const nap_simop *o, nap_simplan *best)
{
    double cycles = INFINITY;
    *best = (nap_simplan){.p = {0}};
    for (unsigned wm = 16; wm <= 128; wm *= 2)
        for (unsigned wn = o->least_n; wn <= 512; wn *= 2) search_warps(o, wm, wn, best, &cycles);
    return isfinite(cycles);
}

double nap_elem_time(const nap_machine *m, const nap_simelem *x, const char **bound)
{
    const double bytes = x->read + x->write;
    limit most = {bytes / (nap_share_dram(m, 1) * x->efficiency), "dram"};
    raise(&most, bytes / nap_share_l2(m, m->sms) / m->sms, "l2");
    raise(&most, x->ops / (m->vector_ops_per_cycle * m->sms), "vector");
    *bound = most.name;
    return most.cycles + (x->kernel ? nap_launch_cycles(m) + m->dram_latency : 0);
}

nap_status nap_sim_tile_layer(const nap_machine *m, const nap_layer *l, nap_precompute_mode pre,
                              const nap_tileplan *plan, nap_simrow *out, nap_error *e)
{
    const char *bound;
    nap_simelem elem;
    if (nap_sim_on_lanes(m, l, plan, &elem)) {
        const double cycles = nap_elem_time(m, &elem, &bound);
        return nap_simrow_element(m, l->name, l->count, &elem, cycles, bound, out, e);
    }
    nap_simop o;
    nap_simplan x;
    const nap_status s = nap_sim_plan(m, l, pre, plan, &o, &x, e);
    if (s != NAP_OK) return s;
    const double cycles = nap_tile_time(&o, &x, &bound);
    return nap_simrow_product(&o, &x, cycles, bound, out, e);
}

nap_status nap_sim_tile(const nap_machine *m, const nap_layers *l, nap_precompute_mode pre,
                        nap_simout *out, nap_error *e)
{
    return nap_sim_layers(m, l, pre, nap_sim_tile_layer, nap_elem_time, out, e);
}
