/* Two simulators of a GPU with LUT (or MAC) tensor cores, and the closed form they must respect.
 *
 * Layers come from CSV, one operator a line: name, kind, m, n, k, wbits, act_bits, batch, count,
 * fuses, inputs (docs/simulators.md); matrix products with low-bit weights, matrix products of
 * activations (attention), element-wise operators.
 *
 * The tile simulator: every operator as interacting rooflines (LMMA pipes, shared memory, L2, DRAM,
 * vector lanes and the latencies between them), the tile searched under register and shared memory
 * capacity, with the fusion of the table precompute; whole models in milliseconds.
 * The cycle simulator: the same plan, event by event: warps, LMMA pipes, fragments through the
 * shared memory port, tiles through L2 and DRAM queues, barriers; deterministic.
 * The core model: one core's LMMA program, instruction by instruction, without values.
 *
 * Invariants, asserted on every row as NAP_ERR_INTERNAL with the numbers: cycles >= work / peak,
 * DRAM traffic >= compulsory, stalls >= 0, 0 <= utilisation <= 1, energy = sum of its parts; and
 * closed form <= tile <= cycle for the same plan. */
#ifndef NAP_LUTCORE_SIM_H
#define NAP_LUTCORE_SIM_H

#include "lutcore/config.h"
#include "lutcore/interp.h"

/* Where a figure comes from. */
typedef enum nap_origin {
    NAP_MEASURED,
    NAP_SIMULATED,
    NAP_SYNTHESIZED,
    NAP_PUBLISHED,
    NAP_FITTED, /* adjusted to published points, which docs/simulators.md names */
    NAP_ASSUMED
} nap_origin;
const char *nap_origin_name(nap_origin s);
extern const char *const nap_origin_names[]; /* NULL-terminated, in the enum's order */

/* [machine] of a configuration: a GPU. configs/ has a100, rtx3090, h100 and their LUT variants,
 * with the source of every number. Cycles are those of clock_ghz. */
typedef struct nap_machine {
    char name[48];
    unsigned sms, cores_per_sm; /* streaming multiprocessors, tensor cores in each */
    double clock_ghz;
    double core_macs;           /* MACs a cycle and core of the mpGEMM array at 1X, width `wbits` */
    double gemm_macs;           /* the same of the 16-bit MAC unit that attention runs on */
    unsigned array_scale;       /* 1, 2, 4, 8: LUT arrays, in multiples of core_macs */
    unsigned regs_scale;        /* register file: multiples of regs_kib */
    double regs_kib, smem_kib;  /* per SM */
    double reg_bytes_per_cycle; /* of a core's registers, operands in and results out */
    double smem_bytes_per_cycle; /* port of an SM's shared memory */
    double l2_bytes_per_cycle;   /* port of an SM to L2 */
    double l2_total_per_cycle;   /* all of L2 */
    double l2_mib, dram_gbs;
    double dram_efficiency;                        /* share of dram_gbs that streams reach */
    double smem_latency, l2_latency, dram_latency; /* cycles */
    double barrier_latency;                        /* of a thread block's barrier, cycles */
    double mma_efficiency;                         /* share of cycles a fed pipe works */
    double vector_ops_per_cycle;                   /* per SM: norms, activations, precompute */
    double separate_efficiency; /* share of DRAM bandwidth a precompute kernel of its own reaches */
    bool lut;                   /* the mpGEMM array is a LUT array */
    unsigned act_bits, wbits;   /* of the linear layers the array is sized for */
    unsigned table_bits;        /* of a table entry */
    unsigned acc_bits, out_bits;
    double launch_us; /* between two kernels */
    /* pJ, W, mm2, um2 per bit */
    double pj_mac, pj_lookup, pj_gemm_mac, pj_vector_op, pj_reg_byte, pj_smem_byte, pj_l2_byte,
        pj_dram_byte;
    double static_w;
    nap_origin src_mac, src_vector, src_reg, src_smem, src_l2, src_dram, src_static;
    double core_mm2;        /* tensor cores of one SM at this array_scale */
    double reg_um2_per_bit; /* of a register file */
    nap_origin src_core_mm2, src_reg_um2;
} nap_machine;

nap_machine nap_machine_default(void); /* A100, FP16 tensor cores */
nap_status nap_machine_read(nap_config *c, nap_machine *out, nap_error *e);
nap_status nap_machine_load(const char *path, nap_machine *out, nap_error *e);
nap_status nap_machine_check(const nap_machine *m, const char *where, nap_error *e);
/* Tensor-core area of the whole GPU in mm2, and what registers beyond regs_scale 1 add. */
double nap_machine_core_mm2(const nap_machine *m);
double nap_machine_extra_regs_mm2(const nap_machine *m);

enum { NAP_LAYER_DIM_MAX = 1 << 24 }; /* of m, n, k, batch, count */

typedef enum nap_lkind {
    NAP_LAYER_MPGEMM, /* low-bit weights */
    NAP_LAYER_GEMM,   /* both operands activations: attention */
    NAP_LAYER_ELEMENT /* norms, residuals, activation functions: bytes and operations only */
} nap_lkind;

typedef struct nap_layer {
    char name[64];
    nap_lkind kind;
    uint64_t m, n, k;         /* ELEMENT: m * n elements written, k operations each */
    unsigned wbits, act_bits; /* GEMM, ELEMENT: act_bits of both operands */
    uint64_t batch;           /* independent products of one kernel (heads) */
    uint64_t count;           /* how many times in the model, one after another */
    /* MPGEMM: its input's producer is element-wise, so the precompute can fuse into it. ELEMENT: it
     * runs in the epilogue of the product before it: no kernel, reads `inputs` further tensors, its
     * result takes the place of the product's. */
    bool fuses;
    unsigned inputs; /* ELEMENT: tensors of m * n elements read */
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
bool nap_layers_add(nap_layers *l, const nap_layer *x); /* false: no memory */
void nap_layers_free(nap_layers *l);

/* A transformer's layers from its dimensions (opt-175b, bloom-176b, llama2-70b, llama2-13b,
 * bitnet-3b are in the table), or from a graph (src/api). */
typedef struct nap_shape {
    const char *name;
    unsigned layers, hidden, ffn, heads, kv_heads, vocab; /* vocab 0: no output layer */
    bool gated; /* FFN with a gate matrix, and rotary positions */
} nap_shape;
const nap_shape *nap_shape_find(const char *name); /* letter case does not matter */
size_t nap_shape_count(void);
const nap_shape *nap_shape_at(size_t i);
/* decode: `batch` sequences, one token each, attending to `seq` positions; else `batch` prompts of
 * `seq` tokens. wbits 16: plain products. The output layer is 16-bit, for one token a sequence. */
nap_status nap_shape_layers(const nap_shape *s, uint64_t batch, uint64_t seq, bool decode,
                            unsigned wbits, unsigned act_bits, nap_layers *out, nap_error *e);

/* Who makes the tables. NONE: nobody is charged, operands move as activations; SEPARATE: a kernel
 * of its own before each product; FUSED: the element-wise producer, where there is one (`fuses`).
 * Applies to every MPGEMM layer, but on a LUT machine only to those of at most 8 weight bits: the
 * others run on its 16-bit MAC unit. On a machine without LUT arrays it says what the precompute
 * would cost beside the same products. */
typedef enum nap_precompute_mode {
    NAP_PRE_NONE,
    NAP_PRE_SEPARATE,
    NAP_PRE_FUSED
} nap_precompute_mode;
extern const char *const nap_precompute_names[]; /* "none", "separate", "fused", NULL */

/* How a product is tiled: thread block tm x tn x tk of warp tiles wm x wn, `stages` buffers in
 * shared memory, `ctas` thread blocks on an SM. */
typedef struct nap_tileplan {
    unsigned tm, tn, tk, wm, wn, stages, ctas;
} nap_tileplan;

typedef struct nap_simrow {
    char name[80];
    uint64_t count;
    double cycles, compute_cycles, stall_cycles; /* of one; compute: the busiest SM's pipes */
    double utilisation; /* of the tensor cores' peak, 0..1; element-wise: of the vector lanes' */
    double mapping;     /* useful MACs over executed ones: what padding to tiles leaves */
    double macs, lookups, vector_ops;
    double dram_read, dram_write, l2_bytes, smem_bytes, reg_bytes;
    double compulsory; /* DRAM bytes that must move */
    double dram_gbs;   /* on average */
    double closed;     /* nap_sim_closed's bound, cycles */
    double energy_j, energy_compute_j, energy_reg_j, energy_smem_j, energy_l2_j, energy_dram_j,
        energy_static_j;
    nap_tileplan plan; /* zero: element-wise */
    const char *bound; /* "compute" "smem" "l2" "dram" "latency" "vector" */
} nap_simrow;
typedef struct nap_simout {
    nap_machine machine;
    nap_precompute_mode pre;
    bool detail; /* by the cycle simulator */
    nap_simrow *row;
    size_t rows;
    double cycles, ms, energy_j; /* count times each row */
    double core_mm2, extra_regs_mm2;
} nap_simout;
void nap_simout_free(nap_simout *s);
bool nap_simout_csv(const nap_simout *s, struct nap_buf *out);

nap_status nap_sim_tile(const nap_machine *m, const nap_layers *l, nap_precompute_mode pre,
                        nap_simout *out, nap_error *e);
nap_status nap_sim_cycle(const nap_machine *m, const nap_layers *l, nap_precompute_mode pre,
                         nap_simout *out, nap_error *e);
/* One layer without its precompute row; plan NULL: the tile simulator's search. A given plan that
 * does not fit the machine is NAP_ERR_ARGUMENT and says by how much. */
nap_status nap_sim_tile_layer(const nap_machine *m, const nap_layer *l, nap_precompute_mode pre,
                              const nap_tileplan *plan, nap_simrow *out, nap_error *e);
nap_status nap_sim_cycle_layer(const nap_machine *m, const nap_layer *l, nap_precompute_mode pre,
                               const nap_tileplan *plan, nap_simrow *out, nap_error *e);
/* Lower bound: max of work / peak and compulsory traffic / bandwidth, in cycles. */
double nap_sim_closed(const nap_machine *m, const nap_layer *l);

/* The clock of one core on an LMMA program, as isa.h states it, without values: what the
 * interpreter and the RTL count, from an independent scheduler over the same occupancies. */
nap_status nap_sim_core(const nap_program *p, const nap_core *c, uint64_t max_instructions,
                        nap_lutstat *stat, nap_error *e);

#endif
