/* String and number literals. */
#include "text/jinja_parse.h"
#include "text/jinja_run.h"
#include "text/jinja_unicode.h"

#include <stdio.h>
#include <string.h>

static int hex_value(char c)
{
    return c >= '0' && c <= '9'                     ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

/* One escape sequence behind the backslash at s[*i]; Python's rules, \N{...} excepted. */
static bool unescape(nap_j_parser *p, const nap_j_token *t, size_t *i, nap_j_sb *b)
{
    static const char plain[] = "\\'\"abfnrtv", value[] = "\\'\"\a\b\f\n\r\t\v";
    const size_t at = t->offset + *i;
    const char c = t->p[*i];
    const char *k = strchr(plain, c);
    uint32_t cp = 0;
    if ((unsigned char)c >= 0x80) { /* the backslash stays, and the letter becomes an escape */
        char text[12];
        const uint32_t letter = nap_j_cp_next(t->p, i);
        (void)snprintf(text, sizeof text,
                       letter < 0x100     ? "\\x%02x"
                       : letter < 0x10000 ? "\\u%04x"
                                          : "\\U%08x",
                       (unsigned)letter);
        return nap_j_puts(p->r, b, text);
    }
    *i += 1;
    if (c == '\n') return true;
    if (k && c) return nap_j_putc(p->r, b, value[k - plain]);
    if (c >= '0' && c <= '7') {
        *i -= 1;
        for (int d = 0; d < 3 && *i < t->n && t->p[*i] >= '0' && t->p[*i] <= '7'; d++)
            cp = cp * 8 + (uint32_t)(t->p[(*i)++] - '0');
        return nap_j_put_cp(p->r, b, cp);
    }
    const int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits == 0) {
        if (c == 'N') return nap_j_parse_fail(p, at, "\\N{...} in a string is not supported");
        return nap_j_putc(p->r, b, '\\') && nap_j_putc(p->r, b, c);
    }
    for (int d = 0; d < digits; d++) {
        const int h = *i < t->n ? hex_value(t->p[*i]) : -1;
        if (h < 0) return nap_j_parse_fail(p, at, "truncated \\%c escape", c);
        cp = cp << 4 | (uint32_t)h;
        *i += 1;
    }
    if (cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
        return nap_j_parse_fail(p, at, "illegal Unicode character in a string");
    return nap_j_put_cp(p->r, b, cp);
}

bool nap_j_parse_string(nap_j_parser *p, nap_j_node **out)
{
    nap_j_sb b = {0};
    nap_j_node *n = nap_j_node_new(p, NAP_J_X_CONST, nap_j_peek(p)->offset);
    if (!n) return false;
    for (; nap_j_peek(p)->kind == NAP_J_T_STRING; p->i++) {
        const nap_j_token *t = nap_j_peek(p);
        for (size_t i = 0; i < t->n;) {
            if (t->p[i] != '\\') {
                if (!nap_j_putc(p->r, &b, t->p[i++])) return false;
            } else {
                i++;
                if (!unescape(p, t, &i, &b)) return false;
            }
        }
    }
    *out = n;
    return nap_j_sb_string(p->r, &b, &n->value);
}

bool nap_j_parse_number(nap_j_parser *p, nap_j_node **out)
{
    const nap_j_token *t = nap_j_peek(p);
    nap_j_node *n = nap_j_node_new(p, NAP_J_X_CONST, t->offset);
    if (!n) return false;
    p->i++;
    *out = n;
    double f = 0;
    int64_t i = 0;
    bool valid;
    p->r->where = t->offset;
    if (t->kind == NAP_J_T_FLOAT) {
        valid = nap_j_parse_double(t->p, t->n, &f);
        n->value = nap_j_float(f);
    } else {
        if (!nap_j_parse_int(p->r, t->p, t->n, 0, &i, &valid)) return false;
        n->value = nap_j_int(i);
    }
    return valid || nap_j_parse_fail(p, t->offset, "a malformed number");
}
