#include "base/buf.h"
#include "base/alloc.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

bool nap_buf_reserve(nap_buf *b, size_t extra)
{
    if (b->failed) return false;
    if (extra >= SIZE_MAX / 2 - b->len) {
        b->failed = true;
        return false;
    }
    const size_t need = b->len + extra + 1;
    if (need <= b->cap) return true;
    size_t cap = b->cap ? b->cap : 64;
    while (cap < need) cap *= 2;
    char *p = nap_realloc(b->data, cap, 1);
    if (!p) {
        b->failed = true;
        return false;
    }
    b->data = p;
    b->cap = cap;
    return true;
}

bool nap_buf_put(nap_buf *b, const void *bytes, size_t n)
{
    if (!nap_buf_reserve(b, n)) return false;
    if (n) memcpy(b->data + b->len, bytes, n);
    b->len += n;
    b->data[b->len] = '\0';
    return true;
}

bool nap_buf_puts(nap_buf *b, const char *s)
{
    return nap_buf_put(b, s, strlen(s));
}

bool nap_buf_putc(nap_buf *b, char c)
{
    return nap_buf_put(b, &c, 1);
}

bool nap_buf_printf(nap_buf *b, const char *fmt, ...)
{
    char small[256];
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    if (n < 0) {
        b->failed = true;
        return false;
    }
    if ((size_t)n < sizeof small) return nap_buf_put(b, small, (size_t)n);
    if (!nap_buf_reserve(b, (size_t)n)) return false;
    va_start(ap, fmt);
    (void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
    return true;
}

char *nap_buf_take(nap_buf *b, size_t *len)
{
    if (!nap_buf_reserve(b, 0)) {
        nap_buf_free(b);
        return NULL;
    }
    b->data[b->len] = '\0';
    char *p = b->data;
    if (len) *len = b->len;
    *b = (nap_buf){0};
    return p;
}

void nap_buf_free(nap_buf *b)
{
    nap_free(b->data);
    *b = (nap_buf){0};
}
