/* A design as files: one per module, a file list, and a test bench that checks itself with vectors
 * from the definition (array.h). Icarus Verilog and Verilator both run it; its first lines say how.
 * Here are the array's; the core's bench is bench_core.c's. */
#include "rtl/cosim.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/process.h"
#include "rtl/simulate.h"
#include "rtl/verilog.h"

#include <stdio.h>
#include <string.h>

enum { TILES_MAX = 1000000 };

static const char bench_text[] =
    "// Test bench of @name@_array: @tiles@ random steps with their expected results.\n"
    "//\n"
    "//   $ iverilog -g2005 -s @name@_tb -f @name@_array.f @name@_tb.v -o tb && vvp -n tb\n"
    "//   $ verilator --binary --top-module @name@_tb -f @name@_array.f @name@_tb.v &&\n"
    "//     obj_dir/V@name@_tb\n"
    "//\n"
    "// It prints PASS or FAIL. Every vector is one step: what is loaded, how many planes, idle\n"
    "// cycles before it, operands, and the accumulators after it.\n"
    "module @name@_tb;\n"
    "  reg          clk_i, rst_ni, x_we_i, w_we_i, c_we_i, step_i;\n"
    "  reg  [3:0]   planes_i;\n"
    "  reg  [@xhigh@:0] x_i;\n"
    "  reg  [@whigh@:0] w_i;\n"
    "  reg  [@chigh@:0] c_i;\n"
    "  wire         ready_o, done_o;\n"
    "  wire [@chigh@:0] c_o;\n"
    "\n"
    "  @name@_array dut (\n"
    "    .clk_i(clk_i), .rst_ni(rst_ni), .x_we_i(x_we_i), .x_i(x_i), .w_we_i(w_we_i), .w_i(w_i),\n"
    "    .c_we_i(c_we_i), .c_i(c_i), .step_i(step_i), .planes_i(planes_i), .ready_o(ready_o),\n"
    "    .done_o(done_o), .c_o(c_o));\n"
    "\n"
    "  // flags, planes, gap, x, w, c, expected\n"
    "  reg [@vhigh@:0] vector [0:@last@];\n"
    "  reg [2:0] flags;\n"
    "  reg [7:0] gap;\n"
    "  integer file, issued, checked, wrong, cycles;\n"
    "\n"
    "  initial begin\n"
    "    clk_i = 1'b0;\n"
    "    forever #5 clk_i = ~clk_i;\n"
    "  end\n"
    "\n"
    "  // One cycle: what was set before it is sampled by its rising edge.\n"
    "  task cycle;\n"
    "    begin\n"
    "      @(negedge clk_i);\n"
    "      cycles = cycles + 1;\n"
    "      if (done_o !== 1'b0) begin\n"
    "        if (done_o !== 1'b1 || c_o !== vector[checked][@chigh@:0]) begin\n"
    "          if (wrong == 0)\n"
    "            $display(\"tile %0d: found %h, expected %h\", checked, c_o,\n"
    "                     vector[checked][@chigh@:0]);\n"
    "          wrong = wrong + 1;\n"
    "        end\n"
    "        checked = checked + 1;\n"
    "      end\n"
    "      if (cycles > @limit@) begin\n"
    "        $display(\"FAIL: %0d of @tiles@ tiles after %0d cycles\", checked, cycles);\n"
    "        $finish;\n"
    "      end\n"
    "    end\n"
    "  endtask\n"
    "\n"
    "  initial begin : run\n"
    "    file = $fopen(\"@name@_vectors.hex\", \"r\");\n"
    "    if (file == 0) begin\n"
    "      $display(\"FAIL: @name@_vectors.hex cannot be read: run in its folder\");\n"
    "      $finish;\n"
    "      disable run;\n"
    "    end\n"
    "    $fclose(file);\n"
    "    $readmemh(\"@name@_vectors.hex\", vector);\n"
    "    if (^vector[@last@] === 1'bx) begin\n"
    "      $display(\"FAIL: @name@_vectors.hex holds no vector @last@: it ends too soon\");\n"
    "      $finish;\n"
    "      disable run;\n"
    "    end\n"
    "    {x_we_i, w_we_i, c_we_i, step_i} = 4'd0;\n"
    "    planes_i = 4'd1;\n"
    "    x_i = 0;\n"
    "    w_i = 0;\n"
    "    c_i = 0;\n"
    "    issued = 0;\n"
    "    checked = 0;\n"
    "    wrong = 0;\n"
    "    cycles = 0;\n"
    "    rst_ni = 1'b0;\n"
    "    @(negedge clk_i);\n"
    "    @(negedge clk_i);\n"
    "    rst_ni = 1'b1;\n"
    "    while (issued < @tiles@) begin\n"
    "      flags = vector[issued][@flagsat@ +: 3];\n"
    "      gap = vector[issued][@gapat@ -: 8];\n"
    "      while (gap != 8'd0) begin\n"
    "        cycle;\n"
    "        gap = gap - 8'd1;\n"
    "      end\n"
    "      while (ready_o !== 1'b1 || (flags[2] && issued != checked)) cycle;\n"
    "      x_i = vector[issued][@xat@ +: @xbits@];\n"
    "      w_i = vector[issued][@wat@ +: @wbits@];\n"
    "      c_i = vector[issued][@cbits@ +: @cbits@];\n"
    "      {c_we_i, w_we_i, x_we_i} = flags;\n"
    "      planes_i = vector[issued][@planesat@ +: 4];\n"
    "      step_i = 1'b1;\n"
    "      issued = issued + 1;\n"
    "      cycle;\n"
    "      {x_we_i, w_we_i, c_we_i, step_i} = 4'd0;\n"
    "    end\n"
    "    while (checked < @tiles@) cycle;\n"
    "    if (wrong == 0) $display(\"PASS: @tiles@ tiles, %0d cycles\", cycles);\n"
    "    else $display(\"FAIL: %0d of @tiles@ tiles differ\", wrong);\n"
    "    $finish;\n"
    "  end\n"
    "endmodule\n";

/* Copies a field of `bits` bits. */
static void copy_bits(uint8_t *to, size_t at, const uint8_t *from, size_t bits)
{
    for (size_t i = 0; i < bits; i += 32) {
        const unsigned n = bits - i < 32 ? (unsigned)(bits - i) : 32;
        nap_bits_put(to, at + i, n, nap_bits_get(from, i, n));
    }
}

typedef struct widths {
    size_t x, w, c, vector; /* bits */
} widths;

static widths measure(const nap_core *c)
{
    const nap_frag x = c->method == NAP_METHOD_LUT ? NAP_FRAG_T : NAP_FRAG_A;
    widths v = {nap_frag_bits(c, x, c->wbits), nap_frag_bits(c, NAP_FRAG_W, c->wbits),
                (size_t)c->m * c->n * nap_acc_bits(c->acc), 0};
    v.vector = 24 + v.x + v.w + 2 * v.c;
    return v;
}

/* One vector a line, hexadecimal, the first field highest. */
static nap_status put_vectors(const nap_core *c, unsigned tiles, uint64_t seed, nap_buf *out,
                              nap_error *e)
{
    const widths v = measure(c);
    const size_t bytes = (v.vector + 7) / 8;
    nap_stream s;
    uint8_t *image = NULL;
    nap_status status = nap_stream_open(&s, c, seed, e);
    if (status == NAP_OK && (image = nap_calloc(bytes + 8, 1)) == NULL)
        status = nap_fail_memory(e, bytes, "a vector");
    for (unsigned i = 0; status == NAP_OK && i < tiles; i++) {
        nap_stream_step(&s);
        const uint8_t *head = (const uint8_t *)s.records.data, *x = head + NAP_STREAM_HEAD,
                      *w = x + s.x_bytes, *fresh = w + s.w_bytes;
        if (s.records.failed || s.expected.failed) {
            status = nap_fail_memory(e, s.records.len, "vectors");
            break;
        }
        copy_bits(image, 0, (const uint8_t *)s.expected.data, v.c);
        copy_bits(image, v.c, fresh, v.c);
        copy_bits(image, 2 * v.c, w, v.w);
        copy_bits(image, 2 * v.c + v.w, x, v.x);
        for (unsigned f = 0; f < 3; f++) nap_bits_put(image, v.vector - 8 * (f + 1), 8, head[f]);
        for (size_t b = bytes; b-- > 0;) nap_buf_printf(out, "%02x", image[b]);
        nap_buf_putc(out, '\n');
        s.records.len = s.expected.len = 0;
    }
    nap_free(image);
    nap_stream_free(&s);
    if (status == NAP_OK && out->failed) status = nap_fail_memory(e, out->len, "vectors");
    return status;
}

nap_status nap_rtl_save(const char *dir, const char *name, const char *suffix, const nap_buf *text,
                        nap_error *e)
{
    nap_buf path = {0};
    nap_buf_printf(&path, "%s/%s%s", dir, name, suffix);
    const nap_status status = path.failed || text->failed
                                  ? nap_fail_memory(e, text->len, "a file")
                                  : nap_write_whole(path.data, text->data, text->len, e);
    nap_buf_free(&path);
    return status;
}

static nap_status write_bench(const nap_core *c, const char *dir, unsigned tiles, uint64_t seed,
                              nap_error *e)
{
    const widths v = measure(c);
    const nap_vvar vars[] = {{"name", c->name, 0},
                             {"tiles", NULL, tiles},
                             {"last", NULL, tiles - 1},
                             {"limit", NULL, 40 * tiles + 1000},
                             {"xhigh", NULL, (unsigned)v.x - 1},
                             {"whigh", NULL, (unsigned)v.w - 1},
                             {"chigh", NULL, (unsigned)v.c - 1},
                             {"vhigh", NULL, (unsigned)v.vector - 1},
                             {"flagsat", NULL, (unsigned)v.vector - 8},
                             {"planesat", NULL, (unsigned)v.vector - 16},
                             {"gapat", NULL, (unsigned)v.vector - 17},
                             {"xat", NULL, (unsigned)(2 * v.c + v.w)},
                             {"xbits", NULL, (unsigned)v.x},
                             {"wat", NULL, (unsigned)(2 * v.c)},
                             {"wbits", NULL, (unsigned)v.w},
                             {"cbits", NULL, (unsigned)v.c},
                             {0}};
    nap_buf bench = {0}, vectors = {0};
    nap_v_put(&bench, bench_text, vars);
    nap_status status = put_vectors(c, tiles, seed, &vectors, e);
    if (status == NAP_OK) status = nap_rtl_save(dir, c->name, "_tb.v", &bench, e);
    if (status == NAP_OK) status = nap_rtl_save(dir, c->name, "_vectors.hex", &vectors, e);
    nap_buf_free(&bench);
    nap_buf_free(&vectors);
    return status;
}

/* The modules of a text, and their list. */
static nap_status write_text(const nap_core *c, const nap_rtl *r, const char *dir,
                             const char *suffix, nap_buf *list, nap_error *e)
{
    NAP_TRY(nap_rtl_write_modules(r, dir, list, e));
    return nap_rtl_save(dir, c->name, suffix, list, e);
}

nap_status nap_rtl_write_array(const nap_core *c, const char *dir, unsigned tiles, uint64_t seed,
                               nap_error *e)
{
    nap_rtl r = {0};
    nap_buf list = {0};
    if (tiles == 0 || tiles > TILES_MAX)
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET, "tiles: found %u, expected 1 to %d",
                        tiles, TILES_MAX);
    NAP_TRY(nap_make_folder(dir, e));
    nap_status status = nap_rtl_array(c, &r, e);
    if (status == NAP_OK) status = write_text(c, &r, dir, "_array.f", &list, e);
    if (status == NAP_OK) status = write_bench(c, dir, tiles, seed, e);
    nap_buf_free(&list);
    nap_rtl_free(&r);
    return status;
}

nap_status nap_rtl_write(const nap_core *c, const char *dir, unsigned tiles, uint64_t seed,
                         nap_error *e)
{
    nap_rtl r = {0};
    nap_buf list = {0};
    NAP_TRY(nap_rtl_write_array(c, dir, tiles, seed, e));
    nap_status status = nap_rtl_core(c, &r, e);
    if (status == NAP_OK) status = write_text(c, &r, dir, "_core.f", &list, e);
    if (status == NAP_OK) status = nap_rtl_write_core_bench(c, r.top, &list, dir, seed, e);
    nap_buf_free(&list);
    nap_rtl_free(&r);
    return status;
}
