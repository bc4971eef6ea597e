/* The grid of the LUT tensor core (paper, section 3.2; array.h states the arithmetic).
 *
 * Per column a decoder, shared by the rows: it picks the plane's code and turns the index into one
 * line per entry. Per row, for floating-point tables, the plane's factor 2^p, shared by the
 * columns. Per output a PE, which is AND-OR and XOR, and an adder onto the accumulator. */
#include "rtl/lut.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

void nap_lut_geometry(const nap_core *c, nap_lutgeo *g)
{
    memset(g, 0, sizeof *g);
    g->core = c;
    g->sum = nap_core_int_acc(c)           ? NAP_LUTSUM_INT
             : c->fpsum == NAP_FPSUM_FUSED ? NAP_LUTSUM_FUSED
                                           : NAP_LUTSUM_DISCRETE;
    g->planes = nap_core_planes(c, c->wbits);
    g->shift_bits = nap_v_log2(g->planes);
    g->code_bits = c->wtype == NAP_W_TERNARY ? 5 : c->k;
    g->entries = nap_core_entries(c);
    g->entry_bits = nap_core_entry_bits(c);
    g->acc_bits = nap_acc_bits(c->acc);
    g->row_bits = c->depth * g->entries * g->entry_bits;
    const bool integer = g->sum == NAP_LUTSUM_INT, discrete = g->sum == NAP_LUTSUM_DISCRETE,
               wide = discrete && c->acc == NAP_ACC_F32;
    g->scales = wide || (discrete && g->shift_bits > 0);
    g->adds_plane = !discrete && g->shift_bits > 0;
    /* One exponent bit more makes every binary16 entry times 2^p a normal number, subnormals too:
     * for binary32 sums nothing is left to do at the PE. */
    g->scaled_bits = g->entry_bits + wide;
    g->term_bits = integer ? g->entry_bits + nap_v_log2(c->depth) + 1 : c->depth * g->scaled_bits;
}

static const char delay_text[] = "\n"
                                 "// The number of the plane, one cycle later.\n"
                                 "module @name@_delay (\n"
                                 "  input        clk_i,\n"
                                 "  input  [@shigh@:0] plane_i,\n"
                                 "  output [@shigh@:0] plane_o\n"
                                 ");\n"
                                 "  reg [@shigh@:0] plane_q;\n"
                                 "\n"
                                 "  always @(posedge clk_i) plane_q <= plane_i;\n"
                                 "\n"
                                 "  assign plane_o = plane_q;\n"
                                 "endmodule\n";

static const char stage_text[] = "\n"
                                 "// Register between look-up and accumulation.\n"
                                 "module @name@_stage (\n"
                                 "  input        clk_i,\n"
                                 "  input  [@termhigh@:0] d_i,\n"
                                 "  output [@termhigh@:0] q_o\n"
                                 ");\n"
                                 "  reg [@termhigh@:0] data_q;\n"
                                 "\n"
                                 "  always @(posedge clk_i) data_q <= d_i;\n"
                                 "\n"
                                 "  assign q_o = data_q;\n"
                                 "endmodule\n";

static const char grid_head[] = "\n"
                                "// All look-ups and sums of one plane: @m@ rows x @n@ columns.\n"
                                "module @name@_grid (\n"
                                "@clkport@"
                                "  input  [@xhigh@:0] x_i,\n"
                                "  input  [@whigh@:0] w_i,\n"
                                "  input  [2:0] plane_i,\n"
                                "  input  [2:0] last_i,\n"
                                "  input  [@chigh@:0] c_i,\n"
                                "  output [@chigh@:0] c_o\n"
                                ");\n"
                                "  wire [@neghigh@:0] neg;\n"
                                "@seldeclare@"
                                "@scaledeclare@"
                                "@planedeclare@"
                                "  wire unused_last = &{1'b0, last_i};\n"
                                "@unused@"
                                "\n";

static const char grid_loops[] =
    "  genvar m, n, p, d;\n"
    "  generate\n"
    "    for (n = 0; n < @n@; n = n + 1) begin : gen_column\n"
    "      wire [@wcolhigh@:0] w;\n"
    "      for (p = 0; p < @planes@; p = p + 1) begin : gen_plane\n"
    "        for (d = 0; d < @depth@; d = d + 1) begin : gen_table\n"
    "          assign w[(p*@depth@+d)*@code@ +: @code@] = w_i[((p*@depth@+d)*@n@+n)*@code@ +: "
    "@code@];\n"
    "        end\n"
    "      end\n"
    "      @name@_decode u_decode (\n"
    "        .w_i(w)@planeport@@selport@, .neg_o(neg[n*@depth@ +: @depth@]));\n"
    "    end\n"
    "\n";

static const char grid_scale[] = "    for (m = 0; m < @tables@; m = m + 1) begin : gen_scale\n"
                                 "      @name@_scale u_scale (\n"
                                 "        .t_i(x_i[m*@tbits@ +: @tbits@])@planeport@,\n"
                                 "        .t_o(scaled[m*@sbits@ +: @sbits@]));\n"
                                 "    end\n"
                                 "\n";

static const char grid_pe[] = "    for (m = 0; m < @m@; m = m + 1) begin : gen_row\n"
                              "      for (n = 0; n < @n@; n = n + 1) begin : gen_pe\n"
                              "        wire [@termhigh@:0] term;\n"
                              "        @name@_pe u_pe (\n"
                              "          .t_i(@source@[m*@rowbits@ +: @rowbits@])@selin@,\n"
                              "          .neg_i(neg[n*@depth@ +: @depth@]), .term_o(term));\n";

static const char grid_stage[] = "        wire [@termhigh@:0] term_q;\n"
                                 "        @name@_stage u_stage (\n"
                                 "          .clk_i(clk_i), .d_i(term), .q_o(term_q));\n";

static const char grid_add[] =
    "        @name@_add u_add (\n"
    "          .c_i(c_i[(m*@n@+n)*@acc@ +: @acc@]), .term_i(@term@)@addport@,\n"
    "          .c_o(c_o[(m*@n@+n)*@acc@ +: @acc@]));\n"
    "      end\n"
    "    end\n"
    "  endgenerate\n"
    "endmodule\n";

static const char grid_delay[] =
    "  @name@_delay u_delay (\n"
    "    .clk_i(clk_i), .plane_i(plane_i[@shigh@:0]), .plane_o(plane));\n"
    "\n";

/* Pieces of text that depend on the design. */
typedef struct pieces {
    char select[48], select_in[64], select_port[64], scale[64], plane[64], plane_port[48],
        add_port[48], unused[80];
} pieces;

static void describe(const nap_lutgeo *g, pieces *t)
{
    const nap_core *c = g->core;
    const unsigned de = c->depth * g->entries;
    memset(t, 0, sizeof *t);
    if (g->entries > 1) {
        (void)snprintf(t->select, sizeof t->select, "  wire [%u:0] sel;\n", c->n * de - 1);
        (void)snprintf(t->select_port, sizeof t->select_port, ", .sel_o(sel[n*%u +: %u])", de, de);
        (void)snprintf(t->select_in, sizeof t->select_in, ", .sel_i(sel[n*%u +: %u])", de, de);
    }
    if (g->scales)
        (void)snprintf(t->scale, sizeof t->scale, "  wire [%u:0] scaled;\n",
                       c->m * de * g->scaled_bits - 1);
    if (g->shift_bits > 0)
        (void)snprintf(t->plane_port, sizeof t->plane_port, ", .plane_i(plane_i[%u:0])",
                       g->shift_bits - 1);
    if (g->adds_plane && c->pipeline == 2) {
        (void)snprintf(t->plane, sizeof t->plane, "  wire [%u:0] plane;\n", g->shift_bits - 1);
        (void)snprintf(t->add_port, sizeof t->add_port, ", .plane_i(plane)");
    } else if (g->adds_plane) {
        memcpy(t->add_port, t->plane_port, sizeof t->add_port);
    }
    if (g->shift_bits == 2)
        (void)snprintf(t->unused, sizeof t->unused, "  wire unused_plane = plane_i[2];\n");
    else if (g->shift_bits < 2)
        (void)snprintf(t->unused, sizeof t->unused,
                       "  wire unused_plane = &{1'b0, plane_i[2:%u]};\n", g->shift_bits);
}

static void put_grid(const nap_lutgeo *g, nap_rtl *r)
{
    const nap_core *c = g->core;
    const unsigned m = c->m, n = c->n, d = c->depth, e = g->entries;
    const bool staged = c->pipeline == 2;
    pieces t;
    describe(g, &t);
    const nap_vvar vars[] = {
        {"name", c->name, 0},
        {"m", NULL, m},
        {"n", NULL, n},
        {"depth", NULL, d},
        {"planes", NULL, g->planes},
        {"code", NULL, g->code_bits},
        {"tables", NULL, m * d},
        {"tbits", NULL, e * g->entry_bits},
        {"sbits", NULL, e * g->scaled_bits},
        {"xhigh", NULL, m * g->row_bits - 1},
        {"whigh", NULL, g->planes * d * n * g->code_bits - 1},
        {"chigh", NULL, m * n * g->acc_bits - 1},
        {"neghigh", NULL, n * d - 1},
        {"wcolhigh", NULL, g->planes * d * g->code_bits - 1},
        {"termhigh", NULL, g->term_bits - 1},
        {"shigh", NULL, g->shift_bits > 0 ? g->shift_bits - 1 : 0},
        {"acc", NULL, g->acc_bits},
        {"rowbits", NULL, d * e * (g->scales ? g->scaled_bits : g->entry_bits)},
        {"source", g->scales ? "scaled" : "x_i", 0},
        {"clkport", staged ? "  input  clk_i,\n" : "", 0},
        {"seldeclare", t.select, 0},
        {"scaledeclare", t.scale, 0},
        {"planedeclare", t.plane, 0},
        {"unused", t.unused, 0},
        {"planeport", t.plane_port, 0},
        {"selport", t.select_port, 0},
        {"selin", t.select_in, 0},
        {"addport", t.add_port, 0},
        {"term", staged ? "term_q" : "term", 0},
        {0}};
    const bool delayed = staged && g->adds_plane;
    if (staged) nap_v_put(&r->text, stage_text, vars);
    if (delayed) nap_v_put(&r->text, delay_text, vars);
    nap_v_put(&r->text, grid_head, vars);
    if (delayed) nap_v_put(&r->text, grid_delay, vars);
    nap_v_put(&r->text, grid_loops, vars);
    if (g->scales) nap_v_put(&r->text, grid_scale, vars);
    nap_v_put(&r->text, grid_pe, vars);
    if (staged) nap_v_put(&r->text, grid_stage, vars);
    nap_v_put(&r->text, grid_add, vars);
}

static void count(nap_rtl *r, const nap_core *c, const char *suffix, nap_part part, uint64_t n)
{
    char name[96];
    (void)snprintf(name, sizeof name, "%s_%s", c->name, suffix);
    if (!nap_rtl_add_unit(r, name, part, n)) r->text.failed = true;
}

nap_status nap_rtl_grid_lut(const nap_core *c, nap_rtl *out, nap_error *e)
{
    nap_lutgeo g;
    nap_lut_geometry(c, &g);
    nap_v_header(out, c);
    nap_lut_emit_decode(&g, out);
    if (g.scales) nap_lut_emit_scale(&g, out);
    nap_lut_emit_pe(&g, out);
    nap_lut_emit_add(&g, out);
    put_grid(&g, out);
    const uint64_t outputs = (uint64_t)c->m * c->n;
    count(out, c, "decode", NAP_PART_CONTROL, c->n);
    if (g.scales) count(out, c, "scale", NAP_PART_PE, (uint64_t)c->m * c->depth);
    count(out, c, "pe", NAP_PART_PE, outputs);
    if (c->pipeline == 2) count(out, c, "stage", NAP_PART_PE, outputs);
    if (c->pipeline == 2 && g.adds_plane) count(out, c, "delay", NAP_PART_CONTROL, 1);
    count(out, c, "add", NAP_PART_ACC, outputs);
    return nap_v_done(out, e);
}
