/* Compiled products on interpreter and Verilog, and what is reported of them. */
#include "api/lutcore_run.h"

#include "base/alloc.h"
#include "base/error.h"
#include "lutcore/sim.h"
#include "rtl/run.h"

#include <string.h>

const char *nap_lut_target_name(nap_lut_target t)
{
    static const char *const names[] = {"ref", "interp", "sim", "rtl"};
    return t <= NAP_LUT_RTL ? names[t] : "?";
}

nap_status nap_lut_design(const char *path, bool machine_will_do, nap_core *out, nap_error *e)
{
    *out = nap_core_default();
    if (path == NULL) return NAP_OK;
    nap_config file;
    NAP_TRY(nap_config_load(path, &file, e));
    nap_status status = NAP_OK;
    if (nap_config_has(&file, "core"))
        status = nap_core_read(&file, out, e);
    else if (!machine_will_do)
        status = nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                          "%s: found no [core] section, expected a design", path);
    else if (!nap_config_has(&file, "machine"))
        status =
            nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                     "%s: found no [core] and no [machine] section, expected one or both", path);
    nap_config_free(&file);
    return status;
}

/* The core's timing model beside the interpreter: two independent schedulers of one clock. */
static nap_status simulate(const nap_core *c, const nap_lcompiled *x, nap_lutstat *stat,
                           nap_error *e)
{
    nap_lutstat sim;
    NAP_TRY(nap_sim_core(&x->program, c, 0, &sim, e));
    stat->cycles = sim.cycles;
    stat->stall_mem = sim.stall_mem;
    stat->stall_pre = sim.stall_pre;
    stat->stall_mma = sim.stall_mma;
    stat->busy_mem = sim.busy_mem;
    stat->busy_pre = sim.busy_pre;
    stat->busy_mma = sim.busy_mma;
    return NAP_OK;
}

/* The emitted Verilog, held against the interpreter: memory and cycles have to be the same. */
static nap_status on_rtl(const nap_core *c, nap_lcompiled *x, const char *vcd, nap_lutstat *stat,
                         nap_error *e)
{
    uint8_t *expected = nap_alloc(x->bytes);
    if (expected == NULL) return nap_fail_memory(e, x->bytes, "a memory image");
    memcpy(expected, x->memory, x->bytes);
    nap_lutstat rtl = {0};
    const uint64_t limit = 2 * x->predicted_cycles + 10000;
    nap_status status = nap_lmma_run(&x->program, c, expected, x->bytes, 0, stat, e);
    if (status == NAP_OK)
        status = nap_rtl_run(c, NAP_RTL_VERILATOR, &x->program, x->memory, x->bytes, limit, NULL,
                             vcd, &rtl, e);
    size_t at = 0;
    while (status == NAP_OK && at < x->bytes && expected[at] == x->memory[at]) at++;
    if (status == NAP_OK && (at < x->bytes || rtl.cycles != stat->cycles))
        status = nap_fail(e, NAP_ERR_INTERNAL, NAP_NO_OFFSET,
                          "design %s: the Verilog took %llu cycles, the interpreter %llu; memory "
                          "differs from byte %zu of %zu on",
                          c->name, (unsigned long long)rtl.cycles, (unsigned long long)stat->cycles,
                          at, x->bytes);
    nap_free(expected);
    return status;
}

nap_status nap_lut_execute(nap_lut_target target, const nap_core *c, nap_lcompiled *x,
                           const char *vcd, nap_lutstat *stat, nap_error *e)
{
    NAP_TRY(nap_program_check(&x->program, c, x->bytes, "compiled program", e));
    switch (target) {
    case NAP_LUT_INTERP:
        return nap_lmma_run(&x->program, c, x->memory, x->bytes, 0, stat, e);
    case NAP_LUT_SIM:
        NAP_TRY(nap_lmma_run(&x->program, c, x->memory, x->bytes, 0, stat, e));
        return simulate(c, x, stat, e);
    case NAP_LUT_RTL:
        return on_rtl(c, x, vcd, stat, e);
    default:
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "target: found %s, expected interp, sim or rtl",
                        nap_lut_target_name(target));
    }
}

nap_status nap_lut_hand_over(nap_buf *b, nap_status status, char **out, nap_error *e)
{
    const size_t len = b->len;
    if (status == NAP_OK && (*out = nap_buf_take(b, NULL)) == NULL)
        status = nap_fail_memory(e, len, "a report");
    nap_buf_free(b);
    return status;
}

void nap_lut_quote(nap_buf *out, const char *text)
{
    nap_buf_putc(out, '"');
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\')
            nap_buf_printf(out, "\\%c", *p);
        else if (*p < ' ')
            nap_buf_printf(out, "\\u%04x", *p);
        else
            nap_buf_putc(out, (char)*p);
    }
    nap_buf_putc(out, '"');
}

typedef unsigned long long ull;

void nap_lut_report(const nap_core *c, const nap_lcompiled *x, const nap_lutstat *s, nap_buf *out)
{
    const double peak = (double)c->m * c->n * nap_core_kdim(c) / x->planes;
    nap_buf_puts(out, "  \"design\": ");
    nap_lut_quote(out, c->name);
    nap_buf_printf(out, ",\n  \"cycles\": %llu,\n  \"predicted_cycles\": %llu,\n", (ull)s->cycles,
                   (ull)x->predicted_cycles);
    nap_buf_printf(out, "  \"instructions\": %llu,\n  \"lookups\": %llu,\n  \"macs\": %llu,\n",
                   (ull)s->instructions, (ull)s->lookups, (ull)s->macs);
    nap_buf_printf(out, "  \"macs_per_cycle\": %.3f,\n  \"peak_macs_per_cycle\": %.3f,\n",
                   s->cycles > 0 ? (double)s->macs / (double)s->cycles : 0.0, peak);
    nap_buf_printf(out,
                   "  \"bytes\": {\"activations\": %llu, \"tables\": %llu, \"weights\": %llu, "
                   "\"results\": %llu, \"sums\": %llu, \"read\": %llu, \"written\": %llu},\n",
                   (ull)s->bytes_a, (ull)s->bytes_t, (ull)s->bytes_w, (ull)s->bytes_c,
                   (ull)s->bytes_s, (ull)s->bytes_read, (ull)s->bytes_written);
    nap_buf_printf(out, "  \"stalls\": {\"mem\": %llu, \"pre\": %llu, \"mma\": %llu},\n",
                   (ull)s->stall_mem, (ull)s->stall_pre, (ull)s->stall_mma);
    nap_buf_printf(out, "  \"busy\": {\"mem\": %llu, \"pre\": %llu, \"mma\": %llu},\n",
                   (ull)s->busy_mem, (ull)s->busy_pre, (ull)s->busy_mma);
    nap_buf_printf(out,
                   "  \"tile\": {\"m\": %u, \"n\": %u, \"k\": %u, \"buffers\": %u, "
                   "\"overlap\": %s},\n",
                   x->tile_m, x->tile_n, x->tile_k, x->buffers, x->overlap ? "true" : "false");
    nap_buf_printf(out,
                   "  \"tables\": \"%s\",\n  \"tables_made\": %llu,\n"
                   "  \"memory\": {\"program\": %zu, \"weights\": %zu, \"activations\": %zu, "
                   "\"tables\": %zu, \"results\": %zu, \"image\": %zu},\n",
                   nap_ltables_name(x->tables), (ull)s->tables, x->bytes_program, x->bytes_weights,
                   x->bytes_act, x->bytes_tables, x->bytes_out, x->bytes);
}
