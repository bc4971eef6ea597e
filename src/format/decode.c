/* Blocks to canonical form and back, and values in float: the specification of every format.
 *
 * Order of the float operations (each rounded once, none fused):
 *     (d * sc[g]) * elem                     without minimum
 *     (d * sc[g]) * elem + dmin * mn[g]      with minimum; dmin is stored negated where the
 *                                            format subtracts
 * which gives the same bits as ggml's and gguf-py's dequantization. */
#include "base/checked.h"
#include "base/half.h"
#include "format/packing.h"

#include <string.h>

static uint16_t load16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t load32(const uint8_t *p)
{
    return load16(p) | (uint32_t)load16(p + 2) << 16;
}

static uint64_t load64(const uint8_t *p)
{
    return load32(p) | (uint64_t)load32(p + 4) << 32;
}

bool nap_format_bytes(const nap_format *f, uint64_t elems, uint64_t *bytes)
{
    return elems % f->block == 0 && nap_mul_ok(elems / f->block, f->block_bytes, bytes);
}

int nap_format_elem(const nap_format *f, unsigned code)
{
    return f->table ? f->table[code & ((1u << f->bits) - 1)] : (int)code - f->zero;
}

static float scale_get(nap_scale s, const uint8_t *block)
{
    const uint8_t *p = block + s.offset;
    switch (s.kind) {
    case NAP_SCALE_NONE:
        break;
    case NAP_SCALE_F16:
        return nap_f16_to_f32(load16(p));
    case NAP_SCALE_F16_NEG:
        return -nap_f16_to_f32(load16(p));
    case NAP_SCALE_E8M0_HALF: /* 2^(e - 128); the two smallest are subnormal floats */
        return nap_bits_f32(*p < 2 ? 0x200000u << *p : (uint32_t)(*p - 1) << 23);
    }
    return 0;
}

static void scale_put(nap_scale s, float v, uint8_t *block)
{
    uint8_t *p = block + s.offset;
    uint16_t h;
    switch (s.kind) {
    case NAP_SCALE_NONE:
        break;
    case NAP_SCALE_F16:
    case NAP_SCALE_F16_NEG:
        h = nap_f32_to_f16(s.kind == NAP_SCALE_F16 ? v : -v);
        p[0] = (uint8_t)h;
        p[1] = (uint8_t)(h >> 8);
        break;
    case NAP_SCALE_E8M0_HALF: {
        const uint32_t u = nap_f32_bits(v) & 0x7fffffff;
        *p = (uint8_t)(u < 0x800000 ? u >> 22 : (u >> 23) + 1);
        break;
    }
    }
}

void nap_format_split(const nap_format *f, const void *bytes, nap_block *out)
{
    const struct nap_packing *p = f->packing;
    const uint8_t *block = bytes;
    const unsigned groups = f->block / f->group;
    nap_planes_get(p->code, block, out->code);
    if (p->code_flip) {
        for (unsigned i = 0; i < f->block; i++) out->code[i] ^= p->code_flip;
    }
    out->d = scale_get(p->d, block);
    out->dmin = scale_get(p->dmin, block);
    if (!f->int_scales) {
        for (unsigned g = 0; g < groups; g++) out->sc[g] = out->mn[g] = 1;
        return;
    }
    uint8_t sc[NAP_GROUPS_MAX], mn[NAP_GROUPS_MAX] = {0};
    nap_planes_get(p->sc, block, sc);
    if (f->has_min) nap_planes_get(p->mn, block, mn);
    for (unsigned g = 0; g < groups; g++) {
        out->sc[g] = (int16_t)((sc[g] ^ p->sc_flip) - p->sc_zero);
        out->mn[g] = mn[g];
    }
}

void nap_format_join(const nap_format *f, const nap_block *in, void *bytes)
{
    const struct nap_packing *p = f->packing;
    const unsigned groups = f->block / f->group;
    uint8_t *block = bytes, code[NAP_BLOCK_MAX];
    memset(block, 0, f->block_bytes);
    for (unsigned i = 0; i < f->block; i++) code[i] = in->code[i] ^ p->code_flip;
    nap_planes_put(p->code, code, block);
    scale_put(p->d, in->d, block);
    scale_put(p->dmin, in->dmin, block);
    if (!f->int_scales) return;
    uint8_t sc[NAP_GROUPS_MAX], mn[NAP_GROUPS_MAX];
    for (unsigned g = 0; g < groups; g++) {
        sc[g] = (uint8_t)((in->sc[g] + p->sc_zero) ^ p->sc_flip);
        mn[g] = (uint8_t)in->mn[g];
    }
    nap_planes_put(p->sc, sc, block);
    if (f->has_min) nap_planes_put(p->mn, mn, block);
}

static void decode_block(const nap_format *f, const uint8_t *bytes, float *out)
{
    nap_block b;
    nap_format_split(f, bytes, &b);
    for (unsigned g = 0, i = 0; g * f->group < f->block; g++) {
        const float scale = b.d * (float)b.sc[g];
        const unsigned end = i + f->group;
        if (f->has_min) {
            const float min = b.dmin * (float)b.mn[g];
            for (; i < end; i++) out[i] = scale * (float)nap_format_elem(f, b.code[i]) + min;
        } else {
            for (; i < end; i++) out[i] = scale * (float)nap_format_elem(f, b.code[i]);
        }
    }
}

static double load_f64(const uint8_t *p)
{
    const uint64_t u = load64(p);
    double d;
    memcpy(&d, &u, 8);
    return d;
}

static float plain_value(const nap_format *f, const uint8_t *p)
{
    if (f->kind == NAP_FORMAT_INTEGER) {
        switch (f->block_bytes) {
        case 1:
            return (float)(int8_t)p[0];
        case 2:
            return (float)(int16_t)load16(p);
        case 4:
            return (float)(int32_t)load32(p);
        default:
            return (float)(int64_t)load64(p);
        }
    }
    switch (f->id) {
    case NAP_FORMAT_ID_F16:
        return nap_f16_to_f32(load16(p));
    case NAP_FORMAT_ID_BF16:
        return nap_bf16_to_f32(load16(p));
    case NAP_FORMAT_ID_F64:
        return (float)load_f64(p);
    default:
        return nap_bits_f32(load32(p));
    }
}

void nap_format_decode(const nap_format *f, const void *bytes, size_t elems, float *out)
{
    const uint8_t *p = bytes;
    for (size_t i = 0; i < elems; i += f->block, p += f->block_bytes) {
        if (f->kind == NAP_FORMAT_BLOCK) {
            decode_block(f, p, out + i);
        } else {
            out[i] = plain_value(f, p);
        }
    }
}
