/* Matmul on AVX-VNNI, the 256-bit vpdpbusd of CPUs without AVX-512: unsigned codes times signed
 * activations, four products a dword, summed in 32 bits. */
#include "kernel/layout.h"

#include <immintrin.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define TIER avxvnni
#define WIDE_SIGNED 0
enum { TOKENS = 3, KC_MAX = 24, AHEAD = 6144 };

INLINE __m256i broadcast32(const void *p)
{
    int v;
    memcpy(&v, p, 4);
    return _mm256_set1_epi32(v);
}

INLINE __m256i add_zero(__m256i isum, __m256i minus_zero, __m256i sum)
{
    return _mm256_dpwssd_avx_epi32(isum, minus_zero, sum);
}

INLINE void dots(bool wide, unsigned bits, const __m256i (*w)[2], unsigned fours, const char *q,
                 size_t stride, const unsigned tokens, __m256i isum[TOKENS][2])
{
    (void)wide, (void)bits;
#pragma GCC unroll 8
    for (unsigned k = 0; k < fours; k++) {
#pragma GCC unroll 3
        for (unsigned t = 0; t < tokens; t++) {
            const __m256i x = broadcast32(q + t * stride + 4 * k);
            isum[t][0] = _mm256_dpbusd_avx_epi32(isum[t][0], w[k][0], x);
            isum[t][1] = _mm256_dpbusd_avx_epi32(isum[t][1], w[k][1], x);
        }
    }
}

#include "kernel/matmul_x256.h"
