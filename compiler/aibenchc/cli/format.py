"""format: specs in their usual form."""

from __future__ import annotations

import argparse
import difflib
from pathlib import Path

from aibenchrt.errors import EnvironmentFailure
from aibenchrt.exit_codes import ExitCode
from aibenchrt.whole_file import write_text

from aibenchc.cli.output import say, show
from aibenchc.diagnostics import Diagnostics
from aibenchc.syntax.files import read_source
from aibenchc.syntax.format import format_spec
from aibenchc.syntax.parse import parse_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("spec", type=Path, nargs="+", metavar="SPEC", help="the .aib files")
    parser.add_argument("--check", action="store_true", help="change nothing; show what would change, and fail if anything would")
    parser.add_argument("--stdout", action="store_true", help="write the result to stdout instead")


def run(arguments: argparse.Namespace) -> int:
    """Files that do not parse are left alone."""
    diagnostics = Diagnostics()
    changed = False
    for path in arguments.spec:
        source = read_source(path, str(path), diagnostics)
        spec = parse_file(source, diagnostics) if source is not None else None
        if source is None or spec is None:
            continue
        text = format_spec(spec)
        changed = changed or text != source.text
        if arguments.stdout:
            say(text.removesuffix("\n"))
        elif arguments.check:
            before, after = source.text.splitlines(), text.splitlines()
            for line in difflib.unified_diff(before, after, str(path), f"{path} (formatted)", lineterm=""):
                say(line)
        elif text != source.text:
            _replace(path, text)
            say(f"{path}: formatted")
    show(diagnostics)
    return ExitCode.AUTHOR if diagnostics.failed or (arguments.check and changed) else ExitCode.OK


def _replace(path: Path, text: str) -> None:
    """Whole or not at all; a link stays a link. EnvironmentFailure AIB507: it cannot be written."""
    target = path.resolve()
    try:
        write_text(target, text)
    except OSError as error:
        raise EnvironmentFailure("AIB507", path=path, reason=error.strerror, way_out="free some space; the file is unchanged") from error
