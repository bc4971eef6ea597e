/* What architecture builders are written with: one call per operator, no error handling in between.
 *
 * A nap_build carries the first error; after it, every call does nothing and returns
 * NAP_NODE_NONE. Tensors are looked up by name ("blk.%d.attn_q.weight" with the current layer),
 * their shapes checked against what the builder says. See docs/add-a-model.md. */
#ifndef NAP_MODEL_BUILD_H
#define NAP_MODEL_BUILD_H

#include "model/hparams.h"

typedef struct nap_build {
    const nap_gguf *g;
    nap_graph *graph;
    nap_hparams h;
    int layer;          /* -1 outside the layers */
    bool *used;         /* per tensor of the file */
    nap_weight_id *ids; /* per tensor of the file: its weight, or NAP_WEIGHT_NONE */
    nap_status status;
    nap_error *e;
} nap_build;

/* ---- single operators. `name` is a tensor name without layer prefix and ".weight". */

/* token_embd, times `factor`. */
nap_node_id nap_build_embed(nap_build *b, float factor);
/* RMS norm of `x`; with size 0 over the whole row, else over each `size` elements of it. */
nap_node_id nap_build_norm(nap_build *b, nap_node_id x, const char *name, size_t size);
/* Weight matrix times x; `.bias` and `.scale` tensors of the same name join in if present. */
nap_node_id nap_build_matmul(nap_build *b, nap_node_id x, const char *name, size_t rows);
nap_node_id nap_build_add(nap_build *b, nap_node_id x, nap_node_id y, const char *label);
nap_node_id nap_build_glu(nap_build *b, nap_activation a, nap_node_id gate, nap_node_id up);

/* ---- blocks that several architectures share */

typedef struct nap_attention_style {
    bool qk_norm;         /* RMS norm of every query and key head (attn_q_norm, attn_k_norm) */
    const char *sub_norm; /* a norm before the output projection, or NULL */
    size_t window;        /* 0: all positions */
    nap_rope rope;
    float scale; /* 0: the file's, or 1 / sqrt(head_dim_k) */
} nap_attention_style;

/* q, k, v, rope, cache, attention, output projection; x is already normalized. */
nap_node_id nap_build_attention(nap_build *b, nap_node_id x, const nap_attention_style *style);
/* act(gate x) * (up x), an optional norm, down. */
nap_node_id nap_build_ffn(nap_build *b, nap_node_id x, nap_activation a, const char *sub_norm);
/* output_norm, output matrix (or the embedding, if tied), logit soft-cap, output. */
void nap_build_head(nap_build *b, nap_node_id x);
/* The rope of this model's global layers with rope_freqs.weight if the file has it. */
nap_rope nap_build_rope(nap_build *b, bool neox);

/* ---- architectures */

typedef struct nap_arch {
    const char *name; /* general.architecture */
    void (*build)(nap_build *b);
    const char *about;
} nap_arch;

extern const nap_arch nap_archs[];
extern const size_t nap_arch_count;
const nap_arch *nap_arch_find(const char *name); /* NULL if unknown */

void nap_build_llama(nap_build *b);
void nap_build_gemma3(nap_build *b);
void nap_build_qwen2(nap_build *b);
void nap_build_qwen3(nap_build *b);
void nap_build_bitnet(nap_build *b);
void nap_build_bitnet_relu2(nap_build *b);

#endif
