/* A design from its units: each mapped, timed and powered once, then added up by count. */
#include "rtl/synth_impl.h"

#include "base/alloc.h"
#include "base/csv.h"
#include "base/error.h"

#include <stdio.h>
#include <string.h>

typedef struct work {
    const nap_flow *f;
    const nap_rtl *r;
    nap_trace *trace; /* NULL: this pass maps */
    nap_unit_text *text;
    nap_mapped *mapped;
    double *watts;
    nap_status status[NAP_MAX_THREADS];
    nap_error error[NAP_MAX_THREADS];
} work;

static const nap_trace_unit *trace_of(const nap_trace *t, nap_hash h)
{
    for (size_t i = 0; i < t->units; i++)
        if (t->unit[i].hash.a == h.a && t->unit[i].hash.b == h.b) return &t->unit[i];
    return NULL;
}

static nap_status one_unit(work *w, size_t i, nap_error *e)
{
    if (w->trace == NULL) return nap_flow_map(w->f, &w->text[i], &w->mapped[i], e);
    const nap_mapped *m = &w->mapped[i];
    if (nap_flow_power_known(m, w->trace->key, &w->watts[i])) return NAP_OK;
    const nap_trace_unit *t = trace_of(w->trace, w->text[i].hash);
    return t != NULL ? nap_flow_power(w->f, &w->text[i], m, w->trace->key, t, &w->watts[i], e)
                     : nap_flow_power_assumed(m, NAP_SYNTH_ASSUMED, &w->watts[i], e);
}

static void some_units(void *ctx, int part, int parts)
{
    work *w = ctx;
    for (size_t i = (size_t)part; i < w->r->units && w->status[part] == NAP_OK; i += (size_t)parts)
        w->status[part] = one_unit(w, i, &w->error[part]);
}

static nap_status all_units(work *w, nap_pool *pool, nap_error *e)
{
    if (pool != NULL)
        nap_pool_run(pool, some_units, w);
    else
        some_units(w, 0, 1);
    for (int i = 0; i < (pool != NULL ? nap_pool_size(pool) : 1); i++)
        if (w->status[i] != NAP_OK) {
            if (e != NULL) *e = w->error[i];
            return w->status[i];
        }
    return NAP_OK;
}

/* Nets that the array broadcasts: operand bits to the columns, weights (a look-up's select lines
 * and its sign) to the rows. */
static nap_status add_fanout(const nap_flow *f, const nap_core *c, const nap_trace *t,
                             nap_synth *out, nap_error *e)
{
    const bool lut = c->method == NAP_METHOD_LUT;
    const unsigned planes = nap_core_planes(c, c->wbits);
    const double x_bits = (double)nap_frag_bits(c, lut ? NAP_FRAG_T : NAP_FRAG_A, c->wbits);
    const double w_bits = lut ? (double)c->n * c->depth * (nap_core_entries(c) + 1)
                              : (double)nap_frag_bits(c, NAP_FRAG_W, c->wbits) / planes;
    nap_fanout x, w;
    NAP_TRY(nap_flow_fanout(f, c->n, &x, e));
    NAP_TRY(nap_flow_fanout(f, c->m, &w, e));
    out->fanout_area = x_bits * x.area + w_bits * w.area;
    out->fanout_power = x_bits * (x.still_w + t->x_changes * x.change_w) +
                        w_bits * (w.still_w + t->w_changes * w.change_w);
    out->cells += (uint64_t)(x_bits * (double)x.cells + w_bits * (double)w.cells);
    return NAP_OK;
}

static void add_units(const work *w, nap_synth *out)
{
    for (size_t i = 0; i < w->r->units; i++) {
        const nap_rtl_unit *u = &w->r->unit[i];
        const nap_mapped *m = &w->mapped[i];
        nap_synth_unit *s = &out->unit[out->units++];
        memcpy(s->module, u->module, sizeof s->module);
        s->part = u->part;
        s->count = u->count;
        s->cells = m->cells;
        s->area = m->area;
        s->delay_ns = m->delay_ns;
        s->power = w->watts[i];
        s->cached = m->cached;
        out->cells += m->cells * u->count;
        out->part_area[u->part] += m->area * (double)u->count;
        out->part_power[u->part] += s->power * (double)u->count;
        if (m->delay_ns > out->delay_ns) out->delay_ns = m->delay_ns;
    }
}

static nap_status measure(work *w, const nap_core *c, const nap_synth_options *o, nap_pool *pool,
                          nap_trace *trace, nap_synth *out, nap_error *e)
{
    for (size_t i = 0; i < w->r->units; i++)
        NAP_TRY(nap_unit_cut(w->r->text.data, w->r->unit[i].module, &w->text[i], e));
    NAP_TRY(all_units(w, pool, e));
    NAP_TRY(nap_trace_open(c, o, trace, e));
    bool known = true;
    double watts;
    for (size_t i = 0; i < w->r->units; i++)
        known = known && nap_flow_power_known(&w->mapped[i], trace->key, &watts);
    if (!known) NAP_TRY(nap_trace_run(w->f, c, o, trace, e));
    w->trace = trace;
    NAP_TRY(all_units(w, pool, e));
    add_units(w, out);
    const size_t n = strlen(w->r->top);
    if (n > 6 && strcmp(w->r->top + n - 6, "_array") == 0)
        NAP_TRY(add_fanout(w->f, c, trace, out, e));
    return NAP_OK;
}

nap_status nap_flow_design(const nap_flow *f, const nap_core *c, const nap_rtl *r,
                           const nap_synth_options *o, nap_pool *pool, nap_synth *out, nap_error *e)
{
    memset(out, 0, sizeof *out);
    nap_trace trace = {0};
    work *w = nap_calloc(1, sizeof *w);
    if (w == NULL) return nap_fail_memory(e, sizeof *w, "synthesis");
    *w = (work){.f = f, .r = r};
    w->text = nap_calloc(r->units, sizeof *w->text);
    w->mapped = nap_calloc(r->units, sizeof *w->mapped);
    w->watts = nap_calloc(r->units, sizeof *w->watts);
    out->unit = nap_calloc(r->units, sizeof *out->unit);
    nap_status s = w->text && w->mapped && w->watts && out->unit
                       ? measure(w, c, o, pool, &trace, out, e)
                       : nap_fail_memory(e, r->units, "units");
    if (s == NAP_OK) {
        out->clock_ns = f->clock_ns;
        out->slack_ns = f->clock_ns - out->delay_ns;
        out->area = out->fanout_area;
        out->power = out->fanout_power;
        for (unsigned p = 0; p < NAP_PART_COUNT; p++) {
            out->area += out->part_area[p];
            out->power += out->part_power[p];
        }
        (void)snprintf(out->library, sizeof out->library, "%s", f->library.name);
        (void)snprintf(out->tools, sizeof out->tools, "%s", f->tools);
    } else {
        nap_synth_free(out);
    }
    for (size_t i = 0; w->text != NULL && i < r->units; i++) nap_unit_text_free(&w->text[i]);
    nap_free(w->text);
    nap_free(w->mapped);
    nap_free(w->watts);
    nap_free(w);
    nap_trace_free(&trace);
    return s;
}

nap_status nap_synthesize(const nap_core *c, const nap_rtl *r, const nap_synth_options *o,
                          nap_synth *out, nap_error *e)
{
    memset(out, 0, sizeof *out);
    nap_flow f;
    nap_pool *pool = NULL;
    NAP_TRY(nap_flow_open(o, &f, e));
    nap_status s = nap_pool_create(&pool, nap_cpu_count() > 1 ? 2 : 1, e);
    if (s == NAP_OK) s = nap_flow_design(&f, c, r, o, pool, out, e);
    nap_pool_destroy(pool);
    nap_flow_close(&f);
    return s;
}

void nap_synth_free(nap_synth *s)
{
    nap_free(s->unit);
    memset(s, 0, sizeof *s);
}

void nap_synth_csv(const nap_core *c, const nap_synth *s, bool header, nap_buf *out)
{
    if (header)
        nap_buf_puts(out, "design,unit,part,count,cells,area,delay_ns,slack_ns,power_w,clock_ns,"
                          "library,tools,source\n");
    for (size_t i = 0; i <= s->units + 1; i++) {
        nap_buf_printf(out, "%s,", c->name);
        if (i < s->units) {
            const nap_synth_unit *u = &s->unit[i];
            nap_buf_printf(out, "%s,%s,%llu,%llu,%.4f,%.4f,%.4f,%.6e", u->module,
                           nap_part_name(u->part), (unsigned long long)u->count,
                           (unsigned long long)u->cells, u->area, u->delay_ns,
                           s->clock_ns - u->delay_ns, u->power);
        } else if (i == s->units) {
            nap_buf_printf(out, "buffers,fanout,1,,%.4f,,,%.6e", s->fanout_area, s->fanout_power);
        } else {
            nap_buf_printf(out, "total,,1,%llu,%.4f,%.4f,%.4f,%.6e", (unsigned long long)s->cells,
                           s->area, s->delay_ns, s->slack_ns, s->power);
        }
        nap_buf_printf(out, ",%.4g,%s,", s->clock_ns, s->library);
        nap_csv_put(out, s->tools);
        nap_buf_puts(out, i == s->units ? ",assumed\n" : ",synthesized\n");
    }
}
