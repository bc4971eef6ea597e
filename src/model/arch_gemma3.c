/* gemma3: embeddings scaled by sqrt(width), norms before and after each block, query and key norms,
 * and local layers: a sliding window and a rope base of their own, with every window_pattern-th
 * layer global. The (1 + w) of its norms is already folded into the file's weights. */
#include "model/build.h"

#include <math.h>

/* The 27B model (62 layers) scales by the width per head instead of the head's size. */
static float attention_scale(const nap_hparams *h)
{
    const size_t size = h->layers == 62 ? h->embed / h->heads : h->head_dim_k;
    return (float)(1.0 / sqrt((double)size));
}

void nap_build_gemma3(nap_build *b)
{
    const nap_hparams *h = &b->h;
    nap_attention_style global = {.qk_norm = true, .scale = attention_scale(h)};
    global.rope = nap_build_rope(b, true);
    nap_attention_style local = global;
    local.window = h->window;
    local.rope.base = h->window_rope_base;
    local.rope.scaling = NAP_ROPE_PLAIN;
    local.rope.factor = 1;

    nap_node_id x = nap_build_embed(b, sqrtf((float)h->embed));
    for (b->layer = 0; b->layer < (int)h->layers; b->layer++) {
        const size_t place = (size_t)b->layer % h->window_pattern;
        const bool is_global = h->window == 0 || place == h->window_pattern - 1;
        nap_node_id y = nap_build_norm(b, x, "attn_norm", 0);
        y = nap_build_attention(b, y, is_global ? &global : &local);
        y = nap_build_norm(b, y, "post_attention_norm", 0);
        x = nap_build_add(b, x, y, "attn_residual");
        y = nap_build_norm(b, x, "ffn_norm", 0);
        y = nap_build_ffn(b, y, NAP_ACTIVATION_GELU_TANH, NULL);
        y = nap_build_norm(b, y, "post_ffw_norm", 0);
        x = nap_build_add(b, x, y, "ffn_residual");
    }
    nap_build_head(b, x);
}
