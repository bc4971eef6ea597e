/* Child processes and whole files. See process.h. */
#include "base/process.h"

#include "base/alloc.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The program's full path, or NULL: searched before the fork, because the child of a threaded
 * process may not allocate. */
static char *find_program(const char *name)
{
    if (strchr(name, '/') != NULL) return access(name, X_OK) == 0 ? nap_strdup(name) : NULL;
    const char *path = getenv("PATH");
    if (path == NULL) path = "/usr/local/bin:/usr/bin:/bin";
    while (*path != '\0') {
        const size_t n = strcspn(path, ":");
        if (n > 0) {
            nap_buf full = {0};
            nap_buf_printf(&full, "%.*s/%s", (int)n, path, name);
            if (full.failed) return NULL;
            struct stat s;
            if (access(full.data, X_OK) == 0 && stat(full.data, &s) == 0 && S_ISREG(s.st_mode))
                return nap_buf_take(&full, NULL);
            nap_buf_free(&full);
        }
        path += n + (path[n] == ':');
    }
    return NULL;
}

bool nap_process_exists(const char *name)
{
    char *path = find_program(name);
    nap_free(path);
    return path != NULL;
}

static void child(const char *path, const char *const argv[], const char *dir, int out,
                  pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127); /* it died before the line above took effect */
    const int in = open("/dev/null", O_RDONLY);
    if (in >= 0) dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    if (dir == NULL || chdir(dir) == 0) execv(path, (char *const *)argv);
    static const char text[] = "cannot start the program or enter its folder\n";
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(127);
}

nap_status nap_process_run(const char *const argv[], const char *dir, nap_buf *output, int *code,
                           const char *hint, nap_error *e)
{
    char *path = find_program(argv[0]);
    if (path == NULL)
        return nap_fail(e, NAP_ERR_NOT_FOUND, NAP_NO_OFFSET, "the program '%s' was not found%s%s",
                        argv[0], hint != NULL ? "; " : "", hint != NULL ? hint : "");
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        nap_free(path);
        return nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "%s: pipe: %s", argv[0], strerror(errno));
    }
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0) child(path, argv, dir, ends[1], parent);
    nap_free(path);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "%s: fork: %s", argv[0], strerror(errno));
    }
    char block[8192];
    for (;;) {
        const ssize_t n = read(ends[0], block, sizeof block);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        if (output != NULL) nap_buf_put(output, block, (size_t)n);
    }
    close(ends[0]);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    *code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (output != NULL && output->failed) return nap_fail_memory(e, output->len, argv[0]);
    return NAP_OK;
}

nap_status nap_make_folder(const char *path, nap_error *e)
{
    char *copy = nap_strdup(path);
    if (copy == NULL) return nap_fail_memory(e, strlen(path), "path");
    nap_status s = NAP_OK;
    for (char *p = copy + 1; s == NAP_OK; p++) {
        if (*p != '/' && *p != '\0') continue;
        const char kept = *p;
        *p = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            s = nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "%s: cannot make the folder: %s", copy,
                         strerror(errno));
        *p = kept;
        if (kept == '\0') break;
    }
    struct stat st;
    if (s == NAP_OK && (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)))
        s = nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "%s: found a file, expected a folder", path);
    nap_free(copy);
    return s;
}

nap_status nap_cache_folder(const char *name, char **out, nap_error *e)
{
    nap_buf b = {0};
    const char *own = getenv("NAPIER_CACHE"), *xdg = getenv("XDG_CACHE_HOME"),
               *home = getenv("HOME");
    if (own != NULL && own[0] != '\0')
        nap_buf_printf(&b, "%s/%s", own, name);
    else if (xdg != NULL && xdg[0] == '/')
        nap_buf_printf(&b, "%s/napier/%s", xdg, name);
    else if (home != NULL && home[0] != '\0')
        nap_buf_printf(&b, "%s/.cache/napier/%s", home, name);
    else
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "no folder for the cache: set NAPIER_CACHE or HOME");
    char *path = nap_buf_take(&b, NULL);
    if (path == NULL) return nap_fail_memory(e, strlen(name), "path");
    const nap_status s = nap_make_folder(path, e);
    if (s == NAP_OK)
        *out = path;
    else
        nap_free(path);
    return s;
}

nap_status nap_read_whole(const char *path, size_t limit, char **out, size_t *len, nap_error *e)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return nap_fail(e, errno == ENOENT ? NAP_ERR_NOT_FOUND : NAP_ERR_IO, NAP_NO_OFFSET,
                        "%s: cannot open: %s", path, strerror(errno));
    nap_buf b = {0};
    char block[16384];
    size_t n;
    while ((n = fread(block, 1, sizeof block, f)) > 0 && b.len <= limit && !b.failed)
        nap_buf_put(&b, block, n);
    const bool bad = ferror(f) != 0;
    const int err = errno;
    fclose(f);
    nap_status s = NAP_OK;
    if (bad)
        s = nap_fail(e, NAP_ERR_IO, b.len, "%s: cannot read: %s", path, strerror(err));
    else if (b.len > limit)
        s = nap_fail(e, NAP_ERR_LIMIT, limit, "%s: more than %zu bytes", path, limit);
    else if (!nap_buf_reserve(&b, 1) || b.failed)
        s = nap_fail_memory(e, b.len, path);
    if (s == NAP_OK) {
        b.data[b.len] = '\0';
        *out = nap_buf_take(&b, len);
        if (*out == NULL) s = nap_fail_memory(e, 1, path);
    }
    nap_buf_free(&b);
    return s;
}

nap_status nap_write_whole(const char *path, const void *bytes, size_t len, nap_error *e)
{
    /* A device or a pipe is written to: renaming a file over it would take its place. */
    struct stat st;
    const bool direct = stat(path, &st) == 0 && !S_ISREG(st.st_mode);
    nap_buf t = {0};
    if (direct)
        nap_buf_puts(&t, path);
    else
        nap_buf_printf(&t, "%s.new-%ld", path, (long)getpid());
    if (t.failed) return nap_fail_memory(e, strlen(path), "path");
    nap_status s = NAP_OK;
    FILE *f = fopen(t.data, "wb");
    bool ok = f != NULL && fwrite(bytes, 1, len, f) == len;
    if (f != NULL) ok = fclose(f) == 0 && ok;
    if (!ok || (!direct && rename(t.data, path) != 0)) {
        s = nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "%s: cannot write: %s", path, strerror(errno));
        if (!direct) unlink(t.data);
    }
    nap_buf_free(&t);
    return s;
}
