/* Every allocation of a load and eight tokens fails once, alone and with all after it: the call
 * fails with NAP_ERR_MEMORY (or, where memory was only wished for, succeeds), and nothing leaks or
 * crashes. Run it under AddressSanitizer to see leaks. */
#include "cmocka_all.h"
#include "tiny.h"

#include "base/alloc.h"

#include <string.h>

/* Load, eight tokens, a fork, another step. */
static nap_status use(const char *path, nap_path kind, nap_error *e)
{
    static const nap_token tokens[8] = {1, 5, 9, 13, 17, 21, 25, 29};
    nap_model *m = NULL;
    nap_engine *g = NULL;
    nap_session *a = NULL, *b = NULL;
    const nap_engine_options o = {.threads = 1, .path = kind, .batch = 4, .context = 64};
    nap_status s = nap_model_open(&m, path, e);
    if (s == NAP_OK) s = nap_engine_create(&g, m, &o, e);
    if (s == NAP_OK) s = nap_session_create(&a, g, e);
    if (s == NAP_OK) s = nap_session_sync(a, tokens, 7, NULL, NULL, e);
    if (s == NAP_OK) s = nap_session_fork(&b, a, e);
    if (s == NAP_OK) s = nap_session_append(b, tokens[7], e);
    if (s == NAP_OK) {
        const nap_step_item items[2] = {{a, tokens, 2, true}, {b, tokens, 2, true}};
        s = nap_engine_step(g, items, 2, NULL, NULL, e);
    }
    nap_session_destroy(a);
    nap_session_destroy(b);
    nap_engine_destroy(g);
    nap_model_close(m);
    return s;
}

static void fail_each(const char *name, nap_path kind)
{
    nap_error e;
    char path[4096];
    strcpy(path, tiny_path(name));
    tiny_require(use(path, kind, &e), &e);
    nap_alloc_fail_at(-1, false);
    tiny_require(use(path, kind, &e), &e);
    const long count = nap_alloc_fail_at(-1, false);
    assert_true(count > 20);
    for (int forever = 0; forever < 2; forever++) {
        long failures = 0;
        for (long n = 0; n < count; n++) {
            memset(&e, 0, sizeof e);
            nap_alloc_fail_at(n, forever);
            const nap_status s = use(path, kind, &e);
            nap_alloc_fail_at(-1, false);
            if (s == NAP_OK) continue;
            failures++;
            if (s != NAP_ERR_MEMORY || e.code != s || !e.text[0]) {
                fail_msg("%s, allocation %ld: %s \"%s\"", name, n, nap_status_name(s), e.text);
            }
        }
        assert_true(failures * 10 > count * 9);
    }
}

static void test_fast_path(void **state)
{
    (void)state;
    fail_each("llama3-rope", NAP_PATH_FAST);
    fail_each("gemma3", NAP_PATH_FAST);
}

static void test_float_path(void **state)
{
    (void)state;
    fail_each("qwen2", NAP_PATH_FLOAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fast_path),
        cmocka_unit_test(test_float_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
