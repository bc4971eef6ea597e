/* What docs/lmma.md says is what the code does: the table of encodings, the tables of legal
 * designs (against every combination), the places of fragments' elements, the programs with their
 * cycles and results, and the words of the worked example. */
#include "cmocka_all.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/process.h"
#include "base/rng.h"
#include "lutcore/array.h"
#include "lutcore/config.h"
#include "lutcore/interp.h"
#include "lutcore/isa_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *manual;

static int load(void **state)
{
    (void)state;
    const char *root = getenv("NAPIER_SOURCE_DIR");
    char path[512];
    snprintf(path, sizeof path, "%s/docs/lmma.md", root != NULL ? root : ".");
    nap_error e;
    size_t len;
    if (nap_read_whole(path, 1 << 20, &manual, &len, &e) == NAP_OK) return 0;
    printf("%s\n", e.text);
    return -1;
}

static int unload(void **state)
{
    (void)state;
    nap_free(manual);
    return 0;
}

static void test_encoding_table(void **state)
{
    (void)state;
    for (unsigned op = 0; op < NAP_L_COUNT; op++) {
        nap_buf row = {0};
        nap_buf_printf(&row, "\n| %u | `%s` |", op, nap_lops[op].name);
        const char *comma = " ";
        /* the manual lists WT before xB, as the table of the code does */
        for (const nap_lfield *f = nap_lops[op].field; f->high != 0; f++) {
            nap_buf_printf(&row, "%s%s %u:%u", comma,
                           nap_lfield_name((nap_lop)op, (nap_lfield_id)f->id), f->high, f->low);
            comma = ", ";
        }
        nap_buf_puts(&row, " |\n");
        if (strstr(manual, row.data) == NULL) fail_msg("the manual lacks%s", row.data);
        nap_buf_free(&row);
    }
}

/* ---- legal designs */

/* Cell `index` of the table row at `row`. */
static void cell(const char *row, unsigned index, char out[256])
{
    for (unsigned k = 0; k <= index; k++) row = strchr(row, '|') + 1;
    const size_t n = strcspn(row, "|\n");
    assert_true(n < 256);
    memcpy(out, row, n);
    out[n] = '\0';
}

static bool names(const char *row, unsigned index, const char *name)
{
    char text[256], token[64];
    cell(row, index, text);
    snprintf(token, sizeof token, "`%s`", name);
    return strstr(text, token) != NULL;
}

static bool within(const char *row, unsigned index, unsigned v)
{
    char text[256];
    cell(row, index, text);
    char *end;
    const unsigned low = (unsigned)strtoul(text, &end, 10);
    const unsigned high = strncmp(end, " to ", 4) == 0 ? (unsigned)strtoul(end + 4, NULL, 10) : low;
    return v >= low && v <= high;
}

static const char *first_row(const char *header)
{
    const char *at = strstr(manual, header);
    assert_non_null(at);
    at = strchr(at + 1, '\n') + 1; /* the header itself */
    return strchr(at, '\n') + 1;   /* the line of dashes */
}

static bool manual_allows(const char *by_method, const char *by_type, const nap_core *c)
{
    bool methods = false, types = false;
    for (const char *r = by_method; *r == '|'; r = strchr(r, '\n') + 1) {
        char tables[256];
        cell(r, 4, tables);
        const bool integers = strstr(tables, "integer activations only") != NULL;
        if (names(r, 0, nap_method_name(c->method)) && within(r, 1, c->k) &&
            names(r, 2, nap_wtype_name(c->wtype)) && within(r, 3, c->wbits) &&
            names(r, 4, nap_table_name(c->table)) && !(integers && nap_act_is_float(c->act)))
            methods = true;
    }
    for (const char *r = by_type; *r == '|'; r = strchr(r, '\n') + 1)
        if (names(r, 0, nap_act_name(c->act)) && names(r, 1, nap_table_name(c->table)) &&
            names(r, 2, nap_acc_name(c->acc)) && names(r, 3, nap_fpsum_name(c->fpsum)))
            types = true;
    return methods && types;
}

static void compare_design(const char *by_method, const char *by_type, const nap_core *c,
                           unsigned *legal)
{
    nap_error e = {0};
    const bool want = manual_allows(by_method, by_type, c),
               have = nap_core_check(c, "t", &e) == NAP_OK;
    if (want != have)
        fail_msg("%s k %u %s wbits %u %s %s %s %s: the manual %s, the code says \"%s\"",
                 nap_method_name(c->method), c->k, nap_wtype_name(c->wtype), c->wbits,
                 nap_act_name(c->act), nap_table_name(c->table), nap_acc_name(c->acc),
                 nap_fpsum_name(c->fpsum), want ? "allows it" : "does not", e.text);
    *legal += want;
}

static void test_legal_designs(void **state)
{
    (void)state;
    const char *by_method = first_row("| method | `k` | `wtype` |"),
               *by_type = first_row("| `act` | `table` | `acc` |");
    nap_core c = nap_core_default();
    unsigned legal = 0, axis[8] = {0};
    const unsigned size[8] = {
        NAP_METHOD_COUNT, 10, NAP_W_COUNT, 10, NAP_ACT_COUNT, NAP_TABLE_COUNT, NAP_ACC_COUNT,
        NAP_FPSUM_COUNT};
    for (;;) {
        c.method = (nap_method)axis[0];
        c.k = axis[1];
        c.wtype = (nap_wtype)axis[2];
        c.wbits = axis[3];
        c.act = (nap_act)axis[4];
        c.table = (nap_table)axis[5];
        c.acc = (nap_acc)axis[6];
        c.fpsum = (nap_fpsum)axis[7];
        compare_design(by_method, by_type, &c, &legal);
        unsigned a = 0;
        while (a < 8 && ++axis[a] == size[a]) axis[a++] = 0;
        if (a == 8) break;
    }
    assert_true(legal > 1000);
}

/* ---- fragments: "first bit" of the manual's table, written down again */

static void check_activations(const nap_core *c, nap_rng *r)
{
    const unsigned kd = nap_core_kdim(c), bits = nap_act_bits(c->act);
    uint16_t a[512];
    int8_t exps[8];
    uint8_t image[2048];
    for (unsigned k = 0; k < c->m * kd; k++)
        a[k] = (uint16_t)(nap_rng_next(r) & (bits == 8 ? 0xff : 0xffff));
    for (unsigned m = 0; m < c->m; m++) exps[m] = (int8_t)nap_rng_next(r);
    assert_true(nap_frag_bytes(c, NAP_FRAG_A, 1) <= sizeof image);
    nap_pack_a(c, a, kd, c->m, kd, exps, image);
    for (unsigned m = 0; m < c->m; m++) {
        for (unsigned kk = 0; kk < kd; kk++)
            assert_int_equal(nap_bits_get(image, (m * kd + kk) * bits, bits), a[m * kd + kk]);
        if (c->table == NAP_TABLE_S8)
            assert_int_equal((int8_t)nap_bits_get(image, c->m * kd * bits + 8 * m, 8), exps[m]);
    }
}

static uint64_t remapped(const nap_core *c, uint64_t plain)
{
    const unsigned top = c->k - 1;
    const uint64_t low = ((uint64_t)1 << top) - 1;
    return (plain >> top & 1) != 0 ? plain & low : (~plain & low) | (uint64_t)1 << top;
}

static void check_planes(const nap_core *c, const uint8_t *image, const uint16_t *q)
{
    const bool remap = c->method == NAP_METHOD_LUT || c->method == NAP_METHOD_UNPU_REMAP;
    const unsigned kd = nap_core_kdim(c);
    for (unsigned p = 0; p < c->wbits; p++)
        for (unsigned d = 0; d < c->depth; d++)
            for (unsigned n = 0; n < c->n; n++) {
                uint64_t plain = 0;
                for (unsigned i = 0; i < c->k; i++)
                    plain |= (uint64_t)(q[n * kd + d * c->k + i] >> p & 1) << i;
                assert_int_equal(nap_bits_get(image, ((p * c->depth + d) * c->n + n) * c->k, c->k),
                                 remap ? remapped(c, plain) : plain);
            }
}

static void check_weights(const nap_core *c, nap_rng *r)
{
    const unsigned kd = nap_core_kdim(c);
    const bool ternary = c->wtype == NAP_W_TERNARY;
    unsigned bits = c->method == NAP_METHOD_MAC ? nap_act_bits(c->act) : c->wbits;
    uint16_t q[2048];
    uint8_t image[8192];
    assert_true(c->n * kd <= 2048 && nap_frag_bytes(c, NAP_FRAG_W, c->wbits) <= sizeof image);
    for (unsigned k = 0; k < c->n * kd; k++)
        q[k] = (uint16_t)(ternary ? nap_rng_below(r, 3) : nap_rng_next(r) & ((1u << bits) - 1));
    nap_pack_w(c, c->wbits, q, kd, c->n, kd, 0, image);
    if (ternary) {
        for (unsigned d = 0; d < c->depth; d++)
            for (unsigned n = 0; n < c->n; n++) {
                const uint16_t *t = &q[n * kd + d * 3];
                const int v = 9 * (t[2] - 1) + 3 * (t[1] - 1) + (t[0] - 1);
                assert_int_equal(nap_bits_get(image, (d * c->n + n) * 5, 5), v < 0 ? 16 - v : v);
            }
    } else if (c->method == NAP_METHOD_MAC || c->method == NAP_METHOD_MAC_NATIVE) {
        for (unsigned d = 0; d < c->depth; d++)
            for (unsigned n = 0; n < c->n; n++)
                assert_int_equal(nap_bits_get(image, (d * c->n + n) * bits, bits), q[n * kd + d]);
    } else {
        check_planes(c, image, q);
    }
}

static void test_fragments(void **state)
{
    (void)state;
    nap_core c = nap_core_default();
    assert_int_equal(nap_frag_bits(&c, NAP_FRAG_A, 2), 64);
    assert_int_equal(nap_frag_bits(&c, NAP_FRAG_T, 2), 160);
    assert_int_equal(nap_frag_bits(&c, NAP_FRAG_W, 2), 512);
    assert_int_equal(nap_frag_bytes(&c, NAP_FRAG_C, 2), 512);
    assert_int_equal(nap_frag_bits(&c, NAP_FRAG_S, 2), 64);
    assert_int_equal(nap_core_entry_bits(&c), 10);
    assert_non_null(strstr(manual, "    a, 64 bits, then zeros to 32 bytes"));
    assert_non_null(strstr(manual, "    t, 160 bits: entries of 10 bits, then zeros to 32 bytes"));
    assert_non_null(strstr(manual, "    w of two planes, 512 bits: 64 bytes, a byte two columns"));
    assert_non_null(strstr(manual, "    c in memory, 512 bytes:"));
    assert_non_null(strstr(manual, "    s, 64 bits: S[0], S[1], then zeros to 32 bytes"));
    nap_rng r;
    nap_rng_seed(&r, 3);
    for (unsigned method = 0; method < NAP_METHOD_COUNT; method++) {
        for (unsigned wtype = 0; wtype < 2; wtype++) {
            c = nap_core_default();
            c.method = (nap_method)method;
            c.wtype = (nap_wtype)wtype;
            c.m = 3;
            c.n = 20;
            c.depth = 5;
            c.wbits = wtype == NAP_W_TERNARY ? 1 : 3;
            c.k = wtype == NAP_W_TERNARY ? 3
                  : method == NAP_METHOD_ADD || method == NAP_METHOD_MAC ||
                          method == NAP_METHOD_MAC_NATIVE
                      ? 1
                      : 4;
            if (nap_core_check(&c, "t", NULL) != NAP_OK) continue;
            check_activations(&c, &r);
            check_weights(&c, &r);
            c.act = NAP_ACT_F16;
            c.table = c.method == NAP_METHOD_LUT ? NAP_TABLE_S8 : NAP_TABLE_EXACT;
            c.acc = c.table == NAP_TABLE_S8 ? NAP_ACC_S32 : NAP_ACC_F32;
            if (nap_core_check(&c, "t", NULL) != NAP_OK) continue;
            check_activations(&c, &r);
            check_weights(&c, &r);
        }
    }
}

/* ---- programs */

/* The n-th ```lmma block. */
static char *program_text(unsigned n)
{
    const char *at = manual;
    for (unsigned k = 0; k <= n; k++) {
        at = strstr(at, "\n```lmma\n");
        if (at == NULL) return NULL;
        at += strlen("\n```lmma\n");
    }
    return nap_strndup(at, (size_t)(strstr(at, "```") - at));
}

/* The design of the manual's examples: slow enough a memory to show where latency goes. */
static nap_core example_core(void)
{
    nap_core c = nap_core_default();
    c.mem_latency = 8;
    return c;
}

static nap_program program(unsigned n, unsigned *cycles)
{
    char *text = program_text(n);
    assert_non_null(text);
    assert_int_equal(sscanf(text, "# %u cycles", cycles), 1);
    nap_program p;
    nap_error e;
    const nap_core c = example_core();
    if (nap_lmma_assemble(text, strlen(text), "manual", &p, &e) != NAP_OK ||
        nap_program_check(&p, &c, 0xa00, "manual", &e) != NAP_OK)
        fail_msg("%s", e.text);
    nap_free(text);
    return p;
}

static void test_timing_example(void **state)
{
    (void)state;
    unsigned cycles;
    nap_program p = program(0, &cycles);
    nap_core c = example_core();
    uint8_t memory[256] = {0};
    nap_lutstat stat;
    assert_int_equal(nap_lmma_run(&p, &c, memory, sizeof memory, 0, &stat, NULL), NAP_OK);
    assert_int_equal(stat.cycles, cycles);
    c.pipeline = 2;
    assert_int_equal(nap_lmma_run(&p, &c, memory, sizeof memory, 0, &stat, NULL), NAP_OK);
    assert_int_equal(stat.cycles, cycles + 1);
    assert_non_null(strstr(manual, "28 cycles; with pipeline 2: 29"));
    nap_program_free(&p);
}

/* The worked example gives O = A (W - 1), and takes what the text says. */
static void test_worked_example(void **state)
{
    (void)state;
    enum { K = 64, N = 64, M = 2 };
    unsigned cycles;
    nap_program p = program(1, &cycles);
    assert_null(program_text(2));
    const nap_core c = example_core();
    nap_rng r;
    nap_rng_seed(&r, 9);
    uint16_t a[M * K], q[N * K];
    for (unsigned k = 0; k < M * K; k++) a[k] = (uint16_t)(nap_rng_next(&r) & 255);
    for (unsigned k = 0; k < N * K; k++) q[k] = (uint16_t)(nap_rng_next(&r) & 3);
    static uint8_t memory[0xa00];
    for (unsigned b = 0; b < K / 4; b++) {
        nap_pack_a(&c, a + b * 4, K, M, 4, NULL, memory + b * 32);
        nap_pack_w(&c, 2, q + b * 4, K, N, 4, 0, memory + 0x400 + b * 64);
    }
    nap_lutstat stat;
    nap_error e;
    if (nap_lmma_run(&p, &c, memory, sizeof memory, 0, &stat, &e) != NAP_OK) fail_msg("%s", e.text);
    assert_int_equal(stat.cycles, cycles);
    char says[96];
    snprintf(says, sizeof says, "MEM is occupied for %u of them, MMA for %u",
             (unsigned)stat.busy_mem, (unsigned)stat.busy_mma);
    assert_non_null(strstr(manual, says));
    for (unsigned m = 0; m < M; m++) {
        for (unsigned n = 0; n < N; n++) {
            int32_t want = 0;
            for (unsigned k = 0; k < K; k++) want += (int8_t)a[m * K + k] * (q[n * K + k] - 1);
            const uint64_t have = nap_bits_get(memory + 0x800, 32 * (m * N + n), 32);
            assert_int_equal((int32_t)have, want);
        }
    }
    nap_program_free(&p);
}

static void test_guard_bits(void **state)
{
    (void)state;
    char says[64];
    snprintf(says, sizeof says, "g is %u with\n`f16` and %u with `f32`", nap_fused_guard(10),
             nap_fused_guard(23));
    assert_non_null(strstr(manual, says));
}

static void test_words(void **state)
{
    (void)state;
    unsigned rows = 0;
    for (const char *r = first_row("| text | word |"); *r == '|'; r = strchr(r, '\n') + 1, rows++) {
        char text[256], word[256];
        cell(r, 0, text);
        cell(r, 1, word);
        char *line = strchr(text, '`') + 1;
        *strchr(line, '`') = '\0';
        nap_program p;
        nap_error e;
        if (nap_lmma_assemble(line, strlen(line), "word", &p, &e) != NAP_OK) fail_msg("%s", e.text);
        if (p.word[0] != strtoull(word, NULL, 16))
            fail_msg("%s: the manual has%s, the code 0x%016llx", line, word,
                     (unsigned long long)p.word[0]);
        nap_program_free(&p);
    }
    assert_int_equal(rows, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encoding_table), cmocka_unit_test(test_legal_designs),
        cmocka_unit_test(test_fragments),      cmocka_unit_test(test_timing_example),
        cmocka_unit_test(test_worked_example), cmocka_unit_test(test_guard_bits),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
