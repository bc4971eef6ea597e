/* Register files, loads and stores, and array steps with a fast path for integers.
 *
 * The fast path holds operands unpacked. A LUT design's step looks up, as the array does: its
 * tables come from memory and may hold anything. The other methods make their tables from the
 * activations themselves, so that a step is a matrix product, whatever the method: sums modulo
 * 2^32, cut to the accumulator's width, are the same in any order. */
#include "lutcore/interp_regs.h"

#include "base/alloc.h"
#include "base/error.h"
#include "lutcore/array_impl.h"

#include <string.h>

static nap_status file_init(nap_regfile *f, unsigned count, size_t bytes, size_t plain_count,
                            nap_error *e)
{
    *f = (nap_regfile){.bytes = bytes, .count = count, .plain_count = plain_count};
    f->image = nap_calloc(count, bytes);
    f->fresh = nap_calloc(count, 1);
    if (plain_count > 0) f->plain = nap_calloc(count, plain_count * sizeof *f->plain);
    if (!f->image || !f->fresh || (plain_count > 0 && !f->plain))
        return nap_fail_memory(e, count * (bytes + plain_count * sizeof *f->plain), "registers");
    return NAP_OK;
}

static void file_free(nap_regfile *f)
{
    nap_free(f->image);
    nap_free(f->fresh);
    nap_free(f->plain);
}

/* Fields of a LUT weight group select among this many signed entries. */
static unsigned signed_entries(const nap_core *c)
{
    return c->wtype == NAP_W_TERNARY ? 32 : 1u << c->k;
}

static nap_status files_init(nap_regs *r, const nap_core *c, nap_error *e)
{
    const size_t kd = nap_core_kdim(c), groups = (size_t)c->depth * c->n;
    const bool lut = c->method == NAP_METHOD_LUT;
    const size_t plain_a = r->fast && !lut ? c->m * kd : 0;
    const size_t plain_t = r->fast && lut ? (size_t)c->m * c->depth * signed_entries(c) : 0;
    const size_t plain_w = !r->fast ? 0 : lut ? groups * nap_core_planes(c, c->wbits) : kd * c->n;
    NAP_TRY(file_init(&r->a, c->a_regs, nap_frag_bytes(c, NAP_FRAG_A, c->wbits), plain_a, e));
    NAP_TRY(
        file_init(&r->t, lut ? c->t_regs : 0, nap_frag_bytes(c, NAP_FRAG_T, c->wbits), plain_t, e));
    return file_init(&r->w, c->w_regs, nap_frag_bytes(c, NAP_FRAG_W, c->wbits), plain_w, e);
}

nap_status nap_regs_init(nap_regs *r, const nap_core *c, bool fast, nap_error *e)
{
    *r = (nap_regs){.core = c, .fast = fast && nap_core_int_acc(c)};
    nap_status status = files_init(r, c, e);
    if (status == NAP_OK) {
        const size_t outputs = (size_t)c->m * c->n;
        r->c = nap_calloc(c->c_regs, outputs * sizeof *r->c);
        r->s = nap_calloc(c->s_regs, c->m * sizeof *r->s);
        if (!r->c || !r->s)
            status = nap_fail_memory(e, c->c_regs * outputs * sizeof *r->c, "accumulators");
    }
    if (status != NAP_OK) nap_regs_free(r);
    return status;
}

void nap_regs_free(nap_regs *r)
{
    file_free(&r->a);
    file_free(&r->t);
    file_free(&r->w);
    nap_free(r->c);
    nap_free(r->s);
    *r = (nap_regs){0};
}

unsigned nap_wt_planes(unsigned wt)
{
    return wt == NAP_L_WT_TERNARY ? 1 : wt == NAP_L_WT_E2M1 ? 5 : wt;
}

/* ------------------------------------------------------------------ loads and stores */

static void load_file(nap_regfile *f, unsigned reg, const uint8_t *at, size_t bytes)
{
    memcpy(f->image + reg * f->bytes, at, bytes);
    f->fresh[reg] = 0;
}

static uint32_t *acc_of(const nap_regs *r, unsigned reg)
{
    return r->c + (size_t)reg * r->core->m * r->core->n;
}

/* A value in its 32 bits of memory to what the accumulator keeps of it. */
static uint32_t to_acc(const nap_core *c, uint32_t v)
{
    if (nap_core_int_acc(c)) return nap_wrap(v, nap_acc_bits(c->acc));
    return c->acc == NAP_ACC_F16 ? v & 0xffff : v;
}

void nap_regs_load(nap_regs *r, const nap_linst *i, const uint8_t *at)
{
    const nap_core *const c = r->core;
    switch (i->op) {
    case NAP_L_LDA:
        load_file(&r->a, i->rd, at, r->a.bytes);
        break;
    case NAP_L_LDT:
        load_file(&r->t, i->rd, at, r->t.bytes);
        break;
    case NAP_L_LDW:
        load_file(&r->w, i->rd, at, nap_frag_bytes(c, NAP_FRAG_W, nap_wt_planes(i->wt)));
        break;
    case NAP_L_LDC:
        for (size_t k = 0; k < (size_t)c->m * c->n; k++)
            acc_of(r, i->rd)[k] = to_acc(c, (uint32_t)nap_bits_get(at, 32 * k, 32));
        break;
    default: /* lds */
        for (size_t m = 0; m < c->m; m++)
            r->s[(size_t)i->rd * c->m + m] = (int32_t)nap_bits_get(at, 32 * m, 32);
        break;
    }
}

/* The finished result of one accumulator (isa.h, sto), modulo 2^32 before the shift. */
static uint32_t finished(const nap_linst *i, uint32_t acc, int32_t sum)
{
    const int32_t factor = (1 << nap_wt_planes(i->wt)) - 1 - 2 * i->zp;
    return (uint32_t)((int32_t)(acc + (uint32_t)factor * (uint32_t)sum) >> 1);
}

void nap_regs_store(const nap_regs *r, const nap_linst *i, uint8_t *at)
{
    const nap_core *const c = r->core;
    const uint32_t *acc;
    switch (i->op) {
    case NAP_L_STT: {
        const size_t bits = nap_frag_bits(c, NAP_FRAG_T, c->wbits);
        memset(at, 0, r->t.bytes); /* what follows the fragment's bits is zero in memory */
        memcpy(at, r->t.image + i->rs * r->t.bytes, (bits + 7) / 8);
        if (bits % 8) at[bits / 8] &= (uint8_t)((1u << bits % 8) - 1);
        break;
    }
    case NAP_L_STS:
        memset(at, 0, nap_frag_bytes(c, NAP_FRAG_S, c->wbits));
        for (size_t m = 0; m < c->m; m++)
            nap_bits_put(at, 32 * m, 32, (uint32_t)r->s[(size_t)i->rs * c->m + m]);
        break;
    default: /* stc, sto */
        acc = acc_of(r, i->rs);
        memset(at, 0, nap_frag_bytes(c, NAP_FRAG_C, c->wbits));
        for (size_t k = 0; k < (size_t)c->m * c->n; k++) {
            const bool plain = i->op == NAP_L_STC;
            const uint32_t v =
                plain ? acc[k] : finished(i, acc[k], r->s[(size_t)i->rt * c->m + k / c->n]);
            nap_bits_put(at, 32 * k, 32, v);
        }
        break;
    }
}

void nap_regs_zero(nap_regs *r, const nap_linst *i)
{
    const nap_core *const c = r->core;
    if (i->op == NAP_L_ZEROC) {
        memset(acc_of(r, i->rd), 0, (size_t)c->m * c->n * sizeof *r->c);
    } else {
        memset(r->s + (size_t)i->rd * c->m, 0, c->m * sizeof *r->s);
    }
}

void nap_regs_pre(nap_regs *r, const nap_linst *i)
{
    int32_t *const s = i->rt == NAP_L_REG_NONE ? NULL : r->s + (size_t)i->rt * r->core->m;
    nap_precompute(r->core, r->a.image + i->rs * r->a.bytes, r->t.image + i->rd * r->t.bytes, s);
    r->t.fresh[i->rd] = 0;
}

/* ------------------------------------------------------------------ unpacking */

/* Reads fields of at most 32 bits one after the other. */
typedef struct bit_reader {
    const uint8_t *next;
    uint64_t bits;
    unsigned held;
} bit_reader;

static inline uint32_t read_bits(bit_reader *r, unsigned width)
{
    for (; r->held < width; r->held += 8) r->bits |= (uint64_t)*r->next++ << r->held;
    const uint32_t v = (uint32_t)(r->bits & ((1ull << width) - 1));
    r->bits >>= width;
    r->held -= width;
    return v;
}

/* Entries by the whole field of a weight: sign above index. */
static const int32_t *plain_t(nap_regs *r, unsigned reg)
{
    const nap_core *const c = r->core;
    const unsigned fields = signed_entries(c), half = fields / 2, bits = nap_core_entry_bits(c);
    const unsigned entries = nap_core_entries(c);
    bit_reader in = {.next = r->t.image + reg * r->t.bytes};
    int32_t *const out = r->t.plain + reg * r->t.plain_count;
    if (r->t.fresh[reg]) return out;
    for (size_t g = 0; g < (size_t)c->m * c->depth; g++) {
        int32_t *const table = out + g * fields;
        for (unsigned j = 0; j < half; j++) {
            table[j] = j < entries ? (int32_t)nap_wrap(read_bits(&in, bits), bits) : 0;
            table[half + j] = -table[j];
        }
    }
    r->t.fresh[reg] = 1;
    return out;
}

/* Fields of a LUT design's weights. */
static const int32_t *plain_fields(nap_regs *r, unsigned reg, unsigned planes)
{
    const nap_core *const c = r->core;
    const unsigned bits = c->wtype == NAP_W_TERNARY ? 5 : c->k;
    bit_reader in = {.next = r->w.image + reg * r->w.bytes};
    int32_t *const out = r->w.plain + reg * r->w.plain_count;
    if (r->w.fresh[reg] == planes) return out;
    for (size_t g = 0; g < (size_t)planes * c->depth * c->n; g++)
        out[g] = (int32_t)read_bits(&in, bits);
    r->w.fresh[reg] = (uint8_t)planes;
    return out;
}

/* Integer values of the other methods' weights, [kk][n]. */
static void unpack_values(const nap_core *c, const uint8_t *image, unsigned planes, int32_t *out)
{
    const size_t groups = (size_t)c->depth * c->n;
    if (c->method == NAP_METHOD_MAC || c->method == NAP_METHOD_MAC_NATIVE) {
        const unsigned bits = c->method == NAP_METHOD_MAC ? nap_act_bits(c->act) : planes;
        for (size_t g = 0; g < groups; g++) {
            const uint32_t v = (uint32_t)nap_bits_get(image, g * bits, bits);
            out[g] = c->method == NAP_METHOD_MAC_NATIVE && bits == 1 ? 2 * (int32_t)v - 1
                                                                     : (int32_t)nap_wrap(v, bits);
        }
        return;
    }
    const bool twos = (c->method == NAP_METHOD_ADD || c->method == NAP_METHOD_UNPU) && planes > 1;
    memset(out, 0, (size_t)nap_core_kdim(c) * c->n * sizeof *out);
    for (unsigned p = 0; p < planes; p++) {
        for (size_t g = 0; g < groups; g++) {
            unsigned field = (unsigned)nap_bits_get(image, (p * groups + g) * c->k, c->k);
            /* The sign and index of a remapped group, back to the plane's bits. */
            if (c->method == NAP_METHOD_UNPU_REMAP)
                field = field >> (c->k - 1) ? ~field : field | 1u << (c->k - 1);
            for (unsigned i = 0; i < c->k; i++) {
                const int32_t bit = (int32_t)(field >> i & 1) << p;
                const int32_t v = !twos ? 2 * bit - (1 << p) : p == planes - 1 ? -bit : bit;
                out[(g / c->n * c->k + i) * c->n + g % c->n] += v;
            }
        }
    }
}

static const int32_t *plain_values(nap_regs *r, unsigned reg, unsigned planes)
{
    int32_t *const out = r->w.plain + reg * r->w.plain_count;
    if (r->w.fresh[reg] == planes) return out;
    unpack_values(r->core, r->w.image + reg * r->w.bytes, planes, out);
    r->w.fresh[reg] = (uint8_t)planes;
    return out;
}

static const int32_t *plain_a(nap_regs *r, unsigned reg)
{
    const nap_core *const c = r->core;
    const unsigned kd = nap_core_kdim(c);
    int32_t *const out = r->a.plain + reg * r->a.plain_count;
    if (r->a.fresh[reg]) return out;
    for (unsigned i = 0; i < c->m * kd; i++)
        out[i] = (int32_t)nap_frag_a(c, r->a.image + reg * r->a.bytes, i / kd, i % kd);
    r->a.fresh[reg] = 1;
    return out;
}

/* ------------------------------------------------------------------ steps */

static void add_lookups(uint32_t *restrict acc, const int32_t *restrict table,
                        const int32_t *restrict field, unsigned n, unsigned p)
{
    for (unsigned i = 0; i < n; i++) acc[i] += (uint32_t)table[field[i]] << p;
}

static void add_products(uint32_t *restrict acc, const int32_t *restrict w, uint32_t a, unsigned n)
{
    for (unsigned i = 0; i < n; i++) acc[i] += (uint32_t)w[i] * a;
}

static void fast_step(nap_regs *r, unsigned planes, unsigned x, unsigned w, uint32_t *acc)
{
    const nap_core *const c = r->core;
    const unsigned kd = nap_core_kdim(c), bits = nap_acc_bits(c->acc);
    if (c->method == NAP_METHOD_LUT) {
        const int32_t *const t = plain_t(r, x), *const field = plain_fields(r, w, planes);
        const unsigned fields = signed_entries(c);
        for (size_t m = 0; m < c->m; m++)
            for (size_t p = 0; p < planes; p++)
                for (size_t d = 0; d < c->depth; d++)
                    add_lookups(acc + m * c->n, t + (m * c->depth + d) * fields,
                                field + (p * c->depth + d) * c->n, c->n, (unsigned)p);
    } else {
        const int32_t *const a = plain_a(r, x), *const v = plain_values(r, w, planes);
        for (size_t m = 0; m < c->m; m++)
            for (size_t kk = 0; kk < kd; kk++)
                add_products(acc + m * c->n, v + kk * c->n, (uint32_t)a[m * kd + kk], c->n);
    }
    if (bits < 32)
        for (size_t k = 0; k < (size_t)c->m * c->n; k++) acc[k] = nap_wrap(acc[k], bits);
}

static void step(nap_regs *r, unsigned planes, unsigned x, unsigned w, uint32_t *acc)
{
    if (r->fast) {
        fast_step(r, planes, x, w, acc);
    } else {
        const nap_regfile *const f = r->core->method == NAP_METHOD_LUT ? &r->t : &r->a;
        nap_array_step(r->core, planes, f->image + x * f->bytes, r->w.image + w * r->w.bytes, acc);
    }
}

void nap_regs_lmma(nap_regs *r, const nap_linst *i)
{
    const nap_core *const c = r->core;
    const unsigned ni = 1u << i->mi, nj = 1u << i->nj, nl = 1u << i->kl;
    for (unsigned row = 0; row < ni; row++) {
        for (unsigned q = 0; q < nj; q++) {
            uint32_t *const acc = acc_of(r, i->rd + row * nj + q);
            if (i->rs == NAP_L_REG_NONE) memset(acc, 0, (size_t)c->m * c->n * sizeof *acc);
            for (unsigned h = 0; h < nl; h++)
                step(r, nap_wt_planes(i->wt), i->rt + row * nl + h, i->rw + q * nl + h, acc);
        }
    }
}
