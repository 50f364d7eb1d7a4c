"""ablate: what each AI component contributes to the answers, in one process and without any load."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from aibenchc.cli.compiling import add_trained_spec_arguments, compile_to_folder
from aibenchc.cli.output import complain, say, show
from aibenchc.cli.terminal import needs_runtime, print_table, progress_bars
from aibenchc.diagnostics import Diagnostics

if TYPE_CHECKING:
    from aibenchrt.experiments.ablation.contribution import Contributions


def add_arguments(verb: str, parser: argparse.ArgumentParser) -> None:  # noqa: ARG001  the module's only verb
    add_trained_spec_arguments(parser)
    parser.add_argument("--requests", type=_count, metavar="N", help="at most N test requests of each class; all if not given")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything as JSON")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"write a number of requests, not {text!r}")
    return int(text)


def run(verb: str, arguments: argparse.Namespace) -> int:
    needs_runtime(verb)
    diagnostics = Diagnostics()
    generated = compile_to_folder(arguments, diagnostics)
    show(diagnostics)
    if generated is None:
        return 1
    from aibenchrt.experiments.ablation.contribution import table
    from aibenchrt.experiments.ablation.run import AblateOptions, ablate
    from aibenchrt.plan import read_plan
    from aibenchrt.report.writing import write_json

    with progress_bars() as progress:
        options = AblateOptions(form=arguments.data, size=arguments.size, requests=arguments.requests, progress=progress)
        found = ablate(read_plan(generated / "plan.json"), options)
    shown = table(found)
    print_table(shown.title, shown.columns, shown.rows, shown.numeric)
    _say_rest(found)
    if arguments.json is not None:
        write_json(arguments.json, found)
        complain(f"wrote {arguments.json}")
    return 0


def _say_rest(found: Contributions) -> None:
    say(f"{found.data} data, {found.size} models; {found.protocol}")
    for group, count in found.requests.items():
        say(f"{group}: {count} requests" + (f" of {found.users[group]} users" if group in found.users else ""))
    if not found.not_better:
        say("Every component is better than its baseline, by every metric on every class that uses it.")
    for row in found.not_better:
        what = "its baseline wins" if row.verdict == "baseline wins" else "not told from its baseline"
        say(f"{row.task}: {what} by {row.metric} on {row.request_class}")
