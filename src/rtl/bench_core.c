/* The core's test benches. One text is around the core in each of them: clock, reset, both
 * memories, the cycle count. run_icarus.c adds what co-simulation needs; here is the bench that a
 * design is written with, which runs one program and compares memory and cycles with the
 * interpreter's. */
#include "rtl/simulate.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/process.h"
#include "base/rng.h"
#include "lutcore/compile.h"
#include "rtl/cosim.h"
#include "rtl/verilog.h"

#include <inttypes.h>
#include <string.h>

static const char around_text[] =
    "  reg clk = 1'b0, rst_n = 1'b0, start = 1'b0;\n"
    "  wire done, fault, req, we;\n"
    "  wire [31:0] pc, addr;\n"
    "  wire [@high@:0] wdata;\n"
    "  reg [63:0] code [0:@lastcode@];\n"
    "  reg [@high@:0] memory [0:@lastword@];\n"
    "  reg [@high@:0] data [0:@oldest@];  // of the reads under way; X in a cycle without\n"
    "  reg [63:0] cycle = 64'd0, words, count, limit;\n"
    "  integer i;\n"
    "\n"
    "  @top@ core (\n"
    "    .clk_i(clk), .rst_ni(rst_n), .start_i(start), .done_o(done), .fault_o(fault),\n"
    "    .imem_addr_o(pc),\n"
    "    .imem_rdata_i({32'd0, pc} < count ? code[pc] : 64'hffffffffffffffff),\n"
    "    .mem_req_o(req), .mem_we_o(we), .mem_addr_o(addr), .mem_wdata_o(wdata),\n"
    "    .mem_rdata_i(data[@oldest@]));\n"
    "\n"
    "  initial forever #5 clk = ~clk;\n"
    "\n"
    "  always @(posedge clk) begin\n"
    "    for (i = 1; i < @latency@; i = i + 1) data[i] <= data[i-1];\n"
    "    data[0] <= {@bus@{1'bx}};\n"
    "    if (rst_n) begin\n"
    "      cycle <= cycle + 64'd1;\n"
    "      if (req & ~we) data[0] <= memory[addr / @bytes@];\n"
    "      if (req & we) memory[addr / @bytes@] <= wdata;\n"
    "    end\n"
    "  end\n"
    "\n";

bool nap_rtl_put_around(nap_buf *b, const char *top, const nap_core *c, size_t words,
                        size_t program)
{
    const nap_vvar vars[] = {{"top", top, 0},
                             {"high", NULL, c->bus_bytes * 8 - 1},
                             {"bus", NULL, c->bus_bytes * 8},
                             {"bytes", NULL, c->bus_bytes},
                             {"latency", NULL, c->mem_latency},
                             {"oldest", NULL, c->mem_latency - 1},
                             {"lastcode", NULL, (unsigned)program - 1},
                             {"lastword", NULL, (unsigned)words - 1},
                             {0}};
    return nap_v_put(b, around_text, vars);
}

static const char head_text[] =
    "// Test bench of @name@_core: a program of @count@ instructions on a memory of\n"
    "// @total@ bytes, what the memory holds afterwards, and how long it takes.\n"
    "//\n"
    "//   $ iverilog -g2005 -s @name@_core_tb -f @name@_core_tb.f -o core_tb && vvp -n core_tb\n"
    "//   $ verilator --binary -Wno-fatal --top-module @name@_core_tb -f @name@_core_tb.f &&\n"
    "//     obj_dir/V@name@_core_tb\n"
    "//\n"
    "// It prints PASS or FAIL. The program is in @name@_program.s to read.\n"
    "module @name@_core_tb;\n";

static const char tail_text[] =
    "  reg [@high@:0] expected [0:@lastword@];\n"
    "  reg [@high@:0] found, wanted;\n"
    "  integer w, b, wrong, file;\n"
    "\n"
    "  task compare;\n"
    "    begin\n"
    "      wrong = 0;\n"
    "      for (w = 0; w < @words@; w = w + 1) begin\n"
    "        found = memory[w];\n"
    "        wanted = expected[w];\n"
    "        for (b = 0; b < @bytes@; b = b + 1) begin\n"
    "          if (found[8 * b +: 8] !== wanted[8 * b +: 8]) begin\n"
    "            if (wrong == 0)\n"
    "              $display(\"FAIL: address %0d: found %h, expected %h\", @bytes@ * w + b,\n"
    "                       found[8 * b +: 8], wanted[8 * b +: 8]);\n"
    "            wrong = wrong + 1;\n"
    "          end\n"
    "        end\n"
    "      end\n"
    "      if (wrong != 0)\n"
    "        $display(\"FAIL: %0d of @total@ bytes differ, %0d cycles, expected @cycles@\",\n"
    "                 wrong, cycle - 1);\n"
    "      else if (cycle - 1 != @cycles@)\n"
    "        $display(\"FAIL: found %0d cycles, expected @cycles@\", cycle - 1);\n"
    "      else\n"
    "        $display(\"PASS: @total@ bytes of memory, %0d cycles\", cycle - 1);\n"
    "    end\n"
    "  endtask\n"
    "\n"
    "  // the end of each cycle\n"
    "  always @(negedge clk) if (rst_n) begin\n"
    "    if (req === 1'bx || (req && (^addr === 1'bx || (we && ^wdata === 1'bx)))) begin\n"
    "      $display(\"FAIL: instruction %0d, cycle %0d: an unknown value at the memory port\",\n"
    "               pc, cycle);\n"
    "      $finish;\n"
    "    end else if (req && addr / @bytes@ >= @words@) begin\n"
    "      $display(\"FAIL: cycle %0d: address %0d, expected less than @total@\", cycle, addr);\n"
    "      $finish;\n"
    "    end else if (cycle > 0 && done) begin\n"
    "      compare;\n"
    "      $finish;\n"
    "    end else if (cycle > 0 && fault) begin\n"
    "      $display(\"FAIL: instruction %0d, cycle %0d: fault_o\", pc, cycle);\n"
    "      $finish;\n"
    "    end else if (cycle >= limit) begin\n"
    "      $display(\"FAIL: instruction %0d: not done after %0d cycles, expected @cycles@\",\n"
    "               pc, cycle);\n"
    "      $finish;\n"
    "    end\n"
    "  end\n"
    "\n"
    "  initial begin : run\n"
    "    words = 64'd@words@;\n"
    "    count = 64'd@count@;\n"
    "    limit = 64'd@limit@;\n"
    "@readprogram@@readmemory@@readexpected@"
    "    #12 rst_n = 1'b1;\n"
    "    start = 1'b1;\n"
    "    @(posedge clk);\n"
    "    #1 start = 1'b0;\n"
    "  end\n"
    "endmodule\n";

static const char read_text[] =
    "    file = $fopen(\"@file@\", \"r\");\n"
    "    if (file == 0) begin\n"
    "      $display(\"FAIL: @file@ cannot be read: run in its folder\");\n"
    "      $finish;\n"
    "      disable run;\n"
    "    end\n"
    "    $fclose(file);\n"
    "    $readmemh(\"@file@\", @into@);\n"
    "    if (^@into@[@last@] === 1'bx) begin\n"
    "      $display(\"FAIL: @file@ holds no word @last@: it ends too soon\");\n"
    "      $finish;\n"
    "      disable run;\n"
    "    end\n";

bool nap_rtl_put_hex(nap_buf *b, const uint8_t *memory, size_t bytes, unsigned word)
{
    for (size_t w = 0; w < bytes; w += word) {
        for (unsigned i = word; i-- > 0;) nap_buf_printf(b, "%02x", memory[w + i]);
        nap_buf_putc(b, '\n');
    }
    return !b->failed;
}

/* ------------------------------------------------------------------ the program */

typedef struct work {
    nap_program program;
    uint8_t *memory, *expected;
    size_t bytes; /* whole beats */
    uint64_t cycles;
} work;

static void free_work(work *w)
{
    nap_program_free(&w->program);
    nap_free(w->memory);
    nap_free(w->expected);
}

static nap_status make_memory(work *w, size_t bytes, unsigned beat, nap_error *e)
{
    w->bytes = (bytes + beat - 1) / beat * beat;
    w->memory = nap_calloc(w->bytes, 1);
    w->expected = nap_calloc(w->bytes, 1);
    if (w->memory == NULL || w->expected == NULL)
        return nap_fail_memory(e, w->bytes, "the memory of a test bench");
    return NAP_OK;
}

/* A matrix product a little larger than the array in every direction, as the compiler tiles it:
 * of the codes the first that the design can multiply. */
static nap_status compile_product(const nap_core *c, nap_rng *rng, work *w, nap_error *e)
{
    static const struct {
        unsigned bits;
        int zero;
        bool pm1;
    } codes[] = {{2, 1, false}, {2, 0, true}, {1, 0, true}};
    nap_lgemm g = {.m = c->m + 1, .n = c->n + 1, .k = 2 * nap_core_kdim(c) + 1};
    int8_t *a = nap_alloc(g.m * g.k);
    uint8_t *q = nap_alloc(g.n * g.k);
    nap_lcompiled x = {0};
    nap_status status = NAP_OK;
    if (a == NULL || q == NULL) status = nap_fail_memory(e, g.m * g.k, "a product");
    for (size_t i = 0; status == NAP_OK && i < g.m * g.k; i++)
        a[i] = (int8_t)((int)nap_rng_below(rng, 64) - 32);
    g.a = a;
    g.w = q;
    for (size_t t = 0; status == NAP_OK && t < sizeof codes / sizeof *codes; t++) {
        g.bits = codes[t].bits;
        g.zero = codes[t].zero;
        g.pm1 = codes[t].pm1;
        for (size_t i = 0; i < g.n * g.k; i++)
            q[i] = (uint8_t)nap_rng_below(rng, g.bits == 2 ? 3 : 2);
        status = nap_lgemm_compile(&g, c, &x, e);
        if (status != NAP_ERR_UNSUPPORTED) break;
        if (t + 1 < sizeof codes / sizeof *codes) status = NAP_OK;
    }
    if (status == NAP_OK) status = make_memory(w, x.bytes, c->bus_bytes, e);
    if (status == NAP_OK) {
        memcpy(w->memory, x.memory, x.bytes);
        w->program = x.program;
        x.program = (nap_program){0};
    }
    nap_lcompiled_free(&x);
    nap_free(a);
    nap_free(q);
    return status;
}

/* What the compiler refuses, floating-point sums and FP4 weights, gets tiles one after another: a
 * loop over operands in memory, each result where its accumulators were. */
static nap_status loop_over_tiles(const nap_core *c, nap_rng *rng, work *w, nap_error *e)
{
    enum { TILES = 6 };
    const bool lut = c->method == NAP_METHOD_LUT;
    const size_t fa = nap_frag_bytes(c, NAP_FRAG_A, c->wbits),
                 fw = nap_frag_bytes(c, NAP_FRAG_W, c->wbits),
                 fc = nap_frag_bytes(c, NAP_FRAG_C, c->wbits), tile = fa + fw + fc;
    const uint8_t wt = c->wtype == NAP_W_TERNARY ? NAP_L_WT_TERNARY
                       : c->wtype == NAP_W_E2M1  ? NAP_L_WT_E2M1
                                                 : (uint8_t)c->wbits;
    const nap_linst lmma = {.op = NAP_L_LMMA,
                            .wt = wt,
                            .m = (uint8_t)c->m,
                            .n = (uint16_t)c->n,
                            .kd = (uint16_t)nap_core_kdim(c),
                            .a_operand = !lut,
                            .ad = nap_core_ladt(c),
                            .acc = c->acc,
                            .out = c->acc};
    const nap_linst list[] = {
        {.op = NAP_L_MOV, .xd = 1},
        {.op = NAP_L_LOOP, .imm = TILES},
        {.op = NAP_L_LDA, .xb = 1},
        {.op = NAP_L_LDW, .xb = 1, .imm = (int32_t)fa, .wt = wt},
        {.op = NAP_L_LDC, .xb = 1, .imm = (int32_t)(fa + fw)},
        {.op = NAP_L_WAIT, .mask = NAP_UNIT_MEM},
        {.op = lut ? NAP_L_PRE : NAP_L_NOP, .rt = lut ? NAP_L_REG_NONE : 0},
        {.op = lut ? NAP_L_WAIT : NAP_L_NOP, .mask = lut ? NAP_UNIT_PRE : 0},
        lmma,
        {.op = NAP_L_WAIT, .mask = NAP_UNIT_MMA},
        {.op = NAP_L_STC, .xb = 1, .imm = (int32_t)(fa + fw)},
        {.op = NAP_L_WAIT, .mask = NAP_UNIT_MEM},
        {.op = NAP_L_ADD, .xd = 1, .xb = 1, .imm = (int32_t)tile},
        {.op = NAP_L_END},
        {.op = NAP_L_HALT},
    };
    NAP_TRY(make_memory(w, TILES * tile, c->bus_bytes, e));
    uint32_t *acc = nap_calloc((size_t)c->m * c->n, sizeof *acc);
    if (acc == NULL) return nap_fail_memory(e, (size_t)c->m * c->n * sizeof *acc, "a tile");
    for (unsigned t = 0; t < TILES; t++) {
        uint8_t *at = w->memory + t * tile;
        nap_operands_a(c, rng, at);
        nap_operands_w(c, rng, at + fa);
        nap_operands_c(c, rng, acc);
        for (size_t i = 0; i < (size_t)c->m * c->n; i++)
            nap_bits_put(at + fa + fw, 32 * i, 32, acc[i]);
    }
    nap_free(acc);
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (!nap_program_add(&w->program, nap_linst_encode(&list[i]), 0))
            return nap_fail_memory(e, 8, "a program");
    return NAP_OK;
}

static nap_status make_work(const nap_core *c, uint64_t seed, work *w, nap_error *e)
{
    nap_rng rng;
    nap_lutstat stat = {0};
    nap_rng_seed(&rng, seed);
    nap_status status = compile_product(c, &rng, w, e);
    if (status == NAP_ERR_UNSUPPORTED) status = loop_over_tiles(c, &rng, w, e);
    if (status == NAP_OK) status = nap_program_check(&w->program, c, w->bytes, "test bench", e);
    if (status != NAP_OK) return status;
    memcpy(w->expected, w->memory, w->bytes);
    NAP_TRY(nap_lmma_run(&w->program, c, w->expected, w->bytes, 0, &stat, e));
    w->cycles = stat.cycles;
    return NAP_OK;
}

/* ------------------------------------------------------------------ the files */

static void put_read(nap_buf *b, const char *name, const char *suffix, const char *into, size_t n)
{
    nap_buf file = {0};
    nap_buf_printf(&file, "%s%s", name, suffix);
    const nap_vvar vars[] = {{"file", file.failed ? "" : file.data, 0},
                             {"into", into, 0},
                             {"last", NULL, (unsigned)n - 1},
                             {0}};
    b->failed = b->failed || file.failed;
    nap_v_put(b, read_text, vars);
    nap_buf_free(&file);
}

static nap_status write_bench(const nap_core *c, const char *top, const work *w, const char *dir,
                              nap_error *e)
{
    const size_t words = w->bytes / c->bus_bytes;
    nap_buf read[3] = {{0}}, bench = {0};
    put_read(&read[0], c->name, "_program.hex", "code", w->program.count);
    put_read(&read[1], c->name, "_memory.hex", "memory", words);
    put_read(&read[2], c->name, "_expected.hex", "expected", words);
    nap_status status = NAP_OK;
    for (unsigned i = 0; i < 3; i++)
        if (read[i].failed) status = nap_fail_memory(e, 1024, "a test bench");
    if (status == NAP_OK) {
        const nap_vvar vars[] = {{"name", c->name, 0},
                                 {"high", NULL, c->bus_bytes * 8 - 1},
                                 {"bytes", NULL, c->bus_bytes},
                                 {"words", NULL, (unsigned)words},
                                 {"lastword", NULL, (unsigned)words - 1},
                                 {"total", NULL, (unsigned)w->bytes},
                                 {"count", NULL, (unsigned)w->program.count},
                                 {"cycles", NULL, (unsigned)w->cycles},
                                 {"limit", NULL, (unsigned)(2 * w->cycles + 1000)},
                                 {"readprogram", read[0].data, 0},
                                 {"readmemory", read[1].data, 0},
                                 {"readexpected", read[2].data, 0},
                                 {0}};
        nap_v_put(&bench, head_text, vars);
        nap_rtl_put_around(&bench, top, c, words, w->program.count);
        nap_v_put(&bench, tail_text, vars);
        status = nap_rtl_save(dir, c->name, "_core_tb.v", &bench, e);
    }
    for (unsigned i = 0; i < 3; i++) nap_buf_free(&read[i]);
    nap_buf_free(&bench);
    return status;
}

nap_status nap_rtl_write_core_bench(const nap_core *c, const char *top, const nap_buf *files,
                                    const char *dir, uint64_t seed, nap_error *e)
{
    work w = {0};
    nap_buf text = {0};
    nap_status status = make_work(c, seed, &w, e);
    if (status == NAP_OK) status = write_bench(c, top, &w, dir, e);
    if (status == NAP_OK) {
        for (size_t i = 0; i < w.program.count; i++)
            nap_buf_printf(&text, "%016" PRIx64 "\n", w.program.word[i]);
        status = nap_rtl_save(dir, c->name, "_program.hex", &text, e);
    }
    text.len = 0;
    if (status == NAP_OK) status = nap_lmma_disassemble(&w.program, &text, e);
    if (status == NAP_OK) status = nap_rtl_save(dir, c->name, "_program.s", &text, e);
    text.len = 0;
    nap_rtl_put_hex(&text, w.memory, w.memory != NULL ? w.bytes : 0, c->bus_bytes);
    if (status == NAP_OK) status = nap_rtl_save(dir, c->name, "_memory.hex", &text, e);
    text.len = 0;
    nap_rtl_put_hex(&text, w.expected, w.expected != NULL ? w.bytes : 0, c->bus_bytes);
    if (status == NAP_OK) status = nap_rtl_save(dir, c->name, "_expected.hex", &text, e);
    text.len = 0;
    nap_buf_put(&text, files->data, files->len);
    nap_buf_printf(&text, "%s_core_tb.v\n", c->name);
    if (status == NAP_OK) status = nap_rtl_save(dir, c->name, "_core_tb.f", &text, e);
    nap_buf_free(&text);
    free_work(&w);
    return status;
}
