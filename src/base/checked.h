/* Size arithmetic on untrusted numbers. Each helper returns false on overflow and then leaves
 * *out alone. Parsers use these and no raw + or * on sizes; tests/tree checks it. */
#ifndef NAP_BASE_CHECKED_H
#define NAP_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool nap_add_ok(uint64_t a, uint64_t b, uint64_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

static inline bool nap_mul_ok(uint64_t a, uint64_t b, uint64_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

static inline bool nap_sub_ok(uint64_t a, uint64_t b, uint64_t *out)
{
    return !__builtin_sub_overflow(a, b, out);
}

/* a rounded up to a multiple of `align` (> 0, any value, not only powers of two). */
static inline bool nap_align_ok(uint64_t a, uint64_t align, uint64_t *out)
{
    const uint64_t r = a % align;
    return r == 0 ? (*out = a, true) : nap_add_ok(a, align - r, out);
}

/* True if [offset, offset + len) lies inside [0, size). */
static inline bool nap_range_ok(uint64_t offset, uint64_t len, uint64_t size)
{
    return offset <= size && len <= size - offset;
}

static inline bool nap_to_size_ok(uint64_t a, size_t *out)
{
    if (a > SIZE_MAX) return false;
    *out = (size_t)a;
    return true;
}

#endif
