/* The search itself: every point through the flow, in two threads, and the table. See dse.h. */
#include "rtl/dse.h"

#include "base/alloc.h"
#include "base/csv.h"
#include "base/error.h"
#include "base/process.h"
#include "base/rng.h"
#include "lutcore/fperror.h"
#include "rtl/synth_impl.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char header[] =
    "study,series,method,m,n,k,depth,act,table,wtype,wbits,acc,fpsum,pipeline,library,tools,"
    "clock_ns,activity,macs,cycles,cells,area,area_table,area_weight,area_pe,area_acc,"
    "area_precompute,area_control,area_fanout,delay_ns,slack_ns,power_w,power_table,power_weight,"
    "power_pe,power_acc,power_precompute,power_control,power_fanout,equal_area,equal_power,"
    "ops_per_area,error,source\n";

typedef struct search {
    const nap_flow *flow[2]; /* usual clock, tight clock */
    const nap_synth_options *o;
    const nap_dse_list *points;
    const char *dir;
    nap_buf *row; /* one of each point, empty: no emitter knows it */
    size_t next, done;
    pthread_mutex_t lock;
    nap_status status;
    nap_error error;
} search;

/* Folder number i of a list with commas; how many there are. */
static void operand_folder(const char *list, unsigned i, char out[512])
{
    while (i-- > 0) list += strcspn(list, ",") + 1;
    (void)snprintf(out, 512, "%.*s", (int)strcspn(list, ","), list);
}

static unsigned operand_folders(const char *list)
{
    unsigned n = list != NULL;
    for (; list != NULL && *list != '\0'; list++) n += *list == ',';
    return n;
}

static const char *last_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

/* Error of a design's floating-point arithmetic: relative root mean square over dot products of
 * 2048 elements (fperror.h), blocks of 128 sharing an exponent. Negative: exact. */
static double error_of(const nap_core *c, nap_error *e)
{
    enum { ROWS = 4, COLUMNS = 16, LENGTH = 2048, BLOCK = 128 };
    const bool aligned = c->fpsum == NAP_FPSUM_PREALIGNED;
    if (!nap_act_is_float(c->act) && !aligned) return -1;
    nap_fpstudy study = {.core = *c, .block = BLOCK};
    study.core.m = 1;
    study.core.n = 4;
    if (aligned) {
        study.source = NAP_ACT_F16;
        study.align_bits = nap_act_bits(c->act);
    }
    nap_rng r;
    nap_rng_seed(&r, 2);
    float *x = nap_calloc((size_t)ROWS * LENGTH, sizeof *x);
    uint8_t *q = nap_calloc((size_t)COLUMNS * LENGTH, 1);
    nap_fperror out = {0};
    nap_status s = NAP_ERR_MEMORY;
    if (x != NULL && q != NULL) {
        nap_fperror_random(1, 20, x, ROWS, LENGTH);
        for (size_t i = 0; i < (size_t)COLUMNS * LENGTH; i++)
            q[i] = (uint8_t)nap_rng_below(&r, 1u << c->wbits);
        s = nap_fperror_measure(&study, x, ROWS, q, COLUMNS, LENGTH, &out, e);
    }
    nap_free(x);
    nap_free(q);
    return s == NAP_OK ? sqrt(out.nmse) : -1;
}

/* Which studies have errors beside their areas. */
static bool wants_error(const char *study)
{
    return strcmp(study, "fpsum") == 0 || strcmp(study, "acc") == 0 || strcmp(study, "depth") == 0;
}

static void put_row(const nap_dse_point *p, const nap_synth *s, const char *activity, nap_buf *b)
{
    const nap_core *c = &p->core;
    const double macs = (double)c->m * c->n * nap_core_kdim(c),
                 cycles = nap_core_planes(c, c->wbits), scale = 512 * cycles / macs;
    const bool parts = p->kind != NAP_POINT_FLAT, powered = p->kind != NAP_POINT_FLAT,
               array = p->kind != NAP_POINT_PRECOMPUTE;
    nap_buf_printf(b, "%s,%s,%s,%u,%u,%u,%u,%s,%s,%s,%u,%s,%s,%u,%s,", p->study, p->series,
                   nap_method_name(c->method), c->m, c->n, c->k, c->depth, nap_act_name(c->act),
                   nap_table_name(c->table), nap_wtype_name(c->wtype), c->wbits,
                   nap_acc_name(c->acc), nap_fpsum_name(c->fpsum), c->pipeline, s->library);
    nap_csv_put(b, s->tools);
    nap_buf_printf(b, ",%.4g,%s,%.0f,%.0f,%llu,%.4f", s->clock_ns, activity, macs, cycles,
                   (unsigned long long)s->cells, s->area);
    for (unsigned i = 0; i < NAP_PART_COUNT; i++)
        parts ? nap_buf_printf(b, ",%.4f", s->part_area[i]) : nap_buf_putc(b, ',');
    parts ? nap_buf_printf(b, ",%.4f", s->fanout_area) : nap_buf_putc(b, ',');
    nap_buf_printf(b, ",%.4f,%.4f", s->delay_ns, s->slack_ns);
    powered ? nap_buf_printf(b, ",%.5e", s->power) : nap_buf_putc(b, ',');
    for (unsigned i = 0; i < NAP_PART_COUNT; i++)
        powered ? nap_buf_printf(b, ",%.5e", s->part_power[i]) : nap_buf_putc(b, ',');
    powered ? nap_buf_printf(b, ",%.5e", s->fanout_power) : nap_buf_putc(b, ',');
    if (array)
        nap_buf_printf(b, ",%.4f,", s->area * scale);
    else
        nap_buf_puts(b, ",,");
    if (array && powered) nap_buf_printf(b, "%.5e", s->power * scale);
    if (array)
        nap_buf_printf(b, ",%.6e", 2 * macs / cycles / s->area);
    else
        nap_buf_putc(b, ',');
    const double error = wants_error(p->study) ? error_of(c, NULL) : -1;
    if (error >= 0)
        nap_buf_printf(b, ",%.4e,synthesized\n", error);
    else
        nap_buf_puts(b, ",,synthesized\n");
}

/* The whole array as a single unit. */
static nap_status flat(const nap_flow *f, const nap_rtl *r, nap_synth *s, nap_error *e)
{
    nap_unit_text u;
    nap_mapped m;
    memset(s, 0, sizeof *s);
    NAP_TRY(nap_unit_cut(r->text.data, r->top, &u, e));
    const nap_status st = nap_flow_map(f, &u, &m, e);
    nap_unit_text_free(&u);
    if (st != NAP_OK) return st;
    s->cells = m.cells;
    s->area = m.area;
    s->delay_ns = m.delay_ns;
    s->clock_ns = f->clock_ns;
    s->slack_ns = f->clock_ns - m.delay_ns;
    (void)snprintf(s->library, sizeof s->library, "%s", f->library.name);
    (void)snprintf(s->tools, sizeof s->tools, "%s", f->tools);
    return NAP_OK;
}

static nap_status measure(search *x, const nap_dse_point *p, nap_buf *row, nap_error *e)
{
    nap_rtl r = {0};
    nap_synth s = {0};
    nap_synth_options o = *x->o;
    char folder[512] = "random";
    if (p->kind == NAP_POINT_RECORDED) operand_folder(o.operands, p->operands, folder);
    o.operands = folder;
    o.activity = p->kind == NAP_POINT_RECORDED ? NAP_ACTIVITY_FILE : NAP_ACTIVITY_RANDOM;
    const nap_flow *f = x->flow[p->kind == NAP_POINT_TIGHT];
    nap_status st = p->kind == NAP_POINT_PRECOMPUTE ? nap_rtl_precompute(&p->core, &r, e)
                                                    : nap_rtl_array(&p->core, &r, e);
    if (st == NAP_OK)
        st = p->kind == NAP_POINT_FLAT ? flat(f, &r, &s, e)
                                       : nap_flow_design(f, &p->core, &r, &o, NULL, &s, e);
    if (st == NAP_OK) put_row(p, &s, last_name(folder), row);
    if (st == NAP_OK && row->failed) st = nap_fail_memory(e, row->len, "row");
    nap_synth_free(&s);
    nap_rtl_free(&r);
    return st == NAP_ERR_UNSUPPORTED ? NAP_OK : st;
}

/* ---- The table: lines kept from an old one and new ones, by study, library, then as they came. */
typedef struct line {
    int study;
    char library[48];
    size_t number;
    const char *text;
    size_t len;
} line;

typedef struct table {
    line *v;
    size_t count;
    bool failed;
} table;

static void add_line(table *t, const char *study, const char *library, const char *text, size_t len)
{
    line *grown = nap_realloc(t->v, t->count + 1, sizeof *grown);
    if (grown == NULL) {
        t->failed = true;
        return;
    }
    t->v = grown;
    line *n = &grown[t->count];
    *n = (line){.study = nap_dse_order(study), .number = t->count, .text = text, .len = len};
    (void)snprintf(n->library, sizeof n->library, "%s", library);
    t->count++;
}

static int by_place(const void *a, const void *b)
{
    const line *x = a, *y = b;
    if (x->study != y->study) return x->study < y->study ? -1 : 1;
    const int l = strcmp(y->library, x->library); /* osu018, nangate45, asap7 */
    if (l != 0) return l;
    return x->number < y->number ? -1 : x->number > y->number;
}

static bool made_anew(const search *x, const char *study, const char *library)
{
    if (strcmp(library, x->flow[0]->library.name) != 0) return false;
    for (size_t i = 0; i < x->points->count; i++)
        if (strcmp(x->points->v[i].study, study) == 0) return true;
    return false;
}

/* A table of other columns is not ours to write into. */
static nap_status same_columns(const char *path, const nap_csv *old, nap_error *e)
{
    nap_buf found = {0};
    for (size_t c = 0; c < old->columns; c++)
        nap_buf_printf(&found, "%s%s", old->header[c], c + 1 < old->columns ? "," : "\n");
    nap_status s = NAP_OK;
    if (found.failed)
        s = nap_fail_memory(e, found.len, path);
    else if (found.len != sizeof header - 1 || memcmp(found.data, header, found.len) != 0)
        s = nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                     "%s: found the columns %.200s..., expected those of docs/lutcore-study.md, or "
                     "no file",
                     path, found.data);
    nap_buf_free(&found);
    return s;
}

/* The old lines as they are, written to `text`. */
static nap_status old_lines(const char *path, const search *x, nap_buf *text, table *t,
                            nap_error *e)
{
    nap_csv old;
    size_t study = 0, library = 0;
    const nap_status s = nap_csv_load(path, &old, e);
    if (s != NAP_OK) return s == NAP_ERR_NOT_FOUND ? NAP_OK : s;
    nap_status st = same_columns(path, &old, e);
    if (st == NAP_OK) st = nap_csv_column(&old, "study", &study, e);
    if (st == NAP_OK) st = nap_csv_column(&old, "library", &library, e);
    for (int pass = 0; st == NAP_OK && pass < 2;
         pass++) { /* the text must not move: once to size */
        text->len = 0;
        for (size_t i = 0; i < old.rows; i++) {
            const char *of = nap_csv_cell(&old, i, study), *in = nap_csv_cell(&old, i, library);
            if (made_anew(x, of, in)) continue;
            const size_t start = text->len;
            for (size_t c = 0; c < old.columns; c++) {
                if (c > 0) nap_buf_putc(text, ',');
                nap_csv_put(text, nap_csv_cell(&old, i, c));
            }
            nap_buf_putc(text, '\n');
            if (pass == 1 && !text->failed)
                add_line(t, of, in, text->data + start, text->len - start);
        }
    }
    nap_csv_free(&old);
    return st;
}

/* Before any work: can the new lines go there? */
static nap_status check_table(const search *x, nap_error *e)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/study.csv", x->dir);
    nap_buf old = {0};
    table t = {0};
    const nap_status s = old_lines(path, x, &old, &t, e);
    nap_buf_free(&old);
    nap_free(t.v);
    return s;
}

static nap_status put_table(const search *x, nap_error *e)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/study.csv", x->dir);
    nap_buf old = {0}, b = {0};
    table t = {0};
    size_t absent = 0;
    nap_status s = old_lines(path, x, &old, &t, e);
    for (size_t i = 0; i < x->points->count; i++) {
        if (x->row[i].len > 0)
            add_line(&t, x->points->v[i].study, x->flow[0]->library.name, x->row[i].data,
                     x->row[i].len);
        else
            absent++;
    }
    if (t.count > 0) qsort(t.v, t.count, sizeof *t.v, by_place);
    if (absent > 0)
        nap_buf_printf(
            &b, "# %s: %zu of %zu designs are left out: no emitter, or the search was stopped\n",
            x->flow[0]->library.name, absent, x->points->count);
    nap_buf_puts(&b, header);
    for (size_t i = 0; i < t.count; i++) nap_buf_put(&b, t.v[i].text, t.v[i].len);
    if (s == NAP_OK && (b.failed || old.failed || t.failed)) s = nap_fail_memory(e, b.len, path);
    if (s == NAP_OK) s = nap_write_whole(path, b.data, b.len, e);
    nap_buf_free(&old);
    nap_buf_free(&b);
    nap_free(t.v);
    return s;
}

/* Are two designs made of the same heavy units? */
static bool same_units(const nap_dse_point *p, const nap_dse_point *q)
{
    const nap_core *a = &p->core, *b = &q->core;
    return p->kind == q->kind && a->method == b->method && a->act == b->act &&
           a->table == b->table && a->k == b->k && a->depth == b->depth && a->acc == b->acc &&
           a->fpsum == b->fpsum;
}

/* The next points for a thread: neighbours of the same units, lest two threads map one at the same
 * time. Order in the table does not depend on it. */
static bool take(search *x, size_t *first, size_t *end)
{
    pthread_mutex_lock(&x->lock);
    const nap_dse_list *l = x->points;
    const bool go = x->status == NAP_OK && x->next < l->count;
    *first = *end = x->next;
    while (go && *end < l->count && same_units(&l->v[*first], &l->v[*end])) ++*end;
    x->next = *end;
    pthread_mutex_unlock(&x->lock);
    return go;
}

/* The table is written now and then: a search may be stopped. */
enum { WRITE_EVERY = 5 };

static void worker(void *ctx, int part, int parts)
{
    (void)part;
    (void)parts;
    search *x = ctx;
    for (size_t i = 0, end = 0; i < end || take(x, &i, &end); i++) {
        nap_error e;
        nap_buf row = {0};
        nap_status s = measure(x, &x->points->v[i], &row, &e);
        pthread_mutex_lock(&x->lock);
        x->row[i] = row;
        x->done++;
        if (s == NAP_OK && x->done % WRITE_EVERY == 0) s = put_table(x, &e);
        if (s == NAP_OK && x->o->progress != NULL &&
            !x->o->progress(x->o->user, "dse", x->done, x->points->count))
            s = nap_fail(&e, NAP_ERR_CANCELLED, NAP_NO_OFFSET, "the search was stopped");
        if (s != NAP_OK && x->status == NAP_OK) {
            x->status = s;
            x->error = e;
        }
        const bool go = x->status == NAP_OK;
        pthread_mutex_unlock(&x->lock);
        if (!go) return;
    }
}

nap_status nap_dse_run(const char *study, const nap_synth_options *o, const char *dir, nap_error *e)
{
    nap_flow usual = {0}, tight = {0};
    nap_dse_list points = {0};
    nap_pool *pool = NULL;
    nap_synth_options quick = *o;
    search x = {.flow = {&usual, &tight},
                .o = o,
                .points = &points,
                .dir = dir,
                .lock = PTHREAD_MUTEX_INITIALIZER};
    nap_status s = nap_dse_points(study, operand_folders(o->operands), &points, e);
    if (s == NAP_OK) s = nap_make_folder(dir, e);
    if (s == NAP_OK) s = nap_flow_open(o, &usual, e);
    if (s == NAP_OK) s = check_table(&x, e);
    quick.clock_ns = usual.clock_ns / 4;
    if (s == NAP_OK) s = nap_flow_open(&quick, &tight, e);
    if (s == NAP_OK) s = nap_pool_create(&pool, nap_cpu_count() > 1 ? 2 : 1, e);
    if (s == NAP_OK) {
        x.row = nap_calloc(points.count, sizeof *x.row);
        if (x.row == NULL) s = nap_fail_memory(e, points.count * sizeof *x.row, "rows");
    }
    if (s == NAP_OK) {
        nap_pool_run(pool, worker, &x);
        s = x.status;
        if (s != NAP_OK && e != NULL) *e = x.error;
    }
    if (s == NAP_OK) s = put_table(&x, e);
    for (size_t i = 0; x.row != NULL && i < points.count; i++) nap_buf_free(&x.row[i]);
    nap_free(x.row);
    nap_dse_points_free(&points);
    nap_pool_destroy(pool);
    nap_flow_close(&usual);
    nap_flow_close(&tight);
    return s;
}
