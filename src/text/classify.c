/* Which tokens are special, and which end an answer. GGUF files name few of them, so that the
 * rest is told by the tokens' texts, as llama.cpp does (the lists are its, 0.3.36). */
#include "text/vocab_impl.h"

#include "base/error.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define BAR "\xef\xbd\x9c" /* U+FF5C, DeepSeek's bar */

static const char *const ends[] = {"<|eot_id|>",
                                   "<|im_end|>",
                                   "<|end|>",
                                   "<|return|>",
                                   "<|call|>",
                                   "<|flush|>",
                                   "<|calls|>",
                                   "<end_of_turn>",
                                   "<|endoftext|>",
                                   "</s>",
                                   "<|eom_id|>",
                                   "<EOT>",
                                   "_<EOT>",
                                   "[EOT]",
                                   "[EOS]",
                                   "<|end_of_text|>",
                                   "<end_of_utterance>",
                                   "<eos>",
                                   "<turn|>",
                                   "<|tool_response>",
                                   "<" BAR "end" NAP_SPACE_MARK "of" NAP_SPACE_MARK "sentence" BAR
                                   ">",
                                   "[e~["};

/* Fill-in-the-middle tokens: control tokens; padding, repository and file ends also end. */
static const char *const fim_pre[] = {"<|fim_prefix|>",
                                      "<fim-prefix>",
                                      "<fim_prefix>",
                                      "<" BAR "fim" NAP_SPACE_MARK "begin" BAR ">",
                                      "<PRE>",
                                      NAP_SPACE_MARK "<PRE>",
                                      "<|code_prefix|>",
                                      "<|prefix|>",
                                      NULL};
static const char *const fim_suf[] = {"<|fim_suffix|>",
                                      "<fim-suffix>",
                                      "<fim_suffix>",
                                      "<" BAR "fim" NAP_SPACE_MARK "hole" BAR ">",
                                      "<SUF>",
                                      NAP_SPACE_MARK "<SUF>",
                                      "<|code_suffix|>",
                                      "<|suffix|>",
                                      NULL};
static const char *const fim_mid[] = {"<|fim_middle|>",
                                      "<fim-middle>",
                                      "<fim_middle>",
                                      "<" BAR "fim" NAP_SPACE_MARK "end" BAR ">",
                                      "<MID>",
                                      NAP_SPACE_MARK "<MID>",
                                      "<|code_middle|>",
                                      "<|middle|>",
                                      NULL};
static const char *const fim_pad[] = {"<|fim_pad|>", "<fim-pad>", "<fim_pad>",
                                      "<PAD>",       "[PAD]",     NULL};
static const char *const fim_rep[] = {"<|fim_repo|>", "<|repo_name|>", "<fim-repo>",
                                      "<REPO>",       "<reponame>",    NULL};
static const char *const fim_sep[] = {"<|file_sep|>", NULL};

/* Any token of that text, hidden or not. */
static nap_token any(const nap_vocab *v, const char *text)
{
    const uint32_t id = nap_intern_find(&v->pieces, text, strlen(text));
    return id < v->n ? (nap_token)id : NAP_TOKEN_NONE;
}

static bool ends_answer(const nap_vocab *v, const char *text)
{
    const nap_token t = any(v, text);
    return t != NAP_TOKEN_NONE && v->is_end[t];
}

static void mark_fim(nap_vocab *v, int64_t named, const char *const *texts, bool end)
{
    nap_token t = (nap_token)named;
    for (; named < 0 && t == NAP_TOKEN_NONE && *texts; texts++) {
        t = any(v, *texts);
        if (t != NAP_TOKEN_NONE) v->attr[t] |= NAP_ATTR_CONTROL;
    }
    if (end && t != NAP_TOKEN_NONE) v->is_end[t] = 1;
}

static void strip_beside(nap_vocab *v, const char *text, unsigned attr, bool on)
{
    const nap_token t = any(v, text);
    if (t == NAP_TOKEN_NONE) return;
    v->attr[t] = (uint8_t)(on ? v->attr[t] | attr : v->attr[t] & ~attr);
}

static void classify_stripping(nap_vocab *v, const nap_vocab_desc *d)
{
    char name[256];
    size_t n = 0;
    for (; n + 1 < sizeof name && d->name[n]; n++)
        name[n] = (char)tolower((unsigned char)d->name[n]);
    name[n] = 0;
    if (strstr(d->pre, "jina-v2-de") || strstr(d->pre, "jina-v2-es") ||
        strstr(d->pre, "jina-v2-code") || strstr(d->architecture, "nomic-bert-moe") ||
        strstr(d->architecture, "jina-bert-v3")) {
        strip_beside(v, "<mask>", NAP_ATTR_LSTRIP, true);
    } else if (strstr(name, "phi-3") || strstr(name, "phi3")) {
        for (size_t i = 0; i < v->n; i++) {
            if (v->attr[i] & (NAP_ATTR_HIDDEN | NAP_ATTR_USER)) v->attr[i] |= NAP_ATTR_RSTRIP;
        }
        strip_beside(v, "</s>", NAP_ATTR_RSTRIP, true);
        strip_beside(v, "<unk>", NAP_ATTR_RSTRIP, false);
        strip_beside(v, "<s>", NAP_ATTR_RSTRIP, false);
        strip_beside(v, "<|endoftext|>", NAP_ATTR_RSTRIP, false);
    } else if (strstr(name, "modern-bert")) {
        strip_beside(v, "[MASK]", NAP_ATTR_LSTRIP, true);
    }
}

void nap_special_classify(nap_vocab *v, const nap_vocab_desc *d)
{
    mark_fim(v, d->fim_pre, fim_pre, false);
    mark_fim(v, d->fim_suf, fim_suf, false);
    mark_fim(v, d->fim_mid, fim_mid, false);
    mark_fim(v, d->fim_pad, fim_pad, true);
    mark_fim(v, d->fim_rep, fim_rep, true);
    mark_fim(v, d->fim_sep, fim_sep, true);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        const nap_token t = any(v, ends[i]);
        if (t == NAP_TOKEN_NONE) continue;
        v->attr[t] |= NAP_ATTR_CONTROL;
        v->is_end[t] = 1;
    }
    /* gpt-oss: these frame its answers and must be seen. */
    static const char *const shown[] = {"<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"};
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        const nap_token t = any(v, shown[i]);
        if (t != NAP_TOKEN_NONE) v->attr[t] = NAP_ATTR_USER;
    }
    const nap_token named[] = {v->eos, v->eot, v->eom};
    for (size_t i = 0; i < 3; i++) {
        if (named[i] != NAP_TOKEN_NONE) v->is_end[named[i]] = 1;
    }
    /* Where <|return|> or <|flush|> ends the answer, <|end|> only ends a part of it. */
    const bool call = ends_answer(v, "<|call|>") || ends_answer(v, "<|calls|>");
    const nap_token end = any(v, "<|end|>"), s = any(v, "</s>");
    if (call && ends_answer(v, "<|end|>") &&
        (ends_answer(v, "<|return|>") || ends_answer(v, "<|flush|>"))) {
        v->is_end[end] = 0;
        v->attr[end] = NAP_ATTR_USER;
    }
    /* Gemma 4 writes </s> as the HTML it is. */
    if (ends_answer(v, "</s>") &&
        (ends_answer(v, "<|tool_response>") || ends_answer(v, "<|plamo:eos|>"))) {
        v->is_end[s] = 0;
        v->attr[s] = NAP_ATTR_NORMAL;
    }
    classify_stripping(v, d);
}

static int longest_first(const void *a, const void *b, void *vocab)
{
    const nap_vocab *v = vocab;
    const nap_token x = *(const nap_token *)a, y = *(const nap_token *)b;
    const size_t n = nap_intern_text(&v->pieces, (uint32_t)x).len;
    const size_t m = nap_intern_text(&v->pieces, (uint32_t)y).len;
    return n == m ? (x > y) - (x < y) : n > m ? -1 : 1;
}

nap_status nap_special_build(nap_vocab *v, nap_error *e)
{
    for (size_t i = 0; i < v->n; i++) {
        v->n_special += (v->attr[i] & (NAP_ATTR_HIDDEN | NAP_ATTR_USER)) != 0;
    }
    v->special = nap_calloc(v->n_special, sizeof *v->special);
    nap_trie_item *items = nap_calloc(v->n_special, sizeof *items);
    nap_status status = NAP_OK;
    if (!v->special || !items) {
        status = nap_fail_memory(e, v->n_special * sizeof *items, "the special tokens");
    } else {
        size_t n = 0;
        for (size_t i = 0; i < v->n; i++) {
            if (v->attr[i] & (NAP_ATTR_HIDDEN | NAP_ATTR_USER)) v->special[n++] = (nap_token)i;
        }
        qsort_r(v->special, n, sizeof *v->special, longest_first, v);
        for (size_t i = 0; i < n; i++) {
            items[i].text = nap_intern_text(&v->pieces, (uint32_t)v->special[i]);
            items[i].value = (int32_t)i;
        }
        status = nap_trie_build(&v->special_trie, items, n, e);
    }
    nap_free(items);
    return status;
}
