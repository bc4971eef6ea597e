/* The memory unit: one load or store at a time, a beat a cycle. Data of a load arrive a fixed
 * number of cycles after the request, so a count of the cycles left says what to do in each:
 * a load of B beats takes LATENCY + B cycles, requests in the first B and receives in the last B;
 * a store takes B; sto one more, first, in which the rows' sums are multiplied. */
#include "rtl/core.h"

#include <stdio.h>

static const char ports[] =
    "// Moves fragments between the register files and memory, a beat of @BUS@ bits a cycle.\n"
    "// A read's data arrive on the memory's port @LATENCY@ cycles after its request.\n"
    "module @P@_mem (\n"
    "  input  wire        clk_i,\n"
    "  input  wire        rst_ni,\n"
    "  input  wire        issue_i,\n"
    "  input  wire        store_i,\n"
    "  input  wire [2:0]  file_i,   // a 0, t 1, w 2, c 3, s 4\n"
    "  input  wire [5:0]  reg_i,\n"
    "  input  wire [31:0] addr_i,\n";

static const char ports_planes[] = "  input  wire [3:0]  planes_i, // of a w fragment\n";
static const char ports_sto[] = "  input  wire        sto_i,\n"
                                "  input  wire [5:0]  sum_reg_i,\n"
                                "  input  wire [10:0] scale_i,  // sto: 2^planes - 1 - 2 Z\n"
                                "  output wire [5:0]  sum_reg_o,\n";
static const char ports_t[] = "  input  wire [@TW-1@:0] t_i,\n";
static const char ports_s[] = "  input  wire [@SW-1@:0] s_i,\n";

static const char ports_rest[] =
    "  input  wire [@CW-1@:0] c_i,\n"
    "  output wire        ready_o,\n"
    "  output wire        busy_o,\n"
    "  // register files: a beat of a load to write now; the register that a store reads\n"
    "  output wire [4:0]  load_o,\n"
    "  output wire [5:0]  reg_o,\n"
    "  output wire [@BEAT-1@:0] beat_o,\n"
    "  // memory\n"
    "  output wire        mem_req_o,\n"
    "  output wire        mem_we_o,\n"
    "  output wire [31:0] mem_addr_o,\n"
    "  output wire [@BUS-1@:0] mem_wdata_o\n"
    ");\n"
    "  localparam [@TIME-1@:0] LATENCY = @LAT@;\n"
    "\n"
    "  reg [@TIME-1@:0] time_q;   // cycles left\n"
    "  reg [@TIME-1@:0] beats_q;  // of the fragment\n"
    "  reg        store_q;\n"
    "  reg [2:0]  file_q;\n"
    "  reg [5:0]  reg_q;\n"
    "  reg [31:0] addr_q;\n"
    "  reg [@BEAT-1@:0] beat_q;   // load: to receive next; store: to send next\n"
    "\n"
    "  reg [@TIME-1@:0] beats;\n"
    "  always @* begin\n"
    "    case (file_i)\n";

static const char body[] = "    endcase\n"
                           "  end\n"
                           "\n"
                           "  wire last_part = (time_q != @T0@) & (time_q <= beats_q);\n"
                           "  wire receive = ~store_q & last_part;\n"
                           "  wire send = store_q & last_part;\n"
                           "\n"
                           "  assign busy_o = time_q != @T0@;\n"
                           "  assign ready_o = time_q <= @T1@;\n"
                           "  assign load_o = receive ? 5'd1 << file_q : 5'd0;\n"
                           "  assign reg_o = reg_q;\n"
                           "  assign beat_o = beat_q;\n"
                           "  assign mem_req_o = send | (~store_q & (time_q > LATENCY));\n"
                           "  assign mem_we_o = send;\n"
                           "  assign mem_addr_o = addr_q;\n"
                           "\n"
                           "  always @(posedge clk_i or negedge rst_ni) begin\n"
                           "    if (!rst_ni) time_q <= @T0@;\n"
                           "    else if (issue_i) time_q <= @START@;\n"
                           "    else if (busy_o) time_q <= time_q - @T1@;\n"
                           "  end\n"
                           "\n"
                           "  always @(posedge clk_i) begin\n"
                           "    if (issue_i) begin\n"
                           "      beats_q <= beats;\n"
                           "      store_q <= store_i;\n"
                           "      file_q <= file_i;\n"
                           "      reg_q <= reg_i;\n"
                           "      addr_q <= addr_i;\n"
                           "      beat_q <= @B0@;\n"
                           "    end else begin\n"
                           "      if (mem_req_o) addr_q <= addr_q + 32'd@BYTES@;\n"
                           "      if (last_part) beat_q <= beat_q + @B1@;\n"
                           "    end\n"
                           "  end\n"
                           "\n";

static const char sto_regs[] =
    "  // sto: in the first cycle the products, then (C + product) / 2 as it is sent\n"
    "  reg        sto_q;\n"
    "  reg [5:0]  sum_reg_q;\n"
    "  reg [10:0] scale_q;\n"
    "  reg [@SW-1@:0] product_q;\n"
    "  assign sum_reg_o = sto_q ? sum_reg_q : reg_q;\n"
    "  always @(posedge clk_i) begin\n"
    "    if (issue_i) begin\n"
    "      sto_q <= sto_i;\n"
    "      sum_reg_q <= sum_reg_i;\n"
    "      scale_q <= scale_i;\n"
    "    end\n"
    "  end\n"
    "  genvar m;\n"
    "  generate\n"
    "    for (m = 0; m < @M@; m = m + 1) begin : g_product\n"
    "      always @(posedge clk_i) begin\n"
    "        if (sto_q & ~last_part)\n"
    "          product_q[32*m +: 32] <= {{21{scale_q[10]}}, scale_q} * s_i[32*m +: 32];\n"
    "      end\n"
    "    end\n"
    "  endgenerate\n"
    "\n";

static void emit_beats(const nap_coregeo *g, const nap_tvars *t, nap_buf *b)
{
    const unsigned tb = g->time_bits;
    static const nap_rfile order[] = {NAP_RF_A, NAP_RF_T, NAP_RF_C, NAP_RF_S};
    for (unsigned i = 0; i < 4; i++)
        if (g->regs[order[i]] != 0)
            nap_buf_printf(b, "      3'd%u: beats = %u'd%u;\n", (unsigned)order[i], tb,
                           g->beats[order[i]]);
    if (!g->planes_vary) {
        nap_buf_printf(b, "      default: beats = %u'd%u;\n", tb, g->beats[NAP_RF_W]);
    } else {
        nap_buf_puts(b, "      default:\n        case (planes_i)\n");
        for (unsigned p = 1; p < g->planes; p++)
            nap_buf_printf(b, "          4'd%u: beats = %u'd%zu;\n", p, tb,
                           nap_frag_bytes(g->core, NAP_FRAG_W, p) / g->core->bus_bytes);
        nap_buf_printf(b, "          default: beats = %u'd%u;\n        endcase\n", tb,
                       g->beats[NAP_RF_W]);
    }
    nap_expand(b, body, t);
}

/* Part `beat` of a register whose image is as wide as it: bits, then zeros. */
static void emit_slice(const nap_coregeo *g, nap_buf *b, const char *wire, unsigned bits,
                       unsigned beat)
{
    const unsigned lo = beat * g->bus;
    const unsigned n = bits - lo < g->bus ? bits - lo : g->bus;
    if (n < g->bus)
        nap_buf_printf(b, "{%u'd0, %s[%u:%u]}", g->bus - n, wire, lo + n - 1, lo);
    else
        nap_buf_printf(b, "%s[%u:%u]", wire, lo + n - 1, lo);
}

static void emit_image(const nap_coregeo *g, nap_buf *b, const char *name, const char *wire,
                       nap_rfile f)
{
    nap_buf_printf(b,
                   "  reg [%u:0] %s;\n"
                   "  always @* begin\n"
                   "    case (beat_q)\n",
                   g->bus - 1, name);
    for (unsigned i = 1; i < g->beats[f]; i++) {
        nap_buf_printf(b, "      %u'd%u: %s = ", g->beat_bits, i, name);
        emit_slice(g, b, wire, g->image[f], i);
        nap_buf_puts(b, ";\n");
    }
    nap_buf_printf(b, "      default: %s = ", name);
    emit_slice(g, b, wire, g->image[f], 0);
    nap_buf_puts(b, ";\n    endcase\n  end\n\n");
}

/* The rows' products beside the values of a beat. N is a power of two, and so is a beat. */
static void emit_products(const nap_coregeo *g, nap_buf *b)
{
    const nap_core *c = g->core;
    const unsigned values = g->bus / 32, all = c->m * c->n;
    nap_buf_printf(b,
                   "  reg [%u:0] product;\n"
                   "  always @* begin\n"
                   "    case (beat_q)\n",
                   g->bus - 1);
    for (unsigned i = g->beats[NAP_RF_C]; i-- > 0;) {
        if (i > 0)
            nap_buf_printf(b, "      %u'd%u: product = {", g->beat_bits, i);
        else
            nap_buf_puts(b, "      default: product = {");
        const unsigned first = i * values;
        const unsigned end = first + values < all ? first + values : all;
        if (end - first < values) nap_buf_printf(b, "%u'd0, ", 32 * (first + values - end));
        for (unsigned row = (end - 1) / c->n + 1; row-- > first / c->n;) {
            const unsigned lo = row * c->n > first ? row * c->n : first;
            const unsigned hi = (row + 1) * c->n < end ? (row + 1) * c->n : end;
            nap_buf_printf(b, "{%u{product_q[%u:%u]}}%s", hi - lo, row * 32 + 31, row * 32,
                           row > first / c->n ? ", " : "};\n");
        }
    }
    nap_buf_printf(b,
                   "    endcase\n"
                   "  end\n"
                   "  wire [%u:0] result;\n"
                   "  genvar e;\n"
                   "  generate\n"
                   "    for (e = 0; e < %u; e = e + 1) begin : g_result\n"
                   "      wire [31:0] twice = c_beat[32*e +: 32] + product[32*e +: 32];\n"
                   "      assign result[32*e +: 32] = {twice[31], twice[31:1]};\n"
                   "      wire unused_half = twice[0];  // the bit shifted out\n"
                   "    end\n"
                   "  endgenerate\n\n",
                   g->bus - 1, values);
}

static void emit_c_image(const nap_coregeo *g, nap_buf *b)
{
    const unsigned bits = nap_acc_bits(g->core->acc), values = g->core->m * g->core->n;
    if (bits == 32) {
        emit_image(g, b, "c_beat", "c_i", NAP_RF_C);
        return;
    }
    nap_buf_printf(b,
                   "  // in memory every accumulator takes 32 bits\n"
                   "  wire [%u:0] c_wide;\n"
                   "  genvar v;\n"
                   "  generate\n"
                   "    for (v = 0; v < %u; v = v + 1) begin : g_wide\n",
                   32 * values - 1, values);
    if (nap_acc_is_float(g->core->acc))
        nap_buf_printf(b, "      assign c_wide[32*v +: 32] = {%u'd0, c_i[%u*v +: %u]};\n",
                       32 - bits, bits, bits);
    else
        nap_buf_printf(
            b, "      assign c_wide[32*v +: 32] = {{%u{c_i[%u*v + %u]}}, c_i[%u*v +: %u]};\n",
            32 - bits, bits, bits - 1, bits, bits);
    nap_buf_puts(b, "    end\n  endgenerate\n");
    emit_image(g, b, "c_beat", "c_wide", NAP_RF_C);
}

void nap_core_mem(const nap_coregeo *g, const nap_tvars *t, nap_rtl *out)
{
    nap_tvars v = *t;
    nap_buf *b = &out->text;
    nap_tvar_uint(&v, "BUS", g->bus);
    nap_tvar_uint(&v, "BYTES", g->core->bus_bytes);
    nap_tvar_uint(&v, "LATENCY", g->core->mem_latency);
    nap_tvar_uint(&v, "M", g->core->m);
    nap_tvar_sized(&v, "LAT", g->time_bits, g->core->mem_latency);
    nap_tvar_sized(&v, "T0", g->time_bits, 0);
    nap_tvar_sized(&v, "T1", g->time_bits, 1);
    nap_tvar_sized(&v, "B0", g->beat_bits, 0);
    nap_tvar_sized(&v, "B1", g->beat_bits, 1);
    char start[80];
    snprintf(start, sizeof start, "store_i ? beats : beats + LATENCY");
    if (g->sto)
        snprintf(start, sizeof start, "store_i ? beats + (sto_i ? %u'd1 : %u'd0) : beats + LATENCY",
                 g->time_bits, g->time_bits);
    nap_tvar_text(&v, "START", start);
    nap_expand(b, ports, &v);
    if (g->planes_vary) nap_expand(b, ports_planes, &v);
    if (g->sto) nap_expand(b, ports_sto, &v);
    if (g->regs[NAP_RF_T] != 0) nap_expand(b, ports_t, &v);
    if (g->regs[NAP_RF_S] != 0) nap_expand(b, ports_s, &v);
    nap_expand(b, ports_rest, &v);
    emit_beats(g, &v, b);
    if (g->sto) nap_expand(b, sto_regs, &v);
    emit_c_image(g, b);
    if (g->regs[NAP_RF_T] != 0) emit_image(g, b, "t_beat", "t_i", NAP_RF_T);
    if (g->regs[NAP_RF_S] != 0) emit_image(g, b, "s_beat", "s_i", NAP_RF_S);
    if (g->sto) emit_products(g, b);
    nap_buf_puts(b, "  assign mem_wdata_o = ");
    if (g->regs[NAP_RF_T] != 0) nap_buf_puts(b, "file_q == 3'd1 ? t_beat : ");
    if (g->regs[NAP_RF_S] != 0) nap_buf_puts(b, "file_q == 3'd4 ? s_beat : ");
    if (g->sto) nap_buf_puts(b, "sto_q ? result : ");
    nap_buf_puts(b, "c_beat;\nendmodule\n\n");
}
