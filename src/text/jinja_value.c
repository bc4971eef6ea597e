#include "text/jinja_value.h"
#include "base/checked.h"
#include "text/jinja_ops.h"
#include "text/jinja_run.h"
#include "text/jinja_unicode.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool nap_j_string_wrap(nap_j_run *r, const char *p, size_t n, nap_j_val *out)
{
    nap_j_str *s = nap_j_alloc(r, sizeof *s);
    if (!s) return false;
    *s = (nap_j_str){.p = p, .n = n, .chars = nap_j_utf8_count(p, n)};
    *out = nap_j_str_val(s);
    return nap_j_spend(r, n);
}

bool nap_j_string(nap_j_run *r, const char *p, size_t n, nap_j_val *out)
{
    if (n > r->max_output) return nap_j_limit(r, "a string of %zu bytes exceeds the limit", n);
    char *copy = nap_j_alloc(r, n);
    if (!copy) return false;
    memcpy(copy, p, n);
    return nap_j_string_wrap(r, copy, n, out);
}

bool nap_j_cstring(nap_j_run *r, const char *s, nap_j_val *out)
{
    return nap_j_string_wrap(r, s, strlen(s), out);
}

bool nap_j_undefined(nap_j_run *r, nap_j_val *out, const char *fmt, ...)
{
    char text[300];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    nap_j_val message = nap_j_none();
    if (!nap_j_string(r, text, strlen(text), &message)) return false;
    *out = (nap_j_val){.type = NAP_J_UNDEFINED, .u.s = message.u.s};
    return true;
}

bool nap_j_sequence(nap_j_run *r, nap_j_type type, const nap_j_val *v, size_t n, nap_j_val *out)
{
    uint64_t bytes;
    if (!nap_mul_ok(n, sizeof *v, &bytes) || bytes > r->max_output)
        return nap_j_limit(r, "a list of %zu items exceeds the limit", n);
    nap_j_val *copy = nap_j_alloc(r, (size_t)bytes);
    nap_j_list *l = copy ? nap_j_alloc(r, sizeof *l) : NULL;
    if (!l) return false;
    if (n) memcpy(copy, v, (size_t)bytes);
    *l = (nap_j_list){.v = copy, .n = n};
    *out = (nap_j_val){.type = type, .u.l = l};
    return nap_j_spend(r, bytes);
}

bool nap_j_bound(nap_j_run *r, const nap_j_row *row, nap_j_val self, nap_j_val *out)
{
    nap_j_func *fn = nap_j_alloc(r, sizeof *fn);
    if (!fn) return false;
    *fn = (nap_j_func){.row = row, .self = self};
    *out = (nap_j_val){.type = NAP_J_FUNC, .u.fn = fn};
    return true;
}

/* Room for `extra` more of `size` bytes each, in an array of *cap with n used; the cap on single
 * values is checked here. */
static void *grow(nap_j_run *r, void *p, size_t n, size_t *cap, size_t extra, size_t size)
{
    uint64_t need, bytes;
    if (!nap_add_ok(n, extra, &need) || !nap_mul_ok(need, size, &bytes) || bytes > r->max_output) {
        (void)nap_j_limit(r, "a value exceeds %llu bytes", (unsigned long long)r->max_output);
        return NULL;
    }
    if (need <= *cap) return p;
    uint64_t want = *cap ? (uint64_t)*cap * 2 : 8;
    if (want < need) want = need;
    if (p && nap_j_arena_extend(&r->arena, p, *cap * size, (size_t)want * size)) {
        *cap = (size_t)want;
        return p;
    }
    void *q = nap_j_alloc(r, (size_t)want * size);
    if (!q) return NULL;
    if (n) memcpy(q, p, n * size);
    *cap = (size_t)want;
    return q;
}

bool nap_j_push(nap_j_run *r, nap_j_vec *vec, nap_j_val v)
{
    nap_j_val *p = grow(r, vec->v, vec->n, &vec->cap, 1, sizeof v);
    if (!p) return false;
    vec->v = p;
    vec->v[vec->n++] = v;
    return true;
}

bool nap_j_vec_list(nap_j_run *r, const nap_j_vec *vec, nap_j_val *out)
{
    static const nap_j_val nothing = {.type = NAP_J_NONE}; /* what an empty list points at */
    nap_j_list *l = nap_j_alloc(r, sizeof *l);
    if (!l) return false;
    *l = (nap_j_list){.v = vec->v ? vec->v : &nothing, .n = vec->n};
    *out = (nap_j_val){.type = NAP_J_LIST, .u.l = l};
    return true;
}

bool nap_j_put(nap_j_run *r, nap_j_sb *b, const char *p, size_t n)
{
    if (n == 0) return true;
    char *q = grow(r, b->p, b->n, &b->cap, n, 1);
    if (!q) return false;
    b->p = q;
    memcpy(b->p + b->n, p, n);
    b->n += n;
    return true;
}

bool nap_j_puts(nap_j_run *r, nap_j_sb *b, const char *s)
{
    return nap_j_put(r, b, s, strlen(s));
}

bool nap_j_putc(nap_j_run *r, nap_j_sb *b, char c)
{
    return nap_j_put(r, b, &c, 1);
}

bool nap_j_put_cp(nap_j_run *r, nap_j_sb *b, uint32_t cp)
{
    char c[4];
    return nap_j_put(r, b, c, nap_j_cp_encode(cp, c));
}

bool nap_j_put_repeat(nap_j_run *r, nap_j_sb *b, const char *p, size_t n, int64_t times)
{
    uint64_t bytes;
    if (times <= 0 || n == 0) return true;
    if (!nap_mul_ok(n, (uint64_t)times, &bytes) || bytes > r->max_output)
        return nap_j_limit(r, "a string exceeds %llu bytes", (unsigned long long)r->max_output);
    if (!nap_j_spend(r, bytes)) return false;
    for (int64_t i = 0; i < times; i++)
        if (!nap_j_put(r, b, p, n)) return false;
    return true;
}

bool nap_j_sb_string(nap_j_run *r, const nap_j_sb *b, nap_j_val *out)
{
    return nap_j_string_wrap(r, b->p ? b->p : "", b->n, out);
}

bool nap_j_dict_new(nap_j_run *r, nap_j_dict **out)
{
    nap_j_dict *d = nap_j_alloc(r, sizeof *d);
    if (!d) return false;
    *d = (nap_j_dict){0};
    *out = d;
    return true;
}

bool nap_j_hashable(nap_j_run *r, nap_j_val v, bool *yes)
{
    *yes = v.type != NAP_J_LIST && v.type != NAP_J_DICT && v.type != NAP_J_SLICE;
    if (v.type != NAP_J_TUPLE) return true;
    if (!nap_j_enter(r)) return false;
    bool ok = true;
    for (size_t i = 0; ok && *yes && i < v.u.l->n; i++) ok = nap_j_hashable(r, v.u.l->v[i], yes);
    nap_j_leave(r);
    return ok;
}

static uint64_t mix(uint64_t h)
{
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93u;
    return h ^ h >> 32;
}

static uint64_t hash_bytes(const char *p, size_t n)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)p[i]) * 0x100000001b3u;
    return mix(h);
}

/* Equal values have equal hashes: 1, 1.0 and true are one key, as in Python. Only for values that
 * nap_j_hashable has walked, which bounds the recursion. */
static uint64_t hash_value(nap_j_val v)
{
    uint64_t h = 0;
    switch (v.type) {
    case NAP_J_STR:
        return hash_bytes(v.u.s->p, v.u.s->n);
    case NAP_J_BOOL:
        return mix((uint64_t)v.u.b + 1);
    case NAP_J_INT:
        return mix((uint64_t)v.u.i + 1);
    case NAP_J_FLOAT:
        if (v.u.f == floor(v.u.f) && fabs(v.u.f) < 9e18) return mix((uint64_t)(int64_t)v.u.f + 1);
        memcpy(&h, &v.u.f, sizeof h);
        return mix(h);
    case NAP_J_TUPLE:
        for (size_t i = 0; i < v.u.l->n; i++) h = mix(h * 31 + hash_value(v.u.l->v[i]));
        return h;
    default:
        return mix((uint64_t)v.type << 40);
    }
}

/* The slot of the index that holds the key's entry, or the free one where it belongs. */
static bool probe(nap_j_run *r, const nap_j_dict *d, nap_j_val key, uint64_t hash, size_t *slot,
                  size_t *entry, bool *found)
{
    *found = false;
    if (!d->index) {
        for (size_t i = 0; i < d->n && !*found; i++) {
            if (d->e[i].hash != hash) continue;
            if (!nap_j_equal(r, d->e[i].key, key, found)) return false;
            *entry = i;
        }
        return true;
    }
    for (size_t i = hash & (d->index_cap - 1);; i = (i + 1) & (d->index_cap - 1)) {
        *slot = i;
        if (d->index[i] == 0) return true;
        *entry = d->index[i] - 1;
        if (d->e[*entry].hash != hash) continue;
        if (!nap_j_equal(r, d->e[*entry].key, key, found)) return false;
        if (*found) return true;
    }
}

static bool reindex(nap_j_run *r, nap_j_dict *d)
{
    const size_t cap = d->index_cap ? d->index_cap * 2 : 32;
    uint32_t *index = nap_j_alloc(r, cap * sizeof *index);
    if (!index) return false;
    memset(index, 0, cap * sizeof *index);
    for (size_t k = 0; k < d->n; k++) {
        size_t i = d->e[k].hash & (cap - 1);
        while (index[i]) i = (i + 1) & (cap - 1);
        index[i] = (uint32_t)k + 1;
    }
    d->index = index;
    d->index_cap = cap;
    return true;
}

bool nap_j_dict_set(nap_j_run *r, nap_j_dict *d, nap_j_val key, nap_j_val val)
{
    bool hashable;
    if (!nap_j_hashable(r, key, &hashable)) return false;
    if (!hashable) return nap_j_raise(r, "unhashable type: '%s'", nap_j_type_name(key));
    const uint64_t hash = hash_value(key);
    size_t slot = 0, entry = 0;
    bool found;
    if (!nap_j_spend(r, 0) || !probe(r, d, key, hash, &slot, &entry, &found)) return false;
    if (found) {
        d->e[entry].val = val;
        return true;
    }
    if (d->n >= UINT32_MAX / 4) return nap_j_limit(r, "a dict of more than a billion entries");
    nap_j_pair *e = grow(r, d->e, d->n, &d->cap, 1, sizeof *e);
    if (!e) return false;
    d->e = e;
    d->e[d->n++] = (nap_j_pair){.key = key, .val = val, .hash = hash};
    if (d->n > 8 && d->n * 2 > d->index_cap) return reindex(r, d);
    if (d->index) d->index[slot] = (uint32_t)d->n;
    return true;
}

bool nap_j_dict_get(nap_j_run *r, const nap_j_dict *d, nap_j_val key, nap_j_val *out, bool *found)
{
    size_t slot, entry = 0;
    if (!probe(r, d, key, hash_value(key), &slot, &entry, found)) return false;
    if (*found) *out = d->e[entry].val;
    return true;
}

const nap_j_val *nap_j_dict_find(const nap_j_dict *d, const char *key, size_t n)
{
    const uint64_t hash = hash_bytes(key, n);
    if (!d->index) {
        for (size_t i = 0; i < d->n; i++) {
            const nap_j_val k = d->e[i].key;
            if (d->e[i].hash == hash && k.type == NAP_J_STR && k.u.s->n == n &&
                memcmp(k.u.s->p, key, n) == 0)
                return &d->e[i].val;
        }
        return NULL;
    }
    for (size_t i = hash & (d->index_cap - 1); d->index[i]; i = (i + 1) & (d->index_cap - 1)) {
        const nap_j_pair *e = &d->e[d->index[i] - 1];
        if (e->hash == hash && e->key.type == NAP_J_STR && e->key.u.s->n == n &&
            memcmp(e->key.u.s->p, key, n) == 0)
            return &e->val;
    }
    return NULL;
}

const char *nap_j_type_name(nap_j_val v)
{
    static const char *const views[] = {"dict_keys", "dict_values", "dict_items"};
    switch (v.type) {
    case NAP_J_UNDEFINED:
        return "Undefined";
    case NAP_J_NONE:
        return "NoneType";
    case NAP_J_BOOL:
        return "bool";
    case NAP_J_INT:
        return "int";
    case NAP_J_FLOAT:
        return "float";
    case NAP_J_STR:
        return v.u.s->markup ? "Markup" : "str";
    case NAP_J_LIST:
        return "list";
    case NAP_J_TUPLE:
        return "tuple";
    case NAP_J_DICT:
        return "dict";
    case NAP_J_NAMESPACE:
        return "Namespace";
    case NAP_J_RANGE:
        return "range";
    case NAP_J_VIEW:
        return views[v.u.view->kind];
    case NAP_J_ITER:
        return v.u.it->kind;
    case NAP_J_FUNC:
        return "builtin_function_or_method";
    case NAP_J_MACRO:
        return "Macro";
    case NAP_J_LOOP:
        return "LoopContext";
    case NAP_J_CYCLER:
        return "Cycler";
    case NAP_J_JOINER:
        return "Joiner";
    case NAP_J_SLICE:
        return "slice";
    case NAP_J_MISSING:
        break;
    }
    return "missing";
}

bool nap_j_int_arg(nap_j_run *r, nap_j_val v, int64_t fallback, int64_t *out)
{
    if (v.type == NAP_J_MISSING) {
        *out = fallback;
        return true;
    }
    if (nap_j_as_int(v, out)) return true;
    return nap_j_raise(r, "an integer was expected, not '%s'", nap_j_type_name(v));
}

bool nap_j_str_arg(nap_j_run *r, nap_j_val v, const nap_j_str **out)
{
    if (v.type != NAP_J_STR)
        return nap_j_raise(r, "a string was expected, not '%s'", nap_j_type_name(v));
    *out = v.u.s;
    return true;
}
