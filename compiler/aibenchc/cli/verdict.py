"""A run's verdict and report on the terminal."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from aibenchc.cli.output import say
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


def say_verdict(verdict: Verdict) -> None:
    say("VALID" if verdict.valid else "INVALID")
    for reason in verdict.reasons:
        say(f"  {reason.code} {reason.name}: {reason.observed}, limit {reason.limit}; {reason.hint}")
