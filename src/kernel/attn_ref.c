/* Attention, one query at a time, as its definition reads (kernel.h). The specification of
 * attn_simd.h. */
#include "kernel/attn.h"
#include "kernel/mathf.h"
#include "kernel/rows.h"

/* Scores of positions [begin, end) go to score[0 ...]. */
static void scores(const nap_attention_args *a, const nap_attn_item *it, const float *q,
                   size_t begin, size_t end, float *score)
{
    for (size_t i = begin; i < end; i++) {
        const uint16_t *const k = nap_attn_k_tile(a, it->kv_head, i) + i % NAP_KV_TILE;
        float acc = 0.0f;
        for (size_t e = 0; e < a->head_dim_k; e++) {
            acc = fmaf(q[e], nap_f16_to_f32(k[e * NAP_KV_TILE]), acc);
        }
        acc = acc * a->scale;
        score[i - begin] = a->softcap > 0.0f ? a->softcap * nap_ref_tanh(acc / a->softcap) : acc;
    }
}

/* Scores to weights e_i; returns 1 / z. */
static float softmax(float *score, size_t begin, size_t end)
{
    float lane[16];
    for (size_t j = 0; j < 16; j++) lane[j] = -INFINITY;
    for (size_t i = begin; i < end; i++) {
        lane[i % 16] = nap_ref_max(score[i - begin], lane[i % 16]);
    }
    const float max = nap_ref_fold_max(lane);
    for (size_t j = 0; j < 16; j++) lane[j] = 0.0f;
    for (size_t i = begin; i < end; i++) {
        const float e = nap_ref_exp(score[i - begin] - max);
        score[i - begin] = e;
        lane[i % 16] = lane[i % 16] + e;
    }
    return 1.0f / nap_ref_fold_sum(lane);
}

void nap_attention_ref(const nap_attention_args *a, size_t item)
{
    const nap_attn_item it = nap_attn_item_at(a, item);
    float *const score = a->scratch;
    for (size_t t = it.token_begin; t < it.token_end; t++) {
        const size_t begin = nap_attn_begin(a, a->pos + t), end = a->pos + t + 1;
        for (size_t h = it.head_begin; h < it.head_end; h++) {
            scores(a, &it, a->q + t * a->q_stride + h * a->head_dim_k, begin, end, score);
            const float inverse = softmax(score, begin, end);
            float *const out = a->out + t * a->out_stride + h * a->head_dim_v;
            for (size_t e = 0; e < a->head_dim_v; e++) {
                float acc = 0.0f;
                for (size_t i = begin; i < end; i++) {
                    acc = fmaf(score[i - begin], nap_f16_to_f32(nap_attn_v(a, it.kv_head, i)[e]),
                               acc);
                }
                out[e] = acc * inverse;
            }
        }
    }
}
