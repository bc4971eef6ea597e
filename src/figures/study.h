/* The rows of share/lutcore/study.csv (docs/lutcore-study.md has the columns), published.csv and
 * causes.csv, as the figures use them. */
#ifndef NAP_FIGURES_STUDY_H
#define NAP_FIGURES_STUDY_H

#include "figures/page.h"
#include "lutcore/types.h"

typedef struct nap_point {
    /* method: as in designs, and "lut_q" for LUT with tables rounded to int8 */
    const char *study, *series, *method, *act, *table, *acc, *fpsum, *library, *activity, *tools;
    unsigned m, n, k, depth, wbits, cycles;
    /* NaN: not in the study */
    double area, part[7], power, equal_area, equal_power, ops_per_area, delay_ns, clock_ns;
    double error; /* NaN: exact */
} nap_point;

enum { NAP_STUDY_PE = 2, NAP_STUDY_ACC = 3, NAP_STUDY_PARTS = 7 }; /* of nap_study_parts */
extern const char *const nap_study_parts[NAP_STUDY_PARTS];

typedef struct nap_study {
    struct nap_csv *csv;
    nap_point *point;
    size_t count;
    struct nap_csv *published, *causes;
    const char *folder; /* the caller's */
} nap_study;

/* Reads study.csv, published.csv and causes.csv of a folder. */
nap_status nap_study_load(const char *folder, nap_study *out, nap_error *e);
void nap_study_free(nap_study *s);

/* NAN if there is none by that id. */
double nap_published(const nap_study *s, const char *id);
/* Why ours differs, "" if nothing is recorded: what stands under "id@library", else under "id". */
const char *nap_cause(const nap_study *s, const char *id, const char *library);

static inline double nap_point_product(const nap_point *p)
{
    return p->equal_area * p->equal_power;
}
/* By how many ns the longest path misses the clock; 0: it does not. */
static inline double nap_point_miss(const nap_point *p)
{
    return p->delay_ns > p->clock_ns ? p->delay_ns - p->clock_ns : 0;
}
/* Is there a row of that study in that library? */
bool nap_study_has(const nap_study *s, const char *study, const char *library);

/* Libraries in the order the figures show them; ends with NULL. */
extern const char *const nap_study_libraries[];
/* "45 nm (Nangate)" */
const char *nap_library_title(const char *library);

/* What stands for a method in every picture: colour, and its name in words. */
const char *nap_method_colour(const char *method);
const char *nap_method_title(const char *method);

/* The cause, or, where none is recorded, that there is nothing to explain: "within 5 %", or "-"
 * where nothing is published (NaN). */
const char *nap_cause_if(const char *cause, double ratio);

/* One line of a table of ours beside published: item, ours, published, ratio, unit, cause. The
 * cells are those before the cause, for tables that have a column more. */
void nap_compare_head(nap_buf *csv);
void nap_compare_cells(nap_buf *csv, const char *item, double ours, double published,
                       const char *unit);
void nap_compare_row(nap_buf *csv, const char *item, double ours, double published,
                     const char *unit, const char *cause);

/* The figures; each adds sections to the page. */
nap_status nap_figure_k(nap_page *p, const nap_study *s, nap_error *e);
nap_status nap_figure_panels(nap_page *p, const nap_study *s, nap_error *e);
nap_status nap_figure_cores(nap_page *p, const nap_study *s, nap_error *e);
nap_status nap_figure_ladder(nap_page *p, const nap_study *s, nap_error *e);
nap_status nap_figure_bits(nap_page *p, const nap_study *s, nap_error *e);
nap_status nap_figure_axes(nap_page *p, const nap_study *s, nap_error *e);
nap_status nap_figure_models(nap_page *p, const nap_study *s, const char *configs, nap_error *e);

#endif
