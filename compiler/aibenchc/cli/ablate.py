"""ablate: what each AI component contributes to the answers, in one process and without any load."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from aibenchrt.exit_codes import ExitCode

from aibenchc.cli.compiled import compile_and_show
from aibenchc.cli.output import complain, say
from aibenchc.cli.terminal import needs_runtime, print_table, progress_bars
from aibenchc.cli.trained import add_trained_spec_arguments

if TYPE_CHECKING:
    from aibenchrt.experiments.ablation.contribution import Contributions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_trained_spec_arguments(parser)
    parser.add_argument("--requests", type=_count, metavar="N", help="at most N test requests of each class; all if not given")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything as JSON")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"write a number of requests, not {text!r}")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    needs_runtime("ablate")
    generated = compile_and_show(arguments)
    if generated is None:
        return ExitCode.AUTHOR
    from aibenchrt.experiments.ablation.contribution import table
    from aibenchrt.experiments.ablation.run import AblateOptions, ablate
    from aibenchrt.plan import read_plan
    from aibenchrt.report.writing import write_json

    with progress_bars() as progress:
        options = AblateOptions(variant=arguments.data, size=arguments.size, requests=arguments.requests, progress=progress)
        found = ablate(read_plan(generated / "plan.json"), options)
    shown = table(found)
    print_table(shown.title, shown.columns, shown.rows, shown.numeric)
    _say_rest(found)
    if arguments.json is not None:
        write_json(arguments.json, found)
        complain(f"wrote {arguments.json}")
    return ExitCode.OK


def _say_rest(found: Contributions) -> None:
    say(f"{found.data} data, {found.size} models; {found.protocol}")
    for group, count in found.requests.items():
        say(f"{group}: {count} requests" + (f" of {found.users[group]} users" if group in found.users else ""))
    if not found.not_better:
        say("Every component is better than its baseline, by every metric on every class that uses it.")
    for row in found.not_better:
        what = "its baseline wins" if row.verdict == "baseline wins" else "not told from its baseline"
        say(f"{row.task}: {what} by {row.metric} on {row.request_class}")
