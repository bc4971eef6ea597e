/* Any bytes as a GGUF file: a named error, or a model whose every key and tensor can be read and
 * which the writer turns into a file of the same contents. */
#include "fuzz.h"

#include "base/alloc.h"
#include "file/gguf_write.h"

#include <string.h>

static nap_status supply(void *ctx, size_t tensor, uint64_t offset, void *dst, size_t len,
                         nap_error *e)
{
    const nap_gguf *g = ctx;
    return nap_gguf_read(g, nap_gguf_tensor_at(g, tensor), offset, dst, len, e);
}

static void look_at_keys(const nap_gguf *g)
{
    for (size_t i = 0; i < nap_gguf_kv_count(g); i++) {
        const nap_gguf_kv *kv = nap_gguf_kv_at(g, i);
        const char *s;
        size_t len;
        uint64_t strings = 0;
        double d;
        int64_t n;
        uint32_t u;
        float f;
        bool b;
        nap_error e;
        FUZZ_CHECK(nap_gguf_find(g, kv->key) == kv);
        FUZZ_CHECK(strlen(kv->key) == kv->key_len);
        for (uint64_t pos = 0; nap_gguf_next_string(kv, &pos, &s, &len); strings++) {
            FUZZ_CHECK((const uint8_t *)s + len <= kv->data + kv->size);
        }
        FUZZ_CHECK(kv->elem != NAP_GGUF_STRING || strings == kv->count);
        for (uint64_t k = 0; k < kv->count && nap_gguf_elem_f64(kv, k, &d); k++) {
            (void)nap_gguf_elem_i64(kv, k, &n);
        }
        (void)nap_gguf_u32(g, kv->key, &u, &e);
        (void)nap_gguf_f32(g, kv->key, &f, &e);
        (void)nap_gguf_bool(g, kv->key, &b, &e);
        (void)nap_gguf_string(g, kv->key, &s, &len, &e);
    }
}

static void look_at_tensors(const nap_gguf *g)
{
    for (size_t i = 0; i < nap_gguf_tensor_count(g); i++) {
        const nap_tensor *t = nap_gguf_tensor_at(g, i);
        uint8_t block[512];
        float values[NAP_BLOCK_MAX];
        nap_error e;
        FUZZ_CHECK(nap_gguf_tensor(g, t->name) == t);
        FUZZ_CHECK(t->bytes >= t->format->block_bytes);
        FUZZ_CHECK(nap_gguf_read(g, t, 0, block, t->format->block_bytes, &e) == NAP_OK);
        nap_format_decode(t->format, block, t->format->block, values);
        FUZZ_CHECK(nap_gguf_read(g, t, t->bytes - 1, block, 1, &e) == NAP_OK);
        FUZZ_CHECK(nap_gguf_read(g, t, t->bytes, block, 1, &e) == NAP_ERR_ARGUMENT);
    }
}

static void write_again(nap_gguf *g)
{
    nap_gguf_writer *w;
    nap_buf out = {0};
    nap_source *s;
    nap_gguf *again;
    nap_error e;
    FUZZ_CHECK(nap_gguf_writer_create(&w, &e) == NAP_OK);
    for (size_t i = 0; i < nap_gguf_kv_count(g); i++) {
        FUZZ_CHECK(nap_gguf_put(w, nap_gguf_kv_at(g, i), &e) == NAP_OK);
    }
    for (size_t i = 0; i < nap_gguf_tensor_count(g); i++) {
        const nap_tensor *t = nap_gguf_tensor_at(g, i);
        FUZZ_CHECK(nap_gguf_put_tensor(w, t->name, t->format, t->n_dims, t->ne, &e) == NAP_OK);
    }
    FUZZ_CHECK(nap_gguf_write_memory(w, &out, supply, g, &e) == NAP_OK);
    FUZZ_CHECK(nap_source_memory(&s, "again", out.data, out.len, &e) == NAP_OK);
    FUZZ_CHECK(nap_gguf_open_source(&again, s, &e) == NAP_OK);
    FUZZ_CHECK(nap_gguf_kv_count(again) == nap_gguf_kv_count(g));
    FUZZ_CHECK(nap_gguf_tensor_count(again) == nap_gguf_tensor_count(g));
    nap_gguf_close(again);
    nap_buf_free(&out);
    nap_gguf_writer_destroy(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nap_source *s;
    nap_gguf *g;
    nap_error e = {0};
    nap_alloc_fail_at(-1, false);
    FUZZ_CHECK(nap_source_memory(&s, "fuzz.gguf", data, size, &e) == NAP_OK);
    const nap_status status = nap_gguf_open_source(&g, s, &e);
    FUZZ_CHECK(nap_alloc_requested() <= 8192 + 24 * (uint64_t)size);
    if (status != NAP_OK) {
        FUZZ_CHECK(g == NULL && e.code == status && e.text[0]);
        FUZZ_CHECK(e.offset <= size || e.offset == NAP_NO_OFFSET);
        return 0;
    }
    look_at_keys(g);
    look_at_tensors(g);
    write_again(g);
    nap_gguf_close(g);
    return 0;
}
