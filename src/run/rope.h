/* Tables of cosines and sines, one row per position, made on demand in pages. */
#ifndef NAP_RUN_ROPE_H
#define NAP_RUN_ROPE_H

#include "graph/graph.h"

typedef struct nap_rope_table {
    size_t pairs;
    double *step; /* per pair: its angle at position 1 */
    double *turn; /* per position in a page and pair: cos, sin of position * step */
    double magnitude;
    float **pages; /* NAP_ROPE_PAGE positions each; NULL until needed */
    size_t n_pages;
} nap_rope_table;

enum { NAP_ROPE_PAGE = 64 };

/* `factors`: dims/2 frequency factors, or NULL. Room for `positions` positions. */
nap_status nap_rope_init(nap_rope_table *t, const nap_rope *r, const float *factors,
                         size_t positions, nap_error *e);
void nap_rope_free(nap_rope_table *t);
/* Makes sure that positions [begin, end) are there. */
nap_status nap_rope_reserve(nap_rope_table *t, size_t begin, size_t end, nap_error *e);

/* `pairs` times (cos, sin). */
static inline const float *nap_rope_at(const nap_rope_table *t, size_t pos)
{
    return t->pages[pos / NAP_ROPE_PAGE] + pos % NAP_ROPE_PAGE * t->pairs * 2;
}

#endif
