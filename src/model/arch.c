/* The table of architectures, and the one way from a file to a graph. */
#include "model/model.h"
#include "model/build.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "graph/passes.h"

#include <string.h>

const nap_arch nap_archs[] = {
    {"llama", nap_build_llama, "Llama 1 to 3, Mistral, SmolLM2"},
    {"gemma3", nap_build_gemma3, "Gemma 3"},
    {"qwen2", nap_build_qwen2, "Qwen 2 and 2.5"},
    {"qwen3", nap_build_qwen3, "Qwen 3 (dense)"},
    {"bitnet", nap_build_bitnet, "BitNet b1.58, first models"},
    {"bitnet-25", nap_build_bitnet_relu2, "BitNet b1.58, 2025"},
    {"bitnet-b1.58", nap_build_bitnet_relu2, "BitNet b1.58 2B4T"},
};
const size_t nap_arch_count = sizeof nap_archs / sizeof *nap_archs;

const nap_arch *nap_arch_find(const char *name)
{
    for (size_t i = 0; i < nap_arch_count; i++) {
        if (strcmp(nap_archs[i].name, name) == 0) return &nap_archs[i];
    }
    return NULL;
}

static nap_status unknown_arch(const nap_gguf *g, const char *name, nap_error *e)
{
    nap_buf known = {0};
    for (size_t i = 0; i < nap_arch_count; i++) {
        nap_buf_printf(&known, "%s%s", i ? ", " : "", nap_archs[i].name);
    }
    const nap_gguf_kv *kv = nap_gguf_find(g, "general.architecture");
    const nap_status s = nap_fail(e, NAP_ERR_UNSUPPORTED, kv ? kv->offset : NAP_NO_OFFSET,
                                  "%s: architecture: found \"%.64s\", expected one of %s",
                                  nap_gguf_path(g), name, known.data ? known.data : "(no memory)");
    nap_buf_free(&known);
    return s;
}

/* Tensors that files carry and that computing does not need: frequencies that follow from
 * metadata. */
static bool is_ignorable(const char *name)
{
    return strcmp(name, "rope_freqs.weight") == 0 || strstr(name, "attn_rot_embd") ||
           strstr(name, "rotary_emb.inv_freq");
}

/* A tensor that no operator uses means that the builder does not know this variant: computing on
 * without, say, a bias would give plausible nonsense. */
static nap_status check_all_used(const nap_build *b)
{
    for (size_t i = 0; i < nap_gguf_tensor_count(b->g); i++) {
        const nap_tensor *t = nap_gguf_tensor_at(b->g, i);
        if (b->used[i] || is_ignorable(t->name)) continue;
        return nap_fail(b->e, NAP_ERR_UNSUPPORTED, t->offset,
                        "%s: tensor %s is not part of architecture %s as this build knows it",
                        nap_gguf_path(b->g), t->name, b->h.arch);
    }
    return NAP_OK;
}

static nap_status build_graph(nap_build *b, const nap_arch *arch)
{
    NAP_TRY(nap_hparams_read(&b->h, b->g, arch->name, b->e));
    const size_t n = nap_gguf_tensor_count(b->g);
    b->used = nap_calloc(n, sizeof *b->used);
    b->ids = nap_alloc(n * sizeof *b->ids);
    if (!b->used || !b->ids) return nap_fail_memory(b->e, n * sizeof *b->ids, "the model's graph");
    for (size_t i = 0; i < n; i++) b->ids[i] = NAP_WEIGHT_NONE;
    b->graph->embed = b->h.embed;
    b->graph->vocab = b->h.vocab;
    b->graph->caches = b->h.layers;
    arch->build(b);
    if (b->status != NAP_OK) return b->status;
    NAP_TRY(check_all_used(b));
    NAP_TRY(nap_pass_select_rows(b->graph, b->e));
    NAP_TRY(nap_pass_drop_dead(b->graph, b->e));
    return nap_graph_check(b->graph, b->e);
}

nap_status nap_arch_graph(const nap_gguf *g, const char *name, nap_graph **out, nap_hparams *h,
                          nap_error *e)
{
    *out = NULL;
    const nap_arch *arch = nap_arch_find(name);
    if (!arch) return unknown_arch(g, name, e);
    nap_build b = {.g = g, .layer = -1, .e = e};
    nap_status s = nap_graph_create(&b.graph, e);
    if (s == NAP_OK) s = build_graph(&b, arch);
    if (s == NAP_OK) {
        *out = b.graph;
        if (h) *h = b.h;
    } else {
        nap_graph_destroy(b.graph);
    }
    nap_free(b.used);
    nap_free(b.ids);
    return s;
}
