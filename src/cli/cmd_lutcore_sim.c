/* napier lutcore sim, layers: whole models on simulated machines. */
#include "cli/commands.h"
#include "cli/lutcore.h"

#include <string.h>

enum { KEY_DETAIL = 0x300, KEY_PRECOMPUTE, KEY_PROMPT, KEY_BATCH, KEY_DECODE, KEY_WBITS, KEY_ACT };

/* ---- sim */

typedef struct sim_args {
    nap_lut_sim s;
} sim_args;

static error_t parse_sim(int key, char *arg, struct argp_state *state)
{
    static const char *const modes[] = {"none", "separate", "fused", NULL};
    nap_lut_sim *s = &((sim_args *)state->input)->s;
    unsigned mode;
    error_t err;
    switch (key) {
    case 'c':
        s->config = arg;
        return 0;
    case 't':
        s->layers = arg;
        return 0;
    case 'o':
        s->dir = arg;
        return 0;
    case KEY_DETAIL:
        s->detail = true;
        return 0;
    case KEY_PRECOMPUTE:
        s->precompute = arg;
        return lutcore_choice(state, "--precompute", arg, modes, &mode);
    case ARGP_KEY_END:
        if ((err = lutcore_require(state, "-c FILE", s->config)) != 0) return err;
        if ((err = lutcore_require(state, "-t FILE", s->layers)) != 0) return err;
        return lutcore_require(state, "-o DIR", s->dir);
    default:
        return lutcore_no_argument(key, arg, state);
    }
}

static int run_sim(void *p)
{
    const sim_args *a = p;
    nap_error e = {0};
    if (nap_lutcore_sim(&a->s, &e) != NAP_OK) return term_fail(&e);
    term_say("wrote %s/layers.csv and %s/summary.json", a->s.dir, a->s.dir);
    return EXIT_OK;
}

static const struct argp_option sim_options[] = {
    {"config", 'c', "FILE", 0, "Configuration with a [machine]", 1},
    {"table", 't', "FILE", 0, "Layers, as `napier lutcore layers' writes them", 1},
    {"output", 'o', "DIR", 0, "Folder for layers.csv and summary.json, made if missing", 1},
    {"detail", KEY_DETAIL, NULL, 0, "Use the cycle simulator; default: the tile simulator", 2},
    {"precompute", KEY_PRECOMPUTE, "MODE", 0,
     "Who makes the tables: none, separate or fused (default: fused where the machine has LUT "
     "arrays)",
     2},
    {0},
};
static const struct argp_child sim_children[] = {{&cli_help_argp, 0, NULL, 0}, {0}};
static const struct argp sim_argp = {
    sim_options,
    parse_sim,
    "",
    "Simulate layers on a machine: cycles, stalls, utilisation, traffic and energy of every "
    "operator.",
    sim_children,
    NULL,
    NULL};
const command cmd_lutcore_sim = {"lutcore sim", "Simulate layers on a GPU with LUT or MAC cores",
                                 &sim_argp,     sizeof(sim_args),
                                 NULL,          run_sim};

/* ---- layers */

typedef struct layers_args {
    const char *model, *output;
    nap_lut_layers l;
    size_t prompt, batch, wbits, act_bits;
} layers_args;

static void init_layers(void *p)
{
    layers_args *a = p;
    a->prompt = 2048;
    a->batch = 1;
}

static error_t parse_layers(int key, char *arg, struct argp_state *state)
{
    layers_args *a = state->input;
    switch (key) {
    case 'o':
        a->output = arg;
        return 0;
    case KEY_PROMPT:
        return cli_size(state, "--prompt", arg, 1, (size_t)1 << 24, &a->prompt);
    case KEY_BATCH:
        return cli_size(state, "--batch", arg, 1, (size_t)1 << 24, &a->batch);
    case KEY_DECODE:
        a->l.decode = true;
        return 0;
    case KEY_WBITS:
        return cli_size(state, "--wbits", arg, 1, 16, &a->wbits);
    case KEY_ACT:
        return cli_size(state, "--act-bits", arg, 8, 16, &a->act_bits);
    default:
        break;
    }
    const char **slots[] = {&a->model};
    static const char *const names[] = {"MODEL"};
    return cli_positional(key, arg, state, slots, names, 1, 1);
}

static int run_layers(void *p)
{
    layers_args *a = p;
    nap_error e = {0};
    loaded m = {0};
    char *csv = NULL;
    a->l.prompt = a->prompt;
    a->l.batch = a->batch;
    a->l.wbits = (unsigned)a->wbits;
    a->l.act_bits = (unsigned)a->act_bits;
    a->l.shape = a->model;
    nap_status s = nap_lutcore_layers(NULL, &a->l, &csv, &e);
    /* No such shape: then it is a model. */
    if (s == NAP_ERR_NOT_FOUND) {
        s = load_model(&m, a->model, &e);
        if (s == NAP_OK) s = nap_lutcore_layers(m.model, &a->l, &csv, &e);
    }
    const int code = lutcore_finish(s, &e, a->output, csv);
    load_free(&m);
    return code;
}

static const struct argp_option layers_options[] = {
    {"prompt", KEY_PROMPT, "N", 0, "Tokens of each sequence (default 2048)", 1},
    {"batch", KEY_BATCH, "B", 0, "Sequences (default 1)", 1},
    {"decode", KEY_DECODE, NULL, 0, "One token of each sequence, attending to N positions", 1},
    {"wbits", KEY_WBITS, "BITS", 0, "Weights of a shape: 1 to 8 bits, or 16 (default 2)", 1},
    {"act-bits", KEY_ACT, "BITS", 0, "Activations of the linear layers: 8 or 16 (default 8)", 1},
    {"output", 'o', "FILE", 0, "Write here instead of to standard output", 1},
    {0},
};
static const struct argp_child layers_children[] = {{&cli_help_argp, 0, NULL, 0}, {0}};
static const struct argp layers_argp = {
    layers_options,
    parse_layers,
    "MODEL|SHAPE",
    "List a model's operators as CSV for `napier lutcore sim'. SHAPE is opt-175b, bloom-176b, "
    "llama2-70b, llama2-13b or bitnet-3b.",
    layers_children,
    NULL,
    NULL};
const command cmd_lutcore_layers = {"lutcore layers", "List the operators of a model or shape",
                                    &layers_argp,     sizeof(layers_args),
                                    init_layers,      run_layers};
