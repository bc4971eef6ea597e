/* 03_logits MODEL.gguf TEXT: how likely was every token of a text?
 *
 * Advances two sessions in one step, which is what a server does with many users: the second holds
 * the text without its last token. Prints the log-probability of each token given those before it,
 * and the three likeliest continuations of the shorter text. */
#include <napier/napier.h>

#include <stdio.h>
#include <string.h>

typedef struct scoring {
    const nap_vocab *vocab;
    const nap_token *tokens;
    size_t n, vocab_size;
} scoring;

static void print_token(const nap_vocab *vocab, nap_token t)
{
    char *text = NULL;
    size_t len = 0;
    if (nap_detokenize(vocab, &t, 1, NAP_DETOKENIZE_SPECIAL, &text, &len, NULL) == NAP_OK)
        printf("'%.*s'", (int)len, text);
    nap_text_free(text);
}

/* Logits after the token at `index` are about the token at index + 1. */
static bool on_logits(void *user, size_t item, size_t index, const float *logits)
{
    const scoring *s = user;
    if (item != 0 || index + 1 >= s->n) return true;
    const nap_token next = s->tokens[index + 1];
    printf("%8.4f  ", (double)nap_logprob_of(logits, s->vocab_size, next));
    print_token(s->vocab, next);
    printf("\n");
    return true;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: %s MODEL.gguf TEXT\n", argv[0]);
        return 2;
    }
    nap_error err = {0};
    nap_model *model = NULL;
    nap_engine *engine = NULL;
    nap_session *whole = NULL, *shorter = NULL;
    nap_token *tokens = NULL;
    scoring s = {0};

    nap_status status = nap_model_open(&model, argv[1], &err);
    if (status == NAP_OK) {
        s.vocab = nap_model_vocab(model, &err);
        status = s.vocab != NULL ? NAP_OK : err.code;
    }
    if (status == NAP_OK) status = nap_engine_create(&engine, model, NULL, &err);
    if (status == NAP_OK) status = nap_session_create(&whole, engine, &err);
    if (status == NAP_OK) status = nap_session_create(&shorter, engine, &err);
    if (status == NAP_OK)
        status = nap_tokenize(s.vocab, argv[2], strlen(argv[2]), NAP_TOKENIZE_ADD_SPECIAL, &tokens,
                              &s.n, &err);
    if (status == NAP_OK && s.n < 2) {
        fprintf(stderr, "the text needs two tokens at least\n");
        status = NAP_ERR_ARGUMENT;
    } else if (status == NAP_OK) {
        s.tokens = tokens;
        s.vocab_size = nap_engine_vocab_size(engine);
        const nap_step_item items[] = {
            {.session = whole, .tokens = tokens, .n = s.n, .all_logits = true},
            {.session = shorter, .tokens = tokens, .n = s.n - 1},
        };
        status = nap_engine_step(engine, items, 2, on_logits, &s, &err);
        nap_logprob top[3];
        if (status == NAP_OK)
            status = nap_top_logprobs(nap_session_logits(shorter), s.vocab_size, 3, top, &err);
        if (status == NAP_OK) printf("\nlikeliest in the last place:\n");
        for (int i = 0; i < 3 && status == NAP_OK; i++) {
            printf("%8.4f  ", (double)top[i].logprob);
            print_token(s.vocab, top[i].token);
            printf("\n");
        }
    }
    if (err.code != NAP_OK) fprintf(stderr, "%s\n", err.text);
    nap_tokens_free(tokens);
    nap_session_destroy(shorter);
    nap_session_destroy(whole);
    nap_engine_destroy(engine);
    nap_model_close(model);
    return status != NAP_OK;
}
