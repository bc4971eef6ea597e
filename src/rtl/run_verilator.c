/* Verilator: a simulator is built once per text, harness and version, and kept in the cache folder
 * under their hash. Jobs go in and results come out through files. */
#include "rtl/simulate.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/process.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char hint[] = "install the Debian package 'verilator'";

/* The program around the core. Data of a read are on the port only in their one cycle; at any
 * other time it carries a pattern that no program may depend on. Registers that are not reset
 * start with random bits. */
static const char harness[] =
    "#include \"verilated.h\"\n"
    "#include \"Vcore.h\"\n"
    "#if TRACE\n"
    "#include \"verilated_vcd_c.h\"\n"
    "#endif\n"
    "#include <cstdint>\n"
    "#include <cstdio>\n"
    "#include <cstring>\n"
    "#include <unistd.h>\n"
    "#include <memory>\n"
    "#include <vector>\n"
    "\n"
    "enum End : uint64_t { DONE, FAULT, LIMIT, OUTSIDE };\n"
    "static uint64_t now;\n"
    "double sc_time_stamp() { return (double)now; }\n"
    "#if TRACE\n"
    "static VerilatedVcdC *trace;\n"
    "#define DUMP() trace->dump(now)\n"
    "#else\n"
    "#define DUMP() (void)0\n"
    "#endif\n"
    "\n"
    "static void half(Vcore &core, int clock)\n"
    "{\n"
    "    core.clk_i = clock;\n"
    "    core.eval();\n"
    "    DUMP();\n"
    "    now += 5;\n"
    "}\n"
    "\n"
    "#if TRACE\n"
    "static const char *trace_path;\n"
    "/* Verilator's own handler tries to flush the trace, which for ever fails on a full disk. */\n"
    "void vl_fatal(const char *, int, const char *, const char *message)\n"
    "{\n"
    "    fprintf(stderr, \"Error: %s: %s\\n\", trace_path, message);\n"
    "    _exit(6);\n"
    "}\n"
    "#endif\n"
    "\n"
    "struct Result { uint64_t end, cycles, at; };\n"
    "\n"
    "static Result run(Vcore &core, const std::vector<uint64_t> &program,\n"
    "                  std::vector<uint8_t> &memory, uint64_t limit)\n"
    "{\n"
    "    std::vector<uint8_t> slot((size_t)LATENCY * BUS);\n"
    "    std::vector<bool> valid(LATENCY, false);\n"
    "    core.start_i = 0;\n"
    "    core.imem_rdata_i = ~0ull;\n"
    "    memset((void *)&core.mem_rdata_i, 0x5a, BUS);\n"
    "    core.rst_ni = 0;\n"
    "    half(core, 0);\n"
    "    half(core, 1);\n"
    "    half(core, 0);\n"
    "    core.rst_ni = 1;\n"
    "    half(core, 1);\n"
    "    /* cycle 0 is that of start_i; the first instruction can issue in cycle 1 */\n"
    "    for (uint64_t cycle = 0; cycle <= limit; cycle++) {\n"
    "        const size_t s = cycle % LATENCY;\n"
    "        const uint32_t pc = core.imem_addr_o;\n"
    "        core.start_i = cycle == 0;\n"
    "        core.imem_rdata_i = pc < program.size() ? program[pc] : ~0ull;\n"
    "        if (valid[s]) memcpy((void *)&core.mem_rdata_i, &slot[s * BUS], BUS);\n"
    "        else memset((void *)&core.mem_rdata_i, 0x5a, BUS);\n"
    "        half(core, 0);\n"
    "        if (cycle > 0 && core.done_o) return {DONE, cycle - 1, pc};\n"
    "        if (cycle > 0 && core.fault_o) return {FAULT, cycle - 1, pc};\n"
    "        valid[s] = false;\n"
    "        if (core.mem_req_o) {\n"
    "            const uint64_t at = core.mem_addr_o;\n"
    "            if (at % BUS != 0 || at + BUS > memory.size()) return {OUTSIDE, cycle, at};\n"
    "            if (core.mem_we_o) {\n"
    "                memcpy(&memory[at], &core.mem_wdata_o, BUS);\n"
    "            } else {\n"
    "                memcpy(&slot[s * BUS], &memory[at], BUS);\n"
    "                valid[s] = true;\n"
    "            }\n"
    "        }\n"
    "        half(core, 1);\n"
    "    }\n"
    "    return {LIMIT, limit, core.imem_addr_o};\n"
    "}\n"
    "\n"
    "int main(int argc, char **argv)\n"
    "{\n"
    "    if (argc < 3) return 2;\n"
    "    FILE *in = fopen(argv[1], \"rb\"), *out = fopen(argv[2], \"wb\");\n"
    "    if (!in || !out) return 3;\n"
    "    VerilatedContext context;\n"
    "    context.randReset(2);\n"
    "    context.randSeed(1);\n"
    "#if TRACE\n"
    "    context.traceEverOn(true);\n"
    "#endif\n"
    "    std::unique_ptr<Vcore> core(new Vcore(&context));\n"
    "#if TRACE\n"
    "    VerilatedVcdC tracer;\n"
    "    trace = &tracer;\n"
    "    core->trace(trace, 99);\n"
    "    trace_path = argv[3];\n"
    "    trace->open(trace_path);\n"
    "    if (!trace->isOpen()) vl_fatal(\"\", 0, \"\", \"cannot open\");\n"
    "#endif\n"
    "    uint64_t head[3];\n"
    "    while (fread(head, 8, 3, in) == 3) {\n"
    "        std::vector<uint64_t> program(head[0]);\n"
    "        std::vector<uint8_t> memory(head[1]);\n"
    "        if (fread(program.data(), 8, head[0], in) != head[0]) return 4;\n"
    "        if (fread(memory.data(), 1, head[1], in) != head[1]) return 4;\n"
    "        const Result r = run(*core, program, memory, head[2]);\n"
    "        if (fwrite(&r, sizeof r, 1, out) != 1) return 5;\n"
    "        if (fwrite(memory.data(), 1, head[1], out) != head[1]) return 5;\n"
    "    }\n"
    "#if TRACE\n"
    "    trace->close();\n"
    "#endif\n"
    "    core->final();\n"
    "    fclose(in);\n"
    "    return fclose(out) == 0 ? 0 : 5;\n"
    "}\n";

static uint64_t hash_of(uint64_t h, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)s[i]) * 0x100000001b3ull; /* FNV-1a */
    return h;
}

/* "v-<128 bits>": what the simulator was built from. */
static nap_status key_of(const nap_rtl *rtl, const nap_buf *program, bool trace, char key[48],
                         nap_error *e)
{
    const char *const argv[] = {"verilator", "--version", NULL};
    nap_buf version = {0};
    int code = 0;
    const nap_status status = nap_process_run(argv, NULL, &version, &code, hint, e);
    if (status == NAP_OK) {
        uint64_t h[2] = {0xcbf29ce484222325ull, 0x84222325cbf29ce4ull};
        for (unsigned i = 0; i < 2; i++) {
            h[i] = hash_of(h[i], rtl->text.data, rtl->text.len);
            h[i] = hash_of(h[i], program->data, program->len);
            h[i] = hash_of(h[i], version.data, version.len);
        }
        snprintf(key, 48, "v%c%016" PRIx64 "%016" PRIx64, trace ? 't' : '-', h[0], h[1]);
    }
    nap_buf_free(&version);
    return status;
}

/* Builds in the job's own folder, then moves the finished program to the cache in one step, so
 * that two processes that want the same simulator cannot disturb each other. */
static nap_status build(const nap_rtl *rtl, const nap_buf *program, bool trace, const char *folder,
                        const char *target, nap_error *e)
{
    nap_buf path = {0};
    nap_buf_printf(&path, "%s/core.v", folder);
    nap_status status = nap_write_whole(path.data, rtl->text.data, rtl->text.len, e);
    path.len = 0;
    nap_buf_printf(&path, "%s/harness.cpp", folder);
    if (status == NAP_OK) status = nap_write_whole(path.data, program->data, program->len, e);
    static const char *const needed[] = {"make", "g++"};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0] && status == NAP_OK; i++)
        if (!nap_process_exists(needed[i]))
            status = nap_fail(e, NAP_ERR_NOT_FOUND, NAP_NO_OFFSET,
                              "the program '%s' was not found, which Verilator builds with; "
                              "Debian: apt install %s",
                              needed[i], needed[i]);
    if (status == NAP_OK) {
        nap_log("building a simulator of %s with Verilator; the next run finds it in the cache",
                rtl->top);
        const char *const argv[] = {"verilator",
                                    "--cc",
                                    "--exe",
                                    "--build",
                                    "-O3",
                                    "-Wno-fatal",
                                    "--x-initial",
                                    "unique",
                                    "--x-assign",
                                    "fast",
                                    "-CFLAGS",
                                    "-O1",
                                    "--top-module",
                                    rtl->top,
                                    "--prefix",
                                    "Vcore",
                                    "--Mdir",
                                    "obj",
                                    "-o",
                                    "simulate",
                                    "core.v",
                                    "harness.cpp",
                                    trace ? "--trace" : NULL, /* the list's end without */
                                    "-CFLAGS",
                                    "-DVL_USER_FATAL",
                                    NULL};
        status = nap_rtl_tool(argv, folder, hint, e);
    }
    path.len = 0;
    nap_buf_printf(&path, "%s/obj/simulate", folder);
    if (status == NAP_OK && rename(path.data, target) != 0)
        status =
            nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "%s: cannot be moved to %s", path.data, target);
    nap_buf_free(&path);
    return status;
}

static void put_u64(nap_buf *b, uint64_t v)
{
    nap_buf_put(b, &v, sizeof v);
}

static nap_status write_jobs(const char *path, const nap_rtl_job *jobs, size_t count, nap_error *e)
{
    nap_buf b = {0};
    for (size_t i = 0; i < count; i++) {
        put_u64(&b, jobs[i].program->count);
        put_u64(&b, jobs[i].bytes);
        put_u64(&b, jobs[i].max_cycles);
        nap_buf_put(&b, jobs[i].program->word, jobs[i].program->count * sizeof(uint64_t));
        nap_buf_put(&b, jobs[i].memory, jobs[i].bytes);
    }
    const nap_status status =
        b.failed ? nap_fail_memory(e, b.len, "jobs") : nap_write_whole(path, b.data, b.len, e);
    nap_buf_free(&b);
    return status;
}

static nap_status read_results(const char *path, nap_rtl_job *jobs, size_t count, nap_error *e)
{
    char *text = NULL;
    size_t len = 0, at = 0, want = 0;
    for (size_t i = 0; i < count; i++) want += 24 + jobs[i].bytes;
    NAP_TRY(nap_read_whole(path, want + 1, &text, &len, e));
    if (len != want) {
        nap_free(text);
        return nap_fail(e, NAP_ERR_INTERNAL, NAP_NO_OFFSET,
                        "%s: found %zu bytes, expected %zu: the simulator stopped early", path, len,
                        want);
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t head[3];
        memcpy(head, text + at, sizeof head);
        jobs[i].end = (nap_rtl_end)head[0];
        jobs[i].cycles = head[1];
        jobs[i].at = head[2];
        memcpy(jobs[i].memory, text + at + sizeof head, jobs[i].bytes);
        at += sizeof head + jobs[i].bytes;
    }
    nap_free(text);
    return NAP_OK;
}

nap_status nap_rtl_verilator(const nap_rtl *rtl, const nap_core *c, nap_rtl_job *jobs, size_t count,
                             const char *cache, const char *folder, const char *vcd, nap_error *e)
{
    nap_buf program = {0}, tool = {0}, in = {0}, out = {0};
    char key[48];
    nap_buf_printf(&program, "#define BUS %u\n#define LATENCY %u\n#define TRACE %d\n%s",
                   c->bus_bytes, c->mem_latency, vcd != NULL, harness);
    nap_status status = key_of(rtl, &program, vcd != NULL, key, e);
    if (status == NAP_OK) {
        nap_buf_printf(&tool, "%s/%s", cache, key);
        nap_buf_printf(&in, "%s/jobs", folder);
        nap_buf_printf(&out, "%s/results", folder);
        if (program.failed || tool.failed || in.failed || out.failed)
            status = nap_fail_memory(e, 256, "paths of the simulator");
    }
    if (status == NAP_OK && access(tool.data, X_OK) != 0)
        status = build(rtl, &program, vcd != NULL, folder, tool.data, e);
    if (status == NAP_OK) status = write_jobs(in.data, jobs, count, e);
    if (status == NAP_OK) {
        const char *const argv[] = {tool.data, in.data, out.data, vcd, NULL};
        status = nap_rtl_tool(argv, NULL, NULL, e);
    }
    if (status == NAP_OK) status = read_results(out.data, jobs, count, e);
    nap_buf_free(&program);
    nap_buf_free(&tool);
    nap_buf_free(&in);
    nap_buf_free(&out);
    return status;
}
