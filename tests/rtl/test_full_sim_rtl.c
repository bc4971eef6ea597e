/* share/lutcore/sim_core.csv: products on two cores by every clock, made again and compared byte
 * for byte. NAPIER_UPDATE=1 writes the file instead. */
#include "sim_rtl.h"

static const product products[] = {
    {1, 64, 64, 1},    {1, 256, 256, 2},  {2, 128, 256, 4}, {16, 64, 64, 2},
    {16, 256, 256, 1}, {32, 128, 512, 2}, {7, 130, 257, 3},
};
enum { PRODUCTS = sizeof products / sizeof *products };

static void every_clock(void **state)
{
    (void)state;
    if (!have_verilator()) skip();
    nap_buf csv = {0};
    nap_error e = {0};
    nap_buf_puts(&csv, core_header);
    product_rows("lut-m2n4k4-s8", products, PRODUCTS, &csv);
    product_rows("lut-m2n64k4-s8", products, PRODUCTS, &csv);
    assert_false(csv.failed);
    const char *path = source_file("share/lutcore/sim_core.csv");
    if (getenv("NAPIER_UPDATE") != NULL) {
        assert_int_equal(nap_write_whole(path, csv.data, csv.len, &e), NAP_OK);
    } else {
        char *there = NULL;
        size_t len = 0;
        if (nap_read_whole(path, 1 << 20, &there, &len, &e) != NAP_OK) fail_msg("%s", e.text);
        if (len != csv.len || memcmp(there, csv.data, len) != 0)
            fail_msg("%s is not what the clocks say; NAPIER_UPDATE=1 writes it anew", path);
        nap_free(there);
    }
    nap_buf_free(&csv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_clock)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
