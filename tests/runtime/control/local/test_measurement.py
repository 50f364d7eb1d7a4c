"""What a measurement must not get wrong: cut traces, sampled processes, fingerprints, closed loops, failures and who caused them."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
from aibenchrt.collect.contents import Contents
from aibenchrt.collect.recorded_run import read_run
from aibenchrt.collect.records import ScheduleRecord
from aibenchrt.collect.run_info import GeneratorInfo, HostInfo
from aibenchrt.control import run_metadata
from aibenchrt.control.local.process import Processes
from aibenchrt.control.local.resources import Sampler
from aibenchrt.control.triton_trace import queue_waits
from aibenchrt.load.issue import SendingSettings, issue
from aibenchrt.load.schedule import schedule, used_up
from aibenchrt.plan import PlanPoisson, PlanUsers, Step
from aibenchrt.planner.executor import CANCELLED, Executor, Request
from aibenchrt.report.make import make_report
from aibenchrt.wire.proto import load_stubs
from observed_run import wait_until
from shop_calls import Shop
from shop_plan import generate, shop_plan
from synthetic_run import Shape, write_run

EVENTS = [
    {"id": 1, "model_name": "rank", "model_version": 1, "request_id": "42"},
    {"id": 1, "timestamps": [{"name": "QUEUE_START", "ns": 1000}]},
    {"id": 1, "timestamps": [{"name": "COMPUTE_START", "ns": 4500}]},
    {"id": 2, "timestamps": [{"name": "QUEUE_START", "ns": 1}, {"name": "COMPUTE_START", "ns": 2}]},
]
WHOLE = json.dumps(EVENTS, separators=(",", ":"))


@pytest.mark.parametrize("text", [WHOLE, WHOLE[:-1], WHOLE[: WHOLE.index('{"id":2') + 30], WHOLE.replace("]},{", "]}\n,{")[:-1] + "\n,"])
def test_the_trace_of_a_killed_triton_still_says_what_it_knew(tmp_path: Path, text: str) -> None:
    (tmp_path / "trace.json").write_text(text)
    assert queue_waits(tmp_path / "trace.json") == {(42, "rank"): 3500}


def test_a_sample_holds_the_process_and_its_children(tmp_path: Path) -> None:
    eat = "b = bytearray(64 << 20); import time; t = time.monotonic()\nwhile time.monotonic() < t + 300: pass"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {eat!r}])"
    with Processes(tmp_path) as processes:
        child = processes.start("triton", "triton", [sys.executable, "-c", parent])
        quiet = processes.start("parse", "service", ["sleep", "300"])
        wait_until(lambda: psutil.Process(quiet.pid).name() == "sleep")  # starting the generator took CPU
        with Sampler(lambda: [child, quiet], "here") as sampler:
            wait_until(lambda: sum(r.process == "triton" and r.cpu_share > 0.05 and r.rss_bytes > 64 << 20 for r in sampler.records) >= 2)
            wait_until(lambda: any(r.process == "parse" for r in sampler.records))
    assert {r.pid for r in sampler.records} == {child.pid, quiet.pid}
    assert max(r.cpu_share for r in sampler.records if r.process == "parse") < 0.05


def test_the_fingerprint_sees_settings_and_no_seed() -> None:
    plan = shop_plan()
    host = HostInfo(name="h", cpu_model="c", cores=2, memory_mib=1024, kernel="k", os="o")
    prints = {run_metadata.fingerprint(p, (host,), (), (), (), None).hash for p in (plan, plan.model_copy(update={"seed": 99}))}
    assert len(prints) == 1
    stage = plan.steps[0].stages[0]
    steps = (plan.steps[0].model_copy(update={"stages": (stage.model_copy(update={"settings": {"shards": 4}}),)}), *plan.steps[1:])
    other = plan.model_copy(update={"steps": steps})
    assert run_metadata.fingerprint(other, (host,), (), (), (), None).hash not in prints
    assert f"{stage.name}={stage.component}{{shards 4}}" in run_metadata.settings_text(other)


def test_the_fingerprint_sees_the_generators_priority() -> None:
    host = HostInfo(name="h", cpu_model="c", cores=2, memory_mib=1024, kernel="k", os="o")
    figures = {"scheduled": 1, "sent": 1, "dropped": 0, "lateness_p50_ns": 1, "lateness_p99_ns": 1, "lateness_max_ns": 1}
    real_time, normal = (GeneratorInfo(**figures, cpu_share=0.1, in_flight_max=1, real_time=r) for r in (True, False))
    prints = [run_metadata.fingerprint(shop_plan(), (host,), (), (), (), generator) for generator in (real_time, normal, None)]
    assert [p.generator for p in prints] == ["real-time", "normal", ""]
    assert len({p.hash for p in prints}) == 3


def test_a_closed_loop_owes_no_request_of_its_schedule(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run", Shape()))
    load = PlanUsers(users=4, think_s=1.0, duration_s=60.0, warmup_s=10.0, seed=7)
    rows = tuple(replace(row, phase="warmup", offset_s=-1.0) for row in run.schedule)  # as load.schedule makes them
    report, _ = make_report(replace(run, plan=run.plan.model_copy(update={"load": load}), schedule=rows))
    assert [r.code for r in report.verdict.reasons] == ["V17"], "these are the records of an open loop; honest ones: test_consistency.py"


def test_a_run_whose_payloads_are_used_up_says_so(tmp_path: Path) -> None:
    counts = {request.name: 40 for request in shop_plan().requests}
    load = PlanPoisson(rate=20.0, duration_s=60.0, warmup_s=2.0, seed=7)
    rows = schedule(load, shop_plan().requests, counts, 7)
    most = max(shop_plan().requests, key=lambda request: request.share).name
    own = [row for row in rows if row.request_class == most]
    assert len({row.payload for row in own}) == 40
    assert 0.5 < used_up(rows, counts) < 1.0
    plenty = dict.fromkeys(counts, 5000)
    assert used_up(schedule(load, shop_plan().requests, plenty, 7), plenty) == 0.0
    run = read_run(write_run(tmp_path / "run", Shape()))
    info = run.info.model_copy(update={"load": run.info.load.model_copy(update={"used_up": 0.5})})
    report, _ = make_report(replace(run, info=info))
    assert [r.code for r in report.verdict.reasons] == ["V11"]


def test_a_share_of_time_is_no_less_than_nothing(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run", Shape()))
    half = run.measured[len(run.measured) // 5].intended_ns
    early = {r.request_id for r in run.measured if r.intended_ns < half}
    calls = tuple(c if c.kind != "ai" or c.request_id in early else replace(c, end_ns=c.start_ns + 1) for c in run.calls)
    report, _ = make_report(replace(run, calls=calls))
    for row in report.fractions:
        for estimate in (row.all_calls, row.on_path):
            assert 0.0 <= estimate.low <= estimate.value <= estimate.high <= 1.0


@pytest.mark.parametrize("gives_up", [False, True])
def test_a_call_ended_for_another_ones_failure_is_told_from_one_that_took_too_long(gives_up: bool) -> None:
    class Stuck(Shop):
        async def __call__(self, step: Step, inputs: dict[str, Any]) -> dict[str, Any]:
            if step.task == "profile":
                await asyncio.Event().wait()
            return await super().__call__(step, inputs)

    async def scenario() -> dict[str, str]:
        shop = Stuck(fails="" if gives_up else "category")
        running = Executor(shop_plan(), shop, observe=shop.times.append).start(
            Request(1, "text", {"text": {"text": "x"}, "user": {"user_id": 1}})
        )
        if gives_up:
            while not shop.calls:
                await asyncio.sleep(0)
            running.cancel("the client gave up")
        assert (await running.answer).error
        await running.finished()
        return {times.step.task: times.error for times in shop.times if times.error}

    errors = asyncio.run(scenario())
    assert errors["profile"] == ("cancelled: the client gave up" if gives_up else CANCELLED)
    assert gives_up or errors["category"] == "RuntimeError: broken"


def test_only_failed_calls_count_against_their_component(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run", Shape()))
    mine = {r.request_id for r in run.measured[:30]}
    calls = tuple(replace(c, outcome="cancelled" if c.task == "good" else "failed") if c.request_id in mine else c for c in run.calls)
    report, _ = make_report(replace(run, calls=calls))
    failed = {row.name: row.failed for row in report.latency if row.scope == "component"}
    assert failed["good"] == 0
    assert failed["parse"] > 0


def test_what_was_not_sent_keeps_its_intended_time(generated_shop: Path, tmp_path: Path) -> None:
    rows = [ScheduleRecord(1, "text", "warmup", 0, 0.5), ScheduleRecord(2, "text", "measured", 0, 0.25)]
    stubs, stop, server = load_stubs(generated_shop), threading.Event(), grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    stop.set()
    settings = SendingSettings(f"/{stubs.package}.ScenarioService/Ask", (f"127.0.0.1:{port}",), 2.0, 1.0)
    records, issued = issue(rows, {("text", 0): b""}, settings, stubs.message("ScenarioReply"), Contents(tmp_path / "contents"), stop)
    server.stop(None).wait()
    assert [r.outcome for r in records] == ["not_sent", "not_sent"]
    assert [r.intended_ns - issued.window_start_ns for r in records] == [-1_500_000_000, 250_000_000]


@pytest.fixture
def generated_shop(tmp_path: Path) -> Path:
    return generate(shop_plan(), tmp_path / "generated")
