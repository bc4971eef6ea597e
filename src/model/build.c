/* Emitting graph nodes with their tensors looked up and checked. */
#include "model/build.h"
#include "base/error.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ tensors */

static const char *full_name(const nap_build *b, const char *name, const char *kind, char *buf,
                             size_t size)
{
    if (b->layer >= 0)
        snprintf(buf, size, "blk.%d.%s.%s", b->layer, name, kind);
    else
        snprintf(buf, size, "%s.%s", name, kind);
    return buf;
}

static const nap_tensor *find(const nap_build *b, const char *name, const char *kind)
{
    char buf[160];
    return nap_gguf_tensor(b->g, full_name(b, name, kind, buf, sizeof buf));
}

static void wrong_shape(nap_build *b, const nap_tensor *t, size_t rows, size_t cols)
{
    char found[96];
    int n = 0;
    for (uint32_t i = 0; i < t->n_dims; i++) {
        n += snprintf(found + n, sizeof found - (size_t)n, "%s%llu", i ? " x " : "",
                      (unsigned long long)t->ne[i]);
    }
    char expected[64];
    if (rows == 1)
        snprintf(expected, sizeof expected, "%zu", cols);
    else
        snprintf(expected, sizeof expected, "%zu x %zu", cols, rows);
    b->status = nap_fail(b->e, NAP_ERR_FORMAT, t->offset, "%s: tensor %s: found %s, expected %s",
                         nap_gguf_path(b->g), t->name, found, expected);
}

/* The weight of a tensor with the given shape (a vector has rows == 1). Absent and optional gives
 * NAP_WEIGHT_NONE; absent otherwise is an error. */
static nap_weight_id weight(nap_build *b, const char *name, const char *kind, size_t rows,
                            size_t cols, bool required)
{
    if (b->status != NAP_OK) return NAP_WEIGHT_NONE;
    const nap_tensor *t = find(b, name, kind);
    if (!t) {
        char buf[160];
        if (required) {
            b->status = nap_fail(b->e, NAP_ERR_NOT_FOUND, NAP_NO_OFFSET, "%s: tensor %s is missing",
                                 nap_gguf_path(b->g), full_name(b, name, kind, buf, sizeof buf));
        }
        return NAP_WEIGHT_NONE;
    }
    if (t->ne[0] != cols || t->ne[1] != rows || t->ne[2] != 1 || t->ne[3] != 1) {
        wrong_shape(b, t, rows, cols);
        return NAP_WEIGHT_NONE;
    }
    const size_t source = nap_gguf_tensor_index(b->g, t);
    b->used[source] = true;
    if (b->ids[source] == NAP_WEIGHT_NONE) {
        const nap_weight w = {(char *)t->name, t->format, rows, cols, source};
        b->status = nap_graph_add_weight(b->graph, &w, &b->ids[source], b->e);
    }
    return b->ids[source];
}

/* ------------------------------------------------------------------ operators */

static nap_node_id emit(nap_build *b, const nap_node *n)
{
    nap_node_id id = NAP_NODE_NONE;
    if (b->status == NAP_OK) b->status = nap_graph_add_node(b->graph, n, &id, b->e);
    return id;
}

static size_t width(const nap_build *b, nap_node_id x)
{
    return b->status == NAP_OK ? b->graph->nodes[x].width : 0;
}

static nap_node node1(const nap_build *b, nap_op op, const char *label, size_t w, nap_node_id x)
{
    nap_node n = nap_node_make(op, b->layer, label, w);
    n.n_in = 1;
    n.in[0] = x;
    return n;
}

static nap_node node2(const nap_build *b, nap_op op, const char *label, size_t w, nap_node_id x,
                      nap_node_id y)
{
    nap_node n = node1(b, op, label, w, x);
    n.n_in = 2;
    n.in[1] = y;
    return n;
}

nap_node_id nap_build_embed(nap_build *b, float factor)
{
    nap_node n = nap_node_make(NAP_OP_EMBED, -1, "token_embd", b->h.embed);
    n.weight = weight(b, "token_embd", "weight", b->h.vocab, b->h.embed, true);
    n.u.factor = factor;
    return emit(b, &n);
}

nap_node_id nap_build_norm(nap_build *b, nap_node_id x, const char *name, size_t size)
{
    nap_node n = node1(b, NAP_OP_RMSNORM, name, width(b, x), x);
    n.u.norm.eps = b->h.eps;
    n.u.norm.size = size ? size : n.width;
    n.weight = weight(b, name, "weight", 1, n.u.norm.size, true);
    return emit(b, &n);
}

nap_node_id nap_build_matmul(nap_build *b, nap_node_id x, const char *name, size_t rows)
{
    nap_node n = node1(b, NAP_OP_MATMUL, name, rows, x);
    n.weight = weight(b, name, "weight", rows, width(b, x), true);
    n.bias = weight(b, name, "bias", 1, rows, false);
    n.scale_by = weight(b, name, "scale", 1, 1, false);
    return emit(b, &n);
}

nap_node_id nap_build_add(nap_build *b, nap_node_id x, nap_node_id y, const char *label)
{
    const nap_node n = node2(b, NAP_OP_ADD, label, width(b, x), x, y);
    return emit(b, &n);
}

nap_node_id nap_build_glu(nap_build *b, nap_activation a, nap_node_id gate, nap_node_id up)
{
    nap_node n = node2(b, NAP_OP_GLU, "glu", width(b, gate), gate, up);
    n.u.activation = a;
    return emit(b, &n);
}

static nap_node_id rope(nap_build *b, nap_node_id x, const char *label, size_t heads,
                        const nap_rope *r)
{
    if (b->status != NAP_OK) return NAP_NODE_NONE;
    nap_node n = node1(b, NAP_OP_ROPE, label, width(b, x), x);
    n.u.rope.heads = heads;
    n.u.rope.head_dim = b->h.head_dim_k;
    b->status = nap_graph_add_rope(b->graph, r, &n.u.rope.index, b->e);
    return emit(b, &n);
}

/* ------------------------------------------------------------------ blocks */

nap_rope nap_build_rope(nap_build *b, bool neox)
{
    nap_rope r = b->h.rope;
    r.neox = neox;
    const int layer = b->layer;
    b->layer = -1;
    r.factors = weight(b, "rope_freqs", "weight", 1, r.dims / 2, false);
    b->layer = layer;
    return r;
}

nap_node_id nap_build_attention(nap_build *b, nap_node_id x, const nap_attention_style *style)
{
    const nap_hparams *h = &b->h;
    const size_t dk = h->head_dim_k, dv = h->head_dim_v;
    nap_node_id q = nap_build_matmul(b, x, "attn_q", h->heads * dk);
    nap_node_id k = nap_build_matmul(b, x, "attn_k", h->kv_heads * dk);
    const nap_node_id v = nap_build_matmul(b, x, "attn_v", h->kv_heads * dv);
    if (style->qk_norm) {
        q = nap_build_norm(b, q, "attn_q_norm", dk);
        k = nap_build_norm(b, k, "attn_k_norm", dk);
    }
    q = rope(b, q, "q_rope", h->heads, &style->rope);
    k = rope(b, k, "k_rope", h->kv_heads, &style->rope);

    float scale = style->scale;
    if (scale == 0) scale = h->attention_scale;
    if (scale == 0) scale = (float)(1.0 / sqrt((double)dk));
    nap_node store = node2(b, NAP_OP_KV_STORE, "kv_store", 0, k, v);
    store.u.attention.cache = (uint32_t)b->layer;
    store.u.attention.shape =
        (nap_attention){h->heads, h->kv_heads, dk, dv, style->window, scale, h->attention_softcap};
    const nap_node_id stored = emit(b, &store);
    nap_node attend = node2(b, NAP_OP_ATTENTION, "attention", h->heads * dv, q, stored);
    attend.u.attention = store.u.attention;
    nap_node_id out = emit(b, &attend);
    if (style->sub_norm) out = nap_build_norm(b, out, style->sub_norm, 0);
    return nap_build_matmul(b, out, "attn_output", h->embed);
}

nap_node_id nap_build_ffn(nap_build *b, nap_node_id x, nap_activation a, const char *sub_norm)
{
    const nap_node_id gate = nap_build_matmul(b, x, "ffn_gate", b->h.ff);
    const nap_node_id up = nap_build_matmul(b, x, "ffn_up", b->h.ff);
    nap_node_id y = nap_build_glu(b, a, gate, up);
    if (sub_norm) y = nap_build_norm(b, y, sub_norm, 0);
    return nap_build_matmul(b, y, "ffn_down", b->h.embed);
}

void nap_build_head(nap_build *b, nap_node_id x)
{
    b->layer = -1;
    x = nap_build_norm(b, x, "output_norm", 0);
    const bool tied = !find(b, "output", "weight");
    x = nap_build_matmul(b, x, tied ? "token_embd" : "output", b->h.vocab);
    if (b->h.final_softcap > 0) {
        nap_node cap = node1(b, NAP_OP_SOFTCAP, "softcap", width(b, x), x);
        cap.u.cap = b->h.final_softcap;
        x = emit(b, &cap);
    }
    const nap_node out = node1(b, NAP_OP_OUTPUT, "output", 0, x);
    emit(b, &out);
}
