/* Matmul of float weights for NEON. */
#include "kernel/v16_neon.h"

enum { DECODE_TILES = 2, PREFILL_TILES = 1, PREFILL_TOKENS = 4 };

#include "kernel/matmul_float_simd.h"
