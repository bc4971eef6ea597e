/* napier/measure.h: quality and speed, measured the way the field does.
 */
#ifndef NAPIER_MEASURE_H
#define NAPIER_MEASURE_H

#include "napier/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- perplexity and KL divergence, with the windows of llama-perplexity: the text is tokenized
 * once, cut into chunks of `context` tokens, the first token of each replaced by BOS if the
 * vocabulary adds one, and positions from context/2 on are scored. */
enum { NAP_EVAL_CONTEXT = 512 };

typedef struct nap_eval_options {
    size_t context;           /* 0, the default: the base logits', else NAP_EVAL_CONTEXT */
    size_t chunks;            /* 0: all */
    const char *save_logits;  /* write a --kl-divergence-base file; NULL: no */
    const char *base_logits;  /* compare with such a file; NULL: no. Tokens then come from it */
    nap_progress_fn progress; /* chunks */
    /* After each chunk: running perplexity. May be NULL. */
    void (*each)(void *user, size_t chunk, size_t chunks, double perplexity);
    void *user;
    uint64_t reserved[8];
} nap_eval_options;
NAP_API nap_eval_options nap_eval_defaults(void);

typedef struct nap_eval_result {
    size_t tokens, scored, chunks;
    double perplexity, stderr_; /* the standard error of perplexity, as llama-perplexity prints */
    /* against base logits: */
    bool compared;
    double base_perplexity;
    double kl_mean, kl_stderr, kl_median, kl_99, kl_max;
    double top1; /* share of positions with the same most likely token, 0..1 */
    double seconds;
} nap_eval_result;

/* With base_logits `text` may be NULL; a text that is given must begin with the tokens that the
 * file holds, and a context that is given must be the file's. The file written may not be the one
 * compared with. */
NAP_API nap_status nap_eval(nap_engine *g, const char *text, size_t len, const nap_eval_options *o,
                            nap_eval_result *out, nap_error *e);

/* ---- speed, with the tests of llama-bench */
typedef struct nap_bench_options {
    size_t prompt, gen, depth; /* pp<prompt> or tg<gen> at a depth; one of prompt, gen is zero */
    size_t repeats;            /* default 5 */
    nap_progress_fn progress;
    void *user;
} nap_bench_options;

typedef struct nap_bench_result {
    size_t n_prompt, n_gen, n_depth, n_samples;
    int threads;
    double samples_ts[64]; /* tokens per second of each repeat */
    double avg_ts, stddev_ts, median_ts, min_ts, max_ts;
    /* of the weights, from nap_engine_bytes_per_token; generation only */
    double gb_per_second;
} nap_bench_result;
NAP_API nap_status nap_bench(nap_engine *g, const nap_bench_options *o, nap_bench_result *out,
                             nap_error *e);

/* Memory bandwidth, GB/s (1e9), median of several passes over `bytes` (0: 512 MiB) with `threads`
 * threads: read (sum), copy and triad as in STREAM (McCalpin), counting the bytes the program
 * names (copy 2, triad 3). */
typedef struct nap_bandwidth {
    double read, copy, triad;
} nap_bandwidth;
NAP_API nap_status nap_measure_bandwidth(int threads, size_t bytes, nap_bandwidth *out,
                                         nap_error *e);
/* Peak resident memory of this process in bytes, 0 if unknown. */
NAP_API uint64_t nap_peak_memory(void);

#ifdef __cplusplus
}
#endif
#endif
