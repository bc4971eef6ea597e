/* What the commands `napier lutcore ...` share. */
#ifndef NAP_CLI_LUTCORE_H
#define NAP_CLI_LUTCORE_H

#include "cli/cli.h"

/* One of `names` (NULL-terminated): stores its index; else cli_usage. */
error_t lutcore_choice(const struct argp_state *state, const char *what, const char *text,
                       const char *const *names, unsigned *out);
error_t lutcore_int(const struct argp_state *state, const char *what, const char *text, long min,
                    long max, int *out);
/* cli_usage "WHAT is missing" unless there is a value. */
error_t lutcore_require(const struct argp_state *state, const char *what, const char *value);
/* The end of a parser whose command takes options only. */
error_t lutcore_no_argument(int key, const char *arg, const struct argp_state *state);
/* Text to a file, or to standard output if path is NULL; an exit code. */
int lutcore_save(const char *path, const char *text);
/* Saves and frees the text of a call that went well, or reports its error; an exit code. */
int lutcore_finish(nap_status s, const nap_error *e, const char *path, char *text);

#endif
