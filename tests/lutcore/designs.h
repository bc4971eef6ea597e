/* Designs for tests, without a configuration file. */
#ifndef NAP_TESTS_LUTCORE_DESIGNS_H
#define NAP_TESTS_LUTCORE_DESIGNS_H

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

#endif
