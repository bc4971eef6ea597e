/* napier/lutcore.h: the LUT Tensor Core (arXiv 2408.06003) from program to gates.
 *
 * A design is a configuration file (configs/ ships some; docs/lmma.md lists the keys) or NULL for
 * the default, M2 N64 K4 with int8 activations. Every function is one of the commands
 * `napier lutcore ...`; texts come back in buffers the caller frees with nap_text_free().
 * External tools (Yosys, Verilator, Icarus Verilog, OpenSTA, gnuplot) are looked for when needed;
 * NAP_ERR_NOT_FOUND names the missing one and the Debian package that has it. Built simulators and
 * synthesis results are cached below $NAPIER_CACHE, else $XDG_CACHE_HOME/napier, else
 * ~/.cache/napier. */
#ifndef NAPIER_LUTCORE_H
#define NAPIER_LUTCORE_H

#include "napier/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum nap_lut_target {
    NAP_LUT_REF,    /* the definition, in plain loops */
    NAP_LUT_INTERP, /* compiled to LMMA, interpreted */
    NAP_LUT_SIM,    /* as INTERP, and if the configuration has a [machine]: its cycle simulator */
    NAP_LUT_RTL     /* the same program on the emitted Verilog, run by Verilator */
} nap_lut_target;

/* O[M][N] int32 = sum A (w - Z), from .npy files to a .npy file. */
typedef struct nap_lut_gemm {
    const char *a, *w, *o; /* int8 [M,K], uint8 [N,K], result (NULL: not written) */
    const char *config;    /* NULL: the default design */
    nap_lut_target target;
    unsigned bits;   /* 1..8; the default design takes 1..4 */
    int zero;        /* Z, -256..511 */
    bool pm1;        /* 1 bit: codes 0, 1 mean -1, +1; 2 bits: codes 0, 1, 2 mean -1, 0, +1 */
    const char *vcd; /* NAP_LUT_RTL: a waveform to write; NULL: none */
    uint64_t reserved[4];
} nap_lut_gemm;
/* *json: {"target", "m", "n", "k", "bits", "cycles", "lookups", "bytes", "stalls", ...}. */
NAP_API nap_status nap_lutcore_gemm(const nap_lut_gemm *g, char **json, nap_error *e);

/* Verilog of the array and of the whole core, file lists, and a self-checking test bench with its
 * operands, into a folder. */
NAP_API nap_status nap_lutcore_rtl(const char *config, const char *dir, nap_error *e);

typedef struct nap_lut_synth {
    const char *config, *liberty; /* NULL: defaults */
    const char *operands;         /* folder of recorded operands for power, NULL: random */
    double clock_ns;              /* 0: the library's default */
    bool whole_core;              /* with register files and front end; else the array alone */
    nap_progress_fn progress;
    void *user;
    uint64_t reserved[4];
} nap_lut_synth;
/* *csv: area by part, cells, worst slack, power, tool versions. */
NAP_API nap_status nap_lutcore_synth(const nap_lut_synth *s, char **csv, nap_error *e);

/* Simulates the layers of a CSV file on the machine of a configuration; writes layers.csv (one line
 * an operator) and summary.json into a folder. */
typedef struct nap_lut_sim {
    const char *config; /* with a [machine]; NULL: an A100 */
    const char *layers; /* CSV (docs/simulators.md) */
    const char *dir;
    const char
        *precompute; /* "none", "separate", "fused"; NULL: fused on a LUT machine, else none */
    bool detail;     /* the cycle simulator, else the tile simulator */
    uint64_t reserved[4];
} nap_lut_sim;
NAP_API nap_status nap_lutcore_sim(const nap_lut_sim *s, nap_error *e);

/* The operators of a model, or of a published shape ("opt-175b", "bloom-176b", "llama2-70b",
 * "llama2-13b", "bitnet-3b"), as layer CSV. */
typedef struct nap_lut_layers {
    const char *shape; /* used if the model is NULL */
    uint64_t prompt;   /* tokens per sequence; decode: positions attended to */
    uint64_t batch;    /* sequences */
    bool decode;       /* one token each, instead of the whole prompt */
    unsigned wbits;    /* of a shape's linear layers: 1..8, or 16 for plain products; 0: 2 */
    unsigned act_bits; /* 8 or 16; 0: 8 */
    uint64_t reserved[4];
} nap_lut_layers;
NAP_API nap_status nap_lutcore_layers(const nap_model *m, const nap_lut_layers *l, char **csv,
                                      nap_error *e);

/* Assembly text to a program file, back, and the check of either (by design; NULL: default). */
NAP_API nap_status nap_lutcore_asm(const char *text_path, const char *program_path, nap_error *e);
NAP_API nap_status nap_lutcore_disasm(const char *program_path, char **text, nap_error *e);
NAP_API nap_status nap_lutcore_check(const char *path, const char *config, nap_error *e);

/* Compiles one linear layer of a model for `rows` activation rows (real ones: the layer's input
 * at the first tokens of a built-in text); writes the program, its assembly, memory image, inputs
 * and expected outputs into dir; runs it on a target and compares with the CPU engine's reference
 * kernel, bit for bit. *json reports both. */
typedef struct nap_lut_layer {
    const char *tensor; /* "blk.0.attn_q.weight" */
    const char *config;
    const char *dir; /* NULL: nothing written */
    size_t rows;     /* 0: one */
    size_t columns;  /* 0: all outputs; else the first so many (RTL is slow) */
    nap_lut_target target;
    uint64_t reserved[4];
} nap_lut_layer;
NAP_API nap_status nap_lutcore_layer(const nap_model *m, const nap_lut_layer *l, char **json,
                                     nap_error *e);

/* Design-space search (docs/lutcore-study.md): synthesizes the designs of a study and writes
 * study.csv into a folder, replacing the lines of that study and library and keeping the others. */
typedef struct nap_lut_dse {
    const char *study;    /* "k", "mnk", "ladder", "depth" ... or "all" */
    const char *liberty;  /* NULL: the default library */
    const char *operands; /* folders of recorded operands, separated by commas; or NULL */
    const char *dir;
    nap_progress_fn progress;
    void *user;
    uint64_t reserved[4];
} nap_lut_dse;
NAP_API nap_status nap_lutcore_dse(const nap_lut_dse *d, nap_error *e);

/* All figures and tables, offline, from the results and machines that come with Napier: CSV, SVG,
 * PNG and one HTML page into dir. */
typedef struct nap_lut_figures {
    const char *data;    /* folder of the results, NULL: those that come with Napier */
    const char *configs; /* folder of the machines, NULL likewise */
    const char *dir;
    nap_progress_fn progress;
    void *user;
    uint64_t reserved[4];
} nap_lut_figures;
NAP_API nap_status nap_lutcore_figures(const nap_lut_figures *f, nap_error *e);

#ifdef __cplusplus
}
#endif
#endif
