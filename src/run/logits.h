/* Softmax of a row of logits, the same bits on every machine.
 *
 * What is drawn from a distribution may not depend on which libm, compiler or instruction set
 * served: a last bit that differs can flip a draw. exp and log are therefore our own, in double,
 * from additions, multiplications and divisions in one written order (no fused operations, no
 * table look-ups), and sums run over eight fixed lanes. A NaN counts as "impossible", like -inf;
 * +inf counts as FLT_MAX. */
#ifndef NAP_RUN_LOGITS_H
#define NAP_RUN_LOGITS_H

#include <stddef.h>

/* e^x of each, and ln x, relative error below 2^-51 (x <= -708 and NaN give e^-708, x >= 709 gives
 * e^709; log wants a normal positive number). */
void nap_exp64(double *x, size_t n);
double nap_log64(double x);

/* The largest logit; -INFINITY if all are NaN or -inf. */
float nap_logits_max(const float *logits, size_t n);
/* sum of exp(logits[i] - max). */
double nap_logits_sum_exp(const float *logits, size_t n, float max);

/* +inf to FLT_MAX, NaN to -inf. */
float nap_logit_clean(float x);

#endif
