/* The kernel table: every compute routine of the engine, one row each.
 *
 * A row names what it computes (op), for which machine (tier), for which weights (matmul rows) and
 * gives the function. Choice, tests, benchmark, `napier kernels` and the docs read this one table;
 * the `ref` rows are always built and are the specification. Rows are pure functions on packed
 * data: no graph, no model, no threads, no allocation; the caller splits the work into ranges.
 *
 * Exactness. Every row gives the same bits as its ref row, floating point included:
 *  - integer dot products are exact in int32;
 *  - matmul: one float accumulator per (row, token), blocks of K taken in ascending order, as
 *    written at nap_matmul_args; no result depends on the tile, the batch or the thread;
 *  - reductions over a vector (rmsnorm, softmax sum): element i goes to accumulator i % 16 in
 *    ascending i, then lanes are folded 16 -> 8 -> 4 -> 2 -> 1 by adding lane j + n/2 to lane j;
 *  - fused multiply-add exactly where the specification says fma; exp and the activation functions
 *    are our own polynomials with the same operations in the same order everywhere;
 *  - a result that is NaN is NaN everywhere, but which NaN (sign, payload) is not promised.
 */
#ifndef NAP_KERNEL_KERNEL_H
#define NAP_KERNEL_KERNEL_H

#include "base/cpu.h"
#include "format/format.h"

typedef enum nap_kop {
    NAP_KOP_MATMUL,
    NAP_KOP_PREPARE, /* float activations -> the form a matmul wants */
    NAP_KOP_RMSNORM,
    NAP_KOP_ROPE,
    NAP_KOP_GLU, /* act(gate) * up */
    NAP_KOP_ADD,
    NAP_KOP_SCALE,
    NAP_KOP_SOFTCAP,
    NAP_KOP_KV_STORE,
    NAP_KOP_ATTENTION,
    NAP_KOP_COUNT
} nap_kop;

const char *nap_kop_name(nap_kop op);

/* ------------------------------------------------------------------ activations */

/* The forms activations can be prepared in. LUT kernels will add forms that hold tables. */
typedef enum nap_act_form {
    NAP_ACT_F32, /* the floats themselves: nothing to prepare */
    NAP_ACT_Q8,  /* int8, one float scale per 32 elements; see nap_act_q8 */
    /* As ggml rounds, in the layout of NAP_ACT_Q8: any matmul row of that form takes them too. */
    NAP_ACT_Q8_1, /* d and s rounded to binary16 */
    NAP_ACT_Q8_K, /* one d for 256 elements, repeated */
    NAP_ACT_FORM_COUNT
} nap_act_form;

/* NAP_ACT_Q8 of one token of `cols` elements (a multiple of 32), consecutive in memory, each part
 * starting 64-byte aligned:
 *   int8_t  q[cols]        in [-127, 127]
 *   float   d[cols / 32]   x ~ d * q
 *   float   s[cols / 32]   d * (float)(sum of the 32 q)
 *   int32_t sum[cols / 16] sums of 16 q
 * with amax = max |x| over the 32, d = amax / 127, q = round-to-nearest-even(x * (127 / amax))
 * (a division, then a product, both rounded); amax == 0, or so small that 127 / amax is infinite,
 * gives d = 0 and q = 0. A block that holds a NaN or infinity gives d = NaN and q = 0, so that the
 * result shows it.
 *
 * NAP_ACT_Q8_1: the same q; s is taken with the unrounded d, then both are rounded to binary16.
 * NAP_ACT_Q8_K (`cols` a multiple of 256): x0 the first element of largest magnitude of the 256,
 * d = 1 / (-127 / x0), q = round-to-nearest-even(x * (-127 / x0)); zeros, NaN and infinities as
 * above, over the 256. */
typedef struct nap_act_q8 {
    const int8_t *q;
    const float *d, *s;
    const int32_t *sum;
} nap_act_q8;

/* Bytes of one token in a form (a multiple of 64). */
size_t nap_act_bytes(nap_act_form form, size_t cols);
nap_act_q8 nap_act_q8_view(const void *act, size_t cols);

/* Prepares one token. */
typedef void (*nap_prepare_fn)(const float *x, size_t cols, void *act);

/* ------------------------------------------------------------------ weights */

struct nap_kernel;

/* A weight matrix packed for the kernels. rows x cols, row r is output r. `data` is NULL until the
 * owner sets it to `bytes` bytes, 64-byte aligned (nap_alloc_huge). */
typedef struct nap_matrix {
    const nap_format *format;
    const struct nap_kernel *kernel; /* the row chosen for it; it fixes the layout */
    size_t rows, cols;
    size_t bytes; /* of the packed form */
    void *data;
} nap_matrix;

enum { NAP_ROW_TILE = 16 }; /* rows are packed and worked on in tiles of this many */

/* Chooses the matmul row for a format on a tier and fills in everything but `data`.
 * NAP_ERR_UNSUPPORTED names the format and shape if no row takes them; overflow is refused. */
nap_status nap_matrix_init(nap_matrix *m, const nap_format *f, size_t rows, size_t cols,
                           nap_tier tier, nap_error *e);
/* Packs rows [row_begin, row_begin + count) from the file's bytes (whole rows, back to back).
 * row_begin is a multiple of NAP_ROW_TILE, and so is count unless it reaches the last row. */
void nap_matrix_pack(nap_matrix *m, size_t row_begin, size_t count, const void *src);
/* One row back to floats, equal bit for bit to nap_format_decode of the source row
 * (embedding look-up from a matrix that also serves as the output head). */
void nap_matrix_row(const nap_matrix *m, size_t row, float *out);

/* out[t * out_stride + r] for rows r in [row_begin, row_end) and all tokens t.
 *
 * Q8 activations, weights in blocks of `group` elements (16 or 32; 32 = one activation block):
 *     acc = 0
 *     for each group g in ascending order, in activation block b:
 *         isum = sum over the group of (code - zero or table[code]) * q      exact, int32
 *         acc  = fma((float)isum, w_scale[r][g] * d[b], acc)
 *         if the format has minima: acc = fma(w_min[r][g], s', acc)
 *           where s' = s[b] for groups of 32, d[b] * (float)sum[g] for groups of 16
 * with w_scale = d * (float)sc and w_min = dmin * (float)mn, each one rounding.
 * Float activations (F32, F16, BF16, plain integer weights):
 *     acc = fma((float)w, x, acc) for k = 0, 1, 2 ...
 */
typedef struct nap_matmul_args {
    const nap_matrix *w;
    const void *act; /* token t at act + t * act_stride bytes */
    size_t act_stride;
    size_t tokens;
    float *out;
    size_t out_stride;         /* floats */
    size_t row_begin, row_end; /* row_begin: a multiple of NAP_ROW_TILE; row_end likewise or rows */
    void *scratch; /* NAP_MATMUL_SCRATCH bytes, 64-byte aligned, of the calling thread's own */
} nap_matmul_args;

enum { NAP_MATMUL_SCRATCH = 256 * 1024 };

typedef void (*nap_matmul_fn)(const nap_matmul_args *a);

/* ------------------------------------------------------------------ vectors */

/* out = x * (1 / sqrt(mean(x^2) + eps)) * w; w may be NULL (ones). x == out is allowed.
 * The squares are summed by fma(x, x, lane). */
typedef void (*nap_rmsnorm_fn)(const float *x, const float *w, float *out, size_t n, float eps);

/* Rotates the first `rot` of `head_dim` elements of each head of one token, in place.
 * cs holds rot/2 pairs (cos, sin). neox: pairs are (i, i + rot/2); else (2i, 2i + 1).
 * (a, b) -> (a cos - b sin, a sin + b cos), each as fma(a, cos, -(b * sin)), fma(a, sin, b * cos).
 */
typedef void (*nap_rope_fn)(float *x, size_t heads, size_t head_dim, size_t rot, const float *cs,
                            bool neox);

typedef enum nap_glu { NAP_GLU_SILU, NAP_GLU_GELU_TANH, NAP_GLU_RELU2 } nap_glu;
/* out = act(gate) * up; out may be gate or up; up may be NULL (ones). */
typedef void (*nap_glu_fn)(nap_glu kind, const float *gate, const float *up, float *out, size_t n);

typedef void (*nap_add_fn)(float *x, const float *y, size_t n); /* x += y */
typedef void (*nap_scale_fn)(float *x, float s, size_t n);      /* x *= s */
typedef void (*nap_softcap_fn)(float *x, float cap, size_t n);  /* x = cap * tanh(x / cap) */

/* ------------------------------------------------------------------ attention */

/* The KV cache is kept in pages of NAP_KV_PAGE positions, binary16 (round to nearest even). Of one
 * page, one layer and one key/value head:
 *   keys    k[tile][i][lane]: position 16 * tile + lane, element i      NAP_KV_PAGE * head_dim_k
 *   values  v[position][i]                                              NAP_KV_PAGE * head_dim_v
 * so that scores need no horizontal sums and values stream. Heads of a layer follow each other. */
enum { NAP_KV_PAGE = 64, NAP_KV_TILE = 16 };

/* Stores one position (in-page index) of one token for all heads. k, v: [kv_heads][head_dim]. */
typedef void (*nap_kv_store_fn)(uint16_t *k_page, uint16_t *v_page, size_t index, size_t kv_heads,
                                size_t head_dim_k, size_t head_dim_v, const float *k,
                                const float *v);

/* Causal attention of `tokens` consecutive queries of one sequence.
 * For query token t at position p = pos + t, head h, kv head j = h / (heads / kv_heads), over
 * positions i in (p - window, p] (window == 0: [0, p]):
 *     s_i = scale' * (acc over elements ascending: acc = fma(q, k, acc)); scale' = scale
 *     with softcap > 0: s_i = softcap * tanh(s_i / softcap)
 *     m = max s_i; e_i = exp(s_i - m); z = sum of e_i (16 lanes by i % 16, folded)
 *     out = (acc over positions ascending: acc = fma(e_i, v_i, acc)) * (1 / z)
 * The maximum passes over NaNs; they show in z. Cells of other positions may hold anything, pages
 * wholly outside the range may be NULL. `out` holds sums meanwhile and may not overlap q.
 * Work items are (kv head, block of query tokens, part of the kv head's query heads); the caller
 * asks nap_attention_items() and runs each item once, on any thread. */
typedef struct nap_attention_args {
    const float *q;
    size_t q_stride; /* floats; token t, head h at q + t * q_stride + h * head_dim_k */
    float *out;
    size_t out_stride;
    const uint16_t *const *k_pages; /* page of positions [64 p, 64 p + 64), this layer's block */
    const uint16_t *const *v_pages;
    size_t pos, tokens;
    size_t heads, kv_heads, head_dim_k, head_dim_v;
    size_t window;
    float scale, softcap;
    size_t split_heads; /* 1: an item takes all query heads of its kv head; n: 1/n of them */
    float *scratch;     /* nap_attention_scratch() floats of the calling thread's own, 64-aligned */
} nap_attention_args;

size_t nap_attention_items(const nap_attention_args *a);
size_t nap_attention_scratch(const nap_attention_args *a); /* floats */
typedef void (*nap_attention_fn)(const nap_attention_args *a, size_t item);

/* ------------------------------------------------------------------ the table */

typedef struct nap_kernel {
    const char *name; /* unique: op, weights, activations, tier: "matmul_u4_affine_q8_avx512" */
    nap_kop op;
    nap_tier tier;
    nap_act_form act; /* matmul, prepare */
    /* Matmul rows only. layout describes and packs the weights; several rows share one. */
    const struct nap_layout *layout;
    nap_matmul_fn decode;  /* few tokens: bound by reading the weights */
    nap_matmul_fn prefill; /* many tokens: bound by arithmetic */
    unsigned prefill_from; /* tokens from which prefill is the faster of the two, measured */
    union {
        nap_prepare_fn prepare;
        nap_rmsnorm_fn rmsnorm;
        nap_rope_fn rope;
        nap_glu_fn glu;
        nap_add_fn add;
        nap_scale_fn scale;
        nap_softcap_fn softcap;
        nap_kv_store_fn kv_store;
        nap_attention_fn attention;
    } fn;
    const char *note; /* why it is as it is, for `napier kernels` */
} nap_kernel;

/* A packed weight layout: which formats it takes, its size, its packer, its inverse. */
typedef struct nap_layout {
    const char *name; /* "u4_affine": 4-bit codes, scale and minimum per group */
    bool (*accepts)(const nap_format *f, size_t cols);
    bool (*bytes)(const nap_format *f, size_t rows, size_t cols, uint64_t *out);
    void (*pack)(nap_matrix *m, size_t row_begin, size_t count, const void *src);
    void (*row)(const nap_matrix *m, size_t row, float *out);
} nap_layout;

size_t nap_kernel_count(void);
const nap_kernel *nap_kernel_at(size_t i);
/* The best row for an op other than matmul on a tier; never NULL (ref rows are complete). */
const nap_kernel *nap_kernel_find(nap_kop op, nap_act_form act, nap_tier tier);
/* The best matmul row for a format and width on a tier, or NULL. */
const nap_kernel *nap_kernel_matmul(const nap_format *f, size_t cols, nap_tier tier);
/* From how many tokens on prefill is used rather than decode. */
size_t nap_kernel_prefill_from(const nap_kernel *k);

/* The vector rows of one tier as typed pointers, looked up once. */
typedef struct nap_kernel_set {
    nap_tier tier;
    nap_prepare_fn prepare[NAP_ACT_FORM_COUNT]; /* F32: NULL */
    nap_rmsnorm_fn rmsnorm;
    nap_rope_fn rope;
    nap_glu_fn glu;
    nap_add_fn add;
    nap_scale_fn scale;
    nap_softcap_fn softcap;
    nap_kv_store_fn kv_store;
    nap_attention_fn attention;
} nap_kernel_set;

void nap_kernel_set_init(nap_kernel_set *s, nap_tier tier);

#endif
