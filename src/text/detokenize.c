/* Ids to bytes, at once and as a stream.
 *
 * The inverse of nap_tokenize() wherever the vocabulary can express the bytes: the space that the
 * tokenizer puts before a text, and after special tokens, is taken off again. nap_detokenize() is
 * the stream with everything pushed, so that the two cannot differ. */
#include "text/vocab_impl.h"

#include "base/buf.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

struct nap_detok {
    const nap_vocab *v;
    unsigned flags;
    bool at_start; /* the next plain text loses its leading space */
    nap_buf bytes; /* decoded; [0, given) was handed out */
    size_t given;
};

static bool adds_space(const nap_vocab *v)
{
    return v->model == NAP_WORDPIECE || v->add_space_prefix ||
           (v->model == NAP_UNIGRAM && v->remove_extra_spaces);
}

static void restart(nap_detok *d)
{
    d->bytes.len = d->given = 0;
    d->at_start = adds_space(d->v) && !(d->flags & NAP_DETOKENIZE_CONTINUE);
}

/* Text of a token that stands for text. */
static void put_plain(nap_detok *d, nap_token t)
{
    const nap_vocab *v = d->v;
    const nap_text s = nap_intern_text(&v->pieces, (uint32_t)t);
    const size_t mark = sizeof NAP_SPACE_MARK - 1;
    const unsigned pre = v->pre ? v->pre->flags : 0;
    if (v->attr[t] & NAP_ATTR_BYTE) {
        const char hex[3] = {s.data[3], s.data[4], 0};
        nap_buf_putc(&d->bytes, (char)strtoul(hex, NULL, 16));
        return;
    }
    for (size_t i = 0; i < s.len;) {
        uint32_t cp;
        const unsigned n = nap_utf8_decode(s.data + i, s.len - i, &cp);
        const int byte = n > 0 ? nap_char_byte(cp) : -1;
        if (v->model == NAP_BPE && !(pre & NAP_PRE_RAW)) {
            if (byte >= 0) {
                nap_buf_putc(&d->bytes, (char)byte);
            } else {
                nap_buf_put(&d->bytes, s.data + i, n ? n : 1);
            }
        } else if (n == mark && memcmp(s.data + i, NAP_SPACE_MARK, mark) == 0 &&
                   (v->model != NAP_BPE || (pre & NAP_PRE_ESCAPE))) {
            nap_buf_putc(&d->bytes, ' ');
        } else {
            nap_buf_put(&d->bytes, s.data + i, n ? n : 1);
        }
        i += n ? n : 1;
    }
}

static nap_status put(nap_detok *d, nap_token t, nap_error *e)
{
    const unsigned attr = d->v->attr[t];
    const size_t before = d->bytes.len;
    if (attr & (NAP_ATTR_HIDDEN | NAP_ATTR_USER)) {
        const nap_text s = nap_intern_text(&d->v->pieces, (uint32_t)t);
        if (!(attr & NAP_ATTR_HIDDEN) || (d->flags & NAP_DETOKENIZE_SPECIAL)) {
            nap_buf_put(&d->bytes, s.data, s.len);
        }
        d->at_start = adds_space(d->v);
    } else {
        put_plain(d, t);
        if (d->at_start && d->bytes.len > before && d->bytes.data[before] == ' ') {
            memmove(d->bytes.data + before, d->bytes.data + before + 1, d->bytes.len - before - 1);
            d->bytes.len--;
        }
        d->at_start = false;
    }
    return d->bytes.failed ? nap_fail_memory(e, d->bytes.cap * 2, "a decoded text") : NAP_OK;
}

static nap_status check(const nap_vocab *v, nap_token t, size_t index, nap_error *e)
{
    if (t >= 0 && (size_t)t < v->n) return NAP_OK;
    return nap_fail(e, NAP_ERR_ARGUMENT, index, "token %zu is %d, expected 0 to %zu", index, t,
                    v->n - 1);
}

nap_status nap_detokenize(const nap_vocab *v, const nap_token *tokens, size_t n, unsigned flags,
                          char **out, size_t *len, nap_error *e)
{
    nap_detok d = {.v = v, .flags = flags};
    nap_status status = NAP_OK;
    restart(&d);
    for (size_t i = 0; status == NAP_OK && i < n; i++) {
        status = check(v, tokens[i], i, e);
        if (status == NAP_OK) status = put(&d, tokens[i], e);
    }
    if (status == NAP_OK) {
        nap_buf_reserve(&d.bytes, 1);
        char *text = nap_buf_take(&d.bytes, len);
        if (text) {
            *out = text;
            return NAP_OK;
        }
        status = nap_fail_memory(e, 1, "a decoded text");
    }
    nap_buf_free(&d.bytes);
    return status;
}

void nap_text_free(char *text)
{
    nap_free(text);
}

nap_status nap_detok_create(nap_detok **out, const nap_vocab *v, unsigned flags, nap_error *e)
{
    nap_detok *d = nap_calloc(1, sizeof *d);
    if (!d) return nap_fail_memory(e, sizeof *d, "a detokenizer");
    d->v = v;
    d->flags = flags;
    restart(d);
    *out = d;
    return NAP_OK;
}

static void hand_out(nap_detok *d, size_t held, const char **piece, size_t *len)
{
    *piece = d->bytes.len > 0 ? d->bytes.data + d->given : "";
    *len = d->bytes.len - held - d->given;
    d->given += *len;
}

nap_status nap_detok_push(nap_detok *d, nap_token t, const char **piece, size_t *len, nap_error *e)
{
    NAP_TRY(check(d->v, t, 0, e));
    if (d->given > 0) { /* what was handed out last time may go now */
        memmove(d->bytes.data, d->bytes.data + d->given, d->bytes.len - d->given);
        d->bytes.len -= d->given;
        d->given = 0;
    }
    NAP_TRY(put(d, t, e));
    hand_out(d, nap_utf8_unfinished(d->bytes.data, d->bytes.len), piece, len);
    return NAP_OK;
}

nap_status nap_detok_flush(nap_detok *d, const char **piece, size_t *len, nap_error *e)
{
    (void)e;
    hand_out(d, 0, piece, len);
    restart(d); /* keeps the memory that *piece points into */
    return NAP_OK;
}

void nap_detok_destroy(nap_detok *d)
{
    if (!d) return;
    nap_buf_free(&d->bytes);
    nap_free(d);
}
