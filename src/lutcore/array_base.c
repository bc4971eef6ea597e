/* The designs that a LUT tensor core is compared with: conventional LUT and UNPU (tables made in
 * the unit), bit-serial ADD, and the multiply-accumulate arrays (array.h). */
#include "lutcore/array_impl.h"

/* The k bits of plane p, group d, column n. */
static unsigned plane_bits(const nap_core *c, const uint8_t *w, unsigned p, unsigned d, unsigned n)
{
    const size_t at = ((size_t)p * c->depth + d) * c->n + n;
    return (unsigned)nap_bits_get(w, at * c->k, c->k);
}

/* ------------------------------------------------------------------ tables made in the unit */

typedef struct tables {
    uint32_t v[NAP_DEPTH_MAX * NAP_TABLE_MAX];
    unsigned entries;
} tables;

/* The term of plane p: binary16 bits or an integer. */
static uint32_t table_term(const nap_core *c, unsigned wbits, const tables *t, unsigned p,
                           unsigned d, unsigned bits)
{
    const uint32_t *const table = t->v + (size_t)d * t->entries;
    bool minus = c->method == NAP_METHOD_UNPU && wbits > 1 && p == wbits - 1;
    if (nap_half_tables(c)) {
        const unsigned field = c->method == NAP_METHOD_UNPU_HALF ? nap_remap(c->k, bits) : bits;
        minus = field >= t->entries;
        bits = field & (t->entries - 1);
    }
    const uint32_t v = table[bits];
    if (!minus) return v;
    return nap_core_int_acc(c) ? 0u - v : nap_fp_negate(nap_fp_f16, v);
}

static uint32_t table_output(const nap_core *c, unsigned wbits, const tables *t, const uint8_t *w,
                             unsigned n, uint32_t acc)
{
    const bool is_float = !nap_core_int_acc(c);
    uint32_t term[NAP_DEPTH_MAX];
    for (unsigned p = 0; p < wbits; p++) {
        for (unsigned d = 0; d < c->depth; d++) {
            term[d] = table_term(c, wbits, t, p, d, plane_bits(c, w, p, d, n));
            if (!is_float) acc += term[d] << p;
        }
        if (is_float) acc = nap_sum_terms(c, acc, term, p);
    }
    return is_float ? acc : nap_wrap(acc, nap_acc_bits(c->acc));
}

static void step_tables(const nap_core *c, unsigned wbits, const uint8_t *a, const uint8_t *w,
                        uint32_t *acc)
{
    tables t;
    t.entries = nap_core_entries(c);
    for (unsigned m = 0; m < c->m; m++) {
        for (unsigned d = 0; d < c->depth; d++)
            nap_table_build(c, a, m, d * c->k, wbits == 1, t.v + (size_t)d * t.entries);
        for (unsigned n = 0; n < c->n; n++) {
            uint32_t *const out = acc + (size_t)m * c->n + n;
            *out = table_output(c, wbits, &t, w, n, *out);
        }
    }
}

/* ------------------------------------------------------------------ products */

static int32_t plain_weight(const nap_core *c, const uint8_t *w, unsigned bits, unsigned d,
                            unsigned n)
{
    const uint32_t v = (uint32_t)nap_bits_get(w, ((size_t)d * c->n + n) * bits, bits);
    if (c->method == NAP_METHOD_MAC_NATIVE && bits == 1) return v ? 1 : -1;
    return (int32_t)nap_wrap(v, bits);
}

/* Weight of ADD's plane p: what the bit makes of an activation. */
static int bit_factor(unsigned wbits, unsigned p, bool bit)
{
    if (wbits == 1) return bit ? 1 : -1;
    if (!bit) return 0;
    return p == wbits - 1 ? -1 : 1;
}

static uint32_t products_int(const nap_core *c, unsigned wbits, const uint8_t *a, const uint8_t *w,
                             unsigned m, unsigned n, uint32_t acc)
{
    const unsigned planes = nap_core_planes(c, wbits);
    const unsigned bits = c->method == NAP_METHOD_MAC ? nap_act_bits(c->act) : wbits;
    for (unsigned p = 0; p < planes; p++) {
        for (unsigned d = 0; d < c->depth; d++) {
            const uint32_t x = nap_frag_a(c, a, m, d);
            const int factor = c->method == NAP_METHOD_ADD
                                   ? bit_factor(wbits, p, plane_bits(c, w, p, d, n))
                                   : plain_weight(c, w, bits, d, n);
            acc += x * (uint32_t)factor << p;
        }
    }
    return nap_wrap(acc, nap_acc_bits(c->acc));
}

/* Sums v[0..n) in pairs, then the pairs' sums in pairs; an odd one passes up. */
static uint32_t pairwise(nap_fpfmt f, uint32_t *v, unsigned n)
{
    while (n > 1) {
        for (unsigned i = 0; i + 1 < n; i += 2) v[i / 2] = nap_fp_add(f, v[i], v[i + 1]);
        if (n % 2) v[n / 2] = v[n - 1];
        n = (n + 1) / 2;
    }
    return v[0];
}

/* The depth factors of one output, in one pass of ADD or at all for the MAC arrays. */
typedef struct factors {
    uint32_t a[NAP_DEPTH_MAX], b[NAP_DEPTH_MAX];
    int32_t w[NAP_DEPTH_MAX];
} factors;

static void gather(const nap_core *c, unsigned wbits, const uint8_t *a, const uint8_t *w,
                   unsigned m, unsigned n, unsigned p, factors *x)
{
    const nap_fpfmt in = nap_act_fmt(c->act);
    const unsigned bits = nap_act_bits(c->act);
    for (unsigned d = 0; d < c->depth; d++) {
        x->a[d] = nap_frag_a(c, a, m, d);
        if (c->method == NAP_METHOD_MAC) {
            x->b[d] = (uint32_t)nap_bits_get(w, ((size_t)d * c->n + n) * bits, bits);
        } else if (c->method == NAP_METHOD_MAC_NATIVE) {
            x->w[d] = plain_weight(c, w, wbits, d, n);
        } else {
            const int factor = bit_factor(wbits, p, plane_bits(c, w, p, d, n));
            x->a[d] = factor == 0 ? 0 : factor > 0 ? x->a[d] : nap_fp_negate(in, x->a[d]);
        }
    }
}

static uint32_t products_float(const nap_core *c, unsigned wbits, const uint8_t *a,
                               const uint8_t *w, unsigned m, unsigned n, uint32_t acc)
{
    const nap_fpfmt in = nap_act_fmt(c->act), out = nap_acc_fmt(c->acc);
    const unsigned planes = nap_core_planes(c, wbits);
    factors x;
    for (unsigned p = 0; p < planes; p++) {
        gather(c, wbits, a, w, m, n, p, &x);
        if (c->fpsum == NAP_FPSUM_FUSED) {
            acc = c->method == NAP_METHOD_MAC_NATIVE
                      ? nap_fp_fused_int(in, out, acc, x.a, x.w, c->depth)
                      : nap_fp_fused(in, out, acc, x.a, c->method == NAP_METHOD_MAC ? x.b : NULL,
                                     c->depth, p);
            continue;
        }
        uint32_t product[NAP_DEPTH_MAX];
        for (unsigned d = 0; d < c->depth; d++) {
            product[d] = nap_fp_convert(in, out, x.a[d]);
            if (c->method == NAP_METHOD_MAC) {
                product[d] = nap_fp_mul(out, product[d], nap_fp_convert(in, out, x.b[d]));
            } else if (c->method == NAP_METHOD_MAC_NATIVE) {
                product[d] = nap_fp_mul(out, product[d], nap_fp_from_int(out, x.w[d]));
            } else {
                product[d] = nap_fp_scale2(out, product[d], p);
            }
        }
        acc = nap_fp_add(out, acc, pairwise(out, product, c->depth));
    }
    return acc;
}

void nap_step_base(const nap_core *c, unsigned wbits, const uint8_t *a, const uint8_t *w,
                   uint32_t *acc)
{
    if (nap_core_entries(c) > 0) {
        step_tables(c, wbits, a, w, acc);
        return;
    }
    for (unsigned m = 0; m < c->m; m++) {
        for (unsigned n = 0; n < c->n; n++) {
            uint32_t *const out = acc + (size_t)m * c->n + n;
            *out = nap_core_int_acc(c) ? products_int(c, wbits, a, w, m, n, *out)
                                       : products_float(c, wbits, a, w, m, n, *out);
        }
    }
}
