/* Perplexity and KL divergence over the windows of llama-perplexity.
 *
 * Only what is scored is computed with logits: a chunk's first half is brought into the session,
 * the second half is one step with logits of every position. Rows are gathered in batches and
 * scored by all threads; sums run in the order of the text, so that the thread count changes
 * nothing. */
#include "napier/measure.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/threads.h"
#include "measure/score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { BATCH_ROWS = 16 };

typedef struct evaluation {
    nap_engine *engine;
    const nap_eval_options *o;
    size_t context, vocab, chunks;
    nap_token *tokens;   /* chunks * context, as scored */
    nap_token *window;   /* context, as fed: BOS in front */
    nap_kl_reader *base; /* or NULL */
    nap_kl_writer *save; /* or NULL */
    nap_session *session;
    nap_pool *pool;

    /* the batch */
    size_t chunk, first_row, rows; /* rows [first_row, first_row + rows) of the chunk */
    float *logits;                 /* BATCH_ROWS x vocab */
    uint16_t *codes;               /* the same, of the reference */
    uint16_t *save_codes;          /* the same, of what is written */
    nap_kl_row base_row[BATCH_ROWS], save_row[BATCH_ROWS];
    nap_score score[BATCH_ROWS];

    /* sums */
    size_t count, same_top;
    double nll, nll2, nll_base, kl, kl2;
    float *kl_values;

    nap_status status; /* what went wrong inside a callback; the record is in e */
    nap_error *e;
} evaluation;

nap_eval_options nap_eval_defaults(void)
{
    return (nap_eval_options){.context = 0};
}

/* ---- one batch of rows */

static void score_part(void *user, int part, int parts)
{
    evaluation *v = user;
    size_t begin, end;
    nap_split(v->rows, 1, part, parts, &begin, &end);
    const nap_token *next =
        v->tokens + v->chunk * v->context + nap_kl_first(v->context) + v->first_row + 1;
    for (size_t i = begin; i < end; i++) {
        const float *logits = v->logits + i * v->vocab;
        if (v->base) {
            v->score[i] = nap_score_compare(logits, v->vocab, &v->base_row[i], next[i]);
        } else {
            v->score[i].nll = nap_score_nll(logits, v->vocab, next[i]);
        }
        if (v->save)
            nap_score_encode(logits, v->vocab, v->save_codes + i * v->vocab, &v->save_row[i]);
    }
}

static nap_status score_batch(evaluation *v)
{
    nap_pool_run(v->pool, score_part, v);
    for (size_t i = 0; i < v->rows; i++) {
        const nap_score *s = &v->score[i];
        if (!isfinite(s->nll) || !isfinite(s->kl))
            return nap_fail(v->e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                            "chunk %zu, position %zu: the model's logits are not finite numbers",
                            v->chunk, nap_kl_first(v->context) + v->first_row + i);
        v->nll += s->nll;
        v->nll2 += s->nll * s->nll;
        if (v->base) {
            v->nll_base += s->nll_base;
            v->kl += s->kl;
            v->kl2 += s->kl * s->kl;
            v->same_top += s->same_top;
            v->kl_values[v->count] = (float)s->kl;
        }
        v->count++;
        if (v->save) NAP_TRY(nap_kl_write(v->save, &v->save_row[i], v->e));
    }
    v->first_row += v->rows;
    v->rows = 0;
    return NAP_OK;
}

static nap_status take_row(evaluation *v, size_t index, const float *logits)
{
    const size_t i = v->rows;
    memcpy(v->logits + i * v->vocab, logits, v->vocab * sizeof *logits);
    if (v->base)
        NAP_TRY(
            nap_kl_read(v->base, v->chunk, index, v->codes + i * v->vocab, &v->base_row[i], v->e));
    v->rows++;
    if (v->rows == BATCH_ROWS || index + 1 == nap_kl_scored(v->context)) NAP_TRY(score_batch(v));
    return NAP_OK;
}

static bool on_logits(void *user, size_t item, size_t index, const float *logits)
{
    (void)item;
    evaluation *v = user;
    v->status = take_row(v, index, logits);
    return v->status == NAP_OK;
}

/* ---- chunks */

static nap_status one_chunk(evaluation *v)
{
    const size_t first = nap_kl_first(v->context);
    const nap_vocab *vocab = nap_model_vocab(nap_engine_model(v->engine), NULL);
    memcpy(v->window, v->tokens + v->chunk * v->context, v->context * sizeof *v->window);
    if (vocab && nap_vocab_add_bos(vocab)) v->window[0] = nap_vocab_bos(vocab);
    NAP_TRY(nap_session_sync(v->session, v->window, first, NULL, NULL, v->e));
    v->first_row = v->rows = 0;
    v->status = NAP_OK;
    const nap_step_item item = {v->session, v->window + first, nap_kl_scored(v->context), true};
    /* A callback can only ask to stop, and the step then fails as cancelled: its record must not
     * overwrite that of what went wrong here. */
    nap_error stopped;
    const nap_status status = nap_engine_step(v->engine, &item, 1, on_logits, v, &stopped);
    if (v->status != NAP_OK) return v->status;
    if (status != NAP_OK && v->e) *v->e = stopped;
    return status;
}

static nap_status all_chunks(evaluation *v)
{
    const nap_eval_options *o = v->o;
    for (v->chunk = 0; v->chunk < v->chunks; v->chunk++) {
        if (o->progress && !o->progress(o->user, "eval", v->chunk, v->chunks))
            return nap_fail(v->e, NAP_ERR_CANCELLED, NAP_NO_OFFSET,
                            "evaluation stopped after %zu of %zu chunks", v->chunk, v->chunks);
        NAP_TRY(one_chunk(v));
        if (o->each) o->each(o->user, v->chunk + 1, v->chunks, exp(v->nll / (double)v->count));
    }
    if (o->progress) o->progress(o->user, "eval", v->chunks, v->chunks);
    return NAP_OK;
}

/* ---- what is evaluated */

/* The whole text with its beginning token; nap_tokens_free. */
static nap_status tokenize(evaluation *v, const nap_vocab *vocab, const char *text, size_t len,
                           nap_token **tokens, size_t *n)
{
    if (len > 0 && text[len - 1] == '\n') len--; /* as llama-perplexity's -f does */
    return nap_tokenize(vocab, text, len, NAP_TOKENIZE_ADD_SPECIAL, tokens, n, v->e);
}

static nap_status tokens_of_text(evaluation *v, const char *text, size_t len)
{
    const nap_vocab *vocab = nap_model_vocab(nap_engine_model(v->engine), v->e);
    if (!vocab) return v->e ? v->e->code : NAP_ERR_FORMAT;
    if (nap_vocab_add_eos(vocab))
        return nap_fail(v->e, NAP_ERR_UNSUPPORTED, NAP_NO_OFFSET,
                        "the vocabulary ends every text with an end token: perplexity over cut "
                        "chunks is not defined for it");
    nap_token *tokens;
    size_t n;
    NAP_TRY(tokenize(v, vocab, text, len, &tokens, &n));
    nap_status status = NAP_OK;
    v->context = v->o->context ? v->o->context : NAP_EVAL_CONTEXT;
    if (v->context < NAP_KL_MIN_CONTEXT || v->context > NAP_KL_MAX_CONTEXT) {
        status = nap_fail(v->e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                          "context of %zu tokens, expected 4 to 1048576", v->context);
    } else if (n < 2 * v->context) {
        status = nap_fail(v->e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                          "the text has %zu tokens, and a context of %zu needs at least %zu", n,
                          v->context, 2 * v->context);
    } else {
        v->chunks = n / v->context;
        if (v->o->chunks > 0 && v->o->chunks < v->chunks) v->chunks = v->o->chunks;
        const size_t bytes = v->chunks * v->context * sizeof *tokens;
        v->tokens = nap_alloc(bytes);
        if (v->tokens)
            memcpy(v->tokens, tokens, bytes);
        else
            status = nap_fail_memory(v->e, bytes, "the text's tokens");
    }
    nap_tokens_free(tokens);
    return status;
}

/* A text beside the file of logits adds nothing, but another text would be measured without a
 * word. The file has only whole chunks, and maybe not all: the text may go on. */
static nap_status check_text(evaluation *v, const char *text, size_t len)
{
    const nap_vocab *vocab = nap_model_vocab(nap_engine_model(v->engine), v->e);
    if (!vocab) return v->e ? v->e->code : NAP_ERR_FORMAT;
    nap_token *tokens;
    size_t n;
    NAP_TRY(tokenize(v, vocab, text, len, &tokens, &n));
    const nap_token *held = nap_kl_tokens(v->base);
    const size_t n_held = nap_kl_chunks(v->base) * nap_kl_context(v->base);
    size_t at = 0;
    while (at < n_held && at < n && tokens[at] == held[at]) at++;
    nap_status status = NAP_OK;
    if (at < n_held && at < n)
        status = nap_fail(v->e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                          "%s: made from another text: token %zu (counted from 0) is %d, but %d in "
                          "FILE; leave FILE out, or give the text the logits were made from",
                          v->o->base_logits, at, held[at], tokens[at]);
    else if (at < n_held)
        status = nap_fail(v->e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                          "%s: made from a longer text: it holds %zu tokens, and FILE ends before "
                          "token %zu (counted from 0); leave FILE out, or give the text the logits "
                          "were made from",
                          v->o->base_logits, n_held, at);
    nap_tokens_free(tokens);
    return status;
}

static nap_status tokens_of_base(evaluation *v, const char *text, size_t len)
{
    nap_source *source;
    NAP_TRY(nap_source_open(&source, v->o->base_logits, v->e));
    NAP_TRY(nap_kl_open(&v->base, source, v->e));
    if (nap_kl_vocab(v->base) != v->vocab)
        return nap_fail(v->e, NAP_ERR_FORMAT, 12,
                        "%s: made with a vocabulary of %zu tokens, the model has %zu",
                        v->o->base_logits, nap_kl_vocab(v->base), v->vocab);
    v->context = nap_kl_context(v->base);
    if (v->o->context && v->o->context != v->context)
        return nap_fail(v->e, NAP_ERR_ARGUMENT, 8,
                        "%s: context: found chunks of %zu tokens, expected %zu as asked for",
                        v->o->base_logits, v->context, v->o->context);
    if (text) NAP_TRY(check_text(v, text, len));
    v->chunks = nap_kl_chunks(v->base);
    if (v->o->chunks > 0 && v->o->chunks < v->chunks) v->chunks = v->o->chunks;
    const size_t bytes = v->chunks * v->context * sizeof *v->tokens;
    v->tokens = nap_alloc(bytes);
    if (!v->tokens) return nap_fail_memory(v->e, bytes, "the text's tokens");
    memcpy(v->tokens, nap_kl_tokens(v->base), bytes);
    return NAP_OK;
}

/* The finished file would take the place of the reference, under whatever names they go. */
static nap_status check_paths(const nap_eval_options *o, nap_error *e)
{
    struct stat save, base;
    if (!o->save_logits || !o->base_logits || stat(o->save_logits, &save) != 0 ||
        stat(o->base_logits, &base) != 0)
        return NAP_OK; /* what cannot be read or written is said when it is opened */
    if (save.st_dev != base.st_dev || save.st_ino != base.st_ino) return NAP_OK;
    return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                    "%s: found the file of logits to compare with, expected another to write to",
                    o->save_logits);
}

static nap_status prepare(evaluation *v, const char *text, size_t len)
{
    NAP_TRY(check_paths(v->o, v->e));
    v->vocab = nap_engine_vocab_size(v->engine);
    if (v->o->base_logits)
        NAP_TRY(tokens_of_base(v, text, len));
    else
        NAP_TRY(tokens_of_text(v, text, len));
    if (v->context > nap_engine_context(v->engine))
        return nap_fail(v->e, NAP_ERR_CONTEXT, NAP_NO_OFFSET,
                        "chunks of %zu tokens, but the engine's context holds %zu", v->context,
                        nap_engine_context(v->engine));
    const size_t scored = v->chunks * nap_kl_scored(v->context);
    v->window = nap_calloc(v->context, sizeof *v->window);
    v->logits = nap_calloc(BATCH_ROWS * v->vocab, sizeof *v->logits);
    bool ok = v->window && v->logits;
    if (v->base) {
        v->codes = nap_calloc(BATCH_ROWS * v->vocab, sizeof *v->codes);
        v->kl_values = nap_calloc(scored, sizeof *v->kl_values);
        ok = ok && v->codes && v->kl_values;
    }
    if (v->o->save_logits) {
        v->save_codes = nap_calloc(BATCH_ROWS * v->vocab, sizeof *v->save_codes);
        ok = ok && v->save_codes;
    }
    if (!ok) return nap_fail_memory(v->e, BATCH_ROWS * v->vocab * 4, "rows of logits");
    NAP_TRY(nap_pool_create(&v->pool, nap_engine_threads(v->engine), v->e));
    NAP_TRY(nap_session_create(&v->session, v->engine, v->e));
    if (v->o->save_logits)
        NAP_TRY(nap_kl_create(&v->save, v->o->save_logits, v->context, v->vocab, v->chunks,
                              v->tokens, v->e));
    return NAP_OK;
}

/* ---- results */

static int by_value(const void *pa, const void *pb)
{
    const float a = *(const float *)pa, b = *(const float *)pb;
    return (a > b) - (a < b);
}

/* Linear interpolation between the two nearest of n ordered values. */
static double quantile(const float *sorted, size_t n, double share)
{
    const double at = share * (double)(n - 1);
    const size_t below = (size_t)at, above = below + 1 < n ? below + 1 : below;
    const double part = at - (double)below;
    return (1 - part) * (double)sorted[below] + part * (double)sorted[above];
}

/* Standard error of a mean, from the sums of n values and of their squares. */
static double standard_error(double sum, double sum2, size_t n)
{
    const double mean = sum / (double)n, variance = sum2 / (double)n - mean * mean;
    return n > 1 && variance > 0 ? sqrt(variance / (double)(n - 1)) : 0;
}

static void summarise(evaluation *v, nap_eval_result *out)
{
    const double n = (double)v->count;
    out->tokens = v->chunks * v->context;
    out->scored = v->count;
    out->chunks = v->chunks;
    out->perplexity = exp(v->nll / n);
    out->stderr_ = standard_error(v->nll, v->nll2, v->count) * out->perplexity;
    if (!v->base) return;
    out->compared = true;
    out->base_perplexity = exp(v->nll_base / n);
    out->kl_mean = v->kl / n;
    out->kl_stderr = standard_error(v->kl, v->kl2, v->count);
    qsort(v->kl_values, v->count, sizeof *v->kl_values, by_value);
    out->kl_median = quantile(v->kl_values, v->count, 0.5);
    out->kl_99 = quantile(v->kl_values, v->count, 0.99);
    out->kl_max = (double)v->kl_values[v->count - 1];
    out->top1 = (double)v->same_top / n;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

nap_status nap_eval(nap_engine *g, const char *text, size_t len, const nap_eval_options *o,
                    nap_eval_result *out, nap_error *e)
{
    const nap_eval_options defaults = nap_eval_defaults();
    evaluation v = {.engine = g, .o = o ? o : &defaults, .e = e};
    memset(out, 0, sizeof *out);
    nap_status status = prepare(&v, text, len);
    const double start = now();
    if (status == NAP_OK) status = all_chunks(&v);
    if (status == NAP_OK && v.save) {
        status = nap_kl_finish(v.save, e);
        v.save = NULL;
    }
    if (status == NAP_OK) {
        summarise(&v, out);
        out->seconds = now() - start;
    }
    nap_kl_abandon(v.save);
    nap_kl_close(v.base);
    nap_session_destroy(v.session);
    nap_pool_destroy(v.pool);
    nap_free(v.tokens);
    nap_free(v.window);
    nap_free(v.logits);
    nap_free(v.codes);
    nap_free(v.save_codes);
    nap_free(v.kl_values);
    return status;
}
