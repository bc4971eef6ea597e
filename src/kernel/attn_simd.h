/* Attention on sixteen lanes. Each attn_<tier>.c includes a v16_*.h and then this; attn_ref.c is
 * the specification.
 *
 * The order of operations per query is fixed, but which query comes when is not. So the work goes
 * page by page of the cache, and within a page by blocks of NAP_ATTN_BLOCK queries: a page of keys
 * or values is fetched once for all queries of the item, and a converted vector of it serves a
 * whole block from registers. Scores: one vector is 16 positions, elements ascend. Output: one
 * vector is 16 elements, positions ascend, and the output itself holds the sums between pages.
 *
 * Positions outside a query's range may hold anything, NaNs included. Scores of such positions
 * within a tile are computed and thrown away; sums never see them. */
#include "kernel/attn.h"
#include "kernel/rows.h"
#include "kernel/v16_math.h"

#include <math.h>

#define ATTN_INLINE static inline __attribute__((always_inline))

enum { QUERIES = NAP_ATTN_BLOCK, TILES = V16_TILES };
_Static_assert(NAP_ATTN_ITEM_ROWS % NAP_ATTN_BLOCK == 0, "an item is whole blocks");

/* Up to QUERIES rows of an item, consecutive. */
typedef struct block {
    size_t rows;
    size_t begin[QUERIES], end[QUERIES]; /* positions, relative to the item's base */
    float *score, *out[QUERIES];         /* of row r: score + r * stride */
    float inverse[QUERIES];              /* 1 / z of row r */
    const float *q;                      /* element i of row r: q[i * QUERIES + r] */
} block;

typedef struct job {
    const nap_attention_args *a;
    nap_attn_item it;
    float *score, *q;
    size_t blocks;
    block block[NAP_ATTN_ITEM_ROWS / QUERIES];
} job;

/* The token and the head of row r of the item. */
static inline size_t row_token(const nap_attn_item *it, size_t r)
{
    return it->token_begin + r / (it->head_end - it->head_begin);
}

static inline size_t row_head(const nap_attn_item *it, size_t r)
{
    return it->head_begin + r % (it->head_end - it->head_begin);
}

static block block_at(const job *j, size_t b)
{
    const nap_attention_args *const a = j->a;
    const size_t first = b * QUERIES, left = j->it.rows - first;
    block k = {.rows = left < QUERIES ? left : QUERIES};
    for (size_t r = 0; r < k.rows; r++) {
        const size_t t = row_token(&j->it, first + r), h = row_head(&j->it, first + r);
        k.begin[r] = nap_attn_begin(a, a->pos + t) - j->it.base;
        k.end[r] = a->pos + t + 1 - j->it.base;
        k.out[r] = a->out + t * a->out_stride + h * a->head_dim_v;
    }
    k.score = j->score + first * j->it.stride;
    k.q = j->q + first * a->head_dim_k;
    return k;
}

/* Queries of a block side by side, so that one pointer walks all of them. */
static void gather_queries(const job *j)
{
    const nap_attention_args *const a = j->a;
    for (size_t r = 0; r < j->it.rows; r++) {
        const float *const q =
            a->q + row_token(&j->it, r) * a->q_stride + row_head(&j->it, r) * a->head_dim_k;
        float *const to = j->q + r / QUERIES * QUERIES * a->head_dim_k + r % QUERIES;
        for (size_t i = 0; i < a->head_dim_k; i++) to[i * QUERIES] = q[i];
    }
}

/* ------------------------------------------------------------------ scores */

/* Products of `rows` queries with `tiles` tiles of keys. */
ATTN_INLINE void score_tiles(const float *q, size_t rows, size_t tiles, const uint16_t *k,
                             size_t dim, float *score, size_t stride)
{
    v16 acc[QUERIES][TILES];
#pragma GCC unroll 6
    for (size_t r = 0; r < rows; r++) {
#pragma GCC unroll 4
        for (size_t t = 0; t < tiles; t++) acc[r][t] = v16_set1(0.0f);
    }
    for (size_t i = 0; i < dim; i++, q += QUERIES, k += NAP_KV_TILE) {
        v16 kv[TILES];
#pragma GCC unroll 4
        for (size_t t = 0; t < tiles; t++) kv[t] = v16_load_h(k + t * dim * NAP_KV_TILE);
#pragma GCC unroll 6
        for (size_t r = 0; r < rows; r++) {
            const v16 qr = v16_set1(q[r]);
#pragma GCC unroll 4
            for (size_t t = 0; t < tiles; t++) acc[r][t] = v16_fma(qr, kv[t], acc[r][t]);
        }
    }
#pragma GCC unroll 6
    for (size_t r = 0; r < rows; r++) {
#pragma GCC unroll 4
        for (size_t t = 0; t < tiles; t++) {
            v16_store(score + r * stride + t * NAP_KV_TILE, acc[r][t]);
        }
    }
}

/* Calls f(..., rows, ...) with a constant, so that a block of any height stays in registers. */
#define WITH_ROWS(rows, CALL)                                                                      \
    switch (rows) {                                                                                \
    case 1:                                                                                        \
        CALL(1);                                                                                   \
        break;                                                                                     \
    case 2:                                                                                        \
        CALL(2);                                                                                   \
        break;                                                                                     \
    case 3:                                                                                        \
        CALL(3);                                                                                   \
        break;                                                                                     \
    case 4:                                                                                        \
        CALL(4);                                                                                   \
        break;                                                                                     \
    case 5:                                                                                        \
        CALL(5);                                                                                   \
        break;                                                                                     \
    default:                                                                                       \
        CALL(6);                                                                                   \
        break;                                                                                     \
    }

#define DEFINE_SCORES(tiles)                                                                       \
    static void scores_##tiles(const block *b, const uint16_t *k, size_t dim, float *score,        \
                               size_t stride)                                                      \
    {                                                                                              \
        WITH_ROWS(b->rows, SCORES_CALL_##tiles)                                                    \
    }
#define SCORES_CALL_1(rows) score_tiles(b->q, rows, 1, k, dim, score, stride)
#define SCORES_CALL_2(rows) score_tiles(b->q, rows, 2, k, dim, score, stride)
#define SCORES_CALL_4(rows) score_tiles(b->q, rows, 4, k, dim, score, stride)
DEFINE_SCORES(1)
#if V16_TILES == 4
DEFINE_SCORES(2)
DEFINE_SCORES(4)
#endif

/* Scores of a block for the positions [from, to) of one page that any of its rows needs. */
static void block_scores(const job *j, const block *b, size_t from, size_t to)
{
    const size_t dim = j->a->head_dim_k;
    size_t i = b->begin[0] / NAP_KV_TILE * NAP_KV_TILE;
    if (i < from) i = from;
    if (to > b->end[b->rows - 1]) to = b->end[b->rows - 1];
    while (i < to) {
        const uint16_t *const k = nap_attn_k_tile(j->a, j->it.kv_head, j->it.base + i);
        float *const score = b->score + i;
#if V16_TILES == 4
        const size_t left = (to - i + NAP_KV_TILE - 1) / NAP_KV_TILE;
        if (left >= 4) {
            scores_4(b, k, dim, score, j->it.stride);
            i += 4 * NAP_KV_TILE;
            continue;
        }
        if (left >= 2) {
            scores_2(b, k, dim, score, j->it.stride);
            i += 2 * NAP_KV_TILE;
            continue;
        }
#endif
        scores_1(b, k, dim, score, j->it.stride);
        i += NAP_KV_TILE;
    }
}

/* ------------------------------------------------------------------ softmax */

/* Products to scores, and the maximum of each lane. Lanes outside [begin, end) become -inf, whose
 * exp is 0: neither the maximum nor the sum notices them. */
ATTN_INLINE v16 scale_scores(float *score, size_t begin, size_t end, float scale, float softcap)
{
    const v16 factor = v16_set1(scale), cap = v16_set1(softcap), none = v16_set1(-INFINITY);
    v16 max = none;
    for (size_t i = begin / NAP_KV_TILE * NAP_KV_TILE; i < end; i += NAP_KV_TILE) {
        v16 s = v16_mul(v16_load(score + i), factor);
        if (softcap > 0.0f) s = v16_mul(cap, v16_tanh(v16_div(s, cap)));
        if (i < begin || i + NAP_KV_TILE > end) {
            const size_t lo = i < begin ? begin - i : 0;
            const size_t hi = end - i < NAP_KV_TILE ? end - i : NAP_KV_TILE;
            s = v16_keep(s, none, lo, hi);
        }
        v16_store(score + i, s);
        max = v16_max(s, max);
    }
    return max;
}

/* Products to weights e_i; returns 1 / z. */
static float softmax(const nap_attention_args *a, float *score, size_t begin, size_t end)
{
    const v16 lanes = a->softcap > 0.0f ? scale_scores(score, begin, end, a->scale, a->softcap)
                                        : scale_scores(score, begin, end, a->scale, 0.0f);
    const v16 max = v16_set1(v16_fold_max(lanes));
    v16 sum = v16_set1(0.0f);
    for (size_t i = begin / NAP_KV_TILE * NAP_KV_TILE; i < end; i += NAP_KV_TILE) {
        const v16 e = v16_exp_negative(v16_sub(v16_load(score + i), max));
        v16_store(score + i, e);
        sum = v16_add(sum, e);
    }
    return 1.0f / v16_fold_sum(sum);
}

/* ------------------------------------------------------------------ output */

/* Adds the positions [i, to), all of one page, to the sums. With `check`, only those that lie in a
 * row's own range; without, all rows need all of them. `part` is 16 or, for the last elements of a
 * head that is no multiple of 16, how many there are. */
ATTN_INLINE void add_values(v16 acc[QUERIES][TILES], const block *b, size_t rows, size_t vectors,
                            size_t part, bool check, const uint16_t *v, size_t dim, size_t stride,
                            size_t i, size_t to)
{
    const float *w = b->score + i;
    for (; i < to; i++, w++, v += dim) {
        v16 vv[TILES];
#pragma GCC unroll 4
        for (size_t e = 0; e < vectors; e++) {
            vv[e] = part < 16 ? v16_load_h_n(v, part) : v16_load_h(v + 16 * e);
        }
#pragma GCC unroll 6
        for (size_t r = 0; r < rows; r++) {
            if (check && (i < b->begin[r] || i >= b->end[r])) continue;
            const v16 wr = v16_set1(w[r * stride]);
#pragma GCC unroll 4
            for (size_t e = 0; e < vectors; e++) acc[r][e] = v16_fma(wr, vv[e], acc[r][e]);
        }
    }
}

/* The sums of `vectors` x 16 elements from element `e0` over positions [from, to) of a page. */
ATTN_INLINE void value_columns(const block *b, size_t rows, size_t vectors, size_t part,
                               const uint16_t *v, size_t dim, size_t stride, size_t e0, size_t from,
                               size_t to)
{
    v16 acc[QUERIES][TILES];
#pragma GCC unroll 6
    for (size_t r = 0; r < rows; r++) {
#pragma GCC unroll 4
        for (size_t e = 0; e < vectors; e++) {
            const float *const p = b->out[r] + e0 + 16 * e;
            acc[r][e] = part < 16 ? v16_load_n(p, part) : v16_load(p);
        }
    }
    /* Rows ascend by token, so do both ends of their ranges. All rows share [lo, hi). */
    size_t lo = b->begin[rows - 1], hi = b->end[0];
    if (lo >= hi) lo = hi = to;
    if (lo < from) lo = from;
    if (lo > to) lo = to;
    if (hi < lo) hi = lo;
    if (hi > to) hi = to;
    add_values(acc, b, rows, vectors, part, true, v + e0, dim, stride, from, lo);
    add_values(acc, b, rows, vectors, part, false, v + e0 + (lo - from) * dim, dim, stride, lo, hi);
    add_values(acc, b, rows, vectors, part, true, v + e0 + (hi - from) * dim, dim, stride, hi, to);
#pragma GCC unroll 6
    for (size_t r = 0; r < rows; r++) {
#pragma GCC unroll 4
        for (size_t e = 0; e < vectors; e++) {
            float *const p = b->out[r] + e0 + 16 * e;
            if (part < 16)
                v16_store_n(p, acc[r][e], part);
            else
                v16_store(p, acc[r][e]);
        }
    }
}

#define DEFINE_VALUES(vectors)                                                                     \
    static void values_##vectors(const block *b, const uint16_t *v, size_t dim, size_t stride,     \
                                 size_t e0, size_t from, size_t to)                                \
    {                                                                                              \
        WITH_ROWS(b->rows, VALUES_CALL_##vectors)                                                  \
    }
#define VALUES_CALL_1(rows) value_columns(b, rows, 1, 16, v, dim, stride, e0, from, to)
#define VALUES_CALL_2(rows) value_columns(b, rows, 2, 16, v, dim, stride, e0, from, to)
#define VALUES_CALL_4(rows) value_columns(b, rows, 4, 16, v, dim, stride, e0, from, to)
DEFINE_VALUES(1)
#if V16_TILES == 4
DEFINE_VALUES(2)
DEFINE_VALUES(4)
#endif

static void values_part(const block *b, size_t part, const uint16_t *v, size_t dim, size_t stride,
                        size_t e0, size_t from, size_t to)
{
#define VALUES_CALL_PART(rows) value_columns(b, rows, 1, part, v, dim, stride, e0, from, to)
    WITH_ROWS(b->rows, VALUES_CALL_PART)
}

/* Adds the values of the positions [from, to) of one page that any row of the block needs. */
static void block_values(const job *j, const block *b, size_t from, size_t to)
{
    const size_t dim = j->a->head_dim_v, stride = j->it.stride;
    if (from < b->begin[0]) from = b->begin[0];
    if (to > b->end[b->rows - 1]) to = b->end[b->rows - 1];
    if (from >= to) return;
    const uint16_t *const v = nap_attn_v(j->a, j->it.kv_head, j->it.base + from);
    size_t e = 0;
#if V16_TILES == 4
    for (; e + 64 <= dim; e += 64) values_4(b, v, dim, stride, e, from, to);
    if (e + 32 <= dim) {
        values_2(b, v, dim, stride, e, from, to);
        e += 32;
    }
#endif
    for (; e + 16 <= dim; e += 16) values_1(b, v, dim, stride, e, from, to);
    if (e < dim) values_part(b, dim - e, v, dim, stride, e, from, to);
}

/* out *= 1 / z, the last step. */
static void finish_row(float *out, size_t dim, float inverse)
{
    const v16 factor = v16_set1(inverse);
    size_t e = 0;
    for (; e + 16 <= dim; e += 16) v16_store(out + e, v16_mul(v16_load(out + e), factor));
    if (e < dim) v16_store_n(out + e, v16_mul(v16_load_n(out + e, dim - e), factor), dim - e);
}

/* ------------------------------------------------------------------ the item */

/* Calls f for every page that the item needs and every block: positions relative to the base. */
static void each_page(const job *j, void (*f)(const job *, const block *, size_t, size_t))
{
    const size_t base = j->it.base, end = j->a->pos + j->it.token_end;
    for (size_t i = base; i < end;) {
        size_t to = i / NAP_KV_PAGE * NAP_KV_PAGE + NAP_KV_PAGE;
        if (to > end) to = end;
        for (size_t n = 0; n < j->blocks; n++) f(j, &j->block[n], i - base, to - base);
        i = to;
    }
}

void V16_FN(nap_attention)(const nap_attention_args *a, size_t item)
{
    job j = {.a = a, .it = nap_attn_item_at(a, item), .score = a->scratch};
    j.blocks = (j.it.rows + QUERIES - 1) / QUERIES;
    j.q = a->scratch + j.blocks * QUERIES * j.it.stride;
    gather_queries(&j);
    for (size_t n = 0; n < j.blocks; n++) j.block[n] = block_at(&j, n);
    each_page(&j, block_scores);
    for (size_t n = 0; n < j.blocks; n++) {
        block *const b = &j.block[n];
        for (size_t r = 0; r < b->rows; r++) {
            b->inverse[r] = softmax(a, b->score + r * j.it.stride, b->begin[r], b->end[r]);
            for (size_t e = 0; e < a->head_dim_v; e++) b->out[r][e] = 0.0f;
        }
    }
    each_page(&j, block_values);
    for (size_t n = 0; n < j.blocks; n++) {
        const block *const b = &j.block[n];
        for (size_t r = 0; r < b->rows; r++) finish_row(b->out[r], a->head_dim_v, b->inverse[r]);
    }
}
