/* Linear layers of tiny models, one of every block format, on the LUT core and on the CPU. */
#include "layers.h"

static const char *tiny(const char *name, char path[600])
{
    const char *root = getenv("NAPIER_SOURCE_DIR");
    snprintf(path, 600, "%s/tests/engine/data/%s.gguf", root != NULL ? root : ".", name);
    return path;
}

static void every_format(void **state)
{
    (void)state;
    static const char *const models[] = {
        "llama",      "gemma3",      "bitnet",      "type-q1_0",  "type-q2_0",
        "type-q2_k",  "type-q3_k",   "type-q4_0",   "type-q4_1",  "type-q4_k",
        "type-q5_0",  "type-q5_1",   "type-q5_k",   "type-q6_k",  "type-q8_0",
        "type-tq1_0", "type-iq4_nl", "type-iq4_xs", "type-mxfp4",
    };
    size_t layers = 0;
    uint64_t cycles;
    char path[600];
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        layers += all_layers_agree(tiny(models[i], path), 3, 40, NULL, &cycles);
    print_message("%zu layers agree\n", layers);
    assert_true(layers >= 60);
}

/* Other designs give the same outputs: they are exact. */
static void other_designs(void **state)
{
    (void)state;
    nap_core c = nap_core_default();
    char path[600];
    uint64_t cycles;
    c.n = 6;
    c.wbits = 8;
    c.depth = 2;
    c.k = 3;
    c.a_regs = c.t_regs = c.w_regs = c.c_regs = c.s_regs = 1;
    assert_true(all_layers_agree(tiny("type-q4_k", path), 2, 20, &c, &cycles) > 0);
    c = nap_core_default();
    c.method = NAP_METHOD_MAC;
    c.m = 8;
    c.n = 4;
    c.k = 1;
    c.depth = 16;
    c.wbits = 8;
    assert_true(all_layers_agree(tiny("type-q8_0", path), 2, 20, &c, &cycles) > 0);
    assert_true(all_layers_agree(tiny("type-q6_k", path), 2, 20, &c, &cycles) > 0);
}

static void what_cannot_be_compiled(void **state)
{
    (void)state;
    nap_model *m;
    nap_error e;
    char path[600], *json;
    const nap_lut_layer none = {.tensor = "blk.0.nothing.weight", .target = NAP_LUT_INTERP};
    const nap_lut_layer norm = {.tensor = "blk.0.attn_norm.weight", .target = NAP_LUT_INTERP};
    const nap_lut_layer rows = {.tensor = "blk.0.attn_q.weight", .rows = 513};
    assert_int_equal(nap_model_open(&m, tiny("type-q4_0", path), &e), NAP_OK);
    assert_int_equal(nap_lutcore_layer(m, &none, &json, &e), NAP_ERR_NOT_FOUND);
    assert_non_null(strstr(e.text, "no tensor 'blk.0.nothing.weight'"));
    assert_int_equal(nap_lutcore_layer(m, &norm, &json, &e), NAP_ERR_UNSUPPORTED);
    assert_string_equal(e.text,
                        "blk.0.attn_norm.weight: found F32, expected a format of integer codes");
    assert_int_equal(nap_lutcore_layer(m, &rows, &json, &e), NAP_ERR_ARGUMENT);
    assert_string_equal(e.text, "rows: found 513, expected 1 to 512");
    assert_null(json);
    nap_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format),
        cmocka_unit_test(other_designs),
        cmocka_unit_test(what_cannot_be_compiled),
    };
    return cmocka_run_group_tests_name("lutcore layers", tests, NULL, NULL);
}
