/* Making a nap_vocab from its description: the checks, the defaults of each kind, the facts. */
#include "text/vocab_impl.h"

#include "base/error.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void nap_vocab_desc_init(nap_vocab_desc *d)
{
    *d = (nap_vocab_desc){.model = "", .pre = "", .name = "", .architecture = ""};
    d->bos = d->eos = d->eot = d->eom = d->unk = d->sep = d->pad = d->cls = d->mask = -1;
    d->fim_pre = d->fim_suf = d->fim_mid = d->fim_pad = d->fim_rep = d->fim_sep = -1;
    d->add_bos = d->add_eos = d->add_sep = d->add_space_prefix = -1;
    d->remove_extra_whitespaces = d->lowercase = d->strip_accents = -1;
}

nap_token nap_vocab_find(const nap_vocab *v, const char *s, size_t len)
{
    if (len > v->longest) return NAP_TOKEN_NONE;
    const uint32_t id = nap_intern_find(&v->pieces, s, len);
    if (id >= v->n || (v->attr[id] & NAP_ATTR_HIDDEN)) return NAP_TOKEN_NONE;
    return (nap_token)id;
}

/* The models, by tokenizer.ggml.model, with the special tokens they have when the file is silent
 * (the first models of each kind set these numbers). */
typedef struct model_row {
    const char *name;
    nap_vocab_model model;
    const char *pre; /* not the file's choice */
    int bos, eos, unk, sep;
    bool add_bos, add_eos, add_space_prefix;
} model_row;

static const model_row models[] = {
    {"llama", NAP_SPM, NULL, 1, 2, 0, -1, true, false, true},
    {"gpt2", NAP_BPE, NULL, 11, 11, -1, -1, false, false, false},
    {"gemma4", NAP_BPE, "gemma4", -1, -1, -1, -1, true, false, false},
    {"t5", NAP_UNIGRAM, NULL, -1, 1, 2, -1, false, true, false},
    {"bert", NAP_WORDPIECE, NULL, 101, -1, 100, 102, true, true, false},
};

static const char *const kind_names[] = {
    [NAP_BPE] = "bpe", [NAP_SPM] = "spm", [NAP_UNIGRAM] = "unigram", [NAP_WORDPIECE] = "wordpiece"};

static nap_status find_model(nap_vocab *v, const nap_vocab_desc *d, const model_row **row,
                             nap_error *e)
{
    *row = NULL;
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        if (strcmp(models[i].name, d->model) == 0) *row = &models[i];
    }
    if (!*row) {
        return nap_fail(
            e, NAP_ERR_UNSUPPORTED, NAP_NO_OFFSET,
            "tokenizer.ggml.model: \"%.64s\" is not known; known are llama (SentencePiece "
            "BPE), gpt2 (byte-level BPE), gemma4, t5 (unigram), bert (WordPiece)",
            d->model);
    }
    v->model = (*row)->model;
    v->pre_name = "default";
    if (v->model != NAP_BPE) return NAP_OK;
    const char *pre = (*row)->pre ? (*row)->pre : d->pre;
    v->pre = nap_pretok_find(pre);
    if (v->pre) {
        v->pre_name = v->pre->name;
        if (*pre == 0) nap_log("tokenizer.ggml.pre is absent: pre-tokenizer \"default\" is used");
        return NAP_OK;
    }
    char known[330] = "";
    size_t used = 0, left = 0;
    for (size_t i = 0; nap_pretok_at(i); i++) {
        const char *name = nap_pretok_at(i)->name;
        if (left > 0 || used + strlen(name) + 3 > sizeof known) {
            left++;
        } else {
            used +=
                (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", name);
        }
    }
    return nap_fail(e, NAP_ERR_UNSUPPORTED, NAP_NO_OFFSET,
                    "tokenizer.ggml.pre: \"%.64s\" is not known; known are %s and %zu more "
                    "(docs/tokenizers.md)",
                    pre, known, left);
}

static int byte_of(nap_text s)
{
    int value = 0;
    if (s.len != 6 || memcmp(s.data, "<0x", 3) != 0 || s.data[5] != '>') return -1;
    for (int i = 3; i < 5; i++) {
        const char c = s.data[i];
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                                 : -1;
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

static nap_status load_token(nap_vocab *v, const nap_vocab_desc *d, size_t i, nap_error *e)
{
    static const uint8_t attr_of[] = {
        [0] = NAP_ATTR_NORMAL,
        [NAP_TOKEN_NORMAL] = NAP_ATTR_NORMAL,
        [NAP_TOKEN_UNKNOWN] = NAP_ATTR_UNKNOWN,
        [NAP_TOKEN_CONTROL] = NAP_ATTR_CONTROL,
        [NAP_TOKEN_USER_DEFINED] = NAP_ATTR_USER,
        [NAP_TOKEN_UNUSED] = NAP_ATTR_UNUSED,
        [NAP_TOKEN_BYTE] = NAP_ATTR_BYTE,
    };
    nap_text s = d->tokens[i];
    char name[40];
    if (s.len == 0) {
        s.len = (size_t)snprintf(name, sizeof name, "[EMPTY_%zu]", i);
        s.data = name;
    }
    uint32_t id;
    bool added;
    if (!nap_intern_add(&v->pieces, s.data, s.len, &id, &added)) {
        return nap_fail_memory(e, v->pieces.bytes_cap * 2, "the tokens");
    }
    const int shown = s.len < 64 ? (int)s.len : 64;
    if (!added) {
        return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                        "tokenizer.ggml.tokens[%zu]: \"%.*s\" is there already, as token %u", i,
                        shown, s.data, id);
    }
    if (s.len > v->longest) v->longest = s.len;
    const int32_t type = d->types ? d->types[i] : NAP_TOKEN_NORMAL;
    if (type < 0 || type > NAP_TOKEN_BYTE) {
        return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                        "tokenizer.ggml.token_type[%zu]: %d, expected 0 to 6", i, type);
    }
    v->attr[i] = attr_of[type];
    v->scores[i] = d->scores ? d->scores[i] : 0.0f;
    if (!isfinite(v->scores[i])) {
        return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                        "tokenizer.ggml.scores[%zu]: not a finite number", i);
    }
    const int byte = byte_of(s);
    if (type == NAP_TOKEN_BYTE && byte < 0) {
        return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                        "tokenizer.ggml.tokens[%zu]: \"%.*s\" is of type byte, expected <0x00> to "
                        "<0xFF>",
                        i, shown, s.data);
    }
    /* The bytes' tokens are found by their text, upper case, whatever their type. */
    if (byte >= 0) {
        char upper[16];
        snprintf(upper, sizeof upper, "<0x%02X>", (unsigned)byte);
        if (memcmp(upper, s.data, 6) == 0) v->byte_token[byte] = (nap_token)i;
    }
    return NAP_OK;
}

static nap_status load_tokens(nap_vocab *v, const nap_vocab_desc *d, nap_error *e)
{
    if (d->n_tokens == 0 || d->n_tokens > INT32_MAX) {
        return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                        "tokenizer.ggml.tokens: %zu tokens, expected 1 to 2^31 - 1", d->n_tokens);
    }
    size_t bytes = 0;
    for (size_t i = 0; i < d->n_tokens; i++) bytes += d->tokens[i].len;
    v->n = d->n_tokens;
    v->scores = nap_calloc(v->n, sizeof *v->scores);
    v->attr = nap_calloc(v->n, 1);
    v->is_end = nap_calloc(v->n, 1);
    if (!v->scores || !v->attr || !v->is_end || !nap_intern_init(&v->pieces, v->n, bytes)) {
        return nap_fail_memory(e, v->n * 6 + bytes, "the tokens");
    }
    for (size_t i = 0; i < 256; i++) v->byte_token[i] = NAP_TOKEN_NONE;
    for (size_t i = 0; i < v->n; i++) NAP_TRY(load_token(v, d, i, e));
    return NAP_OK;
}

static nap_status check_id(const nap_vocab *v, const char *key, int64_t id, nap_error *e)
{
    if (id == -1 || (id >= 0 && (uint64_t)id < v->n)) return NAP_OK;
    return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                    "tokenizer.ggml.%s_token_id: %lld, expected 0 to %zu", key, (long long)id,
                    v->n - 1);
}

static nap_token choose_id(const nap_vocab *v, int64_t id, int fallback)
{
    if (id >= 0) return (nap_token)id;
    return fallback >= 0 && (size_t)fallback < v->n ? fallback : NAP_TOKEN_NONE;
}

static nap_status load_ids(nap_vocab *v, const nap_vocab_desc *d, const model_row *row,
                           nap_error *e)
{
    const struct {
        const char *key;
        int64_t id;
    } ids[] = {{"bos", d->bos},         {"eos", d->eos},         {"eot", d->eot},
               {"eom", d->eom},         {"unknown", d->unk},     {"seperator", d->sep},
               {"padding", d->pad},     {"cls", d->cls},         {"mask", d->mask},
               {"fim_pre", d->fim_pre}, {"fim_suf", d->fim_suf}, {"fim_mid", d->fim_mid},
               {"fim_pad", d->fim_pad}, {"fim_rep", d->fim_rep}, {"fim_sep", d->fim_sep}};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        NAP_TRY(check_id(v, ids[i].key, ids[i].id, e));
    }
    const unsigned pre = v->pre ? v->pre->flags : 0;
    v->bos = choose_id(v, d->bos, pre & NAP_PRE_NO_BOS ? -1 : row->bos);
    v->eos = choose_id(v, d->eos, row->eos);
    v->eot = choose_id(v, d->eot, -1);
    v->eom = choose_id(v, d->eom, -1);
    v->unk = choose_id(v, d->unk, row->unk);
    v->sep = choose_id(v, d->sep, row->sep);
    return NAP_OK;
}

/* A token that the file asks for must exist; one that is only the kind's habit may be missing. */
static nap_status load_flags(nap_vocab *v, const nap_vocab_desc *d, const model_row *row,
                             nap_error *e)
{
    const unsigned pre = v->pre ? v->pre->flags : 0;
    const bool wordpiece = v->model == NAP_WORDPIECE;
    const nap_token end = wordpiece ? v->sep : v->eos;
    v->add_bos = wordpiece || d->add_bos < 0 ? row->add_bos : d->add_bos > 0;
    if (d->add_bos < 0 && (pre & NAP_PRE_ADD_BOS)) v->add_bos = true;
    if (pre & NAP_PRE_NEWLINES) v->add_bos = true; /* Gemma 4's files said no, mistakenly */
    v->add_eos = wordpiece || d->add_eos < 0 ? row->add_eos : d->add_eos > 0;
    if (v->add_bos && v->bos == NAP_TOKEN_NONE) {
        if (d->add_bos > 0) {
            return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                            "tokenizer.ggml.add_bos_token is true but bos_token_id is absent");
        }
        v->add_bos = false;
    }
    if (v->add_eos && end == NAP_TOKEN_NONE) {
        if (d->add_eos > 0) {
            return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                            "tokenizer.ggml.add_eos_token is true but eos_token_id is absent");
        }
        v->add_eos = false;
    }
    v->add_space_prefix = v->model == NAP_BPE || d->add_space_prefix < 0 ? row->add_space_prefix
                                                                         : d->add_space_prefix > 0;
    v->remove_extra_spaces = d->remove_extra_whitespaces > 0;
    v->lowercase = d->lowercase != 0;
    v->strip_accents = d->strip_accents < 0 ? v->lowercase : d->strip_accents > 0;
    return NAP_OK;
}

static nap_status build(nap_vocab *v, const nap_vocab_desc *d, nap_error *e)
{
    const model_row *row;
    NAP_TRY(find_model(v, d, &row, e));
    NAP_TRY(load_tokens(v, d, e));
    NAP_TRY(load_ids(v, d, row, e));
    NAP_TRY(load_flags(v, d, row, e));
    /* Unigram goes by the types as the file has them, the others by what the texts tell. */
    if (v->model == NAP_UNIGRAM) NAP_TRY(nap_unigram_build(v, d, e));
    nap_special_classify(v, d);
    NAP_TRY(nap_special_build(v, e));
    if (v->model == NAP_BPE) NAP_TRY(nap_bpe_build(v, d, e));
    if (v->model == NAP_WORDPIECE) NAP_TRY(nap_wordpiece_build(v, e));
    nap_space_joins(v);
    return NAP_OK;
}

nap_status nap_vocab_create(nap_vocab **out, const nap_vocab_desc *d, nap_error *e)
{
    nap_vocab *v = nap_calloc(1, sizeof *v);
    if (!v) return nap_fail_memory(e, sizeof *v, "the vocabulary");
    const nap_status status = build(v, d, e);
    if (status != NAP_OK) {
        nap_vocab_destroy(v);
        return status;
    }
    *out = v;
    return NAP_OK;
}

void nap_vocab_destroy(nap_vocab *v)
{
    if (!v) return;
    nap_intern_free(&v->pieces);
    nap_trie_free(&v->special_trie);
    nap_trie_free(&v->words);
    nap_free(v->scores);
    nap_free(v->attr);
    nap_free(v->is_end);
    nap_free(v->special);
    nap_free(v->merges);
    nap_free(v->charsmap);
    nap_free(v->replacements);
    nap_free(v);
}

static bool valid(const nap_vocab *v, nap_token t)
{
    return t >= 0 && (size_t)t < v->n;
}

size_t nap_vocab_size(const nap_vocab *v)
{
    return v->n;
}

nap_token nap_vocab_bos(const nap_vocab *v)
{
    return v->bos;
}

nap_token nap_vocab_eos(const nap_vocab *v)
{
    return v->eos;
}

bool nap_vocab_add_bos(const nap_vocab *v)
{
    return v->add_bos;
}

bool nap_vocab_add_eos(const nap_vocab *v)
{
    return v->add_eos;
}

bool nap_vocab_is_end(const nap_vocab *v, nap_token t)
{
    return valid(v, t) && v->is_end[t];
}

const char *nap_vocab_text(const nap_vocab *v, nap_token t, size_t *len)
{
    if (!valid(v, t)) {
        if (len) *len = 0;
        return NULL;
    }
    const nap_text s = nap_intern_text(&v->pieces, (uint32_t)t);
    if (len) *len = s.len;
    return s.data;
}

nap_token_type nap_vocab_type(const nap_vocab *v, nap_token t)
{
    const unsigned attr = valid(v, t) ? v->attr[t] : NAP_ATTR_UNKNOWN;
    if (attr & NAP_ATTR_CONTROL) return NAP_TOKEN_CONTROL;
    if (attr & NAP_ATTR_UNKNOWN) return NAP_TOKEN_UNKNOWN;
    if (attr & NAP_ATTR_USER) return NAP_TOKEN_USER_DEFINED;
    if (attr & NAP_ATTR_BYTE) return NAP_TOKEN_BYTE;
    return attr & NAP_ATTR_UNUSED ? NAP_TOKEN_UNUSED : NAP_TOKEN_NORMAL;
}

const char *nap_vocab_kind(const nap_vocab *v)
{
    return kind_names[v->model];
}

const char *nap_vocab_pre(const nap_vocab *v)
{
    return v->pre_name;
}
