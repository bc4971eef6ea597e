/* A table of byte strings with dense numbers: text -> number by hash, number -> text by index.
 * The hash is seeded per table, so that a vocabulary cannot be made to collide. */
#ifndef NAP_TEXT_INTERN_H
#define NAP_TEXT_INTERN_H

#include "text/vocab.h"

#define NAP_INTERN_NONE UINT32_MAX

typedef struct nap_intern {
    char *bytes;
    size_t bytes_len, bytes_cap;
    size_t *start; /* n + 1 entries; a text ends one byte (its NUL) before the next */
    size_t n, cap;
    struct {
        uint32_t hash, id;
    } * slots; /* a power of two of them, at most 5/8 full */
    size_t mask;
    uint64_t seed;
} nap_intern;

/* Room for `n` strings of `bytes` together; both may be exceeded later. */
bool nap_intern_init(nap_intern *t, size_t n, size_t bytes);
void nap_intern_free(nap_intern *t);
/* Number of `s`, added if new (*added says so). False if memory ran out. */
bool nap_intern_add(nap_intern *t, const char *s, size_t len, uint32_t *id, bool *added);
uint32_t nap_intern_find(const nap_intern *t, const char *s, size_t len);

static inline nap_text nap_intern_text(const nap_intern *t, uint32_t id)
{
    return (nap_text){t->bytes + t->start[id], t->start[id + 1] - t->start[id] - 1};
}

#endif
