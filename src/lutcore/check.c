/* Is a program one that a design can run? Rules: docs/lmma.md, "Legal programs". Here: every
 * instruction by itself (types, shapes, registers), and loops and halt; then check_walk.c. */
#include "lutcore/check.h"

#include "base/alloc.h"
#include "base/error.h"
#include "lutcore/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void nap_lcheck_place(const nap_lcheck *k, size_t index, char out[40])
{
    if (k->p->line != NULL)
        snprintf(out, 40, "line %u", k->p->line[index]);
    else
        snprintf(out, 40, "instruction %zu", index);
}

nap_status nap_lcheck_fail_as(const nap_lcheck *k, nap_status code, size_t index, const char *what)
{
    char text[NAP_L_TEXT_MAX];
    nap_linst_text(&k->inst[index], text);
    if (k->p->line != NULL)
        return nap_fail(k->e, code, NAP_NO_OFFSET, "%s:%u: '%s': %s", k->name, k->p->line[index],
                        text, what);
    return nap_fail(k->e, code, NAP_NO_OFFSET, "%s: instruction %zu: '%s': %s", k->name, index,
                    text, what);
}

nap_status nap_lcheck_fail(const nap_lcheck *k, size_t index, const char *fmt, ...)
{
    char what[320];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return nap_lcheck_fail_as(k, NAP_ERR_FORMAT, index, what);
}

static uint64_t range(unsigned first, unsigned count)
{
    return (((uint64_t)1 << count) - 1) << first; /* count is at most 64 - 1: ranges are checked */
}

void nap_linst_access(const nap_linst *i, nap_laccess *out)
{
    *out = (nap_laccess){0};
    const nap_lfile file = (nap_lfile)nap_lops[i->op].file;
    switch (i->op) {
    case NAP_L_LDA:
    case NAP_L_LDT:
    case NAP_L_LDW:
    case NAP_L_LDC:
    case NAP_L_LDS:
    case NAP_L_ZEROC:
    case NAP_L_ZEROS:
        out->write[file] = range(i->rd, 1);
        break;
    case NAP_L_STO:
        out->read[NAP_LFILE_S] = range(i->rt, 1);
        out->read[NAP_LFILE_C] = range(i->rs, 1);
        break;
    case NAP_L_STT:
    case NAP_L_STC:
    case NAP_L_STS:
        out->read[file] = range(i->rs, 1);
        break;
    case NAP_L_PRE:
        out->read[NAP_LFILE_A] = range(i->rs, 1);
        out->write[NAP_LFILE_T] = range(i->rd, 1);
        if (i->rt != NAP_L_REG_NONE)
            out->read[NAP_LFILE_S] = out->write[NAP_LFILE_S] = range(i->rt, 1);
        break;
    case NAP_L_LMMA: {
        const nap_lfile x = i->a_operand ? NAP_LFILE_A : NAP_LFILE_T;
        out->read[x] = range(i->rt, 1u << (i->mi + i->kl));
        out->read[NAP_LFILE_W] = range(i->rw, 1u << (i->nj + i->kl));
        out->write[NAP_LFILE_C] = range(i->rd, 1u << (i->mi + i->nj));
        if (i->rs != NAP_L_REG_NONE) out->read[NAP_LFILE_C] = out->write[NAP_LFILE_C];
        break;
    }
    default:
        break;
    }
}

static unsigned capacity(const nap_core *c, nap_lfile f)
{
    const unsigned regs[NAP_LFILE_COUNT] = {c->a_regs, c->t_regs, c->w_regs, c->c_regs, c->s_regs};
    return regs[f];
}

/* `count` registers from `first` exist. */
static nap_status check_registers(const nap_lcheck *k, size_t index, nap_lfile f, unsigned first,
                                  unsigned count)
{
    const unsigned have = capacity(k->core, f);
    const char letter = nap_lfile_letter(f);
    if (first + count <= have) return NAP_OK;
    if (count == 1)
        return nap_lcheck_fail(k, index, "found %c%u, expected %c0 to %c%u", letter, first, letter,
                               letter, have - 1);
    return nap_lcheck_fail(k, index, "found %c%u to %c%u, expected registers %c0 to %c%u", letter,
                           first, letter, first + count - 1, letter, letter, have - 1);
}

static nap_status check_weight_type(const nap_lcheck *k, size_t index, unsigned wt)
{
    const nap_core *c = k->core;
    char found[8], want[8], text[32];
    nap_lwt_text(wt, found);
    unsigned least = 1, most = c->wbits;
    if (c->wtype != NAP_W_BITS)
        least = most = c->wtype == NAP_W_TERNARY ? NAP_L_WT_TERNARY : NAP_L_WT_E2M1;
    else if (c->method == NAP_METHOD_MAC || c->method == NAP_METHOD_MAC_NATIVE)
        least = c->wbits; /* there are no planes to leave out */
    if (wt >= least && wt <= most) return NAP_OK;
    nap_lwt_text(most, want);
    snprintf(text, sizeof text, least < most ? "w1 to %s" : "%s", want);
    return nap_lcheck_fail(k, index, "weight type: found %s, expected %s", found, text);
}

static nap_status check_sto(const nap_lcheck *k, size_t index, const nap_linst *i)
{
    const nap_core *c = k->core;
    if (c->method != NAP_METHOD_LUT && c->method != NAP_METHOD_LUT_CONV)
        return nap_lcheck_fail(k, index,
                               "found in a design of method %s, expected lut or lut_conv (use stc)",
                               nap_method_name(c->method));
    if (c->wtype == NAP_W_TERNARY)
        return nap_lcheck_fail(k, index,
                               "found with ternary weights, whose sums are final: expected stc");
    if (c->wtype == NAP_W_BITS) return check_weight_type(k, index, i->wt);
    if (i->wt == c->wbits) return NAP_OK;
    return nap_lcheck_fail(k, index, "weight type: found w%u, expected w%u", i->wt, c->wbits);
}

static nap_status check_lmma(const nap_lcheck *k, size_t index, const nap_linst *i)
{
    const nap_core *c = k->core;
    const unsigned kd = nap_core_kdim(c);
    if (i->m != c->m || i->n != c->n || i->kd != kd)
        return nap_lcheck_fail(k, index, "array: found m%un%uk%u, expected m%un%uk%u", i->m, i->n,
                               i->kd, c->m, c->n, kd);
    if (i->ad != nap_core_ladt(c))
        return nap_lcheck_fail(k, index, "activation type: found %s, expected %s",
                               nap_ladt_names[i->ad], nap_ladt_names[nap_core_ladt(c)]);
    NAP_TRY(check_weight_type(k, index, i->wt));
    if (i->acc != c->acc)
        return nap_lcheck_fail(k, index, "accumulator type: found %s, expected %s",
                               nap_acc_name(i->acc), nap_acc_name(c->acc));
    if (i->a_operand != (c->method != NAP_METHOD_LUT))
        return nap_lcheck_fail(
            k, index, "operand: found %c%u, expected %s with method %s", i->a_operand ? 'a' : 't',
            i->rt, i->a_operand ? "a t register" : "an a register", nap_method_name(c->method));
    NAP_TRY(check_registers(k, index, NAP_LFILE_C, i->rd, 1u << (i->mi + i->nj)));
    NAP_TRY(check_registers(k, index, i->a_operand ? NAP_LFILE_A : NAP_LFILE_T, i->rt,
                            1u << (i->mi + i->kl)));
    return check_registers(k, index, NAP_LFILE_W, i->rw, 1u << (i->nj + i->kl));
}

static nap_status check_instruction(const nap_lcheck *k, size_t index)
{
    const nap_linst *i = &k->inst[index];
    const nap_core *c = k->core;
    const bool sums = !nap_act_is_float(c->act);
    switch (i->op) {
    case NAP_L_LDT:
    case NAP_L_STT:
    case NAP_L_PRE:
        if (c->method != NAP_METHOD_LUT)
            return nap_lcheck_fail(k, index, "found in a design of method %s, expected method lut",
                                   nap_method_name(c->method));
        break;
    case NAP_L_LDS:
    case NAP_L_STS:
    case NAP_L_STO:
    case NAP_L_ZEROS:
        if (!sums)
            return nap_lcheck_fail(k, index,
                                   "found with %s activations, expected s8 or s16: "
                                   "there are no row sums",
                                   nap_act_name(c->act));
        break;
    default:
        break;
    }
    if (i->op == NAP_L_PRE && i->rt != NAP_L_REG_NONE && !sums)
        return nap_lcheck_fail(k, index, "found s%u with %s activations, expected no row sums",
                               i->rt, nap_act_name(c->act));
    if (i->op == NAP_L_LDW) NAP_TRY(check_weight_type(k, index, i->wt));
    if (i->op == NAP_L_STO) NAP_TRY(check_sto(k, index, i));
    if (i->op == NAP_L_LMMA) return check_lmma(k, index, i);
    nap_laccess a;
    nap_linst_access(i, &a);
    for (unsigned f = 0; f < NAP_LFILE_COUNT; f++) {
        const uint64_t all = a.read[f] | a.write[f];
        if (all != 0)
            NAP_TRY(check_registers(k, index, (nap_lfile)f, (unsigned)__builtin_ctzll(all), 1));
    }
    return NAP_OK;
}

/* Fills partner; loops match, nest at most NAP_L_LOOPS deep, and one halt ends the program. */
static nap_status check_shape(const nap_lcheck *k, uint32_t *partner)
{
    const size_t count = k->p->count;
    uint32_t open[NAP_L_LOOPS];
    unsigned depth = 0;
    for (size_t n = 0; n < count; n++) {
        const nap_lop op = k->inst[n].op;
        if (op == NAP_L_LOOP) {
            if (depth == NAP_L_LOOPS)
                return nap_lcheck_fail(k, n, "found inside %d loops, expected at most %d", depth,
                                       NAP_L_LOOPS - 1);
            open[depth++] = (uint32_t)n;
        } else if (op == NAP_L_END) {
            if (depth == 0) return nap_lcheck_fail(k, n, "found no loop that it could end");
            depth--;
            partner[n] = open[depth];
            partner[open[depth]] = (uint32_t)n;
        } else if (op == NAP_L_HALT && n + 1 < count) {
            return nap_lcheck_fail(k, n, "found before other instructions, expected as the last");
        }
    }
    if (depth > 0) return nap_lcheck_fail(k, open[depth - 1], "found no end, expected one");
    if (count == 0 || k->inst[count - 1].op != NAP_L_HALT)
        return count == 0 ? nap_fail(k->e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                                     "%s: found no instructions, expected a program that ends in "
                                     "halt",
                                     k->name)
                          : nap_lcheck_fail(k, count - 1, "found at the end, expected halt");
    return NAP_OK;
}

static nap_status decode_all(const nap_program *p, const char *name, nap_linst *inst, nap_error *e)
{
    for (size_t n = 0; n < p->count; n++) {
        nap_error inner;
        if (nap_linst_decode(p->word[n], n, &inst[n], &inner) == NAP_OK) continue;
        if (p->line != NULL)
            return nap_fail(e, inner.code, NAP_NO_OFFSET, "%s:%u: %s", name, p->line[n],
                            inner.text);
        return nap_fail(e, inner.code, NAP_NO_OFFSET, "%s: %s", name, inner.text);
    }
    return NAP_OK;
}

nap_status nap_program_check(const nap_program *p, const nap_core *c, uint64_t memory_bytes,
                             const char *name, nap_error *e)
{
    NAP_TRY(nap_core_check(c, "design", e));
    if (p->count > NAP_L_PROGRAM_MAX)
        return nap_fail(e, NAP_ERR_LIMIT, NAP_NO_OFFSET,
                        "%s: instructions: found %zu, expected at most %d", name, p->count,
                        NAP_L_PROGRAM_MAX);
    nap_linst *inst = nap_calloc(p->count, sizeof *inst);
    uint32_t *partner = nap_calloc(p->count, sizeof *partner);
    const nap_lcheck k = {p, c, name, memory_bytes, inst, partner, e};
    nap_status s = inst == NULL || partner == NULL
                       ? nap_fail_memory(e, p->count * sizeof *inst, name)
                       : decode_all(p, name, inst, e);
    if (s == NAP_OK) s = check_shape(&k, partner);
    for (size_t n = 0; s == NAP_OK && n < p->count; n++) s = check_instruction(&k, n);
    if (s == NAP_OK) s = nap_lcheck_walk(&k);
    nap_free(inst);
    nap_free(partner);
    return s;
}
