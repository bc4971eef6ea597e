/* GGUF v3, writer.
 *
 * First the description is put together in memory (keys, then tensors, in the order they are to
 * have in the file), then one call writes the file and asks for the tensors' bytes piece by piece.
 * Whatever the writer makes, the reader opens; the same rules are checked on both sides. Reading a
 * v3 file and writing it again gives the same bytes. Data is aligned by the key general.alignment
 * (u32) where it is put, else to 32 bytes; each tensor is padded with zeros, the last one too. */
#ifndef NAP_FILE_GGUF_WRITE_H
#define NAP_FILE_GGUF_WRITE_H

#include "base/buf.h"
#include "file/gguf.h"

typedef struct nap_gguf_writer nap_gguf_writer;

nap_status nap_gguf_writer_create(nap_gguf_writer **out, nap_error *e);
void nap_gguf_writer_destroy(nap_gguf_writer *w);

/* Any key: `kind`, `elem`, `count`, `data` and `size` as nap_gguf_kv describes them. A key or value
 * that is malformed, or put twice (found when the file is written), is NAP_ERR_ARGUMENT. */
nap_status nap_gguf_put(nap_gguf_writer *w, const nap_gguf_kv *kv, nap_error *e);
nap_status nap_gguf_put_u32(nap_gguf_writer *w, const char *key, uint32_t v, nap_error *e);
nap_status nap_gguf_put_f32(nap_gguf_writer *w, const char *key, float v, nap_error *e);
nap_status nap_gguf_put_bool(nap_gguf_writer *w, const char *key, bool v, nap_error *e);
nap_status nap_gguf_put_string(nap_gguf_writer *w, const char *key, const char *s, size_t len,
                               nap_error *e);
/* An array of `count` numbers, little-endian at `data`; bools are bytes of 0 or 1. */
nap_status nap_gguf_put_array(nap_gguf_writer *w, const char *key, nap_gguf_kind elem,
                              const void *data, uint64_t count, nap_error *e);
nap_status nap_gguf_put_strings(nap_gguf_writer *w, const char *key, const char *const *strings,
                                uint64_t count, nap_error *e);

/* The next tensor. ne[0] is the dimension that lies together; n_dims may be 0 (one element). */
nap_status nap_gguf_put_tensor(nap_gguf_writer *w, const char *name, const nap_format *format,
                               uint32_t n_dims, const uint64_t *ne, nap_error *e);

/* Supplies bytes [offset, offset + len) of tensor number `tensor`. */
typedef nap_status (*nap_gguf_data_fn)(void *ctx, size_t tensor, uint64_t offset, void *dst,
                                       size_t len, nap_error *e);

/* Writes a file that replaces `path` in one step (file/replace.h). */
nap_status nap_gguf_write(const nap_gguf_writer *w, const char *path, nap_gguf_data_fn data,
                          void *ctx, nap_error *e);
/* The same bytes, appended to `out`. */
nap_status nap_gguf_write_memory(const nap_gguf_writer *w, nap_buf *out, nap_gguf_data_fn data,
                                 void *ctx, nap_error *e);

#endif
