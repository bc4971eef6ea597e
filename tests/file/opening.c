#include "opening.h"

#include "cmocka_all.h"

#include "base/alloc.h"
#include "models.h"

#include <stdlib.h>
#include <string.h>

/* Per byte of the file, all requests added up: the metadata once or twice, an entry of 72 bytes
 * for each key of at least 14 bytes and one of 120 for each tensor of at least 25, both in arrays
 * that double; and a fixed part for the objects and the first 16 entries of each array. */
static uint64_t memory_bound(size_t len)
{
    return 8192 + 24 * (uint64_t)len;
}

/* Touches whatever an opened file offers, so that a sanitizer sees any lie. */
static unsigned walk(const nap_gguf *g)
{
    unsigned sum = 0;
    for (size_t i = 0; i < nap_gguf_kv_count(g); i++) {
        const nap_gguf_kv *kv = nap_gguf_kv_at(g, i);
        const char *s;
        size_t n;
        double d;
        sum += (unsigned)strlen(kv->key);
        for (uint64_t pos = 0; nap_gguf_next_string(kv, &pos, &s, &n);) {
            for (size_t k = 0; k < n; k++) sum += (uint8_t)s[k];
        }
        for (uint64_t k = 0; k < kv->count && nap_gguf_elem_f64(kv, k, &d); k++) sum += d > 0;
        assert_ptr_equal(nap_gguf_find(g, kv->key), kv);
    }
    for (size_t i = 0; i < nap_gguf_tensor_count(g); i++) {
        const nap_tensor *t = nap_gguf_tensor_at(g, i);
        nap_error e;
        uint8_t byte;
        assert_ptr_equal(nap_gguf_tensor(g, t->name), t);
        assert_true(t->bytes > 0);
        assert_int_equal(nap_gguf_read(g, t, t->bytes - 1, &byte, 1, &e), NAP_OK);
        sum += byte;
    }
    return sum;
}

nap_status try_open(const void *bytes, size_t len, nap_error *e)
{
    nap_source *s;
    nap_gguf *g = NULL;
    void *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, len);
    nap_alloc_fail_at(-1, false);
    assert_int_equal(nap_source_memory(&s, "bad.gguf", copy, len, e), NAP_OK);
    memset(e, 0, sizeof *e);
    const nap_status status = nap_gguf_open_source(&g, s, e);
    if (nap_alloc_requested() > memory_bound(len)) {
        fail_msg("%llu bytes requested for a file of %zu",
                 (unsigned long long)nap_alloc_requested(), len);
    }
    if (status == NAP_OK) {
        walk(g);
    } else {
        assert_null(g);
        assert_int_equal(e->code, status);
        assert_non_null(strstr(e->text, "bad.gguf"));
        const bool named = status == NAP_ERR_FORMAT || status == NAP_ERR_UNSUPPORTED ||
                           status == NAP_ERR_LIMIT || status == NAP_ERR_ARGUMENT;
        if (!named || (e->offset > len && status != NAP_ERR_ARGUMENT)) {
            fail_msg("%s at %llu: %s", nap_status_name(status), (unsigned long long)e->offset,
                     e->text);
        }
    }
    nap_gguf_close(g);
    free(copy);
    return status;
}

nap_buf small(void)
{
    nap_buf b = {0};
    nap_error e;
    if (model_small(&b, &e) != NAP_OK) fail_msg("%s", e.text);
    return b;
}
