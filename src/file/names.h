/* Names from files: what is allowed in them, and how they are printed. */
#ifndef NAP_FILE_NAMES_H
#define NAP_FILE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Valid UTF-8 without control characters and not empty: fit for a terminal and for JSON. */
bool nap_name_ok(const uint8_t *s, size_t len);

/* A short printable form for messages: at most 63 characters, others than ASCII as '?'. */
typedef struct nap_shown {
    char text[64];
} nap_shown;
nap_shown nap_show(const void *s, size_t len);

/* A path for messages: its last 160 bytes are enough to know it. */
const char *nap_show_path(const char *path);

#endif
