/* The part of cmocka's interface that the kernel tests use, for machines that are emulated and have
 * no cmocka. One file, no forks: a test that fails leaves by longjmp, the next one runs. */
#ifndef TESTS_KERNEL_CROSS_CMOCKA_H
#define TESTS_KERNEL_CROSS_CMOCKA_H

#include <stdio.h>
#include <stdlib.h>

typedef void (*CMUnitTestFunction)(void **state);
typedef int (*CMFixtureFunction)(void **state);

struct CMUnitTest {
    const char *name;
    CMUnitTestFunction test_func;
    CMFixtureFunction setup_func, teardown_func;
    void *initial_state;
};

enum { TEST_FAILED = 1, TEST_SKIPPED = 2 };
static jmp_buf test_end;

#define cmocka_unit_test(f)                                                                        \
    {                                                                                              \
#f, f, NULL, NULL, NULL                                                                    \
    }
#define print_message(...) printf(__VA_ARGS__)
#define skip() longjmp(test_end, TEST_SKIPPED)
#define fail_msg(...)                                                                              \
    do {                                                                                           \
        printf("%s:%d: ", __FILE__, __LINE__);                                                     \
        printf(__VA_ARGS__);                                                                       \
        printf("\n");                                                                              \
        longjmp(test_end, TEST_FAILED);                                                            \
    } while (0)
#define assert_true(c)                                                                             \
    do {                                                                                           \
        if (!(c)) fail_msg("%s", #c);                                                              \
    } while (0)
#define assert_false(c) assert_true(!(c))
#define assert_non_null(p) assert_true((p) != NULL)
#define assert_null(p) assert_true((p) == NULL)
#define assert_int_equal(a, b) assert_true((long long)(a) == (long long)(b))

static inline int _cmocka_run_group_tests(const char *group, const struct CMUnitTest *tests,
                                          size_t count, CMFixtureFunction setup,
                                          CMFixtureFunction teardown)
{
    (void)setup;
    (void)teardown;
    static size_t i, results[3]; /* static: they outlive the longjmp */
    for (i = 0; i < count; i++) {
        const int result = setjmp(test_end);
        if (result == 0) {
            void *state = tests[i].initial_state;
            tests[i].test_func(&state);
        }
        static const char *const words[] = {"ok", "FAILED", "skipped"};
        printf("%s: %s: %s\n", group, tests[i].name, words[result]);
        fflush(stdout);
        results[result]++;
    }
    printf("%s: %zu passed, %zu failed, %zu skipped\n", group, results[0], results[TEST_FAILED],
           results[TEST_SKIPPED]);
    return (int)results[TEST_FAILED];
}

#endif
