/* napier/status.h: result codes and the error record.
 *
 * Every function that can fail returns a nap_status and takes, as its last argument, a pointer to
 * a nap_error that the caller owns (or NULL). On success the record is left alone. On failure it
 * holds the code, the byte offset in the file or text at fault (NAP_NO_OFFSET where there is
 * none), and one sentence that names the file, the field, what was found and what was expected.
 * The library never calls abort() or exit(), and never prints.
 */
#ifndef NAPIER_STATUS_H
#define NAPIER_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define NAP_API __attribute__((visibility("default")))
#else
#define NAP_API
#endif

/* Stable numbers: they are the exit codes' and the bindings' vocabulary. */
typedef enum nap_status {
    NAP_OK = 0,
    NAP_ERR_ARGUMENT = 1,    /* the caller passed something no call can accept */
    NAP_ERR_IO = 2,          /* open, read, write, map, no space: errno is in the text */
    NAP_ERR_FORMAT = 3,      /* the file or text is malformed; offset says where */
    NAP_ERR_UNSUPPORTED = 4, /* well-formed, but of a kind this build does not know (named) */
    NAP_ERR_MEMORY = 5,      /* an allocation failed, or would exceed the memory there is */
    NAP_ERR_LIMIT = 6,       /* a guard was reached: depth, fuel, output size */
    NAP_ERR_CONTEXT = 7,     /* more tokens than the context holds; nothing was cut */
    NAP_ERR_NOT_FOUND = 8,   /* no such model, tensor, key or file */
    NAP_ERR_CANCELLED = 9,   /* a callback asked to stop */
    NAP_ERR_TEMPLATE = 10,   /* the chat template itself refused (raise_exception) */
    NAP_ERR_HASH = 11,       /* contents differ from their recorded hash */
    NAP_ERR_INTERNAL = 12    /* a bug in Napier: please report it */
} nap_status;

#define NAP_NO_OFFSET UINT64_MAX

typedef struct nap_error {
    nap_status code;
    uint64_t offset; /* byte offset in the file or text, or NAP_NO_OFFSET */
    char text[496];  /* NUL-terminated UTF-8, one line, no trailing full stop needed */
} nap_error;

/* "NAP_ERR_FORMAT" and so on; never NULL. */
NAP_API const char *nap_status_name(nap_status s);

/* Called now and then during long work (load, pull, eval). `stage` is a short constant word.
 * total == 0: unknown. Returning false asks the work to stop with NAP_ERR_CANCELLED. */
typedef bool (*nap_progress_fn)(void *user, const char *stage, uint64_t done, uint64_t total);

/* Messages that are no errors (a fallback taken, an odd but legal file). One line, no newline. */
typedef void (*nap_log_fn)(void *user, const char *line);
NAP_API void nap_set_log(nap_log_fn fn, void *user);

#ifdef __cplusplus
}
#endif
#endif
