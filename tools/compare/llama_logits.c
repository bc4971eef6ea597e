/* What libllama computes, for comparison: reads lines of token ids from standard input.
 *
 *   llama_logits MODEL logits OUT    float32 logits of every position of every line, to file OUT
 *   llama_logits MODEL greedy N      after each line, N greedy tokens: "id:gap ..." where gap is
 *                                    the logit of the chosen token less that of the runner-up
 *
 * tools/compare/compare_llama.py compiles and runs it against a llama.cpp tree. F32 KV cache and no
 * flash attention with LLAMA_EXACT set in the environment, llama.cpp's defaults otherwise. */
#include "llama.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONTEXT = 2048 };

static void quiet(enum ggml_log_level level, const char *text, void *user)
{
    (void)user;
    if (level == GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
}

static int best_token(const float *logits, int n, float *gap)
{
    int best = 0;
    for (int i = 1; i < n; i++) {
        if (logits[i] > logits[best]) best = i;
    }
    float second = -1e30f;
    for (int i = 0; i < n; i++) {
        if (i != best && logits[i] > second) second = logits[i];
    }
    *gap = logits[best] - second;
    return best;
}

static int feed(struct llama_context *ctx, const llama_token *tokens, int n, int from, bool all)
{
    struct llama_batch batch = llama_batch_init(n, 0, 1);
    batch.n_tokens = n;
    for (int i = 0; i < n; i++) {
        batch.token[i] = tokens[i];
        batch.pos[i] = from + i;
        batch.n_seq_id[i] = 1;
        batch.seq_id[i][0] = 0;
        batch.logits[i] = all || i == n - 1;
    }
    const int status = llama_decode(ctx, batch);
    llama_batch_free(batch);
    return status;
}

static int run_line(struct llama_context *ctx, int vocab, const llama_token *tokens, int n,
                    FILE *out, int greedy)
{
    llama_memory_clear(llama_get_memory(ctx), true);
    if (feed(ctx, tokens, n, 0, out != NULL) != 0) return 1;
    if (out) {
        for (int i = 0; i < n; i++)
            fwrite(llama_get_logits_ith(ctx, i), sizeof(float), (size_t)vocab, out);
        return 0;
    }
    for (int i = 0; i < greedy; i++) {
        float gap;
        const llama_token t = best_token(llama_get_logits_ith(ctx, -1), vocab, &gap);
        printf("%d:%.6f ", t, (double)gap);
        if (i + 1 < greedy && feed(ctx, &t, 1, n + i, false) != 0) return 1;
    }
    printf("\n");
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: llama_logits MODEL logits OUT | greedy N\n");
        return 2;
    }
    llama_log_set(quiet, NULL);
    struct llama_model *model = llama_model_load_from_file(argv[1], llama_model_default_params());
    if (!model) return 1;
    struct llama_context_params params = llama_context_default_params();
    params.n_ctx = params.n_batch = CONTEXT;
    const char *threads = getenv("LLAMA_THREADS");
    params.n_threads = params.n_threads_batch = threads ? atoi(threads) : 2;
    if (getenv("LLAMA_EXACT")) {
        params.type_k = params.type_v = GGML_TYPE_F32;
        params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    }
    struct llama_context *ctx = llama_init_from_model(model, params);
    if (!ctx) return 1;
    const int vocab = llama_vocab_n_tokens(llama_model_get_vocab(model));
    const bool logits = strcmp(argv[2], "logits") == 0;
    FILE *out = logits ? fopen(argv[3], "wb") : NULL;
    if (logits && !out) return 1;
    char line[1 << 16];
    while (fgets(line, sizeof line, stdin)) {
        llama_token tokens[CONTEXT];
        int n = 0;
        for (char *s = line, *end; n < CONTEXT; s = end) {
            const long id = strtol(s, &end, 10);
            if (end == s) break;
            tokens[n++] = (llama_token)id;
        }
        if (n == 0) continue;
        if (run_line(ctx, vocab, tokens, n, out, atoi(argv[3])) != 0) return 1;
        fflush(stdout);
    }
    if (out) fclose(out);
    llama_free(ctx);
    llama_model_free(model);
    return 0;
}
