"""The forward pass in numpy and float64: an independent reference for Napier's engine.

One function per architecture family, written from the papers and from ggml's metadata keys, with
no code in common with the engine. Weights come through gguf-py, are decoded by its `quants` module
(and by the few lines below for two types it does not decode), and everything after that is
float64. It is slow and meant to be read.

    forward.py MODEL.gguf 1 15 2 ...        prints the five most likely tokens after each position
    forward.py MODEL.gguf --out F 1 15 2    writes float32 logits, one row per position

Needs numpy and gguf (PyPI).
"""
import argparse
import sys

import gguf
import numpy as np


# ---- tensors

def dequantize_q1_0(data):
    """128 signs to a block: f16 scale, then 16 bytes, lowest bit first; a set bit means +."""
    blocks = data.reshape(-1, 18)
    d = blocks[:, :2].copy().view(np.float16).astype(np.float64)
    bits = np.unpackbits(blocks[:, 2:], axis=1, bitorder="little")
    return d * (2.0 * bits - 1)


def dequantize_q2_0(data):
    """64 two-bit codes to a block: f16 scale, then 16 bytes, lowest pair first; code - 1."""
    blocks = data.reshape(-1, 18)
    d = blocks[:, :2].copy().view(np.float16).astype(np.float64)
    codes = blocks[:, 2:, None] >> np.array([0, 2, 4, 6], np.uint8) & 3
    return d * (codes.reshape(len(blocks), 64).astype(np.float64) - 1)


def decode(data, kind, shape):
    """Raw bytes of a tensor to float64. `shape` is rows first."""
    name = kind.name
    if name in ("F32", "F16", "F64"):
        out = data
    elif name == "Q1_0":
        out = dequantize_q1_0(data)
    elif name == "Q2_0":
        out = dequantize_q2_0(data)
    else:
        out = gguf.quants.dequantize(data, kind)
    return np.asarray(out, np.float64).reshape(shape)


class Model:
    """Metadata and float64 tensors of a GGUF file."""

    def __init__(self, path):
        self.reader = gguf.GGUFReader(path)
        self.tensors = {t.name: t for t in self.reader.tensors}
        self.cache = {}
        self.arch = self.meta("general.architecture")

    def meta(self, key, default=None):
        field = self.reader.fields.get(key)
        return default if field is None else field.contents()

    def key(self, suffix, default=None):
        return self.meta(f"{self.arch}.{suffix}", default)

    def has(self, name):
        return name in self.tensors

    def __getitem__(self, name):
        if name not in self.cache:
            t = self.tensors[name]
            shape = [int(n) for n in reversed(t.shape)]
            self.cache[name] = decode(t.data, t.tensor_type, shape)
        return self.cache[name]

    def linear(self, name, x):
        """x W^T, times the tensor's scale, plus its bias, where the file has them."""
        y = x @ self[name + ".weight"].T
        if self.has(name + ".scale"):
            y = y * self[name + ".scale"][0]
        if self.has(name + ".bias"):
            y = y + self[name + ".bias"]
        return y


# ---- operators

def rms_norm(x, weight, eps):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps) * weight


def silu(x):
    return x / (1 + np.exp(-x))


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def relu_squared(x):
    return np.maximum(x, 0) ** 2


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


class Rope:
    """Rotary embedding (arXiv:2104.09864). Pairs are neighbours ("normal") or halves ("neox")."""

    def __init__(self, dims, base, neox, factor=1.0, freq_factors=None, yarn=None):
        i = np.arange(dims // 2)
        self.dims, self.neox, self.magnitude = dims, neox, 1.0
        freq = float(base) ** (-2.0 * i / dims)
        if freq_factors is not None:  # Llama 3: each frequency stretched by a factor of its own
            freq = freq / freq_factors
        self.freq = freq / factor  # linear interpolation (arXiv:2306.15595)
        if yarn is not None:  # YaRN (arXiv:2309.00071), parameters as llama.cpp combines them
            original_context, attn_factor = yarn

            def dim_of(turns):
                return dims * np.log(original_context / (turns * 2 * np.pi)) / (2 * np.log(base))

            low = max(0.0, np.floor(dim_of(32.0)))
            high = min(dims - 1.0, np.ceil(dim_of(1.0)))
            keep = 1 - np.clip((i - low) / max(0.001, high - low), 0, 1)
            self.freq = freq / factor * (1 - keep) + freq * keep
            self.magnitude = attn_factor * (1 + 0.1 * np.log(factor))

    def __call__(self, x):
        """x: positions x heads x head size, positions counted from 0."""
        angle = np.arange(len(x))[:, None, None] * self.freq
        c, s = np.cos(angle) * self.magnitude, np.sin(angle) * self.magnitude
        half = self.dims // 2
        if self.neox:
            first, second = slice(0, half), slice(half, self.dims)
        else:
            first, second = slice(0, self.dims, 2), slice(1, self.dims, 2)
        a, b = x[..., first], x[..., second]
        out = x.copy()
        out[..., first] = a * c - b * s
        out[..., second] = a * s + b * c
        return out


def attention(q, k, v, scale, window):
    """Causal; query head h reads key head h // (heads / kv_heads). With a window w, a position
    sees itself and the w - 1 before it."""
    positions, heads = q.shape[:2]
    group = heads // k.shape[1]
    i = np.arange(positions)
    ahead = i[None, :] - i[:, None]  # key position - query position
    mask = ahead > 0
    if window:
        mask |= ahead <= -window
    out = np.empty((positions, heads, v.shape[2]))
    for h in range(heads):
        scores = q[:, h] @ k[:, h // group].T * scale
        out[:, h] = softmax(np.where(mask, -np.inf, scores)) @ v[:, h // group]
    return out.reshape(positions, -1)


# ---- models

class Settings:
    """What the metadata says, with ggml's defaults."""

    def __init__(self, m):
        self.layers = m.key("block_count")
        self.width = m.key("embedding_length")
        self.heads = m.key("attention.head_count")
        self.kv_heads = m.key("attention.head_count_kv", self.heads)
        self.key_size = m.key("attention.key_length", self.width // self.heads)
        self.value_size = m.key("attention.value_length", self.key_size)
        self.eps = m.key("attention.layer_norm_rms_epsilon")
        self.rope_dims = m.key("rope.dimension_count", self.key_size)
        self.rope_base = m.key("rope.freq_base", 10000.0)
        kind = m.key("rope.scaling.type", "linear")
        factor = m.key("rope.scaling.factor", 0) or 1.0
        self.factor = 1.0 if kind == "none" else float(factor)
        self.yarn = None
        if kind == "yarn":
            original = m.key("rope.scaling.original_context_length", m.key("context_length"))
            self.yarn = (original, m.key("rope.scaling.attn_factor", 1.0))
        self.softcap = m.key("final_logit_softcapping", 0.0)

    def rope(self, m, neox):
        factors = m["rope_freqs.weight"] if m.has("rope_freqs.weight") else None
        return Rope(self.rope_dims, self.rope_base, neox, self.factor, factors, self.yarn)


def attend(m, s, layer, x, rope, scale=None, window=0, qk_norm=False):
    """Query, key, value; norms and rotation; attention. Not the output projection."""
    q = m.linear(layer + "attn_q", x).reshape(len(x), s.heads, s.key_size)
    k = m.linear(layer + "attn_k", x).reshape(len(x), s.kv_heads, s.key_size)
    v = m.linear(layer + "attn_v", x).reshape(len(x), s.kv_heads, s.value_size)
    if qk_norm:
        q = rms_norm(q, m[layer + "attn_q_norm.weight"], s.eps)
        k = rms_norm(k, m[layer + "attn_k_norm.weight"], s.eps)
    return attention(rope(q), rope(k), v, scale or 1 / np.sqrt(s.key_size), window)


def head(m, s, x):
    x = rms_norm(x, m["output_norm.weight"], s.eps)
    logits = m.linear("output" if m.has("output.weight") else "token_embd", x)
    return s.softcap * np.tanh(logits / s.softcap) if s.softcap else logits


def llama_family(m, tokens, neox, qk_norm):
    """llama, qwen2 (biases, picked up by linear()), qwen3 (norms on query and key heads)."""
    s = Settings(m)
    rope = s.rope(m, neox)
    x = m["token_embd.weight"][tokens]
    for i in range(s.layers):
        b = f"blk.{i}."
        y = rms_norm(x, m[b + "attn_norm.weight"], s.eps)
        x = x + m.linear(b + "attn_output", attend(m, s, b, y, rope, qk_norm=qk_norm))
        y = rms_norm(x, m[b + "ffn_norm.weight"], s.eps)
        y = silu(m.linear(b + "ffn_gate", y)) * m.linear(b + "ffn_up", y)
        x = x + m.linear(b + "ffn_down", y)
    return head(m, s, x)


def gemma3(m, tokens):
    s = Settings(m)
    window = m.key("attention.sliding_window", 0)
    pattern = m.key("attention.sliding_window_pattern", 6)
    everywhere = s.rope(m, True)
    nearby = Rope(s.rope_dims, m.key("rope.freq_base_swa", 10000.0), True)
    scale = 1 / np.sqrt(s.width // s.heads if s.layers == 62 else s.key_size)
    # The embedding's factor is a float32 in every implementation (bfloat16 in the original).
    x = m["token_embd.weight"][tokens] * np.float64(np.float32(np.sqrt(s.width)))
    for i in range(s.layers):
        b = f"blk.{i}."
        is_global = not window or i % pattern == pattern - 1
        y = rms_norm(x, m[b + "attn_norm.weight"], s.eps)
        y = attend(m, s, b, y, everywhere if is_global else nearby, scale,
                   0 if is_global else window, qk_norm=True)
        y = m.linear(b + "attn_output", y)
        x = x + rms_norm(y, m[b + "post_attention_norm.weight"], s.eps)
        y = rms_norm(x, m[b + "ffn_norm.weight"], s.eps)
        y = gelu_tanh(m.linear(b + "ffn_gate", y)) * m.linear(b + "ffn_up", y)
        y = m.linear(b + "ffn_down", y)
        x = x + rms_norm(y, m[b + "post_ffw_norm.weight"], s.eps)
    return head(m, s, x)


def bitnet(m, tokens, activation):
    """BitNet b1.58: a norm in front of each output projection, one scale per ternary tensor."""
    s = Settings(m)
    rope = s.rope(m, True)
    x = m["token_embd.weight"][tokens]
    for i in range(s.layers):
        b = f"blk.{i}."
        y = attend(m, s, b, rms_norm(x, m[b + "attn_norm.weight"], s.eps), rope)
        y = rms_norm(y, m[b + "attn_sub_norm.weight"], s.eps)
        x = x + m.linear(b + "attn_output", y)
        y = rms_norm(x, m[b + "ffn_norm.weight"], s.eps)
        y = activation(m.linear(b + "ffn_gate", y)) * m.linear(b + "ffn_up", y)
        y = rms_norm(y, m[b + "ffn_sub_norm.weight"], s.eps)
        x = x + m.linear(b + "ffn_down", y)
    return head(m, s, x)


ARCHITECTURES = {
    "llama": lambda m, t: llama_family(m, t, neox=False, qk_norm=False),
    "qwen2": lambda m, t: llama_family(m, t, neox=True, qk_norm=False),
    "qwen3": lambda m, t: llama_family(m, t, neox=True, qk_norm=True),
    "gemma3": gemma3,
    "bitnet": lambda m, t: bitnet(m, t, silu),
    "bitnet-b1.58": lambda m, t: bitnet(m, t, relu_squared),
}


def forward(path, tokens):
    """Logits, float64, one row per position."""
    m = Model(path)
    if m.arch not in ARCHITECTURES:
        sys.exit(f"{path}: architecture {m.arch}, known: {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[m.arch](m, np.asarray(tokens))


def main():
    p = argparse.ArgumentParser(description="float64 reference forward pass")
    p.add_argument("model")
    p.add_argument("tokens", nargs="+", type=int)
    p.add_argument("--out", help="write float32 logits here")
    a = p.parse_args()
    logits = forward(a.model, a.tokens)
    if a.out:
        logits.astype("<f4").tofile(a.out)
        return
    for i, row in enumerate(logits):
        best = np.argsort(-row, kind="stable")[:5]
        print(i, " ".join(f"{t}:{row[t]:.4f}" for t in best))


if __name__ == "__main__":
    main()
