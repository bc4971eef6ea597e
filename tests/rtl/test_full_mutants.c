/* No bug of mutants.h survives, and the text without one passes. */
#include "mutants.h"

static void test_mutants(void **state)
{
    (void)state;
    if (!have("iverilog")) skip();
    assert_true(MUTANTS >= 20);
    for (size_t i = 0; i < MUTANTS; i++) expect_caught(&mutants[i]);
}

static void test_unchanged(void **state)
{
    (void)state;
    if (!have("iverilog")) skip();
    static const char *const texts[] = {mutant_int, mutant_float};
    for (size_t i = 0; i < 2; i++) {
        char how[300];
        const mutant none = {"none", texts[i], NULL, "endmodule", "endmodule"};
        if (caught_by_programs(&none, how)) fail_msg("%s", how);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_unchanged),
                                       cmocka_unit_test(test_mutants)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
