#!/usr/bin/env python3
"""`napier lutcore` from outside: products against plain arithmetic on every target, what is refused
and how, layers of a model, simulation of layer files, programs as text and files. NAPIER_BIN is the
program, NAPIER_SOURCE_DIR the tree. Only the standard library is used."""
import csv
import json
import os
import random
import shutil
import struct
import subprocess
import tempfile
import unittest

BIN = os.environ["NAPIER_BIN"]
ROOT = os.environ["NAPIER_SOURCE_DIR"]
CONFIGS = os.path.join(ROOT, "configs")
LLAMA = os.path.join(ROOT, "tests", "engine", "data", "llama.gguf")
COMMANDS = ["gemm", "compile", "layers", "sim", "rtl", "synth", "dse", "figures", "asm", "disasm",
            "check"]


def npy(path, rows, descr="|i1", code="b", fortran=False):
    head = "{'descr': '%s', 'fortran_order': %s, 'shape': (%d, %d), }" % (
        descr, fortran, len(rows), len(rows[0]))
    head += " " * (-(len(head) + 11) % 64) + "\n"
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode())
        for row in rows:
            f.write(struct.pack("<%d%s" % (len(row), code), *row))
    return path


def read_npy(path):
    with open(path, "rb") as f:
        data = f.read()
    n = struct.unpack("<H", data[8:10])[0]
    head = eval(data[10:10 + n])  # written by the program under test, in a folder of ours
    assert head["descr"] == "<i4" and not head["fortran_order"], head
    m, k = head["shape"]
    values = struct.unpack("<%di" % (m * k), data[10 + n:])
    return [list(values[i * k:(i + 1) * k]) for i in range(m)]


def product(a, w, value):
    return [[sum(x * value(y) for x, y in zip(ra, rw)) for rw in w] for ra in a]


class Base(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="napier-lutcore-")
        self.addCleanup(shutil.rmtree, self.dir)

    def path(self, name):
        return os.path.join(self.dir, name)

    def run_it(self, *args):
        env = {k: v for k, v in os.environ.items() if not k.startswith("NAPIER_")}
        env["NAPIER_CACHE"] = self.path("cache")
        p = subprocess.run([BIN, "lutcore", *args], capture_output=True, env=env, timeout=300)
        return p.returncode, p.stdout.decode(), p.stderr.decode()

    def ok(self, *args):
        code, out, err = self.run_it(*args)
        self.assertEqual(code, 0, err)
        return out

    def refused(self, code, says, *args):
        got, out, err = self.run_it(*args)
        self.assertEqual(got, code, err)
        self.assertEqual(out, "", "a refusal prints nothing on standard output")
        self.assertIn(says, err)
        self.assertTrue(err.endswith("\n"))

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        return self.path(name)

    def read(self, *names):
        with open(os.path.join(self.dir, *names), encoding="utf-8") as f:
            return f.read()


class Help(Base):
    def test_list(self):
        out = self.ok("--help")
        for name in COMMANDS:
            self.assertRegex(out, rf"(?m)^  {name} ")
            one = self.ok(name, "--help")
            self.assertTrue(one.startswith(f"Usage: napier lutcore {name} [OPTION...]"), one[:80])
            two = subprocess.run([BIN, "help", "lutcore", name], capture_output=True).stdout
            self.assertEqual(one, two.decode())
        code, out, err = self.run_it()
        self.assertEqual((code, out), (2, ""))
        self.assertIn("Usage: napier lutcore COMMAND", err)
        self.refused(2, "unknown command 'gem'", "gem")

    def test_usage(self):
        for says, *args in [
                ("-A FILE is missing", "gemm"),
                ("-W FILE is missing", "gemm", "-A", "a"),
                ("--bits is missing", "gemm", "-A", "a", "-W", "w"),
                ("--bits: found '9'", "gemm", "--bits", "9"),
                ("--zero: found 'x'", "gemm", "--zero", "x"),
                ("--zero: found '512', expected a whole number from -256 to 511", "gemm",
                 "--zero", "512"),
                ("--target: found 'fpga', expected one of ref, interp, sim, rtl", "gemm",
                 "--target", "fpga"),
                ("unexpected argument 'a'", "gemm", "a"),
                ("--pm1: found with --bits 4, expected --bits 1 or --bits 2", "gemm", "-A", "a",
                 "-W", "w", "--pm1", "--bits", "4"),
                ("--zero: found with --pm1, expected one of them", "gemm", "-A", "a", "-W", "w",
                 "--bits", "2", "--zero", "3", "--pm1"),
                ("--zero: found with --pm1, expected one of them", "gemm", "-A", "a", "-W", "w",
                 "--bits", "1", "--pm1", "--zero", "0"),
                ("--vcd: found with --target interp, expected --target rtl", "gemm", "-A", "a",
                 "-W", "w", "--bits", "2", "--vcd", "x"),
                ("--study: found 'foo', expected one of k, mnk, ladder, bits, depth, acc, fpsum, "
                 "clock, activity, flat, precompute, all", "dse", "--study", "foo", "-o", "d"),
                ("--layer NAME is missing", "compile", "m"),
                ("MODEL is missing", "compile"),
                ("-c FILE is missing", "sim"),
                ("-t FILE is missing", "sim", "-c", "a"),
                ("-o DIR is missing", "sim", "-c", "a", "-t", "b"),
                ("--precompute: found 'x', expected one of none, separate, fused", "sim",
                 "--precompute", "x"),
                ("-o DIR is missing", "rtl"),
                ("-o FILE is missing", "asm", "a"),
                ("--clock: found '0'", "synth", "--clock", "0")]:
            self.refused(2, says, *args)


class Gemm(Base):
    def operands(self, m, n, k, bits, seed):
        r = random.Random(seed)
        a = [[r.randint(-128, 127) for _ in range(k)] for _ in range(m)]
        w = [[r.randrange(1 << bits) for _ in range(k)] for _ in range(n)]
        npy(self.path("A.npy"), a)
        npy(self.path("W.npy"), w, "|u1", "B")
        return a, w

    def multiply(self, *args):
        out = self.ok("gemm", "-A", self.path("A.npy"), "-W", self.path("W.npy"), "-o",
                      self.path("O.npy"), *args)
        return json.loads(out), read_npy(self.path("O.npy"))

    def test_products(self):
        r = random.Random(3)
        for i in range(12):
            m, n, k, bits = r.randint(1, 9), r.randint(1, 90), r.randint(1, 70), 1 + i % 4
            a, w = self.operands(m, n, k, bits, i)
            zero = r.choice([0, 1, (1 << bits) - 1, -7, 200])
            want = product(a, w, lambda q: q - zero)
            for target in ("ref", "interp", "sim"):
                report, got = self.multiply("--bits", str(bits), "--zero", str(zero), "--target",
                                            target)
                self.assertEqual(got, want)
                self.assertEqual((report["target"], report["m"], report["n"], report["k"],
                                  report["bits"]), (target, m, n, k, bits))
                if target != "ref":
                    self.assertEqual(report["cycles"], report["predicted_cycles"])
                    self.assertGreaterEqual(report["macs"], m * n * k)
                    self.assertLessEqual(report["macs_per_cycle"], report["peak_macs_per_cycle"])
                    self.assertGreater(report["lookups"], 0)
                    for unit in ("mem", "pre", "mma"):
                        self.assertIn(unit, report["stalls"])
                    for kind in ("activations", "weights", "results", "tables"):
                        self.assertIn(kind, report["bytes"])

    def test_signs(self):
        a, w = self.operands(3, 10, 50, 1, 1)
        self.assertEqual(self.multiply("--bits", "1", "--pm1")[1],
                         product(a, w, lambda q: 2 * q - 1))
        w = [[x % 3 for x in row] for row in self.operands(3, 10, 50, 2, 2)[1]]
        npy(self.path("W.npy"), w, "|u1", "B")
        a = self.operands(3, 10, 50, 2, 2)[0]
        npy(self.path("W.npy"), w, "|u1", "B")
        want = product(a, w, lambda q: q - 1)
        self.assertEqual(self.multiply("--bits", "2", "--pm1")[1], want)
        ternary = os.path.join(CONFIGS, "lut-m2n64k3-ternary.cfg")
        self.assertEqual(self.multiply("--bits", "2", "--pm1", "--config", ternary)[1], want)

    def test_designs(self):
        a, w = self.operands(5, 30, 33, 2, 5)
        want = product(a, w, lambda q: q - 2)
        seen = 0
        for name in sorted(os.listdir(CONFIGS)):
            path = os.path.join(CONFIGS, name)
            with open(path, encoding="utf-8") as f:
                text = f.read()
            if "[core]" not in text:
                continue
            code, out, err = self.run_it("gemm", "-A", self.path("A.npy"), "-W",
                                         self.path("W.npy"), "--bits", "2", "--zero", "2",
                                         "--config", path, "-o", self.path("O.npy"))
            if code == 0:
                self.assertEqual(read_npy(self.path("O.npy")), want, name)
                seen += 1
            else:
                # Designs for floats, FP4 and ternary weights say so.
                self.assertRegex(err, "expected s8 or s16|its weights are FP4|not all of -1, 0", name)
        self.assertGreaterEqual(seen, 8)

    def test_machine(self):
        self.operands(4, 64, 64, 2, 6)
        report, _ = self.multiply("--bits", "2", "--target", "sim", "--config",
                                  os.path.join(CONFIGS, "a100-lut-4x.cfg"))
        self.assertGreater(report["machine"]["cycles"], 0)

    def test_verilog(self):
        if shutil.which("verilator") is None:
            self.skipTest("no verilator")
        a, w = self.operands(3, 5, 9, 2, 7)
        tiny = self.write("tiny.cfg", "[core]\nname = tiny\nm = 1\nn = 2\nk = 2\nwbits = 2\n"
                          "a_regs = 2\nt_regs = 2\nw_regs = 2\nc_regs = 1\ns_regs = 1\n"
                          "bus_bytes = 8\nmem_latency = 2\n")
        report, got = self.multiply("--bits", "2", "--zero", "1", "--config", tiny, "--target",
                                    "rtl")
        self.assertEqual(got, product(a, w, lambda q: q - 1))
        self.assertEqual(report["cycles"], report["predicted_cycles"])
        # Waves appear whole; a device is written to, and says what it says.
        waves = self.path("waves.vcd")
        args = ["--bits", "2", "--zero", "1", "--config", tiny, "--target", "rtl", "--vcd"]
        self.multiply(*args, waves)
        text = self.read("waves.vcd")
        self.assertIn("$enddefinitions", text)
        self.assertEqual([n for n in os.listdir(self.dir) if n.startswith("waves")], ["waves.vcd"])
        self.multiply(*args, "/dev/null")
        operands = ["gemm", "-A", self.path("A.npy"), "-W", self.path("W.npy"), *args]
        self.refused(1, "/dev/full: cannot write the waveform: No space left", *operands,
                     "/dev/full")
        # A full disk ends the simulator too.
        cache = self.path("cache/rtl")
        built = [n for n in os.listdir(cache) if n.startswith("vt")]
        self.assertEqual(len(built), 1)
        end = subprocess.run([os.path.join(cache, built[0]), self.write("jobs", ""),
                              self.path("results"), "/dev/full"], capture_output=True, timeout=60)
        self.assertEqual(end.returncode, 6)
        self.assertIn(b"Error: /dev/full: ", end.stderr)

    def test_waveform_refusals(self):
        # Before anything is simulated or even read.
        args = ["gemm", "-A", "none", "-W", "none", "--bits", "2", "--target", "rtl", "--vcd"]
        self.refused(1, "/nonexistent/x.vcd: cannot write the waveform: No such file", *args,
                     "/nonexistent/x.vcd")
        self.refused(1, self.dir + ": found a folder, expected a file for the waveform", *args,
                     self.dir)
        self.assertEqual(os.listdir(self.dir), [])

    def test_missing_sections(self):
        self.operands(2, 3, 4, 2, 8)
        product = ["gemm", "-A", self.path("A.npy"), "-W", self.path("W.npy"), "--bits", "2"]
        empty = self.write("empty.cfg", "# nothing\n")
        program = self.write("p.s", "halt\n")
        gpu = os.path.join(CONFIGS, "a100.cfg")
        for path in (empty, gpu):
            says = path + ": found no [core] section, expected a design"
            self.refused(1, says, *product, "--config", path)
            self.refused(1, says, "rtl", "--config", path, "-o", self.path("v"))
            self.refused(1, says, "check", program, "--config", path)
        self.ok(*product, "--target", "sim", "--config", gpu)
        self.refused(1, "empty.cfg: found no [core] and no [machine] section", *product,
                     "--target", "sim", "--config", empty)

    def test_refusals(self):
        self.operands(2, 3, 4, 2, 8)
        A, W = self.path("A.npy"), self.path("W.npy")
        self.refused(1, "No such file", "gemm", "-A", self.path("none"), "-W", W, "--bits", "2")
        self.refused(1, "A.npy: descr: found int8, expected uint8 (weight codes [N, K])", "gemm",
                     "-A", A, "-W", A, "--bits", "2")
        npy(W, [[0, 1, 2, 3], [0, 4, 0, 0]], "|u1", "B")
        self.refused(1, "W.npy: row 1, column 1: found code 4, expected 0 to 3", "gemm", "-A", A,
                     "-W", W, "--bits", "2")
        npy(W, [[0, 1, 2]], "|u1", "B")
        self.refused(1, "W.npy: shape: found K = 3, expected 4 as in ", "gemm", "-A", A, "-W", W,
                     "--bits", "2")
        npy(W, [[0, 1, 2, 3]], "|u1", "B", fortran=True)
        self.refused(1, "fortran_order: found True", "gemm", "-A", A, "-W", W, "--bits", "2")
        npy(W, [[0, 1, 2, 3]], "|u1", "B")
        self.refused(1, "(method lut, wtype bits, wbits 4) cannot multiply codes of 5 bits: too many "
                     "planes, expected at most its wbits", "gemm", "-A", A, "-W",
                     W, "--bits", "5")
        bad = self.write("bad.cfg", "[core]\nm = 2\nk = 99\n")
        self.refused(1, "bad.cfg:3: [core] k: found '99', expected a whole number from 1 to 8",
                     "gemm", "-A", A, "-W", W, "--bits", "2", "--config", bad)
        narrow = self.write("narrow.cfg", "[core]\nacc = s16\nwbits = 8\n")
        npy(A, [[-128] * 600])
        npy(W, [[3] * 600], "|u1", "B")
        self.refused(1, "accumulator s16 holds sums up to 32767, but this product's can reach "
                     "230400", "gemm", "-A", A, "-W", W, "--bits", "2", "--config", narrow)


class Models(Base):
    def test_layer(self):
        out = json.loads(self.ok("compile", LLAMA, "--layer", "blk.0.attn_q.weight", "--rows", "3",
                                 "-o", self.path("layer"), "--target", "sim"))
        self.assertTrue(out["equal"])
        self.assertEqual(out["different"], 0)
        self.assertEqual(out["cycles"], out["predicted_cycles"])
        files = set(os.listdir(self.path("layer")))
        self.assertEqual(files, {"program.lmma", "program.s", "design.cfg", "memory.bin", "A.npy",
                                 "W.npy", "activations.npy", "weights.npy", "sums.npy",
                                 "outputs.npy", "expected.npy"})
        design = self.path("layer/design.cfg")
        self.ok("check", self.path("layer/program.lmma"), "--config", design)
        self.ok("check", self.path("layer/program.s"), "--config", design)
        self.assertEqual(self.ok("disasm", self.path("layer/program.lmma")),
                         self.read("layer", "program.s"))
        self.ok("asm", self.path("layer/program.s"), "-o", self.path("again.lmma"))
        with open(self.path("again.lmma"), "rb") as a, \
                open(self.path("layer/program.lmma"), "rb") as b:
            self.assertEqual(a.read(), b.read())
        self.refused(1, "no tensor 'blk.9.x'", "compile", LLAMA, "--layer", "blk.9.x")
        self.refused(1, "No such file", "compile", "no/such.gguf", "--layer", "x")

    def test_layers_and_simulation(self):
        for source, rows in ((LLAMA, 12), ("opt-175b", 12), ("BitNet-3B", 13)):
            text = self.ok("layers", source, "--prompt", "64", "--batch", "2")
            table = list(csv.DictReader(text.splitlines()))
            self.assertGreaterEqual(len(table), rows)
            self.assertTrue(any(r["kind"] == "mpgemm" and r["m"] == "128" for r in table), text)
            self.ok("layers", source, "--prompt", "64", "--batch", "2", "-o", self.path("l.csv"))
            self.assertEqual(self.read("l.csv"), text)
            decode = self.ok("layers", source, "--prompt", "64", "--batch", "2", "--decode")
            self.assertTrue(any(r["kind"] == "mpgemm" and r["m"] == "2"
                                for r in csv.DictReader(decode.splitlines())))
        totals = {}
        for machine in ("a100", "a100-lut-4x"):
            for detail in ([], ["--detail"]):
                name = machine + "".join(detail)
                self.ok("sim", "-c", os.path.join(CONFIGS, machine + ".cfg"), "-t",
                        self.path("l.csv"), "-o", self.path(name), *detail)
                s = json.loads(self.read(name, "summary.json"))
                self.assertGreaterEqual(s["cycles"], s["closed_form_cycles"])
                self.assertEqual(s["simulator"], "cycle" if detail else "tile")
                self.assertEqual(s["precompute"], "fused" if "lut" in machine else "none")
                totals[name] = s["cycles"]
                rows = list(csv.DictReader(self.read(name, "layers.csv").splitlines()))
                self.assertGreaterEqual(len(rows), 13)
                for r in rows:
                    self.assertEqual(int(r["compute_cycles"]) + int(r["stall_cycles"]),
                                     int(r["cycles"]), r["name"])
        self.assertLess(totals["a100-lut-4x"], totals["a100"])
        self.refused(1, "opt-175c", "layers", "opt-175c")
        self.refused(1, "expected 1 to 8 or 16", "layers", "opt-175b", "--wbits", "12")
        with open(os.path.join(CONFIGS, "a100.cfg"), encoding="utf-8") as f:
            text = "".join(line for line in f if not line.startswith("dram_gbs"))
        self.refused(1, "slow.cfg: [machine] dram_gbs: found none, expected a number from 0.001",
                     "sim", "-c", self.write("slow.cfg", text), "-t", self.path("l.csv"), "-o",
                     self.path("x"))
        bad = self.write("bad.csv", "name,m,n\nx,1,1\n")
        self.refused(1, "bad.csv", "sim", "-c", os.path.join(CONFIGS, "a100.cfg"), "-t", bad, "-o",
                     self.path("x"))

    def test_verilog_text(self):
        tiny = os.path.join(CONFIGS, "lut-m2n4k4-s8.cfg")
        self.ok("rtl", "--config", tiny, "-o", self.path("a"))
        self.ok("rtl", "--config", tiny, "-o", self.path("b"))
        files = sorted(os.listdir(self.path("a")))
        self.assertIn("lut_m2n4k4_s8_core.v", files)
        self.assertIn("lut_m2n4k4_s8_tb.v", files)
        for name in files:
            self.assertEqual(self.read("a", name), self.read("b", name), name)

    def test_programs(self):
        text = self.write("p.s", "mov x1, 64\nlda a0, [x1 + 0]\nwait mem\nhalt\n")
        self.ok("asm", text, "-o", self.path("p.lmma"))
        self.ok("check", self.path("p.lmma"))
        bad = self.write("bad.s", "mov x1, 64\nlda a99, [x1 + 0]\nhalt\n")
        self.refused(1, "bad.s:2:", "asm", bad, "-o", self.path("bad.lmma"))
        self.assertFalse(os.path.exists(self.path("bad.lmma")))
        hazard = self.write("hazard.s", "lda a0, [x0 + 0]\npre t0, a0\nhalt\n")
        self.refused(1, "hazard.s", "check", hazard)
        self.refused(1, "p.s", "disasm", text)


if __name__ == "__main__":
    unittest.main()
