/* The parser's state, shared by its two halves: expressions and statements. */
#ifndef NAP_TEXT_JINJA_PARSE_H
#define NAP_TEXT_JINJA_PARSE_H

#include "text/jinja_ast.h"
#include "text/jinja_lex.h"

enum { NAP_J_PARSE_DEPTH = 200 };

typedef struct nap_j_parser {
    nap_j_run *r; /* owns the arena that nodes live in, and the error */
    const nap_j_token *tok;
    size_t i;
    unsigned depth;
    bool soft;      /* directly under if: unknown filters fail only when reached */
    unsigned loops; /* enclosing loops that break and continue may refer to */
    size_t unknown; /* unknown filters and tests so far; the first is at unknown_at */
    size_t unknown_at;
    const char *unknown_name;
    size_t unknown_len;
    /* How often these names were read or assigned so far. */
    size_t reads_caller, reads_kwargs, reads_varargs, stores_loop;
} nap_j_parser;

bool nap_j_parse_statements(nap_j_parser *p, nap_j_node **out); /* the whole template */

/* Expressions. */
bool nap_j_parse_expression(nap_j_parser *p, bool with_cond, nap_j_node **out);
/* A tuple without brackets, or a single expression. `until` ends it too (NULL: nothing more). */
bool nap_j_parse_tuple(nap_j_parser *p, bool with_cond, const char *until, nap_j_node **out);
bool nap_j_parse_target(nap_j_parser *p, const char *until, bool with_namespace, nap_j_node **out);
bool nap_j_parse_filters(nap_j_parser *p, nap_j_node *in, bool inline_start, nap_j_node **out);
bool nap_j_parse_string(nap_j_parser *p, nap_j_node **out);
bool nap_j_parse_number(nap_j_parser *p, nap_j_node **out);
bool nap_j_parse_name(nap_j_parser *p, const nap_j_str **out);

/* Tokens. */
static inline const nap_j_token *nap_j_peek(const nap_j_parser *p)
{
    return &p->tok[p->i];
}
bool nap_j_at_op(const nap_j_parser *p, const char *op);
bool nap_j_at_name(const nap_j_parser *p, const char *name);
bool nap_j_skip_op(nap_j_parser *p, const char *op);
bool nap_j_skip_name(nap_j_parser *p, const char *name);
bool nap_j_expect_op(nap_j_parser *p, const char *op);
bool nap_j_unexpected(nap_j_parser *p, const char *expected);
bool nap_j_parse_fail(nap_j_parser *p, size_t offset, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Nodes. */
nap_j_node *nap_j_node_new(nap_j_parser *p, nap_j_kind kind, size_t offset);
typedef struct nap_j_nodes { /* a growing array */
    nap_j_node **v;
    size_t n, cap;
} nap_j_nodes;
bool nap_j_nodes_push(nap_j_parser *p, nap_j_nodes *list, nap_j_node *node);
bool nap_j_parse_enter(nap_j_parser *p);

#endif
