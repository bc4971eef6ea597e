/* A small pool of worker threads for the parallel steps of one forward pass.
 *
 * A pool of n threads is n - 1 workers and the caller. nap_pool_run() calls
 * fn(ctx, part, n) once for each part in 0..n-1, one per thread, and returns when all are done.
 * Work is divided by the part number alone, never by who comes first, so the same n always
 * computes the same thing in the same place; kernels are written so that results do not depend
 * on n either. Workers spin for a short while between steps (a decode step is microseconds
 * apart) and then sleep. One caller at a time. */
#ifndef NAP_BASE_THREADS_H
#define NAP_BASE_THREADS_H

#include "napier/status.h"

typedef struct nap_pool nap_pool;
typedef void (*nap_part_fn)(void *ctx, int part, int parts);

#define NAP_MAX_THREADS 256

/* n >= 1; 0 means one per core this process may run on. */
nap_status nap_pool_create(nap_pool **out, int n, nap_error *e);
void nap_pool_destroy(nap_pool *p);
int nap_pool_size(const nap_pool *p);
void nap_pool_run(nap_pool *p, nap_part_fn fn, void *ctx);

/* A barrier for use inside a part function: all parts wait until all have arrived. */
void nap_pool_barrier(nap_pool *p);

/* Cores this process may run on (its affinity mask and, where set, its cgroup quota). */
int nap_cpu_count(void);

/* Splits `count` items in units of `unit` over `parts`: the half-open range of `part`. */
static inline void nap_split(size_t count, size_t unit, int part, int parts, size_t *begin,
                             size_t *end)
{
    const size_t units = (count + unit - 1) / unit;
    const size_t p = (size_t)part, n = (size_t)parts;
    const size_t b = (units / n) * p + (units % n) * p / n;
    const size_t f = (units / n) * (p + 1) + (units % n) * (p + 1) / n;
    *begin = b * unit < count ? b * unit : count;
    *end = f * unit < count ? f * unit : count;
}

#endif
