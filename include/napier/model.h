/* napier/model.h: opening a model file, and what is in it.
 *
 * A nap_model is immutable after opening and may be shared by any number of threads and engines.
 * Opening reads and checks all metadata; the weights are read, checked and packed for this CPU by
 * nap_engine_create (session.h), so that inspecting a large file is instant.
 */
#ifndef NAPIER_MODEL_H
#define NAPIER_MODEL_H

#include "napier/status.h"
#include "napier/template.h"
#include "napier/tokenizer.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct nap_model nap_model;

/* Opens a GGUF file (the first of a split set opens all). Files that hold only a vocabulary open
 * too; an engine cannot be made from those. An architecture this build does not know still
 * opens (so that it can be inspected); the engine refuses it by name. */
NAP_API nap_status nap_model_open(nap_model **out, const char *path, nap_error *e);
NAP_API void nap_model_close(nap_model *m);

NAP_API const char *nap_model_path(const nap_model *m);
NAP_API const char *nap_model_arch(const nap_model *m); /* "llama"; "" if the file names none */
NAP_API const char *nap_model_name(const nap_model *m); /* general.name, or the file's name */
/* What llama-bench prints: "llama 135M Q4_1" style description, bytes of tensors, parameters. */
NAP_API const char *nap_model_description(const nap_model *m);
NAP_API uint64_t nap_model_bytes(const nap_model *m);
NAP_API uint64_t nap_model_params(const nap_model *m);
NAP_API size_t nap_model_context_length(const nap_model *m); /* trained context; 0 if unknown */

/* NULL with the reason in *e if the file has no usable vocabulary. Owned by the model. */
NAP_API const nap_vocab *nap_model_vocab(const nap_model *m, nap_error *e);
/* The default chat template, parsed; NULL (NAP_ERR_NOT_FOUND) if the file has none, or the parse
 * error. Owned by the model. */
NAP_API const nap_template *nap_model_template(const nap_model *m, nap_error *e);
/* Renders {"messages": ...} with the model's template; bos_token, eos_token are supplied. */
NAP_API nap_status nap_model_chat(const nap_model *m, const char *json, size_t json_len,
                                  bool add_generation_prompt, char **out, size_t *len,
                                  nap_error *e);

/* Metadata, in file order. `value` is the JSON text of the value; arrays longer than max_array
 * elements are cut and end in "...": pass SIZE_MAX for all. Freed with nap_text_free. */
NAP_API size_t nap_model_meta_count(const nap_model *m);
NAP_API const char *nap_model_meta_key(const nap_model *m, size_t i);
NAP_API const char *nap_model_meta_type(const nap_model *m, size_t i); /* "u32", "str[49152]" */
NAP_API nap_status nap_model_meta_value(const nap_model *m, size_t i, size_t max_array,
                                        char **value, nap_error *e);

typedef struct nap_tensor_view {
    const char *name;
    const char *type; /* "Q4_1" */
    uint32_t n_dims;
    uint64_t ne[4]; /* fastest first */
    uint64_t elems, bytes, offset;
    uint32_t split;
} nap_tensor_view;
NAP_API size_t nap_model_tensor_count(const nap_model *m);
NAP_API nap_status nap_model_tensor(const nap_model *m, size_t i, nap_tensor_view *out,
                                    nap_error *e);

typedef struct nap_verify_report {
    size_t tensors;   /* read whole */
    size_t hashes;    /* compared with a hash recorded in the file */
    size_t nonfinite; /* tensors that hold NaN or infinite scales or values */
    char first_nonfinite[128];
} nap_verify_report;
/* Reads every tensor whole: all bytes are there, values are finite, and hashes agree with those of
 * a file PATH.manifest as llama.cpp's gguf-hash prints it (SHA-256 lines), if there is one. The
 * first failure is returned and named. */
NAP_API nap_status nap_model_verify(const nap_model *m, nap_progress_fn progress, void *user,
                                    nap_verify_report *report, nap_error *e);

#ifdef __cplusplus
}
#endif
#endif
