/* One unit through Yosys, abc and OpenSTA, once: see synth_impl.h.
 *
 * Two recipes; the second is tried where the first misses the clock, and the faster one kept:
 *   adders  arithmetic goes to the library's full adders, as datapath generators do it: products
 *           as Baugh-Wooley rows, rows and addends compressed three to two, carries rippled;
 *           compressors that a design spells out are found again; abc maps the rest for area.
 *   gates   Yosys's own arithmetic (parallel-prefix carries), abc maps all of it for delay.
 * Without the first, Yosys's default takes about twice the area for a signed multiplier, which
 * would flatter every method that has none (docs/lutcore-study.md has the figures). */
#include "rtl/synth_impl.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rtl/synth_maps.h"

enum { RESULT_MAX = 256 << 20 };
static const char yosys_hint[] = "install yosys";
static const char sta_hint[] = "install opensta";

/* ---- Scratch folders. */
nap_status nap_scratch_make(const nap_flow *f, char out[512], nap_error *e)
{
    (void)snprintf(out, 512, "%s/run-XXXXXX", f->cache);
    if (mkdtemp(out) == NULL)
        return nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "%s: cannot make the folder", out);
    return NAP_OK;
}

void nap_scratch_remove(const char *dir)
{
    DIR *d = opendir(dir);
    if (d == NULL) return;
    for (struct dirent *i; (i = readdir(d)) != NULL;) {
        char path[1024];
        (void)snprintf(path, sizeof path, "%s/%s", dir, i->d_name);
        unlink(path); /* "." and ".." refuse */
    }
    closedir(d);
    rmdir(dir);
}

static nap_status write_text(const char *dir, const char *name, const nap_buf *b, nap_error *e)
{
    char path[1024];
    if (b->failed) return nap_fail_memory(e, b->len, name);
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return nap_write_whole(path, b->data != NULL ? b->data : "", b->len, e);
}

static nap_status read_text(const char *dir, const char *name, char **out, nap_error *e)
{
    char path[1024];
    size_t len;
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return nap_read_whole(path, RESULT_MAX, out, &len, e);
}

/* ---- Opening. */

/* First line a tool prints, cut before the first " (". */
static nap_status version_of(const char *const argv[], const char *hint, char out[64], nap_error *e)
{
    nap_buf b = {0};
    int code;
    NAP_TRY(nap_process_run(argv, NULL, &b, &code, hint, e));
    const char *text = b.data != NULL ? b.data : "";
    size_t n = strcspn(text, "\r\n");
    const char *cut = strstr(text, " (");
    if (cut != NULL && (size_t)(cut - text) < n) n = (size_t)(cut - text);
    (void)snprintf(out, 64, "%.*s", (int)(n < 63 ? n : 63), text);
    nap_buf_free(&b);
    return NAP_OK;
}

nap_status nap_flow_open(const nap_synth_options *o, nap_flow *f, nap_error *e)
{
    memset(f, 0, sizeof *f);
    (void)snprintf(f->yosys, sizeof f->yosys, "%s", o->yosys != NULL ? o->yosys : "yosys");
    (void)snprintf(f->sta, sizeof f->sta, "%s", o->sta != NULL ? o->sta : "sta");
    nap_status s = NAP_OK;
    if (o->cache != NULL) {
        f->cache = nap_strdup(o->cache);
        s = f->cache == NULL ? nap_fail_memory(e, strlen(o->cache), "path")
                             : nap_make_folder(f->cache, e);
    } else {
        s = nap_cache_folder("synth", &f->cache, e);
    }
    char yosys[64], sta[64], icarus[64];
    const char *const yosys_argv[] = {f->yosys, "-V", NULL},
                      *const sta_argv[] = {f->sta, "-version", NULL},
                      *const icarus_argv[] = {"iverilog", "-V", NULL};
    if (s == NAP_OK) s = version_of(yosys_argv, yosys_hint, yosys, e);
    if (s == NAP_OK) s = version_of(sta_argv, sta_hint, sta, e);
    if (s == NAP_OK) s = version_of(icarus_argv, "install iverilog", icarus, e);
    if (s == NAP_OK)
        (void)snprintf(f->tools, sizeof f->tools, "%s + abc; OpenSTA %s; %s", yosys, sta, icarus);
    if (s == NAP_OK) s = nap_library_open(o->liberty, f->cache, &f->library, e);
    if (s == NAP_OK) f->clock_ns = o->clock_ns > 0 ? o->clock_ns : f->library.clock_ns;
    if (s != NAP_OK) nap_flow_close(f);
    return s;
}

void nap_flow_close(nap_flow *f)
{
    nap_library_close(&f->library);
    nap_free(f->cache);
    memset(f, 0, sizeof *f);
}

/* ---- Yosys. */
/* Above so many cells only the first recipe is tried: the second one's proofs of equivalence take
 * abc hours. */
enum { DELAY_CELLS = 8000 };

typedef enum recipe { RECIPE_ADDERS, RECIPE_GATES, RECIPE_COUNT } recipe;
static const char *const recipe_name[] = {"adders", "gates"};

static const char coarse_text[] = "read_verilog unit.v\n"
                                  "hierarchy -check -top unit\n"
                                  "proc\nflatten\nopt_expr\nopt_clean\ncheck -assert\n"
                                  "opt -nodffe -nosdff\nfsm\nopt\nwreduce\npeepopt\nopt_clean\n";
static const char adders_text[] =
    "techmap -autoproc -map multiply.v\nopt_expr\nopt_clean\nwreduce\n"
    "techmap -map compare.v\nalumacc\nopt\nmemory -nomap\nopt_clean\n"
    "opt -fast -full\nmemory_map\nopt -undriven -fine\nmaccmap\n"
    "techmap -map adder.v\nopt -fast\ntechmap\nopt -fast\nopt_clean\n"
    /* in this order: Yosys 0.23 does not read -d and -b as last options */
    "extract_fa -d 3 -b 3 -fa\nopt_clean\ntechmap -map adder.v\ntechmap\nopt -fast\n";
static const char gates_text[] =
    "alumacc\nopt\nmemory -nomap\nopt_clean\nopt -fast -full\nmemory_map\n"
    "opt -undriven -fine\ntechmap\nopt -fast\nopt_clean\n";

static void put_script(nap_buf *b, const nap_flow *f, recipe r)
{
    const nap_library *l = &f->library;
    nap_buf_puts(b, coarse_text);
    nap_buf_puts(b, r == RECIPE_ADDERS ? adders_text : gates_text);
    nap_buf_puts(b, "select -assert-none t:$_DLATCH_* t:$_DLATCHSR_* t:$_SR_*\n");
    nap_buf_printf(b, "dfflibmap -liberty %s\nopt_clean\n", l->path);
    nap_buf_printf(b, "abc -liberty %s -D %.0f", l->path, f->clock_ns * 1000);
    if (l->driver != NULL) nap_buf_puts(b, " -constr drive.txt");
    nap_buf_puts(b, r == RECIPE_ADDERS
                        ? " -script +strash;ifraig;scorr;dc2;dc2;dc2;dch,-f;amap,-m;topo;"
                        : " -script +strash;&get,-n;&fraig,-x;&put;scorr;dc2;strash;"
                          "&get,-n;&dch,-f;&nf,{D};&put;topo;");
    nap_buf_puts(b, l->driver != NULL ? "buffer,-c;topo;upsize,{D};dnsize,{D}\n"
                                      : "upsize,{D};dnsize,{D}\n");
    nap_buf_puts(b, "opt_clean -purge\nsetundef -zero\n"
                    "splitnets -ports -format __\nrename -hide */w:* */c:*\nopt_clean -purge\n");
    nap_buf_printf(b, "tee -o area.txt stat -liberty %s\n", l->path);
    nap_buf_puts(b, "write_verilog -noattr net.v\n");
}

static void put_maps(nap_buf *adder, const nap_library *l)
{
    nap_buf_puts(adder, nap_map_full_adder);
    nap_buf_printf(adder, "module _nap_one_adder (input a, b, c, output co, s);\n%sendmodule\n",
                   l->adder);
}

/* The number that follows `key` in a text, from the end. */
static bool number_after(const char *text, const char *key, double *out)
{
    const char *last = NULL;
    for (const char *p = text; (p = strstr(p, key)) != NULL; p++) last = p + strlen(key);
    if (last == NULL) return false;
    while (*last != '\0' && strchr("' :=\t", *last) != NULL) last++;
    char *end;
    *out = strtod(last, &end);
    return end != last;
}

/* Yosys's report, by version: "Number of cells: 12" or "12 3.4E+02 cells". */
static bool read_area(const char *text, nap_mapped *m)
{
    double cells;
    if (!number_after(text, "Chip area for module '\\unit'", &m->area)) m->area = 0;
    if (number_after(text, "Number of cells", &cells)) {
        m->cells = (uint64_t)cells;
        return true;
    }
    const char *p = strstr(text, " cells\n");
    if (p == NULL) return false;
    while (p > text && p[-1] != '\n') p--;
    m->cells = strtoull(p, NULL, 10);
    return true;
}

static nap_status run_yosys(const nap_flow *f, const char *dir, recipe r, nap_mapped *m,
                            nap_error *e)
{
    nap_buf script = {0}, log = {0};
    put_script(&script, f, r);
    nap_status s = write_text(dir, "map.ys", &script, e);
    nap_buf_free(&script);
    int code = 0;
    const char *const argv[] = {f->yosys, "-q", "-s", "map.ys", NULL};
    if (s == NAP_OK) s = nap_process_run(argv, dir, &log, &code, yosys_hint, e);
    if (s == NAP_OK && code != 0) {
        const char *why = log.data != NULL ? strstr(log.data, "ERROR") : NULL;
        s = nap_fail(e, NAP_ERR_INTERNAL, NAP_NO_OFFSET, "yosys, recipe %s: %.300s", recipe_name[r],
                     why != NULL ? why : "failed");
    }
    nap_buf_free(&log);
    char *report = NULL;
    if (s == NAP_OK) s = read_text(dir, "area.txt", &report, e);
    if (s == NAP_OK && !read_area(report, m))
        s = nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET, "yosys: no area in its report");
    nap_free(report);
    return s;
}

/* ---- OpenSTA: the longest path, and per cell the power at rest and with one change a cycle of
 * every pin. Activities of single pins cannot be given to version 2.0.17 (set_power_activity -pins
 * fails), but power is linear in them: nap_flow_power() adds the cells up. */
static void put_timing(nap_buf *b, const nap_flow *f, bool sequential, double load_ff)
{
    const nap_library *l = &f->library;
    nap_buf_printf(b, "read_liberty %s\nread_verilog net.v\nlink_design unit\n", l->path);
    if (sequential)
        nap_buf_printf(b, "create_clock -name clk -period %.6g [get_ports clk_i]\n",
                       f->clock_ns * l->time_scale);
    else
        nap_buf_printf(b, "create_clock -name clk -period %.6g\n", f->clock_ns * l->time_scale);
    nap_buf_printf(b,
                   "foreach p [all_inputs] {\n"
                   "  if {[get_property $p full_name] != \"clk_i\"} {\n"
                   "    set_input_delay 0 -clock clk $p\n"
                   "%s%s%s"
                   "  }\n"
                   "}\n"
                   "set_output_delay 0 -clock clk [all_outputs]\n"
                   "set_load %.6g [all_outputs]\n",
                   l->driver != NULL ? "    set_driving_cell -lib_cell " : "",
                   l->driver != NULL ? l->driver : "", l->driver != NULL ? " $p\n" : "",
                   load_ff * l->cap_scale);
    nap_buf_puts(b, "puts \"slack [sta::worst_slack]\"\n"
                    "foreach a {0 1} {\n"
                    "  set_power_activity -global -activity $a\n"
                    "  set out [open power$a.txt w]\n"
                    "  set corner [sta::cmd_corner]\n"
                    "  puts $out \"total [sta::design_power $corner]\"\n"
                    "  foreach i [get_cells *] {\n"
                    "    puts $out \"[get_full_name $i] [sta::instance_power $i $corner]\"\n"
                    "  }\n"
                    "  close $out\n"
                    "}\n");
}

static nap_status run_sta(const nap_flow *f, const char *dir, bool sequential, double load_ff,
                          nap_mapped *m, nap_error *e)
{
    nap_buf script = {0}, log = {0};
    put_timing(&script, f, sequential, load_ff);
    nap_status s = write_text(dir, "time.tcl", &script, e);
    nap_buf_free(&script);
    int code = 0;
    const char *const argv[] = {f->sta, "-exit", "time.tcl", NULL};
    if (s == NAP_OK) s = nap_process_run(argv, dir, &log, &code, sta_hint, e);
    double slack = 0;
    if (s == NAP_OK &&
        (code != 0 || !number_after(log.data != NULL ? log.data : "", "slack", &slack)))
        s = nap_fail(e, NAP_ERR_INTERNAL, NAP_NO_OFFSET, "sta: %.300s",
                     log.data != NULL && strstr(log.data, "Error") ? strstr(log.data, "Error")
                                                                   : "no slack in its report");
    nap_buf_free(&log);
    if (s != NAP_OK) return s;
    m->delay_ns = slack > 1e20 ? 0 : f->clock_ns - slack / f->library.time_scale;
    char *power = NULL;
    NAP_TRY(read_text(dir, "power0.txt", &power, e));
    /* internal, switching, leakage, total of the whole design */
    double v[4] = {0};
    char *p = power + strcspn(power, " ");
    for (int i = 0; i < 4; i++) v[i] = strtod(p, &p);
    m->leakage_w = v[2];
    nap_free(power);
    return NAP_OK;
}

/* ---- One unit. */
static nap_status put_inputs(const nap_flow *f, const nap_unit_text *u, const char *dir,
                             nap_error *e)
{
    nap_buf adder = {0}, drive = {0};
    const nap_buf multiply = {(char *)(uintptr_t)nap_map_multiply, strlen(nap_map_multiply), 0, 0},
                  compare = {(char *)(uintptr_t)nap_map_compare, strlen(nap_map_compare), 0, 0};
    nap_status s = write_text(dir, "unit.v", &u->text, e);
    if (f->library.adder != NULL) put_maps(&adder, &f->library);
    if (s == NAP_OK) s = write_text(dir, "adder.v", &adder, e);
    if (s == NAP_OK) s = write_text(dir, "multiply.v", &multiply, e);
    if (s == NAP_OK) s = write_text(dir, "compare.v", &compare, e);
    if (f->library.driver != NULL)
        nap_buf_printf(&drive, "set_driving_cell %s\nset_load %.6g\n", f->library.driver,
                       f->library.load_ff);
    if (s == NAP_OK) s = write_text(dir, "drive.txt", &drive, e);
    nap_buf_free(&adder);
    nap_buf_free(&drive);
    return s;
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool has_clock(const nap_unit_text *u)
{
    for (size_t i = 0; i < u->ports; i++)
        if (strcmp(u->port[i].name, "clk_i") == 0) return true;
    return false;
}

static nap_status keep(const char *from, const char *to, nap_error *e)
{
    static const char *const names[] = {"net.v", "power0.txt", "power1.txt"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char a[1024], b[1024];
        (void)snprintf(a, sizeof a, "%s/%s", from, names[i]);
        (void)snprintf(b, sizeof b, "%s/%s", to, names[i]);
        if (rename(a, b) != 0)
            return nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "%s: cannot keep the result", b);
    }
    return NAP_OK;
}

static bool parse_result(const char *text, nap_mapped *m)
{
    unsigned long long cells;
    if (sscanf(text,
               "napier-unit 1\nrecipe %15s\ncells %llu\narea %lf\ndelay_ns %lf\n"
               "leakage_w %lf\nseconds %lf\n",
               m->recipe, &cells, &m->area, &m->delay_ns, &m->leakage_w, &m->seconds) != 6)
        return false;
    m->cells = cells;
    return true;
}

nap_status nap_flow_map(const nap_flow *f, const nap_unit_text *u, nap_mapped *out, nap_error *e)
{
    char name[33], clock[32], *text = NULL;
    memset(out, 0, sizeof *out);
    (void)snprintf(clock, sizeof clock, "%.6g", f->clock_ns);
    nap_hash h = nap_hash_add(u->hash, &f->library.hash, sizeof f->library.hash);
    h = nap_hash_text(nap_hash_text(nap_hash_text(h, f->tools), clock), adders_text);
    h = nap_hash_text(nap_hash_text(h, nap_map_multiply), nap_map_full_adder);
    nap_hash_name(h, name);
    (void)snprintf(out->dir, sizeof out->dir, "%s/%s", f->cache, name);
    if (read_text(out->dir, "result.txt", &text, NULL) == NAP_OK) {
        out->cached = parse_result(text, out);
        nap_free(text);
        if (out->cached) return NAP_OK;
    }
    char dir[512];
    const double start = now_s();
    NAP_TRY(nap_make_folder(out->dir, e));
    NAP_TRY(nap_scratch_make(f, dir, e));
    nap_status s = put_inputs(f, u, dir, e);
    bool any = false;
    for (recipe r = f->library.adder != NULL ? RECIPE_ADDERS : RECIPE_GATES;
         s == NAP_OK && r < RECIPE_COUNT; r++) {
        nap_mapped m = {0};
        s = run_yosys(f, dir, r, &m, e);
        if (s == NAP_OK && m.cells > 0)
            s = run_sta(f, dir, has_clock(u), f->library.load_ff, &m, e);
        if (s != NAP_OK || (any && m.delay_ns >= out->delay_ns)) continue;
        memcpy(m.dir, out->dir, sizeof m.dir);
        (void)snprintf(m.recipe, sizeof m.recipe, "%s", recipe_name[r]);
        *out = m;
        any = true;
        if (m.cells > 0) s = keep(dir, out->dir, e);
        if (m.delay_ns <= f->clock_ns || m.cells > DELAY_CELLS) break;
    }
    nap_scratch_remove(dir);
    if (s != NAP_OK) return s;
    out->seconds = now_s() - start;
    nap_buf b = {0};
    nap_buf_printf(&b,
                   "napier-unit 1\nrecipe %s\ncells %llu\narea %.6f\ndelay_ns %.6f\n"
                   "leakage_w %.6e\nseconds %.2f\n",
                   out->recipe, (unsigned long long)out->cells, out->area, out->delay_ns,
                   out->leakage_w, out->seconds);
    s = write_text(out->dir, "result.txt", &b, e);
    if (s == NAP_OK) (void)parse_result(b.data, out); /* rounded as the cache will give it */
    nap_buf_free(&b);
    return s;
}

/* ---- Broadcast: a tree of the library's buffers, written as a netlist. Levels from the root:
 * each buffer drives up to NAP_FANOUT_MAX of the next level, a leaf as many readers. */
static uint64_t put_tree(nap_buf *b, const nap_library *l, uint64_t readers)
{
    uint64_t size[8] = {0};
    unsigned levels = 0;
    for (uint64_t n = readers; n > 1 && levels < 8;)
        size[levels++] = n = (n + NAP_FANOUT_MAX - 1) / NAP_FANOUT_MAX;
    uint64_t total = 0;
    nap_buf_puts(b, "module unit (d_i");
    for (uint64_t i = 0; i < size[0]; i++) nap_buf_printf(b, ", n_0_%llu", (unsigned long long)i);
    nap_buf_puts(b, ");\n  input d_i;\n");
    for (unsigned k = 0; k < levels; k++)
        for (uint64_t i = 0; i < size[k]; i++)
            nap_buf_printf(b, "  %s n_%u_%llu;\n", k == 0 ? "output" : "wire", k,
                           (unsigned long long)i);
    for (unsigned k = 0; k < levels; k++)
        for (uint64_t i = 0; i < size[k]; i++, total++) {
            nap_buf_printf(b, "  %s b_%u_%llu (.%s(", l->buffer, k, (unsigned long long)i,
                           l->buffer_pins[0]);
            if (k + 1 == levels)
                nap_buf_puts(b, "d_i");
            else
                nap_buf_printf(b, "n_%u_%llu", k + 1, (unsigned long long)(i / NAP_FANOUT_MAX));
            nap_buf_printf(b, "), .%s(n_%u_%llu));\n", l->buffer_pins[1], k, (unsigned long long)i);
        }
    nap_buf_puts(b, "endmodule\n");
    return total;
}

static bool parse_tree(const char *text, nap_fanout *t)
{
    unsigned long long cells;
    const int n = sscanf(text, "%llu %lf %lf %lf", &cells, &t->area, &t->still_w, &t->change_w);
    t->cells = n == 4 ? cells : 0;
    return n == 4;
}

nap_status nap_flow_fanout(const nap_flow *f, uint64_t readers, nap_fanout *out, nap_error *e)
{
    memset(out, 0, sizeof *out);
    const nap_library *l = &f->library;
    if (readers <= NAP_FANOUT_DIRECT || l->buffer == NULL) return NAP_OK;
    if (readers > NAP_FANOUT_READERS)
        return nap_fail(e, NAP_ERR_LIMIT, NAP_NO_OFFSET, "fan-out of %llu, expected at most %d",
                        (unsigned long long)readers, NAP_FANOUT_READERS);
    char dir[512], name[33], kept[600], *text = NULL;
    size_t len;
    nap_hash h = nap_hash_add(f->library.hash, &readers, sizeof readers);
    h = nap_hash_text(nap_hash_add(h, &f->clock_ns, sizeof f->clock_ns), f->tools);
    nap_hash_name(h, name);
    (void)snprintf(kept, sizeof kept, "%s/%s.tree", f->cache, name);
    if (nap_read_whole(kept, 256, &text, &len, NULL) == NAP_OK) {
        const bool good = parse_tree(text, out);
        nap_free(text);
        text = NULL;
        if (good) return NAP_OK;
    }
    nap_buf net = {0};
    out->cells = put_tree(&net, l, readers);
    out->area = (double)out->cells * l->buffer_area;
    nap_status s = nap_scratch_make(f, dir, e);
    if (s == NAP_OK) s = write_text(dir, "net.v", &net, e);
    nap_buf_free(&net);
    const uint64_t leaves = (readers + NAP_FANOUT_MAX - 1) / NAP_FANOUT_MAX;
    nap_mapped m = {0};
    if (s == NAP_OK)
        s = run_sta(f, dir, false, l->load_ff * (double)readers / (double)leaves, &m, e);
    double power[2] = {0};
    for (int a = 0; s == NAP_OK && a < 2; a++) {
        s = read_text(dir, a == 0 ? "power0.txt" : "power1.txt", &text, e);
        char *p = s == NAP_OK ? text + strcspn(text, " ") : NULL;
        for (int i = 0; s == NAP_OK && i < 4; i++) power[a] = strtod(p, &p);
        nap_free(text);
        text = NULL;
    }
    out->still_w = power[0];
    out->change_w = power[1] - power[0];
    nap_scratch_remove(dir);
    if (s != NAP_OK) return s;
    nap_buf b = {0};
    nap_buf_printf(&b, "%llu %.6f %.9e %.9e\n", (unsigned long long)out->cells, out->area,
                   out->still_w, out->change_w);
    s = b.failed ? nap_fail_memory(e, b.len, "tree") : nap_write_whole(kept, b.data, b.len, e);
    if (s == NAP_OK) (void)parse_tree(b.data, out);
    nap_buf_free(&b);
    return s;
}
