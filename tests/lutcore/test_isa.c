/* LMMA words: encode and decode agree on every word; reserved bits, bad fields and records without
 * an encoding are refused by name; program files. */
#include "cmocka_all.h"

#include "base/process.h"
#include "base/rng.h"
#include "lutcore/isa_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t mask_of(const nap_lfield *f)
{
    return (UINT64_MAX >> (63 - f->high)) & (UINT64_MAX << f->low);
}

/* A legal word of every opcode: all fields small and right. */
static uint64_t plain_word(unsigned op)
{
    uint64_t w = op;
    for (const nap_lfield *f = nap_lops[op].field; f->high != 0; f++)
        if (f->id == NAP_LF_COUNT || f->id == NAP_LF_UNITS || f->id == NAP_LF_WT ||
            f->id == NAP_LF_P)
            w |= (uint64_t)1 << f->low;
    return w;
}

/* What the manual says a field may hold, written down a second time. */
static bool legal(const nap_lfield *f, uint64_t v, uint64_t word)
{
    const uint64_t ad = word >> 35 & 7;
    switch (f->id) {
    case NAP_LF_RD:
    case NAP_LF_RS:
    case NAP_LF_RT:
    case NAP_LF_RW:
        return v <= 61;
    case NAP_LF_RT_NONE:
        return v != 62;
    case NAP_LF_COUNT:
    case NAP_LF_UNITS:
        return v != 0;
    case NAP_LF_WT:
        return v >= 1 && v <= 10;
    case NAP_LF_P:
        return v >= 1 && v <= 8;
    case NAP_LF_Z:
        return v <= 511 || v >= 1024 - 256;
    case NAP_LF_ACC:
        return v <= (ad >= 2 && ad <= 4 ? 1 : 2);
    default:
        return true;
    }
}

static void check_word(uint64_t w, bool expect_legal)
{
    nap_linst i;
    nap_error e = {0};
    const nap_status s = nap_linst_decode(w, 7, &i, &e);
    if (expect_legal) {
        if (s != NAP_OK) fail_msg("0x%016llx: %s", (unsigned long long)w, e.text);
        if (nap_linst_encode(&i) != w)
            fail_msg("0x%016llx came back as 0x%016llx", (unsigned long long)w,
                     (unsigned long long)nap_linst_encode(&i));
    } else {
        if (s != NAP_ERR_FORMAT || e.code != NAP_ERR_FORMAT)
            fail_msg("0x%016llx was not refused", (unsigned long long)w);
        if (strncmp(e.text, "instruction 7", 13) != 0) fail_msg("%s", e.text);
    }
}

/* Fields do not overlap; with the opcode and the reserved bits they make 64. */
static void test_fields_are_disjoint(void **state)
{
    (void)state;
    for (unsigned op = 0; op < NAP_L_COUNT; op++) {
        uint64_t seen = 31;
        unsigned fields = 0;
        for (const nap_lfield *f = nap_lops[op].field; f->high != 0; f++, fields++) {
            assert_true(f->high >= f->low);
            assert_int_equal(seen & mask_of(f), 0);
            seen |= mask_of(f);
        }
        assert_true(fields < NAP_LF_MAX);
    }
}

/* Every field of every opcode, all values (of 29 and 32 bits: the ends and a walk). */
static void test_every_field(void **state)
{
    (void)state;
    for (unsigned op = 0; op < NAP_L_COUNT; op++) {
        const uint64_t plain = plain_word(op);
        check_word(plain, true);
        for (const nap_lfield *f = nap_lops[op].field; f->high != 0; f++) {
            const uint64_t top = mask_of(f) >> f->low;
            const uint64_t step = top > 1023 ? 9973 : 1;
            for (uint64_t v = 0; v <= top; v += step) {
                const uint64_t w = (plain & ~mask_of(f)) | v << f->low;
                if (f->id != NAP_LF_AD) check_word(w, legal(f, v, w));
                if (step > 1 && v > (uint64_t)1 << 22 && top - v > (uint64_t)1 << 22)
                    v += (uint64_t)1 << 16;
            }
            const uint64_t w = plain | mask_of(f);
            check_word(w, legal(f, top, w));
        }
    }
    /* accumulators depend on the activations' type: all pairs */
    for (uint64_t ad = 0; ad < 8; ad++)
        for (uint64_t acc = 0; acc < 4; acc++)
            check_word(plain_word(NAP_L_LMMA) | ad << 35 | acc << 38,
                       acc <= (ad >= 2 && ad <= 4 ? 1 : 2));
}

static void test_reserved_bits(void **state)
{
    (void)state;
    for (unsigned op = 0; op < NAP_L_COUNT; op++) {
        uint64_t named = 31;
        for (const nap_lfield *f = nap_lops[op].field; f->high != 0; f++) named |= mask_of(f);
        for (unsigned bit = 5; bit < 64; bit++) {
            if ((named >> bit & 1) != 0) continue;
            nap_linst i;
            nap_error e;
            char says[96];
            snprintf(says, sizeof says,
                     "instruction 3 (%s): reserved bits: found 0x%llx, expected zeros",
                     nap_lops[op].name, 1ull << bit);
            assert_int_equal(nap_linst_decode(plain_word(op) | 1ull << bit, 3, &i, &e),
                             NAP_ERR_FORMAT);
            assert_string_equal(e.text, says);
        }
    }
    for (unsigned op = NAP_L_COUNT; op < 32; op++) check_word(op, false);
    check_word(NAP_L_ILLEGAL, false);
}

/* Millions of random words: what decodes encodes to itself; most bits are tried with legal fields
 * around them, since few random words are legal. */
static void test_random_words(void **state)
{
    (void)state;
    nap_rng r;
    nap_rng_seed(&r, 4);
    unsigned legal_words = 0;
    for (unsigned k = 0; k < 4000000; k++) {
        uint64_t w = nap_rng_next(&r);
        const unsigned op = (unsigned)(w & 31);
        if (op < NAP_L_COUNT && k % 4 != 0) {
            uint64_t named = 31;
            for (const nap_lfield *f = nap_lops[op].field; f->high != 0; f++) named |= mask_of(f);
            w &= named;
        }
        nap_linst i;
        if (nap_linst_decode(w, k, &i, NULL) != NAP_OK) continue;
        legal_words++;
        if (nap_linst_encode(&i) != w) fail_msg("0x%016llx", (unsigned long long)w);
    }
    assert_true(legal_words > 1000000);
}

/* Records that no word stands for. */
static void test_encode_refuses(void **state)
{
    (void)state;
    static const nap_linst bad[] = {
        {.op = NAP_L_COUNT},
        {.op = NAP_L_NOP, .rd = 1},
        {.op = NAP_L_HALT, .imm = 1},
        {.op = NAP_L_MOV, .xd = 8},
        {.op = NAP_L_MOV, .xd = 1, .xb = 1},
        {.op = NAP_L_LOOP, .imm = 0},
        {.op = NAP_L_LDA, .rd = 62},
        {.op = NAP_L_LDA, .rd = 64},
        {.op = NAP_L_LDA, .rd = 0, .imm = 4},
        {.op = NAP_L_LDA, .rd = 0, .wt = 1},
        {.op = NAP_L_LDW, .rd = 0, .wt = 0},
        {.op = NAP_L_LDW, .rd = 0, .wt = 11},
        {.op = NAP_L_STO, .wt = 9},
        {.op = NAP_L_STO, .wt = 2, .zp = 512},
        {.op = NAP_L_STO, .wt = 2, .zp = -257},
        {.op = NAP_L_PRE, .rt = 62},
        {.op = NAP_L_WAIT, .mask = 0},
        {.op = NAP_L_WAIT, .mask = 8},
        {.op = NAP_L_LMMA, .m = 2, .n = 64, .kd = 4, .wt = 1, .rs = 1},
        {.op = NAP_L_LMMA, .m = 0, .n = 64, .kd = 4, .wt = 1},
        {.op = NAP_L_LMMA, .m = 65, .n = 64, .kd = 4, .wt = 1},
        {.op = NAP_L_LMMA, .m = 2, .n = 257, .kd = 4, .wt = 1},
        {.op = NAP_L_LMMA, .m = 2, .n = 64, .kd = 513, .wt = 1},
        {.op = NAP_L_LMMA, .m = 2, .n = 64, .kd = 4, .wt = 1, .mi = 4},
        {.op = NAP_L_LMMA,
         .m = 2,
         .n = 64,
         .kd = 4,
         .wt = 1,
         .acc = NAP_ACC_F16,
         .out = NAP_ACC_F16},
        {.op = NAP_L_LMMA, .m = 2, .n = 64, .kd = 4, .wt = 1, .acc = NAP_ACC_S32},
        {.op = NAP_L_LMMA, .m = 2, .n = 64, .kd = 4, .wt = 1, .ad = NAP_LAD_F16},
    };
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++)
        if (nap_linst_encode(&bad[k]) != NAP_L_ILLEGAL) fail_msg("record %zu has a word", k);
    const nap_linst good = {.op = NAP_L_LMMA, .m = 2, .n = 64, .kd = 4, .wt = 1};
    assert_int_equal(nap_linst_encode(&good),
                     NAP_L_LMMA | 1ull << 31 | 1ull << 40 | 63ull << 46 | 3ull << 54);
}

/* Text and word of every instruction, worked out from the manual's table by hand. */
static void test_known_words(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t word;
    } known[] = {
        {"nop", 0x0000000000000000},
        {"halt", 0x0000000000000001},
        {"mov x1, -64", 0xffffffc000000022},
        {"add x2, x1, 0x1000", 0x0000100000020043},
        {"loop 16", 0x0000001000000004},
        {"loop 4294967295", 0xffffffff00000004},
        {"end", 0x0000000000000005},
        {"lda a1, [x1]", 0x0000000000020026},
        {"ldt t61, [x7 - 8]", 0xfffffff8000e07a7},
        {"ldw.w2 w1, [x2 + 64]", 0x0000004000240028},
        {"ldw.t w1, [x2 + 64]", 0x0000004000940028},
        {"ldw.e2m1 w1, [x2 + 64]", 0x0000004000a40028},
        {"ldc c2, [x0 + 2147483640]", 0x7ffffff800000049},
        {"lds s2, [x0 - 2147483648]", 0x800000000000004a},
        {"stt [x3 + 8], t4", 0x000000080006008b},
        {"stc [x3 + 8], c5", 0x00000008000600ac},
        {"sts [x3 + 8], s6", 0x00000008000600cd},
        {"sto.w2 [x3 + 512], c1, s2, -1", 0x00000203ff26102e},
        {"zero c3", 0x000000000000006f},
        {"zero s1", 0x0000000000000030},
        {"pre t1, a2, s3", 0x0000000000061031},
        {"pre t1, a2", 0x00000000007e1031},
        {"lmma.m2n64k4.s8.w2.s32.s32 c1, t2, w3, c1", 0x00cfc18100061032},
        {"lmma.m2x2n64x4k4x8.f16.w1.f32.f32 c1, a2, w3, zero", 0x00cfc160f3861032},
        {"lmma.m64n256k512.f16q.e2m1.s16.s16 c61, t61, w61, zero", 0x7fffff3d00fbefb2},
        {"wait mem", 0x0000000000000033},
        {"wait pre+mma", 0x00000000000000d3},
    };
    for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
        nap_program p;
        nap_error e;
        if (nap_lmma_assemble(known[k].text, strlen(known[k].text), "t", &p, &e) != NAP_OK)
            fail_msg("%s: %s", known[k].text, e.text);
        assert_int_equal(p.count, 1);
        if (p.word[0] != known[k].word)
            fail_msg("%s: found 0x%016llx, expected 0x%016llx", known[k].text,
                     (unsigned long long)p.word[0], (unsigned long long)known[k].word);
        nap_linst i;
        char text[NAP_L_TEXT_MAX];
        assert_int_equal(nap_linst_decode(p.word[0], 0, &i, &e), NAP_OK);
        nap_linst_text(&i, text);
        if (strstr(known[k].text, "0x") == NULL) assert_string_equal(text, known[k].text);
        nap_program_free(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_are_disjoint), cmocka_unit_test(test_every_field),
        cmocka_unit_test(test_reserved_bits),       cmocka_unit_test(test_random_words),
        cmocka_unit_test(test_encode_refuses),      cmocka_unit_test(test_known_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
