/* napier/lutcore.h: layers of models and shapes, and the machines they are simulated on. */
#include "napier/lutcore.h"

#include "api/lutcore_run.h"
#include "base/error.h"
#include "base/process.h"
#include "graph/graph.h"
#include "lutcore/sim.h"
#include "model/model.h"

#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ simulation */

static nap_status precompute_mode(const char *name, bool lut, nap_precompute_mode *out,
                                  nap_error *e)
{
    *out = lut ? NAP_PRE_FUSED : NAP_PRE_NONE;
    if (name == NULL) return NAP_OK;
    for (unsigned i = 0; nap_precompute_names[i] != NULL; i++)
        if (strcmp(name, nap_precompute_names[i]) == 0) {
            *out = (nap_precompute_mode)i;
            return NAP_OK;
        }
    return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                    "precompute: found '%s', expected none, separate or fused", name);
}

static nap_status write_beside(const char *dir, const char *name, nap_buf *text, nap_error *e)
{
    nap_buf path = {0};
    nap_buf_printf(&path, "%s/%s", dir, name);
    const nap_status status = text->failed || path.failed
                                  ? nap_fail_memory(e, text->len, name)
                                  : nap_write_whole(path.data, text->data, text->len, e);
    nap_buf_free(&path);
    nap_buf_free(text);
    return status;
}

static void summary(const nap_lut_sim *s, const nap_simout *out, nap_buf *text)
{
    double closed = 0, read = 0, written = 0, macs = 0;
    for (size_t i = 0; i < out->rows; i++) {
        const double n = (double)out->row[i].count;
        closed += n * out->row[i].closed;
        read += n * out->row[i].dram_read;
        written += n * out->row[i].dram_write;
        macs += n * out->row[i].macs;
    }
    nap_buf_puts(text, "{\n  \"machine\": ");
    nap_lut_quote(text, out->machine.name);
    nap_buf_puts(text, ",\n  \"layers\": ");
    nap_lut_quote(text, s->layers);
    nap_buf_printf(text,
                   ",\n  \"simulator\": \"%s\",\n  \"precompute\": \"%s\",\n  \"operators\": %zu,\n"
                   "  \"cycles\": %.0f,\n  \"closed_form_cycles\": %.0f,\n  \"ms\": %.6f,\n"
                   "  \"macs\": %.0f,\n  \"dram_read_bytes\": %.0f,\n  \"dram_write_bytes\": %.0f,"
                   "\n  \"energy_j\": %.6f,\n  \"tensor_core_mm2\": %.4f,\n"
                   "  \"extra_registers_mm2\": %.4f\n}\n",
                   out->detail ? "cycle" : "tile", nap_precompute_names[out->pre], out->rows,
                   out->cycles, closed, out->ms, macs, read, written, out->energy_j, out->core_mm2,
                   out->extra_regs_mm2);
}

nap_status nap_lutcore_sim(const nap_lut_sim *s, nap_error *e)
{
    nap_machine machine = nap_machine_default();
    nap_precompute_mode pre;
    nap_layers layers;
    nap_simout out = {0};
    if (s->config != NULL) NAP_TRY(nap_machine_load(s->config, &machine, e));
    NAP_TRY(precompute_mode(s->precompute, machine.lut, &pre, e));
    NAP_TRY(nap_layers_load(s->layers, &layers, e));
    nap_status status = s->detail ? nap_sim_cycle(&machine, &layers, pre, &out, e)
                                  : nap_sim_tile(&machine, &layers, pre, &out, e);
    if (status == NAP_OK) status = nap_make_folder(s->dir, e);
    if (status == NAP_OK) {
        nap_buf csv = {0}, json = {0};
        nap_simout_csv(&out, &csv);
        summary(s, &out, &json);
        status = write_beside(s->dir, "layers.csv", &csv, e);
        if (status == NAP_OK)
            status = write_beside(s->dir, "summary.json", &json, e);
        else
            nap_buf_free(&json);
    }
    nap_simout_free(&out);
    nap_layers_free(&layers);
    return status;
}

/* ------------------------------------------------------------------ layers of a model */

typedef struct lister {
    const nap_graph *graph;
    const nap_lut_layers *want;
    nap_layers *out;
    uint64_t tokens; /* rows of the linear layers */
    unsigned act_bits;
    bool failed;
} lister;

/* Operations per element, as nap_shape_layers assumes them. */
enum { OPS_NORM = 8, OPS_ROPE = 6, OPS_SOFTMAX = 8, OPS_ONE = 1, OPS_GLU = 10, OPS_TANH = 12 };

/* Equal operators of different layers become one line with a count. */
static void list(lister *l, const nap_layer *x)
{
    for (size_t i = 0; i < l->out->count; i++) {
        nap_layer *y = &l->out->v[i];
        if (strcmp(x->name, y->name) == 0 && x->kind == y->kind && x->m == y->m && x->n == y->n &&
            x->k == y->k && x->wbits == y->wbits && x->batch == y->batch) {
            y->count++;
            return;
        }
    }
    l->failed |= !nap_layers_add(l->out, x);
}

static uint64_t rows_of(const lister *l, const nap_node *n)
{
    return n->rows == NAP_ROWS_SELECTED ? l->want->batch : l->tokens;
}

static unsigned weight_bits(const nap_format *f)
{
    return f->kind == NAP_FORMAT_BLOCK ? f->bits : 16;
}

static void list_element(lister *l, const nap_node *n, uint64_t ops, unsigned inputs, bool epilogue)
{
    nap_layer x = {.kind = NAP_LAYER_ELEMENT,
                   .m = rows_of(l, n),
                   .n = n->width,
                   .k = ops,
                   .wbits = 16,
                   .act_bits = 16,
                   .batch = 1,
                   .count = 1,
                   .fuses = epilogue,
                   .inputs = inputs};
    snprintf(x.name, sizeof x.name, "%s", n->label);
    list(l, &x);
}

/* Products of one input and one width of codes are one kernel; returns the nodes it took. */
static size_t list_product(lister *l, size_t at)
{
    const nap_node *n = &l->graph->nodes[at];
    const nap_weight *w = &l->graph->weights[n->weight];
    nap_layer x = {.kind = NAP_LAYER_MPGEMM,
                   .m = rows_of(l, n),
                   .k = w->cols,
                   .wbits = weight_bits(w->format),
                   .batch = 1,
                   .count = 1,
                   .fuses = true};
    x.act_bits = x.wbits == 16 ? 16 : l->act_bits;
    size_t took = 0, len = 0;
    for (; at + took < l->graph->n_nodes; took++) {
        const nap_node *o = &l->graph->nodes[at + took];
        if (o->op != NAP_OP_MATMUL || o->in[0] != n->in[0] || (took > 0 && o->layer != n->layer))
            break;
        const nap_weight *v = &l->graph->weights[o->weight];
        if (weight_bits(v->format) != x.wbits) break;
        const int put =
            snprintf(x.name + len, sizeof x.name - len, "%s%s", took > 0 ? "+" : "", o->label);
        if (put > 0 && len + (size_t)put < sizeof x.name) len += (size_t)put;
        x.n += v->rows;
    }
    list(l, &x);
    return took;
}

static void list_attention(lister *l, const nap_node *n)
{
    const nap_attention *a = &n->u.attention.shape;
    const uint64_t queries = l->want->decode ? 1 : l->want->prompt;
    uint64_t context = l->want->prompt;
    if (a->window > 0 && a->window < context) context = a->window;
    /* One token's query heads that share keys and values are one product. */
    const uint64_t rows = queries == 1 ? a->heads / a->kv_heads : queries;
    const uint64_t products = l->want->batch * (queries == 1 ? a->kv_heads : a->heads);
    nap_layer x = {.name = "scores",
                   .kind = NAP_LAYER_GEMM,
                   .m = rows,
                   .n = context,
                   .k = a->head_dim_k,
                   .wbits = 16,
                   .act_bits = 16,
                   .batch = products,
                   .count = 1};
    list(l, &x);
    const nap_layer soft = {.name = "softmax",
                            .kind = NAP_LAYER_ELEMENT,
                            .m = products * rows,
                            .n = context,
                            .k = OPS_SOFTMAX,
                            .wbits = 16,
                            .act_bits = 16,
                            .batch = 1,
                            .count = 1,
                            .inputs = 1};
    list(l, &soft);
    snprintf(x.name, sizeof x.name, "values");
    x.n = a->head_dim_v;
    x.k = context;
    list(l, &x);
}

static void list_graph(lister *l)
{
    for (size_t i = 0; i < l->graph->n_nodes && !l->failed; i++) {
        const nap_node *n = &l->graph->nodes[i];
        switch (n->op) {
        case NAP_OP_MATMUL:
            i += list_product(l, i) - 1;
            break;
        case NAP_OP_ATTENTION:
            list_attention(l, n);
            break;
        case NAP_OP_RMSNORM:
            list_element(l, n, OPS_NORM, 1, false);
            break;
        case NAP_OP_ROPE:
            list_element(l, n, OPS_ROPE, 0, true);
            break;
        case NAP_OP_GLU:
            list_element(l, n, OPS_GLU, 0, true);
            break;
        case NAP_OP_ADD:
            list_element(l, n, OPS_ONE, 1, true);
            break;
        case NAP_OP_SCALE:
            list_element(l, n, OPS_ONE, 0, true);
            break;
        case NAP_OP_SOFTCAP:
            list_element(l, n, OPS_TANH, 0, true);
            break;
        default: /* copies and choices of rows: nothing to compute */
            break;
        }
    }
}

static nap_status model_layers(const nap_model *m, const nap_lut_layers *want, nap_layers *out,
                               nap_error *e)
{
    nap_graph *graph;
    NAP_TRY(nap_model_graph(m, &graph, NULL, e));
    lister l = {.graph = graph,
                .want = want,
                .out = out,
                .tokens = want->batch * (want->decode ? 1 : want->prompt),
                .act_bits = want->act_bits > 0 ? want->act_bits : 8};
    *out = (nap_layers){0};
    list_graph(&l);
    nap_graph_destroy(graph);
    if (!l.failed) return NAP_OK;
    nap_layers_free(out);
    return nap_fail_memory(e, sizeof(nap_layer), "the layers of a model");
}

static nap_status check_want(const nap_lut_layers *w, nap_error *e)
{
    enum { MOST = NAP_LAYER_DIM_MAX };
    const bool sane = w->batch >= 1 && w->batch <= MOST && w->prompt >= 1 && w->prompt <= MOST &&
                      w->batch * (w->decode ? 1 : w->prompt) <= MOST;
    if (!sane)
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "layers: found prompt %llu, batch %llu, expected 1 to %d of each and of "
                        "their product",
                        (unsigned long long)w->prompt, (unsigned long long)w->batch, MOST);
    if (w->wbits > 8 && w->wbits != 16)
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "layers: wbits: found %u, expected 1 to 8 or 16", w->wbits);
    if (w->act_bits != 0 && w->act_bits != 8 && w->act_bits != 16)
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "layers: act_bits: found %u, expected 8 or 16", w->act_bits);
    return NAP_OK;
}

static nap_status shape_layers(const nap_lut_layers *w, nap_layers *out, nap_error *e)
{
    const nap_shape *s = w->shape != NULL ? nap_shape_find(w->shape) : NULL;
    if (s != NULL)
        return nap_shape_layers(s, w->batch, w->prompt, w->decode, w->wbits > 0 ? w->wbits : 2,
                                w->act_bits > 0 ? w->act_bits : 8, out, e);
    nap_buf known = {0};
    for (size_t i = 0; i < nap_shape_count(); i++)
        nap_buf_printf(&known, "%s%s", i > 0 ? ", " : "", nap_shape_at(i)->name);
    const nap_status status =
        nap_fail(e, NAP_ERR_NOT_FOUND, NAP_NO_OFFSET, "shape: found '%s', expected one of %s",
                 w->shape != NULL ? w->shape : "", known.failed ? "" : known.data);
    nap_buf_free(&known);
    return status;
}

nap_status nap_lutcore_layers(const nap_model *m, const nap_lut_layers *l, char **csv, nap_error *e)
{
    nap_layers layers = {0};
    nap_buf text = {0};
    *csv = NULL;
    NAP_TRY(check_want(l, e));
    NAP_TRY(m != NULL ? model_layers(m, l, &layers, e) : shape_layers(l, &layers, e));
    nap_layers_write(&layers, &text);
    nap_layers_free(&layers);
    return nap_lut_hand_over(&text, NAP_OK, csv, e);
}
