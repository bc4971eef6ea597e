/* Classes come from utf8proc. Case mapping is the simple one of Unicode plus the full mappings of
 * Latin and Armenian letters (sharp s, ligatures) and the final sigma; polytonic Greek keeps its
 * simple mapping. */
#include "text/jinja_unicode.h"
#include "text/jinja_run.h"

#include <string.h>
#include <utf8proc.h>

uint32_t nap_j_cp_next(const char *p, size_t *i)
{
    const unsigned char *s = (const unsigned char *)p + *i;
    if (s[0] < 0x80) return *i += 1, s[0];
    if (s[0] < 0xe0) return *i += 2, (uint32_t)(s[0] & 0x1f) << 6 | (s[1] & 0x3f);
    if (s[0] < 0xf0)
        return *i += 3,
               (uint32_t)(s[0] & 0x0f) << 12 | (uint32_t)(s[1] & 0x3f) << 6 | (s[2] & 0x3f);
    return *i += 4, (uint32_t)(s[0] & 0x07) << 18 | (uint32_t)(s[1] & 0x3f) << 12 |
                        (uint32_t)(s[2] & 0x3f) << 6 | (s[3] & 0x3f);
}

uint32_t nap_j_cp_before(const char *p, size_t *i)
{
    size_t k = *i - 1;
    while (k > 0 && ((unsigned char)p[k] & 0xc0) == 0x80) k--;
    *i = k;
    return nap_j_cp_next(p, &k);
}

size_t nap_j_cp_encode(uint32_t cp, char out[4])
{
    return (size_t)utf8proc_encode_char((utf8proc_int32_t)cp, (utf8proc_uint8_t *)out);
}

bool nap_j_utf8_valid(const char *p, size_t n, size_t *bad)
{
    for (size_t i = 0; i < n;) {
        utf8proc_int32_t cp;
        if ((unsigned char)p[i] < 0x80) {
            i++;
            continue;
        }
        const size_t rest = n - i < 4 ? n - i : 4;
        const utf8proc_ssize_t k =
            utf8proc_iterate((const utf8proc_uint8_t *)p + i, (utf8proc_ssize_t)rest, &cp);
        if (k <= 0) {
            *bad = i;
            return false;
        }
        i += (size_t)k;
    }
    return true;
}

size_t nap_j_utf8_count(const char *p, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) count += ((unsigned char)p[i] & 0xc0) != 0x80;
    return count;
}

size_t nap_j_str_offset(const nap_j_str *s, size_t index)
{
    if (s->chars == s->n) return index;
    size_t i = 0;
    while (index-- > 0) (void)nap_j_cp_next(s->p, &i);
    return i;
}

bool nap_j_is_space(uint32_t cp)
{
    return (cp >= 9 && cp <= 13) || (cp >= 0x1c && cp <= 0x20) || cp == 0x85 || cp == 0xa0 ||
           cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 || cp == 0x2029 ||
           cp == 0x202f || cp == 0x205f || cp == 0x3000;
}

static utf8proc_category_t category(uint32_t cp)
{
    return utf8proc_category((utf8proc_int32_t)cp);
}

bool nap_j_is_printable(uint32_t cp)
{
    switch (category(cp)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
        return false;
    case UTF8PROC_CATEGORY_ZS:
        return cp == ' ';
    default:
        return true;
    }
}

bool nap_j_is_alpha(uint32_t cp)
{
    const utf8proc_category_t c = category(cp);
    return c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO;
}

bool nap_j_is_decimal(uint32_t cp)
{
    return category(cp) == UTF8PROC_CATEGORY_ND;
}

bool nap_j_is_digit(uint32_t cp)
{
    return nap_j_is_decimal(cp) || cp == 0xb2 || cp == 0xb3 || cp == 0xb9 || cp == 0x2070 ||
           (cp >= 0x2074 && cp <= 0x2079) || (cp >= 0x2080 && cp <= 0x2089) ||
           (cp >= 0x2460 && cp <= 0x2468) || (cp >= 0x2474 && cp <= 0x247c) ||
           (cp >= 0x2488 && cp <= 0x2490) || (cp >= 0x2776 && cp <= 0x277e);
}

bool nap_j_is_numeric(uint32_t cp)
{
    const utf8proc_category_t c = category(cp);
    return c >= UTF8PROC_CATEGORY_ND && c <= UTF8PROC_CATEGORY_NO;
}

bool nap_j_is_upper(uint32_t cp)
{
    return category(cp) == UTF8PROC_CATEGORY_LU || (cp >= 0x2160 && cp <= 0x216f) ||
           (cp >= 0x24b6 && cp <= 0x24cf);
}

bool nap_j_is_lower(uint32_t cp)
{
    return category(cp) == UTF8PROC_CATEGORY_LL || cp == 0xaa || cp == 0xba ||
           (cp >= 0x2b0 && cp <= 0x2b8) || (cp >= 0x2170 && cp <= 0x217f) ||
           (cp >= 0x24d0 && cp <= 0x24e9);
}

bool nap_j_is_title(uint32_t cp)
{
    return category(cp) == UTF8PROC_CATEGORY_LT;
}

bool nap_j_is_name(uint32_t cp, bool first)
{
    if (cp == '_') return true;
    switch (category(cp)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_NL:
        return true;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_PC:
        return !first;
    default:
        return false;
    }
}

int nap_j_decimal_value(uint32_t cp)
{
    if (cp >= '0' && cp <= '9') return (int)(cp - '0');
    if (cp < 0x80 || !nap_j_is_decimal(cp)) return -1;
    /* Decimal digits come in runs of ten: count back to the start of the run. In the one block of
     * several adjoining runs (mathematical digits) the runs start at 0x1d7ce. */
    if (cp >= 0x1d7ce && cp <= 0x1d7ff) return (int)((cp - 0x1d7ce) % 10);
    uint32_t first = cp;
    while (first > 0 && cp - first < 9 && nap_j_is_decimal(first - 1)) first--;
    return (int)(cp - first);
}

static const struct {
    uint32_t cp;
    const char *upper, *title;
} g_full[] = {
    {0x00df, "SS", "Ss"},
    {0x0149, "\u02bcN", "\u02bcN"},
    {0x01f0, "J\u030c", "J\u030c"},
    {0x0587, "\u0535\u0552", "\u0535\u0582"},
    {0x1e96, "H\u0331", "H\u0331"},
    {0x1e97, "T\u0308", "T\u0308"},
    {0x1e98, "W\u030a", "W\u030a"},
    {0x1e99, "Y\u030a", "Y\u030a"},
    {0x1e9a, "A\u02be", "A\u02be"},
    {0xfb00, "FF", "Ff"},
    {0xfb01, "FI", "Fi"},
    {0xfb02, "FL", "Fl"},
    {0xfb03, "FFI", "Ffi"},
    {0xfb04, "FFL", "Ffl"},
    {0xfb05, "ST", "St"},
    {0xfb06, "ST", "St"},
    {0xfb13, "\u0544\u0546", "\u0544\u0576"},
    {0xfb14, "\u0544\u0535", "\u0544\u0565"},
    {0xfb15, "\u0544\u053b", "\u0544\u056b"},
    {0xfb16, "\u054e\u0546", "\u054e\u0576"},
    {0xfb17, "\u0544\u053d", "\u0544\u056d"},
};

static bool put_upper(nap_j_run *r, nap_j_sb *b, uint32_t cp, bool title)
{
    if (cp >= 0x80)
        for (size_t i = 0; i < sizeof g_full / sizeof g_full[0]; i++)
            if (g_full[i].cp == cp)
                return nap_j_puts(r, b, title ? g_full[i].title : g_full[i].upper);
    const utf8proc_int32_t c = (utf8proc_int32_t)cp;
    return nap_j_put_cp(r, b, (uint32_t)(title ? utf8proc_totitle(c) : utf8proc_toupper(c)));
}

static bool cased(uint32_t cp)
{
    return nap_j_is_upper(cp) || nap_j_is_lower(cp) || nap_j_is_title(cp);
}

/* A capital sigma at the end of a word becomes the final form. */
static bool sigma_is_final(const char *p, size_t n, size_t at, size_t after)
{
    bool before = false;
    while (at > 0) {
        const uint32_t cp = nap_j_cp_before(p, &at);
        if (category(cp) == UTF8PROC_CATEGORY_MN || cp == '\'' || cp == '.' || cp == ':') continue;
        before = cased(cp);
        break;
    }
    while (before && after < n) {
        const uint32_t cp = nap_j_cp_next(p, &after);
        if (category(cp) == UTF8PROC_CATEGORY_MN || cp == '\'' || cp == '.' || cp == ':') continue;
        return !cased(cp);
    }
    return before;
}

static bool put_lower(nap_j_run *r, nap_j_sb *b, const char *p, size_t n, size_t at, size_t after,
                      uint32_t cp)
{
    if (cp == 0x3a3) return nap_j_put_cp(r, b, sigma_is_final(p, n, at, after) ? 0x3c2 : 0x3c3);
    if (cp == 0x130) return nap_j_puts(r, b, "i\u0307");
    return nap_j_put_cp(r, b, (uint32_t)utf8proc_tolower((utf8proc_int32_t)cp));
}

bool nap_j_change_case(nap_j_run *r, nap_j_sb *b, const char *p, size_t n, enum nap_j_case how)
{
    bool in_word = false;
    for (size_t i = 0, at = 0; i < n; at = i) {
        const uint32_t cp = nap_j_cp_next(p, &i);
        bool ok;
        switch (how) {
        case NAP_J_UPPER:
            ok = put_upper(r, b, cp, false);
            break;
        case NAP_J_LOWER:
            ok = put_lower(r, b, p, n, at, i, cp);
            break;
        case NAP_J_SWAP:
            ok = nap_j_is_upper(cp)   ? put_lower(r, b, p, n, at, i, cp)
                 : nap_j_is_lower(cp) ? put_upper(r, b, cp, false)
                                      : nap_j_put_cp(r, b, cp);
            break;
        case NAP_J_TITLE_WORDS:
            ok = in_word ? put_lower(r, b, p, n, at, i, cp) : put_upper(r, b, cp, true);
            in_word = cased(cp);
            break;
        default:
            ok = at == 0 ? put_upper(r, b, cp, true) : put_lower(r, b, p, n, at, i, cp);
            break;
        }
        if (!ok) return false;
    }
    return true;
}
