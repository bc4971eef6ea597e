/* Streams of random steps through a verilated array, compared with nap_array_step(); and cases
 * through combinational modules. Records go in and results come out through files. */
#include "rtl/cosim.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/process.h"
#include "rtl/verilog.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    CHUNK_BYTES = 8 << 20, /* of records in one file */
    MISBEHAVED = 9         /* the program's exit code when the timing is wrong */
};

/* The program around an array. A step in cycle t: ready_o is low in t+1 .. t+planes-1 and done_o
 * high in t+planes+PIPELINE, and nowhere else. Operand ports carry other data where nothing is
 * loaded. Little-endian machines, as all that Verilator's own images are made for. */
static const char array_main[] =
    "#include \"Vdut.h\"\n"
    "#include <cstdint>\n"
    "#include <cstdio>\n"
    "#include <cstring>\n"
    "#include <deque>\n"
    "#include <memory>\n"
    "#include <vector>\n"
    "\n"
    "static VerilatedContext context;\n"
    "static std::unique_ptr<Vdut> dut;\n"
    "static FILE *out;\n"
    "static uint64_t cycle, busy_until;\n"
    "static std::deque<uint64_t> due;\n"
    "\n"
    "/* One cycle with the inputs as they are. */\n"
    "static void tick()\n"
    "{\n"
    "    dut->clk_i = 0;\n"
    "    dut->eval();\n"
    "    const bool ready = cycle >= busy_until, done = !due.empty() && due.front() == cycle;\n"
    "    if (dut->ready_o != ready || dut->done_o != done) {\n"
    "        printf(\"cycle %llu: ready_o %d, expected %d; done_o %d, expected %d\\n\",\n"
    "               (unsigned long long)cycle, dut->ready_o, ready, dut->done_o, done);\n"
    "        exit(9);\n"
    "    }\n"
    "    if (done) {\n"
    "        fwrite(&dut->c_o, 1, C_BYTES, out);\n"
    "        due.pop_front();\n"
    "    }\n"
    "    dut->clk_i = 1;\n"
    "    dut->eval();\n"
    "    cycle++;\n"
    "}\n"
    "\n"
    "static void idle()\n"
    "{\n"
    "    dut->x_we_i = dut->w_we_i = dut->c_we_i = dut->step_i = 0;\n"
    "    tick();\n"
    "}\n"
    "\n"
    "int main(int argc, char **argv)\n"
    "{\n"
    "    if (argc < 3) return 2;\n"
    "    FILE *in = fopen(argv[1], \"rb\");\n"
    "    out = fopen(argv[2], \"wb\");\n"
    "    if (!in || !out) return 3;\n"
    "    context.randReset(2);\n"
    "    context.randSeed(1);\n"
    "    dut.reset(new Vdut(&context));\n"
    "    dut->x_we_i = dut->w_we_i = dut->c_we_i = dut->step_i = 0;\n"
    "    dut->planes_i = 0;\n"
    "    dut->rst_ni = 0;\n"
    "    for (int i = 0; i < 4; i++) {\n"
    "        dut->clk_i = i & 1;\n"
    "        dut->eval();\n"
    "    }\n"
    "    dut->rst_ni = 1;\n"
    "    std::vector<uint8_t> r(4 + X_BYTES + W_BYTES + C_BYTES);\n"
    "    while (fread(r.data(), r.size(), 1, in) == 1) {\n"
    "        for (int i = 0; i < r[2]; i++) idle();\n"
    "        while (cycle < busy_until || ((r[0] & 4) && !due.empty() && due.back() > cycle)) "
    "idle();\n"
    "        dut->x_we_i = r[0] & 1;\n"
    "        dut->w_we_i = r[0] >> 1 & 1;\n"
    "        dut->c_we_i = r[0] >> 2 & 1;\n"
    "        memcpy((void *)&dut->x_i, &r[4], X_BYTES);\n"
    "        memcpy((void *)&dut->w_i, &r[4 + X_BYTES], W_BYTES);\n"
    "        memcpy((void *)&dut->c_i, &r[4 + X_BYTES + W_BYTES], C_BYTES);\n"
    "        dut->step_i = 1;\n"
    "        dut->planes_i = r[1];\n"
    "        const uint64_t t = cycle;\n"
    "        tick();\n"
    "        busy_until = t + r[1];\n"
    "        due.push_back(t + r[1] + PIPELINE);\n"
    "    }\n"
    "    while (!due.empty()) idle();\n"
    "    dut->final();\n"
    "    fclose(in);\n"
    "    return fclose(out) == 0 ? 0 : 5;\n"
    "}\n";

static size_t bytes_of(size_t bits)
{
    return (bits + 7) / 8;
}

static void note(nap_cosim_report *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void note(nap_cosim_report *r, const char *fmt, ...)
{
    if (r->failures++ != 0) return;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(r->first, sizeof r->first, fmt, ap);
    va_end(ap);
}

/* Runs the simulator on a chunk: in -> out, `want` bytes. Wrong timing is a failure of the design,
 * anything else an error. */
static nap_status run_chunk(const char *tool, const char *folder, const nap_buf *in, size_t want,
                            char **result, nap_cosim_report *report, nap_error *e)
{
    nap_buf in_path = {0}, out_path = {0}, said = {0};
    int code = 0;
    size_t len = 0;
    *result = NULL;
    nap_buf_printf(&in_path, "%s/in", folder);
    nap_buf_printf(&out_path, "%s/out", folder);
    nap_status status = in_path.failed || out_path.failed || in->failed
                            ? nap_fail_memory(e, in->len, "records")
                            : nap_write_whole(in_path.data, in->data, in->len, e);
    if (status == NAP_OK) {
        const char *const argv[] = {tool, in_path.data, out_path.data, NULL};
        status = nap_process_run(argv, NULL, &said, &code, NULL, e);
    }
    if (status == NAP_OK && code == MISBEHAVED) {
        note(report, "%.300s", said.data);
    } else if (status == NAP_OK && code != 0) {
        status = nap_fail(e, NAP_ERR_INTERNAL, NAP_NO_OFFSET, "the simulator ended with %d: %.300s",
                          code, said.data != NULL ? said.data : "");
    } else if (status == NAP_OK) {
        status = nap_read_whole(out_path.data, want + 1, result, &len, e);
        if (status == NAP_OK && len != want)
            status = nap_fail(e, NAP_ERR_INTERNAL, NAP_NO_OFFSET,
                              "the simulator wrote %zu bytes, expected %zu", len, want);
    }
    nap_buf_free(&in_path);
    nap_buf_free(&out_path);
    nap_buf_free(&said);
    return status;
}

/* ------------------------------------------------------------------ arrays */

static void compare_arrays(const nap_stream *s, const char *got, nap_cosim_report *report)
{
    const unsigned bits = nap_acc_bits(s->c->acc);
    for (size_t at = 0; at < s->expected.len; at += s->c_bytes) {
        const uint64_t tile = report->tiles++;
        if (memcmp(got + at, s->expected.data + at, s->c_bytes) == 0) continue;
        const uint8_t *a = (const uint8_t *)got + at, *b = (const uint8_t *)s->expected.data + at;
        size_t i = 0;
        while (nap_bits_get(a, i * bits, bits) == nap_bits_get(b, i * bits, bits)) i++;
        note(report, "tile %" PRIu64 ", row %zu, column %zu: found %" PRIx64 ", expected %" PRIx64,
             tile, i / s->c->n, i % s->c->n, nap_bits_get(a, i * bits, bits),
             nap_bits_get(b, i * bits, bits));
    }
}

static nap_status stream_run(nap_stream *s, const char *tool, const char *folder, uint64_t tiles,
                             nap_cosim_report *report, nap_error *e)
{
    const size_t record = NAP_STREAM_HEAD + s->x_bytes + s->w_bytes + s->c_bytes;
    while (report->tiles < tiles && report->failures == 0) {
        uint64_t n = CHUNK_BYTES / record + 1;
        if (n > tiles - report->tiles) n = tiles - report->tiles;
        s->records.len = s->expected.len = 0;
        s->steps = 0;
        for (uint64_t i = 0; i < n; i++) nap_stream_step(s);
        char *got = NULL;
        if (s->expected.failed) return nap_fail_memory(e, s->expected.len, "expected results");
        NAP_TRY(run_chunk(tool, folder, &s->records, s->expected.len, &got, report, e));
        if (got != NULL) compare_arrays(s, got, report);
        nap_free(got);
    }
    return NAP_OK;
}

nap_status nap_cosim_array_text(const nap_core *c, const nap_rtl *r, uint64_t tiles, uint64_t seed,
                                nap_cosim_report *report, nap_error *e)
{
    nap_stream s;
    nap_buf main_text = {0};
    char *tool = NULL, *folder = NULL;
    memset(report, 0, sizeof *report);
    nap_status status = nap_stream_open(&s, c, seed, e);
    nap_buf_printf(&main_text,
                   "#define X_BYTES %zu\n#define W_BYTES %zu\n#define C_BYTES %zu\n"
                   "#define PIPELINE %u\n%s",
                   s.x_bytes, s.w_bytes, s.c_bytes, c->pipeline, array_main);
    if (status == NAP_OK) status = nap_cosim_build(r, r->top, &main_text, &tool, e);
    if (status == NAP_OK) status = nap_cosim_folder(&folder, e);
    if (status == NAP_OK) status = stream_run(&s, tool, folder, tiles, report, e);
    nap_cosim_forget(folder);
    nap_free(tool);
    nap_buf_free(&main_text);
    nap_stream_free(&s);
    return status;
}

nap_status nap_cosim_array(const nap_core *c, uint64_t tiles, uint64_t seed, nap_rtl_sim sim,
                           nap_cosim_report *report, nap_error *e)
{
    if (sim == NAP_RTL_ICARUS) return nap_cosim_icarus(c, tiles, seed, report, e);
    nap_rtl r = {0};
    nap_status status = nap_rtl_array(c, &r, e);
    if (status == NAP_OK) status = nap_cosim_array_text(c, &r, tiles, seed, report, e);
    nap_rtl_free(&r);
    return status;
}

/* ------------------------------------------------------------------ modules */

static void put_module_main(const nap_cosim_unit *u, nap_buf *b)
{
    nap_buf_puts(b, "#include \"Vdut.h\"\n"
                    "#include <cstdint>\n#include <cstdio>\n#include <cstring>\n#include <vector>\n"
                    "\n"
                    "int main(int argc, char **argv)\n"
                    "{\n"
                    "    if (argc < 3) return 2;\n"
                    "    FILE *in = fopen(argv[1], \"rb\"), *out = fopen(argv[2], \"wb\");\n"
                    "    if (!in || !out) return 3;\n"
                    "    VerilatedContext context;\n"
                    "    Vdut dut(&context);\n");
    size_t bytes = 0;
    for (size_t i = 0; i < u->ins; i++) bytes += bytes_of(u->in[i].bits);
    nap_buf_printf(b,
                   "    std::vector<uint8_t> r(%zu);\n"
                   "    while (fread(r.data(), r.size(), 1, in) == 1) {\n",
                   bytes);
    size_t at = 0;
    for (size_t i = 0; i < u->ins; i++) {
        nap_buf_printf(b, "        memcpy((void *)&dut.%s, &r[%zu], %zu);\n", u->in[i].name, at,
                       bytes_of(u->in[i].bits));
        at += bytes_of(u->in[i].bits);
    }
    nap_buf_puts(b, "        dut.eval();\n");
    for (size_t i = 0; i < u->outs; i++)
        nap_buf_printf(b, "        fwrite(&dut.%s, 1, %zu, out);\n", u->out[i].name,
                       bytes_of(u->out[i].bits));
    nap_buf_puts(b, "    }\n"
                    "    dut.final();\n"
                    "    fclose(in);\n"
                    "    return fclose(out) == 0 ? 0 : 5;\n"
                    "}\n");
}

static void put_hex(nap_buf *b, const uint8_t *p, size_t n)
{
    while (n-- > 0) nap_buf_printf(b, "%02x", p[n]);
}

/* A case that differs, in words: inputs, found, expected. */
static void describe_case(const nap_cosim_unit *u, const uint8_t *in, const uint8_t *got,
                          const uint8_t *want, uint64_t index, nap_cosim_report *report)
{
    nap_buf b = {0};
    for (size_t i = 0; i < u->ins; i++) {
        nap_buf_printf(&b, "%s ", u->in[i].name);
        put_hex(&b, in, bytes_of(u->in[i].bits));
        nap_buf_puts(&b, ", ");
        in += bytes_of(u->in[i].bits);
    }
    for (size_t i = 0; i < u->outs; i++) {
        const size_t n = bytes_of(u->out[i].bits);
        nap_buf_printf(&b, "%s found ", u->out[i].name);
        put_hex(&b, got, n);
        nap_buf_puts(&b, " expected ");
        put_hex(&b, want, n);
        nap_buf_puts(&b, "; ");
        got += n;
        want += n;
    }
    note(report, "case %" PRIu64 ": %s", index, b.data != NULL ? b.data : "");
    nap_buf_free(&b);
}

static nap_status run_cases(const nap_cosim_unit *u, const char *tool, const char *folder,
                            uint64_t cases, nap_cosim_report *report, nap_error *e)
{
    size_t in_bytes = 0, out_bytes = 0;
    for (size_t i = 0; i < u->ins; i++) in_bytes += bytes_of(u->in[i].bits);
    for (size_t i = 0; i < u->outs; i++) out_bytes += bytes_of(u->out[i].bits);
    nap_buf in = {0}, want = {0};
    nap_status status = NAP_OK;
    for (uint64_t done = 0; status == NAP_OK && done < cases && report->failures == 0;) {
        uint64_t n = CHUNK_BYTES / (in_bytes + out_bytes) + 1;
        if (n > cases - done) n = cases - done;
        in.len = want.len = 0;
        if (!nap_buf_reserve(&in, n * in_bytes) || !nap_buf_reserve(&want, n * out_bytes)) {
            status = nap_fail_memory(e, n * in_bytes, "cases");
            break;
        }
        memset(in.data, 0, n * in_bytes);
        memset(want.data, 0, n * out_bytes);
        in.len = n * in_bytes;
        want.len = n * out_bytes;
        for (uint64_t i = 0; i < n; i++)
            u->make(u->user, done + i, (uint8_t *)in.data + i * in_bytes,
                    (uint8_t *)want.data + i * out_bytes);
        char *got = NULL;
        status = run_chunk(tool, folder, &in, want.len, &got, report, e);
        for (uint64_t i = 0; got != NULL && i < n; i++, report->tiles++)
            if (memcmp(got + i * out_bytes, want.data + i * out_bytes, out_bytes) != 0)
                describe_case(u, (const uint8_t *)in.data + i * in_bytes,
                              (const uint8_t *)got + i * out_bytes,
                              (const uint8_t *)want.data + i * out_bytes, done + i, report);
        nap_free(got);
        done += n;
    }
    nap_buf_free(&in);
    nap_buf_free(&want);
    return status;
}

nap_status nap_cosim_module(const nap_cosim_unit *u, uint64_t cases, nap_cosim_report *report,
                            nap_error *e)
{
    nap_buf main_text = {0};
    char *tool = NULL, *folder = NULL;
    memset(report, 0, sizeof *report);
    put_module_main(u, &main_text);
    nap_status status = nap_cosim_build(u->rtl, u->module, &main_text, &tool, e);
    if (status == NAP_OK) status = nap_cosim_folder(&folder, e);
    if (status == NAP_OK) status = run_cases(u, tool, folder, cases, report, e);
    nap_cosim_forget(folder);
    nap_free(tool);
    nap_buf_free(&main_text);
    return status;
}
