"""Output of the verbs: diagnostics as text or JSON, and failures of the environment."""

from __future__ import annotations

import json
import os
import sys

from aibenchrt.errors import EnvironmentFailure

from aibenchc.diagnostics import Diagnostics, Severity, render_text, to_json


def say(text: str) -> None:
    sys.stdout.write(text + "\n")


def complain(text: str) -> None:
    sys.stderr.write(text + "\n")


def in_colour() -> bool:
    return sys.stderr.isatty() and "NO_COLOR" not in os.environ


def show(diagnostics: Diagnostics, as_json: bool = False) -> None:
    """Shows diagnostics: as text on stderr with a count below, or as JSON on stdout."""
    if as_json:
        say(json.dumps({"diagnostics": to_json(diagnostics), "failed": diagnostics.failed}, indent=2, ensure_ascii=False))
        return
    problems = diagnostics.all
    if not problems:
        return
    sys.stderr.write(render_text(diagnostics, in_colour()))
    counts = [(severity, sum(d.code.severity is severity for d in problems)) for severity in Severity]
    complain("\n" + ", ".join(f"{count} {severity.value}{'s' if count > 1 else ''}" for severity, count in counts if count))


def show_failure(failure: EnvironmentFailure) -> None:
    """A failure of the environment, in the form of a diagnostic without a place."""
    lines = [f"error[{failure.code}]: {failure.message}"]
    if failure.hint:
        lines.append(f"  = help: {failure.hint}")
    complain("\n".join(lines))
