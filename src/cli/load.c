/* From MODEL to a session, and from messages to tokens. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

nap_status load_model(loaded *l, const char *model, nap_error *e)
{
    const nap_status s = nap_store_resolve(model, &l->path, e);
    return s != NAP_OK ? s : nap_model_open(&l->model, l->path, e);
}

/* Legal, and often asked for by mistake: positions the model never saw are answered, but badly.
 * Once is enough, however many engines a command makes. */
static void warn_context(const loaded *l)
{
    static bool said;
    const size_t context = nap_engine_context(l->engine);
    const size_t trained = nap_model_context_length(l->model);
    if (said || trained == 0 || context <= trained) return;
    said = true;
    term_say("the context of %zu tokens is longer than the %zu that the model was trained with",
             context, trained);
}

nap_status load_engine(loaded *l, const engine_args *a, nap_error *e)
{
    const double start = text_now();
    nap_engine_options o = a->o;
    o.progress = term_progress;
    const nap_status s = nap_engine_create(&l->engine, l->model, &o, e);
    l->load_seconds = text_now() - start;
    term_progress_end();
    if (s == NAP_OK) warn_context(l);
    return s;
}

nap_status load_session(loaded *l, nap_error *e)
{
    return nap_session_create(&l->session, l->engine, e);
}

void load_free(loaded *l)
{
    nap_session_destroy(l->session);
    nap_engine_destroy(l->engine);
    nap_model_close(l->model);
    nap_text_free(l->path);
    *l = (loaded){0};
}

/* ---- prompts */

nap_status prompter_init(prompter *p, const nap_model *m, const char *file, nap_error *e)
{
    *p = (prompter){.model = m, .vocab = nap_model_vocab(m, e)};
    if (p->vocab == NULL) return e->code;
    if (file == NULL) return nap_model_template(m, e) != NULL ? NAP_OK : e->code;
    char *text = NULL;
    size_t len = 0;
    nap_status s = text_read_file(file, &text, &len, e);
    if (s == NAP_OK) s = nap_template_parse(&p->own, text, len, e);
    free(text);
    return s;
}

void prompter_free(prompter *p)
{
    nap_template_free(p->own);
    p->own = NULL;
}

static json_t *token_text(const nap_vocab *v, nap_token t)
{
    size_t len = 0;
    const char *s = t == NAP_TOKEN_NONE ? NULL : nap_vocab_text(v, t, &len);
    return text_json(s != NULL ? s : "", len);
}

/* Puts the vocabulary's beginning token first unless the text already spelled it. The end token
 * that a vocabulary may ask for has no place in a prompt, so nap_tokenize is not asked to add. */
static nap_status tokenize_prompt(const nap_vocab *v, const char *text, size_t len, unsigned flags,
                                  nap_token **ids, size_t *n, nap_error *e)
{
    nap_token *plain = NULL;
    const nap_status s = nap_tokenize(v, text, len, flags | NAP_TOKENIZE_TELL_LOST, &plain, n, e);
    const nap_token bos = nap_vocab_bos(v);
    if (s != NAP_OK || !nap_vocab_add_bos(v) || bos == NAP_TOKEN_NONE ||
        (*n > 0 && plain[0] == bos)) {
        *ids = plain;
        return s;
    }
    /* The list is the library's own memory, so that nap_tokens_free is right for every result. */
    nap_token *with = NULL;
    size_t n_with = 0;
    const nap_status s2 =
        nap_tokenize(v, text, len, flags | NAP_TOKENIZE_ADD_SPECIAL, &with, &n_with, e);
    nap_tokens_free(plain);
    if (s2 != NAP_OK) return s2;
    *ids = with;
    *n = n_with > 0 && nap_vocab_add_eos(v) && with[n_with - 1] == nap_vocab_eos(v) ? n_with - 1
                                                                                    : n_with;
    return NAP_OK;
}

nap_status prompter_raw(const prompter *p, const char *text, size_t len, bool parse_special,
                        nap_token **ids, size_t *n, nap_error *e)
{
    return tokenize_prompt(p->vocab, text, len, parse_special ? NAP_TOKENIZE_PARSE_SPECIAL : 0, ids,
                           n, e);
}

nap_status prompter_messages(const prompter *p, const json_t *messages, nap_token **ids, size_t *n,
                             nap_error *e)
{
    json_t *root = json_pack("{s:O, s:b, s:o, s:o}", "messages", messages, "add_generation_prompt",
                             1, "bos_token", token_text(p->vocab, nap_vocab_bos(p->vocab)),
                             "eos_token", token_text(p->vocab, nap_vocab_eos(p->vocab)));
    char *json = root == NULL ? NULL : json_dumps(root, JSON_COMPACT);
    json_decref(root);
    if (json == NULL) return text_error(e, NAP_ERR_MEMORY, "the conversation does not fit");
    char *text = NULL;
    size_t len = 0;
    nap_status s = p->own != NULL
                       ? nap_template_render(p->own, json, strlen(json), NULL, &text, &len, e)
                       : nap_model_chat(p->model, json, strlen(json), true, &text, &len, e);
    free(json);
    if (s == NAP_OK)
        s = tokenize_prompt(p->vocab, text, len, NAP_TOKENIZE_PARSE_SPECIAL, ids, n, e);
    nap_text_free(text);
    return s;
}

void prompter_warn_control(const prompter *p, const char *text, size_t len)
{
    nap_token *ids = NULL;
    size_t n = 0;
    if (nap_tokenize(p->vocab, text, len, NAP_TOKENIZE_PARSE_SPECIAL, &ids, &n, NULL) != NAP_OK)
        return;
    for (size_t i = 0; i < n; i++) {
        if (nap_vocab_type(p->vocab, ids[i]) != NAP_TOKEN_CONTROL) continue;
        size_t k = 0;
        const char *s = nap_vocab_text(p->vocab, ids[i], &k);
        term_say("the text spells the control token %.*s, and the model will read it as one",
                 (int)k, s);
        break;
    }
    nap_tokens_free(ids);
}

const char *stop_reason_name(nap_stop_reason r)
{
    static const char *const names[] = {"end", "length", "stop", "context", "cancelled"};
    return (size_t)r < sizeof names / sizeof *names ? names[r] : "unknown";
}
