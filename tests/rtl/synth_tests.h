/* What the tests of the synthesis flow share: a cache folder of their own, and the tools. */
#ifndef NAP_TESTS_SYNTH_TESTS_H
#define NAP_TESTS_SYNTH_TESTS_H

#include "cmocka_all.h"

#include "base/process.h"
#include "lutcore/config.h"
#include "rtl/dse.h"
#include "rtl/synth_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool have_tools(void)
{
    static const char *const names[] = {"yosys", "sta", "iverilog", "vvp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!nap_process_exists(names[i])) {
            print_message("skipped: no %s\n", names[i]);
            return false;
        }
    if (access("/usr/share/qflow/tech/osu018/osu018_stdcells.lib", R_OK) != 0) {
        print_message("skipped: no qflow-tech-osu018\n");
        return false;
    }
    return true;
}

/* The folder of one test program, made on first use. */
static const char *cache_folder(void)
{
    static char path[64];
    if (path[0] == '\0') {
        (void)snprintf(path, sizeof path, "/tmp/napier-synth-XXXXXX");
        assert_non_null(mkdtemp(path));
    }
    return path;
}

static int remove_cache(void **state)
{
    (void)state;
    const char *const argv[] = {"rm", "-rf", cache_folder(), NULL};
    int code;
    return nap_process_run(argv, NULL, NULL, &code, NULL, NULL) == NAP_OK ? code : 1;
}

static void ok(nap_status s, const nap_error *e)
{
    if (s != NAP_OK) fail_msg("%s: %s", nap_status_name(s), e->text);
}

/* "key = value;key = value" over the defaults. */
static nap_core core_of(const char *text)
{
    nap_buf b = {0};
    nap_error e;
    nap_config g;
    nap_core c;
    nap_buf_puts(&b, "[core]\n");
    for (const char *p = text; *p != '\0'; p++) nap_buf_putc(&b, *p == ';' ? '\n' : *p);
    ok(nap_config_parse(b.data, b.len, "test", &g, &e), &e);
    ok(nap_core_read(&g, &c, &e), &e);
    nap_config_free(&g);
    nap_buf_free(&b);
    return c;
}

static void synthesize(const nap_core *c, const nap_synth_options *o, nap_synth *out)
{
    nap_rtl r = {0};
    nap_error e;
    ok(nap_rtl_array(c, &r, &e), &e);
    ok(nap_synthesize(c, &r, o, out, &e), &e);
    nap_rtl_free(&r);
}

#endif
