/* Matmul of float weights for AVX2. */
#include "kernel/v16_avx2.h"

enum { DECODE_TILES = 4, PREFILL_TILES = 1, PREFILL_TOKENS = 5 };

#include "kernel/matmul_float_simd.h"
