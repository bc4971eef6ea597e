/* The float path: what every other way of computing is measured against (spec.c). */
#ifndef NAP_RUN_SPEC_H
#define NAP_RUN_SPEC_H

#include "run/load.h"

typedef struct nap_spec nap_spec;

/* Decodes all weights of g->graph to floats. */
nap_status nap_spec_create(nap_spec **out, nap_engine *g, nap_load_progress *p, nap_error *e);
void nap_spec_destroy(nap_spec *s);
/* Everything up to the logits; then the logits of selected rows [begin, begin + count) of the same
 * pass. */
nap_status nap_spec_body(nap_engine *g, const nap_pass *p, nap_error *e);
void nap_spec_head(nap_engine *g, size_t begin, size_t count, float *logits);
/* Bytes of values in flight. */
uint64_t nap_spec_work_bytes(const nap_graph *g);

#endif
