#!/usr/bin/env python3
"""draw_session.py [OUT.svg COMMAND...]: runs shell commands on a terminal of 126 columns and draws
what was really printed as a picture. A command may end in '<<<TEXT': the lines of TEXT (separated by
|) are then typed, each after the program's prompt '> ' has appeared. Without arguments it draws
docs/session.svg from SESSION below. Run it in the tree's root, on a machine that does nothing else.
Only the standard library is used."""
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import fcntl
import time
from xml.sax.saxutils import escape

COLUMNS, SIZE, LINE = 126, 13, 18
STYLES = {"1": "font-weight:bold", "2": "fill:#8b949e", "1;31": "fill:#ff7b72;font-weight:bold"}


SESSION = ["docs/session.svg",
           "napier chat smollm2-135m -t 1 --temp 0 --repeat-penalty 1.1 -n 100"
           "<<<Why is the sky blue?|And why is the sea?|/quit",
           "napier bench smollm2-135m -p 128 -n 32 -t 1"]


def run(command, typed):
    """Everything the command wrote to its terminal, as text."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    env = dict(os.environ, TERM="xterm", NAPIER_HISTORY="off")
    p = subprocess.Popen(["bash", "-c", command], stdin=slave, stdout=slave, stderr=slave, env=env,
                         start_new_session=True)
    os.close(slave)
    out, fresh = b"", b""
    while True:
        if select.select([master], [], [], 0.2)[0]:
            try:
                data = os.read(master, 65536)
            except OSError:
                data = b""
            if not data:
                break
            out += data
            fresh += data
        elif p.poll() is not None:
            break
        if typed and re.search(rb"> (\x1b\[[0-9;?]*[a-zA-Z])*$", fresh):
            time.sleep(0.1)
            os.write(master, (typed.pop(0) + "\r").encode())
            fresh = b""
    p.wait()
    os.close(master)
    return out.decode(errors="replace")


def screen(text):
    """Lines of (style, text) runs, after carriage returns and the few escapes the program uses."""
    lines, row, column, style = [[]], [], 0, ""
    for token in re.findall(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b.|[^\x1b]", text, re.S):
        if token.startswith("\x1b["):
            if token.endswith("m"):
                style = STYLES.get(token[2:-1], "")
            elif token.endswith("K"):
                del row[column:]
            elif token.endswith("D"):
                column = max(0, column - int(token[2:-1] or 1))
        elif token == "\n":
            lines[-1] = row
            lines.append([])
            row, column = [], 0
        elif token == "\r":
            column = 0
        elif token == "\b":
            column = max(0, column - 1)
        elif token >= " ":
            if column == COLUMNS:
                lines[-1] = row
                lines.append([])
                row, column = [], 0
            row[column:column + 1] = [(style, token)]
            column += 1
    lines[-1] = row
    while lines and not lines[-1]:
        lines.pop()
    return lines


def draw(lines, path):
    width, height = COLUMNS * 7.85 + 32, len(lines) * LINE + 32
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" '
           f'font-family="ui-monospace,Menlo,Consolas,DejaVu Sans Mono,monospace" '
           f'font-size="{SIZE}" fill="#e6edf3">',
           f'<rect width="100%" height="100%" rx="8" fill="#0d1117"/>']
    for i, line in enumerate(lines):
        runs = []
        for style, c in line:
            if runs and runs[-1][0] == style:
                runs[-1][1] += c
            else:
                runs.append([style, c])
        spans = "".join(f'<tspan style="{s}">{escape(t)}</tspan>' if s else escape(t)
                        for s, t in runs)
        out.append(f'<text x="16" y="{16 + SIZE + i * LINE}" xml:space="preserve">{spans}</text>')
    out.append("</svg>")
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(out) + "\n")


def main():
    arguments = sys.argv[1:] or SESSION
    if len(arguments) < 2:
        sys.exit(__doc__)
    lines = []
    for argument in arguments[1:]:
        command, _, typed = argument.partition("<<<")
        command = command.strip()
        lines.append([("fill:#7ee787", "$"), ("", " ")] + [("font-weight:bold", c) for c in command])
        shown = screen(run("PATH=$PWD/build:$PATH; " + command,
                           [t for t in typed.split("|") if t]))
        lines += shown + [[]]
    draw(lines[:-1], arguments[0])


if __name__ == "__main__":
    main()
