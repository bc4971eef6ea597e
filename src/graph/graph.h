/* The operator graph: what a model computes, with no machine in it.
 *
 * A node produces at most one value: `width` floats for every row of the batch (a row is one
 * token). Nodes are kept in an order in which every input comes before its user; a pass that
 * inserts or drops nodes rewrites the list and keeps that order. Machine matters (number forms of
 * activations, kernels, buffers, threads) are the plan's.
 *
 * Builders (src/model) append nodes; passes rewrite; src/plan and the float specification
 * (src/run/spec.c) execute. */
#ifndef NAP_GRAPH_GRAPH_H
#define NAP_GRAPH_GRAPH_H

#include "base/buf.h"
#include "format/format.h"

typedef uint32_t nap_node_id;
typedef uint32_t nap_weight_id;
#define NAP_NODE_NONE UINT32_MAX
#define NAP_WEIGHT_NONE UINT32_MAX

typedef enum nap_op {
    NAP_OP_EMBED,     /* token ids -> rows of a matrix, times a factor */
    NAP_OP_RMSNORM,   /* over the whole row, or over each head of it */
    NAP_OP_PREPARE,   /* activations in the form that a matmul wants: quantized, or as tables */
    NAP_OP_MATMUL,    /* weight x row (* scale) (+ bias) (soft-capped) */
    NAP_OP_ROPE,      /* rotary position embedding */
    NAP_OP_KV_STORE,  /* keys and values of this position into the cache; no value */
    NAP_OP_ATTENTION, /* in: query, the kv_store it depends on */
    NAP_OP_GLU,       /* act(gate) * up */
    NAP_OP_ADD,
    NAP_OP_SCALE,
    NAP_OP_SOFTCAP, /* cap * tanh(x / cap) */
    NAP_OP_SELECT,  /* keeps only the rows whose logits are wanted */
    NAP_OP_OUTPUT,  /* its input is what the caller gets; no value */
    NAP_OP_COUNT
} nap_op;

typedef enum nap_activation {
    NAP_ACTIVATION_SILU,
    NAP_ACTIVATION_GELU_TANH,
    NAP_ACTIVATION_RELU2
} nap_activation;

/* Which rows a node works on. */
typedef enum nap_rows {
    NAP_ROWS_ALL,     /* every token of the batch */
    NAP_ROWS_SELECTED /* only those whose logits are wanted */
} nap_rows;

/* A tensor of the model as the graph sees it. Vectors have rows == 1. */
typedef struct nap_weight {
    char *name;
    const nap_format *format;
    size_t rows, cols;
    size_t source; /* the model file's number for it */
} nap_weight;

typedef enum nap_rope_scaling { NAP_ROPE_PLAIN, NAP_ROPE_LINEAR, NAP_ROPE_YARN } nap_rope_scaling;

/* One way of rotating; layers that rotate alike share an entry, so that its table of cosines is
 * computed once. Angle of pair i at position p: p * base^(-2 i / dims) / freq_factor[i], then
 * scaled (linear: divided by `factor`; YaRN, arXiv:2309.00071: blended by wavelength). */
typedef struct nap_rope {
    size_t dims; /* rotated elements of each head */
    bool neox;   /* pairs are (i, i + dims/2); else (2i, 2i + 1) */
    double base;
    nap_rope_scaling scaling;
    double factor;
    double magnitude; /* YaRN: multiplies cosine and sine */
    double beta_fast, beta_slow;
    size_t original_context;
    nap_weight_id factors; /* dims/2 frequency factors (Llama 3), or NAP_WEIGHT_NONE */
} nap_rope;

typedef struct nap_attention {
    size_t heads, kv_heads, head_dim_k, head_dim_v;
    size_t window; /* 0: all positions */
    float scale, softcap;
} nap_attention;

typedef struct nap_node {
    nap_op op;
    nap_rows rows;
    int layer;         /* -1: outside the layers */
    const char *label; /* a constant: "attn_norm" */
    size_t n_in;
    nap_node_id in[2];
    size_t width;           /* floats per row of the value; 0: no value */
    nap_weight_id weight;   /* embed, rmsnorm, matmul */
    nap_weight_id bias;     /* matmul */
    nap_weight_id scale_by; /* matmul: a one-element tensor that multiplies the product (BitNet) */
    uint32_t group;         /* matmul: nodes of one group share their input; see passes.h */
    union {
        float factor; /* embed, scale */
        float cap;    /* softcap; matmul: a soft-cap folded in, 0: none */
        struct {
            float eps;
            size_t size; /* elements normalized together: width, or one head */
        } norm;
        int form; /* prepare; the number is the plan's */
        struct {
            size_t heads, head_dim;
            uint32_t index; /* into graph->ropes */
        } rope;
        struct {
            uint32_t cache; /* which layer of the cache */
            nap_attention shape;
        } attention; /* kv_store, attention */
        nap_activation activation;
    } u;
} nap_node;

typedef struct nap_graph {
    nap_node *nodes;
    size_t n_nodes, cap_nodes;
    nap_weight *weights;
    size_t n_weights, cap_weights;
    nap_rope *ropes;
    size_t n_ropes, cap_ropes;
    size_t caches; /* attention layers */
    size_t vocab;  /* width of the output */
    size_t embed;  /* width of the residual stream */
} nap_graph;

nap_status nap_graph_create(nap_graph **out, nap_error *e);
void nap_graph_destroy(nap_graph *g);
nap_status nap_graph_clone(nap_graph **out, const nap_graph *g, nap_error *e);

/* Copies the description; *id is NAP_*_NONE on failure. */
nap_status nap_graph_add_node(nap_graph *g, const nap_node *n, nap_node_id *id, nap_error *e);
nap_status nap_graph_add_weight(nap_graph *g, const nap_weight *w, nap_weight_id *id, nap_error *e);
/* Returns the entry that is equal, if there is one. */
nap_status nap_graph_add_rope(nap_graph *g, const nap_rope *r, uint32_t *index, nap_error *e);

/* A node with its fields at their neutral values. */
nap_node nap_node_make(nap_op op, int layer, const char *label, size_t width);

const char *nap_op_name(nap_op op);
const char *nap_activation_name(nap_activation a);

/* Every invariant above: order, widths, weight shapes. For tests and as a guard after passes. */
nap_status nap_graph_check(const nap_graph *g, nap_error *e);

/* One line per node: "  12 matmul    q  L0  <- 11  576  blk.0.attn_q.weight Q4_1 576x576". */
void nap_graph_dump(const nap_graph *g, nap_buf *out);

/* What computing one row costs. One structure for every pass, report and target. */
typedef struct nap_cost {
    uint64_t params;   /* weights used */
    uint64_t bytes;    /* of them, in the file's format */
    uint64_t macs;     /* multiply-adds */
    uint64_t lookups;  /* table look-ups: embedding rows here; LUT kernels count theirs */
    uint64_t kv_bytes; /* cache written per position, as binary16 */
} nap_cost;

/* Of one node for one row, at `context` positions in the cache. */
nap_cost nap_node_cost(const nap_graph *g, const nap_node *n, size_t context);
nap_cost nap_graph_cost(const nap_graph *g, size_t context);

#endif
