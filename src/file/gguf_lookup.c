/* Typed look-ups in GGUF metadata. */
#include "base/error.h"
#include "base/half.h"
#include "file/bytes.h"
#include "file/gguf_parse.h"
#include "file/names.h"

#include <math.h>
#include <string.h>

bool nap_gguf_elem_i64(const nap_gguf_kv *kv, uint64_t i, int64_t *out)
{
    const unsigned size = nap_gguf_kind_bytes(kv->elem);
    if (i >= kv->count || size == 0) return false;
    const uint64_t v = nap_get_le(kv->data + i * size, size);
    switch (kv->elem) {
    case NAP_GGUF_U8:
    case NAP_GGUF_U16:
    case NAP_GGUF_U32:
        break;
    case NAP_GGUF_U64:
        if (v > INT64_MAX) return false;
        break;
    case NAP_GGUF_I8:
        *out = (int8_t)v;
        return true;
    case NAP_GGUF_I16:
        *out = (int16_t)v;
        return true;
    case NAP_GGUF_I32:
        *out = (int32_t)v;
        return true;
    case NAP_GGUF_I64:
        break;
    default:
        return false;
    }
    *out = (int64_t)v;
    return true;
}

bool nap_gguf_elem_f64(const nap_gguf_kv *kv, uint64_t i, double *out)
{
    int64_t integer;
    if (nap_gguf_elem_i64(kv, i, &integer)) {
        *out = (double)integer;
        return true;
    }
    if (i >= kv->count) return false;
    if (kv->elem == NAP_GGUF_F32) {
        *out = nap_bits_f32((uint32_t)nap_get_le(kv->data + i * 4, 4));
        return true;
    }
    if (kv->elem == NAP_GGUF_F64 || kv->elem == NAP_GGUF_U64) {
        const uint64_t bits = nap_get_le(kv->data + i * 8, 8);
        if (kv->elem == NAP_GGUF_U64) {
            *out = (double)bits;
        } else {
            memcpy(out, &bits, 8);
        }
        return true;
    }
    return false;
}

bool nap_gguf_next_string(const nap_gguf_kv *kv, uint64_t *pos, const char **s, size_t *len)
{
    if (kv->elem != NAP_GGUF_STRING || *pos >= kv->size) return false;
    /* Parsing proved that whole strings fill the value. */
    *len = (size_t)nap_get_le(kv->data + *pos, 8);
    *s = (const char *)kv->data + *pos + 8;
    *pos += 8 + *len;
    return true;
}

static nap_status missing(const nap_gguf *g, const char *key, nap_error *e)
{
    return nap_fail(e, NAP_ERR_NOT_FOUND, NAP_NO_OFFSET, "%s: key '%s' is missing, expected one",
                    nap_show_path(nap_gguf_path(g)), key);
}

static nap_status wrong_kind(const nap_gguf *g, const nap_gguf_kv *kv, const char *expected,
                             nap_error *e)
{
    const bool array = kv->kind == NAP_GGUF_ARRAY;
    return nap_fail(e, NAP_ERR_FORMAT, kv->offset,
                    "%s: key '%s', byte %llu: value of type %s%s, expected %s",
                    nap_show_path(nap_gguf_path(g)), nap_show(kv->key, kv->key_len).text,
                    (unsigned long long)kv->offset, array ? "array of " : "",
                    nap_gguf_kind_name(kv->elem), expected);
}

nap_status nap_gguf_u32(const nap_gguf *g, const char *key, uint32_t *out, nap_error *e)
{
    const nap_gguf_kv *kv = nap_gguf_find(g, key);
    int64_t v;
    if (!kv) return missing(g, key, e);
    if (kv->kind == NAP_GGUF_ARRAY) return wrong_kind(g, kv, "an integer", e);
    if (!nap_gguf_elem_i64(kv, 0, &v)) {
        if (kv->kind != NAP_GGUF_U64) return wrong_kind(g, kv, "an integer", e);
        v = INT64_MAX;
    }
    if (v < 0 || v > UINT32_MAX) {
        return nap_fail(e, NAP_ERR_FORMAT, kv->offset,
                        "%s: key '%s', byte %llu: value %lld, expected 0 to %u",
                        nap_show_path(nap_gguf_path(g)), key, (unsigned long long)kv->offset,
                        (long long)v, UINT32_MAX);
    }
    *out = (uint32_t)v;
    return NAP_OK;
}

nap_status nap_gguf_f32(const nap_gguf *g, const char *key, float *out, nap_error *e)
{
    const nap_gguf_kv *kv = nap_gguf_find(g, key);
    double v;
    if (!kv) return missing(g, key, e);
    if (kv->kind == NAP_GGUF_ARRAY || !nap_gguf_elem_f64(kv, 0, &v)) {
        return wrong_kind(g, kv, "a number", e);
    }
    if (isfinite(v) && fabs(v) > 0x1.fffffep127) {
        return nap_fail(e, NAP_ERR_FORMAT, kv->offset,
                        "%s: key '%s', byte %llu: value %g, expected one that f32 can hold",
                        nap_show_path(nap_gguf_path(g)), key, (unsigned long long)kv->offset, v);
    }
    *out = (float)v;
    return NAP_OK;
}

nap_status nap_gguf_bool(const nap_gguf *g, const char *key, bool *out, nap_error *e)
{
    const nap_gguf_kv *kv = nap_gguf_find(g, key);
    if (!kv) return missing(g, key, e);
    if (kv->kind != NAP_GGUF_BOOL) return wrong_kind(g, kv, "a bool", e);
    *out = kv->data[0] != 0;
    return NAP_OK;
}

nap_status nap_gguf_string(const nap_gguf *g, const char *key, const char **s, size_t *len,
                           nap_error *e)
{
    const nap_gguf_kv *kv = nap_gguf_find(g, key);
    uint64_t pos = 0;
    if (!kv) return missing(g, key, e);
    if (kv->kind != NAP_GGUF_STRING || !nap_gguf_next_string(kv, &pos, s, len)) {
        return wrong_kind(g, kv, "a string", e);
    }
    return NAP_OK;
}

nap_status nap_gguf_u32_or(const nap_gguf *g, const char *key, uint32_t def, uint32_t *out,
                           nap_error *e)
{
    *out = def;
    return nap_gguf_find(g, key) ? nap_gguf_u32(g, key, out, e) : NAP_OK;
}

nap_status nap_gguf_f32_or(const nap_gguf *g, const char *key, float def, float *out, nap_error *e)
{
    *out = def;
    return nap_gguf_find(g, key) ? nap_gguf_f32(g, key, out, e) : NAP_OK;
}

nap_status nap_gguf_bool_or(const nap_gguf *g, const char *key, bool def, bool *out, nap_error *e)
{
    *out = def;
    return nap_gguf_find(g, key) ? nap_gguf_bool(g, key, out, e) : NAP_OK;
}
