/* Vector operators for AVX2. */
#include "kernel/v16_avx2.h"
#include "kernel/vec_simd.h"
