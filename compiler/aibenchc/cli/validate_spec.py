"""validate --spec: whether the distilled graph covers what it has to, and the partner's sign-off of it.

What it has to cover is the published scenario's row of the table of nine, and what the spec itself says is `essential`; both where it has
both.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from aibenchrt.errors import EnvironmentFailure
from aibenchrt.exit_codes import ExitCode
from aibenchrt.input_file import MIB, InputFileError, read_bytes
from aibenchrt.whole_file import write_text

from aibenchc.cli.output import complain, say, say_json, show
from aibenchc.cli.spec import read_scenario
from aibenchc.cli.tables import print_table
from aibenchc.coverage.coverage import (
    Covered,
    SignOff,
    SignOffError,
    coverage,
    essential_coverage,
    graph_hash,
    missing,
    read_sign_off,
    sign_off_text,
)
from aibenchc.coverage.nine_scenarios import NINE, published
from aibenchc.diagnostics import Diagnostics, did_you_mean
from aibenchc.distill import Distilled, distill, report, settings
from aibenchc.model import Scenario
from aibenchc.source import SourceFile, Span

SUFFIX = ".signoff.toml"


@dataclass(frozen=True)
class Judged:
    """A list of what is to be covered. title: of whose list; said_by: the heading of its column; span: its place in the spec."""

    title: str
    said_by: str
    rows: tuple[Covered, ...]
    span: Span | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--spec",
        type=Path,
        metavar="SPEC",
        help="instead of a run: show how much of its published scenario, or of its `essential` block, the spec covers",
    )
    parser.add_argument("--sign", metavar="NAME", help="with --spec: record that this partner agrees, in a file beside the spec")
    parser.set_defaults(param=[], include=[])


def run(arguments: argparse.Namespace) -> int:
    """OK: everything is covered, and the sign-off, if there is one, is of this graph; AUTHOR: something is missing, or the spec is
    wrong; STALE: the graph has changed since it was signed. EnvironmentFailure AIB507: the sign-off cannot be written."""
    diagnostics = Diagnostics()
    arguments.spec = Path(arguments.spec)
    scenario = read_scenario(arguments, diagnostics)
    if scenario is None:
        show(diagnostics)
        return ExitCode.AUTHOR
    distilled = distill(scenario.graph, settings(scenario, scenario.deployments[0].name, None))
    judged = _judged(arguments.spec, scenario, distilled)
    if not judged:
        names = [row.spec for row in NINE]
        hint = did_you_mean(arguments.spec.stem, names) or "say in the spec what is essential: `essential { tasks …, metrics … }`"
        diagnostics.report("AIB645", None, name=arguments.spec.stem, hint=hint)
        show(diagnostics)
        return ExitCode.AUTHOR
    report(distilled, diagnostics)
    for part in judged:
        for row in missing(part.rows):
            diagnostics.report("AIB646", part.span, kind=row.kind, word=row.word, title=part.title)
    signed = _read(arguments.spec, diagnostics)
    show(diagnostics)
    if not arguments.json:
        for part in judged:
            _show_coverage(part, (len(scenario.graph.tasks), len(distilled.graph.tasks)))
    graph = graph_hash(scenario, distilled)
    if arguments.sign and not diagnostics.failed:
        signed = SignOff(arguments.sign, datetime.now(UTC).date().isoformat(), graph)
        _write(_file(arguments.spec), sign_off_text(signed, judged[0].title))
    if arguments.json:
        say_json({"covered": [_document(part) for part in judged], "graph": graph, "signed": asdict(signed) if signed else None})
    else:
        _show_sign_off(arguments.spec, signed, graph)
    if diagnostics.failed:
        return ExitCode.AUTHOR
    return ExitCode.STALE if signed is not None and signed.graph != graph else ExitCode.OK


def _judged(spec: Path, scenario: Scenario, distilled: Distilled) -> tuple[Judged, ...]:
    """The published scenario whose name the spec, or the scenario in it, has; and what the spec declares essential."""
    judged = []
    row = published(spec.stem) or published(scenario.name)
    if row is not None:
        judged.append(Judged(row.title, "published", coverage(row, scenario, distilled)))
    if scenario.essential is not None:
        title = f"{scenario.title} (essential)" if row else scenario.title
        judged.append(Judged(title, "essential", essential_coverage(scenario.essential, scenario, distilled), scenario.essential.span))
    return tuple(judged)


def _document(judged: Judged) -> dict[str, object]:
    return {"title": judged.title, "said_by": judged.said_by, "rows": [asdict(row) for row in judged.rows]}


def _show_coverage(judged: Judged, tasks: tuple[int, int]) -> None:
    rows = [(row.kind, row.word, ", ".join(row.by) or "missing") for row in judged.rows]
    title = f"{judged.title}: what the distilled graph covers ({tasks[0]} tasks distilled to {tasks[1]})"
    print_table(title, ("", judged.said_by, "covered by"), rows)
    lost = missing(judged.rows)
    say(f"covered: {len(rows) - len(lost)} of {len(rows)}" + (f"; missing: {', '.join(row.word for row in lost)}" if lost else ""))


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
        return read_sign_off(read_bytes(path, MIB)) if path.exists() else None
    except (InputFileError, SignOffError) as error:
        diagnostics.report("AIB647", Span(SourceFile(str(path), ""), 0, 0), reason=str(error))
    return None


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    try:
        write_text(path, text)
    except OSError as error:
        raise EnvironmentFailure("AIB507", path=path, reason=error.strerror, way_out="move the spec to a writable folder") from error
    complain(f"wrote {path}")
