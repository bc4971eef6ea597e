/* What the files of the array share. */
#ifndef NAP_LUTCORE_ARRAY_IMPL_H
#define NAP_LUTCORE_ARRAY_IMPL_H

#include "lutcore/array.h"
#include "lutcore/fpnum.h"

/* The low `bits` bits of v, sign-extended: an accumulator's value after wrapping. */
static inline uint32_t nap_wrap(uint32_t v, unsigned bits)
{
    const unsigned up = 32 - bits;
    return (uint32_t)((int32_t)(v << up) >> up);
}

static inline nap_fpfmt nap_act_fmt(nap_act a)
{
    return a == NAP_ACT_E4M3 ? nap_fp_e4m3 : a == NAP_ACT_E5M2 ? nap_fp_e5m2 : nap_fp_f16;
}

static inline nap_fpfmt nap_acc_fmt(nap_acc a)
{
    return a == NAP_ACC_F16 ? nap_fp_f16 : nap_fp_f32;
}

static inline uint32_t nap_fp_negate(nap_fpfmt f, uint32_t v)
{
    return v ^ 1u << (f.exp + f.man);
}

static inline bool nap_has_tables(const nap_core *c)
{
    return c->method != NAP_METHOD_ADD && c->method != NAP_METHOD_MAC &&
           c->method != NAP_METHOD_MAC_NATIVE;
}

/* Does a table hold only the half with a plus before the last element? */
static inline bool nap_half_tables(const nap_core *c)
{
    return c->method == NAP_METHOD_LUT || c->method == NAP_METHOD_UNPU_HALF ||
           c->method == NAP_METHOD_UNPU_REMAP;
}

enum { NAP_TABLE_MAX = 1 << NAP_K_MAX };

/* One table from k activations of an A image, element `first` of row m onward: entries as int32
 * (integer entries, int8 kind included) or binary16 bits. UNPU needs to know whether the step has
 * one plane (+-1 weights). */
void nap_table_build(const nap_core *c, const uint8_t *a, unsigned m, unsigned first,
                     bool one_plane, uint32_t *t);

/* Element kk of row m of an A image: int32 or the bits of the activation's type. */
uint32_t nap_frag_a(const nap_core *c, const uint8_t *a, unsigned m, unsigned kk);

void nap_step_lut(const nap_core *c, unsigned wbits, const uint8_t *t, const uint8_t *w,
                  uint32_t *acc);
void nap_step_base(const nap_core *c, unsigned wbits, const uint8_t *a, const uint8_t *w,
                   uint32_t *acc);

/* C after one plane's terms (bits of the accumulator's type) of one output. */
uint32_t nap_sum_terms(const nap_core *c, uint32_t acc, const uint32_t *f16, unsigned p);

#endif
