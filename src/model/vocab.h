/* The vocabulary of a GGUF file: tokenizer.ggml.* -> nap_vocab. Works on files that hold nothing
 * but a vocabulary too. */
#ifndef NAP_MODEL_VOCAB_H
#define NAP_MODEL_VOCAB_H

#include "file/gguf.h"
#include "napier/tokenizer.h"

/* NAP_ERR_NOT_FOUND if the file has no tokenizer.ggml.model or tokens; NAP_ERR_FORMAT names the
 * key where one is malformed. The vocabulary does not refer to `g` afterwards.
 * nap_vocab_destroy() (text/vocab.h) frees it. */
nap_status nap_vocab_from_gguf(nap_vocab **out, const nap_gguf *g, nap_error *e);

#endif
