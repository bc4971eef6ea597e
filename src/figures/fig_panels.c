/* The study at 512 multiply-accumulates a cycle: 12 panels of area against power (paper, Figure
 * 14), each method at its own best shape, and the table of all baselines. */
#include "figures/study.h"

#include "base/csv.h"
#include "base/error.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const acts[] = {"f16", "s16", "e4m3", "s8"};
static const unsigned widths[] = {1, 2, 4};
static const char *const order[] = {"lut", "lut_q",      "lut_deep", "lut_q_deep",
                                    "add", "mac_native", "mac"};
enum { METHODS = sizeof order / sizeof *order };

/* The paper's unit looks up one table for each output. Adding up several is an axis of ours, so
 * those designs are kept apart. */
static const char *kind_of(const nap_point *p)
{
    if (p->depth > 1 && strcmp(p->method, "lut") == 0) return "lut_deep";
    if (p->depth > 1 && strcmp(p->method, "lut_q") == 0) return "lut_q_deep";
    return p->method;
}

static bool in_panel(const nap_point *p, const char *library, const char *act, unsigned bits)
{
    char series[32];
    snprintf(series, sizeof series, "w%u a-%s", bits, act);
    return strcmp(p->study, "mnk") == 0 && strcmp(p->library, library) == 0 &&
           strcmp(p->series, series) == 0;
}

enum { ANY = UINT_MAX, FOUR = 4 }; /* products that are summed before the accumulator */

/* The point of least area x power of a kind in a panel with at most `products` for each
 * accumulator, or NULL. */
static const nap_point *best(const nap_study *s, const char *library, const char *act,
                             unsigned bits, const char *kind, unsigned products)
{
    const nap_point *b = NULL;
    for (size_t i = 0; i < s->count; i++) {
        const nap_point *p = &s->point[i];
        if (in_panel(p, library, act, bits) && strcmp(kind_of(p), kind) == 0 &&
            p->k * p->depth <= products &&
            (b == NULL || nap_point_product(p) < nap_point_product(b)))
            b = p;
    }
    return b;
}

/* At one bit a native multiplier is the ADD array, and its ring would lie on ADD's. */
static bool hidden(const nap_study *s, const char *library, const char *act, unsigned bits,
                   const char *kind)
{
    if (strcmp(kind, "mac_native") != 0) return false;
    const nap_point *native = best(s, library, act, bits, kind, ANY),
                    *add = best(s, library, act, bits, "add", ANY);
    return native != NULL && add != NULL && native->equal_area == add->equal_area &&
           native->equal_power == add->equal_power;
}

/* "M2 N64 K4 x1", with a star if it misses the clock. */
static void put_shape(nap_buf *csv, const nap_point *p)
{
    nap_buf_printf(csv, "M%u N%u K%u x%u%s", p->m, p->n, p->k, p->depth,
                   nap_point_miss(p) > 0 ? " *" : "");
}

/* Adds a design to a footnote of those that miss the clock, once. */
static void note_miss(nap_buf *note, const nap_point *p)
{
    if (nap_point_miss(p) == 0) return;
    char text[160];
    snprintf(text, sizeof text, "%s, %s A %s M%u N%u K%u x%u %s by %.2f of %g ns",
             nap_library_title(p->library), nap_method_title(p->method), p->act, p->m, p->n, p->k,
             p->depth, p->fpsum, nap_point_miss(p), p->clock_ns);
    if (note->len == 0 || strstr(note->data, text) == NULL)
        nap_buf_printf(note, "%s%s", note->len == 0 ? "" : "; ", text);
}

static const char *misses(const nap_buf *note)
{
    return note->len == 0 ? "none" : note->data;
}

/* Is no other point of the panel at least as small and as frugal, and better in one? */
static bool on_front(const nap_study *s, const nap_point *p, const char *library, const char *act,
                     unsigned bits)
{
    for (size_t i = 0; i < s->count; i++) {
        const nap_point *q = &s->point[i];
        if (in_panel(q, library, act, bits) && q->equal_area <= p->equal_area &&
            q->equal_power <= p->equal_power &&
            (q->equal_area < p->equal_area || q->equal_power < p->equal_power))
            return false;
    }
    return true;
}

static int by_power(const void *a, const void *b)
{
    const double x = (*(const nap_point *const *)a)->equal_power,
                 y = (*(const nap_point *const *)b)->equal_power;
    return x < y ? -1 : x > y;
}

/* The front of a panel as a staircase. */
static void put_front(nap_buf *g, const nap_study *s, const char *library, const char *act,
                      unsigned bits, unsigned index)
{
    const nap_point *p[64];
    size_t n = 0;
    for (size_t i = 0; i < s->count && n < sizeof p / sizeof *p; i++)
        if (in_panel(&s->point[i], library, act, bits) &&
            on_front(s, &s->point[i], library, act, bits))
            p[n++] = &s->point[i];
    qsort(p, n, sizeof *p, by_power);
    nap_buf_printf(g, "$f%u << EOD\n", index);
    for (size_t i = 0; i < n; i++)
        nap_buf_printf(g, "%.6g %.6g\n", 1e3 * p[i]->equal_power, p[i]->equal_area);
    nap_buf_puts(g, "EOD\n");
}

static void panel(nap_buf *g, const nap_study *s, const char *library, const char *act,
                  unsigned bits, unsigned index)
{
    nap_buf plot = {0};
    double low = INFINITY, high = 0, small = INFINITY, large = 0; /* power, area */
    for (size_t m = 0; m < METHODS; m++) {
        const nap_point *b = best(s, library, act, bits, order[m], ANY);
        if (b == NULL || hidden(s, library, act, bits, order[m])) continue;
        nap_buf_printf(g, "$p%u_%zu << EOD\n", index, m);
        for (size_t i = 0; i < s->count; i++) {
            const nap_point *p = &s->point[i];
            if (!in_panel(p, library, act, bits) || strcmp(kind_of(p), order[m]) != 0) continue;
            nap_buf_printf(g, "%.6g %.6g\n", 1e3 * p->equal_power, p->equal_area);
            low = fmin(low, 1e3 * p->equal_power);
            high = fmax(high, 1e3 * p->equal_power);
            small = fmin(small, p->equal_area);
            large = fmax(large, p->equal_area);
        }
        nap_buf_printf(g, "EOD\n$b%u_%zu << EOD\n%.6g %.6g\nEOD\n", index, m, 1e3 * b->equal_power,
                       b->equal_area);
        nap_buf_printf(&plot,
                       "%s$p%u_%zu with points pt 7 ps 0.35 lc rgb '%s' notitle, "
                       "$b%u_%zu with points pt 6 ps 1.3 lw 2 lc rgb '%s' notitle",
                       plot.len == 0 ? "plot " : ", ", index, m, nap_method_colour(order[m]), index,
                       m, nap_method_colour(order[m]));
    }
    if (plot.len == 0) return;
    put_front(g, s, library, act, bits, index);
    nap_buf_printf(&plot, ", $f%u with steps lw 1.5 lc rgb '#8795a1' notitle", index);
    /* Lines of equal area x power through the two most telling points. */
    static const char *const through[] = {"lut", "mac"};
    for (size_t i = 0; i < 2; i++) {
        const nap_point *b = best(s, library, act, bits, through[i], ANY);
        if (b != NULL)
            nap_buf_printf(&plot, ", [%.6g:%.6g] %.6g/x dt 3 lc rgb '%s' notitle", low * 0.8,
                           high * 1.25, 1e3 * nap_point_product(b), nap_method_colour(through[i]));
    }
    nap_buf_printf(g,
                   "set title 'A %s, W %u bit' font ',11' offset 0,-0.7\n"
                   "set xrange [%.6g:%.6g]\nset yrange [%.6g:%.6g]\nset ylabel '%s'\n",
                   act, bits, low * 0.8, high * 1.25, small * 0.7, large * 1.4,
                   index % 3 == 0 ? "area, {/Symbol m}m^2" : "");
    nap_plot_tics(g, 'x', low * 0.8, high * 1.25);
    nap_plot_tics(g, 'y', small * 0.7, large * 1.4);
    nap_buf_put(g, plot.data, plot.len);
    nap_buf_puts(g, "\nunset label\n"); /* the first panel has drawn the legend for all */
    nap_buf_free(&plot);
}

/* In how many panels LUT is least, by three measures, and which it loses. */
enum { AREA, POWER, PRODUCT, MEASURES };
typedef struct tally {
    unsigned panels, won[MEASURES];
    nap_buf lost[MEASURES]; /* "W1 s16 to bit-serial ADD 1.37x" */
} tally;

static double measure(const nap_point *p, unsigned what)
{
    return what == AREA ? p->equal_area : what == POWER ? p->equal_power : nap_point_product(p);
}

/* What is compared. */
typedef struct terms {
    const char *sums; /* in words */
    unsigned lut;     /* products for each accumulator of the LUT array, at most */
    unsigned rivals;  /* and of the others */
    bool rounded;     /* tables of floating-point activations may be rounded to int8 */
    bool native;      /* native narrow multipliers are among the rivals */
} terms;

static const nap_point *best_lut(const nap_study *s, const char *library, const char *act,
                                 unsigned bits, const terms *of)
{
    static const char *const kinds[] = {"lut", "lut_deep", "lut_q", "lut_q_deep"};
    const nap_point *b = NULL;
    for (size_t i = 0; i < (of->rounded ? 4 : 2); i++) {
        const nap_point *p = best(s, library, act, bits, kinds[i], of->lut);
        if (p != NULL && (b == NULL || nap_point_product(p) < nap_point_product(b))) b = p;
    }
    return b;
}

/* Counts the panels and writes a line for each into `csv` unless that is NULL. */
static tally panel_rows(nap_buf *csv, nap_buf *note, const nap_study *s, const char *library,
                        const terms *of)
{
    tally t = {0};
    for (size_t a = 0; a < 4; a++)
        for (size_t w = 0; w < 3; w++) {
            const nap_point *lut = best_lut(s, library, acts[a], widths[w], of);
            if (lut == NULL) continue;
            const nap_point *other = NULL, *least[MEASURES] = {NULL}; /* of the rivals */
            static const char *const rivals[] = {"add", "mac", "mac_native"};
            for (size_t m = 0; m < (of->native ? 3 : 2); m++) {
                const nap_point *b = best(s, library, acts[a], widths[w], rivals[m], of->rivals);
                if (b == NULL) continue;
                for (unsigned i = 0; i < MEASURES; i++)
                    if (least[i] == NULL || measure(b, i) < measure(least[i], i)) least[i] = b;
            }
            other = least[PRODUCT];
            if (other == NULL) continue;
            t.panels++;
            bool won[MEASURES];
            for (unsigned i = 0; i < MEASURES; i++) {
                won[i] = measure(lut, i) < measure(least[i], i);
                t.won[i] += won[i];
                if (!won[i])
                    nap_buf_printf(&t.lost[i], "%sW%u %s to %s by %.2fx",
                                   t.lost[i].len == 0 ? "" : "; ", widths[w], acts[a],
                                   nap_method_title(least[i]->method),
                                   measure(lut, i) / measure(least[i], i));
            }
            if (csv == NULL) continue;
            const nap_point *mac = best(s, library, acts[a], widths[w], "mac", of->rivals);
            nap_buf_printf(csv, "%s,%s,%u,%s,", library, acts[a], widths[w], of->sums);
            put_shape(csv, lut);
            note_miss(note, lut);
            if (mac == NULL) {
                nap_buf_puts(csv, ",-,-,-,");
            } else {
                nap_buf_putc(csv, ',');
                put_shape(csv, mac);
                note_miss(note, mac);
                nap_buf_printf(csv, ",%.2fx,%.2fx,", mac->equal_area / lut->equal_area,
                               mac->equal_power / lut->equal_power);
            }
            nap_buf_printf(csv, "%s ", nap_method_title(other->method));
            put_shape(csv, other);
            note_miss(note, other);
            nap_buf_printf(csv, ",%.2fx,%.2fx,%s,%s\n", other->equal_area / lut->equal_area,
                           other->equal_power / lut->equal_power, won[AREA] ? "LUT" : "-",
                           won[POWER] ? "LUT" : "-");
        }
    return t;
}

/* The three counts as lines of the comparison. */
static void tally_rows(nap_buf *csv, const nap_study *s, const char *library, tally t,
                       const char *who, double published, const char *cause)
{
    static const struct {
        const char *measure, *id;
    } lines[MEASURES] = {
        {"least area", "area"}, {"least power", "power"}, {"least area x power", "product"}};
    for (size_t i = 0; i < MEASURES; i++) {
        char item[200], id[64];
        snprintf(item, sizeof item, "%s, %s: %s in so many of %u panels",
                 nap_library_title(library), who, lines[i].measure, t.panels);
        snprintf(id, sizeof id, "%s_%s", cause, lines[i].id);
        nap_compare_cells(csv, item, t.won[i], published, "panels");
        nap_csv_put(csv, t.lost[i].len == 0 ? "none" : t.lost[i].data);
        nap_buf_putc(csv, ',');
        nap_csv_put(csv, nap_cause(s, id, library));
        nap_buf_putc(csv, '\n');
        nap_buf_free(&t.lost[i]);
    }
}

/* A line of the comparison that is not a count of panels. */
static void ratio_row(nap_buf *csv, const nap_study *s, const char *library, const char *what,
                      double ours, double published, const char *unit, const char *cause)
{
    char item[160];
    snprintf(item, sizeof item, "%s: %s", nap_library_title(library), what);
    nap_compare_cells(csv, item, ours, published, unit);
    nap_buf_puts(csv, "-,");
    nap_csv_put(csv, nap_cause(s, cause, library));
    nap_buf_putc(csv, '\n');
}

/* 1-bit weights and FP16 activations, the pair that the paper gives figures for. */
static void w1_f16_rows(nap_buf *csv, const nap_study *s, const char *lib)
{
    const nap_point *lut = best(s, lib, "f16", 1, "lut", ANY),
                    *mac = best(s, lib, "f16", 1, "mac", ANY),
                    *int8 = best(s, lib, "f16", 1, "lut_q", ANY);
    if (lut == NULL || mac == NULL) return;
    const double high = nap_published(s, "panel_w1_area_high");
    char unit[64];
    snprintf(unit, sizeof unit, "x (published: %g to %g)", nap_published(s, "panel_w1_area_low"),
             high);
    ratio_row(csv, s, lib, "area MAC / LUT, W1 A FP16", mac->equal_area / lut->equal_area, high,
              unit, "w1_f16_area");
    ratio_row(csv, s, lib, "power MAC / LUT, W1 A FP16", mac->equal_power / lut->equal_power, high,
              unit, "w1_f16_power");
    ratio_row(csv, s, lib, "area LUT / MAC, W1 A FP16, 1X", 100 * lut->equal_area / mac->equal_area,
              nap_published(s, "area_w1f16_1x"), "% of the FP16 MAC core", "area_w1f16_1x");
    if (int8 != NULL)
        ratio_row(csv, s, lib, "area MAC / LUT with int8 tables, W1 A FP16",
                  mac->equal_area / int8->equal_area, NAN, "x", "w1_f16_area_int8");
}

/* The best shape of the paper's own unit, one exact table for each output, in every panel. */
static void shape_rows(nap_buf *csv, const nap_study *s, const char *library)
{
    const double m = nap_published(s, "best_shape_m"), n = nap_published(s, "best_shape_n"),
                 k = nap_published(s, "best_shape_k");
    for (size_t a = 0; a < 4; a++)
        for (size_t w = 0; w < 3; w++) {
            const nap_point *b = best(s, library, acts[a], widths[w], "lut", ANY), *paper = NULL;
            if (b == NULL) continue;
            for (size_t i = 0; i < s->count; i++) {
                const nap_point *p = &s->point[i];
                if (in_panel(p, library, acts[a], widths[w]) && strcmp(kind_of(p), "lut") == 0 &&
                    p->m == m && p->n == n && p->k == k &&
                    (paper == NULL || nap_point_product(p) < nap_point_product(paper)))
                    paper = p;
            }
            nap_buf_printf(csv, "%s,%s,%u,M%u N%u K%u,M%g N%g K%g,", library, acts[a], widths[w],
                           b->m, b->n, b->k, m, n, k);
            if (paper == NULL)
                nap_buf_puts(csv, "-,-,-,");
            else
                nap_buf_printf(csv, "%.3fx,%.3fx,%.3fx,", paper->equal_area / b->equal_area,
                               paper->equal_power / b->equal_power,
                               nap_point_product(paper) / nap_point_product(b));
            nap_csv_put(csv, b == paper ? "as published"
                             : b->m < m ? nap_cause(s, "best_shape_fewer_rows", library)
                             : b->m > m ? nap_cause(s, "best_shape_more_rows", library)
                                        : nap_cause(s, "best_shape", library));
            nap_buf_putc(csv, '\n');
        }
}

/* The designs that nothing beats in both area and power. */
static void front_rows(nap_buf *csv, nap_buf *note, const nap_study *s, const char *library)
{
    for (size_t a = 0; a < 4; a++)
        for (size_t w = 0; w < 3; w++)
            for (size_t i = 0; i < s->count; i++) {
                const nap_point *p = &s->point[i];
                if (in_panel(p, library, acts[a], widths[w]) &&
                    on_front(s, p, library, acts[a], widths[w])) {
                    nap_buf_printf(csv, "%s,%s,%u,%s,", library, acts[a], widths[w],
                                   nap_method_title(p->method));
                    put_shape(csv, p);
                    note_miss(note, p);
                    nap_buf_printf(csv, ",%s,%.5g,%.4g\n", p->fpsum, p->equal_area,
                                   1e3 * p->equal_power);
                }
            }
}

/* Those of the panels' ringed designs that miss the clock. */
static void ringed_misses(nap_buf *note, const nap_study *s, const char *library)
{
    for (size_t i = 0; i < 12; i++)
        for (size_t m = 0; m < METHODS; m++) {
            const nap_point *b = best(s, library, acts[i / 3], widths[i % 3], order[m], ANY);
            if (b != NULL) note_miss(note, b);
        }
}

/* One library's picture. */
static nap_status panels_plot(nap_page *p, const nap_study *s, const char *lib, nap_error *e)
{
    nap_buf g = {0}, note = {0}, caption = {0};
    nap_buf_puts(&g, "set multiplot layout 4,3 margins 0.08,0.985,0.05,0.945 spacing 0.06,0.065\n"
                     "set grid lc rgb '#e3e8ec'\nset border 3 lc rgb '#8795a1'\n"
                     "set tics nomirror font ',9'\nset logscale xy\nunset key\n"
                     "set xlabel 'power, mW' font ',9' offset 0,0.7\n"
                     "set ylabel 'area, um^2' font ',9' offset 0.4,0\n");
    static const double legend[METHODS] = {0.04, 0.18, 0.345, 0.52, 0.585, 0.715, 0.87};
    for (size_t m = 0; m < METHODS; m++)
        nap_buf_printf(&g,
                       "set label %zu \"\xe2\x97\x8f %s\" at screen %.3f, screen 0.982 "
                       "textcolor rgb '%s' font ',11'\n",
                       m + 1, nap_method_title(order[m]), legend[m], nap_method_colour(order[m]));
    for (size_t a = 0; a < 4; a++)
        for (size_t w = 0; w < 3; w++) panel(&g, s, lib, acts[a], widths[w], (unsigned)(3 * a + w));
    nap_buf_puts(&g, "unset multiplot\n");
    ringed_misses(&note, s, lib);
    nap_buf_printf(&caption,
                   "Area against power, 12 pairs of types, %s. Grey line: the front that no design "
                   "beats in both (none where one design beats all others); dotted lines: equal "
                   "area x power, green through the LUT's best, "
                   "red through the MAC's. At 1 bit the native narrow MAC is the bit-serial ADD "
                   "array and is not drawn. Ringed designs that miss the clock: %s.",
                   nap_library_title(lib), misses(&note));
    char name[64];
    snprintf(name, sizeof name, "panels-%s", lib);
    const nap_status st = caption.failed || note.failed
                              ? nap_fail_memory(e, caption.len, name)
                              : nap_page_plot(p, name, 1100, 1250, &g, caption.data, e);
    nap_buf_free(&g);
    nap_buf_free(&note);
    nap_buf_free(&caption);
    return st;
}

/* Were sums deeper than four products mapped for some pairs of types and not for others? Then a
 * count over all pairs would compare unlike things. */
static bool deep_in_part(const nap_study *s, const char *library)
{
    unsigned panels = 0, deep = 0;
    for (size_t i = 0; i < 12; i++) {
        const char *act = acts[i / 3];
        const unsigned bits = widths[i % 3];
        panels += best(s, library, act, bits, "mac", ANY) != NULL;
        bool any = false;
        for (size_t j = 0; j < s->count; j++)
            any = any || (in_panel(&s->point[j], library, act, bits) &&
                          strcmp(s->point[j].method, "mac") == 0 &&
                          s->point[j].k * s->point[j].depth > FOUR);
        deep += any;
    }
    return deep > 0 && deep < panels;
}

nap_status nap_figure_panels(nap_page *p, const nap_study *s, nap_error *e)
{
    nap_page_section(p, "Area and power of 512 multiply-accumulates a cycle");
    nap_page_text(
        p, "Every shape M x N x K of each method, at equal throughput: a bit-serial array of "
           "b-bit weights counts b times. Small points: shapes; ring: the shape of least "
           "area x power; line: the front that no design beats in both; dotted: equal area x "
           "power through the LUT's and the MAC's best. "
           "\"Tables summed\": several look-ups added up for each output before the accumulator, "
           "which the paper does not look at (\"both\": with int8 tables). "
           "Operand registers and accumulators are inside. Source: synthesized; power from "
           "simulated random operands.");
    nap_buf table = {0}, summary = {0}, front = {0}, shapes = {0};
    nap_buf table_note = {0}, front_note = {0};
    nap_buf_puts(&front, "library,A,W,method,shape,sum,area,power mW\n");
    nap_buf_puts(&table, "library,A,W,sums,LUT shape,MAC shape,area MAC/LUT,power MAC/LUT,"
                         "strongest rival,area rival/LUT,power rival/LUT,least area,least power\n");
    nap_buf_puts(&summary, "item,ours,published,ratio,unit,panels that LUT loses,"
                           "cause of the difference\n");
    nap_buf_puts(&shapes, "library,A,W,best shape,published,area published/ours,"
                          "power published/ours,area x power published/ours,"
                          "cause of the difference\n");
    nap_status st = NAP_OK;
    for (size_t l = 0; st == NAP_OK && nap_study_libraries[l] != NULL; l++) {
        const char *lib = nap_study_libraries[l];
        if (!nap_study_has(s, "mnk", lib)) continue;
        st = panels_plot(p, s, lib, e);
        front_rows(&front, &front_note, s, lib);
        const double won = nap_published(s, "panels_won");
        static const terms exact = {"of four", FOUR, FOUR, false, false},
                           rounded = {"of four", FOUR, FOUR, true, false},
                           ahead = {"rivals' at will", FOUR, ANY, true, false},
                           free = {"at will", ANY, ANY, true, false},
                           all = {"at will", ANY, ANY, true, true};
        tally_rows(&summary, s, lib, panel_rows(NULL, NULL, s, lib, &exact),
                   "LUT against ADD and MAC, sums of four products", won, "panels_won");
        tally_rows(&summary, s, lib, panel_rows(&table, &table_note, s, lib, &rounded),
                   "the same, FP tables rounded to int8", won, "panels_won_int8");
        if (deep_in_part(s, lib)) {
            nap_page_text(p,
                          "%s: sums deeper than four products were synthesized for some "
                          "activations only.",
                          nap_library_title(lib));
        } else {
            tally_rows(&summary, s, lib, panel_rows(NULL, NULL, s, lib, &ahead),
                       "the same, ADD and MAC with sums of any depth", won, "panels_ahead");
            tally_rows(&summary, s, lib, panel_rows(&table, &table_note, s, lib, &free),
                       "the same, LUT too", NAN, "panels_free");
            tally_rows(&summary, s, lib, panel_rows(NULL, NULL, s, lib, &all),
                       "the same, native narrow MACs among the rivals", NAN, "panels_native");
        }
        w1_f16_rows(&summary, s, lib);
        shape_rows(&shapes, s, lib);
    }
    nap_buf caption = {0};
    nap_buf_printf(&caption,
                   "Each panel's best shapes (int8 tables allowed), once with sums of four "
                   "products everywhere and once of any depth: how much more area and power at "
                   "equal throughput the uniform MAC takes, and the strongest rival. x: look-ups "
                   "or products summed. * misses the clock: %s. They are compared as they are, "
                   "which favours them.",
                   misses(&table_note));
    if (st == NAP_OK && caption.failed) st = nap_fail_memory(e, caption.len, "panels");
    if (st == NAP_OK) st = nap_page_table(p, "panels", &table, caption.data, e);
    if (st == NAP_OK)
        st = nap_page_table(p, "panels-summary", &summary,
                            "Beside the paper. Panels lost: to which method, and how much larger "
                            "the LUT array is in that measure.",
                            e);
    if (st == NAP_OK)
        st = nap_page_table(p, "shapes", &shapes,
                            "Best shape of the array with one exact table for each output, beside "
                            "the paper's one best shape for all, and what the published shape "
                            "takes over ours.",
                            e);
    nap_buf_free(&caption);
    nap_buf_printf(&caption,
                   "The area-power front of each panel, over all methods: designs that no other "
                   "beats in both. * misses the clock: %s.",
                   misses(&front_note));
    if (st == NAP_OK && caption.failed) st = nap_fail_memory(e, caption.len, "pareto");
    if (st == NAP_OK) st = nap_page_table(p, "pareto", &front, caption.data, e);
    nap_buf_free(&caption);
    nap_buf_free(&table_note);
    nap_buf_free(&front_note);
    nap_buf_free(&table);
    nap_buf_free(&summary);
    nap_buf_free(&front);
    nap_buf_free(&shapes);
    return st;
}

/* Has the method a bar in any panel? */
static bool anywhere(const nap_study *s, const char *library, const char *method)
{
    for (size_t i = 0; i < 12; i++)
        if (best(s, library, acts[i / 3], widths[i % 3], method, ANY) != NULL &&
            !hidden(s, library, acts[i / 3], widths[i % 3], method))
            return true;
    return false;
}

nap_status nap_figure_cores(nap_page *p, const nap_study *s, nap_error *e)
{
    nap_page_section(p, "All methods side by side");
    nap_page_text(p,
                  "Density at equal throughput of every method at its own best shape, uniform MAC "
                  "of the same activations = 1 (higher is smaller). Source: synthesized.");
    for (size_t l = 0; nap_study_libraries[l] != NULL; l++) {
        const char *lib = nap_study_libraries[l];
        if (!nap_study_has(s, "mnk", lib)) continue;
        nap_buf g = {0}, csv = {0};
        nap_buf_puts(&csv, "pair");
        for (size_t m = 0; m < METHODS; m++) nap_buf_printf(&csv, ",%s", order[m]);
        nap_buf_puts(&csv, "\n");
        nap_buf_puts(&g, "$d << EOD\n");
        for (size_t a = 0; a < 4; a++)
            for (size_t w = 0; w < 3; w++) {
                const nap_point *mac = best(s, lib, acts[a], widths[w], "mac", ANY);
                if (mac == NULL) continue;
                nap_buf_printf(&g, "\"W%u\\nA %s\"", widths[w], acts[a]);
                nap_buf_printf(&csv, "W%u A %s", widths[w], acts[a]);
                for (size_t m = 0; m < METHODS; m++) {
                    const nap_point *b = best(s, lib, acts[a], widths[w], order[m], ANY);
                    const double v = b == NULL ? NAN : mac->equal_area / b->equal_area;
                    if (b == NULL || hidden(s, lib, acts[a], widths[w], order[m]))
                        nap_buf_puts(&g, " NaN");
                    else
                        nap_buf_printf(&g, " %.5g", v);
                    if (b == NULL)
                        nap_buf_puts(&csv, ",-");
                    else
                        nap_buf_printf(&csv, ",%.2f", v);
                }
                nap_buf_puts(&g, "\n");
                nap_buf_puts(&csv, "\n");
            }
        nap_buf_puts(&g,
                     "EOD\nset style data histograms\nset style histogram clustered gap 1.2\n"
                     "set style fill solid 0.9 noborder\nset boxwidth 0.95\nset border 3 lc rgb "
                     "'#8795a1'\nset tics nomirror\nset grid y lc rgb '#e3e8ec'\n"
                     "set ylabel 'density, uniform MAC = 1'\nset yrange [0:*]\n"
                     "set key top right\nset bmargin 3.6\nplot ");
        bool first = true;
        for (size_t m = 0; m < METHODS; m++) {
            if (!anywhere(s, lib, order[m])) continue; /* gnuplot refuses bars without a value */
            nap_buf_printf(&g, "%s$d using %zu%s lc rgb '%s' title '%s'", first ? "" : ", ", m + 2,
                           first ? ":xtic(1)" : "", nap_method_colour(order[m]),
                           nap_method_title(order[m]));
            first = false;
        }
        char name[64], caption[240];
        snprintf(name, sizeof name, "cores-%s", lib);
        snprintf(caption, sizeof caption,
                 "Tensor cores of every method, %s. At 1 bit the native narrow MAC is the "
                 "bit-serial ADD array; ADD's bar stands for both.",
                 nap_library_title(lib));
        nap_status st = nap_page_plot(p, name, 1100, 460, &g, caption, e);
        nap_buf_free(&g);
        if (st == NAP_OK)
            st = nap_page_table(p, name, &csv, "Density, uniform MAC of the same activations = 1.",
                                e);
        nap_buf_free(&csv);
        if (st != NAP_OK) return st;
    }
    return NAP_OK;
}
