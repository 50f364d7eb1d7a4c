"""--library: of the verbs that take no spec which could name the libraries of others."""

from __future__ import annotations

import argparse


def add_library_argument(parser: argparse.ArgumentParser) -> None:
    """Its value goes to aibenchrt.libraries.use."""
    parser.add_argument("--library", action="append", default=[], metavar="NAME", help="also what this installed library adds (repeatable)")
