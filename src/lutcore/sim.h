/* Two simulators of a GPU with LUT (or MAC) tensor cores, and the closed form they must respect.
 *
 * Layers come from CSV, one matrix product a line: name,M,N,K,wbits,act[,count] with the other
 * operators of a model (attention, norms) as element-wise or MAC layers (docs/simulators.md).
 *
 * The tile simulator: every operator as interacting rooflines (compute, DRAM, L2, shared memory,
 * registers), with the fusion of the table precompute; whole models in milliseconds.
 * The cycle simulator: cores, LMMA pipes, register file, shared memory, L2, DRAM, tile by tile,
 * with queues; deterministic. SCALE-Sim's words in the output: cycles, stalls, utilisation,
 * accesses, bandwidth; energy with the source of every figure.
 * Invariants, asserted in both: cycles >= work / peak, traffic >= compulsory, stalls >= 0,
 * energy = sum of parts. */
#ifndef NAP_LUTCORE_SIM_H
#define NAP_LUTCORE_SIM_H

#include "lutcore/config.h"

/* A figure and where it comes from. */
typedef enum nap_source {
    NAP_MEASURED,
    NAP_SIMULATED,
    NAP_SYNTHESIZED,
    NAP_PUBLISHED,
    NAP_ASSUMED
} nap_source;
const char *nap_source_name(nap_source s);

/* [machine] of a configuration: a GPU. configs/a100.cfg, rtx3090.cfg, h100.cfg and LUT variants. */
typedef struct nap_machine {
    char name[48];
    unsigned sms, cores_per_sm; /* streaming multiprocessors, tensor cores in each */
    double clock_ghz;
    double core_macs;          /* MACs per cycle and core at the reference width: see array */
    unsigned array_scale;      /* 1, 2, 4, 8: LUT arrays in place of one MAC core's throughput */
    unsigned regs_scale;       /* register file capacity, 1 = regs_kib */
    double regs_kib, smem_kib; /* per SM */
    double smem_bytes_per_cycle, l2_bytes_per_cycle; /* per SM */
    double l2_mib, dram_gbs;
    double smem_latency, l2_latency, dram_latency; /* cycles */
    double vector_flops_per_cycle;                 /* per SM: norms, precompute */
    bool lut;                                      /* tensor cores are LUT arrays */
    unsigned act_bits, wbits;                      /* of the linear layers */
    unsigned table_bits;
    double launch_us; /* per kernel */
    /* pJ, each with its source in docs/simulators.md */
    double pj_mac, pj_lookup, pj_reg_byte, pj_smem_byte, pj_l2_byte, pj_dram_byte, pj_static_w;
    nap_source src_mac, src_lookup, src_memory;
} nap_machine;

nap_machine nap_machine_default(void); /* A100, FP16 tensor cores */
nap_status nap_machine_read(nap_config *c, nap_machine *out, nap_error *e);

typedef enum nap_lkind {
    NAP_LAYER_MPGEMM, /* low-bit weights */
    NAP_LAYER_GEMM,   /* both operands activations: attention */
    NAP_LAYER_ELEMENT /* norms, residuals, activation functions: bytes and flops only */
} nap_lkind;

typedef struct nap_layer {
    char name[64];
    nap_lkind kind;
    uint64_t m, n, k; /* ELEMENT: m * n elements read, k flops each */
    unsigned wbits, act_bits;
    uint64_t count; /* how many times in the model (batch included for GEMM) */
    bool fuses;     /* its input's producer is element-wise: the precompute can fuse */
} nap_layer;
typedef struct nap_layers {
    nap_layer *v;
    size_t count;
} nap_layers;
/* File, line, field, found, expected on errors. */
nap_status nap_layers_parse(const char *text, size_t len, const char *name, nap_layers *out,
                            nap_error *e);
nap_status nap_layers_load(const char *path, nap_layers *out, nap_error *e);
struct nap_buf;
bool nap_layers_write(const nap_layers *l, struct nap_buf *out);
void nap_layers_free(nap_layers *l);

/* A transformer's layers from its dimensions (OPT-175B, BLOOM-176B, LLAMA2-70B, BitNet-3B are in
 * the table), or from a graph (src/api). */
typedef struct nap_shape {
    const char *name;
    unsigned layers, hidden, ffn, heads, kv_heads, vocab;
    bool gated; /* FFN with a gate matrix */
} nap_shape;
const nap_shape *nap_shape_find(const char *name);
size_t nap_shape_count(void);
const nap_shape *nap_shape_at(size_t i);
nap_status nap_shape_layers(const nap_shape *s, uint64_t batch, uint64_t seq, bool decode,
                            unsigned wbits, unsigned act_bits, nap_layers *out, nap_error *e);

typedef enum nap_precompute_mode {
    NAP_PRE_NONE,
    NAP_PRE_SEPARATE,
    NAP_PRE_FUSED
} nap_precompute_mode;

typedef struct nap_simrow {
    char name[64];
    uint64_t count;
    double cycles, compute_cycles, stall_cycles; /* of one */
    double utilisation;                          /* of the tensor cores' peak, 0..1 */
    double macs, lookups;
    double dram_read, dram_write, l2_bytes, smem_bytes, reg_bytes;
    double dram_gbs;
    double energy_j, energy_compute_j, energy_reg_j, energy_smem_j, energy_l2_j, energy_dram_j,
        energy_static_j;
    unsigned tile_m, tile_n, tile_k;
    const char *bound; /* "compute", "dram", "l2", "smem", "vector" */
} nap_simrow;
typedef struct nap_simout {
    nap_simrow *row;
    size_t rows;
    double cycles, ms, energy_j;
} nap_simout;
void nap_simout_free(nap_simout *s);
bool nap_simout_csv(const nap_simout *s, struct nap_buf *out);

nap_status nap_sim_tile(const nap_machine *m, const nap_layers *l, nap_precompute_mode pre,
                        nap_simout *out, nap_error *e);
nap_status nap_sim_cycle(const nap_machine *m, const nap_layers *l, nap_precompute_mode pre,
                         nap_simout *out, nap_error *e);
/* Lower bound: max of work / peak and compulsory traffic / bandwidth, in cycles. */
double nap_sim_closed(const nap_machine *m, const nap_layer *l);

#endif
