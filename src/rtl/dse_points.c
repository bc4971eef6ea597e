/* What the studies look at. See dse.h and docs/lutcore-study.md. */
#include "rtl/dse.h"

#include "base/alloc.h"
#include "base/error.h"
#include "lutcore/config.h"

#include <stdio.h>
#include <string.h>

enum { MACS = 512 }; /* multiply-accumulates per step of a full array: the A100's 8 x 4 x 16 */

typedef struct list {
    nap_dse_list *out;
    const char *study;
    bool failed;
} list;

static bool is_float(const nap_core *c)
{
    return nap_act_is_float(c->act) && c->table == NAP_TABLE_EXACT;
}

/* The default accumulators: 24 bits hold 4096 products of int8 and 4-bit weights; floating point
 * adds up in binary16, as the paper's released array does. */
static nap_acc usual_acc(const nap_core *c)
{
    if (is_float(c)) return NAP_ACC_F16;
    return c->act == NAP_ACT_S16 ? NAP_ACC_S32 : NAP_ACC_S24;
}

static nap_core design(nap_method method, nap_act act, unsigned wbits, unsigned m, unsigned n,
                       unsigned k, unsigned depth)
{
    nap_core c = nap_core_default();
    (void)snprintf(c.name, sizeof c.name, "point");
    c.method = method;
    c.act = act;
    c.wbits = wbits;
    c.m = m;
    c.n = n;
    c.k = k;
    c.depth = depth;
    c.acc = usual_acc(&c);
    return c;
}

static void add(list *l, nap_point_kind kind, unsigned operands, const nap_core *c,
                const char *series)
{
    nap_error why;
    if (l->failed || nap_core_check(c, "point", &why) != NAP_OK) return;
    nap_dse_point *grown = nap_realloc(l->out->v, l->out->count + 1, sizeof *grown);
    if (grown == NULL) {
        l->failed = true;
        return;
    }
    l->out->v = grown;
    nap_dse_point *p = &grown[l->out->count++];
    memset(p, 0, sizeof *p);
    p->study = l->study;
    (void)snprintf(p->series, sizeof p->series, "%s", series);
    p->kind = kind;
    p->operands = operands;
    p->core = *c;
}

static void add_array(list *l, nap_core c, const char *series)
{
    add(l, NAP_POINT_ARRAY, 0, &c, series);
}

/* Discrete sums, and where there are several floating-point terms to add, fused ones too. */
static void add_sums(list *l, nap_core c, const char *series)
{
    if (!is_float(&c) || c.depth <= 4) add_array(l, c, series);
    if (!is_float(&c)) return;
    c.fpsum = NAP_FPSUM_FUSED;
    add_array(l, c, series);
}

static nap_core int8_tables(nap_core c)
{
    c.table = NAP_TABLE_S8;
    c.acc = NAP_ACC_S24;
    return c;
}

static const nap_act acts[] = {NAP_ACT_F16, NAP_ACT_S16, NAP_ACT_E4M3, NAP_ACT_S8};
enum { ACTS = sizeof acts / sizeof *acts };

static void study_k(list *l)
{
    for (int a = 0; a < ACTS; a++) {
        const char *series = nap_act_name(acts[a]);
        for (unsigned k = 1; k <= 8; k++) {
            const nap_core lut = design(NAP_METHOD_LUT, acts[a], 1, 1, 1, k, 1);
            add_array(l, lut, series);
            if (is_float(&lut)) add_array(l, int8_tables(lut), series);
        }
        for (unsigned k = 1; k <= 8; k *= 2) {
            const nap_core c = design(NAP_METHOD_ADD, acts[a], 1, 1, 1, 1, k);
            add_sums(l, c, series);
            if (k <= 4 || !is_float(&c))
                add_sums(l, design(NAP_METHOD_MAC, acts[a], 1, 1, 1, 1, k), series);
        }
    }
}

/* Every split of 512 multiply-accumulates into rows and columns for one unit. */
static void add_shapes(list *l, nap_core c, const char *series)
{
    const unsigned outputs = MACS / nap_core_kdim(&c);
    for (unsigned m = 1; m <= 16 && m <= outputs; m *= 2) {
        c.m = m;
        c.n = outputs / m;
        if (c.n >= 4) add_array(l, c, series);
    }
}

/* As above; floating point in both ways, but for discrete trees deeper than four: they are larger
 * and slower than a fused sum at every size (study "fpsum"). */
static void add_shapes_sums(list *l, nap_core c, const char *series)
{
    if (!is_float(&c) || c.depth <= 4) add_shapes(l, c, series);
    if (!is_float(&c)) return;
    c.fpsum = NAP_FPSUM_FUSED;
    add_shapes(l, c, series);
}

/* Units in the order of what they tell: a search that is cut short has the first ones of every
 * pair of types. */
static const struct candidate {
    nap_method method;
    unsigned k, depth;
} candidates[] = {
    {NAP_METHOD_LUT, 4, 1},         {NAP_METHOD_MAC, 1, 4},  {NAP_METHOD_ADD, 1, 4},
    {NAP_METHOD_MAC_NATIVE, 1, 4},  {NAP_METHOD_MAC, 1, 16}, {NAP_METHOD_ADD, 1, 16},
    {NAP_METHOD_MAC_NATIVE, 1, 16}, {NAP_METHOD_LUT, 4, 2},  {NAP_METHOD_LUT, 2, 1},
    {NAP_METHOD_LUT, 4, 4},         {NAP_METHOD_MAC, 1, 8},  {NAP_METHOD_ADD, 1, 8},
    {NAP_METHOD_MAC_NATIVE, 1, 8},  {NAP_METHOD_LUT, 8, 1},
};

static void study_mnk(list *l)
{
    static const unsigned wbits[] = {1, 2, 4};
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++)
        for (int a = 0; a < ACTS; a++)
            for (int w = 0; w < 3; w++) {
                const struct candidate *u = &candidates[i];
                char series[24];
                (void)snprintf(series, sizeof series, "w%u a-%s", wbits[w], nap_act_name(acts[a]));
                const nap_core c = design(u->method, acts[a], wbits[w], 1, 1, u->k, u->depth);
                if (u->method == NAP_METHOD_LUT && u->k != 4) {
                    add_shapes(l, c, series);
                    continue;
                }
                add_shapes_sums(l, c, series);
                if (is_float(&c) && u->method == NAP_METHOD_LUT)
                    add_shapes(l, int8_tables(c), series);
            }
}

static void study_ladder(list *l)
{
    static const nap_method steps[] = {NAP_METHOD_UNPU, NAP_METHOD_UNPU_HALF, NAP_METHOD_UNPU_REMAP,
                                       NAP_METHOD_LUT};
    static const nap_acc sums[] = {NAP_ACC_S16, NAP_ACC_S24, NAP_ACC_S32};
    for (int a = 0; a < 3; a++)
        for (int s = 0; s < 4; s++)
            for (unsigned m = 1; m <= 16; m *= 2) {
                nap_core c = design(steps[s], NAP_ACT_S8, 2, m, 128 / m, 4, 1);
                c.acc = sums[a];
                add_array(l, c, nap_method_name(steps[s]));
            }
}

static void study_bits(list *l)
{
    static const nap_act which[] = {NAP_ACT_F16, NAP_ACT_S8};
    for (int a = 0; a < 2; a++) {
        const char *series = nap_act_name(which[a]);
        for (unsigned b = 1; b <= 8; b++) {
            const nap_core lut = design(NAP_METHOD_LUT, which[a], b, 2, 64, 4, 1);
            add_array(l, lut, series);
            if (is_float(&lut)) add_array(l, int8_tables(lut), series);
            add_array(l, design(NAP_METHOD_LUT_CONV, which[a], b, 32, 4, 4, 1), series);
            add_array(l, design(NAP_METHOD_LUT_CONV, which[a], b, 2, 64, 4, 1), series);
            add_sums(l, design(NAP_METHOD_ADD, which[a], b, 8, 16, 1, 4), series);
            add_sums(l, design(NAP_METHOD_MAC, which[a], b, 8, 16, 1, 4), series);
            add_sums(l, design(NAP_METHOD_MAC_NATIVE, which[a], b, 8, 16, 1, 4), series);
        }
    }
}

static void study_depth(list *l)
{
    static const nap_act which[] = {NAP_ACT_F16, NAP_ACT_S8};
    for (int a = 0; a < 2; a++)
        for (unsigned depth = 1; depth <= 8; depth *= 2)
            for (unsigned m = 1; m <= 8; m *= 2) {
                const unsigned n = MACS / (4 * depth * m);
                if (n < 4) continue;
                const nap_core c = design(NAP_METHOD_LUT, which[a], 2, m, n, 4, depth);
                add_sums(l, c, nap_act_name(which[a]));
                if (is_float(&c)) add_array(l, int8_tables(c), nap_act_name(which[a]));
            }
}

/* One array of each method at its usual shape; floating-point products in the better way, fused. */
static size_t usual(nap_act act, unsigned wbits, nap_core out[4])
{
    out[0] = design(NAP_METHOD_LUT, act, wbits, 2, 64, 4, 1);
    out[1] = design(NAP_METHOD_ADD, act, wbits, 8, 16, 1, 4);
    out[2] = design(NAP_METHOD_MAC, act, wbits, 8, 16, 1, 4);
    out[3] = design(NAP_METHOD_MAC_NATIVE, act, wbits, 8, 16, 1, 4);
    for (int i = 1; i < 4; i++)
        if (is_float(&out[i])) out[i].fpsum = NAP_FPSUM_FUSED;
    return wbits <= 4 ? 4 : 3;
}

static void study_acc(list *l)
{
    static const nap_acc ints[] = {NAP_ACC_S16, NAP_ACC_S24, NAP_ACC_S32},
                         floats[] = {NAP_ACC_F16, NAP_ACC_F32};
    static const nap_act which[] = {NAP_ACT_S8, NAP_ACT_F16, NAP_ACT_E4M3};
    static const unsigned wbits[] = {1, 2};
    for (int a = 0; a < 3; a++)
        for (int w = 0; w < 2; w++) {
            nap_core c[4];
            const size_t n = usual(which[a], wbits[w], c);
            for (size_t i = 0; i < n; i++)
                for (int s = 0; s < (is_float(&c[i]) ? 2 : 3); s++) {
                    c[i].acc = is_float(&c[i]) ? floats[s] : ints[s];
                    add_array(l, c[i], nap_act_name(which[a]));
                }
            nap_core t = int8_tables(c[0]);
            for (int s = 0; is_float(&c[0]) && s < 3; s++) {
                t.acc = ints[s];
                add_array(l, t, nap_act_name(which[a]));
            }
        }
}

static void study_fpsum(list *l)
{
    static const nap_acc sums[] = {NAP_ACC_F16, NAP_ACC_F32};
    nap_core mac = design(NAP_METHOD_MAC, NAP_ACT_F16, 1, 8, 16, 1, 4);
    for (unsigned depth = 1; depth <= 4; depth *= 2) {
        nap_core lut = design(NAP_METHOD_LUT, NAP_ACT_F16, 1, 2, 64 / depth, 4, depth);
        for (int s = 0; s < 2; s++) {
            lut.acc = mac.acc = sums[s];
            add_sums(l, lut, "f16");
            if (depth == 1) add_sums(l, mac, "f16");
        }
        add_array(l, int8_tables(lut), "f16");
        lut = design(NAP_METHOD_LUT, NAP_ACT_S16, 1, 2, 64 / depth, 4, depth);
        lut.fpsum = NAP_FPSUM_PREALIGNED;
        add_array(l, lut, "f16");
    }
    mac = design(NAP_METHOD_MAC, NAP_ACT_S16, 1, 8, 16, 1, 4);
    mac.fpsum = NAP_FPSUM_PREALIGNED;
    add_array(l, mac, "f16");
}

static void study_pairs(list *l, nap_point_kind kind, unsigned operands, const char *series)
{
    static const struct {
        nap_act act;
        unsigned wbits;
    } pairs[] = {
        {NAP_ACT_S8, 1}, {NAP_ACT_S8, 2}, {NAP_ACT_S8, 4}, {NAP_ACT_F16, 1}, {NAP_ACT_F16, 4}};
    for (size_t p = 0; p < sizeof pairs / sizeof *pairs; p++) {
        nap_core c[4];
        const size_t n = usual(pairs[p].act, pairs[p].wbits, c);
        for (size_t i = 0; i < n; i++)
            add(l, kind, operands, &c[i], series != NULL ? series : nap_act_name(pairs[p].act));
    }
}

static void study_flat(list *l)
{
    const nap_core c[] = {design(NAP_METHOD_LUT, NAP_ACT_S8, 2, 2, 4, 4, 1),
                          design(NAP_METHOD_LUT, NAP_ACT_F16, 1, 1, 4, 4, 1),
                          design(NAP_METHOD_MAC, NAP_ACT_S8, 2, 2, 2, 1, 4),
                          design(NAP_METHOD_ADD, NAP_ACT_S8, 2, 2, 2, 1, 4)};
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        add(l, NAP_POINT_ARRAY, 0, &c[i], "composed");
        add(l, NAP_POINT_FLAT, 0, &c[i], "flat");
    }
}

static void study_precompute(list *l)
{
    for (int a = 0; a < ACTS; a++)
        for (unsigned k = 2; k <= 6; k += 2) {
            const nap_core c = design(NAP_METHOD_LUT, acts[a], 1, 1, 64, k, 1);
            add(l, NAP_POINT_PRECOMPUTE, 0, &c, nap_act_name(acts[a]));
            const nap_core t = int8_tables(c);
            if (is_float(&c)) add(l, NAP_POINT_PRECOMPUTE, 0, &t, nap_act_name(acts[a]));
        }
}

static const char *const study_names[] = {"k",     "mnk",   "ladder",   "bits", "depth",     "acc",
                                          "fpsum", "clock", "activity", "flat", "precompute"};
enum { STUDIES = sizeof study_names / sizeof *study_names };

static void one_study(list *l, int i, unsigned recorded)
{
    l->study = study_names[i];
    switch (i) {
    case 0:
        study_k(l);
        break;
    case 1:
        study_mnk(l);
        break;
    case 2:
        study_ladder(l);
        break;
    case 3:
        study_bits(l);
        break;
    case 4:
        study_depth(l);
        break;
    case 5:
        study_acc(l);
        break;
    case 6:
        study_fpsum(l);
        break;
    case 7:
        study_pairs(l, NAP_POINT_ARRAY, 0, "relaxed");
        study_pairs(l, NAP_POINT_TIGHT, 0, "tight");
        break;
    case 8:
        study_pairs(l, NAP_POINT_ARRAY, 0, NULL);
        for (unsigned r = 0; r < recorded; r++) study_pairs(l, NAP_POINT_RECORDED, r, NULL);
        break;
    case 9:
        study_flat(l);
        break;
    default:
        study_precompute(l);
        break;
    }
}

nap_status nap_dse_points(const char *study, unsigned recorded, nap_dse_list *out, nap_error *e)
{
    memset(out, 0, sizeof *out);
    list l = {.out = out};
    bool found = false;
    for (int i = 0; i < STUDIES; i++)
        if (strcmp(study, "all") == 0 || strcmp(study, study_names[i]) == 0) {
            found = true;
            one_study(&l, i, recorded);
        }
    if (!found)
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "study: found '%s', expected all, k, mnk, ladder, bits, depth, acc, fpsum, "
                        "clock, activity, flat or precompute",
                        study);
    if (l.failed) {
        nap_dse_points_free(out);
        return nap_fail_memory(e, out->count * sizeof *out->v, "points");
    }
    return NAP_OK;
}

void nap_dse_points_free(nap_dse_list *p)
{
    nap_free(p->v);
    memset(p, 0, sizeof *p);
}

int nap_dse_order(const char *study)
{
    int i = 0;
    while (i < STUDIES && strcmp(study, study_names[i]) != 0) i++;
    return i;
}
