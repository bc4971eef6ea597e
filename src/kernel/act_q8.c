/* The Q8 activation form: sizes, parts, and the reference prepare. */
#include "kernel/rows.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 32 };

static size_t round64(size_t n)
{
    return (n + 63) / 64 * 64;
}

size_t nap_act_bytes(nap_act_form form, size_t cols)
{
    if (form == NAP_ACT_F32) return round64(cols * sizeof(float));
    return round64(cols) + 2 * round64(cols / BLOCK * sizeof(float)) +
           round64(cols / 16 * sizeof(int32_t));
}

nap_act_q8 nap_act_q8_view(const void *act, size_t cols)
{
    const char *p = act;
    const size_t scales = round64(cols / BLOCK * sizeof(float));
    nap_act_q8 v;
    v.q = (const int8_t *)p;
    p += round64(cols);
    v.d = (const float *)(const void *)p;
    p += scales;
    v.s = (const float *)(const void *)p;
    p += scales;
    v.sum = (const int32_t *)(const void *)p;
    return v;
}

void nap_prepare_ref(const float *x, size_t cols, void *act)
{
    const nap_act_q8 v = nap_act_q8_view(act, cols);
    int8_t *q = (int8_t *)v.q;
    float *d = (float *)v.d, *s = (float *)v.s;
    int32_t *sum = (int32_t *)v.sum;
    for (size_t b = 0; b < cols / BLOCK; b++, x += BLOCK, q += BLOCK) {
        float amax = 0;
        bool finite = true;
        for (int i = 0; i < BLOCK; i++) {
            const float a = fabsf(x[i]);
            if (!(a <= 0x1.fffffep127f)) finite = false;
            if (a > amax) amax = a;
        }
        memset(q, 0, BLOCK);
        int32_t part[2] = {0, 0};
        const float inverse = 127 / amax;
        d[b] = !finite ? NAN : isinf(inverse) ? 0 : amax / 127;
        if (finite && !isinf(inverse)) {
            for (int i = 0; i < BLOCK; i++) {
                q[i] = (int8_t)nearbyintf(x[i] * inverse);
                part[i / 16] += q[i];
            }
        }
        sum[2 * b] = part[0];
        sum[2 * b + 1] = part[1];
        s[b] = d[b] * (float)(part[0] + part[1]);
    }
}
