/* napier lutcore compile: one linear layer of a model on the LUT tensor core. */
#include "cli/commands.h"
#include "cli/lutcore.h"

#include <string.h>

enum { KEY_LAYER = 0x300, KEY_ROWS, KEY_COLUMNS, KEY_TARGET, KEY_CONFIG };

typedef struct compile_args {
    const char *model;
    nap_lut_layer l;
} compile_args;

static void init(void *p)
{
    ((compile_args *)p)->l.target = NAP_LUT_INTERP;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    static const char *const targets[] = {"ref", "interp", "sim", "rtl", NULL};
    compile_args *a = state->input;
    unsigned target;
    error_t err;
    switch (key) {
    case KEY_LAYER:
        a->l.tensor = arg;
        return 0;
    case 'o':
        a->l.dir = arg;
        return 0;
    case KEY_CONFIG:
        a->l.config = arg;
        return 0;
    case KEY_ROWS:
        return cli_size(state, "--rows", arg, 1, 512, &a->l.rows);
    case KEY_COLUMNS:
        return cli_size(state, "--columns", arg, 1, (size_t)1 << 24, &a->l.columns);
    case KEY_TARGET:
        err = lutcore_choice(state, "--target", arg, targets, &target);
        if (err == 0) a->l.target = (nap_lut_target)target;
        return err;
    default:
        break;
    }
    const char **slots[] = {&a->model};
    static const char *const names[] = {"MODEL"};
    err = cli_positional(key, arg, state, slots, names, 1, 1);
    return err == 0 && key == ARGP_KEY_END ? lutcore_require(state, "--layer NAME", a->l.tensor)
                                           : err;
}

static int run(void *p)
{
    const compile_args *a = p;
    nap_error e = {0};
    loaded m = {0};
    char *json = NULL;
    nap_status s = load_model(&m, a->model, &e);
    if (s == NAP_OK) s = nap_lutcore_layer(m.model, &a->l, &json, &e);
    const int code = lutcore_finish(s, &e, NULL, json);
    load_free(&m);
    return code;
}

static const struct argp_option options[] = {
    {"layer", KEY_LAYER, "NAME", 0, "The layer's tensor, such as blk.0.attn_q.weight", 1},
    {"output", 'o', "DIR", 0, "Folder for program, memory image, operands and results", 1},
    {"rows", KEY_ROWS, "R", 0, "Tokens (default 1)", 1},
    {"columns", KEY_COLUMNS, "C", 0, "Only the first C outputs (default: all)", 1},
    {"config", KEY_CONFIG, "FILE", 0,
     "The design (default: M2 N64 K4, as many planes as the codes have bits)", 2},
    {"target", KEY_TARGET, "TARGET", 0, "ref, interp (default), sim or rtl", 2},
    {0},
};
static const struct argp_child children[] = {{&cli_help_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    options,
    parse,
    "MODEL",
    "Compile one linear layer of a model to an LMMA program, run it, and compare its outputs with "
    "the CPU engine's, bit for bit.\v"
    "The activations are real: the model reads the beginning of a built-in text, and what enters "
    "the layer is kept. The core computes an exact sum for each group of the weight format; "
    "scales and minima are applied afterwards, in the CPU engine's order.\n\n"
    "The folder then holds program.lmma, program.s, design.cfg, memory.bin, A.npy, W.npy, "
    "sums.npy, outputs.npy and expected.npy.",
    children,
    NULL,
    NULL};

const command cmd_lutcore_compile = {
    "lutcore compile", "Run one linear layer of a model", &argp, sizeof(compile_args), init, run};
