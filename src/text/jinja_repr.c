/* Text of values: str(), repr(), and reading numbers back. */
#include "text/jinja_ops.h"
#include "text/jinja_run.h"
#include "text/jinja_unicode.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* printf and strtod follow the process's locale; templates do not. */
static char decimal_point(void)
{
    const char *p = localeconv()->decimal_point;
    return p && *p ? *p : '.';
}

void nap_j_format_double(double f, char out[40])
{
    if (isnan(f) || isinf(f)) {
        (void)strcpy(out, isnan(f) ? "nan" : f < 0 ? "-inf" : "inf");
        return;
    }
    char e[40];
    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(e, sizeof e, "%.*e", digits - 1, f);
        if (strtod(e, NULL) == f) break;
    }
    /* e is now [-]d[.ddd]e[+-]dd: take it apart, and lay it out as Python's repr does. */
    char digits[20] = "0";
    size_t n = 0;
    const char *p = e;
    const bool negative = *p == '-';
    if (negative) p++;
    for (; *p != 'e'; p++)
        if (*p >= '0' && *p <= '9') digits[n++] = *p;
    const int exponent = atoi(p + 1);
    char *o = out;
    if (negative) *o++ = '-';
    if (exponent < -4 || exponent >= 16) {
        *o++ = digits[0];
        if (n > 1) {
            *o++ = '.';
            memcpy(o, digits + 1, n - 1);
            o += n - 1;
        }
        (void)snprintf(o, 14, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
        return;
    }
    if (exponent < 0) {
        *o++ = '0';
        *o++ = '.';
        for (int i = -1; i > exponent; i--) *o++ = '0';
        memcpy(o, digits, n);
        o[n] = '\0';
        return;
    }
    for (int i = 0; i <= exponent; i++) *o++ = (size_t)i < n ? digits[i] : '0';
    *o++ = '.';
    if (n > (size_t)exponent + 1)
        for (size_t i = (size_t)exponent + 1; i < n; i++) *o++ = digits[i];
    else
        *o++ = '0';
    *o = '\0';
}

/* Trims white space, maps decimal digits to ASCII and drops single underscores between digits.
 * False if the text cannot be a number or is longer than the buffer. */
static bool plain_number(const char *p, size_t n, char *out, size_t room)
{
    size_t i = 0, o = 0;
    char previous = 0;
    while (n > 0) {
        size_t k = n;
        if (!nap_j_is_space(nap_j_cp_before(p, &k))) break;
        n = k;
    }
    while (i < n) {
        size_t k = i;
        if (!nap_j_is_space(nap_j_cp_next(p, &k))) break;
        i = k;
    }
    while (i < n) {
        const uint32_t cp = nap_j_cp_next(p, &i);
        const int digit = nap_j_decimal_value(cp);
        const char c = digit >= 0 ? (char)('0' + digit) : cp < 0x80 ? (char)cp : '\0';
        if (c == '\0' || o + 1 >= room) return false;
        if (c == '_') {
            const bool between = (previous >= '0' && previous <= '9') ||
                                 (previous >= 'a' && previous <= 'z') ||
                                 (previous >= 'A' && previous <= 'Z');
            if (!between || i >= n) return false;
            size_t k = i;
            const uint32_t ahead = nap_j_cp_next(p, &k);
            if (ahead == '_' || (nap_j_decimal_value(ahead) < 0 && !nap_j_is_alpha(ahead)))
                return false;
        } else {
            out[o++] = c;
        }
        previous = c;
    }
    out[o] = '\0';
    return o > 0;
}

bool nap_j_parse_double(const char *p, size_t n, double *out)
{
    char text[512];
    if (!plain_number(p, n, text, sizeof text)) return false;
    const char *c = text + (text[0] == '+' || text[0] == '-');
    if (strcasecmp(c, "inf") == 0 || strcasecmp(c, "infinity") == 0 || strcasecmp(c, "nan") == 0) {
        *out = strtod(text, NULL);
        return true;
    }
    bool digits = false;
    for (const char *q = c; *q; q++) {
        digits |= *q >= '0' && *q <= '9';
        if (!strchr("0123456789.eE+-", *q)) return false;
    }
    if (!digits) return false;
    char *point = strchr(text, '.');
    if (point) *point = decimal_point();
    char *end;
    *out = strtod(text, &end);
    return *end == '\0';
}

bool nap_j_parse_int(nap_j_run *r, const char *p, size_t n, int64_t base, int64_t *out, bool *valid)
{
    char text[512];
    *valid = false;
    if (base != 0 && (base < 2 || base > 36)) return true;
    if (!plain_number(p, n, text, sizeof text)) return true;
    const char *c = text;
    const bool negative = *c == '-';
    if (*c == '+' || *c == '-') c++;
    if (c[0] == '0' && c[1]) {
        const char kind = (char)(c[1] | 0x20);
        const int64_t named = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 0;
        if (named && (base == 0 || base == named)) {
            base = named;
            c += 2;
        } else if (base == 0) { /* a leading zero is allowed only in zero itself */
            if (strspn(c, "0") != strlen(c)) return true;
        }
    }
    if (base == 0) base = 10;
    if (!*c) return true;
    int64_t v = 0;
    bool overflow = false;
    for (; *c; c++) {
        const char lower = (char)(*c | 0x20);
        const int digit = *c >= '0' && *c <= '9'         ? *c - '0'
                          : lower >= 'a' && lower <= 'z' ? lower - 'a' + 10
                                                         : 99;
        if (digit >= base) return true;
        overflow |=
            __builtin_mul_overflow(v, base, &v) || __builtin_sub_overflow(v, (int64_t)digit, &v);
    }
    if (overflow || (!negative && v == INT64_MIN))
        return nap_j_limit(r, "an integer beyond 64 bits");
    *valid = true;
    *out = negative ? v : -v;
    return true;
}

static bool put_quoted(nap_j_run *r, nap_j_sb *b, const nap_j_str *s)
{
    const char quote = memchr(s->p, '\'', s->n) && !memchr(s->p, '"', s->n) ? '"' : '\'';
    if (!nap_j_putc(r, b, quote)) return false;
    for (size_t i = 0; i < s->n;) {
        const size_t at = i;
        const uint32_t cp = nap_j_cp_next(s->p, &i);
        char esc[12] = "";
        if (cp == '\\' || cp == (uint32_t)quote)
            (void)snprintf(esc, sizeof esc, "\\%c", (char)cp);
        else if (cp == '\n' || cp == '\r' || cp == '\t')
            (void)snprintf(esc, sizeof esc, "\\%c", cp == '\n' ? 'n' : cp == '\r' ? 'r' : 't');
        else if (!nap_j_is_printable(cp))
            (void)snprintf(esc, sizeof esc,
                           cp < 0x100     ? "\\x%02" PRIx32
                           : cp < 0x10000 ? "\\u%04" PRIx32
                                          : "\\U%08" PRIx32,
                           cp);
        if (!(esc[0] ? nap_j_puts(r, b, esc) : nap_j_put(r, b, s->p + at, i - at))) return false;
    }
    return nap_j_putc(r, b, quote);
}

static bool put_items(nap_j_run *r, nap_j_sb *b, const nap_j_list *l, const char *open,
                      const char *close)
{
    bool ok = nap_j_puts(r, b, open);
    for (size_t i = 0; ok && i < l->n; i++)
        ok = (i == 0 || nap_j_puts(r, b, ", ")) && nap_j_put_repr(r, b, l->v[i]);
    return ok && nap_j_puts(r, b, close);
}

static bool put_dict(nap_j_run *r, nap_j_sb *b, nap_j_dict *d)
{
    if (d->showing) return nap_j_puts(r, b, "{...}");
    d->showing = true;
    bool ok = nap_j_putc(r, b, '{');
    for (size_t i = 0; ok && i < d->n; i++)
        ok = (i == 0 || nap_j_puts(r, b, ", ")) && nap_j_put_repr(r, b, d->e[i].key) &&
             nap_j_puts(r, b, ": ") && nap_j_put_repr(r, b, d->e[i].val);
    d->showing = false;
    return ok && nap_j_putc(r, b, '}');
}

static bool put_view(nap_j_run *r, nap_j_sb *b, nap_j_val v)
{
    const nap_j_list *l;
    return nap_j_puts(r, b, nap_j_type_name(v)) && nap_j_to_list(r, v, &l) &&
           put_items(r, b, l, "([", "])");
}

static bool put_composite(nap_j_run *r, nap_j_sb *b, nap_j_val v)
{
    char text[128];
    size_t n;
    switch (v.type) {
    case NAP_J_UNDEFINED:
        return nap_j_puts(r, b, "Undefined");
    case NAP_J_LIST:
        return put_items(r, b, v.u.l, "[", "]");
    case NAP_J_TUPLE:
        return put_items(r, b, v.u.l, "(", v.u.l->n == 1 ? ",)" : ")");
    case NAP_J_DICT:
        return put_dict(r, b, v.u.d);
    case NAP_J_NAMESPACE:
        return nap_j_puts(r, b, "<Namespace ") && put_dict(r, b, v.u.d) && nap_j_putc(r, b, '>');
    case NAP_J_VIEW:
        return put_view(r, b, v);
    case NAP_J_RANGE: {
        const nap_j_range *g = v.u.range;
        (void)snprintf(text, sizeof text, "range(%" PRId64 ", %" PRId64, g->start, g->stop);
        if (!nap_j_puts(r, b, text)) return false;
        (void)snprintf(text, sizeof text, ", %" PRId64, g->step);
        return (g->step == 1 || nap_j_puts(r, b, text)) && nap_j_putc(r, b, ')');
    }
    case NAP_J_MACRO:
        if (!v.u.macro->name) return nap_j_puts(r, b, "<Macro anonymous>");
        return nap_j_puts(r, b, "<Macro ") && put_quoted(r, b, v.u.macro->name) &&
               nap_j_putc(r, b, '>');
    case NAP_J_LOOP:
        if (!nap_j_length(r, v, &n)) return false;
        (void)snprintf(text, sizeof text, "<LoopContext %" PRId64 "/%zu>", v.u.loop->index0 + 1, n);
        return nap_j_puts(r, b, text);
    default:
        (void)snprintf(text, sizeof text, "<%s object>", nap_j_type_name(v));
        return nap_j_puts(r, b, text);
    }
}

bool nap_j_put_repr(nap_j_run *r, nap_j_sb *b, nap_j_val v)
{
    char text[40];
    switch (v.type) {
    case NAP_J_NONE:
        return nap_j_puts(r, b, "None");
    case NAP_J_BOOL:
        return nap_j_puts(r, b, v.u.b ? "True" : "False");
    case NAP_J_INT:
        (void)snprintf(text, sizeof text, "%" PRId64, v.u.i);
        return nap_j_puts(r, b, text);
    case NAP_J_FLOAT:
        nap_j_format_double(v.u.f, text);
        return nap_j_puts(r, b, text);
    case NAP_J_STR:
        if (!nap_j_spend(r, v.u.s->n)) return false;
        if (!v.u.s->markup) return put_quoted(r, b, v.u.s);
        return nap_j_puts(r, b, "Markup(") && put_quoted(r, b, v.u.s) && nap_j_putc(r, b, ')');
    default:
        break;
    }
    if (!nap_j_enter(r)) return false;
    const bool ok = put_composite(r, b, v);
    nap_j_leave(r);
    return ok;
}

bool nap_j_put_str(nap_j_run *r, nap_j_sb *b, nap_j_val v)
{
    if (v.type == NAP_J_UNDEFINED) return true;
    if (v.type == NAP_J_STR) return nap_j_spend(r, v.u.s->n) && nap_j_put(r, b, v.u.s->p, v.u.s->n);
    return nap_j_put_repr(r, b, v);
}

bool nap_j_to_string(nap_j_run *r, nap_j_val v, nap_j_val *out)
{
    if (v.type == NAP_J_STR && !v.u.s->markup) {
        *out = v;
        return true;
    }
    if (v.type == NAP_J_STR) return nap_j_string_wrap(r, v.u.s->p, v.u.s->n, out);
    nap_j_sb b = {0};
    return nap_j_put_str(r, &b, v) && nap_j_sb_string(r, &b, out);
}
