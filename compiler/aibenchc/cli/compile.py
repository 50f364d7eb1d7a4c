"""compile: all phases, and the folder that they write."""

from __future__ import annotations

import argparse
from pathlib import Path

from aibenchrt.exit_codes import ExitCode

from aibenchc.cli.compiled import add_inventory_arguments, add_port_argument, compile_and_show
from aibenchc.cli.distilling import add_distilling_arguments
from aibenchc.cli.spec import add_spec_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_spec_arguments(parser)
    add_distilling_arguments(parser)
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="output folder (default: generated/<name of the spec file>)")
    add_inventory_arguments(parser)
    add_port_argument(parser)
    parser.add_argument("--no-stubs", action="store_true", help="skip protoc, and the Python stubs that it generates")


def run(arguments: argparse.Namespace) -> int:
    return ExitCode.OK if compile_and_show(arguments) is not None else ExitCode.AUTHOR
