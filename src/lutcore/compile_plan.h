/* The compiler's own: a plan is one way to run one product on one design. compile.c makes plans
 * and keeps the fastest, emit.c writes a plan's program, timing.c clocks it, layout.c fills its
 * memory. */
#ifndef NAP_LUTCORE_COMPILE_PLAN_H
#define NAP_LUTCORE_COMPILE_PLAN_H

#include "lutcore/array.h"
#include "lutcore/compile.h"

/* Where a step's second operand (tables, or activations for methods without) comes from. */
typedef enum nap_lsource {
    NAP_LSRC_MAKE,   /* activations are loaded and tables made from them, at each use */
    NAP_LSRC_TABLES, /* tables are made once, stored, and loaded at each use */
    NAP_LSRC_ACTS,   /* no tables: activations are loaded at each use */
    NAP_LSRC_KEPT    /* a row tile's operands stay in registers over all columns */
} nap_lsource;

typedef struct nap_lplan {
    const nap_core *core;
    /* the product, in fragments: mb x nb outputs, `groups` sums each of kb steps */
    size_t mb, nb, groups, kb, group_k;
    unsigned planes; /* weight bits of ldw, lmma and sto */
    uint8_t wt;
    bool tables; /* method LUT: steps take tables */
    bool finish; /* results leave by sto, which applies Z and needs the row sums */
    bool offset; /* accumulators start at a multiple of the row sum, from memory */
    int zero;    /* sto's Z */
    /* the array's code of a weight code q: (mul * q + add) & mask */
    int code_mul, code_add;
    unsigned code_mask;
    uint16_t code_pad;
    int start; /* offset: accumulators start at start * row sum */
    /* the choice */
    nap_lsource source;
    unsigned tm, tn, l;            /* a step is tm x tn x l array steps in one lmma */
    unsigned buffers;              /* 2: the next step's operands arrive during this one's lmma */
    bool overlap;                  /* a tile's results leave while the next tile is multiplied */
    unsigned chunk, chunk_buffers; /* NAP_LSRC_TABLES: fragments of the first phase's step */
    /* memory: bytes of the fragments, offsets of the areas */
    uint32_t fa, ft, fw, fc, fs;
    uint32_t a_at, t_at, w_at, s_at, start_at, out_at, end;
} nap_lplan;

/* nap_lgemm_compile, but only plans that agree with `want` are considered: zero fields agree with
 * anything. NAP_ERR_LIMIT if the design's registers hold none of them. */
typedef struct nap_lwant {
    unsigned tm, tn, l, buffers;
    unsigned source;  /* nap_lsource + 1 */
    unsigned overlap; /* 1: no, 2: yes */
} nap_lwant;
nap_status nap_lgemm_compile_as(const nap_lgemm *g, const nap_core *c, const nap_lwant *want,
                                nap_lcompiled *out, nap_error *e);

/* A program before encoding. */
typedef struct nap_lcode {
    nap_linst *v;
    size_t count, cap;
} nap_lcode;

/* Replaces what `out` holds. */
nap_status nap_lplan_emit(const nap_lplan *p, nap_lcode *out, nap_error *e);
/* Cycles of a program without running it: isa.h's clock. */
uint64_t nap_lcode_cycles(const nap_lcode *code, const nap_core *c);
/* Fills the memory image (zeroed) with activations, weights, row sums and starting values. */
nap_status nap_lplan_layout(const nap_lplan *p, const nap_lgemm *g, uint8_t *memory, nap_error *e);

#endif
