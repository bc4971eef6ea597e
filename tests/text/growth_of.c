/* growth_of VOCAB PRE BYTES KIND: tokenizes so many bytes of a kind of text, once. growth.py runs
 * it under valgrind, which counts the instructions of nap_tokenize. */
#include "base/rng.h"
#include "cmocka_all.h"
#include "text/vocabs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fill(const char *what, char *text, size_t len)
{
    nap_rng r;
    nap_rng_seed(&r, 1);
    for (size_t i = 0; i < len; i++) {
        if (strcmp(what, "random bytes") == 0) {
            text[i] = (char)nap_rng_below(&r, 256);
        } else if (strcmp(what, "random letters") == 0) {
            text[i] = (char)('a' + nap_rng_below(&r, 26));
        } else if (strcmp(what, "random words") == 0) {
            text[i] = "abcdefghijklmnopqrst     .,12\n"[nap_rng_below(&r, 30)];
        } else if (strcmp(what, "special tokens, nearly") == 0) {
            text[i] = "<|im_start|<|endoftext|"[i % 23];
        } else {
            text[i] = what[0];
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 5) return 2;
    nap_vocab *v = vocabs_open(argv[1], argv[2]);
    const size_t len = strtoul(argv[3], NULL, 10);
    char *text = malloc(len);
    nap_token *ids = NULL;
    size_t n = 0;
    if (!text) return 1;
    fill(argv[4], text, len);
    const nap_status s = nap_tokenize(v, text, len, NAP_TOKENIZE_PARSE_SPECIAL, &ids, &n, NULL);
    nap_tokens_free(ids);
    free(text);
    nap_vocab_destroy(v);
    return s == NAP_OK ? 0 : 1;
}
