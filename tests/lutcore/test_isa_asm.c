/* LMMA text: what is written reads back to the same words, spellings that mean the same, and a
 * refusal with line and column for everything the grammar does not have; program files. */
#include "cmocka_all.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/process.h"
#include "base/rng.h"
#include "lutcore/isa_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static nap_program assemble(const char *text)
{
    nap_program p;
    nap_error e;
    if (nap_lmma_assemble(text, strlen(text), "t", &p, &e) != NAP_OK)
        fail_msg("%s in\n%s", e.text, text);
    return p;
}

static void refuse(const char *text, const char *says)
{
    nap_program p;
    nap_error e = {0};
    if (nap_lmma_assemble(text, strlen(text), "t", &p, &e) == NAP_OK)
        fail_msg("accepted, expected \"%s\":\n%s", says, text);
    assert_string_equal(e.text, says);
    assert_int_equal(e.code, NAP_ERR_FORMAT);
    assert_null(p.word);
    assert_null(p.line);
    /* the offset is that of the column */
    const char *colon = strchr(e.text, ':');
    const unsigned line = (unsigned)strtoul(colon + 1, NULL, 10),
                   column = (unsigned)strtoul(strchr(colon + 1, ':') + 1, NULL, 10);
    size_t start = 0;
    for (unsigned k = 1; k < line; k++) start += strcspn(text + start, "\n") + 1;
    assert_int_equal(e.offset, start + column - 1);
}

/* Two spellings, one word. */
static void same(const char *a, const char *b)
{
    nap_program p = assemble(a), q = assemble(b);
    assert_int_equal(p.count, q.count);
    assert_memory_equal(p.word, q.word, p.count * sizeof p.word[0]);
    nap_program_free(&p);
    nap_program_free(&q);
}

static void test_spellings(void **state)
{
    (void)state;
    same("mov x1, 255", "\tmov\tx1,0xff # comment\r\n");
    same("mov x1, -255", "mov x1 , -0xFF");
    same("lda a0, [x1]", "lda a0,[ x1 + 0 ]");
    same("lda a0, [x1 - 8]", "lda a0, [x1 + -8]");
    same("lda a0, [x1 + 16]", "lda a0, [x1+0x10]");
    same("wait mem+pre+mma", "wait mma + mem + pre + mem");
    same("nop\nhalt", "\n\n  nop#x\n#\n   \nhalt\n\n");
    nap_program p = assemble("# one\nnop\n\nnop\nhalt");
    assert_int_equal(p.count, 3);
    assert_int_equal(p.line[0], 2);
    assert_int_equal(p.line[1], 4);
    assert_int_equal(p.line[2], 5);
    nap_program_free(&p);
    p = assemble("");
    assert_int_equal(p.count, 0);
}

static void test_refusals(void **state)
{
    (void)state;
    refuse("foo", "t:1:1: found 'foo', expected an instruction");
    refuse("nop\n  Nop\n", "t:2:3: found 'Nop', expected an instruction");
    refuse("nop 1", "t:1:5: found '1', expected the end of the line");
    refuse("nop.w1", "t:1:4: found '.w1', expected a blank");
    refuse("lda", "t:1:4: found the end of the line, expected a register a0 to a61");
    refuse("lda b0, [x1]", "t:1:5: found 'b0', expected a register a0 to a61");
    refuse("lda a62, [x1]", "t:1:5: found 'a62', expected a register a0 to a61");
    refuse("lda a00, [x1]", "t:1:5: found 'a00', expected a register a0 to a61");
    refuse("lda a99999999999999999999, [x1]",
           "t:1:5: found 'a99999999999999999999', expected a register a0 to a61");
    refuse("lda a0 [x1]", "t:1:8: found '[', expected ','");
    refuse("lda a0, x1", "t:1:9: found 'x1', expected '['");
    refuse("lda a0, [x8]", "t:1:10: found 'x8', expected a register x0 to x7");
    refuse("lda a0, [x1", "t:1:12: found the end of the line, expected '+', '-' or ']'");
    refuse("lda a0, [x1 * 8]", "t:1:13: found '*', expected '+', '-' or ']'");
    refuse("lda a0, [x1 + 4]", "t:1:15: found '4', expected a multiple of 8");
    refuse("lda a0, [x1 + 2147483648]",
           "t:1:15: found '2147483648', expected a number from -2147483648 to 2147483647");
    refuse("lda a0, [x1 - 2147483656]",
           "t:1:15: found '2147483656', expected a number from 0 to 2147483648");
    refuse("lda a0, [x1 + 8", "t:1:16: found the end of the line, expected ']'");
    refuse("lda a0, [x1], 3", "t:1:13: found ',', expected the end of the line");
    refuse("ldw w0, [x1]", "t:1:4: found byte 0x20, expected '.' and a weight type");
    refuse("ldw.w9 w0, [x1]", "t:1:5: found 'w9', expected w1 to w8, t or e2m1");
    refuse("ldw.w1x w0, [x1]", "t:1:5: found 'w1x', expected w1 to w8, t or e2m1");
    refuse("sto.t [x1], c0, s0, 0", "t:1:5: found 't', expected w1 to w8");
    refuse("sto.w2 [x1], c0, s0, 512", "t:1:22: found '512', expected a number from -256 to 511");
    refuse("sto.w2 [x1], c0, s0, -257", "t:1:22: found '-', expected a number from -256 to 511");
    refuse("sto.w2 [x1], c0, c0, 0", "t:1:18: found 'c0', expected a register s0 to s61");
    refuse("mov x1, 0x", "t:1:9: found '0x', expected a number from -2147483648 to 2147483647");
    refuse("mov x1, 1f", "t:1:9: found '1f', expected a number from -2147483648 to 2147483647");
    refuse("mov x1, 2147483648",
           "t:1:9: found '2147483648', expected a number from -2147483648 to 2147483647");
    refuse("mov x1, 99999999999999999999999999",
           "t:1:9: found '99999999999999999999999999', expected a number from -2147483648 to "
           "2147483647");
    refuse("mov x1, --1", "t:1:9: found '-', expected a number from -2147483648 to 2147483647");
    refuse("loop 0", "t:1:6: found '0', expected a number from 1 to 4294967295");
    refuse("loop -1", "t:1:6: found '-', expected a number from 1 to 4294967295");
    refuse("loop 4294967296", "t:1:6: found '4294967296', expected a number from 1 to 4294967295");
    refuse("wait", "t:1:5: found the end of the line, expected mem, pre or mma");
    refuse("wait mem+", "t:1:10: found the end of the line, expected mem, pre or mma");
    refuse("wait mem,pre", "t:1:9: found ',', expected the end of the line");
    refuse("wait memory", "t:1:6: found 'memory', expected mem, pre or mma");
    refuse("zero t0", "t:1:6: found 't0', expected a register c0 to c61, or s0 to s61");
    refuse("zero", "t:1:5: found the end of the line, expected a register c0 to c61, or s0 to s61");
    refuse("pre t0, a0 s0", "t:1:12: found 's0', expected ',' or the end of the line");
    refuse("pre t0, a0, t0", "t:1:13: found 't0', expected a register s0 to s61");
    refuse("nop\001", "t:1:4: found byte 0x01, expected the end of the line");
    refuse("\303\244", "t:1:1: found byte 0xc3, expected an instruction");
}

static void test_lmma_refusals(void **state)
{
    (void)state;
    const char *dims = ", and x2, x4 or x8 if it is a multiple";
    static const struct {
        const char *text, *at;
        char letter;
        unsigned max;
    } bad[] = {
        {"lmma.k4 c0, t0, w0, c0", "1:6: found 'k4'", 'm', 64},
        {"lmma.m0n64k4.s8.w2.s32.s32 c0", "1:6: found 'm0n64k4.s8.w2.s32.s32'", 'm', 64},
        {"lmma.m65n64k4 c0", "1:6: found 'm65n64k4'", 'm', 64},
        {"lmma.m2x3n64k4 c0", "1:6: found 'm2x3n64k4'", 'm', 64},
        {"lmma.m2x16n64k4 c0", "1:6: found 'm2x16n64k4'", 'm', 64},
        {"lmma.m2n257k4 c0", "1:8: found 'n257k4'", 'n', 256},
        {"lmma.m2n64k513 c0", "1:11: found 'k513'", 'k', 512},
        {"lmma.m2n64 c0", "1:11: found byte 0x20", 'k', 512},
    };
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        char says[160];
        snprintf(says, sizeof says, "t:%s, expected '%c', 1 to %u%s", bad[k].at, bad[k].letter,
                 bad[k].max, dims);
        refuse(bad[k].text, says);
    }
    refuse("lmma c0, t0, w0, c0",
           "t:1:5: found byte 0x20, expected '.' and a shape such as m2n64k4");
    refuse("lmma.m2n64k4 c0", "t:1:13: found byte 0x20, expected '.' and an activation type");
    refuse(
        "lmma.m2n64k4.s4.w2.s32.s32 c0",
        "t:1:14: found 's4.w2.s32.s32', expected s8, s16, e4m3, e5m2, f16, e4m3q, e5m2q or f16q");
    refuse("lmma.m2n64k4.s8.w0.s32.s32 c0",
           "t:1:17: found 'w0.s32.s32', expected w1 to w8, t or e2m1");
    refuse("lmma.m2n64k4.s8.w2.s31.s32 c0",
           "t:1:20: found 's31.s32', expected s16, s24, s32, f16 or f32");
    refuse("lmma.m2n64k4.s8.w2.s32 c0",
           "t:1:23: found byte 0x20, expected '.' and an accumulator type");
    refuse("lmma.m2n64k4.s8.w2.f32.f32 c0, t0, w0, c0",
           "t:1:20: found 'f32.f32', expected s16, s24 or s32, as table entries are integers");
    refuse("lmma.m2n64k4.f16q.w2.f32.f32 c0, t0, w0, c0",
           "t:1:22: found 'f32.f32', expected s16, s24 or s32, as table entries are integers");
    refuse("lmma.m2n64k4.e4m3.w2.s32.s32 c0, t0, w0, c0",
           "t:1:22: found 's32.s32', expected f16 or f32, as the activations are not integers");
    refuse("lmma.m2n64k4.f16.w2.f32.f16 c0, t0, w0, c0",
           "t:1:25: found 'f16', expected the accumulator's type again");
    refuse("lmma.m2n64k4.s8.w2.s32.s32.s32 c0, t0, w0, c0",
           "t:1:27: found '.s32', expected a blank");
    refuse("lmma.m2n64k4.s8.w2.s32.s32 c0, w0, w0, c0",
           "t:1:32: found 'w0', expected a register t0 to t61, or a0 to a61");
    refuse("lmma.m2n64k4.s8.w2.s32.s32 c0, t0, w0, c1",
           "t:1:40: found 'c1', expected the destination c0 again, or zero");
    refuse("lmma.m2n64k4.s8.w2.s32.s32 c0, t0, w0, zeros",
           "t:1:40: found 'zeros', expected the destination c0 again, or zero");
    refuse("lmma.m2n64k4.s8.w2.s32.s32 c0, t0, w0",
           "t:1:38: found the end of the line, expected ','");
}

static void test_limits(void **state)
{
    (void)state;
    nap_program p;
    nap_error e;
    nap_buf b = {0};
    for (size_t k = 0; k < NAP_L_PROGRAM_MAX; k++) nap_buf_puts(&b, "nop\n");
    assert_int_equal(nap_lmma_assemble(b.data, b.len, "t", &p, &e), NAP_OK);
    assert_int_equal(p.count, NAP_L_PROGRAM_MAX);
    nap_program_free(&p);
    nap_buf_puts(&b, "halt\n");
    assert_int_equal(nap_lmma_assemble(b.data, b.len, "t", &p, &e), NAP_ERR_LIMIT);
    assert_string_equal(e.text, "t:1048577:1: found more instructions, expected at most 1048576");
    nap_buf_free(&b);
    assert_int_equal(nap_lmma_assemble("", ((size_t)64 << 20) + 1, "t", &p, &e), NAP_ERR_LIMIT);
    assert_string_equal(e.text, "t: found 67108865 bytes, expected at most 67108864");
}

static uint64_t random_word(nap_rng *r)
{
    for (;;) {
        const unsigned op = nap_rng_below(r, NAP_L_COUNT);
        uint64_t w = op;
        for (const nap_lfield *f = nap_lops[op].field; f->high != 0; f++) {
            const uint64_t top = UINT64_MAX >> (63 - (f->high - f->low));
            const uint64_t any = nap_rng_next(r);
            /* the ends of a range and anything between */
            w |= ((any & 3) == 0 ? (any >> 2 & 1) * top : any >> 3 & top) << f->low;
        }
        nap_linst i;
        if (nap_linst_decode(w, 0, &i, NULL) == NAP_OK) return w;
    }
}

static void test_round_trip(void **state)
{
    (void)state;
    nap_rng r;
    nap_rng_seed(&r, 5);
    for (unsigned round = 0; round < 100; round++) {
        nap_program p = {0}, q;
        for (unsigned k = 0; k < 2000; k++) assert_true(nap_program_add(&p, random_word(&r), k));
        nap_buf text = {0};
        nap_error e;
        assert_int_equal(nap_lmma_disassemble(&p, &text, &e), NAP_OK);
        if (nap_lmma_assemble(text.data, text.len, "t", &q, &e) != NAP_OK) fail_msg("%s", e.text);
        assert_int_equal(q.count, p.count);
        assert_memory_equal(p.word, q.word, p.count * sizeof p.word[0]);
        nap_program_free(&p);
        nap_program_free(&q);
        nap_buf_free(&text);
    }
}

static void test_longest_text(void **state)
{
    (void)state;
    const nap_linst i = {.op = NAP_L_LMMA,
                         .rd = 61,
                         .rs = NAP_L_REG_NONE,
                         .rt = 61,
                         .rw = 61,
                         .mi = 3,
                         .nj = 3,
                         .kl = 3,
                         .m = 64,
                         .n = 256,
                         .kd = 512,
                         .wt = NAP_L_WT_E2M1,
                         .ad = NAP_LAD_E4M3Q,
                         .acc = NAP_ACC_S32,
                         .out = NAP_ACC_S32};
    char text[NAP_L_TEXT_MAX];
    assert_int_not_equal(nap_linst_encode(&i), NAP_L_ILLEGAL);
    nap_linst_text(&i, text);
    assert_string_equal(text, "lmma.m64x8n256x8k512x8.e4m3q.e2m1.s32.s32 c61, t61, w61, zero");
}

static void test_indentation(void **state)
{
    (void)state;
    nap_program p = assemble("end\nloop 2\nnop\nloop 3\nnop\nend\nend\nhalt\n");
    nap_buf text = {0};
    assert_int_equal(nap_lmma_disassemble(&p, &text, NULL), NAP_OK);
    assert_string_equal(text.data, "end\nloop 2\n    nop\n    loop 3\n        nop\n    end\nend\n"
                                   "halt\n");
    nap_buf_free(&text);
    nap_error e;
    p.word[3] = 31;
    assert_int_equal(nap_lmma_disassemble(&p, &text, &e), NAP_ERR_FORMAT);
    assert_string_equal(e.text, "instruction 3: opcode (bits 4:0): found 31, expected 0 to 19");
    nap_buf_free(&text);
    nap_program_free(&p);
}

static void test_memory_runs_out(void **state)
{
    (void)state;
    const char *text = "nop\nnop\nnop\nnop\nnop\nhalt\n";
    for (long n = 0;; n++) {
        nap_alloc_fail_at(n, true);
        nap_program p;
        nap_error e;
        const nap_status s = nap_lmma_assemble(text, strlen(text), "t", &p, &e);
        nap_alloc_fail_at(-1, false);
        if (s == NAP_OK) {
            nap_program_free(&p);
            assert_true(n > 2);
            break;
        }
        assert_int_equal(s, NAP_ERR_MEMORY);
    }
}

/* ---- program files */

static char path[64];

static void write_bytes(const void *bytes, size_t len)
{
    assert_int_equal(nap_write_whole(path, bytes, len, NULL), NAP_OK);
}

static void refuse_file(nap_status code, uint64_t offset, const char *says)
{
    nap_program p;
    nap_error e;
    assert_int_equal(nap_program_read(path, &p, &e), code);
    assert_int_equal(e.offset, offset);
    char want[256];
    snprintf(want, sizeof want, "%s: %s", path, says);
    assert_string_equal(e.text, want);
    assert_null(p.word);
}

static void test_files(void **state)
{
    (void)state;
    nap_program p = assemble("mov x1, 64\nlda a1, [x1 + 8]\nhalt\n"), q;
    nap_error e;
    assert_int_equal(nap_program_write(path, &p, &e), NAP_OK);
    char *bytes;
    size_t len;
    assert_int_equal(nap_read_whole(path, 1000, &bytes, &len, &e), NAP_OK);
    static const unsigned char want[] = {'L', 'M', 'M',  'A', 1, 0, 0,  0, 3, 0, 0,    0, 0, 0,
                                         0,   0,   0x22, 0,   0, 0, 64, 0, 0, 0, 0x26, 0, 2, 0,
                                         8,   0,   0,    0,   1, 0, 0,  0, 0, 0, 0,    0};
    assert_int_equal(len, sizeof want);
    assert_memory_equal(bytes, want, len);
    assert_int_equal(nap_program_read(path, &q, &e), NAP_OK);
    assert_int_equal(q.count, 3);
    assert_memory_equal(p.word, q.word, 24);
    assert_null(q.line);
    assert_true(nap_program_add(&q, 1, 9)); /* a program that was read can grow */
    assert_true(nap_program_add(&q, 1, 9));
    assert_null(q.line);
    nap_program_free(&p);
    nap_program_free(&q);

    write_bytes(bytes, 15);
    refuse_file(NAP_ERR_FORMAT, 0, "header: found 15 bytes, expected at least 16");
    write_bytes(bytes, 39);
    refuse_file(NAP_ERR_FORMAT, 39, "length: found 39 bytes, expected 40 for 3 instructions");
    bytes = nap_realloc(bytes, len + 1, 1);
    bytes[len] = 0;
    write_bytes(bytes, 41);
    refuse_file(NAP_ERR_FORMAT, 40, "length: found 41 bytes, expected 40 for 3 instructions");
    bytes[24] = 31;
    write_bytes(bytes, len);
    refuse_file(NAP_ERR_FORMAT, 24,
                "byte 24: instruction 1: opcode (bits 4:0): found 31, expected 0 to 19");
    bytes[0] = 'l';
    write_bytes(bytes, len);
    refuse_file(NAP_ERR_FORMAT, 0, "byte 0: magic: found 0x414d4d6c, expected \"LMMA\"");
    bytes[0] = 'L';
    bytes[4] = 2;
    write_bytes(bytes, len);
    refuse_file(NAP_ERR_UNSUPPORTED, 4, "byte 4: version: found 2, expected 1");
    bytes[4] = 1;
    memset(bytes + 8, 0xff, 8);
    write_bytes(bytes, len);
    refuse_file(NAP_ERR_LIMIT, 8,
                "byte 8: instructions: found 18446744073709551615, expected at most 1048576");
    nap_free(bytes);
    unlink(path);
    assert_int_equal(nap_program_read(path, &q, &e), NAP_ERR_NOT_FOUND);
    p = (nap_program){NULL, NULL, NAP_L_PROGRAM_MAX + 1};
    assert_int_equal(nap_program_write(path, &p, &e), NAP_ERR_LIMIT);
}

int main(void)
{
    snprintf(path, sizeof path, "test_isa_asm.%ld.bin", (long)getpid());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spellings),     cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_lmma_refusals), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_round_trip),    cmocka_unit_test(test_longest_text),
        cmocka_unit_test(test_indentation),   cmocka_unit_test(test_memory_runs_out),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
