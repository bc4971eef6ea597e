/* The state of one rendering, its limits and its errors. */
#ifndef NAP_TEXT_JINJA_RUN_H
#define NAP_TEXT_JINJA_RUN_H

#include "base/buf.h"
#include "text/jinja_value.h"

struct nap_j_run {
    nap_j_arena arena;
    const char *text; /* the template, for line numbers */
    uint64_t where;   /* byte offset of the node at work, for errors */
    uint64_t fuel, max_output;
    uint32_t depth, max_depth;
    int64_t now;
    nap_buf out;
    nap_j_sb *capture;   /* where output goes inside macros and block sets; NULL: `out` */
    nap_j_dict *globals; /* the caller's variables over the built-in functions */
    nap_error *e;
    nap_status status;
};

void *nap_j_alloc(nap_j_run *r, size_t size);
/* Spends fuel: one step and one more for each 64 bytes handled. */
bool nap_j_spend(nap_j_run *r, uint64_t bytes);
bool nap_j_enter(nap_j_run *r); /* one level deeper; pair with nap_j_leave */
static inline void nap_j_leave(nap_j_run *r)
{
    r->depth--;
}

/* All return false. nap_j_raise is an error of the template: a type error, an undefined value. */
bool nap_j_raise(nap_j_run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool nap_j_refuse(nap_j_run *r, const char *message); /* raise_exception */
bool nap_j_limit(nap_j_run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool nap_j_unsupported(nap_j_run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

bool nap_j_write(nap_j_run *r, const char *p, size_t n);

#endif
