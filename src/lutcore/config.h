/* Configuration files: `key = value` lines in [sections], '#' starts a comment.
 *
 * [core] describes an array (types.h), [machine] the GPU around it (sim.h). A file may hold one or
 * both. Unknown sections and keys, repeated keys, values out of range and designs that cannot be
 * are refused with file, line, key, found and expected. configs/ holds the shipped ones. */
#ifndef NAP_LUTCORE_CONFIG_H
#define NAP_LUTCORE_CONFIG_H

#include "lutcore/types.h"

/* The default design: M2 N64 K4, INT8 activations, exact tables, up to 4 planes, 32-bit sums. */
nap_core nap_core_default(void);

/* Is this a design that can be built? Names the key, found and expected. `where` is the file name
 * or "configuration". Combinations that are refused: docs/lmma.md, "Legal designs". */
nap_status nap_core_check(const nap_core *c, const char *where, nap_error *e);

/* A parsed file: every (section, key, value, line), for the readers of the sections. */
typedef struct nap_config_item {
    char section[16], key[32], value[96];
    unsigned line;
    bool used;
} nap_config_item;
typedef struct nap_config {
    char *name; /* of the file, for messages */
    nap_config_item *items;
    size_t count;
} nap_config;

nap_status nap_config_parse(const char *text, size_t len, const char *name, nap_config *out,
                            nap_error *e);
nap_status nap_config_load(const char *path, nap_config *out, nap_error *e);
void nap_config_free(nap_config *c);
/* Typed look-ups: leave *out alone if the key is absent; mark it used. */
nap_status nap_config_uint(nap_config *c, const char *section, const char *key, uint64_t min,
                           uint64_t max, uint64_t *out, nap_error *e);
nap_status nap_config_real(nap_config *c, const char *section, const char *key, double min,
                           double max, double *out, nap_error *e);
/* One of `names` (NULL-terminated): stores its index. */
nap_status nap_config_choice(nap_config *c, const char *section, const char *key,
                             const char *const *names, unsigned *out, nap_error *e);
nap_status nap_config_text(nap_config *c, const char *section, const char *key, char *out,
                           size_t cap, nap_error *e);
/* Fails on the first item of `section` that no look-up used: an unknown key. `known` (may be NULL)
 * lists the keys there are. */
nap_status nap_config_done(const nap_config *c, const char *section, const char *known,
                           nap_error *e);
/* The line of a key, 0 if the file leaves it out. */
unsigned nap_config_line(const nap_config *c, const char *section, const char *key);
bool nap_config_has(const nap_config *c, const char *section);

/* Reads [core] over the defaults, and checks it. */
nap_status nap_core_read(nap_config *c, nap_core *out, nap_error *e);
nap_status nap_core_load(const char *path, nap_core *out, nap_error *e);
/* The [core] section as text that reads back to the same record (deterministic). */
struct nap_buf;
void nap_core_write(const nap_core *c, struct nap_buf *out);

#endif
