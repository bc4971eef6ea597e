#include "tiny.h"
#include "cmocka_all.h"

#include "base/rng.h"
#include "file/gguf_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *tiny_path(const char *name)
{
    static char path[4096];
    const char *root = getenv("NAPIER_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/tests/engine/data/%s.gguf", root ? root : ".", name);
    return path;
}

void tiny_require(nap_status s, const nap_error *e)
{
    if (s != NAP_OK) fail_msg("%s: %s", nap_status_name(s), e->text);
}

void tiny_tokens(nap_token *out, size_t n, size_t vocab, uint64_t seed)
{
    nap_rng r;
    nap_rng_seed(&r, seed);
    for (size_t i = 0; i < n; i++) out[i] = (nap_token)nap_rng_below(&r, (uint32_t)vocab);
}

typedef struct copier {
    const nap_gguf *from;
    const nap_tensor *tensors[256]; /* of the copy; NULL: zeros */
    size_t n;
} copier;

/* Bytes of the original, zeros beyond its end. */
static nap_status supply(void *ctx, size_t tensor, uint64_t offset, void *dst, size_t len,
                         nap_error *e)
{
    const copier *c = ctx;
    const nap_tensor *t = c->tensors[tensor];
    memset(dst, 0, len);
    if (!t || offset >= t->bytes) return NAP_OK;
    const size_t have = t->bytes - offset < len ? (size_t)(t->bytes - offset) : len;
    return nap_gguf_read(c->from, t, offset, dst, have, e);
}

static void copy_keys(nap_gguf_writer *w, const nap_gguf *from, const tiny_change *change)
{
    nap_error e;
    for (size_t i = 0; i < nap_gguf_kv_count(from); i++) {
        const nap_gguf_kv *kv = nap_gguf_kv_at(from, i);
        if (change->key && strcmp(kv->key, change->key) == 0) continue;
        if (change->string_key && strcmp(kv->key, change->string_key) == 0) continue;
        tiny_require(nap_gguf_put(w, kv, &e), &e);
    }
    if (change->key && !change->drop_key) {
        tiny_require(nap_gguf_put_u32(w, change->key, change->value, &e), &e);
    }
    if (change->string_key) {
        tiny_require(
            nap_gguf_put_string(w, change->string_key, change->string, strlen(change->string), &e),
            &e);
    }
}

void tiny_copy(const char *name, const tiny_change *change, const char *path)
{
    nap_error e;
    nap_gguf *from;
    nap_gguf_writer *w;
    tiny_require(nap_gguf_open(&from, tiny_path(name), &e), &e);
    tiny_require(nap_gguf_writer_create(&w, &e), &e);
    copy_keys(w, from, change);
    copier c = {.from = from};
    for (size_t i = 0; i < nap_gguf_tensor_count(from); i++) {
        const nap_tensor *t = nap_gguf_tensor_at(from, i);
        if (change->drop_tensor && strcmp(t->name, change->drop_tensor) == 0) continue;
        uint64_t ne[NAP_MAX_DIMS];
        memcpy(ne, t->ne, sizeof ne);
        if (change->shape_tensor && strcmp(t->name, change->shape_tensor) == 0) {
            ne[t->n_dims - 1] = change->rows;
        }
        tiny_require(nap_gguf_put_tensor(w, t->name, t->format, t->n_dims, ne, &e), &e);
        c.tensors[c.n++] = t;
    }
    if (change->add_tensor) {
        const uint64_t ne[1] = {32};
        const nap_format *f32 = nap_format_by_id(NAP_FORMAT_ID_F32);
        tiny_require(nap_gguf_put_tensor(w, change->add_tensor, f32, 1, ne, &e), &e);
        c.tensors[c.n++] = NULL;
    }
    tiny_require(nap_gguf_write(w, path, supply, &c, &e), &e);
    nap_gguf_writer_destroy(w);
    nap_gguf_close(from);
}
