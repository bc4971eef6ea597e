/* Filling the public error record. */
#ifndef NAP_BASE_ERROR_H
#define NAP_BASE_ERROR_H

#include "napier/status.h"

/* Writes the record (e may be NULL) and returns `code`, so that call sites read
 *     return nap_fail(e, NAP_ERR_FORMAT, off, "%s: version %u, expected 2 or 3", path, v); */
nap_status nap_fail(nap_error *e, nap_status code, uint64_t offset, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Allocation failed: the one message every folder shares. */
nap_status nap_fail_memory(nap_error *e, size_t bytes, const char *what);

/* Returns from the enclosing function on failure. The only macro here that hides control flow. */
#define NAP_TRY(call)                                                                              \
    do {                                                                                           \
        nap_status nap_try_status_ = (call);                                                       \
        if (nap_try_status_ != NAP_OK) return nap_try_status_;                                     \
    } while (0)

void nap_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
