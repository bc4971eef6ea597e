/* Reading a model whole: every byte is there, every value is a number, recorded hashes agree.
 *
 * Hashes are those that llama.cpp's gguf-hash prints, kept beside the model in MODEL.manifest, one
 * line each: "sha256  <hex>  <file>:<tensor>" for a tensor's bytes, "sha256  <hex>  <file>" for all
 * tensors' bytes in order. Lines of other algorithms are passed over. */
#include "model/model.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"

#include <errno.h>
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { PIECE = 1 << 20, HEX = 2 * crypto_hash_sha256_BYTES };

/* ------------------------------------------------------------------ manifest */

/* The file's text, NULL if there is none. */
static nap_status read_manifest(const char *model_path, char **out, nap_error *e)
{
    *out = NULL;
    nap_buf path = {0}, text = {0};
    nap_buf_printf(&path, "%s.manifest", model_path);
    if (path.failed) return nap_fail_memory(e, path.len, "a path");
    FILE *f = fopen(path.data, "re");
    nap_status s = NAP_OK;
    if (!f && errno != ENOENT && errno != ENOTDIR) {
        s = nap_fail(e, NAP_ERR_IO, NAP_NO_OFFSET, "%s: %s", path.data, strerror(errno));
    }
    nap_buf_free(&path);
    if (!f) return s;
    char piece[4096];
    size_t n;
    while ((n = fread(piece, 1, sizeof piece, f)) > 0 && nap_buf_put(&text, piece, n)) {
    }
    fclose(f);
    *out = nap_buf_take(&text, NULL);
    return *out ? NAP_OK : nap_fail_memory(e, PIECE, "a manifest");
}

/* The hash of a tensor (or of all: tensor == NULL) in a manifest, into `hex`; false if absent. */
static bool recorded(const char *manifest, const char *tensor, char *hex)
{
    for (const char *line = manifest; line && *line; line = strchr(line, '\n')) {
        while (*line == '\n') line++;
        char found[HEX + 1];
        int at = 0;
        if (sscanf(line, "sha256 %64[0-9a-f] %n", found, &at) != 1 || at == 0) continue;
        const char *name = line + at;
        const size_t len = strcspn(name, "\r\n");
        /* Tensor names hold no colon; file names may. */
        const char *colon = NULL;
        for (const char *p = name; p < name + len; p++) {
            if (*p == ':') colon = p;
        }
        const bool whole = !colon || memchr(colon, '/', len - (size_t)(colon - name));
        const size_t tail = whole ? 0 : len - (size_t)(colon + 1 - name);
        const bool match =
            tensor ? !whole && strlen(tensor) == tail && memcmp(colon + 1, tensor, tail) == 0
                   : whole;
        if (match) {
            memcpy(hex, found, sizeof found);
            return true;
        }
    }
    return false;
}

static nap_status compare_hash(const nap_model *m, const char *manifest, const char *tensor,
                               crypto_hash_sha256_state *state, nap_verify_report *r, nap_error *e)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    char hex[HEX + 1], expected[HEX + 1];
    crypto_hash_sha256_final(state, digest);
    if (!manifest || !recorded(manifest, tensor, expected)) return NAP_OK;
    sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
    r->hashes++;
    if (strcmp(hex, expected) == 0) return NAP_OK;
    return nap_fail(e, NAP_ERR_HASH, NAP_NO_OFFSET, "%s: %s: SHA-256: found %s, expected %s",
                    nap_model_path(m), tensor ? tensor : "all tensors", hex, expected);
}

/* ------------------------------------------------------------------ values */

static bool all_finite(const nap_format *f, const uint8_t *bytes, size_t len, float *scratch)
{
    if (f->kind == NAP_FORMAT_INTEGER) return true;
    for (size_t at = 0; at < len; at += f->block_bytes) {
        nap_format_decode(f, bytes + at, f->block, scratch);
        for (size_t i = 0; i < f->block; i++) {
            if (!isfinite(scratch[i])) return false;
        }
    }
    return true;
}

typedef struct verifier {
    const nap_model *m;
    const char *manifest;
    nap_progress_fn progress;
    void *user;
    uint64_t done;
    uint8_t *piece;
    crypto_hash_sha256_state all;
    nap_verify_report *report;
} verifier;

static nap_status verify_tensor(verifier *v, const nap_tensor *t, nap_error *e)
{
    crypto_hash_sha256_state one;
    crypto_hash_sha256_init(&one);
    float scratch[NAP_BLOCK_MAX];
    const size_t whole = PIECE / t->format->block_bytes * t->format->block_bytes;
    bool finite = true;
    for (uint64_t at = 0; at < t->bytes;) {
        const size_t n = t->bytes - at < whole ? (size_t)(t->bytes - at) : whole;
        if (v->progress && !v->progress(v->user, "verify", v->done, nap_model_bytes(v->m))) {
            return nap_fail(e, NAP_ERR_CANCELLED, NAP_NO_OFFSET, "verifying was cancelled");
        }
        NAP_TRY(nap_gguf_read(nap_model_file(v->m), t, at, v->piece, n, e));
        crypto_hash_sha256_update(&one, v->piece, n);
        crypto_hash_sha256_update(&v->all, v->piece, n);
        finite = finite && all_finite(t->format, v->piece, n, scratch);
        at += n;
        v->done += n;
    }
    v->report->tensors++;
    if (!finite && v->report->nonfinite++ == 0) {
        snprintf(v->report->first_nonfinite, sizeof v->report->first_nonfinite, "%s", t->name);
    }
    return compare_hash(v->m, v->manifest, t->name, &one, v->report, e);
}

static nap_status verify_all(verifier *v, nap_error *e)
{
    NAP_TRY(read_manifest(nap_model_path(v->m), (char **)&v->manifest, e));
    v->piece = nap_alloc(PIECE);
    if (!v->piece) return nap_fail_memory(e, PIECE, "verifying");
    crypto_hash_sha256_init(&v->all);
    const nap_gguf *file = nap_model_file(v->m);
    for (size_t i = 0; i < nap_gguf_tensor_count(file); i++) {
        NAP_TRY(verify_tensor(v, nap_gguf_tensor_at(file, i), e));
    }
    if (v->report->nonfinite > 0) {
        return nap_fail(e, NAP_ERR_FORMAT, NAP_NO_OFFSET,
                        "%s: %zu tensors hold NaN or infinite values, the first is %s",
                        nap_model_path(v->m), v->report->nonfinite, v->report->first_nonfinite);
    }
    return compare_hash(v->m, v->manifest, NULL, &v->all, v->report, e);
}

nap_status nap_model_verify(const nap_model *m, nap_progress_fn progress, void *user,
                            nap_verify_report *report, nap_error *e)
{
    nap_verify_report own;
    verifier v = {.m = m, .progress = progress, .user = user, .report = report ? report : &own};
    memset(v.report, 0, sizeof *v.report);
    const nap_status s = verify_all(&v, e);
    nap_free((char *)v.manifest);
    nap_free(v.piece);
    return s;
}
