/* Writing a file so that a kill at any moment leaves the old one or the new one, never half.
 *
 * Bytes go to a new file beside the target ("model.gguf.new-<pid>-<n>"), which is synchronized and
 * then renamed over it; the folder is synchronized as well. Devices and folders are refused. */
#ifndef NAP_FILE_REPLACE_H
#define NAP_FILE_REPLACE_H

#include "napier/status.h"

typedef struct nap_replace nap_replace;

nap_status nap_replace_open(nap_replace **out, const char *path, nap_error *e);
nap_status nap_replace_put(nap_replace *r, const void *bytes, size_t len, nap_error *e);
/* Makes the new file take the place of the old. Closes `r` in every case. */
nap_status nap_replace_commit(nap_replace *r, nap_error *e);
/* Gives up: the target stays as it was. NULL is allowed. */
void nap_replace_cancel(nap_replace *r);

#endif
