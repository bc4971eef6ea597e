/* Whole models, the cost of the table precompute and the agreement of the simulators (paper, Tables
 * 1 and 4, Figure 17): simulated afresh from the machines' configurations. */
#include "figures/study.h"

#include "base/csv.h"
#include "base/error.h"
#include "lutcore/sim_study.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Published points beside both simulators', with the recorded cause. */
static nap_status published(nap_page *p, const nap_study *s, const char *configs, nap_error *e)
{
    nap_buf path = {0}, csv = {0}, out = {0};
    nap_csv c = {0};
    nap_buf_printf(&path, "%s/published.csv", s->folder);
    nap_status st = path.failed ? nap_fail_memory(e, 1, "path")
                                : nap_study_published(configs, path.data, &csv, e);
    if (st == NAP_OK) st = nap_csv_parse(csv.data, csv.len, "published points", &c, e);
    size_t id = 0, machine = 0, tile = 0, cycle = 0, value = 0, unit = 0, where = 0;
    const struct {
        const char *name;
        size_t *to;
    } columns[] = {{"id", &id},       {"machine", &machine}, {"tile", &tile},
                   {"cycle", &cycle}, {"published", &value}, {"unit", &unit},
                   {"where", &where}};
    for (size_t i = 0; st == NAP_OK && i < sizeof columns / sizeof columns[0]; i++)
        st = nap_csv_column(&c, columns[i].name, columns[i].to, e);
    nap_buf_puts(&out, "point,machine,tile simulator,cycle simulator,published,unit,ratio (tile),"
                       "ratio (cycle),where,cause of the difference\n");
    for (size_t i = 0; st == NAP_OK && i < c.rows; i++) {
        const char *name = nap_csv_cell(&c, i, id);
        double t = NAN, y = NAN, v = NAN;
        /* The paper's error of its own simulator is over single layers, as mape_welder is. */
        if (strcmp(name, "mape_welder") == 0)
            v = nap_published(s, "tile_simulator_mape");
        else if (nap_csv_real(&c, i, value, &v, NULL) != NAP_OK || v == 0)
            v = NAN;
        const size_t texts[] = {id, machine, tile, cycle};
        for (size_t j = 0; j < 4; j++) {
            nap_csv_put(&out, nap_csv_cell(&c, i, texts[j]));
            nap_buf_putc(&out, ',');
        }
        if (isnan(v))
            nap_buf_puts(&out, "not published,");
        else
            nap_buf_printf(&out, "%g,", v);
        nap_csv_put(&out, nap_csv_cell(&c, i, unit));
        if (!isnan(v) && nap_csv_real(&c, i, tile, &t, NULL) == NAP_OK &&
            nap_csv_real(&c, i, cycle, &y, NULL) == NAP_OK)
            nap_buf_printf(&out, ",%.2f,%.2f,", t / v, y / v);
        else
            nap_buf_puts(&out, ",-,-,");
        nap_csv_put(&out, nap_csv_cell(&c, i, where));
        nap_buf_putc(&out, ',');
        /* Both simulators' errors count. */
        nap_csv_put(&out, nap_cause_if(nap_cause(s, name, NULL),
                                       fabs(t / v - 1) > fabs(y / v - 1) ? t / v : y / v));
        nap_buf_putc(&out, '\n');
    }
    if (st == NAP_OK)
        st = nap_page_table(p, "published", &out,
                            "Every published point that the simulators can be held against; the "
                            "machines' few fitted parameters are named in docs/simulators.md.",
                            e);
    nap_csv_free(&c);
    nap_buf_free(&path);
    nap_buf_free(&csv);
    nap_buf_free(&out);
    return st;
}

/* Bars of the speed-up of each machine over the first row (FP16 tensor cores) of a model. */
static nap_status speedups(nap_page *p, const nap_csv *c, const char *workload, const char *name,
                           nap_error *e)
{
    size_t model = 0, load = 0, machine = 0, wbits = 0, speedup = 0;
    NAP_TRY(nap_csv_column(c, "model", &model, e));
    NAP_TRY(nap_csv_column(c, "workload", &load, e));
    NAP_TRY(nap_csv_column(c, "machine", &machine, e));
    NAP_TRY(nap_csv_column(c, "wbits", &wbits, e));
    NAP_TRY(nap_csv_column(c, "speedup", &speedup, e));
    nap_buf g = {0};
    nap_buf_puts(&g, "$d << EOD\n");
    const char *last = "";
    unsigned x = 0, bars = 0;
    for (size_t i = 0; i < c->rows; i++) {
        if (strcmp(nap_csv_cell(c, i, load), workload) != 0) continue;
        double v;
        NAP_TRY(nap_csv_real(c, i, speedup, &v, e));
        const char *m = nap_csv_cell(c, i, model), *on = nap_csv_cell(c, i, machine);
        if (strcmp(m, last) != 0) x += bars == 0 ? 0 : 1; /* a gap between models */
        nap_buf_printf(&g, "%u %.5g %d \"%s W%s\" \"%s\"\n", x++, v,
                       strstr(on, "lut") != NULL ? 1 : 0, on, nap_csv_cell(c, i, wbits),
                       strcmp(m, last) == 0 ? "" : m);
        last = m;
        bars++;
    }
    nap_buf_puts(
        &g, "EOD\nset style fill solid 0.9 noborder\nset boxwidth 0.8\n"
            "set border 3 lc rgb '#8795a1'\nset tics nomirror\nset grid y lc rgb '#e3e8ec'\n"
            "set ylabel 'speed-up over the same GPU without LUT'\nset yrange [0:*]\nunset key\n"
            "set xtics rotate by 50 right font ',9'\nset bmargin 7\nset tmargin 2.5\n"
            "plot $d using 1:2:($3 > 0 ? 0x0b7a4b : 0xc0392b):xtic(4) with boxes lc rgb variable, "
            "$d using 1:(0):5 with labels left offset -0.5,-6.2 notitle\n");
    char caption[160];
    snprintf(caption, sizeof caption,
             "Simulated speed-up, %s: LUT tensor cores green, multiplying ones red.", workload);
    const nap_status st = nap_page_plot(p, name, 1100, 460, &g, caption, e);
    nap_buf_free(&g);
    return st;
}

/* The id of a whole model's published time (paper, Table 1), "" if there is none. */
static void published_id(char *id, size_t cap, const char *model, const char *workload,
                         const char *machine)
{
    static const char *const machines[][2] = {
        {"a100", "a100_f16"},          {"a100-int8", "a100_s8"}, {"a100-lut-4x", "a100_lut4x"},
        {"a100-lut-8x", "a100_lut8x"}, {"h100", "h100_e4m3"},    {"h100-lut-4x", "h100_lut4x"},
        {"h100-lut-8x", "h100_lut8x"},
    };
    *id = '\0';
    for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++)
        if (strcmp(model, "bitnet-3b") == 0 && strcmp(machine, machines[i][0]) == 0)
            snprintf(id, cap, "t1_%s_%s", machines[i][1],
                     strcmp(workload, "BS1 SEQ2048") == 0 ? "prefill" : "decode");
}

/* The simulators' rows with the published time, the ratios and the cause behind. */
static nap_status beside(const nap_study *s, const nap_csv *c, nap_buf *out, nap_error *e)
{
    size_t model, load, machine, tile, cycle;
    NAP_TRY(nap_csv_column(c, "model", &model, e));
    NAP_TRY(nap_csv_column(c, "workload", &load, e));
    NAP_TRY(nap_csv_column(c, "machine", &machine, e));
    NAP_TRY(nap_csv_column(c, "tile_ms", &tile, e));
    NAP_TRY(nap_csv_column(c, "cycle_ms", &cycle, e));
    for (size_t j = 0; j < c->columns; j++) {
        nap_csv_put(out, c->header[j]);
        nap_buf_putc(out, ',');
    }
    nap_buf_puts(out, "published_ms,ratio (tile),ratio (cycle),cause of the difference\n");
    for (size_t i = 0; i < c->rows; i++) {
        char id[64];
        double t, y;
        NAP_TRY(nap_csv_real(c, i, tile, &t, e));
        NAP_TRY(nap_csv_real(c, i, cycle, &y, e));
        published_id(id, sizeof id, nap_csv_cell(c, i, model), nap_csv_cell(c, i, load),
                     nap_csv_cell(c, i, machine));
        for (size_t j = 0; j < c->columns; j++) {
            nap_csv_put(out, nap_csv_cell(c, i, j));
            nap_buf_putc(out, ',');
        }
        const double v = nap_published(s, id);
        if (isnan(v)) {
            nap_buf_puts(out, "not published,-,-,-\n");
            continue;
        }
        nap_buf_printf(out, "%g,%.2f,%.2f,", v, t / v, y / v);
        nap_csv_put(out, nap_cause_if(nap_cause(s, id, NULL),
                                      fabs(t / v - 1) > fabs(y / v - 1) ? t / v : y / v));
        nap_buf_putc(out, '\n');
    }
    return NAP_OK;
}

/* The largest speed-up over the FP16 tensor cores of the same GPU, beside the paper's. */
static nap_status largest(const nap_study *s, const nap_csv *c, nap_buf *out, nap_error *e)
{
    size_t model, load, machine, speedup, row = 0;
    NAP_TRY(nap_csv_column(c, "model", &model, e));
    NAP_TRY(nap_csv_column(c, "workload", &load, e));
    NAP_TRY(nap_csv_column(c, "machine", &machine, e));
    NAP_TRY(nap_csv_column(c, "speedup", &speedup, e));
    double most = 0;
    for (size_t i = 0; i < c->rows; i++) {
        double v;
        NAP_TRY(nap_csv_real(c, i, speedup, &v, e));
        if (v > most) {
            most = v;
            row = i;
        }
    }
    if (most == 0) return NAP_OK;
    char item[200];
    snprintf(item, sizeof item, "largest speed-up end to end (%s, %s, %s)",
             nap_csv_cell(c, row, model), nap_csv_cell(c, row, load),
             nap_csv_cell(c, row, machine));
    nap_compare_row(out, item, most, nap_published(s, "speedup_models_max"), "x",
                    nap_cause(s, "speedup_models_max", NULL));
    return NAP_OK;
}

static nap_status models(nap_page *p, const nap_study *s, const char *configs, nap_error *e)
{
    nap_buf csv = {0}, both = {0}, most = {0};
    nap_csv c = {0};
    nap_status st = nap_study_models(configs, &csv, e);
    if (st == NAP_OK) st = nap_csv_parse(csv.data, csv.len, "models", &c, e);
    if (st == NAP_OK) st = speedups(p, &c, "BS1 SEQ2048", "models-prefill", e);
    if (st == NAP_OK) st = speedups(p, &c, "BS1024 SEQ1", "models-decode", e);
    nap_compare_head(&most);
    if (st == NAP_OK) st = largest(s, &c, &most, e);
    if (st == NAP_OK) st = beside(s, &c, &both, e);
    if (st == NAP_OK)
        st = nap_page_table(p, "models-largest", &most,
                            "The paper's one figure for whole models that is not in its Table 1.",
                            e);
    if (st == NAP_OK)
        st =
            nap_page_table(p, "models", &both,
                           "Whole models: milliseconds by both simulators, speed-up over the "
                           "uniform tensor cores of the same GPU (FP16; on H100 FP8), and what "
                           "registers beyond the stock file cost, which the paper does not charge. "
                           "Published times of whole models: BitNet-3B's only (Table 1).",
                           e);
    nap_csv_free(&c);
    nap_buf_free(&csv);
    nap_buf_free(&both);
    nap_buf_free(&most);
    return st;
}

static nap_status agreement(nap_page *p, const char *configs, nap_error *e)
{
    nap_buf csv = {0}, g = {0};
    nap_csv c = {0};
    size_t tile = 0, cycle = 0;
    nap_status st = nap_study_agreement(configs, &csv, e);
    if (st == NAP_OK) st = nap_csv_parse(csv.data, csv.len, "agreement", &c, e);
    if (st == NAP_OK) st = nap_csv_column(&c, "tile_cycles", &tile, e);
    if (st == NAP_OK) st = nap_csv_column(&c, "cycle_cycles", &cycle, e);
    nap_buf_puts(&g, "$d << EOD\n");
    for (size_t i = 0; st == NAP_OK && i < c.rows; i++) {
        double t, y;
        if (nap_csv_real(&c, i, tile, &t, NULL) == NAP_OK &&
            nap_csv_real(&c, i, cycle, &y, NULL) == NAP_OK)
            nap_buf_printf(&g, "%.6g %.6g\n", y, t);
    }
    nap_buf_puts(&g, "EOD\nset logscale xy\nset border 3 lc rgb '#8795a1'\nset tics nomirror\n"
                     "set grid lc rgb '#e3e8ec'\nset xlabel 'cycle simulator, cycles'\n"
                     "set ylabel 'tile simulator, cycles'\nset key top left\n"
                     "plot x lc rgb '#8795a1' dt 2 title 'equal', "
                     "$d with points pt 7 ps 0.6 lc rgb '#0b7a4b' title 'products'\n");
    if (st == NAP_OK)
        st = nap_page_plot(p, "agreement", 640, 480, &g,
                           "Small products on several machines by both simulators.", e);
    if (st == NAP_OK)
        st =
            nap_page_table(p, "agreement", &csv,
                           "Closed form, tile simulator, cycle simulator: each at least the one "
                           "before it. One core's clock against the interpreter and the Verilog is "
                           "in docs/simulators.md.",
                           e);
    nap_csv_free(&c);
    nap_buf_free(&csv);
    nap_buf_free(&g);
    return st;
}

nap_status nap_figure_models(nap_page *p, const nap_study *s, const char *configs, nap_error *e)
{
    nap_page_section(p, "Published points beside the simulators");
    NAP_TRY(published(p, s, configs, e));
    nap_page_section(p, "Whole models");
    NAP_TRY(models(p, s, configs, e));
    nap_page_section(p, "How the simulators agree");
    return agreement(p, configs, e);
}
