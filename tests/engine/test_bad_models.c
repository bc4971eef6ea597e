/* Models that are well-formed files and make no sense: named errors, never a crash. */
#include "cmocka_all.h"
#include "tiny.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char path[128];

/* The engine must refuse the changed model with this status and both words in its message. */
static void refuse(const char *name, tiny_change change, nap_status expected, const char *word,
                   const char *other)
{
    nap_error e = {.text = ""};
    nap_model *m;
    nap_engine *g = NULL;
    snprintf(path, sizeof path, "/tmp/napier-bad-model-%d.gguf", (int)getpid());
    tiny_copy(name, &change, path);
    tiny_require(nap_model_open(&m, path, &e), &e);
    const nap_engine_options o = {.threads = 1};
    const nap_status s = nap_engine_create(&g, m, &o, &e);
    nap_engine_destroy(g);
    if (s != expected || !strstr(e.text, word) || !strstr(e.text, other)) {
        fail_msg("found %s \"%s\", expected %s with \"%s\" and \"%s\"", nap_status_name(s), e.text,
                 nap_status_name(expected), word, other);
    }
    nap_model_close(m);
    unlink(path);
}

static void number(const char *key, uint32_t value, const char *word)
{
    refuse("llama", (tiny_change){.key = key, .value = value}, NAP_ERR_FORMAT, key, word);
}

static void test_tensors(void **state)
{
    (void)state;
    static const char *const needed[] = {"token_embd.weight",        "output_norm.weight",
                                         "blk.0.attn_norm.weight",   "blk.0.attn_q.weight",
                                         "blk.1.attn_k.weight",      "blk.1.attn_v.weight",
                                         "blk.0.attn_output.weight", "blk.1.ffn_up.weight",
                                         "blk.0.ffn_gate.weight",    "blk.1.ffn_down.weight"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        refuse("llama", (tiny_change){.drop_tensor = needed[i]}, NAP_ERR_NOT_FOUND, needed[i],
               "missing");
        if (i > 0) {
            refuse("llama", (tiny_change){.shape_tensor = needed[i], .rows = 3}, NAP_ERR_FORMAT,
                   needed[i], "found");
        }
    }
    refuse("gemma3", (tiny_change){.drop_tensor = "blk.2.attn_q_norm.weight"}, NAP_ERR_NOT_FOUND,
           "blk.2.attn_q_norm.weight", "missing");
    refuse("llama", (tiny_change){.add_tensor = "blk.0.attn_sinks.weight"}, NAP_ERR_UNSUPPORTED,
           "blk.0.attn_sinks.weight", "llama");
}

static void test_numbers(void **state)
{
    (void)state;
    number("llama.block_count", 0, "1 to 512");
    number("llama.block_count", UINT32_C(1) << 31, "1 to 512");
    number("llama.embedding_length", 0, "found 0");
    number("llama.embedding_length", UINT32_MAX, "1 to 1048576");
    number("llama.feed_forward_length", 0, "found 0");
    number("llama.context_length", 0, "found 0");
    number("llama.attention.head_count", 0, "found 0");
    number("llama.attention.head_count", UINT32_MAX, "1 to 8192");
    number("llama.attention.head_count_kv", 0, "found 0");
    number("llama.attention.head_count_kv", 3, "divisor");
    number("llama.attention.head_count_kv", 8, "1 to 4");
    number("llama.attention.key_length", 0, "found 0");
    number("llama.rope.dimension_count", 31, "even");
    number("llama.rope.dimension_count", 34, "2 to 32");
    /* Legal by itself, but the tensors say otherwise. */
    refuse("llama", (tiny_change){.key = "llama.embedding_length", .value = 96}, NAP_ERR_FORMAT,
           "token_embd.weight", "expected 96");
    refuse("llama", (tiny_change){.key = "llama.block_count", .value = 3}, NAP_ERR_NOT_FOUND,
           "blk.2.attn_norm.weight", "missing");
    refuse("llama", (tiny_change){.key = "llama.block_count", .value = 1}, NAP_ERR_UNSUPPORTED,
           "blk.1.", "not part of");
    refuse("llama", (tiny_change){.key = "llama.expert_count", .value = 8}, NAP_ERR_UNSUPPORTED,
           "expert", "8");
}

static void test_missing_keys(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "llama.block_count",          "llama.embedding_length",
        "llama.feed_forward_length",  "llama.context_length",
        "llama.attention.head_count", "llama.attention.layer_norm_rms_epsilon"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        refuse("llama", (tiny_change){.key = keys[i], .drop_key = true}, NAP_ERR_NOT_FOUND, keys[i],
               "");
    }
}

static void test_strings(void **state)
{
    (void)state;
    refuse("llama", (tiny_change){.string_key = "general.architecture", .string = "mamba"},
           NAP_ERR_UNSUPPORTED, "mamba", "qwen3");
    refuse("llama", (tiny_change){.string_key = "general.architecture", .string = ""},
           NAP_ERR_UNSUPPORTED, "\"\"", "gemma3");
    refuse("llama", (tiny_change){.string_key = "llama.rope.scaling.type", .string = "longrope"},
           NAP_ERR_UNSUPPORTED, "longrope", "yarn");
}

/* ------------------------------------------------------------------ memory and options */

static void refuse_options(nap_engine_options o, nap_status expected, const char *word)
{
    nap_error e;
    nap_model *m;
    nap_engine *g = NULL;
    tiny_require(nap_model_open(&m, tiny_path("llama"), &e), &e);
    assert_int_equal(nap_engine_create(&g, m, &o, &e), expected);
    assert_null(g);
    if (!strstr(e.text, word)) fail_msg("found \"%s\", expected \"%s\" in it", e.text, word);
    nap_model_close(m);
}

static void test_options(void **state)
{
    (void)state;
    refuse_options((nap_engine_options){.max_memory = 100000}, NAP_ERR_MEMORY, "smaller model");
    refuse_options((nap_engine_options){.max_memory = 64 << 20, .context = 1000000}, NAP_ERR_MEMORY,
                   "ask for at most");
    refuse_options((nap_engine_options){.threads = -1}, NAP_ERR_ARGUMENT, "threads");
    refuse_options((nap_engine_options){.threads = 100000}, NAP_ERR_ARGUMENT, "threads");
    refuse_options((nap_engine_options){.cpu = "z80"}, NAP_ERR_ARGUMENT, "z80");
    refuse_options((nap_engine_options){.path = (nap_path)9}, NAP_ERR_ARGUMENT, "path");
    refuse_options((nap_engine_options){.rounding = (nap_rounding)2}, NAP_ERR_ARGUMENT, "rounding");
    refuse_options((nap_engine_options){.batch = SIZE_MAX}, NAP_ERR_ARGUMENT, "batch");
    refuse_options((nap_engine_options){.context = SIZE_MAX}, NAP_ERR_ARGUMENT, "context");
    refuse_options((nap_engine_options){.reserved = {1}}, NAP_ERR_ARGUMENT, "reserved");
}

static bool stop(void *user, const char *stage, uint64_t done, uint64_t total)
{
    (void)user;
    (void)stage;
    return done * 2 < total;
}

static void test_cancelled_load(void **state)
{
    (void)state;
    refuse_options((nap_engine_options){.progress = stop}, NAP_ERR_CANCELLED, "cancelled");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tensors),      cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_missing_keys), cmocka_unit_test(test_strings),
        cmocka_unit_test(test_options),      cmocka_unit_test(test_cancelled_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
