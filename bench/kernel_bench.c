/* Speed of the matmul rows of the kernel table, beside what this machine can do at most.
 *
 *   kernel_bench [-t THREADS] [-k TEXT] [-f FORMAT] [-r ROWS] [-c COLS] [-n TOKENS] [-R REPS] [-o
 * csv]
 *
 * For every row that this CPU can run, and every format it takes:
 *   decode   one token; the matrix has MIB (128) MiB, more than the caches, so the figure to
 *            compare with is the plain-read ceiling measured here by the same threads
 *   prefill  TOKENS tokens times a ROWS x COLS matrix; beside the peak of the 8-bit dot product
 *            instruction, where there is one
 * Best and median of REPS runs, wall-clock. Weights are random bytes. -k keeps rows whose name
 * contains TEXT. */
#include "base/alloc.h"
#include "base/rng.h"
#include "base/threads.h"
#include "kernel/kernel.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { MAX_REPS = 101 };

typedef struct options {
    int threads, reps;
    const char *kernel, *format;
    size_t rows, cols, tokens, mib;
    bool csv;
} options;

typedef struct timing {
    double best, median; /* seconds */
} timing;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static timing measure(nap_pool *pool, nap_part_fn fn, void *ctx, int reps)
{
    double t[MAX_REPS];
    nap_pool_run(pool, fn, ctx); /* warm: pages, caches, frequency */
    for (int i = 0; i < reps; i++) {
        const double start = now();
        nap_pool_run(pool, fn, ctx);
        t[i] = now() - start;
    }
    qsort(t, (size_t)reps, sizeof t[0], compare);
    return (timing){t[0], t[reps / 2]};
}

/* ------------------------------------------------------------------ ceilings */

typedef struct reading {
    const uint64_t *data;
    size_t words;
    uint64_t sum[NAP_MAX_THREADS];
} reading;

static void read_part(void *ctx, int part, int parts)
{
    reading *r = ctx;
    size_t begin, end;
    nap_split(r->words, 64, part, parts, &begin, &end);
    uint64_t s[16] = {0};
    for (size_t i = begin; i + 16 <= end; i += 16) {
        for (size_t j = 0; j < 16; j++) s[j] ^= r->data[i + j];
    }
    for (size_t j = 1; j < 16; j++) s[0] ^= s[j];
    r->sum[part] = s[0];
}

static double read_ceiling(nap_pool *pool, int reps)
{
    static reading r;
    const size_t bytes = (size_t)512 << 20;
    uint64_t *data = nap_alloc_huge(bytes);
    if (!data) return 0;
    for (size_t i = 0; i < bytes / 8; i += 8) data[i] = i;
    r.data = data;
    r.words = bytes / 8;
    const timing t = measure(pool, read_part, &r, reps);
    nap_free_huge(data, bytes);
    return (double)bytes / t.best;
}

#if defined(__x86_64__)
enum { DOT_REPEAT = 1000000, DOT_CHAINS = 12 };

__attribute__((target("avx512f,avx512vnni"))) static void dot_part(void *ctx, int part, int parts)
{
    (void)ctx, (void)part, (void)parts;
    __m512i a[DOT_CHAINS];
    const __m512i x = _mm512_set1_epi32(0x01020304);
#pragma GCC unroll 12
    for (int i = 0; i < DOT_CHAINS; i++) a[i] = _mm512_set1_epi32(i);
    for (int n = 0; n < DOT_REPEAT; n++) {
#pragma GCC unroll 12
        for (int i = 0; i < DOT_CHAINS; i++) {
            __asm__ volatile("vpdpbusd %1, %1, %0" : "+v"(a[i]) : "v"(x));
        }
    }
}
#endif

/* Multiply-adds per second of the dot product instruction, or 0 where it is not measured. */
static double dot_peak(nap_pool *pool, int reps)
{
#if defined(__x86_64__)
    if (nap_tier_available(NAP_TIER_AVX512)) {
        const timing t = measure(pool, dot_part, NULL, reps);
        return 64.0 * DOT_CHAINS * DOT_REPEAT * nap_pool_size(pool) / t.best;
    }
#endif
    (void)pool, (void)reps;
    return 0;
}

/* ------------------------------------------------------------------ matmul */

typedef struct job {
    nap_matmul_args args;
    nap_matmul_fn fn;
    char *scratch;
} job;

static void job_part(void *ctx, int part, int parts)
{
    const job *j = ctx;
    nap_matmul_args a = j->args;
    nap_split(a.w->rows, NAP_ROW_TILE, part, parts, &a.row_begin, &a.row_end);
    a.scratch = j->scratch + (size_t)part * NAP_MATMUL_SCRATCH;
    if (a.row_begin < a.row_end) j->fn(&a);
}

static bool run_matmul(nap_pool *pool, const nap_kernel *k, nap_matmul_fn fn, const nap_format *f,
                       size_t rows, size_t cols, size_t tokens, int reps, timing *t, size_t *bytes)
{
    bool ok = false;
    nap_rng rng;
    nap_rng_seed(&rng, 1);
    nap_matrix m;
    char *act = NULL;
    float *out = NULL;
    job j = {.fn = fn};
    if (nap_matrix_init(&m, f, rows, cols, k->tier, NULL) != NAP_OK) return false;
    m.kernel = k;
    const size_t act_bytes = nap_act_bytes(k->act, cols);
    m.data = nap_alloc_huge(m.bytes);
    act = nap_alloc_aligned(act_bytes * tokens);
    out = nap_alloc_aligned(rows * tokens * sizeof(float));
    j.scratch = nap_alloc_aligned((size_t)nap_pool_size(pool) * NAP_MATMUL_SCRATCH);
    float *x = nap_alloc(cols * sizeof(float));
    if (!m.data || !act || !out || !j.scratch || !x) goto done;
    uint64_t *words = m.data;
    for (size_t i = 0; i < m.bytes / 8; i++) words[i] = nap_rng_next(&rng);
    for (size_t i = 0; i < cols; i++) x[i] = (float)nap_rng_double(&rng) - 0.5f;
    for (size_t n = 0; n < tokens; n++) {
        if (k->act == NAP_ACT_Q8) {
            nap_kernel_find(NAP_KOP_PREPARE, k->act, NAP_TIER_REF)
                ->fn.prepare(x, cols, act + n * act_bytes);
        } else {
            memcpy(act + n * act_bytes, x, cols * sizeof(float));
        }
    }
    j.args = (nap_matmul_args){.w = &m,
                               .act = act,
                               .act_stride = act_bytes,
                               .tokens = tokens,
                               .out = out,
                               .out_stride = rows};
    *t = measure(pool, job_part, &j, reps);
    *bytes = m.bytes;
    ok = true;
done:
    if (m.data) nap_free_huge(m.data, m.bytes);
    nap_free(act);
    nap_free(out);
    nap_free(j.scratch);
    nap_free(x);
    return ok;
}

static size_t round_to(size_t n, size_t unit)
{
    return (n + unit - 1) / unit * unit;
}

static void report(nap_pool *pool, const options *o, const nap_kernel *k, const nap_format *f,
                   double ceiling, double peak)
{
    const size_t cols = round_to(o->cols, f->block);
    uint64_t row_bytes;
    if (!nap_format_bytes(f, cols, &row_bytes)) return;
    const size_t many = round_to((o->mib << 20) / (size_t)row_bytes, 64);
    timing decode, prefill;
    size_t bytes, ignored;
    if (!run_matmul(pool, k, k->decode, f, many, cols, 1, o->reps, &decode, &bytes) ||
        !run_matmul(pool, k, k->prefill, f, o->rows, cols, o->tokens, o->reps, &prefill,
                    &ignored)) {
        fprintf(stderr, "kernel_bench: %s %s: out of memory\n", k->name, f->name);
        return;
    }
    const double macs = (double)many * (double)cols;
    const double work = (double)o->rows * (double)cols * (double)o->tokens;
    const double gb = (double)bytes / decode.best;
    printf(o->csv
               ? "%s,%s,%d,%.2f,%.2f,%.2f,%.3f,%.1f,%.1f,%.3f\n"
               : "| %-34s | %-6s | %d | %7.2f | %6.2f | %6.2f | %5.2f | %7.1f | %7.1f | %5.2f |\n",
           k->name, f->name, nap_pool_size(pool), macs / decode.best * 1e-9, gb * 1e-9,
           (double)bytes / decode.median * 1e-9, gb / ceiling, work / prefill.best * 1e-9,
           work / prefill.median * 1e-9, peak > 0 ? work / prefill.best / peak : 0);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    options o = {.threads = 1, .reps = 7, .rows = 1024, .cols = 1024, .tokens = 128, .mib = 128};
    for (int c; (c = getopt(argc, argv, "t:k:f:r:c:n:R:m:o:")) != -1;) {
        switch (c) {
        case 't':
            o.threads = atoi(optarg);
            break;
        case 'k':
            o.kernel = optarg;
            break;
        case 'f':
            o.format = optarg;
            break;
        case 'r':
            o.rows = strtoul(optarg, NULL, 10);
            break;
        case 'c':
            o.cols = strtoul(optarg, NULL, 10);
            break;
        case 'n':
            o.tokens = strtoul(optarg, NULL, 10);
            break;
        case 'm':
            o.mib = strtoul(optarg, NULL, 10);
            break;
        case 'R':
            o.reps = atoi(optarg);
            break;
        case 'o':
            o.csv = strcmp(optarg, "csv") == 0;
            break;
        default:
            return 2;
        }
    }
    nap_pool *pool = NULL;
    nap_error e;
    if (o.reps < 1 || o.reps > MAX_REPS || o.rows == 0 || o.cols == 0 || o.tokens == 0) {
        fprintf(stderr, "kernel_bench: reps 1 to %d, sizes above 0\n", (int)MAX_REPS);
        return 2;
    }
    if (nap_pool_create(&pool, o.threads, &e) != NAP_OK) {
        fprintf(stderr, "kernel_bench: %s\n", e.text);
        return 1;
    }
    const double ceiling = read_ceiling(pool, o.reps), peak = dot_peak(pool, o.reps);
    fprintf(stderr, "%s; %d threads; read ceiling %.1f GB/s; 8-bit dot product peak %.0f GMAC/s\n",
            nap_cpu_describe(), nap_pool_size(pool), ceiling * 1e-9, peak * 1e-9);
    fprintf(stderr, "prefill: %zu x %zu, %zu tokens\n", o.rows, o.cols, o.tokens);
    if (o.csv) {
        printf("kernel,format,threads,decode_gmac,decode_gbps,decode_gbps_median,of_ceiling,"
               "prefill_gmac,prefill_gmac_median,of_peak\n");
    } else {
        printf("| kernel | format | threads | decode GMAC/s | GB/s | median | of ceiling | prefill "
               "GMAC/s | median | of peak |\n|---|---|---|---|---|---|---|---|---|---|\n");
    }
    for (size_t i = 0; i < nap_kernel_count(); i++) {
        const nap_kernel *k = nap_kernel_at(i);
        if (k->op != NAP_KOP_MATMUL || !nap_tier_available(k->tier)) continue;
        if (o.kernel && !strstr(k->name, o.kernel)) continue;
        for (size_t n = 0; n < nap_format_count(); n++) {
            const nap_format *f = nap_format_at(n);
            if (o.format && strcmp(o.format, f->name) != 0) continue;
            if (k->layout->accepts(f, round_to(o.cols, f->block))) {
                report(pool, &o, k, f, ceiling, peak);
            }
        }
    }
    nap_pool_destroy(pool);
    return 0;
}
