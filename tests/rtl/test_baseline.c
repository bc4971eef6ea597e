/* The Verilog of the arrays that the LUT array is compared with: lint, Yosys's checks, some tiles
 * of some corners, faults that have to be noticed. At length: test_full_baseline. */
#include "array_cosim.h"
#include "base_corners.h"

static void test_lint(void **state)
{
    (void)state;
    if (!corner_tool("verilator")) skip();
    for (size_t i = 0; i < BASE_CORNERS_USUAL; i += 2) corner_lint(base_corners[i]);
}

static void test_yosys(void **state)
{
    (void)state;
    if (!corner_tool("yosys")) skip();
    corner_yosys("method=mac m=2 n=2 depth=3 pipeline=2");
    corner_yosys("method=add m=2 n=2 depth=3 wbits=3 pipeline=2");
    corner_yosys("method=unpu m=2 n=2 wbits=2");
    corner_yosys("method=lut_conv m=1 n=2 k=2 wbits=2 act=e4m3 acc=f32");
}

static void test_tiles(void **state)
{
    (void)state;
    if (!corner_tool("verilator")) skip();
    corner_check("method=mac m=2 n=2 depth=4", 5000, 1, NAP_RTL_VERILATOR);
    corner_check("method=mac_native m=1 n=2 depth=2 wbits=3 act=e4m3 acc=f16", 5000, 2,
                 NAP_RTL_VERILATOR);
    corner_check("method=add m=2 n=2 depth=5 wbits=3 pipeline=2", 5000, 3, NAP_RTL_VERILATOR);
    corner_check("method=unpu m=2 n=2 k=3 wbits=3 depth=2", 5000, 4, NAP_RTL_VERILATOR);
}

static void test_second_opinion(void **state)
{
    (void)state;
    if (!corner_tool("iverilog")) skip();
    corner_check("method=mac_native m=2 n=2 depth=3 wbits=2", 60, 5, NAP_RTL_ICARUS);
    corner_check("method=unpu_half m=1 n=2 k=3 wbits=2 act=f16 acc=f16", 60, 6, NAP_RTL_ICARUS);
}

/* The comparison can fail: the last plane of UNPU taken as positive. */
static void test_fault_is_noticed(void **state)
{
    (void)state;
    if (!corner_tool("verilator")) skip();
    const nap_core core = corner_design("method=unpu m=1 n=2 k=2 wbits=2");
    static const char right[] = "plane_i == last_i", wrong[] = "plane_i != last_i";
    nap_rtl r = {0};
    nap_error e = {0};
    nap_cosim_report report;
    assert_int_equal(nap_rtl_array(&core, &r, &e), NAP_OK);
    char *const at = strstr(r.text.data, right);
    assert_non_null(at);
    memcpy(at, wrong, strlen(wrong));
    if (nap_cosim_array_text(&core, &r, 1000, 6, &report, &e) != NAP_OK) fail_msg("%s", e.text);
    assert_true(report.failures > 0);
    nap_rtl_free(&r);
}

/* Every unit is a module of the text; the text is the same every time. */
static void check_text(const nap_core *core, const char *what)
{
    nap_rtl a = {0}, b = {0};
    nap_error e = {0};
    if (nap_rtl_array(core, &a, &e) != NAP_OK) fail_msg("%s: %s", what, e.text);
    assert_int_equal(nap_rtl_array(core, &b, &e), NAP_OK);
    assert_int_equal(a.text.len, b.text.len);
    assert_memory_equal(a.text.data, b.text.data, a.text.len);
    for (size_t i = 0; i < a.units; i++) {
        if (!nap_rtl_has_module(&a, a.unit[i].module))
            fail_msg("%s: no module %s", what, a.unit[i].module);
        assert_true(a.unit[i].count > 0);
    }
    nap_rtl_free(&a);
    nap_rtl_free(&b);
}

static void test_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < BASE_CORNERS; i++) {
        const nap_core core = corner_design(base_corners[i]);
        check_text(&core, base_corners[i]);
    }
}

/* Every shape of 512 products a cycle. */
static void test_shapes(void **state)
{
    (void)state;
    static const char *const methods[] = {"method=mac", "method=mac_native wbits=2",
                                          "method=add wbits=2", "method=unpu k=4 wbits=2",
                                          "method=mac act=f16 acc=f32 fpsum=fused"};
    unsigned shapes = 0;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        nap_core core = corner_design(methods[i]);
        for (core.m = 1; core.m <= 64; core.m *= 2)
            for (core.depth = 1; core.depth * core.k * core.m <= 512 && core.depth <= 64;
                 core.depth *= 2) {
                core.n = 512 / (core.m * core.depth * core.k);
                if (core.n > 256) continue;
                check_text(&core, methods[i]);
                shapes++;
            }
    }
    assert_true(shapes > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_lint),
        cmocka_unit_test(test_yosys),
        cmocka_unit_test(test_tiles),
        cmocka_unit_test(test_second_opinion),
        cmocka_unit_test(test_fault_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
