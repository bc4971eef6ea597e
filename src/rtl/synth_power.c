/* Power of mapped units: changes counted on the netlist, times OpenSTA's energies.
 *
 * Cell models are written by Yosys from the Liberty file itself. Each gets a delay of one unit on
 * its outputs, so that glitches are counted (roughly: all cells are as slow as each other), and a
 * counter. The netlist's outputs are compared with those the design's RTL gave in the same cycles:
 * a mapped unit that differs is an error, not a figure.
 *
 * OpenSTA gives each cell's power with still nets, P0, and with one change a cycle on all its pins,
 * P1 (its internal energies by slew and load, its output nets' switching, leakage). A cell whose
 * outputs change a times a cycle is charged P0 + a (P1 - P0). Nets between units are charged where
 * they are broadcast (nap_flow_fanout) and as the load of one reader otherwise; wires have no
 * capacitance: no layout is made. */
#include "rtl/synth_impl.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX = 512 << 20, WARM_UP = 4 };
static const char icarus_hint[] = "install iverilog";

/* ---- Cell models. */

/* Copies Yosys's models with a delay in front of every output's value and a counter of its changes.
 * Declarations "output Y;" come before the assignments that use them. */
static void put_models(const char *text, nap_buf *b)
{
    char output[8][64];
    size_t outputs = 0;
    for (const char *p = text; *p != '\0';) {
        const size_t n = strcspn(p, "\n");
        char name[64];
        if (strncmp(p, "module ", 7) == 0) outputs = 0;
        if (sscanf(p, " output %63[A-Za-z0-9_];", name) == 1 && outputs < 8)
            memcpy(output[outputs++], name, sizeof name);
        if (sscanf(p, " assign %63[A-Za-z0-9_] =", name) == 1) {
            bool out = false;
            for (size_t i = 0; i < outputs; i++) out |= strcmp(output[i], name) == 0;
            const char *value = strchr(p, '=');
            if (out) nap_buf_printf(b, "  assign #1 %s %.*s\n", name, (int)(p + n - value), value);
            if (out) goto next;
        }
        if (strncmp(p, "endmodule", 9) == 0 && outputs > 0) {
            nap_buf_puts(b, "  integer changes;\n");
            for (size_t i = 0; i < outputs; i++)
                nap_buf_printf(b, "  always @(%s) changes = changes + 1;\n", output[i]);
            nap_buf_printf(b,
                           "  always @(tb.begin_count) changes = 0;\n"
                           "  always @(tb.end_count) $display(\"%%m %%0d %zu\", changes);\n",
                           outputs);
        }
        nap_buf_put(b, p, n);
        nap_buf_putc(b, '\n');
    next:
        p += n + (p[n] == '\n');
    }
}

static nap_status make_models(const nap_flow *f, const char *path, nap_error *e)
{
    char dir[512], raw[600];
    NAP_TRY(nap_scratch_make(f, dir, e));
    nap_buf script = {0}, log = {0}, out = {0};
    nap_buf_printf(&script,
                   "read_liberty -ignore_miss_func -overwrite %s; write_verilog -noattr cells.v",
                   f->library.path);
    int code = 0;
    const char *const argv[] = {f->yosys, "-q", "-p", script.data, NULL};
    nap_status s = script.failed ? nap_fail_memory(e, script.len, "script")
                                 : nap_process_run(argv, dir, &log, &code, "install yosys", e);
    if (s == NAP_OK && code != 0)
        s = nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET, "yosys: cell models of %s: %.300s",
                     f->library.path, log.data != NULL ? log.data : "");
    char *text = NULL;
    size_t len;
    (void)snprintf(raw, sizeof raw, "%s/cells.v", dir);
    if (s == NAP_OK) s = nap_read_whole(raw, TEXT_MAX, &text, &len, e);
    if (s == NAP_OK) {
        put_models(text, &out);
        s = out.failed ? nap_fail_memory(e, len, "models")
                       : nap_write_whole(path, out.data, out.len, e);
    }
    nap_free(text);
    nap_buf_free(&script);
    nap_buf_free(&log);
    nap_buf_free(&out);
    nap_scratch_remove(dir);
    return s;
}

static nap_status models_path(const nap_flow *f, char out[600], nap_error *e)
{
    char name[33];
    nap_hash_name(f->library.hash, name);
    (void)snprintf(out, 600, "%s/%s-cells.v", f->cache, name);
    return access(out, R_OK) == 0 ? NAP_OK : make_models(f, out, e);
}

/* ---- The replay. */
static void put_bench(nap_buf *b, const nap_unit_text *u, const nap_trace_unit *t)
{
    unsigned bit = t->width;
    nap_buf_printf(b,
                   "`timescale 1ps/1ps\n"
                   "module tb;\n"
                   "  event begin_count, end_count;\n"
                   "  reg clk;\n"
                   "  reg [%u:0] line [0:%zu];\n"
                   "  reg [%u:0] v;\n"
                   "  integer i, wrong;\n",
                   t->width - 1, t->cycles - 1, t->width - 1);
    for (size_t i = 0; i < u->ports; i++)
        if (!u->port[i].input)
            nap_buf_printf(b, "  wire [%u:0] %s;\n", u->port[i].width - 1, u->port[i].name);
    nap_buf_puts(b, "  unit dut (");
    /* inputs lie in the line first, then the outputs' expected values */
    const char *comma = "";
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < u->ports; i++) {
            const nap_vport *p = &u->port[i];
            if (p->input != (pass == 0)) continue;
            const bool clock = strcmp(p->name, "clk_i") == 0;
            if (p->input && !clock) bit -= p->width;
            for (unsigned k = 0; k < p->width; k++) {
                char pin[96];
                if (p->width > 1)
                    (void)snprintf(pin, sizeof pin, "%s_%u_", p->name, k);
                else
                    (void)snprintf(pin, sizeof pin, "%s", p->name);
                if (clock)
                    nap_buf_printf(b, "%s.%s(clk)", comma, pin);
                else if (p->input)
                    nap_buf_printf(b, "%s.%s(v[%u])", comma, pin, bit + k);
                else
                    nap_buf_printf(b, "%s.%s(%s[%u])", comma, pin, p->name, k);
                comma = ", ";
            }
        }
    nap_buf_puts(b, ");\n  wire bad = ");
    comma = "";
    for (size_t i = 0; i < u->ports; i++) {
        const nap_vport *p = &u->port[i];
        if (p->input) continue;
        bit -= p->width;
        /* an X in the expected value is no expectation */
        nap_buf_printf(b, "%s((^v[%u:%u] !== 1'bx) && %s !== v[%u:%u])", comma, bit + p->width - 1,
                       bit, p->name, bit + p->width - 1, bit);
        comma = " || ";
    }
    nap_buf_printf(b,
                   "%s;\n"
                   "  initial begin\n"
                   "    $readmemb(\"trace.txt\", line);\n"
                   "    clk = 0; wrong = 0; v = line[0];\n"
                   "    for (i = 0; i < %zu; i = i + 1) begin\n"
                   "      if (i == %d) -> begin_count;\n"
                   "      #1 v = line[i];\n"
                   "      #4000 clk = 0;\n"
                   "      #4000 if (i >= %d && bad === 1'b1) wrong = wrong + 1;\n"
                   "      clk = 1;\n"
                   "    end\n"
                   "    #4000 -> end_count;\n"
                   "    #1 $display(\"wrong %%0d\", wrong);\n"
                   "    $finish;\n"
                   "  end\n"
                   "endmodule\n",
                   *comma == '\0' ? "1'b0" : "", t->cycles, WARM_UP, WARM_UP);
}

static nap_status simulate(const nap_flow *f, const nap_unit_text *u, const nap_mapped *m,
                           const nap_trace_unit *t, nap_buf *out, nap_error *e)
{
    char dir[512], models[600], net[600], path[600];
    NAP_TRY(models_path(f, models, e));
    NAP_TRY(nap_scratch_make(f, dir, e));
    nap_buf bench = {0};
    put_bench(&bench, u, t);
    (void)snprintf(net, sizeof net, "%s/net.v", m->dir);
    (void)snprintf(path, sizeof path, "%s/bench.v", dir);
    nap_status s = bench.failed ? nap_fail_memory(e, bench.len, "bench")
                                : nap_write_whole(path, bench.data, bench.len, e);
    nap_buf_free(&bench);
    (void)snprintf(path, sizeof path, "%s/trace.txt", dir);
    if (s == NAP_OK) s = nap_write_whole(path, t->bits, t->len, e);
    int code = 0;
    const char *const compile[] = {"iverilog", "-g2005",  "-s", "tb",   "-o",
                                   "sim.out",  "bench.v", net,  models, NULL};
    const char *const run[] = {"vvp", "-n", "sim.out", NULL};
    if (s == NAP_OK) s = nap_process_run(compile, dir, out, &code, icarus_hint, e);
    if (s == NAP_OK && code == 0) {
        out->len = 0;
        s = nap_process_run(run, dir, out, &code, icarus_hint, e);
    }
    if (s == NAP_OK && code != 0)
        s = nap_fail(e, NAP_ERR_INTERNAL, NAP_NO_OFFSET, "iverilog: %s: %.300s", t->module,
                     out->data != NULL ? out->data : "");
    nap_scratch_remove(dir);
    return s;
}

/* ---- Cells by name. */
typedef struct cell {
    char name[24];
    double rest, change;
} cell;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const cell *)a)->name, ((const cell *)b)->name);
}

/* Lines "name internal switching leakage total"; the first is the design's total. */
static nap_status read_cells(const char *dir, bool change, cell **out, size_t *count, nap_error *e)
{
    char path[600], *text;
    size_t len, n = 0;
    (void)snprintf(path, sizeof path, "%s/power%d.txt", dir, change);
    NAP_TRY(nap_read_whole(path, TEXT_MAX, &text, &len, e));
    for (const char *p = strchr(text, '\n'); p != NULL && p[1] != '\0'; p = strchr(p + 1, '\n')) {
        cell c = {0};
        double v[4];
        if (sscanf(p + 1, "%23s %lf %lf %lf %lf", c.name, &v[0], &v[1], &v[2], &v[3]) != 5)
            continue;
        if (!change) {
            cell *grown = nap_realloc(*out, n + 1, sizeof *grown);
            if (grown == NULL) {
                nap_free(text);
                return nap_fail_memory(e, n * sizeof *grown, "cells");
            }
            *out = grown;
            c.rest = v[3];
            grown[n++] = c;
            *count = n;
        } else {
            cell *found = *count > 0 ? bsearch(&c, *out, *count, sizeof c, by_name) : NULL;
            if (found != NULL) found->change = v[3] - found->rest;
        }
    }
    nap_free(text);
    if (!change && *count > 0) qsort(*out, *count, sizeof **out, by_name);
    return NAP_OK;
}

/* Lines of the simulation: "tb.dut._0123_ changes outputs". */
static nap_status add_up(const char *log, const cell *cells, size_t count, size_t cycles,
                         double *watts, const char *what, nap_error *e)
{
    *watts = 0;
    for (size_t i = 0; i < count; i++) *watts += cells[i].rest;
    long wrong = -1;
    for (const char *p = log; p != NULL && *p != '\0'; p = strchr(p, '\n')) {
        if (*p == '\n') p++;
        cell key = {0};
        unsigned long changes, outputs;
        if (sscanf(p, "tb.dut.%23s %lu %lu", key.name, &changes, &outputs) == 3) {
            const cell *c = count > 0 ? bsearch(&key, cells, count, sizeof key, by_name) : NULL;
            if (c != NULL)
                *watts +=
                    c->change * (double)changes / (double)outputs / (double)(cycles - WARM_UP);
        } else if (strncmp(p, "wrong ", 6) == 0) {
            wrong = strtol(p + 6, NULL, 10);
        }
    }
    if (wrong != 0)
        return nap_fail(e, NAP_ERR_INTERNAL, NAP_NO_OFFSET,
                        "%s: the mapped netlist differs from the design in %ld of %zu cycles", what,
                        wrong, cycles);
    return NAP_OK;
}

static void known_path(const nap_mapped *m, nap_hash key, char out[600])
{
    char name[33];
    nap_hash_name(key, name);
    (void)snprintf(out, 600, "%s/%s.watts", m->dir, name);
}

bool nap_flow_power_known(const nap_mapped *m, nap_hash key, double *watts)
{
    char path[600], *kept = NULL;
    size_t len;
    *watts = 0;
    if (m->cells == 0) return true;
    known_path(m, key, path);
    if (nap_read_whole(path, 64, &kept, &len, NULL) != NAP_OK) return false;
    *watts = strtod(kept, NULL);
    nap_free(kept);
    return true;
}

nap_status nap_flow_power(const nap_flow *f, const nap_unit_text *u, const nap_mapped *m,
                          nap_hash key, const nap_trace_unit *t, double *watts, nap_error *e)
{
    if (nap_flow_power_known(m, key, watts)) return NAP_OK;
    if (t->cycles <= WARM_UP)
        return nap_fail(e, NAP_ERR_INTERNAL, NAP_NO_OFFSET, "%s: a trace of %zu cycles", t->module,
                        t->cycles);
    cell *cells = NULL;
    size_t count = 0;
    nap_buf log = {0};
    nap_status s = read_cells(m->dir, false, &cells, &count, e);
    if (s == NAP_OK) s = read_cells(m->dir, true, &cells, &count, e);
    if (s == NAP_OK) s = simulate(f, u, m, t, &log, e);
    if (s == NAP_OK)
        s = add_up(log.data != NULL ? log.data : "", cells, count, t->cycles, watts, t->module, e);
    nap_buf_free(&log);
    nap_free(cells);
    if (s != NAP_OK) return s;
    char path[600], text[32];
    known_path(m, key, path);
    (void)snprintf(text, sizeof text, "%.9e\n", *watts);
    *watts = strtod(text, NULL); /* rounded as the cache will give it */
    return nap_write_whole(path, text, strlen(text), e);
}

nap_status nap_flow_power_assumed(const nap_mapped *m, double activity, double *watts, nap_error *e)
{
    *watts = 0;
    if (m->cells == 0) return NAP_OK;
    cell *cells = NULL;
    size_t count = 0;
    nap_status s = read_cells(m->dir, false, &cells, &count, e);
    if (s == NAP_OK) s = read_cells(m->dir, true, &cells, &count, e);
    for (size_t i = 0; i < count; i++) *watts += cells[i].rest + activity * cells[i].change;
    nap_free(cells);
    return s;
}
