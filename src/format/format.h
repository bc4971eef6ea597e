/* Numeric formats as data (docs/formats.md).
 *
 * A format is an element table (what one code means), a scale hierarchy (what multiplies a group
 * and a block of elements) and a packing (where the bits lie). Decoders, sizes, tests and the
 * kernels' packers are all driven by these descriptions: to add a format, add a table entry.
 *
 * Every block format is brought to one canonical form, nap_block: with g = i / format->group,
 *
 *     value[i] = (d * sc[g]) * elem(code[i]) + dmin * mn[g]
 *
 * elem(c) is c - zero for linear formats, else table[c]. All products are exact in float for the
 * formats of GGUF; the value is rounded once per operation in the order written. */
#ifndef NAP_FORMAT_FORMAT_H
#define NAP_FORMAT_FORMAT_H

#include "napier/status.h"

typedef enum nap_format_kind {
    NAP_FORMAT_FLOAT,   /* F32, F16, BF16, F64: no blocks */
    NAP_FORMAT_INTEGER, /* I8, I16, I32, I64: plain integers */
    NAP_FORMAT_BLOCK    /* codes with scales */
} nap_format_kind;

/* ggml's numbers of the plain float types, which code has to tell apart. */
enum {
    NAP_FORMAT_ID_F32 = 0,
    NAP_FORMAT_ID_F16 = 1,
    NAP_FORMAT_ID_F64 = 28,
    NAP_FORMAT_ID_BF16 = 30
};

/* The largest block of any format, and the most groups in one block. */
enum { NAP_BLOCK_MAX = 256, NAP_GROUPS_MAX = 16 };

typedef struct nap_format {
    const char *name; /* "Q4_1", as the field writes it */
    uint32_t id;      /* ggml's type number in GGUF files */
    nap_format_kind kind;
    uint16_t block;       /* elements per block (1 for plain types) */
    uint16_t block_bytes; /* bytes per block */
    uint8_t bits;         /* of a code */
    uint16_t group;       /* elements that share sc[] and mn[] (== block: one level only) */
    int16_t zero;         /* linear formats: elem(c) = c - zero */
    const int8_t *table;  /* element table of 1 << bits entries, or NULL: linear */
    bool has_min;         /* dmin * mn[g] may be non-zero */
    bool int_scales;      /* sc[] and mn[] are small integers (two levels); else sc = 1 */
    const struct nap_packing *packing; /* src/format's own: where codes and scales lie */
} nap_format;

typedef struct nap_block {
    uint8_t code[NAP_BLOCK_MAX]; /* in element order; 8-bit signed codes are stored plus 128 */
    float d, dmin;
    int16_t sc[NAP_GROUPS_MAX], mn[NAP_GROUPS_MAX];
} nap_block;

/* The table of all formats, and look-ups; NULL if unknown. */
size_t nap_format_count(void);
const nap_format *nap_format_at(size_t i);
const nap_format *nap_format_by_id(uint32_t id);
const nap_format *nap_format_by_name(const char *name); /* case-insensitive */
/* The name ggml gives to a type number that Napier does not decode ("IQ2_XXS"), else NULL. */
const char *nap_format_foreign_name(uint32_t id);

/* Bytes of `elems` elements; false on overflow or if elems is no multiple of the block. */
bool nap_format_bytes(const nap_format *f, uint64_t elems, uint64_t *bytes);

/* One block (BLOCK formats only) from its bytes to canonical form. */
void nap_format_split(const nap_format *f, const void *bytes, nap_block *out);
/* The inverse: canonical form to bytes. join(split(b)) == b for every block b, but for NaN scales
 * (quieted) and bytes of TQ1_0 that no encoder writes (several bytes mean the same digits). */
void nap_format_join(const nap_format *f, const nap_block *in, void *bytes);
/* Element value of a code: c - zero or table[c]. */
int nap_format_elem(const nap_format *f, unsigned code);

/* `elems` elements (a multiple of the block) to float: the specification that the kernels'
 * packed forms are tested against. Any format of the table. */
void nap_format_decode(const nap_format *f, const void *bytes, size_t elems, float *out);

#endif
