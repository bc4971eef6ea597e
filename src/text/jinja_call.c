/* Binding arguments to the parameters of a table row, and calling values. */
#include "text/jinja_eval.h"

#include <string.h>

typedef struct param {
    const char *name;
    size_t n;
    bool optional;
} param;

/* Takes the next parameter off a row's list. */
static bool next_param(const char **list, param *p)
{
    while (**list == ' ') ++*list;
    if (!**list) return false;
    p->name = *list;
    p->n = strcspn(*list, " ?");
    *list += p->n;
    p->optional = **list == '?';
    *list += p->optional;
    return true;
}

bool nap_j_call_row(nap_j_run *r, const nap_j_row *row, nap_j_val self, const nap_j_call *args,
                    nap_j_val *out)
{
    const char *list = row->params;
    param p;
    size_t index = 0, used = 0;
    nap_j_call c = *args;
    for (size_t i = 0; i < NAP_J_MAX_PARAMS; i++) c.arg[i] = nap_j_missing();
    if (*list == '*') {
        if (!nap_j_enter(r)) return false;
        const bool ok = row->fn(r, self, &c, out);
        nap_j_leave(r);
        return ok;
    }
    const bool by_name = *list != '/';
    for (list += !by_name; next_param(&list, &p); index++) {
        if (index < c.n) c.arg[index] = c.pos[index];
        for (size_t k = 0; by_name && k < c.nkw; k++) {
            if (c.kw[k].name->n != p.n || memcmp(c.kw[k].name->p, p.name, p.n) != 0) continue;
            if (index < c.n)
                return nap_j_raise(r, "%s() got multiple values for argument '%.*s'", row->name,
                                   (int)p.n, p.name);
            c.arg[index] = c.kw[k].val;
            used++;
        }
        if (c.arg[index].type == NAP_J_MISSING && !p.optional)
            return nap_j_raise(r, "%s() missing the argument '%.*s'", row->name, (int)p.n, p.name);
    }
    if (c.n > index)
        return nap_j_raise(r, "%s() takes at most %zu argument(s), %zu given", row->name, index,
                           c.n);
    if (used < c.nkw) return nap_j_raise(r, "%s() got an unexpected keyword argument", row->name);
    if (!nap_j_enter(r)) return false;
    const bool ok = row->fn(r, self, &c, out);
    nap_j_leave(r);
    return ok;
}

static bool call_joiner(nap_j_run *r, nap_j_joiner *j, nap_j_val *out)
{
    if (j->used) return *out = j->sep, true;
    j->used = true;
    return nap_j_cstring(r, "", out);
}

bool nap_j_call_value(nap_j_run *r, nap_j_val f, nap_j_call *args, nap_j_val *out)
{
    switch (f.type) {
    case NAP_J_FUNC:
        if (f.u.fn->self.type == NAP_J_STR)
            return nap_j_call_str(r, f.u.fn->row, f.u.fn->self, args, out);
        return nap_j_call_row(r, f.u.fn->row, f.u.fn->self, args, out);
    case NAP_J_MACRO:
        return nap_j_call_macro(r, f.u.macro, args, out);
    case NAP_J_LOOP:
        if (args->n != 1 || args->nkw) return nap_j_raise(r, "loop() takes one argument");
        return nap_j_call_loop(r, f.u.loop, args->pos[0], out);
    case NAP_J_JOINER:
        if (args->n || args->nkw) return nap_j_raise(r, "a joiner takes no arguments");
        return call_joiner(r, f.u.joiner, out);
    case NAP_J_UNDEFINED:
        return nap_j_raise(r, "%.*s", (int)f.u.s->n, f.u.s->p);
    default:
        return nap_j_raise(r, "'%s' object is not callable", nap_j_type_name(f));
    }
}

const nap_j_row *nap_j_find_row(const nap_j_row *rows, const char *name, size_t n)
{
    for (; rows->name; rows++)
        if (strlen(rows->name) == n && memcmp(rows->name, name, n) == 0) return rows;
    return NULL;
}
