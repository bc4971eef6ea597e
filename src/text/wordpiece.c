/* WordPiece ("bert"): words cut at white space and around punctuation and Chinese characters,
 * lower-cased and stripped of accents where the vocabulary asks for it; each word is then taken
 * apart into its longest tokens from the left, or becomes the unknown token as a whole.
 *
 * As in the GGUF files that llama.cpp writes, a word's first token begins with U+2581 and its
 * others carry no "##". Accents go the way llama.cpp lets them go: a character is replaced by the
 * first one of its canonical decomposition, and combining marks are dropped. Both mappings come
 * from utf8proc; Unicode promises not to change them for characters that exist. Bytes that are not
 * UTF-8 are dropped: the vocabulary could not express them. */
#include "text/vocab_impl.h"

#include "base/error.h"

#include <string.h>
#include <utf8proc.h>

nap_status nap_wordpiece_build(nap_vocab *v, nap_error *e)
{
    if (v->unk == NAP_TOKEN_NONE) {
        return nap_fail(
            e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
            "tokenizer.ggml.unknown_token_id: absent, a WordPiece vocabulary needs one");
    }
    nap_trie_item *items = nap_calloc(v->n, sizeof *items);
    if (!items) return nap_fail_memory(e, v->n * sizeof *items, "the WordPiece trie");
    size_t n = 0;
    for (uint32_t i = 0; i < v->n; i++) {
        if (v->attr[i] & NAP_ATTR_HIDDEN) continue;
        items[n++] = (nap_trie_item){nap_intern_text(&v->pieces, i), (int32_t)i};
    }
    const nap_status status = nap_trie_build(&v->words, items, n, e);
    nap_free(items);
    return status;
}

static void encode_word(nap_work *w, const char *word, size_t len)
{
    const nap_trie *t = &w->v->words;
    const size_t first = w->out.n;
    for (size_t at = 0; at < len;) {
        nap_token best = NAP_TOKEN_NONE;
        size_t end = at;
        uint32_t node = 0;
        for (size_t i = at; i < len && (node = nap_trie_step(t, node, (uint8_t)word[i])); i++) {
            if (t->value[node] < 0) continue;
            best = t->value[node];
            end = i + 1;
        }
        if (best == NAP_TOKEN_NONE) {
            w->out.n = first;
            nap_ids_put(&w->out, w->v->unk);
            return;
        }
        nap_ids_put(&w->out, best);
        at = end;
    }
}

static bool chinese(uint32_t cp)
{
    return (cp >= 0x4e00 && cp <= 0x9fff) || (cp >= 0x3400 && cp <= 0x4dbf) ||
           (cp >= 0x20000 && cp <= 0x2a6df) || (cp >= 0x2a700 && cp <= 0x2b73f) ||
           (cp >= 0x2b740 && cp <= 0x2b81f) || (cp >= 0x2b920 && cp <= 0x2ceaf) ||
           (cp >= 0xf900 && cp <= 0xfaff) || (cp >= 0x2f800 && cp <= 0x2fa1f);
}

static uint32_t without_accent(uint32_t cp)
{
    utf8proc_int32_t parts[8];
    const utf8proc_ssize_t n =
        utf8proc_decompose_char((utf8proc_int32_t)cp, parts, 8, UTF8PROC_DECOMPOSE, NULL);
    return n > 0 ? (uint32_t)parts[0] : cp;
}

bool nap_wordpiece_encode(nap_work *w, const char *text, size_t len)
{
    const nap_vocab *v = w->v;
    const size_t mark = sizeof NAP_SPACE_MARK - 1;
    size_t word = mark; /* bytes of the word in w->text; no word yet if only the mark */
    if (!nap_work_text(w, mark + 8)) return false;
    memcpy(w->text, NAP_SPACE_MARK, mark);
    for (size_t at = 0; at <= len;) {
        uint32_t cp = ' ';
        const unsigned bytes = at < len ? nap_utf8_decode(text + at, len - at, &cp) : 1;
        at += bytes + (bytes == 0);
        if (bytes == 0) continue;
        if (v->strip_accents && cp >= 0x80) cp = without_accent(cp);
        const unsigned class = nap_unicode_class(cp);
        const bool space = class & NAP_UC_SPACE;
        if (!space && (cp == 0 || cp == 0xfffd || (class & NAP_UC_CONTROL) ||
                       (v->strip_accents && (class & NAP_UC_MARK)))) {
            continue;
        }
        const bool alone =
            (class & NAP_UC_PUNCT) || (cp < 0x7f && (class & NAP_UC_SYMBOL)) || chinese(cp);
        if ((space || alone) && word > mark) {
            encode_word(w, w->text, word);
            word = mark;
        }
        if (space) continue;
        if (v->lowercase) cp = (uint32_t)utf8proc_tolower((utf8proc_int32_t)cp);
        if (!nap_work_text(w, word + 8)) return false;
        word += nap_utf8_encode(cp, w->text + word);
        if (alone) {
            encode_word(w, w->text, word);
            word = mark;
        }
    }
    return true;
}
