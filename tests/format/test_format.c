/* Formats against recorded values (gguf-py's and ggml's), and against their own description. */
#include "cmocka_all.h"

#include "base/half.h"
#include "base/rng.h"
#include "file/gguf.h"
#include "format/packing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *golden_path;

static void *read_tensor(const nap_gguf *g, const nap_tensor *t)
{
    nap_error e;
    void *bytes = malloc(t->bytes);
    assert_non_null(bytes);
    if (nap_gguf_read(g, t, 0, bytes, t->bytes, &e) != NAP_OK) fail_msg("%s", e.text);
    return bytes;
}

static void decodes_to_the_recorded_bits(void **state)
{
    (void)state;
    nap_gguf *g;
    nap_error e;
    if (nap_gguf_open(&g, golden_path, &e) != NAP_OK) fail_msg("%s", e.text);
    for (size_t i = 0; i < nap_format_count(); i++) {
        const nap_format *f = nap_format_at(i);
        char name[32];
        snprintf(name, sizeof name, "%s.value", f->name);
        const nap_tensor *t = nap_gguf_tensor(g, f->name), *v = nap_gguf_tensor(g, name);
        if (!t || !v) fail_msg("%s: not in the golden file; record it", f->name);
        assert_ptr_equal(t->format, f);
        const size_t elems = v->bytes / 4;
        uint8_t *bytes = read_tensor(g, t), *want = read_tensor(g, v);
        float *got = malloc(elems * sizeof *got);
        assert_non_null(got);
        nap_format_decode(f, bytes, elems, got);
        for (size_t k = 0; k < elems; k++) {
            float expected;
            memcpy(&expected, want + 4 * k, 4);
            if (nap_f32_bits(got[k]) == nap_f32_bits(expected)) continue;
            fail_msg("%s, element %zu: %a, expected %a", f->name, k, got[k], expected);
        }
        free(got);
        free(want);
        free(bytes);
    }
    nap_gguf_close(g);
}

/* Random blocks with finite scales: the sign and exponent bits of NaN are no promise. */
static void random_block(const nap_format *f, nap_rng *r, uint8_t *bytes)
{
    const struct nap_packing *p = f->packing;
    for (unsigned i = 0; i < f->block_bytes; i++) bytes[i] = (uint8_t)nap_rng_next(r);
    const nap_scale scales[2] = {p->d, p->dmin};
    for (int i = 0; i < 2; i++) {
        if (scales[i].kind == NAP_SCALE_F16 || scales[i].kind == NAP_SCALE_F16_NEG) {
            bytes[scales[i].offset + 1] &= 0xbf;
        }
    }
}

static void join_undoes_split(void **state)
{
    (void)state;
    nap_rng r;
    nap_rng_seed(&r, 1);
    for (size_t i = 0; i < nap_format_count(); i++) {
        const nap_format *f = nap_format_at(i);
        if (f->kind != NAP_FORMAT_BLOCK) continue;
        uint8_t a[512], b[512], c[512];
        for (int round = 0; round < 2000; round++) {
            nap_block block, again;
            random_block(f, &r, a);
            memset(&block, 0xaa, sizeof block);
            nap_format_split(f, a, &block);
            nap_format_join(f, &block, b);
            if (f->packing->code[0].base == 3) { /* several bytes mean the same digits: twice */
                nap_format_split(f, b, &again);
                assert_memory_equal(block.code, again.code, f->block);
                nap_format_join(f, &again, c);
                assert_memory_equal(b, c, f->block_bytes);
            } else if (memcmp(a, b, f->block_bytes) != 0) {
                fail_msg("%s: join(split(block)) differs", f->name);
            }
        }
    }
}

/* The value of every element by the formula of format.h, in double where all is exact. */
static void values_follow_the_formula(void **state)
{
    (void)state;
    nap_rng r;
    nap_rng_seed(&r, 2);
    for (size_t i = 0; i < nap_format_count(); i++) {
        const nap_format *f = nap_format_at(i);
        if (f->kind != NAP_FORMAT_BLOCK) continue;
        for (int round = 0; round < 50; round++) {
            uint8_t bytes[512];
            float out[NAP_BLOCK_MAX];
            nap_block b;
            random_block(f, &r, bytes);
            nap_format_split(f, bytes, &b);
            nap_format_decode(f, bytes, f->block, out);
            for (unsigned k = 0; k < f->block; k++) {
                const unsigned g = k / f->group;
                const double product = (double)b.d * b.sc[g] * nap_format_elem(f, b.code[k]);
                const double sum = product + (double)b.dmin * b.mn[g];
                if ((float)sum == out[k]) continue;
                fail_msg("%s, element %u: %a, expected %a", f->name, k, out[k], sum);
            }
        }
    }
}

/* Every bit of a block is covered by exactly one field or scale. */
static void fields_cover_the_block(void **state)
{
    (void)state;
    for (size_t i = 0; i < nap_format_count(); i++) {
        const nap_format *f = nap_format_at(i);
        if (f->kind != NAP_FORMAT_BLOCK || f->packing->code[0].base == 3) continue;
        uint8_t ones[NAP_BLOCK_MAX], seen[512] = {0};
        const nap_plane *lists[3] = {f->packing->code, f->packing->sc, f->packing->mn};
        const nap_scale scales[2] = {f->packing->d, f->packing->dmin};
        memset(ones, 0xff, sizeof ones);
        for (int list = 0; list < 3; list++) {
            for (const nap_plane *p = lists[list]; p < lists[list] + NAP_PLANES_MAX; p++) {
                uint8_t one[512] = {0};
                nap_plane alone[NAP_PLANES_MAX] = {*p};
                nap_planes_put(alone, ones, one);
                for (unsigned k = 0; k < f->block_bytes; k++) {
                    assert_int_equal(seen[k] & one[k], 0);
                    seen[k] |= one[k];
                }
            }
        }
        for (int s = 0; s < 2; s++) {
            const unsigned n = scales[s].kind == NAP_SCALE_NONE        ? 0
                               : scales[s].kind == NAP_SCALE_E8M0_HALF ? 1
                                                                       : 2;
            for (unsigned k = 0; k < n; k++) {
                assert_int_equal(seen[scales[s].offset + k], 0);
                seen[scales[s].offset + k] = 0xff;
            }
        }
        for (unsigned k = 0; k < f->block_bytes; k++) assert_int_equal(seen[k], 0xff);
    }
}

static void table_is_consistent(void **state)
{
    (void)state;
    for (size_t i = 0; i < nap_format_count(); i++) {
        const nap_format *f = nap_format_at(i);
        assert_ptr_equal(nap_format_by_id(f->id), f);
        assert_ptr_equal(nap_format_by_name(f->name), f);
        assert_null(nap_format_foreign_name(f->id));
        assert_int_equal(f->block % f->group, 0);
        assert_true(f->block <= NAP_BLOCK_MAX && f->block / f->group <= NAP_GROUPS_MAX);
        assert_int_equal(f->kind == NAP_FORMAT_BLOCK, f->packing != NULL);
        if (f->packing) assert_int_equal(f->has_min, f->packing->dmin.kind != NAP_SCALE_NONE);
        if (f->packing) assert_int_equal(f->int_scales, f->packing->sc[0].count != 0);
    }
    assert_ptr_equal(nap_format_by_name("q4_k"), nap_format_by_id(12));
    assert_null(nap_format_at(nap_format_count()));
    assert_null(nap_format_by_id(43));
    assert_null(nap_format_by_name("Q9_9"));
    assert_string_equal(nap_format_foreign_name(16), "IQ2_XXS");
    assert_null(nap_format_foreign_name(43));
}

static void sizes_are_checked(void **state)
{
    (void)state;
    const nap_format *q4_k = nap_format_by_name("Q4_K"), *f64 = nap_format_by_name("F64");
    uint64_t bytes = 5;
    assert_true(nap_format_bytes(q4_k, 512, &bytes) && bytes == 288);
    assert_true(nap_format_bytes(q4_k, 0, &bytes) && bytes == 0);
    assert_false(nap_format_bytes(q4_k, 255, &bytes));
    assert_false(nap_format_bytes(f64, UINT64_MAX / 4, &bytes));
}

/* docs/formats.md has a row for every format, with its numbers. */
static void guide_lists_every_format(void **state)
{
    (void)state;
    const char *root = getenv("NAPIER_SOURCE_DIR");
    char path[4096], text[16384];
    snprintf(path, sizeof path, "%s/docs/formats.md", root ? root : ".");
    FILE *file = fopen(path, "rb");
    if (!file) fail_msg("%s: cannot open", path);
    const size_t len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[len] = '\0';
    for (size_t i = 0; i < nap_format_count(); i++) {
        const nap_format *f = nap_format_at(i);
        char row[128];
        snprintf(row, sizeof row, "| %s | %u | %u | %u | %g |", f->name, f->id, f->block,
                 f->block_bytes, 8.0 * f->block_bytes / f->block);
        if (!strstr(text, row)) fail_msg("docs/formats.md lacks the row %s", row);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) return 2;
    golden_path = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_to_the_recorded_bits), cmocka_unit_test(join_undoes_split),
        cmocka_unit_test(values_follow_the_formula),    cmocka_unit_test(fields_cover_the_block),
        cmocka_unit_test(table_is_consistent),          cmocka_unit_test(sizes_are_checked),
        cmocka_unit_test(guide_lists_every_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
