/* The plan: how a graph is computed on this machine.
 *
 * graph + kernel table + tier -> a list of steps, a kernel for every matrix, a place for every
 * value, and where threads must wait for each other.
 *
 * Threads. All threads walk the list of steps together. A step belongs to one of four kinds:
 *   TOKENS  works on each row by itself (norms, rope, residuals, preparation ...)
 *   MATMUL  each thread computes a range of output rows, for all tokens
 *   STORE   writes keys and values into the cache
 *   ATTEND  work items of attention, dealt out in turn
 * and runs in one of two modes, by the number of rows:
 *   wide    (many rows) TOKENS steps split the rows; all values lie in one shared arena
 *   narrow  (decoding) every thread does the TOKENS steps whole, in an arena of its own: a few
 *           hundred floats cost less than meeting the others; only MATMUL and ATTEND are shared
 * `wait_wide` and `wait_narrow` say whether threads meet before the step in that mode.
 *
 * Places. A value lies at `offset` floats per row into its arena. A place is given to another
 * value only after a step at which all threads have met since the last use, in both modes. */
#ifndef NAP_PLAN_PLAN_H
#define NAP_PLAN_PLAN_H

#include "graph/graph.h"
#include "kernel/kernel.h"

typedef enum nap_step_kind {
    NAP_STEP_TOKENS,
    NAP_STEP_MATMUL,
    NAP_STEP_STORE,
    NAP_STEP_ATTEND
} nap_step_kind;

typedef struct nap_step {
    nap_step_kind kind;
    nap_node_id node; /* a matmul step takes nodes [node, node + count) */
    size_t count;
    bool wait_wide, wait_narrow;
} nap_step;

typedef struct nap_place {
    size_t offset; /* floats per row, before this value in its arena */
    size_t stride; /* floats from row to row, a multiple of 16 */
    bool shared;   /* one for all threads in narrow mode too */
} nap_place;

/* Which kernel serves what, for reports. */
typedef struct nap_choice {
    nap_kop op;
    const nap_format *format; /* matmul; else NULL */
    const nap_kernel *kernel;
    size_t uses;
} nap_choice;

/* Rows up to which a step runs in narrow mode. */
enum { NAP_NARROW_ROWS = 4 };

typedef struct nap_plan {
    nap_graph *graph; /* with all passes done */
    nap_tier tier;
    bool as_ggml;
    nap_kernel_set kernels;
    nap_matrix *matrices; /* per weight; kernel == NULL: no matmul reads it */
    nap_step *steps;
    size_t n_steps;
    size_t head; /* the step that computes the logits: the last; it has no place in the arena */
    nap_place *places; /* per node */
    size_t row_floats; /* arena per row */
    nap_choice *choices;
    size_t n_choices;
    uint64_t packed_bytes; /* of all matrices, each rounded up to 64 */
} nap_plan;

/* Copies the graph. With `as_ggml`, int8 activations are rounded as
 * ggml does for the weights' format (kernel.h, NAP_ACT_Q8_1 and NAP_ACT_Q8_K). A weight format
 * without a kernel is NAP_ERR_UNSUPPORTED and named. */
nap_status nap_plan_create(nap_plan **out, const nap_graph *g, nap_tier tier, bool as_ggml,
                           nap_error *e);
void nap_plan_destroy(nap_plan *p);

/* Steps, waits and places as text. */
void nap_plan_dump(const nap_plan *p, nap_buf *out);

/* Why a kernel was chosen, one phrase. */
const char *nap_choice_reason(const nap_plan *p, const nap_choice *c);

#endif
