/* The search itself: every point through the flow, in two threads, and the table. See dse.h. */
#include "rtl/dse.h"

#include "base/alloc.h"
#include "base/csv.h"
#include "base/error.h"
#include "base/process.h"
#include "rtl/synth_impl.h"

#include <pthread.h>
#include <stdio.h>
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
    const nap_points *points;
    nap_buf *row; /* one of each point, empty: no emitter knows it */
    size_t next, done;
    pthread_mutex_t lock;
    nap_status status;
    nap_error error;
} search;

static const char *activity_name(const nap_synth_options *o, nap_point_kind kind)
{
    if (kind != NAP_POINT_RECORDED || o->operands == NULL) return "random";
    const char *slash = strrchr(o->operands, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : o->operands;
}

static void put_row(const nap_point *p, const nap_synth *s, const char *activity, nap_buf *b)
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

static nap_status measure(search *x, const nap_point *p, nap_buf *row, nap_error *e)
{
    nap_rtl r = {0};
    nap_synth s = {0};
    nap_synth_options o = *x->o;
    o.activity = p->kind == NAP_POINT_RECORDED ? NAP_ACTIVITY_FILE : NAP_ACTIVITY_RANDOM;
    const nap_flow *f = x->flow[p->kind == NAP_POINT_TIGHT];
    nap_status st = p->kind == NAP_POINT_PRECOMPUTE ? nap_rtl_precompute(&p->core, &r, e)
                                                    : nap_rtl_array(&p->core, &r, e);
    if (st == NAP_OK)
        st = p->kind == NAP_POINT_FLAT ? flat(f, &r, &s, e)
                                       : nap_flow_design(f, &p->core, &r, &o, NULL, &s, e);
    if (st == NAP_OK) put_row(p, &s, activity_name(&o, p->kind), row);
    if (st == NAP_OK && row->failed) st = nap_fail_memory(e, row->len, "row");
    nap_synth_free(&s);
    nap_rtl_free(&r);
    return st == NAP_ERR_UNSUPPORTED ? NAP_OK : st;
}

/* Points are handed out one by one: they differ a lot in length. Their order in the table does not
 * depend on it. */
static void worker(void *ctx, int part, int parts)
{
    (void)part;
    (void)parts;
    search *x = ctx;
    for (;;) {
        pthread_mutex_lock(&x->lock);
        const bool go = x->status == NAP_OK && x->next < x->points->count;
        const size_t i = x->next;
        if (go) x->next++;
        pthread_mutex_unlock(&x->lock);
        if (!go) return;
        nap_error e;
        nap_status s = measure(x, &x->points->v[i], &x->row[i], &e);
        pthread_mutex_lock(&x->lock);
        x->done++;
        if (s == NAP_OK && x->o->progress != NULL &&
            !x->o->progress(x->o->user, "dse", x->done, x->points->count))
            s = nap_fail(&e, NAP_ERR_CANCELLED, NAP_NO_OFFSET, "the search was stopped");
        if (s != NAP_OK && x->status == NAP_OK) {
            x->status = s;
            x->error = e;
        }
        pthread_mutex_unlock(&x->lock);
    }
}

/* ---- The table. */
static bool same_study(const nap_points *p, const char *study)
{
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->v[i].study, study) == 0) return true;
    return false;
}

static void put_record(const nap_csv *t, size_t row, nap_buf *b)
{
    for (size_t i = 0; i < t->columns; i++) {
        if (i > 0) nap_buf_putc(b, ',');
        nap_csv_put(b, nap_csv_cell(t, row, i));
    }
    nap_buf_putc(b, '\n');
}

/* Lines of an old table that this run does not make anew. */
static nap_status keep_old(const char *path, const search *x, nap_buf *out, nap_error *e)
{
    nap_csv t;
    const nap_status s = nap_csv_load(path, &t, e);
    if (s == NAP_ERR_NOT_FOUND) return NAP_OK;
    if (s != NAP_OK) return s;
    size_t study, library;
    nap_status st = nap_csv_column(&t, "study", &study, e);
    if (st == NAP_OK) st = nap_csv_column(&t, "library", &library, e);
    for (size_t i = 0; st == NAP_OK && i < t.rows; i++)
        if (strcmp(nap_csv_cell(&t, i, library), x->flow[0]->library.name) != 0 ||
            !same_study(x->points, nap_csv_cell(&t, i, study)))
            put_record(&t, i, out);
    nap_csv_free(&t);
    return st;
}

static nap_status put_table(const search *x, const char *dir, nap_error *e)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/study.csv", dir);
    nap_buf b = {0};
    size_t absent = 0;
    for (size_t i = 0; i < x->points->count; i++) absent += x->row[i].len == 0;
    if (absent > 0)
        nap_buf_printf(&b, "# %s: %zu of %zu designs have no emitter and are left out\n",
                       x->flow[0]->library.name, absent, x->points->count);
    nap_buf_puts(&b, header);
    nap_status s = keep_old(path, x, &b, e);
    for (size_t i = 0; i < x->points->count; i++)
        if (x->row[i].len > 0) nap_buf_put(&b, x->row[i].data, x->row[i].len);
    if (s == NAP_OK) s = b.failed ? nap_fail_memory(e, b.len, path) : NAP_OK;
    if (s == NAP_OK) s = nap_write_whole(path, b.data, b.len, e);
    nap_buf_free(&b);
    return s;
}

nap_status nap_dse_run(const char *study, const nap_synth_options *o, const char *dir, nap_error *e)
{
    nap_flow usual = {0}, tight = {0};
    nap_points points = {0};
    nap_pool *pool = NULL;
    nap_synth_options quick = *o;
    search x = {
        .flow = {&usual, &tight}, .o = o, .points = &points, .lock = PTHREAD_MUTEX_INITIALIZER};
    nap_status s = nap_dse_points(study, o->operands != NULL, &points, e);
    if (s == NAP_OK) s = nap_make_folder(dir, e);
    if (s == NAP_OK) s = nap_flow_open(o, &usual, e);
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
    if (s == NAP_OK) s = put_table(&x, dir, e);
    for (size_t i = 0; x.row != NULL && i < points.count; i++) nap_buf_free(&x.row[i]);
    nap_free(x.row);
    nap_points_free(&points);
    nap_pool_destroy(pool);
    nap_flow_close(&usual);
    nap_flow_close(&tight);
    return s;
}
