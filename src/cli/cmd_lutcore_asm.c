/* napier lutcore asm, disasm, check: LMMA programs as text and as files. */
#include "cli/commands.h"
#include "cli/lutcore.h"

#include <string.h>

enum { KEY_CONFIG = 0x300 };

typedef struct file_args {
    const char *file, *output, *config;
} file_args;

static error_t parse_file(file_args *a, int key, char *arg, struct argp_state *state)
{
    static const char *const names[] = {"FILE"};
    const char **slots[] = {&a->file};
    return cli_positional(key, arg, state, slots, names, 1, 1);
}

/* ---- asm */

static error_t parse_asm(int key, char *arg, struct argp_state *state)
{
    file_args *a = state->input;
    if (key == 'o') {
        a->output = arg;
        return 0;
    }
    const error_t err = parse_file(a, key, arg, state);
    return err == 0 && key == ARGP_KEY_END ? lutcore_require(state, "-o FILE", a->output) : err;
}

static int run_asm(void *p)
{
    const file_args *a = p;
    nap_error e = {0};
    return nap_lutcore_asm(a->file, a->output, &e) == NAP_OK ? EXIT_OK : term_fail(&e);
}

static const struct argp_option asm_options[] = {
    {"output", 'o', "FILE", 0, "The program file to write", 1},
    {0},
};
static const struct argp_child children[] = {{&cli_help_argp, 0, NULL, 0}, {0}};
static const struct argp asm_argp = {
    asm_options, parse_asm, "FILE", "Assemble LMMA text into a program file.",
    children,    NULL,      NULL};
const command cmd_lutcore_asm = {
    "lutcore asm", "Assemble an LMMA program", &asm_argp, sizeof(file_args), NULL, run_asm};

/* ---- disasm */

static error_t parse_disasm(int key, char *arg, struct argp_state *state)
{
    file_args *a = state->input;
    if (key == 'o') {
        a->output = arg;
        return 0;
    }
    return parse_file(a, key, arg, state);
}

static int run_disasm(void *p)
{
    const file_args *a = p;
    nap_error e = {0};
    char *text = NULL;
    const nap_status s = nap_lutcore_disasm(a->file, &text, &e);
    return lutcore_finish(s, &e, a->output, text);
}

static const struct argp_option disasm_options[] = {
    {"output", 'o', "FILE", 0, "Write here instead of to standard output", 1},
    {0},
};
static const struct argp disasm_argp = {disasm_options,
                                        parse_disasm,
                                        "FILE",
                                        "Print a program file as LMMA text that assembles back "
                                        "to the same words.",
                                        children,
                                        NULL,
                                        NULL};
const command cmd_lutcore_disasm = {
    "lutcore disasm", "Print an LMMA program as text", &disasm_argp, sizeof(file_args), NULL,
    run_disasm};

/* ---- check */

static error_t parse_check(int key, char *arg, struct argp_state *state)
{
    file_args *a = state->input;
    if (key == KEY_CONFIG) {
        a->config = arg;
        return 0;
    }
    return parse_file(a, key, arg, state);
}

static int run_check(void *p)
{
    const file_args *a = p;
    nap_error e = {0};
    if (nap_lutcore_check(a->file, a->config, &e) != NAP_OK) return term_fail(&e);
    printf("%s: the design can run it\n", a->file);
    return EXIT_OK;
}

static const struct argp_option check_options[] = {
    {"config", KEY_CONFIG, "FILE", 0, "The design (default: M2 N64 K4, int8 activations)", 1},
    {0},
};
static const struct argp check_argp = {
    check_options,
    parse_check,
    "FILE",
    "Check that a design can run a program, text or file: types, shapes, registers, loops, "
    "addresses, and every hazard between units. The first fault is named by line.",
    children,
    NULL,
    NULL};
const command cmd_lutcore_check = {
    "lutcore check", "Check an LMMA program against a design", &check_argp, sizeof(file_args), NULL,
    run_check};
