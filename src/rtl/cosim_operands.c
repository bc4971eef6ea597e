/* Random operands for co-simulation. A fragment has a mood: most are of one kind throughout, so
 * that corners meet corners (extremes only, subnormals only, equal exponents, which cancel) and
 * sums are not drowned in NaNs; the rest mix everything. */
#include "rtl/cosim.h"

#include <string.h>

unsigned nap_cosim_planes(const nap_core *c)
{
    return nap_core_planes(c, c->wbits);
}

unsigned nap_cosim_wbits(const nap_core *c, unsigned planes)
{
    return nap_core_planes(c, c->wbits) > 1 ? planes : c->wbits;
}

enum { MOODS = 8 };

static unsigned pick_mood(nap_rng *r)
{
    return nap_rng_below(r, MOODS);
}

uint32_t nap_operand_fp(unsigned exp, unsigned man, unsigned mood, nap_rng *r)
{
    const uint32_t all = (1u << exp) - 1, bias = all >> 1, random = (uint32_t)nap_rng_next(r);
    const uint32_t sign = random >> 31, frac = random & ((1u << man) - 1);
    uint32_t field, fraction = frac;
    switch (mood) {
    case 0: /* anything, infinities and NaNs as they come */
        field = (uint32_t)(nap_rng_next(r) >> 40) & all;
        break;
    case 1: /* specials and zeros among them, often */
        field = nap_rng_below(r, 4) ? (uint32_t)(nap_rng_next(r) >> 40) & all
                                    : nap_rng_below(r, 2) * all;
        if (nap_rng_below(r, 2)) fraction = 0;
        break;
    case 2: /* subnormals, the smallest normals, zeros */
        field = nap_rng_below(r, 4) == 0;
        if (nap_rng_below(r, 3) == 0) fraction &= 7;
        break;
    case 3: /* the largest: sums overflow */
        field = all - 1 - nap_rng_below(r, 3);
        if (nap_rng_below(r, 2)) fraction = (1u << man) - 1 - (frac & 3);
        break;
    case 4: /* nearly equal: cancellation */
        field = bias;
        if (nap_rng_below(r, 2)) fraction &= 3;
        break;
    case 5: { /* neighbouring exponents, patterns that tie when rounded */
        const uint32_t spread = man + 3 < bias ? man + 3 : bias - 1;
        field = bias + nap_rng_below(r, spread + 1) - spread / 2;
        if (nap_rng_below(r, 2)) fraction = 1u << nap_rng_below(r, man);
        break;
    }
    default: /* everyday values */
        field = bias - 3 + nap_rng_below(r, 6);
        break;
    }
    if (mood > 1 && nap_rng_below(r, 16) == 0) field = fraction = 0;
    return sign << (exp + man) | field << man | fraction;
}

static uint64_t integer(unsigned bits, unsigned mood, nap_rng *r)
{
    const uint64_t v = nap_rng_next(r), high = 1ull << (bits - 1), mask = (high << 1) - 1;
    switch (mood) {
    case 0: /* extremes: most negative, most positive, -1, 0 */
        return v % 4 == 0 ? high : v % 4 == 1 ? high - 1 : v % 4 == 2 ? mask : 0;
    case 1: /* the most negative alone */
        return high;
    case 2: /* small */
        return (v % 5 + mask - 1) & mask;
    default:
        return v >> 20 & mask;
    }
}

static void activation_widths(nap_act a, unsigned *exp, unsigned *man)
{
    *exp = a == NAP_ACT_E4M3 ? 4 : 5;
    *man = a == NAP_ACT_E4M3 ? 3 : a == NAP_ACT_E5M2 ? 2 : 10;
}

static void put_activations(const nap_core *c, nap_rng *r, uint8_t *image)
{
    const unsigned bits = nap_act_bits(c->act), mood = pick_mood(r);
    const size_t n = (size_t)c->m * nap_core_kdim(c);
    unsigned exp, man;
    activation_widths(c->act, &exp, &man);
    for (size_t i = 0; i < n; i++)
        nap_bits_put(image, i * bits, bits,
                     nap_act_is_float(c->act) ? nap_operand_fp(exp, man, mood, r)
                                              : integer(bits, mood, r));
    if (c->table != NAP_TABLE_S8) return;
    for (unsigned m = 0; m < c->m; m++) {
        const int e = nap_rng_below(r, 8) == 0 ? (int)nap_rng_below(r, 256) - 128
                                               : (int)nap_rng_below(r, 40) - 26;
        nap_bits_put(image, n * bits + 8 * (size_t)m, 8, (uint8_t)e);
    }
}

void nap_operands_a(const nap_core *c, nap_rng *r, uint8_t *image)
{
    memset(image, 0, nap_frag_bytes(c, NAP_FRAG_A, c->wbits));
    put_activations(c, r, image);
}

void nap_operands_x(const nap_core *c, nap_rng *r, uint8_t *image)
{
    if (c->method != NAP_METHOD_LUT) {
        nap_operands_a(c, r, image);
        return;
    }
    const unsigned bits = nap_core_entry_bits(c), mood = pick_mood(r);
    const size_t n = (size_t)c->m * c->depth * nap_core_entries(c);
    memset(image, 0, nap_frag_bytes(c, NAP_FRAG_T, c->wbits));
    for (size_t i = 0; i < n; i++)
        nap_bits_put(image, i * bits, bits,
                     nap_core_int_acc(c) ? integer(bits, mood, r) : nap_operand_fp(5, 10, mood, r));
}

void nap_operands_w(const nap_core *c, nap_rng *r, uint8_t *image)
{
    const size_t bits = nap_frag_bits(c, NAP_FRAG_W, c->wbits);
    memset(image, 0, nap_frag_bytes(c, NAP_FRAG_W, c->wbits));
    if (c->method == NAP_METHOD_LUT && c->wtype == NAP_W_TERNARY) {
        for (size_t i = 0; i < bits / 5; i++)
            nap_bits_put(image, i * 5, 5,
                         nap_rng_below(r, NAP_TERNARY_ENTRIES) | nap_rng_below(r, 2) << 4);
        return;
    }
    if (c->method == NAP_METHOD_MAC) {
        const unsigned width = nap_act_bits(c->act), mood = pick_mood(r);
        unsigned exp, man;
        activation_widths(c->act, &exp, &man);
        for (size_t i = 0; i < bits / width; i++)
            nap_bits_put(image, i * width, width,
                         nap_act_is_float(c->act) ? nap_operand_fp(exp, man, mood, r)
                                                  : integer(width, mood, r));
        return;
    }
    const unsigned mood = pick_mood(r);
    for (size_t i = 0; i < bits; i += 32) {
        const unsigned width = bits - i < 32 ? (unsigned)(bits - i) : 32;
        const uint64_t v = mood == 0 ? 0 : mood == 1 ? ~0ull : nap_rng_next(r);
        nap_bits_put(image, i, width, v & ((1ull << width) - 1));
    }
}

void nap_operands_c(const nap_core *c, nap_rng *r, uint32_t *acc)
{
    const unsigned bits = nap_acc_bits(c->acc), mood = pick_mood(r);
    for (size_t i = 0; i < (size_t)c->m * c->n; i++) {
        if (c->acc == NAP_ACC_F32) {
            /* Most where binary16 terms can reach them. */
            uint32_t v = nap_operand_fp(8, 23, mood, r);
            if (nap_rng_below(r, 4)) {
                const uint32_t half = nap_operand_fp(5, 10, mood, r);
                v = (v & 0x807fffffu) | ((half >> 10 & 31) + 112) << 23;
            }
            acc[i] = v;
        } else if (c->acc == NAP_ACC_F16) {
            acc[i] = nap_operand_fp(5, 10, mood, r);
        } else {
            const uint32_t v = (uint32_t)integer(bits, mood, r);
            acc[i] = (uint32_t)((int32_t)(v << (32 - bits)) >> (32 - bits));
        }
    }
}
