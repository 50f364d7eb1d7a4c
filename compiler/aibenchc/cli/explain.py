"""explain: what a diagnostic code means, and how to fix it."""

from __future__ import annotations

import argparse
import re

from aibenchrt.exit_codes import ExitCode

from aibenchc.cli.output import complain, say
from aibenchc.diagnostics import CODES, did_you_mean

_FIELD = re.compile(r"(?<!\{)\{(\w+)\}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("code", metavar="CODE", help="a code, such as AIB211")


def run(arguments: argparse.Namespace) -> int:
    id_ = arguments.code.upper()
    code = CODES.get(id_)
    if code is None:
        complain(f"aibenchc: unknown diagnostic code {arguments.code!r}: {did_you_mean(id_, CODES)}")
        return ExitCode.AUTHOR
    say(f"{code.id} ({code.severity.value}): {_template(code.message)}\n\n{code.explanation}")
    if code.hint and not _FIELD.fullmatch(code.hint):
        say(f"\nWay out: {_template(code.hint)}")
    return ExitCode.OK


def _template(text: str) -> str:
    """A message with its fields as <field>."""
    return _FIELD.sub(r"<\1>", text).replace("{{", "{").replace("}}", "}")
