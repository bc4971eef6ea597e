/* nap_generate on a tiny random model: the token stream against a loop written here, stop strings
 * across token borders, every reason to stop, log-probabilities, statistics. */
#include "cmocka_all.h"

#include "napier/generate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONTEXT = 48, MAX_TEXT = 4096, MAX_PIECES = 256 };

typedef struct fixture {
    nap_model *model;
    nap_engine *engine;
    nap_session *session;
} fixture;

static void require(nap_status s, const nap_error *e)
{
    if (s != NAP_OK) fail_msg("%s: %s", nap_status_name(s), e->text);
}

static int set_up(void **state)
{
    static fixture f;
    nap_error e;
    char path[4096];
    const char *root = getenv("NAPIER_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/tests/engine/data/llama.gguf", root ? root : ".");
    require(nap_model_open(&f.model, path, &e), &e);
    nap_engine_options o = nap_engine_defaults();
    o.path = NAP_PATH_FLOAT;
    o.threads = 1;
    o.context = CONTEXT;
    require(nap_engine_create(&f.engine, f.model, &o, &e), &e);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    nap_engine_destroy(f->engine);
    nap_model_close(f->model);
    return 0;
}

static const nap_token prompt[] = {1, 261, 100, 264, 45, 270};
enum { PROMPT = sizeof prompt / sizeof *prompt };

typedef struct record {
    nap_token tokens[MAX_PIECES];
    size_t n_tokens, n_pieces;
    char text[MAX_TEXT];
    size_t len;
    size_t cancel_after; /* pieces; 0: never */
    float logprobs[MAX_PIECES];
    nap_logprob first_top[3];
} record;

static bool on_piece(void *user, const nap_piece *p)
{
    record *r = user;
    assert_true(r->n_pieces < MAX_PIECES && r->len + p->len < MAX_TEXT);
    if (p->token != NAP_TOKEN_NONE) {
        r->logprobs[r->n_tokens] = p->logprob;
        if (p->n_top == 3 && r->n_tokens == 0) memcpy(r->first_top, p->top, sizeof r->first_top);
        r->tokens[r->n_tokens++] = p->token;
    }
    memcpy(r->text + r->len, p->text, p->len);
    r->len += p->len;
    r->text[r->len] = '\0';
    r->n_pieces++;
    return r->n_pieces != r->cancel_after;
}

static nap_generate_stats generate(fixture *f, const nap_generate_options *o, record *r)
{
    nap_error e;
    nap_generate_stats stats;
    const size_t cancel_after = r->cancel_after;
    memset(r, 0, sizeof *r);
    r->cancel_after = cancel_after;
    require(nap_session_create(&f->session, f->engine, &e), &e);
    require(nap_generate(f->session, prompt, PROMPT, o, on_piece, r, &stats, &e), &e);
    /* The session stands at the prompt and everything generated. */
    assert_int_equal(nap_session_length(f->session), PROMPT + r->n_tokens);
    assert_memory_equal(nap_session_tokens(f->session), prompt, sizeof prompt);
    assert_memory_equal(nap_session_tokens(f->session) + PROMPT, r->tokens,
                        r->n_tokens * sizeof *r->tokens);
    assert_int_equal(stats.prompt_tokens, PROMPT);
    assert_int_equal(stats.generated_tokens, r->n_tokens);
    assert_true(stats.prompt_seconds >= 0 && stats.generate_seconds >= 0);
    nap_session_destroy(f->session);
    return stats;
}

static nap_generate_options options(size_t max_tokens, uint64_t seed)
{
    nap_generate_options o = nap_generate_defaults();
    o.max_tokens = max_tokens;
    o.sampler.seed = seed;
    o.sampler.temperature = 1.2f;
    o.sampler.repeat_penalty = 1.1f;
    o.ignore_end = true;
    return o;
}

/* The same by hand: sampler, session, detokenizer. */
static void test_stream(void **state)
{
    fixture *f = *state;
    nap_error e;
    record r = {0};
    for (uint64_t seed = 0; seed < 10; seed++) {
        const nap_generate_options o = options(20, seed);
        const nap_generate_stats stats = generate(f, &o, &r);
        assert_int_equal(stats.stop, NAP_STOP_LENGTH);
        assert_int_equal(r.n_tokens, 20);
        nap_sampler *s;
        nap_session *session;
        require(nap_sampler_create(&s, &o.sampler, nap_engine_vocab_size(f->engine), &e), &e);
        require(nap_session_create(&session, f->engine, &e), &e);
        require(nap_session_sync(session, prompt, PROMPT, NULL, NULL, &e), &e);
        for (size_t i = 0; i < PROMPT; i++) nap_sampler_accept(s, prompt[i]);
        for (size_t i = 0; i < r.n_tokens; i++) {
            nap_token t;
            require(nap_sampler_draw(s, nap_session_logits(session), &t, &e), &e);
            assert_int_equal(t, r.tokens[i]);
            nap_sampler_accept(s, t);
            require(nap_session_append(session, t, &e), &e);
        }
        nap_sampler_destroy(s);
        nap_session_destroy(session);
        char *text;
        size_t len;
        require(
            nap_detokenize(nap_model_vocab(f->model, &e), r.tokens, r.n_tokens, 0, &text, &len, &e),
            &e);
        assert_int_equal(len, r.len);
        assert_memory_equal(text, r.text, len);
        nap_text_free(text);
    }
}

/* For every substring of an answer as the stop string: the text ends right before its first
 * occurrence, wherever the tokens' borders are. */
static void test_stop_strings(void **state)
{
    fixture *f = *state;
    const nap_generate_options plain = options(12, 3);
    record whole = {0}, r = {0};
    generate(f, &plain, &whole);
    size_t tried = 0;
    for (size_t at = 0; at < whole.len; at++) {
        for (size_t len = 1; len <= 5 && at + len <= whole.len; len++) {
            char stop[8] = {0};
            memcpy(stop, whole.text + at, len);
            if (memchr(stop, '\0', len)) continue; /* stop strings are C strings */
            nap_generate_options o = plain;
            const char *const list[] = {"never in there", stop};
            o.stop = list;
            o.n_stop = 2;
            const nap_generate_stats stats = generate(f, &o, &r);
            const char *first = memmem(whole.text, whole.len, stop, len);
            assert_int_equal(stats.stop, NAP_STOP_STRING);
            assert_int_equal(r.len, first - whole.text);
            assert_memory_equal(r.text, whole.text, r.len);
            assert_memory_equal(r.tokens, whole.tokens, r.n_tokens * sizeof *r.tokens);
            tried++;
        }
    }
    assert_true(tried > 20);
    /* A stop string that begins but does not come holds text back, and loses none of it. */
    for (size_t len = 1; len <= 3; len++) {
        nap_generate_options o = plain;
        char almost[8] = {0};
        memcpy(almost, whole.text + whole.len - len, len);
        almost[len] = '\x01';
        const char *const list[] = {almost};
        o.stop = list;
        o.n_stop = 1;
        const nap_generate_stats stats = generate(f, &o, &r);
        assert_int_equal(stats.stop, NAP_STOP_LENGTH);
        assert_int_equal(r.len, whole.len);
        assert_memory_equal(r.text, whole.text, whole.len);
    }
}

static void test_reasons(void **state)
{
    fixture *f = *state;
    record r = {0};
    nap_generate_options o = options(0, 1);
    nap_generate_stats stats = generate(f, &o, &r);
    assert_int_equal(stats.stop, NAP_STOP_CONTEXT);
    assert_int_equal(r.n_tokens, CONTEXT - PROMPT);
    r.cancel_after = 4;
    stats = generate(f, &o, &r);
    assert_int_equal(stats.stop, NAP_STOP_CANCELLED);
    assert_int_equal(r.n_tokens, 4);
    r.cancel_after = 0;
    /* The end token: some seed draws it before the context is full. */
    const nap_vocab *vocab = nap_model_vocab(f->model, NULL);
    bool ended = false;
    for (uint64_t seed = 0; seed < 60 && !ended; seed++) {
        o = options(0, seed);
        o.sampler.temperature = 5;
        o.sampler.top_k = 0;
        o.sampler.top_p = 1;
        o.sampler.min_p = 0;
        record with = {0};
        generate(f, &o, &with);
        size_t end = 0;
        while (end < with.n_tokens && !nap_vocab_is_end(vocab, with.tokens[end])) end++;
        o.ignore_end = false;
        stats = generate(f, &o, &r);
        assert_int_equal(r.n_tokens, end);
        ended = end < with.n_tokens;
        assert_int_equal(stats.stop, ended ? NAP_STOP_END : NAP_STOP_CONTEXT);
    }
    assert_true(ended);
}

static void test_logprobs(void **state)
{
    fixture *f = *state;
    nap_error e;
    record r = {0};
    nap_generate_options o = options(6, 5);
    o.logprobs = 3;
    generate(f, &o, &r);
    nap_session *session;
    require(nap_session_create(&session, f->engine, &e), &e);
    require(nap_session_sync(session, prompt, PROMPT, NULL, NULL, &e), &e);
    nap_logprob top[3];
    const size_t vocab = nap_engine_vocab_size(f->engine);
    require(nap_top_logprobs(nap_session_logits(session), vocab, 3, top, &e), &e);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(top[i].token, r.first_top[i].token);
        assert_true(top[i].logprob == r.first_top[i].logprob);
    }
    for (size_t i = 0; i < r.n_tokens; i++) {
        assert_true(nap_logprob_of(nap_session_logits(session), vocab, r.tokens[i]) ==
                    r.logprobs[i]);
        require(nap_session_append(session, r.tokens[i], &e), &e);
    }
    nap_session_destroy(session);
}

/* A second call on the same session reuses what is there. */
static void test_continue(void **state)
{
    fixture *f = *state;
    nap_error e;
    record r = {0};
    nap_generate_stats stats;
    nap_session *session;
    const nap_generate_options o = options(5, 2);
    require(nap_session_create(&session, f->engine, &e), &e);
    require(nap_generate(session, prompt, PROMPT, &o, on_piece, &r, &stats, &e), &e);
    assert_int_equal(stats.cached_tokens, 0);
    nap_token longer[CONTEXT];
    memcpy(longer, nap_session_tokens(session), (PROMPT + 5) * sizeof *longer);
    longer[PROMPT + 5] = 99;
    require(nap_generate(session, longer, PROMPT + 6, &o, NULL, NULL, &stats, &e), &e);
    assert_int_equal(stats.cached_tokens, PROMPT + 5);
    assert_int_equal(nap_session_length(session), PROMPT + 11);
    nap_session_destroy(session);
}

static void test_refusals(void **state)
{
    fixture *f = *state;
    nap_error e;
    nap_session *session;
    require(nap_session_create(&session, f->engine, &e), &e);
    nap_generate_options o = options(5, 0);
    assert_int_equal(nap_generate(session, prompt, 0, &o, NULL, NULL, NULL, &e), NAP_ERR_ARGUMENT);
    const char *const empty[] = {"a", ""};
    o.stop = empty;
    o.n_stop = 2;
    assert_int_equal(nap_generate(session, prompt, PROMPT, &o, NULL, NULL, NULL, &e),
                     NAP_ERR_ARGUMENT);
    assert_non_null(strstr(e.text, "stop string 1"));
    o.n_stop = 0;
    o.logprobs = 100000;
    assert_int_equal(nap_generate(session, prompt, PROMPT, &o, NULL, NULL, NULL, &e),
                     NAP_ERR_ARGUMENT);
    o.logprobs = 0;
    o.sampler.top_p = 7;
    assert_int_equal(nap_generate(session, prompt, PROMPT, &o, NULL, NULL, NULL, &e),
                     NAP_ERR_ARGUMENT);
    nap_token too_long[CONTEXT + 1] = {1};
    o = options(5, 0);
    assert_int_equal(nap_generate(session, too_long, CONTEXT + 1, &o, NULL, NULL, NULL, &e),
                     NAP_ERR_CONTEXT);
    nap_session_destroy(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream),   cmocka_unit_test(test_stop_strings),
        cmocka_unit_test(test_reasons),  cmocka_unit_test(test_logprobs),
        cmocka_unit_test(test_continue), cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
