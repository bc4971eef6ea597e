/* Templates against recorded jinja2 output, the limits, hostile templates, failing allocations. */
#include "base/alloc.h"
#include "napier/template.h"
#include "napier/tokenizer.h"

#include <jansson.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const nap_template_limits g_limits = {.now = 1721995200}; /* 2024-07-26 12:00 UTC */

static char *read_file(const char *name, size_t *len)
{
    char path[1024];
    const char *root = getenv("NAPIER_SOURCE_DIR");
    (void)snprintf(path, sizeof path, "%s/tests/template/%s", root ? root : ".", name);
    FILE *f = fopen(name[0] == '/' ? name : path, "rb");
    if (!f) return NULL;
    (void)fseek(f, 0, SEEK_END);
    const long n = ftell(f);
    (void)fseek(f, 0, SEEK_SET);
    char *p = malloc((size_t)n + 1);
    assert_non_null(p);
    assert_int_equal(fread(p, 1, (size_t)n, f), n);
    (void)fclose(f);
    p[n] = '\0';
    if (len) *len = (size_t)n;
    return p;
}

static char *must_read(const char *name)
{
    char *p = read_file(name, NULL);
    if (!p) fail_msg("cannot read %s", name);
    return p;
}

static nap_status render(const char *text, size_t len, const char *json,
                         const nap_template_limits *limits, char **out, nap_error *e)
{
    nap_template *t = NULL;
    size_t n = 0;
    *out = NULL;
    nap_status s = nap_template_parse(&t, text, len, e);
    if (s == NAP_OK) s = nap_template_render(t, json, strlen(json), limits, out, &n, e);
    if (s == NAP_OK) assert_int_equal(strlen(*out) <= n, 1);
    nap_template_free(t);
    return s;
}

/* One recorded result: "... kind length\n", then the text. */
typedef struct record {
    char head[3][128];
    const char *text;
    size_t n;
} record;

static bool next_record(char **at, int fields, record *rec)
{
    int used = 0;
    if (!**at) return false;
    const int got = fields == 3 ? sscanf(*at, "%127s %127s %127s %zu%n", rec->head[0], rec->head[1],
                                         rec->head[2], &rec->n, &used)
                                : sscanf(*at, "%127s %zu%n", rec->head[2], &rec->n, &used);
    assert_int_equal(got, fields == 3 ? 4 : 2);
    rec->text = *at + used + 1;
    *at += (size_t)used + 1 + rec->n + 1;
    return true;
}

static bool as_recorded(const record *rec, nap_status s, const char *out, const nap_error *e)
{
    if (strcmp(rec->head[2], "failed") == 0) return s != NAP_OK && s != NAP_ERR_TEMPLATE;
    if (strcmp(rec->head[2], "refused") == 0) {
        const size_t n = rec->n < sizeof e->text - 1 ? rec->n : sizeof e->text - 1;
        return s == NAP_ERR_TEMPLATE && strlen(e->text) == n && memcmp(e->text, rec->text, n) == 0;
    }
    return s == NAP_OK && strlen(out) == rec->n && memcmp(out, rec->text, rec->n) == 0;
}

static void test_own_templates(void **state)
{
    char *golden = must_read("golden/expected.txt"), *at = golden;
    char *all = must_read("conversations.json");
    json_t *conversations = json_loads(all, 0, NULL);
    record rec;
    int count = 0;
    (void)state;
    assert_non_null(conversations);
    while (next_record(&at, 3, &rec)) {
        char name[200], *out;
        nap_error e = {.text = ""};
        (void)snprintf(name, sizeof name, "%s.jinja", rec.head[0]);
        char *text = must_read(name);
        char *json = json_dumps(json_object_get(conversations, rec.head[1]), 0);
        const nap_status s = render(text, strlen(text), json, &g_limits, &out, &e);
        if (!as_recorded(&rec, s, out, &e))
            fail_msg("%s, %s: %s\n%s\nexpected (%s):\n%.*s", name, rec.head[1], nap_status_name(s),
                     s == NAP_OK ? out : e.text, rec.head[2], (int)rec.n, rec.text);
        nap_text_free(out);
        free(json);
        free(text);
        count++;
    }
    assert_true(count >= 25 * 6);
    json_decref(conversations);
    free(all);
    free(golden);
}

static void test_expressions(void **state)
{
    char *golden = must_read("golden/expressions.txt"), *at = golden, *save = NULL;
    char *list = must_read("expressions.txt"), *json = must_read("variables.json");
    int count = 0;
    (void)state;
    for (char *line = strtok_r(list, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char text[512], *out;
        nap_error e = {.text = ""};
        record rec;
        if (line[0] == '#') continue;
        assert_true(next_record(&at, 1, &rec));
        const bool whole = strncmp(line, "{{", 2) == 0 || strncmp(line, "{%", 2) == 0;
        (void)snprintf(text, sizeof text, whole ? "%s" : "{{ %s }}", line);
        const nap_status s = render(text, strlen(text), json, &g_limits, &out, &e);
        if (!as_recorded(&rec, s, out, &e))
            fail_msg("%s: %s %s, expected (%s) %.*s", line, nap_status_name(s),
                     s == NAP_OK ? out : e.text, rec.head[2], (int)rec.n, rec.text);
        nap_text_free(out);
        count++;
    }
    assert_true(count > 300);
    free(json);
    free(list);
    free(golden);
}

static void expect(const char *text, const nap_template_limits *limits, nap_status want)
{
    char *out;
    nap_error e = {.text = ""};
    const nap_status s = render(text, strlen(text), "{\"x\": \"abcdefgh\"}", limits, &out, &e);
    if (s != want)
        fail_msg("%.80s: %s (%s), expected %s", text, nap_status_name(s), s ? e.text : out,
                 nap_status_name(want));
    if (s != NAP_OK) assert_true(e.code == s && e.text[0]);
    nap_text_free(out);
}

/* Hostile templates end in NAP_ERR_LIMIT, not in a crash or a wait. */
static void test_limits(void **state)
{
    static const char *const hostile[] = {
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(64) %}{% set ns.s = ns.s ~ ns.s %}"
        "{% endfor %}",
        "{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(64) %}{% set ns.s = ns.s + ns.s %}"
        "{% endfor %}",
        "{{ range(10**12) }}",
        "{{ 'x' * 10**15 }}",
        "{{ [0] * 10**15 }}",
        "{{ 'x'.center(10**15) }}",
        "{{ '%1000000000000d' % 1 }}",
        "{{ '{:>1000000000000}'.format(1) }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% set ns = namespace(t=()) %}{% for i in range(5000) %}{% set ns.t = (ns.t,) %}{% endfor "
        "%}"
        "{{ ns.t }}",
        "{% set ns = namespace(t=()) %}{% for i in range(5000) %}{% set ns.t = (ns.t,) %}{% endfor "
        "%}"
        "{{ {ns.t: 1} }}",
        "{% set ns = namespace(t=[]) %}{% for i in range(5000) %}{% set ns.t = [ns.t] %}{% endfor "
        "%}"
        "{{ ns.t|tojson }}",
        "{% set ns = namespace(g=[1]) %}{% for i in range(5000) %}{% set ns.g = ns.g|map('int') %}"
        "{% endfor %}{{ ns.g|list }}",
        "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{{ 9223372036854775807 + 1 }}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(64) %}{% set ns.l = ns.l + ns.l %}"
        "{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}0123456789abcdef{% endfor %}"
        "{% endfor %}",
        "{{ 'a'.replace('', 'b' * 100000) * 100000 }}",
        "{{ {'a': 1}|tojson(indent=10**12) }}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++)
        expect(hostile[i], NULL, NAP_ERR_LIMIT);
    const nap_template_limits fuel = {.fuel = 1000}, output = {.max_output = 100};
    expect("{% for i in range(100) %}{{ i }}{% endfor %}", NULL, NAP_OK);
    expect("{% for i in range(999) %}{{ i }}{% endfor %}", &fuel, NAP_ERR_LIMIT);
    expect("{% for i in range(20) %}{{ x }}{% endfor %}", &output, NAP_ERR_LIMIT);
    expect("{{ x * 12 }}", &output, NAP_OK);
    expect("{{ x * 13 }}", &output, NAP_ERR_LIMIT);
}

static void test_nesting(void **state)
{
    static const struct {
        const char *open, *close, *core;
    } kinds[] = {{"(", ")", "1"},        {"[", "]", "1"},           {"{1:", "}", "1"},
                 {"-", "", "1"},         {"not ", "", "1"},         {"x[", "]", "1"},
                 {"range(", ")", "1"},   {"1 if 1 else ", "", "1"}, {"'a'.join(", ")", "[]"},
                 {"1 is in(", ")", "[]"}};
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        for (size_t depth = 10; depth <= 100000; depth *= 100) {
            const size_t room = depth * 32 + 64;
            char *text = malloc(room), *p = text, *out;
            nap_error e = {.text = ""};
            p = stpcpy(p, "{{ ");
            for (size_t i = 0; i < depth; i++) p = stpcpy(p, kinds[k].open);
            p = stpcpy(p, kinds[k].core);
            for (size_t i = 0; i < depth; i++) p = stpcpy(p, kinds[k].close);
            (void)stpcpy(p, " }}");
            const nap_status s = render(text, strlen(text), "{}", NULL, &out, &e);
            if (depth > 200 && s != NAP_ERR_LIMIT)
                fail_msg("%s nested %zu deep: %s", kinds[k].open, depth, nap_status_name(s));
            nap_text_free(out);
            free(text);
        }
    }
    char *text = malloc(400000), *p = text;
    for (int i = 0; i < 20000; i++) p = stpcpy(p, "{% if 1 %}");
    expect(text, NULL, NAP_ERR_LIMIT);
    free(text);
}

/* Building a text piece by piece must not copy it each time. */
static void test_accumulation_is_linear(void **state)
{
    const nap_template_limits small = {.max_output = 2 << 20};
    (void)state;
    expect("{% set ns = namespace(s='') %}{% for i in range(90000) %}{% set ns.s = ns.s ~ x %}"
           "{% endfor %}{{ ns.s|length }}",
           &small, NAP_OK);
}

static void test_errors_have_places(void **state)
{
    static const struct {
        const char *text;
        uint64_t offset;
    } cases[] = {{"abc {{ 1 + }}", 11},   {"{% if x %}", 10},      {"{{ 'abc }}", 3},
                 {"{% nonsense %}", 3},   {"\n\n{{ x|nope }}", 7}, {"{{ (1] }}", 5},
                 {"ab\xff", 2},           {"{{ x.y.z }}", 6},      {"{% break %}", 3},
                 {"{% include 'f' %}", 3}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *out;
        nap_error e = {.text = ""};
        assert_int_equal(
            render(cases[i].text, strlen(cases[i].text), "{\"x\": {}}", NULL, &out, &e),
            NAP_ERR_FORMAT);
        if (e.offset != cases[i].offset)
            fail_msg("%s: offset %llu, expected %llu (%s)", cases[i].text,
                     (unsigned long long)e.offset, (unsigned long long)cases[i].offset, e.text);
    }
}

static void test_bad_json(void **state)
{
    static const char *const bad[] = {
        "", "[]", "{", "{\"a\": 1,}", "nul", "{\"a\": 99999999999999999999}"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *out;
        nap_error e = {.text = ""};
        assert_int_equal(render("x", 1, bad[i], NULL, &out, &e), NAP_ERR_FORMAT);
    }
}

/* Every allocation fails once: an error each time, and nothing leaks (ASan). */
static void test_allocation_failures(void **state)
{
    char *text = must_read("macros.jinja"), *all = must_read("conversations.json"), *out;
    json_t *conversations = json_loads(all, 0, NULL);
    char *json = json_dumps(json_object_get(conversations, "tool_calls"), 0);
    nap_status s = NAP_ERR_MEMORY;
    long n = 0;
    (void)state;
    for (; s != NAP_OK && n < 100000; n++) {
        nap_error e = {.text = ""};
        (void)nap_alloc_fail_at(n, false);
        s = render(text, strlen(text), json, &g_limits, &out, &e);
        (void)nap_alloc_fail_at(-1, false);
        if (s != NAP_OK && s != NAP_ERR_MEMORY) fail_msg("allocation %ld: %s", n, e.text);
        nap_text_free(out);
    }
    assert_int_equal(s, NAP_OK);
    assert_true(n > 3);
    free(json);
    json_decref(conversations);
    free(all);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_templates),
        cmocka_unit_test(test_expressions),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_nesting),
        cmocka_unit_test(test_accumulation_is_linear),
        cmocka_unit_test(test_errors_have_places),
        cmocka_unit_test(test_bad_json),
        cmocka_unit_test(test_allocation_failures),
    };
    (void)setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
