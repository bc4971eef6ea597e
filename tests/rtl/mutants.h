/* Bugs put into the emitted text on purpose. Each has to be caught, by co-simulation (random
 * programs on Icarus Verilog against the interpreter) or by a property that is no longer proven. */
#ifndef MUTANTS_H
#define MUTANTS_H

#include "formal.h"

static const char mutant_int[] =
    "name = small;m = 2;n = 4;k = 4;wbits = 4;bus_bytes = 8;a_regs = 3;t_regs = 5;w_regs = 8;"
    "c_regs = 4;s_regs = 2;mem_latency = 3";
static const char mutant_float[] =
    "name = half;m = 2;n = 2;k = 2;depth = 2;act = f16;acc = f16;wbits = 2;pipeline = 2;"
    "pre_units = 3;bus_bytes = 16;a_regs = 2;t_regs = 4;w_regs = 4;c_regs = 4;mem_latency = 1";

typedef struct mutant {
    const char *name, *design;
    const char *property; /* of src/rtl/formal, where programs cannot show it; or NULL */
    const char *from, *to;
} mutant;

static const mutant mutants[] = {
    /* look-up and accumulation */
    {"wrong sign bit of a weight", mutant_int, NULL, "neg_o[d] = w[d*4+3]", "neg_o[d] = w[d*4+2]"},
    {"carry of a negated term dropped", mutant_int, NULL, " + {31'd0, term_i[0]};", ";"},
    {"second plane bit shifts by one", mutant_int, NULL, "{v1[10:0], {2{term_i[0]}}}",
     "{v1[10], v1[10:0], term_i[0]}"},
    {"vacated places not filled", mutant_int, NULL, "{v0[9:0], {1{term_i[0]}}}", "{v0[9:0], 1'b0}"},
    {"negation left out", mutant_int, NULL, "entry0 ^ {10{neg_i[0]}}", "entry0"},
    {"two entries of a table swapped", mutant_int, NULL, "{10{sel_i[3]}} & t_i[39:30]",
     "{10{sel_i[3]}} & t_i[49:40]"},
    {"planes in the wrong order", mutant_int, NULL, "plane_i[0] ? w3 : w2", "plane_i[0] ? w2 : w3"},
    {"term not sign-extended", mutant_int, NULL, "{{19{v2[12]}}, v2}", "{19'd0, v2}"},
    /* unit control */
    {"register of the second operand skips", mutant_int, NULL, "x_row_q : x_q + 6'd1",
     "x_row_q : x_q + 6'd2"},
    {"weights not rewound for the next rows", mutant_int, NULL, "col_last ? w_first_q : w_q + 6'd1",
     "w_q + 6'd1"},
    {"accumulator block not advanced", mutant_int, NULL, "c_q <= c_q + 6'd1", "c_q <= c_q"},
    {"from zero ignored", mutant_int, NULL, "~(from_zero_q & (k_q == 3'd0) & plane_first)", "1'b1"},
    {"every plane from zero", mutant_int, NULL, "(k_q == 3'd0) & plane_first)", "(k_q == 3'd0))"},
    {"one plane too few", mutant_int, NULL, "plane_q == last_plane_q",
     "plane_q + 3'd1 >= last_plane_q"},
    {"pre one group longer", mutant_int, NULL, "~busy_q | last;", "~busy_q;"},
    {"sums to the wrong row", mutant_int, NULL, "(group_i == 1'd1) ? sum_0",
     "(group_i == 1'd0) ? sum_0"},
    {"accumulation a cycle early", mutant_float, NULL, "zero_q ? c_q : add_c_q", "c_q"},
    {"zero before the pipeline is empty", mutant_float, NULL, "zero_ready_o = ~step_q;",
     "zero_ready_o = lmma_ready_o;"},
    /* sequencer */
    {"wait ignores PRE", mutant_int, NULL, "mask_i & busy_i", "mask_i & busy_i & 3'b101"},
    {"halt does not wait", mutant_int, NULL, "(halt_i & |busy_i)", "(halt_i & 1'b0)"},
    {"loop once too often", mutant_int, NULL, "loop_count_q[31:0] != 32'd1",
     "loop_count_q[31:0] != 32'd0"},
    {"inner loop loses the outer one", mutant_int, NULL, "{loop_pc_q[95:0], pc_next}",
     "{loop_pc_q[127:32], pc_next}"},
    {"address registers off by one", mutant_int, NULL, "(xd_i == r + 1)", "(xd_i == r)"},
    {"issue to a unit at work", mutant_int, NULL, "(mem_i & ~mem_ready_i)", "(mem_i & 1'b0)"},
    {"loops without a limit", mutant_int, "sequencer_loops", "(loop_i & (depth_q == 3'd4))",
     "(loop_i & 1'b0)"},
    {"misaligned addresses accepted", mutant_int, "sequencer_fault", "(sum[2:0] != 3'd0)", "1'b0"},
    {"core goes on after a fault", mutant_int, "sequencer_fault", "if (fault) state_q <= FAULT;",
     "if (fault & 1'b0) state_q <= FAULT;"},
    {"lmma block past the file", mutant_int, "decode_one", "& (c_end <= 8'd", "& (8'd0 <= 8'd"},
    /* memory port */
    {"data taken a cycle early", mutant_int, NULL, "LATENCY = 4'd3", "LATENCY = 4'd2"},
    {"two beats of a register swapped", mutant_int, NULL, "2'd2) value_q[191:128] <= mem_data_i",
     "2'd2) value_q[127:64] <= mem_data_i"},
    {"finished result loses its sign", mutant_int, NULL, "{twice[31], twice[31:1]}",
     "{1'b0, twice[31:1]}"},
    {"zero point counted once", mutant_int, NULL, "- {inst_i[33:24], 1'b0}",
     "- {1'b0, inst_i[33:24]}"},
    {"address does not move on", mutant_int, NULL, "addr_q + 32'd8", "addr_q"},
    /* floating point */
    {"sticky bit lost", mutant_float, "fp_add_definition", "less_t0 | less_t1 | less_t2",
     "less_t0"},
    {"exponent of subnormals", mutant_float, NULL, "| ~z_normal}", "}"},
    {"ties away from zero", mutant_float, NULL, "norm[3] & (norm[4] | (|norm[2:0]))", "norm[3]"},
    {"overflow becomes NaN", mutant_float, NULL, "& {10{~infinite}}}", "}"},
    {"x - x is -0", mutant_float, NULL, "x[15] & ~(differ & ~(|sum))", "x[15]"},
    {"NaN keeps its sign", mutant_float, NULL, "{x[15] & ~nan, {5{1'b1}}", "{x[15], {5{1'b1}}"},
};
enum { MUTANTS = sizeof mutants / sizeof *mutants };

/* Every place in which `from` stands is changed. */
static inline size_t mutate(nap_buf *text, const char *from, const char *to)
{
    nap_buf out = {0};
    size_t count = 0;
    const char *at = text->data;
    for (const char *hit; (hit = strstr(at, from)) != NULL; at = hit + strlen(from), count++) {
        nap_buf_put(&out, at, (size_t)(hit - at));
        nap_buf_puts(&out, to);
    }
    nap_buf_puts(&out, at);
    nap_buf_free(text);
    *text = out;
    return count;
}

/* Runs programs on the changed text, a few at a time, until one differs. */
static inline bool caught_by_programs(const mutant *m, char how[300])
{
    enum { BATCH = 8, BATCHES = 8 };
    const nap_core core = design(m->design);
    nap_error e = {0};
    nap_rtl rtl = {0};
    char text[200];
    bool caught = false;
    if (nap_rtl_core(&core, &rtl, &e) != NAP_OK) fail_msg("%s", e.text);
    if (mutate(&rtl.text, m->from, m->to) == 0)
        fail_msg("%s: the text has no '%s'", m->name, m->from);
    /* where a property is there for it, programs are only tried */
    const unsigned batches = m->property != NULL ? 1 : BATCHES;
    for (unsigned b = 0; b < batches && !caught; b++) {
        cosim s;
        cosim_begin(&s, &core, BATCH);
        cosim_random(&s, BATCH, 1 + 1000 * b, 24, 8192);
        if (nap_rtl_run_jobs(&rtl, &core, NAP_RTL_ICARUS, s.jobs, s.count, NULL, NULL, &e) !=
            NAP_OK)
            fail_msg("%s: %s", m->name, e.text);
        for (size_t i = 0; i < s.count && !caught; i++) {
            caught = cosim_difference(&s, i, text)[0] != '\0';
            if (caught) snprintf(how, 300, "program %zu %s", b * BATCH + i, text);
        }
        cosim_end(&s);
    }
    nap_rtl_free(&rtl);
    return caught;
}

/* The property's own text, changed in the same way (wherever its design has the same words). */
static inline bool caught_by_property(const mutant *m, char how[300])
{
    char *base = NULL, folder[500], path[600], tool[600], *text = NULL;
    size_t len = 0;
    nap_error e = {0};
    if (!have("yosys") || !have("z3") || !have("python3")) return false;
    if (nap_cache_folder("formal", &base, &e) != NAP_OK) fail_msg("%s", e.text);
    snprintf(folder, sizeof folder, "%s/mutant-%s", base, m->property);
    assert_int_equal(write_properties(folder, m->property), 1);
    snprintf(path, sizeof path, "%s/%s.sv", folder, m->property);
    if (nap_read_whole(path, 1 << 24, &text, &len, &e) != NAP_OK) fail_msg("%s", e.text);
    nap_buf changed = {0};
    nap_buf_put(&changed, text, len);
    if (mutate(&changed, m->from, m->to) == 0)
        fail_msg("%s: the property's text has no '%s'", m->name, m->from);
    if (nap_write_whole(path, changed.data, changed.len, &e) != NAP_OK) fail_msg("%s", e.text);
    snprintf(tool, sizeof tool, "%s/tools/rtl/prove", source_folder());
    const char *const argv[] = {"python3", tool, folder, "300", NULL};
    nap_buf output = {0};
    int code = 0;
    assert_int_equal(nap_process_run(argv, NULL, &output, &code, NULL, &e), NAP_OK);
    const bool caught = code != 0 && output.len > 0 && strstr(output.data, "Assert failed") != NULL;
    snprintf(how, 300, "property %s", m->property);
    nap_buf_free(&output);
    nap_buf_free(&changed);
    nap_free(text);
    nap_free(base);
    return caught;
}

static inline void expect_caught(const mutant *m)
{
    char how[300];
    if (!caught_by_programs(m, how) && !(m->property != NULL && caught_by_property(m, how)))
        fail_msg("%s: it survives", m->name);
    print_message("%-40s caught by %s\n", m->name, how);
}

#endif
