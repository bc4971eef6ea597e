/* From bytes to entries. Facts: ggml's docs/gguf.md and the files that gguf-py writes.
 *
 * The invariant of the cursor: `have` bytes of the file are in p->meta, and nothing is looked at
 * before need() has shown that it lies inside the file and has loaded it. The buffer at most
 * doubles, and never exceeds the file, so memory follows what the file proves; the arrays of
 * entries grow the same way while entries are really read, whatever the header claims. */
#include "file/gguf_parse.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"
#include "file/bytes.h"
#include "file/names.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FIRST_WINDOW ((uint64_t)64 << 10)
#define META_MAX ((uint64_t)1 << 30) /* the largest vocabularies need 16 MiB */
#define NAME_MAX_LEN 65535

/* The fewest bytes that one entry takes: name length, one byte of name, type, one byte of value;
 * name length, one byte of name, dimensions, type, offset. */
enum { KV_LEAST = 8 + 1 + 4 + 1, TENSOR_LEAST = 8 + 1 + 4 + 4 + 8 };

typedef struct cursor {
    gguf_part *p;
    uint64_t size, have, pos;
    nap_error *e;
    /* For messages: which entry is being read, and its name once known. */
    const char *section;
    uint64_t nth, of;
    uint64_t name_at;
    size_t name_len;
} cursor;

const char *nap_gguf_kind_name(uint32_t kind)
{
    static const char *const names[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                        "bool", "string", "array", "u64", "i64", "f64"};
    return kind < sizeof names / sizeof names[0] ? names[kind] : "?";
}

unsigned nap_gguf_kind_bytes(uint32_t kind)
{
    static const uint8_t bytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    return kind < sizeof bytes ? bytes[kind] : 0;
}

__attribute__((format(printf, 4, 5))) static nap_status bad(const cursor *c, nap_status code,
                                                            uint64_t at, const char *fmt, ...)
{
    char what[320], who[128] = "header";
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    if (c->section && c->name_len) {
        snprintf(who, sizeof who, "%s '%s'", c->section,
                 nap_show(c->p->meta + c->name_at, c->name_len).text);
    } else if (c->section) {
        snprintf(who, sizeof who, "%s %llu of %llu", c->section, (unsigned long long)c->nth + 1,
                 (unsigned long long)c->of);
    }
    return nap_fail(c->e, code, at, "%s: %s, byte %llu: %s",
                    nap_show_path(nap_source_path(c->p->source)), who, (unsigned long long)at,
                    what);
}

/* Loads the file up to `end`, which need() has checked. */
static nap_status load(cursor *c, uint64_t end)
{
    uint64_t want = c->have ? c->have * 2 : FIRST_WINDOW;
    if (want < end) want = end;
    if (want > c->size) want = c->size;
    if (want > META_MAX) want = end;
    uint8_t *grown = nap_realloc(c->p->meta, (size_t)want, 1);
    if (!grown) {
        return nap_fail_memory(c->e, (size_t)want, nap_source_path(c->p->source));
    }
    c->p->meta = grown;
    NAP_TRY(
        nap_source_read(c->p->source, c->have, grown + c->have, (size_t)(want - c->have), c->e));
    c->have = want;
    return NAP_OK;
}

static nap_status need(cursor *c, uint64_t bytes, const char *what)
{
    if (!nap_range_ok(c->pos, bytes, c->size)) {
        return bad(c, NAP_ERR_FORMAT, c->pos,
                   "%s takes %llu bytes, found %llu before the file ends", what,
                   (unsigned long long)bytes, (unsigned long long)(c->size - c->pos));
    }
    const uint64_t end = c->pos + bytes;
    if (end > META_MAX) {
        return bad(c, NAP_ERR_LIMIT, c->pos, "%s ends at byte %llu, expected metadata below %llu",
                   what, (unsigned long long)end, (unsigned long long)META_MAX);
    }
    return end > c->have ? load(c, end) : NAP_OK;
}

static nap_status number(cursor *c, unsigned bytes, const char *what, uint64_t *out)
{
    NAP_TRY(need(c, bytes, what));
    *out = nap_get_le(c->p->meta + c->pos, bytes);
    c->pos += bytes;
    return NAP_OK;
}

static nap_status number32(cursor *c, const char *what, uint32_t *out)
{
    uint64_t v;
    NAP_TRY(number(c, 4, what, &v));
    *out = (uint32_t)v;
    return NAP_OK;
}

/* Skips a string's length and bytes. */
static nap_status skip_string(cursor *c, const char *what, const char *length_what)
{
    uint64_t len;
    NAP_TRY(number(c, 8, length_what, &len));
    c->pos -= 8; /* a wrong length is reported where it stands */
    if (len > c->size - c->pos - 8) {
        return bad(c, NAP_ERR_FORMAT, c->pos, "%s %llu, expected at most %llu", length_what,
                   (unsigned long long)len, (unsigned long long)(c->size - c->pos - 8));
    }
    c->pos += 8;
    NAP_TRY(need(c, len, what));
    c->pos += len;
    return NAP_OK;
}

/* A key or tensor name; from here on messages carry it. */
static nap_status read_name(cursor *c, const char *what, const char *length_what, uint64_t *at,
                            size_t *name_len)
{
    *at = c->pos;
    NAP_TRY(skip_string(c, what, length_what));
    const uint64_t len = c->pos - *at - 8;
    if (len == 0 || len > NAME_MAX_LEN) {
        return bad(c, NAP_ERR_FORMAT, *at, "%s %llu, expected 1 to %d", length_what,
                   (unsigned long long)len, NAME_MAX_LEN);
    }
    if (!nap_name_ok(c->p->meta + *at + 8, (size_t)len)) {
        return bad(c, NAP_ERR_FORMAT, *at + 8, "%s '%s', expected UTF-8 without control characters",
                   what, nap_show(c->p->meta + *at + 8, (size_t)len).text);
    }
    c->name_at = *at + 8;
    c->name_len = *name_len = (size_t)len;
    return NAP_OK;
}

static nap_status check_bools(cursor *c, uint64_t at, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        const uint8_t v = c->p->meta[at + i];
        if (v > 1) return bad(c, NAP_ERR_FORMAT, at + i, "bool has value %u, expected 0 or 1", v);
    }
    return NAP_OK;
}

static nap_status read_elements(cursor *c, nap_gguf_kv *kv, uint64_t count_at)
{
    const unsigned size = nap_gguf_kind_bytes(kv->elem);
    const uint64_t left = c->size - c->pos, least = size ? size : 8;
    if (kv->count > left / least) {
        return bad(c, NAP_ERR_FORMAT, count_at,
                   "array of %llu x %s, expected at most %llu in the %llu bytes left",
                   (unsigned long long)kv->count, nap_gguf_kind_name(kv->elem),
                   (unsigned long long)(left / least), (unsigned long long)left);
    }
    if (size) {
        NAP_TRY(need(c, kv->count * size, "array")); /* no overflow: at most `left` */
        if (kv->elem == NAP_GGUF_BOOL) NAP_TRY(check_bools(c, c->pos, kv->count));
        c->pos += kv->count * size;
        return NAP_OK;
    }
    for (uint64_t i = 0; i < kv->count; i++) {
        NAP_TRY(skip_string(c, "string in array", "length of string in array"));
    }
    return NAP_OK;
}

static nap_status read_value(cursor *c, nap_gguf_kv *kv)
{
    uint32_t kind, elem;
    NAP_TRY(number32(c, "value type", &kind));
    if (kind > NAP_GGUF_F64) {
        return bad(c, NAP_ERR_FORMAT, c->pos - 4, "value type %u, expected 0 to %d", kind,
                   NAP_GGUF_F64);
    }
    kv->kind = kv->elem = (nap_gguf_kind)kind;
    kv->count = 1;
    kv->offset = c->pos;
    if (kind == NAP_GGUF_ARRAY) {
        NAP_TRY(number32(c, "array element type", &elem));
        if (elem == NAP_GGUF_ARRAY) {
            return bad(c, NAP_ERR_UNSUPPORTED, c->pos - 4,
                       "array of arrays, expected an array of numbers, bools or strings");
        }
        if (elem > NAP_GGUF_F64) {
            return bad(c, NAP_ERR_FORMAT, c->pos - 4, "array element type %u, expected 0 to %d",
                       elem, NAP_GGUF_F64);
        }
        kv->elem = (nap_gguf_kind)elem;
        NAP_TRY(number(c, 8, "array length", &kv->count));
        kv->offset = c->pos;
        NAP_TRY(read_elements(c, kv, c->pos - 8));
    } else if (kind == NAP_GGUF_STRING) {
        NAP_TRY(skip_string(c, "string", "length of string"));
    } else {
        const unsigned size = nap_gguf_kind_bytes(kind);
        NAP_TRY(need(c, size, "value"));
        if (kind == NAP_GGUF_BOOL) NAP_TRY(check_bools(c, c->pos, 1));
        c->pos += size;
    }
    kv->size = c->pos - kv->offset;
    return NAP_OK;
}

/* Room for one more entry; *cap at most doubles. */
static nap_status grow(cursor *c, void **array, size_t n, size_t *cap, size_t entry)
{
    if (n < *cap) return NAP_OK;
    const size_t want = *cap ? *cap * 2 : 16;
    void *grown = nap_realloc(*array, want, entry);
    if (!grown) return nap_fail_memory(c->e, want * entry, nap_source_path(c->p->source));
    *array = grown;
    *cap = want;
    return NAP_OK;
}

static nap_status read_kvs(cursor *c, uint64_t count)
{
    size_t cap = 0;
    c->of = count;
    for (uint64_t i = 0; i < count; i++) {
        c->section = "key";
        c->nth = i;
        c->name_len = 0;
        NAP_TRY(grow(c, (void **)&c->p->kv, c->p->n_kv, &cap, sizeof *c->p->kv));
        gguf_kv_entry *entry = &c->p->kv[c->p->n_kv];
        memset(entry, 0, sizeof *entry);
        NAP_TRY(read_name(c, "key", "length of key", &entry->key_at, &entry->kv.key_len));
        NAP_TRY(read_value(c, &entry->kv));
        c->p->n_kv++;
    }
    return NAP_OK;
}

static nap_status unknown_type(const cursor *c, uint32_t id, uint64_t at)
{
    char known[240] = "";
    size_t used = 0;
    for (size_t i = 0; i < nap_format_count() && used < sizeof known; i++) {
        used += (size_t)snprintf(known + used, sizeof known - used, " %s", nap_format_at(i)->name);
    }
    const char *name = nap_format_foreign_name(id);
    return bad(c, NAP_ERR_UNSUPPORTED, at, "type %u (%s), expected one of%s", id,
               name ? name : "no type known to this version", known);
}

static nap_status read_shape(cursor *c, nap_tensor *t)
{
    const uint64_t dims_at = c->pos;
    NAP_TRY(number32(c, "number of dimensions", &t->n_dims));
    if (t->n_dims > NAP_MAX_DIMS) {
        return bad(c, NAP_ERR_FORMAT, dims_at, "%u dimensions, expected at most %d", t->n_dims,
                   NAP_MAX_DIMS);
    }
    for (unsigned i = 0; i < NAP_MAX_DIMS; i++) {
        t->ne[i] = 1;
        if (i >= t->n_dims) continue;
        NAP_TRY(number(c, 8, "dimension", &t->ne[i]));
        if (t->ne[i] == 0) {
            return bad(c, NAP_ERR_FORMAT, c->pos - 8, "dimension %u is 0, expected at least 1", i);
        }
    }
    return NAP_OK;
}

/* Bytes of the tensor from its shape and type, every step checked. */
static nap_status measure(cursor *c, nap_tensor *t, uint64_t shape_at)
{
    uint64_t elems = 1;
    for (unsigned i = 0; i < NAP_MAX_DIMS; i++) {
        if (!nap_mul_ok(elems, t->ne[i], &elems)) {
            return bad(c, NAP_ERR_FORMAT, shape_at,
                       "%llu x %llu x %llu x %llu elements, expected fewer than 2^64",
                       (unsigned long long)t->ne[0], (unsigned long long)t->ne[1],
                       (unsigned long long)t->ne[2], (unsigned long long)t->ne[3]);
        }
    }
    if (t->ne[0] % t->format->block != 0) {
        return bad(c, NAP_ERR_FORMAT, shape_at,
                   "rows of %llu elements, expected a multiple of %u for type %s",
                   (unsigned long long)t->ne[0], t->format->block, t->format->name);
    }
    if (!nap_format_bytes(t->format, elems, &t->bytes)) {
        return bad(c, NAP_ERR_FORMAT, shape_at,
                   "%llu elements of %s, expected fewer than 2^64 bytes", (unsigned long long)elems,
                   t->format->name);
    }
    return NAP_OK;
}

static nap_status read_tensors(cursor *c, uint64_t count)
{
    size_t cap = 0;
    c->of = count;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t type;
        c->section = "tensor";
        c->nth = i;
        c->name_len = 0;
        NAP_TRY(grow(c, (void **)&c->p->tensors, c->p->n_tensors, &cap, sizeof *c->p->tensors));
        gguf_tensor_entry *entry = &c->p->tensors[c->p->n_tensors];
        memset(entry, 0, sizeof *entry);
        NAP_TRY(read_name(c, "name", "length of name", &entry->name_at, &entry->name_len));
        const uint64_t shape_at = c->pos + 4;
        NAP_TRY(read_shape(c, &entry->t));
        NAP_TRY(number32(c, "type", &type));
        entry->t.format = nap_format_by_id(type);
        if (!entry->t.format) return unknown_type(c, type, c->pos - 4);
        NAP_TRY(measure(c, &entry->t, shape_at));
        entry->offset_at = c->pos;
        NAP_TRY(number(c, 8, "data offset", &entry->t.offset));
        c->p->n_tensors++;
    }
    return NAP_OK;
}

static nap_status read_alignment(cursor *c)
{
    const nap_gguf_kv *kv = NULL;
    c->p->alignment = GGUF_ALIGNMENT_DEFAULT;
    for (size_t i = 0; i < c->p->n_kv && !kv; i++) {
        const gguf_kv_entry *entry = &c->p->kv[i];
        if (entry->kv.key_len == strlen(GGUF_ALIGNMENT_KEY) &&
            memcmp(c->p->meta + entry->key_at + 8, GGUF_ALIGNMENT_KEY, entry->kv.key_len) == 0) {
            kv = &entry->kv;
            c->name_at = entry->key_at + 8;
            c->name_len = kv->key_len;
        }
    }
    if (!kv) return NAP_OK;
    c->section = "key";
    if (kv->kind != NAP_GGUF_U32) {
        return bad(c, NAP_ERR_FORMAT, kv->offset, "value of type %s, expected u32",
                   nap_gguf_kind_name(kv->kind));
    }
    const uint32_t a = (uint32_t)nap_get_le(c->p->meta + kv->offset, 4);
    if (a == 0 || (a & (a - 1)) != 0 || a > GGUF_ALIGNMENT_MAX) {
        return bad(c, NAP_ERR_FORMAT, kv->offset, "alignment %u, expected a power of two up to %d",
                   a, GGUF_ALIGNMENT_MAX);
    }
    c->p->alignment = a;
    return NAP_OK;
}

/* Turns relative data offsets into absolute ones that are proven to lie inside the file. */
static nap_status place_tensors(cursor *c)
{
    uint64_t data_at;
    if (!nap_align_ok(c->pos, c->p->alignment, &data_at)) data_at = UINT64_MAX;
    c->section = "tensor";
    for (size_t i = 0; i < c->p->n_tensors; i++) {
        gguf_tensor_entry *entry = &c->p->tensors[i];
        nap_tensor *t = &entry->t;
        uint64_t at;
        c->name_at = entry->name_at + 8;
        c->name_len = entry->name_len;
        if (t->offset % c->p->alignment != 0) {
            return bad(c, NAP_ERR_FORMAT, entry->offset_at,
                       "data offset %llu, expected a multiple of %u", (unsigned long long)t->offset,
                       c->p->alignment);
        }
        if (!nap_add_ok(data_at, t->offset, &at) || !nap_range_ok(at, t->bytes, c->size)) {
            return bad(c, NAP_ERR_FORMAT, entry->offset_at,
                       "%llu bytes of data at offset %llu from byte %llu, expected them within the "
                       "%llu bytes of the file (is it cut short?)",
                       (unsigned long long)t->bytes, (unsigned long long)t->offset,
                       (unsigned long long)data_at, (unsigned long long)c->size);
        }
        t->offset = at;
    }
    return NAP_OK;
}

static char *end_name(uint8_t *meta, uint64_t at, size_t len)
{
    memmove(meta + at + 7, meta + at + 8, len);
    meta[at + 7 + len] = '\0';
    return (char *)meta + at + 7;
}

/* The buffer moves no more: gives back what lies behind the metadata and sets the pointers. */
static void settle(cursor *c)
{
    gguf_part *p = c->p;
    uint8_t *fitting = nap_realloc(p->meta, (size_t)c->pos, 1);
    if (fitting) p->meta = fitting; /* else the larger block serves as well */
    p->meta_len = (size_t)c->pos;
    for (size_t i = 0; i < p->n_kv; i++) {
        gguf_kv_entry *entry = &p->kv[i];
        entry->kv.key = end_name(p->meta, entry->key_at, entry->kv.key_len);
        entry->kv.data = p->meta + entry->kv.offset;
    }
    for (size_t i = 0; i < p->n_tensors; i++) {
        gguf_tensor_entry *entry = &p->tensors[i];
        entry->t.name = end_name(p->meta, entry->name_at, entry->name_len);
    }
}

static nap_status read_version(cursor *c)
{
    uint32_t magic, version;
    NAP_TRY(number32(c, "magic", &magic));
    if (magic != 0x46554747) { /* "GGUF" */
        return bad(c, NAP_ERR_FORMAT, 0, "the file starts with '%s', expected 'GGUF'",
                   nap_show(c->p->meta, 4).text);
    }
    NAP_TRY(number32(c, "version", &version));
    if (version == 2 || version == 3) {
        c->p->version = version;
        return NAP_OK;
    }
    const uint32_t swapped = __builtin_bswap32(version);
    if (swapped >= 1 && swapped <= 3) {
        return bad(c, NAP_ERR_UNSUPPORTED, 4, "big-endian GGUF version %u, expected little-endian",
                   swapped);
    }
    return bad(c, NAP_ERR_UNSUPPORTED, 4, "GGUF version %u, expected 2 or 3", version);
}

static nap_status read_count(cursor *c, const char *what, unsigned least, uint64_t *out)
{
    NAP_TRY(number(c, 8, what, out));
    const uint64_t most = (c->size - c->pos) / least;
    if (*out > most) {
        return bad(c, NAP_ERR_FORMAT, c->pos - 8, "%s %llu, expected at most %llu in this file",
                   what, (unsigned long long)*out, (unsigned long long)most);
    }
    return NAP_OK;
}

nap_status nap_gguf_part_parse(gguf_part *p, nap_error *e)
{
    cursor c = {.p = p, .size = nap_source_size(p->source), .e = e};
    uint64_t n_tensors, n_kv;
    NAP_TRY(read_version(&c));
    NAP_TRY(read_count(&c, "number of tensors", TENSOR_LEAST, &n_tensors));
    NAP_TRY(read_count(&c, "number of keys", KV_LEAST, &n_kv));
    NAP_TRY(read_kvs(&c, n_kv));
    NAP_TRY(read_alignment(&c));
    NAP_TRY(read_tensors(&c, n_tensors));
    NAP_TRY(place_tensors(&c));
    settle(&c);
    return NAP_OK;
}

void nap_gguf_part_free(gguf_part *p)
{
    nap_source_close(p->source);
    nap_free(p->meta);
    nap_free(p->kv);
    nap_free(p->tensors);
    memset(p, 0, sizeof *p);
}

const nap_gguf_kv *nap_gguf_part_find(const gguf_part *p, const char *key)
{
    for (size_t i = 0; i < p->n_kv; i++) {
        if (strcmp(p->kv[i].kv.key, key) == 0) return &p->kv[i].kv;
    }
    return NULL;
}
