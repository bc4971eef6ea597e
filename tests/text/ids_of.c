/* ids_of VOCAB.gguf: token ids of many texts, for comparisons from scripts.
 *
 * Standard input: records of two little-endian u32, flags (nap_tokenize's, and 256: decode too)
 * and length, then the bytes. Standard output: per record a u32 count and that many i32; with 256
 * one more, 1 if the text came back, at once and streamed. Exit code 1 and a message on failure. */
#include "base/alloc.h"
#include "model/vocab.h"
#include "text/vocab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const char *what, const nap_error *e)
{
    fprintf(stderr, "%s: %s\n", what, e ? e->text : "failed");
    return 1;
}

/* True if the ids decode to the text, at once and streamed. */
static bool comes_back(const nap_vocab *v, const nap_token *ids, size_t n, const char *text,
                       size_t len)
{
    char *back = NULL;
    size_t back_len = 0, at = 0;
    nap_detok *d = NULL;
    const char *piece;
    size_t piece_len;
    bool same = nap_detokenize(v, ids, n, NAP_DETOKENIZE_SPECIAL, &back, &back_len, NULL) == NAP_OK;
    same = same && back_len == len && memcmp(back, text, len) == 0;
    if (same && nap_detok_create(&d, v, NAP_DETOKENIZE_SPECIAL, NULL) == NAP_OK) {
        for (size_t i = 0; same && i <= n; i++) {
            const nap_status s = i < n ? nap_detok_push(d, ids[i], &piece, &piece_len, NULL)
                                       : nap_detok_flush(d, &piece, &piece_len, NULL);
            same = s == NAP_OK && piece_len <= len - at && memcmp(piece, text + at, piece_len) == 0;
            at += same ? piece_len : 0;
        }
        same = same && at == len;
    }
    nap_detok_destroy(d);
    nap_text_free(back);
    return same;
}

int main(int argc, char **argv)
{
    nap_error e = {0};
    nap_gguf *g = NULL;
    nap_vocab *v = NULL;
    char *text = NULL;
    uint32_t head[2];
    int rc = 0;
    if (argc != 2) return fail("usage: ids_of VOCAB.gguf", NULL);
    if (nap_gguf_open(&g, argv[1], &e) != NAP_OK) return fail("open", &e);
    if (nap_vocab_from_gguf(&v, g, &e) != NAP_OK) rc = fail("vocabulary", &e);
    while (rc == 0 && fread(head, sizeof head, 1, stdin) == 1) {
        char *grown = realloc(text, head[1] + 1u);
        nap_token *ids = NULL;
        size_t n;
        if (!grown || (text = grown, fread(text, 1, head[1], stdin) != head[1])) {
            rc = fail("a record", NULL);
        } else if (nap_tokenize(v, text, head[1], head[0] & 0xff, &ids, &n, &e) != NAP_OK) {
            rc = fail("tokenize", &e);
        } else {
            const bool decode = head[0] & 256;
            const uint32_t count = (uint32_t)(n + decode);
            fwrite(&count, sizeof count, 1, stdout);
            fwrite(ids, sizeof *ids, n, stdout);
            if (decode) {
                const int32_t same = comes_back(v, ids, n, text, head[1]);
                fwrite(&same, sizeof same, 1, stdout);
            }
        }
        nap_tokens_free(ids);
    }
    free(text);
    nap_vocab_destroy(v);
    nap_gguf_close(g);
    return rc;
}
