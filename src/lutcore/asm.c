/* LMMA text to words. One instruction a line, '#' starts a comment; the grammar is isa.h's and
 * docs/lmma.md's, "Assembly". Messages: "name:line:column: found X, expected Y".
 *
 * The parser walks the operand table that the disassembler walks, one character at a time, never
 * past `end`; columns count bytes from 1. */
#include "lutcore/isa_table.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

enum { MAX_TEXT = 64 << 20 };

typedef struct source {
    const char *text, *at, *end, *line_start;
    const char *name;
    unsigned line;
    nap_error *e;
} source;

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool at_line_end(const source *s)
{
    return s->at == s->end || *s->at == '\n' || *s->at == '#';
}

/* What stands at `at`, for a message: a word with what hangs on to it, one character, or an end. */
static void describe(const source *s, const char *at, char out[48])
{
    if (at == s->end || *at == '\n' || *at == '#') {
        strcpy(out, "the end of the line");
        return;
    }
    size_t n = 0;
    while (at + n < s->end && is_word(at[n]) && n < 40) n++;
    if (n > 0)
        snprintf(out, 48, "'%.*s'", (int)n, at);
    else if (*at > ' ' && *at < 127)
        snprintf(out, 48, "'%c'", *at);
    else
        snprintf(out, 48, "byte 0x%02x", (unsigned)(unsigned char)*at);
}

static nap_status expected(const source *s, const char *at, const char *what)
{
    char found[48];
    describe(s, at, found);
    return nap_fail(s->e, NAP_ERR_FORMAT, (uint64_t)(at - s->text),
                    "%s:%u:%zu: found %s, expected %s", s->name, s->line,
                    (size_t)(at - s->line_start) + 1, found, what);
}

static void skip_blanks(source *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\r')) s->at++;
}

static bool take_char(source *s, char c)
{
    if (s->at == s->end || *s->at != c) return false;
    s->at++;
    return true;
}

/* The word `w` and no more letters after it. */
static bool take_word(source *s, const char *w)
{
    const size_t n = strlen(w);
    if ((size_t)(s->end - s->at) < n || memcmp(s->at, w, n) != 0) return false;
    if (s->at + n < s->end && is_word(s->at[n])) return false;
    s->at += n;
    return true;
}

/* Digits, decimal or 0x; false (nothing taken) if there are none or the value exceeds max. */
static bool take_digits(source *s, bool hex_allowed, uint64_t max, uint64_t *out)
{
    const char *p = s->at;
    unsigned base = 10;
    if (hex_allowed && s->end - p > 2 && p[0] == '0' && p[1] == 'x') {
        base = 16;
        p += 2;
    }
    const char *first = p;
    uint64_t v = 0;
    for (; p < s->end; p++) {
        unsigned d;
        if (is_digit(*p))
            d = (unsigned)(*p - '0');
        else if (base == 16 && *p >= 'a' && *p <= 'f')
            d = (unsigned)(*p - 'a') + 10;
        else if (base == 16 && *p >= 'A' && *p <= 'F')
            d = (unsigned)(*p - 'A') + 10;
        else
            break;
        v = v * base + d;
        if (v > max) return false;
    }
    if (p == first) return false;
    s->at = p;
    *out = v;
    return true;
}

/* A number with an optional sign in [min, max], and nothing after it that could belong to it. */
static bool take_number(source *s, int64_t min, int64_t max, int64_t *out)
{
    const char *start = s->at;
    const bool minus = take_char(s, '-');
    uint64_t v;
    if (!take_digits(s, true, (uint64_t)1 << 33, &v) || (s->at < s->end && is_word(*s->at)) ||
        (minus ? -(int64_t)v : (int64_t)v) < min || (minus ? -(int64_t)v : (int64_t)v) > max) {
        s->at = start;
        return false;
    }
    *out = minus ? -(int64_t)v : (int64_t)v;
    return true;
}

static nap_status parse_number(source *s, int64_t min, int64_t max, int64_t *out)
{
    if (take_number(s, min, max, out)) return NAP_OK;
    char what[64];
    snprintf(what, sizeof what, "a number from %lld to %lld", (long long)min, (long long)max);
    return expected(s, s->at, what);
}

/* A register: one letter and a number without leading zeros below `count`. */
static bool take_register(source *s, char letter, unsigned count, uint8_t *out)
{
    const char *start = s->at;
    uint64_t v;
    if (take_char(s, letter) && take_digits(s, false, count - 1, &v) &&
        (s->at - start == 2 || start[1] != '0') && (s->at == s->end || !is_word(*s->at))) {
        *out = (uint8_t)v;
        return true;
    }
    s->at = start;
    return false;
}

static nap_status parse_register(source *s, char letter, uint8_t *out)
{
    const unsigned count = letter == 'x' ? NAP_L_XREGS : NAP_L_REGS_MAX;
    if (take_register(s, letter, count, out)) return NAP_OK;
    char what[48];
    snprintf(what, sizeof what, "a register %c0 to %c%u", letter, letter, count - 1);
    return expected(s, s->at, what);
}

static nap_status parse_memory(source *s, nap_linst *i)
{
    if (!take_char(s, '[')) return expected(s, s->at, "'['");
    skip_blanks(s);
    NAP_TRY(parse_register(s, 'x', &i->xb));
    skip_blanks(s);
    if (take_char(s, ']')) return NAP_OK;
    const bool minus = s->at < s->end && *s->at == '-';
    if (!minus && (s->at == s->end || *s->at != '+')) return expected(s, s->at, "'+', '-' or ']'");
    s->at++;
    skip_blanks(s);
    const char *start = s->at;
    int64_t v;
    if (minus)
        NAP_TRY(parse_number(s, 0, -(int64_t)INT32_MIN, &v));
    else
        NAP_TRY(parse_number(s, INT32_MIN, INT32_MAX, &v));
    if (v % 8 != 0) return expected(s, start, "a multiple of 8");
    i->imm = (int32_t)(minus ? -v : v);
    skip_blanks(s);
    return take_char(s, ']') ? NAP_OK : expected(s, s->at, "']'");
}

static nap_status parse_units(source *s, nap_linst *i)
{
    do {
        skip_blanks(s);
        unsigned u = 0;
        while (u < 3 && !take_word(s, nap_lunit_names[u])) u++;
        if (u == 3) return expected(s, s->at, "mem, pre or mma");
        i->mask |= (uint8_t)(1u << u);
        skip_blanks(s);
    } while (take_char(s, '+'));
    return NAP_OK;
}

/* ".w1" to ".w8", ".t", ".e2m1": the dot is still to come. */
static nap_status parse_weight_type(source *s, bool planes_only, nap_linst *i)
{
    const char *what = planes_only ? "w1 to w8" : "w1 to w8, t or e2m1";
    if (!take_char(s, '.')) return expected(s, s->at, "'.' and a weight type");
    for (unsigned wt = 1; wt <= (planes_only ? 8 : NAP_L_WT_E2M1); wt++) {
        char text[8];
        nap_lwt_text(wt, text);
        const size_t n = strlen(text);
        if ((size_t)(s->end - s->at) < n || memcmp(s->at, text, n) != 0) continue;
        if (s->at + n < s->end && is_word(s->at[n]) && s->at[n] != '.') continue;
        s->at += n;
        i->wt = (uint8_t)wt;
        return NAP_OK;
    }
    return expected(s, s->at, what);
}

/* "m2" or "m2x4": the array's size and the multiple. */
static nap_status parse_dimension(source *s, char letter, unsigned max, uint16_t *size,
                                  uint8_t *log2)
{
    const char *start = s->at;
    uint64_t v, times = 1;
    bool ok =
        take_char(s, letter) && s->at < s->end && *s->at != '0' && take_digits(s, false, max, &v);
    if (ok && take_char(s, 'x'))
        ok = take_digits(s, false, 8, &times) && (times == 2 || times == 4 || times == 8);
    if (ok) {
        *size = (uint16_t)v;
        *log2 = times == 8 ? 3 : (uint8_t)(times / 2);
        return NAP_OK;
    }
    char what[80];
    snprintf(what, sizeof what, "'%c', 1 to %u, and x2, x4 or x8 if it is a multiple", letter, max);
    return expected(s, start, what);
}

static bool take_name(source *s, const char *name)
{
    const size_t n = strlen(name);
    if ((size_t)(s->end - s->at) < n || memcmp(s->at, name, n) != 0) return false;
    if (s->at + n < s->end && is_word(s->at[n]) && s->at[n] != '.') return false;
    s->at += n;
    return true;
}

static nap_status parse_accumulator(source *s, nap_acc *out)
{
    if (!take_char(s, '.')) return expected(s, s->at, "'.' and an accumulator type");
    for (unsigned a = 0; a < NAP_ACC_COUNT; a++) {
        if (!take_name(s, nap_acc_name((nap_acc)a))) continue;
        *out = (nap_acc)a;
        return NAP_OK;
    }
    return expected(s, s->at, "s16, s24, s32, f16 or f32");
}

/* ".m2n64k4.s8.w2.s32.s32" */
static nap_status parse_lmma_types(source *s, nap_linst *i)
{
    if (!take_char(s, '.')) return expected(s, s->at, "'.' and a shape such as m2n64k4");
    uint16_t m;
    NAP_TRY(parse_dimension(s, 'm', NAP_L_M_MAX, &m, &i->mi));
    NAP_TRY(parse_dimension(s, 'n', NAP_L_N_MAX, &i->n, &i->nj));
    NAP_TRY(parse_dimension(s, 'k', NAP_L_KD_MAX, &i->kd, &i->kl));
    i->m = (uint8_t)m;
    if (!take_char(s, '.')) return expected(s, s->at, "'.' and an activation type");
    unsigned ad = 0;
    while (ad < 8 && !take_name(s, nap_ladt_names[ad])) ad++;
    if (ad == 8) return expected(s, s->at, "s8, s16, e4m3, e5m2, f16, e4m3q, e5m2q or f16q");
    i->ad = (nap_ladt)ad;
    NAP_TRY(parse_weight_type(s, false, i));
    const char *acc = s->at;
    NAP_TRY(parse_accumulator(s, &i->acc));
    if (nap_acc_is_float(i->acc) != nap_ladt_float_acc(i->ad))
        return expected(s, acc + 1,
                        nap_ladt_float_acc(i->ad)
                            ? "f16 or f32, as the activations are not integers"
                            : "s16, s24 or s32, as table entries are integers");
    const char *out = s->at;
    NAP_TRY(parse_accumulator(s, &i->out));
    if (i->out != i->acc) return expected(s, out + 1, "the accumulator's type again");
    return NAP_OK;
}

static nap_status parse_operand(source *s, unsigned operand, char file, nap_linst *i)
{
    int64_t v = 0;
    switch (operand) {
    case NAP_LO_XD:
        return parse_register(s, 'x', &i->xd);
    case NAP_LO_XB:
        return parse_register(s, 'x', &i->xb);
    case NAP_LO_IMM:
        NAP_TRY(parse_number(s, INT32_MIN, INT32_MAX, &v));
        i->imm = (int32_t)v;
        return NAP_OK;
    case NAP_LO_COUNT:
        NAP_TRY(parse_number(s, 1, UINT32_MAX, &v));
        i->imm = (int32_t)(uint32_t)v;
        return NAP_OK;
    case NAP_LO_MEM:
        return parse_memory(s, i);
    case NAP_LO_RD:
        return parse_register(s, file, &i->rd);
    case NAP_LO_RS:
        return parse_register(s, file, &i->rs);
    case NAP_LO_RS_A:
        return parse_register(s, 'a', &i->rs);
    case NAP_LO_RT_S:
    case NAP_LO_OPT_S:
        return parse_register(s, 's', &i->rt);
    case NAP_LO_Z:
        NAP_TRY(parse_number(s, NAP_L_Z_MIN, NAP_L_Z_MAX, &v));
        i->zp = (int16_t)v;
        return NAP_OK;
    case NAP_LO_UNITS:
        return parse_units(s, i);
    case NAP_LO_LMMA_T:
        i->a_operand = take_register(s, 'a', NAP_L_REGS_MAX, &i->rt);
        if (i->a_operand || take_register(s, 't', NAP_L_REGS_MAX, &i->rt)) return NAP_OK;
        return expected(s, s->at, "a register t0 to t61, or a0 to a61");
    case NAP_LO_LMMA_W:
        return parse_register(s, 'w', &i->rw);
    default: /* NAP_LO_LMMA_S */
        i->rs = NAP_L_REG_NONE;
        if (take_word(s, "zero")) return NAP_OK;
        const char *start = s->at;
        if (take_register(s, 'c', NAP_L_REGS_MAX, &i->rs) && i->rs == i->rd) return NAP_OK;
        char what[48];
        snprintf(what, sizeof what, "the destination c%u again, or zero", i->rd);
        return expected(s, start, what);
    }
}

/* The mnemonic up to its first '.'; `zero` is two opcodes, told apart by the register's letter. */
static nap_status parse_mnemonic(source *s, nap_linst *i)
{
    const char *start = s->at;
    size_t n = 0;
    while (start + n < s->end && is_word(start[n]) && start[n] != '.') n++;
    unsigned op = 0;
    while (op < NAP_L_COUNT &&
           (strlen(nap_lops[op].name) != n || memcmp(nap_lops[op].name, start, n) != 0))
        op++;
    if (op == NAP_L_COUNT) return expected(s, start, "an instruction");
    s->at += n;
    i->op = (nap_lop)op;
    switch (nap_lops[op].suffix) {
    case NAP_LS_WT:
        return parse_weight_type(s, false, i);
    case NAP_LS_P:
        return parse_weight_type(s, true, i);
    case NAP_LS_LMMA:
        return parse_lmma_types(s, i);
    default:
        return NAP_OK;
    }
}

static nap_status parse_instruction(source *s, nap_linst *i)
{
    NAP_TRY(parse_mnemonic(s, i));
    if (s->at < s->end && is_word(*s->at)) return expected(s, s->at, "a blank");
    skip_blanks(s);
    if (i->op == NAP_L_ZEROC && s->at < s->end && *s->at == 's') i->op = NAP_L_ZEROS;
    const nap_lopinfo *op = &nap_lops[i->op];
    for (unsigned k = 0; op->operand[k] != NAP_LO_NONE; k++) {
        if (op->operand[k] == NAP_LO_OPT_S && at_line_end(s)) {
            i->rt = NAP_L_REG_NONE;
            break;
        }
        if (k > 0 && !take_char(s, ','))
            return expected(s, s->at,
                            op->operand[k] == NAP_LO_OPT_S ? "',' or the end of the line" : "','");
        skip_blanks(s);
        if (i->op == NAP_L_ZEROC && (s->at == s->end || *s->at != 'c'))
            return expected(s, s->at, "a register c0 to c61, or s0 to s61");
        NAP_TRY(parse_operand(s, op->operand[k], nap_lfile_letter((nap_lfile)op->file), i));
        skip_blanks(s);
    }
    return at_line_end(s) ? NAP_OK : expected(s, s->at, "the end of the line");
}

static nap_status parse_line(source *s, nap_program *out)
{
    skip_blanks(s);
    if (!at_line_end(s)) {
        const char *start = s->at;
        nap_linst i = {0};
        NAP_TRY(parse_instruction(s, &i));
        const uint64_t word = nap_linst_encode(&i);
        if (word == NAP_L_ILLEGAL)
            return nap_fail(s->e, NAP_ERR_INTERNAL, (uint64_t)(start - s->text),
                            "%s:%u:%zu: the instruction has no encoding", s->name, s->line,
                            (size_t)(start - s->line_start) + 1);
        if (out->count == NAP_L_PROGRAM_MAX)
            return nap_fail(s->e, NAP_ERR_LIMIT, (uint64_t)(start - s->text),
                            "%s:%u:1: found more instructions, expected at most %d", s->name,
                            s->line, NAP_L_PROGRAM_MAX);
        if (!nap_program_add(out, word, s->line))
            return nap_fail_memory(s->e, out->count * sizeof word, s->name);
    }
    while (s->at < s->end && *s->at != '\n') s->at++;
    return NAP_OK;
}

nap_status nap_lmma_assemble(const char *text, size_t len, const char *name, nap_program *out,
                             nap_error *e)
{
    *out = (nap_program){0};
    if (len > MAX_TEXT)
        return nap_fail(e, NAP_ERR_LIMIT, MAX_TEXT, "%s: found %zu bytes, expected at most %d",
                        name, len, MAX_TEXT);
    source s = {text, text, text + len, text, name, 1, e};
    while (s.at < s.end) {
        s.line_start = s.at;
        const nap_status status = parse_line(&s, out);
        if (status != NAP_OK) {
            nap_program_free(out);
            return status;
        }
        s.at += s.at < s.end;
        s.line++;
    }
    return NAP_OK;
}
