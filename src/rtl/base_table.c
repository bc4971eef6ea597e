/* Tables made inside the array: one generator per row and table.
 *
 * A sum over a set of elements is made of the sums over its upper and lower half (array.h fixes the
 * split), so that 2^(k-1) entries of +-1 take 2^(k-1) adders at the top and few below. Only sums
 * with a plus before their highest element are made; a full table's other half are their negatives.
 * UNPU's subset sums in plain two's complement planes, +-1 in a plane alone: there the sum with no
 * element selected is 0 or minus the one with all. */
#include "rtl/base.h"

#include <stdio.h>

/* A set of elements [at, at + n), its sums named v<at>_<n>_<j>, bit i of j for element at + i. */
typedef struct set {
    unsigned at, n;
} set;

static set upper(set s)
{
    return (set){s.at + s.n / 2, s.n - s.n / 2};
}

static set lower(set s)
{
    return (set){s.at, s.n / 2};
}

static unsigned set_bits(const nap_base *b, set s)
{
    return b->act + nap_v_log2(s.n) + (b->row_single && s.n > 1);
}

/* An operand, sign-extended to `bits`. */
static void put_extended(nap_base *b, set s, unsigned j, unsigned bits, const char *mark)
{
    const unsigned own = set_bits(b, s);
    char name[32];
    (void)snprintf(name, sizeof name, "v%u_%u_%u", s.at, s.n, j);
    if (own < bits)
        nap_buf_printf(&b->r->text, "{{%u{%s%s[%u]}}, %s%s}", bits - own, mark, name, own - 1, mark,
                       name);
    else
        nap_buf_printf(&b->r->text, "%s%s", mark, name);
}

/* Sums with a plus before the highest element. */
static void put_half(nap_base *b, set s)
{
    nap_buf *const out = &b->r->text;
    if (s.n == 1) {
        nap_buf_printf(out, "  wire [%u:0] v%u_1_1 = x_i[%u:%u];\n", b->act - 1, s.at,
                       (s.at + 1) * b->act - 1, s.at * b->act);
        return;
    }
    const set hi = upper(s), lo = lower(s);
    const unsigned bits = set_bits(b, s), most = (1u << lo.n) - 1;
    put_half(b, hi); /* at most three levels: k is at most 8 */
    put_half(b, lo);
    for (unsigned j = 1u << (s.n - 1); j < 1u << s.n; j++) {
        const unsigned jl = j & most;
        const bool plus = jl >> (lo.n - 1) != 0;
        nap_buf_printf(out, "  wire [%u:0] v%u_%u_%u = ", bits - 1, s.at, s.n, j);
        put_extended(b, hi, j >> lo.n, bits, "");
        nap_buf_puts(out, plus ? " + " : " - ");
        put_extended(b, lo, plus ? jl : most - jl, bits, "");
        nap_buf_puts(out, ";\n");
    }
}

/* All sums: an element counts x where its bit is 1, and -x (single_i) or 0 where it is 0. Of one
 * element that is ~x + 1, the 1 apart: it enters the adder above as its carry. */
static void put_serial(nap_base *b, set s)
{
    nap_buf *const out = &b->r->text;
    const unsigned bits = set_bits(b, s), full = (1u << s.n) - 1;
    if (s.n == 1) {
        nap_buf_printf(out,
                       "  wire [%u:0] v%u_1_1 = x_i[%u:%u];\n"
                       "  wire [%u:0] v%u_1_0 = ~v%u_1_1 & {%u{single_i}};\n",
                       bits - 1, s.at, (s.at + 1) * b->act - 1, s.at * b->act, bits - 1, s.at, s.at,
                       bits);
        return;
    }
    const set hi = upper(s), lo = lower(s);
    put_serial(b, hi);
    put_serial(b, lo);
    for (unsigned j = full; j > 0; j--) {
        const unsigned jh = j >> lo.n, jl = j & ((1u << lo.n) - 1);
        const bool one = (hi.n == 1 && jh == 0) || (lo.n == 1 && jl == 0);
        nap_buf_printf(out, "  wire [%u:0] v%u_%u_%u = ", bits - 1, s.at, s.n, j);
        put_extended(b, hi, jh, bits, "");
        nap_buf_puts(out, " + ");
        put_extended(b, lo, jl, bits, "");
        if (one) nap_buf_printf(out, " + {%u'd0, single_i}", bits - 1);
        nap_buf_puts(out, ";\n");
    }
    nap_buf_printf(out,
                   "  wire [%u:0] v%u_%u_0 = (~v%u_%u_%u & {%u{single_i}}) + {%u'd0, single_i};\n",
                   bits - 1, s.at, s.n, s.at, s.n, full, bits, bits - 1);
}

static void put_entries(nap_base *b, unsigned entries, unsigned bits)
{
    nap_buf *const out = &b->r->text;
    const set all = {0, b->c->k};
    const unsigned full = (1u << b->c->k) - 1;
    const bool half = entries <= full;
    for (unsigned j = 0; j < entries; j++) {
        nap_buf_printf(out, "  assign row_o[%u:%u] = ", (j + 1) * bits - 1, j * bits);
        if (half) {
            put_extended(b, all, j | entries, bits, "");
        } else if (b->row_single && b->c->k == 1 && j == 0) {
            nap_buf_printf(out, "({%u{single_i}} & ", bits);
            put_extended(b, all, 1, bits, "~");
            nap_buf_printf(out, ") + {%u'd0, single_i}", bits - 1);
        } else if (b->row_single || j > full / 2) {
            put_extended(b, all, j, bits, "");
        } else {
            nap_buf_printf(out, "%u'd1 + ", bits);
            put_extended(b, all, full - j, bits, "~");
        }
        nap_buf_puts(out, ";\n");
    }
}

void nap_base_table_int(nap_base *b)
{
    const nap_core *const c = b->c;
    nap_buf *const out = &b->r->text;
    const unsigned entries = nap_core_entries(c), bits = nap_core_entry_bits(c);
    nap_buf_printf(out,
                   "\n"
                   "// One table: %u sums of %u activations.\n"
                   "module %s_row (\n"
                   "  input  [%u:0] x_i,\n"
                   "%s"
                   "  output [%u:0] row_o\n"
                   ");\n",
                   entries, c->k, c->name, c->k * b->act - 1,
                   b->row_single ? "  input  single_i,\n" : "", entries * bits - 1);
    if (b->row_single && c->k > 1)
        put_serial(b, (set){0, c->k});
    else
        put_half(b, (set){0, c->k});
    put_entries(b, entries, bits);
    nap_buf_puts(out, "endmodule\n");
}
