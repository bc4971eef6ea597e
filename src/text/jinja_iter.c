/* Walking values, and cutting pieces out of them. */
#include "text/jinja_ops.h"
#include "text/jinja_run.h"
#include "text/jinja_unicode.h"

#include <string.h>

bool nap_j_is_iterable(nap_j_val v)
{
    switch (v.type) {
    case NAP_J_UNDEFINED:
    case NAP_J_STR:
    case NAP_J_LIST:
    case NAP_J_TUPLE:
    case NAP_J_DICT:
    case NAP_J_RANGE:
    case NAP_J_VIEW:
    case NAP_J_ITER:
    case NAP_J_LOOP:
        return true;
    default:
        return false;
    }
}

/* The walk over containers: `pos` is an index, in strings a byte offset. */
static bool next_item(nap_j_run *r, nap_j_iter *it, nap_j_val *out, bool *end)
{
    const nap_j_val v = it->src;
    *end = false;
    switch (v.type) {
    case NAP_J_STR: {
        const size_t from = it->pos;
        if (from >= v.u.s->n) break;
        (void)nap_j_cp_next(v.u.s->p, &it->pos);
        return nap_j_string_wrap(r, v.u.s->p + from, it->pos - from, out);
    }
    case NAP_J_LIST:
    case NAP_J_TUPLE:
        if (it->pos >= v.u.l->n) break;
        *out = v.u.l->v[it->pos++];
        return true;
    case NAP_J_RANGE:
        if (it->pos >= v.u.range->n) break;
        *out = nap_j_int(v.u.range->start + (int64_t)it->pos++ * v.u.range->step);
        return true;
    case NAP_J_DICT:
    case NAP_J_VIEW: {
        const nap_j_dict *d = v.type == NAP_J_DICT ? v.u.d : v.u.view->d;
        if (it->pos >= d->n) break;
        const nap_j_pair *e = &d->e[it->pos++];
        if (v.type == NAP_J_DICT || v.u.view->kind == NAP_J_KEYS) return *out = e->key, true;
        if (v.u.view->kind == NAP_J_VALUES) return *out = e->val, true;
        return nap_j_sequence(r, NAP_J_TUPLE, (nap_j_val[]){e->key, e->val}, 2, out);
    }
    default:
        break;
    }
    *end = true;
    return true;
}

bool nap_j_iter_new(nap_j_run *r, const char *kind, nap_j_val src,
                    bool (*next)(nap_j_run *, nap_j_iter *, nap_j_val *, bool *), nap_j_iter **out)
{
    nap_j_iter *it = nap_j_alloc(r, sizeof *it);
    if (!it) return false;
    *it = (nap_j_iter){.next = next, .src = src, .kind = kind};
    it->fallback = nap_j_missing();
    *out = it;
    return true;
}

/* Walking `loop` goes on where its for stands, in pairs (item, loop). */
static bool next_of_loop(nap_j_run *r, nap_j_iter *it, nap_j_val *out, bool *end)
{
    (void)out;
    *end = true;
    return nap_j_unsupported(r, "walking %s itself", it->kind);
}

bool nap_j_iterate(nap_j_run *r, nap_j_val v, nap_j_iter **out)
{
    if (v.type == NAP_J_ITER) return *out = v.u.it, true;
    if (!nap_j_is_iterable(v))
        return nap_j_raise(r, "'%s' object is not iterable", nap_j_type_name(v));
    return nap_j_iter_new(r, v.type == NAP_J_LOOP ? "loop" : "iterator", v,
                          v.type == NAP_J_LOOP ? next_of_loop : next_item, out);
}

bool nap_j_next(nap_j_run *r, nap_j_iter *it, nap_j_val *out, bool *end)
{
    *end = true;
    if (it->done) return true;
    if (!nap_j_enter(r)) return false;
    const bool ok = it->next(r, it, out, end);
    nap_j_leave(r);
    if (*end) it->done = true;
    return ok;
}

bool nap_j_to_list(nap_j_run *r, nap_j_val v, const nap_j_list **out)
{
    nap_j_vec vec = {0};
    nap_j_iter *it;
    nap_j_val list;
    if (v.type == NAP_J_LIST || v.type == NAP_J_TUPLE) return *out = v.u.l, true;
    if (!nap_j_iterate(r, v, &it)) return false;
    for (;;) {
        nap_j_val item;
        bool end;
        if (!nap_j_next(r, it, &item, &end)) return false;
        if (end) break;
        if (!nap_j_push(r, &vec, item)) return false;
    }
    if (!nap_j_vec_list(r, &vec, &list)) return false;
    *out = list.u.l;
    return true;
}

bool nap_j_substring(nap_j_run *r, const nap_j_str *s, size_t from, size_t to, nap_j_val *out)
{
    if (from >= to) return nap_j_string_wrap(r, "", 0, out);
    const size_t a = nap_j_str_offset(s, from), b = nap_j_str_offset(s, to);
    return nap_j_spend(r, s->chars == s->n ? 0 : b) && nap_j_string_wrap(r, s->p + a, b - a, out);
}

static bool slice_part(nap_j_run *r, nap_j_val v, int64_t fallback, int64_t *out)
{
    if (v.type == NAP_J_NONE) return *out = fallback, true;
    if (nap_j_as_int(v, out)) return true;
    return nap_j_raise(r, "slice indices must be integers or None");
}

static int64_t clamp_index(int64_t i, int64_t n, int64_t low, int64_t high)
{
    if (i < 0) i += n;
    return i < low ? low : i > high ? high : i;
}

bool nap_j_slice(nap_j_run *r, nap_j_val v, const nap_j_val part[3], nap_j_val *out)
{
    size_t len;
    int64_t start = 0, stop = 0, step = 1;
    if (v.type == NAP_J_UNDEFINED) return nap_j_raise(r, "%.*s", (int)v.u.s->n, v.u.s->p);
    if (v.type != NAP_J_STR && v.type != NAP_J_LIST && v.type != NAP_J_TUPLE &&
        v.type != NAP_J_RANGE)
        return nap_j_raise(r, "'%s' object cannot be sliced", nap_j_type_name(v));
    if (!nap_j_length(r, v, &len) || !slice_part(r, part[2], 1, &step)) return false;
    if (step == 0) return nap_j_raise(r, "slice step cannot be zero");
    const int64_t n = (int64_t)len;
    if (step < -n - 1) step = -n - 1; /* the same items, and no overflow below */
    if (step > n + 1) step = n + 1;
    if (!slice_part(r, part[0], step > 0 ? 0 : INT64_MAX, &start) ||
        !slice_part(r, part[1], step > 0 ? INT64_MAX : INT64_MIN, &stop))
        return false;
    const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? n : n - 1;
    start = clamp_index(start, n, low, high);
    stop = part[1].type == NAP_J_NONE && step < 0 ? -1 : clamp_index(stop, n, low, high);
    int64_t count = step > 0 ? (stop > start ? (stop - start - 1) / step + 1 : 0)
                             : (start > stop ? (start - stop - 1) / -step + 1 : 0);
    if (v.type == NAP_J_RANGE) {
        const nap_j_range *g = v.u.range;
        nap_j_range *s = nap_j_alloc(r, sizeof *s);
        if (!s) return false;
        *s = (nap_j_range){g->start + start * g->step, g->start + stop * g->step, g->step * step,
                           (size_t)count};
        *out = (nap_j_val){.type = NAP_J_RANGE, .u.range = s};
        return true;
    }
    if (v.type == NAP_J_STR && step == 1) {
        if (!nap_j_substring(r, v.u.s, (size_t)start, (size_t)(start + count), out)) return false;
        return !v.u.s->markup || nap_j_markup(r, *out, out);
    }
    if (v.type == NAP_J_STR) {
        const nap_j_list *chars;
        nap_j_sb b = {0};
        if (!nap_j_to_list(r, v, &chars)) return false;
        for (; count > 0; count--, start += step)
            if (!nap_j_put_str(r, &b, chars->v[start])) return false;
        return nap_j_sb_string(r, &b, out) && (!v.u.s->markup || nap_j_markup(r, *out, out));
    }
    nap_j_vec vec = {0};
    for (; count > 0; count--, start += step)
        if (!nap_j_spend(r, 0) || !nap_j_push(r, &vec, v.u.l->v[start])) return false;
    if (!nap_j_vec_list(r, &vec, out)) return false;
    out->type = v.type;
    return true;
}

/* v[key] without the detour over attributes; *found is false for every kind of failure that
 * becomes an undefined value. */
static bool subscript(nap_j_run *r, nap_j_val v, nap_j_val key, nap_j_val *out, bool *found)
{
    int64_t i;
    size_t n;
    *found = false;
    if (v.type == NAP_J_DICT) {
        bool hashable;
        if (!nap_j_hashable(r, key, &hashable)) return false;
        return !hashable || nap_j_dict_get(r, v.u.d, key, out, found);
    }
    if (v.type != NAP_J_STR && v.type != NAP_J_LIST && v.type != NAP_J_TUPLE &&
        v.type != NAP_J_RANGE)
        return true;
    if (!nap_j_as_int(key, &i)) return true;
    if (!nap_j_length(r, v, &n)) return false;
    if (i < 0) i += (int64_t)n;
    if (i < 0 || i >= (int64_t)n) return true;
    *found = true;
    switch (v.type) {
    case NAP_J_STR:
        if (!nap_j_substring(r, v.u.s, (size_t)i, (size_t)i + 1, out)) return false;
        return !v.u.s->markup || nap_j_markup(r, *out, out);
    case NAP_J_RANGE:
        return *out = nap_j_int(v.u.range->start + i * v.u.range->step), true;
    default:
        return *out = v.u.l->v[i], true;
    }
}

static const nap_j_row *method_of(nap_j_val v, const nap_j_str *name)
{
    switch (v.type) {
    case NAP_J_STR:
        return nap_j_find_str_method(name->p, name->n);
    case NAP_J_DICT:
        return nap_j_find_row(nap_j_dict_rows, name->p, name->n);
    case NAP_J_LIST:
    case NAP_J_TUPLE:
    case NAP_J_RANGE: {
        const nap_j_row *row = nap_j_find_row(nap_j_list_rows, name->p, name->n);
        return row && v.type != NAP_J_LIST && strcmp(row->name, "copy") == 0 ? NULL : row;
    }
    default:
        return NULL;
    }
}

/* What Python's getattr finds. */
static bool attribute(nap_j_run *r, nap_j_val v, const nap_j_str *name, nap_j_val *out, bool *found)
{
    *found = false;
    if (v.type == NAP_J_LOOP) return nap_j_loop_attribute(r, v, name, out, found);
    const nap_j_row *row = method_of(v, name);
    if (!row) return nap_j_object_attribute(r, v, name, out, found);
    *found = true;
    return nap_j_bound(r, row, v, out);
}

static bool no_such(nap_j_run *r, nap_j_val v, nap_j_val key, nap_j_val *out)
{
    nap_j_sb b = {0};
    if (!nap_j_put_repr(r, &b, key)) return false;
    const char *type = v.type == NAP_J_NONE ? "None" : nap_j_type_name(v);
    const int n = (int)(b.n < 100 ? b.n : 100);
    if (key.type == NAP_J_STR)
        return nap_j_undefined(r, out, "'%s object' has no attribute %.*s", type, n, b.p);
    return nap_j_undefined(r, out, "%s object has no element %.*s", type, n, b.p);
}

bool nap_j_getattr(nap_j_run *r, nap_j_val v, const nap_j_str *name, nap_j_val *out)
{
    bool found;
    const nap_j_val key = nap_j_str_val(name);
    if (v.type == NAP_J_UNDEFINED) return nap_j_raise(r, "%.*s", (int)v.u.s->n, v.u.s->p);
    if (!attribute(r, v, name, out, &found)) return false;
    if (!found && !subscript(r, v, key, out, &found)) return false;
    return found || no_such(r, v, key, out);
}

bool nap_j_getitem(nap_j_run *r, nap_j_val v, nap_j_val key, nap_j_val *out)
{
    bool found;
    if (v.type == NAP_J_UNDEFINED) return nap_j_raise(r, "%.*s", (int)v.u.s->n, v.u.s->p);
    if (!subscript(r, v, key, out, &found)) return false;
    if (!found && key.type == NAP_J_STR && !attribute(r, v, key.u.s, out, &found)) return false;
    return found || no_such(r, v, key, out);
}
