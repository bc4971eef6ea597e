/* LMMA words to text that assembles back to the same words. Loops are indented. */
#include "lutcore/isa_table.h"

#include "base/buf.h"
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct line {
    char *text;
    size_t len;
} line;

static void put(line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The longest instruction has 61 characters (test_isa_asm.c): NAP_L_TEXT_MAX holds any. */
static void put(line *l, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const int n = vsnprintf(l->text + l->len, NAP_L_TEXT_MAX - l->len, fmt, args);
    va_end(args);
    if (n > 0) l->len += (size_t)n;
    if (l->len >= NAP_L_TEXT_MAX) l->len = NAP_L_TEXT_MAX - 1;
}

static void put_dimension(line *l, char letter, unsigned size, unsigned log2)
{
    put(l, "%c%u", letter, size);
    if (log2 > 0) put(l, "x%u", 1u << log2);
}

static void put_suffix(line *l, const nap_linst *i, unsigned suffix)
{
    char wt[8];
    nap_lwt_text(i->wt, wt);
    if (suffix == NAP_LS_WT || suffix == NAP_LS_P) put(l, ".%s", wt);
    if (suffix != NAP_LS_LMMA) return;
    put(l, ".");
    put_dimension(l, 'm', i->m, i->mi);
    put_dimension(l, 'n', i->n, i->nj);
    put_dimension(l, 'k', i->kd, i->kl);
    put(l, ".%s.%s.%s.%s", nap_ladt_names[i->ad & 7], wt, nap_acc_name(i->acc),
        nap_acc_name(i->out));
}

static void put_operand(line *l, const nap_linst *i, unsigned operand, char file)
{
    switch (operand) {
    case NAP_LO_XD:
        put(l, "x%u", i->xd);
        break;
    case NAP_LO_XB:
        put(l, "x%u", i->xb);
        break;
    case NAP_LO_IMM:
        put(l, "%ld", (long)i->imm);
        break;
    case NAP_LO_COUNT:
        put(l, "%lu", (unsigned long)(uint32_t)i->imm);
        break;
    case NAP_LO_MEM:
        if (i->imm == 0)
            put(l, "[x%u]", i->xb);
        else
            put(l, "[x%u %c %ld]", i->xb, i->imm < 0 ? '-' : '+',
                i->imm < 0 ? -(long)i->imm : (long)i->imm);
        break;
    case NAP_LO_RD:
        put(l, "%c%u", file, i->rd);
        break;
    case NAP_LO_RS:
        put(l, "%c%u", file, i->rs);
        break;
    case NAP_LO_RS_A:
        put(l, "a%u", i->rs);
        break;
    case NAP_LO_RT_S:
    case NAP_LO_OPT_S:
        put(l, "s%u", i->rt);
        break;
    case NAP_LO_Z:
        put(l, "%d", i->zp);
        break;
    case NAP_LO_UNITS: {
        const char *plus = "";
        for (unsigned u = 0; u < 3; u++) {
            if ((i->mask >> u & 1) == 0) continue;
            put(l, "%s%s", plus, nap_lunit_names[u]);
            plus = "+";
        }
        break;
    }
    case NAP_LO_LMMA_T:
        put(l, "%c%u", i->a_operand ? 'a' : 't', i->rt);
        break;
    case NAP_LO_LMMA_W:
        put(l, "w%u", i->rw);
        break;
    default: /* NAP_LO_LMMA_S */
        if (i->rs == NAP_L_REG_NONE)
            put(l, "zero");
        else
            put(l, "c%u", i->rs);
    }
}

void nap_linst_text(const nap_linst *i, char out[NAP_L_TEXT_MAX])
{
    line l = {out, 0};
    out[0] = '\0';
    if ((unsigned)i->op >= NAP_L_COUNT) {
        put(&l, "?");
        return;
    }
    const nap_lopinfo *op = &nap_lops[i->op];
    put(&l, "%s", op->name);
    put_suffix(&l, i, op->suffix);
    for (unsigned k = 0; op->operand[k] != NAP_LO_NONE; k++) {
        if (op->operand[k] == NAP_LO_OPT_S && i->rt == NAP_L_REG_NONE) break;
        put(&l, k == 0 ? " " : ", ");
        put_operand(&l, i, op->operand[k], nap_lfile_letter((nap_lfile)op->file));
    }
}

nap_status nap_lmma_disassemble(const nap_program *p, nap_buf *out, nap_error *e)
{
    unsigned depth = 0;
    for (size_t k = 0; k < p->count; k++) {
        nap_linst i;
        NAP_TRY(nap_linst_decode(p->word[k], k, &i, e));
        char text[NAP_L_TEXT_MAX];
        nap_linst_text(&i, text);
        if (i.op == NAP_L_END && depth > 0) depth--;
        for (unsigned d = 0; d < depth; d++) nap_buf_puts(out, "    ");
        nap_buf_puts(out, text);
        nap_buf_putc(out, '\n');
        /* No legal program nests deeper; others are still to be readable. */
        if (i.op == NAP_L_LOOP && depth < NAP_L_LOOPS) depth++;
    }
    return out->failed ? nap_fail_memory(e, p->count * NAP_L_TEXT_MAX, "disassembly") : NAP_OK;
}
