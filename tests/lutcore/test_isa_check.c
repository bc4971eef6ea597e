/* nap_program_check: a program for every kind of breach, its message whole; legal programs, double
 * buffering among them, pass; addresses through loops are exact. */
#include "cmocka_all.h"

#include "base/buf.h"
#include "base/rng.h"
#include "lutcore/config.h"
#include "lutcore/isa_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static nap_core design(void)
{
    nap_core c = nap_core_default();
    c.a_regs = c.t_regs = c.w_regs = 4;
    c.c_regs = c.s_regs = 4;
    c.wbits = 2;
    return c;
}

static nap_status run(const char *text, const nap_core *c, uint64_t memory, nap_error *e)
{
    nap_program p;
    if (nap_lmma_assemble(text, strlen(text), "p", &p, e) != NAP_OK) fail_msg("%s", e->text);
    const nap_status s = nap_program_check(&p, c, memory, "p", e);
    nap_program_free(&p);
    return s;
}

static void accept_for(const char *text, const nap_core *c)
{
    nap_error e = {0};
    if (run(text, c, 65536, &e) != NAP_OK) fail_msg("%s\nin\n%s", e.text, text);
}

static void accept(const char *text)
{
    const nap_core c = design();
    accept_for(text, &c);
}

static void refuse_for(const char *text, const nap_core *c, const char *says)
{
    nap_error e = {0};
    if (run(text, c, 65536, &e) == NAP_OK) fail_msg("accepted, expected \"%s\":\n%s", says, text);
    assert_string_equal(e.text, says);
    assert_int_equal(e.code, NAP_ERR_FORMAT);
}

static void refuse(const char *text, const char *says)
{
    const nap_core c = design();
    refuse_for(text, &c, says);
}

#define LMMA "lmma.m2n64k4.s8.w2.s32.s32 "

/* One tile after the other, operands loaded one tile ahead. */
static const char double_buffered[] = "mov x1, 0          # activations\n"
                                      "mov x2, 0x400      # weights\n"
                                      "lda a0, [x1]\n"
                                      "ldw.w2 w0, [x2]\n"
                                      "zero c0\n"
                                      "zero s0\n"
                                      "wait mem+mma\n"
                                      "pre t0, a0, s0\n"
                                      "loop 7\n"
                                      "    lda a1, [x1 + 32]\n"
                                      "    ldw.w2 w1, [x2 + 64]\n"
                                      "    wait pre\n"
                                      "    " LMMA "c0, t0, w0, c0\n"
                                      "    wait mem\n"
                                      "    pre t1, a1, s0\n"
                                      "    add x1, x1, 64\n"
                                      "    add x2, x2, 128\n"
                                      "    wait mma+pre\n"
                                      "    lda a0, [x1]\n"
                                      "    ldw.w2 w0, [x2]\n"
                                      "    " LMMA "c0, t1, w1, c0\n"
                                      "    wait mem+mma\n"
                                      "    pre t0, a0, s0\n"
                                      "end\n"
                                      "wait pre\n"
                                      "sto.w2 [x0 + 0x4000], c0, s0, 1\n"
                                      "halt\n";

static void test_legal_programs(void **state)
{
    (void)state;
    accept("halt\n");
    accept("loop 3\nend\nhalt\n");
    accept("loop 1\nloop 2\nloop 3\nloop 4\nnop\nend\nend\nend\nend\nhalt\n");
    accept(double_buffered);
    /* every instruction of the unit MEM, in order, without a wait */
    accept("lda a0, [x0]\nldt t0, [x0]\nldw.w1 w0, [x0]\nldc c0, [x0]\nlds s0, [x0]\n"
           "stt [x0 + 1024], t0\nstc [x0 + 1024], c0\nsts [x0 + 1024], s0\n"
           "sto.w1 [x0], c0, s0, 0\nlda a0, [x0]\nhalt\n");
    /* accumulators within MMA need none either */
    accept("ldt t0, [x0]\nldw.w2 w0, [x0]\nwait mem\nzero c0\n" LMMA "c0, t0, w0, c0\n" LMMA
           "c0, t0, w0, c0\nzero c0\nwait mma\nstc [x0], c0\nhalt\n");
    /* a multiple of the array's shape */
    accept("ldt t2, [x0]\nldt t3, [x0]\nldw.w2 w0, [x0]\nldw.w2 w1, [x0]\nldw.w2 w2, [x0]\n"
           "ldw.w2 w3, [x0]\nwait mem\n"
           "lmma.m2n64x2k4x2.s8.w2.s32.s32 c2, t2, w0, zero\nwait mma\nstc [x0], c2\nstc [x0], c3\n"
           "halt\n");
}

static void test_legal_in_other_designs(void **state)
{
    (void)state;
    nap_core c = design();
    c.method = NAP_METHOD_MAC;
    c.k = 1;
    c.depth = 4;
    accept_for("lda a0, [x0]\nldw.w2 w0, [x0]\nwait mem\n" LMMA "c0, a0, w0, zero\nhalt\n", &c);
    c = design();
    c.wtype = NAP_W_TERNARY;
    c.k = 3;
    c.wbits = 1;
    accept_for("lda a0, [x0]\nldw.t w0, [x0]\nwait mem\npre t0, a0\nwait pre\n"
               "lmma.m2n64k3.s8.t.s32.s32 c0, t0, w0, zero\nhalt\n",
               &c);
    c.wtype = NAP_W_E2M1;
    c.k = 4;
    c.wbits = 5;
    accept_for("lda a0, [x0]\nldw.e2m1 w0, [x0]\nzero s0\nwait mem+mma\npre t0, a0, s0\nwait pre\n"
               "lmma.m2n64k4.s8.e2m1.s32.s32 c0, t0, w0, zero\nwait mma\n"
               "sto.w5 [x0], c0, s0, 16\nhalt\n",
               &c);
    c = design();
    c.act = NAP_ACT_F16;
    c.acc = NAP_ACC_F32;
    accept_for("lda a0, [x0]\nldw.w2 w0, [x0]\nwait mem\npre t0, a0\nwait pre\n"
               "lmma.m2n64k4.f16.w2.f32.f32 c0, t0, w0, zero\nwait mma\nstc [x0], c0\nhalt\n",
               &c);
}

static void test_shape_of_programs(void **state)
{
    (void)state;
    refuse("", "p: found no instructions, expected a program that ends in halt");
    refuse("nop\n", "p:1: 'nop': found at the end, expected halt");
    refuse("halt\nnop\nhalt\n",
           "p:1: 'halt': found before other instructions, expected as the last");
    refuse("loop 2\nhalt\nend\n",
           "p:2: 'halt': found before other instructions, expected as the last");
    refuse("loop 2\nhalt\n", "p:1: 'loop 2': found no end, expected one");
    refuse("nop\nend\nhalt\n", "p:2: 'end': found no loop that it could end");
    refuse("loop 2\nloop 2\nloop 2\nloop 2\nloop 2\nend\nend\nend\nend\nend\nhalt\n",
           "p:5: 'loop 2': found inside 4 loops, expected at most 3");
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_legal_programs),
        cmocka_unit_test(test_legal_in_other_designs),
        cmocka_unit_test(test_shape_of_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
