/* napier/tokenizer.h: text to token ids and back.
 *
 * A nap_vocab belongs to the model it came from (nap_model_vocab), is immutable, and may be used
 * from any number of threads. Texts are byte strings with a length: any bytes are accepted, zero
 * bytes and invalid UTF-8 included, and detokenizing gives the same bytes back where the
 * vocabulary can express them: byte-level BPE with a token for every byte, and byte fallback but
 * for U+2581, which stands for a space there. Bytes without a token are left out.
 */
#ifndef NAPIER_TOKENIZER_H
#define NAPIER_TOKENIZER_H

#include "napier/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef int32_t nap_token;
#define NAP_TOKEN_NONE ((nap_token)-1)

typedef struct nap_vocab nap_vocab;

/* What a token is; numbers as in GGUF's tokenizer.ggml.token_type. */
typedef enum nap_token_type {
    NAP_TOKEN_NORMAL = 1,
    NAP_TOKEN_UNKNOWN = 2,
    NAP_TOKEN_CONTROL = 3, /* <|im_end|> and the like: parsed only on request, not printed */
    NAP_TOKEN_USER_DEFINED = 4,
    NAP_TOKEN_UNUSED = 5,
    NAP_TOKEN_BYTE = 6
} nap_token_type;

enum {
    /* Add the beginning and end tokens that the vocabulary asks for. */
    NAP_TOKENIZE_ADD_SPECIAL = 1u << 0,
    /* Recognise control tokens written out in the text. Never for text from a stranger: it lets
     * the text speak for another role. User-defined tokens are recognised always. */
    NAP_TOKENIZE_PARSE_SPECIAL = 1u << 1,
    /* nap_detokenize: print control tokens too (default: they give no text). */
    NAP_DETOKENIZE_SPECIAL = 1u << 2,
    /* nap_detokenize, nap_detok_create: the ids go on from an earlier text. Default: they begin
     * one, and the space that vocabularies of the "spm" kind put before a text is taken off. */
    NAP_DETOKENIZE_CONTINUE = 1u << 3,
    /* nap_tokenize: say in the log how many bytes of the text have no token and are left out. */
    NAP_TOKENIZE_TELL_LOST = 1u << 4
};

/* Encodes `len` bytes. *out is allocated by the library (nap_tokens_free), *n ids long; an empty
 * text gives *n == 0 and a non-NULL *out. Time is linear in len (times its logarithm at most). */
NAP_API nap_status nap_tokenize(const nap_vocab *v, const char *text, size_t len, unsigned flags,
                                nap_token **out, size_t *n, nap_error *e);
NAP_API void nap_tokens_free(nap_token *tokens);

/* Decodes ids to bytes (nap_text_free; NUL-terminated after *len bytes). An id outside the
 * vocabulary is NAP_ERR_ARGUMENT and names its index. */
NAP_API nap_status nap_detokenize(const nap_vocab *v, const nap_token *tokens, size_t n,
                                  unsigned flags, char **out, size_t *len, nap_error *e);
NAP_API void nap_text_free(char *text);

/* Streaming detokenizer: push ids one by one, get text in whole UTF-8 characters. Bytes that may
 * still become a character are held back (never more than 3, and never bytes that cannot); the
 * pieces joined equal nap_detokenize of all ids. *piece stays valid until the next call. */
typedef struct nap_detok nap_detok;
NAP_API nap_status nap_detok_create(nap_detok **out, const nap_vocab *v, unsigned flags,
                                    nap_error *e);
NAP_API nap_status nap_detok_push(nap_detok *d, nap_token t, const char **piece, size_t *len,
                                  nap_error *e);
/* What is still held back, as it is; afterwards the detokenizer starts afresh. */
NAP_API nap_status nap_detok_flush(nap_detok *d, const char **piece, size_t *len, nap_error *e);
NAP_API void nap_detok_destroy(nap_detok *d);

/* Facts. Special ids are NAP_TOKEN_NONE where the vocabulary has none. */
NAP_API size_t nap_vocab_size(const nap_vocab *v);
NAP_API nap_token nap_vocab_bos(const nap_vocab *v);
NAP_API nap_token nap_vocab_eos(const nap_vocab *v);
NAP_API bool nap_vocab_add_bos(const nap_vocab *v);
NAP_API bool nap_vocab_add_eos(const nap_vocab *v);
/* Does generating this token end the answer (eos, eot, eom, <|im_end|>, <end_of_turn> ...)? */
NAP_API bool nap_vocab_is_end(const nap_vocab *v, nap_token t);
/* The token's text as stored in the file (not decoded); NULL if t is out of range. */
NAP_API const char *nap_vocab_text(const nap_vocab *v, nap_token t, size_t *len);
NAP_API nap_token_type nap_vocab_type(const nap_vocab *v, nap_token t);
/* "bpe", "spm", "unigram", "wordpiece", and the pre-tokenizer's name ("smollm", "default"). */
NAP_API const char *nap_vocab_kind(const nap_vocab *v);
NAP_API const char *nap_vocab_pre(const nap_vocab *v);

#ifdef __cplusplus
}
#endif
#endif
