/* Multiply-accumulate arrays, integers: activation x weight of its own type, or x b-bit weight.
 *
 * Products are radix-4 Booth (Booth 1951, MacSorley 1961). The weight is recoded to digits
 * -2..2 once per column, for all rows; an element makes each digit's multiple by AND-OR and XOR and
 * compresses the multiples of all products at once: one carry-propagating addition per output, not
 * per product. -v is ~v + 1: the ones of all digits of a column are the same number in every row,
 * so the column's unit sums them and an element adds one small number. */
#include "rtl/base.h"

#include <stdio.h>

/* Sizes of a column's recoded weights. */
typedef struct booth {
    unsigned bits;   /* of a weight */
    unsigned digits; /* of a weight */
    unsigned ones;   /* bits of the sum of the ones of negative multiples */
} booth;

static booth booth_of(const nap_base *b, unsigned bits)
{
    booth t = {.bits = bits, .digits = (bits + 1) / 2};
    const uint64_t most = ((UINT64_C(1) << (2 * t.digits)) - 1) / 3 * b->c->depth;
    while (t.ones < b->acc && most >> t.ones != 0) t.ones++;
    return t;
}

/* Bit i of weight d as an expression: below the lowest 0, above the highest the sign. */
static void put_weight_bit(nap_buf *out, const booth *t, unsigned d, int i)
{
    if (i < 0)
        nap_buf_puts(out, "1'b0");
    else
        nap_buf_printf(out, "w_i[%u]",
                       d * t->bits + ((unsigned)i < t->bits ? (unsigned)i : t->bits - 1));
}

/* <name>_col: digit g of product d is col_o[3 * (d * digits + g) +: 3] = {negative, two, one};
 * above them the sum of the negative multiples' ones. */
static void put_column(nap_base *b, const booth *t)
{
    nap_buf *const out = &b->r->text;
    const unsigned digits = b->c->depth * t->digits;
    nap_heap *const h = nap_heap_new(t->ones);
    nap_buf_printf(out,
                   "\n"
                   "// A column's weights as Booth digits -2..2, and the ones that complete the\n"
                   "// negative ones' multiples.\n"
                   "module %s_col (\n"
                   "  input  [%u:0] w_i,\n"
                   "  output [%u:0] col_o\n"
                   ");\n"
                   "  wire [%u:0] one, two, neg;\n",
                   b->c->name, b->w_col - 1, b->col - 1, digits - 1);
    for (unsigned i = 0; i < digits; i++) {
        const unsigned d = i / t->digits, g = i % t->digits;
        nap_buf_printf(out, "  wire [2:0] d%u = {", i);
        for (int at = 1; at >= -1; at--) {
            put_weight_bit(out, t, d, (int)(2 * g) + at);
            nap_buf_puts(out, at >= 0 ? ", " : "};\n");
        }
        nap_buf_printf(out,
                       "  assign one[%u] = d%u[1] ^ d%u[0];\n"
                       "  assign two[%u] = (d%u == 3'b100) | (d%u == 3'b011);\n"
                       "  assign neg[%u] = d%u[2] & ~(d%u[1] & d%u[0]);\n"
                       "  assign col_o[%u:%u] = {neg[%u], two[%u], one[%u]};\n",
                       i, i, i, i, i, i, i, i, i, i, 3 * i + 2, 3 * i, i, i, i);
        nap_heap_bit(h, 2 * g, 0, "neg[%u]", i);
    }
    nap_heap_emit(h, "h", out);
    nap_buf_printf(out, "  assign col_o[%u:%u] = h_sum;\nendmodule\n", b->col - 1, 3 * digits);
}

/* <name>_pe: the sum of the products, with c_i where the design has one stage. */
static void put_element(nap_base *b, const booth *t)
{
    nap_buf *const out = &b->r->text;
    const unsigned act = b->act, width = b->term > 0 ? b->term : b->acc,
                   most = act + 1 < width ? act + 1 : width;
    nap_heap *const h = nap_heap_new(width);
    nap_buf_printf(out,
                   "\n"
                   "// Products of one output, summed%s.\n"
                   "module %s_pe (\n"
                   "  input  [%u:0] x_i,\n"
                   "  input  [%u:0] col_i,\n",
                   b->term > 0 ? "" : " onto its accumulator", b->c->name, b->x_row - 1,
                   b->col - 1);
    if (b->term > 0)
        nap_buf_printf(out, "  output [%u:0] term_o\n);\n", width - 1);
    else
        nap_buf_printf(out, "  input  [%u:0] c_i,\n  output [%u:0] c_o\n);\n", width - 1,
                       width - 1);
    for (unsigned d = 0; d < b->c->depth; d++) {
        /* Once and twice the activation, of act + 1 bits or as many as the sum has. */
        const unsigned low = d * act;
        if (most > act)
            nap_buf_printf(out, "  wire [%u:0] a%u = {x_i[%u], x_i[%u:%u]};\n", act, d,
                           low + act - 1, low + act - 1, low);
        else
            nap_buf_printf(out, "  wire [%u:0] a%u = x_i[%u:%u];\n", most - 1, d, low + most - 1,
                           low);
        nap_buf_printf(out, "  wire [%u:0] b%u = {x_i[%u:%u], 1'b0};\n", most - 1, d,
                       low + most - 2, low);
        for (unsigned g = 0; g < t->digits; g++) {
            /* Places at and above the sum's width are not made. */
            const unsigned at = 3 * (d * t->digits + g), room = width - 2 * g,
                           bits = act + 1 < room ? act + 1 : room;
            char name[24];
            (void)snprintf(name, sizeof name, "m%u_%u", d, g);
            nap_buf_printf(out,
                           "  wire [%u:0] %s = (({%u{col_i[%u]}} & a%u[%u:0]) | ({%u{col_i[%u]}} & "
                           "b%u[%u:0]))\n    ^ {%u{col_i[%u]}};\n",
                           bits - 1, name, bits, at, d, bits - 1, bits, at + 1, d, bits - 1, bits,
                           at + 2);
            if (bits < act + 1)
                nap_heap_unsigned(h, name, 0, bits, 2 * g);
            else
                nap_heap_signed(h, name, 0, bits, 2 * g);
        }
    }
    nap_heap_unsigned(h, "col_i", 3 * b->c->depth * t->digits, t->ones, 0);
    if (b->term == 0) nap_heap_unsigned(h, "c_i", 0, b->acc, 0);
    nap_heap_emit(h, "h", out);
    nap_buf_printf(out, "\n  assign %s = h_sum;\nendmodule\n", b->term > 0 ? "term_o" : "c_o");
}

void nap_base_mac_int(nap_base *b)
{
    const nap_core *const c = b->c;
    if (c->method == NAP_METHOD_MAC_NATIVE && c->wbits == 1) {
        nap_base_add_int(b); /* a weight of -1 or 1 chooses, it does not multiply */
        return;
    }
    const booth t = booth_of(b, c->method == NAP_METHOD_MAC ? b->act : c->wbits);
    const unsigned exact = b->act + t.bits + nap_v_log2(c->depth);
    b->pe_x = true;
    b->col_part = NAP_PART_PE;
    b->col = 3 * c->depth * t.digits + t.ones;
    b->term = !b->staged ? 0 : exact < b->acc ? exact : b->acc;
    put_column(b, &t);
    put_element(b, &t);
    if (b->term > 0) nap_base_add_module(b);
}
