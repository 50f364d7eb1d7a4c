"""The specs of a series, looked at before the first of them runs: do they compile, what does the compiler say of them, is it the series
that was stopped?"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aibenchrt.input_file import InputFileError, read_bytes

from aibenchc.cli.compiled import compiled_spec
from aibenchc.coverage.coverage import coverage
from aibenchc.coverage.nine_scenarios import published
from aibenchc.diagnostics import Diagnostics, Severity
from aibenchc.model import LoadChange
from aibenchc.syntax.files import MAX_MIB

if TYPE_CHECKING:
    from aibenchrt.report.series.model import Compiled

    from aibenchc import driver

_NOT_OF_THE_KEY = ("specs", "spec", "runs")


@dataclass(frozen=True)
class Examined:
    """digest: SHA-256 of its plan, or of its text where it does not compile. compiled: None then, and diagnostics or mistake say why."""

    spec: Path
    digest: str
    compiled: Compiled | None
    diagnostics: Diagnostics
    mistake: Exception | None = None

    @property
    def error(self) -> tuple[str, str]:
        """Code and message of the first error; empty if there is none."""
        errors = [d for d in self.diagnostics.all if d.code.severity is Severity.ERROR]
        return (errors[0].code.id, errors[0].message) if errors else ("", "")


def examine(arguments: argparse.Namespace, spec: Path) -> Examined:
    """Compiles it in memory; nothing is shown yet."""
    own = copy.copy(arguments)
    own.spec = spec
    diagnostics = Diagnostics()
    try:
        compiled = compiled_spec(own, diagnostics, LoadChange(arguments.rate, arguments.duration, arguments.streams))
    except Exception as mistake:  # noqa: BLE001  it is told when its turn comes
        return Examined(spec, _digest_of(spec), None, diagnostics, mistake)
    if compiled is None:
        return Examined(spec, _digest_of(spec), None, diagnostics)
    digest = hashlib.sha256(compiled.plan.model_dump_json().encode()).hexdigest()
    return Examined(spec, digest, facts_of(spec, compiled), diagnostics)


def _digest_of(spec: Path) -> str:
    try:
        return hashlib.sha256(read_bytes(spec, MAX_MIB * 2**20)).hexdigest()
    except InputFileError:
        return ""


def facts_of(spec: Path, compiled: driver.Compiled) -> Compiled:
    from aibenchrt.report.series.model import Compiled, UpdateOf, Word

    distilled = compiled.distilled
    row = published(spec.stem) or published(compiled.scenario.name)
    words = coverage(row, compiled.scenario, distilled) if row is not None else ()
    return Compiled(
        title=compiled.scenario.title,
        tasks=len(distilled.original.tasks),
        distilled=len(distilled.graph.tasks),
        updates=tuple(UpdateOf(frequency=u.frequency, every_s=u.every_s, tasks=u.tasks) for u in distilled.updates),
        published=row.title if row is not None else "",
        words=tuple(Word(kind=word.kind, word=word.word, by=word.by) for word in words),
    )


def key_of(arguments: argparse.Namespace, examined: Sequence[Examined]) -> str:
    """What the same call has in common, and no other: names and plans of the specs in their order, and every option. 64 hex digits."""
    options = {name: value for name, value in vars(arguments).items() if name not in _NOT_OF_THE_KEY}
    document = {"specs": [(of.spec.stem, of.digest) for of in examined], "options": options}
    return hashlib.sha256(json.dumps(document, sort_keys=True, default=str).encode()).hexdigest()
