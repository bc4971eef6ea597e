/* Files as the system hands them out: only regular ones, cut or replaced while open, and written
 * so that a kill or a full disk leaves the old file whole. */
#include "cmocka_all.h"

#include "base/alloc.h"
#include "file/gguf.h"
#include "file/replace.h"
#include "file/safetensors.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "napier-test-XXXXXX";

static const char *at(const char *name)
{
    static char path[320];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fputs(text, f) < 0, 0);
    assert_int_equal(fclose(f), 0);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state)
{
    (void)state;
    DIR *d = opendir(folder);
    for (struct dirent *entry; d && (entry = readdir(d));) {
        if (entry->d_name[0] != '.') remove(at(entry->d_name));
    }
    if (d) closedir(d);
    return rmdir(folder);
}

static void reads_by_position(void **state)
{
    (void)state;
    nap_source *s;
    nap_error e;
    char b[8] = {0};
    put(at("ten"), "0123456789");
    assert_int_equal(nap_source_open(&s, at("ten"), &e), NAP_OK);
    assert_int_equal(nap_source_size(s), 10);
    assert_int_equal(nap_source_read(s, 3, b, 4, &e), NAP_OK);
    assert_string_equal(b, "3456");
    assert_int_equal(nap_source_read(s, 10, b, 0, &e), NAP_OK);
    assert_int_equal(nap_source_read(s, 8, b, 4, &e), NAP_ERR_FORMAT);
    assert_int_equal(e.offset, 10);
    assert_non_null(strstr(e.text, "file ends at byte 10, expected at least 2 bytes more"));
    assert_int_equal(nap_source_read(s, UINT64_MAX, b, 4, &e), NAP_ERR_FORMAT);
    nap_source_close(s);
}

static void file_cut_while_open(void **state)
{
    (void)state;
    nap_source *s;
    nap_error e;
    char b[10];
    put(at("cut"), "0123456789");
    assert_int_equal(nap_source_open(&s, at("cut"), &e), NAP_OK);
    assert_int_equal(truncate(at("cut"), 4), 0);
    assert_int_equal(nap_source_read(s, 0, b, 10, &e), NAP_ERR_FORMAT);
    assert_int_equal(e.offset, 4);
    nap_source_close(s);
}

static void file_replaced_while_open(void **state)
{
    (void)state;
    nap_source *s;
    nap_error e;
    char b[4] = {0};
    put(at("old"), "old");
    put(at("new"), "new");
    char target[128];
    strcpy(target, at("old"));
    assert_int_equal(nap_source_open(&s, target, &e), NAP_OK);
    assert_int_equal(rename(at("new"), target), 0);
    assert_int_equal(nap_source_read(s, 0, b, 3, &e), NAP_OK);
    assert_string_equal(b, "old");
    nap_source_close(s);
}

static void only_regular_files(void **state)
{
    (void)state;
    nap_source *s;
    nap_error e;
    assert_int_equal(mkfifo(at("pipe"), 0600), 0);
    assert_int_equal(symlink("loop", at("loop")), 0);
    const struct {
        const char *path, *says;
        nap_status code;
    } cases[] = {
        {folder, "a directory", NAP_ERR_IO},
        {"/dev/zero", "a device", NAP_ERR_IO},
        {"does/not/exist", "cannot open", NAP_ERR_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(nap_source_open(&s, cases[i].path, &e), cases[i].code);
        assert_null(s);
        if (!strstr(e.text, cases[i].says)) fail_msg("%s", e.text);
    }
    assert_int_equal(nap_source_open(&s, at("pipe"), &e), NAP_ERR_IO); /* and does not wait */
    assert_non_null(strstr(e.text, "a pipe"));
    assert_int_equal(nap_source_open(&s, at("loop"), &e), NAP_ERR_IO);
}

/* A file of holes may claim any length at no cost; metadata of more than a gigabyte is refused
 * before memory is taken for it. */
static void huge_holes_take_no_memory(void **state)
{
    (void)state;
    static const uint8_t head[] = {'G', 'G', 'U', 'F', 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                   0,   1,   0,   0,   0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0,
                                   0,   0,   'k', 8,   0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0};
    nap_gguf *g;
    nap_safetensors *f;
    nap_error e;
    FILE *file = fopen(at("holes"), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(head, 1, sizeof head, file), sizeof head);
    assert_int_equal(fflush(file), 0);
    if (ftruncate(fileno(file), (off_t)1 << 42) != 0) { /* the file system has no such files */
        fclose(file);
        skip();
    }
    fclose(file);
    nap_alloc_fail_at(-1, false);
    assert_int_equal(nap_gguf_open(&g, at("holes"), &e), NAP_ERR_LIMIT);
    assert_int_equal(e.offset, 45);
    assert_true(nap_alloc_requested() < 200000);
    nap_alloc_fail_at(-1, false);
    assert_int_equal(nap_safetensors_open(&f, at("holes"), &e), NAP_ERR_FORMAT);
    assert_true(nap_alloc_requested() < 2000);
}

static void not_inherited_by_children(void **state)
{
    (void)state;
    nap_source *s;
    nap_error e;
    const int probe = dup(0); /* the number that the next file gets */
    close(probe);
    put(at("mine"), "x");
    assert_int_equal(nap_source_open(&s, at("mine"), &e), NAP_OK);
    assert_true(fcntl(probe, F_GETFD) & FD_CLOEXEC);
    nap_source_close(s);
}

/* What the file holds now: `length` bytes, all equal to the letter that is returned; 0 if mixed. */
static char letter_of(const char *path, long *length)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    const int first = fgetc(f);
    int c = first;
    *length = 0;
    while (c == first) {
        ++*length;
        c = fgetc(f);
    }
    fclose(f);
    return c == EOF ? (char)first : 0;
}

static void write_letter(const char *path, char letter)
{
    nap_replace *r;
    char piece[4096];
    memset(piece, letter, sizeof piece);
    if (nap_replace_open(&r, path, NULL) != NAP_OK) _exit(2);
    for (int i = 0; i < 64; i++) {
        if (nap_replace_put(r, piece, sizeof piece, NULL) != NAP_OK) _exit(3);
    }
    if (nap_replace_commit(r, NULL) != NAP_OK) _exit(4);
}

static void a_kill_leaves_old_or_new(void **state)
{
    (void)state;
    char path[128];
    strcpy(path, at("kept"));
    int killed = 0;
    write_letter(path, 'a');
    for (int round = 0; round < 60; round++) {
        long length;
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            for (int i = 0;; i++) write_letter(path, (char)('a' + i % 26));
        }
        usleep((useconds_t)(1000 + round * 137));
        kill(child, SIGKILL);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        killed += WIFSIGNALED(status);
        assert_true(letter_of(path, &length) != 0);
        assert_int_equal(length, 64 * 4096);
    }
    assert_int_equal(killed, 60);
}

static void a_full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    char path[128];
    long length;
    strcpy(path, at("full"));
    write_letter(path, 'o');
    const pid_t child = fork();
    if (child == 0) {
        const struct rlimit limit = {100000, 100000};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        write_letter(path, 'n');
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 3);
    assert_int_equal(letter_of(path, &length), 'o');
    assert_int_equal(length, 64 * 4096);
}

static void cancelling_leaves_nothing(void **state)
{
    (void)state;
    nap_replace *r;
    nap_error e;
    char path[128];
    strcpy(path, at("never"));
    assert_int_equal(nap_replace_open(&r, path, &e), NAP_OK);
    assert_int_equal(nap_replace_put(r, "x", 1, &e), NAP_OK);
    nap_replace_cancel(r);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(nap_replace_open(&r, "no/such/folder/file", &e), NAP_ERR_IO);
    assert_null(r);
}

/* Renaming over a device would take its place. */
static void devices_are_not_replaced(void **state)
{
    (void)state;
    nap_replace *r;
    nap_error e;
    assert_int_equal(nap_replace_open(&r, "/dev/null", &e), NAP_ERR_ARGUMENT);
    assert_string_equal(e.text,
                        "/dev/null: found a device or folder, expected a file or a new name");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices_are_not_replaced),
        cmocka_unit_test(reads_by_position),
        cmocka_unit_test(file_cut_while_open),
        cmocka_unit_test(file_replaced_while_open),
        cmocka_unit_test(only_regular_files),
        cmocka_unit_test(huge_holes_take_no_memory),
        cmocka_unit_test(not_inherited_by_children),
        cmocka_unit_test(a_kill_leaves_old_or_new),
        cmocka_unit_test(a_full_disk_leaves_the_old_file),
        cmocka_unit_test(cancelling_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
