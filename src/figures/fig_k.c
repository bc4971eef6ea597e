/* Density of one dot-product unit against K, the activations of a look-up (paper, Figure 11), and
 * the weight-bit sweep against the multiply-accumulate array (Figure 13). */
#include "figures/study.h"

#include "base/csv.h"

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
    static const struct {
        const char *method;
        unsigned columns; /* 0: any; a conventional array shares its tables among as many */
    } order[] = {{"lut", 0},  {"lut_q", 0},      {"lut_conv", 64}, {"lut_conv", 4},
                 {"unpu", 0}, {"mac_native", 0}, {"add", 0},       {"mac", 0}};
    nap_buf plot = {0};
    for (size_t m = 0; m < sizeof order / sizeof order[0]; m++) {
        bool any = false;
        for (unsigned at = 1; at <= X_MAX; at++) { /* of several ways to add, the densest */
            double y = 0;
            for (size_t i = 0; i < s->count; i++) {
                const nap_point *p = &s->point[i];
                if (is(p, study, series, library) && strcmp(p->method, order[m].method) == 0 &&
                    (order[m].columns == 0 || p->n == order[m].columns) && x(p) == at)
                    y = fmax(y, inverse ? unit / p->equal_area : p->ops_per_area / unit);
            }
            if (y == 0) continue;
            if (!any) nap_buf_printf(g, "$d%u_%zu << EOD\n", panel, m);
            any = true;
            nap_buf_printf(g, "%u %.6g\n", at, y);
        }
        if (!any) continue;
        nap_buf_puts(g, "EOD\n");
        nap_buf_printf(&plot,
                       "%s$d%u_%zu using 1:2 with linespoints lw 2 pt 7 ps 0.6 dt %d lc rgb '%s' "
                       "title '%s",
                       plot.len == 0 ? "plot " : ", ", panel, m, order[m].columns == 4 ? 3 : 1,
                       nap_method_colour(order[m].method), nap_method_title(order[m].method));
        if (order[m].columns > 0) nap_buf_printf(&plot, ", N = %u", order[m].columns);
        nap_buf_putc(&plot, '\'');
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

/* Without the accumulator too: the look-up, or the products and their sum. */
static double arithmetic(const nap_point *p)
{
    return p->ops_per_area * p->area / p->part[NAP_STUDY_PE];
}

/* The densest point of a method's curve, of K products (0: of any number); NULL if there is none.
 */
static const nap_point *densest(const nap_study *s, const char *method, const char *series,
                                const char *library, unsigned k,
                                double (*density)(const nap_point *))
{
    const nap_point *best = NULL;
    for (size_t i = 0; i < s->count; i++) {
        const nap_point *p = &s->point[i];
        if (is(p, "k", series, library) && strcmp(p->method, method) == 0 &&
            (k == 0 || x_of_k(p) == k) && (best == NULL || density(p) > density(best)))
            best = p;
    }
    return best;
}

/* The unit of four products, FP16 and one bit: look-up over multipliers, within three boundaries,
 * for the paper does not say what its unit holds. */
static void dp4_rows(nap_buf *csv, const nap_study *s, const char *library)
{
    static const struct {
        const char *what, *cause;
        double (*density)(const nap_point *);
    } lines[] = {
        {"look-up against four multipliers and their sum", "dp4_density_arithmetic", arithmetic},
        {"the same with accumulators, the paper's boundary", "dp4_density_bare", bare},
        {"the same with operand registers and control", "dp4_density_whole", whole},
    };
    const double published =
        nap_published(s, "dp4_density_lut_w1_f16") / nap_published(s, "dp4_density_mac_f16");
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        double (*const of)(const nap_point *) = lines[i].density;
        const nap_point *lut = densest(s, "lut", "f16", library, 4, of),
                        *mac = densest(s, "mac", "f16", library, 4, of);
        if (lut == NULL || mac == NULL) continue;
        char item[160];
        snprintf(item, sizeof item, "%s, A FP16, W1, K = 4: density LUT / MAC, %s",
                 nap_library_title(library), lines[i].what);
        nap_compare_row(csv, item, of(lut) / of(mac), published, "x",
                        nap_cause(s, lines[i].cause, library));
    }
}

/* Where the LUT curve of one series peaks, beside the paper's. */
static void peak_row(nap_buf *csv, const nap_study *s, const char *series, const char *library)
{
    const nap_point *edge = densest(s, "lut", series, library, 0, bare),
                    *most = densest(s, "lut", series, library, 0, whole),
                    *mac = densest(s, "mac", series, library, 0, whole);
    const bool fp = strcmp(most->act, "s8") != 0 && strcmp(most->act, "s16") != 0;
    const double published = nap_published(s, fp ? "k_best_fp" : "k_best_int");
    const nap_point *there =
        isnan(published) ? NULL : densest(s, "lut", series, library, (unsigned)published, bare);
    nap_buf_printf(csv, "%s,%s,%u,%.0f,%.2f,", library, series, x_of_k(edge), published,
                   x_of_k(edge) / published);
    if (there == NULL)
        nap_buf_puts(csv, "-,");
    else
        nap_buf_printf(csv, "%.1f %%,", 100 * (bare(edge) / bare(there) - 1));
    nap_buf_printf(csv, "%u,", x_of_k(most));
    if (mac == NULL)
        nap_buf_puts(csv, "-,");
    else
        nap_buf_printf(csv, "%.2fx,", whole(most) / whole(mac));
    char id[32];
    snprintf(id, sizeof id, "k_%s", series);
    nap_csv_put(csv, x_of_k(edge) == published ? "as published" : nap_cause(s, id, library));
    nap_buf_putc(csv, '\n');
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
        "set xlabel '%s'\nset ylabel '%s'\nset yrange [0:*]\nset offsets 0,0,graph 0.5,0\n"
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
                         "ratio,denser there than at the published K,best K with registers,"
                         "LUT over MAC with registers,cause of the difference\n");
    nap_buf units = {0};
    nap_compare_head(&units);
    nap_status st = NAP_OK;
    for (size_t l = 0; st == NAP_OK && nap_study_libraries[l] != NULL; l++) {
        const char *lib = nap_study_libraries[l], *series[4];
        const size_t n = list_series(s, "k", lib, series, 4);
        if (n == 0) continue;
        nap_buf g = {0};
        grid(&g, n, "K", "operations per cycle and area, relative");
        for (size_t i = 0; i < n; i++) {
            const nap_point *best = densest(s, "lut", series[i], lib, 0, whole);
            if (best == NULL) continue;
            plot_bare(&g, s, series[i], lib, best->ops_per_area, (unsigned)i);
            nap_buf_printf(&g, "set title 'activations %s, weights 1 bit' font ',12'\n", series[i]);
            plot_methods(&g, s, "k", series[i], lib, x_of_k, false, best->ops_per_area,
                         (unsigned)i);
            nap_buf_printf(&g,
                           ", $bare%zu using 1:2 with lines lw 1.5 dt 2 lc rgb '%s' title "
                           "'LUT, without registers'\n",
                           i, nap_method_colour("lut"));
            peak_row(&table, s, series[i], lib);
        }
        dp4_rows(&units, s, lib);
        nap_buf_puts(&g, "unset multiplot\n");
        char name[64], caption[320];
        snprintf(name, sizeof name, "k-%s", lib);
        snprintf(caption, sizeof caption,
                 "Density against K, %s. For ADD and MAC K is the number of products summed before "
                 "the accumulator. A curve ends where no deeper sums were synthesized: "
                 "floating-point MACs at K = 4, ADD and integer MACs at 8.",
                 nap_library_title(lib));
        st = nap_page_plot(p, name, 980, n <= 2 ? 380 : 720, &g, caption, e);
        nap_buf_free(&g);
    }
    if (st == NAP_OK) st = nap_page_table(p, "k", &table, nap_cause(s, "k", NULL), e);
    if (st == NAP_OK)
        st = nap_page_table(p, "dp4", &units,
                            "The unit of four products, FP16 activations and 1-bit weights; "
                            "published: 61.55 over 3.39 TFLOPs/mm2. Each unit with the sums that "
                            "make it densest.",
                            e);
    nap_buf_free(&table);
    nap_buf_free(&units);
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
                    nap_published(s, id), "bits", nap_cause(s, id, lib));
            }
        }
        nap_buf_puts(&g, "unset multiplot\n");
        char name[64], caption[280];
        snprintf(name, sizeof name, "bits-%s", lib);
        snprintf(caption, sizeof caption,
                 "Weight bits, %s. Above the dashed line a method is smaller than the uniform MAC. "
                 "Native multipliers were synthesized up to 4 bits; at 1 bit they are ADD.",
                 nap_library_title(lib));
        const nap_status st = nap_page_plot(p, name, 980, n <= 2 ? 380 : 720, &g, caption, e);
        nap_buf_free(&g);
        if (st != NAP_OK) {
            nap_buf_free(&table);
            return st;
        }
    }
    const nap_status st = nap_page_table(
        p, "bits", &table,
        "The largest weight width up to which each method needs less area than the uniform MAC "
        "array of the same activations (8: the study ends there).",
        e);
    nap_buf_free(&table);
    return st;
}
