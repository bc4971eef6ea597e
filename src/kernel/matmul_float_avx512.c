/* Matmul of float weights for AVX-512. */
#include "kernel/v16_avx512.h"

enum { DECODE_TILES = 4, PREFILL_TILES = 2, PREFILL_TOKENS = 8 };

#include "kernel/matmul_float_simd.h"
