"""Several query generators with one schedule, as real processes: shards, the agreed start, clocks, and what a killed one leaves."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import grpc
import numpy as np
import pytest
from aibenchrt.collect import schema
from aibenchrt.collect.contents import Contents
from aibenchrt.collect.empty_answers import silent_class
from aibenchrt.collect.lines import Recorder, read_lines
from aibenchrt.collect.merge import merge_requests, together
from aibenchrt.collect.records import ScheduleRecord
from aibenchrt.collect.run_info import ClockInfo, ClockOffset, Issued
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.load.issue import SendingSettings, start
from aibenchrt.load.messages import encode_payloads, write_messages
from aibenchrt.load.schedule import schedule, shard_of
from aibenchrt.plan import PlanPoisson
from aibenchrt.wire import clocks
from aibenchrt.wire.proto import load_stubs
from hypothesis import given
from hypothesis import strategies as st
from observed_run import wait_until
from paths import SUPPORT
from shop_plan import free_ports, generate, shop_plan

ECHO = SUPPORT / "echo_server.py"
PAYLOADS = {"text": 300, "image": 40}
RATE, SECONDS = 60.0, 5.0
S = 1_000_000_000


@given(st.integers(0, 200), st.integers(1, 9))
def test_the_shards_of_a_schedule_are_the_whole_schedule(count: int, shards: int) -> None:
    rows = [ScheduleRecord(n + 1, "text", "measured", n, n / 10) for n in range(count)]
    split = [shard_of(rows, shard, shards) for shard in range(shards)]
    assert sorted((row for shard in split for row in shard), key=lambda row: row.request_id) == rows
    assert sum(map(len, split)) == count
    assert max(map(len, split)) - min(map(len, split)) <= 1
    with pytest.raises(ValueError, match="no shard"):
        shard_of(rows, shards, shards)


def test_the_exchange_with_the_smallest_round_trip_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    now_ns, trips = 100 * S, iter([(300, 100), (40, 10), (0, 300)])  # each way, in ns

    def ask(_: bytes) -> bytes:
        nonlocal now_ns
        there, back = next(trips)
        reply = clocks._READING.pack(now_ns + there + 5 * S, 7 * S)
        now_ns += there + back
        return reply

    monkeypatch.setattr(clocks, "time", SimpleNamespace(monotonic_ns=lambda: now_ns))
    estimate = clocks.compare(ask, 3)
    assert estimate.uncertainty_ns == 25
    assert estimate.offset_ns == 5 * S + 15  # it took longer there than back
    assert (estimate.at_ns, estimate.realtime_ns) == (100 * S + 425, 7 * S - estimate.at_ns)


def test_the_error_of_a_clock_holds_its_uncertainty_and_half_of_its_drift() -> None:
    def at(offset: int) -> ClockOffset:
        return ClockOffset(at_ns=0, offset_ns=offset, realtime_ns=0, uncertainty_ns=100, exchanges=32)

    moved = ClockInfo(planner="p:1", before=at(1000), after=at(1600))
    assert (moved.drift_ns, moved.offset_ns, moved.error_ns) == (600, 1300, 400)
    assert ClockInfo(planner="p:1", before=at(1000)).error_ns == 100


def test_a_start_that_has_passed_is_refused() -> None:
    settings = SendingSettings("/m", ("p:1",), 0.0, 1.0, clock="/c", start_at_ns=50 * S)
    planner = ClockOffset(at_ns=0, offset_ns=0, realtime_ns=40 * S, uncertainty_ns=1, exchanges=32)
    assert start(settings, [planner], 9 * S) == 10 * S
    with pytest.raises(EnvironmentFailure, match="AIB631"):
        start(settings, [planner], 10 * S)
    with pytest.raises(EnvironmentFailure, match="AIB632"):
        start(settings, [None], 0)


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(shop_plan(), tmp_path_factory.mktemp("generated"))


@pytest.fixture
def echo(generated: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    address = f"127.0.0.1:{free_ports(1)[0]}"
    server = subprocess.Popen([sys.executable, str(ECHO), str(generated), address, *getattr(request, "param", ())])
    with grpc.insecure_channel(address) as channel:
        grpc.channel_ready_future(channel).result(120)
    yield address
    server.terminate()
    server.wait(120)


def prepared(generated: Path, folder: Path, duration_s: float = SECONDS) -> list[ScheduleRecord]:
    load = PlanPoisson(rate=RATE, duration_s=duration_s, warmup_s=1.0, seed=7)
    plan, stubs = shop_plan(), load_stubs(generated)
    rows = schedule(load, plan.requests, PAYLOADS, 1)
    values = {"text": {"text": "red shoes"}, "user": {"user_id": 5}, "image": {"png": b"\x89PNG"}}
    payloads = {r.name: {n: {p.name: values[p.name] for p in r.ports} for n in range(PAYLOADS[r.name])} for r in plan.requests}
    write_messages(folder / "payloads.parquet", encode_payloads(stubs, plan.requests, payloads))
    schema.write(folder / "schedule.parquet", rows, ScheduleRecord)
    return rows


def generator(generated: Path, folder: Path, target: str, shard: int, shards: int, start: int | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "aibenchrt.load", "--generated", str(generated), "--schedule", str(folder / "schedule.parquet")]
    command += ["--payloads", str(folder / "payloads.parquet"), "--target", target, "--out", str(folder / f"shard-{shard}")]
    command += [
        "--warmup",
        "1",
        "--duration",
        str(SECONDS),
        "--shard",
        f"{shard}/{shards}",
        "--start-file" if isinstance(start, Path) else "--start-at",
        str(start),
    ]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def begin(file: Path, after_ns: int) -> int:
    """Tells the generators that wait for `file` when to start; returns that instant in nanoseconds of real time."""
    agreed = time.time_ns() + after_ns
    file.with_suffix(".part").write_text(str(agreed))
    file.with_suffix(".part").rename(file)
    return agreed


def test_a_generator_that_is_told_to_stop_before_the_start_sends_nothing(generated: Path, tmp_path: Path, echo: str) -> None:
    rows = prepared(generated, tmp_path)
    child = generator(generated, tmp_path, echo, 0, 1, tmp_path / "start")
    wait_until(lambda: (tmp_path / "shard-0" / "ready").exists())
    child.terminate()
    assert child.wait(120) == 0
    merged = merge_requests(["a"], [tmp_path / "shard-0"])
    assert [r.outcome for r in merged.requests] == ["not_sent"] * len(rows)
    assert not merged.whole


@pytest.mark.parametrize("echo", [("0", "empty")], indirect=True)
def test_a_load_whose_warm_up_is_answered_with_nothing_ends_there(generated: Path, tmp_path: Path, echo: str) -> None:
    rows = prepared(generated, tmp_path)
    child = generator(generated, tmp_path, echo, 0, 1, tmp_path / "start")
    wait_until(lambda: (tmp_path / "shard-0" / "ready").exists())
    begin(tmp_path / "start", 3 * S)
    said = child.communicate(timeout=120)[1]
    assert child.returncode == 2
    assert "AIB711" in said
    merged = merge_requests(["a"], [tmp_path / "shard-0"])
    assert not merged.whole
    outcomes = {phase: Counter(r.outcome for r in merged.requests if r.phase == phase) for phase in ("warmup", "measured")}
    assert set(outcomes["warmup"]) == {"ok"}
    assert 0 < outcomes["measured"]["ok"] < outcomes["measured"]["not_sent"]
    assert len(merged.requests) == len(rows)
    plan = shop_plan()
    warm = [r for r in merged.requests if r.phase == "warmup"]
    assert silent_class(plan, [(r, {"relevant": (1,)}) for r in warm], Contents(tmp_path)) in ("text", "image")


def test_two_generators_send_one_schedule_from_one_instant(generated: Path, tmp_path: Path, echo: str) -> None:
    rows = prepared(generated, tmp_path)
    file = tmp_path / "start"
    children = [generator(generated, tmp_path, echo, shard, 2, file) for shard in range(2)]
    wait_until(lambda: all((tmp_path / f"shard-{shard}" / "ready").exists() for shard in range(2)))
    agreed = begin(file, 4 * S)
    assert [child.wait(120) for child in children] == [0, 0], [child.stderr.read() for child in children if child.stderr]
    folders = [tmp_path / f"shard-{shard}" for shard in range(2)]
    merged = merge_requests(["a", "b"], folders)
    assert merged.whole
    assert merged.missing == ()
    assert sorted(r.request_id for r in merged.requests) == [row.request_id for row in rows]  # two within a µs may change places
    known = []
    for folder in folders:
        issued = Issued.model_validate_json((folder / "generator.json").read_bytes())
        (clock,) = issued.clocks
        known.append(clock)
        assert clock.after is not None
        assert abs(clock.offset_ns) <= clock.error_ns + 1000  # one machine, one clock
        assert clock.before.exchanges == clocks.EXCHANGES
        assert abs(issued.start_ns + clock.before.realtime_ns - agreed) <= 1000
        assert not (folder / "requests.jsonl").exists()  # it is whole in requests.parquet
    start_ns = merged.window[0] - S
    at = {row.request_id: row.offset_s + (1.0 if row.phase == "measured" else 0.0) for row in rows}
    late = np.array([r.intended_ns - start_ns - at[r.request_id] * S for r in merged.requests])
    assert np.abs(late).max() < 2_000_000 + sum(clock.error_ns for clock in known)  # one time base
    whole = together(merged.generators)
    assert whole is not None
    assert whole.sent == sum(row.phase == "measured" for row in rows)


def test_a_killed_generator_keeps_every_request_that_had_ended(generated: Path, tmp_path: Path, echo: str) -> None:
    rows = prepared(generated, tmp_path, 60.0)
    folder = tmp_path / "shard-0"
    child = generator(generated, tmp_path, echo, 0, 1, tmp_path / "start")
    wait_until((folder / "ready").exists)
    begin(tmp_path / "start", 2 * S)
    lines = folder / "requests.jsonl"
    wait_until(lambda: lines.exists() and lines.read_bytes().count(b"\n") >= 60)
    child.send_signal(signal.SIGKILL)
    child.wait(120)
    assert not (folder / "generator.json").exists()
    merged = merge_requests(["a"], [folder])
    assert 60 <= len(merged.requests) < len(rows)
    assert [r.request_id for r in merged.requests] == [row.request_id for row in rows[: len(merged.requests)]]
    assert {r.outcome for r in merged.requests} == {"ok"}
    assert not merged.whole
    assert "ended early" in merged.missing[0]
    assert merged.generators[0].figures is None
    assert together(merged.generators) is None


def test_a_generator_that_comes_too_late_sends_nothing(generated: Path, tmp_path: Path, echo: str) -> None:
    prepared(generated, tmp_path)
    child = generator(generated, tmp_path, echo, 1, 2, time.time_ns())
    assert child.wait(120) == 2
    assert child.stderr is not None
    assert "error[AIB631]" in child.stderr.read()
    assert not (tmp_path / "shard-1" / "begun.json").exists()


def test_generators_that_began_apart_are_no_whole_load(tmp_path: Path) -> None:
    clock = ClockOffset(at_ns=0, offset_ns=0, realtime_ns=0, uncertainty_ns=1000, exchanges=32)
    for shard, begin in ((0, 0), (1, 30 * S)):
        issued = Issued(
            generator=None, start_ns=begin, window_start_ns=begin, window_end_ns=begin + S, stopped=False, shard=shard, shards=2,
            clocks=(ClockInfo(planner="p:1", before=clock, after=clock),),
        )  # fmt: skip
        (tmp_path / str(shard)).mkdir()
        (tmp_path / str(shard) / "generator.json").write_text(issued.model_dump_json())
    merged = merge_requests(["a", "b"], [tmp_path / "0", tmp_path / "1"])
    assert any("did not begin together" in text for text in merged.missing)
    assert not merged.whole


def test_lines_survive_a_cut_and_refuse_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "schedule.jsonl"
    recorder = Recorder(path)
    for number in range(3):
        recorder.add((number, "text", "measured", 4, 0.5, -1, -1))
    recorder.close()
    whole = path.read_text()
    path.write_text(whole[:-4])
    assert [row.request_id for row in read_lines(path, ScheduleRecord)] == [0, 1]
    path.write_text(json.dumps([1, 2]) + "\n" + whole)
    with pytest.raises(EnvironmentFailure, match="AIB609"):
        list(read_lines(path, ScheduleRecord))


FULL = """
import resource, sys, time
from pathlib import Path
from types import SimpleNamespace
from aibenchrt.collect.lines import Recorder

path, room, kept = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
recorder = Recorder(path, kept)
for number in range(50):
    recorder.add((number, "text", "measured", 4, 0.5, -1, -1))
while path.stat().st_size < 100:
    time.sleep(0.01)
resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
recorder.add((50, "text", "measured", 4, 0.5, -1, -1))
recorder.close()
"""


@pytest.mark.parametrize(
    ("room", "kept", "whole"),
    [(10_000, 10_000, True), (10_000, 1_000, False), (200, 10_000, False)],
    ids=["room again", "too much", "full"],
)
def test_what_a_full_disk_does_not_take_is_written_when_there_is_room_again(tmp_path: Path, room: int, kept: int, whole: bool) -> None:
    path = tmp_path / "lines.jsonl"
    ended = subprocess.run([sys.executable, "-c", FULL, str(path), str(room), str(kept)], capture_output=True, text=True, check=False)
    assert ("AIB605" in ended.stderr, ended.returncode == 0) == (not whole, whole), ended.stderr
    ids = [row.request_id for row in read_lines(path, ScheduleRecord)]
    assert ids == list(range(len(ids))), "in order, none twice, none torn in the middle"
    assert (len(ids) == 51) is whole
