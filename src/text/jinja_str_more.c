/* String methods that build new strings: case, padding, replace, join, format. */
#include "text/jinja_ops.h"
#include "text/jinja_run.h"
#include "text/jinja_unicode.h"

#include <string.h>

static bool change_case(nap_j_run *r, nap_j_val self, enum nap_j_case how, nap_j_val *out)
{
    nap_j_sb b = {0};
    return nap_j_spend(r, self.u.s->n) && nap_j_change_case(r, &b, self.u.s->p, self.u.s->n, how) &&
           nap_j_sb_string(r, &b, out);
}

#define CASE_METHOD(name, how)                                                                     \
    static bool name(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)            \
    {                                                                                              \
        (void)c;                                                                                   \
        return change_case(r, self, how, out);                                                     \
    }
CASE_METHOD(m_upper, NAP_J_UPPER)
CASE_METHOD(m_lower, NAP_J_LOWER)
CASE_METHOD(m_title, NAP_J_TITLE_WORDS)
CASE_METHOD(m_capitalize, NAP_J_CAPITALIZE)
CASE_METHOD(m_swapcase, NAP_J_SWAP)

static bool m_replace(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    const nap_j_str *s = self.u.s, *old, *new;
    int64_t limit;
    nap_j_sb b = {0};
    size_t from = 0;
    if (!nap_j_str_arg(r, c->arg[0], &old) || !nap_j_str_arg(r, c->arg[1], &new) ||
        !nap_j_int_arg(r, c->arg[2], -1, &limit) || !nap_j_spend(r, s->n))
        return false;
    for (; limit != 0; limit--) {
        size_t at = from;
        if (old->n > 0) {
            const char *hit = memmem(s->p + from, s->n - from, old->p, old->n);
            if (!hit) break;
            at = (size_t)(hit - s->p);
            if (!nap_j_put(r, &b, s->p + from, at - from)) return false;
        }
        if (!nap_j_spend(r, new->n) || !nap_j_put(r, &b, new->p, new->n)) return false;
        from = at + old->n;
        if (old->n > 0) continue;
        if (from >= s->n) break; /* an empty needle is found between all letters */
        (void)nap_j_cp_next(s->p, &from);
        if (!nap_j_put(r, &b, s->p + at, from - at)) return false;
    }
    return nap_j_put(r, &b, s->p + from, s->n - from) && nap_j_sb_string(r, &b, out);
}

static bool m_join(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    nap_j_iter *it;
    nap_j_sb b = {0};
    if (!nap_j_iterate(r, c->arg[0], &it)) return false;
    for (size_t i = 0;; i++) {
        nap_j_val v;
        bool end;
        if (!nap_j_next(r, it, &v, &end)) return false;
        if (end) return nap_j_sb_string(r, &b, out);
        if (v.type != NAP_J_STR)
            return nap_j_raise(r, "sequence item %zu: expected str instance, %s found", i,
                               nap_j_type_name(v));
        if ((i > 0 && !nap_j_put_str(r, &b, self)) || !nap_j_put_str(r, &b, v)) return false;
    }
}

/* Pads to `width` letters; of the odd one out, `center` gives it to the side Python does. */
static bool pad(nap_j_run *r, nap_j_val self, const nap_j_call *c, int side, nap_j_val *out)
{
    const nap_j_str fallback = {.p = " ", .n = 1, .chars = 1}, *fill = &fallback;
    const int64_t have = (int64_t)self.u.s->chars;
    int64_t width, left = 0;
    nap_j_sb b = {0};
    if (!nap_j_int_arg(r, c->arg[0], 0, &width)) return false;
    if (c->arg[1].type != NAP_J_MISSING && !nap_j_str_arg(r, c->arg[1], &fill)) return false;
    if (fill->chars != 1) return nap_j_raise(r, "the fill character must be one character long");
    if (width <= have) return *out = self, true;
    const int64_t room = width - have;
    if (side == 0) left = room / 2 + (room & width & 1);
    if (side > 0) left = room;
    return nap_j_put_repeat(r, &b, fill->p, fill->n, left) && nap_j_put_str(r, &b, self) &&
           nap_j_put_repeat(r, &b, fill->p, fill->n, room - left) && nap_j_sb_string(r, &b, out);
}

static bool m_center(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    return pad(r, self, c, 0, out);
}

static bool m_ljust(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    return pad(r, self, c, -1, out);
}

static bool m_rjust(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    return pad(r, self, c, 1, out);
}

static bool m_zfill(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    const nap_j_str *s = self.u.s;
    const size_t sign = s->n > 0 && (s->p[0] == '-' || s->p[0] == '+');
    int64_t width;
    nap_j_sb b = {0};
    if (!nap_j_int_arg(r, c->arg[0], 0, &width)) return false;
    return nap_j_put(r, &b, s->p, sign) &&
           nap_j_put_repeat(r, &b, "0", 1,
                            width > (int64_t)s->chars ? width - (int64_t)s->chars : 0) &&
           nap_j_put(r, &b, s->p + sign, s->n - sign) && nap_j_sb_string(r, &b, out);
}

static bool m_expandtabs(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    const nap_j_str *s = self.u.s;
    int64_t size, column = 0;
    nap_j_sb b = {0};
    if (!nap_j_int_arg(r, c->arg[0], 8, &size)) return false;
    for (size_t i = 0; i < s->n;) {
        const size_t at = i;
        const uint32_t cp = nap_j_cp_next(s->p, &i);
        if (cp == '\t') {
            const int64_t n = size > 0 ? size - column % size : 0;
            column += n;
            if (!nap_j_put_repeat(r, &b, " ", 1, n)) return false;
        } else {
            column = cp == '\n' || cp == '\r' ? 0 : column + 1;
            if (!nap_j_put(r, &b, s->p + at, i - at)) return false;
        }
    }
    return nap_j_sb_string(r, &b, out);
}

static bool m_format(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    return nap_j_brace_format(r, self.u.s, c, out);
}

static bool m_format_map(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    nap_j_call named = {0};
    const nap_j_val map = c->arg[0];
    if (map.type != NAP_J_DICT) return nap_j_raise(r, "format_map() takes a mapping");
    if (!(named.kw = nap_j_alloc(r, map.u.d->n * sizeof *named.kw))) return false;
    for (size_t i = 0; i < map.u.d->n; i++)
        if (map.u.d->e[i].key.type == NAP_J_STR)
            named.kw[named.nkw++] = (nap_j_kw){map.u.d->e[i].key.u.s, map.u.d->e[i].val};
    return nap_j_brace_format(r, self.u.s, &named, out);
}

static bool m_unsupported(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out)
{
    (void)self;
    (void)c;
    (void)out;
    return nap_j_unsupported(r, "this string method");
}

const nap_j_row nap_j_str_more_rows[] = {
    {"upper", "", m_upper},
    {"lower", "", m_lower},
    {"title", "", m_title},
    {"capitalize", "", m_capitalize},
    {"swapcase", "", m_swapcase},
    {"replace", "/ old new count?", m_replace},
    {"join", "/ iterable", m_join},
    {"center", "/ width fillchar?", m_center},
    {"ljust", "/ width fillchar?", m_ljust},
    {"rjust", "/ width fillchar?", m_rjust},
    {"zfill", "/ width", m_zfill},
    {"expandtabs", "tabsize?", m_expandtabs},
    {"format", "*", m_format},
    {"format_map", "/ mapping", m_format_map},
    {"casefold", "*", m_unsupported},
    {"encode", "*", m_unsupported},
    {"maketrans", "*", m_unsupported},
    {"translate", "*", m_unsupported},
    {NULL, NULL, NULL},
};
