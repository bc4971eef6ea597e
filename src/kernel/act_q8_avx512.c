/* The Q8 activation form on AVX-512: a block of 32 floats is two registers. */
#include "kernel/rows.h"

#include <immintrin.h>
#include <math.h>
#include <string.h>

void nap_prepare_avx512(const float *x, size_t cols, void *act)
{
    const nap_act_q8 v = nap_act_q8_view(act, cols);
    int8_t *q = (int8_t *)v.q;
    float *const d = (float *)v.d, *const s = (float *)v.s;
    int32_t *const sum = (int32_t *)v.sum;
    const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
    for (size_t b = 0; b < cols / 32; b++, x += 32, q += 32) {
        const __m512 x0 = _mm512_loadu_ps(x), x1 = _mm512_loadu_ps(x + 16);
        /* The bits of magnitudes sort like the numbers, infinity and NaN above all others. */
        const __m512i a0 = _mm512_and_si512(_mm512_castps_si512(x0), magnitude);
        const __m512i a1 = _mm512_and_si512(_mm512_castps_si512(x1), magnitude);
        const uint32_t top = _mm512_reduce_max_epu32(_mm512_max_epu32(a0, a1));
        float amax;
        memcpy(&amax, &top, sizeof amax);
        const float inverse = 127 / amax;
        if (top >= 0x7f800000 || isinf(inverse)) {
            memset(q, 0, 32);
            sum[2 * b] = sum[2 * b + 1] = 0;
            d[b] = s[b] = top >= 0x7f800000 ? NAN : 0.0f;
            continue;
        }
        const __m512 scale = _mm512_set1_ps(inverse);
        const __m512i i0 = _mm512_cvtps_epi32(_mm512_mul_ps(x0, scale));
        const __m512i i1 = _mm512_cvtps_epi32(_mm512_mul_ps(x1, scale));
        _mm_storeu_si128((__m128i *)q, _mm512_cvtepi32_epi8(i0));
        _mm_storeu_si128((__m128i *)(q + 16), _mm512_cvtepi32_epi8(i1));
        sum[2 * b] = _mm512_reduce_add_epi32(i0);
        sum[2 * b + 1] = _mm512_reduce_add_epi32(i1);
        d[b] = amax / 127;
        s[b] = d[b] * (float)(sum[2 * b] + sum[2 * b + 1]);
    }
}
