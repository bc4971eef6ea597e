/* How far a floating-point design's dot products are from float64: the error that stands beside
 * the area of discrete, fused and pre-aligned arithmetic and of int8 tables.
 *
 * Dots of `length` elements run through nap_array_step(), step by step, C carried along, as the
 * hardware would. Weights are integers that every method takes exactly (binary16 and E4M3 hold
 * those of up to 4 bits, E5M2 of up to 2; beyond that a MAC's weight is rounded to the activation
 * type first and the rounded one counts in the reference as well). */
#ifndef NAP_LUTCORE_FPERROR_H
#define NAP_LUTCORE_FPERROR_H

#include "lutcore/types.h"

typedef struct nap_fpstudy {
    /* The design. Floating point: act is what activations are rounded to. Pre-aligned: act s8 or
     * s16, fpsum prealigned; `source` is the type that is aligned, to `align_bits` bits. Weights
     * are NAP_W_BITS of core.wbits. */
    nap_core core;
    nap_act source;      /* pre-aligned only: E4M3, E5M2 or F16 */
    unsigned align_bits; /* pre-aligned only: 2 up to act's bits */
    /* Elements that share an exponent (pre-aligned, int8 tables), a multiple of k * depth; sums of
     * such blocks are scaled and added in binary32. 0: the whole length. Floating-point designs
     * add up the whole length in the accumulator, whatever this says. */
    size_t block;
} nap_fpstudy;

typedef struct nap_fperror {
    size_t dots;
    size_t special;     /* results that are infinite or NaN: left out of the figures below */
    double nmse;        /* sum (y - r)^2 / sum r^2, r the float64 dot of the activations as rounded
                         * to act (or source): the array's own error */
    double nmse_inputs; /* the same with r from the activations as given */
    double worst;       /* largest |y - r| over the root mean square of r */
} nap_fperror;

/* x[rows][length] and unsigned weight codes q[cols][length] below 2^core.wbits, which mean
 * 2q - (2^b - 1) with methods that have tables and MAC, else their two's complement (array.h).
 * NAP_ERR_ARGUMENT names what cannot be measured: integer activations that are not pre-aligned,
 * ternary and FP4 weights, a block (where it counts) that is no multiple of k * depth. */
nap_status nap_fperror_measure(const nap_fpstudy *s, const float *x, size_t rows, const uint8_t *q,
                               size_t cols, size_t length, nap_fperror *out, nap_error *e);

/* Activations much like those of language models, for where no recorded ones are at hand: a bell
 * curve (sum of uniform numbers) of standard deviation 1, and every 64th element of a row, at the
 * same places in all rows, `outlier` times as large. The same on every machine. */
void nap_fperror_random(uint64_t seed, float outlier, float *x, size_t rows, size_t length);

#endif
