"""plan: which host takes what, as a table, as JSON and as a picture; and what a deployment would change.

Exit codes of --diff, as Terraform's detailed ones: 0 nothing would change, 2 something would; of plan in all cases 1: it cannot be told.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

from aibenchrt.errors import EnvironmentFailure

from aibenchc.changes import HostChanges
from aibenchc.cli.compiling import add_distilling_arguments, add_inventory_arguments, compiled_spec, read_port, write_pictures
from aibenchc.cli.output import complain, say, show, show_failure
from aibenchc.cli.spec import add_spec_arguments
from aibenchc.cli.terminal import print_table
from aibenchc.diagnostics import Diagnostics
from aibenchc.driver import Compiled
from aibenchc.overview import HostRow, Overview, PartRow, overview
from aibenchc.placement import counted

SAME, FAILED, CHANGES = 0, 1, 2
_COLOURS = {"+": "\x1b[32m", "-": "\x1b[31m", "~": "\x1b[33m"}
_PLAIN = "\x1b[0m"


def add_arguments(verb: str, parser: argparse.ArgumentParser) -> None:
    del verb
    add_spec_arguments(parser)
    add_distilling_arguments(parser)
    add_inventory_arguments(parser, required=True)
    parser.add_argument(
        "--first-port", dest="ports_from", type=read_port, default=21000, metavar="PORT", help="the first port of the services (21000)"
    )
    parser.add_argument("--json", action="store_true", help="as JSON instead of tables")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write a picture too")
    parser.add_argument(
        "--diff",
        action="store_true",
        help="what a deployment would change; exit code 2 if anything, 1 for an error; parts --stay where they are",
    )
    parser.add_argument("--shipment", type=Path, metavar="FOLDER", help="compare the shipped code and models' versions too")

    def error(message: str) -> NoReturn:  # argparse would exit 2, which here says that something changes
        parser.print_usage(sys.stderr)
        parser.exit(FAILED, f"{parser.prog}: error: {message}\n")

    parser.error = error  # type: ignore[method-assign]


def run(verb: str, arguments: argparse.Namespace) -> int:
    del verb
    diagnostics = Diagnostics()
    compares = arguments.diff or arguments.deployed is not None or arguments.shipment is not None
    arguments.stay = arguments.stay or compares
    try:
        compiled = compiled_spec(arguments, diagnostics)
        show(diagnostics)
        if compiled is None or compiled.placement is None:
            return FAILED
        if arguments.svg is not None:
            _draw(arguments.svg, overview(compiled.plan, compiled.placement))
        if compares:
            return _diff(arguments, compiled)
        _show(overview(compiled.plan, compiled.placement), arguments.json)
    except EnvironmentFailure as failure:
        show_failure(failure)
        return FAILED
    return SAME


def _draw(path: Path, found: Overview) -> None:
    from aibenchc.draw_hosts import draw_hosts

    write_pictures(path.parent, {path.name: draw_hosts(found)})


def _show(found: Overview, as_json: bool) -> None:
    if as_json:
        say(json.dumps(asdict(found), indent=1, ensure_ascii=False))
        return
    columns = ("part", "replica", "host", "address", "serves", "shards", "device", "MiB", "cores")
    numeric = (1, 5, 7, 8)
    print_table(f"{found.scenario}, deployment {found.deployment}", columns, [_part(row) for row in found.parts], numeric)
    print_table(
        "hosts",
        ("host", "address", "groups", "parts", "MiB", "of", "cores", "of", "GPUs", "of"),
        [_host(row) for row in found.hosts],
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
    from aibenchrt.plan import deployed

    from aibenchc.changes import changes
    from aibenchc.deployed import shipped

    inventory = compiled.settings.inventory
    assert inventory is not None, "--inventory is required"
    archives = shipped(arguments.shipment) if arguments.shipment else None
    found = changes(deployed(compiled.plan), inventory.held, archives)
    if arguments.json:
        say(json.dumps([asdict(host) for host in found], indent=1, ensure_ascii=False))
    else:
        _show_changes(found, len(inventory.hosts))
    return CHANGES if found else SAME


def _show_changes(found: Sequence[HostChanges], hosts: int) -> None:
    coloured = sys.stdout.isatty()
    signs = [change.sign for host in found for change in host.changes]
    for host in found:
        say(host.host)
        for change in host.changes:
            line = f"  {change.sign} {change.part}" + (f": {'; '.join(change.details)}" if change.details else "")
            say(f"{_COLOURS[change.sign]}{line}{_PLAIN}" if coloured else line)
    if found:
        said = f"{signs.count('+')} to add, {signs.count('~')} to change, {signs.count('-')} to remove"
        complain(f"{said}, on {counted(len(found), 'host')}")
    else:
        complain(f"nothing would change on {counted(hosts, 'host')}")
