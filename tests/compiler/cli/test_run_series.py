"""run SPEC SPEC…: each spec in its turn, whatever became of the others; stopped and gone on with; one page and one exit code."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from aibenchc.cli import main, series
from aibenchc.cli.verbs import BY_NAME
from aibenchrt.collect.hashes import bind
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.exit_codes import ExitCode, gravest
from aibenchrt.report.series.model import SERIES_JSON, SUMMARY_HTML, Series
from paths import TEST_SPECS
from synthetic_run import Shape, write_run

SMALL, TWO = TEST_SPECS / "small.aib", TEST_SPECS / "two_tasks.aib"
VALID = Shape(rate=25.0, duration_s=20.0)
INVALID = Shape(rate=25.0, duration_s=20.0, error_share=0.4)

LOST = EnvironmentFailure("AIB653", stage="rank")

Becomes = Shape | BaseException | None
NONE_RUNS: dict[str, Becomes] = dict.fromkeys(("one", "two", "three"), LOST)


@pytest.fixture
def specs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """one, two and three compile."""
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two", "three"):
        (tmp_path / f"{name}.aib").write_text(TWO.read_text())
    return ["one.aib", "two.aib", "three.aib"]


def recorded(becomes: dict[str, Becomes], ran: list[str]) -> Callable[[argparse.Namespace], Path | None]:
    """What takes the place of deploying: the run of a spec is a recorded one of that shape, or ends as it says."""

    def run_once(arguments: argparse.Namespace) -> Path | None:
        ran.append(arguments.spec.stem)
        shape = becomes[arguments.spec.stem]
        directory = arguments.runs / f"{arguments.spec.stem}-{len(list(arguments.runs.iterdir()))}"
        if isinstance(shape, BaseException):
            directory.mkdir()
            raise shape
        if shape is None:
            return None
        bind(write_run(directory, shape))
        return directory

    return run_once


def go(words: list[str], becomes: dict[str, Becomes]) -> tuple[int, list[str]]:
    """Exit code, and the specs that ran."""
    ran: list[str] = []
    return series.run(BY_NAME["run"].read(words), recorded(becomes, ran)), ran


def kept() -> list[Series]:
    """Every series below runs/, the earliest first."""
    return [Series.model_validate_json((path / SERIES_JSON).read_text()) for path in sorted(Path("runs").glob("series-*"))]


def test_what_one_spec_does_stops_no_other_and_decides_the_exit_code(specs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    Path("two.aib").write_text(TWO.read_text().replace("query_parsing", "query_parsin"))
    code, ran = go(["unheard.aib", *specs], {"one": VALID, "three": LOST})
    shown = capsys.readouterr()
    (made,) = kept()
    assert ran == ["one", "three"]
    assert [row.spec for row in made.rows] == ["unheard", "one", "two", "three"]
    assert [row.state for row in made.rows] == ["failed", "judged", "failed", "failed"]
    assert [row.code for row in made.rows] == ["AIB011", "", "AIB102", "AIB653"]
    assert code == made.exit_code == ExitCode.ENVIRONMENT
    assert "scenario 3 of 4: two" in shown.err
    assert "query_parsing" in shown.err, "the diagnostic, with its way out"
    assert "no model for 'rank'" in shown.err
    last = shown.err.splitlines()[-1]
    assert last.startswith("1 VALID, 3 NOT RUN; ")
    assert "exit code 2 (a run failed)" in last
    assert f"page: {shown.out.splitlines()[-1]}" in last
    assert last.endswith("next: aibenchc explain AIB011")
    page = Path(shown.out.splitlines()[-1]).read_text()
    assert "AIB653: no model for &#39;rank&#39;" in page
    assert f'href="{made.rows[1].run}/report.html"' in page
    assert [name.partition("-")[0] for name in made.interrupted] == ["three"]


@pytest.mark.parametrize(
    ("becomes", "code"),
    [
        ({"one": VALID, "two": VALID}, None),
        ({"one": VALID, "two": INVALID}, ExitCode.INVALID),
        ({"one": INVALID, "two": LOST}, ExitCode.ENVIRONMENT),
        ({"one": ZeroDivisionError("no"), "two": LOST}, ExitCode.OURS),
        ({"one": None, "two": VALID}, ExitCode.ENVIRONMENT),
    ],
)
def test_the_gravest_row_decides(specs: list[str], becomes: dict[str, Becomes], code: ExitCode | None) -> None:
    given, ran = go(specs[:2], becomes)
    assert ran == ["one", "two"]
    (made,) = kept()
    assert given == made.exit_code == (code if code is not None else gravest(row.exit_code for row in made.rows))
    assert [row.exit_code for row in made.rows if row.verdict] == [row.verdict.exit_code for row in made.rows if row.verdict]


def test_the_same_call_goes_on_where_it_was_stopped(specs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        go(specs, {"one": VALID, "two": LOST, "three": KeyboardInterrupt()})
    (stopped,) = kept()
    assert not stopped.finished
    assert [row.state for row in stopped.rows] == ["judged", "failed", "waiting"]
    assert len(stopped.interrupted) == 2
    assert "stopped in scenario 3 of 3" in capsys.readouterr().err
    assert go([*specs, "--rate", "11"], NONE_RUNS)[1] == ["one", "two", "three"], "another series"
    assert go(specs[::-1], NONE_RUNS)[1] == ["three", "two", "one"], "another one"
    _, ran = go(specs, {"two": VALID, "three": VALID})
    assert ran == ["two", "three"], "what failed is tried again, what was measured is kept"
    first = kept()[0]
    assert first.finished
    assert first.rows[0] == stopped.rows[0]
    assert first.interrupted == stopped.interrupted
    assert go(specs, NONE_RUNS)[1] == ["one", "two", "three"], "a finished one is not gone on with"
    assert len(kept()) == 4


def test_a_changed_spec_is_another_series(specs: list[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        go(specs, {"one": VALID, "two": KeyboardInterrupt()})
    Path("three.aib").write_text(SMALL.read_text())
    assert go(specs, NONE_RUNS)[1] == ["one", "two", "three"]


def test_a_run_that_ended_is_judged_and_one_that_was_damaged_runs_anew(specs: list[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        go(specs, {"one": VALID, "two": VALID, "three": KeyboardInterrupt()})
    (folder,) = Path("runs").glob("series-*")
    document = json.loads((folder / SERIES_JSON).read_text())
    document["rows"][1] |= {"state": "waiting", "verdict": None, "figures": None}  # killed before it was judged
    (folder / SERIES_JSON).write_text(json.dumps(document))
    (folder / document["rows"][1]["run"] / "report.json").unlink()
    (folder / document["rows"][0]["run"] / "requests.parquet").write_bytes(b"")
    (folder / document["rows"][0]["run"] / "report.json").unlink()
    _, ran = go(specs, {"one": VALID, "three": VALID})
    assert ran == ["one", "three"]
    (made,) = kept()
    assert made.finished
    assert [row.state for row in made.rows] == ["judged"] * 3
    assert made.interrupted[0] == document["rows"][0]["run"]


def test_a_state_of_other_specs_is_not_gone_on_with(specs: list[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        go(specs, {"one": LOST, "two": KeyboardInterrupt()})
    (folder,) = Path("runs").glob("series-*")
    document = json.loads((folder / SERIES_JSON).read_text())
    del document["rows"][2]
    (folder / SERIES_JSON).write_text(json.dumps(document))
    assert go(specs, NONE_RUNS)[1] == ["one", "two", "three"]
    assert len(kept()) == 2


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["-i", "hosts.ini"], "error[AIB764]: --inventory is about one spec"),
        (["-i", "hosts.ini", "--resume", "runs/x"], "AIB764"),
        (["--repeats", "2"], "error[AIB764]: --repeats is"),
        (["--against", "--rate 20"], "error[AIB764]: --against is"),
        (["--out", "elsewhere"], "error[AIB764]: --out is"),
        (["--replace", "category=random"], "error[AIB764]: --replace is"),
        (["--measurements", "times.json"], "error[AIB764]: --measurements is"),
        (["--expect-fault", "the cable"], "error[AIB764]: --expect-fault is"),
        (["other/one.aib"], "error[AIB765]: two of the specs are called 'one'"),
        ([f"{n}.aib" for n in range(1000)], "error[AIB767]: 1002 specs"),
    ],
)
def test_what_is_about_one_spec_is_refused(more: list[str], said: str, specs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", *specs[:2], *more]) == 2
    assert said in capsys.readouterr().err
    assert not Path("runs").exists()


def test_a_spec_that_is_named_twice_is_one_and_no_series(specs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", specs[0], f"./{specs[0]}", "--teardown"]) == 2
    assert "AIB636" in capsys.readouterr().err


@pytest.mark.long
def test_a_killed_series_goes_on(tmp_path: Path) -> None:
    """Two deployments on this machine; the process is killed during the second load, and the same command ends the series."""
    quick = ["--data", "synthetic", "--size", "tiny", "--duration", "6", "--warmup", "1", "--supplement", "0", "--rate", "20"]
    command = [sys.executable, "-m", "aibenchc", "run", str(TWO), str(SMALL), *quick]
    with (tmp_path / "first.txt").open("wb") as log:
        first = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log, start_new_session=True)
        try:
            deadline = time.monotonic() + 240
            while not (begun := list(tmp_path.glob("runs/series-*/small-*/load/begun.json"))):
                assert first.poll() is None, (tmp_path / "first.txt").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
            os.kill(first.pid, signal.SIGKILL)
        finally:
            first.kill()
            first.wait()
    (folder,) = tmp_path.glob("runs/series-*")
    stopped = Series.model_validate_json((folder / SERIES_JSON).read_text())
    assert [(row.spec, row.state) for row in stopped.rows] == [("two_tasks", "judged"), ("small", "waiting")]
    assert (folder / SUMMARY_HTML).is_file()
    left = begun[0].parents[1]
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=240)
    made = Series.model_validate_json((folder / SERIES_JSON).read_text())
    assert made.finished, again.stderr
    assert "1 of 2 done" in again.stderr
    assert [row.state for row in made.rows] == ["judged", "judged"], again.stderr
    assert made.rows[0] == stopped.rows[0], "measured once"
    assert made.interrupted == (left.name,)
    assert again.returncode == made.exit_code == gravest(row.exit_code for row in made.rows)
    runs = again.stdout.splitlines()[:2]
    assert [Path(line).name for line in runs] == [row.run for row in made.rows]
    assert again.stdout.splitlines()[-1] == str(folder / SUMMARY_HTML)
    for row in made.rows:
        assert {"verdict.json", "report.json", "report.html"} <= {path.name for path in (folder / row.run).iterdir()}
        assert (tmp_path / "generated" / row.spec / "plan.json").is_file()
