/* Executing a plan: all threads walk the steps together (plan.h says what the modes are).
 *
 * Nothing here allocates or fails: nap_exec_reserve has made room before. */
#include "run/engine.h"
#include "base/alloc.h"
#include "base/error.h"

#include <string.h>

/* One walk over steps [begin, end); the same for all threads. */
typedef struct walk {
    nap_engine *g;
    const nap_pass *pass;
    size_t begin, end;
    size_t logit_begin, logit_count; /* selected rows whose logits the head step computes */
    float *logits;
    bool narrow[2]; /* by nap_rows */
} walk;

/* One thread's view. */
typedef struct hand {
    const walk *w;
    const nap_plan *plan;
    nap_worker *worker;
    int part, parts;
} hand;

/* Tokens that pass through consecutive TOKENS steps together, so that values stay in cache. */
enum { TOKEN_BLOCK = 8 };

static size_t rows_of(const walk *w, const nap_node *n)
{
    return n->rows == NAP_ROWS_ALL ? w->pass->n_rows : w->pass->n_selected;
}

/* A SELECT step reads what was made of all rows: it waits as their mode says. */
static bool waits(const walk *w, const nap_step *step)
{
    const nap_node *n = &w->g->plan->graph->nodes[step->node];
    const nap_rows mode = n->op == NAP_OP_SELECT ? NAP_ROWS_ALL : n->rows;
    return w->narrow[mode] ? step->wait_narrow : step->wait_wide;
}

/* Row 0 of a node's value. */
static float *value(const hand *h, nap_node_id id)
{
    const nap_place *p = &h->plan->places[id];
    const nap_engine *g = h->w->g;
    if (!p->shared && h->w->narrow[h->plan->graph->nodes[id].rows]) {
        return h->worker->arena + p->offset * NAP_NARROW_ROWS;
    }
    return g->arena + p->offset * g->arena_rows;
}

static float *value_row(const hand *h, nap_node_id id, size_t row)
{
    return value(h, id) + row * h->plan->places[id].stride;
}

/* ------------------------------------------------------------------ token steps */

static void embed(const hand *h, const nap_node *n, nap_token token, float *out)
{
    const nap_engine *g = h->w->g;
    const nap_matrix *m = &h->plan->matrices[n->weight];
    if (m->kernel) {
        nap_matrix_row(m, (size_t)token, out);
    } else {
        nap_format_decode(h->plan->graph->weights[n->weight].format,
                          g->embedding + (size_t)token * g->embedding_row_bytes, n->width, out);
    }
    if (n->u.factor != 1) h->plan->kernels.scale(out, n->u.factor, n->width);
}

static void token_step(const hand *h, nap_node_id id, size_t row)
{
    const nap_node *n = &h->plan->graph->nodes[id];
    const nap_kernel_set *k = &h->plan->kernels;
    const nap_engine *g = h->w->g;
    const nap_pass *pass = h->w->pass;
    float *out = value_row(h, id, row);
    if (n->op == NAP_OP_EMBED) {
        embed(h, n, pass->rows[row].token, out);
        return;
    }
    if (n->op == NAP_OP_SELECT) {
        memcpy(out, value_row(h, n->in[0], pass->selected[row]), n->width * sizeof *out);
        return;
    }
    const float *x = value_row(h, n->in[0], row);
    switch (n->op) {
    case NAP_OP_RMSNORM: {
        const float *w = n->weight == NAP_WEIGHT_NONE ? NULL : g->vectors[n->weight];
        for (size_t i = 0; i < n->width; i += n->u.norm.size) {
            k->rmsnorm(x + i, w, out + i, n->u.norm.size, n->u.norm.eps);
        }
        return;
    }
    case NAP_OP_PREPARE:
        k->prepare[n->u.form](x, n->width, out);
        return;
    case NAP_OP_GLU: {
        static const nap_glu kinds[] = {
            [NAP_ACTIVATION_SILU] = NAP_GLU_SILU,
            [NAP_ACTIVATION_GELU_TANH] = NAP_GLU_GELU_TANH,
            [NAP_ACTIVATION_RELU2] = NAP_GLU_RELU2,
        };
        k->glu(kinds[n->u.activation], x, value_row(h, n->in[1], row), out, n->width);
        return;
    }
    default:
        break;
    }
    /* The rest works in place; its place is its input's unless others still need that. */
    if (out != x) memcpy(out, x, n->width * sizeof *out);
    switch (n->op) {
    case NAP_OP_ADD:
        k->add(out, value_row(h, n->in[1], row), n->width);
        break;
    case NAP_OP_SCALE:
        k->scale(out, n->u.factor, n->width);
        break;
    case NAP_OP_SOFTCAP:
        k->softcap(out, n->u.cap, n->width);
        break;
    case NAP_OP_ROPE: {
        const nap_rope *r = &h->plan->graph->ropes[n->u.rope.index];
        const float *cs = nap_rope_at(&g->ropes[n->u.rope.index], pass->rows[row].pos);
        k->rope(out, n->u.rope.heads, n->u.rope.head_dim, r->dims, cs, r->neox);
        break;
    }
    default:
        break;
    }
}

static void store_step(const hand *h, const nap_node *n, size_t row)
{
    const nap_attention *a = &n->u.attention.shape;
    const nap_row *r = &h->w->pass->rows[row];
    const size_t layer = n->u.attention.cache;
    const nap_kv_layer *at = &h->w->g->kv.at[layer];
    uint16_t *page = r->session->pages[r->pos / NAP_KV_PAGE]->data;
    h->plan->kernels.kv_store(page + at->k, page + at->v, r->pos % NAP_KV_PAGE, a->kv_heads,
                              a->head_dim_k, a->head_dim_v, value_row(h, n->in[0], row),
                              value_row(h, n->in[1], row));
}

/* Runs steps [first, last), all TOKENS of the same rows with no wait between them. */
static void run_tokens(const hand *h, size_t first, size_t last)
{
    const nap_node *n = &h->plan->graph->nodes[h->plan->steps[first].node];
    const size_t rows = rows_of(h->w, n);
    size_t begin = 0, end = rows;
    if (!h->w->narrow[n->rows]) nap_split(rows, 1, h->part, h->parts, &begin, &end);
    for (size_t at = begin; at < end; at += TOKEN_BLOCK) {
        const size_t stop = at + TOKEN_BLOCK < end ? at + TOKEN_BLOCK : end;
        for (size_t s = first; s < last; s++) {
            for (size_t row = at; row < stop; row++) token_step(h, h->plan->steps[s].node, row);
        }
    }
}

static void run_store(const hand *h, const nap_node *n)
{
    size_t begin = 0, end = rows_of(h->w, n);
    if (!h->w->narrow[n->rows])
        nap_split(end, 1, h->part, h->parts, &begin, &end);
    else if (h->part != 0)
        return;
    for (size_t row = begin; row < end; row++) store_step(h, n, row);
}

/* ------------------------------------------------------------------ matmul */

/* Scale, bias and soft-cap on the outputs that this thread has just computed. */
static void finish_matmul(const hand *h, const nap_node *n, const nap_matmul_args *a)
{
    const nap_engine *g = h->w->g;
    const nap_kernel_set *k = &h->plan->kernels;
    const size_t count = a->row_end - a->row_begin;
    for (size_t t = 0; t < a->tokens; t++) {
        float *out = a->out + t * a->out_stride + a->row_begin;
        if (n->scale_by != NAP_WEIGHT_NONE) k->scale(out, g->vectors[n->scale_by][0], count);
        if (n->bias != NAP_WEIGHT_NONE) k->add(out, g->vectors[n->bias] + a->row_begin, count);
        if (n->u.cap > 0) k->softcap(out, n->u.cap, count);
    }
}

static void matmul_range(const hand *h, nap_node_id id, bool head, size_t begin, size_t end)
{
    const walk *w = h->w;
    const nap_node *n = &h->plan->graph->nodes[id];
    const nap_place *from = &h->plan->places[n->in[0]];
    const size_t first = head ? w->logit_begin : 0;
    const nap_matmul_args a = {
        .w = &h->plan->matrices[n->weight],
        .act = value_row(h, n->in[0], first),
        .act_stride = from->stride * sizeof(float),
        .tokens = head ? w->logit_count : rows_of(w, n),
        .out = head ? w->logits : value(h, id),
        .out_stride = head ? n->width : h->plan->places[id].stride,
        .row_begin = begin,
        .row_end = end,
        .scratch = h->worker->matmul,
    };
    const nap_kernel *k = a.w->kernel;
    (a.tokens >= nap_kernel_prefill_from(k) ? k->prefill : k->decode)(&a);
    finish_matmul(h, n, &a);
}

static void show_inputs(const hand *h, const nap_step *step, bool head)
{
    const walk *w = h->w;
    for (size_t i = 0; i < step->count; i++) {
        const nap_node *n = &h->plan->graph->nodes[step->node + i];
        const size_t first = head ? w->logit_begin : 0;
        w->g->tap(w->g->tap_user, n->weight, first, head ? w->logit_count : rows_of(w, n),
                  value_row(h, n->in[0], first), h->plan->places[n->in[0]].stride * sizeof(float));
    }
}

/* The matrices of a group count as one stack of row tiles; a thread takes a run of tiles with its
 * share of the bytes, since reading weights is what decoding costs. */
static void run_matmuls(const hand *h, const nap_step *step, bool head)
{
    const nap_graph *graph = h->plan->graph;
    uint64_t total = 0;
    if (h->part == 0 && h->w->g->tap) show_inputs(h, step, head);
    for (size_t i = 0; i < step->count; i++) {
        total += h->plan->matrices[graph->nodes[step->node + i].weight].bytes;
    }
    const uint64_t low = total * (uint64_t)h->part / (uint64_t)h->parts;
    const uint64_t high = total * (uint64_t)(h->part + 1) / (uint64_t)h->parts;
    uint64_t base = 0;
    for (size_t i = 0; i < step->count; i++) {
        const nap_matrix *m = &h->plan->matrices[graph->nodes[step->node + i].weight];
        const uint64_t tiles = (m->rows + NAP_ROW_TILE - 1) / NAP_ROW_TILE;
        /* Tile t belongs to the thread in whose range its first byte lies. */
        const uint64_t tile_bytes = m->bytes / tiles > 0 ? m->bytes / tiles : 1;
        uint64_t from = low > base ? (low - base + tile_bytes - 1) / tile_bytes : 0;
        uint64_t to = high > base ? (high - base + tile_bytes - 1) / tile_bytes : 0;
        if (from > tiles) from = tiles;
        if (to > tiles || h->part == h->parts - 1) to = tiles;
        base += m->bytes;
        if (from >= to) continue;
        const size_t end = (size_t)to * NAP_ROW_TILE;
        matmul_range(h, step->node + (nap_node_id)i, head, (size_t)from * NAP_ROW_TILE,
                     end < m->rows ? end : m->rows);
    }
}

/* ------------------------------------------------------------------ attention */

/* Into how many items the query heads that share keys and values are split. Together they read each
 * key and value once, so they part only where few tokens leave threads without equal work. */
static size_t head_split(const nap_attention *a, size_t tokens, size_t threads)
{
    const size_t group = a->heads / a->kv_heads;
    if (tokens > 16) return 1; /* blocks of tokens give items enough */
    for (size_t split = 1; split < group; split++) {
        if (group % split == 0 && a->kv_heads * split % threads == 0) return split;
    }
    return a->kv_heads % threads == 0 ? 1 : group;
}

/* Rows [first, *end) belong to one session. */
static nap_attention_args attention_args(const nap_engine *g, const nap_node *n,
                                         const nap_pass *pass, size_t first, size_t *end)
{
    const nap_session *s = pass->rows[first].session;
    *end = first + 1;
    while (*end < pass->n_rows && pass->rows[*end].session == s) ++*end;
    const nap_attention *shape = &n->u.attention.shape;
    const size_t layer = n->u.attention.cache;
    return (nap_attention_args){
        .k_pages = s->k_pages + layer * s->cap_pages,
        .v_pages = s->v_pages + layer * s->cap_pages,
        .pos = pass->rows[first].pos,
        .tokens = *end - first,
        .heads = shape->heads,
        .kv_heads = shape->kv_heads,
        .head_dim_k = shape->head_dim_k,
        .head_dim_v = shape->head_dim_v,
        .window = shape->window,
        .scale = shape->scale,
        .softcap = shape->softcap,
        .split_heads = head_split(shape, *end - first, (size_t)g->threads),
    };
}

static void run_attention(const hand *h, nap_node_id id)
{
    const nap_node *n = &h->plan->graph->nodes[id];
    const nap_pass *pass = h->w->pass;
    size_t counter = 0; /* items over all sessions, dealt to the threads in turn */
    for (size_t first = 0, end; first < pass->n_rows; first = end) {
        nap_attention_args a = attention_args(h->w->g, n, pass, first, &end);
        a.q = value_row(h, n->in[0], first);
        a.q_stride = h->plan->places[n->in[0]].stride;
        a.out = value_row(h, id, first);
        a.out_stride = h->plan->places[id].stride;
        a.scratch = h->worker->attend;
        const size_t items = nap_attention_items(&a);
        for (size_t i = 0; i < items; i++, counter++) {
            if (counter % (size_t)h->parts == (size_t)h->part) h->plan->kernels.attention(&a, i);
        }
    }
}

/* ------------------------------------------------------------------ the walk */

/* How far a run of TOKENS steps goes that starts at step s. */
static size_t tokens_until(const hand *h, size_t s)
{
    const nap_plan *plan = h->plan;
    const nap_node *first = &plan->graph->nodes[plan->steps[s].node];
    for (s++; s < h->w->end; s++) {
        const nap_step *step = &plan->steps[s];
        const nap_node *n = &plan->graph->nodes[step->node];
        if (step->kind != NAP_STEP_TOKENS || n->rows != first->rows || waits(h->w, step)) break;
    }
    return s;
}

static void walk_part(void *ctx, int part, int parts)
{
    const walk *w = ctx;
    const nap_plan *plan = w->g->plan;
    const hand h = {w, plan, &w->g->workers[part], part, parts};
    for (size_t s = w->begin; s < w->end;) {
        const nap_step *step = &plan->steps[s];
        const nap_node *n = &plan->graph->nodes[step->node];
        if (rows_of(w, n) == 0) { /* nobody wants logits: all that follows selected rows is idle */
            s++;
            continue;
        }
        if (waits(w, step)) nap_pool_barrier(w->g->pool);
        switch (step->kind) {
        case NAP_STEP_TOKENS: {
            const size_t until = tokens_until(&h, s);
            run_tokens(&h, s, until);
            s = until;
            continue;
        }
        case NAP_STEP_MATMUL:
            run_matmuls(&h, step, s == plan->head);
            break;
        case NAP_STEP_STORE:
            run_store(&h, n);
            break;
        case NAP_STEP_ATTEND:
            run_attention(&h, step->node);
            break;
        }
        s++;
    }
}

static void run(nap_engine *g, const nap_pass *p, size_t begin, size_t end, size_t logit_begin,
                size_t logit_count, float *logits)
{
    walk w = {.g = g,
              .pass = p,
              .begin = begin,
              .end = end,
              .logit_begin = logit_begin,
              .logit_count = logit_count,
              .logits = logits};
    w.narrow[NAP_ROWS_ALL] = p->n_rows <= NAP_NARROW_ROWS;
    w.narrow[NAP_ROWS_SELECTED] = p->n_selected <= NAP_NARROW_ROWS;
    nap_pool_run(g->pool, walk_part, &w);
}

void nap_exec_body(nap_engine *g, const nap_pass *p)
{
    run(g, p, 0, g->plan->head, 0, 0, NULL);
}

void nap_exec_head(nap_engine *g, const nap_pass *p, size_t begin, size_t count, float *logits)
{
    run(g, p, g->plan->head, g->plan->n_steps, begin, count, logits);
}

void nap_exec_all(nap_engine *g, const nap_pass *p, float *logits)
{
    run(g, p, 0, g->plan->n_steps, 0, p->n_selected, logits);
}

/* ------------------------------------------------------------------ room */

static nap_status reserve_arena(nap_engine *g, size_t rows, nap_error *e)
{
    if (rows <= g->arena_rows) return NAP_OK;
    /* Grown in steps, so that prompts of growing length do not move it every time. */
    size_t cap = rows <= NAP_NARROW_ROWS ? NAP_NARROW_ROWS : (rows + 63) / 64 * 64;
    if (cap > g->batch && g->batch >= rows) cap = g->batch;
    if (cap < NAP_NARROW_ROWS) cap = NAP_NARROW_ROWS;
    const size_t bytes = cap * g->plan->row_floats * sizeof(float);
    float *arena = nap_alloc_aligned(bytes);
    if (!arena) return nap_fail_memory(e, bytes, "activations");
    nap_free(g->arena);
    g->arena = arena;
    g->arena_rows = cap;
    return NAP_OK;
}

static nap_status reserve_attention(nap_engine *g, size_t floats, nap_error *e)
{
    for (int i = 0; i < g->threads; i++) {
        nap_worker *w = &g->workers[i];
        if (floats <= w->attend_floats) continue;
        const size_t cap = floats + floats / 4;
        float *scratch = nap_alloc_aligned(cap * sizeof *scratch);
        if (!scratch) return nap_fail_memory(e, cap * sizeof *scratch, "attention scores");
        nap_free(w->attend);
        w->attend = scratch;
        w->attend_floats = cap;
    }
    return NAP_OK;
}

nap_status nap_exec_reserve(nap_engine *g, const nap_pass *p, nap_error *e)
{
    const nap_graph *graph = g->plan->graph;
    NAP_TRY(reserve_arena(g, p->n_rows, e));
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const nap_node *n = &graph->nodes[i];
        if (n->op != NAP_OP_ATTENTION) continue;
        for (size_t first = 0, end; first < p->n_rows; first = end) {
            const nap_attention_args a = attention_args(g, n, p, first, &end);
            NAP_TRY(reserve_attention(g, nap_attention_scratch(&a), e));
        }
    }
    return NAP_OK;
}
