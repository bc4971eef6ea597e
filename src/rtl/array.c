/* An array of any method: the family's grid, wrapped in operand registers, accumulators and the
 * counter of planes. Ports and timing: rtl.h. */
#include "rtl/verilog.h"

#include "base/error.h"

#include <stdio.h>

nap_status nap_rtl_grid(const nap_core *c, nap_rtl *out, nap_error *e)
{
    return c->method == NAP_METHOD_LUT ? nap_rtl_grid_lut(c, out, e)
                                       : nap_rtl_grid_baseline(c, out, e);
}

static const char register_text[] = "\n"
                                    "// @what@\n"
                                    "module @name@_@reg@ (\n"
                                    "  input            clk_i,\n"
                                    "  input            we_i,\n"
                                    "  input  [@high@:0] d_i,\n"
                                    "  output [@high@:0] q_o\n"
                                    ");\n"
                                    "  reg [@high@:0] data_q;\n"
                                    "\n"
                                    "  always @(posedge clk_i) begin\n"
                                    "    if (we_i) data_q <= d_i;\n"
                                    "  end\n"
                                    "\n"
                                    "  assign q_o = data_q;\n"
                                    "endmodule\n";

static const char accumulator_text[] =
    "\n"
    "// One accumulator's register: a new value from outside, or the sum.\n"
    "module @name@_creg (\n"
    "  input            clk_i,\n"
    "  input            we_i,\n"
    "  input            add_i,\n"
    "  input  [@high@:0] c_i,\n"
    "  input  [@high@:0] sum_i,\n"
    "  output [@high@:0] q_o\n"
    ");\n"
    "  reg [@high@:0] c_q;\n"
    "\n"
    "  always @(posedge clk_i) begin\n"
    "    if (we_i) c_q <= c_i;\n"
    "    else if (add_i) c_q <= sum_i;\n"
    "  end\n"
    "\n"
    "  assign q_o = c_q;\n"
    "endmodule\n";

/* add_q follows `add` by one cycle where the grid has a register before its adders. */
static const char control_text[] =
    "\n"
    "// Counts the planes of a step. add_o: the grid's sums belong into the accumulators.\n"
    "module @name@_ctrl (\n"
    "  input        clk_i,\n"
    "  input        rst_ni,\n"
    "  input        step_i,\n"
    "  input  [3:0] planes_i,\n"
    "  output       ready_o,\n"
    "  output       done_o,\n"
    "  output [2:0] plane_o,\n"
    "  output [2:0] last_o,\n"
    "  output       add_o\n"
    ");\n"
    "  reg  busy_q, done_q;\n"
    "@declare@"
    "  wire start  = step_i & ready_o;\n"
    "  wire finish = busy_q & at_last;\n"
    "\n"
    "  assign ready_o = ~busy_q | at_last;\n"
    "  assign done_o  = done_q;\n"
    "@outputs@"
    "\n"
    "  always @(posedge clk_i or negedge rst_ni) begin\n"
    "    if (!rst_ni) begin\n"
    "      busy_q <= 1'b0;\n"
    "      done_q <= 1'b0;\n"
    "@reset@"
    "    end else begin\n"
    "      busy_q <= start | (busy_q & ~at_last);\n"
    "@clocked@"
    "    end\n"
    "  end\n"
    "endmodule\n";

static void put_control(const nap_core *c, nap_rtl *r, unsigned planes)
{
    const bool serial = planes > 1, staged = c->pipeline == 2;
    nap_buf declare = {0}, outputs = {0}, reset = {0}, clocked = {0};
    if (serial)
        nap_buf_puts(&declare, "  reg  [2:0] plane_q, last_q;\n"
                               "  wire at_last = plane_q == last_q;\n"
                               "  wire unused_planes = planes_i[3];\n");
    else
        nap_buf_puts(&declare, "  wire at_last = 1'b1;\n"
                               "  wire unused_planes = &{1'b0, planes_i};\n");
    if (staged) nap_buf_puts(&declare, "  reg  add_q, finish_q;\n");
    nap_buf_puts(&outputs, serial ? "  assign plane_o = plane_q;\n  assign last_o  = last_q;\n"
                                  : "  assign plane_o = 3'd0;\n  assign last_o  = 3'd0;\n");
    nap_buf_puts(&outputs, staged ? "  assign add_o   = add_q;\n" : "  assign add_o   = busy_q;\n");
    if (serial) {
        nap_buf_puts(&reset, "      plane_q <= 3'd0;\n      last_q <= 3'd0;\n");
        nap_buf_puts(&clocked, "      if (start) last_q <= planes_i[2:0] - 3'd1;\n"
                               "      plane_q <= start ? 3'd0 : plane_q + 3'd1;\n");
    }
    if (staged) {
        nap_buf_puts(&reset, "      add_q <= 1'b0;\n      finish_q <= 1'b0;\n");
        nap_buf_puts(&clocked, "      add_q <= busy_q;\n"
                               "      finish_q <= finish;\n"
                               "      done_q <= finish_q;\n");
    } else {
        nap_buf_puts(&clocked, "      done_q <= finish;\n");
    }
    if (declare.failed || outputs.failed || reset.failed || clocked.failed) r->text.failed = true;
    const nap_vvar vars[] = {
        {"name", c->name, 0},         {"declare", declare.data, 0},
        {"outputs", outputs.data, 0}, {"reset", reset.data != NULL ? reset.data : "", 0},
        {"clocked", clocked.data, 0}, {0}};
    if (!r->text.failed) nap_v_put(&r->text, control_text, vars);
    nap_buf_free(&declare);
    nap_buf_free(&outputs);
    nap_buf_free(&reset);
    nap_buf_free(&clocked);
}

static const char array_text[] =
    "\n"
    "// The array: operand registers, grid, accumulators.\n"
    "module @name@_array (\n"
    "  input                clk_i,\n"
    "  input                rst_ni,\n"
    "  input                x_we_i,\n"
    "  input  [@xhigh@:0] x_i,\n"
    "  input                w_we_i,\n"
    "  input  [@whigh@:0] w_i,\n"
    "  input                c_we_i,\n"
    "  input  [@chigh@:0] c_i,\n"
    "  input                step_i,\n"
    "  input  [3:0]         planes_i,\n"
    "  output               ready_o,\n"
    "  output               done_o,\n"
    "  output [@chigh@:0] c_o\n"
    ");\n"
    "  wire [2:0] plane, last;\n"
    "  wire       add;\n"
    "  wire [@xhigh@:0] x;\n"
    "  wire [@whigh@:0] w;\n"
    "  wire [@chigh@:0] c, sum;\n"
    "\n"
    "  @name@_ctrl u_ctrl (\n"
    "    .clk_i(clk_i), .rst_ni(rst_ni), .step_i(step_i), .planes_i(planes_i),\n"
    "    .ready_o(ready_o), .done_o(done_o), .plane_o(plane), .last_o(last), .add_o(add));\n"
    "\n"
    "  genvar i;\n"
    "  generate\n"
    "    for (i = 0; i < @m@; i = i + 1) begin : gen_x\n"
    "      @name@_xreg u_xreg (\n"
    "        .clk_i(clk_i), .we_i(x_we_i),\n"
    "        .d_i(x_i[i*@xrow@ +: @xrow@]), .q_o(x[i*@xrow@ +: @xrow@]));\n"
    "    end\n"
    "    for (i = 0; i < @n@; i = i + 1) begin : gen_w\n"
    "      @name@_wreg u_wreg (\n"
    "        .clk_i(clk_i), .we_i(w_we_i),\n"
    "        .d_i(w_i[i*@wcol@ +: @wcol@]), .q_o(w[i*@wcol@ +: @wcol@]));\n"
    "    end\n"
    "    for (i = 0; i < @mn@; i = i + 1) begin : gen_c\n"
    "      @name@_creg u_creg (\n"
    "        .clk_i(clk_i), .we_i(c_we_i), .add_i(add), .c_i(c_i[i*@acc@ +: @acc@]),\n"
    "        .sum_i(sum[i*@acc@ +: @acc@]), .q_o(c[i*@acc@ +: @acc@]));\n"
    "    end\n"
    "  endgenerate\n"
    "\n"
    "  @name@_grid u_grid (\n"
    "@clock@"
    "    .x_i(x), .w_i(w), .plane_i(plane), .last_i(last), .c_i(c), .c_o(sum));\n"
    "\n"
    "  assign c_o = c;\n"
    "endmodule\n";

static void put_register(nap_rtl *r, const nap_core *c, const char *reg, const char *what,
                         unsigned bits)
{
    const nap_vvar vars[] = {
        {"name", c->name, 0}, {"reg", reg, 0}, {"what", what, 0}, {"high", NULL, bits - 1}, {0}};
    nap_v_put(&r->text, register_text, vars);
}

static void count(nap_rtl *r, const nap_core *c, const char *suffix, nap_part part, uint64_t n)
{
    char name[96];
    (void)snprintf(name, sizeof name, "%s_%s", c->name, suffix);
    if (!nap_rtl_add_unit(r, name, part, n)) r->text.failed = true;
}

nap_status nap_rtl_array(const nap_core *c, nap_rtl *out, nap_error *e)
{
    const bool lut = c->method == NAP_METHOD_LUT;
    const unsigned xw = (unsigned)nap_frag_bits(c, lut ? NAP_FRAG_T : NAP_FRAG_A, c->wbits),
                   ww = (unsigned)nap_frag_bits(c, NAP_FRAG_W, c->wbits),
                   acc = nap_acc_bits(c->acc), planes = nap_core_planes(c, c->wbits);
    nap_v_header(out, c);
    NAP_TRY(nap_rtl_grid(c, out, e));
    put_register(out, c, "xreg", lut ? "Tables of one row." : "Activations of one row.", xw / c->m);
    put_register(out, c, "wreg", "Weights of one column's worth, all planes.", ww / c->n);
    const nap_vvar acc_vars[] = {{"name", c->name, 0}, {"high", NULL, acc - 1}, {0}};
    nap_v_put(&out->text, accumulator_text, acc_vars);
    put_control(c, out, planes);
    const nap_vvar vars[] = {{"name", c->name, 0},
                             {"m", NULL, c->m},
                             {"n", NULL, c->n},
                             {"mn", NULL, c->m * c->n},
                             {"xhigh", NULL, xw - 1},
                             {"whigh", NULL, ww - 1},
                             {"chigh", NULL, c->m * c->n * acc - 1},
                             {"xrow", NULL, xw / c->m},
                             {"wcol", NULL, ww / c->n},
                             {"acc", NULL, acc},
                             {"clock", c->pipeline == 2 ? "    .clk_i(clk_i),\n" : "", 0},
                             {0}};
    nap_v_put(&out->text, array_text, vars);
    (void)snprintf(out->top, sizeof out->top, "%s_array", c->name);
    count(out, c, "xreg", NAP_PART_TABLE, c->m);
    count(out, c, "wreg", NAP_PART_WEIGHT, c->n);
    count(out, c, "creg", NAP_PART_ACC, (uint64_t)c->m * c->n);
    count(out, c, "ctrl", NAP_PART_CONTROL, 1);
    return nap_v_done(out, e);
}
