/* Short ways from a block of the file to one lane of a record, for the formats that most models
 * are made of. They skip the canonical form (nap_format_split): codes go from word to word, four
 * at a time. Every other format takes the general way of layout.c; the result is the same.
 *
 * Where the bits lie in the file: src/format/table.c. */
#include "kernel/layout.h"

#include <string.h>

#define NIBBLES 0x0f0f0f0fu
#define PAIRS 0x03030303u

static uint32_t load32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

static void store32(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, 4);
}

/* The 16 nibble pairs of a block of 32 are in the order of the packed plane. */
static void put_nibbles(uint8_t *codes, unsigned lane, const uint8_t *qs)
{
    for (unsigned j = 0; j < 4; j++) store32(codes + 64 * j + 4 * lane, load32(qs + 4 * j));
}

/* Bit 4 kg + i of the file becomes bit kg of byte i. A nibble times 1 + 2^7 + 2^14 + 2^21 has its
 * bit i at 8 i, two nibbles at once in the halves of 64 bits. */
static void put_high_bits(uint8_t *plane, unsigned lane, const uint8_t *qh)
{
    const uint32_t bits = load32(qh);
    uint32_t v = 0;
    for (unsigned kg = 0; kg < 4; kg++) {
        const uint64_t two = (bits >> 4 * kg & 15) | (uint64_t)(bits >> (4 * kg + 16) & 15) << 32;
        const uint64_t spread = two * 0x204081u & 0x0101010101010101u;
        v |= (uint32_t)spread << kg | (uint32_t)(spread >> 32) << (kg + 4);
    }
    store32(plane + 4 * lane, v);
}

static void direct_q4_0(const nap_record *r, uint8_t *record, unsigned lane, const uint8_t *block)
{
    memcpy(record + r->d + 2 * lane, block, 2);
    put_nibbles(record + r->codes, lane, block + 2);
}

static void direct_q4_1(const nap_record *r, uint8_t *record, unsigned lane, const uint8_t *block)
{
    memcpy(record + r->d + 2 * lane, block, 2);
    memcpy(record + r->dmin + 2 * lane, block + 2, 2);
    put_nibbles(record + r->codes, lane, block + 4);
}

static void direct_q5_0(const nap_record *r, uint8_t *record, unsigned lane, const uint8_t *block)
{
    memcpy(record + r->d + 2 * lane, block, 2);
    put_nibbles(record + r->codes, lane, block + 6);
    put_high_bits(record + r->codes + 256, lane, block + 2);
}

static void direct_q5_1(const nap_record *r, uint8_t *record, unsigned lane, const uint8_t *block)
{
    memcpy(record + r->d + 2 * lane, block, 2);
    memcpy(record + r->dmin + 2 * lane, block + 2, 2);
    put_nibbles(record + r->codes, lane, block + 8);
    put_high_bits(record + r->codes + 256, lane, block + 4);
}

static void direct_q8_0(const nap_record *r, uint8_t *record, unsigned lane, const uint8_t *block)
{
    memcpy(record + r->d + 2 * lane, block, 2);
    for (unsigned j = 0; j < 8; j++) {
        store32(record + r->codes + 64 * j + 4 * lane, load32(block + 2 + 4 * j) ^ 0x80808080u);
    }
}

/* Eight scales and minima of 6 bits in 12 bytes, and d and dmin before them; the file's dmin is
 * subtracted, ours is added. */
static void put_k_scales(const nap_record *r, uint8_t *record, unsigned lane, const uint8_t *block)
{
    const uint8_t *q = block + 4;
    uint8_t *sc = record + r->sc + lane, *mn = record + r->mn + lane;
    memcpy(record + r->d + 2 * lane, block, 2);
    record[r->dmin + 2 * lane] = block[2];
    record[r->dmin + 2 * lane + 1] = block[3] ^ 0x80;
    for (unsigned g = 0; g < 4; g++) {
        sc[16 * g] = q[g] & 63;
        mn[16 * g] = q[g + 4] & 63;
        sc[16 * (g + 4)] = (uint8_t)((q[g + 8] & 15) | (q[g] >> 6) << 4);
        mn[16 * (g + 4)] = (uint8_t)(q[g + 8] >> 4 | (q[g + 4] >> 6) << 4);
    }
}

/* 32 bytes hold 64 codes: the first 32 in their low nibbles, the others in their high ones. */
static void put_k_nibbles(uint8_t *low, uint8_t *high, unsigned lane, const uint8_t *qs)
{
    for (unsigned j = 0; j < 4; j++) {
        const uint32_t a = load32(qs + 4 * j), b = load32(qs + 16 + 4 * j);
        store32(low + 64 * j + 4 * lane, (a & NIBBLES) | (b & NIBBLES) << 4);
        store32(high + 64 * j + 4 * lane, (a >> 4 & NIBBLES) | (b & ~NIBBLES));
    }
}

static void direct_q4_k(const nap_record *r, uint8_t *record, unsigned lane, const uint8_t *block)
{
    put_k_scales(r, record, lane, block);
    for (unsigned c = 0; c < 4; c++) {
        uint8_t *codes = record + r->codes + (size_t)512 * c;
        put_k_nibbles(codes, codes + 256, lane, block + 16 + 32 * c);
    }
}

static void direct_q5_k(const nap_record *r, uint8_t *record, unsigned lane, const uint8_t *block)
{
    put_k_scales(r, record, lane, block);
    for (unsigned c = 0; c < 4; c++) {
        uint8_t *codes = record + r->codes + (size_t)640 * c;
        put_k_nibbles(codes, codes + 320, lane, block + 48 + 32 * c);
    }
    /* Bit s of byte i is the high bit of element i of the s-th 32. */
    for (unsigned s = 0; s < 8; s++) {
        uint32_t v = 0;
        for (unsigned kg = 0; kg < 8; kg++) {
            v |= (load32(block + 16 + 4 * kg) >> s & 0x01010101u) << kg;
        }
        store32(record + r->codes + 320 * s + 256 + 4 * lane, v);
    }
}

static void direct_q6_k(const nap_record *r, uint8_t *record, unsigned lane, const uint8_t *block)
{
    memcpy(record + r->d + 2 * lane, block + 208, 2);
    for (unsigned g = 0; g < 16; g++) record[r->sc + 16 * g + lane] = block[192 + g];
    for (unsigned half = 0; half < 2; half++) {
        uint8_t *codes = record + r->codes + (size_t)(4 * half) * 384;
        const uint8_t *ql = block + 64 * half, *qh = block + 128 + 32 * half;
        put_k_nibbles(codes, codes + 2 * 384, lane, ql);
        put_k_nibbles(codes + 384, codes + 3 * 384, lane, ql + 32);
        for (unsigned p = 0; p < 4; p++) {
            for (unsigned j = 0; j < 2; j++) {
                uint32_t v = 0;
                for (unsigned f = 0; f < 4; f++) {
                    v |= (load32(qh + 4 * (j + 2 * f)) >> 2 * p & PAIRS) << 2 * f;
                }
                store32(codes + p * 384 + 256 + 64 * j + 4 * lane, v);
            }
        }
    }
}

nap_direct_fn nap_layout_direct(const nap_format *f)
{
    static const struct {
        const char *name;
        nap_direct_fn fn;
    } ways[] = {
        {"Q4_0", direct_q4_0}, {"Q4_1", direct_q4_1}, {"Q5_0", direct_q5_0},
        {"Q5_1", direct_q5_1}, {"Q8_0", direct_q8_0}, {"Q4_K", direct_q4_k},
        {"Q5_K", direct_q5_k}, {"Q6_K", direct_q6_k}, {"IQ4_NL", direct_q4_0},
    };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (strcmp(f->name, ways[i].name) == 0) return ways[i].fn;
    }
    return NULL;
}
