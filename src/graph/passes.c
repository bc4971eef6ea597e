/* Graph rewrites. Each pass builds the new node list from the old one and a map of old to new
 * numbers, so that the order invariant of graph.h holds by construction. */
#include "graph/passes.h"
#include "base/alloc.h"
#include "base/error.h"

#include <string.h>

/* A rewrite in progress: the old list, the new one, and where each old node went. */
typedef struct rewrite {
    nap_graph *g;
    nap_node *old;
    size_t n_old;
    nap_node_id *map;
} rewrite;

static nap_status rewrite_begin(rewrite *r, nap_graph *g, nap_error *e)
{
    *r = (rewrite){g, g->nodes, g->n_nodes, NULL};
    r->map = nap_alloc(g->n_nodes * sizeof *r->map);
    if (!r->map) return nap_fail_memory(e, g->n_nodes * sizeof *r->map, "a graph pass");
    for (size_t i = 0; i < g->n_nodes; i++) r->map[i] = NAP_NODE_NONE;
    g->nodes = NULL;
    g->n_nodes = g->cap_nodes = 0;
    return NAP_OK;
}

/* On failure the graph keeps its old nodes. */
static nap_status rewrite_end(rewrite *r, nap_status s)
{
    if (s == NAP_OK) {
        nap_free(r->old);
    } else if (r->map) {
        nap_free(r->g->nodes);
        r->g->nodes = r->old;
        r->g->n_nodes = r->g->cap_nodes = r->n_old;
    }
    nap_free(r->map);
    return s;
}

/* Copies old node i with its inputs renumbered. */
static nap_node renumbered(const rewrite *r, size_t i)
{
    nap_node n = r->old[i];
    for (size_t k = 0; k < n.n_in; k++) n.in[k] = r->map[n.in[k]];
    return n;
}

/* ------------------------------------------------------------------ select rows */

/* Marks from the output backwards; `rows[i]` starts as SELECTED and falls to ALL when a user needs
 * all rows or the operator has to see every token. */
static void mark_rows(const nap_graph *g, nap_rows *rows)
{
    for (size_t i = 0; i < g->n_nodes; i++) rows[i] = NAP_ROWS_SELECTED;
    for (size_t i = g->n_nodes; i-- > 0;) {
        const nap_node *n = &g->nodes[i];
        if (n->op == NAP_OP_KV_STORE || n->op == NAP_OP_ATTENTION) rows[i] = NAP_ROWS_ALL;
        if (rows[i] == NAP_ROWS_ALL) {
            for (size_t k = 0; k < n->n_in; k++) rows[n->in[k]] = NAP_ROWS_ALL;
        }
    }
}

static nap_status select_rows(rewrite *r, const nap_rows *rows, nap_node_id *selected, nap_error *e)
{
    for (size_t i = 0; i < r->n_old; i++) {
        nap_node n = renumbered(r, i);
        n.rows = rows[i];
        for (size_t k = 0; k < n.n_in; k++) {
            const nap_node_id from = r->old[i].in[k];
            if (rows[i] == NAP_ROWS_ALL || rows[from] == NAP_ROWS_SELECTED) continue;
            if (selected[from] == NAP_NODE_NONE) {
                nap_node s = nap_node_make(NAP_OP_SELECT, n.layer, "select", r->old[from].width);
                s.rows = NAP_ROWS_SELECTED;
                s.n_in = 1;
                s.in[0] = r->map[from];
                NAP_TRY(nap_graph_add_node(r->g, &s, &selected[from], e));
            }
            n.in[k] = selected[from];
        }
        NAP_TRY(nap_graph_add_node(r->g, &n, &r->map[i], e));
    }
    return NAP_OK;
}

nap_status nap_pass_select_rows(nap_graph *g, nap_error *e)
{
    const size_t count = g->n_nodes;
    nap_rows *rows = nap_alloc(count * sizeof *rows);
    nap_node_id *selected = nap_alloc(count * sizeof *selected);
    nap_status s = NAP_OK;
    if (!rows || !selected) {
        s = nap_fail_memory(e, count * sizeof *selected, "a graph pass");
    } else {
        mark_rows(g, rows);
        for (size_t i = 0; i < count; i++) selected[i] = NAP_NODE_NONE;
        rewrite r;
        s = rewrite_begin(&r, g, e);
        if (s == NAP_OK) s = select_rows(&r, rows, selected, e);
        s = rewrite_end(&r, s);
    }
    nap_free(rows);
    nap_free(selected);
    return s;
}

/* ------------------------------------------------------------------ dead nodes */

nap_status nap_pass_drop_dead(nap_graph *g, nap_error *e)
{
    bool *used = nap_calloc(g->n_nodes, sizeof *used);
    if (!used) return nap_fail_memory(e, g->n_nodes, "a graph pass");
    for (size_t i = g->n_nodes; i-- > 0;) {
        const nap_node *n = &g->nodes[i];
        /* A stored key or value is seen by later tokens, whatever this batch does with it. */
        if (n->op == NAP_OP_OUTPUT || n->op == NAP_OP_KV_STORE) used[i] = true;
        for (size_t k = 0; used[i] && k < n->n_in; k++) used[n->in[k]] = true;
    }
    rewrite r;
    nap_status s = rewrite_begin(&r, g, e);
    for (size_t i = 0; s == NAP_OK && i < r.n_old; i++) {
        if (!used[i]) continue;
        const nap_node n = renumbered(&r, i);
        s = nap_graph_add_node(g, &n, &r.map[i], e);
    }
    s = rewrite_end(&r, s);
    nap_free(used);
    return s;
}

/* ------------------------------------------------------------------ soft-cap */

static size_t count_users(const rewrite *r, nap_node_id id)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_old; i++) {
        for (size_t k = 0; k < r->old[i].n_in; k++) n += r->old[i].in[k] == id;
    }
    return n;
}

nap_status nap_pass_fold_softcap(nap_graph *g, nap_error *e)
{
    rewrite r;
    nap_status s = rewrite_begin(&r, g, e);
    for (size_t i = 0; s == NAP_OK && i < r.n_old; i++) {
        const nap_node n = renumbered(&r, i);
        const nap_node_id from = r.old[i].in[0];
        if (n.op == NAP_OP_SOFTCAP && r.old[from].op == NAP_OP_MATMUL &&
            g->nodes[n.in[0]].u.cap == 0 && count_users(&r, from) == 1) {
            g->nodes[n.in[0]].u.cap = n.u.cap;
            r.map[i] = n.in[0];
        } else {
            s = nap_graph_add_node(g, &n, &r.map[i], e);
        }
    }
    return rewrite_end(&r, s);
}

/* ------------------------------------------------------------------ prepare */

/* The PREPARE node of (value, form) in the new list, made on first use. */
static nap_status prepared(nap_graph *g, nap_node_id value, int form, nap_node_id *id, nap_error *e)
{
    for (size_t i = g->n_nodes; i-- > value;) {
        const nap_node *n = &g->nodes[i];
        if (n->op == NAP_OP_PREPARE && n->in[0] == value && n->u.form == form) {
            *id = (nap_node_id)i;
            return NAP_OK;
        }
    }
    const nap_node *from = &g->nodes[value];
    nap_node p = nap_node_make(NAP_OP_PREPARE, from->layer, from->label, from->width);
    p.rows = from->rows;
    p.n_in = 1;
    p.in[0] = value;
    p.u.form = form;
    return nap_graph_add_node(g, &p, id, e);
}

nap_status nap_pass_split_prepare(nap_graph *g, nap_form_fn form, void *user, nap_error *e)
{
    rewrite r;
    nap_status s = rewrite_begin(&r, g, e);
    for (size_t i = 0; s == NAP_OK && i < r.n_old; i++) {
        nap_node n = renumbered(&r, i);
        if (n.op == NAP_OP_MATMUL) {
            const int f = form(user, &g->weights[n.weight]);
            if (f != 0) s = prepared(g, n.in[0], f, &n.in[0], e);
            n.layer = r.old[i].layer;
        }
        if (s == NAP_OK) s = nap_graph_add_node(g, &n, &r.map[i], e);
    }
    return rewrite_end(&r, s);
}

/* ------------------------------------------------------------------ groups */

nap_status nap_pass_group_matmuls(nap_graph *g, nap_error *e)
{
    (void)e;
    uint32_t group = 0;
    for (size_t i = 0; i < g->n_nodes; i++) {
        nap_node *n = &g->nodes[i];
        if (n->op != NAP_OP_MATMUL) continue;
        const nap_node *before = i > 0 ? &g->nodes[i - 1] : NULL;
        const bool joins = before && before->op == NAP_OP_MATMUL && before->in[0] == n->in[0];
        n->group = joins ? group : ++group;
    }
    return NAP_OK;
}
