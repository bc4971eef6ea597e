/* Reading a member out of a wheel (a zip file) as a stream: nothing is held in memory, and the
 * same pass writes, counts and hashes. Limits: a member never writes more than its expected size,
 * so a zip bomb ends at the catalogue's number. */
#include "store/store.h"

#include "base/alloc.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

enum { CHUNK = 1 << 18, NOTICE_LIMIT = 4 << 20 };

static nap_status write_all(int fd, const char *name, const unsigned char *p, size_t n,
                            nap_error *e)
{
    while (n > 0) {
        const ssize_t k = write(fd, p, n);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0)
            return nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "writing %s: %s", name, strerror(errno));
        p += k;
        n -= (size_t)k;
    }
    return NAP_OK;
}

/* Copies the opened member; `limit` is the most it may hold. */
static nap_status copy_member(zip_file_t *f, const char *wheel, const char *member, uint64_t limit,
                              int fd, const char *fd_name, crypto_hash_sha256_state *hash,
                              nap_error *e)
{
    unsigned char *buf = nap_alloc(CHUNK);
    if (buf == NULL) return nap_fail_memory(e, CHUNK, "copy buffer");
    uint64_t sum = 0;
    nap_status status = NAP_OK;
    for (;;) {
        const zip_int64_t n = zip_fread(f, buf, CHUNK);
        if (n < 0) {
            status = nap_fail(e, NAP_ERR_HASH, NAP_NO_OFFSET, "%s: %s: damaged: %s", wheel, member,
                              zip_file_strerror(f));
            break;
        }
        if (n == 0) break;
        if ((uint64_t)n > limit - sum) {
            status = nap_fail(e, NAP_ERR_HASH, NAP_NO_OFFSET,
                              "%s: %s: found more than the %llu bytes expected", wheel, member,
                              (unsigned long long)limit);
            break;
        }
        sum += (uint64_t)n;
        status = write_all(fd, fd_name, buf, (size_t)n, e);
        if (status != NAP_OK) break;
        if (hash != NULL) crypto_hash_sha256_update(hash, buf, (unsigned long long)n);
    }
    nap_free(buf);
    return status;
}

nap_status nap_wheel_extract(const char *wheel, const char *member, uint64_t bytes, int fd,
                             const char *fd_name, void *hash, nap_error *e)
{
    int code = 0;
    zip_t *z = zip_open(wheel, ZIP_RDONLY | ZIP_CHECKCONS, &code);
    if (z == NULL) {
        zip_error_t ze;
        zip_error_init_with_code(&ze, code);
        (void)nap_fail(e, NAP_ERR_HASH, NAP_NO_OFFSET, "%s: no intact wheel: %s", wheel,
                       zip_error_strerror(&ze));
        zip_error_fini(&ze);
        return NAP_ERR_HASH;
    }
    nap_status status = NAP_OK;
    zip_file_t *f = NULL;
    zip_stat_t st;
    if (zip_stat(z, member, 0, &st) != 0 || !(st.valid & ZIP_STAT_SIZE)) {
        status = nap_fail(e, NAP_ERR_NOT_FOUND, NAP_NO_OFFSET, "%s: no member %s", wheel, member);
    } else if (bytes != 0 ? st.size != bytes : st.size > NOTICE_LIMIT) {
        status = nap_fail(e, NAP_ERR_HASH, NAP_NO_OFFSET, "%s: %s: %llu bytes, expected %s%llu",
                          wheel, member, (unsigned long long)st.size, bytes != 0 ? "" : "at most ",
                          (unsigned long long)(bytes != 0 ? bytes : NOTICE_LIMIT));
    } else if ((f = zip_fopen(z, member, 0)) == NULL) {
        status =
            nap_fail(e, NAP_ERR_HASH, NAP_NO_OFFSET, "%s: %s: %s", wheel, member, zip_strerror(z));
    } else {
        status = copy_member(f, wheel, member, st.size, fd, fd_name, hash, e);
    }
    if (f != NULL) zip_fclose(f);
    zip_discard(z);
    return status;
}

nap_status nap_file_sha256(const char *path, char hex[65], nap_progress_fn progress, void *user,
                           nap_error *e)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        const nap_status s =
            nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "opening %s: %s", path, strerror(errno));
        if (fd >= 0) close(fd);
        return s;
    }
    nap_status status = NAP_OK;
    unsigned char *buf = nap_alloc(CHUNK);
    if (buf == NULL) status = nap_fail_memory(e, CHUNK, "copy buffer");
    crypto_hash_sha256_state hash;
    crypto_hash_sha256_init(&hash);
    uint64_t done = 0;
    while (status == NAP_OK) {
        const ssize_t n = read(fd, buf, CHUNK);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) status = nap_fail(e, NAP_ERR_IO, done, "reading %s: %s", path, strerror(errno));
        if (n <= 0) break;
        crypto_hash_sha256_update(&hash, buf, (unsigned long long)n);
        done += (uint64_t)n;
        if (progress != NULL && !progress(user, "checking", done, (uint64_t)st.st_size))
            status = nap_fail(e, NAP_ERR_CANCELLED, done, "%s: check stopped", path);
    }
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_final(&hash, digest);
    if (status == NAP_OK) sodium_bin2hex(hex, 65, digest, sizeof digest);
    nap_free(buf);
    close(fd);
    return status;
}
