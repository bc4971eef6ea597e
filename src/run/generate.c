/* Generating an answer: draw, detokenize, watch for stop strings, hand out, append.
 *
 * Text is handed out as soon as it is decided: whole characters (the detokenizer holds back
 * halves), and nothing that may still turn out to be the beginning of a stop string. What is held
 * back when the answer ends for another reason is handed out in a last piece without a token. */
#include "napier/generate.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "run/engine.h"

#include <string.h>
#include <time.h>

typedef struct generation {
    nap_session *session;
    const nap_generate_options *o;
    nap_piece_fn each;
    void *user;
    nap_sampler *sampler;
    nap_detok *detok;
    nap_logprob *top;
    const nap_vocab *words;
    size_t vocab; /* how many of them can be drawn */
    nap_buf held; /* text not handed out yet */
    nap_generate_stats stats;
} generation;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

nap_generate_options nap_generate_defaults(void)
{
    return (nap_generate_options){.sampler = nap_sampler_defaults()};
}

static nap_status check_options(const nap_generate_options *o, size_t n, size_t vocab, nap_error *e)
{
    if (n == 0)
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "the prompt has no tokens, expected at least one");
    if (o->n_stop > 0 && !o->stop)
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET, "%zu stop strings, but no list",
                        o->n_stop);
    for (size_t i = 0; i < o->n_stop; i++) {
        if (!o->stop[i] || o->stop[i][0] == '\0')
            return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET, "stop string %zu is empty", i);
    }
    if (o->logprobs > vocab)
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "%zu log-probabilities per token, the vocabulary has %zu tokens",
                        o->logprobs, vocab);
    return NAP_OK;
}

/* Where the first stop string begins in the held text; its length if there is none. */
static size_t find_stop(const generation *g)
{
    size_t first = g->held.len;
    for (size_t i = 0; i < g->o->n_stop && first > 0; i++) {
        const char *s = g->o->stop[i];
        const char *at = memmem(g->held.data, g->held.len, s, strlen(s));
        if (at && (size_t)(at - g->held.data) < first) first = (size_t)(at - g->held.data);
    }
    return first;
}

/* How much of the held text cannot become part of a stop string any more. */
static size_t decided(const generation *g)
{
    size_t free_len = g->held.len;
    for (size_t i = 0; i < g->o->n_stop; i++) {
        const char *s = g->o->stop[i];
        const size_t len = strlen(s);
        const size_t longest = len - 1 < g->held.len ? len - 1 : g->held.len;
        for (size_t k = longest; k > 0; k--) {
            if (memcmp(g->held.data + g->held.len - k, s, k) != 0) continue;
            if (g->held.len - k < free_len) free_len = g->held.len - k;
            break;
        }
    }
    return free_len;
}

/* Hands out the first `len` held bytes; false if the caller asked to stop. */
static bool hand_out(generation *g, nap_piece *piece, size_t len)
{
    piece->text = len > 0 ? g->held.data : "";
    piece->len = len;
    const bool go_on = !g->each || g->each(g->user, piece);
    if (len > 0) {
        memmove(g->held.data, g->held.data + len, g->held.len - len);
        g->held.len -= len;
    }
    return go_on;
}

/* Draws one token, hands it out and appends it. *stop is set if the answer ends here. */
static nap_status one_token(generation *g, double start, bool *stop, nap_error *e)
{
    nap_generate_stats *st = &g->stats;
    const float *logits = nap_session_logits(g->session);
    nap_piece piece = {0};
    NAP_TRY(nap_sampler_draw(g->sampler, logits, &piece.token, e));
    if (st->generated_tokens == 0) st->first_token_seconds = now() - start;
    if (!g->o->ignore_end && nap_vocab_is_end(g->words, piece.token)) {
        st->stop = NAP_STOP_END;
        *stop = true;
        return NAP_OK;
    }
    if (g->o->logprobs > 0) {
        piece.logprob = nap_logprob_of(logits, g->vocab, piece.token);
        NAP_TRY(nap_top_logprobs(logits, g->vocab, g->o->logprobs, g->top, e));
        piece.top = g->top;
        piece.n_top = g->o->logprobs;
    }
    const char *text;
    size_t len;
    NAP_TRY(nap_detok_push(g->detok, piece.token, &text, &len, e));
    if (!nap_buf_put(&g->held, text, len)) return nap_fail_memory(e, len, "the answer's text");
    st->generated_tokens++;
    const size_t stop_at = find_stop(g);
    bool go_on;
    if (g->o->n_stop > 0 && stop_at < g->held.len) {
        go_on = hand_out(g, &piece, stop_at);
        g->held.len = 0;
        st->stop = NAP_STOP_STRING;
        *stop = true;
    } else {
        go_on = hand_out(g, &piece, decided(g));
    }
    nap_sampler_accept(g->sampler, piece.token);
    NAP_TRY(nap_session_append(g->session, piece.token, e));
    if (!go_on && !*stop) {
        st->stop = NAP_STOP_CANCELLED;
        *stop = true;
    }
    return NAP_OK;
}

/* The text that was still held back when the answer ended. */
static nap_status hand_out_rest(generation *g, nap_error *e)
{
    if (g->stats.stop == NAP_STOP_STRING || g->stats.stop == NAP_STOP_CANCELLED) return NAP_OK;
    const char *text;
    size_t len;
    NAP_TRY(nap_detok_flush(g->detok, &text, &len, e));
    if (!nap_buf_put(&g->held, text, len)) return nap_fail_memory(e, len, "the answer's text");
    nap_piece piece = {.token = NAP_TOKEN_NONE};
    if (g->held.len > 0) hand_out(g, &piece, g->held.len);
    return NAP_OK;
}

static nap_status run(generation *g, const nap_token *prompt, size_t n, nap_error *e)
{
    nap_engine *const engine = g->session->engine;
    g->words = nap_model_vocab(nap_engine_model(engine), e);
    if (!g->words) return e ? e->code : NAP_ERR_FORMAT;
    g->vocab = nap_engine_vocab_size(engine);
    /* A head may be padded beyond the vocabulary: those rows stand for no token. */
    if (nap_vocab_size(g->words) < g->vocab) g->vocab = nap_vocab_size(g->words);
    NAP_TRY(check_options(g->o, n, g->vocab, e));
    NAP_TRY(nap_sampler_create(&g->sampler, &g->o->sampler, g->vocab, e));
    NAP_TRY(nap_detok_create(&g->detok, g->words, 0, e));
    if (g->o->logprobs > 0) {
        g->top = nap_calloc(g->o->logprobs, sizeof *g->top);
        if (!g->top)
            return nap_fail_memory(e, g->o->logprobs * sizeof *g->top, "log-probabilities");
    }

    nap_generate_stats *st = &g->stats;
    st->prompt_tokens = n;
    const nap_token *have = nap_session_tokens(g->session);
    const size_t have_n = nap_session_length(g->session);
    while (st->cached_tokens < n && st->cached_tokens < have_n &&
           have[st->cached_tokens] == prompt[st->cached_tokens])
        st->cached_tokens++;

    const double start = now();
    NAP_TRY(nap_session_sync(g->session, prompt, n, g->o->progress, g->o->progress_user, e));
    const double ready = now();
    st->prompt_seconds = ready - start;
    for (size_t i = 0; i < n; i++) nap_sampler_accept(g->sampler, prompt[i]);

    bool stop = false;
    while (!stop) {
        if (g->o->max_tokens > 0 && st->generated_tokens == g->o->max_tokens) {
            st->stop = NAP_STOP_LENGTH;
            break;
        }
        if (nap_session_length(g->session) >= nap_engine_context(engine)) {
            st->stop = NAP_STOP_CONTEXT;
            break;
        }
        NAP_TRY(one_token(g, start, &stop, e));
    }
    st->generate_seconds = now() - ready;
    return hand_out_rest(g, e);
}

nap_status nap_generate(nap_session *s, const nap_token *prompt, size_t n,
                        const nap_generate_options *o, nap_piece_fn each, void *user,
                        nap_generate_stats *stats, nap_error *e)
{
    const nap_generate_options defaults = nap_generate_defaults();
    generation g = {.session = s, .o = o ? o : &defaults, .each = each, .user = user};
    const nap_status status = run(&g, prompt, n, e);
    if (stats) *stats = g.stats;
    nap_sampler_destroy(g.sampler);
    nap_detok_destroy(g.detok);
    nap_free(g.top);
    nap_buf_free(&g.held);
    return status;
}
