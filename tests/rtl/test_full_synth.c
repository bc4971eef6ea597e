/* Every method through the synthesis flow: mapped units equal the RTL they came from (the flow
 * compares them); and the search. */
#include "synth_tests.h"

#include "base/alloc.h"
#include "rtl/dse.h"

static const char *const designs[] = {
    "name = d;m = 1;n = 2;k = 4;wbits = 4;acc = s24",
    "name = d;m = 2;n = 2;k = 3;wbits = 2;depth = 2;pipeline = 2;acc = s16",
    "name = d;m = 1;n = 2;wtype = ternary",
    "name = d;m = 1;n = 2;wtype = e2m1",
    "name = d;m = 1;n = 2;k = 4;wbits = 2;act = f16;acc = f16",
    "name = d;m = 1;n = 2;k = 4;wbits = 2;act = f16;acc = f32;fpsum = fused;depth = 2",
    "name = d;m = 1;n = 2;k = 4;wbits = 2;act = f16;table = s8;acc = s24",
    "name = d;m = 1;n = 2;k = 2;wbits = 2;act = e4m3;acc = f16",
    "name = d;method = lut_conv;m = 1;n = 2;k = 3;wbits = 2",
    "name = d;method = lut_conv;m = 1;n = 2;k = 2;wbits = 2;act = f16;acc = f16",
    "name = d;method = unpu;m = 1;n = 2;k = 4;wbits = 2",
    "name = d;method = unpu_half;m = 1;n = 2;k = 4;wbits = 2",
    "name = d;method = unpu_remap;m = 1;n = 2;k = 4;wbits = 2",
    "name = d;method = add;m = 1;n = 2;depth = 4;wbits = 2",
    "name = d;method = add;m = 1;n = 2;depth = 2;wbits = 2;act = f16;acc = f16;fpsum = fused",
    "name = d;method = mac;m = 1;n = 2;depth = 4;wbits = 2",
    "name = d;method = mac;m = 1;n = 2;depth = 2;wbits = 2;act = e4m3;acc = f16",
    "name = d;method = mac;m = 1;n = 2;depth = 2;wbits = 2;act = f16;acc = f16;fpsum = fused",
    "name = d;method = mac_native;m = 1;n = 2;depth = 4;wbits = 3",
    "name = d;method = mac_native;m = 1;n = 2;depth = 2;wbits = 2;act = f16;acc = f16",
};

static void test_methods(void **state)
{
    (void)state;
    if (!have_tools()) skip();
    const nap_synth_options o = {.cache = cache_folder()};
    for (size_t i = 0; i < sizeof designs / sizeof *designs; i++) {
        const nap_core c = core_of(designs[i]);
        nap_synth s;
        synthesize(&c, &o, &s);
        assert_true(s.area > 0 && s.power > 0);
        assert_true(s.slack_ns >= 0); /* the default clock is one that all units meet */
        for (size_t u = 0; u < s.units; u++)
            assert_true(s.unit[u].cells == 0 || s.unit[u].power > 0);
        nap_synth_free(&s);
    }
}

/* A line of study.csv with nothing in it but the study and the library. */
static void put_line(nap_buf *b, const char *study, const char *library)
{
    enum { LIBRARY = 14, COLUMNS = 44 };
    for (int c = 0; c < COLUMNS; c++)
        nap_buf_printf(b, "%s%c",
                       c == 0         ? study
                       : c == LIBRARY ? library
                                      : "",
                       c + 1 < COLUMNS ? ',' : '\n');
}

/* A search, into a table that holds another study and another library: their lines stay as they
 * are, the new ones follow in order, and a second run writes the same bytes. The study is "flat":
 * arrays composed of units come near the same arrays synthesized as one. */
static void test_search(void **state)
{
    (void)state;
    if (!have_tools()) skip();
    const nap_synth_options o = {.cache = cache_folder()};
    char path[512], *text[2];
    size_t len[2];
    nap_error e;
    snprintf(path, sizeof path, "%s/study.csv", cache_folder());
    ok(nap_write_whole(path, "study,library\nk,osu018\n", 23, &e), &e);
    assert_int_equal(nap_dse_run("flat", &o, cache_folder(), &e), NAP_ERR_FORMAT);
    assert_non_null(strstr(e.text, "found the columns study,library"));
    assert_int_equal(remove(path), 0);
    ok(nap_dse_run("flat", &o, cache_folder(), &e), &e);
    ok(nap_read_whole(path, 1 << 20, &text[0], &len[0], &e), &e);
    nap_buf old = {0};
    nap_buf_put(&old, text[0], strcspn(text[0], "\n") + 1);
    nap_free(text[0]);
    put_line(&old, "flat", "asap7");
    put_line(&old, "k", "osu018");
    ok(nap_write_whole(path, old.data, old.len, &e), &e);
    nap_buf_free(&old);
    for (int i = 0; i < 2; i++) {
        ok(nap_dse_run("flat", &o, cache_folder(), &e), &e);
        ok(nap_read_whole(path, 1 << 20, &text[i], &len[i], &e), &e);
    }
    assert_int_equal(len[0], len[1]);
    assert_memory_equal(text[0], text[1], len[0]);
    const char *k = strstr(text[0], "\nk,,"), *ours = strstr(text[0], "\nflat,composed,"),
               *other = strstr(text[0], "\nflat,,");
    assert_true(k != NULL && ours != NULL && other != NULL && k < ours && ours < other);
    size_t rows = 0;
    for (const char *p = ours; p < other; p++) rows += *p == '\n';
    assert_int_equal(rows, 8);
    const char *p = ours;
    for (size_t i = 0; i < rows / 2; i++) {
        double area[2];
        char method[32] = "";
        for (int j = 0; j < 2; j++) {
            const char *end = strchr(++p, '\n');
            enum { METHOD = 2, AREA = 21 };
            for (int c = 0; c < AREA; c++) {
                if (c == METHOD) snprintf(method, sizeof method, "%.*s", (int)strcspn(p, ","), p);
                p += strcspn(p, ",") + 1;
            }
            area[j] = strtod(p, NULL);
            p = end;
        }
        print_message("%s: composed %.0f, flat %.0f (%+.1f %%)\n", method, area[0], area[1],
                      100 * (area[0] / area[1] - 1));
        assert_true(area[0] > 0.85 * area[1] && area[0] < 1.15 * area[1]);
    }
    nap_free(text[0]);
    nap_free(text[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_methods),
                                       cmocka_unit_test(test_search)};
    return cmocka_run_group_tests(tests, NULL, remove_cache);
}
