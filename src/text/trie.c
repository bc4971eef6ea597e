#include "text/trie.h"

#include "base/alloc.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    const nap_text *x = &((const nap_trie_item *)a)->text, *y = &((const nap_trie_item *)b)->text;
    const int c = memcmp(x->data, y->data, x->len < y->len ? x->len : y->len);
    return c ? c : (x->len > y->len) - (x->len < y->len);
}

/* The items below a node that is not expanded yet: all share their first `depth` bytes. */
typedef struct span {
    uint32_t begin, end, depth;
} span;

nap_status nap_trie_build(nap_trie *t, nap_trie_item *items, size_t n, nap_error *e)
{
    memset(t, 0, sizeof *t);
    qsort(items, n, sizeof *items, compare);
    /* Exactly how many nodes: each string adds what it does not share with its predecessor. */
    uint64_t nodes = 1;
    for (size_t i = 0; i < n; i++) {
        size_t same = 0;
        if (i > 0) {
            const nap_text *p = &items[i - 1].text, *q = &items[i].text;
            while (same < p->len && same < q->len && p->data[same] == q->data[same]) same++;
        }
        nodes += items[i].text.len - same;
    }
    if (nodes >= UINT32_MAX || n >= UINT32_MAX) {
        return nap_fail(e, NAP_ERR_LIMIT, NAP_NO_OFFSET,
                        "tokenizer.ggml.tokens: %zu tokens need %llu trie nodes, at most 2^32", n,
                        (unsigned long long)nodes);
    }
    t->child = nap_calloc(nodes + 1, sizeof *t->child);
    t->value = nap_calloc(nodes, sizeof *t->value);
    t->label = nap_calloc(nodes, 1);
    span *todo = nap_calloc(nodes, sizeof *todo);
    if (!t->child || !t->value || !t->label || !todo) {
        nap_free(todo);
        nap_trie_free(t);
        return nap_fail_memory(e, (size_t)nodes * 21, "the token trie");
    }
    todo[0] = (span){0, (uint32_t)n, 0};
    uint32_t made = 1;
    for (uint32_t node = 0; node < nodes; node++) {
        span s = todo[node];
        t->value[node] = -1;
        t->child[node] = made;
        if (s.begin < s.end && items[s.begin].text.len == s.depth) {
            t->value[node] = items[s.begin++].value;
        }
        while (s.begin < s.end) {
            const char byte = items[s.begin].text.data[s.depth];
            uint32_t end = s.begin + 1;
            while (end < s.end && items[end].text.data[s.depth] == byte) end++;
            t->label[made] = (uint8_t)byte;
            todo[made] = (span){s.begin, end, s.depth + 1};
            if (node == 0) t->root[(uint8_t)byte] = made;
            made++;
            s.begin = end;
        }
    }
    t->child[nodes] = made;
    t->n = nodes;
    nap_free(todo);
    return NAP_OK;
}

void nap_trie_free(nap_trie *t)
{
    nap_free(t->child);
    nap_free(t->value);
    nap_free(t->label);
    memset(t, 0, sizeof *t);
}
