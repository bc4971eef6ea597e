#!/usr/bin/env python3
"""Reader and writer against gguf-py (PyPI package gguf), both ways, live.

    agree.py GGUF_TOOL [FILE ...]

Random models written here must read the same there; random models written there must read the same
here and come back byte for byte when they are copied; further FILEs are read by both. Exit code 77
where numpy or gguf is not installed.
"""
import pathlib
import subprocess
import sys
import tempfile

try:
    import gguf
    import numpy as np
except ImportError:
    print("skipped: the Python package gguf is not installed")
    sys.exit(77)

from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType as Type

SKIPPED_TYPES = {"Q8_1", "Q8_K"}


def dump(path):
    """What gguf-py sees, in the form of `gguf_tool dump`."""
    lines = []
    reader = gguf.GGUFReader(path)
    for name, field in reader.fields.items():
        if name.startswith("GGUF."):
            continue
        kind = field.types[0]
        array = kind == gguf.GGUFValueType.ARRAY
        # parts: key length, key, type[, element type, count], then the value's own
        parts = field.parts[5 if array else 3:]
        elem = int(field.parts[3][0]) if array else int(kind)
        count = int(field.parts[4][0]) if array else 1
        data = b"".join(p.tobytes() for p in parts)
        lines.append(f"key {name} {int(kind)} {elem} {count} {data.hex()}")
    for t in reader.tensors:
        shape = "".join(f" {n}" for n in t.shape)
        lines.append(f"tensor {t.name} {t.tensor_type.name}{shape} at {t.data_offset} "
                     f"{t.data.tobytes().hex()}")
    return lines


def write_random(path, seed, types):
    rng = np.random.default_rng(seed)
    w = gguf.GGUFWriter(path, "random")
    if rng.integers(2):
        w.add_custom_alignment(int(2 ** rng.integers(5, 13)))
    for i in range(int(rng.integers(12))):
        key = f"k.{i}"
        choice = int(rng.integers(7))
        if choice == 0:
            w.add_uint64(key, int(rng.integers(2 ** 63)))
        elif choice == 1:
            w.add_float64(key, float(rng.normal()))
        elif choice == 2:
            w.add_string(key, "\u00fc\U0001f600" * int(rng.integers(5)))
        elif choice == 3:
            w.add_array(key, [f"t{k}" for k in range(int(rng.integers(1, 50)))])
        elif choice == 4:
            w.add_array(key, [bool(b) for b in rng.integers(0, 2, 5)])
        elif choice == 5:
            w.add_int8(key, int(rng.integers(-128, 128)))
        else:
            w.add_array(key, [float(x) for x in rng.normal(size=7)])
    for i in range(int(rng.integers(8))):
        kind = types[int(rng.integers(len(types)))]
        block, size = GGML_QUANT_SIZES[kind]
        shape = [int(n) for n in rng.integers(1, 4, int(rng.integers(1, 4)))]
        shape[-1] *= size
        w.add_tensor(f"t.{i}", rng.integers(0, 256, shape, dtype=np.uint8), raw_dtype=kind)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def main():
    tool, files = sys.argv[1], sys.argv[2:]
    failures = 0

    def run(*args):
        return subprocess.run([tool, *args], check=True, capture_output=True, text=True).stdout

    def compare(what, path):
        nonlocal failures
        ours, theirs = run("dump", str(path)).splitlines(), dump(path)
        if ours == theirs:
            return
        failures += 1
        for a, b in zip(ours + ["(none)"], theirs + ["(none)"]):
            if a != b:
                print(f"{what}: Napier reads {a[:120]}\n{' ' * len(what)}  gguf-py reads {b[:120]}")
                break

    # `Type.F16` and so on are written as values, not as bytes, by gguf-py: leave them to the files
    # written here.
    types = [t for t in Type if GGML_QUANT_SIZES[t][0] > 1 and t.name not in SKIPPED_TYPES and
             t.name[:3] not in ("IQ1", "IQ2", "IQ3", "NVF")]
    with tempfile.TemporaryDirectory() as folder:
        path, again = pathlib.Path(folder) / "a.gguf", pathlib.Path(folder) / "b.gguf"
        for seed in range(40):
            run("make", str(seed), str(path))
            compare(f"written by Napier, seed {seed}", path)
            path.unlink()
            write_random(path, seed, types)
            compare(f"written by gguf-py, seed {seed}", path)
            run("copy", str(path), str(again))
            if path.read_bytes() != again.read_bytes():
                failures += 1
                print(f"written by gguf-py, seed {seed}: the copy differs")
            path.unlink()
    for name in files:
        compare(name, name)
    print(f"{80 + len(files)} files compared, {failures} differ")
    return failures != 0


if __name__ == "__main__":
    sys.exit(main())
