#!/usr/bin/env python3
"""Compares Napier's token ids with llama.cpp's, live, on generated texts.

    tools/compare_tokenizers.py --ours build/tests/text/ids_of [--llama-tree DIR --llama-bin DIR]
        [-n 100000] [--seed 1] [--pre-all] [--corpus FILE ...] [VOCAB.gguf ...]

Without VOCAB.gguf: every vocabulary in DIR/models. With --pre-all each vocabulary is tried with
every pre-tokenizer name that llama.cpp knows (for byte-level BPE vocabularies), -n texts each.
The texts are made of sentences in many scripts, source code, the expected-id files' inputs, all
special tokens, emoji, white space, digits, random characters of every category and, where
llama.cpp takes them, random bytes. Every text is also decoded by Napier and must come back, at
once and streamed, where the vocabulary can express it. Prints one line per vocabulary; exit code 1
if any text differs. Needs Python 3 and a C compiler, nothing else. The folders default to the
environment's NAPIER_LLAMA_TREE and NAPIER_LLAMA_BIN; without them the exit code is 77 (skipped).
"""
import argparse
import glob
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import unicodedata

SENTENCES = """
The quick brown fox jumps over the lazy dog, doesn't it? I'll say we've SEEN'EM; they'd've gone.
Falsches Üben von Xylophonmusik quält jeden größeren Zwerg. Straße, Maß, ẞ, naïve façade, Œuvre.
Voix ambiguë d'un cœur qui, au zéphyr, préfère les jattes de kiwis. L'été, c'est l'heure.
El pingüino Wenceslao hizo kilómetros bajo exhaustiva lluvia; ¿qué tal, señor? ¡Olé!
Съешь же ещё этих мягких французских булок, да выпей чаю. Нещо на Български. Україна, Її.
Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. ΚΑΛΗΜΕΡΑ ΚΟΣΜΕ, ἄνθρωπος.
Pijamalı hasta yağız şoföre çabucak güvendi. İstanbul'da, ISPARTA'nın ılık suyu.
Příliš žluťoučký kůň úpěl ďábelské ódy. Zażółć gęślą jaźń. Árvíztűrő tükörfúrógép.
دع الأمر ليوم الغد، فالصبر مفتاح الفرج؟ ۱۲۳۴۵۶ و ١٢٣٤٥٦٧ هِجَاءً۔
עטלף אבק נס דרך מזגן שהתפוצץ כי חם. שָׁלוֹם
ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण का सर्वनाश। १२३४५
বাংলা ভাষায় লেখা কিছু কথা। তামிழ் உயிர்மெய் எழுத்து. తెలుగు లిపి.
เป็นมนุษย์สุดประเสริฐเลิศคุณค่า กว่าบรรดาฝูงสัตว์เดรัจฉาน ๑๒๓
ខ្ញុំអាចញ៉ាំកញ្ចក់បាន ដោយគ្មានបញ្ហា។ ကျွန်တော် မြန်မာစာ။ ພາສາລາວ
我想在apple工作1314151天～，你觉得怎么样？「真的」……《红楼梦》、繁體中文測試。
いろはにほへと ちりぬるを ワカヨタレソ ツネナラム、ｶﾀｶﾅ ゔ ヴ ー。
키스의 고유조건은 입술끼리 만나야 하고 특별한 기술은 필요치 않다. ㄱㄴㄷ ㅏㅑ 가나다.
Đây là tiếng Việt: Trăm năm trong cõi người ta, chữ tài chữ mệnh khéo là ghét nhau.
ქართული ენა, ՀԱՅԵՐԵՆ լեզու, አማርኛ ቋንቋ፡፡ ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ ꮳꮃꭹ ᚠᚢᚦᚨᚱᚲ 𐐀𐐁𐐨 𒀀𒁀
🚀 (normal) 😶‍🌫️ (multiple emojis concatenated) ✅ 👩‍👩‍👧‍👦 🇺🇦 🏴󠁧󠁢󠁳󠁣󠁴󠁿 ❤️‍🔥 1️⃣ ☎︎ 🦙.cpp
∀x∈ℝ: ⌈x⌉ = −⌊−x⌋, ∑ aᵢ ≠ ½ ⅓ Ⅷ ² ³ € £ ¥ ₿ ∞ ← → ↔ ■ □ ▲ ¶ § © ® ™ …
fi ﬁ ﬂ ﬃ Ａｂｃ１２３！ ｡｢｣ ㍿ ㎏ № ℡ é e\u0301 ñ n\u0303 Å A\u030a ⅳ ㋿ \ufeff \u200b \u00ad
1 12 123 1234 12345 123456 1234567 3.14159 1,000,000.00 0xDEADBEEF 1e-10 2024-01-31T12:59:59Z
for (int i = 0; i < n; ++i) { a[i] += b[i] * 2.5f; } // done\n\tif (!x) return -1;\n\n
def f(x, *args, **kw):\n    \"\"\"Doc.\"\"\"\n    return {k: v for k, v in kw.items() if k != 'a'}\n
<html><body class="x">&nbsp;<a href='https://example.org/?q=1&r=%20'>t</a></body></html>
SELECT * FROM t WHERE a='b' AND c>=1.0;-- x\r\n#include <stdio.h>\r\n\r\n/* c */ a->b, c::d, e|=f^g
CamelCaseWords snake_case_words SCREAMING_CASE kebab-case-words iPhone XMLHttpRequest a1b2c3 ÀÉÎ
<|im_start|>user\nHi<|im_end|> [INST] x [/INST] <s>a</s> <unk> <start_of_turn> <0x0A> [MASK] ▁a▁▁b
IMGIMGABCZ IMGIMGZ <sentinel:12> <dna>ACGT</dna> 'S 'T 'RE 'Ve 'lL 'd 't'm's ' s "it's" I'M ’s
""".strip("\n").split("\n")
SPACES = [" ", "  ", "   ", "    ", "\n", "\n\n", "\r\n", "\t", "\t\t", " \n ", "\u00a0", "\u3000",
          "\u2028", "\x0b", "\x0c", "\x85", " " * 17, "\n" * 9, "\u2003", "\u200b", "\x00", "\x1c"]


def readable(path):
    """Strings and scalars of a GGUF file's metadata, and raw values of everything else."""
    data = open(path, "rb").read()
    pos, out = 24, {}
    sizes = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}

    def string(at):
        n, = struct.unpack_from("<Q", data, at)
        return data[at + 8:at + 8 + n], at + 8 + n

    for _ in range(struct.unpack_from("<Q", data, 16)[0]):
        key, pos = string(pos)
        begin = pos
        kind, = struct.unpack_from("<I", data, pos)
        pos += 4
        value = None
        if kind == 8:
            value, pos = string(pos)
        elif kind == 9:
            elem, n = struct.unpack_from("<IQ", data, pos)
            pos += 12
            if elem == 8:
                value = []
                for _ in range(n):
                    s, pos = string(pos)
                    value.append(s)
            else:
                if elem == 5:
                    value = list(struct.unpack_from(f"<{n}i", data, pos))
                pos += sizes[elem] * n
        else:
            pos += sizes[kind]
        out[key.decode()] = (value, data[begin:pos])
    return out


def with_pre(meta, pre, path):
    """Writes a vocabulary-only GGUF with another tokenizer.ggml.pre."""
    kvs = {k: raw for k, (_, raw) in meta.items() if k != "tokenizer.ggml.pre"}
    kvs["tokenizer.ggml.pre"] = struct.pack("<IQ", 8, len(pre)) + pre.encode()
    with open(path, "wb") as f:
        f.write(b"GGUF" + struct.pack("<IQQ", 3, 0, len(kvs)))
        for k, raw in kvs.items():
            f.write(struct.pack("<Q", len(k)) + k.encode() + raw)


def by_category():
    groups = {}
    for c in range(0x110000):
        if not 0xD800 <= c < 0xE000:
            groups.setdefault(unicodedata.category(chr(c)), []).append(c)
    for c in ("Cn", "Co"):
        groups[c] = groups[c][::97]
    return list(groups.values())


class Texts:
    def __init__(self, rng, corpora, tree, specials):
        self.rng = rng
        self.parts = [s.encode().decode("unicode_escape").encode("latin-1").decode("utf-8")
                      if "\\" in s and s.isascii() else s for s in SENTENCES]
        self.parts = [re.sub(r"\\u([0-9a-f]{4})", lambda m: chr(int(m[1], 16)), s)
                      for s in self.parts]
        for path in glob.glob(os.path.join(tree, "models", "*.inp")):
            self.parts += open(path, encoding="utf-8").read().split("\n__ggml_vocab_test__\n")
        for path in corpora:
            self.parts += open(path, encoding="utf-8", errors="replace").read().split("\n")
        self.parts = [p for p in self.parts if p]
        self.specials = [s.decode("utf-8", "replace") for s in specials] or [""]
        self.groups = by_category()

    def char(self):
        r = self.rng.random()
        if r < 0.4:
            return chr(self.rng.randrange(32, 127))
        if r < 0.5:
            return chr(self.rng.randrange(0x80, 0x3000))
        return chr(self.rng.choice(self.rng.choice(self.groups)))

    def piece(self):
        r, rng = self.rng.random(), self.rng
        if r < 0.50:
            s = rng.choice(self.parts)
            a = rng.randrange(len(s))
            s = s[a:a + rng.randrange(1, 40)]
            return s.upper() if rng.random() < 0.05 else s
        if r < 0.62:
            return rng.choice(SPACES)
        if r < 0.70:
            return "".join(rng.choice("0123456789") for _ in range(rng.randrange(1, 12)))
        if r < 0.76:
            return rng.choice(self.specials)
        if r < 0.80:
            return rng.choice("'’") + rng.choice(["s", "S", "t", "re", "RE", "Ve", "ll", "lL", "d", "x"])
        if r < 0.84:
            return rng.choice("aA.é 中-=_#*\n") * rng.randrange(1, 70)
        return "".join(self.char() for _ in range(rng.randrange(1, 12)))

    def text(self, raw_bytes):
        rng = self.rng
        s = "".join(self.piece() for _ in range(rng.randrange(1, 7))).encode("utf-8", "replace")
        if raw_bytes and rng.random() < 0.15:
            s = bytearray(s)
            for _ in range(rng.randrange(1, 6)):
                s.insert(rng.randrange(len(s) + 1), rng.randrange(256))
            s = bytes(s) if rng.random() < 0.7 else rng.randbytes(rng.randrange(1, 40))
        return s


# A space inside what a lead byte claims: llama.cpp's SentencePiece cuts its escaped form in two,
# and the text does not come back; Napier ends the malformed character before it.
CUT_SPACE = re.compile(rb"[\xc0-\xff](?: |\xe2\x96\x81)|[\xe0-\xff][^ ](?: |\xe2\x96\x81)|"
                       rb"[\xf0-\xff][^ ]{2}(?: |\xe2\x96\x81)", re.S)


def missing_bytes(tokens, types):
    """Bytes that a vocabulary in GPT-2's alphabet has no token for (of its own: DeepSeek's have a
    user-defined token that is written alike, and decodes to that character)."""
    have, other = {t for t, k in zip(tokens, types) if k == 1}, 0x100
    missing = []
    for b in range(256):
        if 0x21 <= b <= 0x7e or 0xa1 <= b <= 0xac or b >= 0xae:
            c = chr(b)
        else:
            c, other = chr(other), other + 1
        if c.encode() not in have:
            missing.append(b)
    return bytes(missing)


def run(program, vocab, requests, env=None):
    p = subprocess.run([program, vocab], input=requests, stdout=subprocess.PIPE, env=env)
    return p.returncode, p.stdout


def compile_peer(tree, libraries, folder):
    here = os.path.dirname(os.path.abspath(__file__))
    peer = os.path.join(folder, "peer_ids")
    subprocess.run(["cc", "-O1", "-o", peer, os.path.join(here, "../tests/text/peer_ids.c"),
                    "-I" + os.path.join(tree, "include"), "-I" + os.path.join(tree, "ggml/include"),
                    "-L" + libraries, "-Wl,-rpath-link," + libraries, "-lllama"], check=True)
    return peer


def ids_of(answer):
    out, pos = [], 0
    while pos + 4 <= len(answer):
        n, = struct.unpack_from("<I", answer, pos)
        out.append(struct.unpack_from(f"<{n}i", answer, pos + 4))
        pos += 4 + 4 * n
    return out


def compare(args, peer, env, path, name, n, cache):
    meta = readable(path)
    model = meta["tokenizer.ggml.model"][0].decode()
    tokens = meta["tokenizer.ggml.tokens"][0]
    types = meta.get("tokenizer.ggml.token_type", ([1] * len(tokens),))[0]
    # llama.cpp replaces bytes that are not UTF-8 before BPE (Napier keeps them), and decodes
    # overlong forms before WordPiece (Napier drops them).
    raw = model in ("llama", "t5")
    if not cache:
        specials = [t for t, k in zip(tokens, types) if k in (2, 3, 4)]
        rng = random.Random(f"{args.seed} {name}")
        texts = Texts(rng, args.corpus, args.llama_tree, specials)
        made = []
        while len(made) < n:
            t = texts.text(raw)
            if not (raw and model == "llama" and CUT_SPACE.search(t)):
                made.append((rng.choice([0, 0, 1, 2, 3]), t))
        requests = b"".join(struct.pack("<II", f, len(t)) + t for f, t in made)
        cache.extend([texts, made, requests])
    texts, made, requests = cache
    good = True
    exact = model in ("gpt2", "llama", "gemma4")
    both = [run(args.ours, path, requests), run(peer, path, requests, env)]
    if any(rc for rc, _ in both):
        print(f"{name}: exit codes {both[0][0]} (ours), {both[1][0]} (llama.cpp)")
        return False
    ours, theirs = ids_of(both[0][1]), ids_of(both[1][1])
    wrong = [i for i in range(n) if ours[i] != theirs[i]]
    good &= not wrong
    print(f"{name}: {n} texts, {sum(len(t) for _, t in made)} bytes, {sum(map(len, ours))} ids, "
          f"{len(wrong)} differ", flush=True)
    for i in wrong[:args.show]:
        print(f"  flags {made[i][0]} {made[i][1]!r}\n    ours  {ours[i]}\n    llama {theirs[i]}")
    if exact and args.round_trip:
        # A space's own sign, U+2581, decodes to a space where it stands for one.
        missing = missing_bytes(tokens, types) if model == "gpt2" else b""
        made = [t for t in (texts.text(True) for _ in range(n))
                if not any(b in missing for b in t)
                and (model == "gpt2" or "\u2581".encode() not in t)]
        back = b"".join(struct.pack("<II", 256, len(t)) + t for t in made)
        lost = [i for i, ids in enumerate(ids_of(run(args.ours, path, back)[1])) if not ids[-1]]
        print(f"{name}: {len(made)} texts decoded, {len(lost)} did not come back")
        for i in lost[:args.show]:
            print(f"  {made[i]!r}")
        good &= not lost
    return good


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--ours", required=True)
    p.add_argument("--llama-tree", default=os.environ.get("NAPIER_LLAMA_TREE"))
    p.add_argument("--llama-bin", default=os.environ.get("NAPIER_LLAMA_BIN"))
    p.add_argument("-n", type=int, default=100000)
    p.add_argument("--seed", default="1")
    p.add_argument("--show", type=int, default=3)
    p.add_argument("--pre-all", action="store_true")
    p.add_argument("--pre", action="append", default=[])
    p.add_argument("--round-trip", action="store_true")
    p.add_argument("--corpus", action="append", default=[])
    p.add_argument("vocab", nargs="*")
    args = p.parse_args()
    if not args.llama_tree or not args.llama_bin:
        print("skipped: NAPIER_LLAMA_TREE and NAPIER_LLAMA_BIN are not set")
        sys.exit(77)
    good = True
    with tempfile.TemporaryDirectory() as tmp:
        peer = compile_peer(args.llama_tree, args.llama_bin, tmp)
        env = dict(os.environ, LD_LIBRARY_PATH=args.llama_bin)
        vocabs = args.vocab or sorted(glob.glob(os.path.join(args.llama_tree, "models", "*.gguf")))
        names = args.pre
        if args.pre_all:
            source = open(os.path.join(args.llama_tree, "src/llama-vocab.cpp")).read()
            names = sorted(set(re.findall(r'tokenizer_pre == "([^"]+)"', source)))
        for path in vocabs:
            base = os.path.basename(path).replace("ggml-vocab-", "").replace(".gguf", "")
            if not names:
                good &= compare(args, peer, env, path, base, args.n, [])
                continue
            meta, cache = readable(path), []
            for pre in names:
                changed = os.path.join(tmp, "changed.gguf")
                with_pre(meta, pre, changed)
                good &= compare(args, peer, env, changed, f"{base} as {pre}", args.n, cache)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
