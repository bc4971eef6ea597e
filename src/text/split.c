#include "text/split.h"

#include "base/alloc.h"

#include <string.h>

static inline bool in(const nap_scan *s, uint32_t at, unsigned classes)
{
    return at < s->end && (nap_unit_class(s->unit[at]) & classes) != 0;
}

static inline bool is(const nap_scan *s, uint32_t at, uint32_t cp)
{
    return at < s->end && nap_unit_cp(s->unit[at]) == cp;
}

static inline bool newline(const nap_scan *s, uint32_t at)
{
    return is(s, at, '\n') || is(s, at, '\r');
}

static inline bool ascii_digit(const nap_scan *s, uint32_t at)
{
    return at < s->end && nap_unit_cp(s->unit[at]) - '0' < 10;
}

static bool contains(const nap_charset *set, nap_unit u)
{
    const unsigned class = nap_unit_class(u);
    uint32_t cp = nap_unit_cp(u);
    if (cp > 0x7f && (class & NAP_UC_SPACE)) cp = '\v';
    bool found = (class & set->classes) != 0;
    unsigned lo = 0, hi = set->n_ranges; /* ranges are sorted */
    while (!found && lo < hi) {
        const unsigned mid = lo + (hi - lo) / 2;
        if (cp < set->ranges[mid][0]) {
            hi = mid;
        } else if (cp > set->ranges[mid][1]) {
            lo = mid + 1;
        } else {
            found = true;
        }
    }
    return found != set->inverted;
}

/* End of the run of `classes` that holds `at`. Remembered, because attempts that begin inside one
 * long run would otherwise walk it again each time. A step asks for one kind of run only. */
static uint32_t run_end(nap_scan *s, uint32_t at, unsigned classes)
{
    if (at >= s->run_from && at < s->run_end) return s->run_end;
    uint32_t i = at, after_newline = at;
    for (; in(s, i, classes); i++) {
        if (newline(s, i)) after_newline = i + 1;
    }
    s->run_from = at;
    s->run_end = i;
    s->run_newline = after_newline;
    return i;
}

/* Length of a contraction at `at`: 2, 3, or 0. */
static uint32_t contraction(const nap_scan *s, uint32_t at, bool any_case)
{
    if (!is(s, at, '\'')) return 0;
    uint32_t c[2] = {0, 0};
    for (uint32_t i = 0; i < 2 && at + 1 + i < s->end; i++) {
        c[i] = nap_unit_cp(s->unit[at + 1 + i]);
        if (any_case && c[i] - 'A' < 26) c[i] += 'a' - 'A';
    }
    if (c[0] == 's' || c[0] == 't' || c[0] == 'm' || c[0] == 'd') return 2;
    if ((c[0] == 'r' || c[0] == 'v') && c[1] == 'e') return 3;
    return c[0] == 'l' && c[1] == 'l' ? 3 : 0;
}

/* Chinese characters as the Kimi pre-tokenizer knows them. */
static bool han(const nap_scan *s, uint32_t at)
{
    static const uint32_t blocks[][2] = {
        {0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xf900, 0xfaff},
        {0x20000, 0x2a6df}, {0x2a700, 0x2b73f}, {0x2b740, 0x2b81f},
        {0x2b820, 0x2ceaf}, {0x2ceb0, 0x2ebef}, {0x2f800, 0x2fa1f}};
    if (at >= s->end) return false;
    const uint32_t cp = nap_unit_cp(s->unit[at]);
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        if (cp >= blocks[i][0] && cp <= blocks[i][1]) return true;
    }
    return false;
}

static bool letter(const nap_scan *s, const nap_word_rule *r, uint32_t at)
{
    return in(s, at, r->letters) && !(r->word == NAP_WORD_HAN && han(s, at));
}

static uint32_t letters_end(const nap_scan *s, const nap_word_rule *r, uint32_t at)
{
    while (letter(s, r, at)) at++;
    return at;
}

/* For CASED words: U is a letter but not a-z, W a letter but not A-Z (other scripts are both). */
static bool upper_like(const nap_scan *s, const nap_word_rule *r, uint32_t at)
{
    return letter(s, r, at) && nap_unit_cp(s->unit[at]) - 'a' >= 26;
}

static bool lower_like(const nap_scan *s, const nap_word_rule *r, uint32_t at)
{
    return letter(s, r, at) && nap_unit_cp(s->unit[at]) - 'A' >= 26;
}

/* "U*W+" at `at`, or `at` if it does not match. Where the run of U meets no further W, the last
 * character of the run that is also W must serve. */
static uint32_t cased_lower(const nap_scan *s, const nap_word_rule *r, uint32_t at)
{
    uint32_t i = at;
    while (upper_like(s, r, i)) i++;
    if (lower_like(s, r, i)) {
        while (lower_like(s, r, i)) i++;
        return i;
    }
    while (i > at && !lower_like(s, r, i - 1)) i--;
    return i;
}

/* "U+W*" at `at`, tried after cased_lower() failed, so that no W can follow. */
static uint32_t cased_upper(const nap_scan *s, const nap_word_rule *r, uint32_t at)
{
    while (upper_like(s, r, at)) at++;
    return at;
}

static uint32_t phrase_end(const nap_scan *s, uint32_t at)
{
    for (;;) {
        while (in(s, at, NAP_UC_LETTER)) {
            at++;
            while (in(s, at, NAP_UC_MARK)) at++;
        }
        if (!is(s, at, ' ') || !in(s, at + 1, NAP_UC_LETTER)) return at;
        at++;
    }
}

static uint32_t match_word(const nap_scan *s, const nap_word_rule *r, uint32_t at)
{
    if (r->word == NAP_WORD_HAN && han(s, at)) {
        while (han(s, at)) at++;
        return at;
    }
    uint32_t end = at;
    if (r->word == NAP_WORD_SPACED) {
        const uint32_t first = at + is(s, at, ' ');
        return letter(s, r, first) ? letters_end(s, r, first) : at;
    }
    const bool prefix = !newline(s, at) && !in(s, at, r->no_prefix);
    if (r->word == NAP_WORD_CASED) {
        const uint32_t first[2] = {prefix ? at + 1 : at, at};
        for (int way = 0; way < 4 && end == at; way++) {
            const uint32_t from = first[way & 1];
            const uint32_t to = way < 2 ? cased_lower(s, r, from) : cased_upper(s, r, from);
            if (to > from) end = to;
        }
    } else {
        const uint32_t first = prefix && letter(s, r, at + 1) ? at + 1 : at;
        if (letter(s, r, first)) {
            end = r->word == NAP_WORD_PHRASE ? phrase_end(s, first) : letters_end(s, r, first);
        }
    }
    if (end > at && r->contraction == NAP_CONTRACT_SUFFIX) end += contraction(s, end, true);
    return end;
}

static uint32_t match_number(const nap_scan *s, const nap_word_rule *r, uint32_t at)
{
    const uint32_t first = at + (r->word == NAP_WORD_SPACED && is(s, at, ' '));
    uint32_t end = first;
    while (in(s, end, NAP_UC_NUMBER) && (r->digits == 0 || end - first < (uint32_t)r->digits)) {
        end++;
    }
    return end > first ? end : at;
}

static bool other(const nap_scan *s, const nap_word_rule *r, uint32_t at)
{
    return at < s->end && in(s, at, r->other) != r->other_inverted;
}

static bool tail(const nap_scan *s, const nap_word_rule *r, uint32_t at)
{
    if (at >= s->end) return false;
    const uint32_t cp = nap_unit_cp(s->unit[at]);
    return cp != 0 && cp < 0x80 && strchr(r->tail, (int)cp) != NULL;
}

static uint32_t match_other(const nap_scan *s, const nap_word_rule *r, uint32_t at)
{
    uint32_t end = at + is(s, at, ' ');
    if (!other(s, r, end)) return at;
    while (other(s, r, end)) end++;
    for (bool more = true; more && tail(s, r, end); more = !r->tail_once) end++;
    return end;
}

static uint32_t match_spaces(nap_scan *s, const nap_word_rule *r, uint32_t at)
{
    if (!in(s, at, NAP_UC_SPACE)) return at;
    if (r->newline == NAP_NEWLINE_SINGLE && newline(s, at)) return at + 1;
    const uint32_t end = run_end(s, at, NAP_UC_SPACE);
    if (r->newline == NAP_NEWLINE_RUN && s->run_newline > at) return s->run_newline;
    /* A run before something else leaves its last space to that: "\s+(?!\S)". */
    const uint32_t all = end - at, free = end == s->end ? all : all - 1;
    if (!r->space_cascade) return free > 0 ? at + free : end;
    for (uint32_t size = 512; size >= 2; size /= 2) {
        if (free >= size) return at + size;
    }
    return at + 1;
}

uint32_t nap_match_words(nap_scan *s, uint32_t at)
{
    const nap_word_rule *r = s->step->word;
    uint32_t end;
    if (r->punct_word) {
        const uint32_t cp = nap_unit_cp(s->unit[at]);
        if (cp < 0x80 && in(s, at, NAP_UC_PUNCT | NAP_UC_SYMBOL)) {
            end = at + 1;
            while (end < s->end && (nap_unit_cp(s->unit[end]) | 0x20) - 'a' < 26) end++;
            if (end > at + 1) return end;
        }
    }
    if (r->contraction == NAP_CONTRACT_LOWER || r->contraction == NAP_CONTRACT_ANY) {
        const uint32_t n = contraction(s, at, r->contraction == NAP_CONTRACT_ANY);
        if (n > 0) return at + n;
    }
    if ((end = match_word(s, r, at)) > at) return end;
    if (r->digits >= 0 && (end = match_number(s, r, at)) > at) return end;
    if ((end = match_other(s, r, at)) > at) return end;
    return match_spaces(s, r, at);
}

uint32_t nap_match_run(nap_scan *s, uint32_t at)
{
    const nap_run_rule *r = s->step->run;
    for (unsigned i = 0; i < r->n_sets; i++) {
        const nap_charset *set = &r->sets[i];
        const bool lead = r->lead == NAP_LEAD_BLANK
                              ? is(s, at, ' ')
                              : r->lead == NAP_LEAD_SPACE && in(s, at, NAP_UC_SPACE);
        uint32_t first = at;
        if (lead && at + 1 < s->end && contains(set, s->unit[at + 1])) first = at + 1;
        uint32_t end = first;
        while (end < s->end && contains(set, s->unit[end]) &&
               (r->max == 0 || end - first < r->max)) {
            end++;
        }
        if (end - first >= r->min) return end;
    }
    return at;
}

uint32_t nap_match_final_spaces(nap_scan *s, uint32_t at)
{
    if (!in(s, at, NAP_UC_SPACE)) return at;
    const uint32_t end = run_end(s, at, NAP_UC_SPACE);
    return end == s->end ? end : at;
}

uint32_t nap_match_line(nap_scan *s, uint32_t at)
{
    const bool first = is(s, at, '\n');
    while (at < s->end && is(s, at, '\n') == first) at++;
    return at;
}

/* What precedes a number stays with its first group: the steps that follow cut it off. */
uint32_t nap_match_grouped_digits(nap_scan *s, uint32_t at)
{
    while (at < s->end && !in(s, at, NAP_UC_NUMBER)) at++;
    if (at == s->end) return at;
    const uint32_t digits = run_end(s, at, NAP_UC_NUMBER) - at;
    return at + (digits % 3 ? digits % 3 : 3);
}

/* The expression matches nothing, at each place where a whole number of threes is left. */
uint32_t nap_match_thousands(nap_scan *s, uint32_t at)
{
    for (uint32_t i = at; i < s->end;) {
        if (!ascii_digit(s, i)) {
            i++;
            continue;
        }
        if (i < s->run_from || i >= s->run_end) {
            uint32_t end = i;
            while (ascii_digit(s, end)) end++;
            s->run_from = i;
            s->run_end = end;
        }
        const uint32_t left = s->run_end - i;
        if (i > at && left % 3 == 0) return i;
        i += left % 3 ? left % 3 : 3;
    }
    return s->end;
}

static uint32_t literal(const nap_scan *s, uint32_t at, const char *text)
{
    for (; *text; text++, at++) {
        if (!is(s, at, (unsigned char)*text)) return 0;
    }
    return at;
}

uint32_t nap_match_sentinel(nap_scan *s, uint32_t at)
{
    const uint32_t first = literal(s, at, "<sentinel:");
    uint32_t end = first;
    if (first == 0) return at;
    while (ascii_digit(s, end)) end++;
    return end > first && is(s, end, '>') ? end + 1 : at;
}

uint32_t nap_match_image(nap_scan *s, uint32_t at)
{
    const uint32_t first = literal(s, at, "IMGIMG");
    uint32_t end = first;
    if (first == 0) return at;
    while (end < s->end && end - first < 4 && nap_unit_cp(s->unit[end]) - 'A' < 9) end++;
    return end > first && is(s, end, 'Z') ? end + 1 : at;
}

uint32_t nap_match_indent(nap_scan *s, uint32_t at)
{
    if (is(s, at, '\t') || is(s, at, '\n')) return at + 1;
    uint32_t end = literal(s, at, "    ");
    if (end == 0) end = literal(s, at, "  ");
    return end ? end : at;
}

static bool piece(nap_pieces *p, uint32_t end)
{
    if (p->n == p->cap) {
        const size_t cap = p->cap * 2 + 64;
        uint32_t *fresh = nap_realloc(p->end, cap, sizeof *fresh);
        if (!fresh) return false;
        p->end = fresh;
        p->cap = cap;
    }
    p->end[p->n++] = end;
    return true;
}

/* One step over one piece: matches are isolated, and so is what lies between them. */
static bool apply(nap_scan *s, nap_pieces *out)
{
    uint32_t done = s->begin;
    s->run_from = s->run_end = 0;
    for (uint32_t at = s->begin; at < s->end;) {
        const uint32_t end = s->step->match(s, at);
        if (end == at) {
            at++;
            continue;
        }
        if (at > done && !piece(out, at)) return false;
        if (!piece(out, end)) return false;
        at = done = end;
    }
    return done == s->end || piece(out, s->end);
}

bool nap_split_text(const nap_step *steps, size_t n_steps, const nap_unit *unit, size_t n,
                    nap_pieces *pieces, nap_pieces *spare)
{
    nap_scan s = {.unit = unit};
    pieces->n = 0;
    if (n > 0 && !piece(pieces, (uint32_t)n)) return false;
    for (size_t k = 0; k < n_steps; k++) {
        const nap_pieces from = *pieces;
        s.step = &steps[k];
        s.end = 0;
        spare->n = 0;
        for (size_t i = 0; i < from.n; i++) {
            s.begin = s.end;
            s.end = from.end[i];
            if (!apply(&s, spare)) return false;
        }
        *pieces = *spare;
        *spare = from;
    }
    return true;
}
