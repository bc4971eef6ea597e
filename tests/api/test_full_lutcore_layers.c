/* Every linear layer of the two real models, whole, at two tokens, the vocabulary's head included.
 * Skipped where a model has not been pulled. */
#include "layers.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(smollm2), cmocka_unit_test(gemma3)};
    return cmocka_run_group_tests_name("all linear layers", tests, NULL, NULL);
}
