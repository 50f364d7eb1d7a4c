"""reference: the figures of deployments as a reference, for `validate --reference` or as a block of the spec."""

from __future__ import annotations

import argparse
from pathlib import Path

from aibenchrt.exit_codes import ExitCode

from aibenchc.cli.numbers import percentage
from aibenchc.cli.output import complain, say
from aibenchc.cli.terminal import needs

EXAMPLES = """examples:
  aibenchc run SPEC --repeats 5                               prints five run directories
  aibenchc reference RUN RUN RUN RUN RUN --json FILE          records them
  aibenchc validate RUN… --reference FILE                     judges one run, or several deployments together

The JSON file holds the figures of each deployment, so that their noise is known; a block in a spec has values and margins alone."""


def margin(text: str) -> float:
    """More than 0 and at most 100 percent, as a fraction."""
    value = percentage(text)
    if not 0 < value <= 100:
        raise argparse.ArgumentTypeError(f"write a margin above 0% and up to 100%, not {text!r}")
    return value / 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="run directories of at least five separate deployments")
    parser.add_argument("--title", help="the title of the reference")
    parser.add_argument("--margin", type=margin, metavar="PERCENT", help="how much slower counts (10%%)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write it for `validate --reference FILE`")


def run(arguments: argparse.Namespace) -> int:
    needs("report", "reference")
    from aibenchrt.report import record_reference, reference_block, write_reference

    reference = record_reference(arguments.runs, arguments.title, arguments.margin)
    say(reference_block(reference).removesuffix("\n"))
    if arguments.json is not None:
        write_reference(arguments.json, reference)
        complain(f"wrote {arguments.json}; next: aibenchc validate RUN… --reference {arguments.json}")
    return ExitCode.OK
