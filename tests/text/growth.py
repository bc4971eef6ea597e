#!/usr/bin/env python3
"""Time must grow in proportion to the text: growth.py GROWTH_OF

For each kind of vocabulary and each kind of text, twice the bytes take at most 2.3 times the
instructions, as valgrind counts them: the same number on a busy machine as on a quiet one. Judged
over two doublings, because one of them may hold a growing buffer that had to move, and whether it
had to depends on the environment (up to 13 % of the count). Exit code 77 (skipped) without
valgrind.
"""
import math
import re
import shutil
import subprocess
import sys

BYTES = 50_000
VOCABS = [("bpe.gguf", "gpt-2"), ("bpe.gguf", "llama-bpe"), ("bpe.gguf", "jais-2"),
          ("bpe.gguf", "deepseek-llm"), ("bpe.gguf", "default"), ("gemma4.gguf", "-"),
          ("spm.gguf", "-"), ("unigram.gguf", "-"), ("wordpiece.gguf", "-")]
KINDS = ["a", " ", "\n", "1", "random bytes", "random letters", "random words",
         "special tokens, nearly"]


def instructions(program, vocab, pre, count, kind):
    r = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                        "--toggle-collect=nap_tokenize", program, vocab, pre, str(count), kind],
                       capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", r.stderr)
    if r.returncode != 0 or not found or int(found.group(1)) < count:
        sys.exit(f"{vocab} {pre} {kind!r}: could not count\n{r.stderr[-500:]}")
    return int(found.group(1))


def main():
    if not shutil.which("valgrind"):
        print("skipped: needs valgrind")
        sys.exit(77)
    slow = 0
    for vocab, pre in VOCABS:
        for kind in KINDS:
            one = instructions(sys.argv[1], vocab, pre, BYTES, kind)
            four = instructions(sys.argv[1], vocab, pre, 4 * BYTES, kind)
            doubling = math.sqrt(four / one)
            print(f"{vocab:15} {pre:13} {kind!r:26} {one:12} {four:12} {doubling:.2f}", flush=True)
            slow += doubling > 2.3
    sys.exit(1 if slow else 0)


if __name__ == "__main__":
    main()
