/* The compiler's first half: one integer matrix product to an LMMA program.
 *
 * O[M][N] = sum over K of A[M][K] * (W[N][K] - Z), optionally with a partial result every `group`
 * elements of K (block formats scale each group by itself). Steps: pad to the array; remap weights
 * and lay out fragments (offline); split the table precompute from the product and decide whether
 * tables are kept in registers, stored to memory once and loaded (reuse over columns), or remade;
 * pick the register tile that moves the fewest bytes; allocate registers with double buffering;
 * emit loops. The choice and its predicted cycles are in the report. */
#ifndef NAP_LUTCORE_COMPILE_H
#define NAP_LUTCORE_COMPILE_H

#include "lutcore/interp.h"

typedef struct nap_lgemm {
    size_t m, n, k;
    unsigned bits;    /* of the weight codes; at most core.wbits */
    int zero;         /* Z; with pm1: ignored */
    bool pm1;         /* bits = 1: codes mean -1 and +1; ternary designs: codes 0, 1, 2 */
    size_t group;     /* 0: one sum over all K; else partial sums, `group` divides K and kd it */
    const int8_t *a;  /* [m][k] */
    const uint8_t *w; /* [n][k] */
} nap_lgemm;

typedef struct nap_lcompiled {
    nap_program program;
    uint8_t *memory; /* initial image: weights and activations in place, results zero */
    size_t bytes;
    size_t out_offset;       /* results: fragments, read with nap_lgemm_result */
    unsigned tile_m, tile_n; /* fragments per register tile */
    unsigned tables;         /* 0: remade, 1: via memory, 2: kept in registers */
    uint64_t predicted_cycles;
    size_t bytes_program, bytes_weights, bytes_tables, bytes_act, bytes_out;
} nap_lcompiled;

nap_status nap_lgemm_compile(const nap_lgemm *g, const nap_core *c, nap_lcompiled *out,
                             nap_error *e);
void nap_lcompiled_free(nap_lcompiled *x);
/* Collects O[groups][m][n] (groups = 1 if group = 0) from a memory image after the run. */
void nap_lgemm_result(const nap_lgemm *g, const nap_core *c, const nap_lcompiled *x,
                      const uint8_t *memory, int32_t *out);
/* The definition, in plain loops (modulo 2^32). */
void nap_lgemm_ref(const nap_lgemm *g, int32_t *out);

#endif
