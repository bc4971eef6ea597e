/* napier chat: a conversation. The messages are the state; before every answer the whole of them
 * is rendered and the session keeps the prefix it already computed. Lines come from line.c. */
#include "cli/commands.h"
#include "cli/line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_TEMPLATE = 0x300, KEY_STATS };

typedef struct chat_args {
    const char *model, *system, *template_file;
    size_t max_tokens;
    bool stats;
    engine_args engine;
    nap_sampler_options sampler;
} chat_args;

static void init(void *p)
{
    chat_args *a = p;
    a->engine.o = nap_engine_defaults();
    a->sampler = nap_sampler_defaults();
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    chat_args *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[1] = &a->engine;
        state->child_inputs[2] = &a->sampler;
        return 0;
    case 's':
        a->system = arg;
        return 0;
    case 'n':
        return cli_size(state, "--tokens", arg, 1, (size_t)1 << 30, &a->max_tokens);
    case KEY_TEMPLATE:
        a->template_file = arg;
        return 0;
    case KEY_STATS:
        a->stats = true;
        return 0;
    default:
        break;
    }
    const char **slots[] = {&a->model};
    static const char *const names[] = {"MODEL"};
    return cli_positional(key, arg, state, slots, names, 1, 1);
}

typedef struct chat {
    const chat_args *args;
    loaded l;
    prompter p;
    json_t *messages;
    line_reader *in;
    char *answer; /* of the turn under way */
    size_t len, cap;
    bool colour, lost, eof;
} chat;

/* ---- messages */

static void add_message(chat *c, const char *role, const char *text, size_t len)
{
    json_array_append_new(c->messages,
                          json_pack("{s:s, s:o}", "role", role, "content", text_json(text, len)));
}

static void drop_last(chat *c)
{
    json_array_remove(c->messages, json_array_size(c->messages) - 1);
}

static void set_system(chat *c, const char *text)
{
    const json_t *first = json_array_get(c->messages, 0);
    const char *role = json_string_value(json_object_get(first, "role"));
    if (role != NULL && strcmp(role, "system") == 0) json_array_remove(c->messages, 0);
    if (text[0] != '\0')
        json_array_insert_new(
            c->messages, 0,
            json_pack("{s:s, s:o}", "role", "system", "content", text_json(text, strlen(text))));
}

/* ---- one turn */

static bool on_piece(void *user, const nap_piece *p)
{
    chat *c = user;
    term_progress_end();
    if (p->len > c->cap - c->len) {
        const size_t cap = (c->len + p->len) * 2;
        char *more = realloc(c->answer, cap);
        if (more == NULL) return false;
        c->answer = more;
        c->cap = cap;
    }
    if (p->len > 0) {
        memcpy(c->answer + c->len, p->text, p->len);
        c->len += p->len;
        if (!term_put(p->text, p->len)) c->lost = true;
    }
    return !term_interrupted() && !c->lost;
}

static void report(const chat *c, const nap_generate_stats *s)
{
    const double pt = (double)(s->prompt_tokens - s->cached_tokens);
    fprintf(stderr, "%s[%zu + %zu tokens of %zu; read %.0f tok/s, wrote %.1f tok/s]%s\n",
            c->colour ? "\033[2m" : "", s->prompt_tokens, s->generated_tokens,
            nap_engine_context(c->l.engine), s->prompt_seconds > 0 ? pt / s->prompt_seconds : 0.0,
            s->generate_seconds > 0 ? (double)s->generated_tokens / s->generate_seconds : 0.0,
            c->colour ? "\033[0m" : "");
}

/* Answers the messages as they stand. What cannot be answered leaves the conversation as it was
 * before the user's last message. */
static void answer(chat *c)
{
    nap_error e = {0};
    nap_token *ids = NULL;
    size_t n = 0;
    nap_generate_stats stats = {0};
    nap_generate_options o = nap_generate_defaults();
    o.sampler = c->args->sampler;
    o.max_tokens = c->args->max_tokens;
    o.progress = term_progress;
    c->len = 0;
    term_clear_interrupt();
    nap_status s = prompter_messages(&c->p, c->messages, &ids, &n, &e);
    if (s == NAP_OK) s = nap_generate(c->l.session, ids, n, &o, on_piece, c, &stats, &e);
    nap_tokens_free(ids);
    term_progress_end();
    if (s != NAP_OK) {
        drop_last(c);
        (void)term_fail(&e);
        if (s == NAP_ERR_CONTEXT)
            term_say("the conversation no longer fits: /reset starts anew, --context N makes room; "
                     "your last message was not kept");
        term_clear_interrupt();
        return;
    }
    (void)term_put("\n", 1);
    add_message(c, "assistant", c->answer != NULL ? c->answer : "", c->len);
    if (stats.stop == NAP_STOP_CANCELLED) fputs("[stopped]\n", stderr);
    if (stats.stop == NAP_STOP_CONTEXT)
        term_say("the context of %zu tokens is full and the answer ends here: /reset starts anew",
                 nap_engine_context(c->l.engine));
    if (c->args->stats || (term_is_tty(stdout) && term_is_tty(stderr))) report(c, &stats);
    term_clear_interrupt();
}

/* ---- slash commands */

static void help(void)
{
    fputs("  /help            this text\n"
          "  /reset           forget the conversation (the system message stays)\n"
          "  /system [TEXT]   set, or with no text remove, the system message; starts anew\n"
          "  /save FILE       write the conversation as JSON messages\n"
          "  /load FILE       go on with a conversation from such a file\n"
          "  /quit            leave (also Ctrl-D)\n"
          "A line that ends in \\ goes on in the next; \"\"\" begins and ends a longer text.\n"
          "Ctrl-C stops the answer, not the program.\n",
          stderr);
}

static void reset(chat *c)
{
    json_t *first = json_incref(json_array_get(c->messages, 0));
    const char *role = json_string_value(json_object_get(first, "role"));
    json_array_clear(c->messages);
    if (role != NULL && strcmp(role, "system") == 0) json_array_append(c->messages, first);
    json_decref(first);
}

static void save(chat *c, const char *path)
{
    if (path[0] == '\0') {
        term_say("/save needs a file name");
        return;
    }
    nap_error e;
    json_t *root = json_pack("{s:O}", "messages", c->messages);
    char *text = root != NULL ? json_dumps(root, JSON_INDENT(2)) : NULL;
    json_decref(root);
    if (text == NULL)
        term_say("could not write %s: the conversation does not fit into memory", path);
    else if (text_write_file(path, text, strlen(text), &e) != NAP_OK)
        term_say("could not write %s: %s", path, e.text);
    else
        fprintf(stderr, "saved %zu messages to %s\n", json_array_size(c->messages), path);
    free(text);
}

static bool messages_ok(const json_t *list)
{
    size_t i;
    json_t *m;
    json_array_foreach(list, i, m)
    {
        if (!json_is_string(json_object_get(m, "role")) ||
            !json_is_string(json_object_get(m, "content")))
            return false;
    }
    return json_is_array(list);
}

static void load(chat *c, const char *path)
{
    if (path[0] == '\0') {
        term_say("/load needs a file name");
        return;
    }
    nap_error e;
    char *text = NULL;
    size_t len = 0;
    if (text_read_file(path, &text, &len, &e) != NAP_OK) {
        term_say("could not read %s: %s", path, e.text);
        return;
    }
    json_error_t je;
    json_t *root = json_loadb(text, len, JSON_ALLOW_NUL, &je);
    json_t *list = json_is_array(root) ? root : json_object_get(root, "messages");
    free(text);
    if (root == NULL) {
        term_say("could not read %s: line %d: %s", path, je.line, je.text);
    } else if (!messages_ok(list)) {
        term_say("%s: expected {\"messages\": [{\"role\": ..., \"content\": ...}, ...]}", path);
    } else {
        json_array_clear(c->messages);
        json_array_extend(c->messages, list);
        fprintf(stderr, "loaded %zu messages from %s\n", json_array_size(c->messages), path);
    }
    json_decref(root);
}

/* False to leave. */
static bool slash(chat *c, char *line)
{
    char *rest = line + strcspn(line, " \t\n");
    if (*rest != '\0') *rest++ = '\0';
    while (*rest == ' ' || *rest == '\t') rest++;
    for (size_t n = strlen(rest); n > 0 && strchr(" \t\n", rest[n - 1]) != NULL; n--)
        rest[n - 1] = '\0';
    if (strcmp(line, "/quit") == 0 || strcmp(line, "/exit") == 0) return false;
    if (strcmp(line, "/help") == 0 || strcmp(line, "/?") == 0) {
        help();
    } else if (strcmp(line, "/reset") == 0) {
        reset(c);
        fputs("forgotten\n", stderr);
    } else if (strcmp(line, "/system") == 0) {
        reset(c);
        set_system(c, rest);
        fputs(rest[0] != '\0' ? "system message set\n" : "system message removed\n", stderr);
    } else if (strcmp(line, "/save") == 0) {
        save(c, rest);
    } else if (strcmp(line, "/load") == 0) {
        load(c, rest);
    } else {
        term_say("no command %s; /help lists them", line);
    }
    return true;
}

/* ---- the loop */

static void loop(chat *c)
{
    for (;;) {
        size_t len = 0;
        char *text = line_read(c->in, &len);
        if (text == NULL) return;
        if (text[strspn(text, " \t\n")] == '\0') {
            free(text);
            continue;
        }
        bool stay = true;
        if (text[0] == '/') {
            stay = slash(c, text);
        } else {
            prompter_warn_control(&c->p, text, len);
            add_message(c, "user", text, len);
            answer(c);
        }
        free(text);
        if (!stay || c->lost) return;
    }
}

static int run(void *p)
{
    const chat_args *a = p;
    nap_error e = {0};
    chat c = {.args = a, .messages = json_array(), .colour = term_colour(stderr)};
    nap_status s = load_model(&c.l, a->model, &e);
    if (s == NAP_OK) {
        s = prompter_init(&c.p, c.l.model, a->template_file, &e);
        if (s == NAP_ERR_NOT_FOUND && a->template_file == NULL)
            s = text_error(&e, NAP_ERR_NOT_FOUND,
                           "%s has no chat template (a base model?): use `napier run', or give one "
                           "with --template FILE",
                           c.l.path);
    }
    if (s == NAP_OK) s = load_engine(&c.l, &a->engine, &e);
    if (s == NAP_OK) s = load_session(&c.l, &e);
    if (s == NAP_OK && (c.in = line_open("> ")) == NULL)
        s = text_error(&e, NAP_ERR_MEMORY, "out of memory");
    int code = EXIT_OK;
    if (s == NAP_OK) {
        if (a->system != NULL) set_system(&c, a->system);
        if (term_is_tty(stdin))
            fprintf(stderr, "%s, context %zu tokens. /help for help, Ctrl-D to leave.\n",
                    nap_model_name(c.l.model), nap_engine_context(c.l.engine));
        loop(&c);
        if (c.lost) code = EXIT_WORK;
    } else {
        code = term_fail(&e);
    }
    line_close(c.in);
    prompter_free(&c.p);
    json_decref(c.messages);
    free(c.answer);
    load_free(&c.l);
    return code;
}

static const struct argp_option options[] = {
    {"system", 's', "TEXT", 0, "The system message", 1},
    {"tokens", 'n', "N", 0, "Tokens of one answer at most; default until the model ends", 1},
    {"template", KEY_TEMPLATE, "FILE", 0, "A chat template instead of the model's", 1},
    {"stats", KEY_STATS, NULL, 0, "Print speed after each answer (always on a terminal)", 1},
    {0},
};
static const struct argp_child children[] = {{&cli_help_argp, 0, NULL, 0},
                                             {&cli_engine_argp, 0, NULL, 0},
                                             {&cli_sampler_argp, 0, NULL, 0},
                                             {0}};
static const struct argp argp = {
    options,
    parse,
    "MODEL",
    "Talk with a model.\v"
    "Lines are edited and remembered on a terminal (history in $XDG_STATE_HOME/napier, default "
    "~/.local/state/napier; NAPIER_HISTORY=off keeps none). /help inside lists the commands.",
    children,
    NULL,
    NULL};

const command cmd_chat = {"chat", "Talk with a model", &argp, sizeof(chat_args), init, run};
