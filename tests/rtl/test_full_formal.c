/* Every property of src/rtl/formal is proven, and every cover reached (tools/rtl/prove). */
#include "formal.h"

static void test_properties(void **state)
{
    (void)state;
    if (!have("yosys") || !have("yosys-smtbmc") || !have("z3") || !have("python3")) skip();
    char *base = NULL, folder[600], tool[600];
    nap_error e = {0};
    if (nap_cache_folder("formal", &base, &e) != NAP_OK) fail_msg("%s", e.text);
    snprintf(folder, sizeof folder, "%s/all", base);
    assert_true(write_properties(folder, NULL) >= 12);
    snprintf(tool, sizeof tool, "%s/tools/rtl/prove", source_folder());
    const char *const argv[] = {"python3", tool, folder, "300", NULL};
    nap_buf output = {0};
    int code = 1;
    assert_int_equal(nap_process_run(argv, NULL, &output, &code, NULL, &e), NAP_OK);
    print_message("%s", output.len > 0 ? output.data : "");
    nap_buf_free(&output);
    nap_free(base);
    assert_int_equal(code, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_properties)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
