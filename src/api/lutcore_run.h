/* Shared by the functions of napier/lutcore.h that compile a product and run it. */
#ifndef NAP_API_LUTCORE_RUN_H
#define NAP_API_LUTCORE_RUN_H

#include "base/buf.h"
#include "lutcore/compile.h"
#include "lutcore/config.h"
#include "napier/lutcore.h"

const char *nap_lut_target_name(nap_lut_target t); /* "ref" "interp" "sim" "rtl" */

/* The design of a file's [core] section; path NULL: the default. A file without one is refused,
 * unless a [machine] will do: then it is the default too. */
nap_status nap_lut_design(const char *path, bool machine_will_do, nap_core *out, nap_error *e);

/* Runs a compiled product on a target other than NAP_LUT_REF: x->memory becomes the memory after
 * it. The clock and the counts of `stat` are the interpreter's; with NAP_LUT_RTL the cycles and
 * the memory are the Verilog's, and vcd (may be NULL) names a waveform to write. */
nap_status nap_lut_execute(nap_lut_target target, const nap_core *c, nap_lcompiled *x,
                           const char *vcd, nap_lutstat *stat, nap_error *e);

/* Members of a report, each ending in ",\n" so that the caller can go on. */
void nap_lut_report(const nap_core *c, const nap_lcompiled *x, const nap_lutstat *stat,
                    nap_buf *out);
/* The text of a finished buffer to the caller, unless status says that the work failed. Empties the
 * buffer and returns the status. */
nap_status nap_lut_hand_over(nap_buf *b, nap_status status, char **out, nap_error *e);
/* text as a JSON string, quotes included. */
void nap_lut_quote(nap_buf *out, const char *text);

#endif
