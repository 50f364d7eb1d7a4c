"""plan: which host runs which part, as a table, JSON or a picture; and what a deployment would change. Exits with a PlanExitCode."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from aibenchrt.errors import EnvironmentFailure
from aibenchrt.exit_codes import PlanExitCode
from aibenchrt.shown import tell_failure

from aibenchc.cli.compiled import add_inventory_arguments, add_port_argument, compiled_spec
from aibenchc.cli.distilling import add_distilling_arguments
from aibenchc.cli.output import complain, in_colour, say, say_json, show
from aibenchc.cli.parser import Parser
from aibenchc.cli.pictures import write_pictures
from aibenchc.cli.spec import add_spec_arguments
from aibenchc.cli.tables import print_table
from aibenchc.diagnostics import Diagnostics
from aibenchc.driver import Compiled
from aibenchc.placement.changes import HostChanges
from aibenchc.placement.demands import counted
from aibenchc.show.overview import HostRow, Overview, PartRow, overview

_COLOURS = {"+": "\x1b[32m", "-": "\x1b[31m", "~": "\x1b[33m"}


def add_arguments(parser: Parser) -> None:
    add_spec_arguments(parser)
    add_distilling_arguments(parser)
    add_inventory_arguments(parser, required=True)
    add_port_argument(parser)
    parser.add_argument("--json", action="store_true", help="as JSON instead of tables")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write a picture too")
    parser.add_argument(
        "--diff",
        action="store_true",
        help="show what a deployment would change, with --stay; exit code 2 if anything, 1 for an error",
    )
    parser.add_argument("--shipment", type=Path, metavar="FOLDER", help="also compare the versions of the shipped code and models")
    parser.on_mistake = PlanExitCode.FAILED  # 2 means that something would change


def run(arguments: argparse.Namespace) -> int:
    diagnostics = Diagnostics()
    compares = arguments.diff or arguments.deployed is not None or arguments.shipment is not None
    arguments.stay = arguments.stay or compares
    try:
        compiled = compiled_spec(arguments, diagnostics)
        show(diagnostics)
        if compiled is None or compiled.placement is None:
            return PlanExitCode.FAILED
        if arguments.svg is not None:
            _draw(arguments.svg, overview(compiled.plan, compiled.placement))
        if compares:
            return _diff(arguments, compiled)
        _show(overview(compiled.plan, compiled.placement), arguments.json)
    except EnvironmentFailure as failure:
        tell_failure(failure)
        return PlanExitCode.FAILED
    return PlanExitCode.SAME


def _draw(path: Path, overview: Overview) -> None:
    from aibenchc.show.draw_hosts import draw_hosts

    write_pictures(path.parent, {path.name: draw_hosts(overview)})


def _show(overview: Overview, as_json: bool) -> None:
    if as_json:
        say_json(asdict(overview))
        return
    columns = ("part", "replica", "host", "address", "serves", "shards", "device", "MiB", "cores")
    numeric = (1, 5, 7, 8)
    print_table(f"{overview.scenario}, deployment {overview.deployment}", columns, [_part(row) for row in overview.parts], numeric)
    print_table(
        "hosts",
        ("host", "address", "groups", "parts", "MiB", "of", "cores", "of", "GPUs", "of"),
        [_host(row) for row in overview.hosts],
        range(3, 10),
    )


def _part(row: PartRow) -> Sequence[str]:
    shards = "" if row.shards is None else str(row.shards)
    cores = f"{row.cores:.2f}" if row.cores else ""
    return (row.part, str(row.replica), row.host, row.address, row.serves, shards, row.device, str(row.memory_mib), cores)


def _host(row: HostRow) -> Sequence[str]:
    memory = "?" if row.has_memory_mib is None else str(row.has_memory_mib)
    cores = "?" if row.has_cores is None else f"{row.has_cores:g}"
    taken = (str(row.parts), str(row.memory_mib), memory, f"{row.cores:.2f}", cores, str(row.gpus), str(row.has_gpus))
    return (row.name, row.address, ", ".join(row.groups), *taken)


def _diff(arguments: argparse.Namespace, compiled: Compiled) -> int:
    from aibenchrt.deployment import deployed

    from aibenchc.placement.changes import changes
    from aibenchc.placement.deployed import shipped

    inventory = compiled.settings.inventory
    assert inventory is not None, "--inventory is required"
    archives = shipped(arguments.shipment) if arguments.shipment else None
    changed = changes(deployed(compiled.plan), inventory.held, archives)
    if arguments.json:
        say_json([asdict(host) for host in changed])
    else:
        _show_changes(changed, len(inventory.hosts))
    return PlanExitCode.CHANGES if changed else PlanExitCode.SAME


def _show_changes(changed: Sequence[HostChanges], hosts: int) -> None:
    coloured = in_colour(sys.stdout)
    signs = [change.sign for host in changed for change in host.changes]
    for host in changed:
        say(host.host)
        for change in host.changes:
            line = f"  {change.sign} {change.part}" + (f": {'; '.join(change.details)}" if change.details else "")
            say(line, _COLOURS[change.sign] if coloured else "")
    if changed:
        said = f"{signs.count('+')} to add, {signs.count('~')} to change, {signs.count('-')} to remove"
        complain(f"{said}, on {counted(len(changed), 'host')}")
    else:
        complain(f"nothing would change on {counted(hosts, 'host')}")
