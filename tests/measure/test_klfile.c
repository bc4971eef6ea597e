/* The file of reference log-probabilities: written by hand here, read by the library, and back;
 * every way a file can lie is refused by name; the scoring against a plain implementation. */
#include "cmocka_all.h"

#include "base/rng.h"
#include "measure/score.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONTEXT = 9, VOCAB = 7, CHUNKS = 2, SCORED = 4, ROW = 8 + 2 * 8 };
enum { ROWS_AT = 20 + 4 * CONTEXT * CHUNKS, SIZE = ROWS_AT + CHUNKS * SCORED * ROW };

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (8 * i));
}

static void put_float(uint8_t *p, float f)
{
    uint32_t v;
    memcpy(&v, &f, 4);
    put32(p, v);
}

/* The file byte by byte, from the description of the format. */
static void sample(uint8_t file[SIZE])
{
    memset(file, 0, SIZE);
    memcpy(file, "_logits_", 8);
    put32(file + 8, CONTEXT);
    put32(file + 12, VOCAB);
    put32(file + 16, CHUNKS);
    for (uint32_t i = 0; i < CONTEXT * CHUNKS; i++) put32(file + 20 + 4 * i, i % VOCAB);
    for (uint32_t r = 0; r < CHUNKS * SCORED; r++) {
        uint8_t *row = file + ROWS_AT + r * ROW;
        put_float(row, 0.0001f * (float)(r + 1));
        put_float(row + 4, -7.0f - (float)r);
        for (uint32_t i = 0; i < VOCAB; i++) {
            const uint32_t code = r * 1000 + i * 9000;
            row[8 + 2 * i] = (uint8_t)code;
            row[9 + 2 * i] = (uint8_t)(code >> 8);
        }
    }
}

static nap_status open_bytes(nap_kl_reader **r, const uint8_t *bytes, size_t n, nap_error *e)
{
    nap_source *s;
    assert_int_equal(nap_source_memory(&s, "sample", bytes, n, e), NAP_OK);
    return nap_kl_open(r, s, e);
}

static void test_read(void **state)
{
    (void)state;
    uint8_t file[SIZE];
    sample(file);
    nap_kl_reader *r;
    nap_error e;
    assert_int_equal(open_bytes(&r, file, SIZE, &e), NAP_OK);
    assert_int_equal(nap_kl_context(r), CONTEXT);
    assert_int_equal(nap_kl_vocab(r), VOCAB);
    assert_int_equal(nap_kl_chunks(r), CHUNKS);
    for (int i = 0; i < CONTEXT * CHUNKS; i++) assert_int_equal(nap_kl_tokens(r)[i], i % VOCAB);
    uint16_t codes[VOCAB];
    nap_kl_row row;
    assert_int_equal(nap_kl_read(r, 1, 2, codes, &row, &e), NAP_OK);
    assert_true(row.step == 0.0001f * 7 && row.least == -13);
    for (int i = 0; i < VOCAB; i++) assert_int_equal(codes[i], 6000 + i * 9000);
    assert_int_equal(nap_kl_read(r, 2, 0, codes, &row, &e), NAP_ERR_ARGUMENT);
    assert_int_equal(nap_kl_read(r, 0, SCORED, codes, &row, &e), NAP_ERR_ARGUMENT);
    nap_kl_close(r);
    nap_kl_close(NULL);
}

static void test_every_prefix(void **state)
{
    (void)state;
    uint8_t file[SIZE + 1];
    sample(file);
    nap_kl_reader *r;
    nap_error e;
    for (size_t n = 0; n <= SIZE + 1; n++) {
        uint8_t *copy = malloc(n + 1); /* of its own, so that reading past it is seen */
        assert_non_null(copy);
        memcpy(copy, file, n < SIZE ? n : SIZE);
        if (n > SIZE) copy[SIZE] = 0;
        const nap_status s = open_bytes(&r, copy, n, &e);
        if (n == SIZE)
            assert_int_equal(s, NAP_OK);
        else
            assert_int_equal(s, NAP_ERR_FORMAT);
        nap_kl_close(r);
        free(copy);
    }
}

static void test_lies(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint32_t value;
        const char *named;
        uint64_t offset;
    } lies[] = {{0, 0, "_logits_", 0},
                {8, 0, "context", 8},
                {8, 3, "context", 8},
                {8, UINT32_MAX, "context", 8},
                {8, 10, "bytes", SIZE},
                {12, 0, "vocabulary", 12},
                {12, 0x80000000, "vocabulary", 12},
                {12, 0x7fffffff, "bytes", SIZE},
                {12, 9, "bytes", SIZE},
                {16, 0, "chunks", 16},
                {16, 0xffffffff, "chunks", 16},
                {16, 0x7fffffff, "bytes", SIZE},
                {20, VOCAB, "token", 20},
                {40, UINT32_MAX, "token", 40}};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        uint8_t file[SIZE];
        sample(file);
        put32(file + lies[i].at, lies[i].value);
        nap_kl_reader *r;
        nap_error e = {0};
        assert_int_equal(open_bytes(&r, file, SIZE, &e), NAP_ERR_FORMAT);
        assert_null(r);
        assert_non_null(strstr(e.text, lies[i].named));
        assert_int_equal(e.offset, lies[i].offset);
    }
    static const float bad_steps[] = {NAN, INFINITY, -1, 1e30f};
    for (int field = 0; field < 2; field++) {
        for (int i = 0; i < 4; i++) {
            if (field == 1 && i == 2) continue; /* a negative logarithm is as it should be */
            uint8_t file[SIZE];
            sample(file);
            put_float(file + ROWS_AT + ROW + 4 * field, bad_steps[i]);
            nap_kl_reader *r;
            nap_error e = {0};
            uint16_t codes[VOCAB];
            nap_kl_row row;
            assert_int_equal(open_bytes(&r, file, SIZE, &e), NAP_OK);
            assert_int_equal(nap_kl_read(r, 0, 0, codes, &row, &e), NAP_OK);
            assert_int_equal(nap_kl_read(r, 0, 1, codes, &row, &e), NAP_ERR_FORMAT);
            assert_int_equal(e.offset, ROWS_AT + ROW + 4 * field);
            nap_kl_close(r);
        }
    }
}

static void test_write(void **state)
{
    (void)state;
    uint8_t file[SIZE], back[SIZE + 1];
    sample(file);
    char path[] = "klfile-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    nap_kl_reader *r;
    nap_kl_writer *w;
    nap_error e;
    assert_int_equal(open_bytes(&r, file, SIZE, &e), NAP_OK);
    assert_int_equal(nap_kl_create(&w, path, CONTEXT, VOCAB, CHUNKS, nap_kl_tokens(r), &e), NAP_OK);
    uint16_t codes[VOCAB];
    nap_kl_row row;
    for (size_t chunk = 0; chunk < CHUNKS; chunk++) {
        for (size_t i = 0; i < SCORED; i++) {
            assert_int_equal(nap_kl_read(r, chunk, i, codes, &row, &e), NAP_OK);
            assert_int_equal(nap_kl_write(w, &row, &e), NAP_OK);
        }
    }
    assert_int_equal(nap_kl_write(w, &row, &e), NAP_ERR_ARGUMENT);
    assert_int_equal(nap_kl_finish(w, &e), NAP_OK);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fread(back, 1, sizeof back, f), SIZE);
    fclose(f);
    assert_memory_equal(back, file, SIZE);
    /* One that is not finished leaves the old file. */
    assert_int_equal(nap_kl_create(&w, path, CONTEXT, VOCAB, CHUNKS, nap_kl_tokens(r), &e), NAP_OK);
    assert_int_equal(nap_kl_write(w, &row, &e), NAP_OK);
    assert_int_equal(nap_kl_finish(w, &e), NAP_ERR_ARGUMENT);
    f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fread(back, 1, sizeof back, f), SIZE);
    fclose(f);
    assert_int_equal(nap_kl_create(&w, path, 2, VOCAB, 1, nap_kl_tokens(r), &e), NAP_ERR_ARGUMENT);
    assert_int_equal(
        nap_kl_create(&w, "no/such/folder/x", CONTEXT, VOCAB, CHUNKS, nap_kl_tokens(r), &e),
        NAP_ERR_IO);
    nap_kl_abandon(NULL);
    nap_kl_close(r);
    unlink(path);
}

static void test_scores(void **state)
{
    (void)state;
    enum { N = 3001 };
    static float p_logits[N], q_logits[N];
    static uint16_t codes[N];
    nap_rng rng;
    nap_rng_seed(&rng, 3);
    for (int round = 0; round < 40; round++) {
        const double width = 1 + round * 0.6;
        for (int i = 0; i < N; i++) {
            p_logits[i] = (float)(width * (nap_rng_double(&rng) + nap_rng_double(&rng)));
            q_logits[i] = p_logits[i] + (float)(0.3 * nap_rng_double(&rng));
        }
        p_logits[round] = (float)(2.5 * width);
        nap_kl_row row;
        nap_score_encode(p_logits, N, codes, &row);
        long double zp = 0, zq = 0, kl = 0;
        for (int i = 0; i < N; i++) {
            zp += expl(p_logits[i]);
            zq += expl(q_logits[i]);
        }
        /* Codes span the range, or the upper 16 nats of it, in steps of a 65535th. */
        assert_int_equal(codes[round], 65535);
        for (int i = 0; i < N; i++) {
            const double log_p = (double)(p_logits[i] - logl(zp));
            const double stored = (double)(row.step * (float)codes[i] + row.least);
            if (codes[i] > 0)
                assert_true(fabs(stored - log_p) <= 0.51 * (double)row.step + 1e-5);
            else
                assert_true(stored >= log_p - 1e-5);
            kl += expl(log_p) * ((long double)log_p - (q_logits[i] - logl(zq)));
        }
        const nap_token next = (nap_token)nap_rng_below(&rng, N);
        const nap_score s = nap_score_compare(q_logits, N, &row, next);
        const double nll = (double)(logl(zq) - q_logits[next]);
        assert_true(fabs(s.nll - nll) < 1e-5);
        assert_true(fabs(nap_score_nll(q_logits, N, next) - nll) < 1e-6);
        assert_true(fabs(s.kl - (double)kl) < 2e-4);
        size_t top = 0;
        for (size_t i = 1; i < N; i++) top = q_logits[i] > q_logits[top] ? i : top;
        assert_int_equal(s.same_top, top == (size_t)round);
    }
    /* All equal: no step at all. */
    for (int i = 0; i < N; i++) p_logits[i] = 4;
    nap_kl_row row;
    nap_score_encode(p_logits, N, codes, &row);
    assert_true(row.step == 0);
    assert_true(fabs((double)row.least + log(N)) < 1e-5);
    assert_true(fabs(nap_score_compare(p_logits, N, &row, 5).kl) < 1e-5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),   cmocka_unit_test(test_every_prefix),
        cmocka_unit_test(test_lies),   cmocka_unit_test(test_write),
        cmocka_unit_test(test_scores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
