/* Unigram (SentencePiece's other model, "t5"): the text is normalised through the file's own
 * character map, then cut into the tokens with the highest sum of scores (Viterbi).
 *
 * The map (precompiled_charsmap) is a little-endian length, a double array of 32-bit units as the
 * Darts-clone library lays it out, and the NUL-terminated replacement strings. Nothing in it is
 * trusted: an index outside the array is "no entry", and a text that grows more than 64 times
 * (the largest honest replacement grows 11 times) is given up as out of memory. Scores add up in
 * double, as SentencePiece does. Cost: text length x length of the longest token that matches
 * there. */
#include "text/vocab_impl.h"

#include "base/error.h"

#include <float.h>
#include <string.h>

static const float unknown_penalty = 10.0f;

static uint32_t load_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static nap_status load_charsmap(nap_vocab *v, const nap_vocab_desc *d, nap_error *e)
{
    static const char key[] = "tokenizer.ggml.precompiled_charsmap";
    if (!d->charsmap || d->charsmap_len == 0) return NAP_OK;
    const size_t bytes = d->charsmap_len >= 4 ? load_u32(d->charsmap) : 0;
    if (d->charsmap_len < 5 || bytes >= d->charsmap_len - 4) {
        return nap_fail(e, NAP_ERR_FORMAT, 0,
                        "%s: %zu bytes with an array of %zu, expected at least 5 more than that",
                        key, d->charsmap_len, bytes);
    }
    if (d->charsmap[d->charsmap_len - 1] != 0) {
        return nap_fail(e, NAP_ERR_FORMAT, d->charsmap_len - 1,
                        "%s: the last replacement does not end with a zero byte", key);
    }
    v->charsmap_n = bytes / 4;
    v->replacements_len = d->charsmap_len - 4 - bytes;
    v->charsmap = nap_calloc(v->charsmap_n, sizeof *v->charsmap);
    v->replacements = nap_alloc(v->replacements_len);
    if (!v->charsmap || !v->replacements) return nap_fail_memory(e, d->charsmap_len, key);
    for (size_t i = 0; i < v->charsmap_n; i++) v->charsmap[i] = load_u32(d->charsmap + 4 + 4 * i);
    memcpy(v->replacements, d->charsmap + 4 + bytes, v->replacements_len);
    return NAP_OK;
}

nap_status nap_unigram_build(nap_vocab *v, const nap_vocab_desc *d, nap_error *e)
{
    if (v->unk == NAP_TOKEN_NONE) {
        return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                        "tokenizer.ggml.unknown_token_id: absent, a unigram vocabulary needs one");
    }
    NAP_TRY(load_charsmap(v, d, e));
    nap_trie_item *items = nap_calloc(v->n, sizeof *items);
    if (!items) return nap_fail_memory(e, v->n * sizeof *items, "the unigram trie");
    size_t n = 0;
    float lowest = FLT_MAX;
    for (uint32_t i = 0; i < v->n; i++) {
        if ((v->attr[i] & NAP_ATTR_NORMAL) && v->scores[i] < lowest) lowest = v->scores[i];
        if (v->attr[i] & (NAP_ATTR_NORMAL | NAP_ATTR_USER | NAP_ATTR_UNUSED)) {
            items[n++] = (nap_trie_item){nap_intern_text(&v->pieces, i), (int32_t)i};
        }
    }
    v->unknown_score = lowest - unknown_penalty;
    const nap_status status = nap_trie_build(&v->words, items, n, e);
    nap_free(items);
    return status;
}

/* A unit of the double array: bits 10-30 base (bit 9: times 256), 8 leaf, 31 and 0-7 label. */
static uint32_t base_of(uint32_t unit)
{
    return unit >> 10 << ((unit & 1u << 9) >> 6);
}

/* The longest entry of the map that begins `text`; returns its length, 0 if there is none. */
static size_t map_prefix(const nap_vocab *v, const char *text, size_t len, const char **out)
{
    if (v->charsmap_n == 0) return 0;
    size_t best = 0;
    uint32_t at = base_of(v->charsmap[0]);
    for (size_t i = 0; i < len && text[i] != 0; i++) {
        const uint8_t byte = (uint8_t)text[i];
        at ^= byte;
        if (at >= v->charsmap_n || (v->charsmap[at] & (1u << 31 | 0xff)) != byte) break;
        const bool leaf = v->charsmap[at] >> 8 & 1;
        at ^= base_of(v->charsmap[at]);
        if (at >= v->charsmap_n) break;
        const uint32_t value = v->charsmap[at] & ~(1u << 31);
        if (leaf && value < v->replacements_len) {
            best = i + 1;
            *out = v->replacements + value;
        }
    }
    return best;
}

/* Length of the character at text: its lead byte's word counts, as long as the right number of
 * continuation bytes follow (overlong forms and surrogates pass, as in llama.cpp); 0 if not. */
static size_t loose_char(const char *text, size_t len)
{
    const uint8_t b = (uint8_t)text[0];
    const size_t n = b < 0x80 ? 1 : b < 0xc0 ? 0 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : b < 0xf8 ? 4 : 0;
    if (n > len) return 0;
    for (size_t i = 1; i < n; i++) {
        if (((uint8_t)text[i] & 0xc0) != 0x80) return 0;
    }
    return n;
}

typedef struct normalizer {
    nap_work *w;
    size_t len;
    bool in_word, prefixed;
} normalizer;

static bool emit(normalizer *z, const char *bytes, size_t n)
{
    const nap_vocab *v = z->w->v;
    const size_t mark = sizeof NAP_SPACE_MARK - 1;
    for (size_t i = 0; i < n; i++) {
        if (!nap_work_text(z->w, z->len + mark + 1)) return false;
        bool space;
        if (bytes[i] == ' ') {
            z->in_word = false;
            space = !v->remove_extra_spaces;
        } else {
            space =
                !z->in_word && (v->remove_extra_spaces || (v->add_space_prefix && !z->prefixed));
            z->prefixed |= space;
            z->in_word = true;
        }
        if (space) {
            memcpy(z->w->text + z->len, NAP_SPACE_MARK, mark);
            z->len += mark;
        }
        if (bytes[i] != ' ') z->w->text[z->len++] = bytes[i];
    }
    return true;
}

static bool normalize(nap_work *w, const char *text, size_t len, size_t *out_len)
{
    normalizer z = {.w = w};
    for (size_t at = 0; at < len;) {
        const char *with = NULL;
        size_t used = map_prefix(w->v, text + at, len - at, &with), n;
        if (used > 0) {
            n = strlen(with);
        } else if ((n = used = loose_char(text + at, len - at)) > 0) {
            with = text + at;
        } else {
            with = "\xef\xbf\xbd";
            n = 3;
            used = 1;
        }
        if (!emit(&z, with, n) || z.len > 64 * (len + 1)) return false;
        at += used;
    }
    *out_len = z.len;
    return true;
}

/* The best way to reach a byte position: the last token and where it began. */
typedef struct step {
    double score;
    uint32_t from;
    nap_token token;
} step;

static void offer(step *to, double score, size_t from, nap_token token)
{
    if (score > to->score) *to = (step){score, (uint32_t)from, token};
}

bool nap_unigram_encode(nap_work *w, const char *plain, size_t plain_len)
{
    static const uint8_t char_len[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4};
    const nap_vocab *v = w->v;
    size_t len;
    if (!normalize(w, plain, plain_len, &len)) return false;
    if (len == 0) return true;
    if (len >= UINT32_MAX) return false;
    const char *text = w->text;
    step *best = nap_alloc((len + 1) * sizeof *best);
    if (!best) return false;
    for (size_t i = 0; i <= len; i++) best[i] = (step){-DBL_MAX, 0, v->unk};
    best[0].score = 0;
    for (size_t at = 0; at < len;) {
        size_t unit = char_len[(uint8_t)text[at] >> 4];
        if (unit > len - at) unit = len - at;
        bool single = false;
        uint32_t node = 0;
        for (size_t i = at; i < len && (node = nap_trie_step(&v->words, node, (uint8_t)text[i]));
             i++) {
            const nap_token t = v->words.value[node];
            if (t < 0) continue;
            if (i + 1 - at == unit) single = true;
            const double score = v->attr[t] & NAP_ATTR_USER ? 0.0 : (double)v->scores[t];
            offer(&best[i + 1], best[at].score + score, at, t);
        }
        if (!single) {
            offer(&best[at + unit], best[at].score + (double)v->unknown_score, at, v->unk);
        }
        at += unit;
    }
    /* Backwards, runs of unknown characters as one; then turned round. */
    const size_t first = w->out.n;
    bool unknown = false;
    for (size_t at = len; at > 0; at = best[at].from) {
        const nap_token t = best[at].token;
        if (!unknown || t != v->unk) nap_ids_put(&w->out, t);
        unknown = t == v->unk;
    }
    nap_free(best);
    for (size_t a = first, b = w->out.n; a + 1 < b; a++) {
        const nap_token t = w->out.at[a];
        w->out.at[a] = w->out.at[--b];
        w->out.at[b] = t;
    }
    return true;
}
