/* CSV tables. See csv.h. The text is copied once and cut in place: cells point into the copy. */
#include "base/csv.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/process.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CSV_COLUMNS_MAX = 256, CSV_BYTES_MAX = 64 << 20 };

/* A cursor that takes fields off the text, closing quotes and ending each with a NUL. */
typedef struct reader {
    char *p, *end;
    unsigned line;
    const char *name;
} reader;

/* Takes one field; *last says whether it ended the record. */
static nap_status take(reader *r, char **field, bool *last, nap_error *e)
{
    char *to;
    if (r->p < r->end && *r->p == '"') {
        const unsigned start = r->line;
        to = *field = ++r->p;
        for (;; r->p++) {
            if (r->p == r->end)
                return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                                "%s:%u: found the end of the file in a quoted field, expected '\"'",
                                r->name, start);
            if (*r->p == '"') {
                if (r->p + 1 == r->end || r->p[1] != '"') break;
                r->p++;
            }
            r->line += *r->p == '\n';
            *to++ = *r->p;
        }
        r->p++;
        if (r->p < r->end && *r->p != ',' && *r->p != '\n' && *r->p != '\r')
            return nap_fail(
                e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                "%s:%u: found '%.1s' after a quoted field, expected ',' or the line's end", r->name,
                r->line, r->p);
    } else {
        *field = r->p;
        while (r->p < r->end && *r->p != ',' && *r->p != '\n' && *r->p != '\r') {
            if (*r->p == '"')
                return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                                "%s:%u: found '\"' inside a field that does not start with it",
                                r->name, r->line);
            r->p++;
        }
        to = r->p;
    }
    *last = r->p == r->end || *r->p != ',';
    if (r->p < r->end && *r->p == '\r') r->p++;
    if (r->p < r->end) {
        if (*r->p == '\n')
            r->line++;
        else if (*r->p != ',')
            return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                            "%s:%u: found a carriage return alone, expected a line feed after it",
                            r->name, r->line);
        r->p++;
    }
    *to = '\0';
    return NAP_OK;
}

static nap_status header(reader *r, nap_csv *c, nap_error *e)
{
    while (r->p < r->end && *r->p == '#') {
        char *nl = memchr(r->p, '\n', (size_t)(r->end - r->p));
        r->p = nl == NULL ? r->end : nl + 1;
        r->line++;
    }
    if (r->p == r->end)
        return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                        "%s:%u: found no header line, expected the names of the columns", c->name,
                        r->line);
    c->header_line = r->line;
    c->header = nap_calloc(CSV_COLUMNS_MAX, sizeof *c->header);
    if (c->header == NULL) return nap_fail_memory(e, CSV_COLUMNS_MAX, c->name);
    for (bool last = false; !last;) {
        if (c->columns == CSV_COLUMNS_MAX)
            return nap_fail(e, NAP_ERR_LIMIT, NAP_NO_OFFSET, "%s:%u: more than %d columns", c->name,
                            r->line, CSV_COLUMNS_MAX);
        NAP_TRY(take(r, &c->header[c->columns], &last, e));
        for (size_t i = 0; i < c->columns; i++)
            if (strcmp(c->header[i], c->header[c->columns]) == 0)
                return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                                "%s:%u: header: found column '%.60s' twice, expected each once: a "
                                "table starts with the names of its columns",
                                c->name, c->header_line, c->header[i]);
        c->columns++;
    }
    return NAP_OK;
}

static nap_status records(reader *r, nap_csv *c, nap_error *e)
{
    size_t cap = 0;
    while (r->p < r->end) {
        if (*r->p == '\n' || *r->p == '\r') { /* an empty line */
            r->line += *r->p++ == '\n';
            continue;
        }
        if (c->rows == cap) {
            uint64_t cells;
            cap = cap == 0 ? 64 : 2 * cap;
            if (!nap_mul_ok(cap, c->columns, &cells)) return nap_fail_memory(e, cap, c->name);
            char **cell = nap_realloc(c->cell, (size_t)cells, sizeof *cell);
            if (cell != NULL) c->cell = cell;
            unsigned *line = nap_realloc(c->line, cap, sizeof *line);
            if (line != NULL) c->line = line;
            if (cell == NULL || line == NULL) return nap_fail_memory(e, cap, c->name);
        }
        c->line[c->rows] = r->line;
        bool last = false;
        size_t n = 0;
        for (; !last; n++) {
            char *field;
            NAP_TRY(take(r, &field, &last, e));
            if (n < c->columns) c->cell[c->rows * c->columns + n] = field;
        }
        if (n != c->columns)
            return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                            "%s:%u: found %zu fields, expected %zu", c->name, c->line[c->rows], n,
                            c->columns);
        c->rows++;
    }
    return NAP_OK;
}

nap_status nap_csv_parse(const char *text, size_t len, const char *name, nap_csv *out, nap_error *e)
{
    nap_csv c = {.name = nap_strdup(name), .text = nap_strndup(text, len)};
    nap_status s = NAP_OK;
    if (c.name == NULL || c.text == NULL) s = nap_fail_memory(e, len, name);
    const char *nul = s == NAP_OK ? memchr(text, '\0', len) : NULL;
    if (nul != NULL)
        s = nap_fail(e, NAP_ERR_FORMAT, (uint64_t)(nul - text),
                     "%s: found a zero byte, expected text", name);
    reader r = {.p = c.text, .end = c.text + len, .line = 1, .name = name};
    if (s == NAP_OK) s = header(&r, &c, e);
    if (s == NAP_OK) s = records(&r, &c, e);
    if (s == NAP_OK)
        *out = c;
    else
        nap_csv_free(&c);
    return s;
}

nap_status nap_csv_load(const char *path, nap_csv *out, nap_error *e)
{
    char *text;
    size_t len;
    NAP_TRY(nap_read_whole(path, CSV_BYTES_MAX, &text, &len, e));
    const nap_status s = nap_csv_parse(text, len, path, out, e);
    nap_free(text);
    return s;
}

void nap_csv_free(nap_csv *c)
{
    nap_free(c->name);
    nap_free(c->header);
    nap_free(c->cell);
    nap_free(c->line);
    nap_free(c->text);
    *c = (nap_csv){0};
}

nap_status nap_csv_column(const nap_csv *c, const char *header, size_t *out, nap_error *e)
{
    for (size_t i = 0; i < c->columns; i++)
        if (strcmp(c->header[i], header) == 0) {
            *out = i;
            return NAP_OK;
        }
    nap_buf there = {0};
    for (size_t i = 0; i < c->columns; i++)
        nap_buf_printf(&there, "%s%s", i == 0 ? "" : ", ", c->header[i]);
    const nap_status s = nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                                  "%s:%u: header: no column '%s'; there are: %.300s", c->name,
                                  c->header_line, header, there.data == NULL ? "" : there.data);
    nap_buf_free(&there);
    return s;
}

nap_status nap_csv_real(const nap_csv *c, size_t row, size_t column, double *out, nap_error *e)
{
    const char *text = nap_csv_cell(c, row, column);
    char *end;
    const double v = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(v))
        return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                        "%s:%u: %s: found '%.40s', expected a finite number", c->name, c->line[row],
                        c->header[column], text);
    *out = v;
    return NAP_OK;
}

nap_status nap_csv_uint(const nap_csv *c, size_t row, size_t column, uint64_t min, uint64_t max,
                        uint64_t *out, nap_error *e)
{
    const char *text = nap_csv_cell(c, row, column);
    char *end;
    errno = 0;
    const unsigned long long v = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || v < min || v > max)
        return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                        "%s:%u: %s: found '%.40s', expected a whole number in [%llu, %llu]",
                        c->name, c->line[row], c->header[column], text, (unsigned long long)min,
                        (unsigned long long)max);
    *out = v;
    return NAP_OK;
}

void nap_csv_put(nap_buf *out, const char *field)
{
    if (strpbrk(field, ",\"\r\n") == NULL) {
        nap_buf_puts(out, field);
        return;
    }
    nap_buf_putc(out, '"');
    for (; *field != '\0'; field++) {
        if (*field == '"') nap_buf_putc(out, '"');
        nap_buf_putc(out, *field);
    }
    nap_buf_putc(out, '"');
}
