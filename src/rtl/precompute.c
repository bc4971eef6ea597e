/* The precompute unit: tables from activations (array.h, "Tables").
 *
 * A table's sums come from a tree that shares all partial sums. The sums of n elements with every
 * choice of signs, up to negation, are 2^(n-1): those of the higher half plus or minus those of the
 * lower half. For k = 4 that is 2 + 2 + 8 = 12 adders. The sum of all activations, which zero
 * points need, is the last entry.
 *
 * Floating point: negating a rounded sum equals summing the negated operands but for the sign of
 * zeros: x + -x is +0 either way. Every sum therefore carries the sign of its negation beside its
 * own, which costs a zero detector in place of a second adder. */
#include "rtl/arith.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

typedef struct generator {
    const nap_core *c;
    nap_rtl *r;
    bool is_float;
    unsigned act_bits, entries, entry_bits;
    char adder[96], widen[96], quantize[96];
    unsigned sums; /* adders so far */
} generator;

/* A value of the tree as text: wire v<i>, and with floating point the sign of its negation, n<i>.
 * All values have the entries' width. */
typedef struct node {
    unsigned wire;
} node;

/* v<out> = v<a> + v<b>, or v<a> - v<b>. */
static node put_sum(generator *g, node a, node b, bool minus)
{
    const node out = {g->c->k + g->sums++};
    nap_buf *t = &g->r->text;
    if (!g->is_float) {
        nap_buf_printf(t, "  wire [%u:0] v%u = v%u %c v%u;\n", g->entry_bits - 1, out.wire, a.wire,
                       minus ? '-' : '+', b.wire);
        return out;
    }
    const nap_vvar vars[] = {{"y", NULL, out.wire},
                             {"a", NULL, a.wire},
                             {"b", NULL, b.wire},
                             {"adder", g->adder, 0},
                             {0}};
    nap_v_put(t, "  wire [15:0] v@y@;\n", vars);
    nap_v_put(t,
              minus ? "  @adder@ u_add@y@ (.a_i(v@a@), .b_i({n@b@, v@b@[14:0]}), .y_o(v@y@));\n"
                      "  wire n@y@ = (|v@y@[14:0]) ? ~v@y@[15] : n@a@ & v@b@[15];\n"
                    : "  @adder@ u_add@y@ (.a_i(v@a@), .b_i(v@b@), .y_o(v@y@));\n"
                      "  wire n@y@ = (|v@y@[14:0]) ? ~v@y@[15] : n@a@ & n@b@;\n",
              vars);
    return out;
}

/* The sums of x[low .. low + n) with a plus before the last: out[j], bit i of j the sign (1: plus)
 * of element low + i. At most NAP_K_MAX elements: three levels. */
static void put_tree(generator *g, unsigned low, unsigned n, node *out)
{
    if (n == 1) {
        out[0].wire = low;
        return;
    }
    const unsigned lower = n / 2, upper = n - lower, half = 1u << (lower - 1);
    node hi[1 << (NAP_K_MAX - 1)], lo[1 << (NAP_K_MAX - 1)];
    put_tree(g, low + lower, upper, hi);
    put_tree(g, low, lower, lo);
    for (unsigned j = 0; j < 1u << (n - 1); j++) {
        const unsigned bits = j & ((1u << lower) - 1);
        const bool minus = (bits & half) == 0;
        /* The lower half with a minus before its last element is the negation of its complement. */
        const unsigned at = minus ? ~bits & (half - 1) : bits & (half - 1);
        out[j] = put_sum(g, hi[j >> lower], lo[at], minus);
    }
}

static void put_ternary(generator *g, node *out)
{
    const node x0 = {0}, x1 = {1}, x2 = {2};
    out[1] = x0;
    out[3] = x1;
    out[9] = x2;
    out[2] = put_sum(g, x1, x0, true);
    out[4] = put_sum(g, x1, x0, false);
    out[6] = put_sum(g, x2, x1, true);
    out[12] = put_sum(g, x2, x1, false);
    out[8] = put_sum(g, x2, x0, true);
    out[10] = put_sum(g, x2, x0, false);
    out[5] = put_sum(g, out[6], x0, true);
    out[7] = put_sum(g, out[6], x0, false);
    out[11] = put_sum(g, out[12], x0, true);
    out[13] = put_sum(g, out[12], x0, false);
}

static const char quantize_text[] =
    "\n"
    "// y = a * 2^-e, binary16 to int8: to nearest even, at most 127 either way; NaN is 0.\n"
    "module nap_fp_to_s8 (\n"
    "  input  [15:0] a_i,\n"
    "  input  [7:0] e_i,\n"
    "  output [7:0] y_o\n"
    ");\n"
    "  wire normal = |a_i[14:10];\n"
    "  wire [4:0] exp = {a_i[14:11], a_i[10] | ~normal};\n"
    "  // The significand at the top, a guard bit at the bottom; shifted right by 33 + e - exp.\n"
    "  wire [8:0] by = 9'd33 + {e_i[7], e_i} - {4'd0, exp};\n"
    "  wire [19:0] place = {normal, a_i[9:0], 9'd0};\n";

static const char quantize_end[] =
    "  wire [18:0] whole = place_r[19:1];\n"
    "  wire up = place_r[0] & (place_r[1] | place_t);\n"
    "  wire [7:0] rounded = {1'b0, whole[6:0]} + {7'd0, up};\n"
    "  wire nonzero = |place;\n"
    "  wire beyond = (by[8] & nonzero) | (|whole[18:7]) | rounded[7];\n"
    "  wire special = &a_i[14:10];\n"
    "  wire nan = special & (|a_i[9:0]);\n"
    "  wire [6:0] magnitude = {7{~nan}} & (rounded[6:0] | {7{special | beyond}});\n"
    "  assign y_o = ({1'b0, magnitude} ^ {8{a_i[15]}}) + {7'd0, a_i[15]};\n"
    "endmodule\n";

static void put_quantizer(generator *g)
{
    nap_buf *t = &g->r->text;
    (void)snprintf(g->quantize, sizeof g->quantize, "nap_fp_to_s8");
    if (nap_rtl_has_module(g->r, g->quantize)) return;
    nap_buf_puts(t, quantize_text);
    nap_v_shift_sticky(t, "place", 20, "by", 8);
    nap_buf_puts(t, quantize_end);
}

static nap_rtl_fp format_of(nap_act a)
{
    const nap_rtl_fp e4m3 = {4, 3, true}, e5m2 = {5, 2, false}, half = {5, 10, false};
    return a == NAP_ACT_E4M3 ? e4m3 : a == NAP_ACT_E5M2 ? e5m2 : half;
}

/* The modules a generator of floating-point tables is made of. */
static void put_arithmetic(generator *g)
{
    const nap_rtl_fp half = {5, 10, false};
    if (!g->is_float) return;
    if (g->c->act != NAP_ACT_F16) nap_rtl_fp_widen(g->r, format_of(g->c->act), half, g->widen);
    nap_rtl_fp_add(g->r, half, g->adder);
    if (g->c->table == NAP_TABLE_S8) put_quantizer(g);
}

static void put_leaves(generator *g)
{
    nap_buf *t = &g->r->text;
    for (unsigned i = 0; i < g->c->k; i++) {
        const unsigned low = i * g->act_bits, high = low + g->act_bits - 1;
        const nap_vvar vars[] = {{"i", NULL, i},
                                 {"high", NULL, high},
                                 {"low", NULL, low},
                                 {"eh", NULL, g->entry_bits - 1},
                                 {"more", NULL, g->entry_bits - g->act_bits},
                                 {"widen", g->widen, 0},
                                 {0}};
        if (!g->is_float && g->entry_bits > g->act_bits)
            nap_v_put(t, "  wire [@eh@:0] v@i@ = {{@more@{x_i[@high@]}}, x_i[@high@:@low@]};\n",
                      vars);
        else if (g->widen[0] == '\0')
            nap_v_put(t, "  wire [@eh@:0] v@i@ = x_i[@high@:@low@];\n", vars);
        else
            nap_v_put(t,
                      "  wire [15:0] v@i@;\n"
                      "  @widen@ u_widen@i@ (.a_i(x_i[@high@:@low@]), .y_o(v@i@));\n",
                      vars);
        if (g->is_float && g->c->k > 1) nap_v_put(t, "  wire n@i@ = ~v@i@[15];\n", vars);
    }
}

/* <name>_tablegen: one table. */
static void put_generator(generator *g)
{
    const nap_core *c = g->c;
    nap_buf *t = &g->r->text;
    const bool narrow = c->table == NAP_TABLE_S8, ternary = c->wtype == NAP_W_TERNARY;
    put_arithmetic(g);
    const nap_vvar vars[] = {{"name", c->name, 0},
                             {"xh", NULL, c->k * g->act_bits - 1},
                             {"th", NULL, g->entries * g->entry_bits - 1},
                             {0}};
    nap_v_put(t,
              "\n"
              "// One table from its activations; entries share their partial sums.\n"
              "module @name@_tablegen (\n"
              "  input  [@xh@:0] x_i,\n",
              vars);
    if (narrow) nap_buf_puts(t, "  input  [7:0] e_i,\n");
    nap_v_put(t, "  output [@th@:0] t_o\n);\n", vars);
    const unsigned stored = g->entry_bits;
    if (narrow) g->entry_bits = 16;
    put_leaves(g);
    node out[1 << (NAP_K_MAX - 1)];
    memset(out, 0, sizeof out);
    if (ternary)
        put_ternary(g, out);
    else
        put_tree(g, 0, c->k, out);
    nap_buf_puts(t, "\n");
    /* Signs of negations that nothing negates. */
    if (g->is_float && c->k > 1) {
        nap_buf_puts(t, "  wire unused_negations = &{1'b0");
        for (unsigned i = 0; i < c->k + g->sums; i++) nap_buf_printf(t, ", n%u", i);
        nap_buf_puts(t, "};\n");
    }
    for (unsigned j = 0; j < g->entries; j++) {
        const unsigned low = j * stored, high = low + stored - 1;
        const bool zero = ternary && j == 0;
        if (zero)
            nap_buf_printf(t, "  assign t_o[%u:%u] = %u'd0;\n", high, low, stored);
        else if (narrow)
            nap_buf_printf(t, "  %s u_entry%u (.a_i(v%u), .e_i(e_i), .y_o(t_o[%u:%u]));\n",
                           g->quantize, j, out[j].wire, high, low);
        else
            nap_buf_printf(t, "  assign t_o[%u:%u] = v%u;\n", high, low, out[j].wire);
    }
    nap_buf_puts(t, "endmodule\n");
    g->entry_bits = stored;
}

/* Bits [low, low + n) of `from`, zeros where they lie past its end. */
static void put_slice(nap_buf *t, const char *from, unsigned low, unsigned n, unsigned bits)
{
    if (low + n <= bits)
        nap_buf_printf(t, "%s[%u:%u]", from, low + n - 1, low);
    else
        nap_buf_printf(t, "{%u'd0, %s[%u:%u]}", low + n - bits, from, bits - 1, low);
}

static void put_choice(nap_buf *t, const char *to, const char *from, unsigned groups,
                       unsigned group_bits, unsigned n, unsigned bits)
{
    if (groups == 1) {
        nap_buf_printf(t, "  assign %s = ", to);
        put_slice(t, from, 0, n, bits);
        nap_buf_puts(t, ";\n");
        return;
    }
    nap_buf_printf(t,
                   "  reg [%u:0] %s_group;\n"
                   "  always @(*) begin\n"
                   "    case (group_i)\n",
                   n - 1, to);
    for (unsigned i = 0; i < groups; i++) {
        if (i + 1 < groups)
            nap_buf_printf(t, "      %u'd%u: %s_group = ", group_bits, i, to);
        else
            nap_buf_printf(t, "      default: %s_group = ", to);
        put_slice(t, from, i * n, n, bits);
        nap_buf_puts(t, ";\n");
    }
    nap_buf_printf(t,
                   "    endcase\n"
                   "  end\n"
                   "  assign %s = %s_group;\n",
                   to, to);
}

/* <name>_preselect: the activations of a group of tables. Tables lie one after the other in A. */
static void put_select(generator *g, unsigned units)
{
    const nap_core *c = g->c;
    nap_buf *t = &g->r->text;
    const unsigned tables = c->m * c->depth, groups = (tables + units - 1) / units,
                   group_bits = nap_v_bits(groups), x = c->k * g->act_bits;
    const bool narrow = c->table == NAP_TABLE_S8;
    const nap_vvar vars[] = {{"name", c->name, 0},
                             {"ah", NULL, (unsigned)nap_frag_bits(c, NAP_FRAG_A, c->wbits) - 1},
                             {"gh", NULL, group_bits - 1},
                             {"xh", NULL, units * x - 1},
                             {"eh", NULL, units * 8 - 1},
                             {"rh", NULL, tables * 8 - 1},
                             {0}};
    nap_v_put(t,
              "\n"
              "// The activations of one group of tables.\n"
              "module @name@_preselect (\n"
              "  input  [@ah@:0] a_i,\n"
              "  input  [@gh@:0] group_i,\n",
              vars);
    if (narrow) nap_v_put(t, "  output [@eh@:0] e_o,\n", vars);
    nap_v_put(t, "  output [@xh@:0] x_o\n);\n", vars);
    if (groups == 1) nap_buf_puts(t, "  wire unused_group = group_i;\n");
    put_choice(t, "x_o", "a_i", groups, group_bits, units * x, tables * x);
    if (narrow) {
        /* The exponent of each table's row. */
        nap_v_put(t, "  wire [@rh@:0] e_rows = {", vars);
        for (unsigned i = tables; i-- > 0;) {
            const unsigned low = tables * x + i / c->depth * 8;
            nap_buf_printf(t, "a_i[%u:%u]%s", low + 7, low, i > 0 ? ", " : "};\n");
        }
        put_choice(t, "e_o", "e_rows", groups, group_bits, units * 8, tables * 8);
    }
    nap_buf_puts(t, "endmodule\n");
}

static const char top_head[] = "\n"
                               "// Makes @u@ of the @tables@ tables at a time.\n"
                               "module @name@_precompute (\n"
                               "  input  [@ah@:0] a_i,\n"
                               "  input  [@gh@:0] group_i,\n"
                               "@sport@"
                               "  output [@th@:0] t_o\n"
                               ");\n"
                               "  wire [@xh@:0] x;\n"
                               "@edeclare@"
                               "  @name@_preselect u_preselect (\n"
                               "    .a_i(a_i), .group_i(group_i)@eout@, .x_o(x));\n"
                               "\n"
                               "  genvar u;\n"
                               "  generate\n"
                               "    for (u = 0; u < @u@; u = u + 1) begin : gen_table\n"
                               "      @name@_tablegen u_tablegen (\n"
                               "        .x_i(x[u*@x@ +: @x@])@ein@, .t_o(t_o[u*@t@ +: @t@]));\n";

nap_status nap_rtl_precompute(const nap_core *c, nap_rtl *out, nap_error *e)
{
    if (c->method != NAP_METHOD_LUT)
        return nap_fail(e, NAP_ERR_UNSUPPORTED, NAP_NO_OFFSET,
                        "%s: a precompute unit of method %s, expected method lut", c->name,
                        nap_method_name(c->method));
    generator g = {.c = c,
                   .r = out,
                   .is_float = nap_act_is_float(c->act),
                   .act_bits = nap_act_bits(c->act),
                   .entries = nap_core_entries(c),
                   .entry_bits = nap_core_entry_bits(c)};
    const unsigned tables = c->m * c->depth, units = c->pre_units, table = g.entries * g.entry_bits,
                   last = table - g.entry_bits;
    const bool narrow = c->table == NAP_TABLE_S8, sums = !g.is_float;
    nap_v_header(out, c);
    put_generator(&g);
    put_select(&g, units);
    char sums_port[48] = "", exps[48] = "";
    if (sums) (void)snprintf(sums_port, sizeof sums_port, "  output [%u:0] s_o,\n", units * 32 - 1);
    if (narrow) (void)snprintf(exps, sizeof exps, "  wire [%u:0] e;\n", units * 8 - 1);
    const nap_vvar vars[] = {{"name", c->name, 0},
                             {"u", NULL, units},
                             {"tables", NULL, tables},
                             {"ah", NULL, (unsigned)nap_frag_bits(c, NAP_FRAG_A, c->wbits) - 1},
                             {"gh", NULL, nap_v_bits((tables + units - 1) / units) - 1},
                             {"th", NULL, units * table - 1},
                             {"xh", NULL, units * c->k * g.act_bits - 1},
                             {"x", NULL, c->k * g.act_bits},
                             {"t", NULL, table},
                             {"sport", sums_port, 0},
                             {"edeclare", exps, 0},
                             {"eout", narrow ? ", .e_o(e)" : "", 0},
                             {"ein", narrow ? ", .e_i(e[u*8 +: 8])" : "", 0},
                             {"bits", NULL, g.entry_bits},
                             {"last", NULL, last},
                             {"more", NULL, 32 - g.entry_bits},
                             {"sign", NULL, table - 1},
                             {0}};
    nap_v_put(&out->text, top_head, vars);
    if (sums)
        nap_v_put(&out->text,
                  "      // The last entry is the sum of all activations.\n"
                  "      assign s_o[u*32 +: 32] = {{@more@{t_o[u*@t@+@sign@]}},\n"
                  "        t_o[u*@t@+@last@ +: @bits@]};\n",
                  vars);
    nap_buf_puts(&out->text, "    end\n  endgenerate\nendmodule\n");
    (void)snprintf(out->top, sizeof out->top, "%s_precompute", c->name);
    char name[96];
    (void)snprintf(name, sizeof name, "%s_tablegen", c->name);
    bool good = nap_rtl_add_unit(out, name, NAP_PART_PRE, units);
    (void)snprintf(name, sizeof name, "%s_preselect", c->name);
    good &= nap_rtl_add_unit(out, name, NAP_PART_PRE, 1);
    if (!good) out->text.failed = true;
    return nap_v_done(out, e);
}
