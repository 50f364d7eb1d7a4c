"""bench: one kernel at a time (micro), one component in isolation (component); a scenario is what `run` runs."""

from __future__ import annotations

import argparse

from aibenchc.cli import bench_component, bench_micro

MICRO, COMPONENT = "micro", "component"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    levels = parser.add_subparsers(dest="level", metavar="LEVEL", required=True)
    says = "AIBench's kernels, forward and backward, against this machine's measured peaks"
    bench_micro.add_arguments(levels.add_parser(MICRO, help=says, description=says))
    says = "one component in isolation, run as in a scenario: throughput, latency and quality; with --train its time to a target"
    bench_component.add_arguments(levels.add_parser(COMPONENT, help=says, description=says))


def run(arguments: argparse.Namespace) -> int:
    return {MICRO: bench_micro.run, COMPONENT: bench_component.run}[arguments.level](arguments)
