/* From UNPU to the LUT tensor core in three steps (paper, Table 2). */
#include "figures/study.h"

#include "base/error.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The best shape (least area x power) of a step with one accumulator type, or NULL. */
static const nap_point *step(const nap_study *s, const char *series, const char *library,
                             const char *acc)
{
    const nap_point *b = NULL;
    for (size_t i = 0; i < s->count; i++) {
        const nap_point *p = &s->point[i];
        if (strcmp(p->study, "ladder") == 0 && strcmp(p->series, series) == 0 &&
            strcmp(p->library, library) == 0 && strcmp(p->acc, acc) == 0 &&
            (b == NULL || nap_point_product(p) < nap_point_product(b)))
            b = p;
    }
    return b;
}

static const struct {
    const char *series, *title, *area, *power;
} steps[] = {
    {"unpu", "UNPU", "ladder_area_unpu", "ladder_power_unpu"},
    {"unpu_half", "half table", "ladder_area_half", "ladder_power_half"},
    {"unpu_remap", "no negation", "ladder_area_remap", "ladder_power_remap"},
    {"lut", "shared precompute", "ladder_area_lut", "ladder_power_lut"},
};
enum { STEPS = sizeof steps / sizeof steps[0] };

/* Bars of area by part. */
static void bars(nap_buf *g, const nap_study *s, const char *library, const char *acc)
{
    const nap_point *base = step(s, "unpu", library, acc);
    nap_buf_puts(g, "$d << EOD\n");
    for (size_t i = 0; i < STEPS; i++) {
        const nap_point *q = step(s, steps[i].series, library, acc);
        if (q == NULL) continue;
        nap_buf_printf(g, "\"%s\"", steps[i].title);
        for (size_t k = 0; k < NAP_STUDY_PARTS; k++)
            nap_buf_printf(g, " %.5g", q->part[k] / base->area);
        nap_buf_puts(g, "\n");
    }
    nap_buf_puts(g,
                 "EOD\nset style data histograms\nset style histogram rowstacked\n"
                 "set style fill solid 0.9 border rgb 'white'\nset boxwidth 0.6\n"
                 "set border 3 lc rgb '#8795a1'\nset tics nomirror\nset grid y lc rgb '#e3e8ec'\n"
                 "set ylabel 'area, UNPU = 1'\nset yrange [0:*]\nset key outside right\nplot ");
    static const char *const colours[NAP_STUDY_PARTS] = {"#0b7a4b", "#8bbf5a", "#2f6db3", "#7d3c98",
                                                         "#c07a2b", "#8795a1", "#d5b942"};
    for (size_t k = 0; k < NAP_STUDY_PARTS; k++)
        nap_buf_printf(g, "%s$d using %zu%s lc rgb '%s' title '%s'", k == 0 ? "" : ", ", k + 2,
                       k == 0 ? ":xtic(1)" : "", colours[k], nap_study_parts[k]);
}

static void compare(nap_buf *csv, const nap_study *s, const char *library, const char *acc)
{
    const nap_point *base = step(s, "unpu", library, acc);
    for (size_t i = 1; base != NULL && i < STEPS; i++) {
        const nap_point *q = step(s, steps[i].series, library, acc);
        if (q == NULL) continue;
        const struct {
            const char *what, *id;
            double ours, published;
        } lines[] = {
            {"density", "density", base->equal_area / q->equal_area,
             nap_published(s, "ladder_area_unpu") / nap_published(s, steps[i].area)},
            {"power efficiency", "power", base->equal_power / q->equal_power,
             nap_published(s, "ladder_power_unpu") / nap_published(s, steps[i].power)},
        };
        for (size_t j = 0; j < 2; j++) {
            char item[120], cause[48];
            snprintf(cause, sizeof cause, "ladder_%s_%s", steps[i].series, lines[j].id);
            snprintf(item, sizeof item, "%s, sums %s: %s, %s", nap_library_title(library), acc,
                     steps[i].title, lines[j].what);
            nap_compare_row(csv, item, lines[j].ours, lines[j].published, "x UNPU",
                            nap_cause(s, cause, library));
        }
    }
}

nap_status nap_figure_ladder(nap_page *p, const nap_study *s, nap_error *e)
{
    nap_page_section(p, "From UNPU to the LUT tensor core");
    nap_page_text(
        p, "512 multiply-accumulates of INT8 activations and 2-bit weights, each step at its "
           "own best shape; each drops a part of the array. The accumulator's width is not "
           "published, and it decides how much the steps are worth. Source: synthesized.");
    static const char *const sums[] = {"s16", "s24", "s32"};
    nap_buf csv = {0};
    nap_compare_head(&csv);
    nap_status st = NAP_OK;
    for (size_t l = 0; st == NAP_OK && nap_study_libraries[l] != NULL; l++) {
        const char *lib = nap_study_libraries[l], *drawn = NULL;
        for (size_t a = 0; a < 3; a++) {
            compare(&csv, s, lib, sums[a]);
            if (drawn == NULL && step(s, "unpu", lib, sums[a]) != NULL) drawn = sums[a];
        }
        if (drawn == NULL) continue;
        nap_buf g = {0};
        bars(&g, s, lib, drawn);
        char name[64], caption[160];
        snprintf(name, sizeof name, "ladder-%s", lib);
        snprintf(caption, sizeof caption, "Area by part along the ladder, %s, sums of %s bits.",
                 nap_library_title(lib), drawn + 1);
        st = nap_page_plot(p, name, 900, 420, &g, caption, e);
        nap_buf_free(&g);
    }
    if (st == NAP_OK) st = nap_page_table(p, "ladder", &csv, "Beside the paper's Table 2.", e);
    nap_buf_free(&csv);
    return st;
}
