/* One GGUF file (one part of a split model) as parsed: the inside of nap_gguf.
 *
 * `meta` holds every byte before the tensor data, once; kv entries and tensor names point into
 * it. Names are made NUL-terminated in place: a name moves back by one byte over its own length
 * field, which the entry has taken over by then. */
#ifndef NAP_FILE_GGUF_PARSE_H
#define NAP_FILE_GGUF_PARSE_H

#include "file/gguf.h"

typedef struct gguf_kv_entry {
    nap_gguf_kv kv;
    uint64_t key_at; /* byte offset of the key's length field */
} gguf_kv_entry;

typedef struct gguf_tensor_entry {
    nap_tensor t;
    uint64_t name_at;   /* byte offset of the name's length field */
    uint64_t offset_at; /* byte offset of the offset field */
    size_t name_len;
} gguf_tensor_entry;

typedef struct gguf_part {
    nap_source *source; /* owned */
    uint8_t *meta;
    size_t meta_len;
    uint32_t version, alignment;
    gguf_kv_entry *kv;
    size_t n_kv;
    gguf_tensor_entry *tensors;
    size_t n_tensors;
} gguf_part;

/* Fills `p` from p->source. On failure what was taken so far stays in `p` for nap_gguf_part_free.
 */
nap_status nap_gguf_part_parse(gguf_part *p, nap_error *e);
void nap_gguf_part_free(gguf_part *p);
const nap_gguf_kv *nap_gguf_part_find(const gguf_part *p, const char *key);

/* "u32", "string", ...; "?" beyond the known kinds. Bytes of a number; 0 for string and array. */
const char *nap_gguf_kind_name(uint32_t kind);
unsigned nap_gguf_kind_bytes(uint32_t kind);

#define GGUF_ALIGNMENT_KEY "general.alignment"
enum { GGUF_ALIGNMENT_DEFAULT = 32, GGUF_ALIGNMENT_MAX = 1 << 20 };

#endif
