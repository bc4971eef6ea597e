/* safetensors, reader: a good file, every prefix and byte of it changed, and hand-made bad headers,
 * each with a named error at a byte of the file. */
#include "cmocka_all.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "file/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char good_header[] =
    "{\"__metadata__\":{\"format\":\"pt\"},"
    "\"b\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[8,20]},"
    "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
    "\"none\":{\"dtype\":\"F16\",\"shape\":[0,4],\"data_offsets\":[20,20]},"
    "\"flag\":{\"dtype\":\"BOOL\",\"shape\":[],\"data_offsets\":[20,21]}}";
enum { GOOD_DATA = 21 };

/* A file from header text and `data` bytes counting up from 0. */
static nap_buf make(const char *header, size_t header_len, uint64_t claimed, size_t data)
{
    nap_buf b = {0};
    for (int i = 0; i < 8; i++) nap_buf_putc(&b, (char)(claimed >> 8 * i));
    nap_buf_put(&b, header, header_len);
    for (size_t i = 0; i < data; i++) nap_buf_putc(&b, (char)i);
    return b;
}

static nap_status try_open(const void *bytes, size_t len, nap_safetensors **out, nap_error *e)
{
    nap_source *s;
    memset(e, 0, sizeof *e);
    assert_int_equal(nap_source_memory(&s, "bad.safetensors", bytes, len, e), NAP_OK);
    const nap_status status = nap_safetensors_open_source(out, s, e);
    if (status != NAP_OK) {
        assert_null(*out);
        assert_int_equal(e->code, status);
        assert_non_null(strstr(e->text, "bad.safetensors"));
        const bool named = status == NAP_ERR_FORMAT || status == NAP_ERR_UNSUPPORTED;
        if (!named || e->offset > len) {
            fail_msg("%s at %llu: %s", nap_status_name(status), (unsigned long long)e->offset,
                     e->text);
        }
    }
    return status;
}

static void reads_a_good_file(void **state)
{
    (void)state;
    nap_buf b = make(good_header, sizeof good_header - 1, sizeof good_header - 1, GOOD_DATA);
    nap_safetensors *f;
    nap_error e;
    uint8_t bytes[12];
    if (try_open(b.data, b.len, &f, &e) != NAP_OK) fail_msg("%s", e.text);
    assert_int_equal(nap_safetensors_count(f), 4);
    assert_string_equal(nap_safetensors_at(f, 0)->name, "a");
    assert_string_equal(nap_safetensors_at(f, 3)->name, "flag");
    assert_null(nap_safetensors_at(f, 4));
    const nap_safe_tensor *t = nap_safetensors_find(f, "b");
    assert_string_equal(t->dtype, "BF16");
    assert_ptr_equal(t->format, nap_format_by_name("BF16"));
    assert_true(t->n_dims == 2 && t->ne[0] == 3 && t->ne[1] == 2 && t->ne[2] == 1);
    assert_int_equal(t->bytes, 12);
    assert_int_equal(nap_safetensors_read(f, t, 0, bytes, 12, &e), NAP_OK);
    assert_true(bytes[0] == 8 && bytes[11] == 19);
    assert_int_equal(nap_safetensors_read(f, t, 1, bytes, 12, &e), NAP_ERR_ARGUMENT);
    assert_null(nap_safetensors_find(f, "flag")->format);
    assert_int_equal(nap_safetensors_find(f, "none")->bytes, 0);
    assert_null(nap_safetensors_find(f, "c"));
    assert_string_equal(nap_safetensors_meta(f, "format"), "pt");
    assert_null(nap_safetensors_meta(f, "other"));
    nap_safetensors_close(f);
    nap_buf_free(&b);
}

static void every_prefix_and_changed_byte(void **state)
{
    (void)state;
    nap_buf b = make(good_header, sizeof good_header - 1, sizeof good_header - 1, GOOD_DATA);
    nap_safetensors *f;
    nap_error e;
    for (size_t n = 0; n < b.len; n++) {
        char *exact = malloc(n ? n : 1);
        assert_non_null(exact);
        memcpy(exact, b.data, n);
        assert_int_equal(try_open(exact, n, &f, &e), NAP_ERR_FORMAT);
        free(exact);
    }
    static const char changes[] = {0,   1,   ' ', '"', '{',  '}',  '[',  ']',
                                   ',', ':', '0', '9', '\\', 0x7f, -128, -1};
    for (size_t at = 0; at < b.len; at++) {
        const char old = b.data[at];
        for (size_t k = 0; k < sizeof changes; k++) {
            b.data[at] = changes[k];
            if (try_open(b.data, b.len, &f, &e) == NAP_OK) nap_safetensors_close(f);
        }
        b.data[at] = old;
    }
    nap_buf_free(&b);
}

static void bad_headers(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data;
        nap_status code;
        uint64_t offset;
        const char *says;
    } cases[] = {
        {"[]", 0, NAP_ERR_FORMAT, 8, "expected a JSON object"},
        {"{\"a\":", 0, NAP_ERR_FORMAT, 13, "expected JSON"},
        {"{\"a\":1}", 0, NAP_ERR_FORMAT, 9, "expected an object"},
        {"{\"a\":{\"dtype\":\"F32\"},\"a\":{}}", 0, NAP_ERR_FORMAT, 32, "duplicate"},
        {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, NAP_ERR_FORMAT, 9, "no dtype"},
        {"{\"a\":{\"dtype\":\"F7\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, NAP_ERR_UNSUPPORTED,
         9, "dtype 'F7'"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}", 4, NAP_ERR_FORMAT, 9,
         "shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, NAP_ERR_FORMAT, 9,
         "shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}", 4, NAP_ERR_FORMAT, 9,
         "shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4,
         NAP_ERR_FORMAT, 9, "at most 8"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0,
         NAP_ERR_FORMAT, 9, "fewer than 2^64"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}", 0,
         NAP_ERR_FORMAT, 9, "0 bytes of data, expected 4611686018427387904 elements"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,4]}}", 4,
         NAP_ERR_FORMAT, 57, "too big integer"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, NAP_ERR_FORMAT, 9,
         "two integers"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, NAP_ERR_FORMAT, 9,
         "data_offsets 4 to 0"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}", 4, NAP_ERR_FORMAT, 9,
         "cut short"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, NAP_ERR_FORMAT, 9,
         "4 bytes of data, expected 2 elements of F32"},
        {"{\"a\":{\"dtype\":\"I8\",\"shape\":[4],\"data_offsets\":[0,4]},"
         "\"b\":{\"dtype\":\"I8\",\"shape\":[4],\"data_offsets\":[2,6]}}",
         6, NAP_ERR_FORMAT, 61, "expected 117, where the tensor before ends"},
        {"{\"a\":{\"dtype\":\"I8\",\"shape\":[2],\"data_offsets\":[0,2]},"
         "\"b\":{\"dtype\":\"I8\",\"shape\":[2],\"data_offsets\":[4,6]}}",
         6, NAP_ERR_FORMAT, 61, "where the tensor before ends"},
        {"{\"a\":{\"dtype\":\"I8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 3, NAP_ERR_FORMAT, 63,
         "expected the end of the file"},
        {"{\"__metadata__\":{\"a\":1}}", 0, NAP_ERR_FORMAT, 9, "object of strings"},
        {"{\"a\\nb\":{}}", 0, NAP_ERR_FORMAT, 8, "control characters"},
        {"{\"a\\u0000b\":{}}", 0, NAP_ERR_FORMAT, 19, "NUL byte in object key"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const size_t len = strlen(cases[i].header);
        nap_buf b = make(cases[i].header, len, len, cases[i].data);
        nap_safetensors *f = NULL;
        nap_error e;
        const nap_status status = try_open(b.data, b.len, &f, &e);
        if (status != cases[i].code || e.offset != cases[i].offset ||
            !strstr(e.text, cases[i].says)) {
            fail_msg("%s\nfound %s at %llu: %s\nexpected %s at %llu: %s", cases[i].header,
                     nap_status_name(status), (unsigned long long)e.offset, e.text,
                     nap_status_name(cases[i].code), (unsigned long long)cases[i].offset,
                     cases[i].says);
        }
        nap_buf_free(&b);
    }
}

static void bad_header_lengths(void **state)
{
    (void)state;
    static const uint64_t lengths[] = {0, 1, 3, 1u << 31, 1ull << 32, 1ull << 63, UINT64_MAX};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        nap_buf b = make("{}", 2, lengths[i], 0);
        nap_safetensors *f;
        nap_error e;
        assert_int_equal(try_open(b.data, b.len, &f, &e), NAP_ERR_FORMAT);
        assert_int_equal(e.offset, 0);
        assert_non_null(strstr(e.text, "header length"));
        nap_buf_free(&b);
    }
}

static void deep_nesting_is_bounded(void **state)
{
    (void)state;
    nap_buf header = {0};
    nap_safetensors *f;
    nap_error e;
    for (int i = 0; i < 1000000; i++) nap_buf_puts(&header, "{\"a\":");
    nap_buf b = make(header.data, header.len, header.len, 0);
    assert_int_equal(try_open(b.data, b.len, &f, &e), NAP_ERR_FORMAT);
    assert_non_null(strstr(e.text, "depth"));
    nap_buf_free(&b);
    nap_buf_free(&header);
}

static void memory_runs_out(void **state)
{
    (void)state;
    nap_buf b = make(good_header, sizeof good_header - 1, sizeof good_header - 1, GOOD_DATA);
    for (int forever = 0; forever < 2; forever++) {
        for (long n = 0;; n++) {
            nap_source *s;
            nap_safetensors *f = NULL;
            nap_error e = {0};
            assert_true(n < 100);
            nap_alloc_fail_at(n, forever);
            nap_status status = nap_source_memory(&s, "good", b.data, b.len, &e);
            if (status == NAP_OK) status = nap_safetensors_open_source(&f, s, &e);
            const long made = nap_alloc_fail_at(-1, false);
            nap_safetensors_close(f);
            if (status == NAP_OK) {
                assert_true(made <= n);
                break;
            }
            assert_int_equal(status, NAP_ERR_MEMORY);
        }
    }
    nap_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_good_file),
        cmocka_unit_test(every_prefix_and_changed_byte),
        cmocka_unit_test(bad_headers),
        cmocka_unit_test(bad_header_lengths),
        cmocka_unit_test(deep_nesting_is_bounded),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
