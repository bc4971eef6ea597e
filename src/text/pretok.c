/* What the named pre-tokenizers do, as data. The expressions are those of llama.cpp 0.3.36
 * (src/llama-vocab.cpp, llm_tokenizer_bpe), which collected them from the models' own
 * tokenizer.json files; each table below quotes what it stands for. */
#include "text/pretok.h"

#include <string.h>

#define N NAP_UC_NUMBER
#define L NAP_UC_LETTER
#define M NAP_UC_MARK
#define P NAP_UC_PUNCT
#define S NAP_UC_SYMBOL
#define SPACE NAP_UC_SPACE
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define RANGES(a) .ranges = (a), .n_ranges = COUNT(a)

/* clang-format off */
static const uint32_t cased_scripts[][2] = {
    {0x41, 0x5a}, {0x61, 0x7a}, {0xb5, 0xb5}, {0xc0, 0xd6}, {0xd8, 0xf6}, {0xf8, 0x1ba},
    {0x1bc, 0x1bf}, {0x1c4, 0x293}, {0x295, 0x2af}, {0x370, 0x373}, {0x376, 0x377}, {0x37b,
    0x37d}, {0x37f, 0x37f}, {0x386, 0x386}, {0x388, 0x38a}, {0x38c, 0x38c}, {0x38e, 0x3a1},
    {0x3a3, 0x3f5}, {0x3f7, 0x481}, {0x48a, 0x52f}, {0x531, 0x556}, {0x10a0, 0x10c5}, {0x13a0,
    0x13f5}, {0x13f8, 0x13fd}, {0x1c90, 0x1cba}, {0x1cbd, 0x1cbf}, {0x1d00, 0x1d2b}, {0x1d6b,
    0x1d77}, {0x1d79, 0x1d9a}, {0x1e00, 0x1f15}, {0x1f18, 0x1f1d}, {0x1f20, 0x1f45}, {0x1f48,
    0x1f4d}, {0x1f50, 0x1f57}, {0x1f59, 0x1f59}, {0x1f5b, 0x1f5b}, {0x1f5d, 0x1f5d}, {0x1f5f,
    0x1f7d}, {0x1f80, 0x1fb4}, {0x1fb6, 0x1fbc}, {0x1fbe, 0x1fbe}, {0x1fc2, 0x1fc4}, {0x1fc6,
    0x1fcc}, {0x1fd0, 0x1fd3}, {0x1fd6, 0x1fdb}, {0x1fe0, 0x1fec}, {0x1ff2, 0x1ff4}, {0x1ff6,
    0x1ffc}, {0x2102, 0x2102}, {0x2107, 0x2107}, {0x210a, 0x2113}, {0x2115, 0x2115}, {0x2119,
    0x211d}, {0x2124, 0x2124}, {0x2126, 0x2126}, {0x2128, 0x2128}, {0x212a, 0x212d}, {0x212f,
    0x2134}, {0x2139, 0x2139}, {0x213c, 0x213f}, {0x2145, 0x2149}, {0x214e, 0x214e}, {0x2183,
    0x2184}, {0x2c00, 0x2c7b}, {0x2c7e, 0x2ce4}, {0x2ceb, 0x2cee}, {0x2cf2, 0x2cf3}, {0xa640,
    0xa66d}, {0xa680, 0xa69b}, {0xa722, 0xa76f}, {0xa771, 0xa787}, {0xa78b, 0xa78e}, {0xab70,
    0xabbf}, {0xfb00, 0xfb06}, {0xfb13, 0xfb17}, {0xff21, 0xff3a}, {0xff41, 0xff5a}, {0x10400,
    0x1044f}, {0x104b0, 0x104d3}, {0x104d8, 0x104fb}, {0x10c80, 0x10cb2}, {0x10cc0, 0x10cf2},
    {0x118a0, 0x118df}, {0x1e900, 0x1e943}};
static const uint32_t deepseek_punct[][2] = {
    {0x21, 0x2f}, {0x3a, 0x7e}, {0x2018, 0x201f}, {0x3000, 0x3002}, {0xff01, 0xff0f}, {0xff1a,
    0xff5e}};
static const uint32_t cjk_hangul[][2] = {{0x800, 0x9fa5}, {0xac00, 0xd7ff}};
static const uint32_t cjk_kana[][2] = {{0x3040, 0x30ff}, {0x4e00, 0x9fa5}};
static const uint32_t hangul[][2] = {{0x3131, 0x318e}, {0xac00, 0xd7a3}};
static const uint32_t cjk_punct[][2] = {
    {0x2014, 0x2014}, {0x2018, 0x2019}, {0x201c, 0x201d}, {0x2026, 0x2026}, {0x3001, 0x303f},
    {0xfe30, 0xfe4f}, {0xff01, 0xff01}, {0xff0c, 0xff0c}, {0xff1a, 0xff1b}};
static const uint32_t bopomofo[][2] = {{0x3105, 0x312f}};
static const uint32_t asian_scripts[][2] = {
    {0xe40, 0xeff}, {0x1000, 0x109f}, {0x1100, 0x11ff}, {0x1780, 0x17ff}, {0x2f00, 0x2fdf},
    {0x3040, 0x30ff}, {0x3400, 0x4dbf}, {0x4e00, 0xfaff}, {0xff65, 0xff9f}};

static const uint32_t sentence_ends[][2] = {
    {0x21, 0x21}, {0x28, 0x28}, {0x29, 0x29}, {0x2c, 0x2c}, {0x2e, 0x2e}, {0x3f, 0x3f}, {0x7c,
    0x7c}, {0x60c, 0x60c}, {0x6d4, 0x6d4}, {0x964, 0x964}, {0x2026, 0x2026}, {0x3001, 0x3001},
    {0x3002, 0x3002}, {0xff0c, 0xff0c}};

static const uint32_t digits[][2] = {{'0', '9'}};
static const uint32_t falcon_symbols[][2] = {
    {'$', '$'}, {'+', '+'}, {'<', '>'}, {'^', '^'}, {'`', '`'}, {'|', '|'}, {'~', '~'}};
static const uint32_t default_symbols[][2] = {
    {'$', '$'}, {'+', '+'}, {'<', '>'}, {'^', '^'}, {'|', '|'}, {'~', '~'}};
static const uint32_t ascii_punct[][2] = {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}};
static const uint32_t line_ends[][2] = {{'\n', '\n'}, {'\r', '\r'}};

/* 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S) */
static const nap_word_rule gpt2_words = {
    .word = NAP_WORD_SPACED, .contraction = NAP_CONTRACT_LOWER, .letters = L,
    .other = SPACE | L | N, .other_inverted = true, .tail = ""};
/* (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*
 * |\s*[\r\n]+|\s+(?!\S)|\s+ ; those below are variations of it */
#define LLAMA3                                                                              \
    .word = NAP_WORD_PREFIXED, .contraction = NAP_CONTRACT_ANY, .letters = L, .no_prefix = L | N, \
    .digits = 3, .other = SPACE | L | N, .other_inverted = true, .tail = "\r\n",            \
    .newline = NAP_NEWLINE_RUN
static const nap_word_rule llama3_words = {LLAMA3};
#define VARIANT(name, ...)                                                                  \
    _Pragma("GCC diagnostic push")                                                          \
    _Pragma("GCC diagnostic ignored \"-Woverride-init\"")                                   \
    static const nap_word_rule name = {LLAMA3, __VA_ARGS__};                                \
    _Pragma("GCC diagnostic pop")
/* \s{512}(?!\S)|\s{256}(?!\S)| ... |\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1} at the end */
VARIANT(jais2_words, .space_cascade = true)
VARIANT(qwen2_words, .digits = 1)
VARIANT(minicpm5_words, .digits = 0)
VARIANT(ufakzeka_words, .digits = 1, .contraction = NAP_CONTRACT_NONE)
/* [\p{L}\p{M}]+ for words */
VARIANT(qwen35_words, .digits = 1, .letters = L | M, .other = SPACE | L | M | N)
/* ?[^\s\p{L}\p{N}\r\n]+ without newlines after it */
VARIANT(seed_words, .digits = 1, .tail = "")
/* (?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+ for words, and [\r\n/]? after others */
VARIANT(exaone_moe_words, .digits = 1, .word = NAP_WORD_PHRASE, .tail = "\r\n/",
        .tail_once = true)
/* U*W+|U+W* for words, with U a letter but a-z, W a letter but A-Z; [\r\n/]* after others */
VARIANT(tekken_words, .digits = 1, .word = NAP_WORD_CASED, .contraction = NAP_CONTRACT_NONE,
        .tail = "\r\n/")
VARIANT(gpt4o_words, .word = NAP_WORD_CASED, .contraction = NAP_CONTRACT_SUFFIX, .tail = "\r\n/")
VARIANT(granite_multi_words, .word = NAP_WORD_CASED, .contraction = NAP_CONTRACT_SUFFIX,
        .tail = "\r\n/", .letters = L | M)
/* [\p{L}\p{M}]+(?i:'s|...)? for words */
VARIANT(aya_words, .contraction = NAP_CONTRACT_SUFFIX, .tail = "\r\n/", .letters = L | M)
VARIANT(youtu_words, .contraction = NAP_CONTRACT_SUFFIX, .tail = "\r\n/", .letters = L | M,
        .digits = 1)
VARIANT(kimi_words, .word = NAP_WORD_HAN, .contraction = NAP_CONTRACT_SUFFIX)
/* [!-/:-@\[-`{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*
 * |\s*[\r\n]+|\s+(?!\S)|\s+ */
VARIANT(deepseek3_words, .contraction = NAP_CONTRACT_NONE, .letters = L | M,
        .no_prefix = L | P | S, .digits = -1, .other = P | S, .other_inverted = false,
        .punct_word = true)
VARIANT(spark_words, .contraction = NAP_CONTRACT_NONE, .letters = L | M,
        .no_prefix = L | P | S, .digits = -1, .other = P | S, .other_inverted = false,
        .punct_word = true, .tail = "", .newline = NAP_NEWLINE_SINGLE)

#define RUN(name, lead_, min_, max_, ...)                                                   \
    static const nap_run_rule name = {                                                      \
        .lead = (lead_), .min = (min_), .max = (max_), .n_sets = 1, .sets = {{__VA_ARGS__}}};
RUN(number, NAP_LEAD_NONE, 1, 1, .classes = N)
RUN(number3, NAP_LEAD_NONE, 1, 3, .classes = N)
RUN(numbers, NAP_LEAD_NONE, 1, 0, .classes = N)
RUN(three_digits, NAP_LEAD_NONE, 3, 3, RANGES(digits))
RUN(line_end, NAP_LEAD_NONE, 1, 1, RANGES(line_ends))
RUN(falcon_punct, NAP_LEAD_NONE, 1, 0, .classes = P, RANGES(falcon_symbols))
RUN(default_punct, NAP_LEAD_NONE, 1, 0, .classes = P, RANGES(default_symbols))
RUN(deepseek_words, NAP_LEAD_SPACE, 1, 0, RANGES(cased_scripts))
RUN(deepseek_marks, NAP_LEAD_SPACE, 1, 0, RANGES(deepseek_punct))
RUN(letters, NAP_LEAD_SPACE, 1, 0, .classes = L)
RUN(punct, NAP_LEAD_SPACE, 1, 0, .classes = P)
RUN(east_asian, NAP_LEAD_NONE, 1, 0, RANGES(cjk_hangul))
RUN(chinese_kana, NAP_LEAD_NONE, 1, 0, RANGES(cjk_kana))
RUN(asian, NAP_LEAD_NONE, 1, 0, RANGES(asian_scripts))
RUN(one_punct, NAP_LEAD_NONE, 1, 1, .classes = P, RANGES(ascii_punct))
RUN(phrase, NAP_LEAD_BLANK, 1, 0, .classes = SPACE, RANGES(sentence_ends), .inverted = true)
RUN(no_space, NAP_LEAD_NONE, 1, 0, .classes = SPACE, .inverted = true)
static const nap_run_rule youtu_runs = {
    .min = 1, .n_sets = 4,
    .sets = {{RANGES(hangul)}, {RANGES(cjk_punct)}, {RANGES(bopomofo)}, {RANGES(cjk_kana)}}};

#define WORDS(r) {nap_match_words, &(r), NULL}
#define SET(r) {nap_match_run, NULL, &(r)}
#define OWN(f) {f, NULL, NULL}
#define STEPS(name, ...) static const nap_step name[] = {__VA_ARGS__};
STEPS(gpt2, WORDS(gpt2_words))
STEPS(starcoder, SET(number), WORDS(gpt2_words))
STEPS(falcon, SET(falcon_punct), WORDS(gpt2_words), SET(three_digits))
STEPS(plain, SET(default_punct), WORDS(gpt2_words), SET(numbers), SET(three_digits))
STEPS(llama3, WORDS(llama3_words))
STEPS(jais2, WORDS(jais2_words))
STEPS(qwen2, WORDS(qwen2_words))
STEPS(qwen35, WORDS(qwen35_words))
STEPS(ufakzeka, WORDS(ufakzeka_words))
STEPS(seed, WORDS(seed_words))
STEPS(exaone_moe, WORDS(exaone_moe_words))
STEPS(tekken, WORDS(tekken_words))
STEPS(gpt4o, WORDS(gpt4o_words))
STEPS(granite_multi, WORDS(granite_multi_words))
STEPS(kimi, WORDS(kimi_words))
STEPS(aya, OWN(nap_match_grouped_digits), WORDS(aya_words))
STEPS(youtu, SET(youtu_runs), WORDS(youtu_words))
STEPS(minicpm5, SET(number3), WORDS(minicpm5_words))
STEPS(deepseek_llm, SET(line_end), SET(deepseek_words), SET(deepseek_marks),
      OWN(nap_match_final_spaces), SET(east_asian), SET(numbers))
STEPS(deepseek_coder, SET(line_end), SET(letters), SET(punct), SET(east_asian), SET(number))
STEPS(deepseek3, SET(number3), SET(chinese_kana), WORDS(deepseek3_words))
STEPS(spark, SET(number3), SET(chinese_kana), WORDS(spark_words), SET(number))
STEPS(afmoe, OWN(nap_match_grouped_digits), SET(asian), WORDS(deepseek3_words))
STEPS(bloom, SET(phrase))
STEPS(viking, SET(phrase), SET(number))
STEPS(chameleon, OWN(nap_match_sentinel), OWN(nap_match_image), OWN(nap_match_indent),
      SET(number), SET(one_punct), WORDS(gpt2_words))
STEPS(superbpe, SET(numbers), OWN(nap_match_thousands))
STEPS(laguna, OWN(nap_match_line), WORDS(qwen2_words))
STEPS(lines, OWN(nap_match_line))
STEPS(whitespace, SET(no_space))

#define WHOLE NAP_PRE_WHOLE_WORDS
#define BOS NAP_PRE_ADD_BOS
#define GEMMA (NAP_PRE_RAW | NAP_PRE_ESCAPE | NAP_PRE_NEWLINES | NAP_PRE_ADD_BOS)
#define ROW(name, steps, flags) {name, steps, COUNT(steps), flags}
static const nap_pretok table[] = {
    ROW("default", plain, 0),
    ROW("a.x-4.0", gpt2, 0),
    ROW("afmoe", afmoe, 0),
    ROW("bailingmoe", qwen2, 0),
    ROW("bailingmoe2", qwen2, 0),
    ROW("bloom", bloom, 0),
    ROW("chameleon", chameleon, BOS),
    ROW("chatglm-bpe", llama3, NAP_PRE_NO_BOS),
    ROW("codeshell", starcoder, 0),
    ROW("cohere2moe", aya, 0),
    ROW("command-r", starcoder, 0),
    ROW("dbrx", llama3, 0),
    ROW("deepseek-coder", deepseek_coder, 0),
    ROW("deepseek-llm", deepseek_llm, 0),
    ROW("deepseek-r1-qwen", qwen2, 0),
    ROW("deepseek-v3", deepseek3, 0),
    ROW("exaone", starcoder, 0),
    ROW("exaone-moe", exaone_moe, 0),
    ROW("exaone4", gpt2, 0),
    ROW("f2llmv2", qwen2, 0),
    ROW("falcon", falcon, 0),
    ROW("falcon-h1", llama3, WHOLE | BOS),
    ROW("falcon3", llama3, WHOLE | BOS),
    ROW("gemma4", lines, GEMMA),
    ROW("gigachat", gpt2, 0),
    ROW("glm4", llama3, WHOLE | NAP_PRE_NO_BOS),
    ROW("glm5", llama3, WHOLE | NAP_PRE_NO_BOS),
    ROW("gpt-2", gpt2, 0),
    ROW("gpt-4o", gpt4o, 0),
    ROW("gpt3-finnish", bloom, 0),
    ROW("granite-docling", gpt2, 0),
    ROW("granite-embed-multi-311m", lines, GEMMA),
    ROW("granite-embed-multi-97m", granite_multi, WHOLE),
    ROW("grok-2", qwen2, 0),
    ROW("hunyuan", qwen2, 0),
    ROW("hunyuan-dense", deepseek3, 0),
    ROW("hy_v4", deepseek3, 0),
    ROW("jais", gpt2, 0),
    ROW("jais-2", jais2, 0),
    ROW("jina-de", gpt2, 0),
    ROW("jina-es", gpt2, 0),
    ROW("jina-v1-en", gpt2, 0),
    ROW("jina-v2-code", gpt2, 0),
    ROW("jina-v2-de", gpt2, 0),
    ROW("jina-v2-es", gpt2, 0),
    ROW("jina-v5-nano", llama3, WHOLE | BOS),
    ROW("joyai-llm", deepseek3, 0),
    ROW("kanana2", gpt4o, 0),
    ROW("kimi-k2", kimi, 0),
    ROW("kormo", qwen2, 0),
    ROW("laguna", laguna, 0),
    ROW("lfm2", llama3, WHOLE | BOS),
    ROW("llada-moe", qwen2, 0),
    ROW("llama-bpe", llama3, WHOLE | BOS),
    ROW("llama-v3", llama3, WHOLE | BOS),
    ROW("llama3", llama3, WHOLE | BOS),
    ROW("llama4", gpt4o, 0),
    ROW("megrez", qwen2, 0),
    ROW("mellum", gpt2, 0),
    ROW("mellum2", starcoder, 0),
    ROW("midm-2.0", llama3, WHOLE | BOS),
    ROW("minerva-7b", starcoder, 0),
    ROW("minicpm5", minicpm5, WHOLE),
    ROW("minimax-m2", gpt4o, 0),
    ROW("modern-bert", gpt2, 0),
    ROW("mpt", gpt2, 0),
    ROW("olmo", gpt2, 0),
    ROW("phi-2", gpt2, 0),
    ROW("pixtral", llama3, WHOLE | BOS),
    ROW("poro-chat", bloom, 0),
    ROW("qwen2", qwen2, 0),
    ROW("qwen35", qwen35, 0),
    ROW("refact", starcoder, 0),
    ROW("roberta-bpe", gpt2, 0),
    ROW("sarvam-moe", lines, NAP_PRE_RAW | NAP_PRE_ESCAPE),
    ROW("seed-coder", seed, 0),
    ROW("smaug-bpe", llama3, 0),
    ROW("smollm", starcoder, 0),
    ROW("solar-open", qwen2, 0),
    ROW("spark2_5", spark, 0),
    ROW("stablelm2", qwen2, 0),
    ROW("starcoder", starcoder, 0),
    ROW("superbpe", superbpe, 0),
    ROW("talkie", gpt4o, 0),
    ROW("tekken", tekken, WHOLE | BOS),
    ROW("tiny_aya", aya, 0),
    ROW("trillion", gpt2, 0),
    ROW("ufakzeka", ufakzeka, 0),
    ROW("viking", viking, 0),
    ROW("whitespace", whitespace, NAP_PRE_RAW),
    ROW("youtu", youtu, WHOLE),
};
/* clang-format on */

const nap_pretok *nap_pretok_at(size_t i)
{
    return i < COUNT(table) ? &table[i] : NULL;
}

const nap_pretok *nap_pretok_find(const char *name)
{
    if (*name == 0) return &table[0];
    for (size_t i = 0; i < COUNT(table); i++) {
        if (strcmp(table[i].name, name) == 0) return &table[i];
    }
    return NULL;
}
