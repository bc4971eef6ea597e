/* Runs an LMMA program on a memory image: the semantics (values) and the clock (cycles), exactly
 * as isa.h states them. The verilated core must end with the same memory and the same cycles. */
#ifndef NAP_LUTCORE_INTERP_H
#define NAP_LUTCORE_INTERP_H

#include "lutcore/isa.h"

typedef struct nap_lutstat {
    uint64_t cycles;       /* from the cycle the first instruction issues in to the one halt
                            * completes in, both counted: `halt` alone takes one */
    uint64_t instructions; /* issued */
    /* cycles nothing issued, by the unit waited for; of several, the one idle last (of equals the
     * first of mem, pre, mma) */
    uint64_t stall_mem, stall_pre, stall_mma;
    uint64_t busy_mem, busy_pre, busy_mma; /* occupied cycles */
    uint64_t steps;                        /* array steps (planes not counted) */
    uint64_t lookups; /* table look-ups: steps * planes * m * n * depth (0 for MAC and ADD) */
    uint64_t macs;    /* multiply-adds those steps stand for: steps * m * n * kd */
    uint64_t tables;  /* made by pre */
    uint64_t bytes_a, bytes_t, bytes_w, bytes_c, bytes_s; /* moved between core and memory */
    uint64_t bytes_read, bytes_written;
} nap_lutstat;

/* The unit an instruction runs on (NAP_UNIT_..., 0: none) and T, the cycles it occupies it
 * (isa.h, "Time"; lmma: without the pipeline's cycles after). */
unsigned nap_linst_unit(const nap_linst *i);
uint64_t nap_linst_cycles(const nap_core *c, const nap_linst *i);
/* Bytes of the fragment that a load or store moves; 0 for other instructions. */
size_t nap_linst_bytes(const nap_core *c, const nap_linst *i);

/* The program must have passed nap_program_check; addresses outside the memory, registers outside
 * the files and loops that do not match are errors that name the instruction. max_instructions
 * bounds endless work (0: 2^40). stat may be NULL. */
nap_status nap_lmma_run(const nap_program *p, const nap_core *c, uint8_t *memory, size_t bytes,
                        uint64_t max_instructions, nap_lutstat *stat, nap_error *e);

typedef struct nap_lrun {
    uint64_t max_instructions; /* 0: 2^40 */
    bool by_steps; /* compute by nap_array_step() alone: slow, and the same result by definition */
} nap_lrun;
/* The same for decoded instructions. */
nap_status nap_linst_run(const nap_linst *inst, size_t count, const nap_core *c, uint8_t *memory,
                         size_t bytes, const nap_lrun *how, nap_lutstat *stat, nap_error *e);

#endif
