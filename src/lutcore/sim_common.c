/* Rows of results, their invariants, and the loop over layers that both simulators share. */
#include "lutcore/sim_plan.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/csv.h"
#include "base/error.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static double max2(double a, double b)
{
    return a > b ? a : b;
}

/* ---- Closed form */

static double work(const nap_layer *l)
{
    return (double)l->m * (double)l->n * (double)l->k * (double)l->batch;
}

/* DRAM bytes that a product cannot do without; `a` bytes an activation. */
static double product_compulsory(const nap_simop *o, double a)
{
    const nap_layer *l = o->layer;
    const double m = (double)l->m, n = (double)l->n, k = (double)l->k;
    return (m * k * a + n * k * o->w_g + m * n * o->out_b) * (double)l->batch;
}

static double peak(const nap_simop *o)
{
    return o->rate * o->machine->sms * o->machine->cores_per_sm;
}

double nap_sim_closed(const nap_machine *m, const nap_layer *l)
{
    const double dram = m->dram_gbs / m->clock_ghz;
    if (l->kind == NAP_LAYER_ELEMENT) {
        const nap_simelem x = nap_simelem_layer(l);
        return max2(x.ops / (m->vector_ops_per_cycle * m->sms), (x.read + x.write) / dram);
    }
    nap_simop plain, tables;
    nap_simop_make(&plain, m, l, NAP_PRE_NONE);
    nap_simop_make(&tables, m, l, NAP_PRE_SEPARATE);
    const double bytes = product_compulsory(&plain, fmin(plain.a_g, tables.a_g));
    return max2(work(l) / peak(&plain), bytes / dram);
}

/* ---- Rows */

static nap_status broken(const nap_simrow *r, const char *rule, double found, double expected,
                         nap_error *e)
{
    return nap_fail(e, NAP_ERR_INTERNAL, NAP_NO_OFFSET,
                    "simulated %s: found %s = %.9g, expected %.9g", r->name, rule, found, expected);
}

/* Rounding of a sum of up to 2^24 terms of doubles. */
static const double slack = 1e-6;

static nap_status check(const nap_simrow *r, nap_error *e)
{
    if (!isfinite(r->cycles) || r->cycles <= 0) return broken(r, "cycles", r->cycles, 1, e);
    if (r->cycles < r->closed * (1 - slack))
        return broken(r, "cycles below the closed form", r->cycles, r->closed, e);
    if (r->stall_cycles < 0) return broken(r, "stall cycles", r->stall_cycles, 0, e);
    if (r->utilisation < 0 || r->utilisation > 1 + slack)
        return broken(r, "utilisation", r->utilisation, 1, e);
    const double traffic = r->dram_read + r->dram_write;
    if (traffic < r->compulsory * (1 - slack))
        return broken(r, "DRAM bytes", traffic, r->compulsory, e);
    const double parts = r->energy_compute_j + r->energy_reg_j + r->energy_smem_j + r->energy_l2_j +
                         r->energy_dram_j + r->energy_static_j;
    if (fabs(parts - r->energy_j) > slack * r->energy_j)
        return broken(r, "energy", r->energy_j, parts, e);
    return NAP_OK;
}

static nap_status finish(const nap_machine *m, double compute_pj, nap_simrow *r, nap_error *e)
{
    const double seconds = r->cycles / (m->clock_ghz * 1e9), pj = 1e-12;
    r->stall_cycles = r->cycles - r->compute_cycles;
    if (r->stall_cycles < 0 && r->stall_cycles > -slack * r->cycles) r->stall_cycles = 0;
    r->dram_gbs = (r->dram_read + r->dram_write) / seconds * 1e-9;
    r->energy_compute_j = compute_pj * pj;
    r->energy_reg_j = r->reg_bytes * m->pj_reg_byte * pj;
    r->energy_smem_j = r->smem_bytes * m->pj_smem_byte * pj;
    r->energy_l2_j = r->l2_bytes * m->pj_l2_byte * pj;
    r->energy_dram_j = (r->dram_read + r->dram_write) * m->pj_dram_byte * pj;
    r->energy_static_j = m->static_w * seconds;
    r->energy_j = r->energy_compute_j + r->energy_reg_j + r->energy_smem_j + r->energy_l2_j +
                  r->energy_dram_j + r->energy_static_j;
    return check(r, e);
}

nap_status nap_simrow_product(const nap_simop *o, const nap_simplan *x, double cycles,
                              const char *bound, nap_simrow *out, nap_error *e)
{
    const nap_machine *m = o->machine;
    const nap_tileplan *p = &x->p;
    const double blocks = (double)x->grid, iters = (double)x->iters;
    const double executed = blocks * iters * p->tm * p->tn * p->tk;
    const double busiest = (double)x->full * p->ctas + x->rest_sm;
    nap_simrow r = {.count = o->layer->count, .cycles = cycles, .bound = bound, .plan = *p};
    snprintf(r.name, sizeof r.name, "%s", o->layer->name);
    r.compute_cycles = busiest * iters * x->ksteps * x->warps_per_core * x->step;
    r.macs = work(o->layer);
    r.mapping = r.macs / executed;
    r.utilisation = r.macs / peak(o) / cycles;
    r.lookups = executed * o->lookups_mac;
    r.dram_read = x->dram_read;
    r.dram_write = x->dram_write;
    r.compulsory = product_compulsory(o, o->a_g);
    r.l2_bytes = blocks * (iters * x->tile + x->out);
    r.smem_bytes = blocks * iters * (x->tile_smem + x->ksteps * x->warps * x->frag);
    r.reg_bytes = executed * o->reg_mac;
    r.closed = nap_sim_closed(m, o->layer);
    const double pj =
        o->lut ? r.lookups * m->pj_lookup : executed * (o->array ? m->pj_mac : m->pj_gemm_mac);
    const nap_status s = finish(m, pj, &r, e);
    if (s == NAP_OK) *out = r;
    return s;
}

nap_status nap_simrow_element(const nap_machine *m, const char *name, uint64_t count,
                              const nap_simelem *x, double cycles, const char *bound,
                              nap_simrow *out, nap_error *e)
{
    nap_simrow r = {.count = count, .cycles = cycles, .bound = bound, .mapping = 1};
    snprintf(r.name, sizeof r.name, "%s", name);
    r.compute_cycles = x->ops / (m->vector_ops_per_cycle * m->sms);
    r.utilisation = r.compute_cycles / cycles;
    r.vector_ops = x->ops;
    r.macs = x->macs;
    r.dram_read = x->read;
    r.dram_write = x->write;
    r.compulsory = x->read + x->write;
    r.l2_bytes = x->read + x->write;
    const double dram = m->dram_gbs / m->clock_ghz;
    r.closed = r.compulsory / dram;
    if (x->macs == 0) r.closed = max2(r.closed, r.compute_cycles);
    const nap_status s = finish(m, x->ops * m->pj_vector_op, &r, e);
    if (s == NAP_OK) *out = r;
    return s;
}

/* ---- Layers */

nap_status nap_sim_plan(const nap_machine *m, const nap_layer *l, nap_precompute_mode pre,
                        const nap_tileplan *plan, nap_simop *o, nap_simplan *x, nap_error *e)
{
    char why[160];
    nap_simop_make(o, m, l, pre);
    if (plan == NULL) {
        if (nap_tile_search(o, x)) return NAP_OK;
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "machine %s, layer %s: no tile fits %g KiB of registers and %g KiB of "
                        "shared memory",
                        m->name, l->name, m->regs_kib * m->regs_scale, m->smem_kib);
    }
    if (nap_simplan_make(x, o, plan, why)) return NAP_OK;
    return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET, "machine %s, layer %s, tile %ux%ux%u: %s",
                    m->name, l->name, plan->tm, plan->tn, plan->tk, why);
}

bool nap_sim_on_lanes(const nap_machine *m, const nap_layer *l, const nap_tileplan *plan,
                      nap_simelem *elem)
{
    if (l->kind == NAP_LAYER_ELEMENT) {
        *elem = nap_simelem_layer(l);
        return true;
    }
    if (l->kind != NAP_LAYER_GEMM || plan != NULL) return false;
    const char *bound;
    nap_simop o;
    nap_simplan x;
    nap_simop_make(&o, m, l, NAP_PRE_NONE);
    *elem = nap_simelem_gemm(m, l);
    return !nap_tile_search(&o, &x) ||
           nap_elem_time(m, elem, &bound) < nap_tile_time(&o, &x, &bound);
}

static nap_status put(nap_simout *out, const nap_simrow *r, nap_error *e)
{
    nap_simrow *grown = nap_realloc(out->row, out->rows + 1, sizeof *grown);
    if (grown == NULL) return nap_fail_memory(e, sizeof *grown, "a row of results");
    out->row = grown;
    out->row[out->rows++] = *r;
    out->cycles += r->cycles * (double)r->count;
    out->energy_j += r->energy_j * (double)r->count;
    return NAP_OK;
}

static nap_status one_layer(const nap_machine *m, const nap_layer *l, nap_precompute_mode pre,
                            nap_layer_fn layer, nap_elem_fn elem, nap_simout *out, nap_error *e)
{
    nap_simrow r;
    nap_simelem x;
    if (nap_simelem_precompute(m, l, pre, &x)) {
        char name[sizeof r.name];
        const char *bound;
        snprintf(name, sizeof name, "%s/tables", l->name);
        const double cycles = elem(m, &x, &bound);
        NAP_TRY(nap_simrow_element(m, name, l->count, &x, cycles, bound, &r, e));
        NAP_TRY(put(out, &r, e));
    }
    NAP_TRY(layer(m, l, pre, NULL, &r, e));
    return put(out, &r, e);
}

nap_status nap_sim_layers(const nap_machine *m, const nap_layers *l, nap_precompute_mode pre,
                          nap_layer_fn layer, nap_elem_fn elem, nap_simout *out, nap_error *e)
{
    *out = (nap_simout){.machine = *m, .pre = pre};
    nap_status s = nap_machine_check(m, m->name, e);
    for (size_t i = 0; s == NAP_OK && i < l->count; i++)
        s = one_layer(m, &l->v[i], pre, layer, elem, out, e);
    if (s != NAP_OK) {
        nap_simout_free(out);
        return s;
    }
    out->ms = out->cycles / (m->clock_ghz * 1e6);
    out->core_mm2 = nap_machine_core_mm2(m);
    out->extra_regs_mm2 = nap_machine_extra_regs_mm2(m);
    return NAP_OK;
}

void nap_simout_free(nap_simout *s)
{
    nap_free(s->row);
    *s = (nap_simout){0};
}

static void write_row(const nap_simout *s, const nap_simrow *r, nap_buf *out)
{
    const nap_machine *m = &s->machine;
    /* Rounded one by one, the parts might miss the sum by a cycle. */
    const double cycles = rint(r->cycles), compute = fmin(rint(r->compute_cycles), cycles);
    nap_csv_put(out, r->name);
    nap_buf_printf(out,
                   ",%llu,%.0f,%.0f,%.0f,%.6f,%.6f,%.0f,%.0f,%.0f,%.0f,%.0f,%.0f,%.0f,%.0f,%.3f",
                   (unsigned long long)r->count, cycles, compute, cycles - compute, r->utilisation,
                   r->mapping, r->closed, r->macs, r->lookups, r->vector_ops, r->dram_read,
                   r->dram_write, r->l2_bytes, r->smem_bytes, r->dram_gbs);
    nap_buf_printf(out, ",%.0f,%.6g", r->reg_bytes, r->cycles / (m->clock_ghz * 1e6));
    nap_buf_printf(
        out, ",%.6g,%.6g,%s,%.6g,%s,%.6g,%s,%.6g,%s,%.6g,%s,%.6g,%s", r->energy_j,
        r->energy_compute_j, nap_origin_name(r->plan.tm > 0 ? m->src_mac : m->src_vector),
        r->energy_reg_j, nap_origin_name(m->src_reg), r->energy_smem_j,
        nap_origin_name(m->src_smem), r->energy_l2_j, nap_origin_name(m->src_l2), r->energy_dram_j,
        nap_origin_name(m->src_dram), r->energy_static_j, nap_origin_name(m->src_static));
    nap_buf_printf(out, ",%u,%u,%u,%u,%u,%s\n", r->plan.tm, r->plan.tn, r->plan.tk, r->plan.stages,
                   r->plan.ctas, r->bound);
}

bool nap_simout_csv(const nap_simout *s, nap_buf *out)
{
    nap_buf_puts(
        out,
        "name,count,cycles,compute_cycles,stall_cycles,utilisation,mapping_efficiency,closed_"
        "cycles,"
        "macs,lookups,vector_ops,dram_read_bytes,dram_write_bytes,l2_bytes,smem_bytes,dram_gbs,"
        "reg_bytes,ms,energy_j,energy_compute_j,compute_source,energy_reg_j,reg_source,"
        "energy_smem_j,smem_source,energy_l2_j,l2_source,energy_dram_j,dram_source,energy_static_j,"
        "static_source,tile_m,tile_n,tile_k,stages,blocks_per_sm,bound\n");
    for (size_t i = 0; i < s->rows; i++) write_row(s, &s->row[i], out);
    return !out->failed;
}
