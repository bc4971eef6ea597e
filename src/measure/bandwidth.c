/* Memory bandwidth: the ceiling that decoding is held against. The three loops and the way of
 * counting are those of STREAM (McCalpin, 1995): copy moves two bytes per byte named, triad three;
 * what a store first fetches into the cache is not counted. "Read" is a sum, since decoding a token
 * is one long read.
 *
 * Huge pages, touched before they are timed, one pass not counted, then the median. */
#include "napier/measure.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/threads.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) &&                             \
    !defined(__SANITIZE_ADDRESS__)
#define CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CLONES
#endif

enum { PASSES = 9, LINE = 64, UNROLL = 8, MIN_BYTES = 1 << 20 };
#define DEFAULT_BYTES ((size_t)512 << 20)

typedef uint64_t line __attribute__((vector_size(LINE)));

/* Eight independent sums of whole cache lines: enough loads in flight for any core. */
CLONES static uint64_t sum_lines(const line *p, size_t n)
{
    line s[UNROLL] = {{0}};
    for (size_t i = 0; i + UNROLL <= n; i += UNROLL) {
        s[0] += p[i];
        s[1] += p[i + 1];
        s[2] += p[i + 2];
        s[3] += p[i + 3];
        s[4] += p[i + 4];
        s[5] += p[i + 5];
        s[6] += p[i + 6];
        s[7] += p[i + 7];
    }
    const line all = ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
    uint64_t sum = 0;
    for (int j = 0; j < LINE / 8; j++) sum += all[j];
    return sum;
}

CLONES static void copy_doubles(double *restrict to, const double *restrict from, size_t n)
{
    for (size_t i = 0; i < n; i++) to[i] = from[i];
}

CLONES static void triad_doubles(double *restrict to, const double *restrict a,
                                 const double *restrict b, double factor, size_t n)
{
    for (size_t i = 0; i < n; i++) to[i] = a[i] + factor * b[i];
}

typedef enum kind { FILL, READ, COPY, TRIAD } kind;

typedef struct job {
    kind kind;
    uint8_t *bytes;
    size_t n; /* bytes of one stream: all, a half, or a third */
    uint64_t sums[NAP_MAX_THREADS];
} job;

static void work(void *user, int part, int parts)
{
    job *j = user;
    size_t begin, end;
    nap_split(j->n, LINE * UNROLL, part, parts, &begin, &end);
    uint8_t *const p = j->bytes + begin;
    const size_t len = end - begin, n = len / sizeof(double);
    switch (j->kind) {
    case FILL:
        memset(p, 1, len);
        break;
    case READ:
        j->sums[part] = sum_lines((const line *)p, len / LINE);
        break;
    case COPY:
        copy_doubles((double *)p, (const double *)(p + j->n), n);
        break;
    case TRIAD:
        triad_doubles((double *)p, (const double *)(p + j->n), (const double *)(p + 2 * j->n), 3,
                      n);
        break;
    }
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *pa, const void *pb)
{
    const double a = *(const double *)pa, b = *(const double *)pb;
    return (a > b) - (a < b);
}

/* GB/s over `total` bytes cut into `streams` equal streams. */
static double measure(nap_pool *pool, job *j, kind k, size_t total, size_t streams)
{
    j->kind = k;
    j->n = total / streams / (LINE * UNROLL) * (LINE * UNROLL);
    double seconds[PASSES];
    nap_pool_run(pool, work, j);
    for (int i = 0; i < PASSES; i++) {
        const double start = now();
        nap_pool_run(pool, work, j);
        seconds[i] = now() - start;
    }
    qsort(seconds, PASSES, sizeof *seconds, by_value);
    return (double)(j->n * streams) / seconds[PASSES / 2] / 1e9;
}

nap_status nap_measure_bandwidth(int threads, size_t bytes, nap_bandwidth *out, nap_error *e)
{
    if (threads < 0 || threads > NAP_MAX_THREADS)
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET, "%d threads, expected 0 to %d", threads,
                        NAP_MAX_THREADS);
    if (bytes == 0) bytes = DEFAULT_BYTES;
    if (bytes < MIN_BYTES)
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "bandwidth over %zu bytes, expected at least %d", bytes, (int)MIN_BYTES);
    nap_pool *pool;
    NAP_TRY(nap_pool_create(&pool, threads, e));
    job *j = nap_calloc(1, sizeof *j);
    if (j) j->bytes = nap_alloc_huge(bytes);
    if (!j || !j->bytes) {
        nap_free(j);
        nap_pool_destroy(pool);
        return nap_fail_memory(e, bytes, "the bandwidth measurement");
    }
    measure(pool, j, FILL, bytes, 1);
    out->read = measure(pool, j, READ, bytes, 1);
    out->copy = measure(pool, j, COPY, bytes, 2);
    out->triad = measure(pool, j, TRIAD, bytes, 3);
    nap_free_huge(j->bytes, bytes);
    nap_free(j);
    nap_pool_destroy(pool);
    return NAP_OK;
}
