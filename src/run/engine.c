/* Making an engine: check memory, choose the path, load. */
#include "run/engine.h"
#include "base/alloc.h"
#include "base/error.h"
#include "run/load.h"
#include "run/memory.h"
#include "run/spec.h"

#include <stdio.h>
#include <string.h>

enum { DEFAULT_BATCH = 512, MAX_BATCH = 1 << 16, MIN_CONTEXT = 512 };

/* Rows of logits are computed in blocks of about this many bytes. */
enum { LOGIT_BYTES = 32 << 20 };

nap_engine_options nap_engine_defaults(void)
{
    return (nap_engine_options){.path = NAP_PATH_FAST};
}

const nap_graph *nap_engine_graph(const nap_engine *g)
{
    return g->plan ? g->plan->graph : g->graph;
}

size_t nap_logit_block(const nap_engine *g)
{
    const size_t rows = LOGIT_BYTES / (nap_engine_graph(g)->vocab * sizeof(float));
    if (rows < NAP_NARROW_ROWS) return NAP_NARROW_ROWS;
    return rows < g->batch ? rows : g->batch;
}

/* ------------------------------------------------------------------ memory */

typedef struct budget {
    uint64_t weights, work, per_position;
} budget;

static uint64_t matrix_elems(const nap_graph *g)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < g->n_weights; i++)
        sum += (uint64_t)g->weights[i].rows * g->weights[i].cols;
    return sum;
}

static budget count_memory(const nap_engine *g)
{
    const nap_graph *graph = nap_engine_graph(g);
    budget b = {0, 0, g->kv.page_bytes / NAP_KV_PAGE};
    if (g->plan) {
        b.weights = g->plan->packed_bytes;
        for (size_t i = 0; i < graph->n_weights; i++) {
            const nap_weight *w = &graph->weights[i];
            if (!g->plan->matrices[i].kernel) b.weights += w->rows * nap_weight_row_bytes(w);
        }
        b.work = (uint64_t)g->batch * g->plan->row_floats * sizeof(float);
    } else {
        b.weights = matrix_elems(graph) * sizeof(float);
        b.work = nap_spec_work_bytes(graph);
    }
    for (size_t i = 0; i < graph->n_ropes; i++) b.per_position += graph->ropes[i].dims * 4;
    /* Logits of one session, and bounce buffers of the threads. */
    b.work += graph->vocab * sizeof(float) + ((uint64_t)g->threads << 20);
    return b;
}

static unsigned long long mib(uint64_t bytes)
{
    return (unsigned long long)((bytes + (1u << 20) - 1) >> 20);
}

/* Sets g->context. Refuses what cannot fit before anything is read. */
static nap_status fit_memory(nap_engine *g, const nap_engine_options *o, nap_error *e)
{
    const budget b = count_memory(g);
    const uint64_t have = o->max_memory ? o->max_memory : nap_memory_available();
    const uint64_t fixed = b.weights + b.work;
    const char *path = nap_model_path(g->model);
    const char *whose = o->max_memory ? "allowed" : "available";
    const size_t trained = g->hparams.context;
    const size_t wanted = o->context ? o->context : trained;
    const size_t least = wanted < MIN_CONTEXT ? wanted : MIN_CONTEXT;
    if (fixed > have || (have - fixed) / b.per_position < least) {
        return nap_fail(e, NAP_ERR_MEMORY, NAP_NO_OFFSET,
                        "%s: needs %llu MiB (weights %llu, work %llu, and %llu for a context of "
                        "%zu tokens), but only %llu MiB are %s: take a smaller model%s",
                        path, mib(fixed + least * b.per_position), mib(b.weights), mib(b.work),
                        mib(least * b.per_position), least, mib(have), whose,
                        g->batch > 64 ? ", or a smaller batch" : "");
    }
    const uint64_t positions = (have - fixed) / b.per_position;
    g->context = wanted;
    if (positions >= wanted) return NAP_OK;
    if (o->context) {
        return nap_fail(e, NAP_ERR_MEMORY, NAP_NO_OFFSET,
                        "%s: a context of %zu tokens needs %llu MiB beside %llu MiB for the model, "
                        "but only %llu MiB are %s: ask for at most %llu tokens",
                        path, wanted, mib(wanted * b.per_position), mib(fixed), mib(have), whose,
                        (unsigned long long)positions);
    }
    g->context = (size_t)positions / NAP_KV_PAGE * NAP_KV_PAGE;
    nap_log("%s: context limited to %zu of %zu tokens: only %llu MiB of memory are %s", path,
            g->context, wanted, mib(have), whose);
    return NAP_OK;
}

/* ------------------------------------------------------------------ creation */

static nap_status check_options(const nap_engine_options *o, nap_error *e)
{
    for (size_t i = 0; i < sizeof o->reserved / sizeof *o->reserved; i++) {
        if (o->reserved[i] != 0) {
            return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                            "engine options: reserved fields must be zero");
        }
    }
    if (o->threads < 0 || o->threads > NAP_MAX_THREADS) {
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "threads: found %d, expected 0 (all cores) to %d", o->threads,
                        NAP_MAX_THREADS);
    }
    if (o->path != NAP_PATH_FAST && o->path != NAP_PATH_FLOAT) {
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET, "path: found %d, expected 0 or 1",
                        (int)o->path);
    }
    if (o->rounding != NAP_ROUNDING_FINE && o->rounding != NAP_ROUNDING_GGML) {
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET, "rounding: found %d, expected 0 or 1",
                        (int)o->rounding);
    }
    if (o->batch > MAX_BATCH) {
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET, "batch: found %zu, expected at most %d",
                        o->batch, (int)MAX_BATCH);
    }
    if (o->context > UINT32_MAX / 2) {
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "context: found %zu, expected at most %u", o->context, UINT32_MAX / 2);
    }
    return NAP_OK;
}

static nap_status choose_tier(nap_engine *g, const char *cpu, nap_error *e)
{
    g->tier = nap_cpu_tier();
    if (!cpu || !*cpu || strcmp(cpu, "auto") == 0) return NAP_OK;
    const nap_tier t = nap_tier_parse(cpu);
    if (t == NAP_TIER_COUNT || !nap_tier_available(t)) {
        char known[128] = "";
        for (int i = 0; i < NAP_TIER_COUNT; i++) {
            if (!nap_tier_available((nap_tier)i)) continue;
            const size_t n = strlen(known);
            snprintf(known + n, sizeof known - n, "%s%s", n ? ", " : "",
                     nap_tier_name((nap_tier)i));
        }
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "cpu: found \"%.32s\", expected auto or one this machine has: %s", cpu,
                        known);
    }
    g->tier = t;
    return NAP_OK;
}

static nap_status make_workers(nap_engine *g, nap_error *e)
{
    const size_t threads = (size_t)g->threads;
    g->workers = nap_calloc(threads, sizeof *g->workers);
    if (!g->workers) return nap_fail_memory(e, threads * sizeof *g->workers, "scratch memory");
    const size_t floats = g->plan->row_floats * NAP_NARROW_ROWS;
    for (size_t i = 0; i < threads; i++) {
        nap_worker *w = &g->workers[i];
        w->matmul = nap_alloc_aligned(NAP_MATMUL_SCRATCH);
        w->arena = nap_alloc_aligned(floats * sizeof(float));
        if (!w->matmul || !w->arena) {
            return nap_fail_memory(e, NAP_MATMUL_SCRATCH + floats * sizeof(float),
                                   "scratch memory");
        }
    }
    return NAP_OK;
}

static nap_status make_ropes(nap_engine *g, nap_error *e)
{
    const nap_graph *graph = nap_engine_graph(g);
    g->ropes = nap_calloc(graph->n_ropes, sizeof *g->ropes);
    if (!g->ropes) return nap_fail_memory(e, graph->n_ropes * sizeof *g->ropes, "rope tables");
    for (size_t i = 0; i < graph->n_ropes; i++) {
        const nap_rope *r = &graph->ropes[i];
        const float *factors = r->factors == NAP_WEIGHT_NONE ? NULL : g->vectors[r->factors];
        NAP_TRY(nap_rope_init(&g->ropes[i], r, factors, g->context, e));
    }
    return NAP_OK;
}

static nap_status build(nap_engine *g, const nap_engine_options *o, nap_error *e)
{
    NAP_TRY(check_options(o, e));
    NAP_TRY(choose_tier(g, o->cpu, e));
    g->path = o->path;
    g->batch = o->batch ? o->batch : DEFAULT_BATCH;
    g->threads = o->threads ? o->threads : nap_cpu_count();
    NAP_TRY(nap_model_graph(g->model, &g->graph, &g->hparams, e));
    if (g->path == NAP_PATH_FAST) {
        NAP_TRY(nap_plan_create(&g->plan, g->graph, g->tier, o->rounding == NAP_ROUNDING_GGML, e));
        nap_graph_destroy(g->graph);
        g->graph = NULL;
    }
    const nap_graph *graph = nap_engine_graph(g);
    const size_t element = g->path == NAP_PATH_FAST ? sizeof(uint16_t) : sizeof(float);
    NAP_TRY(nap_kv_shape_init(&g->kv, graph, element, e));
    NAP_TRY(fit_memory(g, o, e));
    NAP_TRY(nap_pool_create(&g->pool, g->threads, e));

    nap_load_progress progress = {o->progress, o->progress_user, 0, nap_model_bytes(g->model)};
    NAP_TRY(nap_load_vectors(g, graph, e));
    if (g->path == NAP_PATH_FAST) {
        NAP_TRY(nap_load_packed(g, &progress, e));
        NAP_TRY(make_workers(g, e));
    } else {
        NAP_TRY(nap_spec_create(&g->spec, g, &progress, e));
    }
    NAP_TRY(make_ropes(g, e));
    g->rows = nap_calloc(g->batch, sizeof *g->rows);
    g->selected = nap_calloc(g->batch, sizeof *g->selected);
    if (!g->rows || !g->selected) return nap_fail_memory(e, g->batch * sizeof *g->rows, "a batch");
    return nap_load_advance(&progress, progress.total - progress.done, e);
}

nap_status nap_engine_create(nap_engine **out, const nap_model *m, const nap_engine_options *o,
                             nap_error *e)
{
    *out = NULL;
    nap_engine *g = nap_calloc(1, sizeof *g);
    if (!g) return nap_fail_memory(e, sizeof *g, "the engine");
    const nap_engine_options defaults = nap_engine_defaults();
    g->model = m;
    const nap_status s = build(g, o ? o : &defaults, e);
    if (s != NAP_OK) {
        nap_engine_destroy(g);
        return s;
    }
    *out = g;
    return NAP_OK;
}

void nap_engine_destroy(nap_engine *g)
{
    if (!g) return;
    const nap_graph *graph = nap_engine_graph(g); /* NULL if not even that was made */
    for (size_t i = 0; g->workers && i < (size_t)g->threads; i++) {
        nap_free(g->workers[i].matmul);
        nap_free(g->workers[i].attend);
        nap_free(g->workers[i].arena);
    }
    for (size_t i = 0; g->ropes && i < graph->n_ropes; i++) nap_rope_free(&g->ropes[i]);
    for (size_t i = 0; g->vectors && i < graph->n_weights; i++) nap_free(g->vectors[i]);
    nap_free(g->workers);
    nap_free(g->ropes);
    nap_free(g->vectors);
    nap_free(g->embedding);
    nap_free(g->arena);
    nap_free(g->logits);
    nap_free(g->rows);
    nap_free(g->selected);
    if (g->packed) nap_free_huge(g->packed, g->packed_bytes);
    nap_kv_free_pages(g);
    nap_spec_destroy(g->spec);
    nap_plan_destroy(g->plan);
    nap_graph_destroy(g->graph);
    nap_pool_destroy(g->pool);
    nap_free(g);
}

/* ------------------------------------------------------------------ facts */

const nap_model *nap_engine_model(const nap_engine *g)
{
    return g->model;
}

int nap_engine_threads(const nap_engine *g)
{
    return g->threads;
}

size_t nap_engine_context(const nap_engine *g)
{
    return g->context;
}

size_t nap_engine_vocab_size(const nap_engine *g)
{
    return nap_engine_graph(g)->vocab;
}

const char *nap_engine_cpu(const nap_engine *g)
{
    return g->path == NAP_PATH_FAST ? nap_tier_name(g->tier) : "float";
}

uint64_t nap_engine_bytes_per_token(const nap_engine *g)
{
    const nap_graph *graph = nap_engine_graph(g);
    uint64_t bytes = 0;
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const nap_node *n = &graph->nodes[i];
        if (n->op == NAP_OP_RMSNORM) bytes += n->u.norm.size * sizeof(float);
        if (n->op != NAP_OP_MATMUL) continue;
        const nap_weight *w = &graph->weights[n->weight];
        bytes += g->plan ? g->plan->matrices[n->weight].bytes
                         : (uint64_t)w->rows * w->cols * sizeof(float);
    }
    return bytes;
}

size_t nap_engine_kernel_count(const nap_engine *g)
{
    return g->plan ? g->plan->n_choices : 0;
}

nap_kernel_choice nap_engine_kernel(const nap_engine *g, size_t i)
{
    const nap_choice *c = &g->plan->choices[i];
    const bool split = c->op == NAP_KOP_MATMUL && c->kernel->decode != c->kernel->prefill;
    return (nap_kernel_choice){
        .op = nap_kop_name(c->op),
        .format = c->format ? c->format->name : "",
        .kernel = c->kernel->name,
        .phase = split ? "decode, prefill" : "both",
        .why = nap_choice_reason(g->plan, c),
        .uses = c->uses,
    };
}
