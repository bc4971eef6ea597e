/* The system's calls fail in turn: reads and writes that are interrupted, short or refused, and
 * every step of replacing a file. The linker puts these functions in the place of the real ones
 * (--wrap). Whatever fails, the file at the path is whole, and the error names it. */
#include "cmocka_all.h"

#include "file/gguf_write.h"
#include "models.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

ssize_t __real_pread(int fd, void *buf, size_t n, off_t offset);
ssize_t __real_write(int fd, const void *buf, size_t n);
int __real_fsync(int fd);
int __real_close(int fd);
int __real_rename(const char *from, const char *to);
ssize_t __wrap_pread(int fd, void *buf, size_t n, off_t offset);
ssize_t __wrap_write(int fd, const void *buf, size_t n);
int __wrap_fsync(int fd);
int __wrap_close(int fd);
int __wrap_rename(const char *from, const char *to);

/* Call number `fail_at` of the watched calls fails with `code`; EINTR and short counts are what
 * every caller must live with. */
static bool watching, nagging;
static long calls, fail_at;
static int code;

static bool fails(void)
{
    if (!watching || calls++ != fail_at) return false;
    errno = code;
    return true;
}

/* Every other call of a nagging system is interrupted, and the rest move at most 7 bytes. */
static bool interrupted(void)
{
    static bool turn;
    turn = !turn;
    if (!watching || !nagging || !turn) return false;
    errno = EINTR;
    return true;
}

ssize_t __wrap_pread(int fd, void *buf, size_t n, off_t offset)
{
    if (fails() || interrupted()) return -1;
    return __real_pread(fd, buf, watching && nagging && n > 7 ? 7 : n, offset);
}

ssize_t __wrap_write(int fd, const void *buf, size_t n)
{
    if (fails() || interrupted()) return -1;
    return __real_write(fd, buf, watching && nagging && n > 7 ? 7 : n);
}

int __wrap_fsync(int fd)
{
    return fails() ? -1 : __real_fsync(fd);
}

int __wrap_close(int fd)
{
    const bool failed = fails();
    const int result = __real_close(fd); /* even a close that fails gives the number back */
    if (failed) errno = code;
    return failed ? -1 : result;
}

int __wrap_rename(const char *from, const char *to)
{
    return fails() ? -1 : __real_rename(from, to);
}

static char path[64];

static int make_path(void **state)
{
    (void)state;
    char folder[] = "napier-io-XXXXXX";
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/m.gguf", folder);
    return 0;
}

/* Also shows that no temporary file is left: the folder must be empty but for the one. */
static int drop_path(void **state)
{
    (void)state;
    remove(path);
    *strrchr(path, '/') = '\0';
    return rmdir(path);
}

static nap_status write_model(uint64_t seed, nap_error *e)
{
    nap_gguf_writer *w;
    nap_status status = nap_gguf_writer_create(&w, e);
    if (status == NAP_OK) status = model_random(w, seed, e);
    if (status == NAP_OK) status = nap_gguf_write(w, path, model_data, NULL, e);
    nap_gguf_writer_destroy(w);
    return status;
}

static nap_status read_model(size_t *keys, nap_error *e)
{
    nap_gguf *g;
    nap_status status = nap_gguf_open(&g, path, e);
    if (status != NAP_OK) return status;
    *keys = nap_gguf_kv_count(g);
    for (size_t i = 0; i < nap_gguf_tensor_count(g) && status == NAP_OK; i++) {
        const nap_tensor *t = nap_gguf_tensor_at(g, i);
        uint8_t *bytes = malloc(t->bytes);
        assert_non_null(bytes);
        status = nap_gguf_read(g, t, 0, bytes, t->bytes, e);
        free(bytes);
    }
    nap_gguf_close(g);
    return status;
}

static void interruptions_and_short_counts_change_nothing(void **state)
{
    (void)state;
    nap_error e;
    size_t plain, nagged;
    watching = false;
    assert_int_equal(write_model(19, &e), NAP_OK);
    assert_int_equal(read_model(&plain, &e), NAP_OK);
    watching = nagging = true;
    calls = 0;
    fail_at = -1;
    assert_int_equal(write_model(19, &e), NAP_OK);
    assert_int_equal(read_model(&nagged, &e), NAP_OK);
    watching = nagging = false;
    assert_int_equal(plain, nagged);
    assert_true(calls > 1000);
}

static void each_failing_read_is_named(void **state)
{
    (void)state;
    nap_error e;
    size_t keys;
    assert_int_equal(write_model(19, &e), NAP_OK);
    for (fail_at = 0;; fail_at++) {
        calls = 0;
        code = EIO;
        watching = true;
        const nap_status status = read_model(&keys, &e);
        watching = false;
        if (calls <= fail_at) break;
        if (status == NAP_OK) continue; /* close: nothing is lost by it */
        assert_int_equal(status, NAP_ERR_IO);
        assert_non_null(strstr(e.text, "m.gguf"));
        assert_non_null(strstr(e.text, strerror(EIO)));
    }
    assert_true(fail_at > 3);
}

static void each_failing_write_leaves_a_whole_file(void **state)
{
    (void)state;
    static const int codes[] = {ENOSPC, EIO};
    nap_error e;
    size_t old_keys, new_keys, keys;
    assert_int_equal(write_model(23, &e), NAP_OK);
    assert_int_equal(read_model(&new_keys, &e), NAP_OK);
    for (int c = 0; c < 2; c++) {
        for (fail_at = 0;; fail_at++) {
            assert_int_equal(write_model(19, &e), NAP_OK);
            assert_int_equal(read_model(&old_keys, &e), NAP_OK);
            assert_true(old_keys != new_keys);
            calls = 0;
            code = codes[c];
            watching = true;
            const nap_status status = write_model(23, &e);
            watching = false;
            const bool reached = calls > fail_at;
            assert_int_equal(read_model(&keys, &e), NAP_OK);
            assert_true(keys == old_keys || keys == new_keys);
            if (!reached) {
                assert_int_equal(status, NAP_OK);
                assert_int_equal(keys, new_keys);
                break;
            }
            if (status != NAP_OK) assert_int_equal(status, NAP_ERR_IO);
            if (status == NAP_OK) assert_int_equal(keys, new_keys);
        }
        assert_true(fail_at > 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interruptions_and_short_counts_change_nothing),
        cmocka_unit_test(each_failing_read_is_named),
        cmocka_unit_test(each_failing_write_leaves_a_whole_file),
    };
    return cmocka_run_group_tests(tests, make_path, drop_path);
}
