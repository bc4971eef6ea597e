/* Pre-tokenizers: cutting a text into the pieces inside which BPE merges.
 *
 * Published pre-tokenizers are lists of regular expressions; each is applied to the pieces that
 * the one before left, and isolates its matches. Here each expression is a "step": a small
 * hand-written matcher with parameters. A backtracking engine would need one stack frame or one
 * retry per character on hostile input; these matchers look at each character a bounded number of
 * times (runs that several attempts need are remembered in nap_scan), so that a text of n
 * characters costs O(n). The parameters follow the expressions that llama.cpp 0.3.36 names in
 * src/llama-vocab.cpp, with its readings of them where they differ from the originals.
 *
 * Adding a pre-tokenizer is adding a row in pretok.c: docs/tokenizers.md. */
#ifndef NAP_TEXT_SPLIT_H
#define NAP_TEXT_SPLIT_H

#include "text/unicode.h"

/* A set of characters: class bits, and ranges. White space outside ASCII counts as a control
 * character in `ranges`, never as itself. */
typedef struct nap_charset {
    unsigned classes;
    const uint32_t (*ranges)[2];
    unsigned n_ranges;
    bool inverted;
} nap_charset;

/* How a word (letters) begins and continues. */
typedef enum nap_word_kind {
    NAP_WORD_SPACED,   /* " ?\p{L}+": a space may lead (GPT-2) */
    NAP_WORD_PREFIXED, /* "[^\r\n\p{L}\p{N}]?\p{L}+": nearly any one character may lead */
    NAP_WORD_CASED,    /* the same, but a word also ends where lower case turns into upper */
    NAP_WORD_PHRASE,   /* the same, and words joined by single spaces stay together */
    NAP_WORD_HAN       /* the same, and runs of Chinese characters stand alone */
} nap_word_kind;

typedef enum nap_contraction { /* 's 't 're 've 'm 'll 'd */
                               NAP_CONTRACT_NONE,
                               NAP_CONTRACT_LOWER, /* a piece of its own, lower case only */
                               NAP_CONTRACT_ANY,   /* a piece of its own, any case */
                               NAP_CONTRACT_SUFFIX /* any case, stays with the word before it */
} nap_contraction;

/* The big alternation "contraction | word | number | other | newlines | spaces". */
typedef struct nap_word_rule {
    nap_word_kind word;
    nap_contraction contraction;
    unsigned letters;    /* classes of a word's characters */
    unsigned no_prefix;  /* classes that may not lead a PREFIXED word, besides \r and \n */
    int digits;          /* longest number; 0: any; -1: numbers are not matched */
    unsigned other;      /* classes of " ?[...]+" */
    bool other_inverted; /* all but these classes */
    const char *tail;    /* characters that may follow it */
    bool tail_once;      /* at most one of them */
    enum {
        NAP_NEWLINE_PLAIN, /* not special */
        NAP_NEWLINE_RUN,   /* "\s*[\r\n]+" */
        NAP_NEWLINE_SINGLE /* "[\r\n]" */
    } newline;
    bool space_cascade; /* runs of 512, 256, ... 4, 2, 1 spaces */
    bool punct_word;    /* "[ASCII punctuation][A-Za-z]+" comes first */
} nap_word_rule;

/* "lead? [set]{min,max}"; max 0: no limit. */
typedef struct nap_run_rule {
    enum {
        NAP_LEAD_NONE,
        NAP_LEAD_BLANK, /* " ?" */
        NAP_LEAD_SPACE  /* "\s?" */
    } lead;
    unsigned min, max;
    unsigned n_sets; /* alternatives, tried in order */
    nap_charset sets[4];
} nap_run_rule;

typedef struct nap_scan nap_scan;

typedef struct nap_step {
    /* End of the match that begins at unit `at`, or `at` if none does. */
    uint32_t (*match)(nap_scan *s, uint32_t at);
    const nap_word_rule *word;
    const nap_run_rule *run;
} nap_step;

/* What a matcher sees: units [begin, end) of the text, and what it remembers. */
struct nap_scan {
    const nap_unit *unit;
    uint32_t begin, end;
    const nap_step *step;
    uint32_t run_from, run_end, run_newline; /* the last run looked up, and after its last \r, \n */
};

uint32_t nap_match_words(nap_scan *s, uint32_t at);
uint32_t nap_match_run(nap_scan *s, uint32_t at);
uint32_t nap_match_final_spaces(nap_scan *s, uint32_t at);   /* "\s+$" */
uint32_t nap_match_line(nap_scan *s, uint32_t at);           /* "[^\n]+|[\n]+" */
uint32_t nap_match_grouped_digits(nap_scan *s, uint32_t at); /* numbers in threes, from the right */
uint32_t nap_match_thousands(nap_scan *s, uint32_t at);      /* "(?=(\d{3})+(?!\d))" */
uint32_t nap_match_sentinel(nap_scan *s, uint32_t at);       /* "<sentinel:[0-9]+>" */
uint32_t nap_match_image(nap_scan *s, uint32_t at);          /* "(IMGIMG)[A-I]{1,4}Z" */
uint32_t nap_match_indent(nap_scan *s, uint32_t at);         /* "([\t\n]|    |  )" */

/* Piece ends, in units, ascending; the last is n. */
typedef struct nap_pieces {
    uint32_t *end;
    size_t n, cap;
} nap_pieces;

/* Applies `n_steps` steps to units [0, n). `spare` is working space. False: out of memory. */
bool nap_split_text(const nap_step *steps, size_t n_steps, const nap_unit *unit, size_t n,
                    nap_pieces *pieces, nap_pieces *spare);

#endif
