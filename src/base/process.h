/* Running other programs: no shell, output captured. */
#ifndef NAP_BASE_PROCESS_H
#define NAP_BASE_PROCESS_H

#include "base/buf.h"
#include "napier/status.h"

/* Runs argv[0] (found on PATH) with argv (NULL-terminated), in folder `dir` (NULL: here), standard
 * input from /dev/null, standard output and error appended together to `output` (may be NULL:
 * thrown away). *code is the exit code, 128 + n after signal n. NAP_ERR_NOT_FOUND if there is no
 * such program; `hint` (may be NULL) says what to install and ends the message. A child never
 * outlives the call. */
nap_status nap_process_run(const char *const argv[], const char *dir, nap_buf *output, int *code,
                           const char *hint, nap_error *e);
/* Is there such a program on PATH? */
bool nap_process_exists(const char *name);
/* mkdir -p. */
nap_status nap_make_folder(const char *path, nap_error *e);
/* A folder below the user's cache: $NAPIER_CACHE, $XDG_CACHE_HOME/napier or ~/.cache/napier, then
 * `name`; made if missing. nap_free(). */
nap_status nap_cache_folder(const char *name, char **out, nap_error *e);
/* A whole file, at most `limit` bytes; and one written whole: to a temporary name, then renamed
 * (devices and pipes directly). */
nap_status nap_read_whole(const char *path, size_t limit, char **out, size_t *len, nap_error *e);
nap_status nap_write_whole(const char *path, const void *bytes, size_t len, nap_error *e);

#endif
