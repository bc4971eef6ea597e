/* The kernel table and the choices made from it. A new kernel is a line here (docs/kernels.md). */
#include "kernel/rows.h"

/* A row of an op other than matmul: VECTOR(rmsnorm, RMSNORM, avx2, AVX2, "why it is as it is"),
 * function nap_rmsnorm_avx2. */
#define VECTOR(what, OP, tier_, TIER, why)                                                         \
    {.name = #what "_" #tier_,                                                                     \
     .op = NAP_KOP_##OP,                                                                           \
     .tier = NAP_TIER_##TIER,                                                                      \
     .fn.what = nap_##what##_##tier_,                                                              \
     .note = why},

#define PREPARE(form, FORM, tier_, TIER, function, why)                                            \
    {.name = "prepare_" #form "_" #tier_,                                                          \
     .op = NAP_KOP_PREPARE,                                                                        \
     .tier = NAP_TIER_##TIER,                                                                      \
     .act = NAP_ACT_##FORM,                                                                        \
     .fn.prepare = function,                                                                       \
     .note = why},
#define PREPARE_Q8(tier_, TIER, why) PREPARE(q8, Q8, tier_, TIER, nap_prepare_##tier_, why)

#define MATMUL(shape, act_, ACT, tier_, TIER, decode_fn, prefill_fn, from, why)                    \
    {.name = "matmul_" #shape "_" #act_ "_" #tier_,                                                \
     .op = NAP_KOP_MATMUL,                                                                         \
     .tier = NAP_TIER_##TIER,                                                                      \
     .act = NAP_ACT_##ACT,                                                                         \
     .layout = &nap_layout_##shape,                                                                \
     .decode = decode_fn,                                                                          \
     .prefill = prefill_fn,                                                                        \
     .prefill_from = from,                                                                         \
     .note = why},

#define BLOCK_REF(shape, ...)                                                                      \
    MATMUL(shape, q8, Q8, ref, REF, nap_matmul_block_ref, nap_matmul_block_ref, 2,                 \
           "portable C, the specification")
#define FLOAT_REF(shape)                                                                           \
    MATMUL(shape, f32, F32, ref, REF, nap_matmul_float_ref, nap_matmul_float_ref, 2,               \
           "portable C, the specification")

#define BLOCK_AVX2(shape, ...)                                                                     \
    MATMUL(shape, q8, Q8, avx2, AVX2, nap_decode_##shape##_avx2, nap_prefill_##shape##_avx2, 3,    \
           "vpmaddubsw, widened as seldom as the code's bits allow")
#define BLOCK_AVXVNNI(shape, ...)                                                                  \
    MATMUL(shape, q8, Q8, avxvnni, AVXVNNI, nap_decode_##shape##_avxvnni,                          \
           nap_prefill_##shape##_avxvnni, 4, "256-bit vpdpbusd, two halves of 8 rows")
#define BLOCK_AVX512(shape, ...)                                                                   \
    MATMUL(shape, q8, Q8, avx512, AVX512, nap_decode_##shape##_avx512,                             \
           nap_prefill_##shape##_avx512, 8, "vpdpbusd on 16 rows; prefill through an L1 panel")

#define BLOCK_NEON(shape, ...)                                                                     \
    MATMUL(shape, q8, Q8, neon, NEON, nap_decode_##shape##_neon, nap_prefill_##shape##_neon, 8,    \
           "sdot on 4 rows a register; prefill shares the unpacking among 8 tokens")

#define FLOAT_SIMD(shape, tier_, TIER, from)                                                       \
    MATMUL(shape, f32, F32, tier_, TIER, nap_decode_##shape##_##tier_,                             \
           nap_prefill_##shape##_##tier_, from, "one row a lane, fma in the order of k")
#define FLOAT_AVX512(shape) FLOAT_SIMD(shape, avx512, AVX512, 4)
#define FLOAT_AVX2(shape) FLOAT_SIMD(shape, avx2, AVX2, 4)
#define FLOAT_NEON(shape) FLOAT_SIMD(shape, neon, NEON, 4)

/* clang-format off */
static const nap_kernel rows[] = {
    NAP_BLOCK_SHAPES(BLOCK_REF)
    NAP_FLOAT_SHAPES(FLOAT_REF)
    PREPARE(q8_1, Q8_1, ref, REF, nap_prepare_q8_1_ref, "ggml's rounding, for comparisons")
    PREPARE(q8_k, Q8_K, ref, REF, nap_prepare_q8_k_ref, "ggml's rounding, for comparisons")
    PREPARE_Q8(ref, REF, "portable C, the specification")
    VECTOR(rmsnorm, RMSNORM, ref, REF, "portable C, the specification")
    VECTOR(rope, ROPE, ref, REF, "portable C, the specification")
    VECTOR(glu, GLU, ref, REF, "portable C, the specification")
    VECTOR(add, ADD, ref, REF, "portable C, the specification")
    VECTOR(scale, SCALE, ref, REF, "portable C, the specification")
    VECTOR(softcap, SOFTCAP, ref, REF, "portable C, the specification")
    VECTOR(kv_store, KV_STORE, ref, REF, "portable C, the specification")
    VECTOR(attention, ATTENTION, ref, REF, "portable C, the specification")
#if defined(__x86_64__)
    NAP_BLOCK_SHAPES(BLOCK_AVX2)
    NAP_BLOCK_SHAPES(BLOCK_AVXVNNI)
    NAP_BLOCK_SHAPES(BLOCK_AVX512)
    NAP_FLOAT_SHAPES(FLOAT_AVX2)
    NAP_FLOAT_SHAPES(FLOAT_AVX512)
    PREPARE_Q8(avx2, AVX2, "blocks of 32 in four registers")
    VECTOR(rmsnorm, RMSNORM, avx2, AVX2, "two 8-lane registers")
    VECTOR(rope, ROPE, avx2, AVX2, "pairs by in-register shuffles")
    VECTOR(glu, GLU, avx2, AVX2, "own exp, two registers at a time")
    VECTOR(add, ADD, avx2, AVX2, "bound by memory")
    VECTOR(scale, SCALE, avx2, AVX2, "bound by memory")
    VECTOR(softcap, SOFTCAP, avx2, AVX2, "own tanh")
    VECTOR(kv_store, KV_STORE, avx2, AVX2, "F16C conversion")
    VECTOR(attention, ATTENTION, avx2, AVX2, "6 queries x 16 positions in registers")
    PREPARE_Q8(avx512, AVX512, "blocks of 32 in two registers")
    VECTOR(rmsnorm, RMSNORM, avx512, AVX512, "one 16-lane register")
    VECTOR(rope, ROPE, avx512, AVX512, "pairs by one two-source permute")
    VECTOR(glu, GLU, avx512, AVX512, "own exp, scalef for 2^n")
    VECTOR(add, ADD, avx512, AVX512, "bound by memory")
    VECTOR(scale, SCALE, avx512, AVX512, "bound by memory")
    VECTOR(softcap, SOFTCAP, avx512, AVX512, "own tanh")
    VECTOR(kv_store, KV_STORE, avx512, AVX512, "conversion of 16 at a time")
    VECTOR(attention, ATTENTION, avx512, AVX512, "6 queries x 64 positions in registers")
#endif
#if defined(__aarch64__)
    NAP_BLOCK_SHAPES(BLOCK_NEON)
    NAP_FLOAT_SHAPES(FLOAT_NEON)
    PREPARE_Q8(neon, NEON, "blocks of 32 in eight registers")
    VECTOR(rmsnorm, RMSNORM, neon, NEON, "four 4-lane registers")
    VECTOR(rope, ROPE, neon, NEON, "pairs by zip and transpose")
    VECTOR(glu, GLU, neon, NEON, "own exp, four registers at a time")
    VECTOR(add, ADD, neon, NEON, "bound by memory")
    VECTOR(scale, SCALE, neon, NEON, "bound by memory")
    VECTOR(softcap, SOFTCAP, neon, NEON, "own tanh")
    VECTOR(kv_store, KV_STORE, neon, NEON, "fcvtn")
    VECTOR(attention, ATTENTION, neon, NEON, "6 queries x 16 positions in registers")
#endif
};
/* clang-format on */

static const char *const op_names[NAP_KOP_COUNT] = {
    "matmul", "prepare", "rmsnorm", "rope",     "glu",
    "add",    "scale",   "softcap", "kv_store", "attention",
};

const char *nap_kop_name(nap_kop op)
{
    return (unsigned)op < NAP_KOP_COUNT ? op_names[op] : "?";
}

size_t nap_kernel_count(void)
{
    return sizeof rows / sizeof rows[0];
}

const nap_kernel *nap_kernel_at(size_t i)
{
    return i < nap_kernel_count() ? &rows[i] : NULL;
}

/* Tiers are numbered from slow to fast, so among rows that may serve the highest tier is best. */
static bool better(const nap_kernel *k, const nap_kernel *best, nap_tier tier)
{
    return nap_tier_serves(k->tier, tier) && (!best || k->tier > best->tier);
}

const nap_kernel *nap_kernel_find(nap_kop op, nap_act_form act, nap_tier tier)
{
    const nap_kernel *best = NULL;
    for (const nap_kernel *k = rows; k < rows + nap_kernel_count(); k++) {
        if (k->op != op || (op == NAP_KOP_PREPARE && k->act != act)) continue;
        if (better(k, best, tier)) best = k;
    }
    return best;
}

const nap_kernel *nap_kernel_matmul(const nap_format *f, size_t cols, nap_tier tier)
{
    const nap_kernel *best = NULL;
    for (const nap_kernel *k = rows; k < rows + nap_kernel_count(); k++) {
        if (k->op != NAP_KOP_MATMUL || !k->layout->accepts(f, cols)) continue;
        if (better(k, best, tier)) best = k;
    }
    return best;
}

size_t nap_kernel_prefill_from(const nap_kernel *k)
{
    return k->prefill_from;
}

void nap_kernel_set_init(nap_kernel_set *s, nap_tier tier)
{
#define PREPARED(form) .prepare[form] = nap_kernel_find(NAP_KOP_PREPARE, form, tier)->fn.prepare
#define FIND(what, OP) .what = nap_kernel_find(NAP_KOP_##OP, NAP_ACT_F32, tier)->fn.what
    *s = (nap_kernel_set){
        .tier = tier,
        PREPARED(NAP_ACT_Q8),
        PREPARED(NAP_ACT_Q8_1),
        PREPARED(NAP_ACT_Q8_K),
        FIND(rmsnorm, RMSNORM),
        FIND(rope, ROPE),
        FIND(glu, GLU),
        FIND(add, ADD),
        FIND(scale, SCALE),
        FIND(softcap, SOFTCAP),
        FIND(kv_store, KV_STORE),
        FIND(attention, ATTENTION),
    };
#undef FIND
#undef PREPARED
}
