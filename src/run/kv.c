/* Pages of the KV cache: made on demand, shared by reference, copied on write, reused when freed.
 */
#include "run/engine.h"
#include "base/alloc.h"
#include "base/error.h"

#include <string.h>

nap_status nap_kv_shape_init(nap_kv_shape *shape, const nap_graph *g, size_t element, nap_error *e)
{
    shape->layers = g->caches;
    shape->element = element;
    shape->at = nap_calloc(g->caches, sizeof *shape->at);
    if (!shape->at) return nap_fail_memory(e, g->caches * sizeof *shape->at, "the KV cache");
    size_t end = 0;
    for (size_t i = 0; i < g->n_nodes; i++) {
        const nap_node *n = &g->nodes[i];
        if (n->op != NAP_OP_KV_STORE) continue;
        const nap_attention *a = &n->u.attention.shape;
        nap_kv_layer *at = &shape->at[n->u.attention.cache];
        at->k = end;
        at->v = at->k + a->kv_heads * a->head_dim_k * NAP_KV_PAGE;
        end = at->v + a->kv_heads * a->head_dim_v * NAP_KV_PAGE;
    }
    shape->page_bytes = end * element;
    return NAP_OK;
}

static nap_status take_page(nap_engine *g, nap_kv_page **out, nap_error *e)
{
    nap_kv_page *p = g->free_pages;
    if (p) {
        g->free_pages = p->next;
    } else {
        p = nap_calloc(1, sizeof *p);
        if (!p) return nap_fail_memory(e, sizeof *p, "a page of the KV cache");
        p->data = nap_alloc_aligned(g->kv.page_bytes);
        if (!p->data) {
            nap_free(p);
            return nap_fail_memory(e, g->kv.page_bytes, "a page of the KV cache");
        }
        memset(p->data, 0, g->kv.page_bytes); /* kernels read whole tiles and mask afterwards */
    }
    p->refs = 1;
    p->next = NULL;
    *out = p;
    return NAP_OK;
}

static void drop_page(nap_engine *g, nap_kv_page *p)
{
    if (--p->refs > 0) return;
    p->next = g->free_pages;
    g->free_pages = p;
}

void nap_kv_free_pages(nap_engine *g)
{
    while (g->free_pages) {
        nap_kv_page *p = g->free_pages;
        g->free_pages = p->next;
        nap_free(p->data);
        nap_free(p);
    }
    nap_free(g->kv.at);
    g->kv.at = NULL;
}

/* Room for n pages in the session's lists; the per-layer rows move when they grow. */
static nap_status grow_lists(nap_session *s, size_t n, nap_error *e)
{
    if (n <= s->cap_pages) return NAP_OK;
    const size_t cap = n > 2 * s->cap_pages ? n : 2 * s->cap_pages;
    const size_t layers = s->engine->kv.layers;
    nap_kv_page **pages = nap_calloc(cap, sizeof *pages);
    const uint16_t **k = nap_calloc(cap * layers, sizeof *k);
    const uint16_t **v = nap_calloc(cap * layers, sizeof *v);
    if (!pages || !k || !v) {
        nap_free(pages);
        nap_free(k);
        nap_free(v);
        return nap_fail_memory(e, cap * layers * sizeof *k, "a session's page lists");
    }
    if (s->n_pages > 0) memcpy(pages, s->pages, s->n_pages * sizeof *pages);
    for (size_t i = 0; i < layers && s->n_pages > 0; i++) {
        memcpy(k + i * cap, s->k_pages + i * s->cap_pages, s->n_pages * sizeof *k);
        memcpy(v + i * cap, s->v_pages + i * s->cap_pages, s->n_pages * sizeof *v);
    }
    nap_free(s->pages);
    nap_free(s->k_pages);
    nap_free(s->v_pages);
    s->pages = pages;
    s->k_pages = k;
    s->v_pages = v;
    s->cap_pages = cap;
    return NAP_OK;
}

static void set_page(nap_session *s, size_t i, nap_kv_page *p)
{
    const nap_kv_shape *shape = &s->engine->kv;
    s->pages[i] = p;
    for (size_t layer = 0; layer < shape->layers; layer++) {
        const uint16_t *base = p->data;
        s->k_pages[layer * s->cap_pages + i] = base + shape->at[layer].k;
        s->v_pages[layer * s->cap_pages + i] = base + shape->at[layer].v;
    }
}

nap_status nap_kv_reserve(nap_session *s, size_t n, nap_error *e)
{
    nap_engine *g = s->engine;
    const size_t need = (s->length + n + NAP_KV_PAGE - 1) / NAP_KV_PAGE;
    NAP_TRY(grow_lists(s, need, e));
    /* The page that the next position falls into is written to: it must not be shared. */
    const size_t first = s->length / NAP_KV_PAGE;
    if (n > 0 && first < s->n_pages && s->pages[first]->refs > 1) {
        nap_kv_page *copy = NULL;
        NAP_TRY(take_page(g, &copy, e));
        memcpy(copy->data, s->pages[first]->data, g->kv.page_bytes);
        drop_page(g, s->pages[first]);
        set_page(s, first, copy);
    }
    while (s->n_pages < need) {
        nap_kv_page *p = NULL;
        NAP_TRY(take_page(g, &p, e));
        set_page(s, s->n_pages, p);
        s->n_pages++;
    }
    return NAP_OK;
}

void nap_kv_trim(nap_session *s, size_t length)
{
    const size_t keep = (length + NAP_KV_PAGE - 1) / NAP_KV_PAGE;
    while (s->n_pages > keep) drop_page(s->engine, s->pages[--s->n_pages]);
}

nap_status nap_kv_share(nap_session *to, const nap_session *from, nap_error *e)
{
    NAP_TRY(grow_lists(to, from->n_pages, e));
    for (size_t i = 0; i < from->n_pages; i++) {
        from->pages[i]->refs++;
        set_page(to, i, from->pages[i]);
    }
    to->n_pages = from->n_pages;
    return NAP_OK;
}
