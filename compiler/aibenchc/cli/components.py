"""components: the catalogue, or one component or data set of it."""

from __future__ import annotations

import argparse

from aibenchrt.exit_codes import ExitCode
from aibenchrt.libraries import add_library_argument, use

from aibenchc.cli.catalogue import details, table
from aibenchc.cli.output import complain, say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="a component or a data set")
    add_library_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """EnvironmentFailure: as `use` raises for --library."""
    use(arguments.library)
    if arguments.name is None:
        say(table())
        return ExitCode.OK
    text, hint = details(arguments.name)
    if text is None:
        complain(f"aibenchc: the catalogue has no {arguments.name!r}: {hint}")
        return ExitCode.AUTHOR
    say(text)
    return ExitCode.OK
