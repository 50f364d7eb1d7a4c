"""check, format, explain, new, components: what an author uses before anything is compiled."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import os
import re
from pathlib import Path

from aibenchrt.errors import EnvironmentFailure

from aibenchc.cli.output import complain, say, show
from aibenchc.cli.spec import add_spec_arguments, read_scenario
from aibenchc.diagnostics import CODES, Diagnostics, did_you_mean
from aibenchc.model import Scenario

_FIELD = re.compile(r"(?<!\{)\{(\w+)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def add_arguments(verb: str, parser: argparse.ArgumentParser) -> None:
    match verb:
        case "check":
            add_spec_arguments(parser)
            parser.add_argument("--json", action="store_true", help="diagnostics as JSON on stdout")
        case "format":
            parser.add_argument("spec", type=Path, nargs="+", metavar="SPEC", help="the .aib files")
            parser.add_argument("--check", action="store_true", help="change nothing; show what would change, and fail if anything would")
            parser.add_argument("--stdout", action="store_true", help="write the result to stdout instead")
        case "explain":
            parser.add_argument("code", metavar="CODE", help="a code, as AIB211")
        case "new":
            parser.add_argument("name", metavar="NAME", help="the scenario's name; NAME.aib is written")
            parser.add_argument("--folder", type=Path, default=Path(), help="where to write it")
        case _:
            parser.add_argument("name", metavar="NAME", nargs="?", help="a component or a data set")


def run(verb: str, arguments: argparse.Namespace) -> int:
    return {"check": check, "format": format_specs, "explain": explain, "new": new, "components": components}[verb](arguments)


def check(arguments: argparse.Namespace) -> int:
    diagnostics = Diagnostics()
    scenario = read_scenario(arguments, diagnostics)
    show(diagnostics, arguments.json)
    if scenario is None:
        return 1
    if not arguments.json:
        say(f"{arguments.spec}: ok: {described(scenario)}")
    return 0


def described(scenario: Scenario) -> str:
    graph = scenario.graph
    counts = (
        (len(graph.tasks), "task"),
        (len(graph.requests), "request class"),
        (len(graph.edges), "edge"),
        (len(graph.choices), "choice"),
    )
    return f"{scenario.title}: " + ", ".join(
        f"{count} {word}{'' if count == 1 else 'es' if word.endswith('s') else 's'}" for count, word in counts
    )


def format_specs(arguments: argparse.Namespace) -> int:
    """Files that do not parse are left alone."""
    from aibenchc.syntax.files import read_source
    from aibenchc.syntax.format import format_spec
    from aibenchc.syntax.parse import parse_file

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
    return 1 if diagnostics.failed or (arguments.check and changed) else 0


def _replace(path: Path, text: str) -> None:
    """Whole or not at all; a link stays a link. EnvironmentFailure AIB507: it cannot be written."""
    target = path.resolve()
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        fresh.write_text(text, encoding="utf-8")
        fresh.chmod(target.stat().st_mode & 0o7777)
        os.replace(fresh, target)
    except OSError as error:
        raise EnvironmentFailure("AIB507", f"cannot write '{path}': {error.strerror}", "free some space; the file is as it was") from error
    finally:
        fresh.unlink(missing_ok=True)


def explain(arguments: argparse.Namespace) -> int:
    wanted = arguments.code.upper()
    code = CODES.get(wanted)
    if code is None:
        complain(f"aibenchc: no diagnostic has the code {arguments.code!r}: {did_you_mean(wanted, CODES)}")
        return 1
    say(f"{code.id} ({code.severity.value}): {_template(code.message)}\n\n{code.explanation}")
    if code.hint and not _FIELD.fullmatch(code.hint):
        say(f"\nWay out: {_template(code.hint)}")
    return 0


def _template(text: str) -> str:
    """A message with its fields as <field>."""
    return _FIELD.sub(r"<\1>", text).replace("{{", "{").replace("}}", "}")


def new(arguments: argparse.Namespace) -> int:
    from aibenchc.cli.starter import starter
    from aibenchc.validate.declarations import LONGEST_NAME

    name = arguments.name.removesuffix(".aib")
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        complain(f"aibenchc: {name!r} cannot name a scenario: use at most {LONGEST_NAME} of a-z, A-Z, 0-9 and _, the first no digit")
        return 1
    path = arguments.folder / f"{name}.aib"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(starter(name))
    except FileExistsError:
        complain(f"aibenchc: {path} is there already; choose another name")
        return 1
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()  # ours: opened as a new file
        raise EnvironmentFailure("AIB507", f"cannot write '{path}': {error.strerror}", "name another folder with --folder") from error
    say(f"wrote {path}\n\n  aibenchc check {path}\n  aibenchc compile {path}\n  aibenchc run {path}")
    return 0


def components(arguments: argparse.Namespace) -> int:
    from aibenchc.cli.catalogue import one, table

    if arguments.name is None:
        say(table())
        return 0
    text, hint = one(arguments.name)
    if text is None:
        complain(f"aibenchc: the catalogue has no {arguments.name!r}: {hint}")
        return 1
    say(text)
    return 0
