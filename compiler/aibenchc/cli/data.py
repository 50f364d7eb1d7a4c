"""data: the data sets on this machine; fetches or makes them."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from aibenchrt import catalog
from aibenchrt.datasets.specs import DATASETS
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.exit_codes import ExitCode
from aibenchrt.libraries import add_library_argument, use

from aibenchc.cli.output import add_json_argument, say_json
from aibenchc.cli.tables import print_table
from aibenchc.cli.terminal import needs, progress_bars


def add_arguments(parser: argparse.ArgumentParser) -> None:
    names = [spec.name for spec in DATASETS.values() if spec.implemented]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these data sets: {', '.join(names)}")
    parser.add_argument("--fetch", choices=("real", "synthetic"), help="fetch or make the data sets in this variant")
    add_library_argument(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """EnvironmentFailure: AIB664: no such data set; as `use` raises for --library, and as a data set that cannot be fetched or made."""
    needs("run", "data")
    use(arguments.library)
    from aibenchrt.datasets.cache import DEFAULT_SEED
    from aibenchrt.datasets.listing import data_rows
    from aibenchrt.datasets.worlds import make_world, module_of, worlds
    from aibenchrt.home import home

    for name in arguments.names:
        if (spec := catalog.dataset(name)) is None or not spec.implemented:
            known = ", ".join(spec.name for spec in catalog.DATASETS.values() if spec.implemented)
            raise EnvironmentFailure("AIB664", name=name, known=known)
    chosen = dict.fromkeys(world for name in arguments.names or worlds() for world in catalog.worlds_of([name]))
    if arguments.fetch:
        with progress_bars() as progress:
            for name in chosen:
                if arguments.names or arguments.fetch in module_of(name).WORLDS.variants:
                    make_world(name, arguments.fetch, DEFAULT_SEED, progress)
    listed = data_rows(home(), arguments.names)
    if arguments.json:
        say_json([asdict(row) for row in listed])
        return ExitCode.OK
    rows = [
        (row.name, row.variant, row.version, row.state, row.sizes, f"{row.bytes / 2**20:.1f} MiB" if row.bytes else "", row.licence)
        for row in listed
    ]
    print_table("Data sets", ("name", "variant", "version", "state", "sizes", "on disk", "licence"), rows)
    return ExitCode.OK
