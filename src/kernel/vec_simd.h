/* The vector operators on sixteen lanes. Each vec_<tier>.c includes a v16_*.h and then this, and so
 * gets the rows of its tier; vec_ref.c is the specification. */
#include "kernel/rows.h"
#include "kernel/v16_math.h"

#include <math.h>

void V16_FN(nap_rmsnorm)(const float *x, const float *w, float *out, size_t n, float eps)
{
    const size_t whole = n / 16 * 16, rest = n % 16;
    v16 sum = v16_set1(0.0f);
    for (size_t i = 0; i < whole; i += 16) {
        const v16 v = v16_load(x + i);
        sum = v16_fma(v, v, sum);
    }
    if (rest) {
        /* lanes past the end add 0 * 0: no change, as a sum of squares is never -0 */
        const v16 v = v16_load_n(x + whole, rest);
        sum = v16_fma(v, v, sum);
    }
    const float mean = v16_fold_sum(sum) / (float)n;
    const v16 r = v16_set1(1.0f / sqrtf(mean + eps));
    for (size_t i = 0; i < whole; i += 16) {
        const v16 v = v16_mul(v16_load(x + i), r);
        v16_store(out + i, w ? v16_mul(v, v16_load(w + i)) : v);
    }
    if (rest) {
        const v16 v = v16_mul(v16_load_n(x + whole, rest), r);
        v16_store_n(out + whole, w ? v16_mul(v, v16_load_n(w + whole, rest)) : v, rest);
    }
}

/* Pairs (x[i], x[i + half]); n of them at i. */
static inline void rope_neox(float *x, size_t half, const float *cs, size_t n)
{
    const v16 a = v16_load_n(x, n), b = v16_load_n(x + half, n);
    const v16 c0 = v16_load_n(cs, 2 * n < 16 ? 2 * n : 16);
    const v16 c1 = n > 8 ? v16_load_n(cs + 16, 2 * n - 16) : v16_set1(0.0f);
    const v16 cosine = v16_evens(c0, c1), sine = v16_odds(c0, c1);
    v16_store_n(x, v16_fma(a, cosine, v16_neg(v16_mul(b, sine))), n);
    v16_store_n(x + half, v16_fma(a, sine, v16_mul(b, cosine)), n);
}

/* Pairs (x[2 i], x[2 i + 1]); n elements. Even lanes get a cos - b sin, odd ones a sin + b cos. */
static inline void rope_adjacent(float *x, const float *cs, size_t n)
{
    const v16 v = v16_load_n(x, n), c = v16_load_n(cs, n);
    const v16 a = v16_dup_even(v), b = v16_dup_odd(v);
    const v16 product = v16_neg_even(v16_mul(b, v16_swap_pairs(c)));
    v16_store_n(x, v16_fma(a, c, product), n);
}

void V16_FN(nap_rope)(float *x, size_t heads, size_t head_dim, size_t rot, const float *cs,
                      bool neox)
{
    const size_t half = rot / 2;
    for (size_t h = 0; h < heads; h++, x += head_dim) {
        if (neox) {
            size_t i = 0;
            for (; i + 16 <= half; i += 16) rope_neox(x + i, half, cs + 2 * i, 16);
            if (i < half) rope_neox(x + i, half, cs + 2 * i, half - i);
        } else {
            size_t i = 0;
            for (; i + 16 <= 2 * half; i += 16) rope_adjacent(x + i, cs + i, 16);
            if (i < 2 * half) rope_adjacent(x + i, cs + i, 2 * half - i);
        }
    }
}

static inline __attribute__((always_inline)) void glu(nap_glu kind, const float *gate,
                                                      const float *up, float *out, size_t n)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const v16 v = v16_act(kind, v16_load(gate + i));
        v16_store(out + i, up ? v16_mul(v, v16_load(up + i)) : v);
    }
    if (i < n) {
        const v16 v = v16_act(kind, v16_load_n(gate + i, n - i));
        v16_store_n(out + i, up ? v16_mul(v, v16_load_n(up + i, n - i)) : v, n - i);
    }
}

void V16_FN(nap_glu)(nap_glu kind, const float *gate, const float *up, float *out, size_t n)
{
    switch (kind) { /* a loop of its own for each */
    case NAP_GLU_SILU:
        glu(NAP_GLU_SILU, gate, up, out, n);
        return;
    case NAP_GLU_GELU_TANH:
        glu(NAP_GLU_GELU_TANH, gate, up, out, n);
        return;
    case NAP_GLU_RELU2:
        glu(NAP_GLU_RELU2, gate, up, out, n);
        return;
    }
}

void V16_FN(nap_add)(float *x, const float *y, size_t n)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16) v16_store(x + i, v16_add(v16_load(x + i), v16_load(y + i)));
    if (i < n) {
        const v16 sum = v16_add(v16_load_n(x + i, n - i), v16_load_n(y + i, n - i));
        v16_store_n(x + i, sum, n - i);
    }
}

void V16_FN(nap_scale)(float *x, float s, size_t n)
{
    const v16 factor = v16_set1(s);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) v16_store(x + i, v16_mul(v16_load(x + i), factor));
    if (i < n) v16_store_n(x + i, v16_mul(v16_load_n(x + i, n - i), factor), n - i);
}

static inline v16 softcap(v16 x, v16 cap)
{
    return v16_mul(cap, v16_tanh(v16_div(x, cap)));
}

void V16_FN(nap_softcap)(float *x, float cap, size_t n)
{
    const v16 c = v16_set1(cap);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) v16_store(x + i, softcap(v16_load(x + i), c));
    if (i < n) v16_store_n(x + i, softcap(v16_load_n(x + i, n - i), c), n - i);
}

void V16_FN(nap_kv_store)(uint16_t *k_page, uint16_t *v_page, size_t index, size_t kv_heads,
                          size_t head_dim_k, size_t head_dim_v, const float *k, const float *v)
{
    const size_t tile = index / NAP_KV_TILE, lane = index % NAP_KV_TILE;
    for (size_t h = 0; h < kv_heads; h++, k += head_dim_k, v += head_dim_v) {
        uint16_t *const kt = k_page + (h * NAP_KV_PAGE + tile * NAP_KV_TILE) * head_dim_k + lane;
        uint16_t *const vp = v_page + (h * NAP_KV_PAGE + index) * head_dim_v;
        uint16_t half[16];
        for (size_t i = 0; i < head_dim_k; i += 16) {
            const size_t n = head_dim_k - i < 16 ? head_dim_k - i : 16;
            v16_store_h(half, n < 16 ? v16_load_n(k + i, n) : v16_load(k + i));
            for (size_t j = 0; j < n; j++) kt[(i + j) * NAP_KV_TILE] = half[j];
        }
        for (size_t i = 0; i < head_dim_v; i += 16) {
            const size_t n = head_dim_v - i < 16 ? head_dim_v - i : 16;
            if (n == 16) {
                v16_store_h(vp + i, v16_load(v + i));
            } else {
                v16_store_h(half, v16_load_n(v + i, n));
                for (size_t j = 0; j < n; j++) vp[i + j] = half[j];
            }
        }
    }
}
