#include "measure/score.h"

#include "run/logits.h"

#include <math.h>
#include <string.h>

double nap_score_nll(const float *logits, size_t vocab, nap_token next)
{
    const float max = nap_logits_max(logits, vocab);
    return -((double)(logits[next] - max) - log(nap_logits_sum_exp(logits, vocab, max)));
}

/* Rounds to nearest even for |x| < 2^22: what is added leaves the integer in the mantissa. */
static inline uint32_t nearest(float x)
{
    const float shifted = x + 0x1.8p23f;
    uint32_t bits;
    memcpy(&bits, &shifted, 4);
    return bits - 0x4b400000u;
}

void nap_score_encode(const float *logits, size_t vocab, uint16_t *codes, nap_kl_row *row)
{
    const float max = nap_logits_max(logits, vocab);
    float min = max;
    for (size_t i = 0; i < vocab; i++) min = logits[i] < min ? logits[i] : min;
    min = min > max - 16 ? min : max - 16;
    const float log_sum = (float)log(nap_logits_sum_exp(logits, vocab, max));
    row->step = (max - min) / 65535.f;
    row->least = min - max - log_sum;
    row->code = codes;
    if (row->step == 0) {
        memset(codes, 0, vocab * sizeof *codes);
        return;
    }
    const float per_step = 1 / row->step;
    for (size_t i = 0; i < vocab; i++) {
        const float above = logits[i] > min ? logits[i] - min : 0;
        const uint32_t code = nearest(per_step * above);
        codes[i] = (uint16_t)(code < 65535 ? code : 65535);
    }
}

nap_score nap_score_compare(const float *logits, size_t vocab, const nap_kl_row *base,
                            nap_token next)
{
    float max = logits[0];
    size_t top = 0, top_base = 0;
    for (size_t i = 1; i < vocab; i++) {
        if (logits[i] > max) {
            max = logits[i];
            top = i;
        }
        if (base->code[i] > base->code[top_base]) top_base = i;
    }
    const float log_sum = (float)log(nap_logits_sum_exp(logits, vocab, max));
    const float log_norm = max + log_sum;
    nap_score s = {.same_top = top == top_base};
    s.nll = (double)(log_norm - logits[next]);
    s.nll_base = (double)-(base->step * (float)base->code[next] + base->least);
    for (size_t i = 0; i < vocab; i++) {
        const float log_p = base->step * (float)base->code[i] + base->least;
        if (log_p > -16.f) s.kl += (double)(expf(log_p) * (log_p - logits[i] + log_norm));
    }
    return s;
}
