/* napier/napier.h: all of Napier's C interface.
 *
 *     nap_model *model; nap_engine *engine; nap_session *session; nap_error err;
 *     nap_model_open(&model, "model.gguf", &err);
 *     nap_engine_create(&engine, model, NULL, &err);
 *     nap_session_create(&session, engine, &err);
 *     nap_generate(session, prompt, n, NULL, on_piece, NULL, NULL, &err);
 *
 * examples/ has whole programs. Every handle is opaque; every *_destroy, *_close and *_free
 * accepts NULL; option pointers may be NULL for the defaults.
 */
#ifndef NAPIER_NAPIER_H
#define NAPIER_NAPIER_H

#include "napier/generate.h"
#include "napier/lutcore.h"
#include "napier/measure.h"
#include "napier/model.h"
#include "napier/session.h"
#include "napier/status.h"
#include "napier/store.h"
#include "napier/template.h"
#include "napier/tokenizer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0"; the commit it was built from ("unknown" outside git); the compiler; this CPU. */
NAP_API const char *nap_version(void);
NAP_API const char *nap_version_commit(void);
NAP_API const char *nap_version_compiler(void);
NAP_API const char *nap_version_cpu(void);

#ifdef __cplusplus
}
#endif
#endif
