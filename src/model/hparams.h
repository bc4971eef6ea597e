/* The numbers of a model, read from GGUF metadata and checked. */
#ifndef NAP_MODEL_HPARAMS_H
#define NAP_MODEL_HPARAMS_H

#include "file/gguf.h"
#include "graph/graph.h"

enum { NAP_MAX_LAYERS = 512 };

typedef struct nap_hparams {
    const char *arch; /* the prefix of the keys */
    size_t layers, embed, ff, heads, kv_heads, head_dim_k, head_dim_v, context;
    size_t vocab; /* rows of the embedding */
    float eps;
    nap_rope rope;         /* of global layers; neox is the builder's to set */
    size_t window;         /* sliding window; 0: none */
    size_t window_pattern; /* every n-th layer is global */
    double window_rope_base;
    float attention_softcap, final_softcap; /* 0: none */
    float attention_scale;                  /* 0: 1 / sqrt(head_dim_k) */
} nap_hparams;

/* Reads "<arch>.<key>" for every number above. Errors name the key, what was found, and what was
 * expected. */
nap_status nap_hparams_read(nap_hparams *h, const nap_gguf *g, const char *arch, nap_error *e);

#endif
