#include "file/gguf_write.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/half.h"
#include "file/bytes.h"
#include "file/gguf_parse.h"
#include "file/names.h"
#include "file/replace.h"

#include <stdlib.h>
#include <string.h>

#define PIECE ((size_t)1 << 20)

/* Keys and tensors are serialized as they are put; names are kept apart as well, to
 * find duplicates. */
struct nap_gguf_writer {
    nap_buf kvs, tensors;
    nap_buf keys, names; /* NUL-terminated, one after the other */
    uint64_t n_kvs, n_tensors;
    uint64_t *bytes; /* per tensor */
    size_t bytes_cap;
    uint64_t data_end; /* relative to the start of the data; a multiple of `alignment` */
    uint32_t alignment;
};

/* Where the bytes go: a file or memory. */
typedef struct sink {
    nap_replace *file;
    nap_buf *memory;
    uint64_t at;
} sink;

static const uint8_t zeros[4096];

nap_status nap_gguf_writer_create(nap_gguf_writer **out, nap_error *e)
{
    *out = nap_calloc(1, sizeof **out);
    if (!*out) return nap_fail_memory(e, sizeof **out, "a GGUF writer");
    (*out)->alignment = GGUF_ALIGNMENT_DEFAULT;
    return NAP_OK;
}

void nap_gguf_writer_destroy(nap_gguf_writer *w)
{
    if (!w) return;
    nap_buf_free(&w->kvs);
    nap_buf_free(&w->tensors);
    nap_buf_free(&w->keys);
    nap_buf_free(&w->names);
    nap_free(w->bytes);
    nap_free(w);
}

static void put_number(nap_buf *b, uint64_t v, unsigned bytes)
{
    uint8_t le[8];
    nap_put_le(le, v, bytes);
    nap_buf_put(b, le, bytes);
}

static void put_text(nap_buf *b, const char *s, size_t len)
{
    put_number(b, len, 8);
    nap_buf_put(b, s, len);
}

/* Checks a key or tensor name and remembers it for check_unique. */
static nap_status take_name(nap_buf *taken, const char *what, const char *name, nap_error *e)
{
    const size_t len = strlen(name);
    if (len > 65535 || !nap_name_ok((const uint8_t *)name, len)) {
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "%s '%s', expected 1 to 65535 bytes of UTF-8 without control characters",
                        what, nap_show(name, len).text);
    }
    nap_buf_put(taken, name, len + 1);
    return NAP_OK;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted once at the end rather than searched with each name: n log n for any file. */
static nap_status check_unique(const nap_buf *taken, uint64_t count, const char *what, nap_error *e)
{
    const char **names = nap_calloc((size_t)count, sizeof *names);
    nap_status status = NAP_OK;
    if (!names) return nap_fail_memory(e, (size_t)count * sizeof *names, what);
    const char *p = taken->data;
    for (uint64_t i = 0; i < count; i++, p += strlen(p) + 1) names[i] = p;
    qsort(names, (size_t)count, sizeof *names, compare_texts);
    for (uint64_t i = 1; i < count && status == NAP_OK; i++) {
        if (strcmp(names[i - 1], names[i]) != 0) continue;
        status = nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET, "%s '%s' put twice, expected once",
                          what, nap_show(names[i], strlen(names[i])).text);
    }
    nap_free(names);
    return status;
}

static nap_status check_buffers(const nap_gguf_writer *w, nap_error *e)
{
    if (w->kvs.failed || w->tensors.failed || w->keys.failed || w->names.failed) {
        return nap_fail_memory(e, w->kvs.len + w->tensors.len, "the description of a GGUF file");
    }
    return NAP_OK;
}

/* Do `count` values of the kind fill exactly `size` bytes, with bools 0 or 1? */
static bool value_ok(const nap_gguf_kv *kv)
{
    const unsigned bytes = nap_gguf_kind_bytes(kv->elem);
    if (kv->kind > NAP_GGUF_F64 || kv->elem > NAP_GGUF_F64 || kv->elem == NAP_GGUF_ARRAY) {
        return false;
    }
    if (kv->kind != NAP_GGUF_ARRAY && (kv->kind != kv->elem || kv->count != 1)) return false;
    if (bytes) {
        uint64_t total;
        if (!nap_mul_ok(kv->count, bytes, &total) || total != kv->size) return false;
        for (uint64_t i = 0; kv->elem == NAP_GGUF_BOOL && i < kv->count; i++) {
            if (kv->data[i] > 1) return false;
        }
        return true;
    }
    uint64_t pos = 0;
    for (uint64_t i = 0; i < kv->count; i++) {
        if (!nap_range_ok(pos, 8, kv->size)) return false;
        const uint64_t len = nap_get_le(kv->data + pos, 8);
        if (!nap_range_ok(pos + 8, len, kv->size)) return false;
        pos += 8 + len;
    }
    return pos == kv->size;
}

/* The data's places follow from the alignment, so it has to be known before the first tensor. */
static nap_status take_alignment(nap_gguf_writer *w, const nap_gguf_kv *kv, nap_error *e)
{
    const uint32_t a = kv->kind == NAP_GGUF_U32 ? (uint32_t)nap_get_le(kv->data, 4) : 0;
    if (a == 0 || (a & (a - 1)) != 0 || a > GGUF_ALIGNMENT_MAX || w->n_tensors > 0) {
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "key '%s' with %s %u, expected u32, a power of two up to %d, put before "
                        "the first tensor",
                        GGUF_ALIGNMENT_KEY, nap_gguf_kind_name(kv->kind), a, GGUF_ALIGNMENT_MAX);
    }
    w->alignment = a;
    return NAP_OK;
}

nap_status nap_gguf_put(nap_gguf_writer *w, const nap_gguf_kv *kv, nap_error *e)
{
    if (!value_ok(kv)) {
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "key '%s': %llu x %s in %llu bytes, expected a value of the GGUF format",
                        nap_show(kv->key, strlen(kv->key)).text, (unsigned long long)kv->count,
                        nap_gguf_kind_name(kv->elem), (unsigned long long)kv->size);
    }
    if (strcmp(kv->key, GGUF_ALIGNMENT_KEY) == 0) NAP_TRY(take_alignment(w, kv, e));
    NAP_TRY(take_name(&w->keys, "key", kv->key, e));
    put_text(&w->kvs, kv->key, strlen(kv->key));
    put_number(&w->kvs, kv->kind, 4);
    if (kv->kind == NAP_GGUF_ARRAY) {
        put_number(&w->kvs, kv->elem, 4);
        put_number(&w->kvs, kv->count, 8);
    }
    if (kv->size) nap_buf_put(&w->kvs, kv->data, (size_t)kv->size);
    w->n_kvs++;
    return check_buffers(w, e);
}

static nap_status put_scalar(nap_gguf_writer *w, const char *key, nap_gguf_kind kind, uint64_t bits,
                             nap_error *e)
{
    uint8_t le[8];
    const unsigned size = nap_gguf_kind_bytes(kind);
    nap_put_le(le, bits, size);
    const nap_gguf_kv kv = {
        .key = key, .kind = kind, .elem = kind, .count = 1, .data = le, .size = size};
    return nap_gguf_put(w, &kv, e);
}

nap_status nap_gguf_put_u32(nap_gguf_writer *w, const char *key, uint32_t v, nap_error *e)
{
    return put_scalar(w, key, NAP_GGUF_U32, v, e);
}

nap_status nap_gguf_put_f32(nap_gguf_writer *w, const char *key, float v, nap_error *e)
{
    return put_scalar(w, key, NAP_GGUF_F32, nap_f32_bits(v), e);
}

nap_status nap_gguf_put_bool(nap_gguf_writer *w, const char *key, bool v, nap_error *e)
{
    return put_scalar(w, key, NAP_GGUF_BOOL, v, e);
}

nap_status nap_gguf_put_string(nap_gguf_writer *w, const char *key, const char *s, size_t len,
                               nap_error *e)
{
    nap_buf b = {0};
    put_text(&b, s, len);
    const nap_gguf_kv kv = {.key = key,
                            .kind = NAP_GGUF_STRING,
                            .elem = NAP_GGUF_STRING,
                            .count = 1,
                            .data = (const uint8_t *)b.data,
                            .size = b.len};
    const nap_status status = b.failed ? nap_fail_memory(e, len, key) : nap_gguf_put(w, &kv, e);
    nap_buf_free(&b);
    return status;
}

nap_status nap_gguf_put_array(nap_gguf_writer *w, const char *key, nap_gguf_kind elem,
                              const void *data, uint64_t count, nap_error *e)
{
    const nap_gguf_kv kv = {.key = key,
                            .kind = NAP_GGUF_ARRAY,
                            .elem = elem,
                            .count = count,
                            .data = data,
                            .size = count * nap_gguf_kind_bytes(elem)};
    return nap_gguf_put(w, &kv, e);
}

nap_status nap_gguf_put_strings(nap_gguf_writer *w, const char *key, const char *const *strings,
                                uint64_t count, nap_error *e)
{
    nap_buf b = {0};
    for (uint64_t i = 0; i < count; i++) put_text(&b, strings[i], strlen(strings[i]));
    const nap_gguf_kv kv = {.key = key,
                            .kind = NAP_GGUF_ARRAY,
                            .elem = NAP_GGUF_STRING,
                            .count = count,
                            .data = (const uint8_t *)b.data,
                            .size = b.len};
    const nap_status status = b.failed ? nap_fail_memory(e, b.len, key) : nap_gguf_put(w, &kv, e);
    nap_buf_free(&b);
    return status;
}

static nap_status measure(const char *name, const nap_format *f, uint32_t n_dims,
                          const uint64_t *ne, uint64_t *bytes, nap_error *e)
{
    uint64_t elems = 1;
    bool ok = n_dims <= NAP_MAX_DIMS;
    for (uint32_t i = 0; ok && i < n_dims; i++) ok = ne[i] > 0 && nap_mul_ok(elems, ne[i], &elems);
    ok = ok && (n_dims ? ne[0] : 1) % f->block == 0 && nap_format_bytes(f, elems, bytes);
    if (ok) return NAP_OK;
    return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                    "tensor '%s': %u dimensions, %llu in a row, expected at most %d dimensions and "
                    "rows in blocks of %u for %s",
                    nap_show(name, strlen(name)).text, n_dims,
                    (unsigned long long)(n_dims ? ne[0] : 1), NAP_MAX_DIMS, f->block, f->name);
}

nap_status nap_gguf_put_tensor(nap_gguf_writer *w, const char *name, const nap_format *format,
                               uint32_t n_dims, const uint64_t *ne, nap_error *e)
{
    uint64_t bytes, end;
    NAP_TRY(measure(name, format, n_dims, ne, &bytes, e));
    if (!nap_add_ok(w->data_end, bytes, &end) || !nap_align_ok(end, w->alignment, &end)) {
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "tensor '%s': data ends beyond 2^64, expected a smaller file",
                        nap_show(name, strlen(name)).text);
    }
    NAP_TRY(take_name(&w->names, "tensor", name, e));
    if (w->n_tensors == w->bytes_cap) {
        const size_t cap = w->bytes_cap ? w->bytes_cap * 2 : 64;
        uint64_t *grown = nap_realloc(w->bytes, cap, sizeof *grown);
        if (!grown) return nap_fail_memory(e, cap * sizeof *grown, name);
        w->bytes = grown;
        w->bytes_cap = cap;
    }
    put_text(&w->tensors, name, strlen(name));
    put_number(&w->tensors, n_dims, 4);
    for (uint32_t i = 0; i < n_dims; i++) put_number(&w->tensors, ne[i], 8);
    put_number(&w->tensors, format->id, 4);
    put_number(&w->tensors, w->data_end, 8);
    w->bytes[w->n_tensors++] = bytes;
    w->data_end = end;
    return check_buffers(w, e);
}

static nap_status emit(sink *s, const void *bytes, size_t len, nap_error *e)
{
    s->at += len;
    if (s->file) return nap_replace_put(s->file, bytes, len, e);
    return nap_buf_put(s->memory, bytes, len) ? NAP_OK : nap_fail_memory(e, len, "a GGUF file");
}

static nap_status pad(sink *s, uint32_t alignment, nap_error *e)
{
    while (s->at % alignment != 0) {
        const uint64_t left = alignment - s->at % alignment;
        NAP_TRY(emit(s, zeros, left < sizeof zeros ? (size_t)left : sizeof zeros, e));
    }
    return NAP_OK;
}

static nap_status emit_tensor(sink *s, uint64_t bytes, size_t tensor, nap_gguf_data_fn data,
                              void *ctx, uint8_t *piece, nap_error *e)
{
    for (uint64_t done = 0; done < bytes;) {
        const size_t n = bytes - done < PIECE ? (size_t)(bytes - done) : PIECE;
        NAP_TRY(data(ctx, tensor, done, piece, n, e));
        NAP_TRY(emit(s, piece, n, e));
        done += n;
    }
    return NAP_OK;
}

static nap_status emit_all(const nap_gguf_writer *w, sink *s, nap_gguf_data_fn data, void *ctx,
                           uint8_t *piece, nap_error *e)
{
    uint8_t head[24];
    NAP_TRY(check_buffers(w, e));
    NAP_TRY(check_unique(&w->keys, w->n_kvs, "key", e));
    NAP_TRY(check_unique(&w->names, w->n_tensors, "tensor", e));
    memcpy(head, "GGUF", 4);
    nap_put_le(head + 4, 3, 4);
    nap_put_le(head + 8, w->n_tensors, 8);
    nap_put_le(head + 16, w->n_kvs, 8);
    NAP_TRY(emit(s, head, sizeof head, e));
    if (w->kvs.len) NAP_TRY(emit(s, w->kvs.data, w->kvs.len, e));
    if (w->tensors.len) NAP_TRY(emit(s, w->tensors.data, w->tensors.len, e));
    for (size_t i = 0; i < w->n_tensors; i++) {
        NAP_TRY(pad(s, w->alignment, e));
        NAP_TRY(emit_tensor(s, w->bytes[i], i, data, ctx, piece, e));
    }
    return pad(s, w->alignment, e);
}

static nap_status emit_with_piece(const nap_gguf_writer *w, sink *s, nap_gguf_data_fn data,
                                  void *ctx, nap_error *e)
{
    uint8_t *piece = nap_alloc(PIECE);
    if (!piece) return nap_fail_memory(e, PIECE, "writing a GGUF file");
    const nap_status status = emit_all(w, s, data, ctx, piece, e);
    nap_free(piece);
    return status;
}

nap_status nap_gguf_write(const nap_gguf_writer *w, const char *path, nap_gguf_data_fn data,
                          void *ctx, nap_error *e)
{
    sink s = {0};
    NAP_TRY(nap_replace_open(&s.file, path, e));
    const nap_status status = emit_with_piece(w, &s, data, ctx, e);
    if (status == NAP_OK) return nap_replace_commit(s.file, e);
    nap_replace_cancel(s.file);
    return status;
}

nap_status nap_gguf_write_memory(const nap_gguf_writer *w, nap_buf *out, nap_gguf_data_fn data,
                                 void *ctx, nap_error *e)
{
    sink s = {.memory = out};
    return emit_with_piece(w, &s, data, ctx, e);
}
