/* safetensors, reader: the format in which models are published before they are quantized.
 *
 * A file is a length (u64), a JSON header that names each tensor with its type, shape and range of
 * bytes, and the data, which the tensors fill without gap or overlap; all of that is checked.
 * Source: the format section of the safetensors project's README. */
#ifndef NAP_FILE_SAFETENSORS_H
#define NAP_FILE_SAFETENSORS_H

#include "file/source.h"
#include "format/format.h"

typedef struct nap_safetensors nap_safetensors;

#define NAP_SAFE_MAX_DIMS 8

typedef struct nap_safe_tensor {
    const char *name;
    const char *dtype;        /* as in the file: "BF16" */
    const nap_format *format; /* NULL: a type that is not decoded (BOOL, U8, F8_E4M3 ...) */
    uint32_t n_dims;
    uint64_t ne[NAP_SAFE_MAX_DIMS]; /* fastest first, as in GGUF; 1 beyond n_dims */
    uint64_t bytes;
    uint64_t offset; /* absolute */
} nap_safe_tensor;

nap_status nap_safetensors_open(nap_safetensors **out, const char *path, nap_error *e);
/* Takes over `s`, also on failure. */
nap_status nap_safetensors_open_source(nap_safetensors **out, nap_source *s, nap_error *e);
void nap_safetensors_close(nap_safetensors *f);

/* Tensors in the order of their data. */
size_t nap_safetensors_count(const nap_safetensors *f);
const nap_safe_tensor *nap_safetensors_at(const nap_safetensors *f, size_t i);
const nap_safe_tensor *nap_safetensors_find(const nap_safetensors *f, const char *name);
/* A value of the header's __metadata__; NULL if absent. */
const char *nap_safetensors_meta(const nap_safetensors *f, const char *key);

/* Reads bytes [offset, offset + len) of a tensor's data. Thread-safe. */
nap_status nap_safetensors_read(const nap_safetensors *f, const nap_safe_tensor *t, uint64_t offset,
                                void *dst, size_t len, nap_error *e);

#endif
