/* The LUT array, its precompute unit and its arithmetic, at length: 100,000 tiles a corner, every
 * input of the small formats, a million of the others. NAPIER_RTL_CORNERS=all runs every corner. */
#include "arith_cosim.h"
#include "lut_corners.h"

enum { TILES = 100000 };

static void test_corners(void **state)
{
    (void)state;
    if (!corner_tool("verilator")) skip();
    const char *wanted = getenv("NAPIER_RTL_CORNERS");
    const size_t n = wanted && strcmp(wanted, "all") == 0 ? LUT_CORNERS : LUT_CORNERS_USUAL;
    for (size_t i = 0; i < n; i++)
        corner_check(lut_corners[i].text, TILES, i + 1, NAP_RTL_VERILATOR);
    print_message("%zu of %d corners, %d tiles each\n", n, LUT_CORNERS, TILES);
}

static void test_lint(void **state)
{
    (void)state;
    if (!corner_tool("verilator")) skip();
    for (size_t i = 0; i < LUT_CORNERS; i++) corner_lint(lut_corners[i].text);
    for (size_t i = 0; i < PRECOMPUTE_CORNERS; i++) corner_lint(precompute_corners[i]);
}

/* Another simulator, four-valued: unknowns that reach a result show. */
static void test_second_opinion(void **state)
{
    (void)state;
    if (!corner_tool("iverilog")) skip();
    for (size_t i = 0; i < LUT_CORNERS_USUAL; i++)
        if (!lut_corners[i].large) corner_check(lut_corners[i].text, 200, i + 1, NAP_RTL_ICARUS);
}

static void test_precompute(void **state)
{
    (void)state;
    if (!corner_tool("verilator")) skip();
    for (size_t i = 0; i < PRECOMPUTE_CORNERS; i++)
        corner_check_precompute(precompute_corners[i], TILES, i + 1);
}

static void test_arithmetic(void **state)
{
    (void)state;
    if (!corner_tool("verilator")) skip();
    for (size_t i = 0; i < sizeof arith_full / sizeof *arith_full; i++)
        arith_check(&arith_full[i], 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_corners),    cmocka_unit_test(test_lint),
        cmocka_unit_test(test_precompute), cmocka_unit_test(test_second_opinion),
        cmocka_unit_test(test_arithmetic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
