/* The tests of llama-bench: a prompt of random tokens in one step (pp), or tokens one by one (tg),
 * either behind `depth` tokens of context. One warm-up run, then the repeats; what brings the
 * session back to its depth is not timed. */
#include "napier/measure.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_SAMPLES = sizeof((nap_bench_result *)0)->samples_ts / sizeof(double) };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct bench {
    nap_engine *engine;
    const nap_bench_options *o;
    nap_session *session;
    nap_token *tokens; /* depth, then prompt or gen of them */
    size_t n;          /* of the test itself */
} bench;

static nap_status check_options(const bench *b, nap_error *e)
{
    const nap_bench_options *o = b->o;
    if ((o->prompt == 0) == (o->gen == 0))
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "a test of %zu prompt and %zu generated tokens, expected one of the two",
                        o->prompt, o->gen);
    if (o->repeats > MAX_SAMPLES)
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET, "%zu repeats, expected at most %d",
                        o->repeats, (int)MAX_SAMPLES);
    const size_t context = nap_engine_context(b->engine);
    if (o->depth > context || b->n > context - o->depth)
        return nap_fail(e, NAP_ERR_CONTEXT, NAP_NO_OFFSET,
                        "a test of %zu tokens at depth %zu, but the engine's context holds %zu",
                        b->n, o->depth, context);
    return NAP_OK;
}

static nap_status make_tokens(bench *b, nap_error *e)
{
    const size_t count = b->o->depth + b->n;
    b->tokens = nap_calloc(count, sizeof *b->tokens);
    if (!b->tokens) return nap_fail_memory(e, count * sizeof *b->tokens, "the test's tokens");
    const uint32_t vocab = (uint32_t)nap_engine_vocab_size(b->engine);
    nap_rng rng;
    nap_rng_seed(&rng, 1);
    for (size_t i = 0; i < count; i++) b->tokens[i] = (nap_token)nap_rng_below(&rng, vocab);
    const nap_vocab *v = nap_model_vocab(nap_engine_model(b->engine), NULL);
    if (v && nap_vocab_add_bos(v) && nap_vocab_bos(v) >= 0) b->tokens[0] = nap_vocab_bos(v);
    return NAP_OK;
}

/* Stands the session at its depth. A session that holds nothing is a new one. */
static nap_status rewind_session(bench *b, nap_error *e)
{
    if (b->o->depth > 0) return nap_session_sync(b->session, b->tokens, b->o->depth, NULL, NULL, e);
    nap_session_destroy(b->session);
    b->session = NULL;
    return nap_session_create(&b->session, b->engine, e);
}

static nap_status run_once(bench *b, size_t n, double *seconds, nap_error *e)
{
    NAP_TRY(rewind_session(b, e));
    const nap_token *tokens = b->tokens + b->o->depth;
    const double start = now();
    if (b->o->prompt > 0) {
        const nap_step_item item = {b->session, tokens, n, false};
        NAP_TRY(nap_engine_step(b->engine, &item, 1, NULL, NULL, e));
    } else {
        for (size_t i = 0; i < n; i++) NAP_TRY(nap_session_append(b->session, tokens[i], e));
    }
    *seconds = now() - start;
    return NAP_OK;
}

static int by_value(const void *pa, const void *pb)
{
    const double a = *(const double *)pa, b = *(const double *)pb;
    return (a > b) - (a < b);
}

static void summarise(const bench *b, nap_bench_result *out)
{
    const size_t n = out->n_samples;
    double sorted[MAX_SAMPLES], sum = 0, squares = 0;
    memcpy(sorted, out->samples_ts, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_value);
    for (size_t i = 0; i < n; i++) sum += sorted[i];
    out->avg_ts = sum / (double)n;
    for (size_t i = 0; i < n; i++) squares += (sorted[i] - out->avg_ts) * (sorted[i] - out->avg_ts);
    out->stddev_ts = n > 1 ? sqrt(squares / (double)(n - 1)) : 0;
    out->median_ts = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
    out->min_ts = sorted[0];
    out->max_ts = sorted[n - 1];
    if (b->o->gen > 0)
        out->gb_per_second = (double)nap_engine_bytes_per_token(b->engine) * out->median_ts / 1e9;
}

static nap_status run(bench *b, nap_bench_result *out, nap_error *e)
{
    const nap_bench_options *o = b->o;
    NAP_TRY(check_options(b, e));
    NAP_TRY(make_tokens(b, e));
    NAP_TRY(nap_session_create(&b->session, b->engine, e));
    const size_t repeats = o->repeats > 0 ? o->repeats : 5;
    *out = (nap_bench_result){.n_prompt = o->prompt,
                              .n_gen = o->gen,
                              .n_depth = o->depth,
                              .threads = nap_engine_threads(b->engine)};
    double seconds;
    NAP_TRY(run_once(b, o->prompt > 0 ? b->n : 1, &seconds, e)); /* warm-up */
    for (size_t i = 0; i < repeats; i++) {
        if (o->progress && !o->progress(o->user, "bench", i, repeats))
            return nap_fail(e, NAP_ERR_CANCELLED, NAP_NO_OFFSET,
                            "the benchmark was stopped after %zu of %zu repeats", i, repeats);
        NAP_TRY(run_once(b, b->n, &seconds, e));
        out->samples_ts[out->n_samples++] = (double)b->n / seconds;
    }
    if (o->progress) o->progress(o->user, "bench", repeats, repeats);
    summarise(b, out);
    return NAP_OK;
}

nap_status nap_bench(nap_engine *g, const nap_bench_options *o, nap_bench_result *out, nap_error *e)
{
    if (!o)
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET, "a benchmark needs its test described");
    bench b = {.engine = g, .o = o, .n = o->prompt > 0 ? o->prompt : o->gen};
    const nap_status status = run(&b, out, e);
    nap_session_destroy(b.session);
    nap_free(b.tokens);
    return status;
}
