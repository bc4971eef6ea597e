/* Attention for AVX2. */
#include "kernel/v16_avx2.h"
#include "kernel/attn_simd.h"
