/* Byte-level BPE, and its variant on plain UTF-8 (Gemma 4): split, then in each piece merge the
 * pair of lowest rank, leftmost first, until no rule applies.
 *
 * Texts are never compared while merging: every part and result of a rule has a number, and rules
 * are found by the pair of numbers. Candidates wait in a heap; one is stale when either side was
 * merged meanwhile, which its total length tells. n characters cost O(n log n), in one piece or
 * in many.
 *
 * GPT-2's alphabet writes each byte as one printable character. A merge's text is in that
 * alphabet, a piece's text is bytes: only building and ignore_merges look-ups translate. */
#include "text/vocab_impl.h"

#include "base/error.h"

#include <string.h>

/* Bytes that print stand for themselves; the others, in order, for U+0100 and on. */
static bool prints(unsigned b)
{
    return (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
}

uint32_t nap_byte_char(uint8_t byte)
{
    if (prints(byte)) return byte;
    if (byte <= 0x20) return 0x100u + byte;
    return byte == 0xad ? 0x143 : 0x121u + (byte - 0x7fu);
}

int nap_char_byte(uint32_t cp)
{
    if (cp < 0x100) return prints(cp) ? (int)cp : -1;
    if (cp <= 0x120) return (int)(cp - 0x100);
    if (cp <= 0x142) return (int)(cp - 0x121 + 0x7f);
    return cp == 0x143 ? 0xad : -1;
}

static uint64_t slot_of(uint64_t pair)
{
    pair *= 0x9e3779b97f4a7c15u;
    return pair ^ pair >> 29;
}

static nap_merge *merge_slot(const nap_vocab *v, uint64_t pair)
{
    size_t i = slot_of(pair) & v->merge_mask;
    while (v->merges[i].pair != pair && v->merges[i].pair != UINT64_MAX) {
        i = (i + 1) & v->merge_mask;
    }
    return &v->merges[i];
}

static nap_status add_merge(nap_vocab *v, size_t rank, nap_text text, nap_error *e)
{
    /* The space that separates the sides is the first one after the first byte. */
    const char *space = text.len > 1 ? memchr(text.data + 1, ' ', text.len - 1) : NULL;
    const size_t left = space ? (size_t)(space - text.data) : 0, right = text.len - left - 1;
    if (!space || right == 0) {
        return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                        "tokenizer.ggml.merges[%zu]: \"%.*s\", expected two parts and a space",
                        rank, text.len < 64 ? (int)text.len : 64, text.data);
    }
    uint32_t a, b, whole;
    bool added;
    char *joined = nap_strndup(text.data, text.len);
    if (!joined) return nap_fail_memory(e, text.len, "a merge");
    memmove(joined + left, joined + left + 1, right);
    const bool ok = nap_intern_add(&v->pieces, text.data, left, &a, &added) &&
                    nap_intern_add(&v->pieces, space + 1, right, &b, &added) &&
                    nap_intern_add(&v->pieces, joined, left + right, &whole, &added);
    nap_free(joined);
    if (!ok) return nap_fail_memory(e, v->pieces.bytes_cap * 2, "the merges' texts");
    nap_merge *m = merge_slot(v, (uint64_t)a << 32 | b);
    if (m->pair == UINT64_MAX) {
        *m = (nap_merge){(uint64_t)a << 32 | b, (uint32_t)rank, whole};
    }
    return NAP_OK;
}

nap_status nap_bpe_build(nap_vocab *v, const nap_vocab_desc *d, nap_error *e)
{
    if (d->n_merges >= UINT32_MAX / 4) {
        return nap_fail(e, NAP_ERR_LIMIT, NAP_NO_OFFSET,
                        "tokenizer.ggml.merges: %zu entries, at most 2^30", d->n_merges);
    }
    size_t slots = 64;
    while (slots < d->n_merges * 2) slots *= 2;
    v->merges = nap_alloc(slots * sizeof *v->merges);
    if (!v->merges) return nap_fail_memory(e, slots * sizeof *v->merges, "the merges");
    memset(v->merges, 0xff, slots * sizeof *v->merges);
    v->merge_mask = slots - 1;
    for (size_t i = 0; i < d->n_merges; i++) NAP_TRY(add_merge(v, i, d->merges[i], e));
    for (unsigned b = 0; b < 256; b++) {
        char c[4];
        const unsigned len = nap_utf8_encode(nap_byte_char((uint8_t)b), c);
        v->byte_piece[b] = nap_intern_find(&v->pieces, c, len);
        if (!(v->pre->flags & NAP_PRE_RAW)) v->byte_token[b] = nap_vocab_find(v, c, len);
    }
    return NAP_OK;
}

static bool add_pair(nap_work *w, uint32_t left, uint32_t right)
{
    const nap_symbol *l = &w->symbols[left], *r = &w->symbols[right];
    if (l->piece == NAP_INTERN_NONE || r->piece == NAP_INTERN_NONE) return true;
    const nap_merge *m = merge_slot(w->v, (uint64_t)l->piece << 32 | r->piece);
    if (m->pair == UINT64_MAX) return true;
    return nap_heap_push(&w->heap,
                         (nap_heap_item){(uint64_t)m->rank << 32 | left, right, l->len + r->len});
}

static bool merge_all(nap_work *w, uint32_t n)
{
    nap_symbol *s = w->symbols;
    w->heap.n = 0;
    for (uint32_t i = 1; i < n; i++) {
        if (!add_pair(w, i - 1, i)) return false;
    }
    while (w->heap.n > 0) {
        const nap_heap_item top = nap_heap_pop(&w->heap);
        const uint32_t left = (uint32_t)top.key, right = top.a;
        if (s[left].len == 0 || s[right].len == 0 || s[left].len + s[right].len != top.b) continue;
        s[left].piece = merge_slot(w->v, (uint64_t)s[left].piece << 32 | s[right].piece)->whole;
        s[left].len = top.b;
        s[right].len = 0;
        s[left].next = s[right].next;
        if (s[right].next != NAP_NO_SYMBOL) s[s[right].next].prev = left;
        if (s[left].prev != NAP_NO_SYMBOL && !add_pair(w, s[left].prev, left)) return false;
        if (s[left].next != NAP_NO_SYMBOL && !add_pair(w, left, s[left].next)) return false;
    }
    return true;
}

/* Uses w->text, which holds the piece itself only with NAP_PRE_ESCAPE: no row has both flags.
 * The token of a whole piece that must not be merged, NAP_TOKEN_NONE otherwise. */
static nap_token whole_piece(nap_work *w, const char *text, size_t len)
{
    const unsigned flags = w->v->pre->flags;
    if (len > w->v->longest) return NAP_TOKEN_NONE;
    if (flags & NAP_PRE_NEWLINES) {
        for (size_t i = 0; i < len; i++) {
            if (text[i] != '\n') return NAP_TOKEN_NONE;
        }
        return nap_vocab_find(w->v, text, len);
    }
    if (!(flags & NAP_PRE_WHOLE_WORDS)) return NAP_TOKEN_NONE;
    if (!nap_work_text(w, 2 * len)) return NAP_TOKEN_NONE;
    char *p = w->text;
    for (size_t i = 0; i < len; i++) p += nap_utf8_encode(nap_byte_char((uint8_t)text[i]), p);
    return nap_vocab_find(w->v, w->text, (size_t)(p - w->text));
}

static bool encode_piece(nap_work *w, const char *text, size_t len)
{
    const nap_vocab *v = w->v;
    const nap_token whole = whole_piece(w, text, len);
    if (whole != NAP_TOKEN_NONE) {
        nap_ids_put(&w->out, whole);
        return true;
    }
    if (!nap_work_symbols(w, len)) return false;
    const bool raw = v->pre->flags & NAP_PRE_RAW;
    uint32_t n = 0;
    for (size_t at = 0; at < len; n++) {
        uint32_t cp, bytes = 1, id;
        if (raw) {
            bytes = nap_utf8_decode(text + at, len - at, &cp);
            bytes += bytes == 0;
            id = nap_intern_find(&v->pieces, text + at, bytes);
        } else {
            id = v->byte_piece[(uint8_t)text[at]];
        }
        w->symbols[n] = (nap_symbol){n - 1, n + 1, (uint32_t)at, bytes, id};
        at += bytes;
    }
    w->symbols[n - 1].next = NAP_NO_SYMBOL;
    if (!merge_all(w, n)) return false;
    for (uint32_t i = 0; i != NAP_NO_SYMBOL; i = w->symbols[i].next) {
        const nap_symbol *s = &w->symbols[i];
        if (s->piece < v->n && !(v->attr[s->piece] & NAP_ATTR_HIDDEN)) {
            nap_ids_put(&w->out, (nap_token)s->piece);
            continue;
        }
        for (uint32_t k = 0; k < s->len; k++) {
            const nap_token t = v->byte_token[(uint8_t)text[s->start + k]];
            if (t != NAP_TOKEN_NONE)
                nap_ids_put(&w->out, t);
            else
                w->lost++;
        }
    }
    return true;
}

bool nap_bpe_encode(nap_work *w, const char *text, size_t len)
{
    const nap_pretok *pre = w->v->pre;
    if (pre->flags & NAP_PRE_ESCAPE) {
        if (!nap_escape_spaces(w, text, len, false, &len)) return false;
        text = w->text;
    }
    if (len > w->units_cap) {
        nap_free(w->units);
        w->units_cap = 0;
        w->units = nap_alloc(len * sizeof *w->units);
        if (!w->units) return false;
        w->units_cap = len;
    }
    const size_t n = nap_units_decode(text, len, w->units);
    if (!nap_split_text(pre->steps, pre->n_steps, w->units, n, &w->pieces, &w->spare)) return false;
    size_t unit = 0;
    for (size_t i = 0; i < w->pieces.n; i++) {
        size_t bytes = 0;
        while (unit < w->pieces.end[i]) bytes += nap_unit_bytes(w->units[unit++]);
        while (bytes > 0) {
            const bool escaped = pre->flags & NAP_PRE_ESCAPE;
            const size_t part = escaped ? nap_space_segment(w->v, text, bytes) : bytes;
            if (!encode_piece(w, text, part)) return false;
            text += part;
            bytes -= part;
        }
    }
    return true;
}
