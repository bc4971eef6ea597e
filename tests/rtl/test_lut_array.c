/* The LUT array's Verilog: lint, some tiles of some corners, a fault that has to be noticed, and
 * what nap_rtl_write() leaves. At length: test_full_lut_array. */
#include "array_cosim.h"
#include "lut_corners.h"

static const char *const linted[] = {
    "m=2 n=64",
    "m=2 n=4 wbits=1 k=1",
    "m=2 n=4 wbits=3 pipeline=2 depth=2 pre_units=3",
    "m=2 n=4 act=s16 wbits=8 acc=s24 k=5",
    "m=2 n=4 wtype=ternary acc=s16",
    "m=2 n=4 wtype=e2m1 pipeline=2",
    "m=2 n=4 act=f16 table=s8 acc=s24",
    "m=2 n=4 act=f16 acc=f32",
    "m=2 n=4 act=e4m3 acc=f16 wbits=8 depth=2",
    "m=2 n=4 act=e5m2 acc=f32 wbits=1 pipeline=2",
    "m=2 n=4 act=f16 acc=f16 wtype=ternary fpsum=fused depth=2",
    "m=2 n=4 act=f16 acc=f32 fpsum=fused depth=4 pipeline=2",
};

static void test_lint(void **state)
{
    (void)state;
    if (!corner_tool("verilator")) skip();
    for (size_t i = 0; i < sizeof linted / sizeof *linted; i++) corner_lint(linted[i]);
}

static void test_yosys(void **state)
{
    (void)state;
    if (!corner_tool("yosys")) skip();
    corner_yosys("m=2 n=4 wbits=3 pipeline=2 depth=2 pre_units=3");
    corner_yosys("m=2 n=2 act=e4m3 acc=f16 wbits=2 depth=2");
}

static void test_tiles(void **state)
{
    (void)state;
    if (!corner_tool("verilator")) skip();
    corner_check("m=2 n=4 wbits=4 depth=2", 5000, 1, NAP_RTL_VERILATOR);
    corner_check("m=2 n=4 wtype=ternary acc=s16 pipeline=2", 5000, 2, NAP_RTL_VERILATOR);
    corner_check("m=2 n=2 act=f16 acc=f16 wbits=2", 5000, 3, NAP_RTL_VERILATOR);
    corner_check_precompute("m=2 n=4 act=f16 acc=f16", 5000, 4);
}

static void test_second_opinion(void **state)
{
    (void)state;
    if (!corner_tool("iverilog")) skip();
    corner_check("m=2 n=2 wbits=2 pipeline=2", 60, 5, NAP_RTL_ICARUS);
}

/* The comparison can fail: a carry that is taken from the wrong table. */
static void test_fault_is_noticed(void **state)
{
    (void)state;
    if (!corner_tool("verilator")) skip();
    const nap_core core = corner_design("m=1 n=2 wbits=2 depth=2");
    static const char right[] = ", neg_i[1]};", wrong[] = ", neg_i[0]};";
    nap_rtl r = {0};
    nap_error e = {0};
    nap_cosim_report report;
    assert_int_equal(nap_rtl_array(&core, &r, &e), NAP_OK);
    char *at = strstr(r.text.data, right);
    assert_non_null(at);
    memcpy(at, wrong, strlen(wrong));
    if (nap_cosim_array_text(&core, &r, 1000, 6, &report, &e) != NAP_OK) fail_msg("%s", e.text);
    assert_true(report.failures > 0);
    assert_true(strlen(report.first) > 0);
    nap_rtl_free(&r);
}

/* One module twice is one module; the text of a design is the same every time. */
static void test_text(void **state)
{
    (void)state;
    const nap_core core = corner_design("m=2 n=4 act=f16 acc=f16 depth=2");
    nap_rtl a = {0}, b = {0};
    nap_error e = {0};
    assert_int_equal(nap_rtl_array(&core, &a, &e), NAP_OK);
    assert_int_equal(nap_rtl_array(&core, &b, &e), NAP_OK);
    assert_int_equal(a.text.len, b.text.len);
    assert_memory_equal(a.text.data, b.text.data, a.text.len);
    assert_string_equal(a.top, "corner_array");
    size_t adders = 0;
    for (const char *p = a.text.data; (p = strstr(p, "\nmodule nap_fp_add_e5m10 ")) != NULL; p++)
        adders++;
    assert_int_equal(adders, 1);
    for (size_t i = 0; i < a.units; i++) assert_true(nap_rtl_has_module(&a, a.unit[i].module));
    nap_rtl_free(&a);
    nap_rtl_free(&b);
}

/* Every corner's text is one that a person can read. */
static void test_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < LUT_CORNERS + PRECOMPUTE_CORNERS; i++) {
        const bool array = i < LUT_CORNERS;
        const char *text = array ? lut_corners[i].text : precompute_corners[i - LUT_CORNERS];
        const nap_core core = corner_design(text);
        nap_rtl r = {0};
        nap_error e = {0};
        assert_int_equal(array ? nap_rtl_array(&core, &r, &e) : nap_rtl_precompute(&core, &r, &e),
                         NAP_OK);
        for (const char *p = r.text.data; *p != '\0'; p += strcspn(p, "\n") + 1)
            if (strcspn(p, "\n") > 100) fail_msg("%s: %.200s", text, p);
        nap_rtl_free(&r);
    }
}

/* The file lists of a written design hold all it needs. */
static void test_written(void **state)
{
    (void)state;
    if (!corner_tool("verilator")) skip();
    const nap_core core = corner_design("m=2 n=2 wbits=2");
    nap_error e = {0};
    char *folder = NULL;
    assert_int_equal(nap_cosim_folder(&folder, &e), NAP_OK);
    if (nap_rtl_write(&core, folder, 10, 1, &e) != NAP_OK) fail_msg("%s", e.text);
    static const char *const tops[] = {"corner_array", "corner_core"};
    for (size_t i = 0; i < 2; i++) {
        char list[32];
        nap_buf said = {0};
        int code = 1;
        snprintf(list, sizeof list, "%s.f", tops[i]);
        const char *const argv[] = {"verilator", "--lint-only", "-Wall", "--top-module",
                                    tops[i],     "-f",          list,    NULL};
        assert_int_equal(nap_process_run(argv, folder, &said, &code, NULL, &e), NAP_OK);
        if (code != 0) fail_msg("%s: %.400s", list, said.data != NULL ? said.data : "");
        nap_buf_free(&said);
    }
    nap_cosim_forget(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),           cmocka_unit_test(test_lines),
        cmocka_unit_test(test_written),        cmocka_unit_test(test_lint),
        cmocka_unit_test(test_yosys),          cmocka_unit_test(test_tiles),
        cmocka_unit_test(test_second_opinion), cmocka_unit_test(test_fault_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
