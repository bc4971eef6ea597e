/* Time must grow in proportion to the text: for each kind of vocabulary and each kind of text,
 * twice the bytes take at most 2.3 times as long (in instructions, or the best CPU time of three
 * runs). And 10 MB of one letter come back. */
#include "base/rng.h"
#include "cmocka_all.h"
#include "text/vocabs.h"

#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BYTES ((size_t)2 << 20)

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

/* User-space instructions so far, where the machine counts them: they do not depend on what else
 * it does. -1 if not; then CPU time has to do. */
static int counter = -1;

static double cost_now(void)
{
    uint64_t count;
    struct timespec t;
    if (counter >= 0 && read(counter, &count, sizeof count) == sizeof count) return (double)count;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int open_counter(void **state)
{
    (void)state;
    struct perf_event_attr a = {.type = PERF_TYPE_HARDWARE,
                                .size = sizeof a,
                                .config = PERF_COUNT_HW_INSTRUCTIONS,
                                .exclude_kernel = 1,
                                .exclude_hv = 1};
    counter = (int)syscall(SYS_perf_event_open, &a, 0, -1, -1, 0);
    return 0;
}

static double cost(const nap_vocab *v, const char *text, size_t len)
{
    double best = 1e300;
    for (int k = 0; k < (counter >= 0 ? 1 : 3); k++) {
        nap_token *ids = NULL;
        size_t n;
        const double before = cost_now();
        assert_int_equal(nap_tokenize(v, text, len, NAP_TOKENIZE_PARSE_SPECIAL, &ids, &n, NULL),
                         NAP_OK);
        const double t = cost_now() - before;
        nap_tokens_free(ids);
        if (t < best) best = t;
    }
    return best;
}

static void twice_the_text_twice_the_time(void **state)
{
    (void)state;
    static const char *const vocabs[][2] = {{"bpe.gguf", "gpt-2"},   {"bpe.gguf", "llama-bpe"},
                                            {"bpe.gguf", "jais-2"},  {"bpe.gguf", "deepseek-llm"},
                                            {"bpe.gguf", "default"}, {"gemma4.gguf", "-"},
                                            {"spm.gguf", "-"},       {"unigram.gguf", "-"},
                                            {"wordpiece.gguf", "-"}};
    static const char *const kinds[] = {"a",
                                        " ",
                                        "\n",
                                        "1",
                                        "random bytes",
                                        "random letters",
                                        "random words",
                                        "special tokens, nearly"};
    char *text = malloc(2 * BYTES);
    size_t slow = 0;
    assert_non_null(text);
    for (size_t i = 0; i < sizeof vocabs / sizeof vocabs[0]; i++) {
        nap_vocab *v = vocabs_open(vocabs[i][0], vocabs[i][1]);
        for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
            fill(kinds[k], text, 2 * BYTES);
            const double one = cost(v, text, BYTES), two = cost(v, text, 2 * BYTES);
            print_message("%-14s %-12s %-24s %.3g, %.3g, ratio %.2f\n", vocabs[i][0], vocabs[i][1],
                          kinds[k][0] == '\n' ? "\\n" : kinds[k], one, two, two / one);
            slow += two > 2.3 * one;
        }
        nap_vocab_destroy(v);
    }
    free(text);
    assert_int_equal(slow, 0);
}

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
    const struct CMUnitTest tests[] = {cmocka_unit_test(ten_megabytes_of_one_letter),
                                       cmocka_unit_test(twice_the_text_twice_the_time)};
    return cmocka_run_group_tests(tests, open_counter, NULL);
}
