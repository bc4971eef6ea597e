/* Code points and their Python classes: str.isspace, str.isprintable, str.upper and so on. */
#ifndef NAP_TEXT_JINJA_UNICODE_H
#define NAP_TEXT_JINJA_UNICODE_H

#include "text/jinja_value.h"

/* The code point at p[*i] of valid UTF-8; *i moves behind it. */
uint32_t nap_j_cp_next(const char *p, size_t *i);
uint32_t nap_j_cp_before(const char *p, size_t *i); /* the one that ends at *i; *i moves to it */
size_t nap_j_cp_encode(uint32_t cp, char out[4]);
bool nap_j_utf8_valid(const char *p, size_t n, size_t *bad);
size_t nap_j_utf8_count(const char *p, size_t n);
/* Byte offset of code point `index` (<= s->chars). */
size_t nap_j_str_offset(const nap_j_str *s, size_t index);

bool nap_j_is_space(uint32_t cp);
bool nap_j_is_printable(uint32_t cp);
bool nap_j_is_alpha(uint32_t cp);
bool nap_j_is_decimal(uint32_t cp);
bool nap_j_is_digit(uint32_t cp);
bool nap_j_is_numeric(uint32_t cp);
bool nap_j_is_upper(uint32_t cp);
bool nap_j_is_lower(uint32_t cp);
bool nap_j_is_title(uint32_t cp);
bool nap_j_is_name(uint32_t cp, bool first); /* part of an identifier */
int nap_j_decimal_value(uint32_t cp);        /* 0..9, or -1 */

enum nap_j_case { NAP_J_UPPER, NAP_J_LOWER, NAP_J_TITLE_WORDS, NAP_J_CAPITALIZE, NAP_J_SWAP };
bool nap_j_change_case(nap_j_run *r, nap_j_sb *b, const char *p, size_t n, enum nap_j_case how);

#endif
