/* CSV tables and child processes: what is read, what is refused and how. */
#include "cmocka_all.h"

#include "base/alloc.h"
#include "base/csv.h"
#include "base/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void a_table_is_read(void **state)
{
    (void)state;
    const char text[] = "# where it comes from\nname,area,n\r\n\"a, \"\"b\"\"\",1.5,3\n\n"
                        "\"two\nlines\",-2e3,4";
    nap_csv c;
    nap_error e;
    assert_int_equal(nap_csv_parse(text, sizeof text - 1, "t.csv", &c, &e), NAP_OK);
    assert_int_equal(c.rows, 2);
    assert_int_equal(c.columns, 3);
    assert_string_equal(nap_csv_cell(&c, 0, 0), "a, \"b\"");
    assert_string_equal(nap_csv_cell(&c, 1, 0), "two\nlines");
    assert_int_equal(c.line[1], 5);
    size_t area, n;
    double v;
    uint64_t u;
    assert_int_equal(nap_csv_column(&c, "area", &area, &e), NAP_OK);
    assert_int_equal(nap_csv_column(&c, "n", &n, &e), NAP_OK);
    assert_int_equal(nap_csv_real(&c, 1, area, &v, &e), NAP_OK);
    assert_true(v == -2000.0);
    assert_int_equal(nap_csv_uint(&c, 1, n, 0, 4, &u, &e), NAP_OK);
    assert_int_equal(u, 4);
    assert_int_equal(nap_csv_uint(&c, 1, n, 0, 3, &u, &e), NAP_ERR_FORMAT);
    assert_string_equal(e.text, "t.csv:5: n: found '4', expected a whole number in [0, 3]");
    assert_int_equal(nap_csv_column(&c, "power", &n, &e), NAP_ERR_FORMAT);
    assert_string_equal(e.text, "t.csv:2: header: no column 'power'; there are: name, area, n");

    /* What is written reads back. */
    nap_buf b = {0};
    nap_buf_puts(&b, "x\n");
    nap_csv_put(&b, nap_csv_cell(&c, 0, 0));
    nap_csv d;
    assert_int_equal(nap_csv_parse(b.data, b.len, "again", &d, &e), NAP_OK);
    assert_string_equal(nap_csv_cell(&d, 0, 0), nap_csv_cell(&c, 0, 0));
    nap_buf_free(&b);
    nap_csv_free(&d);
    nap_csv_free(&c);
}

static void bad_tables_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"", "t:1: found no header line, expected the names of the columns"},
        {"# only this", "t:2: found no header line, expected the names of the columns"},
        {"a,b\n1\n", "t:2: found 1 fields, expected 2"},
        {"a,b\n1,2\n1,2,3\n", "t:3: found 3 fields, expected 2"},
        {"a,a\n",
         "t:1: header: found column 'a' twice, expected each once: a table starts with the names "
         "of its columns"},
        {"a\n\"x\n\n", "t:2: found the end of the file in a quoted field, expected '\"'"},
        {"a\n\"x\"y\n", "t:2: found 'y' after a quoted field, expected ',' or the line's end"},
        {"a\nx\"y\n", "t:2: found '\"' inside a field that does not start with it"},
        {"a\nx\ry\n", "t:2: found a carriage return alone, expected a line feed after it"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        nap_csv c;
        nap_error e;
        assert_int_equal(nap_csv_parse(bad[i].text, strlen(bad[i].text), "t", &c, &e),
                         NAP_ERR_FORMAT);
        assert_string_equal(e.text, bad[i].message);
    }
}

static void a_process_answers(void **state)
{
    (void)state;
    nap_buf out = {0};
    nap_error e;
    int code = -1;
    const char *const say[] = {"sh", "-c", "echo out; echo err >&2; pwd; exit 3", NULL};
    assert_int_equal(nap_process_run(say, "/", &out, &code, NULL, &e), NAP_OK);
    assert_int_equal(code, 3);
    assert_string_equal(out.data, "out\nerr\n/\n");
    nap_buf_free(&out);
    const char *const killed[] = {"sh", "-c", "kill -9 $$", NULL};
    assert_int_equal(nap_process_run(killed, NULL, NULL, &code, NULL, &e), NAP_OK);
    assert_int_equal(code, 128 + 9);
    const char *const missing[] = {"napier-has-no-such-program", NULL};
    assert_int_equal(nap_process_run(missing, NULL, NULL, &code, "Debian: apt install it", &e),
                     NAP_ERR_NOT_FOUND);
    assert_string_equal(e.text, "the program 'napier-has-no-such-program' was not found; "
                                "Debian: apt install it");
    assert_true(nap_process_exists("sh"));
    assert_false(nap_process_exists(missing[0]));
}

static void whole_files_and_folders(void **state)
{
    (void)state;
    char root[] = "/tmp/napier-test-XXXXXX";
    assert_non_null(mkdtemp(root));
    nap_error e;
    char path[128], *text, *cache;
    size_t len;
    setenv("NAPIER_CACHE", root, 1);
    assert_int_equal(nap_cache_folder("a/b", &cache, &e), NAP_OK);
    snprintf(path, sizeof path, "%s/file", cache);
    assert_int_equal(nap_write_whole(path, "12345", 5, &e), NAP_OK);
    assert_int_equal(nap_read_whole(path, 5, &text, &len, &e), NAP_OK);
    assert_string_equal(text, "12345");
    assert_int_equal(len, 5);
    nap_free(text);
    assert_int_equal(nap_read_whole(path, 4, &text, &len, &e), NAP_ERR_LIMIT);
    assert_int_equal(nap_make_folder(path, &e), NAP_ERR_IO);
    snprintf(path, sizeof path, "%s/none", cache);
    assert_int_equal(nap_read_whole(path, 4, &text, &len, &e), NAP_ERR_NOT_FOUND);
    /* A device stays one, and its refusal is reported. */
    struct stat st;
    if (stat("/dev/full", &st) == 0 && S_ISCHR(st.st_mode)) {
        assert_int_equal(nap_write_whole("/dev/full", "12345", 5, &e), NAP_ERR_IO);
        assert_string_equal(e.text, "/dev/full: cannot write: No space left on device");
        assert_true(stat("/dev/full", &st) == 0 && S_ISCHR(st.st_mode));
    }
    nap_free(cache);
    unsetenv("NAPIER_CACHE");
    const char *const rm[] = {"rm", "-r", root, NULL};
    int code;
    assert_int_equal(nap_process_run(rm, NULL, NULL, &code, NULL, &e), NAP_OK);
    assert_int_equal(code, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_read),
        cmocka_unit_test(bad_tables_are_refused),
        cmocka_unit_test(a_process_answers),
        cmocka_unit_test(whole_files_and_folders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
