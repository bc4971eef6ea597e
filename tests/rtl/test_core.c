/* The core's RTL against the interpreter: memory and cycles of random programs, of every
 * instruction alone, of every lmma shape, and what makes the core stop with a fault. */
#include "core_cosim.h"
#include "lutcore/compile.h"

static const char small[] = "name = small;m = 2;n = 4;k = 4;wbits = 4;bus_bytes = 8;a_regs = 3;"
                            "t_regs = 9;w_regs = 8;c_regs = 8;s_regs = 2;mem_latency = 3";
static const char half_float[] =
    "name = half_float;m = 2;n = 2;k = 2;depth = 2;act = f16;acc = f16;wbits = 2;pipeline = 2;"
    "pre_units = 3;bus_bytes = 16;a_regs = 2;t_regs = 4;w_regs = 4;c_regs = 4;mem_latency = 1";
static const char ternary[] =
    "name = ternary;m = 1;n = 8;depth = 2;wtype = ternary;acc = s16;act = s8;pipeline = 2;"
    "bus_bytes = 32;a_regs = 2;t_regs = 2;w_regs = 2;c_regs = 2;s_regs = 3;mem_latency = 5";

static void random_programs(const char *text, nap_rtl_sim sim, size_t count)
{
    const nap_core core = design(text);
    cosim s;
    cosim_begin(&s, &core, count);
    cosim_random(&s, count, 1, 24, 8192);
    assert_int_equal(s.count, count);
    cosim_check(&s, sim);
    cosim_end(&s);
}

static void test_programs_integer(void **state)
{
    (void)state;
    if (!have("verilator")) skip();
    random_programs(small, NAP_RTL_VERILATOR, 1500);
}

static void test_programs_float(void **state)
{
    (void)state;
    if (!have("verilator")) skip();
    random_programs(half_float, NAP_RTL_VERILATOR, 1000);
}

static void test_programs_ternary(void **state)
{
    (void)state;
    if (!have("iverilog")) skip();
    random_programs(ternary, NAP_RTL_ICARUS, 12);
}

/* A program that defines every register, then `words`, then stores every register that can be. */
static void surround(const nap_core *c, const uint64_t *words, size_t count, bool stores,
                     size_t bytes, uint64_t seed, nap_program *out)
{
    generator g = {.core = c, .out = out, .bytes = bytes};
    const nap_linst halt = {.op = NAP_L_HALT};
    nap_linst first;
    unsigned planes = c->wbits; /* an lmma reads weights that were loaded with its planes */
    if (nap_linst_decode(words[0], 0, &first, NULL) == NAP_OK && first.op == NAP_L_LMMA &&
        first.wt <= c->wbits)
        planes = first.wt;
    nap_rng_seed(&g.rng, seed);
    if (c->wtype == NAP_W_TERNARY) g.weights = nap_frag_bytes(c, NAP_FRAG_W, 1);
    for (unsigned f = 0; f < NAP_LFILE_COUNT; f++) {
        if ((f == NAP_LFILE_T && !is_lut(c)) || (f == NAP_LFILE_S && !has_sums(c))) continue;
        for (unsigned r = 0; r < files_regs(c, (nap_lfile)f); r++)
            put_load(&g, (nap_lfile)f, r, planes);
    }
    put_wait(&g, ALL_UNITS);
    for (size_t i = 0; i < count; i++) assert_true(nap_program_add(out, words[i], 0));
    put_wait(&g, ALL_UNITS);
    uint32_t at = (uint32_t)g.weights;
    for (unsigned f = 0; stores && f < NAP_LFILE_COUNT; f++) {
        const nap_lop op = f == NAP_LFILE_T ? NAP_L_STT : f == NAP_LFILE_C ? NAP_L_STC : NAP_L_STS;
        const nap_frag frag = f == NAP_LFILE_T   ? NAP_FRAG_T
                              : f == NAP_LFILE_C ? NAP_FRAG_C
                                                 : NAP_FRAG_S;
        if (f == NAP_LFILE_A || f == NAP_LFILE_W || (f == NAP_LFILE_T && !is_lut(c)) ||
            (f == NAP_LFILE_S && !has_sums(c)))
            continue;
        for (unsigned r = 0; r < files_regs(c, (nap_lfile)f); r++) {
            const nap_linst i = {.op = op, .rs = (uint8_t)r, .imm = (int32_t)at};
            put(&g, &i);
            at += (uint32_t)nap_frag_bytes(c, frag, c->wbits);
        }
    }
    put(&g, &halt);
    assert_false(g.failed);
    assert_true(at <= bytes);
}

static void add_surrounded(cosim *s, const uint64_t *words, size_t count, uint64_t seed)
{
    enum { BYTES = 8192 };
    static uint8_t memory[BYTES];
    nap_program p = {0};
    surround(s->core, words, count, true, BYTES, seed, &p);
    if (nap_program_check(&p, s->core, BYTES, "one", NULL) != NAP_OK) {
        nap_program_free(&p); /* its address needs a mov */
        return;
    }
    random_memory(s->core, seed, memory, BYTES);
    cosim_add(s, &p, memory, BYTES);
}

/* Every kind of instruction, alone between waits, many times. */
static void test_single_instructions(void **state)
{
    (void)state;
    if (!have("verilator")) skip();
    const nap_core core = design(small);
    unsigned seen[NAP_L_COUNT] = {0};
    cosim s;
    cosim_begin(&s, &core, 2000);
    for (uint64_t seed = 1; seed < 200; seed++) {
        nap_program p = {0};
        if (random_program(&core, seed, 12, 8192, &p))
            for (size_t i = 0; i < p.count && s.count < s.room; i++) {
                const unsigned op = p.word[i] & 31;
                const uint64_t loop[] = {p.word[i], nap_linst_encode(&(nap_linst){.op = NAP_L_NOP}),
                                         nap_linst_encode(&(nap_linst){.op = NAP_L_END})};
                if (op == NAP_L_END || op == NAP_L_HALT || seen[op] >= 60) continue;
                const size_t before = s.count;
                add_surrounded(&s, loop, op == NAP_L_LOOP ? 3 : 1, seed);
                seen[op] += s.count > before;
            }
        nap_program_free(&p);
    }
    for (unsigned op = 0; op < NAP_L_COUNT; op++)
        if (op != NAP_L_END && op != NAP_L_HALT && seen[op] < 10)
            fail_msg("%s: %u programs only", nap_lops[op].name, seen[op]);
    cosim_check(&s, NAP_RTL_VERILATOR);
    cosim_end(&s);
}

/* All i, j, l that the register files hold, with every number of planes, added to D and not. */
static void test_lmma_shapes(void **state)
{
    (void)state;
    if (!have("verilator")) skip();
    const nap_core c = design(small);
    cosim s;
    cosim_begin(&s, &c, 4 * 4 * 4 * 4 * 2);
    for (unsigned n = 0; n < 64 * 4 * 2; n++) {
        const unsigned mi = n & 3, nj = n >> 2 & 3, kl = n >> 4 & 3, planes = 1 + (n >> 6 & 3);
        if (1u << (mi + nj) > c.c_regs || 1u << (mi + kl) > c.t_regs || 1u << (nj + kl) > c.w_regs)
            continue;
        const nap_linst i = {.op = NAP_L_LMMA,
                             .rd = (uint8_t)(c.c_regs - (1u << (mi + nj))),
                             .rt = (uint8_t)(c.t_regs - (1u << (mi + kl))),
                             .rw = (uint8_t)(c.w_regs - (1u << (nj + kl))),
                             .rs =
                                 n >> 8 ? NAP_L_REG_NONE : (uint8_t)(c.c_regs - (1u << (mi + nj))),
                             .mi = (uint8_t)mi,
                             .nj = (uint8_t)nj,
                             .kl = (uint8_t)kl,
                             .wt = (uint8_t)planes,
                             .m = (uint8_t)c.m,
                             .n = (uint16_t)c.n,
                             .kd = (uint16_t)nap_core_kdim(&c),
                             .ad = nap_core_ladt(&c),
                             .acc = c.acc,
                             .out = c.acc};
        const uint64_t word = nap_linst_encode(&i);
        const size_t before = s.count;
        add_surrounded(&s, &word, 1, n);
        assert_int_equal(s.count, before + 1);
    }
    assert_true(s.count > 150);
    cosim_check(&s, NAP_RTL_VERILATOR);
    cosim_end(&s);
}

/* The decoder agrees with nap_program_check() about single words: legal ones with bits flipped. */
static void test_illegal_words(void **state)
{
    (void)state;
    if (!have("verilator")) skip();
    enum { WORDS = 20000, BYTES = 4096 };
    const nap_core core = design(small);
    nap_rtl rtl = {0};
    nap_error e = {0};
    nap_rng rng;
    nap_rng_seed(&rng, 7);
    nap_rtl_job *jobs = nap_calloc(WORDS, sizeof *jobs);
    nap_program *programs = nap_calloc(WORDS, sizeof *programs);
    bool *legal = nap_calloc(WORDS, sizeof *legal);
    uint8_t *memory = nap_calloc(WORDS, 8);
    nap_program source = {0}, around = {0};
    assert_true(jobs && programs && legal && memory);
    const uint64_t end = nap_linst_encode(&(nap_linst){.op = NAP_L_END}),
                   halt = nap_linst_encode(&(nap_linst){.op = NAP_L_HALT});
    unsigned count[2] = {0};
    for (size_t i = 0, at = 0; i < WORDS; i++, at++) {
        if (at >= source.count) {
            nap_program_free(&source);
            at = 0;
            for (bool good = false; !good;) {
                nap_program_free(&source);
                good = random_program(&core, nap_rng_next(&rng), 40, BYTES, &source);
            }
        }
        uint64_t word = source.word[at];
        for (unsigned flips = nap_rng_below(&rng, 3); flips > 0; flips--)
            word ^= (uint64_t)1 << nap_rng_below(&rng, 64);
        const uint64_t words[] = {word, end, halt};
        const bool loop = (word & 31) == NAP_L_LOOP;
        surround(&core, words, loop ? 2 : 1, false, BYTES, i, &around);
        legal[i] = (word & 31) == NAP_L_HALT /* nothing may follow it */
                       ? word == halt
                       : nap_program_check(&around, &core, 0, "one", NULL) == NAP_OK;
        count[legal[i]]++;
        nap_program_free(&around);
        assert_true(nap_program_add(&programs[i], word, 0));
        if (loop) assert_true(nap_program_add(&programs[i], end, 0));
        assert_true(nap_program_add(&programs[i], halt, 0));
        jobs[i] = (nap_rtl_job){
            .program = &programs[i], .memory = memory + 8 * i, .bytes = 8, .max_cycles = 400};
    }
    if (nap_rtl_core(&core, &rtl, &e) != NAP_OK ||
        nap_rtl_run_jobs(&rtl, &core, NAP_RTL_VERILATOR, jobs, WORDS, NULL, NULL, &e) != NAP_OK)
        fail_msg("%s", e.text);
    for (size_t i = 0; i < WORDS; i++) {
        if (legal[i] == (jobs[i].end != NAP_RTL_FAULT)) continue;
        nap_linst inst;
        const nap_status status = nap_linst_decode(programs[i].word[0], i, &inst, &e);
        fail_msg("word %016llx: the core %s it, the checker does not (%s)",
                 (unsigned long long)programs[i].word[0],
                 jobs[i].end == NAP_RTL_FAULT ? "refuses" : "accepts",
                 status == NAP_OK ? nap_lops[inst.op].name : e.text);
    }
    assert_true(count[0] > WORDS / 5 && count[1] > WORDS / 5);
    for (size_t i = 0; i < WORDS; i++) nap_program_free(&programs[i]);
    nap_program_free(&source);
    nap_rtl_free(&rtl);
    nap_free(jobs);
    nap_free(programs);
    nap_free(legal);
    nap_free(memory);
}

static nap_status run_text(const nap_core *core, const char *text, nap_rtl_sim sim, nap_error *e)
{
    nap_program p = {0};
    uint8_t memory[64] = {0};
    nap_lutstat stat;
    nap_status status = nap_lmma_assemble(text, strlen(text), "text", &p, e);
    if (status != NAP_OK) fail_msg("%s", e->text);
    status = nap_rtl_run(core, sim, &p, memory, sizeof memory, 1000, NULL, NULL, &stat, e);
    nap_program_free(&p);
    return status;
}

/* What stops the core, and the instruction it names. */
static void test_faults(void **state)
{
    (void)state;
    if (!have("verilator")) skip();
    static const struct {
        const char *text, *message;
        nap_status status;
    } cases[] = {
        {"nop\nend\nhalt\n", "instruction 1:", NAP_ERR_ARGUMENT},
        {"loop 2\nloop 2\nloop 2\nloop 2\nloop 2\nend\nend\nend\nend\nend\nhalt\n",
         "instruction 4:", NAP_ERR_ARGUMENT},
        {"mov x1, 8\nadd x1, x1, -4\nlda a0, [x1]\nhalt\n", "instruction 2:", NAP_ERR_ARGUMENT},
        {"nop\nnop\n", "instruction 2:", NAP_ERR_ARGUMENT},
        {"mov x3, 4096\nlda a0, [x3 + 64]\nwait mem\nhalt\n", "address 4160", NAP_ERR_ARGUMENT},
        {"loop 10000\nend\nhalt\n", "1000 cycles", NAP_ERR_LIMIT},
        {"loop 2\nnop\nend\nhalt\n", NULL, NAP_OK},
    };
    const nap_core core = design(small);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nap_error e = {0};
        const nap_status status = run_text(&core, cases[i].text, NAP_RTL_VERILATOR, &e);
        assert_int_equal(status, cases[i].status);
        if (cases[i].message != NULL && strstr(e.text, cases[i].message) == NULL)
            fail_msg("case %zu: '%s' lacks '%s'", i, e.text, cases[i].message);
    }
}

/* Icarus sees values that nothing wrote. */
static void test_unwritten_register(void **state)
{
    (void)state;
    if (!have("iverilog")) skip();
    const nap_core core = design(small);
    nap_error e = {0};
    assert_int_equal(run_text(&core, "stc [x0], c0\nhalt\n", NAP_RTL_ICARUS, &e), NAP_ERR_ARGUMENT);
    assert_non_null(strstr(e.text, "nothing wrote"));
}

/* Matrix products as the compiler tiles them: the RTL's memory and cycles are the interpreter's,
 * and the results are the definition's. */
static void test_compiled_products(void **state)
{
    (void)state;
    if (!have("verilator")) skip();
    const nap_core core = design(small);
    cosim s;
    cosim_begin(&s, &core, 16);
    for (unsigned i = 0; i < 8; i++) {
        int8_t a[7 * 40];
        uint8_t w[13 * 40];
        int32_t want[10 * 7 * 13], found[10 * 7 * 13];
        nap_rng rng;
        nap_error e = {0};
        nap_lcompiled x;
        nap_rng_seed(&rng, i);
        const nap_lgemm g = {.m = 1 + i % 7,
                             .n = 13 - i,
                             .k = i == 5 ? 40 : 11 + 3 * i,
                             .bits = 1 + i % 4,
                             .zero = i % 3 == 0 ? 0 : (int)i,
                             .pm1 = i == 4,
                             .group = i == 5 ? 8 : 0,
                             .a = a,
                             .w = w};
        const size_t outputs = g.m * g.n * (g.group > 0 ? g.k / g.group : 1);
        for (size_t j = 0; j < sizeof a; j++) a[j] = (int8_t)nap_rng_next(&rng);
        for (size_t j = 0; j < sizeof w; j++) w[j] = (uint8_t)nap_rng_below(&rng, 1u << g.bits);
        if (nap_lgemm_compile(&g, &core, &x, &e) != NAP_OK) fail_msg("product %u: %s", i, e.text);
        uint8_t *memory = nap_alloc(x.bytes);
        assert_non_null(memory);
        memcpy(memory, x.memory, x.bytes);
        assert_int_equal(nap_lmma_run(&x.program, &core, memory, x.bytes, 0, NULL, NULL), NAP_OK);
        nap_lgemm_ref(&g, want);
        nap_lgemm_result(&g, &core, &x, memory, found);
        assert_memory_equal(found, want, outputs * sizeof *want);
        assert_true(cosim_add(&s, &x.program, x.memory, x.bytes));
        nap_free(memory);
        nap_lcompiled_free(&x);
    }
    cosim_check(&s, NAP_RTL_VERILATOR);
    cosim_end(&s);
}

static void test_lint(void **state)
{
    (void)state;
    if (!have("verilator")) skip();
    static const char *const texts[] = {small, half_float, ternary};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const nap_core core = design(texts[i]);
        char text[400];
        if (!core_lint(&core, text, sizeof text)) fail_msg("%s: %s", core.name, text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lint),
        cmocka_unit_test(test_compiled_products),
        cmocka_unit_test(test_programs_integer),
        cmocka_unit_test(test_single_instructions),
        cmocka_unit_test(test_lmma_shapes),
        cmocka_unit_test(test_illegal_words),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_unwritten_register),
        cmocka_unit_test(test_programs_float),
        cmocka_unit_test(test_programs_ternary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
