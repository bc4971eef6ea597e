/* 10 MB of one letter, which every merge can join, are encoded and come back. */
#include "cmocka_all.h"
#include "text/vocabs.h"

#include <stdlib.h>
#include <string.h>

static void ten_megabytes_of_one_letter(void **state)
{
    (void)state;
    static const char *const vocabs[] = {"bpe.gguf", "gemma4.gguf", "spm.gguf", "unigram.gguf",
                                         "wordpiece.gguf"};
    const size_t len = 10000000;
    char *text = malloc(len);
    assert_non_null(text);
    memset(text, 'a', len);
    for (size_t i = 0; i < sizeof vocabs / sizeof vocabs[0]; i++) {
        nap_vocab *v = vocabs_open(vocabs[i], NULL);
        nap_token *ids = NULL;
        char *back = NULL;
        size_t n = 0, back_len = 0;
        assert_int_equal(nap_tokenize(v, text, len, 0, &ids, &n, NULL), NAP_OK);
        assert_int_equal(nap_detokenize(v, ids, n, 0, &back, &back_len, NULL), NAP_OK);
        assert_int_equal(back_len, len);
        assert_memory_equal(back, text, len);
        nap_text_free(back);
        nap_tokens_free(ids);
        nap_vocab_destroy(v);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ten_megabytes_of_one_letter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
