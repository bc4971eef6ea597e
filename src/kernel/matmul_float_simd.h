/* Matmul of float weights on sixteen lanes, one lane a row. Each matmul_float_<tier>.c includes a
 * v16_*.h, sets the register blocks, and includes this.
 *
 *   PREFILL_TILES x PREFILL_TOKENS   accumulators of many tokens
 *   DECODE_TILES                     tiles of one token: enough chains to hide the latency of fma
 */
#include "kernel/layout.h"

#include <string.h>

#define INLINE static inline __attribute__((always_inline))

typedef enum float_kind { KIND_F32, KIND_F16, KIND_BF16 } float_kind;

INLINE v16 load_weights(float_kind kind, const uint8_t *tile, size_t k)
{
    if (kind == KIND_F32) return v16_load((const float *)(const void *)tile + 16 * k);
    const uint16_t *half = (const uint16_t *)(const void *)tile + 16 * k;
    if (kind == KIND_F16) return v16_load_h(half);
    uint32_t wide[16];
    for (unsigned i = 0; i < 16; i++) wide[i] = (uint32_t)half[i] << 16;
    float w[16];
    memcpy(w, wide, sizeof w);
    return v16_load(w);
}

/* `tiles` x `tokens` (constants) outputs from row `row` and token t0 on. */
INLINE void multiply(const nap_matmul_args *a, float_kind kind, size_t row, size_t t0,
                     const unsigned tiles, const unsigned tokens)
{
    const size_t cols = a->w->cols, tile_bytes = cols * 16 * (kind == KIND_F32 ? 4 : 2);
    const uint8_t *tile = (const uint8_t *)a->w->data + row / NAP_ROW_TILE * tile_bytes;
    const char *x = (const char *)a->act + t0 * a->act_stride;
    v16 acc[4][8];
#pragma GCC unroll 4
    for (unsigned i = 0; i < tiles; i++) {
#pragma GCC unroll 8
        for (unsigned t = 0; t < tokens; t++) acc[i][t] = v16_set1(0.0f);
    }
    for (size_t k = 0; k < cols; k++) {
        v16 w[4];
#pragma GCC unroll 4
        for (unsigned i = 0; i < tiles; i++) w[i] = load_weights(kind, tile + i * tile_bytes, k);
#pragma GCC unroll 8
        for (unsigned t = 0; t < tokens; t++) {
            const v16 q = v16_set1(((const float *)(const void *)(x + t * a->act_stride))[k]);
#pragma GCC unroll 4
            for (unsigned i = 0; i < tiles; i++) acc[i][t] = v16_fma(w[i], q, acc[i][t]);
        }
    }
#pragma GCC unroll 4
    for (unsigned i = 0; i < tiles; i++) {
        const size_t first = row + i * NAP_ROW_TILE, lanes = a->row_end - first;
#pragma GCC unroll 8
        for (unsigned t = 0; t < tokens; t++) {
            float *out = a->out + (t0 + t) * a->out_stride + first;
            if (lanes >= NAP_ROW_TILE)
                v16_store(out, acc[i][t]);
            else
                v16_store_n(out, acc[i][t], lanes);
        }
    }
}

INLINE void decode(const nap_matmul_args *a, float_kind kind)
{
    for (size_t t = 0; t < a->tokens; t++) {
        size_t row = a->row_begin;
        for (; a->row_end - row >= DECODE_TILES * NAP_ROW_TILE;
             row += DECODE_TILES * NAP_ROW_TILE) {
            multiply(a, kind, row, t, DECODE_TILES, 1);
        }
        for (; row < a->row_end; row += NAP_ROW_TILE) multiply(a, kind, row, t, 1, 1);
    }
}

INLINE void prefill(const nap_matmul_args *a, float_kind kind)
{
    size_t row = a->row_begin;
    while (row < a->row_end) {
        const bool full = a->row_end - row >= PREFILL_TILES * NAP_ROW_TILE;
        size_t t = 0;
        for (; full && a->tokens - t >= PREFILL_TOKENS; t += PREFILL_TOKENS) {
            multiply(a, kind, row, t, PREFILL_TILES, PREFILL_TOKENS);
        }
        for (; full && t < a->tokens; t++) multiply(a, kind, row, t, PREFILL_TILES, 1);
        for (; !full && a->tokens - t >= PREFILL_TOKENS; t += PREFILL_TOKENS) {
            multiply(a, kind, row, t, 1, PREFILL_TOKENS);
        }
        for (; !full && t < a->tokens; t++) multiply(a, kind, row, t, 1, 1);
        row += full ? PREFILL_TILES * NAP_ROW_TILE : NAP_ROW_TILE;
    }
}

#define DEFINE_FLOAT_ROW(name, KIND)                                                               \
    void V16_FN(nap_decode_##name)(const nap_matmul_args *a)                                       \
    {                                                                                              \
        decode(a, KIND);                                                                           \
    }                                                                                              \
    void V16_FN(nap_prefill_##name)(const nap_matmul_args *a)                                      \
    {                                                                                              \
        prefill(a, KIND);                                                                          \
    }
DEFINE_FLOAT_ROW(f32, KIND_F32)
DEFINE_FLOAT_ROW(f16, KIND_F16)
DEFINE_FLOAT_ROW(bf16, KIND_BF16)
