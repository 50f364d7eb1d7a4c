"""distill and compile: the phases after the front end, and what they write."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from aibenchrt.errors import EnvironmentFailure

from aibenchc.cli.output import complain, say, show
from aibenchc.cli.spec import add_spec_arguments, read_scenario
from aibenchc.diagnostics import Diagnostics
from aibenchc.distill import RULES, Measurements, MeasurementsError, Rule, UnknownRuleError, read_measurements, select
from aibenchc.source import SourceFile, Span

if TYPE_CHECKING:
    from aibenchrt.plan import Deployed

    from aibenchc.driver import Compiled, Settings

GENERATED = Path("generated")
LARGEST_MEASUREMENTS = 16 * 2**20
SIZES = ("tiny", "small", "full")


def add_arguments(verb: str, parser: argparse.ArgumentParser) -> None:
    add_spec_arguments(parser)
    add_distilling_arguments(parser)
    if verb == "compile":
        add_compile_arguments(parser)
    else:
        parser.add_argument("--trace", action="store_true", help="the graph before and after each rule, as text")
        parser.add_argument("--svg", type=Path, metavar="FOLDER", help="pictures of the graph before, after each rule and at the end")


def add_distilling_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--deployment", metavar="NAME", help="the deployment to compile for; the spec's first if not given")
    parser.add_argument("--rules", metavar="R1,R3", help=f"only these distilling rules (of {', '.join(rule.id for rule in RULES)})")
    parser.add_argument("--without", metavar="R2", help="all rules but these")
    parser.add_argument("--measurements", type=Path, metavar="FILE", help="measured qualities and service times for rules 2 and 4 (JSON)")


def add_compile_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where to write; generated/<name of the spec file> if not given")
    add_inventory_arguments(parser)
    parser.add_argument(
        "--first-port", dest="ports_from", type=read_port, default=21000, metavar="PORT", help="the first port of the services (21000)"
    )
    parser.add_argument("--no-stubs", action="store_true", help="do without protoc and the Python stubs it makes")


def add_inventory_arguments(parser: argparse.ArgumentParser, required: bool = False) -> None:
    parser.add_argument(
        "-i",
        "--inventory",
        type=Path,
        metavar="INVENTORY",
        required=required,
        help="the Ansible inventory of the hosts that take the parts",
    )
    parser.add_argument(
        "--stay", action="store_true", help="ask the hosts what they hold, and leave parts where they are if they still fit"
    )
    parser.add_argument(
        "--deployed", type=Path, metavar="FOLDER", help="as --stay, by <host>.json in this folder instead of asking the hosts"
    )
    parser.add_argument("--no-tls", action="store_true", help="plain connections between hosts, to measure what mutual TLS costs")


def add_trained_spec_arguments(parser: argparse.ArgumentParser) -> None:
    """Of the verbs that compile a spec and then need its data and trained models."""
    add_spec_arguments(parser)
    add_distilling_arguments(parser)
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where the compiled scenario goes; generated/<spec> if not given")
    parser.set_defaults(ports_from=21000, no_stubs=False, inventory=None, no_tls=False, stay=False, deployed=None)
    parser.add_argument("--data", choices=("real", "synthetic"), default="real", help="the form of the data sets")
    parser.add_argument("--size", choices=SIZES, default="small", help="the size of the models' training")


def read_port(text: str) -> int:
    if not text.isdecimal() or not 1024 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"write a port from 1024 to 65535, not {text!r}")
    return int(text)


def run(verb: str, arguments: argparse.Namespace) -> int:
    diagnostics = Diagnostics()
    done = distill_spec(arguments, diagnostics) if verb == "distill" else compile_to_folder(arguments, diagnostics) is not None
    show(diagnostics)
    return 0 if done else 1


def chosen_rules(arguments: argparse.Namespace, diagnostics: Diagnostics) -> tuple[Rule, ...]:
    try:
        return select(arguments.rules, arguments.without)
    except UnknownRuleError as error:
        diagnostics.report("AIB306", None, name=str(error))
        return ()


def measurements(arguments: argparse.Namespace, diagnostics: Diagnostics) -> Measurements | None:
    path: Path | None = arguments.measurements
    if path is None:
        return None
    where = Span(SourceFile(str(path), ""), 0, 0)
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_MEASUREMENTS + 1)
        if len(content) > LARGEST_MEASUREMENTS:
            raise MeasurementsError("the file is larger than 16 MiB")
        return read_measurements(content)
    except OSError as error:
        diagnostics.report("AIB307", where, reason=(error.strerror or str(error)).lower())
    except MeasurementsError as error:
        diagnostics.report("AIB307", where, reason=str(error))
    return None


def distill_spec(arguments: argparse.Namespace, diagnostics: Diagnostics) -> bool:
    """Prints the summary or the trace, writes the pictures. False after an error was reported."""
    from aibenchc.distill import distill, report, settings, trace
    from aibenchc.plan import find_deployment

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
    say((trace.render(distilled) if arguments.trace else trace.summary(distilled)).removesuffix("\n"))
    if arguments.svg is not None:
        write_pictures(arguments.svg, dict(trace.pictures(distilled, scenario.title)))
    return not diagnostics.failed


def write_pictures(folder: Path, pictures: dict[str, str]) -> None:
    """All or none. EnvironmentFailure AIB507: they cannot be written."""
    fresh = {folder / f".{name}.{os.getpid()}": folder / name for name in pictures}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for part, svg in zip(fresh, pictures.values(), strict=True):
            part.write_text(svg, encoding="utf-8")
        for part, whole in fresh.items():
            part.replace(whole)
    except OSError as error:
        for part in fresh:
            with contextlib.suppress(OSError):
                part.unlink()
        hint = "name another folder with --svg"
        raise EnvironmentFailure("AIB507", f"cannot write into '{folder}': {error.strerror or error}", hint) from error
    complain(f"wrote {len(pictures)} picture{'' if len(pictures) == 1 else 's'} to {folder}")


def compile_to_folder(arguments: argparse.Namespace, diagnostics: Diagnostics) -> Path | None:
    """All phases; the output folder is written whole or not at all. None after an error was reported.

    EnvironmentFailure AIB502, AIB504, AIB507; AIB601 (no ansible-core) with an inventory.
    """
    from aibenchc import driver
    from aibenchc.emit.artifact import write

    compiled = compiled_spec(arguments, diagnostics)
    if compiled is None:
        return None
    folder: Path = arguments.out or GENERATED / arguments.spec.stem
    artifacts = driver.complete(compiled, with_stubs=not arguments.no_stubs)
    write(folder, artifacts)
    plan = compiled.plan
    steps = compiled.distilled
    complain(
        f"{folder}: {len(artifacts)} files; {len(steps.original.tasks)} tasks distilled to {len(steps.graph.tasks)} "
        f"in {len(steps.steps)} steps; deployment {plan.deployment}, profile {plan.profile}"
        + (f", {len(plan.hosts)} hosts" if plan.hosts else "")
    )
    return folder


def compiled_spec(arguments: argparse.Namespace, diagnostics: Diagnostics) -> Compiled | None:
    """All phases but writing. None after an error was reported.

    EnvironmentFailure AIB601: no ansible-core reads the inventory; AIB619: it cannot be told what the hosts hold.
    """
    from aibenchc import driver
    from aibenchc.deployed import fetch, in_folder
    from aibenchc.inventory import read_inventory

    def holding(chosen: driver.Settings, held: Mapping[str, Deployed | None]) -> driver.Settings:
        return replace(chosen, inventory=chosen.inventory and replace(chosen.inventory, held=held))

    chosen = driver.Settings(
        params=dict(arguments.param),
        deployment=arguments.deployment,
        rules=chosen_rules(arguments, diagnostics),
        measurements=measurements(arguments, diagnostics),
        ports_from=arguments.ports_from,
        inventory=read_inventory(arguments.inventory, diagnostics) if arguments.inventory else None,
        tls=not arguments.no_tls,
    )
    names = [host.name for host in chosen.inventory.hosts] if chosen.inventory else []
    if names and arguments.deployed is not None:
        chosen = holding(chosen, in_folder(arguments.deployed, names))
    elif names and arguments.stay:  # what the scenario is called, which the hosts are asked about, the compiled spec says
        found = _compiled(arguments, chosen, Diagnostics())
        if found is not None:
            chosen = holding(chosen, fetch(arguments.inventory, found.plan.scenario, names))
    return _compiled(arguments, chosen, diagnostics)


def _compiled(arguments: argparse.Namespace, chosen: Settings, diagnostics: Diagnostics) -> Compiled | None:
    from aibenchc import driver
    from aibenchc.syntax.files import Files

    files = Files(arguments.spec, arguments.include, diagnostics)
    source = files.open_spec()
    if source is None or diagnostics.failed:
        return None
    return driver.compile_spec(source, chosen, diagnostics, files.open_include, files.open_trace)
