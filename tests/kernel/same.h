/* Equality of results of two tiers: the same bits, or both NaN (which NaN is not promised). */
#ifndef TESTS_KERNEL_SAME_H
#define TESTS_KERNEL_SAME_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* The first index that differs, or n. */
static inline size_t first_difference(const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (memcmp(a + i, b + i, sizeof *a) != 0 && !(isnan(a[i]) && isnan(b[i]))) return i;
    }
    return n;
}

#endif
