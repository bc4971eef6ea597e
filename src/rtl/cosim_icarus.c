/* The second opinion: Icarus Verilog runs the test bench that a design is written with.
 * Four-valued, so that an unknown that reaches a result fails. */
#include "rtl/cosim.h"

#include "base/error.h"
#include "base/process.h"
#include "rtl/simulate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char hint[] = "install the Debian package 'iverilog'";

static nap_status run_bench(const nap_core *c, const char *folder, nap_buf *said, nap_error *e)
{
    char top[64], list[64], bench[64];
    int code = 0;
    (void)snprintf(top, sizeof top, "%s_tb", c->name);
    (void)snprintf(list, sizeof list, "%s_array.f", c->name);
    (void)snprintf(bench, sizeof bench, "%s_tb.v", c->name);
    const char *const compile[] = {"iverilog", "-g2005", "-s", top,   "-o",
                                   "bench",    "-f",     list, bench, NULL};
    NAP_TRY(nap_rtl_tool(compile, folder, hint, e));
    const char *const run[] = {"vvp", "-n", "bench", NULL};
    NAP_TRY(nap_process_run(run, folder, said, &code, hint, e));
    if (said->failed) return nap_fail_memory(e, said->len, "the bench's output");
    if (code != 0)
        return nap_fail(e, NAP_ERR_INTERNAL, NAP_NO_OFFSET, "vvp ended with %d: %.300s", code,
                        said->data != NULL ? said->data : "");
    return NAP_OK;
}

nap_status nap_cosim_icarus(const nap_core *c, uint64_t tiles, uint64_t seed,
                            nap_cosim_report *report, nap_error *e)
{
    char *folder = NULL;
    nap_buf said = {0};
    memset(report, 0, sizeof *report);
    if (tiles > UINT32_MAX)
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET, "tiles: found %" PRIu64 ", too many",
                        tiles);
    NAP_TRY(nap_cosim_folder(&folder, e));
    nap_status status = nap_rtl_write_array(c, folder, (unsigned)tiles, seed, e);
    if (status == NAP_OK) status = run_bench(c, folder, &said, e);
    if (status == NAP_OK) {
        const bool passed = said.data != NULL && strstr(said.data, "PASS: ") != NULL;
        report->tiles = tiles;
        report->failures = passed ? 0 : 1;
        if (!passed)
            (void)snprintf(report->first, sizeof report->first, "%.350s",
                           said.data != NULL ? said.data : "");
    }
    nap_buf_free(&said);
    nap_cosim_forget(folder);
    return status;
}
