"""Output of the verbs: diagnostics as text or JSON, and failures of the environment."""

from __future__ import annotations

import argparse
import json
import os
import sys

from aibenchrt.shown import tell, to_stderr, visible, visible_json

from aibenchc.diagnostics import Diagnostics, Severity, render_text

PLAIN = "\x1b[0m"


def say(text: str, colour: str = "") -> None:
    """A line on stdout. colour: the terminal's escape for the whole of it."""
    sys.stdout.write(f"{colour}{visible(text)}{PLAIN if colour else ''}\n")


def say_json(document: object, indent: int = 1) -> None:
    sys.stdout.write(visible_json(json.dumps(document, indent=indent, ensure_ascii=False)) + "\n")


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON on stdout instead of text")


def complain(text: str) -> None:
    """A line on stderr."""
    tell(text)


def in_colour() -> bool:
    return sys.stderr.isatty() and "NO_COLOR" not in os.environ


def show(diagnostics: Diagnostics) -> None:
    """Shows diagnostics as text on stderr, with a count below."""
    problems = diagnostics.all
    if not problems:
        return
    to_stderr(render_text(diagnostics, in_colour()))
    counts = [(severity, sum(d.code.severity is severity for d in problems)) for severity in Severity]
    complain("\n" + ", ".join(f"{count} {severity.value}{'s' if count > 1 else ''}" for severity, count in counts if count))
