/* Layer tables: CSV in and out. See sim.h and docs/simulators.md for the columns.
 *
 * The text is untrusted. Columns are found by their names, in any order; m, n and k must be there,
 * the others have defaults; an unknown column is refused (a repeated one by csv.h), and so is any
 * value that a simulator could not count exactly: a dimension is at most 2^24, an operator at most
 * 2^62 MACs. */
#include "lutcore/sim.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/checked.h"
#include "base/csv.h"
#include "base/error.h"

#include <stdio.h>
#include <string.h>

enum { DIM_MAX = NAP_LAYER_DIM_MAX, ROWS_MAX = 1 << 16 };

typedef enum field {
    F_NAME,
    F_KIND,
    F_M,
    F_N,
    F_K,
    F_WBITS,
    F_ACT_BITS,
    F_BATCH,
    F_COUNT,
    F_FUSES,
    F_INPUTS,
    FIELDS
} field;
static const char *const field_names[FIELDS] = {
    "name", "kind", "m", "n", "k", "wbits", "act_bits", "batch", "count", "fuses", "inputs"};
static const char *const kind_names[] = {"mpgemm", "gemm", "element"};

static nap_status bad_cell(const nap_csv *c, size_t row, size_t column, const char *expected,
                           nap_error *e)
{
    return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET, "%s:%u: %s: found '%.40s', expected %s",
                    c->name, c->line[row], c->header[column], nap_csv_cell(c, row, column),
                    expected);
}

/* at[f]: the column of field f, or SIZE_MAX. */
static nap_status find_columns(const nap_csv *c, size_t at[FIELDS], nap_error *e)
{
    for (size_t f = 0; f < FIELDS; f++) at[f] = SIZE_MAX;
    for (size_t i = 0; i < c->columns; i++) {
        size_t f = 0;
        while (f < FIELDS && strcmp(c->header[i], field_names[f]) != 0) f++;
        if (f == FIELDS)
            return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                            "%s:%u: header: found column '%.40s', expected name, kind, m, n, k, "
                            "wbits, act_bits, batch, count, fuses or inputs",
                            c->name, c->header_line, c->header[i]);
        at[f] = i;
    }
    for (size_t f = F_M; f <= F_K; f++) {
        size_t column;
        NAP_TRY(nap_csv_column(c, field_names[f], &column, e));
    }
    return NAP_OK;
}

static nap_status read_uint(const nap_csv *c, size_t row, size_t column, uint64_t min, uint64_t max,
                            uint64_t *out, nap_error *e)
{
    if (column == SIZE_MAX) return NAP_OK;
    return nap_csv_uint(c, row, column, min, max, out, e);
}

static nap_status read_name(const nap_csv *c, size_t row, size_t column, nap_layer *x, nap_error *e)
{
    if (column == SIZE_MAX) {
        snprintf(x->name, sizeof x->name, "layer%zu", row + 1);
        return NAP_OK;
    }
    const char *s = nap_csv_cell(c, row, column);
    const size_t n = strlen(s);
    bool ok = n > 0 && n < sizeof x->name;
    for (size_t i = 0; ok && i < n; i++)
        ok = s[i] > ' ' && s[i] < 127 && s[i] != ',' && s[i] != '"';
    if (!ok)
        return bad_cell(c, row, column,
                        "1 to 63 printable ASCII characters without blank, comma and quote", e);
    memcpy(x->name, s, n + 1);
    return NAP_OK;
}

static nap_status read_row(const nap_csv *c, size_t row, const size_t at[FIELDS], nap_layer *x,
                           nap_error *e)
{
    *x = (nap_layer){.wbits = 2, .act_bits = 8, .batch = 1, .count = 1, .inputs = 1};
    NAP_TRY(read_name(c, row, at[F_NAME], x, e));
    if (at[F_KIND] != SIZE_MAX) {
        const char *s = nap_csv_cell(c, row, at[F_KIND]);
        unsigned k = 0;
        while (k < 3 && strcmp(s, kind_names[k]) != 0) k++;
        if (k == 3) return bad_cell(c, row, at[F_KIND], "mpgemm, gemm or element", e);
        x->kind = (nap_lkind)k;
    }
    if (x->kind != NAP_LAYER_MPGEMM) x->wbits = x->act_bits = 16;
    uint64_t wbits = x->wbits, act_bits = x->act_bits, fuses = x->kind == NAP_LAYER_MPGEMM;
    uint64_t inputs = x->inputs;
    NAP_TRY(read_uint(c, row, at[F_M], 1, DIM_MAX, &x->m, e));
    NAP_TRY(read_uint(c, row, at[F_N], 1, DIM_MAX, &x->n, e));
    NAP_TRY(read_uint(c, row, at[F_K], 1, DIM_MAX, &x->k, e));
    NAP_TRY(read_uint(c, row, at[F_WBITS], 1, 32, &wbits, e));
    NAP_TRY(read_uint(c, row, at[F_ACT_BITS], 4, 32, &act_bits, e));
    NAP_TRY(read_uint(c, row, at[F_BATCH], 1, DIM_MAX, &x->batch, e));
    NAP_TRY(read_uint(c, row, at[F_COUNT], 1, DIM_MAX, &x->count, e));
    NAP_TRY(read_uint(c, row, at[F_FUSES], 0, 1, &fuses, e));
    NAP_TRY(read_uint(c, row, at[F_INPUTS], 0, 16, &inputs, e));
    x->wbits = (unsigned)wbits;
    x->act_bits = (unsigned)act_bits;
    x->inputs = (unsigned)inputs;
    x->fuses = fuses == 1;
    uint64_t work;
    if (!nap_mul_ok(x->m, x->n, &work) || !nap_mul_ok(work, x->k, &work) ||
        !nap_mul_ok(work, x->batch, &work) || work > UINT64_C(1) << 62)
        return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                        "%s:%u: m x n x k x batch: found more than 2^62, expected at most that",
                        c->name, c->line[row]);
    return NAP_OK;
}

static nap_status read_rows(const nap_csv *c, nap_layers *out, nap_error *e)
{
    size_t at[FIELDS];
    NAP_TRY(find_columns(c, at, e));
    if (c->rows == 0 || c->rows > ROWS_MAX)
        return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                        "%s: rows: found %zu layers, expected 1 to %d", c->name, c->rows, ROWS_MAX);
    for (size_t row = 0; row < c->rows; row++) {
        nap_layer x;
        NAP_TRY(read_row(c, row, at, &x, e));
        if (!nap_layers_add(out, &x)) return nap_fail_memory(e, sizeof x, "a layer");
    }
    return NAP_OK;
}

static nap_status from_csv(nap_csv *c, nap_layers *out, nap_error *e)
{
    const nap_status s = read_rows(c, out, e);
    nap_csv_free(c);
    if (s != NAP_OK) nap_layers_free(out);
    return s;
}

nap_status nap_layers_parse(const char *text, size_t len, const char *name, nap_layers *out,
                            nap_error *e)
{
    nap_csv c;
    *out = (nap_layers){0};
    NAP_TRY(nap_csv_parse(text, len, name, &c, e));
    return from_csv(&c, out, e);
}

nap_status nap_layers_load(const char *path, nap_layers *out, nap_error *e)
{
    nap_csv c;
    *out = (nap_layers){0};
    NAP_TRY(nap_csv_load(path, &c, e));
    return from_csv(&c, out, e);
}

bool nap_layers_write(const nap_layers *l, nap_buf *out)
{
    for (size_t f = 0; f < FIELDS; f++)
        nap_buf_printf(out, "%s%s", f == 0 ? "" : ",", field_names[f]);
    nap_buf_putc(out, '\n');
    for (size_t i = 0; i < l->count; i++) {
        const nap_layer *x = &l->v[i];
        nap_csv_put(out, x->name);
        nap_buf_printf(out, ",%s,%llu,%llu,%llu,%u,%u,%llu,%llu,%d,%u\n", kind_names[x->kind],
                       (unsigned long long)x->m, (unsigned long long)x->n, (unsigned long long)x->k,
                       x->wbits, x->act_bits, (unsigned long long)x->batch,
                       (unsigned long long)x->count, x->fuses, x->inputs);
    }
    return !out->failed;
}

bool nap_layers_add(nap_layers *l, const nap_layer *x)
{
    nap_layer *grown = nap_realloc(l->v, l->count + 1, sizeof *grown);
    if (grown == NULL) return false;
    l->v = grown;
    l->v[l->count++] = *x;
    return true;
}

void nap_layers_free(nap_layers *l)
{
    nap_free(l->v);
    *l = (nap_layers){0};
}
