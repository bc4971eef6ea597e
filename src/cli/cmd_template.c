/* napier template: a chat template, rendered, and nothing else. */
#include "cli/commands.h"

#include <stdlib.h>
#include <string.h>

enum { KEY_GENERATION = 0x300 };

typedef struct template_args {
    const char *model, *messages;
    bool generation;
} template_args;

static error_t parse(int key, char *arg, struct argp_state *state)
{
    template_args *a = state->input;
    if (key == KEY_GENERATION) {
        a->generation = true;
        return 0;
    }
    const char **slots[] = {&a->model, &a->messages};
    static const char *const names[] = {"MODEL", "MESSAGES"};
    return cli_positional(key, arg, state, slots, names, 2, 2);
}

/* Checks the shape and says whether a generation prompt is wanted: always, for some templates take
 * silence for yes, and the callers they are written for always say it. The text is edited, not
 * printed anew, so that numbers reach the template as they were written. Sets *generation to what
 * the data now says. */
static nap_status prepare(const char *path, char **json, size_t *len, bool *generation,
                          nap_error *e)
{
    json_error_t je;
    json_t *root = json_loadb(*json, *len, JSON_ALLOW_NUL, &je);
    if (root == NULL) {
        (void)text_error(e, NAP_ERR_FORMAT, "%s: line %d: %s", path, je.line, je.text);
        if (je.position >= 0) e->offset = (uint64_t)je.position;
        return e->code;
    }
    const bool list = json_is_array(root);
    const bool stated = json_object_get(root, "add_generation_prompt") != NULL;
    const bool empty = json_object_size(root) == 0;
    *generation = *generation || json_is_true(json_object_get(root, "add_generation_prompt"));
    char *edited = NULL;
    if (stated && *generation) {
        json_object_set_new(root, "add_generation_prompt", json_true());
        edited = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(15));
    } else if (list || (json_is_object(root) && !stated)) {
        const char *flag =
            *generation ? "\"add_generation_prompt\": true" : "\"add_generation_prompt\": false";
        const char *body = list ? *json : strchr(*json, '{') + 1;
        const size_t need = *len + 80;
        edited = malloc(need);
        if (edited != NULL)
            snprintf(edited, need, list ? "{%s%s\"messages\": %s}" : "{%s%s %s", flag,
                     !list && empty ? "" : ", ", body);
    }
    json_decref(root);
    if (edited == NULL) return NAP_OK;
    free(*json);
    *json = edited;
    *len = strlen(edited);
    return NAP_OK;
}

/* A template file is whatever is no GGUF file. */
static bool is_template_file(const char *path)
{
    char magic[4] = "";
    FILE *f = fopen(path, "rb");
    if (f == NULL) return false;
    const size_t n = fread(magic, 1, 4, f);
    fclose(f);
    return n < 4 || memcmp(magic, "GGUF", 4) != 0;
}

static nap_status render_file(const char *path, const char *json, size_t len, char **out,
                              size_t *out_len, nap_error *e)
{
    char *text = NULL;
    size_t text_len = 0;
    nap_template *t = NULL;
    nap_status s = text_read_file(path, &text, &text_len, e);
    if (s == NAP_OK) s = nap_template_parse(&t, text, text_len, e);
    if (s == NAP_OK) s = nap_template_render(t, json, len, NULL, out, out_len, e);
    nap_template_free(t);
    free(text);
    return s;
}

static int run(void *p)
{
    template_args *a = p;
    nap_error e = {0};
    loaded l = {0};
    char *json = NULL, *out = NULL;
    size_t len = 0, out_len = 0;
    nap_status s = text_read_file(a->messages, &json, &len, &e);
    if (s == NAP_OK) s = prepare(a->messages, &json, &len, &a->generation, &e);
    if (s == NAP_OK && is_template_file(a->model)) {
        s = render_file(a->model, json, len, &out, &out_len, &e);
    } else if (s == NAP_OK) {
        s = load_model(&l, a->model, &e);
        if (s == NAP_OK) s = nap_model_chat(l.model, json, len, a->generation, &out, &out_len, &e);
    }
    if (s == NAP_OK) fwrite(out, 1, out_len, stdout);
    const int code = s == NAP_OK ? EXIT_OK : term_fail(&e);
    nap_text_free(out);
    free(json);
    load_free(&l);
    return code;
}

static const struct argp_option options[] = {
    {"add-generation-prompt", KEY_GENERATION, NULL, 0, "End with the start of the model's turn", 1},
    {0},
};
static const struct argp_child children[] = {{&cli_help_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    options,
    parse,
    "MODEL|FILE.jinja MESSAGES.json",
    "Render a chat template and print the text, nothing else.\v"
    "MESSAGES.json (- is standard input) is {\"messages\": [...], \"tools\": [...], ...}, or only "
    "the "
    "list of messages; every member becomes a variable. A template that refuses ends with exit "
    "code 1 and its message.",
    children,
    NULL,
    NULL};

const command cmd_template = {
    "template", "Render a chat template", &argp, sizeof(template_args), NULL, run};
