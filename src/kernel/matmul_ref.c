/* Reference matmul: the specification at nap_matmul_args in plain C.
 *
 * The accumulators are the outputs themselves, so that the codes of a record are unpacked once for
 * all tokens. */
#include "base/half.h"
#include "kernel/layout.h"

#include <math.h>
#include <string.h>

enum { TILE = NAP_ROW_TILE };

/* 32 elements of a tile as integers, element-major so that the compiler can use vectors. */
typedef struct block_values {
    int8_t w[32][TILE]; /* codes of 8 bits minus 128 fit, and so do all tables */
    float scale[2][TILE], min[2][TILE];
} block_values;

static void unpack(const nap_format *f, const nap_record *r, const uint8_t *record, unsigned sub,
                   block_values *v)
{
    const unsigned groups = 32 / r->group;
    for (unsigned lane = 0; lane < TILE; lane++) {
        uint8_t code[32];
        nap_record_codes(r, record, sub, lane, code);
        for (unsigned i = 0; i < 32; i++) v->w[i][lane] = (int8_t)nap_format_elem(f, code[i]);
        for (unsigned g = 0; g < groups; g++) {
            v->scale[g][lane] = nap_record_scale(r, record, sub * groups + g, lane);
            if (r->min) v->min[g][lane] = nap_record_min(r, record, sub * groups + g, lane);
        }
    }
}

static void add_group(const block_values *v, const nap_record *r, unsigned g, const int8_t *q,
                      float d, float s, float *acc, size_t lanes)
{
    int32_t isum[TILE] = {0};
    for (unsigned i = g * r->group; i < (g + 1) * r->group; i++) {
        for (unsigned lane = 0; lane < TILE; lane++) isum[lane] += v->w[i][lane] * q[i];
    }
    for (size_t lane = 0; lane < lanes; lane++) {
        acc[lane] = fmaf((float)isum[lane], v->scale[g][lane] * d, acc[lane]);
        if (r->min) acc[lane] = fmaf(v->min[g][lane], s, acc[lane]);
    }
}

void nap_matmul_block_ref(const nap_matmul_args *a)
{
    const nap_matrix *m = a->w;
    const nap_record r = nap_record_of(m->format);
    const unsigned groups = 32 / r.group;
    for (size_t row = a->row_begin; row < a->row_end; row += TILE) {
        const size_t lanes = a->row_end - row < TILE ? a->row_end - row : TILE;
        const uint8_t *record = nap_tile(m, &r, row);
        for (size_t t = 0; t < a->tokens; t++) {
            memset(a->out + t * a->out_stride + row, 0, lanes * sizeof(float));
        }
        for (size_t k = 0; k < m->cols; k += 32) {
            const unsigned sub = (unsigned)(k % r.block / 32);
            block_values v;
            unpack(m->format, &r, record, sub, &v);
            for (size_t t = 0; t < a->tokens; t++) {
                const nap_act_q8 x =
                    nap_act_q8_view((const char *)a->act + t * a->act_stride, m->cols);
                float *acc = a->out + t * a->out_stride + row;
                const size_t b = k / 32;
                for (unsigned g = 0; g < groups; g++) {
                    const float s = groups == 1 ? x.s[b] : x.d[b] * (float)x.sum[2 * b + g];
                    add_group(&v, &r, g, x.q + k, x.d[b], s, acc, lanes);
                }
            }
            if (k % r.block + 32 == r.block) record += r.bytes;
        }
    }
}

void nap_matmul_float_ref(const nap_matmul_args *a)
{
    const nap_matrix *m = a->w;
    const bool wide = m->kernel->layout == &nap_layout_f32;
    const size_t size = wide ? 4 : 2;
    for (size_t row = a->row_begin; row < a->row_end; row += TILE) {
        const size_t lanes = a->row_end - row < TILE ? a->row_end - row : TILE;
        const uint8_t *tile = (const uint8_t *)m->data + row * m->cols * size;
        for (size_t t = 0; t < a->tokens; t++) {
            const float *x = (const float *)((const char *)a->act + t * a->act_stride);
            float acc[TILE] = {0};
            for (size_t k = 0; k < m->cols; k++) {
                for (size_t lane = 0; lane < lanes; lane++) {
                    const uint8_t *p = tile + (k * TILE + lane) * size;
                    float w;
                    if (wide) {
                        memcpy(&w, p, 4);
                    } else {
                        uint16_t h;
                        memcpy(&h, p, 2);
                        w = m->format->id == NAP_FORMAT_ID_F16 ? nap_f16_to_f32(h)
                                                               : nap_bf16_to_f32(h);
                    }
                    acc[lane] = fmaf(w, x[k], acc[lane]);
                }
            }
            memcpy(a->out + t * a->out_stride + row, acc, lanes * sizeof(float));
        }
    }
}
