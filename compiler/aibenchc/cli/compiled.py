"""A spec compiled with the command line's settings, in memory or into a folder."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from aibenchc.cli.distilling import chosen_rules, measurements
from aibenchc.cli.folders import GENERATED
from aibenchc.cli.output import complain, show
from aibenchc.cli.parser import Arguments
from aibenchc.diagnostics import Diagnostics
from aibenchc.model import AS_DECLARED, LoadChange
from aibenchc.planning import PORTS_FROM

if TYPE_CHECKING:
    from aibenchrt.deployment import Deployed

    from aibenchc.driver import Compiled, CompileSettings


class OneInventory(argparse.Action):
    """Refuses a second one, which would take the place of the first."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: object, option_string: str | None = None
    ) -> None:
        if getattr(namespace, self.dest) is not None:
            parser.error(f"{option_string} is given twice: write all hosts into one inventory")
        setattr(namespace, self.dest, values)


def add_inventory_arguments(parser: Arguments, required: bool = False) -> None:
    parser.add_argument(
        "-i",
        "--inventory",
        type=Path,
        action=OneInventory,
        metavar="INVENTORY",
        required=required,
        help="the Ansible inventory of the hosts to deploy on: a static one, INI or YAML",
    )
    parser.add_argument(
        "--trust-inventory",
        action="store_true",
        help="let INVENTORY run programs on this machine as you: dynamic inventories, plugins, templates, ssh options with commands",
    )
    parser.add_argument("--stay", action="store_true", help="ask the hosts what they run, and leave parts where they are if they still fit")
    parser.add_argument(
        "--deployed", type=Path, metavar="FOLDER", help="like --stay, from <host>.json in this folder instead of asking the hosts"
    )
    parser.add_argument("--no-tls", action="store_true", help="plain connections between hosts, to measure what mutual TLS costs")


def add_port_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--first-port",
        dest="ports_from",
        type=read_port,
        default=PORTS_FROM,
        metavar="PORT",
        help=f"the first port of the services ({PORTS_FROM})",
    )


def read_port(text: str) -> int:
    if not text.isdecimal() or not 1024 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"write a port from 1024 to 65535, not {text!r}")
    return int(text)


def compile_and_show(arguments: argparse.Namespace, change: LoadChange = AS_DECLARED) -> Path | None:
    """As `compile_to_folder`; diagnostics are shown on stderr. change: what a run changes of the load."""
    diagnostics = Diagnostics()
    folder = compile_to_folder(arguments, diagnostics, change)
    show(diagnostics)
    return folder


def compile_to_folder(arguments: argparse.Namespace, diagnostics: Diagnostics, change: LoadChange = AS_DECLARED) -> Path | None:
    """All phases; the output folder is written whole or not at all. None after an error was reported.

    EnvironmentFailure AIB502, AIB504, AIB507; AIB601 (no ansible-core) with an inventory.
    """
    from aibenchc import driver
    from aibenchc.emit.artifact import write

    compiled = compiled_spec(arguments, diagnostics, change)
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


def compiled_spec(arguments: argparse.Namespace, diagnostics: Diagnostics, change: LoadChange = AS_DECLARED) -> Compiled | None:
    """All phases but writing. None after an error was reported.

    EnvironmentFailure AIB601: ansible-core, which reads the inventory, is not installed; AIB619: what the hosts hold cannot be determined.
    """
    from aibenchc import driver
    from aibenchc.placement.deployed import fetch, in_folder
    from aibenchc.placement.inventory import read_inventory

    def holding(chosen: driver.CompileSettings, held: Mapping[str, Deployed | None]) -> driver.CompileSettings:
        return replace(chosen, inventory=chosen.inventory and replace(chosen.inventory, held=held))

    chosen = driver.CompileSettings(
        params=dict(arguments.param),
        deployment=arguments.deployment,
        rules=chosen_rules(arguments, diagnostics),
        measurements=measurements(arguments, diagnostics),
        ports_from=arguments.ports_from,
        inventory=read_inventory(arguments.inventory, diagnostics, arguments.trust_inventory) if arguments.inventory else None,
        tls=not arguments.no_tls,
        change=change,
    )
    names = [host.name for host in chosen.inventory.hosts] if chosen.inventory else []
    if names and arguments.deployed is not None:
        chosen = holding(chosen, in_folder(arguments.deployed, names))
    elif names and arguments.stay:  # the hosts are asked about the scenario by its name, which the compiled spec gives
        compiled = _compiled(arguments, chosen, Diagnostics())
        if compiled is not None:
            chosen = holding(chosen, fetch(arguments.inventory, compiled.plan.scenario, names, arguments.trust_inventory))
    return _compiled(arguments, chosen, diagnostics)


def _compiled(arguments: argparse.Namespace, chosen: CompileSettings, diagnostics: Diagnostics) -> Compiled | None:
    from aibenchc import driver
    from aibenchc.syntax.files import Files

    files = Files(arguments.spec, arguments.include, diagnostics)
    source = files.open_spec()
    if source is None or diagnostics.failed:
        return None
    return driver.compile_spec(source, chosen, diagnostics, files.open_include, files.open_trace)
