/* The cut of one attention call into work items.
 *
 * An item takes a block of query tokens times the query heads that share a key/value head, so that
 * each cached key and value that is read serves several queries. Its scores live in the calling
 * thread's scratch: rows x positions floats, kept near a megabyte (an L2 cache) by taking fewer
 * tokens when the context is long. Later tokens see more positions, so the last blocks come
 * first: with items handed out in order, the long ones do not end up alone at the end. */
#include "kernel/attn.h"

enum { SCORE_BUDGET = 256 * 1024 }; /* floats */

typedef struct cut {
    size_t parts;       /* of one key/value head's query heads */
    size_t part_heads;  /* heads of the largest part */
    size_t item_tokens; /* tokens per item */
    size_t blocks;      /* of tokens */
} cut;

static size_t ceil_div(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Floats of one row of scores: the longest span of positions that a block of tokens can need, and
 * two tiles for rounding at its ends (which also keep rows off each other's cache sets). */
static size_t row_stride(const nap_attention_args *a, size_t item_tokens)
{
    size_t span = a->pos + a->tokens;
    if (a->window != 0 && a->window < span) span = min_size(span, a->window + item_tokens);
    return ceil_div(span, NAP_KV_TILE) * NAP_KV_TILE + 2 * NAP_KV_TILE;
}

static cut cut_of(const nap_attention_args *a)
{
    cut c;
    const size_t group = a->heads / a->kv_heads;
    c.parts = ceil_div(group, NAP_ATTN_ITEM_ROWS);
    if (a->split_heads > c.parts) c.parts = min_size(a->split_heads, group);
    c.part_heads = ceil_div(group, c.parts);
    size_t tokens = NAP_ATTN_ITEM_ROWS / c.part_heads;
    const size_t fit = SCORE_BUDGET / (row_stride(a, tokens) * c.part_heads);
    tokens = min_size(min_size(tokens, fit), a->tokens);
    c.item_tokens = tokens ? tokens : 1;
    c.blocks = ceil_div(a->tokens, c.item_tokens);
    return c;
}

size_t nap_attention_items(const nap_attention_args *a)
{
    const cut c = cut_of(a);
    return c.blocks * a->kv_heads * c.parts;
}

/* Scores of all rows, then the queries of all rows in blocks (attn_simd.h). */
size_t nap_attention_scratch(const nap_attention_args *a)
{
    const cut c = cut_of(a);
    const size_t rows = ceil_div(c.item_tokens * c.part_heads, NAP_ATTN_BLOCK) * NAP_ATTN_BLOCK;
    return rows * (row_stride(a, c.item_tokens) + ceil_div(a->head_dim_k, 16) * 16);
}

nap_attn_item nap_attn_item_at(const nap_attention_args *a, size_t item)
{
    const cut c = cut_of(a);
    const size_t group = a->heads / a->kv_heads;
    const size_t part = item % c.parts, rest = item / c.parts;
    const size_t block = c.blocks - 1 - rest / a->kv_heads;
    nap_attn_item it;
    it.kv_head = rest % a->kv_heads;
    it.token_begin = block * c.item_tokens;
    it.token_end = min_size(it.token_begin + c.item_tokens, a->tokens);
    it.head_begin = it.kv_head * group + part * group / c.parts;
    it.head_end = it.kv_head * group + (part + 1) * group / c.parts;
    it.rows = (it.token_end - it.token_begin) * (it.head_end - it.head_begin);
    it.base = nap_attn_begin(a, a->pos + it.token_begin) / NAP_KV_TILE * NAP_KV_TILE;
    it.stride = row_stride(a, c.item_tokens);
    return it;
}
