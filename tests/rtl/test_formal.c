/* The quick tier's share: properties that take a second, and a few bugs put into the text on
 * purpose. test_full_formal.c proves all properties, test_full_mutants.c tries all bugs. */
#include "mutants.h"

static void test_properties(void **state)
{
    (void)state;
    if (!have_provers()) skip();
    prove_properties("quick", "accumulator_rests table_symmetry fp_table_signs", 3);
}

static void test_mutants(void **state)
{
    (void)state;
    if (!have("iverilog")) skip();
    for (size_t i = 0; i < MUTANTS; i += 8)
        if (mutants[i].property == NULL) expect_caught(&mutants[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_properties),
                                       cmocka_unit_test(test_mutants)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
