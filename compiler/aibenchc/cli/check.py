"""check: whether a spec is valid, with diagnostics if it is not."""

from __future__ import annotations

import argparse

from aibenchrt.exit_codes import ExitCode

from aibenchc.cli.output import say, show
from aibenchc.cli.spec import add_spec_arguments, read_scenario
from aibenchc.diagnostics import Diagnostics
from aibenchc.model import Scenario


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_spec_arguments(parser)
    parser.add_argument("--json", action="store_true", help="diagnostics as JSON on stdout")


def run(arguments: argparse.Namespace) -> int:
    diagnostics = Diagnostics()
    scenario = read_scenario(arguments, diagnostics)
    show(diagnostics, arguments.json)
    if scenario is None:
        return ExitCode.AUTHOR
    if not arguments.json:
        say(f"{arguments.spec}: ok: {described(scenario)}")
    return ExitCode.OK


def described(scenario: Scenario) -> str:
    graph = scenario.graph
    counts = (
        (len(graph.tasks), "task"),
        (len(graph.requests), "request class"),
        (len(graph.edges), "edge"),
        (len(graph.choices), "choice"),
    )
    return f"{scenario.title}: " + ", ".join(
        f"{count} {word}{'' if count == 1 else 'es' if word.endswith('s') else 's'}" for count, word in counts
    )
