"""Every figure of report.json, verdict.json, ablation.json and audit.json names its definition; the page leads from each column to it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aibenchrt.report import report
from aibenchrt.report.definitions import BY_ID, DEFINITIONS, definition_of
from aibenchrt.report.schemas.published import schemas
from aibenchrt.report.tables import tables
from synthetic_run import Shape, write_run

FIGURES = ("report.schema.json", "verdict.schema.json", "ablation.schema.json", "audit.schema.json")
CONSISTS = ("Estimate", "Percentile", "BeyondAnswers")  # of figures: a field of such a type is one


def is_figure(described: dict[str, Any]) -> bool:
    """Whether a field holds a number, an estimate, or a mapping or array of them."""
    if described.get("type") in ("number", "integer"):
        return "const" not in described
    inside = [*described.get("anyOf", ()), described.get("items"), described.get("additionalProperties")]
    return described.get("$ref", "").rpartition("/")[2] in CONSISTS or any(is_figure(part) for part in inside if isinstance(part, dict))


def fields() -> Iterator[tuple[str, dict[str, Any]]]:
    """'Class.field' → what the published schemas say of it."""
    for name in FIGURES:
        document = json.loads(schemas()[name])
        for own in (document, *document["$defs"].values()):
            yield from ((f"{own['title']}.{field}", described) for field, described in own.get("properties", {}).items())


def test_no_figure_is_without_its_definition() -> None:
    described = dict(fields())
    figures = {place for place, said in described.items() if is_figure(said)}
    held_by = {"Percentile.beyond"}  # what a row of BeyondAnswers holds is defined field by field
    assert figures - held_by == set(BY_ID)
    assert len(figures) > 90
    for place, said in described.items():
        if place in BY_ID:
            assert said["x-definition"] == place
            assert said["description"] == BY_ID[place].text


def test_a_definition_says_what_of_how_and_in_which_unit() -> None:
    assert len(BY_ID) == len(DEFINITIONS)
    for definition in DEFINITIONS:
        assert all((definition.name, definition.unit, definition.of, definition.formula)), definition.id


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("defined") / "run", Shape(error_share=0.01, supplement_images=40))


def test_every_column_of_figures_leads_to_its_definition(directory: Path) -> None:
    made = report(directory)
    page = (directory / "report.html").read_text()
    anchors = set(re.findall(r'<dt id="(def-[\w.]+)">', page))
    assert anchors == {definition.anchor for definition in DEFINITIONS}
    links = re.findall(r'<th[^>]*>([^<]*) <a class="def" href="#(def-[\w.]+)"', page)
    assert {anchor for _, anchor in links} <= anchors
    columns = [(table.key, table.columns[at]) for table in tables(made) for at in table.numeric]
    assert not [column for column in columns if definition_of(*column) is None]
    assert len(links) >= len(columns) > 50
