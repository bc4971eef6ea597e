/* The parts of the core's emitter (core*.c): geometry of a design, text templates, and the modules
 * that nap_rtl_core() puts together. Semantics and time: lutcore/isa.h; images: lutcore/array.h. */
#ifndef NAP_RTL_CORE_H
#define NAP_RTL_CORE_H

#include "lutcore/isa.h"
#include "rtl/rtl.h"

/* Register files, in the order of the encoding's load kinds. */
typedef enum nap_rfile { NAP_RF_A, NAP_RF_T, NAP_RF_W, NAP_RF_C, NAP_RF_S, NAP_RF_COUNT } nap_rfile;

typedef struct nap_coregeo {
    const nap_core *core;
    bool lut;                     /* MMA reads t registers; otherwise a registers */
    bool sums;                    /* integer activations: row sums exist */
    unsigned regs[NAP_RF_COUNT];  /* registers of each file */
    unsigned index[NAP_RF_COUNT]; /* bits of their number, at least 1 */
    unsigned bits[NAP_RF_COUNT];  /* of one register: W for all planes, C in accumulator bits */
    unsigned image[NAP_RF_COUNT]; /* bits of its memory image before padding (C: 32 a value) */
    unsigned beats[NAP_RF_COUNT]; /* of its memory image; W for all planes */
    unsigned max_beats, beat_bits;
    unsigned bus;     /* bits a beat */
    unsigned planes;  /* of the widest weight */
    bool planes_vary; /* an instruction says how many */
    bool sto;
    unsigned tables, groups, group_bits; /* PRE: tables of a fragment, cycles, counter bits */
    unsigned entries, entry_bits;
    unsigned time_bits; /* of MEM's counter */
} nap_coregeo;
void nap_core_geometry(const nap_core *c, nap_coregeo *g);
/* Bits of a register that one beat of memory carries; for C a beat holds bus / 32 values, of which
 * the register keeps the accumulator's bits. */
unsigned nap_core_lane(const nap_coregeo *g, nap_rfile f);
unsigned nap_bits_for(unsigned values); /* bits that count 0..values-1, at least 1 */

/* Variables of the templates (verilog.h), the latest value of a key counting. */
typedef struct nap_tvar {
    char key[16];
    char value[80];
} nap_tvar;
typedef struct nap_tvars {
    nap_tvar v[48];
    unsigned count;
} nap_tvars;
void nap_tvar_text(nap_tvars *t, const char *key, const char *value);
void nap_tvar_uint(nap_tvars *t, const char *key, unsigned value);
void nap_tvar_sized(nap_tvars *t, const char *key, unsigned bits, unsigned value); /* 5'd3 */
void nap_expand(nap_buf *b, const char *text, const nap_tvars *t);
/* Every geometry value that the templates use. */
void nap_tvars_core(nap_tvars *t, const nap_coregeo *g);

void nap_core_decode(const nap_coregeo *g, const nap_tvars *t, nap_rtl *out);
void nap_core_sequencer(const nap_coregeo *g, const nap_tvars *t, nap_rtl *out);
void nap_core_mem(const nap_coregeo *g, const nap_tvars *t, nap_rtl *out);
void nap_core_files(const nap_coregeo *g, const nap_tvars *t, nap_rtl *out);
void nap_core_pre_control(const nap_coregeo *g, const nap_tvars *t, nap_rtl *out);
void nap_core_sums(const nap_coregeo *g, const nap_tvars *t, nap_rtl *out);
void nap_core_mma_control(const nap_coregeo *g, const nap_tvars *t, nap_rtl *out);

#endif
