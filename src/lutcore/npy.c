/* NumPy .npy files. Format: "NEP 1" and numpy.lib.format: magic, version, length, then a Python
 * dictionary literal of exactly the keys descr, fortran_order and shape, then the elements.
 *
 * The bytes are untrusted: every read is bounds-checked, sizes go through base/checked.h, and the
 * elements are copied only once the header and the length agree. */
#include "lutcore/npy.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char magic[] = "\x93NUMPY";
enum { MAGIC = 6, HEADER_MAX = 1 << 16 };
#define FILE_MAX ((size_t)1 << 32)

typedef struct kind {
    const char *descr; /* as Napier writes it */
    const char *also;  /* single bytes have no byte order: either mark may stand */
    unsigned bytes;
} kind;

static const kind kinds[] = {
    [NAP_NPY_I1] = {"|i1", "<i1", 1}, [NAP_NPY_U1] = {"|u1", "<u1", 1},
    [NAP_NPY_I2] = {"<i2", NULL, 2},  [NAP_NPY_U2] = {"<u2", NULL, 2},
    [NAP_NPY_I4] = {"<i4", NULL, 4},  [NAP_NPY_F4] = {"<f4", NULL, 4},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

typedef struct reader {
    const char *s;  /* the whole file */
    size_t at, end; /* of the dictionary */
    const char *name;
    nap_error *e;
} reader;

/* "NAME: FIELD: found '...', expected ...", with the rest of the header as what was found. */
static nap_status unexpected(const reader *r, const char *field, const char *expected)
{
    char found[32];
    size_t n = 0;
    for (; n < sizeof found - 1 && r->at + n < r->end && r->s[r->at + n] != '\n'; n++) {
        const char c = r->s[r->at + n];
        found[n] = c >= ' ' && c < 127 ? c : '.';
    }
    found[n] = '\0';
    return nap_fail(r->e, NAP_ERR_FORMAT, r->at, "%s: %s: found '%s', expected %s", r->name, field,
                    found, expected);
}

static void blanks(reader *r)
{
    while (r->at < r->end && strchr(" \t\n\r", r->s[r->at]) != NULL && r->s[r->at] != '\0') r->at++;
}

static bool accept(reader *r, char c)
{
    blanks(r);
    if (r->at == r->end || r->s[r->at] != c) return false;
    r->at++;
    return true;
}

static bool accept_word(reader *r, const char *word)
{
    const size_t n = strlen(word);
    if (r->end - r->at < n || memcmp(r->s + r->at, word, n) != 0) return false;
    r->at += n;
    return true;
}

/* A Python string without escapes, into out. */
static nap_status read_string(reader *r, const char *field, char *out, size_t cap)
{
    blanks(r);
    const char quote = r->at < r->end ? r->s[r->at] : '\0';
    if (quote != '\'' && quote != '"') return unexpected(r, field, "a quoted string");
    const char *start = r->s + r->at + 1;
    const char *close = memchr(start, quote, r->end - r->at - 1);
    if (close == NULL) return unexpected(r, field, "a closing quote");
    const size_t n = (size_t)(close - start);
    if (n >= cap || memchr(start, '\0', n) != NULL || memchr(start, '\\', n) != NULL)
        return unexpected(r, field, "a short plain string");
    memcpy(out, start, n);
    out[n] = '\0';
    r->at += n + 2;
    return NAP_OK;
}

static nap_status read_descr(reader *r, nap_npy_type *type)
{
    blanks(r);
    const size_t at = r->at;
    char text[32];
    NAP_TRY(read_string(r, "descr", text, sizeof text));
    for (unsigned i = 0; i < KINDS; i++)
        if (strcmp(text, kinds[i].descr) == 0 ||
            (kinds[i].also != NULL && strcmp(text, kinds[i].also) == 0)) {
            *type = (nap_npy_type)i;
            return NAP_OK;
        }
    return nap_fail(r->e, NAP_ERR_UNSUPPORTED, at,
                    "%s: descr: found '%s', expected one of |i1, |u1, <i2, <u2, <i4, <f4", r->name,
                    text);
}

static nap_status read_order(reader *r)
{
    blanks(r);
    const size_t at = r->at;
    if (accept_word(r, "False")) return NAP_OK;
    if (accept_word(r, "True"))
        return nap_fail(r->e, NAP_ERR_UNSUPPORTED, at,
                        "%s: fortran_order: found True, expected False: C order (save "
                        "numpy.ascontiguousarray(x))",
                        r->name);
    return unexpected(r, "fortran_order", "True or False");
}

static nap_status read_shape(reader *r, nap_npy *x)
{
    if (!accept(r, '(')) return unexpected(r, "shape", "'('");
    for (x->dims = 0; !accept(r, ')'); x->dims++) {
        if (x->dims == 4) return unexpected(r, "shape", "at most 4 dimensions");
        uint64_t v = 0;
        blanks(r);
        const size_t first = r->at;
        for (; r->at < r->end && r->s[r->at] >= '0' && r->s[r->at] <= '9'; r->at++)
            if (!nap_mul_ok(v, 10, &v) || !nap_add_ok(v, (uint64_t)(r->s[r->at] - '0'), &v)) {
                r->at = first;
                return unexpected(r, "shape", "a number of 64 bits");
            }
        if (r->at == first) return unexpected(r, "shape", "a whole number or ')'");
        x->shape[x->dims] = v;
        const bool comma = accept(r, ',');
        if (!comma && x->dims == 0) return unexpected(r, "shape", "',' after the first number");
        if (!comma && (blanks(r), r->at == r->end || r->s[r->at] != ')'))
            return unexpected(r, "shape", "',' or ')'");
    }
    return NAP_OK;
}

static nap_status read_dictionary(reader *r, nap_npy *x)
{
    static const char *const names[] = {"descr", "fortran_order", "shape"};
    bool seen[3] = {false};
    if (!accept(r, '{')) return unexpected(r, "header", "'{'");
    while (!accept(r, '}')) {
        char key[32];
        blanks(r);
        const size_t at = r->at;
        NAP_TRY(read_string(r, "header", key, sizeof key));
        unsigned k = 0;
        while (k < 3 && strcmp(key, names[k]) != 0) k++;
        if (k == 3 || seen[k])
            return nap_fail(r->e, NAP_ERR_FORMAT, at,
                            "%s: header: found key '%s'%s, expected descr, fortran_order and shape "
                            "once each",
                            r->name, key, k < 3 ? " a second time" : "");
        seen[k] = true;
        if (!accept(r, ':')) return unexpected(r, key, "':'");
        NAP_TRY(k == 0 ? read_descr(r, &x->type) : k == 1 ? read_order(r) : read_shape(r, x));
        if (!accept(r, ',') && (blanks(r), r->at == r->end || r->s[r->at] != '}'))
            return unexpected(r, key, "',' or '}' after the value");
    }
    for (unsigned k = 0; k < 3; k++)
        if (!seen[k])
            return nap_fail(r->e, NAP_ERR_FORMAT, r->at, "%s: %s: found none, expected the key",
                            r->name, names[k]);
    blanks(r);
    return r->at == r->end ? NAP_OK : unexpected(r, "header", "nothing after '}'");
}

/* Magic, version and length: leaves the reader on the dictionary. */
static nap_status read_preamble(reader *r, size_t len)
{
    const unsigned char *b = (const unsigned char *)r->s;
    if (len < MAGIC + 2 || memcmp(b, magic, MAGIC) != 0)
        return nap_fail(r->e, NAP_ERR_FORMAT, 0,
                        "%s: magic: found something else, expected a .npy file (\\x93NUMPY)",
                        r->name);
    const unsigned major = b[MAGIC];
    if (major < 1 || major > 3 || b[MAGIC + 1] != 0)
        return nap_fail(r->e, NAP_ERR_UNSUPPORTED, MAGIC,
                        "%s: version: found %u.%u, expected 1.0, 2.0 or 3.0", r->name, major,
                        b[MAGIC + 1]);
    const size_t width = major == 1 ? 2 : 4;
    if (len < MAGIC + 2 + width)
        return nap_fail(r->e, NAP_ERR_FORMAT, MAGIC + 2,
                        "%s: header length: found the end of the file, expected %zu bytes", r->name,
                        width);
    uint64_t n = 0;
    for (size_t i = 0; i < width; i++) n |= (uint64_t)b[MAGIC + 2 + i] << 8 * i;
    r->at = MAGIC + 2 + width;
    if (n > len - r->at || n > HEADER_MAX)
        return nap_fail(r->e, NAP_ERR_FORMAT, MAGIC + 2,
                        "%s: header length: found %llu, expected at most %zu", r->name,
                        (unsigned long long)n,
                        len - r->at < HEADER_MAX ? len - r->at : (size_t)HEADER_MAX);
    r->end = r->at + (size_t)n;
    return NAP_OK;
}

nap_status nap_npy_parse(const void *bytes, size_t len, const char *name, nap_npy *out,
                         nap_error *e)
{
    reader r = {.s = bytes, .name = name, .e = e};
    nap_npy x = {0};
    *out = x;
    NAP_TRY(read_preamble(&r, len));
    NAP_TRY(read_dictionary(&r, &x));
    uint64_t want = kinds[x.type].bytes;
    for (unsigned i = 0; i < x.dims; i++)
        if (!nap_mul_ok(want, x.shape[i], &want))
            return nap_fail(e, NAP_ERR_FORMAT, r.end, "%s: shape: found more than 2^64 bytes",
                            name);
    if (want != len - r.end)
        return nap_fail(e, NAP_ERR_FORMAT, r.end,
                        "%s: data: found %zu bytes, expected %llu by shape and descr", name,
                        len - r.end, (unsigned long long)want);
    x.bytes = (size_t)want;
    x.data = nap_alloc(x.bytes);
    if (x.data == NULL) return nap_fail_memory(e, x.bytes, name);
    memcpy(x.data, r.s + r.end, x.bytes);
    *out = x;
    return NAP_OK;
}

/* The bytes of a file; of one that does not start as .npy files do, only its start, so that
 * nothing large (or endless) is read before it is refused. */
static nap_status read_file(const char *path, nap_buf *out, nap_error *e)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return nap_fail(e, errno == ENOENT ? NAP_ERR_NOT_FOUND : NAP_ERR_IO, NAP_NO_OFFSET,
                        "%s: cannot open: %s", path, strerror(errno));
    char block[16384];
    size_t n = fread(block, 1, MAGIC, f);
    const bool starts = n == MAGIC && memcmp(block, magic, MAGIC) == 0;
    for (; n > 0 && out->len <= FILE_MAX && !out->failed;
         n = starts ? fread(block, 1, sizeof block, f) : 0)
        nap_buf_put(out, block, n);
    const bool bad = ferror(f) != 0;
    const int err = errno;
    fclose(f);
    if (bad) return nap_fail(e, NAP_ERR_IO, out->len, "%s: cannot read: %s", path, strerror(err));
    if (out->failed) return nap_fail_memory(e, out->len, path);
    if (out->len > FILE_MAX)
        return nap_fail(e, NAP_ERR_LIMIT, FILE_MAX, "%s: more than %zu bytes", path, FILE_MAX);
    return NAP_OK;
}

nap_status nap_npy_read(const char *path, nap_npy *out, nap_error *e)
{
    nap_buf bytes = {0};
    *out = (nap_npy){0};
    nap_status status = read_file(path, &bytes, e);
    if (status == NAP_OK) status = nap_npy_parse(bytes.data, bytes.len, path, out, e);
    nap_buf_free(&bytes);
    return status;
}

nap_status nap_npy_write(const char *path, nap_npy_type type, unsigned dims, const uint64_t *shape,
                         const void *data, nap_error *e)
{
    nap_buf b = {0};
    uint64_t bytes = kinds[type].bytes;
    bool fits = dims <= 4;
    for (unsigned i = 0; fits && i < dims; i++) fits = nap_mul_ok(bytes, shape[i], &bytes);
    if (!fits || bytes > SIZE_MAX)
        return nap_fail(e, NAP_ERR_ARGUMENT, NAP_NO_OFFSET,
                        "%s: shape: expected at most 4 dimensions within memory", path);
    nap_buf dict = {0};
    nap_buf_printf(&dict, "{'descr': '%s', 'fortran_order': False, 'shape': (", kinds[type].descr);
    for (unsigned i = 0; i < dims; i++)
        nap_buf_printf(&dict,
                       i + 1 < dims ? "%llu, "
                       : dims == 1  ? "%llu,"
                                    : "%llu",
                       (unsigned long long)shape[i]);
    nap_buf_puts(&dict, "), }");
    /* Blanks and a newline bring the elements to a multiple of 64 bytes. */
    while (!dict.failed && (MAGIC + 4 + dict.len + 1) % 64 != 0) nap_buf_putc(&dict, ' ');
    nap_buf_putc(&dict, '\n');
    nap_buf_put(&b, magic, MAGIC);
    nap_buf_put(&b, "\1\0", 2);
    nap_buf_putc(&b, (char)(dict.len & 255));
    nap_buf_putc(&b, (char)(dict.len >> 8));
    nap_buf_put(&b, dict.data, dict.failed ? 0 : dict.len);
    nap_buf_put(&b, data, (size_t)bytes);
    const nap_status status = b.failed || dict.failed ? nap_fail_memory(e, (size_t)bytes, path)
                                                      : nap_write_whole(path, b.data, b.len, e);
    nap_buf_free(&dict);
    nap_buf_free(&b);
    return status;
}

void nap_npy_free(nap_npy *x)
{
    nap_free(x->data);
    *x = (nap_npy){0};
}
