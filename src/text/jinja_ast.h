/* The parsed template. Nodes live in the template's arena and are never freed alone. */
#ifndef NAP_TEXT_JINJA_AST_H
#define NAP_TEXT_JINJA_AST_H

#include "text/jinja_ops.h"

typedef enum nap_j_kind {
    /* expressions */
    NAP_J_X_CONST,   /* value */
    NAP_J_X_NAME,    /* name */
    NAP_J_X_LIST,    /* items */
    NAP_J_X_TUPLE,   /* items; also an assignment target */
    NAP_J_X_DICT,    /* items: key, value, key, value ... */
    NAP_J_X_UNARY,   /* op a */
    NAP_J_X_BINARY,  /* a op b */
    NAP_J_X_NOT,     /* a */
    NAP_J_X_AND,     /* a b */
    NAP_J_X_OR,      /* a b */
    NAP_J_X_COND,    /* a if b else c (c may be NULL) */
    NAP_J_X_COMPARE, /* items: operands; ops */
    NAP_J_X_CONCAT,  /* items */
    NAP_J_X_ATTR,    /* a.name */
    NAP_J_X_ITEM,    /* a[b] */
    NAP_J_X_SLICE,   /* items[3], NULL where left out */
    NAP_J_X_CALL,    /* a(args) */
    NAP_J_X_FILTER,  /* a|name(args); a == NULL: the body of the enclosing block */
    NAP_J_X_TEST,    /* a is name(args) */
    NAP_J_X_NSREF,   /* name.attr, only as an assignment target */
    /* statements */
    NAP_J_S_TEXT,        /* value */
    NAP_J_S_PRINT,       /* a */
    NAP_J_S_FOR,         /* a: target, b: iterable, c: filter; body, orelse; flag: recursive */
    NAP_J_S_IF,          /* a; body, orelse (a further if for elif) */
    NAP_J_S_SET,         /* a: target, b: value */
    NAP_J_S_SETBLOCK,    /* a: target, b: filter or NULL; body */
    NAP_J_S_MACRO,       /* name, params, body */
    NAP_J_S_CALLBLOCK,   /* a: the call, params, body */
    NAP_J_S_FILTERBLOCK, /* b: filter; body */
    NAP_J_S_WITH,        /* items: target, value, ...; body */
    NAP_J_S_SCOPE,       /* generation block: body */
    NAP_J_S_BREAK,
    NAP_J_S_CONTINUE
} nap_j_kind;

typedef struct nap_j_args {
    nap_j_node **pos;
    size_t n;
    const nap_j_str **kw_name;
    nap_j_node **kw_val;
    size_t nkw;
    nap_j_node *dyn, *dyn_kw; /* *args, **kwargs */
} nap_j_args;

typedef struct nap_j_params {
    const nap_j_str **name;
    nap_j_node **fallback; /* NULL where there is none */
    size_t n;
    bool uses_caller, uses_kwargs, uses_varargs;
} nap_j_params;

struct nap_j_node {
    nap_j_kind kind;
    nap_j_op op;
    bool flag;
    uint64_t offset;
    nap_j_val value;
    const nap_j_str *name, *attr;
    nap_j_node *a, *b, *c;
    nap_j_node **items;
    size_t n;
    nap_j_op *ops;
    const nap_j_row *row; /* of filters and tests; NULL: unknown, an error when reached */
    const nap_j_args *args;
    const nap_j_params *params;
    nap_j_node *body, *orelse; /* statement lists, linked by next */
    nap_j_node *next;
};

#endif
