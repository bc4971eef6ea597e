/* Every method through the synthesis flow: mapped units equal the RTL they came from (the flow
 * compares them), and a design composed of units comes near the same synthesized flat. */
#include "synth_tests.h"

static const char *const designs[] = {
    "name = d;m = 1;n = 2;k = 4;wbits = 4;acc = s24",
    "name = d;m = 2;n = 2;k = 3;wbits = 2;depth = 2;pipeline = 2;acc = s16",
    "name = d;m = 1;n = 2;wtype = ternary",
    "name = d;m = 1;n = 2;wtype = e2m1",
    "name = d;m = 1;n = 2;k = 4;wbits = 2;act = f16;acc = f16",
    "name = d;m = 1;n = 2;k = 4;wbits = 2;act = f16;acc = f32;fpsum = fused;depth = 2",
    "name = d;m = 1;n = 2;k = 4;wbits = 2;act = f16;table = s8;acc = s24",
    "name = d;m = 1;n = 2;k = 2;wbits = 2;act = e4m3;acc = f16",
    "name = d;method = lut_conv;m = 1;n = 2;k = 3;wbits = 2",
    "name = d;method = lut_conv;m = 1;n = 2;k = 2;wbits = 2;act = f16;acc = f16",
    "name = d;method = unpu;m = 1;n = 2;k = 4;wbits = 2",
    "name = d;method = unpu_half;m = 1;n = 2;k = 4;wbits = 2",
    "name = d;method = unpu_remap;m = 1;n = 2;k = 4;wbits = 2",
    "name = d;method = add;m = 1;n = 2;depth = 4;wbits = 2",
    "name = d;method = add;m = 1;n = 2;depth = 2;wbits = 2;act = f16;acc = f16;fpsum = fused",
    "name = d;method = mac;m = 1;n = 2;depth = 4;wbits = 2",
    "name = d;method = mac;m = 1;n = 2;depth = 2;wbits = 2;act = e4m3;acc = f16",
    "name = d;method = mac;m = 1;n = 2;depth = 2;wbits = 2;act = f16;acc = f16;fpsum = fused",
    "name = d;method = mac_native;m = 1;n = 2;depth = 4;wbits = 3",
    "name = d;method = mac_native;m = 1;n = 2;depth = 2;wbits = 2;act = f16;acc = f16",
};

static void test_methods(void **state)
{
    (void)state;
    if (!have_tools()) skip();
    const nap_synth_options o = {.cache = cache_folder()};
    for (size_t i = 0; i < sizeof designs / sizeof *designs; i++) {
        const nap_core c = core_of(designs[i]);
        nap_synth s;
        synthesize(&c, &o, &s);
        assert_true(s.area > 0 && s.power > 0);
        assert_true(s.slack_ns >= 0); /* the default clock is one that all units meet */
        for (size_t u = 0; u < s.units; u++)
            assert_true(s.unit[u].cells == 0 || s.unit[u].power > 0);
        nap_synth_free(&s);
    }
}

static void test_composition(void **state)
{
    (void)state;
    if (!have_tools()) skip();
    const nap_synth_options o = {.cache = cache_folder()};
    static const char *const small[] = {
        "name = d;m = 2;n = 4;k = 4;wbits = 2;acc = s24",
        "name = d;method = mac;m = 2;n = 2;depth = 4;acc = s24",
        "name = d;method = add;m = 2;n = 2;depth = 4;wbits = 2;acc = s24",
    };
    nap_flow f;
    nap_error e;
    ok(nap_flow_open(&o, &f, &e), &e);
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
        const nap_core c = core_of(small[i]);
        nap_synth s;
        synthesize(&c, &o, &s);
        nap_rtl r = {0};
        nap_unit_text u;
        nap_mapped m;
        ok(nap_rtl_array(&c, &r, &e), &e);
        ok(nap_unit_cut(r.text.data, r.top, &u, &e), &e);
        ok(nap_flow_map(&f, &u, &m, &e), &e);
        print_message("%s: composed %.0f, flat %.0f (%+.1f %%)\n", small[i], s.area, m.area,
                      100 * (s.area / m.area - 1));
        assert_true(s.area > 0.85 * m.area && s.area < 1.15 * m.area);
        nap_unit_text_free(&u);
        nap_rtl_free(&r);
        nap_synth_free(&s);
    }
    nap_flow_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_methods),
                                       cmocka_unit_test(test_composition)};
    return cmocka_run_group_tests(tests, NULL, remove_cache);
}
