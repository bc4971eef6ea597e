/* GGUF, reader, on files changed by rule: every prefix of good ones, boundary values in every
 * integer field and in pairs of them, every bit. What each outcome must fulfil is in opening.h. */
#include "cmocka_all.h"

#include "base/rng.h"
#include "models.h"
#include "opening.h"

#include <stdlib.h>
#include <string.h>

static size_t prefixes_of(const nap_buf *b)
{
    nap_error e;
    size_t needed = 0;
    nap_source *s;
    nap_gguf *g;
    assert_int_equal(nap_source_memory(&s, "good.gguf", b->data, b->len, &e), NAP_OK);
    assert_int_equal(nap_gguf_open_source(&g, s, &e), NAP_OK);
    const bool has_data = nap_gguf_tensor_count(g) > 0;
    for (size_t i = 0; i < nap_gguf_tensor_count(g); i++) {
        const nap_tensor *t = nap_gguf_tensor_at(g, i);
        if (t->offset + t->bytes > needed) needed = (size_t)(t->offset + t->bytes);
    }
    nap_gguf_close(g);
    for (size_t n = 0; n <= b->len; n++) {
        const nap_status status = try_open(b->data, n, &e);
        if (n >= needed && has_data) { /* only padding is missing */
            assert_int_equal(status, NAP_OK);
        } else if (status != NAP_ERR_FORMAT && has_data) {
            fail_msg("prefix of %zu bytes: %s: %s", n, nap_status_name(status), e.text);
        }
    }
    return b->len + 1;
}

static void every_prefix(void **state)
{
    (void)state;
    nap_buf b = small();
    size_t count = prefixes_of(&b);
    nap_buf_free(&b);
    for (uint64_t seed = 0; count < 40000; seed++) {
        nap_gguf_writer *w;
        nap_error e;
        assert_int_equal(nap_gguf_writer_create(&w, &e), NAP_OK);
        assert_int_equal(model_random(w, seed, &e), NAP_OK);
        assert_int_equal(nap_gguf_write_memory(w, &b, model_data, NULL, &e), NAP_OK);
        if (b.len < 8192) count += prefixes_of(&b);
        nap_buf_free(&b);
        nap_gguf_writer_destroy(w);
    }
}

typedef struct field {
    size_t at;
    unsigned width;
} field;

typedef struct fields {
    field f[400];
    size_t n;
} fields;

static uint64_t get(const char *bytes, size_t at, unsigned width)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < width; i++) v |= (uint64_t)(uint8_t)bytes[at + i] << 8 * i;
    return v;
}

static void set(char *bytes, field f, uint64_t v)
{
    for (unsigned i = 0; i < f.width; i++) bytes[f.at + i] = (char)(v >> 8 * i);
}

static uint64_t note(fields *all, const char *bytes, size_t *pos, unsigned width)
{
    assert_true(all->n < sizeof all->f / sizeof all->f[0]);
    all->f[all->n++] = (field){*pos, width};
    *pos += width;
    return get(bytes, *pos - width, width);
}

/* All integer fields of a good file: a second, trusting parser. */
static void find_fields(const char *bytes, fields *all)
{
    static const uint8_t width[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    size_t pos = 4;
    all->n = 0;
    note(all, bytes, &pos, 4);
    const uint64_t tensors = note(all, bytes, &pos, 8), keys = note(all, bytes, &pos, 8);
    for (uint64_t i = 0; i < keys; i++) {
        pos += note(all, bytes, &pos, 8);
        uint64_t kind = note(all, bytes, &pos, 4), count = 1;
        if (kind == NAP_GGUF_ARRAY) {
            kind = note(all, bytes, &pos, 4);
            count = note(all, bytes, &pos, 8);
        }
        for (uint64_t k = 0; k < count; k++) {
            const uint64_t v = note(all, bytes, &pos, width[kind] ? width[kind] : 8);
            if (kind == NAP_GGUF_STRING) pos += v;
        }
    }
    for (uint64_t i = 0; i < tensors; i++) {
        pos += note(all, bytes, &pos, 8);
        const uint64_t dims = note(all, bytes, &pos, 4);
        for (uint64_t d = 0; d < dims; d++) note(all, bytes, &pos, 8);
        note(all, bytes, &pos, 4);
        note(all, bytes, &pos, 8);
    }
}

static const uint64_t boundaries[] = {
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0xffff,
    0x7fffffff,
    0x80000000,
    0x80000001,
    0xfffffffe,
    0xffffffff,
    0x100000000,
    0x100000001,
    0x1fffffffffffffff,
    0x2000000000000000,
    0x3fffffffffffffff,
    0x4000000000000000,
    0x7fffffffffffffff,
    0x8000000000000000,
    0x8000000000000001,
    0xffffffffffffffe0,
    0xfffffffffffffff8,
    0xfffffffffffffffe,
    0xffffffffffffffff,
};
enum { BOUNDARIES = sizeof boundaries / sizeof boundaries[0] };

static bool fits(uint64_t v, unsigned width)
{
    return width == 8 || v >> 8 * width == 0;
}

static void boundary_values_in_every_field(void **state)
{
    (void)state;
    nap_buf b = small();
    fields all;
    nap_error e;
    unsigned tried = 0, refused = 0;
    find_fields(b.data, &all);
    for (size_t i = 0; i < all.n; i++) {
        const field f = all.f[i];
        const uint64_t old = get(b.data, f.at, f.width);
        for (int k = 0; k < BOUNDARIES + 2; k++) {
            const uint64_t v = k < BOUNDARIES ? boundaries[k] : old + (k == BOUNDARIES ? 1 : -1u);
            if (!fits(v, f.width)) continue;
            set(b.data, f, v);
            refused += try_open(b.data, b.len, &e) != NAP_OK;
            tried++;
        }
        set(b.data, f, old);
    }
    assert_true(tried >= 1500);
    assert_true(refused >= 1000);
    nap_buf_free(&b);
}

static void boundary_values_in_pairs_of_fields(void **state)
{
    (void)state;
    nap_buf b = small();
    fields all;
    nap_error e;
    nap_rng r;
    nap_rng_seed(&r, 6);
    find_fields(b.data, &all);
    for (int round = 0; round < 20000; round++) {
        const field f[2] = {all.f[nap_rng_below(&r, (uint32_t)all.n)],
                            all.f[nap_rng_below(&r, (uint32_t)all.n)]};
        char *copy = malloc(b.len);
        assert_non_null(copy);
        memcpy(copy, b.data, b.len);
        for (int k = 0; k < 2; k++) {
            uint64_t v = boundaries[nap_rng_below(&r, BOUNDARIES)];
            if (!fits(v, f[k].width)) v = get(b.data, f[k].at, f[k].width) ^ (v & 3);
            set(copy, f[k], v);
        }
        try_open(copy, b.len, &e);
        free(copy);
    }
    nap_buf_free(&b);
}

static void single_bits(void **state)
{
    (void)state;
    nap_buf b = small();
    nap_error e;
    for (size_t bit = 0; bit < 8 * b.len; bit++) {
        b.data[bit / 8] ^= (char)(1 << bit % 8);
        try_open(b.data, b.len, &e);
        b.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    nap_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_prefix),
        cmocka_unit_test(boundary_values_in_every_field),
        cmocka_unit_test(boundary_values_in_pairs_of_fields),
        cmocka_unit_test(single_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
