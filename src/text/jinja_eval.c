/* Expressions. */
#include "text/jinja_eval.h"

#include <string.h>

nap_j_scope *nap_j_scope_new(nap_j_run *r, nap_j_scope *parent)
{
    nap_j_scope *s = nap_j_alloc(r, sizeof *s);
    if (s) *s = (nap_j_scope){.parent = parent};
    return s;
}

static bool same(const nap_j_str *a, const nap_j_str *b)
{
    return a == b || (a->n == b->n && memcmp(a->p, b->p, a->n) == 0);
}

bool nap_j_scope_set(nap_j_run *r, nap_j_scope *s, const nap_j_str *name, nap_j_val v)
{
    for (size_t i = 0; i < s->n; i++)
        if (same(s->bind[i].name, name)) return s->bind[i].val = v, true;
    if (s->n == s->cap) {
        const size_t cap = s->cap ? s->cap * 2 : 4;
        nap_j_bind *b = nap_j_alloc(r, cap * sizeof *b);
        if (!b) return false;
        if (s->n) memcpy(b, s->bind, s->n * sizeof *b);
        s->bind = b;
        s->cap = cap;
    }
    s->bind[s->n++] = (nap_j_bind){name, v};
    return true;
}

bool nap_j_lookup(nap_j_run *r, const nap_j_scope *s, const nap_j_str *name, nap_j_val *out)
{
    for (; s; s = s->parent)
        for (size_t i = 0; i < s->n; i++)
            if (same(s->bind[i].name, name)) return *out = s->bind[i].val, true;
    const nap_j_val *v = nap_j_dict_find(r->globals, name->p, name->n);
    if (v) return *out = *v, true;
    return nap_j_undefined(r, out, "'%.*s' is undefined", (int)(name->n < 200 ? name->n : 200),
                           name->p);
}

static bool assign_tuple(nap_j_run *r, nap_j_scope *s, const nap_j_node *target, nap_j_val v)
{
    nap_j_iter *it;
    if (!nap_j_iterate(r, v, &it)) return false;
    for (size_t i = 0;; i++) {
        nap_j_val item;
        bool end;
        if (!nap_j_next(r, it, &item, &end)) return false;
        if (end && i == target->n) return true;
        if (end)
            return nap_j_raise(r, "not enough values to unpack (expected %zu, got %zu)", target->n,
                               i);
        if (i == target->n)
            return nap_j_raise(r, "too many values to unpack (expected %zu)", target->n);
        if (!nap_j_assign(r, s, target->items[i], item)) return false;
    }
}

bool nap_j_assign(nap_j_run *r, nap_j_scope *s, const nap_j_node *target, nap_j_val v)
{
    nap_j_val ns;
    if (target->kind == NAP_J_X_NAME) return nap_j_scope_set(r, s, target->name, v);
    if (target->kind == NAP_J_X_TUPLE) {
        if (!nap_j_enter(r)) return false;
        const bool ok = assign_tuple(r, s, target, v);
        nap_j_leave(r);
        return ok;
    }
    if (!nap_j_lookup(r, s, target->name, &ns)) return false;
    if (ns.type != NAP_J_NAMESPACE)
        return nap_j_raise(r, "cannot assign attribute on non-namespace object");
    return nap_j_dict_set(r, ns.u.d, nap_j_str_val(target->attr), v);
}

static bool eval_items(nap_j_run *r, nap_j_scope *s, const nap_j_node *n, nap_j_val *out)
{
    nap_j_vec vec = {0};
    for (size_t i = 0; i < n->n; i++) {
        nap_j_val v;
        if (!nap_j_eval(r, s, n->items[i], &v) || !nap_j_push(r, &vec, v)) return false;
    }
    if (!nap_j_vec_list(r, &vec, out)) return false;
    if (n->kind == NAP_J_X_TUPLE) out->type = NAP_J_TUPLE;
    return true;
}

static bool eval_dict(nap_j_run *r, nap_j_scope *s, const nap_j_node *n, nap_j_val *out)
{
    nap_j_dict *d;
    if (!nap_j_dict_new(r, &d)) return false;
    for (size_t i = 0; i < n->n; i += 2) {
        nap_j_val key, val;
        if (!nap_j_eval(r, s, n->items[i], &key) || !nap_j_eval(r, s, n->items[i + 1], &val) ||
            !nap_j_dict_set(r, d, key, val))
            return false;
    }
    *out = (nap_j_val){.type = NAP_J_DICT, .u.d = d};
    return true;
}

static bool eval_truth(nap_j_run *r, nap_j_scope *s, const nap_j_node *n, bool *out)
{
    nap_j_val v;
    return nap_j_eval(r, s, n, &v) && nap_j_truth(r, v, out);
}

static bool eval_logic(nap_j_run *r, nap_j_scope *s, const nap_j_node *n, nap_j_val *out)
{
    bool left;
    if (!nap_j_eval(r, s, n->a, out) || !nap_j_truth(r, *out, &left)) return false;
    if (left == (n->kind == NAP_J_X_OR)) return true;
    return nap_j_eval(r, s, n->b, out);
}

static bool eval_cond(nap_j_run *r, nap_j_scope *s, const nap_j_node *n, nap_j_val *out)
{
    bool yes;
    if (!eval_truth(r, s, n->b, &yes)) return false;
    if (yes) return nap_j_eval(r, s, n->a, out);
    if (n->c) return nap_j_eval(r, s, n->c, out);
    return nap_j_undefined(r, out,
                           "the inline if-expression evaluated to false and no else section "
                           "was defined.");
}

static bool eval_compare(nap_j_run *r, nap_j_scope *s, const nap_j_node *n, nap_j_val *out)
{
    nap_j_val left, right;
    bool yes = true;
    if (!nap_j_eval(r, s, n->items[0], &left)) return false;
    for (size_t i = 1; yes && i < n->n; i++, left = right) {
        if (!nap_j_eval(r, s, n->items[i], &right)) return false;
        r->where = n->offset;
        if (!nap_j_compare(r, n->ops[i - 1], left, right, &yes)) return false;
    }
    *out = nap_j_bool(yes);
    return true;
}

static bool eval_concat(nap_j_run *r, nap_j_scope *s, const nap_j_node *n, nap_j_val *out)
{
    nap_j_val v, text;
    if (!nap_j_eval(r, s, n->items[0], &v) || !nap_j_to_string(r, v, out)) return false;
    for (size_t i = 1; i < n->n; i++)
        if (!nap_j_eval(r, s, n->items[i], &v) || !nap_j_to_string(r, v, &text) ||
            !nap_j_concat(r, out->u.s, text.u.s, out))
            return false;
    return true;
}

static bool eval_slice_parts(nap_j_run *r, nap_j_scope *s, const nap_j_node *n, nap_j_val part[3])
{
    for (size_t i = 0; i < 3; i++) {
        part[i] = nap_j_none();
        if (n->items[i] && !nap_j_eval(r, s, n->items[i], &part[i])) return false;
    }
    return true;
}

static bool eval_item(nap_j_run *r, nap_j_scope *s, const nap_j_node *n, nap_j_val *out)
{
    nap_j_val of, key, part[3];
    if (!nap_j_eval(r, s, n->a, &of)) return false;
    if (n->b->kind == NAP_J_X_SLICE) {
        if (!eval_slice_parts(r, s, n->b, part)) return false;
        r->where = n->offset;
        return nap_j_slice(r, of, part, out);
    }
    if (!nap_j_eval(r, s, n->b, &key)) return false;
    r->where = n->offset;
    return nap_j_getitem(r, of, key, out);
}

/* Evaluates arguments. `caller` is the body of a call block, passed along as a keyword. */
static bool eval_args(nap_j_run *r, nap_j_scope *s, const nap_j_args *a, const nap_j_val *caller,
                      nap_j_call *c)
{
    static const nap_j_str caller_name = {.p = "caller", .n = 6, .chars = 6};
    nap_j_vec pos = {0};
    nap_j_val v;
    size_t nkw = a->nkw + (caller != NULL);
    for (size_t i = 0; i < a->n; i++)
        if (!nap_j_eval(r, s, a->pos[i], &v) || !nap_j_push(r, &pos, v)) return false;
    if (a->dyn) {
        const nap_j_list *l;
        if (!nap_j_eval(r, s, a->dyn, &v) || !nap_j_to_list(r, v, &l)) return false;
        for (size_t i = 0; i < l->n; i++)
            if (!nap_j_push(r, &pos, l->v[i])) return false;
    }
    nap_j_val kwargs = nap_j_missing();
    if (a->dyn_kw) {
        if (!nap_j_eval(r, s, a->dyn_kw, &kwargs)) return false;
        if (kwargs.type != NAP_J_DICT) return nap_j_raise(r, "argument after ** must be a mapping");
        nkw += kwargs.u.d->n;
    }
    nap_j_kw *kw = nap_j_alloc(r, nkw * sizeof *kw);
    if (!kw) return false;
    *c = (nap_j_call){.pos = pos.v, .n = pos.n, .kw = kw};
    for (size_t i = 0; i < a->nkw; i++) {
        if (!nap_j_eval(r, s, a->kw_val[i], &v)) return false;
        kw[c->nkw++] = (nap_j_kw){a->kw_name[i], v};
    }
    if (caller) kw[c->nkw++] = (nap_j_kw){&caller_name, *caller};
    for (size_t i = 0; a->dyn_kw && i < kwargs.u.d->n; i++) {
        const nap_j_pair *e = &kwargs.u.d->e[i];
        if (e->key.type != NAP_J_STR) return nap_j_raise(r, "keywords must be strings");
        for (size_t k = 0; k < c->nkw; k++)
            if (same(kw[k].name, e->key.u.s))
                return nap_j_raise(r, "got multiple values for keyword argument");
        kw[c->nkw++] = (nap_j_kw){e->key.u.s, e->val};
    }
    return true;
}

bool nap_j_eval_call(nap_j_run *r, nap_j_scope *s, const nap_j_node *n, const nap_j_val *caller,
                     nap_j_val *out)
{
    nap_j_val f;
    nap_j_call c;
    if (!nap_j_eval(r, s, n->a, &f)) return false;
    r->where = n->offset;
    if (!eval_args(r, s, n->args, caller, &c)) return false;
    r->where = n->offset;
    return nap_j_call_value(r, f, &c, out);
}

static bool apply(nap_j_run *r, nap_j_scope *s, const nap_j_node *n, nap_j_val in, nap_j_val *out)
{
    nap_j_call c = {0};
    r->where = n->offset;
    if (!n->row)
        return nap_j_raise(r, "No filter or test named '%.*s'",
                           (int)(n->name->n < 60 ? n->name->n : 60), n->name->p);
    if ((n->args->n || n->args->nkw || n->args->dyn || n->args->dyn_kw) &&
        !eval_args(r, s, n->args, NULL, &c))
        return false;
    r->where = n->offset;
    return nap_j_call_row(r, n->row, in, &c, out);
}

bool nap_j_eval_filter(nap_j_run *r, nap_j_scope *s, const nap_j_node *n, nap_j_val in,
                       nap_j_val *out)
{
    if (!nap_j_enter(r)) return false;
    nap_j_val v = in;
    const bool ok = (!n->a || nap_j_eval_filter(r, s, n->a, in, &v)) && apply(r, s, n, v, out);
    nap_j_leave(r);
    return ok;
}

static bool eval_node(nap_j_run *r, nap_j_scope *s, const nap_j_node *n, nap_j_val *out)
{
    nap_j_val a, b;
    bool yes;
    switch (n->kind) {
    case NAP_J_X_NAME:
        return nap_j_lookup(r, s, n->name, out);
    case NAP_J_X_LIST:
    case NAP_J_X_TUPLE:
        return eval_items(r, s, n, out);
    case NAP_J_X_DICT:
        return eval_dict(r, s, n, out);
    case NAP_J_X_UNARY:
        if (!nap_j_eval(r, s, n->a, &a)) return false;
        r->where = n->offset;
        return nap_j_unary(r, n->op, a, out);
    case NAP_J_X_BINARY:
        if (!nap_j_eval(r, s, n->a, &a) || !nap_j_eval(r, s, n->b, &b)) return false;
        r->where = n->offset;
        return nap_j_binary(r, n->op, a, b, out);
    case NAP_J_X_NOT:
        if (!eval_truth(r, s, n->a, &yes)) return false;
        return *out = nap_j_bool(!yes), true;
    case NAP_J_X_AND:
    case NAP_J_X_OR:
        return eval_logic(r, s, n, out);
    case NAP_J_X_COND:
        return eval_cond(r, s, n, out);
    case NAP_J_X_COMPARE:
        return eval_compare(r, s, n, out);
    case NAP_J_X_CONCAT:
        return eval_concat(r, s, n, out);
    case NAP_J_X_ATTR:
        if (!nap_j_eval(r, s, n->a, &a)) return false;
        r->where = n->offset;
        return nap_j_getattr(r, a, n->name, out);
    case NAP_J_X_ITEM:
        return eval_item(r, s, n, out);
    case NAP_J_X_SLICE: {
        nap_j_val part[3];
        return eval_slice_parts(r, s, n, part) && nap_j_sequence(r, NAP_J_SLICE, part, 3, out);
    }
    case NAP_J_X_CALL:
        return nap_j_eval_call(r, s, n, NULL, out);
    case NAP_J_X_FILTER:
    case NAP_J_X_TEST:
        return nap_j_eval(r, s, n->a, &a) && apply(r, s, n, a, out);
    default:
        *out = n->value;
        return true;
    }
}

bool nap_j_eval(nap_j_run *r, nap_j_scope *s, const nap_j_node *n, nap_j_val *out)
{
    if (n->kind == NAP_J_X_CONST) return *out = n->value, true;
    if (!nap_j_enter(r)) return false;
    r->where = n->offset;
    const bool ok = eval_node(r, s, n, out);
    nap_j_leave(r);
    return ok;
}
