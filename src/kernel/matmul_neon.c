/* Matmul on NEON with dotprod: four rows are the four dwords of a register, a tile is four such
 * quads. sdot multiplies four signed values of each row by four activations, picked by lane from a
 * register that holds sixteen, so activations need no broadcasts and zero points are simply
 * subtracted when unpacking.
 *
 * Decode goes through the stream once: all quads of a record, at most four tokens. Prefill takes
 * one quad and eight tokens, so that unpacking (about as much work as one token) is shared by more;
 * a tile's records are still in L1 when the next quad or the next tokens come. */
#include "kernel/layout.h"

#include <arm_neon.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

enum { TILE = NAP_ROW_TILE, QUAD = 4, QUADS = TILE / QUAD, DECODE_TOKENS = 4, PREFILL_TOKENS = 8 };

/* ------------------------------------------------------------------ unpacking */

/* What stays the same for a whole matrix: the element table, or the zero point. */
typedef struct elements {
    int8x16_t table, zero;
} elements;

INLINE elements elements_of(const nap_format *f, bool table)
{
    int8_t t[16] = {0};
    if (table) memcpy(t, f->table, (size_t)1 << f->bits);
    return (elements){vld1q_s8(t), vdupq_n_s8((int8_t)f->zero)};
}

/* 32 elements of a quad to eight registers of signed bytes, one for each four elements. `codes`
 * points to the quad's part of the first vector. */
INLINE void unpack(const nap_record r, bool table, const elements e, const uint8_t *codes,
                   int8x16_t w[8])
{
    uint8x16_t v[8];
    unsigned low = 0;
#pragma GCC unroll 4
    for (unsigned width = 8; width > 0; width /= 2) {
        if (!(r.bits & width)) continue;
        const uint8x16_t mask = vdupq_n_u8((uint8_t)((1u << width) - 1));
#pragma GCC unroll 8
        for (unsigned kg = 0; kg < 8; kg++) {
            uint8x16_t c = vld1q_u8(codes + (size_t)64 * (kg % width));
            const unsigned down = kg / width * width;
            if (down > 0) c = vshlq_u8(c, vdupq_n_s8((int8_t)(0 - (int)down)));
            if (width < 8) c = vandq_u8(c, mask);
            if (low > 0) c = vorrq_u8(v[kg], vshlq_u8(c, vdupq_n_s8((int8_t)low)));
            v[kg] = c;
        }
        codes += (size_t)64 * width;
        low += width;
    }
#pragma GCC unroll 8
    for (unsigned kg = 0; kg < 8; kg++) {
        if (table)
            w[kg] = vqtbl1q_s8(e.table, v[kg]);
        else if (r.min)
            w[kg] = vreinterpretq_s8_u8(v[kg]);
        else
            w[kg] = vsubq_s8(vreinterpretq_s8_u8(v[kg]), e.zero);
    }
}

INLINE float32x4_t load_f16(const uint8_t *p)
{
    return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p)));
}

/* Four bytes to four dwords. */
INLINE uint32x4_t load_bytes(const uint8_t *p)
{
    uint32_t four;
    memcpy(&four, p, 4);
    return vmovl_u16(vget_low_u16(vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(four)))));
}

/* Scale and minimum of group g of a quad. */
INLINE float32x4_t group_scale(const nap_record r, const uint8_t *record, unsigned g, unsigned quad)
{
    if (r.store == NAP_STORE_E8M0) { /* 2^(e - 128), subnormal for e < 2 */
        const uint32x4_t e = load_bytes(record + r.d + 4 * quad), one = vdupq_n_u32(1);
        const uint32x4_t normal = vshlq_n_u32(vsubq_u32(e, one), 23);
        const uint32x4_t tiny = vshlq_u32(vdupq_n_u32(0x200000), vreinterpretq_s32_u32(e));
        return vreinterpretq_f32_u32(vbslq_u32(vcleq_u32(e, one), tiny, normal));
    }
    const float32x4_t d = load_f16(record + r.d + 8 * quad);
    if (r.store == NAP_STORE_F16) return d;
    const uint32x4_t sc = load_bytes(record + r.sc + 16 * g + 4 * quad);
    if (r.store == NAP_STORE_F16_I4) {
        return vmulq_f32(d, vcvtq_f32_u32(vandq_u32(sc, vdupq_n_u32(15))));
    }
    const int32x4_t top = vreinterpretq_s32_u32(vshlq_n_u32(sc, 24)); /* int8: extend the sign */
    return vmulq_f32(d, vcvtq_f32_s32(vshrq_n_s32(top, 24)));
}

INLINE float32x4_t group_min(const nap_record r, const uint8_t *record, unsigned g, unsigned quad)
{
    const float32x4_t dmin = load_f16(record + r.dmin + 8 * quad);
    if (r.store == NAP_STORE_F16_I8) {
        return vmulq_f32(dmin, vcvtq_f32_u32(load_bytes(record + r.mn + 16 * g + 4 * quad)));
    }
    if (r.store == NAP_STORE_F16_I4) {
        const uint32x4_t both = load_bytes(record + r.sc + 16 * g + 4 * quad);
        return vmulq_f32(dmin, vcvtq_f32_u32(vshrq_n_u32(both, 4)));
    }
    return dmin;
}

/* ------------------------------------------------------------------ multiplying */

/* Sixteen elements of four rows. */
INLINE int32x4_t dot16(int32x4_t sum, const int8x16_t w[4], int8x16_t q)
{
    sum = vdotq_laneq_s32(sum, w[0], q, 0);
    sum = vdotq_laneq_s32(sum, w[1], q, 1);
    sum = vdotq_laneq_s32(sum, w[2], q, 2);
    return vdotq_laneq_s32(sum, w[3], q, 3);
}

/* The same place of a token that lies `bytes` after the first. */
INLINE const void *at(const void *p, size_t bytes)
{
    return (const char *)p + bytes;
}

INLINE float float_at(const float *p, size_t bytes)
{
    return *(const float *)at(p, bytes);
}

/* One block of 32 elements of one quad for the token that lies `bytes` after the one of x. */
INLINE float32x4_t add_block(float32x4_t acc, const nap_record r, const int8x16_t w[8],
                             const float32x4_t scale[2], const float32x4_t min[2],
                             const nap_act_q8 x, size_t b, size_t bytes)
{
    const float d = float_at(x.d + b, bytes);
    const int8_t *const q = at(x.q + 32 * b, bytes);
    const int32x4_t zero = vdupq_n_s32(0);
    const int32x4_t first = dot16(zero, w, vld1q_s8(q));
    if (r.group == 32) {
        const int32x4_t isum = dot16(first, w + 4, vld1q_s8(q + 16));
        acc = vfmaq_f32(acc, vcvtq_f32_s32(isum), vmulq_n_f32(scale[0], d));
        return r.min ? vfmaq_f32(acc, min[0], vdupq_n_f32(float_at(x.s + b, bytes))) : acc;
    }
    const int32_t *const sum = at(x.sum + 2 * b, bytes);
    const int32x4_t second = dot16(zero, w + 4, vld1q_s8(q + 16));
    acc = vfmaq_f32(acc, vcvtq_f32_s32(first), vmulq_n_f32(scale[0], d));
    if (r.min) acc = vfmaq_f32(acc, min[0], vdupq_n_f32(d * (float)sum[0]));
    acc = vfmaq_f32(acc, vcvtq_f32_s32(second), vmulq_n_f32(scale[1], d));
    if (r.min) acc = vfmaq_f32(acc, min[1], vdupq_n_f32(d * (float)sum[1]));
    return acc;
}

/* `quads` quads of a tile from quad0 on, `tokens` tokens from t0 on; both constants. */
INLINE void multiply(const nap_matmul_args *a, const nap_record r, bool table, size_t row,
                     unsigned quad0, const unsigned quads, size_t t0, const unsigned tokens)
{
    const nap_matrix *const m = a->w;
    const elements e = elements_of(m->format, table);
    const unsigned groups = 32 / r.group;
    const nap_act_q8 x = nap_act_q8_view(at(a->act, t0 * a->act_stride), m->cols);
    float32x4_t acc[QUADS * DECODE_TOKENS]; /* no fewer than 1 * PREFILL_TOKENS */
#pragma GCC unroll 16
    for (unsigned i = 0; i < quads * tokens; i++) acc[i] = vdupq_n_f32(0);
    const uint8_t *record = nap_tile(m, &r, row);
    for (size_t k = 0; k < m->cols; k += r.block, record += r.bytes) {
        for (unsigned sub = 0; sub < r.block / 32; sub++) {
            const uint8_t *const codes = record + r.codes + (size_t)sub * 64 * r.bits;
#pragma GCC unroll 4
            for (unsigned j = 0; j < quads; j++) {
                const unsigned quad = quad0 + j;
                int8x16_t w[8];
                float32x4_t scale[2], min[2] = {vdupq_n_f32(0), vdupq_n_f32(0)};
                unpack(r, table, e, codes + 16 * quad, w);
#pragma GCC unroll 2
                for (unsigned g = 0; g < groups; g++) {
                    scale[g] = group_scale(r, record, sub * groups + g, quad);
                    if (r.min) min[g] = group_min(r, record, sub * groups + g, quad);
                }
#pragma GCC unroll 8
                for (unsigned t = 0; t < tokens; t++) {
                    acc[j * tokens + t] = add_block(acc[j * tokens + t], r, w, scale, min, x,
                                                    k / 32 + sub, t * a->act_stride);
                }
            }
        }
    }
#pragma GCC unroll 4
    for (unsigned j = 0; j < quads; j++) {
        const size_t first = row + QUAD * (quad0 + j);
        const size_t left = first < a->row_end ? a->row_end - first : 0;
#pragma GCC unroll 8
        for (unsigned t = 0; t < tokens; t++) {
            float part[QUAD];
            vst1q_f32(part, acc[j * tokens + t]);
            memcpy(a->out + (t0 + t) * a->out_stride + first, part,
                   (left < QUAD ? left : QUAD) * sizeof(float));
        }
    }
}

INLINE void decode(const nap_matmul_args *a, const nap_record r, bool table)
{
    for (size_t row = a->row_begin; row < a->row_end; row += TILE) {
        size_t t = 0;
        for (; t + DECODE_TOKENS <= a->tokens; t += DECODE_TOKENS) {
            multiply(a, r, table, row, 0, QUADS, t, DECODE_TOKENS);
        }
        if (a->tokens - t >= 2) {
            multiply(a, r, table, row, 0, QUADS, t, 2);
            t += 2;
        }
        if (t < a->tokens) multiply(a, r, table, row, 0, QUADS, t, 1);
    }
}

INLINE void prefill(const nap_matmul_args *a, const nap_record r, bool table)
{
    for (size_t row = a->row_begin; row < a->row_end; row += TILE) {
        size_t t = 0;
        for (; t + PREFILL_TOKENS <= a->tokens; t += PREFILL_TOKENS) {
            for (unsigned quad = 0; quad < QUADS; quad++) {
                multiply(a, r, table, row, quad, 1, t, PREFILL_TOKENS);
            }
        }
        nap_matmul_args rest = *a;
        rest.row_begin = row;
        if (row + TILE < a->row_end) rest.row_end = row + TILE;
        rest.tokens -= t;
        rest.act = at(a->act, t * a->act_stride);
        rest.out += t * a->out_stride;
        if (rest.tokens > 0) decode(&rest, r, table);
    }
}

/* ------------------------------------------------------------------ the rows */

#define DEFINE_ROW(name, bits, block, group, min, store, table)                                    \
    void nap_decode_##name##_neon(const nap_matmul_args *a)                                        \
    {                                                                                              \
        decode(a, nap_record_make(bits, block, group, min, NAP_STORE_##store), table);             \
    }                                                                                              \
    void nap_prefill_##name##_neon(const nap_matmul_args *a)                                       \
    {                                                                                              \
        prefill(a, nap_record_make(bits, block, group, min, NAP_STORE_##store), table);            \
    }
NAP_BLOCK_SHAPES(DEFINE_ROW)
