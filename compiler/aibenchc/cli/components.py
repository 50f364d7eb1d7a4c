"""components: the catalogue, or one component or data set of it."""

from __future__ import annotations

import argparse

from aibenchrt.exit_codes import ExitCode
from aibenchrt.libraries import add_library_argument, use

from aibenchc.cli.catalogue import details, document, table
from aibenchc.cli.output import add_json_argument, complain, say, say_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="a component or a data set")
    add_library_argument(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """EnvironmentFailure: as `use` raises for --library."""
    use(arguments.library)
    if arguments.name is None:
        if arguments.json:
            say_json(document())
        else:
            say(table())
        return ExitCode.OK
    text, hint = details(arguments.name)
    if text is None:
        complain(f"aibenchc: the catalogue has no {arguments.name!r}: {hint}")
        return ExitCode.AUTHOR
    if arguments.json:
        say_json(document(arguments.name))
    else:
        say(text)
    return ExitCode.OK
