/* Metadata and tensors as the caller sees them: JSON texts and plain structures. */
#include "model/model.h"
#include "base/buf.h"
#include "base/error.h"

#include <math.h>
#include <string.h>

/* ------------------------------------------------------------------ JSON text */

/* Length of the valid UTF-8 sequence at s (1 to 4), or 0: RFC 3629, no surrogates, nothing
 * overlong. */
static size_t utf8_length(const unsigned char *s, size_t left)
{
    if (s[0] < 0x80) return 1;
    const size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || n > left) return 0;
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
    }
    if (s[0] == 0xe0 && s[1] < 0xa0) return 0;
    if (s[0] == 0xed && s[1] > 0x9f) return 0;
    if (s[0] == 0xf0 && s[1] < 0x90) return 0;
    if (s[0] == 0xf4 && s[1] > 0x8f) return 0;
    return n;
}

/* Bytes that are no UTF-8 become U+FFFD: JSON cannot say them. */
static void put_string(nap_buf *out, const char *s, size_t len)
{
    nap_buf_putc(out, '"');
    for (size_t i = 0; i < len;) {
        const unsigned char *p = (const unsigned char *)s + i;
        const size_t n = utf8_length(p, len - i);
        if (n == 0) {
            nap_buf_puts(out, "\xef\xbf\xbd");
            i++;
            continue;
        }
        if (*p == '"' || *p == '\\')
            nap_buf_printf(out, "\\%c", *p);
        else if (*p == '\n')
            nap_buf_puts(out, "\\n");
        else if (*p == '\t')
            nap_buf_puts(out, "\\t");
        else if (*p == '\r')
            nap_buf_puts(out, "\\r");
        else if (*p < 0x20 || *p == 0x7f)
            nap_buf_printf(out, "\\u%04x", *p);
        else
            nap_buf_put(out, p, n);
        i += n;
    }
    nap_buf_putc(out, '"');
}

/* JSON has no NaN or infinity: those become null. */
static void put_float(nap_buf *out, double v, int digits)
{
    if (isfinite(v))
        nap_buf_printf(out, "%.*g", digits, v);
    else
        nap_buf_puts(out, "null");
}

static void put_number(nap_buf *out, const nap_gguf_kv *kv, nap_gguf_kind kind, uint64_t i)
{
    int64_t n;
    double d;
    uint64_t u;
    switch (kind) {
    case NAP_GGUF_BOOL:
        nap_buf_puts(out, kv->data[i] ? "true" : "false");
        return;
    case NAP_GGUF_F32:
    case NAP_GGUF_F64:
        if (nap_gguf_elem_f64(kv, i, &d)) put_float(out, d, kind == NAP_GGUF_F32 ? 9 : 17);
        return;
    case NAP_GGUF_U64: /* beyond int64 */
        memcpy(&u, kv->data + i * sizeof u, sizeof u);
        nap_buf_printf(out, "%llu", (unsigned long long)u);
        return;
    default:
        if (nap_gguf_elem_i64(kv, i, &n)) nap_buf_printf(out, "%lld", (long long)n);
        return;
    }
}

static void put_value(nap_buf *out, const nap_gguf_kv *kv, size_t max_array)
{
    const bool array = kv->kind == NAP_GGUF_ARRAY;
    const nap_gguf_kind kind = array ? kv->elem : kv->kind;
    uint64_t pos = 0;
    if (array) nap_buf_putc(out, '[');
    for (uint64_t i = 0; i < (array ? kv->count : 1) && !out->failed; i++) {
        if (i > 0) nap_buf_puts(out, ", ");
        if (array && i >= max_array) {
            nap_buf_puts(out, "\"...\"");
            break;
        }
        const char *s;
        size_t len;
        if (kind != NAP_GGUF_STRING)
            put_number(out, kv, kind, i);
        else if (nap_gguf_next_string(kv, &pos, &s, &len))
            put_string(out, s, len);
    }
    if (array) nap_buf_putc(out, ']');
}

/* ------------------------------------------------------------------ metadata */

size_t nap_model_meta_count(const nap_model *m)
{
    return nap_gguf_kv_count(nap_model_file(m));
}

const char *nap_model_meta_key(const nap_model *m, size_t i)
{
    return i < nap_model_meta_count(m) ? nap_gguf_kv_at(nap_model_file(m), i)->key : NULL;
}

nap_status nap_model_meta_value(const nap_model *m, size_t i, size_t max_array, char **value,
                                nap_error *e)
{
    *value = NULL;
    if (i >= nap_model_meta_count(m)) {
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET, "metadata %zu: expected less than %zu",
                        i, nap_model_meta_count(m));
    }
    nap_buf b = {0};
    put_value(&b, nap_gguf_kv_at(nap_model_file(m), i), max_array);
    const size_t len = b.len;
    *value = nap_buf_take(&b, NULL);
    return *value ? NAP_OK : nap_fail_memory(e, len, "a metadata value");
}

/* ------------------------------------------------------------------ tensors */

size_t nap_model_tensor_count(const nap_model *m)
{
    return nap_gguf_tensor_count(nap_model_file(m));
}

nap_status nap_model_tensor(const nap_model *m, size_t i, nap_tensor_view *out, nap_error *e)
{
    if (i >= nap_model_tensor_count(m)) {
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET, "tensor %zu: expected less than %zu", i,
                        nap_model_tensor_count(m));
    }
    const nap_tensor *t = nap_gguf_tensor_at(nap_model_file(m), i);
    *out = (nap_tensor_view){.name = t->name,
                             .type = t->format->name,
                             .n_dims = t->n_dims,
                             .bytes = t->bytes,
                             .offset = t->offset,
                             .split = t->split};
    out->elems = 1;
    for (int d = 0; d < NAP_MAX_DIMS; d++) {
        out->ne[d] = t->ne[d];
        out->elems *= t->ne[d];
    }
    return NAP_OK;
}
