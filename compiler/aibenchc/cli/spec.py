"""Arguments that every verb with a spec takes, and the front end as one call."""

from __future__ import annotations

import argparse
from pathlib import Path

from aibenchc.diagnostics import Diagnostics
from aibenchc.model import Scenario
from aibenchc.syntax.files import Files
from aibenchc.syntax.parse import parse
from aibenchc.validate import validate


class _Specs(argparse.Action):
    """Several specs, and the first of them."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: object, option_string: str | None = None
    ) -> None:
        del parser, option_string
        assert isinstance(values, list)
        namespace.specs, namespace.spec = values, values[0]


def add_spec_arguments(parser: argparse.ArgumentParser, several: bool = False) -> None:
    """`spec`. several: at least one, as `specs`, of which `spec` is the first."""
    if several:
        parser.add_argument(
            "specs", type=Path, nargs="+", action=_Specs, metavar="SPEC", help="the .aib file; several run one after the other"
        )
    else:
        parser.add_argument("spec", type=Path, metavar="SPEC", help="the .aib file")
    add_front_end_arguments(parser)


def add_front_end_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--param", action="append", default=[], type=_assignment, metavar="NAME=VALUE", help="replace the value of a parameter"
    )
    parser.add_argument(
        "--include", action="append", default=[], type=Path, metavar="FOLDER", help="another folder for includes and traces"
    )


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise argparse.ArgumentTypeError(f"write NAME=VALUE, not {text!r}")
    return name.strip(), value.strip()


def read_scenario(arguments: argparse.Namespace, diagnostics: Diagnostics, content: bytes | None = None) -> Scenario | None:
    """parse and validate; None where anything was reported as an error. content: of the spec, where no file has it."""
    files = Files(arguments.spec, arguments.include, diagnostics, content)
    source = files.open_spec()
    spec = parse(source, diagnostics, files.open_include) if source is not None else None
    return validate(spec, diagnostics, dict(arguments.param), files.open_trace) if spec is not None else None
