"""The service host: real processes on real sockets, the tasks compiled, prepared and served as in a run."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import grpc
import pytest
from aibenchrt.datasets.interactions.world import World
from aibenchrt.datasets.movielens_shop.dataset import WORLDS
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.serve.prepare import prepare_component, prepare_services
from aibenchrt.wire.proto import PortsCodec, load_stubs
from cpu_time import quiet_cpu_s
from grpc_health.v1 import health_pb2, health_pb2_grpc
from service_process import Site, combined_parse_spell, cpu_seconds, service_plan, single, site

QUERY = {"text": "scary films", "term": ["scary", "films"]}
DETAILS = {"item_id": [3, 1], "title": ["C", "A"], "category": [2, 0], "price": [1.5, 2.5]}
MISSPELT = ["scray films", "Movie with aleins from the 90s", 'genre:comedy "star wars" -horor', "", "!!!", "year:[1990 TO 1995] romanse"]


@pytest.fixture(scope="module")
def world() -> World:
    return WORLDS.load("synthetic", 7)


@pytest.fixture(scope="module")
def shop(world: World, tmp_path_factory: pytest.TempPathFactory) -> Site:
    steps = (
        single("parse", "query_parsing"),
        single("spell", "spelling_correction"),
        combined_parse_spell(),
        single("profile", "database_operation"),
        single("find", "indexing", shards=2),
        single("answers", "cache_lookup"),
        single("remember", "cache_store"),
        single("clicks", "event_log"),
    )
    return site(tmp_path_factory.mktemp("shop"), world, [s for s in steps if s.task not in ("parse", "spell")] + list(steps[:2]))


def locked(shop: Site) -> sqlite3.Connection:
    """Holds the cache's write lock: a store waits for it."""
    connection = sqlite3.connect(shop.state / "cache_answers.sqlite", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    return connection


def health(channel: grpc.Channel, service: str) -> int:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    reply = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=120)
    return int(reply.status)


def test_serves_calls_and_health(shop: Site, world: World) -> None:
    user = world.users[0]
    with shop.running("profile") as served:
        outputs, timing = served.call(user={"user_id": user.user_id})
        assert outputs["profile"]["history"] == list(user.history)
        assert outputs["profile"]["age"] == user.age
        assert 0 < timing.service_ns < 120e9
        assert 0 < timing.queue_ns < 120e9
        assert timing.stages == ()
        for service in ("", f"aibench.{shop.plan.scenario}.ProfileService"):
            assert health(served.channel, service) == health_pb2.HealthCheckResponse.SERVING


def test_failing_work_is_a_failed_call_and_the_next_one_works(shop: Site, world: World) -> None:
    with shop.running("profile") as served:
        with pytest.raises(grpc.RpcError) as raised:
            served.call(user={"user_id": 10**9})
        assert raised.value.code() is grpc.StatusCode.INTERNAL
        assert raised.value.details() == "LookupError: there is no user 1000000000"
        assert served.call(user={"user_id": world.users[1].user_id})[0]["profile"]["user_id"] == world.users[1].user_id


@pytest.mark.parametrize(("content", "reason"), [(b"", "port 'user' has no value"), (b"\xff\xff", "Error parsing message")])
def test_a_request_that_is_none_is_the_callers_error(shop: Site, content: bytes, reason: str) -> None:
    with shop.running("profile") as served:
        method: Any = served.channel.unary_unary(served.codec.method)
        with pytest.raises(grpc.RpcError) as raised:
            method(content, timeout=120)
        assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert reason in (raised.value.details() or "")


def test_queue_deadline_and_graceful_stop(shop: Site) -> None:
    with shop.running("remember", workers=1) as served:
        served.call(user={"user_id": 1}, query=QUERY, details=DETAILS)  # connected: from here on, calls arrive in order
        lock = locked(shop)
        first = served.start(user={"user_id": 1}, query=QUERY, details=DETAILS)
        second = served.start(user={"user_id": 2}, query=QUERY, details=DETAILS)
        late = served.start(1.0, user={"user_id": 3}, query=QUERY, details=DETAILS)
        with pytest.raises(grpc.RpcError) as raised:
            late.result()
        assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        served.process.send_signal(signal.SIGTERM)
        lock.execute("ROLLBACK")
        done = [served.codec.decode_reply(call.result())[1] for call in (first, second)]  # under way at SIGTERM, so they are done
        worked, waited = sorted(done, key=lambda timing: timing.queue_ns)
        assert worked.service_ns > 0.25e9
        assert waited.queue_ns > 0.25e9
        assert waited.service_ns < worked.service_ns
        assert served.process.wait(120) == 0
    stored = lock.execute("SELECT user_id FROM answers").fetchall()
    assert sorted(stored) == [(1,), (2,)], "the call whose deadline passed in the queue was not worked on"


def test_the_cache_is_shared_by_processes(shop: Site) -> None:
    with shop.running("answers") as lookup, shop.running("remember") as store:
        asked: dict[str, Any] = {"user": {"user_id": 77}, "query": QUERY}
        missed, _ = lookup.call(**asked)
        assert missed == {"details": {"item_id": [], "title": [], "category": [], "price": []}, "hit": {"value": False}, "query": QUERY}
        assert store.call(**asked, details=DETAILS)[0] == {}
        assert lookup.call(**asked)[0] == {"details": DETAILS, "hit": {"value": True}, "query": QUERY}
        assert lookup.call(**{**asked, "user": {"user_id": 78}})[0]["hit"] == {"value": False}


@pytest.mark.long
def test_combined_stages_answer_as_separate_ones_in_one_hop(shop: Site) -> None:
    with shop.running("parse") as parse, shop.running("spell") as spell, shop.running("parse_spell") as combined:
        for text in MISSPELT:
            separate, _ = spell.call(query=parse.call(text={"text": text})[0]["query"])
            together, timing = combined.call(text={"text": text})
            assert together == separate
            assert [name for name, _ in timing.stages] == ["parse", "spell"]
            assert 0 < sum(ns for _, ns in timing.stages) <= timing.service_ns


def test_an_event_is_on_disk_when_the_call_returns(shop: Site) -> None:
    with shop.running("clicks", workers=4) as served:
        calls = [served.start(user={"user_id": user}, details=DETAILS) for user in range(50)]
        for call in calls:
            call.result()
        served.process.kill()
        served.process.wait(120)
    lines = [json.loads(line) for path in (shop.state / "events").glob("*.jsonl") for line in path.read_text().splitlines()]
    assert sorted(line["user_id"] for line in lines) == list(range(50))
    assert all(line["item_id"] == DETAILS["item_id"] for line in lines)


def test_a_port_in_use_is_told(shop: Site) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = subprocess.run(shop.command("parse", port), capture_output=True, text=True, timeout=240, check=False)
    assert ended.returncode == 2
    assert f"error[AIB602]: this process cannot listen on 127.0.0.1:{port}" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("change", "code"),
    [("task", "AIB676"), ("prepared", "AIB617"), ("no plan", "AIB675"), ("no stubs", "AIB679"), ("other ports", "AIB679")],
)
def test_what_does_not_fit_is_told_at_start(world: World, tmp_path: Path, change: str, code: str) -> None:
    broken = site(tmp_path, world, [single("parse", "query_parsing"), single("find", "indexing", shards=2)])
    name = "parse"
    if change == "task":
        name = "prase"
    elif change == "prepared":
        (broken.prepared / "parse").unlink()
    elif change == "no plan":
        (broken.generated / "plan.json").unlink()
    elif change == "no stubs":
        next((broken.generated / "stubs").glob("*_pb2.py")).unlink()
    else:
        plan = json.loads((broken.generated / "plan.json").read_text())
        plan["steps"][0]["outputs"][0]["name"] = "found"
        (broken.generated / "plan.json").write_text(json.dumps(plan))
    ended = subprocess.run(broken.command(name, 1), capture_output=True, text=True, timeout=240, check=False)
    assert ended.returncode == 2, ended.stderr
    assert f"error[{code}]" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_stubs_are_taken_from_the_folder_only(world: World, tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text("raise SystemExit('this must not run')")
    other = site(tmp_path, world, [single("parse", "query_parsing")])
    messages = next((other.generated / "stubs").glob("*_pb2.py"))
    messages.unlink()
    messages.symlink_to(outside)
    with pytest.raises(EnvironmentFailure, match=r"AIB679.*leads out of the generated folder"):
        load_stubs(other.generated)


def test_values_that_do_not_fit_their_port_are_refused(shop: Site) -> None:
    step = next(step for step in shop.plan.steps if step.task == "find")
    codec = PortsCodec(load_stubs(shop.generated).message("FindReply"), step.outputs)
    fields = ("item_id", "category", "popularity", "search_score", "recommend_score", "rank_score")
    whole: dict[str, Any] = {"items": {name: [] for name in fields}, "hits": {"value": 0}}
    assert codec.decode(codec.encode(whole)) == whole
    for broken, reason in (
        ({"hits": {"value": 0}}, "port 'items' has no value"),
        ({**whole, "items": {}}, "port 'items' has the fields"),
        ({**whole, "items": {**whole["items"], "item_id": [1]}}, "differ in length"),
    ):
        with pytest.raises(ValueError, match=reason):
            codec.encode(broken)


def test_prepared_folders_are_built_once_and_whole(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIBENCH_HOME", str(tmp_path))
    plan = service_plan(single("find", "indexing", shards=2), single("profile", "database_operation"))
    built: list[str] = []
    first = prepare_services(plan, world, {}, built.append)
    assert built == ["find", "profile"]
    assert prepare_services(plan, world, {}, built.append) == first
    assert built == ["find", "profile"]
    other = prepare_component("indexing", {"tier": "all", "shards": 3, "limit": 100}, world)
    assert other != first["find"]
    unfinished = first["find"].with_name(f"{first['find'].name}.unfinished")
    first["find"].rename(unfinished)  # as a process leaves it that died before the end
    (unfinished / "0" / "meta.json").unlink()
    assert prepare_services(plan, world, {}) == first
    assert (first["find"] / "0" / "meta.json").is_file()
    assert not unfinished.exists()


def test_a_call_costs_little_cpu(shop: Site) -> None:
    """The host's own cost of a call: parsing itself takes 0.05 ms."""
    calls = 500
    with shop.running("parse") as served:
        served.call(text={"text": "warm"})

        def work() -> float:
            before = cpu_seconds(served.process.pid)
            for _ in range(calls):
                served.call(text={"text": "great comedy with aliens from the 90s"})
            return cpu_seconds(served.process.pid) - before

        spent = quiet_cpu_s(work, tries=2) / calls
    assert spent < 0.003, f"{spent * 1e6:.0f} µs of CPU a call"


def test_no_host_outlives_its_interrupt(shop: Site) -> None:
    with shop.running("parse") as served:
        os.kill(served.process.pid, signal.SIGINT)
        assert served.process.wait(120) == 0
