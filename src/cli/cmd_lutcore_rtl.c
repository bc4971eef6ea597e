/* napier lutcore rtl, synth, dse, figures: Verilog, gates, and the study of many designs. */
#include "cli/commands.h"
#include "cli/lutcore.h"

#include <string.h>

enum {
    KEY_CONFIG = 0x300,
    KEY_LIBERTY,
    KEY_OPERANDS,
    KEY_CLOCK,
    KEY_CORE,
    KEY_DATA,
    KEY_CONFIGS,
    KEY_STUDY
};

static const struct argp_child children[] = {{&cli_help_argp, 0, NULL, 0}, {0}};

/* ---- rtl */

typedef struct rtl_args {
    const char *config, *dir;
} rtl_args;

static error_t parse_rtl(int key, char *arg, struct argp_state *state)
{
    rtl_args *a = state->input;
    switch (key) {
    case KEY_CONFIG:
        a->config = arg;
        return 0;
    case 'o':
        a->dir = arg;
        return 0;
    case ARGP_KEY_END:
        return lutcore_require(state, "-o DIR", a->dir);
    default:
        return lutcore_no_argument(key, arg, state);
    }
}

static int run_rtl(void *p)
{
    const rtl_args *a = p;
    nap_error e = {0};
    return nap_lutcore_rtl(a->config, a->dir, &e) == NAP_OK ? EXIT_OK : term_fail(&e);
}

static const struct argp_option rtl_options[] = {
    {"config", KEY_CONFIG, "FILE", 0, "The design (default: M2 N64 K4, int8 activations)", 1},
    {"output", 'o', "DIR", 0, "Folder for the files, made if missing", 1},
    {0},
};
static const struct argp rtl_argp = {
    rtl_options,
    parse_rtl,
    "",
    "Write a design as Verilog-2005: the array, the whole core, file lists, and a test bench for "
    "each that checks itself against the expected results beside it: random steps for the array, a "
    "program with its memory and cycles for the core.",
    children,
    NULL,
    NULL};
const command cmd_lutcore_rtl = {
    "lutcore rtl", "Write a design as Verilog", &rtl_argp, sizeof(rtl_args), NULL, run_rtl};

/* ---- synth */

typedef struct synth_args {
    const char *output;
    nap_lut_synth s;
} synth_args;

static void init_synth(void *p)
{
    ((synth_args *)p)->s.progress = term_progress;
}

static error_t parse_synth(int key, char *arg, struct argp_state *state)
{
    synth_args *a = state->input;
    switch (key) {
    case KEY_CONFIG:
        a->s.config = arg;
        return 0;
    case KEY_LIBERTY:
        a->s.liberty = arg;
        return 0;
    case KEY_OPERANDS:
        a->s.operands = arg;
        return 0;
    case KEY_CLOCK:
        return cli_real(state, "--clock", arg, 0.001, 10000, &a->s.clock_ns);
    case KEY_CORE:
        a->s.whole_core = true;
        return 0;
    case 'o':
        a->output = arg;
        return 0;
    default:
        return lutcore_no_argument(key, arg, state);
    }
}

static int run_synth(void *p)
{
    const synth_args *a = p;
    nap_error e = {0};
    char *csv = NULL;
    const nap_status s = nap_lutcore_synth(&a->s, &csv, &e);
    return lutcore_finish(s, &e, a->output, csv);
}

static const struct argp_option synth_options[] = {
    {"config", KEY_CONFIG, "FILE", 0, "The design (default: M2 N64 K4, int8 activations)", 1},
    {"liberty", KEY_LIBERTY, "FILE", 0,
     "Cell library; several files of one library are separated by commas (default: OSU 180 nm, "
     "Debian package qflow-tech-osu018)",
     1},
    {"clock", KEY_CLOCK, "NS", 0, "Clock period (default: by library)", 1},
    {"operands", KEY_OPERANDS, "DIR", 0,
     "Power with recorded operands, as `napier lutcore compile -o DIR' leaves them (default: "
     "random ones)",
     1},
    {"core", KEY_CORE, NULL, 0, "The whole core instead of the array", 1},
    {"output", 'o', "FILE", 0, "Write the CSV here instead of to standard output", 1},
    {0},
};
static const struct argp synth_argp = {
    synth_options,
    parse_synth,
    "",
    "Map a design to gates with Yosys and abc, time it and estimate its power with OpenSTA: area "
    "by part, cells, worst slack, power and the tools' versions as CSV. Each distinct unit is "
    "mapped once and kept in the cache.",
    children,
    NULL,
    NULL};
const command cmd_lutcore_synth = {"lutcore synth", "Map a design to gates: area, timing, power",
                                   &synth_argp,     sizeof(synth_args),
                                   init_synth,      run_synth};

/* ---- dse */

typedef struct dse_args {
    nap_lut_dse d;
} dse_args;

static void init_dse(void *p)
{
    nap_lut_dse *d = &((dse_args *)p)->d;
    d->study = "all";
    d->progress = term_progress;
}

static error_t parse_dse(int key, char *arg, struct argp_state *state)
{
    static const char *const studies[] = {"k",          "mnk",   "ladder", "bits",     "depth",
                                          "acc",        "fpsum", "clock",  "activity", "flat",
                                          "precompute", "all",   NULL};
    nap_lut_dse *d = &((dse_args *)state->input)->d;
    unsigned study;
    switch (key) {
    case KEY_STUDY:
        d->study = arg;
        return lutcore_choice(state, "--study", arg, studies, &study);
    case KEY_LIBERTY:
        d->liberty = arg;
        return 0;
    case KEY_OPERANDS:
        d->operands = arg;
        return 0;
    case 'o':
        d->dir = arg;
        return 0;
    case ARGP_KEY_END:
        return lutcore_require(state, "-o DIR", d->dir);
    default:
        return lutcore_no_argument(key, arg, state);
    }
}

static int run_dse(void *p)
{
    const dse_args *a = p;
    nap_error e = {0};
    const nap_status s = nap_lutcore_dse(&a->d, &e);
    term_progress_end();
    if (s != NAP_OK) return term_fail(&e);
    term_say("wrote %s/study.csv", a->d.dir);
    return EXIT_OK;
}

static const struct argp_option dse_options[] = {
    {"study", KEY_STUDY, "NAME", 0,
     "k, mnk, ladder, bits, depth, acc, fpsum, clock, activity, flat, precompute or all (default)",
     1},
    {"liberty", KEY_LIBERTY, "FILE", 0, "Cell library (default: as for `napier lutcore synth')", 1},
    {"operands", KEY_OPERANDS, "DIR[,DIR...]", 0, "Recorded operands, for the study of activity",
     1},
    {"output", 'o', "DIR", 0, "Folder of study.csv; other studies' lines in it are kept", 1},
    {0},
};
static const struct argp dse_argp = {
    dse_options,
    parse_dse,
    "",
    "Search the space of designs: map every design of a study to gates and write area, power and "
    "delay as one table. What was mapped before comes from the cache; a first run of all studies "
    "takes hours.",
    children,
    NULL,
    NULL};
const command cmd_lutcore_dse = {
    "lutcore dse", "Search the space of designs", &dse_argp, sizeof(dse_args), init_dse, run_dse};

/* ---- figures */

typedef struct figures_args {
    nap_lut_figures f;
} figures_args;

static void init_figures(void *p)
{
    nap_lut_figures *f = &((figures_args *)p)->f;
    f->dir = "figures";
    f->progress = term_progress;
}

static error_t parse_figures(int key, char *arg, struct argp_state *state)
{
    nap_lut_figures *f = &((figures_args *)state->input)->f;
    switch (key) {
    case 'o':
        f->dir = arg;
        return 0;
    case KEY_DATA:
        f->data = arg;
        return 0;
    case KEY_CONFIGS:
        f->configs = arg;
        return 0;
    default:
        return lutcore_no_argument(key, arg, state);
    }
}

static int run_figures(void *p)
{
    const figures_args *a = p;
    nap_error e = {0};
    const nap_status s = nap_lutcore_figures(&a->f, &e);
    term_progress_end();
    if (s != NAP_OK) return term_fail(&e);
    term_say("wrote %s/index.html", a->f.dir);
    return EXIT_OK;
}

static const struct argp_option figures_options[] = {
    {"output", 'o', "DIR", 0, "Folder for the files (default: figures)", 1},
    {"data", KEY_DATA, "DIR", 0, "Results to draw (default: those that come with Napier)", 1},
    {"configs", KEY_CONFIGS, "DIR", 0, "Machines (default: those that come with Napier)", 1},
    {0},
};
static const struct argp figures_argp = {
    figures_options,
    parse_figures,
    "",
    "Draw every figure and table of the hardware study, offline, from recorded results: CSV, SVG, "
    "PNG and one page, index.html, that shows ours beside what is published and says why they "
    "differ.",
    children,
    NULL,
    NULL};
const command cmd_lutcore_figures = {"lutcore figures", "Draw the hardware study",
                                     &figures_argp,     sizeof(figures_args),
                                     init_figures,      run_figures};
