/* Activations rounded as ggml rounds them (its Q8_1 and Q8_K blocks), in the layout of NAP_ACT_Q8,
 * so that every matmul row takes them. For comparisons with llama.cpp, not for speed: with the same
 * rounding, what is left between two engines is the order of their sums. See kernel.h. */
#include "kernel/rows.h"

#include "base/half.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 32, SUPER = 256 };

static float half(float x)
{
    return nap_f16_to_f32(nap_f32_to_f16(x));
}

/* ggml's binary16 scales. */
void nap_prepare_q8_1_ref(const float *x, size_t cols, void *act)
{
    nap_prepare_ref(x, cols, act);
    const nap_act_q8 v = nap_act_q8_view(act, cols);
    float *d = (float *)v.d, *s = (float *)v.s;
    for (size_t b = 0; b < cols / BLOCK; b++) {
        s[b] = half(s[b]);
        d[b] = half(d[b]);
    }
}

/* One scale per 256 elements. The element of largest magnitude becomes -127, whatever its sign. */
void nap_prepare_q8_k_ref(const float *x, size_t cols, void *act)
{
    const nap_act_q8 v = nap_act_q8_view(act, cols);
    int8_t *q = (int8_t *)v.q;
    float *d = (float *)v.d, *s = (float *)v.s;
    int32_t *sum = (int32_t *)v.sum;
    for (size_t k = 0; k < cols / SUPER; k++, x += SUPER, q += SUPER) {
        float largest = 0;
        bool finite = true;
        for (int i = 0; i < SUPER; i++) {
            if (!isfinite(x[i])) finite = false;
            if (fabsf(x[i]) > fabsf(largest)) largest = x[i];
        }
        const float inverse = -127 / largest;
        const bool some = finite && !isinf(inverse);
        const float scale = !finite ? NAN : some ? 1 / inverse : 0;
        memset(q, 0, SUPER);
        for (int b = 0; b < SUPER / BLOCK; b++) {
            const size_t at = k * (SUPER / BLOCK) + (size_t)b;
            int32_t part[2] = {0, 0};
            for (int i = 0; i < BLOCK && some; i++) {
                const int at_i = b * BLOCK + i;
                q[at_i] = (int8_t)nearbyintf(x[at_i] * inverse);
                part[i / 16] += q[at_i];
            }
            d[at] = scale;
            sum[2 * at] = part[0];
            sum[2 * at + 1] = part[1];
            s[at] = scale * (float)(part[0] + part[1]);
        }
    }
}
