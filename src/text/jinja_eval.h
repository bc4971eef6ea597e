/* The tree walker: expressions (jinja_eval.c), statements (jinja_exec.c), calls (jinja_call.c). */
#ifndef NAP_TEXT_JINJA_EVAL_H
#define NAP_TEXT_JINJA_EVAL_H

#include "text/jinja_ast.h"
#include "text/jinja_run.h"

typedef struct nap_j_bind {
    const nap_j_str *name;
    nap_j_val val;
} nap_j_bind;

/* The variables of one block. Macros keep the scope they were defined in alive. */
struct nap_j_scope {
    nap_j_scope *parent;
    nap_j_bind *bind;
    size_t n, cap;
    bool captured; /* a macro refers to it: a loop must not reuse it */
};

nap_j_scope *nap_j_scope_new(nap_j_run *r, nap_j_scope *parent);
bool nap_j_scope_set(nap_j_run *r, nap_j_scope *s, const nap_j_str *name, nap_j_val v);
bool nap_j_lookup(nap_j_run *r, const nap_j_scope *s, const nap_j_str *name, nap_j_val *out);
bool nap_j_assign(nap_j_run *r, nap_j_scope *s, const nap_j_node *target, nap_j_val v);

bool nap_j_eval(nap_j_run *r, nap_j_scope *s, const nap_j_node *n, nap_j_val *out);
/* A filter node, applied to `in`. */
bool nap_j_eval_filter(nap_j_run *r, nap_j_scope *s, const nap_j_node *n, nap_j_val in,
                       nap_j_val *out);
bool nap_j_eval_call(nap_j_run *r, nap_j_scope *s, const nap_j_node *n, const nap_j_val *caller,
                     nap_j_val *out);

typedef enum nap_j_flow { NAP_J_GO_ON, NAP_J_BROKE, NAP_J_CONTINUED, NAP_J_FAILED } nap_j_flow;
nap_j_flow nap_j_exec(nap_j_run *r, nap_j_scope *s, const nap_j_node *list);
bool nap_j_call_macro(nap_j_run *r, const nap_j_macro *m, nap_j_call *args, nap_j_val *out);
/* A call of `loop` inside a recursive for. */
bool nap_j_call_loop(nap_j_run *r, nap_j_loop *loop, nap_j_val iterable, nap_j_val *out);

#endif
