"""A series' rows are what its runs' reports say; its page trusts nothing of them; its state is found again, and only by the same call."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from aibenchrt.collect.hashes import bind
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.report import make
from aibenchrt.report.html import SCRIPT
from aibenchrt.report.model import Estimate, FrameRow, Report
from aibenchrt.report.series.figures import judged
from aibenchrt.report.series.model import SERIES_JSON, SUMMARY_HTML, Compiled, Series, SeriesRow, UpdateOf, Word, left_over
from aibenchrt.report.series.overview import overview
from aibenchrt.report.series.page import page, write_summary
from aibenchrt.report.series.state import locked, unfinished
from aibenchrt.report.series.tables import answer_table, covers, series_tables, status, system_table, tally, update_text, why
from pydantic import ValidationError
from schema_problems import problems
from synthetic_run import Shape, write_run

SHORT = Shape(rate=25.0, duration_s=20.0)
KEY = "ab" * 32
FACTS = Compiled(
    title="A shop",
    tasks=23,
    distilled=14,
    updates=(UpdateOf(frequency="high", every_s=5400.0, tasks=("rank",)),),
    published="E-commerce search",
    words=(Word(kind="AI task", word="recommendation", by=("recommend",)), Word(kind="metric", word="recall", by=())),
)
FAILED = SeriesRow(spec="broken", state="failed", code="AIB607", message="'find' has died", exit_code=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """shop-1 is VALID, shop-2 INVALID."""
    made = tmp_path_factory.mktemp("series")
    for name, shape in (("shop-1", SHORT), ("shop-2", Shape(rate=25.0, duration_s=20.0, error_share=0.4))):
        bind(write_run(made / name, shape))
    return made


@pytest.fixture(scope="module")
def rows(folder: Path) -> tuple[SeriesRow, ...]:
    specs = (("shop", "shop-1"), ("worse", "shop-2"))
    done = [judged(SeriesRow(spec=spec, compiled=FACTS), folder / run) for spec, run in specs]
    return (*done, FAILED, SeriesRow(spec="later", compiled=FACTS))


def series_of(rows: tuple[SeriesRow, ...], finished: bool = False) -> Series:
    return Series(key=KEY, command="aibenchc run a.aib b.aib", started_utc="now", finished=finished, rows=rows, exit_code=3)


def test_a_row_is_what_the_report_of_its_run_says(folder: Path, rows: tuple[SeriesRow, ...]) -> None:
    report = Report.model_validate_json((folder / "shop-1/report.json").read_text())
    figures = rows[0].figures
    assert figures is not None
    assert rows[0].verdict == report.verdict
    assert [q.estimate for q in figures.latency] == [q.estimate for q in report.latency[0].percentiles if q.p in (50, 90)]
    assert {(q.request_class, q.metric) for q in figures.quality} == {(q.request_class, q.metric) for q in report.quality}
    assert figures.ai_share == next(f.on_path for f in report.fractions if f.of == "ai")
    assert figures.memory_mib == pytest.approx(sum(r.rss_max_mib for r in report.resources))
    serving = sum(r.cpu_mean for r in report.resources if r.role != "generator")
    assert figures.cpu_ms == pytest.approx(1000 * serving / report.traffic[0].rate_answered)
    assert (figures.answered, figures.failed) == (report.traffic[0].ok, report.traffic[0].failed + report.traffic[0].not_sent)
    assert figures.setup_s > 0
    assert figures.setup_s + figures.load_s <= figures.whole_s


def test_states_are_told_apart(rows: tuple[SeriesRow, ...]) -> None:
    assert [status(row) for row in rows][1:] == ["INVALID", "NOT RUN", "WAITING"]
    assert status(rows[0]) in ("VALID", "FAIL", "INCONCLUSIVE")
    assert why(rows[0]).startswith("VALID; ")
    assert why(rows[1]).startswith("V07 ")
    assert why(rows[2]) == "AIB607: 'find' has died"
    assert tally(series_of(rows)).startswith("1 VALID, 1 INVALID, 1 NOT RUN, 1 WAITING; ")
    assert tally(series_of(rows[2:])) == "1 NOT RUN, 1 WAITING"


def test_tables_have_a_row_for_each_spec_whatever_became_of_it(rows: tuple[SeriesRow, ...]) -> None:
    for table in series_tables(series_of(rows)):
        assert [row[0] for row in table.rows] == ["shop", "worse", "broken", "later"]
        assert all(len(row) == len(table.columns) for row in table.rows)
    system = system_table(rows).rows
    assert system[0][1:6] == ("real", "23", "14", "high, every 1.50 h", "1 of 2; missing: recall")
    assert set(system[2][1:]) == {"–"}
    assert "ndcg@10 " in answer_table(rows).rows[0][-1]
    assert covers(SeriesRow(spec="own", compiled=FACTS.model_copy(update={"published": "", "words": ()}))) == "–"


def test_frames_have_a_column_where_a_scenario_has_any(rows: tuple[SeriesRow, ...]) -> None:
    def share(value: float) -> Estimate:
        return Estimate(value=value, low=value / 2, high=2 * value, n=100, se=0.0, method="")

    assert "frames" not in answer_table(rows).columns
    figures = rows[0].figures
    assert figures is not None
    frames = FrameRow(scope="all", name="all", deadline_ms=40.0, frames=100, missed=share(0.02), dropped=share(0.01), jitter=None)
    streamed = rows[0].model_copy(update={"figures": figures.model_copy(update={"frames": frames})})
    table = answer_table((streamed, *rows[1:]))
    assert table.columns[-1] == "frames"
    shown = "later than 40 ms 2.00 [1.00, 4.00] %\ndropped 1.00 [0.500, 2.00] %"
    assert [row[-1] for row in table.rows] == [shown, "–", "–", "–"]
    assert "100: later than 40 ms" in page(series_of((streamed, *rows[1:])), {})


@pytest.mark.parametrize(
    ("every_s", "shown"),
    [(30.0, "30 s"), (60.0, "1 min"), (300.0, "5 min"), (3600.0, "1 h"), (604800.0, "7 d"), (0.5, "0.500 s")],
)
def test_an_interval_of_updates_is_written_in_its_unit(every_s: float, shown: str) -> None:
    assert update_text(UpdateOf(frequency="low", every_s=every_s, tasks=())) == f"low, every {shown}"


def test_the_state_is_as_its_schema_says(tmp_path: Path, rows: tuple[SeriesRow, ...]) -> None:
    write_summary(tmp_path, series_of(rows))
    document = json.loads((tmp_path / SERIES_JSON).read_text())
    assert problems("series", document) == []
    assert problems("series", {**document, "more": 1}) != []
    assert Series.model_validate(document) == series_of(rows)


@pytest.mark.parametrize("run", ["../elsewhere", "/etc", "a/b", ".", "..", "-rf", "a b", 'a"b', "javascript:alert(1)", "a\n", "x" * 201])
def test_a_run_is_a_plain_name_beside_the_page(run: str) -> None:
    with pytest.raises(ValidationError):
        SeriesRow(spec="shop", run=run)


def test_a_report_that_is_there_is_made_anew_only_where_the_run_is_another(tmp_path: Path) -> None:
    directory = write_run(tmp_path / "shop", SHORT)
    bind(directory)
    first = judged(SeriesRow(spec="shop"), directory)
    stamp = (directory / "report.html").stat().st_mtime_ns
    assert judged(SeriesRow(spec="shop"), directory) == first
    assert (directory / "report.html").stat().st_mtime_ns == stamp
    (directory / "report.json").write_text("{")
    assert judged(SeriesRow(spec="shop"), directory) == first
    assert (directory / "report.html").stat().st_mtime_ns > stamp
    document = json.loads((directory / "run.json").read_text())
    (directory / "run.json").write_text(json.dumps({**document, "title": "another"}))  # the hashes say so
    assert judged(SeriesRow(spec="shop"), directory).verdict != first.verdict
    (directory / "run.json").unlink()
    with pytest.raises(EnvironmentFailure, match="AIB609"):
        judged(SeriesRow(spec="shop"), directory)


def test_the_series_that_was_stopped_is_found_and_no_other(tmp_path: Path, rows: tuple[SeriesRow, ...]) -> None:
    told: list[str] = []

    def found(key: str = KEY) -> str:
        of = unfinished(tmp_path, key, told.append, lambda folder: "others can write to it" if folder.name.endswith("open") else "")
        return of[0].name if of else ""

    def write(name: str, series: Series | None) -> None:
        (tmp_path / name).mkdir()
        if series is not None:
            write_summary(tmp_path / name, series)

    assert found() == ""
    write("series-1", series_of(rows))
    write("series-2", series_of(rows))
    write("series-3", series_of(rows, finished=True))
    write("series-4", None)
    assert found() == "series-2"
    assert found("cd" * 32) == ""
    assert told == []
    write("series-5", None)
    (tmp_path / "series-5" / SERIES_JSON).write_text("{")
    write("series-6-open", series_of(rows))
    (tmp_path / "series-7").symlink_to(tmp_path / "series-1")
    assert found() == "series-2"
    assert len(told) == 2
    assert "series-6-open is not gone on with: others can write to it" in told[0]
    assert "series-5/series.json cannot be read" in told[1]


def test_one_process_at_a_time_goes_on_with_a_series(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(EnvironmentFailure, match="AIB766"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


def test_a_run_that_belongs_to_no_row_was_left_over(tmp_path: Path, rows: tuple[SeriesRow, ...]) -> None:
    for name in ("shop-1", "shop-2", "shop-3"):
        (tmp_path / name).mkdir()
    os.symlink(tmp_path, tmp_path / "link")
    (tmp_path / "file").write_text("")
    assert left_over(tmp_path, rows) == ("shop-3",)


def test_the_picture_has_every_run_with_a_latency_and_says_so_in_words(rows: tuple[SeriesRow, ...]) -> None:
    drawn = overview(rows)
    assert "Latency and share of AI of 2 scenarios. shop: p50 " in drawn
    assert ">worse (INVALID)<" in drawn
    assert overview(rows[2:]) == ""


def test_the_page_links_to_the_reports_that_are_there(folder: Path, tmp_path: Path, rows: tuple[SeriesRow, ...]) -> None:
    shutil.copytree(folder, tmp_path / "series")
    text = write_summary(tmp_path / "series", series_of(rows).model_copy(update={"interrupted": ("later-1",)})).read_text()
    for name in ("shop-1", "shop-2"):
        assert f'<a href="{name}/{make.REPORT_HTML}">' in text
        assert (tmp_path / "series" / name / make.REPORT_HTML).is_file()
    assert text.count("The scenario as it ran, from left to right") == 2
    assert "the same command goes on from here" in text
    assert "<dt>later-1</dt>" in text
    assert text.count(SCRIPT) == 1
    (tmp_path / "series/shop-1/plan.json").write_text("{")
    assert write_summary(tmp_path / "series", series_of(rows)).read_text().count("The scenario as it ran") == 1
    assert (tmp_path / "series" / SUMMARY_HTML).is_file()
