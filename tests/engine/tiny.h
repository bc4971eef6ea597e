/* Tiny models of tests/engine/data: paths, and copies with something changed. */
#ifndef NAP_TESTS_ENGINE_TINY_H
#define NAP_TESTS_ENGINE_TINY_H

#include "base/buf.h"
#include "file/gguf.h"
#include "napier/session.h"

/* Path of a tiny model by name ("llama"), in a static buffer. */
const char *tiny_path(const char *name);

/* Fails the test with the message if s is no success. */
void tiny_require(nap_status s, const nap_error *e);

/* How a copy differs from its original. */
typedef struct tiny_change {
    const char *drop_tensor;  /* leave this one out */
    const char *shape_tensor; /* give this one `rows` rows */
    uint64_t rows;
    const char *add_tensor; /* one more, F32, 32 elements, zeros */
    const char *key;        /* set this key to the u32 `value` (or drop it: drop_key) */
    uint32_t value;
    bool drop_key;
    const char *string_key; /* set this key to a string */
    const char *string;
} tiny_change;

/* Writes the copy to `path`. */
void tiny_copy(const char *name, const tiny_change *change, const char *path);

/* A token below `vocab` for each position, the same every time. */
void tiny_tokens(nap_token *out, size_t n, size_t vocab, uint64_t seed);

#endif
