/* napier/lutcore.h: Verilog, synthesis, and the figures of the study. */
#include "napier/lutcore.h"

#include "api/lutcore_run.h"
#include "base/alloc.h"
#include "base/error.h"
#include "base/process.h"
#include "figures/figures.h"
#include "rtl/dse.h"
#include "rtl/run.h"
#include "rtl/synth.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The test bench's tiles, and where their operands start: the same files for the same design. */
enum { BENCH_TILES = 200, BENCH_SEED = 1 };

nap_status nap_lutcore_rtl(const char *config, const char *dir, nap_error *e)
{
    nap_core core;
    NAP_TRY(nap_lut_design(config, false, &core, e));
    return nap_rtl_write(&core, dir, BENCH_TILES, BENCH_SEED, e);
}

nap_status nap_lutcore_synth(const nap_lut_synth *s, char **csv, nap_error *e)
{
    nap_core core;
    nap_rtl rtl = {0};
    nap_synth out = {0};
    nap_buf text = {0};
    const nap_synth_options options = {
        .liberty = s->liberty,
        .clock_ns = s->clock_ns,
        .activity = s->operands != NULL ? NAP_ACTIVITY_FILE : NAP_ACTIVITY_RANDOM,
        .operands = s->operands,
        .progress = s->progress,
        .user = s->user,
    };
    *csv = NULL;
    NAP_TRY(nap_lut_design(s->config, false, &core, e));
    nap_status status =
        s->whole_core ? nap_rtl_core(&core, &rtl, e) : nap_rtl_array(&core, &rtl, e);
    if (status == NAP_OK) status = nap_synthesize(&core, &rtl, &options, &out, e);
    if (status == NAP_OK) nap_synth_csv(&core, &out, true, &text);
    nap_synth_free(&out);
    nap_rtl_free(&rtl);
    return nap_lut_hand_over(&text, status, csv, e);
}

nap_status nap_lutcore_dse(const nap_lut_dse *d, nap_error *e)
{
    const nap_synth_options options = {
        .liberty = d->liberty,
        .activity = NAP_ACTIVITY_RANDOM,
        .operands = d->operands,
        .progress = d->progress,
        .user = d->user,
    };
    return nap_dse_run(d->study, &options, d->dir, e);
}

/* ------------------------------------------------------------------ where the results lie */

/* base/name if there is such a folder; *out is freed with nap_free. */
static bool folder(const char *base, const char *name, char **out)
{
    nap_buf path = {0};
    nap_buf_printf(&path, "%s/%s", base, name);
    if (path.failed || access(path.data, R_OK) != 0) {
        nap_buf_free(&path);
        return false;
    }
    *out = nap_buf_take(&path, NULL);
    return true;
}

/* A folder that comes with Napier: beside the program as it was built (in the tree) or installed,
 * or where this build installs. */
static nap_status find_shared(const char *in_tree, const char *installed, char **out, nap_error *e)
{
    char exe[4096];
    const ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n > 0) {
        exe[n] = '\0';
        char *slash = strrchr(exe, '/');
        if (slash != NULL) *slash = '\0';
        nap_buf name = {0};
        nap_buf_printf(&name, "../share/napier/%s", installed);
        bool found = !name.failed && folder(exe, name.data, out);
        name.len = 0;
        nap_buf_printf(&name, "../%s", in_tree);
        found = found || (!name.failed && folder(exe, name.data, out));
        nap_buf_free(&name);
        if (found) return NAP_OK;
    }
    if (folder(NAPIER_SHARE, installed, out)) return NAP_OK;
    return nap_fail(e, NAP_ERR_NOT_FOUND, NAP_NO_OFFSET,
                    "no folder '%s' beside the program or in " NAPIER_SHARE
                    ": say where it is (--data, --configs)",
                    installed);
}

nap_status nap_lutcore_figures(const nap_lut_figures *f, nap_error *e)
{
    char *data = NULL, *configs = NULL;
    nap_status status = NAP_OK;
    if (f->data == NULL) status = find_shared("share/lutcore", "lutcore", &data, e);
    if (status == NAP_OK && f->configs == NULL)
        status = find_shared("configs", "configs", &configs, e);
    if (status == NAP_OK)
        status = nap_figures_write(f->data != NULL ? f->data : data,
                                   f->configs != NULL ? f->configs : configs, f->dir, f->progress,
                                   f->user, e);
    nap_free(data);
    nap_free(configs);
    return status;
}
