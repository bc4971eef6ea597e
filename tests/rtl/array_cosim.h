/* Co-simulation of arrays in tests: designs in one line, corners in lists. */
#ifndef ARRAY_COSIM_H
#define ARRAY_COSIM_H

#include "cmocka_all.h"

#include "base/process.h"
#include "lutcore/config.h"
#include "rtl/cosim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "m=2 n=4 act=f16": the default's values but for the text's. */
static nap_core corner_design(const char *text)
{
    char full[512];
    nap_config config;
    nap_error e = {0};
    nap_core core;
    snprintf(full, sizeof full, "[core]\nname=corner\n%s", text);
    for (char *p = full + 7; *p != '\0'; p++)
        if (*p == ' ') *p = '\n';
    if (nap_config_parse(full, strlen(full), "corner", &config, &e) != NAP_OK)
        fail_msg("%s", e.text);
    if (nap_core_read(&config, &core, &e) != NAP_OK) fail_msg("%s: %s", text, e.text);
    nap_config_free(&config);
    return core;
}

static bool corner_tool(const char *name)
{
    if (nap_process_exists(name)) return true;
    print_message("%s is not installed: nothing to compare with\n", name);
    return false;
}

/* `tiles` steps of the array of a design, equal to the definition. */
static inline void corner_check(const char *text, uint64_t tiles, uint64_t seed, nap_rtl_sim sim)
{
    const nap_core core = corner_design(text);
    nap_cosim_report report;
    nap_error e = {0};
    if (nap_cosim_array(&core, tiles, seed, sim, &report, &e) != NAP_OK)
        fail_msg("%s: %s", text, e.text);
    if (report.failures != 0)
        fail_msg("%s: %" PRIu64 " of %" PRIu64 " tiles differ: %s", text, report.failures,
                 report.tiles, report.first);
    assert_int_equal(report.tiles, tiles);
}

static inline void corner_check_precompute(const char *text, uint64_t tiles, uint64_t seed)
{
    const nap_core core = corner_design(text);
    nap_cosim_report report;
    nap_error e = {0};
    if (nap_cosim_precompute(&core, tiles, seed, &report, &e) != NAP_OK)
        fail_msg("%s: %s", text, e.text);
    if (report.failures != 0)
        fail_msg("%s: %" PRIu64 " tables' groups differ: %s", text, report.failures, report.first);
    assert_int_equal(report.tiles, tiles);
}

/* -Wall without waivers: the array, and for the method lut its precompute unit. */
static inline void corner_lint(const char *text)
{
    const nap_core core = corner_design(text);
    for (int unit = 0; unit < (core.method == NAP_METHOD_LUT ? 2 : 1); unit++) {
        nap_rtl r = {0};
        nap_error e = {0};
        const nap_status made =
            unit ? nap_rtl_precompute(&core, &r, &e) : nap_rtl_array(&core, &r, &e);
        if (made != NAP_OK || nap_rtl_lint(&r, &e) != NAP_OK) fail_msg("%s: %s", text, e.text);
        nap_rtl_free(&r);
    }
}

/* Yosys: no latch, nothing driven twice or not at all, no loop. */
static inline void corner_yosys(const char *text)
{
    const nap_core core = corner_design(text);
    for (int unit = 0; unit < (core.method == NAP_METHOD_LUT ? 2 : 1); unit++) {
        nap_rtl r = {0};
        nap_buf path = {0}, script = {0}, said = {0};
        nap_error e = {0};
        char *folder = NULL;
        int code = 0;
        const nap_status made =
            unit ? nap_rtl_precompute(&core, &r, &e) : nap_rtl_array(&core, &r, &e);
        if (made != NAP_OK || nap_cosim_folder(&folder, &e) != NAP_OK) fail_msg("%s", e.text);
        nap_buf_printf(&path, "%s/design.v", folder);
        nap_buf_printf(&script,
                       "read_verilog design.v; hierarchy -check -top %s; proc; opt_clean; "
                       "check -assert; select -assert-none t:$dlatch t:$adlatch t:$sr t:$dlatchsr",
                       r.top);
        assert_false(path.failed || script.failed);
        const char *const argv[] = {"yosys", "-q", "-p", script.data, NULL};
        if (nap_write_whole(path.data, r.text.data, r.text.len, &e) != NAP_OK ||
            nap_process_run(argv, folder, &said, &code, NULL, &e) != NAP_OK)
            fail_msg("%s", e.text);
        if (code != 0) fail_msg("%s: yosys: %.400s", text, said.data != NULL ? said.data : "");
        nap_cosim_forget(folder);
        nap_buf_free(&path);
        nap_buf_free(&script);
        nap_buf_free(&said);
        nap_rtl_free(&r);
    }
}

#endif
