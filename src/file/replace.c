#include "file/replace.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "file/names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct nap_replace {
    char *path, *temporary; /* temporary is NULL until the file exists */
    int fd;
};

#define NAMES_TRIED 100

static nap_status failed(const char *path, const char *what, nap_error *e)
{
    const int code = errno;
    return nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "%s: cannot %s: %s", nap_show_path(path), what,
                    strerror(code));
}

/* O_EXCL: never writes into a file, or through a link, that somebody else put there. */
static nap_status open_temporary(nap_replace *r, nap_error *e)
{
    for (unsigned n = 0; n < NAMES_TRIED; n++) {
        nap_buf name = {0};
        nap_buf_printf(&name, "%s.new-%ld-%u", r->path, (long)getpid(), n);
        char *text = nap_buf_take(&name, NULL);
        if (!text) return nap_fail_memory(e, strlen(r->path) + 40, r->path);
        r->fd = open(text, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (r->fd >= 0) {
            r->temporary = text;
            return NAP_OK;
        }
        const int code = errno;
        nap_free(text);
        errno = code;
        if (code != EEXIST && code != EINTR) break;
    }
    return failed(r->path, "create a new file beside it", e);
}

nap_status nap_replace_open(nap_replace **out, const char *path, nap_error *e)
{
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "%s: found a device or folder, expected a file or a new name", path);
    *out = NULL;
    nap_replace *r = nap_calloc(1, sizeof *r);
    if (!r) return nap_fail_memory(e, sizeof *r, path);
    r->fd = -1;
    r->path = nap_strdup(path);
    const nap_status status =
        r->path ? open_temporary(r, e) : nap_fail_memory(e, strlen(path) + 1, path);
    if (status != NAP_OK) {
        nap_replace_cancel(r);
        return status;
    }
    *out = r;
    return NAP_OK;
}

nap_status nap_replace_put(nap_replace *r, const void *bytes, size_t len, nap_error *e)
{
    const char *p = bytes;
    while (len) {
        const ssize_t n = write(r->fd, p, len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return failed(r->temporary, "write", e);
        p += n;
        len -= (size_t)n;
    }
    return NAP_OK;
}

/* The rename is durable only once the folder is. Some file systems cannot synchronize folders
 * (EINVAL): there is nothing more to do on those. */
static nap_status sync_folder(const char *path, nap_error *e)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash == path ? nap_strdup("/")
                   : slash       ? nap_strndup(path, (size_t)(slash - path))
                                 : nap_strdup(".");
    if (!folder) return nap_fail_memory(e, strlen(path) + 1, path);
    nap_status status = NAP_OK;
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL)) {
        status = failed(folder, "synchronize the folder", e);
    }
    if (fd >= 0) close(fd);
    nap_free(folder);
    return status;
}

static nap_status commit(nap_replace *r, nap_error *e)
{
    if (fsync(r->fd) != 0) return failed(r->temporary, "synchronize", e);
    const int closed = close(r->fd);
    r->fd = -1;
    if (closed != 0) return failed(r->temporary, "close", e);
    if (rename(r->temporary, r->path) != 0) return failed(r->path, "replace", e);
    nap_free(r->temporary);
    r->temporary = NULL;
    return sync_folder(r->path, e);
}

nap_status nap_replace_commit(nap_replace *r, nap_error *e)
{
    const nap_status status = commit(r, e);
    nap_replace_cancel(r);
    return status;
}

void nap_replace_cancel(nap_replace *r)
{
    if (!r) return;
    if (r->fd >= 0) close(r->fd);
    if (r->temporary) unlink(r->temporary);
    nap_free(r->temporary);
    nap_free(r->path);
    nap_free(r);
}
