/* Bump allocation for one template or one rendering: everything is freed at once. `cap` bounds the
 * total, so that a hostile template can exhaust its own allowance and nothing else. */
#ifndef NAP_TEXT_JINJA_ARENA_H
#define NAP_TEXT_JINJA_ARENA_H

#include <stddef.h>
#include <stdint.h>

typedef struct nap_j_arena {
    struct nap_j_chunk *chunks; /* newest first */
    char *next, *end;
    uint64_t used, cap;
} nap_j_arena;

/* Sixteen-byte aligned, not cleared. NULL: out of memory, or above the cap (then *limit is set). */
void *nap_j_arena_alloc(nap_j_arena *a, size_t size, int *limit);
/* Grows the block in place if it is the newest one and there is room; otherwise returns 0. */
int nap_j_arena_extend(nap_j_arena *a, const void *block, size_t old_size, size_t new_size);
void nap_j_arena_free(nap_j_arena *a);

#endif
