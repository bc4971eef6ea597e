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

static void put_table_head(nap_base *b, unsigned entries, unsigned bits)
{
    nap_buf_printf(&b->r->text,
                   "\n"
                   "// One table: %u sums of %u activations.\n"
                   "module %s_row (\n"
                   "  input  [%u:0] x_i,\n"
                   "%s"
                   "  output [%u:0] row_o\n"
                   ");\n",
                   entries, b->c->k, b->c->name, b->c->k * b->act - 1,
                   b->row_single ? "  input  single_i,\n" : "", entries * bits - 1);
}

/* ------------------------------------------------------------------ floating point */

/* Sums with a plus before the highest element, binary16. */
static void put_half_float(nap_base *b, set s, const char *adder)
{
    if (s.n == 1) return;
    const set hi = upper(s), lo = lower(s);
    const unsigned most = (1u << lo.n) - 1;
    put_half_float(b, hi, adder); /* at most three levels */
    put_half_float(b, lo, adder);
    for (unsigned j = 1u << (s.n - 1); j < 1u << s.n; j++) {
        const unsigned jl = j & most, up = lo.at, n = lo.n;
        const bool plus = jl >> (n - 1) != 0;
        char name[40], other[96];
        (void)snprintf(name, sizeof name, "%u_%u_%u", s.at, s.n, j);
        if (plus)
            (void)snprintf(other, sizeof other, "v%u_%u_%u", up, n, jl);
        else
            (void)snprintf(other, sizeof other, "{~v%u_%u_%u[15], v%u_%u_%u[14:0]}", up, n,
                           most - jl, up, n, most - jl);
        nap_buf_printf(&b->r->text,
                       "  wire [15:0] v%s;\n"
                       "  %s u_add%s (.a_i(v%u_%u_%u), .b_i(%s), .y_o(v%s));\n",
                       name, adder, name, hi.at, hi.n, j >> lo.n, other, name);
    }
}

/* A full table's other half: the sign flipped. Only a sum of zero has its sign from the terms: the
 * same additions give -0 where every term is -0, else +0. */
static void put_negative_float(nap_base *b, unsigned j)
{
    nap_buf *const out = &b->r->text;
    const unsigned k = b->c->k, full = (1u << k) - 1;
    nap_buf_printf(out, "  wire all%u = ", j);
    for (unsigned i = 0; i < k; i++)
        nap_buf_printf(out, "%sv%u_1_1[15]%s", j >> i & 1 ? "" : "~", i, i + 1 < k ? " & " : ";\n");
    nap_buf_printf(out,
                   "  assign row_o[%u:%u] = {(|v0_%u_%u[14:0]) ? ~v0_%u_%u[15] : all%u, "
                   "v0_%u_%u[14:0]};\n",
                   16 * j + 15, 16 * j, k, full - j, k, full - j, j, k, full - j);
}

static void put_table_float(nap_base *b, unsigned entries)
{
    static const nap_rtl_fp half = {5, 10, false};
    const unsigned k = b->c->k, full = (1u << k) - 1;
    const bool widens = b->c->act != NAP_ACT_F16;
    char adder[96], widen[96] = "";
    nap_buf *const out = &b->r->text;
    nap_rtl_fp_add(b->r, half, adder);
    if (widens) {
        const nap_rtl_fp from =
            b->c->act == NAP_ACT_E4M3 ? (nap_rtl_fp){4, 3, true} : (nap_rtl_fp){5, 2, false};
        nap_rtl_fp_widen(b->r, from, half, widen);
    }
    put_table_head(b, entries, 16);
    for (unsigned i = 0; i < k; i++) {
        nap_buf_printf(out, "  wire [15:0] v%u_1_1;\n", i);
        const unsigned high = (i + 1) * b->act - 1, low = i * b->act;
        if (widens)
            nap_buf_printf(out, "  %s u_widen%u (.a_i(x_i[%u:%u]), .y_o(v%u_1_1));\n", widen, i,
                           high, low, i);
        else
            nap_buf_printf(out, "  assign v%u_1_1 = x_i[%u:%u];\n", i, high, low);
    }
    put_half_float(b, (set){0, k}, adder);
    for (unsigned j = 0; j < entries; j++)
        if (entries > full && j <= full / 2)
            put_negative_float(b, j);
        else
            nap_buf_printf(out, "  assign row_o[%u:%u] = v0_%u_%u;\n", 16 * j + 15, 16 * j, k,
                           entries > full ? j : j | entries);
    nap_buf_puts(out, "endmodule\n");
}

void nap_base_table(nap_base *b)
{
    const unsigned entries = nap_core_entries(b->c), bits = nap_core_entry_bits(b->c);
    const set all = {0, b->c->k};
    if (nap_act_is_float(b->c->act)) {
        put_table_float(b, entries);
        return;
    }
    put_table_head(b, entries, bits);
    if (b->row_single && b->c->k > 1)
        put_serial(b, all);
    else
        put_half(b, all);
    put_entries(b, entries, bits);
    nap_buf_puts(&b->r->text, "endmodule\n");
}
