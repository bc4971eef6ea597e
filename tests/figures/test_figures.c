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

/* A line of the study: half of the area is registers, the clock is 2 ns. */
typedef struct design {
    unsigned m, n, k, depth;
    double area, power, delay;
} design;

static void line(nap_buf *b, const char *study, const char *series, const char *method,
                 const char *act, unsigned wbits, design d)
{
    nap_buf_printf(
        b,
        "%s,%s,%s,%u,%u,%u,%u,%s,exact,bits,%u,s32,discrete,1,nangate45,Yosys,2,random,512,1,10,%g,"
        "%g,0,%g,0,0,0,0,%g,%g,0.01,0.01,0,0,0,0,0,0,%g,%g,%g,,synthesized\n",
        study, series, method, d.m, d.n, d.k, d.depth, act, wbits, d.area, 0.5 * d.area,
        0.5 * d.area, d.delay, 2 - d.delay, d.area, d.power, 1024.0 / d.area);
}

static void row(nap_buf *b, const char *study, const char *series, const char *method, unsigned k,
                const char *act, unsigned wbits, double area)
{
    line(b, study, series, method, act, wbits, (design){2, 64, k, 1, area, area * 1e-5, 1});
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
        row(&b, "k", "s8", "lut", k, "s8", 1, 1000 + 100 * fabs(k - 5.0));
        row(&b, "k", "s8", "mac", k, "s8", 1, 4000);
        row(&b, "k", "f16", "lut", k, "f16", 1, 1000 + 100 * fabs(k - 5.0));
        row(&b, "k", "f16", "mac", k, "f16", 1, 4000 + 100 * k);
    }
    static const char *const methods[] = {"lut", "add", "mac", "mac_native"};
    static const double areas[] = {1000, 2000, 5000, 900};
    for (unsigned i = 0; i < 4; i++) {
        row(&b, "mnk", "w1 a-f16", methods[i], 4, "f16", 1, areas[i]);
        row(&b, "mnk", "w1 a-f16", methods[i], 4, "f16", 1, 1.5 * areas[i]);
    }
    /* LUT is the smallest and ADD the most frugal; ADD is better in area x power. The best MAC is
     * 1.5 ns late; at one bit the native MAC is ADD. M4 is the best shape. */
    line(&b, "mnk", "w1 a-s8", "lut", "s8", 1, (design){2, 64, 4, 1, 1100, 0.03, 1});
    line(&b, "mnk", "w1 a-s8", "lut", "s8", 1, (design){4, 32, 4, 1, 1000, 0.03, 1});
    line(&b, "mnk", "w1 a-s8", "add", "s8", 1, (design){4, 32, 1, 4, 1200, 0.02, 1});
    line(&b, "mnk", "w1 a-s8", "mac_native", "s8", 1, (design){4, 32, 1, 4, 1200, 0.02, 1});
    line(&b, "mnk", "w1 a-s8", "mac", "s8", 1, (design){8, 16, 1, 4, 4000, 0.09, 3.5});
    row(&b, "ladder", "unpu", "unpu", 4, "s8", 2, 2000);
    row(&b, "ladder", "lut", "lut", 4, "s8", 2, 1000);
    for (unsigned bits = 1; bits <= 8; bits++) {
        row(&b, "bits", "f16", "lut", 4, "f16", bits, 1000 * bits);
        row(&b, "bits", "f16", "mac", 4, "f16", bits, 5500);
        for (unsigned n = 4; n <= 64; n *= 16)
            line(&b, "bits", "f16", "lut_conv", "f16", bits,
                 (design){128 / n, n, 4, 1, (n == 4 ? 3000 : 1300) * bits, 1, 1});
    }
    row(&b, "depth", "s8", "lut", 4, "s8", 1, 1000);
    write_in("study.csv", b.data, b.len);
    nap_buf_free(&b);
    copy_shipped("published.csv");
    static const char causes[] = "id,cause\n"
                                 "ladder_lut_density,smaller\n"
                                 "ladder_lut_power,more frugal\n"
                                 "panels_won_area,least area everywhere\n"
                                 "panels_won_power,somewhere else\n"
                                 "panels_won_power@nangate45,ADD at one bit\n"
                                 "panels_won_power@osu018,another library\n"
                                 "k,of a made-up study\n"
                                 "k_s8,five\n"
                                 "dp4_density_bare,made up\n"
                                 "best_shape_more_rows,rows\n"
                                 "mape_welder,layers\n"
                                 "t1_a100_lut8x_decode,ports\n"
                                 "speedup_models_max,unknown\n"
                                 "area_w1f16_1x,depth\n";
    write_in("causes.csv", causes, sizeof causes - 1);
    return 0;
}

static int remove_all(void **state)
{
    (void)state;
    const char *const rm[] = {"rm", "-rf", folder, NULL};
    int code;
    return nap_process_run(rm, NULL, NULL, &code, NULL, NULL);
}

/* The cell of the first row of a table in the report that starts with `item` in the column `by`
 * (NULL: the first). */
static void expect_row(const char *table, const char *by, const char *item, const char *column,
                       const char *value)
{
    char path[128];
    nap_error e;
    nap_csv c;
    size_t j, key = 0;
    snprintf(path, sizeof path, "%s/out/%s.csv", folder, table);
    assert_int_equal(nap_csv_load(path, &c, &e), NAP_OK);
    assert_int_equal(nap_csv_column(&c, column, &j, &e), NAP_OK);
    if (by != NULL) assert_int_equal(nap_csv_column(&c, by, &key, &e), NAP_OK);
    for (size_t i = 0; i < c.rows; i++)
        if (strncmp(nap_csv_cell(&c, i, key), item, strlen(item)) == 0) {
            assert_string_equal(nap_csv_cell(&c, i, j), value);
            nap_csv_free(&c);
            return;
        }
    fail_msg("%s has no row '%s'", table, item);
}

static void expect_cell(const char *table, const char *item, const char *column, const char *value)
{
    expect_row(table, NULL, item, column, value);
}

/* The text of a file in the report of the shipped study, to be freed. */
static char *shipped_text(const char *name)
{
    char path[128], *text;
    size_t len;
    nap_error e;
    snprintf(path, sizeof path, "%s/shipped/%s", folder, name);
    assert_int_equal(nap_read_whole(path, 16 << 20, &text, &len, &e), NAP_OK);
    return text;
}

/* Every row of a table that is off by more than 5 % has a cause. */
static void expect_causes(const char *table, const char *ratio)
{
    char path[128];
    nap_error e;
    nap_csv c;
    size_t r, cause;
    snprintf(path, sizeof path, "%s/shipped/%s.csv", folder, table);
    assert_int_equal(nap_csv_load(path, &c, &e), NAP_OK);
    assert_int_equal(nap_csv_column(&c, ratio, &r, &e), NAP_OK);
    assert_int_equal(nap_csv_column(&c, "cause of the difference", &cause, &e), NAP_OK);
    for (size_t i = 0; i < c.rows; i++) {
        const char *v = nap_csv_cell(&c, i, r);
        if (strcmp(v, "-") != 0 && nap_csv_cell(&c, i, cause)[0] == '\0')
            fail_msg("%s: '%s' is %s of the published figure, for no cause", table,
                     nap_csv_cell(&c, i, 0), v);
    }
    nap_csv_free(&c);
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
    /* Captions: designs that miss the clock, and every curve is named. */
    assert_non_null(strstr(html, "* misses the clock: 45 nm (Nangate), uniform MAC A s8 M8 N16 K1 "
                                 "x4 discrete by 1.50 of 2 ns."));
    assert_non_null(strstr(html, "conventional LUT, N = 4"));
    assert_non_null(strstr(html, "conventional LUT, N = 64"));
    assert_null(strstr(html, "<figcaption> ("));
    nap_free(html);
    /* What the tables say follows from the study's numbers. */
    expect_cell("k", "nangate45", "best K with registers", "5");
    expect_cell("k", "nangate45", "best K at the paper's boundary", "5");
    expect_cell("k", "nangate45", "best K (published)", "4");
    expect_cell("k", "nangate45", "ratio", "1.25");
    expect_cell("k", "nangate45", "denser there than at the published K", "10.0 %");
    expect_cell("k", "nangate45", "cause of the difference", "five");
    /* 4400 over 1100; published 61.55 over 3.39. */
    static const char bare[] = "45 nm (Nangate), A FP16, W1, K = 4: density LUT / MAC, the same "
                               "with accumulators";
    expect_cell("dp4", bare, "ours", "4");
    expect_cell("dp4", bare, "published", "18.1563");
    expect_cell("dp4", bare, "ratio", "0.22");
    expect_cell("dp4", bare, "cause of the difference", "made up");
    expect_cell("panels-summary", "45 nm (Nangate): area MAC / LUT", "ours", "5");
    expect_cell("panels-summary",
                "45 nm (Nangate), LUT against ADD and MAC, sums of four products: least area in",
                "ours", "2");
    /* Each measure has its own cause, and its own list of what is lost. */
    static const char *const measures[][4] = {
        {"area", "2", "none", "least area everywhere"},
        {"power", "1", "W1 s8 to bit-serial ADD by 1.50x", "ADD at one bit"},
        {"area x power", "1", "W1 s8 to bit-serial ADD by 1.25x", ""}};
    for (size_t i = 0; i < 3; i++) {
        char item[160];
        snprintf(item, sizeof item,
                 "45 nm (Nangate), LUT against ADD and MAC, sums of four products: least %s in",
                 measures[i][0]);
        expect_cell("panels-summary", item, "ours", measures[i][1]);
        expect_cell("panels-summary", item, "panels that LUT loses", measures[i][2]);
        expect_cell("panels-summary", item, "cause of the difference", measures[i][3]);
    }
    expect_cell("panels-summary", "45 nm (Nangate): area LUT / MAC, W1 A FP16", "ours", "20");
    expect_cell("panels-summary", "45 nm (Nangate): area LUT / MAC, W1 A FP16", "published",
                "14.3");
    expect_row("panels", "A", "s8", "MAC shape", "M8 N16 K1 x4 *");
    expect_row("panels", "A", "s8", "LUT shape", "M4 N32 K4 x1");
    expect_row("shapes", "A", "s8", "best shape", "M4 N32 K4");
    expect_row("shapes", "A", "s8", "published", "M2 N64 K4");
    expect_row("shapes", "A", "s8", "area published/ours", "1.100x");
    expect_row("shapes", "A", "s8", "cause of the difference", "rows");
    expect_row("shapes", "A", "f16", "cause of the difference", "as published");
    expect_cell("published", "mape_welder", "published", "5.21");
    expect_cell("published", "mape_welder", "cause of the difference", "layers");
    expect_cell("published", "mape_table1", "published", "not published");
    expect_cell("models-largest", "largest speed-up end to end", "published", "8.2");
    expect_cell("models-largest", "largest speed-up end to end", "cause of the difference",
                "unknown");
    expect_cell("models", "opt-175b", "published_ms", "not published");
    expect_row("models", "published_ms", "7.47", "machine", "a100-lut-8x");
    expect_row("models", "published_ms", "7.47", "cause of the difference", "ports");
    expect_cell("panels-summary",
                "45 nm (Nangate), the same, native narrow MACs among the rivals: least area in",
                "ours", "1");
    expect_cell("ladder", "45 nm (Nangate), sums s32: shared precompute, density", "ours", "2");
    expect_cell("ladder", "45 nm (Nangate), sums s32: shared precompute, density",
                "cause of the difference", "smaller");
    expect_cell("ladder", "45 nm (Nangate), sums s32: shared precompute, power efficiency",
                "cause of the difference", "more frugal");
    expect_cell("bits", "45 nm (Nangate), activations f16, LUT", "ours", "5");
    expect_cell("bits", "45 nm (Nangate), activations f16, conventional LUT, tables for 64", "ours",
                "4");
    expect_cell("bits", "45 nm (Nangate), activations f16, conventional LUT, tables for 64",
                "cause of the difference", "-");
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
    assert_null(strstr(html, "<figcaption> ("));
    nap_free(html);
    static const char *const tables[][2] = {{"k", "ratio"},
                                            {"dp4", "ratio"},
                                            {"panels-summary", "ratio"},
                                            {"ladder", "ratio"},
                                            {"bits", "ratio"},
                                            {"published", "ratio (cycle)"},
                                            {"models-largest", "ratio"},
                                            {"models", "ratio (cycle)"},
                                            {"shapes", "area published/ours"}};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        expect_causes(tables[i][0], tables[i][1]);
    /* At one bit (the first panel of three) the native MAC, the sixth method, would hide ADD. */
    char *gp = shipped_text("panels-osu018.gp");
    assert_null(strstr(gp, "$p0_5"));
    assert_non_null(strstr(gp, "$p0_4"));
    assert_non_null(strstr(gp, "$p1_5"));
    nap_free(gp);
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
