/* Every property of src/rtl/formal is proven, and every cover reached (tools/rtl/prove). */
#include "formal.h"

static void test_properties(void **state)
{
    (void)state;
    if (!have_provers()) skip();
    prove_properties("all", NULL, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_properties)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
