/* Pre-alignment: floating-point activations to integers with one exponent, so that everything
 * after is integer arithmetic (FIGNA, HPCA'24; FIGLUT-I, HPCA'25). */
#include "lutcore/array_impl.h"

/* A value as (neg ? -sig : sig) * 2^exp, exactly; NaN as zero, an infinity as the largest finite.
 */
typedef struct value {
    bool neg;
    uint32_t sig;
    int exp;
} value;

static value value_of(nap_fpfmt f, uint32_t a)
{
    const uint32_t frac_mask = (1u << f.man) - 1, most = (1u << f.exp) - 1;
    uint32_t frac = a & frac_mask, field = a >> f.man & most;
    const bool neg = a >> (f.exp + f.man) & 1;
    if (field == most && (!f.finite_only || frac == frac_mask)) {
        if (f.finite_only || frac) return (value){false, 0, 0};
        field--;
        frac = frac_mask;
    }
    const int lowest = 2 - (1 << (f.exp - 1)) - (int)f.man;
    if (field == 0) return (value){neg, frac, lowest};
    return (value){neg, frac | 1u << f.man, lowest + (int)field - 1};
}

void nap_prealign(nap_act act, const uint16_t *x, size_t count, unsigned bits, int16_t *q, int *e)
{
    const nap_fpfmt f = nap_act_fmt(act);
    bool any = false;
    int top = 0; /* exponent of the largest leading bit */
    for (size_t i = 0; i < count; i++) {
        const value v = value_of(f, x[i]);
        if (v.sig == 0) continue;
        const int lead = 31 - __builtin_clz(v.sig) + v.exp;
        if (!any || lead > top) top = lead;
        any = true;
    }
    *e = any ? top - ((int)bits - 2) : 0;
    for (size_t i = 0; i < count; i++) {
        const value v = value_of(f, x[i]);
        const int32_t whole = v.neg ? -(int32_t)v.sig : (int32_t)v.sig;
        const int shift = v.exp - *e;
        /* shift <= bits - 2 - (leading bit of sig): the result fits. */
        if (shift >= 0) {
            q[i] = (int16_t)(whole * (1 << (v.sig ? shift : 0)));
        } else {
            q[i] = (int16_t)(whole >> (shift < -31 ? 31 : -shift));
        }
    }
}
