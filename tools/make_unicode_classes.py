#!/usr/bin/env python3
"""Writes src/text/unicode_classes.inc: general categories of all code points, Unicode 15.1.

The version is fixed on purpose. Token ids must not change with the system's Unicode library, and
15.1 is what llama.cpp's tables hold. Needs the Python package unicodedata2 == 15.1.0.

    tools/make_unicode_classes.py > src/text/unicode_classes.inc
"""
import sys
import unicodedata2

BITS = {"N": 1, "L": 2, "M": 4, "P": 8, "S": 16, "C": 32}
SPACES = [*range(0x9, 0xE), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029,
          0x202F, 0x205F, 0x3000]
SPACE_BIT = 64


def main():
    if unicodedata2.unidata_version != "15.1.0":
        sys.exit(f"unicodedata2 {unicodedata2.unidata_version}, need 15.1.0")
    spaces, ranges, last = set(SPACES), [], -1
    for c in range(0x110000):
        category = unicodedata2.category(chr(c))
        bits = 0 if category == "Cn" else BITS.get(category[0], 0)
        if c in spaces:
            bits |= SPACE_BIT
        if bits != last:
            ranges.append(c << 8 | bits)
            last = bits
    print("/* Unicode 15.1: first code point << 8 | class bits, one entry per range.")
    print(" * Written by tools/make_unicode_classes.py. */")
    for i in range(0, len(ranges), 8):
        print("    " + " ".join(f"0x{r:x}," for r in ranges[i:i + 8]))


main()
