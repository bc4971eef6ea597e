/* Tables from activations (array.h, "Tables"): what the precompute unit of a LUT core makes, and
 * what every unit of the conventional designs makes for itself. */
#include "lutcore/array_impl.h"

#include <string.h>

uint32_t nap_frag_a(const nap_core *c, const uint8_t *a, unsigned m, unsigned kk)
{
    const unsigned bits = nap_act_bits(c->act);
    const uint32_t v = (uint32_t)nap_bits_get(a, ((size_t)m * nap_core_kdim(c) + kk) * bits, bits);
    return nap_act_is_float(c->act) ? v : nap_wrap(v, bits);
}

/* Sum of x[0..n) by the fixed tree: the higher half, ceil(n/2) of them, plus the lower. At most
 * NAP_K_MAX elements, so three levels deep. */
static uint32_t tree(const uint32_t *x, unsigned n)
{
    if (n == 1) return x[0];
    const unsigned low = n / 2;
    return nap_fp_add(nap_fp_f16, tree(x + low, n - low), tree(x, low));
}

static uint32_t signed_f16(uint32_t v, bool plus)
{
    return plus ? v : nap_fp_negate(nap_fp_f16, v);
}

static uint32_t entry_signs(bool is_float, const uint32_t *x, unsigned k, unsigned plus)
{
    uint32_t v[NAP_K_MAX], sum = 0;
    for (unsigned i = 0; i < k; i++) {
        const bool up = plus >> i & 1;
        v[i] = is_float ? signed_f16(x[i], up) : up ? x[i] : 0u - x[i];
        sum += v[i];
    }
    return is_float ? tree(v, k) : sum;
}

/* The triple (t2 t1 t0) of value j = 9 t2 + 3 t1 + t0. */
static uint32_t entry_ternary(bool is_float, const uint32_t *x, unsigned j)
{
    uint32_t sum = 0;
    bool any = false;
    int t[3], rest = (int)j;
    for (unsigned i = 0; i < 3; i++) {
        t[i] = (rest + 1) % 3 - 1;
        rest = (rest - t[i]) / 3;
    }
    for (unsigned i = 3; i-- > 0;) {
        if (t[i] == 0) continue;
        if (!is_float) {
            sum += t[i] > 0 ? x[i] : 0u - x[i];
        } else {
            const uint32_t v = signed_f16(x[i], t[i] > 0);
            sum = any ? nap_fp_add(nap_fp_f16, sum, v) : v;
        }
        any = true;
    }
    return sum;
}

static uint32_t entry_subset(const uint32_t *x, unsigned k, unsigned present)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < k; i++) sum += present >> i & 1 ? x[i] : 0;
    return sum;
}

void nap_table_build(const nap_core *c, const uint8_t *a, unsigned m, unsigned first,
                     bool one_plane, uint32_t *t)
{
    const bool is_float = nap_act_is_float(c->act);
    const unsigned entries = nap_core_entries(c);
    /* Half tables hold the sums with a plus before the last element. */
    const unsigned half = nap_half_tables(c) ? 1u << (c->k - 1) : 0;
    uint32_t x[NAP_K_MAX] = {0};
    for (unsigned i = 0; i < c->k; i++) {
        x[i] = nap_frag_a(c, a, m, first + i);
        if (is_float && c->act != NAP_ACT_F16)
            x[i] = nap_fp_convert(nap_act_fmt(c->act), nap_fp_f16, x[i]);
    }
    for (unsigned j = 0; j < entries; j++) {
        if (c->wtype == NAP_W_TERNARY) {
            t[j] = entry_ternary(is_float, x, j);
        } else if (c->method == NAP_METHOD_UNPU && !one_plane) {
            t[j] = entry_subset(x, c->k, j);
        } else {
            t[j] = entry_signs(is_float, x, c->k, j | half);
        }
    }
    if (c->table != NAP_TABLE_S8) return;
    const size_t at = (size_t)c->m * nap_core_kdim(c) * nap_act_bits(c->act) + (size_t)8 * m;
    const int e = (int8_t)nap_bits_get(a, at, 8);
    for (unsigned j = 0; j < entries; j++) t[j] = (uint32_t)nap_fp_to_int8(t[j], e);
}

void nap_precompute(const nap_core *c, const uint8_t *a, uint8_t *t, int32_t *s)
{
    const unsigned entries = nap_core_entries(c), bits = nap_core_entry_bits(c);
    uint32_t table[NAP_TABLE_MAX];
    memset(t, 0, nap_frag_bytes(c, NAP_FRAG_T, c->wbits));
    for (unsigned m = 0; m < c->m; m++) {
        for (unsigned d = 0; d < c->depth; d++) {
            const size_t first = ((size_t)m * c->depth + d) * entries;
            nap_table_build(c, a, m, d * c->k, false, table);
            for (unsigned j = 0; j < entries; j++)
                nap_bits_put(t, (first + j) * bits, bits, table[j]);
        }
        if (!s || nap_act_is_float(c->act)) continue;
        uint32_t sum = (uint32_t)s[m];
        for (unsigned kk = 0; kk < nap_core_kdim(c); kk++) sum += nap_frag_a(c, a, m, kk);
        s[m] = (int32_t)sum;
    }
}
