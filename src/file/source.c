#include "file/source.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"
#include "file/names.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct nap_source {
    char *path;
    uint64_t size;
    int fd;                /* -1: in memory */
    const uint8_t *memory; /* not owned */
};

/* Kept below the limit of one read call on every system. */
#define READ_MAX ((size_t)1 << 30)

static const char *kind_of(mode_t mode)
{
    if (S_ISDIR(mode)) return "a directory";
    if (S_ISFIFO(mode)) return "a pipe";
    if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
    if (S_ISSOCK(mode)) return "a socket";
    return "no regular file";
}

static nap_status make(nap_source **out, const char *path, nap_error *e)
{
    nap_source *s = nap_calloc(1, sizeof *s);
    if (!s) return nap_fail_memory(e, sizeof *s, path);
    s->fd = -1;
    s->path = nap_strdup(path);
    if (!s->path) {
        nap_free(s);
        return nap_fail_memory(e, strlen(path) + 1, path);
    }
    *out = s;
    return NAP_OK;
}

/* O_NONBLOCK: opening a pipe that nobody writes to must not wait; regular files ignore it. */
static nap_status open_file(nap_source *s, nap_error *e)
{
    struct stat st;
    do {
        s->fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    } while (s->fd < 0 && errno == EINTR);
    if (s->fd < 0) {
        const nap_status code =
            errno == ENOENT || errno == ENOTDIR ? NAP_ERR_NOT_FOUND : NAP_ERR_IO;
        return nap_fail(e, code, NAP_NO_OFFSET, "%s: cannot open: %s", nap_show_path(s->path),
                        strerror(errno));
    }
    if (fstat(s->fd, &st) != 0) {
        return nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "%s: cannot examine: %s",
                        nap_show_path(s->path), strerror(errno));
    }
    if (!S_ISREG(st.st_mode)) {
        return nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "%s: is %s, expected a regular file",
                        nap_show_path(s->path), kind_of(st.st_mode));
    }
    s->size = (uint64_t)st.st_size;
    return NAP_OK;
}

nap_status nap_source_open(nap_source **out, const char *path, nap_error *e)
{
    nap_source *s = NULL;
    *out = NULL;
    NAP_TRY(make(&s, path, e));
    const nap_status status = open_file(s, e);
    if (status != NAP_OK) {
        nap_source_close(s);
        return status;
    }
    *out = s;
    return NAP_OK;
}

nap_status nap_source_memory(nap_source **out, const char *name, const void *bytes, size_t len,
                             nap_error *e)
{
    *out = NULL;
    NAP_TRY(make(out, name, e));
    (*out)->memory = bytes;
    (*out)->size = len;
    return NAP_OK;
}

void nap_source_close(nap_source *s)
{
    if (!s) return;
    if (s->fd >= 0) close(s->fd);
    nap_free(s->path);
    nap_free(s);
}

uint64_t nap_source_size(const nap_source *s)
{
    return s->size;
}

const char *nap_source_path(const nap_source *s)
{
    return s->path;
}

static nap_status ends_early(const nap_source *s, uint64_t at, uint64_t wanted, nap_error *e)
{
    return nap_fail(e, NAP_ERR_FORMAT, at,
                    "%s: file ends at byte %llu, expected at least %llu bytes more",
                    nap_show_path(s->path), (unsigned long long)at, (unsigned long long)wanted);
}

nap_status nap_source_read(const nap_source *s, uint64_t offset, void *dst, size_t len,
                           nap_error *e)
{
    if (!nap_range_ok(offset, len, s->size)) {
        const uint64_t end = offset < s->size ? s->size : offset;
        return ends_early(s, end, len - (end - offset), e);
    }
    if (s->fd < 0) {
        if (len) memcpy(dst, s->memory + offset, len);
        return NAP_OK;
    }
    uint8_t *p = dst;
    while (len) {
        const ssize_t n = pread(s->fd, p, len < READ_MAX ? len : READ_MAX, (off_t)offset);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            return nap_fail(e, NAP_ERR_IO, offset, "%s: cannot read at byte %llu: %s",
                            nap_show_path(s->path), (unsigned long long)offset, strerror(errno));
        }
        if (n == 0) return ends_early(s, offset, len, e); /* cut short since it was opened */
        p += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return NAP_OK;
}
