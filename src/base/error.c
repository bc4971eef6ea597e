#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static nap_log_fn g_log_fn;
static void *g_log_user;

const char *nap_status_name(nap_status s)
{
    static const char *const names[] = {
        "NAP_OK",
        "NAP_ERR_ARGUMENT",
        "NAP_ERR_IO",
        "NAP_ERR_FORMAT",
        "NAP_ERR_UNSUPPORTED",
        "NAP_ERR_MEMORY",
        "NAP_ERR_LIMIT",
        "NAP_ERR_CONTEXT",
        "NAP_ERR_NOT_FOUND",
        "NAP_ERR_CANCELLED",
        "NAP_ERR_TEMPLATE",
        "NAP_ERR_HASH",
        "NAP_ERR_INTERNAL",
    };
    const size_t i = (size_t)s;
    return i < sizeof names / sizeof names[0] ? names[i] : "unknown status";
}

nap_status nap_fail(nap_error *e, nap_status code, uint64_t offset, const char *fmt, ...)
{
    if (e) {
        /* The arguments may point into e->text (wrapping a message), so format elsewhere first. */
        char text[sizeof e->text];
        va_list ap;
        va_start(ap, fmt);
        (void)vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        e->code = code;
        e->offset = offset;
        memcpy(e->text, text, sizeof text);
    }
    return code;
}

nap_status nap_fail_memory(nap_error *e, size_t bytes, const char *what)
{
    return nap_fail(e, NAP_ERR_MEMORY, NAP_NO_OFFSET, "out of memory: %zu bytes for %s", bytes,
                    what);
}

void nap_set_log(nap_log_fn fn, void *user)
{
    g_log_fn = fn;
    g_log_user = user;
}

void nap_log(const char *fmt, ...)
{
    if (!g_log_fn) return;
    char line[1024];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    g_log_fn(g_log_user, line);
}
