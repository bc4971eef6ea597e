/* Binary program files (docs/lmma.md, "Program files"), little-endian:
 *     0  "LMMA"    4  version, 32 bits: 1    8  instructions, 64 bits    16  that many words
 * A file is refused unless its length fits its count and every word is an instruction; messages
 * name the byte offset. */
#include "lutcore/isa.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/process.h"

#include <string.h>

enum { VERSION = 1, HEADER = 16 };
static const char magic[4] = {'L', 'M', 'M', 'A'};

static uint64_t get_le(const char *p, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = bytes; i-- > 0;) v = v << 8 | (unsigned char)p[i];
    return v;
}

static void put_le(nap_buf *b, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) nap_buf_putc(b, (char)(v >> (8 * i)));
}

static nap_status parse(const char *path, const char *bytes, size_t len, nap_program *out,
                        nap_error *e)
{
    if (len < HEADER)
        return nap_fail(e, NAP_ERR_FORMAT, 0, "%s: header: found %zu bytes, expected at least %d",
                        path, len, HEADER);
    if (memcmp(bytes, magic, sizeof magic) != 0)
        return nap_fail(e, NAP_ERR_FORMAT, 0,
                        "%s: byte 0: magic: found 0x%08llx, expected \"LMMA\"", path,
                        (unsigned long long)get_le(bytes, 4));
    const uint64_t version = get_le(bytes + 4, 4), count = get_le(bytes + 8, 8);
    if (version != VERSION)
        return nap_fail(e, NAP_ERR_UNSUPPORTED, 4, "%s: byte 4: version: found %llu, expected %d",
                        path, (unsigned long long)version, VERSION);
    if (count > NAP_L_PROGRAM_MAX)
        return nap_fail(e, NAP_ERR_LIMIT, 8,
                        "%s: byte 8: instructions: found %llu, expected at most %d", path,
                        (unsigned long long)count, NAP_L_PROGRAM_MAX);
    const size_t expected = HEADER + (size_t)count * 8; /* the count is bounded */
    if (len != expected)
        return nap_fail(e, NAP_ERR_FORMAT, len < expected ? len : expected,
                        "%s: length: found %zu bytes, expected %zu for %llu instructions", path,
                        len, expected, (unsigned long long)count);
    for (size_t k = 0; k < count; k++) {
        const size_t offset = HEADER + k * 8;
        const uint64_t word = get_le(bytes + offset, 8);
        nap_linst i;
        nap_error inner;
        if (nap_linst_decode(word, k, &i, &inner) != NAP_OK)
            return nap_fail(e, inner.code, offset, "%s: byte %zu: %s", path, offset, inner.text);
        if (!nap_program_add(out, word, 0)) return nap_fail_memory(e, len, path);
    }
    nap_free(out->line); /* there are no lines: messages use the index */
    out->line = NULL;
    return NAP_OK;
}

nap_status nap_program_read(const char *path, nap_program *out, nap_error *e)
{
    *out = (nap_program){0};
    char *bytes = NULL;
    size_t len = 0;
    NAP_TRY(nap_read_whole(path, HEADER + (size_t)NAP_L_PROGRAM_MAX * 8, &bytes, &len, e));
    const nap_status s = parse(path, bytes, len, out, e);
    nap_free(bytes);
    if (s != NAP_OK) nap_program_free(out);
    return s;
}

nap_status nap_program_write(const char *path, const nap_program *p, nap_error *e)
{
    if (p->count > NAP_L_PROGRAM_MAX)
        return nap_fail(e, NAP_ERR_LIMIT, NAP_NO_OFFSET,
                        "%s: instructions: found %zu, expected at most %d", path, p->count,
                        NAP_L_PROGRAM_MAX);
    nap_buf b = {0};
    nap_buf_put(&b, magic, sizeof magic);
    put_le(&b, VERSION, 4);
    put_le(&b, p->count, 8);
    for (size_t k = 0; k < p->count; k++) put_le(&b, p->word[k], 8);
    const nap_status s =
        b.failed ? nap_fail_memory(e, p->count * 8, path) : nap_write_whole(path, b.data, b.len, e);
    nap_buf_free(&b);
    return s;
}
