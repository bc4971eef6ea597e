/* One step of the array: which rule applies, and the sums that table methods share. */
#include "lutcore/array_impl.h"

uint32_t nap_sum_terms(const nap_core *c, uint32_t acc, const uint32_t *f16, unsigned p)
{
    const nap_fpfmt out = nap_acc_fmt(c->acc);
    if (c->fpsum == NAP_FPSUM_FUSED)
        return nap_fp_fused(nap_fp_f16, out, acc, f16, NULL, c->depth, p);
    for (unsigned d = 0; d < c->depth; d++) {
        const uint32_t term = nap_fp_scale2(out, nap_fp_convert(nap_fp_f16, out, f16[d]), p);
        acc = nap_fp_add(out, acc, term);
    }
    return acc;
}

void nap_array_step(const nap_core *c, unsigned wbits, const uint8_t *x, const uint8_t *w,
                    uint32_t *acc)
{
    if (c->method == NAP_METHOD_LUT) {
        nap_step_lut(c, wbits, x, w, acc);
    } else {
        nap_step_base(c, wbits, x, w, acc);
    }
}
