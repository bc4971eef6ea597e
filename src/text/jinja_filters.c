/* Filters of single values. To add one: write the function, add its row. */
#include "text/jinja_ops.h"
#include "text/jinja_run.h"
#include "text/jinja_unicode.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool truth_arg(nap_j_run *r, nap_j_val v, bool fallback, bool *out)
{
    *out = fallback;
    return v.type == NAP_J_MISSING || nap_j_truth(r, v, out);
}

/* Calls a string method on the text of any value. */
static bool text_method(nap_j_run *r, const char *name, nap_j_val in, const nap_j_call *c,
                        nap_j_val *out)
{
    nap_j_val s = in;
    if (in.type != NAP_J_STR && !nap_j_to_string(r, in, &s)) return false;
    return nap_j_call_str(r, nap_j_find_str_method(name, strlen(name)), s, c, out);
}

#define TEXT_FILTER(fn, method)                                                                    \
    static bool fn(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)                \
    {                                                                                              \
        return text_method(r, method, in, c, out);                                                 \
    }
TEXT_FILTER(f_upper, "upper")
TEXT_FILTER(f_lower, "lower")
TEXT_FILTER(f_capitalize, "capitalize")

static bool f_trim(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    const nap_j_call args = {.pos = (nap_j_val *)c->arg, .n = c->arg[0].type != NAP_J_MISSING};
    return text_method(r, "strip", in, &args, out);
}

static bool f_center(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    nap_j_val width = c->arg[0].type == NAP_J_MISSING ? nap_j_int(80) : c->arg[0];
    const nap_j_call args = {.pos = &width, .n = 1};
    return text_method(r, "center", in, &args, out);
}

/* Capitalizes what follows blanks, hyphens and opening brackets. */
static bool f_title(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    nap_j_val text;
    nap_j_sb b = {0};
    (void)c;
    if (!nap_j_to_string(r, in, &text)) return false;
    const nap_j_str *s = text.u.s;
    for (size_t i = 0; i < s->n;) {
        const size_t from = i;
        size_t k = i, letter = i;
        bool separator = false;
        while (i < s->n && !separator) {
            const uint32_t cp = nap_j_cp_next(s->p, &k);
            separator = nap_j_is_space(cp) || (cp < 0x80 && strchr("-({[<", (int)cp));
            if (!separator) i = k;
        }
        if (i > from) {
            (void)nap_j_cp_next(s->p, &letter);
            if (!nap_j_change_case(r, &b, s->p + from, letter - from, NAP_J_UPPER) ||
                !nap_j_change_case(r, &b, s->p + letter, i - letter, NAP_J_LOWER))
                return false;
        }
        if (separator && !nap_j_put(r, &b, s->p + i, k - i)) return false;
        i = k;
    }
    return nap_j_sb_string(r, &b, out);
}

static bool f_replace(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    nap_j_val text, pos[3];
    size_t n = 2;
    if (!nap_j_to_string(r, in, &text) || !nap_j_to_string(r, c->arg[0], &pos[0]) ||
        !nap_j_to_string(r, c->arg[1], &pos[1]))
        return false;
    if (c->arg[2].type != NAP_J_MISSING && c->arg[2].type != NAP_J_NONE) pos[n++] = c->arg[2];
    const nap_j_call args = {.pos = pos, .n = n};
    return text_method(r, "replace", text, &args, out);
}

static bool f_string(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    (void)c;
    if (in.type == NAP_J_STR) return *out = in, true; /* markup stays markup */
    return nap_j_to_string(r, in, out);
}

static bool f_safe(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    (void)c;
    return nap_j_markup(r, in, out);
}

static bool f_escape(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    (void)c;
    return nap_j_escape(r, in, out);
}

static bool f_forceescape(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    (void)c;
    return nap_j_to_string(r, in, &in) && nap_j_escape(r, in, out);
}

static bool f_default(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    bool boolean, yes = true;
    if (!truth_arg(r, c->arg[1], false, &boolean)) return false;
    if (boolean && in.type != NAP_J_UNDEFINED && !nap_j_truth(r, in, &yes)) return false;
    *out = in;
    if (in.type != NAP_J_UNDEFINED && yes) return true;
    *out = c->arg[0];
    return out->type != NAP_J_MISSING || nap_j_cstring(r, "", out);
}

static bool f_length(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    size_t n;
    (void)c;
    if (!nap_j_length(r, in, &n)) return false;
    *out = nap_j_int((int64_t)n);
    return true;
}

static bool f_indent(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    nap_j_val newline, s, lines;
    nap_j_sb by = {0}, b = {0};
    bool first, blank;
    int64_t width;
    nap_j_call none = {0};
    if (!truth_arg(r, c->arg[1], false, &first) || !truth_arg(r, c->arg[2], false, &blank))
        return false;
    if (c->arg[0].type == NAP_J_STR) {
        if (!nap_j_put_str(r, &by, c->arg[0])) return false;
    } else if (!nap_j_int_arg(r, c->arg[0], 4, &width) ||
               !nap_j_put_repeat(r, &by, " ", 1, width)) {
        return false;
    }
    if (!nap_j_cstring(r, "\n", &newline) || !nap_j_binary(r, NAP_J_ADD, in, newline, &s))
        return false;
    if (!nap_j_call_row(r, nap_j_find_str_method("splitlines", 10), s, &none, &lines)) return false;
    for (size_t i = 0; i < lines.u.l->n; i++) {
        const nap_j_val line = lines.u.l->v[i];
        const bool indented = i == 0 ? first : (blank || line.u.s->n > 0);
        if ((i > 0 && !nap_j_putc(r, &b, '\n')) || (indented && !nap_j_put(r, &b, by.p, by.n)) ||
            !nap_j_put_str(r, &b, line))
            return false;
    }
    return nap_j_sb_string(r, &b, out) && (!s.u.s->markup || nap_j_markup(r, *out, out));
}

static bool f_truncate(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    int64_t length, leeway;
    bool kill;
    nap_j_val end = c->arg[2], cut;
    if (!nap_j_int_arg(r, c->arg[0], 255, &length) || !truth_arg(r, c->arg[1], false, &kill) ||
        !nap_j_int_arg(r, c->arg[3].type == NAP_J_NONE ? nap_j_missing() : c->arg[3], 5, &leeway))
        return false;
    if (end.type == NAP_J_MISSING && !nap_j_cstring(r, "...", &end)) return false;
    if (end.type != NAP_J_STR) return nap_j_raise(r, "truncate's end must be a string");
    if (length < (int64_t)end.u.s->chars || leeway < 0)
        return nap_j_raise(r,
                           "truncate: the length is below that of the end, or leeway below zero");
    size_t n; /* anything with a length passes if it is short */
    if (!nap_j_length(r, in, &n)) return false;
    if ((int64_t)n <= length || (int64_t)n - length <= leeway) return *out = in, true;
    if (in.type != NAP_J_STR) return nap_j_raise(r, "truncate takes a string");
    if (!nap_j_substring(r, in.u.s, 0, (size_t)(length - (int64_t)end.u.s->chars), &cut))
        return false;
    const char *space = kill ? NULL : memrchr(cut.u.s->p, ' ', cut.u.s->n);
    if (space && !nap_j_string(r, cut.u.s->p, (size_t)(space - cut.u.s->p), &cut)) return false;
    return nap_j_concat(r, cut.u.s, end.u.s, out);
}

static bool f_wordcount(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    nap_j_val text;
    int64_t n = 0;
    bool inside = false;
    (void)c;
    if (!nap_j_to_string(r, in, &text)) return false;
    for (size_t i = 0; i < text.u.s->n;) {
        const uint32_t cp = nap_j_cp_next(text.u.s->p, &i);
        const bool word = cp == '_' || nap_j_is_alpha(cp) || nap_j_is_numeric(cp);
        n += word && !inside;
        inside = word;
    }
    *out = nap_j_int(n);
    return true;
}

static bool f_int(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    int64_t base, i;
    double f = 0;
    bool valid = true;
    if (!nap_j_int_arg(r, c->arg[1], 10, &base)) return false;
    *out = c->arg[0].type == NAP_J_MISSING ? nap_j_int(0) : c->arg[0];
    if (in.type == NAP_J_UNDEFINED) return nap_j_raise(r, "%.*s", (int)in.u.s->n, in.u.s->p);
    if (in.type == NAP_J_STR) {
        if (!nap_j_parse_int(r, in.u.s->p, in.u.s->n, base, &i, &valid)) return false;
        if (valid) return *out = nap_j_int(i), true;
        if (!nap_j_parse_double(in.u.s->p, in.u.s->n, &f)) return true;
        if (!isfinite(f)) return true;
    } else if (nap_j_as_int(in, &i)) {
        return *out = nap_j_int(i), true;
    } else if (in.type == NAP_J_FLOAT) {
        f = in.u.f;
        if (isinf(f)) return nap_j_raise(r, "cannot convert float infinity to integer");
        if (isnan(f)) return true;
    } else {
        return true;
    }
    if (fabs(f) >= 0x1p63) return nap_j_limit(r, "an integer beyond 64 bits");
    *out = nap_j_int((int64_t)f);
    return true;
}

static bool f_float(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    double f;
    if (in.type == NAP_J_UNDEFINED) return nap_j_raise(r, "%.*s", (int)in.u.s->n, in.u.s->p);
    *out = c->arg[0].type == NAP_J_MISSING ? nap_j_float(0) : c->arg[0];
    if (nap_j_is_number(in)) return *out = nap_j_float(nap_j_as_double(in)), true;
    if (in.type == NAP_J_STR && nap_j_parse_double(in.u.s->p, in.u.s->n, &f)) *out = nap_j_float(f);
    return true;
}

static bool f_abs(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    (void)c;
    int64_t i;
    if (in.type == NAP_J_FLOAT) return *out = nap_j_float(fabs(in.u.f)), true;
    if (nap_j_as_int(in, &i)) {
        *out = nap_j_int(i);
        return i >= 0 || nap_j_unary(r, NAP_J_NEG, nap_j_int(i), out);
    }
    return nap_j_raise(r, "bad operand type for abs(): '%s'", nap_j_type_name(in));
}

/* Rounds an integer to a power of ten, halves to even. */
static bool round_int(nap_j_run *r, int64_t v, int64_t digits, nap_j_val *out)
{
    if (digits >= 0) return *out = nap_j_int(v), true;
    int64_t unit = 1;
    for (; digits < 0; digits++)
        if (__builtin_mul_overflow(unit, (int64_t)10, &unit)) return *out = nap_j_int(0), true;
    int64_t rest = v % unit, low;
    if (rest < 0) rest += unit;
    if (__builtin_sub_overflow(v, rest, &low)) return nap_j_limit(r, "an integer beyond 64 bits");
    const bool odd = (low / unit) % 2 != 0;
    if (rest > unit - rest || (rest == unit - rest && odd))
        if (__builtin_add_overflow(low, unit, &low))
            return nap_j_limit(r, "an integer beyond 64 bits");
    *out = nap_j_int(low);
    return true;
}

static bool round_common(nap_j_run *r, nap_j_val in, int64_t digits, nap_j_val *out)
{
    char text[400];
    int64_t i;
    if (nap_j_as_int(in, &i)) return round_int(r, i, digits, out);
    if (!isfinite(in.u.f) || digits > 300) return *out = in, true;
    if (digits < -308) return *out = nap_j_float(copysign(0, in.u.f)), true;
    if (digits < 0) {
        const double unit = pow(10, (double)-digits);
        return *out = nap_j_float(nearbyint(in.u.f / unit) * unit), true;
    }
    /* printf rounds the exact value correctly, as Python's round does. */
    if (fabs(in.u.f) >= 1e17) return *out = in, true;
    (void)snprintf(text, sizeof text, "%.*f", (int)digits, in.u.f);
    *out = nap_j_float(strtod(text, NULL));
    return true;
}

static bool f_round(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    int64_t digits;
    const nap_j_val method = c->arg[1];
    if (in.type == NAP_J_UNDEFINED) return nap_j_raise(r, "%.*s", (int)in.u.s->n, in.u.s->p);
    if (!nap_j_is_number(in) || !nap_j_int_arg(r, c->arg[0], 0, &digits))
        return nap_j_raise(r, "round takes a number and a number of digits");
    if (method.type == NAP_J_MISSING || nap_j_is_string(method, "common"))
        return round_common(r, in, digits, out);
    const bool ceiling = nap_j_is_string(method, "ceil");
    if (!ceiling && !nap_j_is_string(method, "floor"))
        return nap_j_raise(r, "method must be common, ceil or floor");
    nap_j_val unit, scaled;
    if (!nap_j_binary(r, NAP_J_POW, nap_j_int(10), nap_j_int(digits), &unit) ||
        !nap_j_binary(r, NAP_J_MUL, in, unit, &scaled))
        return false;
    if (scaled.type == NAP_J_FLOAT) {
        const double whole = ceiling ? ceil(scaled.u.f) : floor(scaled.u.f);
        if (!isfinite(whole)) return nap_j_raise(r, "cannot convert float to integer");
        if (fabs(whole) >= 0x1p63) return nap_j_limit(r, "an integer beyond 64 bits");
        scaled = nap_j_int((int64_t)whole);
    }
    return nap_j_binary(r, NAP_J_DIV, scaled, unit, out);
}

static bool f_format(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    nap_j_val text, args;
    if (c->n && c->nkw)
        return nap_j_raise(r, "can't handle positional and keyword arguments at the same time");
    if (!nap_j_to_string(r, in, &text)) return false;
    if (c->nkw) {
        nap_j_dict *d;
        if (!nap_j_dict_new(r, &d)) return false;
        for (size_t i = 0; i < c->nkw; i++)
            if (!nap_j_dict_set(r, d, nap_j_str_val(c->kw[i].name), c->kw[i].val)) return false;
        args = (nap_j_val){.type = NAP_J_DICT, .u.d = d};
    } else if (!nap_j_sequence(r, NAP_J_TUPLE, c->pos, c->n, &args)) {
        return false;
    }
    return nap_j_percent(r, text.u.s, args, out);
}

static bool f_tojson(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    nap_j_json_style style = {.item_sep = ", ", .item_sep_n = 2, .key_sep = ": ", .key_sep_n = 2};
    const nap_j_val indent = c->arg[1], separators = c->arg[2];
    nap_j_sb by = {0}, b = {0};
    int64_t width;
    if (!truth_arg(r, c->arg[0], false, &style.ascii) ||
        !truth_arg(r, c->arg[3], false, &style.sort))
        return false;
    if (indent.type == NAP_J_STR) {
        style.indent = indent.u.s->p;
        style.indent_n = indent.u.s->n;
    } else if (indent.type != NAP_J_MISSING && indent.type != NAP_J_NONE) {
        if (!nap_j_int_arg(r, indent, 0, &width) || !nap_j_put_repeat(r, &by, " ", 1, width))
            return false;
        style.indent = by.p ? by.p : "";
        style.indent_n = by.n;
    }
    if (style.indent) {
        style.item_sep = ",";
        style.item_sep_n = 1;
    }
    if (separators.type != NAP_J_MISSING && separators.type != NAP_J_NONE) {
        const nap_j_list *l;
        const nap_j_str *item, *key;
        if (!nap_j_to_list(r, separators, &l)) return false;
        if (l->n != 2) return nap_j_raise(r, "separators must be a pair");
        if (!nap_j_str_arg(r, l->v[0], &item) || !nap_j_str_arg(r, l->v[1], &key)) return false;
        style.item_sep = item->p;
        style.item_sep_n = item->n;
        style.key_sep = key->p;
        style.key_sep_n = key->n;
    }
    return nap_j_put_json(r, &b, in, &style) && nap_j_sb_string(r, &b, out);
}

static bool f_urlencode_text(nap_j_run *r, nap_j_sb *b, nap_j_val v, bool query)
{
    nap_j_val text;
    if (!nap_j_to_string(r, v, &text)) return false;
    for (size_t i = 0; i < text.u.s->n; i++) {
        const unsigned char ch = (unsigned char)text.u.s->p[i];
        char esc[4];
        bool ok;
        if ((ch < 0x80 && isalnum(ch)) || strchr(query ? "_.-~" : "_.-~/", ch))
            ok = ch ? nap_j_putc(r, b, (char)ch) : nap_j_puts(r, b, "%00");
        else if (query && ch == ' ')
            ok = nap_j_putc(r, b, '+');
        else
            ok = snprintf(esc, sizeof esc, "%%%02X", ch) == 3 && nap_j_puts(r, b, esc);
        if (!ok) return false;
    }
    return true;
}

static bool f_urlencode(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    nap_j_sb b = {0};
    const nap_j_list *l;
    (void)c;
    if (in.type == NAP_J_STR || !nap_j_is_iterable(in))
        return f_urlencode_text(r, &b, in, false) && nap_j_sb_string(r, &b, out);
    if (in.type == NAP_J_DICT) {
        nap_j_val items;
        const nap_j_call none = {0};
        if (!nap_j_call_row(r, nap_j_find_row(nap_j_dict_rows, "items", 5), in, &none, &items))
            return false;
        in = items;
    }
    if (!nap_j_to_list(r, in, &l)) return false;
    for (size_t i = 0; i < l->n; i++) {
        const nap_j_list *pair;
        if (!nap_j_to_list(r, l->v[i], &pair)) return false;
        if (pair->n != 2) return nap_j_raise(r, "urlencode needs pairs");
        if ((i > 0 && !nap_j_putc(r, &b, '&')) || !f_urlencode_text(r, &b, pair->v[0], true) ||
            !nap_j_putc(r, &b, '=') || !f_urlencode_text(r, &b, pair->v[1], true))
            return false;
    }
    return nap_j_sb_string(r, &b, out);
}

static bool f_unsupported(nap_j_run *r, nap_j_val in, const nap_j_call *c, nap_j_val *out)
{
    (void)in;
    (void)c;
    (void)out;
    return nap_j_unsupported(r, "this filter of Jinja");
}

const nap_j_row nap_j_filter_rows[] = {
    {"abs", "", f_abs},
    {"capitalize", "", f_capitalize},
    {"center", "width?", f_center},
    {"count", "", f_length},
    {"d", "default_value? boolean?", f_default},
    {"default", "default_value? boolean?", f_default},
    {"e", "", f_escape},
    {"escape", "", f_escape},
    {"float", "default?", f_float},
    {"forceescape", "", f_forceescape},
    {"format", "*", f_format},
    {"indent", "width? first? blank?", f_indent},
    {"int", "default? base?", f_int},
    {"length", "", f_length},
    {"lower", "", f_lower},
    {"replace", "old new count?", f_replace},
    {"round", "precision? method?", f_round},
    {"safe", "", f_safe},
    {"string", "", f_string},
    {"title", "", f_title},
    {"tojson", "ensure_ascii? indent? separators? sort_keys?", f_tojson},
    {"trim", "chars?", f_trim},
    {"truncate", "length? killwords? end? leeway?", f_truncate},
    {"upper", "", f_upper},
    {"urlencode", "", f_urlencode},
    {"wordcount", "", f_wordcount},
    /* Known to Jinja, and meant for web pages or not deterministic. */
    {"filesizeformat", "*", f_unsupported},
    {"pprint", "*", f_unsupported},
    {"random", "*", f_unsupported},
    {"striptags", "*", f_unsupported},
    {"urlize", "*", f_unsupported},
    {"wordwrap", "*", f_unsupported},
    {"xmlattr", "*", f_unsupported},
    {NULL, NULL, NULL},
};

const nap_j_row *nap_j_find_filter(const char *name, size_t n)
{
    const nap_j_row *row = nap_j_find_row(nap_j_filter_rows, name, n);
    return row ? row : nap_j_find_row(nap_j_seq_filter_rows, name, n);
}
