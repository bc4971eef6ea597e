#include "models.h"

#include "base/error.h"
#include "base/rng.h"

#include <stdio.h>
#include <string.h>

nap_status model_data(void *ctx, size_t tensor, uint64_t offset, void *dst, size_t len,
                      nap_error *e)
{
    (void)ctx;
    (void)e;
    uint8_t *p = dst;
    for (size_t i = 0; i < len; i++) p[i] = (uint8_t)((tensor + 1) * 37 + (offset + i) * 11);
    return NAP_OK;
}

static nap_status put_number(nap_gguf_writer *w, const char *key, nap_gguf_kind kind,
                             const void *le, uint64_t size, nap_error *e)
{
    const nap_gguf_kv kv = {
        .key = key, .kind = kind, .elem = kind, .count = 1, .data = le, .size = size};
    return nap_gguf_put(w, &kv, e);
}

static nap_status describe_small(nap_gguf_writer *w, nap_error *e)
{
    static const uint8_t le[8] = {1, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t flags[3] = {1, 0, 1};
    static const int32_t ints[3] = {1, -2, 3};
    static const char *const strings[3] = {"<s>", "", "\xc3\xa9"};
    const uint64_t rows[2] = {32, 2}, k_rows[2] = {256, 1}, four[4] = {3, 2, 1, 2}, one[1] = {5};
    NAP_TRY(nap_gguf_put_string(w, "general.architecture", "test", 4, e));
    NAP_TRY(nap_gguf_put_u32(w, "general.alignment", 32, e));
    NAP_TRY(put_number(w, "k.u8", NAP_GGUF_U8, le, 1, e));
    NAP_TRY(put_number(w, "k.i8", NAP_GGUF_I8, le, 1, e));
    NAP_TRY(put_number(w, "k.u16", NAP_GGUF_U16, le, 2, e));
    NAP_TRY(put_number(w, "k.i16", NAP_GGUF_I16, le, 2, e));
    NAP_TRY(put_number(w, "k.i32", NAP_GGUF_I32, le, 4, e));
    NAP_TRY(put_number(w, "k.u64", NAP_GGUF_U64, le, 8, e));
    NAP_TRY(put_number(w, "k.i64", NAP_GGUF_I64, le, 8, e));
    NAP_TRY(put_number(w, "k.f64", NAP_GGUF_F64, le, 8, e));
    NAP_TRY(nap_gguf_put_f32(w, "k.f32", 1.5f, e));
    NAP_TRY(nap_gguf_put_bool(w, "k.bool", true, e));
    NAP_TRY(nap_gguf_put_array(w, "k.flags", NAP_GGUF_BOOL, flags, 3, e));
    NAP_TRY(nap_gguf_put_array(w, "k.ints", NAP_GGUF_I32, ints, 3, e));
    NAP_TRY(nap_gguf_put_strings(w, "k.strings", strings, 3, e));
    NAP_TRY(nap_gguf_put_tensor(w, "a", nap_format_by_name("F32"), 1, one, e));
    NAP_TRY(nap_gguf_put_tensor(w, "b", nap_format_by_name("Q4_0"), 2, rows, e));
    NAP_TRY(nap_gguf_put_tensor(w, "c", nap_format_by_name("Q4_K"), 2, k_rows, e));
    NAP_TRY(nap_gguf_put_tensor(w, "d", nap_format_by_name("F16"), 4, four, e));
    return nap_gguf_put_tensor(w, "e", nap_format_by_name("I8"), 0, NULL, e);
}

nap_status model_small(nap_buf *out, nap_error *e)
{
    nap_gguf_writer *w;
    NAP_TRY(nap_gguf_writer_create(&w, e));
    nap_status status = describe_small(w, e);
    if (status == NAP_OK) status = nap_gguf_write_memory(w, out, model_data, NULL, e);
    nap_gguf_writer_destroy(w);
    return status;
}

static nap_status put_random_key(nap_gguf_writer *w, nap_rng *r, const char *key, nap_error *e)
{
    static const uint8_t sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    static const char *const words[4] = {"", "one", "gr\xc3\xbc\xc3\x9f dich", "\xe2\x96\x81the"};
    uint8_t bytes[256];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)nap_rng_next(r);
    const nap_gguf_kind kind = (nap_gguf_kind)nap_rng_below(r, 13);
    const uint64_t count = nap_rng_below(r, 20);
    const char *strings[20];
    for (size_t i = 0; i < 20; i++) strings[i] = words[nap_rng_below(r, 4)];
    if (kind == NAP_GGUF_STRING) return nap_gguf_put_string(w, key, "text\0with", 9, e);
    if (kind == NAP_GGUF_ARRAY) {
        nap_gguf_kind elem = (nap_gguf_kind)nap_rng_below(r, 13);
        if (elem == NAP_GGUF_ARRAY || elem == NAP_GGUF_BOOL) elem = NAP_GGUF_STRING;
        if (elem == NAP_GGUF_STRING) return nap_gguf_put_strings(w, key, strings, count, e);
        return nap_gguf_put_array(w, key, elem, bytes, count, e);
    }
    if (kind == NAP_GGUF_BOOL) return nap_gguf_put_bool(w, key, bytes[0] & 1, e);
    return put_number(w, key, kind, bytes, sizes[kind], e);
}

nap_status model_random(nap_gguf_writer *w, uint64_t seed, nap_error *e)
{
    nap_rng r;
    nap_rng_seed(&r, seed);
    const uint32_t keys = nap_rng_below(&r, 20), tensors = nap_rng_below(&r, 13);
    if (nap_rng_below(&r, 2)) {
        NAP_TRY(nap_gguf_put_u32(w, "general.alignment", 1u << nap_rng_below(&r, 12), e));
    }
    for (uint32_t i = 0; i < keys; i++) {
        char key[32];
        snprintf(key, sizeof key, "key.%u.%u", nap_rng_below(&r, 1000), i);
        NAP_TRY(put_random_key(w, &r, key, e));
    }
    for (uint32_t i = 0; i < tensors; i++) {
        const nap_format *f = nap_format_at(nap_rng_below(&r, (uint32_t)nap_format_count()));
        const uint32_t n_dims = 1 + nap_rng_below(&r, NAP_MAX_DIMS);
        uint64_t ne[NAP_MAX_DIMS];
        char name[32];
        for (uint32_t d = 0; d < n_dims; d++) ne[d] = 1 + nap_rng_below(&r, 5);
        ne[0] *= f->block;
        snprintf(name, sizeof name, "blk.%u.x%u", nap_rng_below(&r, 100), i);
        NAP_TRY(nap_gguf_put_tensor(w, name, f, n_dims, ne, e));
    }
    return NAP_OK;
}

nap_status model_copy(nap_gguf_writer *w, const nap_gguf *g, nap_error *e)
{
    for (size_t i = 0; i < nap_gguf_kv_count(g); i++) {
        NAP_TRY(nap_gguf_put(w, nap_gguf_kv_at(g, i), e));
    }
    for (size_t i = 0; i < nap_gguf_tensor_count(g); i++) {
        const nap_tensor *t = nap_gguf_tensor_at(g, i);
        NAP_TRY(nap_gguf_put_tensor(w, t->name, t->format, t->n_dims, t->ne, e));
    }
    return NAP_OK;
}

nap_status model_copy_data(void *ctx, size_t tensor, uint64_t offset, void *dst, size_t len,
                           nap_error *e)
{
    const nap_gguf *g = ctx;
    return nap_gguf_read(g, nap_gguf_tensor_at(g, tensor), offset, dst, len, e);
}
