/* Icarus Verilog: a test bench in Verilog around the core, four-valued, so that a value nobody
 * wrote is seen as X where it leaves the core. Compiled once for all jobs of a call. */
#include "rtl/simulate.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/process.h"
#include "rtl/verilog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char hint[] = "install the Debian package 'iverilog'";

/* Beside what every bench of the core has (nap_rtl_put_around). */
static const char bench[] =
    "  reg [1023:0] program_file, memory_file, out_file, result_file, vcd_file;\n"
    "  integer result;\n"
    "\n"
    "  task stop(input [63:0] why, input [63:0] cycles, input [63:0] at);\n"
    "    begin\n"
    "      $fdisplay(result, \"%0d %0d %0d\", why, cycles, at);\n"
    "      $fclose(result);\n"
    "      $writememh(out_file, memory, 0, words - 1);\n"
    "      $finish;\n"
    "    end\n"
    "  endtask\n"
    "\n"
    "  // the end of each cycle\n"
    "  always @(negedge clk) if (rst_n) begin\n"
    "    if (cycle > 0 && done) stop(0, cycle - 1, pc);\n"
    "    else if (cycle > 0 && fault) stop(1, cycle - 1, pc);\n"
    "    else if (cycle >= limit) stop(2, cycle, pc);\n"
    "    else if (req === 1'bx || (req && (^addr === 1'bx || (we && ^wdata === 1'bx))))\n"
    "      stop(4, cycle, pc);\n"
    "    else if (req && addr / @bytes@ >= words) stop(3, cycle, addr);\n"
    "  end\n"
    "\n"
    "  initial begin\n"
    "    if ($value$plusargs(\"vcd=%s\", vcd_file)) begin\n"
    "      $dumpfile(vcd_file);\n"
    "      $dumpvars(0, core);\n"
    "    end\n"
    "    i = $value$plusargs(\"program=%s\", program_file);\n"
    "    i = $value$plusargs(\"memory=%s\", memory_file);\n"
    "    i = $value$plusargs(\"out=%s\", out_file);\n"
    "    i = $value$plusargs(\"result=%s\", result_file);\n"
    "    i = $value$plusargs(\"count=%d\", count);\n"
    "    i = $value$plusargs(\"words=%d\", words);\n"
    "    i = $value$plusargs(\"limit=%d\", limit);\n"
    "    $readmemh(program_file, code, 0, count - 1);\n"
    "    $readmemh(memory_file, memory, 0, words - 1);\n"
    "    result = $fopen(result_file);\n"
    "    #12 rst_n = 1'b1;\n"
    "    start = 1'b1;\n"
    "    @(posedge clk);\n"
    "    #1 start = 1'b0;\n"
    "  end\n"
    "endmodule\n";

/* Paths of a job's files. */
enum { PROGRAM, MEMORY, OUT, RESULT, FILES };

static nap_status write_inputs(const nap_rtl_job *j, unsigned bus, const nap_buf *path,
                               nap_error *e)
{
    nap_buf hex = {0};
    for (size_t i = 0; i < j->program->count; i++)
        nap_buf_printf(&hex, "%016llx\n", (unsigned long long)j->program->word[i]);
    nap_status status = hex.failed ? nap_fail_memory(e, hex.len, "a program")
                                   : nap_write_whole(path[PROGRAM].data, hex.data, hex.len, e);
    hex.len = 0;
    nap_rtl_put_hex(&hex, j->memory, j->bytes, bus);
    if (status == NAP_OK)
        status = hex.failed ? nap_fail_memory(e, hex.len, "a memory image")
                            : nap_write_whole(path[MEMORY].data, hex.data, hex.len, e);
    nap_buf_free(&hex);
    return status;
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* $writememh's words, the highest digit first; comments start with "//". */
static nap_status read_memory(const char *path, unsigned bus, nap_rtl_job *j, nap_error *e)
{
    char *text = NULL;
    size_t len = 0, word = 0;
    NAP_TRY(nap_read_whole(path, j->bytes * 3 + (1 << 16), &text, &len, e));
    nap_status status = NAP_OK;
    for (const char *line = text; status == NAP_OK && line < text + len;) {
        const char *end = memchr(line, '\n', (size_t)(text + len - line));
        if (end == NULL) end = text + len;
        if (end - line == (ptrdiff_t)(2 * bus) && line[0] != '/' && word < j->bytes) {
            for (unsigned i = 0; i < bus; i++) {
                const int hi = nibble(line[2 * (bus - 1 - i)]);
                const int lo = nibble(line[2 * (bus - 1 - i) + 1]);
                if (hi < 0 || lo < 0)
                    j->end = NAP_RTL_UNKNOWN;
                else
                    j->memory[word + i] = (uint8_t)(hi << 4 | lo);
            }
            word += bus;
        }
        line = end + 1;
    }
    if (word != j->bytes)
        status = nap_fail(e, NAP_ERR_INTERNAL, NAP_NO_OFFSET, "%s: found %zu bytes, expected %zu",
                          path, word, j->bytes);
    nap_free(text);
    return status;
}

static nap_status read_result(const char *path, nap_rtl_job *j, nap_error *e)
{
    char *text = NULL;
    size_t len = 0;
    unsigned long long end, cycles, at;
    NAP_TRY(nap_read_whole(path, 256, &text, &len, e));
    const bool good = sscanf(text, "%llu %llu %llu", &end, &cycles, &at) == 3;
    const bool unknown = strpbrk(text, "xXzZ") != NULL; /* as the instruction's number */
    nap_free(text);
    if (unknown) {
        j->end = NAP_RTL_UNKNOWN;
        return NAP_OK;
    }
    if (!good)
        return nap_fail(e, NAP_ERR_INTERNAL, NAP_NO_OFFSET,
                        "%s: found no result: the simulator stopped early", path);
    j->end = (nap_rtl_end)end;
    j->cycles = cycles;
    j->at = at;
    return NAP_OK;
}

static nap_status run_job(const nap_core *c, nap_rtl_job *j, const char *folder, const char *vcd,
                          nap_error *e)
{
    static const char *const names[FILES] = {"program", "memory", "out", "result"};
    nap_buf path[FILES] = {{0}}, arg[FILES + 4] = {{0}};
    bool failed = false;
    for (unsigned i = 0; i < FILES; i++) {
        nap_buf_printf(&path[i], "%s/%s", folder, names[i]);
        nap_buf_printf(&arg[i], "+%s=%s/%s", names[i], folder, names[i]);
    }
    nap_buf_printf(&arg[FILES], "+count=%zu", j->program->count);
    nap_buf_printf(&arg[FILES + 1], "+words=%zu", j->bytes / c->bus_bytes);
    nap_buf_printf(&arg[FILES + 2], "+limit=%llu", (unsigned long long)j->max_cycles);
    nap_buf_printf(&arg[FILES + 3], "%s/core.vvp", folder);
    nap_buf wave = {0};
    if (vcd != NULL) nap_buf_printf(&wave, "+vcd=%s", vcd);
    for (unsigned i = 0; i < FILES + 4; i++)
        failed = failed || arg[i].failed || (i < FILES && path[i].failed);
    nap_status status =
        failed || wave.failed ? nap_fail_memory(e, 256, "paths of the simulator") : NAP_OK;
    if (status == NAP_OK) status = write_inputs(j, c->bus_bytes, path, e);
    if (status == NAP_OK) {
        const char *const argv[] = {
            "vvp",       "-n",        arg[FILES + 3].data, arg[0].data,         arg[1].data,
            arg[2].data, arg[3].data, arg[FILES].data,     arg[FILES + 1].data, arg[FILES + 2].data,
            wave.data,   NULL};
        status = nap_rtl_tool(argv, NULL, hint, e);
    }
    if (status == NAP_OK) status = read_result(path[RESULT].data, j, e);
    if (status == NAP_OK) status = read_memory(path[OUT].data, c->bus_bytes, j, e);
    for (unsigned i = 0; i < FILES; i++) nap_buf_free(&path[i]);
    for (unsigned i = 0; i < FILES + 4; i++) nap_buf_free(&arg[i]);
    nap_buf_free(&wave);
    return status;
}

static nap_status compile(const nap_rtl *rtl, const nap_core *c, size_t words, size_t program,
                          const char *folder, nap_error *e)
{
    nap_buf text = {0}, path = {0};
    nap_buf_puts(&text, "`timescale 1ns/1ns\nmodule bench;\n");
    nap_rtl_put_around(&text, rtl->top, c, words, program);
    nap_v_put(&text, bench, (const nap_vvar[]){{"bytes", NULL, c->bus_bytes}, {0}});
    nap_buf_put(&text, rtl->text.data, rtl->text.len);
    nap_buf_printf(&path, "%s/core.v", folder);
    nap_status status = text.failed || path.failed
                            ? nap_fail_memory(e, text.len, "the test bench")
                            : nap_write_whole(path.data, text.data, text.len, e);
    if (status == NAP_OK) {
        const char *const argv[] = {"iverilog", "-g2005",   "-s",     "bench",
                                    "-o",       "core.vvp", "core.v", NULL};
        status = nap_rtl_tool(argv, folder, hint, e);
    }
    nap_buf_free(&text);
    nap_buf_free(&path);
    return status;
}

nap_status nap_rtl_icarus(const nap_rtl *rtl, const nap_core *c, nap_rtl_job *jobs, size_t count,
                          const char *folder, const char *vcd, nap_error *e)
{
    size_t words = 1, program = 1;
    for (size_t i = 0; i < count; i++) {
        if (jobs[i].bytes / c->bus_bytes > words) words = jobs[i].bytes / c->bus_bytes;
        if (jobs[i].program->count > program) program = jobs[i].program->count;
    }
    NAP_TRY(compile(rtl, c, words, program, folder, e));
    for (size_t i = 0; i < count; i++) NAP_TRY(run_job(c, &jobs[i], folder, vcd, e));
    return NAP_OK;
}
