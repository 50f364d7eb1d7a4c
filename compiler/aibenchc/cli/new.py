"""new: a commented starter spec, a copy of a published scenario, or with --library a package whose components scenarios may use."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import keyword
import re
import shutil
import tempfile
from pathlib import Path

from aibenchrt.errors import EnvironmentFailure
from aibenchrt.exit_codes import ExitCode

from aibenchc.cli.folders import published
from aibenchc.cli.output import complain, say
from aibenchc.cli.starter import copied, starter
from aibenchc.validate.declarations import CHAIN_WORDS, LONGEST_NAME

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PACKAGE = re.compile(r"[a-z][a-z0-9_]*")
_LONGEST_LIBRARY = LONGEST_NAME - len("_category")  # names of its components begin with it


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="name of the scenario, written to NAME.aib, or of the library, written to a folder")
    kinds = parser.add_mutually_exclusive_group()
    names = [path.stem for path in sorted(published().glob("*.aib"))]
    kinds.add_argument("--from", dest="source", choices=names, help="write a copy of a published scenario")
    kinds.add_argument("--library", action="store_true", help="write a package with a service, an AI component and their test")
    parser.add_argument("--folder", type=Path, default=Path(), help="where to write it")


def run(arguments: argparse.Namespace) -> int:
    """EnvironmentFailure AIB507: it cannot be written there."""
    if arguments.library:
        return _library(arguments.name, arguments.folder)
    return _spec(arguments.name, arguments.folder, arguments.source)


def _spec(given: str, folder: Path, source: str | None) -> int:
    """source: the published scenario to copy, None: the starter."""
    name = given.removesuffix(".aib")
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        complain(f"aibenchc: {name!r} is not a valid scenario name: use at most {LONGEST_NAME} of a-z, A-Z, 0-9 and _, no digit first")
        return ExitCode.AUTHOR
    if name in CHAIN_WORDS:
        complain(f"aibenchc: {name!r} is a reserved name: {', '.join(CHAIN_WORDS)} have a meaning in chains; choose another")
        return ExitCode.AUTHOR
    path = folder / f"{name}.aib"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(copied(source, name) if source else starter(name))
    except FileExistsError:
        complain(f"aibenchc: {path} exists already; choose another name")
        return ExitCode.AUTHOR
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()  # as what was opened as a new file, so ours
        raise _unwritten(path, error) from error
    say(f"wrote {path}\n\n  aibenchc check {path}\n  aibenchc compile {path}\n  aibenchc run {path}")
    return ExitCode.OK


def _library(name: str, folder: Path) -> int:
    if not _PACKAGE.fullmatch(name) or len(name) > _LONGEST_LIBRARY or keyword.iskeyword(name):
        complain(f"aibenchc: {name!r} is not a valid library name: use at most {_LONGEST_LIBRARY} of a-z, 0-9 and _, a letter first")
        return ExitCode.AUTHOR
    if importlib.util.find_spec(name) is not None:
        complain(f"aibenchc: there is a Python module {name!r} already, which the package would hide; choose another name")
        return ExitCode.AUTHOR
    path = folder / name
    if path.exists() or path.is_symlink():
        complain(f"aibenchc: {path} exists already; choose another name")
        return ExitCode.AUTHOR
    try:
        _write(name, path)
    except OSError as error:
        raise _unwritten(path, error) from error
    commands = (f"cd {path}", "pip install -e .", "pytest", f"aibenchc check {name}.aib", f"aibenchc components --library {name}")
    say(f"wrote {path}\n\n" + "\n".join(f"  {command}" for command in commands))
    return ExitCode.OK


def _write(name: str, path: Path) -> None:
    """Writes the package whole or not at all: to a temporary folder beside its place, which is then renamed."""
    from aibenchc.cli.scaffold import library_files  # with jinja2, which a spec does not need

    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{name}-") as scratch:
        whole = Path(scratch, name)
        for place, content in library_files(name):
            file = whole / place
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        shutil.copymode(path.parent, whole)
        whole.rename(path)


def _unwritten(path: Path, error: OSError) -> EnvironmentFailure:
    return EnvironmentFailure("AIB507", path=path, reason=error.strerror, way_out="name another folder with --folder")
