/* The arrays that the LUT array is compared with, at length: 100,000 tiles a corner, lint and
 * Yosys's checks of all corners, faults in every unit. NAPIER_RTL_CORNERS=all runs every corner. */
#include "array_cosim.h"
#include "base_corners.h"

enum { TILES = 100000 };

static void test_corners(void **state)
{
    (void)state;
    if (!corner_tool("verilator")) skip();
    const char *const wanted = getenv("NAPIER_RTL_CORNERS");
    const size_t n = wanted && strcmp(wanted, "all") == 0 ? BASE_CORNERS : BASE_CORNERS_USUAL;
    for (size_t i = 0; i < n; i++) corner_check(base_corners[i], TILES, i + 1, NAP_RTL_VERILATOR);
    print_message("%zu of %d corners, %d tiles each\n", n, BASE_CORNERS, TILES);
}

static void test_lint(void **state)
{
    (void)state;
    if (!corner_tool("verilator")) skip();
    for (size_t i = 0; i < BASE_CORNERS; i++) corner_lint(base_corners[i]);
}

static void test_yosys(void **state)
{
    (void)state;
    if (!corner_tool("yosys")) skip();
    for (size_t i = 0; i < BASE_CORNERS_USUAL; i++) corner_yosys(base_corners[i]);
}

/* Another simulator, four-valued: unknowns that reach a result show. */
static void test_second_opinion(void **state)
{
    (void)state;
    if (!corner_tool("iverilog")) skip();
    for (size_t i = 0; i < BASE_CORNERS_USUAL; i++)
        corner_check(base_corners[i], 200, i + 1, NAP_RTL_ICARUS);
}

/* Faults put into the text, one at a time; each has to be noticed. */
typedef struct fault {
    const char *design, *right, *wrong;
} fault;

static const fault faults[] = {
    /* Booth: digit 011 is 2 */
    {"method=mac m=1 n=2 depth=2", "3'b011", "3'b010"},
    /* a negative digit's multiple is not inverted when it is -1 */
    {"method=mac m=1 n=2 depth=2", "neg[0] = d0[2] & ~(d0[1] & d0[0])",
     "neg[0] = d0[2] & ~(d0[1] | d0[0])"},
    /* carry of a full adder */
    {"method=mac_native m=1 n=2 depth=4 wbits=2", " | (h_x0 &", " & (h_x0 &"},
    /* the last plane counts positive */
    {"method=add m=1 n=2 depth=3 wbits=3", "(plane_i == last_i) & ~single",
     "(plane_i == last_i) & single "},
    /* a plane alone is not doubled */
    {"method=add m=1 n=2 depth=3 wbits=3", " | {1'b0, single}", " | {single, 1'b0}"},
    /* the row's sum is not needed but in a plane alone */
    {"method=add m=1 n=2 depth=3 wbits=2", "{10{single_i}}", "{10{negate_i}}"},
    /* half tables: a complemented entry is negated */
    {"method=unpu_half m=1 n=2 wbits=2", "negative = ~plane", "negative =  plane"},
    {"method=unpu_remap m=1 n=2 wbits=2", "^ {10{col_i[8]}}", "^ {10{col_i[7]}}"},
    /* a sum of zero in the full table of numbers */
    {"method=lut_conv m=1 n=2 k=2 wbits=1 act=f16 acc=f16", "? ~v0_2_3[15]", "?  v0_2_3[15]"},
    /* floating-point weights: -8 is a power of two */
    {"method=mac_native m=1 n=2 depth=2 wbits=4 act=f16 acc=f32", "{a0[3] | a0[2],",
     "{a0[3] & a0[2],"},
    /* ADD in floating point: an activation that is not chosen is +0 */
    {"method=add m=1 n=2 depth=2 wbits=2 act=f16 acc=f16", "plane | {2{single_i}}",
     "plane | {2{negate_i}}"},
};

static void test_faults_are_noticed(void **state)
{
    (void)state;
    if (!corner_tool("verilator")) skip();
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        const fault *const f = &faults[i];
        const nap_core core = corner_design(f->design);
        nap_rtl r = {0};
        nap_error e = {0};
        nap_cosim_report report = {0};
        assert_int_equal(strlen(f->right), strlen(f->wrong));
        assert_int_equal(nap_rtl_array(&core, &r, &e), NAP_OK);
        char *const at = strstr(r.text.data, f->right);
        if (at == NULL) fail_msg("%s: no '%s' in the text", f->design, f->right);
        memcpy(at, f->wrong, strlen(f->wrong));
        if (nap_cosim_array_text(&core, &r, 20000, i, &report, &e) != NAP_OK)
            fail_msg("%s: %s", f->design, e.text);
        if (report.failures == 0)
            fail_msg("%s: '%s' for '%s' went unnoticed", f->design, f->wrong, f->right);
        nap_rtl_free(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lint),
        cmocka_unit_test(test_yosys),
        cmocka_unit_test(test_faults_are_noticed),
        cmocka_unit_test(test_corners),
        cmocka_unit_test(test_second_opinion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
