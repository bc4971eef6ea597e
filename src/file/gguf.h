/* GGUF v2 and v3, reader. Format: ggml's docs/gguf.md.
 *
 * The reader trusts nothing: every count, length, offset and type is checked against the file
 * before memory is taken for it, and every message names the file, the field, what was found and
 * what was expected, with the byte offset. Big-endian files are refused by name. Split files
 * (name-00001-of-00003.gguf with split.count) open as one. */
#ifndef NAP_FILE_GGUF_H
#define NAP_FILE_GGUF_H

#include "file/source.h"
#include "format/format.h"

typedef struct nap_gguf nap_gguf;

/* Value types; numbers as in the file. */
typedef enum nap_gguf_kind {
    NAP_GGUF_U8 = 0,
    NAP_GGUF_I8 = 1,
    NAP_GGUF_U16 = 2,
    NAP_GGUF_I16 = 3,
    NAP_GGUF_U32 = 4,
    NAP_GGUF_I32 = 5,
    NAP_GGUF_F32 = 6,
    NAP_GGUF_BOOL = 7,
    NAP_GGUF_STRING = 8,
    NAP_GGUF_ARRAY = 9,
    NAP_GGUF_U64 = 10,
    NAP_GGUF_I64 = 11,
    NAP_GGUF_F64 = 12
} nap_gguf_kind;

typedef struct nap_gguf_kv {
    const char *key; /* NUL-terminated, no NUL inside */
    size_t key_len;
    nap_gguf_kind kind;  /* ARRAY: see elem and count */
    nap_gguf_kind elem;  /* of an array (never ARRAY: nesting is refused); else equal to kind */
    uint64_t count;      /* elements of an array; 1 otherwise */
    const uint8_t *data; /* little-endian value(s); strings are u64 length + bytes each */
    uint64_t size;       /* bytes at data */
    uint64_t offset;     /* of the value in the file */
} nap_gguf_kv;

#define NAP_MAX_DIMS 4

typedef struct nap_tensor {
    const char *name; /* NUL-terminated, unique in the file */
    const nap_format *format;
    uint32_t n_dims;
    uint64_t ne[NAP_MAX_DIMS]; /* elements per dimension, fastest first; 1 beyond n_dims */
    uint64_t bytes;            /* of data, proven to lie inside the file */
    uint64_t offset;           /* absolute, in its own split file */
    uint32_t split;            /* which file */
} nap_tensor;

nap_status nap_gguf_open(nap_gguf **out, const char *path, nap_error *e);
/* Takes over `s`, also on failure. A split file cannot be opened this way. */
nap_status nap_gguf_open_source(nap_gguf **out, nap_source *s, nap_error *e);
void nap_gguf_close(nap_gguf *g);

const char *nap_gguf_path(const nap_gguf *g);
uint32_t nap_gguf_version(const nap_gguf *g);
uint64_t nap_gguf_file_bytes(const nap_gguf *g); /* all splits together */
uint32_t nap_gguf_splits(const nap_gguf *g);

size_t nap_gguf_kv_count(const nap_gguf *g);
const nap_gguf_kv *nap_gguf_kv_at(const nap_gguf *g, size_t i);
const nap_gguf_kv *nap_gguf_find(const nap_gguf *g, const char *key); /* NULL if absent */

size_t nap_gguf_tensor_count(const nap_gguf *g);
const nap_tensor *nap_gguf_tensor_at(const nap_gguf *g, size_t i);
const nap_tensor *nap_gguf_tensor(const nap_gguf *g, const char *name); /* NULL if absent */
size_t nap_gguf_tensor_index(const nap_gguf *g, const nap_tensor *t);   /* of one of g's own */

/* Reads bytes [offset, offset + len) of a tensor's data. Thread-safe. */
nap_status nap_gguf_read(const nap_gguf *g, const nap_tensor *t, uint64_t offset, void *dst,
                         size_t len, nap_error *e);

/* Typed look-ups. A missing key is NAP_ERR_NOT_FOUND; a value of another kind or range is
 * NAP_ERR_FORMAT; both name file and key. Integers of any width are accepted where they fit. */
nap_status nap_gguf_u32(const nap_gguf *g, const char *key, uint32_t *out, nap_error *e);
nap_status nap_gguf_f32(const nap_gguf *g, const char *key, float *out, nap_error *e);
nap_status nap_gguf_bool(const nap_gguf *g, const char *key, bool *out, nap_error *e);
/* Points into the reader's memory; not NUL-terminated. */
nap_status nap_gguf_string(const nap_gguf *g, const char *key, const char **s, size_t *len,
                           nap_error *e);
/* The same with a default: absent gives `def` and NAP_OK, a wrong kind is still an error. */
nap_status nap_gguf_u32_or(const nap_gguf *g, const char *key, uint32_t def, uint32_t *out,
                           nap_error *e);
nap_status nap_gguf_f32_or(const nap_gguf *g, const char *key, float def, float *out, nap_error *e);
nap_status nap_gguf_bool_or(const nap_gguf *g, const char *key, bool def, bool *out, nap_error *e);

/* Scalar kv (or element i of a numeric array) as a number; false if not of that nature. */
bool nap_gguf_elem_i64(const nap_gguf_kv *kv, uint64_t i, int64_t *out);
bool nap_gguf_elem_f64(const nap_gguf_kv *kv, uint64_t i, double *out);

/* Walks a string array (or a single string): start with pos = 0, stop when it returns false. */
bool nap_gguf_next_string(const nap_gguf_kv *kv, uint64_t *pos, const char **s, size_t *len);

#endif
