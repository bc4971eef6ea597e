/* peer_ids VOCAB.gguf: the same records in and out as ids_of, answered by llama.cpp's library.
 * Not part of the build: tools/compare_tokenizers.py compiles it against a llama.cpp tree. */
#include "llama.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void quiet(enum ggml_log_level level, const char *text, void *user)
{
    (void)level;
    (void)text;
    (void)user;
}

int main(int argc, char **argv)
{
    if (argc != 2) return 2;
    llama_log_set(quiet, NULL);
    struct llama_model_params params = llama_model_default_params();
    params.vocab_only = true;
    struct llama_model *model = llama_model_load_from_file(argv[1], params);
    if (!model) {
        fprintf(stderr, "%s: llama.cpp cannot load it\n", argv[1]);
        return 1;
    }
    const struct llama_vocab *vocab = llama_model_get_vocab(model);
    char *text = NULL;
    llama_token *ids = NULL;
    uint32_t head[2];
    while (fread(head, sizeof head, 1, stdin) == 1) {
        const int32_t room = (int32_t)head[1] * 2 + 16;
        text = realloc(text, head[1] + 1u);
        ids = realloc(ids, (size_t)room * sizeof *ids);
        if (!text || !ids || fread(text, 1, head[1], stdin) != head[1]) return 1;
        const int32_t n = llama_tokenize(vocab, text, (int32_t)head[1], ids, room,
                                         (head[0] & 1) != 0, (head[0] & 2) != 0);
        const uint32_t count = n < 0 ? 0 : (uint32_t)n;
        fwrite(&count, sizeof count, 1, stdout);
        fwrite(ids, sizeof *ids, count, stdout);
    }
    return 0;
}
