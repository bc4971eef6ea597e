/* The checker's walk (two rounds of each loop) against the plain rule on the unrolled program:
 * random programs over few registers, with waits here and there. The rule is written down a second
 * time, instruction pair by instruction pair. */
#include "cmocka_all.h"

#include "base/buf.h"
#include "base/rng.h"
#include "lutcore/config.h"
#include "lutcore/isa_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_STATIC = 64, MAX_DYNAMIC = 4096, OBJECTS = 5 * 8 };

/* What an instruction touches, one flag a register: objects 8 * file + number. */
typedef struct touch {
    unsigned unit; /* 0: none */
    bool reads[OBJECTS], writes[OBJECTS];
} touch;

static touch touches(const nap_linst *i)
{
    touch t = {0};
    switch (i->op) {
    case NAP_L_LDA:
        t.unit = NAP_UNIT_MEM;
        t.writes[8 * NAP_LFILE_A + i->rd] = true;
        break;
    case NAP_L_LDT:
        t.unit = NAP_UNIT_MEM;
        t.writes[8 * NAP_LFILE_T + i->rd] = true;
        break;
    case NAP_L_LDW:
        t.unit = NAP_UNIT_MEM;
        t.writes[8 * NAP_LFILE_W + i->rd] = true;
        break;
    case NAP_L_STT:
        t.unit = NAP_UNIT_MEM;
        t.reads[8 * NAP_LFILE_T + i->rs] = true;
        break;
    case NAP_L_STO:
        t.unit = NAP_UNIT_MEM;
        t.reads[8 * NAP_LFILE_C + i->rs] = t.reads[8 * NAP_LFILE_S + i->rt] = true;
        break;
    case NAP_L_ZEROC:
    case NAP_L_ZEROS:
        t.unit = NAP_UNIT_MMA;
        t.writes[8 * (i->op == NAP_L_ZEROC ? NAP_LFILE_C : NAP_LFILE_S) + i->rd] = true;
        break;
    case NAP_L_PRE:
        t.unit = NAP_UNIT_PRE;
        t.reads[8 * NAP_LFILE_A + i->rs] = t.writes[8 * NAP_LFILE_T + i->rd] = true;
        if (i->rt != NAP_L_REG_NONE)
            t.reads[8 * NAP_LFILE_S + i->rt] = t.writes[8 * NAP_LFILE_S + i->rt] = true;
        break;
    case NAP_L_LMMA:
        t.unit = NAP_UNIT_MMA;
        for (unsigned r = 0; r < 1u << i->mi; r++)
            for (unsigned q = 0; q < 1u << i->nj; q++)
                for (unsigned h = 0; h < 1u << i->kl; h++) {
                    const unsigned c = 8 * NAP_LFILE_C + i->rd + (r << i->nj) + q;
                    t.writes[c] = true;
                    if (i->rs != NAP_L_REG_NONE) t.reads[c] = true;
                    t.reads[8 * NAP_LFILE_T + i->rt + (r << i->kl) + h] = true;
                    t.reads[8 * NAP_LFILE_W + i->rw + (q << i->kl) + h] = true;
                }
        break;
    default:
        break;
    }
    return t;
}

static size_t unroll(const nap_linst *i, size_t first, size_t end, nap_linst *out, size_t n)
{
    for (size_t k = first; k < end; k++) {
        if (i[k].op != NAP_L_LOOP) {
            if (n < MAX_DYNAMIC) out[n++] = i[k];
            continue;
        }
        size_t last = k;
        for (unsigned depth = 0;; last++) {
            if (i[last].op == NAP_L_LOOP) depth++;
            if (i[last].op == NAP_L_END && --depth == 0) break;
        }
        for (int32_t round = 0; round < i[k].imm; round++) n = unroll(i, k + 1, last, out, n);
        k = last;
    }
    return n;
}

/* For each unit, what lies between the last wait for it and now. */
static bool ordered(const nap_linst *run, size_t n)
{
    static touch t[MAX_DYNAMIC];
    bool written[OBJECTS] = {false};
    size_t since[8] = {0}; /* by NAP_UNIT_* */
    for (size_t k = 0; k < n; k++) {
        t[k] = touches(&run[k]);
        if (run[k].op == NAP_L_WAIT)
            for (unsigned u = 1; u < 8; u <<= 1)
                if ((run[k].mask & u) != 0) since[u] = k;
        for (unsigned o = 0; t[k].unit != 0 && o < OBJECTS; o++) {
            if (t[k].reads[o] && !written[o]) return false;
            for (size_t before = 0; (t[k].reads[o] || t[k].writes[o]) && before < k; before++) {
                if (t[before].unit == 0 || t[before].unit == t[k].unit) continue;
                if (before < since[t[before].unit]) continue;
                if (t[before].writes[o] || (t[before].reads[o] && t[k].writes[o])) return false;
            }
        }
        for (unsigned o = 0; o < OBJECTS; o++) written[o] = written[o] || t[k].writes[o];
    }
    return true;
}

static nap_linst random_instruction(nap_rng *r)
{
    const uint8_t a = (uint8_t)nap_rng_below(r, 2), b = (uint8_t)nap_rng_below(r, 2),
                  d = (uint8_t)nap_rng_below(r, 2);
    switch (nap_rng_below(r, 13)) {
    case 0:
        return (nap_linst){.op = NAP_L_LDA, .rd = a};
    case 1:
        return (nap_linst){.op = NAP_L_LDW, .rd = a, .wt = 1};
    case 2:
        return (nap_linst){.op = NAP_L_STT, .rs = a};
    case 3:
        return (nap_linst){.op = NAP_L_STO, .rs = a, .rt = b, .wt = 1};
    case 4:
        return (nap_linst){.op = NAP_L_ZEROC, .rd = a};
    case 5:
        return (nap_linst){.op = NAP_L_PRE, .rd = a, .rs = b, .rt = d};
    case 6:
        return (nap_linst){.op = NAP_L_PRE, .rd = a, .rs = b, .rt = NAP_L_REG_NONE};
    case 7: {
        nap_linst i = {.op = NAP_L_LMMA,
                       .rd = a,
                       .rs = a,
                       .rt = b,
                       .rw = d,
                       .m = 2,
                       .n = 64,
                       .kd = 4,
                       .wt = 1,
                       .acc = NAP_ACC_S32,
                       .out = NAP_ACC_S32};
        if (nap_rng_below(r, 2) == 0) i.rs = NAP_L_REG_NONE;
        const unsigned many = nap_rng_below(r, 6);
        if (many == 0) i.mi = 1;
        if (many == 1) i.nj = 1;
        if (many == 2) i.kl = 1;
        return i;
    }
    default:
        return (nap_linst){.op = NAP_L_WAIT, .mask = (uint8_t)(1 + nap_rng_below(r, 7))};
    }
}

/* A program that writes every register first, so that hazards are what is left to find. */
static size_t random_program(nap_rng *r, nap_linst *i)
{
    size_t n = 0;
    unsigned depth = 0;
    if (nap_rng_below(r, 8) != 0) {
        for (uint8_t k = 0; k < 3; k++) {
            i[n++] = (nap_linst){.op = NAP_L_LDA, .rd = k};
            i[n++] = (nap_linst){.op = NAP_L_LDW, .rd = k, .wt = 1};
            i[n++] = (nap_linst){.op = NAP_L_LDT, .rd = k};
            i[n++] = (nap_linst){.op = NAP_L_ZEROC, .rd = k};
            i[n++] = (nap_linst){.op = NAP_L_ZEROS, .rd = k};
        }
        i[n++] = (nap_linst){.op = NAP_L_WAIT, .mask = 7};
    }
    const size_t body = n + 2 + nap_rng_below(r, 14);
    while (n < body || depth > 0) {
        const unsigned pick = nap_rng_below(r, 12);
        if (n < body && pick == 0 && depth < NAP_L_LOOPS) {
            i[n++] = (nap_linst){.op = NAP_L_LOOP, .imm = 1 + (int32_t)nap_rng_below(r, 4)};
            depth++;
        } else if (depth > 0 && (n >= body || pick == 1)) {
            i[n++] = (nap_linst){.op = NAP_L_END};
            depth--;
        } else if (n < body) {
            i[n++] = random_instruction(r);
        }
    }
    i[n++] = (nap_linst){.op = NAP_L_HALT};
    return n;
}

static void test_against_unrolled(void **state)
{
    (void)state;
    nap_rng r;
    nap_rng_seed(&r, 21);
    nap_core c = nap_core_default();
    c.a_regs = c.t_regs = c.w_regs = c.c_regs = c.s_regs = 3;
    static nap_linst run[MAX_DYNAMIC];
    unsigned good = 0, bad = 0;
    for (unsigned round = 0; round < 30000; round++) {
        nap_linst i[MAX_STATIC];
        const size_t n = random_program(&r, i);
        const size_t dynamic = unroll(i, 0, n, run, 0);
        if (dynamic == MAX_DYNAMIC) continue;
        nap_program p = {0};
        for (size_t k = 0; k < n; k++) {
            assert_int_not_equal(nap_linst_encode(&i[k]), NAP_L_ILLEGAL);
            assert_true(nap_program_add(&p, nap_linst_encode(&i[k]), 0));
        }
        nap_error e = {0};
        const nap_status s = nap_program_check(&p, &c, 0, "p", &e);
        const bool legal = ordered(run, dynamic);
        if ((s == NAP_OK) != legal) {
            nap_buf text = {0};
            nap_lmma_disassemble(&p, &text, NULL);
            fail_msg("round %u: the check %s, the rule says %s\n%s", round,
                     s == NAP_OK ? "accepts" : e.text, legal ? "legal" : "not", text.data);
        }
        *(legal ? &good : &bad) += 1;
        nap_program_free(&p);
    }
    assert_true(good > 1000 && bad > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_unrolled)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
