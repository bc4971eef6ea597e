/* exp, tanh and the activation functions: the specification, one number at a time.
 *
 * Every tier performs these operations in this order, so that all give the same bits: no libm
 * except fmaf (exactly rounded everywhere). v16_math.h is the same text for 16 lanes. Coefficients
 * are our own minimax fits of the relative error. Largest errors against double precision, over
 * all floats:
 *
 *   nap_ref_exp   0.895 ulp; 0.858 ulp where the result is subnormal
 *   nap_ref_tanh  1.363 ulp
 *
 * NaN gives NaN; which NaN (sign, payload) is the one thing that tiers may differ in. */
#ifndef NAP_KERNEL_MATHF_H
#define NAP_KERNEL_MATHF_H

#include "base/half.h"
#include "kernel/kernel.h"

#include <math.h>

/* Below the first the result rounds to 0, above the second it is infinite. */
#define NAP_EXP_LO (-104.0f)
#define NAP_EXP_HI 89.0f
#define NAP_LOG2E 0x1.715476p+0f
#define NAP_LN2_HI 0x1.62e4p-1f    /* 15 bits: n * NAP_LN2_HI is exact */
#define NAP_LN2_LO 0x1.7f7d1cp-20f /* ln 2 - NAP_LN2_HI */
#define NAP_ROUND_MAGIC 0x1.8p+23f /* adding it rounds to an integer, left in the low bits */
#define NAP_EXP_C2 0x1.fffffcp-2f  /* e^r ~ 1 + r + c2 r^2 + ... + c6 r^6, |r| <= ln(2) / 2 */
#define NAP_EXP_C3 0x1.555492p-3f
#define NAP_EXP_C4 0x1.5558f2p-5f
#define NAP_EXP_C5 0x1.1239f2p-7f
#define NAP_EXP_C6 0x1.6a241ap-10f
#define NAP_TANH_SMALL 0.625f /* below: tanh y ~ y + y^3 (c0 + c1 y^2 + ... + c4 y^8) */
#define NAP_TANH_C0 -0x1.555532p-2f
#define NAP_TANH_C1 0x1.110726p-3f
#define NAP_TANH_C2 -0x1.b83c54p-5f
#define NAP_TANH_C3 0x1.522676p-6f
#define NAP_TANH_C4 -0x1.75e120p-8f
#define NAP_GELU_A 0x1.988454p-1f /* sqrt(2 / pi) */
#define NAP_GELU_B 0x1.6e4e26p-5f /* 0.044715 */

/* The maximum that ignores a NaN on the left: what x86's maxps(a, b) computes. */
static inline float nap_ref_max(float a, float b)
{
    return a > b ? a : b;
}

static inline float nap_ref_exp(float x)
{
    x = NAP_EXP_LO > x ? NAP_EXP_LO : x; /* written so that a NaN stays */
    x = NAP_EXP_HI < x ? NAP_EXP_HI : x;
    /* x = n ln 2 + r */
    const float t = fmaf(x, NAP_LOG2E, NAP_ROUND_MAGIC);
    const float n = t - NAP_ROUND_MAGIC;
    float r = fmaf(n, -NAP_LN2_HI, x);
    r = fmaf(n, -NAP_LN2_LO, r);
    float p = NAP_EXP_C6;
    p = fmaf(p, r, NAP_EXP_C5);
    p = fmaf(p, r, NAP_EXP_C4);
    p = fmaf(p, r, NAP_EXP_C3);
    p = fmaf(p, r, NAP_EXP_C2);
    p = fmaf(p, r, 1.0f);
    p = fmaf(p, r, 1.0f);
    /* p 2^n in two exact steps and one rounding, so that denormal results come out right. n lies
     * in [-150, 128]; adding 1024 keeps the halving free of negative numbers. */
    const uint32_t biased = nap_f32_bits(t) - nap_f32_bits(NAP_ROUND_MAGIC) + 1024;
    const uint32_t half = biased >> 1;
    const float s1 = nap_bits_f32((half - 512 + 127) << 23);
    const float s2 = nap_bits_f32((biased - half - 512 + 127) << 23);
    return p * s1 * s2;
}

static inline float nap_ref_tanh(float y)
{
    const float a = fabsf(y);
    float v;
    if (a < NAP_TANH_SMALL) {
        const float y2 = a * a;
        float p = NAP_TANH_C4;
        p = fmaf(p, y2, NAP_TANH_C3);
        p = fmaf(p, y2, NAP_TANH_C2);
        p = fmaf(p, y2, NAP_TANH_C1);
        p = fmaf(p, y2, NAP_TANH_C0);
        v = fmaf(p * y2, a, a);
    } else {
        v = 1.0f - 2.0f / (nap_ref_exp(a + a) + 1.0f);
    }
    return copysignf(v, y);
}

/* x sigmoid(x) */
static inline float nap_ref_silu(float x)
{
    return x / (1.0f + nap_ref_exp(-x));
}

/* 0.5 x (1 + tanh u) = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3) */
static inline float nap_ref_gelu(float x)
{
    const float u = NAP_GELU_A * fmaf(NAP_GELU_B * x, x * x, x);
    return x / (1.0f + nap_ref_exp(-(u + u)));
}

static inline float nap_ref_relu2(float x)
{
    const float r = nap_ref_max(0.0f, x);
    return r * r;
}

static inline float nap_ref_act(nap_glu kind, float x)
{
    switch (kind) {
    case NAP_GLU_SILU:
        return nap_ref_silu(x);
    case NAP_GLU_GELU_TANH:
        return nap_ref_gelu(x);
    case NAP_GLU_RELU2:
        break;
    }
    return nap_ref_relu2(x);
}

/* The fold of 16 lanes: lane j + n/2 onto lane j, n = 16, 8, 4, 2. */
static inline float nap_ref_fold_sum(float lane[16])
{
    for (size_t n = 8; n > 0; n /= 2) {
        for (size_t j = 0; j < n; j++) lane[j] = lane[j] + lane[j + n];
    }
    return lane[0];
}

static inline float nap_ref_fold_max(float lane[16])
{
    for (size_t n = 8; n > 0; n /= 2) {
        for (size_t j = 0; j < n; j++) lane[j] = nap_ref_max(lane[j], lane[j + n]);
    }
    return lane[0];
}

#endif
