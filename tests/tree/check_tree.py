#!/usr/bin/env python3
"""The rules of the house that a script can hold: check_tree.py RULE [ARG...].

Exit code 0 if the rule holds, 1 with one line per breach, 77 if it cannot be checked here. Only the
standard library is used. RULES below is the list; docs/testing.md says what each is for.
"""
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))

# Which folders of src/ a folder may include, besides itself and base (docs/architecture.md).
# api is the public interface's glue and may see everything; cli and examples see only napier/.
EVERYTHING = None
MAY_INCLUDE = {
    "base": [],
    "format": [],
    "text": [],
    "kernel": ["format"],
    "file": ["format"],
    "graph": ["format"],
    "model": ["format", "file", "text", "graph"],
    "plan": ["format", "kernel", "graph"],
    "run": ["format", "kernel", "graph", "plan", "model", "text"],
    "measure": ["format", "kernel", "graph", "plan", "model", "text", "file", "run"],
    "lutcore": ["format", "kernel", "graph", "plan"],
    "rtl": ["format", "lutcore"],
    "figures": ["format", "lutcore"],
    "store": [],
    "api": EVERYTHING,
    "cli": ["napier only"],
}

CODE = (".c", ".h", ".inc")
TEXT = CODE + (".py", ".sh", ".md", ".cmake", ".txt", ".json", ".yml")
SCRIPTS = ("quickstart", "check", ".ci/run")


def files():
    """Every file of the project: what git knows, or would add; without git, all that is there."""
    try:
        out = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard"],
                             capture_output=True, text=True, check=True).stdout
        names = out.splitlines()
    except (OSError, subprocess.CalledProcessError):
        names = []
        for folder, dirs, entries in os.walk(ROOT):
            dirs[:] = [d for d in dirs if not d.startswith("build") and d != ".git"]
            names += [os.path.relpath(os.path.join(folder, e), ROOT) for e in entries]
    return sorted(n for n in names if os.path.isfile(os.path.join(ROOT, n)))


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8", errors="replace") as f:
        return f.read()


def no_comments(text):
    """C without comments and string contents; line numbers stay."""
    def blank(m):
        s = m.group(0)
        return '""' if s[0] == '"' else "' '" if s[0] == "'" else "\n" * s.count("\n")
    return re.sub(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|/\*.*?\*/|//[^\n]*', blank, text,
                  flags=re.S)


def includes():
    for name in files():
        parts = name.split("/")
        if not name.endswith(CODE) or parts[0] not in ("src", "examples"):
            continue
        folder = parts[1] if parts[0] == "src" else "cli"
        if folder not in MAY_INCLUDE:
            yield f"{name}: folder {folder} is not in the table of {os.path.basename(__file__)}"
            continue
        may = MAY_INCLUDE[folder]
        for number, line in enumerate(read(name).splitlines(), 1):
            m = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not m or may is EVERYTHING:
                continue
            if "/" not in m.group(1):
                continue  # beside the file itself
            to = m.group(1).split("/")[0]
            if to in ("napier", folder) or (to == "base" and folder != "cli") or to in may:
                continue
            yield f"{name}:{number}: {folder} may not include {m.group(1)}"


def length():
    for name in files():
        if name.endswith(TEXT) and not name.endswith((".json", ".txt")):
            n = read(name).count("\n")
            if n > 1000:
                yield f"{name}: {n} lines, at most 1000 are allowed"


def words():
    bad = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|not implemented|lorem ipsum", re.I)
    for name in files():
        if not (name.endswith(TEXT) or name in SCRIPTS) or name == "tests/tree/check_tree.py":
            continue
        if name == "LICENSE":
            continue
        for number, line in enumerate(read(name).splitlines(), 1):
            m = bad.search(line)
            if m and (m.group(0).isupper() or " " in m.group(0)):
                yield f"{name}:{number}: {m.group(0)}"


def links():
    for name in files():
        if not name.endswith(".md"):
            continue
        text = re.sub(r"```.*?```|`[^`\n]*`", "", read(name), flags=re.S)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:", target) or target.startswith("#"):
                continue
            path = os.path.join(ROOT, os.path.dirname(name), target.split("#")[0])
            if not os.path.exists(path):
                yield f"{name}: link to {target}, which does not exist"


def promises():
    """Every test that SECURITY.md names exists."""
    declared = set()
    for name in files():
        if name.startswith("tests/") and name.endswith("CMakeLists.txt"):
            text = read(name)
            declared.update(re.findall(r"(?:nap_test\(|add_test\(NAME )(\w+)", text))
            declared.update("replay_" + n for n in re.findall(r"nap_fuzz\((\w+)", text))
            declared.update("tree_" + n for n in re.findall(r"tree_rule\((\w+)", text))
    for test in re.findall(r"`((?:test|replay|tree)_\w+)`", read("SECURITY.md")):
        if test not in declared:
            yield f"SECURITY.md: no test {test}"


def code_format():
    tool = shutil.which("clang-format-14") or shutil.which("clang-format")
    version = tool and subprocess.run([tool, "--version"], capture_output=True, text=True).stdout
    if not version or "version 14." not in version:
        print("clang-format 14 is not here: left out")
        sys.exit(77)
    names = [n for n in files() if n.endswith((".c", ".h")) and "/data/" not in n]
    out = subprocess.run([tool, "--dry-run", "--Werror", "--ferror-limit=1"] + names, cwd=ROOT,
                         capture_output=True, text=True)
    seen = set()
    for line in out.stderr.splitlines():
        m = re.match(r"([^:]+):(\d+):\d+: error:", line)
        if m and m.group(1) not in seen:
            seen.add(m.group(1))
            yield f"{m.group(1)}:{m.group(2)}: not as clang-format 14 writes it"


def sizes():
    """Parsers of untrusted files add and multiply sizes through base/checked.h, or on lines that
    were read one by one (sizes_reviewed.txt)."""
    word = r"(?:len|length|size|bytes|count|offset|elems|dims|ne\[[^\]]*\]|align(?:ment)?)"
    name_of = r"\b(?:\w+(?:\.|->))*\w*" + word
    raw = re.compile(name_of + r"\s*[*+](?![+=])\s*[\w(]|[\w)\]]\s*[*+]\s*" + name_of + r"\b")
    declaration = re.compile(r"\b(?:char|void|uint8_t|uint32_t|uint64_t|const|size_t)\s+\*")
    reviewed = {}
    for line in read("tests/tree/sizes_reviewed.txt").splitlines():
        if line and not line.startswith("#"):
            path, code, why = line.split(" | ")
            reviewed[(path, code)] = False
    for path in files():
        if not re.match(r"src/file/(gguf\w*|safetensors|source)\.c$", path) or "write" in path:
            continue
        for number, line in enumerate(no_comments(read(path)).splitlines(), 1):
            if not raw.search(line) or "sizeof" in line or declaration.search(line):
                continue
            if (path, line.strip()) in reviewed:
                reviewed[(path, line.strip())] = True
            else:
                yield f"{path}:{number}: raw size arithmetic: {line.strip()}"
    for (path, code), seen in reviewed.items():
        if not seen:
            yield f"tests/tree/sizes_reviewed.txt: no such line in {path} any more: {code}"


def headers(cc, cxx):
    for name in files():
        if not re.match(r"include/napier/\w+\.h$", name):
            continue
        for language, compiler, flags in (("C11", cc, ["-x", "c", "-std=c11"]),
                                          ("C++17", cxx, ["-x", "c++", "-std=c++17"])):
            if not shutil.which(compiler):
                print(f"{compiler} is not here: {language} left out")
                continue
            out = subprocess.run([compiler, *flags, "-fsyntax-only", "-Wall", "-Wextra", "-pedantic",
                                  "-Werror", "-I", os.path.join(ROOT, "include"), "-include",
                                  os.path.join(ROOT, name), "/dev/null"],
                                 capture_output=True, text=True)
            if out.returncode != 0:
                yield f"{name}: does not compile alone as {language}:\n{out.stderr}"


def symbols(library):
    """Whatever a program that links the library can see begins with nap_."""
    shared = library.endswith(".so") or ".so." in library
    out = subprocess.run(["nm", "-D" if shared else "-g", "--defined-only", library],
                         capture_output=True, text=True, check=True).stdout
    for line in out.splitlines():
        parts = line.split()
        if len(parts) != 3 or parts[1] not in "TDBRCVW":
            continue
        if not parts[2].startswith(("nap_", "__asan", "__ubsan", "_init", "_fini", "__odr_asan")):
            yield f"{library}: exports {parts[2]}"


RULES = {"includes": includes, "length": length, "words": words, "links": links, "promises": promises,
         "format": code_format, "sizes": sizes, "headers": headers, "symbols": symbols}


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in RULES:
        sys.exit("usage: check_tree.py " + "|".join(RULES))
    found = list(RULES[sys.argv[1]](*sys.argv[2:]))
    for line in found:
        print(line)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
