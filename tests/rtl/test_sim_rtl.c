/* The core model's cycles are the Verilog's, on a small core; test_full_sim_rtl.c has the rest. */
#include "sim_rtl.h"

static void small_core(void **state)
{
    (void)state;
    if (!have_verilator()) skip();
    static const product x[] = {{1, 1, 1, 1}, {5, 9, 33, 2}, {16, 16, 64, 4}};
    nap_buf csv = {0};
    product_rows("lut-m2n4k4-s8", x, sizeof x / sizeof *x, &csv);
    nap_buf_free(&csv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(small_core)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
