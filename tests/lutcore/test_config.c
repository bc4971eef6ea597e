/* Configuration files: what is accepted, and one exact sentence for everything that is not. */
#include "cmocka_all.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/rng.h"
#include "lutcore/config.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static nap_status read_text(const char *text, size_t len, nap_core *out, nap_error *e)
{
    nap_config c;
    nap_status status = nap_config_parse(text, len, "x.cfg", &c, e);
    if (status != NAP_OK) {
        assert_null(c.items);
        return status;
    }
    status = nap_core_read(&c, out, e);
    nap_config_free(&c);
    return status;
}

static void refuses(const char *text, const char *says)
{
    nap_core core;
    nap_error e = {0};
    const nap_status status = read_text(text, strlen(text), &core, &e);
    if (status == NAP_OK) fail_msg("accepted, expected \"%s\":\n%s", says, text);
    assert_string_equal(e.text, says);
    assert_int_equal(e.code, status);
}

static void text_is_checked(void **state)
{
    (void)state;
    refuses("m = 1",
            "x.cfg:1: section: found 'm = 1', expected [core] or [machine] before any key");
    refuses("\n[cor]", "x.cfg:2: section: found 'cor', expected core or machine");
    refuses("[core", "x.cfg:1: section: found '[core', expected a closing ']'");
    refuses("[core]\nm", "x.cfg:2: line: found 'm', expected 'key = value'");
    refuses("[core]\nM = 2", "x.cfg:2: key: found 'M', expected a word of at most 31 lower-case "
                             "letters, digits and '_'");
    refuses("[core]\n = 2", "x.cfg:2: key: found '', expected a word of at most 31 lower-case "
                            "letters, digits and '_'");
    refuses("[core]\nm = # two", "x.cfg:2: m: found '', expected a value after '='");
    refuses("[core]\nname = a\x01z", "x.cfg:2: name: found 'a.z', expected printable ASCII");
    refuses("[core]\nm = 2\n\nm = 2",
            "x.cfg:4: [core] m: found a second time, expected once (line 2 has it)");
    refuses("[core]\nm = 2\nwidth = 3", "x.cfg:3: [core] width: unknown key; expected one of name, "
                                        "method, m, n, k, depth, act, table, wtype, wbits, acc, "
                                        "fpsum, pipeline, pre_units, a_regs, t_regs, w_regs, "
                                        "c_regs, s_regs, bus_bytes, mem_latency");
    refuses("[core]\nm = two", "x.cfg:2: [core] m: found 'two', expected a whole number from 1 to "
                               "64");
    refuses("[core]\nm = -2", "x.cfg:2: [core] m: found '-2', expected a whole number from 1 to "
                              "64");
    refuses("[core]\nm = 2x", "x.cfg:2: [core] m: found '2x', expected a whole number from 1 to "
                              "64");
    refuses("[core]\nm = 99999999999999999999",
            "x.cfg:2: [core] m: found '99999999999999999999', expected a whole number from 1 to "
            "64");
    refuses("[core]\nact = int8", "x.cfg:2: [core] act: found 'int8', expected one of s8, s16, "
                                  "e4m3, e5m2, f16");
}

static void designs_are_checked(void **state)
{
    (void)state;
    refuses("[core]\nname = 2fast", "x.cfg:2: [core] name: found '2fast', expected 1 to 47 of a-z, "
                                    "0-9 and '_', a letter first");
    refuses("[core]\nm = 65",
            "x.cfg:2: [core] m: found '65', expected a whole number from 1 to 64");
    refuses("[core]\nn = 257",
            "x.cfg:2: [core] n: found '257', expected a whole number from 1 to 256");
    refuses("[core]\nk = 9", "x.cfg:2: [core] k: found '9', expected a whole number from 1 to 8");
    refuses("[core]\nmethod = mac\nk = 4",
            "x.cfg:3: [core] k: found 4 with method mac, expected 1: "
            "products are added by depth");
    refuses("[core]\nwtype = ternary\nk = 4",
            "x.cfg:3: [core] k: found 4 with wtype ternary, expected 3");
    refuses("[core]\nwtype = ternary\nwbits = 2",
            "x.cfg:3: [core] wbits: found 2 with wtype ternary, expected 1");
    refuses("[core]\nmethod = unpu\nwtype = e2m1",
            "x.cfg:3: [core] wtype: found e2m1 with method unpu, expected method lut");
    refuses("[core]\nmethod = mac_native\nwbits = 5",
            "x.cfg:3: [core] wbits: found 5, expected 1 to 4");
    refuses("[core]\ntable = s8", "x.cfg:2: [core] table: found s8 with act s8, expected exact: "
                                  "int8 tables are for floating-point activations");
    refuses("[core]\nacc = f32",
            "x.cfg:2: [core] acc: found f32, expected s16, s24 or s32 with act s8 and table exact");
    refuses("[core]\nact = f16\nacc = s32",
            "x.cfg:3: [core] acc: found s32, expected f16 or f32 with act f16 and table exact");
    refuses("[core]\nfpsum = fused",
            "x.cfg:2: [core] fpsum: found fused with acc s32, expected acc f16 or f32");
    refuses("[core]\nfpsum = prealigned",
            "x.cfg:2: [core] fpsum: found prealigned with act s8, expected act s16");
    refuses("[core]\npipeline = 3",
            "x.cfg:2: [core] pipeline: found '3', expected a whole number from 1 to 2");
    refuses("[core]\npre_units = 3", "x.cfg:2: [core] pre_units: found 3, expected 1 to 2");
    refuses("[core]\nm = 1\npre_units = 2", "x.cfg:3: [core] pre_units: found 2, expected 1 to 1");
    refuses("[core]\nt_regs = 63",
            "x.cfg:2: [core] t_regs: found '63', expected a whole number from 1 to 62");
    refuses("[core]\nbus_bytes = 24",
            "x.cfg:2: [core] bus_bytes: found 24, expected 8, 16, 32 or 64");
    refuses("[core]\nmem_latency = 1001",
            "x.cfg:2: [core] mem_latency: found '1001', expected a whole number from 1 to 1000");
}

/* A default that does not go with what the file says is named as one. */
static void defaults_are_named(void **state)
{
    (void)state;
    nap_core core;
    nap_error e;
    refuses("[core]\nmethod = mac_native\nwbits = 4\ntable = s8\nact = s16",
            "x.cfg:4: [core] table: found s8 with act s16, expected exact: int8 tables are for "
            "floating-point activations");
    refuses("[core]\nm = 1\nmethod = add\nwtype = bits\nwbits = 9",
            "x.cfg:5: [core] wbits: found '9', expected a whole number from 1 to 8");
    const char text[] = "[core]\nwtype = ternary\nact = f16\n";
    assert_int_equal(read_text(text, sizeof text - 1, &core, &e), NAP_OK);
    assert_int_equal(core.k, 3);
    assert_int_equal(core.wbits, 1);
    assert_int_equal(core.acc, NAP_ACC_F32);
}

static void blanks_and_comments(void **state)
{
    (void)state;
    nap_core core;
    nap_error e;
    const char text[] =
        "\t# a design\r\n\n [ core ] # of ours\r\n  m=4# rows\r\nname\t= small\t\r\n";
    if (read_text(text, sizeof text - 1, &core, &e) != NAP_OK) fail_msg("%s", e.text);
    assert_int_equal(core.m, 4);
    assert_string_equal(core.name, "small");
}

static void typed_values(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double v;
    } good[] = {
        {"0", 0},           {"1.41", 1.41},  {"-2.5", -2.5}, {"1e3", 1000},
        {"1.5e-3", 0.0015}, {"2E+2", 200},   {"0.1", 0.1},   {"123456789012345", 123456789012345.0},
        {"1e22", 1e22},     {"1e-22", 1e-22}};
    static const char *const bad[] = {
        "",    ".5",   "5.", "1e", "0x10", "inf", "nan", "1,5", "1 2", "1e23", "1234567890123456",
        "--1", "1e-23"};
    nap_error e;
    for (size_t i = 0; i < sizeof good / sizeof *good + sizeof bad / sizeof *bad; i++) {
        const bool is_good = i < sizeof good / sizeof *good;
        const char *value = is_good ? good[i].text : bad[i - sizeof good / sizeof *good];
        char text[80];
        nap_config c;
        double v = 7;
        const int n = snprintf(text, sizeof text, "[machine]\nx = %s\n", value);
        if (nap_config_parse(text, (size_t)n, "x.cfg", &c, &e) != NAP_OK) {
            assert_int_equal(value[0], '\0');
            continue;
        }
        const nap_status status = nap_config_real(&c, "machine", "x", -1e30, 1e30, &v, &e);
        if (is_good) {
            assert_int_equal(status, NAP_OK);
            assert_true(v == good[i].v);
        } else {
            assert_int_equal(status, NAP_ERR_FORMAT);
            assert_true(v == 7);
            assert_non_null(strstr(e.text, "x.cfg:2: [machine] x: found '"));
        }
        assert_int_equal(nap_config_done(&c, "machine", NULL, &e), NAP_OK);
        nap_config_free(&c);
    }
}

static void limits(void **state)
{
    (void)state;
    nap_buf b = {0};
    nap_config c;
    nap_error e;
    nap_buf_puts(&b, "[core]\n");
    for (int i = 0; i < 1025; i++) nap_buf_printf(&b, "k%d = 1\n", i);
    assert_int_equal(nap_config_parse(b.data, b.len, "x.cfg", &c, &e), NAP_ERR_LIMIT);
    assert_string_equal(e.text, "x.cfg:1026: more than 1024 keys");
    nap_buf_free(&b);
    char *large = calloc(1, (1 << 20) + 1);
    assert_int_equal(nap_config_parse(large, (1 << 20) + 1, "x.cfg", &c, &e), NAP_ERR_LIMIT);
    free(large);
}

/* Every design that the checker lets through is written as text that reads back to it. */
static void writing_reads_back(void **state)
{
    (void)state;
    nap_rng r;
    nap_rng_seed(&r, 4);
    unsigned legal = 0;
    for (unsigned i = 0; i < 20000; i++) {
        nap_core c = nap_core_default(), back;
        nap_error e;
        c.method = (nap_method)(nap_rng_next(&r) % NAP_METHOD_COUNT);
        c.m = 1 + (unsigned)(nap_rng_next(&r) % 64);
        c.n = 1 + (unsigned)(nap_rng_next(&r) % 256);
        c.k = nap_rng_next(&r) % 2 == 0 ? 1 : 1 + (unsigned)(nap_rng_next(&r) % 8);
        c.depth = 1 + (unsigned)(nap_rng_next(&r) % 64);
        c.act = (nap_act)(nap_rng_next(&r) % NAP_ACT_COUNT);
        c.table = (nap_table)(nap_rng_next(&r) % NAP_TABLE_COUNT);
        c.wtype = (nap_wtype)(nap_rng_next(&r) % NAP_W_COUNT);
        c.wbits = 1 + (unsigned)(nap_rng_next(&r) % 8);
        c.acc = (nap_acc)(nap_rng_next(&r) % NAP_ACC_COUNT);
        c.fpsum = (nap_fpsum)(nap_rng_next(&r) % NAP_FPSUM_COUNT);
        c.mem_latency = 1 + (unsigned)(nap_rng_next(&r) % 1000);
        if (nap_core_check(&c, "random", &e) != NAP_OK) {
            assert_true(strncmp(e.text, "random: [core] ", 15) == 0);
            continue;
        }
        legal++;
        nap_buf text = {0};
        nap_core_write(&c, &text);
        if (read_text(text.data, text.len, &back, &e) != NAP_OK) fail_msg("%s", e.text);
        assert_memory_equal(&c, &back, sizeof c);
        nap_buf_free(&text);
    }
    assert_true(legal > 300);
}

static void shipped_designs(void **state)
{
    (void)state;
    const char *root = getenv("NAPIER_SOURCE_DIR");
    char folder[400], path[800];
    snprintf(folder, sizeof folder, "%s/configs", root != NULL ? root : ".");
    DIR *d = opendir(folder);
    assert_non_null(d);
    unsigned designs = 0;
    for (struct dirent *f; (f = readdir(d)) != NULL;) {
        nap_config c;
        nap_core core;
        nap_error e;
        if (strstr(f->d_name, ".cfg") == NULL) continue;
        snprintf(path, sizeof path, "%s/%s", folder, f->d_name);
        if (nap_config_load(path, &c, &e) != NAP_OK) fail_msg("%s", e.text);
        if (nap_config_has(&c, "core")) {
            if (nap_core_read(&c, &core, &e) != NAP_OK) fail_msg("%s", e.text);
            designs++;
        }
        nap_config_free(&c);
    }
    closedir(d);
    assert_true(designs >= 15);
    nap_core def;
    nap_error e;
    const nap_core want = nap_core_default();
    snprintf(path, sizeof path, "%s/lut-m2n64k4-s8.cfg", folder);
    assert_int_equal(nap_core_load(path, &def, &e), NAP_OK);
    assert_memory_equal(&def, &want, sizeof def);
}

/* Any allocation may fail: an error, and nothing lost. */
static void out_of_memory(void **state)
{
    (void)state;
    const char text[] = "[core]\nm = 2\nn = 4\n";
    for (long n = 0; n < 20; n++) {
        nap_config c;
        nap_error e;
        nap_alloc_fail_at(n, true);
        const nap_status status = nap_config_parse(text, sizeof text - 1, "x.cfg", &c, &e);
        nap_alloc_fail_at(-1, false);
        if (status == NAP_OK) {
            assert_true(n > 0);
            nap_config_free(&c);
            return;
        }
        assert_int_equal(status, NAP_ERR_MEMORY);
    }
    fail_msg("never enough memory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_checked),    cmocka_unit_test(designs_are_checked),
        cmocka_unit_test(defaults_are_named), cmocka_unit_test(blanks_and_comments),
        cmocka_unit_test(typed_values),       cmocka_unit_test(limits),
        cmocka_unit_test(writing_reads_back), cmocka_unit_test(shipped_designs),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
