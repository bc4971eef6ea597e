/* The table of commands, and parsing one. */
#include "cli/cli.h"
#include "cli/commands.h"

#include <errno.h>
#include <string.h>

const command *const cli_commands[] = {
    &cmd_run,     &cmd_chat,     &cmd_pull,       &cmd_list,     &cmd_rm,
    &cmd_inspect, &cmd_tokenize, &cmd_detokenize, &cmd_template, &cmd_bench,
    &cmd_eval,    &cmd_kernels,  &cmd_verify,     NULL,
};

const command *const cli_lutcore[] = {
    &cmd_lutcore_gemm, &cmd_lutcore_compile, &cmd_lutcore_layers, &cmd_lutcore_sim,
    &cmd_lutcore_rtl,  &cmd_lutcore_synth,   &cmd_lutcore_dse,    &cmd_lutcore_figures,
    &cmd_lutcore_asm,  &cmd_lutcore_disasm,  &cmd_lutcore_check,  NULL,
};

const command *cli_find(const char *name)
{
    for (size_t i = 0; cli_commands[i] != NULL; i++)
        if (strcmp(cli_commands[i]->name, name) == 0) return cli_commands[i];
    for (size_t i = 0; cli_lutcore[i] != NULL; i++)
        if (strcmp(cli_lutcore[i]->name, name) == 0) return cli_lutcore[i];
    return NULL;
}

int cli_parse(const command *c, int argc, char **argv, unsigned argp_flags, void *args)
{
    memset(args, 0, c->args_size);
    if (c->init != NULL) c->init(args);
    error_t err =
        argp_parse(c->argp, argc, argv, argp_flags | ARGP_NO_EXIT | ARGP_NO_HELP, NULL, args);
    if (cli_take_env_error() && err == 0) err = EINVAL;
    return err == 0 ? EXIT_OK : err == ECANCELED ? -1 : EXIT_USAGE;
}

const command *cli_nearest(const char *word)
{
    const size_t n = strlen(word);
    for (size_t i = 0; cli_commands[i] != NULL; i++) {
        const char *name = cli_commands[i]->name;
        const size_t k = strlen(name);
        if (n >= 2 && n < k && strncmp(name, word, n) == 0) return cli_commands[i];
        size_t same = 0, tail = 0;
        while (same < n && same < k && name[same] == word[same]) same++;
        while (tail < n && tail < k && name[k - 1 - tail] == word[n - 1 - tail]) tail++;
        const size_t longer = n > k ? n : k;
        if (longer >= 3 && longer - (n < k ? n : k) <= 1 && same + tail + 1 >= longer)
            return cli_commands[i];
    }
    return NULL;
}
