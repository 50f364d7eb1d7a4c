"""The distilled graph of every spec there is holds all that the table of the nine scenarios lists; the partner's sign-off of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from aibenchc.cli import main
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
from aibenchc.coverage.nine_scenarios import LATENCY, METRICS, NINE, TASKS, Published, published
from aibenchc.diagnostics import Diagnostics
from aibenchc.distill import Distilled, distill, settings
from aibenchc.model import Scenario
from aibenchc.syntax.files import Files
from aibenchc.syntax.parse import parse
from aibenchc.validate import validate
from paths import SPECS


def distilled(path: Path) -> tuple[Scenario, Distilled]:
    diagnostics = Diagnostics()
    files = Files(path, [], diagnostics)
    source = files.open_spec()
    assert source is not None
    spec = parse(source, diagnostics, files.open_include)
    assert spec is not None, diagnostics.all
    scenario = validate(spec, diagnostics, {}, files.open_trace)
    assert scenario is not None, diagnostics.all
    return scenario, distill(scenario.graph, settings(scenario, scenario.deployments[0].name, None))


def test_the_table_is_the_published_one() -> None:
    """The rows of arXiv 2005.03459, table 1, checked by their counts; every word in them can be looked up."""
    assert [(len(row.ai), len(row.non_ai), len(row.data), len(row.metrics), row.update) for row in NINE] == [
        (3, 3, 3, 3, "high"),
        (2, 1, 2, 2, "low"),
        (4, 3, 1, 3, "high"),
        (3, 5, 2, 3, "high"),
        (2, 1, 1, 2, "low"),
        (1, 4, 1, 2, "low"),
        (2, 2, 1, 1, "low"),
        (2, 1, 1, 2, "low"),
        (3, 1, 1, 1, "low"),
    ]
    assert {word for row in NINE for word in (*row.ai, *row.non_ai)} == set(TASKS)
    assert {word for row in NINE for word in row.metrics} == {*METRICS, LATENCY}
    assert len({row.spec for row in NINE}) == 9


def test_all_nine_scenarios_are_written() -> None:
    assert {path.stem for path in SPECS.glob("*.aib")} == {row.spec for row in NINE}


@pytest.mark.parametrize("row", NINE, ids=lambda row: row.spec)
def test_the_distilled_graph_holds_everything_listed(row: Published) -> None:
    scenario, made = distilled(SPECS / f"{row.spec}.aib")
    assert published(scenario.name) == row, "the scenario is called as its file"
    words = coverage(row, scenario, made)
    assert [word.word for word in words] == [*row.ai, *row.non_ai, *row.data, *row.metrics, row.update]
    assert missing(words) == ()
    names = {stage.name for task in made.graph.tasks for stage in task.stages}
    assert all(set(word.by) <= names for word in words if word.kind in ("AI task", "non-AI task", "update"))


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "ecommerce.aib"
    path.write_text((SPECS / "ecommerce.aib").read_text(encoding="utf-8"), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "lost"),
    [
        ("metrics { precision@10, ", "metrics { ", Covered("metric", "precision", ())),
        ("update  high every 1 h", "update  low every 1 h", Covered("update", "high", ())),
    ],
)
def test_what_is_missing_is_said(spec: Path, old: str, new: str, lost: Covered, capsys: pytest.CaptureFixture[str]) -> None:
    text = spec.read_text(encoding="utf-8")
    assert old in text
    spec.write_text(text.replace(old, new), encoding="utf-8")
    scenario, made = distilled(spec)
    row = published("ecommerce")
    assert row is not None
    assert missing(coverage(row, scenario, made)) == (lost,)
    assert main(["validate", "--spec", str(spec), "--sign", "A Partner"]) == 1
    said = capsys.readouterr()
    assert f"error[AIB646]: the distilled graph has no {lost.kind} '{lost.word}'" in said.err
    assert "covered: 12 of 13" in said.out
    assert not spec.with_name("ecommerce.signoff.toml").exists(), "what lacks something is not signed"


def test_a_sign_off_holds_until_the_distilled_graph_changes(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["validate", "--spec", str(spec)]
    assert main(command) == 0
    assert "name   ____" in capsys.readouterr().out
    assert main([*command, "--sign", 'Ada "A." Partner \\ Co.\n']) == 0
    signed = read_sign_off(spec.with_name("ecommerce.signoff.toml").read_bytes())
    assert signed.name == 'Ada "A." Partner \\ Co.\n'
    scenario, made = distilled(spec)
    assert signed.graph == graph_hash(scenario, made)
    capsys.readouterr()
    assert main(command) == 0
    assert "signed: " in capsys.readouterr().out

    text = spec.read_text(encoding="utf-8")
    spec.write_text(text.replace("service 0.22 ms", "service 0.23 ms"), encoding="utf-8")
    assert main(command) == 0, "a service time measured anew is no other graph"
    spec.write_text(text.replace("shards 2", "shards 3"), encoding="utf-8")
    capsys.readouterr()
    assert main(command) == 5
    said = capsys.readouterr()
    assert "STALE" in said.out
    assert signed.graph in said.out
    assert main([*command, "--sign", "Ada"]) == 0


def test_a_spec_of_another_name_and_a_broken_sign_off_are_told(spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec.with_name("ecommerce.signoff.toml").write_text('name = "Ada"\n', encoding="utf-8")
    assert main(["validate", "--spec", str(spec)]) == 1
    assert "error[AIB647]: the sign-off cannot be used: it has no date and no graph" in capsys.readouterr().err
    other = tmp_path / "shop.aib"
    other.write_text(spec.read_text(encoding="utf-8").replace("scenario ecommerce", "scenario ecomerce"), encoding="utf-8")
    assert main(["validate", "--spec", str(other)]) == 1
    assert "error[AIB645]: 'shop' is not one of the nine published scenarios" in capsys.readouterr().err
    assert main(["validate", "--spec", str(tmp_path / "none.aib")]) == 1
    assert main(["validate"]) == 2
    assert main(["validate", "--sign", "Ada"]) == 2


def test_what_is_no_sign_off_is_not_read_as_one() -> None:
    whole = SignOff("Ada\n\x07", "2026-01-02", "ab" * 32)
    assert read_sign_off(sign_off_text(whole, 'A "title"').encode()) == whole
    for broken in (b"\xff", b"name = ", b'name = "a"\ndate = 2026-01-02\ngraph = "x"\n'):
        with pytest.raises(SignOffError):
            read_sign_off(broken)


ESSENTIAL = """aib 1
scenario shop "A small shop search" {
  dataset goods = movielens_shop
  request text { share 100%, from goods.queries }
  task parse : query_parsing, task category : text_classification { model fasttext }
  task find  : indexing { limit 10 }, task show : database_operation { table items }
  task watch : monitoring
  permutation { text -> parse -> (category & find), category -> find -> show -> (response & watch) }
  metrics { ndcg@10, latency p50 p90 }
  update high every 1 h { category }
  load { poisson 20/s, for 30 s, warmup 3 s, seed 7 }
  essential { tasks indexing, data product "query", metrics ndcg latency, update high }
}
"""


def test_any_scenario_says_itself_what_is_essential_and_is_signed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "shop.aib"
    spec.write_text(ESSENTIAL, encoding="utf-8")
    command = ["validate", "--spec", str(spec)]
    assert main([*command, "--sign", "Ada"]) == 0
    assert "covered: 6 of 6" in capsys.readouterr().out
    scenario, made = distilled(spec)
    signed = read_sign_off(spec.with_name("shop.signoff.toml").read_bytes())
    assert signed == SignOff("Ada", signed.date, graph_hash(scenario, made))

    spec.write_text(ESSENTIAL.replace("limit 10", "limit 11"), encoding="utf-8")
    assert main(command) == 5, "the graph has changed"
    spec.write_text(ESSENTIAL.replace("data product", "data"), encoding="utf-8")
    assert main(command) == 5, "what is essential has changed"
    spec.write_text(ESSENTIAL, encoding="utf-8")
    assert main(command) == 0


@pytest.mark.parametrize(
    ("old", "new", "lost"),
    [
        ("tasks indexing", "tasks indexing monitoring", Covered("task", "monitoring", ())),
        ('"query"', "query speech", Covered("data", "speech", ())),
        ("metrics ndcg latency", "metrics recall@10 latency", Covered("metric", "recall@10", ())),
        ("update high }", "update low }", Covered("update", "low", ())),
    ],
)
def test_what_is_essential_and_missing_is_said_at_its_block(
    old: str, new: str, lost: Covered, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Monitoring is in the spec; distilling takes it out."""
    spec = tmp_path / "shop.aib"
    spec.write_text(ESSENTIAL.replace(old, new), encoding="utf-8")
    scenario, made = distilled(spec)
    assert scenario.essential is not None
    assert missing(essential_coverage(scenario.essential, scenario, made)) == (lost,)
    assert main(["validate", "--spec", str(spec), "--sign", "Ada"]) == 1
    said = capsys.readouterr().err
    assert f"error[AIB646]: the distilled graph has no {lost.kind} '{lost.word}', which A small shop search has" in said
    assert f"{spec.name}:12:3" in said
    assert not spec.with_name("shop.signoff.toml").exists()


def test_one_of_the_nine_is_judged_by_the_table_and_by_its_own_word(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = spec.read_text(encoding="utf-8")
    spec.write_text(text.replace("  metrics {", "  essential { tasks speech_recognition }\n  metrics {", 1), encoding="utf-8")
    assert main(["validate", "--spec", str(spec)]) == 1
    said = capsys.readouterr()
    assert "covered: 13 of 13" in said.out
    assert "covered: 0 of 1; missing: speech_recognition" in said.out
    assert "has no task 'speech_recognition'" in said.err
