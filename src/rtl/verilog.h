/* Helpers for Verilog text. A module is written as a template that reads like the Verilog it
 * becomes: "@name@" stands for a variable, everything else is copied. Parameters of a design are
 * resolved here, so the emitted modules have none. */
#ifndef NAP_RTL_VERILOG_H
#define NAP_RTL_VERILOG_H

#include "rtl/rtl.h"

/* One variable: `text`, or `number` where that is NULL. Lists end with an entry without a name. */
typedef struct nap_vvar {
    const char *name;
    const char *text;
    unsigned number;
} nap_vvar;

/* Appends the template. A name without a variable is a fault of the emitter: the buffer fails. */
bool nap_v_put(nap_buf *b, const char *text, const nap_vvar *vars);

/* The comment above a design's first module: what it is, from its record. */
bool nap_v_header(nap_rtl *r, const nap_core *c);

/* Bits that count 0 .. values-1 (0 for one value), and the same but at least 1, for ports. */
unsigned nap_v_log2(unsigned values);
unsigned nap_v_bits(unsigned values);

/* An emitter's end: ports in columns, long lines broken. NAP_ERR_MEMORY if the text failed. */
nap_status nap_v_done(nap_rtl *r, nap_error *e);

#endif
