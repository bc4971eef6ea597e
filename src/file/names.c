#include "file/names.h"

#include <string.h>

/* Length of the UTF-8 character at s (1 to 4), or 0: malformed, overlong, surrogate, too large. */
static size_t utf8_char(const uint8_t *s, size_t len)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    const uint8_t c = s[0];
    const size_t n = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
    if (n == 0 || n > len) return 0;
    if (n == 1) return 1;
    uint32_t cp = c & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
        cp = cp << 6 | (s[i] & 0x3f);
    }
    const bool surrogate = cp >= 0xd800 && cp < 0xe000;
    return cp < least[n] || cp > 0x10ffff || surrogate ? 0 : n;
}

bool nap_name_ok(const uint8_t *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        const size_t n = utf8_char(s + i, len - i);
        if (n == 0 || s[i] < 0x20 || s[i] == 0x7f) return false;
        i += n;
    }
    return len > 0;
}

nap_shown nap_show(const void *s, size_t len)
{
    const uint8_t *p = s;
    nap_shown r;
    const size_t room = sizeof r.text - 1, n = len < room ? len : room;
    for (size_t i = 0; i < n; i++) {
        r.text[i] = p[i] >= 0x20 && p[i] < 0x7f ? (char)p[i] : '?';
    }
    if (len > room) memcpy(r.text + room - 3, "...", 3);
    r.text[n] = '\0';
    return r;
}

const char *nap_show_path(const char *path)
{
    const size_t len = strlen(path), most = 160;
    return len > most ? path + len - most : path;
}
