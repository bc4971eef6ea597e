/* nap_program_check: a program for every kind of breach, its message whole; legal programs, double
 * buffering among them, pass; addresses through loops are exact. */
#include "cmocka_all.h"

#include "base/alloc.h"
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
static void test_types(void **state)
{
    (void)state;
    refuse("lmma.m4n64k4.s8.w2.s32.s32 c0, t0, w0, zero\nhalt\n",
           "p:1: 'lmma.m4n64k4.s8.w2.s32.s32 c0, t0, w0, zero': array: found m4n64k4, expected "
           "m2n64k4");
    refuse("lmma.m2n32k4.s8.w2.s32.s32 c0, t0, w0, zero\nhalt\n",
           "p:1: 'lmma.m2n32k4.s8.w2.s32.s32 c0, t0, w0, zero': array: found m2n32k4, expected "
           "m2n64k4");
    refuse("lmma.m2n64k8.s8.w2.s32.s32 c0, t0, w0, zero\nhalt\n",
           "p:1: 'lmma.m2n64k8.s8.w2.s32.s32 c0, t0, w0, zero': array: found m2n64k8, expected "
           "m2n64k4");
    refuse("lmma.m2n64k4.s16.w2.s32.s32 c0, t0, w0, zero\nhalt\n",
           "p:1: 'lmma.m2n64k4.s16.w2.s32.s32 c0, t0, w0, zero': activation type: found s16, "
           "expected s8");
    refuse("lmma.m2n64k4.s8.w3.s32.s32 c0, t0, w0, zero\nhalt\n",
           "p:1: 'lmma.m2n64k4.s8.w3.s32.s32 c0, t0, w0, zero': weight type: found w3, expected w1 "
           "to w2");
    refuse("lmma.m2n64k4.s8.t.s32.s32 c0, t0, w0, zero\nhalt\n",
           "p:1: 'lmma.m2n64k4.s8.t.s32.s32 c0, t0, w0, zero': weight type: found t, expected w1 "
           "to w2");
    refuse("lmma.m2n64k4.s8.w2.s16.s16 c0, t0, w0, zero\nhalt\n",
           "p:1: 'lmma.m2n64k4.s8.w2.s16.s16 c0, t0, w0, zero': accumulator type: found s16, "
           "expected s32");
    refuse(LMMA "c0, a0, w0, zero\nhalt\n",
           "p:1: '" LMMA "c0, a0, w0, zero': operand: found a0, expected a t register with method "
           "lut");
    refuse("ldw.w3 w0, [x0]\nhalt\n",
           "p:1: 'ldw.w3 w0, [x0]': weight type: found w3, expected w1 to w2");
    refuse("sto.w3 [x0], c0, s0, 0\nhalt\n",
           "p:1: 'sto.w3 [x0], c0, s0, 0': weight type: found w3, expected w1 to w2");
    refuse("ldw.w1 w0, [x0]\nldt t0, [x0]\nwait mem\n" LMMA "c0, t0, w0, zero\nhalt\n",
           "p:4: '" LMMA "c0, t0, w0, zero': weight type: found w0 loaded as w1, expected w2");
}

static void test_types_of_other_designs(void **state)
{
    (void)state;
    nap_core c = design();
    c.method = NAP_METHOD_MAC;
    c.k = 1;
    c.depth = 4;
    refuse_for("pre t0, a0\nhalt\n", &c,
               "p:1: 'pre t0, a0': found in a design of method mac, expected method lut");
    refuse_for("ldt t0, [x0]\nhalt\n", &c,
               "p:1: 'ldt t0, [x0]': found in a design of method mac, expected method lut");
    refuse_for("stt [x0], t0\nhalt\n", &c,
               "p:1: 'stt [x0], t0': found in a design of method mac, expected method lut");
    refuse_for("sto.w2 [x0], c0, s0, 0\nhalt\n", &c,
               "p:1: 'sto.w2 [x0], c0, s0, 0': found in a design of method mac, expected lut or "
               "lut_conv (use stc)");
    refuse_for(LMMA "c0, t0, w0, zero\nhalt\n", &c,
               "p:1: '" LMMA "c0, t0, w0, zero': operand: found t0, expected an a register with "
               "method mac");
    refuse_for("ldw.w1 w0, [x0]\nhalt\n", &c,
               "p:1: 'ldw.w1 w0, [x0]': weight type: found w1, expected w2");
    c = design();
    c.act = NAP_ACT_F16;
    c.acc = NAP_ACC_F16;
    refuse_for("lds s0, [x0]\nhalt\n", &c,
               "p:1: 'lds s0, [x0]': found with f16 activations, expected s8 or s16: there are no "
               "row sums");
    refuse_for("zero s0\nhalt\n", &c,
               "p:1: 'zero s0': found with f16 activations, expected s8 or s16: there are no row "
               "sums");
    refuse_for("pre t0, a0, s0\nhalt\n", &c,
               "p:1: 'pre t0, a0, s0': found s0 with f16 activations, expected no row sums");
    c = design();
    c.wtype = NAP_W_TERNARY;
    c.k = 3;
    c.wbits = 1;
    refuse_for("sto.w1 [x0], c0, s0, 0\nhalt\n", &c,
               "p:1: 'sto.w1 [x0], c0, s0, 0': found with ternary weights, whose sums are final: "
               "expected stc");
    refuse_for("ldw.w1 w0, [x0]\nhalt\n", &c,
               "p:1: 'ldw.w1 w0, [x0]': weight type: found w1, expected t");
    c.wtype = NAP_W_E2M1;
    c.wbits = 5;
    c.k = 4;
    refuse_for("sto.w4 [x0], c0, s0, 0\nhalt\n", &c,
               "p:1: 'sto.w4 [x0], c0, s0, 0': weight type: found w4, expected w5");
    c.wbits = 4;
    refuse_for("halt\n", &c, "design: [core] wbits: found 4 with wtype e2m1, expected 5");
}

static void test_registers(void **state)
{
    (void)state;
    refuse("lda a4, [x0]\nhalt\n", "p:1: 'lda a4, [x0]': found a4, expected a0 to a3");
    refuse("ldt t4, [x0]\nhalt\n", "p:1: 'ldt t4, [x0]': found t4, expected t0 to t3");
    refuse("ldw.w1 w4, [x0]\nhalt\n", "p:1: 'ldw.w1 w4, [x0]': found w4, expected w0 to w3");
    refuse("ldc c4, [x0]\nhalt\n", "p:1: 'ldc c4, [x0]': found c4, expected c0 to c3");
    refuse("lds s61, [x0]\nhalt\n", "p:1: 'lds s61, [x0]': found s61, expected s0 to s3");
    refuse("stc [x0], c4\nhalt\n", "p:1: 'stc [x0], c4': found c4, expected c0 to c3");
    refuse("zero c4\nhalt\n", "p:1: 'zero c4': found c4, expected c0 to c3");
    refuse("zero s4\nhalt\n", "p:1: 'zero s4': found s4, expected s0 to s3");
    refuse("sto.w2 [x0], c0, s4, 0\nhalt\n",
           "p:1: 'sto.w2 [x0], c0, s4, 0': found s4, expected s0 to s3");
    refuse("pre t0, a0, s4\nhalt\n", "p:1: 'pre t0, a0, s4': found s4, expected s0 to s3");
    refuse("pre t4, a0\nhalt\n", "p:1: 'pre t4, a0': found t4, expected t0 to t3");
    refuse("pre t0, a4\nhalt\n", "p:1: 'pre t0, a4': found a4, expected a0 to a3");
    refuse("lmma.m2x2n64x2k4.s8.w2.s32.s32 c1, t0, w0, zero\nhalt\n",
           "p:1: 'lmma.m2x2n64x2k4.s8.w2.s32.s32 c1, t0, w0, zero': found c1 to c4, expected "
           "registers c0 to c3");
    refuse("lmma.m2x2n64k4x2.s8.w2.s32.s32 c0, t1, w0, zero\nhalt\n",
           "p:1: 'lmma.m2x2n64k4x2.s8.w2.s32.s32 c0, t1, w0, zero': found t1 to t4, expected "
           "registers t0 to t3");
    refuse("lmma.m2n64x2k4x4.s8.w2.s32.s32 c0, t0, w0, zero\nhalt\n",
           "p:1: 'lmma.m2n64x2k4x4.s8.w2.s32.s32 c0, t0, w0, zero': found w0 to w7, expected "
           "registers w0 to w3");
    refuse("lmma.m2x8n64x8k4x8.s8.w2.s32.s32 c0, t0, w0, zero\nhalt\n",
           "p:1: 'lmma.m2x8n64x8k4x8.s8.w2.s32.s32 c0, t0, w0, zero': found c0 to c63, expected "
           "registers c0 to c3");
    refuse(LMMA "c0, t0, w4, zero\nhalt\n",
           "p:1: '" LMMA "c0, t0, w4, zero': found w4, expected w0 to w3");
}

static void test_unwritten_registers(void **state)
{
    (void)state;
    refuse("stc [x0], c1\nhalt\n", "p:1: 'stc [x0], c1': reads c1, which nothing has written");
    refuse("pre t0, a2\nhalt\n", "p:1: 'pre t0, a2': reads a2, which nothing has written");
    refuse("lda a0, [x0]\nwait mem\npre t0, a0, s1\nhalt\n",
           "p:3: 'pre t0, a0, s1': reads s1, which nothing has written");
    refuse("ldw.w2 w0, [x0]\nldt t0, [x0]\nwait mem\n" LMMA "c0, t0, w0, c0\nhalt\n",
           "p:4: '" LMMA "c0, t0, w0, c0': reads c0, which nothing has written");
    refuse("ldw.w2 w0, [x0]\nldw.w2 w1, [x0]\nldt t0, [x0]\nwait mem\n"
           "lmma.m2n64k4x2.s8.w2.s32.s32 c0, t0, w0, zero\nhalt\n",
           "p:5: 'lmma.m2n64k4x2.s8.w2.s32.s32 c0, t0, w0, zero': reads t1, which nothing has "
           "written");
}

static void test_addresses(void **state)
{
    (void)state;
    refuse("lda a0, [x0 + 8]\nhalt\n",
           "p:1: 'lda a0, [x0 + 8]': address: found 0x8, expected a multiple of 32");
    refuse("mov x1, 4\nlda a0, [x1]\nhalt\n",
           "p:2: 'lda a0, [x1]': address: found 0x4, expected a multiple of 32");
    accept("lda a0, [x0 + 65504]\nhalt\n");
    refuse("lda a0, [x0 + 65536]\nhalt\n", "p:1: 'lda a0, [x0 + 65536]': address: found bytes "
                                           "65536 to 65567, expected 0 to 65535 of memory");
    accept("ldc c0, [x0 + 65024]\nhalt\n");
    refuse("ldc c0, [x0 + 65056]\nhalt\n", "p:1: 'ldc c0, [x0 + 65056]': address: found bytes "
                                           "65056 to 65567, expected 0 to 65535 of memory");
    refuse("lda a0, [x0 - 32]\nhalt\n", "p:1: 'lda a0, [x0 - 32]': address: found bytes 4294967264 "
                                        "to 4294967295, expected 0 to 65535 of memory");
    /* the last of 2048 fragments of 32 bytes is the last that fits */
    accept("loop 2048\nlda a0, [x1]\nadd x1, x1, 32\nend\nhalt\n");
    refuse("loop 2049\nlda a0, [x1]\nadd x1, x1, 32\nend\nhalt\n",
           "p:2: 'lda a0, [x1]': address: found bytes 32 to 65567 over the loops, expected 0 to "
           "65535 of memory");
    refuse("mov x1, 4096\nloop 200\nlda a0, [x1]\nadd x1, x1, -32\nend\nhalt\n",
           "p:3: 'lda a0, [x1]': address: found bytes -2272 to 4095 over the loops, expected 0 to "
           "65535 of memory");
    /* nested: 16 rows of 4096, 128 fragments each */
    accept("loop 16\nadd x2, x1, 0\nloop 128\nlda a0, [x2]\nadd x2, x2, 32\nend\n"
           "add x1, x1, 4096\nend\nhalt\n");
    refuse("loop 16\nadd x2, x1, 0\nloop 129\nlda a0, [x2]\nadd x2, x2, 32\nend\n"
           "add x1, x1, 4096\nend\nhalt\n",
           "p:4: 'lda a0, [x2]': address: found bytes 4128 to 65567 over the loops, expected 0 to "
           "65535 of memory");
    /* buffers that change places: x1 and x2 swap, x3 counts every second round */
    accept("mov x1, 0\nmov x2, 1024\nloop 1000000\nlda a0, [x1]\nadd x3, x1, 0\nadd x1, x2, 0\n"
           "add x2, x3, 0\nend\nhalt\n");
    refuse("mov x1, 0\nmov x2, 1024\nloop 1000000\nlda a0, [x1]\nadd x3, x1, 0\nadd x1, x2, 32\n"
           "add x2, x3, 0\nend\nhalt\n",
           "p:4: 'lda a0, [x1]': address: found bytes 1056 to 16001055 over the loops, expected 0 "
           "to 65535 of memory");
    refuse("loop 2\nlda a0, [x1]\nadd x1, x1, 8\nend\nhalt\n",
           "p:2: 'lda a0, [x1]': address: found 0x8, expected a multiple of 32");
    refuse("add x1, x0, 32\nloop 300\nnop\nlda a0, [x2]\nadd x2, x1, -32\nadd x1, x1, 8\nend\n"
           "halt\n",
           "p:4: 'lda a0, [x2]': address: found 0x0 and, in the next round, 8 bytes on, expected "
           "multiples of 32");
    /* what a loop leaves behind: 1000 times 64 */
    accept("loop 1000\nadd x1, x1, 64\nend\nlda a0, [x1]\nhalt\n");
    refuse("loop 1024\nadd x1, x1, 64\nend\nlda a0, [x1]\nhalt\n",
           "p:4: 'lda a0, [x1]': address: found bytes 65536 to 65567, expected 0 to 65535 of "
           "memory");
    /* x0 cannot be written */
    accept("mov x0, 4\nlda a0, [x0]\nhalt\n");
    /* a count of 2^32 - 1 costs no time */
    accept("loop 4294967295\nloop 4294967295\nloop 4294967295\nloop 4294967295\nlda a0, [x1]\n"
           "mov x1, 64\nend\nend\nend\nend\nhalt\n");
}

/* One program a kind of breach; each is legal once the wait is there. */
static void hazard(const char *before, const char *wait, const char *after, const char *says)
{
    char text[1024];
    snprintf(text, sizeof text, "%s%s%shalt\n", before, wait, after);
    accept(text);
    snprintf(text, sizeof text, "%s%shalt\n", before, after);
    refuse(text, says);
    /* waits on the other units do not help */
    const char *others = strcmp(wait, "wait mem\n") == 0   ? "wait pre+mma\n"
                         : strcmp(wait, "wait pre\n") == 0 ? "wait mem+mma\n"
                                                           : "wait mem+pre\n";
    nap_error e;
    const nap_core c = design();
    snprintf(text, sizeof text, "%s%s%shalt\n", before, others, after);
    assert_int_equal(run(text, &c, 65536, &e), NAP_ERR_FORMAT);
}

#define READY                                                                                      \
    "lda a0, [x0]\nlda a1, [x0]\nldt t0, [x0]\nldt t1, [x0]\nldw.w2 w0, [x0]\nldw.w2 w1, [x0]\n"   \
    "ldc c0, [x0]\nldc c1, [x0]\nlds s0, [x0]\nwait mem\n"

static void test_hazards(void **state)
{
    (void)state;
    hazard(READY "lda a0, [x0]\n", "wait mem\n", "pre t0, a0\n",
           "p:12: 'pre t0, a0': reads a0, which 'lda a0, [x0]' (line 11) may still write, expected "
           "'wait mem' between");
    hazard(READY "ldt t0, [x0]\n", "wait mem\n", LMMA "c0, t0, w0, zero\n",
           "p:12: '" LMMA "c0, t0, w0, zero': reads t0, which 'ldt t0, [x0]' (line 11) may still "
           "write, expected 'wait mem' between");
    hazard(READY "ldw.w2 w1, [x0]\n", "wait mem\n", LMMA "c0, t0, w1, zero\n",
           "p:12: '" LMMA
           "c0, t0, w1, zero': reads w1, which 'ldw.w2 w1, [x0]' (line 11) may still "
           "write, expected 'wait mem' between");
    hazard(READY "ldc c1, [x0]\n", "wait mem\n", LMMA "c1, t0, w0, c1\n",
           "p:12: '" LMMA "c1, t0, w0, c1': reads c1, which 'ldc c1, [x0]' (line 11) may still "
           "write, expected 'wait mem' between");
    hazard(READY "lds s0, [x0]\n", "wait mem\n", "pre t0, a0, s0\n",
           "p:12: 'pre t0, a0, s0': reads s0, which 'lds s0, [x0]' (line 11) may still write, "
           "expected 'wait mem' between");
    hazard(READY "zero s0\n", "wait mma\n", "pre t0, a0, s0\n",
           "p:12: 'pre t0, a0, s0': reads s0, which 'zero s0' (line 11) may still write, expected "
           "'wait mma' between");
    hazard(READY "pre t0, a0\n", "wait pre\n", LMMA "c0, t0, w0, zero\n",
           "p:12: '" LMMA "c0, t0, w0, zero': reads t0, which 'pre t0, a0' (line 11) may still "
           "write, expected 'wait pre' between");
    hazard(READY "pre t0, a0, s0\n", "wait pre\n", "sts [x0], s0\n",
           "p:12: 'sts [x0], s0': reads s0, which 'pre t0, a0, s0' (line 11) may still write, "
           "expected 'wait pre' between");
    hazard(READY "pre t0, a0\n", "wait pre\n", "stt [x0], t0\n",
           "p:12: 'stt [x0], t0': reads t0, which 'pre t0, a0' (line 11) may still write, expected "
           "'wait pre' between");
    hazard(READY LMMA "c0, t0, w0, zero\n", "wait mma\n", "stc [x0], c0\n",
           "p:12: 'stc [x0], c0': reads c0, which '" LMMA "c0, t0, w0, zero' (line 11) may still "
           "write, expected 'wait mma' between");
    hazard(READY "zero c0\n", "wait mma\n", "sto.w2 [x0], c0, s0, 0\n",
           "p:12: 'sto.w2 [x0], c0, s0, 0': reads c0, which 'zero c0' (line 11) may still write, "
           "expected 'wait mma' between");
    /* write after read */
    hazard(READY "pre t0, a0\n", "wait pre\n", "lda a0, [x0]\n",
           "p:12: 'lda a0, [x0]': writes a0, which 'pre t0, a0' (line 11) may still read, expected "
           "'wait pre' between");
    hazard(READY LMMA "c0, t0, w0, zero\n", "wait mma\n", "pre t0, a0\n",
           "p:12: 'pre t0, a0': writes t0, which '" LMMA "c0, t0, w0, zero' (line 11) may still "
           "read, expected 'wait mma' between");
    hazard(READY LMMA "c0, t0, w0, zero\n", "wait mma\n", "ldw.w2 w0, [x0]\n",
           "p:12: 'ldw.w2 w0, [x0]': writes w0, which '" LMMA "c0, t0, w0, zero' (line 11) may "
           "still read, expected 'wait mma' between");
    hazard(READY "stc [x0], c0\n", "wait mem\n", "zero c0\n",
           "p:12: 'zero c0': writes c0, which 'stc [x0], c0' (line 11) may still read, expected "
           "'wait mem' between");
    hazard(READY "stt [x0], t0\n", "wait mem\n", "pre t0, a0\n",
           "p:12: 'pre t0, a0': writes t0, which 'stt [x0], t0' (line 11) may still read, expected "
           "'wait mem' between");
    hazard(READY "sto.w2 [x0], c0, s0, 0\n", "wait mem\n", "zero s0\n",
           "p:12: 'zero s0': writes s0, which 'sto.w2 [x0], c0, s0, 0' (line 11) may still read, "
           "expected 'wait mem' between");
    /* write after write */
    hazard(READY "ldc c0, [x0]\n", "wait mem\n", LMMA "c0, t0, w0, zero\n",
           "p:12: '" LMMA "c0, t0, w0, zero': writes c0, which 'ldc c0, [x0]' (line 11) may still "
           "write, expected 'wait mem' between");
    hazard(
        READY "pre t0, a0\n", "wait pre\n", "ldt t0, [x0]\n",
        "p:12: 'ldt t0, [x0]': writes t0, which 'pre t0, a0' (line 11) may still write, expected "
        "'wait pre' between");
    hazard(READY "zero c0\n", "wait mma\n", "ldc c0, [x0]\n",
           "p:12: 'ldc c0, [x0]': writes c0, which 'zero c0' (line 11) may still write, expected "
           "'wait mma' between");
    /* the last of a range of registers counts as the first does */
    hazard(READY "ldw.w2 w1, [x0]\n", "wait mem\n",
           "lmma.m2n64k4x2.s8.w2.s32.s32 c0, t0, w0, zero\n",
           "p:12: 'lmma.m2n64k4x2.s8.w2.s32.s32 c0, t0, w0, zero': reads w1, which 'ldw.w2 w1, "
           "[x0]' (line 11) may still write, expected 'wait mem' between");
}

/* A breach that only a second round shows, at every depth. */
static void test_hazards_around_loops(void **state)
{
    (void)state;
    refuse(READY "loop 2\nldw.w2 w0, [x0]\nwait mem\n" LMMA "c0, t0, w0, c0\nend\nhalt\n",
           "p:12: 'ldw.w2 w0, [x0]': writes w0, which '" LMMA "c0, t0, w0, c0' (line 14) may still "
           "read, expected 'wait mma' between");
    accept(READY "loop 1\nldw.w2 w0, [x0]\nwait mem\n" LMMA "c0, t0, w0, c0\nend\nhalt\n");
    accept(READY "loop 9\nldw.w2 w0, [x0]\nwait mem\n" LMMA
                 "c0, t0, w0, c0\nwait mma\nend\nhalt\n");
    refuse(READY "loop 2\nloop 2\nloop 2\nloop 2\nnop\nend\nend\nldw.w2 w0, [x0]\nend\nwait mem\n"
                 "loop 1\n" LMMA "c0, t0, w0, c0\nend\nend\nhalt\n",
           "p:18: 'ldw.w2 w0, [x0]': writes w0, which '" LMMA "c0, t0, w0, c0' (line 22) may still "
           "read, expected 'wait mma' between");
    /* pending work leaves a loop */
    refuse(READY "loop 100000\nldw.w2 w0, [x0]\nend\n" LMMA "c0, t0, w0, c0\nhalt\n",
           "p:14: '" LMMA "c0, t0, w0, c0': reads w0, which 'ldw.w2 w0, [x0]' (line 12) may still "
           "write, expected 'wait mem' between");
    /* leaving out any wait of the double-buffered program is noticed */
    unsigned waits = 0;
    for (const char *at = double_buffered; (at = strstr(at, "wait ")) != NULL; at++, waits++) {
        char text[sizeof double_buffered];
        strcpy(text, double_buffered);
        memcpy(text + (at - double_buffered), "#", 1);
        const nap_core c = design();
        nap_error e;
        if (run(text, &c, 65536, &e) == NAP_OK) fail_msg("accepted without wait %u", waits);
        assert_non_null(strstr(e.text, "between"));
    }
    assert_int_equal(waits, 6);
}

static void test_words_and_indices(void **state)
{
    (void)state;
    uint64_t words[] = {NAP_L_NOP, 31};
    nap_program p = {words, NULL, 2};
    const nap_core c = design();
    nap_error e;
    assert_int_equal(nap_program_check(&p, &c, 0, "f.bin", &e), NAP_ERR_FORMAT);
    assert_string_equal(e.text,
                        "f.bin: instruction 1: opcode (bits 4:0): found 31, expected 0 to 19");
    words[1] = NAP_L_LDA | (uint64_t)1 << 35; /* [x0 + 8] */
    assert_int_equal(nap_program_check(&p, &c, 0, "f.bin", &e), NAP_ERR_FORMAT);
    assert_string_equal(
        e.text, "f.bin: instruction 1: 'lda a0, [x0 + 8]': found at the end, expected halt");
}

/* Six registers that rotate in four loops make 7^4 walks of the body: too many for a long one. */
static void test_walks_are_bounded(void **state)
{
    (void)state;
    const nap_core c = design();
    for (unsigned nops = 10; nops <= 2000; nops += 1990) {
        nap_buf b = {0};
        nap_program p;
        nap_error e = {0};
        nap_buf_puts(&b, "loop 25\nloop 25\nloop 25\nloop 25\nadd x7, x1, 0\nadd x1, x2, 0\n"
                         "add x2, x3, 0\nadd x3, x4, 0\nadd x4, x5, 0\nadd x5, x6, 0\n"
                         "add x6, x7, 0\nlda a0, [x1]\n");
        for (unsigned k = 0; k < nops; k++) nap_buf_puts(&b, "nop\n");
        nap_buf_puts(&b, "end\nend\nend\nend\nhalt\n");
        assert_int_equal(nap_lmma_assemble(b.data, b.len, "p", &p, &e), NAP_OK);
        const nap_status s = nap_program_check(&p, &c, 0, "p", &e);
        assert_int_equal(s, nops == 10 ? NAP_OK : NAP_ERR_LIMIT);
        if (s != NAP_OK)
            assert_non_null(strstr(e.text, "': address registers change places in the loops around "
                                           "in more ways than are followed"));
        nap_program_free(&p);
        nap_buf_free(&b);
    }
}

static void test_memory_runs_out(void **state)
{
    (void)state;
    const nap_core c = design();
    nap_program p;
    assert_int_equal(nap_lmma_assemble(double_buffered, strlen(double_buffered), "p", &p, NULL),
                     NAP_OK);
    long n = 0;
    for (;; n++) {
        nap_error e;
        nap_alloc_fail_at(n, true);
        const nap_status s = nap_program_check(&p, &c, 65536, "p", &e);
        nap_alloc_fail_at(-1, false);
        if (s == NAP_OK) break;
        assert_int_equal(s, NAP_ERR_MEMORY);
    }
    assert_int_equal(n, 4); /* decoded instructions, partners, the walk, its maps */
    nap_program_free(&p);
}

/* Addresses against plain execution: random programs of mov, add, loops and loads; the checker
 * must accept exactly those whose every load is aligned and inside. */
typedef struct plain {
    uint32_t x[8];
    bool bad;
} plain;

static size_t skip_loop(const nap_linst *i, size_t n)
{
    unsigned depth = 0;
    for (;; n++) {
        if (i[n].op == NAP_L_LOOP) depth++;
        if (i[n].op == NAP_L_END && --depth == 0) return n;
    }
}

static void execute(plain *m, const nap_linst *i, size_t first, size_t end)
{
    for (size_t n = first; n < end; n++) {
        if (i[n].op == NAP_L_LOOP) {
            const size_t last = skip_loop(i, n);
            for (int32_t k = 0; k < i[n].imm; k++) execute(m, i, n + 1, last);
            n = last;
        } else if (i[n].op == NAP_L_MOV && i[n].xd != 0) {
            m->x[i[n].xd] = (uint32_t)i[n].imm;
        } else if (i[n].op == NAP_L_ADD && i[n].xd != 0) {
            m->x[i[n].xd] = m->x[i[n].xb] + (uint32_t)i[n].imm;
        } else if (i[n].op == NAP_L_LDA) {
            const uint32_t at = m->x[i[n].xb] + (uint32_t)i[n].imm;
            if (at % 32 != 0 || at > 4096 - 32) m->bad = true;
        }
    }
}

static void test_addresses_against_execution(void **state)
{
    (void)state;
    nap_rng r;
    nap_rng_seed(&r, 11);
    const nap_core c = design();
    unsigned good = 0, bad = 0;
    for (unsigned round = 0; round < 20000; round++) {
        nap_linst i[40];
        nap_program p = {0};
        size_t n = 0;
        unsigned depth = 0;
        const unsigned body = 3 + nap_rng_below(&r, 20);
        while (n < body || depth > 0) {
            nap_linst *at = &i[n++];
            *at = (nap_linst){.op = NAP_L_NOP};
            const unsigned pick = n > body ? 9 : nap_rng_below(&r, 10);
            if (pick < 2 && depth < 3) {
                *at = (nap_linst){.op = NAP_L_LOOP, .imm = 1 + (int32_t)nap_rng_below(&r, 9)};
                depth++;
            } else if (pick < 5) {
                at->op = NAP_L_LDA;
                at->xb = (uint8_t)nap_rng_below(&r, 8);
                at->imm = 32 * (int32_t)nap_rng_below(&r, 4);
            } else if (pick < 8) {
                at->op = nap_rng_below(&r, 4) == 0 ? NAP_L_MOV : NAP_L_ADD;
                at->xd = (uint8_t)nap_rng_below(&r, 8);
                if (at->op == NAP_L_ADD) at->xb = (uint8_t)nap_rng_below(&r, 8);
                at->imm =
                    (nap_rng_below(&r, 60) == 0 ? 8 : 32) * ((int32_t)nap_rng_below(&r, 9) - 2);
            } else if (pick == 9 && depth > 0) {
                at->op = NAP_L_END;
                depth--;
            }
        }
        i[n++] = (nap_linst){.op = NAP_L_HALT};
        for (size_t k = 0; k < n; k++) assert_true(nap_program_add(&p, nap_linst_encode(&i[k]), 0));
        plain m = {0};
        execute(&m, i, 0, n);
        nap_error e = {0};
        const nap_status s = nap_program_check(&p, &c, 4096, "p", &e);
        if ((s == NAP_OK) == m.bad) {
            nap_buf text = {0};
            nap_lmma_disassemble(&p, &text, NULL);
            fail_msg("round %u: %s, execution says %s\n%s", round,
                     s == NAP_OK ? "accepted" : e.text, m.bad ? "bad" : "good", text.data);
        }
        *(m.bad ? &bad : &good) += 1;
        nap_program_free(&p);
    }
    assert_true(good > 1000 && bad > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_legal_programs),
        cmocka_unit_test(test_legal_in_other_designs),
        cmocka_unit_test(test_shape_of_programs),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_types_of_other_designs),
        cmocka_unit_test(test_registers),
        cmocka_unit_test(test_unwritten_registers),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_hazards),
        cmocka_unit_test(test_hazards_around_loops),
        cmocka_unit_test(test_words_and_indices),
        cmocka_unit_test(test_walks_are_bounded),
        cmocka_unit_test(test_memory_runs_out),
        cmocka_unit_test(test_addresses_against_execution),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
