#include "base/threads.h"
#include "base/alloc.h"
#include "base/error.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A wait first spins, then offers the core to others at every look, then (workers between two runs)
 * sleeps. A pause takes some 30 ns on current x86. Spinning covers the waits inside a token; going
 * on with it would stop the very thread that is waited for, where both share a core. Yielding costs
 * half a microsecond where nobody else wants the core. */
enum { SPINS = 1500, YIELDS = 1000 };

struct nap_pool {
    int n;
    int spins; /* fewer where a waiting thread holds up the one it waits for */
    int started;
    pthread_t *threads;
    nap_part_fn fn;
    void *ctx;
    /* `epoch` counts runs: a worker waits for it to move on, does its part, adds itself to done. */
    atomic_uint epoch;
    atomic_int done;
    atomic_bool quit;
    atomic_int sleepers;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    /* sense-reversing barrier */
    atomic_int arrived;
    atomic_uint sense;
};

typedef struct worker_arg {
    nap_pool *pool;
    int part;
} worker_arg;

static inline void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* One look of a wait came to nothing; `looks` says how many did before. */
static inline void linger(const nap_pool *p, int looks)
{
    if (looks < p->spins)
        relax();
    else
        sched_yield();
}

static void *worker(void *p)
{
    worker_arg arg = *(worker_arg *)p;
    nap_free(p);
    nap_pool *pool = arg.pool;
    unsigned seen = 0;
    for (;;) {
        unsigned now = seen;
        for (int i = 0; i < pool->spins + YIELDS; i++) {
            now = atomic_load_explicit(&pool->epoch, memory_order_acquire);
            if (now != seen) break;
            linger(pool, i);
        }
        if (now == seen) {
            pthread_mutex_lock(&pool->lock);
            atomic_fetch_add(&pool->sleepers, 1);
            while ((now = atomic_load(&pool->epoch)) == seen) {
                pthread_cond_wait(&pool->wake, &pool->lock);
            }
            atomic_fetch_sub(&pool->sleepers, 1);
            pthread_mutex_unlock(&pool->lock);
        }
        seen = now;
        if (atomic_load(&pool->quit)) return NULL;
        pool->fn(pool->ctx, arg.part, pool->n);
        atomic_fetch_add_explicit(&pool->done, 1, memory_order_release);
    }
}

static void kick(nap_pool *p)
{
    atomic_fetch_add(&p->epoch, 1); /* seq_cst: ordered before the look at `sleepers` */
    if (atomic_load(&p->sleepers) > 0) {
        pthread_mutex_lock(&p->lock);
        pthread_cond_broadcast(&p->wake);
        pthread_mutex_unlock(&p->lock);
    }
}

nap_status nap_pool_create(nap_pool **out, int n, nap_error *e)
{
    *out = NULL;
    if (n == 0) n = nap_cpu_count();
    if (n < 1 || n > NAP_MAX_THREADS) {
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET, "threads: found %d, expected 1 to %d",
                        n, NAP_MAX_THREADS);
    }
    nap_pool *p = nap_calloc(1, sizeof *p);
    if (!p) return nap_fail_memory(e, sizeof *p, "the thread pool");
    p->n = n;
    p->spins = n > nap_cpu_count() ? SPINS / 100 : SPINS;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    p->threads = nap_calloc((size_t)n, sizeof *p->threads);
    if (!p->threads) {
        nap_pool_destroy(p);
        return nap_fail_memory(e, (size_t)n * sizeof *p->threads, "the thread pool");
    }
    for (int i = 1; i < n; i++) {
        worker_arg *arg = nap_alloc(sizeof *arg);
        if (arg) *arg = (worker_arg){p, i};
        if (!arg || pthread_create(&p->threads[p->started], NULL, worker, arg) != 0) {
            nap_free(arg);
            nap_pool_destroy(p);
            return nap_fail(e, NAP_ERR_MEMORY, NAP_NO_OFFSET, "could not start thread %d of %d", i,
                            n);
        }
        p->started++;
    }
    *out = p;
    return NAP_OK;
}

void nap_pool_destroy(nap_pool *p)
{
    if (!p) return;
    atomic_store(&p->quit, true);
    kick(p);
    for (int i = 0; i < p->started; i++) pthread_join(p->threads[i], NULL);
    nap_free(p->threads);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    nap_free(p);
}

int nap_pool_size(const nap_pool *p)
{
    return p->n;
}

void nap_pool_run(nap_pool *p, nap_part_fn fn, void *ctx)
{
    if (p->n == 1) {
        fn(ctx, 0, 1);
        return;
    }
    p->fn = fn;
    p->ctx = ctx;
    atomic_store_explicit(&p->done, 0, memory_order_relaxed);
    kick(p);
    fn(ctx, 0, p->n);
    for (int i = 0; atomic_load_explicit(&p->done, memory_order_acquire) < p->n - 1; i++) {
        linger(p, i);
    }
}

void nap_pool_barrier(nap_pool *p)
{
    if (p->n == 1) return;
    const unsigned sense = atomic_load_explicit(&p->sense, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&p->arrived, 1, memory_order_acq_rel) == p->n - 1) {
        atomic_store_explicit(&p->arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&p->sense, sense + 1, memory_order_release);
        return;
    }
    for (int i = 0; atomic_load_explicit(&p->sense, memory_order_acquire) == sense; i++) {
        linger(p, i);
    }
}

/* cgroup v2 "max 100000" or "200000 100000": quota over period, rounded up; 0 if unlimited. */
static int cgroup_cpus(void)
{
    FILE *f = fopen("/sys/fs/cgroup/cpu.max", "re");
    if (!f) return 0;
    long quota = 0, period = 0;
    const int got = fscanf(f, "%ld %ld", &quota, &period);
    fclose(f);
    return got == 2 && quota > 0 && period > 0 ? (int)((quota + period - 1) / period) : 0;
}

int nap_cpu_count(void)
{
    int n = (int)sysconf(_SC_NPROCESSORS_ONLN);
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) n = CPU_COUNT(&set);
    const int quota = cgroup_cpus();
    if (quota > 0 && quota < n) n = quota;
    if (n < 1) n = 1;
    return n > NAP_MAX_THREADS ? NAP_MAX_THREADS : n;
}
