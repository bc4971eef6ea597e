#!/usr/bin/env python3
"""Records the golden files of tests/format/data and tests/file/data with gguf-py.

    python3 tools/record_file_goldens.py [--ggml libggml-base.so]

Needs numpy and gguf (PyPI, from the llama.cpp project). gguf-py does not decode Q1_0 and Q2_0:
their expected values come from ggml's C library, given by --ggml; without it the values that are
recorded already are kept. The bytes are drawn from a fixed seed, so a second run changes nothing.
"""
import argparse
import ctypes
import pathlib

import gguf
import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType as Type

ROOT = pathlib.Path(__file__).resolve().parent.parent
DECODE = ROOT / "tests/format/data/decode.gguf"
FILES = ROOT / "tests/file/data"

BLOCKS = "Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL IQ4_XS TQ1_0 TQ2_0 MXFP4 Q1_0 Q2_0"
PLAIN = {"F32": np.float32, "F16": np.float16, "F64": np.float64, "I8": np.int8, "I16": np.int16,
         "I32": np.int32, "I64": np.int64}


def by_ggml(library, name, raw, elems):
    out = np.zeros(elems, np.float32)
    decode = getattr(library, f"dequantize_row_{name.lower()}")
    decode(raw.ctypes.data_as(ctypes.c_void_p), out.ctypes.data_as(ctypes.c_void_p),
           ctypes.c_int64(elems))
    return out


def decode_blocks(name, raw, library, recorded):
    block, size = GGML_QUANT_SIZES[Type[name]]
    try:
        return gguf.quants.dequantize(raw, Type[name]).reshape(-1)
    except NotImplementedError:
        if library:
            return by_ggml(library, name, raw, raw.size // size * block)
        if name in recorded:
            return recorded[name]
        raise SystemExit(f"{name}: give --ggml, no values are recorded yet")


def draw_blocks(rng, name, count, library, recorded):
    """Random bytes, but no NaN: which NaN comes out is no promise."""
    block, size = GGML_QUANT_SIZES[Type[name]]
    while True:
        raw = rng.integers(0, 256, (count, size), dtype=np.uint8)
        with np.errstate(all="ignore"):
            values = decode_blocks(name, raw, library, recorded)
        if np.isfinite(values).all():
            return raw, values


def record_decode(library):
    recorded = {}
    if DECODE.exists():
        for t in gguf.GGUFReader(DECODE).tensors:
            if t.name.endswith(".value"):
                recorded[t.name[:-6]] = np.array(t.data)
    rng = np.random.default_rng(20251122)
    w = gguf.GGUFWriter(None, "golden")
    for name in BLOCKS.split():
        block, _ = GGML_QUANT_SIZES[Type[name]]
        raw, values = draw_blocks(rng, name, 2 if block > 64 else 4, library, recorded)
        w.add_tensor(name, raw.reshape(-1), raw_dtype=Type[name])
        w.add_tensor(name + ".value", values)
    for name, dtype in PLAIN.items():
        raw = rng.integers(0, 256, 16 * np.dtype(dtype).itemsize, dtype=np.uint8)
        values = raw.view(dtype)
        values = np.where(np.isnan(values), dtype(1), values)
        w.add_tensor(name, values)
        with np.errstate(over="ignore"):
            w.add_tensor(name + ".value", values.astype(np.float32))
    raw = rng.integers(0, 256, 32, dtype=np.uint8) & 0xbf
    w.add_tensor("BF16", raw, raw_dtype=Type.BF16)
    w.add_tensor("BF16.value", gguf.quants.dequantize(raw, Type.BF16))
    write(w, DECODE)


def write(w, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    w.write_header_to_file(path)
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def record_files():
    w = gguf.GGUFWriter(None, "golden")
    w.add_custom_alignment(64)
    w.add_uint8("k.u8", 255)
    w.add_int8("k.i8", -128)
    w.add_uint16("k.u16", 65535)
    w.add_int16("k.i16", -32768)
    w.add_uint32("k.u32", 4294967295)
    w.add_int32("k.i32", -2147483648)
    w.add_float32("k.f32", 1.5)
    w.add_uint64("k.u64", 18446744073709551615)
    w.add_int64("k.i64", -9223372036854775808)
    w.add_float64("k.f64", -0.1)
    w.add_bool("k.true", True)
    w.add_bool("k.false", False)
    w.add_string("k.string", "gr\u00fc\u00df \U0001f600")
    w.add_array("k.ints", [1, -2, 3])
    w.add_array("k.floats", [0.5, -0.25])
    w.add_array("k.bools", [True, False, True])
    w.add_array("k.strings", ["a", "", "\u00e9"])
    w.add_tensor("a", np.arange(6, dtype=np.float32).reshape(2, 3))
    w.add_tensor("b", np.arange(5, dtype=np.float16))
    w.add_tensor("q", np.arange(36, dtype=np.uint8), raw_dtype=Type.Q4_0)
    w.add_tensor("c", np.arange(24, dtype=np.int32).reshape(2, 3, 2, 2))
    write(w, FILES / "every_kind.gguf")
    w = gguf.GGUFWriter(None, "golden")
    w.add_array("tokenizer.ggml.tokens", ["<s>", "x"])
    write(w, FILES / "no_tensors.gguf")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ggml", help="ggml's shared library, for Q1_0 and Q2_0")
    args = parser.parse_args()
    record_decode(ctypes.CDLL(args.ggml) if args.ggml else None)
    record_files()


if __name__ == "__main__":
    main()
