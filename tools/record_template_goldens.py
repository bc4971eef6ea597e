#!/usr/bin/env python3
"""Records what jinja2 makes of the templates under tests/template, and of llama.cpp's collection.

    tools/record_template_goldens.py [--llama LLAMA_TREE] [--check PROGRAM]

Writes, under tests/template/golden:
  expected.txt     every conversation rendered by each of our own templates, in full
  expressions.txt  the value of each line of tests/template/expressions.txt
  published.txt    for each template of LLAMA_TREE/models/templates and each conversation: a hash
                   (the first 16 hex digits of SHA-256) and length, or how it fails

With --check, also renders everything with our template_batch program and reports differences.
"""

import argparse
import hashlib
import json
import pathlib
import sys

import template_oracle as to

HERE = pathlib.Path(__file__).resolve().parent.parent / "tests" / "template"


def conversations():
    return json.loads((HERE / "conversations.json").read_text())


def put(out, *fields):
    """One record: a header line with the text's length in bytes, then the text."""
    text = fields[-1].encode()
    out.write((" ".join(fields[:-1]) + f" {len(text)}\n").encode() + text + b"\n")


class Checker:
    def __init__(self, program):
        self.ours = to.Ours(program) if program else None
        self.bad = self.all = 0

    def compare(self, label, template, variables, theirs):
        if not self.ours:
            return
        self.all += 1
        got = self.ours.render(template, variables)
        if to.same(got, theirs):
            return
        self.bad += 1
        print(f"DIFFERS {label}\n  jinja2: {theirs[0]} {theirs[1][:300]!r}")
        print(f"  ours:   {got[0]} {got[1][:300]!r}")
        a, b = theirs[1], got[1]
        at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
        print(f"  first difference at {at}: {a[at:at + 80]!r} / {b[at:at + 80]!r}")


def record(templates, env, checker, full, path):
    with open(path, "wb") as out:
        for template in sorted(templates):
            source = template.read_bytes().decode()
            for name, variables in conversations().items():
                kind, text = to.oracle(env, source, variables)
                checker.compare(f"{template.name} {name}", source, variables, (kind, text))
                if kind == to.FAILED:
                    text = ""
                if kind == to.OK and not full:
                    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
                    text = f"{digest} {len(text.encode())}"
                put(out, template.stem, name, kind, text)


def record_expressions(env, checker, path):
    variables = json.loads((HERE / "variables.json").read_text())
    with open(path, "wb") as out:
        for line in (HERE / "expressions.txt").read_text().splitlines():
            if not line or line.startswith("#"):
                continue
            source = line if "{" in line and line.startswith(("{%", "{{")) else "{{ %s }}" % line
            kind, text = to.oracle(env, source, variables)
            checker.compare(line, source, variables, (kind, text))
            put(out, kind, text if kind != to.FAILED else "")


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--llama", help="the llama.cpp source tree")
    ap.add_argument("--check", metavar="PROGRAM", help="template_batch of a build")
    args = ap.parse_args()
    env = to.environment()
    checker = Checker(args.check)
    golden = HERE / "golden"
    golden.mkdir(exist_ok=True)
    record(HERE.glob("*.jinja"), env, checker, True, golden / "expected.txt")
    record_expressions(env, checker, golden / "expressions.txt")
    if args.llama:
        published = pathlib.Path(args.llama, "models", "templates").glob("*.jinja")
        record(published, env, checker, False, golden / "published.txt")
    if args.check:
        print(f"{checker.all} compared, {checker.bad} differ")
    return 1 if checker.bad else 0


if __name__ == "__main__":
    sys.exit(main())
