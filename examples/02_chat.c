/* 02_chat MODEL.gguf: a conversation on standard input, one line a turn.
 *
 * The model's own chat template turns the list of messages into one text. Every turn renders the
 * whole list again: nap_generate keeps the part of the session that has not changed, so that only
 * the new tokens are computed. */
#include <napier/napier.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct text {
    char *data;
    size_t len;
} text;

static void append(text *t, const char *s, size_t n)
{
    char *more = realloc(t->data, t->len + n + 1);
    if (more == NULL) exit(1);
    memcpy(more + t->len, s, n);
    t->data = more;
    t->len += n;
    more[t->len] = '\0';
}

/* A JSON string; a program with a JSON library at hand would use that. */
static void append_json(text *t, const char *s, size_t n)
{
    append(t, "\"", 1);
    for (size_t i = 0; i < n; i++) {
        char escape[8];
        if (s[i] == '"' || s[i] == '\\')
            snprintf(escape, sizeof escape, "\\%c", s[i]);
        else if ((unsigned char)s[i] < 0x20)
            snprintf(escape, sizeof escape, "\\u%04x", s[i]);
        else
            snprintf(escape, sizeof escape, "%c", s[i]);
        append(t, escape, strlen(escape));
    }
    append(t, "\"", 1);
}

static void append_message(text *messages, const char *role, const char *s, size_t n)
{
    if (messages->len > 0) append(messages, ",", 1);
    append(messages, "{\"role\":\"", 9);
    append(messages, role, strlen(role));
    append(messages, "\",\"content\":", 12);
    append_json(messages, s, n);
    append(messages, "}", 1);
}

static bool on_piece(void *user, const nap_piece *piece)
{
    append(user, piece->text, piece->len);
    fwrite(piece->text, 1, piece->len, stdout);
    fflush(stdout);
    return true;
}

/* Answers the messages and appends the answer to them. */
static nap_status answer(nap_model *model, nap_session *session, text *messages, nap_error *err)
{
    text json = {0}, reply = {0};
    char *prompt = NULL;
    nap_token *tokens = NULL;
    size_t len = 0, n = 0;
    append(&json, "{\"messages\":[", 13);
    append(&json, messages->data, messages->len);
    append(&json, "]}", 2);
    nap_status s = nap_model_chat(model, json.data, json.len, true, &prompt, &len, err);
    /* The rendered text spells control tokens, so they have to be read as such. */
    if (s == NAP_OK)
        s = nap_tokenize(nap_model_vocab(model, err), prompt, len, NAP_TOKENIZE_PARSE_SPECIAL,
                         &tokens, &n, err);
    nap_generate_options options = nap_generate_defaults();
    options.max_tokens = 200;
    append(&reply, "", 0);
    if (s == NAP_OK) s = nap_generate(session, tokens, n, &options, on_piece, &reply, NULL, err);
    if (s == NAP_OK) append_message(messages, "assistant", reply.data, reply.len);
    nap_tokens_free(tokens);
    nap_text_free(prompt);
    free(json.data);
    free(reply.data);
    return s;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s MODEL.gguf\n", argv[0]);
        return 2;
    }
    nap_error err = {0};
    nap_model *model = NULL;
    nap_engine *engine = NULL;
    nap_session *session = NULL;
    text messages = {0};
    char line[4096];
    nap_status s = nap_model_open(&model, argv[1], &err);
    if (s == NAP_OK) s = nap_engine_create(&engine, model, NULL, &err);
    if (s == NAP_OK) s = nap_session_create(&session, engine, &err);
    while (s == NAP_OK && fgets(line, sizeof line, stdin) != NULL) {
        append_message(&messages, "user", line, strcspn(line, "\n"));
        s = answer(model, session, &messages, &err);
        printf("\n");
    }
    if (s != NAP_OK) fprintf(stderr, "%s\n", err.text);
    free(messages.data);
    nap_session_destroy(session);
    nap_engine_destroy(engine);
    nap_model_close(model);
    return s != NAP_OK;
}
