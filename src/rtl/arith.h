/* Pieces of text that the arithmetic modules have in common (arith.c, arith_fused.c). */
#ifndef NAP_RTL_ARITH_H
#define NAP_RTL_ARITH_H

#include "rtl/verilog.h"

/* Wires <z>_lz<i>: the bits of the number of leading zeros of `v` (bits wide), and <z>_lz, all of
 * them; returns their count. Of v = 0 it is 2^count - 1. */
unsigned nap_v_leading_zeros(nap_buf *b, const char *z, const char *v, unsigned bits);

/* Wires of a right shift of <v> (bits wide) by <by> (by_bits wide): <v>_r and <v>_t, whether a one
 * fell off. */
void nap_v_shift_sticky(nap_buf *b, const char *v, unsigned bits, const char *by, unsigned by_bits);

#endif
