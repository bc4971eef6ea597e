/* The float path: the model's mathematics, written to be read.
 *
 * Weights are decoded to float, activations stay float, the KV cache is float. The graph's nodes
 * are executed one after the other as they stand; each operator is one function below, and says
 * what it computes in plain loops. No kernels, no packed forms, no approximated functions: this is
 * the specification, and the fast path is judged by its distance from it.
 *
 * The one concession to speed is the order of a matrix in memory: sixteen rows lie interleaved, so
 * that the compiler turns the inner loop over them into vector instructions, while each output is
 * still one sum over k = 0, 1, 2 ... */
#include "run/spec.h"
#include "base/alloc.h"
#include "base/error.h"

#include <math.h>
#include <string.h>

enum {
    PANEL = 16, /* interleaved rows */
    BLOCK = 32  /* rows of the pass computed at a time */
};

/* w[panel][k][r] is element k of row panel * PANEL + r; rows beyond the last are zero. */
typedef struct matrix {
    size_t rows, cols;
    float *w;
    size_t bytes;
} matrix;

struct nap_spec {
    size_t n_weights, n_nodes;
    matrix *matrices; /* per weight; w == NULL: a vector, in g->vectors */
    size_t *at;       /* per node: where its value lies in `values`, in floats per row */
    float *values;    /* BLOCK rows of every node's value */
    float *hidden;    /* the head's input, all selected rows of a pass */
    size_t hidden_rows;
};

/* ------------------------------------------------------------------ weights */

static size_t panels(size_t rows)
{
    return (rows + PANEL - 1) / PANEL;
}

typedef struct decoder {
    matrix *m;
    const nap_weight *weight;
} decoder;

static void decode_rows(void *ctx, size_t row_begin, size_t count, const void *src)
{
    const decoder *d = ctx;
    const size_t cols = d->m->cols, row_bytes = nap_weight_row_bytes(d->weight);
    const size_t block = d->weight->format->block;
    float x[NAP_BLOCK_MAX];
    for (size_t r = row_begin; r < row_begin + count; r++) {
        const char *row = (const char *)src + (r - row_begin) * row_bytes;
        float *panel = d->m->w + r / PANEL * PANEL * cols + r % PANEL;
        for (size_t k = 0; k < cols; k += block) {
            nap_format_decode(d->weight->format, row, block, x);
            row += d->weight->format->block_bytes;
            for (size_t i = 0; i < block; i++) panel[(k + i) * PANEL] = x[i];
        }
    }
}

static nap_status load_matrix(nap_engine *g, nap_weight_id id, nap_load_progress *p, nap_error *e)
{
    matrix *m = &g->spec->matrices[id];
    const nap_weight *w = &g->graph->weights[id];
    if (m->w) return NAP_OK;
    m->rows = w->rows;
    m->cols = w->cols;
    m->bytes = panels(w->rows) * PANEL * w->cols * sizeof(float);
    m->w = nap_alloc_huge(m->bytes);
    if (!m->w) return nap_fail_memory(e, m->bytes, w->name);
    decoder d = {m, w};
    NAP_TRY(nap_load_rows(g, w, decode_rows, &d, e));
    return nap_load_advance(p, w->rows * nap_weight_row_bytes(w), e);
}

nap_status nap_spec_create(nap_spec **out, nap_engine *g, nap_load_progress *p, nap_error *e)
{
    const nap_graph *graph = g->graph;
    nap_spec *s = nap_calloc(1, sizeof *s);
    if (!s) return nap_fail_memory(e, sizeof *s, "the float path");
    *out = s; /* the engine destroys it, whatever happens below */
    s->n_weights = graph->n_weights;
    s->n_nodes = graph->n_nodes;
    s->matrices = nap_calloc(s->n_weights, sizeof *s->matrices);
    s->at = nap_calloc(s->n_nodes, sizeof *s->at);
    const size_t bytes = (size_t)nap_spec_work_bytes(graph);
    s->values = nap_alloc_aligned(bytes);
    if (!s->matrices || !s->at || !s->values) return nap_fail_memory(e, bytes, "the float path");
    size_t end = 0;
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const nap_node *n = &graph->nodes[i];
        s->at[i] = end;
        if (n->width != graph->vocab) end += n->width;
        if (n->op == NAP_OP_MATMUL || n->op == NAP_OP_EMBED) {
            NAP_TRY(load_matrix(g, n->weight, p, e));
        }
    }
    return NAP_OK;
}

void nap_spec_destroy(nap_spec *s)
{
    if (!s) return;
    for (size_t i = 0; s->matrices && i < s->n_weights; i++) {
        if (s->matrices[i].w) nap_free_huge(s->matrices[i].w, s->matrices[i].bytes);
    }
    nap_free(s->matrices);
    nap_free(s->at);
    nap_free(s->values);
    nap_free(s->hidden);
    nap_free(s);
}

uint64_t nap_spec_work_bytes(const nap_graph *g)
{
    uint64_t floats = 0;
    for (size_t i = 0; i < g->n_nodes; i++) {
        if (g->nodes[i].width != g->vocab) floats += g->nodes[i].width;
    }
    return floats * BLOCK * sizeof(float);
}

/* ------------------------------------------------------------------ operators */

static void embed(const matrix *m, size_t row, float factor, float *out)
{
    const float *panel = m->w + row / PANEL * PANEL * m->cols + row % PANEL;
    for (size_t k = 0; k < m->cols; k++) out[k] = panel[k * PANEL] * factor;
}

static void rmsnorm(const float *x, const float *w, float *out, size_t n, float eps)
{
    float sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i] * x[i];
    const float scale = 1 / sqrtf(sum / (float)n + eps);
    for (size_t i = 0; i < n; i++) out[i] = x[i] * scale * (w ? w[i] : 1);
}

/* Pairs (a, b) turned by the position's angle; cs holds their cosines and sines. */
static void rope(const float *x, float *out, size_t heads, size_t head_dim, const nap_rope *r,
                 const float *cs)
{
    memcpy(out, x, heads * head_dim * sizeof *out);
    const size_t apart = r->neox ? r->dims / 2 : 1, next = r->neox ? 1 : 2;
    for (size_t h = 0; h < heads; h++) {
        float *head = out + h * head_dim;
        for (size_t i = 0; i < r->dims / 2; i++) {
            const float a = head[i * next], b = head[i * next + apart];
            const float c = cs[2 * i], s = cs[2 * i + 1];
            head[i * next] = a * c - b * s;
            head[i * next + apart] = a * s + b * c;
        }
    }
}

static float activate(nap_activation a, float x)
{
    const float root = 0.797884560802865f; /* sqrt(2 / pi) */
    switch (a) {
    case NAP_ACTIVATION_SILU:
        return x / (1 + expf(-x));
    case NAP_ACTIVATION_GELU_TANH:
        return 0.5f * x * (1 + tanhf(root * (x + 0.044715f * x * x * x)));
    case NAP_ACTIVATION_RELU2:
        return x > 0 ? x * x : 0;
    }
    return x;
}

static float softcap(float x, float cap)
{
    return cap * tanhf(x / cap);
}

/* ------------------------------------------------------------------ matmul */

typedef struct matmul_job {
    const nap_engine *g;
    const nap_node *n;
    const float *x;
    float *out;
    size_t tokens;
} matmul_job;

/* Panels [begin, end) of out[t] = w x[t] (* scale) (+ bias). */
static void matmul_part(void *ctx, int part, int parts)
{
    const matmul_job *j = ctx;
    const nap_node *n = j->n;
    const matrix *m = &j->g->spec->matrices[n->weight];
    const float *scale = n->scale_by == NAP_WEIGHT_NONE ? NULL : j->g->vectors[n->scale_by];
    const float *bias = n->bias == NAP_WEIGHT_NONE ? NULL : j->g->vectors[n->bias];
    size_t begin, end;
    nap_split(panels(m->rows), 1, part, parts, &begin, &end);
    for (size_t p = begin; p < end; p++) {
        const float *w = m->w + p * PANEL * m->cols;
        const size_t left = m->rows - p * PANEL, rows = left < PANEL ? left : PANEL;
        for (size_t t = 0; t < j->tokens; t++) {
            const float *x = j->x + t * m->cols;
            float sum[PANEL] = {0};
            for (size_t k = 0; k < m->cols; k++) {
                for (size_t r = 0; r < PANEL; r++) sum[r] += w[k * PANEL + r] * x[k];
            }
            float *out = j->out + t * m->rows + p * PANEL;
            for (size_t r = 0; r < rows; r++) {
                out[r] = sum[r];
                if (scale) out[r] *= scale[0];
                if (bias) out[r] += bias[p * PANEL + r];
            }
        }
    }
}

static void matmul(const nap_engine *g, const nap_node *n, const float *x, size_t tokens,
                   float *out)
{
    matmul_job j = {g, n, x, out, tokens};
    nap_pool_run(g->pool, matmul_part, &j);
}

/* ------------------------------------------------------------------ attention */

/* Keys of one position, all heads; values follow in the same way. */
static float *cached(const nap_session *s, size_t offset, size_t width, size_t pos)
{
    float *page = s->pages[pos / NAP_KV_PAGE]->data;
    return page + offset + pos % NAP_KV_PAGE * width;
}

static void kv_store(const nap_engine *g, const nap_node *n, const nap_row *row, const float *k,
                     const float *v)
{
    const nap_attention *a = &n->u.attention.shape;
    const nap_kv_layer *at = &g->kv.at[n->u.attention.cache];
    const size_t kw = a->kv_heads * a->head_dim_k, vw = a->kv_heads * a->head_dim_v;
    memcpy(cached(row->session, at->k, kw, row->pos), k, kw * sizeof *k);
    memcpy(cached(row->session, at->v, vw, row->pos), v, vw * sizeof *v);
}

/* One head of one query: softmax of scaled dot products over the positions it may see. Kept as a
 * running maximum and sum, so that no list of scores is needed. */
static void attend(const nap_engine *g, const nap_node *n, const nap_row *row, const float *q,
                   size_t head, float *out)
{
    const nap_attention *a = &n->u.attention.shape;
    const nap_kv_layer *at = &g->kv.at[n->u.attention.cache];
    const size_t dk = a->head_dim_k, dv = a->head_dim_v;
    const size_t kv_head = head / (a->heads / a->kv_heads);
    const size_t first = a->window > 0 && row->pos + 1 > a->window ? row->pos + 1 - a->window : 0;
    float max = -INFINITY, sum = 0;
    for (size_t i = 0; i < dv; i++) out[i] = 0;
    for (size_t p = first; p <= row->pos; p++) {
        const float *k = cached(row->session, at->k, a->kv_heads * dk, p) + kv_head * dk;
        const float *v = cached(row->session, at->v, a->kv_heads * dv, p) + kv_head * dv;
        float score = 0;
        for (size_t i = 0; i < dk; i++) score += q[i] * k[i];
        score *= a->scale;
        if (a->softcap > 0) score = softcap(score, a->softcap);
        if (score > max) { /* what is summed so far was relative to the old maximum */
            const float shrink = expf(max - score);
            for (size_t i = 0; i < dv; i++) out[i] *= shrink;
            sum *= shrink;
            max = score;
        }
        const float weight = expf(score - max);
        for (size_t i = 0; i < dv; i++) out[i] += weight * v[i];
        sum += weight;
    }
    for (size_t i = 0; i < dv; i++) out[i] /= sum;
}

typedef struct attend_job {
    const nap_engine *g;
    const nap_node *n;
    const nap_row *rows;
    size_t tokens;
    const float *q;
    float *out;
} attend_job;

static void attend_part(void *ctx, int part, int parts)
{
    const attend_job *j = ctx;
    const nap_attention *a = &j->n->u.attention.shape;
    for (size_t i = (size_t)part; i < j->tokens * a->heads; i += (size_t)parts) {
        const size_t t = i / a->heads, h = i % a->heads;
        attend(j->g, j->n, &j->rows[t], j->q + (t * a->heads + h) * a->head_dim_k, h,
               j->out + (t * a->heads + h) * a->head_dim_v);
    }
}

/* ------------------------------------------------------------------ nodes */

/* A block of the pass: rows [begin, begin + count) of it, of which `selected` are wanted. */
typedef struct block {
    const nap_row *rows;
    size_t begin, count;
    const uint32_t *selected; /* of the pass, those that fall into the block */
    size_t n_selected;
} block;

static float *value(const nap_engine *g, nap_node_id id)
{
    return g->spec->values + g->spec->at[id] * BLOCK;
}

static void run_node(const nap_engine *g, nap_node_id id, const block *b)
{
    const nap_graph *graph = g->graph;
    const nap_node *n = &graph->nodes[id];
    const size_t count = n->rows == NAP_ROWS_ALL ? b->count : b->n_selected, w = n->width;
    const float *x = n->n_in > 0 ? value(g, n->in[0]) : NULL;
    const float *y = n->n_in > 1 ? value(g, n->in[1]) : NULL;
    float *out = value(g, id);
    if (n->op == NAP_OP_MATMUL) {
        matmul(g, n, x, count, out);
        return;
    }
    if (n->op == NAP_OP_ATTENTION) {
        attend_job j = {g, n, b->rows, count, x, out};
        nap_pool_run(g->pool, attend_part, &j);
        return;
    }
    for (size_t t = 0; t < count; t++, out += w) {
        switch (n->op) {
        case NAP_OP_EMBED:
            embed(&g->spec->matrices[n->weight], (size_t)b->rows[t].token, n->u.factor, out);
            break;
        case NAP_OP_RMSNORM:
            for (size_t i = 0; i < w; i += n->u.norm.size) {
                rmsnorm(x + t * w + i, g->vectors[n->weight], out + i, n->u.norm.size,
                        n->u.norm.eps);
            }
            break;
        case NAP_OP_ROPE:
            rope(x + t * w, out, n->u.rope.heads, n->u.rope.head_dim,
                 &graph->ropes[n->u.rope.index],
                 nap_rope_at(&g->ropes[n->u.rope.index], b->rows[t].pos));
            break;
        case NAP_OP_KV_STORE:
            kv_store(g, n, &b->rows[t], x + t * graph->nodes[n->in[0]].width,
                     y + t * graph->nodes[n->in[1]].width);
            break;
        case NAP_OP_GLU:
            for (size_t i = 0; i < w; i++) {
                out[i] = activate(n->u.activation, x[t * w + i]) * y[t * w + i];
            }
            break;
        case NAP_OP_ADD:
            for (size_t i = 0; i < w; i++) out[i] = x[t * w + i] + y[t * w + i];
            break;
        case NAP_OP_SCALE:
            for (size_t i = 0; i < w; i++) out[i] = x[t * w + i] * n->u.factor;
            break;
        case NAP_OP_SOFTCAP:
            for (size_t i = 0; i < w; i++) out[i] = softcap(x[t * w + i], n->u.cap);
            break;
        case NAP_OP_SELECT:
            memcpy(out, x + (b->selected[t] - b->begin) * w, w * sizeof *out);
            break;
        default:
            break;
        }
    }
}

/* ------------------------------------------------------------------ a pass */

/* The node that gives the logits. */
static nap_node_id head_of(const nap_graph *g)
{
    nap_node_id id = g->nodes[g->n_nodes - 1].in[0];
    while (g->nodes[id].op != NAP_OP_MATMUL) id = g->nodes[id].in[0];
    return id;
}

nap_status nap_spec_body(nap_engine *g, const nap_pass *p, nap_error *e)
{
    nap_spec *s = g->spec;
    const nap_node_id head = head_of(g->graph), input = g->graph->nodes[head].in[0];
    const size_t width = g->graph->nodes[input].width;
    if (p->n_selected > s->hidden_rows) {
        nap_free(s->hidden);
        s->hidden_rows = 0;
        s->hidden = nap_alloc_aligned(p->n_selected * width * sizeof *s->hidden);
        if (!s->hidden) return nap_fail_memory(e, p->n_selected * width * 4, "the float path");
        s->hidden_rows = p->n_selected;
    }
    size_t selected = 0;
    for (size_t at = 0; at < p->n_rows; at += BLOCK) {
        block b = {p->rows + at, at, p->n_rows - at < BLOCK ? p->n_rows - at : BLOCK,
                   p->selected + selected, 0};
        while (selected + b.n_selected < p->n_selected && b.selected[b.n_selected] < at + b.count) {
            b.n_selected++;
        }
        for (nap_node_id i = 0; i < head; i++) run_node(g, i, &b);
        if (b.n_selected == 0) continue;
        memcpy(s->hidden + selected * width, value(g, input),
               b.n_selected * width * sizeof *s->hidden);
        selected += b.n_selected;
    }
    return NAP_OK;
}

void nap_spec_head(nap_engine *g, size_t begin, size_t count, float *logits)
{
    const nap_graph *graph = g->graph;
    nap_node_id id = head_of(graph);
    const size_t width = graph->nodes[graph->nodes[id].in[0]].width;
    matmul(g, &graph->nodes[id], g->spec->hidden + begin * width, count, logits);
    while (graph->nodes[++id].op == NAP_OP_SOFTCAP) {
        for (size_t i = 0; i < count * graph->vocab; i++) {
            logits[i] = softcap(logits[i], graph->nodes[id].u.cap);
        }
    }
}
