/* The vocabularies of a llama.cpp tree that come with expected ids (models/<vocab>.gguf.inp and
 * .out), as its test-tokenizer-0 reads them. Skipped where NAPIER_LLAMA_TREE is not set. */
#include "base/buf.h"
#include "cmocka_all.h"
#include "file/gguf.h"
#include "model/vocab.h"
#include "text/vocabs.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool slurp(const char *path, nap_buf *out)
{
    char chunk[4096];
    size_t n;
    FILE *f = fopen(path, "rb");
    if (!f) return false;
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0) nap_buf_put(out, chunk, n);
    fclose(f);
    return true;
}

/* One text against one line of ids; true if equal. */
static bool same(const nap_vocab *v, const char *text, size_t len, const char *line)
{
    nap_token *ids = NULL;
    size_t n = 0, i = 0;
    assert_int_equal(nap_tokenize(v, text, len, 0, &ids, &n, NULL), NAP_OK);
    bool equal = true;
    for (char *end; equal; line = end, i++) {
        const long id = strtol(line, &end, 10);
        if (end == line) break;
        equal = i < n && ids[i] == id;
    }
    nap_tokens_free(ids);
    return equal && i == n;
}

static size_t check_vocab(const char *path, size_t *texts)
{
    static const char marker[] = "\n__ggml_vocab_test__\n";
    char name[1024];
    nap_buf in = {0}, out = {0};
    nap_gguf *g = NULL;
    nap_vocab *v = NULL;
    nap_error e = {0};
    size_t wrong = 0;
    snprintf(name, sizeof name, "%s.inp", path);
    if (!slurp(name, &in)) return 0;
    snprintf(name, sizeof name, "%s.out", path);
    assert_true(slurp(name, &out));
    if (nap_gguf_open(&g, path, &e) != NAP_OK || nap_vocab_from_gguf(&v, g, &e) != NAP_OK) {
        fail_msg("%s", e.text);
    }
    nap_gguf_close(g);
    char *line = out.data;
    for (const char *text = in.data, *end = in.data + in.len; text < end; ++*texts) {
        const char *next = memmem(text, (size_t)(end - text), marker, sizeof marker - 1);
        const size_t len = (size_t)((next ? next : end) - text);
        char *newline = strchr(line, '\n');
        if (newline) *newline = 0;
        if (!same(v, text, len, line)) {
            print_message("%s: \"%.*s\" differs\n", path, (int)len, text);
            wrong++;
        }
        line = newline ? newline + 1 : line + strlen(line);
        text = next ? next + sizeof marker - 1 : end;
    }
    nap_vocab_destroy(v);
    nap_buf_free(&in);
    nap_buf_free(&out);
    return wrong;
}

static void expected_ids_of_the_tree(void **state)
{
    (void)state;
    char pattern[1024];
    glob_t found;
    size_t texts = 0, wrong = 0;
    const char *tree = getenv("NAPIER_LLAMA_TREE");
    if (!tree) {
        print_message("skipped: NAPIER_LLAMA_TREE is not set\n");
        skip();
    }
    snprintf(pattern, sizeof pattern, "%s/models/*.gguf", tree);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) wrong += check_vocab(found.gl_pathv[i], &texts);
    globfree(&found);
    print_message("%zu texts, %zu differ\n", texts, wrong);
    assert_in_range(texts, 1, SIZE_MAX);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(expected_ids_of_the_tree)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
