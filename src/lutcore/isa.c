/* LMMA words: tables of the encoding, encode and decode. See isa.h and docs/lmma.md, "Encoding".
 *
 * Invariant: decode accepts exactly the words that encode can give. Both go through pack() and
 * unpack(), one pair of lines a field, and encode refuses whatever does not come back the same. */
#include "lutcore/isa_table.h"

#include "base/alloc.h"
#include "base/error.h"

#include <stdio.h>
#include <string.h>

#define MEM_FIELDS                                                                                 \
    {NAP_LF_XB, 19, 17},                                                                           \
    {                                                                                              \
        NAP_LF_IMM8, 63, 35                                                                        \
    }
#define LOAD(text, rf)                                                                             \
    {                                                                                              \
        text, NAP_UNIT_MEM, rf, NAP_LS_NONE, {NAP_LO_RD, NAP_LO_MEM},                              \
        {                                                                                          \
            {NAP_LF_RD, 10, 5}, MEM_FIELDS                                                         \
        }                                                                                          \
    }
#define STORE(text, rf)                                                                            \
    {                                                                                              \
        text, NAP_UNIT_MEM, rf, NAP_LS_NONE, {NAP_LO_MEM, NAP_LO_RS},                              \
        {                                                                                          \
            {NAP_LF_RS, 10, 5}, MEM_FIELDS                                                         \
        }                                                                                          \
    }
#define ZERO(rf)                                                                                   \
    {                                                                                              \
        "zero", NAP_UNIT_MMA, rf, NAP_LS_NONE, {NAP_LO_RD},                                        \
        {                                                                                          \
            {                                                                                      \
                NAP_LF_RD, 10, 5                                                                   \
            }                                                                                      \
        }                                                                                          \
    }
#define PLAIN(text)                                                                                \
    {                                                                                              \
        text, 0, 0, NAP_LS_NONE, {NAP_LO_NONE},                                                    \
        {                                                                                          \
            {                                                                                      \
                0, 0, 0                                                                            \
            }                                                                                      \
        }                                                                                          \
    }

const nap_lopinfo nap_lops[NAP_L_COUNT] = {
    [NAP_L_NOP] = PLAIN("nop"),
    [NAP_L_HALT] = PLAIN("halt"),
    [NAP_L_MOV] = {"mov",
                   0,
                   0,
                   NAP_LS_NONE,
                   {NAP_LO_XD, NAP_LO_IMM},
                   {{NAP_LF_XD, 7, 5}, {NAP_LF_IMM, 63, 32}}},
    [NAP_L_ADD] = {"add",
                   0,
                   0,
                   NAP_LS_NONE,
                   {NAP_LO_XD, NAP_LO_XB, NAP_LO_IMM},
                   {{NAP_LF_XD, 7, 5}, {NAP_LF_XB, 19, 17}, {NAP_LF_IMM, 63, 32}}},
    [NAP_L_LOOP] = {"loop", 0, 0, NAP_LS_NONE, {NAP_LO_COUNT}, {{NAP_LF_COUNT, 63, 32}}},
    [NAP_L_END] = PLAIN("end"),
    [NAP_L_LDA] = LOAD("lda", NAP_LFILE_A),
    [NAP_L_LDT] = LOAD("ldt", NAP_LFILE_T),
    [NAP_L_LDW] = {"ldw",
                   NAP_UNIT_MEM,
                   NAP_LFILE_W,
                   NAP_LS_WT,
                   {NAP_LO_RD, NAP_LO_MEM},
                   {{NAP_LF_RD, 10, 5}, {NAP_LF_WT, 23, 20}, MEM_FIELDS}},
    [NAP_L_LDC] = LOAD("ldc", NAP_LFILE_C),
    [NAP_L_LDS] = LOAD("lds", NAP_LFILE_S),
    [NAP_L_STT] = STORE("stt", NAP_LFILE_T),
    [NAP_L_STC] = STORE("stc", NAP_LFILE_C),
    [NAP_L_STS] = STORE("sts", NAP_LFILE_S),
    [NAP_L_STO] = {"sto",
                   NAP_UNIT_MEM,
                   NAP_LFILE_C,
                   NAP_LS_P,
                   {NAP_LO_MEM, NAP_LO_RS, NAP_LO_RT_S, NAP_LO_Z},
                   {{NAP_LF_RS, 10, 5},
                    {NAP_LF_RT, 16, 11},
                    {NAP_LF_P, 23, 20},
                    {NAP_LF_Z, 33, 24},
                    MEM_FIELDS}},
    [NAP_L_ZEROC] = ZERO(NAP_LFILE_C),
    [NAP_L_ZEROS] = ZERO(NAP_LFILE_S),
    [NAP_L_PRE] = {"pre",
                   NAP_UNIT_PRE,
                   NAP_LFILE_T,
                   NAP_LS_NONE,
                   {NAP_LO_RD, NAP_LO_RS_A, NAP_LO_OPT_S},
                   {{NAP_LF_RD, 10, 5}, {NAP_LF_RS, 16, 11}, {NAP_LF_RT_NONE, 22, 17}}},
    [NAP_L_LMMA] = {"lmma",
                    NAP_UNIT_MMA,
                    NAP_LFILE_C,
                    NAP_LS_LMMA,
                    {NAP_LO_RD, NAP_LO_LMMA_T, NAP_LO_LMMA_W, NAP_LO_LMMA_S},
                    {{NAP_LF_RD, 10, 5},
                     {NAP_LF_RT, 16, 11},
                     {NAP_LF_RW, 22, 17},
                     {NAP_LF_ZERO, 23, 23},
                     {NAP_LF_A_OPERAND, 24, 24},
                     {NAP_LF_I, 26, 25},
                     {NAP_LF_J, 28, 27},
                     {NAP_LF_L, 30, 29},
                     {NAP_LF_WT, 34, 31},
                     {NAP_LF_AD, 37, 35},
                     {NAP_LF_ACC, 39, 38},
                     {NAP_LF_M, 45, 40},
                     {NAP_LF_N, 53, 46},
                     {NAP_LF_KD, 62, 54}}},
    [NAP_L_WAIT] = {"wait", 0, 0, NAP_LS_NONE, {NAP_LO_UNITS}, {{NAP_LF_UNITS, 7, 5}}},
};

const char *const nap_ladt_names[8] = {"s8",  "s16",   "e4m3",  "e5m2",
                                       "f16", "e4m3q", "e5m2q", "f16q"};
const char *const nap_lunit_names[3] = {"mem", "pre", "mma"};

/* Name and what is expected, as messages say them. */
static const struct {
    const char *name, *expected;
} field_text[NAP_LF_IDS] = {
    [NAP_LF_RD] = {"D", "a register 0 to 61"},
    [NAP_LF_RS] = {"S", "a register 0 to 61"},
    [NAP_LF_RT] = {"T", "a register 0 to 61"},
    [NAP_LF_RT_NONE] = {"sums", "a register 0 to 61, or 63 for none"},
    [NAP_LF_RW] = {"W", "a register 0 to 61"},
    [NAP_LF_ZERO] = {"zero", "0 or 1"},
    [NAP_LF_XD] = {"xD", "0 to 7"},
    [NAP_LF_XB] = {"xB", "0 to 7"},
    [NAP_LF_IMM] = {"imm", "32 bits"},
    [NAP_LF_IMM8] = {"imm / 8", "29 bits"},
    [NAP_LF_COUNT] = {"count", "at least 1"},
    [NAP_LF_Z] = {"Z", "-256 to 511"},
    [NAP_LF_UNITS] = {"units", "at least one of mem (1), pre (2), mma (4)"},
    [NAP_LF_WT] = {"WT", "1 to 10"},
    [NAP_LF_P] = {"P", "1 to 8"},
    [NAP_LF_I] = {"log2 i", "0 to 3"},
    [NAP_LF_J] = {"log2 j", "0 to 3"},
    [NAP_LF_L] = {"log2 l", "0 to 3"},
    [NAP_LF_M] = {"m - 1", "0 to 63"},
    [NAP_LF_N] = {"n - 1", "0 to 255"},
    [NAP_LF_KD] = {"kd - 1", "0 to 511"},
    [NAP_LF_A_OPERAND] = {"a operand", "0 or 1"},
    [NAP_LF_AD] = {"AD", "0 to 7"},
    [NAP_LF_ACC] = {"ACC", "0 to 2 with integers, 0 or 1 with floating point"},
};

const char *nap_lfield_name(nap_lop op, nap_lfield_id id)
{
    return op == NAP_L_STO && id == NAP_LF_RT ? "R" : field_text[id].name;
}

char nap_lfile_letter(nap_lfile f)
{
    return "atwcs"[f];
}

bool nap_ladt_float_acc(nap_ladt v)
{
    return v == NAP_LAD_E4M3 || v == NAP_LAD_E5M2 || v == NAP_LAD_F16;
}

void nap_lwt_text(unsigned wt, char out[8])
{
    if (wt == NAP_L_WT_TERNARY)
        strcpy(out, "t");
    else if (wt == NAP_L_WT_E2M1)
        strcpy(out, "e2m1");
    else
        snprintf(out, 8, "w%u", wt & 15);
}

nap_ladt nap_core_ladt(const nap_core *c)
{
    const bool q = c->table == NAP_TABLE_S8;
    switch (c->act) {
    case NAP_ACT_S16:
        return NAP_LAD_S16;
    case NAP_ACT_E4M3:
        return q ? NAP_LAD_E4M3Q : NAP_LAD_E4M3;
    case NAP_ACT_E5M2:
        return q ? NAP_LAD_E5M2Q : NAP_LAD_E5M2;
    case NAP_ACT_F16:
        return q ? NAP_LAD_F16Q : NAP_LAD_F16;
    default:
        return NAP_LAD_S8;
    }
}

/* The field's value in the word; may be wider than the field or meaningless if the record is. */
static uint64_t pack(const nap_linst *i, nap_lfield_id id)
{
    switch (id) {
    case NAP_LF_RD:
        return i->rd;
    case NAP_LF_RS:
        return i->rs;
    case NAP_LF_RT:
    case NAP_LF_RT_NONE:
        return i->rt;
    case NAP_LF_RW:
        return i->rw;
    case NAP_LF_ZERO:
        return i->rs == NAP_L_REG_NONE;
    case NAP_LF_XD:
        return i->xd;
    case NAP_LF_XB:
        return i->xb;
    case NAP_LF_IMM:
    case NAP_LF_COUNT:
        return (uint32_t)i->imm;
    case NAP_LF_IMM8:
        return (uint32_t)i->imm >> 3;
    case NAP_LF_Z:
        return (uint64_t)(int64_t)i->zp & 1023;
    case NAP_LF_UNITS:
        return i->mask;
    case NAP_LF_WT:
    case NAP_LF_P:
        return i->wt;
    case NAP_LF_I:
        return i->mi;
    case NAP_LF_J:
        return i->nj;
    case NAP_LF_L:
        return i->kl;
    case NAP_LF_M:
        return (uint64_t)i->m - 1;
    case NAP_LF_N:
        return (uint64_t)i->n - 1;
    case NAP_LF_KD:
        return (uint64_t)i->kd - 1;
    case NAP_LF_A_OPERAND:
        return i->a_operand;
    case NAP_LF_AD:
        return (uint64_t)i->ad;
    case NAP_LF_ACC:
        return (uint64_t)i->acc - (nap_ladt_float_acc(i->ad) ? NAP_ACC_F16 : NAP_ACC_S16);
    default:
        return 0;
    }
}

/* False if the value is none that the field may hold. ACC needs AD, ZERO needs D: both come
 * earlier in the table. */
static bool unpack(nap_linst *i, nap_lfield_id id, uint32_t v)
{
    switch (id) {
    case NAP_LF_RD:
        i->rd = (uint8_t)v;
        return v < NAP_L_REGS_MAX;
    case NAP_LF_RS:
        i->rs = (uint8_t)v;
        return v < NAP_L_REGS_MAX;
    case NAP_LF_RT:
        i->rt = (uint8_t)v;
        return v < NAP_L_REGS_MAX;
    case NAP_LF_RT_NONE:
        i->rt = (uint8_t)v;
        return v < NAP_L_REGS_MAX || v == NAP_L_REG_NONE;
    case NAP_LF_RW:
        i->rw = (uint8_t)v;
        return v < NAP_L_REGS_MAX;
    case NAP_LF_ZERO:
        i->rs = v != 0 ? (uint8_t)NAP_L_REG_NONE : i->rd;
        return true;
    case NAP_LF_XD:
        i->xd = (uint8_t)v;
        return true;
    case NAP_LF_XB:
        i->xb = (uint8_t)v;
        return true;
    case NAP_LF_IMM:
        i->imm = (int32_t)v;
        return true;
    case NAP_LF_COUNT:
        i->imm = (int32_t)v;
        return v != 0;
    case NAP_LF_IMM8:
        i->imm = (int32_t)(v << 3);
        return true;
    case NAP_LF_Z:
        i->zp = (int16_t)(v < 512 ? (int)v : (int)v - 1024);
        return i->zp >= NAP_L_Z_MIN;
    case NAP_LF_UNITS:
        i->mask = (uint8_t)v;
        return v != 0;
    case NAP_LF_WT:
        i->wt = (uint8_t)v;
        return v >= 1 && v <= NAP_L_WT_E2M1;
    case NAP_LF_P:
        i->wt = (uint8_t)v;
        return v >= 1 && v <= 8;
    case NAP_LF_I:
        i->mi = (uint8_t)v;
        return true;
    case NAP_LF_J:
        i->nj = (uint8_t)v;
        return true;
    case NAP_LF_L:
        i->kl = (uint8_t)v;
        return true;
    case NAP_LF_M:
        i->m = (uint8_t)(v + 1);
        return true;
    case NAP_LF_N:
        i->n = (uint16_t)(v + 1);
        return true;
    case NAP_LF_KD:
        i->kd = (uint16_t)(v + 1);
        return true;
    case NAP_LF_A_OPERAND:
        i->a_operand = v != 0;
        return true;
    case NAP_LF_AD:
        i->ad = (nap_ladt)v;
        return true;
    case NAP_LF_ACC: {
        const bool fp = nap_ladt_float_acc(i->ad);
        i->acc = i->out = (nap_acc)(v + (fp ? NAP_ACC_F16 : NAP_ACC_S16));
        return v <= (fp ? 1u : 2u);
    }
    default:
        return false;
    }
}

static uint64_t field_mask(const nap_lfield *f)
{
    return (UINT64_MAX >> (63 - f->high)) & (UINT64_MAX << f->low);
}

/* The first field that refuses, or NULL. `*reserved`: bits that should be zero and are not. */
static const nap_lfield *take_apart(uint64_t word, nap_linst *out, uint64_t *reserved)
{
    *out = (nap_linst){.op = (nap_lop)(word & 31)};
    uint64_t named = 31;
    const nap_lfield *bad = NULL;
    for (const nap_lfield *f = nap_lops[out->op].field; f->high != 0; f++) {
        const uint64_t mask = field_mask(f);
        named |= mask;
        if (!unpack(out, (nap_lfield_id)f->id, (uint32_t)((word & mask) >> f->low)) && bad == NULL)
            bad = f;
    }
    *reserved = word & ~named;
    return bad;
}

static bool same(const nap_linst *a, const nap_linst *b)
{
    return a->op == b->op && a->rd == b->rd && a->rs == b->rs && a->rt == b->rt && a->rw == b->rw &&
           a->xd == b->xd && a->xb == b->xb && a->imm == b->imm && a->zp == b->zp &&
           a->mask == b->mask && a->wt == b->wt && a->mi == b->mi && a->nj == b->nj &&
           a->kl == b->kl && a->m == b->m && a->n == b->n && a->kd == b->kd &&
           a->a_operand == b->a_operand && a->ad == b->ad && a->acc == b->acc && a->out == b->out;
}

uint64_t nap_linst_encode(const nap_linst *i)
{
    if ((unsigned)i->op >= NAP_L_COUNT) return NAP_L_ILLEGAL;
    uint64_t word = (uint64_t)i->op, reserved = 0;
    for (const nap_lfield *f = nap_lops[i->op].field; f->high != 0; f++)
        word |= (pack(i, (nap_lfield_id)f->id) << f->low) & field_mask(f);
    nap_linst back;
    if (take_apart(word, &back, &reserved) != NULL || !same(i, &back)) return NAP_L_ILLEGAL;
    return word;
}

nap_status nap_linst_decode(uint64_t word, size_t index, nap_linst *out, nap_error *e)
{
    const unsigned op = (unsigned)(word & 31);
    if (op >= NAP_L_COUNT)
        return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                        "instruction %zu: opcode (bits 4:0): found %u, expected 0 to %u", index, op,
                        NAP_L_COUNT - 1);
    uint64_t reserved;
    const nap_lfield *bad = take_apart(word, out, &reserved);
    if (bad != NULL)
        return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                        "instruction %zu (%s): %s (bits %u:%u): found %llu, expected %s", index,
                        nap_lops[op].name, nap_lfield_name(out->op, (nap_lfield_id)bad->id),
                        bad->high, bad->low,
                        (unsigned long long)((word & field_mask(bad)) >> bad->low),
                        field_text[bad->id].expected);
    if (reserved != 0)
        return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                        "instruction %zu (%s): reserved bits: found 0x%llx, expected zeros", index,
                        nap_lops[op].name, (unsigned long long)reserved);
    return NAP_OK;
}

void nap_program_free(nap_program *p)
{
    nap_free(p->word);
    nap_free(p->line);
    *p = (nap_program){0};
}

/* Room grows by doubling: a count that is a power of two (or zero) is a full block. */
bool nap_program_add(nap_program *p, uint64_t word, unsigned line)
{
    if ((p->count & (p->count - 1)) == 0) {
        const size_t room = p->count == 0 ? 1 : p->count * 2;
        uint64_t *words = nap_realloc(p->word, room, sizeof *words);
        if (words == NULL) return false;
        p->word = words;
        if (p->count == 0 || p->line != NULL) {
            unsigned *lines = nap_realloc(p->line, room, sizeof *lines);
            if (lines == NULL) return false;
            p->line = lines;
        }
    }
    p->word[p->count] = word;
    if (p->line != NULL) p->line[p->count] = line;
    p->count++;
    return true;
}
