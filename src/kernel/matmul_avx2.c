/* Matmul on AVX2: vpmaddubsw makes 16-bit sums of two products of an unsigned and a signed byte.
 *
 * As many of them as fit 16 bits are added before vpmaddwd widens: codes of up to 4 bits 8 times
 * (8 * 2 * 15 * 127 = 30480), of 5 bits 4 times, of 6 bits twice. Bytes of 8 bits, codes and table
 * values alike, would saturate, so they are signed: |w| is multiplied by the activation that got
 * w's sign (2 * 128 * 127 = 32512). */
#include "kernel/layout.h"

#include <immintrin.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define TIER avx2
#define WIDE_SIGNED 1
enum { TOKENS = 2, KC_MAX = 24, AHEAD = 6144 };

INLINE __m256i broadcast32(const void *p)
{
    int v;
    memcpy(&v, p, 4);
    return _mm256_set1_epi32(v);
}

INLINE __m256i add_zero(__m256i isum, __m256i minus_zero, __m256i sum)
{
    return _mm256_add_epi32(isum, _mm256_madd_epi16(sum, minus_zero));
}

INLINE void dots(bool wide, unsigned bits, const __m256i (*w)[2], unsigned fours, const char *q,
                 size_t stride, const unsigned tokens, __m256i isum[TOKENS][2])
{
    const __m256i ones = _mm256_set1_epi16(1);
    const unsigned most = wide ? 1 : bits <= 4 ? 8 : bits == 5 ? 4 : 2;
    const unsigned span = most < fours ? most : fours;
#pragma GCC unroll 8
    for (unsigned k0 = 0; k0 < fours; k0 += span) {
#pragma GCC unroll 2
        for (unsigned t = 0; t < tokens; t++) {
#pragma GCC unroll 2
            for (unsigned h = 0; h < 2; h++) {
                __m256i sum16 = _mm256_setzero_si256();
#pragma GCC unroll 8
                for (unsigned k = k0; k < k0 + span; k++) {
                    const __m256i x = broadcast32(q + t * stride + 4 * k), v = w[k][h];
                    const __m256i two =
                        wide ? _mm256_maddubs_epi16(_mm256_abs_epi8(v), _mm256_sign_epi8(x, v))
                             : _mm256_maddubs_epi16(v, x);
                    sum16 = k == k0 ? two : _mm256_add_epi16(sum16, two);
                }
                isum[t][h] = _mm256_add_epi32(isum[t][h], _mm256_madd_epi16(sum16, ones));
            }
        }
    }
}

#include "kernel/matmul_x256.h"
