"""A run, its report and its verdict checked as a whole: every hash, then every figure made again from the records and compared."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aibenchrt.collect.recorded_run import read_run
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.input_file import InputFileError, json_document, read_bytes
from aibenchrt.json_file import MOST_BYTES
from aibenchrt.report.make import REPORT_JSON, VERDICT_JSON, check_root, make_report
from aibenchrt.report.model import Report, Verdict
from aibenchrt.report.reference_file import read_reference

_SAME = 1e-9  # relative; another processor may add up in another order
_SHOWN = 80  # characters of a value


@dataclass(frozen=True)
class Recomputed:
    """values: how many of report.json and verdict.json were compared."""

    verdict: Verdict
    values: int


def recompute(directory: Path, references: Sequence[Path] = (), root: str = "") -> Recomputed:
    """Writes nothing. references: those that the report was made with. root: one that was kept elsewhere, or its beginning.

    EnvironmentFailure: AIB703 a file is not the one that the run ended with, AIB704 the run is not bound, AIB705 it has another root,
    AIB706 a value of report.json or verdict.json is not what the records give, AIB609 unreadable.
    """
    run = read_run(directory)
    check_root(run, root)
    if not run.binding.root:
        raise EnvironmentFailure("AIB704", directory=directory)
    if run.binding.changed:
        raise EnvironmentFailure("AIB703", file=run.binding.changed[0], directory=directory)
    made, _ = make_report(run, [read_reference(path) for path in references])
    values = 0
    for name, again in ((VERDICT_JSON, made.verdict), (REPORT_JSON, made)):
        if name == VERDICT_JSON or (directory / name).exists():
            values += _compare(directory, name, again)
    return Recomputed(made.verdict, values)


def _compare(directory: Path, name: str, again: Report | Verdict) -> int:
    """How many values are equal. EnvironmentFailure AIB706: one is not."""
    try:
        found = json_document(read_bytes(directory / name, MOST_BYTES))
    except InputFileError as error:
        raise EnvironmentFailure("AIB706", file=name, place="the file", found=str(error), made="a whole one") from error
    values = 0
    for place, one, other in _pairs("", found, json.loads(again.model_dump_json())):
        if not _same(one, other):
            raise EnvironmentFailure("AIB706", file=name, place=place or "the whole", found=_text(one), made=_text(other))
        values += 1
    return values


class _Absent:
    """The other document has no such place."""


def _pairs(place: str, found: Any, made: Any) -> Iterator[tuple[str, Any, Any]]:
    """(place, value found, value made) of every leaf of either."""
    if isinstance(found, dict) and isinstance(made, dict):
        for key in (*made, *(key for key in found if key not in made)):
            yield from _pairs(f"{place}.{key}" if place else key, found.get(key, _Absent), made.get(key, _Absent))
    elif isinstance(found, list) and isinstance(made, list):
        yield f"length of {place}", len(found), len(made)
        for number, (one, other) in enumerate(zip(found, made, strict=False)):
            yield from _pairs(f"{place}[{number}]", one, other)
    else:
        yield place, found, made


def _same(found: Any, made: Any) -> bool:
    if type(found) is float and type(made) is float:
        return math.isclose(found, made, rel_tol=_SAME, abs_tol=1e-12) or (math.isnan(found) and math.isnan(made))
    return type(found) is type(made) and bool(found == made)


def _text(value: Any) -> str:
    text = "missing" if value is _Absent else f"'{value}'" if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
