/* The register files of a core and what its units do to them: the values of the interpreter,
 * without its clock. */
#ifndef NAP_LUTCORE_INTERP_REGS_H
#define NAP_LUTCORE_INTERP_REGS_H

#include "lutcore/array.h"
#include "lutcore/isa.h"

/* Fragments of one kind. Images are what the hardware holds; `plain` is the same, unpacked for the
 * fast path the first time it is used. */
typedef struct nap_regfile {
    uint8_t *image; /* count * bytes */
    size_t bytes;
    unsigned count;
    int32_t *plain; /* count * plain_count */
    size_t plain_count;
    uint8_t *fresh; /* is `plain` up to date? For w: planes it was unpacked for */
} nap_regfile;

typedef struct nap_regs {
    const nap_core *core;
    nap_regfile a, t, w;
    uint32_t *c; /* c_regs * m * n values (array.h, nap_array_step) */
    int32_t *s;  /* s_regs * m */
    bool fast;   /* integer steps by plain arithmetic */
} nap_regs;

nap_status nap_regs_init(nap_regs *r, const nap_core *c, bool fast, nap_error *e);
void nap_regs_free(nap_regs *r);

/* Planes of a weight type as instructions name it. */
unsigned nap_wt_planes(unsigned wt);

/* Loads and stores at `at`, which has room for the fragment. */
void nap_regs_load(nap_regs *r, const nap_linst *i, const uint8_t *at);
void nap_regs_store(const nap_regs *r, const nap_linst *i, uint8_t *at);
void nap_regs_zero(nap_regs *r, const nap_linst *i);
void nap_regs_pre(nap_regs *r, const nap_linst *i);
void nap_regs_lmma(nap_regs *r, const nap_linst *i);

#endif
