/* The core's RTL against the interpreter, at length: thousands of random programs on designs of
 * every type, method and corner, Verilator on all and Icarus on a sample; lint with nothing waived.
 */
#include "core_cosim.h"

#include <stdlib.h>

#define REGS "a_regs = 3;t_regs = 5;w_regs = 5;c_regs = 5;s_regs = 2"

static const char *const designs[] = {
    "name = i_m1n1k1;m = 1;n = 1;k = 1;wbits = 1;bus_bytes = 8;mem_latency = 1;" REGS,
    "name = i_m2n8k4;m = 2;n = 8;k = 4;wbits = 3;bus_bytes = 32;pre_units = 2;" REGS,
    "name = i_m4n4k2d4;m = 4;n = 4;k = 2;depth = 4;acc = s24;pipeline = 2;pre_units = 5;"
    "bus_bytes = 16;mem_latency = 2;" REGS,
    "name = i_m2n4k3;m = 2;n = 4;k = 3;wbits = 8;acc = s16;bus_bytes = 64;mem_latency = 20;" REGS,
    "name = i_s16;m = 2;n = 4;k = 4;act = s16;depth = 2;pipeline = 2;pre_units = 4;bus_bytes = 8;"
    "a_regs = 1;t_regs = 1;w_regs = 1;c_regs = 1;s_regs = 1",
    "name = i_k8;m = 1;n = 4;k = 8;wbits = 2;bus_bytes = 16;" REGS,
    "name = i_m8n1;m = 8;n = 1;k = 4;depth = 2;pre_units = 3;pipeline = 2;bus_bytes = 32;" REGS,
    "name = i_many;m = 1;n = 2;k = 2;wbits = 2;bus_bytes = 8;a_regs = 62;t_regs = 62;w_regs = 62;"
    "c_regs = 62;s_regs = 62",
    "name = t_s8;m = 2;n = 8;wtype = ternary;depth = 2;pipeline = 2;bus_bytes = 16;" REGS,
    "name = t_s16;m = 1;n = 4;wtype = ternary;act = s16;bus_bytes = 8;" REGS,
    "name = e_s8;m = 2;n = 4;k = 4;wtype = e2m1;bus_bytes = 16;pipeline = 2;" REGS,
    "name = f_f16_f16;m = 2;n = 4;k = 4;act = f16;acc = f16;bus_bytes = 16;wbits = 3;" REGS,
    "name = f_f16_f32;m = 1;n = 4;k = 4;depth = 2;act = f16;acc = f32;bus_bytes = 16;pipeline = 2;"
    "pre_units = 2;" REGS,
    "name = f_fused16;m = 1;n = 2;k = 4;depth = 4;act = f16;acc = f16;fpsum = fused;bus_bytes = 8;"
    "pipeline = 2;" REGS,
    "name = f_fused32;m = 1;n = 2;k = 2;depth = 2;act = e5m2;acc = f32;fpsum = fused;bus_bytes = "
    "16;" REGS,
    "name = f_e4m3;m = 2;n = 2;k = 4;act = e4m3;acc = f16;bus_bytes = 8;pre_units = 2;" REGS,
    "name = f_e5m2;m = 2;n = 2;k = 3;act = e5m2;acc = f32;bus_bytes = 32;" REGS,
    "name = q_f16;m = 2;n = 4;k = 4;act = f16;table = s8;acc = s32;bus_bytes = 16;pipeline = "
    "2;" REGS,
    "name = q_e4m3;m = 4;n = 2;k = 4;act = e4m3;table = s8;acc = s24;bus_bytes = 8;" REGS,
    "name = t_f16;m = 1;n = 4;wtype = ternary;act = f16;acc = f32;bus_bytes = 16;" REGS,
    "name = e_f16;m = 1;n = 4;k = 4;wtype = e2m1;act = f16;acc = f16;bus_bytes = 16;" REGS,
    "name = b_conv;method = lut_conv;m = 2;n = 4;k = 4;bus_bytes = 16;" REGS,
    "name = b_unpu;method = unpu;m = 2;n = 4;k = 4;bus_bytes = 16;pipeline = 2;" REGS,
    "name = b_half;method = unpu_half;m = 2;n = 4;k = 4;bus_bytes = 16;" REGS,
    "name = b_remap;method = unpu_remap;m = 2;n = 4;k = 4;bus_bytes = 16;" REGS,
    "name = b_add;method = add;m = 2;n = 4;depth = 4;bus_bytes = 16;pipeline = 2;" REGS,
    "name = b_mac;method = mac;m = 2;n = 4;depth = 4;bus_bytes = 16;" REGS,
    "name = b_native;method = mac_native;m = 2;n = 4;depth = 4;wbits = 2;bus_bytes = 16;" REGS,
    "name = b_mac_f16;method = mac;m = 1;n = 2;depth = 4;act = f16;acc = f32;bus_bytes = 16;" REGS,
};
enum { DESIGNS = sizeof designs / sizeof *designs };

enum { PROGRAMS = 2000, BYTES = 16384 };

static void check_design(const char *text, nap_rtl_sim sim, size_t count, uint64_t seed)
{
    const nap_core core = design(text);
    cosim s;
    cosim_begin(&s, &core, count);
    cosim_random(&s, count, seed, 24, BYTES);
    assert_int_equal(s.count, count);
    cosim_check(&s, sim);
    print_message("%s: %zu programs, equal in memory and cycles\n", core.name, count);
    cosim_end(&s);
}

static void test_verilator(void **state)
{
    (void)state;
    if (!have("verilator")) skip();
    for (size_t i = 0; i < DESIGNS; i++) check_design(designs[i], NAP_RTL_VERILATOR, PROGRAMS, 100);
}

static void test_icarus(void **state)
{
    (void)state;
    if (!have("iverilog")) skip();
    for (size_t i = 0; i < DESIGNS; i += 2) check_design(designs[i], NAP_RTL_ICARUS, 20, 5000);
}

/* One file a module, as the linter wants it, and no option but -Wall. */
static void test_lint(void **state)
{
    (void)state;
    if (!have("verilator")) skip();
    for (size_t i = 0; i < DESIGNS; i++) {
        const nap_core core = design(designs[i]);
        char text[400];
        if (!core_lint(&core, text, sizeof text)) fail_msg("%s: %s", core.name, text);
    }
}

/* The picture in the manual is what tools/rtl/wave draws of this tile. */
static void test_waveform(void **state)
{
    (void)state;
    if (!have("iverilog") || !have("python3")) skip();
    static const char program[] = "lda a0, [x0]\n"
                                  "lda a1, [x0 + 16]\n"
                                  "ldw.w2 w0, [x0 + 32]\n"
                                  "wait mem\n"
                                  "pre t0, a0\n"
                                  "pre t1, a1\n"
                                  "ldw.w2 w1, [x0 + 48]\n"
                                  "wait mem+pre\n"
                                  "lmma.m2n4k4x2.s8.w2.s32.s32 c0, t0, w0, zero\n"
                                  "wait mma\n"
                                  "stc [x0 + 64], c0\n"
                                  "halt\n";
    const nap_core core = design("name = tile;m = 2;n = 4;k = 4;wbits = 2;bus_bytes = 16;"
                                 "mem_latency = 3;a_regs = 2;t_regs = 2;w_regs = 2;c_regs = 2;"
                                 "s_regs = 1");
    nap_program p = {0};
    nap_error e = {0};
    uint8_t memory[96] = {0};
    char *folder = NULL, *drawn = NULL, *kept = NULL, vcd[600], svg[600], tool[600], doc[600];
    size_t drawn_len = 0, kept_len = 0;
    nap_buf output = {0};
    int code = 1;
    const char *source = getenv("NAPIER_SOURCE_DIR") != NULL ? getenv("NAPIER_SOURCE_DIR") : ".";
    if (nap_lmma_assemble(program, strlen(program), "tile", &p, &e) != NAP_OK ||
        nap_program_check(&p, &core, sizeof memory, "tile", &e) != NAP_OK ||
        nap_cache_folder("wave", &folder, &e) != NAP_OK)
        fail_msg("%s", e.text);
    snprintf(vcd, sizeof vcd, "%s/tile.vcd", folder);
    snprintf(svg, sizeof svg, "%s/tile.svg", folder);
    snprintf(tool, sizeof tool, "%s/tools/rtl/wave", source);
    snprintf(doc, sizeof doc, "%s/docs/lmma-wave.svg", source);
    if (nap_rtl_run(&core, NAP_RTL_ICARUS, &p, memory, sizeof memory, 1000, NULL, vcd, NULL, &e) !=
        NAP_OK)
        fail_msg("%s", e.text);
    const char *const argv[] = {"python3", tool, vcd, "-o", svg, NULL};
    assert_int_equal(nap_process_run(argv, NULL, &output, &code, NULL, &e), NAP_OK);
    if (code != 0) fail_msg("%s", output.data);
    if (nap_read_whole(svg, 1 << 20, &drawn, &drawn_len, &e) != NAP_OK ||
        nap_read_whole(doc, 1 << 20, &kept, &kept_len, &e) != NAP_OK)
        fail_msg("%s", e.text);
    assert_int_equal(drawn_len, kept_len);
    assert_memory_equal(drawn, kept, kept_len);
    nap_buf_free(&output);
    nap_program_free(&p);
    nap_free(folder);
    nap_free(drawn);
    nap_free(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lint),
        cmocka_unit_test(test_verilator),
        cmocka_unit_test(test_icarus),
        cmocka_unit_test(test_waveform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
