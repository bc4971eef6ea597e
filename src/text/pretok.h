/* The pre-tokenizers by name: what `tokenizer.ggml.pre` may say. */
#ifndef NAP_TEXT_PRETOK_H
#define NAP_TEXT_PRETOK_H

#include "text/split.h"

enum {
    NAP_PRE_WHOLE_WORDS = 1, /* a piece that is a token is not merged ("ignore_merges") */
    NAP_PRE_ADD_BOS = 2,     /* the default of add_bos_token */
    NAP_PRE_NO_BOS = 4,      /* no default beginning token */
    NAP_PRE_RAW = 8,         /* merges work on UTF-8, not on GPT-2's byte alphabet */
    NAP_PRE_ESCAPE = 16,     /* spaces become U+2581 before splitting */
    NAP_PRE_NEWLINES = 32    /* a piece of newlines that is a token is not merged */
};

typedef struct nap_pretok {
    const char *name;
    const nap_step *steps;
    unsigned n_steps;
    unsigned flags;
} nap_pretok;

/* NULL if unknown; "" is "default". */
const nap_pretok *nap_pretok_find(const char *name);

/* All names, for messages and tests: NULL once i is too large. */
const nap_pretok *nap_pretok_at(size_t i);

#endif
