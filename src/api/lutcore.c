/* napier/lutcore.h: products from NumPy files, and program files. */
#include "napier/lutcore.h"

#include "api/lutcore_run.h"
#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/process.h"
#include "lutcore/npy.h"
#include "lutcore/sim.h"
#include "rtl/run.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 1 << 24 };

/* ------------------------------------------------------------------ gemm */

static nap_status read_matrix(const char *path, const char *what, nap_npy_type type,
                              const char *type_name, nap_npy *out, nap_error *e)
{
    static const char *const names[] = {"int8", "uint8", "int16", "uint16", "int32", "float32"};
    NAP_TRY(nap_npy_read(path, out, e));
    if (out->type != type)
        return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET, "%s: descr: found %s, expected %s (%s)",
                        path, names[out->type], type_name, what);
    if (out->dims != 2)
        return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                        "%s: shape: found %u dimensions, expected 2 (%s)", path, out->dims, what);
    for (unsigned i = 0; i < 2; i++)
        if (out->shape[i] == 0)
            return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                            "%s: shape: found 0 in dimension %u, expected at least 1", path, i);
    return NAP_OK;
}

static nap_status check_codes(const char *path, const nap_npy *w, unsigned top, nap_error *e)
{
    const uint8_t *code = w->data;
    for (size_t i = 0; i < w->bytes; i++)
        if (code[i] > top)
            return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                            "%s: row %llu, column %llu: found code %u, expected 0 to %u", path,
                            (unsigned long long)(i / w->shape[1]),
                            (unsigned long long)(i % w->shape[1]), code[i], top);
    return NAP_OK;
}

static nap_status check_request(const nap_lut_gemm *r, nap_error *e)
{
    if (r->bits < 1 || r->bits > 8)
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET, "bits: found %u, expected 1 to 8",
                        r->bits);
    if (r->pm1 && r->bits > 2)
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "pm1: found with %u bits, expected 1 bit (codes are -1, +1) or 2 (-1, 0, "
                        "+1)",
                        r->bits);
    if (r->pm1 && r->zero != 0)
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "zero: found %d with pm1, expected 0: pm1 says what the codes mean",
                        r->zero);
    if (r->vcd != NULL && r->target != NAP_LUT_RTL)
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "vcd: found target %s, expected rtl: only the Verilog has waves",
                        nap_lut_target_name(r->target));
    if (r->zero < -256 || r->zero > 511)
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET, "zero: found %d, expected -256 to 511",
                        r->zero);
    /* Before anything is read, let alone simulated. */
    return r->vcd != NULL ? nap_rtl_vcd_check(r->vcd, e) : NAP_OK;
}

/* The machine of the configuration, if it has one: the same product on its cycle simulator. */
static nap_status on_machine(const char *config, const nap_lgemm *g, nap_buf *json, nap_error *e)
{
    nap_config file;
    nap_machine machine;
    if (config == NULL) return NAP_OK;
    NAP_TRY(nap_config_load(config, &file, e));
    const bool has = nap_config_has(&file, "machine");
    nap_status status = has ? nap_machine_read(&file, &machine, e) : NAP_OK;
    nap_config_free(&file);
    if (status != NAP_OK || !has) return status;
    nap_layer layer = {.name = "gemm",
                       .kind = NAP_LAYER_MPGEMM,
                       .m = g->m,
                       .n = g->n,
                       .k = g->k,
                       .wbits = g->bits,
                       .act_bits = 8,
                       .batch = 1,
                       .count = 1};
    const nap_layers layers = {&layer, 1};
    nap_simout out = {0};
    status = nap_sim_cycle(&machine, &layers, machine.lut ? NAP_PRE_FUSED : NAP_PRE_NONE, &out, e);
    if (status == NAP_OK) {
        nap_buf_puts(json, "  \"machine\": {\"name\": ");
        nap_lut_quote(json, machine.name);
        nap_buf_printf(json,
                       ", \"cycles\": %.0f, \"ms\": %.6f, \"stall_cycles\": %.0f, \"utilisation\": "
                       "%.4f, \"bound\": \"%s\", \"energy_j\": %.9f},\n",
                       out.cycles, out.ms, out.row[0].stall_cycles, out.row[0].utilisation,
                       out.row[0].bound, out.energy_j);
    }
    nap_simout_free(&out);
    return status;
}

static nap_status multiply(const nap_lut_gemm *r, const nap_lgemm *g, int32_t *out, nap_buf *json,
                           nap_error *e)
{
    nap_buf_printf(json,
                   "{\n  \"target\": \"%s\",\n  \"m\": %zu,\n  \"n\": %zu,\n  \"k\": %zu,\n"
                   "  \"bits\": %u,\n  \"zero\": %d,\n  \"pm1\": %s,\n",
                   nap_lut_target_name(r->target), g->m, g->n, g->k, g->bits, g->zero,
                   g->pm1 ? "true" : "false");
    if (r->target == NAP_LUT_REF) {
        nap_lgemm_ref(g, out);
        nap_buf_puts(json, "  \"cycles\": null,\n  \"lookups\": null,\n  \"bytes\": null,\n  "
                           "\"stalls\": null,\n");
    } else {
        nap_core core;
        nap_lcompiled x;
        nap_lutstat stat = {0};
        NAP_TRY(nap_lut_design(r->config, r->target == NAP_LUT_SIM, &core, e));
        NAP_TRY(nap_lgemm_compile(g, &core, &x, e));
        nap_status status = nap_lut_execute(r->target, &core, &x, r->vcd, &stat, e);
        if (status == NAP_OK) {
            nap_lgemm_result(g, &core, &x, x.memory, out);
            nap_lut_report(&core, &x, &stat, json);
            if (r->target == NAP_LUT_SIM) status = on_machine(r->config, g, json, e);
        }
        nap_lcompiled_free(&x);
        NAP_TRY(status);
    }
    nap_buf_puts(json, "  \"output\": ");
    if (r->o != NULL)
        nap_lut_quote(json, r->o);
    else
        nap_buf_puts(json, "null");
    nap_buf_puts(json, "\n}\n");
    return NAP_OK;
}

static nap_status gemm(const nap_lut_gemm *r, nap_npy *a, nap_npy *w, int32_t **out, nap_buf *json,
                       nap_error *e)
{
    NAP_TRY(read_matrix(r->a, "activations [M, K]", NAP_NPY_I1, "int8", a, e));
    NAP_TRY(read_matrix(r->w, "weight codes [N, K]", NAP_NPY_U1, "uint8", w, e));
    if (a->shape[1] != w->shape[1])
        return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                        "%s: shape: found K = %llu, expected %llu as in %s", r->w,
                        (unsigned long long)w->shape[1], (unsigned long long)a->shape[1], r->a);
    NAP_TRY(check_codes(r->w, w, r->pm1 && r->bits == 2 ? 2 : (1u << r->bits) - 1, e));
    const nap_lgemm g = {.m = (size_t)a->shape[0],
                         .n = (size_t)w->shape[0],
                         .k = (size_t)a->shape[1],
                         .bits = r->bits,
                         .zero = r->zero,
                         .pm1 = r->pm1,
                         .a = a->data,
                         .w = w->data};
    uint64_t count, bytes;
    if (!nap_mul_ok(g.m, g.n, &count) || !nap_mul_ok(count, sizeof **out, &bytes) ||
        bytes > SIZE_MAX || (*out = nap_alloc((size_t)bytes)) == NULL)
        return nap_fail_memory(e, g.m * g.n * sizeof **out, "the result");
    NAP_TRY(multiply(r, &g, *out, json, e));
    const uint64_t shape[] = {g.m, g.n};
    return r->o != NULL ? nap_npy_write(r->o, NAP_NPY_I4, 2, shape, *out, e) : NAP_OK;
}

nap_status nap_lutcore_gemm(const nap_lut_gemm *r, char **json, nap_error *e)
{
    nap_npy a = {0}, w = {0};
    int32_t *out = NULL;
    nap_buf text = {0};
    *json = NULL;
    NAP_TRY(check_request(r, e));
    const nap_status status = gemm(r, &a, &w, &out, &text, e);
    nap_npy_free(&a);
    nap_npy_free(&w);
    nap_free(out);
    return nap_lut_hand_over(&text, status, json, e);
}

/* ------------------------------------------------------------------ programs */

nap_status nap_lutcore_asm(const char *text_path, const char *program_path, nap_error *e)
{
    char *text;
    size_t len;
    nap_program p = {0};
    NAP_TRY(nap_read_whole(text_path, TEXT_MAX, &text, &len, e));
    nap_status status = nap_lmma_assemble(text, len, text_path, &p, e);
    if (status == NAP_OK) status = nap_program_write(program_path, &p, e);
    nap_program_free(&p);
    nap_free(text);
    return status;
}

nap_status nap_lutcore_disasm(const char *program_path, char **text, nap_error *e)
{
    nap_program p = {0};
    nap_buf out = {0};
    *text = NULL;
    nap_status status = nap_program_read(program_path, &p, e);
    if (status == NAP_OK) status = nap_lmma_disassemble(&p, &out, e);
    nap_program_free(&p);
    return nap_lut_hand_over(&out, status, text, e);
}

/* A file is a program if it starts as one, else assembly text. */
static nap_status read_any(const char *path, nap_program *out, nap_error *e)
{
    char *text;
    size_t len;
    NAP_TRY(nap_read_whole(path, TEXT_MAX, &text, &len, e));
    const nap_status status = len >= 4 && memcmp(text, "LMMA", 4) == 0
                                  ? nap_program_read(path, out, e)
                                  : nap_lmma_assemble(text, len, path, out, e);
    nap_free(text);
    return status;
}

nap_status nap_lutcore_check(const char *path, const char *config, nap_error *e)
{
    nap_core core;
    nap_program p = {0};
    NAP_TRY(nap_lut_design(config, false, &core, e));
    nap_status status = read_any(path, &p, e);
    if (status == NAP_OK) status = nap_program_check(&p, &core, 0, path, e);
    nap_program_free(&p);
    return status;
}
