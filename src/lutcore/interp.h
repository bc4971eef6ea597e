/* Runs an LMMA program on a memory image: the semantics (values) and the clock (cycles), exactly
 * as isa.h states them. The verilated core must end with the same memory and the same cycles. */
#ifndef NAP_LUTCORE_INTERP_H
#define NAP_LUTCORE_INTERP_H

#include "lutcore/isa.h"

typedef struct nap_lutstat {
    uint64_t cycles;                          /* from the first issue to done */
    uint64_t instructions;                    /* issued */
    uint64_t stall_mem, stall_pre, stall_mma; /* cycles nothing issued, by the unit waited for */
    uint64_t busy_mem, busy_pre, busy_mma;    /* occupied cycles */
    uint64_t steps;                           /* array steps (planes not counted) */
    uint64_t lookups; /* table look-ups: steps * planes * m * n * depth (0 for MAC and ADD) */
    uint64_t macs;    /* multiply-adds those steps stand for: steps * m * n * kd */
    uint64_t tables;  /* tables made */
    uint64_t bytes_a, bytes_t, bytes_w, bytes_c, bytes_s; /* moved between core and memory */
    uint64_t bytes_read, bytes_written;
} nap_lutstat;

/* The program must have passed nap_program_check; addresses outside the memory are errors that
 * name the instruction. max_instructions bounds endless work (0: 2^40). */
nap_status nap_lmma_run(const nap_program *p, const nap_core *c, uint8_t *memory, size_t bytes,
                        uint64_t max_instructions, nap_lutstat *stat, nap_error *e);

#endif
