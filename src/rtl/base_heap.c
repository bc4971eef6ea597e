/* Column compression of bits into a sum (base.h). A full adder takes the three earliest bits of a
 * column, so no half adders are needed: every column ends with one or two bits. */
#include "rtl/base.h"

#include "base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct heap_bit {
    char name[44];
    unsigned delay;
} heap_bit;

typedef struct heap_column {
    heap_bit *bit;
    unsigned count, cap;
} heap_column;

struct nap_heap {
    unsigned width, wires;
    bool failed;
    bool constant[NAP_HEAP_MAX]; /* the sum of all constants, modulo 2^width */
    heap_column column[NAP_HEAP_MAX];
};

nap_heap *nap_heap_new(unsigned width)
{
    nap_heap *const h = width <= NAP_HEAP_MAX ? nap_calloc(1, sizeof *h) : NULL;
    if (h != NULL) h->width = width;
    return h;
}

static void heap_free(nap_heap *h)
{
    for (unsigned i = 0; i < h->width; i++) nap_free(h->column[i].bit);
    nap_free(h);
}

static heap_bit *add_bit(nap_heap *h, unsigned column, unsigned delay)
{
    heap_column *const c = &h->column[column];
    if (c->count == c->cap) {
        const unsigned cap = c->cap == 0 ? 16 : c->cap * 2;
        heap_bit *const grown = nap_realloc(c->bit, cap, sizeof *grown);
        if (grown == NULL) {
            h->failed = true;
            return NULL;
        }
        c->bit = grown;
        c->cap = cap;
    }
    heap_bit *const b = &c->bit[c->count++];
    b->delay = delay;
    return b;
}

void nap_heap_bit(nap_heap *h, unsigned column, unsigned delay, const char *fmt, ...)
{
    if (h == NULL || column >= h->width) return;
    heap_bit *const b = add_bit(h, column, delay);
    if (b == NULL) return;
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(b->name, sizeof b->name, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof b->name) h->failed = true;
}

void nap_heap_constant(nap_heap *h, unsigned column, int64_t value)
{
    if (h == NULL) return;
    bool carry = false;
    for (unsigned i = column; i < h->width; i++) {
        const unsigned at = i - column < 63 ? i - column : 63;
        const bool bit = ((uint64_t)value >> at & 1) != 0, had = h->constant[i];
        h->constant[i] = (bit != had) != carry;
        carry = (bit && had) || (carry && (bit || had));
    }
}

void nap_heap_unsigned(nap_heap *h, const char *vector, unsigned at, unsigned bits, unsigned column)
{
    for (unsigned i = 0; i < bits; i++) nap_heap_bit(h, column + i, 0, "%s[%u]", vector, at + i);
}

void nap_heap_signed(nap_heap *h, const char *vector, unsigned at, unsigned bits, unsigned column)
{
    /* The top bit s counts -2^top, which is (1 - s) * 2^top - 2^top. */
    nap_heap_unsigned(h, vector, at, bits - 1, column);
    nap_heap_bit(h, column + bits - 1, 0, "~%s[%u]", vector, at + bits - 1);
    nap_heap_constant(h, column + bits - 1, -1);
}

/* Takes the bit that arrives first. */
static heap_bit take(heap_column *c)
{
    unsigned first = 0;
    for (unsigned i = 1; i < c->count; i++)
        if (c->bit[i].delay < c->bit[first].delay) first = i;
    const heap_bit b = c->bit[first];
    c->bit[first] = c->bit[--c->count];
    return b;
}

static void compress(nap_heap *h, unsigned column, const char *prefix, nap_buf *out)
{
    heap_column *const c = &h->column[column];
    while (c->count > 2 && !h->failed) {
        const heap_bit x = take(c), y = take(c), z = take(c);
        const unsigned id = h->wires++;
        nap_buf_printf(out,
                       "  wire %s_x%u = %s ^ %s;\n"
                       "  wire %s_s%u = %s_x%u ^ %s;\n",
                       prefix, id, x.name, y.name, prefix, id, prefix, id, z.name);
        nap_heap_bit(h, column, z.delay + 2, "%s_s%u", prefix, id);
        if (column + 1 == h->width) continue;
        nap_buf_printf(out, "  wire %s_c%u = (%s & %s) | (%s_x%u & %s);\n", prefix, id, x.name,
                       y.name, prefix, id, z.name);
        nap_heap_bit(h, column + 1, z.delay + 2, "%s_c%u", prefix, id);
    }
}

static void put_row(const nap_heap *h, unsigned row, nap_buf *out)
{
    unsigned at = 0; /* columns of the text's line */
    for (unsigned i = h->width; i-- > 0;) {
        const char *const name = row < h->column[i].count ? h->column[i].bit[row].name : "1'b0";
        if (at == 0 || at + strlen(name) > 90) {
            nap_buf_puts(out, "\n   ");
            at = 4;
        }
        nap_buf_printf(out, " %s%s", name, i > 0 ? "," : "");
        at += (unsigned)strlen(name) + 2;
    }
}

bool nap_heap_emit(nap_heap *h, const char *prefix, nap_buf *out)
{
    if (h == NULL) {
        out->failed = true;
        return false;
    }
    for (unsigned i = 0; i < h->width; i++)
        if (h->constant[i]) nap_heap_bit(h, i, 0, "1'b1");
    bool two_rows = false;
    for (unsigned i = 0; i < h->width; i++) {
        compress(h, i, prefix, out);
        two_rows = two_rows || h->column[i].count > 1;
    }
    nap_buf_printf(out, "  wire [%u:0] %s_sum = {", h->width - 1, prefix);
    put_row(h, 0, out);
    if (two_rows) {
        nap_buf_puts(out, "} + {");
        put_row(h, 1, out);
    }
    nap_buf_puts(out, "};\n");
    if (h->failed) out->failed = true;
    heap_free(h);
    return !out->failed;
}
