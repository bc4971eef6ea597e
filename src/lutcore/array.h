/* The array: fragments, and the arithmetic of one step, as the specification of the hardware.
 *
 * The interpreter, the verilated RTL and the compiler all use these images and these rules; the
 * RTL has to give the same bits.
 *
 * ---- Fragments. A fragment is what one register holds: operands of ONE array step, bit-packed,
 * little-endian (bit i of the image is bit i % 8 of byte i / 8), then zero bits up to a multiple of
 * core.bus_bytes bytes. It lies in memory as it lies in the register. With M, N, k, depth of the
 * design, kd = k * depth, E = entries per table and b = planes of the instruction:
 *
 *   A  activations: element (m, kk), kk in [0, kd): act bits at (m * kd + kk) * act_bits. With
 *      int8 tables then, at M * kd * act_bits + 8 * m, M signed bytes: the row's exponent e.
 *   T  tables: entry (m, d, j), j in [0, E): entry bits at ((m * depth + d) * E + j) * entry_bits.
 *   W  weights; element kk = d * k + i is element i of group d:
 *      LUT            plane p, group d, column n: k bits at ((p * depth + d) * N + n) * k; sign in
 *                     bit k-1, index in bits k-2..0 (remapped, see below)
 *      LUT ternary    group d, column n: 5 bits at (d * N + n) * 5; sign in bit 4
 *      UNPU_REMAP     as LUT
 *      LUT_CONV, UNPU, UNPU_HALF, ADD
 *                     plane p, group d, column n: k bits at ((p * depth + d) * N + n) * k; plain
 *                     bits of the code, element i in bit i
 *      MAC_NATIVE     product d, column n: b bits at (d * N + n) * b, two's complement (b = 1: 0 is
 *                     -1, 1 is +1). Only b = core.wbits.
 *      MAC            product d, column n: act bits of the weight in the activation's type
 *   C  accumulators: (m, n): acc bits at (m * N + n) * acc_bits; in MEMORY each takes 32 bits
 *      (integers sign-extended, F16 zero-extended), so C images are 4 * M * N bytes.
 *   S  row sums: (m): int32 at 32 * m (integer activations only).
 *
 * A LUT design's step takes T and W; the other methods' steps take A and W (they make what they
 * need inside). E = 2^(k-1) for LUT (8 for k = 4; k = 1: E = 1), 14 for ternary.
 *
 * ---- Weights. A b-bit code q stands for q' = 2q - (2^b - 1) = sum over planes p of
 * 2^p (2 q_p - 1): every plane reads the same +-1 table (paper, Eq. 2). For methods LUT and
 * LUT_CONV one step adds   sum over kk of a[m][kk] * q'[n][kk]   to C[m][n]. With Z the zero point
 * and S the row's sum of activations,  sum a (q - Z) = (C + (2^b - 1 - 2 Z) S) / 2, exact.
 * ADD and UNPU read the planes as two's complement: the code is the two's complement bits of a
 * signed weight w (of q: w = q - 2^(b-1)): plane b-1 counts -2^(b-1). b = 1 is as for LUT: w =
 * 2q - 1. MAC_NATIVE has the same codes and values.
 * E2M1: twice the FP4 value, v2 in {0, +-1, 2, 3, 4, 6, 8, 12}, is the 5-bit code q = v2 + 16, so
 * LUT and LUT_CONV (the methods that have it) give sum a v2 = (C - S) / 2.
 *
 * ---- Tables. Half of them, by odd symmetry: with x_i the k activations of the group,
 *     T[j] = x_{k-1} + sum over i < k-1 of (2 j_i - 1) x_i
 * and the remapped weight of plane bits w_{k-1}..w_0 is sign = !w_{k-1}, index = w_{k-1} ? w : ~w
 * (low k-1 bits); its term is sign ? -T[index] : T[index] (paper, Eq. 4 to 6; the sign element is
 * the last, with a plus, so that exact entries fit in act_bits + ceil(log2 k) bits even at the most
 * negative activation; the negated term has one bit more).
 * Ternary: triple (t2 t1 t0) in {-1, 0, 1}, v = 9 t2 + 3 t1 + t0; sign = v < 0, index = |v|, 0..13;
 * T[j] is the dot product of the triple with positive v = j; T[0] = 0; indices 14 and 15
 * read as zero. Entry bits: act_bits + 2.
 * LUT_CONV: 2^k entries, T[j] = sum over all i of (2 j_i - 1) x_i, one bit wider than LUT's; the
 * term is T[plain bits]. UNPU (integers only): 2^k entries, T[j] = sum over i with j_i = 1 of x_i;
 * the term is T[plain bits], in plane b-1 negated; b = 1: LUT_CONV's table and no negation.
 * UNPU_HALF and UNPU_REMAP, the steps between UNPU and LUT, make LUT's half tables inside and give
 * LUT's results for the same codes; UNPU_HALF takes plain bits and remaps them itself.
 *
 * ---- Integer steps (integer activations, pre-aligned ones, int8 tables): terms are exact, shifted
 * by the plane, added to C modulo 2^acc_bits. The order does not matter.
 *
 * ---- Floating point tables, exact kind (binary16 entries): FP8 activations are widened to
 * binary16, exactly (a NaN becomes the quiet one; F16 passes unchanged, NaN and all); entries are
 * built by a fixed tree, every addition rounded to binary16 (round to nearest even, subnormals
 * kept, overflow to infinity). k = 4:
 *     T[j] = (x3 +- x2) + (+-x1 +- x0)
 * any k: split the elements, highest first, into halves of ceil(n/2) and floor(n/2), each half
 * summed by the same rule, then added. -x flips the sign bit. LUT_CONV: the same tree with +-x3.
 * Ternary: (t2 x2 + t1 x1) + t0 x0; absent terms are not added (no x + 0), T[0] = +0.
 * ---- Floating point tables, int8 kind: the binary16 entry t times 2^-e, e the row's exponent,
 * rounded to nearest even and clamped to [-127, 127]; NaN gives 0. Accumulators are integers.
 *
 * ---- Floating point steps, table methods. term(d, p) = +-T[d][index] * 2^p: the sign bit flipped,
 * then scaled; exact in the accumulator's type but for overflow to infinity (F16); a zero stays
 * the zero of its sign, subnormals are normalised.
 *   discrete: for p ascending, for d ascending: C = C + term, one rounding each (nearest even).
 *   fused:    for p ascending: C = round(C + sum over d of term), by the rule below.
 *   prealigned: see nap_prealign(): the design is an integer one, act s8 or s16.
 * ---- MAC, MAC_NATIVE and ADD steps in floating point: depth products; k = 1.
 *   MAC         one pass; product d = activation * weight, exact.
 *   MAC_NATIVE  one pass; product d = activation * integer weight (a zero weight is +0), exact.
 *   ADD         a pass for each p ascending; product d = bit ? a * 2^p : +0, in plane b-1 with the
 *               sign bit of a flipped; b = 1: bit ? a : -a.
 *   discrete: each product rounded to the accumulator's type; summed in pairs, (0,1), (2,3), then
 *             those in pairs ..., an odd one passes up; then C = C + sum; every addition rounded.
 *   fused:    C = round(C + sum over d of product), by the rule below.
 * ---- The fused rule. Every operand is an integer times a power of two: a number of fields s, E, F
 * has the exponent x = max(E, 1) - bias and the integer significand (E ? 2^man : 0) + F with man
 * fraction bits (subnormals are NOT normalised here); a product of two numbers has the sum of
 * their exponents and the product of their significands; times 2^p adds p to x; an integer factor
 * (MAC_NATIVE) multiplies the significand and leaves x. Operands of value zero take no part. X is
 * the largest x of C and the terms. Each operand, in two's complement, is shifted to the unit
 * 2^(X - man - nap_fused_guard(man)), man the accumulator's, and bits below it are truncated toward
 * minus infinity; the sum is exact, then rounded once, to nearest even. Any NaN, infinity times
 * zero, or infinities of both signs: NaN; else any infinity: that infinity. An exact zero sum: +0.
 * A NaN result is the canonical quiet NaN (0x7e00, 0x7fc00000). */
#ifndef NAP_LUTCORE_ARRAY_H
#define NAP_LUTCORE_ARRAY_H

#include "lutcore/types.h"

enum { NAP_TERNARY_ENTRIES = 14 };
/* Bits that a fused sum keeps below the last place of an accumulator with `man` fraction bits.
 * Truncation pulls every sum down by half a unit of these bits for each term. With 3 bits that is
 * lost in binary32's rounding, but in binary16 it adds up, over a dot product of 2048, to far more
 * than the roundings of single additions; with 8 bits the two are alike (fperror.h measures it). */
static inline unsigned nap_fused_guard(unsigned man)
{
    return man <= 10 ? 8 : 3;
}

enum { NAP_K_MAX = 8, NAP_DEPTH_MAX = 64 }; /* what the array functions hold on the stack */

unsigned nap_core_entries(const nap_core *c);    /* per table: E; full 2^k for LUT_CONV, UNPU */
unsigned nap_core_entry_bits(const nap_core *c); /* of one table entry; 0 without tables */
unsigned nap_core_planes(const nap_core *c, unsigned wbits); /* cycles of one step at this width */
bool nap_core_int_acc(const nap_core *c);

/* Image sizes in bytes, padded to bus_bytes; C's is the memory image. W's depends on the planes of
 * the instruction (wbits <= core.wbits). */
typedef enum nap_frag {
    NAP_FRAG_A,
    NAP_FRAG_T,
    NAP_FRAG_W,
    NAP_FRAG_C,
    NAP_FRAG_S,
    NAP_FRAG_COUNT
} nap_frag;
size_t nap_frag_bits(const nap_core *c, nap_frag f, unsigned wbits);  /* before padding */
size_t nap_frag_bytes(const nap_core *c, nap_frag f, unsigned wbits); /* padded */

/* Bit fields of an image. */
uint64_t nap_bits_get(const uint8_t *image, size_t bit, unsigned width);
void nap_bits_put(uint8_t *image, size_t bit, unsigned width, uint64_t value);

/* Packing. Activations are raw codes (int8/int16 two's complement, FP8, binary16 bits) in uint16.
 * a[m * a_stride + kk]; rows >= rows_valid and elements >= k_valid pack as zero. exps: M exponents
 * for int8 tables, else NULL. */
void nap_pack_a(const nap_core *c, const uint16_t *a, size_t a_stride, unsigned rows_valid,
                unsigned k_valid, const int8_t *exps, uint8_t *image);
/* q[n * q_stride + kk]: unsigned codes of `wbits` bits (ternary: 0, 1, 2 for -1, 0, 1; E2M1: the
 * FP4 bit pattern s.ee.m; ADD, UNPU, MAC_NATIVE: the two's complement
 * bits; MAC: the weight in the activation's type). Columns >= cols_valid pack as the code `pad`,
 * elements >= k_valid too (their activations are zero, so any code does). */
void nap_pack_w(const nap_core *c, unsigned wbits, const uint16_t *q, size_t q_stride,
                unsigned cols_valid, unsigned k_valid, uint16_t pad, uint8_t *image);

/* The field of one weight group in a LUT design's W fragment, from the bits of one plane. */
unsigned nap_remap(unsigned k, unsigned bits);
unsigned nap_remap_ternary(int t2, int t1, int t0);
/* Twice the value of an FP4 (E2M1) bit pattern. */
int nap_e2m1_twice(unsigned code);

/* Table precompute of one A fragment into one T fragment; adds the rows' sums to `s` (int32[M],
 * modulo 2^32, integer activations only) unless NULL. */
void nap_precompute(const nap_core *c, const uint8_t *a, uint8_t *t, int32_t *s);

/* The accumulators of one fragment: integers as int32 (sign-extended from their width), F16 and
 * F32 as bit patterns. */
typedef struct nap_cfrag {
    uint32_t *v; /* [M * N] */
} nap_cfrag;
/* One step: c (in/out) from `x` (T for LUT, else A) and w. */
void nap_array_step(const nap_core *c, unsigned wbits, const uint8_t *x, const uint8_t *w,
                    uint32_t *acc);
/* C's values to and from the register image (acc bits each), as the RTL's ports carry them. */
void nap_cfrag_pack(const nap_core *c, const uint32_t *acc, uint8_t *image);
void nap_cfrag_unpack(const nap_core *c, const uint8_t *image, uint32_t *acc);

/* Pre-alignment (FIGNA/FIGLUT-I style): `count` floating-point activations to integers of `bits`
 * bits (2..16) sharing exponent *e: x ~ q * 2^e, truncated toward minus infinity; the shared
 * exponent puts the largest magnitude just inside the range. NaN counts as zero, an infinity as
 * the largest finite value; all zero: *e = 0. */
void nap_prealign(nap_act act, const uint16_t *x, size_t count, unsigned bits, int16_t *q, int *e);

#endif
