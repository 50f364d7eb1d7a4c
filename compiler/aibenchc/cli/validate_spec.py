"""validate --spec: what of the published scenario the distilled graph covers, and the partner's sign-off of it."""

from __future__ import annotations

import argparse
import os
from datetime import UTC, datetime
from pathlib import Path

from aibenchrt.errors import EnvironmentFailure
from aibenchrt.exit_codes import ExitCode

from aibenchc.cli.output import complain, say, show
from aibenchc.cli.spec import read_scenario
from aibenchc.cli.terminal import print_table
from aibenchc.coverage.coverage import Covered, SignOff, SignOffError, coverage, graph_hash, missing, read_sign_off, sign_off_text
from aibenchc.coverage.nine_scenarios import NINE, Published, published
from aibenchc.diagnostics import Diagnostics, did_you_mean
from aibenchc.distill import distill, report, settings
from aibenchc.source import SourceFile, Span

SUFFIX = ".signoff.toml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--spec", type=Path, metavar="SPEC", help="instead of a run: what the spec covers of its published scenario")
    parser.add_argument("--sign", metavar="NAME", help="with --spec: record that this partner agrees, in a file beside the spec")
    parser.set_defaults(param=[], include=[])


def run(arguments: argparse.Namespace) -> int:
    """OK: everything is covered, and the sign-off, if there is one, is of this graph; AUTHOR: something is missing, or the spec is
    wrong; STALE: the graph has changed since it was signed. EnvironmentFailure AIB507: the sign-off cannot be written."""
    diagnostics = Diagnostics()
    arguments.spec = Path(arguments.spec)
    scenario = read_scenario(arguments, diagnostics)
    wanted = _published(arguments.spec, scenario.name, diagnostics) if scenario else None
    if scenario is None or wanted is None:
        show(diagnostics)
        return ExitCode.AUTHOR
    distilled = distill(scenario.graph, settings(scenario, scenario.deployments[0].name, None))
    report(distilled, diagnostics)
    found = coverage(wanted, scenario, distilled)
    for one in missing(found):
        diagnostics.report("AIB646", None, kind=one.kind, word=one.word, title=wanted.title)
    signed = _read(arguments.spec, diagnostics)
    show(diagnostics)
    _show_coverage(wanted, found, (len(scenario.graph.tasks), len(distilled.graph.tasks)))
    graph = graph_hash(scenario, distilled)
    if arguments.sign and not diagnostics.failed:
        signed = SignOff(arguments.sign, datetime.now(UTC).date().isoformat(), graph)
        _write(_file(arguments.spec), sign_off_text(signed, wanted.title))
    _show_sign_off(arguments.spec, signed, graph)
    if diagnostics.failed:
        return ExitCode.AUTHOR
    return ExitCode.STALE if signed is not None and signed.graph != graph else ExitCode.OK


def _published(spec: Path, scenario: str, diagnostics: Diagnostics) -> Published | None:
    found = published(spec.stem) or published(scenario)
    if found is None:
        names = [one.spec for one in NINE]
        diagnostics.report("AIB645", None, name=spec.stem, hint=did_you_mean(spec.stem, names))
    return found


def _show_coverage(wanted: Published, found: tuple[Covered, ...], tasks: tuple[int, int]) -> None:
    rows = [(one.kind, one.word, ", ".join(one.by) or "missing") for one in found]
    print_table(
        f"{wanted.title}: what the distilled graph covers ({tasks[0]} tasks distilled to {tasks[1]})", ("", "published", "found by"), rows
    )
    lost = missing(found)
    say(f"covered: {len(found) - len(lost)} of {len(found)}" + (f"; missing: {', '.join(one.word for one in lost)}" if lost else ""))


def _show_sign_off(spec: Path, signed: SignOff | None, graph: str) -> None:
    say("\nSign-off by the partner")
    say(f"  name   {signed.name if signed else '_' * 40}")
    say(f"  date   {signed.date if signed else '_' * 10}")
    say(f"  graph  {graph}")
    if signed is None:
        complain(f'not signed; once agreed: aibenchc validate --spec {spec} --sign "NAME"')
    elif signed.graph != graph:
        say(f"  STALE: {signed.name} signed {signed.graph}; the distilled graph has changed since")
        complain("show the partner what changed, and sign again with --sign")
    else:
        say(f"  signed: {_file(spec)}")


def _file(spec: Path) -> Path:
    return spec.with_name(spec.stem + SUFFIX)


def _read(spec: Path, diagnostics: Diagnostics) -> SignOff | None:
    path = _file(spec)
    try:
        return read_sign_off(path.read_bytes())
    except FileNotFoundError:
        return None
    except SignOffError as error:
        diagnostics.report("AIB647", Span(SourceFile(str(path), ""), 0, 0), reason=str(error))
    except OSError as error:
        diagnostics.report("AIB647", Span(SourceFile(str(path), ""), 0, 0), reason=(error.strerror or str(error)).lower())
    return None


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise EnvironmentFailure(
            "AIB507", path=path, reason=error.strerror, way_out="put the spec into a folder that can be written"
        ) from error
    complain(f"wrote {path}")
