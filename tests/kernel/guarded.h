/* Buffers that end at an unmapped page, so that one byte too far ends the test. */
#ifndef TESTS_KERNEL_GUARDED_H
#define TESTS_KERNEL_GUARDED_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

typedef struct guarded {
    void *data;
    uint8_t *map;
    size_t mapped;
} guarded;

/* `size` bytes aligned to `align` (a power of two); between the last byte and the unmapped page lie
 * fewer than `align` bytes. The page before is unmapped as well. */
static inline guarded guarded_new(size_t size, size_t align)
{
    const size_t page = 4096, body = (size + page - 1) / page * page + (size == 0 ? page : 0);
    guarded g = {.mapped = body + 2 * page};
    g.map = mmap(NULL, g.mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g.map == MAP_FAILED || mprotect(g.map + page, body, PROT_READ | PROT_WRITE) != 0) abort();
    g.data = g.map + page + (body - size) / align * align;
    return g;
}

static inline void guarded_free(guarded *g)
{
    if (g->map) munmap(g->map, g->mapped);
    *g = (guarded){0};
}

#endif
