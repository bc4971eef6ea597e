/* Inside of a nap_vocab, shared by the files of this folder that make, encode and decode one.
 * Everything here is written by nap_vocab_create() and read-only afterwards. */
#ifndef NAP_TEXT_VOCAB_IMPL_H
#define NAP_TEXT_VOCAB_IMPL_H

#include "text/heap.h"
#include "text/intern.h"
#include "text/pretok.h"
#include "text/trie.h"
#include "text/vocab.h"

typedef enum nap_vocab_model { NAP_BPE, NAP_SPM, NAP_UNIGRAM, NAP_WORDPIECE } nap_vocab_model;

enum {
    NAP_ATTR_NORMAL = 1,
    NAP_ATTR_UNKNOWN = 2,
    NAP_ATTR_CONTROL = 4,
    NAP_ATTR_USER = 8,
    NAP_ATTR_UNUSED = 16,
    NAP_ATTR_BYTE = 32,
    NAP_ATTR_LSTRIP = 64, /* white space to the left goes with the token */
    NAP_ATTR_RSTRIP = 128
};
/* Never produced from text without NAP_TOKENIZE_PARSE_SPECIAL. */
#define NAP_ATTR_HIDDEN (NAP_ATTR_UNKNOWN | NAP_ATTR_CONTROL)

/* A merge rule: pieces `pair` (left << 32 | right) become piece `whole`. */
typedef struct nap_merge {
    uint64_t pair;
    uint32_t rank, whole;
} nap_merge;

/* Longest text that is taken: positions are 32 bits wide, and escaping may triple it. */
#define NAP_MAX_TEXT ((size_t)1 << 30)
#define NAP_SPACE_MARK "\xe2\x96\x81" /* U+2581 */

struct nap_vocab {
    nap_vocab_model model;
    const char *pre_name;
    const nap_pretok *pre; /* BPE only */
    size_t n;              /* tokens; piece numbers below it are token ids */
    nap_intern pieces;     /* tokens, then parts of merges that are no tokens */
    float *scores;
    uint8_t *attr;
    uint8_t *is_end;
    int32_t byte_token[256]; /* token that stands for a byte, NAP_TOKEN_NONE if there is none */
    size_t longest;          /* bytes of the longest token */
    bool space_joins[256];   /* by byte b: some token or merge holds b and U+2581 after it */

    nap_token bos, eos, eot, eom, unk, sep;
    bool add_bos, add_eos, add_space_prefix, remove_extra_spaces, lowercase, strip_accents;

    /* Special and user-defined tokens, longest first; trie values index `special`. */
    nap_token *special;
    size_t n_special;
    nap_trie special_trie;

    nap_merge *merges; /* BPE: open addressing on `pair`, UINT64_MAX is free */
    size_t merge_mask;
    uint32_t byte_piece[256]; /* BPE: piece of one byte in GPT-2's alphabet */

    nap_trie words; /* unigram, WordPiece */
    float unknown_score;
    uint32_t *charsmap; /* unigram: the double array ... */
    size_t charsmap_n;
    char *replacements; /* ... and the strings it leads to, the last one NUL-terminated */
    size_t replacements_len;
};

/* Growing output; `failed` when memory ran out. */
typedef struct nap_ids {
    nap_token *at;
    size_t n, cap;
    bool failed;
} nap_ids;

void nap_ids_grow(nap_ids *ids);

static inline void nap_ids_put(nap_ids *ids, nap_token t)
{
    if (ids->n == ids->cap) nap_ids_grow(ids);
    if (!ids->failed) ids->at[ids->n++] = t;
}

/* A character or a merged run of them, in a list by index. len 0: eaten by its left neighbour. */
typedef struct nap_symbol {
    uint32_t prev, next, start, len, piece;
} nap_symbol;
#define NAP_NO_SYMBOL UINT32_MAX

/* Working space of one call, reused from piece to piece. */
typedef struct nap_work {
    const nap_vocab *v;
    nap_ids out;
    size_t lost; /* bytes for which the vocabulary has no token */
    nap_symbol *symbols;
    size_t symbols_cap;
    nap_heap heap;
    char *text; /* rewritten text: escaped, normalised */
    size_t text_cap;
    nap_unit *units;
    size_t units_cap;
    nap_pieces pieces, spare;
} nap_work;

/* Each appends the ids of one stretch of plain text; false: out of memory. `first`: it begins the
 * text or follows a special token. */
bool nap_bpe_encode(nap_work *w, const char *text, size_t len);
bool nap_spm_encode(nap_work *w, const char *text, size_t len, bool first);
bool nap_unigram_encode(nap_work *w, const char *text, size_t len);
bool nap_wordpiece_encode(nap_work *w, const char *text, size_t len);

/* Builders, after tokens, types and scores are in place. */
nap_status nap_bpe_build(nap_vocab *v, const nap_vocab_desc *d, nap_error *e);
nap_status nap_unigram_build(nap_vocab *v, const nap_vocab_desc *d, nap_error *e);
nap_status nap_wordpiece_build(nap_vocab *v, nap_error *e);
nap_status nap_special_build(nap_vocab *v, nap_error *e);
void nap_special_classify(nap_vocab *v, const nap_vocab_desc *d);

/* Cuts `text` at special tokens. Spans in order: token >= 0, or plain text. */
typedef struct nap_span {
    uint32_t begin, end;
    nap_token token;
} nap_span;
bool nap_special_split(const nap_vocab *v, const char *text, size_t len, bool parse_special,
                       nap_span **spans, size_t *n);

/* Token of a text, NAP_TOKEN_NONE if none, or if it is hidden. */
nap_token nap_vocab_find(const nap_vocab *v, const char *s, size_t len);

/* The character that GPT-2's alphabet writes for a byte, and back (-1: not in it). */
uint32_t nap_byte_char(uint8_t byte);
int nap_char_byte(uint32_t cp);

/* Copies `text` with spaces as U+2581 into w->text, after one more if `prefix`. */
bool nap_escape_spaces(nap_work *w, const char *text, size_t len, bool prefix, size_t *out_len);
/* Fills space_joins from all pieces; call it when they are complete. */
void nap_space_joins(nap_vocab *v);
/* Escaped text: length of the stretch at its beginning that nothing after it can merge with. One
 * word of a text then costs a word's merging and not the text's. */
size_t nap_space_segment(const nap_vocab *v, const char *text, size_t len);
bool nap_work_text(nap_work *w, size_t len);
bool nap_work_symbols(nap_work *w, size_t n);

#endif
