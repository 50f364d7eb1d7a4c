"""Schedules are pure; the generator is tried against a real gRPC server in another process."""

from __future__ import annotations

import itertools
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
from aibenchrt.collect import schema
from aibenchrt.collect.contents import Contents
from aibenchrt.collect.records import RequestRecord, ScheduleRecord
from aibenchrt.collect.run_info import Issued
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.load import arrivals
from aibenchrt.load.issue import SendingSettings, issue
from aibenchrt.load.messages import encode_payloads, read_messages, with_id, write_messages
from aibenchrt.load.mix import Mix
from aibenchrt.load.schedule import WHEN_FREE, read_trace, samples_needed, schedule, supplement_schedule
from aibenchrt.plan import PlanPoisson, PlanSessions, PlanTrace, PlanUsers
from aibenchrt.wire.proto import load_stubs
from hypothesis import given
from hypothesis import strategies as st
from paths import SUPPORT
from recorded import shown
from shop_plan import free_ports, generate, shop_plan

ECHO = SUPPORT / "echo_server.py"
PAYLOADS = {"text": 300, "image": 40}


def load(rate: float = 200.0, duration_s: float = 10.0, warmup_s: float = 0.0) -> PlanPoisson:
    return PlanPoisson(rate=rate, duration_s=duration_s, warmup_s=warmup_s, seed=7)


def cv(values: list[float]) -> float:
    return statistics.pstdev(values) / statistics.fmean(values)


def test_poisson_has_its_rate_and_exponential_gaps() -> None:
    times = [a.offset_s for a in itertools.islice(arrivals.poisson(50, np.random.default_rng(1)), 20_000)]
    gaps = np.diff(times)
    assert 1 / gaps.mean() == pytest.approx(50, rel=0.03)
    assert gaps.std() / gaps.mean() == pytest.approx(1, abs=0.03)


def test_sessions_keep_the_rate_and_turn_pages_of_one_query() -> None:
    requests = list(itertools.islice(arrivals.sessions(100, 4.0, np.random.default_rng(2)), 40_000))
    assert [a.offset_s for a in requests] == sorted(a.offset_s for a in requests)
    settled = [a for a in requests if a.offset_s > 100]
    assert len(settled) / (settled[-1].offset_s - 100) == pytest.approx(100, rel=0.05)
    assert sum(a.turn == 0 for a in settled) / len(settled) == pytest.approx(0.15, abs=0.02)


@given(st.floats(0.001, 60.0), st.integers(0, 2**32 - 1))
def test_half_of_the_gaps_in_a_session_are_shorter_than_the_think_time(think_s: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    gaps = np.array([arrivals.burr(think_s, rng) for _ in range(2000)])
    assert (gaps < think_s).mean() == pytest.approx(0.5, abs=0.07)


def test_the_think_time_of_sessions_reaches_the_schedule() -> None:
    def turns_within(think_s: float) -> int:
        sent = PlanSessions(rate=20, think_s=think_s, duration_s=20, warmup_s=0, seed=7)
        return len(schedule(sent, shop_plan().requests, PAYLOADS, 1))

    assert turns_within(0.1) > turns_within(60.0)  # most pages of a session of long thoughts are turned after the load


def test_schedule_is_a_pure_function_of_its_seed() -> None:
    plan = shop_plan()
    first, again, other = (schedule(load(), plan.requests, PAYLOADS, seed) for seed in (1, 1, 2))
    assert first == again != other
    assert [row.request_id for row in first] == list(range(1, len(first) + 1))
    shares = Counter(row.request_class for row in first)
    assert shares["image"] / len(first) == pytest.approx(0.1, abs=0.03)


def test_schedule_counts_offsets_from_the_start_of_each_phase() -> None:
    rows = schedule(load(warmup_s=3.0, duration_s=5.0), shop_plan().requests, PAYLOADS, 1)
    assert [row.phase for row in rows] == sorted((row.phase for row in rows), reverse=True)
    for phase, length in (("warmup", 3.0), ("measured", 5.0)):
        offsets = [row.offset_s for row in rows if row.phase == phase]
        assert offsets == sorted(offsets)
        assert offsets[0] >= 0
        assert offsets[-1] < length


def test_mix_repeats_recent_payloads_in_its_share() -> None:
    mix = Mix({"text": 1.0}, {"text": 100_000}, np.random.default_rng(3))
    drawn = [mix.draw().payloads[0] for _ in range(5000)]
    seen: set[int] = set()
    repeats = [payload in seen or seen.add(payload) is not None for payload in drawn]  # type: ignore[func-returns-value]
    assert sum(repeats) / len(drawn) == pytest.approx(0.15, abs=0.02)


def test_a_class_without_payloads_is_refused() -> None:
    with pytest.raises(ValueError, match="image"):
        schedule(load(), shop_plan().requests, {"text": 3, "image": 0}, 1)


def _trace(folder: Path, text: str) -> Path:
    path = folder / "trace.txt"
    path.write_text(text)
    return path


def test_trace_is_kept_and_checked(tmp_path: Path) -> None:
    trace = PlanTrace(trace="trace.txt", mean_rate=0.3, duration_s=10.0, warmup_s=0.0, seed=7)
    rows = schedule(trace, shop_plan().requests, PAYLOADS, 1, read_trace(_trace(tmp_path, "0.5\n1.5\n\n2\n")))
    assert [row.offset_s for row in rows] == [0.5, 1.5, 2.0]
    with pytest.raises(EnvironmentFailure, match="AIB671"):
        read_trace(_trace(tmp_path, "2\n1\n"))
    with pytest.raises(EnvironmentFailure, match="AIB671"):
        read_trace(tmp_path / "nowhere.txt")


def test_supplements_are_labelled_and_long_enough() -> None:
    assert (samples_needed(50), samples_needed(99), samples_needed(99.9)) == (40, 2000, 20_000)
    image = next(request for request in shop_plan().requests if request.name == "image")
    rows = supplement_schedule(image, samples_needed(90), 30, 40, seed=7, first_id=1000)
    assert {(row.phase, row.request_class) for row in rows} == {("supplement", "image")}
    assert len(rows) == 200


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(shop_plan(), tmp_path_factory.mktemp("generated"))


def echo_at(generated: Path, address: str) -> subprocess.Popen[bytes]:
    server = subprocess.Popen([sys.executable, str(ECHO), str(generated), address, "50"])
    with grpc.insecure_channel(address) as channel:
        grpc.channel_ready_future(channel).result(120)
    return server


@pytest.fixture
def echo(generated: Path) -> Iterator[str]:
    address = f"127.0.0.1:{free_ports(1)[0]}"
    server = echo_at(generated, address)
    yield address
    server.terminate()
    server.wait(120)


def prepared(generated: Path, folder: Path, rows: list[ScheduleRecord]) -> Path:
    """payloads.parquet and schedule.parquet in `folder`."""
    plan, stubs = shop_plan(), load_stubs(generated)
    values = {"text": {"text": "red shoes"}, "user": {"user_id": 5}, "image": {"png": b"\x89PNG"}}
    payloads = {r.name: {n: {p.name: values[p.name] for p in r.ports} for n in range(PAYLOADS[r.name])} for r in plan.requests}
    write_messages(folder / "payloads.parquet", encode_payloads(stubs, plan.requests, payloads))
    schema.write(folder / "schedule.parquet", rows, ScheduleRecord)
    return folder


def test_messages_carry_class_payload_and_id(generated: Path, tmp_path: Path) -> None:
    prepared(generated, tmp_path, [])
    messages = read_messages(tmp_path / "payloads.parquet")
    request = load_stubs(generated).message("ScenarioRequest").FromString(with_id(messages["text", 3], 123_456_789))
    assert (request.request_id, request.request_class, request.text.text.text) == (123_456_789, "text", "red shoes")
    assert not request.HasField("image")


def test_200_requests_a_second_keep_their_schedule(generated: Path, tmp_path: Path, echo: str) -> None:
    rows = schedule(load(rate=200.0, duration_s=10.0), shop_plan().requests, PAYLOADS, 1)
    prepared(generated, tmp_path, rows)
    command = [sys.executable, "-m", "aibenchrt.load", "--generated", str(generated), "--schedule", str(tmp_path / "schedule.parquet")]
    command += ["--payloads", str(tmp_path / "payloads.parquet"), "--target", echo, "--out", str(tmp_path), "--duration", "10"]
    subprocess.run(command, check=True, timeout=240)
    records = schema.read(tmp_path / "requests.parquet", RequestRecord)
    generator = Issued.model_validate_json((tmp_path / "generator.json").read_bytes()).generator

    assert len(records) == len(rows) == generator.scheduled == generator.sent
    start_ns = records[0].intended_ns - rows[0].offset_s * 1e9
    assert [r.intended_ns - start_ns for r in records] == pytest.approx([row.offset_s * 1e9 for row in rows], abs=1000)
    gaps = [float(b.intended_ns - a.intended_ns) for a, b in itertools.pairwise(records)]
    assert cv(gaps) == pytest.approx(1, abs=0.05)
    assert all(r.intended_ns <= r.sent_ns <= r.done_ns for r in records)
    late = [r.sent_ns - r.intended_ns for r in records]
    assert generator.lateness_max_ns == pytest.approx(max(late), abs=1000)
    assert 0 < generator.lateness_p50_ns <= generator.lateness_p99_ns <= generator.lateness_max_ns
    assert 0 < generator.cpu_share < 1
    failed = {r.request_id for r in records if r.outcome == "failed"}
    assert failed == {row.request_id for row in rows if row.request_id % 50 == 0}
    assert all(r.answer == () and "INTERNAL: refused" in r.error for r in records if r.outcome == "failed")
    assert all(shown(r) == (r.request_id, 2, 3) and r.arms == ("ranker=0",) for r in records if r.outcome == "ok")


def test_users_wait_for_their_replies_and_think(generated: Path, tmp_path: Path, echo: str) -> None:
    closed = PlanUsers(users=4, think_s=0.1, duration_s=2.0, warmup_s=0.0, seed=7)
    rows = schedule(closed, shop_plan().requests, PAYLOADS, 1)
    assert [row.offset_s for row in rows[:5]] == [0.0, 0.025, 0.05, pytest.approx(0.075), WHEN_FREE]
    prepared(generated, tmp_path, rows)
    stubs = load_stubs(generated)
    settings = SendingSettings(f"/{stubs.package}.ScenarioService/Ask", (echo,), 0.5, 1.5, think_s=0.1)
    contents = Contents(tmp_path / "contents")
    records, issued = issue(rows, read_messages(tmp_path / "payloads.parquet"), settings, stubs.message("ScenarioReply"), contents)
    assert {r.phase for r in records} == {"warmup", "measured"}
    assert 4 < len(records) <= 84
    assert issued.generator.in_flight_max <= 4
    done = sorted(r.done_ns for r in records)
    assert all(r.intended_ns - 100_000_000 in done for r in records[4:])


def test_users_whose_turn_comes_before_the_second_of_a_pair_do_not_wait_for_it(generated: Path, tmp_path: Path, echo: str) -> None:
    text, image = shop_plan().requests
    requests = (text.model_copy(update={"share": 0.5}), image.model_copy(update={"share": 0.5, "pair_apart_s": 1.5}))
    rows = schedule(PlanUsers(users=2, think_s=0.02, duration_s=4.0, warmup_s=0.0, seed=7), requests, PAYLOADS, 1)
    prepared(generated, tmp_path, rows)
    stubs = load_stubs(generated)
    settings = SendingSettings(f"/{stubs.package}.ScenarioService/Ask", (echo,), 0.0, 4.0, think_s=0.02, apart_s={"image": 1.5})
    contents = Contents(tmp_path / "contents")
    records, _ = issue(rows, read_messages(tmp_path / "payloads.parquet"), settings, stubs.message("ScenarioReply"), contents)
    pairs = [record for record in records if record.request_class == "image"]
    assert len(pairs) > 1
    assert all(b.intended_ns - a.intended_ns == 1_500_000_000 for a, b in zip(pairs[::2], pairs[1::2], strict=True))
    assert any(a.sent_ns < r.sent_ns < b.sent_ns for a, b in zip(pairs[::2], pairs[1::2], strict=True) for r in records)
    assert max(record.sent_ns - record.intended_ns for record in records) < 1_000_000_000


def test_a_planner_that_is_killed_costs_what_it_had_in_hand(generated: Path, tmp_path: Path) -> None:
    """Two planners take turns; soon after the death of one, all requests go to the other, and their records say so."""
    rows = schedule(load(rate=100.0, duration_s=60.0), shop_plan().requests, PAYLOADS, 1)
    prepared(generated, tmp_path, rows)
    addresses = tuple(f"127.0.0.1:{port}" for port in free_ports(2))
    servers = [echo_at(generated, address) for address in addresses]
    both: list[RequestRecord] = []  # since both planners have answered
    seen: set[str] = set()
    killed_ns: list[int] = []
    later: list[RequestRecord] = []  # sent after the death, one after another to the planner that lives
    stop = threading.Event()

    def watch(record: RequestRecord) -> None:
        seen.add(record.planner)
        if seen >= set(addresses) and not killed_ns:
            both.append(record)
            if len(both) == 150:
                servers[1].kill()
                killed_ns.append(time.monotonic_ns())
        if killed_ns and record.sent_ns > killed_ns[0]:
            if record.planner == addresses[0]:
                later.append(record)
            else:
                later.clear()
            if len(later) == 120:
                stop.set()

    stubs = load_stubs(generated)
    settings = SendingSettings(f"/{stubs.package}.ScenarioService/Ask", addresses, 0.0, 60.0)
    contents = Contents(tmp_path / "contents")
    messages = read_messages(tmp_path / "payloads.parquet")
    issue(rows, messages, settings, stubs.message("ScenarioReply"), contents, stop, keep=watch)
    for server in servers:
        server.kill()
        server.wait(120)
    taken = Counter(record.planner for record in both)
    assert min(taken[address] for address in addresses) > 0.25 * len(both)  # half, but for what a busy one still has in hand
    assert len(later) >= 120, "requests went on to the planner that was killed"
    assert {record.error for record in later if record.outcome != "ok"} == {"INTERNAL: refused"}


def test_a_stopped_run_keeps_its_records(generated: Path, tmp_path: Path, echo: str) -> None:
    rows = schedule(load(rate=100.0, duration_s=30.0), shop_plan().requests, PAYLOADS, 1)
    prepared(generated, tmp_path, rows)
    stubs, stop = load_stubs(generated), threading.Event()
    settings = SendingSettings(f"/{stubs.package}.ScenarioService/Ask", (echo,), 0.0, 30.0)
    ended: list[RequestRecord] = []

    def count(record: RequestRecord) -> None:
        ended.append(record)
        if len(ended) == 60:
            stop.set()

    contents = Contents(tmp_path / "contents")
    messages = read_messages(tmp_path / "payloads.parquet")
    records, issued = issue(rows, messages, settings, stubs.message("ScenarioReply"), contents, stop, keep=count)
    counts = Counter(r.outcome for r in records)
    assert counts["ok"] > 50
    assert counts["not_sent"] == len(rows) - issued.generator.sent > 0
    assert issued.stopped


def test_no_planner_is_a_coded_error(generated: Path, tmp_path: Path) -> None:
    prepared(generated, tmp_path, schedule(load(duration_s=1.0), shop_plan().requests, PAYLOADS, 1))
    command = [sys.executable, "-m", "aibenchrt.load", "--generated", str(generated), "--schedule", str(tmp_path / "schedule.parquet")]
    command += ["--payloads", str(tmp_path / "payloads.parquet"), "--target", f"127.0.0.1:{free_ports(1)[0]}", "--out", str(tmp_path)]
    ended = subprocess.run([*command, "--duration", "1", "--timeout", "1"], capture_output=True, text=True, timeout=240, check=False)
    assert ended.returncode == 2
    assert "error[AIB659]" in ended.stderr
    assert "Traceback" not in ended.stderr
