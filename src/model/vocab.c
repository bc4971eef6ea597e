#include "model/vocab.h"

#include "base/alloc.h"
#include "base/error.h"
#include "text/vocab.h"

#include <string.h>

/* Copies of what the description points at, and must outlive it for the length of one call. */
typedef struct loader {
    const nap_gguf *g;
    nap_vocab_desc desc;
    char *model, *pre, *name, *architecture;
    nap_text *tokens, *merges;
    float *scores;
    int32_t *types;
} loader;

static nap_status fail_kind(const loader *l, const nap_gguf_kv *kv, const char *expected,
                            nap_error *e)
{
    return nap_fail(e, NAP_ERR_FORMAT, kv->offset,
                    "%s: %s: value of kind %d (elements %d), expected %s", nap_gguf_path(l->g),
                    kv->key, (int)kv->kind, (int)kv->elem, expected);
}

/* A copy of a string, "" if the key is absent. */
static nap_status load_string(const loader *l, const char *key, char **out, nap_error *e)
{
    const nap_gguf_kv *kv = nap_gguf_find(l->g, key);
    const char *s = "";
    size_t len = 0;
    if (kv) NAP_TRY(nap_gguf_string(l->g, key, &s, &len, e));
    *out = nap_strndup(s, len);
    if (!*out) return nap_fail_memory(e, len, key);
    if (strlen(*out) != len) {
        return nap_fail(e, NAP_ERR_FORMAT, kv->offset, "%s: %s holds a zero byte",
                        nap_gguf_path(l->g), key);
    }
    return NAP_OK;
}

/* An array of strings, pointing into the reader's memory. Absent: NULL and 0. */
static nap_status load_strings(const loader *l, const char *key, nap_text **out, size_t *n,
                               nap_error *e)
{
    const nap_gguf_kv *kv = nap_gguf_find(l->g, key);
    *n = 0;
    if (!kv) return NAP_OK;
    if (kv->kind != NAP_GGUF_ARRAY || kv->elem != NAP_GGUF_STRING) {
        return fail_kind(l, kv, "an array of strings", e);
    }
    /* The reader has proven that each string's 8-byte length lies in the file. */
    *out = nap_calloc((size_t)kv->count, sizeof **out);
    if (!*out) return nap_fail_memory(e, (size_t)kv->count * sizeof **out, key);
    uint64_t pos = 0;
    while (*n < kv->count && nap_gguf_next_string(kv, &pos, &(*out)[*n].data, &(*out)[*n].len)) {
        ++*n;
    }
    if (*n != kv->count) {
        return nap_fail(e, NAP_ERR_FORMAT, kv->offset, "%s: %s: string %zu cannot be read",
                        nap_gguf_path(l->g), key, *n);
    }
    return NAP_OK;
}

/* A numeric array with one entry per token; NULL if absent. */
static nap_status find_per_token(const loader *l, const char *key, const nap_gguf_kv **out,
                                 nap_error *e)
{
    const nap_gguf_kv *kv = nap_gguf_find(l->g, key);
    *out = kv;
    if (!kv) return NAP_OK;
    if (kv->kind != NAP_GGUF_ARRAY) return fail_kind(l, kv, "an array of numbers", e);
    if (kv->count != l->desc.n_tokens) {
        return nap_fail(e, NAP_ERR_FORMAT, kv->offset, "%s: %s: %llu entries for %zu tokens",
                        nap_gguf_path(l->g), key, (unsigned long long)kv->count, l->desc.n_tokens);
    }
    return NAP_OK;
}

static nap_status load_scores(loader *l, nap_error *e)
{
    const nap_gguf_kv *kv;
    NAP_TRY(find_per_token(l, "tokenizer.ggml.scores", &kv, e));
    if (!kv) return NAP_OK;
    l->scores = nap_calloc(l->desc.n_tokens, sizeof *l->scores);
    if (!l->scores) return nap_fail_memory(e, l->desc.n_tokens * sizeof *l->scores, kv->key);
    for (size_t i = 0; i < l->desc.n_tokens; i++) {
        double x;
        if (!nap_gguf_elem_f64(kv, i, &x)) return fail_kind(l, kv, "an array of numbers", e);
        l->scores[i] = (float)x;
    }
    l->desc.scores = l->scores;
    return NAP_OK;
}

static nap_status load_types(loader *l, nap_error *e)
{
    const nap_gguf_kv *kv;
    NAP_TRY(find_per_token(l, "tokenizer.ggml.token_type", &kv, e));
    if (!kv) return NAP_OK;
    l->types = nap_calloc(l->desc.n_tokens, sizeof *l->types);
    if (!l->types) return nap_fail_memory(e, l->desc.n_tokens * sizeof *l->types, kv->key);
    for (size_t i = 0; i < l->desc.n_tokens; i++) {
        int64_t x;
        if (!nap_gguf_elem_i64(kv, i, &x)) return fail_kind(l, kv, "an array of integers", e);
        l->types[i] = x < INT32_MIN || x > INT32_MAX ? INT32_MIN : (int32_t)x;
    }
    l->desc.types = l->types;
    return NAP_OK;
}

static nap_status load_charsmap(loader *l, nap_error *e)
{
    const nap_gguf_kv *kv = nap_gguf_find(l->g, "tokenizer.ggml.precompiled_charsmap");
    if (!kv) return NAP_OK;
    if (kv->kind != NAP_GGUF_ARRAY || (kv->elem != NAP_GGUF_U8 && kv->elem != NAP_GGUF_I8)) {
        return fail_kind(l, kv, "an array of bytes", e);
    }
    l->desc.charsmap = kv->data;
    l->desc.charsmap_len = (size_t)kv->count;
    return NAP_OK;
}

static nap_status load_ids(loader *l, nap_error *e)
{
    nap_vocab_desc *d = &l->desc;
    const struct {
        const char *key;
        int64_t *id;
    } rows[] = {
        {"tokenizer.ggml.bos_token_id", &d->bos},
        {"tokenizer.ggml.eos_token_id", &d->eos},
        {"tokenizer.ggml.eot_token_id", &d->eot},
        {"tokenizer.ggml.eom_token_id", &d->eom},
        {"tokenizer.ggml.unknown_token_id", &d->unk},
        {"tokenizer.ggml.seperator_token_id", &d->sep}, /* spelled so in the format */
        {"tokenizer.ggml.padding_token_id", &d->pad},
        {"tokenizer.ggml.cls_token_id", &d->cls},
        {"tokenizer.ggml.mask_token_id", &d->mask},
        {"tokenizer.ggml.prefix_token_id", &d->fim_pre}, /* the fim_ names came later */
        {"tokenizer.ggml.suffix_token_id", &d->fim_suf},
        {"tokenizer.ggml.middle_token_id", &d->fim_mid},
        {"tokenizer.ggml.fim_pre_token_id", &d->fim_pre},
        {"tokenizer.ggml.fim_suf_token_id", &d->fim_suf},
        {"tokenizer.ggml.fim_mid_token_id", &d->fim_mid},
        {"tokenizer.ggml.fim_pad_token_id", &d->fim_pad},
        {"tokenizer.ggml.fim_rep_token_id", &d->fim_rep},
        {"tokenizer.ggml.fim_sep_token_id", &d->fim_sep},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t id;
        if (!nap_gguf_find(l->g, rows[i].key)) continue;
        NAP_TRY(nap_gguf_u32(l->g, rows[i].key, &id, e));
        *rows[i].id = id;
    }
    return NAP_OK;
}

static nap_status load_flags(loader *l, nap_error *e)
{
    nap_vocab_desc *d = &l->desc;
    const struct {
        const char *key;
        int *flag;
    } rows[] = {
        {"tokenizer.ggml.add_bos_token", &d->add_bos},
        {"tokenizer.ggml.add_eos_token", &d->add_eos},
        {"tokenizer.ggml.add_sep_token", &d->add_sep},
        {"tokenizer.ggml.add_space_prefix", &d->add_space_prefix},
        {"tokenizer.ggml.remove_extra_whitespaces", &d->remove_extra_whitespaces},
        {"tokenizer.ggml.normalizer.lowercase", &d->lowercase},
        {"tokenizer.ggml.normalizer.strip_accents", &d->strip_accents},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool on;
        if (!nap_gguf_find(l->g, rows[i].key)) continue;
        NAP_TRY(nap_gguf_bool(l->g, rows[i].key, &on, e));
        *rows[i].flag = on;
    }
    return NAP_OK;
}

static nap_status load(loader *l, nap_vocab **out, nap_error *e)
{
    nap_vocab_desc *d = &l->desc;
    nap_vocab_desc_init(d);
    if (!nap_gguf_find(l->g, "tokenizer.ggml.model") ||
        !nap_gguf_find(l->g, "tokenizer.ggml.tokens")) {
        return nap_fail(e, NAP_ERR_NOT_FOUND, NAP_NO_OFFSET,
                        "%s: no vocabulary (tokenizer.ggml.model and tokenizer.ggml.tokens)",
                        nap_gguf_path(l->g));
    }
    NAP_TRY(load_string(l, "tokenizer.ggml.model", &l->model, e));
    NAP_TRY(load_string(l, "tokenizer.ggml.pre", &l->pre, e));
    NAP_TRY(load_string(l, "general.name", &l->name, e));
    NAP_TRY(load_string(l, "general.architecture", &l->architecture, e));
    NAP_TRY(load_strings(l, "tokenizer.ggml.tokens", &l->tokens, &d->n_tokens, e));
    NAP_TRY(load_strings(l, "tokenizer.ggml.merges", &l->merges, &d->n_merges, e));
    d->model = l->model;
    d->pre = l->pre;
    d->name = l->name;
    d->architecture = l->architecture;
    d->tokens = l->tokens;
    d->merges = l->merges;
    NAP_TRY(load_scores(l, e));
    NAP_TRY(load_types(l, e));
    NAP_TRY(load_charsmap(l, e));
    NAP_TRY(load_ids(l, e));
    NAP_TRY(load_flags(l, e));
    nap_error why;
    const nap_status status = nap_vocab_create(out, d, &why);
    if (status == NAP_OK) return NAP_OK;
    return nap_fail(e, status, why.offset, "%s: %s", nap_gguf_path(l->g), why.text);
}

nap_status nap_vocab_from_gguf(nap_vocab **out, const nap_gguf *g, nap_error *e)
{
    loader l = {.g = g};
    const nap_status status = load(&l, out, e);
    nap_free(l.model);
    nap_free(l.pre);
    nap_free(l.name);
    nap_free(l.architecture);
    nap_free(l.tokens);
    nap_free(l.merges);
    nap_free(l.scores);
    nap_free(l.types);
    return status;
}
