/* Any bytes as a template and, behind a zero byte, its JSON variables: a result within the limits
 * or a named error. */
#include "fuzz.h"

#include "base/alloc.h"
#include "napier/template.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char messages[] =
        "{\"messages\": [{\"role\": \"system\", \"content\": \"S\"}, {\"role\": \"user\", "
        "\"content\": \"Hi \\u00fc\"}, {\"role\": \"assistant\", \"content\": null, "
        "\"tool_calls\": [{\"function\": {\"name\": \"f\", \"arguments\": {\"a\": [1, 2.5]}}}]}], "
        "\"add_generation_prompt\": true, \"bos_token\": \"<s>\"}";
    const nap_template_limits limits = {
        .fuel = 20000, .depth = 100, .max_output = 1 << 16, .now = 1721995200};
    const uint8_t *zero = memchr(data, 0, size);
    const char *json = zero ? (const char *)zero + 1 : messages;
    const size_t text_len = zero ? (size_t)(zero - data) : size;
    const size_t json_len = zero ? size - text_len - 1 : sizeof messages - 1;
    nap_template *t = NULL;
    nap_error e = {.text = ""};
    char *out = NULL;
    size_t len = 0;
    nap_status s = nap_template_parse(&t, (const char *)data, text_len, &e);
    FUZZ_CHECK((s == NAP_OK) == (t != NULL));
    if (s == NAP_OK) s = nap_template_render(t, json, json_len, &limits, &out, &len, &e);
    FUZZ_CHECK(s != NAP_ERR_INTERNAL);
    if (s == NAP_OK)
        FUZZ_CHECK(out && len <= limits.max_output && out[len] == '\0');
    else
        FUZZ_CHECK(e.code == s && memchr(e.text, '\0', sizeof e.text));
    nap_free(out);
    nap_template_free(t);
    return 0;
}
