/* The Q8 activation form on NEON: a block of 32 floats is eight registers. */
#include "kernel/rows.h"

#include <arm_neon.h>
#include <math.h>
#include <string.h>

void nap_prepare_neon(const float *x, size_t cols, void *act)
{
    const nap_act_q8 v = nap_act_q8_view(act, cols);
    int8_t *q = (int8_t *)v.q;
    float *const d = (float *)v.d, *const s = (float *)v.s;
    int32_t *const sum = (int32_t *)v.sum;
    for (size_t b = 0; b < cols / 32; b++, x += 32, q += 32) {
        float32x4_t f[8];
        uint32x4_t a = vdupq_n_u32(0);
        for (size_t i = 0; i < 8; i++) {
            f[i] = vld1q_f32(x + 4 * i);
            /* The bits of magnitudes sort like the numbers, infinity and NaN above all others. */
            a = vmaxq_u32(a, vreinterpretq_u32_f32(vabsq_f32(f[i])));
        }
        const uint32_t top = vmaxvq_u32(a);
        float amax;
        memcpy(&amax, &top, sizeof amax);
        const float inverse = 127 / amax;
        if (top >= 0x7f800000 || isinf(inverse)) {
            memset(q, 0, 32);
            sum[2 * b] = sum[2 * b + 1] = 0;
            d[b] = s[b] = top >= 0x7f800000 ? NAN : 0.0f;
            continue;
        }
        for (size_t g = 0; g < 2; g++) {
            int32x4_t n[4];
            for (size_t i = 0; i < 4; i++) {
                n[i] = vcvtnq_s32_f32(vmulq_n_f32(f[4 * g + i], inverse));
            }
            const int16x8_t lo = vcombine_s16(vmovn_s32(n[0]), vmovn_s32(n[1]));
            const int16x8_t hi = vcombine_s16(vmovn_s32(n[2]), vmovn_s32(n[3]));
            vst1q_s8(q + 16 * g, vcombine_s8(vmovn_s16(lo), vmovn_s16(hi)));
            sum[2 * b + g] = vaddvq_s32(vaddq_s32(vaddq_s32(n[0], n[1]), vaddq_s32(n[2], n[3])));
        }
        d[b] = amax / 127;
        s[b] = d[b] * (float)(sum[2 * b] + sum[2 * b + 1]);
    }
}
