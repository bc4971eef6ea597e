/* A model as one object: its parts (split files), its tensors by number and by name.
 *
 * Names are found through sorted arrays and binary search rather than a hash table: no file can
 * be made that turns sorting quadratic by colliding names, and neighbours show duplicates. */
#include "file/gguf.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"
#include "file/gguf_parse.h"
#include "file/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPLITS_MAX 9999

struct nap_gguf {
    gguf_part *parts;
    uint32_t n_parts;
    gguf_tensor_entry *tensors; /* of all parts, in file order; the parts' own arrays are empty */
    size_t n_tensors;
    const gguf_kv_entry **by_key; /* of the first part */
    const gguf_tensor_entry **by_name;
};

static int compare_keys(const void *a, const void *b)
{
    const gguf_kv_entry *const *x = a, *const *y = b;
    const int c = strcmp((*x)->kv.key, (*y)->kv.key);
    return c ? c : (*x > *y) - (*x < *y);
}

static int compare_names(const void *a, const void *b)
{
    const gguf_tensor_entry *const *x = a, *const *y = b;
    const int c = strcmp((*x)->t.name, (*y)->t.name);
    return c ? c : (*x > *y) - (*x < *y);
}

static int compare_places(const void *a, const void *b)
{
    const gguf_tensor_entry *const *x = a, *const *y = b;
    if ((*x)->t.split != (*y)->t.split) return (*x)->t.split < (*y)->t.split ? -1 : 1;
    return ((*x)->t.offset > (*y)->t.offset) - ((*x)->t.offset < (*y)->t.offset);
}

static const char *part_path(const nap_gguf *g, uint32_t part)
{
    return nap_show_path(nap_source_path(g->parts[part].source));
}

static nap_status index_keys(nap_gguf *g, nap_error *e)
{
    const gguf_part *p = &g->parts[0];
    g->by_key = nap_calloc(p->n_kv, sizeof(void *));
    if (!g->by_key) return nap_fail_memory(e, p->n_kv * sizeof(void *), part_path(g, 0));
    for (size_t i = 0; i < p->n_kv; i++) g->by_key[i] = &p->kv[i];
    qsort(g->by_key, p->n_kv, sizeof(void *), compare_keys);
    for (size_t i = 1; i < p->n_kv; i++) {
        const gguf_kv_entry *a = g->by_key[i - 1], *b = g->by_key[i];
        if (strcmp(a->kv.key, b->kv.key) != 0) continue;
        return nap_fail(e, NAP_ERR_FORMAT, b->key_at,
                        "%s: key '%s', byte %llu: found again, expected only the one at byte %llu",
                        part_path(g, 0), nap_show(b->kv.key, b->kv.key_len).text,
                        (unsigned long long)b->key_at, (unsigned long long)a->key_at);
    }
    return NAP_OK;
}

static nap_status check_overlaps(nap_gguf *g, nap_error *e)
{
    qsort(g->by_name, g->n_tensors, sizeof(void *), compare_places);
    for (size_t i = 1; i < g->n_tensors; i++) {
        const gguf_tensor_entry *a = g->by_name[i - 1], *b = g->by_name[i];
        /* No overflow: parsing proved that each lies inside its file. */
        if (a->t.split != b->t.split || a->t.offset + a->t.bytes <= b->t.offset) continue;
        return nap_fail(e, NAP_ERR_FORMAT, b->offset_at,
                        "%s: tensor '%s', byte %llu: data at %llu, expected no overlap with '%s' "
                        "at %llu to %llu",
                        part_path(g, b->t.split), nap_show(b->t.name, b->name_len).text,
                        (unsigned long long)b->offset_at, (unsigned long long)b->t.offset,
                        nap_show(a->t.name, a->name_len).text, (unsigned long long)a->t.offset,
                        (unsigned long long)(a->t.offset + a->t.bytes));
    }
    return NAP_OK;
}

static nap_status index_tensors(nap_gguf *g, nap_error *e)
{
    g->by_name = nap_calloc(g->n_tensors, sizeof(void *));
    if (!g->by_name) return nap_fail_memory(e, g->n_tensors * sizeof(void *), part_path(g, 0));
    for (size_t i = 0; i < g->n_tensors; i++) g->by_name[i] = &g->tensors[i];
    NAP_TRY(check_overlaps(g, e));
    qsort(g->by_name, g->n_tensors, sizeof(void *), compare_names);
    for (size_t i = 1; i < g->n_tensors; i++) {
        const gguf_tensor_entry *a = g->by_name[i - 1], *b = g->by_name[i];
        if (strcmp(a->t.name, b->t.name) != 0) continue;
        return nap_fail(e, NAP_ERR_FORMAT, b->name_at,
                        "%s: tensor '%s', byte %llu: found again, expected only the one at byte "
                        "%llu of %s",
                        part_path(g, b->t.split), nap_show(b->t.name, b->name_len).text,
                        (unsigned long long)b->name_at, (unsigned long long)a->name_at,
                        part_path(g, a->t.split));
    }
    return NAP_OK;
}

/* Moves the tensors of part `i` to the end of g->tensors. */
static nap_status adopt_tensors(nap_gguf *g, uint32_t i, nap_error *e)
{
    gguf_part *p = &g->parts[i];
    if (p->n_tensors > 0) {
        const size_t total = g->n_tensors + p->n_tensors;
        gguf_tensor_entry *grown = nap_realloc(g->tensors, total, sizeof *grown);
        if (!grown) return nap_fail_memory(e, total * sizeof *grown, part_path(g, i));
        g->tensors = grown;
        memcpy(grown + g->n_tensors, p->tensors, p->n_tensors * sizeof *grown);
        g->n_tensors = total;
    }
    for (size_t k = g->n_tensors - p->n_tensors; k < g->n_tensors; k++) g->tensors[k].t.split = i;
    nap_free(p->tensors);
    p->tensors = NULL;
    p->n_tensors = 0;
    return NAP_OK;
}

/* An integer key of a part that, if present, must lie in [low, high]. */
static nap_status part_number(const nap_gguf *g, uint32_t part, const char *key, int64_t low,
                              int64_t high, int64_t def, int64_t *out, nap_error *e)
{
    const nap_gguf_kv *kv = nap_gguf_part_find(&g->parts[part], key);
    *out = def;
    if (!kv) return NAP_OK;
    if (kv->kind == NAP_GGUF_ARRAY || !nap_gguf_elem_i64(kv, 0, out)) {
        return nap_fail(e, NAP_ERR_FORMAT, kv->offset,
                        "%s: key '%s', byte %llu: value of type %s, expected an integer",
                        part_path(g, part), key, (unsigned long long)kv->offset,
                        nap_gguf_kind_name(kv->kind));
    }
    if (*out < low || *out > high) {
        return nap_fail(e, NAP_ERR_FORMAT, kv->offset,
                        "%s: key '%s', byte %llu: value %lld, expected %lld to %lld",
                        part_path(g, part), key, (unsigned long long)kv->offset, (long long)*out,
                        (long long)low, (long long)high);
    }
    return NAP_OK;
}

/* "prefix-00001-of-00003.gguf": how part `no` (from 0) is named, given the first part's path. */
static nap_status split_path(const char *first, uint32_t no, uint32_t count, char **out,
                             nap_error *e)
{
    char ending[40], other[40];
    const size_t n = (size_t)snprintf(ending, sizeof ending, "-%05u-of-%05u.gguf", 1u, count);
    const size_t len = strlen(first);
    if (len <= n || strcmp(first + len - n, ending) != 0) {
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "%s: first of %u files by its key split.count, expected a name that ends "
                        "in '%s'",
                        nap_show_path(first), count, ending);
    }
    snprintf(other, sizeof other, "-%05u-of-%05u.gguf", no + 1, count);
    *out = nap_strdup(first);
    if (!*out) return nap_fail_memory(e, len + 1, first);
    memcpy(*out + len - n, other, n);
    return NAP_OK;
}

static nap_status open_split(nap_gguf *g, uint32_t no, nap_error *e)
{
    const uint32_t count = g->n_parts;
    gguf_part *p = &g->parts[no];
    char *path;
    int64_t found;
    NAP_TRY(split_path(nap_source_path(g->parts[0].source), no, count, &path, e));
    const nap_status status = nap_source_open(&p->source, path, e);
    nap_free(path);
    NAP_TRY(status);
    NAP_TRY(nap_gguf_part_parse(p, e));
    NAP_TRY(part_number(g, no, "split.no", no, no, no, &found, e));
    NAP_TRY(part_number(g, no, "split.count", count, count, count, &found, e));
    return adopt_tensors(g, no, e);
}

static nap_status open_splits(nap_gguf *g, bool by_path, nap_error *e)
{
    int64_t count, no, total;
    NAP_TRY(part_number(g, 0, "split.count", 0, SPLITS_MAX, 1, &count, e));
    if (count <= 1) return NAP_OK;
    NAP_TRY(part_number(g, 0, "split.no", 0, count - 1, 0, &no, e));
    if (no != 0 || !by_path) {
        return nap_fail(
            e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
            "%s: part %lld of a model in %lld files, expected the first part by its path",
            part_path(g, 0), (long long)no + 1, (long long)count);
    }
    gguf_part *parts = nap_calloc((size_t)count, sizeof *parts);
    if (!parts) return nap_fail_memory(e, (size_t)count * sizeof *parts, part_path(g, 0));
    parts[0] = g->parts[0];
    nap_free(g->parts);
    g->parts = parts;
    g->n_parts = (uint32_t)count;
    for (uint32_t i = 1; i < g->n_parts; i++) NAP_TRY(open_split(g, i, e));
    const int64_t all = (int64_t)g->n_tensors;
    return part_number(g, 0, "split.tensors.count", all, all, all, &total, e);
}

static nap_status open_source(nap_gguf **out, nap_source *s, bool by_path, nap_error *e)
{
    nap_status status;
    *out = NULL;
    nap_gguf *g = nap_calloc(1, sizeof *g);
    gguf_part *parts = g ? nap_calloc(1, sizeof *parts) : NULL;
    if (!parts) {
        status = nap_fail_memory(e, sizeof *g, nap_source_path(s));
        nap_free(g);
        nap_source_close(s);
        return status;
    }
    g->parts = parts;
    g->n_parts = 1;
    parts->source = s;
    status = nap_gguf_part_parse(parts, e);
    if (status == NAP_OK) status = index_keys(g, e);
    if (status == NAP_OK) status = adopt_tensors(g, 0, e);
    if (status == NAP_OK) status = open_splits(g, by_path, e);
    if (status == NAP_OK) status = index_tensors(g, e);
    if (status != NAP_OK) {
        nap_gguf_close(g);
        return status;
    }
    *out = g;
    return NAP_OK;
}

nap_status nap_gguf_open_source(nap_gguf **out, nap_source *s, nap_error *e)
{
    return open_source(out, s, false, e);
}

nap_status nap_gguf_open(nap_gguf **out, const char *path, nap_error *e)
{
    nap_source *s;
    *out = NULL;
    NAP_TRY(nap_source_open(&s, path, e));
    return open_source(out, s, true, e);
}

void nap_gguf_close(nap_gguf *g)
{
    if (!g) return;
    for (uint32_t i = 0; i < g->n_parts; i++) nap_gguf_part_free(&g->parts[i]);
    nap_free(g->parts);
    nap_free(g->tensors);
    nap_free(g->by_key);
    nap_free(g->by_name);
    nap_free(g);
}

const char *nap_gguf_path(const nap_gguf *g)
{
    return nap_source_path(g->parts[0].source);
}

uint32_t nap_gguf_version(const nap_gguf *g)
{
    return g->parts[0].version;
}

uint64_t nap_gguf_file_bytes(const nap_gguf *g)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < g->n_parts; i++) total += nap_source_size(g->parts[i].source);
    return total;
}

uint32_t nap_gguf_splits(const nap_gguf *g)
{
    return g->n_parts;
}

size_t nap_gguf_kv_count(const nap_gguf *g)
{
    return g->parts[0].n_kv;
}

const nap_gguf_kv *nap_gguf_kv_at(const nap_gguf *g, size_t i)
{
    return i < g->parts[0].n_kv ? &g->parts[0].kv[i].kv : NULL;
}

const nap_gguf_kv *nap_gguf_find(const nap_gguf *g, const char *key)
{
    size_t low = 0, high = g->parts[0].n_kv;
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        const int c = strcmp(key, g->by_key[mid]->kv.key);
        if (c == 0) return &g->by_key[mid]->kv;
        if (c < 0) {
            high = mid;
        } else {
            low = mid + 1;
        }
    }
    return NULL;
}

size_t nap_gguf_tensor_count(const nap_gguf *g)
{
    return g->n_tensors;
}

const nap_tensor *nap_gguf_tensor_at(const nap_gguf *g, size_t i)
{
    return i < g->n_tensors ? &g->tensors[i].t : NULL;
}

size_t nap_gguf_tensor_index(const nap_gguf *g, const nap_tensor *t)
{
    const size_t stride = sizeof *g->tensors;
    return (size_t)((const char *)t - (const char *)&g->tensors[0].t) / stride;
}

const nap_tensor *nap_gguf_tensor(const nap_gguf *g, const char *name)
{
    size_t low = 0, high = g->n_tensors;
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        const int c = strcmp(name, g->by_name[mid]->t.name);
        if (c == 0) return &g->by_name[mid]->t;
        if (c < 0) {
            high = mid;
        } else {
            low = mid + 1;
        }
    }
    return NULL;
}

nap_status nap_gguf_read(const nap_gguf *g, const nap_tensor *t, uint64_t offset, void *dst,
                         size_t len, nap_error *e)
{
    if (!nap_range_ok(offset, len, t->bytes)) {
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "%s: tensor '%s': reading %zu bytes at %llu, expected at most %llu bytes",
                        part_path(g, t->split), t->name, len, (unsigned long long)offset,
                        (unsigned long long)t->bytes);
    }
    return nap_source_read(g->parts[t->split].source, t->offset + offset, dst, len, e);
}
