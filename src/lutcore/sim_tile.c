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

/* One thread block alone in its slot, from its first request to its last store, when `active` SMs
 * share L2 and DRAM. *lead and *tail: before the first and after the last LMMA. */
static double block_chain(const nap_simop *o, const nap_simplan *x, double active, double *lead,
                          double *tail)
{
    const nap_machine *m = o->machine;
    const double l2 = nap_share_l2(m, active), dram = nap_share_dram(m, active);
    const double iters = (double)x->iters, ksteps = x->ksteps;
    double load = x->tile / l2 + m->l2_latency;
    if (x->miss > 0) load = fmax(load, x->miss / dram + m->dram_latency);
    load += x->tile_smem / m->smem_bytes_per_cycle;
    const double frag = x->frag / m->smem_bytes_per_cycle, fetch = frag + m->smem_latency;
    *lead = load + m->barrier_latency + fetch;
    *tail = x->out / l2;
    const double pipes = iters * ksteps * x->warps_per_core * x->step;
    /* A tk step of the warp that the shared memory port serves last, from the barrier's opening to
     * the start of its last k step; a buffer is asked for again then. */
    const double inner = x->warps * frag + m->smem_latency + (ksteps - 1) * fmax(fetch, x->step);
    const double warps = iters * (inner + m->barrier_latency) + x->step;
    const double turns = floor((iters - 1) / x->p.stages);
    const double loads = turns * (inner + load) + inner + m->barrier_latency + x->step;
    return fmax(*lead + pipes, load + fmax(warps, loads)) + *tail;
}

double nap_tile_time(const nap_simop *o, const nap_simplan *x, const char **bound)
{
    const nap_machine *m = o->machine;
    const double full = (double)x->full, ctas = x->p.ctas, iters = (double)x->iters;
    const double busiest = full * ctas + x->rest_sm;
    double lead = 0, tail = 0, chain = 0, l2 = 0;
    const double l2_bytes = iters * x->tile + x->out;
    double first_lead = 0, last_tail = 0;
    if (x->full > 0) {
        chain += full * block_chain(o, x, m->sms, &lead, &tail);
        l2 += full * ctas * l2_bytes / nap_share_l2(m, m->sms);
        first_lead = lead, last_tail = tail;
    }
    if (x->rest > 0) {
        chain += block_chain(o, x, x->rest_active, &lead, &tail);
        l2 += x->rest_sm * l2_bytes / nap_share_l2(m, x->rest_active);
        if (x->full == 0) first_lead = lead;
        last_tail = x->full == 0 ? tail : fmin(last_tail, tail);
    }
    const double pipes = busiest * iters * x->ksteps * x->warps_per_core * x->step;
    const double smem =
        busiest * iters * (x->tile_smem + x->ksteps * x->warps * x->frag) / m->smem_bytes_per_cycle;
    limit most = {first_lead + pipes + last_tail, "compute"};
    raise(&most, smem, "smem");
    raise(&most, l2, "l2");
    raise(&most, (x->dram_read + x->dram_write) / nap_share_dram(m, 1), "dram");
    raise(&most, chain, "latency");
    /* The chain of a slot is compute where its pipes fill it. */
    const double own = (full + (x->rest > 0)) * iters * x->ksteps * x->warps_per_core * x->step;
    if (most.cycles == chain && own > 0.8 * chain) most.name = "compute";
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
