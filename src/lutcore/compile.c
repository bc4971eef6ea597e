/* Compiling one integer product: how the codes become the array's, which results are exact, and
 * the choice among the plans, which is the one with the fewest predicted cycles, then bytes. */
#include "lutcore/compile_plan.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"
#include "lutcore/config.h"

#include <stdlib.h>
#include <string.h>

/* ---- the definition */

static int value_of(const nap_lgemm *g, unsigned code)
{
    if (!g->pm1) return (int)code - g->zero;
    return g->bits == 1 ? 2 * (int)code - 1 : (int)code - 1;
}

void nap_lgemm_ref(const nap_lgemm *g, int32_t *out)
{
    const size_t group = g->group > 0 ? g->group : g->k, groups = g->k / group;
    for (size_t b = 0; b < groups; b++)
        for (size_t m = 0; m < g->m; m++)
            for (size_t n = 0; n < g->n; n++) {
                const int8_t *a = g->a + m * g->k + b * group;
                const uint8_t *w = g->w + n * g->k + b * group;
                uint32_t sum = 0;
                for (size_t k = 0; k < group; k++) sum += (uint32_t)(a[k] * value_of(g, w[k]));
                out[(b * g->m + m) * g->n + n] = (int32_t)sum;
            }
}

/* ---- the product as the array sees it */

static nap_status bad_product(nap_error *e, const char *field, long long found,
                              const char *expected)
{
    return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET, "product: %s: found %lld, expected %s",
                    field, found, expected);
}

static nap_status check_product(const nap_lgemm *g, nap_error *e)
{
    if (g->m == 0 || g->n == 0 || g->k == 0)
        return bad_product(e, "shape", 0, "M, N and K of at least 1");
    if (g->bits < 1 || g->bits > 8) return bad_product(e, "bits", g->bits, "1 to 8");
    if (g->pm1 && g->bits > 2)
        return bad_product(e, "bits", g->bits, "1 (codes -1, +1) or 2 (ternary) with pm1");
    if (!g->pm1 && (g->zero < -256 || g->zero > 511))
        return bad_product(e, "zero", g->zero, "-256 to 511");
    if (g->group > 0 && g->k % g->group != 0)
        return bad_product(e, "group", (long long)g->group, "a divisor of K");
    const unsigned max = g->pm1 && g->bits == 2 ? 2 : (1u << g->bits) - 1;
    for (size_t i = 0; i < g->n * g->k; i++)
        if (g->w[i] > max)
            return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                            "W: row %zu, column %zu: found code %u, expected 0 to %u", i / g->k,
                            i % g->k, g->w[i], max);
    return NAP_OK;
}

static nap_status no_way(const nap_core *c, const nap_lgemm *g, nap_error *e, const char *why)
{
    return nap_fail(
        e, NAP_ERR_UNSUPPORTED, NAP_NO_OFFSET,
        "design %s (method %s, wtype %s, wbits %u) cannot multiply codes of %u bits: %s", c->name,
        nap_method_name(c->method), nap_wtype_name(c->wtype), c->wbits, g->bits, why);
}

/* Methods that read the bits of q as +-1 and so add up 2q - (2^b - 1); sto finishes. */
static nap_status map_reinterpreted(nap_lplan *p, const nap_lgemm *g, nap_error *e)
{
    if (g->bits > p->core->wbits)
        return no_way(p->core, g, e, "too many planes, expected at most its wbits");
    p->planes = g->bits;
    p->finish = !(g->pm1 && g->bits == 1);
    p->zero = g->pm1 ? 1 : g->zero;
    const nap_method method = p->core->method;
    if (p->finish && method != NAP_METHOD_LUT && method != NAP_METHOD_LUT_CONV)
        return no_way(p->core, g, e, "its sums are of 2q - (2^b - 1), and it has no sto");
    return NAP_OK;
}

/* Methods whose weight is a signed number of `bits` bits: code - offset. What the offset leaves of
 * Z is where the accumulators start. */
static nap_status map_signed(nap_lplan *p, const nap_lgemm *g, unsigned bits, nap_error *e)
{
    const int low = -(1 << (bits - 1)), high = (1 << (bits - 1)) - 1;
    p->planes = bits;
    p->code_mask = bits == 16 ? 0xffff : (1u << bits) - 1;
    if (g->pm1 && g->bits == 1) {
        p->code_mul = 2;
        p->code_add = -1;
        return NAP_OK;
    }
    const int zero = g->pm1 ? 1 : g->zero, top = (1 << g->bits) - 1;
    int offset = zero;
    if (-offset < low || top - offset > high) offset = g->bits == 1 ? 0 : 1 << (g->bits - 1);
    if (-offset < low || top - offset > high) return no_way(p->core, g, e, "too many bits");
    p->code_add = -offset;
    p->start = offset - zero;
    p->offset = p->start != 0;
    return NAP_OK;
}

static nap_status map_ternary(nap_lplan *p, const nap_lgemm *g, nap_error *e)
{
    const bool one = g->pm1 && g->bits == 1;
    const bool fits = g->pm1 || (g->bits == 1 && (g->zero == 0 || g->zero == 1)) ||
                      (g->bits == 2 && g->zero == 1);
    if (!fits)
        return no_way(p->core, g, e, "their values are not all of -1, 0 and 1 (try --zero 1)");
    if (!g->pm1 && g->bits == 2)
        for (size_t i = 0; i < g->n * g->k; i++)
            if (g->w[i] > 2)
                return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                                "W: row %zu, column %zu: found code 3, expected 0 to 2 on a "
                                "ternary design",
                                i / g->k, i % g->k);
    p->planes = p->core->wbits;
    p->wt = NAP_L_WT_TERNARY;
    p->code_mul = one ? 2 : 1;
    p->code_add = one || g->pm1 ? 0 : 1 - g->zero;
    p->code_pad = 1;
    return NAP_OK;
}

/* Codes of the product to codes of the array, and what has to be done about Z. */
static nap_status map_codes(nap_lplan *p, const nap_lgemm *g, nap_error *e)
{
    const nap_core *c = p->core;
    const bool pm1 = g->pm1 && g->bits == 1;
    nap_status status;
    p->code_mul = 1;
    p->code_mask = 0xff;
    p->tables = c->method == NAP_METHOD_LUT;
    if (c->wtype == NAP_W_TERNARY) return map_ternary(p, g, e);
    if (c->wtype == NAP_W_E2M1) return no_way(c, g, e, "its weights are FP4");
    switch (c->method) {
    case NAP_METHOD_MAC:
        status = map_signed(p, g, nap_act_bits(c->act), e);
        p->planes = c->wbits;
        break;
    case NAP_METHOD_MAC_NATIVE:
    case NAP_METHOD_ADD:
    case NAP_METHOD_UNPU: {
        /* One bit stands for -1 and +1; other values need a second one. */
        const bool exact = c->method == NAP_METHOD_MAC_NATIVE;
        const unsigned least = g->bits == 1 && !pm1 ? 2 : g->bits;
        if (least > c->wbits)
            return no_way(c, g, e,
                          g->bits == 1 ? "one bit is -1 or +1 there (pm1)"
                                       : "too many bits, expected at most its wbits");
        if (pm1 && (!exact || c->wbits == 1)) {
            p->planes = 1;
            status = NAP_OK;
        } else {
            status = map_signed(p, g, exact ? c->wbits : least, e);
        }
        break;
    }
    default:
        status = map_reinterpreted(p, g, e);
        break;
    }
    p->wt = (uint8_t)p->planes;
    return status;
}

/* The widest sums there can be: results are exact, or the product is refused. Sums are modulo
 * 2^width on the way, so only the last value has to fit; sto's has twice the result inside. */
static nap_status check_exact(const nap_lplan *p, const nap_lgemm *g, nap_error *e)
{
    uint64_t l1 = 0;
    for (size_t m = 0; m < g->m; m++)
        for (size_t b = 0; b < p->groups; b++) {
            uint64_t sum = 0;
            const int8_t *a = g->a + m * g->k + b * p->group_k;
            for (size_t k = 0; k < p->group_k; k++) sum += (uint64_t)abs(a[k]);
            l1 = sum > l1 ? sum : l1;
        }
    const int low = value_of(g, 0), high = value_of(g, (1u << g->bits) - 1);
    const uint64_t value = (uint64_t)(abs(low) > abs(high) ? abs(low) : abs(high));
    const unsigned width = nap_acc_bits(p->core->acc);
    const uint64_t limit = (1ull << (width - 1)) - 1;
    const uint64_t code = p->finish ? (1ull << g->bits) - 1 : value;
    /* 32-bit sums without sto are the definition's own, which is modulo 2^32 as well. */
    const bool whole = width == 32 && !p->finish;
    if (!whole && l1 * code > limit && width < 32)
        return nap_fail(e, NAP_ERR_LIMIT, NAP_NO_OFFSET,
                        "design %s: accumulator %s holds sums up to %llu, but this product's can "
                        "reach %llu; use a design with acc = s32",
                        p->core->name, nap_acc_name(p->core->acc), (unsigned long long)limit,
                        (unsigned long long)(l1 * code));
    if (p->finish && l1 * value > (1ull << 30) - 1)
        return nap_fail(e, NAP_ERR_LIMIT, NAP_NO_OFFSET,
                        "design %s: sto finishes results up to 2^30, but this product's can reach "
                        "%llu: split K (group)",
                        p->core->name, (unsigned long long)(l1 * value));
    return NAP_OK;
}

/* ---- memory */

static bool area(uint64_t *end, uint64_t count, uint32_t bytes, uint32_t *at)
{
    *at = (uint32_t)*end;
    uint64_t size;
    return nap_mul_ok(count, bytes, &size) && nap_add_ok(*end, size, end) &&
           *end <= (uint64_t)INT32_MAX;
}

static nap_status place(nap_lplan *p, const nap_lgemm *g, nap_error *e)
{
    const nap_core *c = p->core;
    uint64_t steps, ms, ns, outs, sums, end = 0;
    p->fa = (uint32_t)nap_frag_bytes(c, NAP_FRAG_A, p->planes);
    p->ft = p->tables ? (uint32_t)nap_frag_bytes(c, NAP_FRAG_T, p->planes) : 0;
    p->fw = (uint32_t)nap_frag_bytes(c, NAP_FRAG_W, p->planes);
    p->fc = (uint32_t)nap_frag_bytes(c, NAP_FRAG_C, p->planes);
    p->fs = (uint32_t)nap_frag_bytes(c, NAP_FRAG_S, p->planes);
    const bool fits = nap_mul_ok(p->groups, p->kb, &steps) && nap_mul_ok(steps, p->mb, &ms) &&
                      nap_mul_ok(steps, p->nb, &ns) && nap_mul_ok(p->mb, p->groups, &sums) &&
                      nap_mul_ok(sums, p->nb, &outs) && area(&end, ms, p->fa, &p->a_at) &&
                      area(&end, ns, p->fw, &p->w_at) &&
                      area(&end, p->finish ? sums : 0, p->fs, &p->s_at) &&
                      area(&end, p->offset ? sums : 0, p->fc, &p->start_at) &&
                      area(&end, outs, p->fc, &p->out_at) &&
                      area(&end, p->source == NAP_LSRC_TABLES ? ms : 0, p->ft, &p->t_at);
    p->end = (uint32_t)end;
    if (fits) return NAP_OK;
    return nap_fail(e, NAP_ERR_LIMIT, NAP_NO_OFFSET,
                    "product %zu x %zu x %zu: its fragments need more than the 2 GiB that a "
                    "program addresses",
                    g->m, g->n, g->k);
}

/* ---- the choice */

static bool fits_registers(const nap_lplan *p)
{
    const nap_core *c = p->core;
    const size_t operands = (size_t)p->buffers * p->tm * p->l;
    const unsigned tiles = p->overlap ? 2 : 1;
    const unsigned sums = p->source == NAP_LSRC_KEPT ? 1 : tiles;
    if (tiles * p->tm * p->tn > c->c_regs || p->buffers * p->tn * p->l > c->w_regs ||
        (p->finish && sums * p->tm > c->s_regs) || (p->overlap && p->buffers == 1))
        return false;
    switch (p->source) {
    case NAP_LSRC_MAKE:
        return operands <= c->a_regs && operands <= c->t_regs;
    case NAP_LSRC_TABLES:
        return operands <= c->t_regs;
    case NAP_LSRC_ACTS:
        return operands <= c->a_regs;
    default:
        return p->kb <= (p->tables ? c->t_regs : c->a_regs) / p->tm;
    }
}

/* The first phase's step, as large as registers allow. */
static void choose_chunk(nap_lplan *p)
{
    const nap_core *c = p->core;
    const unsigned regs = c->a_regs < c->t_regs ? c->a_regs : c->t_regs;
    p->chunk = 1;
    p->chunk_buffers = regs >= 2 ? 2 : 1;
    while (2 * p->chunk <= 8 && 2 * p->chunk <= p->kb && p->chunk_buffers * 2 * p->chunk <= regs)
        p->chunk *= 2;
}

typedef struct choice {
    nap_lplan plan;
    uint64_t cycles;
    size_t instructions;
    bool found;
} choice;

/* Judges one plan; of equally fast ones the shorter program stays. */
static nap_status consider(nap_lplan p, const nap_lgemm *g, nap_lcode *code, choice *best,
                           nap_error *e)
{
    if (!fits_registers(&p)) return NAP_OK;
    choose_chunk(&p);
    NAP_TRY(place(&p, g, e));
    NAP_TRY(nap_lplan_emit(&p, code, e));
    const uint64_t cycles = nap_lcode_cycles(code, p.core);
    const bool better = !best->found || cycles < best->cycles ||
                        (cycles == best->cycles && code->count < best->instructions);
    if (better) *best = (choice){p, cycles, code->count, true};
    return NAP_OK;
}

static bool agrees(const nap_lplan *p, const nap_lwant *w)
{
    return (w->tm == 0 || w->tm == p->tm) && (w->tn == 0 || w->tn == p->tn) &&
           (w->l == 0 || w->l == p->l) && (w->buffers == 0 || w->buffers == p->buffers) &&
           (w->source == 0 || w->source == p->source + 1u) &&
           (w->overlap == 0 || w->overlap == p->overlap + 1u);
}

/* The l of a plan whose other choices are made: every power of two up to 8. */
static nap_status choose_depth(nap_lplan p, const nap_lgemm *g, const nap_lwant *want,
                               nap_lcode *code, choice *best, nap_error *e)
{
    for (p.l = 1; p.l <= 8 && p.l <= p.kb; p.l *= 2) {
        /* One buffer only where two do not fit: it is never faster. */
        p.buffers = want->buffers > 0 ? want->buffers : 2;
        if (want->buffers == 0 && !fits_registers(&p)) p.buffers = 1;
        if (agrees(&p, want)) NAP_TRY(consider(p, g, code, best, e));
    }
    return NAP_OK;
}

static nap_status choose(const nap_lplan *start, const nap_lgemm *g, const nap_lwant *want,
                         nap_lcode *code, choice *best, nap_error *e)
{
    static const nap_lsource with[] = {NAP_LSRC_MAKE, NAP_LSRC_TABLES, NAP_LSRC_KEPT};
    static const nap_lsource without[] = {NAP_LSRC_ACTS, NAP_LSRC_KEPT};
    nap_lplan p = *start;
    for (unsigned s = 0; s < (start->tables ? 3u : 2u); s++) {
        p.source = start->tables ? with[s] : without[s];
        for (p.tm = 1; p.tm <= 8 && p.tm <= p.mb; p.tm *= 2)
            for (p.tn = 1; p.tn <= 8 && p.tn <= p.nb; p.tn *= 2) {
                p.overlap = false;
                NAP_TRY(choose_depth(p, g, want, code, best, e));
                p.overlap = true;
                NAP_TRY(choose_depth(p, g, want, code, best, e));
            }
    }
    /* Without wishes there is one: one fragment of each kind fits every design. */
    if (best->found) return NAP_OK;
    return nap_fail(e, NAP_ERR_LIMIT, NAP_NO_OFFSET, "design %s: no such plan fits its registers",
                    start->core->name);
}

static nap_status encode(const nap_lcode *code, nap_program *out, nap_error *e)
{
    for (size_t i = 0; i < code->count; i++)
        if (!nap_program_add(out, nap_linst_encode(&code->v[i]), 0))
            return nap_fail_memory(e, code->count * 8, "a program");
    return NAP_OK;
}

static nap_status build(const choice *best, const nap_lgemm *g, nap_lcode *code, nap_lcompiled *out,
                        nap_error *e)
{
    const nap_lplan *p = &best->plan;
    NAP_TRY(nap_lplan_emit(p, code, e));
    NAP_TRY(encode(code, &out->program, e));
    out->bytes = p->end;
    out->memory = nap_calloc(out->bytes, 1);
    if (out->memory == NULL) return nap_fail_memory(e, out->bytes, "a memory image");
    NAP_TRY(nap_lplan_layout(p, g, out->memory, e));
    const size_t steps = p->groups * p->kb;
    out->out_offset = p->out_at;
    out->planes = nap_core_planes(p->core, p->planes);
    out->tile_m = p->tm;
    out->tile_n = p->tn;
    out->tile_k = p->l;
    out->buffers = p->buffers;
    out->overlap = p->overlap;
    out->tables = !p->tables                     ? NAP_LTABLES_NONE
                  : p->source == NAP_LSRC_MAKE   ? NAP_LTABLES_REMADE
                  : p->source == NAP_LSRC_TABLES ? NAP_LTABLES_MEMORY
                                                 : NAP_LTABLES_KEPT;
    out->predicted_cycles = best->cycles;
    out->bytes_program = code->count * sizeof *out->program.word;
    out->bytes_weights = p->nb * steps * p->fw;
    out->bytes_act = p->mb * steps * p->fa;
    out->bytes_tables = p->source == NAP_LSRC_TABLES ? p->mb * steps * p->ft : 0;
    out->bytes_out = p->mb * p->nb * p->groups * p->fc;
    return NAP_OK;
}

nap_status nap_lgemm_compile(const nap_lgemm *g, const nap_core *c, nap_lcompiled *out,
                             nap_error *e)
{
    const nap_lwant any = {0};
    return nap_lgemm_compile_as(g, c, &any, out, e);
}

nap_status nap_lgemm_compile_as(const nap_lgemm *g, const nap_core *c, const nap_lwant *want,
                                nap_lcompiled *out, nap_error *e)
{
    *out = (nap_lcompiled){0};
    NAP_TRY(nap_core_check(c, c->name, e));
    NAP_TRY(check_product(g, e));
    if (nap_act_is_float(c->act) || nap_acc_is_float(c->acc))
        return nap_fail(e, NAP_ERR_UNSUPPORTED, NAP_NO_OFFSET,
                        "design %s: found act %s, expected s8 or s16 for an exact integer product",
                        c->name, nap_act_name(c->act));
    const unsigned kd = nap_core_kdim(c);
    nap_lplan p = {.core = c, .group_k = g->group > 0 ? g->group : g->k};
    p.groups = g->k / p.group_k;
    p.mb = (g->m + c->m - 1) / c->m;
    p.nb = (g->n + c->n - 1) / c->n;
    p.kb = (p.group_k + kd - 1) / kd;
    NAP_TRY(map_codes(&p, g, e));
    NAP_TRY(check_exact(&p, g, e));
    nap_lcode code = {0};
    choice best = {.found = false};
    nap_status status = choose(&p, g, want, &code, &best, e);
    if (status == NAP_OK) status = build(&best, g, &code, out, e);
    nap_free(code.v);
    if (status != NAP_OK) nap_lcompiled_free(out);
    return status;
}

const char *nap_ltables_name(nap_ltables v)
{
    static const char *const names[] = {"remade", "memory", "kept", "none"};
    return v <= NAP_LTABLES_NONE ? names[v] : "?";
}

void nap_lcompiled_free(nap_lcompiled *x)
{
    nap_program_free(&x->program);
    nap_free(x->memory);
    *x = (nap_lcompiled){0};
}

void nap_lgemm_result(const nap_lgemm *g, const nap_core *c, const nap_lcompiled *x,
                      const uint8_t *memory, int32_t *out)
{
    const size_t groups = g->group > 0 ? g->k / g->group : 1;
    const size_t mb = (g->m + c->m - 1) / c->m, nb = (g->n + c->n - 1) / c->n;
    const size_t fc = nap_frag_bytes(c, NAP_FRAG_C, c->wbits);
    for (size_t b = 0; b < groups; b++)
        for (size_t m = 0; m < g->m; m++)
            for (size_t q = 0; q < nb; q++) {
                const size_t left = g->n - q * c->n, cols = left < c->n ? left : c->n;
                const uint8_t *from = memory + x->out_offset + ((b * mb + m / c->m) * nb + q) * fc +
                                      m % c->m * c->n * 4;
                memcpy(&out[(b * g->m + m) * g->n + q * c->n], from, cols * 4);
            }
}
