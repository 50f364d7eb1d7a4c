"""A run's verdict and report on the terminal."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from aibenchc.cli.output import say, say_json
from aibenchc.cli.terminal import print_table

if TYPE_CHECKING:
    from aibenchrt.report.model import Verdict


def add_reference_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--reference", action="append", default=[], type=Path, metavar="FILE", help="a reference that `aibenchc reference --json` wrote"
    )


def show_report(arguments: argparse.Namespace) -> Verdict:
    """Writes the report, shows the verdict, then its tables."""
    from aibenchrt.report import report
    from aibenchrt.report.tables import tables

    made = report(arguments.run, arguments.reference)
    say_verdict(made.verdict)
    for table in tables(made):
        print_table(table.title, table.columns, table.rows, table.numeric)
    say(str(arguments.run / "report.html"))
    return made.verdict


def show_json(arguments: argparse.Namespace, whole: bool) -> int:
    """Writes what the verb writes, and prints it: verdict.json, or the whole report.json. Returns the verdict's exit code."""
    from aibenchrt.report import report, validate

    if whole:
        made = report(arguments.run, arguments.reference)
        say_json(made.model_dump(mode="json"))
        return made.verdict.exit_code
    verdict = validate(arguments.run, arguments.reference)
    say_json(verdict.model_dump(mode="json"))
    return verdict.exit_code


def say_verdict(verdict: Verdict) -> None:
    say("VALID" if verdict.valid else "INVALID")
    for reason in verdict.reasons:
        say(f"  {reason.code} {reason.name}: {reason.observed}, limit {reason.limit}; {reason.hint}")
