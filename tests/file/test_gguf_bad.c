/* GGUF, reader, on hand-made bad files, many after the published vulnerabilities of GGUF readers,
 * and memory that runs out: each gives the expected error at the expected byte and leaves nothing
 * behind (the sanitized build of ./check watches that). */
#include "cmocka_all.h"

#include "base/alloc.h"
#include "models.h"
#include "opening.h"

#include <stdio.h>
#include <string.h>

static void number(nap_buf *b, uint64_t v, unsigned width)
{
    for (unsigned i = 0; i < width; i++) nap_buf_putc(b, (char)(v >> 8 * i));
}

static void text(nap_buf *b, const char *s)
{
    number(b, strlen(s), 8);
    nap_buf_puts(b, s);
}

static void head(nap_buf *b, uint64_t tensors, uint64_t keys)
{
    nap_buf_puts(b, "GGUF");
    number(b, 3, 4);
    number(b, tensors, 8);
    number(b, keys, 8);
}

static void key_u32(nap_buf *b, const char *key, uint32_t v)
{
    text(b, key);
    number(b, NAP_GGUF_U32, 4);
    number(b, v, 4);
}

/* A tensor of two dimensions; returns where its dimensions stand. */
static size_t tensor(nap_buf *b, const char *name, uint64_t ne0, uint64_t ne1, uint32_t type,
                     uint64_t offset)
{
    text(b, name);
    number(b, 2, 4);
    const size_t at = b->len;
    number(b, ne0, 8);
    number(b, ne1, 8);
    number(b, type, 4);
    number(b, offset, 8);
    return at;
}

static void data(nap_buf *b, size_t bytes)
{
    while (b->len % 32) nap_buf_putc(b, 0);
    for (size_t i = 0; i < bytes; i++) nap_buf_putc(b, 0);
}

static void refuse(nap_buf *b, nap_status code, uint64_t offset, const char *says)
{
    nap_error e;
    const nap_status status = try_open(b->data ? b->data : "", b->len, &e);
    if (status != code || e.offset != offset || !strstr(e.text, says)) {
        fail_msg("found %s at %llu: %s\nexpected %s at %llu: %s", nap_status_name(status),
                 (unsigned long long)e.offset, e.text, nap_status_name(code),
                 (unsigned long long)offset, says);
    }
    nap_buf_free(b);
}

static void bad_headers(void **state)
{
    (void)state;
    nap_buf b = {0};
    refuse(&b, NAP_ERR_FORMAT, 0, "magic takes 4 bytes, found 0");
    nap_buf_puts(&b, "PK\3\4 a zip file");
    refuse(&b, NAP_ERR_FORMAT, 0, "expected 'GGUF'");
    nap_buf_put(&b, "GGUF\0\0\0\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24);
    refuse(&b, NAP_ERR_UNSUPPORTED, 4, "big-endian GGUF version 3");
    static const uint32_t versions[] = {0, 1, 4, 0x7fffffff, 0xffffffff};
    for (int i = 0; i < 5; i++) {
        nap_buf_puts(&b, "GGUF");
        number(&b, versions[i], 4);
        number(&b, 0, 8);
        number(&b, 0, 8);
        refuse(&b, NAP_ERR_UNSUPPORTED, 4, "expected 2 or 3");
    }
    /* CVE-2024-21836, CVE-2024-23496, CVE-2026-27940: counts whose products wrap. */
    static const uint64_t counts[] = {1,          1u << 31,   1ull << 32, 1ull << 58,
                                      1ull << 61, 1ull << 63, UINT64_MAX};
    for (int i = 0; i < 7; i++) {
        head(&b, counts[i], 0);
        refuse(&b, NAP_ERR_FORMAT, 8, "number of tensors");
        head(&b, 0, counts[i]);
        refuse(&b, NAP_ERR_FORMAT, 16, "number of keys");
    }
}

static void bad_keys(void **state)
{
    (void)state;
    nap_buf b = {0};
    size_t at;
    /* CVE-2024-25664 and the like: string lengths beyond the file, up to the wrap. */
    static const uint64_t lengths[] = {100,        1u << 31,       1ull << 32,
                                       1ull << 63, UINT64_MAX - 7, UINT64_MAX};
    for (int i = 0; i < 6; i++) {
        head(&b, 0, 1);
        number(&b, lengths[i], 8);
        data(&b, 32);
        refuse(&b, NAP_ERR_FORMAT, 24, "length of key");
        head(&b, 0, 1);
        text(&b, "s");
        number(&b, NAP_GGUF_STRING, 4);
        at = b.len;
        number(&b, lengths[i], 8);
        refuse(&b, NAP_ERR_FORMAT, at, "length of string");
    }
    static const char *const names[] = {"",         "a\nb",     "a\x7f",
                                        "\xff\xfe", "\xc0\x80", "\xed\xa0\x80"};
    for (int i = 0; i < 6; i++) {
        head(&b, 0, 1);
        key_u32(&b, names[i], 1);
        data(&b, 32);
        refuse(&b, NAP_ERR_FORMAT, i == 0 ? 24 : 32, i == 0 ? "1 to 65535" : "control characters");
    }
    head(&b, 0, 1);
    number(&b, 3, 8);
    nap_buf_put(&b, "a\0b", 3); /* a NUL inside */
    number(&b, NAP_GGUF_U32, 4);
    number(&b, 1, 4);
    refuse(&b, NAP_ERR_FORMAT, 32, "control characters");
    head(&b, 0, 1);
    number(&b, 65536, 8);
    for (int i = 0; i < 65536; i++) nap_buf_putc(&b, 'a');
    number(&b, NAP_GGUF_U32, 4);
    number(&b, 1, 4);
    refuse(&b, NAP_ERR_FORMAT, 24, "1 to 65535");
    static const uint32_t kinds[] = {13, 14, 0x80000000, 0xffffffff};
    for (int i = 0; i < 4; i++) {
        head(&b, 0, 1);
        text(&b, "k");
        number(&b, kinds[i], 4);
        number(&b, 0, 8);
        refuse(&b, NAP_ERR_FORMAT, 33, "value type");
    }
    for (unsigned v = 2; v < 256; v += 253) {
        head(&b, 0, 1);
        text(&b, "flag");
        number(&b, NAP_GGUF_BOOL, 4);
        number(&b, v, 1);
        refuse(&b, NAP_ERR_FORMAT, 40, "expected 0 or 1");
    }
    head(&b, 0, 2);
    key_u32(&b, "twice", 1);
    at = b.len;
    key_u32(&b, "twice", 1);
    refuse(&b, NAP_ERR_FORMAT, at, "found again");
    /* CVE-2024-32878: fewer keys than the header counts. */
    head(&b, 0, 2);
    key_u32(&b, "a", 1);
    data(&b, 0);
    refuse(&b, NAP_ERR_FORMAT, 41, "length of key 0");
}

static void bad_arrays(void **state)
{
    (void)state;
    nap_buf b = {0};
    /* CVE-2024-21825, CVE-2024-23605, llama.cpp issue 19003: counts whose sizes wrap or that the
     * file cannot hold; no memory may be taken for them. */
    static const uint64_t counts[] = {10,         1u << 31,   1ull << 32, 1ull << 61,
                                      1ull << 62, 1ull << 63, UINT64_MAX};
    static const nap_gguf_kind elems[] = {NAP_GGUF_U8, NAP_GGUF_F64, NAP_GGUF_STRING,
                                          NAP_GGUF_BOOL};
    for (int i = 0; i < 7; i++) {
        for (int k = 0; k < 4; k++) {
            head(&b, 0, 1);
            text(&b, "array");
            number(&b, NAP_GGUF_ARRAY, 4);
            number(&b, elems[k], 4);
            number(&b, counts[i], 8);
            number(&b, 0, 8);
            refuse(&b, NAP_ERR_FORMAT, 45, "array of ");
        }
    }
    /* gguf-py F001: nested arrays and recursion. */
    head(&b, 0, 1);
    text(&b, "nested");
    number(&b, NAP_GGUF_ARRAY, 4);
    for (int i = 0; i < 1000; i++) {
        number(&b, NAP_GGUF_ARRAY, 4);
        number(&b, 1, 8);
    }
    refuse(&b, NAP_ERR_UNSUPPORTED, 42, "array of arrays");
    head(&b, 0, 1);
    text(&b, "array");
    number(&b, NAP_GGUF_ARRAY, 4);
    number(&b, 13, 4);
    number(&b, 1, 8);
    refuse(&b, NAP_ERR_FORMAT, 41, "array element type 13");
    head(&b, 0, 1);
    text(&b, "flags");
    number(&b, NAP_GGUF_ARRAY, 4);
    number(&b, NAP_GGUF_BOOL, 4);
    number(&b, 3, 8);
    number(&b, 0x020100, 3);
    refuse(&b, NAP_ERR_FORMAT, 55, "expected 0 or 1");
    head(&b, 0, 1);
    text(&b, "words");
    number(&b, NAP_GGUF_ARRAY, 4);
    number(&b, NAP_GGUF_STRING, 4);
    number(&b, 2, 8);
    text(&b, "ok");
    number(&b, UINT64_MAX, 8);
    refuse(&b, NAP_ERR_FORMAT, 63, "length of string in array");
}

static void bad_alignment(void **state)
{
    (void)state;
    nap_buf b = {0};
    /* 2^30 made readers allocate or seek without end. */
    static const uint32_t values[] = {0, 3, 33, 1u << 21, 1u << 30, 1u << 31, UINT32_MAX};
    for (int i = 0; i < 7; i++) {
        head(&b, 0, 1);
        key_u32(&b, "general.alignment", values[i]);
        refuse(&b, NAP_ERR_FORMAT, 53, "expected a power of two");
    }
    head(&b, 0, 1);
    text(&b, "general.alignment");
    number(&b, NAP_GGUF_U64, 4);
    number(&b, 32, 8);
    refuse(&b, NAP_ERR_FORMAT, 53, "expected u32");
    head(&b, 1, 1);
    key_u32(&b, "general.alignment", 1u << 20); /* legal, but the data then starts past the end */
    tensor(&b, "t", 8, 1, 0, 0);
    const size_t at = b.len - 8;
    data(&b, 32);
    refuse(&b, NAP_ERR_FORMAT, at, "cut short");
}

static void bad_shapes(void **state)
{
    (void)state;
    nap_buf b = {0};
    const uint32_t f32 = 0, q4_0 = 2, i8 = 24, f64 = 28;
    /* CVE-2024-21802, GHSA-96jg-mvhq-q7q7, CVE-2025-53630, llama.cpp issue 27203: products of
     * dimensions that wrap to something small or negative, and sizes that wrap. */
    static const struct {
        uint64_t ne0, ne1;
        const char *says;
    } shapes[] = {
        {1ull << 32, 1ull << 32, "fewer than 2^64"},
        {1ull << 33, 1ull << 31, "fewer than 2^64"},
        {UINT64_MAX, UINT64_MAX, "fewer than 2^64"},
        {(1ull << 32) + 1, (1ull << 32) - 1, "fewer than 2^64 bytes"},
        {1ull << 31, 1ull << 30, "fewer than 2^64 bytes"},
        {1ull << 61, 1, "fewer than 2^64 bytes"},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        head(&b, 1, 0);
        const size_t at = tensor(&b, "t", shapes[i].ne0, shapes[i].ne1, f64, 0);
        data(&b, 32);
        refuse(&b, NAP_ERR_FORMAT, at, shapes[i].says);
    }
    /* Sizes that fit 64 bits but no file: the sum, the padding or the sign would wrap. */
    static const uint64_t sizes[] = {1ull << 31,      1ull << 32,     1ull << 60, 1ull << 63,
                                     UINT64_MAX - 31, UINT64_MAX - 1, UINT64_MAX};
    for (int i = 0; i < 7; i++) {
        head(&b, 1, 0);
        const size_t at = tensor(&b, "t", sizes[i], 1, i8, 0) + 20;
        data(&b, 64);
        refuse(&b, NAP_ERR_FORMAT, at, "cut short");
    }
    head(&b, 1, 0);
    size_t at = tensor(&b, "t", 0, 1, f32, 0);
    refuse(&b, NAP_ERR_FORMAT, at, "dimension 0 is 0");
    head(&b, 1, 0);
    at = tensor(&b, "t", 4, 0, f32, 0);
    refuse(&b, NAP_ERR_FORMAT, at + 8, "dimension 1 is 0");
    head(&b, 1, 0);
    at = tensor(&b, "t", 33, 1, q4_0, 0);
    data(&b, 64);
    refuse(&b, NAP_ERR_FORMAT, at, "multiple of 32 for type Q4_0");
    static const uint32_t dims[] = {5, 0x7fffffff, 0xffffffff};
    for (int i = 0; i < 3; i++) {
        head(&b, 1, 0);
        text(&b, "t");
        number(&b, dims[i], 4);
        data(&b, 64);
        refuse(&b, NAP_ERR_FORMAT, 33, "expected at most 4");
    }
}

static void bad_types(void **state)
{
    (void)state;
    nap_buf b = {0};
    static const struct {
        uint32_t id;
        const char *says;
    } types[] = {
        {16, "IQ2_XXS"},
        {4, "Q4_2"},
        {15, "Q8_K"},
        {43, "no type known"},
        {0x7fffffff, "no type known"},
        {0xffffffff, "no type known"},
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        head(&b, 1, 0);
        const size_t at = tensor(&b, "t", 256, 1, types[i].id, 0) + 16;
        data(&b, 256);
        refuse(&b, NAP_ERR_UNSUPPORTED, at, types[i].says);
    }
}

static void bad_places(void **state)
{
    (void)state;
    nap_buf b = {0};
    size_t at;
    const uint32_t f32 = 0;
    /* Offsets past the file, or that wrap behind it (CVE-2026-7482 read past the buffer there). */
    static const uint64_t offsets[] = {64, 1ull << 32, 1ull << 63, UINT64_MAX - 31};
    for (int i = 0; i < 4; i++) {
        head(&b, 1, 0);
        at = tensor(&b, "t", 8, 1, f32, offsets[i]) + 20;
        data(&b, 32);
        refuse(&b, NAP_ERR_FORMAT, at, "cut short");
    }
    static const uint64_t odd[] = {1, 8, 31, UINT64_MAX};
    for (int i = 0; i < 4; i++) {
        head(&b, 1, 0);
        at = tensor(&b, "t", 8, 1, f32, odd[i]) + 20;
        data(&b, 64);
        refuse(&b, NAP_ERR_FORMAT, at, "expected a multiple of 32");
    }
    head(&b, 1, 0);
    at = tensor(&b, "t", 8, 1, f32, 0) + 20;
    data(&b, 31); /* one byte short */
    refuse(&b, NAP_ERR_FORMAT, at, "cut short");
    head(&b, 2, 0);
    tensor(&b, "big", 32, 1, f32, 0);
    at = tensor(&b, "inside", 8, 1, f32, 64) + 20;
    data(&b, 256);
    refuse(&b, NAP_ERR_FORMAT, at, "no overlap with 'big'");
    head(&b, 2, 0);
    tensor(&b, "same", 8, 1, f32, 0);
    at = b.len;
    tensor(&b, "same", 8, 1, f32, 32);
    data(&b, 64);
    refuse(&b, NAP_ERR_FORMAT, at, "found again");
    head(&b, 2, 0);
    tensor(&b, "one", 8, 1, f32, 0);
    refuse(&b, NAP_ERR_FORMAT, 67, "length of name takes 8 bytes, found 0");
}

static void split_claims_in_memory(void **state)
{
    (void)state;
    nap_buf b = {0};
    head(&b, 0, 1);
    key_u32(&b, "split.count", 3);
    refuse(&b, NAP_ERR_ARGUMENT, NAP_NO_OFFSET, "part 1 of a model in 3 files");
    head(&b, 0, 1);
    key_u32(&b, "split.count", 1u << 31);
    refuse(&b, NAP_ERR_FORMAT, 47, "split.count");
    head(&b, 0, 1);
    text(&b, "split.count");
    number(&b, NAP_GGUF_STRING, 4);
    text(&b, "two");
    refuse(&b, NAP_ERR_FORMAT, 47, "expected an integer");
}

/* A message says where: the header, an entry by its number until its name is known, then by it. */
static void messages_say_where(void **state)
{
    (void)state;
    nap_buf b = {0};
    nap_buf_puts(&b, "GGUF");
    refuse(&b, NAP_ERR_FORMAT, 4, "bad.gguf: header, byte 4: version takes 4 bytes");
    head(&b, 0, 2);
    key_u32(&b, "first", 1);
    number(&b, 1000, 8);
    data(&b, 32);
    refuse(&b, NAP_ERR_FORMAT, 45, "bad.gguf: key 2 of 2, byte 45: length of key 1000");
    head(&b, 0, 2);
    key_u32(&b, "first", 1);
    text(&b, "second");
    number(&b, 77, 4);
    data(&b, 32);
    refuse(&b, NAP_ERR_FORMAT, 59, "bad.gguf: key 'second', byte 59: value type 77");
    head(&b, 1, 0);
    number(&b, 1000, 8);
    data(&b, 32);
    refuse(&b, NAP_ERR_FORMAT, 24, "bad.gguf: tensor 1 of 1, byte 24: length of name 1000");
    head(&b, 1, 1);
    key_u32(&b, "first", 1);
    const size_t at = tensor(&b, "blk.0.x", 32, 1, 99, 0) + 16;
    data(&b, 32);
    refuse(&b, NAP_ERR_UNSUPPORTED, at, "bad.gguf: tensor 'blk.0.x', byte 80: type 99");
    head(&b, 1, 1);
    key_u32(&b, "general.alignment", 5);
    tensor(&b, "t", 8, 1, 0, 0);
    refuse(&b, NAP_ERR_FORMAT, 53, "bad.gguf: key 'general.alignment', byte 53: alignment 5");
}

/* Names that only sorting tells apart quickly; a quadratic search would take minutes here. */
static void many_alike_names(void **state)
{
    (void)state;
    enum { COUNT = 60000 };
    nap_buf b = {0};
    nap_error e;
    head(&b, COUNT, COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        char name[64];
        snprintf(name, sizeof name, "the.same.long.beginning.of.all.names.%07u", COUNT - i);
        key_u32(&b, name, i);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        char name[64];
        snprintf(name, sizeof name, "the.same.long.beginning.of.all.names.%07u", COUNT - i);
        tensor(&b, name, 8, 1, 0, 32 * (uint64_t)i);
    }
    data(&b, (size_t)32 * COUNT);
    if (try_open(b.data, b.len, &e) != NAP_OK) fail_msg("%s", e.text);
    nap_buf_free(&b);
}

/* However large the tensors are, opening takes memory for the metadata only. */
static void memory_follows_the_metadata(void **state)
{
    (void)state;
    nap_buf b = {0};
    nap_source *s;
    nap_gguf *g;
    nap_error e;
    head(&b, 1, 0);
    tensor(&b, "large", 1 << 22, 1, 24, 0);
    data(&b, 1 << 22);
    nap_alloc_fail_at(-1, false);
    assert_int_equal(nap_source_memory(&s, "large.gguf", b.data, b.len, &e), NAP_OK);
    assert_int_equal(nap_gguf_open_source(&g, s, &e), NAP_OK);
    assert_true(nap_alloc_requested() < 100000);
    nap_gguf_close(g);
    nap_buf_free(&b);
}

/* Every allocation fails in turn, once and for good: a named error, nothing left behind. */
static void memory_runs_out(void **state)
{
    (void)state;
    nap_buf b = small();
    for (int forever = 0; forever < 2; forever++) {
        for (long n = 0;; n++) {
            nap_source *s;
            nap_gguf *g = NULL;
            nap_error e = {0};
            assert_true(n < 1000);
            nap_alloc_fail_at(n, forever);
            nap_status status = nap_source_memory(&s, "good.gguf", b.data, b.len, &e);
            if (status == NAP_OK) status = nap_gguf_open_source(&g, s, &e);
            const long made = nap_alloc_fail_at(-1, false);
            nap_gguf_close(g);
            if (status != NAP_OK) assert_int_equal(status, NAP_ERR_MEMORY);
            if (status == NAP_OK && made <= n) break;
        }
    }
    nap_buf_free(&b);
}

static nap_status write_small_again(const nap_gguf *g, nap_buf *out, nap_error *e)
{
    nap_gguf_writer *w = NULL;
    nap_status status = nap_gguf_writer_create(&w, e);
    if (status == NAP_OK) status = model_copy(w, g, e);
    if (status == NAP_OK) {
        status = nap_gguf_write_memory(w, out, model_copy_data, (void *)(uintptr_t)g, e);
    }
    nap_gguf_writer_destroy(w);
    return status;
}

static void memory_runs_out_while_writing(void **state)
{
    (void)state;
    nap_buf b = small();
    nap_source *s;
    nap_gguf *g;
    nap_error e = {0};
    assert_int_equal(nap_source_memory(&s, "good.gguf", b.data, b.len, &e), NAP_OK);
    assert_int_equal(nap_gguf_open_source(&g, s, &e), NAP_OK);
    for (int forever = 0; forever < 2; forever++) {
        for (long n = 0;; n++) {
            nap_buf out = {0};
            assert_true(n < 1000);
            nap_alloc_fail_at(n, forever);
            const nap_status status = write_small_again(g, &out, &e);
            const long made = nap_alloc_fail_at(-1, false);
            const bool same = out.len == b.len && memcmp(out.data, b.data, b.len) == 0;
            nap_buf_free(&out);
            if (status == NAP_OK) {
                assert_true(same && made <= n);
                break;
            }
            assert_int_equal(status, NAP_ERR_MEMORY);
        }
    }
    nap_gguf_close(g);
    nap_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_headers),
        cmocka_unit_test(bad_keys),
        cmocka_unit_test(bad_arrays),
        cmocka_unit_test(bad_alignment),
        cmocka_unit_test(bad_shapes),
        cmocka_unit_test(bad_types),
        cmocka_unit_test(bad_places),
        cmocka_unit_test(split_claims_in_memory),
        cmocka_unit_test(messages_say_where),
        cmocka_unit_test(many_alike_names),
        cmocka_unit_test(memory_follows_the_metadata),
        cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(memory_runs_out_while_writing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
