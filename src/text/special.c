/* Special tokens in running text.
 *
 * The rule (llama.cpp's): longer tokens first, each wherever it occurs in what is still plain
 * text, from left to right; only user-defined ones unless the caller asks for all. Searching the
 * text once per token would cost tokens x text, so the longest token at each position comes from
 * a trie, and these candidates are sorted by counting into the rule's order. A candidate whose end
 * is taken gives way to the next shorter one at the same position: these few wait in a heap. */
#include "text/vocab_impl.h"

#include <stdlib.h>
#include <string.h>

typedef struct finder {
    const nap_vocab *v;
    const char *text;
    size_t len;
    bool all;
    /* Candidates are rank << 32 | position, which is the order they are tried in. */
    uint64_t *candidates;
    size_t n_candidates, cap_candidates;
    nap_heap shorter;
    uint8_t *taken; /* one bit per byte of text */
    nap_span *found;
    size_t n_found, cap_found;
} finder;

static bool taken(const finder *f, size_t at)
{
    return f->taken[at / 8] >> (at % 8) & 1;
}

/* The longest token at `at` that is shorter than `limit`: its rank, -1 if there is none. */
static int32_t longest(const finder *f, size_t at, size_t limit)
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
    }
    return best;
}

static bool add_candidate(finder *f, uint64_t candidate)
{
    if (f->n_candidates == f->cap_candidates) {
        const size_t cap = f->cap_candidates * 2 + 64;
        uint64_t *p = nap_realloc(f->candidates, cap, sizeof *p);
        if (!p) return false;
        f->candidates = p;
        f->cap_candidates = cap;
    }
    f->candidates[f->n_candidates++] = candidate;
    return true;
}

/* Sorts the candidates, which are in the order of their positions, by rank. */
static bool sort_candidates(finder *f)
{
    size_t *start = nap_calloc(f->v->n_special + 1, sizeof *start);
    uint64_t *sorted = nap_alloc(f->n_candidates * sizeof *sorted);
    const bool ok = start && sorted;
    if (ok) {
        for (size_t i = 0; i < f->n_candidates; i++) start[(f->candidates[i] >> 32) + 1]++;
        for (size_t r = 0; r < f->v->n_special; r++) start[r + 1] += start[r];
        for (size_t i = 0; i < f->n_candidates; i++) {
            sorted[start[f->candidates[i] >> 32]++] = f->candidates[i];
        }
        nap_free(f->candidates);
        f->candidates = sorted;
        f->cap_candidates = f->n_candidates;
    } else {
        nap_free(sorted);
    }
    nap_free(start);
    return ok;
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
static bool try_candidate(finder *f, uint64_t candidate)
{
    const nap_token token = f->v->special[candidate >> 32];
    const size_t at = candidate & UINT32_MAX;
    const size_t len = nap_intern_text(&f->v->pieces, (uint32_t)token).len;
    if (taken(f, at)) return true;
    if (!taken(f, at + len - 1)) return accept(f, at, at + len, token);
    const int32_t rank = longest(f, at, len);
    return rank < 0 || nap_heap_push(&f->shorter, (nap_heap_item){(uint64_t)rank << 32 | at, 0, 0});
}

static bool find_all(finder *f)
{
    for (size_t at = 0; at < f->len; at++) {
        if (f->v->special_trie.root[(uint8_t)f->text[at]] == 0) continue;
        const int32_t rank = longest(f, at, SIZE_MAX);
        if (rank >= 0 && !add_candidate(f, (uint64_t)rank << 32 | at)) return false;
    }
    if (f->n_candidates == 0) return true;
    f->taken = nap_calloc(f->len / 8 + 1, 1);
    if (!f->taken || !sort_candidates(f)) return false;
    for (size_t i = 0; i < f->n_candidates || f->shorter.n > 0;) {
        uint64_t candidate;
        if (i == f->n_candidates || (f->shorter.n > 0 && f->shorter.at[0].key < f->candidates[i])) {
            candidate = nap_heap_pop(&f->shorter).key;
        } else {
            candidate = f->candidates[i++];
        }
        if (!try_candidate(f, candidate)) return false;
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
    nap_free(f.candidates);
    nap_heap_free(&f.shorter);
    nap_free(f.taken);
    nap_free(f.found);
    *spans = out;
    return out != NULL;
}
