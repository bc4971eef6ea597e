"""jinja2, set up the way the transformers library does for chat templates, and our interpreter.

Used by record_template_goldens.py and fuzz_template_diff.py. Needs the jinja2 package.
"""

import copy
import datetime
import json
import os
import subprocess
import warnings

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.sandbox

NOW = 1721995200  # 2024-07-26 12:00:00 UTC, the clock of tests/template/template_batch.c
MESSAGE_BYTES = 495  # what nap_error.text holds

warnings.simplefilter("ignore", SyntaxWarning)  # of the Python code that jinja2 generates

OK, REFUSED, FAILED = "ok", "refused", "failed"


class Generation(jinja2.ext.Extension):
    """{% generation %}: marks the assistant's words; renders its body."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        call = self.call_method("_body")
        return jinja2.nodes.CallBlock(call, [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def _raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def _tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(
        x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _strftime_now(format):
    return datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc).strftime(format)


def environment():
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[Generation, jinja2.ext.loopcontrols],
    )
    env.filters["tojson"] = _tojson
    env.globals["raise_exception"] = _raise_exception
    env.globals["strftime_now"] = _strftime_now
    return env


def oracle(env, template, variables):
    """(OK, text), (REFUSED, message) or (FAILED, message)."""
    try:
        # A copy: s += "x" in a filter of jinja2 changes a list in place.
        text = env.from_string(template).render(**copy.deepcopy(variables))
        text.encode()
        return OK, text
    except jinja2.exceptions.TemplateError as e:
        return (REFUSED if type(e) is jinja2.exceptions.TemplateError else FAILED), str(e)
    except Exception as e:  # noqa: BLE001 - whatever a template makes Python raise
        return FAILED, f"{type(e).__name__}: {e}"


class Ours:
    """The template_batch program, kept running."""

    NAMES = {0: OK, 10: REFUSED}

    def __init__(self, program):
        self.args = [program]
        self.start()

    def start(self):
        env = dict(os.environ, TZ="UTC")
        self.p = subprocess.Popen(
            self.args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env
        )

    def render(self, template, variables):
        t, j = template.encode(), json.dumps(variables).encode()
        self.p.stdin.write(b"%d %d\n" % (len(t), len(j)) + t + j)
        self.p.stdin.flush()
        head = self.p.stdout.readline().split()
        if len(head) != 2:
            raise RuntimeError("template_batch ended")
        status, n = int(head[0]), int(head[1])
        text = self.p.stdout.read(n).decode(errors="replace")
        self.status = status
        return self.NAMES.get(status, FAILED), text


def same(ours, theirs):
    if ours[0] != theirs[0]:
        return False
    if ours[0] == FAILED:
        return True
    if ours[0] == REFUSED:
        want = theirs[1].encode()[:MESSAGE_BYTES].decode(errors="replace")
        return ours[1] == want
    return ours[1] == theirs[1]
