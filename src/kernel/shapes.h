/* The shapes of block weights that matmul kernels are built for, one line each.
 *
 * A shape is what a kernel has to know of a format at compile time. Several formats share one
 * (IQ4_NL is Q4_0 with a table); zero points and element tables are read at run time. This list
 * generates the layouts, the kernel rows of every tier, their declarations and their tests.
 *
 *   name   of the layout; the rows are matmul_<name>_q8_<tier>
 *   bits   of a code
 *   block  elements of one record, which is one block of the format
 *   group  elements of one integer dot product: 16 or 32
 *   min    1 if the format has minima
 *   scale  how the scales of a record are stored (enum nap_scale_store in layout.h)
 *   table  1 if codes index an element table
 *
 *     name             bits block group min scale   table */
#ifndef NAP_KERNEL_SHAPES_H
#define NAP_KERNEL_SHAPES_H

/* clang-format off */
#define NAP_BLOCK_SHAPES(X)                                                                        \
    X(u1_128_table,     1,   128,  32,   0,  F16,    1) /* Q1_0 */                                 \
    X(u2_64,            2,   64,   32,   0,  F16,    0) /* Q2_0 */                                 \
    X(u2_256,           2,   256,  32,   0,  F16,    0) /* TQ1_0, TQ2_0 */                         \
    X(u4,               4,   32,   32,   0,  F16,    0) /* Q4_0 */                                 \
    X(u4_min,           4,   32,   32,   1,  F16,    0) /* Q4_1 */                                 \
    X(u4_table,         4,   32,   32,   0,  F16,    1) /* IQ4_NL */                               \
    X(u4_table_e8m0,    4,   32,   32,   0,  E8M0,   1) /* MXFP4 */                                \
    X(u5,               5,   32,   32,   0,  F16,    0) /* Q5_0 */                                 \
    X(u5_min,           5,   32,   32,   1,  F16,    0) /* Q5_1 */                                 \
    X(u8,               8,   32,   32,   0,  F16,    0) /* Q8_0 */                                 \
    X(u2_super16_min,   2,   256,  16,   1,  F16_I4, 0) /* Q2_K */                                 \
    X(u3_super16,       3,   256,  16,   0,  F16_I8, 0) /* Q3_K */                                 \
    X(u4_super_min,     4,   256,  32,   1,  F16_I8, 0) /* Q4_K */                                 \
    X(u4_super_table,   4,   256,  32,   0,  F16_I8, 1) /* IQ4_XS */                               \
    X(u5_super_min,     5,   256,  32,   1,  F16_I8, 0) /* Q5_K */                                 \
    X(u6_super16,       6,   256,  16,   0,  F16_I8, 0) /* Q6_K */
/* clang-format on */

/* The float layouts: F32 (also F64 and plain integers, converted when packed), F16, BF16. */
#define NAP_FLOAT_SHAPES(X) X(f32) X(f16) X(bf16)

#endif
