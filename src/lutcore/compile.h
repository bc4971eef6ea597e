/* The compiler's first half: one integer matrix product to an LMMA program.
 *
 * O[M][N] = sum over K of A[M][K] * (W[N][K] - Z), optionally with a partial result every `group`
 * elements of K (block formats scale each group by itself). Steps: pad to the array; remap weights
 * and lay out fragments (offline); split the table precompute from the product; allocate registers
 * with double buffering; emit loops. Register tile and what becomes of the tables are chosen by
 * clocking every candidate program (timing.c): the fewest predicted cycles win.
 *
 * Results are exact: a product whose sums the design's accumulators might not hold is refused, with
 * the bound that it breaks. */
#ifndef NAP_LUTCORE_COMPILE_H
#define NAP_LUTCORE_COMPILE_H

#include "lutcore/interp.h"

typedef struct nap_lgemm {
    size_t m, n, k;
    unsigned bits;    /* of the weight codes, 1..8 */
    int zero;         /* Z, -256..511; with pm1: ignored */
    bool pm1;         /* bits = 1: codes mean -1 and +1; bits = 2: codes 0, 1, 2 mean -1, 0, +1 */
    size_t group;     /* 0: one sum over all K; else partial sums, a divisor of K */
    const int8_t *a;  /* [m][k] */
    const uint8_t *w; /* [n][k] */
} nap_lgemm;

/* What becomes of tables: made at each use; made once, stored, loaded at each use; made once for a
 * row of tiles and kept in registers. */
typedef enum nap_ltables {
    NAP_LTABLES_REMADE,
    NAP_LTABLES_MEMORY,
    NAP_LTABLES_KEPT,
    NAP_LTABLES_NONE /* the method has none */
} nap_ltables;
const char *nap_ltables_name(nap_ltables v); /* "remade" "memory" "kept" "none" */

typedef struct nap_lcompiled {
    nap_program program;
    uint8_t *memory; /* initial image: weights and activations in place, results zero */
    size_t bytes;
    size_t out_offset;               /* results: fragments, read with nap_lgemm_result */
    unsigned planes;                 /* cycles of one array step */
    unsigned tile_m, tile_n, tile_k; /* fragments that one lmma multiplies */
    unsigned buffers;                /* 2: operands arrive during the lmma before; 1: in turn */
    bool overlap;                    /* a tile's results leave while the next tile is multiplied */
    nap_ltables tables;
    uint64_t predicted_cycles; /* the interpreter's, exactly */
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
