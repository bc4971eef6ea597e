/* napier kernels, verify: which code runs and why; whether a file is whole. */
#include "cli/commands.h"

#include <string.h>

enum { KEY_JSON = 0x300 };

typedef struct kernels_args {
    const char *model;
    bool json;
    engine_args engine;
} kernels_args;

static void init(void *p)
{
    ((kernels_args *)p)->engine.o = nap_engine_defaults();
}

static error_t parse_kernels(int key, char *arg, struct argp_state *state)
{
    kernels_args *a = state->input;
    if (key == ARGP_KEY_INIT) {
        state->child_inputs[1] = &a->engine;
        return 0;
    }
    if (key == KEY_JSON) {
        a->json = true;
        return 0;
    }
    const char **slots[] = {&a->model};
    static const char *const names[] = {"MODEL"};
    return cli_positional(key, arg, state, slots, names, 1, 0);
}

/* The whole table, without a model. */
static void print_rows(bool json)
{
    json_t *all = json_array();
    if (!json)
        printf("%-30s %-12s %-8s %-15s %-6s %-4s %s\n", "KERNEL", "OPERATOR", "TIER", "LAYOUT",
               "INPUT", "HERE", "NOTE");
    for (size_t i = 0; i < nap_kernel_row_count(); i++) {
        const nap_kernel_row r = nap_kernel_row_at(i);
        if (json)
            json_array_append_new(all,
                                  json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "kernel", r.name,
                                            "op", r.op, "tier", r.tier, "layout", r.layout, "input",
                                            r.act, "note", r.note, "available", r.available));
        else
            printf("%-30s %-12s %-8s %-15s %-6s %-4s %s\n", r.name, r.op, r.tier, r.layout, r.act,
                   r.available ? "yes" : "no", r.note);
    }
    if (json)
        text_print_json(all);
    else
        json_decref(all);
}

static void print_choices(const nap_engine *g, bool json)
{
    json_t *all = json_array();
    if (!json) {
        printf("instruction sets: %s\n\n", nap_engine_cpu(g));
        printf("%-12s %-8s %-15s %5s  %-30s %s\n", "OPERATOR", "FORMAT", "PHASE", "USES", "KERNEL",
               "WHY");
    }
    for (size_t i = 0; i < nap_engine_kernel_count(g); i++) {
        const nap_kernel_choice k = nap_engine_kernel(g, i);
        if (json)
            json_array_append_new(all,
                                  json_pack("{s:s, s:s, s:s, s:I, s:s, s:s}", "op", k.op, "format",
                                            k.format, "phase", k.phase, "uses", (json_int_t)k.uses,
                                            "kernel", k.kernel, "why", k.why));
        else
            printf("%-12s %-8s %-15s %5zu  %-30s %s\n", k.op, k.format[0] != '\0' ? k.format : "-",
                   k.phase, k.uses, k.kernel, k.why);
    }
    if (json)
        text_print_json(json_pack("{s:s, s:o}", "cpu", nap_engine_cpu(g), "kernels", all));
    else
        json_decref(all);
}

static int run_kernels(void *p)
{
    const kernels_args *a = p;
    if (a->model == NULL) {
        print_rows(a->json);
        return EXIT_OK;
    }
    nap_error e = {0};
    loaded l = {0};
    nap_status s = load_model(&l, a->model, &e);
    if (s == NAP_OK) s = load_engine(&l, &a->engine, &e);
    if (s == NAP_OK) print_choices(l.engine, a->json);
    const int code = s == NAP_OK ? EXIT_OK : term_fail(&e);
    load_free(&l);
    return code;
}

static const struct argp_option kernels_options[] = {
    {"json", KEY_JSON, NULL, 0, "Print JSON", 1},
    {0},
};
static const struct argp_child kernels_children[] = {
    {&cli_help_argp, 0, NULL, 0}, {&cli_engine_argp, 0, NULL, 0}, {0}};
static const struct argp kernels_argp = {
    kernels_options,
    parse_kernels,
    "[MODEL]",
    "With a model: which kernel serves each operator, and why. Without: all kernels of this build, "
    "and whether this machine can run them.",
    kernels_children,
    NULL,
    NULL};
const command cmd_kernels = {"kernels",     "Show which kernels run and why",
                             &kernels_argp, sizeof(kernels_args),
                             init,          run_kernels};

/* ---- verify */

typedef struct verify_args {
    const char *model;
    bool json;
} verify_args;

static error_t parse_verify(int key, char *arg, struct argp_state *state)
{
    verify_args *a = state->input;
    if (key == KEY_JSON) {
        a->json = true;
        return 0;
    }
    const char **slots[] = {&a->model};
    static const char *const names[] = {"MODEL"};
    return cli_positional(key, arg, state, slots, names, 1, 1);
}

static int run_verify(void *p)
{
    const verify_args *a = p;
    nap_error e = {0};
    loaded l = {0};
    nap_verify_report r;
    memset(&r, 0, sizeof r);
    nap_status s = load_model(&l, a->model, &e);
    /* A name of the store rather than a file that happens to be called so. */
    const bool pulled = s == NAP_OK && nap_store_has(a->model) && strcmp(l.path, a->model) != 0;
    if (pulled) s = nap_store_verify(a->model, term_progress, NULL, &e);
    if (s == NAP_OK) s = nap_model_verify(l.model, term_progress, NULL, &r, &e);
    term_progress_end();
    int code = s == NAP_OK ? EXIT_OK : term_fail(&e);
    if (s == NAP_OK && a->json)
        text_print_json(json_pack("{s:b, s:I, s:I, s:I, s:o}", "catalogue_hash", pulled, "tensors",
                                  (json_int_t)r.tensors, "hashes", (json_int_t)r.hashes,
                                  "nonfinite", (json_int_t)r.nonfinite, "first_nonfinite",
                                  text_json_z(r.first_nonfinite)));
    else if (s == NAP_OK)
        printf("%s: %zu tensors read whole, %zu compared with a recorded hash%s%s\n",
               nap_model_path(l.model), r.tensors, r.hashes,
               r.hashes == 0 ? " (the file records none)" : "",
               pulled ? "; SHA-256 is the catalogue's" : "");
    if (s == NAP_OK && r.nonfinite > 0) {
        term_say("%zu tensors hold values that are not finite, first %s", r.nonfinite,
                 r.first_nonfinite);
        code = EXIT_WORK;
    }
    load_free(&l);
    return code;
}

static const struct argp_option verify_options[] = {
    {"json", KEY_JSON, NULL, 0, "Print JSON", 1},
    {0},
};
static const struct argp_child verify_children[] = {{&cli_help_argp, 0, NULL, 0}, {0}};
static const struct argp verify_argp = {
    verify_options,
    parse_verify,
    "MODEL",
    "Read every tensor of a file: all bytes are there, values are finite, and hashes recorded in "
    "the file agree; a pulled model is compared with the catalogue's SHA-256 too.",
    verify_children,
    NULL,
    NULL};
const command cmd_verify = {
    "verify", "Check that a file is whole", &verify_argp, sizeof(verify_args), NULL, run_verify};
