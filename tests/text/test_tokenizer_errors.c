/* Vocabularies are untrusted: each malformed one is refused with a message that names the key, and
 * any allocation may fail. */
#include "base/alloc.h"
#include "cmocka_all.h"
#include "text/pretok.h"
#include "text/vocabs.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void refused(const nap_vocab_desc *d, nap_status status, const char *says)
{
    nap_vocab *v = NULL;
    nap_error e = {0};
    const nap_status got = nap_vocab_create(&v, d, &e);
    if (got != status || !strstr(e.text, says)) {
        fail_msg("status %d, \"%s\"; expected %d and \"%s\"", got, e.text, status, says);
    }
}

static void models_and_pre_tokenizers(void **state)
{
    (void)state;
    vocabs_tiny t;
    vocabs_tiny_init(&t);
    t.desc.model = "rwkv";
    refused(&t.desc, NAP_ERR_UNSUPPORTED, "tokenizer.ggml.model: \"rwkv\" is not known; known are");
    t.desc.model = "";
    refused(&t.desc, NAP_ERR_UNSUPPORTED, "tokenizer.ggml.model: \"\"");
    t.desc.model = "gpt2";
    t.desc.pre = "klingon";
    refused(&t.desc, NAP_ERR_UNSUPPORTED,
            "tokenizer.ggml.pre: \"klingon\" is not known; known are");
    refused(&t.desc, NAP_ERR_UNSUPPORTED, "more (docs/tokenizers.md)");
    t.desc.pre = "";
    nap_vocab *v = NULL;
    assert_int_equal(nap_vocab_create(&v, &t.desc, NULL), NAP_OK);
    assert_string_equal(nap_vocab_pre(v), "default");
    nap_vocab_destroy(v);
}

static void pre_tokenizer_names_are_unique(void **state)
{
    (void)state;
    size_t n = 0;
    for (; nap_pretok_at(n); n++) {
        assert_ptr_equal(nap_pretok_find(nap_pretok_at(n)->name), nap_pretok_at(n));
        assert_true(nap_pretok_at(n)->n_steps > 0);
    }
    assert_int_equal(n, 91);
    assert_null(nap_pretok_find("no such name"));
}

static void tokens(void **state)
{
    (void)state;
    vocabs_tiny t;
    vocabs_tiny_init(&t);
    t.desc.n_tokens = 0;
    refused(&t.desc, NAP_ERR_FORMAT, "tokenizer.ggml.tokens: 0 tokens");
    vocabs_tiny_init(&t);
    t.tokens[258] = t.tokens[256];
    refused(&t.desc, NAP_ERR_FORMAT,
            "tokenizer.ggml.tokens[258]: \"ab\" is there already, as "
            "token 256");
    vocabs_tiny_init(&t);
    t.types[3] = 7;
    refused(&t.desc, NAP_ERR_FORMAT, "tokenizer.ggml.token_type[3]: 7");
    t.types[3] = -1;
    refused(&t.desc, NAP_ERR_FORMAT, "tokenizer.ggml.token_type[3]: -1");
    vocabs_tiny_init(&t);
    t.scores[9] = NAN;
    refused(&t.desc, NAP_ERR_FORMAT, "tokenizer.ggml.scores[9]");
    t.scores[9] = INFINITY;
    refused(&t.desc, NAP_ERR_FORMAT, "tokenizer.ggml.scores[9]");
}

static void byte_tokens(void **state)
{
    (void)state;
    static const char *const bad[] = {"<0x-1>", "<0x1>", "<0x123>", "<0xG0>",
                                      "<0x 1>", "0x41",  "<0X41>",  "<0x41"};
    vocabs_tiny t;
    vocabs_tiny_init(&t);
    t.types[256] = NAP_TOKEN_BYTE;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        t.tokens[256] = (nap_text){bad[i], strlen(bad[i])};
        refused(&t.desc, NAP_ERR_FORMAT, "is of type byte, expected <0x00> to <0xFF>");
    }
    t.tokens[256] = (nap_text){"<0x41>", 6};
    nap_vocab *v = NULL;
    assert_int_equal(nap_vocab_create(&v, &t.desc, NULL), NAP_OK);
    nap_vocab_destroy(v);
}

static void merges(void **state)
{
    (void)state;
    static const char *const bad[] = {"", " ", "ab", "a ", " a", "  "};
    vocabs_tiny t;
    vocabs_tiny_init(&t);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        t.merges[0] = (nap_text){bad[i], strlen(bad[i])};
        refused(&t.desc, NAP_ERR_FORMAT, "tokenizer.ggml.merges[0]: ");
    }
}

static void special_ids(void **state)
{
    (void)state;
    vocabs_tiny t;
    vocabs_tiny_init(&t);
    t.desc.bos = 260;
    refused(&t.desc, NAP_ERR_FORMAT, "tokenizer.ggml.bos_token_id: 260, expected 0 to 259");
    t.desc.bos = -2;
    refused(&t.desc, NAP_ERR_FORMAT, "tokenizer.ggml.bos_token_id: -2");
    vocabs_tiny_init(&t);
    t.desc.fim_pad = UINT32_MAX;
    refused(&t.desc, NAP_ERR_FORMAT, "tokenizer.ggml.fim_pad_token_id: 4294967295");
    vocabs_tiny_init(&t);
    t.desc.model = "gemma4";
    t.desc.eos = -1;
    t.desc.add_eos = 1;
    refused(&t.desc, NAP_ERR_FORMAT, "tokenizer.ggml.add_eos_token is true");
    vocabs_tiny_init(&t);
    t.desc.n_tokens = 50; /* the kind's unknown token, 100, is not there */
    t.desc.bos = t.desc.eos = -1;
    t.desc.model = "bert";
    refused(&t.desc, NAP_ERR_FORMAT, "tokenizer.ggml.unknown_token_id: absent");
    t.desc.n_tokens = 2;
    t.desc.model = "t5";
    refused(&t.desc, NAP_ERR_FORMAT, "tokenizer.ggml.unknown_token_id: absent");
}

static void character_maps(void **state)
{
    (void)state;
    vocabs_tiny t;
    vocabs_tiny_init(&t);
    uint8_t map[64] = {0};
    t.desc.model = "t5";
    t.desc.charsmap = map;
    t.desc.charsmap_len = 3;
    refused(&t.desc, NAP_ERR_FORMAT, "tokenizer.ggml.precompiled_charsmap: 3 bytes");
    map[0] = 60;
    t.desc.charsmap_len = 64;
    refused(&t.desc, NAP_ERR_FORMAT, "tokenizer.ggml.precompiled_charsmap: 64 bytes");
    map[0] = 0xff;
    map[3] = 0xff;
    refused(&t.desc, NAP_ERR_FORMAT, "tokenizer.ggml.precompiled_charsmap");
    map[0] = 40;
    map[3] = 0;
    map[63] = 'x';
    refused(&t.desc, NAP_ERR_FORMAT, "does not end with a zero byte");
    /* Units that lead out of the array are no entries. */
    map[63] = 0;
    memset(map + 4, 0xff, 40);
    nap_vocab *v = NULL;
    nap_token *ids = NULL;
    size_t n;
    assert_int_equal(nap_vocab_create(&v, &t.desc, NULL), NAP_OK);
    assert_int_equal(nap_tokenize(v, "ab\xff\0c", 5, 0, &ids, &n, NULL), NAP_OK);
    nap_tokens_free(ids);
    nap_vocab_destroy(v);
}

/* Empty token texts exist in the wild; they get a name. */
static void empty_tokens(void **state)
{
    (void)state;
    vocabs_tiny t;
    nap_vocab *v = NULL;
    vocabs_tiny_init(&t);
    t.tokens[258].len = t.tokens[259].len = 0;
    assert_int_equal(nap_vocab_create(&v, &t.desc, NULL), NAP_OK);
    assert_string_equal(nap_vocab_text(v, 258, NULL), "[EMPTY_258]");
    nap_vocab_destroy(v);
}

/* Create, encode, decode: with the n-th allocation failing, for each n, nothing leaks. */
static void every_allocation_may_fail(void **state)
{
    (void)state;
    static const char *const kinds[] = {"gpt2", "gemma4", "llama", "t5", "bert"};
    static const char text[] = "ab <u>x \xe4\xb8\xad ab\n\n<s>";
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        vocabs_tiny t;
        vocabs_tiny_init(&t);
        t.desc.model = kinds[k];
        t.desc.unk = 5;
        bool done = false;
        for (long n = 0; !done; n++) {
            nap_vocab *v = NULL;
            nap_token *ids = NULL;
            char *back = NULL;
            nap_detok *d = NULL;
            const char *piece;
            size_t count = 0, len;
            nap_error e;
            assert_true(n < 2000);
            nap_alloc_fail_at(n, false);
            nap_status s = nap_vocab_create(&v, &t.desc, &e);
            if (s == NAP_OK) {
                s = nap_tokenize(v, text, sizeof text - 1, NAP_TOKENIZE_PARSE_SPECIAL, &ids, &count,
                                 &e);
            }
            if (s == NAP_OK) s = nap_detokenize(v, ids, count, 0, &back, &len, &e);
            if (s == NAP_OK) s = nap_detok_create(&d, v, 0, &e);
            for (size_t i = 0; s == NAP_OK && i < count; i++) {
                s = nap_detok_push(d, ids[i], &piece, &len, &e);
            }
            nap_alloc_fail_at(-1, false);
            assert_true(s == NAP_OK || s == NAP_ERR_MEMORY);
            done = s == NAP_OK;
            nap_detok_destroy(d);
            nap_text_free(back);
            nap_tokens_free(ids);
            nap_vocab_destroy(v);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_and_pre_tokenizers),
        cmocka_unit_test(pre_tokenizer_names_are_unique),
        cmocka_unit_test(tokens),
        cmocka_unit_test(byte_tokens),
        cmocka_unit_test(merges),
        cmocka_unit_test(special_ids),
        cmocka_unit_test(character_maps),
        cmocka_unit_test(empty_tokens),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
