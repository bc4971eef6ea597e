/* Template text to tokens: Jinja's delimiters, white-space control and line rules, with
 * trim_blocks and lstrip_blocks on and the last newline dropped. */
#ifndef NAP_TEXT_JINJA_LEX_H
#define NAP_TEXT_JINJA_LEX_H

#include "base/error.h"
#include "text/jinja_arena.h"

typedef enum nap_j_tok {
    NAP_J_T_EOF,
    NAP_J_T_DATA, /* text */
    NAP_J_T_PRINT_BEGIN,
    NAP_J_T_PRINT_END,
    NAP_J_T_BLOCK_BEGIN,
    NAP_J_T_BLOCK_END,
    NAP_J_T_NAME,
    NAP_J_T_STRING, /* text: the source between the quotes */
    NAP_J_T_INT,
    NAP_J_T_FLOAT,
    NAP_J_T_OP /* text: the operator */
} nap_j_tok;

typedef struct nap_j_token {
    nap_j_tok kind;
    const char *p;
    size_t n;
    size_t offset;
} nap_j_token;

typedef struct nap_j_lexer {
    const char *p; /* the whole text, newlines normalized */
    size_t n;
    nap_j_arena *arena;
    nap_error *e;
    nap_j_token *tok;
    size_t count, cap;
} nap_j_lexer;

/* Fills tok with count tokens, the last of them NAP_J_T_EOF. */
nap_status nap_j_lex(nap_j_lexer *lx);
/* A syntax error at a byte offset of the text. */
nap_status nap_j_syntax(const char *text, size_t offset, nap_error *e, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
