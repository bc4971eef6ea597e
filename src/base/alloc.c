#include "base/alloc.h"
#include "base/checked.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Off in production: one relaxed load per allocation. */
static atomic_long g_count;
static atomic_ullong g_requested;
static atomic_long g_fail_at = -1;
static atomic_bool g_forever;

long nap_alloc_fail_at(long n, bool forever)
{
    const long before = atomic_exchange(&g_count, 0);
    atomic_store(&g_requested, 0);
    atomic_store(&g_forever, forever);
    atomic_store(&g_fail_at, n);
    return before;
}

uint64_t nap_alloc_requested(void)
{
    return atomic_load(&g_requested);
}

static bool refused(size_t size)
{
    atomic_fetch_add_explicit(&g_requested, size, memory_order_relaxed);
    const long at = atomic_load_explicit(&g_fail_at, memory_order_relaxed);
    const long i = atomic_fetch_add_explicit(&g_count, 1, memory_order_relaxed);
    if (at < 0) return false;
    return atomic_load(&g_forever) ? i >= at : i == at;
}

void *nap_alloc(size_t size)
{
    return refused(size) ? NULL : malloc(size ? size : 1);
}

void *nap_calloc(size_t count, size_t size)
{
    if (count == 0 || size == 0) count = size = 1;
    uint64_t total;
    if (!nap_mul_ok(count, size, &total) || total > SIZE_MAX || refused((size_t)total)) return NULL;
    return calloc(count, size);
}

void *nap_realloc(void *p, size_t count, size_t size)
{
    uint64_t total;
    if (!nap_mul_ok(count, size, &total) || total > SIZE_MAX || refused((size_t)total)) return NULL;
    return realloc(p, total ? (size_t)total : 1);
}

void nap_free(void *p)
{
    free(p);
}

char *nap_strndup(const char *s, size_t n)
{
    if (n == SIZE_MAX) return NULL;
    char *d = nap_alloc(n + 1);
    if (d) {
        memcpy(d, s, n);
        d[n] = '\0';
    }
    return d;
}

char *nap_strdup(const char *s)
{
    return nap_strndup(s, strlen(s));
}

void *nap_alloc_aligned(size_t size)
{
    uint64_t rounded;
    if (!nap_align_ok(size ? size : 1, 64, &rounded) || rounded > SIZE_MAX ||
        refused((size_t)rounded))
        return NULL;
    return aligned_alloc(64, (size_t)rounded);
}

#define HUGE_PAGE ((size_t)2 << 20)

static size_t huge_size(size_t size)
{
    return (size + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
}

void *nap_alloc_huge(size_t size)
{
    if (size > SIZE_MAX / 2 || refused(size)) return NULL;
    if (size == 0) size = 1;
    /* Map one huge page too many, then give back what lies outside the aligned part. */
    const size_t want = huge_size(size), span = want + HUGE_PAGE;
    char *raw = mmap(NULL, span, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (raw == MAP_FAILED) return NULL;
    char *p = (char *)(((uintptr_t)raw + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1));
    if (p > raw) munmap(raw, (size_t)(p - raw));
    if (raw + span > p + want) munmap(p + want, (size_t)(raw + span - (p + want)));
#ifdef MADV_HUGEPAGE
    (void)madvise(p, want, MADV_HUGEPAGE); /* advice only: small pages are slower, not wrong */
#endif
    return p;
}

void nap_free_huge(void *p, size_t size)
{
    if (p) munmap(p, huge_size(size ? size : 1));
}
