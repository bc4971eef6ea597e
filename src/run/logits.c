#include "run/logits.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

/* The same arithmetic compiled for wider registers: contraction is off for the whole project, so
 * the clones give the same bits. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) &&                             \
    !defined(__SANITIZE_ADDRESS__)
#define CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CLONES
#endif

/* Eight doubles and eight masks; the compiler splits them to what the machine has. */
typedef double v8d __attribute__((vector_size(64)));
typedef int64_t v8i __attribute__((vector_size(64)));
enum { LANES = 8 };

static inline __attribute__((always_inline)) void choose(v8d *x, const v8i *keep, double otherwise)
{
    const v8d o = (v8d){0} + otherwise;
    *x = (v8d)((*keep & (v8i)*x) | (~*keep & (v8i)o));
}

/* e^x = 2^n e^r with |r| <= ln(2) / 2. Adding 1.5 2^52 leaves the rounded integer in the low bits
 * of the mantissa. 1/14! r^14 is below 2^-57, so that the series may stop at r^13. */
static inline __attribute__((always_inline)) void exp_lanes(v8d *io)
{
    const double magic = 0x1.8p52;
    v8d x = *io;
    v8i keep = x > -708.0; /* also catches a NaN */
    choose(&x, &keep, -708.0);
    keep = x < 709.0;
    choose(&x, &keep, 709.0);
    const v8d t = x * 0x1.71547652b82fep+0 + magic, n = t - magic;
    /* The high part of ln 2 has more than 11 zero bits at its end: n times it is exact. */
    const v8d r = (x - n * 0x1.62e42fee00000p-1) - n * 0x1.a39ef35793c76p-33;
    v8d p = (v8d){0} + 1.0 / 6227020800.0;
    p = p * r + 1.0 / 479001600.0;
    p = p * r + 1.0 / 39916800.0;
    p = p * r + 1.0 / 3628800.0;
    p = p * r + 1.0 / 362880.0;
    p = p * r + 1.0 / 40320.0;
    p = p * r + 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    const v8i scale = ((v8i)t + 1023) << 52; /* the magic number's own low bits are zero */
    *io = p * (v8d)scale;
}

CLONES void nap_exp64(double *x, size_t n)
{
    for (size_t i = 0; i < n; i += LANES) {
        const size_t len = n - i < LANES ? n - i : LANES;
        v8d v = {0};
        memcpy(&v, x + i, len * sizeof *x);
        exp_lanes(&v);
        memcpy(x + i, &v, len * sizeof *x);
    }
}

/* ln x = n ln 2 + 2 atanh(s), s = (m - 1) / (m + 1), m in [sqrt(1/2), sqrt(2)): |s| < 0.1716, and
 * s^24 is below 2^-61. */
double nap_log64(double x)
{
    int n;
    double m = frexp(x, &n);
    if (m < 0.70710678118654752) {
        m *= 2;
        n--;
    }
    const double s = (m - 1) / (m + 1), z = s * s;
    double p = 1.0 / 23;
    for (int k = 21; k >= 3; k -= 2) p = p * z + 1.0 / k;
    const double atanh_s = s + s * (z * p);
    return n * 0x1.62e42fee00000p-1 + (2 * atanh_s + n * 0x1.a39ef35793c76p-33);
}

float nap_logit_clean(float x)
{
    if (x > FLT_MAX) return FLT_MAX;
    return x >= -FLT_MAX ? x : -INFINITY;
}

CLONES float nap_logits_max(const float *logits, size_t n)
{
    float lane[16];
    for (int j = 0; j < 16; j++) lane[j] = -INFINITY;
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        for (int j = 0; j < 16; j++) lane[j] = logits[i + j] > lane[j] ? logits[i + j] : lane[j];
    }
    float max = -INFINITY;
    for (; i < n; i++) max = logits[i] > max ? logits[i] : max;
    for (int j = 0; j < 16; j++) max = lane[j] > max ? lane[j] : max;
    return nap_logit_clean(max);
}

CLONES double nap_logits_sum_exp(const float *logits, size_t n, float max)
{
    v8d sum = {0};
    for (size_t i = 0; i < n; i += LANES) {
        v8d x;
        if (n - i >= LANES) {
            for (int j = 0; j < LANES; j++) x[j] = logits[i + (size_t)j];
        } else {
            for (size_t j = 0; j < LANES; j++) x[j] = i + j < n ? (double)logits[i + j] : -INFINITY;
        }
        const v8i number = x == x;
        const v8i finite = x < FLT_MAX;
        choose(&x, &finite, FLT_MAX);
        choose(&x, &number, -INFINITY);
        x -= (double)max;
        exp_lanes(&x);
        sum += x;
    }
    return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}
