/* The inside of nap_engine and nap_session (include/napier/session.h).
 *
 * An engine holds what all sessions share: weights made ready for one of the two paths, threads,
 * rope tables, scratch memory, and the pages of the KV cache. One thread at a time may use it. */
#ifndef NAP_RUN_ENGINE_H
#define NAP_RUN_ENGINE_H

#include "napier/session.h"
#include "base/threads.h"
#include "model/model.h"
#include "plan/plan.h"
#include "run/rope.h"

/* ------------------------------------------------------------------ KV cache */

/* A page holds NAP_KV_PAGE positions of all layers. Sessions share pages by reference; one that is
 * shared is copied before it is written. */
typedef struct nap_kv_page {
    unsigned refs;
    struct nap_kv_page *next; /* in the list of free pages */
    void *data;
} nap_kv_page;

/* Where a layer's keys and values lie in a page, in elements. */
typedef struct nap_kv_layer {
    size_t k, v;
} nap_kv_layer;

typedef struct nap_kv_shape {
    size_t layers;
    size_t element; /* bytes: 2 (binary16, fast path) or 4 (float path) */
    size_t page_bytes;
    nap_kv_layer *at; /* per layer */
} nap_kv_shape;

/* ------------------------------------------------------------------ engine */

/* What one thread needs for itself. */
typedef struct nap_worker {
    void *matmul;  /* NAP_MATMUL_SCRATCH bytes */
    float *attend; /* attend_floats floats */
    size_t attend_floats;
    float *arena; /* narrow mode: NAP_NARROW_ROWS rows */
} nap_worker;

struct nap_spec; /* float path: spec.h */

/* Sees the prepared input of a matrix before each product of the fast path: rows [first, first +
 * rows) of those the product works on, `stride` bytes apart. For the compiler of the LUT core,
 * which wants real activations. */
typedef void (*nap_tap_fn)(void *user, nap_weight_id weight, size_t first, size_t rows,
                           const void *act, size_t stride);

struct nap_engine {
    const nap_model *model;
    nap_path path;
    nap_tier tier;
    nap_hparams hparams;
    size_t context, batch;
    nap_pool *pool;
    int threads;

    nap_graph *graph;      /* float path; NULL in the fast path, whose graph is plan->graph */
    nap_plan *plan;        /* fast path */
    struct nap_spec *spec; /* float path */

    void *packed; /* all matrices, one after the other in the order of use */
    size_t packed_bytes;
    float **vectors;    /* per weight: norms, biases, factors; NULL for matrices */
    uint8_t *embedding; /* rows as in the file, when no matrix holds them */
    size_t embedding_row_bytes;

    nap_rope_table *ropes; /* per entry of graph->ropes */
    nap_kv_shape kv;
    nap_kv_page *free_pages;

    nap_worker *workers;
    float *arena; /* arena_rows rows */
    size_t arena_rows;
    float *logits; /* logit_rows rows, when more than one row is wanted */
    size_t logit_rows;
    struct nap_row *rows; /* batch entries */
    uint32_t *selected;   /* batch entries */

    nap_tap_fn tap; /* NULL: nobody looks */
    void *tap_user;
};

/* The graph that is executed. */
const nap_graph *nap_engine_graph(const nap_engine *g);

/* ------------------------------------------------------------------ sessions */

struct nap_session {
    nap_engine *engine;
    nap_token *tokens;
    size_t length, cap_tokens;
    nap_kv_page **pages;
    size_t n_pages, cap_pages;
    /* [layer][page] for attention: where this layer's keys and values of each page are. */
    const uint16_t **k_pages, **v_pages;
    float *logits; /* vocab floats */
    bool has_logits;
};

/* Makes pages for positions [length, length + n), private to the session. */
nap_status nap_kv_reserve(nap_session *s, size_t n, nap_error *e);
/* Drops every page that holds none of the first `length` positions. */
void nap_kv_trim(nap_session *s, size_t length);
/* Lets `to` (empty) share the pages of `from`. */
nap_status nap_kv_share(nap_session *to, const nap_session *from, nap_error *e);
nap_status nap_kv_shape_init(nap_kv_shape *shape, const nap_graph *g, size_t element, nap_error *e);
void nap_kv_free_pages(nap_engine *g);

/* ------------------------------------------------------------------ one pass */

/* One token of a pass: whose it is and where it stands. */
typedef struct nap_row {
    nap_session *session;
    size_t pos;
    nap_token token;
} nap_row;

/* Tokens computed together. Rows of a session are consecutive and in order of position. */
typedef struct nap_pass {
    const nap_row *rows;
    size_t n_rows;
    const uint32_t *selected; /* rows whose logits are wanted, ascending */
    size_t n_selected;
} nap_pass;

/* Fast path. Room is made first; then everything in one go (`all`), or everything but the logits
 * (`body`) and then those of selected rows [begin, begin + count) (`head`). */
nap_status nap_exec_reserve(nap_engine *g, const nap_pass *p, nap_error *e);
void nap_exec_body(nap_engine *g, const nap_pass *p);
void nap_exec_head(nap_engine *g, const nap_pass *p, size_t begin, size_t count, float *logits);
void nap_exec_all(nap_engine *g, const nap_pass *p, float *logits);

/* How many rows of logits are computed at a time. */
size_t nap_logit_block(const nap_engine *g);

#endif
