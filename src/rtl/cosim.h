/* Co-simulation: the emitted Verilog beside the arithmetic of lutcore, bit for bit.
 *
 * Operands are random with many corners (cosim_operands.c). Verilator simulators are built once per
 * text and version and kept in the cache folder; Icarus Verilog runs the self-checking test bench
 * that nap_rtl_write() makes. A missing tool is NAP_ERR_NOT_FOUND. */
#ifndef NAP_RTL_COSIM_H
#define NAP_RTL_COSIM_H

#include "base/rng.h"
#include "rtl/run.h"

typedef struct nap_cosim_report {
    uint64_t tiles;    /* compared: steps of an array, cases of a module */
    uint64_t failures; /* that differ, or whose timing does */
    char first[400];   /* the first of them, in words */
} nap_cosim_report;

/* The array of a design: `tiles` steps, a tile being the operands of one step. Steps follow each
 * other back to back or with gaps, with and without new tables, weights and accumulators, at every
 * number of planes; ready_o and done_o are checked in every cycle. NAP_OK if it ran: look at
 * report->failures. */
nap_status nap_cosim_array(const nap_core *c, uint64_t tiles, uint64_t seed, nap_rtl_sim sim,
                           nap_cosim_report *report, nap_error *e);
/* The same for a given text, e.g. one with a fault put in; its top module has the array's ports. */
nap_status nap_cosim_array_text(const nap_core *c, const nap_rtl *r, uint64_t tiles, uint64_t seed,
                                nap_cosim_report *report, nap_error *e);
/* The precompute unit: a tile is one A fragment, all its groups. */
nap_status nap_cosim_precompute(const nap_core *c, uint64_t tiles, uint64_t seed,
                                nap_cosim_report *report, nap_error *e);

/* A combinational module of the text: ports in bits, images as array.h packs fields, each port
 * from a byte boundary. `make` fills the inputs and the expected outputs of case `index`. */
typedef struct nap_cosim_port {
    const char *name;
    unsigned bits;
} nap_cosim_port;
typedef struct nap_cosim_unit {
    const nap_rtl *rtl;
    const char *module;
    const nap_cosim_port *in, *out;
    size_t ins, outs;
    void (*make)(void *user, uint64_t index, uint8_t *in, uint8_t *out);
    void *user;
} nap_cosim_unit;
nap_status nap_cosim_module(const nap_cosim_unit *u, uint64_t cases, nap_cosim_report *report,
                            nap_error *e);

/* verilator --lint-only -Wall, one file per module, without any waiver. NAP_ERR_FORMAT with the
 * first warning. */
nap_status nap_rtl_lint(const nap_rtl *r, nap_error *e);

/* ---- Shared by the harness's files. */

/* Random operands of one step with many corners: fragment images, unpadded fields. */
void nap_operands_x(const nap_core *c, nap_rng *r, uint8_t *image);
void nap_operands_w(const nap_core *c, nap_rng *r, uint8_t *image);
void nap_operands_c(const nap_core *c, nap_rng *r, uint32_t *acc);
void nap_operands_a(const nap_core *c, nap_rng *r, uint8_t *image);
/* One number of a format, often a corner. */
uint32_t nap_operand_fp(unsigned exp, unsigned man, unsigned mood, nap_rng *r);

/* Where W's planes of a step may be fewer than the design's: the most, else 1. */
unsigned nap_cosim_planes(const nap_core *c);
/* wbits of nap_array_step() for a step of so many planes. */
unsigned nap_cosim_wbits(const nap_core *c, unsigned planes);

/* A stream of steps. A record is four bytes (what is loaded, planes, idle cycles before, 0), then
 * the x, w and c ports' images, each from a byte boundary; where a port is not loaded, its image is
 * other data. `expected` holds C's port image after each step. */
enum { NAP_STREAM_HEAD = 4, NAP_STREAM_X = 1, NAP_STREAM_W = 2, NAP_STREAM_C = 4 };
typedef struct nap_stream {
    const nap_core *c;
    nap_rng rng;
    size_t x_bytes, w_bytes, c_bytes; /* of the ports */
    uint8_t *x, *w, *now_x, *now_w;   /* fragment images: of this record, as loaded */
    uint8_t *image;                   /* C as the port carries it */
    uint32_t *acc, *fresh;
    nap_buf records, expected;
    uint64_t steps;
} nap_stream;
nap_status nap_stream_open(nap_stream *s, const nap_core *c, uint64_t seed, nap_error *e);
void nap_stream_free(nap_stream *s);
/* Appends one step; the first one after `steps` was set to 0 loads everything. */
void nap_stream_step(nap_stream *s);

/* nap_cosim_array() on Icarus Verilog (cosim_icarus.c). */
nap_status nap_cosim_icarus(const nap_core *c, uint64_t tiles, uint64_t seed,
                            nap_cosim_report *report, nap_error *e);

/* Builds (or finds) the simulator of module `top` with the C++ program `main_text`, which includes
 * "Vdut.h". *tool is its path; nap_free(). */
nap_status nap_cosim_build(const nap_rtl *r, const char *top, const nap_buf *main_text, char **tool,
                           nap_error *e);
/* A new folder below the cache for one job; remove it with nap_cosim_forget(). */
nap_status nap_cosim_folder(char **folder, nap_error *e);
void nap_cosim_forget(char *folder);
/* The array's half of nap_rtl_write(). */
nap_status nap_rtl_write_array(const nap_core *c, const char *dir, unsigned tiles, uint64_t seed,
                               nap_error *e);
/* The modules of a text as files <module>.v of `dir`; their names, one a line, to `list`. */
nap_status nap_rtl_write_modules(const nap_rtl *r, const char *dir, nap_buf *list, nap_error *e);

#endif
