/* Which instruction sets this CPU has, as bundles ("tiers") that kernels are written for.
 *
 * A tier is a set of features that always come together on real machines, so that a kernel row
 * names one word and a report prints one word. Detected once, at run time; the environment
 * variable NAPIER_CPU (ref, avx2, avxvnni, avx512, neon) or nap_cpu_force() lowers it, never raises
 * it above what the machine has. */
#ifndef NAP_BASE_CPU_H
#define NAP_BASE_CPU_H

#include "napier/status.h"

typedef enum nap_tier {
    NAP_TIER_REF = 0, /* portable C, always there: the specification */
    NAP_TIER_AVX2,    /* AVX2, FMA, F16C (x86-64-v3) */
    NAP_TIER_AVXVNNI, /* AVX2 tier + AVX-VNNI on 256-bit registers */
    NAP_TIER_AVX512,  /* AVX-512 F/BW/DQ/VL/VNNI/VBMI, as on Ice Lake, Zen 4 and later */
    NAP_TIER_NEON,    /* AArch64 with dotprod (ARMv8.2 or later) */
    NAP_TIER_COUNT
} nap_tier;

/* "ref", "avx2", "avxvnni", "avx512", "neon". */
const char *nap_tier_name(nap_tier t);
/* The tier of that name, or NAP_TIER_COUNT. */
nap_tier nap_tier_parse(const char *name);
/* Can this machine run kernels of tier t? REF always. */
bool nap_tier_available(nap_tier t);
/* The best available tier, lowered by NAPIER_CPU or nap_cpu_force(). */
nap_tier nap_cpu_tier(void);
/* NULL or "" or "auto" restores detection. Fails if unknown or not available here. */
nap_status nap_cpu_force(const char *name, nap_error *e);
/* May rows of tier `row` serve when `chosen` is selected? (avx512 may fall back to avx2 rows ...)
 */
bool nap_tier_serves(nap_tier row, nap_tier chosen);
/* The model name and the features that matter here, one line, for --version and reports. */
const char *nap_cpu_describe(void);

#endif
