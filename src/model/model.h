/* The inside of nap_model (include/napier/model.h): a reader, and what is made from it on demand.
 * src/api adds the functions that only show what is in the file. */
#ifndef NAP_MODEL_MODEL_H
#define NAP_MODEL_MODEL_H

#include "napier/model.h"
#include "file/gguf.h"
#include "model/hparams.h"

const nap_gguf *nap_model_file(const nap_model *m);

/* Builds the operator graph of the model with the passes that every executor wants (select rows,
 * dead nodes). The caller destroys it. `h` may be NULL. */
nap_status nap_model_graph(const nap_model *m, nap_graph **out, nap_hparams *h, nap_error *e);

/* The same from a reader and an architecture's name. */
nap_status nap_arch_graph(const nap_gguf *g, const char *arch, nap_graph **out, nap_hparams *h,
                          nap_error *e);

#endif
