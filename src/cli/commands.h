/* The commands, one file each (cmd_NAME.c). */
#ifndef NAP_CLI_COMMANDS_H
#define NAP_CLI_COMMANDS_H

#include "cli/cli.h"

extern const command cmd_run, cmd_chat, cmd_pull, cmd_list, cmd_rm, cmd_inspect, cmd_tokenize,
    cmd_detokenize, cmd_template, cmd_bench, cmd_eval, cmd_kernels, cmd_verify;

#endif
