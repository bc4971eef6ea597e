/* Operands that an array is exercised with: steps' images, random or from recorded tensors. */
#ifndef NAP_RTL_OPERANDS_H
#define NAP_RTL_OPERANDS_H

#include "rtl/synth.h"

typedef struct nap_operands {
    size_t steps, x_bytes, w_bytes; /* padded images of one step */
    uint8_t *x, *w;
} nap_operands;

/* Recorded tensors are two files in a folder: activations.npy and weights.npy, float32, [rows, K]
 * and [columns, K]. They are quantized here to what the design takes: activations by row (int8,
 * int16, FP8: the largest magnitude to the end of the range; binary16 as they are), weights by
 * groups of 32 to `wbits` bits, symmetric. Uniform activation's weights: the quantized value, for
 * floating point times the group's scale. */
nap_status nap_operands_make(const nap_core *c, const nap_synth_options *o, size_t steps,
                             nap_operands *out, nap_error *e);
void nap_operands_free(nap_operands *p);

#endif
