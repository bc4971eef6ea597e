/* The grids of the baselines (base_*.c): what they share.
 *
 * A grid is columns (units that prepare a column's weights once for all rows), rows (units that
 * prepare a row's activations once for all columns), an element for every (row, column) that makes
 * the step's term, and the adder to the accumulator. Each kind is a module of its own. */
#ifndef NAP_RTL_BASE_H
#define NAP_RTL_BASE_H

#include "rtl/rtl.h"
#include "rtl/verilog.h"

/* ---- Column compression: bits of equal weight are added by full adders, three at a time, the
 * earliest first, until two rows are left for one carry-propagating adder (Wallace 1964, Dadda
 * 1965). Exact modulo 2^width. Calls with a NULL heap do nothing. */
typedef struct nap_heap nap_heap;
enum { NAP_HEAP_MAX = 160 };
nap_heap *nap_heap_new(unsigned width); /* width <= NAP_HEAP_MAX; NULL: no memory */
/* Adds one bit of weight 2^column: `fmt` is the Verilog expression, of one bit. Columns at or
 * above the width are dropped. `delay`: when it arrives, in gates. */
void nap_heap_bit(nap_heap *h, unsigned column, unsigned delay, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Adds value * 2^column, modulo 2^width. */
void nap_heap_constant(nap_heap *h, unsigned column, int64_t value);
/* Adds bits [at, at + bits) of a Verilog vector from `column` on: unsigned, or two's complement. */
void nap_heap_unsigned(nap_heap *h, const char *vector, unsigned at, unsigned bits,
                       unsigned column);
void nap_heap_signed(nap_heap *h, const char *vector, unsigned at, unsigned bits, unsigned column);
/* Writes wires (names start with `prefix`) and "wire [width-1:0] <prefix>_sum = ...;", and frees
 * the heap. False when memory ran out. */
bool nap_heap_emit(nap_heap *h, const char *prefix, nap_buf *out);

/* ---- A grid in the making. Ports of its modules, those in brackets where the record says so:
 *   <name>_plan  plane_i, last_i -> negate_o, single_o; fill_o, shift_o for the adders
 *   <name>_row   x_i [plane_i] [negate_i] [single_i] -> row_o
 *   <name>_scale t_i [plane_i] -> t_o: what <name>_row makes, times 2^plane (lut_pe.c)
 *   <name>_col   w_i [plane_i] [negate_i, single_i] -> col_o
 *   <name>_pe    [x_i] [row_i] col_i [negate_i] [c_i] -> term_o, or c_o with c_i
 *   <name>_add   c_i, term_i [plane_i] [fill_i] -> c_o
 * A term with a carry stands for term_o[..:1] + term_o[0], shifted by the plane with fill_i, or
 * with the carry where there is no fill_i, in the vacated places: (~t << p | 2^p - 1) + 1 is
 * -(t << p). */
typedef struct nap_base {
    const nap_core *c;
    nap_rtl *r;
    unsigned act;    /* bits of an activation */
    unsigned planes; /* of the widest weight; 1 for MAC and MAC_NATIVE */
    unsigned shift;  /* bits of a plane's number, 0 for one plane */
    unsigned acc;    /* bits of an accumulator */
    unsigned group;  /* bits of W that lie together for one column */
    unsigned x_row;  /* bits of a row's activations */
    unsigned w_col;  /* bits of a column's weights, all planes */
    bool staged;     /* pipeline 2 */
    /* Set by the family. */
    unsigned row;       /* bits of all outputs of the row's units; 0: there are none */
    unsigned row_units; /* of one row, each with its share of activations and outputs */
    nap_part row_part;
    unsigned col;  /* bits of the column unit's output; 0: there is none, w goes to the elements */
    unsigned term; /* bits of an element's term; 0: the element adds to the accumulator itself */
    nap_part col_part;
    unsigned
        unscaled; /* bits of what the row's units make, before <name>_scale; 0: there is none */
    bool row_plane, row_negate, row_single, col_control;
    bool pe_x, pe_negate, carries, fills, adds_plane;
    bool cut_operands; /* pipeline 2 registers x and w, not the terms */
} nap_base;

/* Families: set the sizes above and emit <name>_row, <name>_col, <name>_pe and <name>_add as
 * needed, and count what is not a row, a column, an element or an adder. */
void nap_base_mac_int(nap_base *b);
void nap_base_add_int(nap_base *b);
void nap_base_look_up_int(nap_base *b);
void nap_base_mac_float(nap_base *b);
void nap_base_add_float(nap_base *b);
void nap_base_look_up_float(nap_base *b);
void nap_base_table(nap_base *b); /* <name>_row: one table */

/* Shared emitters. */
void nap_base_unit(nap_base *b, const char *unit, nap_part part, uint64_t count);
void nap_base_add_module(nap_base *b);              /* <name>_add of integers */
void nap_base_put_pick(nap_base *b, unsigned bits); /* "wire [..] plane" of w_i and plane_i */
/* <name>_col that picks the plane's bits of a column: w_i, plane_i -> col_o. */
void nap_base_pick_module(nap_base *b);

#endif
