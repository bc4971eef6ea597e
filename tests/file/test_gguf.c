/* GGUF, reader and writer, on good files: against gguf-py's, against each other, split files and
 * typed look-ups. */
#include "cmocka_all.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "file/gguf_write.h"
#include "models.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *data_folder;

static char *slurp(const char *name, size_t *len)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", data_folder, name);
    FILE *f = fopen(path, "rb");
    if (!f) fail_msg("%s: cannot open", path);
    nap_buf b = {0};
    char piece[4096];
    for (size_t n; (n = fread(piece, 1, sizeof piece, f)) > 0;) nap_buf_put(&b, piece, n);
    fclose(f);
    return nap_buf_take(&b, len);
}

static nap_gguf *open_bytes(const void *bytes, size_t len)
{
    nap_source *s;
    nap_gguf *g;
    nap_error e;
    assert_int_equal(nap_source_memory(&s, "memory.gguf", bytes, len, &e), NAP_OK);
    if (nap_gguf_open_source(&g, s, &e) != NAP_OK) fail_msg("%s", e.text);
    return g;
}

/* Reads a file and writes it again: the bytes must be the same. */
static void assert_rewrites(const void *bytes, size_t len)
{
    nap_error e;
    nap_gguf_writer *w;
    nap_buf out = {0};
    nap_gguf *g = open_bytes(bytes, len);
    assert_int_equal(nap_gguf_writer_create(&w, &e), NAP_OK);
    if (model_copy(w, g, &e) != NAP_OK) fail_msg("%s", e.text);
    if (nap_gguf_write_memory(w, &out, model_copy_data, g, &e) != NAP_OK) fail_msg("%s", e.text);
    assert_int_equal(out.len, len);
    assert_memory_equal(out.data, bytes, len);
    nap_buf_free(&out);
    nap_gguf_writer_destroy(w);
    nap_gguf_close(g);
}

static void files_of_gguf_py_come_back_unchanged(void **state)
{
    (void)state;
    static const char *const names[] = {"every_kind.gguf", "no_tensors.gguf"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t len;
        char *bytes = slurp(names[i], &len);
        assert_rewrites(bytes, len);
        free(bytes);
    }
}

static void random_models_come_back_unchanged(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 300; seed++) {
        nap_error e;
        nap_gguf_writer *w;
        nap_buf out = {0};
        assert_int_equal(nap_gguf_writer_create(&w, &e), NAP_OK);
        if (model_random(w, seed, &e) != NAP_OK) fail_msg("%s", e.text);
        assert_int_equal(nap_gguf_write_memory(w, &out, model_data, NULL, &e), NAP_OK);
        assert_rewrites(out.data, out.len);
        nap_buf_free(&out);
        nap_gguf_writer_destroy(w);
    }
}

static void values_of_gguf_py(void **state)
{
    (void)state;
    size_t len, n;
    char *bytes = slurp("every_kind.gguf", &len);
    nap_gguf *g = open_bytes(bytes, len);
    nap_error e;
    uint32_t u;
    float f;
    bool b;
    const char *s;
    int64_t i;
    double d;
    assert_int_equal(nap_gguf_version(g), 3);
    assert_int_equal(nap_gguf_splits(g), 1);
    assert_int_equal(nap_gguf_file_bytes(g), len);
    assert_int_equal(nap_gguf_string(g, "general.architecture", &s, &n, &e), NAP_OK);
    assert_true(n == 6 && memcmp(s, "golden", 6) == 0);
    assert_int_equal(nap_gguf_u32(g, "k.u8", &u, &e), NAP_OK);
    assert_int_equal(u, 255);
    assert_int_equal(nap_gguf_u32(g, "k.u32", &u, &e), NAP_OK);
    assert_int_equal(u, UINT32_MAX);
    assert_int_equal(nap_gguf_f32(g, "k.f32", &f, &e), NAP_OK);
    assert_true(f == 1.5f);
    assert_int_equal(nap_gguf_f32(g, "k.f64", &f, &e), NAP_OK);
    assert_true(f == -0.1f);
    assert_int_equal(nap_gguf_f32(g, "k.i8", &f, &e), NAP_OK);
    assert_true(f == -128);
    assert_int_equal(nap_gguf_bool(g, "k.true", &b, &e), NAP_OK);
    assert_true(b);
    assert_int_equal(nap_gguf_bool(g, "k.false", &b, &e), NAP_OK);
    assert_false(b);
    assert_true(nap_gguf_elem_i64(nap_gguf_find(g, "k.i64"), 0, &i) && i == INT64_MIN);
    assert_true(nap_gguf_elem_i64(nap_gguf_find(g, "k.i16"), 0, &i) && i == -32768);
    assert_true(nap_gguf_elem_i64(nap_gguf_find(g, "k.ints"), 1, &i) && i == -2);
    assert_false(nap_gguf_elem_i64(nap_gguf_find(g, "k.ints"), 3, &i));
    assert_false(nap_gguf_elem_i64(nap_gguf_find(g, "k.u64"), 0, &i));
    assert_true(nap_gguf_elem_f64(nap_gguf_find(g, "k.u64"), 0, &d) && d == 0x1p64);
    assert_true(nap_gguf_elem_f64(nap_gguf_find(g, "k.floats"), 1, &d) && d == -0.25);

    static const char *const expected[3] = {"a", "", "\xc3\xa9"};
    const nap_gguf_kv *kv = nap_gguf_find(g, "k.strings");
    uint64_t pos = 0;
    assert_int_equal(kv->count, 3);
    for (size_t k = 0; k < 3; k++) {
        assert_true(nap_gguf_next_string(kv, &pos, &s, &n));
        assert_true(n == strlen(expected[k]) && memcmp(s, expected[k], n) == 0);
    }
    assert_false(nap_gguf_next_string(kv, &pos, &s, &n));

    const nap_tensor *t = nap_gguf_tensor(g, "c");
    assert_non_null(t);
    assert_int_equal(t->n_dims, 4);
    assert_true(t->ne[0] == 2 && t->ne[1] == 2 && t->ne[2] == 3 && t->ne[3] == 2);
    assert_string_equal(t->format->name, "I32");
    int32_t last;
    assert_int_equal(nap_gguf_read(g, t, 92, &last, 4, &e), NAP_OK);
    assert_int_equal(last, 23);
    assert_int_equal(nap_gguf_read(g, t, 93, &last, 4, &e), NAP_ERR_ARGUMENT);
    assert_null(nap_gguf_tensor(g, "nothing"));
    nap_gguf_close(g);
    free(bytes);
}

static void lookups_name_the_key(void **state)
{
    (void)state;
    size_t len, n;
    char *bytes = slurp("every_kind.gguf", &len);
    nap_gguf *g = open_bytes(bytes, len);
    nap_error e;
    uint32_t u;
    float f;
    bool b;
    const char *s;
    assert_int_equal(nap_gguf_u32(g, "k.none", &u, &e), NAP_ERR_NOT_FOUND);
    assert_non_null(strstr(e.text, "k.none"));
    assert_non_null(strstr(e.text, "memory.gguf"));
    assert_int_equal(nap_gguf_u32(g, "k.i8", &u, &e), NAP_ERR_FORMAT);
    assert_non_null(strstr(e.text, "value -128"));
    assert_int_equal(nap_gguf_u32(g, "k.u64", &u, &e), NAP_ERR_FORMAT);
    assert_int_equal(nap_gguf_u32(g, "k.f32", &u, &e), NAP_ERR_FORMAT);
    assert_int_equal(nap_gguf_u32(g, "k.ints", &u, &e), NAP_ERR_FORMAT);
    assert_non_null(strstr(e.text, "array of i32"));
    assert_int_equal(nap_gguf_f32(g, "k.true", &f, &e), NAP_ERR_FORMAT);
    assert_int_equal(nap_gguf_bool(g, "k.u8", &b, &e), NAP_ERR_FORMAT);
    assert_int_equal(nap_gguf_string(g, "k.u8", &s, &n, &e), NAP_ERR_FORMAT);
    assert_int_equal(nap_gguf_string(g, "k.strings", &s, &n, &e), NAP_ERR_FORMAT);
    assert_int_equal(nap_gguf_u32_or(g, "k.none", 7, &u, &e), NAP_OK);
    assert_int_equal(u, 7);
    assert_int_equal(nap_gguf_u32_or(g, "k.string", 7, &u, &e), NAP_ERR_FORMAT);
    assert_int_equal(nap_gguf_f32_or(g, "k.none", 2, &f, &e), NAP_OK);
    assert_true(f == 2);
    assert_int_equal(nap_gguf_bool_or(g, "k.none", true, &b, &e), NAP_OK);
    assert_true(b);
    nap_gguf_close(g);
    free(bytes);
}

static void writer_refuses_what_the_reader_would(void **state)
{
    (void)state;
    nap_error e;
    nap_gguf_writer *w;
    nap_buf out = {0};
    const uint8_t two = 2;
    const uint64_t odd[1] = {33}, zero[1] = {0}, huge[2] = {UINT64_C(1) << 40, UINT64_C(1) << 40};
    const nap_format *q4 = nap_format_by_name("Q4_0"), *f32 = nap_format_by_name("F32");
    assert_int_equal(nap_gguf_writer_create(&w, &e), NAP_OK);
    assert_int_equal(nap_gguf_put_u32(w, "", 1, &e), NAP_ERR_ARGUMENT);
    assert_int_equal(nap_gguf_put_u32(w, "a\nb", 1, &e), NAP_ERR_ARGUMENT);
    assert_int_equal(nap_gguf_put_u32(w, "\xff", 1, &e), NAP_ERR_ARGUMENT);
    assert_int_equal(nap_gguf_put_u32(w, "general.alignment", 3, &e), NAP_ERR_ARGUMENT);
    assert_int_equal(nap_gguf_put_array(w, "b", NAP_GGUF_BOOL, &two, 1, &e), NAP_ERR_ARGUMENT);
    assert_int_equal(nap_gguf_put_array(w, "b", NAP_GGUF_ARRAY, &two, 1, &e), NAP_ERR_ARGUMENT);
    assert_int_equal(nap_gguf_put_array(w, "b", NAP_GGUF_U64, &two, UINT64_C(1) << 61, &e),
                     NAP_ERR_ARGUMENT);
    assert_int_equal(nap_gguf_put_tensor(w, "t", q4, 1, odd, &e), NAP_ERR_ARGUMENT);
    assert_int_equal(nap_gguf_put_tensor(w, "t", f32, 1, zero, &e), NAP_ERR_ARGUMENT);
    assert_int_equal(nap_gguf_put_tensor(w, "t", f32, 2, huge, &e), NAP_ERR_ARGUMENT);
    assert_int_equal(nap_gguf_put_tensor(w, "t", f32, 5, huge, &e), NAP_ERR_ARGUMENT);
    assert_int_equal(nap_gguf_put_u32(w, "a", 1, &e), NAP_OK);
    assert_int_equal(nap_gguf_put_u32(w, "b", 1, &e), NAP_OK);
    assert_int_equal(nap_gguf_put_u32(w, "a", 2, &e), NAP_OK);
    assert_int_equal(nap_gguf_write_memory(w, &out, model_data, NULL, &e), NAP_ERR_ARGUMENT);
    assert_non_null(strstr(e.text, "'a'"));
    assert_int_equal(nap_gguf_write(w, "never-written.gguf", model_data, NULL, &e),
                     NAP_ERR_ARGUMENT);
    assert_int_not_equal(access("never-written.gguf", F_OK), 0);
    nap_buf_free(&out);
    nap_gguf_writer_destroy(w);
}

/* Values far larger than the reader's window of 64 KiB, first small ones, then one at a leap. */
static void long_values_cross_the_window(void **state)
{
    (void)state;
    enum { LONG = 1000000, WORDS = 30000 };
    nap_error e;
    nap_gguf_writer *w;
    nap_buf out = {0};
    const char *s, **words = malloc(WORDS * sizeof *words);
    char *text = malloc(LONG);
    size_t n;
    uint64_t pos = 0;
    assert_true(words && text);
    for (size_t i = 0; i < LONG; i++) text[i] = (char)(i * 7 + i / 1000);
    for (size_t i = 0; i < WORDS; i++) words[i] = i % 3 ? "one" : "twelve";
    assert_int_equal(nap_gguf_writer_create(&w, &e), NAP_OK);
    assert_int_equal(nap_gguf_put_string(w, "long", text, LONG, &e), NAP_OK);
    assert_int_equal(nap_gguf_put_strings(w, "words", words, WORDS, &e), NAP_OK);
    assert_int_equal(nap_gguf_put_u32(w, "last", 5, &e), NAP_OK);
    assert_int_equal(nap_gguf_write_memory(w, &out, model_data, NULL, &e), NAP_OK);
    nap_gguf *g = open_bytes(out.data, out.len);
    assert_int_equal(nap_gguf_string(g, "long", &s, &n, &e), NAP_OK);
    assert_int_equal(n, LONG);
    assert_memory_equal(s, text, LONG);
    const nap_gguf_kv *kv = nap_gguf_find(g, "words");
    for (size_t i = 0; i < WORDS; i++) {
        assert_true(nap_gguf_next_string(kv, &pos, &s, &n));
        assert_true(n == strlen(words[i]) && memcmp(s, words[i], n) == 0);
    }
    nap_gguf_close(g);
    nap_buf_free(&out);
    nap_gguf_writer_destroy(w);
    free(words);
    free(text);
}

static void numbers_that_do_not_fit(void **state)
{
    (void)state;
    nap_error e;
    nap_gguf_writer *w;
    nap_buf out = {0};
    const double large = 1e300, infinite = INFINITY;
    const uint64_t ne[1] = {UINT64_MAX};
    const nap_gguf_kv kvs[2] = {{.key = "large",
                                 .kind = NAP_GGUF_F64,
                                 .elem = NAP_GGUF_F64,
                                 .count = 1,
                                 .data = (const uint8_t *)&large,
                                 .size = 8},
                                {.key = "infinite",
                                 .kind = NAP_GGUF_F64,
                                 .elem = NAP_GGUF_F64,
                                 .count = 1,
                                 .data = (const uint8_t *)&infinite,
                                 .size = 8}};
    float f;
    assert_int_equal(nap_gguf_writer_create(&w, &e), NAP_OK);
    for (int i = 0; i < 2; i++) assert_int_equal(nap_gguf_put(w, &kvs[i], &e), NAP_OK);
    assert_int_equal(nap_gguf_put_tensor(w, "t", nap_format_by_name("I8"), 1, ne, &e),
                     NAP_ERR_ARGUMENT);
    assert_non_null(strstr(e.text, "beyond 2^64"));
    assert_int_equal(nap_gguf_write_memory(w, &out, model_data, NULL, &e), NAP_OK);
    nap_gguf *g = open_bytes(out.data, out.len);
    assert_int_equal(nap_gguf_f32(g, "large", &f, &e), NAP_ERR_FORMAT);
    assert_int_equal(nap_gguf_f32(g, "infinite", &f, &e), NAP_OK);
    assert_true(isinf(f));
    nap_gguf_close(g);
    nap_buf_free(&out);
    nap_gguf_writer_destroy(w);
}

/* Part `no` of `count`, with one tensor "t<no>" (or `name`), at <stem>-0000N-of-0000M.gguf. */
static void write_part(const char *stem, unsigned no, unsigned count, unsigned claimed_no,
                       unsigned tensors, const char *name)
{
    nap_error e;
    nap_gguf_writer *w;
    char path[256], own[16];
    const uint64_t ne[1] = {4 + no};
    snprintf(path, sizeof path, "%s-%05u-of-%05u.gguf", stem, no + 1, count);
    snprintf(own, sizeof own, "t%u", no);
    assert_int_equal(nap_gguf_writer_create(&w, &e), NAP_OK);
    assert_int_equal(nap_gguf_put_u32(w, "split.no", claimed_no, &e), NAP_OK);
    assert_int_equal(nap_gguf_put_u32(w, "split.count", count, &e), NAP_OK);
    assert_int_equal(nap_gguf_put_u32(w, "split.tensors.count", tensors, &e), NAP_OK);
    assert_int_equal(
        nap_gguf_put_tensor(w, name ? name : own, nap_format_by_name("F32"), 1, ne, &e), NAP_OK);
    if (nap_gguf_write(w, path, model_data, NULL, &e) != NAP_OK) fail_msg("%s", e.text);
    nap_gguf_writer_destroy(w);
}

static void split_files_open_as_one(void **state)
{
    (void)state;
    char folder[] = "napier-split-XXXXXX", stem[64], first[128], path[128];
    nap_error e;
    nap_gguf *g;
    assert_non_null(mkdtemp(folder));
    snprintf(stem, sizeof stem, "%s/m", folder);
    snprintf(first, sizeof first, "%s-00001-of-00003.gguf", stem);
    for (unsigned i = 0; i < 3; i++) write_part(stem, i, 3, i, 3, NULL);
    if (nap_gguf_open(&g, first, &e) != NAP_OK) fail_msg("%s", e.text);
    assert_int_equal(nap_gguf_splits(g), 3);
    assert_int_equal(nap_gguf_tensor_count(g), 3);
    const nap_tensor *t = nap_gguf_tensor(g, "t2");
    uint8_t bytes[24];
    assert_int_equal(t->split, 2);
    assert_int_equal(nap_gguf_read(g, t, 0, bytes, sizeof bytes, &e), NAP_OK);
    assert_int_equal(bytes[23], (uint8_t)(37 + 23 * 11));
    nap_gguf_close(g);

    for (long fail_at = 0;; fail_at++) { /* memory runs out at each allocation in turn */
        assert_true(fail_at < 1000);
        nap_alloc_fail_at(fail_at, false);
        const nap_status status = nap_gguf_open(&g, first, &e);
        const long made = nap_alloc_fail_at(-1, false);
        nap_gguf_close(g);
        if (status == NAP_OK && made <= fail_at) break;
        if (status != NAP_OK) assert_int_equal(status, NAP_ERR_MEMORY);
    }

    snprintf(path, sizeof path, "%s-00002-of-00003.gguf", stem);
    assert_int_equal(nap_gguf_open(&g, path, &e), NAP_ERR_ARGUMENT); /* not the first part */
    write_part(stem, 1, 3, 1, 3, "t0");                              /* a name twice */
    assert_int_equal(nap_gguf_open(&g, first, &e), NAP_ERR_FORMAT);
    assert_non_null(strstr(e.text, "found again"));
    write_part(stem, 1, 3, 2, 3, NULL); /* another number than its name */
    assert_int_equal(nap_gguf_open(&g, first, &e), NAP_ERR_FORMAT);
    assert_non_null(strstr(e.text, "split.no"));
    write_part(stem, 1, 3, 1, 3, NULL);
    write_part(stem, 0, 3, 0, 4, NULL); /* another number of tensors in all */
    assert_int_equal(nap_gguf_open(&g, first, &e), NAP_ERR_FORMAT);
    assert_non_null(strstr(e.text, "split.tensors.count"));
    assert_int_equal(remove(path), 0); /* a part is missing */
    assert_int_equal(nap_gguf_open(&g, first, &e), NAP_ERR_NOT_FOUND);
    assert_non_null(strstr(e.text, "00002-of-00003"));
    snprintf(path, sizeof path, "%s/renamed.gguf", folder);
    assert_int_equal(rename(first, path), 0);
    assert_int_equal(nap_gguf_open(&g, path, &e), NAP_ERR_ARGUMENT);
    assert_non_null(strstr(e.text, "-00001-of-00003.gguf"));
    assert_int_equal(remove(path), 0);
    snprintf(path, sizeof path, "%s-00003-of-00003.gguf", stem);
    assert_int_equal(remove(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(int argc, char **argv)
{
    if (argc != 2) return 2;
    data_folder = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_gguf_py_come_back_unchanged),
        cmocka_unit_test(random_models_come_back_unchanged),
        cmocka_unit_test(values_of_gguf_py),
        cmocka_unit_test(lookups_name_the_key),
        cmocka_unit_test(writer_refuses_what_the_reader_would),
        cmocka_unit_test(long_values_cross_the_window),
        cmocka_unit_test(numbers_that_do_not_fit),
        cmocka_unit_test(split_files_open_as_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
