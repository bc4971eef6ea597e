/* Sixteen floats as two AVX registers; see v16_avx512.h. Lanes 0-7 are `lo`. */
#ifndef NAP_KERNEL_V16_AVX2_H
#define NAP_KERNEL_V16_AVX2_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define V16_FN(name) name##_avx2
#define V16_SUMS 6 /* sums that attention keeps in registers, each two of 16 registers */

typedef struct v16 {
    __m256 lo, hi;
} v16;

#define V16_EACH(f, a) ((v16){f((a).lo), f((a).hi)})
#define V16_BOTH(f, a, b) ((v16){f((a).lo, (b).lo), f((a).hi, (b).hi)})

/* All ones in lanes [0, n) of 16, from a window that slides over ones and zeros. */
static inline v16 v16_first(size_t n)
{
    static const int32_t ones[32] = {-1, -1, -1, -1, -1, -1, -1, -1,
                                     -1, -1, -1, -1, -1, -1, -1, -1};
    const float *const p = (const float *)ones + (16 - n);
    return (v16){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}

static inline v16 v16_load(const float *p)
{
    return (v16){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}

/* Through memory, not by a masked load: emulators and checkers may touch all of what that names. */
static inline v16 v16_load_n(const float *p, size_t n)
{
    if (n == 16) return v16_load(p);
    float part[16] = {0};
    memcpy(part, p, n * sizeof *p);
    return v16_load(part);
}

static inline void v16_store(float *p, v16 a)
{
    _mm256_storeu_ps(p, a.lo);
    _mm256_storeu_ps(p + 8, a.hi);
}

static inline void v16_store_n(float *p, v16 a, size_t n)
{
    float part[16];
    v16_store(n == 16 ? p : part, a);
    if (n < 16) memcpy(p, part, n * sizeof *p);
}

static inline v16 v16_load_h(const uint16_t *p)
{
    return (v16){_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)),
                 _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(p + 8)))};
}

static inline v16 v16_load_h_n(const uint16_t *p, size_t n)
{
    uint16_t part[16] = {0};
    memcpy(part, p, n * sizeof *p);
    return v16_load_h(part);
}

static inline void v16_store_h(uint16_t *p, v16 a)
{
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(a.lo, _MM_FROUND_TO_NEAREST_INT));
    _mm_storeu_si128((__m128i *)(p + 8), _mm256_cvtps_ph(a.hi, _MM_FROUND_TO_NEAREST_INT));
}

static inline v16 v16_set1(float x)
{
    const __m256 v = _mm256_set1_ps(x);
    return (v16){v, v};
}

static inline v16 v16_add(v16 a, v16 b)
{
    return V16_BOTH(_mm256_add_ps, a, b);
}

static inline v16 v16_sub(v16 a, v16 b)
{
    return V16_BOTH(_mm256_sub_ps, a, b);
}

static inline v16 v16_mul(v16 a, v16 b)
{
    return V16_BOTH(_mm256_mul_ps, a, b);
}

static inline v16 v16_div(v16 a, v16 b)
{
    return V16_BOTH(_mm256_div_ps, a, b);
}

static inline v16 v16_fma(v16 a, v16 b, v16 c)
{
    return (v16){_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}

static inline v16 v16_max(v16 a, v16 b)
{
    return V16_BOTH(_mm256_max_ps, a, b);
}

static inline v16 v16_min(v16 a, v16 b)
{
    return V16_BOTH(_mm256_min_ps, a, b);
}

static inline v16 v16_neg(v16 a)
{
    return V16_BOTH(_mm256_xor_ps, a, v16_set1(-0.0f));
}

static inline v16 v16_abs(v16 a)
{
    return V16_BOTH(_mm256_andnot_ps, v16_set1(-0.0f), a);
}

static inline v16 v16_with_sign(v16 a, v16 b)
{
    return V16_BOTH(_mm256_or_ps, a, V16_BOTH(_mm256_and_ps, v16_set1(-0.0f), b));
}

static inline v16 v16_if_less(v16 a, v16 b, v16 x, v16 y)
{
    return (v16){_mm256_blendv_ps(y.lo, x.lo, _mm256_cmp_ps(a.lo, b.lo, _CMP_LT_OQ)),
                 _mm256_blendv_ps(y.hi, x.hi, _mm256_cmp_ps(a.hi, b.hi, _CMP_LT_OQ))};
}

static inline v16 v16_keep(v16 a, v16 b, size_t lo, size_t hi)
{
    const v16 m = V16_BOTH(_mm256_andnot_ps, v16_first(lo), v16_first(hi));
    return (v16){_mm256_blendv_ps(b.lo, a.lo, m.lo), _mm256_blendv_ps(b.hi, a.hi, m.hi)};
}

/* As nap_ref_exp: two powers of two whose product is 2^n. */
static inline __m256 v16_scale_exp8(__m256 p, __m256 t)
{
    const __m256i biased =
        _mm256_add_epi32(_mm256_castps_si256(t), _mm256_set1_epi32(1024 - 0x4b400000));
    const __m256i half = _mm256_srli_epi32(biased, 1);
    const __m256i bias = _mm256_set1_epi32(127 - 512);
    const __m256i s1 = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
    const __m256i s2 =
        _mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(biased, half), bias), 23);
    return _mm256_mul_ps(_mm256_mul_ps(p, _mm256_castsi256_ps(s1)), _mm256_castsi256_ps(s2));
}

static inline v16 v16_scale_exp(v16 p, v16 n, v16 t)
{
    (void)n;
    return V16_BOTH(v16_scale_exp8, p, t);
}

static inline v16 v16_dup_even(v16 a)
{
    return V16_EACH(_mm256_moveldup_ps, a);
}

static inline v16 v16_dup_odd(v16 a)
{
    return V16_EACH(_mm256_movehdup_ps, a);
}

static inline v16 v16_swap_pairs(v16 a)
{
    return (v16){_mm256_permute_ps(a.lo, 0xb1), _mm256_permute_ps(a.hi, 0xb1)};
}

static inline v16 v16_neg_even(v16 a)
{
    const __m256 m = _mm256_castsi256_ps(_mm256_set1_epi64x(0x80000000));
    return (v16){_mm256_xor_ps(a.lo, m), _mm256_xor_ps(a.hi, m)};
}

/* Within 128-bit lanes first, then the four 64-bit quarters into order. */
#define V16_EVERY_SECOND(a, which)                                                                 \
    _mm256_castpd_ps(                                                                              \
        _mm256_permute4x64_pd(_mm256_castps_pd(_mm256_shuffle_ps((a).lo, (a).hi, which)), 0xd8))

static inline v16 v16_evens(v16 a, v16 b)
{
    return (v16){V16_EVERY_SECOND(a, 0x88), V16_EVERY_SECOND(b, 0x88)};
}

static inline v16 v16_odds(v16 a, v16 b)
{
    return (v16){V16_EVERY_SECOND(a, 0xdd), V16_EVERY_SECOND(b, 0xdd)};
}

static inline float v16_fold_sum(v16 a)
{
    const __m256 x = _mm256_add_ps(a.lo, a.hi);
    const __m128 y = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    const __m128 z = _mm_add_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_add_ss(z, _mm_movehdup_ps(z)));
}

static inline float v16_fold_max(v16 a)
{
    const __m256 x = _mm256_max_ps(a.lo, a.hi);
    const __m128 y = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    const __m128 z = _mm_max_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_max_ss(z, _mm_movehdup_ps(z)));
}

#endif
