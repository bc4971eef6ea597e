/* A hand-written equivalent of the regular expressions by which Jinja's lexer is defined. The
 * places that matter: a minus sign inside a delimiter strips white space on its side; without a
 * sign, a block or comment that is first on its line loses the blanks before it and one newline
 * after it; inside open brackets an end delimiter is an ordinary operator. */
#include "text/jinja_lex.h"
#include "text/jinja_unicode.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

nap_status nap_j_syntax(const char *text, size_t offset, nap_error *e, const char *fmt, ...)
{
    char message[400];
    unsigned line = 1;
    for (size_t i = 0; i < offset && text[i]; i++) line += text[i] == '\n';
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    return nap_fail(e, NAP_ERR_FORMAT, offset, "template line %u: %s", line, message);
}

static nap_status emit(nap_j_lexer *lx, nap_j_tok kind, size_t from, size_t to)
{
    if (lx->count == lx->cap) {
        const size_t cap = lx->cap ? lx->cap * 2 : 64;
        int limit;
        nap_j_token *t = nap_j_arena_alloc(lx->arena, cap * sizeof *t, &limit);
        if (!t) return nap_fail_memory(lx->e, cap * sizeof *t, "a template's tokens");
        if (lx->count) memcpy(t, lx->tok, lx->count * sizeof *t);
        lx->tok = t;
        lx->cap = cap;
    }
    lx->tok[lx->count++] =
        (nap_j_token){.kind = kind, .p = lx->p + from, .n = to - from, .offset = from};
    return NAP_OK;
}

static bool at(const nap_j_lexer *lx, size_t i, const char *s)
{
    const size_t n = strlen(s);
    return i <= lx->n && lx->n - i >= n && memcmp(lx->p + i, s, n) == 0;
}

static size_t skip_space(const nap_j_lexer *lx, size_t i)
{
    while (i < lx->n) {
        size_t k = i;
        if (!nap_j_is_space(nap_j_cp_next(lx->p, &k))) break;
        i = k;
    }
    return i;
}

/* Is there an end delimiter at i? *after: the position behind it and behind what it eats. */
static bool end_delimiter(const nap_j_lexer *lx, size_t i, const char *mark, bool trims,
                          size_t *after)
{
    if (at(lx, i, "-") && at(lx, i + 1, mark)) return *after = skip_space(lx, i + 3), true;
    if (trims && at(lx, i, "+") && at(lx, i + 1, mark)) return *after = i + 3, true;
    if (!at(lx, i, mark)) return false;
    *after = i + 2 + (trims && at(lx, i + 2, "\n"));
    return true;
}

/* The text in front of a tag, [from, to), after what the tag's sign strips from it. */
static size_t strip_before(const nap_j_lexer *lx, size_t from, size_t to, char sign, bool print_tag,
                           bool line_starting)
{
    size_t i = to;
    if (sign == '-') {
        while (i > from) {
            size_t k = i;
            if (!nap_j_is_space(nap_j_cp_before(lx->p, &k))) break;
            i = k;
        }
        return i;
    }
    if (sign == '+' || print_tag) return to;
    while (i > from && lx->p[i - 1] != '\n') {
        size_t k = i;
        if (!nap_j_is_space(nap_j_cp_before(lx->p, &k))) return to;
        i = k;
    }
    return i > from || line_starting ? i : to;
}

static nap_status lex_string(nap_j_lexer *lx, size_t *i)
{
    const char quote = lx->p[*i];
    size_t k = *i + 1;
    while (k < lx->n && lx->p[k] != quote) k += lx->p[k] == '\\' ? 2 : 1;
    if (k >= lx->n)
        return nap_j_syntax(lx->p, *i, lx->e, "unexpected char %c (an unclosed string)", quote);
    NAP_TRY(emit(lx, NAP_J_T_STRING, *i + 1, k));
    *i = k + 1;
    return NAP_OK;
}

/* Digits with single underscores between them; returns the end, or i if there are none. */
static size_t digits(const nap_j_lexer *lx, size_t i, const char *set, bool underscore_first)
{
    size_t k = i;
    for (;;) {
        const size_t d = k + ((k > i || underscore_first) && at(lx, k, "_"));
        if (d >= lx->n || !strchr(set, lx->p[d]) || lx->p[d] == '\0') return k;
        k = d + 1;
    }
}

static nap_status lex_number(nap_j_lexer *lx, size_t *i)
{
    static const char decimal[] = "0123456789";
    const size_t from = *i, whole = digits(lx, from, decimal, false);
    const bool after_dot = from > 0 && lx->p[from - 1] == '.';
    size_t k = whole, f;
    bool is_float = false;
    if (at(lx, k, ".") && (f = digits(lx, k + 1, decimal, false)) > k + 1) {
        is_float = true;
        k = f;
    }
    if (at(lx, k, "e") || at(lx, k, "E")) {
        const size_t sign = k + 1 + (at(lx, k + 1, "+") || at(lx, k + 1, "-"));
        if ((f = digits(lx, sign, decimal, false)) > sign) {
            is_float = true;
            k = f;
        }
    }
    if (is_float && !after_dot) {
        *i = k;
        return emit(lx, NAP_J_T_FLOAT, from, k);
    }
    k = whole;
    if (lx->p[from] == '0') {
        const char kind = from + 1 < lx->n ? (char)(lx->p[from + 1] | 0x20) : '\0';
        const char *set = kind == 'x'   ? "0123456789abcdefABCDEF"
                          : kind == 'o' ? "01234567"
                          : kind == 'b' ? "01"
                                        : NULL;
        if (set && (f = digits(lx, from + 2, set, true)) > from + 2)
            k = f;
        else
            k = digits(lx, from, "0", false);
    }
    *i = k;
    return emit(lx, NAP_J_T_INT, from, k);
}

static nap_status lex_name(nap_j_lexer *lx, size_t *i)
{
    size_t k = *i, next = *i;
    while (next < lx->n && nap_j_is_name(nap_j_cp_next(lx->p, &next), k == *i)) k = next;
    if (k == *i) {
        const size_t n = next - *i;
        return nap_j_syntax(lx->p, *i, lx->e, "unexpected char '%.*s'", (int)n, lx->p + *i);
    }
    NAP_TRY(emit(lx, NAP_J_T_NAME, *i, k));
    *i = k;
    return NAP_OK;
}

enum { MAX_OPEN = 1000 };

typedef struct brackets {
    char open[MAX_OPEN];
    size_t n;
} brackets;

static nap_status lex_operator(nap_j_lexer *lx, size_t *i, brackets *br)
{
    static const char *const two[] = {"//", "**", "==", "!=", ">=", "<="};
    const char c = lx->p[*i];
    size_t n = 0;
    for (size_t k = 0; k < sizeof two / sizeof two[0]; k++)
        if (at(lx, *i, two[k])) n = 2;
    if (n == 0 && strchr("+-/*%~[](){}><=.:|,;", c)) n = 1;
    if (n == 0) return nap_j_syntax(lx->p, *i, lx->e, "unexpected char '%c'", c);
    if (n == 1 && strchr("([{", c)) {
        if (br->n == MAX_OPEN)
            return nap_fail(lx->e, NAP_ERR_LIMIT, *i, "template: brackets nested too deep");
        br->open[br->n++] = c == '(' ? ')' : c == '[' ? ']' : '}';
    }
    if (n == 1 && strchr(")]}", c) && (br->n == 0 || br->open[--br->n] != c))
        return nap_j_syntax(lx->p, *i, lx->e, "unexpected '%c'", c);
    NAP_TRY(emit(lx, NAP_J_T_OP, *i, *i + n));
    *i += n;
    return NAP_OK;
}

/* The inside of {{ }} or {% %}, up to and including its end. */
static nap_status lex_tag(nap_j_lexer *lx, size_t *pos, bool print_tag)
{
    brackets br = {.n = 0};
    size_t i = *pos, after;
    while (i < lx->n) {
        if (br.n == 0 && end_delimiter(lx, i, print_tag ? "}}" : "%}", !print_tag, &after)) {
            *pos = after;
            return emit(lx, print_tag ? NAP_J_T_PRINT_END : NAP_J_T_BLOCK_END, i, after);
        }
        const char c = lx->p[i];
        const size_t blank = skip_space(lx, i);
        if (blank > i)
            i = blank;
        else if (c >= '0' && c <= '9')
            NAP_TRY(lex_number(lx, &i));
        else if (c == '"' || c == '\'')
            NAP_TRY(lex_string(lx, &i));
        else if ((unsigned char)c >= 0x80 || c == '_' || (c >= 'a' && c <= 'z') ||
                 (c >= 'A' && c <= 'Z'))
            NAP_TRY(lex_name(lx, &i));
        else
            NAP_TRY(lex_operator(lx, &i, &br));
    }
    *pos = i;
    return NAP_OK; /* the parser reports the missing end */
}

/* {% raw %} with its signs at i? */
static bool raw_tag(const nap_j_lexer *lx, size_t i, const char *word, char *sign, size_t *after)
{
    if (!at(lx, i, "{%")) return false;
    i += 2;
    *sign = at(lx, i, "-") ? '-' : at(lx, i, "+") ? '+' : '\0';
    i = skip_space(lx, i + (*sign != '\0'));
    if (!at(lx, i, word)) return false;
    i = skip_space(lx, i + strlen(word));
    if (strcmp(word, "endraw") == 0) return end_delimiter(lx, i, "%}", true, after);
    return !at(lx, i, "+") && end_delimiter(lx, i, "%}", false, after);
}

static nap_status lex_raw(nap_j_lexer *lx, size_t *pos, bool line_starting)
{
    for (size_t i = *pos; i < lx->n; i++) {
        char sign;
        size_t after;
        if (!raw_tag(lx, i, "endraw", &sign, &after)) continue;
        const size_t end = strip_before(lx, *pos, i, sign, false, line_starting);
        if (end > *pos) NAP_TRY(emit(lx, NAP_J_T_DATA, *pos, end));
        *pos = after;
        return NAP_OK;
    }
    if (*pos == lx->n) return NAP_OK; /* Jinja's rule needs one character to see the mistake */
    return nap_j_syntax(lx->p, *pos, lx->e, "Missing end of raw directive");
}

static nap_status lex_comment(nap_j_lexer *lx, size_t *pos)
{
    for (size_t i = *pos; i < lx->n; i++) {
        size_t after;
        if (!end_delimiter(lx, i, "#}", true, &after)) continue;
        *pos = after;
        return NAP_OK;
    }
    if (*pos == lx->n) return NAP_OK;
    return nap_j_syntax(lx->p, *pos, lx->e, "Missing end of comment tag");
}

nap_status nap_j_lex(nap_j_lexer *lx)
{
    size_t pos = 0;
    while (pos < lx->n) {
        const bool line_starting = pos == 0 || lx->p[pos - 1] == '\n';
        size_t i = pos;
        while (i < lx->n && !at(lx, i, "{{") && !at(lx, i, "{%") && !at(lx, i, "{#")) i++;
        if (i == lx->n) {
            NAP_TRY(emit(lx, NAP_J_T_DATA, pos, i));
            break;
        }
        const char what = lx->p[i + 1];
        char sign = at(lx, i + 2, "-") ? '-' : at(lx, i + 2, "+") ? '+' : '\0';
        size_t after = i + 2 + (sign != '\0');
        const bool raw = raw_tag(lx, i, "raw", &sign, &after);
        const size_t end = strip_before(lx, pos, i, sign, what == '{', line_starting);
        if (end > pos) NAP_TRY(emit(lx, NAP_J_T_DATA, pos, end));
        pos = after;
        if (raw) {
            NAP_TRY(lex_raw(lx, &pos, lx->p[pos - 1] == '\n'));
        } else if (what == '#') {
            NAP_TRY(lex_comment(lx, &pos));
        } else {
            NAP_TRY(emit(lx, what == '{' ? NAP_J_T_PRINT_BEGIN : NAP_J_T_BLOCK_BEGIN, i, after));
            NAP_TRY(lex_tag(lx, &pos, what == '{'));
        }
    }
    return emit(lx, NAP_J_T_EOF, lx->n, lx->n);
}
