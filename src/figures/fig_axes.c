/* The axes beyond the paper: look-ups summed per output, accumulators, floating-point sums and what
 * they cost in accuracy, operands, clocks. */
#include "figures/study.h"

#include "base/error.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- Area beside error: what accuracy costs at 1-bit weights and FP16 activations. */

static bool has_error(const nap_point *p, const char *library)
{
    return strcmp(p->study, "fpsum") == 0 && strcmp(p->library, library) == 0 &&
           strcmp(p->series, "f16") == 0 && !isnan(p->error);
}

/* A curve: one way to compute, with one table (or product of four) or several for each output. */
static const struct way {
    const char *method, *fpsum, *title, *colour;
    int mark;
} ways[] = {
    {"lut", "discrete", "look-ups, discrete sums", "#0b7a4b", 7},
    {"lut", "fused", "look-ups, fused sums", "#8bbf5a", 7},
    {"lut_q", "discrete", "look-ups, int8 tables", "#1abc9c", 7},
    {"lut", "prealigned", "look-ups, activations pre-aligned", "#d5a021", 7},
    {"mac", "discrete", "four products, discrete sums", "#c0392b", 5},
    {"mac", "fused", "four products, fused sums", "#e08e85", 5},
    {"mac", "prealigned", "four products, pre-aligned", "#7d3c98", 5},
};
enum { WAYS = sizeof ways / sizeof *ways };

static bool of_way(const nap_point *p, const struct way *w)
{
    return strcmp(p->method, w->method) == 0 && strcmp(p->fpsum, w->fpsum) == 0;
}

static nap_status plot_error(nap_page *page, const nap_study *s, const char *library, nap_error *e)
{
    nap_buf g = {0}, plot = {0};
    double low = INFINITY, high = 0;
    for (size_t w = 0; w < WAYS; w++) {
        bool any = false;
        for (size_t i = 0; i < s->count; i++) {
            const nap_point *p = &s->point[i];
            if (!has_error(p, library) || !of_way(p, &ways[w])) continue;
            if (!any) nap_buf_printf(&g, "$w%zu << EOD\n", w);
            any = true;
            const bool wide = strcmp(p->acc, "f32") == 0;
            nap_buf_printf(&g, "%.5g %.6g %d \"", p->error, p->equal_area,
                           ways[w].mark - (wide ? 1 : 0));
            if (p->depth > 1 && strcmp(p->method, "mac") != 0) nap_buf_printf(&g, "%u", p->depth);
            nap_buf_puts(&g, "\"\n");
            low = fmin(low, 0.7 * p->equal_area);
            high = fmax(high, 1.4 * p->equal_area);
        }
        if (!any) continue;
        nap_buf_puts(&g, "EOD\n");
        const bool left = strcmp(ways[w].fpsum, "discrete") == 0;
        nap_buf_printf(&plot,
                       "%s$w%zu using 1:2:3 with points pt variable ps 1 lc rgb '%s' notitle, "
                       "NaN with points pt %d ps 1 lc rgb '%s' title '%s', "
                       "$w%zu using 1:2:4 with labels %s offset %s0.7,0 font ',9' textcolor rgb "
                       "'%s' notitle",
                       plot.len == 0 ? "plot " : ", ", w, ways[w].colour, ways[w].mark,
                       ways[w].colour, ways[w].title, w, left ? "right" : "left", left ? "-" : "",
                       ways[w].colour);
    }
    nap_status st = NAP_OK;
    if (plot.len > 0) {
        nap_buf_puts(&g, "set logscale xy\nset grid lc rgb '#e3e8ec'\nset border 3 lc rgb "
                         "'#8795a1'\nset tics nomirror\nset format x '10^{%T}'\n"
                         "set xlabel 'error: root mean square, relative (measured)'\n"
                         "set ylabel 'area, {/Symbol m}m^2 (synthesized)'\n"
                         "set xrange [0.04:4e-8]\nset key outside right top\n");
        nap_buf_printf(&g, "set yrange [%.6g:%.6g]\n", low, high);
        nap_plot_tics(&g, 'y', low, high);
        nap_buf_put(&g, plot.data, plot.len);
        nap_buf_putc(&g, '\n');
        char name[64], caption[200];
        snprintf(name, sizeof name, "axis-error-%s", library);
        snprintf(
            caption, sizeof caption,
            "Area beside error, weights of 1 bit, activations FP16, %s. Figures beside points: "
            "look-ups summed per output; open: sums in binary32.",
            nap_library_title(library));
        st = nap_page_plot(page, name, 1000, 460, &g, caption, e);
    }
    nap_buf_free(&plot);
    nap_buf_free(&g);
    return st;
}

/* ---- Area against the number of look-ups that are summed. */

static const struct way depths[] = {
    {"lut", "discrete", "discrete sums", "#0b7a4b", 7},
    {"lut", "fused", "fused sums", "#8bbf5a", 7},
    {"lut_q", "discrete", "int8 tables", "#1abc9c", 7},
};

static nap_status plot_depth(nap_page *page, const nap_study *s, const char *library, nap_error *e)
{
    static const char *const acts[] = {"f16", "s8"};
    nap_buf g = {0}, plot = {0};
    double low = INFINITY, high = 0;
    for (size_t a = 0; a < 2; a++)
        for (size_t w = 0; w < sizeof depths / sizeof *depths; w++) {
            bool any = false;
            for (unsigned depth = 1; depth <= 8; depth *= 2) {
                double area = INFINITY;
                for (size_t i = 0; i < s->count; i++) {
                    const nap_point *p = &s->point[i];
                    if (strcmp(p->study, "depth") == 0 && strcmp(p->library, library) == 0 &&
                        strcmp(p->act, acts[a]) == 0 && of_way(p, &depths[w]) && p->depth == depth)
                        area = fmin(area, p->equal_area);
                }
                if (isinf(area)) continue;
                if (!any) nap_buf_printf(&g, "$d%zu_%zu << EOD\n", a, w);
                any = true;
                nap_buf_printf(&g, "%u %.6g\n", depth, area);
                low = fmin(low, 0.8 * area);
                high = fmax(high, 1.25 * area);
            }
            if (!any) continue;
            nap_buf_puts(&g, "EOD\n");
            nap_buf_printf(&plot,
                           "%s$d%zu_%zu using 1:2 with linespoints lw 2 pt %d ps 0.8 dt %d lc rgb "
                           "'%s' title 'A %s, %s'",
                           plot.len == 0 ? "plot " : ", ", a, w, depths[w].mark, a == 0 ? 1 : 2,
                           depths[w].colour, acts[a], depths[w].title);
        }
    nap_status st = NAP_OK;
    if (plot.len > 0) {
        nap_buf_puts(&g, "set logscale x 2\nset logscale y\nset grid lc rgb '#e3e8ec'\nset border "
                         "3 lc rgb '#8795a1'\nset tics nomirror\nset xtics (1, 2, 4, 8)\nset "
                         "xrange [0.9:9]\nset xlabel 'look-ups summed per output'\n"
                         "set ylabel 'area, {/Symbol m}m^2 (synthesized)'\nset key outside right "
                         "top\n");
        nap_buf_printf(&g, "set yrange [%.6g:%.6g]\n", low, high);
        nap_plot_tics(&g, 'y', low, high);
        nap_buf_put(&g, plot.data, plot.len);
        nap_buf_putc(&g, '\n');
        char name[64], caption[160];
        snprintf(name, sizeof name, "axis-depth-%s", library);
        snprintf(caption, sizeof caption,
                 "Look-ups summed per output, weights of 2 bits, best shape of each, %s.",
                 nap_library_title(library));
        st = nap_page_plot(page, name, 900, 400, &g, caption, e);
    }
    nap_buf_free(&plot);
    nap_buf_free(&g);
    return st;
}

/* A study as a plain table, relative to the first row of each series and library. */
static nap_status plain(nap_page *p, const nap_study *s, const char *study, const char *caption,
                        nap_error *e)
{
    nap_buf csv = {0};
    nap_buf_puts(&csv, "library,series,method,M N K depth,act,W,acc,sum,operands,area,power mW,"
                       "relative area,relative power,error\n");
    const nap_point *first = NULL;
    size_t rows = 0;
    for (size_t i = 0; i < s->count; i++) {
        const nap_point *q = &s->point[i];
        if (strcmp(q->study, study) != 0) continue;
        /* Flat arrays are set against the composed one before them. */
        const bool flat = strcmp(q->series, "flat") == 0;
        if (first == NULL ||
            (!flat && (strcmp(study, "flat") == 0 || strcmp(first->series, q->series) != 0 ||
                       strcmp(first->library, q->library) != 0)))
            first = q;
        /* A table generator does no multiply-adds: its own area and power. */
        const double area = isnan(q->equal_area) ? q->area : q->equal_area,
                     power = isnan(q->equal_area) ? q->power : q->equal_power,
                     area1 = isnan(first->equal_area) ? first->area : first->equal_area,
                     power1 = isnan(first->equal_area) ? first->power : first->equal_power;
        nap_buf_printf(&csv, "%s,%s,%s,%u %u %u %u,%s,%u,%s,%s,%s,%.5g,", q->library, q->series,
                       q->method, q->m, q->n, q->k, q->depth, q->act, q->wbits, q->acc, q->fpsum,
                       q->activity, area);
        if (isnan(power))
            nap_buf_printf(&csv, "-,%.3f,-,", area / area1);
        else
            nap_buf_printf(&csv, "%.4g,%.3f,%.3f,", 1e3 * power, area / area1, power / power1);
        if (isnan(q->error))
            nap_buf_puts(&csv, "exact\n");
        else
            nap_buf_printf(&csv, "%.3g\n", q->error);
        rows++;
    }
    nap_status st = NAP_OK;
    char name[40];
    snprintf(name, sizeof name, "axis-%s", study);
    if (rows > 0) st = nap_page_table(p, name, &csv, caption, e);
    nap_buf_free(&csv);
    return st;
}

nap_status nap_figure_axes(nap_page *p, const nap_study *s, nap_error *e)
{
    static const struct {
        const char *study, *caption;
    } axes[] = {
        {"depth", "Look-ups summed per output and cycle: fewer accumulators for the same work."},
        {"acc", "Accumulator width."},
        {"fpsum", "Floating-point sums: one rounding per addition, one alignment and rounding per "
                  "step, or activations aligned beforehand; the error is measured."},
        {"activity", "Random operands against operands recorded from real models."},
        {"precompute", "The table generator alone, which the LUT array shares and UNPU holds."},
        {"clock", "A relaxed and a tight clock."},
        {"flat", "Composed of units against synthesized flat: what composing costs."},
    };
    nap_page_section(p, "Axes beyond the paper");
    nap_page_text(p,
                  "Area and power at equal throughput, relative to the first line of each series. "
                  "Source: synthesized; errors: measured.");
    for (size_t l = 0; nap_study_libraries[l] != NULL; l++) {
        NAP_TRY(plot_error(p, s, nap_study_libraries[l], e));
        NAP_TRY(plot_depth(p, s, nap_study_libraries[l], e));
    }
    for (size_t i = 0; i < sizeof axes / sizeof axes[0]; i++)
        NAP_TRY(plain(p, s, axes[i].study, axes[i].caption, e));
    return NAP_OK;
}
