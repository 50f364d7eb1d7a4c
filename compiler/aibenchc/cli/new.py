"""new: a commented starter spec."""

from __future__ import annotations

import argparse
import contextlib
import re
from pathlib import Path

from aibenchrt.errors import EnvironmentFailure
from aibenchrt.exit_codes import ExitCode

from aibenchc.cli.output import complain, say
from aibenchc.cli.starter import starter
from aibenchc.validate.declarations import LONGEST_NAME

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the scenario's name; NAME.aib is written")
    parser.add_argument("--folder", type=Path, default=Path(), help="where to write it")


def run(arguments: argparse.Namespace) -> int:
    name = arguments.name.removesuffix(".aib")
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        complain(f"aibenchc: {name!r} is not a valid scenario name: use at most {LONGEST_NAME} of a-z, A-Z, 0-9 and _, no digit first")
        return ExitCode.AUTHOR
    path = arguments.folder / f"{name}.aib"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(starter(name))
    except FileExistsError:
        complain(f"aibenchc: {path} exists already; choose another name")
        return ExitCode.AUTHOR
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()  # ours: opened as a new file
        raise EnvironmentFailure("AIB507", path=path, reason=error.strerror, way_out="name another folder with --folder") from error
    say(f"wrote {path}\n\n  aibenchc check {path}\n  aibenchc compile {path}\n  aibenchc run {path}")
    return ExitCode.OK
