/* The commands, one file each (cmd_NAME.c). */
#ifndef NAP_CLI_COMMANDS_H
#define NAP_CLI_COMMANDS_H

#include "cli/cli.h"

extern const command cmd_run, cmd_chat, cmd_pull, cmd_list, cmd_rm, cmd_inspect, cmd_tokenize,
    cmd_detokenize, cmd_template, cmd_bench, cmd_eval, cmd_kernels, cmd_verify;
/* The group `napier lutcore`: names are "lutcore gemm" and so on. */
extern const command cmd_lutcore_gemm, cmd_lutcore_compile, cmd_lutcore_sim, cmd_lutcore_layers,
    cmd_lutcore_asm, cmd_lutcore_disasm, cmd_lutcore_check, cmd_lutcore_rtl, cmd_lutcore_synth,
    cmd_lutcore_dse, cmd_lutcore_figures;

#endif
