/* Running the emitted Verilog: Verilator builds it once per design and version (cached), then runs
 * programs on it; Icarus Verilog is the second opinion. Neither is needed to build Napier. */
#ifndef NAP_RTL_RUN_H
#define NAP_RTL_RUN_H

#include "lutcore/interp.h"
#include "rtl/rtl.h"

typedef enum nap_rtl_sim { NAP_RTL_VERILATOR, NAP_RTL_ICARUS } nap_rtl_sim;

/* Can a waveform be written to this path? If not, why. */
nap_status nap_rtl_vcd_check(const char *path, nap_error *e);

/* Runs a program on the core's RTL: memory in and out, cycles in stat->cycles. `cache` is a folder
 * for built simulators, NULL: $XDG_CACHE_HOME/napier/rtl. vcd: a waveform file to write, or NULL;
 * it appears whole, after the run (a device or a pipe is written to).
 * NAP_ERR_NOT_FOUND names the missing tool and its Debian package. */
nap_status nap_rtl_run(const nap_core *c, nap_rtl_sim sim, const nap_program *p, uint8_t *memory,
                       size_t bytes, uint64_t max_cycles, const char *cache, const char *vcd,
                       nap_lutstat *stat, nap_error *e);

/* Writes Verilog, file list and a self-checking test bench (random tiles with the expected
 * results from array.h) into a folder: what `napier lutcore rtl` does. */
nap_status nap_rtl_write(const nap_core *c, const char *dir, unsigned tiles, uint64_t seed,
                         nap_error *e);

#endif
