/* Floating point in integers: the arithmetic that the Verilog does, bit for bit, for small formats.
 * A value is its bit pattern. Rounding: to nearest, ties to even. Subnormals are kept. A NaN result
 * is the format's one quiet NaN: sign 0, top fraction bit (E4M3: all ones, which also stands for
 * what is too large, as it has no infinity). x + -x is +0. */
#ifndef NAP_LUTCORE_FPNUM_H
#define NAP_LUTCORE_FPNUM_H

#include "lutcore/types.h"

typedef struct nap_fpfmt {
    unsigned exp, man; /* field widths; bias 2^(exp-1) - 1 */
    bool finite_only;  /* E4M3: no infinity, all-ones is NaN */
} nap_fpfmt;
extern const nap_fpfmt nap_fp_f16, nap_fp_f32, nap_fp_e4m3, nap_fp_e5m2;

uint32_t nap_fp_add(nap_fpfmt f, uint32_t a, uint32_t b);
uint32_t nap_fp_mul(nap_fpfmt f, uint32_t a, uint32_t b);          /* rounded */
uint32_t nap_fp_scale2(nap_fpfmt f, uint32_t a, unsigned shift);   /* a * 2^shift */
uint32_t nap_fp_convert(nap_fpfmt from, nap_fpfmt to, uint32_t a); /* rounded where narrower */
int32_t nap_fp_to_int8(uint32_t f16, int e);      /* RNE(x * 2^-e) clamped to +-127; NaN 0 */
uint32_t nap_fp_from_int(nap_fpfmt f, int32_t v); /* rounded; zero is +0 */
double nap_fp_value(nap_fpfmt f, uint32_t a);
uint32_t nap_fp_from(nap_fpfmt f, double v);
/* Exact products and one alignment (array.h, "The fused rule"): adds acc and the n terms
 * a[i] * b[i] * 2^p, a and b in `in`, result in `out`. b NULL: terms a[i] * 2^p. The exact sum has
 * to fit 63 bits: `in` of at most 11 significant bits and n <= 64 do with any `out`. */
uint32_t nap_fp_fused(nap_fpfmt in, nap_fpfmt out, uint32_t acc, const uint32_t *a,
                      const uint32_t *b, size_t n, unsigned p);
/* The same with integer factors of at most 9 bits. */
uint32_t nap_fp_fused_int(nap_fpfmt in, nap_fpfmt out, uint32_t acc, const uint32_t *a,
                          const int32_t *w, size_t n);

#endif
