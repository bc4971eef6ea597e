/* Density of one dot-product unit against K, the activations of a look-up (paper, Figure 11), and
 * the weight-bit sweep against the multiply-accumulate array (Figure 13). */
#include "figures/study.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { X_MAX = 64 };

static bool is(const nap_point *p, const char *study, const char *series, const char *library)
{
    return strcmp(p->study, study) == 0 && strcmp(p->series, series) == 0 &&
           strcmp(p->library, library) == 0;
}

/* The series of a study in one library, in the order of the file. */
static size_t list_series(const nap_study *s, const char *study, const char *library,
                          const char *series[], size_t cap)
{
    size_t n = 0;
    for (size_t i = 0; i < s->count; i++) {
        const nap_point *p = &s->point[i];
        if (strcmp(p->study, study) != 0 || strcmp(p->library, library) != 0) continue;
        size_t j = 0;
        while (j < n && strcmp(series[j], p->series) != 0) j++;
        if (j == n && n < cap) series[n++] = p->series;
    }
    return n;
}

static unsigned x_of_k(const nap_point *p)
{
    return p->k * p->depth;
}

static unsigned x_of_bits(const nap_point *p)
{
    return p->wbits;
}

/* One data block per method, and the plot clause for it; y is relative to `unit`. */
static void plot_methods(nap_buf *g, const nap_study *s, const char *study, const char *series,
                         const char *library, unsigned (*x)(const nap_point *), bool inverse,
                         double unit, unsigned panel)
{
    static const char *const order[] = {"lut", "lut_q",      "lut_conv", "unpu",
                                        "add", "mac_native", "mac"};
    nap_buf plot = {0};
    for (size_t m = 0; m < sizeof order / sizeof order[0]; m++) {
        bool any = false;
        for (unsigned at = 1; at <= X_MAX; at++) { /* of several ways to add, the densest */
            double y = 0;
            for (size_t i = 0; i < s->count; i++) {
                const nap_point *p = &s->point[i];
                if (is(p, study, series, library) && strcmp(p->method, order[m]) == 0 && x(p) == at)
                    y = fmax(y, inverse ? unit / p->equal_area : p->ops_per_area / unit);
            }
            if (y == 0) continue;
            if (!any) nap_buf_printf(g, "$d%u_%zu << EOD\n", panel, m);
            any = true;
            nap_buf_printf(g, "%u %.6g\n", at, y);
        }
        if (!any) continue;
        nap_buf_puts(g, "EOD\n");
        nap_buf_printf(
            &plot, "%s$d%u_%zu using 1:2 with linespoints lw 2 pt 7 ps 0.6 lc rgb '%s' title '%s'",
            plot.len == 0 ? "plot " : ", ", panel, m, nap_method_colour(order[m]),
            nap_method_title(order[m]));
    }
    if (plot.len > 0) nap_buf_put(g, plot.data, plot.len);
    nap_buf_free(&plot);
}

/* Density without operand registers and control: the look-up and the accumulator alone, which is
 * the boundary of the paper's unit. */
static double bare(const nap_point *p)
{
    return p->ops_per_area * p->area / (p->part[NAP_STUDY_PE] + p->part[NAP_STUDY_ACC]);
}

static double whole(const nap_point *p)
{
    return p->ops_per_area;
}

/* The densest point of the LUT curve. */
static const nap_point *best_lut(const nap_study *s, const char *series, const char *library,
                                 double (*density)(const nap_point *))
{
    const nap_point *best = NULL;
    for (size_t i = 0; i < s->count; i++) {
        const nap_point *p = &s->point[i];
        if (is(p, "k", series, library) && strcmp(p->method, "lut") == 0 &&
            (best == NULL || density(p) > density(best)))
            best = p;
    }
    return best;
}

/* The LUT curve once more, bare. */
static void plot_bare(nap_buf *g, const nap_study *s, const char *series, const char *library,
                      double unit, unsigned panel)
{
    nap_buf_printf(g, "$bare%u << EOD\n", panel);
    for (size_t i = 0; i < s->count; i++) {
        const nap_point *p = &s->point[i];
        if (is(p, "k", series, library) && strcmp(p->method, "lut") == 0)
            nap_buf_printf(g, "%u %.6g\n", x_of_k(p), bare(p) / unit);
    }
    nap_buf_puts(g, "EOD\n");
}

/* Panels two abreast, in as many rows as n of them need. */
static void grid(nap_buf *g, size_t n, const char *x, const char *y)
{
    const bool one = n <= 2;
    nap_buf_printf(
        g,
        "set multiplot layout %d,2 margins 0.08,0.98,%s spacing 0.08,0.13\n"
        "set grid lc rgb '#e3e8ec'\nset border 3 lc rgb '#8795a1'\nset tics nomirror\n"
        "set xlabel '%s'\nset ylabel '%s'\nset yrange [0:*]\nset offsets 0,0,graph 0.25,0\n"
        "set key top right samplen 1.5 font ',10'\n",
        one ? 1 : 2, one ? "0.16,0.90" : "0.09,0.94", x, y);
}

nap_status nap_figure_k(nap_page *p, const nap_study *s, nap_error *e)
{
    nap_page_section(p, "How many activations should one look-up cover?");
    nap_page_text(
        p, "One dot-product unit (M = N = 1) with weights of one bit: operations per cycle and "
           "area, registers and accumulator included, against K. Dashed: the look-up and its "
           "accumulator alone, the paper's boundary. Each panel is scaled to its LUT curve's "
           "best. Source: synthesized.");
    nap_buf table = {0};
    nap_buf_puts(&table, "library,activations,best K at the paper's boundary,best K (published),"
                         "best K with registers,LUT over MAC with registers\n");
    for (size_t l = 0; nap_study_libraries[l] != NULL; l++) {
        const char *lib = nap_study_libraries[l], *series[4];
        const size_t n = list_series(s, "k", lib, series, 4);
        if (n == 0) continue;
        nap_buf g = {0};
        grid(&g, n, "K", "operations per cycle and area, relative");
        for (size_t i = 0; i < n; i++) {
            const nap_point *best = best_lut(s, series[i], lib, whole);
            if (best == NULL) continue;
            plot_bare(&g, s, series[i], lib, best->ops_per_area, (unsigned)i);
            nap_buf_printf(&g, "set title 'activations %s, weights 1 bit' font ',12'\n", series[i]);
            plot_methods(&g, s, "k", series[i], lib, x_of_k, false, best->ops_per_area,
                         (unsigned)i);
            nap_buf_printf(&g,
                           ", $bare%zu using 1:2 with lines lw 1.5 dt 2 lc rgb '%s' title "
                           "'LUT, without registers'\n",
                           i, nap_method_colour("lut"));
            double mac = 0; /* the densest of the multiplying units */
            for (size_t j = 0; j < s->count; j++) {
                const nap_point *q = &s->point[j];
                if (is(q, "k", series[i], lib) && strcmp(q->method, "mac") == 0)
                    mac = fmax(mac, q->ops_per_area);
            }
            const bool fp = strcmp(best->act, "s8") != 0 && strcmp(best->act, "s16") != 0;
            nap_buf_printf(&table, "%s,%s,%u,%.0f,%u,%.2fx\n", lib, series[i],
                           x_of_k(best_lut(s, series[i], lib, bare)),
                           nap_published(s, fp ? "k_best_fp" : "k_best_int"), x_of_k(best),
                           mac > 0 ? best->ops_per_area / mac : NAN);
        }
        nap_buf_puts(&g, "unset multiplot\n");
        char name[64], caption[160];
        snprintf(name, sizeof name, "k-%s", lib);
        snprintf(caption, sizeof caption, "Density against K, %s.", nap_library_title(lib));
        const nap_status st = nap_page_plot(p, name, 980, n <= 2 ? 380 : 720, &g, caption, e);
        nap_buf_free(&g);
        if (st != NAP_OK) {
            nap_buf_free(&table);
            return st;
        }
    }
    const nap_status st = nap_page_table(p, "k", &table, nap_cause(s, "k"), e);
    nap_buf_free(&table);
    return st;
}

static bool present(const nap_study *s, const char *study, const char *series, const char *library,
                    const char *method)
{
    for (size_t i = 0; i < s->count; i++)
        if (is(&s->point[i], study, series, library) && strcmp(s->point[i].method, method) == 0)
            return true;
    return false;
}

/* Up to which width the method (n columns; 0: any) needs less area than the uniform MAC; 0: never.
 */
static unsigned crossover(const nap_study *s, const char *method, unsigned columns,
                          const char *series, const char *library, double mac)
{
    unsigned bits = 0;
    for (unsigned b = 1; b <= 8; b++)
        for (size_t i = 0; i < s->count; i++) {
            const nap_point *p = &s->point[i];
            if (is(p, "bits", series, library) && strcmp(p->method, method) == 0 && p->wbits == b &&
                (columns == 0 || p->n == columns) && p->equal_area < mac && bits == b - 1)
                bits = b;
        }
    return bits;
}

nap_status nap_figure_bits(nap_page *p, const nap_study *s, nap_error *e)
{
    nap_page_section(p, "Up to how many weight bits does a look-up pay?");
    nap_page_text(p, "Density at equal throughput against the uniform multiply-accumulate array "
                     "(= 1), weights of 1 to 8 bits. Bit-serial methods take one cycle per bit. "
                     "Source: synthesized.");
    nap_buf table = {0};
    nap_compare_head(&table);
    for (size_t l = 0; nap_study_libraries[l] != NULL; l++) {
        const char *lib = nap_study_libraries[l], *series[4];
        const size_t n = list_series(s, "bits", lib, series, 4);
        if (n == 0) continue;
        nap_buf g = {0};
        grid(&g, n, "weight bits", "density, uniform MAC = 1");
        nap_buf_puts(&g, "unset offsets\nset logscale y 2\nset yrange [*:*]\nset xrange "
                         "[0.8:8.2]\nset arrow 1 from graph 0, first 1 to graph 1, first 1 "
                         "nohead dt 2 lc rgb '#c0392b'\n");
        for (size_t i = 0; i < n; i++) {
            double mac = NAN;
            for (size_t j = 0; j < s->count; j++)
                if (is(&s->point[j], "bits", series[i], lib) &&
                    strcmp(s->point[j].method, "mac") == 0)
                    mac = fmin(mac, s->point[j].equal_area);
            nap_buf_printf(&g, "set title 'activations %s' font ',12'\n", series[i]);
            plot_methods(&g, s, "bits", series[i], lib, x_of_bits, true, mac, (unsigned)i);
            nap_buf_putc(&g, '\n');
            static const struct {
                const char *method, *id, *note;
                unsigned columns;
            } lines[] = {{"lut", "lut", "", 0},
                         {"lut_q", "lut_q", "", 0},
                         {"lut_conv", "lut_conv_n4", ", tables for 4 columns", 4},
                         {"lut_conv", "lut_conv_n64", ", tables for 64 columns", 64},
                         {"add", "add", "", 0}};
            for (size_t m = 0; m < sizeof lines / sizeof lines[0]; m++) {
                char item[160], id[64];
                snprintf(item, sizeof item, "%s, activations %s, %s%s: smaller than MAC up to",
                         nap_library_title(lib), series[i], nap_method_title(lines[m].method),
                         lines[m].note);
                snprintf(id, sizeof id, "bits_crossover_%s_%s", lines[m].id, series[i]);
                if (!present(s, "bits", series[i], lib, lines[m].method)) continue;
                nap_compare_row(
                    &table, item,
                    crossover(s, lines[m].method, lines[m].columns, series[i], lib, mac),
                    nap_published(s, id), "bits", nap_cause(s, id));
            }
        }
        nap_buf_puts(&g, "unset multiplot\n");
        char name[64], caption[160];
        snprintf(name, sizeof name, "bits-%s", lib);
        snprintf(caption, sizeof caption, "Weight bits, %s.", nap_library_title(lib));
        const nap_status st = nap_page_plot(p, name, 980, n <= 2 ? 380 : 720, &g, caption, e);
        nap_buf_free(&g);
        if (st != NAP_OK) {
            nap_buf_free(&table);
            return st;
        }
    }
    const nap_status st = nap_page_table(p, "bits", &table, "", e);
    nap_buf_free(&table);
    return st;
}
