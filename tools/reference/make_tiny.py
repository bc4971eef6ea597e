"""Writes the tiny random models of tests/engine/data, each with its golden logits inside.

One model per architecture, and one llama model per tensor type. Weights are random valid blocks
(any code, any scale, sized so that products neither vanish nor explode). The logits that
forward.py computes in float64 for a fixed sequence of tokens go into the same file as metadata:

    napier.test.tokens     the sequence
    napier.test.positions  which positions are recorded
    napier.test.logits     float32, a row of the vocabulary per recorded position

The files are complete: llama.cpp loads them too. Deterministic: same numpy and gguf, same bytes.

    make_tiny.py FOLDER [NAME ...]
"""
import pathlib
import sys

import gguf
import numpy as np

import forward

VOCAB = 272
LENGTH = 24
POSITIONS = [0, 1, 8, 15, 22, 23]
TYPES = gguf.GGMLQuantizationType


# ---- random tensors

# Where the f16 scales of a block lie, and, for the second of the pair, how large it is against the
# first so that the values' mean is about zero (the offset that the formats with a minimum add).
SCALES = {
    "Q4_0": [(0, 1)], "Q4_1": [(0, 1), (2, -7.5)], "Q5_0": [(0, 1)], "Q5_1": [(0, 1), (2, -15.5)],
    "Q8_0": [(0, 1)], "Q2_K": [(80, 1), (82, 1.5)], "Q3_K": [(108, 1)],
    "Q4_K": [(0, 1), (2, 7.5)], "Q5_K": [(0, 1), (2, 15.5)], "Q6_K": [(208, 1)],
    "IQ4_NL": [(0, 1)], "IQ4_XS": [(0, 1)], "TQ1_0": [(52, 1)], "TQ2_0": [(64, 1)],
    "Q1_0": [(0, 1)], "Q2_0": [(0, 1)],
}


def random_blocks(rng, kind, rows, cols, size):
    """Bytes (uint8, rows first) whose decoded values have a standard deviation near `size`."""
    block, block_bytes = gguf.GGML_QUANT_SIZES[kind]
    n = rows * cols // block
    data = rng.integers(0, 256, (n, block_bytes), dtype=np.uint8)
    if kind.name == "TQ1_0":  # five base-3 digits to a byte: ceil(digits * 256 / 243)
        codes = rng.integers(0, 243, (n, 52))
        codes[:, 48:] = 3 * rng.integers(0, 81, (n, 4))
        data[:, :52] = (codes * 256 + 242) // 243
    if kind.name == "TQ2_0":  # code 3 stands for nothing
        pairs = rng.integers(0, 3, (n, 64, 4), dtype=np.uint8)
        data[:, :64] = (pairs << np.array([0, 2, 4, 6], np.uint8)).sum(axis=2)
    if kind.name == "Q2_0":  # -1, 0, 1, 2 in such shares that the mean is zero
        pairs = rng.choice(4, (n, 16, 4), p=[0.4, 0.3, 0.2, 0.1]).astype(np.uint8)
        data[:, 2:] = (pairs << np.array([0, 2, 4, 6], np.uint8)).sum(axis=2)
    if kind.name == "MXFP4":  # the scale is a power of two: its exponent plus 127
        data[:, 0] = 127 + round(np.log2(size)) - 3 + rng.integers(0, 3, n)
        return data.reshape(rows, -1)

    def put_scales(factor):
        for (offset, ratio), spread in zip(SCALES[kind.name], spreads):
            half = (factor * ratio * spread).astype(np.float16)
            data[:, offset:offset + 2] = half.view(np.uint8).reshape(n, 2)

    spreads = rng.uniform(0.6, 1.4, (1, n)).repeat(2, axis=0) * rng.uniform(0.95, 1.05, (2, n))
    put_scales(2.0**-6)
    std = forward.decode(data, kind, (rows, cols)).std()
    put_scales(2.0**-6 * size / std)
    return data.reshape(rows, -1)


class Writer:
    """A GGUF file with random tensors of one default type."""

    def __init__(self, path, arch, kind, seed):
        self.w = gguf.GGUFWriter(path, arch)
        self.rng = np.random.default_rng(seed)
        self.kind = TYPES[kind]

    def matrix(self, name, rows, cols, kind=None, gain=1.0):
        kind = TYPES[kind] if kind else self.kind
        if cols % gguf.GGML_QUANT_SIZES[kind][0] != 0:
            kind = TYPES.Q8_0
        size = gain / np.sqrt(cols)
        if kind.name in ("F32", "F16", "BF16"):
            data = self.rng.normal(0, size, (rows, cols)).astype(np.float32)
            if kind.name == "F16":
                data = data.astype(np.float16)
            if kind.name == "BF16":
                data = gguf.quants.quantize(data, kind)
        else:
            data = random_blocks(self.rng, kind, rows, cols, size)
        self.w.add_tensor(name + ".weight", data, raw_dtype=kind)

    def vector(self, name, size, mean=1.0, spread=0.2):
        data = self.rng.normal(mean, spread, size).astype(np.float32)
        self.w.add_tensor(name, data, raw_dtype=TYPES.F32)

    def close(self):
        self.w.write_header_to_file()
        self.w.write_kv_data_to_file()
        self.w.write_tensors_to_file()
        self.w.close()


# ---- vocabularies

def sentencepiece_vocab(w):
    """Three specials, 256 bytes, and the commonest letters with a word boundary."""
    pieces = [b"<unk>", b"<s>", b"</s>"] + [b"<0x%02X>" % i for i in range(256)]
    types = [2, 3, 3] + [6] * 256
    extra = ["\u2581", "e", "t", "a", "o", "\u2581t", "h", "\u2581th", "\u2581the", "n", "in", "i",
             "er"]
    pieces += [s.encode() for s in extra]
    types += [1] * len(extra)
    w.add_tokenizer_model("llama")
    w.add_token_list(pieces)
    w.add_token_scores([0.0] * 259 + [-float(i) for i in range(len(extra))])
    w.add_token_types(types)
    w.add_bos_token_id(1)
    w.add_eos_token_id(2)
    w.add_unk_token_id(0)
    assert len(pieces) == VOCAB


def byte_pair_vocab(w):
    """GPT-2's 256 byte letters, a few merges, and two control tokens."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {b: chr(b) for b in printable}
    for b in range(256):
        letters.setdefault(b, chr(256 + sum(x not in printable for x in range(b))))
    pieces = [letters[b] for b in range(256)]
    space = letters[32]
    merges = [(space, "t"), (space + "t", "h"), (space + "th", "e"), ("i", "n"), ("e", "r"),
              (space, "a"), ("o", "n"), ("r", "e"), (space, "s"), ("a", "t"), (space + "s", "t"),
              ("o", "r"), ("e", "n"), (space + "a", "n")]
    pieces += [a + b for a, b in merges] + ["<|endoftext|>", "<|im_end|>"]
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("qwen2")
    w.add_token_list(pieces)
    w.add_token_types([1] * 270 + [3, 3])
    w.add_token_merges([f"{a} {b}" for a, b in merges])
    w.add_bos_token_id(270)
    w.add_eos_token_id(271)
    w.add_add_bos_token(False)
    assert len(pieces) == VOCAB


# ---- architectures

def common_keys(w, name, layers, width, ff, heads, kv_heads, head_dim, context=64):
    w.add_name("tiny " + name)
    w.add_context_length(context)
    w.add_embedding_length(width)
    w.add_block_count(layers)
    w.add_feed_forward_length(ff)
    w.add_head_count(heads)
    w.add_head_count_kv(kv_heads)
    w.add_key_length(head_dim)
    w.add_value_length(head_dim)
    w.add_rope_dimension_count(head_dim)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_vocab_size(VOCAB)


def matrices(t, layer, width, ff, heads, kv_heads, head_dim, up=None):
    t.matrix(layer + "attn_q", heads * head_dim, width, gain=1.5)
    t.matrix(layer + "attn_k", kv_heads * head_dim, width, gain=1.5)
    t.matrix(layer + "attn_v", kv_heads * head_dim, width)
    t.matrix(layer + "attn_output", width, heads * head_dim)
    t.matrix(layer + "ffn_gate", ff, width)
    t.matrix(layer + "ffn_up", ff, width, kind=up)
    t.matrix(layer + "ffn_down", width, ff)


def llama(path, kind, seed, layers=2, width=64, ff=96, heads=4, kv_heads=2, head_dim=32,
          rope="plain", tied=False, arch="llama", up=None):
    """llama and, with other biases and norms, qwen2 and qwen3."""
    t = Writer(path, arch, kind, seed)
    common_keys(t.w, pathlib.Path(path).stem, layers, width, ff, heads, kv_heads, head_dim)
    t.w.add_rope_freq_base(1e6 if arch != "llama" else 1e4)
    if rope == "linear":
        t.w.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        t.w.add_rope_scaling_factor(4.0)
    if rope == "yarn":
        t.w.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        t.w.add_rope_scaling_factor(4.0)
        t.w.add_rope_scaling_orig_ctx_len(16)
    (sentencepiece_vocab if arch == "llama" else byte_pair_vocab)(t.w)
    t.matrix("token_embd", VOCAB, width, gain=4)
    if not tied:
        t.matrix("output", VOCAB, width)
    t.vector("output_norm.weight", width)
    if rope == "llama3":
        t.w.add_tensor("rope_freqs.weight",
                       np.linspace(1, 8, head_dim // 2).astype(np.float32), raw_dtype=TYPES.F32)
    for i in range(layers):
        b = f"blk.{i}."
        t.vector(b + "attn_norm.weight", width)
        t.vector(b + "ffn_norm.weight", width)
        matrices(t, b, width, ff, heads, kv_heads, head_dim, up)
        if arch == "qwen2":
            t.vector(b + "attn_q.bias", heads * head_dim, 0, 0.3)
            t.vector(b + "attn_k.bias", kv_heads * head_dim, 0, 0.3)
            t.vector(b + "attn_v.bias", kv_heads * head_dim, 0, 0.3)
        if arch == "qwen3":
            t.vector(b + "attn_q_norm.weight", head_dim)
            t.vector(b + "attn_k_norm.weight", head_dim)
    return t


def gemma3(path, kind, seed, layers=3, width=64, ff=128, heads=4, kv_heads=1, head_dim=32,
           softcap=0.0):
    t = Writer(path, "gemma3", kind, seed)
    common_keys(t.w, pathlib.Path(path).stem, layers, width, ff, heads, kv_heads, head_dim)
    t.w.add_rope_freq_base(1e6)
    t.w.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
    t.w.add_rope_scaling_factor(8.0)
    t.w.add_sliding_window(8)
    t.w.add_sliding_window_pattern(3)
    if softcap:
        t.w.add_final_logit_softcapping(softcap)
    sentencepiece_vocab(t.w)
    t.matrix("token_embd", VOCAB, width)
    t.vector("output_norm.weight", width)
    for i in range(layers):
        b = f"blk.{i}."
        for name in ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"):
            t.vector(f"{b}{name}.weight", width)
        t.vector(b + "attn_q_norm.weight", head_dim)
        t.vector(b + "attn_k_norm.weight", head_dim)
        matrices(t, b, width, ff, heads, kv_heads, head_dim)
    return t


def bitnet(path, kind, seed, layers=1, width=256, ff=256, heads=8, kv_heads=2, head_dim=32,
           arch="bitnet"):
    t = Writer(path, arch, kind, seed)
    common_keys(t.w, pathlib.Path(path).stem, layers, width, ff, heads, kv_heads, head_dim)
    t.w.add_rope_freq_base(1e4)
    sentencepiece_vocab(t.w)
    t.matrix("token_embd", VOCAB, width, kind="Q4_K", gain=4)
    t.vector("output_norm.weight", width)
    for i in range(layers):
        b = f"blk.{i}."
        t.vector(b + "attn_norm.weight", width)
        t.vector(b + "attn_sub_norm.weight", width)
        t.vector(b + "ffn_norm.weight", width)
        t.vector(b + "ffn_sub_norm.weight", ff)
        matrices(t, b, width, ff, heads, kv_heads, head_dim)
        if kind != "TQ1_0":  # scales of their own, which the files of this family may carry
            for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up",
                         "ffn_down"):
                t.vector(f"{b}{name}.scale", 1, 1.3, 0.2)
    return t


PLAIN = ("F32", "F16", "BF16")
SMALL = ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "IQ4_NL", "MXFP4", "Q2_0")
WIDE = ("Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_XS", "TQ1_0", "TQ2_0", "Q1_0")

MODELS = {
    "llama": (llama, {"kind": "Q4_1"}),
    "llama3-rope": (llama, {"kind": "Q4_0", "rope": "llama3", "layers": 1}),
    "llama-linear-rope": (llama, {"kind": "Q4_0", "rope": "linear", "layers": 1}),
    "llama-yarn": (llama, {"kind": "Q4_0", "rope": "yarn", "layers": 1}),
    "qwen2": (llama, {"kind": "Q5_0", "arch": "qwen2", "tied": True, "heads": 2, "kv_heads": 1}),
    "qwen3": (llama, {"kind": "Q4_1", "arch": "qwen3", "tied": True}),
    "gemma3": (gemma3, {"kind": "Q5_0"}),
    "gemma3-softcap": (gemma3, {"kind": "Q4_0", "layers": 1, "softcap": 2.0}),
    "bitnet": (bitnet, {"kind": "TQ2_0"}),
    "bitnet-b1.58": (bitnet, {"kind": "TQ1_0", "arch": "bitnet-b1.58"}),
}
for _kind in PLAIN:
    MODELS["type-" + _kind.lower()] = (llama, {"kind": _kind, "layers": 1, "width": 32, "ff": 64})
for _kind in SMALL:
    MODELS["type-" + _kind.lower()] = (llama, {"kind": _kind, "layers": 1, "ff": 64})
for _kind in WIDE:
    MODELS["type-" + _kind.lower()] = (llama, {"kind": _kind, "layers": 1, "width": 256, "ff": 256,
                                               "heads": 2, "kv_heads": 1, "tied": True,
                                               "up": "Q2_0"})  # only to keep the files small


def make(folder, name):
    build, options = MODELS[name]
    seed = sum(name.encode()) * 1000 + len(name)
    path = folder / f"{name}.gguf"
    tokens = np.random.default_rng(seed + 1).integers(0, VOCAB, LENGTH)
    build(path, seed=seed, **options).close()
    logits = forward.forward(path, tokens)
    assert np.isfinite(logits).all(), name
    t = build(path, seed=seed, **options)
    t.w.add_array("napier.test.tokens", [int(x) for x in tokens])
    t.w.add_array("napier.test.positions", POSITIONS)
    t.w.add_array("napier.test.logits", [float(x) for x in logits[POSITIONS].ravel()])
    t.close()
    top = np.sort(logits, axis=1)
    print(f"{name:20} {path.stat().st_size:8} bytes, logits {logits.min():8.3f} .. "
          f"{logits.max():7.3f}, std {logits.std():.3f}, smallest top-2 gap "
          f"{(top[:, -1] - top[:, -2]).min():.4f}")


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[2:] or MODELS:
        make(folder, name)


if __name__ == "__main__":
    main()
