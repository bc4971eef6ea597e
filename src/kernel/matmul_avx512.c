/* Matmul on AVX-512 with VNNI: 16 rows are the 16 dwords of a register.
 *
 * Decode. vpdpbusd multiplies unsigned codes, straight from the stream, by four activations
 * broadcast from memory; a zero point z is taken out by vpdpwssd of the activation's sums with -z.
 * One tile of rows at a time, so each thread reads one sequential stream; at most four tokens share
 * the unpacked codes.
 *
 * Prefill. Two tiles by KC blocks are unpacked once into a panel of signed values that stays in L1,
 * and all tokens pass over it, six at a time: 12 integer and 12 float accumulators live in
 * registers, and one broadcast feeds two vpdpbusd. There the activations are the unsigned operand
 * (q + 128), so the correction, -128 times the row's sum of values, depends on the weights alone:
 * it is computed when unpacking and is where the integer accumulator starts, which costs nothing.
 * All formats meet in the panel, so there is one inner loop for them. */
#include "kernel/layout.h"

#include <immintrin.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
/* Keeps a loaded operand in its register; gcc would load it again for every use. */
#define PIN(v) __asm__("" : "+v"(v))

enum { TILE = NAP_ROW_TILE, DECODE_TOKENS = 4, TOKENS = 6, KC_MAX = 24, AHEAD = 6144 };

/* ------------------------------------------------------------------ unpacking */

/* 32 codes of 16 rows to eight registers of unsigned bytes, one for each four elements. */
INLINE void unpack(const nap_record r, const uint8_t *codes, __m512i w[8])
{
    unsigned low = 0;
#pragma GCC unroll 4
    for (unsigned width = 8; width > 0; width /= 2) {
        if (!(r.bits & width)) continue;
        const __m512i mask = _mm512_set1_epi8((char)(((1u << width) - 1) << low));
#pragma GCC unroll 8
        for (unsigned kg = 0; kg < 8; kg++) {
            const unsigned down = kg / width * width;
            __m512i v = _mm512_loadu_si512(codes + (size_t)64 * (kg % width));
            if (down > low) v = _mm512_srli_epi32(v, down - low);
            if (down < low) v = _mm512_slli_epi32(v, low - down);
            if (low > 0)
                w[kg] = _mm512_ternarylogic_epi32(v, mask, w[kg], 0xea); /* v & m | w */
            else
                w[kg] = width == 8 ? v : _mm512_and_si512(v, mask);
        }
        codes += (size_t)64 * width;
        low += width;
    }
}

INLINE __m512i load_table(const nap_format *f)
{
    int8_t t[16] = {0};
    memcpy(t, f->table, (size_t)1 << f->bits);
    return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)t));
}

/* The outer scales of a record, and the scale and minimum of one of its groups. */
typedef struct scales {
    __m512 d, dmin;
} scales;

INLINE __m512 load_f16(const uint8_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

INLINE scales load_scales(const nap_record r, const uint8_t *record)
{
    scales s = {_mm512_setzero_ps(), _mm512_setzero_ps()};
    if (r.store == NAP_STORE_E8M0) { /* 2^(e - 128), subnormal for e < 2 */
        const __m512i e =
            _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)(record + r.d)));
        const __m512i one = _mm512_set1_epi32(1);
        const __m512i normal = _mm512_slli_epi32(_mm512_sub_epi32(e, one), 23);
        const __m512i tiny = _mm512_sllv_epi32(_mm512_set1_epi32(0x200000), e);
        s.d = _mm512_castsi512_ps(
            _mm512_mask_mov_epi32(normal, _mm512_cmple_epi32_mask(e, one), tiny));
    } else {
        s.d = load_f16(record + r.d);
    }
    if (r.min) s.dmin = load_f16(record + r.dmin);
    return s;
}

INLINE __m512 group_scale(const nap_record r, const scales s, const uint8_t *record, unsigned g)
{
    if (r.store != NAP_STORE_F16_I8 && r.store != NAP_STORE_F16_I4) return s.d;
    __m128i sc = _mm_loadu_si128((const __m128i *)(const void *)(record + r.sc + 16 * g));
    if (r.store == NAP_STORE_F16_I4) sc = _mm_and_si128(sc, _mm_set1_epi8(15));
    return _mm512_mul_ps(s.d, _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(sc)));
}

INLINE __m512 group_min(const nap_record r, const scales s, const uint8_t *record, unsigned g)
{
    if (r.store == NAP_STORE_F16_I8) {
        const __m128i mn = _mm_loadu_si128((const __m128i *)(const void *)(record + r.mn + 16 * g));
        return _mm512_mul_ps(s.dmin, _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(mn)));
    }
    if (r.store == NAP_STORE_F16_I4) {
        __m128i mn = _mm_loadu_si128((const __m128i *)(const void *)(record + r.sc + 16 * g));
        mn = _mm_and_si128(_mm_srli_epi16(mn, 4), _mm_set1_epi8(15));
        return _mm512_mul_ps(s.dmin, _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(mn)));
    }
    return s.dmin;
}

INLINE __mmask16 lanes_mask(size_t row, size_t row_end)
{
    return row_end - row < TILE ? (__mmask16)((1u << (row_end - row)) - 1) : (__mmask16)0xffff;
}

INLINE __m512i broadcast32(const void *p)
{
    int32_t v;
    memcpy(&v, p, 4);
    return _mm512_set1_epi32(v);
}

/* ------------------------------------------------------------------ decode */

/* Asks for the lines that will be read AHEAD bytes further on. A thread's rows are one stream, but
 * the hardware alone follows it at half (Q5_K, Q6_K) to all of the plain-read speed of one core;
 * asking early gives 1.1 to 1.3 times that (Zen 5; flat between 4 and 16 KiB). */
INLINE void prefetch(const nap_record r, const uint8_t *record, unsigned sub)
{
    const unsigned step = r.bytes / (r.block / 32);
    const char *p = (const char *)record + sub * step + AHEAD;
#pragma GCC unroll 9
    for (unsigned i = 0; i < step; i += 64) _mm_prefetch(p + i, _MM_HINT_T0);
}

/* One tile of rows, `tokens` (a constant, at most DECODE_TOKENS) tokens from token t0 on. */
INLINE void decode_tile(const nap_matmul_args *a, const nap_record r, bool table, size_t row,
                        size_t t0, const unsigned tokens)
{
    const nap_matrix *m = a->w;
    const nap_format *f = m->format;
    const unsigned groups = 32 / r.group, fours = r.group / 4;
    const nap_act_q8 x = nap_act_q8_view((const char *)a->act + t0 * a->act_stride, m->cols);
    const size_t stride = a->act_stride; /* bytes, also between the d, s and sum of tokens */
    const int zero = table ? 128 : f->zero;
    const __m512i minus_zero = _mm512_set1_epi32(-zero & 0xffff);
    __m512i values = _mm512_setzero_si512();
    if (table) values = _mm512_xor_si512(load_table(f), _mm512_set1_epi8((char)0x80));

    __m512 acc[DECODE_TOKENS];
    for (unsigned t = 0; t < tokens; t++) acc[t] = _mm512_setzero_ps();
    const uint8_t *record = nap_tile(m, &r, row);
    for (size_t k = 0; k < m->cols; k += r.block, record += r.bytes) {
        const scales outer = load_scales(r, record);
        for (unsigned sub = 0; sub < r.block / 32; sub++) {
            const size_t b = k / 32 + sub;
            __m512i w[8];
            const uint8_t *codes = record + r.codes + (size_t)sub * 64 * r.bits;
            prefetch(r, record, sub);
            unpack(r, codes, w);
            if (table) {
#pragma GCC unroll 8
                for (unsigned i = 0; i < 8; i++) w[i] = _mm512_shuffle_epi8(values, w[i]);
            }
#pragma GCC unroll 2
            for (unsigned g = 0; g < groups; g++) {
                const __m512 scale = group_scale(r, outer, record, sub * groups + g);
                const __m512 min = group_min(r, outer, record, sub * groups + g);
#pragma GCC unroll 4
                for (unsigned t = 0; t < tokens; t++) {
                    const char *q = (const char *)(x.q + 32 * b + g * r.group) + t * stride;
                    const char *d = (const char *)(x.d + b) + t * stride;
                    const char *sum = (const char *)(x.sum + 2 * b + g) + t * stride;
                    __m512i i0 = _mm512_setzero_si512(), i1 = _mm512_setzero_si512();
                    if (table || r.min == false) {
                        i0 = _mm512_dpwssd_epi32(i0, minus_zero, broadcast32(sum));
                        if (groups == 1) {
                            i1 = _mm512_dpwssd_epi32(i1, minus_zero, broadcast32(sum + 4));
                        }
                    }
#pragma GCC unroll 8
                    for (unsigned i = 0; i < fours; i += 2) {
                        i0 = _mm512_dpbusd_epi32(i0, w[g * fours + i], broadcast32(q + 4 * i));
                        i1 = _mm512_dpbusd_epi32(i1, w[g * fours + i + 1],
                                                 broadcast32(q + 4 * i + 4));
                    }
                    const __m512 isum = _mm512_cvtepi32_ps(_mm512_add_epi32(i0, i1));
                    const __m512 xd = _mm512_castsi512_ps(broadcast32(d));
                    acc[t] = _mm512_fmadd_ps(isum, _mm512_mul_ps(scale, xd), acc[t]);
                    if (r.min) {
                        const char *s = (const char *)(x.s + b) + t * stride;
                        const __m512 xs =
                            groups == 1 ? _mm512_castsi512_ps(broadcast32(s))
                                        : _mm512_mul_ps(xd, _mm512_cvtepi32_ps(broadcast32(sum)));
                        acc[t] = _mm512_fmadd_ps(min, xs, acc[t]);
                    }
                }
            }
        }
    }
    const __mmask16 lanes = lanes_mask(row, a->row_end);
    for (unsigned t = 0; t < tokens; t++) {
        _mm512_mask_storeu_ps(a->out + (t0 + t) * a->out_stride + row, lanes, acc[t]);
    }
}

INLINE void decode(const nap_matmul_args *a, const nap_record r, bool table)
{
    for (size_t row = a->row_begin; row < a->row_end; row += TILE) {
        size_t t = 0;
        for (; a->tokens - t >= 4; t += 4) decode_tile(a, r, table, row, t, 4);
        if (a->tokens - t == 3) decode_tile(a, r, table, row, t, 3);
        if (a->tokens - t == 2) decode_tile(a, r, table, row, t, 2);
        if (a->tokens - t == 1) decode_tile(a, r, table, row, t, 1);
    }
}

/* ------------------------------------------------------------------ prefill: the panel */

/* 32 elements of one tile, ready to multiply; `start`, `scale` and `min` for each group of 16, or
 * the first only for groups of 32. */
typedef struct panel_block {
    int8_t w[8][64];
    int32_t start[2][TILE];
    float scale[2][TILE], min[2][TILE];
} panel_block;

/* 32 elements of TOKENS tokens: activations plus 128, scales, and what multiplies minima. */
typedef struct act_block {
    uint8_t q[TOKENS][32];
    float d[TOKENS], s[2][TOKENS];
    float pad[6]; /* to a multiple of 32 bytes */
} act_block;

enum { PANEL_BYTES = 2 * KC_MAX * (int)sizeof(panel_block) };
_Static_assert(sizeof(act_block) % 32 == 0, "rows of q are loaded as vectors");
_Static_assert(PANEL_BYTES < NAP_MATMUL_SCRATCH / 2, "room for the activations");

/* Blocks [b0, b0 + count) of one tile into every second block of the panel from `to` on. */
INLINE void unpack_panel(const nap_matrix *m, const nap_record r, bool table, size_t row, size_t b0,
                         size_t count, panel_block *to)
{
    const unsigned groups = 32 / r.group, subs = r.block / 32;
    const nap_format *f = m->format;
    const __m512i zero = _mm512_set1_epi8((char)f->zero), ones = _mm512_set1_epi8(1);
    __m512i values = _mm512_setzero_si512();
    if (table) values = load_table(f);
    const uint8_t *record = nap_tile(m, &r, row) + b0 / subs * r.bytes;
    unsigned sub = (unsigned)(b0 % subs);
    for (size_t b = 0; b < count; b++, to += 2) {
        const scales outer = load_scales(r, record);
        __m512i w[8];
        unpack(r, record + r.codes + (size_t)sub * 64 * r.bits, w);
        __m512i sum[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
#pragma GCC unroll 8
        for (unsigned i = 0; i < 8; i++) {
            if (table)
                w[i] = _mm512_shuffle_epi8(values, w[i]);
            else if (!r.min)
                w[i] = _mm512_sub_epi8(w[i], zero);
            const unsigned g = i * groups / 8;
            sum[g] = _mm512_dpbusd_epi32(sum[g], ones, w[i]);
            _mm512_store_si512(to->w[i], w[i]);
        }
#pragma GCC unroll 2
        for (unsigned g = 0; g < groups; g++) {
            const __m512i start =
                _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_slli_epi32(sum[g], 7));
            _mm512_store_si512(to->start[g], start);
            _mm512_store_ps(to->scale[g], group_scale(r, outer, record, sub * groups + g));
            if (r.min) _mm512_store_ps(to->min[g], group_min(r, outer, record, sub * groups + g));
        }
        if (++sub == subs) {
            sub = 0;
            record += r.bytes;
        }
    }
}

/* The same blocks of `tokens` tokens from token t0 on. */
INLINE void load_acts(const nap_matmul_args *a, bool split_sums, size_t t0, unsigned tokens,
                      size_t b0, size_t count, act_block *to)
{
    const __m256i flip = _mm256_set1_epi8((char)0x80);
    for (unsigned t = 0; t < tokens; t++) {
        const nap_act_q8 x =
            nap_act_q8_view((const char *)a->act + (t0 + t) * a->act_stride, a->w->cols);
        for (size_t b = 0; b < count; b++) {
            const __m256i q =
                _mm256_loadu_si256((const __m256i *)(const void *)(x.q + 32 * (b0 + b)));
            _mm256_store_si256((__m256i *)(void *)to[b].q[t], _mm256_xor_si256(q, flip));
            const float d = x.d[b0 + b];
            to[b].d[t] = d;
            if (split_sums) {
                to[b].s[0][t] = d * (float)x.sum[2 * (b0 + b)];
                to[b].s[1][t] = d * (float)x.sum[2 * (b0 + b) + 1];
            } else {
                to[b].s[0][t] = x.s[b0 + b];
            }
        }
    }
}

/* ------------------------------------------------------------------ prefill: the inner loop */

/* `tiles` x `tokens` outputs over `count` blocks. All but the last three arguments of the first
 * line are run-time values; the rest are constants. */
INLINE void multiply(const panel_block *p, const act_block *x, size_t count, bool resume,
                     float *out, size_t out_stride, const __mmask16 lanes[2], const unsigned tiles,
                     const unsigned tokens, const unsigned groups, const bool min)
{
    const unsigned fours = 8 / groups;
    __m512 acc[2][TOKENS];
#pragma GCC unroll 2
    for (unsigned i = 0; i < tiles; i++) {
#pragma GCC unroll 6
        for (unsigned t = 0; t < tokens; t++) {
            acc[i][t] = resume ? _mm512_maskz_loadu_ps(lanes[i], out + t * out_stride + i * TILE)
                               : _mm512_setzero_ps();
        }
    }
    for (size_t b = 0; b < count; b++, p += 2, x++) {
#pragma GCC unroll 2
        for (unsigned g = 0; g < groups; g++) {
            __m512i isum[2][TOKENS];
#pragma GCC unroll 2
            for (unsigned i = 0; i < tiles; i++) {
                const __m512i start = _mm512_load_si512(p[i].start[g]);
#pragma GCC unroll 6
                for (unsigned t = 0; t < tokens; t++) isum[i][t] = start;
            }
#pragma GCC unroll 8
            for (unsigned k = g * fours; k < (g + 1) * fours; k++) {
                __m512i w[2];
#pragma GCC unroll 2
                for (unsigned i = 0; i < tiles; i++) {
                    w[i] = _mm512_load_si512(p[i].w[k]);
                    PIN(w[i]);
                }
#pragma GCC unroll 6
                for (unsigned t = 0; t < tokens; t++) {
                    const __m512i q = broadcast32(x->q[t] + 4 * k);
#pragma GCC unroll 2
                    for (unsigned i = 0; i < tiles; i++) {
                        isum[i][t] = _mm512_dpbusd_epi32(isum[i][t], q, w[i]);
                    }
                }
            }
            __m512 scale[2], minimum[2];
#pragma GCC unroll 2
            for (unsigned i = 0; i < tiles; i++) {
                scale[i] = _mm512_load_ps(p[i].scale[g]);
                PIN(scale[i]);
                if (min) {
                    minimum[i] = _mm512_load_ps(p[i].min[g]);
                    PIN(minimum[i]);
                }
            }
#pragma GCC unroll 6
            for (unsigned t = 0; t < tokens; t++) {
                const __m512 d = _mm512_set1_ps(x->d[t]), s = _mm512_set1_ps(x->s[g][t]);
#pragma GCC unroll 2
                for (unsigned i = 0; i < tiles; i++) {
                    acc[i][t] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(isum[i][t]),
                                                _mm512_mul_ps(scale[i], d), acc[i][t]);
                    if (min) acc[i][t] = _mm512_fmadd_ps(minimum[i], s, acc[i][t]);
                }
            }
        }
    }
#pragma GCC unroll 2
    for (unsigned i = 0; i < tiles; i++) {
#pragma GCC unroll 6
        for (unsigned t = 0; t < tokens; t++) {
            _mm512_mask_storeu_ps(out + t * out_stride + i * TILE, lanes[i], acc[i][t]);
        }
    }
}

typedef void (*multiply_fn)(const panel_block *p, const act_block *x, size_t count, bool resume,
                            float *out, size_t out_stride, const __mmask16 lanes[2]);

#define MULTIPLY(tiles, tokens, groups, min)                                                       \
    static void multiply_##tiles##_##tokens##_##groups##_##min(                                    \
        const panel_block *p, const act_block *x, size_t count, bool resume, float *out,           \
        size_t out_stride, const __mmask16 lanes[2])                                               \
    {                                                                                              \
        multiply(p, x, count, resume, out, out_stride, lanes, tiles, tokens, groups, min);         \
    }
#define EACH_TOKENS(X, tiles, groups, min)                                                         \
    X(tiles, 1, groups, min)                                                                       \
    X(tiles, 2, groups, min)                                                                       \
    X(tiles, 3, groups, min)                                                                       \
    X(tiles, 4, groups, min) X(tiles, 5, groups, min) X(tiles, 6, groups, min)
#define EACH_TILES(X, groups, min) EACH_TOKENS(X, 1, groups, min) EACH_TOKENS(X, 2, groups, min)
EACH_TILES(MULTIPLY, 1, 0)
EACH_TILES(MULTIPLY, 1, 1)
EACH_TILES(MULTIPLY, 2, 0)
EACH_TILES(MULTIPLY, 2, 1)

/* [groups - 1][minima][tiles - 1][tokens - 1] */
#define NAME(tiles, tokens, groups, min) multiply_##tiles##_##tokens##_##groups##_##min,
#define NAMES(groups, min)                                                                         \
    {                                                                                              \
        {EACH_TOKENS(NAME, 1, groups, min)},                                                       \
        {                                                                                          \
            EACH_TOKENS(NAME, 2, groups, min)                                                      \
        }                                                                                          \
    }
static const multiply_fn multiply_table[2][2][2][TOKENS] = {
    {NAMES(1, 0), NAMES(1, 1)},
    {NAMES(2, 0), NAMES(2, 1)},
};

/* ------------------------------------------------------------------ prefill: the loops around */

/* `count` things in `parts` equal parts, the earlier ones larger by one at most. */
INLINE size_t part_size(size_t count, size_t parts, size_t part)
{
    return count / parts + (part < count % parts);
}

/* Asks for part `i` of `parts` of `count` blocks of one tile. */
INLINE void prefetch_tile(const nap_matrix *m, const nap_record r, size_t row, size_t b0,
                          size_t count, size_t i, size_t parts)
{
    const unsigned subs = r.block / 32;
    const size_t bytes = count * r.bytes / subs;
    const char *p = (const char *)nap_tile(m, &r, row) + b0 * r.bytes / subs;
    for (size_t n = bytes * i / parts; n < bytes * (i + 1) / parts; n += 64) {
        _mm_prefetch(p + n, _MM_HINT_T1);
    }
}

/* One panel of columns for the tokens [t0, t0 + tokens), whose activations are at `x`.
 * Weights come from memory while their predecessors are multiplied: the next two tiles are asked
 * for, a part with each batch of tokens. */
INLINE void prefill_rows(const nap_matmul_args *a, const nap_record r, bool table, size_t b0,
                         size_t count, size_t t0, size_t tokens, panel_block *panel,
                         const act_block *x)
{
    const size_t batches = (tokens + TOKENS - 1) / TOKENS;
    const multiply_fn(*by_tiles)[TOKENS] = multiply_table[32 / r.group - 1][r.min];
    for (size_t row = a->row_begin; row < a->row_end; row += 2 * TILE) {
        const unsigned tiles = a->row_end - row > TILE ? 2 : 1;
        __mmask16 lanes[2] = {lanes_mask(row, a->row_end), 0};
        unpack_panel(a->w, r, table, row, b0, count, panel);
        if (tiles == 2) {
            unpack_panel(a->w, r, table, row + TILE, b0, count, panel + 1);
            lanes[1] = lanes_mask(row + TILE, a->row_end);
        }
        float *out = a->out + t0 * a->out_stride + row;
        for (size_t i = 0; i < batches; i++) {
            const size_t n = part_size(tokens, batches, i);
            for (size_t next = row + 2 * TILE; next < a->row_end && next < row + 4 * TILE;
                 next += TILE) {
                prefetch_tile(a->w, r, next, b0, count, i, batches);
            }
            by_tiles[tiles - 1][n - 1](panel, x + i * count, count, b0 > 0, out, a->out_stride,
                                       lanes);
            out += n * a->out_stride;
        }
    }
}

INLINE void prefill(const nap_matmul_args *a, const nap_record r, bool table)
{
    panel_block *panel = a->scratch;
    act_block *x = (act_block *)(void *)((char *)a->scratch + PANEL_BYTES);
    const size_t blocks = a->w->cols / 32, panels = (blocks + KC_MAX - 1) / KC_MAX;
    for (size_t i = 0, b0 = 0; i < panels; i++) {
        const size_t count = part_size(blocks, panels, i);
        const size_t room = (NAP_MATMUL_SCRATCH - PANEL_BYTES) / sizeof(act_block) / count * TOKENS;
        const size_t chunks = (a->tokens + room - 1) / room;
        for (size_t j = 0, t0 = 0; j < chunks; j++) {
            /* Whole batches, so that all chunks together use no more of them than needed. */
            const size_t tokens = j + 1 < chunks
                                      ? (a->tokens / chunks + TOKENS - 1) / TOKENS * TOKENS
                                      : a->tokens - t0;
            const size_t batches = (tokens + TOKENS - 1) / TOKENS;
            for (size_t n = 0, t = t0; n < batches; n++) {
                const size_t size = part_size(tokens, batches, n);
                load_acts(a, r.group == 16, t, (unsigned)size, b0, count, x + n * count);
                t += size;
            }
            prefill_rows(a, r, table, b0, count, t0, tokens, panel, x);
            t0 += tokens;
        }
        b0 += count;
    }
}

/* ------------------------------------------------------------------ the rows */

#define DEFINE_ROW(name, bits, block, group, min, store, table)                                    \
    void nap_decode_##name##_avx512(const nap_matmul_args *a)                                      \
    {                                                                                              \
        decode(a, nap_record_make(bits, block, group, min, NAP_STORE_##store), table);             \
    }                                                                                              \
    void nap_prefill_##name##_avx512(const nap_matmul_args *a)                                     \
    {                                                                                              \
        prefill(a, nap_record_make(bits, block, group, min, NAP_STORE_##store), table);            \
    }
NAP_BLOCK_SHAPES(DEFINE_ROW)
