/* The core: sequencer, three units and register files around the family's grid. */
#include "rtl/core.h"

#include "base/error.h"
#include "lutcore/config.h"
#include "lutcore/isa_table.h"
#include "rtl/verilog.h"

#include <stdio.h>

static const char ports[] =
    "// A core that runs LMMA programs. Instruction memory answers in the same cycle (imem_addr_o\n"
    "// counts instructions); data memory answers a read exactly @LATENCY@ cycles after mem_req_o, "
    "and\n"
    "// takes a write at the end of the cycle of mem_req_o. start_i begins at instruction 0 and "
    "is\n"
    "// ignored while a program runs; done_o and fault_o stay until the next start.\n"
    "module @P@ (\n"
    "  input  wire        clk_i,\n"
    "  input  wire        rst_ni,\n"
    "  input  wire        start_i,\n"
    "  output wire        done_o,\n"
    "  output wire        fault_o,\n"
    "  output wire [31:0] imem_addr_o,\n"
    "  input  wire [63:0] imem_rdata_i,\n"
    "  output wire        mem_req_o,\n"
    "  output wire        mem_we_o,\n"
    "  output wire [31:0] mem_addr_o,\n"
    "  output wire [@BUS-1@:0] mem_wdata_o,\n"
    "  input  wire [@BUS-1@:0] mem_rdata_i\n"
    ");\n"
    "  wire        legal, halt, mov, add, loop_begin, loop_end, waits, mem, pre, lmma, zero, "
    "store;\n"
    "  wire [2:0]  file, rows, cols, deep;\n"
    "  wire [31:0] imm, addr;\n"
    "  wire        issue_mem, issue_pre, issue_lmma, issue_zero;\n"
    "  wire        mem_ready, pre_ready, lmma_ready, zero_ready, mem_busy, pre_busy, mma_busy;\n"
    "  wire [4:0]  load;\n"
    "  wire [5:0]  mem_reg;\n"
    "  wire [@BEAT-1@:0] mem_beat;\n"
    "  wire [5:0]  x_reg, w_reg, c_reg;\n"
    "  wire [2:0]  plane, last_plane;\n"
    "  wire        c_we, c_keep, c_zero;\n"
    "  wire [@XW-1@:0] x_now;\n"
    "  wire [@WW-1@:0] w_now;\n"
    "  wire [@CW-1@:0] c_now, c_base, c_sum, c_next, c_mem;\n"
    "  wire        unused_bits = &{1'b0, mem_rdata_i, load};\n";

static const char wires_planes[] = "  wire [3:0]  planes;\n"
                                   "  wire [2:0]  planes_less = planes[2:0] - 3'd1;\n";
static const char wires_sto[] = "  wire        sto;\n"
                                "  wire [10:0] scale;\n"
                                "  wire [5:0]  mem_sum_reg;\n";
static const char wires_sums[] = "  wire        s_zero;\n"
                                 "  wire [5:0]  s_zero_reg;\n"
                                 "  wire [@SW-1@:0] s_mem;\n";
static const char wires_lut[] = "  wire [5:0]  pre_a_reg, pre_t_reg;\n"
                                "  wire [@G-1@:0] pre_group;\n"
                                "  wire [@AW-1@:0] pre_a;\n"
                                "  wire [@GROUP-1@:0] pre_tables;\n"
                                "  wire [@TW-1@:0] t_mem;\n";
static const char wires_lut_sums[] = "  wire        sum_we;\n"
                                     "  wire [5:0]  pre_s_reg;\n"
                                     "  wire [@SUMS-1@:0] table_sums;\n"
                                     "  wire [@SW-1@:0] pre_s, pre_s_next;\n";

static const char front[] =
    "\n"
    "  @P@_decode u_decode (\n"
    "    .inst_i(imem_rdata_i), .legal_o(legal), .halt_o(halt), .mov_o(mov), .add_o(add),\n"
    "    .loop_o(loop_begin), .end_o(loop_end), .wait_o(waits), .mem_o(mem), .pre_o(pre),\n"
    "    .lmma_o(lmma), .zero_o(zero), .imm_o(imm), .store_o(store), .file_o(file), "
    ".rows_o(rows),\n"
    "    .cols_o(cols), .deep_o(deep)@DECPLANES@@DECSTO@);\n"
    "\n"
    "  @P@_sequencer u_sequencer (\n"
    "    .clk_i(clk_i), .rst_ni(rst_ni), .start_i(start_i), .done_o(done_o), .fault_o(fault_o),\n"
    "    .pc_o(imem_addr_o), .legal_i(legal), .halt_i(halt), .mov_i(mov), .add_i(add),\n"
    "    .loop_i(loop_begin), .end_i(loop_end), .wait_i(waits), .mem_i(mem), .pre_i(pre),\n"
    "    .lmma_i(lmma), .zero_i(zero), .xd_i(imem_rdata_i[7:5]), .xb_i(imem_rdata_i[19:17]),\n"
    "    .imm_i(imm), .mask_i(imem_rdata_i[7:5]), .busy_i({mma_busy, pre_busy, mem_busy}),\n"
    "    .mem_ready_i(mem_ready), .pre_ready_i(pre_ready), .lmma_ready_i(lmma_ready),\n"
    "    .zero_ready_i(zero_ready), .issue_mem_o(issue_mem), .issue_pre_o(issue_pre),\n"
    "    .issue_lmma_o(issue_lmma), .issue_zero_o(issue_zero), .addr_o(addr));\n"
    "\n"
    "  @P@_mem u_mem (\n"
    "    .clk_i(clk_i), .rst_ni(rst_ni), .issue_i(issue_mem), .store_i(store), .file_i(file),\n"
    "    .reg_i(imem_rdata_i[10:5]), .addr_i(addr),\n";

static const char front_planes[] = "    .planes_i(planes),\n";
static const char front_sto[] =
    "    .sto_i(sto), .sum_reg_i(imem_rdata_i[16:11]), .scale_i(scale), .sum_reg_o(mem_sum_reg),\n";

static const char front_end[] =
    "    .c_i(c_mem), .ready_o(mem_ready), .busy_o(mem_busy), .load_o(load), .reg_o(mem_reg),\n"
    "    .beat_o(mem_beat), .mem_req_o(mem_req_o), .mem_we_o(mem_we_o), .mem_addr_o(mem_addr_o),\n"
    "    .mem_wdata_o(mem_wdata_o));\n"
    "\n"
    "  @P@_mma_control u_mma_control (\n"
    "    .clk_i(clk_i), .rst_ni(rst_ni), .issue_lmma_i(issue_lmma), .issue_zero_i(issue_zero),\n";

static const char mma_sums[] =
    "    .zero_s_i(imem_rdata_i[4:0] == 5'd@ZEROS@), .s_zero_o(s_zero), .s_reg_o(s_zero_reg),\n";

static const char mma_end[] =
    "    .c_i(imem_rdata_i[10:5]), .x_i(imem_rdata_i[16:11]), .w_i(imem_rdata_i[22:17]),\n"
    "    .from_zero_i(imem_rdata_i[23]), .rows_i(rows), .cols_i(cols), .deep_i(deep),\n"
    "    .lmma_ready_o(lmma_ready), .zero_ready_o(zero_ready), .busy_o(mma_busy),\n"
    "    .x_reg_o(x_reg), .w_reg_o(w_reg), .plane_o(plane), .last_plane_o(last_plane),\n"
    "    .c_reg_o(c_reg), .c_we_o(c_we), .c_keep_o(c_keep), .c_zero_o(c_zero));\n"
    "\n"
    "  @P@_gate u_base (.on_i(c_keep), .d_i(c_now), .d_o(c_base));\n"
    "  @N@_grid u_grid (\n"
    "    @CLK@.x_i(x_now), .w_i(w_now), .plane_i(plane), .last_i(last_plane), .c_i(c_base),\n"
    "    .c_o(c_sum));\n"
    "  @P@_gate u_next (.on_i(~c_zero), .d_i(c_sum), .d_o(c_next));\n"
    "\n";

static const char pre_unit[] =
    "  @P@_pre_control u_pre_control (\n"
    "    .clk_i(clk_i), .rst_ni(rst_ni), .issue_i(issue_pre), .a_i(imem_rdata_i[16:11]),\n"
    "    .t_i(imem_rdata_i[10:5]), .ready_o(pre_ready), .busy_o(pre_busy),\n";

static const char pre_unit_sums[] =
    "    .s_i(imem_rdata_i[22:17]), .s_reg_o(pre_s_reg), .sum_we_o(sum_we),\n";

static const char pre_unit_end[] =
    "    .a_reg_o(pre_a_reg), .t_reg_o(pre_t_reg), .group_o(pre_group));\n"
    "  @P@_aread u_pre_a (.file_i(a_file), .reg_i(pre_a_reg), .value_o(pre_a));\n";

static const char pre_data[] =
    "  @N@_precompute u_precompute (.a_i(pre_a), .group_i(pre_group), .t_o(pre_tables));\n";
static const char pre_data_sums[] =
    "  @N@_precompute u_precompute (\n"
    "    .a_i(pre_a), .group_i(pre_group), .t_o(pre_tables), .s_o(table_sums));\n"
    "  @P@_sread u_pre_s (.file_i(s_file), .reg_i(pre_s_reg), .value_o(pre_s));\n"
    "  @P@_sums u_sums (.group_i(pre_group), .sums_i(table_sums), .s_i(pre_s), "
    ".s_o(pre_s_next));\n";

static const char no_pre[] = "  wire unused_pre = &{1'b0, issue_pre, pre};\n"
                             "  assign pre_ready = 1'b1;\n"
                             "  assign pre_busy = 1'b0;\n"
                             "  @P@_aread u_x (.file_i(a_file), .reg_i(x_reg), .value_o(x_now));\n";

static const char gate[] = "// All of the accumulators, or zeros.\n"
                           "module @P@_gate (\n"
                           "  input  wire        on_i,\n"
                           "  input  wire [@CW-1@:0] d_i,\n"
                           "  output wire [@CW-1@:0] d_o\n"
                           ");\n"
                           "  assign d_o = d_i & {@CW@{on_i}};\n"
                           "endmodule\n"
                           "\n";

/* One register file: its instances, the wires of all their values, and who writes. */
static void emit_file(const nap_coregeo *g, const nap_tvars *t, nap_rfile f, nap_buf *b)
{
    static const char letters[] = "atwcs";
    const char x = letters[f];
    nap_tvars v = *t;
    const char letter[2] = {x, '\0'};
    nap_tvar_text(&v, "x", letter);
    nap_tvar_uint(&v, "ALL-1", g->regs[f] * g->bits[f] - 1);
    nap_tvar_uint(&v, "R", g->regs[f]);
    nap_tvar_uint(&v, "BITS", g->bits[f]);
    nap_tvar_uint(&v, "FILE", f);
    nap_tvar_uint(&v, "LANE-1", nap_core_lane(g, f) - 1);
    nap_expand(b,
               "  wire [@ALL-1@:0] @x@_file;\n"
               "  generate\n"
               "    for (r = 0; r < @R@; r = r + 1) begin : g_@x@\n"
               "      wire [5:0] id = r;\n"
               "      @P@_@x@reg u_reg (\n"
               "        .clk_i(clk_i), .id_i(id), .mem_we_i(load[@FILE@]), .mem_reg_i(mem_reg),\n"
               "        .mem_beat_i(mem_beat), .mem_data_i(@x@_lane),",
               &v);
    if (f == NAP_RF_T)
        nap_buf_puts(b, " .pre_we_i(pre_busy), .pre_reg_i(pre_t_reg),\n"
                        "        .pre_group_i(pre_group), .pre_data_i(pre_tables),");
    if (f == NAP_RF_C)
        nap_buf_puts(b, " .mma_we_i(c_we), .mma_reg_i(c_reg),\n"
                        "        .mma_data_i(c_next),");
    if (f == NAP_RF_S && g->lut)
        nap_buf_puts(b, " .pre_we_i(sum_we), .pre_reg_i(pre_s_reg),\n"
                        "        .pre_data_i(pre_s_next),");
    if (f == NAP_RF_S) nap_buf_puts(b, " .zero_i(s_zero), .zero_reg_i(s_zero_reg),");
    nap_expand(b,
               "\n        .value_o(@x@_file[@BITS@*r +: @BITS@]));\n"
               "    end\n"
               "  endgenerate\n",
               &v);
}

/* What a register takes of a beat; an accumulator narrower than 32 bits takes the low bits. */
static void emit_lanes(const nap_coregeo *g, nap_buf *b)
{
    static const char letters[] = "atwcs";
    for (unsigned f = 0; f < NAP_RF_COUNT; f++) {
        if (g->regs[f] == 0) continue;
        const unsigned lane = nap_core_lane(g, (nap_rfile)f);
        if (f != NAP_RF_C || nap_acc_bits(g->core->acc) == 32) {
            nap_buf_printf(b, "  wire [%u:0] %c_lane = mem_rdata_i[%u:0];\n", lane - 1, letters[f],
                           lane - 1);
            continue;
        }
        const unsigned acc = nap_acc_bits(g->core->acc);
        nap_buf_printf(b, "  wire [%u:0] c_lane = {", lane - 1);
        for (unsigned i = lane / acc; i-- > 0;)
            nap_buf_printf(b, "mem_rdata_i[%u:%u]%s", 32 * i + acc - 1, 32 * i,
                           i > 0 ? ", " : "};\n");
    }
}

static void emit_reads(const nap_coregeo *g, const nap_tvars *v, nap_buf *b)
{
    nap_expand(b,
               "  @P@_wread u_w (.file_i(w_file), .reg_i(w_reg), .value_o(w_now));\n"
               "  @P@_cread u_c (.file_i(c_file), .reg_i(c_reg), .value_o(c_now));\n"
               "  @P@_cread u_c_mem (.file_i(c_file), .reg_i(mem_reg), .value_o(c_mem));\n",
               v);
    if (g->lut)
        nap_expand(b,
                   "  @P@_tread u_x (.file_i(t_file), .reg_i(x_reg), .value_o(x_now));\n"
                   "  @P@_tread u_t_mem (.file_i(t_file), .reg_i(mem_reg), .value_o(t_mem));\n",
                   v);
    if (g->sums)
        nap_expand(b, "  @P@_sread u_s_mem (.file_i(s_file), .reg_i(@SREG@), .value_o(s_mem));\n",
                   v);
}

static void emit_top(const nap_coregeo *g, const nap_tvars *t, nap_buf *b)
{
    nap_tvars v = *t;
    const bool pre_sums = g->lut && g->sums;
    nap_tvar_uint(&v, "LATENCY", g->core->mem_latency);
    nap_tvar_uint(&v, "ZEROS", NAP_L_ZEROS);
    nap_tvar_uint(&v, "GROUP-1", g->core->pre_units * g->entries * g->entry_bits - 1);
    nap_tvar_uint(&v, "SUMS-1", 32 * g->core->pre_units - 1);
    nap_tvar_text(&v, "DECPLANES", g->planes_vary ? ", .planes_o(planes)" : "");
    nap_tvar_text(&v, "DECSTO", g->sto ? ", .sto_o(sto), .scale_o(scale)" : "");
    nap_tvar_text(&v, "CLK", g->core->pipeline == 2 ? ".clk_i(clk_i), " : "");
    nap_tvar_text(&v, "SREG", g->sto ? "mem_sum_reg" : "mem_reg");
    nap_expand(b, ports, &v);
    if (g->planes_vary) nap_expand(b, wires_planes, &v);
    if (g->sto) nap_expand(b, wires_sto, &v);
    if (g->sums) nap_expand(b, wires_sums, &v);
    if (g->lut) nap_expand(b, wires_lut, &v);
    if (pre_sums) nap_expand(b, wires_lut_sums, &v);
    emit_lanes(g, b);
    nap_expand(b, front, &v);
    if (g->planes_vary) nap_expand(b, front_planes, &v);
    if (g->sto) nap_expand(b, front_sto, &v);
    if (g->lut) nap_buf_puts(b, "    .t_i(t_mem),\n");
    if (g->sums) nap_buf_puts(b, "    .s_i(s_mem),\n");
    nap_expand(b, front_end, &v);
    if (g->sums) nap_expand(b, mma_sums, &v);
    if (g->planes_vary) nap_buf_puts(b, "    .last_plane_i(planes_less),\n");
    nap_expand(b, mma_end, &v);
    nap_buf_puts(b, "  genvar r;\n");
    for (unsigned f = 0; f < NAP_RF_COUNT; f++)
        if (g->regs[f] != 0) emit_file(g, &v, (nap_rfile)f, b);
    nap_buf_puts(b, "\n");
    emit_reads(g, &v, b);
    nap_buf_puts(b, "\n");
    if (g->lut) {
        nap_expand(b, pre_unit, &v);
        if (g->sums) nap_expand(b, pre_unit_sums, &v);
        nap_expand(b, pre_unit_end, &v);
        nap_expand(b, g->sums ? pre_data_sums : pre_data, &v);
    } else {
        nap_expand(b, no_pre, &v);
    }
    nap_buf_puts(b, "endmodule\n");
}

static void count(const nap_coregeo *g, nap_rtl *r, const char *suffix, nap_part part, uint64_t n)
{
    char name[96];
    snprintf(name, sizeof name, "%s_core_%s", g->core->name, suffix);
    if (!nap_rtl_add_unit(r, name, part, n)) r->text.failed = true;
}

static void count_units(const nap_coregeo *g, nap_rtl *r)
{
    count(g, r, "decode", NAP_PART_CONTROL, 1);
    count(g, r, "sequencer", NAP_PART_CONTROL, 1);
    count(g, r, "mem", NAP_PART_CONTROL, 1);
    count(g, r, "mma_control", NAP_PART_CONTROL, 1);
    count(g, r, "gate", NAP_PART_ACC, 2);
    count(g, r, "areg", NAP_PART_TABLE, g->regs[NAP_RF_A]);
    count(g, r, "aread", NAP_PART_TABLE, 1);
    count(g, r, "wreg", NAP_PART_WEIGHT, g->regs[NAP_RF_W]);
    count(g, r, "wread", NAP_PART_WEIGHT, 1);
    count(g, r, "creg", NAP_PART_ACC, g->regs[NAP_RF_C]);
    count(g, r, "cread", NAP_PART_ACC, 2);
    if (g->lut) {
        count(g, r, "treg", NAP_PART_TABLE, g->regs[NAP_RF_T]);
        count(g, r, "tread", NAP_PART_TABLE, 2);
        count(g, r, "pre_control", NAP_PART_CONTROL, 1);
        if (g->sums) count(g, r, "sums", NAP_PART_PRE, 1);
    }
    if (g->sums) {
        count(g, r, "sreg", NAP_PART_ACC, g->regs[NAP_RF_S]);
        count(g, r, "sread", NAP_PART_ACC, g->lut ? 2 : 1);
    }
}

nap_status nap_rtl_core(const nap_core *c, nap_rtl *out, nap_error *e)
{
    nap_coregeo g;
    nap_tvars v;
    NAP_TRY(nap_core_check(c, c->name, e));
    if (c->m > NAP_L_M_MAX || c->n > NAP_L_N_MAX)
        return nap_fail(e, NAP_ERR_UNSUPPORTED, NAP_NO_OFFSET,
                        "%s: a core of m %u, n %u: found more than m %d, n %d, which an lmma names",
                        c->name, c->m, c->n, NAP_L_M_MAX, NAP_L_N_MAX);
    nap_core_geometry(c, &g);
    NAP_TRY(nap_rtl_grid(c, out, e));
    nap_tvars_core(&v, &g);
    nap_core_decode(&g, &v, out);
    nap_core_sequencer(&g, &v, out);
    nap_core_mem(&g, &v, out);
    nap_core_mma_control(&g, &v, out);
    if (g.lut) {
        nap_core_pre_control(&g, &v, out);
        NAP_TRY(nap_rtl_precompute(c, out, e));
        if (g.sums) nap_core_sums(&g, &v, out);
    }
    nap_core_files(&g, &v, out);
    nap_expand(&out->text, gate, &v);
    emit_top(&g, &v, &out->text);
    count_units(&g, out);
    snprintf(out->top, sizeof out->top, "%s_core", c->name);
    return nap_v_done(out, e);
}
