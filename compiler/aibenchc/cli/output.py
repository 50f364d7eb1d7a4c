"""Output of the verbs: diagnostics as text or JSON, and failures of the environment."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TextIO

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


def complain_last(text: str, colour: str) -> None:
    """A line on stderr, below all that was said on stdout. colour: as of say(), where the stream has colours."""
    sys.stdout.flush()
    if in_colour(sys.stderr):
        to_stderr(f"{colour}{visible(text)}{PLAIN}\n")
    else:
        tell(text)


def in_colour(stream: TextIO) -> bool:
    """NO_COLOR and FORCE_COLOR decide if they are set and not empty; else whether the stream is a terminal that is not dumb."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and os.environ.get("TERM") != "dumb")


def show(diagnostics: Diagnostics) -> None:
    """Shows diagnostics as text on stderr, with a count below."""
    problems = diagnostics.all
    if not problems:
        return
    to_stderr(render_text(diagnostics, in_colour(sys.stderr)))
    counts = [(severity, sum(d.code.severity is severity for d in problems)) for severity in Severity]
    complain("\n" + ", ".join(f"{count} {severity.value}{'s' if count > 1 else ''}" for severity, count in counts if count))
