/* The precompute unit beside nap_precompute(): a case of the module is one group of one fragment;
 * a tile is a whole fragment. */
#include "rtl/cosim.h"

#include "base/alloc.h"
#include "base/error.h"
#include "rtl/verilog.h"

#include <string.h>

typedef struct precompute {
    const nap_core *c;
    nap_rng rng;
    unsigned groups, group_bits, table_bits;
    size_t a_bytes;
    uint8_t *a, *t;
} precompute;

static int32_t table_sum(const nap_core *c, const uint8_t *a, unsigned table)
{
    const unsigned bits = nap_act_bits(c->act);
    int32_t sum = 0;
    for (unsigned i = 0; i < c->k; i++) {
        const uint32_t v = (uint32_t)nap_bits_get(a, ((size_t)table * c->k + i) * bits, bits)
                           << (32 - bits);
        sum += (int32_t)v >> (32 - bits);
    }
    return sum;
}

static void make(void *user, uint64_t index, uint8_t *in, uint8_t *out)
{
    precompute *p = user;
    const nap_core *c = p->c;
    const unsigned group = (unsigned)(index % p->groups), units = c->pre_units;
    if (group == 0) {
        nap_operands_a(c, &p->rng, p->a);
        nap_precompute(c, p->a, p->t, NULL);
    }
    memcpy(in, p->a, p->a_bytes);
    nap_bits_put(in + p->a_bytes, 0, p->group_bits, group);
    const size_t sum_at = ((size_t)units * p->table_bits + 7) / 8;
    for (unsigned u = 0; u < units; u++) {
        const unsigned table = group * units + u;
        for (unsigned bit = 0; bit < p->table_bits; bit += 8) {
            const unsigned n = p->table_bits - bit < 8 ? p->table_bits - bit : 8;
            nap_bits_put(out, (size_t)u * p->table_bits + bit, n,
                         nap_bits_get(p->t, (size_t)table * p->table_bits + bit, n));
        }
        if (!nap_act_is_float(c->act))
            nap_bits_put(out + sum_at, (size_t)u * 32, 32, (uint32_t)table_sum(c, p->a, table));
    }
}

nap_status nap_cosim_precompute(const nap_core *c, uint64_t tiles, uint64_t seed,
                                nap_cosim_report *report, nap_error *e)
{
    const unsigned tables = c->m * c->depth;
    /* Past the last table the unit's outputs are unspecified. */
    if (tables % c->pre_units != 0)
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "%s: pre_units %u, expected a divisor of m * depth = %u", c->name,
                        c->pre_units, tables);
    precompute p = {.c = c, .groups = tables / c->pre_units};
    nap_rtl r = {0};
    nap_rng_seed(&p.rng, seed);
    p.group_bits = nap_v_bits(p.groups);
    p.table_bits = nap_core_entries(c) * nap_core_entry_bits(c);
    p.a_bytes = (nap_frag_bits(c, NAP_FRAG_A, c->wbits) + 7) / 8;
    p.a = nap_calloc(nap_frag_bytes(c, NAP_FRAG_A, c->wbits), 1);
    p.t = nap_calloc(nap_frag_bytes(c, NAP_FRAG_T, c->wbits), 1);
    nap_status status =
        p.a && p.t ? nap_rtl_precompute(c, &r, e) : nap_fail_memory(e, p.a_bytes, "fragments");
    if (status == NAP_OK) {
        const nap_cosim_port in[] = {{"a_i", (unsigned)nap_frag_bits(c, NAP_FRAG_A, c->wbits)},
                                     {"group_i", p.group_bits}},
                             out[] = {{"t_o", c->pre_units * p.table_bits},
                                      {"s_o", c->pre_units * 32}};
        const nap_cosim_unit u = {.rtl = &r,
                                  .module = r.top,
                                  .in = in,
                                  .ins = 2,
                                  .out = out,
                                  .outs = nap_act_is_float(c->act) ? 1 : 2,
                                  .make = make,
                                  .user = &p};
        status = nap_cosim_module(&u, tiles * p.groups, report, e);
        report->tiles /= p.groups;
    }
    nap_rtl_free(&r);
    nap_free(p.a);
    nap_free(p.t);
    return status;
}
