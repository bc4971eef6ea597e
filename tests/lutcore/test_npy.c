/* NumPy arrays: files as NumPy writes them, byte by byte; every way to be wrong, named; what is
 * written reads back. */
#include "cmocka_all.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/process.h"
#include "lutcore/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A file with this dictionary and `data` bytes counting up from 1. */
static nap_buf make(unsigned major, const char *dict, size_t data)
{
    nap_buf b = {0};
    const size_t n = strlen(dict);
    nap_buf_puts(&b, "\x93NUMPY");
    nap_buf_putc(&b, (char)major);
    nap_buf_putc(&b, 0);
    for (unsigned i = 0; i < (major == 1 ? 2u : 4u); i++) nap_buf_putc(&b, (char)(n >> 8 * i));
    nap_buf_puts(&b, dict);
    for (size_t i = 0; i < data; i++) nap_buf_putc(&b, (char)(i + 1));
    return b;
}

static const char good[] = "{'descr': '|i1', 'fortran_order': False, 'shape': (2, 3), }   \n";

static void good_files(void **state)
{
    (void)state;
    static const struct {
        const char *dict;
        nap_npy_type type;
        unsigned dims;
        size_t bytes;
    } cases[] = {
        {good, NAP_NPY_I1, 2, 6},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (6,), }", NAP_NPY_U1, 1, 6},
        {"{'descr': '<i2', 'fortran_order': False, 'shape': (3, 1), }", NAP_NPY_I2, 2, 6},
        {"{\"shape\":(2,),\"descr\":\"<u2\",\"fortran_order\":False}", NAP_NPY_U2, 1, 4},
        {"{'descr': '<i4', 'fortran_order': False, 'shape': (1, 1, 1, 2), }", NAP_NPY_I4, 4, 8},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (), }", NAP_NPY_F4, 0, 4},
        {"{'descr': '<i1', 'fortran_order': False, 'shape': (0, 7), }", NAP_NPY_I1, 2, 0},
    };
    for (unsigned major = 1; major <= 3; major++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            nap_buf b = make(major, cases[i].dict, cases[i].bytes);
            nap_npy x;
            nap_error e;
            if (nap_npy_parse(b.data, b.len, "x.npy", &x, &e) != NAP_OK) fail_msg("%s", e.text);
            assert_int_equal(x.type, cases[i].type);
            assert_int_equal(x.dims, cases[i].dims);
            assert_int_equal(x.bytes, cases[i].bytes);
            for (size_t k = 0; k < x.bytes; k++)
                assert_int_equal(((uint8_t *)x.data)[k], (uint8_t)(k + 1));
            nap_npy_free(&x);
            nap_buf_free(&b);
        }
}

static void refuses(unsigned major, const char *dict, size_t data, nap_status code,
                    const char *says)
{
    nap_buf b = make(major, dict, data);
    nap_npy x;
    nap_error e = {0};
    const nap_status status = nap_npy_parse(b.data, b.len, "x.npy", &x, &e);
    if (status == NAP_OK) fail_msg("accepted, expected \"%s\"", says);
    assert_string_equal(e.text, says);
    assert_int_equal(status, code);
    assert_true(e.offset <= b.len);
    assert_null(x.data);
    nap_buf_free(&b);
}

static void bad_files(void **state)
{
    (void)state;
    refuses(4, good, 6, NAP_ERR_UNSUPPORTED, "x.npy: version: found 4.0, expected 1.0, 2.0 or 3.0");
    refuses(1, "{'descr': '|i1', 'fortran_order': True, 'shape': (2, 3), }", 6, NAP_ERR_UNSUPPORTED,
            "x.npy: fortran_order: found True, expected False: C order (save "
            "numpy.ascontiguousarray(x))");
    refuses(1, "{'descr': '>i4', 'fortran_order': False, 'shape': (1,), }", 4, NAP_ERR_UNSUPPORTED,
            "x.npy: descr: found '>i4', expected one of |i1, |u1, <i2, <u2, <i4, <f4");
    refuses(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }", 8, NAP_ERR_UNSUPPORTED,
            "x.npy: descr: found '<f8', expected one of |i1, |u1, <i2, <u2, <i4, <f4");
    refuses(1, "{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (1,), }", 4,
            NAP_ERR_FORMAT,
            "x.npy: descr: found '[('a', '<i4')], 'fortran_order'', expected a quoted string");
    refuses(1, "{'descr': '|i1', 'fortran_order': 0, 'shape': (2, 3), }", 6, NAP_ERR_FORMAT,
            "x.npy: fortran_order: found '0, 'shape': (2, 3), }', expected True or False");
    refuses(1, "{'descr': '|i1', 'fortran_order': False, 'shape': (6), }", 6, NAP_ERR_FORMAT,
            "x.npy: shape: found '), }', expected ',' after the first number");
    refuses(1, "{'descr': '|i1', 'fortran_order': False, 'shape': (2, -3), }", 6, NAP_ERR_FORMAT,
            "x.npy: shape: found '-3), }', expected a whole number or ')'");
    refuses(1, "{'descr': '|i1', 'fortran_order': False, 'shape': (2 3), }", 6, NAP_ERR_FORMAT,
            "x.npy: shape: found '3), }', expected ',' after the first number");
    refuses(1, "{'descr': '|i1', 'fortran_order': False, 'shape': (1, 1, 1, 1, 6), }", 6,
            NAP_ERR_FORMAT, "x.npy: shape: found '6), }', expected at most 4 dimensions");
    refuses(1, "{'descr': '|i1', 'fortran_order': False, 'shape': (99999999999999999999,), }", 6,
            NAP_ERR_FORMAT,
            "x.npy: shape: found '99999999999999999999,), }', expected a number of 64 bits");
    refuses(1, "{'descr': '<i4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 2), }",
            6, NAP_ERR_FORMAT, "x.npy: shape: found more than 2^64 bytes");
    refuses(1, "{'descr': '|i1', 'fortran_order': False, }", 6, NAP_ERR_FORMAT,
            "x.npy: shape: found none, expected the key");
    refuses(1, "{'descr': '|i1', 'descr': '|i1'}", 6, NAP_ERR_FORMAT,
            "x.npy: header: found key 'descr' a second time, expected descr, fortran_order and "
            "shape once each");
    refuses(1, "{'order': 'C'}", 6, NAP_ERR_FORMAT,
            "x.npy: header: found key 'order', expected descr, fortran_order and shape once each");
    refuses(1, "{'descr': '|i1' 'shape': ()}", 6, NAP_ERR_FORMAT,
            "x.npy: descr: found ''shape': ()}', expected ',' or '}' after the value");
    refuses(1, "{'descr': '|i1', 'fortran_order': False, 'shape': (2, 3), } x", 6, NAP_ERR_FORMAT,
            "x.npy: header: found 'x', expected nothing after '}'");
    refuses(1, "'descr'", 6, NAP_ERR_FORMAT, "x.npy: header: found ''descr'', expected '{'");
    refuses(1, good, 5, NAP_ERR_FORMAT,
            "x.npy: data: found 5 bytes, expected 6 by shape and descr");
    refuses(2, good, 7, NAP_ERR_FORMAT,
            "x.npy: data: found 7 bytes, expected 6 by shape and descr");
}

/* Every prefix, and every byte changed, of a good file: an error with an offset inside, or arrays
 * whose size is that of their shape. */
static void mutations(void **state)
{
    (void)state;
    nap_buf b = make(1, good, 6);
    nap_error e;
    nap_npy x;
    for (size_t n = 0; n < b.len; n++) {
        char *copy = malloc(n > 0 ? n : 1);
        memcpy(copy, b.data, n);
        assert_int_not_equal(nap_npy_parse(copy, n, "x.npy", &x, &e), NAP_OK);
        assert_true(e.offset <= n);
        free(copy);
    }
    for (size_t i = 0; i < b.len; i++)
        for (int v = 0; v < 256; v += 5) {
            const char was = b.data[i];
            b.data[i] = (char)v;
            if (nap_npy_parse(b.data, b.len, "x.npy", &x, &e) == NAP_OK)
                nap_npy_free(&x);
            else
                assert_true(e.offset <= b.len);
            b.data[i] = was;
        }
    nap_buf_free(&b);
}

static void writing_reads_back(void **state)
{
    (void)state;
    char folder[] = "/tmp/napier-npy-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/x.npy", folder);
    const float values[] = {1.5f, -2, 3e-40f, 4, 5, 6};
    for (unsigned dims = 0; dims <= 4; dims++) {
        const uint64_t shape[4] = {dims > 1 ? 2 : 1, 3, 1, 1};
        const uint64_t *from = dims == 0 ? NULL : shape;
        const size_t count = dims == 0 ? 1 : dims == 1 ? 1 : 6;
        nap_npy x;
        nap_error e;
        char *file;
        size_t len;
        if (nap_npy_write(path, NAP_NPY_F4, dims, from, values, &e) != NAP_OK)
            fail_msg("%s", e.text);
        assert_int_equal(nap_read_whole(path, 4096, &file, &len, &e), NAP_OK);
        assert_int_equal((len - count * 4) % 64, 0); /* elements start aligned, as NumPy's do */
        nap_free(file);
        if (nap_npy_read(path, &x, &e) != NAP_OK) fail_msg("%s", e.text);
        assert_int_equal(x.type, NAP_NPY_F4);
        assert_int_equal(x.dims, dims);
        assert_memory_equal(x.shape, shape, dims * sizeof *shape);
        assert_int_equal(x.bytes, count * 4);
        assert_memory_equal(x.data, values, x.bytes);
        nap_npy_free(&x);
    }
    unlink(path);
    rmdir(folder);
}

static void missing_files(void **state)
{
    (void)state;
    nap_npy x;
    nap_error e;
    assert_int_not_equal(nap_npy_read("/nonexistent/x.npy", &x, &e), NAP_OK);
    assert_non_null(strstr(e.text, "/nonexistent/x.npy"));
    /* What does not start as a .npy file is not read to its end. */
    assert_int_equal(nap_npy_read("/dev/zero", &x, &e), NAP_ERR_FORMAT);
    assert_non_null(strstr(e.text, "/dev/zero: magic: found something else"));
    assert_int_equal(nap_npy_read("/dev/null", &x, &e), NAP_ERR_FORMAT);
    assert_non_null(strstr(e.text, "/dev/null: magic: found something else"));
    const uint64_t shape[] = {1};
    assert_int_not_equal(nap_npy_write("/nonexistent/x.npy", NAP_NPY_U1, 1, shape, "a", &e),
                         NAP_OK);
    assert_non_null(strstr(e.text, "/nonexistent/"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_files),    cmocka_unit_test(bad_files),
        cmocka_unit_test(mutations),     cmocka_unit_test(writing_reads_back),
        cmocka_unit_test(missing_files),
    };
    return cmocka_run_group_tests_name("npy", tests, NULL, NULL);
}
