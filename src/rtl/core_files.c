/* The register files: one module for a register of each file with its write ports, and the
 * multiplexers that read them. Registers are not reset: a program writes them before it reads them
 * (nap_program_check). Several units may write different registers of a file in one cycle. */
#include "rtl/core.h"

static void head(const nap_coregeo *g, nap_buf *b, nap_rfile f, char letter, const char *what)
{
    nap_buf_printf(b,
                   "// One %c register: %s.\n"
                   "module %s_core_%creg (\n"
                   "  input  wire        clk_i,\n"
                   "  input  wire [5:0]  id_i,\n"
                   "  // a beat from memory\n"
                   "  input  wire        mem_we_i,\n"
                   "  input  wire [5:0]  mem_reg_i,\n"
                   "  input  wire [%u:0] mem_beat_i,\n"
                   "  input  wire [%u:0] mem_data_i,\n",
                   letter, what, g->core->name, letter, g->beat_bits - 1, nap_core_lane(g, f) - 1);
}

/* The write of each beat; a register's last beat may be narrower. */
static void beats(const nap_coregeo *g, nap_buf *b, nap_rfile f)
{
    const unsigned lane = nap_core_lane(g, f);
    nap_buf_puts(b, "    if (mem_we_i & (mem_reg_i == id_i)) begin\n");
    for (unsigned i = 0; i < g->beats[f]; i++) {
        const unsigned lo = i * lane;
        const unsigned hi = lo + lane < g->bits[f] ? lo + lane : g->bits[f];
        nap_buf_printf(b, "      if (mem_beat_i == %u'd%u) value_q[%u:%u] <= mem_data_i[%u:0];\n",
                       g->beat_bits, i, hi - 1, lo, hi - lo - 1);
    }
    nap_buf_puts(b, "    end\n");
}

static void body_begin(const nap_coregeo *g, nap_buf *b, nap_rfile f)
{
    nap_buf_printf(b,
                   "  output wire [%u:0] value_o\n"
                   ");\n"
                   "  reg [%u:0] value_q;\n"
                   "  assign value_o = value_q;\n"
                   "  always @(posedge clk_i) begin\n",
                   g->bits[f] - 1, g->bits[f] - 1);
}

static void body_end(nap_buf *b)
{
    nap_buf_puts(b, "  end\nendmodule\n\n");
}

static void operand_register(const nap_coregeo *g, nap_buf *b, nap_rfile f, char letter,
                             const char *what)
{
    head(g, b, f, letter, what);
    body_begin(g, b, f);
    beats(g, b, f);
    body_end(b);
}

static void table_register(const nap_coregeo *g, nap_buf *b)
{
    const unsigned group = g->core->pre_units * g->entries * g->entry_bits;
    head(g, b, NAP_RF_T, 't', "tables, from memory or from the table generators");
    nap_buf_printf(b,
                   "  // a group of tables from PRE\n"
                   "  input  wire        pre_we_i,\n"
                   "  input  wire [5:0]  pre_reg_i,\n"
                   "  input  wire [%u:0] pre_group_i,\n"
                   "  input  wire [%u:0] pre_data_i,\n",
                   g->group_bits - 1, group - 1);
    body_begin(g, b, NAP_RF_T);
    beats(g, b, NAP_RF_T);
    nap_buf_puts(b, "    if (pre_we_i & (pre_reg_i == id_i)) begin\n");
    for (unsigned i = 0; i < g->groups; i++) {
        const unsigned lo = i * group;
        const unsigned hi = lo + group < g->bits[NAP_RF_T] ? lo + group : g->bits[NAP_RF_T];
        nap_buf_printf(b, "      if (pre_group_i == %u'd%u) value_q[%u:%u] <= pre_data_i[%u:0];\n",
                       g->group_bits, i, hi - 1, lo, hi - lo - 1);
    }
    nap_buf_puts(b, "    end\n");
    body_end(b);
}

static void accumulator_register(const nap_coregeo *g, nap_buf *b)
{
    head(g, b, NAP_RF_C, 'c', "a block of accumulators");
    nap_buf_printf(b,
                   "  // all of them from MMA\n"
                   "  input  wire        mma_we_i,\n"
                   "  input  wire [5:0]  mma_reg_i,\n"
                   "  input  wire [%u:0] mma_data_i,\n",
                   g->bits[NAP_RF_C] - 1);
    body_begin(g, b, NAP_RF_C);
    beats(g, b, NAP_RF_C);
    nap_buf_puts(b, "    if (mma_we_i & (mma_reg_i == id_i)) value_q <= mma_data_i;\n");
    body_end(b);
}

static void sum_register(const nap_coregeo *g, nap_buf *b)
{
    head(g, b, NAP_RF_S, 's', "the sums of the rows of activations");
    if (g->lut)
        nap_buf_printf(b,
                       "  // a new value from PRE\n"
                       "  input  wire        pre_we_i,\n"
                       "  input  wire [5:0]  pre_reg_i,\n"
                       "  input  wire [%u:0] pre_data_i,\n",
                       g->bits[NAP_RF_S] - 1);
    nap_buf_puts(b, "  // zero, from MMA\n"
                    "  input  wire        zero_i,\n"
                    "  input  wire [5:0]  zero_reg_i,\n");
    body_begin(g, b, NAP_RF_S);
    beats(g, b, NAP_RF_S);
    if (g->lut) nap_buf_puts(b, "    if (pre_we_i & (pre_reg_i == id_i)) value_q <= pre_data_i;\n");
    nap_buf_printf(b, "    if (zero_i & (zero_reg_i == id_i)) value_q <= %u'd0;\n",
                   g->bits[NAP_RF_S]);
    body_end(b);
}

/* Reads register reg_i of a file. */
static void read_mux(const nap_coregeo *g, nap_buf *b, nap_rfile f, char letter)
{
    const unsigned w = g->bits[f];
    nap_buf_printf(b,
                   "// Reads one of the %u %c registers.\n"
                   "module %s_core_%cread (\n"
                   "  input  wire [%u:0] file_i,\n"
                   "  input  wire [5:0]  reg_i,\n"
                   "  output reg  [%u:0] value_o\n"
                   ");\n"
                   "  always @* begin\n"
                   "    case (reg_i)\n",
                   g->regs[f], letter, g->core->name, letter, g->regs[f] * w - 1, w - 1);
    for (unsigned i = 1; i < g->regs[f]; i++)
        nap_buf_printf(b, "      6'd%u: value_o = file_i[%u:%u];\n", i, (i + 1) * w - 1, i * w);
    nap_buf_printf(b, "      default: value_o = file_i[%u:0];\n    endcase\n  end\nendmodule\n\n",
                   w - 1);
}

void nap_core_files(const nap_coregeo *g, const nap_tvars *t, nap_rtl *out)
{
    (void)t;
    nap_buf *b = &out->text;
    operand_register(g, b, NAP_RF_A, 'a', "activations");
    operand_register(g, b, NAP_RF_W, 'w', "weights, all planes");
    if (g->regs[NAP_RF_T] != 0) table_register(g, b);
    accumulator_register(g, b);
    if (g->regs[NAP_RF_S] != 0) sum_register(g, b);
    static const char letters[] = "atwcs";
    for (unsigned f = 0; f < NAP_RF_COUNT; f++)
        if (g->regs[f] != 0) read_mux(g, b, (nap_rfile)f, letters[f]);
}
