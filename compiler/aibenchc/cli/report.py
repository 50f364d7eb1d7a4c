"""report: tables and pictures of a run."""

from __future__ import annotations

import argparse
from pathlib import Path

from aibenchrt.exit_codes import ExitCode

from aibenchc.cli.output import add_json_argument, complain
from aibenchc.cli.terminal import needs
from aibenchc.cli.verdict import FULL, SUMMARY, add_reference_argument, say_last, show_json, show_report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help="a run directory")
    add_reference_argument(parser)
    add_json_argument(parser)
    parser.add_argument("--full", action="store_true", help="show all tables, not only the most important; report.html has all")
    parser.add_argument(
        "--measurements", type=Path, metavar="FILE", help="also write the measured service times, for `compile --measurements FILE`"
    )


def run(arguments: argparse.Namespace) -> int:
    needs("report", "report")
    from aibenchrt.report import write_measurements

    verdict = None if arguments.json else show_report(arguments, FULL if arguments.full else SUMMARY)
    if verdict is None:
        show_json(arguments, True)
    if arguments.measurements is not None:
        service_times = write_measurements(arguments.measurements, arguments.run)
        complain(f"wrote {arguments.measurements}: mean service times of {len(service_times.values)} tasks")
        for reason in service_times.left_out:
            complain(f"  not in it: {reason}")
    if verdict is not None:
        say_last(verdict, ExitCode.OK, f"open {arguments.run / 'report.html'}")
    return ExitCode.OK
