/* SentencePiece's BPE as llama.cpp does it: characters merge into whatever neighbour makes a
 * token, the highest score first, leftmost among equals; what is no token in the end becomes
 * bytes.
 *
 * A character is as long as its first byte says, without a look at the others, so that ids agree
 * with llama.cpp's on malformed UTF-8 too; but it ends where a space begins, because half a
 * U+2581 would not decode to a space again. Texts compare through the token table; a candidate is
 * never longer than the longest token, so that n characters cost O(n log n). */
#include "text/vocab_impl.h"

#include <string.h>

/* Orders floats as unsigned numbers, the largest first. */
static uint32_t priority(float score)
{
    uint32_t u;
    score += 0.0f; /* -0 counts as 0 */
    memcpy(&u, &score, 4);
    return u & 0x80000000u ? u : 0x7fffffffu - u;
}

static bool add_pair(nap_work *w, const char *text, uint32_t left, uint32_t right)
{
    const uint32_t len = w->symbols[left].len + w->symbols[right].len;
    if (len > w->v->longest) return true;
    const nap_token t = nap_vocab_find(w->v, text + w->symbols[left].start, len);
    if (t == NAP_TOKEN_NONE) return true;
    return nap_heap_push(
        &w->heap, (nap_heap_item){(uint64_t)priority(w->v->scores[t]) << 32 | left, right, len});
}

static bool encode_segment(nap_work *w, const char *text, size_t len)
{
    static const uint8_t char_len[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4};
    const size_t mark = sizeof NAP_SPACE_MARK - 1;
    const nap_vocab *v = w->v;
    if (!nap_work_symbols(w, len)) return false;
    nap_symbol *s = w->symbols;
    uint32_t n = 0;
    for (size_t at = 0; at < len; n++) {
        uint32_t bytes = char_len[(uint8_t)text[at] >> 4];
        if (bytes > len - at) bytes = (uint32_t)(len - at);
        for (uint32_t k = 1; k < bytes; k++) {
            if (len - at - k >= mark && memcmp(text + at + k, NAP_SPACE_MARK, mark) == 0) bytes = k;
        }
        s[n] = (nap_symbol){n - 1, n + 1, (uint32_t)at, bytes, 0};
        at += bytes;
    }
    s[n - 1].next = NAP_NO_SYMBOL;

    w->heap.n = 0;
    for (uint32_t i = 1; i < n; i++) {
        if (!add_pair(w, text, i - 1, i)) return false;
    }
    while (w->heap.n > 0) {
        const nap_heap_item top = nap_heap_pop(&w->heap);
        const uint32_t left = (uint32_t)top.key, right = top.a;
        if (s[left].len == 0 || s[right].len == 0 || s[left].len + s[right].len != top.b) continue;
        s[left].len = top.b;
        s[right].len = 0;
        s[left].next = s[right].next;
        if (s[right].next != NAP_NO_SYMBOL) s[s[right].next].prev = left;
        if (s[left].prev != NAP_NO_SYMBOL && !add_pair(w, text, s[left].prev, left)) return false;
        if (s[left].next != NAP_NO_SYMBOL && !add_pair(w, text, left, s[left].next)) return false;
    }

    for (uint32_t i = 0; i != NAP_NO_SYMBOL; i = s[i].next) {
        const nap_token t = nap_vocab_find(v, text + s[i].start, s[i].len);
        if (t != NAP_TOKEN_NONE) {
            nap_ids_put(&w->out, t);
            continue;
        }
        for (uint32_t k = 0; k < s[i].len; k++) {
            nap_token b = v->byte_token[(uint8_t)text[s[i].start + k]];
            if (b == NAP_TOKEN_NONE) b = nap_vocab_find(v, text + s[i].start + k, 1);
            if (b == NAP_TOKEN_NONE) b = v->unk;
            if (b != NAP_TOKEN_NONE) nap_ids_put(&w->out, b);
        }
    }
    return true;
}

bool nap_spm_encode(nap_work *w, const char *plain, size_t len, bool first)
{
    if (!nap_escape_spaces(w, plain, len, first && w->v->add_space_prefix, &len)) return false;
    for (size_t at = 0; at < len;) {
        const size_t part = nap_space_segment(w->v, w->text + at, len - at);
        if (!encode_segment(w, w->text + at, part)) return false;
        at += part;
    }
    return true;
}
