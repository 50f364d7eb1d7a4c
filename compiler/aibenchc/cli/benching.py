"""bench: one kernel at a time (micro), one component alone (component); a scenario is what `run` runs."""

from __future__ import annotations

import argparse

from aibenchrt.micro.command import add_arguments as add_micro_arguments

from aibenchc.cli.component_bench import add_arguments as add_component_arguments
from aibenchc.cli.component_bench import run as component
from aibenchc.cli.output import complain, say, show
from aibenchc.cli.terminal import print_table, progress_bars
from aibenchc.diagnostics import Diagnostics, did_you_mean

MICRO, COMPONENT = "micro", "component"


def add_arguments(verb: str, parser: argparse.ArgumentParser) -> None:  # noqa: ARG001
    levels = parser.add_subparsers(dest="level", metavar="LEVEL", required=True)
    says = "AIBench's kernels, forward and backward, against this machine's measured peaks"
    add_micro_arguments(levels.add_parser(MICRO, help=says, description=says))
    says = "one component alone, by the parts of a scenario run: throughput, latency and quality; with --train its time to a target"
    add_component_arguments(levels.add_parser(COMPONENT, help=says, description=says))


def run(verb: str, arguments: argparse.Namespace) -> int:  # noqa: ARG001
    return {MICRO: micro, COMPONENT: component}[arguments.level](arguments)


def micro(arguments: argparse.Namespace) -> int:
    """Exit code 1: no kernel has such a name (AIB640). EnvironmentFailure as micro.command.obtained raises."""
    from aibenchrt.micro import tables
    from aibenchrt.micro.command import needs_torch, obtained, unknown

    needs_torch()
    wrong, names = unknown(arguments)
    diagnostics = Diagnostics()
    for name in wrong:
        diagnostics.report("AIB640", None, name=name, hint=did_you_mean(name, names))
    show(diagnostics)
    if diagnostics.failed:
        return 1
    with progress_bars() as progress:
        found = obtained(arguments, progress)
    say("\n".join(tables.head(found)))
    print_table("Micro benchmarks", tables.COLUMNS, tables.rows(found), tables.NUMERIC)
    for note in tables.notes(found):
        complain(note)
    return 0
