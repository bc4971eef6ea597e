/* Perplexity, the logits file, KL divergence and the benchmark on a tiny random model, against the
 * definition computed here from logits of single sessions. */
#include "cmocka_all.h"

#include "measure/score.h"
#include "napier/measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONTEXT = 16, TEXT = 400 };

typedef struct fixture {
    nap_model *model;
    nap_engine *engine;
    char text[TEXT];
} fixture;

static void require(nap_status s, const nap_error *e)
{
    if (s != NAP_OK) fail_msg("%s: %s", nap_status_name(s), e->text);
}

static void open_model(fixture *f, const char *name)
{
    nap_error e;
    char path[4096];
    const char *root = getenv("NAPIER_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/tests/engine/data/%s.gguf", root ? root : ".", name);
    require(nap_model_open(&f->model, path, &e), &e);
    nap_engine_options o = nap_engine_defaults();
    o.path = NAP_PATH_FLOAT;
    o.threads = 2;
    o.context = 40;
    require(nap_engine_create(&f->engine, f->model, &o, &e), &e);
    for (int i = 0; i < TEXT; i++) f->text[i] = "the rain in another land "[(i * 7 + i / 9) % 25];
}

static void close_model(fixture *f)
{
    nap_engine_destroy(f->engine);
    nap_model_close(f->model);
}

/* The definition: each chunk in a new session, token by token. */
static double perplexity(const fixture *f, size_t chunks)
{
    nap_error e;
    nap_token *tokens;
    size_t n, scored = 0;
    const nap_vocab *vocab = nap_model_vocab(f->model, &e);
    require(nap_tokenize(vocab, f->text, TEXT, NAP_TOKENIZE_ADD_SPECIAL, &tokens, &n, &e), &e);
    double nll = 0;
    for (size_t chunk = 0; chunk < chunks; chunk++) {
        const nap_token *window = tokens + chunk * CONTEXT;
        nap_session *s;
        require(nap_session_create(&s, f->engine, &e), &e);
        for (size_t i = 0; i + 1 < CONTEXT; i++) {
            const bool bos = i == 0 && nap_vocab_add_bos(vocab);
            require(nap_session_append(s, bos ? nap_vocab_bos(vocab) : window[i], &e), &e);
            if (i < CONTEXT / 2) continue;
            const float *logits = nap_session_logits(s);
            long double z = 0;
            for (size_t k = 0; k < nap_engine_vocab_size(f->engine); k++) z += expl(logits[k]);
            nll += (double)(logl(z) - logits[window[i + 1]]);
            scored++;
        }
        nap_session_destroy(s);
    }
    nap_tokens_free(tokens);
    return exp(nll / (double)scored);
}

static size_t chunks_seen;
static double last_perplexity;
static void on_chunk(void *user, size_t chunk, size_t chunks, double ppl)
{
    (void)user;
    assert_int_equal(chunk, ++chunks_seen);
    assert_true(chunk <= chunks);
    last_perplexity = ppl;
}

static void test_perplexity(void **state)
{
    (void)state;
    static const char *const models[] = {"llama", "qwen2"}; /* with and without BOS */
    for (int i = 0; i < 2; i++) {
        fixture f;
        open_model(&f, models[i]);
        nap_error e;
        nap_eval_options o = nap_eval_defaults();
        o.context = CONTEXT;
        o.chunks = 5;
        o.each = on_chunk;
        chunks_seen = 0;
        nap_eval_result r;
        require(nap_eval(f.engine, f.text, TEXT, &o, &r, &e), &e);
        assert_int_equal(r.chunks, 5);
        assert_int_equal(chunks_seen, 5);
        assert_int_equal(r.tokens, 5 * CONTEXT);
        assert_int_equal(r.scored, 5 * (CONTEXT - 1 - CONTEXT / 2));
        assert_false(r.compared);
        const double want = perplexity(&f, 5);
        assert_true(fabs(r.perplexity - want) < 1e-5 * want);
        assert_true(r.perplexity == last_perplexity);
        assert_true(r.stderr_ > 0);
        close_model(&f);
    }
}

/* Against its own logits the divergence is what the file's codes lose; against another model's it
 * is large. The file carries the tokens. */
static void test_divergence(void **state)
{
    (void)state;
    fixture f, other;
    open_model(&f, "llama");
    open_model(&other, "llama3-rope");
    nap_error e;
    char path[] = "logits-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    nap_eval_options o = nap_eval_defaults();
    o.context = CONTEXT;
    o.save_logits = path;
    nap_eval_result saved, r;
    require(nap_eval(f.engine, f.text, TEXT, &o, &saved, &e), &e);
    assert_true(saved.chunks > 8);

    o = nap_eval_defaults(); /* context and tokens come from the file */
    o.base_logits = path;
    require(nap_eval(f.engine, NULL, 0, &o, &r, &e), &e);
    assert_true(r.compared);
    assert_int_equal(r.scored, saved.scored);
    assert_true(fabs(r.perplexity - saved.perplexity) < 1e-5 * saved.perplexity);
    assert_true(fabs(r.base_perplexity - saved.perplexity) < 1e-3 * saved.perplexity);
    assert_true(fabs(r.kl_mean) < 1e-5 && fabs(r.kl_max) < 1e-4);
    assert_true(r.top1 > 0.95);

    require(nap_eval(other.engine, NULL, 0, &o, &r, &e), &e);
    assert_true(r.kl_mean > 0.05 && r.kl_median > 0);
    assert_true(r.kl_median <= r.kl_99 && r.kl_99 <= r.kl_max);
    assert_true(r.kl_stderr > 0 && r.kl_stderr < r.kl_mean);
    assert_true(r.top1 < 0.9);
    assert_true(fabs(r.base_perplexity - saved.perplexity) < 1e-3 * saved.perplexity);
    o.chunks = 3;
    require(nap_eval(other.engine, NULL, 0, &o, &r, &e), &e);
    assert_int_equal(r.chunks, 3);
    unlink(path);
    close_model(&f);
    close_model(&other);
}

static bool stop_at_once(void *user, const char *stage, uint64_t done, uint64_t total)
{
    (void)user;
    (void)stage;
    return done * 2 < total;
}

static void test_refusals(void **state)
{
    (void)state;
    fixture f;
    open_model(&f, "llama");
    nap_error e;
    nap_eval_result r;
    nap_eval_options o = nap_eval_defaults();
    o.context = CONTEXT;
    assert_int_equal(nap_eval(f.engine, f.text, 5, &o, &r, &e), NAP_ERR_ARGUMENT); /* too short */
    o.context = 2;
    assert_int_equal(nap_eval(f.engine, f.text, TEXT, &o, &r, &e), NAP_ERR_ARGUMENT);
    o.context = 64; /* the engine has 40 */
    assert_int_equal(nap_eval(f.engine, f.text, TEXT, &o, &r, &e), NAP_ERR_CONTEXT);
    o.context = CONTEXT;
    o.progress = stop_at_once;
    assert_int_equal(nap_eval(f.engine, f.text, TEXT, &o, &r, &e), NAP_ERR_CANCELLED);
    o = nap_eval_defaults();
    o.base_logits = "no/such/file";
    assert_int_equal(nap_eval(f.engine, NULL, 0, &o, &r, &e), NAP_ERR_NOT_FOUND);
    close_model(&f);
}

static void test_bench(void **state)
{
    (void)state;
    fixture f;
    open_model(&f, "llama");
    nap_error e;
    nap_bench_result r;
    nap_bench_options o = {.prompt = 12, .depth = 10, .repeats = 4};
    require(nap_bench(f.engine, &o, &r, &e), &e);
    assert_int_equal(r.n_samples, 4);
    assert_int_equal(r.threads, 2);
    assert_true(r.min_ts > 0 && r.min_ts <= r.median_ts && r.median_ts <= r.max_ts);
    assert_true(r.min_ts <= r.avg_ts && r.avg_ts <= r.max_ts && r.stddev_ts >= 0);
    o = (nap_bench_options){.gen = 8, .repeats = 3};
    require(nap_bench(f.engine, &o, &r, &e), &e);
    assert_int_equal(r.n_gen, 8);
    assert_true(r.gb_per_second > 0);
    o.depth = 33; /* 33 + 8 > 40 */
    assert_int_equal(nap_bench(f.engine, &o, &r, &e), NAP_ERR_CONTEXT);
    o = (nap_bench_options){.prompt = 4, .gen = 4};
    assert_int_equal(nap_bench(f.engine, &o, &r, &e), NAP_ERR_ARGUMENT);
    o = (nap_bench_options){.gen = 4, .repeats = 65};
    assert_int_equal(nap_bench(f.engine, &o, &r, &e), NAP_ERR_ARGUMENT);
    close_model(&f);

    nap_bandwidth b;
    require(nap_measure_bandwidth(1, 4 << 20, &b, &e), &e);
    assert_true(b.read > 0 && b.copy > 0 && b.triad > 0);
    assert_int_equal(nap_measure_bandwidth(1, 100, &b, &e), NAP_ERR_ARGUMENT);
    assert_int_equal(nap_measure_bandwidth(-1, 0, &b, &e), NAP_ERR_ARGUMENT);
    assert_true(nap_peak_memory() > 1 << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_perplexity),
        cmocka_unit_test(test_divergence),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_bench),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
