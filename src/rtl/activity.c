/* What the units of a design see while it works: a small array of the same units is run in Icarus
 * Verilog on operands, and one instance of every unit writes its ports down each cycle. */
#include "rtl/operands.h"
#include "rtl/synth_impl.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/process.h"
#include "lutcore/array.h"

#include <stdio.h>
#include <string.h>

enum { CYCLES = 192, TRACE_MAX = 64 << 20 };

static unsigned line_width(const nap_vport *p, size_t n)
{
    unsigned width = 0;
    for (size_t i = 0; i < n; i++)
        if (strcmp(p[i].name, "clk_i") != 0) width += p[i].width;
    return width;
}

/* The recorder inside a unit: each instance takes a number, the picked one writes. */
static void put_recorder(nap_buf *b, size_t unit, const nap_vport *p, size_t n)
{
    nap_buf_printf(
        b,
        "\n  integer recorder;\n"
        "  initial begin\n"
        "    if (tb.count_%zu === 32'bx) tb.count_%zu = 0;\n"
        "    recorder = tb.count_%zu;\n"
        "    tb.count_%zu = tb.count_%zu + 1;\n"
        "  end\n"
        "  always @(tb.sample) if (recorder == tb.count_%zu / 2) $fwrite(tb.file_%zu, \"",
        unit, unit, unit, unit, unit, unit, unit);
    for (size_t i = 0; i < n; i++)
        if (strcmp(p[i].name, "clk_i") != 0) nap_buf_puts(b, "%b");
    nap_buf_puts(b, "\\n\"");
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < n; i++)
            if (p[i].input == (pass == 0) && strcmp(p[i].name, "clk_i") != 0)
                nap_buf_printf(b, ", %s", p[i].name);
    nap_buf_puts(b, ");\n");
}

/* The design with recorders in its units. */
static nap_status put_design(nap_buf *b, const nap_rtl *r, nap_error *e)
{
    const char *done = r->text.data;
    for (;;) { /* the units in the order of the text */
        const char *first = NULL;
        size_t len = 0, unit = 0;
        for (size_t i = 0; i < r->units; i++) {
            size_t n;
            const char *m = nap_module_find(r->text.data, r->unit[i].module, &n);
            if (m == NULL)
                return nap_fail(e, NAP_ERR_INTERNAL, NAP_NO_OFFSET, "no module '%s' in the design",
                                r->unit[i].module);
            if (m >= done && (first == NULL || m < first)) first = m, len = n, unit = i;
        }
        if (first == NULL) break;
        const char *end = first + len;
        while (strncmp(end, "endmodule", 9) != 0) end--;
        nap_buf_put(b, done, (size_t)(end - done));
        nap_vport *port;
        size_t ports;
        if (!nap_module_ports(first, len, &port, &ports)) return nap_fail_memory(e, len, "ports");
        put_recorder(b, unit, port, ports);
        nap_free(port);
        done = end;
    }
    nap_buf_puts(b, done);
    return NAP_OK;
}

static void put_bench(nap_buf *b, const nap_core *c, const nap_rtl *r, unsigned xw, unsigned ww,
                      size_t steps, unsigned planes)
{
    const unsigned cw = c->m * c->n * nap_acc_bits(c->acc);
    nap_buf_printf(b,
                   "\nmodule tb;\n"
                   "  event sample;\n"
                   "  reg clk, rst_n, we, c_we, step;\n"
                   "  reg [%u:0] x, xs [0:%zu];\n"
                   "  reg [%u:0] w, ws [0:%zu];\n"
                   "  wire ready, done;\n"
                   "  wire [%u:0] c_o;\n"
                   "  integer i, n;\n",
                   xw - 1, steps - 1, ww - 1, steps - 1, cw - 1);
    for (size_t i = 0; i < r->units; i++)
        nap_buf_printf(b, "  integer count_%zu, file_%zu;\n", i, i);
    nap_buf_printf(b,
                   "  %s dut (.clk_i(clk), .rst_ni(rst_n), .x_we_i(we), .x_i(x), .w_we_i(we),\n"
                   "    .w_i(w), .c_we_i(c_we), .c_i(%u'd0), .step_i(step), .planes_i(4'd%u),\n"
                   "    .ready_o(ready), .done_o(done), .c_o(c_o));\n"
                   "  task cycle;\n"
                   "    begin #4 -> sample; #1 clk = 1; #4 clk = 0; #1; end\n"
                   "  endtask\n"
                   "  initial begin\n",
                   r->top, cw, planes);
    for (size_t i = 0; i < r->units; i++)
        nap_buf_printf(b, "    file_%zu = $fopen(\"unit%zu.txt\");\n", i, i);
    nap_buf_printf(b,
                   "    $readmemb(\"x.txt\", xs);\n"
                   "    $readmemb(\"w.txt\", ws);\n"
                   "    clk = 0; rst_n = 0; we = 1; c_we = 1; step = 0; x = xs[0]; w = ws[0];\n"
                   "    cycle; cycle; rst_n = 1; cycle; c_we = 0;\n"
                   "    for (i = 0; i < %zu; i = i + 1) begin\n"
                   "      we = 1; step = 1; x = xs[i]; w = ws[i];\n"
                   "      cycle;\n"
                   "      we = 0; step = 0;\n"
                   "      for (n = 1; n < %u; n = n + 1) cycle;\n"
                   "    end\n"
                   "    $finish;\n"
                   "  end\n"
                   "endmodule\n",
                   steps, planes);
}

static void put_images(nap_buf *b, const uint8_t *image, size_t bytes, unsigned bits, size_t steps)
{
    for (size_t s = 0; s < steps; s++) {
        for (unsigned i = bits; i-- > 0;)
            nap_buf_putc(b, (image[s * bytes + i / 8] >> (i % 8)) & 1 ? '1' : '0');
        nap_buf_putc(b, '\n');
    }
}

/* Mean changes per bit and cycle between the words that pass one after the other: `parts` of each
 * image in turn. */
static double changes(const uint8_t *image, size_t bytes, unsigned bits, size_t steps,
                      unsigned parts, unsigned cycles)
{
    uint64_t n = 0;
    const unsigned part = bits / parts;
    for (size_t s = 1; s < steps * parts; s++)
        for (unsigned i = 0; i < part; i++) {
            const size_t b = (s % parts) * part + i, a = ((s - 1) % parts) * part + i;
            const unsigned now = image[s / parts * bytes + b / 8] >> (b % 8) & 1u,
                           was = image[(s - 1) / parts * bytes + a / 8] >> (a % 8) & 1u;
            n += now != was;
        }
    return (double)n / ((double)part * (double)(steps * cycles));
}

static nap_status write_file(const char *dir, const char *name, const nap_buf *b, nap_error *e)
{
    char path[600];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return b->failed ? nap_fail_memory(e, b->len, name) : nap_write_whole(path, b->data, b->len, e);
}

static nap_status collect(const char *dir, const nap_rtl *r, nap_trace *out, nap_error *e)
{
    out->unit = nap_calloc(r->units, sizeof *out->unit);
    if (out->unit == NULL) return nap_fail_memory(e, r->units, "trace");
    for (size_t i = 0; i < r->units; i++) {
        nap_trace_unit *t = &out->unit[out->units++];
        char path[600];
        (void)snprintf(path, sizeof path, "%s/unit%zu.txt", dir, i);
        memcpy(t->module, r->unit[i].module, sizeof t->module);
        nap_unit_text u;
        NAP_TRY(nap_unit_cut(r->text.data, t->module, &u, e));
        t->hash = u.hash;
        t->width = line_width(u.port, u.ports);
        nap_unit_text_free(&u);
        NAP_TRY(nap_read_whole(path, TRACE_MAX, &t->bits, &t->len, e));
        t->cycles = t->len / (t->width + 1);
        if (t->cycles == 0 || t->len % (t->width + 1) != 0)
            return nap_fail(e, NAP_ERR_INTERNAL, NAP_NO_OFFSET,
                            "%s: a trace of %zu bytes, expected lines of %u", t->module, t->len,
                            t->width);
    }
    return NAP_OK;
}

static nap_status simulate(const nap_flow *f, const nap_core *c, const nap_rtl *r,
                           const nap_operands *p, nap_trace *out, nap_error *e)
{
    const unsigned planes = nap_core_planes(c, c->wbits);
    const nap_frag x = c->method == NAP_METHOD_LUT ? NAP_FRAG_T : NAP_FRAG_A;
    const unsigned xw = (unsigned)nap_frag_bits(c, x, c->wbits),
                   ww = (unsigned)nap_frag_bits(c, NAP_FRAG_W, c->wbits);
    char dir[512];
    NAP_TRY(nap_scratch_make(f, dir, e));
    nap_buf text = {0}, xs = {0}, ws = {0}, log = {0};
    nap_status s = put_design(&text, r, e);
    put_bench(&text, c, r, xw, ww, p->steps, planes);
    put_images(&xs, p->x, p->x_bytes, xw, p->steps);
    put_images(&ws, p->w, p->w_bytes, ww, p->steps);
    if (s == NAP_OK) s = write_file(dir, "design.v", &text, e);
    if (s == NAP_OK) s = write_file(dir, "x.txt", &xs, e);
    if (s == NAP_OK) s = write_file(dir, "w.txt", &ws, e);
    int code = 0;
    const char *const compile[] = {"iverilog", "-g2005",  "-s",       "tb",
                                   "-o",       "sim.out", "design.v", NULL};
    const char *const run[] = {"vvp", "-n", "sim.out", NULL};
    if (s == NAP_OK) s = nap_process_run(compile, dir, &log, &code, "install iverilog", e);
    if (s == NAP_OK && code == 0) s = nap_process_run(run, dir, &log, &code, "install iverilog", e);
    if (s == NAP_OK && code != 0)
        s = nap_fail(e, NAP_ERR_INTERNAL, NAP_NO_OFFSET, "iverilog: %s: %.300s", r->top,
                     log.data != NULL ? log.data : "");
    if (s == NAP_OK) s = collect(dir, r, out, e);
    nap_buf_free(&text);
    nap_buf_free(&xs);
    nap_buf_free(&ws);
    nap_buf_free(&log);
    nap_scratch_remove(dir);
    return s;
}

static nap_core small_core(const nap_core *c)
{
    nap_core s = *c;
    s.m = c->m < 2 ? c->m : 2;
    s.n = c->n < 4 ? c->n : 4;
    return s;
}

static nap_status prepare(const nap_core *c, const nap_synth_options *o, nap_rtl *r,
                          nap_operands *p, nap_error *e)
{
    NAP_TRY(nap_rtl_array(c, r, e));
    return nap_operands_make(c, o, CYCLES / nap_core_planes(c, c->wbits), p, e);
}

nap_status nap_trace_open(const nap_core *c, const nap_synth_options *o, nap_trace *out,
                          nap_error *e)
{
    memset(out, 0, sizeof *out);
    const nap_core small = small_core(c);
    const unsigned planes = nap_core_planes(&small, small.wbits);
    nap_rtl r = {0};
    nap_operands p = {0};
    nap_unit_text u = {0};
    nap_status s = prepare(&small, o, &r, &p, e);
    if (s == NAP_OK) s = nap_unit_cut(r.text.data, r.top, &u, e);
    if (s == NAP_OK) {
        const nap_frag x = small.method == NAP_METHOD_LUT ? NAP_FRAG_T : NAP_FRAG_A;
        out->key = nap_hash_add(u.hash, p.x, p.steps * p.x_bytes);
        out->key = nap_hash_add(out->key, p.w, p.steps * p.w_bytes);
        out->x_changes = changes(p.x, p.x_bytes, (unsigned)nap_frag_bits(&small, x, small.wbits),
                                 p.steps, 1, planes);
        out->w_changes =
            changes(p.w, p.w_bytes, (unsigned)nap_frag_bits(&small, NAP_FRAG_W, small.wbits),
                    p.steps, planes, planes);
    }
    nap_unit_text_free(&u);
    nap_operands_free(&p);
    nap_rtl_free(&r);
    return s;
}

nap_status nap_trace_run(const nap_flow *f, const nap_core *c, const nap_synth_options *o,
                         nap_trace *t, nap_error *e)
{
    if (t->ran) return NAP_OK;
    const nap_core small = small_core(c);
    nap_rtl r = {0};
    nap_operands p = {0};
    nap_status s = prepare(&small, o, &r, &p, e);
    if (s == NAP_OK) s = simulate(f, &small, &r, &p, t, e);
    nap_operands_free(&p);
    nap_rtl_free(&r);
    t->ran = s == NAP_OK;
    return s;
}

void nap_trace_free(nap_trace *t)
{
    for (size_t i = 0; i < t->units; i++) nap_free(t->unit[i].bits);
    nap_free(t->unit);
    memset(t, 0, sizeof *t);
}
