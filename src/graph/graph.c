/* Building, copying, checking and printing the operator graph. */
#include "graph/graph.h"
#include "base/alloc.h"
#include "base/error.h"

#include <stdio.h>
#include <string.h>

static const char *const op_names[NAP_OP_COUNT] = {
    "embed", "rmsnorm", "prepare", "matmul",  "rope",   "kv_store", "attention",
    "glu",   "add",     "scale",   "softcap", "select", "output",
};

const char *nap_op_name(nap_op op)
{
    return (unsigned)op < NAP_OP_COUNT ? op_names[op] : "?";
}

const char *nap_activation_name(nap_activation a)
{
    static const char *const names[] = {"silu", "gelu_tanh", "relu2"};
    return (unsigned)a < sizeof names / sizeof *names ? names[a] : "?";
}

nap_status nap_graph_create(nap_graph **out, nap_error *e)
{
    *out = nap_calloc(1, sizeof **out);
    return *out ? NAP_OK : nap_fail_memory(e, sizeof **out, "the operator graph");
}

void nap_graph_destroy(nap_graph *g)
{
    if (!g) return;
    for (size_t i = 0; i < g->n_weights; i++) nap_free(g->weights[i].name);
    nap_free(g->weights);
    nap_free(g->nodes);
    nap_free(g->ropes);
    nap_free(g);
}

/* Makes room for one more element of a growing array. */
static nap_status grow(void **array, size_t *cap, size_t n, size_t size, nap_error *e)
{
    if (n < *cap) return NAP_OK;
    const size_t bigger = *cap ? *cap * 2 : 64;
    void *p = nap_realloc(*array, bigger, size);
    if (!p) return nap_fail_memory(e, bigger * size, "the operator graph");
    *array = p;
    *cap = bigger;
    return NAP_OK;
}

nap_status nap_graph_add_node(nap_graph *g, const nap_node *n, nap_node_id *id, nap_error *e)
{
    *id = NAP_NODE_NONE;
    NAP_TRY(grow((void **)&g->nodes, &g->cap_nodes, g->n_nodes, sizeof *g->nodes, e));
    g->nodes[g->n_nodes] = *n;
    *id = (nap_node_id)g->n_nodes++;
    return NAP_OK;
}

nap_status nap_graph_add_weight(nap_graph *g, const nap_weight *w, nap_weight_id *id, nap_error *e)
{
    *id = NAP_WEIGHT_NONE;
    NAP_TRY(grow((void **)&g->weights, &g->cap_weights, g->n_weights, sizeof *g->weights, e));
    nap_weight *slot = &g->weights[g->n_weights];
    *slot = *w;
    slot->name = nap_strdup(w->name);
    if (!slot->name) return nap_fail_memory(e, strlen(w->name) + 1, "a tensor's name");
    *id = (nap_weight_id)g->n_weights++;
    return NAP_OK;
}

static bool rope_equal(const nap_rope *a, const nap_rope *b)
{
    return a->dims == b->dims && a->neox == b->neox && a->base == b->base &&
           a->scaling == b->scaling && a->factor == b->factor && a->magnitude == b->magnitude &&
           a->beta_fast == b->beta_fast && a->beta_slow == b->beta_slow &&
           a->original_context == b->original_context && a->factors == b->factors;
}

nap_status nap_graph_add_rope(nap_graph *g, const nap_rope *r, uint32_t *index, nap_error *e)
{
    for (size_t i = 0; i < g->n_ropes; i++) {
        if (rope_equal(&g->ropes[i], r)) {
            *index = (uint32_t)i;
            return NAP_OK;
        }
    }
    NAP_TRY(grow((void **)&g->ropes, &g->cap_ropes, g->n_ropes, sizeof *g->ropes, e));
    g->ropes[g->n_ropes] = *r;
    *index = (uint32_t)g->n_ropes++;
    return NAP_OK;
}

nap_status nap_graph_clone(nap_graph **out, const nap_graph *g, nap_error *e)
{
    nap_graph *c;
    NAP_TRY(nap_graph_create(&c, e));
    c->caches = g->caches;
    c->vocab = g->vocab;
    c->embed = g->embed;
    nap_status s = NAP_OK;
    nap_node_id node;
    nap_weight_id weight;
    uint32_t rope;
    for (size_t i = 0; i < g->n_weights && s == NAP_OK; i++) {
        s = nap_graph_add_weight(c, &g->weights[i], &weight, e);
    }
    for (size_t i = 0; i < g->n_ropes && s == NAP_OK; i++) {
        s = nap_graph_add_rope(c, &g->ropes[i], &rope, e);
    }
    for (size_t i = 0; i < g->n_nodes && s == NAP_OK; i++) {
        s = nap_graph_add_node(c, &g->nodes[i], &node, e);
    }
    if (s != NAP_OK) {
        nap_graph_destroy(c);
        c = NULL;
    }
    *out = c;
    return s;
}

nap_node nap_node_make(nap_op op, int layer, const char *label, size_t width)
{
    nap_node n;
    memset(&n, 0, sizeof n);
    n.op = op;
    n.layer = layer;
    n.label = label;
    n.width = width;
    n.in[0] = n.in[1] = NAP_NODE_NONE;
    n.weight = n.bias = n.scale_by = NAP_WEIGHT_NONE;
    return n;
}

/* ------------------------------------------------------------------ checking */

static nap_status bad(nap_error *e, size_t i, const nap_node *n, const char *what)
{
    return nap_fail(e, NAP_ERR_INTERNAL, NAP_NO_OFFSET, "graph node %zu (%s %s): %s", i,
                    nap_op_name(n->op), n->label, what);
}

static size_t inputs_of(nap_op op)
{
    switch (op) {
    case NAP_OP_EMBED:
        return 0;
    case NAP_OP_KV_STORE:
    case NAP_OP_ATTENTION:
    case NAP_OP_GLU:
    case NAP_OP_ADD:
        return 2;
    default:
        return 1;
    }
}

static nap_status check_node(const nap_graph *g, size_t i, nap_error *e)
{
    const nap_node *n = &g->nodes[i];
    if (n->n_in != inputs_of(n->op)) return bad(e, i, n, "wrong number of inputs");
    size_t w[2] = {0, 0};
    for (size_t k = 0; k < n->n_in; k++) {
        if (n->in[k] >= i) return bad(e, i, n, "an input does not come before it");
        const nap_node *in = &g->nodes[n->in[k]];
        w[k] = in->width;
        const bool selects = n->op == NAP_OP_SELECT && in->rows == NAP_ROWS_ALL;
        if (in->rows != n->rows && !selects) return bad(e, i, n, "an input has other rows");
        const bool is_store = n->op == NAP_OP_ATTENTION && k == 1;
        if (is_store != (in->op == NAP_OP_KV_STORE)) return bad(e, i, n, "wrong kind of input");
    }
    const nap_attention *a = &n->u.attention.shape;
    bool ok = true;
    switch (n->op) {
    case NAP_OP_EMBED:
        ok = n->weight < g->n_weights && g->weights[n->weight].cols == n->width;
        break;
    case NAP_OP_MATMUL:
        ok = n->weight < g->n_weights && g->weights[n->weight].rows == n->width &&
             g->weights[n->weight].cols == w[0];
        break;
    case NAP_OP_RMSNORM:
        ok = n->width == w[0] && n->u.norm.size > 0 && n->width % n->u.norm.size == 0 &&
             (n->weight == NAP_WEIGHT_NONE || g->weights[n->weight].cols == n->u.norm.size);
        break;
    case NAP_OP_ROPE:
        ok = n->width == w[0] && n->u.rope.heads * n->u.rope.head_dim == n->width &&
             n->u.rope.index < g->n_ropes && g->ropes[n->u.rope.index].dims <= n->u.rope.head_dim;
        break;
    case NAP_OP_KV_STORE:
        ok = w[0] == a->kv_heads * a->head_dim_k && w[1] == a->kv_heads * a->head_dim_v &&
             n->u.attention.cache < g->caches;
        break;
    case NAP_OP_ATTENTION:
        ok = w[0] == a->heads * a->head_dim_k && n->width == a->heads * a->head_dim_v &&
             a->kv_heads > 0 && a->heads % a->kv_heads == 0;
        break;
    case NAP_OP_GLU:
    case NAP_OP_ADD:
        ok = w[0] == n->width && w[1] == n->width;
        break;
    case NAP_OP_OUTPUT:
        ok = w[0] == g->vocab;
        break;
    default:
        ok = w[0] == n->width;
        break;
    }
    return ok ? NAP_OK : bad(e, i, n, "shapes do not fit");
}

nap_status nap_graph_check(const nap_graph *g, nap_error *e)
{
    if (g->n_nodes == 0 || g->nodes[g->n_nodes - 1].op != NAP_OP_OUTPUT) {
        return nap_fail(e, NAP_ERR_INTERNAL, NAP_NO_OFFSET, "graph without an output at its end");
    }
    for (size_t i = 0; i < g->n_nodes; i++) NAP_TRY(check_node(g, i, e));
    return NAP_OK;
}

/* ------------------------------------------------------------------ printing */

static void dump_attributes(const nap_graph *g, const nap_node *n, nap_buf *out)
{
    const nap_attention *a = &n->u.attention.shape;
    switch (n->op) {
    case NAP_OP_EMBED:
    case NAP_OP_SCALE:
        nap_buf_printf(out, "  factor=%.9g", (double)n->u.factor);
        break;
    case NAP_OP_RMSNORM:
        nap_buf_printf(out, "  eps=%.3g size=%zu", (double)n->u.norm.eps, n->u.norm.size);
        break;
    case NAP_OP_PREPARE:
        nap_buf_printf(out, "  form=%d", n->u.form);
        break;
    case NAP_OP_MATMUL:
        if (n->group) nap_buf_printf(out, "  group=%u", n->group);
        if (n->u.cap > 0) nap_buf_printf(out, "  cap=%.6g", (double)n->u.cap);
        break;
    case NAP_OP_ROPE: {
        const nap_rope *r = &g->ropes[n->u.rope.index];
        static const char *const scalings[] = {"plain", "linear", "yarn"};
        nap_buf_printf(out, "  base=%.9g dims=%zu %s %s factor=%.6g%s", r->base, r->dims,
                       r->neox ? "neox" : "norm", scalings[r->scaling], r->factor,
                       r->factors == NAP_WEIGHT_NONE ? "" : " freq_factors");
        break;
    }
    case NAP_OP_KV_STORE:
        nap_buf_printf(out, "  cache=%u", n->u.attention.cache);
        break;
    case NAP_OP_ATTENTION:
        nap_buf_printf(out, "  heads=%zu/%zu dims=%zu/%zu window=%zu scale=%.9g softcap=%.6g",
                       a->heads, a->kv_heads, a->head_dim_k, a->head_dim_v, a->window,
                       (double)a->scale, (double)a->softcap);
        break;
    case NAP_OP_GLU:
        nap_buf_printf(out, "  %s", nap_activation_name(n->u.activation));
        break;
    case NAP_OP_SOFTCAP:
        nap_buf_printf(out, "  cap=%.6g", (double)n->u.cap);
        break;
    default:
        break;
    }
}

static void dump_weight(const nap_graph *g, const char *role, nap_weight_id id, nap_buf *out)
{
    if (id == NAP_WEIGHT_NONE) return;
    const nap_weight *w = &g->weights[id];
    nap_buf_printf(out, "  %s%s %s %zux%zu", role, w->name, w->format->name, w->rows, w->cols);
}

void nap_graph_dump(const nap_graph *g, nap_buf *out)
{
    for (size_t i = 0; i < g->n_nodes; i++) {
        const nap_node *n = &g->nodes[i];
        nap_buf_printf(out, "%4zu %-9s %-16s ", i, nap_op_name(n->op), n->label);
        if (n->layer >= 0)
            nap_buf_printf(out, "L%-3d", n->layer);
        else
            nap_buf_puts(out, "    ");
        nap_buf_printf(out, " %c %6zu <-", n->rows == NAP_ROWS_SELECTED ? 's' : 'a', n->width);
        for (size_t k = 0; k < n->n_in; k++) nap_buf_printf(out, " %u", n->in[k]);
        dump_attributes(g, n, out);
        dump_weight(g, "", n->weight, out);
        dump_weight(g, "bias=", n->bias, out);
        dump_weight(g, "scale=", n->scale_by, out);
        nap_buf_putc(out, '\n');
    }
}

/* ------------------------------------------------------------------ costs */

static void add_weight_cost(const nap_graph *g, nap_weight_id id, size_t rows, nap_cost *c)
{
    if (id == NAP_WEIGHT_NONE) return;
    const nap_weight *w = &g->weights[id];
    const uint64_t elems = (uint64_t)rows * w->cols;
    c->params += elems;
    c->bytes += elems / w->format->block * w->format->block_bytes;
}

nap_cost nap_node_cost(const nap_graph *g, const nap_node *n, size_t context)
{
    nap_cost c = {0, 0, 0, 0, 0};
    const nap_attention *a = &n->u.attention.shape;
    switch (n->op) {
    case NAP_OP_EMBED:
        add_weight_cost(g, n->weight, 1, &c);
        c.lookups = 1;
        break;
    case NAP_OP_RMSNORM:
        add_weight_cost(g, n->weight, 1, &c);
        c.macs = 2 * n->width;
        break;
    case NAP_OP_MATMUL:
        add_weight_cost(g, n->weight, g->weights[n->weight].rows, &c);
        add_weight_cost(g, n->bias, 1, &c);
        add_weight_cost(g, n->scale_by, 1, &c);
        c.macs = (uint64_t)g->weights[n->weight].rows * g->weights[n->weight].cols;
        break;
    case NAP_OP_ROPE:
        c.macs = 2 * n->width;
        break;
    case NAP_OP_KV_STORE:
        c.kv_bytes = 2 * (uint64_t)a->kv_heads * (a->head_dim_k + a->head_dim_v);
        break;
    case NAP_OP_ATTENTION: {
        const size_t seen = a->window > 0 && a->window < context ? a->window : context;
        c.macs = (uint64_t)a->heads * (a->head_dim_k + a->head_dim_v) * seen;
        break;
    }
    case NAP_OP_GLU:
    case NAP_OP_ADD:
    case NAP_OP_SCALE:
    case NAP_OP_SOFTCAP:
        c.macs = n->width;
        break;
    default:
        break;
    }
    return c;
}

nap_cost nap_graph_cost(const nap_graph *g, size_t context)
{
    nap_cost sum = {0, 0, 0, 0, 0};
    for (size_t i = 0; i < g->n_nodes; i++) {
        const nap_cost c = nap_node_cost(g, &g->nodes[i], context);
        sum.params += c.params;
        sum.bytes += c.bytes;
        sum.macs += c.macs;
        sum.lookups += c.lookups;
        sum.kv_bytes += c.kv_bytes;
    }
    return sum;
}
