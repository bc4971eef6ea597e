/* Fragments: sizes, bit fields, and the packing of operands into images (array.h). */
#include "lutcore/array_impl.h"

#include <string.h>

static unsigned log2_up(unsigned v)
{
    unsigned bits = 0;
    while (1u << bits < v) bits++;
    return bits;
}

static bool is_ternary(const nap_core *c)
{
    return c->wtype == NAP_W_TERNARY;
}

unsigned nap_core_entries(const nap_core *c)
{
    if (!nap_has_tables(c)) return 0;
    if (is_ternary(c)) return NAP_TERNARY_ENTRIES;
    return 1u << (nap_half_tables(c) ? c->k - 1 : c->k);
}

unsigned nap_core_entry_bits(const nap_core *c)
{
    if (!nap_has_tables(c)) return 0;
    if (c->table == NAP_TABLE_S8) return 8;
    if (nap_act_is_float(c->act)) return 16;
    if (is_ternary(c)) return nap_act_bits(c->act) + 2;
    return nap_act_bits(c->act) + log2_up(c->k) + (nap_half_tables(c) ? 0 : 1);
}

unsigned nap_core_planes(const nap_core *c, unsigned wbits)
{
    if (is_ternary(c) || c->method == NAP_METHOD_MAC || c->method == NAP_METHOD_MAC_NATIVE)
        return 1;
    return wbits;
}

bool nap_core_int_acc(const nap_core *c)
{
    return !nap_acc_is_float(c->acc);
}

size_t nap_frag_bits(const nap_core *c, nap_frag f, unsigned wbits)
{
    const size_t groups = (size_t)c->depth * c->n;
    switch (f) {
    case NAP_FRAG_A:
        return (size_t)c->m * nap_core_kdim(c) * nap_act_bits(c->act) +
               (c->table == NAP_TABLE_S8 ? (size_t)8 * c->m : 0);
    case NAP_FRAG_T:
        return (size_t)c->m * c->depth * nap_core_entries(c) * nap_core_entry_bits(c);
    case NAP_FRAG_W:
        if (is_ternary(c)) return groups * 5;
        if (c->method == NAP_METHOD_MAC) return groups * nap_act_bits(c->act);
        return groups * c->k * wbits;
    case NAP_FRAG_C:
        return (size_t)c->m * c->n * 32;
    default:
        return (size_t)c->m * 32;
    }
}

size_t nap_frag_bytes(const nap_core *c, nap_frag f, unsigned wbits)
{
    const size_t bytes = (nap_frag_bits(c, f, wbits) + 7) / 8;
    return (bytes + c->bus_bytes - 1) / c->bus_bytes * c->bus_bytes;
}

uint64_t nap_bits_get(const uint8_t *image, size_t bit, unsigned width)
{
    uint64_t v = 0;
    for (unsigned got = 0; got < width;) {
        const unsigned at = bit % 8, left = width - got, take = left < 8 - at ? left : 8 - at;
        v |= (uint64_t)(image[bit / 8] >> at & ((1u << take) - 1)) << got;
        got += take;
        bit += take;
    }
    return v;
}

void nap_bits_put(uint8_t *image, size_t bit, unsigned width, uint64_t value)
{
    for (unsigned done = 0; done < width;) {
        const unsigned at = bit % 8, left = width - done, take = left < 8 - at ? left : 8 - at;
        const unsigned mask = ((1u << take) - 1) << at;
        const unsigned field = (unsigned)(value >> done << at) & mask;
        image[bit / 8] = (uint8_t)((image[bit / 8] & ~mask) | field);
        done += take;
        bit += take;
    }
}

void nap_pack_a(const nap_core *c, const uint16_t *a, size_t a_stride, unsigned rows_valid,
                unsigned k_valid, const int8_t *exps, uint8_t *image)
{
    const unsigned kd = nap_core_kdim(c), bits = nap_act_bits(c->act);
    memset(image, 0, nap_frag_bytes(c, NAP_FRAG_A, c->wbits));
    for (unsigned m = 0; m < c->m && m < rows_valid; m++)
        for (unsigned kk = 0; kk < kd && kk < k_valid; kk++)
            nap_bits_put(image, ((size_t)m * kd + kk) * bits, bits, a[m * a_stride + kk]);
    if (c->table != NAP_TABLE_S8 || !exps) return;
    for (unsigned m = 0; m < c->m; m++)
        nap_bits_put(image, (size_t)c->m * kd * bits + (size_t)8 * m, 8, (uint8_t)exps[m]);
}

unsigned nap_remap(unsigned k, unsigned bits)
{
    const unsigned low = (1u << (k - 1)) - 1, top = bits >> (k - 1) & 1;
    return (top ? 0 : low + 1) | ((top ? bits : ~bits) & low);
}

unsigned nap_remap_ternary(int t2, int t1, int t0)
{
    const int v = 9 * t2 + 3 * t1 + t0;
    return v < 0 ? 16u | (unsigned)-v : (unsigned)v;
}

int nap_e2m1_twice(unsigned code)
{
    static const int8_t twice[8] = {0, 1, 2, 3, 4, 6, 8, 12};
    return code & 8 ? -twice[code & 7] : twice[code & 7];
}

/* The codes of one column and group, padded. */
typedef struct codes {
    unsigned v[NAP_K_MAX];
} codes;

static codes codes_of(const nap_core *c, const uint16_t *q, unsigned first, unsigned valid,
                      uint16_t pad)
{
    codes x;
    for (unsigned i = 0; i < c->k; i++) {
        const unsigned code = first + i < valid ? q[first + i] : pad;
        x.v[i] = c->wtype == NAP_W_E2M1 ? (unsigned)(nap_e2m1_twice(code) + 16) : code;
    }
    return x;
}

static void pack_group(const nap_core *c, unsigned wbits, const codes *x, unsigned d, unsigned n,
                       uint8_t *image)
{
    const size_t at = (size_t)d * c->n + n, groups = (size_t)c->depth * c->n;
    if (is_ternary(c)) {
        const unsigned field =
            nap_remap_ternary((int)x->v[2] - 1, (int)x->v[1] - 1, (int)x->v[0] - 1);
        nap_bits_put(image, at * 5, 5, field);
        return;
    }
    if (c->method == NAP_METHOD_MAC || c->method == NAP_METHOD_MAC_NATIVE) {
        const unsigned bits = c->method == NAP_METHOD_MAC ? nap_act_bits(c->act) : wbits;
        nap_bits_put(image, at * bits, bits, x->v[0]);
        return;
    }
    const bool remapped = c->method == NAP_METHOD_LUT || c->method == NAP_METHOD_UNPU_REMAP;
    for (unsigned p = 0; p < wbits; p++) {
        unsigned bits = 0;
        for (unsigned i = 0; i < c->k; i++) bits |= (x->v[i] >> p & 1) << i;
        if (remapped) bits = nap_remap(c->k, bits);
        nap_bits_put(image, (p * groups + at) * c->k, c->k, bits);
    }
}

void nap_pack_w(const nap_core *c, unsigned wbits, const uint16_t *q, size_t q_stride,
                unsigned cols_valid, unsigned k_valid, uint16_t pad, uint8_t *image)
{
    memset(image, 0, nap_frag_bytes(c, NAP_FRAG_W, wbits));
    for (unsigned d = 0; d < c->depth; d++) {
        for (unsigned n = 0; n < c->n; n++) {
            const bool there = n < cols_valid;
            const codes x =
                codes_of(c, there ? q + n * q_stride : NULL, d * c->k, there ? k_valid : 0, pad);
            pack_group(c, wbits, &x, d, n, image);
        }
    }
}

void nap_cfrag_pack(const nap_core *c, const uint32_t *acc, uint8_t *image)
{
    const unsigned bits = nap_acc_bits(c->acc);
    const size_t count = (size_t)c->m * c->n;
    memset(image, 0, (count * bits + 7) / 8);
    for (size_t i = 0; i < count; i++) nap_bits_put(image, i * bits, bits, acc[i]);
}

void nap_cfrag_unpack(const nap_core *c, const uint8_t *image, uint32_t *acc)
{
    const unsigned bits = nap_acc_bits(c->acc);
    const size_t count = (size_t)c->m * c->n;
    for (size_t i = 0; i < count; i++) {
        const uint32_t v = (uint32_t)nap_bits_get(image, i * bits, bits);
        acc[i] = nap_acc_is_float(c->acc) ? v : nap_wrap(v, bits);
    }
}
