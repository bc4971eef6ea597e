/* Sixteen floats as four NEON registers; see v16_avx512.h. */
#ifndef NAP_KERNEL_V16_NEON_H
#define NAP_KERNEL_V16_NEON_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define V16_FN(name) name##_neon
#define V16_SUMS 6 /* sums that attention keeps in registers, each four of 32 registers */

typedef struct v16 {
    float32x4_t r[4];
} v16;

#define V16_EACH(f, a) ((v16){{f((a).r[0]), f((a).r[1]), f((a).r[2]), f((a).r[3])}})
#define V16_BOTH(f, a, b)                                                                          \
    ((v16){{f((a).r[0], (b).r[0]), f((a).r[1], (b).r[1]), f((a).r[2], (b).r[2]),                   \
            f((a).r[3], (b).r[3])}})

static inline v16 v16_load(const float *p)
{
    return (v16){{vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)}};
}

static inline v16 v16_load_n(const float *p, size_t n)
{
    if (n == 16) return v16_load(p);
    float part[16] = {0};
    memcpy(part, p, n * sizeof *p);
    return v16_load(part);
}

static inline void v16_store(float *p, v16 a)
{
    for (size_t i = 0; i < 4; i++) vst1q_f32(p + 4 * i, a.r[i]);
}

static inline void v16_store_n(float *p, v16 a, size_t n)
{
    float part[16];
    v16_store(n == 16 ? p : part, a);
    if (n < 16) memcpy(p, part, n * sizeof *p);
}

static inline v16 v16_load_h(const uint16_t *p)
{
    const float16x8_t a = vreinterpretq_f16_u16(vld1q_u16(p));
    const float16x8_t b = vreinterpretq_f16_u16(vld1q_u16(p + 8));
    return (v16){{vcvt_f32_f16(vget_low_f16(a)), vcvt_high_f32_f16(a),
                  vcvt_f32_f16(vget_low_f16(b)), vcvt_high_f32_f16(b)}};
}

static inline v16 v16_load_h_n(const uint16_t *p, size_t n)
{
    uint16_t part[16] = {0};
    memcpy(part, p, n * sizeof *p);
    return v16_load_h(part);
}

static inline void v16_store_h(uint16_t *p, v16 a)
{
    for (size_t i = 0; i < 2; i++) {
        const float16x8_t h = vcvt_high_f16_f32(vcvt_f16_f32(a.r[2 * i]), a.r[2 * i + 1]);
        vst1q_u16(p + 8 * i, vreinterpretq_u16_f16(h));
    }
}

static inline v16 v16_set1(float x)
{
    const float32x4_t v = vdupq_n_f32(x);
    return (v16){{v, v, v, v}};
}

static inline v16 v16_add(v16 a, v16 b)
{
    return V16_BOTH(vaddq_f32, a, b);
}

static inline v16 v16_sub(v16 a, v16 b)
{
    return V16_BOTH(vsubq_f32, a, b);
}

static inline v16 v16_mul(v16 a, v16 b)
{
    return V16_BOTH(vmulq_f32, a, b);
}

static inline v16 v16_div(v16 a, v16 b)
{
    return V16_BOTH(vdivq_f32, a, b);
}

static inline v16 v16_fma(v16 a, v16 b, v16 c)
{
    return (v16){{vfmaq_f32(c.r[0], a.r[0], b.r[0]), vfmaq_f32(c.r[1], a.r[1], b.r[1]),
                  vfmaq_f32(c.r[2], a.r[2], b.r[2]), vfmaq_f32(c.r[3], a.r[3], b.r[3])}};
}

/* NEON's own maximum and minimum return a NaN; these are x86's: a > b ? a : b. */
static inline float32x4_t v16_max4(float32x4_t a, float32x4_t b)
{
    return vbslq_f32(vcgtq_f32(a, b), a, b);
}

static inline float32x4_t v16_min4(float32x4_t a, float32x4_t b)
{
    return vbslq_f32(vcltq_f32(a, b), a, b);
}

static inline v16 v16_max(v16 a, v16 b)
{
    return V16_BOTH(v16_max4, a, b);
}

static inline v16 v16_min(v16 a, v16 b)
{
    return V16_BOTH(v16_min4, a, b);
}

static inline v16 v16_neg(v16 a)
{
    return V16_EACH(vnegq_f32, a);
}

static inline v16 v16_abs(v16 a)
{
    return V16_EACH(vabsq_f32, a);
}

static inline float32x4_t v16_with_sign4(float32x4_t a, float32x4_t b)
{
    return vbslq_f32(vdupq_n_u32(0x80000000), b, a);
}

static inline v16 v16_with_sign(v16 a, v16 b)
{
    return V16_BOTH(v16_with_sign4, a, b);
}

static inline v16 v16_if_less(v16 a, v16 b, v16 x, v16 y)
{
    v16 out;
    for (size_t i = 0; i < 4; i++) {
        out.r[i] = vbslq_f32(vcltq_f32(a.r[i], b.r[i]), x.r[i], y.r[i]);
    }
    return out;
}

static inline v16 v16_keep(v16 a, v16 b, size_t lo, size_t hi)
{
    static const uint32_t ordinal[4] = {0, 1, 2, 3};
    v16 out;
    for (uint32_t i = 0; i < 4; i++) {
        const uint32x4_t lane = vaddq_u32(vld1q_u32(ordinal), vdupq_n_u32(4 * i));
        const uint32x4_t in = vandq_u32(vcgeq_u32(lane, vdupq_n_u32((uint32_t)lo)),
                                        vcltq_u32(lane, vdupq_n_u32((uint32_t)hi)));
        out.r[i] = vbslq_f32(in, a.r[i], b.r[i]);
    }
    return out;
}

/* As nap_ref_exp: two powers of two whose product is 2^n. */
static inline float32x4_t v16_scale_exp4(float32x4_t p, float32x4_t t)
{
    const uint32x4_t biased = vaddq_u32(vreinterpretq_u32_f32(t), vdupq_n_u32(1024u - 0x4b400000u));
    const uint32x4_t half = vshrq_n_u32(biased, 1);
    const uint32x4_t bias = vdupq_n_u32(127u - 512u);
    const uint32x4_t s1 = vshlq_n_u32(vaddq_u32(half, bias), 23);
    const uint32x4_t s2 = vshlq_n_u32(vaddq_u32(vsubq_u32(biased, half), bias), 23);
    return vmulq_f32(vmulq_f32(p, vreinterpretq_f32_u32(s1)), vreinterpretq_f32_u32(s2));
}

static inline v16 v16_scale_exp(v16 p, v16 n, v16 t)
{
    (void)n;
    return V16_BOTH(v16_scale_exp4, p, t);
}

static inline v16 v16_dup_even(v16 a)
{
    return V16_BOTH(vtrn1q_f32, a, a);
}

static inline v16 v16_dup_odd(v16 a)
{
    return V16_BOTH(vtrn2q_f32, a, a);
}

static inline v16 v16_swap_pairs(v16 a)
{
    return V16_EACH(vrev64q_f32, a);
}

static inline float32x4_t v16_neg_even4(float32x4_t a)
{
    const uint32x4_t sign = vreinterpretq_u32_u64(vdupq_n_u64(0x80000000));
    return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(a), sign));
}

static inline v16 v16_neg_even(v16 a)
{
    return V16_EACH(v16_neg_even4, a);
}

static inline v16 v16_evens(v16 a, v16 b)
{
    return (v16){{vuzp1q_f32(a.r[0], a.r[1]), vuzp1q_f32(a.r[2], a.r[3]),
                  vuzp1q_f32(b.r[0], b.r[1]), vuzp1q_f32(b.r[2], b.r[3])}};
}

static inline v16 v16_odds(v16 a, v16 b)
{
    return (v16){{vuzp2q_f32(a.r[0], a.r[1]), vuzp2q_f32(a.r[2], a.r[3]),
                  vuzp2q_f32(b.r[0], b.r[1]), vuzp2q_f32(b.r[2], b.r[3])}};
}

static inline float v16_fold_sum(v16 a)
{
    const float32x4_t x = vaddq_f32(a.r[0], a.r[2]), y = vaddq_f32(a.r[1], a.r[3]);
    const float32x4_t z = vaddq_f32(x, y);
    const float32x2_t w = vadd_f32(vget_low_f32(z), vget_high_f32(z));
    return vget_lane_f32(w, 0) + vget_lane_f32(w, 1);
}

static inline float v16_fold_max(v16 a)
{
    const float32x4_t x = v16_max4(a.r[0], a.r[2]), y = v16_max4(a.r[1], a.r[3]);
    float z[4];
    vst1q_f32(z, v16_max4(x, y));
    const float even = z[0] > z[2] ? z[0] : z[2], odd = z[1] > z[3] ? z[1] : z[3];
    return even > odd ? even : odd;
}

#endif
