#include "text/unicode.h"

static const uint32_t ranges[] = {
#include "text/unicode_classes.inc"
};

unsigned nap_unicode_class(uint32_t cp)
{
    size_t lo = 0, hi = sizeof ranges / sizeof ranges[0];
    while (hi - lo > 1) {
        const size_t mid = lo + (hi - lo) / 2;
        if (ranges[mid] >> 8 <= cp) {
            lo = mid;
        } else {
            hi = mid;
        }
    }
    return ranges[lo] & 0xff;
}

/* What the first byte says: the sequence's length (0: starts none) and the range its second byte
 * must lie in (Unicode 15, table 3-7: no overlong forms, no surrogates, nothing above 10FFFF). */
static unsigned lead_byte(unsigned char b, unsigned char *lo, unsigned char *hi)
{
    *lo = 0x80;
    *hi = 0xbf;
    if (b < 0x80) return 1;
    if (b < 0xc2) return 0;
    if (b < 0xe0) return 2;
    if (b < 0xf0) {
        if (b == 0xe0) *lo = 0xa0;
        if (b == 0xed) *hi = 0x9f;
        return 3;
    }
    if (b > 0xf4) return 0;
    if (b == 0xf0) *lo = 0x90;
    if (b == 0xf4) *hi = 0x8f;
    return 4;
}

unsigned nap_utf8_decode(const char *s, size_t len, uint32_t *cp)
{
    const unsigned char *b = (const unsigned char *)s;
    unsigned char lo, hi;
    const unsigned n = lead_byte(b[0], &lo, &hi);
    if (n == 0 || n > len) return 0;
    uint32_t c = n == 1 ? b[0] : b[0] & (0xffu >> (n + 1));
    for (unsigned i = 1; i < n; i++) {
        if (b[i] < lo || b[i] > hi) return 0;
        lo = 0x80;
        hi = 0xbf;
        c = c << 6 | (b[i] & 0x3f);
    }
    *cp = c;
    return n;
}

unsigned nap_utf8_unfinished(const char *s, size_t len)
{
    const unsigned char *b = (const unsigned char *)s;
    for (unsigned back = 1; back <= 3 && back <= len; back++) {
        const unsigned char *at = b + len - back;
        if ((*at & 0xc0) == 0x80) continue; /* a continuation: its lead byte is further left */
        unsigned char lo, hi;
        const unsigned n = lead_byte(*at, &lo, &hi);
        if (n <= back) return 0;
        return back == 1 || (at[1] >= lo && at[1] <= hi) ? back : 0;
    }
    return 0;
}

unsigned nap_utf8_encode(uint32_t cp, char out[4])
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xc0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xe0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
        out[2] = (char)(0x80 | (cp & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
    out[3] = (char)(0x80 | (cp & 0x3f));
    return 4;
}

size_t nap_units_decode(const char *text, size_t len, nap_unit *units)
{
    uint8_t ascii[128];
    for (uint32_t c = 0; c < 128; c++) ascii[c] = (uint8_t)nap_unicode_class(c);
    size_t n = 0;
    for (size_t at = 0; at < len;) {
        const unsigned char b = (unsigned char)text[at];
        if (b < 0x80) {
            units[n++] = b | (uint32_t)ascii[b] << 21;
            at++;
            continue;
        }
        uint32_t cp;
        unsigned bytes = nap_utf8_decode(text + at, len - at, &cp);
        if (bytes == 0) {
            bytes = 1;
            cp = 0xfffd;
        }
        units[n++] = cp | (uint32_t)nap_unicode_class(cp) << 21 | (bytes - 1) << 28;
        at += bytes;
    }
    return n;
}
