/* Any bytes as a CSV table: refused or read, and what is read survives being written. */
#include "base/alloc.h"
#include "base/csv.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nap_csv c;
    nap_error e;
    if (nap_csv_parse((const char *)data, size, "fuzz", &c, &e) != NAP_OK) return 0;
    nap_buf b = {0};
    for (size_t j = 0; j < c.columns; j++) {
        if (j > 0) nap_buf_putc(&b, ',');
        nap_csv_put(&b, c.header[j]);
    }
    for (size_t i = 0; i < c.rows; i++)
        for (size_t j = 0; j < c.columns; j++) {
            nap_buf_putc(&b, j == 0 ? '\n' : ',');
            nap_csv_put(&b, nap_csv_cell(&c, i, j));
        }
    nap_buf_putc(&b, '\n');
    nap_csv d;
    /* A lone empty field is an empty line, and a header that starts with '#' a comment: neither
     * can be written so that it reads back. */
    const bool exact = c.columns > 1 && c.header[0][0] != '#';
    if (!b.failed && exact) {
        if (nap_csv_parse(b.data, b.len, "again", &d, &e) != NAP_OK) abort();
        if (d.rows != c.rows || d.columns != c.columns) abort();
        for (size_t i = 0; i < c.rows * c.columns; i++)
            if (strcmp(c.cell[i], d.cell[i]) != 0) abort();
        nap_csv_free(&d);
    }
    nap_buf_free(&b);
    nap_csv_free(&c);
    return 0;
}
