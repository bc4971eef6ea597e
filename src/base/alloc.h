/* All memory of the library comes from here, so that a test can make any allocation fail.
 *
 * nap_free(NULL) is allowed. Sizes of zero give a valid pointer. nap_alloc memory is not cleared;
 * nap_calloc checks count*size for overflow. Aligned and huge blocks are for tensors. */
#ifndef NAP_BASE_ALLOC_H
#define NAP_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *nap_alloc(size_t size);
void *nap_calloc(size_t count, size_t size);
/* Grows or shrinks to count*size bytes; on failure returns NULL and `p` stays valid. */
void *nap_realloc(void *p, size_t count, size_t size);
void nap_free(void *p);
char *nap_strdup(const char *s);
char *nap_strndup(const char *s, size_t n); /* copies n bytes and adds a NUL */

/* 64-byte aligned; freed by nap_free. */
void *nap_alloc_aligned(size_t size);

/* Zeroed pages straight from the system, 2 MiB aligned and advised to be huge: one long sequential
 * read of packed weights is about a fifth faster with huge pages. Freed with the same size. */
void *nap_alloc_huge(size_t size);
void nap_free_huge(void *p, size_t size);

/* Test hook: the n-th allocation from now on (0 = the next) fails; with `forever`, so do all
 * after it. n < 0 switches it off. Returns how many allocations were made since the last call. */
long nap_alloc_fail_at(long n, bool forever);
/* Test hook: bytes asked for since that call, all requests added up, refused ones too. */
uint64_t nap_alloc_requested(void);

#endif
