/* The error study: exact where arithmetic is exact, in the order that arithmetic promises, and
 * against float sums written out. */
#include "cmocka_all.h"
#include "designs.h"

#include "base/alloc.h"
#include "base/half.h"
#include "base/rng.h"
#include "lutcore/fperror.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 3, COLS = 24, LENGTH = 512 };

typedef struct data {
    float x[ROWS * LENGTH];
    uint8_t q[COLS * LENGTH];
} data;

static data *data_new(unsigned bits, float outlier)
{
    data *d = calloc(1, sizeof *d);
    nap_rng r;
    assert_non_null(d);
    nap_rng_seed(&r, 9);
    nap_fperror_random(3, outlier, d->x, ROWS, LENGTH);
    for (size_t i = 0; i < COLS * LENGTH; i++) d->q[i] = (uint8_t)nap_rng_below(&r, 1u << bits);
    return d;
}

static nap_fpstudy study_of(nap_method method, nap_act act, unsigned wbits, nap_acc acc,
                            nap_fpsum fpsum)
{
    const bool tables = method == NAP_METHOD_LUT || method == NAP_METHOD_LUT_CONV;
    nap_fpstudy s = {
        .core = design_int(method, 2, 16, tables ? 4 : 1, tables ? 2 : 8, act, wbits, acc)};
    s.core.fpsum = fpsum;
    return s;
}

static nap_fperror measure(const nap_fpstudy *s, const data *d)
{
    nap_fperror r;
    nap_error e;
    if (nap_fperror_measure(s, d->x, ROWS, d->q, COLS, LENGTH, &r, &e) != NAP_OK)
        fail_msg("%s", e.text);
    assert_int_equal(r.dots, ROWS * COLS);
    assert_int_equal(r.special, 0);
    return r;
}

/* Activations that are small integers: every way of adding is exact. */
static void exact_sums_have_no_error(void **state)
{
    (void)state;
    static const nap_method methods[] = {NAP_METHOD_LUT, NAP_METHOD_LUT_CONV, NAP_METHOD_ADD,
                                         NAP_METHOD_MAC, NAP_METHOD_MAC_NATIVE};
    data *const d = data_new(4, 1);
    for (size_t i = 0; i < ROWS * LENGTH; i++) d->x[i] = (float)((int)(i * 7 % 13) - 6);
    for (unsigned i = 0; i < 5; i++) {
        for (unsigned sum = NAP_FPSUM_DISCRETE; sum <= NAP_FPSUM_FUSED; sum++) {
            const nap_fpstudy s = study_of(methods[i], NAP_ACT_F16, 4, NAP_ACC_F32, (nap_fpsum)sum);
            const nap_fperror r = measure(&s, d);
            assert_true(r.nmse == 0 && r.nmse_inputs == 0 && r.worst == 0);
        }
        nap_fpstudy s = study_of(methods[i], NAP_ACT_S16, 4, NAP_ACC_S32, NAP_FPSUM_PREALIGNED);
        s.source = NAP_ACT_F16;
        s.align_bits = 12;
        assert_true(measure(&s, d).nmse == 0);
    }
    free(d);
}

/* One design, its figures recomputed with the machine's float. */
static void figures_are_what_they_say(void **state)
{
    (void)state;
    data *const d = data_new(2, 4);
    nap_fpstudy s = study_of(NAP_METHOD_MAC, NAP_ACT_F16, 2, NAP_ACC_F32, NAP_FPSUM_DISCRETE);
    s.core.depth = 2;
    const nap_fperror got = measure(&s, d);
    double error = 0, reference = 0, inputs = 0, reference_inputs = 0, worst = 0;
    for (size_t m = 0; m < ROWS; m++) {
        for (size_t n = 0; n < COLS; n++) {
            float y = 0;
            double r = 0, given = 0;
            for (size_t k = 0; k < LENGTH; k += 2) {
                float p[2];
                for (size_t i = 0; i < 2; i++) {
                    const float x = d->x[m * LENGTH + k + i];
                    const float a = nap_f16_to_f32(nap_f32_to_f16(x));
                    const int w = 2 * d->q[n * LENGTH + k + i] - 3;
                    p[i] = a * (float)w;
                    r += (double)a * w;
                    given += (double)x * w;
                }
                y += p[0] + p[1];
            }
            error += (y - r) * (y - r);
            reference += r * r;
            inputs += (y - given) * (y - given);
            reference_inputs += given * given;
            worst = fmax(worst, fabs(y - r));
        }
    }
    assert_true(error > 0 && fabs(got.nmse / (error / reference) - 1) < 1e-9);
    assert_true(fabs(got.nmse_inputs / (inputs / reference_inputs) - 1) < 1e-9);
    assert_true(fabs(got.worst / (worst / sqrt(reference / (ROWS * COLS))) - 1) < 1e-9);
    free(d);
}

static double aligned_nmse(const data *d, unsigned bits, size_t block)
{
    nap_fpstudy s = study_of(NAP_METHOD_LUT, NAP_ACT_S16, 2, NAP_ACC_S32, NAP_FPSUM_PREALIGNED);
    s.source = NAP_ACT_F16;
    s.align_bits = bits;
    s.block = block;
    return measure(&s, d).nmse;
}

static void errors_come_in_order(void **state)
{
    (void)state;
    data *const d = data_new(2, 20);
    /* each further bit of alignment takes about a factor 4 off the squared error */
    for (unsigned bits = 8; bits < 14; bits++) {
        const double ratio = aligned_nmse(d, bits, 0) / aligned_nmse(d, bits + 1, 0);
        assert_true(ratio > 2 && ratio < 8);
    }
    /* outliers spoil a shared exponent, less in the blocks that have none */
    assert_true(aligned_nmse(d, 8, 32) < aligned_nmse(d, 8, 0));
    nap_fpstudy half = study_of(NAP_METHOD_LUT, NAP_ACT_F16, 2, NAP_ACC_F16, NAP_FPSUM_DISCRETE);
    nap_fpstudy full = half;
    full.core.acc = NAP_ACC_F32;
    const double discrete = measure(&half, d).nmse;
    assert_true(measure(&full, d).nmse < discrete);
    /* one rounding for depth terms rather than depth roundings */
    half.core.fpsum = NAP_FPSUM_FUSED;
    half.core.depth = 4;
    assert_true(measure(&half, d).nmse < discrete / 2);
    nap_fpstudy table = full;
    table.core.table = NAP_TABLE_S8;
    table.core.acc = NAP_ACC_S32;
    const double whole = measure(&table, d).nmse;
    table.block = 64;
    const double blocks = measure(&table, d).nmse;
    assert_true(measure(&full, d).nmse < blocks && blocks <= whole && whole < 0.1);
    free(d);
}

/* Tables of odd integers up to 127 are exact, but with the one exponent that is right. */
static void int8_tables_use_their_range(void **state)
{
    (void)state;
    data *const d = data_new(2, 1);
    for (size_t i = 0; i < ROWS * LENGTH; i++) d->x[i] = (float)((int)(i * 46 % 256) - 127) / 8;
    nap_fpstudy s = study_of(NAP_METHOD_LUT, NAP_ACT_F16, 2, NAP_ACC_S32, NAP_FPSUM_DISCRETE);
    s.core.table = NAP_TABLE_S8;
    s.core.k = 1;
    assert_true(measure(&s, d).nmse == 0);
    free(d);
}

/* binary16 sums that leave its range are counted, not averaged. */
static void overflows_are_counted(void **state)
{
    (void)state;
    data *const d = data_new(2, 1);
    for (size_t i = 0; i < LENGTH; i++) d->x[i] = 60000;
    memset(d->q, 3, LENGTH);
    const nap_fpstudy s = study_of(NAP_METHOD_LUT, NAP_ACT_F16, 2, NAP_ACC_F16, NAP_FPSUM_DISCRETE);
    nap_fperror r;
    nap_error e;
    assert_int_equal(nap_fperror_measure(&s, d->x, ROWS, d->q, COLS, LENGTH, &r, &e), NAP_OK);
    assert_true(r.special > 0 && r.special <= COLS && isfinite(r.nmse));
    free(d);
}

static void refuses_what_it_cannot_measure(void **state)
{
    (void)state;
    data *const d = data_new(2, 1);
    nap_fpstudy s = study_of(NAP_METHOD_LUT, NAP_ACT_S8, 2, NAP_ACC_S32, NAP_FPSUM_DISCRETE);
    nap_fperror r;
    nap_error e;
    const nap_status bad = NAP_ERR_ARGUMENT;
    assert_int_equal(nap_fperror_measure(&s, d->x, ROWS, d->q, COLS, LENGTH, &r, &e), bad);
    assert_non_null(strstr(e.text, "floating-point or pre-aligned"));
    s.core.fpsum = NAP_FPSUM_PREALIGNED;
    s.source = NAP_ACT_F16;
    s.align_bits = 9;
    assert_int_equal(nap_fperror_measure(&s, d->x, ROWS, d->q, COLS, LENGTH, &r, &e), bad);
    assert_non_null(strstr(e.text, "align_bits"));
    s.align_bits = 8;
    s.block = 12;
    assert_int_equal(nap_fperror_measure(&s, d->x, ROWS, d->q, COLS, LENGTH, &r, &e), bad);
    assert_non_null(strstr(e.text, "block"));
    s = study_of(NAP_METHOD_LUT, NAP_ACT_F16, 2, NAP_ACC_F32, NAP_FPSUM_DISCRETE);
    s.block = 12; /* without meaning where nothing shares an exponent */
    assert_int_equal(nap_fperror_measure(&s, d->x, ROWS, d->q, COLS, LENGTH, &r, &e), NAP_OK);
    free(d);
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    data *const d = data_new(2, 1);
    nap_fpstudy s = study_of(NAP_METHOD_LUT, NAP_ACT_F16, 2, NAP_ACC_S32, NAP_FPSUM_DISCRETE);
    s.core.table = NAP_TABLE_S8;
    bool done = false;
    for (long n = 0; !done; n++) {
        nap_fperror r;
        nap_error e;
        nap_alloc_fail_at(n, false);
        const nap_status status = nap_fperror_measure(&s, d->x, 1, d->q, 1, 16, &r, &e);
        nap_alloc_fail_at(-1, false);
        done = status == NAP_OK;
        if (!done) assert_int_equal(status, NAP_ERR_MEMORY);
        if (done) assert_true(n > 10);
    }
    free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_sums_have_no_error),
        cmocka_unit_test(figures_are_what_they_say),
        cmocka_unit_test(errors_come_in_order),
        cmocka_unit_test(int8_tables_use_their_range),
        cmocka_unit_test(overflows_are_counted),
        cmocka_unit_test(refuses_what_it_cannot_measure),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests_name("lutcore/fperror", tests, NULL, NULL);
}
