/* Statements. Each tag has one function, named in one table. */
#include "text/jinja_parse.h"
#include "text/jinja_run.h"

#include <string.h>

typedef struct list_tail {
    nap_j_node *first, *last;
} list_tail;

static void append(list_tail *l, nap_j_node *n)
{
    if (l->last)
        l->last->next = n;
    else
        l->first = n;
    l->last = n;
}

static bool expect_block_end(nap_j_parser *p)
{
    if (nap_j_peek(p)->kind != NAP_J_T_BLOCK_END)
        return nap_j_unexpected(p, "end of statement block");
    p->i++;
    return true;
}

static bool parse_list(nap_j_parser *p, const char *const *ends, nap_j_node **out);

/* "%}", statements, and then the first of `ends` (NULL-terminated), which is left ahead. */
static bool parse_body(nap_j_parser *p, const char *const *ends, nap_j_node **out)
{
    (void)nap_j_skip_op(p, ":");
    if (!expect_block_end(p) || !nap_j_parse_enter(p)) return false;
    const bool ok = parse_list(p, ends, out);
    p->depth--;
    if (ok && nap_j_peek(p)->kind == NAP_J_T_EOF) return nap_j_unexpected(p, ends[0]);
    return ok;
}

/* A body that a single end tag closes; the tag's name is consumed. */
static bool parse_block(nap_j_parser *p, const char *end, nap_j_node **out)
{
    const char *const ends[] = {end, NULL};
    if (!parse_body(p, ends, out)) return false;
    p->i++;
    return true;
}

/* A body with a scope of its own, outside of any enclosing `if`. */
static bool parse_inner(nap_j_parser *p, const char *end, nap_j_node **out)
{
    const bool soft = p->soft;
    p->soft = false;
    const bool ok = parse_block(p, end, out);
    p->soft = soft;
    return ok;
}

/* ... and that is a function to Jinja, so that a loop outside cannot be left from it. */
static bool parse_function(nap_j_parser *p, const char *end, nap_j_node **out)
{
    const unsigned loops = p->loops;
    p->loops = 0;
    const bool ok = parse_inner(p, end, out);
    p->loops = loops;
    return ok;
}

static bool parse_for(nap_j_parser *p, nap_j_node *n)
{
    static const char *const ends[] = {"endfor", "else", NULL};
    const bool soft = p->soft;
    const size_t stores = p->stores_loop;
    n->kind = NAP_J_S_FOR;
    if (!nap_j_parse_target(p, "in", false, &n->a)) return false;
    if (!nap_j_skip_name(p, "in")) return nap_j_unexpected(p, "in");
    if (!nap_j_parse_tuple(p, false, "recursive", &n->b)) return false;
    p->soft = false;
    if (nap_j_skip_name(p, "if") && !nap_j_parse_expression(p, true, &n->c)) return false;
    n->flag = nap_j_skip_name(p, "recursive");
    p->loops++;
    const bool ok = parse_body(p, ends, &n->body);
    p->loops--;
    if (!ok) return false;
    const bool has_else = nap_j_at_name(p, "else");
    p->i++;
    if (has_else && !parse_block(p, "endfor", &n->orelse)) return false;
    p->soft = soft;
    if (p->stores_loop != stores)
        return nap_j_parse_fail(p, n->offset, "Can't assign to special loop variable");
    return true;
}

static bool parse_if_chain(nap_j_parser *p, nap_j_node *n)
{
    static const char *const ends[] = {"elif", "else", "endif", NULL};
    for (;;) {
        n->kind = NAP_J_S_IF;
        if (!nap_j_parse_tuple(p, false, NULL, &n->a) || !parse_body(p, ends, &n->body))
            return false;
        const nap_j_token *t = nap_j_peek(p);
        if (nap_j_skip_name(p, "endif")) return true;
        if (nap_j_skip_name(p, "else")) return parse_block(p, "endif", &n->orelse);
        p->i++;
        nap_j_node *next = nap_j_node_new(p, NAP_J_S_IF, t->offset);
        if (!next) return false;
        n->orelse = next;
        n = next;
    }
}

static bool parse_if(nap_j_parser *p, nap_j_node *n)
{
    const bool soft = p->soft;
    p->soft = true;
    const bool ok = parse_if_chain(p, n);
    p->soft = soft;
    return ok;
}

static bool parse_set(nap_j_parser *p, nap_j_node *n)
{
    n->kind = NAP_J_S_SET;
    if (!nap_j_parse_target(p, NULL, true, &n->a)) return false;
    if (nap_j_skip_op(p, "=")) return nap_j_parse_tuple(p, true, NULL, &n->b);
    n->kind = NAP_J_S_SETBLOCK;
    return nap_j_parse_filters(p, NULL, false, &n->b) && parse_inner(p, "endset", &n->body);
}

static bool parameter(nap_j_parser *p, nap_j_nodes *list)
{
    nap_j_node *n = nap_j_node_new(p, NAP_J_X_NAME, nap_j_peek(p)->offset);
    if (!n || !nap_j_parse_name(p, &n->name)) return false;
    for (size_t i = 0; i < list->n; i++)
        if (list->v[i]->name->n == n->name->n &&
            memcmp(list->v[i]->name->p, n->name->p, n->name->n) == 0)
            return nap_j_parse_fail(p, n->offset, "duplicate argument '%.*s'", (int)n->name->n,
                                    n->name->p);
    if (nap_j_skip_op(p, "=")) {
        if (!nap_j_parse_expression(p, true, &n->a)) return false;
    } else if (list->n && list->v[list->n - 1]->a) {
        return nap_j_parse_fail(p, n->offset, "non-default argument follows default argument");
    }
    return nap_j_nodes_push(p, list, n);
}

static bool parse_signature(nap_j_parser *p, nap_j_params *params)
{
    nap_j_nodes list = {0};
    if (!nap_j_expect_op(p, "(")) return false;
    while (!nap_j_at_op(p, ")"))
        if ((list.n && !nap_j_expect_op(p, ",")) || !parameter(p, &list)) return false;
    p->i++;
    params->n = list.n;
    params->name = nap_j_alloc(p->r, list.n * sizeof(nap_j_str *));
    params->fallback = nap_j_alloc(p->r, list.n * sizeof(nap_j_node *));
    if (!params->name || !params->fallback) return false;
    for (size_t i = 0; i < list.n; i++) {
        params->name[i] = list.v[i]->name;
        params->fallback[i] = list.v[i]->a;
    }
    return true;
}

static size_t param_index(const nap_j_params *params, const char *name)
{
    size_t i = 0;
    while (i < params->n && !nap_j_is_string(nap_j_str_val(params->name[i]), name)) i++;
    return i;
}

/* The body of a macro or call block; notes which of the special names it reads. */
static bool parse_macro_body(nap_j_parser *p, nap_j_node *n, nap_j_params *params, const char *end)
{
    const size_t caller = p->reads_caller, kwargs = p->reads_kwargs, varargs = p->reads_varargs;
    if (!parse_function(p, end, &n->body)) return false;
    const size_t named = param_index(params, "caller");
    params->uses_caller = p->reads_caller > caller && named == params->n;
    params->uses_kwargs = p->reads_kwargs > kwargs && param_index(params, "kwargs") == params->n;
    params->uses_varargs =
        p->reads_varargs > varargs && param_index(params, "varargs") == params->n;
    if (p->reads_caller > caller && named < params->n && !params->fallback[named])
        return nap_j_parse_fail(p, n->offset,
                                "the special \"caller\" argument must be omitted or be "
                                "given a default");
    n->params = params;
    return true;
}

static bool parse_macro(nap_j_parser *p, nap_j_node *n)
{
    nap_j_params *params = nap_j_alloc(p->r, sizeof *params);
    nap_j_node *name;
    if (!params) return false;
    *params = (nap_j_params){0};
    n->kind = NAP_J_S_MACRO;
    if (nap_j_peek(p)->kind != NAP_J_T_NAME) return nap_j_unexpected(p, "a name");
    if (!nap_j_parse_target(p, "(", false, &name)) return false;
    if (name->kind != NAP_J_X_NAME) return nap_j_parse_fail(p, n->offset, "a macro needs a name");
    n->name = name->name;
    const bool soft = p->soft;
    p->soft = false;
    const bool ok = parse_signature(p, params) && parse_macro_body(p, n, params, "endmacro");
    p->soft = soft;
    return ok;
}

static bool parse_call_block(nap_j_parser *p, nap_j_node *n)
{
    nap_j_params *params = nap_j_alloc(p->r, sizeof *params);
    if (!params) return false;
    *params = (nap_j_params){0};
    n->kind = NAP_J_S_CALLBLOCK;
    if (nap_j_at_op(p, "(") && !parse_signature(p, params)) return false;
    if (!nap_j_parse_expression(p, true, &n->a)) return false;
    if (n->a->kind != NAP_J_X_CALL) return nap_j_parse_fail(p, n->offset, "expected call");
    return parse_macro_body(p, n, params, "endcall");
}

static bool parse_filter_block(nap_j_parser *p, nap_j_node *n)
{
    n->kind = NAP_J_S_FILTERBLOCK;
    const bool soft = p->soft;
    p->soft = false;
    const bool ok =
        nap_j_parse_filters(p, NULL, true, &n->b) && parse_inner(p, "endfilter", &n->body);
    p->soft = soft;
    return ok;
}

static bool parse_with(nap_j_parser *p, nap_j_node *n)
{
    nap_j_nodes items = {0};
    n->kind = NAP_J_S_WITH;
    while (nap_j_peek(p)->kind != NAP_J_T_BLOCK_END) {
        nap_j_node *target, *value;
        if (items.n && !nap_j_expect_op(p, ",")) return false;
        if (!nap_j_parse_target(p, NULL, false, &target) || !nap_j_expect_op(p, "=") ||
            !nap_j_parse_expression(p, true, &value) || !nap_j_nodes_push(p, &items, target) ||
            !nap_j_nodes_push(p, &items, value))
            return false;
    }
    n->items = items.v;
    n->n = items.n;
    return parse_inner(p, "endwith", &n->body);
}

static bool parse_generation(nap_j_parser *p, nap_j_node *n)
{
    n->kind = NAP_J_S_SCOPE;
    return parse_function(p, "endgeneration", &n->body);
}

static bool parse_print(nap_j_parser *p, nap_j_node *n)
{
    nap_j_nodes items = {0};
    nap_j_node *item;
    n->kind = NAP_J_S_PRINT;
    while (nap_j_peek(p)->kind != NAP_J_T_BLOCK_END) {
        if (items.n && !nap_j_expect_op(p, ",")) return false;
        if (!nap_j_parse_expression(p, true, &item) || !nap_j_nodes_push(p, &items, item))
            return false;
    }
    n->items = items.v;
    n->n = items.n;
    return true;
}

static bool parse_leave(nap_j_parser *p, nap_j_node *n)
{
    if (p->loops == 0) return nap_j_parse_fail(p, n->offset, "outside of a loop");
    return true;
}

static bool parse_break(nap_j_parser *p, nap_j_node *n)
{
    n->kind = NAP_J_S_BREAK;
    return parse_leave(p, n);
}

static bool parse_continue(nap_j_parser *p, nap_j_node *n)
{
    n->kind = NAP_J_S_CONTINUE;
    return parse_leave(p, n);
}

static const struct {
    const char *name;
    bool (*parse)(nap_j_parser *p, nap_j_node *n);
} g_tags[] = {
    {"for", parse_for},
    {"if", parse_if},
    {"set", parse_set},
    {"macro", parse_macro},
    {"call", parse_call_block},
    {"filter", parse_filter_block},
    {"with", parse_with},
    {"print", parse_print},
    {"generation", parse_generation},
    {"break", parse_break},
    {"continue", parse_continue},
};

static bool parse_statement(nap_j_parser *p, nap_j_node **out)
{
    const nap_j_token *t = nap_j_peek(p);
    if (t->kind != NAP_J_T_NAME) return nap_j_parse_fail(p, t->offset, "tag name expected");
    for (size_t i = 0; i < sizeof g_tags / sizeof g_tags[0]; i++) {
        if (!nap_j_at_name(p, g_tags[i].name)) continue;
        p->i++;
        nap_j_node *n = nap_j_node_new(p, NAP_J_S_TEXT, t->offset);
        *out = n;
        return n && g_tags[i].parse(p, n) && expect_block_end(p);
    }
    return nap_j_parse_fail(p, t->offset, "unknown tag '%.*s'", (int)(t->n < 60 ? t->n : 60), t->p);
}

static bool at_end_tag(const nap_j_parser *p, const char *const *ends)
{
    for (; ends && *ends; ends++)
        if (nap_j_at_name(p, *ends)) return true;
    return false;
}

static bool parse_list(nap_j_parser *p, const char *const *ends, nap_j_node **out)
{
    list_tail list = {0};
    for (;;) {
        nap_j_node *n = NULL;
        const nap_j_token *t = nap_j_peek(p);
        switch (t->kind) {
        case NAP_J_T_DATA:
            if (!(n = nap_j_node_new(p, NAP_J_S_TEXT, t->offset)) ||
                !nap_j_string_wrap(p->r, t->p, t->n, &n->value))
                return false;
            p->i++;
            break;
        case NAP_J_T_PRINT_BEGIN:
            p->i++;
            if (!(n = nap_j_node_new(p, NAP_J_S_PRINT, t->offset)) ||
                !nap_j_parse_tuple(p, true, NULL, &n->a))
                return false;
            if (nap_j_peek(p)->kind != NAP_J_T_PRINT_END) return nap_j_unexpected(p, "}}");
            p->i++;
            break;
        case NAP_J_T_BLOCK_BEGIN:
            p->i++;
            if (at_end_tag(p, ends)) return *out = list.first, true;
            if (!parse_statement(p, &n)) return false;
            break;
        default:
            *out = list.first;
            return true;
        }
        append(&list, n);
    }
}

bool nap_j_parse_statements(nap_j_parser *p, nap_j_node **out)
{
    if (!parse_list(p, NULL, out)) return false;
    if (p->unknown)
        return nap_j_parse_fail(p, p->unknown_at, "No filter or test named '%.*s'",
                                (int)(p->unknown_len < 60 ? p->unknown_len : 60), p->unknown_name);
    return true;
}
