"""Napier beside llama.cpp on one model: perplexity, KL divergence, greedy continuations.

    compare_llama.py --napier BUILD --llama TREE --llama-bin BIN --text FILE MODEL.gguf ...

BUILD is Napier's build folder (with build/napier and the shared library), TREE llama.cpp's sources
(for its headers), BIN the folder of its programs and libraries. Defaults come from NAPIER_BUILD,
NAPIER_LLAMA_TREE and NAPIER_LLAMA_BIN.

 1. Perplexity of both over the same chunks of the text; ours also with activations rounded as
    llama.cpp rounds them, which separates what rounding does from what a mistake would do.
 2. Our float path writes a file of reference logits; our fast path, with both roundings, and
    llama-perplexity are all judged against it. (--base FOLDER keeps these large files and uses those that are there.)
 3. Both continue a dozen prompts greedily; where they part, the margin by which each preferred its
    token is shown: a near-tie is a difference of rounding, anything else is a mistake.

Prints a markdown table; --csv writes the figures.
"""
import argparse
import csv
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent

PROMPTS = [
    "The capital of France is",
    "Once upon a time, in a small village by the sea,",
    "def fibonacci(n):\n    \"\"\"Return the n-th Fibonacci number.\"\"\"\n",
    "Water boils at a lower temperature on a mountain because",
    "Dear Sir or Madam,\n\nI am writing to",
    "The three most important inventions of the nineteenth century were",
    "1, 1, 2, 3, 5, 8, 13,",
    "In quantum mechanics, the wave function",
    "Q: What is the largest planet of the solar system?\nA:",
    "Ingredients: flour, eggs, milk, sugar.\n\nInstructions:\n1.",
    "Le chat est assis sur",
    "#include <stdio.h>\n\nint main(void)\n{\n",
]


def run(command, stdin=None, env=None):
    r = subprocess.run([str(c) for c in command], input=stdin, capture_output=True,
                       env={**os.environ, **(env or {})})
    if r.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{r.stderr.decode(errors='replace')[-2000:]}")
    return r.stdout.decode(errors="replace"), r.stderr.decode(errors="replace")


def number(pattern, text):
    m = re.search(pattern, text)
    return float(m.group(1)) if m else float("nan")


class Tools:
    def __init__(self, a, scratch):
        self.a = a
        self.napier = a.napier / "napier"
        self.llama_bin = a.llama_bin
        library = next(a.napier.rglob("libnapier.so")).parent
        self.napier_greedy = scratch / "napier_greedy"
        self.compile(HERE / "napier_greedy.c", self.napier_greedy, [ROOT / "include"], library,
                     ["napier"])
        self.llama_logits = scratch / "llama_logits"
        self.compile(HERE / "llama_logits.c", self.llama_logits,
                     [a.llama / "include", a.llama / "ggml" / "include"], a.llama_bin,
                     ["llama", "ggml", "ggml-base"])

    @staticmethod
    def compile(source, out, includes, library, names):
        run(["cc", "-O2", "-D_GNU_SOURCE", source, "-o", out, *[f"-I{i}" for i in includes],
             f"-L{library}", f"-Wl,-rpath,{library}", *[f"-l{n}" for n in names]])

    def eval(self, model, *options, text=None, chunks=None):
        what = [text, "--chunks", chunks] if text else []  # else what the file of logits holds
        out, _ = run([self.napier, "eval", model, *what, "-c", self.a.context,
                      "-t", self.a.threads, "--json", *options])
        return json.loads(out)

    def llama_perplexity(self, model, *options):
        out, err = run([self.llama_bin / "llama-perplexity", "-m", model, "-t", self.a.threads,
                        "-c", self.a.context, *options])
        return out + err


def measure_perplexity(t, model):
    ours = t.eval(model, text=t.a.text, chunks=t.a.chunks)
    same = t.eval(model, "--rounding", "ggml", text=t.a.text, chunks=t.a.chunks)
    theirs = t.llama_perplexity(model, "-f", t.a.text, "--chunks", t.a.chunks)
    return {"perplexity": ours["perplexity"], "ggml_perplexity": same["perplexity"],
            "llama_perplexity": number(r"Final estimate: PPL = ([\d.]+)", theirs)}


def measure_divergence(t, model, base):
    if not base.exists():
        t.eval(model, "--path", "float", "--save-logits", base, text=t.a.text,
               chunks=t.a.kl_chunks)
    ours = t.eval(model, "--logits", base)
    same = t.eval(model, "--logits", base, "--rounding", "ggml")
    text = t.llama_perplexity(model, "--kl-divergence", "--kl-divergence-base", base)
    return {
        "positions": ours["scored"], "kl_mean": ours["kl_mean"], "kl_stderr": ours["kl_stderr"],
        "kl_median": ours["kl_median"], "kl_99": ours["kl_99"], "kl_max": ours["kl_max"],
        "top1": ours["top1"],
        **{f"ggml_{k}": same[k] for k in ("kl_mean", "kl_stderr", "kl_median", "kl_99", "kl_max",
                                          "top1")},
        "llama_kl_mean": number(r"Mean\s+KLD:\s+([-\d.]+)", text),
        "llama_kl_stderr": number(r"Mean\s+KLD:\s+[-\d.]+ . +([\d.]+)", text),
        "llama_kl_median": number(r"Median\s+KLD:\s+([-\d.]+)", text),
        "llama_kl_99": number(r"99.0%\s+KLD:\s+([-\d.]+)", text),
        "llama_kl_max": number(r"Maximum\s+KLD:\s+([-\d.]+)", text),
        "llama_top1": number(r"Same top p:\s+([\d.]+)", text) / 100,
    }


def continuations(text):
    return [[(int(a), float(b)) for a, b in (p.split(":") for p in line.split())]
            for line in text.strip().splitlines()]


def measure_greedy(t, model):
    ids = [run([t.napier, "tokenize", model, "--ids", "--bos"], p.encode())[0].strip()
           for p in PROMPTS]
    stdin = ("\n".join(ids) + "\n").encode()
    ours = continuations(run([t.napier_greedy, model, t.a.tokens, "fast", t.a.threads], stdin)[0])
    theirs = continuations(run([t.llama_logits, model, "greedy", t.a.tokens], stdin,
                               {"LLAMA_THREADS": str(t.a.threads)})[0])
    rows = []
    for prompt, prefix, x, y in zip(PROMPTS, ids, ours, theirs):
        at = next((i for i, (p, q) in enumerate(zip(x, y)) if p[0] != q[0]), None)
        row = {"prompt": prompt, "equal_tokens": len(x) if at is None else at}
        if at is not None:
            line = " ".join([prefix, *(str(p[0]) for p in x[:at + 1]), str(y[at][0])])
            judged, _ = run([t.napier_greedy, model, 0, "float", t.a.threads], line.encode())
            row.update(token=x[at][0], margin=x[at][1], llama_token=y[at][0],
                       llama_margin=y[at][1], float_margin=float(judged))
        rows.append(row)
    return rows


def report(name, f, greedy, a):
    who = ("", "ggml_", "llama_")
    print(f"\n### {name}\n")
    print(f"| against the float path, {f['positions']} positions | Napier | Napier, --rounding ggml "
          "| llama.cpp |")
    print("| --- | --- | --- | --- |")

    def line(label, form):
        print(f"| {label} | " + " | ".join(form(w) for w in who) + " |")

    line(f"perplexity, {a.chunks} chunks of {a.context}",
         lambda w: f"{f[w + 'perplexity']:.4f} "
                   f"({100 * (f[w + 'perplexity'] / f['llama_perplexity'] - 1):+.2f} %)")
    line("KL mean", lambda w: f"{f[w + 'kl_mean']:.6f} ± {f[w + 'kl_stderr']:.6f}")
    for key, label in (("kl_median", "KL median"), ("kl_99", "KL 99 %"), ("kl_max", "KL max")):
        line(label, lambda w, key=key: f"{f[w + key]:.6f}")
    line("same top token", lambda w: f"{100 * f[w + 'top1']:.2f} %")
    print(f"\n| greedy, {a.tokens} tokens | equal | our margin | their margin | float path |")
    print("| --- | --- | --- | --- | --- |")
    for row in greedy:
        margins = (f"{row['margin']:.4f} | {row['llama_margin']:.4f} | {row['float_margin']:+.4f}"
                   if "margin" in row else "– | – | –")
        print(f"| `{json.dumps(row['prompt'])[1:-1][:40]}` | {row['equal_tokens']} | {margins} |")
    sys.stdout.flush()


def complaints(f, greedy):
    """What --check refuses: more than rounding explains. Few positions: wide bounds."""
    for who, words in (("", ""), ("ggml_", ", --rounding ggml")):
        ratio = f[who + "perplexity"] / f["llama_perplexity"] - 1
        if not abs(ratio) <= 0.01:
            yield f"perplexity{words} differs by {100 * ratio:+.2f} %, expected at most 1 %"
    noise = 2 * (f["kl_stderr"] ** 2 + f["llama_kl_stderr"] ** 2) ** 0.5
    if not f["kl_mean"] <= f["llama_kl_mean"] + noise:
        yield f"KL mean {f['kl_mean']:.6f}, expected at most llama.cpp's {f['llama_kl_mean']:.6f}"
    share = f["ggml_kl_mean"] / f["llama_kl_mean"]
    if not 0.75 <= share <= 1.25:
        yield (f"KL mean with ggml's rounding is {f['ggml_kl_mean']:.6f}, {share:.2f} of llama.cpp's, "
               "expected within a quarter")
    for row in greedy:
        if not abs(row.get("float_margin", 0)) <= 0.5:
            yield (f"'{row['prompt']}': parts after {row['equal_tokens']} tokens where the float "
                   f"path is sure by {row['float_margin']:+.4f}, expected a near-tie (0.5)")


def main():
    p = argparse.ArgumentParser(description="Napier beside llama.cpp: quality")
    p.add_argument("--check", action="store_true", help="exit code 1 unless the two agree")
    p.add_argument("models", nargs="+", type=pathlib.Path)
    p.add_argument("--text", required=True, type=pathlib.Path)
    p.add_argument("--napier", type=pathlib.Path,
                   default=os.environ.get("NAPIER_BUILD", ROOT / "build"))
    p.add_argument("--llama", type=pathlib.Path, default=os.environ.get("NAPIER_LLAMA_TREE"))
    p.add_argument("--llama-bin", type=pathlib.Path, default=os.environ.get("NAPIER_LLAMA_BIN"))
    p.add_argument("--base", type=pathlib.Path, help="folder of the reference logits")
    p.add_argument("--context", type=int, default=512)
    p.add_argument("--chunks", type=int, default=64, help="of the perplexity (64)")
    p.add_argument("--kl-chunks", type=int, default=8, help="of the divergence (8: 2,040 "
                   "positions of 512)")
    p.add_argument("--tokens", type=int, default=200, help="of each continuation (200)")
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--csv", type=pathlib.Path)
    a = p.parse_args()
    if not a.llama or not a.llama_bin:
        p.error("needs --llama and --llama-bin (or NAPIER_LLAMA_TREE and NAPIER_LLAMA_BIN)")
    a.napier = pathlib.Path(a.napier)
    rows, found = [], []
    with tempfile.TemporaryDirectory() as scratch:
        t = Tools(a, pathlib.Path(scratch))
        for model in a.models:
            base = (a.base or pathlib.Path(scratch)) / f"{model.stem}.logits"
            figures = {"model": model.stem, **measure_perplexity(t, model),
                       **measure_divergence(t, model, base)}
            greedy = measure_greedy(t, model)
            report(model.stem, figures, greedy, a)
            found += [f"{model.stem}: {c}" for c in complaints(figures, greedy)]
            figures["greedy_equal_tokens"] = " ".join(str(r["equal_tokens"]) for r in greedy)
            figures["greedy_margins"] = " ".join(
                "/".join(f"{r[k]:.4f}" for k in ("margin", "llama_margin", "float_margin"))
                if "margin" in r else "-"
                for r in greedy)
            rows.append(figures)
    if a.csv:
        with open(a.csv, "w", newline="") as f:
            w = csv.DictWriter(f, rows[0].keys())
            w.writeheader()
            w.writerows(rows)
    if a.check and found:
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
