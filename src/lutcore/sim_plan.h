/* What both simulators share: an operator in bytes and rates, a tile plan in counts, and the
 * traffic it causes. The tile simulator bounds a plan's time from below; the cycle simulator plays
 * it. Every quantity that both use is computed here once. */
#ifndef NAP_LUTCORE_SIM_PLAN_H
#define NAP_LUTCORE_SIM_PLAN_H

#include "lutcore/sim.h"

/* A matrix product as a machine sees it. Bytes per element: global memory (g), shared memory and
 * registers (s). */
typedef struct nap_simop {
    const nap_machine *machine;
    const nap_layer *layer;
    double a_g, a_s, w_g, w_s, out_b;
    double rate;        /* MACs per cycle and core, peak */
    bool lut, array;    /* on the LUT array, on the low-bit MAC array; else the 16-bit MAC unit */
    double lookups_mac; /* look-ups per MAC */
    double reg_mac;     /* register bytes per MAC */
    unsigned kstep;     /* depth of one LMMA or MMA of a warp */
    unsigned least_n;   /* columns a warp tile is a multiple of */
} nap_simop;
void nap_simop_make(nap_simop *o, const nap_machine *m, const nap_layer *l,
                    nap_precompute_mode pre);

/* A plan in counts. */
typedef struct nap_simplan {
    nap_tileplan p;
    unsigned warps, warps_per_core, ksteps; /* ksteps: of one tk */
    uint64_t grid_m, grid_n, grid, iters;
    uint64_t full, rest;           /* whole waves of sms * ctas thread blocks, blocks after them */
    unsigned rest_sm, rest_active; /* of the last wave: blocks on the busiest SM, SMs that work */
    double regs, smem;             /* bytes of one thread block */
    double step;                   /* cycles of one warp's k step on its pipe */
    double frag, tile, tile_smem, out; /* bytes: warp's k step, block's tk step (global, shared),
                                          block's result */
    double dram_read, dram_write;      /* whole operator */
    double miss;                       /* DRAM bytes behind one tk step of one block, on average */
} nap_simplan;
/* False: does not fit the machine. `why` (may be NULL) gets the resource, need and capacity. */
bool nap_simplan_make(nap_simplan *x, const nap_simop *o, const nap_tileplan *p, char why[160]);

/* Bandwidth of one SM when `active` of them work, bytes a cycle. */
double nap_share_l2(const nap_machine *m, double active);
double nap_share_dram(const nap_machine *m, double active);
double nap_launch_cycles(const nap_machine *m);

/* The lower bound of a plan's cycles, and what binds. */
double nap_tile_time(const nap_simop *o, const nap_simplan *x, const char **bound);
/* The best plan for an operator; false: none fits. */
bool nap_tile_search(const nap_simop *o, nap_simplan *best);

/* An element-wise operator: a layer, or the precompute of one. */
typedef struct nap_simelem {
    double read, write, ops; /* bytes, bytes, vector operations */
    double efficiency;       /* of DRAM, beyond the machine's */
    double macs;             /* that it stands for */
    bool kernel;             /* its own launch; else it rides on a neighbour's */
} nap_simelem;
nap_simelem nap_simelem_layer(const nap_layer *l);
/* A product of activations on the vector lanes: one row against keys or values is no work for an
 * array, and decode kernels do not give it to one. */
nap_simelem nap_simelem_gemm(const nap_machine *m, const nap_layer *l);
/* False: this layer has no precompute in this mode. */
bool nap_simelem_precompute(const nap_machine *m, const nap_layer *l, nap_precompute_mode pre,
                            nap_simelem *out);
double nap_elem_time(const nap_machine *m, const nap_simelem *x, const char **bound);

/* Rows from plans; they assert the invariants. */
nap_status nap_simrow_product(const nap_simop *o, const nap_simplan *x, double cycles,
                              const char *bound, nap_simrow *out, nap_error *e);
nap_status nap_simrow_element(const nap_machine *m, const char *name, uint64_t count,
                              const nap_simelem *x, double cycles, const char *bound,
                              nap_simrow *out, nap_error *e);

/* The loop both simulators share: rows for every layer, precompute included. */
typedef double (*nap_elem_fn)(const nap_machine *m, const nap_simelem *x, const char **bound);
typedef nap_status (*nap_layer_fn)(const nap_machine *m, const nap_layer *l,
                                   nap_precompute_mode pre, const nap_tileplan *plan,
                                   nap_simrow *out, nap_error *e);
nap_status nap_sim_layers(const nap_machine *m, const nap_layers *l, nap_precompute_mode pre,
                          nap_layer_fn layer, nap_elem_fn elem, nap_simout *out, nap_error *e);
/* The operator and plan of one layer: the given plan, or the search's. */
/* Fills *elem for what runs on the vector lanes (element-wise, and products of activations
 * that are faster there); false: a product for the tensor cores. */
bool nap_sim_on_lanes(const nap_machine *m, const nap_layer *l, const nap_tileplan *plan,
                      nap_simelem *elem);
nap_status nap_sim_plan(const nap_machine *m, const nap_layer *l, nap_precompute_mode pre,
                        const nap_tileplan *plan, nap_simop *o, nap_simplan *x, nap_error *e);

#endif
