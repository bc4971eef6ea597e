/* Any bytes as a safetensors file: a named error, or tensors that fill the data exactly. */
#include "fuzz.h"

#include "file/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nap_source *s;
    nap_safetensors *f;
    nap_error e = {0};
    uint64_t at = 0;
    FUZZ_CHECK(nap_source_memory(&s, "fuzz.safetensors", data, size, &e) == NAP_OK);
    const nap_status status = nap_safetensors_open_source(&f, s, &e);
    if (status != NAP_OK) {
        FUZZ_CHECK(f == NULL && e.code == status && e.text[0] && e.offset <= size);
        return 0;
    }
    for (size_t i = 0; i < nap_safetensors_count(f); i++) {
        const nap_safe_tensor *t = nap_safetensors_at(f, i);
        uint8_t byte;
        FUZZ_CHECK(nap_safetensors_find(f, t->name) == t);
        FUZZ_CHECK(i == 0 || t->offset == at);
        at = t->offset + t->bytes;
        if (t->bytes) {
            FUZZ_CHECK(nap_safetensors_read(f, t, t->bytes - 1, &byte, 1, &e) == NAP_OK);
        }
        FUZZ_CHECK(nap_safetensors_read(f, t, t->bytes, &byte, 1, &e) == NAP_ERR_ARGUMENT);
    }
    FUZZ_CHECK(nap_safetensors_count(f) == 0 || at == size);
    nap_safetensors_close(f);
    return 0;
}
