/* The report: one HTML page that holds its pictures and tables, with every table as CSV and every
 * picture as SVG and PNG beside it. Plots are drawn by gnuplot from text that is kept (NAME.gp), so
 * that a reader can redraw them. */
#ifndef NAP_FIGURES_PAGE_H
#define NAP_FIGURES_PAGE_H

#include "base/buf.h"
#include "napier/status.h"

typedef struct nap_page {
    const char *dir; /* of everything that is written */
    nap_buf html;
} nap_page;

nap_status nap_page_open(nap_page *p, const char *dir, const char *title, const char *intro,
                         nap_error *e);
void nap_page_section(nap_page *p, const char *heading);
void nap_page_text(nap_page *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Draws: `body` is gnuplot text after the terminal is set (data blocks, plot commands); width and
 * height in pixels. Writes NAME.gp, NAME.svg, NAME.png and puts the picture on the page. */
nap_status nap_page_plot(nap_page *p, const char *name, unsigned width, unsigned height,
                         const nap_buf *body, const char *caption, nap_error *e);
/* Tics at 1, 2 and 5 of every decade in (low, high) of a logarithmic axis, 'x' or 'y': gnuplot's
 * own are too few on short ones. */
void nap_plot_tics(nap_buf *g, char axis, double low, double high);
/* A table from CSV text (header first): onto the page and as NAME.csv. Numbers are set flush right.
 */
nap_status nap_page_table(nap_page *p, const char *name, const nap_buf *csv, const char *caption,
                          nap_error *e);
/* Writes index.html. */
nap_status nap_page_close(nap_page *p, nap_error *e);
void nap_page_free(nap_page *p);

#endif
