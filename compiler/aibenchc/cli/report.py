"""report: tables and pictures of a run; with --list, the runs of a folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from aibenchrt.exit_codes import ExitCode

from aibenchc.cli.folders import RUNS
from aibenchc.cli.output import add_json_argument, complain, say_json
from aibenchc.cli.tables import print_table
from aibenchc.cli.terminal import needs
from aibenchc.cli.verdict import FULL, SUMMARY, add_reference_argument, add_root_argument, say_last, show_json, show_report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", nargs="?", help="a run directory")
    add_reference_argument(parser)
    add_root_argument(parser)
    add_json_argument(parser)
    parser.add_argument("--full", action="store_true", help="show all tables, not only the most important; report.html has all")
    parser.add_argument(
        "--measurements", type=Path, metavar="FILE", help="also write the measured service times, for `compile --measurements FILE`"
    )
    parser.add_argument(
        "--examples",
        action="store_true",
        help="also write examples.html: pictures that were sent, what was found in them and shown for them",
    )
    parser.add_argument(
        "--list", type=Path, nargs="?", const=RUNS, metavar="FOLDER", help="instead: list the run directories of a folder (runs)"
    )


def run(arguments: argparse.Namespace) -> int:
    needs("report", "report")
    if (arguments.run is None) == (arguments.list is None):
        complain("aibenchc report: name a run directory, or a folder of them with --list FOLDER")
        return ExitCode.ENVIRONMENT
    if arguments.list is not None:
        return show_list(arguments.list, arguments.json)
    from aibenchrt.report import write_measurements

    verdict = None if arguments.json else show_report(arguments, FULL if arguments.full else SUMMARY)
    if verdict is None:
        show_json(arguments, True)
    if arguments.measurements is not None:
        service_times = write_measurements(arguments.measurements, arguments.run)
        complain(f"wrote {arguments.measurements}: mean service times of {len(service_times.values)} tasks")
        for reason in service_times.left_out:
            complain(f"  not in it: {reason}")
    if arguments.examples:
        from aibenchrt.collect.recorded_run import read_run
        from aibenchrt.report.examples import write_examples

        complain(f"wrote {write_examples(read_run(arguments.run))}")
    if verdict is not None:
        say_last(verdict, ExitCode.OK, f"open {arguments.run / 'report.html'}")
    return ExitCode.OK


def show_list(folder: Path, as_json: bool) -> int:
    """The runs of a folder, the earliest first."""
    from aibenchrt.report.run_list import run_list, run_table

    rows = run_list(folder)
    if as_json:
        say_json([row.model_dump(mode="json") for row in rows])
        return ExitCode.OK
    table = run_table(rows)
    print_table(table.title, table.columns, table.rows, table.numeric)
    return ExitCode.OK
