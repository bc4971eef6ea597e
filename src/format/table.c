/* The table of formats. Everything else in this folder is driven by it. */
#include "format/packing.h"

#include <string.h>
#include <strings.h>

/* The 16 levels of IQ4_NL and IQ4_XS (a non-linear grid fitted to weights of language models). */
static const int8_t iq4_levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                      1,    13,   25,  38,  53,  69,  89,  113};
/* E2M1 of the OCP Microscaling specification v1.0, doubled so that all are integers. */
static const int8_t e2m1_doubled[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
static const int8_t signs[2] = {-1, 1};

/* One field per byte position: `n` items from `off`, `r` bytes a run, `s` digits of `w` bits. */
#define BITS(n, off, r, s, w, dst)                                                                 \
    {                                                                                              \
        .count = (n), .offset = (off), .run = (r), .steps = (s), .base = 2, .width = (w),          \
        .to = (dst)                                                                                \
    }
/* Items f.. of a list, at bits b.. of the bytes off.., one item a byte. */
#define PART(f, n, off, b, w, dst)                                                                 \
    {                                                                                              \
        .first = (f), .count = (n), .offset = (off), .run = (n), .steps = 1, .base = 2,            \
        .bit = (b), .width = (w), .to = (dst)                                                      \
    }
/* Items f.. as digits of base three, `s` digits a byte. */
#define TRITS(f, n, off, r, s)                                                                     \
    {                                                                                              \
        .first = (f), .count = (n), .offset = (off), .run = (r), .steps = (s), .base = 3,          \
        .width = 2                                                                                 \
    }

static const struct nap_packing pack_q4_0 = {.d = {NAP_SCALE_F16, 0},
                                             .code = {BITS(32, 2, 16, 2, 4, 0)}};
static const struct nap_packing pack_q4_1 = {
    .d = {NAP_SCALE_F16, 0}, .dmin = {NAP_SCALE_F16, 2}, .code = {BITS(32, 4, 16, 2, 4, 0)}};
static const struct nap_packing pack_q5_0 = {
    .d = {NAP_SCALE_F16, 0}, .code = {BITS(32, 6, 16, 2, 4, 0), BITS(32, 2, 1, 8, 1, 4)}};
static const struct nap_packing pack_q5_1 = {
    .d = {NAP_SCALE_F16, 0},
    .dmin = {NAP_SCALE_F16, 2},
    .code = {BITS(32, 8, 16, 2, 4, 0), BITS(32, 4, 1, 8, 1, 4)}};
static const struct nap_packing pack_q8_0 = {
    .d = {NAP_SCALE_F16, 0}, .code = {BITS(32, 2, 32, 1, 8, 0)}, .code_flip = 0x80};
static const struct nap_packing pack_q2_k = {.d = {NAP_SCALE_F16, 80},
                                             .dmin = {NAP_SCALE_F16_NEG, 82},
                                             .code = {BITS(256, 16, 32, 4, 2, 0)},
                                             .sc = {PART(0, 16, 0, 0, 4, 0)},
                                             .mn = {PART(0, 16, 0, 4, 4, 0)}};
static const struct nap_packing pack_q3_k = {
    .d = {NAP_SCALE_F16, 108},
    .code = {BITS(256, 32, 32, 4, 2, 0), BITS(256, 0, 32, 8, 1, 2)},
    .sc = {BITS(16, 96, 8, 2, 4, 0), BITS(16, 104, 4, 4, 2, 4)},
    .sc_zero = 32};
static const struct nap_packing pack_q4_k = {
    .d = {NAP_SCALE_F16, 0},
    .dmin = {NAP_SCALE_F16_NEG, 2},
    .code = {BITS(256, 16, 32, 2, 4, 0)},
    .sc = {PART(0, 4, 4, 0, 6, 0), PART(4, 4, 12, 0, 4, 0), PART(4, 4, 4, 6, 2, 4)},
    .mn = {PART(0, 4, 8, 0, 6, 0), PART(4, 4, 12, 4, 4, 0), PART(4, 4, 8, 6, 2, 4)}};
static const struct nap_packing pack_q5_k = {
    .d = {NAP_SCALE_F16, 0},
    .dmin = {NAP_SCALE_F16_NEG, 2},
    .code = {BITS(256, 48, 32, 2, 4, 0), BITS(256, 16, 32, 8, 1, 4)},
    .sc = {PART(0, 4, 4, 0, 6, 0), PART(4, 4, 12, 0, 4, 0), PART(4, 4, 4, 6, 2, 4)},
    .mn = {PART(0, 4, 8, 0, 6, 0), PART(4, 4, 12, 4, 4, 0), PART(4, 4, 8, 6, 2, 4)}};
static const struct nap_packing pack_q6_k = {
    .d = {NAP_SCALE_F16, 208},
    .code = {BITS(256, 0, 64, 2, 4, 0), BITS(256, 128, 32, 4, 2, 4)},
    .sc = {PART(0, 16, 192, 0, 8, 0)},
    .sc_flip = 0x80,
    .sc_zero = 128};
static const struct nap_packing pack_iq4_xs = {
    .d = {NAP_SCALE_F16, 0},
    .code = {BITS(256, 8, 16, 2, 4, 0)},
    .sc = {BITS(8, 4, 1, 2, 4, 0), BITS(8, 2, 1, 4, 2, 4)},
    .sc_zero = 32};
static const struct nap_packing pack_tq1_0 = {
    .d = {NAP_SCALE_F16, 52},
    .code = {TRITS(0, 160, 0, 32, 5), TRITS(160, 80, 32, 16, 5), TRITS(240, 16, 48, 4, 4)}};
static const struct nap_packing pack_tq2_0 = {.d = {NAP_SCALE_F16, 64},
                                              .code = {BITS(256, 0, 32, 4, 2, 0)}};
static const struct nap_packing pack_mxfp4 = {.d = {NAP_SCALE_E8M0_HALF, 0},
                                              .code = {BITS(32, 1, 16, 2, 4, 0)}};
static const struct nap_packing pack_q1_0 = {.d = {NAP_SCALE_F16, 0},
                                             .code = {BITS(128, 2, 1, 8, 1, 0)}};
static const struct nap_packing pack_q2_0 = {.d = {NAP_SCALE_F16, 0},
                                             .code = {BITS(64, 2, 1, 4, 2, 0)}};

#define PLAIN(n, i, k, b)                                                                          \
    {                                                                                              \
        .name = (n), .id = (i), .kind = (k), .block = 1, .block_bytes = (b), .bits = 8 * (b),      \
        .group = 1                                                                                 \
    }

static const nap_format formats[] = {
    PLAIN("F32", 0, NAP_FORMAT_FLOAT, 4),
    PLAIN("F16", 1, NAP_FORMAT_FLOAT, 2),
    {"Q4_0", 2, NAP_FORMAT_BLOCK, 32, 18, 4, 32, 8, NULL, false, false, &pack_q4_0},
    {"Q4_1", 3, NAP_FORMAT_BLOCK, 32, 20, 4, 32, 0, NULL, true, false, &pack_q4_1},
    {"Q5_0", 6, NAP_FORMAT_BLOCK, 32, 22, 5, 32, 16, NULL, false, false, &pack_q5_0},
    {"Q5_1", 7, NAP_FORMAT_BLOCK, 32, 24, 5, 32, 0, NULL, true, false, &pack_q5_1},
    {"Q8_0", 8, NAP_FORMAT_BLOCK, 32, 34, 8, 32, 128, NULL, false, false, &pack_q8_0},
    {"Q2_K", 10, NAP_FORMAT_BLOCK, 256, 84, 2, 16, 0, NULL, true, true, &pack_q2_k},
    {"Q3_K", 11, NAP_FORMAT_BLOCK, 256, 110, 3, 16, 4, NULL, false, true, &pack_q3_k},
    {"Q4_K", 12, NAP_FORMAT_BLOCK, 256, 144, 4, 32, 0, NULL, true, true, &pack_q4_k},
    {"Q5_K", 13, NAP_FORMAT_BLOCK, 256, 176, 5, 32, 0, NULL, true, true, &pack_q5_k},
    {"Q6_K", 14, NAP_FORMAT_BLOCK, 256, 210, 6, 16, 32, NULL, false, true, &pack_q6_k},
    {"IQ4_NL", 20, NAP_FORMAT_BLOCK, 32, 18, 4, 32, 0, iq4_levels, false, false, &pack_q4_0},
    {"IQ4_XS", 23, NAP_FORMAT_BLOCK, 256, 136, 4, 32, 0, iq4_levels, false, true, &pack_iq4_xs},
    PLAIN("I8", 24, NAP_FORMAT_INTEGER, 1),
    PLAIN("I16", 25, NAP_FORMAT_INTEGER, 2),
    PLAIN("I32", 26, NAP_FORMAT_INTEGER, 4),
    PLAIN("I64", 27, NAP_FORMAT_INTEGER, 8),
    PLAIN("F64", 28, NAP_FORMAT_FLOAT, 8),
    PLAIN("BF16", 30, NAP_FORMAT_FLOAT, 2),
    {"TQ1_0", 34, NAP_FORMAT_BLOCK, 256, 54, 2, 256, 1, NULL, false, false, &pack_tq1_0},
    {"TQ2_0", 35, NAP_FORMAT_BLOCK, 256, 66, 2, 256, 1, NULL, false, false, &pack_tq2_0},
    {"MXFP4", 39, NAP_FORMAT_BLOCK, 32, 17, 4, 32, 0, e2m1_doubled, false, false, &pack_mxfp4},
    {"Q1_0", 41, NAP_FORMAT_BLOCK, 128, 18, 1, 128, 0, signs, false, false, &pack_q1_0},
    {"Q2_0", 42, NAP_FORMAT_BLOCK, 64, 18, 2, 64, 1, NULL, false, false, &pack_q2_0},
};

/* Types of ggml that are not decoded here: retired layouts, intermediate forms that no file
 * holds (Q8_1, Q8_K), and code books. */
static const struct {
    uint32_t id;
    const char *name;
} foreign[] = {
    {4, "Q4_2"},        {5, "Q4_3"},        {9, "Q8_1"},      {15, "Q8_K"},     {16, "IQ2_XXS"},
    {17, "IQ2_XS"},     {18, "IQ3_XXS"},    {19, "IQ1_S"},    {21, "IQ3_S"},    {22, "IQ2_S"},
    {29, "IQ1_M"},      {31, "Q4_0_4_4"},   {32, "Q4_0_4_8"}, {33, "Q4_0_8_8"}, {36, "IQ4_NL_4_4"},
    {37, "IQ4_NL_4_8"}, {38, "IQ4_NL_8_8"}, {40, "NVFP4"},
};

size_t nap_format_count(void)
{
    return sizeof formats / sizeof formats[0];
}

const nap_format *nap_format_at(size_t i)
{
    return i < nap_format_count() ? &formats[i] : NULL;
}

const nap_format *nap_format_by_id(uint32_t id)
{
    for (size_t i = 0; i < nap_format_count(); i++) {
        if (formats[i].id == id) return &formats[i];
    }
    return NULL;
}

const nap_format *nap_format_by_name(const char *name)
{
    for (size_t i = 0; i < nap_format_count(); i++) {
        if (strcasecmp(formats[i].name, name) == 0) return &formats[i];
    }
    return NULL;
}

const char *nap_format_foreign_name(uint32_t id)
{
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        if (foreign[i].id == id) return foreign[i].name;
    }
    return NULL;
}
