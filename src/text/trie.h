/* A static trie over byte strings: longest-prefix matches in one pass, for WordPiece, unigram and
 * the search for special tokens. Nodes lie in breadth-first order, so a node's children are one
 * run of the arrays, sorted by their byte. Built without recursion. */
#ifndef NAP_TEXT_TRIE_H
#define NAP_TEXT_TRIE_H

#include "text/vocab.h"

typedef struct nap_trie {
    uint32_t *child;    /* n + 1: children of node i are child[i] .. child[i + 1] - 1 */
    int32_t *value;     /* -1: no string ends here */
    uint8_t *label;     /* the byte that leads to node i */
    uint32_t root[256]; /* child of the root by byte, 0: none */
    size_t n;
} nap_trie;

typedef struct nap_trie_item {
    nap_text text;
    int32_t value;
} nap_trie_item;

/* Sorts `items`; their texts must differ and be non-empty. NAP_ERR_MEMORY, or NAP_ERR_LIMIT when
 * the strings are too long together. */
nap_status nap_trie_build(nap_trie *t, nap_trie_item *items, size_t n, nap_error *e);
void nap_trie_free(nap_trie *t);

/* The child of `node` by `byte`, 0 if there is none (the root, 0, is nobody's child). */
static inline uint32_t nap_trie_step(const nap_trie *t, uint32_t node, uint8_t byte)
{
    if (node == 0) return t->root[byte];
    uint32_t lo = t->child[node], hi = t->child[node + 1];
    while (lo < hi) {
        const uint32_t mid = lo + (hi - lo) / 2;
        if (t->label[mid] == byte) return mid;
        if (t->label[mid] < byte) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return 0;
}

#endif
