/* Bit fields out of and into blocks, driven by nap_plane.
 *
 * Reading is on the load path of every model (each weight passes here once), so the shapes that
 * matter have loops of their own: runs of bytes work on eight items inside a 64-bit word (a shift
 * moves bits across byte borders and the mask takes them away again, so byte order does not
 * matter), and neighbouring fields of one byte are spread over a word. Writing serves tests and the
 * quantizer and goes item by item. */
#include "format/packing.h"

#include <string.h>

#define EACH_BYTE 0x0101010101010101u

/* Base 3: byte / 256 in base three, truncated; multiplying by 3^n modulo 256 drops n digits, and
 * what one further multiplication carries out of the byte is the next digit. */
static const uint8_t power_of_3[5] = {1, 3, 9, 27, 81};

/* The definition in packing.h, item by item. */
static void get_items(const nap_plane *p, const uint8_t *block, uint8_t *items)
{
    const unsigned mask = (1u << p->width) - 1;
    const uint8_t *from = block + p->offset;
    for (unsigned e = 0; e < p->count; from += p->run) {
        for (unsigned step = 0; step < p->steps; step++, e += p->run) {
            const unsigned shift = p->bit + step * p->width;
            for (unsigned i = 0; i < p->run; i++) {
                const unsigned field = from[i] >> shift & mask;
                items[e + i] = (uint8_t)((p->to ? items[e + i] : 0) | field << p->to);
            }
        }
    }
}

static void get_trits(const nap_plane *p, const uint8_t *block, uint8_t *items)
{
    const uint8_t *from = block + p->offset;
    for (unsigned e = 0; e < p->count; from += p->run) {
        for (unsigned step = 0; step < p->steps; step++, e += p->run) {
            const unsigned power = power_of_3[step];
            for (unsigned i = 0; i < p->run; i++) {
                items[e + i] = (uint8_t)((from[i] * power & 0xff) * 3 >> 8);
            }
        }
    }
}

/* Runs of whole words: nibbles in halves, 2-bit fields in quarters, high bits of Q5_K. Inlined
 * with constant `run` and `first`, so that the compiler makes straight vector code of it. */
static inline __attribute__((always_inline)) void runs(const nap_plane *p, const uint8_t *block,
                                                       uint8_t *items, unsigned run, bool first)
{
    const unsigned span = run * p->steps;
    const uint64_t mask = ((1u << p->width) - 1) * EACH_BYTE;
    const uint8_t *from = block + p->offset;
    for (unsigned e = 0; e < p->count; e += span, from += run) {
        for (unsigned step = 0; step < p->steps; step++) {
            const unsigned shift = p->bit + step * p->width;
            uint8_t *to = items + e + step * run;
            for (unsigned i = 0; i < run; i += 8) {
                uint64_t word, old = 0;
                memcpy(&word, from + i, 8);
                if (!first) memcpy(&old, to + i, 8);
                old |= (word >> shift & mask) << p->to;
                memcpy(to + i, &old, 8);
            }
        }
    }
}

static void get_runs(const nap_plane *p, const uint8_t *block, uint8_t *items)
{
    switch (p->run) {
    case 16:
        p->to ? runs(p, block, items, 16, false) : runs(p, block, items, 16, true);
        break;
    case 32:
        p->to ? runs(p, block, items, 32, false) : runs(p, block, items, 32, true);
        break;
    default:
        p->to ? runs(p, block, items, p->run, false) : runs(p, block, items, p->run, true);
        break;
    }
}

/* Eight one-bit fields of each byte: copy the byte to eight items, keep bit i in item i, and carry
 * it to bit 7 by adding 127 (bit 7 itself may be the kept one). Byte order does not matter. */
static void get_bits(const nap_plane *p, const uint8_t *block, uint8_t *items)
{
    static const uint8_t own[8] = {1, 2, 4, 8, 16, 32, 64, 128};
    const uint64_t low = 0x7f * EACH_BYTE;
    uint64_t keep;
    memcpy(&keep, own, 8);
    for (unsigned e = 0; e < p->count; e += 8) {
        const uint64_t kept = block[p->offset + e / 8] * EACH_BYTE & keep;
        const uint64_t bits = (((kept & low) + low) | kept) >> 7 & EACH_BYTE;
        uint64_t old = 0;
        if (p->to) memcpy(&old, items + e, 8);
        old |= bits << p->to;
        memcpy(items + e, &old, 8);
    }
}

/* Four two-bit fields of each byte, as the lowest bits of items. */
static void get_pairs(const nap_plane *p, const uint8_t *block, uint8_t *items)
{
    for (unsigned e = 0; e < p->count; e += 4) {
        uint32_t x = block[p->offset + e / 4];
        x = (x | x << 12) & 0x000f000fu;
        x = (x | x << 6) & 0x03030303u;
        for (unsigned i = 0; i < 4; i++) items[e + i] = (uint8_t)(x >> 8 * i);
    }
}

void nap_planes_get(const nap_plane *p, const uint8_t *block, uint8_t *items)
{
    for (const nap_plane *q = p; q < p + NAP_PLANES_MAX && q->count; q++) {
        uint8_t *to = items + q->first;
        if (q->base == 3) {
            get_trits(q, block, to);
        } else if (q->run % 8 == 0) {
            get_runs(q, block, to);
        } else if (q->run == 1 && q->steps == 8) {
            get_bits(q, block, to);
        } else if (q->run == 1 && q->steps == 4 && q->to == 0) {
            get_pairs(q, block, to);
        } else {
            get_items(q, block, to);
        }
    }
}

/* Base 3: the digits as a number of five, then the smallest byte whose expansion starts so. */
static void put_trits(const nap_plane *p, const uint8_t *items, uint8_t *block)
{
    for (unsigned e = 0; e < p->count; block += p->run, e += p->run * p->steps) {
        for (unsigned i = 0; i < p->run; i++) {
            unsigned sum = 0;
            for (unsigned n = 0; n < p->steps; n++) {
                sum += items[e + n * p->run + i] * power_of_3[4 - n];
            }
            block[p->offset + i] = (uint8_t)((sum * 256 + 242) / 243);
        }
    }
}

static void put_bits(const nap_plane *p, const uint8_t *items, uint8_t *block)
{
    const unsigned span = (unsigned)p->run * p->steps, mask = (1u << p->width) - 1;
    for (unsigned e = 0; e < p->count; e++) {
        const unsigned byte = p->offset + e / span * p->run + e % p->run;
        const unsigned shift = p->bit + e % span / p->run * p->width;
        block[byte] |= (uint8_t)((items[e] >> p->to & mask) << shift);
    }
}

void nap_planes_put(const nap_plane *p, const uint8_t *items, uint8_t *block)
{
    for (const nap_plane *q = p; q < p + NAP_PLANES_MAX && q->count; q++) {
        if (q->base == 3) {
            put_trits(q, items + q->first, block);
        } else {
            put_bits(q, items + q->first, block);
        }
    }
}
