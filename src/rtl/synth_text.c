/* Cutting units out of a design's text, in a form that is the same for every design that holds
 * them: the key of the cache. See synth_impl.h. */
#include "rtl/synth_impl.h"

#include "base/alloc.h"
#include "base/error.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

nap_hash nap_hash_start(void)
{
    return (nap_hash){0xcbf29ce484222325u, 0x6c62272e07bb0142u};
}

nap_hash nap_hash_add(nap_hash h, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    for (size_t i = 0; i < n; i++) {
        h.a = (h.a ^ p[i]) * 0x100000001b3u;
        h.b = (h.b ^ p[i] ^ (h.a >> 32)) * 0x100000001b3u;
    }
    return h;
}

nap_hash nap_hash_text(nap_hash h, const char *text)
{
    return nap_hash_add(h, text, strlen(text) + 1);
}

void nap_hash_name(nap_hash h, char out[33])
{
    (void)snprintf(out, 33, "%016llx%016llx", (unsigned long long)h.a, (unsigned long long)h.b);
}

static bool word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$';
}

const char *nap_module_find(const char *design, const char *module, size_t *len)
{
    const size_t n = strlen(module);
    for (const char *p = design; p != NULL; p = strchr(p, '\n')) {
        if (*p == '\n') p++;
        if (strncmp(p, "module ", 7) != 0) continue;
        if (strncmp(p + 7, module, n) != 0 || word(p[7 + n])) continue;
        const char *end = strstr(p, "\nendmodule");
        if (end == NULL) return NULL;
        end += strlen("\nendmodule");
        *len = (size_t)(end - p) + (*end == '\n');
        return p;
    }
    return NULL;
}

bool nap_module_ports(const char *text, size_t len, nap_vport **out, size_t *count)
{
    const char *p = memchr(text, '(', len), *const end = text + len;
    const char *close = p != NULL ? strstr(p, ");") : NULL;
    *out = NULL;
    *count = 0;
    if (close == NULL || close > end) return true;
    unsigned width = 1;
    bool input = true;
    while (p < close) {
        if (strncmp(p, "//", 2) == 0) {
            while (p < close && *p != '\n') p++;
        } else if (*p == '[') { /* [high:0] */
            width = (unsigned)strtoul(p + 1, NULL, 10) + 1;
            while (p < close && *p != ']') p++;
        } else if (!word(*p)) {
            p++;
        } else {
            const char *const start = p;
            while (p < close && word(*p)) p++;
            const size_t n = (size_t)(p - start);
            const bool in = n == 5 && memcmp(start, "input", n) == 0,
                       dir = in || (n == 6 && memcmp(start, "output", n) == 0);
            if (dir) {
                input = in;
                width = 1;
            }
            if (dir || (n == 6 && memcmp(start, "signed", n) == 0) ||
                (n == 4 && memcmp(start, "wire", n) == 0))
                continue;
            nap_vport *grown = nap_realloc(*out, *count + 1, sizeof *grown);
            if (grown == NULL) return false;
            *out = grown;
            nap_vport *v = &grown[(*count)++];
            (void)snprintf(v->name, sizeof v->name, "%.*s", (int)n, start);
            v->width = width;
            v->input = input;
        }
    }
    return true;
}

/* ---- The closure of a unit: itself and what it instantiates. */
typedef struct closure {
    const char **start;
    size_t *len;
    char (*name)[96];
    size_t count;
} closure;

static bool add_module(closure *c, const char *start, size_t len, const char *name, size_t n)
{
    const char **s = nap_realloc(c->start, c->count + 1, sizeof *s);
    if (s != NULL) c->start = s;
    size_t *l = nap_realloc(c->len, c->count + 1, sizeof *l);
    if (l != NULL) c->len = l;
    char(*m)[96] = nap_realloc(c->name, c->count + 1, sizeof *m);
    if (m != NULL) c->name = m;
    if (s == NULL || l == NULL || m == NULL) return false;
    s[c->count] = start;
    l[c->count] = len;
    (void)snprintf(m[c->count], sizeof *m, "%.*s", (int)n, name);
    c->count++;
    return true;
}

static size_t find_name(const closure *c, const char *word_at, size_t n)
{
    size_t i = 0;
    while (i < c->count && (strlen(c->name[i]) != n || strncmp(c->name[i], word_at, n) != 0)) i++;
    return i;
}

/* Adds the modules of the design that the text of number i names: first words of a line that are
 * followed by an instance's name. */
static bool add_instances(closure *c, size_t i, const char *design)
{
    const char *p = c->start[i], *const end = p + c->len[i];
    while (p < end) {
        const char *line = p;
        while (line < end && *line == ' ') line++;
        const char *w = line;
        while (w < end && word(*w)) w++;
        const size_t n = (size_t)(w - line);
        if (n > 0 && n < 96 && w < end && *w == ' ' && find_name(c, line, n) == c->count) {
            char name[96];
            (void)snprintf(name, sizeof name, "%.*s", (int)n, line);
            size_t len;
            const char *m = nap_module_find(design, name, &len);
            if (m != NULL && !add_module(c, m, len, line, n)) return false;
        }
        const char *next = memchr(p, '\n', (size_t)(end - p));
        p = next != NULL ? next + 1 : end;
    }
    return true;
}

static void put_renamed(nap_buf *b, const closure *c, size_t i)
{
    const char *p = c->start[i], *const end = p + c->len[i];
    while (p < end) {
        if (strncmp(p, "//", 2) == 0) {
            while (p < end && *p != '\n') p++;
            while (b->len > 0 && b->data[b->len - 1] == ' ') b->len--;
            continue;
        }
        const char *w = p;
        while (w < end && word(*w)) w++;
        if (w == p) { /* of blanks in a row, the first */
            const bool blank = *p == ' ' || *p == '\n';
            const char last = b->len > 0 ? b->data[b->len - 1] : '\n';
            if (!blank || (last != ' ' && last != '\n'))
                nap_buf_putc(b, *p);
            else if (*p == '\n')
                b->data[b->len - 1] = '\n';
            p++;
            continue;
        }
        const size_t n = (size_t)(w - p), k = find_name(c, p, n);
        if (k == c->count)
            nap_buf_put(b, p, n);
        else if (k == 0)
            nap_buf_puts(b, "unit");
        else
            nap_buf_printf(b, "unit_%zu", k);
        p = w;
    }
}

nap_status nap_unit_cut(const char *design, const char *module, nap_unit_text *out, nap_error *e)
{
    memset(out, 0, sizeof *out);
    closure c = {0};
    size_t len;
    const char *m = nap_module_find(design, module, &len);
    if (m == NULL)
        return nap_fail(e, NAP_ERR_INTERNAL, NAP_NO_OFFSET, "the design has no module '%s'",
                        module);
    bool ok = add_module(&c, m, len, module, strlen(module));
    for (size_t i = 0; ok && i < c.count; i++) ok = add_instances(&c, i, design);
    for (size_t i = c.count; ok && i-- > 0;) put_renamed(&out->text, &c, i);
    ok = ok && !out->text.failed && nap_module_ports(m, len, &out->port, &out->ports);
    nap_free(c.start);
    nap_free(c.len);
    nap_free(c.name);
    if (!ok) {
        nap_unit_text_free(out);
        return nap_fail_memory(e, len, module);
    }
    out->hash = nap_hash_text(nap_hash_start(), out->text.data);
    return NAP_OK;
}

void nap_unit_text_free(nap_unit_text *u)
{
    nap_buf_free(&u->text);
    nap_free(u->port);
    memset(u, 0, sizeof *u);
}
