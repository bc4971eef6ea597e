/* The vector operators, as their definition reads (kernel.h). The specification of vec_simd.h. */
#include "kernel/mathf.h"
#include "kernel/rows.h"

void nap_rmsnorm_ref(const float *x, const float *w, float *out, size_t n, float eps)
{
    float lane[16] = {0};
    for (size_t i = 0; i < n; i++) lane[i % 16] = fmaf(x[i], x[i], lane[i % 16]);
    const float mean = nap_ref_fold_sum(lane) / (float)n;
    const float r = 1.0f / sqrtf(mean + eps);
    for (size_t i = 0; i < n; i++) out[i] = w ? x[i] * r * w[i] : x[i] * r;
}

void nap_rope_ref(float *x, size_t heads, size_t head_dim, size_t rot, const float *cs, bool neox)
{
    for (size_t h = 0; h < heads; h++, x += head_dim) {
        for (size_t i = 0; i < rot / 2; i++) {
            float *const pa = neox ? x + i : x + 2 * i;
            float *const pb = neox ? x + i + rot / 2 : x + 2 * i + 1;
            const float a = *pa, b = *pb, cosine = cs[2 * i], sine = cs[2 * i + 1];
            *pa = fmaf(a, cosine, -(b * sine));
            *pb = fmaf(a, sine, b * cosine);
        }
    }
}

void nap_glu_ref(nap_glu kind, const float *gate, const float *up, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const float v = nap_ref_act(kind, gate[i]);
        out[i] = up ? v * up[i] : v;
    }
}

void nap_add_ref(float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++) x[i] = x[i] + y[i];
}

void nap_scale_ref(float *x, float s, size_t n)
{
    for (size_t i = 0; i < n; i++) x[i] = x[i] * s;
}

void nap_softcap_ref(float *x, float cap, size_t n)
{
    for (size_t i = 0; i < n; i++) x[i] = cap * nap_ref_tanh(x[i] / cap);
}

void nap_kv_store_ref(uint16_t *k_page, uint16_t *v_page, size_t index, size_t kv_heads,
                      size_t head_dim_k, size_t head_dim_v, const float *k, const float *v)
{
    const size_t tile = index / NAP_KV_TILE, lane = index % NAP_KV_TILE;
    for (size_t h = 0; h < kv_heads; h++) {
        uint16_t *const kh = k_page + h * NAP_KV_PAGE * head_dim_k;
        uint16_t *const vh = v_page + h * NAP_KV_PAGE * head_dim_v;
        for (size_t i = 0; i < head_dim_k; i++) {
            kh[(tile * head_dim_k + i) * NAP_KV_TILE + lane] =
                nap_f32_to_f16(k[h * head_dim_k + i]);
        }
        for (size_t i = 0; i < head_dim_v; i++) {
            vh[index * head_dim_v + i] = nap_f32_to_f16(v[h * head_dim_v + i]);
        }
    }
}
