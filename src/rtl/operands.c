/* Operands for activity: see operands.h. */
#include "rtl/operands.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/rng.h"
#include "lutcore/fpnum.h"
#include "lutcore/npy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { GROUP = 32 };

typedef struct values {
    size_t rows, columns, k;
    float *a, *w; /* [rows][k], [columns][k] */
} values;

/* The sum of twelve uniform numbers: near enough to a normal distribution, the same everywhere. */
static float normal(nap_rng *r)
{
    double s = -6;
    for (int i = 0; i < 12; i++) s += nap_rng_double(r);
    return (float)s;
}

static nap_status read_values(const char *dir, const char *file, float **out, size_t *rows,
                              size_t *k, nap_error *e)
{
    char path[1024];
    nap_npy x;
    (void)snprintf(path, sizeof path, "%s/%s", dir, file);
    NAP_TRY(nap_npy_read(path, &x, e));
    if (x.type != NAP_NPY_F4 || x.dims != 2 || x.shape[0] < 1 || x.shape[1] < GROUP ||
        x.shape[1] % GROUP != 0) {
        nap_npy_free(&x);
        return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                        "%s: expected a matrix of float32 with a multiple of %d columns", path,
                        GROUP);
    }
    *out = nap_alloc(x.bytes);
    if (*out != NULL) memcpy(*out, x.data, x.bytes);
    *rows = (size_t)x.shape[0];
    *k = (size_t)x.shape[1];
    const size_t bytes = x.bytes;
    nap_npy_free(&x);
    return *out != NULL ? NAP_OK : nap_fail_memory(e, bytes, path);
}

/* ---- To the types of a design. */
static uint16_t act_code(nap_act act, float v, float largest)
{
    const double s = largest > 0 ? (double)v / (double)largest : 0;
    switch (act) {
    case NAP_ACT_S8:
        return (uint16_t)((unsigned)(int)lrint(127 * s) & 0xffu);
    case NAP_ACT_S16:
        return (uint16_t)((unsigned)(int)lrint(32767 * s) & 0xffffu);
    case NAP_ACT_E4M3:
        return (uint16_t)nap_fp_from(nap_fp_e4m3, 448 * s);
    case NAP_ACT_E5M2:
        return (uint16_t)nap_fp_from(nap_fp_e5m2, 448 * s);
    default:
        return (uint16_t)nap_fp_from(nap_fp_f16, (double)v);
    }
}

static uint16_t weight_code(const nap_core *c, int q, double scale)
{
    const int half = c->wbits == 1 ? 0 : 1 << (c->wbits - 1);
    const int value = c->wbits == 1 ? 2 * q - 1 : q - half;
    switch (c->method) {
    case NAP_METHOD_MAC:
        switch (c->act) {
        case NAP_ACT_S8:
            return (uint16_t)((unsigned)value & 0xffu);
        case NAP_ACT_S16:
            return (uint16_t)((unsigned)value & 0xffffu);
        case NAP_ACT_E4M3:
            return (uint16_t)nap_fp_from(nap_fp_e4m3, value);
        case NAP_ACT_E5M2:
            return (uint16_t)nap_fp_from(nap_fp_e5m2, value);
        default:
            return (uint16_t)nap_fp_from(nap_fp_f16, value * scale);
        }
    case NAP_METHOD_ADD:
    case NAP_METHOD_UNPU:
    case NAP_METHOD_MAC_NATIVE:
        return (uint16_t)(c->wbits == 1 ? (unsigned)q : (unsigned)value & ((1u << c->wbits) - 1));
    default:
        return (uint16_t)q;
    }
}

static int quantize(const nap_core *c, float v, float largest)
{
    if (c->wtype == NAP_W_TERNARY) /* codes 0, 1, 2 */
        return largest > 0 ? 1 + (int)lrint((double)v / (double)largest) : 1;
    if (c->wtype == NAP_W_E2M1) { /* s.ee.m: 0, 0.5, 1, 1.5, 2, 3, 4, 6 */
        static const double level[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
        const double x = largest > 0 ? 6 * fabs((double)v) / (double)largest : 0;
        int best = 0;
        for (int i = 1; i < 8; i++)
            if (fabs(level[i] - x) < fabs(level[best] - x)) best = i;
        return best | (v < 0 ? 8 : 0);
    }
    if (c->wbits == 1) return v >= 0;
    const int half = 1 << (c->wbits - 1);
    const int w = largest > 0 ? (int)lrint((double)v / (double)largest * (half - 0.5) - 0.25) : 0;
    return (w < -half ? -half : w >= half ? half - 1 : w) + half;
}

static float largest_of(const float *v, size_t n)
{
    float m = 0;
    for (size_t i = 0; i < n; i++) m = fabsf(v[i]) > m ? fabsf(v[i]) : m;
    return m;
}

static void encode_weights(const nap_core *c, const values *v, uint16_t *q)
{
    for (size_t i = 0; i < v->columns * v->k; i += GROUP) {
        const float top = largest_of(v->w + i, GROUP);
        const double scale = c->wbits > 1 ? (double)top / (1 << (c->wbits - 1)) : (double)top / 2;
        for (size_t j = i; j < i + GROUP; j++)
            q[j] = weight_code(c, quantize(c, v->w[j], top), scale);
    }
}

/* Uniform codes for integers and weights; normal values for floating point. */
static void encode_random(const nap_core *c, const values *v, nap_rng *r, uint16_t *a, uint16_t *q)
{
    const unsigned codes = c->wtype == NAP_W_TERNARY ? 3
                           : c->wtype == NAP_W_E2M1  ? 16
                                                     : 1u << c->wbits;
    for (size_t i = 0; i < v->rows * v->k; i++)
        a[i] = nap_act_is_float(c->act) ? act_code(c->act, normal(r), 4)
                                        : (uint16_t)nap_rng_below(r, 1u << nap_act_bits(c->act));
    for (size_t i = 0; i < v->columns * v->k; i++)
        q[i] = weight_code(c, (int)nap_rng_below(r, codes), 1.0 / codes);
}

/* Exponents for int8 tables: no entry of k activations is out of range. */
static void exponents(const nap_core *c, const values *v, const uint16_t *a, int8_t *exps)
{
    const nap_fpfmt f = c->act == NAP_ACT_E4M3   ? nap_fp_e4m3
                        : c->act == NAP_ACT_E5M2 ? nap_fp_e5m2
                                                 : nap_fp_f16;
    for (size_t m = 0; m < c->m; m++) {
        double top = 0;
        for (size_t i = 0; i < v->k; i++) {
            const double x = fabs(nap_fp_value(f, a[(m % v->rows) * v->k + i]));
            if (x > top && isfinite(x)) top = x;
        }
        int e = 0;
        (void)frexp(top * c->k / 127, &e);
        exps[m] = (int8_t)(top > 0 ? e : 0);
    }
}

static nap_status pack(const nap_core *c, const values *v, const uint16_t *a, const uint16_t *q,
                       nap_operands *out, nap_error *e)
{
    const size_t kd = nap_core_kdim(c), ab = nap_frag_bytes(c, NAP_FRAG_A, c->wbits);
    const bool lut = c->method == NAP_METHOD_LUT, scaled = c->table == NAP_TABLE_S8;
    out->x_bytes = lut ? nap_frag_bytes(c, NAP_FRAG_T, c->wbits) : ab;
    out->w_bytes = nap_frag_bytes(c, NAP_FRAG_W, c->wbits);
    out->x = nap_calloc(out->steps, out->x_bytes);
    out->w = nap_calloc(out->steps, out->w_bytes);
    uint16_t *as = nap_calloc((size_t)c->m * kd, sizeof *as),
             *qs = nap_calloc((size_t)c->n * kd, sizeof *qs);
    uint8_t *image = nap_calloc(1, ab);
    int8_t *exps = nap_calloc(1, c->m);
    const bool ok = out->x && out->w && as && qs && image && exps;
    if (ok && scaled) exponents(c, v, a, exps);
    for (size_t s = 0; ok && s < out->steps; s++) {
        for (size_t i = 0; i < c->m * kd; i++)
            as[i] = a[(i / kd % v->rows) * v->k + (s * kd + i % kd) % v->k];
        for (size_t i = 0; i < c->n * kd; i++)
            qs[i] = q[(i / kd % v->columns) * v->k + (s * kd + i % kd) % v->k];
        memset(image, 0, ab);
        nap_pack_a(c, as, kd, c->m, (unsigned)kd, scaled ? exps : NULL, image);
        if (lut)
            nap_precompute(c, image, out->x + s * out->x_bytes, NULL);
        else
            memcpy(out->x + s * out->x_bytes, image, ab);
        nap_pack_w(c, c->wbits, qs, kd, c->n, (unsigned)kd, 0, out->w + s * out->w_bytes);
    }
    nap_free(as);
    nap_free(qs);
    nap_free(image);
    nap_free(exps);
    return ok ? NAP_OK : nap_fail_memory(e, out->steps * out->x_bytes, "operands");
}

nap_status nap_operands_make(const nap_core *c, const nap_synth_options *o, size_t steps,
                             nap_operands *out, nap_error *e)
{
    memset(out, 0, sizeof *out);
    out->steps = steps;
    values v = {
        .rows = c->m, .columns = c->n, .k = (steps * nap_core_kdim(c) + GROUP) / GROUP * GROUP};
    nap_status s = NAP_OK;
    const bool recorded = o->activity == NAP_ACTIVITY_FILE;
    size_t wk = 0;
    if (recorded) {
        s = read_values(o->operands, "activations.npy", &v.a, &v.rows, &v.k, e);
        if (s == NAP_OK) s = read_values(o->operands, "weights.npy", &v.w, &v.columns, &wk, e);
        if (s == NAP_OK && wk != v.k)
            s = nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                         "%s: weights have %zu columns, activations %zu", o->operands, wk, v.k);
    }
    uint16_t *a = nap_calloc(v.rows * v.k, sizeof *a), *q = nap_calloc(v.columns * v.k, sizeof *q);
    if (s == NAP_OK && (a == NULL || q == NULL))
        s = nap_fail_memory(e, (v.rows + v.columns) * v.k * sizeof *a, "operands");
    if (s == NAP_OK && recorded) {
        for (size_t i = 0; i < v.rows * v.k; i++)
            a[i] = act_code(c->act, v.a[i], largest_of(v.a + i / v.k * v.k, v.k));
        encode_weights(c, &v, q);
    } else if (s == NAP_OK) {
        nap_rng r;
        nap_rng_seed(&r, 1);
        encode_random(c, &v, &r, a, q);
    }
    if (s == NAP_OK) s = pack(c, &v, a, q, out, e);
    nap_free(a);
    nap_free(q);
    nap_free(v.a);
    nap_free(v.w);
    if (s != NAP_OK) nap_operands_free(out);
    return s;
}

void nap_operands_free(nap_operands *p)
{
    nap_free(p->x);
    nap_free(p->w);
    memset(p, 0, sizeof *p);
}
