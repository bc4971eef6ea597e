/* Vocabularies for the tokenizer tests: read from a GGUF with another pre-tokenizer's name, or
 * made from a few strings. */
#ifndef NAP_TESTS_TEXT_VOCABS_H
#define NAP_TESTS_TEXT_VOCABS_H

#include "text/vocab.h"

/* Folder of the recorded vocabularies; from the environment that CMake sets for tests. */
void vocabs_path(char *out, size_t size, const char *name);

/* Opens tests/text/data/<name>; `pre` replaces tokenizer.ggml.pre unless NULL or "-". Fails the
 * test on error. */
nap_vocab *vocabs_open(const char *name, const char *pre);

/* A byte-level BPE vocabulary of the 256 bytes, three tokens and one merge ("a b"): "ab" is 256,
 * "<s>" (control) 257, "<u>" (user-defined) 258, "<|im_end|>" (typed normal) 259. */
typedef struct vocabs_tiny {
    nap_vocab_desc desc;
    nap_text tokens[260];
    char bytes[256][4];
    int32_t types[260];
    float scores[260];
    nap_text merges[1];
} vocabs_tiny;
void vocabs_tiny_init(vocabs_tiny *t);

#endif
