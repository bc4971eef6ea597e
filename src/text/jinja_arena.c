#include "text/jinja_arena.h"

#include "base/alloc.h"

#include <string.h>

enum { ALIGN = 16, FIRST_CHUNK = 16 << 10, LARGEST_CHUNK = 1 << 20 };

struct nap_j_chunk {
    struct nap_j_chunk *older;
    size_t size;
};

static size_t rounded(size_t n)
{
    return (n + (ALIGN - 1)) & ~(size_t)(ALIGN - 1);
}

void *nap_j_arena_alloc(nap_j_arena *a, size_t size, int *limit)
{
    *limit = 0;
    if (size > a->cap || a->used > a->cap - size) {
        *limit = 1;
        return NULL;
    }
    size = rounded(size ? size : 1);
    if (size > (size_t)(a->end - a->next)) {
        const size_t header = rounded(sizeof(struct nap_j_chunk));
        size_t want = a->chunks ? a->chunks->size * 2 : FIRST_CHUNK;
        if (want > LARGEST_CHUNK) want = LARGEST_CHUNK;
        if (want < size) want = size;
        struct nap_j_chunk *c = nap_alloc(want + header);
        if (!c) return NULL;
        c->older = a->chunks;
        c->size = want;
        a->chunks = c;
        a->next = (char *)c + header;
        a->end = a->next + want;
    }
    void *p = a->next;
    a->next += size;
    a->used += size;
    return p;
}

int nap_j_arena_extend(nap_j_arena *a, const void *block, size_t old_size, size_t new_size)
{
    const size_t from = rounded(old_size ? old_size : 1), to = rounded(new_size);
    if (!block || (const char *)block + from != a->next || to < from) return 0;
    const size_t more = to - from;
    if (more > (size_t)(a->end - a->next) || more > a->cap || a->used > a->cap - more) return 0;
    a->next += more;
    a->used += more;
    return 1;
}

void nap_j_arena_free(nap_j_arena *a)
{
    while (a->chunks) {
        struct nap_j_chunk *older = a->chunks->older;
        nap_free(a->chunks);
        a->chunks = older;
    }
    memset(a, 0, sizeof *a);
}
