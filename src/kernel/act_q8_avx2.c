/* The Q8 activation form on AVX2: a block of 32 floats is four registers. */
#include "kernel/rows.h"

#include <immintrin.h>
#include <math.h>
#include <string.h>

static inline uint32_t fold_max(__m256i a)
{
    __m128i m = _mm_max_epu32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0x4e));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(m);
}

static inline int32_t fold_add(__m256i a)
{
    __m128i m = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    m = _mm_add_epi32(m, _mm_shuffle_epi32(m, 0x4e));
    m = _mm_add_epi32(m, _mm_shuffle_epi32(m, 0xb1));
    return _mm_cvtsi128_si32(m);
}

void nap_prepare_avx2(const float *x, size_t cols, void *act)
{
    const nap_act_q8 v = nap_act_q8_view(act, cols);
    int8_t *q = (int8_t *)v.q;
    float *const d = (float *)v.d, *const s = (float *)v.s;
    int32_t *const sum = (int32_t *)v.sum;
    const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
    for (size_t b = 0; b < cols / 32; b++, x += 32, q += 32) {
        __m256 f[4];
        __m256i a[4], n[4];
        for (size_t i = 0; i < 4; i++) {
            f[i] = _mm256_loadu_ps(x + 8 * i);
            a[i] = _mm256_and_si256(_mm256_castps_si256(f[i]), magnitude);
        }
        /* The bits of magnitudes sort like the numbers, infinity and NaN above all others. */
        const uint32_t top =
            fold_max(_mm256_max_epu32(_mm256_max_epu32(a[0], a[1]), _mm256_max_epu32(a[2], a[3])));
        float amax;
        memcpy(&amax, &top, sizeof amax);
        const float inverse = 127 / amax;
        if (top >= 0x7f800000 || isinf(inverse)) {
            memset(q, 0, 32);
            sum[2 * b] = sum[2 * b + 1] = 0;
            d[b] = s[b] = top >= 0x7f800000 ? NAN : 0.0f;
            continue;
        }
        const __m256 scale = _mm256_set1_ps(inverse);
        for (size_t i = 0; i < 4; i++) n[i] = _mm256_cvtps_epi32(_mm256_mul_ps(f[i], scale));
        /* Packing works within 128-bit halves: groups of four come out as 0 2 4 6 1 3 5 7. */
        const __m256i bytes =
            _mm256_packs_epi16(_mm256_packs_epi32(n[0], n[1]), _mm256_packs_epi32(n[2], n[3]));
        const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        _mm256_storeu_si256((__m256i *)q, _mm256_permutevar8x32_epi32(bytes, order));
        sum[2 * b] = fold_add(_mm256_add_epi32(n[0], n[1]));
        sum[2 * b + 1] = fold_add(_mm256_add_epi32(n[2], n[3]));
        d[b] = amax / 127;
        s[b] = d[b] * (float)(sum[2 * b] + sum[2 * b + 1]);
    }
}
