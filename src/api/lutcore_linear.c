/* A linear layer's integers and floats: what the LUT core computes (exact partial sums of codes
 * and int8 activations, one for each group of the weight format) and what is done with them on the
 * CPU (scales and minima, in the order written at nap_matmul_args). */
#include "api/lutcore_layer.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"
#include "lutcore/config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static nap_status refuse(nap_error *e, const nap_tensor *t, const char *expected)
{
    return nap_fail(e, NAP_ERR_UNSUPPORTED, NAP_NO_OFFSET, "%s: found %s, expected %s", t->name,
                    t->format->name, expected);
}

/* Elements that one partial sum covers: the kernels' groups (matmul contract). */
static unsigned group_of(const nap_format *f)
{
    return f->group < 32 ? f->group : 32;
}

/* Codes in element order. Formats with an element table become 8-bit codes of its values. */
static void read_codes(nap_lut_linear *l)
{
    const nap_format *f = l->format;
    const size_t blocks = l->cols / f->block;
    for (size_t r = 0; r < l->outputs; r++)
        for (size_t b = 0; b < blocks; b++) {
            nap_block x;
            uint8_t *to = l->w + r * l->cols + b * f->block;
            nap_format_split(f, l->bytes + (r * blocks + b) * f->block_bytes, &x);
            for (unsigned i = 0; i < f->block; i++)
                to[i] =
                    f->table != NULL ? (uint8_t)(nap_format_elem(f, x.code[i]) + 128) : x.code[i];
        }
}

nap_status nap_lut_linear_init(nap_lut_linear *l, const nap_model *m, const nap_lut_inputs *in,
                               const char *tensor, size_t columns, nap_error *e)
{
    *l = (nap_lut_linear){0};
    const nap_gguf *file = nap_model_file(m);
    const nap_tensor *t = nap_gguf_tensor(file, tensor);
    if (t == NULL)
        return nap_fail(e, NAP_ERR_NOT_FOUND, NAP_NO_OFFSET,
                        "%s: no tensor '%s' (`napier inspect --tensors' lists them)",
                        nap_model_path(m), tensor);
    if (t->format->kind != NAP_FORMAT_BLOCK) return refuse(e, t, "a format of integer codes");
    for (size_t i = 0; i < in->count; i++)
        if (strcmp(in->v[i].tensor, tensor) == 0) l->input = &in->v[i];
    if (l->input == NULL || t->n_dims != 2)
        return nap_fail(e, NAP_ERR_UNSUPPORTED, NAP_NO_OFFSET,
                        "%s: the model multiplies nothing by this tensor, expected a linear layer",
                        tensor);
    l->format = t->format;
    l->rows = l->input->rows;
    l->cols = (size_t)t->ne[0];
    l->outputs = columns > 0 && columns < t->ne[1] ? columns : (size_t)t->ne[1];
    uint64_t elems, bytes;
    if (!nap_mul_ok(l->outputs, l->cols, &elems) || !nap_format_bytes(l->format, elems, &bytes) ||
        (l->bytes = nap_alloc((size_t)bytes)) == NULL ||
        (l->w = nap_alloc((size_t)elems)) == NULL ||
        (l->a = nap_alloc(l->rows * l->cols)) == NULL) {
        nap_lut_linear_free(l);
        return nap_fail_memory(e, l->outputs * l->cols, tensor);
    }
    const nap_status status = nap_gguf_read(file, t, 0, l->bytes, (size_t)bytes, e);
    if (status != NAP_OK) {
        nap_lut_linear_free(l);
        return status;
    }
    read_codes(l);
    for (size_t r = 0; r < l->rows; r++)
        memcpy(l->a + r * l->cols, nap_act_q8_view(l->input->act + r * l->input->stride, l->cols).q,
               l->cols);
    const bool table = l->format->table != NULL;
    l->g = (nap_lgemm){.m = l->rows,
                       .n = l->outputs,
                       .k = l->cols,
                       .bits = table ? 8 : l->format->bits,
                       .zero = table ? 128 : l->format->zero,
                       .group = group_of(l->format),
                       .a = l->a,
                       .w = l->w};
    return NAP_OK;
}

void nap_lut_linear_free(nap_lut_linear *l)
{
    nap_free(l->a);
    nap_free(l->w);
    nap_free(l->bytes);
    *l = (nap_lut_linear){0};
}

/* Adds one group of one output and token to *acc. */
static void add_group(const nap_format *f, const nap_block *block, size_t k, const nap_act_q8 *x,
                      int32_t sum, float *acc)
{
    const size_t in_block = k % f->block / f->group, b = k / 32;
    const float scale = f->int_scales ? block->d * (float)block->sc[in_block] : block->d;
    *acc = fmaf((float)sum, scale * x->d[b], *acc);
    if (!f->has_min) return;
    const float min = f->int_scales ? block->dmin * (float)block->mn[in_block] : block->dmin;
    const bool whole = group_of(f) == 32;
    *acc = fmaf(min, whole ? x->s[b] : x->d[b] * (float)x->sum[k / 16], *acc);
}

void nap_lut_linear_finish(const nap_lut_linear *l, const int32_t *sums, float *out)
{
    const nap_format *f = l->format;
    const size_t group = group_of(f), count = l->rows * l->outputs, blocks = l->cols / f->block;
    memset(out, 0, count * sizeof *out);
    for (size_t r = 0; r < l->outputs; r++)
        for (size_t b = 0; b < blocks; b++) {
            nap_block block;
            nap_format_split(f, l->bytes + (r * blocks + b) * f->block_bytes, &block);
            for (size_t k = b * f->block; k < (b + 1) * f->block; k += group)
                for (size_t t = 0; t < l->rows; t++) {
                    const size_t at = t * l->outputs + r;
                    const nap_act_q8 x =
                        nap_act_q8_view(l->input->act + t * l->input->stride, l->cols);
                    add_group(f, &block, k, &x, sums[k / group * count + at], &out[at]);
                }
        }
}

nap_status nap_lut_linear_ref(const nap_lut_linear *l, float *out, nap_error *e)
{
    nap_matrix m;
    NAP_TRY(nap_matrix_init(&m, l->format, l->outputs, l->cols, NAP_TIER_REF, e));
    void *scratch = nap_alloc_aligned(NAP_MATMUL_SCRATCH);
    m.data = nap_alloc_huge(m.bytes);
    nap_status status = NAP_OK;
    if (m.data != NULL && scratch != NULL) {
        nap_matrix_pack(&m, 0, l->outputs, l->bytes);
        const nap_matmul_args args = {.w = &m,
                                      .act = l->input->act,
                                      .act_stride = l->input->stride,
                                      .tokens = l->rows,
                                      .out = out,
                                      .out_stride = l->outputs,
                                      .row_end = l->outputs,
                                      .scratch = scratch};
        m.kernel->decode(&args);
    } else {
        status = nap_fail_memory(e, m.bytes, "packed weights");
    }
    nap_free_huge(m.data, m.bytes);
    nap_free(scratch);
    return status;
}

nap_core nap_lut_linear_core(const nap_lut_linear *l)
{
    nap_core c = nap_core_default();
    if (l->g.bits > c.wbits) {
        snprintf(c.name, sizeof c.name, "lut_m2n64k4_s8_w%u", l->g.bits);
        c.wbits = l->g.bits;
    }
    return c;
}
