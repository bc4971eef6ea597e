/* Statements. */
#include "text/jinja_eval.h"

#include <string.h>

static bool print_value(nap_j_run *r, nap_j_val v)
{
    nap_j_sb b = {0};
    if (v.type == NAP_J_STR) return nap_j_write(r, v.u.s->p, v.u.s->n);
    return nap_j_put_str(r, &b, v) && nap_j_write(r, b.p, b.n);
}

static bool exec_print(nap_j_run *r, nap_j_scope *s, const nap_j_node *n)
{
    nap_j_val v;
    if (n->a) return nap_j_eval(r, s, n->a, &v) && print_value(r, v);
    for (size_t i = 0; i < n->n; i++)
        if (!nap_j_eval(r, s, n->items[i], &v) || !print_value(r, v)) return false;
    return true;
}

/* Runs a body with its output caught as a string. */
static nap_j_flow captured(nap_j_run *r, nap_j_scope *s, const nap_j_node *body, nap_j_val *out)
{
    nap_j_sb mine = {0}, *outer = r->capture;
    r->capture = &mine;
    nap_j_flow flow = nap_j_exec(r, s, body);
    r->capture = outer;
    if (flow == NAP_J_GO_ON && !nap_j_sb_string(r, &mine, out)) flow = NAP_J_FAILED;
    return flow;
}

/* --- for --- */

/* The filter clause of a for: an iterator that skips. */
static bool next_passing(nap_j_run *r, nap_j_iter *it, nap_j_val *out, bool *end);

typedef struct for_filter {
    nap_j_iter it; /* first, so that the iterator leads back here */
    const nap_j_node *node;
    nap_j_scope *scope;
} for_filter;

static bool next_passing(nap_j_run *r, nap_j_iter *it, nap_j_val *out, bool *end)
{
    for_filter *f = (for_filter *)it;
    for (;;) {
        nap_j_val verdict;
        bool yes;
        if (!nap_j_next(r, it->inner, out, end)) return false;
        if (*end) return true;
        nap_j_scope *s = nap_j_scope_new(r, f->scope);
        if (!s || !nap_j_assign(r, s, f->node->a, *out) ||
            !nap_j_eval(r, s, f->node->c, &verdict) || !nap_j_truth(r, verdict, &yes))
            return false;
        if (yes) return true;
    }
}

static bool loop_begin(nap_j_run *r, nap_j_scope *s, const nap_j_node *n, nap_j_val iterable,
                       nap_j_loop **out)
{
    nap_j_loop *l = nap_j_alloc(r, sizeof *l);
    if (!l) return false;
    *l = (nap_j_loop){.iterable = iterable,
                      .current = nap_j_missing(),
                      .previous = nap_j_missing(),
                      .index0 = -1,
                      .length = -1,
                      .recursive = n->flag ? n : NULL,
                      .closure = s};
    r->where = n->b->offset;
    if (!nap_j_iterate(r, iterable, &l->it)) return false;
    if (n->c) {
        for_filter *f = nap_j_alloc(r, sizeof *f);
        if (!f) return false;
        *f = (for_filter){.it = {.next = next_passing, .inner = l->it, .kind = "generator"},
                          .node = n,
                          .scope = s};
        l->it = &f->it;
        l->iterable = (nap_j_val){.type = NAP_J_ITER, .u.it = l->it};
    }
    *out = l;
    return true;
}

static bool loop_advance(nap_j_run *r, nap_j_loop *l, bool *end)
{
    nap_j_val v = l->next;
    *end = false;
    if (l->has_next)
        l->has_next = false;
    else if (!nap_j_next(r, l->it, &v, end))
        return false;
    if (*end) return true;
    l->index0++;
    l->previous = l->current;
    l->current = v;
    return true;
}

static nap_j_flow run_loop(nap_j_run *r, nap_j_scope *s, const nap_j_node *n, nap_j_loop *l)
{
    static const nap_j_str loop_name = {.p = "loop", .n = 4, .chars = 4};
    const nap_j_val loop_val = {.type = NAP_J_LOOP, .u.loop = l};
    nap_j_scope *body = NULL;
    bool completed = false; /* else runs if no pass reached the end of the body */
    for (;;) {
        bool end;
        if (!loop_advance(r, l, &end)) return NAP_J_FAILED;
        if (end) break;
        if (body && !body->captured)
            body->n = 0;
        else
            body = nap_j_scope_new(r, s);
        r->where = n->a->offset;
        if (!body || !nap_j_assign(r, body, n->a, l->current) ||
            !nap_j_scope_set(r, body, &loop_name, loop_val) || !nap_j_spend(r, 0))
            return NAP_J_FAILED;
        const nap_j_flow flow = nap_j_exec(r, body, n->body);
        if (flow == NAP_J_FAILED) return flow;
        if (flow == NAP_J_BROKE) break;
        if (flow == NAP_J_GO_ON) completed = true;
    }
    if (completed || !n->orelse) return NAP_J_GO_ON;
    nap_j_scope *orelse = nap_j_scope_new(r, s);
    return orelse ? nap_j_exec(r, orelse, n->orelse) : NAP_J_FAILED;
}

static nap_j_flow exec_for(nap_j_run *r, nap_j_scope *s, const nap_j_node *n)
{
    nap_j_val iterable;
    nap_j_loop *l;
    if (!nap_j_eval(r, s, n->b, &iterable) || !loop_begin(r, s, n, iterable, &l))
        return NAP_J_FAILED;
    return run_loop(r, s, n, l);
}

bool nap_j_call_loop(nap_j_run *r, nap_j_loop *outer, nap_j_val iterable, nap_j_val *out)
{
    nap_j_loop *l;
    nap_j_sb mine = {0}, *before = r->capture;
    if (!outer->recursive)
        return nap_j_raise(r,
                           "The loop must have the 'recursive' marker to be called recursively.");
    if (!nap_j_enter(r)) return false;
    r->capture = &mine;
    bool ok = loop_begin(r, outer->closure, outer->recursive, iterable, &l);
    if (ok) {
        l->depth0 = outer->depth0 + 1;
        ok = run_loop(r, outer->closure, outer->recursive, l) == NAP_J_GO_ON;
    }
    r->capture = before;
    nap_j_leave(r);
    return ok && nap_j_sb_string(r, &mine, out);
}

/* --- macros --- */

static bool define_macro(nap_j_run *r, nap_j_scope *s, const nap_j_node *n, nap_j_val *out)
{
    nap_j_macro *m = nap_j_alloc(r, sizeof *m);
    if (!m) return false;
    *m = (nap_j_macro){.def = n, .closure = s, .name = n->name};
    for (; s && !s->captured; s = s->parent) s->captured = true;
    *out = (nap_j_val){.type = NAP_J_MACRO, .u.macro = m};
    return true;
}

static bool named(const nap_j_kw *kw, const nap_j_str *name)
{
    return kw->name->n == name->n && memcmp(kw->name->p, name->p, name->n) == 0;
}

/* Takes a keyword out of the call. */
static bool take_keyword(nap_j_call *c, const nap_j_str *name, nap_j_val *out)
{
    for (size_t i = 0; i < c->nkw; i++) {
        if (!named(&c->kw[i], name)) continue;
        *out = c->kw[i].val;
        memmove(&c->kw[i], &c->kw[i + 1], (c->nkw - i - 1) * sizeof c->kw[0]);
        c->nkw--;
        return true;
    }
    return false;
}

static bool bind_params(nap_j_run *r, nap_j_scope *s, const nap_j_macro *m, nap_j_call *c)
{
    const nap_j_params *p = m->def->params;
    nap_j_val *given = nap_j_alloc(r, p->n * sizeof *given);
    if (!given) return false;
    for (size_t i = 0; i < p->n; i++) {
        given[i] = nap_j_missing();
        if (i < c->n)
            given[i] = c->pos[i];
        else
            (void)take_keyword(c, p->name[i], &given[i]);
    }
    /* Parameters that were given are visible to the defaults of the others. */
    for (size_t i = 0; i < p->n; i++)
        if (given[i].type != NAP_J_MISSING && !nap_j_scope_set(r, s, p->name[i], given[i]))
            return false;
    for (size_t i = 0; i < p->n; i++) {
        if (given[i].type != NAP_J_MISSING) continue;
        nap_j_val v;
        const bool ok = p->fallback[i] ? nap_j_eval(r, s, p->fallback[i], &v)
                                       : nap_j_undefined(r, &v, "parameter '%.*s' was not provided",
                                                         (int)p->name[i]->n, p->name[i]->p);
        if (!ok || !nap_j_scope_set(r, s, p->name[i], v)) return false;
    }
    return true;
}

static bool bind_special(nap_j_run *r, nap_j_scope *s, const nap_j_macro *m, nap_j_call *c)
{
    static const nap_j_str caller = {.p = "caller", .n = 6, .chars = 6},
                           kwargs = {.p = "kwargs", .n = 6, .chars = 6},
                           varargs = {.p = "varargs", .n = 7, .chars = 7};
    const nap_j_params *p = m->def->params;
    nap_j_val v;
    if (p->uses_caller) {
        if ((!take_keyword(c, &caller, &v) || v.type == NAP_J_NONE) &&
            !nap_j_undefined(r, &v, "No caller defined"))
            return false;
        if (!nap_j_scope_set(r, s, &caller, v)) return false;
    }
    if (p->uses_kwargs) {
        nap_j_dict *d;
        if (!nap_j_dict_new(r, &d)) return false;
        for (size_t i = 0; i < c->nkw; i++)
            if (!nap_j_dict_set(r, d, nap_j_str_val(c->kw[i].name), c->kw[i].val)) return false;
        if (!nap_j_scope_set(r, s, &kwargs, (nap_j_val){.type = NAP_J_DICT, .u.d = d}))
            return false;
    } else if (c->nkw) {
        return nap_j_raise(r, "a macro takes no keyword argument '%.*s'", (int)c->kw[0].name->n,
                           c->kw[0].name->p);
    }
    const size_t extra = c->n > p->n ? c->n - p->n : 0;
    if (p->uses_varargs)
        return nap_j_sequence(r, NAP_J_TUPLE, extra ? c->pos + p->n : NULL, extra, &v) &&
               nap_j_scope_set(r, s, &varargs, v);
    return extra == 0 || nap_j_raise(r, "a macro takes not more than %zu argument(s)", p->n);
}

bool nap_j_call_macro(nap_j_run *r, const nap_j_macro *m, nap_j_call *c, nap_j_val *out)
{
    nap_j_scope *s = nap_j_scope_new(r, m->closure);
    if (!s || !nap_j_enter(r)) return false;
    const bool ok = bind_params(r, s, m, c) && bind_special(r, s, m, c) &&
                    captured(r, s, m->def->body, out) == NAP_J_GO_ON;
    nap_j_leave(r);
    return ok;
}

/* --- the others --- */

static nap_j_flow exec_if(nap_j_run *r, nap_j_scope *s, const nap_j_node *n)
{
    /* elif chains can be long: walk them, and only descend into the body that runs. */
    for (;;) {
        nap_j_val v;
        bool yes;
        if (!nap_j_eval(r, s, n->a, &v) || !nap_j_truth(r, v, &yes)) return NAP_J_FAILED;
        if (yes) return nap_j_exec(r, s, n->body);
        const nap_j_node *e = n->orelse;
        if (!e || e->kind != NAP_J_S_IF || e->next) return nap_j_exec(r, s, e);
        n = e;
        if (!nap_j_spend(r, 0)) return NAP_J_FAILED;
    }
}

static nap_j_flow exec_set_block(nap_j_run *r, nap_j_scope *s, const nap_j_node *n)
{
    nap_j_val v;
    nap_j_scope *inner = nap_j_scope_new(r, s);
    if (!inner) return NAP_J_FAILED;
    const nap_j_flow flow = captured(r, inner, n->body, &v);
    if (flow != NAP_J_GO_ON) return flow;
    if (n->b && !nap_j_eval_filter(r, inner, n->b, v, &v)) return NAP_J_FAILED;
    return nap_j_assign(r, s, n->a, v) ? NAP_J_GO_ON : NAP_J_FAILED;
}

static nap_j_flow exec_filter_block(nap_j_run *r, nap_j_scope *s, const nap_j_node *n)
{
    nap_j_val v;
    nap_j_scope *inner = nap_j_scope_new(r, s);
    if (!inner) return NAP_J_FAILED;
    const nap_j_flow flow = captured(r, inner, n->body, &v);
    if (flow != NAP_J_GO_ON) return flow;
    return nap_j_eval_filter(r, inner, n->b, v, &v) && print_value(r, v) ? NAP_J_GO_ON
                                                                         : NAP_J_FAILED;
}

static nap_j_flow exec_with(nap_j_run *r, nap_j_scope *s, const nap_j_node *n)
{
    nap_j_scope *inner = nap_j_scope_new(r, s);
    if (!inner) return NAP_J_FAILED;
    for (size_t i = 0; i < n->n; i += 2) {
        nap_j_val v;
        if (!nap_j_eval(r, s, n->items[i + 1], &v) || !nap_j_assign(r, inner, n->items[i], v))
            return NAP_J_FAILED;
    }
    return nap_j_exec(r, inner, n->body);
}

static bool exec_call_block(nap_j_run *r, nap_j_scope *s, const nap_j_node *n)
{
    nap_j_val caller, v;
    return define_macro(r, s, n, &caller) && nap_j_eval_call(r, s, n->a, &caller, &v) &&
           print_value(r, v);
}

static bool exec_simple(nap_j_run *r, nap_j_scope *s, const nap_j_node *n)
{
    nap_j_val v;
    switch (n->kind) {
    case NAP_J_S_TEXT:
        return nap_j_write(r, n->value.u.s->p, n->value.u.s->n);
    case NAP_J_S_PRINT:
        return exec_print(r, s, n);
    case NAP_J_S_SET:
        return nap_j_eval(r, s, n->b, &v) && nap_j_assign(r, s, n->a, v);
    case NAP_J_S_MACRO:
        return define_macro(r, s, n, &v) && nap_j_scope_set(r, s, n->name, v);
    default:
        return exec_call_block(r, s, n);
    }
}

static nap_j_flow exec_one(nap_j_run *r, nap_j_scope *s, const nap_j_node *n)
{
    nap_j_scope *inner;
    switch (n->kind) {
    case NAP_J_S_IF:
        return exec_if(r, s, n);
    case NAP_J_S_FOR:
        return exec_for(r, s, n);
    case NAP_J_S_SETBLOCK:
        return exec_set_block(r, s, n);
    case NAP_J_S_FILTERBLOCK:
        return exec_filter_block(r, s, n);
    case NAP_J_S_WITH:
        return exec_with(r, s, n);
    case NAP_J_S_SCOPE:
        inner = nap_j_scope_new(r, s);
        return inner ? nap_j_exec(r, inner, n->body) : NAP_J_FAILED;
    case NAP_J_S_BREAK:
        return NAP_J_BROKE;
    case NAP_J_S_CONTINUE:
        return NAP_J_CONTINUED;
    default:
        return exec_simple(r, s, n) ? NAP_J_GO_ON : NAP_J_FAILED;
    }
}

nap_j_flow nap_j_exec(nap_j_run *r, nap_j_scope *s, const nap_j_node *list)
{
    if (!list) return NAP_J_GO_ON;
    if (!nap_j_enter(r)) return NAP_J_FAILED;
    nap_j_flow flow = NAP_J_GO_ON;
    for (const nap_j_node *n = list; n && flow == NAP_J_GO_ON; n = n->next) {
        r->where = n->offset;
        flow = nap_j_spend(r, 0) ? exec_one(r, s, n) : NAP_J_FAILED;
    }
    nap_j_leave(r);
    return flow;
}
