/* The program: one binary, one table of commands. */
#include "cli/cli.h"
#include "cli/commands.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

static void print_help(FILE *f)
{
    fputs("Usage: napier COMMAND [OPTION...]\n"
          "Run low-bit language models from GGUF files, exactly and fast.\n\n",
          f);
    for (size_t i = 0; cli_commands[i] != NULL; i++)
        fprintf(f, "  %-12s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
    fputs("  lutcore      The LUT tensor core: compile, simulate, emit Verilog (a group)\n"
          "  help         Explain a command: napier help COMMAND\n"
          "  version      Print the version, commit, compiler and CPU (also --version)\n"
          "\n"
          "MODEL is a path to a .gguf file or a name from `napier list'.\n"
          "Exit codes: 0 done, 1 the work failed, 2 wrong usage, 130 stopped by Ctrl-C.\n"
          "\n"
          "Start with:  napier pull smollm2-135m && napier chat smollm2-135m\n",
          f);
}

static void print_version(void)
{
    printf("napier %s\ncommit    %s\ncompiler  %s\ncpu       %s\n", nap_version(),
           nap_version_commit(), nap_version_compiler(), nap_version_cpu());
}

static const char lutcore[] = "lutcore";

static void print_lutcore_help(FILE *f)
{
    fputs("Usage: napier lutcore COMMAND [OPTION...]\n"
          "The LUT tensor core (arXiv 2408.06003): from a product to cycles and gates.\n\n",
          f);
    for (size_t i = 0; cli_lutcore[i] != NULL; i++)
        fprintf(f, "  %-12s %s\n", cli_lutcore[i]->name + sizeof lutcore, cli_lutcore[i]->summary);
    fputs("\nExplain one:  napier lutcore COMMAND --help\n", f);
}

static int unknown(const char *word)
{
    const command *near = cli_nearest(word);
    fprintf(stderr, "napier: unknown command '%.60s'", word);
    if (near != NULL) fprintf(stderr, "; did you mean `napier %s'?", near->name);
    fputs("\nTry `napier --help' for the list.\n", stderr);
    return EXIT_USAGE;
}

static int run_command(const command *c, int argc, char **argv)
{
    char name[40];
    snprintf(name, sizeof name, "napier %s", c->name);
    argv[0] = name;
    void *args = malloc(c->args_size);
    if (args == NULL) {
        term_say("error: out of memory");
        return EXIT_WORK;
    }
    int code = cli_parse(c, argc, argv, 0, args);
    if (code == EXIT_OK) code = c->run(args);
    free(args);
    const int flushed = term_flush();
    return code == -1 ? flushed : code != EXIT_OK ? code : flushed;
}

static bool asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* napier lutcore ...: argv[0] is the word after it. */
static int run_lutcore(int argc, char **argv)
{
    if (argc == 0) {
        print_lutcore_help(stderr);
        return EXIT_USAGE;
    }
    if (asks_for_help(argv[0])) {
        print_lutcore_help(stdout);
        return term_flush();
    }
    char name[40];
    snprintf(name, sizeof name, "%s %s", lutcore, argv[0]);
    const command *c = cli_find(name);
    if (c != NULL) return run_command(c, argc, argv);
    fprintf(stderr,
            "napier lutcore: unknown command '%.60s'\nTry `napier lutcore --help' for the list.\n",
            argv[0]);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "");
    term_init();
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    const char *word = argv[1];
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0 || strcmp(word, "version") == 0) {
        print_version();
        return term_flush();
    }
    if (asks_for_help(word) || (strcmp(word, "help") == 0 && argc == 2)) {
        print_help(stdout);
        return term_flush();
    }
    char flag[] = "--help";
    if (strcmp(word, "help") == 0 && strcmp(argv[2], lutcore) == 0) {
        char *help_argv[] = {argc > 3 ? argv[3] : flag, flag, NULL};
        return run_lutcore(2, help_argv);
    }
    if (strcmp(word, "help") == 0) {
        const command *c = cli_find(argv[2]);
        char *help_argv[] = {argv[2], flag, NULL};
        return c == NULL ? unknown(argv[2]) : run_command(c, 2, help_argv);
    }
    if (strcmp(word, lutcore) == 0) return run_lutcore(argc - 2, argv + 2);
    const command *c = cli_find(word);
    return c == NULL ? unknown(word) : run_command(c, argc - 1, argv + 1);
}
