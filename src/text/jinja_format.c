/* Python's two ways of formatting: "%5.2f" % x and "{:>5.2f}".format(x). */
#include "text/jinja_ops.h"
#include "text/jinja_run.h"
#include "text/jinja_unicode.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct spec {
    uint32_t fill; /* 0: not given */
    char align;    /* one of "<>^=", or NUL */
    char sign;     /* one of "+- ", or NUL */
    bool alt, zero;
    char group;               /* ',' or '_' or NUL */
    int64_t width, precision; /* -1: not given */
    char type;
} spec;

enum { MAX_PRECISION = 1000 };

/* Puts text (with its sign split off) into the field. */
static bool put_field(nap_j_run *r, nap_j_sb *b, const spec *s, const char *sign, const char *p,
                      size_t n, bool number)
{
    const int64_t used = (int64_t)(nap_j_utf8_count(p, n) + strlen(sign));
    const int64_t room = s->width > used ? s->width - used : 0;
    char fill[4] = " ", align = s->align ? s->align : number ? '>' : '<';
    size_t fill_n = 1;
    if (s->zero && !s->fill) fill[0] = '0';
    if (s->zero && !s->align && number) align = '=';
    if (s->fill) fill_n = nap_j_cp_encode(s->fill, fill);
    const int64_t left = align == '^' ? room / 2 : align == '<' ? 0 : room;
    return (align == '=' || nap_j_put_repeat(r, b, fill, fill_n, left)) && nap_j_puts(r, b, sign) &&
           (align != '=' || nap_j_put_repeat(r, b, fill, fill_n, left)) && nap_j_put(r, b, p, n) &&
           nap_j_put_repeat(r, b, fill, fill_n, room - left);
}

/* Copies digits with separators every `every` of them, counted from the right. With zero padding
 * the zeros are grouped too, up to the field's width. */
static bool group_digits(nap_j_run *r, nap_j_sb *b, const spec *s, const char *digits, size_t n,
                         size_t every, size_t others)
{
    int64_t zeros = 0;
    if (s->zero && s->group && (!s->align || s->align == '=') && s->width > 0) {
        if (s->width > (int64_t)r->max_output) return nap_j_limit(r, "a format of that width");
        while ((int64_t)((n + (size_t)zeros) + (n + (size_t)zeros - 1) / every + others) < s->width)
            zeros++;
    }
    const size_t total = n + (size_t)zeros;
    for (size_t i = 0; i < total; i++) {
        if (s->group && i > 0 && (total - i) % every == 0 && !nap_j_putc(r, b, s->group))
            return false;
        if (!nap_j_putc(r, b, i < (size_t)zeros ? '0' : digits[i - (size_t)zeros])) return false;
    }
    return true;
}

static const char *sign_of(const spec *s, bool negative)
{
    return negative ? "-" : s->sign == '+' ? "+" : s->sign == ' ' ? " " : "";
}

static bool put_integer(nap_j_run *r, nap_j_sb *b, const spec *s, int64_t v)
{
    char digits[72], sign[4];
    nap_j_sb body = {0};
    const uint64_t magnitude = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    const char type = s->type;
    const uint64_t base = type == 'x' || type == 'X' ? 16 : type == 'o' ? 8 : type == 'b' ? 2 : 10;
    const char *set = type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    size_t at = sizeof digits;
    uint64_t rest = magnitude;
    do {
        digits[--at] = set[rest % base];
        rest /= base;
    } while (rest);
    (void)snprintf(sign, sizeof sign, "%s%s", sign_of(s, v < 0),
                   s->alt && base == 16  ? (type == 'X' ? "0X" : "0x")
                   : s->alt && base == 8 ? "0o"
                   : s->alt && base == 2 ? "0b"
                                         : "");
    return group_digits(r, &body, s, digits + at, sizeof digits - at, base == 10 ? 3 : 4,
                        strlen(sign)) &&
           put_field(r, b, s, sign, body.p, body.n, true);
}

/* The digits of |v| in the given style, without a sign. */
static bool float_digits(nap_j_run *r, const spec *s, double v, char *text, size_t room)
{
    const char type = s->type ? s->type : 'g';
    int64_t precision = s->precision < 0 ? 6 : s->precision;
    if (precision > MAX_PRECISION) return nap_j_limit(r, "a precision above %d", MAX_PRECISION);
    if (isinf(v) || isnan(v)) {
        const bool upper = type == 'F' || type == 'E' || type == 'G';
        (void)snprintf(text, room, "%s",
                       isinf(v) ? (upper ? "INF" : "inf")
                       : upper  ? "NAN"
                                : "nan");
        return true;
    }
    if (!s->type && s->precision < 0) {
        nap_j_format_double(v, text);
        return true;
    }
    const char fmt[] = {
        '%', s->alt ? '#' : '.', s->alt ? '.' : '*', s->alt ? '*' : type, s->alt ? type : '\0',
        '\0'};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    const int n = snprintf(text, room, fmt, (int)precision, v);
#pragma GCC diagnostic pop
    return (n >= 0 && (size_t)n < room) || nap_j_limit(r, "a number of that many digits");
}

static bool put_float(nap_j_run *r, nap_j_sb *b, const spec *s, double v)
{
    char text[1500];
    spec use = *s;
    nap_j_sb body = {0};
    const bool percent = s->type == '%';
    if (percent) {
        v *= 100;
        use.type = 'f';
    }
    if (!float_digits(r, &use, fabs(v), text, sizeof text)) return false;
    const char *sign = sign_of(s, signbit(v) && !isnan(v));
    const size_t whole = strspn(text, "0123456789");
    if (!s->type && s->precision >= 0 && whole == strlen(text)) strcat(text, ".0");
    if (percent) strcat(text, "%");
    const size_t tail = strlen(text) - whole;
    return group_digits(r, &body, s, text, whole, 3, tail + strlen(sign)) &&
           nap_j_puts(r, &body, text + whole) && put_field(r, b, s, sign, body.p, body.n, true);
}

static bool put_text(nap_j_run *r, nap_j_sb *b, const spec *s, const nap_j_str *text)
{
    size_t n = text->n;
    if (s->precision >= 0 && (size_t)s->precision < text->chars)
        n = nap_j_str_offset(text, (size_t)s->precision);
    return put_field(r, b, s, "", text->p, n, false);
}

static bool is_letter(char c, const char *set)
{
    return c && strchr(set, c);
}

/* --- % --- */

/* The text of a value by a conversion: s is str(), r is repr(), a is repr() in ASCII. */
static bool converted(nap_j_run *r, char how, nap_j_val v, nap_j_val *out)
{
    nap_j_sb t = {0}, ascii = {0};
    if (!(how == 's' ? nap_j_put_str(r, &t, v) : nap_j_put_repr(r, &t, v))) return false;
    if (how != 'a') return nap_j_sb_string(r, &t, out);
    for (size_t i = 0; i < t.n;) {
        char text[12];
        const size_t at = i;
        const uint32_t cp = nap_j_cp_next(t.p, &i);
        (void)snprintf(text, sizeof text,
                       cp < 0x100     ? "\\x%02" PRIx32
                       : cp < 0x10000 ? "\\u%04" PRIx32
                                      : "\\U%08" PRIx32,
                       cp);
        if (!(cp < 0x80 ? nap_j_put(r, &ascii, t.p + at, i - at) : nap_j_puts(r, &ascii, text)))
            return false;
    }
    return nap_j_sb_string(r, &ascii, out);
}

typedef struct percent_args {
    nap_j_val all;
    size_t next;
    bool mapping_used;
} percent_args;

static bool next_arg(nap_j_run *r, percent_args *a, nap_j_val *out)
{
    const size_t n = a->all.type == NAP_J_TUPLE ? a->all.u.l->n : 1;
    if (a->next >= n) return nap_j_raise(r, "not enough arguments for format string");
    *out = a->all.type == NAP_J_TUPLE ? a->all.u.l->v[a->next] : a->all;
    a->next++;
    return true;
}

/* A number or * of width or precision. */
static bool percent_number(nap_j_run *r, percent_args *a, const nap_j_str *f, size_t *i,
                           int64_t *out)
{
    nap_j_val v;
    if (*i < f->n && f->p[*i] == '*') {
        *i += 1;
        if (!next_arg(r, a, &v)) return false;
        return nap_j_as_int(v, out) || nap_j_raise(r, "* wants int");
    }
    *out = 0;
    for (; *i < f->n && f->p[*i] >= '0' && f->p[*i] <= '9'; *i += 1)
        if (__builtin_mul_overflow(*out, (int64_t)10, out) ||
            __builtin_add_overflow(*out, (int64_t)(f->p[*i] - '0'), out))
            return nap_j_raise(r, "width or precision too big");
    return true;
}

static bool percent_value(nap_j_run *r, nap_j_sb *b, spec *s, nap_j_val v)
{
    nap_j_val text;
    int64_t i;
    if (is_letter(s->type, "sra")) {
        if (!converted(r, s->type, v, &text)) return false;
        s->zero = false;
        if (!s->align) s->align = '>';
        return put_text(r, b, s, text.u.s);
    }
    if (s->type == 'c') {
        nap_j_sb t = {0};
        s->zero = false;
        s->precision = -1;
        if (!s->align) s->align = '>';
        if (nap_j_as_int(v, &i)) {
            if (i < 0 || i > 0x10ffff || (i >= 0xd800 && i < 0xe000))
                return nap_j_raise(r, "%%c arg not in range(0x110000)");
            return nap_j_put_cp(r, &t, (uint32_t)i) && nap_j_sb_string(r, &t, &text) &&
                   put_text(r, b, s, text.u.s);
        }
        if (v.type != NAP_J_STR || v.u.s->chars != 1)
            return nap_j_raise(r, "%%c requires int or char");
        return put_text(r, b, s, v.u.s);
    }
    if (!nap_j_is_number(v))
        return nap_j_raise(r, "%%%c format: a number is required, not %s", s->type,
                           nap_j_type_name(v));
    if (is_letter(s->type, "eEfFgG")) return put_float(r, b, s, nap_j_as_double(v));
    if (!nap_j_as_int(v, &i)) {
        if (is_letter(s->type, "xXo"))
            return nap_j_raise(r, "%%%c format: an integer is required, not float", s->type);
        if (!isfinite(v.u.f)) return nap_j_raise(r, "cannot convert float to integer");
        if (fabs(v.u.f) >= 0x1p63) return nap_j_limit(r, "an integer beyond 64 bits");
        i = (int64_t)v.u.f;
    }
    if (s->precision >= 0) return nap_j_unsupported(r, "a precision for %%%c", s->type);
    return put_integer(r, b, s, i);
}

/* One conversion, with *i behind its percent sign. */
static bool percent_one(nap_j_run *r, nap_j_sb *b, const nap_j_str *f, size_t *i, percent_args *a)
{
    spec s = {.width = -1, .precision = -1};
    nap_j_val v = nap_j_missing();
    if (*i < f->n && f->p[*i] == '(') {
        const size_t from = *i + 1;
        size_t depth = 1, to = from;
        for (; to < f->n; to++) {
            depth += f->p[to] == '(';
            depth -= f->p[to] == ')';
            if (depth == 0) break;
        }
        if (to >= f->n) return nap_j_raise(r, "incomplete format key");
        if (a->all.type != NAP_J_DICT) return nap_j_raise(r, "format requires a mapping");
        const nap_j_val *member = nap_j_dict_find(a->all.u.d, f->p + from, to - from);
        if (!member) return nap_j_raise(r, "no such key: '%.*s'", (int)(to - from), f->p + from);
        v = *member;
        a->mapping_used = true;
        *i = to + 1;
    }
    for (; *i < f->n && is_letter(f->p[*i], "-+ #0"); *i += 1) {
        const char c = f->p[*i];
        if (c == '-') s.align = '<';
        if (c == '+' || (c == ' ' && s.sign != '+')) s.sign = c;
        s.alt |= c == '#';
        s.zero |= c == '0';
    }
    if (s.align) s.zero = false;
    if (!percent_number(r, a, f, i, &s.width)) return false;
    if (s.width < 0) {
        s.align = '<';
        s.zero = false;
        s.width = s.width == INT64_MIN ? INT64_MAX : -s.width;
    }
    if (*i < f->n && f->p[*i] == '.') {
        *i += 1;
        if (!percent_number(r, a, f, i, &s.precision)) return false;
        if (s.precision < 0) s.precision = 0;
    }
    if (*i < f->n && is_letter(f->p[*i], "hlL")) *i += 1;
    if (*i >= f->n) return nap_j_raise(r, "incomplete format");
    s.type = f->p[(*i)++];
    if (s.type == '%') return nap_j_putc(r, b, '%');
    if (!is_letter(s.type, "sracdiuxXoeEfFgG"))
        return nap_j_raise(r, "unsupported format character '%c'", s.type);
    if (v.type == NAP_J_MISSING && !next_arg(r, a, &v)) return false;
    return percent_value(r, b, &s, v);
}

bool nap_j_percent(nap_j_run *r, const nap_j_str *f, nap_j_val args, nap_j_val *out)
{
    percent_args a = {.all = args};
    nap_j_sb b = {0};
    for (size_t i = 0; i < f->n;) {
        const char *next = memchr(f->p + i, '%', f->n - i);
        const size_t at = next ? (size_t)(next - f->p) : f->n;
        if (!nap_j_put(r, &b, f->p + i, at - i)) return false;
        i = at + 1;
        if (next && !percent_one(r, &b, f, &i, &a)) return false;
    }
    /* A single value that is no mapping must be used; what has subscripts may stay unused. */
    const bool mapping = args.type == NAP_J_DICT || args.type == NAP_J_LIST ||
                         args.type == NAP_J_RANGE || args.type == NAP_J_UNDEFINED;
    if (args.type == NAP_J_TUPLE ? a.next < args.u.l->n : a.next == 0 && !mapping)
        return nap_j_raise(r, "not all arguments converted during string formatting");
    return nap_j_sb_string(r, &b, out);
}

/* --- {} --- */

/* Digits at f[*i], if there are any. */
static bool spec_number(nap_j_run *r, const nap_j_str *f, size_t *i, int64_t *out)
{
    for (; *i < f->n && f->p[*i] >= '0' && f->p[*i] <= '9'; *i += 1) {
        if (*out < 0) *out = 0;
        if (__builtin_mul_overflow(*out, (int64_t)10, out) ||
            __builtin_add_overflow(*out, (int64_t)(f->p[*i] - '0'), out))
            return nap_j_raise(r, "Too many decimal digits in format string");
    }
    return true;
}

static bool parse_spec(nap_j_run *r, const nap_j_str *f, spec *s)
{
    size_t i = 0, k = 0;
    *s = (spec){.width = -1, .precision = -1};
    if (f->n > 0) {
        const uint32_t first = nap_j_cp_next(f->p, &k);
        if (k < f->n && is_letter(f->p[k], "<>^=")) {
            s->fill = first;
            s->align = f->p[k];
            i = k + 1;
        } else if (is_letter(f->p[0], "<>^=")) {
            s->align = f->p[i++];
        }
    }
    if (i < f->n && is_letter(f->p[i], "+- ")) s->sign = f->p[i++];
    if (i < f->n && f->p[i] == '#') s->alt = f->p[i++] == '#';
    if (i < f->n && f->p[i] == '0') s->zero = f->p[i++] == '0';
    if (s->fill) s->zero = false;
    if (!spec_number(r, f, &i, &s->width)) return false;
    if (i < f->n && is_letter(f->p[i], ",_")) s->group = f->p[i++];
    if (i < f->n && f->p[i] == '.') {
        i++;
        if (!spec_number(r, f, &i, &s->precision)) return false;
        if (s->precision < 0) return nap_j_raise(r, "Format specifier missing precision");
    }
    if (i < f->n) s->type = f->p[i++];
    return i == f->n || nap_j_raise(r, "Invalid format specifier");
}

static bool format_value(nap_j_run *r, nap_j_sb *b, nap_j_val v, const nap_j_str *text)
{
    spec s;
    int64_t i;
    if (text->n == 0) return nap_j_put_str(r, b, v);
    if (!parse_spec(r, text, &s)) return false;
    if (v.type == NAP_J_STR) {
        if (s.type && s.type != 's')
            return nap_j_raise(r, "Unknown format code '%c' for object of type 'str'", s.type);
        if (s.sign || s.alt || s.group || s.align == '=')
            return nap_j_raise(r, "the format specifier does not fit a string");
        return put_text(r, b, &s, v.u.s);
    }
    if (v.type == NAP_J_FLOAT || (is_letter(s.type, "eEfFgG%") && nap_j_as_int(v, &i))) {
        if (s.type && !is_letter(s.type, "eEfFgG%"))
            return nap_j_raise(r, "Unknown format code '%c' for object of type 'float'", s.type);
        return put_float(r, b, &s, nap_j_as_double(v));
    }
    if (nap_j_as_int(v, &i)) {
        if (s.type && !is_letter(s.type, "bdoxX"))
            return s.type == 'c' || s.type == 'n'
                       ? nap_j_unsupported(r, "the format code '%c'", s.type)
                       : nap_j_raise(r, "Unknown format code '%c' for object of type 'int'",
                                     s.type);
        if (s.precision >= 0)
            return nap_j_raise(r, "Precision not allowed in integer format specifier");
        if (s.group == ',' && is_letter(s.type, "boxX"))
            return nap_j_raise(r, "Cannot specify ',' with '%c'.", s.type);
        return put_integer(r, b, &s, i);
    }
    return nap_j_raise(r, "unsupported format string passed to %s.__format__", nap_j_type_name(v));
}

typedef struct brace_state {
    const nap_j_call *args;
    size_t automatic;
    bool used_auto, used_manual;
} brace_state;

/* The value that a field's name leads to: an argument, then .attribute and [key] steps. */
static bool resolve(nap_j_run *r, brace_state *st, const char *p, size_t n, nap_j_val *out)
{
    size_t first = 0;
    int64_t index;
    bool digits;
    while (first < n && p[first] != '.' && p[first] != '[') first++;
    if (!nap_j_parse_int(r, p, first, 10, &index, &digits)) return false;
    if (first == 0 || digits) {
        if (first == 0) index = (int64_t)st->automatic++;
        st->used_auto |= first == 0;
        st->used_manual |= first > 0;
        if (st->used_auto && st->used_manual)
            return nap_j_raise(r, "cannot mix manual and automatic field numbering");
        if (index < 0 || (size_t)index >= st->args->n)
            return nap_j_raise(r, "Replacement index %" PRId64 " out of range", index);
        *out = st->args->pos[index];
    } else {
        size_t k = 0;
        while (k < st->args->nkw &&
               (st->args->kw[k].name->n != first || memcmp(st->args->kw[k].name->p, p, first) != 0))
            k++;
        if (k == st->args->nkw) return nap_j_raise(r, "no such key: '%.*s'", (int)first, p);
        *out = st->args->kw[k].val;
    }
    for (size_t i = first; i < n;) {
        const bool bracket = p[i] == '[';
        const size_t from = ++i;
        nap_j_val key;
        while (i < n && (bracket ? p[i] != ']' : p[i] != '.' && p[i] != '[')) i++;
        if (i == from || (bracket && i == n))
            return nap_j_raise(r, "Empty attribute in format string");
        if (!nap_j_string(r, p + from, i - from, &key)) return false;
        if (bracket && !nap_j_parse_int(r, p + from, i - from, 10, &index, &digits)) return false;
        if (bracket && digits) key = nap_j_int(index);
        if (!(bracket ? nap_j_getitem(r, *out, key, out) : nap_j_getattr(r, *out, key.u.s, out)))
            return false;
        if (bracket && ++i < n && p[i] != '.' && p[i] != '[')
            return nap_j_raise(r, "Only '.' or '[' may follow ']' in format field specifier");
    }
    return true;
}

static bool brace_text(nap_j_run *r, brace_state *st, const nap_j_str *f, int depth, nap_j_sb *b);

/* One field, its text [p, p + n) without the braces. */
static bool brace_field(nap_j_run *r, brace_state *st, const char *p, size_t n, int depth,
                        nap_j_sb *b)
{
    size_t name = 0, i, brackets = 0;
    char conversion = '\0';
    nap_j_val v, text;
    nap_j_sb expanded = {0};
    while (name < n && ((p[name] != '!' && p[name] != ':') || brackets)) {
        brackets = p[name] == '[' ? 1 : p[name] == ']' ? 0 : brackets;
        name++;
    }
    i = name;
    if (i < n && p[i] == '!') {
        if (i + 1 >= n)
            return nap_j_raise(r, "end of string while looking for conversion specifier");
        conversion = p[i + 1];
        i += 2;
        if (i < n && p[i] != ':') return nap_j_raise(r, "expected ':' after conversion specifier");
    }
    if (!resolve(r, st, p, name, &v)) return false;
    if (conversion && !is_letter(conversion, "sra"))
        return nap_j_raise(r, "Unknown conversion specifier %c", conversion);
    if (conversion && !converted(r, conversion, v, &v)) return false;
    const nap_j_str raw = {.p = p + (i < n ? i + 1 : n), .n = i < n ? n - i - 1 : 0};
    if (!brace_text(r, st, &raw, depth + 1, &expanded) || !nap_j_sb_string(r, &expanded, &text))
        return false;
    return format_value(r, b, v, text.u.s);
}

static bool brace_text(nap_j_run *r, brace_state *st, const nap_j_str *f, int depth, nap_j_sb *b)
{
    if (depth > 3) return nap_j_raise(r, "Max string recursion exceeded");
    for (size_t i = 0; i < f->n;) {
        const char c = f->p[i];
        const bool doubled = i + 1 < f->n && f->p[i + 1] == c;
        if ((c == '{' || c == '}') && doubled) {
            if (!nap_j_putc(r, b, c)) return false;
            i += 2;
        } else if (c == '}') {
            return nap_j_raise(r, "Single '}' encountered in format string");
        } else if (c != '{') {
            if (!nap_j_putc(r, b, c)) return false;
            i++;
        } else {
            const size_t from = ++i;
            size_t open = 1;
            for (; i < f->n; i++) {
                open += f->p[i] == '{';
                open -= f->p[i] == '}';
                if (open == 0) break;
            }
            if (i >= f->n) return nap_j_raise(r, "expected '}' before end of string");
            if (!brace_field(r, st, f->p + from, i - from, depth, b)) return false;
            i++;
        }
    }
    return nap_j_spend(r, f->n);
}

bool nap_j_brace_format(nap_j_run *r, const nap_j_str *f, const nap_j_call *args, nap_j_val *out)
{
    brace_state st = {.args = args};
    nap_j_sb b = {0};
    return brace_text(r, &st, f, 1, &b) && nap_j_sb_string(r, &b, out);
}
