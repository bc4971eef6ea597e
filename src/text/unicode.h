/* Bytes to code points with their classes, for the tokenizers.
 *
 * Classes are frozen at Unicode 15.1 (unicode_classes.inc), because token ids must not change with
 * the version of a system library. Any bytes are accepted: a byte that belongs to no well-formed
 * UTF-8 sequence is a unit of its own, classed as U+FFFD, and keeps its length of one byte, so
 * that the units of a text always add up to the text. */
#ifndef NAP_TEXT_UNICODE_H
#define NAP_TEXT_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    NAP_UC_NUMBER = 1,
    NAP_UC_LETTER = 2,
    NAP_UC_MARK = 4,
    NAP_UC_PUNCT = 8,
    NAP_UC_SYMBOL = 16,
    NAP_UC_CONTROL = 32,
    NAP_UC_SPACE = 64 /* what \s means in the published patterns: White_Space */
};

/* A unit: code point in bits 0-20, class in bits 21-27, byte length - 1 in bits 28-29. */
typedef uint32_t nap_unit;

static inline uint32_t nap_unit_cp(nap_unit u)
{
    return u & 0x1fffff;
}

static inline unsigned nap_unit_class(nap_unit u)
{
    return u >> 21 & 0x7f;
}

static inline unsigned nap_unit_bytes(nap_unit u)
{
    return (u >> 28) + 1;
}

/* Class bits of one code point below 0x110000. */
unsigned nap_unicode_class(uint32_t cp);

/* Length of the well-formed UTF-8 sequence at s (1-4; len > 0) and its code point; 0 if the first
 * byte starts none. */
unsigned nap_utf8_decode(const char *s, size_t len, uint32_t *cp);

/* How many of the last bytes of s (0-3) begin a sequence that more bytes could complete. */
unsigned nap_utf8_unfinished(const char *s, size_t len);

/* Writes cp (< 0x110000) as UTF-8; returns the length. */
unsigned nap_utf8_encode(uint32_t cp, char out[4]);

/* Splits `text` into units; `units` has room for len of them. Returns how many there are. */
size_t nap_units_decode(const char *text, size_t len, nap_unit *units);

#endif
