/* Transformers by their dimensions, as layers for the simulators.
 *
 * Dimensions are published: OPT (arXiv 2205.01068, Table 1), BLOOM (2211.05100, Table 3), Llama 2
 * (2307.09288), the 3B model of BitNet b1.58 (2402.17764; its released configuration has 26 layers
 * of 3200 and 8640). */
#include "lutcore/sim.h"

#include "base/checked.h"
#include "base/error.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const nap_shape shapes[] = {
    {"opt-175b", 96, 12288, 49152, 96, 96, 50272, false},
    {"bloom-176b", 70, 14336, 57344, 112, 112, 250880, false},
    {"llama2-70b", 80, 8192, 28672, 64, 8, 32000, true},
    {"llama2-13b", 40, 5120, 13824, 40, 40, 32000, true},
    {"bitnet-3b", 26, 3200, 8640, 32, 32, 32002, true},
};

size_t nap_shape_count(void)
{
    return sizeof shapes / sizeof *shapes;
}

const nap_shape *nap_shape_at(size_t i)
{
    return i < nap_shape_count() ? &shapes[i] : NULL;
}

const nap_shape *nap_shape_find(const char *name)
{
    for (size_t i = 0; i < nap_shape_count(); i++)
        if (strcasecmp(shapes[i].name, name) == 0) return &shapes[i];
    return NULL;
}

/* Operations per element of the element-wise operators: assumed counts of adds, multiplies and
 * special functions; they matter little, since these operators wait for bytes. */
enum { OPS_NORM = 8, OPS_ROPE = 6, OPS_SOFTMAX = 8, OPS_ADD = 1, OPS_GATE = 10, OPS_ACT = 12 };

typedef struct builder {
    nap_layers *out;
    unsigned wbits, act_bits;
    uint64_t count;
    bool failed, too_large;
} builder;

static void add(builder *b, const char *name, nap_lkind kind, uint64_t m, uint64_t n, uint64_t k,
                uint64_t batch, unsigned inputs, bool epilogue)
{
    nap_layer x = {.kind = kind, .m = m, .n = n, .k = k, .batch = batch, .count = b->count};
    snprintf(x.name, sizeof x.name, "%s", name);
    const bool low = kind == NAP_LAYER_MPGEMM;
    x.wbits = low ? b->wbits : 16;
    x.act_bits = low ? b->act_bits : 16;
    /* Products: norm, attention epilogue, norm and activation are producers to fuse with.
     * Element-wise: a fusing compiler leaves kernels only to what reduces over rows. */
    x.fuses = low || epilogue;
    x.inputs = inputs;
    b->too_large |= m > NAP_LAYER_DIM_MAX || n > NAP_LAYER_DIM_MAX || batch > NAP_LAYER_DIM_MAX;
    b->failed |= !nap_layers_add(b->out, &x);
}

/* Tokens that pass the linear layers, sequences, queries of each and positions they attend to. */
static void block(builder *b, const nap_shape *s, uint64_t tokens, uint64_t batch, uint64_t queries,
                  uint64_t context)
{
    const uint64_t h = s->hidden, head = h / s->heads, kv = head * s->kv_heads;
    /* One token's query heads that share keys and values are one product. */
    const uint64_t rows = queries == 1 ? s->heads / s->kv_heads : queries;
    const uint64_t products = batch * (queries == 1 ? s->kv_heads : s->heads);
    add(b, "norm_attn", NAP_LAYER_ELEMENT, tokens, h, OPS_NORM, 1, 1, false);
    add(b, "qkv", NAP_LAYER_MPGEMM, tokens, h + 2 * kv, h, 1, 0, false);
    if (s->gated) add(b, "rope", NAP_LAYER_ELEMENT, tokens, h + kv, OPS_ROPE, 1, 0, true);
    add(b, "scores", NAP_LAYER_GEMM, rows, context, head, products, 0, false);
    add(b, "softmax", NAP_LAYER_ELEMENT, products * rows, context, OPS_SOFTMAX, 1, 1, false);
    add(b, "values", NAP_LAYER_GEMM, rows, head, context, products, 0, false);
    add(b, "attn_out", NAP_LAYER_MPGEMM, tokens, h, h, 1, 0, false);
    add(b, "residual_attn", NAP_LAYER_ELEMENT, tokens, h, OPS_ADD, 1, 1, true);
    add(b, "norm_ffn", NAP_LAYER_ELEMENT, tokens, h, OPS_NORM, 1, 1, false);
    add(b, s->gated ? "gate_up" : "up", NAP_LAYER_MPGEMM, tokens,
        s->gated ? 2 * (uint64_t)s->ffn : s->ffn, h, 1, 0, false);
    add(b, s->gated ? "silu_mul" : "gelu", NAP_LAYER_ELEMENT, tokens, s->ffn,
        s->gated ? OPS_GATE : OPS_ACT, 1, 0, true);
    add(b, "down", NAP_LAYER_MPGEMM, tokens, h, s->ffn, 1, 0, false);
    add(b, "residual_ffn", NAP_LAYER_ELEMENT, tokens, h, OPS_ADD, 1, 1, true);
}

nap_status nap_shape_layers(const nap_shape *s, uint64_t batch, uint64_t seq, bool decode,
                            unsigned wbits, unsigned act_bits, nap_layers *out, nap_error *e)
{
    enum { MOST = NAP_LAYER_DIM_MAX };
    uint64_t tokens;
    *out = (nap_layers){0};
    if (batch == 0 || batch > MOST || seq == 0 || seq > MOST ||
        !nap_mul_ok(batch, decode ? 1 : seq, &tokens) || tokens > MOST)
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "layers of %s: found batch %llu, sequence %llu, expected 1 to %d of each "
                        "and of their product",
                        s->name, (unsigned long long)batch, (unsigned long long)seq, MOST);
    builder b = {.out = out, .wbits = wbits, .act_bits = act_bits, .count = s->layers};
    block(&b, s, tokens, batch, decode ? 1 : seq, seq);
    if (s->vocab > 0) {
        b.count = 1;
        b.wbits = b.act_bits = 16;
        add(&b, "norm_out", NAP_LAYER_ELEMENT, batch, s->hidden, OPS_NORM, 1, 1, false);
        add(&b, "output", NAP_LAYER_MPGEMM, batch, s->vocab, s->hidden, 1, 0, false);
    }
    if (!b.failed && !b.too_large) return NAP_OK;
    nap_layers_free(out);
    if (b.too_large)
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "layers of %s: batch %llu, sequence %llu make an operator longer than %d",
                        s->name, (unsigned long long)batch, (unsigned long long)seq, MOST);
    return nap_fail_memory(e, sizeof(nap_layer) * 16, "the layers of a model");
}
