/* Packing of weight matrices and its inverse; see layout.h for where the bits go.
 *
 * Codes move as words of four bytes (one four of one row), so packing is a few shifts and masks
 * for 32 elements and runs at the speed of memory, whatever the format. */
#include "kernel/layout.h"

#include "base/checked.h"
#include "base/error.h"
#include "base/half.h"

#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "packed words are little-endian"
#endif

enum { FORMAT_MXFP4 = 39 };

static uint32_t load32(const void *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

static void store32(void *p, uint32_t v)
{
    memcpy(p, &v, 4);
}

static void store16(uint8_t *base, unsigned index, uint16_t v)
{
    memcpy(base + 2 * index, &v, 2);
}

static float load_f16(const uint8_t *base, unsigned index)
{
    uint16_t h;
    memcpy(&h, base + 2 * index, 2);
    return nap_f16_to_f32(h);
}

/* ------------------------------------------------------------------ records */

static nap_scale_store store_of(const nap_format *f)
{
    if (f->id == FORMAT_MXFP4) return NAP_STORE_E8M0;
    if (!f->int_scales) return NAP_STORE_F16;
    return f->bits == 2 ? NAP_STORE_F16_I4 : NAP_STORE_F16_I8;
}

nap_record nap_record_of(const nap_format *f)
{
    const unsigned group = f->group < 32 ? f->group : 32;
    return nap_record_make(f->bits, f->block, group, f->has_min, store_of(f));
}

static float e8m0_half(uint8_t e)
{
    return nap_bits_f32(e < 2 ? 0x200000u << e : (uint32_t)(e - 1) << 23);
}

static uint8_t to_e8m0_half(float d)
{
    const uint32_t u = nap_f32_bits(d);
    return (uint8_t)(u < 0x800000u ? u >> 22 : (u >> 23) + 1);
}

float nap_record_scale(const nap_record *r, const uint8_t *record, unsigned g, unsigned lane)
{
    const uint8_t *sc = record + r->sc + 16 * g + lane;
    switch (r->store) {
    case NAP_STORE_E8M0:
        return e8m0_half(record[r->d + lane]);
    case NAP_STORE_F16_I8:
        return load_f16(record + r->d, lane) * (float)(int8_t)*sc;
    case NAP_STORE_F16_I4:
        return load_f16(record + r->d, lane) * (float)(*sc & 15);
    default:
        return load_f16(record + r->d, lane);
    }
}

float nap_record_min(const nap_record *r, const uint8_t *record, unsigned g, unsigned lane)
{
    const float dmin = load_f16(record + r->dmin, lane);
    switch (r->store) {
    case NAP_STORE_F16_I8:
        return dmin * (float)record[r->mn + 16 * g + lane];
    case NAP_STORE_F16_I4:
        return dmin * (float)(record[r->sc + 16 * g + lane] >> 4);
    default:
        return dmin;
    }
}

void nap_record_codes(const nap_record *r, const uint8_t *record, unsigned sub, unsigned lane,
                      uint8_t code[32])
{
    const uint8_t *plane = record + r->codes + sub * 64 * r->bits + 4 * lane;
    uint32_t four[8] = {0};
    for (unsigned w = 8, low = 0; w > 0; w /= 2) {
        if (!(r->bits & w)) continue;
        const uint32_t mask = ((1u << w) - 1) * 0x01010101u;
        for (unsigned kg = 0; kg < 8; kg++) {
            four[kg] |= (load32(plane + 64 * (kg % w)) >> kg / w * w & mask) << low;
        }
        plane += (size_t)64 * w;
        low += w;
    }
    memcpy(code, four, 32);
}

static void put_codes(const nap_record *r, uint8_t *record, unsigned sub, unsigned lane,
                      const uint8_t code[32])
{
    uint8_t *plane = record + r->codes + sub * 64 * r->bits + 4 * lane;
    uint32_t four[8];
    memcpy(four, code, 32);
    for (unsigned w = 8, low = 0; w > 0; w /= 2) {
        if (!(r->bits & w)) continue;
        const uint32_t mask = ((1u << w) - 1) * 0x01010101u;
        for (unsigned j = 0; j < w; j++) {
            uint32_t v = 0;
            for (unsigned f = 0; f < 8 / w; f++) v |= (four[j + w * f] >> low & mask) << w * f;
            store32(plane + 64 * j, v);
        }
        plane += (size_t)64 * w;
        low += w;
    }
}

static void put_scales(const nap_record *r, uint8_t *record, unsigned lane, const nap_block *b)
{
    if (r->store == NAP_STORE_E8M0) {
        record[r->d + lane] = to_e8m0_half(b->d);
    } else {
        store16(record + r->d, lane, nap_f32_to_f16(b->d));
    }
    if (r->min) store16(record + r->dmin, lane, nap_f32_to_f16(b->dmin));
    for (unsigned g = 0; g < r->block / r->group; g++) {
        if (r->store == NAP_STORE_F16_I8) {
            record[r->sc + 16 * g + lane] = (uint8_t)b->sc[g];
            if (r->min) record[r->mn + 16 * g + lane] = (uint8_t)b->mn[g];
        } else if (r->store == NAP_STORE_F16_I4) {
            record[r->sc + 16 * g + lane] = (uint8_t)(b->sc[g] | b->mn[g] << 4);
        }
    }
}

/* ------------------------------------------------------------------ block layouts */

static bool block_bytes(const nap_format *f, size_t rows, size_t cols, uint64_t *out)
{
    const nap_record r = nap_record_of(f);
    uint64_t padded, records;
    return cols % r.block == 0 && nap_align_ok(rows, NAP_ROW_TILE, &padded) &&
           nap_mul_ok(padded / NAP_ROW_TILE, cols / r.block, &records) &&
           nap_mul_ok(records, r.bytes, out);
}

static void put_block(const nap_record *r, uint8_t *record, unsigned lane, const nap_format *f,
                      const uint8_t *block)
{
    nap_block b;
    nap_format_split(f, block, &b);
    put_scales(r, record, lane, &b);
    for (unsigned sub = 0; sub < r->block / 32; sub++) {
        put_codes(r, record, sub, lane, b.code + (size_t)32 * sub);
    }
}

static void block_pack(nap_matrix *m, size_t row_begin, size_t count, const void *src)
{
    const nap_format *f = m->format;
    const nap_record r = nap_record_of(f);
    const nap_direct_fn direct = nap_layout_direct(f);
    const size_t records = m->cols / r.block, row_bytes = records * f->block_bytes;
    uint8_t *to = (uint8_t *)m->data + row_begin / NAP_ROW_TILE * records * r.bytes;
    const uint8_t *from = src;
    for (size_t row = 0; row < count; row += NAP_ROW_TILE, from += NAP_ROW_TILE * row_bytes) {
        const unsigned lanes = (unsigned)(count - row < NAP_ROW_TILE ? count - row : NAP_ROW_TILE);
        for (size_t k = 0; k < records; k++, to += r.bytes) {
            if (lanes < NAP_ROW_TILE) memset(to, 0, r.bytes);
            for (unsigned lane = 0; lane < lanes; lane++) {
                const uint8_t *block = from + lane * row_bytes + k * f->block_bytes;
                if (direct) {
                    direct(&r, to, lane, block);
                } else {
                    put_block(&r, to, lane, f, block);
                }
            }
        }
    }
}

static void block_row(const nap_matrix *m, size_t row, float *out)
{
    const nap_format *f = m->format;
    const nap_record r = nap_record_of(f);
    const unsigned lane = row % NAP_ROW_TILE;
    const uint8_t *record = nap_tile(m, &r, row - lane);
    for (size_t k = 0; k < m->cols; k += r.block, record += r.bytes) {
        for (unsigned i = 0; i < r.block; i += 32, out += 32) {
            uint8_t code[32];
            nap_record_codes(&r, record, i / 32, lane, code);
            for (unsigned j = 0; j < 32; j += r.group) {
                const unsigned g = (i + j) / r.group;
                const float scale = nap_record_scale(&r, record, g, lane);
                if (r.min) {
                    const float min = nap_record_min(&r, record, g, lane);
                    for (unsigned n = j; n < j + r.group; n++) {
                        out[n] = scale * (float)nap_format_elem(f, code[n]) + min;
                    }
                } else {
                    for (unsigned n = j; n < j + r.group; n++) {
                        out[n] = scale * (float)nap_format_elem(f, code[n]);
                    }
                }
            }
        }
    }
}

static bool block_accepts(const nap_format *f, size_t cols, nap_record shape, bool table)
{
    if (f->kind != NAP_FORMAT_BLOCK || cols == 0 || cols % f->block != 0) return false;
    const nap_record r = nap_record_of(f);
    return r.bits == shape.bits && r.block == shape.block && r.group == shape.group &&
           r.min == shape.min && r.store == shape.store && (f->table != NULL) == table;
}

#define DEFINE_BLOCK(name_, bits, block, group, min, store, table)                                 \
    static bool accepts_##name_(const nap_format *f, size_t cols)                                  \
    {                                                                                              \
        return block_accepts(f, cols, nap_record_make(bits, block, group, min, NAP_STORE_##store), \
                             table);                                                               \
    }                                                                                              \
    const nap_layout nap_layout_##name_ = {.name = #name_,                                         \
                                           .accepts = accepts_##name_,                             \
                                           .bytes = block_bytes,                                   \
                                           .pack = block_pack,                                     \
                                           .row = block_row};
NAP_BLOCK_SHAPES(DEFINE_BLOCK)

/* ------------------------------------------------------------------ float layouts */

static bool is_16bit(const nap_format *f)
{
    return f->id == NAP_FORMAT_ID_F16 || f->id == NAP_FORMAT_ID_BF16;
}

static bool float_bytes(const nap_format *f, size_t rows, size_t cols, uint64_t *out)
{
    uint64_t padded, elems;
    return nap_align_ok(rows, NAP_ROW_TILE, &padded) && nap_mul_ok(padded, cols, &elems) &&
           nap_mul_ok(elems, is_16bit(f) ? 2 : 4, out);
}

static void float_pack(nap_matrix *m, size_t row_begin, size_t count, const void *src)
{
    const nap_format *f = m->format;
    const size_t cols = m->cols, size = is_16bit(f) ? 2 : 4;
    const uint8_t *from = src;
    uint8_t *tile = (uint8_t *)m->data + row_begin * cols * size;
    for (size_t row = 0; row < count; row++, from += cols * f->block_bytes) {
        const size_t lane = row % NAP_ROW_TILE;
        if (lane == 0 && count - row < NAP_ROW_TILE) memset(tile, 0, NAP_ROW_TILE * cols * size);
        for (size_t k = 0; k < cols; k++) {
            uint8_t *to = tile + (k * NAP_ROW_TILE + lane) * size;
            if (size == 2) {
                memcpy(to, from + 2 * k, 2);
            } else {
                float v;
                nap_format_decode(f, from + k * f->block_bytes, 1, &v);
                memcpy(to, &v, 4);
            }
        }
        if (lane == NAP_ROW_TILE - 1) tile += NAP_ROW_TILE * cols * size;
    }
}

static void float_row(const nap_matrix *m, size_t row, float *out)
{
    const size_t size = is_16bit(m->format) ? 2 : 4, lane = row % NAP_ROW_TILE;
    const uint8_t *tile = (const uint8_t *)m->data + (row - lane) * m->cols * size;
    for (size_t k = 0; k < m->cols; k++) {
        const uint8_t *p = tile + (k * NAP_ROW_TILE + lane) * size;
        if (size == 2) {
            nap_format_decode(m->format, p, 1, &out[k]);
        } else {
            memcpy(&out[k], p, 4);
        }
    }
}

static bool accepts_f16(const nap_format *f, size_t cols)
{
    return cols > 0 && f->id == NAP_FORMAT_ID_F16;
}

static bool accepts_bf16(const nap_format *f, size_t cols)
{
    return cols > 0 && f->id == NAP_FORMAT_ID_BF16;
}

static bool accepts_f32(const nap_format *f, size_t cols)
{
    return cols > 0 && f->kind != NAP_FORMAT_BLOCK && !is_16bit(f);
}

#define DEFINE_FLOAT(name_)                                                                        \
    const nap_layout nap_layout_##name_ = {.name = #name_,                                         \
                                           .accepts = accepts_##name_,                             \
                                           .bytes = float_bytes,                                   \
                                           .pack = float_pack,                                     \
                                           .row = float_row};
NAP_FLOAT_SHAPES(DEFINE_FLOAT)

/* ------------------------------------------------------------------ matrices */

nap_status nap_matrix_init(nap_matrix *m, const nap_format *f, size_t rows, size_t cols,
                           nap_tier tier, nap_error *e)
{
    const nap_kernel *k = nap_kernel_matmul(f, cols, tier);
    if (!k) {
        return nap_fail(e, NAP_ERR_UNSUPPORTED, NAP_NO_OFFSET,
                        "matrix of %zu x %zu %s: found %zu columns, expected a positive multiple "
                        "of %u",
                        rows, cols, f->name, cols, f->block);
    }
    uint64_t bytes;
    size_t size;
    if (!k->layout->bytes(f, rows, cols, &bytes) || !nap_to_size_ok(bytes, &size)) {
        return nap_fail(e, NAP_ERR_UNSUPPORTED, NAP_NO_OFFSET,
                        "matrix of %zu x %zu %s: its size does not fit in 64 bits", rows, cols,
                        f->name);
    }
    *m = (nap_matrix){.format = f, .kernel = k, .rows = rows, .cols = cols, .bytes = size};
    return NAP_OK;
}

void nap_matrix_pack(nap_matrix *m, size_t row_begin, size_t count, const void *src)
{
    m->kernel->layout->pack(m, row_begin, count, src);
}

void nap_matrix_row(const nap_matrix *m, size_t row, float *out)
{
    m->kernel->layout->row(m, row, out);
}
