/* Filters of sequences. As in Jinja, map, select and their kind are lazy: they return iterators
 * that are true, have no length and can be walked once. */
#include "text/jinja_ops.h"
#include "text/jinja_run.h"
#include "text/jinja_unicode.h"

#include <string.h>

static bool truth_arg(nap_j_run *r, nap_j_val v, bool fallback, bool *out)
{
    *out = fallback;
    return v.type == NAP_J_MISSING || nap_j_truth(r, v, out);
}

static nap_j_val iter_val(nap_j_iter *it)
{
    return (nap_j_val){.type = NAP_J_ITER, .u.it = it};
}

/* --- attribute paths: "a.b.0" --- */

static bool path_part(nap_j_run *r, const nap_j_str *s, size_t from, size_t to, nap_j_val *out)
{
    int64_t i = 0;
    bool digits = to > from;
    for (size_t k = from; k < to; k++) digits &= s->p[k] >= '0' && s->p[k] <= '9';
    if (!digits) return nap_j_string_wrap(r, s->p + from, to - from, out);
    bool valid;
    if (!nap_j_parse_int(r, s->p + from, to - from, 10, &i, &valid)) return false;
    *out = nap_j_int(i);
    return true;
}

/* NULL path for no attribute at all. */
static bool make_path(nap_j_run *r, nap_j_val attribute, const nap_j_list **out)
{
    nap_j_vec vec = {0};
    nap_j_val v;
    *out = NULL;
    if (attribute.type == NAP_J_MISSING || attribute.type == NAP_J_NONE) return true;
    if (attribute.type != NAP_J_STR) {
        if (!nap_j_push(r, &vec, attribute)) return false;
    } else {
        const nap_j_str *s = attribute.u.s;
        for (size_t from = 0;;) {
            const char *dot = memchr(s->p + from, '.', s->n - from);
            const size_t to = dot ? (size_t)(dot - s->p) : s->n;
            if (!path_part(r, s, from, to, &v) || !nap_j_push(r, &vec, v)) return false;
            if (!dot) break;
            from = to + 1;
        }
    }
    if (!nap_j_vec_list(r, &vec, &v)) return false;
    *out = v.u.l;
    return true;
}

static bool follow(nap_j_run *r, const nap_j_list *path, nap_j_val item, nap_j_val fallback,
                   nap_j_val *out)
{
    for (size_t i = 0; path && i < path->n; i++) {
        if (!nap_j_getitem(r, item, path->v[i], &item)) return false;
        if (item.type == NAP_J_UNDEFINED && fallback.type != NAP_J_MISSING &&
            fallback.type != NAP_J_NONE)
            item = fallback;
    }
    *out = item;
    return true;
}

static bool fold_case(nap_j_run *r, nap_j_val v, nap_j_val *out)
{
    nap_j_sb b = {0};
    *out = v;
    if (v.type != NAP_J_STR) return true;
    return nap_j_change_case(r, &b, v.u.s->p, v.u.s->n, NAP_J_LOWER) && nap_j_sb_string(r, &b, out);
}

/* The keys of `l` by a path, in lower case unless case matters. */
static bool keys_of(nap_j_run *r, const nap_j_list *l, const nap_j_list *path, nap_j_val fallback,
                    bool case_sensitive, nap_j_val *key)
{
    for (size_t i = 0; i < l->n; i++)
        if (!follow(r, path, l->v[i], fallback, &key[i]) ||
            (!case_sensitive && !fold_case(r, key[i], &key[i])))
            return false;
    return true;
}

/* --- map, select --- */

/* The source of a lazy filter: walked from the first pull on, so that errors come when Jinja has
 * them. False values are empty sources. */
static bool lazy_start(nap_j_run *r, nap_j_iter *it)
{
    bool some;
    if (it->started) return true;
    it->started = true;
    if (!nap_j_truth(r, it->src, &some)) return false;
    if (!some) return it->done = true, true;
    return nap_j_iterate(r, it->src, &it->inner);
}

static bool find_named(nap_j_run *r, nap_j_iter *it, bool filter)
{
    const nap_j_str *name;
    if (it->fn) return true;
    if (it->call.n == 0) return true;
    if (!nap_j_str_arg(r, it->call.pos[0], &name)) return false;
    it->fn = filter ? nap_j_find_filter(name->p, name->n) : nap_j_find_test(name->p, name->n);
    if (!it->fn)
        return nap_j_raise(r, "No filter or test named '%.*s'", (int)(name->n < 60 ? name->n : 60),
                           name->p);
    it->call.pos++;
    it->call.n--;
    return true;
}

static bool next_mapped(nap_j_run *r, nap_j_iter *it, nap_j_val *out, bool *end)
{
    nap_j_val item;
    if (!lazy_start(r, it)) return false;
    *end = it->done;
    if (*end) return true;
    if (!it->path && !it->fn && it->call.n == 0)
        return nap_j_raise(r, "map requires a filter argument");
    if (!nap_j_next(r, it->inner, &item, end)) return false;
    if (*end) return true;
    if (it->path) return follow(r, it->path, item, it->fallback, out);
    return find_named(r, it, true) && nap_j_call_row(r, it->fn, item, &it->call, out);
}

static const nap_j_val *keyword(const nap_j_call *c, const char *name)
{
    for (size_t i = 0; i < c->nkw; i++)
        if (nap_j_is_string(nap_j_str_val(c->kw[i].name), name)) return &c->kw[i].val;
    return NULL;
}

static bool f_map(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    nap_j_iter *it;
    if (!nap_j_iter_new(r, "generator", in, next_mapped, &it)) return false;
    it->call = *c;
    const nap_j_val *attribute = c->n == 0 ? keyword(c, "attribute") : NULL;
    const nap_j_val *fallback = attribute ? keyword(c, "default") : NULL;
    if (attribute) {
        if (c->nkw != 1u + (fallback != NULL))
            return nap_j_raise(r, "map: unexpected keyword argument");
        if (!make_path(r, *attribute, &it->path)) return false;
        if (!it->path) { /* none: the items themselves */
            if (!nap_j_sequence(r, NAP_J_LIST, NULL, 0, out)) return false;
            it->path = out->u.l;
        }
        if (fallback) it->fallback = *fallback;
    }
    *out = iter_val(it);
    return true;
}

static bool next_selected(nap_j_run *r, nap_j_iter *it, nap_j_val *out, bool *end)
{
    if (!lazy_start(r, it)) return false;
    *end = it->done;
    while (!*end) {
        nap_j_val subject, verdict;
        bool yes;
        if (!nap_j_next(r, it->inner, out, end)) return false;
        if (*end) break;
        if (!find_named(r, it, false) || !follow(r, it->path, *out, nap_j_missing(), &subject))
            return false;
        verdict = subject;
        if (it->fn && !nap_j_call_row(r, it->fn, subject, &it->call, &verdict)) return false;
        if (!nap_j_spend(r, 0) || !nap_j_truth(r, verdict, &yes)) return false;
        if (yes != it->negate) break;
    }
    return true;
}

static bool select_items(nap_j_run *r, nap_j_val in, const nap_j_call *c, bool negate, bool attr,
                         nap_j_val *out)
{
    nap_j_iter *it;
    if (!nap_j_iter_new(r, "generator", in, next_selected, &it)) return false;
    it->call = *c;
    it->negate = negate;
    if (attr) {
        if (c->n == 0) return nap_j_raise(r, "Missing parameter for attribute name");
        if (!make_path(r, c->pos[0], &it->path)) return false;
        it->call.pos++;
        it->call.n--;
    }
    *out = iter_val(it);
    return true;
}

static bool f_select(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    return select_items(r, in, c, false, false, out);
}

static bool f_reject(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    return select_items(r, in, c, true, false, out);
}

static bool f_selectattr(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    return select_items(r, in, c, false, true, out);
}

static bool f_rejectattr(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    return select_items(r, in, c, true, true, out);
}

/* --- first, last, list, join, reverse --- */

static bool f_first(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    nap_j_iter *it;
    bool end;
    (void)c;
    if (!nap_j_iterate(r, in, &it) || !nap_j_next(r, it, out, &end)) return false;
    return !end || nap_j_undefined(r, out, "No first item, sequence was empty.");
}

/* Can reversed() walk it? */
static bool reversible(nap_j_val v)
{
    return v.type == NAP_J_STR || v.type == NAP_J_LIST || v.type == NAP_J_TUPLE ||
           v.type == NAP_J_DICT || v.type == NAP_J_RANGE || v.type == NAP_J_VIEW ||
           v.type == NAP_J_UNDEFINED;
}

static bool f_last(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    const nap_j_list *l;
    (void)c;
    if (!reversible(in))
        return nap_j_raise(r, "'%s' object is not reversible", nap_j_type_name(in));
    if (!nap_j_to_list(r, in, &l)) return false;
    if (l->n) return *out = l->v[l->n - 1], true;
    return nap_j_undefined(r, out, "No last item, sequence was empty.");
}

static bool f_list(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    const nap_j_list *l;
    (void)c;
    if (!nap_j_to_list(r, in, &l)) return false;
    return nap_j_sequence(r, NAP_J_LIST, l->v, l->n, out);
}

static bool f_join(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    nap_j_iter *it;
    nap_j_sb b = {0};
    const nap_j_list *path;
    if (!make_path(r, c->arg[1], &path) || !nap_j_iterate(r, in, &it)) return false;
    for (size_t i = 0;; i++) {
        nap_j_val v;
        bool end;
        if (!nap_j_next(r, it, &v, &end)) return false;
        if (end) return nap_j_sb_string(r, &b, out);
        if (!follow(r, path, v, nap_j_missing(), &v)) return false;
        if (i > 0 && c->arg[0].type != NAP_J_MISSING && !nap_j_put_str(r, &b, c->arg[0]))
            return false;
        if (!nap_j_put_str(r, &b, v)) return false;
    }
}

static bool next_list_item(nap_j_run *r, nap_j_iter *it, nap_j_val *out, bool *end)
{
    (void)r;
    *end = it->pos >= it->src.u.l->n;
    if (!*end) *out = it->src.u.l->v[it->pos++];
    return true;
}

static bool reversed_list(nap_j_run *r, const nap_j_list *l, nap_j_val *out)
{
    nap_j_vec vec = {0};
    for (size_t i = l->n; i-- > 0;)
        if (!nap_j_push(r, &vec, l->v[i])) return false;
    return nap_j_vec_list(r, &vec, out);
}

static bool f_reverse(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    const nap_j_list *l;
    nap_j_iter *it;
    (void)c;
    if (in.type == NAP_J_STR) {
        const nap_j_val part[3] = {nap_j_none(), nap_j_none(), nap_j_int(-1)};
        return nap_j_slice(r, in, part, out);
    }
    if (!nap_j_to_list(r, in, &l) || !reversed_list(r, l, out)) return false;
    if (!reversible(in)) return true;
    if (!nap_j_iter_new(r, "list_reverseiterator", *out, next_list_item, &it)) return false;
    *out = iter_val(it);
    return true;
}

/* --- items, dictsort, sort, unique, groupby, min, max, sum --- */

static bool dict_pairs(nap_j_run *r, nap_j_val in, nap_j_val *out)
{
    nap_j_vec vec = {0};
    for (size_t i = 0; in.type == NAP_J_DICT && i < in.u.d->n; i++) {
        nap_j_val pair;
        if (!nap_j_sequence(r, NAP_J_TUPLE, (nap_j_val[]){in.u.d->e[i].key, in.u.d->e[i].val}, 2,
                            &pair) ||
            !nap_j_push(r, &vec, pair))
            return false;
    }
    return nap_j_vec_list(r, &vec, out);
}

static bool next_pair(nap_j_run *r, nap_j_iter *it, nap_j_val *out, bool *end)
{
    if (!it->started) {
        it->started = true;
        if (it->src.type != NAP_J_DICT && it->src.type != NAP_J_UNDEFINED)
            return nap_j_raise(r, "Can only get item pairs from a mapping.");
        if (!dict_pairs(r, it->src, &it->src)) return false;
    }
    return next_list_item(r, it, out, end);
}

static bool f_items(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    nap_j_iter *it;
    (void)c;
    if (!nap_j_iter_new(r, "generator", in, next_pair, &it)) return false;
    *out = iter_val(it);
    return true;
}

/* Stable merge sort of v along with key; the first failing comparison ends it. */
static bool merge_sort(nap_j_run *r, nap_j_val *v, nap_j_val *key, nap_j_val *tmp, size_t n,
                       bool reverse)
{
    if (n < 2) return true;
    const size_t half = n / 2;
    if (!merge_sort(r, v, key, tmp, half, reverse) ||
        !merge_sort(r, v + half, key + half, tmp, n - half, reverse))
        return false;
    size_t a = 0, b = half, o = 0;
    while (a < half || b < n) {
        bool take_b = a == half;
        if (a < half && b < n) {
            const bool ok = reverse ? nap_j_compare(r, NAP_J_LT, key[a], key[b], &take_b)
                                    : nap_j_compare(r, NAP_J_LT, key[b], key[a], &take_b);
            if (!ok || !nap_j_spend(r, 0)) return false;
        }
        const size_t from = take_b ? b++ : a++;
        tmp[2 * o] = v[from];
        tmp[2 * o + 1] = key[from];
        o++;
    }
    for (size_t i = 0; i < n; i++) {
        v[i] = tmp[2 * i];
        key[i] = tmp[2 * i + 1];
    }
    return true;
}

bool nap_j_sort(nap_j_run *r, nap_j_val *v, nap_j_val *key, size_t n, bool reverse)
{
    nap_j_val *tmp = nap_j_alloc(r, 2 * n * sizeof *tmp);
    return tmp && merge_sort(r, v, key, tmp, n, reverse);
}

static bool sorted(nap_j_run *r, const nap_j_list *l, nap_j_val *key, bool reverse, nap_j_val *out)
{
    nap_j_val *v = nap_j_alloc(r, l->n * sizeof *v);
    if (!v) return false;
    if (l->n) memcpy(v, l->v, l->n * sizeof *v);
    return nap_j_sort(r, v, key, l->n, reverse) && nap_j_sequence(r, NAP_J_LIST, v, l->n, out);
}

static bool f_dictsort(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    bool case_sensitive, reverse;
    nap_j_val pairs;
    size_t by = 0;
    if (!truth_arg(r, c->arg[0], false, &case_sensitive) ||
        !truth_arg(r, c->arg[2], false, &reverse))
        return false;
    if (nap_j_is_string(c->arg[1], "value"))
        by = 1;
    else if (c->arg[1].type != NAP_J_MISSING && !nap_j_is_string(c->arg[1], "key"))
        return nap_j_raise(r, "You can only sort by either \"key\" or \"value\"");
    if (in.type == NAP_J_UNDEFINED) return nap_j_raise(r, "%.*s", (int)in.u.s->n, in.u.s->p);
    if (in.type != NAP_J_DICT) return nap_j_raise(r, "dictsort takes a mapping");
    if (!dict_pairs(r, in, &pairs)) return false;
    nap_j_val *key = nap_j_alloc(r, pairs.u.l->n * sizeof *key);
    if (!key) return false;
    for (size_t i = 0; i < pairs.u.l->n; i++) {
        key[i] = pairs.u.l->v[i].u.l->v[by];
        if (!case_sensitive && !fold_case(r, key[i], &key[i])) return false;
    }
    return sorted(r, pairs.u.l, key, reverse, out);
}

/* The keys of |sort: one for each of the comma-separated attributes, as a list. */
static bool sort_keys(nap_j_run *r, const nap_j_list *l, nap_j_val attribute, bool case_sensitive,
                      nap_j_val *key)
{
    nap_j_vec *vec = nap_j_alloc(r, l->n * sizeof *vec);
    nap_j_val *one = nap_j_alloc(r, l->n * sizeof *one);
    if (!vec || !one) return false;
    if (l->n) memset(vec, 0, l->n * sizeof *vec);
    for (size_t from = 0;;) {
        const nap_j_list *path;
        nap_j_val part = attribute;
        const char *comma = NULL;
        if (attribute.type == NAP_J_STR) {
            const nap_j_str *s = attribute.u.s;
            comma = memchr(s->p + from, ',', s->n - from);
            const size_t to = comma ? (size_t)(comma - s->p) : s->n;
            if (!nap_j_string_wrap(r, s->p + from, to - from, &part)) return false;
            from = to + 1;
        }
        if (!make_path(r, part, &path) ||
            !keys_of(r, l, path, nap_j_missing(), case_sensitive, one))
            return false;
        for (size_t i = 0; i < l->n; i++)
            if (!nap_j_push(r, &vec[i], one[i])) return false;
        if (!comma) break;
    }
    for (size_t i = 0; i < l->n; i++)
        if (!nap_j_vec_list(r, &vec[i], &key[i])) return false;
    return true;
}

static bool f_sort(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    bool reverse, case_sensitive;
    const nap_j_list *l;
    if (!truth_arg(r, c->arg[0], false, &reverse) ||
        !truth_arg(r, c->arg[1], false, &case_sensitive) || !nap_j_to_list(r, in, &l))
        return false;
    nap_j_val *key = nap_j_alloc(r, l->n * sizeof *key);
    return key && sort_keys(r, l, c->arg[2], case_sensitive, key) &&
           sorted(r, l, key, reverse, out);
}

static bool f_unique(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    bool case_sensitive;
    const nap_j_list *l, *path;
    nap_j_dict *seen;
    nap_j_vec vec = {0};
    nap_j_iter *it;
    if (!truth_arg(r, c->arg[0], false, &case_sensitive) || !make_path(r, c->arg[1], &path) ||
        !nap_j_to_list(r, in, &l) || !nap_j_dict_new(r, &seen))
        return false;
    nap_j_val *key = nap_j_alloc(r, l->n * sizeof *key);
    if (!key || !keys_of(r, l, path, nap_j_missing(), case_sensitive, key)) return false;
    for (size_t i = 0; i < l->n; i++) {
        const size_t before = seen->n;
        if (!nap_j_dict_set(r, seen, key[i], nap_j_none())) return false;
        if (seen->n > before && !nap_j_push(r, &vec, l->v[i])) return false;
    }
    if (!nap_j_vec_list(r, &vec, out) || !nap_j_iter_new(r, "generator", *out, next_list_item, &it))
        return false;
    *out = iter_val(it);
    return true;
}

static bool f_groupby(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    bool case_sensitive;
    const nap_j_list *l, *path;
    const nap_j_val fallback = c->arg[1];
    nap_j_val list;
    nap_j_vec groups = {0};
    if (!truth_arg(r, c->arg[2], false, &case_sensitive) || !make_path(r, c->arg[0], &path) ||
        !nap_j_to_list(r, in, &l))
        return false;
    nap_j_val *key = nap_j_alloc(r, l->n * sizeof *key);
    if (!key || !keys_of(r, l, path, fallback, case_sensitive, key) ||
        !sorted(r, l, key, false, &list))
        return false;
    for (size_t i = 0, k; i < l->n; i = k) {
        nap_j_val members, name, group;
        bool same = true;
        for (k = i + 1; k < l->n; k++) {
            if (!nap_j_equal(r, key[i], key[k], &same)) return false;
            if (!same) break;
        }
        if (!nap_j_sequence(r, NAP_J_LIST, list.u.l->v + i, k - i, &members) ||
            !follow(r, path, list.u.l->v[i], fallback, &name) ||
            !nap_j_sequence(r, NAP_J_TUPLE, (nap_j_val[]){name, members}, 2, &group))
            return false;
        nap_j_list *g = nap_j_alloc(r, sizeof *g);
        if (!g) return false;
        *g = *group.u.l;
        g->group = true;
        group.u.l = g;
        if (!nap_j_push(r, &groups, group)) return false;
    }
    return nap_j_vec_list(r, &groups, out);
}

static bool extreme(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_op op, nap_j_val *out)
{
    bool case_sensitive;
    const nap_j_list *l, *path;
    if (!truth_arg(r, c->arg[0], false, &case_sensitive) || !nap_j_to_list(r, in, &l)) return false;
    if (l->n == 0) return nap_j_undefined(r, out, "No aggregated item, sequence was empty.");
    nap_j_val *key = nap_j_alloc(r, l->n * sizeof *key);
    if (!key || !make_path(r, c->arg[1], &path) ||
        !keys_of(r, l, path, nap_j_missing(), case_sensitive, key))
        return false;
    size_t best = 0;
    for (size_t i = 1; i < l->n; i++) {
        bool better;
        if (!nap_j_compare(r, op, key[i], key[best], &better)) return false;
        if (better) best = i;
    }
    *out = l->v[best];
    return true;
}

static bool f_min(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    return extreme(r, in, c, NAP_J_LT, out);
}

static bool f_max(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    return extreme(r, in, c, NAP_J_GT, out);
}

static bool f_sum(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    const nap_j_list *l, *path;
    *out = c->arg[1].type == NAP_J_MISSING ? nap_j_int(0) : c->arg[1];
    if (out->type == NAP_J_STR) return nap_j_raise(r, "sum() can't sum strings");
    if (!make_path(r, c->arg[0], &path) || !nap_j_to_list(r, in, &l)) return false;
    for (size_t i = 0; i < l->n; i++) {
        nap_j_val v;
        if (!follow(r, path, l->v[i], nap_j_missing(), &v) ||
            !nap_j_binary(r, NAP_J_ADD, *out, v, out))
            return false;
    }
    return true;
}

/* --- batch, slice, attr --- */

static bool lists_iterator(nap_j_run *r, const nap_j_vec *lists, nap_j_val *out)
{
    nap_j_iter *it;
    if (!nap_j_vec_list(r, lists, out) ||
        !nap_j_iter_new(r, "generator", *out, next_list_item, &it))
        return false;
    *out = iter_val(it);
    return true;
}

static bool chunk(nap_j_run *r, nap_j_vec *lists, const nap_j_val *v, size_t n, size_t fill,
                  nap_j_val with)
{
    nap_j_vec vec = {0};
    nap_j_val list;
    for (size_t i = 0; i < n; i++)
        if (!nap_j_push(r, &vec, v[i])) return false;
    for (size_t i = 0; i < fill; i++)
        if (!nap_j_push(r, &vec, with)) return false;
    return nap_j_vec_list(r, &vec, &list) && nap_j_push(r, lists, list);
}

static bool f_batch(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    const nap_j_list *l;
    int64_t per;
    nap_j_vec lists = {0};
    const bool fills = c->arg[1].type != NAP_J_MISSING && c->arg[1].type != NAP_J_NONE;
    if (!nap_j_int_arg(r, c->arg[0], 0, &per) || !nap_j_to_list(r, in, &l)) return false;
    if (per <= 0) return nap_j_raise(r, "batch needs a positive count");
    for (size_t i = 0; i < l->n; i += (size_t)per) {
        const size_t n = l->n - i < (size_t)per ? l->n - i : (size_t)per;
        if (!chunk(r, &lists, l->v + i, n, fills ? (size_t)per - n : 0, c->arg[1])) return false;
    }
    return lists_iterator(r, &lists, out);
}

static bool f_slice(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    const nap_j_list *l;
    int64_t slices;
    nap_j_vec lists = {0};
    const bool fills = c->arg[1].type != NAP_J_MISSING && c->arg[1].type != NAP_J_NONE;
    if (!nap_j_int_arg(r, c->arg[0], 0, &slices) || !nap_j_to_list(r, in, &l)) return false;
    if (slices == 0) return nap_j_raise(r, "integer division or modulo by zero");
    const size_t each = slices > 0 ? l->n / (size_t)slices : 0;
    const size_t extra = slices > 0 ? l->n % (size_t)slices : 0;
    size_t at = 0;
    for (int64_t k = 0; k < slices; k++) {
        const bool longer = (size_t)k < extra;
        if (!nap_j_spend(r, 0) ||
            !chunk(r, &lists, l->v + at, each + longer, fills && !longer, c->arg[1]))
            return false;
        at += each + longer;
    }
    return lists_iterator(r, &lists, out);
}

static bool f_attr(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    const nap_j_str *name;
    if (!nap_j_str_arg(r, c->arg[0], &name)) return false;
    if (in.type == NAP_J_UNDEFINED) return nap_j_raise(r, "%.*s", (int)in.u.s->n, in.u.s->p);
    if (in.type != NAP_J_DICT || nap_j_find_row(nap_j_dict_rows, name->p, name->n))
        return nap_j_getattr(r, in, name, out);
    return nap_j_undefined(r, out, "'dict object' has no attribute '%.*s'", (int)name->n, name->p);
}

const nap_j_row nap_j_seq_filter_rows[] = {
    {"attr", "name", f_attr},
    {"batch", "linecount fill_with?", f_batch},
    {"dictsort", "case_sensitive? by? reverse?", f_dictsort},
    {"first", "", f_first},
    {"groupby", "attribute default? case_sensitive?", f_groupby},
    {"items", "", f_items},
    {"join", "d? attribute?", f_join},
    {"last", "", f_last},
    {"list", "", f_list},
    {"map", "*", f_map},
    {"max", "case_sensitive? attribute?", f_max},
    {"min", "case_sensitive? attribute?", f_min},
    {"reject", "*", f_reject},
    {"rejectattr", "*", f_rejectattr},
    {"reverse", "", f_reverse},
    {"select", "*", f_select},
    {"selectattr", "*", f_selectattr},
    {"slice", "slices fill_with?", f_slice},
    {"sort", "reverse? case_sensitive? attribute?", f_sort},
    {"sum", "attribute? start?", f_sum},
    {"unique", "case_sensitive? attribute?", f_unique},
    {NULL, NULL, NULL},
};
