/* Dot products through array steps, against float64 (fperror.h). */
#include "lutcore/fperror.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/rng.h"
#include "lutcore/array_impl.h"

#include <math.h>
#include <string.h>

/* Everything of one measurement. Rows and columns go in blocks of the array's m and n. */
typedef struct study {
    const nap_fpstudy *how;
    const nap_core *core;
    size_t length;
    size_t block; /* elements of one accumulation */
    const float *x;
    const uint8_t *q;
    uint16_t *act;           /* [m][length]: what the array takes */
    uint16_t *code;          /* [n][length] */
    double *given, *rounded; /* [m][length] activations: as given, as rounded */
    double *weight;          /* [n][length] */
    int *exps;               /* [m]: exponent of the integers of the present block */
    double *y;               /* [m][n] results */
    uint32_t *acc;           /* [m][n] */
    uint8_t *ai, *ti, *wi;   /* fragments */
} study;

static bool is_aligned(const nap_core *c)
{
    return c->fpsum == NAP_FPSUM_PREALIGNED;
}

static nap_status check(const nap_fpstudy *s, nap_error *e)
{
    const nap_core *const c = &s->core;
    const char *fault = NULL;
    if (c->wtype != NAP_W_BITS) fault = "weights of plain bits";
    if (is_aligned(c)) {
        if (nap_act_is_float(c->act)) fault = "act s8 or s16 with fpsum prealigned";
        if (!nap_act_is_float(s->source)) fault = "a floating-point source with fpsum prealigned";
        if (s->align_bits < 2 || s->align_bits > nap_act_bits(c->act))
            fault = "align_bits from 2 to the bits of act";
    } else if (!nap_act_is_float(c->act)) {
        fault = "floating-point or pre-aligned activations";
    }
    if (nap_core_int_acc(c) && s->block % nap_core_kdim(c) != 0)
        fault = "block a multiple of k * depth";
    if (!fault) return NAP_OK;
    return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET, "error of design %s: expected %s", c->name,
                    fault);
}

/* ------------------------------------------------------------------ operands */

static nap_act source_of(const study *s)
{
    return is_aligned(s->core) ? s->how->source : s->core->act;
}

/* Rows [first, first + m) to the bits and values of the activation type. Rows beyond the last are
 * zero. */
static void take_rows(study *s, size_t first, size_t rows)
{
    const nap_fpfmt f = nap_act_fmt(source_of(s));
    for (size_t m = 0; m < s->core->m; m++) {
        for (size_t k = 0; k < s->length; k++) {
            const size_t at = m * s->length + k;
            const double v = m < rows ? s->x[first * s->length + at] : 0;
            s->act[at] = (uint16_t)nap_fp_from(f, v);
            s->given[at] = v;
            s->rounded[at] = nap_fp_value(f, s->act[at]);
        }
    }
}

static uint16_t code_and_value(const nap_core *c, unsigned q, double *value)
{
    const int half = 1 << (c->wbits - 1), twice = 2 * (int)q - (2 * half - 1);
    if (c->method == NAP_METHOD_MAC) {
        if (is_aligned(c)) {
            *value = twice;
            return (uint16_t)twice;
        }
        const nap_fpfmt f = nap_act_fmt(c->act);
        const uint32_t bits = nap_fp_from_int(f, twice);
        *value = nap_fp_value(f, bits);
        return (uint16_t)bits;
    }
    const bool twos = c->method == NAP_METHOD_ADD || c->method == NAP_METHOD_UNPU ||
                      c->method == NAP_METHOD_MAC_NATIVE;
    *value = !twos || c->wbits == 1 ? twice : (int)q < half ? (int)q : (int)q - 2 * half;
    return (uint16_t)q;
}

static void take_cols(study *s, size_t first, size_t cols)
{
    for (size_t i = 0; i < s->core->n * s->length; i++) {
        const bool there = i / s->length < cols;
        s->code[i] =
            code_and_value(s->core, there ? s->q[first * s->length + i] : 0, &s->weight[i]);
    }
}

/* ------------------------------------------------------------------ one accumulation */

/* The exponent with which every entry of a row's tables of one block fits int8. */
static int table_exponent(const study *s, size_t m, size_t from, size_t count)
{
    const size_t k = s->core->k;
    double most = 0;
    for (size_t g = from; g < from + count; g += k) {
        double sum = 0;
        for (size_t i = g; i < g + k && i < from + count; i++)
            sum += fabs(s->rounded[m * s->length + i]);
        if (sum > most && isfinite(sum)) most = sum;
    }
    if (most == 0) return 0;
    int e;
    if (frexp(most / 127, &e) == 0.5) e--; /* the least e with most <= 127 * 2^e */
    return e < -128 ? -128 : e > 127 ? 127 : e;
}

/* Elements [from, from + count): exponents, and for pre-aligned designs the integers into `ints`,
 * m rows of `count`. */
static void align_block(study *s, size_t from, size_t count, uint16_t *ints)
{
    for (size_t m = 0; m < s->core->m; m++) {
        s->exps[m] = 0;
        if (is_aligned(s->core)) {
            nap_prealign(s->how->source, s->act + m * s->length + from, count, s->how->align_bits,
                         (int16_t *)(ints + m * count), &s->exps[m]);
        } else if (s->core->table == NAP_TABLE_S8) {
            s->exps[m] = table_exponent(s, m, from, count);
        }
    }
}

static void accumulate(study *s, size_t from, size_t count, const uint16_t *a, size_t stride)
{
    const nap_core *const c = s->core;
    const unsigned kd = nap_core_kdim(c);
    int8_t exps[512];
    for (unsigned m = 0; m < c->m && m < sizeof exps; m++) exps[m] = (int8_t)s->exps[m];
    memset(s->acc, 0, (size_t)c->m * c->n * sizeof *s->acc);
    for (size_t k = 0; k < count; k += kd) {
        const unsigned valid = count - k < kd ? (unsigned)(count - k) : kd;
        nap_pack_a(c, a + k, stride, c->m, valid, exps, s->ai);
        nap_pack_w(c, c->wbits, s->code + from + k, s->length, c->n, valid, 0, s->wi);
        if (c->method == NAP_METHOD_LUT) nap_precompute(c, s->ai, s->ti, NULL);
        nap_array_step(c, c->wbits, c->method == NAP_METHOD_LUT ? s->ti : s->ai, s->wi, s->acc);
    }
}

/* The results of m rows and n columns. */
static nap_status compute(study *s, nap_error *e)
{
    const nap_core *const c = s->core;
    const size_t outputs = (size_t)c->m * c->n;
    if (!nap_core_int_acc(c)) {
        align_block(s, 0, s->length, NULL);
        accumulate(s, 0, s->length, s->act, s->length);
        for (size_t i = 0; i < outputs; i++) s->y[i] = nap_fp_value(nap_acc_fmt(c->acc), s->acc[i]);
        return NAP_OK;
    }
    uint16_t *const ints = nap_calloc((size_t)c->m * s->block, sizeof *ints);
    if (!ints) return nap_fail_memory(e, (size_t)c->m * s->block * sizeof *ints, "aligned block");
    memset(s->y, 0, outputs * sizeof *s->y);
    for (size_t from = 0; from < s->length; from += s->block) {
        const size_t count = s->length - from < s->block ? s->length - from : s->block;
        align_block(s, from, count, ints);
        if (is_aligned(c)) {
            accumulate(s, from, count, ints, count);
        } else {
            accumulate(s, from, count, s->act + from, s->length);
        }
        for (size_t i = 0; i < outputs; i++) {
            const double part = ldexp((int32_t)s->acc[i], s->exps[i / c->n]);
            s->y[i] = (float)((float)s->y[i] + (float)part);
        }
    }
    nap_free(ints);
    return NAP_OK;
}

/* ------------------------------------------------------------------ figures */

typedef struct sums {
    double error, reference;               /* of squares, activations as rounded */
    double error_inputs, reference_inputs; /* activations as given */
    double worst;
} sums;

static double dot(const study *s, const double *a, size_t m, size_t n)
{
    double r = 0;
    for (size_t k = 0; k < s->length; k++) r += a[m * s->length + k] * s->weight[n * s->length + k];
    return r;
}

static void compare(const study *s, size_t rows, size_t cols, sums *t, nap_fperror *out)
{
    for (size_t m = 0; m < rows; m++) {
        for (size_t n = 0; n < cols; n++) {
            const double y = s->y[m * s->core->n + n];
            const double r = dot(s, s->rounded, m, n), given = dot(s, s->given, m, n);
            out->dots++;
            if (!isfinite(y) || !isfinite(r)) {
                out->special++;
                continue;
            }
            t->error += (y - r) * (y - r);
            t->reference += r * r;
            t->error_inputs += (y - given) * (y - given);
            t->reference_inputs += given * given;
            if (fabs(y - r) > t->worst) t->worst = fabs(y - r);
        }
    }
}

static nap_status study_init(study *s, nap_error *e)
{
    const nap_core *const c = s->core;
    uint64_t a, w;
    if (c->m > 512 || !nap_mul_ok(c->m, s->length, &a) || !nap_mul_ok(c->n, s->length, &w))
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "error of design %s: dots of %zu elements are too long", c->name,
                        s->length);
    const size_t outputs = (size_t)c->m * c->n;
    s->act = nap_calloc(a, sizeof *s->act);
    s->given = nap_calloc(a, sizeof *s->given);
    s->rounded = nap_calloc(a, sizeof *s->rounded);
    s->code = nap_calloc(w, sizeof *s->code);
    s->weight = nap_calloc(w, sizeof *s->weight);
    s->exps = nap_calloc(c->m, sizeof *s->exps);
    s->y = nap_calloc(outputs, sizeof *s->y);
    s->acc = nap_calloc(outputs, sizeof *s->acc);
    s->ai = nap_alloc(nap_frag_bytes(c, NAP_FRAG_A, c->wbits));
    s->ti = nap_alloc(nap_frag_bytes(c, NAP_FRAG_T, c->wbits));
    s->wi = nap_alloc(nap_frag_bytes(c, NAP_FRAG_W, c->wbits));
    const bool all = s->act && s->given && s->rounded && s->code && s->weight && s->exps && s->y &&
                     s->acc && s->ai && s->ti && s->wi;
    return all ? NAP_OK : nap_fail_memory(e, (a + w) * sizeof *s->weight, "dot products");
}

static void study_free(study *s)
{
    nap_free(s->act);
    nap_free(s->given);
    nap_free(s->rounded);
    nap_free(s->code);
    nap_free(s->weight);
    nap_free(s->exps);
    nap_free(s->y);
    nap_free(s->acc);
    nap_free(s->ai);
    nap_free(s->ti);
    nap_free(s->wi);
}

static nap_status measure(study *s, size_t rows, size_t cols, nap_fperror *out, nap_error *e)
{
    const nap_core *const c = s->core;
    sums t = {0};
    for (size_t row = 0; row < rows; row += c->m) {
        const size_t m = rows - row < c->m ? rows - row : c->m;
        take_rows(s, row, m);
        for (size_t col = 0; col < cols; col += c->n) {
            const size_t n = cols - col < c->n ? cols - col : c->n;
            take_cols(s, col, n);
            NAP_TRY(compute(s, e));
            compare(s, m, n, &t, out);
        }
    }
    const size_t counted = out->dots - out->special;
    if (t.reference > 0) {
        out->nmse = t.error / t.reference;
        out->worst = t.worst / sqrt(t.reference / (double)counted);
    }
    if (t.reference_inputs > 0) out->nmse_inputs = t.error_inputs / t.reference_inputs;
    return NAP_OK;
}

nap_status nap_fperror_measure(const nap_fpstudy *how, const float *x, size_t rows,
                               const uint8_t *q, size_t cols, size_t length, nap_fperror *out,
                               nap_error *e)
{
    NAP_TRY(check(how, e));
    study s = {.how = how, .core = &how->core, .length = length, .x = x, .q = q};
    s.block = how->block && how->block < length ? how->block : length;
    *out = (nap_fperror){0};
    nap_status status = study_init(&s, e);
    if (status == NAP_OK) status = measure(&s, rows, cols, out, e);
    study_free(&s);
    return status;
}

void nap_fperror_random(uint64_t seed, float outlier, float *x, size_t rows, size_t length)
{
    nap_rng r;
    nap_rng_seed(&r, seed);
    for (size_t i = 0; i < rows * length; i++) {
        double sum = -6; /* of twelve: variance 1 */
        for (unsigned k = 0; k < 12; k++) sum += nap_rng_double(&r);
        x[i] = (float)sum * (i % length % 64 == 63 ? outlier : 1);
    }
}
