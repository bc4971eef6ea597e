/* Verilog from a design: deterministic Verilog-2005 text, lowRISC naming (_i, _o, clk_i, rst_ni,
 * _q for registers, _d for their inputs), lint-clean, no latches, no waivers.
 *
 * nap_rtl_array() emits one array of any method; nap_rtl_core() a whole core that fetches and runs
 * LMMA programs; both list the parts ("units") they are composed of, each a module of its own, so
 * that synthesis does every distinct unit once and composes.
 *
 * ---- The array's top module, the same ports for every method (widths in bits from array.h,
 * before padding; X is T for method LUT, A for the others; XW = nap_frag_bits of it):
 *
 *   module <core.name>_array (
 *     input  clk_i, rst_ni,
 *     input  x_we_i,  input [XW-1:0] x_i,   // loads the operand register
 *     input  w_we_i,  input [WW-1:0] w_i,   // loads the weight register (all wbits planes)
 *     input  c_we_i,  input [CW-1:0] c_i,   // loads the accumulators; CW = M*N*acc_bits
 *     input  step_i,                        // start a step: sampled when ready_o
 *     input [3:0] planes_i,                 // planes of the step, 1..wbits
 *     output ready_o,                       // a step, x and w may be given
 *     output done_o,                        // high for one cycle when the step's C is in c_o
 *     output [CW-1:0] c_o );                // the accumulators' registers
 * A load given in the cycle of step_i is used by that step. A step given in cycle t holds ready_o
 * low in t+1 .. t+planes-1 and has done_o high in cycle t + planes + pipeline. c_we_i is only
 * legal while no step is in flight: before the first, and from the cycle of done_o on.
 *
 * That module is the same for all methods: array.c wraps a family's grid, the array's arithmetic
 * without operand registers, accumulators and control. The core puts its register files around the
 * same grid:
 *
 *   module <core.name>_grid (
 *     input clk_i,                          // only where pipeline is 2
 *     input [XW-1:0] x_i, input [WW-1:0] w_i,
 *     input [2:0] plane_i,                  // 0..planes-1; tie-off where the design has one plane
 *     input [2:0] last_i,                   // planes-1 of the step (sign plane: ADD, UNPU)
 *     input [CW-1:0] c_i,
 *     output [CW-1:0] c_o );
 * pipeline 1: combinational, c_o = c_i + the terms of x_i, w_i in plane_i. pipeline 2: the terms
 * are registered: c_o = c_i of this cycle + the terms of x_i, w_i, plane_i of the cycle before.
 * The grid's family counts the units within the grid; the wrapper counts those around it. */
#ifndef NAP_RTL_RTL_H
#define NAP_RTL_RTL_H

#include "base/buf.h"
#include "lutcore/array.h"

/* What a unit is part of, for area by part. */
typedef enum nap_part {
    NAP_PART_TABLE,   /* table or activation registers */
    NAP_PART_WEIGHT,  /* weight registers */
    NAP_PART_PE,      /* look-up or multiply, and what is added before the accumulator */
    NAP_PART_ACC,     /* accumulator: adder and register */
    NAP_PART_PRE,     /* table precompute inside the array (LUT_CONV, UNPU) or beside it (core) */
    NAP_PART_CONTROL, /* counters, decoders, sequencer */
    NAP_PART_COUNT
} nap_part;
const char *nap_part_name(nap_part p);

typedef struct nap_rtl_unit {
    char module[96]; /* a module of the text, synthesizable on its own */
    nap_part part;
    uint64_t count; /* instances in the design */
} nap_rtl_unit;

typedef struct nap_rtl {
    nap_buf text; /* one file: all modules, leaves first, top last */
    char top[96];
    nap_rtl_unit *unit; /* every leaf of the design: their areas add up to it but for wiring */
    size_t units;
} nap_rtl;

nap_status nap_rtl_array(const nap_core *c, nap_rtl *out, nap_error *e);
/* The precompute unit (lut designs), combinational; the T register file is its register. It makes
 * U = pre_units tables at a time, group after group: table number group_i * U + u of the fragment,
 * row by row (past the last table: unspecified), and the sum of each table's activations.
 *   module <core.name>_precompute (
 *     input [AW-1:0] a_i, input [GW-1:0] group_i, // GW counts ceil(m * depth / U) groups, >= 1
 *     output [U*E*EB-1:0] t_o,
 *     output [U*32-1:0] s_o );                    // only where activations are integers */
nap_status nap_rtl_precompute(const nap_core *c, nap_rtl *out, nap_error *e);
nap_status nap_rtl_core(const nap_core *c, nap_rtl *out, nap_error *e);
void nap_rtl_free(nap_rtl *r);

/* Shared by the emitter's files: adds text of a module once (by name), and counts a unit. */
bool nap_rtl_has_module(const nap_rtl *r, const char *module);
bool nap_rtl_add_unit(nap_rtl *r, const char *module, nap_part part, uint64_t count);

/* The families' grids: modules leaves first, <core.name>_grid last, its units counted. */
nap_status nap_rtl_grid_lut(const nap_core *c, nap_rtl *out, nap_error *e);      /* lut_*.c */
nap_status nap_rtl_grid_baseline(const nap_core *c, nap_rtl *out, nap_error *e); /* base_*.c */
/* Either, by method. */
nap_status nap_rtl_grid(const nap_core *c, nap_rtl *out, nap_error *e); /* array.c */

/* Arithmetic modules that the families share (arith*.c); each adds its module if missing and writes
 * its name. Combinational. The same bits as lutcore/fpnum.h's functions. */
typedef struct nap_rtl_fp {
    unsigned exp, man; /* field widths */
    bool finite_only;  /* E4M3: no infinity; an input of widen and fused only */
} nap_rtl_fp;
/* y = round(a + b): a_i, b_i, y_o */
const char *nap_rtl_fp_add(nap_rtl *r, nap_rtl_fp f, char name[96]);
/* y = round_out(a * b), exact if `out` holds it: a_i, b_i, y_o */
const char *nap_rtl_fp_mul(nap_rtl *r, nap_rtl_fp in, nap_rtl_fp out, char name[96]);
/* y = a * 2^shift_i, shift_i of `bits` bits: a_i, shift_i, y_o */
const char *nap_rtl_fp_scale2(nap_rtl *r, nap_rtl_fp f, unsigned bits, char name[96]);
/* y = a, exactly, in a wider format (or the same; NaNs become the one quiet NaN): a_i, y_o. All
 * subnormals of `from` are normal in `to`, or the exponents are equally wide. */
const char *nap_rtl_fp_widen(nap_rtl *r, nap_rtl_fp from, nap_rtl_fp to, char name[96]);

/* The fused rule of array.h: acc_i [out], terms_i (n terms, packed, term 0 lowest), y_o [out], and
 * shift_i [shift_bits] where shift_bits > 0: the terms times 2^shift. A term is */
typedef enum nap_rtl_term {
    NAP_RTL_TERM_VALUE,   /* a number of `in` */
    NAP_RTL_TERM_PRODUCT, /* two: {b, a} */
    NAP_RTL_TERM_INTEGER  /* {w, a}, w a two's complement integer of int_bits >= 2 bits */
} nap_rtl_term;
typedef struct nap_rtl_fused {
    nap_rtl_fp in, out;
    unsigned n;
    nap_rtl_term term;
    unsigned int_bits, shift_bits;
} nap_rtl_fused;
const char *nap_rtl_fp_fused(nap_rtl *r, const nap_rtl_fused *f, char name[96]);

#endif
