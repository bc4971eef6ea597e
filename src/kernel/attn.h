/* What all attention rows share: how a call is cut into work items (attn.c). */
#ifndef NAP_KERNEL_ATTN_H
#define NAP_KERNEL_ATTN_H

#include "kernel/kernel.h"

/* Queries (token, head) are worked on in register blocks of this many; an item holds at most
 * NAP_ATTN_ITEM_ROWS of them. */
enum { NAP_ATTN_BLOCK = 6, NAP_ATTN_ITEM_ROWS = 24 };

/* One item: query tokens [token_begin, token_end), query heads [head_begin, head_end), all of one
 * key/value head. Row r of the item is token token_begin + r / heads, head head_begin + r % heads.
 */
typedef struct nap_attn_item {
    size_t kv_head;
    size_t token_begin, token_end;
    size_t head_begin, head_end;
    size_t rows;   /* tokens x heads */
    size_t base;   /* first position any row needs, rounded down to a tile */
    size_t stride; /* floats from one row of scores to the next */
} nap_attn_item;

nap_attn_item nap_attn_item_at(const nap_attention_args *a, size_t item);

/* Positions [begin, end) that the query at position p attends to. */
static inline size_t nap_attn_begin(const nap_attention_args *a, size_t p)
{
    return a->window != 0 && p + 1 > a->window ? p + 1 - a->window : 0;
}

static inline const uint16_t *nap_attn_k_tile(const nap_attention_args *a, size_t kv_head,
                                              size_t position)
{
    const size_t in_page = position % NAP_KV_PAGE / NAP_KV_TILE * NAP_KV_TILE;
    return a->k_pages[position / NAP_KV_PAGE] + (kv_head * NAP_KV_PAGE + in_page) * a->head_dim_k;
}

static inline const uint16_t *nap_attn_v(const nap_attention_args *a, size_t kv_head,
                                         size_t position)
{
    return a->v_pages[position / NAP_KV_PAGE] +
           (kv_head * NAP_KV_PAGE + position % NAP_KV_PAGE) * a->head_dim_v;
}

#endif
