"""distill: what the rules do to a spec's graph, as text and as pictures."""

from __future__ import annotations

import argparse
from pathlib import Path

from aibenchrt.exit_codes import ExitCode

from aibenchc.cli.distilling import add_distilling_arguments, chosen_rules, measurements
from aibenchc.cli.output import add_json_argument, say, say_json, show
from aibenchc.cli.pictures import write_pictures
from aibenchc.cli.spec import add_spec_arguments, read_scenario
from aibenchc.diagnostics import Diagnostics
from aibenchc.distill import distill, report, settings
from aibenchc.planning import find_deployment
from aibenchc.show import trace


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_spec_arguments(parser)
    add_distilling_arguments(parser)
    parser.add_argument(
        "--trace",
        nargs="?",
        const="changes",
        choices=("changes", "full"),
        help="what each rule changed, as text; full: the whole graphs before and after each rule, with exact figures",
    )
    add_json_argument(parser)
    parser.add_argument("--svg", type=Path, metavar="FOLDER", help="pictures of the graph before, after each rule and at the end")


def run(arguments: argparse.Namespace) -> int:
    diagnostics = Diagnostics()
    done = _distill(arguments, diagnostics)
    show(diagnostics)
    return ExitCode.OK if done else ExitCode.AUTHOR


def _distill(arguments: argparse.Namespace, diagnostics: Diagnostics) -> bool:
    """Prints the summary or the trace, writes the pictures. False after an error was reported."""
    rules = chosen_rules(arguments, diagnostics)
    measured = measurements(arguments, diagnostics)
    scenario = read_scenario(arguments, diagnostics)
    if scenario is None or diagnostics.failed:
        return False
    deployment = find_deployment(scenario, arguments.deployment or scenario.deployments[0].name, diagnostics)
    if deployment is None:
        return False
    distilled = distill(scenario.graph, settings(scenario, deployment.name, measured), rules)
    report(distilled, diagnostics)
    if arguments.json:
        say_json(trace.document(distilled))
    else:
        say((trace.render(distilled, arguments.trace == "full") if arguments.trace else trace.summary(distilled)).removesuffix("\n"))
    if arguments.svg is not None:
        write_pictures(arguments.svg, dict(trace.pictures(distilled, scenario.title)))
    return not diagnostics.failed
