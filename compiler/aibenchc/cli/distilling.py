"""The rules and measurements to distill by, as arguments."""

from __future__ import annotations

import argparse
from pathlib import Path

from aibenchrt.input_file import MIB, InputFileError, read_bytes

from aibenchc.cli.parser import Arguments
from aibenchc.diagnostics import Diagnostics
from aibenchc.distill import RULES, Measurements, MeasurementsError, Rule, UnknownRuleError, read_measurements, select
from aibenchc.source import SourceFile, Span

MOST_BYTES = 16 * MIB


def add_distilling_arguments(parser: Arguments) -> None:
    parser.add_argument("--deployment", metavar="NAME", help="the deployment to compile for (default: the spec's first)")
    parser.add_argument("--rules", metavar="R1,R3", help=f"only these distilling rules (of {', '.join(rule.id for rule in RULES)})")
    parser.add_argument("--without", metavar="R2", help="all rules but these")
    parser.add_argument("--measurements", type=Path, metavar="FILE", help="measured qualities and service times for rules 2 and 4 (JSON)")


def chosen_rules(arguments: argparse.Namespace, diagnostics: Diagnostics) -> tuple[Rule, ...]:
    try:
        return select(arguments.rules, arguments.without)
    except UnknownRuleError as error:
        diagnostics.report("AIB306", None, name=str(error), hint=f"the rules are {' '.join(rule.id for rule in RULES)}")
        return ()


def measurements(arguments: argparse.Namespace, diagnostics: Diagnostics) -> Measurements | None:
    path: Path | None = arguments.measurements
    if path is None:
        return None
    where = Span(SourceFile(str(path), ""), 0, 0)
    try:
        return read_measurements(read_bytes(path, MOST_BYTES))
    except (InputFileError, MeasurementsError) as error:
        diagnostics.report("AIB307", where, reason=str(error))
    return None
