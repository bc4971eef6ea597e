/* Values of the template interpreter, and the state of one rendering.
 *
 * The value model is Python's, as far as a chat template can see it. Containers are immutable once
 * built, because the sandbox that templates are written for forbids every mutating method; only a
 * namespace changes. All memory of a rendering comes from one arena with a byte cap and is
 * returned at its end, so no value is ever freed alone and cycles (ns.x = ns) need no care.
 *
 * Functions return false after recording an error in the run; the caller returns at once. */
#ifndef NAP_TEXT_JINJA_VALUE_H
#define NAP_TEXT_JINJA_VALUE_H

#include "base/error.h"
#include "text/jinja_arena.h"

typedef enum nap_j_type {
    NAP_J_UNDEFINED,
    NAP_J_NONE,
    NAP_J_BOOL,
    NAP_J_INT,
    NAP_J_FLOAT,
    NAP_J_STR,
    NAP_J_LIST,
    NAP_J_TUPLE,
    NAP_J_DICT,
    NAP_J_NAMESPACE,
    NAP_J_RANGE,
    NAP_J_VIEW,  /* dict.keys(), .values(), .items() */
    NAP_J_ITER,  /* a lazy sequence that can be walked once */
    NAP_J_FUNC,  /* a global function or a bound method */
    NAP_J_MACRO, /* also the caller() of a call block */
    NAP_J_LOOP,
    NAP_J_CYCLER,
    NAP_J_JOINER,
    NAP_J_SLICE,  /* only as a subscript */
    NAP_J_MISSING /* an optional argument that was not given; never seen by templates */
} nap_j_type;

typedef struct nap_j_run nap_j_run;
typedef struct nap_j_str nap_j_str;
typedef struct nap_j_list nap_j_list;
typedef struct nap_j_dict nap_j_dict;
typedef struct nap_j_range nap_j_range;
typedef struct nap_j_view nap_j_view;
typedef struct nap_j_iter nap_j_iter;
typedef struct nap_j_func nap_j_func;
typedef struct nap_j_macro nap_j_macro;
typedef struct nap_j_loop nap_j_loop;
typedef struct nap_j_cycler nap_j_cycler;
typedef struct nap_j_joiner nap_j_joiner;
typedef struct nap_j_node nap_j_node;
typedef struct nap_j_scope nap_j_scope;

typedef struct nap_j_val {
    nap_j_type type;
    union {
        bool b;
        int64_t i;
        double f;
        const nap_j_str *s; /* of NAP_J_UNDEFINED: what the error will say */
        const nap_j_list *l;
        nap_j_dict *d; /* also of NAP_J_NAMESPACE */
        const nap_j_range *range;
        const nap_j_view *view;
        nap_j_iter *it;
        const nap_j_func *fn;
        const nap_j_macro *macro;
        nap_j_loop *loop;
        nap_j_cycler *cycler;
        nap_j_joiner *joiner;
    } u;
} nap_j_val;

/* Strings are valid UTF-8. `chars` is the length in code points, the length templates see. */
struct nap_j_str {
    const char *p;
    size_t n, chars;
    struct nap_j_tail *tail; /* spare room behind the bytes, see nap_j_concat */
    bool markup;             /* marked by |safe or |escape */
};

struct nap_j_list { /* of NAP_J_SLICE: start, stop, step */
    const nap_j_val *v;
    size_t n;
    bool group; /* a tuple of |groupby: .grouper and .list are its parts */
};

typedef struct nap_j_pair {
    nap_j_val key, val;
    uint64_t hash;
} nap_j_pair;

struct nap_j_dict { /* insertion-ordered; `index` (open addressing) only from 9 entries on */
    nap_j_pair *e;
    uint32_t *index;
    size_t n, cap, index_cap;
    bool showing; /* its repr is being written: a namespace may hold itself */
};

struct nap_j_range {
    int64_t start, stop, step;
    size_t n;
};

struct nap_j_view {
    nap_j_dict *d;
    enum { NAP_J_KEYS, NAP_J_VALUES, NAP_J_ITEMS } kind;
};

typedef struct nap_j_kw {
    const nap_j_str *name;
    nap_j_val val;
} nap_j_kw;

#define NAP_J_MAX_PARAMS 6

/* The arguments of a call: as written, and bound to the parameters of a table row. */
typedef struct nap_j_call {
    nap_j_val *pos;
    size_t n;
    nap_j_kw *kw;
    size_t nkw;
    nap_j_val arg[NAP_J_MAX_PARAMS]; /* NAP_J_MISSING where not given */
} nap_j_call;

typedef bool (*nap_j_fn)(nap_j_run *r, nap_j_val self, const nap_j_call *c, nap_j_val *out);

/* One filter, test, method or global function. `params` names the parameters, separated by
 * spaces, "?" behind an optional one; a leading "/ " makes them positional only; "*" hands the
 * arguments over unbound. */
typedef struct nap_j_row {
    const char *name, *params;
    nap_j_fn fn;
} nap_j_row;

struct nap_j_func {
    const nap_j_row *row;
    nap_j_val self;
};

struct nap_j_iter {
    bool (*next)(nap_j_run *r, nap_j_iter *it, nap_j_val *out, bool *end);
    nap_j_val src;       /* what is walked, where it is no other iterator */
    nap_j_iter *inner;   /* the iterator that feeds this one */
    size_t pos;          /* index or byte offset in src */
    const nap_j_row *fn; /* map: filter, select: test */
    const nap_j_list *path;
    nap_j_val fallback;
    nap_j_call call;
    bool negate, started, done;
    const char *kind; /* Python's name of the type */
};

struct nap_j_macro {
    const nap_j_node *def;
    nap_j_scope *closure;
    const nap_j_str *name; /* NULL: the body of a call block */
};

struct nap_j_loop {
    nap_j_iter *it;
    nap_j_val iterable;
    nap_j_val current, previous, next, changed;
    int64_t index0;
    int64_t length; /* -1: not asked for yet */
    int64_t depth0;
    bool has_next, has_changed;
    const nap_j_node *recursive; /* the for node, if it may be called */
    nap_j_scope *closure;
};

struct nap_j_cycler {
    const nap_j_val *v;
    size_t n, pos;
};

struct nap_j_joiner {
    nap_j_val sep;
    bool used;
};

/* Construction. Every function that allocates may fail with NAP_ERR_LIMIT or NAP_ERR_MEMORY. */
static inline nap_j_val nap_j_none(void)
{
    return (nap_j_val){.type = NAP_J_NONE};
}
static inline nap_j_val nap_j_missing(void)
{
    return (nap_j_val){.type = NAP_J_MISSING};
}
static inline nap_j_val nap_j_bool(bool b)
{
    return (nap_j_val){.type = NAP_J_BOOL, .u.b = b};
}
static inline nap_j_val nap_j_int(int64_t i)
{
    return (nap_j_val){.type = NAP_J_INT, .u.i = i};
}
static inline nap_j_val nap_j_float(double f)
{
    return (nap_j_val){.type = NAP_J_FLOAT, .u.f = f};
}
static inline nap_j_val nap_j_str_val(const nap_j_str *s)
{
    return (nap_j_val){.type = NAP_J_STR, .u.s = s};
}
bool nap_j_string(nap_j_run *r, const char *p, size_t n, nap_j_val *out); /* copies */
bool nap_j_string_wrap(nap_j_run *r, const char *p, size_t n,
                       nap_j_val *out); /* keeps the pointer */
bool nap_j_cstring(nap_j_run *r, const char *s, nap_j_val *out);
bool nap_j_undefined(nap_j_run *r, nap_j_val *out, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool nap_j_sequence(nap_j_run *r, nap_j_type type, const nap_j_val *v, size_t n,
                    nap_j_val *out); /* copies */
bool nap_j_bound(nap_j_run *r, const nap_j_row *row, nap_j_val self, nap_j_val *out);

/* A growing array of values, for building lists. */
typedef struct nap_j_vec {
    nap_j_val *v;
    size_t n, cap;
} nap_j_vec;
bool nap_j_push(nap_j_run *r, nap_j_vec *vec, nap_j_val v);
bool nap_j_vec_list(nap_j_run *r, const nap_j_vec *vec, nap_j_val *out); /* takes the array over */

/* A growing string. */
typedef struct nap_j_sb {
    char *p;
    size_t n, cap;
} nap_j_sb;
bool nap_j_put(nap_j_run *r, nap_j_sb *b, const char *p, size_t n);
bool nap_j_puts(nap_j_run *r, nap_j_sb *b, const char *s);
bool nap_j_putc(nap_j_run *r, nap_j_sb *b, char c);
bool nap_j_put_repeat(nap_j_run *r, nap_j_sb *b, const char *p, size_t n, int64_t times);
bool nap_j_put_cp(nap_j_run *r, nap_j_sb *b, uint32_t cp);
bool nap_j_sb_string(nap_j_run *r, const nap_j_sb *b, nap_j_val *out);

/* Dicts. */
bool nap_j_dict_new(nap_j_run *r, nap_j_dict **out);
bool nap_j_dict_set(nap_j_run *r, nap_j_dict *d, nap_j_val key,
                    nap_j_val val); /* fails on unhashable keys */
bool nap_j_dict_get(nap_j_run *r, const nap_j_dict *d, nap_j_val key, nap_j_val *out, bool *found);
const nap_j_val *nap_j_dict_find(const nap_j_dict *d, const char *key, size_t n);
bool nap_j_hashable(nap_j_run *r, nap_j_val v, bool *yes);

/* Looks. */
const char *nap_j_type_name(nap_j_val v);
static inline bool nap_j_is_string(nap_j_val v, const char *s)
{
    const size_t n = __builtin_strlen(s);
    return v.type == NAP_J_STR && v.u.s->n == n && __builtin_memcmp(v.u.s->p, s, n) == 0;
}
static inline bool nap_j_is_number(nap_j_val v)
{
    return v.type == NAP_J_BOOL || v.type == NAP_J_INT || v.type == NAP_J_FLOAT;
}
/* int or bool, as Python has it: *i receives it. */
static inline bool nap_j_as_int(nap_j_val v, int64_t *i)
{
    if (v.type == NAP_J_INT) return *i = v.u.i, true;
    if (v.type == NAP_J_BOOL) return *i = v.u.b, true;
    return false;
}
static inline double nap_j_as_double(nap_j_val v)
{
    return v.type == NAP_J_FLOAT ? v.u.f : v.type == NAP_J_INT ? (double)v.u.i : (double)v.u.b;
}
/* An integer argument with a default; fails on other types. */
bool nap_j_int_arg(nap_j_run *r, nap_j_val v, int64_t fallback, int64_t *out);
/* A string argument; fails on other types. */
bool nap_j_str_arg(nap_j_run *r, nap_j_val v, const nap_j_str **out);

#endif
