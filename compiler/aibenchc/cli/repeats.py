"""run --repeats: several deployments of one system, or of two in turn, and how much they differ."""

from __future__ import annotations

import argparse
import copy
import shlex
from collections.abc import Callable
from pathlib import Path

from aibenchrt.errors import EnvironmentFailure
from aibenchrt.exit_codes import ExitCode

from aibenchc.cli.compare import say_pairs, show
from aibenchc.cli.output import complain, say
from aibenchc.cli.tables import print_table
from aibenchc.cli.terminal import needs
from aibenchc.cli.verbs import BY_NAME
from aibenchc.cli.verdict import root_text

_OF_ONE_RUN = ("resume", "prepare_only")


def run(arguments: argparse.Namespace, run_once: Callable[[argparse.Namespace], Path | None]) -> int:
    """Each run directory on stdout, `--` between those of two systems, as `aibenchc compare` takes them, then the tables. What has been
    measured stays, whatever ends the rest. run_once: makes one run directory; None after an error of the spec was shown."""
    needs("report", "run --repeats")
    from aibenchrt.collect.hashes import binding

    for option in _OF_ONE_RUN:
        if getattr(arguments, option):
            raise EnvironmentFailure("AIB741", option=option.replace("_", "-"))
    systems = [arguments, *([against(arguments)] if arguments.against is not None else [])]
    groups: list[list[Path]] = [[] for _ in systems]
    turns = in_turn(len(systems), arguments.repeats)
    try:
        for number, system in enumerate(turns, 1):
            complain(f"deployment {number} of {len(turns)}" + (f", of {'AB'[system]}" if len(systems) > 1 else ""))
            directory = run_once(copy.copy(systems[system]))
            if directory is None:
                return ExitCode.AUTHOR
            groups[system].append(directory)
            complain(f"{directory}: {root_text(binding(directory).root)}")
    finally:
        for index, group in enumerate(groups):
            for line in (["--"] if index else []) + [str(directory) for directory in group]:
                say(line)
    show_groups(groups)
    return ExitCode.OK


def in_turn(systems: int, repeats: int) -> list[int]:
    """Which system comes next: A B B A A B B A …, so that what drifts slowly with time falls on both alike."""
    if systems == 1:
        return [0] * repeats
    return [turn for pair in range(repeats) for turn in ((0, 1) if pair % 2 == 0 else (1, 0))]


def against(arguments: argparse.Namespace) -> argparse.Namespace:
    """The same command with the words of --against over it. SystemExit: they cannot be understood; EnvironmentFailure AIB764: they
    name several specs."""
    parser = BY_NAME["run"].parser()
    (specs,) = (action for action in parser._actions if action.dest == "specs")  # argparse has no other way to make it optional
    specs.nargs, specs.required, specs.default = "*", False, arguments.specs
    try:
        words = shlex.split(arguments.against)
    except ValueError as error:
        parser.error(f"argument --against: {error}")
    other = parser.parse_args(words, copy.copy(arguments))
    if len(other.specs) > 1:
        raise EnvironmentFailure("AIB764", option="against")
    return other


def show_groups(groups: list[list[Path]]) -> None:
    """Two systems are compared; of one it is shown how much its deployments differ."""
    from aibenchrt.report.compare.make import compare, group_of
    from aibenchrt.report.compare.tables import group_table

    if len(groups) > 1:
        comparison = compare(groups)
        show(comparison, ())
        say_pairs(comparison)
        complain("next: aibenchc compare RUN… -- RUN… --gate")
        return
    group = group_of("A", groups[0])
    table = group_table([group])
    print_table(table.title, table.columns, table.rows, table.numeric)
    for invalid in group.invalid:
        complain(f"INVALID: {invalid}")
    complain("next: aibenchc reference RUN…, or aibenchc compare RUN… -- RUN…")
