/* Making a plan: choose kernels, run the packed engine's passes, list steps, find out where threads
 * meet, lay out memory. The invariants that execution relies on are stated in plan.h. */
#include "plan/plan.h"
#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"
#include "graph/passes.h"

#include <string.h>

/* ------------------------------------------------------------------ kernels */

static nap_status choose_matrices(nap_plan *p, nap_error *e)
{
    const nap_graph *g = p->graph;
    p->matrices = nap_calloc(g->n_weights, sizeof *p->matrices);
    if (!p->matrices) return nap_fail_memory(e, g->n_weights * sizeof *p->matrices, "the plan");
    for (size_t i = 0; i < g->n_nodes; i++) {
        const nap_node *n = &g->nodes[i];
        if (n->op != NAP_OP_MATMUL || p->matrices[n->weight].kernel) continue;
        const nap_weight *w = &g->weights[n->weight];
        nap_matrix *m = &p->matrices[n->weight];
        nap_error why;
        const nap_status s = nap_matrix_init(m, w->format, w->rows, w->cols, p->tier, &why);
        if (s != NAP_OK) return nap_fail(e, s, NAP_NO_OFFSET, "tensor %s: %s", w->name, why.text);
        uint64_t size = m->bytes;
        if (!nap_align_ok(size, 64, &size) ||
            !nap_add_ok(p->packed_bytes, size, &p->packed_bytes)) {
            return nap_fail(e, NAP_ERR_MEMORY, NAP_NO_OFFSET,
                            "tensor %s: the packed weights together overflow", w->name);
        }
    }
    return NAP_OK;
}

static int form_of(void *user, const nap_weight *w)
{
    const nap_plan *p = user;
    const nap_act_form form = p->matrices[w - p->graph->weights].kernel->act;
    if (form != NAP_ACT_Q8 || !p->as_ggml) return (int)form;
    return w->format->block == 256 ? NAP_ACT_Q8_K : NAP_ACT_Q8_1;
}

static nap_status add_choice(nap_plan *p, nap_kop op, const nap_format *f, const nap_kernel *k,
                             nap_error *e)
{
    for (size_t i = 0; i < p->n_choices; i++) {
        if (p->choices[i].kernel == k && p->choices[i].format == f) {
            p->choices[i].uses++;
            return NAP_OK;
        }
    }
    nap_choice *bigger = nap_realloc(p->choices, p->n_choices + 1, sizeof *bigger);
    if (!bigger) return nap_fail_memory(e, sizeof *bigger, "the plan");
    p->choices = bigger;
    p->choices[p->n_choices++] = (nap_choice){op, f, k, 1};
    return NAP_OK;
}

static nap_status list_choices(nap_plan *p, nap_error *e)
{
    static const nap_kop kops[NAP_OP_COUNT] = {
        [NAP_OP_RMSNORM] = NAP_KOP_RMSNORM,   [NAP_OP_PREPARE] = NAP_KOP_PREPARE,
        [NAP_OP_MATMUL] = NAP_KOP_MATMUL,     [NAP_OP_ROPE] = NAP_KOP_ROPE,
        [NAP_OP_KV_STORE] = NAP_KOP_KV_STORE, [NAP_OP_ATTENTION] = NAP_KOP_ATTENTION,
        [NAP_OP_GLU] = NAP_KOP_GLU,           [NAP_OP_ADD] = NAP_KOP_ADD,
        [NAP_OP_SCALE] = NAP_KOP_SCALE,       [NAP_OP_SOFTCAP] = NAP_KOP_SOFTCAP,
    };
    for (size_t i = 0; i < p->graph->n_nodes; i++) {
        const nap_node *n = &p->graph->nodes[i];
        if (n->op == NAP_OP_EMBED || n->op == NAP_OP_SELECT || n->op == NAP_OP_OUTPUT) continue;
        const nap_kop op = kops[n->op];
        if (op == NAP_KOP_MATMUL) {
            const nap_matrix *m = &p->matrices[n->weight];
            NAP_TRY(add_choice(p, op, m->format, m->kernel, e));
        } else {
            const nap_act_form form = op == NAP_KOP_PREPARE ? (nap_act_form)n->u.form : NAP_ACT_F32;
            NAP_TRY(add_choice(p, op, NULL, nap_kernel_find(op, form, p->tier), e));
        }
    }
    return NAP_OK;
}

const char *nap_choice_reason(const nap_plan *p, const nap_choice *c)
{
    if (c->kernel->tier == p->tier) return "the row written for this tier";
    if (c->kernel->tier == NAP_TIER_REF) return "no faster row takes this; the specification runs";
    return "the best row of a lower tier that this tier runs too";
}

/* ------------------------------------------------------------------ steps */

static nap_step_kind kind_of(nap_op op)
{
    switch (op) {
    case NAP_OP_MATMUL:
        return NAP_STEP_MATMUL;
    case NAP_OP_KV_STORE:
        return NAP_STEP_STORE;
    case NAP_OP_ATTENTION:
        return NAP_STEP_ATTEND;
    default:
        return NAP_STEP_TOKENS;
    }
}

static nap_status list_steps(nap_plan *p, nap_error *e)
{
    const nap_graph *g = p->graph;
    p->steps = nap_calloc(g->n_nodes, sizeof *p->steps);
    if (!p->steps) return nap_fail_memory(e, g->n_nodes * sizeof *p->steps, "the plan");
    for (nap_node_id i = 0; i < g->n_nodes; i++) {
        const nap_node *n = &g->nodes[i];
        if (n->op == NAP_OP_OUTPUT) continue;
        nap_step *last = p->n_steps ? &p->steps[p->n_steps - 1] : NULL;
        if (n->op == NAP_OP_MATMUL && last && last->kind == NAP_STEP_MATMUL &&
            g->nodes[last->node].group == n->group && n->group != 0) {
            last->count++;
            continue;
        }
        p->steps[p->n_steps++] = (nap_step){.kind = kind_of(n->op), .node = i, .count = 1};
    }
    p->head = p->n_steps - 1;
    const nap_step *head = &p->steps[p->head];
    const nap_node *output = &g->nodes[g->n_nodes - 1];
    if (head->kind != NAP_STEP_MATMUL || head->count != 1 || output->in[0] != head->node) {
        return nap_fail(e, NAP_ERR_INTERNAL, NAP_NO_OFFSET,
                        "the graph does not end in the matmul that gives the logits");
    }
    return NAP_OK;
}

/* ------------------------------------------------------------------ waits */

/* May `user` read, with no wait in between, what `maker` has just written? Only where a thread
 * reads nothing but what it wrote itself. */
static bool same_hands(const nap_graph *g, const nap_step *maker, const nap_step *user, bool wide)
{
    if (maker->kind != NAP_STEP_TOKENS) return false;
    if (!wide) return true; /* private copies; the store reads those of its own thread */
    const bool rowwise = user->kind == NAP_STEP_TOKENS || user->kind == NAP_STEP_STORE;
    return rowwise && g->nodes[maker->node].rows == g->nodes[user->node].rows;
}

static void find_waits(nap_plan *p, const size_t *step_of, bool wide)
{
    size_t last_wait = 0; /* all steps before this one are known to be done by all threads */
    for (size_t s = 0; s < p->n_steps; s++) {
        const nap_node *n = &p->graph->nodes[p->steps[s].node];
        bool wait = false;
        for (size_t k = 0; k < n->n_in; k++) {
            const size_t maker = step_of[n->in[k]];
            wait = wait || (maker >= last_wait &&
                            !same_hands(p->graph, &p->steps[maker], &p->steps[s], wide));
        }
        if (wait) last_wait = s;
        if (wide)
            p->steps[s].wait_wide = wait;
        else
            p->steps[s].wait_narrow = wait;
    }
}

/* ------------------------------------------------------------------ places */

/* A first-fit allocator over the floats of one row; blocks are kept sorted by offset. */
typedef struct block {
    size_t offset, size;
    size_t free_from; /* step from which it may be used again; SIZE_MAX: in use */
} block;

typedef struct layout {
    block *blocks;
    size_t n;
    size_t end;
} layout;

static size_t place_value(layout *l, size_t size, size_t step)
{
    size_t at = 0, i = 0;
    for (; i < l->n; i++) {
        const block *b = &l->blocks[i];
        if (b->free_from <= step) continue;
        if (b->offset >= at + size) break;
        if (b->offset + b->size > at) at = b->offset + b->size;
    }
    /* Blocks that are free by now are forgotten; the new one goes to its place in the order. */
    size_t kept = 0, insert = 0;
    for (size_t k = 0; k < l->n; k++) {
        if (l->blocks[k].free_from <= step) continue;
        l->blocks[kept++] = l->blocks[k];
        if (l->blocks[kept - 1].offset < at) insert = kept;
    }
    memmove(&l->blocks[insert + 1], &l->blocks[insert], (kept - insert) * sizeof *l->blocks);
    l->blocks[insert] = (block){at, size, SIZE_MAX};
    l->n = kept + 1;
    if (at + size > l->end) l->end = at + size;
    return at;
}

static block *block_at(layout *l, size_t offset)
{
    for (size_t i = 0; i < l->n; i++) {
        if (l->blocks[i].offset == offset && l->blocks[i].free_from == SIZE_MAX) {
            return &l->blocks[i];
        }
    }
    return NULL;
}

/* The first step after `last_use` before which all threads meet in both modes. */
static size_t safe_after(const nap_plan *p, size_t last_use)
{
    size_t s = last_use + 1;
    while (s < p->n_steps && !(p->steps[s].wait_wide && p->steps[s].wait_narrow)) s++;
    return s;
}

static size_t row_floats(const nap_node *n)
{
    if (n->op == NAP_OP_PREPARE) {
        return nap_act_bytes((nap_act_form)n->u.form, n->width) / sizeof(float);
    }
    return (n->width + 15) / 16 * 16;
}

/* Can the value overwrite its first input, element by element? */
static bool works_in_place(nap_op op)
{
    return op == NAP_OP_RMSNORM || op == NAP_OP_ROPE || op == NAP_OP_GLU || op == NAP_OP_ADD ||
           op == NAP_OP_SCALE || op == NAP_OP_SOFTCAP;
}

static nap_status lay_out(nap_plan *p, const size_t *step_of, const size_t *last_use, nap_error *e)
{
    const nap_graph *g = p->graph;
    p->places = nap_calloc(g->n_nodes, sizeof *p->places);
    layout l = {nap_calloc(g->n_nodes + 1, sizeof(block)), 0, 0};
    if (!p->places || !l.blocks) {
        nap_free(l.blocks);
        return nap_fail_memory(e, g->n_nodes * sizeof(block), "the plan");
    }
    for (nap_node_id i = 0; i < g->n_nodes; i++) {
        const nap_node *n = &g->nodes[i];
        const size_t step = step_of[i];
        bool in_place = false;
        if (n->width > 0 && step != p->head) {
            nap_place *place = &p->places[i];
            const nap_step_kind kind = p->steps[step].kind;
            place->shared = kind == NAP_STEP_MATMUL || kind == NAP_STEP_ATTEND;
            place->stride = row_floats(n);
            in_place = works_in_place(n->op) && last_use[n->in[0]] == step &&
                       p->places[n->in[0]].stride == place->stride;
            place->offset =
                in_place ? p->places[n->in[0]].offset : place_value(&l, place->stride, step);
        }
        for (size_t k = 0; k < n->n_in; k++) {
            const nap_place *in = &p->places[n->in[k]];
            if (in->stride == 0 || last_use[n->in[k]] != step || (in_place && k == 0)) continue;
            block *b = block_at(&l, in->offset);
            if (b) b->free_from = safe_after(p, step);
        }
    }
    p->row_floats = l.end;
    nap_free(l.blocks);
    return NAP_OK;
}

/* ------------------------------------------------------------------ all of it */

static nap_status schedule(nap_plan *p, nap_error *e)
{
    const nap_graph *g = p->graph;
    NAP_TRY(list_steps(p, e));
    size_t *step_of = nap_calloc(2 * g->n_nodes, sizeof *step_of);
    if (!step_of) return nap_fail_memory(e, 2 * g->n_nodes * sizeof *step_of, "the plan");
    size_t *last_use = step_of + g->n_nodes;
    for (size_t s = 0; s < p->n_steps; s++) {
        for (size_t k = 0; k < p->steps[s].count; k++) {
            const nap_node_id id = p->steps[s].node + (nap_node_id)k;
            step_of[id] = last_use[id] = s;
            for (size_t j = 0; j < g->nodes[id].n_in; j++) last_use[g->nodes[id].in[j]] = s;
        }
    }
    find_waits(p, step_of, true);
    find_waits(p, step_of, false);
    const nap_status s = lay_out(p, step_of, last_use, e);
    nap_free(step_of);
    return s;
}

static nap_status make(nap_plan *p, const nap_graph *g, nap_error *e)
{
    NAP_TRY(nap_graph_clone(&p->graph, g, e));
    NAP_TRY(nap_pass_fold_softcap(p->graph, e));
    NAP_TRY(choose_matrices(p, e));
    NAP_TRY(nap_pass_split_prepare(p->graph, form_of, p, e));
    NAP_TRY(nap_pass_group_matmuls(p->graph, e));
    NAP_TRY(nap_graph_check(p->graph, e));
    nap_kernel_set_init(&p->kernels, p->tier);
    NAP_TRY(list_choices(p, e));
    return schedule(p, e);
}

nap_status nap_plan_create(nap_plan **out, const nap_graph *g, nap_tier tier, bool as_ggml,
                           nap_error *e)
{
    *out = NULL;
    nap_plan *p = nap_calloc(1, sizeof *p);
    if (!p) return nap_fail_memory(e, sizeof *p, "the plan");
    p->tier = tier;
    p->as_ggml = as_ggml;
    const nap_status s = make(p, g, e);
    if (s != NAP_OK) {
        nap_plan_destroy(p);
        return s;
    }
    *out = p;
    return NAP_OK;
}

void nap_plan_destroy(nap_plan *p)
{
    if (!p) return;
    nap_graph_destroy(p->graph);
    nap_free(p->matrices);
    nap_free(p->steps);
    nap_free(p->places);
    nap_free(p->choices);
    nap_free(p);
}

void nap_plan_dump(const nap_plan *p, nap_buf *out)
{
    static const char *const kinds[] = {"tokens", "matmul", "store", "attend"};
    for (size_t s = 0; s < p->n_steps; s++) {
        const nap_step *step = &p->steps[s];
        nap_buf_printf(out, "%4zu %-6s wait=%c%c", s, kinds[step->kind],
                       step->wait_wide ? 'w' : '-', step->wait_narrow ? 'n' : '-');
        for (size_t k = 0; k < step->count; k++) {
            const nap_node *n = &p->graph->nodes[step->node + k];
            const nap_place *at = &p->places[step->node + k];
            nap_buf_printf(out, "  %zu:%s/%s@%zu+%zu%s", step->node + k, nap_op_name(n->op),
                           n->label, at->offset, at->stride, at->shared ? "s" : "");
        }
        nap_buf_putc(out, '\n');
    }
}
