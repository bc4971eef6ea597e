/* A regular file opened for reading by position.
 *
 * Nothing in Napier reads a model through a memory mapping: a file that is cut short or replaced
 * while it is open then gives a short read and a clear error, where a mapping gives SIGBUS; and
 * weights are copied anyway, because they are packed for the CPU at load. */
#ifndef NAP_FILE_SOURCE_H
#define NAP_FILE_SOURCE_H

#include "napier/status.h"

typedef struct nap_source nap_source;

/* Only regular files (a FIFO, device or directory is refused by name). */
nap_status nap_source_open(nap_source **out, const char *path, nap_error *e);
/* The same interface over bytes in memory (not copied), for tests and fuzzing. */
nap_status nap_source_memory(nap_source **out, const char *name, const void *bytes, size_t len,
                             nap_error *e);
void nap_source_close(nap_source *s);
uint64_t nap_source_size(const nap_source *s);
const char *nap_source_path(const nap_source *s);
/* Reads exactly len bytes; a shorter file is NAP_ERR_FORMAT ("file ends at byte ..."). Safe to
 * call from several threads at once. */
nap_status nap_source_read(const nap_source *s, uint64_t offset, void *dst, size_t len,
                           nap_error *e);

#endif
