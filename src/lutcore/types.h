/* What a LUT tensor core is made of: the numeric types and the design record.
 *
 * A design (nap_core) is one point of the space that the emitter, the interpreter, the simulators
 * and the synthesis flow share: method, array shape M x N x K, operand types, accumulator, depth,
 * pipeline, register file. It is read from the [core] section of a configuration file (config.h).
 *
 * Source of the method: LUT Tensor Core (ISCA'25, arXiv 2408.06003), sections 3.1 to 3.3. What the
 * paper leaves open is fixed here and in docs/lmma.md. */
#ifndef NAP_LUTCORE_TYPES_H
#define NAP_LUTCORE_TYPES_H

#include "napier/status.h"

/* How an array multiplies. */
typedef enum nap_method {
    NAP_METHOD_LUT, /* the LUT tensor core: half tables made elsewhere, weights remapped offline */
    NAP_METHOD_LUT_CONV, /* conventional LUT: full tables (2^k entries), precompute in every unit */
    NAP_METHOD_UNPU,     /* UNPU-style: conventional, two's complement planes, negation logic */
    NAP_METHOD_ADD,      /* bit-serial: an add of each selected activation, no tables */
    NAP_METHOD_MAC,      /* uniform multiply-accumulate: weights widened to the activation's type */
    NAP_METHOD_MAC_NATIVE, /* narrow multiply-accumulate: activation type x b-bit integer */
    NAP_METHOD_UNPU_HALF,  /* UNPU + reinterpreted weights: half tables, index negated here */
    NAP_METHOD_UNPU_REMAP, /* UNPU_HALF + weights remapped offline: no index negation */
    NAP_METHOD_COUNT
} nap_method;

/* Activation types. */
typedef enum nap_act {
    NAP_ACT_S8,   /* int8, -128 allowed */
    NAP_ACT_S16,  /* int16, -32768 allowed */
    NAP_ACT_E4M3, /* OCP FP8: no infinity, NaN = s.1111.111, max 448 */
    NAP_ACT_E5M2, /* OCP FP8: IEEE-like, infinities and NaNs */
    NAP_ACT_F16,  /* binary16 */
    NAP_ACT_COUNT
} nap_act;

/* What table entries are. */
typedef enum nap_table {
    NAP_TABLE_EXACT, /* integers: act bits + ceil(log2 k), exact. FP: binary16, see array.h */
    NAP_TABLE_S8,    /* FP activations only: entries rounded to int8 by a power of two per row */
    NAP_TABLE_COUNT
} nap_table;

/* Weight types. Integer weights of b bits are read bit-serially: one plane a cycle. */
typedef enum nap_wtype {
    NAP_W_BITS,    /* b-bit codes, b = core.wbits at most; LMMA names the b it uses */
    NAP_W_TERNARY, /* {-1, 0, 1}: groups of three in 5 bits, one cycle, 14-entry table */
    NAP_W_E2M1,    /* FP4: twice the value is an integer in -12..12: five planes (array.h) */
    NAP_W_COUNT
} nap_wtype;

/* Accumulators. Integers wrap modulo 2^width. */
typedef enum nap_acc {
    NAP_ACC_S16,
    NAP_ACC_S24,
    NAP_ACC_S32,
    NAP_ACC_F16,
    NAP_ACC_F32,
    NAP_ACC_COUNT
} nap_acc;

/* How several floating-point terms of one step (depth > 1, or the products of a MAC dot) are
 * added; array.h states each rule. */
typedef enum nap_fpsum {
    NAP_FPSUM_DISCRETE,   /* one rounding per addition, in a fixed order */
    NAP_FPSUM_FUSED,      /* align all terms to the largest exponent once, add, round once */
    NAP_FPSUM_PREALIGNED, /* activations share a block exponent beforehand: integer arithmetic */
    NAP_FPSUM_COUNT
} nap_fpsum;

typedef struct nap_core {
    char name[48]; /* for file and module names: [a-z0-9_], starts with a letter */
    nap_method method;
    unsigned m, n;  /* array: rows of activations, columns of weights */
    unsigned k;     /* activations one table covers (LUT methods), 3 for ternary; else 1 */
    unsigned depth; /* tables (LUT) or products (ADD, MAC) summed per output and cycle */
    nap_act act;
    nap_table table;
    nap_wtype wtype;
    unsigned wbits; /* widest weight in planes: 1..8 (NAP_W_BITS); 5 for E2M1; 1 for ternary */
    nap_acc acc;
    nap_fpsum fpsum;
    unsigned pipeline;  /* 1: a step is one stage; 2: a register before the accumulating adder */
    unsigned pre_units; /* table generators: tables made per cycle */
    /* register file, in fragments of the array's size (array.h) */
    unsigned a_regs, t_regs, w_regs, c_regs, s_regs;
    unsigned bus_bytes;   /* memory port: 8, 16, 32 or 64 bytes a beat */
    unsigned mem_latency; /* cycles from request to data of the core's memory port */
} nap_core;

/* Activations that one step of the array covers: k * depth. */
static inline unsigned nap_core_kdim(const nap_core *c)
{
    return c->k * c->depth;
}

/* "lut" "lut_conv" "unpu" "add" "mac" "mac_native" "unpu_half" "unpu_remap" */
const char *nap_method_name(nap_method v);
const char *nap_act_name(nap_act v);     /* "s8" "s16" "e4m3" "e5m2" "f16" */
const char *nap_table_name(nap_table v); /* "exact" "s8" */
const char *nap_wtype_name(nap_wtype v); /* "bits" "ternary" "e2m1" */
const char *nap_acc_name(nap_acc v);     /* "s16" "s24" "s32" "f16" "f32" */
const char *nap_fpsum_name(nap_fpsum v); /* "discrete" "fused" "prealigned" */

bool nap_act_is_float(nap_act v);
unsigned nap_act_bits(nap_act v);
bool nap_acc_is_float(nap_acc v);
unsigned nap_acc_bits(nap_acc v);

#endif
