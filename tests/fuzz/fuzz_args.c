/* Any bytes as a command line: the first line is the command, each further line an argument. The
 * parsers must return (never exit), and accept or refuse. Nothing is run. */
#include "fuzz.h"

#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_ARGS = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    FUZZ_CHECK(text != NULL);
    if (size > 0) memcpy(text, data, size);
    text[size] = '\0';
    char *argv[MAX_ARGS + 1];
    int argc = 0;
    for (char *p = text; p != NULL && argc < MAX_ARGS;) {
        char *end = strchr(p, '\n');
        if (end != NULL) *end = '\0';
        argv[argc++] = p;
        p = end != NULL ? end + 1 : NULL;
    }
    argv[argc] = NULL;
    const command *c = cli_find(argv[0]);
    (void)cli_nearest(argv[0]);
    if (c != NULL) {
        void *args = malloc(c->args_size);
        FUZZ_CHECK(args != NULL);
        const int code = cli_parse(c, argc, argv, ARGP_NO_ERRS, args);
        FUZZ_CHECK(code == EXIT_OK || code == EXIT_USAGE || code == -1);
        free(args);
    }
    free(text);
    return 0;
}
