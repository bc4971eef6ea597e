/* Any bytes as a vocabulary and a text: a named error, or ids that are in range, that hold no
 * control token unless asked for, and that decode.
 *
 * Input: model, pre-tokenizer, flags, type seed, number of strings; then strings, a length byte
 * each: tokens, and with flag 8 every third one a merge, with flag 16 the last one a character
 * map. The rest is the text. Flag 32 puts the 256 byte tokens first, so that texts come back. */
#include "fuzz.h"

#include "text/pretok.h"
#include "text/vocab_impl.h"

#include <string.h>

enum { MERGES = 8, CHARSMAP = 16, BYTES = 32, MAX_STRINGS = 255 };

typedef struct input {
    const uint8_t *data;
    size_t size;
} input;

static uint8_t next(input *in)
{
    if (in->size == 0) return 0;
    in->size--;
    return *in->data++;
}

static nap_text next_string(input *in)
{
    size_t len = next(in);
    if (len > in->size) len = in->size;
    const nap_text s = {(const char *)in->data, len};
    in->data += len;
    in->size -= len;
    return s;
}

/* The byte tokens of the model: GPT-2's alphabet, or "<0x..>". */
static void byte_tokens(bool alphabet, char bytes[256][8], nap_text *tokens, int32_t *types)
{
    for (int b = 0; b < 256; b++) {
        types[b] = alphabet ? NAP_TOKEN_NORMAL : NAP_TOKEN_BYTE;
        tokens[b].data = bytes[b];
        tokens[b].len = alphabet ? nap_utf8_encode(nap_byte_char((uint8_t)b), bytes[b])
                                 : (size_t)snprintf(bytes[b], 8, "<0x%02X>", (unsigned)b);
    }
}

static void encode(const nap_vocab *v, const input *text, unsigned flags)
{
    nap_token *ids = NULL;
    size_t n = 0, len = 0;
    char *back = NULL;
    const char *bytes = (const char *)text->data;
    nap_error e;
    FUZZ_CHECK(nap_tokenize(v, bytes, text->size, flags, &ids, &n, &e) == NAP_OK);
    for (size_t i = 0; i < n; i++) {
        FUZZ_CHECK(ids[i] >= 0 && (size_t)ids[i] < nap_vocab_size(v));
        FUZZ_CHECK((flags & (NAP_TOKENIZE_PARSE_SPECIAL | NAP_TOKENIZE_ADD_SPECIAL)) ||
                   nap_vocab_type(v, ids[i]) != NAP_TOKEN_CONTROL || ids[i] == v->unk);
    }
    FUZZ_CHECK(nap_detokenize(v, ids, n, NAP_DETOKENIZE_SPECIAL, &back, &len, &e) == NAP_OK);
    nap_text_free(back);
    nap_tokens_free(ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const models[] = {"gpt2", "gemma4", "llama", "t5", "bert", "rwkv"};
    static char bytes[256][8];
    nap_text tokens[256 + MAX_STRINGS], merges[MAX_STRINGS];
    int32_t types[256 + MAX_STRINGS];
    float scores[256 + MAX_STRINGS];
    input in = {data, size};
    nap_vocab_desc d;
    nap_vocab_desc_init(&d);
    d.model = models[next(&in) % 6];
    const nap_pretok *pre = nap_pretok_at(next(&in) % 92);
    d.pre = pre ? pre->name : "unheard of";
    const uint8_t flags = next(&in), seed = next(&in), strings = next(&in);
    size_t n = 0, n_merges = 0;
    if (flags & BYTES) {
        byte_tokens(strcmp(d.model, "gpt2") == 0, bytes, tokens, types);
        n = 256;
    }
    for (size_t i = 0; i < strings; i++) {
        const nap_text s = next_string(&in);
        if ((flags & MERGES) && i % 3 == 2) {
            merges[n_merges++] = s;
        } else if ((flags & CHARSMAP) && i + 1u == strings) {
            d.charsmap = (const uint8_t *)s.data;
            d.charsmap_len = s.len;
        } else {
            types[n] = (int32_t)((i * seed >> 3) % 7);
            tokens[n++] = s;
        }
    }
    for (size_t i = 0; i < n; i++) scores[i] = (float)((i * seed) % 31) - 15.0f;
    d.tokens = tokens;
    d.n_tokens = n;
    d.types = types;
    d.scores = scores;
    d.merges = merges;
    d.n_merges = n_merges;
    d.unk = n > 1 ? 1 : -1;
    d.remove_extra_whitespaces = seed & 1;
    d.name = seed & 2 ? "Phi-3" : "";
    nap_vocab *v = NULL;
    nap_error e;
    const nap_status status = nap_vocab_create(&v, &d, &e);
    if (status != NAP_OK) {
        FUZZ_CHECK(e.text[0] != 0);
        return 0;
    }
    encode(v, &in, flags & (NAP_TOKENIZE_ADD_SPECIAL | NAP_TOKENIZE_PARSE_SPECIAL));
    nap_vocab_destroy(v);
    return 0;
}
