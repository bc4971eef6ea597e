/* nap_lutcore_layer: one linear layer compiled, run and compared; and the files it leaves. */
#include "api/lutcore_layer.h"

#include "api/lutcore_run.h"
#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/process.h"
#include "lutcore/npy.h"

#include <string.h>

typedef struct outcome {
    nap_core core;
    nap_lcompiled x;
    nap_lutstat stat;
    int32_t *sums;        /* [groups][rows][outputs] */
    float *got, *want;    /* [rows][outputs] */
    size_t groups, count; /* count: rows * outputs */
    size_t different;
} outcome;

static void outcome_free(outcome *o)
{
    nap_lcompiled_free(&o->x);
    nap_free(o->sums);
    nap_free(o->got);
    nap_free(o->want);
}

static nap_status reserve(outcome *o, const nap_lut_linear *l, nap_error *e)
{
    uint64_t sums, bytes;
    o->count = l->rows * l->outputs;
    o->groups = l->cols / l->g.group;
    if (!nap_mul_ok(o->count, o->groups, &sums) || !nap_mul_ok(sums, sizeof *o->sums, &bytes) ||
        (o->sums = nap_alloc((size_t)bytes)) == NULL ||
        (o->got = nap_calloc(o->count, sizeof *o->got)) == NULL ||
        (o->want = nap_calloc(o->count, sizeof *o->want)) == NULL)
        return nap_fail_memory(e, o->count * o->groups * sizeof *o->sums, "partial sums");
    return NAP_OK;
}

/* ------------------------------------------------------------------ files */

static nap_status path_of(nap_buf *path, const char *dir, const char *name, nap_error *e)
{
    path->len = 0;
    nap_buf_printf(path, "%s/%s", dir, name);
    return path->failed ? nap_fail_memory(e, strlen(dir), "a path") : NAP_OK;
}

static nap_status write_text(nap_buf *path, const char *dir, const char *name, nap_buf *text,
                             nap_error *e)
{
    NAP_TRY(path_of(path, dir, name, e));
    if (text->failed) return nap_fail_memory(e, text->len, name);
    return nap_write_whole(path->data, text->data, text->len, e);
}

static nap_status write_array(nap_buf *path, const char *dir, const char *name, nap_npy_type type,
                              size_t a, size_t b, size_t c, const void *data, nap_error *e)
{
    const uint64_t shape[] = {a, b, c};
    NAP_TRY(path_of(path, dir, name, e));
    const unsigned dims = c > 0 ? 3 : 2;
    return nap_npy_write(path->data, type, dims, shape, data, e);
}

/* Operands as floats, for `napier lutcore synth --operands`: activations as the layer's scales give
 * them back, weights as the format means them. */
static nap_status write_floats(nap_buf *path, const char *dir, const nap_lut_linear *l,
                               nap_error *e)
{
    const size_t count = (l->rows > l->outputs ? l->rows : l->outputs) * l->cols;
    float *v = nap_alloc(count * sizeof *v);
    if (v == NULL) return nap_fail_memory(e, count * sizeof *v, "operands");
    for (size_t r = 0; r < l->rows; r++) {
        const nap_act_q8 x = nap_act_q8_view(l->input->act + r * l->input->stride, l->cols);
        for (size_t k = 0; k < l->cols; k++) v[r * l->cols + k] = x.d[k / 32] * (float)x.q[k];
    }
    nap_status status =
        write_array(path, dir, "activations.npy", NAP_NPY_F4, l->rows, l->cols, 0, v, e);
    nap_format_decode(l->format, l->bytes, l->outputs * l->cols, v);
    if (status == NAP_OK)
        status = write_array(path, dir, "weights.npy", NAP_NPY_F4, l->outputs, l->cols, 0, v, e);
    nap_free(v);
    return status;
}

/* What is known before the run: the program, its memory, the operands. */
static nap_status write_inputs(nap_buf *path, const char *dir, const nap_lut_linear *l,
                               const outcome *o, nap_error *e)
{
    nap_buf text = {0};
    NAP_TRY(nap_make_folder(dir, e));
    NAP_TRY(path_of(path, dir, "program.lmma", e));
    NAP_TRY(nap_program_write(path->data, &o->x.program, e));
    nap_status status = nap_lmma_disassemble(&o->x.program, &text, e);
    if (status == NAP_OK) status = write_text(path, dir, "program.s", &text, e);
    text.len = 0;
    nap_core_write(&o->core, &text);
    if (status == NAP_OK) status = write_text(path, dir, "design.cfg", &text, e);
    nap_buf_free(&text);
    NAP_TRY(status);
    NAP_TRY(path_of(path, dir, "memory.bin", e));
    NAP_TRY(nap_write_whole(path->data, o->x.memory, o->x.bytes, e));
    NAP_TRY(write_floats(path, dir, l, e));
    NAP_TRY(write_array(path, dir, "A.npy", NAP_NPY_I1, l->rows, l->cols, 0, l->a, e));
    return write_array(path, dir, "W.npy", NAP_NPY_U1, l->outputs, l->cols, 0, l->w, e);
}

static nap_status write_results(nap_buf *path, const char *dir, const nap_lut_linear *l,
                                const outcome *o, nap_error *e)
{
    NAP_TRY(
        write_array(path, dir, "sums.npy", NAP_NPY_I4, o->groups, l->rows, l->outputs, o->sums, e));
    NAP_TRY(write_array(path, dir, "outputs.npy", NAP_NPY_F4, l->rows, l->outputs, 0, o->got, e));
    return write_array(path, dir, "expected.npy", NAP_NPY_F4, l->rows, l->outputs, 0, o->want, e);
}

/* ------------------------------------------------------------------ the run */

static nap_status run_on(const nap_lut_layer *r, const nap_lut_linear *l, outcome *o, nap_error *e)
{
    if (r->target == NAP_LUT_REF) {
        nap_lgemm_ref(&l->g, o->sums);
        return NAP_OK;
    }
    NAP_TRY(nap_lut_execute(r->target, &o->core, &o->x, NULL, &o->stat, e));
    nap_lgemm_result(&l->g, &o->core, &o->x, o->x.memory, o->sums);
    return NAP_OK;
}

static nap_status compute(const nap_lut_layer *r, const nap_lut_linear *l, outcome *o, nap_error *e)
{
    nap_buf path = {0};
    o->core = nap_lut_linear_core(l);
    if (r->config != NULL) NAP_TRY(nap_lut_design(r->config, false, &o->core, e));
    NAP_TRY(reserve(o, l, e));
    NAP_TRY(nap_lgemm_compile(&l->g, &o->core, &o->x, e));
    nap_status status = r->dir != NULL ? write_inputs(&path, r->dir, l, o, e) : NAP_OK;
    if (status == NAP_OK) status = run_on(r, l, o, e);
    if (status == NAP_OK) {
        nap_lut_linear_finish(l, o->sums, o->got);
        status = nap_lut_linear_ref(l, o->want, e);
    }
    if (status == NAP_OK && r->dir != NULL) status = write_results(&path, r->dir, l, o, e);
    nap_buf_free(&path);
    for (size_t i = 0; status == NAP_OK && i < o->count; i++)
        o->different += memcmp(&o->got[i], &o->want[i], sizeof *o->got) != 0;
    return status;
}

static void report(const nap_lut_layer *r, const nap_lut_linear *l, const nap_lut_inputs *in,
                   const outcome *o, nap_buf *json)
{
    nap_buf_printf(json,
                   "{\n  \"target\": \"%s\",\n  \"tensor\": ", nap_lut_target_name(r->target));
    nap_lut_quote(json, r->tensor);
    nap_buf_printf(json,
                   ",\n  \"format\": \"%s\",\n  \"m\": %zu,\n  \"n\": %zu,\n  \"k\": %zu,\n"
                   "  \"bits\": %u,\n  \"zero\": %d,\n  \"group\": %zu,\n",
                   l->format->name, l->rows, l->outputs, l->cols, l->g.bits, l->g.zero, l->g.group);
    nap_buf_printf(json, "  \"activations\": \"%s\",\n",
                   in->text ? "what enters the layer at the first tokens of a built-in text"
                            : "what enters the layer at made-up token ids: the model has no "
                              "vocabulary");
    if (r->target != NAP_LUT_REF) nap_lut_report(&o->core, &o->x, &o->stat, json);
    nap_buf_printf(json, "  \"outputs\": %zu,\n  \"different\": %zu,\n  \"equal\": %s\n}\n",
                   o->count, o->different, o->different == 0 ? "true" : "false");
}

nap_status nap_lutcore_layer(const nap_model *m, const nap_lut_layer *r, char **json, nap_error *e)
{
    nap_lut_inputs in;
    nap_lut_linear l;
    nap_buf text = {0};
    *json = NULL;
    NAP_TRY(nap_lut_inputs_capture(m, r->tensor, r->rows > 0 ? r->rows : 1, &in, e));
    nap_status status = nap_lut_linear_init(&l, m, &in, r->tensor, r->columns, e);
    if (status == NAP_OK) {
        outcome o = {.sums = NULL};
        status = compute(r, &l, &o, e);
        if (status == NAP_OK) report(r, &l, &in, &o, &text);
        if (status == NAP_OK && o.different > 0)
            status = nap_fail(e, NAP_ERR_INTERNAL, NAP_NO_OFFSET,
                              "%s: %zu of %zu outputs differ from the CPU engine's", r->tensor,
                              o.different, o.count);
        outcome_free(&o);
    }
    nap_lut_linear_free(&l);
    nap_lut_inputs_free(&in);
    return nap_lut_hand_over(&text, status, json, e);
}
