#!/usr/bin/env python3
"""Records tests/text/data: small vocabularies of every kind, texts, and llama.cpp's ids for them.

    tools/record_tokenizer_goldens.py LLAMA_TREE LLAMA_BIN

The vocabularies are trained here, on the texts themselves and across all boundaries (words,
numbers, scripts), so that a pre-tokenizer that cuts in another place, or not at all, gives other
ids. vocabularies: bpe (every pre-tokenizer name), gemma4, spm, unigram (with a character map),
wordpiece. goldens.txt holds, per vocabulary and pre-tokenizer, a 64-bit FNV-1a sum of each text's
ids. Needs Python 3 and a C compiler.
"""
import collections
import os
import random
import re
import struct
import sys
import tempfile

import compare_tokenizers as ct

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/text/data")
MARK = "\u2581"
NORMAL, UNKNOWN, CONTROL, USER, BYTE = 1, 2, 3, 4, 6
MERGES = 900


def string(b):
    return struct.pack("<Q", len(b)) + b


def kv(key, value):
    head = string(key.encode())
    if isinstance(value, bool):
        return head + struct.pack("<IB", 7, value)
    if isinstance(value, int):
        return head + struct.pack("<II", 4, value)
    if isinstance(value, str):
        return head + struct.pack("<I", 8) + string(value.encode())
    if isinstance(value, bytes):
        return head + struct.pack("<IIQ", 9, 0, len(value)) + value
    if isinstance(value[0], float):
        return head + struct.pack(f"<IIQ{len(value)}f", 9, 6, len(value), *value)
    if isinstance(value[0], int):
        return head + struct.pack(f"<IIQ{len(value)}i", 9, 5, len(value), *value)
    return head + struct.pack("<IIQ", 9, 8, len(value)) + b"".join(string(s) for s in value)


def write(name, pairs):
    pairs = {"general.architecture": "llama", "general.name": "phi-3 like" if name == "spm" else name,
             **{"tokenizer.ggml." + k: v for k, v in pairs.items()}}
    path = os.path.join(DATA, name + ".gguf")
    with open(path, "wb") as f:
        f.write(b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs)))
        for k, v in pairs.items():
            f.write(kv(k, v))
    return path


def train(texts, count):
    """Plain byte-pair training on lists of symbols; returns the merges, most frequent first."""
    texts, merges = [list(t) for t in texts], []
    for _ in range(count):
        pairs = collections.Counter(p for t in texts for p in zip(t, t[1:]))
        best = min(pairs, key=lambda p: (-pairs[p], p))
        merges.append(best)
        for t in texts:
            i = 0
            while i + 1 < len(t):
                if (t[i], t[i + 1]) == best:
                    t[i:i + 2] = [best[0] + best[1]]
                i += 1
    return merges


def alphabet():
    """GPT-2's: the character for each byte."""
    out, other = [], 0x100
    for b in range(256):
        if 0x21 <= b <= 0x7e or 0xa1 <= b <= 0xac or b >= 0xae:
            out.append(chr(b))
        else:
            out.append(chr(other))
            other += 1
    return out


def unique(seq):
    return list(dict.fromkeys(seq))


def bpe(lines):
    byte = alphabet()
    merges = train([[byte[b] for b in s.encode()] for s in lines], MERGES)
    tokens = unique(byte + [a + b for a, b in merges])
    specials = [("<|endoftext|>", CONTROL), ("<|im_start|>", CONTROL), ("<|im_end|>", CONTROL),
                ("<|user|>", USER), ("    ", USER), ("<|us", USER)]
    types = [NORMAL] * len(tokens) + [t for _, t in specials]
    tokens += [s for s, _ in specials]
    return write("bpe", {
        "model": "gpt2", "pre": "gpt-2", "tokens": [t.encode() for t in tokens],
        "token_type": types, "merges": [f"{a} {b}".encode() for a, b in merges],
        "bos_token_id": tokens.index("<|endoftext|>"), "eos_token_id": tokens.index("<|im_end|>")})


def gemma4(lines):
    merges = [m for m in train([s.replace(" ", MARK).replace("\n", "") for s in lines], MERGES)]
    byte = [f"<0x{b:02X}>" for b in range(256)]
    chars = unique("".join(a + b for a, b in merges))
    tokens = unique(["<pad>", "<eos>", "<bos>", "<unk>"] + byte + ["\n", "\n\n"] + chars +
                    [a + b for a, b in merges])
    types = [CONTROL] * 3 + [UNKNOWN] + [BYTE] * 256 + [NORMAL] * (len(tokens) - 260)
    return write("gemma4", {
        "model": "gemma4", "tokens": [t.encode() for t in tokens], "token_type": types,
        "merges": [f"{a} {b}".encode() for a, b in merges], "bos_token_id": 2, "eos_token_id": 1})


def spm(lines):
    merges = train([(" " + s).replace(" ", MARK) for s in lines], MERGES)
    byte = [f"<0x{b:02X}>" for b in range(256)]
    specials = [("<|endoftext|>", CONTROL), ("<|user|>", USER)]
    pieces = [a + b for a, b in merges]
    chars = unique("".join(pieces))
    tokens = unique(["<unk>", "<s>", "</s>"] + byte + pieces + chars + [s for s, _ in specials])
    types = [UNKNOWN, CONTROL, CONTROL] + [BYTE] * 256
    types += [NORMAL] * (len(tokens) - len(types) - 2) + [t for _, t in specials]
    scores = [0.0] * 259 + [-float(i // 2) for i in range(len(tokens) - 259)]  # with ties
    return write("spm", {"model": "llama", "pre": "default", "tokens": [t.encode() for t in tokens],
                         "scores": scores, "token_type": types, "bos_token_id": 1,
                         "eos_token_id": 2, "unknown_token_id": 0})


def charsmap(table):
    """A Darts-clone double array of `table`, and its strings, as SentencePiece stores them."""
    values, blob = {}, b""
    for k, v in table.items():
        values[k.encode()] = len(blob)
        blob += v.encode() + b"\0"
    nodes = {b""} | {k[:i] for k in values for i in range(1, len(k) + 1)}
    children = {n: sorted({k[len(n)] for k in nodes if len(k) == len(n) + 1 and k[:-1] == n})
                for n in nodes}
    units, used, at = {0: 0}, {0}, {b"": 0}
    for node in sorted(nodes, key=lambda n: (len(n), n)):
        labels = ([0] if node in values else []) + children[node]
        base = next(b for b in range(1, 1 << 20)
                    if not any((at[node] ^ b ^ c) in used for c in labels))
        units[at[node]] |= base << 10 | (256 if node in values else 0)
        for c in labels:
            p = at[node] ^ base ^ c
            used.add(p)
            units[p] = c
            at[node + bytes([c])] = p
        if node in values:
            units[at[node] ^ base] = 1 << 31 | values[node]
    size = max(units) + 257
    array = struct.pack(f"<{size}I", *(units.get(i, 0) for i in range(size)))
    return struct.pack("<I", len(array)) + array + blob


def unigram(lines):
    pieces = [a + b for a, b in train([(" " + s).replace(" ", MARK) for s in lines], MERGES)]
    rng = random.Random(5)
    tokens = unique(["<pad>", "</s>", "<unk>", "<extra>"] + unique("".join(pieces)) + pieces)
    types = [CONTROL, CONTROL, UNKNOWN, USER] + [NORMAL] * (len(tokens) - 4)
    scores = [0.0] * 4 + [-2.0 - rng.randrange(64) / 4 / len(t) for t in tokens[4:]]
    table = {chr(0xff01 + i): chr(0x21 + i) for i in range(94)}
    table.update({"\u3000": " ", "\t": " ", "\n": " ", "\ufb01": "fi", "\u2026": "...", "e\u0301":
                  "\u00e9", "\u00ad": "", "\u00c5": "A"})
    return write("unigram", {
        "model": "t5", "pre": "default", "tokens": [t.encode() for t in tokens], "scores": scores,
        "token_type": types, "precompiled_charsmap": charsmap(table), "add_space_prefix": True,
        "eos_token_id": 1, "unknown_token_id": 2, "padding_token_id": 0})


def wordpiece(lines):
    words = [w for s in lines for w in re.findall(r"\w+|[^\w\s]", s.lower())]
    pieces = [a + b for a, b in train([MARK + w for w in words], MERGES)]
    chars = unique("".join(pieces))
    tokens = unique(["[PAD]", "[UNK]", "[CLS]", "[SEP]"] + chars +
                    [MARK + c for c in chars if c != MARK] + pieces)
    return write("wordpiece", {
        "model": "bert", "pre": "default", "tokens": [t.encode() for t in tokens],
        "token_type": [CONTROL] * 4 + [NORMAL] * (len(tokens) - 4), "bos_token_id": 2,
        "seperator_token_id": 3, "unknown_token_id": 1, "padding_token_id": 0})


def fnv(ids):
    h = 0xcbf29ce484222325
    for b in struct.pack(f"<{len(ids)}i", *ids):
        h = (h ^ b) * 0x100000001b3 & 0xffffffffffffffff
    return f"{h:016x}"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    tree, libraries = sys.argv[1:]
    os.makedirs(DATA, exist_ok=True)
    texts = ct.Texts(random.Random(1), [], tree, [b"<|im_start|>", b"<|user|>", b"<s>", b"</s>"])
    lines = unique(texts.parts)
    vocabs = [bpe(lines), gemma4(lines), spm(lines), unigram(lines), wordpiece(lines)]
    made = [(f % 4, t.encode()) for f, t in enumerate(lines)]
    while len(made) < 250:
        made.append((texts.rng.choice([0, 1, 2, 3]), texts.text(False)))
    with open(os.path.join(DATA, "texts.hex"), "w") as f:
        f.writelines(f"{flags} {t.hex()}\n" for flags, t in made)
    requests = b"".join(struct.pack("<II", f, len(t)) + t for f, t in made)
    source = open(os.path.join(tree, "src/llama-vocab.cpp")).read()
    names = sorted(set(re.findall(r'tokenizer_pre == "([^"]+)"', source)))
    with tempfile.TemporaryDirectory() as tmp, \
            open(os.path.join(DATA, "goldens.txt"), "w") as out:
        peer = ct.compile_peer(tree, libraries, tmp)
        env = dict(os.environ, LD_LIBRARY_PATH=libraries)
        for path in vocabs:
            name = os.path.basename(path)
            for pre in names if name == "bpe.gguf" else ["-"]:
                changed = path
                if pre != "-":
                    changed = os.path.join(tmp, "changed.gguf")
                    ct.with_pre(ct.readable(path), pre, changed)
                rc, answer = ct.run(peer, changed, requests, env)
                if rc != 0:
                    print(f"{name} as {pre}: llama.cpp ends with {rc}, left out")
                    continue
                out.write(f"[{name} {pre}]\n")
                out.writelines(fnv(ids) + "\n" for ids in ct.ids_of(answer))


if __name__ == "__main__":
    main()
