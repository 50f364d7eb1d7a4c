"""Arguments about data sets and trained models."""

from __future__ import annotations

import argparse
from pathlib import Path

from aibenchrt.sizes import SIZES

from aibenchc.cli.distilling import add_distilling_arguments
from aibenchc.cli.parser import Arguments
from aibenchc.cli.spec import add_spec_arguments
from aibenchc.planning import PORTS_FROM

SERVED_SEED = 7
DEVICES = ("cpu", "cuda", "auto")


def add_trained_spec_arguments(parser: argparse.ArgumentParser, several: bool = False) -> None:
    """Arguments of the verbs that compile a spec and then need its data and trained models. several: as of add_spec_arguments()."""
    add_spec_arguments(parser, several)
    add_distilling_arguments(parser.add_argument_group("distilling and compiling"))
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="folder of the compiled scenario (default: generated/<spec>)")
    parser.set_defaults(
        ports_from=PORTS_FROM, no_stubs=False, inventory=None, trust_inventory=False, no_tls=False, stay=False, deployed=None
    )
    add_data_arguments(parser.add_argument_group("data and models"))


def add_data_arguments(parser: Arguments) -> None:
    parser.add_argument("--data", choices=("real", "synthetic"), default="real", help="the variant of the data sets")
    parser.add_argument("--size", choices=SIZES, default="small", help="the effort of training the models")
