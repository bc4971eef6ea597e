/* A 4-ary min-heap of merge candidates, ordered by one 64-bit key: priority in the upper half,
 * position in the lower, so that ties go to the leftmost. Four children per node halve the cache
 * misses of a binary heap, which is what keeps one huge word close to linear. */
#ifndef NAP_TEXT_HEAP_H
#define NAP_TEXT_HEAP_H

#include "base/alloc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct nap_heap_item {
    uint64_t key;
    uint32_t a, b; /* the caller's */
} nap_heap_item;

typedef struct nap_heap {
    nap_heap_item *at;
    size_t n, cap;
} nap_heap;

static inline void nap_heap_free(nap_heap *h)
{
    nap_free(h->at);
    *h = (nap_heap){0};
}

static inline bool nap_heap_reserve(nap_heap *h, size_t n)
{
    if (n <= h->cap) return true;
    const size_t cap = n > h->cap * 2 ? n : h->cap * 2;
    nap_heap_item *p = nap_realloc(h->at, cap, sizeof *p);
    if (!p) return false;
    h->at = p;
    h->cap = cap;
    return true;
}

static inline bool nap_heap_push(nap_heap *h, nap_heap_item item)
{
    if (h->n == h->cap && !nap_heap_reserve(h, h->n + 16)) return false;
    size_t i = h->n++;
    while (i > 0) {
        const size_t up = (i - 1) / 4;
        if (h->at[up].key <= item.key) break;
        h->at[i] = h->at[up];
        i = up;
    }
    h->at[i] = item;
    return true;
}

/* The smallest; the heap must not be empty. */
static inline nap_heap_item nap_heap_pop(nap_heap *h)
{
    const nap_heap_item top = h->at[0], item = h->at[--h->n];
    size_t i = 0;
    for (;;) {
        const size_t first = 4 * i + 1;
        if (first >= h->n) break;
        const size_t end = first + 4 < h->n ? first + 4 : h->n;
        size_t best = first;
        for (size_t c = first + 1; c < end; c++) {
            if (h->at[c].key < h->at[best].key) best = c;
        }
        if (h->at[best].key >= item.key) break;
        h->at[i] = h->at[best];
        i = best;
    }
    h->at[i] = item;
    return top;
}

#endif
