"""ablate: what each AI component contributes to the quality of the answers, in one process and without load."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from aibenchrt.exit_codes import ExitCode

from aibenchc.cli.compiled import compile_and_show
from aibenchc.cli.output import complain, say
from aibenchc.cli.tables import print_table
from aibenchc.cli.terminal import needs, progress_bars
from aibenchc.cli.trained import add_trained_spec_arguments

if TYPE_CHECKING:
    from aibenchrt.experiments.ablation.contribution import Contributions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_trained_spec_arguments(parser)
    parser.add_argument("--requests", type=_count, metavar="N", help="at most N test requests of each class (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything as JSON")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"write a number of requests, not {text!r}")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    needs("run", "ablate")
    generated = compile_and_show(arguments)
    if generated is None:
        return ExitCode.AUTHOR
    from aibenchrt.experiments.ablation.contribution import table
    from aibenchrt.experiments.ablation.variants import AblateOptions, ablate
    from aibenchrt.libraries import open_plan
    from aibenchrt.report.writing import write_json

    with progress_bars() as progress:
        options = AblateOptions(variant=arguments.data, size=arguments.size, requests=arguments.requests, progress=progress)
        contributions = ablate(open_plan(generated / "plan.json"), options)
    shown = table(contributions)
    print_table(shown.title, shown.columns, shown.rows, shown.numeric)
    _say_rest(contributions)
    if arguments.json is not None:
        write_json(arguments.json, contributions)
        complain(f"wrote {arguments.json}")
    return ExitCode.OK


def _say_rest(contributions: Contributions) -> None:
    say(f"{contributions.data} data, {contributions.size} models; {contributions.protocol}")
    for group, count in contributions.requests.items():
        say(f"{group}: {count} requests" + (f" of {contributions.users[group]} users" if group in contributions.users else ""))
    if not contributions.not_better:
        say("Every component is better than its baseline, by every metric on every class that uses it.")
    for row in contributions.not_better:
        what = "its baseline wins" if row.verdict == "baseline wins" else "not told from its baseline"
        say(f"{row.task}: {what} by {row.metric} on {row.request_class}")
