/* Getting weights from the file into the form in which they are used. */
#ifndef NAP_RUN_LOAD_H
#define NAP_RUN_LOAD_H

#include "run/engine.h"

typedef struct nap_load_progress {
    nap_progress_fn fn;
    void *user;
    uint64_t done, total;
} nap_load_progress;

/* Bytes of one row of a weight in the file; the format takes whole blocks (checked at parse). */
size_t nap_weight_row_bytes(const nap_weight *w);

/* Reads rows [0, rows) of a weight in pieces of whole row tiles, pieces shared out over the
 * engine's threads, and hands each to `take`. */
typedef void (*nap_take_rows_fn)(void *ctx, size_t row_begin, size_t count, const void *src);
nap_status nap_load_rows(nap_engine *g, const nap_weight *w, nap_take_rows_fn take, void *ctx,
                         nap_error *e);

/* All of w as floats. */
nap_status nap_load_vector(const nap_engine *g, const nap_weight *w, float **out, nap_error *e);

/* Counts `bytes` as done; NAP_ERR_CANCELLED if the caller wants to stop. */
nap_status nap_load_advance(nap_load_progress *p, uint64_t bytes, nap_error *e);

/* Norms, biases and factors of the graph into g->vectors. */
nap_status nap_load_vectors(nap_engine *g, const nap_graph *graph, nap_error *e);
/* Fast path: packs every matrix of the plan; keeps the embedding if no matrix holds it. */
nap_status nap_load_packed(nap_engine *g, nap_load_progress *p, nap_error *e);

#endif
