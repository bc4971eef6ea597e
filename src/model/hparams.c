/* Reading and checking hyperparameters. Key names and defaults: ggml's docs/gguf.md and
 * llama.cpp's llama-arch.cpp. Every number is bounded here, so that builders can multiply freely;
 * what it says about tensors is checked against their shapes in build.c. */
#include "model/hparams.h"
#include "base/error.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Bounds far above any model that exists; products of any two fit in 64 bits many times over. */
enum { MAX_WIDTH = 1 << 20, MAX_HEADS = 1 << 13, MAX_HEAD_DIM = 1 << 12 };

typedef struct reader {
    const nap_gguf *g;
    const char *arch;
    char key[160];
} reader;

static const char *key_of(reader *r, const char *suffix)
{
    snprintf(r->key, sizeof r->key, "%s.%s", r->arch, suffix);
    return r->key;
}

static uint64_t offset_of(const reader *r)
{
    const nap_gguf_kv *kv = nap_gguf_find(r->g, r->key);
    return kv ? kv->offset : NAP_NO_OFFSET;
}

static nap_status range_error(const reader *r, double found, const char *expected, nap_error *e)
{
    return nap_fail(e, NAP_ERR_FORMAT, offset_of(r), "%s: %s: found %.9g, expected %s",
                    nap_gguf_path(r->g), r->key, found, expected);
}

/* def < 0: the key must be there. */
static nap_status read_size(reader *r, const char *suffix, int64_t def, size_t min, size_t max,
                            size_t *out, nap_error *e)
{
    uint32_t v;
    const char *key = key_of(r, suffix);
    if (def < 0)
        NAP_TRY(nap_gguf_u32(r->g, key, &v, e));
    else
        NAP_TRY(nap_gguf_u32_or(r->g, key, (uint32_t)def, &v, e));
    if (v < min || v > max) {
        char expected[64];
        snprintf(expected, sizeof expected, "%zu to %zu", min, max);
        return range_error(r, v, expected, e);
    }
    *out = v;
    return NAP_OK;
}

/* A finite number in [min, max]; NAN as `def`: the key must be there. */
static nap_status read_float(reader *r, const char *suffix, float def, float min, float max,
                             float *out, nap_error *e)
{
    const char *key = key_of(r, suffix);
    if (isnan(def))
        NAP_TRY(nap_gguf_f32(r->g, key, out, e));
    else
        NAP_TRY(nap_gguf_f32_or(r->g, key, def, out, e));
    if (!(*out >= min && *out <= max)) {
        char expected[64];
        snprintf(expected, sizeof expected, "%g to %g", (double)min, (double)max);
        return range_error(r, (double)*out, expected, e);
    }
    return NAP_OK;
}

/* YaRN's magnitude: the "temperature" of the paper's section 3.4, as llama.cpp combines its keys.
 */
static double yarn_magnitude(double factor, double attn_factor, double log_multiplier)
{
    if (factor <= 1) return attn_factor;
    const double all = 0.1 * log(factor) + 1;
    return log_multiplier != 0 ? attn_factor * all / (0.1 * log_multiplier * log(factor) + 1)
                               : attn_factor * all;
}

static nap_status read_rope(reader *r, nap_hparams *h, nap_error *e)
{
    float base, factor, attn_factor, log_multiplier;
    NAP_TRY(read_float(r, "rope.freq_base", 10000, 1, 1e12f, &base, e));
    /* An old name of the factor serves if the new one is absent; zero means no scaling. */
    NAP_TRY(read_float(r, "rope.scale_linear", 0, 0, 1e6f, &factor, e));
    NAP_TRY(read_float(r, "rope.scaling.factor", factor, 0, 1e6f, &factor, e));
    NAP_TRY(read_float(r, "rope.scaling.attn_factor", 1, 1e-6f, 1e6f, &attn_factor, e));
    NAP_TRY(read_float(r, "rope.scaling.yarn_log_multiplier", 0, -1e3f, 1e3f, &log_multiplier, e));
    nap_rope *rope = &h->rope;
    NAP_TRY(read_size(r, "rope.dimension_count", (int64_t)h->head_dim_k, 2, h->head_dim_k,
                      &rope->dims, e));
    if (rope->dims % 2 != 0) return range_error(r, (double)rope->dims, "an even number", e);
    NAP_TRY(read_size(r, "rope.scaling.original_context_length", (int64_t)h->context, 1, 1u << 31,
                      &rope->original_context, e));
    rope->base = (double)base;
    rope->factor = factor == 0 ? 1 : (double)factor;
    rope->magnitude = (double)attn_factor;
    rope->beta_fast = 32;
    rope->beta_slow = 1;
    rope->factors = NAP_WEIGHT_NONE;

    const char *s = "linear";
    size_t len = 6;
    const char *key = key_of(r, "rope.scaling.type");
    if (nap_gguf_find(r->g, key)) NAP_TRY(nap_gguf_string(r->g, key, &s, &len, e));
    if (len == 4 && memcmp(s, "none", 4) == 0) {
        rope->factor = 1;
    } else if (len == 4 && memcmp(s, "yarn", 4) == 0) {
        rope->scaling = NAP_ROPE_YARN;
        rope->magnitude = yarn_magnitude(rope->factor, (double)attn_factor, (double)log_multiplier);
    } else if (len != 6 || memcmp(s, "linear", 6) != 0) {
        return nap_fail(e, NAP_ERR_UNSUPPORTED, offset_of(r),
                        "%s: %s: found \"%.*s\", expected none, linear or yarn",
                        nap_gguf_path(r->g), r->key, len > 40 ? 40 : (int)len, s);
    }
    if (rope->scaling == NAP_ROPE_PLAIN && rope->factor != 1) rope->scaling = NAP_ROPE_LINEAR;
    return NAP_OK;
}

static nap_status read_heads(reader *r, nap_hparams *h, nap_error *e)
{
    NAP_TRY(read_size(r, "attention.head_count", -1, 1, MAX_HEADS, &h->heads, e));
    NAP_TRY(
        read_size(r, "attention.head_count_kv", (int64_t)h->heads, 1, h->heads, &h->kv_heads, e));
    if (h->heads % h->kv_heads != 0) {
        char expected[64];
        snprintf(expected, sizeof expected, "a divisor of head_count (%zu)", h->heads);
        return range_error(r, (double)h->kv_heads, expected, e);
    }
    NAP_TRY(read_size(r, "attention.key_length", (int64_t)(h->embed / h->heads), 1, MAX_HEAD_DIM,
                      &h->head_dim_k, e));
    if (!nap_gguf_find(r->g, r->key) && h->embed % h->heads != 0) {
        key_of(r, "embedding_length");
        char expected[64];
        snprintf(expected, sizeof expected, "a multiple of head_count (%zu)", h->heads);
        return range_error(r, (double)h->embed, expected, e);
    }
    return read_size(r, "attention.value_length", (int64_t)h->head_dim_k, 1, MAX_HEAD_DIM,
                     &h->head_dim_v, e);
}

/* Sliding windows: gemma3 has five local layers and one global, in turn, unless the file says
 * otherwise. */
static nap_status read_windows(reader *r, nap_hparams *h, nap_error *e)
{
    NAP_TRY(read_size(r, "attention.sliding_window", 0, 0, 1u << 31, &h->window, e));
    NAP_TRY(read_size(r, "attention.sliding_window_pattern", 6, 1, NAP_MAX_LAYERS,
                      &h->window_pattern, e));
    float base;
    NAP_TRY(read_float(r, "rope.freq_base_swa", 10000, 1, 1e12f, &base, e));
    h->window_rope_base = (double)base;
    return NAP_OK;
}

nap_status nap_hparams_read(nap_hparams *h, const nap_gguf *g, const char *arch, nap_error *e)
{
    memset(h, 0, sizeof *h);
    h->arch = arch;
    reader r = {.g = g, .arch = arch};
    size_t experts;
    NAP_TRY(read_size(&r, "block_count", -1, 1, NAP_MAX_LAYERS, &h->layers, e));
    NAP_TRY(read_size(&r, "embedding_length", -1, 1, MAX_WIDTH, &h->embed, e));
    NAP_TRY(read_size(&r, "feed_forward_length", -1, 1, MAX_WIDTH, &h->ff, e));
    NAP_TRY(read_size(&r, "context_length", -1, 1, 1u << 31, &h->context, e));
    NAP_TRY(read_heads(&r, h, e));
    NAP_TRY(read_float(&r, "attention.layer_norm_rms_epsilon", NAN, 0, 1, &h->eps, e));
    NAP_TRY(read_rope(&r, h, e));
    NAP_TRY(read_windows(&r, h, e));
    NAP_TRY(read_float(&r, "attn_logit_softcapping", 0, 0, 1e6f, &h->attention_softcap, e));
    NAP_TRY(read_float(&r, "final_logit_softcapping", 0, 0, 1e6f, &h->final_softcap, e));
    NAP_TRY(read_float(&r, "attention.scale", 0, 0, 1e6f, &h->attention_scale, e));
    NAP_TRY(read_size(&r, "expert_count", 0, 0, UINT32_MAX, &experts, e));
    if (experts > 0) {
        return nap_fail(e, NAP_ERR_UNSUPPORTED, offset_of(&r),
                        "%s: %s: found %zu, and mixtures of experts are not supported",
                        nap_gguf_path(g), r.key, experts);
    }
    const nap_tensor *t = nap_gguf_tensor(g, "token_embd.weight");
    if (!t) {
        return nap_fail(e, NAP_ERR_NOT_FOUND, NAP_NO_OFFSET,
                        "%s: tensor token_embd.weight is missing%s", nap_gguf_path(g),
                        nap_gguf_tensor_count(g) == 0 ? " (the file holds a vocabulary only)" : "");
    }
    if (t->ne[1] < 1 || t->ne[1] > INT32_MAX) {
        return nap_fail(e, NAP_ERR_FORMAT, t->offset, "%s: token_embd.weight: found %llu rows",
                        nap_gguf_path(g), (unsigned long long)t->ne[1]);
    }
    h->vocab = (size_t)t->ne[1];
    return NAP_OK;
}
