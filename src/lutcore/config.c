/* Configuration files: text to items, and typed look-ups in them.
 *
 * The text is untrusted: its length, the items and every field are bounded, and each complaint
 * names file, line, key, found and expected. Numbers are read by hand, so that the process's
 * locale cannot change what a file means. Grammar, line by line, blanks around tokens ignored:
 *     [section]      key = value      # comment to the end of the line */
#include "lutcore/config.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/process.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 1 << 20, ITEMS_MAX = 1024 };

static const char *const sections[] = {"core", "machine", NULL};

typedef struct line {
    const char *s; /* the line without comment and blanks around it */
    size_t n;
    size_t offset; /* of s in the text */
    unsigned number;
} line;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void trim(const char **s, size_t *n)
{
    while (*n > 0 && is_blank(**s)) ++*s, --*n;
    while (*n > 0 && is_blank((*s)[*n - 1])) --*n;
}

static bool is_word(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const bool letter = (s[i] >= 'a' && s[i] <= 'z') || s[i] == '_';
        if (!letter && !(i > 0 && s[i] >= '0' && s[i] <= '9')) return false;
    }
    return n > 0;
}

/* For messages: at most 40 bytes of the file, control characters as dots. */
static const char *shown(char out[48], const char *s, size_t n)
{
    const size_t keep = n < 40 ? n : 40;
    for (size_t i = 0; i < keep; i++) out[i] = s[i] >= ' ' && s[i] < 127 ? s[i] : '.';
    memcpy(out + keep, n > keep ? "..." : "", n > keep ? 4 : 1);
    return out;
}

static nap_status bad_line(const line *l, const char *name, nap_error *e, const char *field,
                           const char *found, size_t n, const char *expected)
{
    char text[48];
    return nap_fail(e, NAP_ERR_FORMAT, l->offset, "%s:%u: %s: found '%s', expected %s", name,
                    l->number, field, shown(text, found, n), expected);
}

static nap_status read_section(const line *l, const char *name, const char **section, nap_error *e)
{
    const char *s = l->s + 1;
    size_t n = l->n - 1;
    if (n == 0 || s[n - 1] != ']')
        return bad_line(l, name, e, "section", l->s, l->n, "a closing ']'");
    n--;
    trim(&s, &n);
    for (size_t i = 0; sections[i] != NULL; i++)
        if (strlen(sections[i]) == n && memcmp(sections[i], s, n) == 0) {
            *section = sections[i];
            return NAP_OK;
        }
    return bad_line(l, name, e, "section", s, n, "core or machine");
}

static nap_status read_item(const line *l, const char *name, const char *section, nap_config *c,
                            nap_error *e)
{
    if (section == NULL)
        return bad_line(l, name, e, "section", l->s, l->n, "[core] or [machine] before any key");
    const char *equals = memchr(l->s, '=', l->n);
    if (equals == NULL) return bad_line(l, name, e, "line", l->s, l->n, "'key = value'");
    const char *key = l->s;
    size_t key_n = (size_t)(equals - l->s);
    const char *value = equals + 1;
    size_t value_n = l->n - key_n - 1;
    trim(&key, &key_n);
    trim(&value, &value_n);
    nap_config_item item = {.line = l->number};
    if (!is_word(key, key_n) || key_n >= sizeof item.key)
        return bad_line(l, name, e, "key", key, key_n,
                        "a word of at most 31 lower-case letters, digits and '_'");
    memcpy(item.key, key, key_n);
    memcpy(item.section, section, strlen(section));
    if (value_n == 0) return bad_line(l, name, e, item.key, value, value_n, "a value after '='");
    if (value_n >= sizeof item.value)
        return bad_line(l, name, e, item.key, value, value_n, "a value of at most 95 bytes");
    for (size_t i = 0; i < value_n; i++)
        if (value[i] < ' ' || value[i] > '~')
            return bad_line(l, name, e, item.key, value, value_n, "printable ASCII");
    memcpy(item.value, value, value_n);
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->items[i].key, item.key) == 0 && strcmp(c->items[i].section, section) == 0)
            return nap_fail(e, NAP_ERR_FORMAT, l->offset,
                            "%s:%u: [%s] %s: found a second time, expected once (line %u has it)",
                            name, l->number, section, item.key, c->items[i].line);
    if (c->count == ITEMS_MAX)
        return nap_fail(e, NAP_ERR_LIMIT, l->offset, "%s:%u: more than %d keys", name, l->number,
                        ITEMS_MAX);
    nap_config_item *grown = nap_realloc(c->items, c->count + 1, sizeof *grown);
    if (grown == NULL) return nap_fail_memory(e, sizeof *grown, "a configuration");
    c->items = grown;
    c->items[c->count++] = item;
    return NAP_OK;
}

static nap_status parse_lines(const char *text, size_t len, nap_config *c, nap_error *e)
{
    const char *section = NULL;
    size_t at = 0;
    for (unsigned number = 1; at < len; number++) {
        const char *end = memchr(text + at, '\n', len - at);
        const size_t n = end != NULL ? (size_t)(end - text) - at : len - at;
        const char *comment = memchr(text + at, '#', n);
        line l = {.s = text + at, .number = number};
        l.n = comment != NULL ? (size_t)(comment - l.s) : n;
        trim(&l.s, &l.n);
        l.offset = (size_t)(l.s - text);
        at += n + (end != NULL);
        if (l.n == 0) continue;
        if (l.s[0] == '[')
            NAP_TRY(read_section(&l, c->name, &section, e));
        else
            NAP_TRY(read_item(&l, c->name, section, c, e));
    }
    return NAP_OK;
}

nap_status nap_config_parse(const char *text, size_t len, const char *name, nap_config *out,
                            nap_error *e)
{
    nap_config c = {0};
    *out = c;
    if (len > TEXT_MAX)
        return nap_fail(e, NAP_ERR_LIMIT, NAP_NO_OFFSET,
                        "%s: found %zu bytes, expected a configuration of at most %d", name, len,
                        TEXT_MAX);
    c.name = nap_strdup(name);
    if (c.name == NULL) return nap_fail_memory(e, strlen(name) + 1, "a configuration");
    const nap_status status = parse_lines(text, len, &c, e);
    if (status == NAP_OK)
        *out = c;
    else
        nap_config_free(&c);
    return status;
}

nap_status nap_config_load(const char *path, nap_config *out, nap_error *e)
{
    char *text = NULL;
    size_t len = 0;
    *out = (nap_config){0};
    NAP_TRY(nap_read_whole(path, TEXT_MAX, &text, &len, e));
    const nap_status status = nap_config_parse(text, len, path, out, e);
    nap_free(text);
    return status;
}

void nap_config_free(nap_config *c)
{
    nap_free(c->name);
    nap_free(c->items);
    *c = (nap_config){0};
}

bool nap_config_has(const nap_config *c, const char *section)
{
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->items[i].section, section) == 0) return true;
    return false;
}

static nap_config_item *take(nap_config *c, const char *section, const char *key)
{
    for (size_t i = 0; i < c->count; i++) {
        nap_config_item *item = &c->items[i];
        if (strcmp(item->section, section) == 0 && strcmp(item->key, key) == 0) {
            item->used = true;
            return item;
        }
    }
    return NULL;
}

/* Digits of s, at most `max_digits` of them, into *v; how many. */
static size_t digits(const char *s, size_t max_digits, uint64_t *v)
{
    size_t n = 0;
    *v = 0;
    for (; s[n] >= '0' && s[n] <= '9' && n < max_digits; n++) *v = *v * 10 + (uint64_t)(s[n] - '0');
    return n;
}

nap_status nap_config_uint(nap_config *c, const char *section, const char *key, uint64_t min,
                           uint64_t max, uint64_t *out, nap_error *e)
{
    const nap_config_item *item = take(c, section, key);
    if (item == NULL) return NAP_OK;
    uint64_t v;
    const size_t n = digits(item->value, 18, &v);
    if (n == 0 || item->value[n] != '\0' || v < min || v > max)
        return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                        "%s:%u: [%s] %s: found '%s', expected a whole number from %llu to %llu",
                        c->name, item->line, section, key, item->value, (unsigned long long)min,
                        (unsigned long long)max);
    *out = v;
    return NAP_OK;
}

/* -?digits[.digits][e[+-]digits], at most 15 digits and a power within 10^+-22: then value and
 * power are exact doubles, and the one multiplication or division rounds correctly. */
static bool read_real(const char *s, double *out)
{
    const bool negative = *s == '-';
    s += negative;
    uint64_t whole, part = 0, power = 0;
    const size_t before = digits(s, 15, &whole);
    s += before;
    size_t after = 0;
    if (*s == '.') {
        after = digits(++s, 15 - before, &part);
        if (after == 0) return false;
        s += after;
    }
    if (before == 0) return false;
    bool power_negative = false;
    if (*s == 'e' || *s == 'E') {
        s++;
        power_negative = *s == '-';
        s += *s == '-' || *s == '+';
        const size_t n = digits(s, 2, &power);
        if (n == 0) return false;
        s += n;
    }
    if (*s != '\0') return false;
    for (size_t i = 0; i < after; i++) whole *= 10;
    const int ten = (power_negative ? -(int)power : (int)power) - (int)after;
    if (ten < -22 || ten > 22) return false;
    double scale = 1;
    for (int i = 0; i < (ten < 0 ? -ten : ten); i++) scale *= 10;
    const double v = ten < 0 ? (double)(whole + part) / scale : (double)(whole + part) * scale;
    *out = negative ? -v : v;
    return true;
}

nap_status nap_config_real(nap_config *c, const char *section, const char *key, double min,
                           double max, double *out, nap_error *e)
{
    const nap_config_item *item = take(c, section, key);
    if (item == NULL) return NAP_OK;
    double v;
    if (!read_real(item->value, &v) || v < min || v > max)
        return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                        "%s:%u: [%s] %s: found '%s', expected a number from %g to %g", c->name,
                        item->line, section, key, item->value, min, max);
    *out = v;
    return NAP_OK;
}

nap_status nap_config_choice(nap_config *c, const char *section, const char *key,
                             const char *const *names, unsigned *out, nap_error *e)
{
    const nap_config_item *item = take(c, section, key);
    if (item == NULL) return NAP_OK;
    char known[200];
    size_t n = 0;
    known[0] = '\0';
    for (unsigned i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], item->value) == 0) {
            *out = i;
            return NAP_OK;
        }
        const int add = snprintf(known + n, sizeof known - n, "%s%s", i > 0 ? ", " : "", names[i]);
        if (add > 0 && (size_t)add < sizeof known - n) n += (size_t)add;
    }
    return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                    "%s:%u: [%s] %s: found '%s', expected one of %s", c->name, item->line, section,
                    key, item->value, known);
}

nap_status nap_config_text(nap_config *c, const char *section, const char *key, char *out,
                           size_t cap, nap_error *e)
{
    const nap_config_item *item = take(c, section, key);
    if (item == NULL) return NAP_OK;
    const size_t n = strlen(item->value);
    if (n >= cap)
        return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                        "%s:%u: [%s] %s: found %zu bytes, expected at most %zu", c->name,
                        item->line, section, key, n, cap - 1);
    memcpy(out, item->value, n + 1);
    return NAP_OK;
}

unsigned nap_config_line(const nap_config *c, const char *section, const char *key)
{
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->items[i].section, section) == 0 && strcmp(c->items[i].key, key) == 0)
            return c->items[i].line;
    return 0;
}

nap_status nap_config_done(const nap_config *c, const char *section, const char *known,
                           nap_error *e)
{
    for (size_t i = 0; i < c->count; i++) {
        const nap_config_item *item = &c->items[i];
        if (!item->used && strcmp(item->section, section) == 0)
            return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                            "%s:%u: [%s] %s: unknown key; expected one of %s", c->name, item->line,
                            section, item->key, known != NULL ? known : "none");
    }
    return NAP_OK;
}
