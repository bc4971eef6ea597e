/* The LUT array, its precompute unit and its arithmetic, at length: 100,000 tiles a corner, every
 * input of the small formats, a million of the others. NAPIER_RTL_CORNERS=all runs every corner. */
#include "arith_cosim.h"
#include "lut_corners.h"

enum { TILES = 100000 };

static void test_corners(void **state)
{
    (void)state;
    if (!corner_tool("verilator")) skip();
    const char *wanted = getenv("NAPIER_RTL_CORNERS");
    const size_t n = wanted && strcmp(wanted, "all") == 0 ? LUT_CORNERS : LUT_CORNERS_USUAL;
    for (size_t i = 0; i < n; i++)
        corner_check(lut_corners[i].text, TILES, i + 1, NAP_RTL_VERILATOR);
    print_message("%zu of %d corners, %d tiles each\n", n, LUT_CORNERS, TILES);
}

static void test_lint(void **state)
{
    (void)state;
    if (!corner_tool("verilator")) skip();
    for (size_t i = 0; i < LUT_CORNERS; i++) corner_lint(lut_corners[i].text);
    for (size_t i = 0; i < PRECOMPUTE_CORNERS; i++) corner_lint(precompute_corners[i]);
}

static void test_yosys(void **state)
{
    (void)state;
    if (!corner_tool("yosys")) skip();
    for (size_t i = 0; i < LUT_CORNERS; i++)
        if (!lut_corners[i].large) corner_yosys(lut_corners[i].text);
    for (size_t i = 0; i < PRECOMPUTE_CORNERS; i++) corner_yosys(precompute_corners[i]);
}

/* A fault put into the text, and the design in which it shows. */
typedef struct fault {
    const char *text, *right, *wrong;
} fault;

static const fault faults[] = {
    /* integers */
    {"m=1 n=2 wbits=4 depth=2", ", neg_i[1]};", ", neg_i[0]};"},
    {"m=1 n=2 wbits=4", "{2{term_i[0]}}} :", "2'd0} :"},
    {"m=1 n=2 wbits=4", "plane_i[0] ? {", "1'b0 ? {"},
    {"m=1 n=2 wbits=4 acc=s24", "+ {23'd0, term_i[0]}", "- {23'd0, term_i[0]}"},
    {"m=1 n=2 wbits=4", "({10{sel_i[7]}} & t_i[79:70])", "({10{sel_i[7]}} & t_i[69:60])"},
    {"m=1 n=2 wbits=4", "entry0 ^ {10{neg_i[0]}}", "entry0 ^ {10{1'b0}}"},
    {"m=1 n=2 wbits=3", "(plane_i[1] ? w2 :", "(plane_i[1] ? w1 :"},
    {"m=1 n=2 wbits=4", "neg_o[d] = w[d*4+3]", "neg_o[d] = ~w[d*4+3]"},
    {"m=1 n=2 wtype=ternary", "14'd1 << w[d*5 +: 4]", "14'd1 << w[d*5 +: 3]"},
    {"m=2 n=2 wbits=2", "w_i[((p*1+d)*2+n)*4 +: 4]", "w_i[((p*1+d)*2+p)*4 +: 4]"},
    {"m=1 n=2 wbits=2", "busy_q <= start | (busy_q & ~at_last)", "busy_q <= start | busy_q"},
    {"m=1 n=2 wbits=2", "plane_q <= start ? 3'd0 :", "plane_q <= start ? 3'd1 :"},
    {"m=1 n=2 wbits=2 pipeline=2", ".term_i(term_q)", ".term_i(term)"},
    {"m=1 n=2 wbits=2 pipeline=2", ".plane_i(plane),", ".plane_i(plane_i[0:0]),"},
    {"m=1 n=2 wbits=2 pipeline=2", "done_q <= finish_q", "done_q <= finish"},
    {"m=1 n=2 wbits=2", "if (we_i) c_q <= c_i;", "if (add_i) c_q <= c_i;"},
    /* floating point */
    {"m=1 n=2 act=f16 acc=f16", "norm[4] | (|norm[2:0])", "norm[4] | (|norm[2:1])"},
    {"m=1 n=2 act=f16 acc=f16", "norm[3] & (norm[4] |", "norm[3] & (1'b1 |"},
    {"m=1 n=2 act=f16 acc=f16", "(|sum));", "(|sum[14:4]));"},
    {"m=1 n=2 act=f16 acc=f16", "| (differ & (&z[14:10]))", "| (1'b0 & (&z[14:10]))"},
    {"m=1 n=2 act=f16 acc=f16", "sum | ({1'b1, 14'd0} >> x_exp)", "sum | 15'd0"},
    {"m=1 n=2 act=f16 acc=f16", "x[10] | ~x_normal}", "x[10]}"},
    {"m=1 n=2 act=f16 acc=f16", "{10{~infinite}}", "{10{1'b1}}"},
    {"m=1 n=2 act=f16 acc=f16", "exp = (rest + 5'd1) &", "exp = (rest + 5'd0) &"},
    {"m=1 n=2 act=f16 acc=f32", "& {2{finite}}", "& {2{1'b1}}"},
    {"m=1 n=2 act=f16 acc=f32", "{8{&term_i[15:10]}}", "8'd0"},
    {"m=1 n=2 act=f16 acc=f32 fpsum=fused", "t0_neg & ~t0_wide_t", "t0_neg"},
    {"m=1 n=2 act=f16 acc=f32 fpsum=fused", "c_x > t_max", "c_x < t_max"},
    {"m=1 n=2 act=f16 acc=f32 fpsum=fused", "& {5{|t0_mag}}", "& {5{1'b1}}"},
    {"m=1 n=2 act=f16 acc=f16 fpsum=fused", "(plus_inf & minus_inf) |", "1'b0 |"},
};

/* False if the design does not have what the fault replaces. */
static bool put_fault(nap_rtl *r, const fault *f)
{
    const char *at = strstr(r->text.data, f->right);
    if (at == NULL) return false;
    nap_buf b = {0};
    nap_buf_put(&b, r->text.data, (size_t)(at - r->text.data));
    nap_buf_puts(&b, f->wrong);
    nap_buf_puts(&b, at + strlen(f->right));
    nap_buf_free(&r->text);
    r->text = b;
    return !b.failed;
}

static void test_faults(void **state)
{
    (void)state;
    if (!corner_tool("verilator")) skip();
    const size_t n = sizeof faults / sizeof *faults;
    for (size_t i = 0; i < n; i++) {
        const nap_core core = corner_design(faults[i].text);
        nap_rtl r = {0};
        nap_error e = {0};
        nap_cosim_report report;
        assert_int_equal(nap_rtl_array(&core, &r, &e), NAP_OK);
        if (!put_fault(&r, &faults[i])) fail_msg("no '%s' in %s", faults[i].right, faults[i].text);
        if (nap_cosim_array_text(&core, &r, 20000, 1, &report, &e) != NAP_OK)
            fail_msg("'%s': %s", faults[i].wrong, e.text);
        if (report.failures == 0) fail_msg("not noticed: '%s'", faults[i].wrong);
        nap_rtl_free(&r);
    }
    print_message("%zu faults, all noticed\n", n);
}

/* Another simulator, four-valued: unknowns that reach a result show. */
static void test_second_opinion(void **state)
{
    (void)state;
    if (!corner_tool("iverilog")) skip();
    for (size_t i = 0; i < LUT_CORNERS_USUAL; i++)
        if (!lut_corners[i].large) corner_check(lut_corners[i].text, 200, i + 1, NAP_RTL_ICARUS);
}

static void test_precompute(void **state)
{
    (void)state;
    if (!corner_tool("verilator")) skip();
    for (size_t i = 0; i < PRECOMPUTE_CORNERS; i++)
        corner_check_precompute(precompute_corners[i], TILES, i + 1);
}

static void test_arithmetic(void **state)
{
    (void)state;
    if (!corner_tool("verilator")) skip();
    for (size_t i = 0; i < sizeof arith_full / sizeof *arith_full; i++)
        arith_check(&arith_full[i], 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),     cmocka_unit_test(test_yosys),
        cmocka_unit_test(test_corners),    cmocka_unit_test(test_lint),
        cmocka_unit_test(test_precompute), cmocka_unit_test(test_second_opinion),
        cmocka_unit_test(test_arithmetic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
