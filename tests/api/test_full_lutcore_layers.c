/* Every linear layer of the two real models, whole, at two tokens, the vocabulary's head included;
 * and one of them on the Verilog of the default core. Skipped where a model has not been pulled or
 * Verilator is missing. */
#include "layers.h"

#include "base/process.h"
#include "napier/store.h"

enum { TOKENS = 2 };

static void model_agrees(const char *name, size_t expected_layers)
{
    nap_model *m;
    nap_lut_inputs in;
    nap_error e;
    char *path;
    if (nap_store_resolve(name, &path, &e) != NAP_OK) {
        print_message("left out: %s\n", e.text);
        skip();
    }
    if (nap_model_open(&m, path, &e) != NAP_OK) fail_msg("%s", e.text);
    if (nap_lut_inputs_capture(m, NULL, TOKENS, &in, &e) != NAP_OK) fail_msg("%s", e.text);
    uint64_t cycles = 0;
    for (size_t i = 0; i < in.count; i++) layer_agrees(m, &in, in.v[i].tensor, 0, NULL, &cycles);
    print_message("%s: %zu layers, %llu cycles of one core\n", name, in.count,
                  (unsigned long long)cycles);
    assert_int_equal(in.count, expected_layers);
    nap_lut_inputs_free(&in);
    nap_model_close(m);
    nap_text_free(path);
}

static void smollm2(void **state)
{
    (void)state;
    model_agrees("smollm2-135m", 30 * 7 + 1);
}

static void gemma3(void **state)
{
    (void)state;
    model_agrees("gemma3-270m", 18 * 7 + 1);
}

static void whole_layer_on_verilog(void **state)
{
    (void)state;
    const nap_lut_layer l = {
        .tensor = "blk.0.attn_k.weight", .rows = TOKENS, .target = NAP_LUT_RTL};
    nap_model *m;
    nap_error e;
    char *path, *json;
    if (nap_store_resolve("smollm2-135m", &path, &e) != NAP_OK ||
        !nap_process_exists("verilator")) {
        print_message("left out: no model or no verilator\n");
        skip();
    }
    if (nap_model_open(&m, path, &e) != NAP_OK) fail_msg("%s", e.text);
    if (nap_lutcore_layer(m, &l, &json, &e) != NAP_OK) fail_msg("%s", e.text);
    assert_non_null(strstr(json, "\"equal\": true"));
    nap_text_free(json);
    nap_model_close(m);
    nap_text_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(smollm2), cmocka_unit_test(gemma3),
                                       cmocka_unit_test(whole_layer_on_verilog)};
    return cmocka_run_group_tests_name("all linear layers", tests, NULL, NULL);
}
