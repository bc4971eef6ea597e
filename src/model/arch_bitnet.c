/* BitNet b1.58: ternary weights with one scale per tensor (a ".scale" tensor, where the file's
 * format does not carry it), and a norm before each output projection. The first models ("bitnet")
 * gate with SiLU; the 2-billion-token ones ("bitnet-25", "bitnet-b1.58") with squared ReLU. */
#include "model/build.h"

static void build(nap_build *b, nap_activation activation)
{
    const nap_attention_style attention = {.sub_norm = "attn_sub_norm",
                                           .rope = nap_build_rope(b, true)};
    nap_node_id x = nap_build_embed(b, 1);
    for (b->layer = 0; b->layer < (int)b->h.layers; b->layer++) {
        nap_node_id y = nap_build_norm(b, x, "attn_norm", 0);
        y = nap_build_attention(b, y, &attention);
        x = nap_build_add(b, x, y, "attn_residual");
        y = nap_build_norm(b, x, "ffn_norm", 0);
        y = nap_build_ffn(b, y, activation, "ffn_sub_norm");
        x = nap_build_add(b, x, y, "ffn_residual");
    }
    nap_build_head(b, x);
}

void nap_build_bitnet(nap_build *b)
{
    build(b, NAP_ACTIVATION_SILU);
}

void nap_build_bitnet_relu2(nap_build *b)
{
    build(b, NAP_ACTIVATION_RELU2);
}
