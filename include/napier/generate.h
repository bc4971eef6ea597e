/* napier/generate.h: choosing tokens, and generating an answer.
 *
 * A sampler is a seeded, deterministic chain: penalties, then top-k, typical, top-p, min-p, then
 * temperature and the draw (llama.cpp's default order). Same logits and seed, same tokens.
 */
#ifndef NAPIER_GENERATE_H
#define NAPIER_GENERATE_H

#include "napier/session.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct nap_sampler_options {
    float temperature;       /* 0: greedy after penalties, ties to the lowest id. Default 0.8 */
    int top_k;               /* 0: off. Default 40 */
    float top_p;             /* 1: off. Default 0.95 */
    float min_p;             /* 0: off. Default 0.05 */
    float typical_p;         /* 1: off (default) */
    float repeat_penalty;    /* 1: off (default) */
    float frequency_penalty; /* 0: off (default) */
    float presence_penalty;  /* 0: off (default) */
    int penalty_last_n;      /* tokens looked back on; -1: all. Default 64 */
    uint64_t seed;           /* Default 0 is a seed like any other: runs repeat unless it changes */
    uint64_t reserved[8];
} nap_sampler_options;
NAP_API nap_sampler_options nap_sampler_defaults(void);

typedef struct nap_sampler nap_sampler;
/* Out-of-range options are NAP_ERR_ARGUMENT and name the option, the value and the range. */
NAP_API nap_status nap_sampler_create(nap_sampler **out, const nap_sampler_options *o,
                                      size_t vocab_size, nap_error *e);
NAP_API void nap_sampler_destroy(nap_sampler *s);
/* Starts again from the seed, with an empty history. */
NAP_API void nap_sampler_reset(nap_sampler *s);
/* Tells the sampler of a token that is part of the text (prompt or generated). */
NAP_API void nap_sampler_accept(nap_sampler *s, nap_token t);
/* Draws from vocab_size logits (not changed). Logits that are all NaN or -inf are an error. */
NAP_API nap_status nap_sampler_draw(nap_sampler *s, const float *logits, nap_token *out,
                                    nap_error *e);

/* The n most likely tokens with log-probabilities of the unchanged distribution (softmax of the
 * raw logits), most likely first, ties by id. */
typedef struct nap_logprob {
    nap_token token;
    float logprob;
} nap_logprob;
NAP_API nap_status nap_top_logprobs(const float *logits, size_t vocab_size, size_t n,
                                    nap_logprob *out, nap_error *e);
/* log softmax(logits)[token]. */
NAP_API float nap_logprob_of(const float *logits, size_t vocab_size, nap_token token);

typedef enum nap_stop_reason {
    NAP_STOP_END = 0,     /* the model ended its answer */
    NAP_STOP_LENGTH = 1,  /* max_tokens reached */
    NAP_STOP_STRING = 2,  /* a stop string appeared (it is not part of the text) */
    NAP_STOP_CONTEXT = 3, /* the context is full */
    NAP_STOP_CANCELLED = 4
} nap_stop_reason;

/* One generated token: its text (whole UTF-8 characters; may be empty while bytes are held back
 * or a stop string may be forming). logprob and top: set if options.logprobs > 0. What is still
 * held back when the answer ends comes in a last piece with the token NAP_TOKEN_NONE. Return false
 * to stop. */
typedef struct nap_piece {
    nap_token token;
    const char *text;
    size_t len;
    float logprob;
    const nap_logprob *top;
    size_t n_top;
} nap_piece;
typedef bool (*nap_piece_fn)(void *user, const nap_piece *piece);

typedef struct nap_generate_options {
    nap_sampler_options sampler;
    size_t max_tokens;       /* 0: until the model ends or the context is full */
    const char *const *stop; /* n_stop stop strings, none empty */
    size_t n_stop;
    size_t logprobs;          /* alternatives reported per token; 0: none */
    bool ignore_end;          /* go on after the model's end token */
    nap_progress_fn progress; /* of the prompt */
    void *progress_user;
    uint64_t reserved[8];
} nap_generate_options;
NAP_API nap_generate_options nap_generate_defaults(void);

typedef struct nap_generate_stats {
    size_t prompt_tokens, cached_tokens, generated_tokens;
    double prompt_seconds, generate_seconds, first_token_seconds;
    nap_stop_reason stop;
} nap_generate_stats;

/* Brings the session to `prompt`, then draws tokens and hands them to `each` (may be NULL) until
 * something stops it. The session afterwards stands at the prompt and all generated tokens; an end
 * token is not one of them. Stopped by `each`: NAP_OK with NAP_STOP_CANCELLED; by `progress`, in
 * the prompt: NAP_ERR_CANCELLED. */
NAP_API nap_status nap_generate(nap_session *s, const nap_token *prompt, size_t n,
                                const nap_generate_options *o, nap_piece_fn each, void *user,
                                nap_generate_stats *stats, nap_error *e);

#ifdef __cplusplus
}
#endif
#endif
