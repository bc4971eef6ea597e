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

enum { QUERIES = NAP_ATTN_BLOCK, TILES = 4 };
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

/* How far it is from position i to the same place in the next page, or 0 after the last page. */
static inline size_t next_page(const job *j, size_t i)
{
    const size_t last = j->a->pos + j->it.token_end - 1;
    const size_t page = (j->it.base + i) / NAP_KV_PAGE;
    return page < last / NAP_KV_PAGE ? NAP_KV_PAGE : 0;
}

/* ------------------------------------------------------------------ scores */

/* With few queries (decode) the work is bound by memory, and pages do not follow each other there,
 * so the hardware cannot foresee the next one: fetch it while this one is worked on. */
ATTN_INLINE void fetch(size_t rows, const uint16_t *p)
{
    if (rows <= 4) __builtin_prefetch(p, 0, 3);
}

/* Products of `rows` queries with `tiles` tiles of keys. */
ATTN_INLINE void score_tiles(const float *q, size_t rows, size_t tiles, const uint16_t *k,
                             const uint16_t *next, size_t dim, float *score, size_t stride)
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
        fetch(rows, next);
        if (tiles == 4) fetch(rows, next + 2 * NAP_KV_TILE);
        next += tiles * NAP_KV_TILE;
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

/* How many vectors of a block's `rows` sums to work on at once, of `left`: as fit the registers. */
static inline size_t vectors_at_once(size_t rows, size_t left)
{
    if (left >= 4 && rows * 4 <= V16_SUMS) return 4;
    return left >= 2 && rows * 2 <= V16_SUMS ? 2 : 1;
}

/* Calls CALL(rows, vectors) with constants, so that the sums stay in registers. */
#define WITH_ROWS(rows, vectors, CALL)                                                             \
    switch (rows) {                                                                                \
    case 1:                                                                                        \
        WITH_VECTORS(1, vectors, CALL);                                                            \
        break;                                                                                     \
    case 2:                                                                                        \
        WITH_VECTORS(2, vectors, CALL);                                                            \
        break;                                                                                     \
    case 3:                                                                                        \
        WITH_VECTORS(3, vectors, CALL);                                                            \
        break;                                                                                     \
    case 4:                                                                                        \
        WITH_VECTORS(4, vectors, CALL);                                                            \
        break;                                                                                     \
    case 5:                                                                                        \
        WITH_VECTORS(5, vectors, CALL);                                                            \
        break;                                                                                     \
    default:                                                                                       \
        WITH_VECTORS(6, vectors, CALL);                                                            \
        break;                                                                                     \
    }
#define WITH_VECTORS(rows, vectors, CALL)                                                          \
    if ((rows)*4 <= V16_SUMS && (vectors) == 4)                                                    \
        CALL(rows, 4);                                                                             \
    else if ((rows)*2 <= V16_SUMS && (vectors) == 2)                                               \
        CALL(rows, 2);                                                                             \
    else                                                                                           \
        CALL(rows, 1)

/* Scores of a block for the positions [from, to) of one page that any of its rows needs. */
static void block_scores(const job *j, const block *b, size_t from, size_t to)
{
    const size_t dim = j->a->head_dim_k, stride = j->it.stride;
    size_t i = b->begin[0] / NAP_KV_TILE * NAP_KV_TILE;
    if (i < from) i = from;
    if (to > b->end[b->rows - 1]) to = b->end[b->rows - 1];
    const size_t ahead = next_page(j, i);
    while (i < to) {
        const uint16_t *const k = nap_attn_k_tile(j->a, j->it.kv_head, j->it.base + i);
        const uint16_t *const next = nap_attn_k_tile(j->a, j->it.kv_head, j->it.base + i + ahead);
        float *const score = b->score + i;
        const size_t left = (to - i + NAP_KV_TILE - 1) / NAP_KV_TILE;
        const size_t tiles = vectors_at_once(b->rows, left);
#define SCORES(rows, tiles) score_tiles(b->q, rows, tiles, k, next, dim, score, stride)
        WITH_ROWS(b->rows, tiles, SCORES)
        i += tiles * NAP_KV_TILE;
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
                            size_t part, bool check, const uint16_t *v, const uint16_t *next,
                            size_t dim, size_t stride, size_t i, size_t to)
{
    const float *w = b->score + i;
    for (; i < to; i++, w++, v += dim, next += dim) {
        v16 vv[TILES];
#pragma GCC unroll 4
        for (size_t e = 0; e < vectors; e++) {
            vv[e] = part < 16 ? v16_load_h_n(v, part) : v16_load_h(v + 16 * e);
        }
        fetch(rows, next);
        if (vectors == 4) fetch(rows, next + 32);
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
                               const uint16_t *v, const uint16_t *next, size_t dim, size_t stride,
                               size_t e0, size_t from, size_t to)
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
#define ADD(check, begin, end)                                                                     \
    add_values(acc, b, rows, vectors, part, check, v + e0 + ((begin)-from) * dim,                  \
               next + e0 + ((begin)-from) * dim, dim, stride, begin, end)
    ADD(true, from, lo);
    ADD(false, lo, hi);
    ADD(true, hi, to);
#undef ADD
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

/* Adds the values of the positions [from, to) of one page that any row of the block needs. */
static void block_values(const job *j, const block *b, size_t from, size_t to)
{
    const size_t dim = j->a->head_dim_v, stride = j->it.stride;
    if (from < b->begin[0]) from = b->begin[0];
    if (to > b->end[b->rows - 1]) to = b->end[b->rows - 1];
    if (from >= to) return;
    const size_t position = j->it.base + from;
    const uint16_t *const v = nap_attn_v(j->a, j->it.kv_head, position);
    const uint16_t *const next = nap_attn_v(j->a, j->it.kv_head, position + next_page(j, from));
    size_t e = 0;
    while (e + 16 <= dim) {
        const size_t vectors = vectors_at_once(b->rows, (dim - e) / 16);
#define VALUES(rows, vectors) value_columns(b, rows, vectors, 16, v, next, dim, stride, e, from, to)
        WITH_ROWS(b->rows, vectors, VALUES)
        e += vectors * 16;
    }
    if (e < dim) {
        const size_t part = dim - e;
#define VALUES_PART(rows, one) value_columns(b, rows, 1, part, v, next, dim, stride, e, from, to)
        WITH_ROWS(b->rows, 1, VALUES_PART)
    }
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
