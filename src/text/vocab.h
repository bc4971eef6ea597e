/* What a tokenizer is made from: a plain description, so that this folder knows no file format.
 * src/model/vocab.c fills it from GGUF metadata. */
#ifndef NAP_TEXT_VOCAB_H
#define NAP_TEXT_VOCAB_H

#include "napier/tokenizer.h"

typedef struct nap_text {
    const char *data; /* not NUL-terminated */
    size_t len;
} nap_text;

typedef struct nap_vocab_desc {
    const char *model; /* tokenizer.ggml.model: "gpt2", "llama", "t5", "bert", ... */
    const char *pre;   /* tokenizer.ggml.pre, or "" */
    /* general.name and general.architecture, or "": a few models' special tokens swallow the white
     * space beside them, and nothing else in the file says so. */
    const char *name, *architecture;
    size_t n_tokens;
    const nap_text *tokens;
    const float *scores;  /* n_tokens, or NULL */
    const int32_t *types; /* n_tokens, or NULL (all normal) */
    size_t n_merges;
    const nap_text *merges; /* "left right" */
    /* -1 where the file has none; range is checked by nap_vocab_create, which names the key */
    int64_t bos, eos, eot, eom, unk, sep, pad, cls, mask;
    int64_t fim_pre, fim_suf, fim_mid, fim_pad, fim_rep, fim_sep;
    /* -1: not in the file, take the model's default; else 0 or 1 */
    int add_bos, add_eos, add_sep, add_space_prefix, remove_extra_whitespaces;
    int lowercase, strip_accents; /* WordPiece; default: on, and as lowercase */
    const uint8_t *charsmap;      /* tokenizer.ggml.precompiled_charsmap, or NULL */
    size_t charsmap_len;
} nap_vocab_desc;

/* Everything absent. */
void nap_vocab_desc_init(nap_vocab_desc *d);

/* Copies what it needs. Every index, length and id is checked; errors name the key. */
nap_status nap_vocab_create(nap_vocab **out, const nap_vocab_desc *d, nap_error *e);
void nap_vocab_destroy(nap_vocab *v);

#endif
