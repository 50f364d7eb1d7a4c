"""From a run to a measurements file and back into distilling; the prediction beside the measurement; report and verdict in one."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import aibenchrt.report.make
import pytest
from aibenchc.cli import main
from aibenchc.cli.output import in_colour
from aibenchc.distill import read_measurements
from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.plan import PlanPrediction
from aibenchrt.report import report
from aibenchrt.report.analysis import Analysis
from aibenchrt.report.make import make_report
from aibenchrt.report.measurements import service_times
from aibenchrt.report.model import Report, Verdict
from aibenchrt.report.tables import tables
from aibenchrt.report.validity import Limits
from synthetic_run import KIND, MEAN_MS, Shape, write_run


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "run", Shape(supplement_images=100))


@pytest.fixture(scope="module")
def run(directory: Path) -> Run:
    return read_run(directory)


def test_measured_service_times_are_the_simulated_ones(run: Run) -> None:
    times = service_times(run)
    assert times.left_out == ()
    assert set(times.values) == {f"{task}.m" if kind == "ai" else task for task, kind in KIND.items()}
    for key, metrics in times.values.items():
        assert metrics["service_ms"] == pytest.approx(MEAN_MS[key.split(".")[0]], rel=0.2)


def test_what_a_run_says_too_little_of_is_left_out_and_named(tmp_path: Path) -> None:
    few = service_times(read_run(write_run(tmp_path / "few", Shape(duration_s=20, override=("rank", "random")))))
    assert not {"rank.m", "picture.m"} & set(few.values)
    assert few.left_out[0].startswith("picture: ")
    assert few.left_out[1:] == ("rank: its answers were replaced",)


def test_stages_of_a_combined_task_are_measured_each(run: Run) -> None:
    first = run.plan.steps[0]
    stages = tuple(first.stages[0].model_copy(update={"name": name}) for name in ("parse", "spell"))
    steps = (first.model_copy(update={"stages": stages}), *run.plan.steps[1:])
    calls = tuple(replace(c, stages=("parse=200000", "spell=300000")) if c.task == "parse" else c for c in run.calls)
    times = service_times(replace(run, plan=run.plan.model_copy(update={"steps": steps}), calls=calls))
    assert (times.values["parse"], times.values["spell"]) == ({"service_ms": 0.2}, {"service_ms": 0.3})


def test_report_writes_what_compile_reads(directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "measured.json"
    assert main(["report", str(directory), "--measurements", str(file)]) == 0
    assert f"wrote {file}: mean service times of 10 tasks" in capsys.readouterr().err
    read = read_measurements(file.read_bytes())
    assert read.of("recommend", "m", "service_ms") == pytest.approx(9, rel=0.2)
    assert json.loads(file.read_text()) == read.values


def test_validate_with_its_report_analyses_once(
    directory: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[object] = []
    analyse = aibenchrt.report.make.analyse

    def counted(run: Run, *limits: Limits) -> Analysis:
        done.append(run)
        return analyse(run, *limits)

    monkeypatch.setattr(aibenchrt.report.make, "analyse", counted)
    alone = main(["validate", str(directory)])
    verdict = Verdict.model_validate_json((directory / "verdict.json").read_text())
    (directory / "verdict.json").unlink()
    capsys.readouterr()
    assert main(["validate", str(directory), "--report"]) == alone == verdict.exit_code
    out, err = capsys.readouterr()
    assert len(done) == 2  # one for each command
    assert "Critical path" not in out
    assert err.splitlines()[-1].startswith("VALID by all ")
    assert f"exit code {verdict.exit_code} (" in err.splitlines()[-1]
    assert err.endswith(f"next: open {directory / 'report.html'}\n")
    assert main(["validate", str(directory), "--report", "full"]) == alone
    assert "Critical path" in capsys.readouterr().out
    assert out.count("Targets and references") == out.count("Latency, ms") == 1
    assert Verdict.model_validate_json((directory / "verdict.json").read_text()) == verdict
    assert Report.model_validate_json((directory / "report.json").read_text()).verdict == verdict
    assert out.endswith(f"{directory / 'report.html'}\n")


def test_verdict_and_report_as_json(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["validate", str(directory), "--json"])
    judged = Verdict.model_validate_json(capsys.readouterr().out)
    assert judged == Verdict.model_validate_json((directory / "verdict.json").read_text())
    assert judged.exit_code == code
    assert main(["report", str(directory), "--json"]) == 0
    assert Report.model_validate_json(capsys.readouterr().out).verdict == judged


def test_an_invalid_run_exits_3_with_its_report_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = write_run(tmp_path / "bad", Shape(slo_percentile=99))
    assert main(["report", str(bad)]) == 0
    assert "; exit code 0 (of `validate`: 3, the run is INVALID); next: aibenchc explain V08\n" in capsys.readouterr().err
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert main(["validate", str(bad), "--report"]) == 3
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("\x1b[1;31mINVALID by 1 of ")
    assert "; decided by V08 too few samples: " in last
    assert "; exit code 3 (the run is INVALID); next: aibenchc explain V08" in last
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["validate", str(bad)]) == 3
    assert capsys.readouterr().err.splitlines()[-1].startswith("INVALID by 1 of ")


COLOURED = [
    ({}, True, True),
    ({}, False, False),
    ({"TERM": "dumb"}, True, False),
    ({"NO_COLOR": "1"}, True, False),
    ({"NO_COLOR": ""}, True, True),
    ({"FORCE_COLOR": "1"}, False, True),
    ({"FORCE_COLOR": "1", "TERM": "dumb"}, True, True),
    ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
]


@pytest.mark.parametrize(("environment", "terminal", "coloured"), COLOURED)
def test_colours_are_for_terminals(environment: dict[str, str], terminal: bool, coloured: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stream(io.StringIO):
        def isatty(self) -> bool:
            return terminal

    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert in_colour(Stream()) is coloured


def test_the_prediction_stands_beside_the_measurement(run: Run, directory: Path) -> None:
    assert report(directory).prediction == ()
    predicted = PlanPrediction(mean_ms=10.0, p99_ms=40.0)
    made, _ = make_report(replace(run, plan=run.plan.model_copy(update={"prediction": predicted})))
    whole = made.latency[0]
    assert [(row.figure, row.predicted_ms) for row in made.prediction] == [("mean", 10.0), ("p99", 40.0)]
    assert [row.measured for row in made.prediction] == [whole.mean, whole.percentiles[-1].estimate]
    (table,) = [table for table in tables(made) if table.key == "prediction"]
    assert [row[:2] for row in table.rows] == [("mean", "10.0"), ("p99", "40.0")]
