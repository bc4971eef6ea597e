/* Strict option values and the option groups that several commands share. A flag beats its
 * environment variable; both go through the same check, which names what was found and expected. */
#include "cli/cli.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* argp sets state->name only after the parsers were told to initialize. */
static const char *command_name(const struct argp_state *state)
{
    return state->name != NULL ? state->name : state->argv[0];
}

error_t cli_usage(const struct argp_state *state, const char *fmt, ...)
{
    if (state->flags & ARGP_NO_ERRS) return EINVAL;
    va_list ap;
    va_start(ap, fmt);
    const char *name = command_name(state);
    fprintf(stderr, "%s: ", name);
    vfprintf(stderr, fmt, ap);
    fprintf(stderr, "\nTry `%s --help' for more information.\n", name);
    va_end(ap);
    return EINVAL;
}

error_t cli_size(const struct argp_state *state, const char *what, const char *text, size_t min,
                 size_t max, size_t *out)
{
    char *end = NULL;
    errno = 0;
    const unsigned long long v = strtoull(text, &end, 10);
    const bool digits = text[0] >= '0' && text[0] <= '9';
    if (!digits || *end != '\0' || errno != 0 || v < min || v > max)
        return max == SIZE_MAX
                   ? cli_usage(state, "%s: found '%.60s', expected a whole number from %zu up",
                               what, text, min)
                   : cli_usage(state, "%s: found '%.60s', expected a whole number from %zu to %zu",
                               what, text, min, max);
    *out = (size_t)v;
    return 0;
}

error_t cli_real(const struct argp_state *state, const char *what, const char *text, double min,
                 double max, double *out)
{
    char *end = NULL;
    const double v = strtod(text, &end);
    /* Only plain decimals: no hexadecimal, "inf", "nan" or leading blanks. */
    const bool plain = text[0] != '\0' && strspn(text, "0123456789.eE+-") == strlen(text);
    if (!plain || end == text || *end != '\0' || !isfinite(v) || v < min || v > max)
        return cli_usage(state, "%s: found '%.60s', expected a number from %g to %g", what, text,
                         min, max);
    *out = v;
    return 0;
}

error_t cli_sizes(const struct argp_state *state, const char *what, const char *text, size_t min,
                  size_t max, size_t *out, size_t cap, size_t *n)
{
    *n = 0;
    for (;;) {
        char one[24];
        const size_t len = strcspn(text, ",");
        if (len >= sizeof one || *n == cap)
            return cli_usage(state, "%s: expected at most %zu numbers, separated by commas", what,
                             cap);
        memcpy(one, text, len);
        one[len] = '\0';
        const error_t err = cli_size(state, what, one, min, max, &out[*n]);
        if (err != 0) return err;
        ++*n;
        if (text[len] == '\0') return 0;
        text += len + 1;
    }
}

error_t cli_positional(int key, char *arg, struct argp_state *state, const char **slots[],
                       const char *const names[], unsigned n, unsigned required)
{
    if (key == ARGP_KEY_ARG) {
        if (state->arg_num >= n)
            return cli_usage(state, "unexpected argument '%.60s' after %s", arg, names[n - 1]);
        if (arg[0] == '\0') return cli_usage(state, "%s is empty", names[state->arg_num]);
        *slots[state->arg_num] = arg;
        return 0;
    }
    if (key == ARGP_KEY_END && state->arg_num < required) {
        const char *model = getenv("NAPIER_MODEL");
        if (required == 1 && model != NULL && model[0] != '\0' && strcmp(names[0], "MODEL") == 0) {
            *slots[0] = model;
            return 0;
        }
        return cli_usage(state, "%s is missing", names[state->arg_num]);
    }
    return key == ARGP_KEY_END ? 0 : ARGP_ERR_UNKNOWN;
}

/* ---- --help */

static error_t parse_help(int key, char *arg, struct argp_state *state)
{
    (void)arg;
    if (key != 'h') return ARGP_ERR_UNKNOWN;
    argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
    return ECANCELED;
}

static const struct argp_option help_options[] = {
    {"help", 'h', NULL, 0, "Print this help", -1},
    {0},
};
const struct argp cli_help_argp = {help_options, parse_help, NULL, NULL, NULL, NULL, NULL};

/* ---- environment twins */

typedef struct env_twin {
    const char *name;
    int key;
} env_twin;

typedef error_t (*set_fn)(int key, const char *what, const char *text,
                          const struct argp_state *state, void *input);

static bool env_wrong;

bool cli_take_env_error(void)
{
    const bool was = env_wrong;
    env_wrong = false;
    return was;
}

/* Applies the variables that are set and not empty. A wrong one is told at once but refused only
 * after the parse (cli_take_env_error): argp leaks its state when a parser fails to initialize. */
static void apply_env(const env_twin *t, set_fn set, const struct argp_state *state, void *input)
{
    for (; t->name != NULL; t++) {
        const char *v = getenv(t->name);
        if (v == NULL || v[0] == '\0') continue;
        if (set(t->key, t->name, v, state, input) != 0) env_wrong = true;
    }
}

/* "--temp" for messages, from the option table. */
static const char *flag_name(const struct argp_option *options, int key, char buf[40])
{
    for (; options->name != NULL || options->key != 0 || options->doc != NULL; options++)
        if (options->key == key && options->name != NULL) {
            snprintf(buf, 40, "--%s", options->name);
            return buf;
        }
    return "option";
}

/* ---- engine options */

enum { KEY_CPU = 0x100, KEY_PATH, KEY_ROUNDING, KEY_BATCH, KEY_MEMORY };

static const struct argp_option engine_options[] = {
    {NULL, 0, NULL, 0, "Running:", 2},
    {"threads", 't', "N", 0, "Threads; default one per available core [NAPIER_THREADS]", 2},
    {"context", 'c', "N", 0, "Tokens the session may hold; default the model's [NAPIER_CONTEXT]",
     2},
    {"cpu", KEY_CPU, "TIER", 0,
     "Instruction sets to use: auto, ref, avx2, avxvnni, avx512 or neon [NAPIER_CPU]", 2},
    {"path", KEY_PATH, "KIND", 0,
     "fast (default), or float: the slow scalar specification [NAPIER_PATH]", 2},
    {"rounding", KEY_ROUNDING, "KIND", 0,
     "How activations become int8: fine (default), or ggml: as llama.cpp does, to compare with it "
     "[NAPIER_ROUNDING]",
     2},
    {"batch", KEY_BATCH, "N", 0, "Tokens computed together at most; default 512 [NAPIER_BATCH]", 2},
    {"max-memory", KEY_MEMORY, "MB", 0,
     "Refuse to use more; default what is available [NAPIER_MAX_MEMORY]", 2},
    {0},
};

static const env_twin engine_env[] = {
    {"NAPIER_THREADS", 't'},           {"NAPIER_CONTEXT", 'c'},
    {"NAPIER_CPU", KEY_CPU},           {"NAPIER_PATH", KEY_PATH},
    {"NAPIER_ROUNDING", KEY_ROUNDING}, {"NAPIER_BATCH", KEY_BATCH},
    {"NAPIER_MAX_MEMORY", KEY_MEMORY}, {NULL, 0},
};

static error_t set_engine(int key, const char *what, const char *text,
                          const struct argp_state *state, void *input)
{
    engine_args *a = input;
    size_t n = 0;
    error_t err = 0;
    switch (key) {
    case 't':
        err = cli_size(state, what, text, 1, 1024, &n);
        if (err == 0) a->o.threads = (int)n;
        return err;
    case 'c':
        return cli_size(state, what, text, 1, (size_t)1 << 30, &a->o.context);
    case KEY_BATCH:
        return cli_size(state, what, text, 1, 65536, &a->o.batch);
    case KEY_MEMORY:
        err = cli_size(state, what, text, 1, (size_t)1 << 40, &n);
        if (err == 0) a->o.max_memory = (uint64_t)n * 1000000;
        return err;
    case KEY_CPU:
        a->o.cpu = text;
        return 0;
    case KEY_PATH:
        if (strcmp(text, "fast") == 0)
            a->o.path = NAP_PATH_FAST;
        else if (strcmp(text, "float") == 0)
            a->o.path = NAP_PATH_FLOAT;
        else
            return cli_usage(state, "%s: found '%.60s', expected fast or float", what, text);
        return 0;
    case KEY_ROUNDING:
        if (strcmp(text, "fine") == 0)
            a->o.rounding = NAP_ROUNDING_FINE;
        else if (strcmp(text, "ggml") == 0)
            a->o.rounding = NAP_ROUNDING_GGML;
        else
            return cli_usage(state, "%s: found '%.60s', expected fine or ggml", what, text);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_engine(int key, char *arg, struct argp_state *state)
{
    engine_args *a = state->input;
    char buf[40];
    if (key == ARGP_KEY_INIT) {
        apply_env(engine_env, set_engine, state, a);
        return 0;
    }
    if (arg == NULL || key == ARGP_KEY_ARG) return ARGP_ERR_UNKNOWN;
    return set_engine(key, flag_name(engine_options, key, buf), arg, state, a);
}

const struct argp cli_engine_argp = {engine_options, parse_engine, NULL, NULL, NULL, NULL, NULL};

/* ---- sampler options */

enum {
    KEY_TEMP = 0x200,
    KEY_SEED,
    KEY_TOP_K,
    KEY_TOP_P,
    KEY_MIN_P,
    KEY_TYPICAL,
    KEY_REPEAT,
    KEY_FREQUENCY,
    KEY_PRESENCE,
    KEY_LAST_N
};

static const struct argp_option sampler_options[] = {
    {NULL, 0, NULL, 0, "Choosing tokens (same seed, same answer):", 3},
    {"temp", KEY_TEMP, "T", 0, "Temperature; 0 is greedy; default 0.8 [NAPIER_TEMP]", 3},
    {"seed", KEY_SEED, "S", 0, "Seed; default 0 [NAPIER_SEED]", 3},
    {"top-k", KEY_TOP_K, "K", 0, "Keep the K likeliest; 0 is off; default 40 [NAPIER_TOP_K]", 3},
    {"top-p", KEY_TOP_P, "P", 0,
     "Keep the likeliest of sum P; 1 is off; default 0.95 [NAPIER_TOP_P]", 3},
    {"min-p", KEY_MIN_P, "P", 0,
     "Drop what is P times less likely than the best; 0 is off; default 0.05 [NAPIER_MIN_P]", 3},
    {"typical", KEY_TYPICAL, "P", 0, "Locally typical sampling; 1 is off (default)", 3},
    {"repeat-penalty", KEY_REPEAT, "X", 0, "Divide the score of what was said; 1 is off (default)",
     3},
    {"frequency-penalty", KEY_FREQUENCY, "X", 0, "Lower by X for each time said; default 0", 3},
    {"presence-penalty", KEY_PRESENCE, "X", 0, "Lower by X if said at all; default 0", 3},
    {"penalty-last-n", KEY_LAST_N, "N", 0, "Tokens the penalties look back on; default 64", 3},
    {0},
};

static const env_twin sampler_env[] = {
    {"NAPIER_TEMP", KEY_TEMP},   {"NAPIER_SEED", KEY_SEED},   {"NAPIER_TOP_K", KEY_TOP_K},
    {"NAPIER_TOP_P", KEY_TOP_P}, {"NAPIER_MIN_P", KEY_MIN_P}, {NULL, 0},
};

static error_t set_sampler(int key, const char *what, const char *text,
                           const struct argp_state *state, void *input)
{
    nap_sampler_options *o = input;
    double v = 0;
    size_t n = 0;
    error_t err = 0;
    switch (key) {
    case KEY_SEED:
        err = cli_size(state, what, text, 0, SIZE_MAX, &n);
        if (err == 0) o->seed = n;
        return err;
    case KEY_TOP_K:
        err = cli_size(state, what, text, 0, 1 << 30, &n);
        if (err == 0) o->top_k = (int)n;
        return err;
    case KEY_LAST_N:
        err = cli_size(state, what, text, 0, 1 << 30, &n);
        if (err == 0) o->penalty_last_n = (int)n;
        return err;
    default:
        break;
    }
    static const struct {
        int key;
        double min, max;
        size_t offset;
    } reals[] = {
        {KEY_TEMP, 0, 100, offsetof(nap_sampler_options, temperature)},
        {KEY_TOP_P, 0, 1, offsetof(nap_sampler_options, top_p)},
        {KEY_MIN_P, 0, 1, offsetof(nap_sampler_options, min_p)},
        {KEY_TYPICAL, 0, 1, offsetof(nap_sampler_options, typical_p)},
        {KEY_REPEAT, 0.01, 100, offsetof(nap_sampler_options, repeat_penalty)},
        {KEY_FREQUENCY, -100, 100, offsetof(nap_sampler_options, frequency_penalty)},
        {KEY_PRESENCE, -100, 100, offsetof(nap_sampler_options, presence_penalty)},
    };
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        if (reals[i].key != key) continue;
        err = cli_real(state, what, text, reals[i].min, reals[i].max, &v);
        const float f = (float)v;
        if (err == 0) memcpy((char *)o + reals[i].offset, &f, sizeof f);
        return err;
    }
    return ARGP_ERR_UNKNOWN;
}

static error_t parse_sampler(int key, char *arg, struct argp_state *state)
{
    nap_sampler_options *o = state->input;
    char buf[40];
    if (key == ARGP_KEY_INIT) {
        apply_env(sampler_env, set_sampler, state, o);
        return 0;
    }
    if (arg == NULL || key == ARGP_KEY_ARG) return ARGP_ERR_UNKNOWN;
    return set_sampler(key, flag_name(sampler_options, key, buf), arg, state, o);
}

const struct argp cli_sampler_argp = {sampler_options, parse_sampler, NULL, NULL, NULL, NULL, NULL};
