/* Vector operators for AVX-512. */
#include "kernel/v16_avx512.h"
#include "kernel/vec_simd.h"
