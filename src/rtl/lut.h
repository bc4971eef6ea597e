/* The parts of the LUT array's emitter: what lut_array.c and lut_pe.c share. */
#ifndef NAP_RTL_LUT_H
#define NAP_RTL_LUT_H

#include "rtl/verilog.h"

/* How a term reaches the accumulator. */
typedef enum nap_lutsum {
    NAP_LUTSUM_INT,      /* integers: ones' complement of a negated term, its carry apart */
    NAP_LUTSUM_DISCRETE, /* floating point: one adder after the other */
    NAP_LUTSUM_FUSED     /* floating point: one alignment */
} nap_lutsum;

typedef struct nap_lutgeo {
    const nap_core *core;
    nap_lutsum sum;
    unsigned planes;      /* of the widest weight */
    unsigned shift_bits;  /* bits of a plane's number, 0 for one plane */
    unsigned code_bits;   /* of one table's index with its sign */
    unsigned entries;     /* of a table */
    unsigned entry_bits;  /* as stored */
    unsigned scaled_bits; /* as the PE sees them: with the plane's factor where that is shared */
    unsigned row_bits;    /* tables of one row, stored */
    unsigned term_bits;   /* what a PE hands on: an integer with its carry below, or numbers */
    unsigned acc_bits;
    bool scales;     /* there is a <name>_scale: factor and format, once per table */
    bool adds_plane; /* <name>_add applies the factor 2^p */
} nap_lutgeo;

void nap_lut_geometry(const nap_core *c, nap_lutgeo *g);

/* Modules of the grid; every one adds its text. */
void nap_lut_emit_decode(const nap_lutgeo *g, nap_rtl *r); /* <name>_decode */
void nap_lut_emit_scale(const nap_lutgeo *g, nap_rtl *r);  /* <name>_scale: floating point */
void nap_lut_emit_pe(const nap_lutgeo *g, nap_rtl *r);     /* <name>_pe */
void nap_lut_emit_add(const nap_lutgeo *g, nap_rtl *r);    /* <name>_add */

#endif
