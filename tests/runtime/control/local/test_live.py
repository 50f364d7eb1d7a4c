"""The figures that a run shows while it runs, from records that the generator's own recorder writes."""

from __future__ import annotations

import json
import time
from dataclasses import astuple
from pathlib import Path

import pytest
from aibenchrt.collect.lines import Recorder
from aibenchrt.collect.records import RequestRecord
from aibenchrt.control.local import live
from aibenchrt.control.local.live import LiveFigures

SECOND = 10**9


def record(number: int, at_s: float, latency_ms: float, outcome: str = "ok") -> tuple[object, ...]:
    done = int(at_s * SECOND)
    intended = done - int(latency_ms * 1e6)
    answer = (json.dumps({"ids": ["a, b", '"']}),)
    return astuple(RequestRecord(number, "text", "measured", 0, intended, intended, done, outcome, "", answer, (), "p", 1, 1))


@pytest.fixture(autouse=True)
def _read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_EVERY_S", 0.0)


def test_rate_p99_and_failures_of_the_last_seconds(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    figures = LiveFigures(path)
    assert figures.text() == ""  # nothing has begun
    recorder = Recorder(path)
    for n in range(1001):  # 100 a second for ten seconds; the slowest ten take 400 ms and more
        recorder.add(record(n, n / 100, 400.0 + n if n >= 991 else 20.0))
    recorder.add(record(2000, 10.0, 0.0, "timeout"))
    recorder.close()
    assert figures.text() == "100/s, p99 20.0 ms, 1 failed"
    with path.open("a", encoding="utf-8") as file:
        for n in range(50):  # twenty seconds later, 50 in one second
            file.write(json.dumps(record(3000 + n, 30 + n / 49, 55.0)) + "\n")
    assert figures.text() == "49.0/s, slowest 55.0 ms, 1 failed"
    path.unlink()  # as the generator does at its end
    assert figures.text() == "49.0/s, slowest 55.0 ms, 1 failed"


def test_a_line_that_is_being_written_waits(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    line = json.dumps(record(1, 1.0, 7.0)) + "\n"
    figures = LiveFigures(path)
    path.write_text(line[:40])
    assert figures.text() == ""
    path.write_text(line)
    assert figures.text() == "slowest 7.00 ms, none failed"


def test_the_file_is_read_once_a_second_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_EVERY_S", 1.0)
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    path = tmp_path / "requests.jsonl"
    figures = LiveFigures(path)
    assert figures.text() == ""
    path.write_text(json.dumps(record(1, 1.0, 7.0)) + "\n")
    now = 100.9
    assert figures.text() == ""
    now = 101.0
    assert figures.text() != ""
