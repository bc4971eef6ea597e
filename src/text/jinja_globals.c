/* Global functions. To add one: write the function, add its row. */
#include "text/jinja_ops.h"
#include "text/jinja_run.h"

#include <string.h>
#include <time.h>

enum { MAX_RANGE = 100000 }; /* the sandbox's own bound */

static bool g_range(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    int64_t start = 0, stop, step;
    (void)self;
    const bool one = c->arg[1].type == NAP_J_MISSING;
    if (!nap_j_int_arg(r, c->arg[one ? 0 : 1], 0, &stop) ||
        !nap_j_int_arg(r, c->arg[2], 1, &step) || (!one && !nap_j_int_arg(r, c->arg[0], 0, &start)))
        return false;
    if (step == 0) return nap_j_raise(r, "range() arg 3 must not be zero");
    uint64_t n = 0;
    if (step > 0 && stop > start) n = ((uint64_t)stop - (uint64_t)start - 1) / (uint64_t)step + 1;
    if (step < 0 && stop < start)
        n = ((uint64_t)start - (uint64_t)stop - 1) / (0 - (uint64_t)step) + 1;
    if (n > MAX_RANGE)
        return nap_j_limit(r, "range of %llu items: the sandbox blocks ranges larger than %d",
                           (unsigned long long)n, MAX_RANGE);
    nap_j_range *g = nap_j_alloc(r, sizeof *g);
    if (!g) return false;
    *g = (nap_j_range){.start = start, .stop = stop, .step = step, .n = (size_t)n};
    *out = (nap_j_val){.type = NAP_J_RANGE, .u.range = g};
    return true;
}

/* The dict that dict(...) and namespace(...) build: a mapping or pairs, then keywords. */
static bool build_dict(nap_j_run *r, const nap_j_call *c, nap_j_dict **out)
{
    const nap_j_list *l;
    if (!nap_j_dict_new(r, out)) return false;
    if (c->n > 1) return nap_j_raise(r, "dict expected at most 1 argument, got %zu", c->n);
    const nap_j_val from = c->n ? c->pos[0] : nap_j_missing();
    if (from.type == NAP_J_DICT) {
        for (size_t i = 0; i < from.u.d->n; i++)
            if (!nap_j_dict_set(r, *out, from.u.d->e[i].key, from.u.d->e[i].val)) return false;
    } else if (c->n) {
        if (!nap_j_to_list(r, from, &l)) return false;
        for (size_t i = 0; i < l->n; i++) {
            const nap_j_list *pair;
            if (!nap_j_to_list(r, l->v[i], &pair)) return false;
            if (pair->n != 2) return nap_j_raise(r, "dict update sequence needs pairs");
            if (!nap_j_dict_set(r, *out, pair->v[0], pair->v[1])) return false;
        }
    }
    for (size_t i = 0; i < c->nkw; i++)
        if (!nap_j_dict_set(r, *out, nap_j_str_val(c->kw[i].name), c->kw[i].val)) return false;
    return true;
}

static bool g_dict(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    (void)self;
    out->type = NAP_J_DICT;
    return build_dict(r, c, &out->u.d);
}

static bool g_namespace(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    (void)self;
    out->type = NAP_J_NAMESPACE;
    return build_dict(r, c, &out->u.d);
}

static bool g_cycler(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    (void)self;
    if (c->nkw) return nap_j_raise(r, "cycler() takes no keyword arguments");
    if (c->n == 0) return nap_j_raise(r, "at least one item has to be provided");
    nap_j_cycler *y = nap_j_alloc(r, sizeof *y);
    if (!y) return false;
    *y = (nap_j_cycler){.v = c->pos, .n = c->n};
    *out = (nap_j_val){.type = NAP_J_CYCLER, .u.cycler = y};
    return true;
}

static bool g_joiner(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    (void)self;
    nap_j_joiner *j = nap_j_alloc(r, sizeof *j);
    if (!j) return false;
    j->sep = c->arg[0];
    j->used = false;
    if (j->sep.type == NAP_J_MISSING && !nap_j_cstring(r, ", ", &j->sep)) return false;
    *out = (nap_j_val){.type = NAP_J_JOINER, .u.joiner = j};
    return true;
}

static bool g_raise_exception(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    nap_j_sb b = {0};
    (void)self;
    (void)out;
    if (!nap_j_put_str(r, &b, c->arg[0]) || !nap_j_putc(r, &b, '\0')) return false;
    return nap_j_refuse(r, b.p);
}

static bool g_strftime_now(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    const nap_j_str *fmt;
    struct tm tm;
    char text[1024];
    (void)self;
    if (!nap_j_str_arg(r, c->arg[0], &fmt)) return false;
    const time_t now = (time_t)r->now;
    char *zero_ended = nap_j_alloc(r, fmt->n + 2);
    if (!zero_ended) return false;
    memcpy(zero_ended, fmt->p, fmt->n);
    memcpy(zero_ended + fmt->n, "x", 2); /* so that an empty result is told from a failure */
    if (!localtime_r(&now, &tm)) return nap_j_raise(r, "the time cannot be represented");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    const size_t n = strftime(text, sizeof text, zero_ended, &tm);
#pragma GCC diagnostic pop
    if (n == 0) return nap_j_limit(r, "strftime_now: more than %zu bytes", sizeof text);
    if (!nap_j_string(r, text, n - 1, out)) return false;
    return true;
}

static bool g_unsupported(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    (void)self;
    (void)c;
    (void)out;
    return nap_j_unsupported(r, "lipsum()");
}

const nap_j_row nap_j_global_rows[] = {
    {"cycler", "*", g_cycler},
    {"dict", "*", g_dict},
    {"joiner", "sep?", g_joiner},
    {"lipsum", "*", g_unsupported},
    {"namespace", "*", g_namespace},
    {"raise_exception", "message", g_raise_exception},
    {"range", "/ start stop? step?", g_range},
    {"strftime_now", "format", g_strftime_now},
    {NULL, NULL, NULL},
};
