/* The promise of session.h: the same model and tokens give the same logits, bit for bit, at any
 * thread count, batch and chunk, on every instruction set, alone or together with other sessions,
 * after forks and cuts. */
#include "cmocka_all.h"
#include "tiny.h"

#include "base/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 150, VOCAB = 272, CONTEXT = 256 };

static const char *const models[] = {"llama",          "qwen2",        "qwen3",   "gemma3",
                                     "gemma3-softcap", "bitnet-b1.58", "type-f16"};

static nap_token tokens[N];
static float *expected; /* N x VOCAB */

typedef struct rig {
    nap_model *model;
    nap_engine *engine;
} rig;

static rig open_rig(const char *name, nap_engine_options o)
{
    nap_error e;
    rig r;
    o.context = CONTEXT;
    tiny_require(nap_model_open(&r.model, tiny_path(name), &e), &e);
    tiny_require(nap_engine_create(&r.engine, r.model, &o, &e), &e);
    assert_int_equal(nap_engine_vocab_size(r.engine), VOCAB);
    return r;
}

static void close_rig(rig *r)
{
    nap_engine_destroy(r->engine);
    nap_model_close(r->model);
}

static nap_session *new_session(const rig *r)
{
    nap_error e;
    nap_session *s;
    tiny_require(nap_session_create(&s, r->engine, &e), &e);
    return s;
}

typedef struct recorder {
    float *out;
    size_t rows;
} recorder;

static bool record(void *user, size_t item, size_t index, const float *logits)
{
    recorder *r = user;
    assert_int_equal(item, 0);
    assert_int_equal(index, r->rows);
    memcpy(r->out + r->rows++ * VOCAB, logits, VOCAB * sizeof *logits);
    return true;
}

static void all_logits(const rig *r, float *out)
{
    nap_error e;
    nap_session *s = new_session(r);
    recorder rec = {out, 0};
    const nap_step_item item = {s, tokens, N, true};
    tiny_require(nap_engine_step(r->engine, &item, 1, record, &rec, &e), &e);
    assert_int_equal(rec.rows, N);
    assert_memory_equal(nap_session_logits(s), out + (N - 1) * VOCAB, VOCAB * sizeof(float));
    nap_session_destroy(s);
}

static void expect_row(const nap_session *s, size_t row, const char *what)
{
    const float *found = nap_session_logits(s);
    assert_non_null(found);
    if (memcmp(found, expected + row * VOCAB, VOCAB * sizeof *found) == 0) return;
    for (size_t i = 0; i < VOCAB; i++) {
        const float want = expected[row * VOCAB + i];
        if (memcmp(&found[i], &want, sizeof want) != 0) {
            fail_msg("%s: position %zu, logit %zu: found %.9g, expected %.9g", what, row, i,
                     (double)found[i], (double)want);
        }
    }
}

/* Logits of every position under `o` against the expected ones. */
static void expect_all(const char *model, const nap_engine_options *o, const char *what)
{
    rig r = open_rig(model, *o);
    float *found = malloc((size_t)N * VOCAB * sizeof *found);
    assert_non_null(found);
    all_logits(&r, found);
    for (size_t i = 0; i < (size_t)N * VOCAB; i++) {
        if (memcmp(&found[i], &expected[i], sizeof *found) != 0) {
            fail_msg("%s, %s: position %zu, logit %zu: found %.9g, expected %.9g", model, what,
                     i / VOCAB, i % VOCAB, (double)found[i], (double)expected[i]);
        }
    }
    free(found);
    close_rig(&r);
}

/* ------------------------------------------------------------------ one engine, many ways */

static void test_tiers(const char *model, nap_rounding rounding)
{
    for (int t = 0; t < NAP_TIER_COUNT; t++) {
        if (!nap_tier_available((nap_tier)t)) continue;
        const nap_engine_options o = {
            .threads = 1, .cpu = nap_tier_name((nap_tier)t), .rounding = rounding};
        expect_all(model, &o, o.cpu);
    }
}

static void test_threads_and_batches(const char *model)
{
    static const struct {
        int threads;
        size_t batch;
    } ways[] = {{1, 1}, {1, 5}, {1, 512}, {2, 3}, {2, 64}, {3, 5}, {3, 64}, {7, 64}, {7, 512}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        const nap_engine_options o = {.threads = ways[i].threads, .batch = ways[i].batch};
        char what[64];
        snprintf(what, sizeof what, "%d threads, batch %zu", o.threads, o.batch);
        expect_all(model, &o, what);
    }
}

/* Token by token, and in chunks of all lengths: each must stand at the same logits. */
static void test_chunks(const rig *r)
{
    nap_error e;
    nap_session *s = new_session(r);
    for (size_t i = 0; i < 40; i++) {
        tiny_require(nap_session_append(s, tokens[i], &e), &e);
        expect_row(s, i, "append");
    }
    for (size_t at = 40, n = 1; at < N; n++) {
        const size_t end = at + n < N ? at + n : N;
        const nap_step_item item = {s, tokens + at, end - at, false};
        tiny_require(nap_engine_step(r->engine, &item, 1, NULL, NULL, &e), &e);
        expect_row(s, end - 1, "chunks");
        at = end;
    }
    nap_session_destroy(s);
}

static void test_sync(const rig *r)
{
    nap_error e;
    nap_session *s = new_session(r);
    assert_null(nap_session_logits(s));
    static const size_t lengths[] = {100, 100, 37, 64, 65, 150, 149, 1, 63, 128};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        tiny_require(nap_session_sync(s, tokens, lengths[i], NULL, NULL, &e), &e);
        assert_int_equal(nap_session_length(s), lengths[i]);
        assert_memory_equal(nap_session_tokens(s), tokens, lengths[i] * sizeof *tokens);
        expect_row(s, lengths[i] - 1, "sync");
    }
    /* Another text, then back: what was cut must not shine through. */
    nap_token other[N];
    memcpy(other, tokens, sizeof other);
    for (size_t i = 70; i < N; i++) other[i] = (other[i] + 1) % VOCAB;
    tiny_require(nap_session_sync(s, other, N, NULL, NULL, &e), &e);
    tiny_require(nap_session_sync(s, tokens, N, NULL, NULL, &e), &e);
    expect_row(s, N - 1, "sync after another text");
    tiny_require(nap_session_sync(s, tokens, 0, NULL, NULL, &e), &e);
    assert_int_equal(nap_session_length(s), 0);
    assert_null(nap_session_logits(s));
    nap_session_destroy(s);
}

/* A fork shares pages; writing to either must leave the other alone. */
static void test_fork(const rig *r)
{
    nap_error e;
    static const size_t at[] = {1, 40, 64, 100};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        nap_session *a = new_session(r), *b, *c;
        tiny_require(nap_session_sync(a, tokens, at[i], NULL, NULL, &e), &e);
        tiny_require(nap_session_fork(&b, a, &e), &e);
        expect_row(b, at[i] - 1, "fork");
        tiny_require(nap_session_append(a, (tokens[at[i]] + 7) % VOCAB, &e), &e);
        tiny_require(nap_session_fork(&c, b, &e), &e);
        tiny_require(nap_session_sync(b, tokens, N, NULL, NULL, &e), &e);
        expect_row(b, N - 1, "the fork goes on");
        nap_session_destroy(b);
        tiny_require(nap_session_sync(a, tokens, at[i] + 1, NULL, NULL, &e), &e);
        expect_row(a, at[i], "the original goes back");
        tiny_require(nap_session_sync(c, tokens, N, NULL, NULL, &e), &e);
        expect_row(c, N - 1, "the fork of the fork");
        nap_session_destroy(a);
        nap_session_destroy(c);
    }
}

/* Several sessions of different lengths in one step: each as alone. */
static void test_together(const rig *r)
{
    nap_error e;
    enum { SESSIONS = 5 };
    static const size_t start[SESSIONS] = {0, 1, 63, 64, 100}, count[SESSIONS] = {30, 1, 2, 1, 50};
    nap_session *s[SESSIONS];
    nap_step_item items[SESSIONS];
    for (size_t i = 0; i < SESSIONS; i++) {
        s[i] = new_session(r);
        tiny_require(nap_session_sync(s[i], tokens, start[i], NULL, NULL, &e), &e);
        items[i] = (nap_step_item){s[i], tokens + start[i], count[i], false};
    }
    tiny_require(nap_engine_step(r->engine, items, SESSIONS, NULL, NULL, &e), &e);
    for (size_t i = 0; i < SESSIONS; i++) {
        expect_row(s[i], start[i] + count[i] - 1, "together");
        items[i] = (nap_step_item){s[i], tokens + start[i] + count[i], i % 2, false};
    }
    /* Items without tokens leave their sessions as they are. */
    tiny_require(nap_engine_step(r->engine, items, SESSIONS, NULL, NULL, &e), &e);
    for (size_t i = 0; i < SESSIONS; i++) {
        const size_t length = start[i] + count[i] + i % 2;
        expect_row(s[i], length - 1, "together again");
        nap_session_destroy(s[i]);
    }
}

static void test_refusals(const rig *r)
{
    nap_error e;
    nap_session *s = new_session(r);
    nap_token many[CONTEXT + 1];
    tiny_tokens(many, CONTEXT + 1, VOCAB, 3);
    tiny_require(nap_session_sync(s, tokens, 10, NULL, NULL, &e), &e);
    assert_int_equal(nap_session_sync(s, many, CONTEXT + 1, NULL, NULL, &e), NAP_ERR_CONTEXT);
    assert_non_null(strstr(e.text, "257"));
    assert_non_null(strstr(e.text, "256"));
    assert_int_equal(nap_session_append(s, VOCAB, &e), NAP_ERR_ARGUMENT);
    assert_int_equal(nap_session_append(s, -1, &e), NAP_ERR_ARGUMENT);
    expect_row(s, 9, "after refusals");
    const nap_step_item twice[2] = {{s, tokens, 1, false}, {s, tokens, 1, false}};
    assert_int_equal(nap_engine_step(r->engine, twice, 2, NULL, NULL, &e), NAP_ERR_ARGUMENT);
    tiny_require(nap_session_sync(s, many, CONTEXT, NULL, NULL, &e), &e);
    assert_int_equal(nap_session_append(s, 1, &e), NAP_ERR_CONTEXT);
    assert_int_equal(nap_session_length(s), CONTEXT);
    nap_session_destroy(s);
}

static bool stop_at_third(void *user, const char *stage, uint64_t done, uint64_t total)
{
    (void)stage;
    (void)total;
    int *calls = user;
    assert_true(done <= total);
    return ++*calls < 3;
}

static void test_cancel(const char *model)
{
    nap_error e;
    rig r = open_rig(model, (nap_engine_options){.threads = 2, .batch = 20});
    nap_session *s = new_session(&r);
    int calls = 0;
    assert_int_equal(nap_session_sync(s, tokens, N, stop_at_third, &calls, &e), NAP_ERR_CANCELLED);
    assert_int_equal(nap_session_length(s), 40); /* what was computed stays */
    tiny_require(nap_session_sync(s, tokens, N, NULL, NULL, &e), &e);
    expect_row(s, N - 1, "after cancelling");
    nap_session_destroy(s);
    close_rig(&r);
}

static void run_model(const char *model)
{
    print_message("%s\n", model);
    rig r = open_rig(model, (nap_engine_options){.threads = 1, .cpu = "ref"});
    all_logits(&r, expected);
    close_rig(&r);
    test_tiers(model, NAP_ROUNDING_FINE);
    test_threads_and_batches(model);
    for (int threads = 1; threads <= 2; threads++) {
        r = open_rig(model, (nap_engine_options){.threads = threads, .batch = 48});
        test_chunks(&r);
        test_sync(&r);
        test_fork(&r);
        test_together(&r);
        test_refusals(&r);
        close_rig(&r);
    }
    test_cancel(model);
}

static void test_models(void **state)
{
    (void)state;
    tiny_tokens(tokens, N, VOCAB, 1);
    expected = malloc((size_t)N * VOCAB * sizeof *expected);
    assert_non_null(expected);
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) run_model(models[i]);
    free(expected);
}

/* So does the fast path with ggml's rounding of activations, which gives other logits. */
static void test_ggml_rounding(void **state)
{
    (void)state;
    static const char *const quantized[] = {"type-q4_k", "type-q4_1"};
    tiny_tokens(tokens, N, VOCAB, 1);
    expected = malloc(2 * (size_t)N * VOCAB * sizeof *expected);
    assert_non_null(expected);
    float *const fine = expected + (size_t)N * VOCAB;
    for (size_t i = 0; i < sizeof quantized / sizeof *quantized; i++) {
        nap_engine_options o = {.threads = 1};
        rig r = open_rig(quantized[i], o);
        all_logits(&r, fine);
        close_rig(&r);
        o.rounding = NAP_ROUNDING_GGML;
        r = open_rig(quantized[i], o);
        all_logits(&r, expected);
        close_rig(&r);
        assert_true(memcmp(fine, expected, (size_t)N * VOCAB * sizeof *fine) != 0);
        test_tiers(quantized[i], NAP_ROUNDING_GGML);
        o.threads = 3;
        o.batch = 5;
        expect_all(quantized[i], &o, "ggml's rounding, 3 threads, batch 5");
    }
    free(expected);
}

/* The float path keeps the same promises, without tiers. */
static void test_float_path(void **state)
{
    (void)state;
    tiny_tokens(tokens, N, VOCAB, 1);
    expected = malloc((size_t)N * VOCAB * sizeof *expected);
    assert_non_null(expected);
    const nap_engine_options one = {.threads = 1, .path = NAP_PATH_FLOAT};
    rig r = open_rig("gemma3-softcap", one);
    all_logits(&r, expected);
    close_rig(&r);
    const nap_engine_options few = {.threads = 3, .path = NAP_PATH_FLOAT, .batch = 5};
    expect_all("gemma3-softcap", &few, "float path, 3 threads, batch 5");
    r = open_rig("gemma3-softcap", few);
    test_chunks(&r);
    test_sync(&r);
    test_fork(&r);
    test_together(&r);
    close_rig(&r);
    free(expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_models),
        cmocka_unit_test(test_ggml_rounding),
        cmocka_unit_test(test_float_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
