/* Declarations of the functions that the rows of table.c name: nap_<what>_<tier>. */
#ifndef NAP_KERNEL_ROWS_H
#define NAP_KERNEL_ROWS_H

#include "kernel/kernel.h"
#include "kernel/shapes.h"

/* Layouts (layout.c). */
#define NAP_DECLARE_LAYOUT(name, ...) extern const nap_layout nap_layout_##name;
NAP_BLOCK_SHAPES(NAP_DECLARE_LAYOUT)
NAP_FLOAT_SHAPES(NAP_DECLARE_LAYOUT)

/* Matmul: one function per shape, tier and phase. */
void nap_matmul_block_ref(const nap_matmul_args *a); /* all block shapes, both phases */
void nap_matmul_float_ref(const nap_matmul_args *a); /* all float shapes, both phases */
#define NAP_DECLARE_MATMUL(name, tier)                                                             \
    void nap_decode_##name##_##tier(const nap_matmul_args *a);                                     \
    void nap_prefill_##name##_##tier(const nap_matmul_args *a);
#define NAP_DECLARE_BLOCK_AVX512(name, ...) NAP_DECLARE_MATMUL(name, avx512)
#define NAP_DECLARE_BLOCK_AVX2(name, ...) NAP_DECLARE_MATMUL(name, avx2)
#define NAP_DECLARE_BLOCK_AVXVNNI(name, ...) NAP_DECLARE_MATMUL(name, avxvnni)
NAP_BLOCK_SHAPES(NAP_DECLARE_BLOCK_AVX512)
NAP_BLOCK_SHAPES(NAP_DECLARE_BLOCK_AVX2)
NAP_BLOCK_SHAPES(NAP_DECLARE_BLOCK_AVXVNNI)
#define NAP_DECLARE_BLOCK_NEON(name, ...) NAP_DECLARE_MATMUL(name, neon)
NAP_BLOCK_SHAPES(NAP_DECLARE_BLOCK_NEON)
#define NAP_DECLARE_FLOATS(name)                                                                   \
    NAP_DECLARE_MATMUL(name, avx512) NAP_DECLARE_MATMUL(name, avx2) NAP_DECLARE_MATMUL(name, neon)
NAP_FLOAT_SHAPES(NAP_DECLARE_FLOATS)

/* Vector operations: every tier may have any of them; table.c lists those that exist. */
#define NAP_DECLARE_VECTORS(tier)                                                                  \
    void nap_prepare_##tier(const float *x, size_t cols, void *act);                               \
    void nap_rmsnorm_##tier(const float *x, const float *w, float *out, size_t n, float eps);      \
    void nap_rope_##tier(float *x, size_t heads, size_t head_dim, size_t rot, const float *cs,     \
                         bool neox);                                                               \
    void nap_glu_##tier(nap_glu kind, const float *gate, const float *up, float *out, size_t n);   \
    void nap_add_##tier(float *x, const float *y, size_t n);                                       \
    void nap_scale_##tier(float *x, float s, size_t n);                                            \
    void nap_softcap_##tier(float *x, float cap, size_t n);                                        \
    void nap_kv_store_##tier(uint16_t *k_page, uint16_t *v_page, size_t index, size_t kv_heads,    \
                             size_t head_dim_k, size_t head_dim_v, const float *k,                 \
                             const float *v);                                                      \
    void nap_attention_##tier(const nap_attention_args *a, size_t item);
NAP_DECLARE_VECTORS(ref)
void nap_prepare_q8_1_ref(const float *x, size_t cols, void *act);
void nap_prepare_q8_k_ref(const float *x, size_t cols, void *act);
NAP_DECLARE_VECTORS(avx2)
NAP_DECLARE_VECTORS(avx512)
NAP_DECLARE_VECTORS(neon)

#endif
