/* Expressions, by recursive descent in Jinja's order of precedence: conditional, or, and, not,
 * comparison, + and -, ~, the other arithmetic, ** (which Jinja groups to the left), signs,
 * then subscripts, calls, filters and tests. */
#include "text/jinja_parse.h"
#include "text/jinja_run.h"
#include "text/jinja_unicode.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool nap_j_parse_fail(nap_j_parser *p, size_t offset, const char *fmt, ...)
{
    char text[300];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    p->r->where = offset;
    return nap_j_raise(p->r, "%s", text);
}

bool nap_j_unexpected(nap_j_parser *p, const char *expected)
{
    const nap_j_token *t = nap_j_peek(p);
    if (t->kind == NAP_J_T_EOF)
        return nap_j_parse_fail(p, t->offset, "unexpected end of template, expected %s", expected);
    return nap_j_parse_fail(p, t->offset, "expected %s, got '%.*s'", expected,
                            (int)(t->n < 60 ? t->n : 60), t->p);
}

static bool is(const nap_j_token *t, nap_j_tok kind, const char *s)
{
    return t->kind == kind && t->n == strlen(s) && memcmp(t->p, s, t->n) == 0;
}

bool nap_j_at_op(const nap_j_parser *p, const char *op)
{
    return is(nap_j_peek(p), NAP_J_T_OP, op);
}

bool nap_j_at_name(const nap_j_parser *p, const char *name)
{
    return is(nap_j_peek(p), NAP_J_T_NAME, name);
}

bool nap_j_skip_op(nap_j_parser *p, const char *op)
{
    if (!nap_j_at_op(p, op)) return false;
    p->i++;
    return true;
}

bool nap_j_skip_name(nap_j_parser *p, const char *name)
{
    if (!nap_j_at_name(p, name)) return false;
    p->i++;
    return true;
}

bool nap_j_expect_op(nap_j_parser *p, const char *op)
{
    return nap_j_skip_op(p, op) || nap_j_unexpected(p, op);
}

bool nap_j_parse_enter(nap_j_parser *p)
{
    if (p->depth >= NAP_J_PARSE_DEPTH) {
        p->r->where = nap_j_peek(p)->offset;
        return nap_j_limit(p->r, "nested deeper than %d", NAP_J_PARSE_DEPTH);
    }
    p->depth++;
    return true;
}

nap_j_node *nap_j_node_new(nap_j_parser *p, nap_j_kind kind, size_t offset)
{
    nap_j_node *n = nap_j_alloc(p->r, sizeof *n);
    if (n) *n = (nap_j_node){.kind = kind, .offset = offset};
    return n;
}

bool nap_j_nodes_push(nap_j_parser *p, nap_j_nodes *list, nap_j_node *node)
{
    if (list->n == list->cap) {
        const size_t cap = list->cap ? list->cap * 2 : 4;
        nap_j_node **v = nap_j_alloc(p->r, cap * sizeof(nap_j_node *));
        if (!v) return false;
        if (list->n) memcpy(v, list->v, list->n * sizeof(nap_j_node *));
        list->v = v;
        list->cap = cap;
    }
    list->v[list->n++] = node;
    return true;
}

bool nap_j_parse_name(nap_j_parser *p, const nap_j_str **out)
{
    const nap_j_token *t = nap_j_peek(p);
    nap_j_val v;
    if (t->kind != NAP_J_T_NAME) return nap_j_unexpected(p, "a name");
    p->i++;
    if (!nap_j_string(p->r, t->p, t->n, &v)) return false;
    *out = v.u.s;
    return true;
}

static bool parse_unary(nap_j_parser *p, bool filters, nap_j_node **out);
static bool parse_or(nap_j_parser *p, nap_j_node **out);

static bool constant(const nap_j_token *t, nap_j_val *v)
{
    if (is(t, NAP_J_T_NAME, "true") || is(t, NAP_J_T_NAME, "True"))
        return *v = nap_j_bool(true), true;
    if (is(t, NAP_J_T_NAME, "false") || is(t, NAP_J_T_NAME, "False"))
        return *v = nap_j_bool(false), true;
    if (is(t, NAP_J_T_NAME, "none") || is(t, NAP_J_T_NAME, "None")) return *v = nap_j_none(), true;
    return false;
}

static bool parse_list(nap_j_parser *p, nap_j_node **out)
{
    nap_j_nodes items = {0};
    nap_j_node *n = nap_j_node_new(p, NAP_J_X_LIST, nap_j_peek(p)->offset), *item;
    if (!n) return false;
    p->i++;
    while (!nap_j_at_op(p, "]")) {
        if (items.n && !nap_j_expect_op(p, ",")) return false;
        if (nap_j_at_op(p, "]")) break;
        if (!nap_j_parse_expression(p, true, &item) || !nap_j_nodes_push(p, &items, item))
            return false;
    }
    p->i++;
    n->items = items.v;
    n->n = items.n;
    *out = n;
    return true;
}

static bool parse_dict(nap_j_parser *p, nap_j_node **out)
{
    nap_j_nodes items = {0};
    nap_j_node *n = nap_j_node_new(p, NAP_J_X_DICT, nap_j_peek(p)->offset), *key, *val;
    if (!n) return false;
    p->i++;
    while (!nap_j_at_op(p, "}")) {
        if (items.n && !nap_j_expect_op(p, ",")) return false;
        if (nap_j_at_op(p, "}")) break;
        if (!nap_j_parse_expression(p, true, &key) || !nap_j_expect_op(p, ":") ||
            !nap_j_parse_expression(p, true, &val) || !nap_j_nodes_push(p, &items, key) ||
            !nap_j_nodes_push(p, &items, val))
            return false;
    }
    p->i++;
    n->items = items.v;
    n->n = items.n;
    *out = n;
    return true;
}

static bool parse_name_node(nap_j_parser *p, bool with_namespace, nap_j_node **out)
{
    const nap_j_token *t = nap_j_peek(p);
    nap_j_node *n = nap_j_node_new(p, NAP_J_X_NAME, t->offset);
    if (!n) return false;
    *out = n;
    if (constant(t, &n->value)) {
        n->kind = NAP_J_X_CONST;
        p->i++;
        return true;
    }
    if (!nap_j_parse_name(p, &n->name)) return false;
    if (with_namespace && nap_j_skip_op(p, ".")) {
        n->kind = NAP_J_X_NSREF;
        return nap_j_parse_name(p, &n->attr);
    }
    p->reads_caller += is(t, NAP_J_T_NAME, "caller");
    p->reads_kwargs += is(t, NAP_J_T_NAME, "kwargs");
    p->reads_varargs += is(t, NAP_J_T_NAME, "varargs");
    return true;
}

static bool tuple_end(const nap_j_parser *p, const char *until)
{
    const nap_j_tok k = nap_j_peek(p)->kind;
    return k == NAP_J_T_PRINT_END || k == NAP_J_T_BLOCK_END || nap_j_at_op(p, ")") ||
           (until && nap_j_at_name(p, until));
}

enum tuple_mode { TUPLE_FULL, TUPLE_NO_COND, TUPLE_TARGET, TUPLE_NS_TARGET };

static bool parse_primary(nap_j_parser *p, bool with_namespace, nap_j_node **out);

static bool parse_tuple(nap_j_parser *p, enum tuple_mode mode, const char *until, bool brackets,
                        nap_j_node **out)
{
    nap_j_nodes items = {0};
    const size_t offset = nap_j_peek(p)->offset;
    bool tuple = false, ok;
    for (;;) {
        nap_j_node *item;
        if (items.n && !nap_j_expect_op(p, ",")) return false;
        if (tuple_end(p, until)) break;
        ok = mode <= TUPLE_NO_COND ? nap_j_parse_expression(p, mode == TUPLE_FULL, &item)
                                   : parse_primary(p, mode == TUPLE_NS_TARGET, &item);
        if (!ok || !nap_j_nodes_push(p, &items, item)) return false;
        if (!nap_j_at_op(p, ",")) break;
        tuple = true;
    }
    if (!tuple && items.n) return *out = items.v[0], true;
    if (!tuple && !brackets) return nap_j_unexpected(p, "an expression");
    nap_j_node *n = nap_j_node_new(p, NAP_J_X_TUPLE, offset);
    if (!n) return false;
    n->items = items.v;
    n->n = items.n;
    *out = n;
    return true;
}

bool nap_j_parse_tuple(nap_j_parser *p, bool with_cond, const char *until, nap_j_node **out)
{
    return parse_tuple(p, with_cond ? TUPLE_FULL : TUPLE_NO_COND, until, false, out);
}

static bool assignable(nap_j_parser *p, const nap_j_node *n)
{
    if (n->kind == NAP_J_X_NAME) {
        p->stores_loop += n->name->n == 4 && memcmp(n->name->p, "loop", 4) == 0;
        return true;
    }
    if (n->kind == NAP_J_X_NSREF) return true;
    if (n->kind != NAP_J_X_TUPLE) return nap_j_parse_fail(p, n->offset, "can't assign to this");
    for (size_t i = 0; i < n->n; i++)
        if (!assignable(p, n->items[i])) return false;
    return true;
}

bool nap_j_parse_target(nap_j_parser *p, const char *until, bool with_namespace, nap_j_node **out)
{
    const size_t caller = p->reads_caller, kwargs = p->reads_kwargs, varargs = p->reads_varargs;
    const enum tuple_mode mode = with_namespace ? TUPLE_NS_TARGET : TUPLE_TARGET;
    if (!parse_tuple(p, mode, until, false, out)) return false;
    p->reads_caller = caller;
    p->reads_kwargs = kwargs;
    p->reads_varargs = varargs;
    return assignable(p, *out);
}

static bool parse_primary(nap_j_parser *p, bool with_namespace, nap_j_node **out)
{
    const nap_j_token *t = nap_j_peek(p);
    if (t->kind == NAP_J_T_NAME) return parse_name_node(p, with_namespace, out);
    if (t->kind == NAP_J_T_STRING) return nap_j_parse_string(p, out);
    if (t->kind == NAP_J_T_INT || t->kind == NAP_J_T_FLOAT) return nap_j_parse_number(p, out);
    if (!nap_j_at_op(p, "(") && !nap_j_at_op(p, "[") && !nap_j_at_op(p, "{"))
        return nap_j_unexpected(p, "an expression");
    if (!nap_j_parse_enter(p)) return false;
    bool ok;
    if (nap_j_skip_op(p, "("))
        ok = parse_tuple(p, TUPLE_FULL, NULL, true, out) && nap_j_expect_op(p, ")");
    else
        ok = nap_j_at_op(p, "[") ? parse_list(p, out) : parse_dict(p, out);
    p->depth--;
    return ok;
}

static bool same_name(const nap_j_str *a, const nap_j_str *b)
{
    return a->n == b->n && memcmp(a->p, b->p, a->n) == 0;
}

/* name=value, with the name and "=" still ahead. */
static bool parse_keyword(nap_j_parser *p, nap_j_nodes *names, nap_j_nodes *values)
{
    nap_j_node *key = nap_j_node_new(p, NAP_J_X_NAME, nap_j_peek(p)->offset), *value;
    if (!key || !nap_j_parse_name(p, &key->name) || !nap_j_expect_op(p, "=")) return false;
    for (size_t i = 0; i < names->n; i++)
        if (same_name(names->v[i]->name, key->name))
            return nap_j_parse_fail(p, key->offset, "keyword argument repeated: %.*s",
                                    (int)key->name->n, key->name->p);
    return nap_j_parse_expression(p, true, &value) && nap_j_nodes_push(p, names, key) &&
           nap_j_nodes_push(p, values, value);
}

static bool parse_args(nap_j_parser *p, const nap_j_args **out)
{
    nap_j_nodes pos = {0}, names = {0}, values = {0};
    nap_j_args *a = nap_j_alloc(p->r, sizeof *a);
    const size_t offset = nap_j_peek(p)->offset;
    bool comma = false, fits = true, ok;
    if (!a || !nap_j_expect_op(p, "(")) return false;
    *a = (nap_j_args){0};
    while (fits && !nap_j_at_op(p, ")")) {
        nap_j_node *x;
        if (comma && !nap_j_expect_op(p, ",")) return false;
        if (comma && nap_j_at_op(p, ")")) break;
        const nap_j_token *after = &p->tok[p->i + 1];
        if (nap_j_skip_op(p, "*")) {
            fits = !a->dyn && !a->dyn_kw;
            ok = nap_j_parse_expression(p, true, &a->dyn);
        } else if (nap_j_skip_op(p, "**")) {
            fits = !a->dyn_kw;
            ok = nap_j_parse_expression(p, true, &a->dyn_kw);
        } else if (nap_j_peek(p)->kind == NAP_J_T_NAME && is(after, NAP_J_T_OP, "=")) {
            fits = !a->dyn_kw;
            ok = parse_keyword(p, &names, &values);
        } else {
            fits = !a->dyn && !a->dyn_kw && names.n == 0;
            ok = nap_j_parse_expression(p, true, &x) && nap_j_nodes_push(p, &pos, x);
        }
        if (!ok) return false;
        comma = true;
    }
    if (!fits) return nap_j_parse_fail(p, offset, "invalid syntax for function call expression");
    if (!nap_j_expect_op(p, ")")) return false;
    a->pos = pos.v;
    a->n = pos.n;
    a->kw_val = values.v;
    a->nkw = names.n;
    a->kw_name = nap_j_alloc(p->r, names.n * sizeof(nap_j_str *));
    if (!a->kw_name) return false;
    for (size_t i = 0; i < names.n; i++) a->kw_name[i] = names.v[i]->name;
    *out = a;
    return true;
}

static bool parse_call(nap_j_parser *p, nap_j_node *callee, nap_j_node **out)
{
    nap_j_node *n = nap_j_node_new(p, NAP_J_X_CALL, nap_j_peek(p)->offset);
    if (!n || !nap_j_parse_enter(p)) return false;
    const bool ok = parse_args(p, &n->args);
    p->depth--;
    n->a = callee;
    *out = n;
    return ok;
}

/* One part of a subscript: an expression or a slice. */
static bool parse_subscript_part(nap_j_parser *p, nap_j_node **out)
{
    nap_j_node *n = nap_j_node_new(p, NAP_J_X_SLICE, nap_j_peek(p)->offset);
    if (!n || !(n->items = nap_j_alloc(p->r, 3 * sizeof(nap_j_node *)))) return false;
    memset(n->items, 0, 3 * sizeof(nap_j_node *));
    if (!nap_j_at_op(p, ":")) {
        if (!nap_j_parse_expression(p, true, &n->items[0])) return false;
        if (!nap_j_at_op(p, ":")) return *out = n->items[0], true;
    }
    for (size_t k = 1; k < 3 && nap_j_skip_op(p, ":"); k++)
        if (!nap_j_at_op(p, ":") && !nap_j_at_op(p, "]") && !nap_j_at_op(p, ",") &&
            !nap_j_parse_expression(p, true, &n->items[k]))
            return false;
    *out = n;
    return true;
}

static bool parse_brackets(nap_j_parser *p, nap_j_node *n)
{
    nap_j_nodes parts = {0};
    nap_j_node *part;
    while (!nap_j_at_op(p, "]")) {
        if (parts.n && !nap_j_expect_op(p, ",")) return false;
        if (!parse_subscript_part(p, &part) || !nap_j_nodes_push(p, &parts, part)) return false;
    }
    p->i++;
    if (parts.n == 1) return n->b = parts.v[0], true;
    if (!(n->b = nap_j_node_new(p, NAP_J_X_TUPLE, n->offset))) return false;
    n->b->items = parts.v;
    n->b->n = parts.n;
    return true;
}

static bool parse_subscript(nap_j_parser *p, nap_j_node *of, nap_j_node **out)
{
    nap_j_node *n = nap_j_node_new(p, NAP_J_X_ITEM, nap_j_peek(p)->offset);
    if (!n) return false;
    n->a = of;
    *out = n;
    if (nap_j_skip_op(p, ".")) {
        if (nap_j_peek(p)->kind == NAP_J_T_INT) return nap_j_parse_number(p, &n->b);
        n->kind = NAP_J_X_ATTR;
        return nap_j_parse_name(p, &n->name);
    }
    p->i++;
    if (!nap_j_parse_enter(p)) return false;
    const bool ok = parse_brackets(p, n);
    p->depth--;
    return ok;
}

static bool parse_postfix(nap_j_parser *p, nap_j_node **n)
{
    for (;;) {
        bool ok;
        if (nap_j_at_op(p, ".") || nap_j_at_op(p, "["))
            ok = parse_subscript(p, *n, n);
        else if (nap_j_at_op(p, "("))
            ok = parse_call(p, *n, n);
        else
            return true;
        if (!ok) return false;
    }
}

/* The dotted name of a filter or test, looked up in its table. */
static bool parse_table_name(nap_j_parser *p, nap_j_node *n, bool filter)
{
    const size_t at = nap_j_peek(p)->offset;
    nap_j_sb b = {0};
    nap_j_val name;
    do {
        const nap_j_str *part = NULL;
        if (!nap_j_parse_name(p, &part) || (b.n && !nap_j_putc(p->r, &b, '.')) ||
            !nap_j_put(p->r, &b, part->p, part->n))
            return false;
    } while (nap_j_skip_op(p, "."));
    if (!nap_j_sb_string(p->r, &b, &name)) return false;
    n->name = name.u.s;
    n->row = filter ? nap_j_find_filter(b.p, b.n) : nap_j_find_test(b.p, b.n);
    if (!n->row && !p->soft && p->unknown++ == 0) {
        p->unknown_at = at;
        p->unknown_name = b.p;
        p->unknown_len = b.n;
    }
    return true;
}

bool nap_j_parse_filters(nap_j_parser *p, nap_j_node *in, bool inline_start, nap_j_node **out)
{
    static const nap_j_args none;
    while (inline_start || nap_j_at_op(p, "|")) {
        nap_j_node *n = nap_j_node_new(p, NAP_J_X_FILTER, nap_j_peek(p)->offset);
        if (!n) return false;
        if (!inline_start) p->i++;
        inline_start = false;
        n->a = in;
        n->args = &none;
        if (!nap_j_parse_enter(p)) return false;
        const bool ok =
            parse_table_name(p, n, true) && (!nap_j_at_op(p, "(") || parse_args(p, &n->args));
        p->depth--;
        if (!ok) return false;
        in = n;
    }
    *out = in;
    return true;
}

/* A test's argument may follow without parentheses: "is divisibleby 3". */
static bool bare_argument_ahead(const nap_j_parser *p)
{
    const nap_j_tok k = nap_j_peek(p)->kind;
    if (k == NAP_J_T_STRING || k == NAP_J_T_INT || k == NAP_J_T_FLOAT) return true;
    if (k == NAP_J_T_NAME)
        return !nap_j_at_name(p, "else") && !nap_j_at_name(p, "or") && !nap_j_at_name(p, "and");
    return nap_j_at_op(p, "[") || nap_j_at_op(p, "{");
}

static bool parse_test_args(nap_j_parser *p, nap_j_node *n)
{
    static const nap_j_args none;
    n->args = &none;
    if (nap_j_at_op(p, "(")) return parse_args(p, &n->args);
    if (!bare_argument_ahead(p)) return true;
    if (nap_j_at_name(p, "is"))
        return nap_j_parse_fail(p, nap_j_peek(p)->offset,
                                "You cannot chain multiple tests with is");
    nap_j_args *a = nap_j_alloc(p->r, sizeof *a);
    if (!a || !(a->pos = nap_j_alloc(p->r, sizeof(nap_j_node *)))) return false;
    nap_j_node **pos = a->pos;
    *a = (nap_j_args){.pos = pos, .n = 1};
    n->args = a;
    return parse_primary(p, false, &pos[0]) && parse_postfix(p, &pos[0]);
}

static bool parse_test(nap_j_parser *p, nap_j_node **n)
{
    nap_j_node *t = nap_j_node_new(p, NAP_J_X_TEST, nap_j_peek(p)->offset);
    if (!t) return false;
    p->i++;
    const bool negated = nap_j_skip_name(p, "not");
    t->a = *n;
    if (!nap_j_parse_enter(p)) return false;
    const bool ok = parse_table_name(p, t, false) && parse_test_args(p, t);
    p->depth--;
    if (!ok) return false;
    *n = t;
    if (!negated) return true;
    nap_j_node *not_node = nap_j_node_new(p, NAP_J_X_NOT, t->offset);
    if (!not_node) return false;
    not_node->a = t;
    *n = not_node;
    return true;
}

static bool parse_filters_tests_calls(nap_j_parser *p, nap_j_node **n)
{
    for (;;) {
        bool ok;
        if (nap_j_at_op(p, "|"))
            ok = nap_j_parse_filters(p, *n, false, n);
        else if (nap_j_at_name(p, "is"))
            ok = parse_test(p, n);
        else if (nap_j_at_op(p, "("))
            ok = parse_call(p, *n, n);
        else
            return true;
        if (!ok) return false;
    }
}

static bool parse_unary(nap_j_parser *p, bool filters, nap_j_node **out)
{
    const size_t offset = nap_j_peek(p)->offset;
    const bool neg = nap_j_at_op(p, "-"), pos = nap_j_at_op(p, "+");
    nap_j_node *n;
    if (neg || pos) {
        p->i++;
        if (!nap_j_parse_enter(p) || !(n = nap_j_node_new(p, NAP_J_X_UNARY, offset))) return false;
        n->op = neg ? NAP_J_NEG : NAP_J_POS;
        const bool ok = parse_unary(p, false, &n->a);
        p->depth--;
        if (!ok) return false;
    } else if (!parse_primary(p, false, &n)) {
        return false;
    }
    if (!parse_postfix(p, &n) || (filters && !parse_filters_tests_calls(p, &n))) return false;
    *out = n;
    return true;
}

static bool binary(nap_j_parser *p, nap_j_kind kind, nap_j_op op, size_t offset, nap_j_node **left,
                   nap_j_node *right)
{
    nap_j_node *n = nap_j_node_new(p, kind, offset);
    if (!n) return false;
    n->op = op;
    n->a = *left;
    n->b = right;
    *left = n;
    return true;
}

static bool parse_pow(nap_j_parser *p, nap_j_node **out)
{
    nap_j_node *right;
    if (!parse_unary(p, true, out)) return false;
    while (nap_j_at_op(p, "**")) {
        const size_t offset = p->tok[p->i++].offset;
        if (!parse_unary(p, true, &right) ||
            !binary(p, NAP_J_X_BINARY, NAP_J_POW, offset, out, right))
            return false;
    }
    return true;
}

static bool parse_product(nap_j_parser *p, nap_j_node **out)
{
    nap_j_node *right;
    if (!parse_pow(p, out)) return false;
    for (;;) {
        const size_t offset = nap_j_peek(p)->offset;
        nap_j_op op;
        if (nap_j_skip_op(p, "*"))
            op = NAP_J_MUL;
        else if (nap_j_skip_op(p, "/"))
            op = NAP_J_DIV;
        else if (nap_j_skip_op(p, "//"))
            op = NAP_J_FLOORDIV;
        else if (nap_j_skip_op(p, "%"))
            op = NAP_J_MOD;
        else
            return true;
        if (!parse_pow(p, &right) || !binary(p, NAP_J_X_BINARY, op, offset, out, right))
            return false;
    }
}

static bool parse_concat(nap_j_parser *p, nap_j_node **out)
{
    nap_j_nodes items = {0};
    nap_j_node *item;
    const size_t offset = nap_j_peek(p)->offset;
    do {
        if (!parse_product(p, &item) || !nap_j_nodes_push(p, &items, item)) return false;
    } while (nap_j_skip_op(p, "~"));
    if (items.n == 1) return *out = items.v[0], true;
    nap_j_node *n = nap_j_node_new(p, NAP_J_X_CONCAT, offset);
    if (!n) return false;
    n->items = items.v;
    n->n = items.n;
    *out = n;
    return true;
}

static bool parse_sum(nap_j_parser *p, nap_j_node **out)
{
    nap_j_node *right;
    if (!parse_concat(p, out)) return false;
    for (;;) {
        const size_t offset = nap_j_peek(p)->offset;
        const bool add = nap_j_at_op(p, "+");
        if (!add && !nap_j_at_op(p, "-")) return true;
        p->i++;
        if (!parse_concat(p, &right) ||
            !binary(p, NAP_J_X_BINARY, add ? NAP_J_ADD : NAP_J_SUB, offset, out, right))
            return false;
    }
}

static bool comparison_ahead(nap_j_parser *p, nap_j_op *op)
{
    static const struct {
        const char *text;
        nap_j_op op;
    } ops[] = {{"==", NAP_J_EQ}, {"!=", NAP_J_NE}, {"<", NAP_J_LT},
               {"<=", NAP_J_LE}, {">", NAP_J_GT},  {">=", NAP_J_GE}};
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
        if (nap_j_skip_op(p, ops[i].text)) return *op = ops[i].op, true;
    if (nap_j_skip_name(p, "in")) return *op = NAP_J_IN, true;
    if (nap_j_at_name(p, "not") && is(&p->tok[p->i + 1], NAP_J_T_NAME, "in")) {
        p->i += 2;
        return *op = NAP_J_NOT_IN, true;
    }
    return false;
}

static bool parse_compare(nap_j_parser *p, nap_j_node **out)
{
    const size_t offset = nap_j_peek(p)->offset;
    nap_j_nodes items = {0}, ops = {0};
    nap_j_node *item;
    nap_j_op op;
    if (!parse_sum(p, &item) || !nap_j_nodes_push(p, &items, item)) return false;
    while (comparison_ahead(p, &op)) {
        nap_j_node *holder = nap_j_node_new(p, NAP_J_X_COMPARE, offset);
        if (!holder) return false;
        holder->op = op;
        if (!parse_sum(p, &item) || !nap_j_nodes_push(p, &items, item) ||
            !nap_j_nodes_push(p, &ops, holder))
            return false;
    }
    if (items.n == 1) return *out = items.v[0], true;
    nap_j_node *n = ops.v[0];
    n->items = items.v;
    n->n = items.n;
    if (!(n->ops = nap_j_alloc(p->r, ops.n * sizeof(nap_j_op)))) return false;
    for (size_t i = 0; i < ops.n; i++) n->ops[i] = ops.v[i]->op;
    *out = n;
    return true;
}

static bool parse_not(nap_j_parser *p, nap_j_node **out)
{
    const size_t offset = nap_j_peek(p)->offset;
    if (!nap_j_skip_name(p, "not")) return parse_compare(p, out);
    nap_j_node *n = nap_j_node_new(p, NAP_J_X_NOT, offset);
    if (!n || !nap_j_parse_enter(p)) return false;
    const bool ok = parse_not(p, &n->a);
    p->depth--;
    *out = n;
    return ok;
}

static bool parse_and(nap_j_parser *p, nap_j_node **out)
{
    nap_j_node *right;
    if (!parse_not(p, out)) return false;
    while (nap_j_at_name(p, "and")) {
        const size_t offset = p->tok[p->i++].offset;
        if (!parse_not(p, &right) || !binary(p, NAP_J_X_AND, NAP_J_EQ, offset, out, right))
            return false;
    }
    return true;
}

static bool parse_or(nap_j_parser *p, nap_j_node **out)
{
    nap_j_node *right;
    if (!parse_and(p, out)) return false;
    while (nap_j_at_name(p, "or")) {
        const size_t offset = p->tok[p->i++].offset;
        if (!parse_and(p, &right) || !binary(p, NAP_J_X_OR, NAP_J_EQ, offset, out, right))
            return false;
    }
    return true;
}

static bool parse_conditional(nap_j_parser *p, nap_j_node **out)
{
    const size_t unknown = p->unknown;
    if (!parse_or(p, out)) return false;
    while (nap_j_at_name(p, "if")) {
        nap_j_node *n = nap_j_node_new(p, NAP_J_X_COND, p->tok[p->i++].offset);
        if (!n) return false;
        n->a = *out;
        if (!parse_or(p, &n->b)) return false;
        if (nap_j_skip_name(p, "else")) {
            if (!nap_j_parse_enter(p)) return false;
            const bool ok = parse_conditional(p, &n->c);
            p->depth--;
            if (!ok) return false;
        }
        p->unknown = unknown; /* Jinja checks names in conditionals only when it gets there */
        *out = n;
    }
    return true;
}

bool nap_j_parse_expression(nap_j_parser *p, bool with_cond, nap_j_node **out)
{
    if (!nap_j_parse_enter(p)) return false;
    const bool ok = with_cond ? parse_conditional(p, out) : parse_or(p, out);
    p->depth--;
    return ok;
}
