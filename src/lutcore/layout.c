/* A plan's memory image, made offline: activation and weight fragments in the order in which the
 * program walks them, row sums and starting values where no instruction makes them. Padding rows
 * and elements are zero activations, which no code changes. */
#include "lutcore/compile_plan.h"

#include "base/alloc.h"
#include "base/error.h"

#include <string.h>

/* Elements of K that step kb of a group really has. */
static unsigned valid_k(const nap_lplan *p, size_t kb)
{
    const size_t kd = nap_core_kdim(p->core), left = p->group_k - kb * kd;
    return (unsigned)(left < kd ? left : kd);
}

static unsigned valid(size_t total, size_t block, unsigned size)
{
    const size_t left = total - block * size;
    return (unsigned)(left < size ? left : size);
}

/* [row block][group][step] */
static void lay_acts(const nap_lplan *p, const nap_lgemm *g, uint16_t *codes, uint8_t *memory)
{
    const nap_core *c = p->core;
    const unsigned kd = nap_core_kdim(c);
    uint8_t *at = memory + p->a_at;
    for (size_t r = 0; r < p->mb; r++)
        for (size_t group = 0; group < p->groups; group++)
            for (size_t kb = 0; kb < p->kb; kb++, at += p->fa) {
                const unsigned rows = valid(g->m, r, c->m), k = valid_k(p, kb);
                for (unsigned i = 0; i < rows; i++) {
                    const int8_t *a = g->a + (r * c->m + i) * g->k + group * p->group_k + kb * kd;
                    for (unsigned j = 0; j < k; j++)
                        codes[i * kd + j] = (uint16_t)(c->act == NAP_ACT_S8 ? a[j] & 0xff : a[j]);
                }
                nap_pack_a(c, codes, kd, rows, k, NULL, at);
            }
}

/* [column block][group][step] */
static void lay_weights(const nap_lplan *p, const nap_lgemm *g, uint16_t *codes, uint8_t *memory)
{
    const nap_core *c = p->core;
    const unsigned kd = nap_core_kdim(c);
    uint8_t *at = memory + p->w_at;
    for (size_t q = 0; q < p->nb; q++)
        for (size_t group = 0; group < p->groups; group++)
            for (size_t kb = 0; kb < p->kb; kb++, at += p->fw) {
                const unsigned cols = valid(g->n, q, c->n), k = valid_k(p, kb);
                for (unsigned i = 0; i < cols; i++) {
                    const uint8_t *w = g->w + (q * c->n + i) * g->k + group * p->group_k + kb * kd;
                    for (unsigned j = 0; j < k; j++)
                        codes[i * kd + j] =
                            (uint16_t)((unsigned)(p->code_mul * w[j] + p->code_add) & p->code_mask);
                }
                nap_pack_w(c, p->planes, codes, kd, cols, k, p->code_pad, at);
            }
}

static int32_t row_sum(const nap_lplan *p, const nap_lgemm *g, size_t row, size_t group)
{
    if (row >= g->m) return 0;
    const int8_t *a = g->a + row * g->k + group * p->group_k;
    uint32_t sum = 0;
    for (size_t k = 0; k < p->group_k; k++) sum += (uint32_t)(int32_t)a[k];
    return (int32_t)sum;
}

/* [row block][group]: int32 by row; and accumulators that start at a multiple of them. */
static void lay_sums(const nap_lplan *p, const nap_lgemm *g, uint8_t *memory)
{
    const nap_core *c = p->core;
    for (size_t r = 0; r < p->mb; r++)
        for (size_t group = 0; group < p->groups; group++) {
            const size_t at = r * p->groups + group;
            for (unsigned i = 0; i < c->m; i++) {
                const int32_t sum = row_sum(p, g, r * c->m + i, group);
                if (p->finish) memcpy(memory + p->s_at + at * p->fs + 4 * i, &sum, 4);
                if (!p->offset) continue;
                const uint32_t start = (uint32_t)p->start * (uint32_t)sum;
                uint8_t *to = memory + p->start_at + at * p->fc + (size_t)4 * i * c->n;
                for (unsigned n = 0; n < c->n; n++) memcpy(to + (size_t)4 * n, &start, 4);
            }
        }
}

nap_status nap_lplan_layout(const nap_lplan *p, const nap_lgemm *g, uint8_t *memory, nap_error *e)
{
    const nap_core *c = p->core;
    const size_t count = (size_t)(c->m > c->n ? c->m : c->n) * nap_core_kdim(c);
    uint16_t *codes = nap_calloc(count, sizeof *codes);
    if (codes == NULL) return nap_fail_memory(e, count * sizeof *codes, "a fragment");
    lay_acts(p, g, codes, memory);
    lay_weights(p, g, codes, memory);
    /* Row sums that `pre` makes are left zero. */
    if (p->offset || (p->finish && !p->tables)) lay_sums(p, g, memory);
    nap_free(codes);
    return NAP_OK;
}
