/* Any bytes as a NumPy array: a sentence that names the file, or an array whose bytes are those of
 * its shape, read without asking for much more memory than the file has. */
#include "fuzz.h"

#include "base/alloc.h"
#include "lutcore/npy.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned widths[] = {1, 1, 2, 2, 4, 4};
    nap_npy x;
    nap_error e = {0};
    nap_alloc_fail_at(-1, false);
    (void)nap_alloc_requested();
    const nap_status status = nap_npy_parse(data, size, "fuzz.npy", &x, &e);
    FUZZ_CHECK(nap_alloc_requested() <= 64 + (uint64_t)size);
    if (status != NAP_OK) {
        FUZZ_CHECK(x.data == NULL && e.code == status && e.offset <= size);
        FUZZ_CHECK(strncmp(e.text, "fuzz.npy: ", 10) == 0);
        return 0;
    }
    uint64_t bytes = widths[x.type];
    FUZZ_CHECK(x.dims <= 4);
    for (unsigned i = 0; i < x.dims; i++) bytes *= x.shape[i];
    FUZZ_CHECK(bytes == x.bytes && bytes <= size);
    FUZZ_CHECK(memcmp(x.data, data + size - x.bytes, x.bytes) == 0);
    nap_npy_free(&x);
    return 0;
}
