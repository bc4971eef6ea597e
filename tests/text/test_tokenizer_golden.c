/* Ids of the recorded texts against llama.cpp's: every kind, every pre-tokenizer name. See
 * tools/record_tokenizer_goldens.py. */
#include "cmocka_all.h"
#include "text/vocabs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TEXTS 1000

static struct {
    unsigned flags;
    char *bytes;
    size_t len;
} texts[MAX_TEXTS];
static size_t n_texts;

static int load_texts(void **state)
{
    (void)state;
    char path[1024], line[16384];
    vocabs_path(path, sizeof path, "texts.hex");
    FILE *f = fopen(path, "r");
    if (!f) return -1;
    while (n_texts < MAX_TEXTS && fgets(line, sizeof line, f)) {
        int skip = 0;
        sscanf(line, "%u %n", &texts[n_texts].flags, &skip);
        const char *hex = line + skip;
        const size_t len = strcspn(hex, "\n") / 2;
        char *bytes = malloc(len + 1);
        for (size_t i = 0; i < len; i++) {
            const char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
            bytes[i] = (char)strtoul(pair, NULL, 16);
        }
        texts[n_texts].bytes = bytes;
        texts[n_texts++].len = len;
    }
    fclose(f);
    return n_texts > 200 ? 0 : -1;
}

static int free_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_texts; i++) free(texts[i].bytes);
    return 0;
}

static uint64_t sum(const nap_token *ids, size_t n)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++) {
        for (int shift = 0; shift < 32; shift += 8) {
            h = (h ^ ((uint32_t)ids[i] >> shift & 0xff)) * 0x100000001b3u;
        }
    }
    return h;
}

static size_t check(const nap_vocab *v, const char *title, size_t i, uint64_t expected)
{
    nap_token *ids = NULL;
    size_t n = 0;
    assert_int_equal(nap_tokenize(v, texts[i].bytes, texts[i].len, texts[i].flags, &ids, &n, NULL),
                     NAP_OK);
    const bool same = sum(ids, n) == expected;
    if (!same) {
        print_message("%s text %zu (flags %u) \"%.*s\": ids", title, i, texts[i].flags,
                      (int)texts[i].len, texts[i].bytes);
        for (size_t k = 0; k < n; k++) print_message(" %d", ids[k]);
        print_message("\n");
    }
    nap_tokens_free(ids);
    return !same;
}

static void ids_equal_the_recorded_ones(void **state)
{
    (void)state;
    char path[1024], line[256], title[256] = "", name[64] = "", pre[64] = "";
    size_t text = 0, sections = 0, wrong = 0;
    nap_vocab *v = NULL;
    vocabs_path(path, sizeof path, "goldens.txt");
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        if (sscanf(line, "[%63s %63[^]]]", name, pre) == 2) {
            if (v) assert_int_equal(text, n_texts);
            nap_vocab_destroy(v);
            v = vocabs_open(name, pre);
            snprintf(title, sizeof title, "%s %s", name, pre);
            if (strcmp(pre, "-") != 0) assert_string_equal(nap_vocab_pre(v), pre);
            text = 0;
            sections++;
        } else {
            assert_in_range(text, 0, n_texts - 1);
            wrong += check(v, title, text++, strtoull(line, NULL, 16));
        }
    }
    fclose(f);
    nap_vocab_destroy(v);
    assert_int_equal(text, n_texts);
    assert_in_range(sections, 94, 200);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ids_equal_the_recorded_ones)};
    return cmocka_run_group_tests(tests, load_texts, free_texts);
}
