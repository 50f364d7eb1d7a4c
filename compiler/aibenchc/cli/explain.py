"""explain: what a code means, of a diagnostic or of a reason why a run is INVALID, and how to fix it."""

from __future__ import annotations

import argparse
import re

from aibenchrt.exit_codes import ExitCode

from aibenchc.cli.output import add_json_argument, complain, say, say_json
from aibenchc.diagnostics import CODES, did_you_mean

_FIELD = re.compile(r"(?<!\{)\{(\w+)\}")
_VALIDITY = re.compile(r"V\d\d")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("code", metavar="CODE", help="a code, such as AIB211, or V08 of an INVALID run")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    id_ = arguments.code.upper()
    told = _validity(id_) if _VALIDITY.fullmatch(id_) else _diagnostic(id_)
    if told is None:
        complain(f"aibenchc: unknown code {arguments.code!r}: {_hint(id_)}")
        return ExitCode.AUTHOR
    if arguments.json:
        say_json(told)
        return ExitCode.OK
    say(f"{told['code']} ({told['severity']}): {told['message']}\n\n{told['explanation']}")
    if told["help"]:
        say(f"\nWay out: {told['help']}")
    return ExitCode.OK


def _diagnostic(id_: str) -> dict[str, str] | None:
    code = CODES.get(id_)
    if code is None:
        return None
    hint = "" if _FIELD.fullmatch(code.hint) else _template(code.hint)
    return _told(code.id, code.severity.value, _template(code.message), code.explanation, hint)


def _validity(id_: str) -> dict[str, str] | None:
    from aibenchrt.report.validity import REASONS, VIOLATIONS, explained

    reason = REASONS.get(id_) or VIOLATIONS.get(id_)
    means = "the run is INVALID" if id_ in REASONS else "the run FAILs"
    return None if reason is None else _told(id_, means, reason.name, explained(id_), reason.hint)


def _told(code: str, severity: str, message: str, explanation: str, hint: str) -> dict[str, str]:
    return {"code": code, "severity": severity, "message": message, "explanation": explanation, "help": hint}


def _hint(id_: str) -> str:
    from aibenchrt.report.validity import REASONS, VIOLATIONS

    return did_you_mean(id_, REASONS | VIOLATIONS) if id_.startswith("V") else did_you_mean(id_, CODES)


def _template(text: str) -> str:
    """A message with its fields as <field>."""
    return _FIELD.sub(r"<\1>", text).replace("{{", "{").replace("}}", "}")
