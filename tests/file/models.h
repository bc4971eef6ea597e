/* Small GGUF files for tests: a fixed one with every kind of value, and random ones by seed. */
#ifndef NAP_TESTS_FILE_MODELS_H
#define NAP_TESTS_FILE_MODELS_H

#include "base/buf.h"
#include "file/gguf_write.h"

/* Every kind of value and array, five tensors in five formats; about 1.5 KB. */
nap_status model_small(nap_buf *out, nap_error *e);
/* The description of a random model: up to 20 keys and 12 tensors of any format. */
nap_status model_random(nap_gguf_writer *w, uint64_t seed, nap_error *e);
/* Tensor bytes for both: a function of tensor number and offset. */
nap_status model_data(void *ctx, size_t tensor, uint64_t offset, void *dst, size_t len,
                      nap_error *e);
/* Puts all keys and tensors of `g` into `w`, in the file's order. */
nap_status model_copy(nap_gguf_writer *w, const nap_gguf *g, nap_error *e);
/* For nap_gguf_write with ctx = the nap_gguf that model_copy copied. */
nap_status model_copy_data(void *ctx, size_t tensor, uint64_t offset, void *dst, size_t len,
                           nap_error *e);

#endif
