/* The ground that everything stands on: arithmetic that cannot wrap, allocation that can be made to
 * fail, half-precision conversion, threads that each do their part exactly once. */
#include "cmocka_all.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/checked.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/half.h"
#include "base/rng.h"
#include "base/threads.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static void checked_arithmetic(void **state)
{
    (void)state;
    uint64_t r = 7;
    assert_true(nap_add_ok(UINT64_MAX - 1, 1, &r));
    assert_true(r == UINT64_MAX);
    r = 7;
    assert_false(nap_add_ok(UINT64_MAX, 1, &r));
    assert_false(nap_mul_ok(UINT64_C(1) << 32, UINT64_C(1) << 32, &r));
    assert_false(nap_sub_ok(1, 2, &r));
    assert_false(nap_align_ok(UINT64_MAX, 32, &r)); /* padding that wraps past a passed check */
    assert_true(nap_align_ok(33, 32, &r) && r == 64);
    assert_true(nap_align_ok(64, 32, &r) && r == 64);
    assert_true(nap_align_ok(10, 3, &r) && r == 12);
    assert_true(nap_range_ok(10, 0, 10));
    assert_false(nap_range_ok(11, 0, 10));
    assert_false(nap_range_ok(1, UINT64_MAX, 10));
}

/* binary16 by its definition, in double. */
static double half_value(uint16_t h)
{
    const int e = h >> 10 & 31, m = h & 1023;
    const double v = e ? ldexp(1024 + m, e - 25) : ldexp(m, -24);
    return h & 0x8000 ? -v : v;
}

static void half_to_float_is_exact(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 65536; i++) {
        const uint16_t h = (uint16_t)i;
        const float f = nap_f16_to_f32(h);
        if ((h & 0x7c00) == 0x7c00) {
            if (h & 0x3ff)
                assert_true(isnan(f));
            else
                assert_true(isinf(f) && (f < 0) == (h >> 15));
            continue;
        }
        assert_true((double)f == half_value(h));
        assert_true((signbit(f) != 0) == (h >> 15));
        assert_int_equal(nap_f32_to_f16(f), h);
    }
}

/* Round to nearest, ties to even, found by search among all halves around the value. */
static void float_to_half_rounds_to_nearest_even(void **state)
{
    (void)state;
    nap_rng rng;
    nap_rng_seed(&rng, 1);
    for (int i = 0; i < 300000; i++) {
        /* Exponents from far below the subnormals to above the largest half. */
        const uint32_t exp = 127 - 30 + nap_rng_below(&rng, 48);
        uint32_t bits = exp << 23 | (nap_rng_below(&rng, 1u << 23));
        if (i % 4 == 0) bits &= ~0x1fffu;                   /* representable, or */
        if (i % 4 == 1) bits = (bits & ~0x1fffu) | 0x1000u; /* half way between two */
        const float f = nap_bits_f32(bits);
        const uint16_t h = nap_f32_to_f16(f);
        if (h == 0x7c00) {
            assert_true((double)f >= 65520.0);
            continue;
        }
        const double v = (double)f, here = fabs(half_value(h) - v);
        const double up = h == 0x7bff ? fabs(65536.0 - v) : fabs(half_value((uint16_t)(h + 1)) - v);
        const double down = h == 0 ? INFINITY : fabs(half_value((uint16_t)(h - 1)) - v);
        assert_true(here <= up && here <= down);
        if (here == up || here == down) assert_int_equal(h & 1, 0);
        assert_int_equal(nap_f32_to_f16(-f), h | 0x8000);
    }
    assert_int_equal(nap_f32_to_f16(INFINITY), 0x7c00);
    assert_true((nap_f32_to_f16(NAN) & 0x7fff) > 0x7c00);
    assert_int_equal(nap_f32_to_bf16(1.0f), 0x3f80);
    assert_int_equal(nap_f32_to_bf16(nap_bits_f32(0x3f808000)), 0x3f80); /* tie to even */
    assert_int_equal(nap_f32_to_bf16(nap_bits_f32(0x3f818000)), 0x3f82);
    assert_true(isnan(nap_bf16_to_f32(nap_f32_to_bf16(NAN))));
}

static void allocation_can_be_made_to_fail(void **state)
{
    (void)state;
    (void)nap_alloc_fail_at(1, false);
    void *a = nap_alloc(1), *b = nap_alloc(1), *c = nap_calloc(3, 3);
    assert_non_null(a);
    assert_null(b);
    assert_non_null(c);
    assert_int_equal(nap_alloc_fail_at(0, true), 3);
    assert_null(nap_alloc(1));
    assert_null(nap_alloc_aligned(1));
    assert_null(nap_alloc_huge(1));
    assert_null(nap_realloc(NULL, 1, 1));
    (void)nap_alloc_fail_at(-1, false);
    assert_null(nap_realloc(NULL, SIZE_MAX / 2, 3));
    nap_free(a);
    nap_free(c);

    char *huge = nap_alloc_huge(3 << 20);
    assert_non_null(huge);
    assert_int_equal((uintptr_t)huge % (2 << 20), 0);
    for (size_t i = 0; i < 3 << 20; i += 4096) assert_int_equal(huge[i], 0);
    huge[(3 << 20) - 1] = 1;
    nap_free_huge(huge, 3 << 20);
}

static void buffers_grow_and_remember_failure(void **state)
{
    (void)state;
    nap_buf b = {0};
    for (int i = 0; i < 1000; i++) assert_true(nap_buf_printf(&b, "%d,", i));
    assert_int_equal(b.len, 3890); /* 10 of 2, 90 of 3, 900 of 4 */
    assert_int_equal(strlen(b.data), b.len);
    (void)nap_alloc_fail_at(0, true);
    while (nap_buf_putc(&b, 'x')) {
    }
    (void)nap_alloc_fail_at(-1, false);
    assert_true(b.failed);
    assert_false(nap_buf_putc(&b, 'y')); /* stays failed, so that one check at the end is enough */
    size_t len;
    assert_null(nap_buf_take(&b, &len));
    assert_null(b.data);
}

typedef struct tally {
    nap_pool *pool;
    atomic_int calls[8];
    atomic_int before;
    atomic_bool early;
} tally;

static void count_part(void *ctx, int part, int parts)
{
    tally *t = ctx;
    atomic_fetch_add(&t->calls[part], 1);
    atomic_fetch_add(&t->before, 1);
    nap_pool_barrier(t->pool);
    if (atomic_load(&t->before) % parts != 0) atomic_store(&t->early, true);
    nap_pool_barrier(t->pool);
}

static void every_part_runs_once(void **state)
{
    (void)state;
    const int sizes[] = {1, 2, 3, 7};
    for (size_t s = 0; s < 4; s++) {
        tally t = {0};
        assert_int_equal(nap_pool_create(&t.pool, sizes[s], NULL), NAP_OK);
        for (int i = 0; i < 200; i++) nap_pool_run(t.pool, count_part, &t);
        for (int i = 0; i < sizes[s]; i++) assert_int_equal(atomic_load(&t.calls[i]), 200);
        assert_false(atomic_load(&t.early));
        nap_pool_destroy(t.pool);
    }
    nap_error e;
    nap_pool *p;
    assert_int_equal(nap_pool_create(&p, -1, &e), NAP_ERR_ARGUMENT);
    assert_non_null(strstr(e.text, "-1"));
}

static void splits_cover_without_overlap(void **state)
{
    (void)state;
    for (size_t count = 0; count < 200; count += 7) {
        for (int parts = 1; parts < 9; parts++) {
            size_t at = 0;
            for (int p = 0; p < parts; p++) {
                size_t b, f;
                nap_split(count, 16, p, parts, &b, &f);
                assert_true(b == at && f >= b);
                if (b < count) assert_int_equal(b % 16, 0);
                at = f;
            }
            assert_int_equal(at, count);
        }
    }
}

static void random_numbers_are_fixed(void **state)
{
    (void)state;
    /* The generators' published reference outputs: SplitMix64 from seed 1234567. */
    uint64_t seed = 1234567;
    assert_true(nap_splitmix64(&seed) == UINT64_C(6457827717110365317));
    assert_true(nap_splitmix64(&seed) == UINT64_C(3203168211198807973));
    nap_rng a, b;
    nap_rng_seed(&a, 42);
    nap_rng_seed(&b, 42);
    double sum = 0;
    for (int i = 0; i < 10000; i++) {
        const double x = nap_rng_double(&a);
        assert_true(x == nap_rng_double(&b) && x >= 0 && x < 1);
        sum += x;
    }
    assert_true(fabs(sum / 10000 - 0.5) < 0.02);
}

static void errors_name_and_tiers_parse(void **state)
{
    (void)state;
    nap_error e;
    assert_int_equal(nap_fail(&e, NAP_ERR_FORMAT, 12, "%s", "x"), NAP_ERR_FORMAT);
    /* Wrapping a message in itself must not read what it overwrites. */
    nap_fail(&e, NAP_ERR_FORMAT, 12, "outer: %s", e.text);
    assert_string_equal(e.text, "outer: x");
    for (int s = NAP_OK; s <= NAP_ERR_INTERNAL; s++) {
        assert_int_equal(strncmp(nap_status_name((nap_status)s), "NAP_", 4), 0);
    }
    assert_string_equal(nap_status_name((nap_status)99), "unknown status");
    for (int t = 0; t < NAP_TIER_COUNT; t++) {
        assert_int_equal(nap_tier_parse(nap_tier_name((nap_tier)t)), t);
    }
    assert_int_equal(nap_cpu_force("sse9", &e), NAP_ERR_ARGUMENT);
    assert_int_equal(nap_cpu_force("ref", &e), NAP_OK);
    assert_int_equal(nap_cpu_tier(), NAP_TIER_REF);
    assert_int_equal(nap_cpu_force(NULL, &e), NAP_OK);
    assert_true(nap_tier_available(nap_cpu_tier()));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checked_arithmetic),
        cmocka_unit_test(half_to_float_is_exact),
        cmocka_unit_test(float_to_half_rounds_to_nearest_even),
        cmocka_unit_test(allocation_can_be_made_to_fail),
        cmocka_unit_test(buffers_grow_and_remember_failure),
        cmocka_unit_test(every_part_runs_once),
        cmocka_unit_test(splits_cover_without_overlap),
        cmocka_unit_test(random_numbers_are_fixed),
        cmocka_unit_test(errors_name_and_tiers_parse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
