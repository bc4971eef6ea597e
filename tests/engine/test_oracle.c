/* The engine against the float64 reference (tools/reference): every architecture and every tensor
 * type, tiny random models with their golden logits inside.
 *
 * The float path is held to 2e-5 of the range of the logits, the fast path (int8 activations, f16
 * cache) to 3e-2, and to the reference's most likely token wherever that leads by more than twice
 * the error. Feeding token by token must give the bits of feeding all at once. */
#include "cmocka_all.h"

#include "file/gguf.h"
#include "napier/session.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
    "llama",     "llama3-rope", "llama-linear-rope", "llama-yarn",  "qwen2",
    "qwen3",     "gemma3",      "gemma3-softcap",    "bitnet",      "bitnet-b1.58",
    "type-f32",  "type-f16",    "type-bf16",         "type-q4_0",   "type-q4_1",
    "type-q5_0", "type-q5_1",   "type-q8_0",         "type-iq4_nl", "type-mxfp4",
    "type-q2_0", "type-q2_k",   "type-q3_k",         "type-q4_k",   "type-q5_k",
    "type-q6_k", "type-iq4_xs", "type-tq1_0",        "type-tq2_0",  "type-q1_0"};

enum { MAX_TOKENS = 64, MAX_POSITIONS = 16 };

typedef struct golden {
    char path[4096];
    nap_token tokens[MAX_TOKENS];
    size_t n_tokens;
    size_t positions[MAX_POSITIONS];
    size_t n_positions;
    size_t vocab;
    float *logits; /* n_positions x vocab */
} golden;

static void require(nap_status s, const nap_error *e)
{
    if (s != NAP_OK) fail_msg("%s: %s", nap_status_name(s), e->text);
}

static const nap_gguf_kv *find(const nap_gguf *g, const char *key)
{
    const nap_gguf_kv *kv = nap_gguf_find(g, key);
    if (!kv) fail_msg("%s: no %s", nap_gguf_path(g), key);
    return kv;
}

static void load_golden(golden *x, const char *name)
{
    nap_error e;
    nap_gguf *g;
    const char *root = getenv("NAPIER_SOURCE_DIR");
    snprintf(x->path, sizeof x->path, "%s/tests/engine/data/%s.gguf", root ? root : ".", name);
    require(nap_gguf_open(&g, x->path, &e), &e);
    int64_t v;
    const nap_gguf_kv *kv = find(g, "napier.test.tokens");
    assert_in_range(kv->count, 1, MAX_TOKENS);
    x->n_tokens = (size_t)kv->count;
    for (size_t i = 0; i < x->n_tokens; i++) {
        assert_true(nap_gguf_elem_i64(kv, i, &v));
        x->tokens[i] = (nap_token)v;
    }
    kv = find(g, "napier.test.positions");
    assert_in_range(kv->count, 1, MAX_POSITIONS);
    x->n_positions = (size_t)kv->count;
    for (size_t i = 0; i < x->n_positions; i++) {
        assert_true(nap_gguf_elem_i64(kv, i, &v));
        x->positions[i] = (size_t)v;
    }
    kv = find(g, "napier.test.logits");
    x->vocab = (size_t)kv->count / x->n_positions;
    assert_int_equal(kv->count, x->vocab * x->n_positions);
    x->logits = malloc((size_t)kv->count * sizeof(float));
    assert_non_null(x->logits);
    for (size_t i = 0; i < kv->count; i++) {
        double d;
        assert_true(nap_gguf_elem_f64(kv, i, &d));
        x->logits[i] = (float)d;
    }
    nap_gguf_close(g);
}

typedef struct collect {
    float *logits;
    size_t vocab, seen;
} collect;

static bool keep(void *user, size_t item, size_t index, const float *logits)
{
    collect *c = user;
    assert_int_equal(item, 0);
    assert_int_equal(index, c->seen);
    memcpy(c->logits + index * c->vocab, logits, c->vocab * sizeof *logits);
    c->seen++;
    return true;
}

/* Logits of every position, all tokens in one step. */
static void run_at_once(const golden *x, nap_path path, nap_rounding rounding, float *out)
{
    nap_error e;
    nap_model *model;
    nap_engine *engine;
    nap_session *session;
    require(nap_model_open(&model, x->path, &e), &e);
    nap_engine_options o = nap_engine_defaults();
    o.path = path;
    o.rounding = rounding;
    o.threads = 2;
    o.context = MAX_TOKENS;
    require(nap_engine_create(&engine, model, &o, &e), &e);
    assert_int_equal(nap_engine_vocab_size(engine), x->vocab);
    require(nap_session_create(&session, engine, &e), &e);
    collect c = {out, x->vocab, 0};
    const nap_step_item item = {session, x->tokens, x->n_tokens, true};
    require(nap_engine_step(engine, &item, 1, keep, &c, &e), &e);
    assert_int_equal(c.seen, x->n_tokens);
    /* Again, token by token: the same bits. */
    nap_session_destroy(session);
    require(nap_session_create(&session, engine, &e), &e);
    for (size_t i = 0; i < x->n_tokens; i++) {
        require(nap_session_append(session, x->tokens[i], &e), &e);
        const float *logits = nap_session_logits(session);
        if (memcmp(logits, out + i * x->vocab, x->vocab * sizeof *logits) != 0)
            fail_msg("position %zu: one at a time and all at once differ", i);
    }
    nap_session_destroy(session);
    nap_engine_destroy(engine);
    nap_model_close(model);
}

static size_t most_likely(const float *row, size_t n, float *lead)
{
    size_t best = 0;
    float second = -INFINITY;
    for (size_t i = 1; i < n; i++) {
        if (row[i] > row[best]) best = i;
    }
    for (size_t i = 0; i < n; i++) {
        if (i != best && row[i] > second) second = row[i];
    }
    *lead = row[best] - second;
    return best;
}

/* The largest difference as a share of the logits' range. */
static double compare(const golden *x, const float *logits, double bound, size_t *same_top)
{
    float low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < x->n_positions * x->vocab; i++) {
        low = fminf(low, x->logits[i]);
        high = fmaxf(high, x->logits[i]);
    }
    double worst = 0;
    *same_top = 0;
    for (size_t p = 0; p < x->n_positions; p++) {
        const float *want = x->logits + p * x->vocab;
        const float *have = logits + x->positions[p] * x->vocab;
        double row_worst = 0;
        for (size_t i = 0; i < x->vocab; i++) {
            const double d = fabs((double)have[i] - (double)want[i]);
            if (!(d <= row_worst)) row_worst = d; /* a NaN comes through */
        }
        float lead, ignored;
        const size_t top = most_likely(want, x->vocab, &lead);
        const bool same = most_likely(have, x->vocab, &ignored) == top;
        *same_top += same;
        if (!same && (double)lead > 2 * row_worst) fail_msg("%s: position %zu", x->path, p);
        if (!(row_worst <= worst)) worst = row_worst;
    }
    worst /= (double)high - (double)low;
    if (!(worst <= bound))
        fail_msg("%s: error %.3g of the range, allowed %.3g", x->path, worst, bound);
    return worst;
}

static void test_models(void **state)
{
    (void)state;
    printf("%-18s %12s %12s %6s %12s   (largest error / range of logits; same top)\n", "model",
           "float path", "fast path", "top 1", "as ggml");
    double worst_float = 0, worst_fast = 0, worst_ggml = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        golden x;
        load_golden(&x, names[i]);
        float *logits = malloc(x.n_tokens * x.vocab * sizeof *logits);
        assert_non_null(logits);
        size_t same;
        run_at_once(&x, NAP_PATH_FLOAT, NAP_ROUNDING_FINE, logits);
        const double exact = compare(&x, logits, 2e-5, &same);
        size_t ggml_same;
        run_at_once(&x, NAP_PATH_FAST, NAP_ROUNDING_GGML, logits);
        const double ggml = compare(&x, logits, 3e-2, &ggml_same);
        run_at_once(&x, NAP_PATH_FAST, NAP_ROUNDING_FINE, logits);
        const double fast = compare(&x, logits, 3e-2, &same);
        printf("%-18s %12.2e %12.2e %3zu/%zu %12.2e\n", names[i], exact, fast, same, x.n_positions,
               ggml);
        worst_float = fmax(worst_float, exact);
        worst_fast = fmax(worst_fast, fast);
        worst_ggml = fmax(worst_ggml, ggml);
        free(logits);
        free(x.logits);
    }
    printf("%-18s %12.2e %12.2e %*s %12.2e\n", "largest", worst_float, worst_fast, 6, "",
           worst_ggml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_models)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
