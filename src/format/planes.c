/* Bit fields out of and into blocks, driven by nap_plane.
 *
 * Reading is on the load path of every model (each weight passes here once), so the common shapes
 * work on eight items at a time inside a 64-bit word: a shift moves bits across byte borders, and
 * the mask takes them away again, so byte order does not matter. Writing serves tests and the
 * quantizer, and is written item by item. */
#include "format/packing.h"

#include <string.h>

#define EACH_BYTE 0x0101010101010101u

typedef struct plane_at {
    unsigned byte, digit;
} plane_at;

/* The definition in packing.h, for item e of the plane. */
static plane_at locate(const nap_plane *p, unsigned e)
{
    const unsigned span = (unsigned)p->run * p->steps;
    return (plane_at){p->offset + e / span * p->run + e % p->run, e % span / p->run};
}

/* Base 3: byte / 256 in base three, truncated; multiplying by 3^n modulo 256 drops n digits, and
 * the carry of one further multiplication is the next digit. */
static const uint8_t power_of_3[5] = {1, 3, 9, 27, 81};

static unsigned trit(uint8_t byte, unsigned n)
{
    return (unsigned)(uint8_t)(byte * power_of_3[n]) * 3 >> 8;
}

static void get_items(const nap_plane *p, const uint8_t *block, uint8_t *items)
{
    const unsigned mask = (1u << p->width) - 1;
    for (unsigned e = 0; e < p->count; e++) {
        const plane_at at = locate(p, e);
        const uint8_t byte = block[at.byte];
        const unsigned field =
            p->base == 3 ? trit(byte, at.digit) : byte >> (p->bit + at.digit * p->width) & mask;
        items[e] |= (uint8_t)(field << p->to);
    }
}

/* Runs of whole words: nibbles in halves, 2-bit fields in quarters, high bits of Q5_K. */
static void get_runs(const nap_plane *p, const uint8_t *block, uint8_t *items)
{
    const unsigned span = (unsigned)p->run * p->steps;
    const uint64_t mask = ((1u << p->width) - 1) * EACH_BYTE;
    const uint8_t *from = block + p->offset;
    for (unsigned e = 0; e < p->count; e += span, from += p->run) {
        for (unsigned step = 0; step < p->steps; step++) {
            const unsigned shift = p->bit + step * p->width;
            uint8_t *to = items + e + step * p->run;
            for (unsigned i = 0; i < p->run; i += 8) {
                uint64_t word, old;
                memcpy(&word, from + i, 8);
                memcpy(&old, to + i, 8);
                old |= (word >> shift & mask) << p->to;
                memcpy(to + i, &old, 8);
            }
        }
    }
}

/* Eight consecutive bits of a byte: copy the byte to all eight items, keep bit i in item i, and
 * carry it down to bit 0 by an addition that cannot leave its byte. */
static void get_bits(const nap_plane *p, const uint8_t *block, uint8_t *items)
{
    static const uint8_t own[8] = {1, 2, 4, 8, 16, 32, 64, 128};
    uint64_t keep;
    memcpy(&keep, own, 8);
    for (unsigned e = 0; e < p->count; e += 8) {
        const uint64_t kept = block[p->offset + e / 8] * EACH_BYTE & keep;
        /* Any kept bit plus 127 sets bit 7, except that bit 7 itself may be the kept one. */
        const uint64_t low = 0x7f * EACH_BYTE;
        const uint64_t bits = (((kept & low) + low) | kept) >> 7 & EACH_BYTE;
        uint64_t old;
        memcpy(&old, items + e, 8);
        old |= bits << p->to;
        memcpy(items + e, &old, 8);
    }
}

void nap_planes_get(const nap_plane *p, const uint8_t *block, uint8_t *items)
{
    for (const nap_plane *q = p; q < p + NAP_PLANES_MAX && q->count; q++) {
        memset(items + q->first, 0, q->count);
    }
    for (const nap_plane *q = p; q < p + NAP_PLANES_MAX && q->count; q++) {
        uint8_t *to = items + q->first;
        if (q->base == 2 && q->run % 8 == 0) {
            get_runs(q, block, to);
        } else if (q->base == 2 && q->run == 1 && q->steps == 8) {
            get_bits(q, block, to);
        } else {
            get_items(q, block, to);
        }
    }
}

/* Base 3: the digits as a number of five, then the smallest byte whose expansion starts so. */
static void put_trits(const nap_plane *p, const uint8_t *items, uint8_t *block)
{
    const unsigned bytes = p->count / p->steps;
    for (unsigned b = 0; b < bytes; b++) {
        unsigned sum = 0;
        const unsigned e0 = b / p->run * p->run * p->steps + b % p->run;
        for (unsigned n = 0; n < p->steps; n++) {
            sum += items[e0 + n * p->run] * power_of_3[4 - n];
        }
        block[p->offset + b] = (uint8_t)((sum * 256 + 242) / 243);
    }
}

void nap_planes_put(const nap_plane *p, const uint8_t *items, uint8_t *block)
{
    for (const nap_plane *q = p; q < p + NAP_PLANES_MAX && q->count; q++) {
        const unsigned mask = (1u << q->width) - 1;
        if (q->base == 3) {
            put_trits(q, items + q->first, block);
            continue;
        }
        for (unsigned e = 0; e < q->count; e++) {
            const plane_at at = locate(q, e);
            const unsigned field = items[q->first + e] >> q->to & mask;
            block[at.byte] |= (uint8_t)(field << (q->bit + at.digit * q->width));
        }
    }
}
