/* The report of the hardware study: from a small made-up study to a page with every picture and
 * table, and from a damaged one to a message. gnuplot is needed for the first. */
#include "cmocka_all.h"

#include "base/alloc.h"
#include "base/csv.h"
#include "base/process.h"
#include "figures/figures.h"
#include "figures/study.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/napier-figures-XXXXXX";

static const char header[] =
    "study,series,method,m,n,k,depth,act,table,wtype,wbits,acc,fpsum,pipeline,library,tools,"
    "clock_ns,activity,macs,cycles,cells,area,area_table,area_weight,area_pe,area_acc,"
    "area_precompute,area_control,area_fanout,delay_ns,slack_ns,power_w,power_table,power_weight,"
    "power_pe,power_acc,power_precompute,power_control,power_fanout,equal_area,equal_power,"
    "ops_per_area,error,source\n";

static void row(nap_buf *b, const char *study, const char *series, const char *method, unsigned k,
                const char *act, unsigned wbits, double area)
{
    nap_buf_printf(b,
                   "%s,%s,%s,2,64,%u,1,%s,exact,bits,%u,s32,discrete,1,nangate45,Yosys,2,random,"
                   "512,1,10,%g,0,0,%g,0,0,0,0,1,1,0.01,0.01,0,0,0,0,0,0,%g,%g,%g,,synthesized\n",
                   study, series, method, k, act, wbits, area, area, area, area * 1e-5,
                   1024.0 / area);
}

static void write_in(const char *name, const char *text, size_t len)
{
    char path[128];
    nap_error e;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(nap_write_whole(path, text, len, &e), NAP_OK);
}

static void copy_shipped(const char *name)
{
    char path[512], *text;
    size_t len;
    nap_error e;
    snprintf(path, sizeof path, "%s/share/lutcore/%s", getenv("NAPIER_SOURCE_DIR"), name);
    assert_int_equal(nap_read_whole(path, 1 << 20, &text, &len, &e), NAP_OK);
    write_in(name, text, len);
    nap_free(text);
}

static int make_study(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) return -1;
    nap_buf b = {0};
    nap_buf_puts(&b, header);
    for (unsigned k = 1; k <= 6; k++) {
        row(&b, "k", "s8", "lut", k, "s8", 1, 1000 + 100 * fabs(k - 4.0));
        row(&b, "k", "s8", "mac", k, "s8", 1, 4000);
    }
    static const char *const methods[] = {"lut", "add", "mac", "mac_native"};
    static const double areas[] = {1000, 2000, 5000, 900};
    for (unsigned i = 0; i < 4; i++) {
        row(&b, "mnk", "w1 a-f16", methods[i], 4, "f16", 1, areas[i]);
        row(&b, "mnk", "w1 a-f16", methods[i], 4, "f16", 1, 1.5 * areas[i]);
    }
    row(&b, "ladder", "unpu", "unpu", 4, "s8", 2, 2000);
    row(&b, "ladder", "lut", "lut", 4, "s8", 2, 1000);
    for (unsigned bits = 1; bits <= 8; bits++) {
        row(&b, "bits", "f16", "lut", 4, "f16", bits, 1000 * bits);
        row(&b, "bits", "f16", "mac", 4, "f16", bits, 5500);
    }
    row(&b, "depth", "s8", "lut", 4, "s8", 1, 1000);
    write_in("study.csv", b.data, b.len);
    nap_buf_free(&b);
    copy_shipped("published.csv");
    copy_shipped("causes.csv");
    return 0;
}

static int remove_all(void **state)
{
    (void)state;
    const char *const rm[] = {"rm", "-rf", folder, NULL};
    int code;
    return nap_process_run(rm, NULL, NULL, &code, NULL, NULL);
}

/* The cell of a table in the report whose first column starts with `item`. */
static void expect_cell(const char *table, const char *item, const char *column, const char *value)
{
    char path[128];
    nap_error e;
    nap_csv c;
    size_t j;
    snprintf(path, sizeof path, "%s/out/%s.csv", folder, table);
    assert_int_equal(nap_csv_load(path, &c, &e), NAP_OK);
    assert_int_equal(nap_csv_column(&c, column, &j, &e), NAP_OK);
    for (size_t i = 0; i < c.rows; i++)
        if (strncmp(nap_csv_cell(&c, i, 0), item, strlen(item)) == 0) {
            assert_string_equal(nap_csv_cell(&c, i, j), value);
            nap_csv_free(&c);
            return;
        }
    fail_msg("%s has no row '%s'", table, item);
}

static void a_report_is_written(void **state)
{
    (void)state;
    if (!nap_process_exists("gnuplot")) {
        print_message("skipped: needs gnuplot\n");
        skip();
    }
    char configs[512], out[128], *html;
    size_t len;
    nap_error e = {0};
    snprintf(configs, sizeof configs, "%s/configs", getenv("NAPIER_SOURCE_DIR"));
    snprintf(out, sizeof out, "%s/out", folder);
    if (nap_figures_write(folder, configs, out, NULL, NULL, &e) != NAP_OK) fail_msg("%s", e.text);
    strcat(out, "/index.html");
    assert_int_equal(nap_read_whole(out, 64 << 20, &html, &len, &e), NAP_OK);
    static const char *const names[] = {"k",         "panels",      "panels-summary",  "ladder",
                                        "bits",      "axis-depth",  "published",       "models",
                                        "agreement", "k-nangate45", "panels-nangate45"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_non_null(strstr(html, names[i]));
    unsigned pictures = 0;
    for (const char *p = html; (p = strstr(p, "<svg")) != NULL; p++) pictures++;
    assert_int_equal(pictures, 9);
    nap_free(html);
    /* What the tables say follows from the study's numbers. */
    expect_cell("k", "nangate45", "best K with registers", "4");
    expect_cell("k", "nangate45", "best K at the paper's boundary", "4");
    expect_cell("panels-summary", "45 nm (Nangate): area MAC / LUT", "ours", "5");
    expect_cell("panels-summary",
                "45 nm (Nangate), LUT against ADD and MAC, sums of four products: least area in",
                "ours", "1");
    expect_cell("panels-summary",
                "45 nm (Nangate), the same, native narrow MACs among the rivals: least area in",
                "ours", "0");
    expect_cell("ladder", "45 nm (Nangate), sums s32: shared precompute, density", "ours", "2");
    expect_cell("bits", "45 nm (Nangate), activations f16, LUT", "ours", "5");
}

/* The results that come with Napier, every line of them. */
static void the_shipped_study_is_read(void **state)
{
    (void)state;
    char path[512];
    nap_study s;
    nap_error e;
    snprintf(path, sizeof path, "%s/share/lutcore", getenv("NAPIER_SOURCE_DIR"));
    if (nap_study_load(path, &s, &e) != NAP_OK) fail_msg("%s", e.text);
    static const char *const studies[] = {"k", "mnk", "ladder", "bits", "acc", "fpsum", "activity"};
    for (size_t i = 0; i < sizeof studies / sizeof studies[0]; i++)
        assert_true(nap_study_has(&s, studies[i], "osu018"));
    for (size_t i = 0; i < s.count; i++) {
        const nap_point *p = &s.point[i];
        double parts = 0;
        for (size_t k = 0; k < NAP_STUDY_PARTS; k++) parts += p->part[k];
        assert_true(p->area > 0);
        if (!isnan(parts)) assert_true(fabs(parts - p->area) <= 1e-3 * p->area);
    }
    nap_study_free(&s);
}

/* ... and all of it is drawn. */
static void the_shipped_study_is_drawn(void **state)
{
    (void)state;
    if (!nap_process_exists("gnuplot")) {
        print_message("skipped: needs gnuplot\n");
        skip();
    }
    char data[512], configs[512], out[128], *html;
    size_t len;
    nap_error e = {0};
    snprintf(data, sizeof data, "%s/share/lutcore", getenv("NAPIER_SOURCE_DIR"));
    snprintf(configs, sizeof configs, "%s/configs", getenv("NAPIER_SOURCE_DIR"));
    snprintf(out, sizeof out, "%s/shipped", folder);
    if (nap_figures_write(data, configs, out, NULL, NULL, &e) != NAP_OK) fail_msg("%s", e.text);
    strcat(out, "/index.html");
    assert_int_equal(nap_read_whole(out, 64 << 20, &html, &len, &e), NAP_OK);
    static const char *const ids[] = {"panels-osu018",     "panels-nangate45", "ladder-osu018",
                                      "axis-error-osu018", "bits-osu018",      "models-decode"};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) assert_non_null(strstr(html, ids[i]));
    assert_null(strstr(html, ">nan<"));
    assert_null(strstr(html, ">-nan<"));
    nap_free(html);
}

static void bad_studies_are_refused(void **state)
{
    (void)state;
    nap_study s;
    nap_error e;
    nap_buf b = {0};
    nap_buf_puts(&b, header);
    row(&b, "k", "s8", "lut", 0, "s8", 1, 1000);
    write_in("study.csv", b.data, b.len);
    assert_int_equal(nap_study_load(folder, &s, &e), NAP_ERR_FORMAT);
    assert_non_null(strstr(e.text, "study.csv:2: k: found '0', expected a whole number in [1, "));
    write_in("study.csv", "study,series\n", 13);
    assert_int_equal(nap_study_load(folder, &s, &e), NAP_ERR_FORMAT);
    assert_non_null(strstr(e.text, "no column 'method'; there are: study, series"));
    assert_int_equal(nap_study_load("/nowhere", &s, &e), NAP_ERR_NOT_FOUND);
    nap_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_is_written),
        cmocka_unit_test(the_shipped_study_is_read),
        cmocka_unit_test(the_shipped_study_is_drawn),
        cmocka_unit_test(bad_studies_are_refused),
    };
    return cmocka_run_group_tests(tests, make_study, remove_all);
}
