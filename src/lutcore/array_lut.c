/* The LUT tensor core's step: half tables by index and sign, one plane after the other. */
#include "lutcore/array_impl.h"

typedef struct lookup {
    bool neg;
    unsigned index;
} lookup;

static lookup lookup_at(const nap_core *c, const uint8_t *w, unsigned p, unsigned d, unsigned n)
{
    const unsigned bits = c->wtype == NAP_W_TERNARY ? 5 : c->k;
    const size_t at = ((size_t)p * c->depth + d) * c->n + n;
    const unsigned field = (unsigned)nap_bits_get(w, at * bits, bits);
    return (lookup){field >> (bits - 1) & 1, field & ((1u << (bits - 1)) - 1)};
}

/* Entries that a table lacks (a ternary index of 14 or 15) read as zero. */
static uint32_t entry_at(const nap_core *c, const uint8_t *t, unsigned m, unsigned d, unsigned j)
{
    const unsigned entries = nap_core_entries(c), bits = nap_core_entry_bits(c);
    if (j >= entries) return 0;
    return (uint32_t)nap_bits_get(t, (((size_t)m * c->depth + d) * entries + j) * bits, bits);
}

static uint32_t output_int(const nap_core *c, unsigned planes, const uint8_t *t, const uint8_t *w,
                           unsigned m, unsigned n, uint32_t acc)
{
    const unsigned bits = nap_core_entry_bits(c);
    for (unsigned p = 0; p < planes; p++) {
        for (unsigned d = 0; d < c->depth; d++) {
            const lookup l = lookup_at(c, w, p, d, n);
            const uint32_t v = nap_wrap(entry_at(c, t, m, d, l.index), bits);
            acc += (l.neg ? 0u - v : v) << p;
        }
    }
    return nap_wrap(acc, nap_acc_bits(c->acc));
}

static uint32_t output_float(const nap_core *c, unsigned planes, const uint8_t *t, const uint8_t *w,
                             unsigned m, unsigned n, uint32_t acc)
{
    uint32_t term[NAP_DEPTH_MAX];
    for (unsigned p = 0; p < planes; p++) {
        for (unsigned d = 0; d < c->depth; d++) {
            const lookup l = lookup_at(c, w, p, d, n);
            const uint32_t v = entry_at(c, t, m, d, l.index);
            term[d] = l.neg ? nap_fp_negate(nap_fp_f16, v) : v;
        }
        acc = nap_sum_terms(c, acc, term, p);
    }
    return acc;
}

void nap_step_lut(const nap_core *c, unsigned wbits, const uint8_t *t, const uint8_t *w,
                  uint32_t *acc)
{
    const unsigned planes = nap_core_planes(c, wbits);
    for (unsigned m = 0; m < c->m; m++) {
        for (unsigned n = 0; n < c->n; n++) {
            uint32_t *const out = acc + (size_t)m * c->n + n;
            *out = nap_core_int_acc(c) ? output_int(c, planes, t, w, m, n, *out)
                                       : output_float(c, planes, t, w, m, n, *out);
        }
    }
}
