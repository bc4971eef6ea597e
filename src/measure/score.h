/* How well one row of logits predicts: alone, and against a row of reference log-probabilities.
 * The arithmetic (which parts are float) is that of llama-perplexity, so that both print the same
 * number from the same logits. */
#ifndef NAP_MEASURE_SCORE_H
#define NAP_MEASURE_SCORE_H

#include "measure/klfile.h"

/* -log softmax(logits)[next]. */
double nap_score_nll(const float *logits, size_t vocab, nap_token next);

/* The row as the file stores it; `codes` has `vocab` entries. */
void nap_score_encode(const float *logits, size_t vocab, uint16_t *codes, nap_kl_row *row);

typedef struct nap_score {
    double nll, nll_base;
    double kl; /* of the reference from these logits: sum p_base (log p_base - log p) */
    bool same_top;
} nap_score;
nap_score nap_score_compare(const float *logits, size_t vocab, const nap_kl_row *base,
                            nap_token next);

#endif
