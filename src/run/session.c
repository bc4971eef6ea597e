/* Sessions and the step over several of them.
 *
 * A step is cut into passes of at most `batch` tokens; a pass takes tokens of as many items as fit.
 * Sessions advance pass by pass, so that a cancelled step leaves each at a place it really is. */
#include "run/engine.h"
#include "base/alloc.h"
#include "base/error.h"
#include "run/spec.h"

#include <string.h>

/* ------------------------------------------------------------------ life */

nap_status nap_session_create(nap_session **out, nap_engine *g, nap_error *e)
{
    *out = NULL;
    nap_session *s = nap_calloc(1, sizeof *s);
    if (!s) return nap_fail_memory(e, sizeof *s, "a session");
    s->engine = g;
    const size_t bytes = nap_engine_vocab_size(g) * sizeof(float);
    s->logits = nap_alloc_aligned(bytes);
    if (!s->logits) {
        nap_session_destroy(s);
        return nap_fail_memory(e, bytes, "a session's logits");
    }
    *out = s;
    return NAP_OK;
}

void nap_session_destroy(nap_session *s)
{
    if (!s) return;
    nap_kv_trim(s, 0);
    nap_free(s->pages);
    nap_free(s->k_pages);
    nap_free(s->v_pages);
    nap_free(s->tokens);
    nap_free(s->logits);
    nap_free(s);
}

static nap_status reserve_tokens(nap_session *s, size_t n, nap_error *e)
{
    if (n <= s->cap_tokens) return NAP_OK;
    const size_t cap = n > 2 * s->cap_tokens ? n + 64 : 2 * s->cap_tokens;
    nap_token *tokens = nap_realloc(s->tokens, cap, sizeof *tokens);
    if (!tokens) return nap_fail_memory(e, cap * sizeof *tokens, "a session's tokens");
    s->tokens = tokens;
    s->cap_tokens = cap;
    return NAP_OK;
}

nap_status nap_session_fork(nap_session **out, nap_session *s, nap_error *e)
{
    *out = NULL;
    nap_session *f;
    NAP_TRY(nap_session_create(&f, s->engine, e));
    nap_status status = reserve_tokens(f, s->length, e);
    if (status == NAP_OK) status = nap_kv_share(f, s, e);
    if (status != NAP_OK) {
        nap_session_destroy(f);
        return status;
    }
    if (s->length > 0) memcpy(f->tokens, s->tokens, s->length * sizeof *f->tokens);
    f->length = s->length;
    f->has_logits = s->has_logits;
    if (s->has_logits) {
        memcpy(f->logits, s->logits, nap_engine_vocab_size(s->engine) * sizeof *f->logits);
    }
    *out = f;
    return NAP_OK;
}

size_t nap_session_length(const nap_session *s)
{
    return s->length;
}

const nap_token *nap_session_tokens(const nap_session *s)
{
    return s->tokens;
}

const float *nap_session_logits(const nap_session *s)
{
    return s->has_logits ? s->logits : NULL;
}

static void truncate_to(nap_session *s, size_t length)
{
    s->length = length;
    s->has_logits = false;
    nap_kv_trim(s, length);
}

/* ------------------------------------------------------------------ checks */

static nap_status check_tokens(const nap_engine *g, const nap_token *tokens, size_t n, nap_error *e)
{
    const size_t vocab = nap_engine_vocab_size(g);
    for (size_t i = 0; i < n; i++) {
        if (tokens[i] < 0 || (size_t)tokens[i] >= vocab) {
            return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                            "token %zu: found id %d, expected 0 to %zu", i, (int)tokens[i],
                            vocab - 1);
        }
    }
    return NAP_OK;
}

static nap_status check_length(const nap_engine *g, size_t n, nap_error *e)
{
    if (n <= g->context) return NAP_OK;
    return nap_fail(e, NAP_ERR_CONTEXT, NAP_NO_OFFSET,
                    "%zu tokens do not fit into a context of %zu: shorten the text or ask for a "
                    "larger context",
                    n, g->context);
}

static nap_status check_item(const nap_engine *g, const nap_step_item *items, size_t i,
                             nap_error *e)
{
    const nap_step_item *it = &items[i];
    if (!it->session || it->session->engine != g) {
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "item %zu: its session is not of this engine", i);
    }
    for (size_t j = 0; j < i; j++) {
        if (items[j].session != it->session) continue;
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "items %zu and %zu are of the same session", j, i);
    }
    NAP_TRY(check_tokens(g, it->tokens, it->n, e));
    return check_length(g, it->session->length + it->n, e);
}

/* ------------------------------------------------------------------ passes */

typedef struct stepper {
    nap_engine *g;
    const nap_step_item *items;
    size_t n_items;
    nap_logits_fn each;
    void *user;
    /* the next token to take */
    size_t item, index;
    /* the next row of logits to hand out: which item, which of its tokens */
    size_t out_item, out_index;
} stepper;

static bool wanted(const nap_step_item *it, size_t index)
{
    return it->all_logits || index + 1 == it->n;
}

/* Takes up to `batch` tokens, items in order. Sessions get pages and room for tokens. */
static nap_status take(stepper *st, nap_pass *p, nap_error *e)
{
    nap_engine *g = st->g;
    *p = (nap_pass){.rows = g->rows, .selected = g->selected};
    while (st->item < st->n_items && p->n_rows < g->batch) {
        const nap_step_item *it = &st->items[st->item];
        nap_session *s = it->session;
        const size_t left = it->n - st->index, room = g->batch - p->n_rows;
        const size_t n = left < room ? left : room;
        NAP_TRY(reserve_tokens(s, s->length + n, e));
        NAP_TRY(nap_kv_reserve(s, n, e));
        for (size_t i = 0; i < n; i++) {
            if (wanted(it, st->index + i)) g->selected[p->n_selected++] = (uint32_t)p->n_rows;
            g->rows[p->n_rows++] = (nap_row){s, s->length + i, it->tokens[st->index + i]};
        }
        for (size_t i = 0; i < nap_engine_graph(g)->n_ropes; i++) {
            NAP_TRY(nap_rope_reserve(&g->ropes[i], s->length, s->length + n, e));
        }
        st->index += n;
        if (st->index == it->n) {
            st->item++;
            st->index = 0;
        }
    }
    return NAP_OK;
}

/* The pass is computed: its tokens now belong to their sessions. */
static void commit(const nap_pass *p)
{
    for (size_t i = 0; i < p->n_rows; i++) {
        nap_session *s = p->rows[i].session;
        s->tokens[s->length++] = p->rows[i].token;
        s->has_logits = false;
    }
}

/* An item without tokens has no logits to hand out. */
static void skip_empty(stepper *st)
{
    while (st->out_item < st->n_items && st->items[st->out_item].n == 0) st->out_item++;
}

/* Hands out `count` rows of logits; the last of an item becomes its session's. */
static nap_status hand_out(stepper *st, const float *logits, size_t count, nap_error *e)
{
    const size_t vocab = nap_engine_vocab_size(st->g);
    for (size_t i = 0; i < count; i++, logits += vocab) {
        skip_empty(st);
        const nap_step_item *it = &st->items[st->out_item];
        const size_t index = it->all_logits ? st->out_index : it->n - 1;
        const bool last = index + 1 == it->n;
        const size_t item = st->out_item;
        if (last) {
            if (logits != it->session->logits) {
                memcpy(it->session->logits, logits, vocab * sizeof *logits);
            }
            it->session->has_logits = true;
            st->out_item++;
            st->out_index = 0;
        } else {
            st->out_index++;
        }
        if (it->all_logits && st->each && !st->each(st->user, item, index, logits)) {
            return nap_fail(e, NAP_ERR_CANCELLED, NAP_NO_OFFSET, "the step was cancelled");
        }
    }
    return NAP_OK;
}

static nap_status reserve_logits(nap_engine *g, size_t rows, nap_error *e)
{
    if (rows <= g->logit_rows) return NAP_OK;
    const size_t bytes = rows * nap_engine_vocab_size(g) * sizeof(float);
    float *logits = nap_alloc_aligned(bytes);
    if (!logits) return nap_fail_memory(e, bytes, "logits");
    nap_free(g->logits);
    g->logits = logits;
    g->logit_rows = rows;
    return NAP_OK;
}

static nap_status compute(stepper *st, const nap_pass *p, nap_error *e)
{
    nap_engine *g = st->g;
    const size_t block = nap_logit_block(g);
    const size_t rows = p->n_selected < block ? p->n_selected : block;
    /* One row, as in decoding, goes straight to where its session keeps it. */
    float *logits = NULL;
    if (p->n_selected == 1) {
        logits = p->rows[p->selected[0]].session->logits;
    } else if (rows > 0) {
        NAP_TRY(reserve_logits(g, rows, e));
        logits = g->logits;
    }
    if (g->path == NAP_PATH_FLOAT) {
        NAP_TRY(nap_spec_body(g, p, e));
    } else {
        NAP_TRY(nap_exec_reserve(g, p, e));
        if (p->n_selected <= block) {
            nap_exec_all(g, p, logits);
            commit(p);
            return hand_out(st, logits, p->n_selected, e);
        }
        nap_exec_body(g, p);
    }
    commit(p);
    for (size_t at = 0; at < p->n_selected; at += block) {
        const size_t count = p->n_selected - at < block ? p->n_selected - at : block;
        if (g->path == NAP_PATH_FLOAT)
            nap_spec_head(g, at, count, logits);
        else
            nap_exec_head(g, p, at, count, logits);
        NAP_TRY(hand_out(st, logits, count, e));
    }
    return NAP_OK;
}

nap_status nap_engine_step(nap_engine *g, const nap_step_item *items, size_t n_items,
                           nap_logits_fn each, void *user, nap_error *e)
{
    for (size_t i = 0; i < n_items; i++) NAP_TRY(check_item(g, items, i, e));
    stepper st = {.g = g, .items = items, .n_items = n_items, .each = each, .user = user};
    while (st.item < n_items) {
        nap_pass p;
        nap_status s = take(&st, &p, e);
        if (s == NAP_OK && p.n_rows > 0) s = compute(&st, &p, e);
        if (s != NAP_OK) {
            /* Pages that were made ready and not used go back. */
            for (size_t i = 0; i < n_items; i++)
                nap_kv_trim(items[i].session, items[i].session->length);
            return s;
        }
    }
    return NAP_OK;
}

/* ------------------------------------------------------------------ the whole prefix */

static size_t common_prefix(const nap_session *s, const nap_token *tokens, size_t n)
{
    size_t i = 0;
    while (i < n && i < s->length && s->tokens[i] == tokens[i]) i++;
    return i;
}

/* Appends n tokens without computing logits but for the last, if `last`. */
static nap_status append(nap_session *s, const nap_token *tokens, size_t n, bool last, nap_error *e)
{
    nap_engine *g = s->engine;
    const nap_step_item item = {s, tokens, n, false};
    stepper st = {.g = g, .items = &item, .n_items = 1};
    while (st.item < 1) {
        nap_pass p;
        nap_status status = take(&st, &p, e);
        if (!last) p.n_selected = 0;
        if (status == NAP_OK) status = compute(&st, &p, e);
        if (status != NAP_OK) {
            nap_kv_trim(s, s->length);
            return status;
        }
    }
    return NAP_OK;
}

nap_status nap_session_sync(nap_session *s, const nap_token *tokens, size_t n,
                            nap_progress_fn progress, void *user, nap_error *e)
{
    nap_engine *g = s->engine;
    NAP_TRY(check_tokens(g, tokens, n, e));
    NAP_TRY(check_length(g, n, e));
    size_t at = common_prefix(s, tokens, n);
    if (at == n && n == s->length && (s->has_logits || n == 0)) return NAP_OK;
    /* The logits wanted are those after the last token, so at least that one is computed. */
    if (at == n && n > 0) at = n - 1;
    truncate_to(s, at);
    for (size_t count; at < n; at += count) {
        if (progress && !progress(user, "prompt", at, n)) {
            return nap_fail(e, NAP_ERR_CANCELLED, NAP_NO_OFFSET,
                            "reading the prompt was cancelled after %zu of %zu tokens", at, n);
        }
        count = n - at < g->batch ? n - at : g->batch;
        NAP_TRY(append(s, tokens + at, count, at + count == n, e));
    }
    if (progress) progress(user, "prompt", n, n);
    return NAP_OK;
}

nap_status nap_session_append(nap_session *s, nap_token t, nap_error *e)
{
    NAP_TRY(check_tokens(s->engine, &t, 1, e));
    NAP_TRY(check_length(s->engine, s->length + 1, e));
    return append(s, &t, 1, true, e);
}
