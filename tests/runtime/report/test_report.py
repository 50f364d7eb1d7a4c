"""The report of simulated runs: figures against the records, nothing below its sample limit, one page that fetches nothing."""

from __future__ import annotations

import html
import itertools
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from aibenchrt.collect import schema
from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.collect.records import RequestRecord
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.figure_format import number
from aibenchrt.report import quality, record_ablation, report, statistics
from aibenchrt.report.ablation import compare
from aibenchrt.report.critical_path import critical_paths
from aibenchrt.report.figures import path_rows
from aibenchrt.report.model import Report
from aibenchrt.report.pictures import AI, BAD, CLASSES, GOOD, PLANNER, SERVICE, SHADES, contrast, readable_on
from aibenchrt.report.tables import tables
from recorded import answer_entries, held_out, shown
from synthetic_run import Shape, write_run


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "run", Shape(duration_s=60, supplement_images=2100, error_share=0.005))


@pytest.fixture(scope="module")
def run(directory: Path) -> Run:
    return read_run(directory)


@pytest.fixture(scope="module")
def made(directory: Path) -> Report:
    return report(directory)


def test_records_survive_the_files(run: Run, tmp_path: Path) -> None:
    schema.write(tmp_path / "requests.parquet", run.requests, RequestRecord)
    assert schema.read(tmp_path / "requests.parquet", RequestRecord) == run.requests
    assert run.requests[5].answer
    assert len(run.measured) > 2000


@pytest.mark.parametrize("name", ["run.json", "plan.json", "requests.parquet", "calls.parquet", "truth.parquet", "triton.json"])
@pytest.mark.parametrize("damage", ["missing", "cut", "other"])
def test_a_damaged_directory_is_a_coded_failure(directory: Path, tmp_path: Path, name: str, damage: str) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(directory, broken)
    if damage == "missing":
        (broken / name).unlink()
    elif damage == "cut":
        (broken / name).write_bytes((broken / name).read_bytes()[:-1] if name == "triton.json" else (directory / name).read_bytes()[:100])
    else:
        (broken / name).write_bytes(b"[1, 2]")
    with pytest.raises(EnvironmentFailure) as failure:
        read_run(broken)
    assert failure.value.code == "AIB609"
    assert name in failure.value.message


def test_no_percentile_stands_on_too_few_samples(made: Report) -> None:
    shown = hidden = 0
    for row in made.latency:
        for q in row.percentiles:
            assert (q.estimate is None) == (row.n < statistics.samples_needed(q.p)), (row.name, q.p)
            shown, hidden = shown + (q.estimate is not None), hidden + (q.estimate is None)
    assert shown
    assert hidden
    picture = next(row for row in made.latency if row.scope == "class" and row.name == "image")
    assert picture.n < 200
    assert [q.estimate is None for q in picture.percentiles] == [False, True, True]
    supplement = next(row for row in made.latency if row.scope == "supplement")
    assert supplement.percentiles[-1].estimate is not None
    assert all(r.p < 99 for r in made.ratios if r.task == "picture")


def test_whole_path_percentiles_are_those_of_the_records(run: Run, made: Report) -> None:
    measured = [r for r in run.requests if r.phase == "measured"]
    assert any(r.outcome != "ok" for r in measured)
    values = [(r.done_ns - r.intended_ns) / 1e6 if r.outcome == "ok" else 1e9 for r in measured]  # failures rank as slower than all
    whole = {q.p: q.estimate for q in made.latency[0].percentiles}
    assert whole[99] is not None
    assert whole[99].value == pytest.approx(np.quantile(values, 0.99))
    assert whole[99].low < whole[99].value < whole[99].high


def test_critical_paths_add_up_to_the_response_time(run: Run) -> None:
    paths = critical_paths(run)
    assert len(paths) == sum(r.outcome == "ok" for r in run.measured)
    for path in paths[:200]:
        assert path.calls[0].task in ("parse", "picture")
        assert path.calls[-1].task in ("cache", "summary")
        assert not path.broken
        assert path.overhead_ns + sum(c.end_ns - c.start_ns for c in path.calls) == path.response_ns
        assert "clicks" not in {c.task for c in path.calls}
    rows = [r for r in path_rows(run.plan, paths) if r.request_class == "all"]
    assert sum(r.time for r in rows) == pytest.approx(1.0)
    assert sum(r.mean_ms for r in rows) == pytest.approx(np.mean([p.response_ns for p in paths]) / 1e6)


def test_ratio_is_whole_over_component(made: Report) -> None:
    ratio = next(r for r in made.ratios if r.task == "recommend" and r.p == 99)
    rows = {(r.scope, r.name): r for r in made.latency}
    whole, part = rows["whole path", "all"].percentiles[-1].estimate, rows["component", "recommend"].percentiles[-1].estimate
    assert whole is not None
    assert part is not None
    assert ratio.estimate.value == pytest.approx(whole.value / part.value, rel=0.02)
    assert ratio.estimate.low < ratio.estimate.value < ratio.estimate.high


def test_quality_counts_failures_as_empty_answers(run: Run) -> None:
    metric = "precision@10"
    requests = quality.with_truth(run, run.measured, metric)
    scored = quality.scores(run, requests, metric)
    truths = [set(held_out(run.truth_of[r.request_id])) for r in requests]
    by_hand = [len(set(shown(r)[:10]) & truth) / 10 if r.outcome == "ok" else 0.0 for r, truth in zip(requests, truths, strict=True)]
    assert scored.values == pytest.approx(by_hand)
    row = next(q for q in quality.quality_rows(run, np.random.default_rng(1)) if q.metric == metric and q.request_class == "all")
    assert row.failed > 0
    assert row.ok_only is not None
    assert row.ok_only > row.estimate.value
    assert row.estimate.low < row.estimate.value < row.estimate.high


def test_answers_keep_their_order(run: Run) -> None:
    """Ten relevant goods first is an ndcg of 1; the same goods last is less."""
    request = run.measured[0]
    truth = held_out(run.truth_of[request.request_id])
    others = tuple(range(10**6, 10**6 + 6))
    best = quality.scores(run, [replace(request, outcome="ok", answer=answer_entries(ranking=(*truth, *others)))], "ndcg@10")
    worst = quality.scores(run, [replace(request, outcome="ok", answer=answer_entries(ranking=(*others, *truth)))], "ndcg@10")
    assert best.value == pytest.approx(1.0)
    assert worst.value < 0.7


def test_classifiers_are_scored_in_the_run_and_a_winning_baseline_is_named(made: Report) -> None:
    seen = next(m for m in made.models if m.task == "category" and m.where == "in this run")
    assert seen.value == pytest.approx(0.84, abs=0.04)
    assert [m.task for m in made.models if m.baseline_wins] == ["recommend"]
    text = next(t for t in tables(made) if t.key == "models")
    assert any("baseline wins" in row for row in text.rows)


def test_choices_are_compared_with_their_expectation(made: Report) -> None:
    shares = {(c.choice, c.arm): c for c in made.choices}
    assert shares["cache_hit", 0].observed.value == pytest.approx(0.15, abs=0.03)
    assert shares["tiers", 0].observed.value == 1.0
    assert shares["tiers", 1].observed.low < 0.33 < shares["tiers", 1].observed.high
    assert shares["tiers", 1].tasks == ("rest",)
    assert shares["cache_hit", 0].decided_by == "cache.hit"


def test_ablation_is_paired_and_sees_what_a_component_is_worth(run: Run, tmp_path: Path) -> None:
    shape = Shape(duration_s=60, supplement_images=2100, error_share=0.005)
    same = read_run(write_run(tmp_path / "same", shape))
    assert all(d.difference.value == 0 for d in compare(run, same, np.random.default_rng(1)))
    variant = read_run(write_run(tmp_path / "random", replace(shape, override=("rank", "random"))))
    rows = {(d.metric, d.request_class): d for d in compare(run, variant, np.random.default_rng(1))}
    assert rows["ndcg@10", "all"].worse
    assert rows["ndcg@10", "text"].worse
    assert rows["ndcg@10", "all"].overrides == ("rank=random",)
    back = {(d.metric, d.request_class): d for d in compare(variant, run, np.random.default_rng(1))}
    assert back["ndcg@10", "all"].better
    record_ablation(same.directory, [variant.directory])
    table = next(t for t in tables(report(same.directory)) if t.key == "ablation")
    assert {row[0] for row in table.rows} == {"rank=random"}
    assert {row[-1] for row in table.rows if row[2] != "image"} == {"worse"}


def test_every_table_has_a_legend_and_as_many_cells_as_columns(made: Report) -> None:
    shown_tables = tables(made)
    assert {"verdict", "latency", "quality", "models", "references", "ratios", "fractions", "paths", "errors", "choices"} <= {
        t.key for t in shown_tables
    }
    for table in shown_tables:
        assert len(table.legend) > 20, table.key
        assert all(len(row) == len(table.columns) for row in table.rows), table.key


def test_the_page_fetches_nothing_and_runs_its_own_script_alone(directory: Path, made: Report) -> None:
    text = (directory / "report.html").read_text()
    outside = re.findall(r"""(?:src|href|action|data)\s*=\s*["'](?!#)([^"']*)""", text)
    assert set(outside) <= {path.name for path in directory.iterdir()}, "links lead to files of the run alone"
    assert {"run.json", "report.json", "requests.parquet", "calls.parquet"} <= set(outside)
    assert not re.findall(r"url\(\s*['\"]?(?!#)", text)
    assert text.count("<script") == 1  # the one that sorts tables; tests/hostile/test_page.py looks at what it is
    assert "@import" not in text
    assert "://" not in text
    assert text.count("<svg") >= 7
    assert "&lt;b&gt;&amp;&lt;/b&gt; paraphrases" in text  # text of the run is text in the page
    assert json.loads((directory / "report.json").read_text())["version"] == 1
    assert Report.model_validate_json((directory / "report.json").read_text()) == made


@pytest.mark.usefixtures("made")
def test_the_same_run_gives_the_same_report(directory: Path) -> None:
    first = (directory / "report.html").read_bytes(), (directory / "report.json").read_bytes()
    report(directory)
    assert ((directory / "report.html").read_bytes(), (directory / "report.json").read_bytes()) == first


def test_a_run_with_hardly_any_request_still_gets_its_report(tmp_path: Path) -> None:
    tiny = write_run(tmp_path / "tiny", Shape(duration_s=0.3))
    made = report(tiny)
    assert not made.verdict.valid
    assert all(q.estimate is None for row in made.latency for q in row.percentiles)


def test_a_run_in_which_everything_failed_still_gets_its_report(tmp_path: Path) -> None:
    made = report(write_run(tmp_path / "bad", Shape(error_share=1.0, duration_s=20)))
    assert "V07" in {r.code for r in made.verdict.reasons}
    assert made.latency[0].n == 0
    assert made.errors[0].message == "rank: deadline exceeded"


def rules(css: str) -> dict[str, dict[str, str]]:
    """Selector → its declarations, of style rules outside @ blocks."""
    plain = re.sub(r"@[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", "", css)
    declared: dict[str, dict[str, str]] = {}
    for selector, body in re.findall(r"([^{}]+)\{([^{}]*)\}", plain):
        pairs = (entry.split(":", 1) for entry in body.split(";") if ":" in entry)
        declared.setdefault(selector.strip(), {}).update({name.strip(): value.strip() for name, value in pairs})
    return declared


def style(directory: Path) -> str:
    (css,) = re.findall(r"<style>(.*?)</style>", (directory / "report.html").read_text(), re.S)
    return str(css)


@pytest.mark.usefixtures("made")
def test_every_text_of_the_page_can_be_read_on_its_background(directory: Path) -> None:
    schemes = [dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block)) for block in re.findall(r":root \{(.*?)\}", style(directory), re.S)]
    assert len(schemes) == 3  # light, dark, print
    for colours in schemes:
        for ink in ("ink", "soft", "accent", "pass", "fail", "open", "none"):
            for surface in ("paper", "card"):
                assert contrast(colours[ink], colours[surface]) >= 4.5, (ink, surface)
    for colour in itertools.chain(*SHADES.values()):  # of bars, which have text on them
        assert contrast(readable_on(colour), colour) >= 4.5, colour
    for colour in (AI, SERVICE, PLANNER, GOOD, BAD, *CLASSES):
        assert min(contrast(colour, scheme["card"]) for scheme in schemes) >= 3, colour
    assert (contrast("#000000", "#ffffff"), contrast("#777777", "#ffffff")) == (21, pytest.approx(4.48, abs=0.01))


@pytest.mark.usefixtures("made")
def test_the_page_prints_whole_and_fits_a_telephone(directory: Path) -> None:
    css = style(directory)
    assert "landscape" in rules(css.replace("@page", "page"))["page"]["size"]
    printed = css[css.index("@media print") :]
    assert re.search(r"\.scroll, figure, pre \{[^}]*overflow: visible", printed), "nothing is clipped on paper"
    assert re.search(r"nav \{[^}]*display: none", printed)
    wide = {selector for selector, given in rules(css).items() if re.fullmatch(r"\d{3,}px", given.get("min-width", ""))}
    assert wide == {"figure svg", "figure.graph svg"}
    assert rules(css)["figure"]["overflow-x"] == rules(css)[".scroll"]["overflow-x"] == "auto", "what is wider scrolls in itself"
    assert rules(css)["nav"]["position"] == "sticky"


def test_a_picture_says_in_words_what_is_seen_in_it(directory: Path, made: Report) -> None:
    said = [html.unescape(text) for text in re.findall(r'role="img" aria-label="([^"]*)">', (directory / "report.html").read_text())]
    assert len(said) == len(set(said)) >= 7
    p50 = next(p.estimate.value for p in made.latency[0].percentiles if p.estimate)
    assert f"Whole path: p50 {number(p50)} ms" in said[0]
    assert any("of the critical path" in text and "AI" in text for text in said)
    assert said[-1].startswith(f"The scenario as it ran, from left to right: {len(made.traffic) - 1} request classes")
