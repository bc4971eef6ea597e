/* See sim_study.h. Points are declared as data: which machine, model, phase and precompute mode
 * stand for which published value. */
#include "lutcore/sim_study.h"

#include "base/alloc.h"
#include "base/csv.h"
#include "base/error.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct load {
    const char *shape;
    uint64_t batch, seq;
    bool decode, single; /* single: one transformer layer, no output layer */
    unsigned wbits, act_bits;
    nap_precompute_mode pre;
} load;

typedef struct point {
    const char *id; /* in the published figures */
    const char *machine;
    load load;
} point;

#define BITNET(D, W, A, PRE)                                                                       \
    {                                                                                              \
        .shape = "bitnet-3b", .batch = (D) ? 1024 : 1, .seq = (D) ? 1 : 2048, .decode = (D),       \
        .wbits = (W), .act_bits = (A), .pre = (PRE)                                                \
    }
#define LAYER(SHAPE, D, SEQ, PRE)                                                                  \
    {                                                                                              \
        .shape = SHAPE, .batch = (D) ? 1024 : 1, .seq = (SEQ), .decode = (D), .single = true,      \
        .wbits = 16, .act_bits = 16, .pre = (PRE)                                                  \
    }
#define FUSION(ID, SHAPE, SEQ)                                                                     \
    {"fusion_" ID "_prefill_none", "a100", LAYER(SHAPE, false, SEQ, NAP_PRE_NONE)},                \
        {"fusion_" ID "_prefill_separate", "a100", LAYER(SHAPE, false, SEQ, NAP_PRE_SEPARATE)},    \
        {"fusion_" ID "_prefill_fused", "a100", LAYER(SHAPE, false, SEQ, NAP_PRE_FUSED)},          \
        {"fusion_" ID "_decode_none", "a100", LAYER(SHAPE, true, 1, NAP_PRE_NONE)},                \
        {"fusion_" ID "_decode_separate", "a100", LAYER(SHAPE, true, 1, NAP_PRE_SEPARATE)},        \
    {                                                                                              \
        "fusion_" ID "_decode_fused", "a100", LAYER(SHAPE, true, 1, NAP_PRE_FUSED)                 \
    }

/* Triples of the fusion points first: none, separate, fused. */
static const point points[] = {
    FUSION("opt175b", "opt-175b", 2048),
    FUSION("bloom176b", "bloom-176b", 4096),
    FUSION("llama270b", "llama2-70b", 4096),
    {"t1_a100_f16_prefill", "a100", BITNET(false, 16, 16, NAP_PRE_NONE)},
    {"t1_a100_f16_decode", "a100", BITNET(true, 16, 16, NAP_PRE_NONE)},
    {"t1_a100_s8_prefill", "a100-int8", BITNET(false, 2, 8, NAP_PRE_NONE)},
    {"t1_a100_s8_decode", "a100-int8", BITNET(true, 2, 8, NAP_PRE_NONE)},
    {"t1_a100_lut4x_prefill", "a100-lut-4x", BITNET(false, 2, 8, NAP_PRE_FUSED)},
    {"t1_a100_lut4x_decode", "a100-lut-4x", BITNET(true, 2, 8, NAP_PRE_FUSED)},
    {"t1_a100_lut8x_prefill", "a100-lut-8x", BITNET(false, 2, 8, NAP_PRE_FUSED)},
    {"t1_a100_lut8x_decode", "a100-lut-8x", BITNET(true, 2, 8, NAP_PRE_FUSED)},
    {"t1_h100_e4m3_prefill", "h100", BITNET(false, 8, 8, NAP_PRE_NONE)},
    {"t1_h100_e4m3_decode", "h100", BITNET(true, 8, 8, NAP_PRE_NONE)},
    {"t1_h100_lut4x_prefill", "h100-lut-4x", BITNET(false, 2, 8, NAP_PRE_FUSED)},
    {"t1_h100_lut4x_decode", "h100-lut-4x", BITNET(true, 2, 8, NAP_PRE_FUSED)},
    {"t1_h100_lut8x_prefill", "h100-lut-8x", BITNET(false, 2, 8, NAP_PRE_FUSED)},
    {"t1_h100_lut8x_decode", "h100-lut-8x", BITNET(true, 2, 8, NAP_PRE_FUSED)},
};
enum { POINTS = sizeof points / sizeof *points, FUSION_POINTS = 18 };

/* Speed-ups as quotients of the points above. */
typedef struct ratio {
    const char *id, *over, *under;
} ratio;
static const ratio ratios[] = {
    {"speedup_a100_lut4x_prefill", "t1_a100_f16_prefill", "t1_a100_lut4x_prefill"},
    {"speedup_a100_lut8x_prefill", "t1_a100_f16_prefill", "t1_a100_lut8x_prefill"},
    {"speedup_a100_lut4x_decode", "t1_a100_f16_decode", "t1_a100_lut4x_decode"},
    {"speedup_a100_lut8x_decode", "t1_a100_f16_decode", "t1_a100_lut8x_decode"},
    {"speedup_s8_lut8x_decode", "t1_a100_s8_decode", "t1_a100_lut8x_decode"},
    {"speedup_h100_lut8x_prefill", "t1_h100_e4m3_prefill", "t1_h100_lut8x_prefill"},
    {"speedup_h100_lut8x_decode", "t1_h100_e4m3_decode", "t1_h100_lut8x_decode"},
};
enum { RATIOS = sizeof ratios / sizeof *ratios };

static nap_status load_machine(const char *configs, const char *name, nap_machine *m, nap_error *e)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s.cfg", configs, name) >= (int)sizeof path)
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET, "%s: path too long", configs);
    return nap_machine_load(path, m, e);
}

static nap_status layers_of(const load *l, nap_layers *out, nap_error *e)
{
    const nap_shape *found = nap_shape_find(l->shape);
    if (found == NULL)
        return nap_fail(e, NAP_ERR_NOT_FOUND, NAP_NO_OFFSET, "no model shape '%s'", l->shape);
    nap_shape s = *found;
    if (l->single) {
        s.layers = 1;
        s.vocab = 0;
    }
    return nap_shape_layers(&s, l->batch, l->seq, l->decode, l->wbits, l->act_bits, out, e);
}

/* One workload on a machine; ms by both simulators, and the energy of the tile simulator's. */
typedef struct outcome {
    double tile_ms, cycle_ms, energy_j;
} outcome;

static nap_status run(const nap_machine *m, const load *l, bool detail, outcome *out, nap_error *e)
{
    nap_layers layers;
    nap_simout o;
    NAP_TRY(layers_of(l, &layers, e));
    nap_status s = nap_sim_tile(m, &layers, l->pre, &o, e);
    if (s == NAP_OK) {
        out->tile_ms = o.ms;
        out->energy_j = o.energy_j;
        nap_simout_free(&o);
        if (detail) s = nap_sim_cycle(m, &layers, l->pre, &o, e);
    }
    if (s == NAP_OK && detail) {
        out->cycle_ms = o.ms;
        nap_simout_free(&o);
    }
    nap_layers_free(&layers);
    return s;
}

/* ---- published points */

typedef struct publication {
    nap_csv csv;
    size_t id, value, where;
} publication;

static nap_status published_value(const publication *p, const char *id, double *value,
                                  const char **where, nap_error *e)
{
    for (size_t r = 0; r < p->csv.rows; r++) {
        if (strcmp(nap_csv_cell(&p->csv, r, p->id), id) != 0) continue;
        *where = nap_csv_cell(&p->csv, r, p->where);
        return nap_csv_real(&p->csv, r, p->value, value, e);
    }
    return nap_fail(e, NAP_ERR_NOT_FOUND, NAP_NO_OFFSET, "%s: found no row '%s', expected one",
                    p->csv.name, id);
}

typedef struct errors {
    double tile, cycle;
    unsigned n;
} errors;

static void write_point(nap_buf *csv, const char *id, const char *machine, double tile,
                        double cycle, double value, const char *unit, const char *where,
                        errors *sum)
{
    const double a = 100 * (tile / value - 1), b = 100 * (cycle / value - 1);
    sum->tile += fabs(a);
    sum->cycle += fabs(b);
    sum->n++;
    nap_buf_printf(csv, "%s,%s,%.6g,%.6g,%.6g,%s,%.2f,%.2f,", id, machine, tile, cycle, value, unit,
                   a, b);
    nap_csv_put(csv, where);
    nap_buf_putc(csv, '\n');
}

static void write_mean(nap_buf *csv, const char *id, const errors *sum)
{
    nap_buf_printf(csv, "%s,,%.2f,%.2f,,%%,,,mean absolute error of %u points\n", id,
                   sum->tile / sum->n, sum->cycle / sum->n, sum->n);
}

/* INT8 tables, as the paper has them, and tables left at 16 bits. */
typedef struct variant {
    const char *suffix;
    unsigned table_bits;
} variant;
static const variant variants[] = {{"", 8}, {"_tables16", 16}};

/* Mean overhead over the three models; mode 1 separate, 2 fused; phase 0 prefill, 1 decode. */
static double overhead(const outcome *o, unsigned phase, unsigned mode, bool cycle)
{
    double sum = 0;
    for (unsigned model = 0; model < 3; model++) {
        const outcome *base = &o[model * 6 + phase * 3];
        sum += cycle ? base[mode].cycle_ms / base->cycle_ms : base[mode].tile_ms / base->tile_ms;
    }
    return 100 * (sum / 3 - 1);
}

static nap_status write_overheads(const char *configs, const publication *p, const variant *v,
                                  nap_buf *csv, nap_error *e)
{
    static const char *const phases[] = {"prefill", "decode"};
    outcome o[FUSION_POINTS];
    errors unused = {0};
    for (size_t i = 0; i < FUSION_POINTS; i++) {
        nap_machine m;
        NAP_TRY(load_machine(configs, points[i].machine, &m, e));
        m.table_bits = v->table_bits;
        NAP_TRY(run(&m, &points[i].load, true, &o[i], e));
    }
    for (unsigned phase = 0; phase < 2; phase++)
        for (unsigned mode = 1; mode <= 2; mode++) {
            char id[64], shown[96];
            double value;
            const char *where;
            snprintf(id, sizeof id, "fusion_mean_%s_%s", phases[phase], nap_precompute_names[mode]);
            snprintf(shown, sizeof shown, "%s%s", id, v->suffix);
            NAP_TRY(published_value(p, id, &value, &where, e));
            write_point(csv, shown, "a100", overhead(o, phase, mode, false),
                        overhead(o, phase, mode, true), value, "%", where, &unused);
        }
    return NAP_OK;
}

static size_t index_of(const char *id)
{
    size_t i = 0;
    while (i < POINTS && strcmp(points[i].id, id) != 0) i++;
    return i;
}

static nap_status write_ratios(const publication *p, const outcome *o, nap_buf *csv, nap_error *e)
{
    errors sum = {0};
    for (size_t i = 0; i < RATIOS; i++) {
        const ratio *r = &ratios[i];
        const outcome *over = &o[index_of(r->over)], *under = &o[index_of(r->under)];
        double a, b;
        const char *where;
        NAP_TRY(published_value(p, r->over, &a, &where, e));
        NAP_TRY(published_value(p, r->under, &b, &where, e));
        write_point(csv, r->id, points[index_of(r->under)].machine, over->tile_ms / under->tile_ms,
                    over->cycle_ms / under->cycle_ms, a / b, "x", where, &sum);
    }
    write_mean(csv, "mape_speedup", &sum);
    return NAP_OK;
}

/* W1A8, M 2048, N 27648, K 5120 with the artifact's tile: blocks of 64 x 512 x 64, four warps of
 * 32 x 256, two buffers, two blocks on an SM. Operands move as activations, as in its trace. */
static nap_status write_artifact(const char *configs, const publication *p, nap_buf *csv,
                                 nap_error *e)
{
    const nap_layer gemm = {.name = "gemm_w1a8_4x_cycles",
                            .kind = NAP_LAYER_MPGEMM,
                            .m = 2048,
                            .n = 27648,
                            .k = 5120,
                            .wbits = 1,
                            .act_bits = 8,
                            .batch = 1,
                            .count = 1};
    const nap_tileplan tile = {
        .tm = 64, .tn = 512, .tk = 64, .wm = 32, .wn = 256, .stages = 2, .ctas = 2};
    nap_machine m;
    nap_simrow t, c;
    double value;
    const char *where;
    errors unused = {0};
    NAP_TRY(load_machine(configs, "a100-lut-4x-w1", &m, e));
    m.launch_us = 0; /* the trace is of one kernel, from its first instruction */
    NAP_TRY(nap_sim_tile_layer(&m, &gemm, NAP_PRE_NONE, &tile, &t, e));
    NAP_TRY(nap_sim_cycle_layer(&m, &gemm, NAP_PRE_NONE, &tile, &c, e));
    NAP_TRY(published_value(p, gemm.name, &value, &where, e));
    write_point(csv, gemm.name, "a100-lut-4x-w1", t.cycles, c.cycles, value, "cycles", where,
                &unused);
    return NAP_OK;
}

static nap_status write_points(const char *configs, const publication *p, nap_buf *csv,
                               nap_error *e)
{
    outcome o[POINTS];
    errors base = {0}, fusion = {0}, table1 = {0};
    nap_buf_puts(csv, "id,machine,tile,cycle,published,unit,tile_error_percent,"
                      "cycle_error_percent,where\n");
    for (size_t i = 0; i < POINTS; i++) {
        nap_machine m;
        double value;
        const char *where;
        NAP_TRY(load_machine(configs, points[i].machine, &m, e));
        NAP_TRY(run(&m, &points[i].load, true, &o[i], e));
        NAP_TRY(published_value(p, points[i].id, &value, &where, e));
        errors *sum = i >= FUSION_POINTS ? &table1 : i % 3 == 0 ? &base : &fusion;
        write_point(csv, points[i].id, points[i].machine, o[i].tile_ms, o[i].cycle_ms, value, "ms",
                    where, sum);
    }
    write_mean(csv, "mape_welder", &base);
    write_mean(csv, "mape_fusion", &fusion);
    write_mean(csv, "mape_table1", &table1);
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++)
        NAP_TRY(write_overheads(configs, p, &variants[i], csv, e));
    NAP_TRY(write_ratios(p, o, csv, e));
    return write_artifact(configs, p, csv, e);
}

nap_status nap_study_published(const char *configs, const char *published, nap_buf *csv,
                               nap_error *e)
{
    publication p;
    NAP_TRY(nap_csv_load(published, &p.csv, e));
    nap_status s = nap_csv_column(&p.csv, "id", &p.id, e);
    if (s == NAP_OK) s = nap_csv_column(&p.csv, "value", &p.value, e);
    if (s == NAP_OK) s = nap_csv_column(&p.csv, "where", &p.where, e);
    if (s == NAP_OK) s = write_points(configs, &p, csv, e);
    nap_csv_free(&p.csv);
    if (s == NAP_OK && csv->failed) s = nap_fail_memory(e, csv->len, "a table");
    return s;
}

/* ---- whole models */

typedef struct contender {
    const char *machine;
    unsigned wbits, act_bits;
    nap_precompute_mode pre;
} contender;
static const contender contenders[] = {
    {"a100", 16, 16, NAP_PRE_NONE},       {"a100-int8", 2, 8, NAP_PRE_NONE},
    {"a100-lut-1x", 2, 8, NAP_PRE_FUSED}, {"a100-lut-2x", 2, 8, NAP_PRE_FUSED},
    {"a100-lut-4x", 2, 8, NAP_PRE_FUSED}, {"a100-lut-8x", 2, 8, NAP_PRE_FUSED},
    {"rtx3090", 16, 16, NAP_PRE_NONE},    {"rtx3090-lut-4x", 2, 8, NAP_PRE_FUSED},
    {"h100", 8, 8, NAP_PRE_NONE},         {"h100-lut-4x", 2, 8, NAP_PRE_FUSED},
    {"h100-lut-8x", 2, 8, NAP_PRE_FUSED},
};

static nap_status model_rows(const char *configs, const char *shape, bool decode, nap_buf *csv,
                             nap_error *e)
{
    double first = 0;
    char family[8] = "";
    for (size_t i = 0; i < sizeof contenders / sizeof *contenders; i++) {
        const contender *c = &contenders[i];
        const load l = {.shape = shape,
                        .batch = decode ? 1024 : 1,
                        .seq = decode ? 1 : 2048,
                        .decode = decode,
                        .wbits = c->wbits,
                        .act_bits = c->act_bits,
                        .pre = c->pre};
        nap_machine m;
        outcome o;
        NAP_TRY(load_machine(configs, c->machine, &m, e));
        NAP_TRY(run(&m, &l, true, &o, e));
        /* Speed-ups are over the first machine of the same maker's name. */
        if (strncmp(family, c->machine, 4) != 0) {
            first = o.tile_ms;
            snprintf(family, sizeof family, "%.4s", c->machine);
        }
        nap_buf_printf(csv,
                       "%s,%s,%s,%u,%u,%u,%u,%s,%.6g,%.6g,%.4f,%.6g,%.4g,%s,%.4g,%s,simulated\n",
                       shape, decode ? "BS1024 SEQ1" : "BS1 SEQ2048", c->machine, c->wbits,
                       c->act_bits, m.array_scale, m.regs_scale, nap_precompute_names[c->pre],
                       o.tile_ms, o.cycle_ms, first / o.tile_ms, o.energy_j,
                       nap_machine_core_mm2(&m) / m.sms, nap_origin_name(m.src_core_mm2),
                       nap_machine_extra_regs_mm2(&m) / m.sms, nap_origin_name(m.src_reg_um2));
    }
    return NAP_OK;
}

nap_status nap_study_models(const char *configs, nap_buf *csv, nap_error *e)
{
    static const char *const models[] = {"opt-175b", "bloom-176b", "llama2-70b", "bitnet-3b"};
    nap_buf_puts(csv, "model,workload,machine,wbits,act_bits,array_scale,regs_scale,precompute,"
                      "tile_ms,cycle_ms,speedup,energy_j,core_mm2_sm,core_source,"
                      "extra_regs_mm2_sm,regs_source,source\n");
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        for (int decode = 0; decode < 2; decode++)
            NAP_TRY(model_rows(configs, models[i], decode == 1, csv, e));
    return csv->failed ? nap_fail_memory(e, csv->len, "a table") : NAP_OK;
}

/* ---- registers */

static nap_status register_rows(const char *configs, const char *shape, bool decode, nap_buf *csv,
                                nap_error *e)
{
    load l = {.shape = shape,
              .batch = decode ? 1024 : 1,
              .seq = decode ? 1 : 2048,
              .decode = decode,
              .wbits = 16,
              .act_bits = 16};
    nap_machine m;
    outcome base, o;
    NAP_TRY(load_machine(configs, "a100", &m, e));
    NAP_TRY(run(&m, &l, false, &base, e));
    const double base_mm2 = m.core_mm2;
    l.wbits = 2;
    l.act_bits = 8;
    l.pre = NAP_PRE_FUSED;
    for (unsigned array = 1; array <= 8; array *= 2)
        for (unsigned regs = 1; regs <= 8; regs *= 2) {
            char name[16];
            snprintf(name, sizeof name, "a100-lut-%ux", array);
            NAP_TRY(load_machine(configs, name, &m, e));
            m.regs_scale = regs;
            NAP_TRY(run(&m, &l, false, &o, e));
            const double extra = nap_machine_extra_regs_mm2(&m) / m.sms;
            nap_buf_printf(csv, "%s,%s,%u,%u,%.6g,%.4f,%.4g,%s,%.4g,%s,%.4f\n", shape,
                           decode ? "BS1024 SEQ1" : "BS1 SEQ2048", array, regs, o.tile_ms,
                           base.tile_ms / o.tile_ms, m.core_mm2, nap_origin_name(m.src_core_mm2),
                           extra, nap_origin_name(m.src_reg_um2), (m.core_mm2 + extra) / base_mm2);
        }
    return NAP_OK;
}

nap_status nap_study_registers(const char *configs, nap_buf *csv, nap_error *e)
{
    static const char *const models[] = {"opt-175b", "bitnet-3b"};
    nap_buf_puts(csv, "model,workload,array_scale,regs_scale,tile_ms,speedup,core_mm2_sm,"
                      "core_source,extra_regs_mm2_sm,regs_source,area_over_fp16_cores\n");
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        for (int decode = 0; decode < 2; decode++)
            NAP_TRY(register_rows(configs, models[i], decode == 1, csv, e));
    return csv->failed ? nap_fail_memory(e, csv->len, "a table") : NAP_OK;
}

/* ---- kernels */

static nap_status kernel_row(const nap_machine *m, unsigned act, unsigned wbits, double *base,
                             nap_buf *csv, nap_error *e)
{
    const nap_layer l = {.name = "kernel",
                         .kind = NAP_LAYER_MPGEMM,
                         .m = 2048,
                         .n = 27648,
                         .k = 5120,
                         .wbits = wbits,
                         .act_bits = act,
                         .batch = 1,
                         .count = 1,
                         .fuses = true};
    const nap_precompute_mode pre = m->lut ? NAP_PRE_FUSED : NAP_PRE_NONE;
    nap_simrow t, c;
    NAP_TRY(nap_sim_tile_layer(m, &l, pre, NULL, &t, e));
    NAP_TRY(nap_sim_cycle_layer(m, &l, pre, NULL, &c, e));
    if (*base == 0) *base = c.cycles;
    nap_buf_printf(csv, "%s,%u,%u,%u,%u,%.0f,%.0f,%.0f,%.4f,%.4f,%ux%ux%u,%s\n",
                   m->lut ? "lut" : "mac", act, wbits, m->array_scale, m->regs_scale, t.closed,
                   t.cycles, c.cycles, c.utilisation, *base / c.cycles, c.plan.tm, c.plan.tn,
                   c.plan.tk, c.bound);
    return NAP_OK;
}

/* FP16 activations; INT8 ones give the same cycles, since tables are equally wide. */
static nap_status lut_kernels(const char *configs, double *base, nap_buf *csv, nap_error *e)
{
    static const unsigned widths[] = {1, 2, 4};
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
        for (unsigned array = 1; array <= 8; array *= 2)
            for (unsigned regs = 1; regs <= 2; regs++) {
                nap_machine m;
                char name[16];
                snprintf(name, sizeof name, "a100-lut-%ux", array);
                NAP_TRY(load_machine(configs, name, &m, e));
                m.wbits = widths[w];
                m.act_bits = 16;
                m.regs_scale = regs;
                NAP_TRY(kernel_row(&m, 16, widths[w], base, csv, e));
            }
    return NAP_OK;
}

nap_status nap_study_kernels(const char *configs, nap_buf *csv, nap_error *e)
{
    nap_machine f16, s8;
    double base = 0;
    NAP_TRY(load_machine(configs, "a100", &f16, e));
    NAP_TRY(load_machine(configs, "a100-int8", &s8, e));
    nap_buf_puts(csv, "cores,act_bits,wbits,array_scale,regs_scale,ideal_cycles,tile_cycles,"
                      "cycle_cycles,of_peak,speedup_over_f16_mac,tile,bound\n");
    NAP_TRY(kernel_row(&f16, 16, 16, &base, csv, e));
    NAP_TRY(kernel_row(&s8, 8, 8, &base, csv, e));
    NAP_TRY(lut_kernels(configs, &base, csv, e));
    return csv->failed ? nap_fail_memory(e, csv->len, "a table") : NAP_OK;
}

/* ---- agreement */

nap_status nap_study_agreement(const char *configs, nap_buf *csv, nap_error *e)
{
    static const char *const machines[] = {"a100", "a100-int8", "a100-lut-4x", "h100-lut-8x",
                                           "rtx3090-lut-4x"};
    static const unsigned rows[] = {16, 128, 1024}, columns[] = {512, 2048, 8192},
                          depths[] = {256, 1024, 4096};
    double sum = 0, worst = 0;
    unsigned n = 0;
    nap_buf_puts(csv, "machine,m,n,k,wbits,closed_cycles,tile_cycles,cycle_cycles,"
                      "tile_below_cycle_percent,bound\n");
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
        nap_machine m;
        NAP_TRY(load_machine(configs, machines[i], &m, e));
        for (unsigned j = 0; j < 27; j++) {
            const nap_layer l = {.name = "gemm",
                                 .kind = NAP_LAYER_MPGEMM,
                                 .m = rows[j / 9],
                                 .n = columns[j / 3 % 3],
                                 .k = depths[j % 3],
                                 .wbits = m.wbits,
                                 .act_bits = m.act_bits,
                                 .batch = 1,
                                 .count = 1};
            nap_simrow t, c;
            const nap_precompute_mode pre = m.lut ? NAP_PRE_FUSED : NAP_PRE_NONE;
            NAP_TRY(nap_sim_tile_layer(&m, &l, pre, NULL, &t, e));
            NAP_TRY(nap_sim_cycle_layer(&m, &l, pre, NULL, &c, e));
            const double below = 100 * (1 - t.cycles / c.cycles);
            sum += below;
            worst = fmax(worst, below);
            n++;
            nap_buf_printf(csv, "%s,%llu,%llu,%llu,%u,%.0f,%.0f,%.0f,%.2f,%s\n", machines[i],
                           (unsigned long long)l.m, (unsigned long long)l.n,
                           (unsigned long long)l.k, l.wbits, t.closed, t.cycles, c.cycles, below,
                           t.bound);
        }
    }
    nap_buf_printf(csv, "mean,,,,,,,,%.2f,\nworst,,,,,,,,%.2f,\n", sum / n, worst);
    return csv->failed ? nap_fail_memory(e, csv->len, "a table") : NAP_OK;
}
