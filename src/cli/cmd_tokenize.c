/* napier tokenize, detokenize: bytes to ids and back, byte for byte. */
#include "cli/commands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_IDS = 0x300, KEY_BOS, KEY_PARSE_SPECIAL, KEY_SPECIAL };

typedef struct token_args {
    const char *model;
    bool ids, nul;
    unsigned flags;
} token_args;

static error_t parse(int key, char *arg, struct argp_state *state)
{
    token_args *a = state->input;
    switch (key) {
    case KEY_IDS:
        a->ids = true;
        return 0;
    case '0':
        a->nul = true;
        return 0;
    case KEY_BOS:
        a->flags |= NAP_TOKENIZE_ADD_SPECIAL;
        return 0;
    case KEY_PARSE_SPECIAL:
        a->flags |= NAP_TOKENIZE_PARSE_SPECIAL;
        return 0;
    case KEY_SPECIAL:
        a->flags |= NAP_DETOKENIZE_SPECIAL;
        return 0;
    default:
        break;
    }
    const char **slots[] = {&a->model};
    static const char *const names[] = {"MODEL"};
    return cli_positional(key, arg, state, slots, names, 1, 1);
}

static nap_status print_text(const token_args *a, const nap_vocab *v, const char *text, size_t len,
                             nap_error *e)
{
    nap_token *ids = NULL;
    size_t n = 0;
    const nap_status s = nap_tokenize(v, text, len, a->flags | NAP_TOKENIZE_TELL_LOST, &ids, &n, e);
    if (s != NAP_OK) return s;
    for (size_t i = 0; i < n; i++) {
        if (a->ids) {
            printf(i > 0 ? " %d" : "%d", ids[i]);
            continue;
        }
        size_t k = 0;
        const char *stored = nap_vocab_text(v, ids[i], &k);
        json_t *piece = text_json(stored != NULL ? stored : "", k);
        char *quoted = piece == NULL ? NULL : json_dumps(piece, JSON_ENCODE_ANY);
        printf("%8d  %s\n", ids[i], quoted != NULL ? quoted : "");
        free(quoted);
        json_decref(piece);
    }
    if (a->ids) putchar('\n');
    nap_tokens_free(ids);
    return NAP_OK;
}

static int tokenize(void *p)
{
    const token_args *a = p;
    nap_error e = {0};
    loaded l = {0};
    char *text = NULL;
    size_t len = 0;
    const nap_vocab *v = NULL;
    nap_status s = load_model(&l, a->model, &e);
    if (s == NAP_OK && (v = nap_model_vocab(l.model, &e)) == NULL) s = e.code;
    if (s == NAP_OK) s = text_read_file("-", &text, &len, &e);
    size_t start = 0;
    while (s == NAP_OK) {
        const char *end = a->nul ? memchr(text + start, '\0', len - start) : NULL;
        const size_t n = end != NULL ? (size_t)(end - text) - start : len - start;
        s = print_text(a, v, text + start, n, &e);
        if (end == NULL) break;
        start += n + 1;
    }
    const int code = s == NAP_OK ? EXIT_OK : term_fail(&e);
    free(text);
    load_free(&l);
    return code;
}

/* Ids separated by blanks; anything else is refused with its place. */
static nap_status parse_ids(const char *text, size_t len, nap_token **ids, size_t *n, nap_error *e)
{
    *ids = malloc((len / 2 + 1) * sizeof **ids);
    *n = 0;
    if (*ids == NULL) return text_error(e, NAP_ERR_MEMORY, "too many ids");
    const char *p = text, *end = text + len;
    for (;;) {
        while (p < end && strchr(" \t\r\n", *p) != NULL && *p != '\0') p++;
        if (p == end) return NAP_OK;
        char *stop = NULL;
        errno = 0;
        const long v = strtol(p, &stop, 10);
        const bool digits = *p >= '0' && *p <= '9';
        if (!digits || errno != 0 || v > INT32_MAX ||
            (*stop != '\0' && !strchr(" \t\r\n", *stop)) || (*stop == '\0' && stop != end)) {
            (void)text_error(e, NAP_ERR_FORMAT,
                             "standard input, id %zu: found '%.20s', expected a token id", *n, p);
            e->offset = (uint64_t)(p - text);
            return e->code;
        }
        (*ids)[(*n)++] = (nap_token)v;
        p = stop;
    }
}

static int detokenize(void *p)
{
    const token_args *a = p;
    nap_error e = {0};
    loaded l = {0};
    char *text = NULL, *out = NULL;
    nap_token *ids = NULL;
    size_t len = 0, n = 0, out_len = 0;
    const nap_vocab *v = NULL;
    nap_status s = load_model(&l, a->model, &e);
    if (s == NAP_OK && (v = nap_model_vocab(l.model, &e)) == NULL) s = e.code;
    if (s == NAP_OK) s = text_read_file("-", &text, &len, &e);
    if (s == NAP_OK) s = parse_ids(text, len, &ids, &n, &e);
    if (s == NAP_OK) s = nap_detokenize(v, ids, n, a->flags, &out, &out_len, &e);
    if (s == NAP_OK) fwrite(out, 1, out_len, stdout);
    const int code = s == NAP_OK ? EXIT_OK : term_fail(&e);
    nap_text_free(out);
    free(ids);
    free(text);
    load_free(&l);
    return code;
}

static const struct argp_option tokenize_options[] = {
    {"ids", KEY_IDS, NULL, 0, "Print only the ids, on one line", 1},
    {"null", '0', NULL, 0, "Texts are separated by NUL bytes; one line each", 1},
    {"bos", KEY_BOS, NULL, 0, "Add the beginning (and end) tokens that the vocabulary asks for", 1},
    {"parse-special", KEY_PARSE_SPECIAL, NULL, 0, "Read control tokens spelled in the text", 1},
    {0},
};
static const struct argp_option detokenize_options[] = {
    {"special", KEY_SPECIAL, NULL, 0, "Print control tokens too", 1},
    {0},
};
static const struct argp_child children[] = {{&cli_help_argp, 0, NULL, 0}, {0}};
static const struct argp tokenize_argp = {
    tokenize_options,
    parse,
    "MODEL",
    "Turn the bytes of standard input, untouched, into token ids.\v"
    "Files that hold only a vocabulary work too. N NUL bytes separate N + 1 texts.",
    children,
    NULL,
    NULL};
static const struct argp detokenize_argp = {
    detokenize_options,
    parse,
    "MODEL",
    "Turn token ids on standard input, separated by blanks, back into bytes.",
    children,
    NULL,
    NULL};

const command cmd_tokenize = {"tokenize",     "Text on standard input to token ids",
                              &tokenize_argp, sizeof(token_args),
                              NULL,           tokenize};
const command cmd_detokenize = {
    "detokenize", "Token ids on standard input to text", &detokenize_argp, sizeof(token_args), NULL,
    detokenize};
