/* Designs for tests, without a configuration file. */
#ifndef NAP_TESTS_LUTCORE_DESIGNS_H
#define NAP_TESTS_LUTCORE_DESIGNS_H

#include "base/rng.h"
#include "lutcore/types.h"

static inline nap_core design_int(nap_method method, unsigned m, unsigned n, unsigned k,
                                  unsigned depth, nap_act act, unsigned wbits, nap_acc acc)
{
    return (nap_core){.name = "test",
                      .method = method,
                      .m = m,
                      .n = n,
                      .k = k,
                      .depth = depth,
                      .act = act,
                      .wbits = wbits,
                      .acc = acc,
                      .pipeline = 1,
                      .pre_units = 1,
                      .a_regs = 8,
                      .t_regs = 8,
                      .w_regs = 8,
                      .c_regs = 8,
                      .s_regs = 8,
                      .bus_bytes = 32,
                      .mem_latency = 8};
}

/* Any method over integers, with sizes up to those given and an accumulator of any width. */
static inline nap_core design_random(nap_rng *r, unsigned m, unsigned n, unsigned k, unsigned depth)
{
    static const nap_method methods[] = {
        NAP_METHOD_LUT,        NAP_METHOD_LUT,       NAP_METHOD_LUT_CONV,
        NAP_METHOD_UNPU,       NAP_METHOD_ADD,       NAP_METHOD_MAC,
        NAP_METHOD_MAC_NATIVE, NAP_METHOD_UNPU_HALF, NAP_METHOD_UNPU_REMAP};
    const nap_method method = methods[nap_rng_below(r, sizeof methods / sizeof *methods)];
    const bool looks_up =
        method != NAP_METHOD_ADD && method != NAP_METHOD_MAC && method != NAP_METHOD_MAC_NATIVE;
    m = 1 + nap_rng_below(r, m);
    n = 1 + nap_rng_below(r, n);
    k = looks_up ? 1 + nap_rng_below(r, k) : 1;
    depth = 1 + nap_rng_below(r, depth);
    const nap_act act = nap_rng_below(r, 2) ? NAP_ACT_S16 : NAP_ACT_S8;
    const unsigned wbits = 1 + nap_rng_below(r, 8);
    return design_int(method, m, n, k, depth, act, wbits, (nap_acc)nap_rng_below(r, 3));
}

#endif
