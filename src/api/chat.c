/* A conversation to text with the model's own template. */
#include "model/model.h"
#include "base/error.h"

#include <jansson.h>
#include <string.h>

/* Sets obj[name] to the text of a special token, unless the caller has set it. */
static bool add_token(json_t *obj, const char *name, const nap_vocab *v, nap_token t)
{
    if (json_object_get(obj, name)) return true;
    size_t len = 0;
    const char *text = t == NAP_TOKEN_NONE ? "" : nap_vocab_text(v, t, &len);
    json_t *s = json_stringn(text ? text : "", len); /* NULL if it is no UTF-8 */
    return json_object_set_new(obj, name, s ? s : json_string("")) == 0;
}

static nap_status render(const nap_model *m, const nap_template *t, json_t *obj,
                         bool add_generation_prompt, char **out, size_t *len, nap_error *e)
{
    const nap_vocab *v = nap_model_vocab(m, e);
    if (!v) return e ? e->code : NAP_ERR_FORMAT;
    bool ok = add_token(obj, "bos_token", v, nap_vocab_bos(v)) &&
              add_token(obj, "eos_token", v, nap_vocab_eos(v));
    ok = ok && json_object_set_new(obj, "add_generation_prompt",
                                   json_boolean(add_generation_prompt)) == 0;
    char *text = ok ? json_dumps(obj, JSON_COMPACT) : NULL;
    if (!text) return nap_fail_memory(e, 0, "the conversation");
    const nap_status s = nap_template_render(t, text, strlen(text), NULL, out, len, e);
    free(text);
    return s;
}

nap_status nap_model_chat(const nap_model *m, const char *json, size_t json_len,
                          bool add_generation_prompt, char **out, size_t *len, nap_error *e)
{
    *out = NULL;
    *len = 0;
    nap_error why = {.code = NAP_ERR_INTERNAL};
    const nap_template *t = nap_model_template(m, &why);
    if (!t) return nap_fail(e, why.code, why.offset, "%s", why.text);
    json_error_t je;
    json_t *obj = json_loadb(json, json_len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &je);
    if (!obj || !json_is_object(obj)) {
        json_decref(obj);
        return nap_fail(e, NAP_ERR_FORMAT, obj ? 0 : (uint64_t)je.position,
                        "conversation: %s, expected a JSON object with \"messages\"",
                        obj ? "found another JSON value" : je.text);
    }
    const nap_status s = render(m, t, obj, add_generation_prompt, out, len, &why);
    json_decref(obj);
    return s == NAP_OK ? NAP_OK : nap_fail(e, s, why.offset, "%s", why.text);
}
