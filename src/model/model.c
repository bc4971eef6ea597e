/* A model file as one object. The vocabulary and the chat template are made when first asked for,
 * under a lock, so that looking into a large file is instant and the model can be shared. */
#include "model/model.h"
#include "model/vocab.h"
#include "text/vocab.h"
#include "base/alloc.h"
#include "base/error.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct nap_model {
    nap_gguf *file;
    char *arch, *name, *description;
    char (*types)[32]; /* per metadata entry: "u32", "str[49152]" */
    uint64_t bytes, params;
    size_t context;
    pthread_mutex_t lock; /* of all below */
    nap_vocab *vocab;
    nap_status vocab_status;
    nap_error vocab_error;
    bool vocab_tried;
    nap_template *template;
    nap_status template_status;
    nap_error template_error;
    bool template_tried;
};

/* ------------------------------------------------------------------ description */

/* llama.cpp's names of general.file_type, which llama-bench prints. */
static const char *const file_types[] = {
    [0] = "all F32",        [1] = "F16",
    [2] = "Q4_0",           [3] = "Q4_1",
    [7] = "Q8_0",           [8] = "Q5_0",
    [9] = "Q5_1",           [10] = "Q2_K - Medium",
    [11] = "Q3_K - Small",  [12] = "Q3_K - Medium",
    [13] = "Q3_K - Large",  [14] = "Q4_K - Small",
    [15] = "Q4_K - Medium", [16] = "Q5_K - Small",
    [17] = "Q5_K - Medium", [18] = "Q6_K",
    [19] = "IQ2_XXS",       [20] = "IQ2_XS",
    [21] = "Q2_K - Small",  [22] = "IQ3_XS",
    [23] = "IQ3_XXS",       [24] = "IQ1_S",
    [25] = "IQ4_NL",        [26] = "IQ3_S",
    [27] = "IQ3_S mix",     [28] = "IQ2_S",
    [29] = "IQ2_M",         [30] = "IQ4_XS",
    [31] = "IQ1_M",         [32] = "BF16",
    [36] = "TQ1_0",         [37] = "TQ2_0",
    [38] = "MXFP4 MoE",
};

/* "135M", "1.2B": from the file, or from the number of parameters. */
static void size_label(const nap_model *m, char *out, size_t size)
{
    const char *s;
    size_t len;
    nap_error ignored;
    if (nap_gguf_string(m->file, "general.size_label", &s, &len, &ignored) == NAP_OK && len > 0 &&
        len < 32) {
        snprintf(out, size, "%.*s", (int)len, s);
    } else if (m->params >= 10000000000u) {
        snprintf(out, size, "%.0fB", (double)m->params * 1e-9);
    } else if (m->params >= 1000000000u) {
        snprintf(out, size, "%.1fB", (double)m->params * 1e-9);
    } else if (m->params >= 1000000) {
        snprintf(out, size, "%.0fM", (double)m->params * 1e-6);
    } else {
        snprintf(out, size, "%.1fK", (double)m->params * 1e-3);
    }
}

/* The file's own type, or else the format most of the bytes are in. */
static const char *file_type(const nap_model *m)
{
    uint32_t t;
    nap_error ignored;
    if (nap_gguf_u32(m->file, "general.file_type", &t, &ignored) == NAP_OK &&
        t < sizeof file_types / sizeof *file_types && file_types[t]) {
        return file_types[t];
    }
    const nap_tensor *largest = NULL;
    for (size_t i = 0; i < nap_gguf_tensor_count(m->file); i++) {
        const nap_tensor *x = nap_gguf_tensor_at(m->file, i);
        if (x->n_dims > 1 && (!largest || x->bytes > largest->bytes)) largest = x;
    }
    return largest ? largest->format->name : "vocabulary only";
}

static nap_status describe(nap_model *m, nap_error *e)
{
    for (size_t i = 0; i < nap_gguf_tensor_count(m->file); i++) {
        const nap_tensor *t = nap_gguf_tensor_at(m->file, i);
        m->bytes += t->bytes;
        m->params += t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3];
    }
    char size[40], text[192];
    size_label(m, size, sizeof size);
    snprintf(text, sizeof text, "%.64s %s %s", m->arch[0] ? m->arch : "?", size, file_type(m));
    m->description = nap_strdup(text);
    if (!m->description) return nap_fail_memory(e, sizeof text, "a model's description");
    return NAP_OK;
}

static nap_status name_types(nap_model *m, nap_error *e)
{
    static const char *const names[] = {"u8",   "i8",  "u16", "i16", "u32", "i32", "f32",
                                        "bool", "str", "arr", "u64", "i64", "f64"};
    const size_t n = nap_gguf_kv_count(m->file);
    m->types = nap_calloc(n, sizeof *m->types);
    if (!m->types) return nap_fail_memory(e, n * sizeof *m->types, "a model's metadata");
    for (size_t i = 0; i < n; i++) {
        const nap_gguf_kv *kv = nap_gguf_kv_at(m->file, i);
        char *out = m->types[i];
        if (kv->kind != NAP_GGUF_ARRAY)
            snprintf(out, sizeof *m->types, "%s", names[kv->kind]);
        else
            snprintf(out, sizeof *m->types, "%s[%llu]", names[kv->elem],
                     (unsigned long long)kv->count);
    }
    return NAP_OK;
}

/* A copy of a string value, or of `otherwise` if the file has none. */
static nap_status copy_string(const nap_model *m, const char *key, const char *otherwise,
                              char **out, nap_error *e)
{
    const char *s = otherwise;
    size_t len = strlen(otherwise);
    nap_error ignored;
    nap_gguf_string(m->file, key, &s, &len, &ignored);
    *out = nap_strndup(s, len);
    return *out ? NAP_OK : nap_fail_memory(e, len, key);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* ------------------------------------------------------------------ life */

static nap_status open_file(nap_model *m, const char *path, nap_error *e)
{
    NAP_TRY(nap_gguf_open(&m->file, path, e));
    NAP_TRY(copy_string(m, "general.architecture", "", &m->arch, e));
    NAP_TRY(copy_string(m, "general.name", base_name(path), &m->name, e));
    NAP_TRY(describe(m, e));
    NAP_TRY(name_types(m, e));
    char key[128];
    uint32_t context;
    nap_error ignored;
    snprintf(key, sizeof key, "%.64s.context_length", m->arch);
    if (nap_gguf_u32(m->file, key, &context, &ignored) == NAP_OK) m->context = context;
    return NAP_OK;
}

nap_status nap_model_open(nap_model **out, const char *path, nap_error *e)
{
    *out = NULL;
    nap_model *m = nap_calloc(1, sizeof *m);
    if (!m) return nap_fail_memory(e, sizeof *m, "a model");
    pthread_mutex_init(&m->lock, NULL);
    const nap_status s = open_file(m, path, e);
    if (s != NAP_OK) {
        nap_model_close(m);
        return s;
    }
    *out = m;
    return NAP_OK;
}

void nap_model_close(nap_model *m)
{
    if (!m) return;
    nap_vocab_destroy(m->vocab);
    nap_template_free(m->template);
    nap_free(m->arch);
    nap_free(m->name);
    nap_free(m->description);
    nap_free(m->types);
    nap_gguf_close(m->file);
    pthread_mutex_destroy(&m->lock);
    nap_free(m);
}

/* ------------------------------------------------------------------ facts */

const nap_gguf *nap_model_file(const nap_model *m)
{
    return m->file;
}

const char *nap_model_path(const nap_model *m)
{
    return nap_gguf_path(m->file);
}

const char *nap_model_arch(const nap_model *m)
{
    return m->arch;
}

const char *nap_model_name(const nap_model *m)
{
    return m->name;
}

const char *nap_model_meta_type(const nap_model *m, size_t i)
{
    return i < nap_gguf_kv_count(m->file) ? m->types[i] : NULL;
}

const char *nap_model_description(const nap_model *m)
{
    return m->description;
}

uint64_t nap_model_bytes(const nap_model *m)
{
    return m->bytes;
}

uint64_t nap_model_params(const nap_model *m)
{
    return m->params;
}

size_t nap_model_context_length(const nap_model *m)
{
    return m->context;
}

nap_status nap_model_graph(const nap_model *m, nap_graph **out, nap_hparams *h, nap_error *e)
{
    return nap_arch_graph(m->file, m->arch, out, h, e);
}

/* ------------------------------------------------------------------ made on demand */

const nap_vocab *nap_model_vocab(const nap_model *model, nap_error *e)
{
    nap_model *m = (nap_model *)model; /* the lock and what it guards are not part of the value */
    pthread_mutex_lock(&m->lock);
    if (!m->vocab_tried) {
        m->vocab_status = nap_vocab_from_gguf(&m->vocab, m->file, &m->vocab_error);
        /* Memory may be there the next time; what the file holds stays as it is. */
        m->vocab_tried = m->vocab_status != NAP_ERR_MEMORY;
    }
    if (m->vocab_status != NAP_OK && e) *e = m->vocab_error;
    const nap_vocab *v = m->vocab_status == NAP_OK ? m->vocab : NULL;
    pthread_mutex_unlock(&m->lock);
    return v;
}

static nap_status parse_template(nap_model *m)
{
    const char *s;
    size_t len;
    nap_error *e = &m->template_error;
    NAP_TRY(nap_gguf_string(m->file, "tokenizer.chat_template", &s, &len, e));
    return nap_template_parse(&m->template, s, len, e);
}

const nap_template *nap_model_template(const nap_model *model, nap_error *e)
{
    nap_model *m = (nap_model *)model;
    pthread_mutex_lock(&m->lock);
    if (!m->template_tried) {
        m->template_status = parse_template(m);
        m->template_tried = m->template_status != NAP_ERR_MEMORY;
    }
    if (m->template_status != NAP_OK && e) *e = m->template_error;
    const nap_template *t = m->template_status == NAP_OK ? m->template : NULL;
    pthread_mutex_unlock(&m->lock);
    return t;
}
