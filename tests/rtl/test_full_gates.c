/* Gates: the core mapped by Yosys to the cells of a Liberty library, with models of the cells that
 * Yosys derives from the library's functions, runs the same programs as the RTL: the same memory,
 * the same cycles. */
#include "core_cosim.h"

#include <unistd.h>

static const char liberty[] = "/usr/share/qflow/tech/osu018/osu018_stdcells.lib";

static const char *const designs[] = {
    "name = g_int;m = 1;n = 2;k = 4;wbits = 2;acc = s16;bus_bytes = 8;mem_latency = 2;a_regs = 1;"
    "t_regs = 2;w_regs = 2;c_regs = 2;s_regs = 1",
    "name = g_float;m = 1;n = 1;k = 2;depth = 2;act = f16;acc = f16;wbits = 2;pipeline = 2;"
    "bus_bytes = 8;mem_latency = 1;a_regs = 1;t_regs = 1;w_regs = 2;c_regs = 2",
    "name = g_ternary;m = 2;n = 2;wtype = ternary;acc = s16;pre_units = 2;bus_bytes = 8;"
    "mem_latency = 3;a_regs = 1;t_regs = 1;w_regs = 1;c_regs = 2;s_regs = 1",
};

enum { PROGRAMS = 30 };

static void run_yosys(const char *folder, const char *script)
{
    const char *const argv[] = {"yosys", "-q", "-p", script, NULL};
    nap_buf output = {0};
    nap_error e = {0};
    int code = 1;
    if (nap_process_run(argv, folder, &output, &code, NULL, &e) != NAP_OK) fail_msg("%s", e.text);
    if (code != 0) fail_msg("yosys: %.400s", output.data);
    nap_buf_free(&output);
}

static void append_file(nap_buf *out, const char *folder, const char *name)
{
    char path[600], *text = NULL;
    size_t len = 0;
    nap_error e = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (nap_read_whole(path, 1 << 28, &text, &len, &e) != NAP_OK) fail_msg("%s", e.text);
    nap_buf_put(out, text, len);
    nap_free(text);
}

static void check_gates(const char *text)
{
    const nap_core core = design(text);
    nap_rtl rtl = {0};
    nap_error e = {0};
    char *base = NULL, folder[512], path[600], script[1200], how[200];
    if (nap_rtl_core(&core, &rtl, &e) != NAP_OK || nap_cache_folder("gates", &base, &e) != NAP_OK)
        fail_msg("%s", e.text);
    snprintf(folder, sizeof folder, "%s/%s", base, core.name);
    snprintf(path, sizeof path, "%s/core.v", folder);
    if (nap_make_folder(folder, &e) != NAP_OK ||
        nap_write_whole(path, rtl.text.data, rtl.text.len, &e) != NAP_OK)
        fail_msg("%s", e.text);
    snprintf(script, sizeof script,
             "read_liberty -lib %s; read_verilog core.v; synth -flatten -top %s; dfflibmap "
             "-liberty %s; abc -liberty %s;"
             " opt_clean -purge; check -mapped -assert; write_verilog -noattr gates.v;"
             " design -reset; read_liberty %s; proc; write_verilog -noattr cells.v",
             liberty, rtl.top, liberty, liberty, liberty);
    run_yosys(folder, script);
    rtl.text.len = 0;
    append_file(&rtl.text, folder, "cells.v");
    append_file(&rtl.text, folder, "gates.v");
    assert_null(strstr(rtl.text.data, "mem_beat_i ==")); /* gates, not the RTL */
    cosim s;
    cosim_begin(&s, &core, PROGRAMS);
    cosim_random(&s, PROGRAMS, 40, 24, 4096);
    if (nap_rtl_run_jobs(&rtl, &core, NAP_RTL_ICARUS, s.jobs, s.count, NULL, NULL, &e) != NAP_OK)
        fail_msg("%s: %s", core.name, e.text);
    for (size_t i = 0; i < s.count; i++)
        if (cosim_difference(&s, i, how)[0] != '\0')
            fail_msg("%s: program %zu: %s", core.name, i, how);
    print_message("%s: %zu programs on gates, equal in memory and cycles\n", core.name, s.count);
    cosim_end(&s);
    nap_rtl_free(&rtl);
    nap_free(base);
}

static void test_gates(void **state)
{
    (void)state;
    if (!have("iverilog") || !have("yosys")) skip();
    if (access(liberty, R_OK) != 0) {
        print_message("SKIPPED: no %s (Debian package qflow-tech-osu018)\n", liberty);
        skip();
    }
    for (size_t i = 0; i < sizeof designs / sizeof *designs; i++) check_gates(designs[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gates)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
