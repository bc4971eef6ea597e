/* Layer tables: what is accepted, what is refused and how the refusal reads, and that what is
 * written reads back the same. Model shapes against their published parameter counts. */
#include "cmocka_all.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "lutcore/sim.h"

#include <stdio.h>
#include <string.h>

static nap_status parse(const char *text, nap_layers *out, nap_error *e)
{
    return nap_layers_parse(text, strlen(text), "t.csv", out, e);
}

static void defaults_are_filled_in(void **state)
{
    (void)state;
    nap_layers l;
    nap_error e;
    assert_int_equal(parse("k,m,n\n3,1,2\n", &l, &e), NAP_OK);
    assert_int_equal(l.count, 1);
    const nap_layer *x = &l.v[0];
    assert_string_equal(x->name, "layer1");
    assert_int_equal(x->kind, NAP_LAYER_MPGEMM);
    assert_true(x->m == 1 && x->n == 2 && x->k == 3);
    assert_true(x->wbits == 2 && x->act_bits == 8 && x->batch == 1 && x->count == 1 && x->fuses);
    nap_layers_free(&l);
}

static void every_column_is_read(void **state)
{
    (void)state;
    nap_layers l;
    nap_error e;
    const char *text = "# a comment\n"
                       "name,kind,m,n,k,wbits,act_bits,batch,count,fuses,inputs\n"
                       "q,mpgemm,1,2,3,4,16,5,6,0,1\n"
                       "s,gemm,7,8,9,16,16,10,11,0,1\n"
                       "n,element,12,13,14,16,16,1,15,1,2\n";
    assert_int_equal(parse(text, &l, &e), NAP_OK);
    assert_int_equal(l.count, 3);
    assert_true(l.v[0].wbits == 4 && l.v[0].batch == 5 && l.v[0].count == 6 && !l.v[0].fuses);
    assert_true(l.v[1].kind == NAP_LAYER_GEMM && l.v[1].batch == 10);
    assert_true(l.v[2].kind == NAP_LAYER_ELEMENT && l.v[2].fuses && l.v[2].inputs == 2);
    nap_buf out = {0};
    assert_true(nap_layers_write(&l, &out));
    assert_string_equal(out.data, strchr(text, '\n') + 1);
    nap_buf_free(&out);
    nap_layers_free(&l);
}

/* Each names the file, the line or header, the field, what was found and what was expected. */
static void bad_tables_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says[4];
    } bad[] = {
        {"", {"t.csv"}},
        {"m,n,k\n", {"t.csv", "0 layers", "expected 1"}},
        {"m,n\n1,2\n", {"t.csv:1: header", "'k'"}},
        {"m,n,k,depth\n1,2,3,4\n", {"t.csv:1: header", "'depth'", "expected name"}},
        {"# a\n# b\nfoo\n", {"t.csv:3: header", "'foo'", "expected name"}},
        {"# a\nm,n,k,m\n1,2,3,4\n", {"t.csv:2: header", "'m'", "twice", "expected each once"}},
        {"1,1,2\n", {"t.csv:1: header", "'1'", "twice", "the names of its columns"}},
        {"m,n,k\n1,2\n", {"t.csv:2"}},
        {"m,n,k\n1,2,3\n0,2,3\n", {"t.csv:3", "m", "'0'", "[1, 16777216]"}},
        {"m,n,k\n1,16777217,3\n", {"t.csv:2", "n", "'16777217'", "[1, 16777216]"}},
        {"m,n,k\n1,-2,3\n", {"t.csv:2", "n", "'-2'"}},
        {"m,n,k\n1,2,3.5\n", {"t.csv:2", "k", "'3.5'"}},
        {"m,n,k\n1,2,99999999999999999999\n", {"t.csv:2", "k"}},
        {"m,n,k,wbits\n1,2,3,33\n", {"wbits", "'33'", "[1, 32]"}},
        {"m,n,k,fuses\n1,2,3,yes\n", {"fuses", "'yes'", "[0, 1]"}},
        {"m,n,k,kind\n1,2,3,conv\n", {"kind", "'conv'", "mpgemm, gemm or element"}},
        {"name,m,n,k\n,2,3,4\n", {"t.csv:2", "name", "''", "1 to 63"}},
        {"name,m,n,k\na b,2,3,4\n", {"name", "'a b'"}},
        {"m,n,k,batch\n16777216,16777216,16777216,1\n", {"2^62"}},
        {"m,n,k\n1,2,3\n\"4,5,6\n", {"t.csv:3"}},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        nap_layers l;
        nap_error e = {0};
        const nap_status s = parse(bad[i].text, &l, &e);
        if (s != NAP_ERR_FORMAT) fail_msg("case %zu: %s", i, nap_status_name(s));
        assert_null(l.v);
        for (unsigned w = 0; w < 4 && bad[i].says[w] != NULL; w++)
            if (strstr(e.text, bad[i].says[w]) == NULL)
                fail_msg("case %zu: '%s' is not in: %s", i, bad[i].says[w], e.text);
    }
    nap_layers l;
    nap_error e = {0};
    assert_int_equal(nap_layers_load("/no/such/layers.csv", &l, &e), NAP_ERR_NOT_FOUND);
    assert_non_null(strstr(e.text, "/no/such/layers.csv"));
}

static double weights(const nap_layers *l)
{
    double sum = 0;
    for (size_t i = 0; i < l->count; i++)
        if (l->v[i].kind == NAP_LAYER_MPGEMM)
            sum += (double)l->v[i].n * (double)l->v[i].k * (double)l->v[i].count;
    return sum;
}

/* Weights of the matrix products, output layer included, next to the names' parameter counts;
 * embeddings, where they are not shared, and biases are what is missing. */
static void shapes_have_their_parameters(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double billions;
    } known[] = {{"opt-175b", 175},
                 {"bloom-176b", 176},
                 {"llama2-70b", 69},
                 {"LLAMA2-13B", 13},
                 {"BitNet-3B", 3.3}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const nap_shape *s = nap_shape_find(known[i].name);
        nap_layers l;
        nap_error e;
        assert_non_null(s);
        assert_int_equal(nap_shape_layers(s, 1, 128, false, 2, 8, &l, &e), NAP_OK);
        const double b = weights(&l) * 1e-9;
        if (b < known[i].billions * 0.97 || b > known[i].billions * 1.03)
            fail_msg("%s: %.2f billion weights", known[i].name, b);
        nap_buf text = {0};
        nap_layers again;
        assert_true(nap_layers_write(&l, &text));
        assert_int_equal(parse(text.data, &again, &e), NAP_OK);
        assert_int_equal(again.count, l.count);
        for (size_t j = 0; j < l.count; j++) {
            const nap_layer *x = &l.v[j], *y = &again.v[j];
            assert_string_equal(x->name, y->name);
            assert_true(x->kind == y->kind && x->m == y->m && x->n == y->n && x->k == y->k);
            assert_true(x->wbits == y->wbits && x->act_bits == y->act_bits);
            assert_true(x->batch == y->batch && x->count == y->count && x->fuses == y->fuses);
            assert_int_equal(x->inputs, y->inputs);
        }
        nap_buf_free(&text);
        nap_layers_free(&again);
        nap_layers_free(&l);
    }
    assert_null(nap_shape_find("no-such-model"));
    assert_null(nap_shape_at(nap_shape_count()));
}

static void shapes_have_limits(void **state)
{
    (void)state;
    const nap_shape *s = nap_shape_find("opt-175b");
    nap_layers l;
    nap_error e = {0};
    assert_int_equal(nap_shape_layers(s, 0, 1, false, 2, 8, &l, &e), NAP_ERR_ARGUMENT);
    assert_int_equal(nap_shape_layers(s, 1 << 20, 1 << 20, false, 2, 8, &l, &e), NAP_ERR_ARGUMENT);
    assert_int_equal(nap_shape_layers(s, 1, 1 << 23, false, 2, 8, &l, &e), NAP_ERR_ARGUMENT);
    assert_non_null(strstr(e.text, "opt-175b"));
    assert_null(l.v);
}

static void no_memory_is_no_crash(void **state)
{
    (void)state;
    for (long n = 0;; n++) {
        nap_layers l;
        nap_error e = {0};
        nap_alloc_fail_at(n, false);
        const nap_status s = parse("name,m,n,k\na,1,2,3\nb,4,5,6\n", &l, &e);
        nap_alloc_fail_at(-1, false);
        if (s == NAP_OK) {
            nap_layers_free(&l);
            assert_true(n > 2);
            return;
        }
        assert_int_equal(s, NAP_ERR_MEMORY);
        assert_null(l.v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_filled_in), cmocka_unit_test(every_column_is_read),
        cmocka_unit_test(bad_tables_are_refused), cmocka_unit_test(shapes_have_their_parameters),
        cmocka_unit_test(shapes_have_limits),     cmocka_unit_test(no_memory_is_no_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
