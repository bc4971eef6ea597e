/* Attention for NEON. */
#include "kernel/v16_neon.h"
#include "kernel/attn_simd.h"
