/* A stream of random steps of an array, and what has to come of each. */
#include "rtl/cosim.h"

#include "base/alloc.h"
#include "base/error.h"

#include <string.h>

static size_t bytes_of(size_t bits)
{
    return (bits + 7) / 8;
}

void nap_stream_free(nap_stream *s)
{
    nap_free(s->x);
    nap_free(s->w);
    nap_free(s->now_x);
    nap_free(s->now_w);
    nap_free(s->image);
    nap_free(s->acc);
    nap_free(s->fresh);
    nap_buf_free(&s->records);
    nap_buf_free(&s->expected);
}

nap_status nap_stream_open(nap_stream *s, const nap_core *c, uint64_t seed, nap_error *e)
{
    const nap_frag x = c->method == NAP_METHOD_LUT ? NAP_FRAG_T : NAP_FRAG_A;
    const size_t xf = nap_frag_bytes(c, x, c->wbits), wf = nap_frag_bytes(c, NAP_FRAG_W, c->wbits),
                 outputs = (size_t)c->m * c->n;
    memset(s, 0, sizeof *s);
    s->c = c;
    nap_rng_seed(&s->rng, seed);
    s->x_bytes = bytes_of(nap_frag_bits(c, x, c->wbits));
    s->w_bytes = bytes_of(nap_frag_bits(c, NAP_FRAG_W, c->wbits));
    s->c_bytes = bytes_of(outputs * nap_acc_bits(c->acc));
    s->x = nap_calloc(xf, 1);
    s->w = nap_calloc(wf, 1);
    s->now_x = nap_calloc(xf, 1);
    s->now_w = nap_calloc(wf, 1);
    s->image = nap_calloc(outputs * 4 + 64, 1);
    s->acc = nap_calloc(outputs, sizeof *s->acc);
    s->fresh = nap_calloc(outputs, sizeof *s->fresh);
    if (!s->x || !s->w || !s->now_x || !s->now_w || !s->image || !s->acc || !s->fresh)
        return nap_fail_memory(e, xf + wf, "operands");
    return NAP_OK;
}

/* One more step: its record and what has to come of it. */
void nap_stream_step(nap_stream *s)
{
    const nap_core *c = s->c;
    const unsigned most = nap_cosim_planes(c),
                   planes = nap_rng_below(&s->rng, 2) ? most : 1 + nap_rng_below(&s->rng, most);
    unsigned flags = nap_rng_below(&s->rng, 8);
    if (s->steps == 0) flags = NAP_STREAM_X | NAP_STREAM_W | NAP_STREAM_C;
    const unsigned gap = nap_rng_below(&s->rng, 8) == 0 ? nap_rng_below(&s->rng, 4) : 0;
    const uint8_t head[NAP_STREAM_HEAD] = {(uint8_t)flags, (uint8_t)planes, (uint8_t)gap, 0};
    nap_operands_x(c, &s->rng, s->x);
    nap_operands_w(c, &s->rng, s->w);
    nap_operands_c(c, &s->rng, s->fresh);
    const nap_frag x = c->method == NAP_METHOD_LUT ? NAP_FRAG_T : NAP_FRAG_A;
    if (flags & NAP_STREAM_X) memcpy(s->now_x, s->x, nap_frag_bytes(c, x, c->wbits));
    if (flags & NAP_STREAM_W) memcpy(s->now_w, s->w, nap_frag_bytes(c, NAP_FRAG_W, c->wbits));
    if (flags & NAP_STREAM_C) memcpy(s->acc, s->fresh, (size_t)c->m * c->n * sizeof *s->acc);
    nap_buf_put(&s->records, head, NAP_STREAM_HEAD);
    nap_buf_put(&s->records, s->x, s->x_bytes);
    nap_buf_put(&s->records, s->w, s->w_bytes);
    nap_cfrag_pack(c, s->fresh, s->image);
    nap_buf_put(&s->records, s->image, s->c_bytes);
    nap_array_step(c, nap_cosim_wbits(c, planes), s->now_x, s->now_w, s->acc);
    nap_cfrag_pack(c, s->acc, s->image);
    nap_buf_put(&s->expected, s->image, s->c_bytes);
    s->steps++;
}
