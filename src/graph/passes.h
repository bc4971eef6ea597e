/* Passes: each rewrites a graph into one that computes the same.
 *
 * Order of use: select_rows, drop_dead, then, for the packed engine, fold_softcap, split_prepare
 * (which shares what it inserts) and group_matmuls. The float specification runs the graph as it
 * is before those three.
 */
#ifndef NAP_GRAPH_PASSES_H
#define NAP_GRAPH_PASSES_H

#include "graph/graph.h"

/* Computes only the rows whose logits are wanted, from as early as possible: a node all of whose
 * users need only selected rows works on those alone; SELECT nodes appear where the two meet.
 * Attention and what feeds the cache keep all rows. */
nap_status nap_pass_select_rows(nap_graph *g, nap_error *e);

/* Drops nodes whose value nobody uses. */
nap_status nap_pass_drop_dead(nap_graph *g, nap_error *e);

/* Folds a soft-cap into the matmul it follows, if that has no other user: each thread then caps
 * the rows that it has just computed. */
nap_status nap_pass_fold_softcap(nap_graph *g, nap_error *e);

/* The form of activations that a weight's kernel wants: 0: plain floats, no preparation. */
typedef int (*nap_form_fn)(void *user, const nap_weight *w);

/* Splits the preparation of activations (quantizing, later table precompute) off the matmuls into
 * nodes of its own, one per (value, form): matmuls of the same input share it. */
nap_status nap_pass_split_prepare(nap_graph *g, nap_form_fn form, void *user, nap_error *e);

/* Puts matmuls that read the same input and follow each other into one group (a number > 0), to be
 * run as one step so that threads meet once (query/key/value, gate/up). */
nap_status nap_pass_group_matmuls(nap_graph *g, nap_error *e);

#endif
