/* The report's page. See page.h. */
#include "figures/page.h"

#include "base/alloc.h"
#include "base/csv.h"
#include "base/error.h"
#include "base/process.h"

#include <stdarg.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char style[] =
    "body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;"
    "color:#1c2630}h1{font-size:1.7rem}h2{font-size:1.25rem;margin-top:3rem;border-bottom:1px solid"
    " #d5dbe1;padding-bottom:.3rem}figure{margin:1.5rem 0}figcaption{color:#566573;"
    "font-size:.9rem;margin-top:.4rem}table{border-collapse:collapse;font-size:.88rem;"
    "font-variant-numeric:tabular-nums}th,td{padding:.25rem .7rem;border-bottom:1px solid #e3e8ec;"
    "text-align:left;vertical-align:top}th{background:#f3f6f8}td.n{text-align:right;white-space:"
    "nowrap}div.w{overflow-x:auto}svg{max-width:100%;height:auto}";

static void put_text(nap_buf *b, const char *s)
{
    for (; *s != '\0'; s++) {
        if (*s == '<')
            nap_buf_puts(b, "&lt;");
        else if (*s == '>')
            nap_buf_puts(b, "&gt;");
        else if (*s == '&')
            nap_buf_puts(b, "&amp;");
        else
            nap_buf_putc(b, *s);
    }
}

nap_status nap_page_open(nap_page *p, const char *dir, const char *title, const char *intro,
                         nap_error *e)
{
    *p = (nap_page){.dir = dir};
    NAP_TRY(nap_make_folder(dir, e));
    nap_buf_printf(&p->html,
                   "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                   "<meta name=\"viewport\" content=\"width=device-width\">\n"
                   "<title>%s</title>\n<style>%s</style></head><body>\n<h1>%s</h1>\n<p>",
                   title, style, title);
    put_text(&p->html, intro);
    nap_buf_puts(&p->html, "</p>\n");
    return NAP_OK;
}

void nap_page_section(nap_page *p, const char *heading)
{
    nap_buf_puts(&p->html, "<h2>");
    put_text(&p->html, heading);
    nap_buf_puts(&p->html, "</h2>\n");
}

void nap_page_text(nap_page *p, const char *fmt, ...)
{
    char text[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    nap_buf_puts(&p->html, "<p>");
    put_text(&p->html, text);
    nap_buf_puts(&p->html, "</p>\n");
}

static nap_status write_file(const nap_page *p, const char *name, const char *suffix,
                             const nap_buf *text, nap_error *e)
{
    nap_buf path = {0};
    nap_buf_printf(&path, "%s/%s%s", p->dir, name, suffix);
    const nap_status s = path.failed || text->failed
                             ? nap_fail_memory(e, text->len, name)
                             : nap_write_whole(path.data, text->data, text->len, e);
    nap_buf_free(&path);
    return s;
}

/* gnuplot's own words, when it refuses. */
static nap_status draw(const nap_page *p, const char *name, nap_error *e)
{
    char script[128];
    snprintf(script, sizeof script, "%s.gp", name);
    const char *const argv[] = {"gnuplot", script, NULL};
    nap_buf out = {0};
    int code = 0;
    nap_status s = nap_process_run(argv, p->dir, &out, &code, "Debian: apt install gnuplot-nox", e);
    if (s == NAP_OK && code != 0)
        s = nap_fail(e, NAP_ERR_INTERNAL, NAP_NO_OFFSET, "gnuplot %s/%s: exit code %d: %.300s",
                     p->dir, script, code, out.data == NULL ? "" : out.data);
    nap_buf_free(&out);
    return s;
}

void nap_plot_tics(nap_buf *g, char axis, double low, double high)
{
    static const double steps[] = {1, 2, 5};
    bool any = false;
    nap_buf_printf(g, "set %ctics (", axis);
    for (int decade = -9; decade <= 9; decade++)
        for (size_t i = 0; i < 3; i++) {
            const double v = steps[i] * pow(10, decade);
            if (v <= low || v >= high) continue;
            const double shown = v >= 1e6 ? v / 1e6 : v >= 1e3 ? v / 1e3 : v;
            nap_buf_printf(g, "%s'%g%s' %g", any ? ", " : "", shown,
                           v >= 1e6   ? "M"
                           : v >= 1e3 ? "k"
                                      : "",
                           v);
            any = true;
        }
    nap_buf_puts(g, ")\n");
}

nap_status nap_page_plot(nap_page *p, const char *name, unsigned width, unsigned height,
                         const nap_buf *body, const char *caption, nap_error *e)
{
    if (body->failed) return nap_fail_memory(e, body->len, name);
    nap_buf gp = {0};
    /* The same body is drawn twice; `replot` would lose multiplots. */
    nap_buf_printf(&gp, "# Redraw with: gnuplot %s.gp\n", name);
    for (unsigned pass = 0; pass < 2; pass++) {
        if (pass == 0)
            nap_buf_printf(&gp,
                           "set terminal svg size %u,%u font 'DejaVu Sans,13' rounded background "
                           "'white'\nset output '%s.svg'\n",
                           width, height, name);
        else
            nap_buf_printf(&gp,
                           "reset\nset terminal pngcairo size %u,%u font 'DejaVu Sans,10' rounded\n"
                           "set output '%s.png'\n",
                           width, height, name);
        nap_buf_put(&gp, body->data, body->len);
        nap_buf_puts(&gp, "\nunset output\n");
    }
    nap_status s = write_file(p, name, ".gp", &gp, e);
    nap_buf_free(&gp);
    if (s == NAP_OK) s = draw(p, name, e);
    if (s != NAP_OK) return s;
    char path[512];
    snprintf(path, sizeof path, "%s/%s.svg", p->dir, name);
    char *svg;
    size_t len;
    NAP_TRY(nap_read_whole(path, 16 << 20, &svg, &len, e));
    const char *start = strstr(svg, "<svg"); /* without the XML declaration, inside HTML */
    nap_buf_puts(&p->html, "<figure>");
    nap_buf_puts(&p->html, start == NULL ? svg : start);
    nap_free(svg);
    nap_buf_puts(&p->html, "<figcaption>");
    put_text(&p->html, caption);
    nap_buf_printf(&p->html,
                   " (<a href=\"%s.png\">PNG</a>, <a href=\"%s.svg\">SVG</a>, "
                   "<a href=\"%s.gp\">script</a>)</figcaption></figure>\n",
                   name, name, name);
    return NAP_OK;
}

static bool is_number(const char *s)
{
    if (*s == '\0') return false;
    char *end;
    (void)strtod(s, &end);
    return *end == '\0' || strcmp(end, "x") == 0 || strcmp(end, " %") == 0 || strcmp(end, "%") == 0;
}

nap_status nap_page_table(nap_page *p, const char *name, const nap_buf *csv, const char *caption,
                          nap_error *e)
{
    if (csv->failed) return nap_fail_memory(e, csv->len, name);
    NAP_TRY(write_file(p, name, ".csv", csv, e));
    nap_csv c;
    NAP_TRY(nap_csv_parse(csv->data, csv->len, name, &c, e));
    nap_buf *h = &p->html;
    nap_buf_puts(h, "<figure><div class=\"w\"><table><tr>");
    for (size_t j = 0; j < c.columns; j++) {
        nap_buf_puts(h, "<th>");
        put_text(h, c.header[j]);
        nap_buf_puts(h, "</th>");
    }
    nap_buf_puts(h, "</tr>\n");
    for (size_t i = 0; i < c.rows; i++) {
        nap_buf_puts(h, "<tr>");
        for (size_t j = 0; j < c.columns; j++) {
            const char *cell = nap_csv_cell(&c, i, j);
            nap_buf_puts(h, is_number(cell) ? "<td class=\"n\">" : "<td>");
            put_text(h, cell);
            nap_buf_puts(h, "</td>");
        }
        nap_buf_puts(h, "</tr>\n");
    }
    nap_buf_puts(h, "</table></div><figcaption>");
    put_text(h, caption);
    nap_buf_printf(h, " (<a href=\"%s.csv\">CSV</a>)</figcaption></figure>\n", name);
    nap_csv_free(&c);
    return NAP_OK;
}

nap_status nap_page_close(nap_page *p, nap_error *e)
{
    nap_buf_puts(&p->html, "</body></html>\n");
    return write_file(p, "index", ".html", &p->html, e);
}

void nap_page_free(nap_page *p)
{
    nap_buf_free(&p->html);
}
