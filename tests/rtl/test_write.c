/* What `napier lutcore rtl` leaves, for every shipped design: files that Icarus Verilog takes, and
 * two benches that pass, and that fail for whatever is changed in them. */
#include "cmocka_all.h"

#include "base/alloc.h"
#include "base/process.h"
#include "lutcore/config.h"
#include "rtl/cosim.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool have(const char *tool)
{
    if (nap_process_exists(tool)) return true;
    print_message("SKIPPED: %s is not installed\n", tool);
    return false;
}

static const char *root(void)
{
    const char *dir = getenv("NAPIER_SOURCE_DIR");
    return dir != NULL ? dir : ".";
}

/* False for a file without a core. */
static bool read_design(const char *name, nap_core *core)
{
    char path[512];
    nap_config config;
    nap_error e = {0};
    snprintf(path, sizeof path, "%s/configs/%s", root(), name);
    if (nap_config_load(path, &config, &e) != NAP_OK) fail_msg("%s", e.text);
    const bool has = nap_config_has(&config, "core");
    if (has && nap_core_read(&config, core, &e) != NAP_OK) fail_msg("%s", e.text);
    nap_config_free(&config);
    return has;
}

static char *write_design(const nap_core *core)
{
    char *folder = NULL;
    nap_error e = {0};
    if (nap_cosim_folder(&folder, &e) != NAP_OK || nap_rtl_write(core, folder, 20, 1, &e) != NAP_OK)
        fail_msg("%s: %s", core->name, e.text);
    return folder;
}

/* Runs a tool in the folder; what it said, and whether it ended well. */
static bool tool(const char *const argv[], const char *folder, nap_buf *said)
{
    nap_error e = {0};
    int code = 1;
    said->len = 0;
    if (nap_process_run(argv, folder, said, &code, NULL, &e) != NAP_OK) fail_msg("%s", e.text);
    return code == 0;
}

/* Every module of the text is in its file whole: from its comment on, up to its end. */
static void check_files(const nap_core *core, const char *folder)
{
    char path[640];
    nap_rtl r = {0};
    nap_error e = {0};
    assert_int_equal(nap_rtl_core(core, &r, &e), NAP_OK);
    size_t modules = 0;
    for (const char *p = r.text.data; (p = strstr(p, "\nmodule ")) != NULL; modules++) {
        const char *end = strstr(p, "\nendmodule\n"), *from = p;
        assert_non_null(end);
        end += strlen("\nendmodule\n");
        while (from > r.text.data && !(from[0] == '\n' && from[-1] == '\n') &&
               !(from - r.text.data >= 10 && strncmp(from - 10, "\nendmodule\n", 11) == 0))
            from--;
        if (*from == '\n') from++;
        snprintf(path, sizeof path, "%s/%.*s.v", folder, (int)strcspn(p + 8, " (\n"), p + 8);
        char *text = NULL;
        size_t len = 0;
        if (nap_read_whole(path, 1 << 26, &text, &len, &e) != NAP_OK) fail_msg("%s", e.text);
        const size_t want = (size_t)(end - from);
        if (len < want || memcmp(text + len - want, from, want) != 0 || strncmp(text, "//", 2) != 0)
            fail_msg("%s: found '%.60s', expected '%.60s'", path, text, from);
        nap_free(text);
        p = end - 1;
    }
    assert_true(modules > 8);
    nap_rtl_free(&r);
}

static void elaborate(const nap_core *core, const char *folder, const char *what)
{
    char list[128];
    nap_buf said = {0};
    snprintf(list, sizeof list, "%s_%s.f", core->name, what);
    const char *const argv[] = {"iverilog", "-g2005", "-t", "null", "-f", list, NULL};
    if (!tool(argv, folder, &said) || said.len > 0)
        fail_msg("%s: %.400s", list, said.data != NULL ? said.data : "");
    nap_buf_free(&said);
}

static void test_every_design(void **state)
{
    (void)state;
    if (!have("iverilog")) skip();
    char path[512];
    snprintf(path, sizeof path, "%s/configs", root());
    DIR *d = opendir(path);
    unsigned designs = 0;
    assert_non_null(d);
    for (const struct dirent *f; (f = readdir(d)) != NULL;) {
        const size_t n = strlen(f->d_name);
        nap_core core;
        if (n < 5 || strcmp(f->d_name + n - 4, ".cfg") != 0 || !read_design(f->d_name, &core))
            continue;
        char *folder = write_design(&core);
        check_files(&core, folder);
        elaborate(&core, folder, "array");
        elaborate(&core, folder, "core_tb"); /* the core's files and its bench */
        nap_cosim_forget(folder);
        designs++;
    }
    closedir(d);
    assert_true(designs >= 16);
}

/* Verilator warns of nothing in a small design's array, core and array bench. */
static void test_lint(void **state)
{
    (void)state;
    if (!have("verilator")) skip();
    static const char *const designs[] = {"lut-m2n4k4-s8.cfg"};
    for (size_t i = 0; i < sizeof designs / sizeof *designs; i++) {
        nap_core core;
        assert_true(read_design(designs[i], &core));
        char *folder = write_design(&core), top[3][128], list[3][128], bench[128];
        static const char *const tops[] = {"array", "core", "tb"};
        static const char *const lists[] = {"array", "core", "array"};
        snprintf(bench, sizeof bench, "%s_tb.v", core.name);
        for (size_t t = 0; t < 3; t++) {
            nap_buf said = {0};
            snprintf(top[t], sizeof top[t], "%s_%s", core.name, tops[t]);
            snprintf(list[t], sizeof list[t], "%s_%s.f", core.name, lists[t]);
            const char *const argv[] = {"verilator",           "--lint-only", "-Wall", "--timing",
                                        "--top-module",        top[t],        "-f",    list[t],
                                        t == 2 ? bench : NULL, NULL};
            if (!tool(argv, folder, &said)) fail_msg("%s: %.600s", top[t], said.data);
            nap_buf_free(&said);
        }
        nap_cosim_forget(folder);
    }
}

/* Builds a bench and says what it printed. */
static void run_bench(const nap_core *core, const char *folder, const char *what, nap_buf *said)
{
    const bool whole = strcmp(what, "core_tb") == 0;
    char top[128], list[128], bench[128];
    snprintf(top, sizeof top, "%s_%s", core->name, what);
    snprintf(list, sizeof list, "%s_%s.f", core->name, whole ? "core_tb" : "array");
    snprintf(bench, sizeof bench, "%s_tb.v", core->name);
    const char *const build[] = {
        "iverilog", "-g2005", "-s", top, "-o", "bench", "-f", list, whole ? NULL : bench, NULL};
    const char *const run[] = {"vvp", "-n", "bench", NULL};
    if (!tool(build, folder, said)) fail_msg("%s: %.400s", list, said->data);
    (void)tool(run, folder, said);
    assert_non_null(said->data);
}

/* Replaces the first `from` of a file by `to`, or its last line's last but one digit. */
static void change(const nap_core *core, const char *folder, const char *suffix, const char *from,
                   const char *to)
{
    char path[640];
    char *text = NULL;
    size_t len = 0;
    nap_error e = {0};
    snprintf(path, sizeof path, "%s/%s%s", folder, core->name, suffix);
    if (nap_read_whole(path, 1 << 26, &text, &len, &e) != NAP_OK) fail_msg("%s", e.text);
    char *at = from != NULL ? strstr(text, from) : text + len - 3;
    if (at == NULL) fail_msg("%s: found no '%s'", path, from);
    nap_buf out = {0};
    nap_buf_put(&out, text, (size_t)(at - text));
    nap_buf_puts(&out, from != NULL ? to : *at == '0' ? "1" : "0");
    nap_buf_puts(&out, at + (from != NULL ? strlen(from) : 1));
    assert_int_equal(nap_write_whole(path, out.data, out.len, &e), NAP_OK);
    nap_buf_free(&out);
    nap_free(text);
}

static void expect(const nap_core *core, const char *folder, const char *what, const char *word)
{
    nap_buf said = {0};
    run_bench(core, folder, what, &said);
    if (strstr(said.data, word) == NULL || (strstr(word, "FAIL") && strstr(said.data, "PASS")))
        fail_msg("%s_%s: found '%.300s', expected '%s'", core->name, what, said.data, word);
    nap_buf_free(&said);
}

static void remove_file(const nap_core *core, const char *folder, const char *suffix)
{
    char path[640];
    snprintf(path, sizeof path, "%s/%s%s", folder, core->name, suffix);
    assert_int_equal(remove(path), 0);
}

static void test_benches(void **state)
{
    (void)state;
    if (!have("iverilog")) skip();
    static const char *const designs[] = {"lut-m2n4k4-s8.cfg", "mac-native-m8n4k16-s8w2.cfg"};
    for (size_t i = 0; i < sizeof designs / sizeof *designs; i++) {
        nap_core core;
        assert_true(read_design(designs[i], &core));
        char *folder = write_design(&core), first[256];
        expect(&core, folder, "tb", "PASS: 20 tiles");
        expect(&core, folder, "core_tb", "PASS: ");
        /* the last word's lowest byte */
        change(&core, folder, "_expected.hex", NULL, NULL);
        expect(&core, folder, "core_tb", "FAIL: address ");
        nap_cosim_forget(folder);

        /* the program counter counts by two */
        folder = write_design(&core);
        change(&core, folder, "_core_sequencer.v", "32'd1", "32'd2");
        expect(&core, folder, "core_tb", "FAIL: ");
        nap_cosim_forget(folder);

        /* a bench that expects other cycles */
        folder = write_design(&core);
        change(&core, folder, "_core_tb.v", "cycle - 1 !=", "cycle !=");
        expect(&core, folder, "core_tb", "FAIL: found ");
        remove_file(&core, folder, "_memory.hex");
        snprintf(first, sizeof first, "FAIL: %s_memory.hex cannot be read", core.name);
        expect(&core, folder, "core_tb", first);
        remove_file(&core, folder, "_vectors.hex");
        snprintf(first, sizeof first, "FAIL: %s_vectors.hex cannot be read", core.name);
        expect(&core, folder, "tb", first);
        nap_cosim_forget(folder);
    }
}

/* What the compiler refuses runs tiles in a loop; this one has FP16 sums and is quick to build. */
static void test_float_bench(void **state)
{
    (void)state;
    if (!have("iverilog")) skip();
    static const char text[] = "[core]\nname = half_float\nm = 2\nn = 2\nk = 2\ndepth = 2\n"
                               "act = f16\nacc = f16\nwbits = 2\npipeline = 2\n";
    nap_config config;
    nap_core core;
    nap_error e = {0};
    if (nap_config_parse(text, strlen(text), "design", &config, &e) != NAP_OK ||
        nap_core_read(&config, &core, &e) != NAP_OK)
        fail_msg("%s", e.text);
    nap_config_free(&config);
    char *folder = write_design(&core);
    expect(&core, folder, "core_tb", "PASS: ");
    change(&core, folder, "_expected.hex", NULL, NULL);
    expect(&core, folder, "core_tb", "FAIL: address ");
    nap_cosim_forget(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_design),
        cmocka_unit_test(test_lint),
        cmocka_unit_test(test_benches),
        cmocka_unit_test(test_float_bench),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
