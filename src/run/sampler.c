/* Choosing a token: penalties, top-k, typical, top-p, min-p, temperature, one draw.
 *
 * The meaning of each step is that of llama.cpp's samplers (top-p: Holtzman et al., "The curious
 * case of neural text degeneration", 2020; typical: Meister et al., "Locally typical sampling",
 * 2023; min-p: Nguyen et al., "Turning up the heat", 2024). Invariants:
 *  - the draw depends on logits, options, seed and history alone: order by value, then by id;
 *    exp and log from run/logits.h; exactly one random number per token drawn by chance;
 *  - candidates are only ever removed, and the most likely is never removed but by typical;
 *  - a draw allocates nothing. */
#include "napier/generate.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/rng.h"
#include "run/logits.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { LAST_N_MAX = 1 << 20, EXP_BLOCK = 64 };

typedef struct candidate {
    double key; /* what it is ordered by, largest first */
    double p;   /* probability, or not yet normalised */
    float logit;
    nap_token id;
} candidate;

struct nap_sampler {
    nap_sampler_options o;
    size_t vocab;
    nap_rng rng;
    double min_p_gap; /* ln(min_p) */
    candidate *cand;  /* room for `cap` */
    size_t cap;       /* top_k, or the vocabulary */
    bool penalties;
    float *work;      /* penalised logits; NULL without penalties */
    uint32_t *counts; /* per token, how often it is in the window */
    nap_token *ring;  /* the window; NULL if it is unbounded */
    size_t ring_len, ring_next;
};

nap_sampler_options nap_sampler_defaults(void)
{
    return (nap_sampler_options){.temperature = 0.8f,
                                 .top_k = 40,
                                 .top_p = 0.95f,
                                 .min_p = 0.05f,
                                 .typical_p = 1,
                                 .repeat_penalty = 1,
                                 .penalty_last_n = 64};
}

/* ---- options */

static nap_status bad_option(nap_error *e, const char *name, double value, const char *range)
{
    return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET, "sampler option %s is %g, expected %s",
                    name, value, range);
}

static nap_status check_options(const nap_sampler_options *o, nap_error *e)
{
    /* Written so that a NaN fails each of them. */
    if (!(o->temperature >= 0 && o->temperature <= FLT_MAX))
        return bad_option(e, "temperature", o->temperature, "0 or more");
    if (o->top_k < 0) return bad_option(e, "top_k", o->top_k, "0 (off) or more");
    if (!(o->top_p >= 0 && o->top_p <= 1)) return bad_option(e, "top_p", o->top_p, "0 to 1");
    if (!(o->min_p >= 0 && o->min_p <= 1)) return bad_option(e, "min_p", o->min_p, "0 to 1");
    if (!(o->typical_p >= 0 && o->typical_p <= 1))
        return bad_option(e, "typical_p", o->typical_p, "0 to 1");
    if (!(o->repeat_penalty > 0 && o->repeat_penalty <= FLT_MAX))
        return bad_option(e, "repeat_penalty", o->repeat_penalty, "more than 0");
    if (!(fabsf(o->frequency_penalty) <= FLT_MAX))
        return bad_option(e, "frequency_penalty", o->frequency_penalty, "a finite number");
    if (!(fabsf(o->presence_penalty) <= FLT_MAX))
        return bad_option(e, "presence_penalty", o->presence_penalty, "a finite number");
    if (o->penalty_last_n < -1 || o->penalty_last_n > LAST_N_MAX)
        return bad_option(e, "penalty_last_n", o->penalty_last_n, "-1 (all) to 1048576");
    return NAP_OK;
}

nap_status nap_sampler_create(nap_sampler **out, const nap_sampler_options *o, size_t vocab_size,
                              nap_error *e)
{
    *out = NULL;
    const nap_sampler_options defaults = nap_sampler_defaults();
    if (!o) o = &defaults;
    NAP_TRY(check_options(o, e));
    if (vocab_size == 0 || vocab_size > INT32_MAX)
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "a sampler for %zu tokens, expected 1 to 2147483647", vocab_size);
    nap_sampler *s = nap_calloc(1, sizeof *s);
    if (!s) return nap_fail_memory(e, sizeof *s, "the sampler");
    s->o = *o;
    s->vocab = vocab_size;
    s->min_p_gap = o->min_p > 0 ? nap_log64(o->min_p) : -INFINITY;
    s->penalties = o->penalty_last_n != 0 && (o->repeat_penalty != 1 || o->frequency_penalty != 0 ||
                                              o->presence_penalty != 0);
    const size_t k = (size_t)o->top_k;
    s->cap = k > 0 && k < vocab_size ? k : vocab_size;
    bool ok = true;
    if (o->temperature > 0) {
        s->cand = nap_calloc(s->cap, sizeof *s->cand);
        ok = s->cand != NULL;
    }
    if (s->penalties) {
        s->work = nap_calloc(vocab_size, sizeof *s->work);
        s->counts = nap_calloc(vocab_size, sizeof *s->counts);
        ok = ok && s->work && s->counts;
        if (o->penalty_last_n > 0) {
            s->ring = nap_calloc((size_t)o->penalty_last_n, sizeof *s->ring);
            ok = ok && s->ring;
        }
    }
    if (!ok) {
        nap_sampler_destroy(s);
        return nap_fail_memory(e, vocab_size * sizeof(candidate), "the sampler's candidates");
    }
    nap_rng_seed(&s->rng, o->seed);
    *out = s;
    return NAP_OK;
}

void nap_sampler_destroy(nap_sampler *s)
{
    if (!s) return;
    nap_free(s->cand);
    nap_free(s->work);
    nap_free(s->counts);
    nap_free(s->ring);
    nap_free(s);
}

void nap_sampler_reset(nap_sampler *s)
{
    nap_rng_seed(&s->rng, s->o.seed);
    s->ring_len = s->ring_next = 0;
    if (s->counts) memset(s->counts, 0, s->vocab * sizeof *s->counts);
}

void nap_sampler_accept(nap_sampler *s, nap_token t)
{
    if (!s->penalties || t < 0 || (size_t)t >= s->vocab) return;
    if (s->ring) {
        const size_t size = (size_t)s->o.penalty_last_n;
        if (s->ring_len == size)
            s->counts[s->ring[s->ring_next]]--;
        else
            s->ring_len++;
        s->ring[s->ring_next] = t;
        s->ring_next = (s->ring_next + 1) % size;
    }
    s->counts[t]++;
}

/* ---- ordering */

static inline bool before(const candidate *a, const candidate *b)
{
    return a->key > b->key || (a->key == b->key && a->id < b->id);
}

/* A heap whose root is the candidate that comes last. */
static void sift_down(candidate *heap, size_t n, size_t i)
{
    const candidate c = heap[i];
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= n) break;
        if (child + 1 < n && before(&heap[child], &heap[child + 1])) child++;
        if (!before(&c, &heap[child])) break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = c;
}

static void make_heap(candidate *heap, size_t n)
{
    for (size_t i = n / 2; i-- > 0;) sift_down(heap, n, i);
}

/* A heap to the order of `before`. */
static void sort_heap(candidate *heap, size_t n)
{
    for (; n > 1; n--) {
        const candidate last = heap[0];
        heap[0] = heap[n - 1];
        heap[n - 1] = last;
        sift_down(heap, n - 1, 0);
    }
}

/* Brings the first k of n candidates into order; the others stay behind them, in any order. */
static void select_first(candidate *c, size_t n, size_t k)
{
    make_heap(c, k);
    for (size_t i = k; i < n; i++) {
        if (!before(&c[i], &c[0])) continue;
        const candidate root = c[0];
        c[0] = c[i];
        c[i] = root;
        sift_down(c, k, 0);
    }
    sort_heap(c, k);
}

/* ---- the steps. Each takes n candidates and returns how many are left, at the front. */

static const float *penalise(nap_sampler *s, const float *logits)
{
    if (!s->penalties) return logits;
    const nap_sampler_options *o = &s->o;
    memcpy(s->work, logits, s->vocab * sizeof *logits);
    for (size_t i = 0; i < s->vocab; i++) {
        if (s->counts[i] == 0) continue;
        float l = s->work[i];
        /* Dividing a negative logit would make the token likelier: it is multiplied. */
        l = l <= 0 ? l * o->repeat_penalty : l / o->repeat_penalty;
        s->work[i] = l - ((float)s->counts[i] * o->frequency_penalty + o->presence_penalty);
    }
    return s->work;
}

static nap_token most_likely(const float *logits, size_t n)
{
    nap_token best = NAP_TOKEN_NONE;
    float max = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        const float l = nap_logit_clean(logits[i]);
        if (l > max) {
            max = l;
            best = (nap_token)i;
        }
    }
    return best;
}

/* The possible tokens, all or the `cap` best in order. *sorted says which. */
static size_t gather(nap_sampler *s, const float *logits, bool *sorted)
{
    size_t n = 0;
    for (size_t i = 0; i < s->vocab; i++) {
        if (n == s->cap && logits[i] <= s->cand[0].logit) continue; /* the common case */
        const float l = nap_logit_clean(logits[i]);
        if (l == -INFINITY) continue;
        const candidate c = {.key = l, .logit = l, .id = (nap_token)i};
        if (n < s->cap) {
            s->cand[n++] = c;
            if (n == s->cap && n < s->vocab) make_heap(s->cand, n);
        } else if (before(&c, &s->cand[0])) {
            s->cand[0] = c;
            sift_down(s->cand, n, 0);
        }
    }
    *sorted = s->o.top_k > 0;
    if (*sorted) {
        make_heap(s->cand, n);
        sort_heap(s->cand, n);
    }
    return n;
}

static float max_logit(const candidate *c, size_t n, bool sorted)
{
    float max = c[0].logit;
    for (size_t i = 1; i < n && !sorted; i++) max = c[i].logit > max ? c[i].logit : max;
    return max;
}

/* p = exp((logit - max) / temperature), summed in the order of the candidates. */
static double weigh(candidate *c, size_t n, float max, double temperature)
{
    double sum = 0;
    for (size_t i = 0; i < n; i += EXP_BLOCK) {
        const size_t len = n - i < EXP_BLOCK ? n - i : EXP_BLOCK;
        double x[EXP_BLOCK];
        for (size_t j = 0; j < len; j++)
            x[j] = ((double)c[i + j].logit - (double)max) / temperature;
        nap_exp64(x, len);
        for (size_t j = 0; j < len; j++) {
            c[i + j].p = x[j];
            sum += x[j];
        }
    }
    return sum;
}

/* The shortest run of candidates, ordered by key, whose probabilities reach `mass`. Only as many
 * are sorted as are needed. `strictly`: they have to exceed it. */
static size_t take_mass(candidate *c, size_t n, double mass, bool strictly, bool sorted)
{
    double sum = 0;
    size_t i = 0, ordered = sorted ? n : 0;
    while (i < n) {
        if (i == ordered) {
            const size_t more = ordered == 0 ? 128 : 8 * ordered;
            const size_t k = n - i < more ? n - i : more;
            select_first(c + i, n - i, k);
            ordered += k;
        }
        sum += c[i++].p;
        if (strictly ? sum > mass : sum >= mass) break;
    }
    return i;
}

/* Keeps the tokens whose information is nearest to the distribution's entropy. */
static size_t typical(candidate *c, size_t n, double mass, bool sorted)
{
    const float max = max_logit(c, n, sorted);
    const double sum = weigh(c, n, max, 1), log_sum = nap_log64(sum);
    double entropy = 0;
    for (size_t i = 0; i < n; i++) {
        c[i].p /= sum;
        c[i].key = log_sum - ((double)c[i].logit - (double)max); /* -ln p */
        entropy += c[i].p * c[i].key;
    }
    for (size_t i = 0; i < n; i++) c[i].key = -fabs(c[i].key - entropy);
    n = take_mass(c, n, mass, true, false);
    for (size_t i = 0; i < n; i++) c[i].key = c[i].logit;
    return n;
}

static size_t top_p(candidate *c, size_t n, double mass, bool sorted)
{
    const double sum = weigh(c, n, max_logit(c, n, sorted), 1);
    for (size_t i = 0; i < n; i++) c[i].p /= sum;
    return take_mass(c, n, mass, false, sorted);
}

/* Keeps what is at least min_p times as likely as the likeliest. */
static size_t min_p(candidate *c, size_t n, double gap, bool sorted)
{
    const double least = (double)max_logit(c, n, sorted) + gap;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (c[i].logit >= least) c[kept++] = c[i];
    }
    return kept;
}

nap_status nap_sampler_draw(nap_sampler *s, const float *logits, nap_token *out, nap_error *e)
{
    const nap_sampler_options *o = &s->o;
    *out = NAP_TOKEN_NONE;
    logits = penalise(s, logits);
    if (o->temperature == 0) {
        *out = most_likely(logits, s->vocab);
        if (*out == NAP_TOKEN_NONE) goto impossible;
        return NAP_OK;
    }
    bool sorted;
    candidate *const c = s->cand;
    size_t n = gather(s, logits, &sorted);
    if (n == 0) goto impossible;
    if (o->typical_p < 1) {
        n = typical(c, n, o->typical_p, sorted);
        sorted = false;
    }
    if (o->top_p < 1) {
        n = top_p(c, n, o->top_p, sorted);
        sorted = true;
    }
    if (o->min_p > 0) n = min_p(c, n, s->min_p_gap, sorted);
    const double sum = weigh(c, n, max_logit(c, n, sorted), o->temperature);
    const double target = nap_rng_double(&s->rng) * sum;
    double upto = 0;
    size_t i = 0;
    for (; i + 1 < n; i++) {
        upto += c[i].p;
        if (upto > target) break;
    }
    *out = c[i].id;
    return NAP_OK;
impossible:
    return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                    "no token can be drawn: all %zu logits are NaN or -inf", s->vocab);
}

/* ---- log-probabilities of the unchanged distribution */

nap_status nap_top_logprobs(const float *logits, size_t vocab_size, size_t n, nap_logprob *out,
                            nap_error *e)
{
    if (n > vocab_size)
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "%zu log-probabilities asked of %zu tokens", n, vocab_size);
    if (n == 0) return NAP_OK;
    const float max = nap_logits_max(logits, vocab_size);
    if (max == -INFINITY)
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "no token is possible: all %zu logits are NaN or -inf", vocab_size);
    candidate *best = nap_calloc(n, sizeof *best);
    if (!best) return nap_fail_memory(e, n * sizeof *best, "the most likely tokens");
    size_t have = 0;
    for (size_t i = 0; i < vocab_size; i++) {
        const float l = nap_logit_clean(logits[i]);
        if (have == n && l <= best[0].logit) continue; /* the common case */
        const candidate c = {.key = l, .logit = l, .id = (nap_token)i};
        if (have < n) {
            best[have++] = c;
            if (have == n) make_heap(best, n);
        } else {
            best[0] = c;
            sift_down(best, n, 0);
        }
    }
    sort_heap(best, n);
    const double log_sum = nap_log64(nap_logits_sum_exp(logits, vocab_size, max));
    for (size_t i = 0; i < n; i++) {
        out[i].token = best[i].id;
        out[i].logprob = (float)((best[i].key - (double)max) - log_sum);
    }
    nap_free(best);
    return NAP_OK;
}

float nap_logprob_of(const float *logits, size_t vocab_size, nap_token token)
{
    if (token < 0 || (size_t)token >= vocab_size) return NAN;
    const float max = nap_logits_max(logits, vocab_size);
    if (max == -INFINITY) return NAN;
    const double log_sum = nap_log64(nap_logits_sum_exp(logits, vocab_size, max));
    return (float)(((double)nap_logit_clean(logits[token]) - (double)max) - log_sum);
}
