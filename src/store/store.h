/* What the files of this folder share. The public interface is napier/store.h.
 *
 * Layout of a store (nothing else is ever written there):
 *     models/NAME/NAME.gguf      the model; the folder appears by one rename, complete
 *     models/NAME/...            notices that came with it (licence texts)
 *     tmp/NAME/                  one pull's work: tmp/NAME/wheels, tmp/NAME/out ...
 *     tmp/NAME.lock              held (flock) by the process that pulls or removes NAME
 *
 * Invariant: whatever is under models/ was complete and checked when it got there. Anything under
 * tmp/ may be deleted by whoever holds the lock. */
#ifndef NAP_STORE_STORE_H
#define NAP_STORE_STORE_H

#include "napier/store.h"

#include <sys/types.h>

/* A file inside a package: `member` is its path in the wheel. */
typedef struct nap_store_part {
    const char *package, *version, *member;
    uint64_t bytes; /* 0: unknown (notices) */
} nap_store_part;

typedef struct nap_notice {
    const char *package, *version, *member;
    const char *file; /* its name beside the model */
} nap_notice;

enum { NAP_MAX_PARTS = 64, NAP_MAX_NOTICES = 8 };

/* One model that can be pulled: its parts joined in order are the file. */
typedef struct nap_source_entry {
    nap_store_entry entry;
    size_t n_parts, n_notices;
    const nap_store_part *parts;
    const nap_notice *notices;
} nap_source_entry;

/* ---- catalog.c */
/* Built-in entries, then those of $NAPIER_CATALOG (read once). */
size_t nap_catalog_count(void);
const nap_source_entry *nap_catalog_at(size_t i);
/* NULL with the reason: unknown (the known names are listed), or a broken $NAPIER_CATALOG. */
const nap_source_entry *nap_catalog_find(const char *name, nap_error *e);
/* A name is [a-z0-9][a-z0-9._-]*, at most 64 bytes: it becomes a file name. */
bool nap_catalog_name_ok(const char *name);

/* ---- paths.c: all paths are allocated (nap_free) */
char *nap_path_format(nap_error *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
nap_status nap_path_make_dirs(const char *path, nap_error *e);
/* Removes a file or a whole folder, never following links; what is absent is no error. */
nap_status nap_path_remove(const char *path, nap_error *e);
nap_status nap_path_sync_dir(const char *path, nap_error *e);
/* Bytes of all files under `path` (0 if absent). */
uint64_t nap_path_usage(const char *path);
/* Takes NAME's lock; waits while another process holds it, calling progress("waiting"). */
nap_status nap_path_lock(const char *lock_path, nap_progress_fn progress, void *user, int *fd,
                         nap_error *e);

/* ---- client.c: the Python package client */
/* Downloads the wheel of package==version to exactly `wheel_path` (absent, or complete). `work` is
 * an empty folder of ours; `expect` the bytes hoped for (0: unknown), `base` what earlier packages
 * brought, both only for progress. */
typedef struct nap_fetch {
    const char *package, *version, *wheel_path, *work;
    uint64_t base, total;
    nap_progress_fn progress;
    void *user;
} nap_fetch;
nap_status nap_client_fetch(const nap_fetch *f, nap_error *e);

/* ---- wheel.c */
/* Appends one member of a wheel to an open file and, if hash is not NULL, to the SHA-256 state
 * (crypto_hash_sha256_state). The member's CRC and, if bytes != 0, its size are checked. */
nap_status nap_wheel_extract(const char *wheel, const char *member, uint64_t bytes, int fd,
                             const char *fd_name, void *hash, nap_error *e);
/* SHA-256 of a file as 64 hex digits. */
nap_status nap_file_sha256(const char *path, char hex[65], nap_progress_fn progress, void *user,
                           nap_error *e);

#endif
