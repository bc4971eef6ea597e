/* Special tokens in running text.
 *
 * The rule (llama.cpp's): longer tokens first, each wherever it occurs in what is still plain
 * text, from left to right; only user-defined ones unless the caller asks for all. Searching the
 * text once per token would cost tokens x text, so the longest token at each position comes from
 * a trie, and a heap yields these candidates in the rule's order. A candidate whose place is
 * taken gives way to the next shorter one at the same position. */
#include "text/vocab_impl.h"

#include <stdlib.h>
#include <string.h>

typedef struct finder {
    const nap_vocab *v;
    const char *text;
    size_t len;
    bool all;
    nap_heap candidates; /* key: rank << 32 | position; a: token's length */
    uint8_t *taken;      /* one bit per byte of text */
    nap_span *found;
    size_t n_found, cap_found;
} finder;

static bool taken(const finder *f, size_t at)
{
    return f->taken[at / 8] >> (at % 8) & 1;
}

/* The longest token at `at` that is shorter than `limit`; -1 if there is none. */
static int32_t longest(const finder *f, size_t at, size_t limit, uint32_t *len)
{
    const nap_trie *t = &f->v->special_trie;
    int32_t best = -1;
    uint32_t node = 0;
    for (size_t i = 0; i + 1 < limit && at + i < f->len; i++) {
        node = nap_trie_step(t, node, (uint8_t)f->text[at + i]);
        if (node == 0) break;
        const int32_t rank = t->value[node];
        if (rank < 0 || (!f->all && (f->v->attr[f->v->special[rank]] & NAP_ATTR_HIDDEN))) continue;
        best = rank;
        *len = (uint32_t)i + 1;
    }
    return best;
}

static bool add_candidate(finder *f, size_t at, size_t limit)
{
    uint32_t len = 0;
    const int32_t rank = longest(f, at, limit, &len);
    return rank < 0 ||
           nap_heap_push(&f->candidates, (nap_heap_item){(uint64_t)rank << 32 | at, len, 0});
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool accept(finder *f, size_t begin, size_t end, nap_token token)
{
    const unsigned attr = f->v->attr[token];
    if (attr & NAP_ATTR_LSTRIP) {
        while (begin > 0 && is_space(f->text[begin - 1]) && !taken(f, begin - 1)) begin--;
    }
    if (attr & NAP_ATTR_RSTRIP) {
        while (end < f->len && is_space(f->text[end]) && !taken(f, end)) end++;
    }
    for (size_t i = begin; i < end; i++) f->taken[i / 8] |= (uint8_t)(1u << (i % 8));
    if (f->n_found == f->cap_found) {
        const size_t cap = f->cap_found * 2 + 16;
        nap_span *p = nap_realloc(f->found, cap, sizeof *p);
        if (!p) return false;
        f->found = p;
        f->cap_found = cap;
    }
    f->found[f->n_found++] = (nap_span){(uint32_t)begin, (uint32_t)end, token};
    return true;
}

/* Candidates come longest first, so that one overlaps what is taken only at its ends. */
static bool find_all(finder *f)
{
    for (size_t at = 0; at < f->len; at++) {
        if (f->v->special_trie.root[(uint8_t)f->text[at]] == 0) continue;
        if (!add_candidate(f, at, SIZE_MAX)) return false;
    }
    if (f->candidates.n == 0) return true;
    f->taken = nap_calloc(f->len / 8 + 1, 1);
    if (!f->taken) return false;
    while (f->candidates.n > 0) {
        const nap_heap_item c = nap_heap_pop(&f->candidates);
        const size_t at = c.key & UINT32_MAX, end = at + c.a;
        if (taken(f, at)) continue;
        if (taken(f, end - 1)) {
            if (!add_candidate(f, at, c.a)) return false;
        } else if (!accept(f, at, end, f->v->special[c.key >> 32])) {
            return false;
        }
    }
    return true;
}

static int by_begin(const void *a, const void *b)
{
    const uint32_t x = ((const nap_span *)a)->begin, y = ((const nap_span *)b)->begin;
    return (x > y) - (x < y);
}

bool nap_special_split(const nap_vocab *v, const char *text, size_t len, bool parse_special,
                       nap_span **spans, size_t *n)
{
    finder f = {.v = v, .text = text, .len = len, .all = parse_special};
    nap_span *out = NULL;
    bool ok = v->n_special == 0 || find_all(&f);
    if (ok) out = nap_calloc(2 * f.n_found + 1, sizeof *out);
    if (out) {
        size_t done = 0;
        *n = 0;
        if (f.n_found > 1) qsort(f.found, f.n_found, sizeof *f.found, by_begin);
        for (size_t i = 0; i <= f.n_found; i++) {
            const size_t next = i < f.n_found ? f.found[i].begin : len;
            if (next > done) out[(*n)++] = (nap_span){(uint32_t)done, (uint32_t)next, -1};
            if (i < f.n_found) {
                out[(*n)++] = f.found[i];
                done = f.found[i].end;
            }
        }
    }
    nap_heap_free(&f.candidates);
    nap_free(f.taken);
    nap_free(f.found);
    *spans = out;
    return out != NULL;
}
