/* Fetching one package with the ordinary Python package client, `python3 -m pip download`.
 *
 * The client runs in a folder of ours with TMPDIR there, so that nothing is installed, no cache is
 * filled, and its growing download can be watched; which server it asks is its own configuration.
 * It dies with us (PR_SET_PDEATHSIG): a killed pull leaves no process behind. The end of its output
 * is kept, and the one sentence that matters is taken from it when it fails. */
#include "store/store.h"

#include "base/alloc.h"
#include "base/error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* The interpreter's path, searched by hand because a child of a threaded process may not. */
static char *find_python(nap_error *e)
{
    const char *name = getenv("NAPIER_PYTHON");
    if (name == NULL || name[0] == '\0') name = "python3";
    if (strchr(name, '/') != NULL) {
        if (access(name, X_OK) == 0) {
            char *full = realpath(name, NULL);
            char *copy = full == NULL ? NULL : nap_strdup(name[0] == '/' ? name : full);
            free(full);
            if (copy == NULL) (void)nap_fail_memory(e, strlen(name), "path");
            return copy;
        }
    } else {
        const char *path = getenv("PATH");
        if (path == NULL) path = "/usr/local/bin:/usr/bin:/bin";
        while (*path != '\0') {
            const size_t n = strcspn(path, ":");
            if (n > 0 && path[0] == '/') {
                char *full = nap_path_format(e, "%.*s/%s", (int)n, path, name);
                if (full == NULL) return NULL;
                if (access(full, X_OK) == 0) return full;
                nap_free(full);
            }
            path += n + (path[n] == ':');
        }
    }
    (void)nap_fail(
        e, NAP_ERR_NOT_FOUND, NAP_NO_OFFSET,
        "pulling needs %s with pip, and it was not found (Debian: apt install python3-pip;"
        " or set NAPIER_PYTHON)",
        name);
    return NULL;
}

/* environ with TMPDIR replaced and pip kept from asking questions. */
static const char **make_env(const char *tmpdir_entry)
{
    static const char *const fixed[] = {"PIP_NO_INPUT=1", "PIP_DISABLE_PIP_VERSION_CHECK=1",
                                        "PIP_REQUIRE_VIRTUALENV=0", "PYTHONDONTWRITEBYTECODE=1",
                                        "LC_ALL=C.UTF-8"};
    enum { FIXED = sizeof fixed / sizeof *fixed };
    size_t n = 0;
    while (environ[n] != NULL) n++;
    const char **env = nap_calloc(n + FIXED + 2, sizeof *env);
    if (env == NULL) return NULL;
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        static const char *const drop[] = {"TMPDIR=",
                                           "PIP_NO_INPUT=",
                                           "PIP_DISABLE_PIP_VERSION_CHECK=",
                                           "PIP_REQUIRE_VIRTUALENV=",
                                           "PYTHONDONTWRITEBYTECODE=",
                                           "LC_ALL="};
        bool keep = true;
        for (size_t d = 0; d < sizeof drop / sizeof *drop; d++)
            if (strncmp(environ[i], drop[d], strlen(drop[d])) == 0) keep = false;
        if (keep) env[k++] = environ[i];
    }
    for (size_t i = 0; i < FIXED; i++) env[k++] = fixed[i];
    env[k] = tmpdir_entry;
    return env;
}

/* The child's side: only async-signal-safe calls. */
static void exec_client(pid_t parent, const char *work, int log_fd, const char *python,
                        const char *const argv[], const char *const env[])
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127); /* it died before the line above */
    setpgid(0, 0);
    signal(SIGINT, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    const int null_fd = open("/dev/null", O_RDONLY);
    if (null_fd >= 0) dup2(null_fd, 0);
    dup2(log_fd, 1);
    dup2(log_fd, 2);
    if (chdir(work) == 0) execve(python, (char *const *)argv, (char *const *)env);
    _exit(127);
}

/* The end of what the client printed. A pipe and not a file: on a full disk a log file would be
 * empty just when it is needed. */
typedef struct tail {
    int fd; /* read end, not blocking */
    size_t len;
    char text[4096];
} tail;

static void tail_read(tail *t)
{
    char buf[1024];
    ssize_t n;
    while ((n = read(t->fd, buf, sizeof buf)) > 0) {
        const size_t k = (size_t)n, cap = sizeof t->text - 1;
        if (t->len + k > cap) {
            const size_t drop = t->len + k - cap;
            memmove(t->text, t->text + drop, t->len - drop);
            t->len -= drop;
        }
        memcpy(t->text + t->len, buf, k);
        t->len += k;
        t->text[t->len] = '\0';
    }
}

/* The last interesting line, without "ERROR: ". */
static void last_error(const char *whole, char out[200])
{
    out[0] = '\0';
    const bool marked = strstr(whole, "ERROR: ") != NULL;
    for (const char *line = whole; line != NULL && *line != '\0';) {
        const size_t n = strcspn(line, "\n");
        const bool error = strncmp(line, "ERROR: ", 7) == 0;
        if (n > 0 && (error || !marked))
            snprintf(out, 200, "%.*s", (int)(n - (error ? 7 : 0)), line + (error ? 7 : 0));
        line = line[n] == '\n' ? line + n + 1 : NULL;
    }
    for (char *p = out; *p != '\0'; p++)
        if ((unsigned char)*p < ' ') *p = ' ';
}

static nap_status explain(const nap_fetch *f, const char *whole, int wait_status, nap_error *e)
{
    static const struct {
        const char *sign, *meaning;
    } known[] = {
        {"No module named pip", "this python3 has no pip (Debian: apt install python3-pip)"},
        {"No space left on device", "no space left on the device that holds the store"},
        {"Disk quota exceeded", "the disk quota is used up"},
        {"Temporary failure in name resolution", "no network: the package index was not found"},
        {"Name or service not known", "no network: the package index was not found"},
        {"Failed to establish a new connection", "no network: the package index did not answer"},
        {"Network is unreachable", "no network"},
        {"ConnectTimeoutError", "no network: the package index did not answer in time"},
        {"ReadTimeoutError", "the network went silent: try again, what is complete is kept"},
        {"CERTIFICATE_VERIFY_FAILED", "the package index's certificate was not accepted"},
        {"No matching distribution found", "the package index has no such package or version"},
    };
    char line[200];
    last_error(whole, line);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strstr(whole, known[i].sign) != NULL)
            return nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "downloading %s %s: %s", f->package,
                            f->version, known[i].meaning);
    if (line[0] == '\0')
        snprintf(line, sizeof line,
                 WIFSIGNALED(wait_status) ? "pip was killed by signal %d"
                                          : "pip failed with exit code %d",
                 WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : WEXITSTATUS(wait_status));
    return nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "downloading %s %s: pip: %s", f->package,
                    f->version, line);
}

static nap_status wait_for(pid_t pid, const nap_fetch *f, tail *log, int *wait_status, nap_error *e)
{
    for (;;) {
        const pid_t r = waitpid(pid, wait_status, WNOHANG);
        tail_read(log);
        if (r == pid) return NAP_OK;
        if (r < 0 && errno != EINTR)
            return nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "waiting for pip: %s", strerror(errno));
        const uint64_t seen = f->base + nap_path_usage(f->work);
        if (f->progress != NULL &&
            !f->progress(f->user, "downloading", seen < f->total ? seen : f->total, f->total)) {
            kill(-pid, SIGKILL);
            kill(pid, SIGKILL);
            while (waitpid(pid, wait_status, 0) < 0 && errno == EINTR) continue;
            return nap_fail(e, NAP_ERR_CANCELLED, NAP_NO_OFFSET, "download stopped");
        }
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
}

/* Moves the one .whl in `dir` to `to`, flushed. */
static nap_status take_wheel(const char *dir, const char *to, nap_error *e)
{
    DIR *d = opendir(dir);
    char *found = NULL;
    struct dirent *ent;
    while (d != NULL && found == NULL && (ent = readdir(d)) != NULL) {
        const size_t n = strlen(ent->d_name);
        if (n > 4 && strcmp(ent->d_name + n - 4, ".whl") == 0)
            found = nap_path_format(e, "%s/%s", dir, ent->d_name);
    }
    if (d != NULL) closedir(d);
    if (found == NULL)
        return nap_fail(e, NAP_ERR_NOT_FOUND, NAP_NO_OFFSET, "%s: pip left no wheel there", dir);
    nap_status status = NAP_OK;
    const int fd = open(found, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fsync(fd) != 0 || rename(found, to) != 0)
        status = nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "keeping %s: %s", found, strerror(errno));
    if (fd >= 0) close(fd);
    nap_free(found);
    return status;
}

nap_status nap_client_fetch(const nap_fetch *f, nap_error *e)
{
    nap_status status = NAP_ERR_MEMORY;
    int wait_status = 0;
    tail log = {.fd = -1};
    const char **env = NULL;
    char *python = find_python(e);
    if (python == NULL) return e != NULL ? e->code : NAP_ERR_NOT_FOUND;
    char *out = nap_path_format(e, "%s/out", f->work);
    char *tmpdir = nap_path_format(e, "TMPDIR=%s", f->work);
    char *spec = nap_path_format(e, "%s==%s", f->package, f->version);
    if (out == NULL || tmpdir == NULL || spec == NULL) goto done;
    env = make_env(tmpdir);
    if (env == NULL) {
        status = nap_fail_memory(e, 0, "environment");
        goto done;
    }
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) {
        status = nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "starting pip: %s", strerror(errno));
        goto done;
    }
    log.fd = fds[0];
    (void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
    const char *const argv[] = {python,
                                "-m",
                                "pip",
                                "download",
                                "--no-deps",
                                "--only-binary=:all:",
                                "--no-cache-dir",
                                "--progress-bar",
                                "off",
                                "-d",
                                out,
                                spec,
                                NULL};
    const pid_t parent = getpid(), pid = fork();
    if (pid == 0) exec_client(parent, f->work, fds[1], python, argv, env);
    close(fds[1]);
    if (pid < 0) {
        status = nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "starting pip: %s", strerror(errno));
        goto done;
    }
    status = wait_for(pid, f, &log, &wait_status, e);
    if (status == NAP_OK && !(WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0))
        status = explain(f, log.text, wait_status, e);
    if (status == NAP_OK) status = take_wheel(out, f->wheel_path, e);
done:
    if (log.fd >= 0) close(log.fd);
    nap_free((void *)env);
    nap_free(spec);
    nap_free(tmpdir);
    nap_free(out);
    nap_free(python);
    return status;
}
