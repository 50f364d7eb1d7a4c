"""audit: a measured run, and a fresh deployment that is asked again: hidden caches, and answers that are others under load."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from aibenchrt.exit_codes import ExitCode

from aibenchc.cli.compiled import compile_and_show
from aibenchc.cli.folders import RUNS
from aibenchc.cli.output import add_json_argument, complain, say, say_json
from aibenchc.cli.run_options import add_load_arguments, run_options
from aibenchc.cli.tables import print_table
from aibenchc.cli.terminal import needs, progress_bars
from aibenchc.cli.trained import add_trained_spec_arguments
from aibenchc.model import LoadChange

if TYPE_CHECKING:
    from aibenchrt.report.audit import Audit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_trained_spec_arguments(parser)
    add_load_arguments(parser.add_argument_group("the load, instead of the spec's"))
    own = parser.add_argument_group("this audit")
    own.add_argument("--runs", type=Path, default=RUNS, metavar="FOLDER", help="folder for the run directories (runs)")
    own.add_argument("--exact", action="store_true", help="the system claims equal answers each time: every other one is a FAIL")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    needs("run", "audit")
    generated = compile_and_show(arguments, LoadChange(arguments.rate, arguments.duration, arguments.streams))
    if generated is None:
        return ExitCode.AUTHOR
    from aibenchrt.experiments.audit.audit import audit
    from aibenchrt.report.audit import AUDIT_FILE

    with progress_bars() as progress:
        options = replace(run_options(arguments, progress), supplement=False)
        made, directory = audit(generated, arguments.runs, options, arguments.exact)
    if arguments.json:
        say_json(made.model_dump(mode="json"))
    else:
        _show(made, directory)
    complain(f"exit code {made.exit_code}; {directory / AUDIT_FILE}; the run itself: aibenchc validate {directory}")
    return made.exit_code


def _show(made: Audit, directory: Path) -> None:
    from aibenchrt.experiments.audit.tables import audit_tables

    for table in audit_tables(made):
        print_table(table.title, table.columns, table.rows, table.numeric)
    if not made.run_valid:
        say(f"the run {directory} is INVALID, whatever the audit says of it")
