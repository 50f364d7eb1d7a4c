"""reference: the figures of runs as a reference block, for the spec or for `validate --reference`."""

from __future__ import annotations

import argparse
from pathlib import Path

from aibenchrt.exit_codes import ExitCode

from aibenchc.cli.output import complain, say
from aibenchc.cli.terminal import needs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="run directories of separate deployments")
    parser.add_argument("--title", help="the title of the reference")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write it for `validate --reference FILE`")


def run(arguments: argparse.Namespace) -> int:
    needs("report", "reference")
    from aibenchrt.report import record_reference, reference_block, write_reference

    reference = record_reference(arguments.runs, arguments.title)
    say(reference_block(reference).removesuffix("\n"))
    if arguments.json is not None:
        write_reference(arguments.json, reference)
        complain(f"wrote {arguments.json}")
    return ExitCode.OK
