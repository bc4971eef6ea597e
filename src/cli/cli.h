/* What the files of the command-line program share.
 *
 * A command is data: its name, its argp parser over one argument struct, and a function that does
 * the work. main.c parses, then runs; the fuzz target parses and does not run. Results go to
 * standard output and everything else to standard error. The program sees the library only through
 * include/napier.
 *
 * Exit codes: 0 done; 1 the work failed (a bad file, a refused template, no space ...); 2 wrong
 * usage; 130 stopped by Ctrl-C. */
#ifndef NAP_CLI_CLI_H
#define NAP_CLI_CLI_H

#include "napier/napier.h"

#include <argp.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

enum { EXIT_OK = 0, EXIT_WORK = 1, EXIT_USAGE = 2, EXIT_INTERRUPTED = 130 };

typedef struct command {
    const char *name, *summary;
    const struct argp *argp;
    size_t args_size;
    void (*init)(void *args); /* sets the defaults; args arrives zeroed */
    int (*run)(void *args);   /* returns an exit code */
} command;

/* ---- commands.c: the table, in the order of the help text; ends with a NULL name */
extern const command *const cli_commands[];
/* The group `napier lutcore`; their names begin with "lutcore ". */
extern const command *const cli_lutcore[];
const command *cli_find(const char *name); /* of both tables */
/* The command a typing mistake was probably meant for: same start, or one letter off; or NULL. */
const command *cli_nearest(const char *word);
/* Parses argv (argv[0] is the command's name) into args. EXIT_OK to go on, EXIT_USAGE on error, or
 * -1 if help was asked for and printed. argp_flags is 0, or ARGP_NO_ERRS to print nothing. */
int cli_parse(const command *c, int argc, char **argv, unsigned argp_flags, void *args);

/* ---- options.c: strict values, and the options that commands share */
/* Prints "napier run: ..." and a hint; returns EINVAL, for argp parsers. */
error_t cli_usage(const struct argp_state *state, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* `what` names the flag or variable. Whole text, decimal, in [min, max]; else cli_usage. */
error_t cli_size(const struct argp_state *state, const char *what, const char *text, size_t min,
                 size_t max, size_t *out);
error_t cli_real(const struct argp_state *state, const char *what, const char *text, double min,
                 double max, double *out);
/* Comma-separated list of numbers, at most `cap`. */
error_t cli_sizes(const struct argp_state *state, const char *what, const char *text, size_t min,
                  size_t max, size_t *out, size_t cap, size_t *n);
/* Stores a positional argument: `slots` of them, the first `required` of which must be given; call
 * for ARGP_KEY_ARG and ARGP_KEY_END. names are for messages. With required == 1 and no argument
 * at all, slot 0 falls back to $NAPIER_MODEL. */
error_t cli_positional(int key, char *arg, struct argp_state *state, const char **slots[],
                       const char *const names[], unsigned n, unsigned required);

/* Was an environment variable wrong since the last call? */
bool cli_take_env_error(void);

/* --help, for every command (child parser, no input). */
extern const struct argp cli_help_argp;

/* -t, --cpu, -c, --path and their variables (child parser; input: engine_args). */
typedef struct engine_args {
    nap_engine_options o;
} engine_args;
extern const struct argp cli_engine_argp;

/* --temp, --seed ... (child parser; input: nap_sampler_options). */
extern const struct argp cli_sampler_argp;

/* ---- term.c */
/* Sets up colours and the Ctrl-C handler. */
void term_init(void);
bool term_colour(FILE *f); /* may escapes be written there? */
bool term_is_tty(FILE *f);
int term_width(void);        /* columns of standard error, 80 if unknown */
bool term_interrupted(void); /* Ctrl-C was pressed */
void term_clear_interrupt(void);
void term_say(const char *fmt, ...) /* a line on standard error: "napier: ..." */
    __attribute__((format(printf, 1, 2)));
/* Prints the error and returns the exit code for it. */
int term_fail(const nap_error *e);
/* nap_progress_fn: a bar on standard error if that is a terminal; false after Ctrl-C. */
bool term_progress(void *unused, const char *stage, uint64_t done, uint64_t total);
void term_progress_end(void); /* wipes the bar */
/* Writes to standard output at once; false if that failed, which term_flush tells. */
bool term_put(const char *text, size_t len);
/* Flushes standard output: EXIT_OK, or EXIT_WORK with a message if it could not be written. */
int term_flush(void);

/* ---- text.c */
/* "93.8 MiB" into buf, returned. */
const char *text_bytes(uint64_t bytes, char buf[32]);
/* A JSON string from any bytes: what is not UTF-8 becomes U+FFFD. */
json_t *text_json(const char *s, size_t len);
json_t *text_json_z(const char *s); /* the same for a NUL-terminated text */
void text_print_json(json_t *j);    /* to standard output, indented, and frees it */
/* A whole file ("-": standard input), NUL-terminated; free(). */
nap_status text_read_file(const char *path, char **out, size_t *len, nap_error *e);
/* Beside the name and then into its place, so that what was there before stays whole if this fails;
 * a device is written to directly. */
nap_status text_write_file(const char *path, const char *text, size_t len, nap_error *e);
nap_status text_error(nap_error *e, nap_status code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
double text_now(void); /* seconds of a monotonic clock */

/* ---- load.c: from MODEL to a session, with what goes wrong on the way */
typedef struct loaded {
    char *path;
    nap_model *model;
    nap_engine *engine;
    nap_session *session;
    double load_seconds;
} loaded;
nap_status load_model(loaded *l, const char *model, nap_error *e);
nap_status load_engine(loaded *l, const engine_args *a, nap_error *e);
nap_status load_session(loaded *l, nap_error *e);
void load_free(loaded *l);

/* How messages become a prompt: the model's template, or the one in a file. */
typedef struct prompter {
    const nap_model *model;
    const nap_vocab *vocab;
    nap_template *own; /* from a file, else NULL */
} prompter;
/* `file` may be NULL. NAP_ERR_NOT_FOUND if neither file nor model has a template. */
nap_status prompter_init(prompter *p, const nap_model *m, const char *file, nap_error *e);
void prompter_free(prompter *p);
/* Renders and tokenizes; ids freed with nap_tokens_free. */
nap_status prompter_messages(const prompter *p, const json_t *messages, nap_token **ids, size_t *n,
                             nap_error *e);
/* Text as it is, after the beginning token if the vocabulary wants one. */
nap_status prompter_raw(const prompter *p, const char *text, size_t len, bool parse_special,
                        nap_token **ids, size_t *n, nap_error *e);
/* Says on standard error if text from the user spells a control token of the vocabulary. */
void prompter_warn_control(const prompter *p, const char *text, size_t len);

const char *stop_reason_name(nap_stop_reason r); /* "end", "length", "stop", "context" ... */

#endif
