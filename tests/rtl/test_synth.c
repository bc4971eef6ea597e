/* The synthesis flow: unit texts, Liberty files, mapping, power, and that a wrong netlist is found
 * out. */
#include "synth_tests.h"

#include "lutcore/npy.h"

#include <dirent.h>
#include <unistd.h>

/* ---- Texts. */
static void test_unit_text(void **state)
{
    (void)state;
    static const char a[] = "// head\nmodule one_leaf (\n  input  [3:0] a_i,\n  output y_o\n);\n"
                            "  assign y_o = ^a_i; // odd\nendmodule\n"
                            "module one_top (\n  input clk_i,\n  input [7:0] b_i, d_i,\n"
                            "  output [1:0] q_o\n);\n"
                            "  one_leaf u_low (.a_i(b_i[3:0]), .y_o(q_o[0]));\n"
                            "  one_leaf u_high (.a_i(d_i[3:0]), .y_o(q_o[1]));\nendmodule\n"
                            "module one_other (input x_i);\nendmodule\n";
    static const char b[] = "module two_leaf (\n  input    [3:0] a_i,\n  output         y_o\n);\n\n"
                            "  assign y_o = ^a_i;\nendmodule\n"
                            "module two_top (\n  input clk_i,\n  input [7:0] b_i, d_i,\n"
                            "  output [1:0] q_o\n);\n  // two of them\n"
                            "  two_leaf u_low (.a_i(b_i[3:0]), .y_o(q_o[0]));\n"
                            "  two_leaf u_high (.a_i(d_i[3:0]), .y_o(q_o[1]));\nendmodule\n";
    nap_unit_text x, y, z;
    nap_error e;
    ok(nap_unit_cut(a, "one_top", &x, &e), &e);
    ok(nap_unit_cut(b, "two_top", &y, &e), &e);
    ok(nap_unit_cut(b, "two_leaf", &z, &e), &e);
    assert_string_equal(x.text.data,
                        y.text.data); /* names, comments and layout make no difference */
    assert_true(x.hash.a == y.hash.a && x.hash.b == y.hash.b);
    assert_false(x.hash.a == z.hash.a);
    assert_null(strstr(x.text.data, "one_"));
    assert_int_equal(x.ports, 4);
    assert_string_equal(x.port[2].name, "d_i");
    assert_int_equal(x.port[2].width, 8);
    assert_true(x.port[2].input);
    assert_int_equal(x.port[3].width, 2);
    assert_false(x.port[3].input);
    assert_int_equal(x.port[0].width, 1);
    nap_unit_text_free(&x);
    nap_unit_text_free(&y);
    nap_unit_text_free(&z);
    assert_int_equal(nap_unit_cut(a, "absent", &x, &e), NAP_ERR_INTERNAL);
}

static void test_liberty(void **state)
{
    (void)state;
    static const char first[] =
        "/* library of cells */\nlibrary (mine) {\n  time_unit : \"1ps\";\n"
        "  capacitive_load_unit (1,ff);\n"
        "  lu_table_template (t1) { variable_1 : x; }\n"
        "  cell (AND) {\n    area : 2.5\n    pin (A) { direction : input; }\n"
        "  }\n}\n";
    static const char second[] = "library (mine2) {\n  lu_table_template (t1) { variable_1 : y; }\n"
                                 "  lu_table_template (t2) { variable_1 : z; }\n"
                                 "  cell (OR) { area : 3; /* } */ }\n}\n";
    char one[128], two[128], both[300];
    nap_error e;
    nap_library l;
    (void)snprintf(one, sizeof one, "%s/one.lib", cache_folder());
    (void)snprintf(two, sizeof two, "%s/two.lib", cache_folder());
    (void)snprintf(both, sizeof both, "%s,%s", one, two);
    ok(nap_write_whole(one, first, sizeof first - 1, &e), &e);
    ok(nap_write_whole(two, second, sizeof second - 1, &e), &e);
    ok(nap_library_open(both, cache_folder(), &l, &e), &e);
    assert_string_equal(l.name, "mine");
    assert_true(l.time_scale == 1000 && l.cap_scale == 1);
    assert_null(l.adder);
    char *text;
    size_t len;
    ok(nap_read_whole(l.path, 1 << 20, &text, &len, &e), &e);
    assert_non_null(strstr(text, "cell (AND)"));
    assert_non_null(strstr(text, "cell (OR)"));
    assert_non_null(strstr(text, "(t2)"));
    assert_null(strstr(text, "variable_1 : y")); /* the first file's template of that name stands */
    assert_string_equal(text + len - 3, "\n}\n");
    free(text);
    nap_library_close(&l);
    ok(nap_write_whole(two, "PK\003\004", 4, &e), &e);
    assert_int_equal(nap_library_open(two, cache_folder(), &l, &e), NAP_ERR_FORMAT);
    assert_non_null(strstr(e.text, "two.lib"));
    /* A file that was cut, wherever, says so: in a group, a comment, a string. */
    static const struct {
        const char *text, *says;
    } cut[] = {
        {"library (osu018_stdcells) {\n  cell (A) {\n    area : 1;\n",
         "two.lib:4: found the end of the file inside a group, expected '}': it is "
         "truncated"},
        {"/* x */ library (m) {\n  /* of\n  cells {",
         "two.lib:3: found the end of the file inside a comment, expected '*/'"},
        {"library (m) {\n  cell (A) { function : \"a",
         "two.lib:2: found the end of the file inside a string, expected '\"'"},
    };
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        ok(nap_write_whole(two, cut[i].text, strlen(cut[i].text), &e), &e);
        assert_int_equal(nap_library_open(two, cache_folder(), &l, &e), NAP_ERR_FORMAT);
        if (strstr(e.text, cut[i].says) == NULL) fail_msg("%s", e.text);
        assert_int_equal(e.offset, strlen(cut[i].text));
    }
    assert_int_equal(nap_library_open("/absent.lib", cache_folder(), &l, &e), NAP_ERR_NOT_FOUND);
}

/* ---- Arithmetic maps: products and comparisons of every sign and some widths, against C. */
static void put_bits(nap_buf *b, unsigned v, unsigned width)
{
    for (unsigned i = width; i-- > 0;) nap_buf_putc(b, (v >> i) & 1 ? '1' : '0');
}

static int sign_extend(unsigned v, unsigned width)
{
    return (int)(v ^ (1u << (width - 1))) - (1 << (width - 1));
}

static void check_arithmetic(nap_flow *f, bool is_signed, unsigned wa, unsigned wb)
{
    nap_buf text = {0}, trace = {0};
    const char *s = is_signed ? "signed " : "";
    nap_buf_printf(&text,
                   "module arith (\n  input %s[%u:0] a_i,\n  input %s[%u:0] b_i,\n"
                   "  input %s[15:0] c_i,\n  output %s[15:0] y_o,\n  output [3:0] r_o\n);\n"
                   "  assign y_o = a_i * b_i + c_i;\n"
                   "  assign r_o = {a_i < b_i, a_i <= b_i, a_i > b_i, a_i >= b_i};\nendmodule\n",
                   s, wa - 1, s, wb - 1, s, s);
    size_t cycles = 0;
    for (unsigned a = 0; a < 1u << wa; a++)
        for (unsigned b = 0; b < 1u << wb; b++, cycles++) {
            const unsigned c = (a * 4099 + b * 257) & 0xffff;
            const int x = is_signed ? sign_extend(a, wa) : (int)a,
                      y = is_signed ? sign_extend(b, wb) : (int)b;
            put_bits(&trace, a, wa);
            put_bits(&trace, b, wb);
            put_bits(&trace, c, 16);
            put_bits(&trace, (unsigned)(x * y) + c, 16);
            put_bits(&trace, (unsigned)((x < y) << 3 | (x <= y) << 2 | (x > y) << 1 | (x >= y)), 4);
            nap_buf_putc(&trace, '\n');
        }
    nap_unit_text u;
    nap_mapped m;
    nap_error e;
    double watts;
    ok(nap_unit_cut(text.data, "arith", &u, &e), &e);
    ok(nap_flow_map(f, &u, &m, &e), &e);
    nap_trace_unit t = {.module = "arith",
                        .bits = trace.data,
                        .len = trace.len,
                        .cycles = cycles,
                        .width = wa + wb + 36};
    ok(nap_flow_power(f, &u, &m, u.hash, &t, &watts, &e), &e);
    assert_true(m.area > 0 && m.delay_ns > 0 && watts > 0);
    /* and it would have been found out */
    char *y = strchr(trace.data + (cycles - 9) * (t.width + 1), '\n') - 6;
    *y = *y == '0' ? '1' : '0';
    nap_hash other = nap_hash_text(u.hash, "wrong");
    assert_int_equal(nap_flow_power(f, &u, &m, other, &t, &watts, &e), NAP_ERR_INTERNAL);
    assert_non_null(strstr(e.text, "differs"));
    nap_unit_text_free(&u);
    nap_buf_free(&text);
    nap_buf_free(&trace);
}

static void test_arithmetic(void **state)
{
    (void)state;
    if (!have_tools()) skip();
    const nap_synth_options o = {.cache = cache_folder()};
    nap_flow f;
    nap_error e;
    ok(nap_flow_open(&o, &f, &e), &e);
    check_arithmetic(&f, true, 5, 4);
    check_arithmetic(&f, false, 3, 5);
    check_arithmetic(&f, true, 2, 6);
    nap_flow_close(&f);
}

/* ---- Designs. */
static void test_design(void **state)
{
    (void)state;
    if (!have_tools()) skip();
    const nap_core c = core_of("name = tiny;m = 1;n = 12;k = 3;wbits = 2;acc = s16");
    const nap_synth_options o = {.cache = cache_folder()};
    nap_synth a, b;
    synthesize(&c, &o, &a);
    assert_string_equal(a.library, "osu018");
    assert_non_null(strstr(a.tools, "Yosys"));
    double area = a.fanout_area, power = a.fanout_power;
    uint64_t cells = 0;
    for (size_t i = 0; i < a.units; i++) {
        area += a.unit[i].area * (double)a.unit[i].count;
        power += a.unit[i].power * (double)a.unit[i].count;
        cells += a.unit[i].cells * a.unit[i].count;
        assert_true(a.unit[i].delay_ns <= a.delay_ns);
    }
    assert_true(a.area > 0 && fabs(area - a.area) < 1e-6 * area);
    assert_true(a.power > 0 && fabs(power - a.power) < 1e-6 * power);
    assert_true(a.cells > cells); /* and the buffers: twelve columns read the tables */
    assert_true(a.fanout_area > 0 && a.part_area[NAP_PART_PRE] == 0);
    assert_true(a.slack_ns == a.clock_ns - a.delay_ns);
    synthesize(&c, &o, &b); /* from the cache, the same to the last bit */
    assert_int_equal(a.units, b.units);
    for (size_t i = 0; i < b.units; i++) assert_true(b.unit[i].cached);
    assert_true(a.area == b.area && a.power == b.power && a.delay_ns == b.delay_ns);
    nap_buf csv = {0};
    nap_synth_csv(&c, &b, true, &csv);
    assert_int_equal(strncmp(csv.data, "design,unit,part,count,cells,area,", 34), 0);
    assert_non_null(strstr(csv.data, "\ntiny,total,"));
    nap_buf_free(&csv);
    nap_synth_free(&a);
    nap_synth_free(&b);
}

static void write_still(const char *dir, const char *name, uint64_t rows)
{
    static const float zero[8 * 64];
    char path[256];
    const uint64_t shape[] = {rows, 64};
    nap_error e;
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    ok(nap_npy_write(path, NAP_NPY_F4, 2, shape, zero, &e), &e);
}

/* Operands that never change take less power than random ones, and recorded ones must be there. */
static void test_activity(void **state)
{
    (void)state;
    if (!have_tools()) skip();
    const nap_core c = core_of("name = tiny;m = 1;n = 4;k = 3;wbits = 2;acc = s16");
    nap_synth_options o = {.cache = cache_folder()};
    nap_synth lively, still;
    synthesize(&c, &o, &lively);
    o.activity = NAP_ACTIVITY_FILE;
    o.operands = cache_folder();
    nap_rtl r = {0};
    nap_error e;
    ok(nap_rtl_array(&c, &r, &e), &e);
    assert_int_equal(nap_synthesize(&c, &r, &o, &still, &e), NAP_ERR_NOT_FOUND);
    assert_non_null(strstr(e.text, "activations.npy"));
    nap_rtl_free(&r);
    write_still(cache_folder(), "activations.npy", 2);
    write_still(cache_folder(), "weights.npy", 4);
    synthesize(&c, &o, &still);
    assert_true(still.area == lively.area);
    assert_true(still.power > 0 && still.power < lively.power);
    assert_true(still.part_power[NAP_PART_PE] < 0.5 * lively.part_power[NAP_PART_PE]);
    nap_synth_free(&lively);
    nap_synth_free(&still);
}

/* A cell of a mapped netlist is exchanged: the comparison with the design finds it. */
static bool damage(const char *path)
{
    static const char *const swap[][2] = {
        {"NAND2X1 ", "NOR2X1  "}, {"NOR2X1 ", "NAND2X1"}, {"AND2X2 ", "OR2X2  "}};
    char *text;
    size_t len;
    nap_error e;
    if (nap_read_whole(path, 1 << 24, &text, &len, &e) != NAP_OK) return false;
    char *gate = NULL;
    for (size_t i = 0; i < 3 && gate == NULL; i++)
        if ((gate = strstr(text, swap[i][0])) != NULL) memcpy(gate, swap[i][1], strlen(swap[i][1]));
    ok(nap_write_whole(path, text, len, &e), &e);
    free(text);
    return gate != NULL;
}

static void forget_power(const char *dir)
{
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *i; (i = readdir(d)) != NULL;) {
        char path[1024];
        (void)snprintf(path, sizeof path, "%s/%s", dir, i->d_name);
        if (strstr(i->d_name, ".watts") != NULL) unlink(path);
    }
    closedir(d);
}

static void test_damage(void **state)
{
    (void)state;
    if (!have_tools()) skip();
    const nap_core c = core_of("name = hurt;m = 1;n = 4;k = 3;wbits = 2;acc = s16");
    const nap_synth_options o = {.cache = cache_folder()};
    nap_synth s;
    synthesize(&c, &o, &s);
    nap_synth_free(&s);
    nap_rtl r = {0};
    nap_error e;
    ok(nap_rtl_array(&c, &r, &e), &e);
    nap_flow f;
    bool hurt = false;
    ok(nap_flow_open(&o, &f, &e), &e);
    for (size_t i = 0; i < r.units && !hurt; i++) {
        nap_unit_text u;
        nap_mapped m;
        char path[640];
        if (r.unit[i].part != NAP_PART_PE && r.unit[i].part != NAP_PART_ACC) continue;
        ok(nap_unit_cut(r.text.data, r.unit[i].module, &u, &e), &e);
        ok(nap_flow_map(&f, &u, &m, &e), &e);
        assert_true(m.cached);
        (void)snprintf(path, sizeof path, "%s/net.v", m.dir);
        hurt = damage(path);
        forget_power(m.dir);
        nap_unit_text_free(&u);
    }
    nap_flow_close(&f);
    assert_true(hurt);
    assert_int_equal(nap_synthesize(&c, &r, &o, &s, &e), NAP_ERR_INTERNAL);
    assert_non_null(strstr(e.text, "differs"));
    nap_rtl_free(&r);
}

/* ---- The search's lists. */
static void test_points(void **state)
{
    (void)state;
    nap_dse_list all, one;
    nap_error e;
    ok(nap_dse_points("all", 0, &all, &e), &e);
    size_t full = 0, lut = 0;
    for (size_t i = 0; i < all.count; i++) {
        const nap_core *c = &all.v[i].core;
        ok(nap_core_check(c, "point", &e), &e);
        if (i > 0) assert_true(nap_dse_order(all.v[i - 1].study) <= nap_dse_order(all.v[i].study));
        if (strcmp(all.v[i].study, "mnk") != 0) continue;
        assert_int_equal(c->m * c->n * nap_core_kdim(c), 512);
        full++;
        lut += c->method == NAP_METHOD_LUT && c->m == 2 && c->n == 64;
    }
    assert_true(full > 500 && lut >= 12); /* the paper's winner stands in all twelve panels */
    ok(nap_dse_points("mnk", 0, &one, &e), &e);
    assert_int_equal(one.count, full);
    nap_dse_points_free(&one);
    nap_dse_points_free(&all);
    ok(nap_dse_points("activity", 2, &all, &e), &e);
    size_t recorded = 0;
    for (size_t i = 0; i < all.count; i++) recorded += all.v[i].kind == NAP_POINT_RECORDED;
    assert_int_equal(recorded * 3, all.count * 2);
    nap_dse_points_free(&all);
    assert_int_equal(nap_dse_points("nothing", 0, &all, &e), NAP_ERR_ARGUMENT);
    assert_non_null(strstr(e.text, "found 'nothing'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unit_text), cmocka_unit_test(test_liberty),
        cmocka_unit_test(test_points),    cmocka_unit_test(test_arithmetic),
        cmocka_unit_test(test_design),    cmocka_unit_test(test_activity),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, NULL, remove_cache);
}
