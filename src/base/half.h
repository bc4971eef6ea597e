/* IEEE binary16 and bfloat16 <-> binary32, round to nearest even, in portable C.
 * Same bits as the F16C and NEON conversions; NaNs stay NaNs (quieted). */
#ifndef NAP_BASE_HALF_H
#define NAP_BASE_HALF_H

#include <stdint.h>
#include <string.h>

static inline uint32_t nap_f32_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

static inline float nap_bits_f32(uint32_t u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}

static inline float nap_f16_to_f32(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000) << 16, mag = h & 0x7fff;
    if (mag >= 0x7c00) { /* infinity, NaN */
        const uint32_t quiet = mag > 0x7c00 ? 0x400000u : 0;
        return nap_bits_f32(sign | 0x7f800000u | (mag & 0x3ff) << 13 | quiet);
    }
    /* Put the 15 bits where a float's exponent and mantissa are, then correct the exponent's bias
     * by an exact multiplication; this also normalises subnormals. */
    const float scaled = nap_bits_f32(mag << 13) * 0x1p112f;
    return nap_bits_f32(sign | nap_f32_bits(scaled));
}

static inline uint16_t nap_f32_to_f16(float f)
{
    const uint32_t u = nap_f32_bits(f), sign = u >> 16 & 0x8000, mag = u & 0x7fffffff;
    if (mag > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (mag >> 13 & 0x3ff)); /* NaN */
    if (mag >= 0x47800000) return (uint16_t)(sign | 0x7c00);                      /* >= 2^16 */
    if (mag < 0x38800000) { /* below 2^-14: adding 2^-1 leaves the rounded multiple of 2^-24 */
        const float rounded = nap_bits_f32(mag) + 0.5f;
        return (uint16_t)(sign | (nap_f32_bits(rounded) - nap_f32_bits(0.5f)));
    }
    const uint32_t odd = mag >> 13 & 1;
    return (uint16_t)(sign | ((mag - 0x38000000 + 0xfff + odd) >> 13)); /* carries to infinity */
}

static inline float nap_bf16_to_f32(uint16_t h)
{
    return nap_bits_f32((uint32_t)h << 16);
}

static inline uint16_t nap_f32_to_bf16(float f)
{
    const uint32_t u = nap_f32_bits(f);
    if ((u & 0x7fffffff) > 0x7f800000) return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

#endif
