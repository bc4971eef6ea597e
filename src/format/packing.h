/* Where the bits of a block lie, as data.
 *
 * A plane lays one bit field of equal width over a run of items (element codes, group scales or
 * group minimums). Item e of a plane is found in byte
 *
 *     offset + (e / span) * run + e % run        span = run * steps
 *
 * at digit (e % span) / run; a digit of base 2 is `width` bits wide, counted up from `bit`; a digit
 * of base 3 is the n-th digit after the point of byte / 256 in base three. `steps` is how many
 * digits one byte holds. The field goes to bit `to` of the item. An item's lowest field comes
 * first in a list and sets the item (to == 0); the fields of later planes are joined by OR. One
 * structure covers every layout that GGUF has: nibbles in halves (run 16 or 32), consecutive bits
 * (run 1), the high bits of Q5_K (run 32, width 1) and the 6-bit scales of the K formats. Facts:
 * ggml-common.h of the ggml project. */
#ifndef NAP_FORMAT_PACKING_H
#define NAP_FORMAT_PACKING_H

#include "format/format.h"

typedef struct nap_plane {
    uint16_t first, count; /* items; count == 0 ends a list of planes */
    uint16_t offset;       /* of the first byte in the block */
    uint8_t run;           /* neighbouring bytes that hold neighbouring items */
    uint8_t steps;         /* digits used of each byte */
    uint8_t base;          /* 2 or 3 */
    uint8_t bit, width;    /* base 2: lowest bit of digit 0, bits of a digit */
    uint8_t to;            /* lowest bit of the field in the item */
} nap_plane;

typedef enum nap_scale_kind {
    NAP_SCALE_NONE, /* 0 */
    NAP_SCALE_F16,
    NAP_SCALE_F16_NEG,  /* stored with the opposite sign: Q4_K subtracts its minimum */
    NAP_SCALE_E8M0_HALF /* a power of two, 2^(e - 128): the element table is doubled */
} nap_scale_kind;

typedef struct nap_scale {
    nap_scale_kind kind;
    uint16_t offset;
} nap_scale;

enum { NAP_PLANES_MAX = 4 };

struct nap_packing {
    nap_scale d, dmin;
    nap_plane code[NAP_PLANES_MAX], sc[NAP_PLANES_MAX], mn[NAP_PLANES_MAX];
    uint8_t code_flip; /* XORed into codes: two's complement to offset form */
    uint8_t sc_flip;   /* the same for scales */
    int16_t sc_zero;   /* subtracted from scales */
};

/* Items of a list of planes out of a block, and into a block whose bits are still zero. */
void nap_planes_get(const nap_plane *p, const uint8_t *block, uint8_t *items);
void nap_planes_put(const nap_plane *p, const uint8_t *items, uint8_t *block);

#endif
