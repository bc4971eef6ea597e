/* The arithmetic modules of the Verilog, verilated, beside lutcore/fpnum.h. More of them, and more
 * inputs: test_full_lut_array. */
#include "arith_cosim.h"

static void test_modules(void **state)
{
    (void)state;
    if (!corner_tool("verilator")) skip();
    for (size_t i = 0; i < sizeof arith_quick / sizeof *arith_quick; i++)
        arith_check(&arith_quick[i], 200000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_modules)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
