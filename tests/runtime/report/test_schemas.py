"""The published JSON Schemas are those of the models, and what is compiled and what a run leaves is as they say."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from aibenchrt.collect import schema
from aibenchrt.collect.hashes import bind
from aibenchrt.collect.kept_scores import EXPORT_FILE, SCORES_FILE
from aibenchrt.collect.recorded_run import read_run
from aibenchrt.collect.records import ScoreRecord
from aibenchrt.collect.schema import FILES
from aibenchrt.report import report
from aibenchrt.report.compare.make import compare
from aibenchrt.report.schemas.published import FOLDER, schemas
from exported import unpacked
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from paths import ROOT
from schema_problems import problems
from synthetic_run import Shape, write_run

SHORT = Shape(rate=25.0, duration_s=20.0)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = write_run(tmp_path_factory.mktemp("schemas") / "run", SHORT)
    bind(directory)
    report(directory)
    return directory


def test_the_published_schemas_are_those_of_the_models() -> None:
    published = {path.name: path.read_text() for path in FOLDER.glob("*.schema.json")}
    assert published == schemas(), "write them anew: python -m aibenchrt.report.schemas"
    for text in published.values():
        Draft202012Validator.check_schema(json.loads(text))


@pytest.mark.parametrize("scenario", sorted(path.parent.name for path in (ROOT / "generated").glob("*/plan.json")))
def test_what_is_compiled_is_as_its_schema_says(scenario: str) -> None:
    for name in ("plan", "load"):
        assert problems(name, json.loads((ROOT / "generated" / scenario / f"{name}.json").read_text())) == []


@pytest.mark.parametrize("name", ["plan", "run", "hashes", "report", "verdict"])
def test_what_a_run_leaves_is_as_its_schema_says(run: Path, name: str) -> None:
    document = json.loads((run / f"{name}.json").read_text())
    assert problems(name, document) == []
    assert problems(name, {**document, "more": 1}) != []
    needed = json.loads((FOLDER / f"{name}.schema.json").read_text())["required"]
    assert needed
    for key in needed:
        assert problems(name, {other: value for other, value in document.items() if other != key}) != [], key


def test_every_row_of_the_records_is_as_its_schema_says(run: Path) -> None:
    records = read_run(run)
    for name in FILES:
        if name == SCORES_FILE:  # of an export
            continue
        stem = Path(name).stem
        rows = getattr(records, stem)
        assert problems(stem, json.loads(json.dumps(asdict(rows[0])))) == []
        assert problems(stem, {}) != []


def test_an_export_is_as_its_schemas_say(run: Path, tmp_path: Path) -> None:
    folder = unpacked(run, tmp_path).folder
    said = json.loads((folder / EXPORT_FILE).read_bytes())
    assert problems("export", said) == []
    assert problems("export", {**said, "made_from": 1}) != []
    score = schema.read(folder / SCORES_FILE, ScoreRecord)[0]
    assert problems("scores", json.loads(json.dumps(asdict(score)))) == []


def test_a_comparison_is_as_its_schema_says(run: Path, tmp_path: Path) -> None:
    other = write_run(tmp_path / "other", Shape(rate=25.0, duration_s=20.0, seed=2, deployment="d2"))
    assert problems("comparison", compare([[run], [other]]).model_dump(mode="json")) == []
