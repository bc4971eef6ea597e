/* Methods of dicts, lists, tuples and ranges, and attributes of the other objects. Methods that
 * would change a list or dict are absent: the sandbox makes them undefined. */
#include "text/jinja_ast.h"
#include "text/jinja_ops.h"
#include "text/jinja_run.h"

#include <string.h>

static bool view(nap_j_run *r, nap_j_val self, int kind, nap_j_val *out)
{
    nap_j_view *v = nap_j_alloc(r, sizeof *v);
    if (!v) return false;
    v->d = self.u.d;
    v->kind = kind;
    *out = (nap_j_val){.type = NAP_J_VIEW, .u.view = v};
    return true;
}

static bool d_keys(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    (void)c;
    return view(r, self, NAP_J_KEYS, out);
}

static bool d_values(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    (void)c;
    return view(r, self, NAP_J_VALUES, out);
}

static bool d_items(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    (void)c;
    return view(r, self, NAP_J_ITEMS, out);
}

static bool d_get(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    bool found, hashable;
    if (!nap_j_hashable(r, c->arg[0], &hashable)) return false;
    if (!hashable) return nap_j_raise(r, "unhashable type: '%s'", nap_j_type_name(c->arg[0]));
    if (!nap_j_dict_get(r, self.u.d, c->arg[0], out, &found)) return false;
    if (!found) *out = c->arg[1].type == NAP_J_MISSING ? nap_j_none() : c->arg[1];
    return true;
}

static bool copy(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    (void)r;
    (void)c;
    *out = self; /* nothing can change it */
    return true;
}

const nap_j_row nap_j_dict_rows[] = {
    {"keys", "", d_keys}, {"values", "", d_values},         {"items", "", d_items},
    {"copy", "", copy},   {"get", "/ key default?", d_get}, {NULL, NULL, NULL},
};

static bool l_count(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    const nap_j_list *l;
    int64_t n = 0;
    if (!nap_j_to_list(r, self, &l)) return false;
    for (size_t i = 0; i < l->n; i++) {
        bool eq;
        if (!nap_j_spend(r, 0) || !nap_j_equal(r, l->v[i], c->arg[0], &eq)) return false;
        n += eq;
    }
    *out = nap_j_int(n);
    return true;
}

static bool l_index(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    const nap_j_list *l;
    int64_t from, to;
    if (!nap_j_to_list(r, self, &l) || !nap_j_int_arg(r, c->arg[1], 0, &from) ||
        !nap_j_int_arg(r, c->arg[2], (int64_t)l->n, &to))
        return false;
    if (from < 0) from += (int64_t)l->n;
    if (to < 0) to += (int64_t)l->n;
    for (int64_t i = from < 0 ? 0 : from; i < to && i < (int64_t)l->n; i++) {
        bool eq;
        if (!nap_j_spend(r, 0) || !nap_j_equal(r, l->v[i], c->arg[0], &eq)) return false;
        if (eq) return *out = nap_j_int(i), true;
    }
    return nap_j_raise(r, "the value is not in the list");
}

const nap_j_row nap_j_list_rows[] = {
    {"count", "/ value", l_count},
    {"index", "/ value start? stop?", l_index},
    {"copy", "", copy},
    {NULL, NULL, NULL},
};

/* --- loop --- */

static bool peek(nap_j_run *r, nap_j_loop *l, bool *end)
{
    *end = false;
    if (l->has_next) return true;
    if (!nap_j_next(r, l->it, &l->next, end)) return false;
    l->has_next = !*end;
    return true;
}

static bool loop_length(nap_j_run *r, nap_j_loop *l, int64_t *out)
{
    size_t n;
    if (l->length < 0 && l->iterable.type != NAP_J_ITER) {
        if (!nap_j_length(r, l->iterable, &n)) return false;
        l->length = (int64_t)n;
    }
    if (l->length < 0) { /* a lazy sequence: walk what is left, and keep it */
        const nap_j_val rest = {.type = NAP_J_ITER, .u.it = l->it};
        const nap_j_list *items;
        nap_j_iter *it;
        if (!nap_j_to_list(r, rest, &items)) return false;
        if (!nap_j_iterate(r, (nap_j_val){.type = NAP_J_LIST, .u.l = items}, &it)) return false;
        l->it = it;
        l->length = (int64_t)items->n + l->index0 + 1 + l->has_next;
    }
    *out = l->length;
    return true;
}

static bool loop_cycle(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    if (c->nkw) return nap_j_raise(r, "cycle() takes no keyword arguments");
    if (c->n == 0) return nap_j_raise(r, "no items for cycling given");
    *out = c->pos[(size_t)self.u.loop->index0 % c->n];
    return true;
}

static bool loop_changed(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    nap_j_loop *l = self.u.loop;
    nap_j_val now;
    bool same = false;
    if (c->nkw) return nap_j_raise(r, "changed() takes no keyword arguments");
    if (!nap_j_sequence(r, NAP_J_TUPLE, c->pos, c->n, &now)) return false;
    if (l->has_changed && !nap_j_equal(r, l->changed, now, &same)) return false;
    l->changed = now;
    l->has_changed = true;
    *out = nap_j_bool(!same);
    return true;
}

static const nap_j_row g_loop_rows[] = {
    {"cycle", "*", loop_cycle}, {"changed", "*", loop_changed}, {NULL, NULL, NULL}};

bool nap_j_loop_attribute(nap_j_run *r, nap_j_val v, const nap_j_str *name, nap_j_val *out,
                          bool *found)
{
    nap_j_loop *l = v.u.loop;
    const nap_j_val key = nap_j_str_val(name);
    int64_t n;
    bool end;
    const nap_j_row *row = nap_j_find_row(g_loop_rows, name->p, name->n);
    *found = true;
    if (row) return nap_j_bound(r, row, v, out);
    if (nap_j_is_string(key, "index")) return *out = nap_j_int(l->index0 + 1), true;
    if (nap_j_is_string(key, "index0")) return *out = nap_j_int(l->index0), true;
    if (nap_j_is_string(key, "first")) return *out = nap_j_bool(l->index0 == 0), true;
    if (nap_j_is_string(key, "depth")) return *out = nap_j_int(l->depth0 + 1), true;
    if (nap_j_is_string(key, "depth0")) return *out = nap_j_int(l->depth0), true;
    if (nap_j_is_string(key, "last")) {
        if (!peek(r, l, &end)) return false;
        return *out = nap_j_bool(end), true;
    }
    if (nap_j_is_string(key, "nextitem")) {
        if (!peek(r, l, &end)) return false;
        *out = l->next;
        return !end || nap_j_undefined(r, out, "there is no next item");
    }
    if (nap_j_is_string(key, "previtem")) {
        *out = l->previous;
        return l->index0 > 0 || nap_j_undefined(r, out, "there is no previous item");
    }
    const bool length = nap_j_is_string(key, "length"), rev = nap_j_is_string(key, "revindex"),
               rev0 = nap_j_is_string(key, "revindex0");
    *found = length || rev || rev0;
    if (!*found) return true;
    if (!loop_length(r, l, &n)) return false;
    *out = nap_j_int(length ? n : rev ? n - l->index0 : n - l->index0 - 1);
    return true;
}

/* --- cycler, macro, namespace, group, number --- */

static bool cycler_next(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    nap_j_cycler *y = self.u.cycler;
    (void)r;
    (void)c;
    *out = y->v[y->pos];
    y->pos = (y->pos + 1) % y->n;
    return true;
}

static bool cycler_reset(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    (void)r;
    (void)c;
    self.u.cycler->pos = 0;
    *out = nap_j_none();
    return true;
}

static const nap_j_row g_cycler_rows[] = {
    {"next", "", cycler_next}, {"reset", "", cycler_reset}, {NULL, NULL, NULL}};

static bool macro_attribute(nap_j_run *r, const nap_j_macro *m, nap_j_val key, nap_j_val *out,
                            bool *found)
{
    const nap_j_params *p = m->def->params;
    *found = true;
    if (nap_j_is_string(key, "name"))
        return *out = m->name ? nap_j_str_val(m->name) : nap_j_none(), true;
    if (nap_j_is_string(key, "caller")) return *out = nap_j_bool(p->uses_caller), true;
    if (nap_j_is_string(key, "catch_kwargs")) return *out = nap_j_bool(p->uses_kwargs), true;
    if (nap_j_is_string(key, "catch_varargs")) return *out = nap_j_bool(p->uses_varargs), true;
    *found = nap_j_is_string(key, "arguments");
    if (!*found) return true;
    nap_j_vec vec = {0};
    for (size_t i = 0; i < p->n; i++)
        if (!nap_j_push(r, &vec, nap_j_str_val(p->name[i]))) return false;
    if (!nap_j_vec_list(r, &vec, out)) return false;
    out->type = NAP_J_TUPLE;
    return true;
}

static bool number_attribute(nap_j_val v, nap_j_val key, nap_j_val *out, bool *found)
{
    *found = true;
    if (v.type == NAP_J_BOOL) v = nap_j_int(v.u.b);
    if (nap_j_is_string(key, "real")) return *out = v, true;
    if (nap_j_is_string(key, "imag"))
        return *out = v.type == NAP_J_INT ? nap_j_int(0) : nap_j_float(0), true;
    *found = v.type == NAP_J_INT &&
             (nap_j_is_string(key, "numerator") || nap_j_is_string(key, "denominator"));
    if (*found) *out = nap_j_is_string(key, "numerator") ? v : nap_j_int(1);
    return true;
}

bool nap_j_object_attribute(nap_j_run *r, nap_j_val v, const nap_j_str *name, nap_j_val *out,
                            bool *found)
{
    const nap_j_val key = nap_j_str_val(name);
    const nap_j_row *row;
    *found = false;
    switch (v.type) {
    case NAP_J_NAMESPACE: {
        const nap_j_val *member = nap_j_dict_find(v.u.d, name->p, name->n);
        if (member) *out = *member;
        *found = member != NULL;
        return true;
    }
    case NAP_J_CYCLER:
        row = nap_j_find_row(g_cycler_rows, name->p, name->n);
        *found = row || nap_j_is_string(key, "current");
        if (row) return nap_j_bound(r, row, v, out);
        if (*found) *out = v.u.cycler->v[v.u.cycler->pos];
        return true;
    case NAP_J_MACRO:
        return macro_attribute(r, v.u.macro, key, out, found);
    case NAP_J_TUPLE:
        if (!v.u.l->group) return true;
        *found = nap_j_is_string(key, "grouper") || nap_j_is_string(key, "list");
        if (*found) *out = v.u.l->v[nap_j_is_string(key, "list")];
        return true;
    case NAP_J_RANGE:
        *found = true;
        if (nap_j_is_string(key, "start")) return *out = nap_j_int(v.u.range->start), true;
        if (nap_j_is_string(key, "stop")) return *out = nap_j_int(v.u.range->stop), true;
        if (nap_j_is_string(key, "step")) return *out = nap_j_int(v.u.range->step), true;
        *found = false;
        return true;
    case NAP_J_BOOL:
    case NAP_J_INT:
    case NAP_J_FLOAT:
        return number_attribute(v, key, out, found);
    default:
        return true;
    }
}
