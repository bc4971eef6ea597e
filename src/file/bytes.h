/* Little-endian numbers in byte strings, at any alignment. */
#ifndef NAP_FILE_BYTES_H
#define NAP_FILE_BYTES_H

#include <stdint.h>

static inline uint64_t nap_get_le(const uint8_t *p, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++) v |= (uint64_t)p[i] << 8 * i;
    return v;
}

static inline void nap_put_le(uint8_t *p, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) p[i] = (uint8_t)(v >> 8 * i);
}

#endif
