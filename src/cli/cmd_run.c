/* napier run: one prompt, one answer, streamed. */
#include "cli/commands.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_STOP = 16,
    KEY_RAW = 0x300,
    KEY_STOP,
    KEY_LOGPROBS,
    KEY_JSON,
    KEY_STATS,
    KEY_TEMPLATE,
    KEY_SPECIAL,
    KEY_IGNORE_END
};

typedef struct run_args {
    const char *model, *prompt, *prompt_flag, *system, *template_file;
    const char *stop[MAX_STOP];
    size_t n_stop, max_tokens, logprobs;
    bool raw, json, stats, parse_special, ignore_end;
    engine_args engine;
    nap_sampler_options sampler;
} run_args;

static void init(void *p)
{
    run_args *a = p;
    a->engine.o = nap_engine_defaults();
    a->sampler = nap_sampler_defaults();
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    run_args *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[1] = &a->engine;
        state->child_inputs[2] = &a->sampler;
        return 0;
    case 'p':
        a->prompt_flag = arg;
        return 0;
    case 's':
        a->system = arg;
        return 0;
    case 'n':
        return cli_size(state, "--tokens", arg, 1, (size_t)1 << 30, &a->max_tokens);
    case KEY_RAW:
        a->raw = true;
        return 0;
    case KEY_JSON:
        a->json = true;
        return 0;
    case KEY_STATS:
        a->stats = true;
        return 0;
    case KEY_SPECIAL:
        a->parse_special = true;
        return 0;
    case KEY_IGNORE_END:
        a->ignore_end = true;
        return 0;
    case KEY_TEMPLATE:
        a->template_file = arg;
        return 0;
    case KEY_LOGPROBS:
        return cli_size(state, "--logprobs", arg, 1, 100, &a->logprobs);
    case KEY_STOP:
        if (arg[0] == '\0') return cli_usage(state, "--stop: the text is empty");
        if (a->n_stop == MAX_STOP) return cli_usage(state, "--stop: at most %d texts", MAX_STOP);
        a->stop[a->n_stop++] = arg;
        return 0;
    case ARGP_KEY_END:
        if (a->prompt != NULL && a->prompt_flag != NULL)
            return cli_usage(state, "two prompts: give PROMPT or --prompt");
        if (a->logprobs > 0 && !a->json) return cli_usage(state, "--logprobs needs --json");
        if (a->raw && (a->system != NULL || a->template_file != NULL))
            return cli_usage(state, "--raw takes no --system and no --template");
        break;
    default:
        break;
    }
    const char **slots[] = {&a->model, &a->prompt};
    static const char *const names[] = {"MODEL", "PROMPT"};
    return cli_positional(key, arg, state, slots, names, 2, 1);
}

/* ---- the answer as it comes */

typedef struct answer {
    bool stream;
    json_t *tokens; /* with --json */
    const nap_vocab *vocab;
    char *text;
    size_t len, cap;
    bool failed;
} answer;

static json_t *token_json(const nap_vocab *v, nap_token t)
{
    char *s = NULL;
    size_t len = 0;
    if (nap_detokenize(v, &t, 1, NAP_DETOKENIZE_SPECIAL, &s, &len, NULL) != NAP_OK)
        return json_null();
    json_t *j = text_json(s, len);
    nap_text_free(s);
    return j;
}

static void keep_token(answer *a, const nap_piece *p)
{
    json_t *j = json_pack("{s:i, s:o}", "id", p->token, "token", token_json(a->vocab, p->token));
    if (p->n_top > 0) {
        json_t *top = json_array();
        for (size_t i = 0; i < p->n_top; i++)
            json_array_append_new(top, json_pack("{s:i, s:o, s:f}", "id", p->top[i].token, "token",
                                                 token_json(a->vocab, p->top[i].token), "logprob",
                                                 (double)p->top[i].logprob));
        json_object_set_new(j, "logprob", json_real((double)p->logprob));
        json_object_set_new(j, "top_logprobs", top);
    }
    json_array_append_new(a->tokens, j);
}

static bool on_piece(void *user, const nap_piece *p)
{
    answer *a = user;
    term_progress_end();
    if (a->stream) {
        if (p->len > 0 && !term_put(p->text, p->len)) {
            a->failed = true;
            return false;
        }
    } else {
        if (p->len > a->cap - a->len) {
            const size_t cap = (a->len + p->len) * 2;
            char *more = realloc(a->text, cap);
            if (more == NULL) return false;
            a->text = more;
            a->cap = cap;
        }
        if (p->len > 0) memcpy(a->text + a->len, p->text, p->len);
        a->len += p->len;
        keep_token(a, p);
    }
    return !term_interrupted();
}

/* ---- the work */

static nap_status read_prompt(const run_args *a, char **text, size_t *len, nap_error *e)
{
    const char *given = a->prompt != NULL ? a->prompt : a->prompt_flag;
    if (given == NULL) return text_read_file("-", text, len, e);
    *len = strlen(given);
    *text = malloc(*len + 1);
    if (*text == NULL) return text_error(e, NAP_ERR_MEMORY, "out of memory");
    memcpy(*text, given, *len + 1);
    return NAP_OK;
}

/* The chat template unless --raw or the model has none. */
static nap_status tokenize(const run_args *a, const loaded *l, const char *text, size_t len,
                           nap_token **ids, size_t *n, nap_error *e)
{
    prompter p;
    nap_status s = prompter_init(&p, l->model, a->template_file, e);
    const bool templated = s == NAP_OK && !a->raw;
    if (s == NAP_OK || (a->raw && p.vocab != NULL) ||
        (s == NAP_ERR_NOT_FOUND && p.vocab != NULL && a->template_file == NULL))
        s = NAP_OK;
    if (s == NAP_OK && !templated && a->system != NULL)
        s = text_error(e, NAP_ERR_ARGUMENT,
                       "%s has no chat template, so --system has no place in its prompt", l->path);
    if (s != NAP_OK) goto done;
    if (!templated) {
        s = prompter_raw(&p, text, len, a->parse_special, ids, n, e);
        goto done;
    }
    prompter_warn_control(&p, text, len);
    json_t *messages = json_array();
    if (a->system != NULL)
        json_array_append_new(messages, json_pack("{s:s, s:o}", "role", "system", "content",
                                                  text_json(a->system, strlen(a->system))));
    json_array_append_new(messages,
                          json_pack("{s:s, s:o}", "role", "user", "content", text_json(text, len)));
    s = prompter_messages(&p, messages, ids, n, e);
    json_decref(messages);
done:
    prompter_free(&p);
    return s;
}

static void print_stats(const loaded *l, const nap_generate_stats *s)
{
    char peak[32];
    const double pt = (double)(s->prompt_tokens - s->cached_tokens),
                 gt = (double)s->generated_tokens;
    fprintf(
        stderr,
        "prompt %zu tokens, %.1f tok/s; answer %zu tokens, %.1f tok/s (%s); first token %.3f s; "
        "load %.2f s; peak memory %s\n",
        s->prompt_tokens, s->prompt_seconds > 0 ? pt / s->prompt_seconds : 0.0, s->generated_tokens,
        s->generate_seconds > 0 ? gt / s->generate_seconds : 0.0, stop_reason_name(s->stop),
        s->first_token_seconds, l->load_seconds, text_bytes(nap_peak_memory(), peak));
}

static void print_json(const loaded *l, const answer *out, const nap_generate_stats *s)
{
    text_print_json(json_pack(
        "{s:o, s:o, s:s, s:I, s:I, s:I, s:O, s:{s:f, s:f, s:f, s:f}}", "model",
        text_json_z(nap_model_name(l->model)), "text",
        text_json(out->text != NULL ? out->text : "", out->len), "finish_reason",
        stop_reason_name(s->stop), "prompt_tokens", (json_int_t)s->prompt_tokens, "cached_tokens",
        (json_int_t)s->cached_tokens, "completion_tokens", (json_int_t)s->generated_tokens,
        "tokens", out->tokens, "seconds", "load", l->load_seconds, "prompt", s->prompt_seconds,
        "generate", s->generate_seconds, "first_token", s->first_token_seconds));
}

static int run(void *p)
{
    run_args *a = p;
    if (a->prompt == NULL && a->prompt_flag == NULL && term_is_tty(stdin)) {
        fputs("napier run: no prompt: give one as an argument, with -p, or on standard input "
              "(for a conversation: napier chat)\n",
              stderr);
        return EXIT_USAGE;
    }
    nap_error e = {0};
    loaded l = {0};
    char *text = NULL;
    nap_token *ids = NULL;
    size_t len = 0, n = 0;
    nap_generate_stats stats = {0};
    answer out = {.stream = !a->json, .tokens = a->json ? json_array() : NULL};

    nap_status s = load_model(&l, a->model, &e);
    if (s == NAP_OK) s = read_prompt(a, &text, &len, &e);
    if (s == NAP_OK) s = tokenize(a, &l, text, len, &ids, &n, &e);
    if (s == NAP_OK && n == 0) s = text_error(&e, NAP_ERR_ARGUMENT, "the prompt is empty");
    if (s == NAP_OK) s = load_engine(&l, &a->engine, &e);
    if (s == NAP_OK) s = load_session(&l, &e);
    if (s == NAP_OK) {
        nap_generate_options o = nap_generate_defaults();
        o.sampler = a->sampler;
        o.max_tokens = a->max_tokens;
        o.stop = a->stop;
        o.n_stop = a->n_stop;
        o.logprobs = a->logprobs;
        o.ignore_end = a->ignore_end;
        o.progress = term_progress;
        out.vocab = nap_model_vocab(l.model, &e);
        s = nap_generate(l.session, ids, n, &o, on_piece, &out, &stats, &e);
        term_progress_end();
        if (out.stream && stats.generated_tokens > 0) (void)term_put("\n", 1);
    }
    /* Stopping by Ctrl-C is an error from inside the prompt, and a stop reason inside the answer.
     */
    int code = s != NAP_OK ? term_fail(&e) : EXIT_OK;
    if (s == NAP_OK) {
        if (a->json) print_json(&l, &out, &stats);
        (void)term_put("", 0);
        if (stats.stop == NAP_STOP_CONTEXT)
            term_say("the context of %zu tokens is full", nap_engine_context(l.engine));
        if (a->stats || (term_is_tty(stderr) && term_is_tty(stdout))) print_stats(&l, &stats);
        if (stats.stop == NAP_STOP_CANCELLED) code = out.failed ? EXIT_WORK : EXIT_INTERRUPTED;
    }
    json_decref(out.tokens);
    free(out.text);
    free(text);
    nap_tokens_free(ids);
    load_free(&l);
    return code;
}

static const struct argp_option options[] = {
    {"prompt", 'p', "PROMPT", 0, "The prompt (else the second argument, else standard input)", 1},
    {"tokens", 'n', "N", 0, "Tokens to answer with at most; default until the model ends", 1},
    {"system", 's', "TEXT", 0, "A system message before the prompt", 1},
    {"raw", KEY_RAW, NULL, 0, "No chat template: continue the prompt as it is", 1},
    {"parse-special", KEY_SPECIAL, NULL, 0, "With --raw: read control tokens spelled in the prompt",
     1},
    {"template", KEY_TEMPLATE, "FILE", 0, "A chat template instead of the model's", 1},
    {"stop", KEY_STOP, "TEXT", 0, "Stop before this text (up to 16 times)", 1},
    {"ignore-end", KEY_IGNORE_END, NULL, 0, "Go on after the model's end token", 1},
    {"json", KEY_JSON, NULL, 0, "Print one JSON object at the end instead of streaming", 1},
    {"logprobs", KEY_LOGPROBS, "N", 0, "With --json: the N likeliest tokens at every step", 1},
    {"stats", KEY_STATS, NULL, 0, "Print speed on standard error (always on a terminal)", 1},
    {0},
};
static const struct argp_child children[] = {{&cli_help_argp, 0, NULL, 0},
                                             {&cli_engine_argp, 0, NULL, 0},
                                             {&cli_sampler_argp, 0, NULL, 0},
                                             {0}};
static const struct argp argp = {
    options,
    parse,
    "MODEL [PROMPT]",
    "Answer one prompt and stop.\v"
    "The model's own chat template is used unless --raw is given or it has none. Flags beat the "
    "variables in brackets; $NAPIER_MODEL stands in for MODEL. A prompt longer than the context is "
    "refused, never cut.",
    children,
    NULL,
    NULL};

const command cmd_run = {"run", "Answer one prompt", &argp, sizeof(run_args), init, run};
