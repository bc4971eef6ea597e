/* napier/template.h: chat templates (the Jinja that published models carry).
 *
 * Templates come from untrusted files: the interpreter has no access to anything but its input,
 * and is bounded in steps, depth and output. Rendering follows the settings of the transformers
 * library (trim_blocks, lstrip_blocks, tojson without HTML escaping, raise_exception,
 * strftime_now, loop controls).
 */
#ifndef NAPIER_TEMPLATE_H
#define NAPIER_TEMPLATE_H

#include "napier/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct nap_template nap_template;

typedef struct nap_template_limits {
    uint64_t fuel;       /* evaluation steps; 0: the default, 50 million */
    uint32_t depth;      /* nesting of expressions, blocks and calls; 0: the default, 200 */
    uint64_t max_output; /* bytes rendered, and bytes of any one value; 0: the default, 64 MiB */
    int64_t now;         /* Unix time that strftime_now sees; 0: the clock */
} nap_template_limits;

/* Parses `len` bytes of template text, which may be freed afterwards. A syntax error is
 * NAP_ERR_FORMAT with its byte offset and line. */
NAP_API nap_status nap_template_parse(nap_template **out, const char *text, size_t len,
                                      nap_error *e);
NAP_API void nap_template_free(nap_template *t);

/* Renders with the variables of a JSON object, OpenAI-shaped:
 *   {"messages": [{"role": ..., "content": ...}], "tools": [...], "add_generation_prompt": true,
 *    "bos_token": "<s>", ...}
 * Every member becomes a variable. *out is freed with nap_text_free. A template that refuses
 * (raise_exception) gives NAP_ERR_TEMPLATE with its own message as the text. */
NAP_API nap_status nap_template_render(const nap_template *t, const char *json, size_t json_len,
                                       const nap_template_limits *limits, char **out, size_t *len,
                                       nap_error *e);

#ifdef __cplusplus
}
#endif
#endif
