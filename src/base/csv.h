/* CSV tables (RFC 4180, '.' decimals): a header line, then records of as many fields. Lines that
 * start with '#' before the header are comments. Errors name file, line, column, found, expected.
 */
#ifndef NAP_BASE_CSV_H
#define NAP_BASE_CSV_H

#include "base/buf.h"
#include "napier/status.h"

typedef struct nap_csv {
    char *name;           /* of the file, for messages */
    size_t rows, columns; /* records without the header */
    char **header;        /* [columns] */
    char **cell;          /* [rows * columns], never NULL */
    unsigned *line;       /* [rows] first line of each record */
    unsigned header_line; /* comments may stand before it */
    char *text;           /* what the cells point into */
} nap_csv;

nap_status nap_csv_parse(const char *text, size_t len, const char *name, nap_csv *out,
                         nap_error *e);
nap_status nap_csv_load(const char *path, nap_csv *out, nap_error *e);
void nap_csv_free(nap_csv *c);

/* Index of a column; NAP_ERR_FORMAT names the missing one and those there are. */
nap_status nap_csv_column(const nap_csv *c, const char *header, size_t *out, nap_error *e);
static inline const char *nap_csv_cell(const nap_csv *c, size_t row, size_t column)
{
    return c->cell[row * c->columns + column];
}
nap_status nap_csv_real(const nap_csv *c, size_t row, size_t column, double *out, nap_error *e);
nap_status nap_csv_uint(const nap_csv *c, size_t row, size_t column, uint64_t min, uint64_t max,
                        uint64_t *out, nap_error *e);
/* Appends one field, quoted where it must be. */
void nap_csv_put(nap_buf *out, const char *field);

#endif
