/* Running programs on the text of a core: what run.h's nap_rtl_run() is made of, and what the
 * tests use to run many programs on one build, or on a text with a bug put in. */
#ifndef NAP_RTL_SIMULATE_H
#define NAP_RTL_SIMULATE_H

#include "rtl/run.h"

typedef enum nap_rtl_end {
    NAP_RTL_DONE,    /* done_o */
    NAP_RTL_FAULT,   /* fault_o; `at` is the instruction */
    NAP_RTL_LIMIT,   /* neither within max_cycles */
    NAP_RTL_OUTSIDE, /* an access outside the memory; `at` is its address */
    NAP_RTL_UNKNOWN  /* an X or Z reached a port (Icarus only) */
} nap_rtl_end;

typedef struct nap_rtl_job {
    const nap_program *program;
    uint8_t *memory; /* in and out */
    size_t bytes;    /* a multiple of bus_bytes */
    uint64_t max_cycles;
    /* out */
    nap_rtl_end end;
    uint64_t cycles, at;
} nap_rtl_job;

/* One after the other on a core that is reset in between. `vcd` (or NULL) records all of them. */
nap_status nap_rtl_run_jobs(const nap_rtl *rtl, const nap_core *c, nap_rtl_sim sim,
                            nap_rtl_job *jobs, size_t count, const char *cache, const char *vcd,
                            nap_error *e);

/* The simulators. `folder` is an empty one for the job's files. */
nap_status nap_rtl_verilator(const nap_rtl *rtl, const nap_core *c, nap_rtl_job *jobs, size_t count,
                             const char *cache, const char *folder, const char *vcd, nap_error *e);
nap_status nap_rtl_icarus(const nap_rtl *rtl, const nap_core *c, nap_rtl_job *jobs, size_t count,
                          const char *folder, const char *vcd, nap_error *e);

/* The inside of a bench in Verilog: the module `top` as `core`, clock, both memories (`code`,
 * `memory`), cycle count. The module around it sets words, count and limit, and starts it
 * (bench_core.c). */
bool nap_rtl_put_around(nap_buf *b, const char *top, const nap_core *c, size_t words,
                        size_t program);
/* Memory for $readmemh: words of so many bytes, the highest first. False: no memory. */
bool nap_rtl_put_hex(nap_buf *b, const uint8_t *memory, size_t bytes, unsigned word);
/* The core's half of nap_rtl_write()'s benches: a program, its memory before and after, and the
 * bench that runs it. `files`: the modules' files, one a line. */
nap_status nap_rtl_write_core_bench(const nap_core *c, const char *top, const nap_buf *files,
                                    const char *dir, uint64_t seed, nap_error *e);

/* Runs a tool; a failure is an error with the end of what it printed. */
nap_status nap_rtl_tool(const char *const argv[], const char *dir, const char *hint, nap_error *e);

/* Writes `text` as `dir`/`name``suffix`. */
nap_status nap_rtl_save(const char *dir, const char *name, const char *suffix, const nap_buf *text,
                        nap_error *e);

#endif
