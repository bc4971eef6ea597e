/* Any ids: decoded at once and streamed they give the same bytes, the stream never ends inside a
 * character, and ids out of range are refused. Input: model, flags, then two bytes per id. */
#include "fuzz.h"

#include "text/unicode.h"
#include "text/vocab_impl.h"

#include <string.h>

enum { N_BYTES = 256, MAX_IDS = 512 };

static const char *const words[] = {
    "<s>",          "</s>",     "\xe2\x96\x81",     "\xe2\x96\x81the", "x\xe2\x96\x81y",
    "\xe4\xb8\xad", "\xc4\xa0", "\xf0\x9f\x9a\x80", "\xe4\xb8",        "\xff",
    "<u>",          " ",        "\xe2\x96"};
enum { N_WORDS = sizeof words / sizeof words[0] };

static nap_vocab *make(const char *model)
{
    static char bytes[N_BYTES][8];
    static nap_text tokens[N_BYTES + N_WORDS];
    static int32_t types[N_BYTES + N_WORDS];
    const bool alphabet = strcmp(model, "gpt2") == 0;
    nap_vocab_desc d;
    nap_vocab *v = NULL;
    nap_error e;
    nap_vocab_desc_init(&d);
    for (int b = 0; b < N_BYTES; b++) {
        types[b] = alphabet ? NAP_TOKEN_NORMAL : NAP_TOKEN_BYTE;
        tokens[b].data = bytes[b];
        tokens[b].len = alphabet ? nap_utf8_encode(nap_byte_char((uint8_t)b), bytes[b])
                                 : (size_t)snprintf(bytes[b], 8, "<0x%02X>", (unsigned)b);
    }
    for (int i = 0; i < N_WORDS; i++) {
        tokens[N_BYTES + i] = (nap_text){words[i], strlen(words[i])};
        types[N_BYTES + i] = i < 2 ? NAP_TOKEN_CONTROL : NAP_TOKEN_NORMAL;
    }
    types[N_BYTES + 10] = NAP_TOKEN_USER_DEFINED;
    if (alphabet) tokens[N_BYTES + 6] = (nap_text){"\xc4\xa0x", 3}; /* the space is there already */
    d.model = model;
    d.pre = "gpt-2";
    d.n_tokens = N_BYTES + N_WORDS;
    d.tokens = tokens;
    d.types = types;
    d.unk = 1;
    FUZZ_CHECK(nap_vocab_create(&v, &d, &e) == NAP_OK);
    return v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const models[] = {"gpt2", "gemma4", "llama", "t5", "bert"};
    if (size < 2) return 0;
    nap_vocab *v = make(models[data[0] % 5]);
    const unsigned flags = data[1] & (NAP_DETOKENIZE_SPECIAL | NAP_DETOKENIZE_CONTINUE);
    nap_token ids[MAX_IDS];
    size_t n = 0, len = 0, at = 0, piece_len;
    bool good = true;
    for (size_t i = 2; i + 1 < size && n < MAX_IDS; i += 2) {
        ids[n] = (nap_token)(data[i] | data[i + 1] << 8) % (N_BYTES + N_WORDS + 1);
        good = good && (size_t)ids[n] < nap_vocab_size(v);
        n++;
    }
    char *text = NULL;
    const char *piece;
    nap_detok *d = NULL;
    nap_error e;
    const nap_status status = nap_detokenize(v, ids, n, flags, &text, &len, &e);
    FUZZ_CHECK(status == (good ? NAP_OK : NAP_ERR_ARGUMENT));
    FUZZ_CHECK(nap_detok_create(&d, v, flags, &e) == NAP_OK);
    for (size_t i = 0; good && i < n; i++) {
        FUZZ_CHECK(nap_detok_push(d, ids[i], &piece, &piece_len, &e) == NAP_OK);
        FUZZ_CHECK(piece_len <= len - at && memcmp(piece, text + at, piece_len) == 0);
        at += piece_len;
        for (size_t back = 1; back <= 3 && back <= at; back++) {
            uint32_t cp;
            FUZZ_CHECK(nap_utf8_decode(text + at - back, len - at + back, &cp) <= back);
        }
    }
    if (good) {
        FUZZ_CHECK(nap_detok_flush(d, &piece, &piece_len, &e) == NAP_OK);
        FUZZ_CHECK(piece_len == len - at && piece_len <= 3);
        FUZZ_CHECK(memcmp(piece, text + at, piece_len) == 0);
    }
    nap_detok_destroy(d);
    nap_text_free(text);
    nap_vocab_destroy(v);
    return 0;
}
