#include "measure/klfile.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"
#include "file/replace.h"

#include <math.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rows are copied as they are");

enum { HEADER = 20, ROW_HEAD = 8 };
static const char magic[8] = "_logits_";

static uint64_t row_bytes(uint64_t vocab)
{
    return ROW_HEAD + 2 * (vocab + vocab % 2);
}

/* ------------------------------------------------------------------ reading */

struct nap_kl_reader {
    nap_source *source;
    size_t context, vocab, chunks;
    nap_token *tokens;
    uint64_t rows_at; /* offset of the first row */
};

static nap_status bad(const nap_kl_reader *r, uint64_t offset, const char *field, int64_t found,
                      const char *expected, nap_error *e)
{
    return nap_fail(e, NAP_ERR_FORMAT, offset, "%s: %s: found %lld, expected %s",
                    nap_source_path(r->source), field, (long long)found, expected);
}

static nap_status read_header(nap_kl_reader *r, nap_error *e)
{
    uint8_t head[HEADER];
    NAP_TRY(nap_source_read(r->source, 0, head, sizeof head, e));
    if (memcmp(head, magic, sizeof magic) != 0)
        return nap_fail(e, NAP_ERR_FORMAT, 0,
                        "%s: does not begin with \"_logits_\": not a file of reference logits",
                        nap_source_path(r->source));
    uint32_t context;
    int32_t vocab, chunks;
    memcpy(&context, head + 8, 4);
    memcpy(&vocab, head + 12, 4);
    memcpy(&chunks, head + 16, 4);
    if (context < NAP_KL_MIN_CONTEXT || context > NAP_KL_MAX_CONTEXT)
        return bad(r, 8, "context", context, "4 to 1048576", e);
    if (vocab < 1) return bad(r, 12, "vocabulary", vocab, "at least 1", e);
    if (chunks < 1) return bad(r, 16, "chunks", chunks, "at least 1", e);
    r->context = context;
    r->vocab = (size_t)vocab;
    r->chunks = (size_t)chunks;
    return NAP_OK;
}

/* The whole file's size follows from the header: anything else is a cut or another file. */
static nap_status check_size(nap_kl_reader *r, uint64_t *token_bytes, nap_error *e)
{
    const uint64_t size = nap_source_size(r->source);
    uint64_t n_tokens, rows, bytes, end;
    const bool ok = nap_mul_ok(r->chunks, r->context, &n_tokens) &&
                    nap_mul_ok(n_tokens, sizeof(nap_token), token_bytes) &&
                    nap_mul_ok(r->chunks, nap_kl_scored(r->context), &rows) &&
                    nap_mul_ok(rows, row_bytes(r->vocab), &bytes) &&
                    nap_add_ok(HEADER, *token_bytes, &r->rows_at) &&
                    nap_add_ok(r->rows_at, bytes, &end);
    if (!ok || end != size)
        return nap_fail(e, NAP_ERR_FORMAT, size,
                        "%s: %llu bytes, but %zu chunks of %zu tokens over a vocabulary of %zu "
                        "take %llu",
                        nap_source_path(r->source), (unsigned long long)size, r->chunks, r->context,
                        r->vocab, ok ? (unsigned long long)end : UINT64_MAX);
    return NAP_OK;
}

static nap_status read_tokens(nap_kl_reader *r, uint64_t bytes, nap_error *e)
{
    size_t n;
    if (!nap_to_size_ok(bytes, &n) || !(r->tokens = nap_alloc(n)))
        return nap_fail_memory(e, (size_t)bytes, nap_source_path(r->source));
    NAP_TRY(nap_source_read(r->source, HEADER, r->tokens, n, e));
    for (size_t i = 0; i < n / sizeof *r->tokens; i++) {
        if (r->tokens[i] >= 0 && (size_t)r->tokens[i] < r->vocab) continue;
        return bad(r, HEADER + i * sizeof *r->tokens, "token", r->tokens[i],
                   "an id inside the vocabulary", e);
    }
    return NAP_OK;
}

nap_status nap_kl_open(nap_kl_reader **out, nap_source *s, nap_error *e)
{
    *out = NULL;
    nap_kl_reader *r = nap_calloc(1, sizeof *r);
    if (!r) {
        nap_source_close(s);
        return nap_fail_memory(e, sizeof *r, "a file of reference logits");
    }
    r->source = s;
    uint64_t token_bytes = 0;
    nap_status status = read_header(r, e);
    if (status == NAP_OK) status = check_size(r, &token_bytes, e);
    if (status == NAP_OK) status = read_tokens(r, token_bytes, e);
    if (status != NAP_OK) {
        nap_kl_close(r);
        return status;
    }
    *out = r;
    return NAP_OK;
}

void nap_kl_close(nap_kl_reader *r)
{
    if (!r) return;
    nap_source_close(r->source);
    nap_free(r->tokens);
    nap_free(r);
}

size_t nap_kl_context(const nap_kl_reader *r)
{
    return r->context;
}

size_t nap_kl_vocab(const nap_kl_reader *r)
{
    return r->vocab;
}

size_t nap_kl_chunks(const nap_kl_reader *r)
{
    return r->chunks;
}

const nap_token *nap_kl_tokens(const nap_kl_reader *r)
{
    return r->tokens;
}

nap_status nap_kl_read(const nap_kl_reader *r, size_t chunk, size_t index, uint16_t *codes,
                       nap_kl_row *row, nap_error *e)
{
    const size_t per_chunk = nap_kl_scored(r->context);
    if (chunk >= r->chunks || index >= per_chunk)
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET, "row %zu of chunk %zu is not in %s",
                        index, chunk, nap_source_path(r->source));
    /* No overflow: check_size has shown that all rows lie inside the file. */
    const uint64_t at = r->rows_at + (chunk * per_chunk + index) * row_bytes(r->vocab);
    float head[2];
    NAP_TRY(nap_source_read(r->source, at, head, sizeof head, e));
    NAP_TRY(nap_source_read(r->source, at + ROW_HEAD, codes, r->vocab * sizeof *codes, e));
    row->step = head[0];
    row->least = head[1];
    row->code = codes;
    if (!(row->step >= 0 && row->step <= 1e6f))
        return nap_fail(e, NAP_ERR_FORMAT, at, "%s: row's step: found %g, expected 0 to 1e6",
                        nap_source_path(r->source), (double)row->step);
    if (!(fabsf(row->least) <= 1e6f))
        return nap_fail(e, NAP_ERR_FORMAT, at + 4,
                        "%s: row's least log-probability: found %g, expected -1e6 to 1e6",
                        nap_source_path(r->source), (double)row->least);
    return NAP_OK;
}

/* ------------------------------------------------------------------ writing */

struct nap_kl_writer {
    nap_replace *file;
    size_t vocab, rows_left;
};

nap_status nap_kl_create(nap_kl_writer **out, const char *path, size_t context, size_t vocab,
                         size_t chunks, const nap_token *tokens, nap_error *e)
{
    *out = NULL;
    uint64_t n_tokens, bytes;
    if (context < NAP_KL_MIN_CONTEXT || context > NAP_KL_MAX_CONTEXT || vocab > INT32_MAX ||
        chunks > INT32_MAX || !nap_mul_ok(chunks, context, &n_tokens) ||
        !nap_mul_ok(n_tokens, sizeof *tokens, &bytes) || bytes > SIZE_MAX)
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "%s: %zu chunks of %zu tokens over a vocabulary of %zu do not fit the "
                        "file's format",
                        path, chunks, context, vocab);
    nap_kl_writer *w = nap_calloc(1, sizeof *w);
    if (!w) return nap_fail_memory(e, sizeof *w, path);
    w->vocab = vocab;
    w->rows_left = chunks * nap_kl_scored(context);
    const int32_t numbers[3] = {(int32_t)context, (int32_t)vocab, (int32_t)chunks};
    nap_status status = nap_replace_open(&w->file, path, e);
    if (status == NAP_OK) status = nap_replace_put(w->file, magic, sizeof magic, e);
    if (status == NAP_OK) status = nap_replace_put(w->file, numbers, sizeof numbers, e);
    if (status == NAP_OK) status = nap_replace_put(w->file, tokens, (size_t)bytes, e);
    if (status != NAP_OK) {
        nap_kl_abandon(w);
        return status;
    }
    *out = w;
    return NAP_OK;
}

nap_status nap_kl_write(nap_kl_writer *w, const nap_kl_row *row, nap_error *e)
{
    if (w->rows_left == 0)
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET, "more rows than the file was made for");
    const float head[2] = {row->step, row->least};
    NAP_TRY(nap_replace_put(w->file, head, sizeof head, e));
    NAP_TRY(nap_replace_put(w->file, row->code, w->vocab * sizeof *row->code, e));
    const uint16_t pad = 0;
    if (w->vocab % 2) NAP_TRY(nap_replace_put(w->file, &pad, sizeof pad, e));
    w->rows_left--;
    return NAP_OK;
}

nap_status nap_kl_finish(nap_kl_writer *w, nap_error *e)
{
    if (w->rows_left > 0) {
        const size_t left = w->rows_left;
        nap_kl_abandon(w);
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET, "%zu rows were not written", left);
    }
    const nap_status status = nap_replace_commit(w->file, e); /* closes it in every case */
    nap_free(w);
    return status;
}

void nap_kl_abandon(nap_kl_writer *w)
{
    if (!w) return;
    nap_replace_cancel(w->file);
    nap_free(w);
}
