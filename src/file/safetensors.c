/* The header is parsed by jansson, which refuses duplicate keys, bounds nesting and seeds its hash
 * table; what the values mean is checked here. A message's offset is that of the tensor's entry,
 * found by searching the header for its quoted name (only failures pay for that). */
#include "file/safetensors.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"
#include "file/bytes.h"
#include "file/names.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_MAX ((uint64_t)100 << 20) /* the format's own limit */
#define METADATA "__metadata__"

struct nap_safetensors {
    nap_source *source;
    json_t *header; /* owns all names and texts */
    nap_safe_tensor *tensors;
    size_t n;
    const nap_safe_tensor **by_name;
};

/* Types of the format: bytes of an element, and what they are called here (NULL: not decoded). */
static const struct {
    const char *dtype;
    unsigned bytes;
    const char *format;
} dtypes[] = {
    {"F64", 8, "F64"},    {"F32", 4, "F32"}, {"F16", 2, "F16"},    {"BF16", 2, "BF16"},
    {"I64", 8, "I64"},    {"I32", 4, "I32"}, {"I16", 2, "I16"},    {"I8", 1, "I8"},
    {"U64", 8, NULL},     {"U32", 4, NULL},  {"U16", 2, NULL},     {"U8", 1, NULL},
    {"BOOL", 1, NULL},    {"C64", 8, NULL},  {"F8_E4M3", 1, NULL}, {"F8_E5M2", 1, NULL},
    {"F8_E8M0", 1, NULL},
};

/* What is being parsed, for messages. */
typedef struct context {
    const char *path;
    const char *text;
    size_t len;
    uint64_t data_at, data_bytes;
    nap_error *e;
} context;

static uint64_t entry_offset(const context *c, const char *name)
{
    const size_t len = strlen(name);
    const char *p = c->text, *end = c->text + c->len;
    while (len + 2 <= (size_t)(end - p) && (p = memchr(p, '"', (size_t)(end - p) - len - 1))) {
        if (memcmp(p + 1, name, len) == 0 && p[len + 1] == '"') return 8 + (uint64_t)(p - c->text);
        p++;
    }
    return 8; /* written with escapes: the header's start is near enough */
}

__attribute__((format(printf, 4, 5))) static nap_status bad(const context *c, nap_status code,
                                                            const char *name, const char *fmt, ...)
{
    char what[300];
    va_list args;
    const uint64_t at = entry_offset(c, name);
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return nap_fail(c->e, code, at, "%s: tensor '%s', byte %llu: %s", c->path,
                    nap_show(name, strlen(name)).text, (unsigned long long)at, what);
}

static nap_status read_size(const context *c, const char *name, const json_t *v, const char *what,
                            uint64_t *out)
{
    if (!json_is_integer(v) || json_integer_value(v) < 0) {
        return bad(c, NAP_ERR_FORMAT, name, "%s, expected integers of at least 0", what);
    }
    *out = (uint64_t)json_integer_value(v);
    return NAP_OK;
}

static nap_status read_type(const context *c, const json_t *entry, nap_safe_tensor *t,
                            unsigned *element)
{
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    if (!dtype) return bad(c, NAP_ERR_FORMAT, t->name, "no dtype, expected a string");
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        if (strcmp(dtype, dtypes[i].dtype) != 0) continue;
        t->dtype = dtypes[i].dtype;
        t->format = dtypes[i].format ? nap_format_by_name(dtypes[i].format) : NULL;
        *element = dtypes[i].bytes;
        return NAP_OK;
    }
    return bad(c, NAP_ERR_UNSUPPORTED, t->name,
               "dtype '%s', expected F64, F32, F16, BF16, an integer type, BOOL, C64 or F8",
               nap_show(dtype, strlen(dtype)).text);
}

static nap_status read_shape(const context *c, const json_t *entry, nap_safe_tensor *t,
                             uint64_t *elems)
{
    const json_t *shape = json_object_get(entry, "shape");
    const size_t n = json_array_size(shape);
    if (!json_is_array(shape) || n > NAP_SAFE_MAX_DIMS) {
        return bad(c, NAP_ERR_FORMAT, t->name, "shape, expected an array of at most %d integers",
                   NAP_SAFE_MAX_DIMS);
    }
    t->n_dims = (uint32_t)n;
    *elems = 1;
    for (size_t i = 0; i < NAP_SAFE_MAX_DIMS; i++) t->ne[i] = 1;
    for (size_t i = 0; i < n; i++) {
        uint64_t *ne = &t->ne[n - 1 - i];
        NAP_TRY(read_size(c, t->name, json_array_get(shape, i), "shape", ne));
        if (!nap_mul_ok(*elems, *ne, elems)) {
            return bad(c, NAP_ERR_FORMAT, t->name, "shape, expected fewer than 2^64 elements");
        }
    }
    return NAP_OK;
}

static nap_status read_tensor(const context *c, const json_t *entry, nap_safe_tensor *t)
{
    uint64_t elems = 0, begin = 0, end = 0, expected;
    unsigned element = 0;
    if (!nap_name_ok((const uint8_t *)t->name, strlen(t->name))) {
        return bad(c, NAP_ERR_FORMAT, t->name, "name, expected UTF-8 without control characters");
    }
    if (!json_is_object(entry)) {
        return bad(c, NAP_ERR_FORMAT, t->name, "entry, expected an object");
    }
    NAP_TRY(read_type(c, entry, t, &element));
    NAP_TRY(read_shape(c, entry, t, &elems));
    const json_t *offsets = json_object_get(entry, "data_offsets");
    if (json_array_size(offsets) != 2) {
        return bad(c, NAP_ERR_FORMAT, t->name, "data_offsets, expected an array of two integers");
    }
    NAP_TRY(read_size(c, t->name, json_array_get(offsets, 0), "data_offsets", &begin));
    NAP_TRY(read_size(c, t->name, json_array_get(offsets, 1), "data_offsets", &end));
    if (begin > end || end > c->data_bytes) {
        return bad(c, NAP_ERR_FORMAT, t->name,
                   "data_offsets %llu to %llu, expected them within the %llu bytes of data (is the "
                   "file cut short?)",
                   (unsigned long long)begin, (unsigned long long)end,
                   (unsigned long long)c->data_bytes);
    }
    if (!nap_mul_ok(elems, element, &expected) || expected != end - begin) {
        return bad(c, NAP_ERR_FORMAT, t->name, "%llu bytes of data, expected %llu elements of %s",
                   (unsigned long long)(end - begin), (unsigned long long)elems, t->dtype);
    }
    t->bytes = end - begin;
    return nap_add_ok(c->data_at, begin, &t->offset)
               ? NAP_OK
               : bad(c, NAP_ERR_FORMAT, t->name, "data_offsets, expected less than 2^64");
}

static int compare_offsets(const void *a, const void *b)
{
    const nap_safe_tensor *x = a, *y = b;
    if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? -1 : 1; /* empty ones first */
    return strcmp(x->name, y->name);
}

static int compare_names(const void *a, const void *b)
{
    const nap_safe_tensor *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

/* The tensors, in order, must fill the data exactly. */
static nap_status check_filled(nap_safetensors *f, const context *c)
{
    uint64_t at = c->data_at;
    qsort(f->tensors, f->n, sizeof *f->tensors, compare_offsets);
    for (size_t i = 0; i < f->n; i++) {
        const nap_safe_tensor *t = &f->tensors[i];
        if (t->offset != at) {
            return bad(c, NAP_ERR_FORMAT, t->name,
                       "data starts at byte %llu, expected %llu, where the tensor before ends",
                       (unsigned long long)t->offset, (unsigned long long)at);
        }
        at = t->offset + t->bytes; /* inside the file, so no overflow */
    }
    const uint64_t end = c->data_at + c->data_bytes;
    if (at == end) return NAP_OK;
    return nap_fail(c->e, NAP_ERR_FORMAT, at,
                    "%s: tensors end at byte %llu, expected the end of the "
                    "file, %llu",
                    c->path, (unsigned long long)at, (unsigned long long)end);
}

static nap_status read_metadata(const context *c, const json_t *map)
{
    const char *key;
    json_t *value;
    bool ok = json_is_object(map);
    json_object_foreach((json_t *)map, key, value) ok = ok && json_is_string(value);
    return ok ? NAP_OK : bad(c, NAP_ERR_FORMAT, METADATA, "expected an object of strings");
}

static nap_status read_entries(nap_safetensors *f, const context *c)
{
    const char *key;
    json_t *entry;
    const size_t most = json_object_size(f->header);
    f->tensors = nap_calloc(most, sizeof *f->tensors);
    f->by_name = nap_calloc(most, sizeof *f->by_name);
    if (!f->tensors || !f->by_name) {
        return nap_fail_memory(c->e, most * sizeof *f->tensors, c->path);
    }
    json_object_foreach(f->header, key, entry)
    {
        if (strcmp(key, METADATA) == 0) {
            NAP_TRY(read_metadata(c, entry));
            continue;
        }
        f->tensors[f->n].name = key;
        NAP_TRY(read_tensor(c, entry, &f->tensors[f->n]));
        f->n++;
    }
    NAP_TRY(check_filled(f, c));
    for (size_t i = 0; i < f->n; i++) f->by_name[i] = &f->tensors[i];
    qsort(f->by_name, f->n, sizeof *f->by_name, compare_names);
    return NAP_OK;
}

static nap_status parse_json(nap_safetensors *f, const context *c)
{
    json_error_t why;
    f->header = json_loadb(c->text, c->len, JSON_REJECT_DUPLICATES, &why);
    if (!f->header) {
        if (json_error_code(&why) == json_error_out_of_memory) {
            return nap_fail_memory(c->e, c->len, c->path);
        }
        const uint64_t at = 8 + (uint64_t)(why.position > 0 ? why.position : 0);
        return nap_fail(c->e, NAP_ERR_FORMAT, at, "%s: header, byte %llu: %s, expected JSON",
                        c->path, (unsigned long long)at, nap_show(why.text, strlen(why.text)).text);
    }
    if (json_is_object(f->header)) return read_entries(f, c);
    return nap_fail(c->e, NAP_ERR_FORMAT, 8, "%s: header, byte 8: expected a JSON object", c->path);
}

static nap_status parse(nap_safetensors *f, nap_error *e)
{
    const uint64_t size = nap_source_size(f->source);
    context c = {.path = nap_show_path(nap_source_path(f->source)), .e = e};
    uint8_t le[8];
    NAP_TRY(nap_source_read(f->source, 0, le, 8, e));
    const uint64_t len = nap_get_le(le, 8);
    if (len < 2 || len > size - 8 || len > HEADER_MAX) {
        const uint64_t most = size - 8 < HEADER_MAX ? size - 8 : HEADER_MAX;
        return nap_fail(e, NAP_ERR_FORMAT, 0,
                        "%s: header length, byte 0: %llu, expected 2 to %llu in this file", c.path,
                        (unsigned long long)len, (unsigned long long)most);
    }
    char *text = nap_alloc((size_t)len);
    if (!text) return nap_fail_memory(e, (size_t)len, c.path);
    c.text = text;
    c.len = (size_t)len;
    c.data_at = 8 + len;
    c.data_bytes = size - c.data_at;
    nap_status status = nap_source_read(f->source, 8, text, c.len, e);
    if (status == NAP_OK) status = parse_json(f, &c);
    nap_free(text);
    return status;
}

nap_status nap_safetensors_open_source(nap_safetensors **out, nap_source *s, nap_error *e)
{
    *out = NULL;
    nap_safetensors *f = nap_calloc(1, sizeof *f);
    if (!f) {
        const nap_status status = nap_fail_memory(e, sizeof *f, nap_source_path(s));
        nap_source_close(s);
        return status;
    }
    f->source = s;
    const nap_status status = parse(f, e);
    if (status != NAP_OK) {
        nap_safetensors_close(f);
        return status;
    }
    *out = f;
    return NAP_OK;
}

nap_status nap_safetensors_open(nap_safetensors **out, const char *path, nap_error *e)
{
    nap_source *s;
    *out = NULL;
    NAP_TRY(nap_source_open(&s, path, e));
    return nap_safetensors_open_source(out, s, e);
}

void nap_safetensors_close(nap_safetensors *f)
{
    if (!f) return;
    nap_source_close(f->source);
    json_decref(f->header);
    nap_free(f->tensors);
    nap_free(f->by_name);
    nap_free(f);
}

size_t nap_safetensors_count(const nap_safetensors *f)
{
    return f->n;
}

const nap_safe_tensor *nap_safetensors_at(const nap_safetensors *f, size_t i)
{
    return i < f->n ? &f->tensors[i] : NULL;
}

const nap_safe_tensor *nap_safetensors_find(const nap_safetensors *f, const char *name)
{
    const nap_safe_tensor key = {.name = name}, *wanted = &key;
    const nap_safe_tensor **found =
        bsearch(&wanted, f->by_name, f->n, sizeof *f->by_name, compare_names);
    return found ? *found : NULL;
}

const char *nap_safetensors_meta(const nap_safetensors *f, const char *key)
{
    return json_string_value(json_object_get(json_object_get(f->header, METADATA), key));
}

nap_status nap_safetensors_read(const nap_safetensors *f, const nap_safe_tensor *t, uint64_t offset,
                                void *dst, size_t len, nap_error *e)
{
    if (!nap_range_ok(offset, len, t->bytes)) {
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "%s: tensor '%s': reading %zu bytes at %llu, expected at most %llu bytes",
                        nap_show_path(nap_source_path(f->source)), t->name, len,
                        (unsigned long long)offset, (unsigned long long)t->bytes);
    }
    return nap_source_read(f->source, t->offset + offset, dst, len, e);
}
