/* napier/session.h: running a model.
 *
 * An engine is a model made ready for this machine: packed weights, threads, KV-cache pages. A
 * session is one timeline of tokens on an engine. The caller always says which whole prefix the
 * session should stand at (nap_session_sync); the session decides what to reuse, extend or drop.
 * Several sessions can advance in one step (nap_engine_step), which is what a server does.
 * One thread at a time may use an engine and its sessions.
 *
 * Exactness: the same model, tokens and options give the same logits, bit for bit, at any thread
 * count, batch, chunk and on every instruction set, for a given kind of path.
 */
#ifndef NAPIER_SESSION_H
#define NAPIER_SESSION_H

#include "napier/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct nap_engine nap_engine;
typedef struct nap_session nap_session;

typedef enum nap_path {
    NAP_PATH_FAST = 0, /* packed weights, int8 activations, f16 KV cache */
    NAP_PATH_FLOAT = 1 /* the specification: scalar float, weights decoded to float, f32 KV; slow */
} nap_path;

/* How the fast path rounds activations to int8 before a product. */
typedef enum nap_rounding {
    NAP_ROUNDING_FINE = 0, /* a scale per 32 elements, in float */
    NAP_ROUNDING_GGML = 1  /* as llama.cpp does on a CPU: a scale per 256 elements for weights in
                              blocks of 256 (Q2_K ... IQ4_XS), else a binary16 scale per 32. Loses
                              more; for comparisons with llama.cpp, no faster */
} nap_rounding;

typedef struct nap_engine_options {
    int threads;     /* 0: one per available core */
    const char *cpu; /* tier to use: NULL or "auto", or "ref", "avx2", "avx512" ... */
    nap_path path;
    nap_rounding rounding; /* the float path rounds nothing */
    size_t context;      /* tokens one session may hold; 0: the model's, or less if memory is short
                            (then the log says so) */
    size_t batch;        /* tokens computed together at most; 0: 512 */
    uint64_t max_memory; /* bytes; 0: what the machine has available now */
    nap_progress_fn progress; /* during load; may be NULL */
    void *progress_user;
    uint64_t reserved[8]; /* zero */
} nap_engine_options;
NAP_API nap_engine_options nap_engine_defaults(void);

/* Reads and packs the weights. The model must outlive the engine. What would not fit into memory
 * is refused before anything is read, with the numbers and a suggestion. */
NAP_API nap_status nap_engine_create(nap_engine **out, const nap_model *m,
                                     const nap_engine_options *o, nap_error *e);
NAP_API void nap_engine_destroy(nap_engine *g);
NAP_API const nap_model *nap_engine_model(const nap_engine *g);
NAP_API int nap_engine_threads(const nap_engine *g);
NAP_API size_t nap_engine_context(const nap_engine *g);
NAP_API size_t nap_engine_vocab_size(const nap_engine *g);
NAP_API const char *nap_engine_cpu(const nap_engine *g); /* tier in use */
/* Bytes of weights read from memory to decode one token (packed form, head included). */
NAP_API uint64_t nap_engine_bytes_per_token(const nap_engine *g);

/* One line per distinct (operator, format, shape class): which kernel serves it and why. */
typedef struct nap_kernel_choice {
    const char *op;     /* "matmul", "attention" ... */
    const char *format; /* weight format, or "" */
    const char *kernel; /* kernel row's name */
    const char *phase;  /* "decode", "prefill", "both" */
    const char *why;
    size_t uses; /* operators of the graph it serves; 0 when listed without a model */
} nap_kernel_choice;
NAP_API size_t nap_engine_kernel_count(const nap_engine *g);
NAP_API nap_kernel_choice nap_engine_kernel(const nap_engine *g, size_t i);
/* The whole table, without a model: what this build has and whether this machine can run it. */
typedef struct nap_kernel_row {
    const char *name, *op, *tier, *layout, *act, *note;
    bool available;
} nap_kernel_row;
NAP_API size_t nap_kernel_row_count(void);
NAP_API nap_kernel_row nap_kernel_row_at(size_t i);

NAP_API nap_status nap_session_create(nap_session **out, nap_engine *g, nap_error *e);
NAP_API void nap_session_destroy(nap_session *s);
/* A new session that stands where `s` stands; pages of the KV cache are shared, copied on write. */
NAP_API nap_status nap_session_fork(nap_session **out, nap_session *s, nap_error *e);

/* Makes the session stand at exactly these tokens: the common prefix with what it holds is kept,
 * the rest is computed; afterwards nap_session_logits is about the token that follows the last.
 * More tokens than the context: NAP_ERR_CONTEXT with both numbers, nothing changed. An id outside
 * the vocabulary: NAP_ERR_ARGUMENT. Progress counts tokens; cancelling keeps what was computed. */
NAP_API nap_status nap_session_sync(nap_session *s, const nap_token *tokens, size_t n,
                                    nap_progress_fn progress, void *user, nap_error *e);
/* Appends one token (the decode step). */
NAP_API nap_status nap_session_append(nap_session *s, nap_token t, nap_error *e);
NAP_API size_t nap_session_length(const nap_session *s);
NAP_API const nap_token *nap_session_tokens(const nap_session *s);
/* vocab_size floats about the next token, valid until the session changes; NULL before any. */
NAP_API const float *nap_session_logits(const nap_session *s);

/* The step itself: several sessions at once. Each item appends n tokens to its session. With
 * `all_logits`, logits of every position are given to `each` as they are ready, in order. */
typedef struct nap_step_item {
    nap_session *session;
    const nap_token *tokens;
    size_t n;
    bool all_logits;
} nap_step_item;
typedef bool (*nap_logits_fn)(void *user, size_t item, size_t index, const float *logits);
NAP_API nap_status nap_engine_step(nap_engine *g, const nap_step_item *items, size_t n_items,
                                   nap_logits_fn each, void *user, nap_error *e);

#ifdef __cplusplus
}
#endif
#endif
