"""The services that operators look at: logging, monitoring, tracing and health checks write down what passes by."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from aibenchrt.components.health_check.service import HealthCheck
from aibenchrt.components.logging.service import LIST, TEXT, Log, read_log
from aibenchrt.components.monitoring.service import Monitor
from aibenchrt.components.monitoring.service import open_work as open_monitoring
from aibenchrt.components.tracing.service import open_work as open_tracing
from aibenchrt.components.tracing.service import read_spans
from aibenchrt.datasets.movielens_shop.dataset import WORLDS
from aibenchrt.planner.clients import idempotent
from aibenchrt.wire.any_value import encode
from observed_run import wait_until
from service_process import single, site

MS = 1_000_000


def passing(port_type: str, value: dict[str, Any], task: str = "show", request_id: int = 1, **fields: Any) -> dict[str, Any]:
    """A value of type Any."""
    origin = {"request_id": request_id, "task": task, "parent": "", "port": "out", "type": port_type, "start_ns": 0, "end_ns": 2 * MS}
    return origin | fields | {"content": encode(port_type, value)}


def text(content: str, **fields: Any) -> dict[str, Any]:
    return passing("Text", {"text": content}, **fields)


def test_a_log_has_a_record_of_each_value(tmp_path: Path) -> None:
    days = iter((0, 86_400_000_000_000 - 1, 86_400_000_000_000))
    log = Log(tmp_path / "log", sync=True, now=lambda: next(days))
    assert log({"value": [text("first", request_id=3), passing("Count", {"value": 4}, task="find")]}) == {}
    log({"value": text("second")})
    log({"value": [text("third")]})
    records = list(read_log(tmp_path))
    assert [record["value"] for record in records] == [{"text": "first"}, {"value": 4}, {"text": "second"}, {"text": "third"}]
    assert [record["task"] for record in records] == ["show", "find", "show", "show"]
    assert records[0] == {
        "time_ns": 0, "request_id": 3, "task": "show", "port": "out", "type": "Text", "took_us": 2000, "value": {"text": "first"}
    }  # fmt: skip
    assert sorted(path.name for path in (tmp_path / "log").iterdir()) == ["1970-01-01.jsonl", "1970-01-02.jsonl"]


def test_a_log_shortens_what_is_long(tmp_path: Path) -> None:
    log = Log(tmp_path / "log", sync=False, now=lambda: 0)
    log({"value": [text("x" * 1000), passing("Suggestions", {"text": [str(k) for k in range(50)]}), passing("Image", {"png": b"12345"})]})
    long, many, picture = (record["value"] for record in read_log(tmp_path))
    assert long["text"] == "x" * TEXT + "…"
    assert many["text"] == [*map(str, range(LIST)), "40 more"]
    assert picture == {"png": "5 bytes"}


def test_monitoring_counts_and_times_each_task() -> None:
    monitor = Monitor()
    monitor({"value": [text("a"), text("bc", end_ns=6 * MS), text("d", task="find")]})
    monitor({"value": text("e", task="find", start_ns=MS, end_ns=2 * MS)})
    sample = monitor.sample(17)
    assert (sample["time_ns"], sample["process"]) == (17, os.getpid())
    assert sample["tasks"] == {
        "find": {"calls": 2, "sum_us": 3000, "most_us": 2000, "bytes": 6},
        "show": {"calls": 2, "sum_us": 8000, "most_us": 6000, "bytes": 7},
    }
    assert sample["cpu_s"] > 0
    assert sample["memory_kib"] > 1000


def test_monitoring_appends_samples_while_something_passes_by(tmp_path: Path) -> None:
    work = open_monitoring(tmp_path, {"interval": 1}, tmp_path)
    path = tmp_path / "metrics" / "samples.jsonl"
    for number in range(1, 4):
        work({"value": [text("a")]})
        wait_for_calls(path, number)
    counts = [json.loads(line)["tasks"]["show"]["calls"] for line in path.read_text().splitlines()]
    assert counts == sorted(counts)
    assert counts[-1] == 3


def test_monitoring_fails_where_no_sample_can_be_written(tmp_path: Path) -> None:
    work = open_monitoring(tmp_path, {"interval": 1}, tmp_path)
    (tmp_path / "metrics" / "samples.jsonl").mkdir()

    def calls() -> None:
        wait_until(lambda: work({"value": [text("a")]}))  # which answers with no value

    with pytest.raises(IsADirectoryError):
        calls()


def wait_for_calls(path: Path, number: int) -> None:
    """Waits until the last sample counts this many calls of `show`."""
    wait_until(lambda: path.is_file() and _calls(path) >= number)


def _calls(path: Path) -> int:
    *_, last = path.read_text().split("\n")[:-1] or [""]
    return int(json.loads(last)["tasks"]["show"]["calls"]) if last else 0


def test_spans_of_a_request_belong_together(tmp_path: Path) -> None:
    work = open_tracing(tmp_path, {"sample": 1000}, tmp_path)
    work({"value": [text("a", task="find", parent="parse", start_ns=5, end_ns=9), text("b", task="parse")]})
    work({"value": text("a", task="find", request_id=2)})
    find, parse, other = read_spans(tmp_path)
    assert (find["name"], find["startTimeNano"], find["endTimeNano"]) == ("find", 5, 9)
    assert find["attributes"] == {"port": "out", "type": "Text", "bytes": 3}
    assert find["traceId"] == parse["traceId"] != other["traceId"]
    assert find["parentSpanId"] == parse["spanId"]
    assert parse["parentSpanId"] == ""
    assert {len(span["traceId"]) for span in (find, other)} == {32}


def test_a_share_of_the_requests_is_traced_whole(tmp_path: Path) -> None:
    work = open_tracing(tmp_path, {"sample": 250}, tmp_path)
    for request_id in range(2000):
        for task in ("find", "show"):
            work({"value": text("a", task=task, request_id=request_id)})
    traced: dict[str, set[str]] = {}
    for span in read_spans(tmp_path):
        traced.setdefault(span["traceId"], set()).add(span["name"])
    assert 400 < len(traced) < 600
    assert set(map(frozenset, traced.values())) == {frozenset({"find", "show"})}


LIMITS = {"slowest": 10, "disk": 0, "memory": 0}


def state_of(folder: Path, task: str) -> Any:
    return json.loads((folder / f"{task}.json").read_text())


def test_health_follows_what_passes_by(tmp_path: Path) -> None:
    check = HealthCheck(tmp_path, LIMITS)
    check({"value": [text("a"), passing("Suggestions", {"text": []}, task="suggest")]})
    assert state_of(tmp_path, "show") == {"state": "ok", "reasons": []}
    assert state_of(tmp_path, "suggest") == {"state": "failing", "reasons": ["puts out an empty Suggestions"]}
    check({"value": [text("a", end_ns=11 * MS), passing("Suggestions", {"text": ["more"]}, task="suggest")]})
    assert state_of(tmp_path, "show") == {"state": "failing", "reasons": ["slower than 10 ms"]}
    assert state_of(tmp_path, "suggest")["state"] == "ok"
    check({"value": {**text("a"), "content": b"\x0a\xff"}})
    assert state_of(tmp_path, "show")["reasons"] == ["puts out what is no Text"]
    assert sorted(os.listdir(tmp_path)) == ["show.json", "suggest.json"]


@pytest.mark.parametrize(("limit", "said"), [("disk", "MiB free on disk"), ("memory", "MiB of memory free")])
def test_health_looks_at_the_host(tmp_path: Path, limit: str, said: str) -> None:
    HealthCheck(tmp_path, LIMITS | {limit: 1 << 40})({"value": text("a")})
    (reason,) = state_of(tmp_path, "show")["reasons"]
    assert said in reason


OBSERVING: dict[str, dict[str, str | int]] = {
    "logging": {"sync": "never"},
    "monitoring": {"interval": 1},
    "tracing": {"sample": 1000},
    "health_check": LIMITS,
}


def test_all_of_them_take_any_value_over_the_wire(tmp_path: Path) -> None:
    """Each in a process of its own, as in a run."""
    place = site(tmp_path, WORLDS.load("synthetic"), [single(name, name, **settings) for name, settings in OBSERVING.items()])
    for name in OBSERVING:
        with place.running(name) as served:
            assert served.call(value=[text("a", request_id=3), passing("Count", {"value": 4}, task="find")])[0] == {}
            if name == "monitoring":
                wait_for_calls(place.state / "metrics" / "samples.jsonl", 1)
    assert [(record["task"], record["value"]) for record in read_log(place.state)] == [("show", {"text": "a"}), ("find", {"value": 4})]
    assert [span["name"] for span in read_spans(place.state)] == ["show", "find"]
    assert [state_of(place.state / "health", task)["state"] for task in ("show", "find")] == ["ok", "ok"]


@pytest.mark.parametrize("component", OBSERVING)
def test_a_call_that_writes_something_down_is_not_repeated(component: str) -> None:
    assert not idempotent(single("watch", component))
    assert idempotent(single("parse", "query_parsing"))
