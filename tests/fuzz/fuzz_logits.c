/* Any bytes as a file of reference logits: a named error, or a file every row of which can be read
 * or is refused by name, and scored against. */
#include "fuzz.h"

#include "base/alloc.h"
#include "measure/score.h"

#include <math.h>
#include <string.h>

static void look_at_rows(const nap_kl_reader *r)
{
    const size_t vocab = nap_kl_vocab(r), context = nap_kl_context(r);
    uint16_t *codes = nap_calloc(vocab, sizeof *codes);
    float *logits = nap_calloc(vocab, sizeof *logits);
    FUZZ_CHECK(codes != NULL && logits != NULL);
    for (size_t i = 0; i < vocab; i++) logits[i] = (float)(i % 7);
    nap_error e;
    nap_kl_row row;
    for (size_t chunk = 0; chunk < nap_kl_chunks(r); chunk++) {
        const nap_token *tokens = nap_kl_tokens(r) + chunk * context;
        for (size_t i = 0; i < nap_kl_scored(context); i++) {
            e.text[0] = '\0';
            if (nap_kl_read(r, chunk, i, codes, &row, &e) != NAP_OK) {
                FUZZ_CHECK(e.code == NAP_ERR_FORMAT && e.text[0] != '\0');
                continue;
            }
            const nap_token next = tokens[nap_kl_first(context) + i + 1];
            FUZZ_CHECK(next >= 0 && (size_t)next < vocab);
            const nap_score s = nap_score_compare(logits, vocab, &row, next);
            FUZZ_CHECK(isfinite(s.nll));
        }
        FUZZ_CHECK(nap_kl_read(r, chunk, nap_kl_scored(context), codes, &row, &e) ==
                   NAP_ERR_ARGUMENT);
    }
    FUZZ_CHECK(nap_kl_read(r, nap_kl_chunks(r), 0, codes, &row, &e) == NAP_ERR_ARGUMENT);
    nap_free(codes);
    nap_free(logits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nap_error e = {.text = ""};
    nap_source *source;
    if (nap_source_memory(&source, "fuzz", data, size, &e) != NAP_OK) return 0;
    nap_kl_reader *r = NULL;
    if (nap_kl_open(&r, source, &e) == NAP_OK) {
        look_at_rows(r);
    } else {
        FUZZ_CHECK(r == NULL && e.text[0] != '\0');
    }
    nap_kl_close(r);
    return 0;
}
