/* The results that come with Napier are what the simulators say now: share/lutcore/sim_*.csv and
 * layers-*.csv are made again and compared byte for byte, and the figures that docs/simulators.md
 * quotes are checked against their limits. NAPIER_UPDATE=1 writes the files instead. */
#include "cmocka_all.h"

#include "base/alloc.h"
#include "base/csv.h"
#include "base/process.h"
#include "lutcore/sim_study.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *at(const char *rest)
{
    static char ring[4][4096];
    static unsigned next;
    char *s = ring[next++ % 4];
    const char *root = getenv("NAPIER_SOURCE_DIR");
    snprintf(s, 4096, "%s/%s", root != NULL ? root : ".", rest);
    return s;
}

/* The file is `text`, or becomes it. */
static void settle(const char *name, const nap_buf *text)
{
    nap_error e = {0};
    if (getenv("NAPIER_UPDATE") != NULL) {
        assert_int_equal(nap_write_whole(at(name), text->data, text->len, &e), NAP_OK);
        return;
    }
    char *there = NULL;
    size_t len = 0;
    if (nap_read_whole(at(name), 1 << 20, &there, &len, &e) != NAP_OK) fail_msg("%s", e.text);
    if (len != text->len || memcmp(there, text->data, len) != 0)
        fail_msg("%s is not what the simulators say; NAPIER_UPDATE=1 writes it anew", name);
    nap_free(there);
}

static double cell(const nap_csv *c, const char *row, const char *column)
{
    size_t at_column;
    nap_error e;
    assert_int_equal(nap_csv_column(c, column, &at_column, &e), NAP_OK);
    for (size_t r = 0; r < c->rows; r++) {
        double v;
        if (strcmp(nap_csv_cell(c, r, 0), row) != 0) continue;
        assert_int_equal(nap_csv_real(c, r, at_column, &v, &e), NAP_OK);
        return v;
    }
    fail_msg("no row '%s'", row);
    return 0;
}

static void published_points(void **state)
{
    (void)state;
    nap_buf text = {0};
    nap_csv c;
    nap_error e = {0};
    if (nap_study_published(at("configs"), at("share/lutcore/published.csv"), &text, &e) != NAP_OK)
        fail_msg("%s", e.text);
    assert_int_equal(nap_csv_parse(text.data, text.len, "published", &c, &e), NAP_OK);
    /* The point that nothing was fitted to. */
    assert_true(fabs(cell(&c, "gemm_w1a8_4x_cycles", "cycle_error_percent")) < 5);
    /* Five of the six measured layers; the sixth is LLAMA2-70B's decode (docs/simulators.md). */
    static const char *const layers[] = {
        "fusion_opt175b_prefill_none", "fusion_opt175b_decode_none", "fusion_bloom176b_decode_none",
        "fusion_llama270b_prefill_none"};
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        assert_true(fabs(cell(&c, layers[i], "cycle_error_percent")) < 10);
    assert_true(cell(&c, "fusion_mean_prefill_fused", "tile") < 2.7);
    assert_true(cell(&c, "fusion_mean_decode_fused", "tile") < 2.7);
    assert_true(cell(&c, "speedup_a100_lut8x_decode", "tile") > 2);
    printf("mean absolute errors, cycle simulator: %.2f %% of the measured layers, %.2f %% of "
           "Table 1; speed-ups %.2f %%\n",
           cell(&c, "mape_welder", "cycle"), cell(&c, "mape_table1", "cycle"),
           cell(&c, "mape_speedup", "cycle"));
    nap_csv_free(&c);
    settle("share/lutcore/sim_published.csv", &text);
    nap_buf_free(&text);
}

static void agreement(void **state)
{
    (void)state;
    nap_buf text = {0};
    nap_csv c;
    nap_error e = {0};
    if (nap_study_agreement(at("configs"), &text, &e) != NAP_OK) fail_msg("%s", e.text);
    assert_int_equal(nap_csv_parse(text.data, text.len, "agreement", &c, &e), NAP_OK);
    size_t closed, tile, cycle;
    assert_int_equal(nap_csv_column(&c, "closed_cycles", &closed, &e), NAP_OK);
    assert_int_equal(nap_csv_column(&c, "tile_cycles", &tile, &e), NAP_OK);
    assert_int_equal(nap_csv_column(&c, "cycle_cycles", &cycle, &e), NAP_OK);
    for (size_t r = 0; r + 2 < c.rows; r++) {
        double a, b, d;
        assert_int_equal(nap_csv_real(&c, r, closed, &a, &e), NAP_OK);
        assert_int_equal(nap_csv_real(&c, r, tile, &b, &e), NAP_OK);
        assert_int_equal(nap_csv_real(&c, r, cycle, &d, &e), NAP_OK);
        assert_true(a <= b && b <= d);
    }
    const double mean = cell(&c, "mean", "tile_below_cycle_percent");
    printf("tile below cycle by %.2f %% on average, %.2f %% at most\n", mean,
           cell(&c, "worst", "tile_below_cycle_percent"));
    assert_true(mean <= 10);
    nap_csv_free(&c);
    settle("share/lutcore/sim_agreement.csv", &text);
    nap_buf_free(&text);
}

static void whole_models(void **state)
{
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    printf("skipped under the sanitizers: the same code as the other tables, and slow there\n");
    skip();
#endif
    nap_buf text = {0};
    nap_error e = {0};
    if (nap_study_models(at("configs"), &text, &e) != NAP_OK) fail_msg("%s", e.text);
    settle("share/lutcore/sim_models.csv", &text);
    nap_buf_free(&text);
}

static void registers(void **state)
{
    (void)state;
    nap_buf text = {0};
    nap_csv c;
    nap_error e = {0};
    size_t ms, regs;
    if (nap_study_registers(at("configs"), &text, &e) != NAP_OK) fail_msg("%s", e.text);
    assert_int_equal(nap_csv_parse(text.data, text.len, "registers", &c, &e), NAP_OK);
    assert_int_equal(nap_csv_column(&c, "tile_ms", &ms, &e), NAP_OK);
    assert_int_equal(nap_csv_column(&c, "regs_scale", &regs, &e), NAP_OK);
    double before = 0;
    for (size_t r = 0; r < c.rows; r++) {
        double now, scale;
        assert_int_equal(nap_csv_real(&c, r, ms, &now, &e), NAP_OK);
        assert_int_equal(nap_csv_real(&c, r, regs, &scale, &e), NAP_OK);
        assert_true(scale == 1 || now <= before); /* more registers are never slower */
        before = now;
    }
    nap_csv_free(&c);
    settle("share/lutcore/sim_registers.csv", &text);
    nap_buf_free(&text);
}

static void kernels(void **state)
{
    (void)state;
    nap_buf text = {0};
    nap_error e = {0};
    if (nap_study_kernels(at("configs"), &text, &e) != NAP_OK) fail_msg("%s", e.text);
    settle("share/lutcore/sim_kernels.csv", &text);
    nap_buf_free(&text);
}

static void layer_tables(void **state)
{
    (void)state;
    static const char *const models[] = {"opt-175b", "bloom-176b", "llama2-70b", "bitnet-3b"};
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        for (int decode = 0; decode < 2; decode++) {
            nap_layers l;
            nap_buf text = {0};
            nap_error e = {0};
            char name[96];
            assert_int_equal(nap_shape_layers(nap_shape_find(models[i]), decode ? 1024 : 1,
                                              decode ? 1 : 2048, decode == 1, 2, 8, &l, &e),
                             NAP_OK);
            assert_true(nap_layers_write(&l, &text));
            snprintf(name, sizeof name, "share/lutcore/layers-%s-%s.csv", models[i],
                     decode ? "decode" : "prefill");
            settle(name, &text);
            nap_buf_free(&text);
            nap_layers_free(&l);
        }
}

static void missing_files_are_named(void **state)
{
    (void)state;
    nap_buf text = {0};
    nap_error e = {0};
    assert_int_equal(nap_study_agreement("/no/such/folder", &text, &e), NAP_ERR_NOT_FOUND);
    assert_non_null(strstr(e.text, "/no/such/folder/a100.cfg"));
    assert_int_equal(nap_study_published(at("configs"), at("configs/a100.cfg"), &text, &e),
                     NAP_ERR_FORMAT);
    nap_buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_points),
        cmocka_unit_test(agreement),
        cmocka_unit_test(whole_models),
        cmocka_unit_test(layer_tables),
        cmocka_unit_test(registers),
        cmocka_unit_test(kernels),
        cmocka_unit_test(missing_files_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
