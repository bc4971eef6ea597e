#!/usr/bin/env python3
"""The program from outside: every command on small models, what goes to which stream, exit codes,
and how mistakes are answered. NAPIER_BIN is the program, NAPIER_SOURCE_DIR the tree. Only the
standard library is used."""
import csv
import json
import os
import pty
import re
import resource
import select
import signal
import subprocess
import tempfile
import time
import unittest

BIN = os.environ["NAPIER_BIN"]
DATA = os.path.join(os.environ["NAPIER_SOURCE_DIR"], "tests", "engine", "data")
LLAMA = os.path.join(DATA, "llama.gguf")
COMMANDS = ["run", "chat", "pull", "list", "rm", "inspect", "tokenize", "detokenize", "template",
            "bench", "eval", "kernels", "verify", "lutcore"]
PLAIN = ("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
         "{% if add_generation_prompt %}assistant:{% endif %}")


def run(*args, stdin=b"", **env):
    """(exit code, standard output, standard error as text)"""
    full = {k: v for k, v in os.environ.items() if not k.startswith("NAPIER_") or k == "NAPIER_CPU"}
    full.update(HOME=tempfile.gettempdir(), NAPIER_HISTORY="off", **env)
    full.setdefault("NAPIER_HOME", os.path.join(tempfile.gettempdir(), "napier-no-store"))
    p = subprocess.run([BIN, *args], input=stdin, capture_output=True, env=full, timeout=120)
    return p.returncode, p.stdout, p.stderr.decode(errors="replace")


class Base(unittest.TestCase):
    def ok(self, *args, **kw):
        code, out, err = run(*args, **kw)
        self.assertEqual(code, 0, err)
        return out

    def refused(self, code, pattern, *args, **kw):
        got, out, err = run(*args, **kw)
        self.assertEqual(got, code, err)
        self.assertEqual(out, b"", "a refusal prints nothing on standard output")
        self.assertRegex(err, pattern)
        self.assertTrue(err.endswith("\n"))
        return err


class Usage(Base):
    def test_version(self):
        for form in ("--version", "version", "-V"):
            out = self.ok(form).decode()
            self.assertRegex(out, r"^napier \d+\.\d+\.\d+\n")
            for word in ("commit", "compiler", "cpu"):
                self.assertIn("\n" + word, out)

    def test_help(self):
        out = self.ok("--help").decode()
        for name in COMMANDS:
            self.assertRegex(out, rf"(?m)^  {name} ")
            one = self.ok(name, "--help").decode()
            self.assertTrue(one.startswith(f"Usage: napier {name}"), one[:80])
            self.assertEqual(one, self.ok("help", name).decode())
            self.assertNotIn("\033", one)

    def test_environment_is_in_the_help(self):
        out = self.ok("run", "--help").decode()
        for name in ("THREADS", "CONTEXT", "CPU", "TEMP", "SEED", "TOP_K", "TOP_P", "MIN_P", "MODEL"):
            self.assertIn("NAPIER_" + name, out)

    def test_no_command(self):
        self.refused(2, "Usage: napier")

    def test_unknown_command(self):
        self.refused(2, "did you mean `napier chat'", "chatt")
        self.refused(2, "unknown command 'zebra'", "zebra")

    def test_bad_values(self):
        for args, pattern in [
            (("-n", "0"), r"--tokens: found '0', expected a whole number from 1"),
            (("-n", "-3"), r"found '-3'"),
            (("-n", "5x"), r"found '5x'"),
            (("-n", "0x10"), r"found '0x10'"),
            (("-t", "99999"), r"--threads: found '99999', expected a whole number from 1 to 1024"),
            (("--temp", "hot"), r"--temp: found 'hot', expected a number from 0 to 100"),
            (("--temp", "nan"), r"found 'nan'"),
            (("--top-p", "1.5"), r"--top-p: found '1.5', expected a number from 0 to 1"),
            (("--seed", "99999999999999999999999"), r"--seed: found"),
            (("--path", "quick"), r"expected fast or float"),
            (("--no-such-flag",), r"unrecognized option"),
            (("--stop", ""), r"--stop: the text is empty"),
            (("--logprobs", "3"), r"--logprobs needs --json"),
            (("--raw", "--system", "x"), r"--raw takes no --system"),
        ]:
            self.refused(2, pattern, "run", LLAMA, "hello", *args)
        self.refused(2, "MODEL is missing", "run")
        self.refused(2, "two prompts", "run", LLAMA, "a", "-p", "b")
        self.refused(2, "unexpected argument", "run", LLAMA, "a", "b")
        self.refused(2, "found 'xml'", "bench", LLAMA, "-o", "xml")
        self.refused(2, "nothing to do", "bench", LLAMA, "-p", "0", "-n", "0")
        self.refused(2, "FILE is missing", "eval", LLAMA)

    def test_environment_twins(self):
        self.refused(2, "napier run: NAPIER_TEMP: found 'hot'", "run", LLAMA, "a", NAPIER_TEMP="hot")
        self.refused(2, "NAPIER_THREADS: found '0'", "run", LLAMA, "a", NAPIER_THREADS="0")
        a = self.ok("run", LLAMA, "-p", "abc", "-n", "8", "--temp", "2", "--seed", "5")
        b = self.ok("run", "-p", "abc", "-n", "8", NAPIER_MODEL=LLAMA, NAPIER_TEMP="2",
                    NAPIER_SEED="5")
        c = self.ok("run", LLAMA, "-p", "abc", "-n", "8", "--temp", "2", "--seed", "5",
                    NAPIER_TEMP="0", NAPIER_SEED="9")
        self.assertEqual(a, b)
        self.assertEqual(a, c, "a flag beats its variable")

    def test_missing_model(self):
        self.refused(1, "No such file", "run", "no/such.gguf", "a")
        self.refused(1, "known names: smollm2-135m", "run", "nonsuch", "a")
        self.refused(1, "napier pull smollm2-135m", "run", "smollm2-135m", "a")

    def test_full_output(self):
        with open("/dev/full", "wb") as full:
            p = subprocess.run([BIN, "--help"], stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(p.returncode, 1)
        self.assertIn(b"standard output", p.stderr)


class Run(Base):
    def test_streams_and_repeats(self):
        code, out, err = run("run", LLAMA, "-p", "hello", "-n", "12", "--temp", "0")
        self.assertEqual(code, 0, err)
        self.assertEqual(err, "", "quiet when standard error is no terminal")
        self.assertTrue(out.endswith(b"\n") and len(out) > 1)
        self.assertEqual(out, self.ok("run", LLAMA, "-n", "12", "--temp", "0", stdin=b"hello"))
        self.assertEqual(out, self.ok("run", LLAMA, "hello", "-n", "12", "--temp", "0"))

    def test_same_seed_same_answer_at_any_thread_count(self):
        args = ("run", LLAMA, "hello", "-n", "20", "--temp", "1.5", "--seed", "11")
        want = self.ok(*args, "-t", "1")
        for threads in ("2", "3", "7"):
            self.assertEqual(want, self.ok(*args, "-t", threads))
        self.assertEqual(want, self.ok(*args, "--cpu", "ref"))
        self.assertNotEqual(want, self.ok("run", LLAMA, "hello", "-n", "20", "--temp", "1.5",
                                          "--seed", "12"))

    def test_json(self):
        r = json.loads(self.ok("run", LLAMA, "hello", "-n", "5", "--json", "--logprobs", "2",
                               "--ignore-end"))
        self.assertEqual(r["completion_tokens"], 5)
        self.assertEqual(r["finish_reason"], "length")
        self.assertEqual(len(r["tokens"]), 5)
        for t in r["tokens"]:
            self.assertEqual(len(t["top_logprobs"]), 2)
            self.assertLessEqual(t["logprob"], 0)
            self.assertGreaterEqual(t["top_logprobs"][0]["logprob"], t["top_logprobs"][1]["logprob"])

    def test_stats(self):
        code, out, err = run("run", LLAMA, "hello", "-n", "3", "--stats")
        self.assertEqual(code, 0)
        self.assertRegex(err, r"prompt \d+ tokens, .* tok/s; answer \d+ tokens")

    def test_prompt_longer_than_the_context(self):
        err = self.refused(1, r"\b20\d tokens.*\b32\b", "run", LLAMA, "x" * 200, "-c",
                           "32", "--raw")
        self.assertNotIn("internal", err.lower())

    def test_context_full_is_said(self):
        code, out, err = run("run", LLAMA, "hello", "-c", "24", "--ignore-end")
        self.assertEqual(code, 0, err)
        self.assertIn("context of 24 tokens is full", err)

    def test_empty_prompt(self):
        code, out, err = run("run", LLAMA, "--raw", "-n", "2", stdin=b"")
        # A vocabulary that adds a beginning token has something to start from.
        self.assertIn(code, (0, 1))

    def test_bad_tier(self):
        self.refused(1, "mmx", "run", LLAMA, "a", "--cpu", "mmx")


class Chat(Base):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.template = os.path.join(self.dir.name, "plain.jinja")
        with open(self.template, "w", encoding="utf-8") as f:
            f.write(PLAIN)

    def tearDown(self):
        self.dir.cleanup()

    def chat(self, text, *args):
        return run("chat", LLAMA, "--template", self.template, "-n", "4", "--temp", "0", *args,
                   stdin=text.encode())

    def test_no_template_is_said(self):
        self.refused(1, "no chat template", "chat", LLAMA)

    def test_save_and_load(self):
        path = os.path.join(self.dir.name, "talk.json")
        code, out, err = self.chat(f"/system be brief\nhi\n/save {path}\n/quit\nnot read\n")
        self.assertEqual(code, 0, err)
        with open(path, encoding="utf-8") as f:
            messages = json.load(f)["messages"]
        self.assertEqual([m["role"] for m in messages], ["system", "user", "assistant"])
        self.assertEqual(messages[1]["content"], "hi")
        code, out, err = self.chat(f"/load {path}\n/reset\n/save {path}\n")
        self.assertEqual(code, 0, err)
        self.assertIn("loaded 3 messages", err)
        with open(path, encoding="utf-8") as f:
            self.assertEqual([m["role"] for m in json.load(f)["messages"]], ["system"])

    def test_failed_save_keeps_what_was_there(self):
        path = os.path.join(self.dir.name, "talk.json")
        long = os.path.join(self.dir.name, "long.json")
        with open(path, "w", encoding="utf-8") as f:
            f.write("as it was")
        with open(long, "w", encoding="utf-8") as f:
            json.dump([{"role": "user", "content": "x" * 20000}], f)

        def little_space():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

        p = subprocess.run([BIN, "chat", LLAMA, "--template", self.template], capture_output=True,
                           input=f"/load {long}\n/save {path}\n".encode(), timeout=120,
                           env={**os.environ, "NAPIER_HISTORY": "off"}, preexec_fn=little_space)
        self.assertRegex(p.stderr.decode(), "could not write .*File too large")
        with open(path, encoding="utf-8") as f:
            self.assertEqual(f.read(), "as it was")
        self.assertEqual(sorted(os.listdir(self.dir.name)),
                         ["long.json", "plain.jinja", "talk.json"])

    def test_zero_bytes_are_text(self):
        code, out, err = run("run", LLAMA, "-n", "2", "--template", self.template, stdin=b"a\0b")
        self.assertEqual(code, 0, err)

    def test_long_input(self):
        path = os.path.join(self.dir.name, "talk.json")
        code, out, err = self.chat(f'a\\\nb\n"""\nc\n\nd\n"""\n/save {path}\n', "-c", "64")
        with open(path, encoding="utf-8") as f:
            said = [m["content"] for m in json.load(f)["messages"] if m["role"] == "user"]
        self.assertEqual(said, ["a\nb", "c\n\nd"])

    def test_mistakes(self):
        code, out, err = self.chat("/nonsense\n/load /no/such/file\n/save\n/help\n")
        self.assertEqual((code, out), (0, b""))
        for text in ("no command /nonsense", "could not read /no/such/file", "/save needs", "/reset"):
            self.assertIn(text, err)

    def test_full_context_keeps_the_conversation(self):
        path = os.path.join(self.dir.name, "talk.json")
        code, out, err = self.chat("hi\n" + "x" * 100 + f"\n/save {path}\n", "-c", "40")
        self.assertEqual(code, 0, err)
        self.assertIn("no longer fits", err)
        with open(path, encoding="utf-8") as f:
            self.assertEqual(len(json.load(f)["messages"]), 2)

    def test_ctrl_c_stops_the_answer_on_a_terminal(self):
        pid, fd = pty.fork()
        if pid == 0:
            os.environ.update(NAPIER_HISTORY="off", TERM="dumb", HOME=self.dir.name)
            os.execv(BIN, [BIN, "chat", LLAMA, "--template", self.template, "--temp", "0"])
        seen = b""

        def wait_for(pattern, seconds=20):
            nonlocal seen
            end = time.time() + seconds
            while time.time() < end and not re.search(pattern, seen):
                if select.select([fd], [], [], 0.1)[0]:
                    try:
                        seen += os.read(fd, 4096)
                    except OSError:
                        break
            self.assertRegex(seen, pattern)
            seen = b""

        try:
            wait_for(rb"/help for help.*> $|> ")
            os.write(fd, b"\x03")  # at the prompt: a hint, and go on
            wait_for(rb"/quit or Ctrl-D")
            os.write(fd, b"hi\r")
            wait_for(rb"tok/s")
            os.write(fd, b"/quit\r")
            end = time.time() + 20
            done, status = 0, 0
            while done == 0 and time.time() < end:
                done, status = os.waitpid(pid, os.WNOHANG)
                time.sleep(0.02)
            self.assertEqual((done, status), (pid, 0))
        finally:
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass
            os.close(fd)


class Files(Base):
    def test_inspect(self):
        out = self.ok("inspect", LLAMA, "--tensors").decode()
        for text in ("Architecture  llama", "general.architecture", "token_embd.weight"):
            self.assertIn(text, out)
        r = json.loads(self.ok("inspect", LLAMA, "--json"))
        self.assertEqual(r["architecture"], "llama")
        self.assertEqual(r["metadata"]["llama.block_count"]["value"], 2)
        self.assertEqual(len(r["tensors"]), 21)
        self.assertEqual(r["bytes"], sum(t["bytes"] for t in r["tensors"]))
        self.assertEqual(r["parameters"], sum(t["elements"] for t in r["tensors"]))
        self.assertEqual(r["vocabulary"]["size"], 272)
        tokens = r["metadata"]["tokenizer.ggml.tokens"]
        self.assertEqual((tokens["length"], len(tokens["value"]), tokens["cut"]), (272, 8, True))
        full = json.loads(self.ok("inspect", LLAMA, "--json", "--full"))
        self.assertEqual(len(full["metadata"]["tokenizer.ggml.tokens"]["value"]), 272)

    def test_every_model_in_the_tree(self):
        for name in sorted(os.listdir(DATA)):
            if name.endswith(".gguf"):
                with self.subTest(name):
                    path = os.path.join(DATA, name)
                    json.loads(self.ok("inspect", path, "--json"))
                    self.ok("verify", path)

    def test_damaged_files(self):
        with open(LLAMA, "rb") as f:
            data = f.read()
        with tempfile.TemporaryDirectory() as d:
            path = os.path.join(d, "bad.gguf")
            for cut in (0, 3, 20, 1000, len(data) - 1):
                with open(path, "wb") as f:
                    f.write(data[:cut])
                for command in (("inspect", path), ("verify", path), ("run", path, "a")):
                    err = self.refused(1, r"error: .*bad\.gguf", *command)
                    self.assertEqual(err.count("\n"), 1)

    def test_kernels(self):
        self.assertIn("ref", self.ok("kernels").decode())
        rows = json.loads(self.ok("kernels", "--json"))
        self.assertTrue(any(r["available"] for r in rows))
        out = json.loads(self.ok("kernels", LLAMA, "--json", "--cpu", "ref"))
        self.assertEqual(out["cpu"], "ref")
        self.assertTrue(all(k["kernel"] and k["why"] for k in out["kernels"]))


class Tokens(Base):
    def ids(self, text, *flags):
        return self.ok("tokenize", LLAMA, "--ids", *flags, stdin=text).decode()

    def test_round_trip(self):
        for text in (b"hello world", b"", b"\0\xff\x80 \n\t", "žluťoučký 😀".encode(), b" " * 50):
            line = self.ids(text)
            self.assertEqual(line.count("\n"), 1)
            self.assertRegex(line, r"^(\d+( \d+)*)?\n$")
            back = self.ok("detokenize", LLAMA, stdin=line.encode())
            # SentencePiece-style vocabularies put a space before the text.
            self.assertIn(back, (text, b" " + text))

    def test_nul_separated(self):
        texts = [b"one", b"", b"two\nlines"]
        out = self.ids(b"\0".join(texts), "-0")
        self.assertEqual(out, "".join(self.ids(t) for t in texts))

    def test_bos(self):
        self.assertEqual(self.ids(b"a", "--bos").split()[0], "1")

    def test_bad_ids(self):
        for text in (b"1 x", b"-1", b"1,2", b"99999999999", b"1\0"):
            self.refused(1, "expected a token id", "detokenize", LLAMA, stdin=text)
        self.refused(1, "5000", "detokenize", LLAMA, stdin=b"5000")


class Template(Base):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()

    def tearDown(self):
        self.dir.cleanup()

    def file(self, name, text):
        path = os.path.join(self.dir.name, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def test_render(self):
        t = self.file("t.jinja", PLAIN)
        m = '{"messages": [{"role": "user", "content": "hi"}]}'
        path = self.file("m.json", m)
        self.assertEqual(self.ok("template", t, path), b"user: hi\n")
        self.assertEqual(self.ok("template", t, path, "--add-generation-prompt"),
                         b"user: hi\nassistant:")
        self.assertEqual(self.ok("template", t, "-", stdin=m.encode()), b"user: hi\n")
        bare = b'[{"role": "user", "content": "hi"}]'
        self.assertEqual(self.ok("template", t, "-", "--add-generation-prompt", stdin=bare),
                         b"user: hi\nassistant:")
        said = m[:-1] + ', "add_generation_prompt": true}'
        self.assertEqual(self.ok("template", t, "-", stdin=said.encode()), b"user: hi\nassistant:")
        no = m[:-1] + ', "add_generation_prompt": false}'
        self.assertEqual(self.ok("template", t, "-", "--add-generation-prompt", stdin=no.encode()),
                         b"user: hi\nassistant:")

    def test_no_generation_prompt_is_said(self):
        """Some templates take an undefined variable for yes; callers always define it."""
        t = self.file("t.jinja", "{{ add_generation_prompt is defined }} {{ add_generation_prompt }}")
        for text in (b"{}", b"[]", b'{"messages": []}'):
            self.assertEqual(self.ok("template", t, "-", stdin=text), b"True False")

    def test_zero_bytes_are_text(self):
        t = self.file("t.jinja", PLAIN)
        m = b'[{"role": "user", "content": "a\\u0000b"}]'
        self.assertEqual(self.ok("template", t, "-", stdin=m), b"user: a\0b\n")

    def test_refusal(self):
        t = self.file("t.jinja", '{{ raise_exception("no system role here") }}')
        self.refused(1, "no system role here", "template", t, "-", stdin=b'{"messages": []}')

    def test_mistakes(self):
        t = self.file("t.jinja", "{% for %}")
        self.refused(1, "error", "template", t, "-", stdin=b'{"messages": []}')
        good = self.file("g.jinja", PLAIN)
        self.refused(1, "line 1", "template", good, "-", stdin=b'{"messages": [')
        self.refused(1, "No such file", "template", good, "/no/such.json")
        self.refused(1, "template", "template", LLAMA, "-", stdin=b'{"messages": []}')


class Measure(Base):
    def test_bench_table(self):
        out = self.ok("bench", LLAMA, "-p", "8", "-n", "4", "-r", "2", "-t", "1,2",
                      "--no-bandwidth").decode()
        lines = out.splitlines()
        self.assertEqual([c.strip() for c in lines[0].split("|")[1:-1]],
                         ["model", "size", "params", "backend", "threads", "test", "t/s"])
        rows = [[c.strip() for c in line.split("|")[1:-1]] for line in lines[2:6]]
        self.assertEqual([(r[4], r[5]) for r in rows],
                         [("1", "pp8"), ("1", "tg4"), ("2", "pp8"), ("2", "tg4")])
        for r in rows:
            self.assertRegex(r[6], r"^\d+\.\d\d ± \d+\.\d\d$")
        self.assertEqual(len(lines[0]), len(lines[1]))

    def test_bench_json_and_csv(self):
        args = ("bench", LLAMA, "-p", "8", "-n", "4", "-d", "0,5", "-r", "3", "-t", "1",
                "--no-bandwidth")
        rows = json.loads(self.ok(*args, "-o", "json"))
        self.assertEqual([(r["n_prompt"], r["n_gen"], r["n_depth"]) for r in rows],
                         [(8, 0, 0), (0, 4, 0), (8, 0, 5), (0, 4, 5)])
        for r in rows:
            self.assertEqual(len(r["samples_ts"]), 3)
            self.assertAlmostEqual(r["avg_ts"], sum(r["samples_ts"]) / 3, delta=0.001 * r["avg_ts"])
            self.assertEqual(r["n_threads"], 1)
            for key in ("model_type", "model_size", "model_n_params", "build_commit", "cpu_info",
                        "stddev_ts", "median_ts", "bytes_per_token", "peak_memory_bytes",
                        "first_token_seconds", "load_seconds", "read_gb_per_second"):
                self.assertIn(key, r)
        lines = self.ok(*args, "-o", "csv").decode().splitlines()
        self.assertEqual(len(lines), 5)
        self.assertIn("avg_ts", lines[0].split(","))

    def test_bench_leaves_out_what_it_did_not_measure(self):
        args = ("bench", LLAMA, "-p", "8", "-n", "4", "-r", "1", "-t", "1", "--no-bandwidth")
        self.assertNotRegex(self.ok(*args).decode(), r"\b(read|copy|triad)\b")
        prompt, gen = json.loads(self.ok(*args, "-o", "json"))
        none = ["read_gb_per_second", "copy_gb_per_second", "triad_gb_per_second", "read_fraction"]
        for key in none:
            self.assertIsNone(gen[key], key)
        for key in none + ["gb_per_second"]:
            self.assertIsNone(prompt[key], key)
        self.assertGreater(gen["gb_per_second"], 0)
        rows = list(csv.DictReader(self.ok(*args, "-o", "csv").decode().splitlines()))
        self.assertEqual([rows[0][key] for key in none + ["gb_per_second"]], [""] * 5)
        self.assertEqual([rows[1][key] for key in none], [""] * 4)
        self.assertGreater(float(rows[1]["gb_per_second"]), 0)

    def test_a_context_beyond_the_trained_one_is_said_once(self):
        warning = ("napier: the context of {} tokens is longer than the 64 that the model was "
                   "trained with\n")
        bench = ("bench", LLAMA, "-n", "4", "-r", "1", "-t", "1,2", "--no-bandwidth")
        with tempfile.TemporaryDirectory() as d:
            text, logits = self.eval_text(d), os.path.join(d, "s.kld")
            save = ("eval", LLAMA, text, "--chunks", "2", "--save-logits", logits)
            for args, context in ((bench + ("-p", "64"), None),
                                  (bench + ("-p", "8", "-d", "56"), None),
                                  (bench + ("-p", "80"), 80),
                                  (bench + ("-p", "8", "-d", "0,100"), 108),
                                  (("run", LLAMA, "a", "-n", "2"), None),
                                  (("run", LLAMA, "a", "-n", "2", "-c", "65"), 65),
                                  (save + ("-c", "65"), 65),
                                  (save + ("-c", "64"), None),
                                  (("eval", LLAMA, "--logits", logits), None)):
                with self.subTest(args):
                    code, out, err = run(*args)
                    self.assertEqual(code, 0, err)
                    said = [line for line in err.splitlines(True) if line.startswith("napier:")]
                    self.assertEqual(said, [warning.format(context)] if context else [])

    def test_bench_prints_no_table_before_its_first_row(self):
        self.refused(1, "needs .* MiB", "bench", LLAMA, "-p", "8", "-n", "4", "--max-memory", "1")

    def test_eval(self):
        with tempfile.TemporaryDirectory() as d:
            text, logits = os.path.join(d, "text"), os.path.join(d, "logits")
            with open(text, "w", encoding="utf-8") as f:
                f.write("the quick brown fox jumps over the lazy dog. " * 8)
            args = ("eval", LLAMA, text, "-c", "32", "--chunks", "3", "--json")
            a = json.loads(self.ok(*args, "--save-logits", logits))
            for key in ("perplexity", "stderr", "tokens"):
                self.assertIn(key, a)
            self.assertEqual(a["chunks"], 3)
            b = json.loads(self.ok(*args, "--logits", logits))
            self.assertAlmostEqual(a["perplexity"], b["perplexity"], places=3)
            # Against itself: only the file's 16 bits stand between.
            self.assertLess(abs(b["kl_mean"]), 1e-3)
            self.assertGreater(b["top1"], 0.98)
            self.refused(1, "error", "eval", LLAMA, os.path.join(d, "absent"))

    def eval_text(self, folder):
        path = os.path.join(folder, "text")
        with open(path, "w", encoding="utf-8") as f:
            f.write("the quick brown fox jumps over the lazy dog. " * 8)
        return path

    def test_eval_says_what_stopped_the_writer(self):
        def limit():  # a write past the limit then fails, as on a full disk
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))

        with tempfile.TemporaryDirectory() as d:
            text, logits = self.eval_text(d), os.path.join(d, "x.kld")
            p = subprocess.run([BIN, "eval", LLAMA, text, "-c", "32", "--save-logits", logits],
                               capture_output=True, preexec_fn=limit, timeout=120)
            self.assertEqual((p.returncode, p.stdout), (1, b""))
            self.assertIn("x.kld", p.stderr.decode())
            self.assertIn("File too large", p.stderr.decode())
            self.assertEqual(os.listdir(d), ["text"])

    def test_eval_keeps_the_reference(self):
        with tempfile.TemporaryDirectory() as d:
            text, logits = self.eval_text(d), os.path.join(d, "s.kld")
            self.ok("eval", LLAMA, text, "-c", "32", "--chunks", "2", "--save-logits", logits)
            with open(logits, "rb") as f:
                before = f.read()
            os.mkdir(os.path.join(d, "sub"))
            os.symlink(logits, os.path.join(d, "soft"))
            os.link(logits, os.path.join(d, "hard"))
            for name in ("s.kld", "sub/../s.kld", "soft", "hard"):
                with self.subTest(name):
                    path = os.path.join(d, name)
                    self.refused(1, re.escape(path) + ": found the file of logits to compare with",
                                 "eval", LLAMA, "--save-logits", path, "--logits", logits)
            with open(logits, "rb") as f:
                self.assertEqual(f.read(), before)
            self.ok("eval", LLAMA, "--save-logits", os.path.join(d, "new"), "--logits", logits)

    def test_eval_refuses_other_windows_or_text(self):
        with tempfile.TemporaryDirectory() as d:
            text, logits = self.eval_text(d), os.path.join(d, "s.kld")
            self.ok("eval", LLAMA, text, "-c", "32", "--chunks", "2", "--save-logits", logits)
            other = r"s\.kld: context: found chunks of 32 tokens, expected 48"
            self.refused(1, other, "eval", LLAMA, "--logits", logits, "-c", "48")
            self.refused(1, other, "eval", LLAMA, "--logits", logits, NAPIER_CONTEXT="48")
            with open(text, "rb") as f:
                data = f.read()
            wrong = os.path.join(d, "wrong")

            def compare(data, *args):
                with open(wrong, "wb") as f:
                    f.write(data)
                return run("eval", LLAMA, wrong, "--logits", logits, *args)

            # The file holds 64 tokens: nothing is known of what follows.
            for same in (data, data + b"more", data[:300], data + b"\n"):
                self.assertEqual(compare(same)[0], 0)
            self.assertEqual(compare(data, "-c", "32")[0], 0)
            for changed, pattern in (
                    (b"X" + data[1:], r"s\.kld: made from another text: token \d \(.*leave FILE out"),
                    (data[:20], r"s\.kld: made from a longer text: it holds 64 tokens, and FILE"),
                    (b"", "made from a longer text")):
                code, out, err = compare(changed)
                self.assertEqual((code, out), (1, b""), err)
                self.assertRegex(err, pattern)


class Store(Base):
    def test_list(self):
        with tempfile.TemporaryDirectory() as d:
            rows = json.loads(self.ok("list", "--json", NAPIER_HOME=d))
            names = {r["name"]: r for r in rows}
            self.assertEqual(names["smollm2-135m"]["bytes"], 98362432)
            self.assertEqual(names["gemma3-270m"]["licence"], "Gemma Terms of Use")
            self.assertFalse(any(r["pulled"] for r in rows))
            self.assertIn("(not pulled)", self.ok("list", NAPIER_HOME=d).decode())
            self.refused(1, "not in the store", "rm", "smollm2-135m", NAPIER_HOME=d)
            self.refused(1, "known names", "pull", "nonsuch", NAPIER_HOME=d)

    def test_licence_is_shown(self):
        with tempfile.TemporaryDirectory() as d:
            code, out, err = run("pull", "gemma3-270m", NAPIER_HOME=d, NAPIER_PYTHON="no-python-here")
            self.assertEqual(code, 1)
            self.assertIn("Gemma Terms of Use", err)
            self.assertIn("no-python-here", err)


if __name__ == "__main__":
    unittest.main()
