/* nap_tokenize(): special tokens first, then each stretch of plain text by the vocabulary's kind.
 */
#include "text/vocab_impl.h"

#include "base/error.h"

#include <string.h>

void nap_ids_grow(nap_ids *ids)
{
    const size_t cap = ids->cap * 2 + 64;
    nap_token *p = nap_realloc(ids->at, cap, sizeof *p);
    if (!p) {
        ids->failed = true;
        return;
    }
    ids->at = p;
    ids->cap = cap;
}

bool nap_work_text(nap_work *w, size_t len)
{
    if (len <= w->text_cap) return true;
    const size_t cap = len > w->text_cap * 2 ? len : w->text_cap * 2;
    char *p = nap_realloc(w->text, cap, 1);
    if (!p) return false;
    w->text = p;
    w->text_cap = cap;
    return true;
}

bool nap_work_symbols(nap_work *w, size_t n)
{
    if (n <= w->symbols_cap) return true;
    nap_free(w->symbols);
    w->symbols_cap = 0;
    w->symbols = nap_alloc(n * sizeof *w->symbols);
    if (!w->symbols) return false;
    w->symbols_cap = n;
    return true;
}

bool nap_escape_spaces(nap_work *w, const char *text, size_t len, bool prefix, size_t *out_len)
{
    const size_t mark = sizeof NAP_SPACE_MARK - 1;
    size_t spaces = prefix;
    for (size_t i = 0; i < len; i++) spaces += text[i] == ' ';
    if (!nap_work_text(w, len + spaces * mark)) return false;
    char *p = w->text;
    for (size_t i = 0; i < len + prefix; i++) {
        const char c = prefix ? (i == 0 ? ' ' : text[i - 1]) : text[i];
        if (c == ' ') {
            memcpy(p, NAP_SPACE_MARK, mark);
            p += mark;
        } else {
            *p++ = c;
        }
    }
    *out_len = (size_t)(p - w->text);
    return true;
}

static bool is_mark(const char *text, size_t len)
{
    const size_t mark = sizeof NAP_SPACE_MARK - 1;
    return len >= mark && memcmp(text, NAP_SPACE_MARK, mark) == 0;
}

void nap_space_joins(nap_vocab *v)
{
    for (uint32_t i = 0; i < v->pieces.n; i++) {
        const nap_text s = nap_intern_text(&v->pieces, i);
        for (size_t at = 1; at < s.len; at++) {
            if (is_mark(s.data + at, s.len - at)) v->space_joins[(uint8_t)s.data[at - 1]] = true;
        }
    }
    /* Runs of marks stay together whatever the vocabulary. */
    v->space_joins[(uint8_t)NAP_SPACE_MARK[sizeof NAP_SPACE_MARK - 2]] = true;
}

size_t nap_space_segment(const nap_vocab *v, const char *text, size_t len)
{
    for (size_t at = 1; at < len; at++) {
        const char *next = memchr(text + at, NAP_SPACE_MARK[0], len - at);
        if (!next) return len;
        at = (size_t)(next - text);
        if (!v->space_joins[(uint8_t)text[at - 1]] && is_mark(next, len - at)) return at;
    }
    return len;
}

static bool encode_plain(nap_work *w, const char *text, size_t len, bool first)
{
    switch (w->v->model) {
    case NAP_BPE:
        return nap_bpe_encode(w, text, len);
    case NAP_SPM:
        return nap_spm_encode(w, text, len, first);
    case NAP_UNIGRAM:
        return nap_unigram_encode(w, text, len);
    default:
        return nap_wordpiece_encode(w, text, len);
    }
}

static bool encode(nap_work *w, const char *text, size_t len, unsigned flags)
{
    const nap_vocab *v = w->v;
    nap_span *spans = NULL;
    size_t n = 0;
    bool first = true;
    if (!nap_special_split(v, text, len, flags & NAP_TOKENIZE_PARSE_SPECIAL, &spans, &n)) {
        return false;
    }
    bool ok = true;
    if ((flags & NAP_TOKENIZE_ADD_SPECIAL) && v->add_bos) nap_ids_put(&w->out, v->bos);
    for (size_t i = 0; ok && i < n; i++) {
        const nap_span *s = &spans[i];
        first = first || s->token != NAP_TOKEN_NONE;
        if (s->token != NAP_TOKEN_NONE) {
            nap_ids_put(&w->out, s->token);
        } else {
            ok = encode_plain(w, text + s->begin, s->end - s->begin, first);
            first = false;
        }
    }
    if ((flags & NAP_TOKENIZE_ADD_SPECIAL) && v->add_eos) {
        nap_ids_put(&w->out, v->model == NAP_WORDPIECE ? v->sep : v->eos);
    }
    nap_free(spans);
    return ok && !w->out.failed;
}

nap_status nap_tokenize(const nap_vocab *v, const char *text, size_t len, unsigned flags,
                        nap_token **out, size_t *n, nap_error *e)
{
    if (len > NAP_MAX_TEXT) {
        return nap_fail(e, NAP_ERR_LIMIT, NAP_NO_OFFSET, "a text of %zu bytes, at most %zu", len,
                        NAP_MAX_TEXT);
    }
    nap_work w = {.v = v};
    const bool ok = encode(&w, text, len, flags);
    nap_free(w.symbols);
    nap_heap_free(&w.heap);
    nap_free(w.text);
    nap_free(w.units);
    nap_free(w.pieces.end);
    nap_free(w.spare.end);
    if (ok && !w.out.at) nap_ids_grow(&w.out);
    if (!ok || w.out.failed) {
        nap_free(w.out.at);
        return nap_fail_memory(e, len, "the tokens of a text");
    }
    if (w.lost > 0 && (flags & NAP_TOKENIZE_TELL_LOST))
        nap_log("tokenizer: %zu of %zu bytes have no token in this vocabulary and were left out",
                w.lost, len);
    *out = w.out.at;
    *n = w.out.n;
    return NAP_OK;
}

void nap_tokens_free(nap_token *tokens)
{
    nap_free(tokens);
}
