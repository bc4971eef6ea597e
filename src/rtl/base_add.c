/* Bit-serial addition (Judd et al., "Stripes", MICRO 2016): in every plane the activations that the
 * weights' bits select are added, compressed into one carry-propagating addition.
 *
 * The last of several planes counts negative: the sum is complemented and the adder to the
 * accumulator takes the missing one. A plane alone has weights -1 and 1:
 *     sum of (2 q - 1) a = 2 * sum of q a - S,  S = the sum of the row's activations,
 * so a row's unit sums S once for all columns and the elements add ceil(-S / 2) to the selected
 * sum: 2 * (selected + ceil(-S / 2)) - (S odd). That is one number more for an element to add, less
 * than an XOR for each bit of each activation. */
#include "rtl/base.h"

#include <stdio.h>

/* <name>_row: row_o = {floor(-S / 2), carry}. In a plane alone the carry is S's low bit, -S being
 * 2 * floor(-S / 2) + (S odd); in others the number is 0 and the carry completes the complement. */
static void put_row_unit(nap_base *b)
{
    const nap_core *const c = b->c;
    nap_buf *const out = &b->r->text;
    const unsigned bits = b->act + nap_v_log2(c->depth) + 1; /* of -S */
    nap_heap *const h = nap_heap_new(bits);
    nap_buf_printf(out,
                   "\n"
                   "// Minus the sum of a row's activations, for weights of -1 and 1.\n"
                   "module %s_row (\n"
                   "  input  [%u:0] x_i,\n"
                   "%s"
                   "  output [%u:0] row_o\n"
                   ");\n"
                   "  wire [%u:0] inverted = ~x_i;\n",
                   c->name, b->x_row - 1,
                   b->row_single ? "  input  negate_i,\n  input  single_i,\n" : "", b->row - 1,
                   b->x_row - 1);
    for (unsigned d = 0; d < c->depth; d++) nap_heap_signed(h, "inverted", d * b->act, b->act, 0);
    nap_heap_constant(h, 0, c->depth);
    nap_heap_emit(h, "h", out);
    if (b->row_single)
        nap_buf_printf(out,
                       "\n"
                       "  assign row_o = {h_sum[%u:1] & {%u{single_i}}, single_i ? h_sum[0] : "
                       "negate_i};\n"
                       "endmodule\n",
                       bits - 1, bits - 1);
    else
        nap_buf_puts(out, "\n  assign row_o = h_sum;\nendmodule\n");
}

static void put_element(nap_base *b)
{
    const nap_core *const c = b->c;
    nap_buf *const out = &b->r->text;
    const unsigned act = b->act, bits = act + nap_v_log2(c->depth), half = b->row - 1;
    nap_heap *const h = nap_heap_new(bits);
    nap_buf_printf(out,
                   "\n"
                   "// Selected activations of one output, summed.\n"
                   "module %s_pe (\n"
                   "  input  [%u:0] x_i,\n"
                   "  input  [%u:0] row_i,\n"
                   "  input  [%u:0] col_i,\n"
                   "%s"
                   "  output [%u:0] term_o\n"
                   ");\n",
                   c->name, b->x_row - 1, b->row - 1, c->depth - 1,
                   b->pe_negate ? "  input  negate_i,\n" : "", b->term - 1);
    for (unsigned d = 0; d < c->depth; d++) {
        nap_buf_printf(out, "  wire [%u:0] a%u = {%u{col_i[%u]}} & x_i[%u:%u];\n", act - 1, d, act,
                       d, (d + 1) * act - 1, d * act);
        char name[16];
        (void)snprintf(name, sizeof name, "a%u", d);
        nap_heap_signed(h, name, 0, act, 0);
    }
    nap_heap_signed(h, "row_i", 1, half, 0);
    nap_heap_emit(h, "h", out);
    if (b->pe_negate)
        nap_buf_printf(out, "\n  assign term_o = {h_sum ^ {%u{negate_i}}, row_i[0]};\n", bits);
    else
        nap_buf_puts(out, "\n  assign term_o = {h_sum, row_i[0]};\n");
    nap_buf_puts(out, "endmodule\n");
}

/* ------------------------------------------------------------------ weights of -1 and 1 only */

/* Where few columns share a row's sum it does not pay: elements complement the activations that
 * count negative, and a column's unit counts the missing ones for all rows. */
enum { FEW_COLUMNS = 8 };

/* <name>_col: col_o = {number of negative weights, weights}. */
static void put_count_unit(nap_base *b)
{
    const unsigned depth = b->c->depth;
    nap_buf *const out = &b->r->text;
    nap_heap *const h = nap_heap_new(b->col - depth);
    nap_buf_printf(out,
                   "\n"
                   "// A column's weights and how many of them are negative.\n"
                   "module %s_col (\n"
                   "  input  [%u:0] w_i,\n"
                   "  output [%u:0] col_o\n"
                   ");\n",
                   b->c->name, depth - 1, b->col - 1);
    for (unsigned d = 0; d < depth; d++) nap_heap_bit(h, 0, 0, "~w_i[%u]", d);
    nap_heap_emit(h, "h", out);
    nap_buf_puts(out, "\n  assign col_o = {h_sum, w_i};\nendmodule\n");
}

static void put_signed_element(nap_base *b)
{
    const unsigned act = b->act, depth = b->c->depth;
    nap_buf *const out = &b->r->text;
    nap_heap *const h = nap_heap_new(b->term);
    nap_buf_printf(out,
                   "\n"
                   "// Activations of one output with their signs, summed.\n"
                   "module %s_pe (\n"
                   "  input  [%u:0] x_i,\n"
                   "  input  [%u:0] col_i,\n"
                   "  output [%u:0] term_o\n"
                   ");\n",
                   b->c->name, b->x_row - 1, b->col - 1, b->term - 1);
    for (unsigned d = 0; d < depth; d++) {
        char name[16];
        (void)snprintf(name, sizeof name, "a%u", d);
        nap_buf_printf(out, "  wire [%u:0] a%u = x_i[%u:%u] ^ {%u{~col_i[%u]}};\n", act - 1, d,
                       (d + 1) * act - 1, d * act, act, d);
        nap_heap_signed(h, name, 0, act, 0);
    }
    nap_heap_unsigned(h, "col_i", depth, b->col - depth, 0);
    nap_heap_emit(h, "h", out);
    nap_buf_puts(out, "\n  assign term_o = h_sum;\nendmodule\n");
}

static void add_signed(nap_base *b)
{
    const unsigned depth = b->c->depth;
    b->pe_x = true;
    b->col = depth + nap_v_log2(depth + 1);
    b->col_part = NAP_PART_PE;
    b->term = b->act + nap_v_log2(depth) + 1;
    put_count_unit(b);
    put_signed_element(b);
    nap_base_add_module(b);
}

void nap_base_add_int(nap_base *b)
{
    const unsigned bits = b->act + nap_v_log2(b->c->depth);
    const bool serial = b->planes > 1;
    if (!serial && b->c->n < FEW_COLUMNS) {
        add_signed(b);
        return;
    }
    b->pe_x = true;
    b->row = bits + 1;
    b->row_negate = b->row_single = b->pe_negate = serial;
    b->carries = b->fills = b->adds_plane = serial;
    b->term = bits + 1;
    if (serial) {
        b->col = b->w_col / b->planes;
        nap_base_pick_module(b);
    }
    put_row_unit(b);
    put_element(b);
    nap_base_add_module(b);
}
