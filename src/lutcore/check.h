/* What the two halves of nap_program_check() share: check.c judges each instruction by itself and
 * the program's shape, check_walk.c walks it in the order of execution. */
#ifndef NAP_LUTCORE_CHECK_H
#define NAP_LUTCORE_CHECK_H

#include "lutcore/interp.h"
#include "lutcore/isa_table.h"

typedef struct nap_lcheck {
    const nap_program *p;
    const nap_core *core;
    const char *name;
    uint64_t memory;         /* bytes, 0: unknown */
    const nap_linst *inst;   /* [p->count], decoded */
    const uint32_t *partner; /* of a loop its end, of an end its loop */
    nap_error *e;
} nap_lcheck;

/* "NAME:LINE: 'INSTRUCTION': ..." (or "NAME: instruction INDEX: ..."): NAP_ERR_FORMAT. */
nap_status nap_lcheck_fail(const nap_lcheck *k, size_t index, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with a code of one's own. */
nap_status nap_lcheck_fail_as(const nap_lcheck *k, nap_status code, size_t index, const char *what);
/* "line 12" or "instruction 12" */
void nap_lcheck_place(const nap_lcheck *k, size_t index, char out[40]);

/* Registers that an instruction reads and writes, one bit each. */
typedef struct nap_laccess {
    uint64_t read[NAP_LFILE_COUNT], write[NAP_LFILE_COUNT];
} nap_laccess;
void nap_linst_access(const nap_linst *i, nap_laccess *out);

nap_status nap_lcheck_walk(const nap_lcheck *k);

#endif
