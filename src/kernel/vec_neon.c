/* Vector operators for NEON. */
#include "kernel/v16_neon.h"
#include "kernel/vec_simd.h"
