/* Loading: each thread reads pieces of a tensor into a bounce buffer of its own and packs them from
 * there, so that nothing of the file stays in memory and reading overlaps packing. */
#include "run/load.h"
#include "base/alloc.h"
#include "base/error.h"

#include <string.h>

enum { PIECE_BYTES = 512 * 1024 };

size_t nap_weight_row_bytes(const nap_weight *w)
{
    return w->cols / w->format->block * w->format->block_bytes;
}

static const nap_tensor *tensor_of(const nap_engine *g, const nap_weight *w)
{
    return nap_gguf_tensor_at(nap_model_file(g->model), w->source);
}

/* ------------------------------------------------------------------ rows in parallel */

typedef struct reader {
    const nap_engine *g;
    const nap_weight *weight;
    size_t row_bytes, piece_rows;
    uint8_t *bounce; /* a piece for each thread */
    nap_take_rows_fn take;
    void *ctx;
    nap_status status[NAP_MAX_THREADS];
    nap_error *errors; /* one per thread */
} reader;

static void read_part(void *ctx, int part, int parts)
{
    reader *r = ctx;
    const nap_gguf *file = nap_model_file(r->g->model);
    const size_t rows = r->weight->rows, piece = r->piece_rows;
    uint8_t *bounce = r->bounce + (size_t)part * piece * r->row_bytes;
    r->status[part] = NAP_OK;
    for (size_t row = (size_t)part * piece; row < rows; row += (size_t)parts * piece) {
        const size_t count = row + piece < rows ? piece : rows - row;
        r->status[part] = nap_gguf_read(file, tensor_of(r->g, r->weight), row * r->row_bytes,
                                        bounce, count * r->row_bytes, &r->errors[part]);
        if (r->status[part] != NAP_OK) return;
        r->take(r->ctx, row, count, bounce);
    }
}

nap_status nap_load_rows(nap_engine *g, const nap_weight *w, nap_take_rows_fn take, void *ctx,
                         nap_error *e)
{
    reader r = {.g = g, .weight = w, .take = take, .ctx = ctx};
    r.row_bytes = nap_weight_row_bytes(w);
    const size_t threads = (size_t)g->threads;
    const size_t tile = r.row_bytes * NAP_ROW_TILE;
    r.piece_rows = tile < PIECE_BYTES ? PIECE_BYTES / tile * NAP_ROW_TILE : NAP_ROW_TILE;
    /* Small tensors: no larger pieces than keep every thread busy. */
    const size_t share = (w->rows / threads / NAP_ROW_TILE + 1) * NAP_ROW_TILE;
    if (r.piece_rows > share) r.piece_rows = share;
    const size_t bytes = threads * r.piece_rows * r.row_bytes;
    r.bounce = nap_alloc_aligned(bytes);
    r.errors = nap_calloc(threads, sizeof *r.errors);
    nap_status s = NAP_OK;
    if (!r.bounce || !r.errors) {
        s = nap_fail_memory(e, bytes, "reading weights");
    } else {
        nap_pool_run(g->pool, read_part, &r);
        for (size_t i = 0; i < threads && s == NAP_OK; i++) {
            s = r.status[i];
            if (s != NAP_OK && e) *e = r.errors[i];
        }
    }
    nap_free(r.bounce);
    nap_free(r.errors);
    return s;
}

/* ------------------------------------------------------------------ vectors */

nap_status nap_load_vector(const nap_engine *g, const nap_weight *w, float **out, nap_error *e)
{
    const size_t elems = w->rows * w->cols, bytes = w->rows * nap_weight_row_bytes(w);
    void *raw = nap_alloc(bytes);
    *out = nap_alloc_aligned(elems * sizeof **out);
    nap_status s = NAP_OK;
    if (!raw || !*out) s = nap_fail_memory(e, elems * sizeof **out, w->name);
    if (s == NAP_OK) {
        s = nap_gguf_read(nap_model_file(g->model), tensor_of(g, w), 0, raw, bytes, e);
    }
    if (s == NAP_OK) {
        nap_format_decode(w->format, raw, elems, *out);
    } else {
        nap_free(*out);
        *out = NULL;
    }
    nap_free(raw);
    return s;
}

static nap_status vector_once(nap_engine *g, const nap_graph *graph, nap_weight_id id, nap_error *e)
{
    if (id == NAP_WEIGHT_NONE || g->vectors[id]) return NAP_OK;
    return nap_load_vector(g, &graph->weights[id], &g->vectors[id], e);
}

nap_status nap_load_vectors(nap_engine *g, const nap_graph *graph, nap_error *e)
{
    g->vectors = nap_calloc(graph->n_weights, sizeof *g->vectors);
    if (!g->vectors) return nap_fail_memory(e, graph->n_weights * sizeof *g->vectors, "weights");
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const nap_node *n = &graph->nodes[i];
        if (n->op == NAP_OP_RMSNORM) NAP_TRY(vector_once(g, graph, n->weight, e));
        NAP_TRY(vector_once(g, graph, n->bias, e));
        NAP_TRY(vector_once(g, graph, n->scale_by, e));
    }
    for (size_t i = 0; i < graph->n_ropes; i++) {
        NAP_TRY(vector_once(g, graph, graph->ropes[i].factors, e));
    }
    return NAP_OK;
}

/* ------------------------------------------------------------------ packed matrices */

nap_status nap_load_advance(nap_load_progress *p, uint64_t bytes, nap_error *e)
{
    p->done += bytes;
    if (p->fn && !p->fn(p->user, "load", p->done, p->total)) {
        return nap_fail(e, NAP_ERR_CANCELLED, NAP_NO_OFFSET, "loading was cancelled");
    }
    return NAP_OK;
}

static void pack_rows(void *ctx, size_t row_begin, size_t count, const void *src)
{
    nap_matrix_pack(ctx, row_begin, count, src);
}

typedef struct copier {
    uint8_t *to;
    size_t row_bytes;
} copier;

static void copy_rows(void *ctx, size_t row_begin, size_t count, const void *src)
{
    const copier *c = ctx;
    memcpy(c->to + row_begin * c->row_bytes, src, count * c->row_bytes);
}

/* The embedding of a model whose output matrix is another tensor: rows stay as in the file. */
static nap_status keep_embedding(nap_engine *g, const nap_weight *w, nap_error *e)
{
    g->embedding_row_bytes = nap_weight_row_bytes(w);
    g->embedding = nap_alloc_aligned(w->rows * g->embedding_row_bytes);
    if (!g->embedding) return nap_fail_memory(e, w->rows * g->embedding_row_bytes, w->name);
    copier c = {g->embedding, g->embedding_row_bytes};
    return nap_load_rows(g, w, copy_rows, &c, e);
}

nap_status nap_load_packed(nap_engine *g, nap_load_progress *p, nap_error *e)
{
    nap_plan *plan = g->plan;
    const nap_graph *graph = plan->graph;
    g->packed_bytes = (size_t)plan->packed_bytes;
    g->packed = nap_alloc_huge(g->packed_bytes);
    if (!g->packed) return nap_fail_memory(e, g->packed_bytes, "the packed weights");
    size_t at = 0;
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const nap_node *n = &graph->nodes[i];
        const nap_weight *w = n->weight == NAP_WEIGHT_NONE ? NULL : &graph->weights[n->weight];
        if (n->op == NAP_OP_EMBED && !plan->matrices[n->weight].kernel) {
            NAP_TRY(keep_embedding(g, w, e));
        } else if (n->op == NAP_OP_MATMUL && !plan->matrices[n->weight].data) {
            nap_matrix *m = &plan->matrices[n->weight];
            m->data = (char *)g->packed + at;
            at += (m->bytes + 63) / 64 * 64;
            NAP_TRY(nap_load_rows(g, w, pack_rows, m, e));
        } else {
            continue;
        }
        NAP_TRY(nap_load_advance(p, w->rows * nap_weight_row_bytes(w), e));
    }
    return NAP_OK;
}
