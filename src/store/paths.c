/* Folders, locks and removal. Nothing here follows a symbolic link inside the store. */
#include "store/store.h"

#include "base/alloc.h"
#include "base/error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static nap_status fail_errno(nap_error *e, const char *verb, const char *path)
{
    return nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "%s %s: %s", verb, path, strerror(errno));
}

char *nap_path_format(nap_error *e, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *s = n < 0 ? NULL : nap_alloc((size_t)n + 1);
    if (s == NULL) {
        (void)nap_fail_memory(e, (size_t)(n < 0 ? 0 : n) + 1, "path");
        return NULL;
    }
    va_start(ap, fmt);
    (void)vsnprintf(s, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return s;
}

nap_status nap_path_make_dirs(const char *path, nap_error *e)
{
    char *copy = nap_strdup(path);
    if (copy == NULL) return nap_fail_memory(e, strlen(path), "path");
    nap_status status = NAP_OK;
    for (char *p = copy + 1; status == NAP_OK; p++) {
        if (*p != '/' && *p != '\0') continue;
        const char end = *p;
        *p = '\0';
        if (mkdir(copy, 0755) != 0 && errno != EEXIST)
            status = fail_errno(e, "creating the folder", copy);
        *p = end;
        if (end == '\0') break;
    }
    struct stat st;
    if (status == NAP_OK && (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)))
        status =
            nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "%s: found a file, expected a folder", path);
    nap_free(copy);
    return status;
}

/* Depth is bounded: a package client's work folders are shallow, and a limit is what keeps this
 * recursion safe. */
static nap_status remove_at(int dir, const char *name, const char *shown, int depth, nap_error *e)
{
    if (unlinkat(dir, name, 0) == 0 || errno == ENOENT) return NAP_OK;
    if (errno != EISDIR && errno != EPERM) return fail_errno(e, "removing", shown);
    if (depth == 0)
        return nap_fail(e, NAP_ERR_LIMIT, NAP_NO_OFFSET, "removing %s: more than 64 folders deep",
                        shown);
    const int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (d == NULL) {
        const int err = errno;
        if (fd >= 0) close(fd);
        errno = err;
        return fail_errno(e, "removing", shown);
    }
    nap_status status = NAP_OK;
    struct dirent *ent;
    while (status == NAP_OK && (ent = readdir(d)) != NULL) {
        if (strcmp(ent->d_name, ".") == 0 || strcmp(ent->d_name, "..") == 0) continue;
        status = remove_at(dirfd(d), ent->d_name, shown, depth - 1, e);
    }
    closedir(d);
    if (status == NAP_OK && unlinkat(dir, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
        status = fail_errno(e, "removing", shown);
    return status;
}

nap_status nap_path_remove(const char *path, nap_error *e)
{
    return remove_at(AT_FDCWD, path, path, 64, e);
}

nap_status nap_path_sync_dir(const char *path, nap_error *e)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return fail_errno(e, "opening", path);
    const bool ok = fsync(fd) == 0;
    const int err = errno;
    close(fd);
    errno = err;
    return ok ? NAP_OK : fail_errno(e, "flushing", path);
}

static uint64_t usage_at(int dir, const char *name, int depth)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0) return 0;
    if (!S_ISDIR(st.st_mode)) return (uint64_t)st.st_size;
    if (depth == 0) return 0;
    const int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (d == NULL) {
        if (fd >= 0) close(fd);
        return 0;
    }
    uint64_t sum = 0;
    struct dirent *ent;
    while ((ent = readdir(d)) != NULL) {
        if (strcmp(ent->d_name, ".") != 0 && strcmp(ent->d_name, "..") != 0)
            sum += usage_at(dirfd(d), ent->d_name, depth - 1);
    }
    closedir(d);
    return sum;
}

uint64_t nap_path_usage(const char *path)
{
    return usage_at(AT_FDCWD, path, 16);
}

nap_status nap_path_lock(const char *lock_path, nap_progress_fn progress, void *user, int *fd,
                         nap_error *e)
{
    *fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (*fd < 0) return fail_errno(e, "opening the lock", lock_path);
    while (flock(*fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            const nap_status s = fail_errno(e, "locking", lock_path);
            close(*fd);
            *fd = -1;
            return s;
        }
        if (progress != NULL && !progress(user, "waiting", 0, 0)) {
            close(*fd);
            *fd = -1;
            return nap_fail(e, NAP_ERR_CANCELLED, NAP_NO_OFFSET,
                            "stopped while another process held %s", lock_path);
        }
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    return NAP_OK;
}
