/* napier lutcore gemm, compile: products and layers on the LUT tensor core. */
#include "cli/commands.h"
#include "cli/lutcore.h"

#include <stdlib.h>
#include <string.h>

/* ---- shared by the group */

error_t lutcore_choice(const struct argp_state *state, const char *what, const char *text,
                       const char *const *names, unsigned *out)
{
    char known[120] = "";
    for (unsigned i = 0; names[i] != NULL; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = i;
            return 0;
        }
        const size_t n = strlen(known);
        snprintf(known + n, sizeof known - n, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    return cli_usage(state, "%s: found '%.60s', expected one of %s", what, text, known);
}

error_t lutcore_int(const struct argp_state *state, const char *what, const char *text, long min,
                    long max, int *out)
{
    char *end = NULL;
    const long v = strtol(text, &end, 10);
    const bool digits = (text[0] >= '0' && text[0] <= '9') || (text[0] == '-' && text[1] >= '0');
    if (!digits || *end != '\0' || v < min || v > max)
        return cli_usage(state, "%s: found '%.60s', expected a whole number from %ld to %ld", what,
                         text, min, max);
    *out = (int)v;
    return 0;
}

error_t lutcore_require(const struct argp_state *state, const char *what, const char *value)
{
    return value != NULL && value[0] != '\0' ? 0 : cli_usage(state, "%s is missing", what);
}

error_t lutcore_no_argument(int key, const char *arg, const struct argp_state *state)
{
    if (key != ARGP_KEY_ARG) return ARGP_ERR_UNKNOWN;
    return cli_usage(state, "unexpected argument '%.60s'", arg);
}

int lutcore_save(const char *path, const char *text)
{
    if (path == NULL) {
        fputs(text, stdout);
        return EXIT_OK;
    }
    nap_error e = {0};
    FILE *f = fopen(path, "w");
    bool good = f != NULL && fputs(text, f) >= 0;
    if (f != NULL && fclose(f) != 0) good = false;
    if (good) return EXIT_OK;
    text_error(&e, NAP_ERR_IO, "%s: cannot write: %m", path);
    return term_fail(&e);
}

int lutcore_finish(nap_status s, const nap_error *e, const char *path, char *text)
{
    term_progress_end();
    const int code = s == NAP_OK ? lutcore_save(path, text) : term_fail(e);
    nap_text_free(text);
    return code;
}

static const char *const targets[] = {"ref", "interp", "sim", "rtl", NULL};

/* ---- gemm */

enum { KEY_BITS = 0x300, KEY_ZERO, KEY_PM1, KEY_CONFIG, KEY_TARGET, KEY_VCD };

typedef struct gemm_args {
    nap_lut_gemm g;
    bool zero; /* given, be it 0 */
} gemm_args;

static void init_gemm(void *p)
{
    ((gemm_args *)p)->g.target = NAP_LUT_INTERP;
}

/* Options that go together only in some ways. */
static error_t check_gemm(const gemm_args *a, const struct argp_state *state)
{
    const nap_lut_gemm *g = &a->g;
    if (g->pm1 && g->bits > 2)
        return cli_usage(state, "--pm1: found with --bits %u, expected --bits 1 or --bits 2",
                         g->bits);
    if (g->pm1 && a->zero)
        return cli_usage(state, "--zero: found with --pm1, expected one of them: --pm1 says what "
                                "the codes mean");
    if (g->vcd != NULL && g->target != NAP_LUT_RTL)
        return cli_usage(state,
                         "--vcd: found with --target %s, expected --target rtl: only the "
                         "Verilog has waves",
                         targets[g->target]);
    return 0;
}

static error_t parse_gemm(int key, char *arg, struct argp_state *state)
{
    gemm_args *a = state->input;
    nap_lut_gemm *g = &a->g;
    unsigned target;
    size_t bits;
    error_t err;
    switch (key) {
    case 'A':
        g->a = arg;
        return 0;
    case 'W':
        g->w = arg;
        return 0;
    case 'o':
        g->o = arg;
        return 0;
    case KEY_CONFIG:
        g->config = arg;
        return 0;
    case KEY_VCD:
        g->vcd = arg;
        return 0;
    case KEY_BITS:
        err = cli_size(state, "--bits", arg, 1, 8, &bits);
        if (err == 0) g->bits = (unsigned)bits;
        return err;
    case KEY_ZERO:
        a->zero = true;
        return lutcore_int(state, "--zero", arg, -256, 511, &g->zero);
    case KEY_PM1:
        g->pm1 = true;
        return 0;
    case KEY_TARGET:
        err = lutcore_choice(state, "--target", arg, targets, &target);
        if (err == 0) g->target = (nap_lut_target)target;
        return err;
    case ARGP_KEY_END:
        if ((err = lutcore_require(state, "-A FILE", g->a)) != 0) return err;
        if ((err = lutcore_require(state, "-W FILE", g->w)) != 0) return err;
        return g->bits > 0 ? check_gemm(a, state) : cli_usage(state, "--bits is missing");
    default:
        return lutcore_no_argument(key, arg, state);
    }
}

static int run_gemm(void *p)
{
    const gemm_args *a = p;
    nap_error e = {0};
    char *json = NULL;
    const nap_status s = nap_lutcore_gemm(&a->g, &json, &e);
    return lutcore_finish(s, &e, NULL, json);
}

static const struct argp_option gemm_options[] = {
    {NULL, 'A', "FILE", 0, "Activations: int8 .npy of shape [M, K]", 1},
    {NULL, 'W', "FILE", 0, "Weight codes: uint8 .npy of shape [N, K]", 1},
    {"output", 'o', "FILE", 0, "Write the result here: int32 .npy of shape [M, N]", 1},
    {"bits", KEY_BITS, "B", 0, "Bits of a code; the default design takes 1 to 4", 1},
    {"zero", KEY_ZERO, "Z", 0, "Zero point of the codes (default 0)", 1},
    {"pm1", KEY_PM1, NULL, 0, "Codes of 1 bit mean -1, +1; of 2 bits, -1, 0, +1", 1},
    {"config", KEY_CONFIG, "FILE", 0, "The design (default: M2 N64 K4, int8 activations)", 2},
    {"target", KEY_TARGET, "TARGET", 0, "ref, interp (default), sim or rtl", 2},
    {"vcd", KEY_VCD, "FILE", 0, "Write the waveform of the Verilog here (--target rtl)", 2},
    {0},
};
static const struct argp_child gemm_children[] = {{&cli_help_argp, 0, NULL, 0}, {0}};
static const struct argp gemm_argp = {
    gemm_options,
    parse_gemm,
    "",
    "Multiply exactly: O = sum over K of A (W - Z). The product is compiled to an LMMA program and "
    "run on the target; cycles, look-ups, bytes and stalls are printed as JSON.\v"
    "ref is the definition in plain loops; interp runs the program on the instruction set's "
    "interpreter; sim clocks it with the core's timing model, and, if the configuration has a "
    "[machine], simulates the product on that machine too; rtl runs it on the emitted Verilog "
    "(needs Verilator).",
    gemm_children,
    NULL,
    NULL};
const command cmd_lutcore_gemm = {"lutcore gemm", "Multiply two matrices exactly",
                                  &gemm_argp,     sizeof(gemm_args),
                                  init_gemm,      run_gemm};
