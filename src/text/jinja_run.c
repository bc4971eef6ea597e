#include "text/jinja_run.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static unsigned line_of(const nap_j_run *r)
{
    unsigned line = 1;
    for (uint64_t i = 0; i < r->where && r->text[i]; i++) line += r->text[i] == '\n';
    return line;
}

static bool fail(nap_j_run *r, nap_status status, const char *fmt, va_list ap)
{
    char text[400];
    (void)vsnprintf(text, sizeof text, fmt, ap);
    r->status = nap_fail(r->e, status, r->where, "template line %u: %s", line_of(r), text);
    return false;
}

bool nap_j_raise(nap_j_run *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)fail(r, NAP_ERR_FORMAT, fmt, ap);
    va_end(ap);
    return false;
}

bool nap_j_limit(nap_j_run *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)fail(r, NAP_ERR_LIMIT, fmt, ap);
    va_end(ap);
    return false;
}

bool nap_j_unsupported(nap_j_run *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)fail(r, NAP_ERR_UNSUPPORTED, fmt, ap);
    va_end(ap);
    return false;
}

bool nap_j_refuse(nap_j_run *r, const char *message)
{
    r->status = nap_fail(r->e, NAP_ERR_TEMPLATE, r->where, "%s", message);
    return false;
}

void *nap_j_alloc(nap_j_run *r, size_t size)
{
    int limit = 0;
    void *p = nap_j_arena_alloc(&r->arena, size, &limit);
    if (p) return p;
    if (limit)
        (void)nap_j_limit(r, "the values need more than %llu bytes",
                          (unsigned long long)r->arena.cap);
    else
        r->status = nap_fail_memory(r->e, size, "a template's values");
    return NULL;
}

bool nap_j_spend(nap_j_run *r, uint64_t bytes)
{
    const uint64_t cost = 1 + bytes / 64;
    if (cost > r->fuel) {
        r->fuel = 0;
        return nap_j_limit(r, "more evaluation steps than the limit allows");
    }
    r->fuel -= cost;
    return true;
}

bool nap_j_enter(nap_j_run *r)
{
    if (r->depth >= r->max_depth)
        return nap_j_limit(r, "nested deeper than the limit of %u", r->max_depth);
    r->depth++;
    return nap_j_spend(r, 0) || (r->depth--, false);
}

bool nap_j_write(nap_j_run *r, const char *p, size_t n)
{
    if (!nap_j_spend(r, n)) return false;
    if (r->capture) return nap_j_put(r, r->capture, p, n);
    if (n > r->max_output || r->out.len > r->max_output - n)
        return nap_j_limit(r, "the output exceeds %llu bytes", (unsigned long long)r->max_output);
    if (nap_buf_put(&r->out, p, n)) return true;
    r->status = nap_fail_memory(r->e, n, "a template's output");
    return false;
}
