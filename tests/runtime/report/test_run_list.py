"""report --list: the runs of a folder, read from what they hold; damaged ones are listed with the reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aibenchc.cli import main
from aibenchrt.report import validate
from aibenchrt.report.run_list import run_list
from synthetic_run import Shape, write_run

SHORT = Shape(rate=25.0, duration_s=20.0)


def test_runs_are_listed_with_their_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    validate(write_run(tmp_path / "shop-2", SHORT))
    write_run(tmp_path / "shop-1", SHORT)
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged/run.json").write_text("{\x1b[31m")
    (tmp_path / "something else").mkdir()
    rows = run_list(tmp_path)
    assert [Path(row.directory).name for row in rows] == ["damaged", "shop-1", "shop-2"]
    assert "cannot read the run: run.json" in rows[0].problem
    assert rows[1].judged == ""
    assert rows[2].judged.startswith("VALID, ")
    assert {row.load for row in rows[1:]} == {"poisson 25/s"}
    assert main(["report", "--list", str(tmp_path)]) == 0
    assert "\x1b" not in capsys.readouterr().out
    assert main(["report", "--list", str(tmp_path), "--json"]) == 0
    assert [row["scenario"] for row in json.loads(capsys.readouterr().out)] == ["", "shop", "shop"]


def test_runs_of_a_series_are_listed_with_the_others(tmp_path: Path) -> None:
    write_run(tmp_path / "shop-1", SHORT)
    write_run(tmp_path / "series-20261128-120000/shop-2", SHORT)
    write_run(tmp_path / "other/shop-3", SHORT)
    listed = [Path(row.directory).relative_to(tmp_path).as_posix() for row in run_list(tmp_path)]
    assert sorted(listed) == ["series-20261128-120000/shop-2", "shop-1"]


def test_a_folder_that_is_not_there_and_no_folder_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--list", str(tmp_path / "none")]) == 2
    assert "AIB661" in capsys.readouterr().err
    assert main(["report"]) == 2
    assert "--list FOLDER" in capsys.readouterr().err
