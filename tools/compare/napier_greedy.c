/* Greedy continuations with their margins, through the public library: reads lines of token ids
 * from standard input and prints, for each, N times "id:gap", the gap being the logit of the chosen
 * token less that of the runner-up. The twin of llama_logits.c; compare_llama.py compiles it.
 *
 *   napier_greedy MODEL N [fast|float [THREADS]]
 *
 * With N = 0 the last two ids of a line are two candidates for the token that follows the others,
 * and the logit of the first less that of the second is printed. */
#include "napier/napier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONTEXT = 2048 };

static int fail(const nap_error *e)
{
    fprintf(stderr, "napier_greedy: %s\n", e->text);
    return 1;
}

static nap_token best_token(const float *logits, size_t n, float *gap)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++) {
        if (logits[i] > logits[best]) best = i;
    }
    float second = -1e30f;
    for (size_t i = 0; i < n; i++) {
        if (i != best && logits[i] > second) second = logits[i];
    }
    *gap = logits[best] - second;
    return (nap_token)best;
}

static int continue_line(nap_engine *g, const char *line, int n_new)
{
    nap_token tokens[CONTEXT];
    size_t n = 0;
    for (char *end; n < CONTEXT; line = end) {
        const long id = strtol(line, &end, 10);
        if (end == line) break;
        tokens[n++] = (nap_token)id;
    }
    if (n == 0) return 0;
    const bool pair = n_new == 0 && n > 2;
    const nap_token *candidates = tokens + n - 2; /* if it is a pair */
    if (pair) n -= 2;
    nap_session *s;
    nap_error e;
    if (nap_session_create(&s, g, &e) != NAP_OK) return fail(&e);
    nap_status status = nap_session_sync(s, tokens, n, NULL, NULL, &e);
    for (int i = 0; status == NAP_OK && i < n_new; i++) {
        float gap;
        const nap_token t = best_token(nap_session_logits(s), nap_engine_vocab_size(g), &gap);
        printf("%d:%.6f ", (int)t, (double)gap);
        if (i + 1 < n_new) status = nap_session_append(s, t, &e);
    }
    if (pair && status == NAP_OK) {
        const float *logits = nap_session_logits(s);
        printf("%.6f", (double)logits[candidates[0]] - (double)logits[candidates[1]]);
    }
    printf("\n");
    fflush(stdout);
    nap_session_destroy(s);
    return status == NAP_OK ? 0 : fail(&e);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: napier_greedy MODEL N [fast|float [THREADS]]\n");
        return 2;
    }
    nap_model *m;
    nap_engine *g;
    nap_error e;
    nap_engine_options o = nap_engine_defaults();
    o.context = CONTEXT;
    o.path = argc > 3 && strcmp(argv[3], "float") == 0 ? NAP_PATH_FLOAT : NAP_PATH_FAST;
    o.threads = argc > 4 ? atoi(argv[4]) : 0;
    if (nap_model_open(&m, argv[1], &e) != NAP_OK) return fail(&e);
    if (nap_engine_create(&g, m, &o, &e) != NAP_OK) return fail(&e);
    char line[1 << 16];
    int code = 0;
    while (code == 0 && fgets(line, sizeof line, stdin))
        code = continue_line(g, line, atoi(argv[2]));
    nap_engine_destroy(g);
    nap_model_close(m);
    return code;
}
