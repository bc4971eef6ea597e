/* Reading the study's tables. See study.h. */
#include "figures/study.h"

#include "base/alloc.h"
#include "base/csv.h"
#include "base/error.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const nap_study_parts[NAP_STUDY_PARTS] = {"table",      "weight",  "pe",    "acc",
                                                      "precompute", "control", "fanout"};
const char *const nap_study_libraries[] = {"nangate45", "asap7", "osu018", NULL};

const char *nap_library_title(const char *library)
{
    if (strcmp(library, "nangate45") == 0) return "45 nm (Nangate)";
    if (strcmp(library, "asap7") == 0) return "7 nm (ASAP7)";
    if (strcmp(library, "osu018") == 0) return "180 nm (OSU)";
    return library;
}

static const struct {
    const char *method, *colour, *title;
} methods[] = {
    {"lut", "#0b7a4b", "LUT tensor core"},          {"lut_q", "#1abc9c", "LUT with int8 tables"},
    {"lut_deep", "#8a9a12", "LUT, tables summed"},  {"lut_q_deep", "#c5d422", "both"},
    {"lut_conv", "#8bbf5a", "conventional LUT"},    {"unpu", "#c07a2b", "UNPU-style"},
    {"unpu_half", "#caa24a", "UNPU half table"},    {"unpu_remap", "#a8a23a", "UNPU remapped"},
    {"add", "#2f6db3", "bit-serial ADD"},           {"mac", "#c0392b", "uniform MAC"},
    {"mac_native", "#7d3c98", "native narrow MAC"},
};

const char *nap_method_colour(const char *method)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(methods[i].method, method) == 0) return methods[i].colour;
    return "#555555";
}

const char *nap_method_title(const char *method)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(methods[i].method, method) == 0) return methods[i].title;
    return method;
}

static nap_status load(const char *folder, const char *name, nap_csv **out, nap_error *e)
{
    nap_buf path = {0};
    nap_buf_printf(&path, "%s/%s", folder, name);
    *out = nap_calloc(1, sizeof **out);
    nap_status s = path.failed || *out == NULL ? nap_fail_memory(e, sizeof **out, name)
                                               : nap_csv_load(path.data, *out, e);
    nap_buf_free(&path);
    return s;
}

/* The columns a point is read from. */
enum {
    STUDY,
    SERIES,
    METHOD,
    M,
    N,
    K,
    DEPTH,
    ACT,
    TABLE,
    WBITS,
    ACC,
    FPSUM,
    LIBRARY,
    TOOLS,
    CLOCK,
    ACTIVITY,
    CYCLES,
    AREA,
    DELAY,
    POWER,
    EQUAL_AREA,
    EQUAL_POWER,
    OPS,
    ERROR,
    COLUMNS
};
static const char *const names[COLUMNS] = {
    "study",       "series",       "method", "m",    "n",        "k",       "depth",
    "act",         "table",        "wbits",  "acc",  "fpsum",    "library", "tools",
    "clock_ns",    "activity",     "cycles", "area", "delay_ns", "power_w", "equal_area",
    "equal_power", "ops_per_area", "error"};

/* NaN where the study has no figure: an array synthesized flat has no parts and no power. */
static nap_status read_real(const nap_csv *c, size_t row, size_t column, double *out, nap_error *e)
{
    *out = NAN;
    return nap_csv_cell(c, row, column)[0] == '\0' ? NAP_OK : nap_csv_real(c, row, column, out, e);
}

static nap_status read_point(const nap_csv *c, size_t row, const size_t *col, const size_t *part,
                             nap_point *p, nap_error *e)
{
    const struct {
        const char **to;
        unsigned column;
    } texts[] = {{&p->study, STUDY},      {&p->series, SERIES},   {&p->method, METHOD},
                 {&p->act, ACT},          {&p->table, TABLE},     {&p->acc, ACC},
                 {&p->fpsum, FPSUM},      {&p->library, LIBRARY}, {&p->tools, TOOLS},
                 {&p->activity, ACTIVITY}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        *texts[i].to = nap_csv_cell(c, row, col[texts[i].column]);
    const struct {
        unsigned *to;
        unsigned column;
    } counts[] = {{&p->m, M},         {&p->n, N},         {&p->k, K},
                  {&p->depth, DEPTH}, {&p->wbits, WBITS}, {&p->cycles, CYCLES}};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        uint64_t v;
        NAP_TRY(nap_csv_uint(c, row, col[counts[i].column], 1, 1 << 20, &v, e));
        *counts[i].to = (unsigned)v;
    }
    const struct {
        double *to;
        unsigned column;
    } reals[] = {{&p->area, AREA},
                 {&p->power, POWER},
                 {&p->equal_area, EQUAL_AREA},
                 {&p->equal_power, EQUAL_POWER},
                 {&p->ops_per_area, OPS},
                 {&p->delay_ns, DELAY},
                 {&p->clock_ns, CLOCK}};
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++)
        NAP_TRY(read_real(c, row, col[reals[i].column], reals[i].to, e));
    for (size_t i = 0; i < NAP_STUDY_PARTS; i++)
        NAP_TRY(read_real(c, row, part[i], &p->part[i], e));
    /* Rounding the tables to int8 makes another machine of a floating-point design. */
    if (strcmp(p->method, "lut") == 0 && strcmp(p->table, "s8") == 0) p->method = "lut_q";
    NAP_TRY(read_real(c, row, col[ERROR], &p->error, e));
    return NAP_OK;
}

static nap_status read_points(nap_study *s, nap_error *e)
{
    const nap_csv *c = s->csv;
    size_t col[COLUMNS], part[NAP_STUDY_PARTS];
    for (size_t i = 0; i < COLUMNS; i++) NAP_TRY(nap_csv_column(c, names[i], &col[i], e));
    for (size_t i = 0; i < NAP_STUDY_PARTS; i++) {
        char name[32];
        snprintf(name, sizeof name, "area_%s", nap_study_parts[i]);
        NAP_TRY(nap_csv_column(c, name, &part[i], e));
    }
    s->point = nap_calloc(c->rows + 1, sizeof *s->point);
    if (s->point == NULL) return nap_fail_memory(e, c->rows, c->name);
    for (size_t i = 0; i < c->rows; i++)
        NAP_TRY(read_point(c, i, col, part, &s->point[s->count++], e));
    return NAP_OK;
}

nap_status nap_study_load(const char *folder, nap_study *out, nap_error *e)
{
    *out = (nap_study){.folder = folder};
    nap_status s = load(folder, "study.csv", &out->csv, e);
    if (s == NAP_OK) s = load(folder, "published.csv", &out->published, e);
    if (s == NAP_OK) s = load(folder, "causes.csv", &out->causes, e);
    if (s == NAP_OK) s = read_points(out, e);
    if (s != NAP_OK) nap_study_free(out);
    return s;
}

void nap_study_free(nap_study *s)
{
    nap_csv *const tables[] = {s->csv, s->published, s->causes};
    for (size_t i = 0; i < 3; i++) {
        if (tables[i] != NULL) nap_csv_free(tables[i]);
        nap_free(tables[i]);
    }
    nap_free(s->point);
    *s = (nap_study){0};
}

/* The row whose first column is `id`, or rows. */
static size_t find(const nap_csv *c, const char *id)
{
    size_t i = 0;
    while (i < c->rows && strcmp(nap_csv_cell(c, i, 0), id) != 0) i++;
    return i;
}

double nap_published(const nap_study *s, const char *id)
{
    const size_t row = find(s->published, id);
    double v;
    if (row == s->published->rows || s->published->columns < 2 ||
        nap_csv_real(s->published, row, 1, &v, NULL) != NAP_OK)
        return NAN;
    return v;
}

const char *nap_cause(const nap_study *s, const char *id, const char *library)
{
    char here[96];
    snprintf(here, sizeof here, "%s@%s", id, library == NULL ? "" : library);
    size_t row = find(s->causes, here);
    if (row == s->causes->rows) row = find(s->causes, id);
    return row == s->causes->rows || s->causes->columns < 2 ? "" : nap_csv_cell(s->causes, row, 1);
}

bool nap_study_has(const nap_study *s, const char *study, const char *library)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->point[i].study, study) == 0 && strcmp(s->point[i].library, library) == 0)
            return true;
    return false;
}

const char *nap_cause_if(const char *cause, double ratio)
{
    if (*cause != '\0') return cause;
    return isnan(ratio) ? "-" : fabs(ratio - 1) <= 0.05 ? "within 5 %" : "";
}

void nap_compare_head(nap_buf *csv)
{
    nap_buf_puts(csv, "item,ours,published,ratio,unit,cause of the difference\n");
}

void nap_compare_cells(nap_buf *csv, const char *item, double ours, double published,
                       const char *unit)
{
    nap_csv_put(csv, item);
    if (isnan(ours))
        nap_buf_puts(csv, ",-");
    else
        nap_buf_printf(csv, ",%.4g", ours);
    if (isnan(published))
        nap_buf_puts(csv, ",not published,-,");
    else if (isnan(ours))
        nap_buf_printf(csv, ",%.6g,-,", published);
    else
        nap_buf_printf(csv, ",%.6g,%.2f,", published, ours / published);
    nap_csv_put(csv, unit);
    nap_buf_putc(csv, ',');
}

void nap_compare_row(nap_buf *csv, const char *item, double ours, double published,
                     const char *unit, const char *cause)
{
    nap_compare_cells(csv, item, ours, published, unit);
    nap_csv_put(csv, nap_cause_if(cause, ours / published));
    nap_buf_putc(csv, '\n');
}
