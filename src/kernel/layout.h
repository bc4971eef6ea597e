/* Where the bits of a packed matrix lie. Shared by all kernels; tiers do not matter here.
 *
 * Rows are packed in tiles of 16; tiles follow each other, and so do the records of a tile, so a
 * thread that works through a range of rows reads one sequential stream. Rows beyond the last are
 * zeros. A record holds `block` consecutive elements of 16 rows:
 *
 *   d      16 scales: binary16 as in the file, or one byte 2^(e - 128) (E8M0)
 *   dmin   16 minimum scales, binary16                                  if the shape has minima
 *   sc     16 int8 for each group                                       two-level shapes only
 *   mn     16 uint8 for each group                                      two-level with minima
 *          (F16_I4: one byte holds sc | mn << 4)
 *   codes  64 * bits bytes for each 32 elements
 *
 * Codes. The 32 elements are eight fours kg = 0..7. A code of `bits` bits is cut into planes whose
 * widths are the binary digits of `bits`, widest first and lowest bits first: 5 = 4 + 1. A plane of
 * width w is w vectors of 64 bytes; dword r of a vector belongs to row r, and byte i of the dword
 * to element i of a four. Digit f (bits w f .. w f + w - 1) of vector j holds four kg = j + w f.
 * So a shift and a mask give the 16 x 4 operand of one vpdpbusd, two vmull or four sdot; and the
 * nibbles of Q4_0, Q4_1, Q5_0 are in the file's own order.
 *
 * Float layouts: element k of the 16 rows of a tile is one vector of 16 floats or 16-bit floats. */
#ifndef NAP_KERNEL_LAYOUT_H
#define NAP_KERNEL_LAYOUT_H

#include "kernel/rows.h"

typedef enum nap_scale_store {
    NAP_STORE_F16,    /* one level */
    NAP_STORE_E8M0,   /* one level, powers of two */
    NAP_STORE_F16_I8, /* two levels */
    NAP_STORE_F16_I4  /* two levels, sc and mn of 4 bits */
} nap_scale_store;

/* Byte offsets inside a record. Compile-time constants where the arguments are. */
typedef struct nap_record {
    unsigned bits, block, group;
    bool min;
    nap_scale_store store;
    unsigned d, dmin, sc, mn, codes, bytes;
} nap_record;

static inline nap_record nap_record_make(unsigned bits, unsigned block, unsigned group, bool min,
                                         nap_scale_store store)
{
    nap_record r = {.bits = bits, .block = block, .group = group, .min = min, .store = store};
    const unsigned groups = block / group;
    r.dmin = store == NAP_STORE_E8M0 ? 16 : 32;
    r.sc = r.dmin + (min ? 32 : 0);
    r.mn = r.sc + (store == NAP_STORE_F16_I8 || store == NAP_STORE_F16_I4 ? 16 * groups : 0);
    r.codes = r.mn + (store == NAP_STORE_F16_I8 && min ? 16 * groups : 0);
    r.bytes = r.codes + block / 32 * 64 * bits;
    return r;
}

/* The record of a block format. */
nap_record nap_record_of(const nap_format *f);

/* The first record of the tile that holds `row` (a multiple of NAP_ROW_TILE). */
static inline const uint8_t *nap_tile(const nap_matrix *m, const nap_record *r, size_t row)
{
    return (const uint8_t *)m->data + row / NAP_ROW_TILE * (m->cols / r->block) * r->bytes;
}

/* Scale and minimum of group g of row `lane` of a record. */
float nap_record_scale(const nap_record *r, const uint8_t *record, unsigned g, unsigned lane);
float nap_record_min(const nap_record *r, const uint8_t *record, unsigned g, unsigned lane);
/* The 32 codes of row `lane` in the sub-th 32 elements of a record. */
void nap_record_codes(const nap_record *r, const uint8_t *record, unsigned sub, unsigned lane,
                      uint8_t code[32]);

/* One block of the file to one lane of a record, without the canonical form; NULL for formats that
 * have no such way. */
typedef void (*nap_direct_fn)(const nap_record *r, uint8_t *record, unsigned lane,
                              const uint8_t *block);
nap_direct_fn nap_layout_direct(const nap_format *f);

#endif
