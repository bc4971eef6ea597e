/* The sampler: every filter against a plain implementation written here (full sorts, libm, long
 * double), the drawn frequencies against the probabilities, and the edges. */
#include "cmocka_all.h"

#include "base/rng.h"
#include "napier/generate.h"
#include "run/logits.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_VOCAB = 5000 };

/* ---- the plain implementation: a probability per token */

typedef struct entry {
    double key;
    long double p;
    double logit;
    int id;
} entry;

static int by_key(const void *pa, const void *pb)
{
    const entry *a = pa, *b = pb;
    if (a->key != b->key) return a->key > b->key ? -1 : 1;
    return a->id < b->id ? -1 : 1;
}

static void softmax(entry *c, size_t n, double temperature)
{
    double max = -INFINITY;
    long double sum = 0;
    for (size_t i = 0; i < n; i++) max = fmax(max, c[i].logit);
    for (size_t i = 0; i < n; i++) sum += c[i].p = expl((c[i].logit - max) / temperature);
    for (size_t i = 0; i < n; i++) c[i].p /= sum;
}

static size_t cut(entry *c, size_t n, long double mass, bool strictly)
{
    long double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += c[i].p;
        if (strictly ? sum > mass : sum >= mass) return i + 1;
    }
    return n;
}

static void sort_by_logit(entry *c, size_t n)
{
    for (size_t i = 0; i < n; i++) c[i].key = c[i].logit;
    qsort(c, n, sizeof *c, by_key);
}

static void expected(const nap_sampler_options *o, const float *logits, size_t vocab,
                     const int *history, size_t n_history, double *p)
{
    static entry c[MAX_VOCAB];
    size_t n = 0;
    for (size_t i = 0; i < vocab; i++) {
        double l = logits[i];
        size_t count = 0;
        const size_t last = o->penalty_last_n < 0 || (size_t)o->penalty_last_n > n_history
                                ? n_history
                                : (size_t)o->penalty_last_n;
        for (size_t h = n_history - last; h < n_history; h++) count += history[h] == (int)i;
        if (count > 0) {
            l = (float)(l <= 0 ? l * o->repeat_penalty : l / o->repeat_penalty);
            l = (float)(l - (double)((float)count * o->frequency_penalty + o->presence_penalty));
        }
        if (isnan(l) || l == -INFINITY) continue;
        c[n++] = (entry){.logit = l, .id = (int)i};
    }
    sort_by_logit(c, n);
    if (o->top_k > 0 && (size_t)o->top_k < n) n = (size_t)o->top_k;
    if (o->typical_p < 1) {
        long double entropy = 0;
        softmax(c, n, 1);
        for (size_t i = 0; i < n; i++) entropy -= c[i].p * logl(c[i].p);
        for (size_t i = 0; i < n; i++) c[i].key = -(double)fabsl(-logl(c[i].p) - entropy);
        qsort(c, n, sizeof *c, by_key);
        n = cut(c, n, o->typical_p, true);
        sort_by_logit(c, n);
    }
    if (o->top_p < 1) {
        softmax(c, n, 1);
        n = cut(c, n, o->top_p, false);
    }
    if (o->min_p > 0) {
        size_t kept = 1;
        while (kept < n && c[kept].logit >= c[0].logit + log(o->min_p)) kept++;
        n = kept;
    }
    for (size_t i = 0; i < vocab; i++) p[i] = 0;
    softmax(c, n, o->temperature);
    for (size_t i = 0; i < n; i++) p[c[i].id] = (double)c[i].p;
}

/* ---- helpers */

static nap_sampler_options plain(void)
{
    nap_sampler_options o = nap_sampler_defaults();
    o.temperature = 1;
    o.top_k = 0;
    o.top_p = 1;
    o.min_p = 0;
    return o;
}

static nap_sampler *make(const nap_sampler_options *o, size_t vocab)
{
    nap_sampler *s = NULL;
    nap_error e;
    if (nap_sampler_create(&s, o, vocab, &e) != NAP_OK) fail_msg("%s", e.text);
    return s;
}

static nap_token draw(nap_sampler *s, const float *logits)
{
    nap_token t;
    nap_error e;
    if (nap_sampler_draw(s, logits, &t, &e) != NAP_OK) fail_msg("%s", e.text);
    return t;
}

/* Logits like a model's: a normal distribution with a few tall ones. */
static void fill(nap_rng *r, float *logits, size_t n, double width)
{
    for (size_t i = 0; i < n; i++) {
        double sum = -6;
        for (int k = 0; k < 12; k++) sum += nap_rng_double(r);
        logits[i] = (float)(sum * width);
        if (nap_rng_below(r, 50) == 0) logits[i] += (float)(3 * width);
    }
}

/* Draws many times: nothing impossible is drawn, and each count lies within five standard
 * deviations of its expectation. */
static void check_distribution(const nap_sampler_options *o, const float *logits, size_t vocab,
                               const int *history, size_t n_history)
{
    enum { DRAWS = 8000 };
    static double p[MAX_VOCAB];
    static int counts[MAX_VOCAB];
    expected(o, logits, vocab, history, n_history, p);
    memset(counts, 0, sizeof counts);
    nap_sampler *s = make(o, vocab);
    for (size_t i = 0; i < n_history; i++) nap_sampler_accept(s, history[i]);
    for (int i = 0; i < DRAWS; i++) counts[draw(s, logits)]++;
    nap_sampler_destroy(s);
    for (size_t i = 0; i < vocab; i++) {
        const double mean = DRAWS * p[i], sd = sqrt(mean * (1 - p[i]));
        if (p[i] == 0 && counts[i] > 0) fail_msg("token %zu was filtered, and drawn", i);
        if (fabs(counts[i] - mean) > 5 * sd + 5)
            fail_msg("token %zu: drawn %d times, expected %.1f +- %.1f", i, counts[i], mean, sd);
    }
}

/* ---- tests */

static void test_each_filter(void **state)
{
    (void)state;
    static float logits[MAX_VOCAB];
    nap_rng r;
    nap_rng_seed(&r, 7);
    static const size_t sizes[] = {1, 2, 7, 129, 2000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const size_t n = sizes[i];
        fill(&r, logits, n, 2);
        nap_sampler_options o = plain();
        check_distribution(&o, logits, n, NULL, 0);
        o.top_k = 5;
        check_distribution(&o, logits, n, NULL, 0);
        o = plain();
        o.top_p = 0.7f;
        check_distribution(&o, logits, n, NULL, 0);
        o.top_p = 0;
        check_distribution(&o, logits, n, NULL, 0);
        o = plain();
        o.min_p = 0.1f;
        check_distribution(&o, logits, n, NULL, 0);
        o = plain();
        o.typical_p = 0.6f;
        check_distribution(&o, logits, n, NULL, 0);
        o = plain();
        o.temperature = 0.3f;
        check_distribution(&o, logits, n, NULL, 0);
        o.temperature = 3;
        check_distribution(&o, logits, n, NULL, 0);
    }
}

static void test_chains(void **state)
{
    (void)state;
    static float logits[MAX_VOCAB];
    int history[100];
    nap_rng r;
    nap_rng_seed(&r, 8);
    for (int round = 0; round < 60; round++) {
        const size_t n = 1 + nap_rng_below(&r, 700);
        fill(&r, logits, n, 0.5 + 3 * nap_rng_double(&r));
        nap_sampler_options o = plain();
        o.seed = (uint64_t)round;
        if (round & 1) o.top_k = 1 + (int)nap_rng_below(&r, 60);
        if (round & 2) o.top_p = (float)(0.3 + 0.7 * nap_rng_double(&r));
        if (round & 4) o.min_p = (float)(0.3 * nap_rng_double(&r));
        if (round & 8) o.typical_p = (float)(0.3 + 0.7 * nap_rng_double(&r));
        if (round & 16) o.repeat_penalty = 1.3f;
        if (round & 32) o.frequency_penalty = 0.4f, o.presence_penalty = 0.3f;
        o.penalty_last_n = round % 3 == 0 ? -1 : round % 3 == 1 ? 13 : 64;
        o.temperature = (float)(0.4 + nap_rng_double(&r));
        const size_t n_history = nap_rng_below(&r, 100);
        for (size_t i = 0; i < n_history; i++) history[i] = (int)nap_rng_below(&r, (uint32_t)n);
        check_distribution(&o, logits, n, history, n_history);
    }
}

/* The default chain, as llama.cpp's documentation of it would have it, on numbers small enough to
 * do by hand: top-k 3 leaves 4, 3, 2; min-p 0.2 removes what is below 4 + ln 0.2 = 2.39. */
static void test_by_hand(void **state)
{
    (void)state;
    const float logits[] = {1, 4, 0, 3, 2};
    nap_sampler_options o = plain();
    o.top_k = 3;
    o.min_p = 0.2f;
    nap_sampler *s = make(&o, 5);
    int seen[5] = {0};
    for (int i = 0; i < 2000; i++) seen[draw(s, logits)]++;
    assert_int_equal(seen[0] + seen[2] + seen[4], 0);
    assert_true(seen[1] > 1380 && seen[1] < 1540); /* e / (e + 1) = 0.731 */
    nap_sampler_destroy(s);
}

static void test_greedy(void **state)
{
    (void)state;
    float logits[8] = {0, 5, NAN, 5, -INFINITY, 4, 5, 1};
    nap_sampler_options o = nap_sampler_defaults();
    o.temperature = 0;
    nap_sampler *s = make(&o, 8);
    assert_int_equal(draw(s, logits), 1); /* ties: the lowest id */
    nap_sampler_destroy(s);
    o.repeat_penalty = 2;
    s = make(&o, 8);
    nap_sampler_accept(s, 1);
    assert_int_equal(draw(s, logits), 3);
    nap_sampler_accept(s, 3);
    nap_sampler_accept(s, 6);
    assert_int_equal(draw(s, logits), 5);
    nap_sampler_reset(s);
    assert_int_equal(draw(s, logits), 1);
    nap_sampler_accept(s, -1); /* no token: ignored */
    nap_sampler_accept(s, 8);
    assert_int_equal(draw(s, logits), 1);
    nap_sampler_destroy(s);
}

static void test_penalty_window(void **state)
{
    (void)state;
    const float logits[3] = {3, 2, 1};
    nap_sampler_options o = nap_sampler_defaults();
    o.temperature = 0;
    o.presence_penalty = 5;
    o.penalty_last_n = 2;
    nap_sampler *s = make(&o, 3);
    nap_sampler_accept(s, 0);
    assert_int_equal(draw(s, logits), 1);
    nap_sampler_accept(s, 1);
    assert_int_equal(draw(s, logits), 2);
    nap_sampler_accept(s, 2); /* 0 leaves the window */
    assert_int_equal(draw(s, logits), 0);
    nap_sampler_destroy(s);
    o.penalty_last_n = -1;
    o.presence_penalty = 0;
    o.frequency_penalty = 0.3f; /* grows with the count */
    s = make(&o, 3);
    for (int i = 0; i < 3; i++) nap_sampler_accept(s, 0);
    assert_int_equal(draw(s, logits), 0);
    nap_sampler_accept(s, 0);
    assert_int_equal(draw(s, logits), 1);
    nap_sampler_destroy(s);
}

static void test_extremes(void **state)
{
    (void)state;
    nap_error e;
    nap_token t;
    float logits[300];
    nap_sampler_options o = nap_sampler_defaults();
    for (int greedy = 0; greedy < 2; greedy++) {
        o.temperature = greedy ? 0 : 1;
        nap_sampler *s = make(&o, 4);
        const float nothing[4] = {NAN, -INFINITY, NAN, -INFINITY};
        memset(&e, 0, sizeof e);
        assert_int_equal(nap_sampler_draw(s, nothing, &t, &e), NAP_ERR_ARGUMENT);
        assert_non_null(strstr(e.text, "NaN"));
        const float one[4] = {NAN, -INFINITY, -3e38f, -INFINITY};
        assert_int_equal(draw(s, one), 2);
        const float inf[4] = {1, INFINITY, 3, NAN};
        for (int i = 0; i < 50; i++) assert_int_equal(draw(s, inf), 1);
        const float far[4] = {-FLT_MAX, FLT_MAX, 0, NAN};
        for (int i = 0; i < 50; i++) assert_int_equal(draw(s, far), 1);
        nap_sampler_destroy(s);
    }
    /* one token only; a temperature next to nothing; all equal */
    o = nap_sampler_defaults();
    nap_sampler *s = make(&o, 1);
    logits[0] = -7;
    assert_int_equal(draw(s, logits), 0);
    nap_sampler_destroy(s);
    o.temperature = FLT_MIN;
    s = make(&o, 3);
    const float near[3] = {1, 1.0000001f, 1};
    for (int i = 0; i < 50; i++) assert_int_equal(draw(s, near), 1);
    nap_sampler_destroy(s);
    for (int i = 0; i < 300; i++) logits[i] = 2.5f;
    o = plain();
    check_distribution(&o, logits, 300, NULL, 0);
    o.top_k = 10; /* ties: the lowest ids stay */
    check_distribution(&o, logits, 300, NULL, 0);
    o.typical_p = 0.25f;
    check_distribution(&o, logits, 300, NULL, 0);
    o.top_p = 0.55f;
    check_distribution(&o, logits, 300, NULL, 0);
}

static void test_deterministic(void **state)
{
    (void)state;
    static float logits[MAX_VOCAB];
    nap_rng r;
    nap_rng_seed(&r, 9);
    fill(&r, logits, MAX_VOCAB, 1);
    nap_sampler_options o = plain();
    o.top_p = 0.9f;
    o.seed = 1234;
    nap_sampler *a = make(&o, MAX_VOCAB), *b = make(&o, MAX_VOCAB);
    nap_token first[100];
    for (int i = 0; i < 100; i++) assert_int_equal(first[i] = draw(a, logits), draw(b, logits));
    nap_sampler_reset(a);
    for (int i = 0; i < 100; i++) assert_int_equal(first[i], draw(a, logits));
    nap_sampler_destroy(b);
    o.seed = 1235;
    b = make(&o, MAX_VOCAB);
    int same = 0;
    for (int i = 0; i < 100; i++) same += draw(b, logits) == first[i];
    assert_true(same < 20);
    nap_sampler_destroy(a);
    nap_sampler_destroy(b);
    /* Worked out from the description of generator and draw, not recorded from this code. */
    static const nap_token worked_out[16] = {1, 1, 3, 5, 5, 4, 3, 4, 4, 3, 3, 1, 4, 1, 3, 4};
    const float small[6] = {0.1f, 1.7f, -0.4f, 1.1f, 0.9f, 0.2f};
    o = plain();
    o.seed = 42;
    a = make(&o, 6);
    for (int i = 0; i < 16; i++) assert_int_equal(draw(a, small), worked_out[i]);
    nap_sampler_destroy(a);
}

static void test_bad_options(void **state)
{
    (void)state;
    static const struct {
        size_t offset;
        const char *name;
        bool is_int;
        double bad;
    } cases[] = {
#define F(field, value) {offsetof(nap_sampler_options, field), #field, false, value}
#define I(field, value)                                                                            \
    {                                                                                              \
        offsetof(nap_sampler_options, field), #field, true, value                                  \
    }
        F(temperature, -0.1),
        F(temperature, NAN),
        F(temperature, INFINITY),
        F(top_p, -1),
        F(top_p, 1.5),
        F(top_p, NAN),
        F(min_p, -0.5),
        F(min_p, 2),
        F(min_p, NAN),
        F(typical_p, -1),
        F(typical_p, 1.01),
        F(typical_p, NAN),
        F(repeat_penalty, 0),
        F(repeat_penalty, NAN),
        F(repeat_penalty, INFINITY),
        F(presence_penalty, NAN),
        F(frequency_penalty, INFINITY),
        I(top_k, -1),
        I(penalty_last_n, -2),
        I(penalty_last_n, 1048577)};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nap_sampler_options o = nap_sampler_defaults();
        const float f = (float)cases[i].bad;
        const int n = cases[i].is_int ? (int)cases[i].bad : 0;
        if (cases[i].is_int)
            memcpy((char *)&o + cases[i].offset, &n, sizeof n);
        else
            memcpy((char *)&o + cases[i].offset, &f, sizeof f);
        nap_sampler *s = NULL;
        nap_error e = {0};
        assert_int_equal(nap_sampler_create(&s, &o, 10, &e), NAP_ERR_ARGUMENT);
        assert_null(s);
        assert_non_null(strstr(e.text, cases[i].name));
        assert_non_null(strstr(e.text, "expected"));
    }
    nap_sampler *s;
    assert_int_equal(nap_sampler_create(&s, NULL, 0, NULL), NAP_ERR_ARGUMENT);
    nap_sampler_destroy(NULL);
}

static void test_logprobs(void **state)
{
    (void)state;
    static float logits[MAX_VOCAB];
    static nap_logprob top[MAX_VOCAB];
    nap_rng r;
    nap_rng_seed(&r, 11);
    fill(&r, logits, MAX_VOCAB, 3);
    logits[17] = logits[4000] = 30;
    logits[5] = NAN;
    logits[6] = -INFINITY;
    long double sum = 0;
    for (int i = 0; i < MAX_VOCAB; i++) {
        if (i != 5 && i != 6) sum += expl((long double)logits[i] - 30);
    }
    const long double log_sum = logl(sum) + 30;
    nap_error e;
    assert_int_equal(nap_top_logprobs(logits, MAX_VOCAB, 100, top, &e), NAP_OK);
    assert_int_equal(top[0].token, 17);
    assert_int_equal(top[1].token, 4000);
    for (int i = 0; i < 100; i++) {
        if (i > 0) assert_true(top[i].logprob <= top[i - 1].logprob);
        const long double want = logits[top[i].token] - log_sum;
        assert_true(fabsl(top[i].logprob - want) <= 1e-6L * fabsl(want) + 1e-9L);
        assert_true(top[i].logprob == nap_logprob_of(logits, MAX_VOCAB, top[i].token));
    }
    assert_int_equal(nap_top_logprobs(logits, MAX_VOCAB, MAX_VOCAB, top, &e), NAP_OK);
    double total = 0;
    for (int i = 0; i < MAX_VOCAB; i++) total += exp(top[i].logprob);
    assert_true(fabs(total - 1) < 1e-5);
    assert_int_equal(top[MAX_VOCAB - 1].token, 6);
    assert_true(top[MAX_VOCAB - 1].logprob == -INFINITY);
    assert_int_equal(nap_top_logprobs(logits, 10, 11, top, &e), NAP_ERR_ARGUMENT);
    assert_int_equal(nap_top_logprobs(logits, 10, 0, NULL, &e), NAP_OK);
    const float nothing[2] = {NAN, -INFINITY};
    assert_int_equal(nap_top_logprobs(nothing, 2, 1, top, &e), NAP_ERR_ARGUMENT);
    assert_true(isnan(nap_logprob_of(nothing, 2, 0)));
    assert_true(isnan(nap_logprob_of(logits, 10, 10)));
    assert_true(isnan(nap_logprob_of(logits, 10, -1)));
}

static void test_exp_log(void **state)
{
    (void)state;
    nap_rng r;
    nap_rng_seed(&r, 12);
    for (int i = 0; i < 200000; i++) {
        const double x = 1400 * nap_rng_double(&r) - 700;
        double y = x;
        nap_exp64(&y, 1);
        assert_true(fabsl(y - expl(x)) <= 0x1p-51L * expl(x));
        const double z = exp(x / 20);
        assert_true(fabsl(nap_log64(z) - logl(z)) <= 0x1p-51L * fabsl(logl(z)) + 0x1p-56L);
    }
    double edge[9] = {0, -0.0, -INFINITY, INFINITY, NAN, -708, -1e300, 709, 1};
    nap_exp64(edge, 9);
    assert_true(edge[0] == 1 && edge[1] == 1 && edge[2] > 0 && edge[2] < 1e-300);
    assert_true(isfinite(edge[3]) && edge[4] < 1e-300 && edge[5] == edge[6] && edge[7] > 1e307);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exp_log),     cmocka_unit_test(test_each_filter),
        cmocka_unit_test(test_chains),      cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_greedy),      cmocka_unit_test(test_penalty_window),
        cmocka_unit_test(test_extremes),    cmocka_unit_test(test_deterministic),
        cmocka_unit_test(test_bad_options), cmocka_unit_test(test_logprobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
