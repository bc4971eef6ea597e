/* 01_generate MODEL.gguf PROMPT: continues a text, token by token.
 *
 * The whole way: open the file, make it ready for this machine, start a session, generate. */
#include <napier/napier.h>

#include <stdio.h>
#include <string.h>

/* Called for every token; text is whole UTF-8 characters and may be empty. */
static bool print_piece(void *user, const nap_piece *piece)
{
    (void)user;
    fwrite(piece->text, 1, piece->len, stdout);
    fflush(stdout);
    return true; /* false would stop the answer */
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: %s MODEL.gguf PROMPT\n", argv[0]);
        return 2;
    }
    nap_error err = {0};
    nap_model *model = NULL;
    nap_engine *engine = NULL;
    nap_session *session = NULL;
    nap_token *tokens = NULL;
    size_t n = 0;

    /* Opening reads the metadata; the engine reads the weights and packs them for this CPU. */
    nap_status status = nap_model_open(&model, argv[1], &err);
    const nap_vocab *vocab = status == NAP_OK ? nap_model_vocab(model, &err) : NULL;
    if (vocab == NULL) goto done;
    status = nap_engine_create(&engine, model, NULL, &err);
    if (status != NAP_OK) goto done;
    status = nap_session_create(&session, engine, &err);
    if (status != NAP_OK) goto done;

    /* ADD_SPECIAL puts the beginning token first where the vocabulary wants one. */
    status =
        nap_tokenize(vocab, argv[2], strlen(argv[2]), NAP_TOKENIZE_ADD_SPECIAL, &tokens, &n, &err);
    if (status != NAP_OK) goto done;

    nap_generate_options options = nap_generate_defaults();
    options.sampler.temperature = 0; /* greedy: the same answer every time */
    options.max_tokens = 40;
    printf("%s", argv[2]);
    status = nap_generate(session, tokens, n, &options, print_piece, NULL, NULL, &err);
    printf("\n");

done:
    if (err.code != NAP_OK) fprintf(stderr, "%s\n", err.text);
    nap_tokens_free(tokens);
    nap_session_destroy(session);
    nap_engine_destroy(engine);
    nap_model_close(model);
    return err.code != NAP_OK;
}
