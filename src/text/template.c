/* The public face of the template interpreter: text in, tree kept, one run per rendering. */
#include "napier/template.h"

#include "base/alloc.h"
#include "text/jinja_eval.h"
#include "text/jinja_parse.h"
#include "text/jinja_unicode.h"

#include <string.h>
#include <time.h>

struct nap_template {
    nap_j_arena arena;
    const char *text; /* in the arena, newlines normalized, NUL-terminated */
    const nap_j_node *body;
};

enum { DEFAULT_DEPTH = 200, MAX_DEPTH = 1000 };
static const uint64_t DEFAULT_FUEL = 50000000, DEFAULT_OUTPUT = (uint64_t)64 << 20;

/* Every kind of line end becomes \n, and the last one is dropped. */
static size_t normalize(const char *text, size_t len, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\r' && i + 1 < len && text[i + 1] == '\n') continue;
        out[n++] = text[i] == '\r' ? '\n' : text[i];
    }
    if (n > 0 && out[n - 1] == '\n') n--;
    out[n] = '\0';
    return n;
}

/* The recorded error of a step that failed. */
static nap_status failure(const nap_j_run *r)
{
    if (r->status != NAP_OK) return r->status;
    return nap_fail(r->e, NAP_ERR_INTERNAL, r->where, "a template failed without a reason");
}

static nap_status parse(nap_template *t, const char *text, size_t len, nap_error *e)
{
    size_t bad;
    int limit;
    nap_j_run r = {
        .max_output = UINT64_MAX / 2, .fuel = UINT64_MAX, .max_depth = MAX_DEPTH, .e = e};
    if (!nap_j_utf8_valid(text, len, &bad))
        return nap_fail(e, NAP_ERR_FORMAT, bad, "template: not valid UTF-8");
    t->arena.cap = UINT64_MAX / 2;
    char *copy = nap_j_arena_alloc(&t->arena, len + 1, &limit);
    if (!copy) return nap_fail_memory(e, len, "a template's text");
    t->text = copy;
    nap_j_lexer lx = {.p = copy, .n = normalize(text, len, copy), .arena = &t->arena, .e = e};
    NAP_TRY(nap_j_lex(&lx));
    /* The parser allocates through a run: lend it the arena, and take it back whatever happens. */
    r.arena = t->arena;
    r.text = copy;
    nap_j_parser p = {.r = &r, .tok = lx.tok};
    nap_j_node *body = NULL;
    const bool ok = nap_j_parse_statements(&p, &body);
    t->arena = r.arena;
    t->body = body;
    return ok ? NAP_OK : failure(&r);
}

nap_status nap_template_parse(nap_template **out, const char *text, size_t len, nap_error *e)
{
    *out = NULL;
    nap_template *t = nap_calloc(1, sizeof *t);
    if (!t) return nap_fail_memory(e, sizeof *t, "a template");
    const nap_status status = parse(t, text, len, e);
    if (status != NAP_OK) {
        nap_template_free(t);
        return status;
    }
    *out = t;
    return NAP_OK;
}

void nap_template_free(nap_template *t)
{
    if (!t) return;
    nap_j_arena_free(&t->arena);
    nap_free(t);
}

static bool add_globals(nap_j_run *r)
{
    for (const nap_j_row *row = nap_j_global_rows; row->name; row++) {
        nap_j_val name, fn;
        if (nap_j_dict_find(r->globals, row->name, strlen(row->name))) continue;
        if (!nap_j_cstring(r, row->name, &name) || !nap_j_bound(r, row, nap_j_none(), &fn) ||
            !nap_j_dict_set(r, r->globals, name, fn))
            return false;
    }
    return true;
}

static void set_limits(nap_j_run *r, const nap_template_limits *limits, size_t json_len)
{
    static const nap_template_limits defaults;
    if (!limits) limits = &defaults;
    r->fuel = limits->fuel ? limits->fuel : DEFAULT_FUEL;
    r->max_depth = limits->depth ? limits->depth : DEFAULT_DEPTH;
    if (r->max_depth > MAX_DEPTH) r->max_depth = MAX_DEPTH;
    r->max_output = limits->max_output ? limits->max_output : DEFAULT_OUTPUT;
    r->now = limits->now ? limits->now : (int64_t)time(NULL);
    /* Values that were dropped are not reused, so allow for some; and the caller's own data does
     * not count against the template. */
    const uint64_t ceiling = (uint64_t)1 << 40;
    const uint64_t output = r->max_output < ceiling ? r->max_output : ceiling;
    r->arena.cap = ((uint64_t)16 << 20) + 4 * output + 32 * (uint64_t)json_len;
}

nap_status nap_template_render(const nap_template *t, const char *json, size_t json_len,
                               const nap_template_limits *limits, char **out, size_t *len,
                               nap_error *e)
{
    nap_j_run r = {.text = t->text, .e = e, .status = NAP_OK};
    set_limits(&r, limits, json_len);
    const uint64_t max_output = r.max_output;
    r.max_output = UINT64_MAX / 2; /* the caller's data may be larger than what is made of it */
    bool ok = nap_j_read_json(&r, json, json_len, &r.globals) && add_globals(&r);
    r.max_output = max_output;
    nap_j_scope *root = ok ? nap_j_scope_new(&r, NULL) : NULL;
    ok = root && nap_j_exec(&r, root, t->body) == NAP_J_GO_ON;
    if (ok && !(*out = nap_buf_put(&r.out, "", 0) ? nap_buf_take(&r.out, len) : NULL)) {
        r.status = nap_fail_memory(e, 1, "a template's output");
        ok = false;
    }
    nap_buf_free(&r.out);
    nap_j_arena_free(&r.arena);
    return ok ? NAP_OK : failure(&r);
}
