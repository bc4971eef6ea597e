/* A growable byte string, always NUL-terminated once non-empty. Zero-initialise to start.
 * A failed append sets `failed`, keeps the contents, and later appends do nothing: check once. */
#ifndef NAP_BASE_BUF_H
#define NAP_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

typedef struct nap_buf {
    char *data;
    size_t len, cap;
    bool failed;
} nap_buf;

bool nap_buf_reserve(nap_buf *b, size_t extra);
bool nap_buf_put(nap_buf *b, const void *bytes, size_t n);
bool nap_buf_puts(nap_buf *b, const char *s);
bool nap_buf_putc(nap_buf *b, char c);
bool nap_buf_printf(nap_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Hands the NUL-terminated bytes to the caller (nap_free) and empties the buffer; NULL if failed.
 */
char *nap_buf_take(nap_buf *b, size_t *len);
void nap_buf_free(nap_buf *b);

#endif
