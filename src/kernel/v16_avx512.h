/* Sixteen floats as one AVX-512 register. The operations are those of v16_math.h, vec_simd.h and
 * attn_simd.h; v16_avx2.h and v16_neon.h offer the same. */
#ifndef NAP_KERNEL_V16_AVX512_H
#define NAP_KERNEL_V16_AVX512_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define V16_FN(name) name##_avx512
#define V16_SUMS 24 /* sums that attention keeps in registers, of 32 registers */

typedef __m512 v16;

static inline __mmask16 v16_mask(size_t n)
{
    return (__mmask16)((1u << n) - 1);
}

static inline v16 v16_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

/* The first n lanes; the others are zero and their memory is not touched. */
static inline v16 v16_load_n(const float *p, size_t n)
{
    return _mm512_maskz_loadu_ps(v16_mask(n), p);
}

static inline void v16_store(float *p, v16 a)
{
    _mm512_storeu_ps(p, a);
}

static inline void v16_store_n(float *p, v16 a, size_t n)
{
    _mm512_mask_storeu_ps(p, v16_mask(n), a);
}

/* binary16 */
static inline v16 v16_load_h(const uint16_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}

static inline v16 v16_load_h_n(const uint16_t *p, size_t n)
{
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(v16_mask(n), p));
}

static inline void v16_store_h(uint16_t *p, v16 a)
{
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT));
}

static inline v16 v16_set1(float x)
{
    return _mm512_set1_ps(x);
}

static inline v16 v16_add(v16 a, v16 b)
{
    return _mm512_add_ps(a, b);
}

static inline v16 v16_sub(v16 a, v16 b)
{
    return _mm512_sub_ps(a, b);
}

static inline v16 v16_mul(v16 a, v16 b)
{
    return _mm512_mul_ps(a, b);
}

static inline v16 v16_div(v16 a, v16 b)
{
    return _mm512_div_ps(a, b);
}

static inline v16 v16_fma(v16 a, v16 b, v16 c)
{
    return _mm512_fmadd_ps(a, b, c);
}

/* a > b ? a : b, and a < b ? a : b: with a NaN on either side, b */
static inline v16 v16_max(v16 a, v16 b)
{
    return _mm512_max_ps(a, b);
}

static inline v16 v16_min(v16 a, v16 b)
{
    return _mm512_min_ps(a, b);
}

static inline v16 v16_neg(v16 a)
{
    return _mm512_xor_ps(a, _mm512_set1_ps(-0.0f));
}

static inline v16 v16_abs(v16 a)
{
    return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), a);
}

/* a with the sign of b; a is not negative */
static inline v16 v16_with_sign(v16 a, v16 b)
{
    return _mm512_or_ps(a, _mm512_and_ps(_mm512_set1_ps(-0.0f), b));
}

/* a < b ? x : y */
static inline v16 v16_if_less(v16 a, v16 b, v16 x, v16 y)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x);
}

/* Lanes [lo, hi) of a, the others from b. */
static inline v16 v16_keep(v16 a, v16 b, size_t lo, size_t hi)
{
    return _mm512_mask_blend_ps((__mmask16)(v16_mask(hi) & ~v16_mask(lo)), b, a);
}

/* p 2^n, rounded once; n is the whole number in float form, t = n + NAP_ROUND_MAGIC */
static inline v16 v16_scale_exp(v16 p, v16 n, v16 t)
{
    (void)t;
    return _mm512_scalef_ps(p, n);
}

static inline v16 v16_dup_even(v16 a)
{
    return _mm512_moveldup_ps(a);
}

static inline v16 v16_dup_odd(v16 a)
{
    return _mm512_movehdup_ps(a);
}

static inline v16 v16_swap_pairs(v16 a)
{
    return _mm512_permute_ps(a, 0xb1);
}

static inline v16 v16_neg_even(v16 a)
{
    return _mm512_xor_ps(a, _mm512_castsi512_ps(_mm512_set1_epi64(0x80000000)));
}

/* The even (odd) elements of the 32 that a and b hold. */
static inline v16 v16_evens(v16 a, v16 b)
{
    const __m512i i = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    return _mm512_permutex2var_ps(a, i, b);
}

static inline v16 v16_odds(v16 a, v16 b)
{
    const __m512i i = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    return _mm512_permutex2var_ps(a, i, b);
}

static inline float v16_fold_sum(v16 a)
{
    const __m256 x = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    const __m128 y = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    const __m128 z = _mm_add_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_add_ss(z, _mm_movehdup_ps(z)));
}

static inline float v16_fold_max(v16 a)
{
    const __m256 x = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    const __m128 y = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    const __m128 z = _mm_max_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_max_ss(z, _mm_movehdup_ps(z)));
}

#endif
