/* The machine of the simulators: [machine] of a configuration over the defaults.
 *
 * What a machine is known by has to be stated; the defaults of the rest are an A100 (SXM4, 40 GB)
 * with its own FP16 tensor cores; configs/a100.cfg states the same numbers, each with its source,
 * and a test holds the two together. */
#include "lutcore/sim.h"

#include "base/error.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

const char *const nap_origin_names[] = {"measured", "simulated", "synthesized", "published",
                                        "fitted",   "assumed",   NULL};
const char *const nap_precompute_names[] = {"none", "separate", "fused", NULL};

const char *nap_origin_name(nap_origin s)
{
    return s <= NAP_ASSUMED ? nap_origin_names[s] : "?";
}

nap_machine nap_machine_default(void)
{
    return (nap_machine){
        .name = "a100",
        .sms = 108,
        .cores_per_sm = 4,
        .clock_ghz = 1.41,
        .core_macs = 256,
        .gemm_macs = 256,
        .array_scale = 1,
        .regs_scale = 1,
        .regs_kib = 256,
        .reg_bytes_per_cycle = 512,
        .smem_kib = 164,
        .smem_bytes_per_cycle = 128,
        .l2_bytes_per_cycle = 64,
        .l2_total_per_cycle = 5120,
        .l2_mib = 40,
        .dram_gbs = 1555,
        .dram_efficiency = 0.9,
        .smem_latency = 29,
        .l2_latency = 187,
        .dram_latency = 400,
        .barrier_latency = 20,
        .mma_efficiency = 0.85,
        .vector_ops_per_cycle = 64,
        .separate_efficiency = 1,
        .lut = false,
        .act_bits = 16,
        .wbits = 16,
        .table_bits = 8,
        .acc_bits = 32,
        .out_bits = 16,
        .launch_us = 1.5,
        .pj_mac = 0.671,
        .pj_lookup = 0,
        .pj_gemm_mac = 0.671,
        .pj_vector_op = 2,
        .pj_reg_byte = 0.6,
        .pj_smem_byte = 2,
        .pj_l2_byte = 8,
        .pj_dram_byte = 31.2,
        .static_w = 80,
        .src_mac = NAP_PUBLISHED,
        .src_vector = NAP_ASSUMED,
        .src_reg = NAP_ASSUMED,
        .src_smem = NAP_ASSUMED,
        .src_l2 = NAP_ASSUMED,
        .src_dram = NAP_PUBLISHED,
        .src_static = NAP_ASSUMED,
        .core_mm2 = 0.975,
        .reg_um2_per_bit = 0.25,
        .src_core_mm2 = NAP_PUBLISHED,
        .src_reg_um2 = NAP_ASSUMED,
    };
}

/* Keys of [machine] with their ranges. */
typedef struct uint_key {
    const char *key;
    size_t at;
    unsigned min, max;
} uint_key;
typedef struct real_key {
    const char *key;
    size_t at;
    double min, max;
} real_key;
typedef struct source_key {
    const char *key;
    size_t at;
} source_key;

#define AT(field) #field, offsetof(nap_machine, field)
static const uint_key uint_keys[] = {
    {AT(sms), 1, 4096},      {AT(cores_per_sm), 1, 64}, {AT(array_scale), 1, 64},
    {AT(regs_scale), 1, 64}, {AT(act_bits), 4, 32},     {AT(wbits), 1, 32},
    {AT(table_bits), 4, 32}, {AT(acc_bits), 16, 64},    {AT(out_bits), 8, 64},
};
static const real_key real_keys[] = {
    {AT(clock_ghz), 0.001, 100},
    {AT(core_macs), 1, 1e6},
    {AT(gemm_macs), 1, 1e6},
    {AT(regs_kib), 1, 1e6},
    {AT(smem_kib), 1, 1e6},
    {AT(reg_bytes_per_cycle), 1, 1e6},
    {AT(smem_bytes_per_cycle), 1, 1e6},
    {AT(l2_bytes_per_cycle), 1, 1e6},
    {AT(l2_total_per_cycle), 1, 1e9},
    {AT(l2_mib), 0.001, 1e6},
    {AT(dram_gbs), 0.001, 1e6},
    {AT(dram_efficiency), 0.01, 1},
    {AT(smem_latency), 0, 1e5},
    {AT(l2_latency), 0, 1e5},
    {AT(dram_latency), 0, 1e5},
    {AT(barrier_latency), 0, 1e5},
    {AT(mma_efficiency), 0.01, 1},
    {AT(vector_ops_per_cycle), 1, 1e6},
    {AT(separate_efficiency), 0.001, 1},
    {AT(launch_us), 0, 1000},
    {AT(pj_mac), 0, 1e6},
    {AT(pj_lookup), 0, 1e6},
    {AT(pj_gemm_mac), 0, 1e6},
    {AT(pj_vector_op), 0, 1e6},
    {AT(pj_reg_byte), 0, 1e6},
    {AT(pj_smem_byte), 0, 1e6},
    {AT(pj_l2_byte), 0, 1e6},
    {AT(pj_dram_byte), 0, 1e6},
    {AT(static_w), 0, 1e6},
    {AT(core_mm2), 0, 1e4},
    {AT(reg_um2_per_bit), 0, 1e4},
};
static const source_key source_keys[] = {
    {AT(src_mac)},  {AT(src_vector)}, {AT(src_reg)},      {AT(src_smem)},    {AT(src_l2)},
    {AT(src_dram)}, {AT(src_static)}, {AT(src_core_mm2)}, {AT(src_reg_um2)},
};
#undef AT

#define COUNT(a) (sizeof(a) / sizeof *(a))

static nap_status read_all(nap_config *c, nap_machine *m, nap_error *e)
{
    static const char *const kinds[] = {"mac", "lut", NULL};
    char *const base = (char *)m;
    NAP_TRY(nap_config_text(c, "machine", "name", m->name, sizeof m->name, e));
    unsigned kind = m->lut;
    NAP_TRY(nap_config_choice(c, "machine", "cores", kinds, &kind, e));
    m->lut = kind == 1;
    for (size_t i = 0; i < COUNT(uint_keys); i++) {
        const uint_key *k = &uint_keys[i];
        unsigned *field = (unsigned *)(void *)(base + k->at);
        uint64_t v = *field;
        NAP_TRY(nap_config_uint(c, "machine", k->key, k->min, k->max, &v, e));
        *field = (unsigned)v;
    }
    for (size_t i = 0; i < COUNT(real_keys); i++) {
        const real_key *k = &real_keys[i];
        NAP_TRY(nap_config_real(c, "machine", k->key, k->min, k->max,
                                (double *)(void *)(base + k->at), e));
    }
    for (size_t i = 0; i < COUNT(source_keys); i++) {
        nap_origin *field = (nap_origin *)(void *)(base + source_keys[i].at);
        unsigned v = *field;
        NAP_TRY(nap_config_choice(c, "machine", source_keys[i].key, nap_origin_names, &v, e));
        *field = (nap_origin)v;
    }
    return nap_config_done(c, "machine", "those in configs/a100.cfg, which has every key there is",
                           e);
}

/* What makes a machine this one. Nobody means another's clock or memory by leaving a line out;
 * what is left (latencies, efficiencies, energies, areas) may be the default's. */
static const char *const essential[] = {
    "sms",
    "cores_per_sm",
    "clock_ghz",
    "cores",
    "core_macs",
    "gemm_macs",
    "act_bits",
    "wbits",
    "regs_kib",
    "smem_kib",
    "l2_mib",
    "smem_bytes_per_cycle",
    "l2_bytes_per_cycle",
    "l2_total_per_cycle",
    "dram_gbs",
};

static nap_status check_essential(const nap_config *c, nap_error *e)
{
    for (size_t i = 0; i < COUNT(essential); i++) {
        const char *key = essential[i];
        char expected[80] = "mac or lut";
        if (nap_config_line(c, "machine", key) != 0) continue;
        for (size_t k = 0; k < COUNT(uint_keys); k++)
            if (strcmp(uint_keys[k].key, key) == 0)
                snprintf(expected, sizeof expected, "a whole number from %u to %u",
                         uint_keys[k].min, uint_keys[k].max);
        for (size_t k = 0; k < COUNT(real_keys); k++)
            if (strcmp(real_keys[k].key, key) == 0)
                snprintf(expected, sizeof expected, "a number from %g to %g", real_keys[k].min,
                         real_keys[k].max);
        return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                        "%s: [machine] %s: found none, expected %s: it has no default", c->name,
                        key, expected);
    }
    return NAP_OK;
}

/* c (may be NULL) is the file the machine comes from. */
static nap_status refuse(const nap_config *c, const char *where, const char *key, const char *found,
                         const char *expected, nap_error *e)
{
    const unsigned line = c != NULL ? nap_config_line(c, "machine", key) : 0;
    if (line > 0)
        return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                        "%s:%u: [machine] %s: found %s, expected %s", where, line, key, found,
                        expected);
    return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET, "%s: [machine] %s%s: found %s, expected %s",
                    where, key, c != NULL ? " (left out: the default)" : "", found, expected);
}

static nap_status check(const nap_machine *m, const nap_config *c, const char *where, nap_error *e)
{
    char found[48];
    if (m->lut && m->wbits > 8) {
        snprintf(found, sizeof found, "%u with cores = lut", m->wbits);
        return refuse(c, where, "wbits", found, "1 to 8 planes", e);
    }
    if (m->dram_latency < m->l2_latency) {
        snprintf(found, sizeof found, "%g", m->dram_latency);
        return refuse(c, where, "dram_latency", found, "at least l2_latency", e);
    }
    if (m->l2_total_per_cycle < m->l2_bytes_per_cycle) {
        snprintf(found, sizeof found, "%g", m->l2_total_per_cycle);
        return refuse(c, where, "l2_total_per_cycle", found, "at least l2_bytes_per_cycle", e);
    }
    return NAP_OK;
}

nap_status nap_machine_check(const nap_machine *m, const char *where, nap_error *e)
{
    return check(m, NULL, where, e);
}

nap_status nap_machine_read(nap_config *c, nap_machine *out, nap_error *e)
{
    nap_machine m = nap_machine_default();
    if (!nap_config_has(c, "machine"))
        return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                        "%s: found no [machine] section, expected the GPU to simulate", c->name);
    NAP_TRY(read_all(c, &m, e));
    NAP_TRY(check_essential(c, e));
    NAP_TRY(check(&m, c, c->name, e));
    *out = m;
    return NAP_OK;
}

nap_status nap_machine_load(const char *path, nap_machine *out, nap_error *e)
{
    nap_config c;
    NAP_TRY(nap_config_load(path, &c, e));
    const nap_status s = nap_machine_read(&c, out, e);
    nap_config_free(&c);
    return s;
}

double nap_machine_core_mm2(const nap_machine *m)
{
    return m->core_mm2 * m->sms;
}

double nap_machine_extra_regs_mm2(const nap_machine *m)
{
    const double bits = m->regs_kib * 1024 * 8 * (m->regs_scale - 1.0) * m->sms;
    return bits * m->reg_um2_per_bit * 1e-6;
}
