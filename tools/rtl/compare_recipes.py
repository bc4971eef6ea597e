#!/usr/bin/env python3
"""Compare synthesis recipes and versions of Yosys on small modules.

Writes recipes.csv (docs/lutcore-study.md): for each module of recipe_units.v, each recipe and each
tool, cells, area and the longest path by OpenSTA. The arithmetic maps are those of
src/rtl/synth_maps.c. Tools: yosys on PATH, and pyosys if this Python can import it.

    compare_recipes.py --liberty osu018_stdcells.lib -o share/lutcore/recipes.csv
"""
import argparse
import csv
import importlib.metadata
import importlib.util
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = ["mac8", "dot8", "mul11", "lut_pe", "mux8", "fp_add"]
CLOCK_PS = 40000

START = """read_verilog units.v
hierarchy -check -top {top}
proc
flatten
opt_expr
opt_clean
opt -nodffe -nosdff
wreduce
peepopt
opt_clean
"""
GATES = """alumacc
opt
opt -fast -full
techmap
opt -fast
opt_clean
"""
ADDERS = """techmap -autoproc -map multiply.v
opt_expr
opt_clean
wreduce
techmap -map compare.v
alumacc
opt
opt -fast -full
maccmap
techmap -map adder.v
opt -fast
techmap
opt -fast
opt_clean
extract_fa -d 3 -b 3 -fa
opt_clean
techmap -map adder.v
techmap
opt -fast
"""
DELAY = "strash;&get,-n;&fraig,-x;&put;scorr;dc2;strash;&get,-n;&dch,-f;&nf,{D};&put;topo;"
AREA = "strash;ifraig;scorr;dc2;dc2;dc2;dch,-f;amap,-m;topo;"
SIZE = "buffer,-c;topo;upsize,{D};dnsize,{D}"

RECIPES = {
    "default": (GATES, DELAY),
    "default, abc for area": (GATES, AREA),
    "booth": ("booth\n" + GATES, DELAY),
    "booth, abc for area": ("booth\n" + GATES, AREA),
    "full adders, abc for delay": (ADDERS, DELAY),
    "full adders, abc for area": (ADDERS, AREA),
}
ADDER = """module _nap_one_adder (input a, b, c, output co, s);
  FAX1 fa (.A(a), .B(b), .C(c), .YC(co), .YS(s));
endmodule
"""
PYOSYS = """import sys
from pyosys import libyosys as ys
d = ys.Design()
for line in open(sys.argv[1]):
    if line.strip():
        ys.run_pass(line.strip(), d)
"""


def maps():
    """The C strings of synth_maps.c, by name."""
    text = open(os.path.join(HERE, "..", "..", "src", "rtl", "synth_maps.c")).read()
    found = {}
    for name, body in re.findall(r"const char nap_map_(\w+)\[\] =\n(.*?);\n(?:\n|$)", text, re.S):
        parts = re.findall(r'"((?:[^"\\]|\\.)*)"', body)
        found[name] = "".join(parts).encode().decode("unicode_escape")
    return found


def tools(yosys):
    version = subprocess.run([yosys, "-V"], capture_output=True, text=True).stdout.split(" (")[0]
    yield version, [yosys, "-q", "-s"]
    if importlib.util.find_spec("pyosys"):
        version = "Yosys " + importlib.metadata.version("pyosys")
        yield version + " (pyosys)", [sys.executable, "-c", PYOSYS]


def delay_ns(folder, top, liberty, sta):
    clocked = "clk_i" in open(os.path.join(folder, "net.v")).read()
    port = "[get_ports clk_i]" if clocked else ""
    script = f"""read_liberty {liberty}
read_verilog net.v
link_design {top}
create_clock -name clk -period {CLOCK_PS / 1000} {port}
foreach p [all_inputs] {{
  if {{[get_property $p full_name] != "clk_i"}} {{ set_input_delay 0 -clock clk $p }}
}}
set_output_delay 0 -clock clk [all_outputs]
puts "slack [sta::worst_slack]"
"""
    open(os.path.join(folder, "time.tcl"), "w").write(script)
    out = subprocess.run([sta, "-exit", "time.tcl"], cwd=folder, capture_output=True, text=True)
    found = re.search(r"^slack (\S+)", out.stdout, re.M)
    return CLOCK_PS / 1000 - float(found.group(1)) if found else float("nan")


def run(folder, tool, top, recipe, liberty):
    middle, script = RECIPES[recipe]
    text = START.format(top=top) + middle
    text += f"dfflibmap -liberty {liberty}\nopt_clean\n"
    text += f"abc -liberty {liberty} -D {CLOCK_PS} -constr drive.txt -script +{script}{SIZE}\n"
    text += "opt_clean -purge\nsetundef -zero\nsplitnets -ports -format __\n"
    text += "rename -hide */w:* */c:*\nopt_clean -purge\n"
    text += f"tee -o area.txt stat -liberty {liberty}\nwrite_verilog -noattr net.v\n"
    open(os.path.join(folder, "map.ys"), "w").write(text)
    done = subprocess.run(tool + ["map.ys"], cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        return None
    report = open(os.path.join(folder, "area.txt")).read()
    area = float(re.findall(r"Chip area for module .*?: ([\d.]+)", report)[-1])
    cells = re.search(r"Number of cells:\s+(\d+)|^\s*(\d+)\s+\S+\s+cells", report, re.M)
    return int(cells.group(1) or cells.group(2)), area


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("--liberty", required=True, help="OSU 180 nm (osu018_stdcells.lib)")
    p.add_argument("--yosys", default="yosys")
    p.add_argument("--sta", default="sta")
    p.add_argument("-o", "--output", required=True)
    args = p.parse_args()
    liberty = os.path.abspath(args.liberty)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        units = open(os.path.join(HERE, "recipe_units.v")).read()
        found = maps()
        for name, text in [("units.v", units), ("multiply.v", found["multiply"]),
                           ("compare.v", found["compare"]),
                           ("adder.v", found["full_adder"] + ADDER),
                           ("drive.txt", "set_driving_cell BUFX2\nset_load 25\n")]:
            open(os.path.join(folder, name), "w").write(text)
        for version, tool in tools(args.yosys):
            for top in MODULES:
                for recipe in RECIPES:
                    got = run(folder, tool, top, recipe, liberty)
                    if got is None:  # Yosys 0.23 has no booth
                        continue
                    delay = delay_ns(folder, top, liberty, args.sta)
                    rows.append([top, recipe, version, "osu018", got[0], f"{got[1]:.0f}",
                                 f"{delay:.3f}"])
    with open(args.output, "w", newline="") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(["module", "recipe", "tools", "library", "cells", "area", "delay_ns"])
        w.writerows(rows)


if __name__ == "__main__":
    main()
