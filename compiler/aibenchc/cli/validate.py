"""validate: a run judged against its references, slo and quality targets; with --spec, what a spec covers."""

from __future__ import annotations

import argparse
from pathlib import Path

from aibenchrt.exit_codes import ExitCode

from aibenchc.cli import validate_spec
from aibenchc.cli.output import add_json_argument, complain, say, say_json
from aibenchc.cli.tables import print_table
from aibenchc.cli.terminal import needs
from aibenchc.cli.verdict import (
    FULL,
    SUMMARY,
    add_reference_argument,
    add_root_argument,
    say_last,
    say_together,
    say_verdict,
    show_json,
    show_report,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "runs",
        type=Path,
        metavar="RUN",
        nargs="*",
        help="a run directory; several deployments of one system are judged together by references",
    )
    add_reference_argument(parser)
    add_root_argument(parser)
    validate_spec.add_arguments(parser)
    add_json_argument(parser)
    parser.add_argument(
        "--report",
        nargs="?",
        choices=(SUMMARY, FULL),
        const=SUMMARY,
        help="after RUN: write report.html into the run directory too, and show its most important tables, or with `full` all",
    )
    parser.add_argument(
        "--recompute",
        action="store_true",
        help="after RUN: check every file's hash, make every figure again from the records, and compare; writes nothing",
    )


def run(arguments: argparse.Namespace) -> int:
    arguments.run = arguments.runs[0] if arguments.runs else None
    if arguments.spec is not None and arguments.run is None:
        return validate_spec.run(arguments)
    if arguments.run is None or arguments.spec is not None or arguments.sign:
        complain("aibenchc validate: name a run directory, or a spec with --spec SPEC; --sign goes with --spec")
        return ExitCode.ENVIRONMENT
    if arguments.recompute and (arguments.json or arguments.report is not None):
        complain("aibenchc validate: --recompute writes and shows no report: leave --report and --json out")
        return ExitCode.ENVIRONMENT
    needs("report", "validate")
    if len(arguments.runs) > 1:
        return together(arguments)
    from aibenchrt.report import recompute, validate
    from aibenchrt.report.tables import judgement_table

    if arguments.json:
        return show_json(arguments, arguments.report is not None)
    if arguments.report is not None:
        verdict = show_report(arguments, arguments.report)
        say_last(verdict, verdict.exit_code, f"open {arguments.run / 'report.html'}")
        return verdict.exit_code
    if arguments.recompute:
        made = recompute(arguments.run, arguments.reference, arguments.root)
        say(f"{made.values:,} values of verdict.json and report.json are those that the records give")
        verdict = made.verdict
    else:
        verdict = validate(arguments.run, arguments.reference, arguments.root)
    say_verdict(verdict)
    table = judgement_table(verdict.judgements)
    if table.rows:
        print_table(table.title, table.columns, table.rows)
    say_last(verdict, verdict.exit_code, f"aibenchc report {arguments.run}")
    return verdict.exit_code


def together(arguments: argparse.Namespace) -> int:
    """Several deployments: a table of references, and last what decided."""
    from aibenchrt.errors import EnvironmentFailure
    from aibenchrt.report import validate_together
    from aibenchrt.report.tables import judgement_table

    if arguments.recompute or arguments.report is not None or arguments.root:
        raise EnvironmentFailure("AIB762", reason="--report, --recompute and --root are about one run", way_out="give one run with them")
    made = validate_together(arguments.runs, arguments.reference)
    if arguments.json:
        say_json(made.model_dump(mode="json"))
        return made.exit_code
    table = judgement_table(made.judgements)
    print_table(table.title, table.columns, table.rows)
    say_together(made)
    return made.exit_code
