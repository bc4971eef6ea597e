/* A small seeded generator with a fixed sequence on every machine: SplitMix64 seeding
 * xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021). */
#ifndef NAP_BASE_RNG_H
#define NAP_BASE_RNG_H

#include <stdint.h>

typedef struct nap_rng {
    uint64_t s[4];
} nap_rng;

static inline uint64_t nap_splitmix64(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline void nap_rng_seed(nap_rng *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++) r->s[i] = nap_splitmix64(&seed);
}

static inline uint64_t nap_rng_next(nap_rng *r)
{
    uint64_t *s = r->s;
    const uint64_t x = s[1] * 5, result = ((x << 7) | (x >> 57)) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 45) | (s[3] >> 19);
    return result;
}

/* Uniform in [0, 1), 53 bits. */
static inline double nap_rng_double(nap_rng *r)
{
    return (double)(nap_rng_next(r) >> 11) * 0x1p-53;
}

/* Uniform in [0, n), n > 0 (bias below 2^-32 for the sizes used here). */
static inline uint32_t nap_rng_below(nap_rng *r, uint32_t n)
{
    return (uint32_t)(((nap_rng_next(r) >> 32) * n) >> 32);
}

#endif
