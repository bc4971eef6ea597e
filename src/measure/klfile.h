/* The file of reference log-probabilities that llama-perplexity writes with --kl-divergence-base
 * and reads with --kl-divergence. Little-endian:
 *
 *     "_logits_"             8 bytes
 *     context                u32, tokens per chunk
 *     vocabulary, chunks     i32 each
 *     tokens                 i32[chunks * context]
 *     rows                   per chunk, context - 1 - context / 2 of them: position context / 2 on
 *
 * A row is f32 step, f32 least, u16[vocabulary], and one more u16 if the vocabulary is odd:
 * log p(i) = step * code[i] + least. Codes span the 16 nats below the most likely token; what is
 * less likely has code 0. That leaves a step of at most 2.4e-4: a floor under any KL divergence
 * measured against the file. */
#ifndef NAP_MEASURE_KLFILE_H
#define NAP_MEASURE_KLFILE_H

#include "file/source.h"
#include "napier/tokenizer.h"

enum { NAP_KL_MIN_CONTEXT = 4, NAP_KL_MAX_CONTEXT = 1 << 20 };

/* The first scored position of a chunk, and how many are scored. */
static inline size_t nap_kl_first(size_t context)
{
    return context / 2;
}

static inline size_t nap_kl_scored(size_t context)
{
    return context - 1 - context / 2;
}

/* A row in memory: its two floats, then `vocab` codes. */
typedef struct nap_kl_row {
    float step, least;
    const uint16_t *code;
} nap_kl_row;

typedef struct nap_kl_reader nap_kl_reader;
/* Takes over `s`, also on failure. Every size is checked against the file before use; token ids
 * against the vocabulary. */
nap_status nap_kl_open(nap_kl_reader **out, nap_source *s, nap_error *e);
void nap_kl_close(nap_kl_reader *r);
size_t nap_kl_context(const nap_kl_reader *r);
size_t nap_kl_vocab(const nap_kl_reader *r);
size_t nap_kl_chunks(const nap_kl_reader *r);
const nap_token *nap_kl_tokens(const nap_kl_reader *r);
/* Scored row `index` of a chunk into `codes` (vocab entries). */
nap_status nap_kl_read(const nap_kl_reader *r, size_t chunk, size_t index, uint16_t *codes,
                       nap_kl_row *row, nap_error *e);

/* Writes beside `path` and moves into place on finish: a kill leaves no half file there. */
typedef struct nap_kl_writer nap_kl_writer;
nap_status nap_kl_create(nap_kl_writer **out, const char *path, size_t context, size_t vocab,
                         size_t chunks, const nap_token *tokens, nap_error *e);
/* Rows come in order. */
nap_status nap_kl_write(nap_kl_writer *w, const nap_kl_row *row, nap_error *e);
nap_status nap_kl_finish(nap_kl_writer *w, nap_error *e);
void nap_kl_abandon(nap_kl_writer *w);

#endif
