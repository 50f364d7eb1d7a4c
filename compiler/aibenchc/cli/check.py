"""check: whether specs are valid, with diagnostics if they are not."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from aibenchrt.exit_codes import ExitCode

from aibenchc.cli.output import add_json_argument, say, say_json, show
from aibenchc.cli.spec import add_front_end_arguments, read_scenario
from aibenchc.diagnostics import Diagnostics, to_json
from aibenchc.model import Scenario
from aibenchc.syntax.files import MAX_MIB

STDIN = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("specs", nargs="+", metavar="SPEC", help="the .aib files; - reads one from stdin")
    add_front_end_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """AUTHOR: a spec is wrong; all of them are checked."""
    problems: list[dict[str, object]] = []
    failed = False
    for name in dict.fromkeys(arguments.specs):
        diagnostics = Diagnostics()
        arguments.spec = Path("<stdin>" if name == STDIN else name)
        content = sys.stdin.buffer.read(MAX_MIB * 2**20 + 1) if name == STDIN else None
        scenario = read_scenario(arguments, diagnostics, content)
        failed = failed or scenario is None
        problems += to_json(diagnostics)
        if not arguments.json:
            show(diagnostics)
            if scenario is not None:
                say(f"{arguments.spec}: ok: {described(scenario)}")
    if arguments.json:
        say_json({"diagnostics": problems, "failed": failed}, indent=2)
    return ExitCode.AUTHOR if failed else ExitCode.OK


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
