#include "text/vocabs.h"

#include "cmocka_all.h"
#include "file/gguf.h"
#include "model/vocab.h"
#include "text/vocab_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void vocabs_path(char *out, size_t size, const char *name)
{
    const char *root = getenv("NAPIER_SOURCE_DIR");
    snprintf(out, size, "%s/tests/text/data/%s", root ? root : ".", name);
}

/* The file's bytes with another tokenizer.ggml.pre, in a temporary file. */
static void rewrite_pre(const char *from, const char *pre, char *to, size_t size)
{
    static const char key[] = "tokenizer.ggml.pre";
    FILE *f = fopen(from, "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    const size_t len = (size_t)ftell(f);
    char *data = malloc(len);
    rewind(f);
    assert_int_equal(fread(data, 1, len, f), len);
    fclose(f);
    char *at = memmem(data, len, key, sizeof key - 1);
    assert_non_null(at);
    at += sizeof key - 1 + 4; /* behind the value's kind: u64 length, text */
    uint64_t old, fresh = strlen(pre);
    memcpy(&old, at, 8);
    snprintf(to, size, "/tmp/napier-vocab-XXXXXX");
    f = fdopen(mkstemp(to), "wb");
    assert_non_null(f);
    fwrite(data, 1, (size_t)(at - data), f);
    fwrite(&fresh, 8, 1, f);
    fwrite(pre, 1, fresh, f);
    fwrite(at + 8 + old, 1, len - (size_t)(at + 8 + old - data), f);
    fclose(f);
    free(data);
}

nap_vocab *vocabs_open(const char *name, const char *pre)
{
    char path[1024], changed[64] = "";
    nap_error e = {0};
    nap_gguf *g = NULL;
    nap_vocab *v = NULL;
    vocabs_path(path, sizeof path, name);
    const bool change = pre && strcmp(pre, "-") != 0;
    if (change) rewrite_pre(path, pre, changed, sizeof changed);
    if (nap_gguf_open(&g, change ? changed : path, &e) != NAP_OK ||
        nap_vocab_from_gguf(&v, g, &e) != NAP_OK) {
        fail_msg("%s", e.text);
    }
    nap_gguf_close(g);
    if (change) remove(changed);
    return v;
}

void vocabs_tiny_init(vocabs_tiny *t)
{
    static const char *const more[] = {"ab", "<s>", "<u>", "<|im_end|>"};
    nap_vocab_desc_init(&t->desc);
    for (int b = 0; b < 256; b++) {
        t->tokens[b].data = t->bytes[b];
        t->tokens[b].len = nap_utf8_encode(nap_byte_char((uint8_t)b), t->bytes[b]);
        t->types[b] = NAP_TOKEN_NORMAL;
    }
    for (int i = 0; i < 4; i++) {
        t->tokens[256 + i] = (nap_text){more[i], strlen(more[i])};
        t->types[256 + i] = NAP_TOKEN_NORMAL;
    }
    t->types[257] = NAP_TOKEN_CONTROL;
    t->types[258] = NAP_TOKEN_USER_DEFINED;
    for (int i = 0; i < 260; i++) t->scores[i] = 0.0f;
    t->merges[0] = (nap_text){"a b", 3};
    t->desc.model = "gpt2";
    t->desc.pre = "gpt-2";
    t->desc.n_tokens = 260;
    t->desc.tokens = t->tokens;
    t->desc.types = t->types;
    t->desc.scores = t->scores;
    t->desc.n_merges = 1;
    t->desc.merges = t->merges;
    t->desc.bos = 257;
    t->desc.eos = 257;
}
