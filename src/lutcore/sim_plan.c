/* Operators in bytes and rates; plans in counts and traffic. See sim_plan.h.
 *
 * The LUT array's weights are read bit-serially, so its rate falls with the weight's bits; a MAC
 * array widens weights to the activation's type in shared memory, and is not charged for that.
 * Tables of INT8 entries take 2 bytes an activation (8 entries for 4 activations), whatever the
 * activation's type; that is what shared memory and registers hold where tables are charged. */
#include "lutcore/sim_plan.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    TABLE_K = 4,       /* activations a table covers */
    TABLE_ENTRIES = 8, /* 2^(k-1), by symmetry */
    THREADS_PER_WARP = 32,
    THREAD_REGS_MAX = 255,  /* published: registers a thread can name, at regs_scale 1 */
    THREAD_OTHER_REGS = 32, /* assumed: addresses, counters, epilogue */
    CTAS_MAX = 16,
    LMMA_M = 16,  /* rows of one LMMA: eight arrays' of 2 */
    LMMA_N = 512, /* columns: eight arrays' of 64 */
    LMMA_K = 32,
    MMA_M = 16,
    MMA_N = 8
};

static double min2(double a, double b)
{
    return a < b ? a : b;
}

static bool charged(const nap_machine *m, const nap_layer *l, nap_precompute_mode pre)
{
    return pre != NAP_PRE_NONE && l->kind == NAP_LAYER_MPGEMM && !(m->lut && l->wbits > 8);
}

static double table_bytes(const nap_machine *m)
{
    return m->table_bits / 8.0 * TABLE_ENTRIES / TABLE_K;
}

/* MACs a cycle of the arrays in one core: as many M2 N64 K4 arrays as give core_macs * array_scale
 * at `wbits` bits, each busy nap_linst_cycles() with its largest LMMA, as the interpreter, the core
 * model and the RTL have it. */
static double lut_rate(const nap_machine *m, unsigned wbits)
{
    const nap_core c = nap_core_default();
    const double array = (double)c.m * c.n * nap_core_kdim(&c);
    const double arrays = m->core_macs * m->array_scale * m->wbits / array;
    const nap_linst largest = {.op = NAP_L_LMMA,
                               .wt = (uint8_t)wbits,
                               .mi = 3,
                               .nj = 3,
                               .kl = 3,
                               .m = (uint8_t)c.m,
                               .n = (uint16_t)c.n,
                               .kd = (uint16_t)nap_core_kdim(&c)};
    const double steps = 8 * 8 * 8;
    return arrays * steps * array / (double)nap_linst_cycles(&c, &largest);
}

void nap_simop_make(nap_simop *o, const nap_machine *m, const nap_layer *l, nap_precompute_mode pre)
{
    const bool low = l->kind == NAP_LAYER_MPGEMM;
    const double act = l->act_bits / 8.0, acc = m->acc_bits / 8.0;
    *o = (nap_simop){.machine = m, .layer = l, .out_b = m->out_bits / 8.0};
    o->lut = m->lut && low && l->wbits <= 8;
    o->a_g = o->a_s = charged(m, l, pre) ? table_bytes(m) : act;
    o->w_g = low ? l->wbits / 8.0 : act;
    if (o->lut) {
        o->rate = lut_rate(m, l->wbits);
        o->w_s = o->w_g;
        o->lookups_mac = (double)l->wbits / TABLE_K;
        o->kstep = LMMA_K;
        o->least_n = 64;
        const double macs = (double)LMMA_M * LMMA_N * LMMA_K;
        o->reg_mac =
            (LMMA_M * LMMA_K * o->a_s + LMMA_N * LMMA_K * o->w_s + 2.0 * LMMA_M * LMMA_N * acc) /
            macs;
        return;
    }
    o->array = low && l->act_bits <= m->act_bits && l->wbits <= m->act_bits && !m->lut;
    o->rate = o->array ? m->core_macs * m->array_scale : m->gemm_macs;
    o->w_s = o->array || !low ? act : fmax(act, o->w_g);
    o->kstep = l->act_bits <= 8 ? 32 : 16;
    o->least_n = 16;
    const double macs = (double)MMA_M * MMA_N * o->kstep;
    o->reg_mac =
        (MMA_M * o->kstep * o->a_s + MMA_N * o->kstep * o->w_s + 2.0 * MMA_M * MMA_N * acc) / macs;
}

double nap_share_l2(const nap_machine *m, double active)
{
    return min2(m->l2_bytes_per_cycle, m->l2_total_per_cycle / active);
}

double nap_share_dram(const nap_machine *m, double active)
{
    return m->dram_gbs * m->dram_efficiency / m->clock_ghz / active;
}

double nap_launch_cycles(const nap_machine *m)
{
    return m->launch_us * m->clock_ghz * 1e3;
}

static bool no(char why[160], const char *what, double need, double capacity)
{
    if (why != NULL)
        snprintf(why, 160, "%s: found %.0f, expected at most %.0f", what, need, capacity);
    return false;
}

static bool shape_ok(const nap_simop *o, const nap_tileplan *p, char why[160])
{
    if (p->wm == 0 || p->wn == 0 || p->tm == 0 || p->tn == 0 || p->tk == 0 || p->stages < 2 ||
        p->ctas == 0 || p->tm % p->wm != 0 || p->tn % p->wn != 0 || p->tk % o->kstep != 0 ||
        p->wm % 16 != 0 || p->wn % o->least_n != 0 || p->tm > 1u << 14 || p->tn > 1u << 14 ||
        p->tk > 1u << 14 || p->stages > 64) {
        if (why != NULL)
            snprintf(
                why, 160,
                "shape: expected tm, tn multiples of wm, wn (of 16, %u), tk of %u, stages of 2 "
                "to 64, ctas of at least 1",
                o->least_n, o->kstep);
        return false;
    }
    return true;
}

/* Registers, shared memory and blocks of a plan against the machine. */
static bool capacity_ok(const nap_simop *o, nap_simplan *x, char why[160])
{
    const nap_machine *m = o->machine;
    const nap_tileplan *p = &x->p;
    const double threads = (double)x->warps * THREADS_PER_WARP;
    const double acc = (double)p->tm * p->tn * m->acc_bits / 8.0;
    x->frag = (p->wm * o->a_s + p->wn * o->w_s) * o->kstep;
    x->regs = acc + 2 * x->frag * x->warps + threads * THREAD_OTHER_REGS * 4;
    x->tile_smem = (p->tm * o->a_s + p->tn * o->w_s) * p->tk;
    x->smem = x->tile_smem * p->stages;
    const double thread_most = THREAD_REGS_MAX * 4.0 * m->regs_scale;
    if (x->regs / threads > thread_most)
        return no(why, "register bytes of a thread", x->regs / threads, thread_most);
    const double regs = m->regs_kib * 1024 * m->regs_scale, smem = m->smem_kib * 1024;
    if (x->regs * p->ctas > regs) return no(why, "register bytes", x->regs * p->ctas, regs);
    if (x->smem * p->ctas > smem) return no(why, "shared memory bytes", x->smem * p->ctas, smem);
    if (p->ctas > CTAS_MAX) return no(why, "thread blocks on an SM", p->ctas, CTAS_MAX);
    return true;
}

/* DRAM bytes that one product reads when `wave` of its blocks run at a time, in swizzled
 * rectangles of gm x gn: a panel is read once if half of L2 holds it. */
static double product_read(const nap_simop *o, const nap_simplan *x, double wave)
{
    const nap_layer *l = o->layer;
    const double a = (double)l->m * (double)l->k * o->a_g;
    const double w = (double)l->n * (double)l->k * o->w_g;
    const double blocks = (double)x->grid_m * (double)x->grid_n;
    const double half = o->machine->l2_mib * 1048576 / 2;
    if (blocks <= wave) return a + w;
    double best = INFINITY;
    for (double g = 1;; g *= 2) {
        const double gm = min2(g, (double)x->grid_m);
        const double gn = min2(ceil(wave / gm), (double)x->grid_n);
        const double bands_m = ceil((double)x->grid_m / gm), bands_n = ceil((double)x->grid_n / gn);
        const double a_panel = gm * x->p.tm * (double)l->k * o->a_g;
        const double w_panel = gn * x->p.tn * (double)l->k * o->w_g;
        const bool keep_a = a_panel <= half, keep_w = w_panel <= half;
        const double along_n =
            a * (keep_a || a <= half ? 1 : bands_n) + w * (w <= half ? 1 : bands_m);
        const double along_m =
            w * (keep_w || w <= half ? 1 : bands_m) + a * (a <= half ? 1 : bands_n);
        best = min2(best, min2(along_n, along_m));
        if (g >= (double)x->grid_m) return best;
    }
}

bool nap_simplan_make(nap_simplan *x, const nap_simop *o, const nap_tileplan *p, char why[160])
{
    const nap_machine *m = o->machine;
    const nap_layer *l = o->layer;
    *x = (nap_simplan){.p = *p};
    if (!shape_ok(o, p, why)) return false;
    x->warps = p->tm / p->wm * (p->tn / p->wn);
    if (x->warps > 32) return no(why, "warps of a thread block", x->warps, 32);
    if (!capacity_ok(o, x, why)) return false;
    x->warps_per_core = (x->warps + m->cores_per_sm - 1) / m->cores_per_sm;
    x->ksteps = p->tk / o->kstep;
    x->grid_m = (l->m + p->tm - 1) / p->tm;
    x->grid_n = (l->n + p->tn - 1) / p->tn;
    x->grid = x->grid_m * x->grid_n * l->batch;
    x->iters = (l->k + p->tk - 1) / p->tk;
    const uint64_t wave = (uint64_t)m->sms * p->ctas;
    x->full = x->grid / wave;
    x->rest = x->grid % wave;
    x->rest_sm = (unsigned)((x->rest + m->sms - 1) / m->sms);
    x->rest_active = x->rest < m->sms ? (unsigned)x->rest : m->sms;
    const double macs = (double)p->wm * p->wn * o->kstep;
    x->step =
        fmax(macs / (o->rate * m->mma_efficiency), macs * o->reg_mac / m->reg_bytes_per_cycle);
    x->tile = (p->tm * o->a_g + p->tn * o->w_g) * p->tk;
    x->out = (double)p->tm * p->tn * o->out_b;
    x->dram_read = product_read(o, x, (double)wave) * (double)l->batch;
    x->dram_write = (double)l->m * (double)l->n * (double)l->batch * o->out_b;
    x->miss = x->dram_read / ((double)x->grid * (double)x->iters);
    return true;
}

nap_simelem nap_simelem_layer(const nap_layer *l)
{
    const double elements = (double)l->m * (double)l->n * (double)l->batch;
    const double bytes = l->act_bits / 8.0;
    return (nap_simelem){.read = elements * bytes * l->inputs,
                         .write = l->fuses ? 0 : elements * bytes,
                         .ops = elements * (double)l->k,
                         .efficiency = 1,
                         .kernel = !l->fuses};
}

nap_simelem nap_simelem_gemm(const nap_machine *m, const nap_layer *l)
{
    const double rows = (double)l->m, n = (double)l->n, k = (double)l->k;
    const double batch = (double)l->batch, bytes = l->act_bits / 8.0;
    return (nap_simelem){.read = (rows + n) * k * batch * bytes,
                         .write = rows * n * batch * m->out_bits / 8.0,
                         .ops = rows * n * k * batch,
                         .efficiency = 1,
                         .macs = rows * n * k * batch,
                         .kernel = true};
}

bool nap_simelem_precompute(const nap_machine *m, const nap_layer *l, nap_precompute_mode pre,
                            nap_simelem *out)
{
    if (!charged(m, l, pre)) return false;
    /* Per group of four: 14 additions make 8 entries, 3 operations each scale, round and pack. */
    const double ops_per_activation = (14.0 + 3 * TABLE_ENTRIES) / TABLE_K;
    const double activations = (double)l->m * (double)l->k * (double)l->batch;
    const double act = l->act_bits / 8.0, table = table_bytes(m);
    *out = (nap_simelem){.ops = activations * ops_per_activation, .efficiency = 1};
    if (pre == NAP_PRE_FUSED && l->fuses) {
        /* The producer writes tables in place of activations. */
        out->write = activations * fmax(0, table - act);
        return true;
    }
    out->read = activations * act;
    out->write = activations * table;
    out->efficiency = m->separate_efficiency;
    out->kernel = true;
    return true;
}
