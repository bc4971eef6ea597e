/* Properties: src/rtl/formal/NAME.sv together with the design it names, as one file each that
 * tools/rtl/prove reads. The first lines of a property ("//: key value") say what it states, the
 * design, which emitter makes the text ("unit"), the module it is put into ("inside") or that it
 * brings with it ("top"), the depth of the search and that of the induction, and wires whose
 * values do not matter to it ("cut"): they may take any. */
#ifndef FORMAL_H
#define FORMAL_H

#include "core_cosim.h"
#include "rtl/verilog.h"

#include <dirent.h>
#include <stdlib.h>

static inline const char *source_folder(void)
{
    const char *s = getenv("NAPIER_SOURCE_DIR");
    return s != NULL ? s : ".";
}

static inline bool header_line(const char *text, const char *key, char *out, size_t room)
{
    char want[32];
    snprintf(want, sizeof want, "//: %s", key);
    const char *at = strstr(text, want);
    if (at == NULL) return false;
    at += strlen(want);
    while (*at == ' ') at++;
    snprintf(out, room, "%.*s", (int)strcspn(at, "\n"), at);
    return true;
}

static inline void emit_unit(const char *unit, const nap_core *c, nap_rtl *out, char adder[96])
{
    nap_error e = {0};
    nap_status status = NAP_OK;
    unsigned exp, man;
    adder[0] = '\0';
    if (strcmp(unit, "core") == 0) {
        status = nap_rtl_core(c, out, &e);
    } else if (strcmp(unit, "array") == 0) {
        status = nap_rtl_array(c, out, &e);
    } else if (strcmp(unit, "lut") == 0) {
        status = nap_rtl_grid(c, out, &e);
        if (status == NAP_OK) status = nap_rtl_precompute(c, out, &e);
    } else if (sscanf(unit, "fp_add %u %u", &exp, &man) == 2) {
        nap_rtl_fp_add(out, (nap_rtl_fp){.exp = exp, .man = man}, adder);
    } else {
        fail_msg("unknown unit '%s'", unit);
    }
    if (status != NAP_OK) fail_msg("%s", e.text);
}

/* Writes FOLDER/NAME.sv and appends its line to `list`. */
static inline void write_property(const char *name, const char *folder, nap_buf *list)
{
    char path[1200], what[200], text[300], unit[64], inside[96] = "", top[96] = "", depth[16],
                                                     induction[16], cut[96] = "-", adder[96],
                                                     prefix[64];
    char *body = NULL;
    size_t len = 0;
    nap_error e = {0};
    nap_rtl rtl = {0};
    snprintf(path, sizeof path, "%s/src/rtl/formal/%s", source_folder(), name);
    if (nap_read_whole(path, 1 << 20, &body, &len, &e) != NAP_OK) fail_msg("%s", e.text);
    if (!header_line(body, "what", what, sizeof what) ||
        !header_line(body, "design", text, sizeof text) ||
        !header_line(body, "unit", unit, sizeof unit) ||
        !header_line(body, "depth", depth, sizeof depth) ||
        !header_line(body, "induction", induction, sizeof induction))
        fail_msg("%s: a line of its header is missing", path);
    header_line(body, "cut", cut, sizeof cut);
    const nap_core core = design(text);
    emit_unit(unit, &core, &rtl, adder);
    snprintf(prefix, sizeof prefix, "%s_core", core.name);
    const nap_vvar vars[] = {{"N", core.name, 0}, {"P", prefix, 0}, {"FPADD", adder, 0}, {0}};
    nap_buf logic = {0}, full = {0};
    nap_v_put(&logic, body, vars);
    if (header_line(logic.data, "inside", inside, sizeof inside)) {
        char head[128];
        snprintf(head, sizeof head, "\nmodule %s ", inside);
        char *module = strstr(rtl.text.data, head);
        if (module == NULL) fail_msg("%s: no module %s", path, inside);
        const char *end = strstr(module, "endmodule");
        nap_buf_put(&full, rtl.text.data, (size_t)(end - rtl.text.data));
        nap_buf_put(&full, logic.data, logic.len);
        nap_buf_puts(&full, end);
        snprintf(top, sizeof top, "%s", inside);
    } else {
        assert_true(header_line(logic.data, "top", top, sizeof top));
        nap_buf_put(&full, rtl.text.data, rtl.text.len);
        nap_buf_put(&full, logic.data, logic.len);
    }
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (nap_write_whole(path, full.data, full.len, &e) != NAP_OK) fail_msg("%s", e.text);
    nap_buf_printf(list, "%s\t%s\t%s\t%s\t%s\t%s\n", name, top, depth, induction, cut, what);
    nap_buf_free(&logic);
    nap_buf_free(&full);
    nap_rtl_free(&rtl);
    nap_free(body);
}

static inline int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All properties, or those named in `only` (separated by blanks), into `folder` with their list. */
static inline size_t write_properties(const char *folder, const char *only)
{
    char path[1200], *names[64];
    size_t count = 0;
    nap_buf list = {0};
    nap_error e = {0};
    snprintf(path, sizeof path, "%s/src/rtl/formal", source_folder());
    DIR *d = opendir(path);
    if (d == NULL) fail_msg("%s: cannot be read", path);
    for (const struct dirent *f; (f = readdir(d)) != NULL;) {
        const size_t n = strlen(f->d_name);
        char stem[64];
        if (n < 4 || strcmp(f->d_name + n - 3, ".sv") != 0) continue;
        snprintf(stem, sizeof stem, "%.*s", (int)n - 3, f->d_name);
        if (only != NULL && strstr(only, stem) == NULL) continue;
        assert_true(count < sizeof names / sizeof *names);
        names[count++] = nap_strdup(f->d_name);
    }
    closedir(d);
    qsort(names, count, sizeof *names, by_name);
    assert_int_equal(nap_make_folder(folder, &e), NAP_OK);
    for (size_t i = 0; i < count; i++) {
        write_property(names[i], folder, &list);
        nap_free(names[i]);
    }
    snprintf(path, sizeof path, "%s/list", folder);
    if (nap_write_whole(path, list.data, list.len, &e) != NAP_OK) fail_msg("%s", e.text);
    nap_buf_free(&list);
    return count;
}

/* Proves them and prints the table; nothing may be left unproven. */
static inline void prove_properties(const char *name, const char *only, size_t least)
{
    char *base = NULL, folder[600], tool[600];
    nap_error e = {0};
    nap_buf output = {0};
    int code = 1;
    if (nap_cache_folder("formal", &base, &e) != NAP_OK) fail_msg("%s", e.text);
    snprintf(folder, sizeof folder, "%s/%s", base, name);
    assert_true(write_properties(folder, only) >= least);
    snprintf(tool, sizeof tool, "%s/tools/rtl/prove", source_folder());
    const char *const argv[] = {"python3", tool, folder, "900", NULL};
    assert_int_equal(nap_process_run(argv, NULL, &output, &code, NULL, &e), NAP_OK);
    /* line by line: cmocka cuts long messages */
    for (char *line = output.data; line != NULL && *line != '\0';) {
        const size_t n = strcspn(line, "\n");
        print_message("%.*s\n", (int)n, line);
        line += n + (line[n] == '\n');
    }
    nap_buf_free(&output);
    nap_free(base);
    assert_int_equal(code, 0);
}

static inline bool have_provers(void)
{
    return have("yosys") && have("yosys-smtbmc") && have("z3") && have("python3");
}

#endif
