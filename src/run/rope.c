/* Rope tables: angles in double, rounded to float once.
 *
 * Calling cos and sin for every position and pair would be a few per cent of reading a prompt, so a
 * page is turned out of its first position by the addition theorem: cos(a + b), sin(a + b), where
 * b runs over one precomputed page. Errors stay near 1e-16, far below float. */
#include "run/rope.h"
#include "base/alloc.h"
#include "base/error.h"

#include <math.h>

/* The pair index at which a wave turns `rotations` times within the original context
 * (arXiv:2309.00071, section 3.2). */
static double yarn_pair(const nap_rope *r, double rotations)
{
    const double two_pi = 6.283185307179586476925286766559;
    return (double)r->dims * log((double)r->original_context / (rotations * two_pi)) /
           (2 * log(r->base));
}

/* Angle of pair i at position 1. */
static double pair_step(const nap_rope *r, size_t i, double freq_factor)
{
    const double plain = pow(r->base, -2.0 * (double)i / (double)r->dims) / freq_factor;
    if (r->scaling == NAP_ROPE_PLAIN) return plain;
    const double slowed = plain / r->factor;
    if (r->scaling == NAP_ROPE_LINEAR) return slowed;
    const double low = fmax(0, floor(yarn_pair(r, r->beta_fast)));
    const double high = fmin((double)r->dims - 1, ceil(yarn_pair(r, r->beta_slow)));
    const double ramp = fmin(1, fmax(0, ((double)i - low) / fmax(0.001, high - low)));
    return slowed * ramp + plain * (1 - ramp);
}

nap_status nap_rope_init(nap_rope_table *t, const nap_rope *r, const float *factors,
                         size_t positions, nap_error *e)
{
    t->pairs = r->dims / 2;
    t->magnitude = r->magnitude;
    t->n_pages = (positions + NAP_ROPE_PAGE - 1) / NAP_ROPE_PAGE;
    t->pages = nap_calloc(t->n_pages, sizeof *t->pages);
    t->step = nap_calloc(t->pairs, sizeof *t->step);
    t->turn = nap_calloc(t->pairs * NAP_ROPE_PAGE * 2, sizeof *t->turn);
    if (!t->pages || !t->step || !t->turn) {
        return nap_fail_memory(e, t->pairs * NAP_ROPE_PAGE * 2 * sizeof *t->turn, "a rope table");
    }
    for (size_t i = 0; i < t->pairs; i++) {
        t->step[i] = pair_step(r, i, factors ? (double)factors[i] : 1);
        for (size_t j = 0; j < NAP_ROPE_PAGE; j++) {
            double *turn = &t->turn[(j * t->pairs + i) * 2];
            turn[0] = cos((double)j * t->step[i]);
            turn[1] = sin((double)j * t->step[i]);
        }
    }
    return NAP_OK;
}

void nap_rope_free(nap_rope_table *t)
{
    for (size_t i = 0; t->pages && i < t->n_pages; i++) nap_free(t->pages[i]);
    nap_free(t->pages);
    nap_free(t->step);
    nap_free(t->turn);
}

static void fill_page(const nap_rope_table *t, size_t page, float *out)
{
    for (size_t i = 0; i < t->pairs; i++) {
        const double angle = (double)(page * NAP_ROPE_PAGE) * t->step[i];
        const double c = t->magnitude * cos(angle), s = t->magnitude * sin(angle);
        for (size_t j = 0; j < NAP_ROPE_PAGE; j++) {
            const double *turn = &t->turn[(j * t->pairs + i) * 2];
            out[(j * t->pairs + i) * 2] = (float)(c * turn[0] - s * turn[1]);
            out[(j * t->pairs + i) * 2 + 1] = (float)(s * turn[0] + c * turn[1]);
        }
    }
}

nap_status nap_rope_reserve(nap_rope_table *t, size_t begin, size_t end, nap_error *e)
{
    for (size_t p = begin / NAP_ROPE_PAGE; p * NAP_ROPE_PAGE < end; p++) {
        if (t->pages[p]) continue;
        const size_t bytes = t->pairs * NAP_ROPE_PAGE * 2 * sizeof(float);
        t->pages[p] = nap_alloc_aligned(bytes);
        if (!t->pages[p]) return nap_fail_memory(e, bytes, "a rope table");
        fill_page(t, p, t->pages[p]);
    }
    return NAP_OK;
}
