/* String methods: looking into strings and taking them apart. The rest is in jinja_str_more.c. */
#include "text/jinja_ops.h"
#include "text/jinja_run.h"
#include "text/jinja_unicode.h"

#include <string.h>

static bool new_piece(nap_j_run *r, const nap_j_str *s, size_t from, size_t to, nap_j_val *out)
{
    return nap_j_string_wrap(r, s->p + from, to - from, out);
}

/* --- strip --- */

static bool in_set(const nap_j_str *set, uint32_t cp)
{
    if (!set) return nap_j_is_space(cp);
    for (size_t i = 0; i < set->n;)
        if (nap_j_cp_next(set->p, &i) == cp) return true;
    return false;
}

static bool strip(nap_j_run *r, nap_j_val self, const nap_j_call *c, bool left, bool right,
                  nap_j_val *out)
{
    const nap_j_str *s = self.u.s, *set = NULL;
    const nap_j_val chars = c->arg[0];
    if (chars.type != NAP_J_MISSING && chars.type != NAP_J_NONE && !nap_j_str_arg(r, chars, &set))
        return false;
    size_t from = 0, to = s->n, k;
    if (set && !nap_j_spend(r, set->n * 16 + s->n)) return false;
    while (left && from < to) {
        k = from;
        if (!in_set(set, nap_j_cp_next(s->p, &k))) break;
        from = k;
    }
    while (right && to > from) {
        k = to;
        if (!in_set(set, nap_j_cp_before(s->p, &k))) break;
        to = k;
    }
    return new_piece(r, s, from, to, out);
}

static bool m_strip(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    return strip(r, self, c, true, true, out);
}

static bool m_lstrip(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    return strip(r, self, c, true, false, out);
}

static bool m_rstrip(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    return strip(r, self, c, false, true, out);
}

static bool removeaffix(nap_j_run *r, nap_j_val self, const nap_j_call *c, bool suffix,
                        nap_j_val *out)
{
    const nap_j_str *s = self.u.s, *x;
    if (!nap_j_str_arg(r, c->arg[0], &x)) return false;
    *out = self;
    if (x->n > s->n || memcmp(suffix ? s->p + s->n - x->n : s->p, x->p, x->n) != 0) return true;
    return suffix ? new_piece(r, s, 0, s->n - x->n, out) : new_piece(r, s, x->n, s->n, out);
}

static bool m_removeprefix(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    return removeaffix(r, self, c, false, out);
}

static bool m_removesuffix(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    return removeaffix(r, self, c, true, out);
}

/* --- split --- */

static bool push_piece(nap_j_run *r, nap_j_vec *vec, const nap_j_str *s, size_t from, size_t to)
{
    nap_j_val v;
    return new_piece(r, s, from, to, &v) && nap_j_push(r, vec, v);
}

static bool split_space(nap_j_run *r, const nap_j_str *s, int64_t limit, nap_j_vec *vec)
{
    size_t i = 0;
    for (;;) {
        size_t k = i;
        while (k < s->n && nap_j_is_space(nap_j_cp_next(s->p, &k))) i = k;
        if (i >= s->n) return true;
        size_t end = i;
        if (limit >= 0 && (int64_t)vec->n >= limit) {
            end = s->n; /* the rest, with its trailing blanks */
            return push_piece(r, vec, s, i, end);
        }
        for (k = i; k < s->n && !nap_j_is_space(nap_j_cp_next(s->p, &k));) end = k;
        if (!push_piece(r, vec, s, i, end)) return false;
        i = end;
    }
}

static bool rsplit_space(nap_j_run *r, const nap_j_str *s, int64_t limit, nap_j_vec *vec)
{
    size_t i = s->n;
    for (;;) {
        size_t k = i;
        while (k > 0 && nap_j_is_space(nap_j_cp_before(s->p, &k))) i = k;
        if (i == 0) return true;
        size_t begin = i;
        if (limit >= 0 && (int64_t)vec->n >= limit) {
            begin = 0; /* the rest, with its leading blanks */
            return push_piece(r, vec, s, begin, i);
        }
        for (k = i; k > 0 && !nap_j_is_space(nap_j_cp_before(s->p, &k));) begin = k;
        if (!push_piece(r, vec, s, begin, i)) return false;
        i = begin;
    }
}

static bool split_on(nap_j_run *r, const nap_j_str *s, const nap_j_str *sep, int64_t limit,
                     nap_j_vec *vec)
{
    size_t from = 0;
    while (limit < 0 || (int64_t)vec->n < limit) {
        const char *hit = memmem(s->p + from, s->n - from, sep->p, sep->n);
        if (!hit) break;
        const size_t at = (size_t)(hit - s->p);
        if (!push_piece(r, vec, s, from, at)) return false;
        from = at + sep->n;
    }
    return push_piece(r, vec, s, from, s->n);
}

static size_t find_last(const char *p, size_t n, const nap_j_str *x)
{
    if (x->n > n) return SIZE_MAX;
    for (size_t i = n - x->n + 1; i-- > 0;)
        if (memcmp(p + i, x->p, x->n) == 0) return i;
    return SIZE_MAX;
}

static bool rsplit_on(nap_j_run *r, const nap_j_str *s, const nap_j_str *sep, int64_t limit,
                      nap_j_vec *vec)
{
    size_t to = s->n;
    while (limit < 0 || (int64_t)vec->n < limit) {
        const size_t at = find_last(s->p, to, sep);
        if (at == SIZE_MAX) break;
        if (!push_piece(r, vec, s, at + sep->n, to)) return false;
        to = at;
    }
    return push_piece(r, vec, s, 0, to);
}

static bool split(nap_j_run *r, nap_j_val self, const nap_j_call *c, bool backwards, nap_j_val *out)
{
    const nap_j_str *sep = NULL;
    int64_t limit;
    nap_j_vec vec = {0};
    if (c->arg[0].type != NAP_J_MISSING && c->arg[0].type != NAP_J_NONE &&
        !nap_j_str_arg(r, c->arg[0], &sep))
        return false;
    if (sep && sep->n == 0) return nap_j_raise(r, "empty separator");
    if (!nap_j_int_arg(r, c->arg[1], -1, &limit) || !nap_j_spend(r, self.u.s->n)) return false;
    const bool ok = sep ? (backwards ? rsplit_on(r, self.u.s, sep, limit, &vec)
                                     : split_on(r, self.u.s, sep, limit, &vec))
                        : (backwards ? rsplit_space(r, self.u.s, limit, &vec)
                                     : split_space(r, self.u.s, limit, &vec));
    if (!ok) return false;
    for (size_t i = 0; backwards && i < vec.n / 2; i++) {
        const nap_j_val t = vec.v[i];
        vec.v[i] = vec.v[vec.n - 1 - i];
        vec.v[vec.n - 1 - i] = t;
    }
    return nap_j_vec_list(r, &vec, out);
}

static bool m_split(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    return split(r, self, c, false, out);
}

static bool m_rsplit(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    return split(r, self, c, true, out);
}

static bool partition(nap_j_run *r, nap_j_val self, const nap_j_call *c, bool backwards,
                      nap_j_val *out)
{
    const nap_j_str *s = self.u.s, *sep;
    nap_j_val v[3];
    if (!nap_j_str_arg(r, c->arg[0], &sep)) return false;
    if (sep->n == 0) return nap_j_raise(r, "empty separator");
    const char *hit = memmem(s->p, s->n, sep->p, sep->n);
    size_t at = backwards ? find_last(s->p, s->n, sep) : hit ? (size_t)(hit - s->p) : SIZE_MAX;
    if (at == SIZE_MAX) {
        if (!nap_j_cstring(r, "", &v[1])) return false;
        v[0] = backwards ? v[1] : self;
        v[2] = backwards ? self : v[1];
    } else if (!new_piece(r, s, 0, at, &v[0]) || !new_piece(r, s, at + sep->n, s->n, &v[2])) {
        return false;
    } else {
        v[1] = c->arg[0];
    }
    return nap_j_sequence(r, NAP_J_TUPLE, v, 3, out);
}

static bool m_partition(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    return partition(r, self, c, false, out);
}

static bool m_rpartition(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    return partition(r, self, c, true, out);
}

static bool line_break(uint32_t cp)
{
    return (cp >= '\n' && cp <= '\r') || (cp >= 0x1c && cp <= 0x1e) || cp == 0x85 || cp == 0x2028 ||
           cp == 0x2029;
}

static bool m_splitlines(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    const nap_j_str *s = self.u.s;
    nap_j_vec vec = {0};
    bool keep = false;
    if (c->arg[0].type != NAP_J_MISSING && !nap_j_truth(r, c->arg[0], &keep)) return false;
    for (size_t i = 0; i < s->n;) {
        const size_t from = i;
        size_t end = i;
        uint32_t cp = 0;
        while (i < s->n && !line_break(cp = nap_j_cp_next(s->p, &i))) end = i;
        if (line_break(cp) && cp == '\r' && i < s->n && s->p[i] == '\n') i++;
        if (!push_piece(r, &vec, s, from, keep ? i : end)) return false;
    }
    return nap_j_vec_list(r, &vec, out);
}

/* --- find --- */

/* The part of s that the optional start and end arguments name, as bytes. */
static bool window(nap_j_run *r, const nap_j_str *s, const nap_j_val arg[2], size_t *from,
                   size_t *to, bool *empty)
{
    int64_t bound[2] = {0, (int64_t)s->chars};
    for (int i = 0; i < 2; i++) {
        if (arg[i].type != NAP_J_NONE && !nap_j_int_arg(r, arg[i], bound[i], &bound[i]))
            return false;
        if (bound[i] < 0) bound[i] += (int64_t)s->chars;
        if (bound[i] < 0) bound[i] = 0;
    }
    if (bound[1] > (int64_t)s->chars) bound[1] = (int64_t)s->chars;
    *empty = bound[0] > bound[1];
    if (*empty) return true;
    *from = nap_j_str_offset(s, (size_t)bound[0]);
    *to = nap_j_str_offset(s, (size_t)bound[1]);
    return nap_j_spend(r, s->n);
}

static bool find(nap_j_run *r, nap_j_val self, const nap_j_call *c, bool last, int64_t *out)
{
    const nap_j_str *s = self.u.s, *x;
    size_t from = 0, to = 0, at = SIZE_MAX;
    bool empty;
    if (!nap_j_str_arg(r, c->arg[0], &x) || !window(r, s, &c->arg[1], &from, &to, &empty))
        return false;
    if (!empty) {
        const char *hit = last ? NULL : memmem(s->p + from, to - from, x->p, x->n);
        const size_t behind = last ? find_last(s->p + from, to - from, x) : SIZE_MAX;
        if (!last && (hit || x->n == 0)) at = hit ? (size_t)(hit - s->p) : from;
        if (last && behind != SIZE_MAX) at = from + behind;
    }
    *out = at == SIZE_MAX ? -1 : (int64_t)nap_j_utf8_count(s->p, at);
    return true;
}

static bool m_find(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    *out = nap_j_int(-1);
    return find(r, self, c, false, &out->u.i);
}

static bool m_rfind(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    *out = nap_j_int(-1);
    return find(r, self, c, true, &out->u.i);
}

static bool m_index(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    if (!m_find(r, self, c, out)) return false;
    return out->u.i >= 0 || nap_j_raise(r, "substring not found");
}

static bool m_rindex(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    if (!m_rfind(r, self, c, out)) return false;
    return out->u.i >= 0 || nap_j_raise(r, "substring not found");
}

static bool m_count(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    const nap_j_str *s = self.u.s, *x;
    size_t from = 0, to = 0;
    int64_t n = 0;
    bool empty;
    if (!nap_j_str_arg(r, c->arg[0], &x) || !window(r, s, &c->arg[1], &from, &to, &empty))
        return false;
    if (!empty && x->n == 0) n = (int64_t)nap_j_utf8_count(s->p + from, to - from) + 1;
    while (!empty && x->n > 0) {
        const char *hit = memmem(s->p + from, to - from, x->p, x->n);
        if (!hit) break;
        n++;
        from = (size_t)(hit - s->p) + x->n;
    }
    *out = nap_j_int(n);
    return true;
}

static bool has_affix(nap_j_run *r, nap_j_val self, const nap_j_call *c, bool suffix,
                      nap_j_val *out)
{
    const nap_j_str *s = self.u.s, *x;
    const nap_j_val *one = &c->arg[0];
    size_t n = 1, from = 0, to = 0;
    bool empty;
    if (one->type == NAP_J_TUPLE) {
        n = one->u.l->n;
        one = one->u.l->v;
    }
    if (!window(r, s, &c->arg[1], &from, &to, &empty)) return false;
    *out = nap_j_bool(false);
    for (size_t i = 0; i < n && !out->u.b; i++) {
        if (!nap_j_str_arg(r, one[i], &x)) return false;
        if (empty || x->n > to - from) continue;
        out->u.b = memcmp(suffix ? s->p + to - x->n : s->p + from, x->p, x->n) == 0;
    }
    return true;
}

static bool m_startswith(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    return has_affix(r, self, c, false, out);
}

static bool m_endswith(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    return has_affix(r, self, c, true, out);
}

/* --- is... --- */

typedef bool (*class_fn)(uint32_t cp);

static bool every(nap_j_val self, class_fn fn, nap_j_val *out)
{
    const nap_j_str *s = self.u.s;
    *out = nap_j_bool(s->n > 0);
    for (size_t i = 0; i < s->n && out->u.b;) out->u.b = fn(nap_j_cp_next(s->p, &i));
    return true;
}

static bool alnum(uint32_t cp)
{
    return nap_j_is_alpha(cp) || nap_j_is_numeric(cp);
}

static bool ascii(uint32_t cp)
{
    return cp < 0x80;
}

#define CLASS_METHOD(name, fn)                                                                     \
    static bool name(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)            \
    {                                                                                              \
        (void)c;                                                                                   \
        return nap_j_spend(r, self.u.s->n) && every(self, fn, out);                                \
    }
CLASS_METHOD(m_isdigit, nap_j_is_digit)
CLASS_METHOD(m_isdecimal, nap_j_is_decimal)
CLASS_METHOD(m_isnumeric, nap_j_is_numeric)
CLASS_METHOD(m_isalpha, nap_j_is_alpha)
CLASS_METHOD(m_isalnum, alnum)
CLASS_METHOD(m_isspace, nap_j_is_space)

static bool m_isascii(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    (void)c;
    if (!nap_j_spend(r, self.u.s->n)) return false;
    (void)every(self, ascii, out);
    out->u.b |= self.u.s->n == 0;
    return true;
}

static bool m_isprintable(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    (void)c;
    if (!nap_j_spend(r, self.u.s->n)) return false;
    (void)every(self, nap_j_is_printable, out);
    out->u.b |= self.u.s->n == 0;
    return true;
}

/* upper: true if there is a cased letter and all of them are upper case; lower likewise. */
static bool all_cased(nap_j_val self, bool upper)
{
    const nap_j_str *s = self.u.s;
    bool any = false;
    for (size_t i = 0; i < s->n;) {
        const uint32_t cp = nap_j_cp_next(s->p, &i);
        const bool up = nap_j_is_upper(cp), low = nap_j_is_lower(cp);
        if (nap_j_is_title(cp) || (upper ? low : up)) return false;
        any |= up || low;
    }
    return any;
}

static bool m_isupper(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    (void)c;
    *out = nap_j_bool(all_cased(self, true));
    return nap_j_spend(r, self.u.s->n);
}

static bool m_islower(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    (void)c;
    *out = nap_j_bool(all_cased(self, false));
    return nap_j_spend(r, self.u.s->n);
}

static bool m_istitle(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    const nap_j_str *s = self.u.s;
    bool in_word = false, any = false, good = true;
    (void)c;
    for (size_t i = 0; i < s->n && good;) {
        const uint32_t cp = nap_j_cp_next(s->p, &i);
        const bool up = nap_j_is_upper(cp) || nap_j_is_title(cp), low = nap_j_is_lower(cp);
        if ((up && in_word) || (low && !in_word)) good = false;
        in_word = up || low;
        any |= in_word;
    }
    *out = nap_j_bool(good && any);
    return nap_j_spend(r, s->n);
}

static bool m_isidentifier(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    const nap_j_str *s = self.u.s;
    (void)c;
    *out = nap_j_bool(s->n > 0);
    for (size_t i = 0; i < s->n && out->u.b;) {
        const bool first = i == 0;
        out->u.b = nap_j_is_name(nap_j_cp_next(s->p, &i), first);
    }
    return nap_j_spend(r, s->n);
}

const nap_j_row nap_j_str_rows[] = {
    {"strip", "/ chars?", m_strip},
    {"lstrip", "/ chars?", m_lstrip},
    {"rstrip", "/ chars?", m_rstrip},
    {"removeprefix", "/ prefix", m_removeprefix},
    {"removesuffix", "/ suffix", m_removesuffix},
    {"split", "sep? maxsplit?", m_split},
    {"rsplit", "sep? maxsplit?", m_rsplit},
    {"partition", "/ sep", m_partition},
    {"rpartition", "/ sep", m_rpartition},
    {"splitlines", "keepends?", m_splitlines},
    {"find", "/ sub start? end?", m_find},
    {"rfind", "/ sub start? end?", m_rfind},
    {"index", "/ sub start? end?", m_index},
    {"rindex", "/ sub start? end?", m_rindex},
    {"count", "/ sub start? end?", m_count},
    {"startswith", "/ prefix start? end?", m_startswith},
    {"endswith", "/ suffix start? end?", m_endswith},
    {"isdigit", "", m_isdigit},
    {"isdecimal", "", m_isdecimal},
    {"isnumeric", "", m_isnumeric},
    {"isalpha", "", m_isalpha},
    {"isalnum", "", m_isalnum},
    {"isspace", "", m_isspace},
    {"isascii", "", m_isascii},
    {"isprintable", "", m_isprintable},
    {"isupper", "", m_isupper},
    {"islower", "", m_islower},
    {"istitle", "", m_istitle},
    {"isidentifier", "", m_isidentifier},
    {NULL, NULL, NULL},
};

const nap_j_row *nap_j_find_str_method(const char *name, size_t n)
{
    const nap_j_row *row = nap_j_find_row(nap_j_str_rows, name, n);
    return row ? row : nap_j_find_row(nap_j_str_more_rows, name, n);
}

/* What markupsafe's string type does with the methods it overrides. */
static const struct {
    const char *name;
    enum { ESCAPES, ONLY_MARKS, ESCAPES_ITEMS, UNSUPPORTED } how;
} g_markup[] = {
    {"capitalize", ESCAPES},   {"title", ESCAPES},      {"lower", ESCAPES},
    {"upper", ESCAPES},        {"replace", ESCAPES},    {"ljust", ESCAPES},
    {"rjust", ESCAPES},        {"lstrip", ESCAPES},     {"rstrip", ESCAPES},
    {"center", ESCAPES},       {"strip", ESCAPES},      {"expandtabs", ESCAPES},
    {"swapcase", ESCAPES},     {"zfill", ESCAPES},      {"removeprefix", ESCAPES},
    {"removesuffix", ESCAPES}, {"partition", ESCAPES},  {"rpartition", ESCAPES},
    {"split", ONLY_MARKS},     {"rsplit", ONLY_MARKS},  {"splitlines", ONLY_MARKS},
    {"join", ESCAPES_ITEMS},   {"format", UNSUPPORTED}, {"format_map", UNSUPPORTED},
};

/* Escapes the strings among `v` (all values, if `all`) into an array of its own. */
static bool escape_values(nap_j_run *r, const nap_j_val *v, size_t n, bool all, nap_j_val **out)
{
    nap_j_val *copy = nap_j_alloc(r, n * sizeof *copy);
    if (!copy) return false;
    for (size_t i = 0; i < n; i++) {
        copy[i] = v[i];
        if ((all || v[i].type == NAP_J_STR) && !nap_j_escape(r, v[i], &copy[i])) return false;
    }
    *out = copy;
    return true;
}

static bool mark_result(nap_j_run *r, nap_j_val *v)
{
    if (v->type == NAP_J_STR) return nap_j_markup(r, *v, v);
    nap_j_vec vec = {0};
    const nap_j_type type = v->type;
    for (size_t i = 0; i < v->u.l->n; i++) {
        nap_j_val item;
        if (!nap_j_markup(r, v->u.l->v[i], &item) || !nap_j_push(r, &vec, item)) return false;
    }
    if (!nap_j_vec_list(r, &vec, v)) return false;
    v->type = type;
    return true;
}

bool nap_j_call_str(nap_j_run *r, const nap_j_row *row, nap_j_val self, const nap_j_call *c,
                    nap_j_val *out)
{
    nap_j_call args = *c;
    nap_j_val list;
    const nap_j_list *items;
    size_t i = 0;
    const size_t n = self.u.s->markup ? sizeof g_markup / sizeof g_markup[0] : 0;
    while (i < n && strcmp(g_markup[i].name, row->name) != 0) i++;
    if (i == n) return nap_j_call_row(r, row, self, c, out);
    switch (g_markup[i].how) {
    case ESCAPES:
        if (!escape_values(r, c->pos, c->n, false, &args.pos)) return false;
        break;
    case ESCAPES_ITEMS:
        if (c->n != 1 || c->nkw) break;
        if (!nap_j_to_list(r, c->pos[0], &items)) return false;
        nap_j_val *escaped;
        if (!escape_values(r, items->v, items->n, true, &escaped) ||
            !nap_j_sequence(r, NAP_J_LIST, escaped, items->n, &list))
            return false;
        args.pos = &list;
        break;
    case UNSUPPORTED:
        return nap_j_unsupported(r, "%s of a string marked safe", row->name);
    case ONLY_MARKS:
        break;
    }
    return nap_j_call_row(r, row, self, &args, out) && mark_result(r, out);
}
