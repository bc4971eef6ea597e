/* llama: Llama 1 to 3, Mistral, SmolLM2 and their kin. Llama 3 stretches its rotary frequencies
 * with the factors of rope_freqs.weight. qwen2 and qwen3 are the same skeleton: qwen2 has biases on
 * q, k and v (picked up as tensors that are there), qwen3 norms each query and key head. */
#include "model/build.h"

static void build(nap_build *b, bool neox, bool qk_norm)
{
    const nap_attention_style attention = {.qk_norm = qk_norm, .rope = nap_build_rope(b, neox)};
    nap_node_id x = nap_build_embed(b, 1);
    for (b->layer = 0; b->layer < (int)b->h.layers; b->layer++) {
        nap_node_id y = nap_build_norm(b, x, "attn_norm", 0);
        y = nap_build_attention(b, y, &attention);
        x = nap_build_add(b, x, y, "attn_residual");
        y = nap_build_norm(b, x, "ffn_norm", 0);
        y = nap_build_ffn(b, y, NAP_ACTIVATION_SILU, NULL);
        x = nap_build_add(b, x, y, "ffn_residual");
    }
    nap_build_head(b, x);
}

void nap_build_llama(nap_build *b)
{
    build(b, false, false);
}

void nap_build_qwen2(nap_build *b)
{
    build(b, true, false);
}

void nap_build_qwen3(nap_build *b)
{
    build(b, true, true);
}
