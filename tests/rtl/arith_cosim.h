/* The arithmetic modules beside lutcore/fpnum.h: all inputs of small formats, random ones with many
 * corners of the others. */
#ifndef ARITH_COSIM_H
#define ARITH_COSIM_H

#include "array_cosim.h"

#include "lutcore/fpnum.h"

typedef enum arith_kind { ARITH_ADD, ARITH_MUL, ARITH_SCALE, ARITH_WIDEN, ARITH_FUSED } arith_kind;

typedef struct arith_case {
    arith_kind kind;
    nap_rtl_fp in, out;
    unsigned n, int_bits, shift_bits;
    nap_rtl_term term;
    bool all; /* every input */
} arith_case;

#define E4M3                                                                                       \
    {                                                                                              \
        4, 3, true                                                                                 \
    }
#define E5M2                                                                                       \
    {                                                                                              \
        5, 2, false                                                                                \
    }
#define F16                                                                                        \
    {                                                                                              \
        5, 10, false                                                                               \
    }
#define F17                                                                                        \
    {                                                                                              \
        6, 10, false                                                                               \
    }
#define F32                                                                                        \
    {                                                                                              \
        8, 23, false                                                                               \
    }

static const arith_case arith_quick[] = {
    {.kind = ARITH_ADD, .in = F16},
    {.kind = ARITH_MUL, .in = F16, .out = F32},
    {.kind = ARITH_SCALE, .in = F16, .shift_bits = 3, .all = true},
    {.kind = ARITH_FUSED, .in = F16, .out = F32, .n = 2, .term = NAP_RTL_TERM_PRODUCT},
};
static const arith_case arith_full[] = {
    {.kind = ARITH_ADD, .in = E5M2, .all = true},
    {.kind = ARITH_ADD, .in = F16},
    {.kind = ARITH_ADD, .in = F32},
    {.kind = ARITH_MUL, .in = E5M2, .out = F16, .all = true},
    {.kind = ARITH_MUL, .in = E5M2, .out = F32, .all = true},
    {.kind = ARITH_MUL, .in = {5, 3, false}, .out = F16, .all = true},
    {.kind = ARITH_MUL, .in = F16, .out = F16},
    {.kind = ARITH_MUL, .in = F16, .out = F32},
    {.kind = ARITH_SCALE, .in = F16, .shift_bits = 3, .all = true},
    {.kind = ARITH_SCALE, .in = F16, .shift_bits = 1, .all = true},
    {.kind = ARITH_WIDEN, .in = E4M3, .out = F16, .all = true},
    {.kind = ARITH_WIDEN, .in = E5M2, .out = F16, .all = true},
    {.kind = ARITH_WIDEN, .in = E4M3, .out = F32, .all = true},
    {.kind = ARITH_WIDEN, .in = F16, .out = F17, .all = true},
    {.kind = ARITH_WIDEN, .in = F16, .out = F32, .all = true},
    {.kind = ARITH_FUSED, .in = F16, .out = F16, .n = 1, .shift_bits = 3},
    {.kind = ARITH_FUSED, .in = F16, .out = F32, .n = 4, .shift_bits = 2},
    {.kind = ARITH_FUSED, .in = E4M3, .out = F16, .n = 4, .shift_bits = 2},
    {.kind = ARITH_FUSED, .in = F16, .out = F16, .n = 4, .term = NAP_RTL_TERM_PRODUCT},
    {.kind = ARITH_FUSED, .in = F16, .out = F32, .n = 8, .term = NAP_RTL_TERM_PRODUCT},
    {.kind = ARITH_FUSED, .in = E4M3, .out = F32, .n = 4, .term = NAP_RTL_TERM_PRODUCT},
    {.kind = ARITH_FUSED, .in = E5M2, .out = F16, .n = 3, .term = NAP_RTL_TERM_PRODUCT},
    {.kind = ARITH_FUSED,
     .in = F16,
     .out = F32,
     .n = 4,
     .term = NAP_RTL_TERM_INTEGER,
     .int_bits = 4},
    {.kind = ARITH_FUSED,
     .in = E5M2,
     .out = F16,
     .n = 2,
     .term = NAP_RTL_TERM_INTEGER,
     .int_bits = 2},
};

typedef struct arith_run {
    const arith_case *t;
    nap_rng rng;
} arith_run;

static nap_fpfmt arith_format(nap_rtl_fp f)
{
    return (nap_fpfmt){f.exp, f.man, f.finite_only};
}

static unsigned arith_width(nap_rtl_fp f)
{
    return 1 + f.exp + f.man;
}

static void arith_put(uint8_t *to, unsigned bits, uint32_t v)
{
    for (unsigned i = 0; i < (bits + 7) / 8; i++) to[i] = (uint8_t)(v >> 8 * i);
}

static void arith_fused(arith_run *r, uint8_t *in, uint8_t *out)
{
    const arith_case *t = r->t;
    const unsigned width = arith_width(t->in), acc_bits = arith_width(t->out),
                   mood = nap_rng_below(&r->rng, 8);
    const bool product = t->term == NAP_RTL_TERM_PRODUCT, integer = t->term == NAP_RTL_TERM_INTEGER;
    const unsigned term = width + (product ? width : integer ? t->int_bits : 0);
    uint32_t acc = nap_operand_fp(t->out.exp, t->out.man, mood, &r->rng), a[16], b[16];
    int32_t w[16];
    if (t->out.exp > t->in.exp && nap_rng_below(&r->rng, 4)) {
        /* An accumulator where the terms can reach it. */
        const uint32_t low = (1u << (t->out.exp - 1)) - 32;
        acc = (acc & ~(0x7f800000u)) | (low + nap_rng_below(&r->rng, 64)) << t->out.man;
    }
    arith_put(in, acc_bits, acc);
    uint8_t *terms = in + (acc_bits + 7) / 8;
    for (unsigned i = 0; i < t->n; i++) {
        a[i] = nap_operand_fp(t->in.exp, t->in.man, mood, &r->rng);
        b[i] = nap_operand_fp(t->in.exp, t->in.man, mood, &r->rng);
        nap_bits_put(terms, (size_t)i * term, width, a[i]);
        if (product) nap_bits_put(terms, (size_t)i * term + width, width, b[i]);
        if (!integer) continue;
        const uint32_t code = (uint32_t)nap_rng_next(&r->rng) & ((1u << t->int_bits) - 1);
        w[i] = (int32_t)(code << (32 - t->int_bits)) >> (32 - t->int_bits);
        nap_bits_put(terms, (size_t)i * term + width, t->int_bits, code);
    }
    const unsigned shift = t->shift_bits ? nap_rng_below(&r->rng, 1u << t->shift_bits) : 0;
    if (t->shift_bits) terms[(t->n * term + 7) / 8] = (uint8_t)shift;
    const nap_fpfmt f = arith_format(t->in), to = arith_format(t->out);
    arith_put(out, acc_bits,
              integer ? nap_fp_fused_int(f, to, acc, a, w, t->n)
                      : nap_fp_fused(f, to, acc, a, product ? b : NULL, t->n, shift));
}

static void arith_make(void *user, uint64_t index, uint8_t *in, uint8_t *out)
{
    arith_run *r = user;
    const arith_case *t = r->t;
    if (t->kind == ARITH_FUSED) {
        arith_fused(r, in, out);
        return;
    }
    const unsigned width = arith_width(t->in), mood = nap_rng_below(&r->rng, 8);
    const bool two = t->kind == ARITH_ADD || t->kind == ARITH_MUL;
    uint32_t a, b = 0;
    if (t->all) {
        a = (uint32_t)(index & ((1u << width) - 1));
        b = (uint32_t)(index >> width);
    } else {
        a = nap_operand_fp(t->in.exp, t->in.man, mood, &r->rng);
        if (two) b = nap_operand_fp(t->in.exp, t->in.man, mood, &r->rng);
    }
    const nap_fpfmt f = arith_format(t->in), to = arith_format(t->out);
    arith_put(in, width, a);
    if (two) arith_put(in + (width + 7) / 8, width, b);
    if (t->kind == ARITH_SCALE) in[(width + 7) / 8] = (uint8_t)b;
    if (t->kind == ARITH_ADD) {
        arith_put(out, width, nap_fp_add(f, a, b));
    } else if (t->kind == ARITH_SCALE) {
        arith_put(out, width, nap_fp_scale2(f, a, b));
    } else if (t->kind == ARITH_WIDEN) {
        arith_put(out, arith_width(t->out), nap_fp_convert(f, to, a));
    } else {
        /* One rounding of the exact product: a fused sum with nothing, but for the sign of zero
         * and the alignment's guard; in a wider format it is exact. */
        const nap_fpfmt exact = {8, 23, false};
        const uint32_t wide =
            nap_fp_mul(exact, nap_fp_convert(f, exact, a), nap_fp_convert(f, exact, b));
        arith_put(out, arith_width(t->out), nap_fp_convert(exact, to, wide));
    }
}

static void arith_check(const arith_case *t, uint64_t random_cases)
{
    nap_rtl r = {0};
    char name[96];
    const nap_rtl_fused f = {.in = t->in,
                             .out = t->out,
                             .n = t->n,
                             .term = t->term,
                             .int_bits = t->int_bits,
                             .shift_bits = t->shift_bits};
    const unsigned width = arith_width(t->in), out_width = arith_width(t->out);
    nap_cosim_port in[3] = {{"a_i", width}, {"b_i", width}}, out = {"y_o", width};
    size_t ins = 2;
    uint64_t cases = random_cases;
    switch (t->kind) {
    case ARITH_ADD:
        nap_rtl_fp_add(&r, t->in, name);
        if (t->all) cases = 1ull << 2 * width;
        break;
    case ARITH_MUL:
        nap_rtl_fp_mul(&r, t->in, t->out, name);
        out.bits = out_width;
        if (t->all) cases = 1ull << 2 * width;
        break;
    case ARITH_SCALE:
        nap_rtl_fp_scale2(&r, t->in, t->shift_bits, name);
        in[1] = (nap_cosim_port){"shift_i", t->shift_bits};
        if (t->all) cases = 1ull << (width + t->shift_bits);
        break;
    case ARITH_WIDEN:
        nap_rtl_fp_widen(&r, t->in, t->out, name);
        out.bits = out_width;
        ins = 1;
        if (t->all) cases = 1ull << width;
        break;
    case ARITH_FUSED:
        nap_rtl_fp_fused(&r, &f, name);
        in[0] = (nap_cosim_port){"acc_i", out_width};
        in[1].name = "terms_i";
        in[1].bits = t->n * (width + (t->term == NAP_RTL_TERM_PRODUCT   ? width
                                      : t->term == NAP_RTL_TERM_INTEGER ? t->int_bits
                                                                        : 0));
        in[2] = (nap_cosim_port){"shift_i", t->shift_bits};
        ins = t->shift_bits ? 3 : 2;
        out.bits = out_width;
        break;
    }
    arith_run run = {.t = t};
    nap_rng_seed(&run.rng, 7);
    const nap_cosim_unit u = {.rtl = &r,
                              .module = name,
                              .in = in,
                              .ins = ins,
                              .out = &out,
                              .outs = 1,
                              .make = arith_make,
                              .user = &run};
    nap_cosim_report report;
    nap_error e = {0};
    (void)snprintf(r.top, sizeof r.top, "%s", name);
    if (nap_rtl_lint(&r, &e) != NAP_OK) fail_msg("%s", e.text);
    if (nap_cosim_module(&u, cases, &report, &e) != NAP_OK) fail_msg("%s: %s", name, e.text);
    if (report.failures != 0)
        fail_msg("%s: %" PRIu64 " of %" PRIu64 " differ: %s", name, report.failures, report.tiles,
                 report.first);
    assert_int_equal(report.tiles, cases);
    nap_rtl_free(&r);
}

#endif
