/* mathf.h for sixteen lanes: the same operations in the same order, so the same bits. Included
 * after a v16_*.h. Where the scalar text branches, both sides are computed and one is chosen. */
#ifndef NAP_KERNEL_V16_MATH_H
#define NAP_KERNEL_V16_MATH_H

#include "kernel/mathf.h"

/* exp of x <= NAP_EXP_HI, or NaN. */
static inline v16 v16_exp_negative(v16 x)
{
    x = v16_max(v16_set1(NAP_EXP_LO), x);
    const v16 t = v16_fma(x, v16_set1(NAP_LOG2E), v16_set1(NAP_ROUND_MAGIC));
    const v16 n = v16_sub(t, v16_set1(NAP_ROUND_MAGIC));
    v16 r = v16_fma(n, v16_set1(-NAP_LN2_HI), x);
    r = v16_fma(n, v16_set1(-NAP_LN2_LO), r);
    v16 p = v16_set1(NAP_EXP_C6);
    p = v16_fma(p, r, v16_set1(NAP_EXP_C5));
    p = v16_fma(p, r, v16_set1(NAP_EXP_C4));
    p = v16_fma(p, r, v16_set1(NAP_EXP_C3));
    p = v16_fma(p, r, v16_set1(NAP_EXP_C2));
    p = v16_fma(p, r, v16_set1(1.0f));
    p = v16_fma(p, r, v16_set1(1.0f));
    return v16_scale_exp(p, n, t);
}

static inline v16 v16_exp(v16 x)
{
    return v16_exp_negative(v16_min(v16_set1(NAP_EXP_HI), x));
}

static inline v16 v16_tanh(v16 y)
{
    const v16 a = v16_abs(y), a2 = v16_mul(a, a), one = v16_set1(1.0f);
    v16 p = v16_set1(NAP_TANH_C4);
    p = v16_fma(p, a2, v16_set1(NAP_TANH_C3));
    p = v16_fma(p, a2, v16_set1(NAP_TANH_C2));
    p = v16_fma(p, a2, v16_set1(NAP_TANH_C1));
    p = v16_fma(p, a2, v16_set1(NAP_TANH_C0));
    const v16 small = v16_fma(v16_mul(p, a2), a, a);
    const v16 large = v16_sub(one, v16_div(v16_set1(2.0f), v16_add(v16_exp(v16_add(a, a)), one)));
    return v16_with_sign(v16_if_less(a, v16_set1(NAP_TANH_SMALL), small, large), y);
}

/* x / (1 + exp(-z)) */
static inline v16 v16_times_sigmoid(v16 x, v16 z)
{
    return v16_div(x, v16_add(v16_set1(1.0f), v16_exp(v16_neg(z))));
}

static inline v16 v16_act(nap_glu kind, v16 x)
{
    if (kind == NAP_GLU_SILU) return v16_times_sigmoid(x, x);
    if (kind == NAP_GLU_GELU_TANH) {
        const v16 cubic = v16_fma(v16_mul(v16_set1(NAP_GELU_B), x), v16_mul(x, x), x);
        const v16 u = v16_mul(v16_set1(NAP_GELU_A), cubic);
        return v16_times_sigmoid(x, v16_add(u, u));
    }
    const v16 r = v16_max(v16_set1(0.0f), x);
    return v16_mul(r, r);
}

#endif
